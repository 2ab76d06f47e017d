"""Check a run file: count every total again from the rows, and look for every row's partner.

Reading only. What is found is a list of sentences; totals and the cursor can be put right, since they follow from the
rows, and nothing else is ever guessed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from core.errors import RunFileError
from core.model import EmailState
from core.storage.file.connection import open_reader
from core.storage.file.rows import BY_MODEL, HAS_ORDERS, current_label
from core.storage.file.schema_version import (
    FORMAT_VERSION,
    FORMAT_WITH_BATCHES,
    FORMAT_WITH_CANARIES,
    FORMAT_WITH_LABEL_COUNTS,
    FORMAT_WITH_LANES,
    FORMAT_WITH_PACKS,
    check_format,
)
from core.storage.file.shape import foreign_parts, missing_parts
from core.storage.writing.settle import advance_cursor, restore, show_current_label

_SHOWN = 20
_GUARDS = ("email_added", "email_changed", "attempt_added", "label_once", "email_source_id")

_ORPHANS = {
    "entries without a text": "SELECT id FROM email WHERE id NOT IN (SELECT email_id FROM body)",
    "texts without an entry": "SELECT email_id FROM body WHERE email_id NOT IN (SELECT id FROM email)",
    "attempts without an entry": "SELECT id FROM attempt WHERE email_id NOT IN (SELECT id FROM email)",
    "labels without an entry": "SELECT id FROM label WHERE email_id NOT IN (SELECT id FROM email)",
    "model labels without the answer that they came from": (
        "SELECT l.id FROM label AS l LEFT JOIN attempt AS a ON a.id = l.attempt_id WHERE l.source = 'model'"
        " AND (a.outcome IS NULL OR a.outcome <> 'answered' OR a.email_id <> l.email_id)"
    ),
    "labels of an unknown version of the task": (
        "SELECT id FROM label WHERE task_version IS NOT NULL AND task_version NOT IN (SELECT version FROM task)"
    ),
}
_CONTRADICTIONS = {
    "texts with two model labels of one version of the task": (
        "SELECT email_id FROM label WHERE source IN ('model', 'copy') GROUP BY email_id, task_version"
        " HAVING count(*) > 1"
    ),
    "labeled texts without a label on record": (
        f"SELECT id FROM email WHERE state = 'labeled' AND {current_label('email')} IS NULL"
    ),
    "failed texts without a reason": "SELECT id FROM email WHERE state = 'failed' AND coalesce(failure, '') = ''",
    "texts in a state that does not exist": (
        "SELECT id FROM email WHERE state NOT IN (" + ", ".join(f"'{state.value}'" for state in EmailState) + ")"
    ),
    "places in the work order that are missing or taken twice": (
        "SELECT position FROM email GROUP BY position HAVING count(*) > 1"
        " UNION ALL SELECT position FROM email WHERE position IS NULL OR position < 0"
        " OR position >= (SELECT count(*) FROM email)"
    ),
}
_REPAIRABLE = {
    "texts whose label is not the current one": (
        "SELECT e.id FROM email AS e WHERE (SELECT label IS NOT e.label OR source IS NOT e.label_source FROM"
        f" (SELECT max(value) AS label, max(source) AS source FROM label WHERE id = {current_label('e')}))"
        f" AND NOT (e.state = 'labeled' AND {current_label('e')} IS NULL)"
    ),
    "pending or failed texts that the active version of the task has labeled": (
        "SELECT id FROM email WHERE state IN ('pending', 'failed') AND EXISTS (SELECT 1 FROM label WHERE"
        f" email_id = email.id AND {BY_MODEL} AND task_version = (SELECT task_version FROM run))"
    ),
}
"""What follows from the rows, beside totals and cursor."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Hold something that is not as promised. ``repairable``: it follows from the rows and can be put right."""

    sentence: str
    repairable: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """Hold what was looked at and what was found. ``notes`` are worth knowing and nothing wrong."""

    emails: int
    attempts: int
    labels: int
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()

    @property
    def sound(self) -> bool:
        """Return whether nothing is wrong."""
        return not self.findings


def check_run(path: Path) -> Checked:
    """Look through a run file, as of one moment; a worker may go on writing meanwhile.

    Raises:
        RunNotFoundError: there is no such file.
        RunFileError: it is no run file, one from a newer version, or too damaged to be read at all.
    """
    with closing(open_reader(path)) as db:
        version = check_format(db, path)
        notes = () if version == FORMAT_VERSION else (_older(version),)
        try:
            db.execute("BEGIN")
            findings = tuple(_findings(db, version))
            emails, attempts, labels = (_count(db, name) for name in ("email", "attempt", "label"))
        except sqlite3.DatabaseError as error:
            raise RunFileError(
                f"{path} is damaged: {error}. Nothing was changed. Go back to a copy of it (`labeltui backup` makes"
                " them); what can still be read, `sqlite3 FILE .recover` brings out."
            ) from error
        return Checked(emails, attempts, labels, findings, notes)


def _older(version: int) -> str:
    return (
        f"the file is of format {version}; whoever writes to it next brings it to {FORMAT_VERSION},"
        " after a copy is made beside it"
    )


def _findings(db: sqlite3.Connection, version: int) -> Iterator[Finding]:
    for (sentence,) in db.execute(f"PRAGMA integrity_check({_SHOWN})").fetchall():
        if sentence != "ok":
            yield Finding(f"SQLite: {sentence}")
    missing = missing_parts(db, version)
    if missing:
        yield from (Finding(sentence) for sentence in missing)
        return
    foreign = foreign_parts(db, writing=True)
    yield from (Finding(f"{part.what} that labeltui did not make") for part in foreign)
    if any(part.acts_when_read for part in foreign):  # reading on would let it act
        return
    names = {name for (name,) in db.execute("SELECT name FROM sqlite_master").fetchall()}
    for name in _GUARDS:
        if name not in names:
            yield Finding(f"{name} is missing, which keeps totals and labels consistent: go back to a copy")
    rows = db.execute("SELECT task_version FROM run").fetchall()
    if len(rows) != 1:
        yield Finding(f"the table run has {len(rows)} rows instead of one")
        return
    if not db.execute("SELECT 1 FROM task WHERE version = ?", rows[0]).fetchall():
        yield Finding(f"the active task ({rows[0][0]}) is missing")
    for what, query in (_ORPHANS | _CONTRADICTIONS).items():
        yield from _listed(what, [row[0] for row in db.execute(query).fetchall()])
    for what, query in _REPAIRABLE.items():
        yield from _listed(what, [row[0] for row in db.execute(query).fetchall()], repairable=True)
    yield from _miscounted(db)


def _listed(what: str, ids: list[int | None], *, repairable: bool = False) -> Iterator[Finding]:
    if ids:
        shown = ", ".join(str(each) for each in ids[:_SHOWN])
        yield Finding(f"{len(ids):,} {what}: {shown}{', …' if len(ids) > _SHOWN else ''}", repairable)


def _miscounted(db: sqlite3.Connection) -> Iterator[Finding]:
    kept = dict(db.execute("SELECT name, value FROM total").fetchall())
    true = recounted(db)
    for name in sorted(kept.keys() | true.keys()):
        says, counted = kept.get(name, 0), true.get(name, 0)
        if says != counted:
            yield Finding(f"the total {name} says {says}, the rows say {counted}", repairable=True)
    cursor, right = db.execute("SELECT cursor FROM run").fetchone()[0], true_cursor(db)
    if cursor != right:
        yield Finding(f"the cursor stands at {cursor}, the first pending text is at {right}", repairable=True)


def _count(db: sqlite3.Connection, table: str) -> int:
    if not db.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)).fetchall():
        return 0
    return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


# -- totals and cursor from the rows, and repair ----------------------------------------------------------------------

_COUNTS = (
    "SELECT 'state:' || state, count(*) FROM email GROUP BY state",
    "SELECT 'label:' || label, count(*) FROM email WHERE state = 'labeled' GROUP BY label",
    "SELECT 'source:' || label_source, count(*) FROM email WHERE state = 'labeled' GROUP BY label_source",
    "SELECT 'reasks:' || reasks, count(*) FROM email WHERE state IN ('labeled', 'failed') GROUP BY reasks",
    "SELECT 'outcome:' || outcome, count(*) FROM attempt GROUP BY outcome",
    "SELECT 'attempts', count(*) FROM attempt",
    "SELECT 'prompt_tokens', coalesce(sum(prompt_tokens), 0) FROM attempt",
    "SELECT 'completion_tokens', coalesce(sum(completion_tokens), 0) FROM attempt",
)
_FLAGGED = f"SELECT 'flagged', count(*) FROM email WHERE {HAS_ORDERS}"
_CANARIES = (
    "SELECT 'canary:asked', count(*) FROM canary WHERE round > 0",
    "SELECT 'canary:changed', count(*) FROM canary WHERE round > 0 AND value <> label",
)
_BATCHES = (
    "SELECT 'batch:attempts', count(*) FROM attempt WHERE lane = 'batch'",
    "SELECT 'batch:prompt_tokens', sum(prompt_tokens) FROM attempt WHERE lane = 'batch'",
    "SELECT 'batch:completion_tokens', sum(completion_tokens) FROM attempt WHERE lane = 'batch'",
)

_PACKED = "SELECT 'packed', count(*) FROM attempt WHERE pack_position > 1"
_LANES = (
    "SELECT 'lane:' || lane || ':' || outcome, count(*) FROM attempt WHERE lane <> 'live' GROUP BY lane, outcome",
    "SELECT 'lane:' || lane || ':prompt_tokens', sum(prompt_tokens) FROM attempt WHERE lane <> 'live' GROUP BY lane",
    "SELECT 'lane:' || lane || ':completion_tokens', sum(completion_tokens) FROM attempt WHERE lane<>'live' GROUP BY 1",
)

_BY_MODEL = (
    "SELECT 'by_model:' || task_version || ':' || source || ':' || value, count(*) FROM label"
    f" WHERE {BY_MODEL} AND task_version NOT NULL GROUP BY task_version, source, value"
)


def recounted(db: sqlite3.Connection) -> dict[str, int]:
    """Return every total by name, counted from the rows; those that are 0 are left out."""
    queries = [*_COUNTS, _FLAGGED] if _has_flags(db) else [*_COUNTS]
    if db.execute("PRAGMA user_version").fetchone()[0] >= FORMAT_WITH_CANARIES:
        queries += _CANARIES
    if db.execute("PRAGMA user_version").fetchone()[0] >= FORMAT_WITH_PACKS:
        queries.append(_PACKED)
    if (version := db.execute("PRAGMA user_version").fetchone()[0]) >= FORMAT_WITH_BATCHES:
        queries += _LANES if version >= FORMAT_WITH_LANES else _BATCHES
    if version >= FORMAT_WITH_LABEL_COUNTS:
        queries.append(_BY_MODEL)
    totals = [row for query in queries for row in db.execute(query).fetchall()]
    return {name: int(value) for name, value in totals if value}


def true_cursor(db: sqlite3.Connection) -> int:
    """Return the position of the first pending email, or the number of emails."""
    first = db.execute("SELECT min(position) FROM email WHERE state = 'pending'").fetchone()[0]
    if first is None:
        return int(db.execute("SELECT count(*) FROM email").fetchone()[0])
    return first if isinstance(first, int) else 0  # a damaged place in the order is a finding of its own


def put_right(db: sqlite3.Connection) -> int:
    """Write current labels, totals and cursor as the rows give them; returns how many values were wrong.

    Works inside the caller's transaction.
    """
    shown, unsettled = ([row[0] for row in db.execute(query).fetchall()] for query in _REPAIRABLE.values())
    restore(db, unsettled, db.execute("SELECT task_version FROM run").fetchone()[0])
    show_current_label(db, shown)
    kept = {name: value for name, value in db.execute("SELECT name, value FROM total").fetchall() if value}
    true = recounted(db)
    wrong: int = len({*shown, *unsettled})
    wrong += sum(kept.get(name, 0) != true.get(name, 0) for name in kept.keys() | true.keys())
    cursor = int(db.execute("SELECT cursor FROM run").fetchone()[0])
    wrong += int(cursor != true_cursor(db))
    if wrong:
        db.execute("DELETE FROM total")
        db.executemany("INSERT INTO total(name, value) VALUES (?, ?)", sorted(true.items()))
        advance_cursor(db)
    return wrong


def _has_flags(db: sqlite3.Connection) -> bool:
    return any(row[1] == "flags" for row in db.execute("PRAGMA table_info(email)").fetchall())
