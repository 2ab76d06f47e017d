"""Settle an email: what a reply or an error makes of it, for every lane, the probe and the dry run.

A question ends in one of three ways: the email is settled (a label, or a failure), it goes back to the queue (another
question, another key, another moment), or the call was cut off and leaves nothing. :class:`Exchange` asks one question
and returns a :class:`Settlement`; a lane that asks in another way (a batch, a cluster) calls :func:`settle_reply` and
:func:`settle_error` with what it got.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

from core.errors import CallError, KeyRefusedError, PlaceLostError, Remedy, TooLargeError
from core.llm.task import messages, reask_messages
from core.model import (
    AskKind,
    Attempt,
    ChatMessage,
    ModelSettings,
    Outcome,
    PendingEmail,
    PlaceStatus,
    Reply,
    Settled,
    Task,
    Verdict,
)
from core.storage.writing.store import Answer
from core.worker.pacer import AnyPacer, Permit
from core.worker.retries import Fault, RetryPolicy

FAILURE_CHARS = 300
"""A failure quotes a server with at most so many characters."""

_WORDS = {
    Outcome.INVALID: "no valid label",
    Outcome.EMPTY: "empty answer",
    Outcome.TRUNCATED: "the answer was cut off before a label",
}


class Asks(Protocol):
    """A client of one key."""

    async def ask(self, messages: tuple[ChatMessage, ...], settings: ModelSettings) -> Reply:
        """Send one conversation and return the reply; raise a leaf of ``CallError``."""


class Judges(Protocol):
    """Validation of a raw answer."""

    async def judge(self, reply: Reply) -> Verdict:
        """Return the accepted label, or why there is none."""


@runtime_checkable
class Loads(Protocol):
    """What takes seconds to be ready, and can be used before: then the first use waits."""

    async def load(self) -> object:
        """Make it ready."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What one call came to: the reply, and the verdict on it."""

    reply: Reply
    verdict: Verdict


class Fleet(Protocol):
    """Where calls are made and their answers judged: in this process (:class:`LocalFleet`), or at other places."""

    async def ask(self, permit: Permit, conversation: tuple[ChatMessage, ...], settings: ModelSettings) -> Answered:
        """Make one call with the permit's key and judge the reply.

        Raises a leaf of ``CallError`` where it fails, PlaceLostError where nobody knows what came of it.
        """

    def most(self) -> int:
        """Return how many calls may be out at once now."""

    def why_full(self) -> str:
        """Return why no more may be out."""

    def places(self) -> tuple[PlaceStatus, ...]:
        """Return the places of the calls, none where this process makes them."""


class LocalFleet:
    """Makes the calls of this process: ``client_of`` gives the client for a permit's key."""

    def __init__(self, client_of: Callable[[Any], Asks], guard: Judges) -> None:
        self._client_of = client_of
        self._guard = guard

    async def ask(self, permit: Permit, conversation: tuple[ChatMessage, ...], settings: ModelSettings) -> Answered:
        """Make one call and judge the reply."""
        reply = await self._client_of(permit).ask(conversation, settings)
        return Answered(reply, await self._guard.judge(reply))

    def most(self) -> int:
        """Return no bound: the pacer has one."""
        return sys.maxsize

    def why_full(self) -> str:
        """Return nothing: it never is."""
        return ""

    def places(self) -> tuple[PlaceStatus, ...]:
        """Return none: this process makes the calls."""
        return ()


@dataclass(frozen=True, slots=True)
class Question:
    """One question as it was put: about which email, with which key, when, and how long it took."""

    email: PendingEmail
    alias: str
    organization: str
    started_at: float
    latency_s: float
    lane: str = "live"


@dataclass(frozen=True, slots=True)
class Settlement:
    """What one question came to: the attempt, and a ``label``, a ``failure`` or neither.

    ``reasks`` counts the follow-up questions so far. Where there is neither, ``email`` goes back to the queue as it is
    here, with all its unusable answers; ``in_vain`` says that another key should be tried. ``run_over`` is why nothing
    more should be asked, or nothing. ``notice`` is a sentence for the run's events, or nothing.
    """

    attempt: Attempt
    email: PendingEmail
    reasks: int
    label: str | None = None
    failure: str | None = None
    in_vain: bool = False
    run_over: str = ""
    notice: str = ""

    @property
    def settled(self) -> bool:
        """Whether the email is settled."""
        return self.label is not None or self.failure is not None

    @property
    def answer(self) -> Answer:
        """What is committed to the run file."""
        if not self.settled:
            return Answer(self.attempt)
        return Answer(self.attempt, Settled(self.email.id, self.reasks, label=self.label, failure=self.failure))


def attempt_of(task: Task, question: Question) -> Attempt:
    """Return the attempt that a question is recorded as, before anything is known of its outcome."""
    email = question.email
    return Attempt(
        email_id=email.id,
        n=email.attempts + 1,
        kind=AskKind.REASK if email.bad_answers else AskKind.ASK,
        key_alias=question.alias,
        organization=question.organization,
        model=task.model.model,
        task_version=task.version,
        started_at=question.started_at,
        latency_s=question.latency_s,
        outcome=Outcome.ANSWERED,
        lane=question.lane,
    )


def settle_reply(task: Task, question: Question, reply: Reply, verdict: Verdict) -> Settlement:
    """Return what a reply makes of an email: its label, another question, or a failure after ``max_reasks`` of them."""
    email = question.email
    attempt = replace(
        attempt_of(task, question),
        outcome=verdict.outcome,
        raw_answer=reply.text,
        error=verdict.reason or None,
        prompt_tokens=reply.usage.prompt_tokens,
        completion_tokens=reply.usage.completion_tokens,
        request_id=reply.request_id or None,
        reply_model=reply.model or None,
        system_fingerprint=reply.system_fingerprint or None,
    )
    reasks = len(email.bad_answers)
    if verdict.label is not None:
        return Settlement(attempt, email, reasks, label=verdict.label)
    if verdict.outcome is Outcome.REFUSED:  # the same question would meet the same end
        return Settlement(attempt, email, reasks, failure=f"refused by the model: {verdict.reason}"[:FAILURE_CHARS])
    email = replace(email, bad_answers=(*email.bad_answers, (reply.text, verdict.reason)))
    if len(email.bad_answers) > task.max_reasks:
        return Settlement(attempt, email, reasks, failure=unusable(verdict.outcome, len(email.bad_answers)))
    return Settlement(attempt, email, reasks, in_vain=True)


def settle_error(
    task: Task, question: Question, error: CallError, *, fault: Fault, elsewhere: bool, tries: int
) -> Settlement:
    """Return what an error makes of an email.

    ``fault`` is whose fault a refusal was found to be. ``elsewhere``: another key may take what was too large for this
    one. ``tries`` is how many errors of server or network were too many, or 0.
    """
    attempt = replace(
        attempt_of(task, question), outcome=error.outcome, error=str(error), request_id=error.request_id or None
    )
    failure = None
    if fault is Fault.EMAIL or (isinstance(error, TooLargeError) and not elsewhere):
        failure = refused(error)
    elif tries:
        failure = worn_out(error, tries)
    return Settlement(
        attempt,
        question.email,
        len(question.email.bad_answers),
        failure=failure,
        in_vain=error.remedy is not Remedy.WAIT,
        run_over=str(error) if fault is Fault.RUN else "",
    )


def unusable(outcome: Outcome, asks: int) -> str:
    """Return the failure of an email whose every answer was unusable; ``outcome`` is that of the last one."""
    return f"{_WORDS.get(outcome, outcome.value)} after {asks} answer{'s' if asks != 1 else ''}"


def refused(error: CallError) -> str:
    """Return the failure of an email whose request no server will take as it is."""
    if isinstance(error, TooLargeError):
        return "too long for the quota: no key's organization takes a request of this size"
    return f"refused by the server: {error}"[:FAILURE_CHARS]


def worn_out(error: CallError, tries: int) -> str:
    """Return the failure of an email that met an error of server or network each time."""
    return f"{error.outcome.value.replace('_', ' ')} in the last of {tries} tries, none of which was answered"


class Exchange:
    """Asks one question at a time with a permit, tells the pacer what came of it, and settles the email.

    ``fleet`` makes the calls; ``retries`` remembers the errors of each email.
    """

    def __init__(
        self,
        *,
        task: Task,
        fleet: Fleet,
        pacer: AnyPacer,
        clock: Callable[[], float],
        retries: RetryPolicy,
    ) -> None:
        self._task = task
        self._fleet = fleet
        self._pacer = pacer
        self._clock = clock
        self._retries = retries

    async def ask(self, permit: Permit, email: PendingEmail, *, probe: bool = False) -> Settlement:
        """Ask about an email. A ``probe`` (or a canary) was answered before; its failure is never its own."""
        if email.bad_answers:
            conversation = reask_messages(self._task, email.text, email.bad_answers)
        else:
            conversation = messages(self._task, email.text)
        started_at = self._clock()
        self._retries.refusals.asked(email.id, permit.alias, started_at)
        try:
            answered = await self._fleet.ask(permit, conversation, self._task.model)
        except PlaceLostError as error:
            if not error.sent:
                self._retries.refusals.ended(email.id)
                self._pacer.cancelled(permit, sent=False)
                raise
            return self._lost(permit, self._question(permit, email, started_at), error)
        except CallError as error:
            return self._failed(permit, self._question(permit, email, started_at), error, probe=probe)
        except BaseException:
            self._retries.refusals.ended(email.id)
            self._pacer.cancelled(permit)
            raise
        question, reply = self._question(permit, email, started_at), answered.reply
        self._pacer.answered(permit, reply.usage, reply.headers, question.latency_s)
        self._retries.answered(email.id, permit.alias, started_at)
        return settle_reply(self._task, question, reply, answered.verdict)

    def _question(self, permit: Permit, email: PendingEmail, started_at: float) -> Question:
        latency_s = self._clock() - started_at
        return Question(email, permit.alias, permit.organization, started_at, latency_s, permit.lane)

    def why_full(self, out: int) -> str:
        """Return why no call may go out while so many are ``out``, or nothing."""
        return "" if out < self._fleet.most() else self._fleet.why_full()

    def _lost(self, permit: Permit, question: Question, error: PlaceLostError) -> Settlement:
        """Return what a lost place makes of an email: it goes back to the queue, and nothing counts against anybody."""
        self._retries.refusals.ended(question.email.id)
        self._pacer.cancelled(permit)
        attempt = replace(attempt_of(self._task, question), outcome=Outcome.LOST, error=str(error))
        return Settlement(attempt, question.email, len(question.email.bad_answers))

    def _failed(self, permit: Permit, question: Question, error: CallError, *, probe: bool) -> Settlement:
        fault = self._fault(question, error, probe=probe)
        spare_key = isinstance(error, KeyRefusedError) and fault is not Fault.KEY
        consequence = self._pacer.failed(permit, error, question.latency_s, spare_key=spare_key)
        tries = 0
        if error.remedy is Remedy.BACK_OFF and not probe and not consequence.full:
            counts = consequence.counts_against_email
            tries = self._retries.worn_out(question.email.id, self._clock(), counts=counts)
        settlement = settle_error(
            self._task, question, error, fault=fault, elsewhere=consequence.retry_elsewhere or probe, tries=tries
        )
        if consequence.full:
            return replace(settlement, in_vain=False)
        if fault is Fault.OPEN and spare_key:
            return replace(
                settlement,
                notice=f"{permit.alias} was refused for one text and is asked about another before it is out: {error}",
            )
        return settlement

    def _fault(self, question: Question, error: CallError, *, probe: bool) -> Fault:
        """Decide whose fault an error is; ``OPEN`` for errors that are nobody's, or where more must be asked."""
        refusals, email_id = self._retries.refusals, question.email.id
        if error.remedy in (Remedy.WAIT, Remedy.BACK_OFF) or isinstance(error, TooLargeError):
            refusals.ended(email_id)
            return Fault.OPEN
        if error.conclusive:
            refusals.ended(email_id)
            by_remedy = {Remedy.CHANGE_KEY: Fault.KEY, Remedy.STOP_RUN: Fault.RUN, Remedy.GIVE_UP: Fault.EMAIL}
            return Fault.OPEN if probe and error.remedy is Remedy.GIVE_UP else by_remedy[error.remedy]
        return refusals.refused(
            email_id,
            question.alias,
            self._clock(),
            by_key=error.remedy is Remedy.CHANGE_KEY,
            status=error.status,
            probe=probe,
        )
