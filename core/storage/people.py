"""What people do to emails: label, put back in line, skip. Works inside the caller's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from core.model import EmailState
from core.storage.settling import add_event, advance_cursor, book_pace, not_done


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
        " WHERE e.id = ? AND a.id > e.asked_from AND a.kind = 'reask' AND a.task_version = ?",
        (email_id, task_version),
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


def requeue(db: sqlite3.Connection, email_ids: Sequence[int] | None, *, now: float) -> int:
    """Put failed emails back in line (these, or all); their history stays, their conversation begins anew."""
    change = (
        "UPDATE email SET state = 'pending', failure = NULL, reasks = 0, asked_from ="
        " coalesce((SELECT max(id) FROM attempt WHERE email_id = email.id), 0) WHERE state = 'failed'"
    )
    if email_ids is None:
        moved = db.execute(change).rowcount
    else:
        moved = sum(db.execute(change + " AND id = ?", (number,)).rowcount for number in email_ids)
    if moved:
        advance_cursor(db)
        not_done(db, "failed emails were put back in line")
        add_event(db, now, "retry", f"{moved} failed email{'s' if moved != 1 else ''} back in line", _only(email_ids))
    return moved


def skip(db: sqlite3.Connection, email_ids: Sequence[int], *, back: bool, by: str, now: float) -> int:
    """Take emails out of the line, or put them ``back`` into it; returns how many moved.

    Only emails in line and failed ones can be skipped. An answer that is out for one is kept as an attempt.
    """
    change = "UPDATE email SET state = 'skipped', failure = NULL WHERE id = ? AND state IN ('pending', 'failed')"
    if back:
        change = (
            "UPDATE email SET state = 'pending', reasks = 0, asked_from ="
            " coalesce((SELECT max(id) FROM attempt WHERE email_id = email.id), 0) WHERE id = ? AND state = 'skipped'"
        )
    moved = sum(db.execute(change, (number,)).rowcount for number in email_ids)
    if moved:
        advance_cursor(db)
        if back:
            not_done(db, "skipped emails were put back in line")
        what = f"{moved} email{'s' if moved != 1 else ''} {'back in line' if back else 'skipped'} by {by}"
        add_event(db, now, "skip", what, _only(email_ids))
    return moved


def _only(email_ids: Sequence[int] | None) -> int | None:
    return email_ids[0] if email_ids is not None and len(email_ids) == 1 else None
