"""The online lane: one call for each email, many at once, each with a key that the pacer grants."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import overload

from core.errors import PlaceLostError
from core.llm.task import fixed_chars
from core.model import AskKind, PendingEmail, Task, Wait
from core.quality.canaries import Canaries, CanaryAnswer
from core.quota.pacing.grants import Candidate, Never, NoKeys
from core.storage.writing.store import Answer, Store
from core.worker.commit import Committer
from core.worker.lanes.lane import Listener, Sent
from core.worker.pacer import AnyPacer, Permit
from core.worker.queue import Queue
from core.worker.retries import RetryPolicy
from core.worker.settle import Exchange, Fleet

_log = logging.getLogger(__name__)

LEAST_BOUND = 8
"""The first bound on calls at once that a worker notes."""

LOOK_AHEAD = 24
"""Emails that the pacer may choose from."""

_PROBES_VARY = 20
"""A probe is made with one of so many emails in turn."""

_REASK_CHARS = 120
"""About so many characters a follow-up question adds beside the bad answer and the reason."""


class _Front(Sequence[Candidate]):
    """Emails to choose from as the pacer takes them, made as far as it looks: most of the time that is the first."""

    def __init__(self, emails: Sequence[PendingEmail], chars_of: Callable[[PendingEmail], int]) -> None:
        self._emails = emails
        self._chars_of = chars_of

    def __len__(self) -> int:
        return len(self._emails)

    @overload
    def __getitem__(self, index: int) -> Candidate: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Candidate]: ...

    def __getitem__(self, index: int | slice) -> Candidate | Sequence[Candidate]:
        if isinstance(index, slice):
            return _Front(self._emails[index], self._chars_of)
        email = self._emails[index]
        return Candidate(email.id, self._chars_of(email))


class OnlineLane:
    """Owns the calls in flight."""

    def __init__(
        self,
        *,
        task: Task,
        store: Store,
        pacer: AnyPacer,
        queue: Queue,
        committer: Committer,
        clock: Callable[[], float],
        listener: Listener,
        canaries: Callable[[], Canaries | None] = lambda: None,
    ) -> None:
        """``canaries`` gives those of the run, once there are any."""
        self._canaries = canaries
        self._canary: tuple[PendingEmail, str, int] | None = None
        self._task = task
        self._store = store
        self._pacer = pacer
        self._queue = queue
        self._committer = committer
        self._clock = clock
        self._listener = listener
        self._retries = RetryPolicy()
        self._exchange: Exchange | None = None
        self._fixed_chars = fixed_chars(task)
        self._probe: PendingEmail | None = None
        self._probing = False
        self._probes = 0
        self._probes_end = False
        self._out: dict[asyncio.Task[None], Permit] = {}
        self._cost = 0.0
        self.bound = 0

    # -- the calls in flight -------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        """Return how many calls are in flight."""
        return len(self._out)

    @property
    def ready(self) -> bool:
        """Whether calls can be made and judged."""
        return self._exchange is not None

    @property
    def cost(self) -> float:
        """Tokens that the calls in flight may take."""
        return self._cost

    def by_key(self) -> Counter[str]:
        """Return how many are in flight with each key."""
        return Counter(permit.alias for permit in self._out.values())

    def begin(self, fleet: Fleet) -> None:
        """Take what makes the calls; from now on questions may go out."""
        self._exchange = Exchange(
            task=self._task,
            fleet=fleet,
            pacer=self._pacer,
            clock=self._clock,
            retries=self._retries,
        )

    def cut_off(self) -> None:
        """Cancel the calls in flight; nothing of them is recorded."""
        for call in self._out:
            call.cancel()

    async def drain(self) -> None:
        """Wait until no call is in flight."""
        await asyncio.gather(*self._out, return_exceptions=True)

    # -- sending -------------------------------------------------------------------------------------------------------

    def send(self, held: Callable[[], bool]) -> Sent:
        """Let every call go out that may, asking ``held`` before each whether to stop, and return why no more."""
        while self._exchange is not None and not held() and not self._retries.refusals.holds:
            if full := self._exchange.why_full(len(self._out)):
                return Sent(wait=Wait(None, "", "", full))
            front = _Front(self._front(LOOK_AHEAD), self._prompt_chars)
            if not front:
                return Sent(idle=True)
            decision = self._pacer.next(front)
            if isinstance(decision, Wait):
                return Sent(wait=decision)
            if isinstance(decision, NoKeys):
                return Sent(no_keys=decision.reason)
            if isinstance(decision, Never):
                if not self._fail_unasked(decision):
                    break
            elif not self._ask(self._exchange, decision, front):
                break
        return Sent()

    def _prompt_chars(self, email: PendingEmail) -> int:
        """Characters of all messages of the email's next call."""
        chars = self._fixed_chars + len(email.text)
        for answer, reason in email.bad_answers:
            chars += min(len(answer), 500) + len(reason) + _REASK_CHARS
        return chars

    def _front(self, count: int) -> list[PendingEmail]:
        """Return emails to choose from: those that are stuck last and, where all are, one before them to probe with.

        While a probe is out, those that are stuck are not to choose from.
        """
        stuck = self._retries.stuck
        emails = self._queue.front(count, last=None if self._retries.clean else stuck)
        if self._probing:
            return [email for email in emails if not stuck(email.id)]
        if not emails or not stuck(emails[0].id):
            self._probe = None
        elif self._probe is None and not self._probes_end:
            answered = self._store.answered_email
            self._probe = answered(self._probes % _PROBES_VARY) or answered(0)
        if self._probe is not None:
            return [self._probe, *emails]
        canary = self._due_canary() if emails else None
        return emails if canary is None else [canary, *emails]

    def _due_canary(self) -> PendingEmail | None:
        """Return the labeled email to ask again now, to see whether the answer changed; None while a first N is tried.

        It is chosen anew for each call, and comes before the emails that are pending.
        """
        canaries, self._canary = self._canaries(), None
        due = None if canaries is None or self._queue.first_n is not None else canaries.due()
        if due is None or canaries is None:
            return None
        known = self._store.labeled_email(due[0])
        if known is None:
            canaries.drop(due[0])
            return None
        self._canary = (*known, due[1])
        return known[0]

    def _ask(self, exchange: Exchange, permit: Permit, front: Sequence[Candidate]) -> bool:
        """Let a call go out, or settle its email without one; return False where the disk refused."""
        permit = self._other_key(permit, front)
        if self._probe is not None and self._probe.id == permit.email_id:
            self._probing = True
            self._let_out(self._make_probe(exchange, permit, self._probe), permit)
            return True
        if self._canary is not None and self._canary[0].id == permit.email_id:
            email, label, round_ = self._canary
            if (canaries := self._canaries()) is not None:
                canaries.sent(email.id, round_)
            self._let_out(self._make_canary(exchange, permit, email, label, round_), permit)
            return True
        email = self._queue.take(permit.email_id)
        try:
            copied = not email.bad_answers and self._store.copy_from_twin(email, now=self._clock())
        except sqlite3.OperationalError as error:
            self._pacer.cancelled(permit, sent=False)
            return self._refused_by_disk(email, error)
        if copied:
            self._pacer.cancelled(permit, sent=False)
            self._queue.settle(email)
            return True
        self._queue.asked(email)
        self._let_out(self._make_call(exchange, permit, email), permit)
        return True

    def _fail_unasked(self, never: Never) -> bool:
        """Fail an email of a size that no key's organization will ever take.

        False where nothing has failed: the disk refused, or the email was only to probe with.
        """
        if self._probe is not None and self._probe.id == never.email_id:
            self._probe, self._probes_end = None, True  # even what was answered before is too large by now
            return False
        if self._canary is not None and self._canary[0].id == never.email_id:
            if (canaries := self._canaries()) is not None:
                canaries.drop(never.email_id)
            return True
        email = self._queue.take(never.email_id)
        try:
            self._store.fail(email.id, never.reason, reasks=len(email.bad_answers), now=self._clock())
        except sqlite3.OperationalError as error:
            return self._refused_by_disk(email, error)
        self._queue.settle(email)
        self._listener.failed(never.reason)
        return True

    def _other_key(self, permit: Permit, front: Sequence[Candidate]) -> Permit:
        """Return the same call with another key, where this one was tried in vain: no email fails for what a key is.

        While the first permit is held, its key is busy, so that the pacer sees the other one first.
        """
        if not self._retries.was_in_vain(permit.email_id, permit.alias):
            return permit
        other = self._pacer.next([each for each in front if each.email_id == permit.email_id])
        if isinstance(other, (Wait, Never, NoKeys)):
            return permit
        again = self._retries.was_in_vain(permit.email_id, other.alias)
        kept, left = (permit, other) if again else (other, permit)
        self._pacer.cancelled(left, sent=False)
        return kept

    def _refused_by_disk(self, email: PendingEmail, error: sqlite3.OperationalError) -> bool:
        _log.warning("could not settle a text: %s", error)
        self._queue.put_back(email)
        return False

    def _let_out(self, coroutine: Coroutine[None, None, None], permit: Permit) -> None:
        if len(self._out) >= self.bound:
            self.bound = max(LEAST_BOUND, 2 * self.bound)
            self._listener.grown()
        call = asyncio.create_task(coroutine)
        self._out[call] = permit
        self._cost += permit.cost
        call.add_done_callback(self._on_landed)

    def _on_landed(self, call: asyncio.Task[None]) -> None:
        permit = self._out.pop(call)
        self._cost = self._cost - permit.cost if self._out else 0.0
        error = None if call.cancelled() else call.exception()
        self._listener.landed(None if isinstance(error, PlaceLostError) else error)  # that one never left

    # -- one call ------------------------------------------------------------------------------------------------------

    async def _make_call(self, exchange: Exchange, permit: Permit, email: PendingEmail) -> None:
        """Ask about an email taken from the queue, commit what came of it, and settle it or give it back."""
        try:
            settlement = await exchange.ask(permit, email)
        except BaseException:
            self._queue.give_back(email)
            raise
        self._report(settlement.run_over, settlement.notice)
        await self._committer.commit(settlement.answer)
        if not settlement.settled:
            if settlement.in_vain:
                self._retries.in_vain(email.id, permit.alias)
            self._queue.give_back(settlement.email)
            return
        self._retries.settled(email.id)
        self._queue.settle(email)
        if settlement.failure is None:
            self._listener.labeled()
        else:
            self._listener.failed(settlement.failure)

    async def _make_probe(self, exchange: Exchange, permit: Permit, email: PendingEmail) -> None:
        """Ask about an email that was answered before, to tell whether the server is at fault or those that are stuck.

        The call is recorded like any other; the email keeps its label, whatever the answer is.
        """
        try:
            settlement = await exchange.ask(permit, email, probe=True)
            self._report(settlement.run_over, settlement.notice)
            await self._committer.commit(Answer(settlement.attempt))
        finally:
            self._probing, self._probe = False, None
            self._probes += 1

    async def _make_canary(
        self, exchange: Exchange, permit: Permit, email: PendingEmail, label: str, round_: int
    ) -> None:
        """Ask about a labeled email again, and record the answer beside its label, which stays."""
        canaries, answered = self._canaries(), False
        try:
            settlement = await exchange.ask(permit, email, probe=True)
            self._report(settlement.run_over, settlement.notice)
            attempt = replace(settlement.attempt, kind=AskKind.CANARY)
            value, answered = settlement.label, settlement.label is not None
            answer = None if value is None else CanaryAnswer(email.id, label, value, round_)
            await self._committer.commit(Answer(attempt, canary=answer))
        finally:
            if canaries is not None and not answered:
                canaries.given_up(email.id, round_)

    def _report(self, run_over: str, notice: str) -> None:
        if notice:
            self._listener.noted(notice)
        if run_over:
            self._listener.run_over(run_over)
