"""Labels as CSV: UTF-8, a header line, commas, line ends of Unix.

Spreadsheets run a cell that begins like a formula, and ids, subjects and model answers come from strangers. So a cell
that begins with ``=``, ``+``, ``-``, ``@``, a tab or a line break gets an apostrophe in front, which spreadsheets take
as "this is text"; plain numbers such as ``-1`` stay. A cell that begins with apostrophes before such a sign gets one
more, so that taking one apostrophe away (:func:`unguarded`) always gives the value back. ``raw`` writes values as they
are, for programs that join on ids; JSON Lines and Parquet always do.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from typing import TextIO

from core.exports.columns import COLUMNS, Cell, record_of
from core.model import ExportRow

_ACTIVE = re.compile(r"'*[=+\-@\t\r\n]")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")


class _UnixLines:
    """Ends each line with LF. The writer must believe in CRLF: otherwise it leaves a bare CR in a value unquoted."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, line: str) -> int:
        return self._file.write(line.removesuffix("\r\n") + "\n")


def write(rows: Iterable[ExportRow], descriptor: int, raw: bool) -> int:  # noqa: FBT001 - the registry's signature
    """Write the rows and return how many."""
    count = 0
    with open(descriptor, "w", encoding="utf-8", errors="replace", newline="", closefd=False) as file:
        writer = csv.writer(_UnixLines(file))
        writer.writerow(COLUMNS)
        for row in rows:
            cells = record_of(row).values()
            writer.writerow(cells if raw else [guarded(cell) for cell in cells])
            count += 1
    return count


def guarded(cell: Cell) -> Cell:
    """The cell as no spreadsheet will run it."""
    if isinstance(cell, str) and _ACTIVE.match(cell) and not _NUMBER.fullmatch(cell):
        return "'" + cell
    return cell


def unguarded(text: str) -> str:
    """The value that :func:`guarded` was given."""
    return text[1:] if text.startswith("'") and _ACTIVE.match(text) else text
