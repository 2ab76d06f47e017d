"""Parse the header block of a message: where it ends, what it says, and whether there is one at all.

The standard library's parser takes the first line of any text for a header if it can, and a text that only looks like
one (``Note: call me``) would lose its words. Here a block counts as headers only if names of emails stand in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.errors import HeaderParseError
from email.header import decode_header

from core.mail.charsets import decoded

Headers = Mapping[str, list[str]]
"""Values by name in lower case, unfolded, in the order they came."""

BLOCK_LIMIT_CHARS = 1_000_000
VALUE_LIMIT_CHARS = 1_000
LIST_LIMIT_CHARS = 500
_CHARSET = re.compile(r"""\bcharset\s{0,3}=\s{0,3}["']?([\w.:-]{1,60})""", re.IGNORECASE)
_ENCODED_LIMIT_CHARS = 4 * VALUE_LIMIT_CHARS

_HEADER = re.compile(r"([!-9;-~]{1,100})[ \t]*:(.*)", re.DOTALL)
_FIELDS = re.compile(r"([!-9;-~]{1,100}[ \t]*):([^\n]*(?:\n[ \t][^\n]*)*)\n")
_SHORT_CHARS = 20_000
_BLANK_LINE = re.compile(r"\n\r?\n")
_FIRST_LINES = re.compile(r"\ufeff?(?:[ \t]*\r?\n){0,100}(?:>?From [^\n]*\n)?")
NAMES_OF_EMAIL = frozenset(
    (
        *("bcc", "cc", "date", "from", "reply-to", "sender", "subject", "to"),
        *("content-transfer-encoding", "content-type", "mime-version"),
        *("delivered-to", "in-reply-to", "message-id", "received", "references", "return-path"),
    )
)


def split(raw: str) -> tuple[Headers | None, int]:
    """Return the headers and the index where the body begins, or (None, 0) where the text has no headers of an email.

    A block that a blank line ends needs one name that emails use; one that runs into other text, or to the end, needs
    two. Blank lines and a mailbox's ``From `` line before it are passed over.
    """
    opening = _FIRST_LINES.match(raw)
    first = opening.end() if opening else 0
    if _HEADER.match(raw[first : first + 200]) is None:
        return None, 0
    blank = _BLANK_LINE.search(raw, first, first + BLOCK_LIMIT_CHARS)
    end = blank.start() + 1 if blank else min(len(raw), first + BLOCK_LIMIT_CHARS)
    headers, stopped_at = _whole(raw, first, end) or _parse(raw, first, end)
    known = sum(name in NAMES_OF_EMAIL for name in headers)
    if blank and stopped_at == end:
        return (headers, blank.end()) if known else (None, 0)
    return (headers, stopped_at) if known > 1 else (None, 0)


def _whole(raw: str, first: int, end: int) -> tuple[dict[str, list[str]], int] | None:
    """Return what :func:`_parse` does where every line of a short block belongs to a header, in a third of its time."""
    if end - first > _SHORT_CHARS:
        return None
    found = _FIELDS.findall(raw, first, end)
    if sum([len(name) + len(value) for name, value in found]) + 2 * len(found) != end - first:
        return None
    headers: dict[str, list[str]] = {}
    for name, value in found:
        said = " ".join([piece for line in value.split("\n") if (piece := line.strip())]) if "\n" in value else value
        key = name.rstrip(" \t").lower()
        if key in headers:
            headers[key].append(said.strip())
        else:
            headers[key] = [said.strip()]
    return headers, end


def _parse(raw: str, first: int, end: int) -> tuple[dict[str, list[str]], int]:
    """Return the headers in ``raw[first:end]`` up to the first line that is none, and where that line or the end is."""
    headers: dict[str, list[str]] = {}
    pieces: list[str] = []
    position = first
    for line in raw[first:end].removesuffix("\n").split("\n"):
        if line[:1] in (" ", "\t") and pieces:
            pieces.append(line.strip())
        else:
            match = _HEADER.match(line)
            if match is None:
                break
            _close(headers, pieces)
            pieces = [match[1].lower(), match[2].strip()]
        position += len(line) + 1
    _close(headers, pieces)
    return headers, min(position, end)


def _close(headers: dict[str, list[str]], pieces: list[str]) -> None:
    if pieces:
        headers.setdefault(pieces[0], []).append(" ".join(piece for piece in pieces[1:] if piece))


def text(headers: Headers, name: str) -> str:
    """Return a header's first value: decoded, on one line, of at most 1,000 characters; empty where it is missing."""
    values = headers.get(name)
    return _bounded(_decode(values[0]), VALUE_LIMIT_CHARS) if values else ""


def recipients(headers: Headers, name: str) -> str:
    """Return the addresses of a header, decoded; of a long list about 500 characters, then how many more there are."""
    joined = ", ".join(value for value in headers.get(name, ()) if value)
    if len(joined) <= LIST_LIMIT_CHARS:
        return _decode(joined)
    addresses = _addresses(joined)
    shown: list[str] = []
    size = 0
    for address in addresses:
        decoded_one = _bounded(_decode(address), LIST_LIMIT_CHARS)
        size += len(decoded_one) + 2
        if shown and size > LIST_LIMIT_CHARS:
            break
        shown.append(decoded_one)
    hidden = len(addresses) - len(shown)
    return ", ".join(shown) + (f", … and {hidden:,} more" if hidden else "")


def _addresses(joined: str) -> list[str]:
    """Return the list's addresses: split at commas that stand outside quotation marks."""
    addresses: list[str] = []
    quoted: list[str] = []
    for piece in joined.split(","):
        if quoted:
            quoted.append(piece)
            if piece.count('"') % 2:
                addresses.append(",".join(quoted))
                quoted = []
        elif piece.count('"') % 2:
            quoted.append(piece)
        else:
            addresses.append(piece)
    addresses.extend(quoted)  # the mark was never closed: every comma counts
    return [address.strip() for address in addresses if address.strip()]


def is_plain(headers: Headers) -> bool:
    """Return whether the body can be sent as it is: plain text, not encoded."""
    kind = _word(headers, "content-type", "text/plain")
    encoding = _word(headers, "content-transfer-encoding", "7bit")
    return kind in ("text/plain", "text") and encoding not in (
        "quoted-printable",
        "base64",
        "x-uuencode",
        "uuencode",
        "uue",
        "x-uue",
    )


def charset(headers: Headers) -> str | None:
    """Return the charset that the body's type names, as it is written there."""
    match = _CHARSET.search(headers.get("content-type", ("",))[0][:_SHORT_CHARS])
    return match[1] if match else None


def _word(headers: Headers, name: str, default: str) -> str:
    values = headers.get(name)
    return (values[0].partition(";")[0].strip().lower() or default) if values else default


def _bounded(value: str, limit: int) -> str:
    return value if len(value) <= limit else value[: limit - 1] + "…"


def _decode(value: str) -> str:
    """Return the value with its encoded words (RFC 2047) decoded, on one line; as it is where they are malformed."""
    if "=?" not in value:
        return value if "\r" not in value else " ".join(value.split())
    value = value[:_ENCODED_LIMIT_CHARS]
    try:
        chunks = decode_header(value)
    except (HeaderParseError, ValueError):
        return value
    pieces = [chunk if isinstance(chunk, str) else decoded(chunk, charset) for chunk, charset in chunks]
    # A line break hidden in an encoded word must not pass for another header line.
    return " ".join("".join(pieces).split())
