"""A tenth of the simulation suite, with limits as wide as its smaller numbers need."""

from __future__ import annotations

from statistics import fmean

import pytest

from tests.programs.truth import (
    canary_delays,
    coverage,
    false_alarms,
    false_canaries,
    share_delays,
    within,
    wrong_passes,
)


@pytest.fixture(scope="module")
def covered() -> dict[tuple[str, int], dict[str, float]]:
    """Coverage of a hundred audits of 100 in each population."""
    return coverage(60, sizes=(100,))


@pytest.mark.parametrize("figure", ["share", "accuracy", "recall", "precision"])
def test_intervals_cover_what_they_claim(covered: dict[tuple[str, int], dict[str, float]], figure: str) -> None:
    """95 % intervals hold the truth in 91 to 99 % of the audits over all populations, and nowhere in under 82 %."""
    held = covered[figure, 100]
    assert len(held) == 8
    assert 0.91 <= fmean(held.values()) <= 0.995
    assert min(held.values()) >= 0.82


@pytest.mark.parametrize("share", [0.02, 0.18, 0.5])
def test_healthy_runs_raise_no_alarm(share: float) -> None:
    """Of eight healthy runs of 5,000 asks at most one has an alarm, where one in a hundred is allowed."""
    assert sum(false_alarms(8, share).values()) <= 1


def test_healthy_canaries_raise_few_alarms() -> None:
    """Of 20 healthy runs of 5,000 asks with half a percent of noise none has an alarm of the canaries."""
    assert false_canaries(20, 0.005) == 0


def test_canaries_notice_a_collapse_within_sixty_asks() -> None:
    """A collapse to one label is noticed within 60 asks in each of 20 runs, and a fifth of flips within 300 in most."""
    assert within(canary_delays(20, "collapse", asks=2_100, collapsed=True), 60) == 1.0
    assert within(canary_delays(20, "flips", asks=2_400, differing=0.2), 300) >= 0.85


def test_a_vanished_label_is_noticed_by_its_run() -> None:
    """At 18 % a vanished minority is noticed within 100 asks in each of six runs."""
    assert within(share_delays(6, 0.18, 0.0), 100) == 1.0


def test_few_models_at_the_limit_pass_a_gate() -> None:
    """Of 2,000 models of exactly 90 % at most 3.5 % pass a gate of 90 %; most of 96 % do."""
    assert wrong_passes(2_000, 0.9, 0.9) <= 0.035
    assert wrong_passes(200, 0.96, 0.9) >= 0.85
