"""Decide which email goes out now, with which key, or what to wait for: no clock, disk or network.

The key that an operator pinned goes first, wherever it can. Else, within an organization the key goes out that is least
in flight, then least recently used. Among organizations that one
goes first whose scarcest window holds most calls like this one. An email that does not fit lets smaller ones pass, but
not for ever: once it is held, its organization keeps what refills for it.
"""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from core.model import Dimension, Wait
from core.model.value import value
from core.quota.keys.store import Secret
from core.quota.ledger.account import Account
from core.quota.pacing.concurrency import Concurrency, Room
from core.quota.pacing.estimates import Estimate
from core.quota.pacing.outages import Health

PASSED_OVER_MOST = 8
PASSED_OVER_S = 60.0
_JITTER_SHARE = 0.02
_JITTER_MOST_S = 0.25


@dataclass(slots=True)
class KeySlot:
    """Hold a key for the scheduler; the pool updates it.

    ``organization`` is whose quota it spends: the one that a reply of this server named, else the key by itself.
    ``label`` is that organization's name for people, which may be the operator's.
    """

    secret: Secret
    organization: str
    label: str = ""
    usable: bool = True
    in_flight: int = 0
    last_used_at: float = -math.inf
    pinned: bool = False
    health: Health = field(default_factory=Health)

    @property
    def alias(self) -> str:
        """Return the key's name for people."""
        return self.secret.alias


@dataclass(slots=True)
class Organization:
    """Hold an organization for the scheduler: its account for the run's model, its keys, its concurrency.

    ``own``: the operator stated that it has no limits.
    """

    name: str
    account: Account
    concurrency: Concurrency
    health: Health = field(default_factory=Health)
    slots: list[KeySlot] = field(default_factory=list)
    room: Room = field(default_factory=Room)
    own: bool = False

    @property
    def label(self) -> str:
        """Return its name for people."""
        return self.slots[0].label or self.name if self.slots else self.name

    @property
    def usable(self) -> bool:
        """Return whether any of its keys could be used, now or after a wait."""
        return any(slot.usable for slot in self.slots)

    @property
    def pinned(self) -> bool:
        """Return whether it has the key that an operator has pinned, to be used first."""
        return any(slot.pinned and slot.usable for slot in self.slots)

    @property
    def unlimited(self) -> bool:
        """Return whether the server is taken to have no quotas: the server's own speed paces then."""
        return not self.account.buckets and (self.own or self.room.own or self.account.shows_no_quota)

    def calls_at_once(self, cost: float) -> float:
        """Return calls of ``cost`` tokens that may be in flight."""
        out = self.account.calls_in_flight
        if self.unlimited:
            return out + self.room.free
        most = min(self.concurrency.allowed(self.account.call_rate(cost)), self.account.calls_at_once())
        return min(most, out + self.room.left)


@value(frozen=True, slots=True)
class Need:
    """Hold what one email's call takes, and the organizations that have refused it as too large."""

    email_id: int
    prompt_chars: int
    estimate: Estimate
    refused_by: Collection[str] = ()
    texts: int = 1

    @property
    def reserved(self) -> float:
        """Return the tokens that the server sets aside for it."""
        return self.estimate.reserved


@dataclass(slots=True)
class Passed:
    """Hold how often and since when others went before an email."""

    times: int = 0
    since_at: float = math.inf

    def overdue(self, now: float) -> bool:
        """Return whether it has been passed over long enough."""
        return self.times >= PASSED_OVER_MOST or now - self.since_at >= PASSED_OVER_S


@value(frozen=True, slots=True)
class Use:
    """Ask about this email with this key, now: it is one of ``most`` calls that may be in flight."""

    need: Need
    slot: KeySlot
    org: Organization
    most: float


@dataclass(frozen=True, slots=True)
class TooLargeForAll:
    """Report that no organization's quota will ever take this email: every limit is known, and smaller."""

    need: Need
    reason: str


Decision = Use | Wait | TooLargeForAll


def decide(need: Need, orgs: Sequence[Organization], now: float) -> Decision:
    """Return what to do with one email. ``orgs`` holds at least one with a usable key."""
    earliest: Wait | None = None
    usable = [org for org in orgs if org.usable]
    too_large = 0
    for org in sorted(usable, key=lambda org: _rank(org, need)) if len(usable) > 1 else usable:
        found = None if org.name in need.refused_by else _in_org(need, org, now)
        if isinstance(found, Use):
            return found
        if found is None:
            too_large += 1
        else:
            earliest = sooner(earliest, found)
    if usable and too_large == len(usable):
        return TooLargeForAll(need, _too_large(need, usable))
    return earliest or Wait(None, "", "", "no key may be used")


def _rank(org: Organization, need: Need) -> tuple[bool, float, int]:
    """Return the sort key: the pinned key first, then who holds most such calls for each one in flight.

    Levels may be as old as the last sync: to rank, that is new enough, and cheaper than refilling all of them.
    """
    account = org.account
    room = account.head_room(need.reserved) / (1.0 + account.calls_in_flight)
    return not org.pinned, -room, account.calls_in_flight


def choose(
    needs: Iterable[Need], orgs: Sequence[Organization], passed: Mapping[int, Passed], now: float
) -> tuple[Decision, tuple[int, ...]]:
    """Return which of the next emails to send, and the ids of those that it overtakes.

    ``needs`` is read as far as it takes. The first that fits goes. An overdue one is not overtaken where it would fit
    first: smaller ones may only use other organizations until it is out.
    """
    overtaken: list[int] = []
    earliest: Wait | None = None
    open_orgs = list(orgs)
    for need in needs:
        decision = decide(need, open_orgs, now)
        if isinstance(decision, TooLargeForAll) and len(open_orgs) < len(orgs):
            if isinstance(decide(need, orgs, now), TooLargeForAll):
                return decision, tuple(overtaken)
            overtaken.append(need.email_id)  # those that would take it are kept for others: its turn comes
            continue
        if not isinstance(decision, Wait):
            return decision, tuple(overtaken)
        earliest = sooner(earliest, decision)
        overtaken.append(need.email_id)
        record = passed.get(need.email_id)
        if record is not None and record.overdue(now):
            kept = [org for org in open_orgs if org.label != decision.organization]
            if len(kept) == len(open_orgs) or not any(org.usable for org in kept):
                break
            open_orgs = kept
        if decision.until_at is None and not need.refused_by:
            break  # every slot is taken: no size of email changes that
        if _nothing_can(open_orgs, now):
            break
    return earliest or Wait(None, "", "", "the queue is empty"), ()


def jittered(wait: Wait, now: float, rng: random.Random) -> Wait:
    """Return the same wait, a little longer: never shorter than stated, and no two workers wake at once."""
    if wait.until_at is None:
        return wait
    most = min(_JITTER_MOST_S, _JITTER_SHARE * max(0.0, wait.until_at - now))
    return Wait(wait.until_at + rng.uniform(0.0, most), wait.limit, wait.organization, wait.reason)


def sooner(one: Wait | None, other: Wait) -> Wait:
    """Return the wait that ends first; one without an end (a call in flight must return) counts as the latest."""
    if one is None:
        return other
    if other.until_at is None:
        return one
    return other if one.until_at is None or other.until_at < one.until_at else one


def _in_org(need: Need, org: Organization, now: float) -> Use | Wait | None:
    """Return a key to use now, or what this organization waits for, or None where the email is too large for it."""
    account = org.account
    size = need.estimate
    opening = account.opening(size.reserved, size.margin, size.least, min(org.concurrency.latency_s, 2.0), now)
    if math.isinf(opening.at):
        return None
    open_at = org.health.open_at(now)
    if open_at > now:
        return _probing(org.label, org.health, max(open_at, opening.at))
    if opening.at > now:
        reason = opening.reason or f"waits for {_words(opening.limit)}"
        return Wait(opening.at, opening.limit, org.label, f"{org.label} {reason}")
    most = org.calls_at_once(size.cost)
    if account.calls_in_flight >= most:
        out = account.calls_in_flight
        return Wait(None, "", org.label, f"{out} call{'s' if out != 1 else ''} of {org.label} in flight")
    found = _slot(org, now)
    return Use(need, found, org, most) if isinstance(found, KeySlot) else found


def _slot(org: Organization, now: float) -> KeySlot | Wait:
    best: KeySlot | None = None
    earliest: Wait | None = None
    for slot in org.slots:
        if not slot.usable:
            continue
        open_at = now if org.health.out else slot.health.open_at(now)  # one probing is enough
        if open_at > now:
            earliest = sooner(earliest, _probing(org.label, slot.health, open_at))
        elif best is None or _turn(slot) < _turn(best):
            best = slot
    return best or earliest or Wait(None, "", org.label, "no key may be used")


def _turn(slot: KeySlot) -> tuple[bool, int, float]:
    """Return the sort key: the pinned key first, else the one least in flight, then the one least recently used."""
    return not slot.pinned, slot.in_flight, slot.last_used_at


def _probing(organization: str, health: Health, open_at: float) -> Wait:
    until_at = None if math.isinf(open_at) else open_at
    return Wait(until_at, "", organization, f"{organization} is tried again after errors: {health.reason}")


def _nothing_can(orgs: Sequence[Organization], now: float) -> bool:
    """Return whether no size of email could go out now, so that looking further ahead is idle."""
    for org in orgs:
        bench = org.account.bench
        benched = bench is not None and bench.until_at > now
        if org.usable and not benched and org.health.open_at(now) <= now and org.account.head_room(1.0) >= 1.0:
            return False
    return True


def _too_large(need: Need, orgs: Sequence[Organization]) -> str:
    limits = [
        (bucket.limit, dimension.words, org.label)
        for org in orgs
        for dimension, bucket in org.account.buckets.items()
        if dimension.counts_tokens and org.usable and need.estimate.least > bucket.limit
    ]
    if not limits:
        return f"about {need.reserved:,.0f} tokens are more than any organization's quota takes at once"
    limit, words, name = max(limits)
    return (
        f"about {need.reserved:,.0f} tokens are more than any organization's quota takes at once "
        f"(the largest: {limit:,.0f} {words} of {name})"
    )


def _words(limit: str) -> str:
    return Dimension(limit).words if limit in Dimension.__members__ else limit
