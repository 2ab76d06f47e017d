"""Define the values that rooms share: frozen, and from the standard library alone.

Units stand at the end of a name: ``_s`` seconds, ``_at`` seconds since the epoch (UTC). Percentages are shares in
0..1 unless a name says otherwise. Nothing in here reads a clock, a disk or a network.

A module is imported when one of its names is first asked for: making all of these classes takes longer than
``labeltui --help`` may.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.model.asking import (
        AskKind,
        Attempt,
        ChatMessage,
        Outcome,
        PackPlace,
        PendingEmail,
        Reply,
        Settled,
        Usage,
        Verdict,
    )
    from core.model.emails import (
        NOTES,
        EmailRecord,
        EmailRow,
        EmailState,
        ExportRow,
        LabelRecord,
        LabelSource,
        LastChange,
        NoteRecord,
        SourceEmail,
        Twin,
        View,
        orders_among,
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
        LANES,
        MOST_BATCHES,
        MOST_EVER,
        MOST_IN_A_COMMAND,
        MOST_LINES,
        REFUSED,
        UNCHANGED,
        BatchLimits,
        Budget,
        CommandRecord,
        Forecast,
        Happening,
        LaneChoice,
        LaneSpent,
        PacePoint,
        Parcel,
        PlaceStatus,
        PlacesWanted,
        Resumption,
        RunInfo,
        RunState,
        RunSummary,
        Snapshot,
        Wait,
        WorkerStatus,
    )
    from core.model.tasks import (
        LARGEST_PACK,
        PACK_AUTO,
        DryRunResult,
        LabelMeaning,
        ModelSettings,
        SampledEmail,
        Task,
        TaskVersion,
    )

_MODULES = ("asking", "tasks", "keys", "emails", "runs")
"""Modules with these names, the cheapest to import first."""


def __getattr__(name: str) -> Any:
    """Return a value of one of the modules, and keep it as a name of this one."""
    if name in __all__:
        for module in _MODULES:
            found = getattr(import_module(f"{__name__}.{module}"), name, None)
            if found is not None:
                globals()[name] = found
                return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "LANES",
    "LARGEST_PACK",
    "MOST_BATCHES",
    "MOST_EVER",
    "MOST_IN_A_COMMAND",
    "MOST_LINES",
    "NOTES",
    "PACK_AUTO",
    "PROBED",
    "REFUSED",
    "UNCHANGED",
    "AskKind",
    "Attempt",
    "BatchLimits",
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
    "LaneChoice",
    "LaneSpent",
    "LastChange",
    "ModelSettings",
    "NoteRecord",
    "Outcome",
    "PacePoint",
    "PackPlace",
    "Parcel",
    "PendingEmail",
    "PlaceStatus",
    "PlacesWanted",
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
    "Usage",
    "Verdict",
    "View",
    "Wait",
    "WindowStatus",
    "WorkerStatus",
    "orders_among",
]  # fmt: skip
