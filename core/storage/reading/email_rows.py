"""Read emails from a run file: pages in work order, rows by their numbers, the full record of one."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.errors import RunFileError
from core.model import (
    AskKind,
    Attempt,
    EmailRecord,
    EmailRow,
    EmailState,
    LabelRecord,
    NoteRecord,
    Outcome,
    SourceEmail,
    Twin,
    orders_among,
)
from core.storage.file.message import message_of
from core.storage.file.rows import STANDS, beginning, growing, opening, task_from_definition
from core.storage.file.schema_version import (
    FORMAT_WITH_COLUMNS,
    FORMAT_WITH_FLAGS,
    FORMAT_WITH_NOTES,
    FORMAT_WITH_PACKS,
)
from core.storage.reading.packs import next_texts, pack_size_of, places_of, texts_of_pack

HUMAN = "human"
"""Beside the states: emails that a person labeled."""


def damaged(path: object, after: int) -> str:
    """Return the sentence on a file whose rows come in an order that no sound file has."""
    return (
        f"{path} is damaged: behind text number {after:,} its rows come out of order. Nothing was written. Run"
        " `labeltui check` on it, and go back to a backup or to `labeltui copy` of what can be read."
    )


class EmailReader:
    """Read emails over one connection; every result is fetched whole."""

    def __init__(self, connection: sqlite3.Connection, path: Path, version: int) -> None:
        """Read through a connection; ``version`` is the format of the file: older ones lack flags and notes."""
        self._db = connection
        self._path = path
        self._has_notes = version >= FORMAT_WITH_NOTES
        self._has_columns = version >= FORMAT_WITH_COLUMNS
        self._columns = (
            "id, position, source_id, subject, sender, date, state, label, label_source, reasks, failure,"
            f" {'flags' if version >= FORMAT_WITH_FLAGS else 'NULL'},"
            f" EXISTS (SELECT 1 FROM attempt WHERE attempt.email_id = email.id), {beginning('email')}"
        )

    def page(self, state: str | None, offset: int, limit: int) -> list[EmailRow]:
        """Return a page in work order: of all, of one state, or of :data:`HUMAN`.

        Without ``state`` the offset is a place in that order, so that any page of any run costs the same.
        """
        values: tuple[str | int, ...] = (limit, offset)
        if state is None:
            where, values = "position >= ? AND position < ? ORDER BY position", (offset, offset + limit)
        elif state == HUMAN:
            where = "label_source = 'human' ORDER BY position LIMIT ? OFFSET ?"
        else:
            where = "state = ? ORDER BY position LIMIT ? OFFSET ?"
            values = (EmailState(state).value, *values)
        rows = self._db.execute(f"SELECT {self._columns} FROM email WHERE {where}", values).fetchall()
        return [_email_row(row) for row in rows]

    def these(self, ids: Sequence[int]) -> list[EmailRow]:
        """Return the emails with these numbers (at most some hundreds), in the order that was given."""
        marks = ",".join("?" * len(ids))
        found = self._db.execute(f"SELECT {self._columns} FROM email WHERE id IN ({marks})", tuple(ids)).fetchall()
        known = {row[0]: _email_row(row) for row in found}
        return [known[number] for number in ids if number in known]

    def failures(self) -> list[tuple[str, int]]:
        """Return reasons of failure and how many emails each has, the most frequent first."""
        rows = self._db.execute(
            "SELECT failure, count(*) FROM email WHERE state = 'failed' GROUP BY failure ORDER BY 2 DESC, 1"
        ).fetchall()
        return [(failure or "", count) for failure, count in rows]

    def find(self, source_id: str) -> int | None:
        """Return the number of the email with that id in its source, or None."""
        row = self._db.execute("SELECT id FROM email WHERE source_id = ?", (source_id,)).fetchone()
        if row and row[0] < 0:
            raise ValueError(f"email {row[0]}")  # reported as damage: no command can name it
        return int(row[0]) if row else None

    def record(self, email_id: int) -> EmailRecord:
        """Return everything about one email.

        Raises:
            RunFileError: no email has that number.
        """
        row = self._db.execute(f"SELECT {self._columns} FROM email WHERE id = ?", (email_id,)).fetchone()
        if row is None:
            raise RunFileError(f"There is no text number {email_id} in {self._path.stem}.")
        return full_record(self._db, _email_row(row), noted=self._has_notes)

    def messages(self, page: int) -> Iterator[SourceEmail]:
        """Yield every email as it came, in source order; read a page at a time.

        Raises:
            RunFileError: the numbers of emails do not grow, as in a damaged file.
        """
        after = 0
        gold = "(SELECT value FROM gold WHERE name = 'source' AND email_id = e.id)"
        more = f"b.columns, {gold}" if self._has_columns else "NULL, NULL"
        while rows := self._db.execute(
            f"SELECT e.id, e.source_id, b.raw, {more} FROM email AS e JOIN body AS b ON b.email_id = e.id"
            " WHERE e.id > ? ORDER BY e.id LIMIT ?",
            (after, page),
        ).fetchall():
            after = growing(rows, after)
            for number, source_id, raw, columns, gold in rows:
                kept = json.loads(columns) if columns else None
                yield SourceEmail(source_id, message_of(raw), f"email {number:,}", kept, gold or "")


def _email_row(row: tuple[Any, ...]) -> EmailRow:
    number, position, source_id, subject, sender, date, state, label, source, reasks, failure, *more = row
    flags, asked, begun = more
    return EmailRow(
        number,
        position,
        source_id,
        subject or "",
        sender or "",
        date or "",
        EmailState(state),
        label,
        source,
        reasks,
        failure,
        flags or "",
        bool(asked),
        opening(begun),
    )


def full_record(db: sqlite3.Connection, row: EmailRow, *, noted: bool) -> EmailRecord:
    """Return everything about the email of that row; ``noted`` says that the file can hold notes."""
    text, raw = db.execute("SELECT text, raw FROM body WHERE email_id = ?", (row.id,)).fetchone()
    attempts = _attempts(db, row.id)
    labels = db.execute(
        "SELECT value, source, annotator, task_version, blind, note, at FROM label WHERE email_id = ? ORDER BY id",
        (row.id,),
    ).fetchall()
    notes: list[tuple[str, str, float]] = []
    if noted:
        notes = db.execute(
            f"SELECT text, author, at FROM note WHERE email_id = ? AND {STANDS} ORDER BY id", (row.id,)
        ).fetchall()
    copies = db.execute(
        "SELECT count(*) - 1 FROM email WHERE content_hash = (SELECT content_hash FROM email WHERE id = ?)", (row.id,)
    ).fetchone()[0]
    packed = _pack_texts(db, row.id, attempts, pending=row.state is EmailState.PENDING and not orders_among(row.flags))
    return EmailRecord(
        pack_texts=packed,
        row=row,
        text=text,
        raw=message_of(raw),
        attempts=attempts,
        labels=tuple(
            LabelRecord(value, source, annotator or "", version or "", bool(blind), note or "", at)
            for value, source, annotator, version, blind, note, at in labels
        ),
        copies=copies,
        notes=tuple(NoteRecord(*note) for note in notes),
        twin=_twin(db, row.id) if copies and not attempts else None,
    )


def _pack_texts(
    db: sqlite3.Connection, email_id: int, attempts: Sequence[Attempt], *, pending: bool
) -> tuple[str, ...]:
    """Return the texts of the pack that an email was last asked about in, or of the one that it could be in now."""
    asked = [attempt.pack.pack for attempt in attempts if attempt.pack is not None]
    if asked:
        return tuple(texts_of_pack(db, int(asked[-1])))
    if not pending or attempts or db.execute("PRAGMA user_version").fetchone()[0] < FORMAT_WITH_PACKS:
        return ()
    (definition,) = db.execute("SELECT definition FROM task JOIN run ON run.task_version = task.version").fetchone()
    task = task_from_definition(definition)
    return tuple(next_texts(db, email_id, pack_size_of(db, task))) if task.pack != 1 else ()


def _twin(db: sqlite3.Connection, email_id: int) -> Twin | None:
    """Return the email of the same text that was asked about last."""
    row = db.execute(
        "SELECT e.id, e.position, e.source_id FROM email AS e JOIN attempt AS a ON a.email_id = e.id"
        " WHERE e.content_hash = (SELECT content_hash FROM email WHERE id = ?) ORDER BY a.id DESC LIMIT 1",
        (email_id,),
    ).fetchone()
    return Twin(row[1], row[2], _attempts(db, row[0])) if row else None


def _attempts(db: sqlite3.Connection, email_id: int) -> tuple[Attempt, ...]:
    columns = {row[1] for row in db.execute("PRAGMA table_info(attempt)")}
    identity = "reply_model, system_fingerprint" if "reply_model" in columns else "NULL, NULL"
    lane = "lane" if "lane" in columns else "'live'"
    place = "id, pack_id" if "pack_id" in columns else "id, NULL"
    probability = "label_probability" if "label_probability" in columns else "NULL"
    rows = db.execute(
        "SELECT email_id, n, kind, key_alias, organization, model, task_version, started_at, latency_s, outcome,"
        " raw_answer, error, prompt_tokens, completion_tokens, request_id,"
        f" {identity}, {lane}, {probability}, {place} FROM attempt WHERE email_id = ?"
        " ORDER BY id",
        (email_id,),
    ).fetchall()
    places = places_of(db, email_id) if any(row[-1] is not None for row in rows) else {}
    return tuple(
        replace(_attempt(values), pack=places.get(number), label_probability=probability)
        for *values, probability, number, _ in rows
    )


def _attempt(values: Sequence[Any]) -> Attempt:
    attempt = Attempt(*values)
    return replace(attempt, kind=AskKind(attempt.kind), outcome=Outcome(attempt.outcome))
