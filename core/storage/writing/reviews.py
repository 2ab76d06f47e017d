"""Write what reviews add to a run: the sample, blind answers, second looks, labels from elsewhere, alarms.

Works inside the caller's transaction. A blind answer is a label of source ``human`` and a row of ``review``; an answer
"cannot tell" is a row of ``review`` alone. Neither takes an email out of the model's work, nor erases a model's label.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.model import LabelSource
from core.quality.sampling import Sample, grown, topped_up
from core.storage.file.rows import STANDS, WITHDRAWN_AT
from core.storage.reading.reviews import by_label, emails_of, label_counts, sample_of, window_of_alarm
from core.storage.writing.settle import add_event, advance_cursor, not_done, show_current_label, storable
from core.text import counted

MOST_IN_A_NOTE = 2_000
"""Characters that a note keeps."""


@dataclass(frozen=True, slots=True)
class ReviewAnswer:
    """Hold a person's blind answer to one email; ``value`` None means that the person cannot tell.

    ``kind`` is first, second or adjudicated; ``seconds`` is how long the email was shown; ``batch`` counts the
    annotator's batches from 1.
    """

    email_id: int
    annotator: str
    value: str | None
    kind: str = "first"
    seconds: float = 0.0
    batch: int = 1
    note: str = ""


def keep_sample(db: sqlite3.Connection, sample: Sample, *, now: float) -> int:
    """Write the sample, or its larger goal and rates; returns its number."""
    rates = json.dumps({"": sample.base_rate, **sample.rates}, sort_keys=True)
    row = db.execute("SELECT id FROM sample ORDER BY id DESC LIMIT 1").fetchone()
    if row is None:
        cursor = db.execute(
            "INSERT INTO sample(name, kind, seed, goal, rates, created_at) VALUES (?, 'random', ?, ?, ?, ?)",
            (sample.name, str(sample.seed), sample.goal, rates, now),
        )
        return int(cursor.lastrowid or 0)
    db.execute("UPDATE sample SET goal = ?, rates = ? WHERE id = ?", (sample.goal, rates, row[0]))
    return int(row[0])


def begin_sample(db: sqlite3.Connection, seed: int, *, now: float) -> None:
    """Write a new run's sample with a seed instead of the one that follows from the run; not where it was begun."""
    sample, begun = sample_of(db)
    if not begun:
        keep_sample(db, replace(sample, seed=seed), now=now)


def grow_sample(db: sqlite3.Connection, *, goal: int | None, top_up: bool, task_version: str, now: float) -> Sample:
    """Raise the sample's goal, or the rates of rare labels (``top_up``); rates never shrink. Returns the sample."""
    sample = sample_of(db)[0]
    if goal is not None:
        sample = grown(sample, goal, emails_of(db))
    if top_up:
        sample = topped_up(sample, by_label(label_counts(db), task_version))
    keep_sample(db, sample, now=now)
    return sample


def add_answers(db: sqlite3.Connection, answers: Sequence[ReviewAnswer], *, task_version: str, now: float) -> int:
    """Record blind answers; returns how many. An email that is not there, or was answered so already, is left out.

    The same answer sent twice (a command that is applied again after a kill) is recorded once.
    """
    sample_id = keep_sample(db, sample_of(db)[0], now=now)
    added = 0
    for answer in answers:
        twins = [
            row[0]
            for row in db.execute(
                "SELECT t.id FROM email AS e JOIN email AS t ON t.content_hash = e.content_hash WHERE e.id = ?"
                " ORDER BY t.id <> e.id, t.id",
                (answer.email_id,),
            )
        ]
        if not twins or _answered(db, answer):
            continue
        label_id = None
        if answer.value is not None:
            for twin in twins:
                row = db.execute(
                    "INSERT INTO label(email_id, value, source, annotator, task_version, blind, note, at)"
                    " VALUES (?, ?, 'human', ?, ?, 1, ?, ?)",
                    (twin, answer.value, answer.annotator, task_version, storable(answer.note[:MOST_IN_A_NOTE]), now),
                )
                label_id = row.lastrowid if label_id is None else label_id
        db.execute(
            "INSERT INTO review(email_id, annotator, sample_id, kind, label_id, value, seconds, shown, batch, at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, 'text', ?, ?)",
            (
                answer.email_id, answer.annotator, sample_id, answer.kind, label_id, answer.value,
                round(answer.seconds, 2), answer.batch, now,
            ),
        )  # fmt: skip
        show_current_label(db, twins)
        added += 1
    return added


def withdraw_answer(db: sqlite3.Connection, annotator: str, *, now: float) -> int | None:
    """Take this annotator's newest answer back; returns its email, or None where there is nothing to take back."""
    row = db.execute(
        f"SELECT id, email_id, label_id FROM review WHERE annotator = ? AND {STANDS} ORDER BY id DESC LIMIT 1",
        (annotator,),
    ).fetchone()
    if row is None:
        return None
    db.execute(f"UPDATE review SET {WITHDRAWN_AT} = ? WHERE id = ?", (now, row[0]))
    twins = [
        each[0]
        for each in db.execute(
            "SELECT t.id FROM email AS e JOIN email AS t ON t.content_hash = e.content_hash WHERE e.id = ?", (row[1],)
        )
    ]
    if row[2] is not None:
        # The labels of one answer lie side by side: the email's own first, then those of its copies.
        db.execute(
            f"UPDATE label SET source = '{LabelSource.WITHDRAWN}' WHERE id >= ? AND id < ?"
            " AND source = 'human' AND annotator = ? AND email_id IN (SELECT value FROM json_each(?))",
            (row[2], row[2] + len(twins), annotator, json.dumps(twins)),
        )
    show_current_label(db, twins)
    return int(row[1])


def plan_second_looks(db: sqlite3.Connection, annotator: str, batch: int, email_ids: Sequence[int]) -> None:
    """Keep which emails of a batch come back; the first plan stays, so that a restart shows the same ones."""
    db.execute(
        "INSERT OR IGNORE INTO review_batch(annotator, batch, second) VALUES (?, ?, ?)",
        (annotator, batch, json.dumps(list(email_ids))),
    )


def add_gold(db: sqlite3.Connection, name: str, labels: Sequence[tuple[int, str]], *, now: float) -> int:
    """Keep labels from elsewhere under a name; returns how many are new or changed. They override and audit nothing."""
    before = db.total_changes
    db.executemany(
        "INSERT INTO gold(name, email_id, value, at) SELECT ?, id, ?, ? FROM email WHERE id = ?"
        " ON CONFLICT(name, email_id) DO UPDATE SET value = excluded.value, at = excluded.at"
        " WHERE value <> excluded.value",
        [(name, value, now, email_id) for email_id, value in labels],
    )
    added = db.total_changes - before
    if added:
        add_event(db, now, "gold", f"{counted(added, 'label')} of {name} added")
    return added


def raise_alarm(
    db: sqlite3.Connection, watch: str, sentence: str, *, asks: tuple[int, int], statistic: float, limit: float,
    now: float,
) -> None:  # fmt: skip
    """Record an alarm, unless one of that watch stands."""
    if db.execute("SELECT 1 FROM alarm WHERE watch = ? AND state = 'raised'", (watch,)).fetchone():
        return
    db.execute(
        "INSERT INTO alarm(watch, at, from_ask, to_ask, statistic, limit_, state, sentence)"
        " VALUES (?, ?, ?, ?, ?, ?, 'raised', ?)",
        (watch, now, *asks, statistic, limit, sentence),
    )
    add_event(db, now, "alarm", f"{watch}: {sentence}")


def dismiss_alarm(db: sqlite3.Connection, watch: str, *, by: str, note: str, now: float) -> bool:
    """Mark the open alarm of a watch as dismissed; False where there is none."""
    moved = db.execute(
        "UPDATE alarm SET state = 'dismissed', dismissed_at = ?, by = ?, note = ? WHERE watch = ? AND state = 'raised'",
        (now, by, storable(note[:MOST_IN_A_NOTE]), watch),
    ).rowcount
    if moved:
        add_event(db, now, "alarm", f"{watch}: dismissed by {by}" + (f": {note}" if note else ""))
    return moved > 0


def relabel_window(db: sqlite3.Connection, watch: str, *, task_version: str, by: str, now: float) -> int:
    """Take back what the model said since the window of an open alarm began, requeue it, and dismiss the alarm.

    Returns how many emails are pending again. Labels that are taken back stay on record, those of people stay current.
    """
    labeled, failed = window_of_alarm(db, watch)
    these = json.dumps(labeled + failed)
    which = "IN (SELECT value FROM json_each(?))"
    db.execute(
        f"UPDATE label SET source = '{LabelSource.WITHDRAWN}' WHERE email_id {which} AND task_version = ?"
        " AND source IN ('model', 'copy')",
        (these, task_version),
    )
    moved = db.execute(
        "UPDATE email SET state = 'pending', failure = NULL, reasks = 0, settled_at = NULL, asked_from ="
        f" coalesce((SELECT max(id) FROM attempt WHERE email_id = email.id), 0) WHERE id {which}"
        " AND state IN ('labeled', 'failed')",
        (these,),
    ).rowcount
    show_current_label(db, labeled + failed)
    advance_cursor(db)
    if moved:
        not_done(db, "emails are to be asked again after an alarm")
    dismiss_alarm(db, watch, by=by, note=f"{moved:,} requeued", now=now)
    return moved


def _answered(db: sqlite3.Connection, answer: ReviewAnswer) -> bool:
    """Return whether this annotator gave an answer of this kind to this email in this batch already."""
    return (
        db.execute(
            f"SELECT 1 FROM review WHERE email_id = ? AND annotator = ? AND kind = ? AND batch = ? AND {STANDS}",
            (answer.email_id, answer.annotator, answer.kind, answer.batch),
        ).fetchone()
        is not None
    )
