"""Format the list of runs as rows: filter, order and cells. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from core.model import RunState, RunSummary
from core.text import one_line
from tui.text.numbers import age, join, number, percent, rail
from tui.text.state_sentence import GLYPHS
from tui.widgets.lists.rows import ListColumn, Row

COLUMNS = (
    ListColumn("run", 0),
    ListColumn("state", 9),
    ListColumn("progress", 12, from_width=96),
    ListColumn("%", 5, right=True),
    ListColumn("done", 9, right=True),
    ListColumn("of", 9, right=True, from_width=72),
    ListColumn("failed", 6, right=True),
    ListColumn("per min", 7, right=True, from_width=104),
    ListColumn("ends in", 8, right=True, from_width=88),
    ListColumn("changed", 7, right=True),
    ListColumn("size", 8, right=True, from_width=66),
    ListColumn("", 9, from_width=118),
)

_URGENCY = {
    state: place
    for place, state in enumerate(
        (
            *(RunState.STALE, RunState.RUNNING, RunState.WAITING, RunState.PAUSED),
            *(RunState.NEW, RunState.STOPPED, RunState.DONE),
        )
    )
}

ORDERS: dict[str, Callable[[RunSummary], Any]] = {
    "last changed": lambda run: -run.changed_at,
    "name": lambda run: run.name.casefold(),
    "state": lambda run: (_URGENCY[run.state], -run.changed_at),
    "size": lambda run: -run.size_bytes,
}
"""The orders of the list by name, the default first."""


def shown(runs: Iterable[RunSummary], *, archived: bool, named: str) -> list[RunSummary]:
    """Return archived runs, or the others, whose name contains every word of ``named``."""
    words = named.casefold().split()
    return [run for run in runs if run.archived is archived and all(word in run.name.casefold() for word in words)]


def ordered(runs: Sequence[RunSummary], order: str, held: Sequence[str]) -> list[RunSummary]:
    """Return the runs in the order of ``held`` (paths), so that none moves under the cursor; new ones at the end."""
    places = {path: place for place, path in enumerate(held)}
    by_order = sorted(runs, key=ORDERS[order])
    return sorted(by_order, key=lambda run: places.get(run.path, len(places)))


def row_of(run: RunSummary, now: float) -> Row:
    """Return a run as a row."""
    if run.error:
        cells = [(run.name, "bold $failed"), ("! BROKEN", "$failed"), (run.error, "$failed")]
        return Row(run.path, tuple(cells), run, span_from=2)
    glyph, tone = GLYPHS[run.state]
    share = run.settled / run.total if run.total else 0.0
    return Row(
        run.path,
        (
            (run.name, "bold $bright"),
            (f"{glyph} {run.state.value.upper()}", f"${tone}"),
            (rail(share, 12)[0] or ("╸" if share else ""), "$share"),
            (percent(run.settled, run.total), "$foreground"),
            (number(run.settled), "$bright"),
            (number(run.total), "$quiet"),
            (number(run.failed), "$failed" if run.failed else "$quiet"),
            ("" if run.rate_per_min is None else number(run.rate_per_min), "$foreground"),
            ("" if run.eta_s is None else age(run.eta_s), "$foreground"),
            (age(max(0.0, now - run.changed_at)), "$quiet"),
            (size(run.size_bytes), "$quiet"),
            ("simulated" if run.simulated else "", "$quiet"),
        ),
        run,
    )


def size(size_bytes: int) -> str:
    """Return a size with its unit, in at most eight cells up to a terabyte: ``120 kB``, ``4.2 MB``, ``1.3 GB``."""
    if size_bytes < 1e3:
        return f"{size_bytes} B"
    if size_bytes < 999.5e3:
        return f"{size_bytes / 1e3:.0f} kB"
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes < 999.95e6 else f"{size_bytes / 1e9:,.1f} GB"


def about(run: RunSummary) -> str:
    """Return what the row has no room for: the reason of the state."""
    if run.error:
        return one_line(run.error, limit=400)
    return join((one_line(run.name, limit=64), "simulated" if run.simulated else "", one_line(run.reason, limit=200)))
