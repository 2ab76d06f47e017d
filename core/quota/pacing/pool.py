"""The keys at a worker's table, grouped by organization, kept in step with what people and replies say of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.errors import KeysError, QuotaFileError
from core.model import KeyStatus
from core.quota.db.rows import SOURCE_REPLY, status_of
from core.quota.db.sync import Counters, Doing
from core.quota.keys.store import KeyRecord, KeyStore, Secret, assumed_organization
from core.quota.keys.swap import chosen_swap
from core.quota.ledger.ledger import Ledger
from core.quota.ledger.replies import Reading
from core.quota.pacing.concurrency import Concurrency
from core.quota.pacing.grants import Grant
from core.quota.pacing.membership import Membership, contradicts
from core.quota.pacing.scheduler import House, Seat


class Roster:
    """Seats and houses of one worker and model."""

    def __init__(self, book: KeyStore, ledger: Ledger, model: str, cap: int, notices: list[str]) -> None:
        """Begin empty; :meth:`refresh` fills it."""
        self.houses: dict[str, House] = {}
        self.open_houses: list[House] = []
        self.seats: dict[str, Seat] = {}
        self._records: dict[str, KeyRecord] = {}
        self._book = book
        self._ledger = ledger
        self._model = model
        self._cap = cap
        self._notices = notices
        self._complaint = ""
        self._unreadable: set[str] = set()
        self._filled = False

    @property
    def any_usable(self) -> bool:
        """Whether there is a key that may be used, now or after a wait."""
        return bool(self.open_houses)

    def doing(self) -> dict[str, Doing]:
        """What this worker does with each of its keys, by fingerprint: idle ones included."""
        return {fingerprint: Doing(seat.in_flight, *self._probed(seat)) for fingerprint, seat in self.seats.items()}

    def refresh(self, now: float) -> None:
        """Take over keys added, removed, enabled, disabled or regrouped by anyone."""
        try:
            self._book.reload()
            self._records = self._book.records()
            self._complaint = ""
        except (KeysError, QuotaFileError) as error:
            if str(error) != self._complaint:
                self._complaint = str(error)
                self._notices.append(f"{error}. The keys known before stay in use")
            return
        unreadable = self._book.unreadable()
        self._notices += [
            f"{alias} cannot be used: {unreadable[alias]}" for alias in unreadable.keys() - self._unreadable
        ]
        self._unreadable = set(unreadable)
        secrets = {secret.fingerprint: secret for secret in self._book.secrets()}
        for fingerprint in self.seats.keys() - secrets.keys():
            seat = self.seats.pop(fingerprint)
            seat.usable = False
            self._notices.append(f"{seat.alias} was removed")
        for fingerprint, secret in secrets.items():
            self._seat(secret, self._records.get(fingerprint), now)
        self._pin()
        self._filled = True
        self._regroup()

    def learn_organization(self, seat: Seat, organization: str, now: float) -> None:
        """A reply named the organization of a key."""
        if seat.organization == organization and seat.named:
            return
        as_declared, seat.named = seat.organization == organization, True
        try:
            self._book.learn_organization(seat.alias, organization)
            self._records = self._book.records()
        except (KeysError, QuotaFileError) as error:
            if not as_declared:
                self._notices.append(f"{seat.alias} belongs to {organization}; not written down: {error}")
        if as_declared:
            return
        self._move(seat, organization, now)
        self._regroup()
        together = [each.alias for each in self.houses[organization].seats if each is not seat]
        with_whom = f", with {', '.join(together)}: they share one quota" if together else ""
        self._notices.append(f"{seat.alias} belongs to {organization}{with_whom}")

    def heard(self, grant: Grant, readings: Sequence[Reading], cost: float, now: float) -> None:
        """Hold what the operator declared against an answer, while no reply has named the key's organization."""
        seat, house = grant.seat, self.houses.get(grant.seat.organization)
        seat.membership.answered(cost, now)
        if house is None or seat.named or len(house.seats) < 2:
            return
        others = [each.membership for each in house.seats if each is not seat]
        apart = contradicts(seat.membership, others, house.account, grant.reservation, readings, cost, now)
        apart = (grant.tries and seat.membership.passed(overdrawn=grant.overdrawn)) or apart
        if apart:
            self.part(seat, now)

    def part(self, seat: Seat, now: float) -> None:
        """Replies contradict what the operator declared: the key is taken for an organization of its own again."""
        declared, alone = seat.organization, assumed_organization(seat.alias)
        try:
            self._book.doubt_organization(seat.alias)
            self._records = self._book.records()
            written = ""
        except (KeysError, QuotaFileError) as error:
            written = f" This could not be written down: {error}"
        self._move(seat, alone, now)
        self._regroup()
        self._notices.append(
            f"{seat.alias} was declared as {declared}, but its replies show a quota of its own. "
            f"It is used as an organization of its own until a reply names it.{written}"
        )

    def take_out(self, seat: Seat, reason: str, now: float) -> None:
        """A key is refused: it is out until a person acts."""
        if not seat.usable:
            return
        seat.usable = False
        try:
            self._book.mark_invalid(seat.alias, reason, now)
            self._records = self._book.records()
        except (KeysError, QuotaFileError) as error:
            self._notices.append(f"{seat.alias} is out, which could not be written down: {error}")
        self._notices.append(f"{seat.alias} is out: {reason}")
        self._regroup()

    def swap(self, statuses: Sequence[KeyStatus], now: float) -> str:
        """Take the key in use out and the next one in; says so. Raises KeysError where there is no other."""
        swap = chosen_swap(statuses, {seat.alias: seat.in_flight for seat in self.seats.values()})
        self._book.swap(swap)
        self.refresh(now)
        return swap.sentence

    def why_none(self) -> str:
        """Why no key may be used, with what to do."""
        if not self.seats:
            unreadable = [f"{alias}: {reason}" for alias, reason in self._book.unreadable().items()]
            if unreadable:
                return f"no key can be used ({'; '.join(unreadable)})"
            return self._complaint or "there is no key: add one with labeltui keys add, or set GROQ_API_KEY"
        words = []
        for fingerprint, seat in self.seats.items():
            record = self._records.get(fingerprint)
            why = "disabled"
            if record is not None and record.enabled:
                why = record.invalid_reason or "out"
            words.append(f"{seat.alias} …{seat.secret.last4}: {why}")
        return f"no key can be used ({'; '.join(words)}): enable one, or add another"

    def statuses(self, typical: float, pending: Mapping[str, Counters], now: float) -> tuple[KeyStatus, ...]:
        """The keys for people; ``pending`` are counts that are not in the records yet."""
        found = []
        for fingerprint, seat in self.seats.items():
            record = self._records.get(fingerprint)
            house = self.houses.get(seat.organization)
            if record is None or house is None:
                continue
            more = pending.get(fingerprint, Counters())
            record = replace(
                record,
                requests=record.requests + more.requests,
                errors_429=record.errors_429 + more.errors_429,
                tokens=record.tokens + more.tokens,
            )
            opening = house.account.opening(typical, 0.0, typical, 0.0, now)
            at, limit, reason = opening.at, opening.limit, opening.reason
            found.append(status_of(record, seat.in_flight, max(0.0, at - now), limit, reason, now, *self._probed(seat)))
        return tuple(found)

    # --- inside --------------------------------------------------------------------------------------------------

    def _probed(self, seat: Seat) -> tuple[str, float]:
        """Why a key is only probed, and when it is next; an empty text while all is well."""
        house = self.houses.get(seat.organization)
        out = [each for each in (seat.health, house.health if house else seat.health) if each.out]
        last = max(out, key=lambda each: each.probe_at, default=None)
        return (last.reason, last.probe_at) if last is not None else ("", 0.0)

    def _pin(self) -> None:
        """Ask the pinned key first."""
        for fingerprint, seat in self.seats.items():
            record = self._records.get(fingerprint)
            pinned = record is not None and record.pinned
            if pinned != seat.pinned:
                seat.pinned = pinned
                if self._filled:
                    self._notices.append(f"{seat.alias} is {'asked first' if pinned else 'no longer asked first'}")

    def _seat(self, secret: Secret, record: KeyRecord | None, now: float) -> None:
        organization = secret.organization or assumed_organization(secret.alias)
        usable = record is None or (record.enabled and record.invalid_reason is None)
        named = record is not None and record.organization_source == SOURCE_REPLY
        seat = self.seats.get(secret.fingerprint)
        if seat is None:
            seat = Seat(secret, organization, usable, named=named)
            self.seats[secret.fingerprint] = seat
            if self._filled:
                self._notices.append(f"{secret.alias} was added")
            self._house(organization).seats.append(seat)
            return
        seat.secret, seat.named = secret, named
        if seat.usable != usable:
            if usable:
                word = "was enabled"
            elif record is not None and record.enabled:
                word = f"is out: {record.invalid_reason}"
            else:
                word = "was disabled"
            self._notices.append(f"{secret.alias} {word}")
            seat.usable = usable
        if seat.organization != organization:
            self._move(seat, organization, now)

    def _move(self, seat: Seat, organization: str, now: float) -> None:
        old = seat.organization
        left = self.houses.get(old)
        others = [each for each in left.seats if each is not seat] if left is not None else []
        was_alone = not others or old.startswith("(")
        if left is not None and not was_alone:
            spent = seat.membership.tokens
            everything = spent + sum(each.membership.tokens for each in others)
            left.account.refill(now)
            left.account.part(spent / everything if everything else 0.0)
        seat.organization, seat.membership = organization, Membership(tokens=seat.membership.tokens)
        if was_alone:
            self._ledger.rename(old, organization, now)
            source = self.houses.pop(old, None)
            target = self.houses.get(organization)
            if source is not None and target is None:
                source.name, source.account = organization, self._ledger.account(organization, self._model)
                self.houses[organization] = source
        self._house(organization)

    def _house(self, organization: str) -> House:
        house = self.houses.get(organization)
        if house is None:
            account = self._ledger.account(organization, self._model)
            house = self.houses[organization] = House(organization, account, Concurrency(self._cap))
        return house

    def _regroup(self) -> None:
        for house in self.houses.values():
            house.seats.clear()
        for seat in self.seats.values():
            self._house(seat.organization).seats.append(seat)
        self.houses = {name: house for name, house in self.houses.items() if house.seats}
        self.open_houses = [house for house in self.houses.values() if house.usable]
