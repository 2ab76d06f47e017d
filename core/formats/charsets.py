"""Bytes of a mail part as text: the charset it names, else UTF-8, else what old mail programs meant."""

from __future__ import annotations

# Codecs that a message may name but that are no charset of text, or that take time in the square of the size.
_REFUSED = frozenset(
    {"idna", "punycode", "undefined", "unicode_escape", "unicode-escape", "raw_unicode_escape", "raw-unicode-escape"}
)


def decoded(data: bytes, charset: str | None) -> str:
    """The text of ``data``. Never raises and never drops a byte: what no charset explains is read as Latin-1."""
    for name in (charset, "utf-8", "cp1252"):
        if not name or name.lower() in _REFUSED:
            continue
        try:
            return data.decode(name)
        except (LookupError, ValueError):
            continue
    return data.decode("latin-1")
