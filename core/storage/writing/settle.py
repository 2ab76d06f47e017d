"""Settle emails: record answers with their labels or failures, keep totals and cursor, and show the current label.

Each function works inside the caller's transaction, so that an answer is in the run file whole or not at all. With
de-duplication, whatever settles an email settles the pending ones with the same text: a label is copied to them, each
with a row of its own, and a failure fails them too, since the same question would meet the same end.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from core.model import Attempt, Settled
from core.model.value import value
from core.quality.canaries import CanaryAnswer
from core.quality.packing import ControlAnswer
from core.storage.file.rows import BECOMES_LABELED, BY_MODEL, current_label, slice_of


@value(frozen=True, slots=True)
class Answer:
    """Hold one call and, where it settles the email, how; or what a canary was answered.

    ``chars`` is the length of the text that was asked about.
    """

    attempt: Attempt
    settled: Settled | None = None
    canary: CanaryAnswer | None = None
    control: ControlAnswer | None = None
    chars: int = 0


def commit(
    db: sqlite3.Connection, answers: Sequence[Answer], *, epoch: int, task_version: str, dedupe: bool, now: float
) -> int:
    """Record answers, and return how many emails they settled (copies included).

    An email that is settled already (a person was quicker) keeps its state; the attempt is recorded all the same.
    Of a call that was out when another version of the task was activated, a label counts, for this email alone;
    where there is none, the email is asked anew.
    """
    numbered = list(zip(answers, add_attempts(db, [answer.attempt for answer in answers], epoch), strict=True))
    for answer, attempt_id in numbered:
        if answer.canary is not None:
            _add_canary(db, answer.canary, answer.attempt.task_version, attempt_id, now=now)
        if answer.control is not None:
            _add_control(db, answer.control, answer.attempt.task_version, attempt_id, now=now)
    labeled = _label_unlabeled(db, numbered, task_version if dedupe else None, now=now)
    settled, failed = len(labeled), 0
    for answer, attempt_id in numbered:
        if answer.settled is None:
            continue
        active = answer.attempt.task_version == task_version
        if answer.settled.label is None:
            failed += fail(db, answer.settled, answer.attempt.key_alias, now=now, dedupe=dedupe) if active else 0
        elif attempt_id in labeled:
            settled += copy_label(db, labeled[attempt_id], answer.settled.label, attempt_id, task_version, now)
        else:
            settled += label_by_model(db, answer.settled, answer.attempt, attempt_id, now=now, dedupe=dedupe and active)
    calls = sum(answer.attempt.pack is None or answer.attempt.pack.position == 1 for answer in answers)
    book_pace(db, now, labeled=settled, failed=failed, calls=calls)
    if settled or failed:
        advance_cursor(db)
    db.execute("UPDATE run SET heartbeat_at = max(coalesce(heartbeat_at, 0), ?)", (now,))
    return settled + failed


_UNLABELED = (
    "SELECT e.id, e.content_hash, t.id FROM email AS e JOIN email AS t ON {same} AND +t.state = 'pending'"
    " WHERE e.id IN (SELECT value FROM json_each(?)) AND +e.state = 'pending' AND e.label_source IS NULL"
    f" AND NOT EXISTS (SELECT 1 FROM label WHERE email_id = e.id AND {BY_MODEL})"
)
"""Pending emails that have no label, each with itself and the pending copies of its text. The signs keep SQLite from
reading all pending emails."""
_ALONE, _WITH_COPIES = (
    _UNLABELED.format(same=same) for same in ("t.id = e.id", "t.content_hash = e.content_hash")
)  # fmt: skip


def _label_unlabeled(
    db: sqlite3.Connection, numbered: Sequence[tuple[Answer, int]], shared: str | None, *, now: float
) -> dict[int, list[int]]:
    """Label the pending emails of these answers that have no label, each statement run once for all of them.

    Return by attempt, for each email labeled here, the pending copies that are to have its label: where the answer is
    of the version ``shared``. Of such answers about one text the first counts. A failure settles copies too, so where
    there is one, none is labeled here: all of them are taken in turn.
    """
    if any(answer.settled is not None and answer.settled.failure is not None for answer, _ in numbered):
        return {}
    answered: dict[int, tuple[Attempt, Settled, int]] = {}
    for answer, attempt_id in numbered:
        if answer.settled is not None and answer.settled.label is not None:
            answered.setdefault(answer.settled.email_id, (answer.attempt, answer.settled, attempt_id))
    found = db.execute(_ALONE if shared is None else _WITH_COPIES, (json.dumps(list(answered)),)).fetchall()
    texts: dict[str, int] = {}
    labeled: dict[int, list[int]] = {}
    for email_id, content_hash, _ in found:
        shares = answered[email_id][0].task_version == shared
        if not shares or texts.setdefault(content_hash, email_id) == email_id:
            labeled[email_id] = []
    for email_id, _, copy_id in found:
        if email_id in labeled and copy_id not in labeled and answered[email_id][0].task_version == shared:
            labeled[email_id].append(copy_id)
    rows = [answered[email_id] for email_id in labeled]
    db.executemany(
        "INSERT INTO label(email_id, value, source, annotator, attempt_id, task_version, at)"
        " VALUES (?, ?, 'model', ?, ?, ?, ?)",
        [(end.email_id, end.label, call.model, attempt_id, call.task_version, now) for call, end, attempt_id in rows],
    )
    db.executemany(
        "UPDATE email SET state = 'labeled', label = ?, label_source = 'model', reasks = ?, failure = NULL,"
        " settled_at = ? WHERE id = ?",
        [(end.label, end.reasks, now, end.email_id) for _, end, _ in rows],
    )
    return {answered[email_id][2]: copies for email_id, copies in labeled.items()}


def _add_canary(db: sqlite3.Connection, answer: CanaryAnswer, version: str, attempt_id: int, *, now: float) -> None:
    db.execute(
        "INSERT INTO canary(email_id, task_version, label, value, round, asked_at, attempt_id)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (answer.email_id, version, answer.label, answer.value, answer.round, now, attempt_id),
    )


def _add_control(db: sqlite3.Connection, answer: ControlAnswer, version: str, attempt_id: int, *, now: float) -> None:
    db.execute(
        "INSERT INTO control(email_id, task_version, label, value, turn, pack_size, pack_position, asked_at,"
        " attempt_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (answer.email_id, version, answer.label, answer.value, answer.turn, answer.size, answer.position, now,
         attempt_id),
    )  # fmt: skip


def fail_unasked(db: sqlite3.Connection, email_id: int, failure: str, *, reasks: int, dedupe: bool, now: float) -> int:
    """Fail an email (and those with the same text) that no call can be made for; returns how many failed."""
    moved = fail(db, Settled(email_id, reasks, failure=failure), "", now=now, dedupe=dedupe)
    book_pace(db, now, failed=moved)
    advance_cursor(db)
    return moved


@dataclass(frozen=True, slots=True)
class TextLabel:
    """Hold the label that the model gave to a text, and the attempt that it came from."""

    value: str
    attempt_id: int | None


def label_of_text(db: sqlite3.Connection, content_hash: str, task_version: str) -> TextLabel | None:
    """Return what the model said of a text in this version of the task, or None; needs no transaction."""
    row = db.execute(
        "SELECT l.value, l.attempt_id FROM label AS l JOIN email AS e ON e.id = l.email_id"
        " WHERE e.content_hash = ? AND l.source = 'model' AND l.task_version = ? LIMIT 1",
        (content_hash, task_version),
    ).fetchone()
    return TextLabel(*row) if row else None


def copy_to(db: sqlite3.Connection, email_id: int, known: TextLabel, *, task_version: str, now: float) -> bool:
    """Settle an email with the label of its text, without a call; False where it was settled meanwhile."""
    moved = copy_label(db, [email_id], known.value, known.attempt_id, task_version, now)
    book_pace(db, now, labeled=moved)
    advance_cursor(db)
    return moved == 1


def add_attempts(db: sqlite3.Connection, attempts: Sequence[Attempt], epoch: int) -> range:
    """Record calls, or emails' parts in those of packs, in one statement; returns the numbers of their rows."""
    packs: dict[str, int] = {}
    for place in (attempt.pack for attempt in attempts if attempt.pack is not None):
        if place.pack not in packs:
            row = (place.size, storable(place.answer))
            packs[place.pack] = int(db.execute("INSERT INTO pack(size, answer) VALUES (?, ?)", row).lastrowid or 0)
    first = db.execute("SELECT coalesce(max(id), 0) + 1 FROM attempt").fetchone()[0]
    db.executemany(
        "INSERT INTO attempt(id, email_id, n, kind, key_alias, organization, model, task_version, started_at,"
        " latency_s, outcome, raw_answer, error, prompt_tokens, completion_tokens, request_id, reply_model,"
        " system_fingerprint, lane, epoch, pack_id, pack_position, label_probability, in_flight)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                number,
                attempt.email_id,
                attempt.n,
                attempt.kind.value,
                attempt.key_alias,
                attempt.organization,
                attempt.model,
                attempt.task_version,
                attempt.started_at,
                attempt.latency_s,
                attempt.outcome.value,
                storable(attempt.raw_answer),
                storable(attempt.error),
                attempt.prompt_tokens,
                attempt.completion_tokens,
                attempt.request_id,
                storable(attempt.reply_model),
                storable(attempt.system_fingerprint),
                attempt.lane,
                epoch,
                None if attempt.pack is None else packs[attempt.pack.pack],
                None if attempt.pack is None else attempt.pack.position,
                attempt.label_probability,
                attempt.in_flight,
            )
            for number, attempt in enumerate(attempts, first)
        ],
    )
    return range(first, first + len(attempts))


def label_by_model(
    db: sqlite3.Connection, settled: Settled, attempt: Attempt, attempt_id: int, *, now: float, dedupe: bool
) -> int:
    """Record the model's label of an email, and copies for its twins; returns how many emails were settled.

    A pending or failed email becomes labeled: an answer that comes late is kept and counted. A skipped one stays
    skipped, and has the label once it is requeued. The label is not recorded beside another one of the model that the
    email has: it would be the newer of both.
    """
    has_label, others = _looked_up(db, settled.email_id, dedupe=dedupe)
    if has_label:
        return 0
    db.execute(
        "INSERT OR IGNORE INTO label(email_id, value, source, annotator, attempt_id, task_version, at)"
        " VALUES (?, ?, 'model', ?, ?, ?, ?)",
        (settled.email_id, settled.label, attempt.model, attempt_id, attempt.task_version, now),
    )
    moved = db.execute(
        f"UPDATE email SET {BECOMES_LABELED}, reasks = ?, failure = NULL, settled_at = ?"
        " WHERE id = ? AND state IN ('pending', 'failed')",
        (settled.reasks, now, settled.email_id),
    ).rowcount
    if not moved:
        show_current_label(db, [settled.email_id])
    return moved + copy_label(db, others, settled.label or "", attempt_id, attempt.task_version, now)


def _looked_up(db: sqlite3.Connection, email_id: int, *, dedupe: bool) -> tuple[bool, list[int]]:
    """Return whether an email is labeled and has a label of the model, and other pending emails with the same text."""
    which = "content_hash = (SELECT content_hash FROM email WHERE id = :id)" if dedupe else "id = :id"
    rows = db.execute(
        "SELECT id, state = 'labeled' AND EXISTS (SELECT 1 FROM label"
        f" WHERE email_id = email.id AND {BY_MODEL}) FROM email WHERE {which} AND (state = 'pending' OR id = :id)",
        {"id": email_id},
    ).fetchall()
    return any(labeled for _, labeled in rows), [each for each, _ in rows if each != email_id]


def copy_label(
    db: sqlite3.Connection, email_ids: Sequence[int], value: str, attempt_id: int | None, version: str, now: float
) -> int:
    """Give pending emails the label that the model gave to the same text; returns how many were settled."""
    moved = 0
    for email_id in email_ids:
        db.execute(
            "INSERT OR IGNORE INTO label(email_id, value, source, annotator, attempt_id, task_version, at)"
            " VALUES (?, ?, 'copy', NULL, ?, ?, ?)",
            (email_id, value, attempt_id, version, now),
        )
        moved += db.execute(
            f"UPDATE email SET {BECOMES_LABELED}, reasks = 0, failure = NULL, settled_at = ?"
            " WHERE id = ? AND state = 'pending'",
            (now, email_id),
        ).rowcount
    return moved


def show_current_label(db: sqlite3.Connection, email_ids: Sequence[int]) -> None:
    """Write the current label, as the rows give it (:func:`core.storage.file.rows.current_label`), to the emails."""
    db.execute(
        "UPDATE email SET (label, label_source) = (SELECT value, source FROM label"
        f" WHERE id = {current_label('email')}) WHERE id IN (SELECT value FROM json_each(?))"
        f" AND (state <> 'labeled' OR {current_label('email')} IS NOT NULL)",
        (json.dumps(list(email_ids)),),
    )


def restore(db: sqlite3.Connection, email_ids: Sequence[int], task_version: str) -> int:
    """Settle those pending or failed emails that this version of the task has labeled; returns how many.

    Their answers were paid for and are on record, so they are never asked about again. Re-asks are counted as they
    were: those of the version that gave the label, up to its attempt.
    """
    ids = json.dumps(list(email_ids))
    rows = db.execute(
        "SELECT id FROM email WHERE id IN (SELECT value FROM json_each(?)) AND state IN ('pending', 'failed') AND"
        f" EXISTS (SELECT 1 FROM label WHERE email_id = email.id AND task_version = ? AND {BY_MODEL})",
        (ids, task_version),
    ).fetchall()
    known = [row[0] for row in rows]
    db.execute(
        f"UPDATE email SET {BECOMES_LABELED}, failure = NULL, (settled_at, reasks) = (SELECT l.at,"
        " (SELECT count(*) FROM attempt AS a WHERE a.email_id = l.email_id AND a.id <= l.attempt_id"
        " AND l.source = 'model' AND a.kind = 'reask' AND a.task_version = l.task_version) FROM label AS l"
        f" WHERE l.email_id = email.id AND l.{BY_MODEL} ORDER BY l.id DESC LIMIT 1)"
        " WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(known),),
    )
    return len(known)


def fail(db: sqlite3.Connection, settled: Settled, key_alias: str, *, now: float, dedupe: bool) -> int:
    """Fail a pending email and its twins; returns how many were settled. One that a person labeled is labeled."""
    others = twins(db, settled.email_id) if dedupe else []
    change = (
        "UPDATE email SET state = CASE label_source WHEN 'human' THEN 'labeled' ELSE 'failed' END, reasks = ?,"
        " failure = ?, settled_at = ? WHERE id = ? AND state = 'pending'"
    )
    moved = db.execute(change, (settled.reasks, settled.failure, now, settled.email_id)).rowcount
    if not moved:
        return 0
    for twin in others:
        moved += db.execute(change, (0, settled.failure, now, twin)).rowcount
    copies = f" (and {len(others)} with the same text)" if others else ""
    add_event(db, now, "failed", f"{settled.failure}{copies}", settled.email_id, key_alias)
    return moved


def twins(db: sqlite3.Connection, email_id: int) -> list[int]:
    """Return other pending emails with the same text."""
    rows = db.execute(
        "SELECT id FROM email WHERE state = 'pending' AND id <> ?"
        " AND content_hash = (SELECT content_hash FROM email WHERE id = ?)",
        (email_id, email_id),
    ).fetchall()
    return [row[0] for row in rows]


def advance_cursor(db: sqlite3.Connection) -> None:
    """Move the cursor to the first email that is not settled, or behind the last."""
    db.execute(
        "UPDATE run SET cursor = coalesce((SELECT min(position) FROM email WHERE state = 'pending'),"
        " (SELECT count(*) FROM email))"
    )


def not_done(db: sqlite3.Connection, reason: str) -> None:
    """Take the state *done* from a run that has pending emails again, for that reason."""
    db.execute(
        "UPDATE run SET finished_at = NULL, reason = CASE state WHEN 'done' THEN ? ELSE reason END,"
        " state = CASE state WHEN 'done' THEN 'stopped' ELSE state END",
        (reason,),
    )


def book_pace(
    db: sqlite3.Connection,
    now: float,
    *,
    labeled: int = 0,
    failed: int = 0,
    calls: int = 0,
    waited_s: float = 0.0,
) -> None:
    """Add to the slice of time that ``now`` lies in."""
    db.execute(
        "INSERT INTO pace(at, labeled, failed, calls, waited_s) VALUES (?, ?, ?, ?, ?) ON CONFLICT(at) DO UPDATE SET"
        " labeled = labeled + excluded.labeled, failed = failed + excluded.failed, calls = calls + excluded.calls,"
        " waited_s = waited_s + excluded.waited_s",
        (slice_of(now), labeled, failed, calls, waited_s),
    )


def add_event(
    db: sqlite3.Connection, now: float, kind: str, text: str, email_id: int | None = None, key_alias: str = ""
) -> None:
    """Note something for people."""
    db.execute(
        "INSERT INTO event(at, kind, text, email_id, key_alias) VALUES (?, ?, ?, ?, ?)",
        (now, kind, storable(text), email_id, key_alias),
    )


def storable(text: str | None) -> str | None:
    """Return text that UTF-8 can hold: a lone surrogate in an answer must not stop the answer from being kept."""
    if text is None or text.isascii():
        return text
    return text.encode("utf-8", "replace").decode("utf-8")
