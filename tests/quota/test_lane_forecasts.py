"""What each lane takes, and which one a time and a budget call for."""

from __future__ import annotations

import pytest

from core.model import BatchLimits, Dimension, Forecast
from core.quota.forecast.forecast import Capacity, Load, full_windows
from core.quota.forecast.lanes import (
    LaneForecast,
    OutBatches,
    Tokens,
    _mixed,
    choose_mix,
    end_with_batches,
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
