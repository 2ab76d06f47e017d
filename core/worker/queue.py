"""Offer the emails to ask about next: a window on what the run file says is pending.

Nothing is ever popped for good. The window is derived from the run file and can be thrown away at any moment; what is
in flight is kept here only so that it is not asked twice at once. With de-duplication, one email of each text
goes out and its copies stay behind until it is settled, which settles them too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from core.model import PendingEmail

Fetch = Callable[[int, int], list[PendingEmail]]
"""Return pending emails behind a position: ``fetch(after, limit)``."""


class FirstN:
    """Let ``wanted`` different texts be asked about, each for as long as it takes, and then no other.

    Without de-duplication each email counts, also where texts are the same.
    """

    def __init__(self, wanted: int, *, dedupe: bool) -> None:
        self.wanted = wanted
        self._dedupe = dedupe
        self._begun: set[str | int] = set()

    def allows(self, email: PendingEmail) -> bool:
        """Return whether a call about this email is within what was requested."""
        return not self.full or self._key(email) in self._begun

    def began(self, email: PendingEmail) -> None:
        """Note that a call about this email goes out."""
        self._begun.add(self._key(email))

    @property
    def room(self) -> int:
        """Return how many other texts may be asked about."""
        return max(0, self.wanted - len(self._begun))

    @property
    def full(self) -> bool:
        """Return whether no other text may be asked about."""
        return len(self._begun) >= self.wanted

    @property
    def going_on(self) -> str:
        """Return the sentence to show while it goes on."""
        return f"trying {self._texts}, then pausing"

    @property
    def over(self) -> str:
        """Return the sentence with which the run pauses once this is done."""
        return f"tried {self._texts}, as requested"

    @property
    def _texts(self) -> str:
        return f"{self.wanted:,} text{'' if self.wanted == 1 else 's'}"

    def _key(self, email: PendingEmail) -> str | int:
        return email.content_hash if self._dedupe else email.id


class Queue:
    """Keep a bounded window on pending emails: ``window`` is how many are held, ``dedupe`` asks once for each text.

    ``is_pending`` says whether an email still is, by the run file: one that was skipped while its call was out does not
    come back.
    """

    def __init__(
        self,
        fetch: Fetch,
        *,
        dedupe: bool,
        window: int = 256,
        is_pending: Callable[[int], bool] = lambda _: True,
    ) -> None:
        self._fetch = fetch
        self._dedupe = dedupe
        self._window = window
        self._is_pending = is_pending
        self._waiting: dict[int, PendingEmail] = {}
        self._returned: dict[int, PendingEmail] = {}
        self._in_flight: dict[int, PendingEmail] = {}
        self._busy_texts: dict[str, int] = {}
        self._of_text: dict[str, list[int]] = {}
        self._after = -1
        self._exhausted = False
        self.first_n: FirstN | None = None

    @property
    def in_flight(self) -> int:
        """Return how many emails have a call out."""
        return len(self._in_flight)

    @property
    def exhausted(self) -> bool:
        """Return whether nothing more waits: all that is left is in flight, or settled."""
        return self._exhausted and not self._waiting and not self._returned

    def front(self, count: int, *, last: Callable[[int], bool] | None = None) -> list[PendingEmail]:
        """Return up to ``count`` emails that may be asked about now, in work order; follow-up questions come first.

        Those whose number ``last`` picks come behind all the others that are held here. A ``first_n`` lets only
        some be offered.
        """
        self._refill()
        first: list[PendingEmail] = []
        behind: list[PendingEmail] = []
        busy = self._busy_texts if self._dedupe else ()
        for pool in (self._returned, self._waiting):
            for email in pool.values():
                if email.content_hash in busy:
                    continue
                if self.first_n is not None and not self.first_n.allows(email):
                    continue
                if last is not None and last(email.id):
                    behind.append(email)
                    continue
                first.append(email)
                if len(first) == count:
                    return first
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
                    self._note_text(email)

    def _note_text(self, email: PendingEmail) -> None:
        """Keep which emails have the same text, until one of them is settled."""
        if self._dedupe:
            same = self._of_text.setdefault(email.content_hash, [])
            if email.id not in same:
                same.append(email.id)

    def is_busy(self, email: PendingEmail) -> bool:
        """Return whether a call is out, or a follow-up waits, about this email or its text."""
        held = email.id in self._in_flight or email.id in self._returned
        return held or (self._dedupe and email.content_hash in self._busy_texts)

    def take(self, email_id: int) -> PendingEmail:
        """Take an email out of the window for a call."""
        email = self._returned.pop(email_id, None) or self._waiting.pop(email_id)
        self._in_flight[email_id] = email
        self._busy_texts[email.content_hash] = email_id
        return email

    def asked(self, email: PendingEmail) -> None:
        """Note that the call about this email is really made."""
        if self.first_n is not None:
            self.first_n.began(email)

    def give_back(self, email: PendingEmail) -> None:
        """Put an email that its call did not settle before those never asked about, if it still is pending."""
        self._land(email)
        if self._is_pending(email.id):
            self._returned[email.id] = replace(email, attempts=email.attempts + 1)

    def put_back(self, email: PendingEmail) -> None:
        """Put an email that no call was made about after all back to where it was, before all others."""
        self._land(email)
        self._returned = {email.id: email, **self._returned}

    def settle(self, email: PendingEmail) -> None:
        """Drop an email that was settled and, with de-duplication, all of its copies."""
        self._land(email)
        self.forget(email.id)
        for twin in self._of_text.pop(email.content_hash, ()):
            self.forget(twin)

    def forget(self, email_id: int) -> None:
        """Drop an email that somebody else settled."""
        self._waiting.pop(email_id, None)
        self._returned.pop(email_id, None)

    def rescan(self) -> None:
        """Read the run file from its beginning again, since emails were requeued."""
        self._waiting.clear()
        self._after = -1
        self._exhausted = False

    def _land(self, email: PendingEmail) -> None:
        self._in_flight.pop(email.id, None)
        if self._busy_texts.get(email.content_hash) == email.id:
            del self._busy_texts[email.content_hash]
