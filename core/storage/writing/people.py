"""Record what people do to emails: label, note, requeue, skip, and undo of each. Works in the caller's transaction.

Each command keeps how its emails stood before (table ``deed``), so that it can be undone as one. An email that changed
since stays as it is. A person's label never takes a pending email out of the model's work.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import UsageError
from core.model import LastChange
from core.storage.file.rows import BY_MODEL
from core.storage.reading.run_rows import last_change
from core.storage.writing.held_file import HeldFile
from core.storage.writing.settle import add_event, advance_cursor, not_done, restore, show_current_label, storable

MOST_IN_A_NOTE = 2_000
"""Characters that a note keeps: more would make a row of a list unreadable, and the record slow to draw."""

_THESE = "id IN (SELECT value FROM json_each(?))"

_KEPT = "state, label, label_source, reasks, failure, asked_from, settled_at"
"""What is kept of an email's row before a command."""

_STANDS = {
    "label": (
        "e.label_source = 'human' AND deed.row_id = (SELECT max(id) FROM label"
        " WHERE email_id = e.id AND source = 'human')"
    ),
    "skip": "e.state = 'skipped'",
    "retry": (
        "e.state = 'pending' AND e.asked_from = (SELECT coalesce(max(id), 0) FROM attempt WHERE email_id = e.id)"
    ),
    "note": "1",
}
"""For each kind: whether an email still is what the command made of it."""


@dataclass(frozen=True, slots=True)
class Undone:
    """Hold what was undone: the emails that are as they were, and how many changed since and were left."""

    change: LastChange
    email_ids: tuple[int, ...]
    left: int

    @property
    def sentence(self) -> str:
        """Return the change as a sentence."""
        left = f"; {self.left:,} changed since and stay as they are" if self.left else ""
        return f"undone: {self.change.what} ({_texts(len(self.email_ids))} as before{left})"


def label(
    db: sqlite3.Connection,
    email_ids: Sequence[int],
    value: str,
    *,
    annotator: str,
    note: str,
    blind: bool,
    task_version: str,
    dedupe: bool,
    now: float,
) -> str | None:
    """Give emails a person's label; returns a sentence on what happened, or None where there are no such emails.

    With ``dedupe`` emails of the same text share it, each with a row of its own. Pending emails stay pending.
    """
    first = db.execute(f"SELECT source_id, label FROM email WHERE {_THESE} LIMIT 2", (_list(email_ids),)).fetchall()
    if not first:
        return None
    named = len(db.execute(f"SELECT id FROM email WHERE {_THESE}", (_list(email_ids),)).fetchall())
    ids = _with_copies(db, email_ids) if dedupe else list(email_ids)
    these = _list(ids)
    batch = _remember(db, "label", f"the label {value}", annotator, now, _THESE, (these,))
    moved = db.execute(
        "UPDATE email SET label = ?, label_source = 'human', state = CASE state WHEN 'pending' THEN state"
        " ELSE 'labeled' END,"
        " failure = CASE state WHEN 'pending' THEN failure END,"
        f" settled_at = CASE state WHEN 'pending' THEN settled_at ELSE ? END WHERE {_THESE}",
        (value, now, these),
    ).rowcount
    db.execute(
        "INSERT INTO label(email_id, value, source, annotator, task_version, blind, note, at)"
        f" SELECT id, ?, 'human', ?, ?, ?, ?, ? FROM email WHERE {_THESE} ORDER BY id",
        (value, annotator, task_version, blind, storable(note[:MOST_IN_A_NOTE]), now, these),
    )
    db.execute(
        "UPDATE deed SET row_id = (SELECT max(id) FROM label WHERE email_id = deed.email_id AND source = 'human')"
        " WHERE batch = ?",
        (batch,),
    )
    advance_cursor(db)
    source_id, before = first[0]
    was = f", was {before}" if before is not None else ""
    copies = f" (and {moved - named:,} with the same text)" if moved > named else ""
    sentence = f"{source_id} labeled {value} by {annotator}{was}{copies}"
    if named > 1:
        sentence = f"{named:,} texts labeled {value} by {annotator}{copies}"
    add_event(db, now, "human", sentence, _only(email_ids))
    return sentence


def _with_copies(db: sqlite3.Connection, email_ids: Sequence[int]) -> list[int]:
    """Return these emails and those of the same text."""
    rows = db.execute(
        f"SELECT id FROM email WHERE content_hash IN (SELECT content_hash FROM email WHERE {_THESE}) ORDER BY id",
        (_list(email_ids),),
    ).fetchall()
    return [row[0] for row in rows]


def note(db: sqlite3.Connection, email_ids: Sequence[int], text: str, *, author: str, now: float) -> str | None:
    """Put a person's note on emails, which changes nothing else; None where there are no such emails."""
    these = _list(email_ids)
    kept = storable(text.strip()[:MOST_IN_A_NOTE]) or ""
    batch = _remember(db, "note", "a note", author, now, _THESE, (these,))
    written = db.execute(
        f"INSERT INTO note(email_id, text, author, at) SELECT id, ?, ?, ? FROM email WHERE {_THESE} ORDER BY id",
        (kept, author, now, these),
    ).rowcount
    db.execute(
        "UPDATE deed SET row_id = (SELECT max(id) FROM note WHERE email_id = deed.email_id) WHERE batch = ?", (batch,)
    )
    if not written:
        return None
    sentence = f"note by {author} on {_texts(written)}"
    add_event(db, now, "note", sentence, _only(email_ids))
    return sentence


def requeue(db: sqlite3.Connection, email_ids: Sequence[int] | None, *, task_version: str, by: str, now: float) -> int:
    """Requeue failed emails (these, or all); their history stays, their conversation begins anew."""
    which, values = "state = 'failed'", tuple[str, ...]()
    if email_ids is not None:
        which, values = f"state = 'failed' AND {_THESE}", (_list(email_ids),)
    moved = _requeue(db, "a retry", which, values, task_version, by, now)
    if moved:
        not_done(db, "failed texts were requeued")
        add_event(db, now, "retry", f"{_texts(moved, 'failed ')} requeued", _only(email_ids))
    return moved


def skip(
    db: sqlite3.Connection, email_ids: Sequence[int], *, back: bool, task_version: str, by: str, now: float
) -> int:
    """Take emails out of the model's work, or requeue skipped ones (``back``); returns how many moved.

    Only pending and failed emails can be skipped. The answer of a call in flight is kept, and counts once the email is
    requeued.
    """
    these = (_list(email_ids),)
    if back:
        moved = _requeue(db, "the return of a skip", f"state = 'skipped' AND {_THESE}", these, task_version, by, now)
    else:
        which = f"state IN ('pending', 'failed') AND {_THESE}"
        _remember(db, "skip", "a skip", by, now, which, these)
        change = f"UPDATE email SET state = 'skipped', failure = NULL, settled_at = ? WHERE {which}"
        moved = db.execute(change, (now, *these)).rowcount
        advance_cursor(db)
    if moved:
        if back:
            not_done(db, "skipped texts were requeued")
        what = f"{_texts(moved)} {'requeued' if back else 'skipped'} by {by}"
        add_event(db, now, "skip", what, _only(email_ids))
    return moved


def _requeue(
    db: sqlite3.Connection, what: str, which: str, values: tuple[str, ...], task_version: str, by: str, now: float
) -> int:
    """Requeue the emails that ``which`` picks; those that this version of the task has labeled are labeled at once."""
    batch = _remember(db, "retry", what, by, now, which, values)
    moved = db.execute(
        "UPDATE email SET state = 'pending', failure = NULL, reasks = 0, settled_at = NULL, asked_from ="
        f" coalesce((SELECT max(id) FROM attempt WHERE email_id = email.id), 0) WHERE {which}",
        values,
    ).rowcount
    if moved:
        restore(db, _emails_of(db, batch), task_version)
        advance_cursor(db)
    return moved


# -- undo ------------------------------------------------------------------------------------------------------------


def _remember(
    db: sqlite3.Connection, kind: str, what: str, author: str, now: float, which: str, values: Sequence[object]
) -> int:
    """Keep how the emails that ``which`` picks stand now; returns the batch."""
    batch = int(db.execute("SELECT coalesce(max(batch), 0) + 1 FROM deed").fetchone()[0])
    db.execute(
        f"INSERT INTO deed(batch, kind, what, author, at, email_id, {_KEPT})"
        f" SELECT ?, ?, ?, ?, ?, id, {_KEPT} FROM email WHERE {which}",
        (batch, kind, storable(what), author, now, *values),
    )
    return batch


def _emails_of(db: sqlite3.Connection, batch: int) -> list[int]:
    return [row[0] for row in db.execute("SELECT email_id FROM deed WHERE batch = ?", (batch,)).fetchall()]


def undo(db: sqlite3.Connection, *, by: str, task_version: str, now: float) -> Undone | None:
    """Undo what this person did last, whole; None where there is nothing to undo."""
    change = last_change(db, by)
    if change is None:
        return None
    undone = _take_back(db, change, task_version, now)
    advance_cursor(db)
    if db.execute("SELECT 1 FROM email WHERE state = 'pending' LIMIT 1").fetchone():
        not_done(db, "texts are pending again")
    add_event(db, now, "undo", f"{undone.sentence}, by {by}", _only(undone.email_ids))
    return undone


def _take_back(db: sqlite3.Connection, change: LastChange, task_version: str, now: float) -> Undone:
    batch = change.batch
    db.execute(
        "UPDATE deed SET undone = CASE WHEN EXISTS (SELECT 1 FROM email AS e WHERE e.id = deed.email_id AND "
        f"{_STANDS[change.kind]}) THEN 'undone' ELSE 'left' END WHERE batch = ?",
        (batch,),
    )
    rows = db.execute("SELECT email_id, undone FROM deed WHERE batch = ? ORDER BY id", (batch,)).fetchall()
    ids = tuple(email_id for email_id, how in rows if how == "undone")
    undone = Undone(change, ids, len(rows) - len(ids))
    which = "id IN (SELECT row_id FROM deed WHERE batch = ? AND undone = 'undone')"
    if change.kind == "note":
        db.execute(f"UPDATE note SET undone_at = ? WHERE {which}", (now, batch))
        return undone
    unsettled = ""
    if change.kind == "label":
        db.execute(f"UPDATE label SET source = 'undone' WHERE {which}", (batch,))
        unsettled = " AND d.state <> 'pending'"
    kept = ", ".join(f"{name} = d.{name}" for name in _KEPT.split(", ") if not name.startswith("label"))
    db.execute(
        f"UPDATE email SET {kept} FROM deed AS d WHERE d.batch = ? AND d.undone = 'undone' AND d.email_id = email.id"
        + unsettled,
        (batch,),
    )
    # A pending email that a person labeled stayed in the model's work: what came of that stands, label or failure.
    db.execute(
        f"UPDATE email SET state = CASE WHEN failure IS NULL THEN 'pending' ELSE 'failed' END WHERE {_THESE}"
        " AND state = 'labeled' AND NOT EXISTS (SELECT 1 FROM label WHERE email_id = email.id"
        f" AND (source = 'human' OR {BY_MODEL}))",
        (_list(ids),),
    )
    restore(db, ids, task_version)
    show_current_label(db, ids)
    return undone


def _list(email_ids: Sequence[int]) -> str:
    """Return the numbers of emails as one value for :data:`_THESE`."""
    return json.dumps(list(email_ids))


def _texts(count: int, kind: str = "") -> str:
    return f"{count:,} {kind}text{'' if count == 1 else 's'}"


def _only(email_ids: Sequence[int] | None) -> int | None:
    return email_ids[0] if email_ids is not None and len(email_ids) == 1 else None


# -- the run file's writer -------------------------------------------------------------------------------------------


class PeopleWriter(HeldFile):
    """Write what people do to emails into a run file, each command in one transaction."""

    task_version: str
    dedupe: bool

    def label_by_person(
        self, email_ids: int | Sequence[int], value: str, *, annotator: str, note: str, now: float, blind: bool = False
    ) -> str:
        """Label emails by a person, which overrides the model's label. Returns a sentence on what happened."""
        named = [email_ids] if isinstance(email_ids, int) else email_ids
        with self._transaction() as db:
            sentence = label(
                db,
                named,
                value,
                annotator=annotator,
                note=note,
                blind=blind,
                task_version=self.task_version,
                dedupe=self.dedupe,
                now=now,
            )
            if sentence is None:
                raise self._unknown(named)
        return sentence

    def note_by_person(self, email_ids: Sequence[int], text: str, *, author: str, now: float) -> str:
        """Write a person's note on emails, which changes nothing else. Returns a sentence on what happened."""
        with self._transaction() as db:
            sentence = note(db, email_ids, text, author=author, now=now)
            if sentence is None:
                raise self._unknown(email_ids)
        return sentence

    def _unknown(self, email_ids: Sequence[int]) -> UsageError:
        numbers = ", ".join(str(number) for number in email_ids[:5])
        return UsageError(f"There is no text number {numbers} in {self.path.stem}.")

    def requeue(
        self, *, now: float, by: str = "", email_id: int | None = None, email_ids: Sequence[int] | None = None
    ) -> int:
        """Requeue failed emails (one, these, or all); their history stays, their conversation begins anew."""
        with self._transaction() as db:
            return requeue(
                db, [email_id] if email_id is not None else email_ids, task_version=self.task_version, by=by, now=now
            )

    def skip(self, email_ids: Sequence[int], *, back: bool, by: str, now: float) -> int:
        """Take emails out of the model's work, or requeue skipped ones (``back``); returns how many moved."""
        with self._transaction() as db:
            return skip(db, email_ids, back=back, task_version=self.task_version, by=by, now=now)

    def undo(self, *, by: str, now: float) -> Undone | None:
        """Undo what this person did last, whole; None where there is nothing to undo."""
        with self._transaction() as db:
            return undo(db, by=by, task_version=self.task_version, now=now)
