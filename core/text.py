"""Make foreign text harmless before it reaches a terminal: :func:`inert` is the only way there.

Emails, answers, API errors, file and run names come from outside. A terminal handles control characters, and widgets
pass them on, so every one of them becomes a glyph that can be seen and that does nothing.
"""

from __future__ import annotations

import re

_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_INVISIBLE = "\u200b-\u200d\u2060-\u2064\ufeff\u00ad\U000e0000-\U000e007f"
_LINE_BREAKS = "\u2028\u2029"
_VARIATION = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
UNSAFE = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff{_BIDI}{_INVISIBLE}{_LINE_BREAKS}]")
"""Every character that a terminal could handle or hide, but for tab and newline."""


_HALVES = re.compile("[\ud800-\udfff]")


def without_halves(text: str) -> str:
    """Return the text with half surrogate pairs, which UTF-8 cannot hold, as U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return _HALVES.sub("\ufffd", text)
    return text


def _glyph(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    if 0xD800 <= code <= 0xDFFF:
        return "\ufffd"
    if code in (0x2028, 0x2029):
        return "\u240a"
    return "\u00b7"


def inert(text: str, *, limit: int | None = None) -> str:
    """Return the text with everything visible that a terminal could act on or hide.

    Tab and newline stay; C0, DEL, C1, bidirectional controls, invisible characters and lone surrogates become one
    visible glyph each. Variation selectors go: terminals disagree on the width that they give. ``limit`` cuts to that
    many characters, with an ellipsis as the last of them.
    """
    text = text.replace("\r\n", "\n")
    if limit is not None and len(text) > limit:
        text = text[: max(0, limit - 1)] + "…"
    if text.isascii() and text.isprintable():
        return text
    return UNSAFE.sub(_glyph, _VARIATION.sub("", text))


def plural_of(noun: str) -> str:
    """Return the plural of a noun by the rules of English spelling: ``reviews``, ``queries``, ``addresses``."""
    if noun.endswith("y") and noun[-2:-1] not in tuple("aeiou"):
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "z", "ch", "sh")) else "s")


def with_article(noun: str) -> str:
    """Return a noun behind *a* or *an*: ``an email``, ``a review``, ``a user story``."""
    lower = noun.lower()
    return ("an " if lower[:1] in tuple("aeio") or (lower[:1] == "u" and lower[:2] != "us") else "a ") + noun


def counted(count: int, one: str, many: str = "") -> str:
    """Return a count with its noun: ``1 review``, ``3,000 reviews``."""
    return f"{count:,} {one if count == 1 else many or plural_of(one)}"


def toml_place(error: ValueError) -> str:
    """Return where a TOML file breaks off (``line 3``), without what stands there: it may be a secret."""
    found = re.search(r"\(at (line \d+|end of document)", str(error))
    return found[1] if found else "its encoding"


def one_line(text: str, *, limit: int | None = None) -> str:
    """Return :func:`inert` on a single line: runs of white space become one space."""
    if text.isascii() and text.isprintable() and " " not in text and (limit is None or len(text) <= limit):
        return text  # a name or a number, as most foreign text in a reply is
    if limit is not None and len(text) > 4 * limit:
        text = text[: 4 * limit]
    return inert(" ".join(text.split()), limit=limit)


# -- spreadsheets ----------------------------------------------------------------------------------------------------

_SIGNS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
_UNSEEN = "\x00\u00ad\ufeff" + "".join(map(chr, (*range(0x200B, 0x2010), *range(0x2060, 0x2065))))
FORMULA = f"'*[{_UNSEEN}]*[{re.escape(_SIGNS)}]"
"""How a cell begins that a spreadsheet may run, as a regular expression."""
MAY_BEGIN = frozenset("'" + _SIGNS + _UNSEEN)
"""How a text begins that :func:`guarded` may change; any other only if there is a semicolon in it."""
_BEGINS = re.compile(FORMULA)
_WITHIN = re.compile(f";({FORMULA})")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")
_CALLS = re.compile(rf"^({FORMULA}.*[(|])", re.MULTILINE)


def guarded(cell: str) -> str:
    """Return a cell as no spreadsheet will run it.

    Spreadsheets run a cell that begins like a formula, and ids, texts and model answers come from strangers. So a cell
    that begins with ``=``, ``+``, ``-``, ``@`` or their full-width forms, a tab or a line break, also behind invisible
    characters, gets an apostrophe in front, which spreadsheets take as "this is text"; plain numbers such as
    ``-1`` stay. Where a semicolon parts the columns, such a sign behind one within a text begins a cell as well, and
    gets one too. A sign that has apostrophes in front gets one more, so that taking one away always gives the
    value back.
    """
    if not cell or (cell[0] not in MAY_BEGIN and ";" not in cell) or _NUMBER.fullmatch(cell):
        return cell
    within = _WITHIN.sub(r";'\1", cell) if _WITHIN.search(cell) else cell  # to look alone takes half the time
    return f"'{within}" if _BEGINS.match(cell) else within


def guarded_lines(text: str) -> str:
    """Return prose as no spreadsheet will run a line of it that was pasted there.

    Only lines with a parenthesis or a bar are guarded, without which no formula calls a function or a program: lists
    and rules of dashes stay as they are.
    """
    return _CALLS.sub(r"'\1", text)
