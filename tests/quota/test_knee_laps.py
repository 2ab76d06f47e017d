"""The search for the knee lap by lap: from what was known and what a lap measured to what is tried next."""

from __future__ import annotations

import math
from typing import Any

import pytest

from core.model import MOST_EVER
from core.quota.pacing.concurrency import Concurrency, Knee, Room, _Lap

NOW = 100.0


def told(knee: Knee) -> str:
    """All that the search knows, in words."""
    laps = {"best": knee._best, "before": knee._before, "suspect": knee._suspect, "overshot": knee._overshot}
    parts = [str(knee.width)]
    for name, lap in laps.items():
        if lap is not None:
            parts.append(f"{name} {lap.width} {lap.latency_s:.3g} s" + (f" ±{lap.error:g}" if lap.error else ""))
    parts += [f"bad {knee._bad}"] if knee._bad is not None else []
    parts += [word for word in ("opening", "searching") if getattr(knee, f"_{word}")]
    parts += [] if knee._larger_next else ["smaller next"]
    if not math.isinf(knee._rests_until_at):
        parts.append(f"rests {knee._rest_s:g} s until {knee._rests_until_at:g}")
    parts += [f"streak {knee._streak}"] if knee._streak else []
    parts.append(f"{knee._needed} calls" + (f" behind {knee._skipped}" if knee._skipped else ""))
    return ", ".join(parts)


def knee_with(most: int = 256, width: int = 16, **known: Any) -> Knee:
    """A search of which only that is known; it neither opens nor searches unless that is said."""
    knee = Knee(most)
    knee.width = width
    for name, value in {"opening": False, "searching": False, **known}.items():
        setattr(knee, f"_{name}", _Lap(*value, *(3 - len(value)) * [0.0]) if isinstance(value, tuple) else value)
    return knee


@pytest.mark.parametrize(
    ("most", "known", "lap", "expected"),
    [
        (
            256,
            {"opening": True, "searching": True},
            (16, 1.0),
            "128, best 16 1 s, opening, searching, 28 calls behind 84",
        ),
        (
            256,
            {"opening": True, "searching": True},
            (16, 5.0),
            "64, best 16 5 s, opening, searching, 12 calls behind 36",
        ),
        (256, {"opening": True, "searching": True}, (16, 25.0), "16, best 16 25 s, rests 4 s until 104, 32 calls"),
        (16, {"opening": True, "searching": True}, (16, 1.0), "16, best 16 1 s, rests 4 s until 104, 32 calls"),
        (
            256,
            {"opening": True, "searching": True, "best": (4, 1.0)},
            (32, 1.0),
            "256, best 32 1 s, before 4 1 s, opening, searching, streak 1, 56 calls behind 168",
        ),
        (
            32,
            {"opening": True, "searching": True, "best": (16, 1.0)},
            (32, 1.3),
            "25, best 16 1 s, before 16 1 s, overshot 32 1.3 s, streak 1, 25 calls",
        ),
        (
            12,
            {"opening": True, "searching": True, "best": (6, 1.0)},
            (12, 1.2),
            "12, best 12 1.2 s, before 6 1 s, rests 4 s until 104, 24 calls",
        ),
        (12, {"opening": True, "searching": True}, (12, 1.2), "12, best 12 1.2 s, rests 4 s until 104, 24 calls"),
        (
            256,
            {"opening": True, "searching": True, "best": (16, 1.0)},
            (128, 4.0),
            "32, best 16 1 s, overshot 128 4 s, bad 128, 32 calls",
        ),
        (
            256,
            {"opening": True, "searching": True, "best": (16, 1.0)},
            (128, 8.0),
            "45, best 16 1 s, bad 128, searching, 90 calls",
        ),
        (256, {"searching": True, "best": (16, 1.0)}, (64, 4.0), "32, best 16 1 s, bad 64, searching, 64 calls"),
        (256, {"best": (16, 1.0)}, (64, 4.0), "32, best 16 1 s, bad 64, searching, 64 calls"),
        (
            256,
            {"best": (16, 1.0), "rests_until_at": 50.0},
            (64, 4.0),
            "16, best 16 1 s, bad 64, rests 6 s until 106, 32 calls",
        ),
        (
            256,
            {"best": (16, 1.0), "rests_until_at": 50.0, "searching": True},
            (64, 4.0),
            "32, best 16 1 s, bad 64, searching, rests 4 s until 50, 64 calls",
        ),
        (
            256,
            {"searching": True, "best": (10, 1.0)},
            (12, 2.0),
            "10, best 10 1 s, bad 12, rests 4 s until 104, 20 calls",
        ),
        (256, {"searching": True, "best": (10, 1.0)}, (13, 2.0), "11, best 10 1 s, bad 13, searching, 22 calls"),
        (
            256,
            {"searching": True, "best": (10, 1.0, 0.1)},
            (13, 2.0),
            "10, best 10 1 s ±0.1, bad 13, rests 4 s until 104, 20 calls",
        ),
        (
            256,
            {"searching": True, "best": (10, 1.0), "bad": 40},
            (20, 1.0),
            "28, best 20 1 s, before 10 1 s, bad 40, searching, streak 1, 56 calls",
        ),
        (256, {"best": (10, 1.0)}, (20, 1.0), "25, best 20 1 s, before 10 1 s, streak 1, 50 calls"),
        (256, {"best": (38, 1.0), "streak": 2}, (40, 1.0), "59, best 40 1 s, before 38 1 s, streak 3, 118 calls"),
        (
            256,
            {"best": (18, 1.0), "bad": 40},
            (20, 1.0),
            "20, best 20 1 s, before 18 1 s, bad 40, rests 4 s until 104, 40 calls",
        ),
        (256, {"best": (10, 1.0)}, (9, 1.0), "10, best 10 1 s, rests 4 s until 104, 20 calls"),
        (256, {"best": (10, 1.0)}, (9, 0.8), "9, best 9 0.8 s, smaller next, rests 4 s until 100, 18 calls"),
        (
            256,
            {"best": (10, 1.0, 0.2), "rests_until_at": 101.0},
            (10, 1.1, 0.1),
            "10, best 10 1.03 s ±0.1, rests 4 s until 101, 20 calls",
        ),
        (
            256,
            {"best": (10, 1.0), "rests_until_at": 100.0},
            (10, 1.1),
            "12, best 10 1.03 s, smaller next, rests 4 s until 100, 24 calls",
        ),
        (
            256,
            {"best": (10, 1.0), "rests_until_at": 100.0, "larger_next": False, "bad": 30},
            (10, 1.1),
            "9, best 10 1.03 s, rests 4 s until 100, 18 calls",
        ),
        (
            256,
            {"best": (10, 1.0), "rests_until_at": 100.0},
            (10, 1.0, 0.05),
            "13, best 10 1 s, smaller next, rests 4 s until 100, 26 calls",
        ),
        (
            256,
            {"best": (10, 1.0), "rests_until_at": 100.0},
            (10, 1.0, 0.5),
            "16, best 10 1 s, smaller next, rests 4 s until 100, 32 calls",
        ),
        (
            10,
            {"best": (10, 1.0), "rests_until_at": 100.0},
            (10, 1.1),
            "10, best 10 1.03 s, smaller next, rests 4 s until 104, 20 calls",
        ),
        (
            256,
            {"best": (1, 1.0), "rests_until_at": 100.0, "larger_next": False},
            (1, 1.1),
            "2, best 1 1.03 s, rests 4 s until 100, 4 calls",
        ),
        (
            256,
            {"best": (2, 1.0), "rests_until_at": 100.0, "larger_next": False},
            (2, 1.1),
            "1, best 2 1.03 s, rests 4 s until 100, 4 calls",
        ),
        (
            256,
            {"best": (10, 1.0), "rests_until_at": 101.0},
            (10, 1.2),
            "10, best 10 1.06 s, rests 4 s until 101, 20 calls",
        ),
        (
            256,
            {"best": (10, 1.0), "rests_until_at": 101.0},
            (10, 1.25),
            "8, best 10 1 s, suspect 10 1.25 s, rests 4 s until 101, 16 calls",
        ),
        (
            256,
            {"best": (10, 1.0, 0.15), "rests_until_at": 101.0},
            (10, 1.5, 0.2),
            "10, best 10 1.15 s ±0.15, rests 4 s until 101, 20 calls",
        ),
        (
            256,
            {"best": (2, 1.0), "rests_until_at": 101.0},
            (2, 1.5),
            "1, best 2 1 s, suspect 2 1.5 s, rests 4 s until 101, 4 calls",
        ),
        (256, {"best": (1, 1.0), "rests_until_at": 101.0}, (1, 1.5), "1, best 1 1.15 s, rests 4 s until 101, 4 calls"),
        (
            256,
            {"best": (10, 1.2), "bad": 30, "rest_s": 6.0, "rests_until_at": 101.0},
            (10, 1.0),
            "10, best 10 1.14 s, bad 30, rests 6 s until 101, 20 calls",
        ),
        (
            256,
            {"best": (10, 1.25), "bad": 30, "rest_s": 6.0, "rests_until_at": 101.0},
            (10, 1.0),
            "15, best 10 1 s, rests 4 s until 101, 30 calls",
        ),
        (
            256,
            {"best": (10, 1.5, 0.2), "bad": 30, "rests_until_at": 101.0},
            (10, 1.0, 0.15),
            "10, best 10 1.35 s ±0.15, bad 30, rests 4 s until 101, 20 calls",
        ),
        (
            256,
            {"best": (10, 1.0), "suspect": (10, 2.0), "bad": 7, "rest_s": 6.0},
            (5, 1.9),
            "10, best 10 2 s, rests 4 s until 104, 20 calls",
        ),
        (
            256,
            {"best": (10, 1.0), "suspect": (10, 2.0), "bad": 7, "rest_s": 6.0},
            (5, 1.0),
            "5, best 5 1 s, smaller next, rests 4 s until 100, 10 calls",
        ),
        (
            256,
            {"best": (4, 1.0), "overshot": (8, 1.0), "bad": 8},
            (6, 1.0),
            "6, best 6 1 s, before 4 1 s, rests 4 s until 104, 12 calls",
        ),
        (
            256,
            {"best": (4, 1.0), "overshot": (8, 1.0), "bad": 8},
            (6, 1.01),
            "4, best 4 1 s, bad 6, searching, 8 calls",
        ),
    ],
)
def test_what_follows_from_a_lap(most: int, known: dict[str, Any], lap: tuple[float, ...], expected: str) -> None:
    """Width, latency and error of what was best, and of the lap; what is known and tried afterwards."""
    width, latency_s, *error = lap
    knee = knee_with(most, int(width), **known)
    knee._decide(_Lap(int(width), latency_s, *error or [0.0]), NOW)
    assert told(knee) == expected


@pytest.mark.parametrize(
    ("one", "other", "worth"),
    [
        ((1, 1.0), (4, 4**0.45), True),
        ((4, 4**0.45), (1, 1.0), True),
        ((1, 1.0), (4, 4**0.45 + 1e-6), False),
        ((10, 1.0), (20, 1.36), True),
        ((10, 1.0), (20, 1.37), False),
        ((10, 1.0), (100, 2.81), True),
        ((10, 1.0), (100, 2.82), False),
        ((2, 1.0), (2, 2.0), True),
        ((2, 2.0), (2, 1.0), False),
    ],
)
def test_more_calls_are_worth_it_where_they_bring_half_as_many_more_answers(
    one: tuple[int, float], other: tuple[int, float], worth: bool
) -> None:
    """Of a tenth more calls 5.5 % more answers: latency may grow by the power 0.45 of the widths."""
    assert Knee._worth(_Lap(*one, 0.0), _Lap(*other, 0.0)) is worth


@pytest.mark.parametrize(
    ("error", "step"), [(0.0, 1.1), (0.02, 1.1), (0.05, math.exp(0.2)), (0.1, math.exp(0.4)), (0.11, 1.5), (9.0, 1.5)]
)
def test_a_step_is_larger_where_latencies_are_noisy(error: float, step: float) -> None:
    """A tenth at least, four errors else, and half at most."""
    assert Knee._step(_Lap(10, 1.0, error)) == pytest.approx(step)


@pytest.mark.parametrize(
    ("known", "lap", "clear"),
    [
        ({}, (20, 9.0), False),
        ({"opening": True, "best": (10, 1.0)}, (20, 9.0), False),
        ({"best": (10, 1.0)}, (20, 1.36), False),
        ({"best": (10, 1.0)}, (20, 1.37), True),
        ({"best": (10, 1.0)}, (10, 9.0), False),
        ({"best": (10, 1.0)}, (9, 9.0), False),
        ({"best": (10, 1.0), "overshot": (8, 1.0)}, (6, 1.0), False),
        ({"best": (10, 1.0), "overshot": (8, 1.0)}, (6, 1.01), True),
        ({"best": (10, 1.0), "suspect": (10, 2.0)}, (5, 1.46), False),
        ({"best": (10, 1.0), "suspect": (10, 2.0)}, (5, 1.47), True),
    ],
)
def test_a_lap_is_decided_early_where_its_calls_surely_take_too_long(
    known: dict[str, Any], lap: tuple[int, float], clear: bool
) -> None:
    """More calls than the best, back from too many, or fewer after answers got slower."""
    assert knee_with(**known)._is_clear(_Lap(*lap, 0.0)) is clear


def test_a_lap_is_measured_with_its_late_calls_as_slow_as_the_slowest() -> None:
    """Mean, relative error of the mean, and the least that its calls take."""
    knee = knee_with(width=8)
    knee._asked, knee._ended, knee._sum, knee._squares = 4, 4, 8.0, 20.0
    assert knee._moments() == (2.0, 1.0)
    assert knee._measured() == _Lap(8, 2.0, 0.25)
    assert knee._measured().rate == 4.0
    assert knee._at_least() == _Lap(8, 1.0, 0.0)
    knee._asked = 9
    assert knee._measured() == _Lap(
        8, pytest.approx((8 + 5 * math.sqrt(5)) / 9), pytest.approx(1 / 2.1311 / 3, abs=1e-4)
    )
    knee._squares = 15.0
    assert knee._moments() == (2.0, 0.0), "rounding makes no spread of nothing"
    knee._sum = knee._squares = 0.0
    assert (knee._measured().latency_s, knee._at_least().latency_s) == (1e-6, 1e-6)


@pytest.mark.parametrize(
    ("width", "known", "to", "calls"),
    [
        (16, {"opening": True}, 40, (24, 0)),
        (16, {"opening": True, "best": (16, 1.0)}, 40, (6, 18)),
        (16, {"opening": True}, 16, (16, 0)),
        (16, {"opening": True}, 10, (10, 0)),
        (16, {"opening": True}, 500, (128, 0)),
        (16, {"best": (16, 1.0)}, 40, (80, 0)),
        (16, {"best": (16, 1.0), "overshot": (64, 1.0)}, 40, (40, 0)),
        (16, {}, 200, (128, 0)),
        (16, {}, 1, (4, 0)),
        (16, {}, 0.4, (4, 0)),
        (16, {}, 2.6, (6, 0)),
    ],
)
def test_how_many_calls_a_lap_takes(width: int, known: dict[str, Any], to: float, calls: tuple[int, int]) -> None:
    """The new ones while it opens, later two rounds, one after it went back; four at least and 128 at most."""
    knee = knee_with(300, width, **known)
    knee._go_to(to)
    assert knee.width == max(1, min(300, round(to)))
    assert (knee._needed, knee._skipped) == calls


@pytest.mark.parametrize(("first", "width"), [(7, 8), (8, 64), (9, 72)])
def test_it_opens_by_multiples_from_eight_calls_on(first: int, width: int) -> None:
    """From fewer it goes by steps."""
    knee = Knee(256, first)
    knee._decide(_Lap(first, 1.0, 0.0), NOW)
    assert knee.width == width


def test_another_maximum_at_the_width_keeps_what_was_found() -> None:
    """A smaller one has it found anew; what was too many may do now."""
    knee = knee_with(256, 16, best=(16, 1.0), bad=20)
    knee.limit(16)
    assert told(knee) == "16, best 16 1 s, 16 calls"
    knee.limit(15)
    assert (told(knee), knee.most) == ("15, 30 calls", 15)


def test_refusals_for_want_of_room_begin_a_search_below() -> None:
    """What was best is no more, the width is too many; it rests, and counts time-outs anew."""
    knee = knee_with(
        256, 64, best=(32, 1.0), suspect=(64, 2.0), overshot=(80, 2.0), opening=True, untried=False, timeouts=3
    )
    knee.pushed_back(NOW - 1, NOW)
    assert told(knee) == "32, bad 64, searching, rests 4 s until 104, 64 calls"
    widths = []
    for _ in range(9):
        knee.timed_out(NOW, NOW + 60)
        widths.append(knee.width)
    assert widths == [32] * 7 + [16, 16]


def test_restarting_forgets_all_but_the_first_width() -> None:
    """What a fresh search knows."""
    knee = knee_with(64, 40, best=(32, 1.0), before=(16, 1.0), suspect=(64, 2.0), overshot=(80, 2.0), bad=50, streak=3)
    knee.pushed_back(NOW - 1, NOW)
    knee._rest_s, knee._larger_next, knee._timeouts = 6.0, False, 2
    knee.restart()
    assert told(knee) == "16, opening, searching, 16 calls"
    assert (knee._rest_s, knee._timeouts, knee._halved_at, knee._streak) == (4.0, 0, -math.inf, 0)
    assert told(Knee(10)) == "10, opening, searching, 10 calls"


@pytest.mark.parametrize(("late", "calls"), [(0, 16), (4, 12), (5, 11)])
def test_a_lap_that_opens_ends_with_three_quarters_of_its_calls(late: int, calls: int) -> None:
    """And once all of them were asked."""
    knee = Knee(128)
    knee.ended(0, 0.5, 0.5)
    laps = [knee.asked(16) for _ in range(16)]
    for lap in laps[:calls]:
        assert knee.width == 16 or late == 0
        knee.ended(lap, 0.5, 1.0)
    assert knee.width == (128 if late <= 4 else 16)


def test_calls_of_an_earlier_lap_say_nothing_of_this_one() -> None:
    """Nor do those of none."""
    knee = knee_with(256, 8, untried=False)
    lap = knee.asked(8)
    for each in (0, lap - 1, lap + 1):
        knee.ended(each, 1.0, NOW)
    assert knee._ended == 0
    knee.ended(lap, 2.0, NOW)
    assert (knee._ended, knee._sum, knee._squares) == (1, 2.0, 4.0)


def test_a_room_begins_as_its_server_is() -> None:
    """At most 128 at once are searched for elsewhere; a plan without limits has as many as a client has connections."""
    room = Room()
    assert (room.own, room.trusted, room.in_flight, room.chosen, room.width, room.free) == (False, False, 0, None, 2, 2)
    assert (room.knee.most, Room(own=True, most=300).knee.most, MOST_EVER) == (128, 300, 256)
    assert (Room().knee._wide, Room(own=True).knee._wide) == (False, True)


@pytest.mark.parametrize(
    ("cap", "latency_s", "rate", "most"),
    [
        (32, 1.0, math.inf, 20),
        (10, 1.0, math.inf, 10),
        (32, 1.0, 0.0, 2),
        (32, 1.0, 2.0, 5),
        (32, 1.0, 2.1, 6),
        (32, 2.0, 2.0, 8),
        (32, 2.0, 9.0, 20),
        (5, 2.0, 9.0, 5),
    ],
)
def test_quotas_bound_calls_at_once_by_what_refills_while_one_is_under_way(
    cap: int, latency_s: float, rate: float, most: int
) -> None:
    """Half more than that and two; never more than the width and the cap."""
    concurrency = Concurrency(cap)
    concurrency._width, concurrency.latency_s = min(20.0, cap), latency_s
    assert concurrency.allowed(rate) == most


def test_the_usual_latency_is_the_mean_of_twenty_answers_and_moves_little_afterwards() -> None:
    """By a two-thousandth of the difference with each."""
    concurrency = Concurrency(32)
    for latency_s in (*19 * [1.0], 3.0):
        concurrency.answered(latency_s, in_demand=False)
    assert concurrency._base_s == pytest.approx(1.1)
    concurrency.answered(3.1, in_demand=False)
    assert concurrency._base_s == pytest.approx(1.101)
