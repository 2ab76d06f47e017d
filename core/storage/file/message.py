"""Keep a message as it came beside the text that is sent of it, without storing twice what both hold.

Most messages are their sent text, with something before it, within it and behind it. Of such a one the row of ``body``
keeps only these pieces, and its column ``raw``, which SQLite computes, puts the message together again:

    raw_begin || the first raw_headers characters of text || raw_middle || text from character raw_body on || raw_end

The lines that most plain messages have in common are one character each in ``raw_middle`` (:data:`_PHRASES`).

Any other message (HTML, an encoding, line ends of Windows) is kept whole in ``raw_whole``: as text, or as the bytes of
a zlib stream of its UTF-8 where that is clearly smaller. So ``raw`` is the message as text, or such bytes.
"""

from __future__ import annotations

import zlib
from typing import Any, NamedTuple

from core.errors import RunFileError

COLUMNS = "raw_whole, raw_begin, raw_headers, raw_middle, raw_body, raw_end"
"""The columns that keep a message, in the order of :class:`Kept`."""

_PHRASES = {
    "\x01": "Mime-Version: 1.0\nContent-Type: text/plain; charset=us-ascii\nContent-Transfer-Encoding: 7bit\n",
    "\x02": "MIME-Version: 1.0\nContent-Type: text/plain; charset=",
}


def _spelled_out(column: str) -> str:
    """Return SQL for the column's text with its phrases in full; an empty text costs nothing."""
    for sign, phrase in _PHRASES.items():
        written = " || char(10) || ".join(f"'{line}'" for line in phrase.split("\n"))
        column = f"replace({column}, char({ord(sign)}), {written})"
    return column


RAW = (
    "CASE WHEN raw_whole IS NULL THEN raw_begin || substr(text, 1, raw_headers)"
    f" || {_spelled_out('raw_middle')} || substr(text, raw_body) || raw_end ELSE raw_whole END"
)
"""SQL that puts a message together."""

_WORTH_PACKING_CHARS = 1_024
_WORTH_IT = 0.6
"""Compressed messages cannot be read in plain SQL: it must save two fifths of what they would take otherwise."""
_LEVEL = 6
_SHORTEST = 16
"""Fewer characters in common are not looked for."""
UNPACKED_LIMIT_BYTES = 256 * 1024 * 1024


class Kept(NamedTuple):
    """Hold what is stored of a message, as a tuple like a row's values; ``whole`` or all of the others are given."""

    whole: str | bytes | None = None
    begin: str | None = None
    headers: int | None = None
    middle: str | None = None
    body: int | None = None
    end: str | None = None


def kept(raw: str, text: str) -> Kept:
    """Return how a message is kept beside its sent text."""
    pieces = _pieces(raw, text)
    if pieces is None:
        return Kept(_packed(raw, len(raw)))
    begin, _, middle, _, end = pieces
    extra = len(begin) + len(middle) + len(end)
    if extra > _WORTH_PACKING_CHARS:
        packed = _packed(raw, extra)
        if isinstance(packed, bytes):
            return Kept(packed)
    return Kept(None, *pieces[:2], _shortened(middle), *pieces[3:])


def message_of(stored: Any) -> str:
    """Return the message that a value of the column ``raw`` is.

    Raises:
        RunFileError: it is damaged.
    """
    if isinstance(stored, str):
        return stored
    if isinstance(stored, bytes):
        try:
            unpacker = zlib.decompressobj()
            data = unpacker.decompress(stored, UNPACKED_LIMIT_BYTES)
            if unpacker.eof:
                return data.decode()
        except (zlib.error, UnicodeDecodeError):
            pass
    raise RunFileError("The run file is damaged: a message cannot be read. Go back to a copy of it.")


def _packed(raw: str, instead_of: int) -> str | bytes:
    data = raw.encode()
    if len(data) <= _WORTH_PACKING_CHARS:
        return raw
    packed = zlib.compress(data, _LEVEL)
    return packed if len(packed) < _WORTH_IT * instead_of else raw


def _shortened(middle: str) -> str:
    """Return the text with a sign for each phrase."""
    for sign, phrase in _PHRASES.items():
        if phrase in middle:
            middle = middle.replace(phrase, sign)
    return middle


def _pieces(raw: str, text: str) -> tuple[str, int, str, int, str] | None:
    """Return the pieces around what both have in common, or None where that is not the whole of the text's body."""
    if "\x00" in raw or "\x01" in raw or "\x02" in raw:
        return None  # SQLite's substr ends at NUL; the others stand for phrases
    if raw.startswith(text):
        return "", len(text), "", len(text) + 1, raw[len(text) :]
    body = text.find("\n\n") + 2
    if body < 2 or len(text) - body < _SHORTEST:
        return None
    size = len(text) - body
    at = len(raw) - size
    if at < 0 or not raw.endswith(text[body:]):
        at = raw.find(text[body:])
    if at < 0:
        return None
    begin, headers, middle = _headers_in_common(raw[:at], text[: body - 1])
    return begin, headers, middle, body + 1, raw[at + size :]


def _headers_in_common(head: str, lines: str) -> tuple[str, int, str]:
    """Return what of a message's head stands before the first sent header lines, their length, and what follows."""
    first = lines.find("\n") + 1
    at = head.find(lines[:first])
    if at < 0 or first <= 1:
        return "", 0, head
    end = first
    while end < len(lines):
        following = lines.find("\n", end) + 1
        if not following or not head.startswith(lines[end:following], at + end):
            break
        end = following
    return head[:at], end, head[at + end :]
