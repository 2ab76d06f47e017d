"""Record commands that were answered, with what came of each: the run file's side of the control file."""

from __future__ import annotations

import sqlite3

from core.model import CommandRecord
from core.storage.file.control import CommandRow

_COLUMNS = "id, kind, argument, requested_at, acknowledged_at, result"
_NEWEST = 20


def note(db: sqlite3.Connection, command: CommandRow, argument: str, result: str, *, now: float) -> None:
    """Record a command as handled, with that argument. Works inside the caller's transaction."""
    db.execute(
        "INSERT OR REPLACE INTO command(id, kind, argument, requested_at, requested_by, acknowledged_at, result)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (command.id, command.kind, argument, command.requested_at, command.requested_by, now, result),
    )


def answer_to(db: sqlite3.Connection, command_id: str) -> CommandRecord | None:
    """Return what became of one command, or None while no worker has answered it."""
    row = db.execute(f"SELECT {_COLUMNS} FROM command WHERE id = ?", (command_id,)).fetchone()
    return CommandRecord(*row) if row else None


def newest_answers(db: sqlite3.Connection) -> tuple[CommandRecord, ...]:
    """Return the commands that were answered last, newest first."""
    rows = db.execute(f"SELECT {_COLUMNS} FROM command ORDER BY rowid DESC LIMIT ?", (_NEWEST,)).fetchall()
    return tuple(CommandRecord(*row) for row in rows)
