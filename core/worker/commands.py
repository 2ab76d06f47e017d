"""Apply commands in the worker, each answered in the run file with what came of it, in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from core.commands import catalog, review  # noqa: F401 - these register every command
from core.commands.command import Command, Outcome, WorkerControl, decode
from core.errors import LabeltuiError
from core.model import REFUSED, Task, View
from core.storage.file.control import CommandRow
from core.storage.writing.store import Store


class WorkedRun:
    """A run whose worker this is, as commands see it."""

    def __init__(self, worker: WorkerControl, store: Store, row: CommandRow, now: float) -> None:
        self.name = store.path.stem
        self.by = row.requested_by
        self.now = now
        self.command_id: str | None = row.id
        self.worker = worker
        self.store = store

    def start(self, only: int | None) -> NoReturn:
        """A worker is there already."""
        raise RuntimeError(f"start({only}) in a worker")

    def swap_keys(self) -> NoReturn:
        """The worker swaps keys itself."""
        raise RuntimeError("keys swapped behind a worker")

    def views_of(self, task: Task) -> Callable[[str], View]:
        """No worker makes texts anew."""
        raise RuntimeError(f"texts of {task.version} made in a worker")


def handle(worker: WorkerControl, store: Store, row: CommandRow, now: float) -> None:
    """Apply one command and record what came of it."""
    argument = row.argument
    try:
        command: Command = decode(row.kind, row.argument)
        outcome = command.apply(WorkedRun(worker, store, row, now))
        argument = command.recorded()
    except (LabeltuiError, ValueError, KeyError, TypeError, OverflowError) as error:
        outcome = Outcome(f"{REFUSED}{error}")
    store.acknowledge(row, argument, outcome.sentence, now=now, wanted=outcome.wanted)
