"""Encode and decode values of a run file's rows: shared by its writer and its readers."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.errors import RunFileError
from core.model import NOTES, Budget, LabelMeaning, LabelSource, ModelSettings, Outcome, Task

PACE_SPAN_S = 5
"""Length of a slice of ``pace``."""

BAD_ANSWERS = (Outcome.INVALID.value, Outcome.EMPTY.value, Outcome.TRUNCATED.value)
"""Outcomes of calls that were answered, but not usably: each leads to a re-ask."""


BY_MODEL = "source IN ('model', 'copy')"
"""Labels of a model, in the words of the index ``label_once``."""

BY_PERSON = "source = 'human'"
"""Labels of people."""

GIVEN = f"source <> '{LabelSource.WITHDRAWN}'"
"""Labels that nobody took back."""

WITHDRAWN_AT = f"{LabelSource.WITHDRAWN}_at"
"""Column of notes and reviews: when a person took them back (named like the source of labels taken back)."""

NOT_WITHDRAWN = f"{LabelSource.WITHDRAWN} IS NULL"
"""Changes of emails that nobody took back (else their column says whether that changed the email)."""

STANDS = f"{WITHDRAWN_AT} IS NULL"
"""Notes and reviews that nobody took back."""


def current_label(email: str) -> str:
    """Return SQL for the number of the current label of an email; ``email`` is the name of its row in the query.

    It is the newest label of a person, else the newest of the model. A pending, failed or skipped email shows a
    person's label alone: what the model said before is on record, and does not count while the model is asked again.
    """
    return _newest(email, f"{BY_MODEL} AND {email}.state = 'labeled'")


def _newest(email: str, by_model: str) -> str:
    """Return SQL for the number of the newest label of a person, else of the newest ``by_model``."""
    person, model = (
        f"(SELECT id FROM label WHERE email_id = {email}.id AND {which} ORDER BY id DESC LIMIT 1)"
        for which in (BY_PERSON, by_model)
    )
    return f"coalesce({person}, {model})"


BECOMES_LABELED = (
    "state = 'labeled', (label, label_source) = (SELECT value, source FROM label WHERE id = "
    f"{_newest('email', BY_MODEL)})"
)
"""SQL to set with UPDATE email, once its label is on record. State and label change at once: totals count them so."""


def growing(rows: Sequence[tuple[Any, ...]], after: int) -> int:
    """Return the last number of a page that was read by number; its rows must grow from ``after`` on.

    Raises:
        RunFileError: they do not. A damaged page would be read over and over, and what is written would never end.
    """
    for row in rows:
        if not isinstance(row[0], int) or row[0] <= after:
            raise RunFileError(
                f"The run file is damaged: row {row[0]} was read behind row {after}. `labeltui check` says more; go"
                " back to a copy of it."
            )
        after = row[0]
    return after


def slice_of(now: float) -> int:
    """Return the start of the slice of ``pace`` that a moment lies in."""
    return int(now // PACE_SPAN_S) * PACE_SPAN_S


def worked_s(db: sqlite3.Connection) -> float:
    """Return seconds in which a worker was at work: asking, or waiting for a quota."""
    return float(db.execute("SELECT count(*) FROM pace").fetchone()[0] * PACE_SPAN_S)


def budget_of(text: str | None) -> Budget:
    """Return the budget that a run's row keeps as JSON; without one, no cap."""
    budget = Budget(**json.loads(text)) if text else Budget()
    if not all(value is None or isinstance(value, int | float) for value in asdict(budget).values()):
        raise TypeError("a budget is no number")
    return budget


def record(cursor: sqlite3.Cursor) -> dict[str, Any]:
    """Return the single row that the cursor yields, by column name."""
    names = [column[0] for column in cursor.description]
    row = cursor.fetchall()[0]
    return dict(zip(names, row, strict=True))


def task_to_definition(task: Task) -> str:
    """Return a task as the JSON that the run file keeps."""
    return json.dumps(asdict(task), ensure_ascii=False, sort_keys=True)


def definition_of(db: sqlite3.Connection, version: str, path: Path) -> str:
    """Return the JSON of one version of the task of the run at ``path``.

    Raises:
        RunFileError: the file has lost it.
    """
    row = db.execute("SELECT definition FROM task WHERE version = ?", (version,)).fetchone()
    if row is None:
        raise RunFileError(f"{path} has lost its task {version}.")
    return str(row[0])


def task_of(db: sqlite3.Connection, version: str, path: Path) -> Task:
    """Return one version of the task of the run at ``path``; raises RunFileError where the file has lost it."""
    return task_from_definition(definition_of(db, version, path))


def task_from_definition(text: str) -> Task:
    """Return the task that :func:`task_to_definition` wrote.

    Raises:
        RunFileError: it wrote something else.
    """
    try:
        task = _task(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise RunFileError(
            f"The run file is damaged: a version of its task cannot be read ({type(error).__name__})."
            " Go back to a backup."
        ) from error
    return task


def _task(data: Mapping[str, Any]) -> Task:
    words = (data["name"], data["rubric"], data["version"], *data["fields"])
    words += tuple(label[part] for label in data["labels"] for part in ("value", "name"))
    if not data["labels"] or not all(isinstance(word, str) for word in words):
        raise TypeError("a name, a rubric or a label is no text")
    return Task(
        name=data["name"],
        labels=tuple(LabelMeaning(**label) for label in data["labels"]),
        rubric=data["rubric"],
        fields=tuple(data["fields"]),
        truncate_at=data["truncate_at"],
        truncate_tail=data.get("truncate_tail", 0),
        truncate_by=data.get("truncate_by", "characters"),
        quoted=data.get("quoted", "keep"),
        max_reasks=data["max_reasks"],
        model=ModelSettings(**{**data["model"], "stop": tuple(data["model"].get("stop", ()))}),
        version=data["version"],
        item=data.get("item", "email"),  # as in files written before tasks had one
        judge=data.get("judge", "exact"),
        canaries=data.get("canaries", 60),
        pack=data.get("pack", 1),
    )


HAS_ORDERS = (
    "coalesce(flags, '') <> '' AND substr(flags, 1, instr(flags || ' ', ' ') - 1) NOT IN ("
    + ", ".join(f"'{note}'" for note in NOTES)
    + ")"
)
"""SQL: whether the flags of an email name an order to a model; orders stand before notes."""

LOOKED_AT_CHARS = 400
OPENING_CHARS = 120

_HEADER = re.compile(r"(From|To|Cc|Bcc|Subject|Date): ")


def beginning(email: str) -> str:
    """Return SQL for the first characters of a text without a subject, NULL for others: no body is read for them.

    ``email`` is the name of the table in the query.
    """
    text = f"(SELECT substr(text, 1, {LOOKED_AT_CHARS}) FROM body WHERE email_id = {email}.id)"
    return f"CASE WHEN ifnull({email}.subject, '') = '' THEN {text} END"


def opening(text: str | None) -> str:
    """Return the first words of a text, its header lines left out, on one line; empty where it holds none."""
    head, blank, rest = (text or "").partition("\n\n")
    if blank and all(_HEADER.match(line) for line in head.splitlines()):
        return " ".join(rest.split())[:OPENING_CHARS]
    return " ".join((text or "").split())[:OPENING_CHARS]
