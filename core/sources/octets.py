"""Messages that come as bytes, from mail files: as text, and never larger than memory can bear."""

from __future__ import annotations

import re
from pathlib import Path

from core.errors import SourceError
from core.mail.charsets import decoded
from core.sources.reading import Found, SkippedRow

MESSAGE_LIMIT_BYTES = 64 * 1024 * 1024
TOO_LARGE = f"it is larger than {MESSAGE_LIMIT_BYTES // 1024 // 1024} MiB: no email is"
UNREADABLE = "its file cannot be read: check its permissions"

_CHARSET = re.compile(rb"""charset\s{0,3}=\s{0,3}["']?([A-Za-z0-9._-]{1,40})""", re.IGNORECASE)
_SEARCHED_BYTES = 65_536


def text_of(data: bytes) -> str:
    """A message's bytes as text: UTF-8 if they are, else the charset that it names first, else Windows-1252.

    No byte is dropped or replaced.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        named = _CHARSET.search(data, 0, _SEARCHED_BYTES)
        charset = named[1].decode("ascii") if named else None
        # UTF-16 and its kin are no superset of ASCII: read that way, the headers would be lost.
        return decoded(data, None if charset and charset.lower().startswith("utf") else charset)


def message_in(file: Path, number: int, source_id: str) -> Found | SkippedRow:
    """The message that a file holds; skipped where the file is too large or cannot be read."""
    place = f"file {source_id}"
    try:
        with file.open("rb") as opened:
            data = opened.read(MESSAGE_LIMIT_BYTES + 1)
    except OSError as error:
        return SkippedRow(place, UNREADABLE, error.strerror or str(error))
    if len(data) > MESSAGE_LIMIT_BYTES:
        return SkippedRow(place, TOO_LARGE)
    return Found(number, source_id, text_of(data), place)


def printable_name(name: str) -> str:
    """A file's name as UTF-8 text, whatever bytes it is made of."""
    return name.encode("utf-8", "backslashreplace").decode()


def no_columns(path: Path, text_column: str | None, id_column: str | None) -> None:
    """Refuse a column that is asked for where there are none. Raises SourceError."""
    for option, column in (("--text-column", text_column), ("--id-column", id_column)):
        if column is not None:
            raise SourceError(f"{path} has no columns, so {option} {column!r} names nothing. Leave it out.")
