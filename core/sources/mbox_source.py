"""Emails in an mbox file: one after the other, each after a line that begins with ``From ``, read as a stream.

A message begins at such a line at the start of the file or after a blank line. Lines of a message that begin with
``>From `` were stuffed by whoever wrote the file, and lose one ``>``. Ids are ``message-1``, ``message-2`` …: a
Message-ID is often shared by the copies of a message in one mailbox.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from core.errors import SourceError
from core.mail.charsets import text_of
from core.sources.source import MESSAGE_LIMIT_BYTES, TOO_LARGE, Format, Found, SkippedRow, Source, no_columns

_STUFFED = re.compile(rb">+From ")


def _claims(_path: Path, beginning: bytes | None) -> bool:
    return beginning is not None and beginning.startswith(b"From ")


def _open(path: Path, text: str | None, ids: str | None) -> Source:
    no_columns(path, text, ids)
    return Source(path, "mbox file", lambda: _found(path), numbered="message")


FORMAT = Format("an mbox file", _claims, _open)


def _found(path: Path) -> Iterator[Found | SkippedRow]:
    number, began, size = 0, 1, 0
    lines: list[bytes] = []
    after_blank = True
    try:
        with path.open("rb") as file:
            for at, line in enumerate(file, 1):
                if after_blank and line.startswith(b"From "):
                    if number:
                        yield _message(number, began, lines, size)
                    number, began, size, lines = number + 1, at, 0, []
                else:
                    size += len(line)
                    if size <= MESSAGE_LIMIT_BYTES:
                        lines.append(line[1:] if _STUFFED.match(line) else line)
                after_blank = not line.strip(b"\r\n")
    except OSError as error:
        raise SourceError(f"{path}: reading broke off: {error}. Check the disk.") from None
    if number:
        yield _message(number, began, lines, size)


def _message(number: int, began: int, lines: list[bytes], size: int) -> Found | SkippedRow:
    place = f"message {number:,}, line {began:,}"
    if size > MESSAGE_LIMIT_BYTES:
        return SkippedRow(place, TOO_LARGE)
    if lines and not lines[-1].strip(b"\r\n"):
        lines = lines[:-1]  # the blank line belongs to the file, not to the message
    return Found(number, "", text_of(b"".join(lines)), place)
