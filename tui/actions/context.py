"""What an action's possibility depends on: the screen, the newest picture, what the cursor is on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.engine import Draft
from core.model import EmailRow, KeyStatus, RunSummary, Snapshot, TaskVersion


class Scope(StrEnum):
    """Where an action belongs: the screen that shows it."""

    RUNS = "Runs"
    MONITOR = "Monitor"
    EMAILS = "Texts"
    RECORD = "One text"
    BATCHES = "Batches"
    KEYS = "Keys"
    KEY = "One key"
    TASK = "Task"
    MESSAGES = "Messages"
    TRIAL = "Trial"
    HELP = "Help"
    INFO = "Info"
    GUIDE = "Guide"
    REVIEW = "Review"
    QUALITY = "Quality"
    COMPARE = "Compare"
    NEW_RUN = "New run"


Selected = RunSummary | EmailRow | KeyStatus | TaskVersion | None


@dataclass(frozen=True, slots=True)
class Context:
    """What possibility depends on. ``pending`` holds the kinds of commands that wait for their acknowledgment.

    ``beside`` says that a record is shown beside the list, ``width`` is the screen's, in cells.
    ``draft`` of the task is there or None; ``older_labels`` were given by another version than the active one.
    """

    scope: Scope
    snapshot: Snapshot | None = None
    selected: Selected = None
    pending: frozenset[str] = frozenset()
    has_run: bool = False
    read_only: bool = False
    marked: int = 0
    draft: Draft | None = None
    older_labels: int = 0
    no_color: bool = False
    held: bool = False
    beside: bool = False
    width: int = 0


Reason = str | None
"""Why something cannot be done now, as a sentence; None where it can."""
