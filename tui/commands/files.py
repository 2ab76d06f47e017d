"""``labeltui check`` and ``labeltui backup``: what a person does to a run file as a file."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from core import exits
from core.runs import find as runs
from core.settings import load_settings
from core.storage.file.backup import copy_run
from core.storage.file.check import Checked, check_run
from core.text import one_line
from tui.commands.printing import say
from tui.text.numbers import number, plural


def answer(given: argparse.Namespace) -> int:
    """One of the two commands."""
    path = runs.find_run(load_settings(), given.run)
    return _backup(path, given.file) if given.command == "backup" else _check(path, repair=given.repair)


def _check(path: Path, *, repair: bool) -> int:
    found = check_run(path)
    _tell(path, found)
    wrong = sum(finding.repairable for finding in found.findings)
    if wrong and repair:
        found = _repaired(path)
        _tell(path, found)
    elif wrong:
        say(f"`labeltui check {path.stem} --repair` writes {plural(wrong, 'number')} as the rows give them.")
    if any(not finding.repairable for finding in found.findings):
        say("What is not a number cannot be put right from the rows: go back to a copy of the run, if there is one.")
    return exits.DONE if found.sound else exits.FAILED


def _repaired(path: Path) -> Checked:
    from core.storage.file.lock import RunLock  # noqa: PLC0415
    from core.storage.writing.store import Store  # noqa: PLC0415 - brings sqlite-utils, which only writers need

    with RunLock(path) as lock, Store.open(path, lock) as store:
        wrong = store.put_right(now=time.time())
    say(f"{plural(wrong, 'number')} put right.")
    return check_run(path)


def _tell(path: Path, found: Checked) -> None:
    say(f"{path.stem}: {number(found.emails)} emails, {number(found.attempts)} calls, {number(found.labels)} labels")
    for note in found.notes:
        say(f"  note: {note}")
    for finding in found.findings:
        say(f"  {one_line(finding.sentence, limit=300)}")
    if found.sound:
        say("  all is as promised: the file is whole, totals and cursor agree with the rows, no row is without its own")


def _backup(path: Path, target: Path) -> int:
    target = target.expanduser()
    size = copy_run(path, target)
    copied = check_run(target)
    say(f"{path.stem} copied to {target}: {number(copied.emails)} emails, {number(copied.labels)} labels,"
        f" {size / 1e6:.1f} MB")  # fmt: skip
    return exits.DONE
