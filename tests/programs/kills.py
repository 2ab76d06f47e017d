"""Kill the worker again and again, and look whether anything was lost, doubled or paid for twice.

    python -m tests.programs.kills SOURCE.csv --kills 10 --seed 1 [--pack 10]

makes a run of the source in a scratch home, serves a simulator with faults and quotas in another process, starts the
real worker, sends it SIGKILL at random moments, starts it again, and checks the run file against the simulator's own
log when all is settled. With ``--pack`` several texts share a call, and each label of half an answer has to be there.
Exit code 0 means that every promise held.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.llm.task import builtin_task, versioned
from core.runs.find import RunOptions, create_run
from core.settings import load_settings
from core.simulator.child import SimulatorChild, start_child

ROOT = Path(__file__).resolve().parents[2]
QUOTAS = ("--plan", "developer", "--scale", "60")


@dataclass
class Report:
    """What was found. ``broken`` holds a sentence for each promise that did not hold."""

    emails: int = 0
    labeled: int = 0
    failed: int = 0
    distinct: int = 0
    kills: int = 0
    recorded_calls: int = 0
    served_calls: int = 0
    in_flight_at_kills: int = 0
    packs: int = 0
    partly: int = 0
    seconds: float = 0.0
    broken: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """The report for people."""
        yield f"{self.emails:,} emails, {self.distinct:,} distinct texts"
        yield f"{self.labeled:,} labeled, {self.failed:,} failed"
        yield f"{self.kills} kills in {self.seconds:.1f} s"
        if self.packs:
            yield f"{self.packs:,} packs, of {self.partly:,} of them a part of the answer was unusable"
        lost = self.served_calls - self.recorded_calls
        yield f"calls served {self.served_calls:,}, recorded {self.recorded_calls:,}"
        yield f"{lost} paid for and lost to kills, where at most {self.in_flight_at_kills} were in flight"
        yield from (f"BROKEN: {sentence}" for sentence in self.broken)
        yield "every promise held" if not self.broken else f"{len(self.broken)} promises broken"


def kill_and_check(
    source: Path,
    home: Path,
    *,
    kills: int,
    seed: int,
    simulator_options: tuple[str, ...],
    between_s: tuple[float, float],
    pack: int = 1,
) -> Report:
    """Run the whole thing and report."""
    rng = random.Random(seed)
    log = home / "calls.jsonl"
    home.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with start_child([*simulator_options, "--seed", str(seed), "--log", str(log)]) as simulator:
        settings = load_settings({"LABELTUI_HOME": str(home)})
        task = versioned(replace(builtin_task(), pack=pack))
        made = create_run(settings, source, task, RunOptions(name="killed", seed=seed), now=time.time())
        report = Report(emails=made.taken, distinct=made.distinct)
        environment = environment_of_worker(home, simulator)
        for _ in range(kills):
            if not _work_and_kill(made.path, environment, rng.uniform(*between_s), simulator, report):
                break
        code = subprocess.run(_command(made.path), env=environment, check=False, timeout=600).returncode
        if code not in (0, 3):
            report.broken.append(f"the last worker ended with code {code}: {_tail(made.path)}")
    report.seconds = time.monotonic() - started
    _check(made.path, log, report)
    return report


def environment_of_worker(home: Path, simulator: SimulatorChild) -> dict[str, str]:
    return {
        **os.environ,
        "LABELTUI_HOME": str(home),
        "GROQ_API_KEYS": ",".join(simulator.keys),
        "GROQ_BASE_URL": simulator.base_url,
        "PYTHONPATH": str(ROOT),
    }


def _command(path: Path) -> list[str]:
    return [sys.executable, "-m", "core.worker", str(path)]


def _tail(path: Path) -> str:
    log = path.with_suffix(".log")
    return log.read_text("utf-8")[-500:] if log.exists() else "no log"


def _work_and_kill(
    path: Path, environment: dict[str, str], after_s: float, simulator: SimulatorChild, report: Report
) -> bool:
    """Start a worker and kill it so long after its first call; False where it was done before."""
    before = simulator.stats()["calls"]
    with subprocess.Popen(_command(path), env=environment) as worker:
        deadline = time.monotonic() + 60
        while simulator.stats()["calls"] == before and worker.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        try:
            worker.wait(after_s)
        except subprocess.TimeoutExpired:
            worker.send_signal(signal.SIGKILL)
            worker.wait()
            report.kills += 1
            report.in_flight_at_kills += _in_flight(path)
            return True
        return False


def _in_flight(path: Path) -> int:
    """The bound on calls at once that the killed worker had noted."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        noted = db.execute("SELECT in_flight_bound FROM run").fetchone()[0] or 0
    return int(noted)


def _check(path: Path, log: Path, report: Report) -> None:
    served = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    report.served_calls = len(served)
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        integrity = db.execute("PRAGMA integrity_check").fetchone()[0]
        states = dict(db.execute("SELECT state, count(*) FROM email GROUP BY state").fetchall())
        doubled = db.execute(
            "SELECT count(*) FROM (SELECT 1 FROM label WHERE source <> 'human' GROUP BY email_id, task_version"
            " HAVING count(*) > 1)"
        ).fetchone()[0]
        attempts = db.execute(
            "SELECT e.content_hash, a.pack_id, a.outcome FROM attempt AS a JOIN email AS e ON e.id = a.email_id"
        ).fetchall()
        unkept = db.execute(
            "SELECT count(*) FROM attempt WHERE pack_id IS NOT NULL AND kind = 'ask' AND outcome = 'answered'"
            " AND id NOT IN (SELECT attempt_id FROM label WHERE source = 'model')"
        ).fetchone()[0]
        totals = dict(db.execute("SELECT name, value FROM total").fetchall())
        cursor = db.execute("SELECT cursor FROM run").fetchone()[0]
        unlabeled = db.execute(
            "SELECT count(*) FROM email WHERE state = 'labeled' AND id NOT IN (SELECT email_id FROM label)"
        ).fetchone()[0]
    report.labeled, report.failed = states.get("labeled", 0), states.get("failed", 0)
    packs: dict[int, set[str]] = {}
    for _, pack_id, outcome in attempts:
        if pack_id is not None:
            packs.setdefault(pack_id, set()).add(outcome)
    report.packs, report.partly = (
        len(packs),
        sum(len(outcomes) > 1 and "answered" in outcomes for outcomes in packs.values()),
    )
    report.recorded_calls = len(packs) + sum(pack_id is None for _, pack_id, _ in attempts)
    expectations = {
        "the file's integrity": integrity == "ok",
        "every email settled": report.labeled + report.failed == report.emails,
        "no email with two labels": doubled == 0,
        "no label without its row": unlabeled == 0,
        "each label of a pack's answer kept": unkept == 0,
        "the cursor at the end": cursor == report.emails,
        "totals equal to a recount": all(totals.get(f"state:{state}", 0) == count for state, count in states.items()),
        "attempts equal to a recount": totals.get("attempts", 0) == len(attempts),
        "at most the calls in flight paid for twice": 0
        <= report.served_calls - report.recorded_calls
        <= report.in_flight_at_kills,
    }
    report.broken += [f"not so: {promise}" for promise, holds in expectations.items() if not holds]
    recorded = Counter(content_hash for content_hash, pack_id, _ in attempts if pack_id is None)
    known = Counter(call["sha256"] for call in served if call.get("sha256"))
    missing = sum((recorded - known).values())
    if missing:
        report.broken.append(f"{missing} recorded calls that the simulator never served")


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--faults", default="mild")
    parser.add_argument("--pack", type=int, default=1, help="texts that share a call")
    parser.add_argument("--between", type=float, nargs=2, default=(0.05, 1.5), metavar=("LEAST_S", "MOST_S"))
    given = parser.parse_args()
    options = (
        "--keys",
        "10",
        "--organizations",
        "3",
        *QUOTAS,
        "--latency",
        str(given.latency),
        "--faults",
        given.faults,
        "--hang",
        "5",
    )
    with tempfile.TemporaryDirectory() as scratch:
        report = kill_and_check(
            given.source, Path(scratch) / "home", kills=given.kills, seed=given.seed,
            simulator_options=options, between_s=tuple(given.between), pack=given.pack,
        )  # fmt: skip
    print("\n".join(report.lines()))
    return 1 if report.broken else 0


if __name__ == "__main__":
    sys.exit(main())
