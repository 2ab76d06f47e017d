"""Send a signal to the worker of a run: only ever to the process that holds this run's lock.

It ends a worker that answers no command, and pauses, resumes or stops one where the control file cannot be written. A
pid in a run file may be stale, of another machine, or by now belong to a program of somebody else. So the process is
pinned first, then proven to hold the lock, then signaled: the pid cannot change its owner in between where the system
has process handles (Linux), and hardly where it has not.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import LabeltuiError
from core.storage.file.lock import companion, is_locked
from core.storage.reading.reader import RunReader

if TYPE_CHECKING:
    from collections.abc import Iterator

_GONE_WITHIN_S = 5.0
_POLL_S = 0.02
_PROC = Path("/proc")


def kill_holder(run_path: Path) -> int | None:
    """Kill the worker of a run at once; returns its pid, or None where no process holds the run.

    What was committed stays; calls that were out may be paid for twice.

    Raises:
        LabeltuiError: the worker is on another machine or belongs to somebody else, or its pid cannot be proven.
    """
    pid = signal_holder(run_path, signal.SIGKILL)
    if pid is None:
        return None
    deadline = time.monotonic() + _GONE_WITHIN_S
    while is_locked(run_path):
        if time.monotonic() > deadline:
            raise LabeltuiError(f"Process {pid} was killed, but the lock of {run_path.stem} is still held.")
        time.sleep(_POLL_S)
    return pid


def signal_holder(run_path: Path, number: signal.Signals) -> int | None:
    """Send a signal to the worker of a run; return its pid, or None where no process holds the run.

    Raises:
        LabeltuiError: the worker is on another machine or belongs to somebody else, or its pid cannot be proven.
    """
    if not is_locked(run_path):
        return None
    with RunReader(run_path) as reader:
        worker = reader.snapshot(time.time()).worker
    here = socket.gethostname()
    if worker.pid is None or (worker.host and worker.host != here):
        raise LabeltuiError(
            f"The worker of {run_path.stem} runs on {worker.host or 'an unknown machine'}, not on {here}. End it there."
        )
    with _pinned(worker.pid, number) as send:
        if not holds(worker.pid, run_path):
            raise LabeltuiError(
                f"The lock of {run_path.stem} is held, but not provably by process {worker.pid}, so nothing was done to"
                f" it. See who holds {companion(run_path, '.lock')} (`lsof` or `fuser` show it) and end it by hand."
            )
        send()
    return worker.pid


@contextmanager
def _pinned(pid: int, number: signal.Signals) -> Iterator[Callable[[], None]]:
    """Yield a function that signals the process that has the pid now, and no later one where the system offers that."""
    try:
        handle = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None
    except OSError:  # no such process, or an older kernel
        handle = None
    try:
        yield lambda: _signal(pid, handle, number)
    finally:
        if handle is not None:
            os.close(handle)


def _signal(pid: int, handle: int | None, number: signal.Signals) -> None:
    try:
        if handle is not None:
            signal.pidfd_send_signal(handle, number)
        else:
            os.kill(pid, number)
    except ProcessLookupError:
        return
    except PermissionError:
        raise LabeltuiError(f"Process {pid} belongs to somebody else; nothing was done to it.") from None


def holds(pid: int, run_path: Path) -> bool:
    """Return whether the process has the run's lock file open, or runs a worker of this run where that is unseen."""
    lock = companion(run_path, ".lock")
    if _PROC.joinpath("self", "fd").is_dir():
        with suppress(OSError):
            wanted = lock.stat()
            for descriptor in _PROC.joinpath(str(pid), "fd").iterdir():
                with suppress(OSError):
                    if os.path.samestat(descriptor.stat(), wanted):
                        return True
        return False
    shown = subprocess.run(  # noqa: S603 - a number of ours
        ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout
    return "core.worker" in shown and run_path.name in shown
