"""Decide what each kind of failed call means for the quota, the key, the organization and the email."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from core.errors import (
    CallError,
    CallTimeoutError,
    CapacityError,
    ConnectionFailedError,
    KeyRefusedError,
    ModelGoneError,
    OrganizationRestrictedError,
    RateLimitedError,
    RequestRefusedError,
    TooLargeError,
)
from core.model import Dimension, KeyTrouble
from core.quota.db.sync import LedgerSync
from core.quota.ledger.ledger import Ledger
from core.quota.ledger.replies import LONGEST_WAIT_S, RateLimitText, rate_limit_text, told_wait_s
from core.quota.pacing.grants import Consequence, Grant
from core.quota.pacing.pool import KeyPool
from core.text import one_line

_FIRST_REST_S = 0.5
_LONGEST_REST_S = 60.0
_LONGEST_OUTAGE_S = 600.0
"""The longest that is waited because an overloaded server says so: after that it is looked at again."""
_LEAST_TOLD_S = 0.05
"""A stated wait below this is none."""

_LEAST_UNTOLD_S = 0.5
_FEW_ANSWERS = 2
"""So few answers between refusals say that a longer wait did not help: a window that refills lets more through."""
_IN_VAIN_MOST = 3
"""Waits of the longest kind that were followed by a refusal, until longer ones are tried."""

_MOST_STRETCH = 8.0
_NOTICED_BENCH_S = 5.0
_REMEMBERED_EMAILS = 4_096
_SHOWN = 300
_OWN_WORDS = 100
_REMEMBERED = 400


@dataclass(slots=True)
class _UntoldWaits:
    """Learn how long to wait for an organization whose refusals do not say it.

    Each refusal in a row doubles the wait, up to ``most_s``. That is halved where an answer or two came and the waits
    before it were together shorter than ever (``least_s``); it grows again where waits of that length are in vain.
    """

    most_s: float = _LONGEST_REST_S
    least_s: float = math.inf
    waited_s: float = 0.0
    together_s: float = 0.0
    answers: int = 0
    in_vain: int = 0

    def next_s(self, again: int) -> float:
        """Return the wait after one more refusal, the ``again``-th in a row without an answer in between."""
        if again == 0:
            if self.answers > _FEW_ANSWERS:
                self.most_s, self.least_s = _LONGEST_REST_S, math.inf
            elif self.answers and self.together_s < 0.8 * self.least_s:
                self.least_s, self.most_s = self.together_s, max(_LEAST_UNTOLD_S, self.waited_s / 2.0)
            self.together_s, self.in_vain = 0.0, 0
        elif self.waited_s >= self.most_s:
            self.in_vain += 1
            if self.in_vain >= _IN_VAIN_MOST:
                self.most_s, self.in_vain = min(2.0 * self.most_s, _LONGEST_REST_S), 0
        self.answers = 0
        self.waited_s = min(2.0**again, self.most_s)
        self.together_s += self.waited_s
        return self.waited_s


class Consequences:
    """Decide consequences of failures; keeps which emails rest and which are too large for whom."""

    def __init__(
        self,
        pool: KeyPool,
        ledger: Ledger,
        sync: LedgerSync,
        notices: list[str],
        rng: random.Random,
        *,
        may_be_full: bool = False,
    ) -> None:
        """Begin with a clean record. ``may_be_full``: a 498 is usual in this tier, and no sign of an outage."""
        self._may_be_full = may_be_full
        self.too_large: dict[int, set[str]] = {}
        self._rests: dict[int, tuple[int, float]] = {}
        self._refusals: dict[str, tuple[int, float]] = {}
        self._asked_once_more: dict[int, bool] = {}
        self._untold: dict[str, _UntoldWaits] = {}
        self._pool = pool
        self._ledger = ledger
        self._sync = sync
        self._notices = notices
        self._rng = rng

    def of(
        self, grant: Grant, error: CallError, latency_s: float, now: float, *, spare_key: bool = False
    ) -> Consequence:
        """Return the consequence of a failed call; ends its reservation. ``spare_key``: no key is taken out."""
        match error:
            case RateLimitedError():
                found = self._rate_limited(grant, error, now)
            case TooLargeError():
                found = self._too_large(grant, error, now)
            case KeyRefusedError() if spare_key:
                self._ledger.release(grant.reservation, now)
                self._reached(grant)
                found = Consequence(str(error), counts_against_email=True, retry_elsewhere=True)
            case KeyRefusedError():
                found = self._refused(grant, error, now)
            case OrganizationRestrictedError():
                found = self._restricted(grant, error, now)
            case ModelGoneError() | RequestRefusedError():
                self._ledger.release(grant.reservation, now)
                self.recovered(grant)
                found = Consequence(str(error), counts_against_email=isinstance(error, RequestRefusedError))
            case _:
                found = self._transient(grant, error, latency_s, now)
        self._sync.note_trouble(
            grant.secret.fingerprint,
            KeyTrouble(
                now,
                grant.slot.label,
                grant.reservation.model,
                error.outcome.value,
                error.status,
                found.limit,
                found.wait_s,
                one_line(str(error), limit=_REMEMBERED),
            ),
        )
        return found

    def recovered(self, grant: Grant) -> None:
        """Clear all rests and outages of an email, its organization and key, after an answer."""
        self._reached(grant)
        self._rests.pop(grant.email_id, None)
        self._refusals.pop(grant.slot.organization, None)
        if (waits := self._untold.get(grant.slot.organization)) is not None:
            waits.answers += 1

    def ended(self, grant: Grant) -> None:
        """Note that a call is over: where it was a probe, the next one may go out."""
        grant.org.health.ended(probe=grant.probes_org)
        grant.slot.health.ended(probe=grant.probes_slot)

    def _reached(self, grant: Grant) -> None:
        """Clear outages after the server answered, be it with a refusal: neither organization nor key is in one."""
        self.ended(grant)
        grant.slot.health.answered()
        if grant.org.health.answered():
            grant.org.concurrency.restart()
            grant.org.room.knee.restart()
            for slot in grant.org.slots:
                slot.health.answered()
            self._notices.append(f"{grant.slot.label} answers again")

    def may_ask(self, email_id: int, now: float) -> bool:
        """Return whether an email has rested enough after its last error."""
        rest = self._rests.get(email_id)
        return rest is None or not now < rest[1] <= now + 2.0 * _LONGEST_REST_S

    def earliest_retry(self, email_ids: Iterable[int]) -> float | None:
        """Return when the first of these emails has rested enough."""
        return min((self._rests[each][1] for each in email_ids if each in self._rests), default=None)

    # --- 429 and 413 ---------------------------------------------------------------------------------------------

    def _rate_limited(self, grant: Grant, error: CallError, now: float) -> Consequence:
        self._sync.counter(grant.secret.fingerprint).errors_429 += 1
        text = rate_limit_text(str(error), now)
        if text is not None and text.limit and text.requested and text.requested > text.limit:
            return self._too_large(grant, error, now)  # no wait makes room for it
        self._reached(grant)
        dimension = self._heard(grant, text, now)
        organization = grant.slot.organization
        account = self._ledger.account(organization, grant.reservation.model)
        org = self._pool.orgs.get(organization, grant.org)
        org.concurrency.pushed_back(grant.asked_at, now)
        org.room.knee.pushed_back(grant.asked_at, now)
        was_benched = account.bench is not None and account.bench.until_at > now
        again, is_fresh = self._again(grant, organization, now)
        wait_s = self._told_s(error, text, dimension, again, now)
        if wait_s is None:
            waits = self._untold.setdefault(organization, _UntoldWaits())
            wait_s = waits.next_s(again) if is_fresh else waits.waited_s or 1.0
            wait_s *= 1.0 + self._rng.uniform(0.0, 0.2)
        words = dimension.words if dimension else f"a limit that it did not name{_own_words(error)}"
        limit = dimension.value if dimension else ""
        self._ledger.bench(organization, account.model, now + wait_s, limit, f"waits for {words}", now)
        if wait_s >= _NOTICED_BENCH_S and not was_benched:
            self._notices.append(f"{grant.slot.label} waits {_span(wait_s)} for {words}")
        return Consequence(
            f"{grant.slot.label} is out of {words}: it waits {_span(wait_s)}",
            retry_elsewhere=True,
            limit=limit,
            wait_s=wait_s,
        )

    def _heard(self, grant: Grant, text: RateLimitText | None, now: float) -> Dimension | None:
        """Learn from a refusal's text, and give the reservation back. The dimension, if it can be determined."""
        if text is not None and text.organization:
            self._pool.learn_organization(grant.slot, text.organization, now)
        if text is None:
            self._ledger.release(grant.reservation, now)
            return None
        return self._ledger.refused(grant.reservation, text, now, organization=grant.slot.organization)

    def _told_s(
        self, error: CallError, text: RateLimitText | None, dimension: Dimension | None, again: int, now: float
    ) -> float | None:
        """Return seconds to wait as the server stated, bounded by what a bucket can take; None where it told none.

        ``again`` counts refusals after waits that were handled, with no answer in between: each doubles the wait.
        A stated wait of 0 s is used once; from then on it is treated like no stated wait.
        """
        told = [
            each
            for each in (told_wait_s(error.headers, now), text.try_again_s if text else None)
            if each is not None and (each >= _LEAST_TOLD_S or not again)
        ]
        if told:
            longest = LONGEST_WAIT_S if dimension is None else 1.05 * dimension.period_s
            return min(max(told) * min(2.0**again, _MOST_STRETCH), longest)
        return None

    def _again(self, grant: Grant, organization: str, now: float) -> tuple[int, bool]:
        """Return how often the organization refused after the wait was over, and whether this refusal is one more.

        Calls of one crowd count once.
        """
        times, since_at = self._refusals.get(organization, (-1, now))
        is_fresh = times < 0 or grant.asked_at >= since_at or since_at > now
        if is_fresh:
            times, since_at = min(times + 1, 10), now
        self._refusals[organization] = (times, since_at)
        return times, is_fresh

    def _too_large(self, grant: Grant, error: CallError, now: float) -> Consequence:
        self.recovered(grant)
        text = rate_limit_text(str(error), now)
        self._heard(grant, text, now)
        if text is not None and text.limit and grant.email_id not in self._asked_once_more:
            account = self._ledger.account(grant.slot.organization, grant.reservation.model)
            if account.let_pass(text.limit, now):
                self._asked_once_more[grant.email_id] = True
                _bound(self._asked_once_more)
                return Consequence(
                    f"{grant.slot.label} told a limit that larger calls passed ({_shown(error)}): asked once more",
                    retry_elsewhere=True,
                )
        refused_by = self.too_large.setdefault(grant.email_id, set())
        refused_by.add(grant.slot.organization)
        _bound(self.too_large)
        elsewhere = any(
            org.name not in refused_by and org.account.takes(grant.estimate.least) for org in self._pool.open_orgs
        )
        message = f"this text is larger than {grant.slot.label} takes at once ({_shown(error)})"
        return Consequence(message, counts_against_email=not elsewhere, retry_elsewhere=elsewhere)

    # --- keys ----------------------------------------------------------------------------------------------------

    def _refused(self, grant: Grant, error: CallError, now: float) -> Consequence:
        self._ledger.release(grant.reservation, now)
        self.ended(grant)
        self._pool.take_out(grant.slot, f"refused by the server ({_shown(error)})", now)
        message = f"{grant.alias} is out: the server refuses it. It was revoked or mistyped; add another or mend it"
        return Consequence(message, retry_elsewhere=self._pool.any_usable, key_out=True)

    def _restricted(self, grant: Grant, error: CallError, now: float) -> Consequence:
        self._ledger.release(grant.reservation, now)
        self.ended(grant)
        organization = grant.slot.organization
        org = self._pool.orgs.get(organization)
        for slot in tuple(org.slots) if org is not None else (grant.slot,):
            self._pool.take_out(slot, f"its organization is restricted ({_shown(error)})", now)
        message = f"{grant.slot.label} is restricted: every key of it is out. Write to the provider's support"
        return Consequence(message, retry_elsewhere=self._pool.any_usable, key_out=True)

    # --- errors that pass ----------------------------------------------------------------------------------------

    def _transient(self, grant: Grant, error: CallError, latency_s: float, now: float) -> Consequence:
        org, slot = grant.org, grant.slot
        reason = _shown(error)
        self._account_for(grant, error, latency_s, now)
        self.ended(grant)
        if self._may_be_full and isinstance(error, CapacityError):
            org.concurrency.pushed_back(grant.asked_at, now)
            return Consequence(reason, retry_elsewhere=True, full=True)
        if isinstance(error, CapacityError):
            org.concurrency.pushed_back(grant.asked_at, now)
            org.room.knee.pushed_back(grant.asked_at, now)
        if not org.health.out:
            slot.health.failed(grant.email_id, reason, now, self._rng, probe=grant.probes_slot)
        org_began = org.health.failed(grant.email_id, reason, now, self._rng, probe=grant.probes_org)
        if org_began:
            text = f"{org.label} fails again and again ({reason}): it is tried again, one call at a time"
            self._notices.append(text)
        told_s = told_wait_s(error.headers, now) or 0.0
        if told_s >= _LEAST_TOLD_S:
            told_s = min(told_s, _LONGEST_OUTAGE_S)
            self._ledger.bench(
                grant.slot.organization, grant.reservation.model, now + told_s, "", _told_words(error), now
            )
        outage = org.health.out or slot.health.out
        times, _ = self._rests.get(grant.email_id, (0, 0.0))
        rest_s = min(_FIRST_REST_S * 2.0**times, _LONGEST_REST_S) * self._rng.uniform(1.0, 1.5)
        if outage:
            rest_s = 0.0  # the probing itself waits
        self._rests[grant.email_id] = (min(times + 1, 10), now + rest_s)
        _bound(self._rests)
        return Consequence(reason, counts_against_email=not outage, retry_elsewhere=True)

    def _account_for(self, grant: Grant, error: CallError, latency_s: float, now: float) -> None:
        """Settle or release by what the server has probably counted.

        A call that timed out was most likely worked on. One whose connection broke was, unless connections fail anyway
        or it failed at once. A server that says it failed has counted the request. A refusal corrects what is too low.
        """
        if isinstance(error, CallTimeoutError):
            self._ledger.settle(grant.reservation, grant.estimate.cost, (), now, proven=False)
        elif not isinstance(error, ConnectionFailedError):
            self._ledger.settle(grant.reservation, 0.0, (), now, proven=False)
        elif grant.org.health.stumbling or latency_s < 0.5 * grant.org.concurrency.latency_s:
            self._ledger.release(grant.reservation, now)
        else:
            self._ledger.settle(grant.reservation, grant.estimate.cost, (), now, proven=False)


def _bound(remembered: dict[int, Any]) -> None:
    while len(remembered) > _REMEMBERED_EMAILS:
        remembered.pop(next(iter(remembered)))


def _shown(error: CallError) -> str:
    return one_line(str(error), limit=_SHOWN)


def _own_words(error: CallError) -> str:
    """Return the server's own words in brackets, where it said any."""
    return f" (“{one_line(error.said, limit=_OWN_WORDS)}”)" if error.said else ""


def _told_words(error: CallError) -> str:
    return f"waits as the server stated, after an error{_own_words(error)}"


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"
