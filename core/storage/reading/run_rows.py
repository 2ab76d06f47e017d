"""Read single rows beside the emails: answered commands, batches and the lane, the last change of a person."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from core.model import LANES, CommandRecord, LaneChoice, LastChange, Parcel
from core.storage.file.rows import NOT_WITHDRAWN, record

_COLUMNS = "id, kind, argument, requested_at, acknowledged_at, result"
_NEWEST = 20
_PARCEL = ", ".join(field.name for field in fields(Parcel))


def answer_to(db: sqlite3.Connection, command_id: str) -> CommandRecord | None:
    """Return what became of one command, or None while no worker has answered it."""
    row = db.execute(f"SELECT {_COLUMNS} FROM command WHERE id = ?", (command_id,)).fetchone()
    return CommandRecord(*row) if row else None


def newest_answers(db: sqlite3.Connection) -> tuple[CommandRecord, ...]:
    """Return the commands that were answered last, newest first."""
    rows = db.execute(f"SELECT {_COLUMNS} FROM command ORDER BY rowid DESC LIMIT ?", (_NEWEST,)).fetchall()
    return tuple(CommandRecord(*row) for row in rows)


def lane_of(db: sqlite3.Connection) -> LaneChoice:
    """Return how the run is to ask, also from a file of an older format."""
    return lane_from(record(db.execute("SELECT * FROM run")))


def lane_from(run: Mapping[str, Any]) -> LaneChoice:
    """Return how a run is to ask by its row, which has fewer columns in an older format."""
    lane = run.get("lane")
    return LaneChoice(
        lane if lane in LANES else "live", run.get("lane_by"), run.get("batch_size"), run.get("batches_open")
    )


def parcels(db: sqlite3.Connection, *, only_open: bool) -> list[Parcel]:
    """Return the batches, oldest first."""
    where = " WHERE state IN ('packed', 'sent', 'gathering')" if only_open else ""
    return [Parcel(*row) for row in db.execute(f"SELECT {_PARCEL} FROM parcel{where} ORDER BY id").fetchall()]


def newest_parcels(db: sqlite3.Connection, most: int = 50) -> list[Parcel]:
    """Return the newest batches, oldest first."""
    rows = db.execute(f"SELECT {_PARCEL} FROM parcel ORDER BY id DESC LIMIT ?", (most,)).fetchall()
    return [Parcel(*row) for row in reversed(rows)]


def email_ids_of(db: sqlite3.Connection, parcel_id: int) -> list[int]:
    """Return the emails that wait for a batch, in the order of their numbers."""
    rows = db.execute("SELECT email_id FROM parcel_email WHERE parcel_id = ? AND done = 0", (parcel_id,)).fetchall()
    return [row[0] for row in rows]


def last_change(db: sqlite3.Connection, author: str) -> LastChange | None:
    """Return what this person did last and has not taken back, or None."""
    row = db.execute(
        f"SELECT batch, kind, what, at FROM deed WHERE author = ? AND {NOT_WITHDRAWN} ORDER BY batch DESC LIMIT 1",
        (author,),
    ).fetchone()
    if row is None:
        return None
    count = db.execute("SELECT count(*) FROM deed WHERE batch = ?", (row[0],)).fetchone()[0]
    return LastChange(row[0], row[1], row[2], row[3], count)
