"""Labels as lines of text: CSV, the one column of labels, and JSON Lines.

Spreadsheets run a cell that begins like a formula, and ids, texts and model answers come from strangers. So a cell of
CSV that begins with ``=``, ``+``, ``-``, ``@``, a tab or a line break gets an apostrophe in front, which spreadsheets
take as "this is text"; plain numbers such as ``-1`` stay. A cell that begins with apostrophes before such a sign gets
one more, so that taking one apostrophe away (:func:`unguarded`) always gives the value back. ``raw`` writes values as
they are, for programs that join on ids; the other formats always do.
"""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any, TextIO

from core.exports.columns import Cell, Row, Table

_ACTIVE = re.compile(r"'*[=+\-@\t\r\n]")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")
_SUSPECT = frozenset("'=+-@\t\r\n")
_encoded = json.JSONEncoder(ensure_ascii=False).encode
_escaped = json.JSONEncoder().encode


class _UnixLines:
    """Ends each line with LF. The writer must believe in CRLF: otherwise it leaves a bare CR in a value unquoted."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, line: str) -> int:
        return self._file.write(line.removesuffix("\r\n") + "\n")


def write_csv(table: Table, path: Path, raw: bool) -> int:  # noqa: FBT001 - the registry's signature
    """Write CSV: UTF-8, a header line, commas, line ends of Unix; returns how many rows."""
    count = 0
    with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
        writer = csv.writer(_UnixLines(file))
        writer.writerow(table.names if raw else [guarded(name) for name in table.names])
        for row in table.rows():
            writer.writerow(row if raw else _guarded_row(row))
            count += 1
    return count


def write_labels(table: Table, path: Path, _raw: bool) -> int:  # noqa: FBT001 - the registry's signature
    """Write one column, ``label``: a line for each item in source order, empty without a label."""
    label = table.names.index("label")
    count = 0
    with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
        writer = csv.writer(_UnixLines(file), quoting=csv.QUOTE_MINIMAL)
        writer.writerow(["label"])
        for row in table.rows():
            writer.writerow([row[label]])
            count += 1
    return count


def write_json_lines(table: Table, path: Path, _raw: bool) -> int:  # noqa: FBT001 - the registry's signature
    """Write one object a line, values as they are; half surrogate pairs are escaped, as JSON allows."""
    names = table.names
    return write_objects((dict(zip(names, row, strict=True)) for row in table.rows()), path)


def write_objects(objects: Any, path: Path) -> int:
    """Write JSON values, one a line; returns how many."""
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for each in objects:
            file.write(json_text(each) + "\n")
            count += 1
    return count


def json_text(value: Any) -> str:
    """Return a value as JSON that UTF-8 can hold."""
    line = _encoded(value)
    try:
        line.encode()
    except UnicodeEncodeError:
        return _escaped(value)
    return line


def guarded(cell: Cell) -> Cell:
    """Return the cell as no spreadsheet will run it."""
    if isinstance(cell, str) and _ACTIVE.match(cell) and not _NUMBER.fullmatch(cell):
        return "'" + cell
    return cell


def _guarded_row(row: Row) -> Row | list[Cell]:
    """Return the cells as no spreadsheet will run them; most rows have none that could be."""
    if any(cell.__class__ is str and cell[:1] in _SUSPECT for cell in row):
        return [guarded(cell) for cell in row]
    return row


def unguarded(text: str) -> str:
    """Return the value that :func:`guarded` was given."""
    return text[1:] if text.startswith("'") and _ACTIVE.match(text) else text
