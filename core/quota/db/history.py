"""Record each key's refusals and errors in ``quota.db``, newest first, and what it spent a day.

Both are bounded: the newest :data:`KEPT` troubles of a key, and :data:`DAYS` days. Texts are inert and hold no secret
when they come here; see ``core.llm.failures``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from core.model import KeySpend, KeyTrouble
from core.quota.db.database import QuotaDatabase

KEPT = 200
"""Refusals and errors that are kept of one key."""

DAYS = 31
"""Days for which the spending of a key is kept."""

MOST_AT_ONCE = 100
"""Troubles that one worker writes down in one go; in a storm the oldest of them are left out."""

_TROUBLE = "at, organization, model, outcome, status, limit_name, wait_s, text"
_SPEND = "requests, errors_429, prompt_tokens, completion_tokens"


def day_of(at: float) -> str:
    """Return the day of a moment, in UTC: ``2026-11-25``."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")


def write_troubles(database: QuotaDatabase, troubles: Sequence[tuple[str, KeyTrouble]]) -> None:
    """Add (fingerprint, trouble) pairs and forget what is too old, inside a transaction of the caller's."""
    newest = troubles[-MOST_AT_ONCE:]
    database.execute_many(
        f"INSERT INTO trouble (fingerprint, {_TROUBLE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (key, it.at, it.organization, it.model, it.outcome, it.status, it.limit, it.wait_s, it.text)
            for key, it in newest
        ],
    )
    for fingerprint in {key for key, _ in newest}:
        database.execute(
            "DELETE FROM trouble WHERE fingerprint = ? AND id <= (SELECT id FROM trouble WHERE fingerprint = ? "
            "ORDER BY id DESC LIMIT 1 OFFSET ?)",
            (fingerprint, fingerprint, KEPT),
        )


def write_spend(database: QuotaDatabase, spent: Sequence[tuple[str, KeySpend]]) -> None:
    """Add to the days' sums, inside a transaction of the caller's."""
    database.execute_many(
        f"INSERT INTO spend (fingerprint, day, model, {_SPEND}) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
        "requests = requests + excluded.requests, errors_429 = errors_429 + excluded.errors_429, "
        "prompt_tokens = prompt_tokens + excluded.prompt_tokens, "
        "completion_tokens = completion_tokens + excluded.completion_tokens",
        [
            (key, it.day, it.model, it.requests, it.errors_429, it.prompt_tokens, it.completion_tokens)
            for key, it in spent
        ],
    )


def forget_old_days(database: QuotaDatabase, now: float) -> None:
    """Delete days that are too long ago."""
    first = (datetime.fromtimestamp(now, UTC) - timedelta(days=DAYS)).strftime("%Y-%m-%d")
    database.execute("DELETE FROM spend WHERE day < ?", (first,))


def troubles_of(database: QuotaDatabase, fingerprint: str) -> tuple[KeyTrouble, ...]:
    """Return the refusals and errors of a key, newest first."""
    rows = database.execute(
        f"SELECT {_TROUBLE} FROM trouble WHERE fingerprint = ? ORDER BY id DESC LIMIT ?", (fingerprint, KEPT)
    )
    return tuple(KeyTrouble(*row) for row in rows)


def spend_of(database: QuotaDatabase, fingerprint: str) -> tuple[KeySpend, ...]:
    """Return what a key spent, a row for each day and model, the newest day first."""
    rows = database.execute(
        f"SELECT day, model, {_SPEND} FROM spend WHERE fingerprint = ? ORDER BY day DESC, model", (fingerprint,)
    )
    return tuple(KeySpend(*row) for row in rows)


def forget_key(database: QuotaDatabase, fingerprint: str) -> None:
    """Delete the history of a removed key, inside a transaction of the caller's."""
    database.execute("DELETE FROM trouble WHERE fingerprint = ?", (fingerprint,))
    database.execute("DELETE FROM spend WHERE fingerprint = ?", (fingerprint,))
