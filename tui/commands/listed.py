"""What a person does to the list of runs: ``copy``, ``archive``, ``delete``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from core import exits
from core.engine import Engine, load_task
from core.errors import UsageError
from core.settings import load_settings
from core.text import one_line
from tui.commands.printing import importing, say
from tui.text.numbers import number, plural


def copy(given: argparse.Namespace) -> int:
    """``labeltui copy RUN NAME``."""
    engine = _engine(given)
    path = engine.find(given.run, archived=True)
    task = load_task(given.task.expanduser()) if given.task else None
    made = engine.copy_emails(path, given.name, task=task, model=given.model, progress=importing())
    say(
        f"{made.name}: {number(made.taken)} emails of {path.stem}, {number(made.distinct)} distinct texts, none labeled"
    )
    say(f"  {made.path}")
    say(f"`labeltui open {made.name}` shows it, `labeltui start {made.name}` starts it.")
    return exits.DONE


def archiving(given: argparse.Namespace) -> int:
    """``labeltui archive RUN [--back]``."""
    engine = _engine(given)
    if given.back:
        target = engine.archive(engine.find_archived(given.run), back=True)
        say(f"{target.stem} is back in the list: {target}")
        return exits.DONE
    target = engine.archive(engine.find(given.run), back=False)
    say(f"{target.stem} is archived: {target}")
    say(f"`labeltui archive {target.stem} --back` puts it into the list again.")
    return exits.DONE


def delete(given: argparse.Namespace) -> int:
    """``labeltui delete RUN``: with its name, given or typed."""
    engine = _engine(given)
    path = engine.find(given.run, archived=True)
    going = engine.what_goes(path)
    say(f"{path.stem}: {plural(len(going.names), 'file')} in {path.parent}, {going.size_bytes / 1e6:,.1f} MB:")
    for name in going.names:
        say(f"  {name}")
    typed = given.yes if given.yes is not None else _typed(path)
    engine.delete_run(path, typed)
    say(f"{path.stem} is deleted, with its labels and their history. Exports and backups elsewhere are untouched.")
    return exits.DONE


def _typed(path: Path) -> str:
    if not sys.stdin.isatty():
        raise UsageError(f"To delete it, give its name as well: `labeltui delete {path.stem} --yes {path.stem}`.")
    print(f"This cannot be undone. Type the run's name ({one_line(path.stem)}) to delete it: ", end="", flush=True)  # noqa: T201
    return sys.stdin.readline().strip()


def _engine(given: argparse.Namespace) -> Engine:
    engine = Engine(load_settings(), read_only=given.read_only)
    engine.check_writable()  # before anything is asked
    return engine
