"""How commands are handled: each is answered in the run file with what came of it, in a sentence."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Protocol

from core.errors import LabeltuiError, UsageError
from core.llm.task import task_from_json
from core.model import Budget, Task
from core.storage.file.control import Command
from core.storage.writing.store import Store
from core.storage.writing.tasks import sends_otherwise
from core.worker.queue import Queue


class Handles(Protocol):
    """What a command can move."""

    store: Store
    queue: Queue

    @property
    def in_flight(self) -> int:
        """Calls that are out."""

    @property
    def stopping(self) -> bool:
        """Whether the end was asked for before."""

    def pause(self, reason: str) -> None:
        """Let no new call go out."""

    def resume(self) -> None:
        """Go on."""

    def try_out(self, emails: int) -> None:
        """Go on with so many, then pause."""

    def stop(self) -> None:
        """End; asked again, at once."""

    def allow(self, budget: Budget) -> None:
        """Let the run spend so much."""

    def enact(self, task: Task, *, by: str, command_id: str) -> str:
        """Put a version of the task in force, and say what that means."""

    def look_at_keys(self) -> list[str]:
        """Take in what an operator did to keys, and say it."""

    def swap(self) -> str:
        """Take the key in use out and the next one in; raises KeysError where there is no other."""


def handle(worker: Handles, command: Command, now: float) -> None:
    """Obey one command and answer it."""
    wanted: str | None = None
    try:
        if command.kind == "pause":
            worker.pause(f"paused by {command.requested_by}")
            result, wanted = _after(worker.in_flight, "paused"), "pause"
        elif command.kind == "resume":
            worker.resume()
            result, wanted = "going on", "run"
        elif command.kind == "try":
            worker.try_out(int(command.argument))
            result, wanted = f"trying {int(command.argument):,}, then pausing", "run"
        elif command.kind == "stop":
            again = worker.stopping
            worker.stop()
            result = "cutting off what is out" if again else _after(worker.in_flight, "stopping")
            wanted = "stop"
        elif command.kind == "retry":
            moved = worker.store.requeue(now=now, by=command.requested_by, email_ids=_numbers(command.argument))
            worker.queue.rescan()
            result = f"{moved} back in line"
        elif command.kind == "budget":
            worker.allow(Budget(**json.loads(command.argument)))
            result = "the budget holds from now on"
        elif command.kind in ("task", "again"):
            command, result = _about_the_task(worker, command, now)
        elif command.kind in _ABOUT_EMAILS:
            result = _ABOUT_EMAILS[command.kind](worker, command, now)
        elif command.kind == "swap":
            result = worker.swap()
        else:
            result = "; ".join(worker.look_at_keys()) or "keys looked at, nothing changed"
    except (LabeltuiError, ValueError, KeyError, TypeError) as error:
        result = f"not possible: {error}"
    worker.store.acknowledge(command, result, now=now, wanted=wanted)


def _label(worker: Handles, command: Command, now: float) -> str:
    wanted = json.loads(command.argument)
    email_ids = _named(wanted)
    sentence = worker.store.label_by_person(
        email_ids,
        str(wanted["value"]),
        annotator=str(wanted["annotator"]),
        note=str(wanted.get("note", "")),
        now=now,
    )
    for email_id in email_ids:
        worker.queue.forget(email_id)
    return sentence


def _about_the_task(worker: Handles, command: Command, now: float) -> tuple[Command, str]:
    """Obey a command about the task; the command comes back without what would only fill the record."""
    if command.kind == "again":
        wanted = json.loads(command.argument)
        named = wanted.get("email_ids")
        moved = worker.store.ask_again(
            by=command.requested_by,
            now=now,
            label=wanted.get("label"),
            email_ids=None if named is None else [int(number) for number in named],
        )
        worker.queue.rescan()
        return replace(command, argument=""), f"{moved:,} in line again"
    task = task_from_json(command.argument)
    if sends_otherwise(worker.store.task(), task):
        raise UsageError(
            "it sends another text of each email (fields, truncate_at), and all texts are made anew for that: stop the"
            " worker, let the version take effect, then start again"
        )
    return replace(command, argument=task.version), worker.enact(task, by=command.requested_by, command_id=command.id)


def _note(worker: Handles, command: Command, now: float) -> str:
    wanted = json.loads(command.argument)
    return worker.store.note_by_person(_named(wanted), str(wanted["text"]), author=str(wanted["author"]), now=now)


def _undo(worker: Handles, command: Command, now: float) -> str:
    undone = worker.store.undo(by=command.argument, now=now)
    if undone is None:
        return "there was nothing to undo"
    for email_id in undone.email_ids:
        worker.queue.forget(email_id)
    worker.queue.rescan()
    return undone.sentence


def _named(wanted: dict[str, Any]) -> list[int]:
    """The emails that a command names: one, or a list of them."""
    numbers = wanted["email_ids"] if "email_ids" in wanted else [wanted["email_id"]]
    return [int(number) for number in numbers]


def _numbers(argument: str) -> list[int] | None:
    """Numbers of emails with spaces between them; nothing means all."""
    return [int(number) for number in argument.split()] if argument else None


def _skip(worker: Handles, command: Command, now: float) -> str:
    wanted = json.loads(command.argument)
    email_ids, back = _named(wanted), bool(wanted.get("back"))
    moved = worker.store.skip(email_ids, back=back, by=command.requested_by, now=now)
    if back:
        worker.queue.rescan()
    else:
        for email_id in email_ids:
            worker.queue.forget(email_id)
    return f"{moved} {'back in line' if back else 'skipped'}"


def _after(in_flight: int, word: str) -> str:
    if not in_flight:
        return word
    return (
        f"{word} when the call that is out has ended" if in_flight == 1 else f"{word} when {in_flight} calls have ended"
    )


_ABOUT_EMAILS = {"label": _label, "note": _note, "skip": _skip, "undo": _undo}
"""How commands about chosen emails are handled."""
