"""The running totals of a run by their names (``state:labeled``, ``outcome:invalid``, ``prompt_tokens`` …).

Triggers of the run file keep them, in the transaction that changes what they count.
"""

from __future__ import annotations

import sqlite3


def total(db: sqlite3.Connection, name: str) -> int:
    """One total; 0 where nothing was counted yet."""
    row = db.execute("SELECT value FROM total WHERE name = ?", (name,)).fetchone()
    return int(row[0]) if row else 0


def all_totals(db: sqlite3.Connection) -> dict[str, int]:
    """Every total that is not 0, by name."""
    return dict(db.execute("SELECT name, value FROM total WHERE value <> 0").fetchall())


def group(totals: dict[str, int], kind: str) -> dict[str, int]:
    """The totals of one kind (``state``, ``label``, ``source``, ``reasks``, ``outcome``) by what comes behind it."""
    prefix = f"{kind}:"
    return {name.removeprefix(prefix): value for name, value in totals.items() if name.startswith(prefix)}
