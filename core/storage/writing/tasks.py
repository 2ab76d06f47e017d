"""Activate versions of the task, and requeue emails that an older one labeled.

Works inside the caller's transaction. Labels stay with the version that gave them, whatever is activated later; an
email never gets two labels of the model by one version. A version is asked about what is pending.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.model import NOTES, Task, View, orders_among
from core.storage.file import message
from core.storage.file.message import message_of
from core.storage.file.rows import HAS_ORDERS, growing, task_to_definition
from core.storage.reading.versions import OLDER
from core.storage.writing.settle import add_event, advance_cursor, not_done, restore
from core.text import counted

ViewOf = Callable[[str], View]
"""What is sent of a message as it came."""

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Activated:
    """Hold the result of activating a version.

    ``pending`` emails are asked with it from now on; ``restored`` ones were pending, or had failed under another
    version, but this one had labeled them before, so they have a label as before; ``resent`` is how many texts were
    made anew.
    """

    version: str
    pending: int
    restored: int = 0
    resent: int = 0

    @property
    def sentence(self) -> str:
        """Return what happened, in words."""
        parts = [f"version {self.version[:8]} of the task is active"]
        if self.resent:
            parts.append(f"what is sent of {self.resent:,} texts was made anew")
        if self.restored:
            parts.append(f"{self.restored:,} pending or failed were labeled by it before and are so again")
        parts.append(f"{self.pending:,} pending will be labeled with it" if self.pending else "nothing is pending")
        parts.append("labels given before stay")
        return "; ".join(parts)


def activate(
    db: sqlite3.Connection,
    task: Task,
    before: Task,
    *,
    by: str,
    now: float,
    view_of: ViewOf | None,
    command_id: str | None,
) -> Activated:
    """Activate a version; ``view_of`` makes the texts anew where it sends others."""
    resent = 0
    if task.sends_otherwise(before):
        if view_of is None:
            raise ValueError("the version sends other texts, and nothing is there to make them")
        resent = _send_otherwise(db, view_of)
    known = db.execute("SELECT 1 FROM task WHERE version = ?", (task.version,)).fetchone() is not None
    db.execute(
        "INSERT INTO task(version, name, definition, added_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT(version) DO UPDATE SET name = excluded.name, definition = excluded.definition",
        (task.version, task.name, task_to_definition(task), now),
    )
    db.execute("UPDATE run SET task_version = ?", (task.version,))
    restored = restore(db, _unlabeled(db), task.version) if known and task.version != before.version else 0
    if restored:
        advance_cursor(db)
    pending = db.execute("SELECT count(*) FROM email WHERE state = 'pending'").fetchone()[0]
    activated = Activated(task.version, pending, restored, resent)
    db.execute(
        "INSERT INTO command(id, kind, argument, requested_at, requested_by, acknowledged_at, result)"
        " VALUES (?, 'task', ?, ?, ?, ?, ?)",
        (command_id or uuid.uuid4().hex, task.version, now, by, now, activated.sentence),
    )
    add_event(db, now, "task", f"{activated.sentence}, says {by}")
    return activated


def relabel(
    db: sqlite3.Connection,
    version: str,
    *,
    label: str | None,
    email_ids: Sequence[int] | None,
    by: str,
    now: float,
) -> int:
    """Requeue emails that an older version labeled, and return how many: all, of a label, of these numbers.

    Their labels stay on record. Those that ``version`` or a person labeled are left alone.
    """
    change = (
        "UPDATE email SET state = 'pending', label = NULL, label_source = NULL, reasks = 0, settled_at = NULL,"
        " asked_from ="
        f" coalesce((SELECT max(id) FROM attempt WHERE email_id = email.id), 0) WHERE {OLDER}"
    )
    wanted: tuple[str, ...] = (version,)
    if label is not None:
        change += " AND label = ?"
        wanted = (version, label)
    if email_ids is None:
        moved = db.execute(change, wanted).rowcount
    else:
        moved = sum(db.execute(change + " AND id = ?", (*wanted, number)).rowcount for number in email_ids)
    if moved:
        advance_cursor(db)
        not_done(db, "texts are to be asked about again with another version of the task")
        add_event(db, now, "task", f"{counted(moved, 'labeled text')} requeued for version {version[:8]}, says {by}")
    return moved


def _unlabeled(db: sqlite3.Connection) -> list[int]:
    return [row[0] for row in db.execute("SELECT id FROM email WHERE state IN ('pending', 'failed')").fetchall()]


def _with_charset(flags: str, before: str) -> str:
    """Return flags with *charset* where it was noted before: how the message's bytes were read is not kept."""
    notes = flags.split()
    if "charset" not in before.split() or "charset" in notes:
        return flags
    return " ".join((*orders_among(flags), *(note for note in NOTES if note in notes or note == "charset")))


def _send_otherwise(db: sqlite3.Connection, view_of: ViewOf) -> int:
    """Make every text anew from the message as it came, with its hash and its flags; returns how many there are."""
    after = count = 0
    while True:
        page = db.execute(
            "SELECT b.email_id, b.raw, e.flags FROM body AS b LEFT JOIN email AS e ON e.id = b.email_id"
            " WHERE b.email_id > ? ORDER BY b.email_id LIMIT ?",
            (after, _PAGE),
        ).fetchall()
        if not page:
            break
        views = []
        for email_id, stored, before in page:
            raw = message_of(stored)
            view = view_of(raw)
            views.append((view.content_hash, _with_charset(view.flags, before or "") or None, email_id))
            # In one statement: what is kept of the message goes by the text.
            db.execute(
                f"UPDATE body SET (text, {message.COLUMNS}) = (?, ?, ?, ?, ?, ?, ?) WHERE email_id = ?",
                (view.text, *message.kept(raw, view.text), email_id),
            )
        db.executemany(
            "UPDATE email SET content_hash = ?, flags = ? WHERE id = ?",
            views,
        )
        after = growing(page, after)
        count += len(page)
    db.execute(
        f"INSERT INTO total(name, value) SELECT 'flagged', count(*) FROM email WHERE {HAS_ORDERS}"
        " ON CONFLICT(name) DO UPDATE SET value = excluded.value"
    )
    return count
