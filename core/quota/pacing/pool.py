"""The keys at a worker's table, grouped by organization, kept in step with what people and replies say of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.errors import KeysError, QuotaFileError
from core.model import KeyStatus
from core.quota.db.rows import status_of
from core.quota.db.sync import Counters, Doing
from core.quota.keys.store import KeyRecord, KeyStore, Secret, assumed_organization
from core.quota.keys.swap import chosen_swap
from core.quota.ledger.ledger import Ledger
from core.quota.pacing.concurrency import Concurrency
from core.quota.pacing.scheduler import House, Seat

PATIENCE_MS = 250
"""How long an event loop may stand still for another process that holds ``quota.db``."""


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
        """Take in that a reply named the organization of a key: keys of one organization share an account from now on.

        It is the word of this server alone. Where the operator stated another organization, the notice says so.
        """
        if seat.organization == organization:
            return
        stated = seat.label if seat.label not in (seat.organization, organization) else ""
        try:
            with self._book.book.patience(PATIENCE_MS):
                self._book.learn_organization(seat.alias, organization)
                self._records = self._book.records()
        except KeysError as error:
            self._notices.append(f"{seat.alias} belongs to {organization}; not written down: {error}")
        except QuotaFileError:
            pass  # the next exchange with the file says so once; the next refusal writes it
        seat.label = organization
        self._move(seat, organization, now)
        self._regroup()
        together = [each.alias for each in self.houses[organization].seats if each is not seat]
        with_whom = f", with {', '.join(together)}: they share one quota" if together else ""
        against = f". You stated {stated}: on this server its own word counts" if stated else ""
        self._notices.append(f"{seat.alias} belongs to {organization}{with_whom}{against}")

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
        organization = record.account if record is not None else assumed_organization(secret.alias)
        label = record.label if record is not None else organization
        usable = record is None or (record.enabled and record.invalid_reason is None)
        seat = self.seats.get(secret.fingerprint)
        if seat is None:
            seat = Seat(secret, organization, label, usable)
            self.seats[secret.fingerprint] = seat
            if self._filled:
                self._notices.append(f"{secret.alias} was added")
            self._house(organization).seats.append(seat)
            return
        seat.secret, seat.label = secret, label
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
        alone = left is None or all(each is seat for each in left.seats)
        seat.organization = organization
        if alone:
            self._ledger.rename(old, organization, now)
            source = self.houses.pop(old, None)
            if source is not None and organization not in self.houses:
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
