"""Search for emails: every match, found a stretch at a time, so that a person sees matches as they come.

In work order matches come as they are found. In any other they are gathered in a temporary table and come at the end,
sorted by SQLite: nothing of a million rows passes through Python but their numbers.

Words are looked for in the texts themselves until an index of them stands beside the run (``NAME.search.db``). It is
made from the run file, which is only read for it; it goes on where emails were added, and is made anew where a version
of the task sends other texts. Several consoles may build at it at once: each stretch is one transaction that
goes on where the last one ended. The file can be deleted at any time.
"""

from __future__ import annotations

import functools
import json
import os
import re
import sqlite3
from array import array
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import quote

from core.errors import RunFileError
from core.storage.file.connection import immediately, open_reader
from core.storage.file.lock import companion
from core.storage.file.schema_version import FORMAT_WITH_FLAGS, FORMAT_WITH_NOTES, check_format
from core.storage.reading.filters import NUMBERED, Condition, Filter, Term, condition
from core.storage.reading.ordering import WORK_ORDER, Order, order_sql

INDEX_FORMAT = 1
STRETCH = 50_000
"""Places in the work order that one step looks at."""
TEXT_STRETCH = 4_000
"""The same where texts are read."""
INDEX_STRETCH = 2_000
"""Emails that one step of building takes into the index."""
FROM_TEXT_FIRST = 10 * TEXT_STRETCH
"""Emails from which on a search with the index begins with a stretch of texts: the index answers all at once."""
FETCHED = 2_000
LOOK_UP_EVERY = 100_000
"""Steps of SQLite's machine after which it asks whether its answer is still wanted."""


@dataclass(frozen=True, slots=True)
class Found:
    """Hold numbers of emails in order, after those found before; ``share`` of the run (0..1) is looked through."""

    ids: array[int]
    share: float
    finished: bool
    indexed: bool


def index_path(run_path: Path) -> Path:
    """Return where the words of a run's emails are kept."""
    return companion(run_path, ".search.db")


class Search:
    """Run one search at a time over one run file. Belongs to the thread that opened it."""

    def __init__(self, path: Path, stale: Callable[[], bool] = lambda: False) -> None:
        """Open or begin the index; a step that is going on returns nothing once ``stale`` returns true."""
        self.path = path
        self._db = open_reader(path)
        self._db.execute("PRAGMA query_only = OFF")  # for temporary tables; the file itself is opened read-only
        self._db.set_progress_handler(stale, LOOK_UP_EVERY)
        try:
            self._format = check_format(self._db, path)
        except BaseException:
            self._db.close()
            raise
        self._db.create_function("has_words", 4, has_words, deterministic=True)
        self._total = int(self._db.execute("SELECT coalesce(max(position) + 1, 0) FROM email").fetchone()[0])
        self._last_id = int(self._db.execute("SELECT coalesce(max(id), 0) FROM email").fetchone()[0])
        self._attached = False
        self._wanted: Condition | None = None
        self._first: Condition | None = None
        self._order = WORK_ORDER
        self._next = 0
        self._whole = False

    def close(self) -> None:
        """Close the files."""
        self._db.close()

    # -- searching ----------------------------------------------------------------------------------------------------

    def begin(self, wanted: Filter, order: Order = WORK_ORDER) -> None:
        """Look for these from now on, in that order.

        Raises:
            RunFileError: the file is too old for that order.
        """
        self._order = order
        self._sorted_by = order_sql(order, self._format)
        wanted = with_near_duplicates(self._db, wanted)
        indexed = bool(wanted.texts) and self._attach()
        self._wanted = condition(
            wanted,
            has_flags=self._format >= FORMAT_WITH_FLAGS,
            has_notes=self._format >= FORMAT_WITH_NOTES,
            index="search.words" if indexed else None,
        )
        self._whole = indexed
        self._first = None
        if indexed and self._total > FROM_TEXT_FIRST:  # a common word is there at once; a rare one costs a moment more
            self._first = condition(
                wanted, has_flags=self._format >= FORMAT_WITH_FLAGS, has_notes=self._format >= FORMAT_WITH_NOTES
            )
        self._next = 0
        if order != WORK_ORDER:
            self._db.execute("DROP TABLE IF EXISTS temp.found")
            self._db.execute("CREATE TEMP TABLE found(id INTEGER PRIMARY KEY)")

    def step(self) -> Found:
        """Look on for a moment. Call it until it is finished.

        Raises:
            RunFileError: the run file cannot be read.
        """
        wanted = self._wanted
        if wanted is None:
            raise RuntimeError("begin comes first")
        if self._order != WORK_ORDER and wanted.sql == "1":
            self._next = self._total
            return self._sorted(f"SELECT e.id FROM email AS e ORDER BY {self._sorted_by}")
        by_index = self._whole and self._first is None
        if self._first is not None:
            wanted, self._first = self._first, None
            size = TEXT_STRETCH
        else:
            size = self._total + 1 if self._whole else TEXT_STRETCH if wanted.reads_text else STRETCH
        end = min(self._total, self._next + size)
        joined = " JOIN body AS b ON b.email_id = e.id" if wanted.reads_text else ""
        sql = f"SELECT e.id FROM email AS e{joined} WHERE e.position >= ? AND e.position < ? AND {wanted.sql}"
        values = (self._next, end, *wanted.values)
        ids = array("I")
        try:
            if self._order == WORK_ORDER:
                ids = self._numbers(f"{sql} ORDER BY e.position", values)
            else:
                self._db.execute(f"INSERT INTO temp.found {sql}", values)
        except sqlite3.Error as error:
            if _given_up(error):
                return Found(array("I"), self._next / max(1, self._total), finished=False, indexed=self._whole)
            if by_index:  # a damaged index is worth nothing; without it the next search reads the texts
                self._detach()
                with suppress(OSError):
                    index_path(self.path).unlink(missing_ok=True)
                raise RunFileError(f"The index of words was damaged ({error}) and is gone. Search again.") from error
            raise RunFileError(f"{self.path} cannot be read ({error}).") from error
        self._next = end
        share = end / self._total if self._total else 1.0
        if end >= self._total and self._order != WORK_ORDER:
            return self._sorted(
                f"SELECT e.id FROM temp.found AS f JOIN email AS e ON e.id = f.id ORDER BY {self._sorted_by}"
            )
        return Found(ids, share, finished=end >= self._total, indexed=self._whole)

    def _sorted(self, sql: str) -> Found:
        try:
            return Found(self._numbers(sql, ()), 1.0, finished=True, indexed=self._whole)
        except sqlite3.Error as error:
            if _given_up(error):
                return Found(array("I"), 1.0, finished=False, indexed=self._whole)
            raise RunFileError(f"{self.path} cannot be sorted ({error}).") from error

    def _numbers(self, sql: str, values: tuple[str | int, ...]) -> array[int]:
        ids = array("I")
        cursor = self._db.execute(sql, values)
        while rows := cursor.fetchmany(FETCHED):
            ids.extend(row[0] for row in rows)
        return ids

    # -- the index ----------------------------------------------------------------------------------------------------

    def _attach(self) -> bool:
        """Return whether a whole index of this very run is at hand."""
        path = index_path(self.path)
        if not path.exists():
            self._detach()
            return False
        try:
            if not self._attached:
                self._db.execute("ATTACH ? AS search", (f"file:{quote(os.fsencode(path.resolve()))}?mode=ro",))
                self._attached = True
            row = self._db.execute("SELECT mark, built_to FROM search.made").fetchone()
        except sqlite3.Error:
            self._detach()
            return False
        if row is None or row[0] != _mark(self._db) or row[1] < self._last_id:
            self._detach()
            return False
        return True

    def _detach(self) -> None:
        if self._attached:
            with suppress(sqlite3.Error):
                self._db.execute("DETACH search")
            self._attached = False

    def build(self) -> float:
        """Take some more emails into the index; returns the share (0..1) that is in it.

        Raises:
            RunFileError: the index cannot be written; searching goes on without it.
        """
        path = index_path(self.path)
        try:
            with _Builder(path, self.path, self._last_id) as builder:
                return builder.step()
        except sqlite3.DatabaseError as error:
            if not isinstance(error, sqlite3.OperationalError):
                with suppress(OSError):  # damaged, or no index at all: it is made anew
                    path.unlink(missing_ok=True)
            raise RunFileError(f"The index of words beside {self.path.stem} cannot be made ({error}).") from error


class _Builder:
    """Build one step: a connection of its own, which reads the run and writes the index."""

    def __init__(self, path: Path, run_path: Path, last_id: int) -> None:
        self._last_id = last_id
        self._db = sqlite3.connect(
            f"file:{quote(os.fsencode(path.resolve()))}?mode=rwc", uri=True, isolation_level=None, timeout=2.0
        )
        try:
            path.chmod(0o600)
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute("ATTACH ? AS run", (f"file:{quote(os.fsencode(run_path.resolve()))}?mode=ro",))
        except BaseException:
            self._db.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def step(self) -> float:
        db = self._db
        with immediately(db):
            built = self._built()
            end = min(self._last_id, built + INDEX_STRETCH)
            db.execute(
                "INSERT INTO words(rowid, subject, sender, text) SELECT e.id, e.subject, e.sender, b.text"
                " FROM run.email AS e JOIN run.body AS b ON b.email_id = e.id WHERE e.id > ? AND e.id <= ?",
                (built, end),
            )
            db.execute("UPDATE main.made SET built_to = ?", (end,))
        return end / self._last_id if self._last_id else 1.0

    def _built(self) -> int:
        """Return how far it is; an index of another run, or of another format, is begun anew."""
        db, mark = self._db, _mark(self._db, "run.")
        if db.execute("SELECT 1 FROM main.sqlite_master WHERE name = 'made'").fetchone():
            row = db.execute("SELECT mark, built_to FROM main.made").fetchone()
            if row is not None and row[0] == mark:
                return int(row[1])
            db.execute("DROP TABLE main.made")
            db.execute("DROP TABLE IF EXISTS main.words")
        db.execute("CREATE TABLE main.made(mark TEXT, built_to INTEGER)")
        db.execute("INSERT INTO main.made VALUES (?, 0)", (mark,))
        db.execute(
            "CREATE VIRTUAL TABLE main.words USING fts5(subject, sender, text, content='',"
            " tokenize='unicode61 remove_diacritics 0')"
        )
        return 0


def _given_up(error: sqlite3.Error) -> bool:
    return error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT if hasattr(error, "sqlite_errorcode") else False


def _mark(db: sqlite3.Connection, schema: str = "main.") -> str:
    """Return what identifies the run and the format of its index."""
    row = db.execute(f"SELECT name, source_digest, created_at, seed FROM {schema}run").fetchone()
    sent = db.execute(
        f"SELECT definition FROM {schema}task WHERE version = (SELECT task_version FROM {schema}run)"
    ).fetchone()
    task = json.loads(sent[0]) if sent else {}
    return "|".join(str(part) for part in (INDEX_FORMAT, *(row or ()), task.get("fields"), task.get("truncate_at")))


@functools.lru_cache(maxsize=64)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def has_words(pattern: str, *texts: str | None) -> bool:
    """Return whether a text matches; the SQL function that :func:`core.storage.reading.filters.condition` uses."""
    compiled = _compiled(pattern)
    return any(text is not None and compiled.search(text.lower()) is not None for text in texts)


NEAR_WORDS, FEWEST_NEAR_WORDS = 60, 8
"""Texts are nearly the same where the first 60 words behind their header lines are; shorter ones say too little."""

_LETTERS = re.compile(r"[^\W\d_]+")
_HEADER_LINE = re.compile(r"(?:From|To|Cc|Bcc|Subject|Date): ")


def near_key(text: str) -> str | None:
    """Return what nearly equal texts have in common, None for a text that is too short to compare."""
    lines = text.splitlines()
    begin = next((place for place, each in enumerate(lines) if not _HEADER_LINE.match(each)), len(lines))
    words = _LETTERS.findall("\n".join(lines[begin:])[: 20 * NEAR_WORDS].lower())[:NEAR_WORDS]
    return " ".join(words) if len(words) >= FEWEST_NEAR_WORDS else None


def near_duplicates_apart(db: sqlite3.Connection) -> list[int]:
    """Return the labeled emails for which another email with nearly the same text has another label."""
    groups: dict[int, dict[str, list[int]]] = {}
    for number, label, text in db.execute(
        f"SELECT e.id, e.label, substr(b.text, 1, {40 * NEAR_WORDS}) FROM email AS e"
        " JOIN body AS b ON b.email_id = e.id WHERE e.label IS NOT NULL"
    ):
        key = near_key(text)
        if key is not None:
            groups.setdefault(hash(key), {}).setdefault(label, []).append(number)
    return sorted(number for labels in groups.values() if len(labels) > 1 for ids in labels.values() for number in ids)


def with_near_duplicates(db: sqlite3.Connection, wanted: Filter) -> Filter:
    """Return the filter with ``edge:near`` replaced by the numbers of the emails that it finds now."""
    if all((term.field, term.value) != ("edge", "near") for term in wanted.terms):
        return wanted
    found = json.dumps(near_duplicates_apart(db))
    return Filter(
        tuple(
            Term(NUMBERED, found, term.negated) if (term.field, term.value) == ("edge", "near") else term
            for term in wanted.terms
        )
    )
