"""Archive, restore and delete runs, with every file that belongs to one.

A run is moved only while this process holds its lock, here and there, and only when all of it stands in the run file:
SQLite's log is folded in first, so that the one rename of the run file moves the run as a whole. A run is deleted only
when its name was given as well, and only while no worker has it.
"""

from __future__ import annotations

import re
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from core.errors import RunFileError, UsageError
from core.runs.find import ARCHIVE, is_archived
from core.settings import private_dir
from core.storage.file.connection import open_writer
from core.storage.file.lock import RunLock, busy, companion, is_locked

_FOLDED_WITHIN_S = 2.0
_POLL_S = 0.05


def archive(path: Path, *, dry_run: bool = False) -> Path:
    """Take a run out of the list; returns where its file is now, or in a dry run would be.

    Raises:
        RunBusyError: a worker has it.
        UsageError: it is archived already, or another of its name is.
        RunFileError: somebody reads it for long, or a file cannot be moved.
    """
    if is_archived(path):
        raise UsageError(f"{path.stem} is archived already.")
    if dry_run:
        return _would_move(path, path.parent / ARCHIVE / path.name)
    return _move(path, private_dir(path.parent / ARCHIVE) / path.name)


def bring_back(path: Path, *, dry_run: bool = False) -> Path:
    """Put an archived run back into the list; returns where its file is now. Raises as :func:`archive` does."""
    if not is_archived(path):
        raise UsageError(f"{path.stem} is not archived.")
    return (_would_move if dry_run else _move)(path, path.parent.parent / path.name)


def _would_move(path: Path, target: Path) -> Path:
    """Return the target if the run could be moved there now; raises as :func:`_move`, without a lock of its own."""
    _refuse_what_is_no_run(path)
    if is_locked(path):
        raise busy(path)
    _refuse_taken(path, target)
    return target


def _refuse_what_is_no_run(path: Path) -> None:
    if path.is_symlink():
        raise UsageError(f"{path} is a link to {path.resolve()}: archive that run. Nothing was moved.")
    if not path.is_file():
        raise RunFileError(f"There is no run file at {path}.")


def _refuse_taken(path: Path, target: Path) -> None:
    if target.exists():
        raise UsageError(
            f"There is a run {path.stem} in {target.parent} already. Delete or rename one of the two first;"
            " nothing was moved."
        )


def _move(path: Path, target: Path) -> Path:
    _refuse_what_is_no_run(path)
    with RunLock(path, wait_s=0.5), RunLock(target, wait_s=0.5):
        _refuse_taken(path, target)
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


@dataclass(frozen=True, slots=True)
class Going:
    """Hold what deleting a run takes away: the names of its files, and their bytes together."""

    names: tuple[str, ...]
    size_bytes: int


def what_goes(path: Path) -> Going:
    """Return the files that :func:`delete` would remove."""
    if path.is_symlink():
        return Going((path.name,), 0)
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
    if path.is_symlink():
        path.unlink()  # the run that it leads to stays
        return Going((path.name,), 0)
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


_SQLITE = r"(-wal|-shm|-journal)?"


def belongings(run_path: Path) -> tuple[Path, ...]:
    """Return the files of that run which are there, by name."""
    name = re.escape(run_path.name)
    own = re.escape(run_path.stem) + r"\." if run_path.suffix == ".db" else name + "~"
    belongs = re.compile(
        rf"{name}{_SQLITE}|{own}(lock|log(\.\d+)?|copied\.txt|task-draft\.toml"
        rf"|(control|search|before-format-\d+(\.\d+)?)\.db{_SQLITE})"
    )
    return tuple(sorted(path for path in run_path.parent.iterdir() if belongs.fullmatch(path.name) and path.is_file()))


def logs_of(run_path: Path) -> tuple[Path, ...]:
    """Return what SQLite keeps beside the run file itself."""
    return tuple(run_path.with_name(run_path.name + ending) for ending in ("-wal", "-shm", "-journal"))
