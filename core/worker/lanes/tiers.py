"""Ask in one of two service tiers: the usual one, and *flex*, which has ten times the limits and answers 498 when full.

Each tier has a broker, and so quotas, of its own. :class:`TieredPacer` is the pacer of a worker: it grants calls in the
tier that the run's lane says. In the lane *flex* that is flex alone, in *auto* whichever may ask now, flex first. A 498
is no try of an email; after a few without an answer in between flex rests for 1, 2, 4 … 60 s.

Whether a server has the tier shows in its first reply: the first call goes out alone, and where it is refused, or the
answer names another tier, flex is turned off with a sentence and the run goes on in the usual tier.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from core.errors import CallError, CapacityError, Remedy, TierRefusedError
from core.model import ChatMessage, KeyStatus, ModelSettings, Reply, Usage, Wait
from core.quota.forecast.forecast import Capacity
from core.quota.pacing.broker import Broker, Candidate, Grant, Never, NoKeys
from core.quota.pacing.estimates import Estimator
from core.quota.pacing.grants import Consequence
from core.quota.pacing.scheduler import sooner
from core.worker.settle import Asks

FLEX = "flex"
REFUSED_IN_A_ROW = 3
"""So many 498 without an answer in between, and the tier rests."""
FIRST_REST_S, LONGEST_REST_S = 1.0, 60.0

SAID_TWICE_S = 5.0
"""Both brokers see what happens to a key: a sentence that the other has just said is left out."""

Granted = Grant | Wait | Never | NoKeys


class TieredPacer:
    """Grant calls in two tiers. ``open_flex`` makes the broker of the flex tier when it is first wanted.

    ``noted`` is given a sentence when the tier turns out to be missing; ``concurrency`` is how many calls at once a
    person chose, for both tiers together.
    """

    def __init__(
        self,
        live: Broker,
        open_flex: Callable[[], Broker],
        *,
        lane: str,
        clock: Callable[[], float],
        rng: random.Random,
        noted: Callable[[str], None],
        concurrency: int | None = None,
    ) -> None:
        self._live = live
        self._open_flex = open_flex
        self._flex: Broker | None = None
        self._clock = clock
        self._rng = rng
        self._noted = noted
        self._confirmed = False
        self._off = ""
        self._refused = 0
        self._rest_s = 0.0
        self._rests_until_at = 0.0
        self._rested_at = 0.0
        self._chosen = concurrency
        self._said: dict[str, float] = {}
        self._lane = ""
        self.choose_lane(lane)

    def choose_lane(self, lane: str) -> None:
        """Grant calls as this lane says from now on; a person's choice of flex tries a tier that was missing again."""
        if lane == FLEX and self._lane != FLEX:
            self._off = ""
        self._lane = lane

    @property
    def _uses_flex(self) -> bool:
        return self._lane in (FLEX, "auto") and not self._off

    def _brokers(self) -> list[Broker]:
        """Return the brokers that may grant now, the preferred one first."""
        if not self._uses_flex:
            return [self._live]
        if self._flex is None:
            self._flex = self._open_flex()
        return [self._flex] if self._lane == FLEX else [self._flex, self._live]

    # -- the pacer -----------------------------------------------------------------------------------------------------

    def next(self, candidates: Sequence[Candidate]) -> Granted:
        """Return a grant of the first tier that may ask now, or what is waited for."""
        out = self._live.in_flight + (self._flex.in_flight if self._flex is not None else 0)
        if self._chosen is not None and out >= self._chosen:
            return Wait(None, "", "", f"{out} calls are out")
        found: Granted | None = None
        for broker in self._brokers():
            decision = (self._why_not_flex() if broker is self._flex else None) or broker.next(candidates)
            if isinstance(decision, Grant):
                return decision
            if isinstance(decision, Wait):
                found = sooner(found if isinstance(found, Wait) else None, decision)
            elif found is None:
                found = decision
        assert found is not None
        return found

    def _why_not_flex(self) -> Wait | None:
        now = self._clock()
        if now < self._rests_until_at <= now + 2 * LONGEST_REST_S:
            return Wait(self._rests_until_at, "", "", "the flex tier is full (498); it is tried again")
        if not self._confirmed and self._flex is not None and self._flex.in_flight:
            return Wait(None, "", "", "the first call in the flex tier is out")
        return None

    def answered(self, grant: Grant, usage: Usage, headers: Mapping[str, str], latency_s: float) -> None:
        """Note an answer."""
        if grant.lane == FLEX:
            self._refused, self._rest_s = 0, 0.0
        self._of(grant).answered(grant, usage, headers, latency_s)

    def failed(self, grant: Grant, error: CallError, latency_s: float, *, spare_key: bool = False) -> Consequence:
        """Return what a failed call means."""
        if grant.lane == FLEX and isinstance(error, TierRefusedError):
            self._turn_off(str(error))
        elif grant.lane == FLEX and isinstance(error, CapacityError):
            self._full(grant)
        return self._of(grant).failed(grant, error, latency_s, spare_key=spare_key)

    def _full(self, grant: Grant) -> None:
        """Count a 498; calls that were asked before the last rest belong to the same crowd and count once."""
        if grant.asked_at < self._rested_at:
            return
        self._refused += 1
        if self._refused >= REFUSED_IN_A_ROW:
            self._rest_s = min(2.0 * self._rest_s or FIRST_REST_S, LONGEST_REST_S)
            self._rested_at = self._clock()
            self._rests_until_at = self._rested_at + self._rest_s * self._rng.uniform(1.0, 1.5)

    def cancelled(self, grant: Grant, *, sent: bool = True) -> None:
        """Note that a call was given up."""
        self._of(grant).cancelled(grant, sent=sent)

    def tick(self) -> list[str]:
        """Share what was spent in both tiers; return what happened, each sentence once."""
        now = self._clock()
        found = self._live.tick()
        if self._flex is not None and (self._uses_flex or self._flex.in_flight):
            found += self._flex.tick()
        self._said = {each: at for each, at in self._said.items() if 0 <= now - at < SAID_TWICE_S}
        fresh = [each for each in dict.fromkeys(found) if each not in self._said]
        if self._flex is not None:
            self._said |= dict.fromkeys(fresh, now)
        return fresh

    def statuses(self) -> tuple[KeyStatus, ...]:
        """Return the keys, as the preferred tier has them."""
        return self._brokers()[0].statuses()

    @property
    def at_once(self) -> int | None:
        """Return how many calls may be in flight, where the server's speed or a person decides."""
        return self._live.at_once

    def choose_concurrency(self, most: int | None) -> None:
        """Have at most so many calls in flight, in both tiers together."""
        self._chosen = most
        for broker in filter(None, (self._live, self._flex)):
            broker.choose_concurrency(most)

    def requeued(self) -> None:
        """Ask about what was refused as too large again, in both tiers."""
        for broker in filter(None, (self._live, self._flex)):
            broker.requeued()

    def swap(self) -> str:
        """Disable the key in use and switch to the next."""
        return self._live.swap()

    def close(self) -> None:
        """Leave."""
        for broker in filter(None, (self._live, self._flex)):
            broker.close()

    # -- the tier ------------------------------------------------------------------------------------------------------

    @property
    def estimator(self) -> Estimator:
        """Return what was learned about token counts, in both tiers."""
        return self._live.estimator

    def ways(self) -> tuple[Capacity, ...]:
        """Return the capacity of each organization, in each tier that the run asks in."""
        found: list[Capacity] = []
        for broker in self._brokers():
            if broker is self._flex and self._lane != FLEX and not self._confirmed:
                continue  # not known yet whether the server offers it
            named = f" ({FLEX})" if broker is self._flex else ""
            found += [replace(each, organization=f"{each.organization}{named}") for each in broker.ways()]
        return tuple(found)

    @property
    def confirmed(self) -> bool:
        """Return whether a reply came from the flex tier."""
        return self._confirmed

    def served(self, tier: str) -> None:
        """Note the service tier that an answer to a flex call names."""
        if tier == FLEX:
            self._confirmed = True
        elif not self._confirmed:
            self._turn_off(f"the answer names {f'the tier {tier}' if tier else 'no tier'}")

    def _turn_off(self, why: str) -> None:
        if not self._off:
            self._off = why
            self._noted(f"this server offers no flex tier ({why}); the run goes on with live calls")

    def _of(self, grant: Grant) -> Broker:
        return self._flex if grant.lane == FLEX and self._flex is not None else self._live


class FlexClient:
    """Ask in the flex tier; until a reply came from there, a refusal is taken to be one of the tier."""

    def __init__(self, client: Asks, tiers: TieredPacer) -> None:
        self._client = client
        self._tiers = tiers

    async def ask(
        self, messages: tuple[ChatMessage, ...], settings: ModelSettings, *, form: Mapping[str, Any] | None = None
    ) -> Reply:
        """Send one conversation and return the reply; raise a leaf of CallError."""
        try:
            reply = await (
                self._client.ask(messages, settings, form=form) if form else self._client.ask(messages, settings)
            )
        except CallError as error:
            if self._tiers.confirmed or error.remedy in (Remedy.WAIT, Remedy.BACK_OFF):
                raise
            raise TierRefusedError(
                str(error), status=error.status, code=error.code, headers=error.headers, request_id=error.request_id
            ) from None
        self._tiers.served(reply.service_tier)
        return reply
