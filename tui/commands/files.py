"""Answer the commands on run files: check, backup, copy, archive and delete."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from core.engine import Engine, load_task
from core.errors import UsageError
from core.model import exits
from core.settings import load_settings
from core.text import one_line
from tui.commands.printing import NOTHING_CHANGED, counting, say
from tui.text.numbers import number, plural

if TYPE_CHECKING:
    from core.engine import Checked


def answer(given: argparse.Namespace) -> int:
    """Run one of the two commands."""
    engine = Engine(load_settings(), read_only=given.read_only)
    path = engine.find(given.run)
    return _backup(engine, path, given.file) if given.command == "backup" else _check(engine, path, given)


def _check(engine: Engine, path: Path, given: argparse.Namespace) -> int:
    found = engine.check(path)
    _tell(path, found)
    wrong = sum(finding.repairable for finding in found.findings)
    if wrong and given.repair and given.dry_run:
        say(f"{plural(wrong, 'number')} would be put right.")
    elif wrong and given.repair:
        say(f"{plural(engine.repair(path), 'number')} put right.")
        found = engine.check(path)
        _tell(path, found)
    elif wrong:
        say(f"`labeltui check {path.stem} --repair` writes {plural(wrong, 'number')} as the rows give them.")
    if any(not finding.repairable for finding in found.findings):
        say("What is not a number cannot be put right from the rows: go back to a copy of the run, if there is one.")
    if given.dry_run:
        say(NOTHING_CHANGED)
    return exits.DONE if found.sound else exits.FAILED


def _tell(path: Path, found: Checked) -> None:
    say(f"{path.stem}: {number(found.emails)} texts, {number(found.attempts)} calls, {number(found.labels)} labels")
    for note in found.notes:
        say(f"  note: {note}")
    for finding in found.findings:
        say(f"  {one_line(finding.sentence, limit=300)}")
    if found.sound:
        say("  sound: the file is whole, totals and position agree with the rows, and every row has what it refers to")


def _backup(engine: Engine, path: Path, target: Path) -> int:
    target = target.expanduser()
    size = engine.backup(path, target)
    copied = engine.check(target)
    say(f"{path.stem} copied to {target}: {number(copied.emails)} texts, {number(copied.labels)} labels,"
        f" {size / 1e6:.1f} MB")  # fmt: skip
    return exits.DONE


def copy(given: argparse.Namespace) -> int:
    """Run ``labeltui copy RUN NAME``."""
    engine = _engine(given)
    path = engine.find(given.run, archived=True)
    task = load_task(given.task.expanduser()) if given.task else None
    if given.dry_run:
        made = engine.dry_run_of_copying(path, given.name, task=task, model=given.model)
    else:
        with counting("copied", engine.snapshot(path).total) as told:
            made = engine.copy_emails(path, given.name, task=task, model=given.model, progress=told)
    say(f"{made.name}: {number(made.taken)} texts of {path.stem}, {number(made.distinct)} distinct, none labeled")
    say(f"  {made.path}")
    if given.dry_run:
        say(NOTHING_CHANGED)
        return exits.DONE
    say(f"`labeltui open {made.name}` shows it, `labeltui start {made.name}` starts it.")
    return exits.DONE


def archiving(given: argparse.Namespace) -> int:
    """Run ``labeltui archive RUN [--back]``."""
    engine = _engine(given)
    if given.dry_run:
        path = (engine.find_archived if given.back else engine.find)(given.run)
        target = engine.dry_run_of_archiving(path, back=given.back)
        say(f"{target.stem} would be {'back in the list' if given.back else 'archived'}: {target}")
        say(NOTHING_CHANGED)
        return exits.DONE
    if given.back:
        target = engine.archive(engine.find_archived(given.run), back=True)
        say(f"{target.stem} is back in the list: {target}")
        return exits.DONE
    target = engine.archive(engine.find(given.run), back=False)
    say(f"{target.stem} is archived: {target}")
    say(f"`labeltui archive {target.stem} --back` puts it into the list again.")
    return exits.DONE


def delete(given: argparse.Namespace) -> int:
    """Run ``labeltui delete RUN``: with its name, given or typed."""
    engine = _engine(given)
    path = engine.find(given.run, archived=True)
    going = engine.what_goes(path)
    say(f"{path.stem}: {plural(len(going.names), 'file')} in {path.parent}, {going.size_bytes / 1e6:,.1f} MB:")
    for name in going.names:
        say(f"  {name}")
    if given.dry_run:
        say(NOTHING_CHANGED)
        return exits.DONE
    typed = given.yes if given.yes is not None else _typed(path)
    engine.delete_run(path, typed)
    say(f"{path.stem} is deleted, with its labels and their history. Exports and backups elsewhere are untouched.")
    return exits.DONE


def _typed(path: Path) -> str:
    if not sys.stdin.isatty():
        raise UsageError(f"To delete it, give its name as well: `labeltui delete {path.stem} --yes {path.stem}`.")
    print(f"This is final. Type the run's name ({one_line(path.stem)}) to delete it: ", end="", flush=True)  # noqa: T201
    return sys.stdin.readline().strip()


def _engine(given: argparse.Namespace) -> Engine:
    engine = Engine(load_settings(), read_only=given.read_only)
    if not given.dry_run:
        engine.check_writable()  # before anything is asked
    return engine
