"""Whether rate-limit headers deserve belief: each reading is held against what the server admits and shows later.

A reading is kept for a while as an *anchor*: from it follows the most that can be left at any later moment (its
``remaining``, plus refill, minus calls admitted since). A later header that shows clearly more, or a call admitted
although less than it cost can have been left, contradicts the anchor. Contradictions add doubt, agreement removes it;
enough of it and headers are not believed for an hour. Programs that share the quota can raise a level by giving back
what they had reserved, so tolerances are wide and a single contradiction decides nothing.
"""

from __future__ import annotations

import math

from core.model import Dimension

DISTRUST_S = 3_600.0

_DOUBT_JUMP = 0.25
_DOUBT_ADMITTED = 0.34
_DOUBT_REFUSED = 0.34
_BELIEF = 0.05
_FIRST_AUDIT_S = 120.0
_NEXT_AUDIT_S = 10.0
_MOST_AUDIT_S = 4 * 3_600.0


class HeaderTrust:
    """Belief in the headers of one window. Units are the window's; ``now`` is in seconds."""

    __slots__ = (
        "_anchor_at",
        "_anchor_s",
        "_audit_after_s",
        "_audit_at",
        "_audit_budget",
        "_distrusted_until",
        "_doubt",
        "_lifted_at",
        "_tolerance_share",
        "anchor",
        "limit_disproved",
    )

    def __init__(self, dimension: Dimension, now: float) -> None:
        """Begin with belief."""
        self.anchor = math.inf
        self.limit_disproved = False
        self._anchor_at = -math.inf
        self._anchor_s = 20.0 if dimension.period_s < 3600 else 600.0
        self._tolerance_share = 0.02 if dimension.counts_tokens else 0.002
        self._doubt = 0.0
        self._distrusted_until = -math.inf
        self._lifted_at = -math.inf
        self._audit_at = now
        self._audit_after_s = _FIRST_AUDIT_S
        self._audit_budget = 0.0

    def believed(self, now: float) -> bool:
        """Whether headers may speak for this window at ``now``."""
        return not now < self._distrusted_until <= now + DISTRUST_S

    def rise(self, gained: float, limit: float) -> None:
        """Refill."""
        self.anchor = min(limit, self.anchor + gained)

    def forget(self) -> None:
        """Drop the anchor: what it was measured against has changed."""
        self.anchor = math.inf

    def admitted(self, reserved: float, cost: float, started_at: float, limit: float, rate: float, now: float) -> bool:
        """A call was let through. False where that was one contradiction too many."""
        if math.isinf(self.anchor):
            return True
        if started_at <= self._anchor_at:
            self.anchor = min(limit, self.anchor + max(0.0, reserved - cost))
            return True
        self.anchor -= cost
        if self.anchor >= -self._tolerance(limit, rate):
            return True
        self._audit_after_s, self._audit_budget = _NEXT_AUDIT_S, 0.0
        return self._doubted(_DOUBT_ADMITTED, now, disproves_limit=True)

    def shown(self, least: float, ceiling: float, limit: float, rate: float, now: float) -> bool:
        """A header came. False where it is one contradiction too many."""
        if least > self.anchor + 2.0 + 0.1 * limit + rate:
            believable = self._doubted(_DOUBT_JUMP, now, disproves_limit=False)
        else:
            believable = True
            self._doubt = max(0.0, self._doubt - _BELIEF)
        if math.isinf(self.anchor) or not 0 <= now - self._anchor_at < self._anchor_s:
            self.anchor, self._anchor_at = min(limit, ceiling), now
        return believable

    def lifted(self, now: float) -> None:
        """A header raised the level above what was reckoned."""
        self._lifted_at = now

    def refused(self, surplus: float, left: float, limit: float, now: float) -> bool:
        """A refusal showed that ``left`` units are left, ``surplus`` fewer than reckoned. False as above."""
        self._audit_at, self._audit_budget = now, 0.0
        self.anchor, self._anchor_at = min(limit, left), now
        if surplus > 0.1 * limit and 0 <= now - self._lifted_at < self._anchor_s:
            return self._doubted(_DOUBT_REFUSED, now, disproves_limit=False)
        return True

    # --- audits --------------------------------------------------------------------------------------------------

    def audit_open(self, held_back: float, amount: float, limit: float, rate: float, now: float) -> bool:
        """Whether a call may go out against the headers, to put them to the test.

        ``held_back`` is how much more own reckoning leaves than headers do. Tests come after minutes, then ever more
        rarely while the headers prove right; a refusal costs nothing and settles it.
        """
        if math.isinf(self.anchor) or not self.believed(now):
            return False
        if self._audit_budget > 0 and 0 <= now - self._audit_at < self._anchor_s:
            return True
        if held_back < max(2.0 * amount, 0.15 * limit) or now - self._audit_at < self._audit_after_s:
            return False
        return self.anchor + self._tolerance(limit, rate) < held_back / 2.0

    def audit_spends(self, amount: float, limit: float, rate: float, now: float) -> None:
        """A call of ``amount`` goes out against the headers."""
        if not (self._audit_budget > 0 and 0 <= now - self._audit_at < self._anchor_s):
            self._audit_budget = 2.0 * (max(0.0, self.anchor) + self._tolerance(limit, rate)) + amount
            self._audit_at = now
            self._audit_after_s = min(2.0 * self._audit_after_s, _MOST_AUDIT_S)
        self._audit_budget -= amount

    def disprove(self, now: float) -> None:
        """Headers were caught in something that cannot be: believe none for a while."""
        self._doubted(1.0, now, disproves_limit=True)

    def _tolerance(self, limit: float, rate: float) -> float:
        return 2.0 + self._tolerance_share * limit + rate

    def _doubted(self, weight: float, now: float, *, disproves_limit: bool) -> bool:
        self._doubt += weight
        self.anchor = math.inf
        if self._doubt < 1.0:
            return True
        self._doubt = 0.5
        self._distrusted_until = now + DISTRUST_S
        self.limit_disproved = self.limit_disproved or disproves_limit
        return False
