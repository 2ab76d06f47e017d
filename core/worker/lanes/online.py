"""The calls that are out: let out with a key, or settled without one; counted, cut off, waited for."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence

from core.model import PendingEmail
from core.quota.pacing.broker import Broker, Candidate, Grant, Never
from core.storage.writing.store import Store
from core.worker.asking import Asker
from core.worker.queue import Line

_log = logging.getLogger(__name__)

LEAST_BOUND = 8
"""The first bound on calls at once that a worker notes."""


class Calls:
    """Owns the calls in flight. ``landed`` hears of each that ended, with the error that ended it, if any did.

    ``bound`` is how many were ever out at once, rounded up; ``grown`` is called before it is reached, so that the run
    file says how much may be asked again if this process is killed.
    """

    def __init__(
        self,
        store: Store,
        broker: Broker,
        line: Line,
        clock: Callable[[], float],
        *,
        landed: Callable[[BaseException | None], None],
        grown: Callable[[], None],
    ) -> None:
        self._store = store
        self._broker = broker
        self._line = line
        self._clock = clock
        self._landed = landed
        self._grown = grown
        self._out: dict[asyncio.Task[None], Grant] = {}
        self.bound = 0

    def __len__(self) -> int:
        """How many are out."""
        return len(self._out)

    @property
    def cost(self) -> float:
        """Tokens that they may take."""
        return sum(grant.estimate.cost for grant in self._out.values())

    def by_key(self) -> Counter[str]:
        """How many are out with each key."""
        return Counter(grant.alias for grant in self._out.values())

    def cut_off(self) -> None:
        """End them all at once; nothing of them is recorded."""
        for call in self._out:
            call.cancel()

    async def drain(self) -> None:
        """Wait until none is out."""
        await asyncio.gather(*self._out, return_exceptions=True)

    def send(self, asker: Asker, grant: Grant, front: Sequence[Candidate]) -> bool:
        """Let the call out, or settle its email without one; False where the disk refused."""
        grant = self._other_key(asker, grant, front)
        if (probe := asker.take_probe(grant.email_id)) is not None:
            self._let_out(asker.probe(grant, probe), grant)
            return True
        email = self._line.take(grant.email_id)
        try:
            copied = not email.bad_answers and self._store.copy_from_twin(email, now=self._clock())
        except sqlite3.OperationalError as error:
            self._broker.cancelled(grant, sent=False)
            return self._refused_by_disk(email, error)
        if copied:
            self._broker.cancelled(grant, sent=False)
            self._line.settle(email)
            return True
        self._line.asked(email)
        self._let_out(asker.call(grant, email), grant)
        return True

    def fail_unsent(self, asker: Asker, never: Never) -> bool:
        """No key's organization will ever take an email of this size: it fails without a call.

        False where nothing has failed: the disk refused, or the email was only to probe with.
        """
        if asker.probe_no_more(never.email_id):
            return False
        email = self._line.take(never.email_id)
        try:
            self._store.fail(email.id, never.reason, reasks=len(email.bad_answers), now=self._clock())
        except sqlite3.OperationalError as error:
            return self._refused_by_disk(email, error)
        self._line.settle(email)
        return True

    def _other_key(self, asker: Asker, grant: Grant, front: Sequence[Candidate]) -> Grant:
        """The same call with another key, where this one was tried in vain: no email fails for what one key is.

        While the first grant is held, its key is busy, so that the broker sees the other one first.
        """
        if not asker.was_in_vain(grant):
            return grant
        other = self._broker.next([each for each in front if each.email_id == grant.email_id])
        if not isinstance(other, Grant):
            return grant
        kept, left = (grant, other) if asker.was_in_vain(other) else (other, grant)
        self._broker.cancelled(left, sent=False)
        return kept

    def _refused_by_disk(self, email: PendingEmail, error: sqlite3.OperationalError) -> bool:
        _log.warning("could not settle an email: %s", error)
        self._line.put_back(email)
        return False

    def _let_out(self, coroutine: Coroutine[None, None, None], grant: Grant) -> None:
        if len(self._out) >= self.bound:
            self.bound = max(LEAST_BOUND, 2 * self.bound)
            self._grown()
        call = asyncio.create_task(coroutine)
        self._out[call] = grant
        call.add_done_callback(self._on_landed)

    def _on_landed(self, call: asyncio.Task[None]) -> None:
        self._out.pop(call, None)
        self._landed(None if call.cancelled() else call.exception())
