"""Values that cross boundaries hold what is documented where nobody says otherwise."""

from __future__ import annotations

import importlib
import pkgutil
import signal
from dataclasses import MISSING, fields, is_dataclass, replace

import core.model
from core.model import Dimension, exits
from tests.tui.fakes import NOW, running

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


def test_a_quota_has_its_period_and_its_words() -> None:
    """A spent bucket refills in a minute or in a day, and holds requests or tokens."""
    assert {each.name: (each.period_s, each.words) for each in Dimension} == {
        "RPM": (60.0, "requests per minute"), "RPD": (86_400.0, "requests per day"),
        "TPM": (60.0, "tokens per minute"), "TPD": (86_400.0, "tokens per day"),
    }  # fmt: skip


def test_exit_codes_are_those_that_scripts_rely_on() -> None:
    """Each number stands in the guide; a shell adds the signal to 128."""
    codes = (exits.DONE, exits.FAILED, exits.USAGE, exits.EMAILS_FAILED, exits.BUSY, exits.NO_KEY, exits.STOPPED)
    assert (codes, exits.INTERRUPTED) == (tuple(range(7)), 128 + signal.SIGINT)


def test_the_age_of_a_heartbeat_is_that_at_the_moment_of_reading() -> None:
    """None where no worker ever wrote; a clock that was set back makes none negative."""
    snapshot = running(4, 2).snapshot(NOW)
    ages = [
        replace(snapshot, worker=replace(snapshot.worker, heartbeat_at=at)).heartbeat_age_s
        for at in (None, 0.0, NOW - 2.5, NOW + 3)
    ]
    assert ages == [None, NOW, 2.5, 0.0]
