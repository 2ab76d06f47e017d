"""The readable body of a message that is more than plain text: encoded, HTML, or in several parts.

The standard library takes the parts apart. It is shown a bounded beginning of the message, and none at all of one that
is nested deeper than any mail program nests: such a body is sent as it stands.
"""

from __future__ import annotations

import base64
import binascii
import quopri
import re
from collections.abc import Iterator
from email import message_from_string
from email.message import Message
from typing import TypeAlias

from core.mail import headers as header_block
from core.mail.charsets import decoded, named
from core.mail.markup import text_of_html

PARSE_LIMIT_CHARS = 256_000
BOUNDARY_LIMIT = 20
FORWARD_LIMIT = 100
PART_LIMIT = 200

# The parser compares every line with every open boundary, and calls itself for every level.
_BOUNDARY = re.compile(r"boundary[ \t]*=", re.IGNORECASE)
_FORWARD = re.compile(r"message/", re.IGNORECASE)
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")
_Part: TypeAlias = "Message[str, str]"

_FORWARDED = ("From", "To", "Subject", "Date")


def readable_body(body: str, headers: header_block.Headers) -> str:
    """The text that a reader would see of ``body``, with attachments named.

    ``body`` is what follows the ``headers``, at most ``PARSE_LIMIT_CHARS`` of it. Raises nothing: what cannot be parsed
    stays as it is.
    """
    plain = body.replace("\r\n", "\n")
    source = _head(headers) + "\n" + plain
    if len(_BOUNDARY.findall(source)) > BOUNDARY_LIMIT or len(_FORWARD.findall(source)) > FORWARD_LIMIT:
        return plain
    try:
        message = message_from_string(source)
        sections = [section for section in _sections(message, [PART_LIMIT]) if section]
    except Exception:  # noqa: BLE001 - a parser's fault on foreign text must not lose the email
        return plain
    if not sections:
        return message.preamble or ""
    return "\n".join(section.removesuffix("\n") for section in sections) if len(sections) > 1 else sections[0]


def _head(headers: header_block.Headers) -> str:
    """The headers that say how the body is made, and no other: the parser need not see a list of recipients."""
    named = ("content-type", "content-transfer-encoding", "content-disposition")
    return "".join(f"{name}: {values[0]}\n" for name in named if (values := headers.get(name)))


def _sections(part: _Part, parts_left: list[int]) -> Iterator[str]:
    """The readable sections of a part in order. ``parts_left`` is the shared bound over the whole message."""
    parts_left[0] -= 1
    if parts_left[0] < 0:
        return
    kind = part.get_content_type()
    payload = part.get_payload()
    children = [child for child in payload if isinstance(child, Message)] if isinstance(payload, list) else None
    if kind == "message/rfc822" and children is not None:
        for inner in children:
            yield _forwarded_head(inner)
            yield from _sections(inner, parts_left)
    elif children is not None:
        yield from _of_several(kind, children, parts_left)
    elif part.get_content_disposition() == "attachment" or not kind.startswith(("text/", "multipart/", "message/")):
        yield _attachment(part, kind)
    elif kind == "text/html":
        yield text_of_html(_content(part))
    else:
        yield _content(part)


def _of_several(kind: str, children: list[_Part], parts_left: list[int]) -> Iterator[str]:
    """The sections of a multipart: of alternatives the plainest that says anything, of others all in order."""
    if kind != "multipart/alternative":
        for child in children:
            yield from _sections(child, parts_left)
        return
    for child in sorted(children, key=_plainness):
        sections = [section for section in _sections(child, parts_left) if section.strip()]
        if sections:
            yield from sections
            return


def _plainness(part: _Part) -> int:
    order = ("text/plain", "multipart/", "text/html", "text/")
    kind = part.get_content_type()
    return next((place for place, start in enumerate(order) if kind.startswith(start)), len(order))


def _forwarded_head(inner: _Part) -> str:
    lines = []
    for name in _FORWARDED:
        values = [str(value) for value in inner.get_all(name, [])[:1]]
        if values and (value := header_block.recipients({name.lower(): values}, name.lower())):
            lines.append(f"{name}: {value}\n")
    return "".join(lines) + "\n" if lines else ""


def _attachment(part: _Part, kind: str) -> str:
    name = " ".join((part.get_filename() or "without a name").split())
    return f"[attachment: {name[:200]}, {kind[:100]}]"


def _content(part: _Part) -> str:
    payload = part.get_payload()
    if not isinstance(payload, str):
        return ""
    encoding = str(part.get("content-transfer-encoding", "")).partition(";")[0].strip().lower()
    charset = part.get_content_charset()
    if encoding == "quoted-printable":
        data = quopri.decodestring(payload.encode("utf-8", "surrogatepass"))
        # Characters beyond ASCII beside the encoding came as UTF-8, whatever the part says.
        return decoded(data, charset if payload.isascii() else "utf-8").replace("\r\n", "\n")
    if encoding == "base64":
        return _from_base64(payload, charset)
    if encoding in ("x-uuencode", "uuencode", "uue", "x-uue"):
        unpacked = part.get_payload(decode=True)
        return decoded(unpacked, charset) if isinstance(unpacked, bytes) else payload
    return payload


def _from_base64(payload: str, charset: str | None) -> str:
    signs = _NOT_BASE64.sub(b"", payload.encode("ascii", "ignore"))
    signs = signs[: len(signs) - 1] if len(signs) % 4 == 1 else signs
    try:
        data = base64.b64decode(signs + b"=" * (-len(signs) % 4))
    except binascii.Error:
        return payload
    # The beginning of a long part may end within a character.
    for trim in range(4):
        try:
            return data[: len(data) - trim].decode(named(charset) or "utf-8").replace("\r\n", "\n")
        except (LookupError, ValueError):
            continue
    return decoded(data, charset).replace("\r\n", "\n")
