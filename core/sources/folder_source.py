"""Emails that are files: ``.eml`` and ``.txt`` files in a folder and its subfolders, a Maildir, one ``.eml`` file.

In a folder the id is the path below it and the order that of names, folder by folder; hidden files are passed over and
links to folders are not followed. In a Maildir the id is the name without the flags, which change when a mail is read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from core.mail.charsets import text_of
from core.sources.source import MESSAGE_LIMIT_BYTES, TOO_LARGE, Format, Found, SkippedRow, Source, no_columns

UNREADABLE = "its file cannot be read: check its permissions"
_SUFFIXES = (".eml", ".txt")
_DELIVERED = ("cur", "new")


def _claims(path: Path, beginning: bytes | None) -> bool:
    if beginning is not None:
        return path.suffix.lower() == ".eml"
    return next(_files(path), None) is not None


def _open(path: Path, text: str | None, ids: str | None) -> Source:
    no_columns(path, text, ids)
    if path.is_file():
        return Source(path, "email file", lambda: iter([message_in(path, 1, printable_name(path.name))]))
    return Source(path, "folder", lambda: _found(path))


FORMAT = Format("a folder of .eml or .txt files, or one .eml file", _claims, _open)


def _is_maildir(path: Path, beginning: bytes | None) -> bool:
    return beginning is None and any((path / folder).is_dir() for folder in _DELIVERED)


def _open_maildir(path: Path, text: str | None, ids: str | None) -> Source:
    no_columns(path, text, ids)
    return Source(path, "Maildir", lambda: _delivered(path))


MAILDIR = Format("a Maildir (a folder with cur and new in it)", _is_maildir, _open_maildir)


def _found(path: Path) -> Iterator[Found | SkippedRow]:
    for number, file in enumerate(_files(path), 1):
        yield message_in(file, number, printable_name(file.relative_to(path).as_posix()))


def _files(path: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.lower().endswith(_SUFFIXES) and not name.startswith("."):
                yield Path(folder, name)


def _delivered(path: Path) -> Iterator[Found | SkippedRow]:
    number = 0
    for folder in _DELIVERED:
        if not (path / folder).is_dir():
            continue
        for file in sorted((path / folder).iterdir()):
            if file.name.startswith(".") or not file.is_file():
                continue
            number += 1
            yield message_in(file, number, printable_name(file.name.partition(":")[0]))


def message_in(file: Path, number: int, source_id: str) -> Found | SkippedRow:
    """The message that a file holds; skipped where the file is too large or cannot be read."""
    place = f"file {source_id}"
    try:
        with file.open("rb") as opened:
            data = opened.read(MESSAGE_LIMIT_BYTES + 1)
    except OSError as error:
        return SkippedRow(place, UNREADABLE, error.strerror or str(error))
    if len(data) > MESSAGE_LIMIT_BYTES:
        return SkippedRow(place, TOO_LARGE)
    return Found(number, source_id, text_of(data), place)


def printable_name(name: str) -> str:
    """A file's name as UTF-8 text, whatever bytes it is made of."""
    return name.encode("utf-8", "backslashreplace").decode()
