"""Read texts that are files: emails and other texts in a folder and its subfolders, Maildirs, folders of other sources.

Every file is taken, or counted with its reason. Only regular files inside the folder are opened: links are not
followed, and pipes, sockets and devices are not touched. What a file is shows in its content, and its name where that
leaves it open:

- files of ``cur`` and ``new`` in a Maildir and its ``.Subfolders`` are emails, whatever their names;
- so are ``.eml`` files, files called by a number (``12.``, ``12``: MH, the Enron corpus, 20 Newsgroups), and files that
  begin with the headers of an email; ``.txt``, ``.md`` and ``.html`` files are one text each;
- tables, mailboxes and archives of other formats give what they hold, under ids that begin with their path.

An id is the path below the folder; in a Maildir without ``cur``, ``new`` and the flags, which change when a mail is
read.
The order is that of names, folder by folder.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from core.errors import SourceError
from core.sources.source import Found, SkippedRow, Source, SourceOptions, refuse_unused
from core.sources.text_source import (
    EMAIL_SUFFIXES,
    PEEK_BYTES,
    TEXT_SUFFIXES,
    UNREADABLE,
    begins_as_email,
    message_of,
    printable_name,
    read_regular,
)

LINK = "it is a link: only files inside the folder are read"
NO_FILE = "it is no file but a pipe, a socket or a device"
HIDDEN = "its name begins with a dot"
UNFINISHED = "its delivery was not finished (tmp)"
INDEX = "it is a mail program's own file"
CARD = "it is the card of a data set"
UNKNOWN = "it is in no known form"
BROKEN = "it cannot be read as what it seems to be"

_DELIVERED = ("cur", "new")
_BY_NUMBER = re.compile(r"\d+\.?")
_INDEXES = re.compile(
    r"(?:dovecot|cyrus|courier)[.\w-]*|maildirsize|maildirfolder|subscriptions|.*\.(?:msf|cache|index|lock)|Thumbs\.db",
    re.IGNORECASE,
)

Opener = Callable[[Path, SourceOptions], Source]
"""Opens one file of another format; raises SourceError where it is of none."""


def is_maildir(path: Path) -> bool:
    """Return whether a folder is a Maildir: it has ``cur`` and ``new``, or one of them and ``tmp``."""
    return sum((path / name).is_dir() for name in (*_DELIVERED, "tmp")) > 1


def _holds_mail(path: Path) -> bool:
    """Return whether a folder is a Maildir or a ``.Subfolder`` of one, where ``cur`` or ``new`` is enough."""
    return is_maildir(path) or (
        path.name.startswith(".") and is_maildir(path.parent) and any((path / name).is_dir() for name in _DELIVERED)
    )


def open_folder(path: Path, options: SourceOptions, open_file: Opener) -> Source:
    """Return the source that a folder is; ``open_file`` opens what is neither email nor text."""
    told = options.text_column or options.id_column or options.gold_column or options.fields
    if told and not any(_has_format_suffix(file.suffix.lower()) for file, _, reason in _files(path) if not reason):
        refuse_unused(path, options, ())
    kind = "Maildir" if is_maildir(path) else "folder"
    return Source(path, kind, lambda: _found(path, options, open_file), numbered="file")


def _found(path: Path, options: SourceOptions, open_file: Opener) -> Iterator[Found | SkippedRow]:
    number = 0
    for file, place, reason in _files(path):
        if reason:
            yield SkippedRow(place, reason)
            continue
        for record in _of_file(path, file, options, open_file):
            if isinstance(record, Found):
                number += 1
                record = replace(record, number=number)  # noqa: PLW2901 - counted over the whole folder
            yield record


def _of_file(root: Path, file: Path, options: SourceOptions, open_file: Opener) -> Iterator[Found | SkippedRow]:
    """Yield what one file holds: an email or text, or the records of a file of another format."""
    inside = printable_name(file.relative_to(root).as_posix())
    place = f"file {inside}"
    if file.parent.name in _DELIVERED and _holds_mail(file.parent.parent):
        folder = printable_name(file.parent.parent.relative_to(root).as_posix())
        name = printable_name(file.name.partition(":")[0])
        yield message_of(file, name if folder == "." else f"{folder}/{name}")
        return
    try:
        beginning = read_regular(file, PEEK_BYTES)
    except OSError as error:
        yield SkippedRow(place, UNREADABLE, error.strerror or str(error))
        return
    if file.name == "README.md" and beginning.startswith(b"---"):
        yield SkippedRow(place, CARD)
        return
    suffix = file.suffix.lower()
    plain = b"\x00" not in beginning
    if options.format in (None, "email", "text") and (
        suffix in EMAIL_SUFFIXES
        or (suffix in TEXT_SUFFIXES and not beginning.startswith(b"From "))
        or (plain and _BY_NUMBER.fullmatch(file.name) and not beginning.startswith(b"From "))
        or (not _has_format_suffix(suffix) and begins_as_email(beginning) and not beginning.startswith(b"From "))
        or options.format is not None
    ):
        yield message_of(file, inside)
        return
    try:
        source = open_file(file, options)
    except SourceError as error:
        reason = UNKNOWN if not _has_format_suffix(suffix) else BROKEN
        yield SkippedRow(place, reason, _without_path(str(error), file) if reason == BROKEN else suffix)
        return
    try:
        for record in source.records():
            yield below(record, source, inside)
    except SourceError as error:
        yield SkippedRow(place, BROKEN, _without_path(str(error), file))


def below(record: Found | SkippedRow, source: Source, name: str) -> Found | SkippedRow:
    """Return a record of one source among several, with the source's name in its id and place."""
    if isinstance(record, SkippedRow):
        return replace(record, place=f"{name}: {record.place}")
    own = source.id_of(record)
    return replace(record, source_id=name if source.single else f"{name}#{own}", place=f"{name}: {record.place}")


def _has_format_suffix(suffix: str) -> bool:
    return suffix in (
        *(".csv", ".tsv", ".tab", ".json", ".jsonl", ".ndjson", ".mbox", ".mbx", ".parquet", ".xlsx", ".xlsm", ".db"),
        *(".sqlite", ".sqlite3", ".msg", ".gz", ".bz2", ".xz", ".zst", ".zip", ".tar", ".tgz"),
    )


def _without_path(sentence: str, file: Path) -> str:
    return sentence.replace(f"{file}: ", "").replace(f"{file} ", "it ")[:500]


def _files(root: Path) -> Iterator[tuple[Path, str, str]]:
    """Yield every file of a folder by name, folder by folder: with its place and, where it is not read, the reason."""
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        for name in sorted((*names, *(name for name in folders if (here / name).is_symlink()))):
            file = here / name
            yield file, f"file {printable_name(file.relative_to(root).as_posix())}", _why_not(root, file)
        folders.sort()


def _why_not(root: Path, file: Path) -> str:
    try:
        mode = file.lstat().st_mode
    except OSError:
        return UNREADABLE
    if stat.S_ISLNK(mode) or not stat.S_ISREG(mode):
        return LINK if stat.S_ISLNK(mode) else NO_FILE
    if file.parent.name == "tmp" and file.parent != root and is_maildir(file.parent.parent):
        return UNFINISHED
    if _INDEXES.fullmatch(file.name.lstrip(".")):
        return INDEX
    inside = file.relative_to(root)
    if file.name.startswith(".") or any(
        part.startswith(".") and not _holds_mail(root.joinpath(*inside.parts[: at + 1]))
        for at, part in enumerate(inside.parts[:-1])
    ):
        return HIDDEN
    return ""
