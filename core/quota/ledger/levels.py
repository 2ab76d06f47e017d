"""Compute a bucket's level at another moment, for people, and merge two accounts that turn out to be one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from core.model import Dimension, WindowStatus

SOURCE_REFUSAL = "429"
SOURCE_HEADERS = "headers"
SOURCE_OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Level:
    """Hold a bucket's level as it is kept and shared: ``available`` units at ``as_of`` (seconds since the epoch).

    ``speed`` says how many times faster it refills than its period says: 1, but for servers that run in fast motion.
    ``drift`` is what others spend a second, ``caution`` what is kept free because of surprises.
    """

    limit: float
    available: float
    as_of: float
    source: str
    learned_at: float
    speed: float = 1.0
    drift: float = 0.0
    caution: float = 0.0


def at(level: Level, dimension: Dimension, now: float) -> Level:
    """Return the level as it stands at ``now``; a clock that went back leaves it as it is."""
    gained = max(0.0, now - level.as_of) * level.limit / dimension.period_s * level.speed
    return replace(level, available=min(level.limit, level.available + gained), as_of=now)


def window_status(organization: str, model: str, dimension: Dimension, level: Level, now: float) -> WindowStatus:
    """Return a kept level as it stands at ``now``, never below 0 nor above its limit."""
    available = at(level, dimension, now).available
    return WindowStatus(
        organization=organization,
        model=model,
        dimension=dimension,
        limit=level.limit,
        available=max(0.0, available),
        full_in_s=max(0.0, level.limit - available) * dimension.period_s / (level.limit * level.speed),
        source=level.source,
        speed=level.speed,
    )


def merged(one: Mapping[Dimension, Level], other: Mapping[Dimension, Level]) -> dict[Dimension, Level]:
    """Merge two accounts of what turns out to be one quota. ``available`` must speak of the same moment in both.

    Levels that replies stated include each other's spending: the lower one holds. Assumed ones each miss the
    other's: what was used adds up. What each took for spending of other programs was the other's: it is dropped.
    """
    both = {**other, **one}
    for dimension in one.keys() & other.keys():
        first, second = one[dimension], other[dimension]
        newer = first if first.learned_at >= second.learned_at else second
        vouched = {first.source, second.source} <= {SOURCE_HEADERS, SOURCE_REFUSAL}
        used = [first.limit - first.available, second.limit - second.available]
        available = newer.limit - (max(used) if vouched else sum(used))
        both[dimension] = replace(newer, available=available, drift=0.0, caution=0.0)
    return both
