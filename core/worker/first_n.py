"""Trying a run on some emails before it is let loose on all: which may be asked about, and when enough were. Pure."""

from __future__ import annotations

from core.model import PendingEmail


class Trial:
    """Lets ``wanted`` different texts be asked about, each for as long as it takes, and then no other.

    Without de-duplication each email counts, also where texts are the same.
    """

    def __init__(self, wanted: int, *, dedupe: bool) -> None:
        self.wanted = wanted
        self._dedupe = dedupe
        self._begun: set[str | int] = set()

    def allows(self, email: PendingEmail) -> bool:
        """Whether a call about this email is within what was asked for."""
        return not self.full or self._what(email) in self._begun

    def began(self, email: PendingEmail) -> None:
        """A call about this email goes out."""
        self._begun.add(self._what(email))

    @property
    def full(self) -> bool:
        """Whether no other text may be asked about."""
        return len(self._begun) >= self.wanted

    @property
    def going_on(self) -> str:
        """What to say while it goes on."""
        return f"trying {_emails(self.wanted)}, then pausing"

    @property
    def over(self) -> str:
        """Why the run pauses when it is through."""
        return f"tried {_emails(self.wanted)}, as asked"

    def _what(self, email: PendingEmail) -> str | int:
        return email.content_hash if self._dedupe else email.id


def _emails(count: int) -> str:
    return f"{count:,} email{'' if count == 1 else 's'}"
