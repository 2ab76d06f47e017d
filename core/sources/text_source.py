"""Read files that hold one text or one text a line: an email, an Outlook message, a page, a list.

An email's id is the name of its file. A file of lines gives ``row-1``, ``row-2`` …; its blank lines are no texts.
"""

from __future__ import annotations

import importlib
import os
import stat
from collections.abc import Iterator
from email.utils import formataddr
from pathlib import Path
from typing import Any

from core.errors import SourceError
from core.mail import headers as header_block
from core.mail.charsets import text_of
from core.sources.decoding import Encoding, Lines, encoding_of
from core.sources.source import MESSAGE_LIMIT_BYTES, TOO_LARGE, Format, Found, SkippedRow, Source, SourceOptions

UNREADABLE = "its file cannot be read: check its permissions"
PEEK_BYTES = 4_096
EMAIL_SUFFIXES = (".eml", ".emlx")
TEXT_SUFFIXES = (".txt", ".text", ".md", ".html", ".htm")
_OLE_MARK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def begins_as_email(beginning: bytes) -> bool:
    """Return whether these bytes begin with the headers of an email."""
    if b"\x00" in beginning or b":" not in beginning:
        return False
    return header_block.split(beginning.decode("latin-1"))[0] is not None


def _open_message(path: Path, _options: SourceOptions) -> Source:
    name = printable_name(path.name)
    return Source(path, "email file", lambda: iter([message_of(path, name, follow=True)]), single=True)


EMAIL = Format(
    "email",
    "one email (.eml, .emlx, or by its headers)",
    lambda path, beginning: path.suffix.lower() in EMAIL_SUFFIXES or begins_as_email(beginning),
    _open_message,
)
TEXT = Format(
    "text", "one text (.html, .md)", lambda path, _: path.suffix.lower() in (".html", ".htm", ".md"), _open_message
)


def message_of(file: Path, source_id: str, *, follow: bool = False) -> Found | SkippedRow:
    """Return the message that a file holds; skipped where the file is too large or cannot be read, or is a link.

    Only with ``follow`` is a link followed: the person named it.
    """
    place = f"file {source_id}"
    try:
        data = read_regular(file.resolve() if follow else file, MESSAGE_LIMIT_BYTES + 1)
    except OSError as error:
        return SkippedRow(place, UNREADABLE, error.strerror or str(error))
    if len(data) > MESSAGE_LIMIT_BYTES:
        return SkippedRow(place, TOO_LARGE)
    if file.suffix.lower() == ".emlx":  # Apple Mail: a line with the length, the message, a property list
        length, _, rest = data.partition(b"\n")
        data = rest[: int(length)] if length.strip().isdigit() and len(length) < 12 else data
    raw, read_as = text_of(data)
    return Found(1, source_id, raw, place, read_as=read_as)


def read_regular(file: Path, limit: int) -> bytes:
    """Return the beginning of a regular file; whatever took its place meanwhile is not waited for. Raises OSError."""
    descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as opened:
        if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            raise OSError(f"{file.name} is no regular file")
        return opened.read(limit)


def printable_name(name: str) -> str:
    """Return a file's name as UTF-8 text, whatever bytes it is made of."""
    return name.encode("utf-8", "backslashreplace").decode()


# -- lines ------------------------------------------------------------------------------------------------------------


def _open_lines(path: Path, options: SourceOptions) -> Source:
    encoding = encoding_of(path, options.encoding)
    notes = ("one text a line (--format text takes the file as one)", *encoding.notes)
    return Source(path, "text file", lambda: _lines(path, encoding), notes=notes)


LINES = Format(
    "lines",
    "one text a line (.txt)",
    lambda path, beginning: path.suffix.lower() in (".txt", ".text", ".lst") and b"\x00" not in beginning[:1],
    _open_lines,
    ("encoding",),
)


def _lines(path: Path, encoding: Encoding) -> Iterator[Found | SkippedRow]:
    number = 0
    for at, line in enumerate(Lines(path, encoding), 1):
        text = line.rstrip("\r\n")
        if text.strip():
            number += 1
            yield Found(number, "", text, f"line {at:,}")


# -- Outlook ----------------------------------------------------------------------------------------------------------


def _open_outlook(path: Path, _options: SourceOptions) -> Source:
    try:
        library = importlib.import_module("oxmsg")
    except ImportError:
        raise SourceError(
            f"{path} is an Outlook message, which needs python-oxmsg. Install it with: pip install 'labeltui[outlook]',"
            " or save the message as .eml."
        ) from None
    name = printable_name(path.name)
    return Source(path, "Outlook message", lambda: iter([_outlook(library, path, name)]), single=True)


OUTLOOK = Format(
    "msg",
    "an Outlook message (.msg)",
    lambda path, beginning: path.suffix.lower() == ".msg" and beginning.startswith(_OLE_MARK),
    _open_outlook,
)


def _outlook(library: Any, path: Path, name: str) -> Found | SkippedRow:
    """Return an Outlook message as an email: its headers, its body, its attachments by name."""
    try:
        message = library.Message.load(str(path))
        known = {key.lower(): value for key, value in dict(message.message_headers or {}).items()}
        to = ", ".join(formataddr((person.name or "", person.email_address or "")) for person in message.recipients)
        headers = {
            "From": known.get("from") or message.sender,
            "To": known.get("to") or to,
            "Cc": known.get("cc"),
            "Subject": message.subject,
            "Date": known.get("date") or (message.sent_date.isoformat() if message.sent_date else None),
        }
        body = message.body or ""
        html = "" if body.strip() else (message.html_body or "")
        if html:
            headers["Content-Type"] = "text/html; charset=utf-8"
        attached = [f"[attachment: {item.file_name or 'without a name'}]" for item in message.attachments]
    except Exception as error:  # noqa: BLE001 - whatever a library says of a broken file, it costs one message
        return SkippedRow(f"file {name}", "it is no Outlook message that can be read", str(error)[:200])
    head = "".join(f"{title}: {' '.join(str(value).split())}\n" for title, value in headers.items() if value)
    return Found(1, name, f"{head}\n{html or body}" + "".join(f"\n{line}" for line in attached), f"file {name}")
