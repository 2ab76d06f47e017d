"""Read emails from an mbox file as a stream: each begins after a line that begins with ``From ``.

Mailboxes are written in dialects that disagree on what is quoted. A line begins a message if it is ``From ``, a sender
and a date as in ``Mon Jan  1 00:00:00 2024``, behind a blank line, or without one where a header line follows; or,
without such a date, behind a blank line where a header of an email follows. So a sentence that begins with "From my
point of view" stays in its message. Lines that begin with ``>From `` were stuffed by whoever wrote the file, and lose
one ``>``. Ids are ``message-1``, ``message-2`` …: a Message-ID is often shared by the copies of a message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from core.errors import SourceError
from core.mail.charsets import text_of
from core.mail.headers import NAMES_OF_EMAIL
from core.sources.decoding import BOM
from core.sources.source import MESSAGE_LIMIT_BYTES, TOO_LARGE, Format, Found, SkippedRow, Source, SourceOptions

BEFORE_FIRST = "it stands before the first message of the mailbox"

_STUFFED = re.compile(rb">+From ")
_MONTHS = rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_DATED = re.compile(
    rb"From .{0,998}?\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),?\s+"
    rb"(?:%b\s+\d{1,2}|\d{1,2}\s+%b)\b.{0,40}?\d{1,2}:\d\d" % (_MONTHS, _MONTHS)
)
_HEADER = re.compile(rb"([!-9;-~]{1,100})[ \t]*:")
_NAMES = frozenset(name.encode() for name in NAMES_OF_EMAIL)
_FAMILIES = (b"x-", b"arc-", b"dkim-", b"content-", b"list-", b"authentication-", b"received-", b"resent-", b"status")


def _claims(path: Path, beginning: bytes) -> bool:
    opening = beginning.removeprefix(BOM).lstrip(b"\r\n")
    if path.suffix.lower() in (".mbox", ".mbx"):
        return True
    first, _, rest = opening.partition(b"\n")
    return first.startswith(b"From ") and _begins(first, rest.partition(b"\n")[0], after_blank=True)


def _open(path: Path, _options: SourceOptions) -> Source:
    return Source(path, "mbox file", lambda: _found(path), numbered="message")


FORMAT = Format("mbox", "an mbox file (.mbox, or by its first line)", _claims, _open)


def _begins(line: bytes, following: bytes, *, after_blank: bool) -> bool:
    """Return whether a line that begins with ``From `` begins a message."""
    header = _HEADER.match(following)
    if _DATED.match(line):
        return after_blank or header is not None
    name = header[1].lower() if header else b""
    return after_blank and (name in _NAMES or name.startswith(_FAMILIES))


def _found(path: Path) -> Iterator[Found | SkippedRow]:
    number, began, size = 0, 1, 0
    lines: list[bytes] = []
    after_blank = True
    try:
        for at, (line, following) in enumerate(_pairs(path), 1):
            if line.startswith(b"From ") and _begins(line, following, after_blank=after_blank):
                if number or any(line.strip() for line in lines):
                    yield _message(number, began, lines, size)
                number, began, size, lines = number + 1, at, 0, []
            else:
                size += len(line)
                if size <= MESSAGE_LIMIT_BYTES:
                    lines.append(line[1:] if line.startswith(b">") and _STUFFED.match(line) else line)
            after_blank = not line.strip(b"\r\n")
    except OSError as error:
        raise SourceError(f"{path}: reading broke off: {error}. Check the disk.") from None
    if number or any(line.strip() for line in lines):
        yield _message(number, began, lines, size)


def _pairs(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yield each line with the one behind it."""
    with path.open("rb") as file:
        line = file.readline().removeprefix(BOM)
        for following in file:
            yield line, following
            line = following
        if line:
            yield line, b""


def _message(number: int, began: int, lines: list[bytes], size: int) -> Found | SkippedRow:
    if not number:
        return SkippedRow(f"line {began:,}", BEFORE_FIRST, f"{size:,} bytes")
    place = f"message {number:,}, line {began:,}"
    if size > MESSAGE_LIMIT_BYTES:
        return SkippedRow(place, TOO_LARGE)
    if lines and not lines[-1].strip(b"\r\n"):
        lines = lines[:-1]  # the blank line belongs to the file, not to the message
    raw, read_as = text_of(b"".join(lines))
    return Found(number, "", raw, place, read_as=read_as)
