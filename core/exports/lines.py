"""Write labels as lines of text: CSV, the one column of labels, and JSON Lines.

Cells of CSV are written as no spreadsheet will run them (:func:`core.text.guarded`). ``raw`` writes values as they are,
for programs that join on ids; the other formats always do.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from itertools import islice, repeat
from pathlib import Path
from typing import Any, TextIO

import orjson

from core.exports.columns import Cell, Table
from core.text import guarded

BLOCK_ROWS = 250
"""Written at once. Of 1,000 emails the joined block takes fresh memory from the system each time: twice the CPU."""
_encoded = json.JSONEncoder(ensure_ascii=False).encode
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
        file.write(_csv_lines(([name] for name in table.names), raw=raw))
        while block := list(islice(rows, BLOCK_ROWS)):
            file.write(_csv_lines(zip(*block, strict=True), raw=raw))
            count += len(block)
    return count


def _csv_lines(columns: Iterable[Sequence[Cell]], *, raw: bool = False) -> bytes:
    """Return columns as lines of CSV in UTF-8, safe unless ``raw``; half surrogate pairs become question marks.

    They are quoted as ``csv.writer`` quotes them, which takes ten times as long for a text.
    """
    field = _csv_field if raw else _safe_field
    return b"\n".join(_lines((cells, field) for cells in columns)) + b"\n"


def _lines(columns: Iterable[tuple[Sequence[Cell], Callable[[Cell], bytes]]]) -> Iterable[bytes]:
    """Return the lines of columns, joined by commas, each column with the function that writes its cells.

    Each different cell is written once, and neighboring columns that hold one value each are joined once.
    """
    parts: list[Iterable[bytes]] = []
    same: list[bytes] = []
    count = 0
    for cells, written in columns:
        different, count = set(cells), len(cells)
        once = len(different) * 2 > count > 1 or _are_mixed(cells, different)
        if len(different) == 1 and not once:
            same.append(written(cells[0]))
            continue
        if same:
            parts.append(repeat(b",".join(same), count))
            same = []
        parts.append(map(written, cells) if once else map({cell: written(cell) for cell in different}.get, cells))  # type: ignore[arg-type]
    if same:
        parts.append(repeat(b",".join(same), count))
    return map(b",".join, zip(*parts, strict=True))


def _are_mixed(cells: Sequence[Cell], different: set[Cell]) -> bool:
    """Return whether there are numbers of several types among cells: 0 and 0.0 are equal and written otherwise."""
    return not all(cell is None or isinstance(cell, str) for cell in different) and len(set(map(type, cells))) > 1


def _safe_field(cell: Cell) -> bytes:
    """Return a cell as a field that no spreadsheet will run."""
    return _csv_field(guarded(cell) if isinstance(cell, str) else cell)


def _csv_field(cell: Cell) -> bytes:
    if not isinstance(cell, str):
        return b"" if cell is None else str(cell).encode()
    if '"' in cell:
        cell = '"' + cell.replace('"', '""') + '"'
    elif "," in cell or "\n" in cell or "\r" in cell:
        cell = f'"{cell}"'
    return cell.encode("utf-8", "replace")


def write_labels(table: Table, path: Path, raw: bool) -> int:  # noqa: FBT001 - the registry's signature
    """Write one column, ``label``: a line for each item in source order, empty without a label."""
    label = table.names.index("label")
    count = 0
    with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
        writer = csv.writer(_UnixLines(file), quoting=csv.QUOTE_MINIMAL)
        writer.writerow(["label"])
        for row in table.rows():
            cell = row[label]
            writer.writerow([guarded(cell) if isinstance(cell, str) and not raw else cell])
            count += 1
    return count


def write_json_lines(table: Table, path: Path, _raw: bool) -> int:  # noqa: FBT001 - the registry's signature
    """Write one object a line, values as they are; half surrogate pairs are escaped, as JSON allows."""
    names = [_json_cell(name) + b":" for name in table.names]
    count, rows = 0, table.rows()
    with path.open("wb") as file:
        while block := list(islice(rows, BLOCK_ROWS)):
            fields = (
                (cells, lambda cell, name=name: name + _json_cell(cell))
                for name, cells in zip(names, zip(*block, strict=True), strict=True)
            )
            file.write(b"{" + b"}\n{".join(_lines(fields)) + b"}\n")
            count += len(block)
    return count


def _json_cell(cell: Cell) -> bytes:
    try:
        return orjson.dumps(cell)
    except TypeError:  # half surrogate pairs, and numbers of more than 64 bits
        return json_text(cell).encode()


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
