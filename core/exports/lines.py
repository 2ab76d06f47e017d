"""Write labels as lines of text: CSV, the one column of labels, and JSON Lines.

Cells of CSV are written as no spreadsheet will run them (:func:`core.text.guarded`). ``raw`` writes values as they are,
for programs that join on ids; the other formats always do.
"""

from __future__ import annotations

import contextlib
import csv
import json
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import chain, repeat
from pathlib import Path
from typing import Any, TextIO, TypeAlias

import orjson

from core.exports.columns import Cell, Table
from core.text import MAY_BEGIN, guarded

BLOCK_ROWS = 250
"""Written at once. Of 1,000 emails the joined block takes fresh memory from the system each time: twice the CPU."""
_SAMPLED = 16
"""If so many cells differ, all are taken as different: to look at each of many texts costs as much as to write it."""
_SHORT = 200
"""Characters of a text up to which a column is written all at once; beyond, to copy it once more costs more."""
_BY_COLUMN = ({str}, {int}, {float})
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
    count = 0
    with path.open("wb") as file:
        file.write(_csv_lines(([name] for name in table.names), raw=raw))
        for block in table.blocks(BLOCK_ROWS):
            file.write(_csv_lines(block, raw=raw))
            count += len(block[0])
    return count


def _csv_lines(columns: Iterable[Sequence[Cell]], *, raw: bool = False) -> bytes:
    """Return columns as lines of CSV in UTF-8, safe unless ``raw``; half surrogate pairs become question marks.

    They are quoted as ``csv.writer`` quotes them, which takes ten times as long for a text.
    """
    field = _csv_field if raw else _safe_field

    def fields(cells: Sequence[Cell]) -> Iterable[bytes]:
        return _plain_fields(cells, raw=raw) or map(field, cells)

    return b"\n".join(chain(_lines((cells, field, fields) for cells in columns), (b"",)))


Written: TypeAlias = tuple[Sequence[Cell], Callable[[Cell], bytes], Callable[[Sequence[Cell]], Iterable[bytes]]]
"""A column, with the functions that write one of its cells, and many of them that differ."""


def _lines(columns: Iterable[Written]) -> Iterable[bytes]:
    """Return the lines of columns, joined by commas.

    Neighbors whose cells repeat are joined once for all rows that are equal in them.
    """
    parts: list[Iterable[bytes]] = []
    repeating: list[tuple[Sequence[Cell], dict[Cell, bytes]]] = []
    for cells, field, fields in columns:
        few = len(cells) < _SAMPLED or len(set(cells[:_SAMPLED])) < _SAMPLED
        different = set(cells) if few else set()
        if len(different) * 2 <= len(cells) and few and not _are_mixed(cells, different):
            repeating.append((cells, {cell: field(cell) for cell in different}))
            continue
        if repeating:
            parts += _joined(repeating)
            repeating = []
        parts.append(fields(cells))
    if repeating:
        parts += _joined(repeating)
    return map(b",".join, zip(*parts, strict=True))


def _joined(columns: Sequence[tuple[Sequence[Cell], dict[Cell, bytes]]]) -> Iterable[Iterable[bytes]]:
    """Return columns joined by commas where that is less work than to join them anew for each row."""
    rows = list(zip(*(cells for cells, written in columns if len(written) > 1), strict=True))
    different, count = set(rows), len(columns[0][0])
    if not different:
        return [repeat(b",".join(field for _, written in columns for field in written.values()), count)]
    if len(different) * 2 > count:
        return [map(written.__getitem__, cells) for cells, written in columns]
    joined = {}
    for row in different:
        cells = iter(row)
        fields = (written[next(cells)] if len(written) > 1 else next(iter(written.values())) for _, written in columns)
        joined[row] = b",".join(fields)
    return [map(joined.__getitem__, rows)]


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


def _plain_fields(cells: Sequence[Cell], *, raw: bool) -> list[bytes]:
    """Return cells all at once where none is quoted or guarded, such as ids and dates; otherwise nothing."""
    if not (isinstance(cells[0], str) and len(cells[0]) < _SHORT):
        return []
    try:
        joined = "\n".join(cells)  # type: ignore[arg-type]
    except TypeError:
        return []
    if '"' in joined or "," in joined or "\r" in joined or joined.count("\n") >= len(cells):
        return []
    if not raw and (";" in joined or not MAY_BEGIN.isdisjoint({cell[:1] for cell in cells})):  # type: ignore[index]
        return []
    return joined.encode("utf-8", "replace").split(b"\n")


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
    names[0] = b"{" + names[0]
    written = [(partial(_json_field, name), partial(_json_fields, name)) for name in names]
    count = 0
    with path.open("wb") as file:
        for block in table.blocks(BLOCK_ROWS):
            columns = ((cells, *how) for cells, how in zip(block, written, strict=True))
            file.write(b"}\n".join(chain(_lines(columns), (b"",))))
            count += len(block[0])
    return count


def _json_field(name: bytes, cell: Cell) -> bytes:
    return name + _json_cell(cell)


def _json_fields(name: bytes, cells: Sequence[Cell]) -> Iterable[bytes]:
    """Return the fields of a column, all at once where its cells are numbers or short strings without quotation marks.

    In those each mark ends a string or begins one, and none holds a zero byte, which JSON writes as an escape.
    """
    kinds = set(map(type, cells))
    mark = b'"' if kinds == {str} else b""
    if kinds in _BY_COLUMN and (not mark or len(cells[0]) < _SHORT):  # type: ignore[arg-type]
        with contextlib.suppress(TypeError):  # half surrogate pairs, and numbers of more than 64 bits
            values = orjson.dumps(cells)[1 + len(mark) : -1 - len(mark)]
            if b'\\"' not in values:
                parted = mark + b"\0" + name + mark
                return (name + mark + values.replace(mark + b"," + mark, parted) + mark).split(b"\0")
    return [_json_field(name, cell) for cell in cells]


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
