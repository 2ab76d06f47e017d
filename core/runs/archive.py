"""Taking runs out of the list without losing them: their files go to a folder beside the others, and come back.

A run is moved only while this process holds its lock, here and there, and only when all of it stands in the run file:
SQLite's log is folded in first, so that the one rename of the run file moves the run as a whole.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from core.errors import RunFileError, UsageError
from core.runs.find import ARCHIVE, is_archived
from core.settings import private_dir
from core.storage.file.companions import belongings, logs_of
from core.storage.file.connection import open_writer
from core.storage.file.lock import RunLock, companion

_FOLDED_WITHIN_S = 2.0
_POLL_S = 0.05


def archive(path: Path) -> Path:
    """Take a run out of the list; returns where its file is now.

    Raises:
        RunBusyError: a worker has it.
        UsageError: it is archived already, or another of its name is.
        RunFileError: somebody reads it for long, or a file cannot be moved.
    """
    if is_archived(path):
        raise UsageError(f"{path.stem} is archived already.")
    return _move(path, private_dir(path.parent / ARCHIVE) / path.name)


def bring_back(path: Path) -> Path:
    """Put an archived run back into the list; returns where its file is now. Raises as :func:`archive` does."""
    if not is_archived(path):
        raise UsageError(f"{path.stem} is not archived.")
    return _move(path, path.parent.parent / path.name)


def _move(path: Path, target: Path) -> Path:
    if not path.is_file():
        raise RunFileError(f"There is no run file at {path}.")
    with RunLock(path, wait_s=0.5), RunLock(target, wait_s=0.5):
        if target.exists():
            raise UsageError(
                f"There is a run {path.stem} in {target.parent} already. Delete or rename one of the two first;"
                " nothing was moved."
            )
        _fold(path)
        try:
            for leftover in logs_of(target):
                leftover.unlink(missing_ok=True)
            path.replace(target)
            lock = companion(path, ".lock")
            for file in belongings(path):
                if file != lock:
                    file.replace(target.with_name(file.name))
            lock.unlink(missing_ok=True)
        except OSError as error:
            raise RunFileError(
                f"A file of {path.stem} could not be moved from {path.parent} to {target.parent} ({error}). The run is"
                f" in {target.parent if target.exists() else path.parent}."
            ) from error
    return target


def _fold(path: Path) -> None:
    """Fold SQLite's log into the run file. A file that is no run file has none."""
    try:
        folded = _folded(path)
    except sqlite3.Error as error:
        raise RunFileError(f"{path} cannot be written ({error}); nothing was moved.") from error
    except RunFileError:
        if any(log.exists() and log.stat().st_size for log in logs_of(path)):
            raise
        return
    if not folded:
        raise RunFileError(f"{path.stem} is being read at length. Try again in a moment; nothing was moved.")


def _folded(path: Path) -> bool:
    deadline = time.monotonic() + _FOLDED_WITHIN_S
    with closing(open_writer(path)) as connection:
        while True:
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if not busy:
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_S)
