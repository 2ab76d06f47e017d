"""Forecast time and money of each lane, and choose the lane for a time and a budget. Pure.

Live calls are bound by the quotas, the flex tier by ten times as much, batches by the server's window: it promises to
be done within 24 hours and is often sooner, so that is the most a batch may take. A batch costs half of the plain
price, without the discount for a cached prompt, which does not stack with it (console.groq.com/docs/batch).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.model import BatchLimits, Forecast
from core.quota.forecast.forecast import Capacity, Load, Window, forecast
from core.quota.forecast.plans import Price

BATCH_SHARE = 0.5
"""Of the price, at Groq and at OpenAI."""
FLEX_SHARES = {"api.openai.com": 0.5}
"""Of the price in the flex tier, by server; elsewhere (Groq) it costs the same (looked at in 2026-11)."""
FLEX_LIMITS = 10.0
WINDOW_S = 86_400.0
"""A batch is done within so long, or expires."""
LATE_FACTOR = 1.3
"""The rest is asked live when that would take this much of the time that is left."""
CANCEL_S = 600.0
"""Ending batches takes up to ten minutes: so long before that, batches are given up."""

WORTH_S = 900.0
"""Batches that would get less time are not begun."""

BATCHES = "batches at the server"
"""What binds a run that waits for batches."""

_WINDOW = "the server's window of 24 h for a batch"


@dataclass(frozen=True, slots=True)
class Tokens:
    """Hold tokens of all calls."""

    prompt: float
    cached: float
    completion: float


@dataclass(frozen=True, slots=True)
class LaneForecast:
    """Hold what a run takes in one lane. ``forecast.eta_s`` of batches is the most that they may take."""

    lane: str
    forecast: Forecast
    money: float | None
    note: str

    @property
    def most_s(self) -> float:
        """Return an upper bound of the time, which it hardly exceeds."""
        ends = self.forecast.high_s or self.forecast.eta_s
        return math.inf if ends is None else ends


@dataclass(frozen=True, slots=True)
class Mix:
    """Hold the choice of a lane for a time and a budget.

    ``batches_s`` is how long batches are given before the rest goes live.
    ``done_in_time`` and ``within_budget`` are None where neither was asked for.
    """

    lane: str
    sentence: str
    batches_s: float | None = None
    done_in_time: bool | None = None
    within_budget: bool | None = None


def in_flex(ways: Sequence[Capacity]) -> tuple[Capacity, ...]:
    """Return the same organizations in the flex tier."""
    return tuple(
        replace(
            way,
            windows={
                dimension: Window(FLEX_LIMITS * window.limit, FLEX_LIMITS * window.limit, window.speed)
                for dimension, window in way.windows.items()
            },
            opens_in_s=0.0,
        )
        for way in ways
    )


def lane_forecasts(
    load: Load,
    ways: Sequence[Capacity],
    tokens: Tokens,
    price: Price | None,
    *,
    host: str,
    limits: BatchLimits,
    asked: int = 0,
    observed_s: float | None = None,
) -> tuple[LaneForecast, ...]:
    """Return what live calls, the flex tier and batches take.

    ``load`` and ``tokens`` are those of all calls that are left. ``asked`` texts of the live trial were asked already;
    ``observed_s`` is how long batches of this run took so far.
    """
    live = None if price is None else price.of(tokens.prompt, tokens.cached, tokens.completion)
    flex_share = FLEX_SHARES.get(host, 1.0)
    flex = None if live is None else flex_share * live
    same = "half the price" if flex_share < 1.0 else "the same price"
    return (
        LaneForecast("live", forecast(load, ways), live, ""),
        LaneForecast(
            "flex",
            forecast(load, in_flex(ways)),
            flex,
            f"{same}; where the server offers it, and refused while it is full",
        ),
        _batch(load, ways, tokens, price, limits, max(0, limits.trial - asked), observed_s),
    )


def _batch(
    load: Load,
    ways: Sequence[Capacity],
    tokens: Tokens,
    price: Price | None,
    limits: BatchLimits,
    trial_left: int,
    observed_s: float | None,
) -> LaneForecast:
    trial = min(load.calls, float(trial_left))
    rest = load.calls - trial
    first = forecast(replace(load, calls=trial), ways)
    money = None
    if price is not None:
        share = rest / load.calls if load.calls else 0.0
        batched = BATCH_SHARE * price.of(share * tokens.prompt, 0.0, share * tokens.completion)
        money = (1 - share) * price.of(tokens.prompt, tokens.cached, tokens.completion) + batched
    rounds = math.ceil(rest / (limits.size * limits.most_open))
    if first.eta_s is None:
        return LaneForecast("batch", first, money, "")
    least_s, most_s = first.eta_s, first.eta_s + rounds * WINDOW_S
    likely_s = most_s if observed_s is None else min(most_s, least_s + rounds * observed_s)
    first_texts = "the first" if trial_left == limits.trial else "the next"
    before = f"{first_texts} {trial_left:,} texts live, then " if trial_left else ""
    note = f"{before}batches of {limits.size:,}, {limits.most_open} at once"
    if observed_s is not None:
        note += "; as long as those of this run took so far"
    binding = _WINDOW if rest > 0 else first.binding_limit
    return LaneForecast("batch", Forecast(likely_s, least_s, most_s, binding), money, note)


@dataclass(frozen=True, slots=True)
class OutBatches:
    """Hold batches that are waited for, in seconds from now.

    ``since_s`` is how long ago each open one was sent, ``left_s`` when each expires; ``rounds`` more follow, each when
    those before it are done. ``took_s`` is how long batches of the run took so far, where any was done.
    """

    since_s: Sequence[float]
    left_s: Sequence[float]
    rounds: int
    took_s: float | None

    @property
    def most_s(self) -> float:
        """Return when the last one has expired."""
        return max(self.left_s, default=0.0) + self.rounds * WINDOW_S

    @property
    def likely_s(self) -> float:
        """Return when they are done if they take as long as those before."""
        if self.took_s is None:
            return self.most_s
        open_s = max((max(0.0, self.took_s - each) for each in self.since_s), default=0.0)
        return min(self.most_s, open_s + self.rounds * self.took_s)


def end_with_batches(live: Forecast | None, batches: OutBatches, by_s: float | None = None) -> Forecast:
    """Return the end of a run that waits for batches, and for the ``live`` calls beside them, where there are any.

    ``by_s`` is when the run is to be done, for which batches are given up. Where nothing tells how long batches take,
    only the latest end is known.
    """
    if live is not None and live.eta_s is None:
        return live
    most_s = batches.most_s if by_s is None else min(batches.most_s, max(by_s, 0.0))
    likely_s = min(batches.likely_s, most_s)
    if live is not None and live.eta_s is not None and live.eta_s >= likely_s and batches.took_s is not None:
        return replace(live, high_s=None if live.high_s is None else max(live.high_s, most_s))
    if live is not None and live.high_s is not None:
        most_s = max(most_s, live.high_s)
    if batches.took_s is None:
        return Forecast(most_s, None, most_s, BATCHES)
    return Forecast(likely_s, likely_s, most_s, BATCHES)


def choose_mix(lanes: Sequence[LaneForecast], by_s: float | None, money: float | None) -> Mix:
    """Return which lane is done in ``by_s`` seconds for at most ``money`` dollars: the cheapest that is.

    Where batches may take longer than there is, they are given the time that live calls can spare.
    """
    known = {each.lane: each for each in lanes}
    live, flex, batch = known["live"], known["flex"], known["batch"]
    fast = min((live, flex), key=lambda each: each.most_s)
    if by_s is not None and batch.most_s > by_s and (fast.most_s > by_s or _spare_s(fast, by_s) >= WORTH_S):
        return _mixed(batch, fast, by_s, money)
    in_time = [each for each in (batch, live, flex) if by_s is None or each.most_s <= by_s]
    affordable = [each for each in in_time if money is None or each.money is None or each.money <= money]
    best = min(affordable or in_time, key=lambda each: math.inf if each.money is None else each.money)
    if affordable:
        return Mix(best.lane, _reason(best, by_s, money), None, _asked(by_s), _asked(money))
    sentence = f"${money or 0:,.2f} pay for about {_share(money, best.money)} of the run, then it pauses"
    return Mix(best.lane, sentence, None, _asked(by_s), within_budget=False)


def _spare_s(fast: LaneForecast, by_s: float) -> float:
    """Return how long batches may take so that live calls are done in time with the rest."""
    return by_s - CANCEL_S - LATE_FACTOR * fast.most_s


def _mixed(batch: LaneForecast, fast: LaneForecast, by_s: float, money: float | None) -> Mix:
    """Return how much time batches get before the rest is asked live."""
    batches_s = _spare_s(fast, by_s)
    within = None
    if money is not None and batch.money is not None and fast.money is not None:
        within = money >= max(batch.money, fast.money)
    if batches_s <= 0:
        done = fast.most_s <= by_s
        end = "is just in time" if done else "is late all the same: more keys, or a later time"
        return Mix(fast.lane, f"no time for batches: asked with {fast.lane} calls it {end}", None, done, within)
    sentence = "batches as long as live calls can spare the time, then the rest live"
    if within is False and money is not None and batch.money is not None and fast.money is not None:
        if money < batch.money:
            sentence += f"; ${money:,.2f} pay for about {_share(money, batch.money)} even in batches, then it pauses"
        else:
            least = (fast.money - money) / max(fast.money - batch.money, 1e-12)
            sentence += f"; within ${money:,.2f} if batches answer at least {least:.0%} of it, else it pauses"
    return Mix("auto", sentence, batches_s, done_in_time=True, within_budget=within)


def _reason(best: LaneForecast, by_s: float | None, money: float | None) -> str:
    if by_s is None and money is None:
        return "the cheapest" if best.money is not None else "no price is known: the one that a server promises least"
    met = " and ".join(
        word for word, wanted in (("done in time", by_s), ("within the budget", money)) if wanted is not None
    )
    return f"the cheapest that is {met}"


def _asked(value: float | None) -> bool | None:
    return None if value is None else True


def _share(part: float | None, whole: float | None) -> str:
    return "an unknown part" if not part or not whole else f"{min(1.0, part / whole):.0%}"
