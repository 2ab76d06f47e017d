"""The line of emails to ask about: a window on what the run file says is pending.

Nothing is ever popped for good. The window is derived from the run file and can be thrown away at any moment; what is
in flight is remembered here only so that it is not asked twice at once. With de-duplication, one email of each text
goes out and its twins stay behind until it is settled, which settles them too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from core.model import PendingEmail
from core.worker.first_n import Trial

Fetch = Callable[[int, int], list[PendingEmail]]
"""Emails in line behind a position: ``fetch(after, limit)``."""


class Line:
    """A bounded window on the pending emails. ``window`` is how many are held, ``dedupe`` asks once for each text."""

    def __init__(self, fetch: Fetch, *, dedupe: bool, window: int = 256) -> None:
        self._fetch = fetch
        self._dedupe = dedupe
        self._window = window
        self._waiting: dict[int, PendingEmail] = {}
        self._returned: dict[int, PendingEmail] = {}
        self._in_flight: dict[int, PendingEmail] = {}
        self._busy_texts: dict[str, int] = {}
        self._after = -1
        self._exhausted = False
        self.trial: Trial | None = None

    @property
    def in_flight(self) -> int:
        """Emails that a call is out for."""
        return len(self._in_flight)

    @property
    def exhausted(self) -> bool:
        """Whether nothing more waits: all that is left is in flight, or settled."""
        return self._exhausted and not self._waiting and not self._returned

    def front(self, count: int, *, last: Callable[[int], bool] = lambda _: False) -> list[PendingEmail]:
        """Up to ``count`` emails that may be asked about now, the longest in line first; re-asks before new ones.

        Those whose number ``last`` picks come behind all the others that are held here. A ``trial`` lets only
        some be offered.
        """
        self._refill()
        first: list[PendingEmail] = []
        behind: list[PendingEmail] = []
        for pool in (self._returned, self._waiting):
            for email in pool.values():
                if len(first) == count:
                    return first
                if self._dedupe and email.content_hash in self._busy_texts:
                    continue
                if self.trial is not None and not self.trial.allows(email):
                    continue
                (behind if last(email.id) else first).append(email)
        return (first + behind)[:count]

    def _refill(self) -> None:
        while not self._exhausted and len(self._waiting) < self._window // 2:
            page = self._fetch(self._after, self._window)
            if not page:
                self._exhausted = True
                return
            self._after = page[-1].position
            for email in page:
                if email.id not in self._in_flight and email.id not in self._returned:
                    self._waiting[email.id] = email

    def take(self, email_id: int) -> PendingEmail:
        """A call goes out for this email."""
        email = self._returned.pop(email_id, None) or self._waiting.pop(email_id)
        self._in_flight[email_id] = email
        self._busy_texts[email.content_hash] = email_id
        return email

    def asked(self, email: PendingEmail) -> None:
        """The call about this email is really made."""
        if self.trial is not None:
            self.trial.began(email)

    def give_back(self, email: PendingEmail) -> None:
        """The call ended without settling the email: it comes before those that were never asked about."""
        self._land(email)
        self._returned[email.id] = replace(email, attempts=email.attempts + 1)

    def put_back(self, email: PendingEmail) -> None:
        """No call was made after all: the email stands where it stood, before all others."""
        self._land(email)
        self._returned = {email.id: email, **self._returned}

    def settle(self, email: PendingEmail) -> None:
        """The email is settled, and with de-duplication all of its twins are."""
        self._land(email)
        self.forget(email.id)
        if self._dedupe:
            for pool in (self._waiting, self._returned):
                for twin in [each.id for each in pool.values() if each.content_hash == email.content_hash]:
                    del pool[twin]

    def forget(self, email_id: int) -> None:
        """Somebody else settled this email."""
        self._waiting.pop(email_id, None)
        self._returned.pop(email_id, None)

    def rescan(self) -> None:
        """Emails were put back in line: look at the run file from its beginning again."""
        self._waiting.clear()
        self._after = -1
        self._exhausted = False

    def _land(self, email: PendingEmail) -> None:
        self._in_flight.pop(email.id, None)
        if self._busy_texts.get(email.content_hash) == email.id:
            del self._busy_texts[email.content_hash]
