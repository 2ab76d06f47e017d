"""Keep secrets in the system's keyring: the only module that imports the package ``keyring``, which is an extra.

``keys.toml`` then holds ``keyring = "<user name>"`` in place of the secret. What was read is kept until the process
ends, as a keyring may be slow or ask its owner each time. One that is locked, missing or silent makes its keys
unusable with a reason, and nothing else.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.errors import KeysError
from core.model import KeyState, KeyStatus
from core.quota.db.rows import KeyRecord
from core.quota.keys.identity import assumed_organization
from core.quota.keys.keyfile import FoundKey, checked_alias, checked_secret, keyring_entries

SERVICE = "labeltui"
SOURCE = "keyring"
PATIENCE_S = 10.0
"""How long a keyring may take to answer; one that waits for its password can take for ever."""

_RETRY_S = 60.0


class KeyringStore:
    """Read keys of one ``keys.toml`` from the keyring. ``unreadable`` says of some why they cannot be read."""

    def __init__(self, keys_path: Path, clock: Callable[[], float], *, patience_s: float = PATIENCE_S) -> None:
        self.unreadable: dict[str, str] = {}
        self._keys_path = keys_path
        self._clock = clock
        self._patience_s = patience_s
        self._read: dict[str, str] = {}
        self._before: dict[str, str] = {}
        self._tried: dict[str, tuple[float, str]] = {}

    def find(self, tables: Mapping[str, Mapping[str, object]], home: str) -> list[FoundKey]:
        """Return the keys of these tables that could be read; the others are in ``unreadable`` afterwards."""
        found, self.unreadable = [], {}
        for entry in keyring_entries(tables, self._keys_path, home):
            try:
                found.append(FoundKey(self._secret(entry.user), SOURCE, entry.server, entry.alias, entry.organization))
            except KeysError as error:
                self.unreadable[entry.alias] = str(error)
        return found

    @property
    def due(self) -> bool:
        """Return whether it is time to try again what could not be read."""
        return any(not 0 <= self._clock() - tried_at < _RETRY_S for tried_at, _ in self._tried.values())

    def look_again(self) -> None:
        """Ask the keyring anew for every key, as ``keys.toml`` has changed."""
        self._before, self._read, self._tried = {**self._before, **self._read}, {}, {}

    def put(self, alias: str, secret: str) -> str:
        """Put a secret into the keyring and make sure that it is there; returns the user name it has.

        Raises:
            KeysError: the keyring would not, with what to do.
        """
        user = f"{checked_alias(alias, 'given')}@{self._here()}"
        self._ask("keep", lambda ring: ring.set_password(SERVICE, user, secret))
        if self._ask("give back", lambda ring: ring.get_password(SERVICE, user)) != secret:
            raise KeysError(
                f"The system's keyring did not keep the key {alias}: add it without --keyring, to keys.toml"
            )
        self._read[user] = secret
        self._tried.pop(user, None)
        return user

    def delete(self, user: str) -> None:
        """Take a secret out of the keyring. Raises KeysError where it stays there."""

        def forget(ring: Any) -> None:
            if ring.get_password(SERVICE, user) is not None:
                ring.delete_password(SERVICE, user)

        self._ask("forget", forget)
        for known in (self._read, self._before):
            known.pop(user, None)

    def shown(self, statuses: tuple[KeyStatus, ...], records: Mapping[str, KeyRecord]) -> tuple[KeyStatus, ...]:
        """Return the keys for people: unreadable ones are unusable, unless a worker that has them uses them."""
        there = {status.alias for status in statuses}
        known = {record.alias: record for record in records.values()}
        missing = (each for each in self.unreadable.items() if each[0] not in there)
        return (*statuses, *(_unusable(alias, reason, known.get(alias)) for alias, reason in missing))

    def _secret(self, user: str) -> str:
        if user in self._read:
            return self._read[user]
        tried_at, problem = self._tried.get(user, (float("-inf"), ""))
        if problem and 0 <= self._clock() - tried_at < _RETRY_S:
            raise KeysError(problem)
        try:
            secret = self._ask("give", lambda ring: ring.get_password(SERVICE, user))
            if secret is None:
                raise KeysError(  # noqa: TRY301 - it is kept like any other
                    f"The system's keyring has no entry {user} of {SERVICE}: remove the key and add it again"
                )
            self._read[user] = checked_secret(secret, f"{user} in the keyring")
            self._tried.pop(user, None)
        except KeysError as error:
            if user not in self._before:
                self._tried[user] = (self._clock(), str(error))
                raise
            self._read[user] = self._before[user]  # it was good until now, and a run may be working with it
        return self._read[user]

    def _here(self) -> str:
        """Return the name under which the keys of this home stand in the keyring, apart from those of other homes."""
        return hashlib.sha256(str(self._keys_path.resolve()).encode()).hexdigest()[:8]

    def _ask(self, verb: str, act: Callable[[Any], Any]) -> Any:
        """Ask the keyring in a thread of its own, and not for ever."""
        answer = _Answer()

        def run() -> None:
            try:
                import keyring  # noqa: PLC0415 - an extra, and slow to find its way on some systems

                answer.value = act(keyring)
            except ImportError:
                answer.problem = "the package keyring is not installed: pip install 'labeltui[keyring]'"
            except Exception as error:  # noqa: BLE001 - backends raise what they like, and may quote what they were given
                answer.problem = _remedy(type(error).__name__)
            answer.done = True

        thread = threading.Thread(target=run, name="labeltui-keyring", daemon=True)
        thread.start()
        thread.join(self._patience_s)
        if not answer.done:
            answer.problem = (
                f"it did not answer within {self._patience_s:.0f} s: unlock it (it may wait for its password)"
            )
        if answer.problem:
            raise KeysError(f"The system's keyring would not {verb} a key: {answer.problem}")
        return answer.value


@dataclass(slots=True)
class _Answer:
    value: Any = None
    problem: str = ""
    done: bool = False


def _remedy(kind: str) -> str:
    """Return what to do about an error of the package, by the name of its class."""
    if kind == "NoKeyringError":
        return "there is none on this machine; keep the key in keys.toml (without --keyring) or in GROQ_API_KEYS"
    if kind in ("KeyringLocked", "InitError", "PasswordSetError"):
        return f"it is locked or was refused ({kind}): unlock it, then try again"
    return f"{kind}. Look whether `python -m keyring diagnose` works here"


def _unusable(alias: str, reason: str, record: KeyRecord | None) -> KeyStatus:
    status = KeyStatus(
        alias=alias,
        last4=record.last4 if record else "…",
        organization=record.label if record else assumed_organization(alias),
        state=KeyState.INVALID,
        reason=reason,
    )
    if record is None:
        return status
    counted = replace(status, requests=record.requests, errors_429=record.errors_429, tokens=record.tokens)
    return counted if record.enabled else replace(counted, state=KeyState.DISABLED, reason="disabled by the operator")
