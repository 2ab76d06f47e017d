"""Decide how many errors an email may meet, and whose fault a refusal is. Pure: moments go in, decisions come out.

An error of server or network says something about an email only while others get through: a server that is down for an
hour must fail nobody, also where a single email is left to ask about. So such an error counts if another email was
answered since this one's last error. An email that meets errors while nobody is answered is *stuck*: before it is asked
about again, another goes first, if need be one that was answered before (a probe). Where there is none either, it
waits for hours; then it fails too, so that no email is asked about for ever.

A refusal (400, 401, 403, 404 …) may be the fault of the email, of the key or of the run. Its status does not show
which: moderation, firewalls and gateways answer 403 for one email. :class:`Refusals` decides by what else was answered.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, auto

ERRORS_MOST = 5
"""Errors of server or network that one email may meet, while others get through, before it fails."""

ALONE_MOST_S = 7_200.0
"""Seconds in which an email may meet nothing but errors while nobody gets through, and no outage was declared."""

REFUSALS_MOST = 2
"""Refusals of one email, with another email answered in between, that settle that the email is at fault."""

KEY_REFUSALS_MOST = 3
"""The same for a 401, which servers give for an email hardly ever, and by mistake now and then."""

REFUSED_IN_A_ROW = 3
"""Calls refused in a row, of different emails where there are several, that settle that key or run is at fault."""

_STUCK_AFTER = 2


class Fault(Enum):
    """Name whose fault a refused call is taken to be; ``OPEN`` until more was asked."""

    OPEN = auto()
    EMAIL = auto()
    KEY = auto()
    RUN = auto()


@dataclass(slots=True)
class _Streak:
    """Hold refused calls of a key, or of the run, without an answer in between. ``since_at``: the first one's end."""

    since_at: float = math.inf
    calls: int = 0


@dataclass(slots=True)
class _Record:
    """Hold an email's refusals: how many, and by which key the last one came when."""

    count: int = 0
    ended_at: dict[str, float] = field(default_factory=dict)


class Refusals:
    """Decide by evidence whose fault refused calls are.

    An email is at fault if it is refused again after a call that began after its first refusal was answered. A key or
    the run is at fault after three refused calls in a row, once every call that was out when they began has ended
    unanswered; an email that was answered before and is refused now counts for two of them.
    """

    def __init__(self) -> None:
        self._out: dict[int, tuple[str, float]] = {}
        self._answered_at: dict[str, float] = {}
        self._streaks: dict[str, _Streak] = {}
        self._records: dict[int, _Record] = {}

    def asked(self, email_id: int, alias: str, at: float) -> None:
        """Note that a call about an email went out."""
        self._out[email_id] = (alias, at)

    def ended(self, email_id: int) -> None:
        """Note that the call about an email is over, whatever became of it."""
        self._out.pop(email_id, None)

    def answered(self, email_id: int, alias: str, asked_at: float) -> None:
        """Note that the server answered a call; ``asked_at`` is when that call went out."""
        self.ended(email_id)
        self._records.pop(email_id, None)
        for scope in (alias, ""):
            self._answered_at[scope] = max(self._answered_at.get(scope, -math.inf), asked_at)
            self._streaks.pop(scope, None)

    def refused(self, email_id: int, alias: str, now: float, *, by_key: bool, status: int | None, probe: bool) -> Fault:
        """Decide whose fault one more refused call is.

        ``by_key``: the refusal speaks of the key (401, 403), so that the key may be at fault; otherwise the run may.
        ``probe``: the email was answered before.
        """
        self.ended(email_id)
        scope = alias if by_key else ""
        streak = self._streaks.setdefault(scope, _Streak(now))
        streak.calls += REFUSED_IN_A_ROW - 1 if probe else 1
        if not probe and self._email_at_fault(email_id, status):
            self._streaks.pop(scope, None)  # the key answers others
            return Fault.EMAIL
        if not probe:
            record = self._records.setdefault(email_id, _Record())
            record.count += 1
            record.ended_at[scope] = now
        if streak.calls < REFUSED_IN_A_ROW or self._earlier(scope, streak):
            return Fault.OPEN
        if not by_key:
            return Fault.RUN
        for other in self._records.values():  # what this key refused says nothing about an email
            other.ended_at.pop(scope, None)
        return Fault.KEY

    @property
    def holds(self) -> bool:
        """Return whether the next call should wait for those that were out when refusals in a row began."""
        return any(
            streak.calls >= REFUSED_IN_A_ROW and self._earlier(scope, streak) for scope, streak in self._streaks.items()
        )

    @property
    def clean(self) -> bool:
        """Return whether no email was refused."""
        return not self._records

    def undecided(self, email_id: int) -> bool:
        """Return whether an email was refused, and nothing that was asked later has been answered."""
        record = self._records.get(email_id)
        if record is None or not record.ended_at:
            return False
        return self._answered_at.get("", -math.inf) <= max(record.ended_at.values())

    def was_refused(self, email_id: int) -> bool:
        """Return whether an email was refused and is not answered yet."""
        return email_id in self._records

    def settled(self, email_id: int) -> None:
        """Forget an email."""
        self._records.pop(email_id, None)

    def _email_at_fault(self, email_id: int, status: int | None) -> bool:
        record = self._records.get(email_id)
        if record is None or not self._answered_since(record):
            return False
        return record.count + 1 >= (KEY_REFUSALS_MOST if status == 401 else REFUSALS_MOST)

    def _earlier(self, scope: str, streak: _Streak) -> bool:
        return any(at <= streak.since_at and scope in ("", alias) for alias, at in self._out.values())

    def _answered_since(self, record: _Record) -> bool:
        return any(self._answered_at.get(scope, -math.inf) > at for scope, at in record.ended_at.items())


@dataclass(slots=True)
class _Trouble:
    since_at: float
    counted: int = 0
    tries: int = 0
    answered_before: int = -1
    in_outage: bool = False


class RetryPolicy:
    """Keep the errors that each email in the queue has met. With ``tries_most`` so many errors fail it in any case."""

    def __init__(self, *, tries_most: int | None = None) -> None:
        self.refusals = Refusals()
        self._tries_most = tries_most
        self._answered = 0
        self._troubles: dict[int, _Trouble] = {}
        self._keys: dict[int, set[str]] = {}

    def answered(self, email_id: int, alias: str, asked_at: float, packed: Iterable[int] = ()) -> None:
        """Note that the server answered about an email, or about a pack of others, whatever it said."""
        self._answered += 1
        for each in (email_id, *packed):
            self._troubles.pop(each, None)
        self.refusals.answered(email_id, alias, asked_at)

    def worn_out(self, email_id: int, now: float, *, counts: bool) -> int:
        """Count one more error of this email; return the number of tries where that was one too many, else 0.

        ``counts`` is False while the server as a whole is taken to be down.
        """
        trouble = self._troubles.setdefault(email_id, _Trouble(now))
        trouble.tries += 1
        trouble.counted += counts and trouble.answered_before != self._answered
        trouble.answered_before, trouble.in_outage = self._answered, not counts
        too_many = counts and (trouble.counted >= ERRORS_MOST or now - trouble.since_at >= ALONE_MOST_S)
        too_many = too_many or (self._tries_most is not None and trouble.tries >= self._tries_most)
        return trouble.tries if too_many else 0

    def in_vain(self, email_id: int, alias: str) -> None:
        """Note that a call with this key left the email in the queue."""
        self._keys.setdefault(email_id, set()).add(alias)

    def was_in_vain(self, email_id: int, alias: str) -> bool:
        """Return whether one did: another key should be tried, where there is one."""
        return alias in self._keys.get(email_id, ())

    @property
    def clean(self) -> bool:
        """Return whether no email is known to have met an error: then none is stuck."""
        return not self._troubles and self.refusals.clean

    def troubled(self, email_id: int) -> bool:
        """Return whether it met several errors or a refusal, so that no other email should share a question with it."""
        trouble = self._troubles.get(email_id)
        return self.refusals.was_refused(email_id) or (trouble is not None and trouble.tries >= _STUCK_AFTER)

    def stuck(self, email_id: int) -> bool:
        """Return whether it met errors and nobody was answered since: another try would say nothing about it."""
        if self.refusals.undecided(email_id):
            return True
        trouble = self._troubles.get(email_id)
        if trouble is None or trouble.answered_before != self._answered:
            return False
        return trouble.tries >= _STUCK_AFTER or trouble.in_outage

    def settled(self, email_id: int) -> None:
        """Forget an email."""
        self._troubles.pop(email_id, None)
        self._keys.pop(email_id, None)
        self.refusals.settled(email_id)
