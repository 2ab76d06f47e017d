"""``labeltui check`` and ``labeltui backup``: what a person does to a run file as a file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from core import exits
from core.engine import Engine
from core.settings import load_settings
from core.text import one_line
from tui.commands.printing import say
from tui.text.numbers import number, plural

if TYPE_CHECKING:
    from core.engine import Checked


def answer(given: argparse.Namespace) -> int:
    """One of the two commands."""
    engine = Engine(load_settings(), read_only=given.read_only)
    path = engine.find(given.run)
    return _backup(engine, path, given.file) if given.command == "backup" else _check(engine, path, given.repair)


def _check(engine: Engine, path: Path, repair: bool) -> int:  # noqa: FBT001 - as it was typed
    found = engine.check(path)
    _tell(path, found)
    wrong = sum(finding.repairable for finding in found.findings)
    if wrong and repair:
        say(f"{plural(engine.repair(path), 'number')} put right.")
        found = engine.check(path)
        _tell(path, found)
    elif wrong:
        say(f"`labeltui check {path.stem} --repair` writes {plural(wrong, 'number')} as the rows give them.")
    if any(not finding.repairable for finding in found.findings):
        say("What is not a number cannot be put right from the rows: go back to a copy of the run, if there is one.")
    return exits.DONE if found.sound else exits.FAILED


def _tell(path: Path, found: Checked) -> None:
    say(f"{path.stem}: {number(found.emails)} emails, {number(found.attempts)} calls, {number(found.labels)} labels")
    for note in found.notes:
        say(f"  note: {note}")
    for finding in found.findings:
        say(f"  {one_line(finding.sentence, limit=300)}")
    if found.sound:
        say("  all is as promised: the file is whole, totals and cursor agree with the rows, no row is without its own")


def _backup(engine: Engine, path: Path, target: Path) -> int:
    target = target.expanduser()
    size = engine.backup(path, target)
    copied = engine.check(target)
    say(f"{path.stem} copied to {target}: {number(copied.emails)} emails, {number(copied.labels)} labels,"
        f" {size / 1e6:.1f} MB")  # fmt: skip
    return exits.DONE
