"""The search for the knee of a server without quotas, played call by call against servers that are arithmetic."""

from __future__ import annotations

import heapq
import random
import statistics
from collections.abc import Callable

import pytest

from core.model import Dimension
from core.quota.ledger.ledger import Ledger
from core.quota.ledger.replies import Reading
from core.quota.pacing.concurrency import CAREFUL_WIDTH, FIRST_WIDTH, MOST_AT_ONCE, WIDE_WIDTH, Concurrency, Knee, Room
from core.quota.pacing.scheduler import Organization

Server = Callable[[int, float], float]
"""Seconds that a call takes with which so many are out, asked at that moment."""


def flat(_out: int, _at: float) -> float:
    return 0.5


def queueing(out: int, _at: float) -> float:
    return 0.5 * max(1.0, out / 64)


def doubling(out: int, _at: float) -> float:
    return 0.5 if out <= 64 else 1.0


def play(
    server: Server, *, until_s: float, calls: int = 10**9, spread: float = 0.0, seed: int = 1, fixed: int | None = None
) -> tuple[float, int, list[tuple[float, int]]]:
    """Play calls until a moment or their end; returns when it was, how many were answered, and each width with when."""
    rng, knee = random.Random(seed), Knee(MOST_AT_ONCE)
    now, asked, answered = 0.0, 0, 0
    out: list[tuple[float, int, int, float]] = []
    widths = [(0.0, knee.width)]
    while True:
        while len(out) < (fixed or knee.open_width) and asked < calls:
            asked += 1
            took_s = server(len(out) + 1, now) * rng.lognormvariate(-spread * spread / 2, spread)
            heapq.heappush(out, (now + took_s, asked, knee.asked(len(out) + 1), now))
        if not out or out[0][0] > until_s:
            return now, answered, widths
        now, _, lap, asked_at = heapq.heappop(out)
        answered += 1
        knee.ended(lap, now - asked_at, now)
        if knee.width != widths[-1][1]:
            widths.append((now, knee.width))


def share_of_time(widths: list[tuple[float, int]], least: int, most: int, from_s: float, until_s: float) -> float:
    """The share of a span in which the width lay between two bounds."""
    inside = 0.0
    for (since, width), (end, _) in zip(widths, [*widths[1:], (until_s, 0)], strict=True):
        if least <= width <= most:
            inside += max(0.0, min(end, until_s) - max(since, from_s))
    return inside / (until_s - from_s)


def test_1500_calls_of_half_a_second_take_hardly_longer_than_with_the_best_number() -> None:
    """From the first call to the last, the search reaches 0.85 of the speed of the best fixed number."""
    best_s = min(play(flat, until_s=999, calls=1500, fixed=number)[0] for number in (16, 32, 64, 96, 128))

    assert best_s / play(flat, until_s=999, calls=1500)[0] >= 0.85


@pytest.mark.parametrize("server", [queueing, doubling], ids=["grows", "doubles"])
def test_the_knee_is_found_within_ten_seconds(server: Server) -> None:
    """Where more than 64 calls at once only take longer, the width lies within 15 % of 64 almost all the time."""
    _, answered, widths = play(server, until_s=60)

    assert share_of_time(widths, 55, 74, 10, 60) >= 0.9
    assert answered >= 0.9 * play(server, until_s=60, fixed=64)[1]


@pytest.mark.parametrize("spread", [0.3, 0.6])
def test_noise_does_not_carry_it_away(spread: float) -> None:
    """Latencies that differ by half of themselves leave it near the knee: no runaway to the maximum, no collapse."""
    _, answered, widths = play(queueing, until_s=120, spread=spread)

    assert share_of_time(widths, 40, 110, 20, 120) >= 0.9
    assert answered >= 0.9 * play(queueing, until_s=120, spread=spread, fixed=64)[1]


def test_a_server_that_halves_its_room_is_followed_within_twenty_seconds() -> None:
    """Half as many calls are worked on at once: the width halves."""
    widths = play(lambda out, at: 0.5 * max(1.0, out / (64 if at < 30 else 32)), until_s=80)[2]

    assert share_of_time(widths, 27, 37, 50, 80) >= 0.85


def test_a_server_that_takes_twice_as_long_keeps_its_width() -> None:
    """Fewer calls at once did not help, so the width is the one of before within twenty seconds."""
    widths = play(lambda out, at: (0.5 if at < 30 else 1.0) * max(1.0, out / 64), until_s=80)[2]

    assert share_of_time(widths, 55, 74, 50, 80) >= 0.9


def test_a_server_that_doubles_its_room_is_followed_within_twenty_seconds() -> None:
    """Twice as many are worked on at once: the width grows after it."""
    _, _, widths = play(lambda out, at: 0.5 * max(1.0, out / (32 if at < 30 else 64)), until_s=80)

    assert share_of_time(widths, 50, 90, 50, 80) >= 0.9


def test_a_refusal_for_want_of_room_halves_it_once() -> None:
    """Calls that were out together count as one refusal."""
    knee = Knee(MOST_AT_ONCE)
    knee.pushed_back(0.0, 1.0)
    knee.pushed_back(0.5, 1.1)

    assert knee.width == FIRST_WIDTH // 2


def test_calls_that_time_out_halve_it_and_an_outage_does_not_bring_it_back() -> None:
    """A server with two slots queues eight calls until they are cut off; one hanging call among many changes nothing."""
    knee, wide = Knee(MOST_AT_ONCE), Knee(MOST_AT_ONCE)
    for each in (knee, wide):
        each.ended(0, 1.0, 1.0)
    for _ in range(6):
        knee.timed_out(2.0, 62.0)
    assert knee.width == FIRST_WIDTH // 2

    knee.restart()
    assert knee.width == FIRST_WIDTH // 2

    wide.timed_out(2.0, 62.0)
    assert wide.width == FIRST_WIDTH


def test_a_lap_waits_for_three_quarters_of_its_calls_at_first_and_for_nine_tenths_later() -> None:
    """The width is another one when 75 % of a lap have ended while it opens, and 90 % when it has gone back."""
    knee, laps = Knee(256), []
    knee.ended(0, 0.5, 0.0)
    for second, latencies in enumerate([(0.5, 0.5), (0.5, 0.5), (2.0, 2.0), (0.1, 1.5)], 1):
        width = knee.width
        called = [lap for lap in (knee.asked(width) for _ in range(200)) if lap]
        ended = 0
        while knee.width == width and ended < len(called):
            knee.ended(called[ended], latencies[ended % 2], float(second))
            ended += 1
        laps.append((width, len(called), ended))
    assert laps == [(16, 16, 12), (128, 28, 21), (256, 32, 24), (64, 64, 58)]


def test_one_call_at_once_is_the_least() -> None:
    """However slow it gets, one call goes out."""
    assert min(width for _, width in play(lambda out, _: float(out), until_s=300)[2]) >= 1


def test_a_server_of_ones_own_that_answers_side_by_side_is_opened_wider_than_one_that_queues() -> None:
    """The second of the first two answers takes as long as the first: 64 go out; twice as long, or slow ones: 16."""
    aside, queued, slow = (Knee(MOST_AT_ONCE, wide=True) for _ in range(3))
    elsewhere = Knee(MOST_AT_ONCE)
    for knee, first_s, second_s in ((aside, 0.5, 0.6), (queued, 0.5, 1.0), (slow, 2.0, 2.1), (elsewhere, 0.5, 0.5)):
        knee.ended(0, first_s, first_s)
        assert knee.width == FIRST_WIDTH
        knee.ended(0, second_s, second_s)

    assert [knee.width for knee in (aside, queued, slow, elsewhere)] == [WIDE_WIDTH, *3 * [FIRST_WIDTH]]


def organization(room: Room) -> Organization:
    account = Ledger().account("org", "model")
    return Organization("org", account, Concurrency(32), room=room)


def answer(org: Organization, calls: int, *readings: Reading) -> None:
    for _ in range(calls):
        org.account.settle(org.account.reserve(100.0, 0.0), 100.0, readings, 0.0, proven=True)


def test_a_server_of_ones_own_opens_at_once_and_another_one_slowly() -> None:
    """A private server gets two calls, and eight after a first quick answer; elsewhere one, until 48 were let through."""
    elsewhere = organization(Room())
    elsewhere.room.knee.ended(0, 0.5, 1.0)

    room = Room(own=True)
    assert organization(room).calls_at_once(100.0) == CAREFUL_WIDTH
    room.knee.ended(0, 0.5, 1.0)
    assert organization(room).calls_at_once(100.0) == FIRST_WIDTH
    slow = Room(own=True)
    slow.knee.ended(0, 20.0, 20.0)
    assert slow.width == CAREFUL_WIDTH
    assert elsewhere.calls_at_once(100.0) == 1
    answer(elsewhere, 47)
    assert elsewhere.calls_at_once(100.0) < FIRST_WIDTH
    answer(elsewhere, 1)
    assert elsewhere.calls_at_once(100.0) == FIRST_WIDTH


def test_headers_that_tell_of_limits_bring_the_slow_opening_back() -> None:
    """A private server that shows quotas is treated like any other with quotas."""
    org = organization(Room(own=True))
    answer(org, 1, Reading(Dimension.TPM, 6_000.0, 5_900.0))

    assert org.calls_at_once(100.0) == pytest.approx(1 + 1 / 16)


def test_a_chosen_number_sets_it_without_quotas_and_caps_it_with_them() -> None:
    """It is what a person said, on a private server; where quotas pace it is an upper bound."""
    own, other = organization(Room(own=True, chosen=40)), organization(Room(chosen=1))
    answer(other, 100, Reading(Dimension.RPM, 600.0, 500.0))

    assert own.calls_at_once(100.0) == 40
    assert other.calls_at_once(100.0) == 1
    other.room.choose(None)
    assert other.calls_at_once(100.0) > 1


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_noise_does_not_hide_a_cliff(seed: int) -> None:
    """Where calls take twice as long beyond 64 at once and vary by 30 %, the width ends just below."""
    _, _, widths = play(doubling, until_s=30, spread=0.3, seed=seed)

    assert share_of_time(widths, 52, 64, 12, 30) >= 0.7


def test_a_width_that_is_clearly_too_large_is_left_before_all_its_calls_have_ended() -> None:
    """1,500 calls on such a server take about a fifth longer than with the best fixed number, over ten seeds."""
    best_s = statistics.fmean(
        play(doubling, until_s=999, calls=1500, spread=0.3, fixed=64, seed=n)[0] for n in range(10)
    )
    took_s = statistics.fmean(play(doubling, until_s=999, calls=1500, spread=0.3, seed=n)[0] for n in range(10))

    assert best_s / took_s >= 0.81


@pytest.mark.parametrize("changes_at", [27.0, 29.5, 31.0, 36.0])
def test_new_room_is_found_within_twenty_seconds_whenever_it_comes(changes_at: float) -> None:
    """Also where a larger number was tried in vain just before."""
    _, _, widths = play(lambda out, at: 0.5 * max(1.0, out / (32 if at < changes_at else 64)), until_s=changes_at + 30)

    assert any(width >= 50 for at, width in widths if changes_at < at < changes_at + 20)


def test_the_opening_grows_by_less_on_a_slow_server() -> None:
    """A server that answers one call after another is never given more than it answers before calls time out."""
    longest = 0.0

    def one_by_one(out: int, _at: float) -> float:
        nonlocal longest
        longest = max(longest, 5.0 * out)
        return 5.0 * out

    play(one_by_one, until_s=300)

    assert longest <= 60.0


def test_the_search_ends_at_128_calls_at_once() -> None:
    """On a server that answers any number as fast; a person may allow more."""
    assert max(width for _, width in play(flat, until_s=60)[2]) == 128
