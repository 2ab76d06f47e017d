"""Values that cross boundaries hold what is documented where nobody says otherwise."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import MISSING, fields, is_dataclass

import core.model

USUAL = {
    "Attempt.lane": "live", "View.parsed": True, "EmailRow.asked": True, "WindowStatus.speed": 1.0,
    "BatchLimits.size": 1_000, "BatchLimits.most_open": 8, "BatchLimits.trial": 100, "LaneChoice.lane": "live",
    "PlacesWanted.places": 2, "PlacesWanted.width": 16, "Snapshot.canaries": (0, 0),
    "ModelSettings.model": "openai/gpt-oss-20b", "ModelSettings.max_completion_tokens": 256,
    "ModelSettings.reasoning_effort": "low", "ModelSettings.timeout_s": 60.0,
    "Task.fields": ("from", "to", "subject", "date", "body"), "Task.truncate_at": 6_000, "Task.max_reasks": 2,
    "Task.item": "email", "Task.judge": "exact", "Task.canaries": 60, "Task.pack": 1, "Task.truncate_by": "characters",
    "Task.quoted": "keep", "TaskVersion.counted": True,
}  # fmt: skip
"""What a value holds unless it is told, by class and field; all others are nothing: 0, False, None, empty."""


def test_what_is_not_given_is_as_documented() -> None:
    """A number that changes here changes what a run costs or how it is asked, for everybody who named none."""
    found = {}
    for module in pkgutil.walk_packages(core.model.__path__, "core.model."):
        for name, kind in vars(importlib.import_module(module.name)).items():
            if isinstance(kind, type) and kind.__module__ == module.name:
                given = getattr(kind, "_field_defaults", {})
                if is_dataclass(kind):
                    given = {each.name: each.default for each in fields(kind) if each.default is not MISSING}
                found |= {f"{name}.{field}": value for field, value in given.items()}
    plain = (bool, int, float, str, tuple)
    assert {field: value for field, value in found.items() if value and isinstance(value, plain)} == USUAL
