"""The forecast: how long what is left takes, what binds, and what the tables of plans and prices say."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from core.errors import UsageError
from core.model import Dimension, KeyState, KeyStatus, WindowStatus
from core.quota.forecast.forecast import (
    Capacity,
    Load,
    Window,
    binding_limit,
    calls_in,
    capacities,
    forecast,
    seconds_for,
)
from core.quota.forecast.plans import Price, plan, plans, price_of

DAY = 86_400.0


def capacity(
    name: str = "org_1", *, opens_in_s: float = 0.0, calls_per_s: float = math.inf, **windows: float
) -> Capacity:
    """A capacity whose windows are full."""
    return Capacity(
        name, {Dimension(each): Window(limit, limit) for each, limit in windows.items()}, opens_in_s, calls_per_s
    )


@pytest.mark.parametrize(
    ("load", "ways", "seconds", "binding"),
    [
        # 60 in the bucket, the other 60 refill in a minute.
        (Load(120, 100), [capacity(RPM=60)], 60.0, "RPM of org_1: 60 a minute"),
        # 200,000 tokens are there, 400,000 more take two days.
        (Load(600, 1000), [capacity(TPD=200_000, RPM=30)], 2 * DAY, "TPD of org_1: 200,000 a day"),
        # two alike share the work
        (Load(1200, 1000), [capacity("a", TPD=200_000), capacity("b", TPD=200_000)], 2 * DAY, "TPD of 2 organizations"),
        # what is empty starts from nothing
        (Load(60, 1), [Capacity("org_1", {Dimension.RPM: Window(60, 0)})], 60.0, "RPM of org_1: 60 a minute"),
        # a bench holds up, while its window refills
        (
            Load(60, 1),
            [Capacity("org_1", {Dimension.RPM: Window(60, 0)}, opens_in_s=600)],
            600.0,
            "RPM of org_1: 60 a minute",
        ),
        # no quota: the server's speed
        (Load(1000, 1000), [capacity(calls_per_s=10.0)], 100.0, "the server's speed"),
        # no quota, and no call has told the server's speed yet
        (Load(1000, 1000), [capacity()], 0.0, "the server's speed"),
        # all that is in the buckets
        (Load(10, 10), [capacity(RPM=60, TPM=6000)], 0.0, "RPM of org_1: 60 a minute"),
    ],
)
def test_the_end_is_when_the_lanes_have_made_all_calls(
    load: Load, ways: list[Capacity], seconds: float, binding: str
) -> None:
    """Each row by hand: what is in the bucket at once, the rest as it refills."""
    found = forecast(load, ways)
    assert found.eta_s == pytest.approx(seconds, abs=0.5)
    assert found.binding_limit == binding


def test_the_interval_holds_the_end_and_grows_with_doubt() -> None:
    """More doubt, wider; never the wrong way round."""
    ways = [capacity(TPM=8000)]
    narrow, wide = (forecast(Load(1000, 900, doubt), ways) for doubt in (0.02, 0.2))
    for found in (narrow, wide):
        assert found.low_s is not None
        assert found.high_s is not None
        assert found.eta_s is not None
        assert found.low_s <= found.eta_s <= found.high_s
    assert wide.high_s - wide.low_s > 5 * (narrow.high_s - narrow.low_s)  # type: ignore[operator]


def test_without_a_key_there_is_no_end() -> None:
    """Said in words, not as a number."""
    found = forecast(Load(10, 10), [])
    assert found.eta_s is None
    assert found.binding_limit == "no key can ask"


def test_an_end_beyond_four_hundred_days_is_none() -> None:
    """1,000 calls a day from a full window: 401,000 are done on the last day, one more never."""
    way = [capacity(RPD=1000)]
    assert seconds_for(Load(401_000, 1), way) == pytest.approx(400 * DAY, abs=1)
    assert seconds_for(Load(401_001, 1), way) == math.inf
    assert forecast(Load(401_001, 1), way).eta_s is None


def test_nothing_left_takes_no_time() -> None:
    """Whatever the capacities."""
    assert seconds_for(Load(0, 900), []) == 0.0


def test_calls_never_shrink_as_time_passes() -> None:
    """The bisection rests on it."""
    way = Capacity(
        "o", {Dimension.TPM: Window(8000, 100), Dimension.RPD: Window(1000, 3)}, opens_in_s=30, calls_per_s=2
    )
    calls = [calls_in(way, seconds, 900)[0] for seconds in range(0, 20_000, 50)]
    assert calls == sorted(calls)


def key(
    alias: str, organization: str, state: KeyState = KeyState.READY, cooldown_s: float = 0.0, limit: str = ""
) -> KeyStatus:
    return KeyStatus(alias, "0000", organization, state, cooldown_s=cooldown_s, limit=limit)


def test_lanes_are_organizations_whose_keys_may_ask() -> None:
    """Keys that are out open no capacity; a wait that a known window explains is not counted twice."""
    windows = [WindowStatus("a", "m", Dimension.TPD, 200_000, 0, DAY)]
    found = capacities(
        [
            key("a1", "a", KeyState.COOLING, 3_000, "TPD"),
            key("b1", "b", KeyState.INVALID),
            key("c1", "c", KeyState.BENCHED, 40, ""),
        ],
        windows,
        speeds={"a": 5.0},
        assumed={Dimension.RPM: 30},
    )
    assert [way.organization for way in found] == ["a", "c"]
    assert (found[0].opens_in_s, found[0].calls_per_s) == (0.0, 5.0)
    assert found[0].windows == {Dimension.TPD: Window(200_000, 0)}
    assert found[1].windows == {Dimension.RPM: Window(30, 30)}
    assert found[1].opens_in_s == 40


def test_plans_and_prices_are_read_and_unknown_ones_named(tmp_path: Path) -> None:
    """The operator's own price wins; a plan that is not there is answered with those that are."""
    assert plan("free").limits[Dimension.TPD] == 200_000
    with pytest.raises(UsageError, match="free, developer"):
        plan("golden")
    built_in = price_of("openai/gpt-oss-20b")
    assert built_in is not None
    assert built_in.of(1e6, 0, 0) == pytest.approx(0.075)
    own = tmp_path / "prices.toml"
    own.write_text('["openai/gpt-oss-20b"]\nprompt = 1.0\ncompletion = 2.0\n', "utf-8")
    mine = price_of("openai/gpt-oss-20b", own)
    assert mine is not None
    assert mine.of(1e6, 5e5, 1e6) == pytest.approx(3.0)
    assert price_of("a-model-of-nobody", own) is None
    own.write_text('["openai/gpt-oss-20b"]\nprompt = "cheap"\n', "utf-8")
    with pytest.raises(UsageError, match=r"prices\.toml"):
        price_of("openai/gpt-oss-20b", own)


def test_a_server_in_fast_motion_is_forecast_at_its_speed() -> None:
    """A window that refills sixty times faster than its name says is counted so."""
    windows = [WindowStatus("a", "m", Dimension.TPM, 8_000, 0, 1.0, speed=60.0)]
    [way] = capacities([key("a1", "a")], windows)
    assert seconds_for(Load(800, 1_000), [way]) == pytest.approx(100, abs=1)


SLOW = Capacity("org_1", {Dimension.TPM: Window(6_000, 600, 2.0), Dimension.RPD: Window(100, 50)}, 30.0, 2.0)


@pytest.mark.parametrize(
    ("way", "seconds", "tokens", "expected"),
    [
        (SLOW, 29.0, 100, (0.0, "bench")),
        (SLOW, 30.0, 100, (0.0, "bench")),
        (SLOW, 31.0, 100, (2.0, "speed")),
        (SLOW, 50.0, 1_000, (10.0, "TPM")),  # 600 and 6,000 more by then, 4,000 refill: the bucket holds 6,000
        (SLOW, 30.0 + 864.0, 100, (50 + 30 / 864 + 1, "RPD")),
        (SLOW, 31.0, 0, (2.0, "speed")),
        (Capacity("o"), 5.0, 100, (math.inf, "speed")),
        (Capacity("o", {Dimension.RPM: Window(60, 1)}, 0.0, 2.0), 1.0, 1, (2.0, "speed")),
        (Capacity("o", {Dimension.RPM: Window(60, -3)}), 2.0, 100, (0.0, "RPM")),
        (Capacity("o", {Dimension.RPM: Window(60, -3)}), 4.0, 100, (1.0, "RPM")),
        (Capacity("o", {Dimension.TPM: Window(600, 50)}), 5.0, 200, (0.5, "TPM")),
        (Capacity("o", {Dimension.TPM: Window(600, 50)}), 5.0, 0.5, (200.0, "TPM")),
        (
            Capacity("o", {Dimension.RPM: Window(60, 2), Dimension.RPD: Window(1_000, 2)}, 0.0, 2.0),
            1.0,
            1,
            (2.0, "speed"),
        ),
    ],
)
def test_calls_in_a_span_of_time(way: Capacity, seconds: float, tokens: float, expected: tuple[float, str]) -> None:
    """What is there when the bench ends and what refills after it, over what a call takes; the scarcest binds."""
    calls, binding = calls_in(way, seconds, tokens)
    assert (calls, binding) == (pytest.approx(expected[0]), expected[1])


@pytest.mark.parametrize(
    ("load", "ways", "ends", "binding"),
    [
        (Load(110, 1, 0.1), [capacity(RPM=60)], (50.0, 39.0, 61.0), "RPM of org_1: 60 a minute"),
        (Load(110, 1, 2.0), [capacity(RPM=60)], (50.0, 0.0, 270.0), "RPM of org_1: 60 a minute"),
        (Load(400_000, 1, 0.1), [capacity(RPD=1_000)], (399 * DAY, 359 * DAY, None), "RPD of org_1: 1,000 a day"),
        (Load(1, 1), [capacity(opens_in_s=401 * DAY)], (None, None, None), "no end within a year"),
        (Load(1, 1), [], (None, None, None), "no key can ask"),
        (Load(0, 1), [capacity(RPM=60)], (0.0, 0.0, 0.0), ""),
        (
            Load(100, 1),
            [capacity("a", calls_per_s=1.0), capacity("b", opens_in_s=500, RPM=60)],
            (100.0, 100.0, 100.0),
            "the server's speed",
        ),
        (
            Load(120, 1),
            [capacity("a", calls_per_s=1.0), capacity("b", RPM=60, RPD=50), capacity("c", RPM=1)],
            (68.0, 68.0, 68.0),
            "the server's speed",
        ),
    ],
)
def test_the_end_its_interval_and_what_binds(
    load: Load, ways: list[Capacity], ends: tuple[float | None, ...], binding: str
) -> None:
    """To a second; calls that are doubted twice over may be none, and an end beyond 400 days is no end."""
    found = forecast(load, ways)
    expected = tuple(None if each is None else pytest.approx(each, abs=1.0, rel=1e-4) for each in ends)
    assert (found.eta_s, found.low_s, found.high_s) == expected
    assert found.binding_limit == binding


def test_the_end_is_found_to_a_hundredth_of_a_second() -> None:
    """Also where it is a year away."""
    assert [seconds_for(Load(calls, 1), [capacity(RPM=60)]) for calls in (61, 60 + 30_000_000)] == pytest.approx(
        [1.0, 30_000_000.0], abs=0.011, rel=0
    )


def test_the_first_key_that_opens_opens_its_organization() -> None:
    """A wait for a window that is known is in its level; one for another window is a bench."""
    windows = [
        WindowStatus("a", "m", Dimension.TPM, 6_000, 100, 60.0, speed=2.0),
        WindowStatus("a", "m", Dimension.RPD, 1_000, 7, DAY),
    ]
    keys = [key("a1", "a", KeyState.COOLING, 40.0, "TPD"), key("a2", "a", KeyState.COOLING, 30.0, "RPM")]
    (found,) = capacities(keys, windows)
    assert found == Capacity("a", {Dimension.TPM: Window(6_000, 100, 2.0), Dimension.RPD: Window(1_000, 7)}, 30.0)
    (found,) = capacities([*keys, key("a3", "a", KeyState.COOLING, 50.0, "TPM")], windows)
    assert found.opens_in_s == 0.0


def test_a_price_of_ones_own_may_leave_the_cached_one_out(tmp_path: Path) -> None:
    """Cached tokens then cost as much as others; more of them than of the prompt cost no less than nothing."""
    own = tmp_path / "prices.toml"
    own.write_text("[m]\nprompt = 2.0\ncompletion = 8.0\n[n]\nprompt = 2.0\ncached = 1.0\ncompletion = 8.0\n", "utf-8")
    plain, cheaper = price_of("m", own), price_of("n", own)
    assert plain is not None
    assert cheaper is not None
    assert [each.of(1e6, 4e5, 1e5) for each in (plain, cheaper)] == pytest.approx([2.8, 2.4])
    assert cheaper.of(1e6, 2e6, 0) == pytest.approx(2.0)
    assert price_of("m", tmp_path / "none.toml") is None
    own.write_bytes(b"\xff")
    with pytest.raises(UsageError, match=r"prices\.toml cannot be read"):
        price_of("m", own)


def test_what_nothing_is_said_of_opens_now_at_any_speed() -> None:
    """And is not doubted."""
    assert Window(30.0, 7.0) == Window(30.0, 7.0, 1.0)
    assert Capacity("o") == Capacity("o", {}, 0.0, math.inf)
    assert Load(1.0, 2.0) == Load(1.0, 2.0, 0.0)


def test_half_a_call_binds_too() -> None:
    """An organization that can make none does not."""
    ways = [capacity("a", calls_per_s=1.0), capacity("b", opens_in_s=9, RPM=60)]
    assert binding_limit(Load(1, 1), ways, 0.5) == "the server's speed"
    assert binding_limit(Load(1, 1), ways[1:], 0.5) == ""
    more = [capacity("a", calls_per_s=0.2), *(capacity(name, RPM=1) for name in "bc")]
    assert binding_limit(Load(1, 1), more, 10.0) == "RPM of 2 organizations"


def test_a_price_is_for_a_million_tokens() -> None:
    """Of each kind."""
    price = Price(1.0, 2.0, 4.0)
    assert [price.of(1e6, 0, 0), price.of(1e6, 1e6, 0), price.of(0, 0, 1e6)] == [1.0, 2.0, 4.0]


def test_plans_are_read_with_the_limits_that_they_state() -> None:
    """One without limits has none; each has its words."""
    plans.cache_clear()
    assert dict(plan("own").limits) == {}
    assert dict(plan("free").limits) == {
        Dimension.RPM: 30.0, Dimension.RPD: 1_000.0, Dimension.TPM: 8_000.0, Dimension.TPD: 200_000.0,
    }  # fmt: skip
    assert dict(plan("developer").limits) == {
        Dimension.RPM: 1_000.0, Dimension.RPD: 500_000.0, Dimension.TPM: 250_000.0,
    }  # fmt: skip
    assert plan("free").words == "Groq's free plan"
    with pytest.raises(UsageError, match=r"There is no plan 'x'\. Known are own, free, developer"):
        plan("x")
