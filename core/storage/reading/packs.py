"""Read what a run file says of packs: the size that they hold, the control sample and its answers."""

from __future__ import annotations

import sqlite3
from hashlib import blake2b

from core.model import PACK_AUTO, PackPlace, Task
from core.quality.packing import ControlAnswer, PackControl, PackFacts

STEPS_OF_AUTO = (10, 3, 1)
"""Sizes that ``auto`` goes through: the next one where packed and single answers differ."""


def pack_size_of(db: sqlite3.Connection, task: Task) -> int:
    """Return how many emails a pack of this version of the task holds now."""
    row = db.execute(
        "SELECT size FROM pack_size WHERE task_version = ? ORDER BY id DESC LIMIT 1", (task.version,)
    ).fetchone()
    return int(row[0]) if row is not None else _steps(task)[0]


def pack_control_of(db: sqlite3.Connection, task: Task) -> PackControl | None:
    """Return the control of packs as the run file's labels and answers leave it; None where the task has no packs."""
    if task.pack == 1:
        return None
    control = PackControl(_seed(db), _steps(task), pack_size_of(db, task))
    (after, dismissed_at) = db.execute(
        "SELECT coalesce((SELECT max(after_label) FROM pack_size WHERE task_version = ?), 0),"
        " coalesce((SELECT max(dismissed_at) FROM alarm WHERE watch = 'packs'), 0.0)",
        (task.version,),
    ).fetchone()
    labels = db.execute(
        "SELECT l.at, l.email_id, l.value, p.size, a.pack_position FROM label AS l JOIN attempt AS a"
        " ON a.id = l.attempt_id JOIN pack AS p ON p.id = a.pack_id WHERE l.source = 'model' AND l.task_version = ?"
        " AND l.id > ? AND l.at > ? ORDER BY l.id",
        (task.version, after, dismissed_at),
    ).fetchall()
    answers = db.execute(
        "SELECT c.asked_at, c.email_id, c.label, c.value, c.turn, c.pack_size, c.pack_position FROM control AS c"
        " JOIN label AS l ON l.email_id = c.email_id AND l.task_version = c.task_version AND l.source = 'model'"
        " WHERE c.task_version = ? AND l.id > ? AND c.asked_at > ? ORDER BY c.id",
        (task.version, after, dismissed_at),
    ).fetchall()
    steps = [(at, 0, row) for at, *row in labels] + [(at, 1, row) for at, *row in answers]
    steps.sort(key=lambda step: step[:2])
    for _, kind, row in steps:
        if kind == 0:
            control.offer(*row)
        else:
            control.answered(ControlAnswer(*row))
    return control


def pack_facts(db: sqlite3.Connection, task: Task) -> PackFacts | None:
    """Return what the file says of packs in a version of the task; None where it had none."""
    packs, alone = db.execute(
        "SELECT count(DISTINCT pack_id), count(DISTINCT CASE WHEN outcome <> 'answered' AND kind = 'ask' THEN email_id"
        " END) FROM attempt WHERE pack_id IS NOT NULL AND task_version = ?",
        (task.version,),
    ).fetchone()
    if task.pack == 1 and not packs:
        return None
    places: dict[tuple[str, bool], int] = {}
    for value, end, count in db.execute(
        "SELECT l.value, a.pack_position IN (1, p.size), count(*) FROM label AS l JOIN attempt AS a"
        " ON a.id = l.attempt_id JOIN pack AS p ON p.id = a.pack_id WHERE l.source = 'model' AND l.task_version = ?"
        " AND p.size > 2 GROUP BY 1, 2",
        (task.version,),
    ):
        places[value, bool(end)] = count
    texts = db.execute(
        "SELECT count(*) FROM label AS l JOIN attempt AS a ON a.id = l.attempt_id WHERE l.source = 'model'"
        " AND l.task_version = ? AND a.pack_id IS NOT NULL",
        (task.version,),
    ).fetchone()[0]
    rows = db.execute(
        "SELECT email_id, label, value, turn, pack_size, pack_position FROM control WHERE task_version = ? ORDER BY id",
        (task.version,),
    )
    changes = db.execute("SELECT reason FROM pack_size WHERE task_version = ? ORDER BY id", (task.version,))
    return PackFacts(
        setting="auto" if task.pack == PACK_AUTO else str(task.pack),
        size=pack_size_of(db, task),
        packs=packs,
        texts=texts,
        alone=alone,
        answers=tuple(ControlAnswer(*row) for row in rows),
        places=places,
        changes=tuple(reason for (reason,) in changes),
    )


def places_of(db: sqlite3.Connection, email_id: int) -> dict[int, PackPlace]:
    """Return the place in a pack of each attempt about an email, by the attempt's number in the run file."""
    rows = db.execute(
        "SELECT a.id, p.id, a.pack_position, p.size, p.answer FROM attempt AS a JOIN pack AS p ON p.id = a.pack_id"
        " WHERE a.email_id = ?",
        (email_id,),
    )
    return {row[0]: PackPlace(str(row[1]), row[2], row[3], row[4]) for row in rows}


def texts_of_pack(db: sqlite3.Connection, pack_id: int) -> list[str]:
    """Return the texts of a pack as they stand in the run file, in their order."""
    rows = db.execute(
        "SELECT b.text FROM attempt AS a JOIN body AS b ON b.email_id = a.email_id WHERE a.pack_id = ?"
        " ORDER BY a.pack_position",
        (pack_id,),
    )
    return [text for (text,) in rows]


def next_texts(db: sqlite3.Connection, email_id: int, count: int) -> list[str]:
    """Return texts that an email could be packed with: its own first, then those that are pending behind others."""
    rows = db.execute(
        "SELECT b.text FROM email AS e JOIN body AS b ON b.email_id = e.id WHERE e.id IN (SELECT ? UNION ALL SELECT id"
        " FROM (SELECT id FROM email WHERE state = 'pending' AND id <> ? AND flags IS NULL ORDER BY position LIMIT ?))"
        " ORDER BY e.id <> ?, e.position",
        (email_id, email_id, count - 1, email_id),
    )
    return [text for (text,) in rows]


def _steps(task: Task) -> tuple[int, ...]:
    return STEPS_OF_AUTO if task.pack == PACK_AUTO else (task.pack,)


def _seed(db: sqlite3.Connection) -> int:
    """Return the seed of the control sample: it follows from the run's stored one, and is apart from other samples'."""
    seed, created_at = db.execute("SELECT seed, created_at FROM run").fetchone()
    return int.from_bytes(blake2b(f"control {seed} {created_at!r}".encode(), digest_size=6).digest())
