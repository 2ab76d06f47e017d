"""How values are spelled in the run file's rows: shared by its writer and its readers."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.errors import RunFileError
from core.model import Budget, LabelMeaning, ModelSettings, Outcome, Task

PACE_SPAN_S = 5
"""Length of a slice of ``pace``."""

BAD_ANSWERS = (Outcome.INVALID.value, Outcome.EMPTY.value, Outcome.TRUNCATED.value)
"""Outcomes of calls that were answered, but not usably: each leads to a re-ask."""


def slice_of(now: float) -> int:
    """The start of the slice of ``pace`` that a moment lies in."""
    return int(now // PACE_SPAN_S) * PACE_SPAN_S


def worked_s(db: sqlite3.Connection) -> float:
    """Seconds in which a worker was at work: asking, or waiting for a quota."""
    return float(db.execute("SELECT count(*) FROM pace").fetchone()[0] * PACE_SPAN_S)


def budget_of(text: str | None) -> Budget:
    """The budget that a run's row keeps as JSON; without one, no cap."""
    return Budget(**json.loads(text)) if text else Budget()


def record(cursor: sqlite3.Cursor) -> dict[str, Any]:
    """The single row that the cursor yields, by column name."""
    names = [column[0] for column in cursor.description]
    row = cursor.fetchall()[0]
    return dict(zip(names, row, strict=True))


def task_to_definition(task: Task) -> str:
    """A task as the JSON that the run file keeps."""
    return json.dumps(asdict(task), ensure_ascii=False, sort_keys=True)


def definition_of(db: sqlite3.Connection, version: str, path: Path) -> str:
    """The JSON of one version of the task of the run at ``path``.

    Raises:
        RunFileError: the file has lost it.
    """
    row = db.execute("SELECT definition FROM task WHERE version = ?", (version,)).fetchone()
    if row is None:
        raise RunFileError(f"{path} has lost its task {version}.")
    return str(row[0])


def task_of(db: sqlite3.Connection, version: str, path: Path) -> Task:
    """One version of the task of the run at ``path``; raises RunFileError where the file has lost it."""
    return task_from_definition(definition_of(db, version, path))


def task_from_definition(text: str) -> Task:
    """The task that :func:`task_to_definition` wrote."""
    data: Mapping[str, Any] = json.loads(text)
    return Task(
        name=data["name"],
        labels=tuple(LabelMeaning(**label) for label in data["labels"]),
        rubric=data["rubric"],
        fields=tuple(data["fields"]),
        truncate_at=data["truncate_at"],
        max_reasks=data["max_reasks"],
        model=ModelSettings(**{**data["model"], "stop": tuple(data["model"].get("stop", ()))}),
        version=data["version"],
        item=data.get("item", "email"),  # as in files written before tasks had one
        judge=data.get("judge", "exact"),
    )
