"""Hours of quota in seconds: whatever limit binds is used up, and nothing else is paid for it."""

from __future__ import annotations

import pytest

from tests.programs.virtual.catalog import DIMENSIONS, Expected, binding, founding, unruly
from tests.programs.virtual.harness import Outcome, simulate_run

UNRULY = unruly()
ELSEWHERE = ("large", "large-for-some", "outage", "outage-dropped")
MINUTES_LONG = (
    "headers-missing",
    "headers-missing-day",
    "headers-lying-day",
    "declared-apart",
    "declared-as-one-missing",
    "declared-as-one-lying",
    "declared-as-one-unequal",
    "declared-as-one-day",
    "declared-rightly-missing",
    "declared-rightly-lying",
    "declared-rightly-day",
    "shared-day",
    "tight",
)


def check(outcome: Outcome, expected: Expected) -> None:
    """What holds for every run."""
    assert not outcome.broken
    assert outcome.stuck == 0
    assert outcome.failed_for_quota == 0
    assert outcome.efficiency >= expected.least
    # A limit that no header shows has to be met once by each organization before it is known, and a refusal is all
    # that names a key's organization.
    known = len(expected.scenario.keys()) + 2
    assert outcome.self_inflicted_429s <= known + expected.refused_share * outcome.calls
    assert all("closing time" in end or end.startswith("done") for end in outcome.ends)


@pytest.mark.parametrize(
    ("dimension", "unequal"),
    [
        pytest.param(
            dimension,
            unequal,
            id=f"{'three' if unequal else 'one'}-{dimension}",
            marks=[] if unequal else [pytest.mark.slow],
        )
        for unequal in (False, True)
        for dimension in DIMENSIONS
    ],
)
def test_what_binds_is_used_up(dimension: str, *, unequal: bool) -> None:
    """98.5 % of what the binding limit allows becomes labels, with poisoned emails among them."""
    expected = binding(dimension, unequal=unequal)
    outcome = simulate_run(expected.scenario)
    check(outcome, expected)
    assert outcome.failed > 0
    assert outcome.burst <= 4 * len(expected.scenario.organizations)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name in MINUTES_LONG else [])
        for name in UNRULY
        if name not in ELSEWHERE
    ],
)
def test_the_unruly_world_stops_nothing(name: str) -> None:
    """Headers that are missing or lie, keys grouped wrongly, others who spend too: work goes on, near the quota."""
    check(simulate_run(UNRULY[name].scenario), UNRULY[name])


@pytest.mark.parametrize("name", ["outage", pytest.param("outage-dropped", marks=pytest.mark.slow)])
def test_an_outage_costs_its_time_and_no_email(name: str) -> None:
    """Ten minutes without an answer: a few probes, no failed email, and no rush afterwards."""
    expected = UNRULY[name]
    outcome = simulate_run(expected.scenario)
    check(outcome, expected)
    begin = expected.scenario.outages[0].start_s
    probes = sum(begin + 60 <= at < begin + 600 for at in outcome.traffic.sent_at)
    assert 5 <= probes <= 60
    after = [at for at in outcome.traffic.sent_at if at >= begin + 600]
    assert after[0] <= begin + 600 + 75
    assert outcome.burst <= 5 * len(expected.scenario.organizations)


@pytest.mark.parametrize("name", [pytest.param("large", marks=pytest.mark.slow), "large-for-some"])
def test_large_emails_neither_starve_nor_block(name: str) -> None:
    """An email of three quarters of a minute's tokens goes out within a few places of its turn; small ones go on."""
    expected = UNRULY[name]
    outcome = simulate_run(expected.scenario)
    check(outcome, expected)
    assert outcome.overtaken_most <= 60


@pytest.mark.slow
@pytest.mark.parametrize("plan", ["free", "article"])
def test_the_founding_run(plan: str) -> None:
    """5,028 emails on ten keys, to the end: within 1.5 % of the least time, and in well under two minutes here."""
    outcome = simulate_run(founding(plan))
    assert not outcome.broken
    assert outcome.labels + outcome.failed == 5_028
    assert outcome.stuck == outcome.failed_for_quota == 0
    assert outcome.efficiency >= 0.985
    assert outcome.self_inflicted_429s <= 0.005 * outcome.calls
    assert outcome.burst <= 20
    assert outcome.virtual_s >= (18 * 3_600 if plan == "free" else 3_600)
