"""Forecast when a run ends and what binds it: each quota window is a bucket that refills, keys work in parallel. Pure.

In ``t`` seconds an organization can make the calls that its scarcest window lets through: what is there now, and what
refills until then, divided by what a call takes. Calls of several organizations add up. The end is the moment when the
sum reaches what is left to ask; the binding limit is the window that was scarcest then.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from core.model import Dimension, Forecast, KeyStatus, WindowStatus

SPEED = "speed"
"""What binds where no quota does: how fast the server answers."""

_HORIZON_S = 400 * 86_400.0
_STEPS = 60
_MOST_CALLS = 1e15
"""More than any run makes: an organization without limits, whose speed is not known yet, could make infinitely many."""


@dataclass(frozen=True, slots=True)
class Window:
    """Hold one quota window: units in it now, its ``limit``, and how many times faster than its name it refills."""

    limit: float
    available: float
    speed: float = 1.0


def full_windows(limits: Mapping[Dimension, float]) -> dict[Dimension, Window]:
    """Return windows of these limits with nothing used."""
    return {dimension: Window(limit, limit) for dimension, limit in limits.items()}


@dataclass(frozen=True, slots=True)
class Capacity:
    """Hold one organization's capacity: its windows, when its bench ends, and how many calls a second it can make."""

    organization: str
    windows: Mapping[Dimension, Window] = field(default_factory=dict)
    opens_in_s: float = 0.0
    calls_per_s: float = math.inf


@dataclass(frozen=True, slots=True)
class Load:
    """Hold what is left to ask: ``calls`` (re-asks included) of ``tokens`` each, as they count against quotas.

    ``doubt`` is the relative uncertainty of the whole at about 95 %.
    """

    calls: float
    tokens: float
    doubt: float = 0.0


def capacities(
    keys: Sequence[KeyStatus],
    windows: Sequence[WindowStatus],
    *,
    speeds: Mapping[str, float] | None = None,
    assumed: Mapping[Dimension, float] | None = None,
) -> tuple[Capacity, ...]:
    """Return the capacity of each organization that has a key which may ask, now or after a wait.

    ``speeds`` are calls a second that an organization reaches; ``assumed`` are limits for those
    of which none is known, their windows taken for full.
    """
    found: dict[str, list[KeyStatus]] = {}
    for key in keys:
        if not key.state.out:
            found.setdefault(key.organization, []).append(key)
    return tuple(_capacity(name, members, windows, speeds or {}, assumed or {}) for name, members in found.items())


def _capacity(
    name: str,
    keys: Sequence[KeyStatus],
    windows: Sequence[WindowStatus],
    speeds: Mapping[str, float],
    assumed: Mapping[Dimension, float],
) -> Capacity:
    known = {
        each.dimension: Window(each.limit, each.available, each.speed) for each in windows if each.organization == name
    }
    if not known:
        known = full_windows(assumed)
    # A wait for a window that is known is in its level already; only other benches close it.
    benches = [0.0 if key.limit in {each.value for each in known} else key.cooldown_s for key in keys]
    return Capacity(name, known, min(benches, default=0.0), speeds.get(name, math.inf))


def calls_in(capacity: Capacity, seconds: float, tokens: float) -> tuple[float, str]:
    """Return how many calls of so many tokens the organization allows in so many seconds, and what limits it there."""
    open_s = seconds - capacity.opens_in_s
    if open_s <= 0:
        return 0.0, "bench"
    most, binding = capacity.calls_per_s * open_s, SPEED
    for dimension, window in capacity.windows.items():
        unit = max(tokens, 1e-9) if dimension.counts_tokens else 1.0
        rate = window.limit / dimension.period_s * window.speed
        at_opening = min(window.limit, window.available + rate * capacity.opens_in_s)
        calls = max(0.0, at_opening + rate * open_s) / unit
        if calls < most:
            most, binding = calls, dimension.value
    return most, binding


def seconds_for(load: Load, capacities: Sequence[Capacity]) -> float:
    """Return seconds until the organizations have made all calls; infinity where they never do. Found by bisection."""

    def enough(seconds: float) -> bool:
        return sum(calls_in(capacity, seconds, load.tokens)[0] for capacity in capacities) >= load.calls

    if load.calls <= 0:
        return 0.0
    if not capacities or not enough(_HORIZON_S):
        return math.inf
    low, high = 0.0, _HORIZON_S
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
        if high - low < 0.01:
            break
    return high


def forecast(load: Load, capacities: Sequence[Capacity]) -> Forecast:
    """Return the end with its interval, and the binding limit by name. An end beyond any horizon has no seconds."""
    middle = seconds_for(load, capacities)
    if math.isinf(middle):
        return Forecast(None, None, None, _nothing(capacities))
    low = seconds_for(_scaled(load, 1 - load.doubt), capacities)
    high = seconds_for(_scaled(load, 1 + load.doubt), capacities)
    return Forecast(middle, low, high if not math.isinf(high) else None, binding_limit(load, capacities, middle))


def binding_limit(load: Load, capacities: Sequence[Capacity], seconds: float) -> str:
    """Return what is scarcest at the end: ``TPD of org_1: 200,000 a day``, or ``TPD of 3 organizations``."""
    weight: Counter[str] = Counter()
    among: dict[str, list[Capacity]] = {}
    for capacity in capacities:
        calls, binding = calls_in(capacity, seconds, load.tokens)
        if calls > 0:
            weight[binding] += math.ceil(min(calls, _MOST_CALLS))
            among.setdefault(binding, []).append(capacity)
    if not weight:
        return ""
    binding = weight.most_common(1)[0][0]
    return _name(binding, among[binding])


def _name(binding: str, capacities: Sequence[Capacity]) -> str:
    if binding == SPEED:
        return "the server's speed"
    if len(capacities) > 1:
        return f"{binding} of {len(capacities)} organizations"
    dimension = Dimension(binding)
    span = "a minute" if dimension.period_s < 3600 else "a day"
    return f"{binding} of {capacities[0].organization}: {capacities[0].windows[dimension].limit:,.0f} {span}"


def _nothing(capacities: Sequence[Capacity]) -> str:
    return "no key can ask" if not capacities else "no end within a year"


def _scaled(load: Load, factor: float) -> Load:
    return replace(load, calls=load.calls * max(factor, 0.0))
