"""Emails in a CSV file: a header line, then one message a row, in quotes if it spans lines.

UTF-8 with or without a byte order mark; separated by comma, semicolon, tab or bar, told from the header. The file is
read as a stream. Rows are counted from 1 below the header, as ``row-1`` is the id of the first where there are none.
A byte that is not UTF-8 or a quotation mark that does not close ends the reading with an error, for what follows
cannot be trusted; a row with more or fewer fields than the header is left out and counted.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import SourceError
from core.sources.columns import id_column, text_column
from core.sources.decoding import BOM, Lines
from core.sources.source import Columns, Format, Found, SkippedRow, Source

_SUFFIXES = (".csv", ".tsv", ".tab", "")
_TOO_MANY = "it has more fields than the header: quote fields that hold the separator"
_TOO_FEW = "it has fewer fields than the header: quote fields that hold line breaks"

# Only a mark that never closes makes a field this long; without a bound it would swallow the file into memory.
FIELD_LIMIT_CHARS = 256 * 1024 * 1024
DELIMITERS = (",", ";", "\t", "|")
_SAMPLE_BYTES = 65_536
_SAMPLE_ROWS = 20


def _claims(path: Path, beginning: bytes | None) -> bool:
    """A file that is called CSV, or one without a suffix: formats with a mark of their own are asked before."""
    return beginning is not None and path.suffix.lower() in _SUFFIXES


def _open(path: Path, text: str | None, ids: str | None) -> Source:
    delimiter = delimiter_of(path)
    rows = rows_of(path, delimiter)
    header = next(rows, None)
    if header is None:
        raise SourceError(f"{path} holds blank lines only. Check that it was written to its end.")
    names = [name.strip() for name in header.fields]
    text_at = text_column(path, names, text)
    id_at = id_column(path, names, ids, text_at)
    if next(rows, None) is None:
        raise SourceError(f"{path} holds a header ({', '.join(names)[:200]}) and no row below it: there are no emails.")
    columns = Columns(names[text_at], None if id_at is None else names[id_at])
    return Source(path, "CSV file", lambda: _found(path, delimiter, len(names), text_at, id_at), columns)


FORMAT = Format("CSV with a header line (.csv, .tsv)", _claims, _open)


def names(path: Path) -> tuple[str, ...]:
    """The columns that the header names."""
    header = next(rows_of(path, delimiter_of(path)), None)
    return () if header is None else tuple(name.strip() for name in header.fields)


def _found(path: Path, delimiter: str, width: int, text_at: int, id_at: int | None) -> Iterator[Found | SkippedRow]:
    rows = rows_of(path, delimiter)
    next(rows)
    for number, row in enumerate(rows, 1):
        place = f"row {number:,}, line {row.line:,}"
        if len(row.fields) != width:
            reason = _TOO_MANY if len(row.fields) > width else _TOO_FEW
            yield SkippedRow(place, reason, f"{len(row.fields):,} fields, not {width:,}")
        else:
            source_id = "" if id_at is None else row.fields[id_at].strip()
            yield Found(number, source_id, row.fields[text_at], place)


@dataclass(frozen=True, slots=True)
class Row:
    """The fields of one row, and the line (from 1) on which it begins."""

    line: int
    fields: list[str]


def rows_of(path: Path, delimiter: str) -> Iterator[Row]:
    """The file's rows but the blank lines. Raises SourceError where the file is not UTF-8, or not CSV."""
    csv.field_size_limit(FIELD_LIMIT_CHARS)
    lines = Lines(path)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    number = -1
    while True:
        line = lines.number + 1
        lines.row = f"row {number + 1:,}" if number >= 0 else "the header"
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise SourceError(_malformed(path, lines, line, str(error))) from None
        except OSError as error:
            raise SourceError(f"{path}: reading broke off at line {line:,}: {error}. Check the disk.") from None
        if fields is None:
            return
        if fields:
            number += 1
            yield Row(line, fields)


def _malformed(path: Path, lines: Lines, line: int, error: str) -> str:
    where = f"{path}: {lines.row}, which begins on line {line:,},"
    now = lines.number
    if "unexpected end" in error:
        return (
            f"{where} opens a quotation mark that never closes (the file ends on line {now:,}). Close it there, or "
            "write the file anew: was it cut off?"
        )
    if "expected after" in error:
        return (
            f"{where} has text after a closing quotation mark, on line {now:,}. A mark inside a quoted field must be "
            'doubled (""). Correct the row, or write the file anew with every field quoted.'
        )
    if "field larger" in error:
        return (
            f"{where} has a field of more than {FIELD_LIMIT_CHARS:,} characters. Most likely a quotation mark near "
            "there never closes: close it."
        )
    if "new-line" in error:
        return f"{where} ends with a bare carriage return. Save the file with line ends of Unix or Windows."
    return f"{where} is not valid CSV: {error}. Correct it there."


def delimiter_of(path: Path) -> str:
    """The separator: a comma, unless a comma leaves the header whole and another sign splits it and the rows alike."""
    with path.open("rb") as file:
        sample = file.read(_SAMPLE_BYTES)
    text = sample.removeprefix(BOM).decode("utf-8", "replace")
    complete = len(sample) < _SAMPLE_BYTES
    widths = {delimiter: _widths(text, delimiter, complete=complete) for delimiter in DELIMITERS}
    if widths[","][:1] != [1]:
        return ","
    fitting = [sign for sign in DELIMITERS if widths[sign][:1] > [1] and len(set(widths[sign])) == 1]
    return max(fitting, key=lambda sign: widths[sign][0], default=",")


def _widths(text: str, delimiter: str, *, complete: bool) -> list[int]:
    """How many fields each row of the sample has; the last row is left out where the sample may cut it."""
    csv.field_size_limit(FIELD_LIMIT_CHARS)
    widths: list[int] = []
    try:
        for fields in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            if fields:
                widths.append(len(fields))
            if len(widths) > _SAMPLE_ROWS:
                break
    except csv.Error:
        return widths
    return widths if complete or len(widths) <= 1 or len(widths) > _SAMPLE_ROWS else widths[:-1]
