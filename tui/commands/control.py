"""Answer the commands that change a run: send each, and wait until it is acknowledged."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from core.commands.catalog import ChooseLane, Label, Note, Rejudge, Retry, SetBudget, SetConcurrency, Skip, Stop
from core.commands.command import Command
from core.engine import Engine
from core.errors import UnknownNameError, UsageError
from core.model import Budget, PlacesWanted, exits
from core.settings import load_settings
from tui.commands.printing import NOTHING_CHANGED, complain, say
from tui.commands.status import batch_lines, lane_line, spent_lines
from tui.text.numbers import age, number

if TYPE_CHECKING:
    from core.engine import SentCommand

_ACKNOWLEDGED_WITHIN_S = 10.0


def engine_of(given: argparse.Namespace) -> Engine:
    """Return the engine that a command line asks; it changes nothing where ``--read-only`` was given."""
    return Engine(load_settings(), read_only=given.read_only)


def start(given: argparse.Namespace) -> int:
    """Run ``labeltui start RUN``."""
    places = places_of(given)
    if (code := choose_concurrency(given)) != exits.DONE:
        return code
    return _to_worker(given, lambda engine, path: engine.start(path, given.only, places))


def places_of(given: argparse.Namespace) -> PlacesWanted | None:
    """Return where the calls are to be made: None for the worker itself.

    Raises:
        UsageError: places are described, but not asked for.
    """
    if given.ray is None:
        if given.places is not None or given.width is not None or given.trust_network:
            raise UsageError("--places, --width and --trust-network describe places of Ray: give --ray with them.")
        return None
    plain = PlacesWanted()
    address = given.ray.removeprefix("ray://")
    return PlacesWanted(address, given.places or plain.places, given.width or plain.width, given.trust_network)


def choose_concurrency(given: argparse.Namespace) -> int:
    """Store how many calls at once ``--concurrency`` says, where it says so; returns the exit code."""
    if given.concurrency is None:
        return exits.DONE
    engine = engine_of(given)
    path = engine.find(given.run)
    return report(engine, path, engine.send(path, SetConcurrency(given.concurrency or None)))


def send_plain(given: argparse.Namespace) -> int:
    """Send a command that has no options of its own, such as ``labeltui pause RUN``."""
    if given.dry_run:
        return command_on_run(given, lambda _: Command.known[given.command]())
    return _to_worker(given, lambda engine, path: engine.send(path, Command.known[given.command]()))


def stop(given: argparse.Namespace) -> int:
    """Run ``labeltui stop RUN``."""
    command = Stop(given.cancel_batches)
    return _to_worker(given, lambda engine, path: engine.kill(path) if given.force else engine.send(path, command))


def _to_worker(given: argparse.Namespace, do: Callable[[Engine, Path], SentCommand]) -> int:
    engine = engine_of(given)
    path = engine.find(given.run)
    return report(engine, path, do(engine, path), wait=not getattr(given, "no_wait", False))


def command_on_run(given: argparse.Namespace, make: Callable[[Callable[[str], int]], Command]) -> int:
    """Send the command that ``make`` returns, and report what came of it; ``make`` gets what turns ids into rows."""
    engine = engine_of(given)
    path = engine.find(given.run)
    return deliver(given, engine, path, make(partial(email_of, engine, path)))


def deliver(given: argparse.Namespace, engine: Engine, path: Path, *commands: Command) -> int:
    """Send commands and report what came of each, or with ``--dry-run`` what would; returns the exit code."""
    if given.dry_run:
        for sentence in engine.dry_run_of(path, commands):
            say(f"dry run: {sentence}")
        say(NOTHING_CHANGED)
        return exits.DONE
    return max((report(engine, path, engine.send(path, command)) for command in commands), default=exits.DONE)


def report(engine: Engine, path: Path, requested: SentCommand, *, wait: bool = True) -> int:
    """Say what was requested and what became of it; returns the exit code."""
    say(requested.sentence)
    if requested.at_once or not wait:
        return exits.DONE
    answer = engine.await_answer(path, requested, timeout_s=_ACKNOWLEDGED_WITHIN_S)
    if answer is None and requested.command is not None and not engine.has_worker(path):
        return report(engine, path, engine.send(path, requested.command))  # the worker ended before it read it
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
    """Run ``labeltui budget RUN``: show the caps, or change those that are named."""
    engine = engine_of(given)
    path = engine.find(given.run)
    snapshot = engine.snapshot(path)
    named = {name: getattr(given, name) for name in ("tokens", "money", "hours") if getattr(given, name) is not None}
    if not named and not given.none:
        spent = f"{number(snapshot.tokens)} tokens in {snapshot.worked_s / 3600:.1f} hours of work"
        say(f"{path.stem} may spend: {snapshot.budget.words}; spent so far: {spent}")
        return exits.DONE
    before = Budget() if given.none else snapshot.budget
    return deliver(given, engine, path, SetBudget(replace(before, **named)))


def lane(given: argparse.Namespace) -> int:
    """Run ``labeltui lane RUN [live|flex|batch|auto]``: show lane and batches, or switch the lane from now on."""
    engine = engine_of(given)
    path = engine.find(given.run)
    snapshot = engine.snapshot(path)
    if given.lane is None and not given.cancel and given.by is given.size is given.open is None:
        for line in (lane_line(snapshot), *spent_lines(snapshot), *batch_lines(snapshot)):
            say(line)
        return exits.DONE
    wanted = given.lane or ("auto" if given.by is not None else snapshot.lane.lane)
    if given.cancel and given.dry_run:
        raise UsageError("--cancel ends batches at the server, which --dry-run does not ask. Leave one of the two out.")
    return deliver(given, engine, path, ChooseLane(wanted, given.by, given.cancel, given.size, given.open))


def retry(given: argparse.Namespace) -> int:
    """Run ``labeltui retry RUN``."""
    return command_on_run(given, lambda row: Retry(None if given.item is None else (row(given.item),)))


def rejudge(given: argparse.Namespace) -> int:
    """Run ``labeltui rejudge RUN``."""
    return command_on_run(given, lambda _: Rejudge(given.tolerant))


def label(given: argparse.Namespace) -> int:
    """Run ``labeltui label RUN ID VALUE``."""
    return command_on_run(given, lambda row: Label((row(given.id),), given.value, given.note))


def note(given: argparse.Namespace) -> int:
    """Run ``labeltui note RUN ID TEXT``."""
    return command_on_run(given, lambda row: Note((row(given.id),), given.text))


def skip(given: argparse.Namespace) -> int:
    """Run ``labeltui skip RUN ID [--back]``."""
    return command_on_run(given, lambda row: Skip((row(given.id),), back=given.back))


def email_of(engine: Engine, path: Path, source_id: str) -> int:
    """Return the row of the email with that id in the source; raises UnknownNameError where there is none."""
    with engine.view(path) as reader:
        email_id = reader.find(source_id)
    if email_id is None:
        raise UnknownNameError(f"Nothing in {path.stem} has the id {source_id!r}. `labeltui export` lists them all.")
    return email_id
