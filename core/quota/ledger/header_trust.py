"""Whether rate-limit headers deserve belief: each reading is held against what the server admits and shows later.

A reading is kept for a while as an *anchor*: from it follows the most that can be left at any later moment (its
``remaining``, plus refill, minus calls admitted since; later readings that show more raise it). A call admitted when
less than it cost can have been left disproves headers that show too little; a refusal just after headers had raised the
level disproves those that show too much. One contradiction decides nothing, because others who share the quota move
its level too; enough of them, and headers are not believed for an hour, then two, then four. A single refusal is enough
where headers have just shown more than can be left after the very call that they came with.

Headers that always show too little would never be caught, as nothing would go out against them. So now and then, when
they hold back much of what own reckoning leaves, a few calls put them to the test: an *audit*.
"""

from __future__ import annotations

import math

from core.model import Dimension

DISTRUST_S = 3_600.0
_LONGEST_DISTRUST_S = 86_400.0

_DISPROOFS_MOST = 3.0
_DISPROOF_HALF_LIFE_S = 3_600.0
_FIRST_AUDIT_S = 60.0
_NEXT_AUDIT_S = 10.0
_MOST_AUDIT_S = 4 * 3_600.0
_TOO_FULL = 2


class HeaderTrust:
    """Belief in the headers of one window. Units are the window's; ``now`` is in seconds."""

    __slots__ = (
        "_anchor_at",
        "_anchor_s",
        "_audit_after_s",
        "_audit_at",
        "_audit_passed",
        "_audit_undecided",
        "_disproofs",
        "_disproved_at",
        "_distrust_s",
        "_distrusted_until",
        "_latest",
        "_lifted_at",
        "_tolerance_share",
        "_too_full",
        "anchor",
        "limit_disproved",
    )

    def __init__(self, dimension: Dimension, now: float) -> None:
        """Begin with belief."""
        self.anchor = math.inf
        self.limit_disproved = False
        self._latest = math.inf
        self._anchor_at = -math.inf
        self._anchor_s = 20.0 if dimension.period_s < 3600 else 600.0
        self._tolerance_share = 0.02 if dimension.counts_tokens else 0.0
        self._disproofs = 0.0
        self._disproved_at = now
        self._distrusted_until = -math.inf
        self._distrust_s = DISTRUST_S
        self._lifted_at = -math.inf
        self._too_full = 0
        self._audit_at = now
        self._audit_after_s = _FIRST_AUDIT_S
        self._audit_undecided = False
        self._audit_passed = False

    def believed(self, now: float) -> bool:
        """Whether headers may speak for this window at ``now``."""
        return not now < self._distrusted_until <= now + _LONGEST_DISTRUST_S

    def rise(self, gained: float, limit: float) -> None:
        """Refill."""
        self.anchor = min(limit, self.anchor + gained)
        self._latest = min(limit, self._latest + gained)

    def forget(self) -> None:
        """Drop the anchor: what it was measured against has changed."""
        self.anchor = self._latest = math.inf

    def shown(self, least: float, ceiling: float, limit: float, now: float, *, empty: bool = False) -> None:
        """A header came: between ``least`` and ``ceiling`` units may be left.

        One that says ``empty`` excuses no call that an audit let through, else one that always says so never lies.
        """
        self._latest = min(limit, ceiling)
        fresh = self._auditing(now) or 0 <= now - self._anchor_at < self._anchor_s
        if fresh and not math.isinf(self.anchor):
            if empty and self._auditing(now):
                return
            self.anchor = max(self.anchor, min(limit, least))
        else:
            self.anchor, self._anchor_at = min(limit, ceiling), now

    def came_with(self, cost: float, remaining: float, refilled: float, limit: float) -> None:
        """``remaining`` came with a call of ``cost`` units, in whose flight at most ``refilled`` came back.

        More than the rest is a lie, or the bucket refills faster than known: only a refusal tells which.
        """
        too_full = remaining > limit - cost + refilled + 0.02 * limit + 2.0
        self._too_full = self._too_full + 1 if too_full else 0

    def lifted(self, now: float) -> None:
        """A header raised the level above what was reckoned."""
        self._lifted_at = now

    def lifted_lately(self, now: float) -> bool:
        """Whether a header has just raised the level: what goes wrong then is no sign of others spending."""
        return 0 <= now - self._lifted_at < self._anchor_s

    def admitted(self, reserved: float, cost: float, started_at: float, limit: float, rate: float, now: float) -> bool:
        """A call was let through. False where headers have now been disproved often enough."""
        if self._auditing(now) and started_at >= self._audit_at:
            self._audit_passed = True
        if math.isinf(self.anchor):
            return True
        if started_at < self._anchor_at:
            self.anchor = min(limit, self.anchor + max(0.0, reserved - cost))
            return True
        self.anchor -= cost
        if self.anchor >= -self._tolerance(limit, rate):
            return True
        self.anchor, self._audit_after_s = math.inf, _NEXT_AUDIT_S
        self._decide_audit(now)
        if not self._disproved(now):
            return True
        self.limit_disproved = True
        return False

    def refused(self, surplus: float, left: float, limit: float, now: float) -> bool:
        """A refusal showed that ``left`` units are left, ``surplus`` fewer than reckoned. False as above."""
        if self._auditing(now):
            self._audit_after_s = min(2.0 * self._audit_after_s, _MOST_AUDIT_S)
        self._decide_audit(now)
        self.anchor, self._anchor_at = min(limit, left), now
        if not (surplus > 0.1 * limit and self.lifted_lately(now)):
            return True
        if self._too_full >= _TOO_FULL:
            self._distrust(now)
            return False
        return not self._disproved(now)

    def disprove(self, now: float) -> None:
        """Headers were caught in something that cannot be: believe none for a while."""
        self._distrust(now)
        self.limit_disproved = True

    # --- audits --------------------------------------------------------------------------------------------------

    def audit_open(self, held_back: float, amount: float, limit: float, rate: float, now: float) -> bool:
        """Whether a call may go out against the headers, to put them to the test.

        ``held_back`` is how much more own reckoning leaves than headers do. Tests come after minutes, then ever more
        rarely while the headers prove right; a refusal costs nothing and settles it.
        """
        if self._auditing(now):
            return self._audit_passed
        if math.isinf(self.anchor) or not self.believed(now):
            return False
        if held_back < max(2.0 * amount, 0.15 * limit) or now - self._audit_at < self._audit_after_s:
            return False
        return self.anchor + self._tolerance(limit, rate) < held_back / 2.0

    def audit(self, now: float) -> None:
        """A call goes out against the headers. If it passes, own reckoning rules for a while, until a reply decides."""
        if not self._auditing(now):
            self.anchor, self._anchor_at = min(self.anchor, self._latest), now
            self._audit_at, self._audit_undecided, self._audit_passed = now, True, False

    # --- inside --------------------------------------------------------------------------------------------------

    def _auditing(self, now: float) -> bool:
        return self._audit_undecided and 0 <= now - self._audit_at < self._anchor_s

    def _decide_audit(self, now: float) -> None:
        self._audit_at, self._audit_undecided = now, False

    def _tolerance(self, limit: float, rate: float) -> float:
        return 2.0 + self._tolerance_share * limit + rate

    def _disproved(self, now: float) -> bool:
        fade = 0.5 ** (max(0.0, now - self._disproved_at) / _DISPROOF_HALF_LIFE_S)
        self._disproofs = self._disproofs * fade + 1.0
        self._disproved_at = now
        if self._disproofs < _DISPROOFS_MOST - 0.5:
            return False
        self._distrust(now)
        return True

    def _distrust(self, now: float) -> None:
        self.anchor = math.inf
        self._disproofs = _DISPROOFS_MOST - 2.0
        self._distrusted_until = now + self._distrust_s
        self._distrust_s = min(2.0 * self._distrust_s, _LONGEST_DISTRUST_S)
