"""The commands that a console sends with a key, as commands: each waits until it is acknowledged."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from core import exits
from core.commands import send as commands
from core.commands.catalog import Label, Note, Pause, Resume, Retry, SetBudget, Skip, Stop, SwapKey, Undo
from core.commands.command import Command
from core.commands.send import SentCommand, await_answer
from core.engine import Engine
from core.errors import UsageError
from core.model import Budget
from core.runs import find as runs
from core.settings import Settings, load_settings
from core.storage.file.lock import is_locked
from core.storage.reading.reader import RunReader
from tui.commands.printing import complain, say
from tui.text.numbers import age, number

_ACKNOWLEDGED_WITHIN_S = 10.0


def start(given: argparse.Namespace) -> int:
    """``labeltui start RUN``."""
    return _worker_command(given, lambda path, settings: commands.start(path, settings, only=given.only))


def pause(given: argparse.Namespace) -> int:
    """``labeltui pause RUN``."""
    return _worker_command(given, Pause())


def resume(given: argparse.Namespace) -> int:
    """``labeltui resume RUN``."""
    return _worker_command(given, Resume())


def swap(given: argparse.Namespace) -> int:
    """``labeltui swap RUN``."""
    return _worker_command(given, SwapKey())


def stop(given: argparse.Namespace) -> int:
    """``labeltui stop RUN``."""
    return _worker_command(given, (lambda path, _: commands.kill(path)) if given.force else Stop())


def _worker_command(given: argparse.Namespace, what: Command | Callable[[Path, Settings], SentCommand]) -> int:
    settings = load_settings()
    path = runs.find_run(settings, given.run)
    own = settings.for_run(path)
    sent = commands.send(path, what, own) if isinstance(what, Command) else what(path, own)
    return report(path, sent, wait=not given.no_wait)


def command_on_run(given: argparse.Namespace, make: Callable[[Path], Command]) -> int:
    """Send the command that ``make`` returns for the run file's path, and report what came of it."""
    path = runs.find_run(load_settings(), given.run)
    return report(path, commands.send(path, make(path)))


def report(path: Path, requested: SentCommand, *, wait: bool = True) -> int:
    """Say what was requested and what became of it; returns the exit code."""
    say(requested.sentence)
    if requested.at_once or not wait:
        return exits.DONE
    answer = await_answer(path, requested, timeout_s=_ACKNOWLEDGED_WITHIN_S)
    if answer is None and requested.command is not None and is_locked(path) is False:
        return report(path, commands.send(path, requested.command))  # the worker ended before it read it
    if answer is None:
        complain(
            f"the worker did not answer within {_ACKNOWLEDGED_WITHIN_S:.0f} s; the command stays with it."
            f" `labeltui status {path.stem}` shows what it does. If it hangs: `labeltui stop {path.stem} --force`."
        )
        return exits.FAILED
    took = (answer.acknowledged_at or answer.requested_at) - answer.requested_at
    say(f"acknowledged after {age(took)}: {answer.result}")
    return exits.FAILED if answer.refused else exits.DONE


def budget(given: argparse.Namespace) -> int:
    """``labeltui budget RUN``: show the caps, or change those that are named."""
    path = runs.find_run(load_settings(), given.run)
    snapshot = Engine(load_settings()).snapshot(path)
    named = {name: getattr(given, name) for name in ("tokens", "money", "hours") if getattr(given, name) is not None}
    if not named and not given.none:
        spent = f"{number(snapshot.tokens)} tokens in {snapshot.worked_s / 3600:.1f} hours of work"
        say(f"{path.stem} may spend: {snapshot.budget.words}; spent so far: {spent}")
        return exits.DONE
    before = Budget() if given.none else snapshot.budget
    return report(path, commands.send(path, SetBudget(replace(before, **named))))


def retry(given: argparse.Namespace) -> int:
    """``labeltui retry RUN``."""
    return command_on_run(given, lambda path: Retry(None if given.item is None else (email_of(path, given.item),)))


def label(given: argparse.Namespace) -> int:
    """``labeltui label RUN ID VALUE``."""
    return command_on_run(given, lambda path: Label((email_of(path, given.id),), given.value, given.note))


def note(given: argparse.Namespace) -> int:
    """``labeltui note RUN ID TEXT``."""
    return command_on_run(given, lambda path: Note((email_of(path, given.id),), given.text))


def skip(given: argparse.Namespace) -> int:
    """``labeltui skip RUN ID [--back]``."""
    return command_on_run(given, lambda path: Skip((email_of(path, given.id),), back=given.back))


def undo(given: argparse.Namespace) -> int:
    """``labeltui undo RUN``."""
    return command_on_run(given, lambda _: Undo())


def email_of(path: Path, source_id: str) -> int:
    """The row of the email with that id in the source; raises UsageError where there is none."""
    with RunReader(path) as reader:
        email_id = reader.find(source_id)
    if email_id is None:
        raise UsageError(f"No email of {path.stem} has the id {source_id!r}. `labeltui export` lists them all.")
    return email_id
