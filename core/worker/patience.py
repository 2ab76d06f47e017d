"""How many errors an email may meet before it fails. Pure: moments go in, a decision comes out.

An error of server or line says something about an email only while others get through: a server that is down for an
hour must fail nobody, also where a single email is left to ask about. So an error counts if another email was answered
since this one's last error. Where nobody is, the email waits, for as long as an hour's outage and a half; then it fails
too, so that no email is asked about for ever.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

ERRORS_MOST = 5
"""Errors of server or line that one email may meet, while others get through, before it fails."""

ALONE_MOST_S = 5_400.0
"""Seconds in which an email may meet nothing but errors while nobody gets through, and no outage was declared."""

REFUSALS_MOST = 2
"""Times that a server may refuse an email's request as it is, with different keys where there are several."""


@dataclass(slots=True)
class _Trouble:
    since_at: float
    counted: int = 0
    tries: int = 0
    answered_before: int = -1


class Patience:
    """The errors that each email in line has met."""

    def __init__(self) -> None:
        self._answered = 0
        self._troubles: dict[int, _Trouble] = {}
        self._refusals: Counter[int] = Counter()

    def answered(self, email_id: int) -> None:
        """The server answered about an email, whatever it said."""
        self._answered += 1
        self._troubles.pop(email_id, None)

    def worn_out(self, email_id: int, now: float) -> int:
        """One more error for this email. The number of tries where that was one too many, else 0."""
        trouble = self._troubles.setdefault(email_id, _Trouble(now))
        trouble.tries += 1
        trouble.counted += trouble.answered_before != self._answered
        trouble.answered_before = self._answered
        too_many = trouble.counted >= ERRORS_MOST or now - trouble.since_at >= ALONE_MOST_S
        return trouble.tries if too_many else 0

    def refused(self, email_id: int, *, another_key: bool) -> bool:
        """The server refused the request as it is. Whether that settles it; a first refusal may be the key's."""
        self._refusals[email_id] += 1
        return not another_key or self._refusals[email_id] >= REFUSALS_MOST

    def settled(self, email_id: int) -> None:
        """Nothing of this email needs to be remembered."""
        self._troubles.pop(email_id, None)
        self._refusals.pop(email_id, None)
