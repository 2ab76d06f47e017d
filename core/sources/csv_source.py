"""Read texts from a CSV file: a header line, then one text a row, in quotes if it spans lines.

Separated by comma, semicolon, tab or bar: given, or named by a first line ``sep=;``, or found from the header and the
rows below it. The file is read as a stream. Rows are counted from 1 below the header, as ``row-1`` is the id of the
first where there are none. A byte that does not fit the encoding or a quotation mark that does not close ends the
reading with an error, for what follows cannot be trusted; a row with more or fewer fields than the header is left out
and counted.
"""

from __future__ import annotations

import contextlib
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import SourceError
from core.sources.columns import Chosen, choose
from core.sources.decoding import Encoding, Lines, encoding_of
from core.sources.source import COLUMN_OPTIONS, Format, Found, SkippedRow, Source, SourceOptions

# Only a mark that never closes makes a field this long; without a bound it would swallow the file into memory.
FIELD_LIMIT_CHARS = 256 * 1024 * 1024
DELIMITERS = (",", ";", "\t", "|")

_SUFFIXES = (".csv", ".tsv", ".tab")
_TOO_MANY = "it has more fields than the header: quote fields that hold the separator"
_TOO_FEW = "it has fewer fields than the header: quote fields that hold line breaks"
_NAMED_DELIMITERS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "bar": "|"}
_SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n?")
_SAMPLE_CHARS = 262_144
_SAMPLE_ROWS = 20


@dataclass(frozen=True, slots=True)
class _Dialect:
    """Hold how a file is written; ``named`` says that its first line names the separator."""

    encoding: Encoding
    delimiter: str
    named: bool = False


def _claims(path: Path, _beginning: bytes) -> bool:
    return path.suffix.lower() in _SUFFIXES


def _open(path: Path, options: SourceOptions) -> Source:
    dialect = _dialect_of(path, options)
    rows = _rows_of(path, dialect)
    header = next(rows, None)
    if header is None:
        raise SourceError(f"{path} holds blank lines only. Check that it was written to its end.")
    names = [name.strip() for name in header[1]]
    chosen = choose(path, names, options)
    if next(rows, None) is None:
        raise SourceError(f"{path} holds a header ({', '.join(names)[:200]}) and no row below it: there are no texts.")
    notes = list(dialect.encoding.notes)
    if dialect.delimiter != ",":
        notes.append(f"separated by {'tab' if dialect.delimiter == chr(9) else repr(dialect.delimiter)}")
    return Source(path, "CSV file", lambda: _found(path, dialect, chosen), chosen.columns(), notes=tuple(notes))


FORMAT = Format(
    "csv", "CSV with a header line (.csv, .tsv)", _claims, _open, (*COLUMN_OPTIONS, "encoding", "delimiter")
)


def _found(path: Path, dialect: _Dialect, chosen: Chosen) -> Iterator[Found | SkippedRow]:
    rows = _rows_of(path, dialect)
    next(rows)
    width = len(chosen.names)
    for number, (line, fields) in enumerate(rows, 1):
        place = f"row {number:,}, line {line:,}"
        if len(fields) != width:
            reason = _TOO_MANY if len(fields) > width else _TOO_FEW
            yield SkippedRow(place, reason, f"{len(fields):,} fields, not {width:,}")
        else:
            yield chosen.found(number, place, fields)


def _rows_of(path: Path, dialect: _Dialect) -> Iterator[tuple[int, list[str]]]:
    """Yield the file's rows but the blank lines, each with the line (from 1) on which it begins.

    Raises SourceError where the bytes do not fit, or it is not CSV.
    """
    csv.field_size_limit(FIELD_LIMIT_CHARS)
    lines = Lines(path, dialect.encoding)
    texts = iter(lines)
    if dialect.named:
        next(texts, None)
    reader = csv.reader(texts, delimiter=dialect.delimiter, strict=True)
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
            yield line, fields


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


def _dialect_of(path: Path, options: SourceOptions) -> _Dialect:
    encoding = encoding_of(path, options.encoding)
    sample: list[str] = []
    size = 0
    with contextlib.suppress(SourceError):  # reported with its row when the rows are read
        for line in Lines(path, encoding):
            sample.append(line)
            size += len(line)
            if size > _SAMPLE_CHARS:
                break
    separator = _SEPARATOR_LINE.fullmatch(sample[0]) if sample else None
    if options.delimiter is not None:
        delimiter = _NAMED_DELIMITERS.get(options.delimiter.lower(), options.delimiter)
        if len(delimiter) != 1 or delimiter in '"\r\n':
            raise SourceError(f"{path}: --delimiter {options.delimiter!r} is no separator: give one sign, or tab.")
        return _Dialect(encoding, delimiter, named=separator is not None)
    if separator is not None:
        return _Dialect(encoding, separator[1], named=True)
    if path.suffix.lower() in (".tsv", ".tab") and sample and "\t" in sample[0]:
        return _Dialect(encoding, "\t")
    return _Dialect(encoding, _delimiter_of(sample, whole=size <= _SAMPLE_CHARS))


def _delimiter_of(sample: list[str], *, whole: bool) -> str:
    """Return the separator that splits the header and the largest share of the rows below it alike.

    Of equals the one with more columns wins, then the comma.
    """
    scores: dict[str, tuple[float, int]] = {}
    for delimiter in DELIMITERS:
        widths = _widths(sample, delimiter, whole=whole)
        if widths and widths[0] > 1:
            alike = sum(width == widths[0] for width in widths) / len(widths)
            scores[delimiter] = (alike, widths[0])
    return max(scores, key=lambda sign: scores[sign], default=",")


def _widths(sample: list[str], delimiter: str, *, whole: bool) -> list[int]:
    """Return how many fields each row of the sample has; the last row is left out where the sample may cut it."""
    csv.field_size_limit(FIELD_LIMIT_CHARS)
    widths: list[int] = []
    try:
        for fields in csv.reader(iter(sample), delimiter=delimiter):
            if fields:
                widths.append(len(fields))
            if len(widths) > _SAMPLE_ROWS:
                break
    except csv.Error:
        return widths
    return widths if whole or len(widths) <= 1 or len(widths) > _SAMPLE_ROWS else widths[:-1]
