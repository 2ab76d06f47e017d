"""Values that cross boundaries hold what is documented where nobody says otherwise."""

from __future__ import annotations

import importlib
import pkgutil
import signal
from dataclasses import MISSING, fields, is_dataclass, replace

import pytest

import core.model
from core.model import (
    LANES,
    LARGEST_PACK,
    MOST_BATCHES,
    MOST_EVER,
    MOST_IN_A_COMMAND,
    MOST_LINES,
    PACK_AUTO,
    BatchLimits,
    Budget,
    CommandRecord,
    Dimension,
    LaneChoice,
    LaneSpent,
    Usage,
    exits,
    orders_among,
)
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


def test_bounds_that_the_guide_states() -> None:
    """What one command can name, what a batch holds, how many calls and batches a person can choose, and packs."""
    assert (MOST_IN_A_COMMAND, MOST_LINES, MOST_BATCHES, MOST_EVER) == (50_000, 50_000, 200, 256)
    assert (LARGEST_PACK, PACK_AUTO, LANES) == (20, 0, ("live", "flex", "batch", "auto"))


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        (Budget(), "no cap"), (Budget(tokens=1_000_000), "1,000,000 tokens"), (Budget(money=2.5), "$2.50"), (Budget(hours=1.5), "1.5 hours of work"),
        (Budget(0, 0.0, 0.0), "0 tokens, $0.00, 0 hours of work"), (Budget(5, 1_000.0, 24.0), "5 tokens, $1,000.00, 24 hours of work"),
    ],
)  # fmt: skip
def test_a_budget_in_words_names_each_cap(budget: Budget, words: str) -> None:
    """A cap of nothing is one, too."""
    assert budget.words == words


@pytest.mark.parametrize(
    ("chosen", "limits"),
    [({}, (1_000, 8)), ({"size": 5}, (5, 8)), ({"most_open": 3}, (1_000, 3)), ({"size": 7, "most_open": 2}, (7, 2))],
)
def test_limits_of_batches_are_the_chosen_ones_or_the_usual(chosen: dict[str, int], limits: tuple[int, int]) -> None:
    """Those asked live first are no choice."""
    assert LaneChoice("batch", None, **chosen).limits(BatchLimits()) == BatchLimits(*limits, trial=100)


def test_sums_of_a_run_are_those_of_their_parts() -> None:
    """What is settled, what was called, how many tokens."""
    snapshot = replace(
        running(4, 2).snapshot(NOW), labeled=1, failed=20, skipped=300, attempts=50, packed=7, prompt_tokens=9,
        completion_tokens=4,
    )  # fmt: skip
    assert (snapshot.settled, snapshot.calls, snapshot.tokens) == (321, 43, 13)
    assert LaneSpent("live", {"answered": 3, "timeout": 4}, 0, 0).calls == 7
    assert [Usage(10, 4, 3).counted, Usage(3, 4, 10).counted, Usage(3).counted] == [11, 4, 3]


@pytest.mark.parametrize(("state", "waits"), [("packed", 1), ("sent", 1), ("gathering", 1), ("done", 0), ("void", 0)])
def test_emails_wait_for_a_batch_until_it_is_gathered(state: str, waits: int) -> None:
    """Neither for one that is done nor for one that will never be."""
    parcel = core.model.Parcel(
        1, "n", state, "k", "o", "m", "t", "24h", 0.0, None, None, None, "", 0, 0, 0, 0.0, None, None, None, None, None, ""
    )  # fmt: skip
    assert parcel.is_open is bool(waits)


def test_words_that_stand_for_a_value() -> None:
    """A command was refused by the beginning of its result; an email is named by what it has; notes are no orders."""
    results = ("not possible: no", "done", "it is not possible: no", "")
    assert [CommandRecord("1", "k", "", 0.0, None, result).refused for result in results] == [True, False, False, False]
    row = core.model.EmailRow(1, 1, "s", "", "", "", core.model.EmailState.PENDING, None, None, 0, None)
    names = [
        replace(row, subject=subject, opening=opening).named for subject, opening in (("a", "b"), ("", "b"), ("", ""))
    ]
    assert names == ["a", "b", "(no subject)"]
    assert orders_among("ignore cut role hidden charset") == ("ignore", "role")


def test_values_are_found_by_their_names_and_nothing_else_is() -> None:
    """Each name that is offered exists; a name of a module behind it is none of its own."""
    for name in core.model.__all__:
        assert getattr(core.model, name) is not None
    for name in ("StrEnum", "NoSuch"):
        with pytest.raises(AttributeError, match=f"module 'core.model' has no attribute '{name}'"):
            core.model.__getattr__(name)
