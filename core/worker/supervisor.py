"""Start the one worker of a run as a process of its own, which outlives console and terminal, and wait for its end.

The lock decides who is the worker; a pid or a heartbeat is only ever shown.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import core
from core.errors import LabeltuiError, NoUsableKeyError, RunBusyError, RunFileError, disk_sentence
from core.model import PlacesWanted, RunState, Snapshot, WorkerStatus, exits
from core.settings import Settings
from core.storage.file.lock import companion
from core.storage.reading.reader import RunReader
from core.worker.kill import holds

How = tuple[int | None, PlacesWanted | None]
"""How a worker begins: how many texts it tries (None: all), and where its calls are made (None: by itself)."""

_POLL_S = 0.05

_ENDS_WITHIN_S = 15.0
"""The slowest call in flight may take longer."""


@dataclass(frozen=True, slots=True)
class Started:
    """Hold the worker that has the run; ``adopted``: it was there before; ``ended``: it is done already."""

    pid: int | None
    adopted: bool = False
    ended: bool = False


class WorkerAhead:
    """Hold a worker process that imports what it needs while its run is being made, and waits to be told the run.

    Importing takes most of the time from a worker's start to its first call. A process that is told nothing ends when
    this is closed, or its starter ends. Use it as a context manager.
    """

    def __init__(self, settings: Settings) -> None:
        """Start the process."""
        self._process: subprocess.Popen[bytes] | None = _process([], environment_of(settings), subprocess.DEVNULL)

    def tell(self, arguments: Sequence[str]) -> subprocess.Popen[bytes] | None:
        """Let the process begin with these arguments, and return it; None where it has ended, or was told before."""
        process, self._process = self._process, None
        if process is None or process.stdin is None:
            return None
        try:
            with process.stdin as told:
                told.write(json.dumps(arguments).encode() + b"\n")
        except OSError:
            return None
        return process

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            _take_note_of_end(self._process)


def log_path(run_path: Path) -> Path:
    """Return the log of the run's detached workers."""
    return companion(run_path, ".log")


def start(
    run_path: Path,
    settings: Settings,
    *,
    only: int | None = None,
    places: PlacesWanted | None = None,
    ahead: WorkerAhead | None = None,
    wait_s: float = 15.0,
) -> Started:
    """Start a detached worker, or find the one that is there, and return when it has the run.

    With ``only`` a new worker asks about so many different texts and then pauses; with ``places`` those
    make its calls. A process that was started ``ahead`` becomes the worker where one is needed.

    Raises:
        NoUsableKeyError: the worker ended at once for want of a key.
        LabeltuiError: it ended at once for another reason; the message quotes its log.
    """
    deadline = time.monotonic() + wait_s
    with RunReader(run_path) as reader:
        while (started := _started(reader, settings, (only, places), ahead, deadline)) is None:
            if time.monotonic() > deadline:
                raise RunBusyError(
                    f"Another process has held the run {run_path.stem} for {wait_s:.0f} s and is no worker of it. Do it"
                    " again when that process is done."
                )
            time.sleep(_POLL_S)
    return started


def is_proven(worker: WorkerStatus, run_path: Path) -> bool:
    """Return whether the worker that a run names has its lock, as far as is known here: commands hold it too."""
    if worker.pid is None or worker.host != socket.gethostname():
        return worker.pid is not None
    try:
        os.kill(worker.pid, 0)  # only looks: raises where there is no such process, or it is another user's
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return holds(worker.pid, run_path)


def _started(
    reader: RunReader, settings: Settings, how: How, ahead: WorkerAhead | None, deadline: float
) -> Started | None:
    """Try once; None where a command has the run for the moment."""
    run_path = reader.path
    before = reader.snapshot(time.time())
    if before.worker.alive:
        return Started(before.worker.pid, adopted=True) if is_proven(before.worker, run_path) else None
    said_before = _size(log_path(run_path))
    process = _spawn(run_path, settings, how, ahead)
    _take_note_of_end(process)
    while time.monotonic() < deadline:
        code = process.poll()
        if code is not None:
            return None if code == exits.BUSY else _ended_at_once(run_path, code, said_before)
        now = reader.snapshot(time.time())
        if now.worker.epoch > before.worker.epoch and now.worker.pid == process.pid:
            return Started(process.pid)
        time.sleep(_POLL_S)
    raise LabeltuiError(
        f"The worker of {run_path.stem} was started (pid {process.pid}) but did not take the run in time."
        f" Its log: {log_path(run_path)}"
    )


def _take_note_of_end(process: subprocess.Popen[bytes]) -> None:
    """Wait for a process in a thread: whoever started it goes on living, and an end that nobody notes is a zombie."""
    threading.Thread(target=process.wait, daemon=True, name=f"end of worker {process.pid}").start()


def environment_of(settings: Settings) -> dict[str, str]:
    """Return the environment of a process that asks: where everything lies, and which server is meant."""
    environment = dict(os.environ)
    package_root = str(Path(core.__file__).resolve().parent.parent)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (package_root, environment.get("PYTHONPATH", ""))))
    if settings.home is not None:
        environment["LABELTUI_HOME"] = str(settings.home)
    if settings.base_url:
        environment["GROQ_BASE_URL"] = settings.base_url
    return environment


def _spawn(run_path: Path, settings: Settings, how: How, ahead: WorkerAhead | None = None) -> subprocess.Popen[bytes]:
    only, places = how
    arguments = [str(run_path), *([str(only or 0)] if only is not None or places is not None else [])]
    if places is not None:
        arguments.append(json.dumps(asdict(places)))
    log = log_path(run_path)
    try:
        descriptor = os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    except OSError as error:
        raise RunFileError(
            f"The worker of {run_path.stem} cannot be started: its log, {log}, cannot be written ({error.strerror})."
            " Its folder must be writable for you; reading and exporting work without."
        ) from error
    try:
        told = ahead.tell(arguments) if ahead is not None else None
        return told or _process(arguments, environment_of(settings), descriptor)
    finally:
        os.close(descriptor)


def _process(arguments: Sequence[str], environment: dict[str, str], output: int) -> subprocess.Popen[bytes]:
    """Start a worker's process; without arguments it waits to be told them."""
    # -P: a folder named core in the operator's working directory must not come first.
    return subprocess.Popen(  # noqa: S603 - this interpreter and a path of ours
        [sys.executable, "-P", "-m", "core.worker", *arguments],
        stdin=subprocess.DEVNULL if arguments else subprocess.PIPE,
        stdout=output,
        stderr=output,
        env=environment,
        start_new_session=True,
        close_fds=True,
    )


def _ended_at_once(run_path: Path, code: int, said_before: int) -> Started:
    if code in (exits.DONE, exits.EMAILS_FAILED):
        return Started(None, ended=True)
    log = log_path(run_path)
    tail = _last_line(log, said_before) or _why_silent(log)
    if code == exits.NO_KEY:
        raise NoUsableKeyError(tail)
    raise LabeltuiError(f"The worker of {run_path.stem} ended at once (code {code}): {tail} Log: {log}")


def _size(path: Path) -> int:
    """Return the size of a file in bytes; 0 where there is none."""
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return 0


def _last_line(path: Path, begin: int) -> str:
    """Return the last message of a log behind byte ``begin``, without its time and logger; "" where there is none.

    A log that is shorter by now was begun anew.
    """
    try:
        content = path.read_bytes()
        lines = content[begin if begin <= len(content) else 0 :].decode("utf-8", "replace").strip().splitlines()
    except OSError:
        return "its log cannot be read."
    last = lines[-1] if lines else ""
    return last.partition(": ")[2] or last


def _why_silent(log: Path) -> str:
    """Return why a worker wrote nothing into its log, as far as another line in it shows."""
    try:
        with log.open("ab") as file:
            file.write(b"a worker ended at once without a message\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return f"its log cannot be written: {disk_sentence(error) or error.strerror}"
    return "it said nothing."


def is_ending(snapshot: Snapshot) -> bool:
    """Return whether a worker has the run, but is ending or has recorded its end.

    One that has only just taken the run looks the same, until it writes its first word a moment later.
    """
    if not snapshot.worker.alive or snapshot.state is RunState.STALE:
        return False
    return snapshot.wanted == "stop" or snapshot.state in (RunState.DONE, RunState.STOPPED)


def when_ended(run_path: Path, *, wait_s: float = _ENDS_WITHIN_S) -> Snapshot:
    """Return how the run is, once a worker that is ending has ended.

    Raises:
        RunBusyError: it still has calls out after ``wait_s`` seconds.
    """
    deadline = time.monotonic() + wait_s
    with RunReader(run_path) as reader:
        while is_ending(found := reader.snapshot(time.time())):
            if time.monotonic() > deadline:
                raise RunBusyError(
                    f"The worker of {run_path.stem} is still ending, calls out: {found.worker.in_flight}."
                    " Start it again when it has ended, or cut its calls off with another"
                    f" `labeltui stop {run_path.stem}`."
                )
            time.sleep(_POLL_S)
    return found
