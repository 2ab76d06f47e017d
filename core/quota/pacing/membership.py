"""Whether keys that the operator declared as one organization are one: a belief that replies bear out or contradict.

Paced for one quota, keys of several organizations are never refused, so no refusal ever names them. Two things tell:

*Headers.* A key whose replies leave clearly more than what the declared organization has spent does not share its
quota, nor does one that shows another limit than the others do at the same time. One whose replies follow what the
others spend does share it, and is left in peace.

*Trials.* While the declared organization is full, a key that no reply has named yet may go on asking, about emails that
are in line anyway. Its calls are charged like any other, so the account sinks below nothing. A call that is let through
then cannot have come out of that quota; a refusal names the key's organization, and no trial is made with it again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from core.model import Dimension
from core.quota.ledger.account import Account
from core.quota.ledger.claims import Reservation
from core.quota.ledger.replies import Reading

_PASSES_BEFORE_MORE = 3
_MOST_TRIALS_OUT = 4
_TRIALS_IN_A_ROW = 24
_FIRST_PAUSE_S = 60.0
_LONGEST_PAUSE_S = 14_400.0
_READINGS_APART = 3
_READINGS_TOGETHER = 2
_AGREED_S = 14_400.0
_HEADERS_FIRST_S = 90.0
_FLIGHTS = 1.5
_ROUNDING = 2.0


@dataclass(slots=True)
class Shown:
    """A limit as a key's replies show it: from when on, and when last."""

    limit: float
    since_at: float
    at: float


@dataclass(slots=True)
class Membership:
    """What speaks for and against a key being of the organization that it was declared for."""

    tokens: float = 0.0
    since_at: float = math.inf
    shown: dict[Dimension, Shown] = field(default_factory=dict)
    trials_out: int = 0
    _passes: int = 0
    _trials: int = 0
    _pause_s: float = _FIRST_PAUSE_S
    _not_before: float = -math.inf
    _apart: int = 0
    _together: int = 0

    # --- trials --------------------------------------------------------------------------------------------------

    def may_try(self, now: float) -> bool:
        """Whether a call may go out to see whether it is let through: one at a time, a few once several were.

        Where there are headers, they get a minute and a half to settle it for nothing.
        """
        if self.shown and now - self.since_at < _HEADERS_FIRST_S:
            return False
        more = max(0, self._passes - _PASSES_BEFORE_MORE)
        return self.trials_out <= min(more, _MOST_TRIALS_OUT) and not self._resting(now)

    def tried(self, now: float) -> None:
        """A trial goes out; :meth:`ended` must follow. Many in a row that settle nothing are followed by a pause."""
        self.trials_out += 1
        self._trials += 1
        if self._trials >= _TRIALS_IN_A_ROW:
            self._rest(now)

    def ended(self) -> None:
        """A trial is over, whatever became of it."""
        self.trials_out = max(0, self.trials_out - 1)

    def passed(self, *, overdrawn: bool) -> bool:
        """A trial was let through; ``overdrawn`` as told by :func:`overdrawn`. Whether that settles it: apart."""
        self._passes += 1
        return overdrawn

    def refused(self, now: float) -> None:
        """A call was refused without a word on the organization: ask no more for a while."""
        self._rest(now)

    # --- headers -------------------------------------------------------------------------------------------------

    def answered(self, cost: float, now: float) -> None:
        """A call was answered that cost so many tokens."""
        self.tokens += cost
        self.since_at = min(self.since_at, now)

    def read(self, surplus: float, expected: float, doubt: float, now: float) -> bool:
        """A header left ``surplus`` units more than the organization has; ``expected`` if the key were on its own.

        ``doubt`` is how much may be due to calls that are under way. Whether it is settled now: apart.
        """
        if expected <= 2.0 * doubt:
            return False
        if surplus > max(doubt, 0.5 * expected):
            self._apart, self._together = self._apart + 1, 0
        elif abs(surplus) <= doubt:
            self._apart, self._together = 0, self._together + 1
        if self._together >= _READINGS_TOGETHER:
            self._not_before = max(self._not_before, now + _AGREED_S)
        return self._apart >= _READINGS_APART

    def shows(self, dimension: Dimension, limit: float, others: Iterable[Membership], now: float) -> bool:
        """A header shows a limit. Whether another key showed a different one after this key had begun to: apart."""
        mine = self.shown.get(dimension)
        if mine is None or mine.limit != limit:
            self.shown[dimension] = Shown(limit, now, now)
            return False
        mine.at = now
        theirs = [other.shown[dimension] for other in others if dimension in other.shown]
        return any(each.limit != limit and each.at > each.since_at > mine.since_at for each in theirs)

    # --- inside --------------------------------------------------------------------------------------------------

    def _resting(self, now: float) -> bool:
        return now < self._not_before <= now + _LONGEST_PAUSE_S

    def _rest(self, now: float) -> None:
        self._not_before = now + self._pause_s
        self._pause_s = min(4.0 * self._pause_s, _LONGEST_PAUSE_S)
        self._trials = self._passes = 0


def overdrawn(account: Account, tokens: float, latency_s: float) -> bool:
    """Whether no call of ``tokens`` can be let through by this account, however it may be misjudged by a call or two.

    Own reckoning decides where headers leave less than it does: they may lie.
    """
    for dimension, bucket in account.buckets.items():
        need = max(tokens, 1.0) if dimension.counts_tokens else 1.0
        slack = _FLIGHTS * latency_s * bucket.rate + 0.01 * bucket.limit
        if max(bucket.level, bucket.own) + slack <= -0.5 * need:
            return True
    return False


def contradicts(
    member: Membership,
    others: Sequence[Membership],
    account: Account,
    reservation: Reservation,
    readings: Iterable[Reading],
    cost: float,
    now: float,
) -> bool:
    """Whether headers that came with a call show that its key does not share the account with ``others``.

    To be asked when the call is settled. ``cost`` is in tokens.
    """
    everything = member.tokens + sum(other.tokens for other in others)
    theirs = 1.0 - member.tokens / everything if everything else 0.0
    apart = False
    for reading in readings:
        bucket = account.buckets.get(reading.dimension)
        if reading.limit is not None:
            apart = member.shows(reading.dimension, reading.limit, others, now) or apart
        if bucket is None or bucket.blurred or reading.remaining is None or reading.limit != bucket.limit:
            continue
        tokens = reading.dimension.counts_tokens
        unit = cost if tokens else 1.0
        flown = bucket.rate * min(max(0.0, now - reservation.at), 60.0)
        if not 0 < reading.remaining <= bucket.limit - unit + flown + _ROUNDING:
            continue  # it cannot be true, so it says nothing
        asked_later = account.asked_later(reservation, reading.dimension)
        surplus = reading.remaining - asked_later - bucket.own
        in_flight = account.tokens_in_flight if tokens else account.calls_in_flight
        doubt = max(unit, 0.05 * bucket.limit) + flown + in_flight
        apart = member.read(surplus, (bucket.limit - bucket.own) * theirs, doubt, now) or apart
    return apart
