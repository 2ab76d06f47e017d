"""Hold what decides whether an action is possible: the screen, the newest view state, the item under the cursor."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.engine import Draft
from core.model import EmailRow, KeyStatus, RunSummary, Snapshot, TaskVersion


class Scope(StrEnum):
    """Name where actions belong: the screens that show them."""

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
    """Hold what decides whether an action is possible; ``pending`` has the kinds of commands without an acknowledgment.

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
