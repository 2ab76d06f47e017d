"""Plan faults that depend on the email and how often it was asked, never on arrival order.

Every roll is a slice of one hash over (seed, email digest, nth time this email got past the quota). Two runs
that ask the same emails in another order, or at another speed, therefore meet the same faults.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from core.simulator.config import CALL_FAULTS, FaultPlan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.simulator.config import Outage

_UNIT: Final = float(1 << 32)


@dataclass(frozen=True, slots=True)
class Rolls:
    """Hold four independent numbers in [0, 1) for one call."""

    fault: float
    latency: float
    answer: float
    reasoning: float


@dataclass(frozen=True, slots=True)
class Fate:
    """Hold what holds for an email for ever: never answered validly, always too large, label flipped."""

    poison: bool
    too_large: bool
    noisy: bool


class Faults:
    """Roll the faults of a plan."""

    def __init__(self, plan: FaultPlan, *, seed: int, noise: float = 0.0) -> None:
        self._plan = plan
        self._noise = noise
        self._seed = hashlib.blake2b(str(seed).encode(), digest_size=16).digest()
        self._quiet = Fate(poison=False, too_large=False, noisy=False)
        self._has_fates = plan.poison > 0 or plan.too_large > 0 or noise > 0
        edges: list[tuple[float, str]] = []
        edge = 0.0
        for kind in CALL_FAULTS:
            rate = getattr(plan, kind)
            if rate > 0:
                edge += rate
                edges.append((edge, kind))
        self._edges = edges

    def rolls(self, email_key: bytes, nth: int) -> Rolls:
        """Roll for the nth (from 1) call about an email."""
        return Rolls(*self._numbers(email_key, nth.to_bytes(4, "big")))

    def fate(self, email_key: bytes) -> Fate:
        """Return what holds for this email however often it is asked."""
        if not self._has_fates:
            return self._quiet
        poison, too_large, noisy, _ = self._numbers(email_key, b"fate")
        return Fate(poison < self._plan.poison, too_large < self._plan.too_large, noisy < self._noise)

    def kind(self, rolls: Rolls) -> str | None:
        """Return the fault of a call, one of CALL_FAULTS, or None."""
        for edge, kind in self._edges:
            if rolls.fault < edge:
                return kind
        return None

    def odd_text(self, email_key: bytes, ordinal: int) -> int | None:
        """Return which odd wording (0, 1, 2) the text of a 429 takes, or None for the usual one."""
        if self._plan.odd_429 <= 0:
            return None
        odd, which, _, _ = self._numbers(email_key, b"odd" + ordinal.to_bytes(8, "big"))
        return int(which * 3) if odd < self._plan.odd_429 else None

    def _numbers(self, email_key: bytes, salt: bytes) -> tuple[float, float, float, float]:
        digest = hashlib.blake2b(email_key + salt, key=self._seed, digest_size=16).digest()
        return (
            int.from_bytes(digest[0:4], "big") / _UNIT,
            int.from_bytes(digest[4:8], "big") / _UNIT,
            int.from_bytes(digest[8:12], "big") / _UNIT,
            int.from_bytes(digest[12:16], "big") / _UNIT,
        )


def outage_at(outages: Sequence[Outage], since_start_s: float) -> Outage | None:
    """Return the outage that covers this moment, in real seconds since the start, or None."""
    for outage in outages:
        if outage.start_s <= since_start_s < outage.start_s + outage.duration_s:
            return outage
    return None
