"""Define keys and quotas: their state now, and their history."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class KeyState(StrEnum):
    """Name what a key may do now. ``COOLING`` ends within minutes, ``BENCHED`` lasts longer or waits for a probe."""

    READY = "ready"
    IN_USE = "in_use"
    COOLING = "cooling"
    BENCHED = "benched"
    DISABLED = "disabled"
    INVALID = "invalid"

    @property
    def out(self) -> bool:
        """Return whether no wait makes the key usable: a person has to act."""
        return self in (KeyState.DISABLED, KeyState.INVALID)


class Dimension(StrEnum):
    """Name a quota's dimension: requests or tokens, for each minute or day."""

    RPM = "RPM"
    RPD = "RPD"
    TPM = "TPM"
    TPD = "TPD"

    def __init__(self, value: str) -> None:
        self.period_s = 60.0 if value.endswith("M") else 86_400.0
        """Seconds in which a spent bucket refills whole."""
        self.counts_tokens = value.startswith("T")
        """Whether the bucket holds tokens; otherwise it holds requests."""

    @property
    def words(self) -> str:
        """Return the dimension in words, such as ``tokens per day``."""
        unit = "tokens" if self.counts_tokens else "requests"
        return f"{unit} per {'minute' if self.period_s < 3600 else 'day'}"


PROBED = "tried again after errors"
"""How the reason of a key begins whose organization is in an outage: one call at a time goes out."""


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """Hold a key as people may see it: never the secret. ``cooldown_s`` is 0 unless it cools or is benched.

    ``limit`` names what it waits for (``TPM``), ``requests``, ``errors_429`` and ``tokens`` count since it was added
    on this machine. A ``pinned`` key is used first; the others take the rest.
    """

    alias: str
    last4: str
    organization: str
    state: KeyState
    reason: str = ""
    cooldown_s: float = 0.0
    limit: str = ""
    requests: int = 0
    errors_429: int = 0
    tokens: int = 0
    since_at: float | None = None
    organization_known: bool = False
    pinned: bool = False
    server: str = ""

    @property
    def probed(self) -> bool:
        """Return whether its organization is in an outage."""
        return self.reason.startswith(PROBED)


@dataclass(frozen=True, slots=True)
class KeyTrouble:
    """Hold a call of a key that failed for what the key, its quota or the server is; ``text`` is the server's, inert.

    ``outcome`` is an :class:`Outcome`'s value, ``limit`` the window that was spent (``TPM``), ``wait_s`` the seconds
    that its organization was made to wait, or None where nothing waits.
    """

    at: float
    organization: str
    model: str
    outcome: str
    status: int | None
    limit: str
    wait_s: float | None
    text: str


@dataclass(frozen=True, slots=True)
class KeySpend:
    """Hold what a key spent on one day (UTC, ``2026-11-25``) with one model."""

    day: str
    model: str
    requests: int
    errors_429: int
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class KeyHistory:
    """Hold a key's record: its refusals and errors, newest first, and its spending by day and model, newest first."""

    troubles: tuple[KeyTrouble, ...]
    spent: tuple[KeySpend, ...]


@dataclass(frozen=True, slots=True)
class WindowStatus:
    """Hold one quota window of an (organization, model): ``available`` of ``limit`` units, full in ``full_in_s``.

    ``speed`` is how many times faster it refills than its name says: 1 but for servers in fast motion.
    """

    organization: str
    model: str
    dimension: Dimension
    limit: float
    available: float
    full_in_s: float
    source: str = ""
    speed: float = 1.0
