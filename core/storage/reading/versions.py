"""Count what each version of the task did: computed for people, and never stored."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from dataclasses import dataclass, replace

from core.model import TaskVersion
from core.storage.file.rows import BAD_ANSWERS, BY_MODEL, GIVEN, task_from_definition
from core.storage.reading.reviews import size_of_texts
from core.storage.reading.summaries import all_totals, group

_UNUSABLE = ", ".join(f"'{outcome}'" for outcome in BAD_ANSWERS)

_LAST = "(SELECT task_version FROM attempt WHERE {} ORDER BY id DESC LIMIT 1)"
_OF_THE_SAME_TEXT = "email_id IN (SELECT id FROM email AS same WHERE same.content_hash = email.content_hash)"
"""An email that failed as a copy was never asked about itself."""
OLDER = (
    "state = 'labeled' AND label_source IN ('model', 'copy') AND NOT EXISTS (SELECT 1 FROM label AS l"
    f" WHERE l.email_id = email.id AND l.task_version = ? AND l.{BY_MODEL})"
)
"""Emails whose label a version of the task did not give, but an older one; a person's label is never asked about."""


def task_versions(db: sqlite3.Connection, *, counted: bool = True) -> tuple[TaskVersion, ...]:
    """Return every version of a run's task, newest first. Counting reads every label and every call of the run."""
    current = db.execute("SELECT task_version FROM run").fetchone()[0]
    activated = {
        version: (at, by or "")
        for version, at, by in db.execute(
            "SELECT argument, acknowledged_at, requested_by FROM command WHERE kind = 'task' ORDER BY acknowledged_at"
        ).fetchall()
    }
    counts = _Counts(db, current) if counted else None
    found = []
    for version, definition, added_at in db.execute(
        "SELECT version, definition, added_at FROM task ORDER BY added_at"
    ).fetchall():
        since_at, by = activated.get(version, (added_at, ""))
        bare = TaskVersion(
            task_from_definition(definition), since_at, by, active=version == current, labels={}, by_people=0,
            calls=0, unusable=0, failed=0, both=0, agreed=0, counted=False,
        )  # fmt: skip
        found.append(bare if counts is None else counts.filled(bare))
    return tuple(sorted(found, key=lambda version: (version.active, version.since_at), reverse=True))


class _Counts:
    """Count what the versions of a run's task did, from the rows; of an only version the totals hold the calls."""

    def __init__(self, db: sqlite3.Connection, current: str) -> None:
        self._labels: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._people: Counter[str] = Counter()
        for version, value, by_person, count in db.execute(
            f"SELECT task_version, value, source = 'human', count(*) FROM label WHERE {GIVEN} GROUP BY 1, 2, 3"
        ).fetchall():
            if by_person:
                self._people[version] += count
            else:
                self._labels[version][value] += count
        several = _several(db)
        if several:
            self._calls = {
                version: (count, unusable)
                for version, count, unusable in db.execute(
                    f"SELECT task_version, count(*), sum(outcome IN ({_UNUSABLE})) FROM attempt GROUP BY 1"
                ).fetchall()
            }
        else:
            totals = all_totals(db)
            unusable = sum(group(totals, "outcome").get(outcome, 0) for outcome in BAD_ANSWERS)
            self._calls = {current: (totals.get("attempts", 0), unusable)}
        self._failed = Counter(
            dict(
                db.execute(
                    f"SELECT coalesce({_LAST.format('email_id = email.id')}, {_LAST.format(_OF_THE_SAME_TEXT)}) AS v,"
                    " count(*) FROM email WHERE state = 'failed' GROUP BY v"
                ).fetchall()
            )
        )
        self._shared: dict[str, tuple[int, int]] = {}
        if several:
            self._shared = {
                version: (both, agreed)
                for version, both, agreed in db.execute(
                    "SELECT old.task_version, count(*), sum(old.value = new.value) FROM label AS new JOIN label AS old"
                    " ON old.email_id = new.email_id AND old.task_version <> new.task_version"
                    f" AND old.{BY_MODEL} WHERE new.task_version = ? AND new.{BY_MODEL} GROUP BY 1",
                    (current,),
                ).fetchall()
            }

    def filled(self, version: TaskVersion) -> TaskVersion:
        """Return the version with its counts."""
        of = version.task.version
        calls, unusable = self._calls.get(of, (0, 0))
        both, agreed = self._shared.get(of, (0, 0))
        return replace(
            version, labels=dict(self._labels[of]), by_people=self._people[of], calls=calls, unusable=unusable,
            failed=self._failed[of], both=both, agreed=agreed, counted=True,
        )  # fmt: skip


def older_labels(db: sqlite3.Connection) -> dict[str, int]:
    """Return the current labels that a version before the active one gave, and how many emails have each."""
    if not _several(db):
        return {}
    rows = db.execute(
        f"SELECT label, count(*) FROM email WHERE {OLDER.replace('?', '(SELECT task_version FROM run)')} GROUP BY label"
    ).fetchall()
    return dict(rows)


@dataclass(frozen=True, slots=True)
class OlderTexts:
    """Hold what older versions labeled so: emails, different texts, their mean length in characters.

    Of the emails with this label that the active version labeled as well, ``compared``, ``changed`` got another label.
    """

    emails: int
    texts: int
    mean_chars: float
    compared: int = 0
    changed: int = 0


def older_texts(db: sqlite3.Connection) -> dict[str, OlderTexts]:
    """Return what older versions labeled, by the current label, and under "" all of it."""
    (version,) = db.execute("SELECT task_version FROM run").fetchone()
    compared = {
        label: (both, changed)
        for label, both, changed in db.execute(
            "SELECT old.value, count(DISTINCT new.email_id), count(DISTINCT CASE WHEN old.value <> new.value THEN"
            " new.email_id END) FROM label AS new JOIN label AS old ON old.email_id = new.email_id AND"
            f" old.task_version <> new.task_version AND old.{BY_MODEL} WHERE new.task_version = ? AND new.{BY_MODEL}"
            " GROUP BY 1",
            (version,),
        )
    }
    where = OLDER.replace("email.id", "e.id")
    found = {"": OlderTexts(*size_of_texts(db, where, (version,)))}
    for (label,) in db.execute(f"SELECT DISTINCT label FROM email AS e WHERE {where}", (version,)).fetchall():
        sizes = size_of_texts(db, f"{where} AND label = ?", (version, label))
        found[label] = OlderTexts(*sizes, *compared.get(label, (0, 0)))
    return found


def _several(db: sqlite3.Connection) -> bool:
    """Return whether the run's task has more than one version."""
    return bool(db.execute("SELECT count(*) > 1 FROM task").fetchone()[0])


def names_by_version(db: sqlite3.Connection) -> dict[str, dict[str, str]]:
    """Return what each version calls its labels: their names by value."""
    rows = db.execute("SELECT version, definition FROM task").fetchall()
    return {
        version: {label.value: label.name for label in task_from_definition(definition).labels}
        for version, definition in rows
    }
