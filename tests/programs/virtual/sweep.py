"""Many seeds, with faults on: how near to the quota each scenario comes, and whether any promise breaks.

    python -m tests.programs.virtual.sweep --seeds 50

plays every scenario of the catalog with every seed (other emails, faults, latencies and jitter), then prints a line for
each: the least and the median efficiency, the most refusals that the run brought upon itself as a share of its calls,
and what broke. ``--rough`` adds server errors, hangs, cut connections and emails that are too large to every scenario.
Exit code 0 means that nothing broke and that no seed of a scenario is below what is expected of it.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace

from tests.programs.virtual.catalog import ROUGH, Expected, everything
from tests.programs.virtual.harness import simulate_run


@dataclass(frozen=True, slots=True)
class Line:
    """One run of the sweep. ``broken`` holds a sentence for each promise that did not hold."""

    name: str
    seed: int
    efficiency: float
    refused: int
    calls: int
    broken: tuple[str, ...]


def play(name: str, seed: int, rough: bool) -> Line:
    """Play one scenario with one seed."""
    scenario = everything()[name].scenario.with_seed(seed)
    outcome = simulate_run(replace(scenario, faults=ROUGH) if rough else scenario)
    broken = list(outcome.broken)
    if outcome.stuck:
        broken.append(f"{outcome.stuck} emails stuck: {'; '.join(outcome.ends)}")
    if outcome.failed_for_quota:
        broken.append(f"{outcome.failed_for_quota} emails failed for a reason that is not theirs")
    return Line(name, seed, outcome.efficiency, outcome.self_inflicted_429s, outcome.calls, tuple(broken))


def summary(expected: Expected, lines: list[Line]) -> Iterator[str]:
    """A line for the scenario, then one for each broken promise."""
    found = [line.efficiency for line in lines]
    worst = min(lines, key=lambda line: line.efficiency)
    share = max(line.refused / max(1, line.calls) for line in lines)
    flag = "" if min(found) >= expected.least else f"  BELOW {expected.least:.1%}"
    yield (
        f"{expected.scenario.name:26} min {min(found):6.1%} (seed {worst.seed:>3})  median {statistics.median(found):6.1%}"
        f"  429s {statistics.median(line.refused for line in lines):>4.0f} of"
        f" {statistics.median(line.calls for line in lines):>6,.0f}, at most {share:5.2%}{flag}"
    )
    for line in lines:
        yield from (f"    BROKEN, seed {line.seed}: {sentence}" for sentence in line.broken)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10, help="seeds from --first on (default 10)")
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="scenarios by name")
    parser.add_argument("--rough", action="store_true", help="add server errors and broken connections")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default 1)")
    given = parser.parse_args()
    scenarios = {name: each for name, each in everything().items() if not given.only or name in given.only}
    unknown = set(given.only) - scenarios.keys()
    if unknown:
        parser.error(f"no scenario {', '.join(sorted(unknown))}; there are {', '.join(everything())}")
    started = time.perf_counter()
    good = True
    with ProcessPoolExecutor(given.jobs) as pool:
        for name, expected in scenarios.items():
            seeds = range(given.first, given.first + given.seeds)
            lines = list(pool.map(play, [name] * len(seeds), seeds, [given.rough] * len(seeds)))
            print("\n".join(summary(expected, lines)), flush=True)
            least = min(line.efficiency for line in lines)
            good = good and least >= expected.least and not any(line.broken for line in lines)
    print(f"{len(scenarios) * given.seeds} runs in {time.perf_counter() - started:.0f} s of real time")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
