"""labeltui beside what people use, on the same emails, keys and quotas, in virtual time.

    python -m tests.programs.benchmarks.rivals --hours 6

prints a table for each scenario. Efficiency is labels over the most that the quotas allow in the time; where all emails
were settled, the least time for them over the time taken. A label's price is one call about its email, the rubric
cached, whoever asks. *lost* counts emails that could have had a label and were given up; *idle* is how long before the
end the last label came; *length* compares the labeled emails with all of them: below 100 %, long ones were left out.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from core.simulator.config import FaultPlan, Limits, Outage, Revocation
from core.worker.heartbeat import Tempo
from tests.programs.benchmarks import rivals_litellm, rivals_ways
from tests.programs.benchmarks.rivals_ground import Prices, Result, Way, efficiency, play, prices_of
from tests.programs.virtual.harness import World, guard_for, run_virtually
from tests.programs.virtual.ideal import Supply
from tests.programs.virtual.scenario import FREE, START_AT, Org, Scenario

WAYS: dict[str, Way] = {
    "article": rivals_ways.article,
    "LiteLLM Router": rivals_litellm.router,
    "back-off, 6 tries": rivals_ways.backing_off,
    "back-off for ever": rivals_ways.backing_off_for_ever,
}
DEVELOPER = Limits(rpm=1_000, rpd=500_000, tpm=250_000)


def scenarios(hours: float, seed: int) -> dict[str, Scenario]:
    """The scenarios by what they are about."""
    four = tuple(Org(f"org_{number}", FREE) for number in (1, 2, 3, 4))
    free = Scenario("free", round(4 * 330 * max(1.0, hours / 6)), four, hours=hours, seed=seed)
    third_s = hours * 1200.0
    return {
        "free plan, healthy": free,
        "free plan, 4 in 1,000 emails are too large for ever": replace(free, faults=FaultPlan(too_large=0.004)),
        "developer limits (1,000 RPM, 250K TPM), 0.4 s": replace(
            free,
            emails=3_000,
            organizations=(Org("org_1", DEVELOPER), Org("org_2", DEVELOPER)),
            latency_s=0.4,
            tempo=Tempo(0.5, 60.0),
        ),
        "free plan, no answer for ten minutes": replace(free, outages=(Outage(third_s, 600.0, "503"),)),
        "free plan, one of four keys revoked half way": replace(
            free, revoke={"key-2": Revocation(at_s=hours * 1800.0)}
        ),
        "three keys of one organization, not known to be": replace(
            free, emails=max(500, free.emails // 3), organizations=(Org("org_1", FREE, keys=3),)
        ),
    }


def labeltui(scenario: Scenario, prices: Prices) -> tuple[Result, list[Supply]]:
    """labeltui on a scenario, and what its organizations could give."""
    guard_for(tuple(label.value for label in scenario.task().labels), "^[01]$")
    with tempfile.TemporaryDirectory(prefix="rivals-") as scratch:
        world = World(scenario, Path(scratch))
        run_virtually(world.play())
        outcome = world.outcome(0.0)
        with closing(sqlite3.connect(world.paths[0])) as db:
            rows = db.execute("SELECT content_hash FROM email WHERE state = 'labeled'").fetchall()
            last_at = db.execute("SELECT max(at) FROM label").fetchone()[0] or START_AT
    labeled = {row[0] for row in rows}
    supplies = world.supplies()
    result = Result(
        labels=len(labeled),
        calls=outcome.calls,
        refused=outcome.traffic.statuses["429"],
        lost=outcome.failed_for_quota + outcome.stuck,
        idle_s=max(0.0, outcome.virtual_s - (last_at - START_AT)),
        span_s=outcome.virtual_s,
        length=prices.relative_length(labeled),
        efficiency=efficiency(
            supplies,
            prices,
            labeled,
            span_s=outcome.virtual_s,
            through=outcome.labels + outcome.failed == scenario.emails,
        ),
    )
    return result, supplies


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=6.0, help="virtual hours of each scenario")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="scenarios whose name holds this")
    given = parser.parse_args()
    started = time.perf_counter()
    for name, scenario in scenarios(given.hours, given.seed).items():
        if given.only in name:
            _table(name, scenario, print)
    print(f"\n{time.perf_counter() - started:.0f} s of real time")
    return 0


def _table(name: str, scenario: Scenario, say: Callable[[str], None]) -> None:
    prices = prices_of(scenario, scenario.task())
    say(f"\n{name}: {scenario.emails:,} emails, {len(scenario.keys())} keys, {scenario.hours:g} h")
    say(
        f"  {'':18} {'labels':>7} {'calls':>7} {'429s':>7} {'lost':>6} {'idle':>8} {'time':>8} {'length':>7} {'efficiency':>11}"
    )
    result, supplies = labeltui(scenario, prices)
    _row("labeltui", result, say)
    for way, function in WAYS.items():
        _row(way, play(scenario, function, supplies, prices), say)


def _row(name: str, result: Result, say: Callable[[str], None]) -> None:
    say(
        f"  {name:18} {result.labels:>7,} {result.calls:>7,} {result.refused:>7,} {result.lost:>6,}"
        f" {_span(result.idle_s):>8} {_span(result.span_s):>8} {result.length:>7.0%} {result.efficiency:>11.1%}"
    )


def _span(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}"


if __name__ == "__main__":
    sys.exit(main())
