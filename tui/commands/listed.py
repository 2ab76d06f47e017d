"""What a person does to the list of runs: ``copy``, ``archive``, ``delete``."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from core import exits
from core.engine import READ_ONLY
from core.errors import UsageError
from core.runs import archive
from core.runs import copy as copies
from core.runs import delete as removal
from core.runs import find as runs
from core.settings import Settings, load_settings
from core.text import one_line
from tui.commands.printing import importing, say
from tui.text.numbers import number, plural


def copy(given: argparse.Namespace) -> int:
    """``labeltui copy RUN NAME``."""
    from core.llm.task import load_task  # noqa: PLC0415 - for making runs only

    settings = _for_changes(given)
    path = _wherever(settings, given.run)
    task = load_task(given.task.expanduser()) if given.task else None
    made = copies.copy_emails(path, given.name, task=task, model=given.model, now=time.time(), progress=importing())
    say(
        f"{made.name}: {number(made.taken)} emails of {path.stem}, {number(made.distinct)} distinct texts, none labeled"
    )
    say(f"  {made.path}")
    say(f"`labeltui open {made.name}` shows it, `labeltui start {made.name}` starts it.")
    return exits.DONE


def archiving(given: argparse.Namespace) -> int:
    """``labeltui archive RUN [--back]``."""
    settings = _for_changes(given)
    if given.back:
        target = archive.bring_back(_archived(settings, given.run))
        say(f"{target.stem} is back in the list: {target}")
        return exits.DONE
    target = archive.archive(runs.find_run(settings, given.run))
    say(f"{target.stem} is archived: {target}")
    say(f"`labeltui archive {target.stem} --back` puts it into the list again.")
    return exits.DONE


def delete(given: argparse.Namespace) -> int:
    """``labeltui delete RUN``: with its name, given or typed."""
    settings = _for_changes(given)
    path = _wherever(settings, given.run)
    going = removal.what_goes(path)
    say(f"{path.stem}: {plural(len(going.names), 'file')} in {path.parent}, {going.size_bytes / 1e6:,.1f} MB:")
    for name in going.names:
        say(f"  {name}")
    typed = given.yes if given.yes is not None else _typed(path)
    removal.delete(path, typed)
    say(f"{path.stem} is deleted, with its labels and their history. Exports and backups elsewhere are untouched.")
    return exits.DONE


def _typed(path: Path) -> str:
    if not sys.stdin.isatty():
        raise UsageError(f"To delete it, give its name as well: `labeltui delete {path.stem} --yes {path.stem}`.")
    print(f"This cannot be undone. Type the run's name ({one_line(path.stem)}) to delete it: ", end="", flush=True)  # noqa: T201
    return sys.stdin.readline().strip()


def _for_changes(given: argparse.Namespace) -> Settings:
    if given.read_only:
        raise UsageError(READ_ONLY)
    return load_settings()


def _archived(settings: Settings, name: str) -> Path:
    """The archived run of that name, or at that path."""
    found = next((path for path in runs.archived_files(settings) if path.stem == name), None)
    return found if found is not None else runs.find_run(settings, name)


def _wherever(settings: Settings, name: str) -> Path:
    """The run of that name in the list or, where none is, in the archive."""
    if any(path.stem == name for path in runs.run_files(settings)):
        return runs.find_run(settings, name)
    return _archived(settings, name)
