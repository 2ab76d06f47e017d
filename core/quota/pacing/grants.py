"""Define what passes between worker and broker: candidates, grants, and the consequences of a failure."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.model.value import value
from core.quota.keys.store import Secret
from core.quota.ledger.account import Reservation
from core.quota.pacing.estimates import Estimate
from core.quota.pacing.scheduler import KeySlot, Organization


@value(frozen=True, slots=True)
class Candidate:
    """Hold an email in the queue. ``prompt_chars`` is the length of what differs between its calls.

    What every call has in common (the rubric) may be left out: it is learned as a constant. A pack of ``texts`` emails
    has a negative number, and ``completion`` is its ``max_completion_tokens``, None for the usual one.
    """

    email_id: int
    prompt_chars: int
    texts: int = 1
    completion: int | None = None


@value(frozen=True, slots=True)
class Grant:
    """Leave to make one call now. Exactly one of ``answered``, ``failed`` and ``cancelled`` must follow."""

    email_id: int
    alias: str
    organization: str
    secret: Secret
    reservation: Reservation
    prompt_chars: int
    asked_at: float
    estimate: Estimate = field(repr=False)
    slot: KeySlot = field(repr=False, compare=False)
    org: Organization = field(repr=False, compare=False)
    in_demand: bool = field(default=False, repr=False)
    lap: int = field(default=0, repr=False)
    in_flight: int | None = field(default=None, repr=False)
    probes_org: bool = field(default=False, repr=False)
    probes_slot: bool = field(default=False, repr=False)
    lane: str = "live"
    texts: int = 1

    @property
    def tokens(self) -> tuple[float, float]:
        """Return tokens that the call may take, and those of the answer among them."""
        return self.estimate.prompt + self.estimate.completion, self.estimate.completion


@dataclass(frozen=True, slots=True)
class Never:
    """Report that this email can never be asked about: every organization's quota is known to be too small for it."""

    email_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class NoKeys:
    """Report that no key can be used, now or after any wait; ``reason`` says what is wrong with each."""

    reason: str


@dataclass(frozen=True, slots=True)
class Consequence:
    """Hold what a failed call means.

    ``counts_against_email``: it is one of the email's limited attempts. ``retry_elsewhere``: the same call may succeed
    with another key or later. ``key_out``: that key is out until a person acts. ``message`` is a sentence for people.
    ``limit`` is the window that was spent and ``wait_s`` how long its organization waits for it, where it does.
    ``full``: the tier was full or is not offered, which is no try of the email.
    """

    message: str
    counts_against_email: bool = False
    retry_elsewhere: bool = False
    key_out: bool = False
    limit: str = ""
    wait_s: float | None = None
    full: bool = False
