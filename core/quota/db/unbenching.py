"""Clearing, by hand, what makes an organization wait."""

from __future__ import annotations

from dataclasses import replace

from core.quota.db.database import Book
from core.quota.db.rows import bench_rows, forget_bench, level_rows, typical_tokens, write_levels
from core.quota.ledger.levels import at


def clear_waits(book: Book, organization: str, model: str, now: float) -> tuple[str, ...]:
    """Take the bench away, and take its window and those that hold less than a call for full.

    Belongs into a transaction of the caller's.
    Returns what was cleared, in words; empty where nothing waits. Workers take it over within a second.
    """
    cleared = []
    bench = bench_rows(book, model).get(organization)
    if bench is not None and bench.until_at > now:
        cleared.append(f"a bench of {bench.until_at - now:,.0f} s" + (f" for {bench.limit}" if bench.limit else ""))
    forget_bench(book, organization, model)
    typical = typical_tokens(book, model)
    emptied = {}
    for key, stored in level_rows(book, model).items():
        level = at(stored, key[2], now)
        need = min(level.limit, typical if key[2].counts_tokens else 1.0)
        named = bench is not None and bench.until_at > now and bench.limit == key[2].value
        if key[0] == organization and (named or level.available < need):
            emptied[key] = replace(level, available=level.limit, as_of=now, caution=0.0)
            cleared.append(f"{key[2].value}, of which {max(0.0, level.available):,.0f} of {level.limit:,.0f} was left")
    write_levels(book, emptied)
    return tuple(cleared)
