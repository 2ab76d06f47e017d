"""Count quotas as Groq does: four continuously refilling buckets per organization and model.

Pure: the caller passes the time. A bucket holds `limit` and refills `limit / period` a second, so a stated wait is
(Used + Requested - Limit) / (Limit / period), the rule that every published 429 text handles. Times are in real
seconds; `scale` shortens the periods.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from core.simulator.config import Limits

MINUTE_S: Final = 60.0
DAY_S: Final = 86_400.0
_ROUNDING: Final = 1e-6

WindowName = Literal["rpm", "rpd", "tpm", "tpd"]


class Bucket:
    """Count what one limit has used up; it drains by itself as time passes."""

    __slots__ = ("_at", "_used", "limit", "refill_per_s")

    def __init__(self, limit: int, period_s: float, now: float) -> None:
        """Start empty at `now`, with `limit` units per `period_s` real seconds."""
        self.limit = limit
        self.refill_per_s = limit / period_s
        self._used = 0.0
        self._at = now

    def used(self, now: float) -> float:
        """Return the units in use at `now`, between 0 and (normally) the limit."""
        if now > self._at:
            self._used = max(0.0, self._used - (now - self._at) * self.refill_per_s)
            self._at = now
        return self._used

    def has_room(self, amount: float, now: float) -> bool:
        """Say whether `amount` more units fit at `now`."""
        return self.used(now) + amount <= self.limit + _ROUNDING

    def add(self, amount: float, now: float) -> None:
        """Take `amount` units, or give back -`amount`; never below nothing used."""
        self._used = max(0.0, self.used(now) + amount)

    def wait_s(self, amount: float, now: float) -> float:
        """Return the seconds until `amount` fits, counting what is used in whole units as the 429 text does."""
        over = math.ceil(self.used(now) - _ROUNDING) + amount - self.limit
        return max(0.0, over / self.refill_per_s)

    def full_again_s(self, now: float) -> float:
        """Return the seconds until nothing is used any more: what the `reset` headers show."""
        return self.used(now) / self.refill_per_s


@dataclass(frozen=True, slots=True)
class Refusal:
    """Hold why a call did not fit. `never` means that it is larger than the limit itself. Waits in real seconds."""

    window: WindowName
    limit: int
    used: int
    requested: int
    wait_s: float
    never: bool


@dataclass(frozen=True, slots=True)
class Level:
    """Hold one window for display and headers: units used (rounded up) and seconds until it is full again."""

    window: WindowName
    limit: int
    used: int
    reset_s: float

    @property
    def remaining(self) -> int:
        """Return units left, never negative."""
        return max(0, self.limit - self.used)


class Quota:
    """Count the four windows of one organization and model."""

    __slots__ = ("_buckets", "_requests", "_tokens")

    def __init__(self, limits: Limits, now: float, *, scale: float = 1.0) -> None:
        """Start unused at `now`; absent limits have no bucket."""
        shape: tuple[tuple[WindowName, int | None, float], ...] = (
            ("rpm", limits.rpm, MINUTE_S),
            ("rpd", limits.rpd, DAY_S),
            ("tpm", limits.tpm, MINUTE_S),
            ("tpd", limits.tpd, DAY_S),
        )
        self._buckets: dict[WindowName, Bucket] = {
            name: Bucket(limit, period_s / scale, now) for name, limit, period_s in shape if limit is not None
        }
        self._requests = [bucket for name, bucket in self._buckets.items() if name in {"rpm", "rpd"}]
        self._tokens = [bucket for name, bucket in self._buckets.items() if name in {"tpm", "tpd"}]

    def reserve(self, tokens: int, now: float) -> Refusal | None:
        """Take one request and `tokens`, or take nothing and say which window refused.

        A request that no waiting could fit is refused for its size first; then the windows are asked in the
        order RPM, RPD, TPM, TPD.
        """
        refused: Refusal | None = None
        for name, bucket in self._buckets.items():
            amount = 1 if name in {"rpm", "rpd"} else tokens
            if bucket.has_room(amount, now):
                continue
            never = amount > bucket.limit
            if refused is None or (never and not refused.never):
                used = math.ceil(bucket.used(now) - _ROUNDING)
                refused = Refusal(name, bucket.limit, used, amount, bucket.wait_s(amount, now), never)
        if refused is not None:
            return refused
        for bucket in self._requests:
            bucket.add(1, now)
        for bucket in self._tokens:
            bucket.add(tokens, now)
        return None

    def settle(self, reserved: int, real: int, now: float) -> None:
        """Replace `reserved` tokens by the `real` ones once the answer is known."""
        for bucket in self._tokens:
            bucket.add(real - reserved, now)

    def give_back_request(self, now: float) -> None:
        """Give one request back, for a call that was refused after all."""
        for bucket in self._requests:
            bucket.add(-1, now)

    def level(self, window: WindowName, now: float) -> Level | None:
        """Return one window's level at `now`, or None if it is unlimited."""
        bucket = self._buckets.get(window)
        if bucket is None:
            return None
        return Level(window, bucket.limit, math.ceil(bucket.used(now) - _ROUNDING), bucket.full_again_s(now))

    def levels(self, now: float) -> list[Level]:
        """Return the levels of all limited windows at `now`."""
        return [level for name in self._buckets if (level := self.level(name, now)) is not None]
