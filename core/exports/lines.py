"""Labels as lines of text: CSV, the one column of labels, and JSON Lines.

Spreadsheets run a cell that begins like a formula, and ids, texts and model answers come from strangers. So a cell of
CSV that begins with ``=``, ``+``, ``-``, ``@`` or their full-width forms, a tab or a line break, also behind characters
that nobody sees, gets an apostrophe in front, which spreadsheets take as "this is text"; plain numbers such as ``-1``
stay. Where a semicolon parts the columns, such a sign behind one within a text begins a cell as well, and gets one too.
A sign that has apostrophes in front gets one more, so that taking one away (:func:`unguarded`) always gives the value
back. ``raw`` writes values as they are, for programs that join on ids; the other formats always do.
"""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any, TextIO

from core.exports.columns import Cell, Row, Table

_UNSEEN = "\\x00\\u00ad\\u200b-\\u200f\\u2060-\\u2064\\ufeff"
_ACTIVE = re.compile(rf"(^|;)('*[{_UNSEEN}]*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20])")
_GUARDED = re.compile(rf"(^|;)'('*[{_UNSEEN}]*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20])")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")
_SUSPECT = re.compile(rf"['=+\-@\t\r\n;\uff1d\uff0b\uff0d\uff20{_UNSEEN}]")
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
    if isinstance(cell, str) and not _NUMBER.fullmatch(cell):
        return _ACTIVE.sub(r"\1'\2", cell)
    return cell


def _guarded_row(row: Row) -> Row | list[Cell]:
    """Return the cells as no spreadsheet will run them; most rows have none that could be."""
    if any(cell.__class__ is str and (";" in cell or _SUSPECT.match(cell)) for cell in row):
        return [guarded(cell) for cell in row]
    return row


def unguarded(text: str) -> str:
    """Return the value that :func:`guarded` was given."""
    return _GUARDED.sub(r"\1\2", text)
