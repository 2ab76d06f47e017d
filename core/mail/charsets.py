"""Bytes of a mail part as text: the charset it names, else UTF-8, else what old mail programs meant."""

from __future__ import annotations

import re

_CHARSET = re.compile(rb"""charset\s{0,3}=\s{0,3}["']?([A-Za-z0-9._-]{1,40})""", re.IGNORECASE)
_SEARCHED_BYTES = 65_536
# Codecs that a message may name but that are no charset of text, or that take time in the square of the size.
_REFUSED = frozenset(
    {"idna", "punycode", "undefined", "unicode_escape", "unicode-escape", "raw_unicode_escape", "raw-unicode-escape"}
)


def named(charset: str | None) -> str | None:
    """The charset that a part names, where it is one of text that takes no more time than its size."""
    return None if not charset or charset.lower() in _REFUSED else charset


def decoded(data: bytes, charset: str | None) -> str:
    """The text of ``data``. Never raises and never drops a byte: what no charset explains is read as Latin-1."""
    for name in (named(charset), "utf-8", "cp1252"):
        if name is None:
            continue
        try:
            return data.decode(name)
        except (LookupError, ValueError):
            continue
    return data.decode("latin-1")


def text_of(data: bytes) -> str:
    """Return a message's bytes as text: UTF-8 if they are, else the charset that it names first, else Windows-1252.

    No byte is dropped or replaced.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        match = _CHARSET.search(data, 0, _SEARCHED_BYTES)
        charset = match[1].decode("ascii") if match else None
        # UTF-16 and its kin are no superset of ASCII: read that way, the headers would be lost.
        return decoded(data, None if charset and charset.lower().startswith("utf") else charset)
