"""Decode bytes of mail: in the charset that they name, else UTF-8, else what old mail programs meant."""

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
    return repaired(data, charset)[0]


def repaired(data: bytes, charset: str | None) -> tuple[str, bool]:
    """Return the text of ``data``, and whether it is in the charset that is named (True where none is known).

    Latin-1 and its kin take any bytes, so what is named so but is valid UTF-8 is read as that: each letter beyond ASCII
    would else have to stand before one of the rare signs 0x80-0xBF. Bytes that Latin-1 has no letters for are
    Windows-1252, as browsers read them. Where a charset does not fit, its larger relative is tried (GBK for GB 2312),
    then UTF-8, then Windows-1252. Never raises and never drops a byte.
    """
    text, read_as = _decoded(data, charset)
    name = named(charset)
    return text, name is None or read_as in (name, _LARGER.get(name))


def _decoded(data: bytes, charset: str | None) -> tuple[str, str]:
    """Return the text of ``data``, and the codec that it was read with."""
    name = named(charset)
    if name in _LATIN and not data.isascii():
        try:
            return data.decode("utf-8"), "utf-8"
        except ValueError:
            pass
        if _C1.search(data):
            name = "cp1252"
    for each in (name, _LARGER.get(name or ""), "utf-8", "cp1252"):
        if each is None:
            continue
        try:
            return data.decode(each), each
        except (LookupError, ValueError):
            continue
    return data.decode("latin-1"), "latin-1"


def holds(text: str, charset: str | None, read_as: str = "") -> bool:
    """Return whether decoded text can have come in the charset that is named (True where none is known).

    ``read_as`` is the codec that its bytes were decoded with, where that is known: the charset must give them too.
    """
    name = named(charset)
    if name is None or text.isascii():
        return True
    name = _LARGER.get(name, name).replace("utf_8_sig", "utf_8")
    try:
        return text.encode(name) == text.encode(read_as or name)
    except (LookupError, ValueError):
        return False


_LATIN = frozenset(
    ("ascii", "us_ascii", "latin_1", "latin1", "iso_8859_1", "iso8859_1", "l1", "cp1252", "windows_1252")
)
_C1 = re.compile(rb"[\x80-\x9f]")
_LARGER = {
    **dict.fromkeys(("gb2312", "gb_2312", "gb_2312_80", "euc_cn", "gbk", "cp936"), "gb18030"),
    **dict.fromkeys(("shift_jis", "sjis", "s_jis", "x_sjis"), "cp932"),
    **dict.fromkeys(("ks_c_5601_1987", "euc_kr", "euckr", "ks_c_5601"), "cp949"),
    **dict.fromkeys(("big5", "big5_tw", "csbig5"), "big5hkscs"),
}
"""Charsets that mail programs write by a smaller relative's name."""


def text_of(data: bytes) -> tuple[str, str]:
    """Return a message's bytes as text: UTF-8 if they are, else the charset that it names first, else Windows-1252.

    No byte is dropped or replaced. The codec that they were read with is returned beside, to compare with what parts
    name.
    """
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        match = _CHARSET.search(data, 0, _SEARCHED_BYTES)
        charset = match[1].decode("ascii") if match else None
        # UTF-16 and its kin are no superset of ASCII: read that way, the headers would be lost.
        return _decoded(data, None if charset and charset.lower().startswith("utf") else charset)
