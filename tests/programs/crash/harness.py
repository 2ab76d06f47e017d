"""Rounds of kills on real run files, and the checks after each: what was acknowledged is there, nothing is doubled."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from core.llm.task import builtin_task
from core.runs.find import RunOptions, create_run
from core.settings import load_settings
from core.simulator.child import SimulatorChild, start_child
from core.sources.demo_emails import write_demo_csv
from core.storage.writing.check import check_run
from tests.programs.crash.points import ANYWHERE, ARM
from tests.storage.test_store import kept_totals, recount

ROOT = Path(__file__).resolve().parents[3]
ONCE = ("when the run was taken over", "before the last word", "after the last word", "at the checkpoint")
"""Moments that a worker comes by once in its life."""
SELDOM = ("at the heartbeat", "while quotas are shared")
"""Moments that it comes by once a second: to wait for the sixtieth would be waiting for nothing else."""


class Zygote:
    """The process that victims are forked from."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.programs.crash.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, **environment, "PYTHONPATH": str(ROOT)},
            text=True,
        )

    def run(
        self, do: str, path: Path, *, point: str = ANYWHERE, nth: int = 1, after_s: float = 60.0, **more: Any
    ) -> int:
        """Let a child do something; returns its exit code, negative where a signal ended it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {"do": do, "run": str(path), "point": point, "nth": nth, "after_s": after_s, **more}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(json.loads(self._process.stdout.readline())["code"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(30)


@dataclass
class Report:
    """What was done and what was found. ``broken`` holds a sentence for each promise that did not hold."""

    kills: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    emails: int = 0
    acknowledged: int = 0
    served: int = 0
    recorded: int = 0
    bound: int = 0
    seconds: float = 0.0
    broken: list[str] = field(default_factory=list)

    @property
    def killed(self) -> int:
        """All kills."""
        return sum(self.kills.values())

    def lines(self) -> Iterator[str]:
        """The report for people."""
        yield f"{self.killed:,} kills in {self.seconds:.0f} s, over {self.runs} runs of {self.emails:,} emails in all"
        yield from (f"  {count:5}  {point}" for point, count in self.kills.most_common())
        yield f"{self.acknowledged:,} answers were acknowledged as committed; each was looked for after every kill"
        yield f"calls served {self.served:,}, recorded {self.recorded:,}:"
        yield f"  {self.served - self.recorded:,} asked again, where at most {self.bound:,} were in flight at the kills"
        yield from (f"BROKEN: {sentence}" for sentence in self.broken)
        yield "0 lost, 0 doubled, 0 inconsistent" if not self.broken else f"{len(self.broken)} promises broken"


class Rounds:
    """Kill rounds: a run is worked on by one victim after another until it is done; then comes the next run."""

    def __init__(self, home: Path, seed: int, emails: int) -> None:
        self.report = Report()
        self._home = home
        self._rng = random.Random(seed)
        self._seed = seed
        self._emails = emails
        self._source = home / "emails.csv"
        self._acknowledged = home / "acknowledged"

    def play(self, kills: int) -> Report:
        """So many kills, then every run to its end."""
        started = time.monotonic()
        with self._stage() as zygote:
            while self.report.killed < kills and not self.report.broken:
                path = self._new_run()
                done = False
                while not done and self.report.killed < kills and not self.report.broken:
                    done = self._round(zygote, path, *self._draw())
                self._finish(zygote, path)
        self.report.seconds = time.monotonic() - started
        return self._summed_up()

    def at_each(self, moments: list[tuple[str, int]]) -> Report:
        """A run for each chosen moment: one victim dies there, the next one ends the run."""
        with self._stage() as zygote:
            for point, nth in moments:
                path = self._new_run()
                self._round(zygote, path, point, nth, after_s=30.0)
                self._finish(zygote, path)
        return self._summed_up()

    @contextmanager
    def _stage(self) -> Iterator[Zygote]:
        """A simulator and a zygote."""
        self._home.mkdir(parents=True, exist_ok=True)
        write_demo_csv(self._source, self._emails)
        options = (
            "--keys", "4", "--organizations", "2", "--latency", "0.008", "--jitter", "0.8", "--seed", str(self._seed),
            "--faults", "invalid=0.08,length=0.02,error_500=0.02,poison=0.01",
        )  # fmt: skip
        with start_child([*options]) as simulator, Zygote(self._environment(simulator)) as zygote:
            yield zygote
            self.report.served = simulator.stats()["calls"]

    def _draw(self) -> tuple[str, int, float]:
        """A moment to die at: its name, how often it is come by, and seconds for the clock's kill."""
        rng = self._rng
        if rng.random() < 0.5:
            return ANYWHERE, 1, rng.uniform(0.02, 0.3)
        point = rng.choice(list(ARM))
        most = 1 if point in ONCE else 3 if point in SELDOM else 60
        return point, min(int(rng.expovariate(0.1)) + 1, most), 20.0

    def _summed_up(self) -> Report:
        report = self.report
        missing = report.served - report.recorded
        if not 0 <= missing <= report.bound:
            report.broken.append(f"{missing} calls left no attempt; at most {report.bound} were in flight")
        return report

    def _environment(self, simulator: SimulatorChild) -> dict[str, str]:
        return {
            "LABELTUI_HOME": str(self._home),
            "GROQ_API_KEYS": ",".join(simulator.keys),
            "GROQ_BASE_URL": simulator.base_url,
        }

    def _new_run(self) -> Path:
        settings = load_settings({"LABELTUI_HOME": str(self._home)})
        self.report.runs += 1
        options = RunOptions(name=f"run-{self.report.runs}", seed=self._rng.randrange(1 << 30))
        made = create_run(settings, self._source, builtin_task(), options, now=time.time())
        self._acknowledged.write_text("")
        self.report.emails += made.taken
        return made.path

    def _round(self, zygote: Zygote, path: Path, point: str, nth: int, after_s: float) -> bool:
        """One victim. Whether the run was done."""
        code = zygote.run("work", path, point=point, nth=nth, after_s=after_s, acknowledged=str(self._acknowledged))
        if code == -9:
            self.report.kills[point] += 1
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
                self.report.bound += db.execute("SELECT in_flight_bound FROM run").fetchone()[0] or 0
        elif code not in (0, 3):
            log = path.with_suffix(".log").read_text("utf-8")[-2000:]
            self.report.broken.append(f"a worker ended with code {code} at {point} {nth}: {log}")
        self._check(path)
        return code in (0, 3)

    def _finish(self, zygote: Zygote, path: Path) -> None:
        """Let a worker end the run, and count."""
        code = zygote.run("work", path, acknowledged=str(self._acknowledged))
        if code not in (0, 3):
            self.report.broken.append(f"the last worker ended with code {code}")
        self._check(path)
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            self.report.recorded += db.execute("SELECT count(*) FROM attempt").fetchone()[0]
            left = db.execute("SELECT count(*) FROM email WHERE state = 'pending'").fetchone()[0]
        if left:
            self.report.broken.append(f"{left} emails are still in line when all is done")
        self.report.acknowledged += len(self._acknowledged.read_text().splitlines())

    def _check(self, path: Path) -> None:
        """Every promise that a single moment can be held to."""
        found = [finding.sentence for finding in check_run(path).findings]
        if kept_totals(path) != recount(path):
            found.append("totals differ from a recount")
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            first = db.execute("SELECT coalesce(min(position), (SELECT count(*) FROM email)) FROM email"
                               " WHERE state = 'pending'").fetchone()[0]  # fmt: skip
            if db.execute("SELECT cursor FROM run").fetchone()[0] != first:
                found.append("the cursor is not at the first email in line")
            doubled = db.execute(
                "SELECT count(*) FROM (SELECT 1 FROM label WHERE source <> 'human' GROUP BY email_id, task_version"
                " HAVING count(*) > 1)"
            ).fetchone()[0]
            if doubled:
                found.append(f"{doubled} emails have two labels")
            attempts = {
                (email_id, request_id)
                for email_id, request_id in db.execute("SELECT email_id, request_id FROM attempt").fetchall()
            }
            labels = dict(db.execute("SELECT email_id, value FROM label WHERE source = 'model'").fetchall())
        for line in self._acknowledged.read_text().splitlines():
            email_id, request_id, label = json.loads(line)
            if (email_id, request_id) not in attempts:
                found.append(f"an acknowledged answer about email {email_id} is lost")
            if label is not None and labels.get(email_id) != label:
                found.append(f"the acknowledged label of email {email_id} is lost")
        self.report.broken += [f"{path.name} after {self.report.killed} kills: {sentence}" for sentence in found]


def scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder for a harness's files: in memory where there is such a place, since a kill does not ask the disk."""
    memory = Path("/dev/shm")
    usable = memory.is_dir() and os.access(memory, os.W_OK)
    return tempfile.TemporaryDirectory(prefix="crash-", dir=memory if usable else None)
