"""Statements that settle emails. Each works inside the caller's transaction and touches nothing outside it.

With de-duplication, whatever settles an email settles the others in line with the same text: a label is copied to them,
each with a row of its own, and a failure fails them too, since the same question would meet the same end.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from core.model import Attempt, Settled
from core.storage.file.rows import slice_of


def add_attempt(db: sqlite3.Connection, attempt: Attempt, epoch: int) -> int:
    """Record one call; returns the row's id."""
    cursor = db.execute(
        "INSERT INTO attempt(email_id, n, kind, key_alias, organization, model, task_version, started_at, latency_s,"
        " outcome, raw_answer, error, prompt_tokens, completion_tokens, request_id, reply_model,"
        " system_fingerprint, epoch)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            attempt.email_id,
            attempt.n,
            attempt.kind.value,
            attempt.key_alias,
            attempt.organization,
            attempt.model,
            attempt.task_version,
            attempt.started_at,
            attempt.latency_s,
            attempt.outcome.value,
            storable(attempt.raw_answer),
            storable(attempt.error),
            attempt.prompt_tokens,
            attempt.completion_tokens,
            attempt.request_id,
            storable(attempt.reply_model),
            storable(attempt.system_fingerprint),
            epoch,
        ),
    )
    return int(cursor.lastrowid or 0)


def label_by_model(
    db: sqlite3.Connection, settled: Settled, attempt: Attempt, attempt_id: int, *, now: float, dedupe: bool
) -> int:
    """Settle an email with the model's label, and its twins with copies of it; returns how many were settled.

    An email that a person settled already keeps what it has; the model's label is recorded all the same, but not beside
    one of the model that is in force: that would be the newer of both.
    """
    others = twins(db, settled.email_id) if dedupe else []
    moved = db.execute(
        "UPDATE email SET state = 'labeled', label = ?, label_source = 'model', reasks = ?, failure = NULL,"
        " settled_at = ? WHERE id = ? AND state = 'pending'",
        (settled.label, settled.reasks, now, settled.email_id),
    ).rowcount
    if not moved and _has_models_label(db, settled.email_id):
        return 0
    db.execute(
        "INSERT OR IGNORE INTO label(email_id, value, source, annotator, attempt_id, task_version, at)"
        " VALUES (?, ?, 'model', ?, ?, ?, ?)",
        (settled.email_id, settled.label, attempt.model, attempt_id, attempt.task_version, now),
    )
    show_label_in_force(db, [settled.email_id])
    return moved + copy_label(db, others, settled.label or "", attempt_id, attempt.task_version, now)


def _has_models_label(db: sqlite3.Connection, email_id: int) -> bool:
    query = "SELECT 1 FROM email WHERE id = ? AND state = 'labeled' AND label_source <> 'human'"
    return db.execute(query, (email_id,)).fetchone() is not None


def copy_label(
    db: sqlite3.Connection, email_ids: Sequence[int], value: str, attempt_id: int | None, version: str, now: float
) -> int:
    """Give emails in line the label that the model gave to the same text; returns how many were settled."""
    moved = 0
    for email_id in email_ids:
        moved += db.execute(
            "UPDATE email SET state = 'labeled', label = ?, label_source = 'copy', reasks = 0, failure = NULL,"
            " settled_at = ? WHERE id = ? AND state = 'pending'",
            (value, now, email_id),
        ).rowcount
        db.execute(
            "INSERT OR IGNORE INTO label(email_id, value, source, annotator, attempt_id, task_version, at)"
            " VALUES (?, ?, 'copy', NULL, ?, ?, ?)",
            (email_id, value, attempt_id, version, now),
        )
    show_label_in_force(db, email_ids)
    return moved


def show_label_in_force(db: sqlite3.Connection, email_ids: Sequence[int]) -> None:
    """Give labeled emails the label in force: the newest one of a person, else the newest of the model."""
    db.execute(
        "UPDATE email SET label = l.value, label_source = l.source FROM label AS l"
        " WHERE email.id IN (SELECT value FROM json_each(?)) AND email.state = 'labeled' AND l.id ="
        " (SELECT id FROM label WHERE email_id = email.id AND source IN ('human', 'model', 'copy')"
        " ORDER BY source = 'human' DESC, id DESC LIMIT 1)"
        " AND (email.label IS NOT l.value OR email.label_source IS NOT l.source)",
        (json.dumps(list(email_ids)),),
    )


def fail(db: sqlite3.Connection, settled: Settled, key_alias: str, *, now: float, dedupe: bool) -> int:
    """Fail an email in line and its twins; returns how many failed."""
    others = twins(db, settled.email_id) if dedupe else []
    change = (
        "UPDATE email SET state = 'failed', reasks = ?, failure = ?, settled_at = ? WHERE id = ? AND state = 'pending'"
    )
    moved = db.execute(change, (settled.reasks, settled.failure, now, settled.email_id)).rowcount
    if not moved:
        return 0
    for twin in others:
        moved += db.execute(change, (0, settled.failure, now, twin)).rowcount
    copies = f" (and {len(others)} with the same text)" if others else ""
    add_event(db, now, "failed", f"{settled.failure}{copies}", settled.email_id, key_alias)
    return moved


def twins(db: sqlite3.Connection, email_id: int) -> list[int]:
    """Other emails in line with the same text."""
    rows = db.execute(
        "SELECT id FROM email WHERE state = 'pending' AND id <> ?"
        " AND content_hash = (SELECT content_hash FROM email WHERE id = ?)",
        (email_id, email_id),
    ).fetchall()
    return [row[0] for row in rows]


def advance_cursor(db: sqlite3.Connection) -> None:
    """Move the cursor to the first email that is not settled, or behind the last."""
    db.execute(
        "UPDATE run SET cursor = coalesce((SELECT min(position) FROM email WHERE state = 'pending'),"
        " (SELECT count(*) FROM email))"
    )


def not_done(db: sqlite3.Connection, reason: str) -> None:
    """A run that was done is so no more: something is in line again, for that reason."""
    db.execute(
        "UPDATE run SET finished_at = NULL, reason = CASE state WHEN 'done' THEN ? ELSE reason END,"
        " state = CASE state WHEN 'done' THEN 'stopped' ELSE state END",
        (reason,),
    )


def book_pace(
    db: sqlite3.Connection,
    now: float,
    *,
    labeled: int = 0,
    failed: int = 0,
    calls: int = 0,
    waited_s: float = 0.0,
) -> None:
    """Add to the slice of time that ``now`` lies in."""
    db.execute(
        "INSERT INTO pace(at, labeled, failed, calls, waited_s) VALUES (?, ?, ?, ?, ?) ON CONFLICT(at) DO UPDATE SET"
        " labeled = labeled + excluded.labeled, failed = failed + excluded.failed, calls = calls + excluded.calls,"
        " waited_s = waited_s + excluded.waited_s",
        (slice_of(now), labeled, failed, calls, waited_s),
    )


def add_event(
    db: sqlite3.Connection, now: float, kind: str, text: str, email_id: int | None = None, key_alias: str = ""
) -> None:
    """Note something for people."""
    db.execute(
        "INSERT INTO event(at, kind, text, email_id, key_alias) VALUES (?, ?, ?, ?, ?)",
        (now, kind, storable(text), email_id, key_alias),
    )


def storable(text: str | None) -> str | None:
    """Text that UTF-8 can hold: a lone surrogate in an answer must not stop the answer from being kept."""
    if text is None or text.isascii():
        return text
    return text.encode("utf-8", "replace").decode("utf-8")
