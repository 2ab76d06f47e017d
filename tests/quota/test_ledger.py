"""The ledger against a server's buckets: learning, spending, waiting, correcting, merging, and clocks that jump."""

from __future__ import annotations

import math
from copy import copy
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.model import Dimension
from core.quota.ledger.account import Reservation
from core.quota.ledger.ledger import Ledger
from core.quota.ledger.levels import Level, merged
from core.quota.ledger.replies import RateLimitText, Reading, rate_limit_text

NOW = 1_790_000_000.0
ORG, MODEL = "org_1", "m"
FREE: dict[Dimension, float | None] = {
    Dimension.RPM: 30,
    Dimension.RPD: 1_000,
    Dimension.TPM: 8_000,
    Dimension.TPD: 200_000,
}


def ledger_with(limits: dict[Dimension, float | None], *, now: float = NOW) -> Ledger:
    ledger = Ledger()
    ledger.state_limits(ORG, MODEL, limits, "operator", now)
    return ledger


def available(ledger: Ledger, dimension: Dimension, now: float) -> float:
    return next(each.available for each in ledger.status(now) if each.dimension is dimension)


def refusal(dimension: Dimension, limit: int, used: int, requested: int) -> RateLimitText:
    wait_s = max(0.0, (used + requested - limit) * dimension.period_s / limit)
    text = rate_limit_text(
        f"Rate limit reached for model `m` in organization `org_1` on {dimension.words} ({dimension}): "
        f"Limit {limit}, Used {used}, Requested {requested}. Please try again in {wait_s:.3f}s."
    )
    assert text is not None
    return text


def test_what_is_not_known_limits_nothing() -> None:
    """Without any limit a call of any size fits at once."""
    assert Ledger().wait_until(ORG, MODEL, 1e9, NOW).at == NOW


@pytest.mark.parametrize(
    ("dimension", "limit", "calls", "wait_s"),
    [
        (Dimension.RPM, 30, 30, 2.0),
        (Dimension.RPD, 1_000, 1_000, 86.4),
        (Dimension.TPM, 6_000, 10, 6.0),
        (Dimension.TPD, 6_000, 10, 8_640.0),
    ],
)
def test_a_spent_window_opens_when_enough_has_refilled(
    dimension: Dimension, limit: float, calls: int, wait_s: float
) -> None:
    """Each window refills continuously: the wait is what is missing divided by limit over period."""
    ledger = ledger_with({dimension: limit})
    for _ in range(calls):
        assert ledger.wait_until(ORG, MODEL, 600, NOW).at == NOW
        ledger.reserve(ORG, MODEL, 600, NOW)
    opening = ledger.wait_until(ORG, MODEL, 600, NOW)
    assert opening.at - NOW == pytest.approx(wait_s)
    assert opening.limit == dimension.value
    assert ledger.wait_until(ORG, MODEL, 600, NOW + wait_s + 1e-6).at == NOW + wait_s + 1e-6


def test_the_longest_wait_names_the_limit() -> None:
    """Where several windows are short, the one that opens last is named."""
    ledger = ledger_with({Dimension.RPM: 2, Dimension.TPD: 1_000})
    for _ in range(2):
        ledger.reserve(ORG, MODEL, 500, NOW)
    assert ledger.wait_until(ORG, MODEL, 500, NOW).limit == "TPD"


def test_a_small_call_fits_before_a_large_one() -> None:
    """The earliest moment is that of this call's size."""
    ledger = ledger_with({Dimension.TPM: 6_000})
    ledger.reserve(ORG, MODEL, 5_500, NOW)
    assert ledger.wait_until(ORG, MODEL, 400, NOW).at == NOW
    assert ledger.wait_until(ORG, MODEL, 1_500, NOW).at == pytest.approx(NOW + 10)


def test_a_call_larger_than_a_stated_limit_never_fits() -> None:
    """The wait is infinite where the limit is known from the operator or a refusal."""
    opening = ledger_with({Dimension.TPM: 6_000}).wait_until(ORG, MODEL, 7_000, NOW)
    assert math.isinf(opening.at)
    assert opening.limit == "TPM"


def test_a_limit_that_one_refusal_stated_is_tried_again_after_an_hour() -> None:
    """Until then larger calls wait for ever; afterwards one goes out, and the server decides."""
    ledger = Ledger()
    ledger.refused(ledger.reserve(ORG, MODEL, 700, NOW), refusal(Dimension.TPM, 10, 0, 700), NOW)
    ledger.settle(ledger.reserve(ORG, MODEL, 5, NOW), 5, [], NOW)
    assert math.isinf(ledger.wait_until(ORG, MODEL, 700, NOW + 3_500).at)
    assert ledger.wait_until(ORG, MODEL, 700, NOW + 3_700).at == pytest.approx(NOW + 3_700)


def test_a_stated_limit_below_what_passed_is_ignored() -> None:
    """A call of 900 tokens was let through, so a limit of 10 cannot be true."""
    ledger = Ledger()
    ledger.settle(ledger.reserve(ORG, MODEL, 900, NOW), 900, [], NOW)
    ledger.refused(ledger.reserve(ORG, MODEL, 700, NOW), refusal(Dimension.TPM, 10, 0, 700), NOW + 1)
    assert ledger.wait_until(ORG, MODEL, 700, NOW + 2).at == NOW + 2
    ledger.settle(ledger.reserve(ORG, MODEL, 5, NOW + 2), 5, [], NOW + 2)  # a small call takes nothing of that back
    account = ledger.account(ORG, MODEL)
    assert [account.let_pass(10, NOW + after_s) for after_s in (3_600, 3_601)] == [True, False]


def test_a_stated_limit_ends_when_a_larger_call_passes() -> None:
    """Two calls were out: one was refused with a tiny limit, the other answered."""
    ledger = Ledger()
    refused, answered = ledger.reserve(ORG, MODEL, 700, NOW), ledger.reserve(ORG, MODEL, 700, NOW)
    ledger.refused(refused, refusal(Dimension.TPM, 10, 0, 700), NOW + 1)
    ledger.settle(answered, 700, [], NOW + 2)
    assert ledger.wait_until(ORG, MODEL, 700, NOW + 2).at == NOW + 2


def test_a_stated_limit_rules_nothing_out_before_a_call_has_passed_under_it() -> None:
    """One refusal with a tiny limit lets the next email be asked; a smaller call that passes makes the limit count."""
    ledger = Ledger()
    ledger.refused(ledger.reserve(ORG, MODEL, 700, NOW), refusal(Dimension.TPM, 300, 0, 700), NOW)
    assert ledger.wait_until(ORG, MODEL, 700, NOW + 60).at == NOW + 60
    ledger.settle(ledger.reserve(ORG, MODEL, 200, NOW + 60), 200, [], NOW + 61)
    assert math.isinf(ledger.wait_until(ORG, MODEL, 700, NOW + 120).at)


def test_a_limit_of_the_operator_stays_whatever_passes() -> None:
    """A call that cost more than it says does not take it away."""
    ledger = ledger_with({Dimension.TPM: 600})
    ledger.settle(ledger.reserve(ORG, MODEL, 600, NOW), 900, [], NOW)
    assert math.isinf(ledger.wait_until(ORG, MODEL, 700, NOW + 1).at)


def test_a_limit_from_headers_alone_rules_nothing_out() -> None:
    """A call larger than a header's limit waits for a full bucket and lets the server decide."""
    ledger = Ledger()
    reservation = ledger.reserve(ORG, MODEL, 500, NOW)
    ledger.settle(reservation, 500, [Reading(Dimension.TPM, 6_000, 5_500)], NOW)
    assert ledger.wait_until(ORG, MODEL, 7_000, NOW).at == pytest.approx(NOW + 5, abs=0.1)


def test_settling_gives_back_what_was_not_used() -> None:
    """Reserved tokens are replaced by those that count."""
    ledger = ledger_with({Dimension.TPM: 6_000, Dimension.RPM: 30})
    reservation = ledger.reserve(ORG, MODEL, 1_200, NOW)
    assert available(ledger, Dimension.TPM, NOW) == 4_800
    ledger.settle(reservation, 900, [], NOW)
    assert available(ledger, Dimension.TPM, NOW) == 5_100
    assert available(ledger, Dimension.RPM, NOW) == 29


def test_releasing_gives_everything_back() -> None:
    """A refused call takes no token and no request."""
    ledger = ledger_with(FREE)
    ledger.release(ledger.reserve(ORG, MODEL, 1_200, NOW), NOW)
    assert all(each.available == each.limit for each in ledger.status(NOW))


def test_every_window_is_learned_from_a_refusal() -> None:
    """RPM, RPD, TPM and TPD come to be known with limit and level."""
    for dimension, used, requested in (
        (Dimension.RPM, 30, 1),
        (Dimension.RPD, 1_000, 1),
        (Dimension.TPM, 7_900, 900),
        (Dimension.TPD, 199_500, 900),
    ):
        ledger = Ledger()
        limit = int(FREE[dimension] or 0)
        reservation = ledger.reserve(ORG, MODEL, 900, NOW)
        assert ledger.refused(reservation, refusal(dimension, limit, used, requested), NOW) is dimension
        window = ledger.status(NOW)[0]
        assert (window.dimension, window.limit, window.source) == (dimension, limit, "429")
        assert window.available == limit - used


def test_headers_teach_requests_of_the_day_and_tokens_of_the_minute() -> None:
    """The first answer makes both windows known."""
    ledger = Ledger()
    reservation = ledger.reserve(ORG, MODEL, 1_156, NOW)
    shown = [Reading(Dimension.RPD, 1_000, 999), Reading(Dimension.TPM, 8_000, 7_060)]
    ledger.settle(reservation, 940, shown, NOW + 1)
    assert available(ledger, Dimension.RPD, NOW + 1) == 999
    assert available(ledger, Dimension.TPM, NOW + 1) == 7_060


def test_another_program_spending_is_noticed_at_once() -> None:
    """A header that shows less than was estimated pulls the level down."""
    ledger = ledger_with({Dimension.TPM: 8_000})
    reservation = ledger.reserve(ORG, MODEL, 1_156, NOW)
    ledger.settle(reservation, 900, [Reading(Dimension.TPM, 8_000, 2_000)], NOW + 1)
    assert available(ledger, Dimension.TPM, NOW + 1) <= 2_000 + 256 + 8_000 / 60 + 1


def test_a_level_reckoned_too_low_is_raised_carefully() -> None:
    """Calls that may not have reached the server yet are taken off before a header raises the level."""
    ledger = ledger_with({Dimension.TPM: 8_000})
    for _ in range(7):
        ledger.settle(ledger.reserve(ORG, MODEL, 1_000, NOW), None, [], NOW)  # reckoned, but never counted
    first = ledger.reserve(ORG, MODEL, 500, NOW)
    ledger.reserve(ORG, MODEL, 500, NOW)
    ledger.settle(first, 500, [Reading(Dimension.TPM, 8_000, 7_500)], NOW)
    assert available(ledger, Dimension.TPM, NOW) == 7_000


def test_calls_in_flight_do_not_count_twice() -> None:
    """A header that already includes the other calls in flight changes nothing."""
    ledger = ledger_with({Dimension.TPM: 8_000})
    others = [ledger.reserve(ORG, MODEL, 1_000, NOW) for _ in range(3)]
    last = ledger.reserve(ORG, MODEL, 1_000, NOW)
    ledger.settle(last, 1_000, [Reading(Dimension.TPM, 8_000, 4_000)], NOW)
    assert available(ledger, Dimension.TPM, NOW) == 4_000
    for other in others:
        ledger.settle(other, 1_000, [], NOW)
    assert available(ledger, Dimension.TPM, NOW) == 4_000


def test_a_changed_limit_is_adopted_when_headers_repeat_it() -> None:
    """One odd header changes nothing; a new plan's limit is shown again and again."""
    ledger = Ledger()
    for number, limit in enumerate((8_000, 250_000, 8_000, 8_000, 250_000, 250_000, 250_000)):
        reservation = ledger.reserve(ORG, MODEL, 100, NOW + number)
        ledger.settle(reservation, 100, [Reading(Dimension.TPM, limit, limit - 100)], NOW + number)
        assert ledger.status(NOW)[0].limit == (250_000 if number == 6 else 8_000)


def test_a_refusal_corrects_a_limit_at_once() -> None:
    """What a refusal states outweighs the operator."""
    ledger = ledger_with({Dimension.TPM: 8_000})
    reservation = ledger.reserve(ORG, MODEL, 900, NOW)
    ledger.refused(reservation, refusal(Dimension.TPM, 6_000, 5_900, 900), NOW)
    window = ledger.status(NOW)[0]
    assert (window.limit, window.source) == (6_000, "429")
    assert window.available == pytest.approx(100, abs=1)


def test_a_bench_holds_everybody_until_it_ends() -> None:
    """Nobody asks before the stated moment, and a shorter bench does not cut it."""
    ledger = ledger_with({Dimension.TPM: 8_000})
    ledger.bench(ORG, MODEL, NOW + 40, "TPD", "waits for tokens per day", NOW)
    ledger.bench(ORG, MODEL, NOW + 5, "RPM", "waits for requests per minute", NOW)
    opening = ledger.wait_until(ORG, MODEL, 10, NOW + 1)
    assert (opening.at, opening.limit) == (NOW + 40, "TPD")
    assert ledger.wait_until(ORG, MODEL, 10, NOW + 40).at == NOW + 40
    assert ledger.wait_until("another", MODEL, 10, NOW + 1).at == NOW + 1


def test_a_stated_wait_holds_for_one_call() -> None:
    """After the stated wait one call that is surely no larger may go out, and no second one."""
    ledger = Ledger()
    reservation = ledger.reserve(ORG, MODEL, 900, NOW)
    ledger.refused(reservation, refusal(Dimension.TPD, 200_000, 199_500, 1_200), NOW)
    told = NOW + 700 * 86_400 / 200_000
    assert ledger.wait_until(ORG, MODEL, 900, NOW, margin=300).at == pytest.approx(told, abs=0.01)
    ledger.reserve(ORG, MODEL, 900, told + 0.01)
    assert ledger.wait_until(ORG, MODEL, 900, told + 0.02, margin=300).at > told + 300


def test_a_stated_wait_opens_no_earlier_than_now_and_no_later_than_counted() -> None:
    """A wait that was over long ago is none; a window that refills before the stated wait opens when it has."""
    ledger = Ledger()
    reservation = ledger.reserve(ORG, MODEL, 900, NOW)
    ledger.refused(reservation, refusal(Dimension.TPD, 200_000, 199_500, 1_200), NOW)
    told = NOW + 700 * 86_400 / 200_000
    late = ledger.wait_until(ORG, MODEL, 900, told + 5.0, margin=300)
    assert late.at == told + 5.0
    counted = ledger.wait_until(ORG, MODEL, 100, NOW, margin=0)
    assert NOW <= counted.at <= told


def test_a_stated_wait_does_not_hold_for_what_may_be_larger() -> None:
    """Another call waits for its margin too, unless the server has said that it fits."""
    ledger = Ledger()
    reservation = ledger.reserve(ORG, MODEL, 900, NOW)
    ledger.refused(reservation, refusal(Dimension.TPD, 200_000, 199_500, 900), NOW)
    told = NOW + 400 * 86_400 / 200_000
    assert ledger.wait_until(ORG, MODEL, 850, NOW, margin=300).at > told + 60
    assert ledger.wait_until(ORG, MODEL, 850, NOW, margin=40).at <= told + 0.01


def test_while_the_limit_of_requests_is_unknown_few_calls_are_out() -> None:
    """One until the first answer, one more for every sixteen; once a refusal told the limit, as many as fit."""
    ledger = Ledger()
    account = ledger.account(ORG, MODEL)
    assert account.calls_at_once() == 1
    for number in range(32):
        ledger.settle(ledger.reserve(ORG, MODEL, 900, NOW + number), 700, (), NOW + number + 0.5)
    assert account.calls_at_once() == 3
    ledger.refused(ledger.reserve(ORG, MODEL, 900, NOW + 40), refusal(Dimension.RPM, 30, 30, 1), NOW + 40)
    assert math.isinf(account.calls_at_once())


def test_accounts_that_turn_out_to_be_one_drop_what_others_spent() -> None:
    """Each had taken the other for another program: merged, that is nobody's spending any more."""
    ledger = ledger_with({Dimension.TPM: 6_000})
    ledger.account(ORG, MODEL).buckets[Dimension.TPM].drift = 30.0
    ledger.state_limits("(b)", MODEL, {Dimension.TPM: 6_000}, "operator", NOW)
    ledger.rename("(b)", ORG, NOW)
    assert ledger.account(ORG, MODEL).buckets[Dimension.TPM].drift == 0


def test_a_clock_that_goes_back_keeps_levels_and_moves_benches() -> None:
    """Nothing refills while the clock catches up a second time, and a bench lasts as long as it was stated."""
    ledger = ledger_with({Dimension.TPM: 6_000})
    ledger.reserve(ORG, MODEL, 6_000, NOW)
    ledger.bench(ORG, MODEL, NOW + 60, "TPM", "waits", NOW)
    assert available(ledger, Dimension.TPM, NOW - 3_600) == 0
    assert ledger.wait_until(ORG, MODEL, 10, NOW - 3_600).at == pytest.approx(NOW - 3_540)
    assert available(ledger, Dimension.TPM, NOW - 3_570) == 3_000


def test_a_suspended_laptop_fills_buckets_to_their_limit_at_most() -> None:
    """A leap of a week refills everything, once."""
    ledger = ledger_with(FREE)
    for _ in range(5):
        ledger.reserve(ORG, MODEL, 1_000, NOW)
    assert all(each.available == each.limit for each in ledger.status(NOW + 7 * 86_400))


def test_two_accounts_that_are_one_are_merged() -> None:
    """Assumed levels miss each other's spending, so it adds up; calls in flight find their way."""
    ledger = Ledger()
    for name in ("(a)", "(b)"):
        ledger.state_limits(name, MODEL, {Dimension.TPD: 10_000}, "operator", NOW)
    flying = ledger.reserve("(a)", MODEL, 1_000, NOW)
    ledger.settle(ledger.reserve("(b)", MODEL, 2_000, NOW), None, [], NOW)
    ledger.rename("(a)", ORG, NOW)
    ledger.rename("(b)", ORG, NOW)
    assert available(ledger, Dimension.TPD, NOW) == pytest.approx(10_000 - 3_000 - 1_000)
    ledger.settle(flying, 400, [], NOW)
    assert available(ledger, Dimension.TPD, NOW) == pytest.approx(6_600)
    assert {each.organization for each in ledger.status(NOW)} == {ORG}


def test_vouched_levels_are_not_added_up() -> None:
    """Two levels read from headers include each other's spending: the lower one holds."""
    ledger = Ledger()
    for name, left in (("(a)", 3_000), ("(b)", 2_500)):
        reservation = ledger.reserve(name, MODEL, 500, NOW)
        ledger.settle(reservation, 500, [Reading(Dimension.TPM, 8_000, left)], NOW)
    ledger.rename("(a)", ORG, NOW)
    ledger.rename("(b)", ORG, NOW)
    assert available(ledger, Dimension.TPM, NOW) == 2_500


@pytest.mark.parametrize("turned", [False, True])
def test_two_accounts_that_are_one_keep_the_limit_that_was_learned_last(turned: bool) -> None:
    """With what both spent of it, whichever of them is the other's."""
    old = Level(8_000.0, 5_000.0, NOW, "assumed", learned_at=NOW - 60.0, drift=3.0)
    new = Level(6_000.0, 5_500.0, NOW, "headers", learned_at=NOW, caution=9.0)
    pair = ({Dimension.TPM: old}, {Dimension.TPM: new})
    found = merged(*reversed(pair)) if turned else merged(*pair)
    assert found == {Dimension.TPM: Level(6_000.0, 2_500.0, NOW, "headers", learned_at=NOW)}


def test_a_server_in_fast_motion_is_recognized_by_its_stated_waits() -> None:
    """Told waits that are sixty times too short make the bucket refill so much faster."""
    ledger = Ledger()
    text = rate_limit_text(
        "Rate limit reached for model `m` in organization `o` on tokens per minute (TPM): Limit 8000, Used 7900, "
        "Requested 900. Please try again in 100ms."
    )
    assert text is not None
    ledger.refused(ledger.reserve(ORG, MODEL, 900, NOW), text, NOW)
    assert available(ledger, Dimension.TPM, NOW + 0.5) == pytest.approx(4_100)


@dataclass
class Reference:
    """A server's bucket, as simple as can be."""

    limit: float
    period_s: float
    level: float = field(init=False)
    at: float = NOW

    def __post_init__(self) -> None:
        self.level = self.limit

    def spend(self, amount: float, now: float) -> bool:
        self.level = min(self.limit, self.level + max(0.0, now - self.at) * self.limit / self.period_s)
        self.at = now
        if amount > self.level + 0.01:  # the clock's grain is a quarter of a microsecond
            return False
        self.level -= amount
        return True


STEPS = st.lists(st.tuples(st.floats(0.0, 400.0), st.integers(50, 3_000), st.floats(0.3, 1.0)), max_size=60)


@settings(deadline=None)
@given(STEPS, st.sampled_from([(30.0, 8_000.0), (5.0, 20_000.0), (100.0, 3_000.0)]))
def test_whoever_waits_as_stated_is_never_refused(
    steps: list[tuple[float, int, float]], limits: tuple[float, float]
) -> None:
    """With known limits and exact estimates the ledger agrees with the server's buckets at every moment."""
    rpm, tpm = limits
    ledger = ledger_with({Dimension.RPM: rpm, Dimension.TPM: tpm})
    requests, tokens = Reference(rpm, 60.0), Reference(tpm, 60.0)
    now = NOW
    for pause_s, size, used_share in steps:
        size = min(size, int(tpm))  # noqa: PLW2901
        now += pause_s
        now = max(now, ledger.wait_until(ORG, MODEL, size, now).at)
        reservation = ledger.reserve(ORG, MODEL, size, now)
        assert tokens.spend(size, now)
        assert requests.spend(1.0, now)
        cost = size * used_share
        tokens.spend(cost - size, now)
        ledger.settle(reservation, cost, [], now)
        assert available(ledger, Dimension.TPM, now) == pytest.approx(min(tokens.level, tpm), abs=1e-3)


@settings(deadline=None)
@given(STEPS)
def test_the_ledger_wastes_nothing(steps: list[tuple[float, int, float]]) -> None:
    """Just before the stated moment the server would indeed have refused."""
    ledger = ledger_with({Dimension.TPM: 8_000})
    tokens = Reference(8_000, 60.0)
    now = NOW
    for pause_s, size, _ in steps:
        now += pause_s / 40
        opening = ledger.wait_until(ORG, MODEL, size, now)
        if opening.at > now + 0.01:
            assert not copy(tokens).spend(size, opening.at - 0.01)
        now = max(now, opening.at)
        ledger.settle(ledger.reserve(ORG, MODEL, size, now), None, [], now)
        assert tokens.spend(size, now)


READINGS = st.lists(
    st.tuples(
        st.floats(-600.0, 4_000.0),
        st.floats(1.0, 5_000.0),
        st.floats(0.0, 6_000.0),
        st.one_of(st.none(), st.floats(1.0, 1e9)),
        st.floats(0.0, 1e9),
        st.sampled_from(["settle", "release", "refuse", "keep"]),
    ),
    max_size=40,
)


@settings(deadline=None, max_examples=200)
@given(READINGS)
def test_no_reply_and_no_clock_can_break_the_ledger(
    steps: list[tuple[float, float, float, float | None, float, str]],
) -> None:
    """Whatever replies say and clocks do, levels stay finite, below their limits, and every wait ends."""
    ledger = ledger_with({Dimension.TPM: 8_000, Dimension.TPD: 200_000})
    now = NOW
    flying: list[Reservation] = []
    for pause_s, size, cost, limit, remaining, fate in steps:
        now += pause_s
        reservation = ledger.reserve(ORG, MODEL, size, now)
        if fate == "keep":
            flying.append(reservation)
        elif fate == "settle":
            ledger.settle(reservation, cost, [Reading(Dimension.TPM, limit, remaining)], now)
        elif fate == "release":
            ledger.release(reservation, now)
        else:
            text = refusal(Dimension.TPD, int(limit or 200_000), int(remaining), int(size))
            ledger.refused(reservation, text, now)
        for each in ledger.status(now):
            assert 0 <= each.available <= each.limit
            assert math.isfinite(each.full_in_s)
        opening = ledger.wait_until(ORG, MODEL, 1.0, now, least=0.0)
        assert now <= opening.at
        assert not math.isnan(opening.at)
    for reservation in flying:
        ledger.settle(reservation, None, [], now)


def test_a_header_takes_nothing_of_a_request_that_has_half_refilled() -> None:
    """It counts whole requests, so up to one more may be left than it shows."""
    ledger = ledger_with({Dimension.RPD: 1_000})
    for _ in range(10):
        ledger.settle(ledger.reserve(ORG, MODEL, 100, NOW), 100, [], NOW)
    later = NOW + 43.2  # a day's thousand refill one in 86.4 s
    call = ledger.reserve(ORG, MODEL, 100, later)
    ledger.settle(call, 100, [Reading(Dimension.RPD, 1_000, 989)], later)
    assert available(ledger, Dimension.RPD, later) == pytest.approx(989.5)
