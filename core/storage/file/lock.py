"""Lock a run: only the holder writes the run file.

It is an advisory lock of the operating system on a file beside the run file, so the kernel frees it the moment its
holder dies, however it dies. The lock file is never unlinked: that would let two in.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout

from core.errors import RunBusyError, RunFileError


def busy(run_path: Path) -> RunBusyError:
    """Return the error that a run's lock is held by another process."""
    return RunBusyError(
        f"Another worker has the run {run_path.stem}. `labeltui status {run_path.stem}` shows it;"
        f" `labeltui stop {run_path.stem}` ends it."
    )


def companion(run_path: Path, suffix: str) -> Path:
    """Return the path of a file that belongs to a run: ``enron.db`` has ``enron.lock``, ``enron.control.db`` and so on.

    A run file of another ending has its whole name in them (``enron.sqlite~lock``), so that no two runs share any. A
    link has those of the file that it leads to.
    """
    real = Path(os.path.realpath(run_path))
    return real.with_name(real.stem + suffix if real.suffix == ".db" else f"{real.name}~{suffix.removeprefix('.')}")


_POLL_S = 0.02


class RunLock:
    """Lock a run while writing. ``wait_s`` bounds how long :meth:`acquire` waits for another holder to let go.

    ``taken_at`` (seconds of the wall clock) is never later than the moment from which others see it held: what was
    requested after it was requested of this holder.
    """

    def __init__(self, run_path: Path, *, wait_s: float = 2.0) -> None:
        self.run_path = run_path
        self._wait_s = wait_s
        self.taken_at = 0.0
        self._lock = FileLock(companion(run_path, ".lock"), mode=0o600, thread_local=False)

    @property
    def held(self) -> bool:
        """Return whether this object holds the lock."""
        return bool(self._lock.is_locked)

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            RunBusyError: another process kept it for all of ``wait_s``.
            RunFileError: the folder cannot be written, or its file system has no locks.
        """
        patience_ends = time.monotonic() + self._wait_s
        while not self._taken():
            if time.monotonic() >= patience_ends:
                raise busy(self.run_path)
            time.sleep(_POLL_S)

    def _taken(self) -> bool:
        """Try once."""
        self.taken_at = time.time()
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return False
        except (OSError, NotImplementedError) as error:
            why = (error.strerror if isinstance(error, OSError) else "") or str(error)
            raise RunFileError(
                f"The run {self.run_path.stem} cannot be locked for writing: {why}. Its folder, {self.run_path.parent},"
                " must be writable for you and on a disk of this machine; reading and exporting work without."
            ) from error
        return True

    def release(self) -> None:
        """Let go. Harmless when not held."""
        self._lock.release()

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def is_locked(run_path: Path) -> bool | None:
    """Return whether a process holds the run's lock at this moment: the only proof that a worker is alive.

    Looking takes the lock for an instant where it is free; whoever starts meanwhile waits that instant out. None where
    the lock cannot be looked at (a file of another user).
    """
    path = companion(run_path, ".lock")
    if not path.exists():
        return False
    lock = FileLock(path, mode=0o600, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except (OSError, NotImplementedError):
        return None
    lock.release()
    return False
