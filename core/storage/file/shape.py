"""Check that an opened file has the tables, columns and values of a run: it may be damaged, or made by another program.

A file is looked at once, when it is opened, before anything is made of it. What only its many rows can show is met
while they are read: :func:`telling_damage` makes one sentence of it.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import math
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from core.errors import LabeltuiError, RunFileError, disk_sentence
from core.model import RunState
from core.storage.file.connection import open_reader
from core.storage.file.rows import definition_of
from core.storage.file.schema_version import check_format

COLUMNS: dict[int, dict[str, str]] = {
    1: {
        "run": "id name source source_digest created_at work_order seed dedupe base_url simulated task_version cursor"
        " wanted state reason wait_until_at wait_limit wait_organization epoch worker_pid worker_host worker_started_at"
        " heartbeat_at in_flight in_flight_bound asking forecast resumption budget started_at finished_at",
        "task": "version name definition added_at",
        "email": "id position source_id subject sender date content_hash state label label_source reasks failure"
        " asked_from",
        "body": "email_id text raw",
        "attempt": "id email_id n kind key_alias organization model task_version started_at latency_s outcome"
        " raw_answer error prompt_tokens completion_tokens request_id epoch",
        "label": "id email_id value source annotator attempt_id task_version blind note at",
        "total": "name value",
        "pace": "at labeled failed calls waited_s",
        "event": "id at kind text email_id key_alias",
        "command": "id kind argument requested_at requested_by acknowledged_at result",
    },
    2: {"email": "flags"},
    3: {
        "email": "sent_at settled_at",
        "note": "id email_id text author at undone_at",
        "deed": "id batch kind what author at email_id row_id state label label_source reasks failure asked_from"
        " settled_at undone",
    },
    4: {
        "sample": "id name kind seed goal rates created_at",
        "review": "id email_id annotator sample_id kind label_id value seconds shown batch at undone_at",
        "review_batch": "annotator batch second",
        "alarm": "id watch at from_ask to_ask statistic limit_ state sentence dismissed_at by note",
        "gold": "name email_id value at",
        "attempt": "reply_model system_fingerprint",
    },
    5: {"body": "columns", "source_column": "position name", "skipped": "id place reason detail"},
    6: {"canary": "id email_id task_version label value round asked_at attempt_id"},
    7: {"run": "concurrency at_once"},
    8: {
        "run": "lane lane_by",
        "attempt": "lane",
        "parcel": "id nonce state key_alias organization model task_version window packed_at tried_at file_id batch_id"
        " status total completed failed tokens sent_at expires_at polled_at output_file_id error_file_id reason",
        "parcel_email": "parcel_id email_id done",
    },
    10: {"place": "name node state reason in_flight rate_per_min since_at"},
    11: {"body": "raw_whole raw_begin raw_headers raw_middle raw_body raw_end"},
    12: {
        "attempt": "pack_id pack_position",
        "pack": "id size answer",
        "control": "id email_id task_version label value turn pack_size pack_position asked_at attempt_id",
        "pack_size": "id task_version size after_label at reason",
    },
    15: {"attempt": "label_probability"},
    17: {"run": "batch_size batches_open"},
    18: {"run": "reading"},
    19: {"attempt": "in_flight"},
}
"""The columns that each format added, by table."""

MADE = {
    "email_added": "a2e141e85441",
    "email_changed": "dbd337d9976d",
    "attempt_added": "80728a2d6280",
    "email_flagged": "e60a39709fcc",
    "canary_added": "9cf0ea6348cc",
    "batch_attempt_added": "da86f1c19304",
    "packed_attempt_added": "2b16cec4cdda",
    "lane_attempt_added": "14a070d91e8d",
    "label_added": "f701c6f7ee31",
    "label_changed": "bf4c5399c06e",
    "email_source_id": "e28891828b73",
    "email_pending": "4aa9bd8da758",
    "label_once": "48c042868e35",
    "parcel_email_open": "5458d2af8950",
    "attempt_pack": "780fe56b634b",
    "raw": "683b09d6c382",
}
"""Digests (:func:`digest`) of what acts with every write or is calculated with every read: the triggers of all formats,
indexes that are more than columns, and the computed column of messages."""

_PLAIN_INDEX = re.compile(r'CREATE INDEX "?\w+"? ON "?\w+"? ?\([\w", ]+\)')
_COMPUTED = re.compile(r"raw TEXT GENERATED ALWAYS AS (\(.+\)) VIRTUAL")

_LATEST_S = 1e11
"""No moment of a run is later (the year 5138): dates beyond cannot be shown."""
_LARGEST = 2**53
"""No count of a run is larger: the largest that JSON's readers take for a whole number."""
_TIMES = ("created_at", "lane_by", "wait_until_at", "worker_started_at", "heartbeat_at", "started_at", "finished_at")
_COUNTS = (
    "seed",
    "dedupe",
    "simulated",
    "cursor",
    "epoch",
    "worker_pid",
    "in_flight",
    "in_flight_bound",
    "concurrency",
    "at_once",
    "batch_size",
    "batches_open",
)
_REQUIRED = ("name", "created_at", "task_version", "cursor", "epoch", "state")


def check_shape(db: sqlite3.Connection, path: Path, version: int, *, writing: bool = False) -> None:
    """Look at the tables and the one row of ``run``. ``writing`` refuses what acts with writes and is not labeltui's.

    Raises:
        RunFileError: something is missing, of a wrong kind, or of a value that no run has.
    """
    with telling_damage(path):
        for what in missing_parts(db, version):
            raise _damaged(path, what)
        for part in foreign_parts(db, writing=writing):
            raise RunFileError(
                f"{path} has {part.what} that labeltui did not make; it acts with every"
                f" {'read' if part.acts_when_read else 'write'}."
                " Take it out if you trust the rest. Nothing was changed."
            )
        _check_run(db, path)


def missing_parts(db: sqlite3.Connection, version: int) -> list[str]:
    """Return a sentence for each table or column of a format that is not there; a view is no table."""
    found: dict[str, set[str]] = {}
    for table, column in db.execute(
        "SELECT m.name, c.name FROM sqlite_master AS m, pragma_table_xinfo(m.name) AS c WHERE m.type = 'table'"
    ).fetchall():
        found.setdefault(table, set()).add(column)
    wanted = [part for number, part in COLUMNS.items() if number <= max(1, version)]
    sentences = []
    for table in dict.fromkeys(table for part in wanted for table in part):
        columns = {column for part in wanted for column in part.get(table, "").split()} - found.get(table, set())
        if table not in found:
            sentences.append(f"the table {table} is missing")
        elif columns:
            sentences.append(f"the table {table} has no column {', '.join(sorted(columns))}")
    return sentences


def digest(sql: str) -> str:
    """Return a short digest of a statement, whatever its white space."""
    return hashlib.sha256(" ".join(sql.split()).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class ForeignPart:
    """Hold what a foreign file has, in words, and whether it acts when the file is read too or only with writes."""

    what: str
    acts_when_read: bool


def foreign_parts(db: sqlite3.Connection, *, writing: bool) -> list[ForeignPart]:
    """Return what a file from somebody else lets SQLite do with every read or, where it is to be written, every write.

    A virtual table or a computed column runs code or fills memory when it is read; a trigger, a condition, a computed
    default and an index that is more than columns act when something is written. Indexes of plain columns are welcome.
    """
    rows = db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    ours = {table for part in COLUMNS.values() for table in part}
    read = [
        f"a virtual table {name!r}" for kind, name, _, sql in rows if kind == "table" and name in ours and _virtual(sql)
    ]
    written = []
    computed = db.execute(
        "SELECT m.name, c.name, m.sql FROM sqlite_master AS m, pragma_table_xinfo(m.name) AS c WHERE m.type = 'table'"
        " AND c.hidden IN (2, 3)"
    ).fetchall()
    for table, column, sql in computed:
        made = _COMPUTED.search(" ".join(sql.split())) if (table, column) == ("body", "raw") else None
        if table in ours and (made is None or digest(made[1]) != MADE["raw"]):
            read.append(f"a computed column {column!r} of its table {table}")
    for kind, name, table, sql in rows if writing else ():
        known = digest(sql) == MADE.get(name)
        if kind == "trigger" and not known:
            written.append(f"a trigger {name!r}")
        elif kind == "index" and table in ours and not known and not _PLAIN_INDEX.fullmatch(" ".join(sql.split())):
            written.append(f"an index {name!r}")
        elif kind == "table" and table in ours and re.search(r"(?i)\bCHECK\s*\(|\bDEFAULT\s*\(", sql):
            written.append(f"a condition or a computed default of its table {name}")
    return [
        *(ForeignPart(what, acts_when_read=True) for what in read),
        *(ForeignPart(what, acts_when_read=False) for what in written),
    ]


def _virtual(sql: str) -> bool:
    return " ".join(sql.split()[:2]).upper() == "CREATE VIRTUAL"


def _check_run(db: sqlite3.Connection, path: Path) -> None:
    cursor = db.execute("SELECT * FROM run LIMIT 2")
    rows = cursor.fetchall()
    if not rows:
        raise RunFileError(f"{path} holds no run: it was never finished. Make it again.")
    if len(rows) > 1:
        raise _damaged(path, "the table run has more than one row")
    run = dict(zip((column[0] for column in cursor.description), rows[0], strict=True))
    for name, value in run.items():
        wrong = value is None and name in _REQUIRED
        if value is not None and name in _TIMES:
            wrong = not (isinstance(value, int | float) and math.isfinite(value) and abs(value) <= _LATEST_S)
        elif value is not None and name in _COUNTS:
            wrong = not (isinstance(value, int) and abs(value) <= _LARGEST)
        elif value is not None and name != "id":
            wrong = not isinstance(value, str)
        if wrong or (name == "state" and value not in {state.value for state in RunState}):
            raise _damaged(path, f"{name} of its run is {str(value)[:60]!r}")
    definition_of(db, run["task_version"], path)


def _damaged(path: Path, what: str) -> RunFileError:
    return RunFileError(
        f"{path} is damaged: {what}. `labeltui check {path.stem}` looks closer; go back to a copy of it."
    )


_OF_VALUES = (ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError, RecursionError)
"""What comes of a value that is not of its kind where rows are made into values."""


@contextmanager
def telling_damage(path: Path) -> Iterator[None]:
    """Let what damaged rows lead to become a RunFileError. A full or busy disk stays what it is."""
    try:
        yield
    except LabeltuiError:
        raise
    except sqlite3.Error as error:
        if isinstance(error, sqlite3.OperationalError) and disk_sentence(error):
            raise
        raise _damaged(path, str(error)) from error
    except _OF_VALUES as error:
        raise _damaged(path, f"{type(error).__name__}: {error}"[:200]) from error


@contextmanager
def opened_run(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a run file to read it, looked at; an error that its rows cause is reported as damage."""
    with closing(open_reader(path)) as db, telling_damage(path):
        check_shape(db, path, check_format(db, path))
        yield db


_LOOKED_THROUGH_BYTES = 64 << 20
"""A look takes about 3 ms a MiB."""


def damage_of(path: Path) -> str:
    """Return a sentence on pages of a run file that are damaged; "" where there are none.

    A file of more than 64 MiB is not looked through: that takes longer than anybody waits for a status.
    """
    if path.stat().st_size > _LOOKED_THROUGH_BYTES:
        return ""
    with closing(open_reader(path)) as db:
        try:
            said = str(db.execute("PRAGMA quick_check(1)").fetchone()[0]).removeprefix("*** in database main *** ")
        except sqlite3.OperationalError:  # busy, or no disk: that is no damage
            return ""
        except sqlite3.DatabaseError as error:
            said = str(error)
    if said == "ok":
        return ""
    return f"the run file is damaged ({said}): `labeltui check {path.stem}` says more; go back to a copy of it"


C = TypeVar("C")


def tells_damage(kind: type[C]) -> type[C]:
    """Let every public method of a class with a ``path`` report damage; of a generator, every step."""
    for name, function in list(vars(kind).items()):
        if inspect.isfunction(function) and not name.startswith("_"):
            setattr(kind, name, _telling(function))
    return kind


def _telling(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def method(self: Any, *given: Any, **named: Any) -> Any:
        with telling_damage(self.path):
            return function(self, *given, **named)

    @functools.wraps(function)
    def steps(self: Any, *given: Any, **named: Any) -> Iterator[Any]:
        with telling_damage(self.path):
            yield from function(self, *given, **named)

    return steps if inspect.isgeneratorfunction(function) else method
