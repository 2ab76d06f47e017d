"""Count what every (organization, model) may still spend, over requests and tokens per minute and day.

Pure: the time is passed in as ``now`` (seconds since the epoch, may jump), nothing is read or written. What is not
known limits nothing; limits are learned from headers, from refusals and from the operator.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from core.model import Dimension, WindowStatus
from core.quota.ledger.account import Account, Bench, Opening, Reservation
from core.quota.ledger.bucket import Bucket
from core.quota.ledger.levels import Level, merged
from core.quota.ledger.replies import RateLimitText, Reading

_CLOCK_SLACK_S = 2.0


class Ledger:
    """Hold all accounts. Organizations that turn out to be one are merged; reservations follow them."""

    def __init__(self) -> None:
        """Begin with nothing known."""
        self._accounts: dict[tuple[str, str], Account] = {}
        self._renamed: dict[str, str] = {}
        self._serial = 0
        self._latest = float("-inf")

    def account(self, organization: str, model: str) -> Account:
        """Return the account, made where it is new."""
        organization = self._renamed.get(organization, organization)
        account = self._accounts.get((organization, model))
        if account is None:
            self._serial += 1
            account = self._accounts[organization, model] = Account(organization, model, self._serial)
        return account

    def accounts(self) -> tuple[Account, ...]:
        """Return every account."""
        return tuple(self._accounts.values())

    # --- asking --------------------------------------------------------------------------------------------------

    def wait_until(
        self,
        organization: str,
        model: str,
        tokens: float,
        now: float,
        *,
        margin: float = 0.0,
        least: float | None = None,
        latency_s: float = 0.0,
    ) -> Opening:
        """Return when a call of ``tokens`` fits, and what it waits for; ``at == now`` where it fits now."""
        self._advance(now)
        account = self.account(organization, model)
        return account.opening(tokens, margin, tokens if least is None else least, latency_s, now)

    def reserve(self, organization: str, model: str, tokens: float, now: float) -> Reservation:
        """Take room for a call. Ask :meth:`wait_until` first: this one never refuses."""
        self._advance(now)
        return self.account(organization, model).reserve(tokens, now)

    def settle(
        self,
        reservation: Reservation,
        cost: float | None,
        readings: Iterable[Reading],
        now: float,
        *,
        proven: bool = True,
    ) -> None:
        """Count an ended call with ``cost`` tokens (None: as much as was reserved)."""
        self._advance(now)
        account = self.account(reservation.organization, reservation.model)
        account.settle(reservation, reservation.tokens if cost is None else cost, readings, now, proven=proven)

    def release(self, reservation: Reservation, now: float) -> None:
        """Give back the reservation of a call that never reached the server, or was refused: it counts for nothing."""
        self._advance(now)
        self.account(reservation.organization, reservation.model).release(reservation, now)

    # --- learning ------------------------------------------------------------------------------------------------

    def refused(
        self, reservation: Reservation, text: RateLimitText, now: float, *, organization: str = ""
    ) -> Dimension | None:
        """Give back the reservation after a 429 and learn limit and level. Returns the dimension, if known.

        ``organization`` is whose quota it speaks of, where that is not the one that the call was reserved with.
        """
        self._advance(now)
        account = self.account(reservation.organization, reservation.model)
        account.release(reservation, now)
        if organization:
            account = self.account(organization, reservation.model)
        return account.refused(reservation, text, now)

    def state_limits(
        self, organization: str, model: str, limits: Mapping[Dimension, float | None], source: str, now: float
    ) -> None:
        """Set limits that the operator (or a preset) states; None makes a dimension unknown again."""
        self._advance(now)
        account = self.account(organization, model)
        account.refill(now)
        for dimension, limit in limits.items():
            if limit is None:
                account.buckets.pop(dimension, None)
            else:
                account.learn(dimension, Level(limit, limit, now, source, now))

    def doubt_limits(self) -> None:
        """Let no limit that a refusal told rule a call out before the server refuses again."""
        for account in self._accounts.values():
            for bucket in account.buckets.values():
                bucket.doubt()

    def bench(self, organization: str, model: str, until: float, limit: str, reason: str, now: float) -> None:
        """Let nobody of the organization ask that model before ``until``."""
        self._advance(now)
        self.account(organization, model).bench_until(until, limit, reason, now)

    def rename(self, old: str, new: str, now: float) -> None:
        """Merge the accounts of every model of an organization that turned out to be part of another."""
        if old == new:
            return
        self._advance(now)
        for (organization, model), source in list(self._accounts.items()):
            if organization != old:
                continue
            del self._accounts[organization, model]
            into = self._accounts.get((new, model))
            if into is None:
                source.organization = new
                self._accounts[new, model] = source
            else:
                self._merge(source, into, now)
        self._renamed[old] = new
        for name, target in self._renamed.items():
            if target == old:
                self._renamed[name] = new
        self._renamed.pop(new, None)

    # --- looking -------------------------------------------------------------------------------------------------

    def status(self, now: float) -> tuple[WindowStatus, ...]:
        """Return every known window as it stands at ``now``."""
        self._advance(now)
        return tuple(each for account in self._accounts.values() for each in account.statuses(now))

    # --- inside --------------------------------------------------------------------------------------------------

    def _merge(self, source: Account, target: Account, now: float) -> None:
        source.refill(now)
        target.refill(now)
        ours = _without(target, source)
        theirs = _without(source, target)
        for dimension, level in merged(ours, theirs).items():
            bucket = target.buckets.get(dimension)
            unshared = sum(each.buckets[dimension].unshared for each in (source, target) if dimension in each.buckets)
            if bucket is None:
                bucket = target.buckets[dimension] = Bucket(dimension, level)
            bucket.adopt(level, now)
            bucket.unshared = unshared
        target.calls_in_flight += source.calls_in_flight
        target.tokens_in_flight += source.tokens_in_flight
        if source.bench is not None and source.bench.until_at > now:
            target.bench_until(source.bench.until_at, source.bench.limit, source.bench.reason, now)

    def _advance(self, now: float) -> None:
        """Notice a clock that went back: stated waits are spans of time, so benches move with it."""
        behind = self._latest - now
        if behind > _CLOCK_SLACK_S:
            for account in self._accounts.values():
                bench = account.bench
                if bench is not None and bench.until_at > now:
                    account.bench = Bench(bench.until_at - behind, bench.limit, bench.reason, now)
                    account.bench_changed = True
            self._latest = now
        elif behind < 0:
            self._latest = now


def _without(account: Account, other: Account) -> dict[Dimension, Level]:
    """Return the levels of one account once the other's calls in flight are taken off as well."""
    levels = {}
    for dimension, bucket in account.buckets.items():
        kept = bucket.kept()
        in_flight = other.tokens_in_flight if dimension.counts_tokens else other.calls_in_flight
        levels[dimension] = replace(kept, available=kept.available - in_flight)
    return levels
