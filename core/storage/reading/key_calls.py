"""What a run's calls with one key came to."""

from __future__ import annotations

import sqlite3

LOOKED_AT = 50_000
"""The newest calls of a run that are looked at: an old run is not read through for it."""


def outcomes_of_key(db: sqlite3.Connection, alias: str) -> dict[str, int]:
    """How many of the newest calls with that key ended in which way, the most frequent first."""
    rows = db.execute(
        "SELECT outcome, count(*) FROM attempt WHERE id > (SELECT coalesce(max(id), 0) FROM attempt) - ?"
        " AND key_alias = ? GROUP BY outcome ORDER BY 2 DESC, 1",
        (LOOKED_AT, alias),
    ).fetchall()
    return dict(rows)
