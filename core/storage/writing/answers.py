"""What the worker's answers do to a run: each with its attempt, its label or failure, the totals and the cursor.

Works inside the caller's transaction, so that an answer is in the run file whole or not at all.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from core.model import Attempt, Settled
from core.storage.writing.settling import add_attempt, advance_cursor, book_pace, copy_label, fail, label_by_model


@dataclass(frozen=True, slots=True)
class Answer:
    """One call and, where it ends the email's wait, what settles it."""

    attempt: Attempt
    settled: Settled | None = None


def commit(
    db: sqlite3.Connection, answers: Sequence[Answer], *, epoch: int, task_version: str, dedupe: bool, now: float
) -> int:
    """Record answers, and return how many emails they settled (copies included).

    An email that is settled already (a person was quicker) keeps its state; the attempt is recorded all the same.
    Of a call that was out when another version of the task came in force, a label counts, for this email alone;
    where there is none, the email is asked anew.
    """
    settled = failed = 0
    for answer in answers:
        attempt_id = add_attempt(db, answer.attempt, epoch)
        if answer.settled is None:
            continue
        in_force = answer.attempt.task_version == task_version
        if answer.settled.label is not None:
            settled += label_by_model(
                db, answer.settled, answer.attempt, attempt_id, now=now, dedupe=dedupe and in_force
            )
        elif in_force:
            failed += fail(db, answer.settled, answer.attempt.key_alias, now=now, dedupe=dedupe)
    book_pace(db, now, labeled=settled, failed=failed, calls=len(answers))
    if settled or failed:
        advance_cursor(db)
    db.execute("UPDATE run SET heartbeat_at = max(coalesce(heartbeat_at, 0), ?)", (now,))
    return settled + failed


def fail_unasked(db: sqlite3.Connection, email_id: int, failure: str, *, reasks: int, dedupe: bool, now: float) -> int:
    """Fail an email (and those with the same text) that no call can be made for; returns how many failed."""
    moved = fail(db, Settled(email_id, reasks, failure=failure), "", now=now, dedupe=dedupe)
    book_pace(db, now, failed=moved)
    advance_cursor(db)
    return moved


@dataclass(frozen=True, slots=True)
class TextLabel:
    """The label that the model gave to a text, and the attempt that it came from."""

    value: str
    attempt_id: int | None


def label_of_text(db: sqlite3.Connection, content_hash: str, task_version: str) -> TextLabel | None:
    """What the model said of a text in this version of the task, or None; needs no transaction."""
    row = db.execute(
        "SELECT l.value, l.attempt_id FROM label AS l JOIN email AS e ON e.id = l.email_id"
        " WHERE e.content_hash = ? AND l.source = 'model' AND l.task_version = ? LIMIT 1",
        (content_hash, task_version),
    ).fetchone()
    return TextLabel(*row) if row else None


def copy_to(db: sqlite3.Connection, email_id: int, known: TextLabel, *, task_version: str, now: float) -> bool:
    """Settle an email with the label of its text, without a call; False where it was settled meanwhile."""
    moved = copy_label(db, [email_id], known.value, known.attempt_id, task_version, now)
    book_pace(db, now, labeled=moved)
    advance_cursor(db)
    return moved == 1
