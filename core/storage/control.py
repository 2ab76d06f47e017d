"""The control file: wishes on their way to a worker.

It lies beside the run file, in rollback-journal mode. Whoever wishes appends a row; the worker only reads, and writes
what it obeyed into the run file's ``command`` table. So a console never writes to the run file while a worker lives.
"""

from __future__ import annotations

import os
import sqlite3
import uuid
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from core.storage.lock import companion

KINDS = (
    *("pause", "resume", "try", "stop", "keys", "swap", "budget", "task", "again"),
    *("retry", "label", "note", "skip", "undo"),
)
"""What can be wished of a living worker."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One wish: ``serial`` orders them in this control file, ``id`` names it everywhere."""

    serial: int
    id: str
    kind: str
    argument: str
    requested_at: float
    requested_by: str


def control_path(run_path: Path) -> Path:
    """Where the run's wishes lie."""
    return companion(run_path, ".control.db")


def _connect(path: Path) -> sqlite3.Connection:
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    connection = sqlite3.connect(path, isolation_level=None, timeout=5.0)
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS wish (serial INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL,"
        " kind TEXT NOT NULL, argument TEXT NOT NULL, requested_at REAL NOT NULL, requested_by TEXT NOT NULL)"
    )
    return connection


def post(run_path: Path, kind: str, argument: str = "", *, now: float, by: str) -> str:
    """Append a wish and return its id."""
    if kind not in KINDS:
        raise ValueError(f"unknown wish {kind!r}; known are {', '.join(KINDS)}")
    wish_id = uuid.uuid4().hex
    with closing(_connect(control_path(run_path))) as connection:
        connection.execute(
            "INSERT INTO wish(id, kind, argument, requested_at, requested_by) VALUES (?, ?, ?, ?, ?)",
            (wish_id, kind, argument, now, by),
        )
    return wish_id


class WishInbox:
    """The worker's end. :meth:`take` costs next to nothing while nobody wishes anything."""

    def __init__(self, run_path: Path) -> None:
        self._connection = _connect(control_path(run_path))
        self._version = -1
        self._serial = 0

    def take(self) -> list[Wish]:
        """Wishes not taken before, oldest first."""
        version = self._connection.execute("PRAGMA data_version").fetchone()[0]
        if version == self._version:
            return []
        rows = self._connection.execute(
            "SELECT serial, id, kind, argument, requested_at, requested_by FROM wish WHERE serial > ? ORDER BY serial",
            (self._serial,),
        ).fetchall()
        self._version = version
        wishes = [Wish(*row) for row in rows]
        if wishes:
            self._serial = wishes[-1].serial
        return wishes

    def skip_stale(self, is_known: Callable[[str], bool]) -> list[Wish]:
        """Everything that lay there before this worker began and that no worker answered: too late to obey."""
        return [wish for wish in self.take() if not is_known(wish.id)]

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
