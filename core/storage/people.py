"""What people do to emails: label them, put failed ones back in line. Works inside the caller's transaction."""

from __future__ import annotations

import sqlite3

from core.model import EmailState
from core.storage.settling import add_event, advance_cursor, book_pace


def label(
    db: sqlite3.Connection,
    email_id: int,
    value: str,
    *,
    annotator: str,
    note: str,
    blind: bool,
    task_version: str,
    now: float,
) -> str | None:
    """Give an email a person's label; returns a sentence on what happened, or None where there is no such email."""
    row = db.execute("SELECT source_id, label, state FROM email WHERE id = ?", (email_id,)).fetchone()
    if row is None:
        return None
    source_id, before, state = row
    reasks = db.execute(
        "SELECT count(*) FROM attempt AS a JOIN email AS e ON e.id = a.email_id"
        " WHERE e.id = ? AND a.id > e.asked_from AND a.kind = 'reask'",
        (email_id,),
    ).fetchone()[0]
    db.execute(
        "UPDATE email SET state = 'labeled', label = ?, label_source = 'human', failure = NULL,"
        " reasks = CASE WHEN state = 'pending' THEN ? ELSE reasks END WHERE id = ?",
        (value, reasks, email_id),
    )
    db.execute(
        "INSERT INTO label(email_id, value, source, annotator, task_version, blind, note, at)"
        " VALUES (?, ?, 'human', ?, ?, ?, ?, ?)",
        (email_id, value, annotator, task_version, blind, note, now),
    )
    if state == EmailState.PENDING:
        book_pace(db, now, labeled=1)
    advance_cursor(db)
    was = f", was {before}" if before is not None else ""
    sentence = f"{source_id} labeled {value} by {annotator}{was}"
    add_event(db, now, "human", sentence, email_id)
    return sentence


def requeue(db: sqlite3.Connection, email_id: int | None, *, now: float) -> int:
    """Put failed emails back in line (one, or all); their history stays, their conversation begins anew."""
    where = "state = 'failed'"
    values: tuple[int, ...] = ()
    if email_id is not None:
        where, values = "state = 'failed' AND id = ?", (email_id,)
    moved = db.execute(
        "UPDATE email SET state = 'pending', failure = NULL, reasks = 0, asked_from ="
        f" coalesce((SELECT max(id) FROM attempt WHERE email_id = email.id), 0) WHERE {where}",
        values,
    ).rowcount
    if moved:
        advance_cursor(db)
        db.execute(
            "UPDATE run SET finished_at = NULL, state = CASE state WHEN 'done' THEN 'stopped' ELSE state END,"
            " reason = CASE state WHEN 'done' THEN 'failed emails were put back in line' ELSE reason END"
        )
        add_event(db, now, "retry", f"{moved} failed email{'s' if moved != 1 else ''} back in line", email_id)
    return moved
