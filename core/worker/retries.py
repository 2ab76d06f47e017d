"""How many errors an email may meet before it fails. Pure: moments go in, a decision comes out.

An error of server or line says something about an email only while others get through: a server that is down for an
hour must fail nobody, also where a single email is left to ask about. So an error counts if another email was answered
since this one's last error. An email that meets errors while nobody is answered is *stuck*: before it is asked about
again, another goes first, if need be one that was answered before (see ``Asker.probe``). Where there is none either, it
waits for hours; then it fails too, so that no email is asked about for ever.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

ERRORS_MOST = 5
"""Errors of server or line that one email may meet, while others get through, before it fails."""

ALONE_MOST_S = 7_200.0
"""Seconds in which an email may meet nothing but errors while nobody gets through, and no outage was declared."""

REFUSALS_MOST = 2
"""Times that a server may refuse an email's request as it is, with different keys where there are several."""

_STUCK_AFTER = 2


@dataclass(slots=True)
class _Trouble:
    since_at: float
    counted: int = 0
    tries: int = 0
    answered_before: int = -1
    in_outage: bool = False


class RetryPolicy:
    """The errors that each email in line has met."""

    def __init__(self) -> None:
        self._answered = 0
        self._troubles: dict[int, _Trouble] = {}
        self._refusals: Counter[int] = Counter()
        self._keys: dict[int, set[str]] = {}

    def answered(self, email_id: int) -> None:
        """The server answered about an email, whatever it said."""
        self._answered += 1
        self._troubles.pop(email_id, None)

    def worn_out(self, email_id: int, now: float, *, counts: bool) -> int:
        """One more error for this email. The number of tries where that was one too many, else 0.

        ``counts`` is False while the server as a whole is taken to be down.
        """
        trouble = self._troubles.setdefault(email_id, _Trouble(now))
        trouble.tries += 1
        trouble.counted += counts and trouble.answered_before != self._answered
        trouble.answered_before, trouble.in_outage = self._answered, not counts
        too_many = counts and (trouble.counted >= ERRORS_MOST or now - trouble.since_at >= ALONE_MOST_S)
        return trouble.tries if too_many else 0

    def in_vain(self, email_id: int, alias: str) -> None:
        """A call with this key left the email in line."""
        self._keys.setdefault(email_id, set()).add(alias)

    def was_in_vain(self, email_id: int, alias: str) -> bool:
        """Whether one did: another key should be tried, where there is one."""
        return alias in self._keys.get(email_id, ())

    def stuck(self, email_id: int) -> bool:
        """Whether it met errors, and nobody was answered since: another try would say nothing about it."""
        trouble = self._troubles.get(email_id)
        if trouble is None or trouble.answered_before != self._answered:
            return False
        return trouble.tries >= _STUCK_AFTER or trouble.in_outage

    def refused(self, email_id: int, *, another_key: bool) -> bool:
        """The server refused the request as it is. Whether that settles it; a first refusal may be the key's."""
        self._refusals[email_id] += 1
        return not another_key or self._refusals[email_id] >= REFUSALS_MOST

    def settled(self, email_id: int) -> None:
        """Nothing of this email needs to be remembered."""
        self._troubles.pop(email_id, None)
        self._keys.pop(email_id, None)
        self._refusals.pop(email_id, None)
