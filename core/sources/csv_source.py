"""Emails in a CSV file: a header line, then one message a row, in quotes if it spans lines.

UTF-8 with or without a byte order mark; separated by comma, semicolon, tab or bar, told from the header. The file is
read as a stream. Rows are counted from 1 below the header, as ``row-1`` is the id of the first where there are none.
A byte that is not UTF-8 or a quotation mark that does not close ends the reading with an error, for what follows
cannot be trusted; a row with more or fewer fields than the header is left out and counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from core.errors import SourceError
from core.sources.columns import id_column, text_column
from core.sources.csv_rows import delimiter_of, rows_of
from core.sources.format import Format
from core.sources.reading import Columns, Found, SkippedRow, Source

_SUFFIXES = (".csv", ".tsv", ".tab", "")
_TOO_MANY = "it has more fields than the header: quote fields that hold the separator"
_TOO_FEW = "it has fewer fields than the header: quote fields that hold line breaks"


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
