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


VARYING = (1.0, 0.8, 1.3, 0.9, 1.1, 0.7, 1.2)
"""By how much one call takes longer than another, in turns."""
SERVERS: dict[str, Server] = {
    "flat": flat,
    "queues beyond 64": queueing,
    "twice as slow beyond 64": doubling,
    "six times as slow beyond 20": lambda out, _: 0.5 if out <= 20 else 3.0,
    "ten at once in 3 s": lambda out, _: 3.0 * max(1.0, out / 10),
    "one by one": lambda out, _: 2.0 * out,
    "half the room after 15 s": lambda out, at: 0.5 * max(1.0, out / (64 if at < 15 else 32)),
    "half as fast after 15 s": lambda out, at: (0.5 if at < 15 else 1.0) * max(1.0, out / 64),
    "twice the room after 15 s": lambda out, at: 0.5 * max(1.0, out / (32 if at < 15 else 64)),
}


def path(server: Server, latencies: tuple[float, ...], *, wide: bool, until_s: float = 36.0) -> str:
    """Each width that the search tries, behind the number of calls that had ended by then."""
    knee = Knee(MOST_AT_ONCE, wide=wide)
    now, asked, ended, width = 0.0, 0, 0, knee.open_width
    out: list[tuple[float, int, int, float]] = []
    tried = [f"0:{width}"]
    while True:
        while len(out) < knee.open_width:
            asked += 1
            took_s = server(len(out) + 1, now) * latencies[asked % len(latencies)]
            heapq.heappush(out, (now + took_s, asked, knee.asked(len(out) + 1), now))
        if out[0][0] > until_s:
            return " ".join(tried)
        now, _, lap, asked_at = heapq.heappop(out)
        ended += 1
        knee.ended(lap, now - asked_at, now)
        if knee.open_width != width:
            width = knee.open_width
            tried.append(f"{ended}:{width}")


@pytest.mark.parametrize(
    ("server", "latencies", "wide", "expected"),
    [
        ("flat", (1.0,), False, "0:2 1:16 12:128 2076:116 2319:128 4494:116 4737:128 6912:116 7155:128"),
        ("flat", VARYING, True, "0:2 1:16 2:64 51:128 2457:116 2707:128 5215:116 5464:128 7971:116 8219:128"),
        (
            "queues beyond 64",
            (1.0,),
            False,
            "0:2 1:16 12:128 132:74 893:82 979:74 1932:67 2303:60 2477:67 3381:74 3459:67 4376:60",
        ),
        (
            "queues beyond 64",
            (1.0,),
            True,
            "0:2 1:16 2:64 51:128 174:70 919:78 999:70 1932:63 2291:57 2456:63 3330:70 3408:63 4295:57 4460:63",
        ),
        (
            "queues beyond 64",
            VARYING,
            False,
            "0:2 1:16 13:128 136:74 911:82 1090:74 1865:67 2238:60 2413:67 3326:74 3499:67 4424:60",
        ),
        (
            "queues beyond 64",
            VARYING,
            True,
            "0:2 1:16 2:64 51:128 191:68 939:75 1106:68 2037:61 2386:55 2546:61 3395:68 3574:61",
        ),
        (
            "twice as slow beyond 64",
            (1.0,),
            False,
            "0:2 1:16 12:128 132:64 854:71 925:64 1827:58 1995:64 2884:71 2955:64 3857:58 4025:64",
        ),
        (
            "twice as slow beyond 64",
            (1.0,),
            True,
            "0:2 1:16 2:64 51:128 174:91 309:76 407:64 956:71 1027:64 1750:58 1918:64 2807:71 2878:64 3601:58 3769:64",
        ),
        (
            "twice as slow beyond 64",
            VARYING,
            False,
            "0:2 1:16 13:128 137:65 272:49 427:56 1050:62 1218:76 1292:62 2175:56 2338:62 3203:69 3273:62",
        ),
        (
            "twice as slow beyond 64",
            VARYING,
            True,
            "0:2 1:16 2:64 51:128 193:63 913:70 983:63 1877:57 2043:63 2922:70 2992:63 3885:57 4051:63",
        ),
        (
            "six times as slow beyond 20",
            (1.0,),
            False,
            "0:2 1:16 12:128 132:21 267:16 309:18 358:22 385:20 601:18 653:20 816:22 843:20",
        ),
        (
            "six times as slow beyond 20",
            VARYING,
            False,
            "0:2 1:16 13:128 134:22 269:16 317:19 369:25 398:22 429:19 535:16 582:19 741:22 768:19",
        ),
        ("ten at once in 3 s", (1.0,), False, "0:2 1:16 12:106"),
        ("one by one", (1.0,), True, "0:2 1:16 12:27"),
        (
            "half the room after 15 s",
            (1.0,),
            False,
            "0:2 1:16 12:128 132:74 893:82 979:74 1932:50 2013:74 2195:55 2520:49 2800:44 3051:40",
        ),
        (
            "half the room after 15 s",
            VARYING,
            True,
            "0:2 1:16 2:64 51:128 191:68 939:75 1106:68 2037:34 2263:30 2351:34 2636:38 2737:34 3124:30",
        ),
        (
            "half as fast after 15 s",
            (1.0,),
            False,
            "0:2 1:16 12:128 132:74 893:82 979:74 1932:50 2013:74 2195:55 2520:49 2663:55 2964:61",
        ),
        (
            "half as fast after 15 s",
            VARYING,
            True,
            "0:2 1:16 2:64 51:128 191:68 939:75 1106:68 2037:34 2117:68 2481:61 2831:55 2990:61",
        ),
        (
            "twice the room after 15 s",
            (1.0,),
            False,
            "0:2 1:16 12:128 132:37 602:41 647:37 1063:33 1251:29 1336:33 1793:37 1893:45 2014:60 2175:88 2262:60",
        ),
        (
            "twice the room after 15 s",
            VARYING,
            True,
            "0:2 1:16 2:64 51:128 188:40 689:44 807:40 1261:36 1465:32 1559:36 2058:40 2166:49 2299:66 2475:97 2590:66",
        ),
    ],
)
def test_the_search_takes_the_same_path_on_the_same_server(
    server: str, latencies: tuple[float, ...], wide: bool, expected: str
) -> None:
    """Opening, going back, resting, trying more and less: each width, and after how many answers it is left."""
    assert path(SERVERS[server], latencies, wide=wide) == expected


def lap_of(knee: Knee, latency_s: float, now: float) -> int:
    """Have a whole lap answered; returns how many calls it took."""
    width, calls = knee.width, 0
    laps = [lap for lap in (knee.asked(knee.width) for _ in range(600)) if lap]
    while laps and knee.width == width:
        knee.ended(laps.pop(), latency_s, now)
        calls += 1
    return calls


def test_refusals_for_want_of_room_halve_it_down_to_one() -> None:
    """One for each crowd: what was asked before the last one counts with it, what was asked at that moment does not."""
    knee = Knee(MOST_AT_ONCE)
    widths = []
    for asked_at, now in ((0, 10), (9.9, 11), (10, 12), (12, 12), (13, 14), (15, 16), (17, 18), (17, 17.5)):
        knee.pushed_back(asked_at, now)
        widths.append(knee.width)
    assert widths == [8, 8, 4, 2, 1, 1, 1, 1]
    assert lap_of(knee, 0.5, 19.0) == 4, "the least that a lap takes"


@pytest.mark.parametrize(
    ("answers", "widths"),
    [([], [1, 1]), ([1.0], [16, 16, 16, 8, 8]), ([3.02], [15, 15, 15, 7, 7]), ([6.0], [8, 4, 4]), ([20.0], [1, 1])],
    ids=["none yet", "quick", "slow", "slower", "two at once"],
)
def test_one_in_four_calls_that_time_out_halves_it(answers: list[float], widths: list[int]) -> None:
    """Two are out before an answer, 16 after a quick one, and what 48 s allow after a slow one."""
    knee = Knee(MOST_AT_ONCE)
    for latency_s in answers:
        knee.ended(0, latency_s, latency_s)
    found = []
    for _ in widths:
        knee.timed_out(30.0, 90.0)
        found.append(knee.width)
    assert found == widths, "once it is halved, those asked before are of the same crowd"
    knee.restart()
    assert knee.width == widths[-1], "also after an outage"


@pytest.mark.parametrize(
    ("latency_s", "width"),
    [(0.0, 16), (3.0, 16), (3.01, 15), (6.0, 8), (6.01, 2), (24.0, 2), (60.0, 2)],
)
def test_the_first_answer_bounds_what_goes_out_next(latency_s: float, width: int) -> None:
    """As many as a server that answers one by one manages in 48 s; where that is fewer than 8, two."""
    knee = Knee(MOST_AT_ONCE)
    assert (knee.open_width, knee.width) == (2, 16)
    knee.ended(0, latency_s, 1.0)
    assert (knee.open_width, knee.width) == (width, width)


@pytest.mark.parametrize(
    ("first_s", "second_s", "width"),
    [(0.4, 0.68, 64), (0.4, 0.69, 16), (0.7, 0.75, 64), (0.7, 0.751, 16), (4.0, 0.1, 12)],
)
def test_sixty_four_go_out_where_the_first_two_are_answered_side_by_side(
    first_s: float, second_s: float, width: int
) -> None:
    """The second takes at most 1.7 times as long, and 64 one after the other would be done in 48 s."""
    knee = Knee(MOST_AT_ONCE, wide=True)
    for latency_s in (first_s, second_s, first_s):
        knee.ended(0, latency_s, 1.0)
    assert knee.width == width


def test_a_call_that_says_nothing_is_replaced_by_another_of_its_lap() -> None:
    """A lap counts the calls that were asked in it, and no more; one that is dropped makes room for one."""
    knee = Knee(MOST_AT_ONCE)
    knee.ended(0, 0.5, 0.5)
    laps = [knee.asked(16) for _ in range(18)]
    assert [lap > 0 for lap in laps] == [True] * 16 + [False] * 2
    knee.dropped(0)
    knee.dropped(laps[0] + 1)
    assert knee.asked(16) == 0
    knee.dropped(laps[0])
    assert (knee.asked(16), knee.asked(16)) == (laps[0], 0)


def test_another_maximum_narrows_it_at_once_and_is_searched_up_to() -> None:
    """A smaller one holds from now on, a larger one is tried after the next lap."""
    knee = Knee(32)
    knee.ended(0, 0.5, 0.5)
    widths = []
    for most in (32, 32, 20, 40, 40, 40):
        knee.limit(most)
        widths.append(knee.width)
        lap_of(knee, 0.5, 1_000.0 * len(widths))
        widths.append(knee.width)
    assert widths == [16, 32, 32, 32, 20, 20, 20, 22, 22, 27, 27, 36]


@pytest.mark.parametrize(("chosen", "kept"), [(None, None), (-1, 1), (0, 1), (1, 1), (2, 2), (256, 256), (257, 256)])
def test_what_a_person_chooses_is_at_least_one_call(chosen: int | None, kept: int | None) -> None:
    """And at most what a client has connections for."""
    room = Room(chosen=chosen)
    assert room.chosen == kept
    room.in_flight = 1
    assert room.left == (float("inf") if kept is None else kept - 1)
    assert room.free == (1 if kept is None else kept - 1)
    room.in_flight = 2_000
    assert (room.free, room.left) == (0, float("inf") if kept is None else 0)


def test_an_operators_word_opens_a_server_as_wide_as_it_goes_once() -> None:
    """Said again it changes nothing of what was found; taken back, the search begins as elsewhere."""
    room = Room(own=True)
    first = room.knee
    room.trust(False)
    assert room.knee is first
    room.trust(True)
    trusted = room.knee
    assert (trusted.most, trusted.width, room.width) == (256, 256, 256)
    room.trust(True)
    assert room.knee is trusted
    room.trust(False)
    assert (room.knee.most, room.knee.width, room.width) == (128, 16, 2)


@pytest.mark.parametrize(("out", "counts"), [(8, False), (9, True), (10, True)])
def test_calls_asked_while_few_are_out_say_nothing_of_a_width(out: int, counts: bool) -> None:
    """Fewer than nine tenths of it, once it has opened."""
    knee = Knee(MOST_AT_ONCE, 20)
    knee.pushed_back(0.0, 1.0)
    assert knee.width == 10
    assert (knee.asked(out) > 0) is counts
