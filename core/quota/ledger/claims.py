"""What is asked of an account, and what it answers: room for a call, when there is some, and how long there is none."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bench:
    """Nobody of an organization asks before ``until_at``; ``limit`` names the dimension, if it is known."""

    until_at: float
    limit: str
    reason: str
    since_at: float


@dataclass(frozen=True, slots=True)
class Opening:
    """When a call fits: ``at`` (``inf`` for never) and the dimension it waits for, empty where it fits now."""

    at: float
    limit: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Reservation:
    """Room taken for one call, with the account's counters at that time."""

    organization: str
    model: str
    tokens: float
    at: float
    serial: int
    tokens_mark: float
    returned_mark: float
    calls_mark: int


@dataclass(frozen=True, slots=True)
class Promise:
    """After ``at`` a call of ``told`` tokens fits, the server says.

    ``reserved`` is what was reckoned for it here, where that call itself may go out; None where it may not.
    """

    at: float
    reserved: float | None
    told: float

    def holds_for(self, tokens: float, margin: float) -> bool:
        """Whether that is the call that was refused, or one that is surely no larger."""
        return tokens == self.reserved or tokens + margin <= self.told
