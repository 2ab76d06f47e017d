"""Emails in a folder of ``.eml`` and ``.txt`` files, in its subfolders too, or in one ``.eml`` file.

An email's id is its path below the folder. The order is that of names, folder by folder; hidden files are passed over
and links to folders are not followed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from core.sources.format import Format
from core.sources.octets import message_in, no_columns, printable_name
from core.sources.reading import Found, SkippedRow, Source

_SUFFIXES = (".eml", ".txt")


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


def _found(path: Path) -> Iterator[Found | SkippedRow]:
    for number, file in enumerate(_files(path), 1):
        yield message_in(file, number, printable_name(file.relative_to(path).as_posix()))


def _files(path: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.lower().endswith(_SUFFIXES) and not name.startswith("."):
                yield Path(folder, name)
