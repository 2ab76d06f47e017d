"""Draw a few emails of a run to look at: once for each run, so that two drafts are tried on the same ones."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from core.model import SampledEmail
from core.storage.file.connection import open_reader
from core.storage.file.message import message_of
from core.storage.file.rows import BY_MODEL, STANDS, beginning, opening
from core.storage.file.schema_version import FORMAT_WITH_REVIEWS, check_format

_SPARE = 4
"""So many times as many are drawn as are wanted, because some have the same text."""


def sample(path: Path, count: int) -> list[tuple[SampledEmail, str]]:
    """Return up to ``count`` emails with different texts, each with its message as it came.

    One half of those that people labeled blind comes first, so that a draft is scored against people; the other half is
    left out of this part, so that figures of the active version stay unseen by whoever words the draft. Then come
    labeled ones, in an order that depends on nothing but the run's seed and the email's number.
    """
    with closing(open_reader(path)) as db:
        reviewed = check_format(db, path) >= FORMAT_WITH_REVIEWS
        people = _told_by_people(db) if reviewed else {}
        other = " AND id NOT IN (SELECT email_id FROM review)" if reviewed else ""
        drawn = _rows(db, "SELECT value FROM json_each(?)", json.dumps(list(people))) if people else []
        drawn += _rows(
            db,
            f"SELECT id FROM email WHERE state <> 'skipped'{other} ORDER BY state <> 'labeled', {_ORDER} LIMIT ?",
            count * _SPARE,
        )
        return _different(drawn, people, count)


_ORDER = "((id + (SELECT seed FROM run)) * 2654435761) % 4294967291, id"


def _rows(db: sqlite3.Connection, which: str, argument: str | int) -> list[Any]:
    order = _ORDER.replace("id", "e.id")
    found: list[Any] = db.execute(
        f"SELECT e.id, e.source_id, e.subject, e.label, e.label_source, e.content_hash, b.raw, {beginning('e')},"
        f" (SELECT value FROM label WHERE email_id = e.id AND {BY_MODEL} ORDER BY id DESC LIMIT 1)"
        f" FROM email AS e JOIN body AS b ON b.email_id = e.id WHERE e.id IN ({which})"
        f" ORDER BY e.state <> 'labeled', {order}",
        (argument,),
    ).fetchall()
    return found


def _told_by_people(db: sqlite3.Connection) -> dict[int, str]:
    """Return the newest blind label of each email that is in the half for drafts: every second by its number."""
    rows = db.execute(
        f"SELECT email_id, value FROM review WHERE {STANDS} AND value IS NOT NULL"
        " AND ((email_id + (SELECT seed FROM run)) * 2654435761) % 4294967291 % 2 = 0 ORDER BY id"
    ).fetchall()
    return dict(rows)


def mean_chars(path: Path, count: int) -> tuple[int, float]:
    """Return how many emails a sample has, and the mean length of their messages as they came."""
    drawn = sample(path, count)
    return len(drawn), sum(len(raw) for _, raw in drawn) / max(1, len(drawn))


def _different(rows: list[Any], people: Mapping[int, str], count: int) -> list[tuple[SampledEmail, str]]:
    found: dict[str, tuple[SampledEmail, str]] = {}
    for number, source_id, subject, label, source, content_hash, raw, begun, by_model in rows:
        if len(found) == count:
            break
        found.setdefault(
            content_hash,
            (
                SampledEmail(
                    number, source_id, subject or "", label, source, opening(begun), people.get(number), by_model
                ),
                message_of(raw),
            ),
        )
    return list(found.values())
