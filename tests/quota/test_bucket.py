"""Headers that lie, limits that move, others who spend: what a single bucket makes of the evidence."""

from __future__ import annotations

import pytest

from core.model import Dimension
from core.quota.ledger.bucket import DISBELIEF_S, Bucket
from core.quota.ledger.levels import Level

NOW = 1_790_000_000.0
LIMIT = 8_000.0


def bucket(*, available: float = LIMIT, source: str = "headers") -> Bucket:
    return Bucket(Dimension.TPM, Level(LIMIT, available, NOW, source, NOW))


def call(target: Bucket, now: float, *, cost: float = 900, remaining: float) -> None:
    """One call on its own, admitted, with a header after it."""
    target.refill(now)
    target.take(cost)
    target.admitted()
    target.shown(remaining, remaining, remaining + 1, LIMIT - cost + 2)


def test_headers_that_always_show_nothing_are_ignored_after_five_calls() -> None:
    """Own counting takes over for an hour; then they are heard again."""
    target = bucket()
    for number in range(5):
        assert target.believes_headers(NOW + number)
        call(target, NOW + number, remaining=0)
    now = NOW + 4
    assert not target.believes_headers(now)
    assert target.level == target.own > 3_500
    assert target.believes_headers(now + DISBELIEF_S + 1)


def test_three_refusals_after_headers_had_raised_the_level_end_belief_in_them() -> None:
    """One or two can be another program's spending."""
    target = bucket(available=500)
    now = NOW
    for number in range(3):
        assert target.believes_headers(now), number
        now += 5.0
        call(target, now, cost=10, remaining=7_990)
        target.refused(100, 100)
    assert not target.believes_headers(now)
    target.shown(LIMIT, LIMIT, LIMIT, LIMIT)
    assert target.level < 1_000


def test_three_such_refusals_spread_over_hours_leave_belief() -> None:
    """Other programs that share the quota surprise now and then."""
    target = bucket(available=500)
    now = NOW
    for _ in range(6):
        now += DISBELIEF_S / 1.5
        target.take(7_000)
        call(target, now, cost=10, remaining=7_990)
        target.refused(100, 100)
    assert target.believes_headers(now)


@pytest.mark.parametrize(
    ("dimension", "later_s", "believes"),
    [
        (Dimension.TPM, 19.0, False),
        (Dimension.TPM, 21.0, True),
        (Dimension.TPD, 590.0, False),
        (Dimension.TPD, 610.0, True),
    ],
)
def test_a_refusal_contradicts_headers_only_soon_after_them(
    dimension: Dimension, later_s: float, believes: bool
) -> None:
    """Within a third of a minute's window, or ten minutes of a day's; later, time has changed the level."""
    target = Bucket(dimension, Level(LIMIT, 500, NOW, "headers", NOW))
    now = NOW
    for _ in range(3):
        now += 1.0
        call(target, now, cost=10, remaining=7_990)
        now += later_s
        target.refill(now)
        target.refused(100, 100)
    assert target.believes_headers(now) is believes


def test_a_limit_that_headers_show_again_ends_the_count_of_another() -> None:
    """Three in a row adopt it, with nothing else between."""
    target = bucket()
    shown = [(9_000, False), (9_000, False), (LIMIT, True), (9_000, False), (9_000, False), (9_000, True)]
    assert [target.limit_shown(limit) for limit, _ in shown] == [adopted for _, adopted in shown]
    assert target.limit == 9_000


def test_one_refusal_is_enough_where_headers_leave_out_their_own_call() -> None:
    """Everything left after a call that cost something: a refusal then shows that this was wrong."""
    target = bucket(available=500)
    now = NOW
    for _ in range(2):
        now += 5.0
        call(target, now, remaining=LIMIT)
    assert target.believes_headers(now)
    target.refused(100, 100)
    assert not target.believes_headers(now)


def test_true_headers_are_never_doubted_however_tight_the_quota() -> None:
    """A quota that is used to its last token by honest means contradicts nothing."""
    target = bucket()
    left, now = LIMIT, NOW
    for _ in range(500):
        wait_s = target.wait_s(900, 0.0, 900)
        now += wait_s + 0.5
        left = min(LIMIT, left + (wait_s + 0.5) * LIMIT / 60)
        assert left >= 900
        left -= 900
        call(target, now, remaining=left)
    assert target.believes_headers(now)
    assert target.level == pytest.approx(left, abs=2)


def test_what_others_spend_slows_the_reckoned_refill() -> None:
    """Repeated corrections downwards become a drift, which fades when they stop."""
    target = bucket()
    now, left = NOW, LIMIT
    for _ in range(40):
        now += 10.0
        left = min(LIMIT, left + LIMIT / 6) - 600 - 700
        target.refill(now)
        target.take(700)
        target.shown(left, left, left, LIMIT)
    assert 30 < target.drift < 90
    before = target.drift
    target.refill(now + 3_600)
    assert target.drift < before / 10


def test_refusals_grow_caution_and_admitted_calls_let_it_fade() -> None:
    """After a surprise more is kept free; hundreds of calls later it is nearly forgotten."""
    target = bucket()
    target.refused(500, 500)
    assert 0 < target.caution <= 4_000
    grown = target.caution
    for _ in range(2_000):
        target.admitted()
    assert target.caution < grown / 5


def test_stated_waits_that_are_too_short_do_not_make_a_bucket_fast_for_good() -> None:
    """A speed that only refusals follow from is given up again."""
    target = bucket(available=0, source="429")
    now = NOW
    for _ in range(10):
        target.rate_implied(LIMIT / 60 * 10)
        now += 10.0
        target.refill(now)
        target.refused(1_000, 1_000)
        target.take(1_000)
    assert target.speed == 1.0


def test_the_third_refusal_that_comes_too_early_ends_a_speed() -> None:
    """Two are borne; after three no stated wait makes the bucket fast again."""
    target = bucket(available=0, source="429")
    for _ in range(3):
        target.rate_implied(LIMIT / 60 * 10)
    speeds, now = [target.speed], NOW
    for _ in range(5):
        now += 2.0
        target.refill(now)
        target.refused(0, 0)
        speeds.append(target.speed)
    target.rate_implied(LIMIT / 60 * 10)
    fast = pytest.approx(10.0)
    assert [*speeds, target.speed] == [fast, fast, fast, fast, 1.0, 1.0, 1.0], "the first refusal has nothing before it"


def test_rounding_in_stated_waits_does_not_change_the_speed() -> None:
    """Reports near the nominal rate leave it, and so does a single odd one."""
    target = bucket()
    for factor in (0.8, 1.3, 2.0, 1.0, 1.4):
        target.rate_implied(LIMIT / 60 * factor)
        assert target.speed == 1.0


@pytest.mark.parametrize(("missing", "drift"), [(120.0, 0.5), (1_200.0, 5.0), (7_000.0, 29.1667)])
def test_what_others_spend_is_taken_in_by_a_quarter(missing: float, drift: float) -> None:
    """Of what is missing for each second since the evidence before."""
    target = bucket(available=LIMIT)
    target.shown(LIMIT, LIMIT, LIMIT, LIMIT)
    target.refill(NOW + 60)
    target.shown(LIMIT - missing, LIMIT - missing, LIMIT - missing, LIMIT)
    assert target.drift == pytest.approx(drift, rel=1e-3)
