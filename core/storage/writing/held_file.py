"""Open a run file for writing: under the run's lock, upgraded to this format, each write checked against the epoch.

Before an older file is upgraded, a copy of it is made beside it.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from core.errors import LabeltuiError, RunFileError, RunLostError
from core.storage.file.backup import copy_database
from core.storage.file.connection import immediately, open_writer
from core.storage.file.lock import RunLock, companion
from core.storage.file.schema_version import FORMAT_VERSION, check_format
from core.storage.file.shape import check_shape
from core.storage.writing.settle import add_event


class HeldFile:
    """Hold the file and its one writing connection. ``epoch`` counts the workers that took the run over."""

    def __init__(self, connection: sqlite3.Connection, path: Path, epoch: int) -> None:
        self.path = path
        self.epoch = epoch
        self._db = connection

    @classmethod
    def open(cls, path: Path, lock: RunLock) -> Self:
        """Open an existing run file for writing; where it is older, it is migrated after a copy was made beside it.

        Raises:
            RunFileError: no run file, a damaged one, or one from a newer version.
        """
        if not lock.held:
            raise RuntimeError("a store needs the run's lock")
        connection = open_writer(path)
        try:
            check_shape(connection, path, check_format(connection, path), writing=True)
            upgrade(connection, path)
            epoch = connection.execute("SELECT epoch FROM run").fetchone()
            return cls(connection, path, epoch[0] if epoch else 0)
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        """Fold the log into the file and close it."""
        with suppress(sqlite3.Error):  # a reader may be busy with it; the next writer folds it
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Open an immediate transaction, begun by checking that this process still owns the run."""
        with immediately(self._db):
            epoch = self._db.execute("SELECT epoch FROM run").fetchone()[0]
            if epoch != self.epoch:
                raise RunLostError(
                    f"Another worker took over the run {self.path.stem} (epoch {epoch}, this one has {self.epoch})."
                )
            yield self._db


def upgrade(connection: sqlite3.Connection, path: Path) -> Path | None:
    """Migrate an older file under the run's lock; returns where the copy from before lies, or None for a current file.

    A migration that was cut off is simply gone through again: each is one transaction, and the format's number is
    written last.

    Raises:
        RunFileError: no copy could be made, so nothing was changed; or a migration failed, and the copy is named.
    """
    from core.storage.file.schema import migrate, needs_migration  # noqa: PLC0415 - brings sqlite-utils

    version = check_format(connection, path)
    if version == FORMAT_VERSION and not needs_migration(connection):
        return None
    copy = _free_name(path)
    try:
        copy_database(connection, copy)
    except LabeltuiError as error:
        raise RunFileError(
            f"{path} is of an older format ({version}) and is only brought up to date after a copy is made, which"
            f" failed: {error}"
        ) from error
    try:
        migrate(connection)
        sentence = f"brought from format {version} to {FORMAT_VERSION}; the file as it was is {copy.name}"
        with immediately(connection):
            add_event(connection, time.time(), "format", sentence)
    except sqlite3.Error as error:
        raise RunFileError(
            f"{path} could not be brought up to date ({error}). The file as it was is {copy}."
        ) from error
    return copy


def _free_name(path: Path) -> Path:
    """Return ``enron.before-format-2.db``, with a number where that name is taken."""
    for number in count(1):
        tail = "" if number == 1 else f".{number}"
        candidate = companion(path, f".before-format-{FORMAT_VERSION}{tail}.db")
        if not candidate.exists():
            return candidate
    raise AssertionError("unreachable: counting does not end")
