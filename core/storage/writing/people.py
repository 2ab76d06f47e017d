"""What people do to emails: label, note, put back in line, skip, undo. Works inside the caller's transaction.

Each of these keeps how the emails stood before (see :mod:`core.storage.writing.undo`), so that it can be undone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from core.storage.writing.settling import add_event, advance_cursor, book_pace, not_done, storable
from core.storage.writing.undo import THESE, Undone, as_list, remember
from core.storage.writing.undo import undo as undo_entry_of

MOST_IN_A_NOTE = 2_000
"""Characters that a note keeps."""


def label(
    db: sqlite3.Connection,
    email_ids: Sequence[int],
    value: str,
    *,
    annotator: str,
    note: str,
    blind: bool,
    task_version: str,
    now: float,
) -> str | None:
    """Give emails a person's label; returns a sentence on what happened, or None where there are no such emails."""
    these = as_list(email_ids)
    first = db.execute(f"SELECT source_id, label FROM email WHERE {THESE} LIMIT 2", (these,)).fetchall()
    if not first:
        return None
    note = note[:MOST_IN_A_NOTE]
    pending = db.execute(f"SELECT count(*) FROM email WHERE state = 'pending' AND {THESE}", (these,)).fetchone()[0]
    batch = remember(db, "label", f"the label {value}", annotator, now, THESE, (these,))
    moved = db.execute(
        "UPDATE email SET state = 'labeled', label = ?, label_source = 'human', failure = NULL, settled_at = ?,"
        " reasks = CASE WHEN state = 'pending' THEN (SELECT count(*) FROM attempt AS a WHERE a.email_id = email.id"
        f" AND a.id > email.asked_from AND a.kind = 'reask' AND a.task_version = ?) ELSE reasks END WHERE {THESE}",
        (value, now, task_version, these),
    ).rowcount
    db.execute(
        "INSERT INTO label(email_id, value, source, annotator, task_version, blind, note, at)"
        f" SELECT id, ?, 'human', ?, ?, ?, ?, ? FROM email WHERE {THESE} ORDER BY id",
        (value, annotator, task_version, blind, storable(note), now, these),
    )
    db.execute(
        "UPDATE deed SET row_id = (SELECT max(id) FROM label WHERE email_id = deed.email_id AND source = 'human')"
        " WHERE batch = ?",
        (batch,),
    )
    if pending:
        book_pace(db, now, labeled=pending)
    advance_cursor(db)
    source_id, before = first[0]
    was = f", was {before}" if before is not None else ""
    sentence = f"{source_id} labeled {value} by {annotator}{was}"
    if moved > 1:
        sentence = f"{moved:,} emails labeled {value} by {annotator}"
    add_event(db, now, "human", sentence, _only(email_ids))
    return sentence


def note(db: sqlite3.Connection, email_ids: Sequence[int], text: str, *, author: str, now: float) -> str | None:
    """Put a person's note on emails, which changes nothing else; None where there are no such emails."""
    these = as_list(email_ids)
    kept = storable(text.strip()[:MOST_IN_A_NOTE]) or ""
    batch = remember(db, "note", "a note", author, now, THESE, (these,))
    written = db.execute(
        f"INSERT INTO note(email_id, text, author, at) SELECT id, ?, ?, ? FROM email WHERE {THESE} ORDER BY id",
        (kept, author, now, these),
    ).rowcount
    db.execute("UPDATE deed SET row_id = (SELECT max(id) FROM note WHERE email_id = deed.email_id) WHERE batch = ?",
               (batch,))  # fmt: skip
    if not written:
        return None
    sentence = f"note by {author} on {_emails(written)}"
    add_event(db, now, "note", sentence, _only(email_ids))
    return sentence


def requeue(db: sqlite3.Connection, email_ids: Sequence[int] | None, *, by: str, now: float) -> int:
    """Put failed emails back in line (these, or all); their history stays, their conversation begins anew."""
    which, values = "state = 'failed'", tuple[str, ...]()
    if email_ids is not None:
        which, values = f"state = 'failed' AND {THESE}", (as_list(email_ids),)
    moved = _back_in_line(db, "retry", "a retry", which, values, by, now)
    if moved:
        not_done(db, "failed emails were put back in line")
        add_event(db, now, "retry", f"{_emails(moved, 'failed ')} back in line", _only(email_ids))
    return moved


def skip(db: sqlite3.Connection, email_ids: Sequence[int], *, back: bool, by: str, now: float) -> int:
    """Take emails out of the line, or put them ``back`` into it; returns how many moved.

    Only emails in line and failed ones can be skipped. An answer that is out for one is kept as an attempt.
    """
    these = (as_list(email_ids),)
    if back:
        moved = _back_in_line(db, "retry", "taking back a skip", f"state = 'skipped' AND {THESE}", these, by, now)
    else:
        which = f"state IN ('pending', 'failed') AND {THESE}"
        remember(db, "skip", "a skip", by, now, which, these)
        change = f"UPDATE email SET state = 'skipped', failure = NULL, settled_at = ? WHERE {which}"
        moved = db.execute(change, (now, *these)).rowcount
        advance_cursor(db)
    if moved:
        if back:
            not_done(db, "skipped emails were put back in line")
        what = f"{_emails(moved)} {'back in line' if back else 'skipped'} by {by}"
        add_event(db, now, "skip", what, _only(email_ids))
    return moved


def undo(db: sqlite3.Connection, *, by: str, task_version: str, now: float) -> Undone | None:
    """Undo what this person did last, whole; None where there is nothing to undo."""
    undone = undo_entry_of(db, by, task_version=task_version, now=now)
    if undone is None:
        return None
    advance_cursor(db)
    if db.execute("SELECT 1 FROM email WHERE state = 'pending' LIMIT 1").fetchone():
        not_done(db, "emails are in line again")
    add_event(db, now, "undo", f"{undone.sentence}, by {by}", _only(undone.email_ids))
    return undone


def _back_in_line(
    db: sqlite3.Connection, kind: str, what: str, which: str, values: tuple[str, ...], by: str, now: float
) -> int:
    remember(db, kind, what, by, now, which, values)
    moved = db.execute(
        "UPDATE email SET state = 'pending', failure = NULL, reasks = 0, settled_at = NULL, asked_from ="
        f" coalesce((SELECT max(id) FROM attempt WHERE email_id = email.id), 0) WHERE {which}",
        values,
    ).rowcount
    if moved:
        advance_cursor(db)
    return moved


def _emails(count: int, kind: str = "") -> str:
    return f"{count:,} {kind}email{'' if count == 1 else 's'}"


def _only(email_ids: Sequence[int] | None) -> int | None:
    return email_ids[0] if email_ids is not None and len(email_ids) == 1 else None
