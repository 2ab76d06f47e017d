"""Columns and rows of a list, and how a row becomes parts of a line. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tui.text.numbers import fit, foreign
from tui.widgets.panes.pane import Part


@dataclass(frozen=True, slots=True)
class ListColumn:
    """A column's head and its width in cells; 0 takes what is left, shared by ``weight``.

    ``from_width`` hides it in narrower lists.

    A click on the head of a column with a ``key`` asks to sort by it.
    """

    title: str
    width: int
    right: bool = False
    from_width: int = 0
    key: str = ""
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Row:
    """A row: its id, one (text, tone) for each column, and the value that it stands for. Texts need not be inert.

    The cell at ``span_from`` takes the rest of the line.
    """

    id: object
    cells: tuple[tuple[str, str], ...]
    value: Any
    selectable: bool = True
    indent: int = 0
    span_from: int | None = None


def widths_of(columns: Sequence[ListColumn], width: int) -> list[int]:
    """Cells for each column in a list of that width; 0 hides it."""
    widths = [c.width if width >= c.from_width else -1 for c in columns]
    fixed = sum(w + 1 for w in widths if w > 0)
    flexible = [c.weight for c, w in zip(columns, widths, strict=True) if w == 0]
    room = max(4, width - 2 - fixed - len(flexible))
    return [
        0 if w < 0 else max(1, room * c.weight // sum(flexible)) if w == 0 else w
        for c, w in zip(columns, widths, strict=True)
    ]


def titled(column: ListColumn, sorted_by: tuple[str, bool]) -> str:
    """A column's head, with an arrow where the list is sorted by it: ``sorted_by`` is (key, descending)."""
    key, descending = sorted_by
    return f"{column.title}{'▼' if descending else '▲'}" if key and column.key == key else column.title


def parts_of(
    row: Row, columns: Sequence[ListColumn], widths: Sequence[int], width: int, *, pointed: bool
) -> list[Part]:
    """A row's line; ``pointed`` at where the cursor is on it and the list has the focus."""
    parts: list[Part] = [("▸", "bold $accent") if pointed else (" ", "")]
    for n, (column, cells, (text, tone)) in enumerate(zip(columns, widths, row.cells, strict=False)):
        if n == row.span_from:
            room = width - 2 - sum(w + 1 for w in widths[:n] if w)  # the last cell is left to a scroll bar
            parts.append((foreign(text, room), tone))
            break
        if cells:
            space = " " * row.indent if n == 0 else ""
            inert = foreign(text, cells - len(space))
            parts += [space, (fit(inert.rstrip(), cells, right=True) if column.right else inert, tone), " "]
    return parts
