"""Hold a worker's keys, grouped by organization, in step with what people and replies say of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.errors import KeysError, QuotaFileError
from core.model import KeyStatus
from core.quota.db.rows import own_accounts, status_of
from core.quota.db.sync import Counters, Doing
from core.quota.keys.store import NO_KEY, KeyRecord, KeyStore, Secret, assumed_organization
from core.quota.keys.swap import chosen_swap
from core.quota.ledger.ledger import Ledger
from core.quota.pacing.concurrency import Concurrency, Room
from core.quota.pacing.scheduler import KeySlot, Organization

PATIENCE_MS = 250
"""How long an event loop may stand still for another process that holds ``quota.db``."""


class KeyPool:
    """Hold the key slots and organizations of one worker and model."""

    def __init__(self, store: KeyStore, ledger: Ledger, model: str, cap: int, notices: list[str], room: Room) -> None:
        """Begin empty; :meth:`refresh` fills it."""
        self.orgs: dict[str, Organization] = {}
        self.open_orgs: list[Organization] = []
        self.slots: dict[str, KeySlot] = {}
        self._records: dict[str, KeyRecord] = {}
        self._store = store
        self._ledger = ledger
        self._model = model
        self._cap = cap
        self._room = room
        self._notices = notices
        self._complaint = ""
        self._unreadable: set[str] = set()
        self._filled = False

    @property
    def any_usable(self) -> bool:
        """Return whether there is a key that may be used, now or after a wait."""
        return bool(self.open_orgs)

    def doing(self) -> dict[str, Doing]:
        """Return the use of each key of this worker, by fingerprint: idle ones included."""
        return {fingerprint: Doing(slot.in_flight, *self._probed(slot)) for fingerprint, slot in self.slots.items()}

    def refresh(self, now: float) -> None:
        """Take over keys added, removed, enabled, disabled or regrouped by anyone."""
        try:
            self._store.reload()
            self._records = self._store.records()
            own = own_accounts(self._store.database)
            self._complaint = ""
        except (KeysError, QuotaFileError) as error:
            if str(error) != self._complaint:
                self._complaint = str(error)
                self._notices.append(f"{error}. The keys known before stay in use")
            return
        unreadable = self._store.unreadable()
        self._notices += [
            f"{alias} cannot be used: {unreadable[alias]}" for alias in unreadable.keys() - self._unreadable
        ]
        self._unreadable = set(unreadable)
        secrets = {secret.fingerprint: secret for secret in self._store.secrets()}
        for fingerprint in self.slots.keys() - secrets.keys():
            slot = self.slots.pop(fingerprint)
            slot.usable = False
            self._notices.append(f"{slot.alias} was removed")
        for fingerprint, secret in secrets.items():
            self._slot(secret, self._records.get(fingerprint), now)
        self._pin()
        self._filled = True
        self._regroup()
        for org in self.orgs.values():
            org.own = org.name in own
        self._room.trust(any(org.own for org in self.open_orgs))

    def learn_organization(self, slot: KeySlot, organization: str, now: float) -> None:
        """Take in that a reply named the organization of a key: keys of one organization share an account from now on.

        It is the word of this server alone. Where the operator stated another organization, the notice says so.
        """
        if slot.organization == organization:
            return
        stated = slot.label if slot.label not in (slot.organization, organization) else ""
        try:
            with self._store.database.patience(PATIENCE_MS):
                self._store.learn_organization(slot.alias, organization)
                self._records = self._store.records()
        except KeysError as error:
            self._notices.append(f"{slot.alias} belongs to {organization}; not written down: {error}")
        except QuotaFileError:
            pass  # the next exchange with the file says so once; the next refusal writes it
        slot.label = organization
        self._move(slot, organization, now)
        self._regroup()
        together = [each.alias for each in self.orgs[organization].slots if each is not slot]
        with_whom = f", with {', '.join(together)}: they share one quota" if together else ""
        against = f". You stated {stated}: on this server its own word counts" if stated else ""
        self._notices.append(f"{slot.alias} belongs to {organization}{with_whom}{against}")

    def take_out(self, slot: KeySlot, reason: str, now: float) -> None:
        """Take out a refused key until a person acts."""
        if not slot.usable:
            return
        slot.usable = False
        try:
            self._store.mark_invalid(slot.alias, reason, now)
            self._records = self._store.records()
        except (KeysError, QuotaFileError) as error:
            self._notices.append(f"{slot.alias} is out, which could not be written down: {error}")
        self._notices.append(f"{slot.alias} is out: {reason}")
        self._regroup()

    def swap(self, statuses: Sequence[KeyStatus], now: float) -> str:
        """Take the key in use out and the next one in; says so. Raises KeysError where there is no other."""
        swap = chosen_swap(statuses, {slot.alias: slot.in_flight for slot in self.slots.values()})
        self._store.swap(swap)
        self.refresh(now)
        return swap.sentence

    def why_none(self) -> str:
        """Return why no key may be used, with what to do."""
        if not self.slots:
            unreadable = [f"{alias}: {reason}" for alias, reason in self._store.unreadable().items()]
            if unreadable:
                return f"no key can be used ({'; '.join(unreadable)})"
            return self._complaint or self._store.why_none()
        words = []
        for fingerprint, slot in self.slots.items():
            record = self._records.get(fingerprint)
            why = "disabled"
            if record is not None and record.enabled:
                why = record.invalid_reason or "out"
            if slot.secret.value == NO_KEY:
                requires = ", and requires one" if re.search(r"answered 40[13]\b", why) else ""
                return (
                    f"{self._store.server} was asked without a key{requires}: {why}."
                    f" `labeltui keys add --server {self._store.server}` adds one"
                )
            words.append(f"{slot.alias} …{slot.secret.last4}: {why}")
        return f"no key can be used ({'; '.join(words)}): enable one, or add another"

    def statuses(self, typical: float, pending: Mapping[str, Counters], now: float) -> tuple[KeyStatus, ...]:
        """Return the keys for people; ``pending`` are counts that are not in the records yet."""
        found = []
        for fingerprint, slot in self.slots.items():
            record = self._records.get(fingerprint)
            org = self.orgs.get(slot.organization)
            if record is None or org is None:
                continue
            more = pending.get(fingerprint, Counters())
            record = replace(
                record,
                requests=record.requests + more.requests,
                errors_429=record.errors_429 + more.errors_429,
                tokens=record.tokens + more.tokens,
            )
            opening = org.account.opening(typical, 0.0, typical, 0.0, now)
            at, limit, reason = opening.at, opening.limit, opening.reason
            found.append(status_of(record, slot.in_flight, max(0.0, at - now), limit, reason, now, *self._probed(slot)))
        return tuple(found)

    # --- inside --------------------------------------------------------------------------------------------------

    def _probed(self, slot: KeySlot) -> tuple[str, float]:
        """Return why a key is only probed, and when it is next; an empty text while all is well."""
        org = self.orgs.get(slot.organization)
        out = [each for each in (slot.health, org.health if org else slot.health) if each.out]
        last = max(out, key=lambda each: each.probe_at, default=None)
        return (last.reason, last.probe_at) if last is not None else ("", 0.0)

    def _pin(self) -> None:
        """Use the pinned key first."""
        for fingerprint, slot in self.slots.items():
            record = self._records.get(fingerprint)
            pinned = record is not None and record.pinned
            if pinned != slot.pinned:
                slot.pinned = pinned
                if self._filled:
                    self._notices.append(f"{slot.alias} is {'used first' if pinned else 'no longer used first'}")

    def _slot(self, secret: Secret, record: KeyRecord | None, now: float) -> None:
        organization = record.account if record is not None else assumed_organization(secret.alias)
        label = record.label if record is not None else organization
        usable = record is None or (record.enabled and record.invalid_reason is None)
        slot = self.slots.get(secret.fingerprint)
        if slot is None:
            slot = KeySlot(secret, organization, label, usable)
            self.slots[secret.fingerprint] = slot
            if self._filled:
                self._notices.append(f"{secret.alias} was added")
            self._org(organization).slots.append(slot)
            return
        slot.secret, slot.label = secret, label
        if slot.usable != usable:
            if usable:
                word = "was enabled"
            elif record is not None and record.enabled:
                word = f"is out: {record.invalid_reason}"
            else:
                word = "was disabled"
            self._notices.append(f"{secret.alias} {word}")
            slot.usable = usable
        if slot.organization != organization:
            self._move(slot, organization, now)

    def _move(self, slot: KeySlot, organization: str, now: float) -> None:
        old = slot.organization
        left = self.orgs.get(old)
        alone = left is None or all(each is slot for each in left.slots)
        slot.organization = organization
        if alone:
            self._ledger.rename(old, organization, now)
            source = self.orgs.pop(old, None)
            if source is not None and organization not in self.orgs:
                source.name, source.account = organization, self._ledger.account(organization, self._model)
                self.orgs[organization] = source

    def _org(self, organization: str) -> Organization:
        org = self.orgs.get(organization)
        if org is None:
            account = self._ledger.account(organization, self._model)
            org = self.orgs[organization] = Organization(organization, account, Concurrency(self._cap), room=self._room)
        return org

    def _regroup(self) -> None:
        for org in self.orgs.values():
            org.slots.clear()
        for slot in self.slots.values():
            self._org(slot.organization).slots.append(slot)
        self.orgs = {name: org for name, org in self.orgs.items() if org.slots}
        self.open_orgs = [org for org in self.orgs.values() if org.usable]
