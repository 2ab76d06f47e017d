"""Count the quota of one (organization, model): its four windows, the calls in flight on it, and its bench."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from core.model import Dimension, WindowStatus
from core.model.value import value
from core.quota.ledger.bucket import DISBELIEF_S, Bucket
from core.quota.ledger.levels import SOURCE_HEADERS, SOURCE_OPERATOR, SOURCE_REFUSAL, Level, window_status
from core.quota.ledger.replies import (
    LONGEST_WAIT_S,
    RateLimitText,
    Reading,
    infer_dimension,
    told_level,
    told_rate,
)

_LONGEST_CALL_S = 120.0
_CALLS_FOR_ONE_MORE = 16.0
_CALLS_OF_BEFORE = 128
_CALLS_WITHOUT_A_WORD = 48
"""Headers show quotas with the first answer; without any, the usual 30 requests a minute show with the 31st."""


@dataclass(frozen=True, slots=True)
class Bench:
    """Hold a bench: no key of an organization asks before ``until_at``; ``limit`` names the dimension, if known."""

    until_at: float
    limit: str
    reason: str
    since_at: float


@value(frozen=True, slots=True)
class Opening:
    """Hold when a call fits: ``at`` (``inf`` for never) and the dimension it waits for, empty where it fits now."""

    at: float
    limit: str = ""
    reason: str = ""


@value(frozen=True, slots=True)
class Reservation:
    """Hold room taken for one call, with the account's counters at that time."""

    organization: str
    model: str
    tokens: float
    at: float
    serial: int
    tokens_mark: float
    returned_mark: float
    calls_mark: int


@dataclass(frozen=True, slots=True)
class ToldWait:
    """Hold a wait that the server stated: after ``at`` a call of ``told`` tokens fits.

    ``reserved`` is what was estimated for it here, where that call itself may go out; None where it may not.
    """

    at: float
    reserved: float | None
    told: float

    def holds_for(self, tokens: float, margin: float) -> bool:
        """Return whether that is the call that was refused, or one that is surely no larger."""
        return tokens == self.reserved or tokens + margin <= self.told


class Account:
    """Hold windows, counters and bench. Time is passed in, in seconds."""

    def __init__(self, organization: str, model: str, serial: int) -> None:
        """Begin with nothing known, which limits nothing."""
        self.organization = organization
        self.model = model
        self.serial = serial
        self.buckets: dict[Dimension, Bucket] = {}
        self.bench: Bench | None = None
        self.bench_changed = False
        self.yields = False
        self.calls_in_flight = 0
        self.tokens_in_flight = 0.0
        self._unread_until: dict[Dimension, float] = {}
        self._told_waits: dict[Dimension, ToldWait] = {}
        self._calls_asked = 0
        self._calls_let_through = 0
        self._tokens_asked = 0.0
        self._tokens_returned = 0.0
        self._largest_passed, self._largest_passed_at = 0.0, -math.inf

    def refill(self, now: float) -> None:
        """Let time pass in every window."""
        for bucket in self.buckets.values():
            if bucket.as_of != now:
                bucket.refill(now)

    # --- asking --------------------------------------------------------------------------------------------------

    def opening(self, tokens: float, margin: float, least: float, latency_s: float, now: float) -> Opening:
        """Return when a call of about ``tokens`` (± ``margin``, at ``least``) fits every window and no bench holds it.

        ``latency_s`` is how far this estimate and the server's clock may be apart: what refills in it is kept free.
        While it ``yields``, room for a second such call has to be there too.
        """
        spare = 1.0 if self.yields else 0.0
        at, limit, reason = now, "", ""
        if self.bench is not None and self.bench.until_at > now:
            at, limit, reason = self.bench.until_at, self.bench.limit, self.bench.reason
        for dimension, bucket in self.buckets.items():
            if bucket.as_of != now:
                bucket.refill(now)
            drifted = bucket.rate * latency_s
            if dimension.counts_tokens:
                wait_s = bucket.wait_s(tokens, margin + drifted + spare * tokens, least)
            else:
                wait_s = bucket.wait_s(1.0, min(drifted, 0.1 * bucket.limit) + spare, 1.0)
            if wait_s <= 0:
                continue
            open_at = now + wait_s
            told_wait = self._told_waits.get(dimension)
            if told_wait is not None and told_wait.holds_for(tokens, margin) and not math.isinf(wait_s):
                open_at = min(open_at, max(now, told_wait.at))
            if open_at > at:
                at, limit, reason = open_at, dimension.value, ""
        return Opening(at, limit, reason)

    def head_room(self, tokens: float) -> float:
        """Return how many calls of ``tokens`` the scarcest window holds; infinity where nothing is known to limit."""
        room = math.inf
        for dimension, bucket in self.buckets.items():
            need = max(tokens, 1.0) if dimension.counts_tokens else 1.0
            room = min(room, bucket.level / need)
        return room

    def takes(self, least: float) -> bool:
        """Return whether no window is known to be too small for a call of ``least`` tokens."""
        return not any(
            dimension.counts_tokens and least > bucket.limit and bucket.is_certain
            for dimension, bucket in self.buckets.items()
        )

    def call_rate(self, tokens: float) -> float:
        """Return calls a second that the windows refill for calls that cost ``tokens``; infinity where unlimited.

        A daily window counts only once it is nearly empty: until then the minute's is what paces.
        """
        rate = math.inf
        for dimension, bucket in self.buckets.items():
            need = max(tokens, 1.0) if dimension.counts_tokens else 1.0
            if dimension.period_s < 3600 or max(bucket.level, bucket.own) < 20.0 * need:
                rate = min(rate, bucket.rate / need)
        return rate

    def calls_at_once(self) -> float:
        """Return how many calls may be in flight; infinity once the limit of requests a minute is known, or is none.

        No header states that limit: the calls that are out when it is met are all refused. So one goes out until the
        first answer, and then one more for every 16 that were let through.
        """
        if Dimension.RPM in self.buckets:
            return math.inf
        return 1.0 + self._calls_let_through / _CALLS_FOR_ONE_MORE

    @property
    def shows_no_quota(self) -> bool:
        """Return whether so many calls were let through without any limit named that there probably is none."""
        return not self.buckets and self._calls_let_through >= _CALLS_WITHOUT_A_WORD

    def recalled(self) -> None:
        """Take in levels from before, of another worker or an earlier process: what it did not refuse then counts."""
        self._calls_let_through = max(self._calls_let_through, _CALLS_OF_BEFORE)

    def reserve(self, tokens: float, now: float) -> Reservation:
        """Take room for a call that goes out now."""
        self.refill(now)
        for dimension, bucket in self.buckets.items():
            bucket.take(tokens if dimension.counts_tokens else 1.0)
        if self._told_waits:
            self._told_waits = {each: told_wait for each, told_wait in self._told_waits.items() if told_wait.at > now}
        self.calls_in_flight += 1
        self.tokens_in_flight += tokens
        self._calls_asked += 1
        self._tokens_asked += tokens
        return Reservation(
            self.organization,
            self.model,
            tokens,
            now,
            self.serial,
            self._tokens_asked,
            self._tokens_returned,
            self._calls_asked,
        )

    # --- answers -------------------------------------------------------------------------------------------------

    def settle(
        self, reservation: Reservation, cost: float, readings: Iterable[Reading], now: float, *, proven: bool
    ) -> None:
        """Replace what was reserved by what it cost; then take in what the headers say.

        ``proven`` means that the server is known to have counted the call.
        """
        self._land(reservation, now)
        self._calls_let_through += proven
        if proven and (cost >= self._largest_passed or now - self._largest_passed_at > DISBELIEF_S):
            self._largest_passed, self._largest_passed_at = cost, now
        surplus = reservation.tokens - cost
        for dimension, bucket in list(self.buckets.items()):
            if dimension.counts_tokens:
                bucket.take(-surplus)
            if not proven:
                continue
            bucket.admitted()
            if dimension.counts_tokens and cost > 1.02 * bucket.limit + 1.0 and bucket.source != SOURCE_OPERATOR:
                del self.buckets[dimension]  # the server let a call through that is larger than the limit it stated
                self._unread_until[dimension] = now + DISBELIEF_S
        if reservation.serial == self.serial:
            for reading in readings:
                self._read(reading, reservation, cost, now)
        self._tokens_returned += max(0.0, surplus)

    def release(self, reservation: Reservation, now: float) -> None:
        """Give everything back: the call never reached the server, or it was refused."""
        self._land(reservation, now)
        for dimension, bucket in self.buckets.items():
            bucket.take(-reservation.tokens if dimension.counts_tokens else -1.0)

    def refused(self, reservation: Reservation, text: RateLimitText, now: float) -> Dimension | None:
        """Learn from a refusal, after :meth:`release`. The dimension that refused, if it can be determined.

        When the stated wait is over, a call that is surely no larger may go out. Of a day's quota that
        call itself may, whatever margins say: a margin costs minutes there; of a minute's it would storm.
        """
        dimension = infer_dimension(text, {each: bucket.limit for each, bucket in self.buckets.items()})
        if dimension is None or text.limit is None or (dimension.counts_tokens and self.let_pass(text.limit, now)):
            return dimension
        if text.try_again_s is not None:
            told = text.requested if dimension.counts_tokens and text.requested else reservation.tokens
            itself = reservation.tokens if dimension.period_s > 60 else None
            self._told_waits[dimension] = ToldWait(now + text.try_again_s, itself, float(told))
        left = told_level(text, dimension)
        others, returned = self._others(reservation, dimension)
        rate = told_rate(text)
        bucket = self.buckets.get(dimension)
        if bucket is None:
            known = float(text.limit) if left is None else left
            self.learn(dimension, Level(float(text.limit), known - others, now, SOURCE_REFUSAL, now))
            bucket, left = self.buckets[dimension], None
        bucket.refill(now)
        bucket.limit_stated(float(text.limit), SOURCE_REFUSAL)
        if rate is not None:
            bucket.rate_implied(rate)
        if left is not None:
            flown_s = min(max(0.0, now - reservation.at), _LONGEST_CALL_S)
            bucket.refused(left - others, left + returned + bucket.rate * flown_s, reservation.at)
        return dimension

    def let_pass(self, limit: float, now: float) -> bool:
        """Return whether a call of more than ``limit`` tokens passed within the hour: no text outweighs an answer."""
        fresh = now - self._largest_passed_at <= DISBELIEF_S
        return fresh and self._largest_passed > 1.02 * limit + 1.0

    def learn(self, dimension: Dimension, level: Level) -> None:
        """Record a window that became known, or a limit that is stated anew."""
        bucket = self.buckets.get(dimension)
        if bucket is None:
            self.buckets[dimension] = Bucket(dimension, level)
        else:
            bucket.limit_stated(level.limit, level.source)

    def bench_until(self, until_at: float, limit: str, reason: str, now: float) -> None:
        """Let nobody ask before ``until_at``, a day from now at most; a longer bench that is running stays."""
        until_at = min(until_at, now + LONGEST_WAIT_S)
        if self.bench is None or until_at > self.bench.until_at or self.bench.until_at <= now:
            self.bench = Bench(until_at, limit, reason, now)
            self.bench_changed = True

    def statuses(self, now: float) -> tuple[WindowStatus, ...]:
        """Return the windows for people, in the order RPM, RPD, TPM, TPD."""
        self.refill(now)
        return tuple(
            window_status(self.organization, self.model, dimension, self.buckets[dimension].kept(), now)
            for dimension in Dimension
            if dimension in self.buckets
        )

    # --- inside --------------------------------------------------------------------------------------------------

    def _land(self, reservation: Reservation, now: float) -> None:
        self.refill(now)
        self.calls_in_flight = max(0, self.calls_in_flight - 1)
        self.tokens_in_flight = max(0.0, self.tokens_in_flight - reservation.tokens)

    def _others(self, reservation: Reservation, dimension: Dimension) -> tuple[float, float]:
        """Return units that a reading of this call may not include yet, and units given back while it flew.

        Calls asked before this one were on the server before it, so they are included; later ones may not be.
        """
        if reservation.serial != self.serial:  # asked before accounts were merged: the marks are another's
            return (self.tokens_in_flight if dimension.counts_tokens else float(self.calls_in_flight)), 0.0
        if dimension.counts_tokens:
            return self._tokens_asked - reservation.tokens_mark, self._tokens_returned - reservation.returned_mark
        return float(self._calls_asked - reservation.calls_mark), 0.0

    def _read(self, reading: Reading, reservation: Reservation, cost: float, now: float) -> None:
        bucket = self.buckets.get(reading.dimension)
        others, returned = self._others(reservation, reading.dimension)
        if bucket is None:
            if reading.limit is not None and not now < self._unread_until.get(reading.dimension, now):
                left = reading.limit if reading.remaining is None else reading.remaining
                level = Level(reading.limit, left - others, now, SOURCE_HEADERS, now)
                self.learn(reading.dimension, level)
                in_flight = self.tokens_in_flight if reading.dimension.counts_tokens else self.calls_in_flight
                self.buckets[reading.dimension].own = reading.limit - in_flight
            return
        if reading.limit is not None and not bucket.limit_shown(reading.limit):
            return
        if reading.remaining is None or reading.remaining > bucket.limit:
            return
        flown_s = min(max(0.0, now - reservation.at), _LONGEST_CALL_S)
        tokens = reading.dimension.counts_tokens
        own = max(0.0, reservation.tokens - cost) if tokens else 0.0
        refilled = bucket.rate * flown_s
        possible = bucket.limit - (cost if tokens else 1.0) + refilled + 0.02 * bucket.limit + 2.0
        most = reading.remaining + 1.0 + own + returned + refilled
        bucket.shown(reading.remaining, reading.remaining - others, most, possible)
