"""Judge stored answers again: a failed email whose answers hold a label by the task's rule gets it without a call.

Works inside the caller's transaction. The answers stay as they were stored; the attempt that held the label is recorded
as answered, and the label points to it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from itertools import groupby

from core.model import AskKind, Attempt, Outcome, Settled
from core.storage.writing.settle import add_event, advance_cursor, book_pace, label_by_model
from core.text import counted

JudgeOf = Callable[[str], str | None]
"""Return the label that a raw answer holds, or None."""

_REJUDGED = (Outcome.INVALID.value, Outcome.EMPTY.value)
"""An answer that was cut off may have been the start of another, so it stays unusable."""


def rejudged(db: sqlite3.Connection, task_version: str, judge: JudgeOf) -> Iterator[tuple[int, Attempt, Settled]]:
    """Yield what each failed email whose answers agree on a label would get: attempt id, attempt and settlement.

    Its answers are those of this version since it was last requeued. Where two of them hold different labels it stays
    failed: that would be a guess.
    """
    rows = db.execute(
        "SELECT e.id, e.reasks, a.id, a.raw_answer, a.n, a.key_alias, a.organization, a.model, a.started_at,"
        " a.latency_s"
        " FROM email AS e JOIN attempt AS a ON a.email_id = e.id WHERE e.state = 'failed' AND a.task_version = ?"
        " AND a.id > e.asked_from AND a.outcome IN (?, ?) AND coalesce(a.raw_answer, '') <> '' ORDER BY e.id, a.id",
        (task_version, *_REJUDGED),
    ).fetchall()
    for email_id, answers in groupby(rows, key=lambda row: row[0]):
        held = [(row, label) for row in answers if (label := judge(row[3])) is not None]
        if len({label for _, label in held}) != 1:
            continue
        (_, reasks, attempt_id, answer, n, alias, organization, model, started_at, latency_s), label = held[-1]
        attempt = Attempt(
            email_id, n, AskKind.ASK, alias, organization, model, task_version, started_at, latency_s,
            Outcome.ANSWERED, answer,
        )  # fmt: skip
        yield attempt_id, attempt, Settled(email_id, reasks, label=label)


def rejudge(
    db: sqlite3.Connection, task_version: str, judge: JudgeOf, *, dedupe: bool, by: str, now: float
) -> tuple[int, int]:
    """Label failed emails by their stored answers; return how many were labeled (copies included), and how many failed.

    With de-duplication the failed copies of a text get its label too.
    """
    failed = int(db.execute("SELECT count(*) FROM email WHERE state = 'failed'").fetchone()[0])
    moved = 0
    for attempt_id, attempt, settled in list(rejudged(db, task_version, judge)):
        same = (
            "content_hash = (SELECT content_hash FROM email WHERE id = ?) AND"
            " (id = ? OR NOT EXISTS (SELECT 1 FROM attempt AS a WHERE a.email_id = email.id))"
            if dedupe
            else "? AND id = ?"
        )
        db.execute(
            f"UPDATE email SET state = 'pending', failure = NULL, settled_at = NULL WHERE state = 'failed' AND {same}",
            (settled.email_id, settled.email_id),
        )
        _record_answered(db, attempt_id)
        moved += label_by_model(db, settled, attempt, attempt_id, now=now, dedupe=dedupe)
    if moved:
        advance_cursor(db)
        book_pace(db, now, labeled=moved)
        add_event(db, now, "rejudge", f"{counted(moved, 'failed text')} labeled from stored answers, says {by}")
    return moved, failed


def _record_answered(db: sqlite3.Connection, attempt_id: int) -> None:
    """Record an attempt as answered, and count it so: the triggers count attempts where they are added."""
    (before,) = db.execute("SELECT outcome FROM attempt WHERE id = ?", (attempt_id,)).fetchone()
    db.execute("UPDATE attempt SET outcome = ?, error = NULL WHERE id = ?", (Outcome.ANSWERED.value, attempt_id))
    for outcome, change in ((before, -1), (Outcome.ANSWERED.value, 1)):
        db.execute(
            "INSERT INTO total(name, value) VALUES (?, ?)"
            " ON CONFLICT(name) DO UPDATE SET value = value + excluded.value",
            (f"outcome:{outcome}", change),
        )
