"""Keep one window of one quota: a bucket that refills continuously, and what evidence does to its level.

Two levels run side by side: ``level``, which decisions use, and ``own``, which this machine's own spending and the
server's refusals alone would give. Headers pull ``level`` into the interval that they allow. What headers said could
not happen ends belief in those of this window for an hour, and ``own`` then takes the place of ``level``: refusals soon
after headers had shown more, or one call after the other let through beside headers that show nothing left.

Spending by others shows as corrections: ``drift`` is how fast they spend. ``caution`` is kept free because of
surprises: it grows with each refusal and fades with each call that is let through.
"""

from __future__ import annotations

import math
from collections import deque

from core.model import Dimension
from core.quota.ledger.levels import SOURCE_HEADERS, SOURCE_REFUSAL, Level

DISBELIEF_S = 3_600.0
"""How long headers are ignored after a contradiction: long beside a minute's window, short beside a night."""

_SOON_SHARE = 1.0 / 3.0
_SOON_MOST_S = 600.0
"""A refusal within this share of the window after a header contradicts it; later, time has changed the level."""

_REFUSALS_AGAINST = 3
"""Refusals within :data:`DISBELIEF_S` that end belief: one or two can be another program's spending."""

_EMPTY_REPLIES = 5
"""Headers in a row that show nothing left beside a call that was let through. True ones may, where each unit is spent
as it refills: then own counting agrees with them, and nothing is lost by going by it."""

_REPEATS_TO_CHANGE = 3
"""Replies in a row that must show a new limit: one or two can come from a stale or mixed-up server."""

_REPEATS_AGAINST_REFUSAL = 50
"""The same where a refusal, which is stronger evidence, has stated the limit."""

_MOST_DRIFT = 0.5
"""Share of the refill that others are taken to spend at most: a run never goes slower than half of its quota."""

_DRIFT_GAIN = 0.25
_CAUTION_GROWTH = 1.5
_CAUTION_FADE = 0.999  # half the weight is gone after 700 calls: a night of a free plan
_CAUTION_MOST_OF_MINUTE = 0.5
_CAUTION_MOST_OF_DAY = 0.02  # of a day's window more would be half an hour of its refill
# Gain, growth and bounds above were set by the sweep of virtual runs (tests/programs/virtual), programs that share a
# quota among them: least efficiency of 90 % there, at most 5 % of calls refused.

_RATES_KEPT = 8
_RATES_NEEDED = 3
_FASTER = 1.5
_SURELY_FASTER = 3.0
# Waits are stated in whole seconds or with a fraction: rounding moves an implied rate by up to half, never threefold.
_SPEED_STEP = 0.05
_SPEED_FAILURES_MOST = 3


class Bucket:
    """Hold a window with a known limit. Units are requests or tokens; ``now`` is in seconds and may jump either way."""

    __slots__ = (
        "_borne_out",
        "_disbelieved_until",
        "_doubted",
        "_empty_replies",
        "_evidence_at",
        "_impossible",
        "_lifted_at",
        "_rates",
        "_refusals_against",
        "_refused_at",
        "_repeats",
        "_shown_limit",
        "_speed_failures",
        "_surplus",
        "as_of",
        "caution",
        "corrected_down",
        "corrected_up",
        "dimension",
        "drift",
        "learned_at",
        "level",
        "limit",
        "own",
        "rate",
        "shared_caution",
        "shared_drift",
        "source",
        "speed",
        "unshared",
    )

    def __init__(self, dimension: Dimension, level: Level) -> None:
        """Begin at a known or assumed level."""
        self.dimension = dimension
        self.limit = level.limit
        self.speed = level.speed
        self.rate = level.limit / dimension.period_s * level.speed
        self.level = self.own = min(level.limit, level.available)
        self.as_of = level.as_of
        self.source = level.source
        self.learned_at = level.learned_at
        self.drift = self.shared_drift = level.drift
        self.caution = self.shared_caution = level.caution
        self.unshared = 0.0
        self.corrected_down = self.corrected_up = False
        self._disbelieved_until = -math.inf
        self._borne_out = False
        self._doubted = True
        self._lifted_at = -math.inf
        self._impossible = 0
        self._empty_replies = 0
        self._refusals_against: deque[float] = deque(maxlen=_REFUSALS_AGAINST)
        self._evidence_at: float | None = None
        self._refused_at = level.as_of if level.source == SOURCE_REFUSAL else -math.inf
        self._surplus = 0.0
        self._shown_limit = level.limit
        self._repeats = 0
        self._rates: deque[float] = deque(maxlen=_RATES_KEPT)
        self._speed_failures = 0

    # --- time and spending ---------------------------------------------------------------------------------------

    def refill(self, now: float) -> None:
        """Let time pass. A clock that went back keeps the level; one that leapt ahead fills to the limit at most."""
        elapsed = now - self.as_of
        self.as_of = now
        if elapsed <= 0:
            return
        gained = elapsed * self.rate
        self.own = min(self.limit, self.own + gained)
        if self.drift:
            gained -= elapsed * self.drift
            self.drift *= 0.5 ** (elapsed / self._half_life_s)
        self.level = min(self.limit, self.level + gained)

    def take(self, amount: float) -> None:
        """Spend ``amount`` units, or give ``-amount`` back; never above the limit."""
        self.level = min(self.limit, self.level - amount)
        self.own = min(self.limit, self.own - amount)
        self.unshared += amount

    def wait_s(self, amount: float, margin: float, least: float) -> float:
        """Return the seconds until ``amount`` fits with ``margin`` to spare: 0 now, infinity if it never will.

        ``least`` is the smallest that the amount can turn out to be. A limit known from headers alone never rules a
        call out for good: only the server's refusal does.
        """
        if least > self.limit and self.is_certain:
            return math.inf
        short = min(self.limit, amount + margin + self.caution) - self.level
        return 0.0 if short <= 0 else short / (self.rate - self.drift)

    # --- evidence ------------------------------------------------------------------------------------------------

    def believes_headers(self, now: float) -> bool:
        """Return whether headers may speak for this window at ``now``."""
        return not now < self._disbelieved_until <= now + DISBELIEF_S

    def admitted(self) -> None:
        """Note that the server let a call through: the limit is one that calls pass under."""
        self._borne_out = True
        self.caution *= _CAUTION_FADE

    def shown(self, remaining: float, least: float, most: float, possible: float) -> None:
        """Take in a header that shows ``remaining`` units.

        With the calls in flight deducted ``least`` to ``most`` are left; ``possible`` is the most that can be left
        after the call that it came with.
        """
        self._impossible = self._impossible + 1 if remaining > possible else 0
        self._empty_replies = self._empty_replies + 1 if remaining < 1.0 else 0
        if not self.believes_headers(self.as_of):
            return
        if least > self.level:
            self._lifted_at = self.as_of
        if self._empty_replies >= _EMPTY_REPLIES:
            self._disbelieve()
        else:
            self._pull(least, max(least, most))

    def refused(self, least: float, most: float, asked_at: float = math.inf) -> None:
        """Take in that a refusal leaves ``least`` to ``most``: the strongest evidence, so it holds for ``own`` as well.

        Calls that went out before the last refusal came (``asked_at``) met the same surprise: it counts once.
        """
        most = max(least, most)
        surplus = self.level - most
        fresh = asked_at >= self._refused_at
        self._refused_at = self.as_of
        if surplus > 0 and fresh:
            share = _CAUTION_MOST_OF_MINUTE if self.dimension.period_s < 3600 else _CAUTION_MOST_OF_DAY
            grown = max(_CAUTION_GROWTH * self.caution, 0.5 * surplus)
            self.caution = min(grown, share * self.limit)
        self._test_speed(surplus)
        self._pull(least, most)
        self.own = min(max(self.own, least), most)
        if surplus > 0.1 * self.limit and 0 <= self.as_of - self._lifted_at < self._soon_s:
            self._refusals_against.append(self.as_of)
            often = len(self._refusals_against) == _REFUSALS_AGAINST
            if self._impossible > 1 or (often and self.as_of - self._refusals_against[0] < DISBELIEF_S):
                self._disbelieve()

    def adopt(self, shared: Level, now: float) -> None:
        """Take over the level that all workers on this machine have agreed on."""
        self.refill(now)
        if shared.limit != self.limit or shared.speed != self.speed:
            self.limit, self.speed = shared.limit, shared.speed
            self.rate = shared.limit / self.dimension.period_s * shared.speed
        self.source, self.learned_at = shared.source, shared.learned_at
        self.drift = self.shared_drift = shared.drift
        self.caution = self.shared_caution = shared.caution
        change = shared.available - self.level
        self.level = min(self.limit, shared.available)
        self.own = min(self.limit, self.own + min(0.0, change))
        self.unshared = 0.0
        self.corrected_down = self.corrected_up = False

    def kept(self) -> Level:
        """Return the level as it is shared and persisted."""
        return Level(
            self.limit, self.level, self.as_of, self.source, self.learned_at, self.speed, self.drift, self.caution
        )

    # --- the limit -----------------------------------------------------------------------------------------------

    @property
    def is_certain(self) -> bool:
        """Return whether a larger call need not be tried: the operator or a refusal of the last hour states the limit.

        A refusal's limit counts once a call has passed under it. Until then each email is asked about, so that one text
        with a tiny limit fails nothing but what the server itself refuses. It does not count for a worker that has not
        heard it itself, nor once it is doubted, until the server refuses again.
        """
        fresh = self.as_of - self.learned_at <= DISBELIEF_S
        told = self.source == SOURCE_REFUSAL and fresh and self._borne_out and not self._doubted
        return told or self.source not in (SOURCE_HEADERS, SOURCE_REFUSAL)

    def doubt(self) -> None:
        """Take the limit for uncertain until a refusal states it again."""
        self._doubted = True

    def limit_stated(self, limit: float, source: str) -> None:
        """Take over a limit that a refusal or the operator states. What is used stays used."""
        if limit != self.limit:
            self._borne_out = False
            gained = limit - self.limit
            self.limit, self.rate = limit, limit / self.dimension.period_s * self.speed
            self.level = min(limit, self.level + gained)
            self.own = min(limit, self.own + gained)
            self.drift = min(self.drift, _MOST_DRIFT * self.rate)
            self.corrected_up = self.corrected_down = True
        self._repeats = 0
        self._doubted = self._doubted and source != SOURCE_REFUSAL
        self.source, self.learned_at = source, self.as_of

    def limit_shown(self, limit: float) -> bool:
        """Return whether a header's limit agrees; another one is adopted only when it is shown repeatedly."""
        if limit == self.limit:
            self._repeats = 0
            return True
        self._repeats = self._repeats + 1 if limit == self._shown_limit else 1
        self._shown_limit = limit
        needed = _REPEATS_AGAINST_REFUSAL if self.source == SOURCE_REFUSAL else _REPEATS_TO_CHANGE
        if self._repeats < needed or not self.believes_headers(self.as_of):
            return False
        self.limit_stated(limit, SOURCE_HEADERS)
        return True

    def rate_implied(self, rate: float) -> None:
        """Take in that a refusal's stated wait implies a refill of ``rate`` units a second.

        Buckets refill in their period; servers for training run faster. The slowest of the latest reports counts, the
        first ones only where they are no matter of rounding. Nothing makes a bucket slower than its period.
        """
        if self._speed_failures >= _SPEED_FAILURES_MOST:
            return
        self._rates.append(rate * self.dimension.period_s / self.limit)
        if len(self._rates) < _RATES_NEEDED and self._rates[-1] < _SURELY_FASTER:
            return
        slowest = min(self._rates)
        speed = slowest if slowest > _FASTER else 1.0
        if abs(speed - self.speed) > _SPEED_STEP * self.speed:
            self._run_at(speed)

    # --- inside --------------------------------------------------------------------------------------------------

    def _pull(self, least: float, most: float) -> None:
        before = self.level
        self.level = min(max(before, least), most)
        surplus = before - self.level
        self.corrected_down = self.corrected_down or surplus > 0
        self.corrected_up = self.corrected_up or surplus < 0
        if self._evidence_at is None or self._evidence_at > self.as_of:
            self._evidence_at, self._surplus = self.as_of, 0.0
            return
        self._surplus += surplus
        since_s = self.as_of - self._evidence_at
        if since_s < self.dimension.period_s / 10.0 / self.speed:
            return  # a crowd of replies is one piece of evidence
        drift = self.drift + _DRIFT_GAIN * self._surplus / since_s
        self.drift = min(max(0.0, drift), _MOST_DRIFT * self.rate)
        self._evidence_at, self._surplus = self.as_of, 0.0

    def _test_speed(self, surplus: float) -> None:
        """Count refusals that came ``surplus`` units early: stated waits that are too short must not make it fast."""
        if self.speed == 1.0 or self._evidence_at is None:
            return
        gained = min(self.limit, (self.as_of - self._evidence_at) * self.rate)
        if surplus > 0.5 * gained > 0.02 * self.limit:
            self._speed_failures += 1
        if self._speed_failures >= _SPEED_FAILURES_MOST:
            self._rates.clear()
            self._run_at(1.0)

    def _run_at(self, speed: float) -> None:
        self.speed, self.learned_at = speed, self.as_of
        self.rate = self.limit / self.dimension.period_s * speed
        self.corrected_up = self.corrected_down = True

    def _disbelieve(self) -> None:
        self._disbelieved_until = self.as_of + DISBELIEF_S
        self._impossible = self._empty_replies = 0
        self._refusals_against.clear()
        self.level = self.own
        self.corrected_up = self.corrected_down = True
        self.drift = self.caution = 0.0

    @property
    def _soon_s(self) -> float:
        return min(_SOON_SHARE * self.dimension.period_s, _SOON_MOST_S)

    @property
    def _half_life_s(self) -> float:
        period_s = self.dimension.period_s
        return (10.0 * period_s if period_s < 3600 else period_s / 8.0) / self.speed
