"""Call the model for each email or pack, many at once, each with a key that the pacer grants: the online lane."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import overload

from core.errors import PlaceLostError
from core.llm.packs import MOST_CHARS, completion_tokens, goes_alone, in_packs, pack_chars, shuffled
from core.llm.task import fixed_chars
from core.model import AskKind, Outcome, PendingEmail, Task, Wait
from core.quality.canaries import Canaries, CanaryAnswer
from core.quality.packing import ControlAnswer, PackControl
from core.quota.pacing.grants import Candidate, Never, NoKeys
from core.storage.writing.store import Answer, Store
from core.worker.commit import Committer
from core.worker.lanes.lane import Listener, Sent
from core.worker.pacer import AnyPacer, Permit
from core.worker.queue import Queue
from core.worker.retries import RetryPolicy
from core.worker.settle import Exchange, Fleet, Settlement

_log = logging.getLogger(__name__)

LEAST_BOUND = 8
"""The first bound on calls at once that a worker notes."""

LOOK_AHEAD = 24
"""Emails that the pacer may choose from."""

PACKS_AHEAD = 3
"""Packs that the pacer may choose from, beside emails that go alone."""

RIDERS_SHARE = 0.3
"""Share of a pack that emails asked again (canaries) may take."""

_PROBES_VARY = 20
"""A probe is made with one of so many emails in turn."""

_REASK_CHARS = 120
"""About so many characters a follow-up question adds beside the bad answer and the reason."""


class _Front(Sequence[Candidate]):
    """Hold emails to choose from as the pacer takes them, read as far as it looks: most of the time the first only.

    ``lead`` comes before ``emails``, which are the first of those that ``more`` returns up to so many of.
    """

    def __init__(
        self,
        lead: Sequence[PendingEmail],
        emails: Sequence[PendingEmail],
        chars_of: Callable[[PendingEmail], int],
        more: Callable[[int], Sequence[PendingEmail]] | None = None,
    ) -> None:
        self._lead = lead
        self._emails = [*lead, *emails][:LOOK_AHEAD]
        self._chars_of = chars_of
        self._more = more

    def __bool__(self) -> bool:
        return bool(self._emails)

    def __len__(self) -> int:
        return len(self._read(LOOK_AHEAD))

    def _read(self, count: int) -> Sequence[PendingEmail]:
        if self._more is not None and count > len(self._emails):
            self._emails = [*self._lead, *self._more(LOOK_AHEAD)][:LOOK_AHEAD]
            self._more = None
        return self._emails

    @overload
    def __getitem__(self, index: int) -> Candidate: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Candidate]: ...

    def __getitem__(self, index: int | slice) -> Candidate | Sequence[Candidate]:
        if isinstance(index, slice):
            return _Front((), self._read(LOOK_AHEAD if index.stop is None else index.stop)[index], self._chars_of)
        email = self._read(index + 1 if index >= 0 else LOOK_AHEAD)[index]
        return Candidate(email.id, self._chars_of(email))


@dataclass(frozen=True, slots=True)
class Unit:
    """Hold what one call may be about: an email, or several in a pack, whose candidate has a negative number."""

    candidate: Candidate
    emails: tuple[PendingEmail, ...]


Rider = tuple[PendingEmail, str, int]
"""An email that is asked again, its label, and the number of the round."""


class OnlineLane:
    """Hold the calls in flight."""

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
        packs: Callable[[], PackControl | None] = lambda: None,
        most_texts: Callable[[], int | None] = lambda: None,
    ) -> None:
        """Make the lane; ``canaries`` gives those of the run, and ``packs`` the control of packs, if any.

        ``most_texts`` returns about how many texts calls may be out at once, or None for any number.
        """
        self._canaries = canaries
        self._packs = packs
        self._most_texts = most_texts
        self._room: int | None = None
        self._control: tuple[PendingEmail, ControlAnswer] | None = None
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
        self._pack_chars = MOST_CHARS
        self._seed = store.seed() if task.pack != 1 else 0
        self._first_size = store.pack_size() if task.pack != 1 else 1
        self._texts_out = 0
        self._probe: PendingEmail | None = None
        self._probing = False
        self._probes = 0
        self._probes_end = False
        self._out: dict[asyncio.Task[None], Permit] = {}
        self._tokens = self._completion = 0.0
        self.bound = 0

    # -- the calls in flight -------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        """Return how many calls are in flight."""
        return len(self._out)

    @property
    def ready(self) -> bool:
        """Return whether calls can be made and judged."""
        return self._exchange is not None

    @property
    def tokens(self) -> tuple[float, float]:
        """Return tokens that the calls in flight may take, and those of answers among them."""
        return self._tokens, self._completion

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
        self._room = self._most_texts()  # it changes with what is committed, and nothing is while calls go out
        while self._exchange is not None and not held() and not self._retries.refusals.holds:
            if full := self._exchange.why_full(len(self._out)):
                return Sent(wait=Wait(None, "", "", full))
            if self._room is not None and self._texts_out >= self._room:
                return Sent(wait=Wait(None, "", "", "batches follow once the first texts are answered"))
            front, packs = self._choices()
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
            elif not self._ask(self._exchange, decision, front, packs):
                break
        return Sent()

    @property
    def _pack_size(self) -> int:
        """Return how many emails share a question now."""
        packs = self._packs()
        return self._first_size if packs is None else packs.size

    def _choices(self) -> tuple[Sequence[Candidate], Mapping[int, Unit]]:
        """Return what the next call may be about, in the order of right, and the packs among it by their numbers."""
        size = self._pack_size
        one = size == 1 and self._retries.clean  # more are read where the pacer looks at them
        lead, emails = self._front(1 if one else LOOK_AHEAD if size == 1 else LOOK_AHEAD + PACKS_AHEAD * size)
        if size == 1 or lead or not emails or self._is_special(emails[0]):
            more = partial(self._queue.front, last=None) if one else None
            return _Front(lead, emails, self._prompt_chars, more), {}
        units = self._units(emails, size)
        return [unit.candidate for unit in units], {unit.candidate.email_id: unit for unit in units}

    def _units(self, emails: Sequence[PendingEmail], size: int) -> list[Unit]:
        """Return these emails as calls may be about them: alone, or several in a pack."""
        shared: list[tuple[PendingEmail, int]] = []
        texts: set[str] = set()
        units: list[Unit] = []
        places = {email.id: place for place, email in enumerate(emails)}
        room = size * PACKS_AHEAD if self._queue.first_n is None else max(1, self._queue.first_n.room)
        if self._room is not None:
            room = min(room, self._room - self._texts_out)
        for email in emails:
            if self._alone(email):
                units.append(self._single(email))
            elif len(shared) < room and not (self._store.dedupe and email.content_hash in texts):
                texts.add(email.content_hash)
                shared.append((email, len(email.text)))
        canaries = self._canaries() if self._queue.first_n is None else None
        riders = 0 if canaries is None else min(canaries.waiting, int(RIDERS_SHARE * size))
        packs = in_packs(shared, size - riders, self._pack_chars)[:PACKS_AHEAD]
        units += [self._single(pack[0]) if len(pack) == 1 else self._pack(pack) for pack in packs]
        units.sort(key=lambda unit: places[unit.emails[0].id])
        return units[:LOOK_AHEAD]

    def _is_special(self, email: PendingEmail) -> bool:
        """Return whether an email is to probe with, asked again, or stuck: then no packs are made."""
        held = self._probe is not None or self._canary is not None or self._control is not None
        return held or self._retries.stuck(email.id)

    def _alone(self, email: PendingEmail) -> bool:
        """Return whether an email shares no question: it was answered before, met errors, is long, or gives orders."""
        before = email.alone or bool(email.bad_answers) or self._retries.troubled(email.id)
        return before or email.flagged or goes_alone(email.text, self._pack_chars)

    def _single(self, email: PendingEmail) -> Unit:
        return Unit(Candidate(email.id, self._prompt_chars(email)), (email,))

    def _pack(self, emails: Sequence[PendingEmail]) -> Unit:
        size = len(emails)
        chars = round(pack_chars(self._task, sum(len(email.text) for email in emails), size))
        completion = completion_tokens(self._task.model, size)
        return Unit(Candidate(-emails[0].id, chars, texts=size, completion=completion), tuple(emails))

    def _prompt_chars(self, email: PendingEmail) -> int:
        """Return the characters of all messages of the email's next call."""
        chars = self._fixed_chars + len(email.text)
        for answer, reason in email.bad_answers:
            chars += min(len(answer), 500) + len(reason) + _REASK_CHARS
        return chars

    def _front(self, count: int) -> tuple[list[PendingEmail], list[PendingEmail]]:
        """Return an email that is asked again before all others, if any, and emails to choose from.

        Those that are stuck come last and, where all are, one that was answered goes before them to probe with. While a
        probe is out, those that are stuck are not to choose from.
        """
        clean, stuck = self._retries.clean, self._retries.stuck
        emails = self._queue.front(count, last=None if clean else stuck)
        if self._probing:
            return [], [email for email in emails if not stuck(email.id)]
        if clean or not emails or not stuck(emails[0].id):
            self._probe = None
        elif self._probe is None and not self._probes_end:
            answered = self._store.answered_email
            self._probe = answered(self._probes % _PROBES_VARY) or answered(0)
        if self._probe is not None:
            return [self._probe], emails
        again = self._due_control()
        if again is None and emails and self._pack_size == 1:
            again = self._due_canary()
        return [] if again is None else [again], emails

    def _due_control(self) -> PendingEmail | None:
        """Return the packed text to ask about alone now; None while a first N is tried."""
        packs, self._control = self._packs(), None
        due = None if packs is None or self._queue.first_n is not None else packs.due()
        if due is None or packs is None:
            return None
        known = self._store.labeled_email(due[0])
        if known is None:
            packs.drop(due[0])
            return None
        self._control = (known[0], due[1])
        return known[0]

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

    def _ask(self, exchange: Exchange, permit: Permit, front: Sequence[Candidate], packs: Mapping[int, Unit]) -> bool:
        """Let a call go out, or settle its email without one; return False where the disk refused."""
        if permit.email_id < 0:
            return self._ask_pack(exchange, permit, packs[permit.email_id])
        permit = self._other_key(permit, front)
        if self._ask_again(exchange, permit):
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

    def _ask_again(self, exchange: Exchange, permit: Permit) -> bool:
        """Let a call about a labeled email go out, if the permit is for one; return whether it is."""
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
        if self._control is not None and self._control[0].id == permit.email_id:
            email, known = self._control
            if (control := self._packs()) is not None:
                control.sent(email.id)
            self._let_out(self._make_control(exchange, permit, email, known), permit)
            return True
        return False

    def _ask_pack(self, exchange: Exchange, permit: Permit, unit: Unit) -> bool:
        """Let a call about several emails go out, without those whose text has a label by now."""
        emails: list[PendingEmail] = []
        for email in unit.emails:
            taken = self._queue.take(email.id)
            try:
                copied = self._store.copy_from_twin(taken, now=self._clock())
            except sqlite3.OperationalError as error:
                self._pacer.cancelled(permit, sent=False)
                for other in reversed(emails):
                    self._queue.put_back(other)
                return self._refused_by_disk(taken, error)
            if copied:
                self._queue.settle(taken)
            else:
                emails.append(taken)
        if len(emails) < 2:
            self._pacer.cancelled(permit, sent=False)
            for email in emails:
                self._queue.put_back(email)
            return True
        for email in emails:
            self._queue.asked(email)
        riders = self._riders(len(emails))
        asked = [*emails, *(rider[0] for rider in riders)]
        asked = shuffled(asked, [email.id for email in asked], self._seed)
        self._let_out(self._make_pack(exchange, permit, asked, riders), permit, texts=len(emails))
        return True

    def _riders(self, emails: int) -> list[Rider]:
        """Return labeled emails that are due to be asked again, and go with a pack of so many others."""
        found: list[Rider] = []
        canaries = self._canaries() if self._queue.first_n is None else None
        while canaries is not None and len(found) < min(self._pack_size - emails, int(RIDERS_SHARE * self._pack_size)):
            if (due := canaries.due()) is None:
                break
            known = self._store.labeled_email(due[0])
            if known is None or goes_alone(known[0].text, self._pack_chars // 2):
                canaries.drop(due[0])
                continue
            canaries.sent(*due)
            found.append((*known, due[1]))
        return found

    def _fail_unasked(self, never: Never) -> bool:
        """Fail an email of a size that no key's organization will ever take.

        False where nothing has failed: the disk refused, or the email was only to probe with. A pack of that size fails
        nobody: smaller ones are made.
        """
        if never.email_id < 0:
            self._pack_chars //= 2
            return True
        if self._probe is not None and self._probe.id == never.email_id:
            self._probe, self._probes_end = None, True  # even what was answered before is too large by now
            return False
        if self._canary is not None and self._canary[0].id == never.email_id:
            if (canaries := self._canaries()) is not None:
                canaries.drop(never.email_id)
            return True
        if self._control is not None and self._control[0].id == never.email_id:
            if (control := self._packs()) is not None:
                control.drop(never.email_id)
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

        While the first permit is held, its key is busy, so that the pacer takes the other one first.
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

    def _let_out(self, coroutine: Coroutine[None, None, None], permit: Permit, texts: int = 1) -> None:
        self._texts_out += texts
        if self._texts_out > self.bound:
            self.bound = max(LEAST_BOUND, 2 * self.bound, self._texts_out)
            self._listener.grown()
        call = asyncio.create_task(coroutine)
        self._out[call] = permit
        self._count(permit, 1.0)
        call.add_done_callback(partial(self._on_landed, texts))

    def _on_landed(self, texts: int, call: asyncio.Task[None]) -> None:
        self._texts_out -= texts
        permit = self._out.pop(call)
        self._count(permit, -1.0)
        if not self._out:
            self._tokens = self._completion = 0.0
        error = None if call.cancelled() else call.exception()
        self._listener.landed(None if isinstance(error, PlaceLostError) else error)  # that one never left

    def _count(self, permit: Permit, sign: float) -> None:
        tokens, completion = permit.tokens
        self._tokens += sign * tokens
        self._completion += sign * completion

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

    async def _make_pack(
        self, exchange: Exchange, permit: Permit, asked: Sequence[PendingEmail], riders: Sequence[Rider]
    ) -> None:
        """Ask about emails taken from the queue, commit all that came of it at once, and settle them or give them back.

        ``riders`` are the emails among them that have a label, which stays: what they are answered is recorded.
        """
        again = {rider[0].id: rider for rider in riders}
        fresh = [email for email in asked if email.id not in again]
        canaries, heard = self._canaries(), set[int]()
        try:
            settlements = await self._exchanged(exchange, permit, asked, fresh)
            self._report(settlements[0].run_over, settlements[0].notice)
            answers = [_answer(each, again.get(each.email.id)) for each in settlements]
            await self._committer.commit(*answers)
            heard = {answer.canary.email_id for answer in answers if answer.canary is not None}
        finally:
            for email, _, round_ in riders:
                if canaries is not None and email.id not in heard:
                    canaries.given_up(email.id, round_)
        if settlements[0].attempt.outcome is Outcome.TOO_LARGE:
            self._pack_chars //= 2
        for settlement in settlements:
            self._settle_packed(settlement, again)

    async def _exchanged(
        self, exchange: Exchange, permit: Permit, asked: Sequence[PendingEmail], fresh: Sequence[PendingEmail]
    ) -> tuple[Settlement, ...]:
        try:
            return await exchange.ask_pack(permit, asked)
        except BaseException:
            for email in fresh:
                self._queue.give_back(email)
            raise

    def _settle_packed(self, settlement: Settlement, again: Mapping[int, Rider]) -> None:
        email = settlement.email
        if email.id in again:
            return
        if not settlement.settled:
            self._queue.give_back(email)
            return
        self._retries.settled(email.id)
        self._queue.settle(email)
        self._listener.labeled()

    async def _make_probe(self, exchange: Exchange, permit: Permit, email: PendingEmail) -> None:
        """Ask about an email that was answered before, to find whether the server is at fault or those that are stuck.

        The call is recorded as a probe; the email keeps its label, whatever the answer is.
        """
        try:
            settlement = await exchange.ask(permit, email, probe=True)
            self._report(settlement.run_over, settlement.notice)
            await self._committer.commit(Answer(replace(settlement.attempt, kind=AskKind.PROBE)))
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
            answered = settlement.label is not None
            await self._committer.commit(_answer(settlement, (email, label, round_)))
        finally:
            if canaries is not None and not answered:
                canaries.given_up(email.id, round_)

    async def _make_control(
        self, exchange: Exchange, permit: Permit, email: PendingEmail, known: ControlAnswer
    ) -> None:
        """Ask alone about a text that was labeled in a pack, and record the answer beside its label, which stays."""
        packs, answered = self._packs(), False
        try:
            settlement = await exchange.ask(permit, email, probe=True)
            self._report(settlement.run_over, settlement.notice)
            attempt = replace(settlement.attempt, kind=AskKind.CONTROL)
            answered = settlement.label is not None
            answer = replace(known, value=settlement.label) if settlement.label is not None else None
            await self._committer.commit(Answer(attempt, control=answer))
        finally:
            if packs is not None and not answered:
                packs.given_up(email.id)

    def _report(self, run_over: str, notice: str) -> None:
        if notice:
            self._listener.noted(notice)
        if run_over:
            self._listener.run_over(run_over)


def _answer(settlement: Settlement, rider: Rider | None) -> Answer:
    """Return what is committed of an email; of one that is asked again what it was answered, beside its label."""
    if rider is None:
        return settlement.answer
    email, label, round_ = rider
    value = settlement.label
    canary = None if value is None else CanaryAnswer(email.id, label, value, round_)
    return Answer(replace(settlement.attempt, kind=AskKind.CANARY), canary=canary)
