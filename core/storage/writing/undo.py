"""What people did, so that it can be undone: its state before each command.

The emails that one command changed are one batch and are undone as one. An email that changed since stays as it is.
Works inside the caller's transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from core.model import UndoEntry
from core.storage.writing.settling import storable

_KEPT = "state, label, label_source, reasks, failure, asked_from, settled_at"

THESE = "id IN (SELECT value FROM json_each(?))"
"""An SQL condition on emails; it binds :func:`as_list`."""

_STANDS = {
    "label": (
        "e.label_source = 'human' AND deed.row_id = (SELECT max(id) FROM label"
        " WHERE email_id = e.id AND source = 'human')"
    ),
    "skip": "e.state = 'skipped'",
    "retry": (
        "e.state = 'pending' AND e.asked_from = (SELECT coalesce(max(id), 0) FROM attempt WHERE email_id = e.id)"
    ),
    "note": "1",
}
"""For each kind: whether an email still is what the undo entry made of it."""


@dataclass(frozen=True, slots=True)
class Undone:
    """What was undone: the emails that are as they were, and how many changed since and were left."""

    undo_entry: UndoEntry
    email_ids: tuple[int, ...]
    left: int

    @property
    def sentence(self) -> str:
        """For people."""
        count = len(self.email_ids)
        left = f"; {self.left:,} changed since and stay as they are" if self.left else ""
        return f"undone: {self.undo_entry.what} ({count:,} email{'' if count == 1 else 's'} as before{left})"


def as_list(email_ids: Sequence[int]) -> str:
    """Numbers of emails as one value for :data:`THESE`."""
    return json.dumps(list(email_ids))


def remember(
    db: sqlite3.Connection, kind: str, what: str, author: str, now: float, which: str, values: Sequence[object]
) -> int:
    """Keep how the emails that ``which`` picks stand now; returns the batch."""
    batch = int(db.execute("SELECT coalesce(max(batch), 0) + 1 FROM deed").fetchone()[0])
    db.execute(
        f"INSERT INTO deed(batch, kind, what, author, at, email_id, {_KEPT})"
        f" SELECT ?, ?, ?, ?, ?, id, {_KEPT} FROM email WHERE {which}",
        (batch, kind, storable(what), author, now, *values),
    )
    return batch


def last_undo_entry(db: sqlite3.Connection, author: str) -> UndoEntry | None:
    """What this person did last and has not undone, or None."""
    row = db.execute(
        "SELECT batch, kind, what, at FROM deed WHERE author = ? AND undone IS NULL ORDER BY batch DESC LIMIT 1",
        (author,),
    ).fetchone()
    if row is None:
        return None
    count = db.execute("SELECT count(*) FROM deed WHERE batch = ?", (row[0],)).fetchone()[0]
    return UndoEntry(row[0], row[1], row[2], row[3], count)


def undo(db: sqlite3.Connection, author: str, *, task_version: str, now: float) -> Undone | None:
    """Undo what this person did last; None where there is nothing."""
    undo_entry = last_undo_entry(db, author)
    if undo_entry is None:
        return None
    db.execute(
        "UPDATE deed SET undone = CASE WHEN EXISTS (SELECT 1 FROM email AS e WHERE e.id = deed.email_id AND "
        f"{_STANDS[undo_entry.kind]}) THEN 'undone' ELSE 'left' END WHERE batch = ?",
        (undo_entry.batch,),
    )
    rows = db.execute("SELECT email_id, undone FROM deed WHERE batch = ? ORDER BY id", (undo_entry.batch,)).fetchall()
    undone = tuple(email_id for email_id, how in rows if how == "undone")
    which = "id IN (SELECT row_id FROM deed WHERE batch = ? AND undone = 'undone')"
    if undo_entry.kind == "note":
        db.execute(f"UPDATE note SET undone_at = ? WHERE {which}", (now, undo_entry.batch))
        return Undone(undo_entry, undone, len(rows) - len(undone))
    if undo_entry.kind == "label":
        db.execute(f"UPDATE label SET source = 'undone' WHERE {which}", (undo_entry.batch,))
    kept = ", ".join(f"{name} = d.{name}" for name in _KEPT.split(", "))
    db.execute(
        f"UPDATE email SET {kept} FROM deed AS d WHERE d.batch = ? AND d.undone = 'undone' AND d.email_id = email.id",
        (undo_entry.batch,),
    )
    # The model may have answered while a person's label stood: that answer counts, and is not asked for again.
    db.execute(
        "UPDATE email SET state = 'labeled', label = l.value, label_source = l.source, failure = NULL,"
        " settled_at = l.at FROM label AS l JOIN deed AS d ON d.email_id = l.email_id WHERE d.batch = ?"
        " AND d.undone = 'undone' AND l.source IN ('model', 'copy') AND l.task_version = ? AND email.id = l.email_id"
        " AND email.state IN ('pending', 'failed')",
        (undo_entry.batch, task_version),
    )
    return Undone(undo_entry, undone, len(rows) - len(undone))
