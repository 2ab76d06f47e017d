"""Deleting a run for good: only when its name was given as well, only while no worker has it, and all of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.errors import RunFileError, UsageError
from core.storage.file.companions import belongings, logs_of
from core.storage.file.lock import RunLock, companion


@dataclass(frozen=True, slots=True)
class Going:
    """What deleting a run takes away: the names of its files, and their bytes together."""

    names: tuple[str, ...]
    size_bytes: int


def what_goes(path: Path) -> Going:
    """The files that :func:`delete` would remove."""
    found = belongings(path)
    return Going(tuple(file.name for file in found), sum(file.stat().st_size for file in found if file.exists()))


def delete(path: Path, typed: str) -> Going:
    """Delete the run and everything that belongs to it; returns what went. Exports and backups stay.

    Raises:
        UsageError: ``typed`` is not the run's name.
        RunBusyError: a worker has it.
        RunFileError: there is no such run, or a file cannot be deleted.
    """
    if typed != path.stem:
        raise UsageError(f"{typed!r} is not the name of the run, which is {path.stem!r}. Nothing was deleted.")
    if not path.is_file():
        raise RunFileError(f"There is no run file at {path}.")
    lock = companion(path, ".lock")
    with RunLock(path, wait_s=0.5):
        going = what_goes(path)
        try:
            # SQLite's log first: left behind, it would be taken for the log of the next run of that name.
            for file in (*logs_of(path), path, *belongings(path)):
                if file != lock:
                    file.unlink(missing_ok=True)
            # Whoever waits for this lock notices that its file is gone, and takes another.
            lock.unlink(missing_ok=True)
        except OSError as error:
            raise RunFileError(
                f"{path.stem} could not be deleted whole ({error}). Check the permissions of {path.parent}."
            ) from error
    return going
