"""Send commands to runs: through the control file where there is a worker, else applied at once under the run's lock.

Starting and killing a worker stand here too: they act on processes, and no worker could apply them.
"""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from core.commands.catalog import FirstN, Resume
from core.commands.command import Command
from core.errors import RunBusyError, RunFileError
from core.model import UNCHANGED, CommandRecord, PlacesWanted, RunState, Snapshot, Task
from core.settings import Settings, load_settings, operator
from core.storage.file import control
from core.storage.file.backup import copy_run
from core.storage.file.lock import RunLock, is_locked
from core.storage.reading.reader import RunReader
from core.worker import supervisor
from core.worker.places.bridge import check_places
from core.worker.supervisor import is_ending, when_ended

if TYPE_CHECKING:
    from core.storage.writing.store import Store
    from core.storage.writing.tasks import ViewOf

_POLL_S = 0.05

_BUSY_S = 5.0
"""How long a command waits for a lock that no worker holds: other commands hold it for milliseconds, a worker that is
starting for about a second before it can receive a command."""


@dataclass(frozen=True, slots=True)
class SentCommand:
    """Hold a command on its way (``id`` set: the worker will answer it), or one that was done at once.

    ``sentence`` says which; ``changed`` is False where there was nothing to do.
    """

    id: str | None
    sentence: str
    command: Command | None = None

    @property
    def at_once(self) -> bool:
        """Return whether no answer is to be waited for."""
        return self.id is None

    @property
    def changed(self) -> bool:
        """Return whether something was changed, or will be."""
        return not self.sentence.rstrip(".").endswith(UNCHANGED)


def send(path: Path, command: Command, settings: Settings | None = None) -> SentCommand:
    """Send a command to a run's worker, or apply it at once where the run has none.

    Raises:
        UsageError: the run cannot do that.
        RunFileError: the file cannot be read or written.
        RunBusyError: somebody else kept the lock for some seconds, and no worker took the command.
    """
    deadline = time.monotonic() + _BUSY_S
    while True:
        worked = _has_worker(path)
        with RunReader(path) as reader:
            command.check(reader, worked=worked)
            if command.starts_work and is_ending(reader.snapshot(time.time())):
                when_ended(path)
                continue
        try:
            return _post(path, command) if worked else _apply(path, command, settings)
        except RunBusyError:
            # A worker that was starting may have the run by now: it takes the command instead.
            if time.monotonic() > deadline:
                raise


@contextlib.contextmanager
def scratch_copy(path: Path) -> Iterator[Path]:
    """Copy a run, also while its worker writes, into a folder that is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="labeltui-dry-run-") as folder:
        copy = Path(folder) / path.name
        copy_run(path, copy)
        yield copy


def dry_run(path: Path, commands: Sequence[Command], settings: Settings) -> list[str]:
    """Apply commands to a copy of a run that is thrown away, and return what came of each.

    Only for commands that change nothing but the run file: others start workers and change keys. Raises as
    :func:`send` does.
    """
    with scratch_copy(path) as copy:
        sentences = []
        for command in commands:
            with RunReader(copy) as reader:
                command.check(reader, worked=False)
            sentences.append(_apply(copy, command, settings).sentence)
        return sentences


def _has_worker(path: Path) -> bool:
    return bool(is_locked(path))


def _post(path: Path, command: Command) -> SentCommand:
    try:
        command_id = control.post(path, command.kind, command.encode(), now=time.time(), by=operator())
    except (sqlite3.Error, OSError) as error:
        return _by_signal(path, command, error)
    return SentCommand(command_id, f"{path.stem}: {command.what} requested.", command)


def _by_signal(path: Path, command: Command, error: Exception) -> SentCommand:
    """Send a command as a signal: a full disk must not keep a living worker from being paused or stopped."""
    if not command.by_signal or not hasattr(signal, command.by_signal):
        raise RunFileError(
            f"{command.what} could not be sent to the worker of {path.stem}: {control.control_path(path)} cannot be"
            f" written ({error}). Make room on the disk, or stop the worker first (`labeltui stop {path.stem}`)."
        ) from error
    from core.worker.kill import signal_holder  # noqa: PLC0415 - hardly ever needed

    pid = signal_holder(path, signal.Signals[command.by_signal])
    if pid is None:
        raise RunBusyError(f"The worker of {path.stem} has just ended. Ask again.")
    return SentCommand(
        None,
        f"{path.stem}: {command.what} was sent to its worker (pid {pid}) by {command.by_signal}, since the control file"
        f" cannot be written ({error}).",
        command,
    )


def _apply(path: Path, command: Command, settings: Settings | None) -> SentCommand:
    with writing(path), IdleRun(path, settings) as run:
        sentence = command.apply(run).sentence
    return SentCommand(None, f"{sentence.rstrip('.')}.", command)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say in a sentence that a run file could not be written."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise RunFileError(
            f"{path} cannot be written ({error}). Check the space on the disk and the file's permissions."
        ) from error
    except (sqlite3.IntegrityError, sqlite3.DataError, OverflowError) as error:
        raise RunFileError(
            f"{path} is damaged: it takes no such row ({error}). `labeltui check {path.stem}` looks closer; go back to"
            " a copy of it."
        ) from error


class IdleRun:
    """Hold a run without a worker, as commands see it. The lock is taken when a command first writes."""

    worker = None

    def __init__(self, path: Path, settings: Settings | None) -> None:
        self.command_id: str | None = None
        self.name = path.stem
        self.by = operator()
        self.now = time.time()
        self._path = path
        self._settings = settings
        self._store: Store | None = None
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def store(self) -> Store:
        """Return the run file, open for writing under the run's lock."""
        if self._store is None:
            from core.storage.writing.store import Store  # noqa: PLC0415 - brings sqlite-utils, for writers only

            lock = self._open.enter_context(RunLock(self._path, wait_s=1.0))
            self._store = self._open.enter_context(Store.open(self._path, lock))
        return self._store

    @property
    def _known_settings(self) -> Settings:
        return self._settings if self._settings is not None else load_settings().for_run(self._path)

    def start(self, only: int | None) -> str:
        """Start a worker."""
        return start(self._path, self._known_settings, only=only).sentence

    def swap_keys(self) -> str:
        """Swap keys in the operator's key store."""
        from core.quota.keys.store import KeyStore  # noqa: PLC0415 - for this command only
        from core.quota.keys.swap import chosen_swap  # noqa: PLC0415

        with RunReader(self._path) as reader:
            model, base_url = reader.task().model.model, reader.base_url()
        with KeyStore.from_settings(self._known_settings, base_url) as keys:
            chosen = chosen_swap(keys.statuses(model, time.time()), {})
            keys.swap(chosen)
        return chosen.sentence

    def views_of(self, task: Task) -> ViewOf:
        """Return what makes the text that is sent from a message."""
        from core.runs.build import viewer  # noqa: PLC0415 - brings the parsers, for new texts only

        return viewer(task)


def await_answer(path: Path, sent: SentCommand, *, timeout_s: float = 10.0) -> CommandRecord | None:
    """Wait until a sent command is answered.

    None where it was done at once, where nobody answered in time, and where the worker ended without an answer.
    """
    if sent.id is None:
        return None
    deadline = time.monotonic() + timeout_s
    with RunReader(path) as reader:
        while time.monotonic() < deadline:
            gone = is_locked(path) is False  # looked at first: what it answered before it went is in the file by then
            answer = reader.command(sent.id)
            if answer is not None or gone:
                return answer
            time.sleep(_POLL_S)
    return None


# -- processes -------------------------------------------------------------------------------------------------------


def start(
    path: Path,
    settings: Settings,
    *,
    only: int | None = None,
    places: PlacesWanted | None = None,
    ahead: supervisor.WorkerAhead | None = None,
) -> SentCommand:
    """Start a worker; one that is there and paused goes on. With ``only`` it pauses after so many different texts.

    With ``places`` a new worker makes its calls there; one that is there goes on as it began. A new worker is the
    process that was started ``ahead``, where there is one.

    A worker that is ending is waited for: it would take the command to go on for nothing.

    Raises:
        UsageError: the places cannot be.
        RunBusyError: it still has calls in flight after 15 seconds.
    """
    if places is not None:
        check_places(places)
    before = when_ended(path)
    if before.worker.alive and supervisor.is_proven(before.worker, path):
        return _go_on(path, settings, before, only)
    if before.run.simulated:
        from core.runs.demo import ensure_simulator  # noqa: PLC0415 - for simulated runs only

        ensure_simulator(path, settings)
    started = supervisor.start(path, settings, only=only, places=places, ahead=ahead)
    if started.ended:
        return SentCommand(None, f"Nothing is left to ask in {path.stem}.")
    then = f" It tries {only:,} and pauses." if only is not None else ""
    return SentCommand(None, f"The worker of {path.stem} works (pid {started.pid}); it outlives this terminal.{then}")


def _go_on(path: Path, settings: Settings, now: Snapshot, only: int | None) -> SentCommand:
    if now.state is RunState.STALE:
        return SentCommand(
            None,
            f"A worker has {path.stem} already (pid {now.worker.pid}). It is silent: {now.reason}."
            f" `labeltui stop {path.stem} --force` ends it.",
        )
    if only is not None:
        return send(path, FirstN(only), settings)
    if now.state is RunState.PAUSED or now.wanted == "pause":
        return send(path, Resume(), settings)
    return SentCommand(None, f"A worker has {path.stem} already (pid {now.worker.pid}).")


def kill(path: Path) -> SentCommand:
    """End a worker that does not answer any more, at once; the run goes on with the next start.

    Raises:
        LabeltuiError: no process of this machine can be proven to be the worker.
    """
    from core.worker.kill import kill_holder  # noqa: PLC0415 - hardly ever needed

    pid = kill_holder(path)
    if pid is None:
        return SentCommand(None, f"{path.stem} has no worker: there is nothing to kill.")
    return SentCommand(
        None,
        f"The worker of {path.stem} (pid {pid}) was killed. What was committed is kept; calls that were in flight are"
        f" asked again, and may be paid for twice. `labeltui start {path.stem}` goes on.",
    )
