"""Nothing grows: a short share of the soak, and what *flat* means."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.programs.soak.flat import Rule, judge, slope_per_h
from tests.programs.soak.virtual import RULES, soak

MINUTE = [60.0 * number for number in range(120)]


def test_an_hour_of_work_leaves_nothing_behind(tmp_path: Path) -> None:
    """Calls with faults, a pause, a key out and back: memory, files, threads, tasks and the WAL are as they were.

    An hour is too short for a slope of megabytes; objects, files, threads and tasks are counted, and stay.
    """
    samples, wrong = soak(1.25, tmp_path, calls_per_h=480, every_s=90.0, say=lambda _: None)
    assert wrong == []
    shorter = {
        "RSS": Rule("MB", rise=3.0),
        "objects": Rule("thousand", rise=1.5),
        "threads": Rule("threads", rise=0.0),  # other tests of this process have left theirs
        **{name: RULES[name] for name in ("fds", "asyncio tasks", "run's WAL")},
    }
    assert [finding.line() for finding in samples.findings(shorter) if finding.broken] == []


def test_a_leak_is_not_flat_and_one_odd_sample_is() -> None:
    """A robust slope shows a slow rise in noise, and does not fall for a spike."""
    noisy = [100.0 + (number * 7 % 5) / 10 for number in range(120)]
    rule = Rule("MB", slope_per_h=1.0)
    assert judge("RSS", MINUTE, noisy, rule).broken == ()
    assert judge("RSS", MINUTE, [*noisy[:100], 180.0, *noisy[101:]], rule).broken == ()
    leaking = [value + number * 0.05 for number, value in enumerate(noisy)]
    assert judge("RSS", MINUTE, leaking, rule).broken[0].startswith("slope 3.0")
    assert slope_per_h(MINUTE, leaking) == pytest.approx(3.0, abs=0.1)


@pytest.mark.parametrize(
    ("values", "broken"),
    [
        ([20.0] * 120, ""),
        ([20.0] * 100 + [21.0] * 20, "rise"),
        ([20.0] * 70 + [60.0] + [20.0] * 49, "most"),
        ([20.0] * 90 + [30.0, 20.0] * 15, "spread"),
    ],
)
def test_a_count_that_rises_or_leaps_is_not_flat(values: list[float], broken: str) -> None:
    """One file that stays open is enough, and so is a heap of them that goes again."""
    rule = Rule("fds", rise=0.0, ceiling=50)
    if broken == "spread":
        rule = replace(rule, spread=5.0)
    found = judge("fds", MINUTE, values, rule).broken
    assert ("".join(found)[: len(broken)], bool(found)) == (broken, bool(broken))


def test_a_soak_that_was_too_short_says_so() -> None:
    """Three samples prove nothing."""
    with pytest.raises(ValueError, match="let the soak run longer"):
        judge("RSS", [0.0, 1.0, 2.0], [1.0, 1.0, 1.0], Rule("MB", spread=1.0))
