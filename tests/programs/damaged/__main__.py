"""Give each command run files that are damaged or hostile, and look how it ends.

    python -m tests.programs.damaged [--only WORDS] [--commands WORDS]

Each of the changes in :mod:`tests.programs.damaged.changes` is made to a copy of a sound run, and each command is given it in
a process of its own. It must end within five seconds, with one of the documented exit codes, without a traceback, without an
escape sequence, and with a sentence where it fails; commands that only read leave the file as it was.
"""

from __future__ import annotations

import argparse
import os
import resource
import stat
import sys
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from core.llm.task import builtin_task
from core.model import SourceEmail, View
from core.storage.file.lock import RunLock
from core.storage.writing.intake import NewRun
from core.storage.writing.store import Store
from tests.programs.damaged.changes import CHANGES
from tests.programs.walk.processes import ROOT, CopiedHome, Processes, prepared
from tests.storage.test_store import failed, labeled

READING: tuple[tuple[str, ...], ...] = (
    ("status", "r", "--json"),
    ("status",),
    ("export", "r", "out.csv"),
    ("export", "r", "out.jsonl"),
    ("task", "r", "--json"),
    ("task", "r", "--sent", "mail-1"),
    ("check", "r"),
    ("quality", "r", "--json"),
    ("compare", "r", "--versions", "--json"),
    ("report", "r", "out.html"),
    ("skipped", "r"),
    ("plan", "r"),
    ("watch", "r"),
    ("backup", "r", "copy.db"),
)
"""Commands that read a run."""
WRITING: tuple[tuple[str, ...], ...] = (
    ("label", "r", "mail-2", "1"),
    ("note", "r", "mail-2", "seen"),
    ("retry", "r", "--failed"),
    ("undo", "r"),
    ("rejudge", "r"),
    ("check", "r", "--repair"),
    ("copy", "r", "second"),
    ("review", "r", "--export", "batch.csv"),
    ("pause", "r"),
    ("work", "r"),
    ("archive", "r"),
    ("delete", "r", "--yes", "r"),
)
"""Commands that write to it."""
CODES = (0, 1, 2, 3, 4, 5, 6)
WITHIN_S = 5.0
MEMORY_BYTES = 2_000_000_000
"""Address space of a command: one that reads a device without end fails early instead of filling the machine."""


class Damage(CopiedHome):
    """A home with one run that is copied for each change."""

    def prepare(self) -> None:
        """Make the run, and the process that others are forked from."""
        runs = self.home / "runs"
        runs.mkdir(parents=True)
        made = NewRun("r", "mails.csv", "digest", 1.0, order="source")
        with Store.create(runs / "r.db", made, builtin_task()) as store:
            store.add_emails(
                (
                    SourceEmail(f"mail-{number}", text, f"row {number}"),
                    View("s", "a@example.org", "", text, text, False),
                )
                for number in range(1, 41)
                for text in (f"Subject: s\n\nmail number {number}",)
            )
            store.set_order("source", 0)
        with RunLock(runs / "r.db") as lock, Store.open(runs / "r.db", lock) as store:
            store.begin_epoch(now=1.0, pid=1, host="h")
            store.commit([labeled(1), failed(2), labeled(3, reasks=1)], now=2.0)
            store.label_by_person(5, "0", annotator="ada", note="n", now=3.0)
            store.add_event("note", "something happened", now=3.0)
        self.keep()
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("GROQ", "LABELTUI"))}
        environment |= {"LABELTUI_HOME": str(self.home), "PYTHONPATH": str(ROOT), "COLUMNS": "100"}
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000_000, resource.RLIM_INFINITY))
        self._processes = self._stack.enter_context(Processes(environment, self.folder / "out.txt", self.folder))
        self._processes.wait(self._processes.begin(("info",)), 120)  # until all is imported

    def give(self, change: str, line: tuple[str, ...]) -> list[str]:
        """Give a command the changed file; return what is wrong with how it ends, or nothing."""
        self.renew()
        for name in ("out.csv", "out.jsonl", "out.html", "copy.db", "batch.csv"):
            (self.folder / name).unlink(missing_ok=True)
        path = self.home / "runs" / "r.db"
        CHANGES[change](path)
        before = _content(path)
        number = self._processes.begin(line)
        code = self._processes.wait(number, WITHIN_S)
        if code is None:
            self._processes.kill(number)
        return list(_wrong(code, self.said(), changed=line in READING and before != _content(path)))


def _content(path: Path) -> bytes:
    """Return the bytes of a regular file."""
    try:
        return path.read_bytes() if stat.S_ISREG(path.stat().st_mode) else b""
    except OSError:
        return b""


def _wrong(code: int | None, said: str, *, changed: bool) -> Iterator[str]:
    if "Traceback (most recent call last)" in said:
        yield f"traceback: {said.strip().splitlines()[-1][:160]}"
    elif "labeltui hit an error" in said or "nobody expected" in said:
        yield f"crash report: {said.strip().splitlines()[-1][:160]}"
    if code is None:
        yield "hangs"
    elif code not in CODES:
        yield f"ends with {code}: {said.strip()[-160:]}"
    elif code != 0 and not said.strip():
        yield f"ends with {code} without a word"
    if any(char in said for char in "\x1b\x07\x9b\x00\u202e"):
        yield "foreign control characters"
    if changed:
        yield "a command that reads changed the file"


def damage() -> AbstractContextManager[Damage]:
    """Give a prepared home, in memory where that is possible."""
    return prepared(Damage)


def chosen(names: Collection[str], words: str) -> list[str]:
    """Return the names that hold these words; all where there are none."""
    return [name for name in names if words in name]


def main() -> int:
    """Try all; print each that ends badly, and a table by command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="changes whose name holds this")
    parser.add_argument("--commands", default="", help="commands whose line holds this")
    given = parser.parse_args()
    lines = [line for line in (*READING, *WRITING) if given.commands in " ".join(line)]
    bad: Counter[str] = Counter()
    changes = chosen(CHANGES, given.only)
    hit = set()
    with damage() as home:
        for change in changes:
            for line in lines:
                for sentence in home.give(change, line):
                    hit.add(change)
                    bad[" ".join(line)] += 1
                    print(f"{change} | {' '.join(line)} | {sentence}", flush=True)
    print(f"\n{'command':<34}{'ends badly':>12} of {len(changes)} changes")
    for line in lines:
        print(f"{' '.join(line):<34}{bad[' '.join(line)]:>12}")
    print(f"{len(changes)} changes, {len(changes) * len(lines):,} commands: {len(hit)} changes end badly somewhere")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
