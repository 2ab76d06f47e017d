"""How a command reaches a run: to its worker through the control file, or done at once where no worker lives.

Whoever does it at once takes the run's lock for that moment; what a worker was asked is answered in the run file.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import RunFileError
from core.model import CommandRecord
from core.settings import operator
from core.storage.file import control
from core.storage.file.lock import RunLock, is_locked
from core.storage.reading.reader import RunReader

if TYPE_CHECKING:
    from core.storage.writing.store import Store

_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class SentCommand:
    """A command that was sent (``id`` set: the worker will answer it) or done at once; ``sentence`` says which.

    ``anew`` commands the same again: a worker that was just ending took no notice of it, and answers no more.
    """

    id: str | None
    sentence: str
    at_once: bool
    anew: Callable[[], SentCommand] | None = field(default=None, compare=False)


def send(
    path: Path, kind: str, sentence: str, argument: str = "", *, anew: Callable[[], SentCommand] | None = None
) -> SentCommand:
    """Ask the worker that has the run; ``anew`` commands the same again where it was just ending."""
    command_id = control.post(path, kind, argument, now=time.time(), by=operator())
    return SentCommand(command_id, sentence, at_once=False, anew=anew)


def do_or_send(path: Path, kind: str, argument: str, do: Callable[[Store, float], str]) -> SentCommand:
    """Ask the worker for it, or do it under the run's lock: ``do`` gets the store and the time, and says what it did.

    Raises:
        RunFileError: the file cannot be written.
        RunBusyError: somebody took the lock meanwhile, and kept it for a second.
    """
    if is_locked(path):
        sentence = "The worker is asked."
        return send(path, kind, sentence, argument, anew=lambda: do_or_send(path, kind, argument, do))
    from core.storage.writing.store import Store as RunStore  # noqa: PLC0415 - brings sqlite-utils, which only writers need

    try:
        with RunLock(path, wait_s=1.0) as lock, RunStore.open(path, lock) as store:
            return SentCommand(None, do(store, time.time()), at_once=True)
    except sqlite3.OperationalError as error:
        raise RunFileError(
            f"{path} cannot be written ({error}). Check the space on the disk and the file's permissions."
        ) from error


def await_answer(path: Path, requested: SentCommand, *, timeout_s: float = 10.0) -> CommandRecord | None:
    """Wait until a sent command is answered.

    None where it was done at once, where nobody answered in time, and where the worker ended without an answer.
    """
    if requested.id is None:
        return None
    deadline = time.monotonic() + timeout_s
    with RunReader(path) as reader:
        while time.monotonic() < deadline:
            gone = is_locked(path) is False  # looked at first: what it answered before it went is in the file by then
            answer = reader.command(requested.id)
            if answer is not None or gone:
                return answer
            time.sleep(_POLL_S)
    return None
