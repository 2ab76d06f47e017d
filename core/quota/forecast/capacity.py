"""Lanes for the forecast, from what is known of keys and windows: of the book before a run, of the broker in it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from core.model import Dimension, KeyStatus, WindowStatus
from core.quota.forecast.forecast import Capacity, Window, full_windows


def capacities(
    keys: Sequence[KeyStatus],
    windows: Sequence[WindowStatus],
    *,
    speeds: Mapping[str, float] | None = None,
    assumed: Mapping[Dimension, float] | None = None,
) -> tuple[Capacity, ...]:
    """One lane for each organization that has a key which may ask, now or after a wait.

    ``speeds`` are calls a second that an organization reaches; ``assumed`` are limits for those
    of which nobody knows any, their windows taken for full.
    """
    found: dict[str, list[KeyStatus]] = {}
    for key in keys:
        if not key.state.out:
            found.setdefault(key.organization, []).append(key)
    return tuple(_lane(name, members, windows, speeds or {}, assumed or {}) for name, members in found.items())


def _lane(
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
    # A wait for a window that is known is in its level already; only other benches close the lane.
    benches = [0.0 if key.limit in {each.value for each in known} else key.cooldown_s for key in keys]
    return Capacity(name, known, min(benches, default=0.0), speeds.get(name, math.inf))
