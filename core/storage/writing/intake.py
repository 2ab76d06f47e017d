"""Make a run: its row, its task, its emails and the order in which they are worked."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from core.mail.dates import sent_at
from core.model import SourceEmail, Task, View, orders_among
from core.storage.file.message import COLUMNS as KEPT_COLUMNS
from core.storage.file.message import kept
from core.storage.file.rows import task_to_definition
from core.storage.writing.check import recounted

_PAGE = 500
_LATER = 2**31 - 1
"""The position of emails until their order is known: no row grows by the true one, which would split its page."""
_encoded = json.JSONEncoder(ensure_ascii=False, default=str).encode
SOURCE_GOLD = "source"
"""The name of the gold labels that come with a source."""


@dataclass(frozen=True, slots=True)
class NewRun:
    """Hold what a run is made of, beside its emails and its task.

    ``reading`` are the columns that a person named, by option and as JSON, or empty.
    """

    name: str
    source: str
    source_digest: str
    created_at: float
    order: str = "shuffled"
    seed: int = 0
    dedupe: bool = True
    base_url: str | None = None
    simulated: bool = False
    reading: str = ""


def insert_run(db: sqlite3.Connection, run: NewRun, task: Task) -> None:
    """Insert the run's row and the first version of its task."""
    db.execute(
        "INSERT INTO run(id, name, source, source_digest, created_at, work_order, seed, dedupe, base_url, simulated,"
        " reading, task_version) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            run.name,
            run.source,
            run.source_digest,
            run.created_at,
            run.order,
            run.seed,
            run.dedupe,
            run.base_url,
            run.simulated,
            run.reading,
            task.version,
        ),
    )
    db.execute(
        "INSERT INTO task(version, name, definition, added_at) VALUES (?, ?, ?, ?)",
        (task.version, task.name, task_to_definition(task), run.created_at),
    )


def insert_emails(db: sqlite3.Connection, emails: Iterable[tuple[SourceEmail, View]]) -> int:
    """Append emails in source order, with their columns; returns how many."""
    (last,) = db.execute("SELECT coalesce(max(id), 0) FROM email").fetchone()
    known = {row[0] for row in db.execute("SELECT name FROM source_column")}
    count, left = 0, iter(emails)
    while page := list(islice(left, _PAGE)):
        _insert_page(db, page, last + count + 1, known)
        count += len(page)
    return count


def _insert_page(db: sqlite3.Connection, page: Sequence[tuple[SourceEmail, View]], first: int, known: set[str]) -> None:
    """Append emails that are numbered from ``first`` on; ``known`` are the source's columns that are listed already."""
    rows, bodies, gold, noted = [], [], [], []
    for number, (email, view) in enumerate(page, first):
        date = view.date
        rows.append(
            (number, _LATER, email.source_id, view.subject, view.sender, date, sent_at(date), view.content_hash,
             view.flags if view.flags and orders_among(view.flags) else None)
        )  # fmt: skip
        if view.flags and rows[-1][-1] is None:
            noted.append((view.flags, number))
        columns = None
        if email.columns:
            columns = _sound(_encoded(email.columns))
            for name in email.columns:
                if name not in known:
                    known.add(name)
                    db.execute("INSERT INTO source_column(name) VALUES (?)", (_sound(name),))
        bodies.append((number, view.text, columns, *kept(email.raw, view.text)))
        if email.gold:
            gold.append((SOURCE_GOLD, number, email.gold))
    db.executemany(
        "INSERT INTO email(id, position, source_id, subject, sender, date, sent_at, content_hash, flags)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        rows,
    )
    # The trigger that counts orders to a model acts on insertion alone.
    db.executemany("UPDATE email SET flags = ? WHERE id = ?", noted)
    db.executemany(
        f"INSERT INTO body(email_id, text, columns, {KEPT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", bodies
    )
    db.executemany("INSERT INTO gold(name, email_id, value, at) SELECT ?, ?, ?, created_at FROM run", gold)


@dataclass(slots=True)
class Later:
    """Hold what came of later arrivals: how many were ``taken``, ``known`` already, or changed under an old id."""

    taken: int = 0
    known: int = 0
    changed: int = 0
    changed_ids: list[str] = field(default_factory=list)


LISTED_CHANGED = 50
"""Ids of changed texts that are named; the others are counted."""


def insert_later(db: sqlite3.Connection, emails: Iterable[tuple[SourceEmail, View]], numbered: str) -> Later:
    """Append what is new behind all others, and return what came of the rest.

    New is what has a new id. Where ids are but the numbers of records (``numbered-17``), new is what has a new text,
    and it is numbered on.
    """
    found = Later()
    own_number = re.compile(re.escape(numbered) + r"-[0-9]+")
    arrived: set[str] = set()
    (number,) = db.execute("SELECT coalesce(max(id), 0) FROM email").fetchone()

    def new() -> Iterator[tuple[SourceEmail, View]]:
        nonlocal number
        for email, view in emails:
            if own_number.fullmatch(email.source_id):
                known = db.execute("SELECT 1 FROM email WHERE content_hash = ?", (view.content_hash,)).fetchone()
                if known or view.content_hash in arrived:
                    found.known += 1
                    continue
                arrived.add(view.content_hash)
                number += 1
                while db.execute("SELECT 1 FROM email WHERE source_id = ?", (f"{numbered}-{number}",)).fetchone():
                    number += 1
                yield replace(email, source_id=f"{numbered}-{number}"), view
                continue
            row = db.execute("SELECT content_hash FROM email WHERE source_id = ?", (email.source_id,)).fetchone()
            if row is None:
                yield email, view
            elif row[0] == view.content_hash:
                found.known += 1
            else:
                found.changed += 1
                if len(found.changed_ids) < LISTED_CHANGED:
                    found.changed_ids.append(email.source_id)

    (last,) = db.execute("SELECT coalesce(max(id), 0) FROM email").fetchone()
    (position,) = db.execute("SELECT coalesce(max(position), -1) + 1 FROM email").fetchone()
    found.taken = insert_emails(db, new())
    order, seed = db.execute("SELECT work_order, seed FROM run").fetchone()
    db.create_function("shuffle_key", 1, lambda number: _shuffle_key(seed, number), deterministic=True)
    key = "id" if order == "source" else "shuffle_key(id), id"
    db.execute(
        f"UPDATE email SET position = ? + ranked.place FROM (SELECT id, row_number() OVER (ORDER BY {key}) - 1 AS place"
        " FROM email WHERE id > ?) AS ranked WHERE ranked.id = email.id",
        (position, last),
    )
    return found


def _sound(text: str) -> str:
    """Return the text as UTF-8 can hold it: JSON can write half surrogate pairs."""
    return text.encode("utf-8", "replace").decode()


def insert_skipped(db: sqlite3.Connection, rows: Iterable[tuple[str, str, str]]) -> None:
    """Note what of the source was not taken: place, reason and detail of each."""
    values = ((_sound(place), reason, _sound(detail)) for place, reason, detail in rows)
    db.executemany("INSERT INTO skipped(place, reason, detail) VALUES (?, ?, ?)", values)


def place(db: sqlite3.Connection, order: str, seed: int) -> None:
    """Give every email its position from 0: as in the source, or shuffled by a seed."""
    db.create_function("shuffle_key", 1, lambda number: _shuffle_key(seed, number), deterministic=True)
    key = "id" if order == "source" else "shuffle_key(id), id"
    db.execute("CREATE TEMP TABLE ranked(id INTEGER PRIMARY KEY, place INTEGER NOT NULL)")
    db.execute(f"INSERT INTO ranked SELECT id, row_number() OVER (ORDER BY {key}) - 1 FROM email")
    # In the order of the rows: in that of the places each would read and write a page of its own.
    db.execute("UPDATE email SET position = (SELECT place FROM ranked WHERE ranked.id = email.id)")
    db.execute("DROP TABLE ranked")


# -- making a large run ------------------------------------------------------------------------------------------------

IMPORTING = "importing"
"""The kind of the event that keeps the plan of an unfinished import, and what it counted so far."""


def take_off_guards(db: sqlite3.Connection) -> None:
    """Drop the indexes and triggers of emails: made at the end, at once, they take a fraction of the time and space."""
    for kind, name in db.execute(
        "SELECT type, name FROM sqlite_master WHERE tbl_name = 'email' AND type IN ('index', 'trigger')"
        " AND sql IS NOT NULL"
    ).fetchall():
        db.execute(f'DROP {kind} "{name}"')


def put_on_guards(db: sqlite3.Connection, statements: Iterable[str]) -> None:
    """Make the indexes and triggers of emails, and count the totals that the triggers would have kept."""
    for statement in statements:
        db.execute(statement)
    db.execute("DELETE FROM total")
    db.executemany("INSERT INTO total(name, value) VALUES (?, ?)", sorted(recounted(db).items()))


def note_progress(db: sqlite3.Connection, plan: str, unparsed: int, now: float) -> None:
    """Note what an import is to make, and how many of its emails could not be parsed whole so far."""
    db.execute("DELETE FROM event WHERE kind = ?", (IMPORTING,))
    text = json.dumps({"plan": plan, "unparsed": unparsed})
    db.execute("INSERT INTO event(at, kind, text) VALUES (?, ?, ?)", (now, IMPORTING, text))


def progress_noted(db: sqlite3.Connection) -> tuple[str, int]:
    """Return what :func:`note_progress` noted; an empty plan where nothing was."""
    row = db.execute("SELECT text FROM event WHERE kind = ?", (IMPORTING,)).fetchone()
    if row is None:
        return "", 0
    noted = json.loads(row[0])
    return str(noted["plan"]), int(noted["unparsed"])


def _shuffle_key(seed: int, number: int) -> int:
    """Return a reproducible pseudo-random key of an email's number (the finalizer of SplitMix64), signed for SQLite."""
    mask = (1 << 64) - 1
    z = (number * 0x9E3779B97F4A7C15 + seed * 0xD1B54A32D192ED03) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return (z ^ (z >> 31)) - (1 << 63)
