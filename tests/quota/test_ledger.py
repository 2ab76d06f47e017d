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
    assert ledger.wait_until(ORG, MODEL, 1_500, NOW).at == pytest.approx(NOW + 10, abs=1e-5)


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
    assert ledger.wait_until(ORG, MODEL, 700, NOW + 3_700).at == pytest.approx(NOW + 3_700, abs=1e-5)


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
    assert ledger.wait_until(ORG, MODEL, 10, NOW - 3_600).at == pytest.approx(NOW - 3_540, abs=1e-5)
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


class Book:
    """A ledger of one organization that is told in lines what happens; amounts in tokens, moments in seconds."""

    def __init__(self) -> None:
        self.ledger, self.out = Ledger(), dict[str, Reservation]()
        self.account = self.ledger.account(ORG, MODEL)

    def told(self, line: str) -> str:
        """Do what a line says; return what it answers, and each window's level with calls and tokens in flight."""
        at, verb, *words = line.split()
        now = NOW + float(at)
        answer = getattr(self, verb)(now, *words) or ""
        self.account.refill(now)
        levels = [f"{each.value} {round(bucket.level, 2):g}" for each, bucket in self.account.buckets.items()]
        flying = f"{self.account.calls_in_flight} of {self.account.tokens_in_flight:g} out"
        return "; ".join(filter(None, [answer, *levels, flying]))

    def limits(self, now: float, *words: str) -> None:
        pairs = [word.split("=") for word in words]
        given = {Dimension[name]: float(limit) if limit else None for name, limit in pairs}
        self.ledger.state_limits(ORG, MODEL, given, "operator", now)

    def ask(self, now: float, name: str, tokens: str) -> None:
        self.out[name] = self.ledger.reserve(ORG, MODEL, float(tokens), now)

    def answered(self, now: float, name: str, cost: str, *words: str) -> None:
        shown = [word.partition("=")[::2] for word in words]
        readings = [
            Reading(Dimension[dimension], *(float(each) if each else None for each in numbers.split("/")))
            for dimension, numbers in shown
        ]
        self.ledger.settle(self.out.pop(name), float(cost), readings, now)

    def lost(self, now: float, name: str, cost: str) -> None:
        self.ledger.settle(self.out.pop(name), float(cost), [], now, proven=False)

    def released(self, now: float, name: str) -> None:
        self.ledger.release(self.out.pop(name), now)

    def refused(self, now: float, name: str, dimension: str, *numbers: str) -> str:
        limit, used, requested = (None if each == "-" else int(each) for each in numbers[:3])
        wait_s = None if numbers[3] == "-" else float(numbers[3])
        text = RateLimitText("", "", "", Dimension[dimension], limit, used, requested, wait_s)
        return str(self.ledger.refused(self.out.pop(name), text, now))

    def fits(self, now: float, tokens: str, margin: str = "0", least: str = "0", latency_s: str = "0") -> str:
        opening = self.ledger.wait_until(
            ORG, MODEL, float(tokens), now, margin=float(margin), least=float(least), latency_s=float(latency_s)
        )
        return f"in {opening.at - now:.3f} s {opening.limit}".strip()

    def bench(self, now: float, until: str, limit: str) -> str:
        self.ledger.bench(ORG, MODEL, NOW + float(until), limit, "", now)
        assert self.account.bench is not None
        return f"until {self.account.bench.until_at - NOW:g} for {self.account.bench.limit}"

    def yields(self, _now: float, yields: str) -> None:
        self.account.yields = yields == "yes"

    def rates(self, _now: float, tokens: str) -> str:
        each = (self.account.head_room, self.account.call_rate)
        return " ".join(f"{round(what(float(tokens)), 3):g}" for what in each) + f" {self.account.calls_at_once():g}"


LEDGER_STORIES: dict[str, list[tuple[str, str]]] = {
    "operator's limits": [
        ("0 limits RPM=60 TPM=6000", "RPM 60; TPM 6000; 0 of 0 out"),
        ("0 fits 6000", "in 0.000 s; RPM 60; TPM 6000; 0 of 0 out"),
        ("0 fits 6001", "in 0.000 s; RPM 60; TPM 6000; 0 of 0 out"),
        ("0 fits 6001 0 6001", "in inf s TPM; RPM 60; TPM 6000; 0 of 0 out"),
        ("0 ask a 5000", "RPM 59; TPM 1000; 1 of 5000 out"),
        ("0 fits 1000", "in 0.000 s; RPM 59; TPM 1000; 1 of 5000 out"),
        ("0 fits 1001", "in 0.010 s TPM; RPM 59; TPM 1000; 1 of 5000 out"),
        ("0 fits 900 100", "in 0.000 s; RPM 59; TPM 1000; 1 of 5000 out"),
        ("0 fits 900 101", "in 0.010 s TPM; RPM 59; TPM 1000; 1 of 5000 out"),
        ("0 fits 900 0 0 1", "in 0.000 s; RPM 59; TPM 1000; 1 of 5000 out"),
        ("0 fits 901 0 0 1", "in 0.010 s TPM; RPM 59; TPM 1000; 1 of 5000 out"),
        ("0 yields yes", "RPM 59; TPM 1000; 1 of 5000 out"),
        ("0 fits 500", "in 0.000 s; RPM 59; TPM 1000; 1 of 5000 out"),
        ("0 fits 501", "in 0.020 s TPM; RPM 59; TPM 1000; 1 of 5000 out"),
        ("0 yields no", "RPM 59; TPM 1000; 1 of 5000 out"),
        ("0 rates 500", "2 0.2 inf; RPM 59; TPM 1000; 1 of 5000 out"),
        ("2 answered a 4000", "RPM 60; TPM 2200; 0 of 0 out"),
        ("2 fits 2200", "in 0.000 s; RPM 60; TPM 2200; 0 of 0 out"),
        ("2 fits 2201", "in 0.010 s TPM; RPM 60; TPM 2200; 0 of 0 out"),
        ("2 limits TPM=", "RPM 60; 0 of 0 out"),
        ("2 fits 999999", "in 0.000 s; RPM 60; 0 of 0 out"),
    ],
    "requests keep a tenth for what the clocks differ": [
        ("0 limits RPM=10", "RPM 10; 0 of 0 out"),
        ("0 ask a 1", "RPM 9; 1 of 1 out"),
        ("0 ask b 1", "RPM 8; 2 of 2 out"),
        ("0 ask c 1", "RPM 7; 3 of 3 out"),
        ("0 ask d 1", "RPM 6; 4 of 4 out"),
        ("0 ask e 1", "RPM 5; 5 of 5 out"),
        ("0 ask f 1", "RPM 4; 6 of 6 out"),
        ("0 ask g 1", "RPM 3; 7 of 7 out"),
        ("0 ask h 1", "RPM 2; 8 of 8 out"),
        ("0 fits 9 0 0 6", "in 0.000 s; RPM 2; 8 of 8 out"),
        ("0 fits 9 0 0 7", "in 0.000 s; RPM 2; 8 of 8 out"),
        ("0 ask i 1", "RPM 1; 9 of 9 out"),
        ("0 fits 9", "in 0.000 s; RPM 1; 9 of 9 out"),
        ("0 fits 9 0 0 0.6", "in 0.600 s RPM; RPM 1; 9 of 9 out"),
        ("0 fits 9 0 0 6", "in 6.000 s RPM; RPM 1; 9 of 9 out"),
        ("0 fits 9 0 0 60", "in 6.000 s RPM; RPM 1; 9 of 9 out"),
        ("0 yields yes", "RPM 1; 9 of 9 out"),
        ("0 fits 9 0 0 60", "in 12.000 s RPM; RPM 1; 9 of 9 out"),
        ("1 released a", "RPM 2.17; 8 of 8 out"),
        ("1 fits 9", "in 0.000 s; RPM 2.17; 8 of 8 out"),
    ],
    "headers": [
        ("0 ask a 900", "1 of 900 out"),
        ("0 ask b 500", "2 of 1400 out"),
        ("1 answered a 800 TPM=6000/5000 RPD=1000/990", "TPM 4500; RPD 989; 1 of 500 out"),
        ("1 fits 6100 0 6100", "in 15.000 s TPM; TPM 4500; RPD 989; 1 of 500 out"),
        ("2 ask c 700", "TPM 3900; RPD 988.01; 2 of 1200 out"),
        ("3 answered b 400 TPM=6000/4500", "TPM 4100; RPD 988.02; 1 of 700 out"),
        ("4 answered c 650 TPM=6000/6500", "TPM 4250; RPD 988.03; 0 of 0 out"),
        ("5 ask d 500", "TPM 3850; RPD 987.05; 1 of 500 out"),
        ("6 answered d 500 TPM=6000/", "TPM 3950; RPD 987.06; 0 of 0 out"),
        ("7 ask e 500", "TPM 3550; RPD 986.07; 1 of 500 out"),
        ("8 answered e 500 TPM=/100", "TPM 201; RPD 986.08; 0 of 0 out"),
        ("9 ask f 500", "TPM -199; RPD 985.09; 1 of 500 out"),
        ("10 answered f 500 TPM=7000/7000", "TPM -99; RPD 985.1; 0 of 0 out"),
        ("11 ask g 500", "TPM -499; RPD 984.12; 1 of 500 out"),
        ("12 answered g 500 TPM=7000/6000", "TPM -399; RPD 984.13; 0 of 0 out"),
        ("13 ask h 500", "TPM -799; RPD 983.14; 1 of 500 out"),
        ("14 answered h 500 TPM=7000/6000", "TPM 6000; RPD 983.15; 0 of 0 out"),
        ("15 ask i 500", "TPM 5616.67; RPD 982.16; 1 of 500 out"),
        ("140 answered i 500 TPM=7000/3000", "TPM 7000; RPD 983.61; 0 of 0 out"),
    ],
    "headers of a call that flew long": [
        ("0 limits TPM=6000", "TPM 6000; 0 of 0 out"),
        ("0 ask a 3000", "TPM 3000; 1 of 3000 out"),
        ("1 ask b 1000", "TPM 2100; 2 of 4000 out"),
        ("20 answered b 200", "TPM 4800; 1 of 3000 out"),
        ("20 ask d 3000", "TPM 1800; 2 of 6000 out"),
        ("21 answered a 2500 TPM=6000/1000", "TPM 2400; 1 of 3000 out"),
        ("200 ask c 100", "TPM 5900; 2 of 3100 out"),
        ("321 answered c 100 TPM=6000/5000", "TPM 6000; 1 of 3000 out"),
        ("330 ask e 100", "TPM 5900; 2 of 3100 out"),
        ("330 answered e 100 TPM=6000/2000", "TPM 2001; 1 of 3000 out"),
        ("330.5 ask f 1000", "TPM 1026; 2 of 4000 out"),
        ("330.5 answered f 100 TPM=6000/2000", "TPM 2000; 1 of 3000 out"),
        ("331 ask g 1000", "TPM 1025.01; 2 of 4000 out"),
        ("331 ask h 500", "TPM 525.01; 3 of 4500 out"),
        ("331.5 answered h 100", "TPM 950.04; 2 of 4000 out"),
        ("332 answered g 1000 TPM=6000/1000", "TPM 975.09; 1 of 3000 out"),
    ],
    "headers that show a call less than it took": [
        ("0 limits TPM=6000 RPM=60", "TPM 6000; RPM 60; 0 of 0 out"),
        ("0 ask a 1000", "TPM 5000; RPM 59; 1 of 1000 out"),
        ("0 answered a 1000 TPM=6000/5122", "TPM 5122; RPM 59; 0 of 0 out"),
        ("1 ask b 1000", "TPM 4222; RPM 59; 1 of 1000 out"),
        ("1 answered b 1000 TPM=6000/5123 RPM=60/60", "TPM 5123; RPM 60; 0 of 0 out"),
    ],
    "refusals": [
        ("0 ask a 900", "1 of 900 out"),
        ("0 refused a TPM 6000 5500 900 4", "TPM; TPM 500; 0 of 0 out"),
        ("0 fits 900", "in 4.000 s TPM; TPM 500; 0 of 0 out"),
        ("0 fits 400", "in 0.000 s; TPM 500; 0 of 0 out"),
        ("0 fits 500", "in 0.000 s; TPM 500; 0 of 0 out"),
        ("1 ask b 500", "TPM 100; 1 of 500 out"),
        ("1 refused b TPM 6000 5600 500 1", "TPM; TPM 400; 0 of 0 out"),
        ("1 fits 500", "in 1.000 s TPM; TPM 400; 0 of 0 out"),
        ("1 fits 501", "in 2.010 s TPM; TPM 400; 0 of 0 out"),
        ("1 fits 400 100", "in 1.000 s TPM; TPM 400; 0 of 0 out"),
        ("1 fits 400 101", "in 2.010 s TPM; TPM 400; 0 of 0 out"),
        ("2 fits 500", "in 0.000 s; TPM 500; 0 of 0 out"),
        ("2 ask c 500", "TPM 0; 1 of 500 out"),
        ("2 fits 500", "in 6.000 s TPM; TPM 0; 1 of 500 out"),
        ("3 answered c 450", "TPM 150; 0 of 0 out"),
        ("3 fits 400 0 6001", "in inf s TPM; TPM 150; 0 of 0 out"),
        ("3 fits 400 0 6000", "in 3.499 s TPM; TPM 150; 0 of 0 out"),
        ("4 ask d 500", "TPM -250; 1 of 500 out"),
        ("5 refused d RPM 30 - 1 2", "RPM; TPM 350; RPM 0; 0 of 0 out"),
        ("5 ask e 400", "TPM -50; RPM -1; 1 of 400 out"),
        ("5 refused e TPM 6000 - 400 1", "TPM; TPM 300; RPM 0; 0 of 0 out"),
        ("6 ask f 100", "TPM 300; RPM -0.5; 1 of 100 out"),
        ("6 refused f TPM - 10 100 1", "TPM; TPM 400; RPM 0.5; 0 of 0 out"),
        ("6 ask g 100", "TPM 300; RPM -0.5; 1 of 100 out"),
        ("6 refused g RPD 1000 1000 1 86.4", "RPD; TPM 400; RPM 0.5; RPD 0; 0 of 0 out"),
        ("6 fits 10", "in 86.400 s RPD; TPM 400; RPM 0.5; RPD 0; 0 of 0 out"),
    ],
    "a day's quota lets the call itself out": [
        ("0 ask a 900", "1 of 900 out"),
        ("0 refused a TPD 100000 99800 500 259.2", "TPD; TPD 200; 0 of 0 out"),
        ("0 fits 900 100", "in 259.200 s TPD; TPD 200; 0 of 0 out"),
        ("0 fits 901 100", "in 692.064 s TPD; TPD 200; 0 of 0 out"),
        ("0 fits 400 100", "in 259.200 s TPD; TPD 200; 0 of 0 out"),
        ("0 fits 400 101", "in 260.064 s TPD; TPD 200; 0 of 0 out"),
        ("260 fits 900 500", "in 0.000 s; TPD 500.93; 0 of 0 out"),
        ("260 ask b 900", "TPD -399.07; 1 of 900 out"),
        ("260 fits 900 500", "in 1554.400 s TPD; TPD -399.07; 1 of 900 out"),
    ],
    "a minute's does not": [
        ("0 ask a 900", "1 of 900 out"),
        ("0 refused a TPM 6000 5800 500 3", "TPM; TPM 200; 0 of 0 out"),
        ("0 fits 900 100", "in 8.000 s TPM; TPM 200; 0 of 0 out"),
        ("0 fits 400 100", "in 3.000 s TPM; TPM 200; 0 of 0 out"),
        ("3 fits 900 100", "in 5.000 s TPM; TPM 500; 0 of 0 out"),
    ],
    "limits that calls passed": [
        ("0 limits TPD=100000", "TPD 100000; 0 of 0 out"),
        ("0 ask a 1000", "TPD 99000; 1 of 1000 out"),
        ("0 answered a 1000 TPM=900/", "TPD 99000; TPM 900; 0 of 0 out"),
        ("1 ask b 1000", "TPD 98001.2; TPM -100; 1 of 1000 out"),
        ("1 answered b 919 TPM=900/", "TPD 98082.2; TPM -19; 0 of 0 out"),
        ("2 ask c 1000", "TPD 97083.3; TPM -1004; 1 of 1000 out"),
        ("2 answered c 920 TPM=900/", "TPD 97163.3; 0 of 0 out"),
        ("3600 ask d 900", "TPD 99100; 1 of 900 out"),
        ("3600 answered d 100 TPM=900/900", "TPD 99900; 0 of 0 out"),
        ("3602 ask e 900", "TPD 99002.3; 1 of 900 out"),
        ("3602 answered e 100 TPM=900/900", "TPD 99802.3; TPM 900; 0 of 0 out"),
        ("3603 ask f 500", "TPD 99303.5; TPM 400; 1 of 500 out"),
        ("3603 refused f TPM 400 0 500 1", "TPM; TPD 99803.5; TPM 400; 0 of 0 out"),
        ("3603 ask g 500", "TPD 99303.5; TPM -100; 1 of 500 out"),
        ("3603 refused g TPM 901 0 902 1", "TPM; TPD 99803.5; TPM 901; 0 of 0 out"),
        ("3603 ask h 409", "TPD 99394.5; TPM 492; 1 of 409 out"),
        ("3603 answered h 409", "TPD 99394.5; TPM 492; 0 of 0 out"),
        ("3604 ask i 420", "TPD 98975.6; TPM 297.25; 1 of 420 out"),
        ("3604 refused i TPM 400 0 420 3", "TPM; TPD 99395.6; TPM 400; 0 of 0 out"),
        ("3605 ask j 500", "TPD 98896.8; TPM -100; 1 of 500 out"),
        ("3605 refused j TPM 399 0 500 9", "TPM; TPD 99396.8; TPM 400; 0 of 0 out"),
        ("3606 ask k 400", "TPD 98997.9; TPM 0; 1 of 400 out"),
        ("3606 answered k 400", "TPD 98997.9; TPM 0; 0 of 0 out"),
        ("7205 ask l 500", "TPD 99500; TPM -100; 1 of 500 out"),
        ("7205 refused l TPM 390 0 500 9", "TPM; TPD 100000; TPM 390; 0 of 0 out"),
        ("7206 ask m 50", "TPD 99950; TPM 340; 1 of 50 out"),
        ("7206 answered m 50", "TPD 99950; TPM 340; 0 of 0 out"),
        ("7207 ask n 500", "TPD 99451.2; TPM -153.5; 1 of 500 out"),
        ("7207 refused n TPM 350 0 500 9", "TPM; TPD 99951.2; TPM 350; 0 of 0 out"),
    ],
    "benches": [
        ("0 bench 10 TPM", "until 10 for TPM; 0 of 0 out"),
        ("0 fits 1", "in 10.000 s TPM; 0 of 0 out"),
        ("1 bench 9 RPM", "until 10 for TPM; 0 of 0 out"),
        ("1 bench 11 RPD", "until 11 for RPD; 0 of 0 out"),
        ("10.9 fits 1", "in 0.100 s RPD; 0 of 0 out"),
        ("11 fits 1", "in 0.000 s; 0 of 0 out"),
        ("11 bench 5 TPD", "until 5 for TPD; 0 of 0 out"),
        ("12 bench 90000 TPM", "until 86412 for TPM; 0 of 0 out"),
        ("9 fits 1", "in 86400.000 s TPM; 0 of 0 out"),
        ("12 fits 1", "in 86397.000 s TPM; 0 of 0 out"),
        ("4 fits 1", "in 86397.000 s TPM; 0 of 0 out"),
    ],
    "calls that may be out": [
        ("0 rates 100", "inf inf 1; 0 of 0 out"),
        ("0 ask a 100", "1 of 100 out"),
        ("0 rates 100", "inf inf 1; 1 of 100 out"),
        ("1 answered a 90", "0 of 0 out"),
        ("1 rates 100", "inf inf 1.0625; 0 of 0 out"),
        ("1 ask b 100", "1 of 100 out"),
        ("1 lost b 50", "0 of 0 out"),
        ("1 rates 100", "inf inf 1.0625; 0 of 0 out"),
        ("1 ask c 100", "1 of 100 out"),
        ("1 answered c 90 TPM=6000/5000 TPD=100000/3000", "TPM 5000; TPD 3000; 0 of 0 out"),
        ("1 rates 100", "30 1 1.125; TPM 5000; TPD 3000; 0 of 0 out"),
        ("1 rates 0", "3000 100 1.125; TPM 5000; TPD 3000; 0 of 0 out"),
        ("1 rates 150", "20 0.667 1.125; TPM 5000; TPD 3000; 0 of 0 out"),
        ("1 rates 151", "19.868 0.662 1.125; TPM 5000; TPD 3000; 0 of 0 out"),
        ("2 ask d 100", "TPM 5000; TPD 2901.16; 1 of 100 out"),
        ("2 answered d 90 RPM=60/59", "TPM 5010; TPD 2911.16; RPM 59; 0 of 0 out"),
        ("2 rates 100", "29.112 1 inf; TPM 5010; TPD 2911.16; RPM 59; 0 of 0 out"),
    ],
    "limits that are stated while time passes": [
        ("0 limits TPM=6000", "TPM 6000; 0 of 0 out"),
        ("0 ask a 6000", "TPM 0; 1 of 6000 out"),
        ("30 limits TPM=600", "TPM -2400; 1 of 6000 out"),
        ("31 fits 10", "in 240.000 s TPM; TPM -2390; 1 of 6000 out"),
        ("40 bench 100 TPM", "until 100 for TPM; TPM -2300; 1 of 6000 out"),
        ("35 limits TPM=600", "TPM -2300; 1 of 6000 out"),
        ("36 fits 10", "in 230.000 s TPM; TPM -2290; 1 of 6000 out"),
    ],
    "a refusal while others are out": [
        ("0 limits TPM=6000", "TPM 6000; 0 of 0 out"),
        ("0 ask a 1000", "TPM 5000; 1 of 1000 out"),
        ("1 ask b 500", "TPM 4600; 2 of 1500 out"),
        ("2 ask c 700", "TPM 4000; 3 of 2200 out"),
        ("3 answered b 200", "TPM 4400; 2 of 1700 out"),
        ("4 refused a TPM 6000 5500 1000 5", "TPM; TPM 1200; 1 of 700 out"),
        ("4 fits 700", "in 5.000 s TPM; TPM 1200; 1 of 700 out"),
        ("5 ask d 400", "TPM 900; 2 of 1100 out"),
        ("6 ask e 300", "TPM 700; 3 of 1400 out"),
        ("200 refused d TPM 6000 5900 400 3", "TPM; TPM 6000; 2 of 1000 out"),
    ],
}  # fmt: skip
"""By name: what happens, each line with its moment, and what is known then."""


@pytest.mark.parametrize("name", LEDGER_STORIES)
def test_an_account_in_the_course_of_calls(name: str) -> None:
    """Levels, waits, refusals, stated waits and benches, each as it is known after the line."""
    book = Book()
    found = [(line, book.told(line)) for line, _ in LEDGER_STORIES[name]]
    assert found == LEDGER_STORIES[name]


@pytest.mark.parametrize("dimension", [Dimension.TPM, Dimension.RPM])
def test_a_call_of_before_a_merge_includes_nobody_else(dimension: Dimension) -> None:
    """Its marks are those of another account: what is out may not be in what its refusal says, and nothing came back."""
    ledger = Ledger()
    for name in ("(a)", ORG):
        ledger.state_limits(name, MODEL, {dimension: 6_000.0}, "operator", NOW)
    flying = ledger.reserve("(a)", MODEL, 500.0, NOW)
    ledger.reserve(ORG, MODEL, 700.0, NOW)
    ledger.rename("(a)", ORG, NOW)
    ledger.refused(flying, RateLimitText("", "", "", dimension, 6_000, 5_000, 500, None), NOW)
    assert available(ledger, dimension, NOW) == 1_000
