"""Define the protocol that decides who may ask now, and its implementation without a quota.

The implementation with quotas is :class:`core.quota.pacing.broker.Broker`. A lane gives back the permit that it got and
looks at nothing else in it than what :class:`Permit` names.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from core.errors import CallError, KeysError, Remedy
from core.model import KeyState, KeyStatus, Usage, Wait
from core.quota.ledger.replies import told_wait_s
from core.quota.pacing.grants import Candidate, Consequence, Never, NoKeys

FIRST_REST_S = 1.0
LONGEST_REST_S = 60.0
"""After an error of the server nothing is asked for 1, 2, 4 … 60 s, as the broker probes an outage."""


class Permit(Protocol):
    """Leave to make one call now."""

    @property
    def email_id(self) -> int:
        """Return the email to ask about."""

    @property
    def alias(self) -> str:
        """Return the key to ask with."""

    @property
    def organization(self) -> str:
        """Return the organization whose quota it takes."""

    @property
    def tokens(self) -> tuple[float, float]:
        """Return tokens that the call may take, and those of the answer among them."""

    @property
    def lane(self) -> str:
        """Return the lane that the call is recorded under."""

    @property
    def in_flight(self) -> int | None:
        """Return how many calls were out when it was given, with its own; None where quotas bound them."""


P = TypeVar("P", bound=Permit)


class Pacer(Protocol[P]):
    """Grant calls, and learn from their results. It never waits itself.

    For each permit exactly one of ``answered``, ``failed`` and ``cancelled`` must follow.
    """

    def next(self, candidates: Sequence[Candidate]) -> P | Wait | Never | NoKeys:
        """Return which of the candidates, in their order of right, to ask about now, or why none."""

    def answered(self, grant: P, usage: Usage, headers: Mapping[str, str], latency_s: float) -> None:
        """Note that the call came back with status 200; ``headers`` have names in lower case."""

    def failed(self, grant: P, error: CallError, latency_s: float, *, spare_key: bool = False) -> Consequence:
        """Return what a failed call means. With ``spare_key`` a refused key stays in use: the call may be at fault."""

    def cancelled(self, grant: P, *, sent: bool = True) -> None:
        """Note that the worker gave the call up."""

    def tick(self) -> list[str]:
        """Take in what others changed; return what happened since the last tick, as sentences."""

    def statuses(self) -> tuple[KeyStatus, ...]:
        """Return the keys, for people."""

    @property
    def at_once(self) -> int | None:
        """Return how many calls may be in flight where the server's speed or a person decides, else None."""

    def choose_concurrency(self, most: int | None) -> None:
        """Have at most so many calls in flight from now on; None leaves the number to the pacer."""

    def requeued(self) -> None:
        """Note that a person requeued emails: what was ruled out as too large is asked about again."""

    def swap(self) -> str:
        """Disable the key in use, switch to the next, and say so; raises KeysError where there is no other."""

    def close(self) -> None:
        """Leave."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Hold a permit of a :class:`ConcurrencyLimit`."""

    email_id: int
    alias: str
    organization: str
    tokens: tuple[float, float] = field(default=(0.0, 0.0), compare=False)
    lane: str = field(default="live", compare=False)
    in_flight: int | None = field(default=None, compare=False)


class ConcurrencyLimit:
    """Let at most ``limit`` calls be out at once, for a server of one's own that has no quotas.

    A refusal for want of room is waited out as long as it says; after errors of the server one call at a time goes out.
    """

    def __init__(
        self,
        limit: int,
        *,
        clock: Callable[[], float],
        rng: random.Random,
        alias: str = "local",
        organization: str = "local",
    ) -> None:
        self._limit = self._own_limit = limit
        self._clock = clock
        self._rng = rng
        self._alias = alias
        self._organization = organization
        self._out = 0
        self._rest_s = 0.0
        self._rests_until_at = 0.0
        self._requests = 0
        self._tokens = 0
        self._refused = ""
        self._reason = ""

    def next(self, candidates: Sequence[Candidate]) -> Slot | Wait | Never | NoKeys:
        """Grant the first candidate a call, or say what it waits for."""
        now = self._clock()
        if self._refused:
            return NoKeys(self._refused)
        if not candidates:
            return Wait(None, "", "", "nothing is pending")
        if now < self._rests_until_at:
            return Wait(self._rests_until_at, "", self._organization, self._reason)
        if self._out >= (1 if self._rest_s else self._limit):
            return Wait(None, "", self._organization, f"{self._out} calls are out")
        self._out += 1
        return Slot(candidates[0].email_id, self._alias, self._organization, in_flight=self._out)

    def answered(self, grant: Slot, usage: Usage, headers: Mapping[str, str], latency_s: float) -> None:  # noqa: ARG002
        """Note an answer: nothing rests any more."""
        self._end()
        self._requests += 1
        self._tokens += usage.prompt_tokens + usage.completion_tokens
        self._rest_s = 0.0

    def failed(self, grant: Slot, error: CallError, latency_s: float, *, spare_key: bool = False) -> Consequence:  # noqa: ARG002
        """Return what a failed call means; errors of the server count against no email while nothing is answered."""
        self._end()
        self._requests += 1
        now, self._reason = self._clock(), str(error)
        if error.remedy is Remedy.CHANGE_KEY and not spare_key:
            self._refused = f"no key can be used ({self._alias}: {error})"
            return Consequence(self._refused, key_out=True)
        if error.remedy not in (Remedy.WAIT, Remedy.BACK_OFF):
            return Consequence(str(error), counts_against_email=True)
        again = self._rest_s > 0
        self._rest_s = min(2.0 * self._rest_s or FIRST_REST_S, LONGEST_REST_S)
        told_s = told_wait_s(error.headers, now)
        wait_s = told_s or self._rest_s * self._rng.uniform(1.0, 1.2)
        self._rests_until_at = max(self._rests_until_at, now + wait_s)
        return Consequence(str(error), counts_against_email=not again, retry_elsewhere=True, wait_s=wait_s)

    def cancelled(self, grant: Slot, *, sent: bool = True) -> None:  # noqa: ARG002
        """Note that the call was given up."""
        self._end()

    def tick(self) -> list[str]:
        """Return nothing: nobody else changes this limit."""
        return []

    def statuses(self) -> tuple[KeyStatus, ...]:
        """Return the one key that it stands for."""
        state = KeyState.INVALID if self._refused else KeyState.IN_USE if self._out else KeyState.READY
        return (
            KeyStatus(
                self._alias, "", self._organization, state, self._refused, requests=self._requests, tokens=self._tokens
            ),
        )

    @property
    def at_once(self) -> int | None:
        """Return the limit."""
        return self._limit

    def choose_concurrency(self, most: int | None) -> None:
        """Let another number of calls be out; None goes back to the limit that it was made with."""
        self._limit = self._own_limit if most is None else max(1, most)

    def requeued(self) -> None:
        """Do nothing: nothing is ruled out."""

    def swap(self) -> str:
        """Refuse: there is one key."""
        raise KeysError("There is no other key to switch to.")

    def close(self) -> None:
        """Do nothing: nothing was opened."""

    def _end(self) -> None:
        self._out = max(0, self._out - 1)


AnyPacer = Pacer[Any]
"""A pacer whose permits are its own business."""
