"""What each lane takes, and which one a time and a budget call for."""

from __future__ import annotations

import math

import pytest

from core.model import BatchLimits, Dimension, Forecast
from core.quota.forecast.forecast import Capacity, Load, Window, full_windows
from core.quota.forecast.lanes import (
    BATCHES,
    LaneForecast,
    Mix,
    OutBatches,
    Tokens,
    _mixed,
    _share,
    choose_mix,
    end_with_batches,
    in_flex,
    lane_forecasts,
)
from core.quota.forecast.plans import Price

PRICE = Price(0.10, 0.05, 0.50)
WAYS = (Capacity("org_1", full_windows({Dimension.RPM: 60.0}), calls_per_s=60.0),)


def lanes(calls: float = 5_000, **options: object) -> dict[str, LaneForecast]:
    load, tokens = Load(calls, 500.0), Tokens(500 * calls, 0.0, 10 * calls)
    found = lane_forecasts(load, WAYS, tokens, PRICE, host="api.groq.com", limits=BatchLimits(), **options)  # type: ignore[arg-type]
    return {each.lane: each for each in found}


def test_each_lane_has_time_money_and_what_binds() -> None:
    """Live 83 minutes by RPM, flex a tenth of it for the same, batches a day at most for about half."""
    found = lanes()
    assert found["live"].forecast.eta_s == pytest.approx(4_940, rel=0.01)
    assert found["flex"].forecast.eta_s == pytest.approx(440, rel=0.02)
    assert "RPM" in found["flex"].forecast.binding_limit
    assert found["flex"].money == found["live"].money == pytest.approx(0.275)
    assert found["batch"].forecast.high_s == pytest.approx(86_400 + 40, abs=60)
    assert found["batch"].money == pytest.approx(0.275 * (0.02 + 0.98 / 2))
    assert "24 h" in found["batch"].forecast.binding_limit


def test_what_the_trial_has_asked_already_is_not_asked_live_again() -> None:
    """After the trial's 100 texts the last 50 go into a batch, for a day at most; after 80, 20 more go live first."""
    over = lanes(50, asked=100)["batch"]
    assert over.forecast.high_s == 86_400
    assert over.money == pytest.approx(lanes(50)["live"].money / 2)  # type: ignore[operator]
    assert over.note.startswith("batches of")
    half = lanes(50, asked=80)["batch"]
    assert half.money == pytest.approx(lanes(50)["live"].money * (0.4 + 0.6 / 2))  # type: ignore[operator]
    assert half.note.startswith("the next 20 texts live, then batches of")


def test_the_discount_of_a_cached_prompt_does_not_stack_with_half_the_price() -> None:
    """Where most of the prompt is cached, batches save little, and the forecast says so."""
    load, tokens = Load(5_000, 100.0), Tokens(2_500_000, 2_400_000, 5_000)
    found = lane_forecasts(load, WAYS, tokens, PRICE, host="api.groq.com", limits=BatchLimits())
    live, batch = found[0].money, found[2].money
    assert live is not None
    assert batch is not None
    assert 0.9 < batch / live < 1.0


def test_at_openai_flex_costs_half() -> None:
    """Other servers charge the same for it."""
    tokens = Tokens(1e6, 0.0, 0.0)
    found = lane_forecasts(Load(10, 1), WAYS, tokens, PRICE, host="api.openai.com", limits=BatchLimits())
    assert found[1].money == pytest.approx(0.05)


def test_batches_of_this_run_tell_how_long_they_take() -> None:
    """A median of 40 minutes a round is the likely time; the server's window stays the most."""
    batch = lanes(observed_s=2_400.0)["batch"].forecast
    assert batch.eta_s == pytest.approx(2_400 + 40, abs=60)
    assert batch.high_s == pytest.approx(86_440, abs=60)


@pytest.mark.parametrize(
    ("took_s", "live_s", "rounds", "by_s", "ends"),
    [
        (None, None, 0, None, (86_000.0, None, 86_000.0)),
        (None, 600.0, 1, None, (172_400.0, None, 172_400.0)),
        (3_000.0, None, 0, None, (2_600.0, 2_600.0, 86_000.0)),
        (3_000.0, None, 2, None, (8_600.0, 8_600.0, 258_800.0)),
        (3_000.0, None, 0, 9_000.0, (2_600.0, 2_600.0, 9_000.0)),
        (3_000.0, 4_000.0, 0, None, (4_000.0, 4_000.0, 86_000.0)),
    ],
    ids=["nothing known", "another round", "as those before", "rounds", "by a time", "live calls last longer"],
)
def test_a_run_with_batches_ends_when_they_are_due(
    took_s: float | None, live_s: float | None, rounds: int, by_s: float | None, ends: tuple[float | None, ...]
) -> None:
    """One batch was sent 400 s ago: it is due as those before it took, and expires at last."""
    live = None if live_s is None else Forecast(live_s, live_s, live_s, "RPM of org_1")
    found = end_with_batches(live, OutBatches([400.0], [86_000.0], rounds, took_s), by_s)
    assert (found.eta_s, found.low_s, found.high_s) == ends
    assert found.binding_limit == ("RPM of org_1" if ends[0] == live_s else "batches at the server")


@pytest.mark.parametrize(
    ("by_s", "money", "lane", "in_time", "within"),
    [
        (None, None, "batch", None, None),
        (100_000.0, None, "batch", True, None),
        (30_000.0, None, "auto", True, None),
        (600.0, None, "flex", True, None),
        (100.0, None, "flex", False, None),
        (None, 0.20, "batch", None, True),
        (None, 0.10, "batch", None, False),
        (30_000.0, 0.20, "auto", True, False),
        (30_000.0, 0.30, "auto", True, True),
    ],
    ids=["nothing", "a day", "hours", "minutes", "too soon", "enough", "too little", "both, tight", "both"],
)
def test_time_and_budget_choose_the_lane(
    by_s: float | None, money: float | None, lane: str, in_time: bool | None, within: bool | None
) -> None:
    """The cheapest lane that is in time; a mix where batches may be late; a sentence where nothing fits."""
    mix = choose_mix(tuple(lanes().values()), by_s, money)
    assert (mix.lane, mix.done_in_time, mix.within_budget) == (lane, in_time, within)
    assert mix.sentence


def test_a_mix_gives_batches_the_time_that_live_calls_can_spare() -> None:
    """Ten minutes are kept for ending them, and 1.3 times what the faster of the other lanes takes."""
    found = lanes()
    mix = choose_mix(tuple(found.values()), 30_000.0, None)
    assert mix.batches_s == pytest.approx(30_000 - 600 - 1.3 * found["flex"].most_s)


@pytest.mark.parametrize(("late_s", "in_time", "end"), [(0.0, True, "just in time"), (1.0, False, "late all the same")])
def test_the_fastest_lane_is_in_time_to_the_second(late_s: float, in_time: bool, end: str) -> None:
    """Without time to spare for batches; a second less is late."""
    found = lanes()
    mix = _mixed(found["batch"], found["live"], found["live"].most_s - late_s, None)
    assert (mix.lane, mix.done_in_time) == ("live", in_time)
    assert end in mix.sentence


def forecasts(live_s: float | None, batch_s: float | None, **money: float | None) -> tuple[LaneForecast, ...]:
    """A live lane, a flex lane that is as quick, and batches, which end when they say at the latest."""
    return tuple(
        LaneForecast(lane, Forecast(end_s, end_s, end_s, ""), money.get(lane), "")
        for lane, end_s in (("live", live_s), ("flex", live_s), ("batch", batch_s))
    )


PRICED = {"live": 2.0, "flex": 2.0, "batch": 1.0}


@pytest.mark.parametrize(
    ("lanes", "by_s", "money", "expected"),
    [
        (
            forecasts(1_000, 9_000, live=4.0, flex=4.0, batch=2.0),
            8_999,
            3.5,
            Mix(
                "auto",
                "batches as long as live calls can spare the time, then the rest live; within $3.50 if batches answer at "
                "least 25% of it, else it pauses",
                7_099,
                True,
                False,
            ),
        ),
        (forecasts(1_000, 9_000, **PRICED), None, None, Mix("batch", "the cheapest")),
        (
            forecasts(1_000, 9_000),
            None,
            None,
            Mix("batch", "no price is known: the one that a server promises least"),
        ),
        (forecasts(1_000, 9_000, **PRICED), 9_000, None, Mix("batch", "the cheapest that is done in time", None, True)),
        (  # 899 s for batches are too few to begin any
            forecasts(1_000, 9_000, **PRICED),
            600 + 1_300 + 899,
            None,
            Mix("live", "the cheapest that is done in time", None, True),
        ),
        (
            forecasts(1_000, 9_000, **PRICED),
            600 + 1_300 + 900,
            None,
            Mix("auto", "batches as long as live calls can spare the time, then the rest live", 900, True),
        ),
        (forecasts(1_000, 9_000, **PRICED), 1_000, None, Mix("live", "the cheapest that is done in time", None, True)),
        (
            forecasts(1_000, 9_000, **PRICED),
            999,
            None,
            Mix(
                "live",
                "no time for batches: asked with live calls it is late all the same: more keys, or a later time",
                None,
                False,
            ),
        ),
        (
            forecasts(None, None, **PRICED),
            9_000,
            1.0,
            Mix(
                "live",
                "no time for batches: asked with live calls it is late all the same: more keys, or a later time",
                None,
                False,
                False,
            ),
        ),
        (
            forecasts(1_000, 9_000, **PRICED),
            None,
            1.0,
            Mix("batch", "the cheapest that is within the budget", None, None, True),
        ),
        (
            forecasts(1_000, 9_000, **PRICED),
            None,
            0.99,
            Mix("batch", "$0.99 pay for about 99% of the run, then it pauses", None, None, False),
        ),
        (
            forecasts(1_000, 9_000, **PRICED),
            1_500,
            1.5,
            Mix("live", "$1.50 pay for about 75% of the run, then it pauses", None, True, False),
        ),
        (
            forecasts(1_000, 9_000, **PRICED),
            1_500,
            2.0,
            Mix("live", "the cheapest that is done in time and within the budget", None, True, True),
        ),
        (
            forecasts(1_000, 9_000, **PRICED),
            8_999,
            0.5,
            Mix(
                "auto",
                "batches as long as live calls can spare the time, then the rest live; $0.50 pay for about 50% even in "
                "batches, then it pauses",
                7_099,
                True,
                False,
            ),
        ),
        (
            forecasts(1_000, 9_000, **PRICED),
            8_999,
            1.0,
            Mix(
                "auto",
                "batches as long as live calls can spare the time, then the rest live; within $1.00 if batches answer at "
                "least 100% of it, else it pauses",
                7_099,
                True,
                False,
            ),
        ),
        (
            forecasts(1_000, 9_000, **PRICED),
            8_999,
            1.75,
            Mix(
                "auto",
                "batches as long as live calls can spare the time, then the rest live; within $1.75 if batches answer at "
                "least 25% of it, else it pauses",
                7_099,
                True,
                False,
            ),
        ),
        (
            forecasts(1_000, 9_000, **PRICED),
            8_999,
            2.0,
            Mix("auto", "batches as long as live calls can spare the time, then the rest live", 7_099, True, True),
        ),
        (
            forecasts(1_000, 9_000, live=0.4, flex=0.4, batch=0.2),
            8_999,
            0.35,
            Mix(
                "auto",
                "batches as long as live calls can spare the time, then the rest live; within $0.35 if batches answer at "
                "least 25% of it, else it pauses",
                7_099,
                True,
                False,
            ),
        ),
        (
            forecasts(1_000, 9_000, live=2.0, batch=1.0),
            None,
            0.0,
            Mix("flex", "the cheapest that is within the budget", None, None, True),
        ),
        (
            forecasts(1_000, 9_000, live=2.0, flex=2.0, batch=3.0),
            8_999,
            2.5,
            Mix(
                "auto",
                "batches as long as live calls can spare the time, then the rest live; $2.50 pay for about 83% even in "
                "batches, then it pauses",
                7_099,
                True,
                False,
            ),
        ),
        (
            forecasts(1_000, 9_000, **PRICED),
            None,
            0.0,
            Mix("batch", "$0.00 pay for about an unknown part of the run, then it pauses", None, None, False),
        ),
    ],
)
def test_the_choice_beside_each_bound_and_what_is_said(
    lanes: tuple[LaneForecast, ...], by_s: float | None, money: float | None, expected: Mix
) -> None:
    """Live calls take 1,000 s and cost $2, batches at most 9,000 s and $1."""
    assert choose_mix(lanes, by_s, money) == expected


LIMITS = BatchLimits(size=100, most_open=2, trial=20)


@pytest.mark.parametrize(
    ("calls", "asked", "observed_s", "ends", "money", "note"),
    [
        (20, 0, None, (20, 20, 20), 20.0, "the first 20 texts live, then batches of 100, 2 at once"),
        (21, 0, None, (86_420, 20, 86_420), 20.5, "the first 20 texts live, then batches of 100, 2 at once"),
        (220, 0, None, (86_420, 20, 86_420), 120.0, "the first 20 texts live, then batches of 100, 2 at once"),
        (221, 0, None, (172_820, 20, 172_820), 120.5, "the first 20 texts live, then batches of 100, 2 at once"),
        (220, 19, None, (172_801, 1, 172_801), 110.5, "the next 1 texts live, then batches of 100, 2 at once"),
        (200, 20, None, (86_400, 0, 86_400), 100.0, "batches of 100, 2 at once"),
        (200, 21, None, (86_400, 0, 86_400), 100.0, "batches of 100, 2 at once"),
        (
            221,
            20,
            600.0,
            (1_200, 0, 172_800),
            110.5,
            "batches of 100, 2 at once; as long as those of this run took so far",
        ),
        (
            200,
            20,
            90_000.0,
            (86_400, 0, 86_400),
            100.0,
            "batches of 100, 2 at once; as long as those of this run took so far",
        ),
    ],
)
def test_rounds_of_batches_behind_the_live_trial(
    calls: int, asked: int, observed_s: float | None, ends: tuple[float, ...], money: float, note: str
) -> None:
    """A dollar a call live and half of it in batches, a call a second, two batches of 100 in a round of a day at most."""
    found = lane_forecasts(
        Load(calls, 1.0),
        (Capacity("o", {}, calls_per_s=1.0),),
        Tokens(0.0, 0.0, calls * 1e6),
        Price(0.0, 0.0, 1.0),
        host="h",
        limits=LIMITS,
        asked=asked,
        observed_s=observed_s,
    )[2]
    assert (found.forecast.eta_s, found.forecast.low_s, found.forecast.high_s) == pytest.approx(ends, abs=0.02)
    assert (found.money, found.note) == (pytest.approx(money), note)
    assert found.forecast.binding_limit == (
        "the server's speed" if calls == 20 else "the server's window of 24 h for a batch"
    )


def test_lanes_without_a_key_a_price_or_a_call() -> None:
    """No end without a key, no money without a price, and none for nothing."""
    for load, ways, price, ends, money in (
        (Load(5, 1), (), PRICE, None, True),
        (Load(5, 1), WAYS, None, 0.0, False),
        (Load(0, 1), WAYS, PRICE, 0.0, True),
    ):
        found = lane_forecasts(load, ways, Tokens(0.0, 0.0, 0.0), price, host="h", limits=LIMITS)
        assert [each.forecast.eta_s is None for each in found] == [ends is None] * 3
        assert [each.money for each in found] == [0.0 if money else None] * 3
    assert found[1].note == "the same price; where the server offers it, and refused while it is full"
    assert math.isinf(LaneForecast("live", Forecast(None, None, None, ""), None, "").most_s)
    assert LaneForecast("live", Forecast(3.0, 1.0, None, ""), None, "").most_s == 3.0


def test_the_flex_tier_has_ten_times_the_limits_and_no_bench() -> None:
    """Its windows are full, and as fast as those of live calls."""
    way = Capacity("o", {Dimension.TPM: Window(6_000, 5.0, 2.0)}, opens_in_s=40.0, calls_per_s=3.0)
    assert in_flex([way]) == (Capacity("o", {Dimension.TPM: Window(60_000, 60_000, 2.0)}, 0.0, 3.0),)
    assert lane_forecasts(Load(1, 1), [way], Tokens(1e6, 0, 0), PRICE, host="api.openai.com", limits=LIMITS)[
        1
    ].note.startswith("half the price; ")


@pytest.mark.parametrize(
    ("since_s", "left_s", "rounds", "took_s", "most_s", "likely_s"),
    [
        ([], [], 0, None, 0, 0),
        ([], [], 2, None, 172_800, 172_800),
        ([10, 400], [80, 90], 1, None, 86_490, 86_490),
        ([10, 400], [800, 900], 0, 500, 900, 490),
        ([600, 700], [800, 900], 0, 500, 900, 0),
        ([10, 400], [80, 90], 0, 500, 90, 90),
        ([], [], 3, 500, 259_200, 1_500),
    ],
)
def test_when_open_batches_are_due(
    since_s: list[float], left_s: list[float], rounds: int, took_s: float | None, most_s: float, likely_s: float
) -> None:
    """The newest of them as long as others took, and what follows them; at last when the last one expires."""
    batches = OutBatches(since_s, left_s, rounds, took_s)
    assert (batches.most_s, batches.likely_s) == (most_s, likely_s)


@pytest.mark.parametrize(
    ("live", "took_s", "by_s", "expected"),
    [
        (None, 500, -1, Forecast(0.0, 0.0, 0.0, BATCHES)),
        (None, 500, 99, Forecast(99, 99, 99, BATCHES)),
        (Forecast(None, None, None, "no key"), 500, None, Forecast(None, None, None, "no key")),
        (Forecast(99, 90, 110, "RPM"), 500, None, Forecast(100, 100, 900, BATCHES)),
        (Forecast(100, 90, 110, "RPM"), 500, None, Forecast(100, 90, 900, "RPM")),
        (Forecast(100, 90, 1_000, "RPM"), 500, None, Forecast(100, 90, 1_000, "RPM")),
        (Forecast(100, 90, None, "RPM"), 500, None, Forecast(100, 90, None, "RPM")),
        (Forecast(99, 90, 1_000, "RPM"), 500, None, Forecast(100, 100, 1_000, BATCHES)),
        (Forecast(2_000, 90, 3_000, "RPM"), None, None, Forecast(3_000, None, 3_000, BATCHES)),
        (Forecast(99, 90, None, "RPM"), None, None, Forecast(900, None, 900, BATCHES)),
    ],
)
def test_the_end_beside_live_calls(
    live: Forecast | None, took_s: float | None, by_s: float | None, expected: Forecast
) -> None:
    """A batch sent 400 s ago, which expires in 900 s: whichever ends later binds."""
    assert end_with_batches(live, OutBatches([400.0], [900.0], 0, took_s), by_s) == expected


@pytest.mark.parametrize(("spare_s", "lane"), [(0.0, "live"), (0.5, "auto")])
def test_batches_get_what_time_there_is(spare_s: float, lane: str) -> None:
    """However little; none is no time for them."""
    live, _, batch = forecasts(1_000, 9_000, **PRICED)
    mix = _mixed(batch, live, 600 + 1_300 + spare_s, None)
    assert (mix.lane, mix.batches_s) == (lane, spare_s or None)


def test_nothing_left_to_ask_costs_what_its_tokens_cost_live() -> None:
    """No share of it goes into batches."""
    found = lane_forecasts(
        Load(0, 500), WAYS, Tokens(1e6, 0.0, 0.0), PRICE, host="api.groq.com", limits=BatchLimits(trial=0)
    )
    assert [each.money for each in found] == pytest.approx([0.1, 0.1, 0.1])
    assert [each.most_s for each in found] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("part", "whole", "words"),
    [(1.0, 4.0, "25%"), (3.0, 2.0, "100%"), (0.0, 2.0, "an unknown part"), (1.0, None, "an unknown part")],
)
def test_the_part_that_a_budget_pays_for(part: float, whole: float | None, words: str) -> None:
    """All of it at most."""
    assert _share(part, whole) == words
