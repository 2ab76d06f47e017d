"""Pass commands to a worker through the control file.

It lies beside the run file, in rollback-journal mode. Whoever commands appends a row; the worker only reads, and writes
what it handled into the run file's ``command`` table. So a console never writes to the run file while a worker has it.
"""

from __future__ import annotations

import os
import sqlite3
import uuid
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from core.storage.file.lock import companion

WATCHED = 20
"""How many of the newest commands :class:`CommandWatch` returns."""


@dataclass(frozen=True, slots=True)
class CommandRow:
    """Hold one command as it was posted: ``serial`` orders them in this control file, ``id`` names it everywhere."""

    serial: int
    id: str
    kind: str
    argument: str
    requested_at: float
    requested_by: str


def control_path(run_path: Path) -> Path:
    """Return where the run's commands lie."""
    return companion(run_path, ".control.db")


def _connect(path: Path) -> sqlite3.Connection:
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    connection = sqlite3.connect(path, isolation_level=None, timeout=5.0)
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS command (serial INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL,"
        " kind TEXT NOT NULL, argument TEXT NOT NULL, requested_at REAL NOT NULL, requested_by TEXT NOT NULL)"
    )
    return connection


def post(run_path: Path, kind: str, argument: str = "", *, now: float, by: str) -> str:
    """Append a command and return its id."""
    command_id = uuid.uuid4().hex
    with closing(_connect(control_path(run_path))) as connection:
        connection.execute(
            "INSERT INTO command(id, kind, argument, requested_at, requested_by) VALUES (?, ?, ?, ?, ?)",
            (command_id, kind, argument, now, by),
        )
    return command_id


class CommandInbox:
    """Take commands, as the worker. :meth:`take` costs next to nothing while nobody sends any."""

    def __init__(self, run_path: Path) -> None:
        self._connection = _connect(control_path(run_path))
        self._version = -1
        self._serial = 0

    def take(self) -> list[CommandRow]:
        """Return commands not taken before, oldest first."""
        version = self._connection.execute("PRAGMA data_version").fetchone()[0]
        if version == self._version:
            return []
        rows = self._connection.execute(
            "SELECT serial, id, kind, argument, requested_at, requested_by FROM command"
            " WHERE serial > ? ORDER BY serial",
            (self._serial,),
        ).fetchall()
        self._version = version
        commands = [CommandRow(*row) for row in rows]
        if commands:
            self._serial = commands[-1].serial
        return commands

    def skip_stale(self, is_known: Callable[[str], bool], before: float) -> list[CommandRow]:
        """Return the commands requested ``before`` this worker began that no worker answered; later commands stay."""
        rows = self._connection.execute(
            "SELECT serial, id, kind, argument, requested_at, requested_by FROM command WHERE requested_at < ?"
            " ORDER BY serial",
            (before,),
        ).fetchall()
        commands = [CommandRow(*row) for row in rows]
        if commands:
            self._serial = commands[-1].serial
        return [command for command in commands if not is_known(command.id)]

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


class CommandWatch:
    """Watch what anybody requested of the worker. A look costs next to nothing while nobody does."""

    def __init__(self, run_path: Path) -> None:
        self._path = control_path(run_path)
        self._connection: sqlite3.Connection | None = None
        self._version = -1
        self._commands: tuple[CommandRow, ...] = ()

    def newest(self) -> tuple[CommandRow, ...]:
        """Return the newest commands, oldest first; those of the last look while the file is busy or cannot be read."""
        try:
            if self._connection is None:
                if not self._path.exists():
                    return ()
                uri = f"{self._path.absolute().as_uri()}?mode=ro"
                self._connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=0.05)
            version = self._connection.execute("PRAGMA data_version").fetchone()[0]
            if version != self._version:
                rows = self._connection.execute(
                    "SELECT serial, id, kind, argument, requested_at, requested_by FROM command"
                    " ORDER BY serial DESC LIMIT ?",
                    (WATCHED,),
                ).fetchall()
                self._commands, self._version = tuple(CommandRow(*row) for row in reversed(rows)), version
        except (sqlite3.Error, OSError):
            self.close()
        return self._commands

    def close(self) -> None:
        """Close the file; the next look opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self._version = -1
