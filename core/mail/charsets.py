"""Bytes of mail as text: in the charset that they name, else UTF-8, else what old mail programs meant."""

from __future__ import annotations

import re
from encodings.aliases import aliases

_CHARSET = re.compile(rb"""charset\s{0,3}=\s{0,3}["']?([A-Za-z0-9._-]{1,40})""", re.IGNORECASE)
_SEARCHED_BYTES = 65_536
_NOT_ALNUM = re.compile("[^a-z0-9.]+")
# Codecs that a message may name but that are no charset of text, or that take time in the square of the size.
_REFUSED = frozenset(
    (
        *("base64_codec", "bz2_codec", "hex_codec", "idna", "mbcs", "oem", "palmos", "punycode", "quopri_codec"),
        *("raw_unicode_escape", "rot_13", "undefined", "unicode_escape", "uu_codec", "zlib_codec"),
    )
)
_KNOWN = frozenset(
    name
    for name in (*aliases, *aliases.values(), "utf_8", "utf_8_sig", "utf_16", "utf_32", "utf_7", "latin_1")
    if name not in _REFUSED and aliases.get(name) not in _REFUSED
)


def named(charset: str | None) -> str | None:
    """Return the codec of a charset that a part names, or None where it is unknown or no charset of text.

    Names are looked up in the standard library's table and nowhere else: a failed look-up of the codec machinery
    searches the disk, and a message may name a new charset in every word.
    """
    if not charset or len(charset) > 60:
        return None
    name = _NOT_ALNUM.sub("_", charset.lower()).strip("_")
    if name in _KNOWN:
        return name
    plain = name.replace(".", "_")
    return plain if plain in _KNOWN else None


def decoded(data: bytes, charset: str | None) -> str:
    """Return the text of ``data``. Never raises and never drops a byte: what no charset explains is Latin-1."""
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
