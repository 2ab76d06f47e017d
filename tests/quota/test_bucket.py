"""Headers that lie, limits that move, others who spend: what a single bucket makes of the evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

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
        (Dimension.TPD, 600.5, True),
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


def _agreed(target: Bucket, given: list[float]) -> None:
    level = Level(given[0], given[1], NOW, "headers", NOW + 7, speed=given[2], drift=given[3], caution=given[4])
    target.adopt(level, NOW + given[5])


VERBS: dict[str, Callable[[Bucket, list[float]], object]] = {
    "at": lambda target, given: target.refill(NOW + given[0]),
    "take": lambda target, given: target.take(given[0]),
    "shown": lambda target, given: target.shown(*given),
    "refused": lambda target, given: target.refused(given[0], given[1], *(NOW + each for each in given[2:])),
    "admitted": lambda target, given: target.admitted(),
    "429": lambda target, given: target.limit_stated(given[0], "429"),
    "operator": lambda target, given: target.limit_stated(given[0], "operator"),
    "limit": lambda target, given: "yes" if target.limit_shown(given[0]) else "no",
    "faster": lambda target, given: target.rate_implied(given[0] * target.limit / target.dimension.period_s),
    "doubt": lambda target, given: target.doubt(),
    "wait": lambda target, given: f"{target.wait_s(*given):.3f} s",
    "agreed": _agreed,
}


def told(target: Bucket, line: str) -> str:
    """Do what a line says, so many times, and return what is known then."""
    times, verb, *words = line.split() if line.split(maxsplit=1)[0].endswith("x") else ["1x", *line.split()]
    answers = [VERBS[verb](target, [float(word) for word in words]) for _ in range(int(times[:-1]))]
    answer = " ".join(sorted({str(each) for each in answers if each is not None}))
    numbers = (target.level, target.own, target.drift, target.caution, target.unshared)
    marks = [
        f"x{target.speed:g}" if target.speed != 1.0 else "",
        f"of {target.limit:g}" if target.limit != 6_000 else "",
        "certain" if target.is_certain else "",
        "" if target.believes_headers(target.as_of) else "deaf",
        "down" if target.corrected_down else "",
        "up" if target.corrected_up else "",
        answer,
    ]
    return " ".join(filter(None, [*(f"{round(each, 2):g}" for each in numbers), *marks]))


STORIES: dict[str, tuple[str, str, float, list[tuple[str, str]]]] = {
    "spending and corrections": ("TPM", "headers", 6000, [
        ("take 6500", "-500 -500 0 0 6500"),
        ("at 10", "500 500 0 0 6500"),
        ("at 5", "500 500 0 0 6500"),
        ("take -600", "1100 1100 0 0 5900"),
        ("at 100", "6000 6000 0 0 5900"),
        ("take 1000", "5000 5000 0 0 6900"),
        ("shown 4000 4000 4001 6000", "4001 5000 0 0 6900 down"),
        ("at 105", "4501 5500 0 0 6900 down"),
        ("shown 4000 4000 4001 6000", "4001 5500 0 0 6900 down"),
        ("at 106", "4101 5600 0 0 6900 down"),
        ("shown 4000 4000 4500 6000", "4101 5600 20.83 0 6900 down"),
        ("at 112", "4576 6000 20.69 0 6900 down"),
        ("shown 4000 4000 4300 6000", "4300 6000 32.19 0 6900 down"),
        ("at 712", "6000 6000 16.09 0 6900 down"),
        ("at 1312", "6000 6000 8.05 0 6900 down"),
        ("wait 6000 0 0", "6000 6000 8.05 0 6900 down 0.000 s"),
        ("take 5000", "1000 1000 8.05 0 11900 down"),
        ("wait 6000 0 0", "1000 1000 8.05 0 11900 down 54.376 s"),
        ("shown 3000 3000 3000 6000", "3000 1000 7.63 0 11900 down up"),
        ("at 1313", "3092.37 1100 7.62 0 11900 down up"),
        ("wait 2000 0 2000", "3092.37 1100 7.62 0 11900 down up 0.000 s"),
        ("wait 4000 100 2000", "3092.37 1100 7.62 0 11900 down up 10.908 s"),
        ("wait 7000 0 7000", "3092.37 1100 7.62 0 11900 down up 31.475 s"),
    ]),
    "refusals": ("TPM", "429", 6000, [
        ("refused 1000 1000 -1", "1000 1000 0 0 0 down"),
        ("refused 500 500 -1", "500 500 0 0 0 down"),
        ("refused 400 400 0", "400 400 0 50 0 down"),
        ("wait 400 0 400", "400 400 0 50 0 down 0.500 s"),
        ("wait 300 0 300", "400 400 0 50 0 down 0.000 s"),
        ("refused 0 0 0", "0 0 0 200 0 down"),
        ("at 30", "3000 3000 0 200 0 down"),
        ("refused 0 0 30", "0 0 33.33 1500 0 down"),
        ("at 60", "2000 3000 32.2 1500 0 down"),
        ("refused 0 0 60", "0 0 48.86 2250 0 down"),
        ("at 90", "1534.06 3000 47.2 2250 0 down"),
        ("refused 0 0 90", "0 0 50 3000 0 down"),
        ("at 120", "1500 3000 48.3 3000 0 down"),
        ("refused 0 0 120", "0 0 50 3000 0 down"),
        ("admitted", "0 0 50 2997 0 down"),
        ("wait 6001 0 6001", "0 0 50 2997 0 down 120.000 s"),
        ("wait 6000 0 6000", "0 0 50 2997 0 down 120.000 s"),
        ("999x admitted", "0 0 50 1103.09 0 down"),
    ]),
    "refusals of a day": ("TPD", "headers", 6000, [
        ("refused 1000 1000", "1000 1000 0 120 0 down"),
        ("at 8640", "1600 1600 0 120 0 down"),
        ("refused 0 0", "0 0 0.03 120 0 down"),
        ("wait 600 0 600", "0 0 0.03 120 0 down 20736.000 s"),
        ("at 17279", "299.97 599.93 0.02 120 0 down"),
        ("refused 0 0", "0 0 0.02 120 0 down"),
        ("at 43200", "1283.1 1800.07 0 120 0 down"),
        ("shown 0 0 1 6000", "1 1800.07 0.02 120 0 down"),
        ("at 51839", "469.42 2400 0.01 120 0 down"),
        ("shown 0 0 1 6000", "1 2400 0.01 120 0 down"),
        ("at 51840", "1.06 2400.07 0.01 120 0 down"),
        ("shown 0 0 1 6000", "1 2400.07 0.02 120 0 down"),
        ("at 62640", "510.17 3150.07 0.01 120 0 down"),
        ("at 73440", "1139.76 3900.07 0.01 120 0 down"),
    ]),
    "a refusal leaves more than was counted": ("RPM", "429", 100, [
        ("refused 500 400", "500 500 0 0 0 up"),
        ("at 1", "600 600 0 0 0 up"),
        ("refused 900 1200", "900 900 0 0 0 up"),
        ("refused 0 2000", "900 900 0 0 0 up"),
        ("take 100", "800 800 0 0 100 up"),
        ("at 4", "1100 1100 0 0 100 up"),
        ("refused 800 900", "900 900 0 100 100 down up"),
    ]),
    "headers that leave out their own call": ("TPM", "headers", 100, [
        ("refused 50 80", "80 80 0 10 0 down"),
        ("shown 6000 6000 6000 5400", "6000 80 0 10 0 down up"),
        ("shown 6000 6000 6000 5400", "6000 80 0 10 0 down up"),
        ("at 20", "6000 2080 0 10 0 down up"),
        ("refused 100 100", "100 100 0 2950 0 down up"),
        ("2x shown 6000 6000 6000 5400", "6000 100 0 2950 0 down up"),
        ("at 39", "6000 2000 0 2950 0 down up"),
        ("refused 100 100", "100 100 0 0 0 deaf down up"),
        ("shown 6000 6000 6000 5400", "100 100 0 0 0 deaf down up"),
        ("at 3638", "6000 6000 0 0 0 deaf down up"),
        ("shown 1000 1000 1000 6000", "6000 6000 0 0 0 deaf down up"),
        ("at 3639", "6000 6000 0 0 0 down up"),
        ("take 5000", "1000 1000 0 0 5000 down up"),
        ("shown 700 700 700 6000", "700 1000 0.02 0 5000 down up"),
        ("admitted", "700 1000 0.02 0 5000 down up"),
    ]),
    "one header that could not be": ("TPM", "headers", 100, [
        ("shown 6000 6000 6000 6000", "6000 100 0 0 0 up"),
        ("refused 100 100", "100 100 0 2950 0 down up"),
        ("shown 6000 6000 6000 5999", "6000 100 0 2950 0 down up"),
        ("refused 100 100", "100 100 0 3000 0 down up"),
        ("at 1", "200 200 0 3000 0 down up"),
        ("shown 6000 6000 6000 5999", "6000 200 0 3000 0 down up"),
        ("shown 5000 5000 5000 5999", "5000 200 0 3000 0 down up"),
        ("shown 6000 6000 6000 5999", "6000 200 0 3000 0 down up"),
        ("refused 5400 5400", "5400 5400 0 3000 0 down up"),
        ("refused 100 100", "100 100 0 0 0 deaf down up"),
        ("at 10", "1000 1000 0 0 0 deaf down up"),
        ("2x shown 5000 5000 5000 4999", "1000 1000 0 0 0 deaf down up"),
        ("refused 4500 4500", "4500 4500 50 0 0 deaf down up"),
        ("refused 4399 4399", "4399 4399 50 50.5 0 deaf down up"),
        ("shown 6000 6000 6000 6000", "4399 4399 50 50.5 0 deaf down up"),
    ]),
    "three refusals that contradict within the hour": ("TPM", "headers", 100, [
        ("shown 900 900 900 6000", "900 100 0 0 0 up"),
        ("refused 100 100", "100 100 0 400 0 down up"),
        ("at 1800", "6000 6000 0 400 0 down up"),
        ("take 5900", "100 100 0 400 5900 down up"),
        ("shown 5900 5900 5900 6000", "5900 100 0 400 5900 down up"),
        ("refused 100 100", "100 100 0 2900 5900 down up"),
        ("at 3599", "6000 6000 0 2900 5900 down up"),
        ("take 5900", "100 100 0 2900 11800 down up"),
        ("shown 701 701 701 6000", "701 100 0.72 2900 11800 down up"),
        ("refused 100 100", "100 100 0 0 11800 deaf down up"),
    ]),
    "three that take longer": ("TPM", "headers", 100, [
        ("shown 900 900 900 6000", "900 100 0 0 0 up"),
        ("refused 100 100", "100 100 0 400 0 down up"),
        ("at 1800", "6000 6000 0 400 0 down up"),
        ("take 5900", "100 100 0 400 5900 down up"),
        ("shown 5900 5900 5900 6000", "5900 100 0 400 5900 down up"),
        ("refused 100 100", "100 100 0 2900 5900 down up"),
        ("at 3600", "6000 6000 0 2900 5900 down up"),
        ("take 5900", "100 100 0 2900 11800 down up"),
        ("shown 701 701 701 6000", "701 100 0.72 2900 11800 down up"),
        ("refused 100 100", "100 100 0.72 3000 11800 down up"),
        ("take 50", "50 50 0.72 3000 11850 down up"),
        ("shown 650 650 650 6000", "650 50 0.72 3000 11850 down up"),
        ("refused 50 50", "50 50 0.72 3000 11850 down up"),
        ("take 40", "10 10 0.72 3000 11890 down up"),
        ("shown 651 651 651 6000", "651 10 0.72 3000 11890 down up"),
        ("refused 50 50", "50 50 0 0 11890 deaf down up"),
    ]),
    "replies that show nothing left": ("TPM", "headers", 3000, [
        ("4x shown 0 0 0 6000", "0 3000 0 0 0 down"),
        ("shown 1 1 1 6000", "1 3000 0 0 0 down up"),
        ("4x shown 0.5 0 0 6000", "0 3000 0 0 0 down up"),
        ("at 30", "3000 6000 0 0 0 down up"),
        ("take 10", "2990 5990 0 0 10 down up"),
        ("shown 0.5 0 0 6000", "5990 5990 0 0 10 deaf down up"),
        ("shown 6000 6000 6000 6000", "5990 5990 0 0 10 deaf down up"),
        ("at 3629", "6000 6000 0 0 10 deaf down up"),
        ("shown 6000 6000 6000 6000", "6000 6000 0 0 10 deaf down up"),
        ("at 3630", "6000 6000 0 0 10 down up"),
        ("shown 0 0 0 6000", "0 6000 0.41 0 10 down up"),
    ]),
    "limits that are stated": ("TPM", "headers", 4000, [
        ("take 1000", "3000 3000 0 0 1000"),
        ("limit 6000", "3000 3000 0 0 1000 yes"),
        ("2x limit 9000", "3000 3000 0 0 1000 no"),
        ("limit 6000", "3000 3000 0 0 1000 yes"),
        ("2x limit 9000", "3000 3000 0 0 1000 no"),
        ("2x limit 3000", "3000 3000 0 0 1000 no"),
        ("limit 3000", "0 0 0 0 1000 of 3000 down up yes"),
        ("429 9000", "6000 6000 0 0 1000 of 9000 down up"),
        ("admitted", "6000 6000 0 0 1000 of 9000 certain down up"),
        ("49x limit 6000", "6000 6000 0 0 1000 of 9000 certain down up no"),
        ("limit 6000", "3000 3000 0 0 1000 down up yes"),
        ("429 6000", "3000 3000 0 0 1000 down up"),
        ("admitted", "3000 3000 0 0 1000 certain down up"),
        ("doubt", "3000 3000 0 0 1000 down up"),
        ("operator 6000", "3000 3000 0 0 1000 certain down up"),
        ("429 3000", "0 0 0 0 1000 of 3000 down up"),
        ("admitted", "0 0 0 0 1000 of 3000 certain down up"),
        ("at 3600", "3000 3000 0 0 1000 of 3000 certain down up"),
        ("at 3601", "3000 3000 0 0 1000 of 3000 down up"),
        ("429 3000", "3000 3000 0 0 1000 of 3000 certain down up"),
        ("operator 1000", "1000 1000 0 0 1000 of 1000 certain down up"),
        ("take 500", "500 500 0 0 1500 of 1000 certain down up"),
        ("operator 6000", "5500 5500 0 0 1500 certain down up"),
    ]),
    "a limit that falls below what is used": ("TPM", "headers", 1000, [
        ("429 3000", "-2000 -2000 0 0 0 of 3000 down up"),
        ("operator 9000", "4000 4000 0 0 0 of 9000 certain down up"),
        ("shown 0 0 0 9000", "0 4000 0 0 0 of 9000 certain down up"),
        ("at 6", "900 4900 0 0 0 of 9000 certain down up"),
        ("shown 0 0 0 9000", "0 4900 37.5 0 0 of 9000 certain down up"),
        ("operator 2000", "-7000 -2100 16.67 0 0 of 2000 certain down up"),
    ]),
    "waits that say it refills faster": ("TPM", "429", 0, [
        ("faster 1.4", "0 0 0 0 0"),
        ("faster 2.9", "0 0 0 0 0"),
        ("faster 1.6", "0 0 0 0 0"),
        ("faster 1.6", "0 0 0 0 0"),
        ("faster 1.5", "0 0 0 0 0"),
        ("at 1", "100 100 0 0 0"),
        ("faster 3", "100 100 0 0 0"),
        ("faster 10", "100 100 0 0 0"),
        ("faster 10", "100 100 0 0 0"),
        ("faster 10", "100 100 0 0 0"),
        ("faster 10", "100 100 0 0 0"),
        ("faster 10", "100 100 0 0 0"),
        ("faster 10", "100 100 0 0 0"),
        ("faster 1.56", "100 100 0 0 0 x1.56 down up"),
        ("faster 10", "100 100 0 0 0 x1.56 down up"),
    ]),
    "surely faster": ("TPM", "429", 0, [
        ("faster 3", "0 0 0 0 0 x3 down up"),
        ("at 1", "300 300 0 0 0 x3 down up"),
        ("at 3", "900 900 0 0 0 x3 down up"),
        ("faster 60", "900 900 0 0 0 x3 down up"),
        ("at 4", "1200 1200 0 0 0 x3 down up"),
        ("refused 0 0 4", "0 0 0 600 0 x3 down up"),
        ("at 8", "1200 1200 0 600 0 x3 down up"),
        ("faster 2.86", "1200 1200 0 600 0 x3 down up"),
        ("at 9", "1500 1500 0 600 0 x3 down up"),
    ]),
    "speed that refusals belie": ("TPM", "429", 0, [
        ("faster 10", "0 0 0 0 0 x10 down up"),
        ("refused 0 0", "0 0 0 0 0 x10 down up"),
        ("at 2", "2000 2000 0 0 0 x10 down up"),
        ("refused 1000 1000", "1000 1000 125 500 0 x10 down up"),
        ("at 4", "2750 3000 122.14 500 0 x10 down up"),
        ("refused 999 999", "999 999 341.02 875.5 0 x10 down up"),
        ("at 6", "2316.96 2999 333.23 875.5 0 x10 down up"),
        ("refused 0 0", "0 0 500 1313.25 0 x10 down up"),
        ("at 8", "1000 2000 488.58 1313.25 0 x10 down up"),
        ("refused 0 0", "0 0 500 1969.88 0 x10 down up"),
        ("at 10", "1000 2000 488.58 1969.88 0 x10 down up"),
        ("refused 0 0", "0 0 500 2954.81 0 x10 down up"),
        ("faster 10", "0 0 500 2954.81 0 x10 down up"),
        ("at 11", "500 1000 494.26 2954.81 0 x10 down up"),
    ]),
    "speed that is not belied": ("TPM", "429", 0, [
        ("faster 10", "0 0 0 0 0 x10 down up"),
        ("refused 0 0", "0 0 0 0 0 x10 down up"),
        ("at 0.1", "100 100 0 0 0 x10 down up"),
        ("refused 0 0", "0 0 0 50 0 x10 down up"),
        ("at 0.2", "100 100 0 50 0 x10 down up"),
        ("refused 0 0", "0 0 0 75 0 x10 down up"),
        ("at 0.3", "100 100 0 75 0 x10 down up"),
        ("refused 0 0", "0 0 0 112.5 0 x10 down up"),
        ("at 2.3", "2000 2000 0 112.5 0 x10 down up"),
        ("refused 1001 1001", "1001 1001 141.2 499.5 0 x10 down up"),
        ("at 2.9", "1516.28 1601 140.22 499.5 0 x10 down up"),
        ("at 4", "2462.04 2701 138.45 499.5 0 x10 down up"),
        ("shown 0 0 0 6000", "0 2701 500 499.5 0 x10 down up"),
        ("at 4.5", "250 3201 497.12 499.5 0 x10 down up"),
        ("shown 0 0 0 6000", "0 3201 497.12 499.5 0 x10 down up"),
        ("at 4.6", "50.29 3301 496.55 499.5 0 x10 down up"),
        ("shown 0 0 0 6000", "0 3301 496.55 499.5 0 x10 down up"),
        ("at 64.6", "6000 6000 248.27 499.5 0 x10 down up"),
    ]),
    "levels that workers agree on": ("TPM", "headers", 5000, [
        ("take 100", "4900 4900 0 0 100"),
        ("shown 4800 4800 4800 6000", "4800 4900 0 0 100 down"),
        ("agreed 6000 4000 1 2 3 0", "4000 4100 2 3 0"),
        ("agreed 6000 4500 1 2 3 10", "4500 4620 2 3 0"),
        ("agreed 3000 4500 2 0 0 20", "3000 3000 0 0 0 x2 of 3000"),
        ("at 25", "3000 3000 0 0 0 x2 of 3000"),
        ("take 1000", "2000 2000 0 0 1000 x2 of 3000"),
        ("agreed 3000 1500 3 0 0 25", "1500 1500 0 0 0 x3 of 3000"),
        ("at 26", "1650 1650 0 0 0 x3 of 3000"),
    ]),
    "a limit that is shown from the beginning": ("TPM", "headers", 4000, [
        ("2x limit 9000", "4000 4000 0 0 0 no"),
        ("limit 9000", "7000 7000 0 0 0 of 9000 down up yes"),
    ]),
}  # fmt: skip
"""By name: window, source of the limit of 6,000 units, units at first, and what is told, with what is known then."""


@pytest.mark.parametrize("name", STORIES)
def test_what_is_known_after_each_piece_of_evidence(name: str) -> None:
    """Level, own counting, drift, caution, what is unshared; then speed, limit, certainty, belief and corrections."""
    dimension, source, available, lines = STORIES[name]
    target = Bucket(Dimension[dimension], Level(6_000.0, available, NOW, source, NOW))
    found = [(line, told(target, line)) for line, _ in lines]
    assert found == lines


def test_an_hour_of_disbelief_ends_to_the_second_and_with_a_clock_that_goes_back() -> None:
    """Headers are heard again an hour later, and where the clock says that they were not heard yet."""
    target = bucket(available=100)
    for _ in range(5):
        target.shown(0, 0, 0, LIMIT)
    moments = [-1, 0, 1, DISBELIEF_S - 1, DISBELIEF_S]
    assert [target.believes_headers(NOW + after_s) for after_s in moments] == [True, False, False, False, True]


def test_what_a_bucket_begins_with_is_what_it_keeps() -> None:
    """All of a level survives; what is more than the limit does not."""
    level = Level(6_000.0, 7_000.0, NOW, "429", NOW - 5, speed=2.0, drift=3.0, caution=4.0)
    target = Bucket(Dimension.TPM, level)
    assert target.kept() == replace(level, available=6_000.0)
    assert (target.rate, target.own, target.shared_drift, target.shared_caution) == (200.0, 6_000.0, 3.0, 4.0)
    assert (target.unshared, target.corrected_down, target.corrected_up) == (0.0, False, False)


def test_headers_that_agree_with_the_level_lift_nothing() -> None:
    """A refusal soon afterwards does not contradict them; one above the level does."""
    target = bucket(available=500)
    target.shown(500, 500, 501, LIMIT)
    assert target._lifted_at == float("-inf")
    target.shown(500, 501, 501, LIMIT)
    assert (target._lifted_at, target.level) == (NOW, 501)


@pytest.mark.parametrize(
    ("level", "most", "caution", "grown"),
    [
        (500, 500, 40, 40),
        (500, 600, 40, 40),
        (540, 500, 40, 60),
        (501, 500, 40, 60),
        (620, 500, 40, 60),
        (640, 500, 40, 70),
        (500, 400, 0, 50),
    ],
)
def test_caution_grows_where_less_was_left_than_was_counted(
    level: float, most: float, caution: float, grown: float
) -> None:
    """By half of itself, or to half of what was missing."""
    target = bucket(available=level)
    target.caution = caution
    target.refused(0.0, most)
    assert target.caution == grown


@pytest.mark.parametrize(("dimension", "most"), [(Dimension.TPM, 4_000.0), (Dimension.TPD, 160.0)])
def test_caution_is_bounded_by_the_window(dimension: Dimension, most: float) -> None:
    """Half of a minute's, a fiftieth of a day's."""
    target = Bucket(dimension, Level(LIMIT, LIMIT, NOW, "headers", NOW, caution=7_000.0))
    target.refused(0.0, 0.0)
    assert target.caution == most


def test_calls_that_went_out_before_a_refusal_met_the_same_surprise() -> None:
    """Caution grows once for them; a bucket that a refusal made counts that one."""
    target = bucket(available=4_000)
    target.refill(NOW + 5)
    growth = []
    for asked_at in (NOW, NOW + 4.9, NOW + 5):
        target.level = 1_000
        target.refused(0.0, 900.0, asked_at)
        growth.append(target.caution)
    assert growth == [50, 50, 75]
    told = bucket(source="429")
    told.refused(0.0, 0.0, NOW - 1)
    assert told.caution == 0
    told.level = 100
    told.refused(0.0, 0.0, NOW)
    assert told.caution == 50


@pytest.mark.parametrize(
    ("rates", "speed"),
    [
        ([3.0], 3.0),
        ([2.9], 1.0),
        ([2.9, 2.9], 1.0),
        ([2.9, 2.9, 2.0], 2.0),
        ([1.5, 1.5, 1.5], 1.0),
        ([1.6, 9.0, 9.0], 1.6),
        ([20.0, 19.0], 20.0),
        ([20.0, 18.9], 18.9),
        ([21.0, 20.0], 21.0),
        ([22.0, 20.0], 20.0),
        ([3.0, 1.0], 3.0),
        ([3.0, 1.0, 9.0], 1.0),
        ([4.0, *8 * [9.0]], 9.0),
        ([4.0, *7 * [9.0]], 4.0),
    ],
)
def test_the_slowest_of_eight_stated_waits_sets_the_speed(rates: list[float], speed: float) -> None:
    """One alone where it is threefold, three where it is half faster; by more than a twentieth."""
    target = Bucket(Dimension.TPM, Level(6_000.0, 100.0, NOW, "429", NOW - 9))
    for rate in rates:
        target.rate_implied(rate * 100)
    assert (target.speed, target.rate) == (pytest.approx(speed), pytest.approx(100 * speed))
    changed = speed != 1.0 or (len(rates) == 3 and rates[0] == 3.0)
    assert (target.learned_at, target.corrected_up, target.corrected_down) == (
        NOW if changed else NOW - 9,
        changed,
        changed,
    )


@pytest.mark.parametrize(
    ("since_s", "surplus", "failures"), [(10, 500, 0), (10, 501, 1), (2.3, 200, 0), (2.5, 200, 1), (900, 3_000, 0)]
)
def test_refusals_that_come_early_count_against_a_speed(since_s: float, surplus: float, failures: int) -> None:
    """By more than half of what was to refill since, where that is a fiftieth of the window."""
    target = Bucket(Dimension.TPM, Level(6_000.0, 100.0, NOW, "429", NOW, speed=1.0))
    target._evidence_at = NOW
    target.refill(NOW + since_s)
    target._test_speed(surplus)
    assert target._speed_failures == 0, "at its usual speed"
    target._run_at(1.0 + 1e-9)
    target._test_speed(surplus)
    assert target._speed_failures == failures


def test_three_early_refusals_end_a_speed_for_good() -> None:
    """Waits that were stated before are forgotten, and none is heard again."""
    target = Bucket(Dimension.TPM, Level(6_000.0, 100.0, NOW, "429", NOW))
    target._evidence_at = NOW
    target.rate_implied(1_000.0)
    target.refill(NOW + 1)
    speeds = []
    for _ in range(3):
        target._test_speed(900.0)
        speeds.append(target.speed)
    assert (speeds, list(target._rates)) == ([10.0, 10.0, 1.0], [])
    target.rate_implied(1_000.0)
    assert (target.speed, list(target._rates)) == (1.0, [])


def test_disbelief_begins_anew() -> None:
    """What was counted against headers ended it, and counts no more; own counting holds without drift or caution."""
    target = bucket(available=500)
    target.own, target.drift, target.caution = 300.0, 5.0, 40.0
    target._refusals_against.extend([NOW - 2, NOW - 1])
    target._impossible, target._empty_replies = 3, 4
    target._disbelieve()
    assert (target.level, target.drift, target.caution) == (300.0, 0.0, 0.0)
    assert (target._impossible, target._empty_replies, list(target._refusals_against)) == (0, 0, [])
    assert (target.corrected_up, target.corrected_down) == (True, True)
    assert not target.believes_headers(NOW)


def test_what_all_workers_agreed_on_is_taken_over() -> None:
    """Less lowers what is counted here as well, more does not raise it; a new limit or speed sets the rate."""
    target = bucket(available=1_000)
    target.take(100.0)
    target.corrected_up = target.corrected_down = True
    shared = Level(LIMIT, 700.0, NOW + 3, "429", NOW + 1, drift=2.0, caution=3.0)
    target.adopt(shared, NOW + 3)
    assert target.kept() == shared
    assert (target.own, target.unshared, target.corrected_up, target.corrected_down) == (700.0, 0.0, False, False)
    assert (target.shared_drift, target.shared_caution, target.rate) == (2.0, 3.0, LIMIT / 60)
    target.adopt(replace(shared, available=9_000.0), NOW + 3)
    assert (target.level, target.own) == (LIMIT, 700.0)
    for changed, rate in ((replace(shared, limit=6_000.0), 100.0), (replace(shared, limit=6_000.0, speed=2.0), 200.0)):
        target.adopt(changed, NOW + 3)
        assert (target.limit, target.speed, target.rate) == (6_000.0, changed.speed, rate)


@pytest.mark.parametrize(
    ("amount", "margin", "least", "wait_s"),
    [(100, 0, 100, 0), (101, 0, 101, 0.02), (50, 60, 50, 0.2), (9_000, 0, 9_000, 118.0), (9_000, 0, 6_000, 118.0)],
)
def test_a_wait_is_what_is_short_at_the_rate_that_others_leave(
    amount: float, margin: float, least: float, wait_s: float
) -> None:
    """A call that is too large waits for a full window, and for ever where the limit is certain."""
    target = Bucket(Dimension.TPM, Level(6_000.0, 100.0, NOW, "headers", NOW, drift=50.0))
    assert target.wait_s(amount, margin, least) == pytest.approx(wait_s)
    target.caution = 25.0
    assert target.wait_s(60, 15, 60) == 0
    assert target.wait_s(60, 16, 60) == pytest.approx(0.02)
    target.source = "operator"
    assert (target.wait_s(amount, margin, least) == float("inf")) is (least > 6_000)


@pytest.mark.parametrize(
    ("source", "age_s", "borne_out", "told_again", "certain"),
    [
        ("429", 0, True, True, True),
        ("429", 3_600, True, True, True),
        ("429", 3_601, True, True, False),
        ("429", 0, False, True, False),
        ("429", 0, True, False, False),
        ("headers", 0, True, True, False),
        ("operator", 9_999, False, False, True),
    ],
)
def test_a_limit_is_certain_where_the_operator_or_a_refusal_of_the_hour_states_it(
    source: str, age_s: float, borne_out: bool, told_again: bool, certain: bool
) -> None:
    """A refusal's that a call has passed under and that this worker heard itself."""
    target = Bucket(Dimension.TPM, Level(LIMIT, 100.0, NOW, source, NOW))
    if told_again:
        target.limit_stated(LIMIT, source)
    if borne_out:
        target.admitted()
    target.refill(NOW + age_s)
    assert target.is_certain is certain
    target.doubt()
    assert target.is_certain is (source == "operator")


def test_what_is_used_of_a_limit_stays_used_of_another() -> None:
    """It has to be borne out again, and others cannot spend more than half of it."""
    target = Bucket(Dimension.TPM, Level(6_000.0, 1_000.0, NOW - 5, "headers", NOW - 5, drift=45.0))
    target.own = 900.0
    target.admitted()
    target.refill(NOW)
    target.level, target.own, target.drift = 1_000.0, 900.0, 45.0
    target.limit_stated(6_000.0, "429")
    assert (target.corrected_up, target.corrected_down, target._borne_out) == (False, False, True)
    target.limit_stated(4_800.0, "429")
    assert (target.level, target.own, target.rate, target.drift) == (-200.0, -300.0, 80.0, 40.0)
    assert (target.corrected_up, target.corrected_down, target._borne_out) == (True, True, False)
    assert (target.source, target.learned_at) == ("429", NOW)
    target.level = target.own = 4_700.0
    target.limit_stated(4_900.0, "operator")
    assert (target.level, target.own) == (4_800.0, 4_800.0)


@pytest.mark.parametrize(("source", "needed"), [("headers", 3), ("operator", 3), ("429", 50)])
def test_headers_repeat_another_limit_until_it_is_adopted(source: str, needed: int) -> None:
    """Fifty times where a refusal stated the one of before; not while they are not believed."""
    target = bucket(source=source)
    agreed = [target.limit_shown(9_000.0) for _ in range(needed)]
    assert agreed == [False] * (needed - 1) + [True]
    assert (target.limit, target.source) == (9_000.0, "headers")
    target._disbelieve()
    assert not any(target.limit_shown(7_000.0) for _ in range(60))


def test_a_limit_that_is_stated_ends_the_count_of_another_that_was_shown() -> None:
    """It has to be shown three times from then on."""
    target = bucket()
    shown = [target.limit_shown(9_000.0), target.limit_shown(9_000.0)]
    target.limit_stated(7_000.0, "operator")
    shown += [target.limit_shown(9_000.0) for _ in range(3)]
    assert shown == [False, False, False, False, True]


def test_a_correction_of_less_than_a_unit_is_one() -> None:
    """In either direction; none is none."""
    for least, most, down, up in ((0.0, 499.5, True, False), (500.5, 600.0, False, True), (500.0, 500.0, False, False)):
        target = bucket(available=500)
        target._pull(least, most)
        assert (target.corrected_down, target.corrected_up) == (down, up)


@pytest.mark.parametrize(("dimension", "half_life_s"), [(Dimension.TPM, 600.0), (Dimension.TPD, 10_800.0)])
def test_what_others_spend_is_forgotten_by_half(dimension: Dimension, half_life_s: float) -> None:
    """In ten minutes of a minute's window, in an eighth of a day's; sooner at a speed."""
    for speed in (1.0, 2.0):
        target = Bucket(dimension, Level(LIMIT, 0.0, NOW, "429", NOW, speed=speed, drift=1.0))
        target.refill(NOW + half_life_s / speed)
        assert target.drift == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("later_s", "drift"), [(0.0, 0.0), (5.99, 0.0), (6.0, 25.0), (12.0, 12.5), (2.0, 0.0)], ids=str
)
def test_a_crowd_of_replies_is_one_piece_of_evidence(later_s: float, drift: float) -> None:
    """Within a tenth of the window; a quarter of what was missing a second is taken for what others spend."""
    target = Bucket(Dimension.TPM, Level(6_000.0, 3_000.0, NOW, "headers", NOW))
    target._pull(3_000.0, 3_000.0)
    target.refill(NOW + later_s)
    target._pull(0.0, target.level - 600.0)
    assert target.drift == pytest.approx(drift)
    target.refill(NOW - 100)
    target._pull(0.0, target.level - 600.0)
    assert target.drift == pytest.approx(drift), "the clock went back: evidence begins anew"
    target.refill(NOW - 94)
    target._pull(0.0, target.level - 5_000.0)
    assert target.drift == pytest.approx(50.0), "no more than half of what refills"
