"""Promises that a finished run file is held against."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from core.model import Outcome

_OF_THE_EMAIL = (Outcome.INVALID, Outcome.EMPTY, Outcome.TRUNCATED, Outcome.TOO_LARGE, Outcome.BAD_REQUEST)


@dataclass(frozen=True, slots=True)
class Found:
    """What stands in a run file. ``asked_most`` is the most answers that any one email took to its label or failure."""

    labeled: int
    failed: int
    pending: int
    attempts: int
    asked_most: int
    state: str
    reason: str
    digest: str
    failed_for_quota: int
    overtaken_most: int
    broken: tuple[str, ...]


def inspect(path: Path) -> Found:
    """Recount everything."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        states = dict(db.execute("SELECT state, count(*) FROM email GROUP BY state").fetchall())
        emails = sum(states.values())
        totals = dict(db.execute("SELECT name, value FROM total").fetchall())
        attempts = _one(db, "SELECT count(*) FROM attempt")
        first_pending = _one(db, "SELECT coalesce(min(position), (SELECT count(*) FROM email)) FROM email"
                                 " WHERE state = 'pending'")  # fmt: skip
        expectations = {
            "a state's total equals a recount": all(
                totals.get(f"state:{state}", 0) == states.get(state, 0)
                for state in ("pending", "labeled", "failed", "skipped")
            ),
            "the total of attempts equals a recount": totals.get("attempts", 0) == attempts,
            "tokens equal a recount": totals.get("prompt_tokens", 0)
            == _one(db, "SELECT coalesce(sum(prompt_tokens), 0) FROM attempt"),
            "the cursor is the first email that is not settled": _one(db, "SELECT cursor FROM run") == first_pending,
            "no email has two labels": not _one(
                db,
                "SELECT count(*) FROM (SELECT 1 FROM label GROUP BY email_id, task_version HAVING count(*) > 1)",
            ),
            "every labeled email has its label's row": not _one(
                db,
                "SELECT count(*) FROM email AS e LEFT JOIN label AS l ON l.email_id = e.id AND l.value = e.label"
                " WHERE e.state = 'labeled' AND l.id IS NULL",
            ),
            "every label has the answer that it came from": not _one(
                db,
                "SELECT count(*) FROM label AS l LEFT JOIN attempt AS a ON a.id = l.attempt_id"
                " WHERE l.source = 'model' AND (a.outcome IS NULL OR a.outcome <> 'answered')",
            ),
        }
        state, reason = db.execute("SELECT state, reason FROM run").fetchone()
        return Found(
            labeled=states.get("labeled", 0),
            failed=states.get("failed", 0),
            pending=emails - states.get("labeled", 0) - states.get("failed", 0) - states.get("skipped", 0),
            attempts=attempts,
            asked_most=_one(
                db,
                "SELECT coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM attempt AS a LEFT JOIN label AS l"
                " ON l.email_id = a.email_id WHERE a.outcome IN ('answered', 'invalid', 'empty', 'truncated')"
                " AND (l.attempt_id IS NULL OR a.id <= l.attempt_id) GROUP BY a.email_id)",
            ),
            state=state,
            reason=reason,
            digest=_digest(db),
            failed_for_quota=_failed_for_quota(db),
            overtaken_most=_overtaken_most(db),
            broken=tuple(f"not so: {promise}" for promise, holds in expectations.items() if not holds),
        )


def _one(db: sqlite3.Connection, query: str) -> int:
    return int(db.execute(query).fetchone()[0])


def _digest(db: sqlite3.Connection) -> str:
    digest = hashlib.sha256()
    for row in db.execute(
        "SELECT email_id, n, kind, key_alias, organization, started_at, latency_s, outcome, raw_answer, error,"
        " prompt_tokens, completion_tokens, request_id FROM attempt ORDER BY id"
    ).fetchall():
        digest.update(repr(row).encode())
    return digest.hexdigest()


def _failed_for_quota(db: sqlite3.Connection) -> int:
    """Failed emails that were never asked about, or whose last call ended for a reason that they are not to blame for.

    One that was refused as too large may meet a key that is out on its way to the next organization: only that pair
    is excused, so that a key's fault alone, or any other last word, still counts as broken.
    """
    blamed = ", ".join(f"'{outcome.value}'" for outcome in _OF_THE_EMAIL)
    return _one(
        db,
        "SELECT count(*) FROM email AS e WHERE e.state = 'failed' AND coalesce((SELECT a.outcome FROM attempt AS a"
        f" WHERE a.email_id = e.id ORDER BY a.id DESC LIMIT 1), '') NOT IN ({blamed})"
        " AND NOT (coalesce((SELECT a.outcome FROM attempt AS a WHERE a.email_id = e.id ORDER BY a.id DESC LIMIT 1), '')"
        " IN ('unauthorized', 'restricted')"
        " AND EXISTS (SELECT 1 FROM attempt AS a WHERE a.email_id = e.id AND a.outcome = 'too_large'))",
    )


def _overtaken_most(db: sqlite3.Connection) -> int:
    """By how many emails behind it in line any email was overtaken: settled later, or not at all."""
    rows = db.execute(
        "SELECT e.position, (SELECT max(a.id) FROM attempt AS a WHERE a.email_id = e.id), e.state FROM email AS e"
        " ORDER BY e.position"
    ).fetchall()
    settled = sorted((last, position) for position, last, state in rows if state != "pending" and last is not None)
    place = {position: index for index, (_, position) in enumerate(settled)}
    reached = len(settled)
    worst = 0
    for rank, (position, _, state) in enumerate(rows):
        if rank >= reached:
            break
        if state == "pending" or position in place:
            worst = max(worst, place.get(position, reached) - rank)
    return worst
