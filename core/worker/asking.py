"""One call about one email: ask, judge, commit, and say what follows.

A call ends in one of three ways: the email is settled (a label, or a failure), it goes back in line (another question,
another key, another moment), or the call was cut off and leaves nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from core.errors import CallError, Remedy, RequestRefusedError
from core.llm.task import fixed_chars, messages, reask_messages
from core.model import (
    AskKind,
    Attempt,
    ChatMessage,
    ModelSettings,
    Outcome,
    PendingEmail,
    Reply,
    Settled,
    Task,
    Verdict,
)
from core.quota.pacing.broker import Broker, Grant
from core.storage.writing.store import Answer
from core.worker.commit import Committer
from core.worker.queue import Line
from core.worker.reasons import refused, unusable, worn_out
from core.worker.retries import RetryPolicy

_PROBES_VARY = 20
"""A probe is made with one of so many emails in turn."""

_REASK_CHARS = 120
"""About so many characters a re-ask adds beside the bad answer and the reason."""


class Asks(Protocol):
    """A client of one key."""

    async def ask(self, messages: tuple[ChatMessage, ...], settings: ModelSettings) -> Reply:
        """One conversation in, the reply out; raises a leaf of ``CallError``."""


class Judges(Protocol):
    """Validation of a raw answer."""

    async def judge(self, reply: Reply) -> Verdict:
        """The accepted label, or why there is none."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Who hears what a call came to: a label, an email's failure, an error that ends the run."""

    labeled: Callable[[], None]
    failed: Callable[[str], None]
    run_over: Callable[[str], None]


def _none(_: int) -> None:
    return None


class Asker:
    """Makes calls. ``client_of`` gives the client for a grant's key."""

    def __init__(
        self,
        *,
        task: Task,
        guard: Judges,
        broker: Broker,
        committer: Committer,
        line: Line,
        client_of: Callable[[Grant], Asks],
        clock: Callable[[], float],
        listener: Listener,
        answered_email: Callable[[int], PendingEmail | None],
    ) -> None:
        self._task = task
        self._guard = guard
        self._broker = broker
        self._committer = committer
        self._line = line
        self._client_of = client_of
        self._clock = clock
        self._listener = listener
        self._patience = RetryPolicy()
        self._answered_email = answered_email
        self._probe: PendingEmail | None = None
        self._probing = False
        self._probes = 0
        self._fixed_chars = fixed_chars(task)

    def prompt_chars(self, email: PendingEmail) -> int:
        """Characters of all messages of the email's next call."""
        repeated = sum(min(len(answer), 500) + len(reason) + _REASK_CHARS for answer, reason in email.bad_answers)
        return self._fixed_chars + len(email.text) + repeated

    def front(self, count: int) -> list[PendingEmail]:
        """Emails to choose from: those that are stuck last and, where all are, one before them to probe with.

        While a probe is out, those that are stuck are not to choose from.
        """
        stuck = self._patience.stuck
        emails = self._line.front(count, last=stuck)
        if self._probing:
            return [email for email in emails if not stuck(email.id)]
        if not emails or not stuck(emails[0].id):
            self._probe = None
        elif self._probe is None:
            self._probe = self._answered_email(self._probes % _PROBES_VARY) or self._answered_email(0)
        return emails if self._probe is None else [self._probe, *emails]

    def was_in_vain(self, grant: Grant) -> bool:
        """Whether the email was asked about with this key before, and is in line again."""
        return self._patience.was_in_vain(grant.email_id, grant.alias)

    def take_probe(self, email_id: int) -> PendingEmail | None:
        """The email to probe with, where that is the one that was chosen; :meth:`probe` must follow."""
        if self._probe is None or self._probe.id != email_id:
            return None
        self._probing = True
        return self._probe

    def probe_no_more(self, email_id: int) -> bool:
        """Whether that was the probe; where even what was answered before is too large by now, none is made again."""
        if self._probe is None or self._probe.id != email_id:
            return False
        self._probe, self._answered_email = None, _none
        return True

    async def probe(self, grant: Grant, email: PendingEmail) -> None:
        """Ask about an email that was answered before, to tell whether the server is at fault or those that are stuck.

        The call is recorded like any other; the email keeps its label, whatever the answer is.
        """
        started_at = self._clock()
        try:
            reply = await self._client_of(grant).ask(messages(self._task, email.text), self._task.model)
        except CallError as error:
            latency_s = self._clock() - started_at
            self._broker.failed(grant, error, latency_s)
            if error.remedy is Remedy.STOP_RUN:
                self._listener.run_over(str(error))
            await self._committer.commit(Answer(self._failed(grant, email, error, started_at, latency_s)))
        except BaseException:
            self._broker.cancelled(grant)
            raise
        else:
            latency_s = self._clock() - started_at
            self._broker.answered(grant, reply.usage, reply.headers, latency_s)
            self._patience.answered(email.id)
            verdict = await self._guard.judge(reply)
            await self._committer.commit(Answer(self._replied(grant, email, reply, verdict, started_at, latency_s)))
        finally:
            self._probing, self._probe = False, None
            self._probes += 1

    async def call(self, grant: Grant, email: PendingEmail) -> None:
        """Make the call that was granted, for an email taken from the line."""
        if email.bad_answers:
            conversation = reask_messages(self._task, email.text, email.bad_answers)
        else:
            conversation = messages(self._task, email.text)
        started_at = self._clock()
        try:
            reply = await self._client_of(grant).ask(conversation, self._task.model)
        except CallError as error:
            await self._on_error(grant, email, error, started_at)
        except BaseException:
            self._broker.cancelled(grant)
            self._line.give_back(email)
            raise
        else:
            latency_s = self._clock() - started_at
            self._broker.answered(grant, reply.usage, reply.headers, latency_s)
            self._patience.answered(email.id)
            await self._on_reply(grant, email, reply, started_at, latency_s)

    async def _on_reply(
        self, grant: Grant, email: PendingEmail, reply: Reply, started_at: float, latency_s: float
    ) -> None:
        verdict = await self._guard.judge(reply)
        attempt = self._replied(grant, email, reply, verdict, started_at, latency_s)
        reasks = len(email.bad_answers)
        if verdict.label is not None:
            await self._settle(Answer(attempt, Settled(email.id, reasks, label=verdict.label)), email)
            self._listener.labeled()
            return
        bad_answers = (*email.bad_answers, (reply.text, verdict.reason))
        if len(bad_answers) > self._task.max_reasks:
            failure = unusable(verdict.outcome, len(bad_answers))
            await self._settle(Answer(attempt, Settled(email.id, reasks, failure=failure)), email)
            self._listener.failed(failure)
            return
        await self._committer.commit(Answer(attempt))
        self._patience.in_vain(email.id, grant.alias)
        self._line.give_back(replace(email, bad_answers=bad_answers))

    async def _on_error(self, grant: Grant, email: PendingEmail, error: CallError, started_at: float) -> None:
        latency_s = self._clock() - started_at
        consequence = self._broker.failed(grant, error, latency_s)
        attempt = self._failed(grant, email, error, started_at, latency_s)
        if error.remedy is Remedy.STOP_RUN:
            self._listener.run_over(str(error))
        failure = None
        if error.remedy is Remedy.GIVE_UP and not consequence.retry_elsewhere and self._no_use(grant, email, error):
            failure = refused(error)
        elif error.remedy is Remedy.BACK_OFF:
            tries = self._patience.worn_out(email.id, self._clock(), counts=consequence.counts_against_email)
            failure = worn_out(error, tries) if tries else None
        if failure is None:
            await self._committer.commit(Answer(attempt))
            if error.remedy is not Remedy.WAIT:
                self._patience.in_vain(email.id, grant.alias)
            self._line.give_back(email)
            return
        settled = Settled(email.id, len(email.bad_answers), failure=failure)
        await self._settle(Answer(attempt, settled), email)
        self._listener.failed(failure)

    def _no_use(self, grant: Grant, email: PendingEmail, error: CallError) -> bool:
        """Whether asking once more, with another key, is of no use for a request that was refused as it is."""
        if not isinstance(error, RequestRefusedError) or error.status is None:
            return True
        another = any(key.alias != grant.alias and not key.state.out for key in self._broker.statuses())
        return self._patience.refused(email.id, another_key=another)

    async def _settle(self, answer: Answer, email: PendingEmail) -> None:
        await self._committer.commit(answer)
        self._patience.settled(email.id)
        self._line.settle(email)

    def _replied(
        self, grant: Grant, email: PendingEmail, reply: Reply, verdict: Verdict, started_at: float, latency_s: float
    ) -> Attempt:
        return replace(
            self._attempt(grant, email, started_at, latency_s),
            outcome=verdict.outcome,
            raw_answer=reply.text,
            error=verdict.reason or None,
            prompt_tokens=reply.usage.prompt_tokens,
            completion_tokens=reply.usage.completion_tokens,
            request_id=reply.request_id or None,
        )

    def _failed(
        self, grant: Grant, email: PendingEmail, error: CallError, started_at: float, latency_s: float
    ) -> Attempt:
        return replace(
            self._attempt(grant, email, started_at, latency_s),
            outcome=error.outcome,
            error=str(error),
            request_id=error.request_id or None,
        )

    def _attempt(self, grant: Grant, email: PendingEmail, started_at: float, latency_s: float) -> Attempt:
        return Attempt(
            email_id=email.id,
            n=email.attempts + 1,
            kind=AskKind.REASK if email.bad_answers else AskKind.ASK,
            key_alias=grant.alias,
            organization=grant.organization,
            model=self._task.model.model,
            task_version=self._task.version,
            started_at=started_at,
            latency_s=latency_s,
            outcome=Outcome.ANSWERED,
        )
