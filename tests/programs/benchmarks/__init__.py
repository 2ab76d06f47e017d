"""Programs that measure. ``python -m tests.programs.benchmarks`` runs those that fit into one table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Row(NamedTuple):
    """Hold one figure: what was measured, what it is, beside what of the same run, and what it should reach."""

    what: str
    figure: str
    beside: str = ""
    reach: str = ""


def table(rows: Iterable[Row]) -> str:
    """Return rows as a Markdown table."""
    lines = ["| what | figure | beside, in the same run | to reach |", "| --- | --- | --- | --- |"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])
