"""Totals and cursor as the rows give them, and putting right those that are kept.

Works inside the caller's transaction.
"""

from __future__ import annotations

import sqlite3

from core.storage.writing.settling import advance_cursor

_COUNTS = (
    "SELECT 'state:' || state, count(*) FROM email GROUP BY state",
    "SELECT 'label:' || label, count(*) FROM email WHERE state = 'labeled' GROUP BY label",
    "SELECT 'source:' || label_source, count(*) FROM email WHERE state = 'labeled' GROUP BY label_source",
    "SELECT 'reasks:' || reasks, count(*) FROM email WHERE state IN ('labeled', 'failed') GROUP BY reasks",
    "SELECT 'outcome:' || outcome, count(*) FROM attempt GROUP BY outcome",
    "SELECT 'attempts', count(*) FROM attempt",
    "SELECT 'prompt_tokens', coalesce(sum(prompt_tokens), 0) FROM attempt",
    "SELECT 'completion_tokens', coalesce(sum(completion_tokens), 0) FROM attempt",
)
_FLAGGED = "SELECT 'flagged', count(*) FROM email WHERE flags IS NOT NULL"


def recounted(db: sqlite3.Connection) -> dict[str, int]:
    """Every total by name, counted from the rows; those that are 0 are left out."""
    queries = [*_COUNTS, _FLAGGED] if _has_flags(db) else [*_COUNTS]
    totals = [row for query in queries for row in db.execute(query).fetchall()]
    return {name: int(value) for name, value in totals if value}


def true_cursor(db: sqlite3.Connection) -> int:
    """The position of the first email in line, or the number of emails."""
    first = db.execute("SELECT min(position) FROM email WHERE state = 'pending'").fetchone()[0]
    return int(db.execute("SELECT count(*) FROM email").fetchone()[0] if first is None else first)


def put_right(db: sqlite3.Connection) -> int:
    """Write totals and cursor as the rows give them; returns how many numbers were wrong."""
    kept = {name: value for name, value in db.execute("SELECT name, value FROM total").fetchall() if value}
    true = recounted(db)
    wrong: int = sum(kept.get(name, 0) != true.get(name, 0) for name in kept.keys() | true.keys())
    cursor = int(db.execute("SELECT cursor FROM run").fetchone()[0])
    wrong += int(cursor != true_cursor(db))
    if wrong:
        db.execute("DELETE FROM total")
        db.executemany("INSERT INTO total(name, value) VALUES (?, ?)", sorted(true.items()))
        advance_cursor(db)
    return wrong


def _has_flags(db: sqlite3.Connection) -> bool:
    return any(row[1] == "flags" for row in db.execute("PRAGMA table_info(email)").fetchall())
