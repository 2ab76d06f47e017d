"""Join the secrets that were found with the records of them in ``quota.db``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from core.errors import KeysError
from core.quota.db.database import QuotaDatabase
from core.quota.db.rows import KeyRecord, key_records
from core.quota.keys.keyfile import FoundKey
from core.server_address import is_local, origin_of

SIMULATED = "gsk_sim_"
"""How the invented keys of the built-in simulator begin."""


@dataclass(frozen=True, slots=True)
class Secret:
    """Hold a key that can be used. Its ``repr`` shows no more than people may see."""

    alias: str
    value: str = field(repr=False)
    last4: str
    fingerprint: str
    source: str
    server: str

    def belongs_to(self, server: str) -> bool:
        """Return whether it may be sent to a server: its own, and a simulator's key to any server of this machine."""
        return belongs_to(self.value, self.server, server)


def belongs_to(secret: str, own: str, server: str) -> bool:
    """Return whether a secret, of the server ``own``, may be sent to ``server``, as :meth:`Secret.belongs_to` says."""
    if secret.startswith(SIMULATED) and is_local(server):
        return True
    return origin_of(own) == origin_of(server)


def assumed_organization(alias: str) -> str:
    """Return the name of the organization that a key is by itself while the real one is unknown."""
    return f"({alias})"


def remember(database: QuotaDatabase, found: Mapping[str, FoundKey], now: float) -> tuple[Secret, ...]:
    """Give every key its alias, the one it had before if nobody renamed it, and write down what is new."""
    remembered = key_records(database)
    explicit = {key.alias for key in found.values() if key.alias}
    taken = explicit | {record.alias for record in remembered.values()}
    secrets, rows = [], []
    for fingerprint, key in found.items():
        record = remembered.get(fingerprint)
        alias = key.alias or (record.alias if record and record.alias not in explicit else "")
        if not alias:
            alias = free_alias(taken)
            taken.add(alias)
        stated = key.organization or (record.stated if record else "")
        last4 = key.secret[-4:] if len(key.secret) >= 12 else "…"
        secrets.append(Secret(alias, key.secret, last4, fingerprint, key.source, key.server))
        row = (alias, last4, key.source, stated)
        if record is None or row != (record.alias, record.last4, record.source, record.stated):
            rows.append((fingerprint, *row, now))
    if rows:
        present = {row[1]: row[0] for row in rows}
        with database.writing():
            for record in remembered.values():
                if record.alias in present and present[record.alias] != record.fingerprint:
                    database.execute("UPDATE key SET alias = '' WHERE fingerprint = ?", (record.fingerprint,))
            database.execute_many(
                "INSERT INTO key (fingerprint, alias, last4, source, stated, first_seen_at) VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT DO UPDATE SET alias = excluded.alias, last4 = excluded.last4, source = excluded.source, "
                "stated = excluded.stated",
                rows,
            )
    return tuple(secrets)


def by_fingerprint(found: Iterable[FoundKey], fingerprint: Callable[[str], str]) -> dict[str, FoundKey]:
    """Return the keys that were found, each once: what one place leaves unsaid of a key is taken from the next.

    Raises:
        KeysError: two different keys have one alias.
    """
    merged: dict[str, FoundKey] = {}
    for key in found:
        known = merged.get(name := fingerprint(key.secret))
        merged[name] = (
            key
            if known is None
            else replace(known, alias=known.alias or key.alias, organization=known.organization or key.organization)
        )
    _refuse_shared_aliases(merged)
    return merged


def _refuse_shared_aliases(found: Mapping[str, FoundKey]) -> None:
    seen: dict[str, FoundKey] = {}
    for key in found.values():
        if key.alias is None:
            continue
        if key.alias in seen:
            raise KeysError(
                f"Two different keys are called {key.alias}: one in {seen[key.alias].source}, one in {key.source}; "
                "rename one of them"
            )
        seen[key.alias] = key


def chosen_alias(fingerprint: str, records: Mapping[str, KeyRecord], taken: set[str]) -> str:
    """Return the alias of a key that nobody named: the one it had before, or a free one."""
    record = records.get(fingerprint)
    if record is not None and record.alias and record.alias not in taken:
        return record.alias
    return free_alias({each.alias for each in records.values()} | taken)


def free_alias(taken: set[str]) -> str:
    number = 1
    while f"key-{number}" in taken:
        number += 1
    return f"key-{number}"
