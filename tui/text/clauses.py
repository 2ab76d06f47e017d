"""Make sentences of clauses that are shortened one by one where columns are few. Pure; widths are terminal cells."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from tui.text.numbers import join


@dataclass(frozen=True, slots=True)
class Clause:
    """Hold a part of a sentence with its shorter forms; "" leaves it out.

    The higher ``rank``, the sooner it is shortened; of rank 0 it never is.
    """

    text: str
    shorter: tuple[str, ...] = ()
    rank: int = 0


def whole(clauses: Sequence[Clause]) -> str:
    """Return the sentence in full."""
    return join(clause.text for clause in clauses)


def on_one_row(clauses: Sequence[Clause], width: int) -> str:
    """Return the longest form that fits into ``width`` cells; where none does, the shortest one."""
    shown = [clause.text for clause in clauses]
    ranked = sorted((n for n, clause in enumerate(clauses) if clause.rank), key=lambda n: -clauses[n].rank)
    for n in ranked:
        for form in clauses[n].shorter:
            if cell_len(join(shown)) <= width:
                break
            shown[n] = form
    return join(shown)


def indented(text: str, width: int) -> list[str]:
    """Wrap a line of figures, continuation rows indented below the value, not below its name.

    ``"  money     about $0.05"`` has its name in the first twelve cells; other lines are indented by four.
    """
    named = text.startswith("  ") and text[11:12] == " " and text[12:13] not in ("", " ")
    return textwrap.wrap(text, max(24, width), subsequent_indent=" " * (12 if named else 4)) or [""]


def in_rows(clauses: Sequence[Clause], width: int, most: int) -> list[str]:
    """Return the sentence on one row if some form of it fits, else in full on up to ``most`` rows, split at clauses."""
    short = on_one_row(clauses, width)
    if most <= 1 or cell_len(short) <= width:
        return [short]
    rows: list[str] = []
    for clause in clauses:
        if not clause.text:
            continue
        joined = join((rows[-1], clause.text)) if rows else clause.text
        if rows and cell_len(joined) <= width:
            rows[-1] = joined
        else:
            rows += textwrap.wrap(clause.text, width) or [""]
    if len(rows) > most:
        rows = textwrap.wrap(whole(clauses), width, max_lines=most, placeholder=" …")
    return rows or [""]
