"""Write labels as lines of text: CSV, the one column of labels, and JSON Lines.

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
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from core.exports.columns import Cell, Table

_UNSEEN = "\\x00\\u00ad\\u200b-\\u200f\\u2060-\\u2064\\ufeff"
_ACTIVE = re.compile(rf"(^|;)('*[{_UNSEEN}]*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20])")
_GUARDED = re.compile(rf"(^|;)'('*[{_UNSEEN}]*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20])")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")
_WITHIN = re.compile(rf";'*[{_UNSEEN}]*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_SUSPECT = frozenset(
    "'=+-@\t\r\n;\uff1d\uff0b\uff0d\uff20\x00\u00ad\ufeff"
    + "".join(map(chr, (*range(0x200B, 0x2010), *range(0x2060, 0x2065))))
)
"""How a cell begins that may be active: none else is looked at closer."""
BLOCK_ROWS = 1_000
_encoded = json.JSONEncoder(ensure_ascii=False).encode
_quoted = json.encoder.encode_basestring
_escaped = json.JSONEncoder().encode


class _UnixLines:
    """End each line with LF. The writer must be set to CRLF: otherwise it leaves a bare CR in a value unquoted."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, line: str) -> int:
        return self._file.write(line.removesuffix("\r\n") + "\n")


def write_csv(table: Table, path: Path, raw: bool) -> int:  # noqa: FBT001 - the registry's signature
    """Write CSV: UTF-8, a header line, commas, line ends of Unix; returns how many rows."""
    count, rows = 0, table.rows()
    with path.open("wb") as file:
        file.write(_csv_lines([name if raw else guarded(name)] for name in table.names))
        while block := list(islice(rows, BLOCK_ROWS)):
            columns = zip(*block, strict=True)
            file.write(_csv_lines(columns if raw else map(_guarded_column, columns)))
            count += len(block)
    return count


def _csv_lines(columns: Iterable[Sequence[Cell]]) -> bytes:
    """Return columns as lines of CSV in UTF-8; half surrogate pairs become question marks.

    Quoted as ``csv.writer`` does, which looks at each character twice: a text takes it ten times as long.
    """
    fields = []
    for cells in columns:
        written = {cell: _csv_field(cell) for cell in set(cells)}
        fields.append(map(written.__getitem__, cells))
    lines = map(",".join, zip(*fields, strict=True))
    return ("\n".join(lines) + "\n").encode("utf-8", "replace")


def _csv_field(cell: Cell) -> str:
    if not isinstance(cell, str):
        return "" if cell is None else str(cell)
    if '"' in cell:
        return '"' + cell.replace('"', '""') + '"'
    return f'"{cell}"' if "," in cell or "\n" in cell or "\r" in cell else cell


def _guarded_column(cells: Sequence[Cell]) -> Sequence[Cell]:
    """Return a column's cells as no spreadsheet will run them; each different one is looked at once."""
    changed: dict[Cell, Cell] = {}
    for cell in set(cells):
        if cell.__class__ is str and cell and (cell[0] in _SUSPECT or (";" in cell and _WITHIN.search(cell))):
            safe = guarded(cell)
            if safe != cell:
                changed[cell] = safe
    return [changed.get(cell, cell) for cell in cells] if changed else cells


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
    line = "{" + ", ".join(f"{json_text(name).replace('%', '%%')}: %s" for name in names) + "}\n"
    count, rows = 0, table.rows()
    with path.open("wb") as file:
        while block := list(islice(rows, BLOCK_ROWS)):
            written = zip(*map(_encoded_column, zip(*block, strict=True)), strict=True)
            try:
                data = "".join([line % cells for cells in written]).encode()
            except UnicodeEncodeError:
                data = "".join([json_text(dict(zip(names, row, strict=True))) + "\n" for row in block]).encode()
            file.write(data)
            count += len(block)
    return count


def _encoded_column(cells: Sequence[Cell]) -> Iterator[str]:
    """Return a column's cells as JSON; each different one is encoded once."""
    known = {cell: _quoted(cell) if cell.__class__ is str else _encoded(cell) for cell in set(cells)}
    return map(known.__getitem__, cells)


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


def unguarded(text: str) -> str:
    """Return the value that :func:`guarded` was given."""
    return _GUARDED.sub(r"\1\2", text)
