"""Emails in JSON Lines: one object a line; the first object's keys are the columns.

A line that is no JSON object, or whose message is no text, is left out and counted; a byte that is not UTF-8 ends the
reading with an error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.errors import SourceError
from core.sources.columns import id_column, text_column
from core.sources.decoding import Lines
from core.sources.source import Columns, Format, Found, SkippedRow, Source

_SUFFIXES = (".jsonl", ".ndjson")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_NO_OBJECT = "it is not one JSON object on one line: correct it"
_NO_TEXT = "its message is missing or not a text: choose another column with --text-column"
_NO_ID = "its id is neither a text nor a number: choose another column with --id-column"


def _claims(path: Path, beginning: bytes | None) -> bool:
    suffix = path.suffix.lower()
    return beginning is not None and (suffix in _SUFFIXES or (not suffix and beginning.lstrip().startswith(b"{")))


def _open(path: Path, text: str | None, ids: str | None) -> Source:
    first = next(((place, record) for _, place, record in _records(path)), None)
    if first is None:
        raise SourceError(f"{path} holds blank lines only. Check that it was written to its end.")
    place, record = first
    if not record:
        raise SourceError(f"{path}: {place} is not a JSON object with keys. JSON Lines have one object on each line.")
    names = list(record)
    text_at = text_column(path, names, text)
    id_at = id_column(path, names, ids, text_at)
    columns = Columns(names[text_at], None if id_at is None else names[id_at])
    return Source(path, "JSON Lines file", lambda: _found(path, names[text_at], columns.id), columns)


FORMAT = Format("JSON Lines (.jsonl, .ndjson)", _claims, _open)


def names(path: Path) -> tuple[str, ...]:
    """The keys of the first object."""
    first = next((record for _, _, record in _records(path)), None)
    return tuple(first or ())


def _records(path: Path) -> Iterator[tuple[int, str, dict[str, Any] | None]]:
    """Number, place and object of each line that is not blank; None where it holds no object."""
    lines = Lines(path)
    lines.row = "row 1"
    number = 0
    for line in lines:
        if line.isspace():
            continue
        number += 1
        lines.row = f"row {number + 1:,}"
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        yield number, f"row {number:,}, line {lines.number:,}", record if isinstance(record, dict) else None


def _found(path: Path, text_key: str, id_key: str | None) -> Iterator[Found | SkippedRow]:
    for number, place, record in _records(path):
        if record is None:
            yield SkippedRow(place, _NO_OBJECT)
            continue
        text = record.get(text_key)
        source_id = "" if id_key is None else record.get(id_key, "")
        if not isinstance(text, str):
            yield SkippedRow(place, _NO_TEXT)
        elif source_id is not None and (isinstance(source_id, bool) or not isinstance(source_id, str | int)):
            yield SkippedRow(place, _NO_ID)
        else:
            known = "" if source_id is None else str(source_id).strip()
            yield Found(number, _sound(known), _sound(text), place)


def _sound(text: str) -> str:
    """The text with U+FFFD for half surrogate pairs, which JSON can write but which are no characters."""
    return _LONE_SURROGATE.sub("\ufffd", text)
