"""Record batches in the run file: packed before anything is sent, updated from the server, gathered by answers.

Works inside the caller's transaction. An email is in one open batch at most, by a unique index; ``done`` of its row is
0 while it waits, 1 once it was answered, 2 where it came back without an answer.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import fields

from core.model import LaneChoice, Parcel
from core.storage.writing.settle import add_event

_CHANGEABLE = frozenset(field.name for field in fields(Parcel)) - {"id", "nonce"}


def choose_lane(db: sqlite3.Connection, choice: LaneChoice, sentence: str, *, now: float) -> None:
    """Write how the run is to ask from now on; what was chosen of batches stays where nothing new is."""
    db.execute(
        "UPDATE run SET lane = ?, lane_by = ?, batch_size = coalesce(?, batch_size),"
        " batches_open = coalesce(?, batches_open)",
        (choice.lane, choice.by_at, choice.size, choice.most_open),
    )
    add_event(db, now, "lane", sentence)


def pack(db: sqlite3.Connection, parcel: Parcel, email_ids: Sequence[int]) -> int:
    """Write a batch with its emails, and return its number; an email that another open one holds raises."""
    names = [field.name for field in fields(Parcel) if field.name != "id"]
    row = db.execute(
        f"INSERT INTO parcel({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",
        [getattr(parcel, name) for name in names],
    )
    number = int(row.lastrowid or 0)
    db.executemany(
        "INSERT INTO parcel_email(parcel_id, email_id) VALUES (?, ?)", [(number, each) for each in email_ids]
    )
    return number


def change(db: sqlite3.Connection, parcel_id: int, values: dict[str, object]) -> None:
    """Write what became known of a batch."""
    if not values.keys() <= _CHANGEABLE:
        raise ValueError(f"a batch has no {', '.join(values.keys() - _CHANGEABLE)}")
    db.execute(
        f"UPDATE parcel SET {', '.join(f'{name} = :{name}' for name in values)} WHERE id = :parcel_id",
        {**values, "parcel_id": parcel_id},
    )


def answered(db: sqlite3.Connection, parcel_id: int, email_ids: Sequence[int]) -> None:
    """Note that these emails wait for the batch no longer: what was answered about them is committed beside it."""
    db.execute(
        "UPDATE parcel_email SET done = 1 WHERE parcel_id = ? AND done = 0"
        " AND email_id IN (SELECT value FROM json_each(?))",
        (parcel_id, json.dumps(list(email_ids))),
    )


def close(db: sqlite3.Connection, parcel_id: int, state: str, reason: str) -> int:
    """End a batch; the emails that it did not answer are pending again. Returns how many."""
    returned = db.execute("UPDATE parcel_email SET done = 2 WHERE parcel_id = ? AND done = 0", (parcel_id,)).rowcount
    db.execute("UPDATE parcel SET state = ?, reason = ? WHERE id = ?", (state, reason, parcel_id))
    return returned
