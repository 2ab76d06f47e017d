"""Headers that lie, limits that move, others who spend: what a single bucket makes of the evidence."""

from __future__ import annotations

import pytest

from core.model import Dimension
from core.quota.ledger.bucket import Bucket
from core.quota.ledger.header_trust import DISTRUST_S
from core.quota.ledger.levels import Level

NOW = 1_790_000_000.0


def bucket(*, available: float = 8_000, source: str = "headers") -> Bucket:
    return Bucket(Dimension.TPM, Level(8_000, available, NOW, source, NOW))


def call(target: Bucket, now: float, *, cost: float = 900, remaining: float | None = None) -> None:
    """One call on its own, admitted, with a header after it."""
    target.refill(now)
    target.reserve(cost)
    target.admitted(cost, cost, now)
    if remaining is not None:
        target.shown(remaining, remaining + 1, remaining + 1)


def test_headers_that_always_show_nothing_are_found_out() -> None:
    """Now and then a call goes out against them; once enough were admitted, own reckoning takes over for an hour."""
    target = bucket()
    now, asked_early = NOW, 0
    while target.trust.believed(now) and now < NOW + 3_600:
        now += 1.0
        target.refill(now)
        if target.wait_s(900, 0.0, 900) == 0:
            asked_early += target.level < 900
            call(target, now, remaining=0)
    assert not target.trust.believed(now)
    assert now < NOW + 400
    assert asked_early >= 3
    assert target.level == target.own > 0
    assert target.trust.believed(now + DISTRUST_S + 1)


def test_headers_that_always_show_everything_are_found_out() -> None:
    """Refusals just after a header had raised the level cost it its belief."""
    target = bucket(available=500)
    now = NOW
    for _ in range(3):
        now += 5.0
        call(target, now, cost=10, remaining=8_000)
        target.refused(100, 100, 100)
    assert not target.trust.believed(now)
    target.shown(8_000, 8_000, 8_000)
    assert target.level < 1_000


def test_one_refusal_is_enough_where_headers_leave_out_their_own_call() -> None:
    """Everything left after a call that cost something: a refusal then tells that this was a lie."""
    target = bucket(available=500)
    now = NOW
    for _ in range(2):
        now += 5.0
        call(target, now, remaining=8_000)
        target.trust.came_with(900, 8_000, 80, 8_000)
    assert target.trust.believed(now)
    target.refused(100, 100, 100)
    assert not target.trust.believed(now)


def test_a_header_of_nothing_excuses_no_call_of_an_audit() -> None:
    """It says each time that all is used; what was let through in between says otherwise, however fast it refills."""
    target = Bucket(Dimension.TPM, Level(250_000, 250_000, NOW, "headers", NOW))
    now = NOW
    for _ in range(3):
        target.shown(0, 1, 1, empty=True)
        target.trust.audit(now)
        for _ in range(60):
            now += 0.1
            target.refill(now)
            target.admitted(900, 900, now)
            target.shown(-6_000, 1, 1, empty=True)
        now += 30.0
        target.refill(now)
    assert not target.trust.believed(now)


def test_true_headers_are_never_doubted_however_tight_the_quota() -> None:
    """A quota that is used to its last token by honest means contradicts nothing."""
    target = bucket()
    left, now = 8_000.0, NOW
    for _ in range(500):
        wait_s = target.wait_s(900, 0.0, 900)
        now += wait_s + 0.5
        left = min(8_000.0, left + (wait_s + 0.5) * 8_000 / 60)
        assert left >= 900
        left -= 900
        call(target, now, remaining=left)
    assert target.trust.believed(now)
    assert target.level == pytest.approx(left, abs=2)


def test_an_audit_of_true_headers_costs_one_refusal_and_then_ever_fewer() -> None:
    """Where the headers are right, own reckoning is put right, and the next test comes later."""
    target = bucket()
    now, refusals = NOW, []
    while now < NOW + 8 * 3_600:
        now += 5.0
        target.refill(now)
        target.shown(0, 1, 1)  # another program takes every token at once
        if target.wait_s(900, 0.0, 900) == 0:
            target.reserve(900)
            target.take(-900)
            target.refused(0, 0, 0)
            refusals.append(now)
    assert target.trust.believed(now)
    assert 3 <= len(refusals) <= 12
    assert refusals[-1] - refusals[-2] > 2 * (refusals[1] - refusals[0])


def test_a_header_limit_smaller_than_an_admitted_call_is_disproved() -> None:
    """A limit that cannot be true is not kept."""
    target = bucket()
    target.admitted(20_000, 20_000, NOW)
    assert target.trust.limit_disproved
    assert not target.trust.believed(NOW)


def test_what_others_spend_slows_the_reckoned_refill() -> None:
    """Repeated corrections downwards become a drift, which fades when they stop."""
    target = bucket()
    now, left = NOW, 8_000.0
    for _ in range(40):
        now += 10.0
        left = min(8_000, left + 8_000 / 6) - 600 - 700
        target.refill(now)
        target.take(700)
        target.shown(left, left, 8_000)
    assert 30 < target.drift < 90
    before = target.drift
    target.refill(now + 3_600)
    assert target.drift < before / 10


def test_refusals_grow_caution_and_admitted_calls_let_it_fade() -> None:
    """After a surprise more is kept free; hundreds of calls later it is nearly forgotten."""
    target = bucket()
    target.refused(500, 500, 500)
    assert 0 < target.caution <= 4_000
    grown = target.caution
    target.take(-7_500)
    for _ in range(2_000):
        target.admitted(0, 0, NOW)
    assert target.caution < grown / 5


def test_told_waits_that_are_too_short_do_not_make_a_bucket_fast_for_good() -> None:
    """A speed that only refusals follow from is given up again."""
    target = bucket(available=0, source="429")
    now = NOW
    for _ in range(10):
        target.rate_implied(8_000 / 60 * 10)
        now += 10.0
        target.refill(now)
        target.refused(1_000, 1_000, 1_000)
        target.take(1_000)
    assert target.speed == 1.0


def test_rounding_in_told_waits_does_not_change_the_speed() -> None:
    """Reports near the nominal rate leave it, and so does a single odd one."""
    target = bucket()
    for factor in (0.8, 1.3, 2.0, 1.0, 1.4):
        target.rate_implied(8_000 / 60 * factor)
        assert target.speed == 1.0
