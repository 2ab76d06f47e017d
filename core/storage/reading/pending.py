"""Derive pending emails from what is missing: those without an end, with what interrupted conversations left."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from core.model import Outcome, PendingEmail, orders_among
from core.storage.file.rows import BAD_ANSWERS

_PACK_REFUSED = (*BAD_ANSWERS, Outcome.REFUSED.value, Outcome.BAD_REQUEST.value)
"""Outcomes of a pack after which each of its emails is asked about alone."""

_Row = tuple[Any, ...]

_COUNTED_UP_TO = 5_000
_SAMPLE = 1_000
_MOST_COPIES = 1_000


_COLUMNS = "e.id, e.position, e.source_id, e.subject, b.text, e.content_hash, e.asked_from, e.flags"
_TRIED = "id, outcome, raw_answer, error, task_version, pack_id"
_IN_A_BATCH = " AND NOT EXISTS (SELECT 1 FROM parcel_email AS p WHERE p.email_id = e.id AND p.done = 0)"
_TEXT_IN_A_BATCH = (
    " AND NOT EXISTS (SELECT 1 FROM email AS o JOIN parcel_email AS p ON p.email_id = o.id AND p.done = 0"
    " WHERE o.content_hash = e.content_hash)"
)
_ASKED = (
    "EXISTS (SELECT 1 FROM attempt AS a WHERE a.email_id = e.id AND a.id > e.asked_from AND a.task_version = :version)"
)


def pending_emails(
    db: sqlite3.Connection,
    *,
    after: int,
    limit: int,
    task_version: str,
    asked: bool | None = None,
    dedupe: bool = False,
) -> list[PendingEmail]:
    """Return pending emails behind position ``after``, in work order, without those that an open batch holds.

    With ``dedupe`` neither those whose text it holds. ``asked`` picks those that were asked about since they became
    pending, in this version of the task, or those that were not.
    """
    where = ""
    if has_open_parcels(db):
        where += _TEXT_IN_A_BATCH if dedupe else _IN_A_BATCH
    if asked is not None:
        where += f" AND {'' if asked else 'NOT '}{_ASKED}"
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM email AS e JOIN body AS b ON b.email_id = e.id"
        f" WHERE e.state = 'pending' AND e.position > :after{where} ORDER BY e.position LIMIT :limit",
        {"after": after, "limit": limit, "version": task_version},
    ).fetchall()
    answered = _answered_texts(db, rows, task_version) if dedupe else frozenset()
    return [_with_attempts(row, tried, task_version, answered) for row, tried in _with_history(db, rows)]


def has_open_parcels(db: sqlite3.Connection) -> bool:
    """Return whether any batch at a server is still to be gathered."""
    return db.execute("SELECT 1 FROM parcel_email WHERE done = 0 LIMIT 1").fetchone() is not None


def emails_of_parcel(
    db: sqlite3.Connection, parcel_id: int, email_ids: Sequence[int], task_version: str
) -> list[PendingEmail]:
    """Return those of these emails that wait for this batch, whatever their state is by now."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM parcel_email AS p JOIN email AS e ON e.id = p.email_id"
        " JOIN body AS b ON b.email_id = e.id WHERE p.parcel_id = ? AND p.done = 0"
        " AND p.email_id IN (SELECT value FROM json_each(?))",
        (parcel_id, json.dumps(list(email_ids))),
    ).fetchall()
    return [_with_attempts(row, tried, task_version) for row, tried in _with_history(db, rows)]


def distinct_texts(db: sqlite3.Connection) -> int:
    """Return how many different texts the run's emails hold, whatever their state."""
    return int(db.execute("SELECT count(DISTINCT content_hash) FROM email").fetchone()[0])


def pending_texts(db: sqlite3.Connection, *, dedupe: bool) -> tuple[int, float]:
    """Return how many texts are left to ask about, each once where copies share an answer, and their mean length."""
    what = "DISTINCT content_hash" if dedupe else "*"
    texts = db.execute(f"SELECT count({what}) FROM email WHERE state = 'pending'").fetchone()[0]
    mean = db.execute(
        "SELECT avg(length(b.text)) FROM (SELECT id FROM email WHERE state = 'pending' GROUP BY content_hash"
        " LIMIT 2000) AS e JOIN body AS b ON b.email_id = e.id"
    ).fetchone()[0]
    return int(texts), float(mean or 0.0)


def estimated_texts(db: sqlite3.Connection, *, dedupe: bool) -> tuple[int, float]:
    """Return the same from a sample where a recount would hold up the worker: some milliseconds for a million emails.

    An email whose text ``c`` emails share stands for ``1 / c`` texts, so the mean of that over a sample is the share of
    texts among emails, without bias (Horvitz and Thompson 1952). The sample takes every so-manieth email by its number.
    """
    pending = int(db.execute("SELECT count(*) FROM email WHERE state = 'pending'").fetchone()[0])
    if pending <= _COUNTED_UP_TO:
        return pending_texts(db, dedupe=dedupe)
    share, weighted = db.execute(
        "SELECT avg(weight), sum(weight * chars) / sum(weight) FROM (SELECT length(b.text) AS chars,"
        " 1.0 / (SELECT count(*) FROM (SELECT 1 FROM email AS o WHERE o.content_hash = e.content_hash LIMIT ?))"
        " AS weight"
        " FROM (SELECT id FROM email WHERE state = 'pending' AND id % ? = 0 LIMIT ?) AS s"
        " JOIN email AS e ON e.id = s.id JOIN body AS b ON b.email_id = e.id)",
        (_MOST_COPIES if dedupe else 1, pending // _SAMPLE, 2 * _SAMPLE),
    ).fetchone()
    return round(pending * (share or 1.0)), float(weighted or 0.0)


def continued_emails(db: sqlite3.Connection, task_version: str) -> int:
    """Return how many pending emails were asked about by this version of the task since they became pending."""
    return int(
        db.execute(
            "SELECT count(DISTINCT e.id) FROM email AS e JOIN attempt AS a ON a.email_id = e.id"
            " WHERE e.state = 'pending' AND a.id > e.asked_from AND a.task_version = ?",
            (task_version,),
        ).fetchone()[0]
    )


def answered_email(db: sqlite3.Connection, *, task_version: str, skip: int) -> PendingEmail | None:
    """Return an email that is labeled by the model, the newest but ``skip``, as it would be asked about."""
    rows = db.execute(
        "SELECT e.id, e.position, e.source_id, e.subject, b.text, e.content_hash,"
        " (SELECT count(*) FROM attempt WHERE email_id = e.id) FROM label AS l JOIN email AS e ON e.id = l.email_id"
        " JOIN body AS b ON b.email_id = e.id WHERE l.source = 'model' AND l.task_version = ?"
        " AND e.state = 'labeled' ORDER BY l.id DESC LIMIT 1 OFFSET ?",
        (task_version, skip),
    ).fetchall()
    for email_id, position, source_id, subject, text, content_hash, attempts in rows:
        return PendingEmail(email_id, position, source_id, subject or "", text, content_hash, attempts)
    return None


def labeled_email(db: sqlite3.Connection, email_id: int, *, task_version: str) -> tuple[PendingEmail, str] | None:
    """Return an email that the model labeled, as it would be asked about, and its label by this version of the task.

    None where it has none, or was skipped since.
    """
    row = db.execute(
        "SELECT e.id, e.position, e.source_id, coalesce(e.subject, ''), b.text, e.content_hash,"
        " (SELECT count(*) FROM attempt WHERE email_id = e.id), l.value FROM label AS l"
        " JOIN email AS e ON e.id = l.email_id JOIN body AS b ON b.email_id = e.id"
        " WHERE l.email_id = ? AND l.source = 'model' AND l.task_version = ? AND e.state = 'labeled'",
        (email_id, task_version),
    ).fetchone()
    return None if row is None else (PendingEmail(*row[:-1]), row[-1])


def _with_history(db: sqlite3.Connection, rows: Sequence[_Row]) -> Iterator[tuple[_Row, Sequence[Sequence[Any]]]]:
    """Yield each of these emails with its attempts, oldest first."""
    tried: dict[int, list[Any]] = {}
    ids = json.dumps([row[0] for row in rows])
    query = f"SELECT email_id, {_TRIED} FROM attempt WHERE email_id IN (SELECT value FROM json_each(?)) ORDER BY id"
    for email_id, *attempt in db.execute(query, (ids,)).fetchall():
        tried.setdefault(email_id, []).append(attempt)
    return ((row, tried.get(row[0], ())) for row in rows)


def _answered_texts(db: sqlite3.Connection, rows: Sequence[_Row], task_version: str) -> frozenset[str]:
    """Return the hashes of those of these emails' texts that the model has labeled in this version of the task."""
    found = db.execute(
        "SELECT h.value FROM json_each(?) AS h WHERE EXISTS (SELECT 1 FROM email AS o JOIN label AS l"
        " ON l.email_id = o.id WHERE o.content_hash = h.value AND l.source = 'model' AND l.task_version = ?)",
        (json.dumps(list({row[5] for row in rows})), task_version),
    ).fetchall()
    return frozenset(each[0] for each in found)


def _with_attempts(
    row: _Row, tried: Sequence[Sequence[Any]], task_version: str, answered: frozenset[str] = frozenset()
) -> PendingEmail:
    email_id, position, source_id, subject, text, content_hash, asked_from, flags = row
    recent = [each for each in tried if each[0] > asked_from and each[4] == task_version]
    bad = tuple(
        (answer or "", error or "")
        for _, outcome, answer, error, _, pack_id in recent
        if outcome in BAD_ANSWERS and pack_id is None
    )
    return PendingEmail(
        email_id, position, source_id, subject or "", text, content_hash, attempts=len(tried), bad_answers=bad,
        alone=any(outcome in _PACK_REFUSED for _, outcome, _, _, _, pack_id in recent if pack_id is not None),
        flagged=bool(orders_among(flags or "")), answered=content_hash in answered,
    )  # fmt: skip
