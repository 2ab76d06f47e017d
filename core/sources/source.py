"""Define what every format of texts shares: what was found, what was not taken, and one rule for ids.

A format yields what it finds (:class:`Found`, or a :class:`SkippedRow` where a record makes no sense). :class:`Source`
makes emails of that: it numbers those without an id, takes each id once, and counts what it leaves out.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from core.errors import SourceError
from core.model import SourceEmail

MESSAGE_LIMIT_BYTES = 64 * 1024 * 1024
TOO_LARGE = f"it is larger than {MESSAGE_LIMIT_BYTES // 1024 // 1024} MiB: no text is"
SKIPPED_SAMPLE = 100
LISTED_LIMIT = 50_000
"""Skipped records that are kept one by one for a listing; the others are counted by reason."""

MAX_ID_CHARS = 1_000
_IDS_IN_MEMORY = 100_000
_IDS_CACHE_KIB = 32 * 1024

REPEATED = "the same text again: id and content are both taken already"
ID_TAKEN = "its id belongs to another text that was taken: choose a column of unique ids with --id-column"
ID_TOO_LONG = f"its id has more than {MAX_ID_CHARS:,} characters: choose another column with --id-column"


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """Hold what a person says of a source; None and empty mean that it is found out.

    ``fields`` are columns that are sent beside the text, ``table`` is a table, a query or a sheet.
    """

    text_column: str | None = None
    id_column: str | None = None
    gold_column: str | None = None
    fields: tuple[str, ...] = ()
    format: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    table: str | None = None

    def columns_named(self) -> str:
        """Return the columns that are said, by option and as JSON; empty where none is."""
        said = {name: getattr(self, name) for name in COLUMN_OPTIONS if getattr(self, name)}
        return json.dumps(said, ensure_ascii=False) if said else ""

    def with_columns_of(self, named: str) -> SourceOptions:
        """Return the options with the columns that :meth:`columns_named` returned, unless they say any themselves.

        Raises:
            SourceError: this is not what it returned.
        """
        if not named or self.columns_named():
            return self
        try:
            said = dict(json.loads(named))
            text, ids, gold = (None if said.get(name) is None else str(said[name]) for name in COLUMN_OPTIONS[:3])
            return replace(
                self, text_column=text, id_column=ids, gold_column=gold, fields=tuple(map(str, said.get("fields", ())))
            )
        except (ValueError, TypeError) as error:
            raise SourceError(
                "The run file is damaged: which columns its source was read by is not there. Name them with"
                " --text-column, --id-column and --fields."
            ) from error


COLUMN_OPTIONS = ("text_column", "id_column", "gold_column", "fields")
"""The options that mean something to every table."""


@dataclass(frozen=True, slots=True)
class Found:
    """Hold a message as a format found it. ``number`` counts the records from 1; ``source_id`` may be empty.

    ``columns`` are the record's other columns by name, ``gold`` a label that the source has for it; ``read_as`` is the
    codec that the bytes of a message were decoded with.
    """

    number: int
    source_id: str
    raw: str
    place: str
    columns: Mapping[str, Any] | None = None
    gold: str = ""
    read_as: str = ""


@dataclass(frozen=True, slots=True)
class SkippedRow:
    """Hold a record that was not taken: where it stands (``row 17, line 403``) and why.

    Equal causes have equal reasons, so that they can be counted; ``detail`` says what is special to this one.
    """

    place: str
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Columns:
    """Hold where text and id come from. ``id`` is None where the records are numbered; both are None without columns.

    ``sent`` are columns that are sent beside the text, ``gold`` is that of labels, ``names`` are all.
    """

    text: str | None = None
    id: str | None = None
    sent: tuple[str, ...] = ()
    gold: str | None = None
    names: tuple[str, ...] = ()


@dataclass(slots=True)
class Skipped:
    """Hold what one pass over a source did not take: the count of each reason, and the first 100 rows."""

    by_reason: dict[str, int] = field(default_factory=dict)
    sample: list[SkippedRow] = field(default_factory=list)
    _fresh: list[SkippedRow] = field(default_factory=list)
    _listed: int = 0

    @property
    def total(self) -> int:
        """Return how many records were not taken."""
        return sum(self.by_reason.values())

    def add(self, row: SkippedRow) -> None:
        """Count one more."""
        self.by_reason[row.reason] = self.by_reason.get(row.reason, 0) + 1
        if len(self.sample) < SKIPPED_SAMPLE:
            self.sample.append(row)
        if self._listed < LISTED_LIMIT:
            self._listed += 1
            self._fresh.append(row)

    def drain(self) -> list[SkippedRow]:
        """Return the rows that were added since the last call, of the first 50,000."""
        fresh, self._fresh = self._fresh, []
        return fresh


class _Ids:
    """Keep the ids of one pass: in memory at first, then in a temporary database that ends with it.

    Kept are hashes of id and message, of 64 bits under this process's secret, and the record's number: some 40 bytes a
    record in the folder for temporary files. Among ten million ids two are taken for one with a chance of three in a
    million.
    """

    def __init__(self) -> None:
        self._first: dict[int, tuple[int, int]] = {}
        self._db: sqlite3.Connection | None = None

    def first(self, source_id: str, number: int, content: int) -> tuple[int, int] | None:
        """Keep an id; return number and content of the record that had it before, or None.

        Raises:
            SourceError: the folder for temporary files is full.
        """
        key = hash(source_id)
        if self._db is None:
            found = self._first.setdefault(key, (number, content))
            if len(self._first) >= _IDS_IN_MEMORY:
                self._db = self._moved()
            return found if found[0] != number else None
        try:
            if self._db.execute("INSERT OR IGNORE INTO first VALUES (?, ?, ?)", (key, number, content)).rowcount:
                return None
            row = self._db.execute("SELECT number, content FROM first WHERE id = ?", (key,)).fetchone()
        except sqlite3.Error as error:
            raise SourceError(_no_room(error)) from None
        return int(row[0]), int(row[1])

    def _moved(self) -> sqlite3.Connection:
        # An empty name means a file in the folder for temporary files that is removed as soon as it is made.
        db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        try:
            for name, value in (("journal_mode", "OFF"), ("synchronous", "OFF"), ("cache_size", -_IDS_CACHE_KIB)):
                db.execute(f"PRAGMA {name} = {value}")
            db.execute("CREATE TABLE first(id INTEGER PRIMARY KEY, number INTEGER NOT NULL, content INTEGER NOT NULL)")
            db.execute("BEGIN")
            rows = ((key, *self._first[key]) for key in sorted(self._first))
            db.executemany("INSERT INTO first VALUES (?, ?, ?)", rows)
        except sqlite3.Error as error:
            db.close()
            raise SourceError(_no_room(error)) from None
        self._first = {}
        return db

    def close(self) -> None:
        """Forget all of them."""
        if self._db is not None:
            self._db.close()


def _no_room(error: sqlite3.Error) -> str:
    return (
        f"The ids of so many texts are kept in a temporary file, which cannot be written ({error}). Make room in"
        " /var/tmp or /tmp, or name another folder in SQLITE_TMPDIR."
    )


class Source:
    """Iterate over emails in one place. Each pass reads anew and in constant memory.

    ``taken`` and ``skipped`` are of the latest pass. A pass raises SourceError where the source breaks off (broken
    encoding, an unclosed quotation mark), or at its end if not one email was taken. ``notes`` say what was guessed,
    ``files`` are the files or folders that are read, ``keeps`` is whatever must live as long as the source, ``rows``
    how many records there are, where a file says so, ``plain`` the files and folders by whose size texts are
    counted ahead: none where texts lie packed.
    """

    def __init__(
        self,
        path: Path,
        kind: str,
        read: Callable[[], Iterator[Found | SkippedRow]],
        columns: Columns | None = None,
        numbered: str = "row",
        *,
        notes: tuple[str, ...] = (),
        single: bool = False,
    ) -> None:
        self.path = path
        self.kind = kind
        self.columns = columns or Columns()
        self.taken = 0
        self.skipped = Skipped()
        self.notes = notes
        self.single = single
        self.files: tuple[Path, ...] = (path,)
        self.keeps: object = None
        self._read = read
        self.numbered = numbered
        self.rows: int | None = None
        self.plain: tuple[Path, ...] = ()
        self._plain_bytes: int | None = None
        self._read_chars = 0

    def describe(self) -> str:
        """Return the source in a sentence: format, path, which columns were chosen, what was guessed."""
        parts = [f"{self.kind} {self.path}"]
        columns = self.columns
        if columns.text is not None:
            parts.append(f"text from column {columns.text!r}")
            parts.append(
                f"ids from column {columns.id!r}" if columns.id is not None else f"ids {self.numbered}-1, -2, …"
            )
            if columns.sent:
                parts.append(f"sent with it: {', '.join(columns.sent)}")
            if columns.gold is not None:
                parts.append(f"labels to compare with from column {columns.gold!r}")
        return ", ".join([*parts, *self.notes])

    def expected(self) -> int | None:
        """Return how many texts there seem to be: as a file says, else by size and what was read; None if unknown."""
        if self.rows is not None:
            return self.rows
        if not self.plain or not self._read_chars:
            return None
        if self._plain_bytes is None:
            self._plain_bytes = sum(map(_bytes_in, self.plain))
        return max(self.taken, round(self.taken * self._plain_bytes / self._read_chars))

    def records(self) -> Iterator[Found | SkippedRow]:
        """Yield what the format finds, before ids are looked at."""
        return self._read()

    def id_of(self, found: Found) -> str:
        """Return the record's id, or its number where it has none."""
        return found.source_id or f"{self.numbered}-{found.number}"

    def __iter__(self) -> Iterator[SourceEmail]:
        self.taken = 0
        self.skipped = Skipped()
        self._read_chars = 0
        counts_chars = self.rows is None and bool(self.plain)
        with contextlib.closing(_Ids()) as ids:
            for record in self._read():
                row = record if isinstance(record, SkippedRow) else self._refusal(record, ids)
                if isinstance(record, Found) and row is None:
                    self.taken += 1
                    if counts_chars:
                        self._read_chars += _chars_of(record)
                    yield SourceEmail(
                        self.id_of(record), record.raw, record.place, record.columns, record.gold, record.read_as
                    )
                elif row is not None:
                    self.skipped.add(row)
        if not self.taken:
            raise SourceError(self._nothing())

    def _refusal(self, found: Found, ids: _Ids) -> SkippedRow | None:
        """Return why this email is not taken, or None; its id is kept."""
        if not found.source_id and self.columns.id is None:
            return None  # numbers are unique by themselves
        source_id = self.id_of(found)
        if len(source_id) > MAX_ID_CHARS:
            return SkippedRow(found.place, ID_TOO_LONG)
        content = hash(found.raw)
        first = ids.first(source_id, found.number, content)
        if first is None:
            return None
        reason = REPEATED if first[1] == content else ID_TAKEN
        return SkippedRow(found.place, reason, f"id {source_id!r} was first seen in {self.numbered} {first[0]:,}")

    def _nothing(self) -> str:
        if not self.skipped.total:
            return f"{self.path} holds no texts. Check that it is the {self.kind} that was meant."
        reason, count = max(self.skipped.by_reason.items(), key=lambda item: item[1])
        first = next((row for row in self.skipped.sample if row.reason == reason), SkippedRow("an unlisted place", ""))
        detail = f": {first.detail}" if first.detail else ""
        return (
            f"{self.path}: none of its {self.skipped.total:,} records could be taken. {count:,} of them: {reason} "
            f"(first at {first.place}{detail}). Correct the file or choose other columns."
        )


_OVERHEAD_CHARS = 4
"""Quotation marks and separators of a record, in a guess at how many there are."""


def _chars_of(record: Found) -> int:
    """Return about how many characters a record takes in its file."""
    columns = sum(len(str(value)) + 1 for value in record.columns.values()) if record.columns else 0
    return len(record.raw) + len(record.source_id) + _OVERHEAD_CHARS + columns


def _bytes_in(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder that are still there."""
    found = 0
    for file in path.rglob("*") if path.is_dir() else (path,):
        with contextlib.suppress(OSError):
            found += file.stat().st_size if file.is_file() else 0
    return found


@dataclass(frozen=True, slots=True)
class Format:
    """Hold one format of a file of texts.

    ``name`` is what ``--format`` calls it; ``words`` describe it to people, with the suffixes that it goes by.
    ``claims(path, beginning)`` returns whether a file that begins so is of this format; ``open(path, options)`` returns
    its Source or raises SourceError. ``options`` are those that mean something to it; ``is_text`` says that the size of
    a file tells how much text it holds.
    """

    name: str
    words: str
    claims: Callable[[Path, bytes], bool]
    open: Callable[[Path, SourceOptions], Source]
    options: tuple[str, ...] = ()
    is_text: bool = True


def refuse_unused(path: Path, options: SourceOptions, known: tuple[str, ...]) -> None:
    """Refuse an option that means nothing to a format. Raises SourceError."""
    for name in ("text_column", "id_column", "gold_column", "fields", "encoding", "delimiter", "table"):
        value = getattr(options, name)
        if value and name not in known:
            what = "has no columns" if "column" in name or name == "fields" else f"has no use for --{name}"
            shown = ",".join(value) if isinstance(value, tuple) else value
            option = "--" + name.replace("_", "-")
            raise SourceError(f"{path} {what}, so {option} {shown!r} means nothing there. Leave it out.")
