"""How many calls an organization should have in flight at once.

It grows by one with each answer while every slot is in demand (so it doubles in a round trip), after the first
push-back (429 or 498) by one in a round trip, and halves with each push-back. Growth stops while answers get slower
instead of more. Quotas bound it from above: more calls than refill while one is under way only make errors cost more.
"""

from __future__ import annotations

import math

FIRST_CONCURRENCY = 4.0
_HEAD_ROOM = 1.5
_SPARE_CALLS = 2
_SLOWER = 2.5
_SLOWER_S = 0.2
_LATENCY_GAIN = 0.1
_BASE_ANSWERS = 20
_BASE_GAIN = 0.0005
_ASSUMED_LATENCY_S = 1.0


class Concurrency:
    """The concurrency of one organization, between 1 and ``cap``."""

    __slots__ = ("_answers", "_base_s", "_cap", "_grown_steeply", "_shrunk_at", "_width", "latency_s")

    def __init__(self, cap: int) -> None:
        """Begin with a few."""
        self._cap = float(cap)
        self._width = min(FIRST_CONCURRENCY, self._cap)
        self._grown_steeply = True
        self._shrunk_at = -math.inf
        self._answers = 0
        self._base_s = _ASSUMED_LATENCY_S
        self.latency_s = _ASSUMED_LATENCY_S

    def allowed(self, call_rate: float) -> int:
        """Calls that may be in flight where quotas refill ``call_rate`` calls a second (``inf``: unlimited)."""
        bound = self._cap
        if not math.isinf(call_rate):
            bound = min(bound, math.ceil(call_rate * self.latency_s * _HEAD_ROOM) + _SPARE_CALLS)
        return max(1, int(min(self._width, bound)))

    def answered(self, latency_s: float, *, in_demand: bool) -> None:
        """An answer came; ``in_demand`` means that all slots were taken when it was asked for."""
        self._answers += 1
        self.latency_s += max(_LATENCY_GAIN, 1.0 / self._answers) * (latency_s - self.latency_s)
        base_gain = 1.0 / self._answers if self._answers <= _BASE_ANSWERS else _BASE_GAIN
        self._base_s += base_gain * (latency_s - self._base_s)
        if in_demand and self.latency_s <= _SLOWER * self._base_s + _SLOWER_S:
            self._width = min(self._cap, self._width + (1.0 if self._grown_steeply else 1.0 / self._width))

    def pushed_back(self, asked_at: float, now: float) -> None:
        """A 429 or 498 came. Calls asked before the last shrinking belong to the same crowd and count once."""
        if asked_at < self._shrunk_at <= now:
            return
        self._shrunk_at = now
        self._grown_steeply = False
        self._width = max(1.0, self._width / 2.0)

    def restart(self) -> None:
        """An outage is over: begin with a few again."""
        self._width = min(FIRST_CONCURRENCY, self._width)
        self._grown_steeply = True
