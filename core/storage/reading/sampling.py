"""A few emails of a run to look at: drawn once for each run, so that two drafts are tried on the same ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.model import SampledEmail
from core.storage.file.rows import beginning, opening
from core.storage.file.shape import opened_run

_SPARE = 4
"""So many times as many are drawn as are wanted, because some have the same text."""


def sample(path: Path, count: int) -> list[tuple[SampledEmail, str]]:
    """Up to ``count`` emails with different texts, each with its message as it came.

    Labeled ones come first, in an order that depends on nothing but the run's seed and the email's number.
    """
    with opened_run(path) as db:
        rows = db.execute(
            f"SELECT e.id, e.source_id, e.subject, e.label, e.label_source, e.content_hash, b.raw, {beginning('e')}"
            " FROM email AS e JOIN body AS b ON b.email_id = e.id"
            " WHERE e.id IN (SELECT id FROM email WHERE state <> 'skipped'"
            " ORDER BY state <> 'labeled', ((id + (SELECT seed FROM run)) * 2654435761) % 4294967291, id LIMIT ?)"
            " ORDER BY e.state <> 'labeled', ((e.id + (SELECT seed FROM run)) * 2654435761) % 4294967291, e.id",
            (count * _SPARE,),
        ).fetchall()
        return _different(rows, count)


def mean_chars(path: Path, count: int) -> tuple[int, float]:
    """How many emails a sample has, and the mean length of their messages as they came."""
    drawn = sample(path, count)
    return len(drawn), sum(len(raw) for _, raw in drawn) / max(1, len(drawn))


def _different(rows: list[Any], count: int) -> list[tuple[SampledEmail, str]]:
    found: dict[str, tuple[SampledEmail, str]] = {}
    for number, source_id, subject, label, source, content_hash, raw, begun in rows:
        if len(found) == count:
            break
        found.setdefault(
            content_hash, (SampledEmail(number, source_id, subject or "", label, source, opening(begun)), raw)
        )
    return list(found.values())
