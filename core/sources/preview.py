"""Show what could be a source of emails before it is one: folders, columns, first rows, what would be skipped."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from core.errors import SourceError
from core.mail.message import view_of
from core.sources.columns import ColumnsError
from core.sources.folder_source import is_maildir
from core.sources.registry import open_source
from core.sources.source import SourceOptions
from core.text import counted

MOST_ENTRIES = 5_000
"""Entries of a folder that are looked at."""

_KINDS = {
    ".csv": "CSV", ".tsv": "CSV (tabs)", ".tab": "CSV (tabs)", ".jsonl": "JSON Lines", ".ndjson": "JSON Lines",
    ".json": "JSON",
    ".mbox": "mbox", ".mbx": "mbox", ".eml": "one email", ".emlx": "one email", ".msg": "Outlook email",
    ".txt": "lines of text", ".xlsx": "Excel", ".xlsm": "Excel", ".parquet": "Parquet", ".db": "SQLite",
    ".sqlite": "SQLite", ".sqlite3": "SQLite", ".gz": "packed", ".bz2": "packed", ".xz": "packed", ".zst": "packed",
    ".zip": "packed", ".tar": "packed", ".tgz": "packed",
}  # fmt: skip
_MESSAGES = re.compile(r".*\.(?:eml|emlx|txt|html?|md)|\d+\.?", re.IGNORECASE)
_SAMPLE = 8
_SHOWN_CHARS = 200


@dataclass(frozen=True, slots=True)
class Entry:
    """Hold a file or folder to choose from. ``kind`` is empty for a folder that is only to be looked into."""

    name: str
    path: Path
    kind: str
    folder: bool
    size_bytes: int = 0
    changed_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Folder:
    """Hold what a folder offers. ``itself`` is its kind where the folder as a whole is a source.

    ``others`` counts files in no known form and names that cannot be typed; hidden ones are not counted.
    """

    path: Path
    itself: str
    entries: tuple[Entry, ...]
    others: int


def look_into(path: Path) -> Folder:
    """Return the usable files and the folders in a folder, by name; hidden ones are passed over.

    Raises:
        SourceError: it cannot be read.
    """
    files: list[Entry] = []
    folders: list[Entry] = []
    others = messages = 0
    try:
        with os.scandir(path) as found:
            for item in islice(found, MOST_ENTRIES):
                if item.name.startswith("."):
                    continue
                messages += _MESSAGES.fullmatch(item.name) is not None
                entry = _entry(Path(item.path), item) if item.name.isprintable() else None
                if entry is None:
                    others += 1
                else:
                    (folders if entry.folder else files).append(entry)
    except FileNotFoundError as error:
        raise SourceError(f"There is no folder {path}. Check how it is spelled.") from error
    except OSError as error:
        raise SourceError(f"{path} cannot be looked into: {error.strerror}.") from error
    itself = (
        "Maildir" if is_maildir(path)
        else "Parquet files" if any(path.glob("*.parquet")) or any(path.glob("data/*.parquet"))  # of a data set
        else counted(messages, "message") if messages
        else ""
    )  # fmt: skip
    by_name = [*sorted(files, key=_by_name), *sorted(folders, key=_by_name)]
    return Folder(path, itself, tuple(by_name), others)


def _by_name(entry: Entry) -> str:
    return entry.name.casefold()


def _entry(path: Path, item: os.DirEntry[str]) -> Entry | None:
    try:
        stat = item.stat()
        if item.is_dir():
            kind = "Maildir" if is_maildir(path) else ""
            return Entry(item.name, path, kind, folder=True, changed_at=stat.st_mtime)
        kind = _KINDS.get(path.suffix.lower(), "")
        if not kind and not path.suffix and item.is_file() and _begins_as_mbox(path):
            kind = "mbox"
    except OSError:
        return None
    if not kind or not item.is_file():
        return None
    return Entry(item.name, path, kind, folder=False, size_bytes=stat.st_size, changed_at=stat.st_mtime)


def _begins_as_mbox(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(5) == b"From "


@dataclass(frozen=True, slots=True)
class Looked:
    """Hold a source as it would be read: its columns (none where the format has none), those chosen, its first emails.

    ``rows`` are (id, sender, subject or beginning); ``trouble`` says why none can be read as chosen; ``sent`` are
    columns that are sent beside the text.
    """

    names: tuple[str, ...]
    text: str
    id: str
    described: str
    rows: tuple[tuple[str, str, str], ...]
    trouble: str = ""
    sent: tuple[str, ...] = ()


def look_at(path: Path, options: SourceOptions) -> Looked:
    """Return the first emails of a source, read by these columns or by those that look right.

    Raises:
        SourceError: there is no such source, or it is in no known form.
    """
    source = None
    try:
        source = open_source(path, options)
        rows = []
        for email in islice(source, _SAMPLE):
            view = view_of(email.raw, fields=("from", "subject", "body"), truncate_at=2_000)
            told = view.subject or " ".join(view.text.split())
            rows.append((email.source_id, view.sender, told[:_SHOWN_CHARS]))
    except SourceError as error:
        names = error.names if isinstance(error, ColumnsError) else source.columns.names if source else ()
        if not names:
            raise
        return Looked(names, options.text_column or "", options.id_column or "", "", (), str(error))
    columns = source.columns
    return Looked(
        columns.names, columns.text or "", columns.id or "", source.describe(), tuple(rows), sent=columns.sent
    )


@dataclass(frozen=True, slots=True)
class Counted:
    """Hold a source read to its end: emails taken, rows skipped by reason, and places of some of those."""

    taken: int
    skipped: tuple[tuple[str, int], ...]
    places: tuple[str, ...]
    whole: bool = True


def count(path: Path, options: SourceOptions, *, wanted: Callable[[], bool] = lambda: True) -> Counted:
    """Read a source to its end, for as long as that is ``wanted``.

    Raises:
        SourceError: it breaks off, or not one email can be taken.
    """
    source = open_source(path, options)
    whole = True
    for _ in source:
        if source.taken % 500 == 0 and not wanted():
            whole = False
            break
    places = tuple(f"{row.place}: {row.detail or row.reason}" for row in source.skipped.sample)
    return Counted(source.taken, tuple(source.skipped.by_reason.items()), places, whole)
