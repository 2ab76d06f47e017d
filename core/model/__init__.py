"""The words that rooms share: values that cross a boundary, frozen, from the standard library alone.

Units stand at the end of a name: ``_s`` seconds, ``_at`` seconds since the epoch (UTC). Percentages are shares in
0..1 unless a name says otherwise. Nothing in here reads a clock, a disk or a network.
"""

from __future__ import annotations

from core.model.asking import AskKind, Attempt, ChatMessage, Outcome, PendingEmail, Reply, Settled, Usage, Verdict
from core.model.emails import (
    EmailRecord,
    EmailRow,
    EmailState,
    ExportRow,
    LabelRecord,
    LabelSource,
    NoteRecord,
    SourceEmail,
    Twin,
    UndoEntry,
    View,
)
from core.model.keys import (
    PROBED,
    Dimension,
    KeyHistory,
    KeySpend,
    KeyState,
    KeyStatus,
    KeyTrouble,
    WindowStatus,
)
from core.model.runs import (
    MOST_IN_A_WISH,
    Budget,
    CommandRecord,
    Forecast,
    Happening,
    PacePoint,
    Resumption,
    RunInfo,
    RunState,
    RunSummary,
    Snapshot,
    Wait,
    WorkerStatus,
)
from core.model.tasks import DryRunResult, LabelMeaning, ModelSettings, SampledEmail, Task, TaskVersion

__all__ = [
    "MOST_IN_A_WISH",
    "PROBED",
    "AskKind",
    "Attempt",
    "Budget",
    "ChatMessage",
    "CommandRecord",
    "Dimension",
    "DryRunResult",
    "EmailRecord",
    "EmailRow",
    "EmailState",
    "ExportRow",
    "Forecast",
    "Happening",
    "KeyHistory",
    "KeySpend",
    "KeyState",
    "KeyStatus",
    "KeyTrouble",
    "LabelMeaning",
    "LabelRecord",
    "LabelSource",
    "ModelSettings",
    "NoteRecord",
    "Outcome",
    "PacePoint",
    "PendingEmail",
    "Reply",
    "Resumption",
    "RunInfo",
    "RunState",
    "RunSummary",
    "SampledEmail",
    "Settled",
    "Snapshot",
    "SourceEmail",
    "Task",
    "TaskVersion",
    "Twin",
    "UndoEntry",
    "Usage",
    "Verdict",
    "View",
    "Wait",
    "WindowStatus",
    "WorkerStatus",
]  # fmt: skip
