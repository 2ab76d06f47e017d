"""Read run files by SQL of our own, and say what is broken in them. Uses nothing of the product's code."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

COMPANIONS = re.compile(r"\.(control|search)\.db|before-format|~control|~search|^damaged")
STATES = ("pending", "labeled", "failed", "skipped")


@dataclass
class Seen:
    """What a run file held when it was last looked at: its label rows and calls by id, and how many emails."""

    labels: dict[int, tuple[object, ...]] = field(default_factory=dict)
    attempts: dict[int, tuple[object, ...]] = field(default_factory=dict)
    emails: int = 0


def run_files(folder: Path) -> list[Path]:
    """Return the run files below a folder, whatever their ending; no links, and none that were damaged on purpose."""
    found = sorted((*folder.rglob("*.db"), *folder.rglob("*.sqlite")))
    return [
        path for path in found if not COMPANIONS.search(path.name) and path.name != "quota.db" and not path.is_symlink()
    ]


TAKEN_WITHIN_S = 0.3
"""A call that was begun when its email was skipped may be dated so much later.

An undo of its return is left out: it gives the moment of the first skip back, and calls may have come in between.
"""
QUERIES = {
    "damage": "SELECT * FROM pragma_quick_check(1)",
    "states": "SELECT state, count(*) FROM email GROUP BY state",
    "totals": "SELECT name, value FROM total",
    "labels": "SELECT id, email_id, value, task_version, at FROM label",
    "attempts": "SELECT id, email_id, started_at, raw_answer FROM attempt",
    "shown": "SELECT label, count(*) FROM email WHERE state = 'labeled' GROUP BY label",
    "doubled": "SELECT email_id FROM label WHERE source IN ('model', 'copy') GROUP BY email_id, task_version"
    " HAVING count(*) > 1",
    "groundless": "SELECT source_id FROM email AS e WHERE state = 'labeled' AND NOT EXISTS (SELECT 1 FROM label AS l"
    " WHERE l.email_id = e.id AND l.value = e.label AND l.source <> 'undone')",
    "current label": "SELECT source_id, label, wanted FROM (SELECT source_id, label, coalesce("
    "(SELECT value FROM label WHERE email_id = e.id AND source = 'human' ORDER BY id DESC LIMIT 1), CASE state WHEN"
    " 'labeled' THEN (SELECT value FROM label WHERE email_id = e.id AND source IN ('model', 'copy')"
    " ORDER BY id DESC LIMIT 1) END) AS wanted FROM email AS e) WHERE label IS NOT wanted",
    "paid": "SELECT source_id, state FROM email AS e WHERE state IN ('pending', 'failed') AND EXISTS (SELECT 1 FROM"
    " label WHERE email_id = e.id AND source IN ('model', 'copy') AND task_version = (SELECT task_version FROM run))",
    "unkept": "SELECT a.id, email_id FROM attempt AS a WHERE outcome = 'answered' AND kind IN ('ask', 'reask')"
    " AND NOT EXISTS"
    " (SELECT 1 FROM label WHERE email_id = a.email_id AND source IN ('model', 'copy'))",
    "bought twice": "SELECT email_id FROM attempt WHERE outcome = 'answered' AND kind IN ('ask', 'reask')"
    " GROUP BY email_id, task_version HAVING count(*) > 1",
    "asked though skipped": "SELECT source_id, a.started_at - settled_at FROM email AS e JOIN attempt AS a"
    f" ON a.email_id = e.id WHERE state = 'skipped' AND a.started_at > settled_at + {TAKEN_WITHIN_S}"
    " AND NOT EXISTS (SELECT 1 FROM deed WHERE email_id = e.id AND state = 'skipped' AND undone = 'undone')",
    "cursor": "SELECT cursor FROM run",
    "pending": "SELECT min(position) FROM email WHERE state = 'pending'",
}
"""What is read of a run file, in one transaction."""


def check(path: Path, seen: Seen) -> list[str]:
    """Return a sentence for each invariant that the file breaks; take note of its rows in ``seen``."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as db:
        try:
            db.execute("BEGIN")
            found = _read(db)
        except sqlite3.OperationalError:
            raise  # busy, or no disk: whoever asks knows whether that is to be expected
        except sqlite3.DatabaseError as error:
            return [f"the file is damaged: {error}"]
    if not found:
        return []
    if found["damage"] != [("ok",)]:
        return [f"the file is damaged: {found['damage'][0]}"]
    return [*_counted(found), *_labels(found), *_appended(found, seen)]


def _read(db: sqlite3.Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Return what the queries find; nothing where the tables are not there yet."""
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'run'").fetchone():
        return {}
    return {name: db.execute(query).fetchall() for name, query in QUERIES.items()}


def _counted(found: dict[str, list[tuple[Any, ...]]]) -> Iterator[str]:
    """Yield each total that its rows do not give, and a cursor that is not at the first pending email."""
    totals, states = dict(found["totals"]), dict(found["states"])
    rows = {f"state:{state}": states.get(state, 0) for state in STATES}
    rows |= {"attempts": len(found["attempts"])} | {f"label:{label}": count for label, count in found["shown"]}
    for name, count in rows.items():
        if totals.get(name, 0) != count:
            yield f"the total {name} is {totals.get(name, 0)}, its rows are {count}"
    emails = sum(states.values())
    pending = found["pending"][0][0]
    wanted = emails if pending is None else pending
    if found["cursor"][0][0] != wanted:
        yield f"the cursor is {found['cursor'][0][0]}, the first pending email of {emails} is at {wanted}"


def _labels(found: dict[str, list[tuple[Any, ...]]]) -> Iterator[str]:
    """Yield each email that is labeled twice, or otherwise than its rows say."""
    for (email,) in found["doubled"][:1]:
        yield f"email {email} has two labels of the model for one version"
    for (name,) in found["groundless"][:1]:
        yield f"{name} is labeled without a row that says so"
    for name, shown, wanted in found["current label"][:1]:
        yield f"{name} shows the label {shown}, its rows give {wanted}"
    for name, state in found["paid"][:1]:
        yield f"{name} is {state} beside a label of the active version"
    for call, email in found["unkept"][:1]:
        yield f"the answer of call {call} about email {email} gave no label"
    for (email,) in found["bought twice"][:1]:
        yield f"email {email} was answered twice in one version of the task"
    for name, late_s in found["asked though skipped"][:1]:
        yield f"{name} was asked about {late_s:.1f} s after it was skipped"


def _appended(found: dict[str, list[tuple[Any, ...]]], seen: Seen) -> Iterator[str]:
    """Yield rows that were there at the last look and are not, or not the same, any more."""
    emails = sum(count for _, count in found["states"])
    if emails < seen.emails:
        yield f"emails were lost: {seen.emails}, now {emails}"
    labels = {row[0]: row[1:] for row in found["labels"]}
    attempts = {row[0]: row[1:] for row in found["attempts"]}
    for name, before, now in (("label", seen.labels, labels), ("call", seen.attempts, attempts)):
        for row in [row for row in before if before[row] != now.get(row)][:1]:
            yield f"{name} row {row} was {before[row]}, now {now.get(row)}"
    seen.labels, seen.attempts, seen.emails = labels, attempts, emails


def secrets_in(folder: Path, secrets: tuple[str, ...], allowed: str = "keys.toml") -> Iterator[str]:
    """Yield each file below a folder that holds one of the secrets, but for that of the keys."""
    needles = [secret.encode() for secret in secrets]
    for path in folder.rglob("*"):
        if not path.is_file() or path.name.startswith(allowed):
            continue
        try:
            content = path.read_bytes()
        except OSError:
            continue
        if any(needle in content for needle in needles):
            yield f"{path.name} holds a secret"
