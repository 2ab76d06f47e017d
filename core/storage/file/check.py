"""Whether a run file is what it promises to be: every count taken again from the rows, every row with its partner.

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
from core.storage.file.schema_version import FORMAT_VERSION, check_format
from core.storage.writing.recount import recounted, true_cursor

_SHOWN = 20
_TABLES = ("run", "task", "email", "body", "attempt", "label", "total", "pace", "event", "command")
_GUARDS = ("email_added", "email_changed", "attempt_added", "label_once", "email_source_id")

_ORPHANS = {
    "emails without a text": "SELECT id FROM email WHERE id NOT IN (SELECT email_id FROM body)",
    "texts without an email": "SELECT email_id FROM body WHERE email_id NOT IN (SELECT id FROM email)",
    "attempts without an email": "SELECT id FROM attempt WHERE email_id NOT IN (SELECT id FROM email)",
    "labels without an email": "SELECT id FROM label WHERE email_id NOT IN (SELECT id FROM email)",
    "model labels without the answer that they came from": (
        "SELECT l.id FROM label AS l LEFT JOIN attempt AS a ON a.id = l.attempt_id WHERE l.source = 'model'"
        " AND (a.outcome IS NULL OR a.outcome <> 'answered' OR a.email_id <> l.email_id)"
    ),
    "labels of an unknown version of the task": (
        "SELECT id FROM label WHERE task_version IS NOT NULL AND task_version NOT IN (SELECT version FROM task)"
    ),
}
_CONTRADICTIONS = {
    "emails with two model labels of one version of the task": (
        "SELECT email_id FROM label WHERE source IN ('model', 'copy') GROUP BY email_id, task_version"
        " HAVING count(*) > 1"
    ),
    "labeled emails whose label is not the one in force": (
        "SELECT e.id FROM email AS e WHERE e.state = 'labeled' AND e.label IS NOT (SELECT l.value FROM label AS l"
        " WHERE l.email_id = e.id AND l.source <> 'undone' ORDER BY l.source = 'human' DESC, l.id DESC LIMIT 1)"
    ),
    "emails with a label that are not labeled": ("SELECT id FROM email WHERE state <> 'labeled' AND label IS NOT NULL"),
    "failed emails without a reason": "SELECT id FROM email WHERE state = 'failed' AND coalesce(failure, '') = ''",
    "emails in a state that does not exist": (
        "SELECT id FROM email WHERE state NOT IN (" + ", ".join(f"'{state.value}'" for state in EmailState) + ")"
    ),
    "places in the work order that are missing or taken twice": (
        "SELECT position FROM email GROUP BY position HAVING count(*) > 1"
        " UNION ALL SELECT position FROM email WHERE position IS NULL OR position < 0"
        " OR position >= (SELECT count(*) FROM email)"
    ),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as promised. ``repairable``: it follows from the rows and can be put right."""

    sentence: str
    repairable: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """What was looked at and what was found. ``notes`` are worth knowing and nothing wrong."""

    emails: int
    attempts: int
    labels: int
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
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
            findings = tuple(_findings(db))
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


def _findings(db: sqlite3.Connection) -> Iterator[Finding]:
    for (sentence,) in db.execute(f"PRAGMA integrity_check({_SHOWN})").fetchall():
        if sentence != "ok":
            yield Finding(f"SQLite: {sentence}")
    names = {name for (name,) in db.execute("SELECT name FROM sqlite_master").fetchall()}
    missing = [name for name in _TABLES if name not in names]
    if missing:
        yield Finding(f"tables are missing: {', '.join(missing)}")
        return
    for name in _GUARDS:
        if name not in names:
            yield Finding(f"{name} is missing, which keeps totals and labels consistent: go back to a copy")
    rows = db.execute("SELECT task_version FROM run").fetchall()
    if len(rows) != 1:
        yield Finding(f"the table run has {len(rows)} rows instead of one")
        return
    if not db.execute("SELECT 1 FROM task WHERE version = ?", rows[0]).fetchall():
        yield Finding(f"the task in force ({rows[0][0]}) is missing")
    for what, query in (_ORPHANS | _CONTRADICTIONS).items():
        yield from _listed(what, [row[0] for row in db.execute(query).fetchall()])
    yield from _miscounted(db)


def _listed(what: str, ids: list[int | None]) -> Iterator[Finding]:
    if ids:
        shown = ", ".join(str(each) for each in ids[:_SHOWN])
        yield Finding(f"{len(ids):,} {what}: {shown}{', …' if len(ids) > _SHOWN else ''}")


def _miscounted(db: sqlite3.Connection) -> Iterator[Finding]:
    kept = dict(db.execute("SELECT name, value FROM total").fetchall())
    true = recounted(db)
    for name in sorted(kept.keys() | true.keys()):
        says, counted = kept.get(name, 0), true.get(name, 0)
        if says != counted:
            yield Finding(f"the total {name} says {says}, the rows say {counted}", repairable=True)
    cursor, right = db.execute("SELECT cursor FROM run").fetchone()[0], true_cursor(db)
    if cursor != right:
        yield Finding(f"the cursor stands at {cursor}, the first email in line is at {right}", repairable=True)


def _count(db: sqlite3.Connection, table: str) -> int:
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchall():
        return 0
    return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
