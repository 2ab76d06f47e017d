"""Copy a run file consistently into one file of its own, also while a worker writes to the original.

SQLite's backup copies one moment of the database. The copy is built beside its place, looked through, forced to the
disk and only then given its name, so that whatever bears that name is whole. Nothing is ever overwritten.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from core.errors import RunFileError, UsageError
from core.files import written_whole
from core.storage.file.connection import open_reader
from core.storage.file.schema_version import check_format
from core.storage.file.shape import check_shape


def copy_run(path: Path, target: Path) -> int:
    """Copy the run file at ``path`` to ``target``, readable by its owner alone; returns the size in bytes.

    Raises:
        UsageError: something of that name is there already, or its folder is not.
        RunFileError: the run cannot be read, or the copy cannot be written.
    """
    with closing(open_reader(path)) as source:
        check_shape(source, path, check_format(source, path))
        return copy_database(source, target)


def copy_database(source: sqlite3.Connection, target: Path) -> int:
    """Copy a database that is already open, in the same way."""
    if target.exists() or target.is_symlink():
        raise UsageError(f"{target} is there already. Choose another name; nothing was written.")
    if not target.parent.is_dir():
        raise UsageError(f"{target.parent} does not exist. Make that folder first, or choose another.")
    try:
        with _as_copy_trouble(target):
            with written_whole(target, new=True) as part:
                _fill(part, source)
            return target.stat().st_size
    except FileExistsError:
        raise UsageError(f"{target} was made by somebody else just now. Choose another name.") from None


@contextlib.contextmanager
def _as_copy_trouble(target: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise
    except (OSError, sqlite3.Error) as error:
        raise RunFileError(
            f"No copy could be written to {target} ({error}). Check the folder's permissions and the space on the disk;"
            " the run itself was not touched."
        ) from error


def _fill(part: Path, source: sqlite3.Connection) -> None:
    try:
        with closing(sqlite3.connect(part, isolation_level=None)) as copy:
            source.backup(copy)
            # The original's log stays with the original: the copy is one file, fit to be sent away.
            copy.execute("PRAGMA journal_mode = DELETE")
            found = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
    finally:
        part.with_name(part.name + "-journal").unlink(missing_ok=True)
    if found != "ok":
        raise RunFileError(f"The run file is damaged ({found}), and so its copy would be. `labeltui check` says more.")
