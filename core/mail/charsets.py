"""Bytes of a mail part as text: the charset it names, else UTF-8, else what old mail programs meant."""

from __future__ import annotations

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
