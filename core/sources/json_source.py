"""Read texts from JSON: JSON Lines, objects one after the other, or an array of objects or texts, also under a key.

Nested keys are columns with dotted names (``data.text``); the columns are those of the first 200 objects together, and
what a later object has more is kept with it. A line that is no object, or whose text is missing, is left out and
counted; a byte that does not fit the encoding ends the reading with an error.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from core.errors import SourceError
from core.sources.columns import Chosen, choose, flattened, has_text
from core.sources.decoding import Encoding, Lines, encoding_of
from core.sources.source import COLUMN_OPTIONS, Format, Found, SkippedRow, Source, SourceOptions

SAMPLED_OBJECTS = 200
OBJECT_LIMIT_CHARS = 256 * 1024 * 1024
"""A value that never ends would otherwise take all memory."""

_LINES_SUFFIXES = (".jsonl", ".ndjson")
_NO_OBJECT = "it is not one JSON object: correct it"
_BLANK = " \t\r\n\ufeff"
_BLOCK_CHARS = 1 << 18


def _integer(digits: str) -> int | str:
    """Return a whole number, or its digits where there are more than Python turns into a number."""
    try:
        return int(digits)
    except ValueError:
        return digits


_DECODER = json.JSONDecoder(parse_int=_integer, parse_constant=str)


def _claims(path: Path, beginning: bytes) -> bool:
    suffix = path.suffix.lower()
    return suffix in (*_LINES_SUFFIXES, ".json") or (not suffix and beginning.lstrip()[:1] == b"{")


def _open(path: Path, options: SourceOptions) -> Source:
    encoding = encoding_of(path, options.encoding)
    as_lines = _is_lines(path, encoding)
    sample = [record for _, _, record in islice(_records(path, encoding, as_lines=as_lines), SAMPLED_OBJECTS)]
    if not sample:
        raise SourceError(f"{path} holds no JSON object. Check that it was written to its end.")
    objects = [flattened(record) for record in sample if record]
    if not objects:
        raise SourceError(f"{path}: its first record is not a JSON object with keys. JSON Lines have one on each line.")
    names = list(dict.fromkeys(name for record in objects for name in record))
    chosen = choose(path, names, options)
    kind = "JSON Lines file" if as_lines else "JSON file"
    return Source(
        path, kind, lambda: _found(path, encoding, chosen, as_lines=as_lines), chosen.columns(), notes=encoding.notes
    )


FORMAT = Format(
    "json", "JSON Lines or a JSON array (.jsonl, .ndjson, .json)", _claims, _open, (*COLUMN_OPTIONS, "encoding")
)


def _found(path: Path, encoding: Encoding, chosen: Chosen, *, as_lines: bool) -> Iterator[Found | SkippedRow]:
    known = frozenset(chosen.names)
    for number, place, record in _records(path, encoding, as_lines=as_lines):
        if record is None:
            yield SkippedRow(place, _NO_OBJECT)
            continue
        flat = flattened(record)
        more = {name: value for name, value in flat.items() if name not in known}
        yield chosen.found(number, place, [flat.get(name) for name in chosen.names], more)


def _is_lines(path: Path, encoding: Encoding) -> bool:
    """Return whether each line holds a value of its own: the first that is not blank is whole, and another follows."""
    if path.suffix.lower() in _LINES_SUFFIXES:
        return True
    lines = (stripped for line in Lines(path, encoding) if (stripped := line.strip(_BLANK)))
    first = next(lines, "")
    if not first.startswith("{"):
        return False
    try:
        _DECODER.decode(first)
    except (ValueError, RecursionError):
        return False
    return next(lines, "") != ""


def _records(path: Path, encoding: Encoding, *, as_lines: bool) -> Iterator[tuple[int, str, dict[str, Any] | None]]:
    """Yield number, place and object of each value; None where it is no object."""
    return _of_lines(path, encoding) if as_lines else _of_array(path, encoding)


def _of_lines(path: Path, encoding: Encoding) -> Iterator[tuple[int, str, dict[str, Any] | None]]:
    lines = Lines(path, encoding)
    lines.row = "row 1"
    number = 0
    for line in lines:
        if line.isspace():
            continue
        number += 1
        lines.row = f"row {number + 1:,}"
        try:
            record = _DECODER.decode(line.strip(_BLANK))
        except (ValueError, RecursionError):
            record = None
        yield number, f"row {number:,}, line {lines.number:,}", record if isinstance(record, dict) else None


class _Stream:
    """Read the characters of a file, holding a bounded stretch from the current position."""

    def __init__(self, path: Path, encoding: Encoding) -> None:
        self._path = path
        self._file = path.open("rb")
        self._decoder = codecs.getincrementaldecoder(encoding.name)()
        self.text = ""
        self.at = 0
        self.ended = False

    def close(self) -> None:
        self._file.close()

    def more(self) -> bool:
        """Read another block; returns whether there was one. Raises SourceError where a value never ends."""
        if self.ended or len(self.text) - self.at > OBJECT_LIMIT_CHARS:
            if not self.ended:
                raise SourceError(f"{self._path} holds a value of more than {OBJECT_LIMIT_CHARS:,} characters.")
            return False
        # Twice as much each time, so that a long value is not tried again for every block of it.
        data = self._file.read(max(_BLOCK_CHARS, len(self.text) - self.at))
        self.ended = not data
        try:
            self.text = self.text[self.at :] + self._decoder.decode(data, final=self.ended)
        except UnicodeDecodeError as error:
            raise SourceError(f"{self._path} holds bytes that do not fit ({error}). Say --encoding.") from None
        self.at = 0
        return not self.ended

    def sign(self) -> str:
        """Return the next sign that is not blank, without taking it; empty at the end."""
        while True:
            while self.at < len(self.text) and self.text[self.at] in _BLANK:
                self.at += 1
            if self.at < len(self.text) or not self.more():
                return self.text[self.at : self.at + 1]

    def value(self) -> Any:
        """Take the next value. Raises ValueError where there is none, or it is broken."""
        self.sign()
        while True:
            try:
                value, end = _DECODER.raw_decode(self.text, self.at)
            except RecursionError:
                raise ValueError("nested too deeply") from None
            except ValueError:
                if not self.more():
                    raise
                continue
            if end >= len(self.text) and self.more():
                continue  # a number may go on behind the block
            self.at = end
            return value


def _of_array(path: Path, encoding: Encoding) -> Iterator[tuple[int, str, dict[str, Any] | None]]:
    """Yield the objects of an array, or of several one after the other, and objects that stand alone.

    Of an object that is alone in its file these are the objects of an array in it (:func:`_array_in`).
    """
    stream = _Stream(path, encoding)
    number = 0
    try:
        for value in _values(path, stream):
            inner: list[Any] | None = None
            if not number and isinstance(value, dict) and not stream.sign():
                inner = _array_in(value)
            for record in [value] if inner is None else inner:
                number += 1
                yield number, f"object {number:,}", {"text": record} if isinstance(record, str) else _object(record)
    finally:
        stream.close()


def _object(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None


def _array_in(whole: dict[str, Any]) -> list[Any] | None:
    """Return the array of objects that an object is the frame of, or None where it is a record itself.

    Where there are several it is the first one whose objects have a text.
    """
    arrays = [value for value in whole.values() if isinstance(value, list) and value and isinstance(value[0], dict)]
    telling = next((each for each in arrays if has_text(flattened(each[0]))), None)
    return telling if telling or not arrays or has_text(flattened(whole)) else arrays[0]


def _values(path: Path, stream: _Stream) -> Iterator[Any]:
    """Yield the values of a file one after the other, those of an array singly."""
    number = 0
    while sign := stream.sign():
        if sign not in "{[":
            place = f"behind object {number:,} something" if number else "it"
            raise SourceError(f"{path} is no JSON: {place} begins neither with {{ nor with [. Check what wrote it.")
        if sign == "{":
            number += 1
            yield _value(path, stream, number)
            continue
        stream.at += 1
        while stream.sign() not in ("]", ""):
            number += 1
            yield _value(path, stream, number)
            if stream.sign() == ",":
                stream.at += 1
        if stream.sign() != "]":
            raise SourceError(f"{path}: the array ends after object {number:,} without ]. Was it cut off?")
        stream.at += 1


def _value(path: Path, stream: _Stream, number: int) -> Any:
    try:
        return stream.value()
    except ValueError as error:
        raise SourceError(f"{path}: object {number:,} is no valid JSON ({error}). Correct it there.") from None
