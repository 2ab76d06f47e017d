"""A run file that is open for writing: opened under the run's lock, and each write checked against the run's epoch."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from core.errors import RunLostError
from core.storage.file.connection import immediately, open_writer
from core.storage.file.lock import RunLock
from core.storage.file.upgrade import upgrade


class HeldFile:
    """The file and its one writing connection. ``epoch`` counts the workers that took the run over."""

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
        """One immediate transaction, begun by checking that this process still owns the run."""
        with immediately(self._db):
            epoch = self._db.execute("SELECT epoch FROM run").fetchone()[0]
            if epoch != self.epoch:
                raise RunLostError(
                    f"Another worker took over the run {self.path.stem} (epoch {epoch}, this one has {self.epoch})."
                )
            yield self._db
