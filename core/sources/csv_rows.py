"""The rows of a CSV file, strictly: every byte is decoded or complained of, every quotation mark must close."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import SourceError
from core.sources.lines import BOM, Lines

# Only a mark that never closes makes a field this long; without a bound it would swallow the file into memory.
FIELD_LIMIT_CHARS = 256 * 1024 * 1024
DELIMITERS = (",", ";", "\t", "|")
_SAMPLE_BYTES = 65_536
_SAMPLE_ROWS = 20


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
