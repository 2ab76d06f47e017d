"""Emails in a Maildir: one file each in ``cur`` and ``new``; flags after the name are no part of the id."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from core.sources.format import Format
from core.sources.octets import message_in, no_columns, printable_name
from core.sources.reading import Found, SkippedRow, Source

_FOLDERS = ("cur", "new")


def _claims(path: Path, beginning: bytes | None) -> bool:
    return beginning is None and any((path / folder).is_dir() for folder in _FOLDERS)


def _open(path: Path, text: str | None, ids: str | None) -> Source:
    no_columns(path, text, ids)
    return Source(path, "Maildir", lambda: _found(path))


FORMAT = Format("a Maildir (a folder with cur and new in it)", _claims, _open)


def _found(path: Path) -> Iterator[Found | SkippedRow]:
    number = 0
    for folder in _FOLDERS:
        if not (path / folder).is_dir():
            continue
        for file in sorted((path / folder).iterdir()):
            if file.name.startswith(".") or not file.is_file():
                continue
            number += 1
            yield message_in(file, number, printable_name(file.name.partition(":")[0]))
