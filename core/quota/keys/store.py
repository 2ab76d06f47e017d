"""Join the operator's keys by fingerprint: secrets from environment and file, their state from ``quota.db``.

Outside this room a key is its alias and last four characters. A key whose organization is not known counts as an
organization of its own, named ``(alias)``, until a reply names the real one.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from core.errors import KeysError
from core.model import Dimension, KeyHistory, KeyStatus, WindowStatus
from core.quota.db.database import QuotaDatabase
from core.quota.db.history import forget_key, spend_of, troubles_of
from core.quota.db.rows import (
    KeyRecord,
    clear_waits,
    forget_own,
    forgive,
    key_records,
    key_statuses,
    labeled_windows,
    level_rows,
    models_known,
    name_organization,
    own_accounts,
    refuse,
    refuse_setting,
    refused_settings,
    state_limits,
    state_own,
)
from core.quota.keys.identity import Secret, assumed_organization, belongs_to, by_fingerprint, chosen_alias, remember
from core.quota.keys.keyfile import (
    FILE_SOURCE,
    FoundKey,
    checked_alias,
    checked_organization,
    home_server,
    keys_of_environment,
    keys_of_tables,
    plausible_secret,
    stamp,
    tables_of_file,
    write_file,
)
from core.quota.keys.keyring import SOURCE as KEYRING_SOURCE
from core.quota.keys.keyring import KeyringStore
from core.quota.keys.swap import Swap
from core.quota.ledger.levels import window_status
from core.server_address import GROQ_ROOT, address_of, host_of, is_local, origin_of, preset_of, server_of
from core.settings import Settings

NO_KEY = "no-key"
"""What a server of this machine gets in the place of a key, and the alias of that."""

_GONE_S = 10.0
"""A ``keys.toml`` that is missing for longer was removed."""

__all__ = ["KeyRecord", "KeyStore", "Secret", "assumed_organization"]


class KeyStore:
    """Hold keys and their records. Opens ``quota.db`` (making it if need be); close it after use."""

    def __init__(
        self,
        quota_path: Path,
        keys_path: Path,
        *,
        environment: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.time,
        server: str = GROQ_ROOT,
        home: str | None = None,
    ) -> None:
        """Find every key. Raises KeysError for an unusable one, QuotaFileError where ``quota.db`` fails.

        Only keys of one ``server`` are given out, and what is known of limits and refused keys is that of it, as
        ``server_of`` names it. ``home`` is the server of keys that name none: ``GROQ_BASE_URL``, else Groq.
        """
        self.keys_path = keys_path
        self.database = QuotaDatabase(quota_path, server=server)
        self._environment = os.environ if environment is None else environment
        self._clock = clock
        self._stamp: tuple[int, int, int, int] | None = None
        self._secrets: tuple[Secret, ...] = ()
        self._home = home or home_server(self._environment)
        self._tables: dict[str, dict[str, object]] = {}
        self._missing_since: float | None = None
        self._keyring = KeyringStore(keys_path, clock)
        try:
            self._salt = self.database.salt
            self.reload()
        except BaseException:
            self.database.close()
            raise

    @classmethod
    def from_settings(cls, settings: Settings, base_url: str | None = None) -> Self:
        """Return the key store that the settings name, with the environment's keys unless they say otherwise.

        ``base_url`` is the run's; without one the server is that of the settings.
        """
        environment: Mapping[str, str] | None = None if settings.use_environment_keys else {}
        server = server_of(base_url or settings.base_url)
        return cls(
            settings.quota_path, settings.keys_path, environment=environment, server=server, home=settings.base_url
        )

    def __enter__(self) -> Self:
        """Use as a context that closes."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Close ``quota.db``."""
        self.database.close()

    def try_only(self) -> None:
        """Take back every change from now on, in file and database: what a dry run changes."""
        self.database.takes_back = True

    # --- looking -------------------------------------------------------------------------------------------------

    @property
    def server(self) -> str:
        """Return the server whose keys are given out, as ``server_of`` names it."""
        return self.database.server

    @property
    def requests_per_day(self) -> bool | None:
        """Return whether the server's ``x-ratelimit-*-requests`` headers count a day; None where that is unknown."""
        known = preset_of(self.server)
        return None if known is None else known.requests_per_day

    def secrets(self) -> tuple[Secret, ...]:
        """Return the keys that may be sent to this server, whatever their state, in the order of being found."""
        return tuple(each for each in self._secrets if each.belongs_to(self.server))

    def all_secrets(self) -> tuple[Secret, ...]:
        """Return every key that this process has, of any server."""
        return self._secrets

    def secret(self, alias: str) -> Secret:
        """Return the key of that alias. Raises KeysError where this process does not have it."""
        return self._secret(alias)

    def why_none(self) -> str:
        """Return why there is no key for this server, with what to do."""
        server, known = self.server, preset_of(self.server)
        if origin_of(server) == origin_of(self._home) and known is not None and not self._secrets:
            return f"there is no key: add one with labeltui keys add, or set {known.variables[-1]}"
        variable = f", or set {known.variables[-1]}" if known is not None else ""
        others = f" Your keys of other servers are not sent to {host_of(server)}." if self._secrets else ""
        return (
            f"no key belongs to {host_of(server)}: add one with labeltui keys add --server"
            f" {known.name if known is not None else server}{variable}.{others}"
        )

    def records(self) -> dict[str, KeyRecord]:
        """Return the records of every key ever seen, by fingerprint."""
        return key_records(self.database)

    def statuses(self, model: str, now: float, *, elsewhere: bool = False) -> tuple[KeyStatus, ...]:
        """Return the keys for people: those of this process, and those that a worker on this machine uses now.

        With ``elsewhere`` they name which other servers refuse them: where no run is looked at, it is unknown which
        server is meant.
        """
        servers = {each.fingerprint: each.server for each in (self._secrets if elsewhere else self.secrets())}
        statuses = key_statuses(self.database, servers, model, now, elsewhere=elsewhere)
        return self._keyring.shown(statuses, self.records()) if self._keyring.unreadable else statuses

    def unreadable(self) -> Mapping[str, str]:
        """Return keys that the system's keyring did not give, by alias, each with the reason."""
        return self._keyring.unreadable

    def windows(self, model: str | None, now: float) -> tuple[WindowStatus, ...]:
        """Return the known quota windows of one model, or of all, as the workers last shared them."""
        windows = (
            window_status(organization, its_model, dimension, level, now)
            for (organization, its_model, dimension), level in level_rows(self.database, model).items()
        )
        return labeled_windows(windows, {each.account: each.label for each in self.records().values()})

    def models(self, now: float) -> tuple[str, ...]:
        """Return the models of which limits are known for the keys of this process, the newest first."""
        records = self.records()
        present = {secret.fingerprint for secret in self.secrets()} & records.keys()
        return models_known(self.database, {records[each].account for each in present}, now)

    def changed(self) -> bool:
        """Return whether ``quota.db`` or ``keys.toml`` changed since this was last asked, or since :meth:`reload`."""
        in_database = self.database.poll_changes()
        return stamp(self.keys_path) != self._stamp or in_database or self._keyring.due or self._missing

    def reload(self) -> None:
        """Read environment and file again and join them with their records. Raises KeysError, changing nothing.

        A ``keys.toml`` that has just gone is taken to come back: editors and backups replace files by moving them.
        """
        before, self._stamp = self._stamp, stamp(self.keys_path)
        if before != self._stamp:
            self._keyring.look_again()
        tables = tables_of_file(self.keys_path)
        if self._stamp is not None or not self._tables:
            self._missing_since = None
        elif self._missing_since is None:
            self._missing_since = self._clock()
        self._tables = self._tables if self._missing else tables
        in_keyring = self._keyring.find(self._tables, self._home)
        in_file = keys_of_tables(self._tables, self.keys_path, self._home)
        found = (*in_file, *in_keyring, *keys_of_environment(self._environment, self._home))
        merged = by_fingerprint(found, self.fingerprint)
        if (
            is_local(self.server)
            and not self._keyring.unreadable
            and not any(belongs_to(each.secret, each.server, self.server) for each in merged.values())
        ):
            # A server of this machine needs no key: it gets a word that is no secret in the place of one.
            merged[self.fingerprint(NO_KEY)] = FoundKey(NO_KEY, "needs none", self.server, NO_KEY)
        self._secrets = remember(self.database, merged, self._clock())

    @property
    def _missing(self) -> bool:
        """Return whether ``keys.toml`` has been gone for too short a time to be taken as removed."""
        return self._missing_since is not None and 0 <= self._clock() - self._missing_since < _GONE_S

    def fingerprint(self, secret: str) -> str:
        """Return the identifier of a secret in ``quota.db``; it cannot be turned back."""
        return hashlib.sha256(self._salt + secret.encode()).hexdigest()[:32]

    # --- changing ------------------------------------------------------------------------------------------------

    def add(
        self,
        secret: str,
        alias: str | None = None,
        organization: str | None = None,
        *,
        keyring: bool = False,
        server: str | None = None,
    ) -> str:
        """Put a key into ``keys.toml`` and return its alias; with ``keyring`` the system's keyring takes its secret.

        ``server`` is the only one that it will be sent to, by name or address; by default the one of this store.

        Raises:
            KeysError: if it cannot be a key, is there already, the alias is taken, or the keyring would not keep it.
            UsageError: the server is unknown.
        """
        secret = plausible_secret(secret)
        address = address_of(server) if server else self.server
        if alias is not None:
            checked_alias(alias, "given")
        table: dict[str, object] = {"organization": checked_organization(organization, "given")} if organization else {}
        self.reload()
        with self._changing_file() as tables:
            self._check_new(secret, alias)
            for name, other in tables.items():  # what another process has added since
                if other.get("secret") == secret:
                    raise KeysError(f"This key is here already, as {name} (from {FILE_SOURCE})")
            if alias in tables:
                raise KeysError(f"The alias {alias} is taken by a key of {FILE_SOURCE}: choose another")
            if alias is None:
                taken = {known.alias for known in self._secrets} | self._keyring.unreadable.keys() | tables.keys()
                alias = chosen_alias(self.fingerprint(secret), self.records(), taken)
            place = {"keyring": self._keyring.put(alias, secret)} if keyring else {"secret": secret}
            tables[alias] = {**place, "server": address, **table}
        self.reload()
        return alias

    def check_new(self, secret: str, alias: str | None) -> str:
        """Return the secret as :meth:`add` would keep it. Raises KeysError as that would, and adds nothing."""
        secret = plausible_secret(secret)
        if alias is not None:
            checked_alias(alias, "given")
        self.reload()
        self._check_new(secret, alias)
        return secret

    def _check_new(self, secret: str, alias: str | None) -> None:
        fingerprint = self.fingerprint(secret)
        for known in self._secrets:
            if known.fingerprint == fingerprint:
                raise KeysError(f"This key is here already, as {known.alias} (from {known.source})")
            if known.alias == alias:
                raise KeysError(f"The alias {alias} is taken by the key …{known.last4}: choose another")
        if alias in self._keyring.unreadable:
            raise KeysError(f"The alias {alias} is taken by a key that could not be read: remove it, or choose another")

    def remove(self, alias: str) -> None:
        """Take a key out of ``keys.toml`` and the keyring and forget it. Raises KeysError for the environment's."""
        secret = None if alias in self._keyring.unreadable else self._secret(alias)
        if secret is not None and secret.source not in (FILE_SOURCE, KEYRING_SOURCE):
            raise KeysError(
                f"{alias} comes from {secret.source}: take it out there and start anew, or disable it here "
                f"with: labeltui keys disable {alias}"
            )
        with self._changing_file() as tables:
            if user := str(tables.pop(alias, {}).get("keyring", "")):
                self._keyring.delete(user)
            if secret is not None:
                self.database.execute("DELETE FROM key WHERE fingerprint = ?", (secret.fingerprint,))
                self.database.execute("DELETE FROM named WHERE fingerprint = ?", (secret.fingerprint,))
                forget_key(self.database, secret.fingerprint)
                forgive(self.database, secret.fingerprint)
        self.reload()

    def set_enabled(self, alias: str, enabled: bool) -> None:  # noqa: FBT001 - set_enabled(alias, True) reads well
        """Let a key be used, or not. Enabling also clears *invalid*, for every server: a person has looked after it."""
        fingerprint = self._record(alias).fingerprint
        with self.database.writing():
            self.database.execute("UPDATE key SET enabled = ? WHERE fingerprint = ?", (int(enabled), fingerprint))
            if enabled:
                forgive(self.database, fingerprint)

    def pin(self, alias: str | None) -> None:
        """Ask with this key first, and with the others where it cannot be asked; None pins none."""
        fingerprint = "" if alias is None else self._record(alias).fingerprint
        with self.database.writing():
            self.database.execute(
                "UPDATE key SET pinned = fingerprint = ? WHERE pinned <> (fingerprint = ?)", (fingerprint,) * 2
            )

    def swap(self, swap: Swap) -> None:
        """Disable one key and use the next one first, which is enabled if it was disabled."""
        out, into = self._record(swap.out).fingerprint, self._record(swap.into).fingerprint
        with self.database.writing():
            self.database.execute(
                "UPDATE key SET enabled = fingerprint <> ? WHERE fingerprint IN (?, ?)", (out, out, into)
            )
            self.database.execute(
                "UPDATE key SET pinned = fingerprint = ? WHERE pinned <> (fingerprint = ?)", (into, into)
            )

    def set_organization(self, alias: str, organization: str) -> None:
        """State which organization a key belongs to: its name for people until a reply names it.

        Quotas are kept for each key until then, as nothing but a reply can show whether keys share one.
        """
        checked_organization(organization, f"for {alias}")
        fingerprint = self._record(alias).fingerprint
        with self._changing_file() as tables:
            if alias in tables:
                tables[alias]["organization"] = organization
            self.database.execute("UPDATE key SET stated = ? WHERE fingerprint = ?", (organization, fingerprint))
        self.reload()

    def learn_organization(self, alias: str, organization: str) -> None:
        """Write that a reply named the organization of a key: on that server it is the last word."""
        checked_organization(organization, f"for {alias}")
        fingerprint = self._record(alias).fingerprint
        with self.database.writing():
            name_organization(self.database, fingerprint, organization, self._clock())

    def mark_invalid(self, alias: str, reason: str, now: float) -> None:
        """Mark a key as refused by the server: it is unusable there until a person acts."""
        fingerprint = self._record(alias).fingerprint
        with self.database.writing():
            refuse(self.database, fingerprint, reason, now)

    def refused_settings(self, model: str) -> dict[str, str]:
        """Return what the server refused of requests for a model within the last week, with its words."""
        return refused_settings(self.database, model, self._clock())

    def refuse_setting(self, model: str, name: str, words: str) -> None:
        """Keep that the server refused a setting for a model, for the workers to come."""
        refuse_setting(self.database, model, name, words, self._clock())

    def set_limits(self, organization: str, model: str, limits: Mapping[Dimension, float | None]) -> None:
        """State limits of an organization; None deletes one. Workers take them over within a second.

        What is used stays used; a window that was not known is taken for full. Replies that say otherwise win.
        """
        with self.database.writing():
            for account in self._accounts(organization):
                forget_own(self.database, account)
                state_limits(self.database, account, model, limits, self._clock())

    def set_own(self, organization: str) -> None:
        """State that an organization has no limits for any model, on the server of this store.

        It is asked with as many calls at once as a run may have from the first second. Replies that say otherwise win.
        """
        with self.database.writing():
            for account in self._accounts(organization):
                state_own(self.database, account, self._clock())

    def own(self) -> frozenset[str]:
        """Return the organizations without limits, by account and by their names for people."""
        accounts = own_accounts(self.database)
        return accounts | {each.label for each in self.records().values() if each.account in accounts}

    def clear_bench(self, organization: str, model: str) -> tuple[str, ...]:
        """Let an organization ask again at once, at the operator's risk; returns what was cleared, in words.

        Its bench goes, and windows that are too empty for a call are taken for full. If the limit still holds, the next
        refusal benches it again.
        """
        with self.database.writing():
            found = [clear_waits(self.database, each, model, self._clock()) for each in self._accounts(organization)]
            return tuple(dict.fromkeys(word for words in found for word in words))

    def history(self, alias: str) -> KeyHistory:
        """Return a key's refusals, errors and spending. Raises KeysError for an unknown one."""
        fingerprint = self._record(alias).fingerprint
        return KeyHistory(troubles_of(self.database, fingerprint), spend_of(self.database, fingerprint))

    # --- inside --------------------------------------------------------------------------------------------------

    @contextmanager
    def _changing_file(self) -> Iterator[dict[str, dict[str, object]]]:
        """Read ``keys.toml``, let the tables be changed in here, and write them, while no other process can.

        The lock is a transaction of ``quota.db``: whoever changes keys writes there as well.
        """
        with self.database.writing():
            before = tables_of_file(self.keys_path)
            tables = {alias: dict(table) for alias, table in before.items()}
            yield tables
            if tables != before and not self.database.takes_back:
                write_file(self.keys_path, tables)

    def _accounts(self, organization: str) -> set[str]:
        """Return the accounts of an organization by its name for people; the name itself where no key has it."""
        return {each.account for each in self.records().values() if each.label == organization} or {organization}

    def _secret(self, alias: str) -> Secret:
        for secret in self._secrets:
            if secret.alias == alias:
                return secret
        raise KeysError(f"No key is called {alias!r}: labeltui keys list shows the aliases")

    def _record(self, alias: str) -> KeyRecord:
        fingerprints = {secret.fingerprint for secret in self._secrets if secret.alias == alias}
        records = [each for each in self.records().values() if each.alias == alias]
        for record in records:
            if not fingerprints or record.fingerprint in fingerprints:
                return record
        raise KeysError(f"No key is called {alias!r}: labeltui keys list shows the aliases")
