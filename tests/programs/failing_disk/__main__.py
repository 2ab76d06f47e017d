"""Fail the n-th write, sync, rename, opening or truncation of each kind of work, and look what follows.

    python -m tests.programs.failing_disk --points 200 --seed 1

A preloaded shim (compiled with gcc) fails one call below the home: with EIO once, or with ENOSPC from then on. The work is an
import, each kind of command that writes, a backup, the migration of an older run, and a worker that labels. Afterwards: what was
said is a sentence and no traceback, the run file is sound by SQL of our own, every answer whose commit had returned is there,
and the same work without a failing disk succeeds. Points are drawn evenly from all calls that the work makes.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.simulator.child import start_child
from tests.programs.walk.invariants import Seen, check, run_files
from tests.programs.walk.processes import ROOT, CopiedHome, Processes, prepared
from tests.programs.walk.world import TASK
from tests.storage.test_check import as_format_1

KINDS = ("write", "sync", "rename", "open", "truncate")
EMAILS = 24
WORK: dict[str, tuple[str, ...]] = {
    "import": ("new", "mails.csv", "--name", "made", "--seed", "7"),
    "label": ("label", "done", "mail-3", "1"),
    "skip": ("skip", "old", "mail-4"),
    "undo": ("undo", "people"),
    "retry": ("retry", "done", "--item", "mail-5"),
    "task": ("task", "done", "--set", "two.toml"),
    "gold": ("gold", "done", "gold.csv"),
    "review": ("review", "done", "--export", "batch.csv"),
    "add": ("add", "done", "more.csv"),
    "budget": ("budget", "done", "--tokens", "3000"),
    "rejudge": ("rejudge", "done"),
    "repair": ("check", "done", "--repair"),
    "export": ("export", "done", "out.csv"),
    "report": ("report", "done", "out.html"),
    "backup": ("backup", "done", "backup.db"),
    "copy": ("copy", "done", "second"),
    "archive": ("archive", "people"),
    "delete": ("delete", "people", "--yes", "people"),
    "keys": ("keys", "add", "another", "--stdin"),
    "migrate": ("note", "old", "mail-3", "a note"),
    "work": ("work", "fresh"),
}
"""The command line of each kind of work, on one of the runs that a world begins with."""
ONCE = frozenset({"task", "copy", "archive", "delete", "keys", "undo", "backup"})
"""Work that may be refused the second time, because the first has done it although it told of a failure."""
WORKER_S = 4.0
"""How long a worker on a full disk is looked at before it is killed: it waits for room and does not end."""


@dataclass(frozen=True, slots=True)
class Point:
    """Where the disk fails: the n-th call of a kind; ``rest`` says that all later calls of that kind fail too."""

    work: str
    kind: int
    nth: int
    error: int
    rest: bool

    def __str__(self) -> str:
        on = " and all later ones" if self.rest else ""
        return f"{self.work}: {KINDS[self.kind]} {self.nth}{on} with {errno.errorcode[self.error]}"


class FailingDisk(CopiedHome):
    """A home with three runs that is copied for each point, a simulator, and a zygote with the shim preloaded."""

    def prepare(self) -> None:
        """Compile the shim, start simulator and zygote, and make the runs. Raises RuntimeError where that fails."""
        shim = self.folder / "shim.so"
        source = Path(__file__).with_name("shim.c")
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", shim, source, "-ldl"], check=True, capture_output=True)
        simulator = self._stack.enter_context(
            start_child(["--keys", "2", "--plan", "developer", "--scale", "600", "--latency", "0.01", "--seed", "1"])
        )
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("GROQ", "LABELTUI"))}
        environment |= {
            "LABELTUI_HOME": str(self.home),
            "GROQ_BASE_URL": simulator.base_url,
            "GROQ_API_KEYS": ",".join(simulator.keys),
            "PYTHONPATH": str(ROOT),
            "LD_PRELOAD": str(shim),
        }
        self.home.mkdir()
        rows = "".join(
            f'mail-{number},"Please send contract {number} to the customer."\n' for number in range(1, EMAILS + 1)
        )
        (self.home / "mails.csv").write_text("id,text\n" + rows, "utf-8")
        self._processes = self._stack.enter_context(Processes(environment, self.folder / "out.txt", self.home))
        (self.home / "more.csv").write_text("id,text\n" + rows + "mail-99,another\n", "utf-8")
        (self.home / "gold.csv").write_text("id,label\nmail-1,1\nmail-2,0\n", "utf-8")
        (self.home / "two.toml").write_text(TASK.format(words="All else is 0."), "utf-8")
        (self.folder / "secret").write_text("gsk_of_nobody_0123456789012345678901", "utf-8")
        for name in ("done", "old", "fresh", "people"):
            self._do(("new", "mails.csv", "--name", name, "--seed", "7"))
        self._do(("work", "done"))
        self._do(("label", "people", "mail-1", "1"))
        as_format_1(self.home / "runs" / "old.db")
        self.keep()

    def _do(self, line: tuple[str, ...]) -> None:
        code = self._processes.wait(self._processes.begin(line), 120)
        if code != 0:
            raise RuntimeError(f"{' '.join(line)} ended with {code}: {self.said().strip()}")

    def _begin(self, work: str, **more: Any) -> int:
        return self._processes.begin(WORK[work], stdin=str(self.folder / "secret"), **more)

    def counted(self, work: str) -> list[int]:
        """Return how many calls of each kind that work makes on a sound disk."""
        self.renew()
        counts = self.folder / "counts.json"
        fail = {"folder": str(self.home), "kind": -1, "nth": 0, "error": 0, "rest": 0}
        code = self._processes.wait(self._begin(work, fail=fail, counts=str(counts)), 120)
        if code != 0:
            raise RuntimeError(f"{work} ended with {code}: {self.said().strip()}")
        return list(json.loads(counts.read_text("utf-8")))

    def fail(self, point: Point) -> list[str]:
        """Do the work while the disk fails there, then again without; return what is broken, or nothing."""
        self.renew()
        seen = {path.stem: Seen() for path in run_files(self.home)}
        for path in run_files(self.home):
            check(path, seen[path.stem])
        acknowledged = self.folder / "acknowledged.jsonl"
        acknowledged.unlink(missing_ok=True)
        fail = {
            "folder": str(self.home),
            "kind": point.kind,
            "nth": point.nth,
            "error": point.error,
            "rest": int(point.rest),
        }
        number = self._begin(point.work, fail=fail, acknowledged=str(acknowledged))
        code = self._processes.wait(number, WORKER_S if point.work == "work" else 30)
        if code is None:
            self._processes.kill(number)
        broken = list(self._told(point, code))
        broken += self._looked_at(seen)
        broken += [f"an answer was acknowledged and is lost: {line}" for line in self._lost(acknowledged)]
        return broken or list(self._again(point, seen))

    def _told(self, point: Point, code: int | None) -> Iterator[str]:
        said = self.said().strip()
        if "Traceback (most recent call last)" in said:
            yield f"a traceback, ending in {said.splitlines()[-1][:200]}"
        if code is None and point.work != "work":
            yield "it hangs"
        elif code not in (0, None) and not said:
            yield f"it ends with {code} without a word"

    def _looked_at(self, seen: dict[str, Seen]) -> Iterator[str]:
        for path in run_files(self.home):
            if path.stem in seen or path.stem == "made":
                yield from (f"{path.stem}: {sentence}" for sentence in check(path, seen.setdefault(path.stem, Seen())))

    def _lost(self, acknowledged: Path) -> list[str]:
        if not acknowledged.exists():
            return []
        kept = Seen()
        check(self.home / "runs" / "fresh.db", kept)
        answered = {attempt[0] for attempt in kept.attempts.values()}
        labeled = {label[0] for label in kept.labels.values()}
        lines = [json.loads(line) for line in acknowledged.read_text("utf-8").splitlines()]
        return [
            str(line) for line in lines if line[0] not in answered or (line[2] is not None and line[0] not in labeled)
        ]

    def _again(self, point: Point, seen: dict[str, Seen]) -> Iterator[str]:
        code = self._processes.wait(self._begin(point.work), 60)
        if code != 0 and not (code in (1, 2) and point.work in ONCE):
            yield f"without a failing disk it ends with {code}: {self.said().strip().splitlines()[-1:]}"
            return
        yield from self._looked_at(seen)
        if point.work in ("import", "work"):
            emails = Seen()
            check(self.home / "runs" / ("made.db" if point.work == "import" else "fresh.db"), emails)
            if emails.emails != EMAILS:
                yield f"{emails.emails} of {EMAILS} emails are there"
        if point.work == "export":
            rows = (self.home / "out.csv").read_text("utf-8").count("\n") - 1
            if rows < EMAILS:
                yield f"the export has {rows} of {EMAILS} rows"


def failing_disk() -> AbstractContextManager[FailingDisk]:
    """Give a prepared disk, in memory where that is possible."""
    return prepared(FailingDisk)


def drawn(counts: dict[str, list[int]], points: int, seed: int) -> list[Point]:
    """Return so many different points, the same for a seed, each kind of work and of call with its share."""
    rng = random.Random(seed)
    places = []
    for work, numbers in counts.items():
        for kind, count in enumerate(numbers):
            ways = [(nth, rest) for nth in range(1, count + 1) for rest in (False, True)]
            rng.shuffle(ways)
            places.append([Point(work, kind, nth, errno.ENOSPC if rest else errno.EIO, rest) for nth, rest in ways])
    rng.shuffle(places)
    found: list[Point] = []
    while any(places) and len(found) < points:
        found += [place.pop() for place in places if place]
    return found[:points]


def main() -> int:
    """Fail so many points; print a table by work and kind of call."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=60, help="try no other point after so long (default 60)")
    parser.add_argument("--after", type=int, default=0, metavar="N", help="leave out the first N points of the seed")
    given = parser.parse_args()
    tried: Counter[tuple[str, str]] = Counter()
    found = []
    until = time.monotonic() + given.minutes * 60
    with failing_disk() as disk:
        counts = {work: disk.counted(work) for work in WORK}
        for point in drawn(counts, given.after + given.points, given.seed)[given.after :]:
            if time.monotonic() > until:
                break
            tried[point.work, KINDS[point.kind]] += 1
            for sentence in disk.fail(point):
                found.append(f"{point}: {sentence}")
                print(found[-1], flush=True)
    print(f"{'work':<10}" + "".join(f"{kind:>16}" for kind in KINDS))
    for work, numbers in counts.items():
        cells = (f"{tried[work, kind]} of {count}" for kind, count in zip(KINDS, numbers, strict=True))
        print(f"{work:<10}" + "".join(f"{cell:>16}" for cell in cells))
    print(f"{sum(tried.values())} points: {len(found)} broke")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
