"""Grant the worker's calls by quota, and learn from every answer and failure.

Ties the ledger, the scheduler, the estimates, the keys and ``quota.db`` together for one worker and one model. It is
called from one thread (the worker's event loop), never waits, and asks the clock once per call.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, islice

from core.errors import CallError, CallTimeoutError, QuotaFileError, RateLimitedError
from core.model import Dimension, KeyStatus, Usage, Wait, WindowStatus
from core.quota.db.rows import labeled_windows, level_rows
from core.quota.db.sync import LedgerSync
from core.quota.forecast.forecast import Capacity, capacities
from core.quota.keys.store import KeyStore
from core.quota.ledger.ledger import Ledger
from core.quota.ledger.levels import SOURCE_HEADERS, Level
from core.quota.ledger.replies import readings
from core.quota.pacing.concurrency import MOST_AT_ONCE, Room
from core.quota.pacing.estimates import Estimator
from core.quota.pacing.failures import Consequences
from core.quota.pacing.grants import Candidate, Consequence, Grant, Never, NoKeys
from core.quota.pacing.pool import PATIENCE_MS, KeyPool
from core.quota.pacing.scheduler import Decision, Need, Passed, TooLargeForAll, Use, choose, decide, jittered

__all__ = ["Broker", "Candidate", "Consequence", "Grant", "Never", "NoKeys"]

SYNC_S = 0.2
ESTIMATE_S = 5.0
LOOK_AHEAD = 32
CONCURRENCY_CAP = 32
TIER_LIMITS = 10.0
"""Groq's flex tier has ten times the limits of its usual one (console.groq.com/docs/flex-processing, 2026-11)."""
_REMEMBERED_EMAILS = 4_096
_TIGHT_CALLS = 8


def tier_model(model: str, tier: str) -> str:
    """Return the name under which quotas of a model in a service tier are kept; plain without a tier."""
    return f"{model} ({tier})" if tier else model


class Broker:
    """Grant calls. ``clock`` gives seconds since the epoch; ``concurrency_cap`` holds for each organization.

    ``own_server``: no quotas are to be expected. ``concurrency``: calls at once that a person chose. ``tier`` is a
    service tier with quotas of its own, kept under a model of its own; until replies name its limits they are taken to
    be ``TIER_LIMITS`` times those of the plain model. ``estimator`` is what another tier has learned of token counts.
    ``most_at_once`` bounds the search for the number that a server without quotas takes.
    """

    def __init__(
        self,
        store: KeyStore,
        model: str,
        *,
        clock: Callable[[], float],
        rng: random.Random,
        max_completion_tokens: int,
        concurrency_cap: int = CONCURRENCY_CAP,
        own_server: bool = False,
        concurrency: int | None = None,
        tier: str = "",
        estimator: Estimator | None = None,
        most_at_once: int = MOST_AT_ONCE,
    ) -> None:
        """Join the other workers in ``quota.db``. Raises QuotaFileError where it cannot be used."""
        self.lane = tier or "live"
        self.model = tier_model(model, tier)
        self._store = store
        self._requests_per_day = store.requests_per_day
        self._clock = clock
        self._rng = rng
        self._ledger = Ledger()
        self._estimator = estimator or Estimator(max_completion_tokens)
        worker_id = f"{rng.getrandbits(64):016x}{clock():.6f}"
        self._sync = LedgerSync(store.database, self._ledger, self.model, worker_id)
        if estimator is None:
            self._estimator.recall(self._sync.recalled_estimate())
        self._notices: list[str] = []
        self._room = Room(own=own_server, chosen=concurrency, most=most_at_once)
        self._pool = KeyPool(store, self._ledger, self.model, concurrency_cap, self._notices, self._room)
        self._consequences = Consequences(
            self._pool, self._ledger, self._sync, self._notices, rng, may_be_full=bool(tier)
        )
        self._passed: dict[int, Passed] = {}
        self._synced_at: float | None = None
        self._estimate_at = float("-inf")
        self._file_trouble = False
        self._chars = 0.0
        now = clock()
        self._pool.refresh(now)
        self._share(now, changed=True)
        if tier:
            self._assume_limits(level_rows(store.database, model), now)

    # --- asking --------------------------------------------------------------------------------------------------

    def next(self, candidates: Sequence[Candidate]) -> Grant | Wait | Never | NoKeys:
        """Return which of the candidates (in their order of right) to ask about now, and with which key.

        Looks at the first 32 at most. A Wait without ``until_at`` ends when a call in flight returns or an email comes
        into the queue; after any Wait, ask again.
        """
        now = self._clock()
        if not self._pool.any_usable:
            return NoKeys(self._pool.why_none())
        if not candidates:
            return Wait(None, "", "", "the queue is empty")
        first, decision = candidates[0], None
        if self._consequences.may_ask(first.email_id, now):
            decision = decide(self._need(first), self._pool.open_orgs, now)
        if decision is None or isinstance(decision, Wait):
            decision = self._decide(islice(candidates, LOOK_AHEAD), now)
        if decision is None:
            until_at = self._consequences.earliest_retry(each.email_id for each in candidates[:LOOK_AHEAD])
            return Wait(until_at, "", "", "everything in the queue rests after an error")
        return self._carried_out(decision, candidates, now)

    def answered(self, grant: Grant, usage: Usage, headers: Mapping[str, str], latency_s: float) -> None:
        """Settle a call that came back with status 200. ``headers`` have names in lower case."""
        now = self._clock()
        self._land(grant)
        self._room.knee.ended(grant.lap, latency_s, now)
        reported = usage.prompt_tokens > 0 and not usage.estimated
        cost = float(usage.counted) if reported else grant.estimate.cost
        account = self._ledger.account(grant.reservation.organization, self.model)
        moved = account.organization != grant.slot.organization  # then its headers do not speak of this account
        shown = () if moved else readings(headers, now, requests_per_day=self._requests_per_day)
        self._ledger.settle(grant.reservation, cost, shown, now, proven=reported)
        if not usage.estimated:
            self._estimator.learn(grant.prompt_chars, usage, grant.texts)
        self._chars += (grant.prompt_chars - self._chars) * (0.05 if self._chars else 1.0)
        grant.org.concurrency.answered(latency_s, in_demand=grant.in_demand)
        self._consequences.recovered(grant)
        self._consequences.too_large.pop(grant.email_id, None)
        counter = self._sync.counter(grant.secret.fingerprint)
        counter.requests += 1
        counter.prompt_tokens += usage.prompt_tokens
        counter.completion_tokens += usage.completion_tokens
        counter.last_used_at = now

    def failed(self, grant: Grant, error: CallError, latency_s: float, *, spare_key: bool = False) -> Consequence:
        """Settle a call that failed. ``str(error)`` should hold the server's own text: quotas are learned from it.

        With ``spare_key`` a refused key stays in use: the refusal may be for the email.
        """
        now = self._clock()
        self._land(grant)
        if isinstance(error, CallTimeoutError) and grant.org.unlimited:
            self._room.knee.timed_out(grant.asked_at, now)
        else:
            self._room.knee.dropped(grant.lap)
        counter = self._sync.counter(grant.secret.fingerprint)
        counter.requests += 1
        counter.last_used_at = now
        consequence = self._consequences.of(grant, error, latency_s, now, spare_key=spare_key)
        urgent = consequence.key_out or isinstance(error, RateLimitedError)
        if urgent and (self._synced_at is None or not 0 <= now - self._synced_at < SYNC_S / 4):
            self._share(now, changed=True)
        return consequence

    def cancelled(self, grant: Grant, *, sent: bool = True) -> None:
        """Settle a call that the worker gave up. Where it was sent the server may count it all the same."""
        now = self._clock()
        self._land(grant)
        self._room.knee.dropped(grant.lap)
        if sent:
            self._ledger.settle(grant.reservation, grant.estimate.cost, (), now, proven=False)
        else:
            self._ledger.release(grant.reservation, now)
        self._consequences.ended(grant)

    # --- keeping up ----------------------------------------------------------------------------------------------

    def tick(self) -> list[str]:
        """Share with other workers and notice what people changed; due about five times a second.

        Returns what has happened since the last tick, for the run's events. Cheap where there is nothing to do.
        """
        now = self._clock()
        if self._synced_at is None or not 0 <= now - self._synced_at < 0.9 * SYNC_S:
            changed = self._store.changed()
            if changed:
                self._pool.refresh(now)
            self._share(now, changed=changed)
        notices = self._notices.copy()
        self._notices.clear()
        return notices

    def close(self) -> None:
        """Share the last of it and leave. The KeyStore stays open: its opener closes it."""
        self._share(self._clock(), changed=True)
        try:
            self._sync.leave()
        except QuotaFileError:
            return  # its heartbeat grows old instead

    @property
    def in_flight(self) -> int:
        """Return calls granted and not yet ended."""
        return self._room.in_flight

    @property
    def at_once(self) -> int | None:
        """Return how many calls may be in flight now where the server's own speed decides; None where quotas do."""
        unlimited = any(org.unlimited for org in self._pool.open_orgs)
        return self._room.width if unlimited else self._room.chosen

    def choose_concurrency(self, most: int | None) -> None:
        """Have at most so many calls in flight; None leaves it to the quotas, or to the search for the knee."""
        self._room.choose(most)

    def requeued(self) -> None:
        """Ask the server anew about emails of a size that was refused: a person requeued them."""
        self._consequences.too_large.clear()
        self._ledger.doubt_limits()

    @property
    def estimator(self) -> Estimator:
        """Return the estimator of token counts with what it has learned."""
        return self._estimator

    def statuses(self) -> tuple[KeyStatus, ...]:
        """Return the keys of this worker, for people."""
        typical = self._estimator.of(round(self._chars)).reserved
        return self._pool.statuses(typical, self._sync.counters, self._clock())

    def swap(self) -> str:
        """Take the key in use out and the next one in; says so. Raises KeysError where there is no other."""
        return self._pool.swap(self.statuses(), self._clock())

    def windows(self) -> tuple[WindowStatus, ...]:
        """Return the known quota windows of this worker's organizations."""
        labels = {name: org.label for name, org in self._pool.orgs.items()}
        windows = (each for each in self._ledger.status(self._clock()) if each.organization in labels)
        return labeled_windows(windows, labels)

    def speeds(self) -> dict[str, float]:
        """Return calls a second that each organization's keys can make if no quota binds: concurrency over latency."""
        speeds: dict[str, float] = {}
        shares = max(1, sum(org.unlimited for org in self._pool.orgs.values()))
        most = math.inf if self._room.chosen is None else self._room.chosen
        for org in self._pool.orgs.values():
            at_once = self._room.width / shares if org.unlimited else min(org.concurrency.allowed(math.inf), most)
            speed = at_once / max(org.concurrency.latency_s, 0.001)
            speeds[org.label] = speeds.get(org.label, 0.0) + speed
        return speeds

    def ways(self) -> tuple[Capacity, ...]:
        """Return the capacity of each organization that has a key which may ask, for a forecast."""
        return capacities(self.statuses(), self.windows(), speeds=self.speeds())

    # --- inside --------------------------------------------------------------------------------------------------

    @property
    def _tight_calls(self) -> float:
        return float(_TIGHT_CALLS * (self._sync.peers + 1))

    def _decide(self, candidates: Iterable[Candidate], now: float) -> Decision | None:
        """Return a decision about these; None where all of them rest."""
        may_ask = self._consequences.may_ask
        needs = (self._need(candidate) for candidate in candidates if may_ask(candidate.email_id, now))
        first = next(needs, None)
        if first is None:
            return None
        decision, overtaken = choose(chain((first,), needs), self._pool.open_orgs, self._passed, now)
        if isinstance(decision, Use):
            self._note_overtaken(overtaken, now)
        return decision

    def _carried_out(self, decision: Decision, candidates: Sequence[Candidate], now: float) -> Grant | Wait | Never:
        if isinstance(decision, TooLargeForAll):
            self._passed.pop(decision.need.email_id, None)
            self._consequences.too_large.pop(decision.need.email_id, None)  # whoever retries it has it asked again
            return Never(decision.need.email_id, decision.reason)
        if isinstance(decision, Wait):
            return jittered(decision, now, self._rng)
        if not self._sync.peers or decision.org.account.head_room(decision.need.reserved) > self._tight_calls:
            return self._grant(decision, now)
        return self._grant_exclusively(candidates, decision, now)

    def _need(self, candidate: Candidate) -> Need:
        estimate = self._estimator.of(candidate.prompt_chars, candidate.texts, candidate.completion)
        return Need(
            candidate.email_id,
            candidate.prompt_chars,
            estimate,
            self._consequences.too_large.get(candidate.email_id, ()),
            candidate.texts,
        )

    def _note_overtaken(self, overtaken: Sequence[int], now: float) -> None:
        for email_id in overtaken:
            record = self._passed.setdefault(email_id, Passed())
            record.times += 1
            record.since_at = min(record.since_at, now)
        if len(self._passed) > _REMEMBERED_EMAILS:
            self._passed.pop(next(iter(self._passed)))

    def _grant_exclusively(self, candidates: Sequence[Candidate], decision: Use, now: float) -> Grant | Wait:
        """Decide again on the newest levels in a transaction: little is left, and other workers spend it too."""
        try:
            with self._store.database.patience(PATIENCE_MS), self._sync.exclusive(now):
                again = self._decide(islice(candidates, LOOK_AHEAD), now)
                if isinstance(again, Use):
                    return self._grant(again, now)
        except QuotaFileError as error:
            self._trouble(error)
            return self._grant(decision, now)
        if isinstance(again, Wait):
            return jittered(again, now, self._rng)
        return Wait(now, "", decision.org.label, "another worker was quicker")

    def _grant(self, use: Use, now: float) -> Grant:
        need, slot, org = use.need, use.slot, use.org
        reservation = self._ledger.reserve(org.name, self.model, need.estimate.reserved, now)
        org.account.yields = self._sync.peers > 0
        self._passed.pop(need.email_id, None)
        unlimited = org.unlimited
        self._room.in_flight += 1
        slot.in_flight += 1
        slot.last_used_at = now
        return Grant(
            email_id=need.email_id,
            alias=slot.alias,
            organization=org.label,
            secret=slot.secret,
            reservation=reservation,
            prompt_chars=need.prompt_chars,
            asked_at=now,
            estimate=need.estimate,
            slot=slot,
            org=org,
            in_demand=org.account.calls_in_flight >= use.most,
            probes_org=org.health.asked(),
            probes_slot=not org.health.out and slot.health.asked(),
            lap=self._room.knee.asked(self._room.in_flight) if unlimited else 0,
            in_flight=self._room.in_flight if unlimited else None,
            lane=self.lane,
            texts=need.texts,
        )

    def _assume_limits(self, plain: Mapping[tuple[str, str, Dimension], Level], now: float) -> None:
        """Begin with multiples of the plain model's limits where no reply has named those of the tier; replies win."""
        for (organization, _, dimension), level in plain.items():
            account = self._ledger.account(organization, self.model)
            if organization in self._pool.orgs and dimension not in account.buckets:
                limit = TIER_LIMITS * level.limit
                account.learn(dimension, Level(limit, limit, now, SOURCE_HEADERS, now, speed=level.speed))

    def _land(self, grant: Grant) -> None:
        self._room.in_flight = max(0, self._room.in_flight - 1)
        grant.slot.in_flight = max(0, grant.slot.in_flight - 1)

    def _share(self, now: float, *, changed: bool) -> None:
        estimate = ""
        if self._estimator.seen and not 0 <= now - self._estimate_at < ESTIMATE_S:
            estimate = self._estimator.state(self._chars)
            self._estimate_at = now
        try:
            with self._store.database.patience(PATIENCE_MS):
                self._sync.sync(now, self._pool.doing(), estimate=estimate, changed=changed)
            self._file_trouble = False
        except QuotaFileError as error:
            self._trouble(error)
        self._synced_at = now

    def _trouble(self, error: QuotaFileError) -> None:
        if not self._file_trouble:
            self._file_trouble = True
            self._notices.append(f"{error}. Work goes on; other workers do not see what it spends")
