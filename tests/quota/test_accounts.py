"""Accounts and their merging, function by function: what fits, what is learned of a reply, and what moves with a clock."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from core.model import Dimension, WindowStatus
from core.quota.ledger.account import Account, Bench, Opening, Reservation, ToldWait
from core.quota.ledger.bucket import Bucket
from core.quota.ledger.ledger import Ledger
from core.quota.ledger.levels import Level, at, merged, window_status
from core.quota.ledger.replies import RateLimitText, Reading

NOW, ORG, MODEL = 1_790_000_000.0, "org_1", "m"
RPM, RPD, TPM, TPD = Dimension


def account_with(windows: dict[Dimension, tuple[float, float]], source: str = "429", **more: float) -> Account:
    """An account with windows of (limit, available)."""
    account = Account(ORG, MODEL, 1)
    account.buckets = {each: Bucket(each, Level(*its, NOW, source, NOW, **more)) for each, its in windows.items()}
    return account


def text(dimension: Dimension, limit: int | None, used: int | None = None, **more: Any) -> RateLimitText:
    return RateLimitText("", "", "", dimension, limit, used, more.get("requested"), more.get("wait_s"))


# --- what fits -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("windows", "tokens", "rate", "room"),
    [
        ({}, 100, math.inf, math.inf),
        ({RPM: (30, 7)}, 100, 0.5, 7),
        ({TPM: (6_000, 700)}, 100, 1.0, 7),
        ({TPM: (6_000, 700)}, 0.25, 100.0, 700),
        ({RPD: (86_400, 20)}, 100, math.inf, 20),
        ({RPD: (86_400, 19)}, 100, 1.0, 19),
        ({TPD: (864_000, 2_000)}, 100, math.inf, 20),
        ({TPD: (864_000, 1_999)}, 100, 0.1, 19.99),
        ({RPM: (30, 7), TPM: (6_000, 300)}, 100, 0.5, 3),
        ({TPM: (6_000, 300), RPM: (90, 2)}, 100, 1.0, 2),
    ],
)
def test_the_scarcest_window_paces(
    windows: dict[Dimension, tuple[float, float]], tokens: float, rate: float, room: float
) -> None:
    """A day's only where it holds fewer than twenty such calls."""
    account = account_with(windows)
    assert account.call_rate(tokens) == pytest.approx(rate)
    assert account.head_room(tokens) == pytest.approx(room)


@pytest.mark.parametrize(("level", "own", "rate"), [(5, 20, math.inf), (5, 19, 1.0), (20, 5, math.inf)])
def test_a_days_window_is_nearly_empty_where_both_of_its_levels_are(level: float, own: float, rate: float) -> None:
    """What headers show and what was counted."""
    account = account_with({RPD: (86_400, 0)})
    account.buckets[RPD].level, account.buckets[RPD].own = level, own
    assert account.call_rate(1.0) == pytest.approx(rate)


@pytest.mark.parametrize(
    ("dimension", "source", "least", "takes"),
    [
        (TPM, "operator", 6_000, True),
        (TPM, "operator", 6_001, False),
        (TPM, "headers", 6_001, True),
        (RPM, "operator", 6_001, True),
    ],
)
def test_a_window_is_too_small_where_its_limit_is_certain(
    dimension: Dimension, source: str, least: float, takes: bool
) -> None:
    """Of requests each call takes one, however large."""
    assert account_with({dimension: (6_000, 0)}, source).takes(least) is takes


@pytest.mark.parametrize(
    ("calls", "windows", "at_once", "shows_none"),
    [
        (0, {}, 1.0, False),
        (16, {}, 2.0, False),
        (47, {}, 3.9375, False),
        (48, {}, 4.0, True),
        (48, {TPM: (6_000, 0)}, 4.0, False),
        (48, {RPM: (30, 0)}, math.inf, False),
    ],
)
def test_calls_that_were_let_through_open_an_account(
    calls: int, windows: dict[Dimension, tuple[float, float]], at_once: float, shows_none: bool
) -> None:
    """One more for every sixteen; forty-eight without a word say that there is no quota."""
    account = account_with(windows, "operator")
    for _ in range(calls):
        account.settle(account.reserve(1.0, NOW), 1.0, (), NOW, proven=True)
    account.settle(account.reserve(1.0, NOW), 1.0, (), NOW, proven=False)
    assert (account.calls_at_once(), account.shows_no_quota) == (at_once, shows_none)
    account.recalled()
    assert account.calls_at_once() == (math.inf if RPM in windows else 9.0)


def test_a_limit_of_one_request_takes_one() -> None:
    """And what a call waits for is the longest of windows and bench."""
    account = account_with({RPM: (1, 1), TPM: (6_000, 100)}, "operator")
    assert account.opening(100.0, 0.0, 100.0, 0.0, NOW) == Opening(NOW)
    assert account.opening(200.0, 0.0, 200.0, 0.0, NOW) == Opening(NOW + 1, "TPM")
    for until_s, expected in ((0.5, Opening(NOW + 1, "TPM")), (1.5, Opening(NOW + 1.5, "RPD", "why"))):
        account.bench = Bench(NOW + until_s, "RPD", "why", NOW)
        assert account.opening(200.0, 0.0, 200.0, 0.0, NOW) == expected
    account.bench = Bench(NOW, "RPD", "why", NOW)
    assert account.opening(100.0, 0.0, 100.0, 0.0, NOW) == Opening(NOW)


@pytest.mark.parametrize(
    ("tokens", "margin", "holds"),
    [(500, 0, True), (500, 999, True), (400, 200, True), (400, 201, False), (600, 0, True), (601, 0, False)],
)
def test_a_told_wait_holds_for_the_refused_call_and_for_smaller_ones(tokens: float, margin: float, holds: bool) -> None:
    """Margins of the call itself do not count, as the server stated its wait for it."""
    assert ToldWait(NOW, 500.0, 600.0).holds_for(tokens, margin) is holds
    assert ToldWait(NOW, None, 600.0).holds_for(tokens, margin) is (tokens + margin <= 600)


@pytest.mark.parametrize(
    ("dimension", "requested", "expected"),
    [
        (TPM, 700, ToldWait(NOW + 3, None, 700.0)),
        (TPD, 700, ToldWait(NOW + 3, 500.0, 700.0)),
        (TPD, None, ToldWait(NOW + 3, 500.0, 500.0)),
        (RPD, 1, ToldWait(NOW + 3, 500.0, 500.0)),
    ],
)
def test_a_refusals_wait_is_kept_until_it_is_over(
    dimension: Dimension, requested: int | None, expected: ToldWait
) -> None:
    """For what the server says was asked; of a day's quota for the call itself as well."""
    account = account_with({dimension: (6_000, 6_000)})
    reservation = account.reserve(500.0, NOW)
    account.release(reservation, NOW)
    told = text(dimension, 6_000, 6_000, requested=requested, wait_s=3.0)
    assert account.refused(reservation, told, NOW) is dimension
    assert account._told_waits == {dimension: expected}
    account.reserve(1.0, NOW + 2.9)
    assert account._told_waits == {dimension: expected}
    account.reserve(1.0, NOW + 3)
    assert account._told_waits == {}


# --- what is learned -------------------------------------------------------------------------------------------------


def test_a_reservation_holds_the_counters_of_its_time() -> None:
    """And takes its room of every window."""
    account = account_with({RPM: (30, 30), TPM: (6_000, 6_000)})
    first = account.reserve(500.0, NOW)
    account.settle(first, 200.0, (), NOW, proven=True)
    assert first == Reservation(ORG, MODEL, 500.0, NOW, 1, 500.0, 0.0, 1)
    assert account.reserve(100.0, NOW + 1) == Reservation(ORG, MODEL, 100.0, NOW + 1, 1, 600.0, 300.0, 2)
    assert (account.calls_in_flight, account.tokens_in_flight) == (1, 100.0)
    assert {each.value: bucket.level for each, bucket in account.buckets.items()} == {"RPM": 28.5, "TPM": 5_800}


@pytest.mark.parametrize(
    ("dimension", "serial", "expected"),
    [(TPM, 1, (700.0, 100.0)), (RPM, 1, (2.0, 0.0)), (TPM, 2, (1_100.0, 0.0)), (RPM, 2, (3.0, 0.0))],
)
def test_a_reply_may_not_include_what_was_asked_after_its_call(
    dimension: Dimension, serial: int, expected: tuple[float, float]
) -> None:
    """Nor what was given back meanwhile; of a call from before a merge nothing that is out."""
    account = account_with({})
    reservation = account.reserve(400.0, NOW)
    account.settle(account.reserve(500.0, NOW), 400.0, (), NOW, proven=True)
    account.reserve(200.0, NOW)
    account.tokens_in_flight, account.calls_in_flight = 1_100.0, 3
    assert account._others(reservation if serial == 1 else _of_another(reservation), dimension) == expected


def _of_another(of: Reservation) -> Reservation:
    marks = (of.tokens_mark, of.returned_mark, of.calls_mark)
    return Reservation(of.organization, of.model, of.tokens, of.at, of.serial + 1, *marks)


@pytest.fixture
def evidence(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What buckets are told of headers and refusals."""
    found: list[tuple[Any, ...]] = []
    for name in ("shown", "refused"):
        monkeypatch.setattr(Bucket, name, lambda _bucket, *given, what=name: found.append((what, *given)))
    return found


@pytest.mark.parametrize(
    ("reading", "told"),
    [
        (Reading(TPM, 6_000, 3_000), ("shown", 3_000, 2_800, 3_000 + 1 + 100 + 200 + 1_000, 5_600 + 1_000 + 120 + 2)),
        (Reading(TPM, None, 3_000), ("shown", 3_000, 2_800, 4_301, 6_722)),
        (Reading(TPM, None, 6_000), ("shown", 6_000, 5_800, 7_301, 6_722)),
        (Reading(TPM, None, 6_001), None),
        (Reading(TPM, 6_000, None), None),
        (Reading(TPM, 7_000, 3_000), None),
        (Reading(RPM, 60, 30), ("shown", 30, 28, 30 + 1 + 10, 59 + 10 + 1.2 + 2)),
    ],
)
def test_a_header_tells_what_may_be_left_and_what_could_be(
    evidence: list[tuple[Any, ...]], reading: Reading, told: tuple[Any, ...] | None
) -> None:
    """What was asked later comes off; what was given back, reserved too much and refilled meanwhile is added."""
    account = account_with({RPM: (60, 60), TPM: (6_000, 6_000)})
    reservation = account.reserve(500.0, NOW)
    for tokens, cost in ((100.0, None), (100.0, -100.0)):
        other = account.reserve(tokens, NOW)
        if cost is not None:
            account.settle(other, cost, (), NOW, proven=False)
    account._read(reading, reservation, 400.0, NOW + 10)
    assert evidence == ([] if told is None else [(told[0], *map(pytest.approx, told[1:]))])


@pytest.mark.parametrize(("flown_s", "refilled"), [(-5.0, 0.0), (120.0, 12_000.0), (900.0, 12_000.0)])
def test_two_minutes_is_the_longest_that_a_call_counts_as_under_way(
    evidence: list[tuple[Any, ...]], flown_s: float, refilled: float
) -> None:
    """Also where the clock went back meanwhile; a call that cost more than was reserved for it gives nothing back."""
    account = account_with({TPM: (6_000, 6_000)})
    account._read(Reading(TPM, None, 10), account.reserve(500.0, NOW), 600.0, NOW + flown_s)
    assert evidence == [("shown", 10, 10.0, 11.0 + refilled, pytest.approx(5_400 + refilled + 122))]
    evidence.clear()
    call = account.reserve(500.0, NOW)
    account.refused(call, text(TPM, 6_000, 5_900), NOW + flown_s)
    assert evidence == [("refused", 100.0, 100.0 + refilled, NOW)]


@pytest.mark.parametrize(("dimension", "own", "level"), [(TPM, 6_000 - 300, 4_000 - 200), (RPD, 6_000 - 2, 4_000 - 1)])
def test_a_window_that_headers_show_first_begins_with_what_they_show(
    dimension: Dimension, own: float, level: float
) -> None:
    """Less what was asked after its call; what is counted here begins with what is out."""
    account = account_with({})
    reservation = account.reserve(100.0, NOW)
    account.reserve(200.0, NOW)
    account._read(Reading(dimension, 6_000, 4_000), reservation, 100.0, NOW + 1)
    bucket = account.buckets[dimension]
    assert (bucket.level, bucket.own, bucket.source, bucket.learned_at) == (level, own, "headers", NOW + 1)
    account.buckets.clear()
    account._read(Reading(dimension, 6_000, None), reservation, 100.0, NOW + 1)
    assert account.buckets[dimension].level == 6_000 - (4_000 - level)
    account.buckets.clear()
    account._read(Reading(dimension, None, 4_000), reservation, 100.0, NOW + 1)
    assert account.buckets == {}


@pytest.mark.parametrize(
    ("cost", "source", "kept"), [(6_121, "429", True), (6_122, "429", False), (9e9, "operator", True)]
)
def test_a_limit_is_disproved_by_a_larger_call_for_an_hour(cost: float, source: str, kept: bool) -> None:
    """A fiftieth and one token more than it; what the operator states stays."""
    account = account_with({TPM: (6_000, 6_000), RPM: (30, 30)}, source)
    account.settle(account.reserve(100.0, NOW), cost, (), NOW, proven=False)
    assert TPM in account.buckets, "nobody knows that it was let through"
    account.settle(account.reserve(100.0, NOW), cost, (), NOW, proven=True)
    assert (TPM in account.buckets) is kept
    if not kept:
        call = account.reserve(1.0, NOW)
        for later_s, heard in ((3_599.0, False), (3_600.0, True)):
            account._read(Reading(TPM, 9_000, 9_000), call, 1.0, NOW + later_s)
            assert (TPM in account.buckets) is heard


@pytest.mark.parametrize(
    ("used", "requested", "wait_s", "level"),
    [(5_000, None, None, 700.0), (None, 1_000, 6.0, 100.0), (None, None, None, 5_700.0)],
)
def test_a_window_that_a_refusal_tells_first_begins_with_what_it_leaves(
    used: int | None, requested: int | None, wait_s: float | None, level: float
) -> None:
    """Less what was asked after its call; all of it where nothing is told."""
    account = account_with({})
    reservation = account.reserve(100.0, NOW)
    account.reserve(300.0, NOW)
    account.refused(reservation, text(TPM, 6_000, used, requested=requested, wait_s=wait_s), NOW)
    found = account.buckets[TPM]
    assert (found.level, found.limit, found.source) == (pytest.approx(level), 6_000, "429")


def test_what_a_refusal_leaves_counts_what_is_out_and_what_came_back(evidence: list[tuple[Any, ...]]) -> None:
    """Of a window that is known; without a limit or a window nothing is learned."""
    account = account_with({TPM: (6_000, 6_000)})
    reservation = account.reserve(100.0, NOW)
    account.settle(account.reserve(500.0, NOW), 400.0, (), NOW, proven=True)
    assert account.refused(reservation, text(TPM, 8_000, 7_000), NOW + 10) is TPM
    assert evidence == [("refused", 500.0, pytest.approx(1_100 + 10 * 8_000 / 60), NOW)]
    assert (account.buckets[TPM].limit, account.buckets[TPM].source) == (8_000, "429")
    assert account.refused(reservation, text(TPM, None, 7_000), NOW + 10) is TPM
    assert account.refused(reservation, replace(text(TPM, 9_000, 7_000), dimension=None), NOW + 10) is None
    assert len(evidence) == 1


@pytest.mark.parametrize(
    ("calls", "limit", "after_s", "passed"),
    [
        ([(0, 1_021)], 1_000, 0, False),
        ([(0, 1_022)], 1_000, 0, True),
        ([(0, 1_022)], 1_000, 3_600, True),
        ([(0, 1_022)], 1_000, 3_601, False),
        ([(0, 1_022), (3_000, 1_022)], 1_000, 6_600, True),
        ([(0, 1_022), (3_000, 1_021)], 1_000, 3_601, False),
        ([(0, 1_022), (3_600, 50)], 1_000, 3_600, True),
        ([(0, 1_022), (3_601, 50)], 40, 3_601, True),
        ([(0, 1_022), (3_601, 50)], 1_000, 3_601, False),
    ],
)
def test_what_passed_within_the_hour_outweighs_a_text(
    calls: list[tuple[float, float]], limit: float, after_s: float, passed: bool
) -> None:
    """The largest call, a fiftieth and a token above the limit that it states."""
    account = account_with({})
    for at_s, cost in calls:
        account.settle(account.reserve(cost, NOW + at_s), cost, (), NOW + at_s, proven=True)
    account.settle(account.reserve(9e9, NOW), 9e9, (), NOW, proven=False)
    assert account.let_pass(limit, NOW + after_s) is passed


@pytest.mark.parametrize(
    ("running", "until_s", "expected"),
    [
        (None, 30, (30, "new")),
        (None, 90_000, (86_400, "new")),
        (20, 30, (30, "new")),
        (30, 30, (30, "old")),
        (40, 30, (40, "old")),
        (0, -5, (-5, "new")),
    ],
)
def test_the_longer_bench_stays(running: float | None, until_s: float, expected: tuple[float, str]) -> None:
    """A day at most; one that is over is none."""
    account = account_with({})
    account.bench = None if running is None else Bench(NOW + running, "", "old", NOW)
    account.bench_until(NOW + until_s, "", "new", NOW)
    assert account.bench is not None
    assert (account.bench.until_at - NOW, account.bench.reason) == expected
    assert account.bench_changed is (expected[1] == "new")


def test_windows_for_people_stand_at_the_moment_in_the_order_of_dimensions() -> None:
    """What others spend is taken off; a level below nothing is none."""
    account = account_with({TPM: (6_000, -500), RPM: (60, 30)}, drift=0.5)
    assert account.statuses(NOW + 10) == (
        WindowStatus(ORG, MODEL, RPM, 60, pytest.approx(35), pytest.approx(25), "429"),
        WindowStatus(ORG, MODEL, TPM, 6_000, pytest.approx(495), pytest.approx(55.05), "429"),
    )


def test_a_call_that_costs_more_than_was_reserved_gives_nothing_back() -> None:
    """What came back is counted for calls that cost less."""
    account = account_with({})
    for cost, returned in ((600.0, 0.0), (500.0, 0.0), (400.0, 100.0)):
        account.settle(account.reserve(500.0, NOW), cost, (), NOW, proven=True)
        assert account._tokens_returned == returned


def test_calls_in_flight_are_never_fewer_than_none() -> None:
    """A call that ends twice gives its room back, and counts once."""
    account = account_with({RPM: (60, 30), TPM: (6_000, 3_000)})
    call = account.reserve(500.0, NOW)
    for _ in range(2):
        account.release(call, NOW)
    assert (account.calls_in_flight, account.tokens_in_flight) == (0, 0.0)
    assert {each.value: bucket.level for each, bucket in account.buckets.items()} == {"RPM": 31, "TPM": 3_500}


# --- levels ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("later_s", "speed", "available"),
    [(0, 1.0, 1_000), (10, 1.0, 2_000), (10, 3.0, 4_000), (60, 1.0, 6_000), (-10, 1.0, 1_000)],
)
def test_a_level_refills_in_its_period(later_s: float, speed: float, available: float) -> None:
    """So many times faster as its speed says, up to the limit; a clock that went back leaves it."""
    level = Level(6_000, 1_000, NOW, "429", NOW - 3, speed, 0.5, 0.25)
    assert at(level, TPM, NOW + later_s) == replace(level, available=available, as_of=NOW + later_s)
    full_in_s = (6_000 - available) / 100 / speed
    expected = WindowStatus(ORG, MODEL, TPM, 6_000, available, full_in_s, "429", speed)
    assert window_status(ORG, MODEL, TPM, level, NOW + later_s) == expected


def test_a_level_runs_at_its_period_where_nothing_else_is_said() -> None:
    """Nobody else spends, and nothing is kept free."""
    assert Level(1.0, 1.0, NOW, "429", NOW) == Level(1.0, 1.0, NOW, "429", NOW, 1.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("sources", "learned_s", "limit", "available"),
    [
        (("headers", "429"), (0, 0), 8_000, 5_000),
        (("headers", "headers"), (0, 1), 6_000, 3_000),
        (("429", "429"), (1, 0), 8_000, 5_000),
        (("operator", "429"), (0, 0), 8_000, 4_000),
        (("headers", "operator"), (0, 1), 6_000, 2_000),
    ],
)
def test_levels_of_one_quota_hold_what_both_used(
    sources: tuple[str, str], learned_s: tuple[float, float], limit: float, available: float
) -> None:
    """The more used one where replies vouch for both; the sum where not; under the limit that was learned last."""
    one = Level(8_000, 5_000, NOW, sources[0], NOW + learned_s[0], drift=1.0)
    other = Level(6_000, 5_000, NOW, sources[1], NOW + learned_s[1], caution=1.0)
    found = merged({TPM: one, RPM: one}, {TPM: other, RPD: other})
    assert (found[TPM].limit, found[TPM].available) == (limit, available)
    assert (found[TPM].drift, found[TPM].caution) == (0.0, 0.0)
    assert (found[RPM], found[RPD]) == (one, other)


# --- the ledger ------------------------------------------------------------------------------------------------------

CALLS: dict[str, Callable[[Ledger, Reservation, float], object]] = {
    "wait_until": lambda ledger, _, now: ledger.wait_until("other", MODEL, 1.0, now),
    "reserve": lambda ledger, _, now: ledger.reserve("other", MODEL, 1.0, now),
    "settle": lambda ledger, call, now: ledger.settle(call, None, (), now),
    "release": lambda ledger, call, now: ledger.release(call, now),
    "refused": lambda ledger, call, now: ledger.refused(call, text(TPM, None), now),
    "state_limits": lambda ledger, _, now: ledger.state_limits("other", MODEL, {}, "operator", now),
    "bench": lambda ledger, _, now: ledger.bench("other", MODEL, now, "", "", now),
    "rename": lambda ledger, _, now: ledger.rename("other", "another", now),
    "status": lambda ledger, _, now: ledger.status(now),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(("back_s", "moved_s"), [(2.0, 0.0), (3.0, 3.0), (100.0, 100.0), (-100.0, 0.0)])
def test_a_bench_moves_with_a_clock_that_went_back(name: str, back_s: float, moved_s: float) -> None:
    """By more than two seconds, whatever is asked or told next; the second time it is the clock as it is."""
    ledger = Ledger()
    call = ledger.reserve("other", MODEL, 1.0, NOW)
    ledger.bench(ORG, MODEL, NOW + 500, "TPD", "why", NOW)
    account = ledger.account(ORG, MODEL)
    account.bench_changed = False
    for _ in range(2):
        CALLS[name](ledger, call, NOW - back_s)
        since_at = NOW - back_s if moved_s else NOW
        assert account.bench == Bench(NOW + 500 - moved_s, "TPD", "why", since_at)
        assert account.bench_changed is bool(moved_s)


def test_a_bench_that_is_over_does_not_move() -> None:
    """Nor does an account without one."""
    ledger = Ledger()
    ledger.account("none", MODEL)
    ledger.bench(ORG, MODEL, NOW + 5, "", "", NOW)
    ledger.status(NOW + 100)
    ledger.status(NOW + 5)
    account = ledger.account(ORG, MODEL)
    assert account.bench is not None
    assert account.bench.until_at == NOW + 5


def test_a_call_is_asked_about_without_a_margin_where_none_is_given() -> None:
    """It is as large as it is said to be, at this moment."""
    ledger = Ledger()
    ledger.state_limits(ORG, MODEL, {TPM: 6_000, RPM: None}, "operator", NOW)
    assert ledger.wait_until(ORG, MODEL, 6_000, NOW) == Opening(NOW)
    assert ledger.wait_until(ORG, MODEL, 6_001, NOW) == Opening(math.inf, "TPM")
    assert ledger.wait_until(ORG, MODEL, 6_001, NOW, least=6_000) == Opening(NOW)
    ledger.reserve(ORG, MODEL, 600, NOW)
    assert ledger.wait_until(ORG, MODEL, 5_400, NOW) == Opening(NOW)
    assert ledger.wait_until(ORG, MODEL, 5_400, NOW, margin=100.0) == Opening(NOW + 1, "TPM")
    assert ledger.wait_until(ORG, MODEL, 5_400, NOW, latency_s=2.0) == Opening(NOW + 2, "TPM")


@pytest.mark.parametrize(("cost", "level"), [(None, 5_500), (200.0, 5_800)])
def test_an_ended_call_costs_what_was_reserved_where_nothing_else_is_known(cost: float | None, level: float) -> None:
    """Else what it cost."""
    ledger = Ledger()
    ledger.state_limits(ORG, MODEL, {TPM: 6_000}, "operator", NOW)
    ledger.settle(ledger.reserve(ORG, MODEL, 500, NOW), cost, (), NOW)
    assert ledger.account(ORG, MODEL).buckets[TPM].level == level


def test_a_limit_that_is_doubted_rules_nothing_out_until_it_is_told_again() -> None:
    """For every account and window that a refusal told of."""
    ledger = Ledger()
    for name in ("a", "b"):
        account = ledger.account(name, MODEL)
        for _ in range(2):
            account.refused(account.reserve(1.0, NOW), text(TPM, 6_000), NOW)
        account.buckets[TPM].admitted()
        assert account.buckets[TPM].is_certain
    ledger.doubt_limits()
    assert not any(account.buckets[TPM].is_certain for account in ledger.accounts())


def test_a_refusal_is_learned_by_the_organization_that_it_names() -> None:
    """The call is given back where it was reserved."""
    ledger = Ledger()
    ledger.state_limits(ORG, MODEL, {TPM: 6_000}, "operator", NOW)
    assert ledger.refused(ledger.reserve(ORG, MODEL, 500, NOW), text(TPM, 8_000), NOW, organization="named") is TPM
    assert [ledger.account(name, MODEL).buckets[TPM].limit for name in (ORG, "named")] == [6_000, 8_000]
    assert ledger.account(ORG, MODEL).buckets[TPM].level == 6_000
    ledger.refused(ledger.reserve(ORG, MODEL, 500, NOW), text(TPM, 7_000), NOW)
    assert ledger.account(ORG, MODEL).buckets[TPM].limit == 7_000


def test_names_of_one_organization_lead_to_its_account() -> None:
    """Also the names of what was merged before, and of its other models; a name that returns is its own again."""
    ledger = Ledger()
    first, other = ledger.account("a", MODEL), ledger.account("a", "n")
    assert first.serial != other.serial
    ledger.rename("a", "b", NOW)
    assert (ledger.account("a", MODEL), ledger.account("b", MODEL), ledger.account("a", "n")) == (first, first, other)
    assert (first.organization, other.organization) == ("b", "b")
    kept = ledger.account("c", MODEL)
    ledger.rename("b", "c", NOW)
    assert [ledger.account(name, MODEL) for name in "abc"] == [kept] * 3
    assert ledger.accounts() == (kept, other)
    ledger.rename("c", "c", NOW)
    assert ledger.account("c", MODEL) is kept
    ledger.rename("c", "a", NOW)
    assert [ledger.account(name, MODEL).organization for name in "abc"] == ["a"] * 3
    returned = Ledger()
    returned.account("d", MODEL)
    for old, new in (("a", "b"), ("d", "a")):
        returned.rename(old, new, NOW)
    assert [returned.account(name, MODEL).organization for name in "abd"] == ["a", "b", "a"]


def test_merged_accounts_hold_windows_calls_and_the_longer_bench() -> None:
    """As of now; what is out of one is taken off what the other knows, and unshared spending adds up."""
    ledger = Ledger()
    source, target = ledger.account("a", MODEL), ledger.account("b", MODEL)
    source.buckets = {
        TPM: Bucket(TPM, Level(6_000, 1_000, NOW - 10, "429", NOW)),
        RPD: Bucket(RPD, Level(100, 50, NOW, "429", NOW)),
    }
    target.buckets = {
        TPM: Bucket(TPM, Level(6_000, 3_000, NOW - 10, "429", NOW)),
        RPM: Bucket(RPM, Level(60, 20, NOW, "429", NOW)),
    }
    source.calls_in_flight, source.tokens_in_flight = 2, 700.0
    target.calls_in_flight, target.tokens_in_flight = 1, 300.0
    for each, unshared in ((source.buckets[TPM], 5.0), (target.buckets[TPM], 7.0), (source.buckets[RPD], 3.0)):
        each.unshared = unshared
    target.bench = Bench(NOW + 5, "RPM", "short", NOW)
    source.bench = Bench(NOW + 9, "RPD", "long", NOW - 1)
    ledger.rename("a", "b", NOW)
    assert ledger.accounts() == (target,)
    found = {each.value: (bucket.level, bucket.unshared) for each, bucket in target.buckets.items()}
    assert found == {"TPM": (pytest.approx(2_000 - 300), 12.0), "RPM": (18.0, 0.0), "RPD": (49.0, 3.0)}
    assert all(bucket.as_of == NOW for bucket in target.buckets.values())
    assert (target.calls_in_flight, target.tokens_in_flight) == (3, 1_000.0)
    assert target.bench == Bench(NOW + 9, "RPD", "long", NOW)


@pytest.mark.parametrize(("until_s", "benched"), [(0.0, False), (0.5, True)])
def test_a_bench_that_is_over_is_not_merged(until_s: float, benched: bool) -> None:
    """One that is running holds the organization that it goes over to."""
    ledger = Ledger()
    ledger.account("b", MODEL)
    ledger.bench("a", MODEL, NOW + until_s, "", "", NOW)
    ledger.rename("a", "b", NOW)
    assert (ledger.account("b", MODEL).bench is not None) is benched
