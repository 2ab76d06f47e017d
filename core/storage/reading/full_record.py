"""The full record of one email, read from a run file: its text, attempts, labels and notes, and its twin's attempts."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import Any

from core.model import (
    AskKind,
    Attempt,
    EmailRecord,
    EmailRow,
    LabelRecord,
    NoteRecord,
    Outcome,
    Twin,
)
from core.storage.file.rows import NOTE_STANDS


def full_record(db: sqlite3.Connection, row: EmailRow, *, noted: bool) -> EmailRecord:
    """Everything about the email of that row; ``noted`` says that the file can hold notes."""
    text, raw = db.execute("SELECT text, raw FROM body WHERE email_id = ?", (row.id,)).fetchone()
    attempts = _attempts(db, row.id)
    labels = db.execute(
        "SELECT value, source, annotator, task_version, blind, note, at FROM label WHERE email_id = ? ORDER BY id",
        (row.id,),
    ).fetchall()
    notes: list[tuple[str, str, float]] = []
    if noted:
        notes = db.execute(
            f"SELECT text, author, at FROM note WHERE email_id = ? AND {NOTE_STANDS} ORDER BY id", (row.id,)
        ).fetchall()
    copies = db.execute(
        "SELECT count(*) - 1 FROM email WHERE content_hash = (SELECT content_hash FROM email WHERE id = ?)", (row.id,)
    ).fetchone()[0]
    return EmailRecord(
        row=row,
        text=text,
        raw=raw,
        attempts=attempts,
        labels=tuple(
            LabelRecord(value, source, annotator or "", version or "", bool(blind), note or "", at)
            for value, source, annotator, version, blind, note, at in labels
        ),
        copies=copies,
        notes=tuple(NoteRecord(*note) for note in notes),
        twin=_twin(db, row.id) if copies and not attempts else None,
    )


def _twin(db: sqlite3.Connection, email_id: int) -> Twin | None:
    """The email of the same text that was asked about last."""
    row = db.execute(
        "SELECT e.id, e.position, e.source_id FROM email AS e JOIN attempt AS a ON a.email_id = e.id"
        " WHERE e.content_hash = (SELECT content_hash FROM email WHERE id = ?) ORDER BY a.id DESC LIMIT 1",
        (email_id,),
    ).fetchone()
    return Twin(row[1], row[2], _attempts(db, row[0])) if row else None


def _attempts(db: sqlite3.Connection, email_id: int) -> tuple[Attempt, ...]:
    identity = "NULL, NULL"
    if any(row[1] == "reply_model" for row in db.execute("PRAGMA table_info(attempt)")):
        identity = "reply_model, system_fingerprint"
    rows = db.execute(
        "SELECT email_id, n, kind, key_alias, organization, model, task_version, started_at, latency_s, outcome,"
        " raw_answer, error, prompt_tokens, completion_tokens, request_id,"
        f" {identity} FROM attempt WHERE email_id = ?"
        " ORDER BY id",
        (email_id,),
    ).fetchall()
    return tuple(_attempt(values) for values in rows)


def _attempt(values: tuple[Any, ...]) -> Attempt:
    attempt = Attempt(*values)
    return replace(attempt, kind=AskKind(attempt.kind), outcome=Outcome(attempt.outcome))
