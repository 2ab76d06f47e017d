"""Settle an email: what a reply or an error makes of it, for every lane, the probe and the dry run.

A question ends in one of three ways: the email is settled (a label, or a failure), it goes back to the queue (another
question, another key, another moment), or the call was cut off and leaves nothing. :class:`Exchange` asks one question
and returns a :class:`Settlement`; a lane that asks in another way (a batch, a cluster) calls :func:`settle_reply` and
:func:`settle_error` with what it got.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

from core.errors import CallError, KeyRefusedError, PlaceLostError, Remedy, TooLargeError
from core.llm.answers import label_probability
from core.llm.packs import pack_messages, pack_request, read_answer, shared_out
from core.llm.task import messages, reask_messages
from core.model import (
    AskKind,
    Attempt,
    ChatMessage,
    ModelSettings,
    Outcome,
    PackPlace,
    PendingEmail,
    PlaceStatus,
    Reply,
    Settled,
    Task,
    Verdict,
)
from core.model.value import value
from core.storage.writing.store import Answer
from core.worker.pacer import AnyPacer, Permit
from core.worker.retries import Fault, RetryPolicy

FAILURE_CHARS = 300
"""A failure quotes a server with at most so many characters."""

_WORDS = {
    Outcome.INVALID: "no valid label",
    Outcome.EMPTY: "empty answer",
    Outcome.TRUNCATED: "the answer was cut off before a label (max_completion_tokens in the task is too small for it)",
}


class Asks(Protocol):
    """Describe a client of one key."""

    async def ask(
        self, messages: tuple[ChatMessage, ...], settings: ModelSettings, *, form: Mapping[str, Any] | None = ...
    ) -> Reply:
        """Send one conversation and return the reply, in another response format where one is given.

        Raises a leaf of ``CallError``.
        """


class Judges(Protocol):
    """Describe the validation of a raw answer."""

    async def judge(self, reply: Reply) -> Verdict:
        """Return the accepted label, or why there is none."""


@runtime_checkable
class Loads(Protocol):
    """Describe what takes seconds to be ready, and can be used before: then the first use waits."""

    async def load(self) -> object:
        """Make it ready."""


@value(frozen=True, slots=True)
class Answered:
    """Hold what one call came to: the reply, and the verdict on it.

    Of a pack ``parts`` has for each email its part of the reply, as a single one would be, and the verdict on that.
    ``judged_s`` are the seconds that the verdict took after the reply: those of the first ones wait for the validator.
    """

    reply: Reply
    verdict: Verdict
    parts: tuple[tuple[Reply, Verdict], ...] = ()
    judged_s: float = 0.0


class Fleet(Protocol):
    """Describe where calls are made and answers judged: in this process (:class:`LocalFleet`), or at places."""

    async def ask(self, permit: Permit, conversation: tuple[ChatMessage, ...], settings: ModelSettings) -> Answered:
        """Make one call with the permit's key and judge the reply.

        Raises a leaf of ``CallError`` where it fails, PlaceLostError where its result is unknown.
        """

    def most(self) -> int:
        """Return how many calls may be out at once now."""

    def why_full(self) -> str:
        """Return why no more may be out."""

    def places(self) -> tuple[PlaceStatus, ...]:
        """Return the places of the calls, none where this process makes them."""

    async def ask_pack(
        self,
        permit: Permit,
        conversation: tuple[ChatMessage, ...],
        settings: ModelSettings,
        *,
        size: int,
        form: Mapping[str, Any] | None,
    ) -> Answered:
        """Make one call about ``size`` emails, and judge the answer to each; ``form`` is the response format."""


class LocalFleet:
    """Make the calls of this process: ``client_of`` gives the client for a permit's key."""

    def __init__(self, client_of: Callable[[Any], Asks], guard: Judges) -> None:
        self._client_of = client_of
        self._guard = guard

    async def ask(self, permit: Permit, conversation: tuple[ChatMessage, ...], settings: ModelSettings) -> Answered:
        """Make one call and judge the reply."""
        reply = await self._client_of(permit).ask(conversation, settings)
        now = asyncio.get_running_loop().time
        answered_at = now()
        verdict = await self._guard.judge(reply)
        return Answered(reply, verdict, judged_s=now() - answered_at)

    def most(self) -> int:
        """Return no bound: the pacer has one."""
        return sys.maxsize

    def why_full(self) -> str:
        """Return nothing: it never is."""
        return ""

    def places(self) -> tuple[PlaceStatus, ...]:
        """Return none: this process makes the calls."""
        return ()

    async def ask_pack(
        self,
        permit: Permit,
        conversation: tuple[ChatMessage, ...],
        settings: ModelSettings,
        *,
        size: int,
        form: Mapping[str, Any] | None,
    ) -> Answered:
        """Make one call and judge the answer to each email."""
        reply = await self._client_of(permit).ask(conversation, settings, form=form)
        now = asyncio.get_running_loop().time
        answered_at = now()
        parts = await judged_parts(self._guard, reply, size)
        return Answered(reply, parts[0][1], parts, now() - answered_at)


async def judged_parts(guard: Judges, reply: Reply, size: int) -> tuple[tuple[Reply, Verdict], ...]:
    """Return for each email of a pack its part of the answer, as a single answer would be, and the verdict on it."""
    found = []
    for part in read_answer(reply, size):
        own = replace(reply, text=part.text or "", finish_reason="length" if part.cut else "stop", refusal="")
        unusable = Verdict(Outcome.INVALID, None, f"In a pack of {size}: {part.reason}.")
        found.append((own, unusable if part.text is None else await guard.judge(own)))
    return tuple(found)


@value(frozen=True, slots=True)
class Question:
    """Hold one question as it was put: about which email, with which key, when, and how long it took."""

    email: PendingEmail
    alias: str
    organization: str
    started_at: float
    latency_s: float
    lane: str = "live"
    in_flight: int | None = None


@value(frozen=True, slots=True)
class Settlement:
    """Hold what one question came to: the attempt, and a ``label``, a ``failure`` or neither.

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
        """Return whether the email is settled."""
        return self.label is not None or self.failure is not None

    @property
    def answer(self) -> Answer:
        """Return what is committed to the run file."""
        if not self.settled:
            return Answer(self.attempt)
        settled = Settled(self.email.id, self.reasks, label=self.label, failure=self.failure)
        return Answer(self.attempt, settled, chars=len(self.email.text))


def attempt_of(task: Task, question: Question, outcome: Outcome, **known: Any) -> Attempt:
    """Return the attempt that a question is recorded as; ``known`` are the fields that its outcome fills."""
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
        outcome=outcome,
        lane=question.lane,
        in_flight=question.in_flight,
        **known,
    )


def settle_reply(task: Task, question: Question, reply: Reply, verdict: Verdict, *, number: int = 0) -> Settlement:
    """Return what a reply makes of an email: its label, another question, or a failure after ``max_reasks`` of them.

    ``number`` is the email's in the answer to a pack, 0 where it was asked about alone.
    """
    email = question.email
    attempt = attempt_of(
        task,
        question,
        verdict.outcome,
        raw_answer=reply.text,
        error=verdict.reason or None,
        prompt_tokens=reply.usage.prompt_tokens,
        completion_tokens=reply.usage.completion_tokens,
        request_id=reply.request_id or None,
        reply_model=reply.model or None,
        system_fingerprint=reply.system_fingerprint or None,
        label_probability=label_probability(task, reply.logprobs, verdict.label, number=number),
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


def settle_packed(task: Task, question: Question, place: PackPlace, reply: Reply, verdict: Verdict) -> Settlement:
    """Return what a pack's answer makes of one of its emails: its label, or that it is asked about alone.

    ``reply`` is the email's part: what the answer says of it, and its part of the tokens. An unusable part is no
    unusable answer of its own: the question that follows is the first that is asked about this email alone.
    """
    email = question.email
    if verdict.label is not None:
        found = settle_reply(task, question, reply, verdict, number=place.position)
    else:
        found = settle_reply(task, replace(question, email=replace(email, bad_answers=())), reply, verdict)
        found = Settlement(found.attempt, replace(email, alone=True), len(email.bad_answers))
    return replace(found, attempt=replace(found.attempt, pack=place))


def settle_error(
    task: Task, question: Question, error: CallError, *, fault: Fault, elsewhere: bool, tries: int
) -> Settlement:
    """Return what an error makes of an email.

    ``fault`` is whose fault a refusal was found to be. ``elsewhere``: another key may take what was too large for this
    one. ``tries`` is how many errors of server or network were too many, or 0.
    """
    attempt = attempt_of(task, question, error.outcome, error=str(error), request_id=error.request_id or None)
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
    if isinstance(error, TooLargeError) and _of_the_model(error):
        return f"too long for the model: {error.said}"[:FAILURE_CHARS]
    if isinstance(error, TooLargeError):
        return "too long for the quota: no key's organization takes a request of this size"
    text = str(error)
    end = text.find(error.said) + len(error.said) if error.said else len(text)
    return f"refused by the server: {text[:end]}"[:FAILURE_CHARS]  # what follows advises about keys


def _of_the_model(error: TooLargeError) -> bool:
    """Return whether the model's context is too small for an email, not a quota: then the server says so."""
    return error.status != 413 and error.code != "rate_limit_exceeded" and error.said != ""


def worn_out(error: CallError, tries: int) -> str:
    """Return the failure of an email that met an error of server or network each time."""
    return f"{error.outcome.value.replace('_', ' ')} in the last of {tries} tries, none of which was answered"


class Exchange:
    """Ask one question at a time with a permit, report its result to the pacer, and settle the email.

    ``fleet`` makes the calls; ``retries`` keeps the errors of each email.
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
        question, reply = self._question(permit, email, started_at, answered.judged_s), answered.reply
        self._pacer.answered(permit, reply.usage, reply.headers, question.latency_s)
        self._retries.answered(email.id, permit.alias, started_at)
        return settle_reply(self._task, question, reply, answered.verdict)

    async def ask_pack(self, permit: Permit, emails: Sequence[PendingEmail]) -> tuple[Settlement, ...]:
        """Ask about several emails in one call, and return what came of each, in their order.

        The permit's number stands for the pack; no error of a pack ever fails an email.
        """
        task, started_at = self._task, self._clock()
        settings, form = pack_request(task, len(emails))
        conversation = pack_messages(task, [email.text for email in emails])
        self._retries.refusals.asked(permit.email_id, permit.alias, started_at)
        try:
            answered = await self._fleet.ask_pack(permit, conversation, settings, size=len(emails), form=form)
        except PlaceLostError as error:
            self._retries.refusals.ended(permit.email_id)
            self._pacer.cancelled(permit, sent=error.sent)
            if not error.sent:
                raise
            return self._pack_lost(permit, emails, started_at, error)
        except CallError as error:
            return self._pack_failed(permit, emails, started_at, error)
        except BaseException:
            self._retries.refusals.ended(permit.email_id)
            self._pacer.cancelled(permit)
            raise
        lead, reply = self._question(permit, emails[0], started_at, answered.judged_s), answered.reply
        self._pacer.answered(permit, reply.usage, reply.headers, lead.latency_s)
        self._retries.answered(permit.email_id, permit.alias, started_at, [email.id for email in emails])
        common = sum(len(message.content) for message in conversation) - sum(len(email.text) for email in emails)
        usages = shared_out(reply.usage, [len(email.text) + common / len(emails) for email in emails])
        found = []
        for at, (email, (part, verdict), usage) in enumerate(zip(emails, answered.parts, usages, strict=True)):
            place = PackPlace(f"{permit.alias} {started_at!r} {emails[0].id}", at + 1, len(emails), reply.text)
            question = replace(lead, email=email)
            found.append(settle_packed(task, question, place, replace(part, usage=usage), verdict))
        return tuple(found)

    def _pack_lost(
        self, permit: Permit, emails: Sequence[PendingEmail], started_at: float, error: PlaceLostError
    ) -> tuple[Settlement, ...]:
        """Return what a lost place makes of a pack: its emails go back, and nothing counts against anybody."""
        found = []
        for at, email in enumerate(emails):
            place = PackPlace(f"{permit.alias} {started_at!r} {emails[0].id}", at + 1, len(emails))
            question = self._question(permit, email, started_at)
            attempt = attempt_of(self._task, question, Outcome.LOST, error=str(error), pack=place)
            found.append(Settlement(attempt, email, len(email.bad_answers)))
        return tuple(found)

    def _pack_failed(
        self, permit: Permit, emails: Sequence[PendingEmail], started_at: float, error: CallError
    ) -> tuple[Settlement, ...]:
        """Return what a failed call makes of a pack's emails: after a refusal each of them is asked about alone."""
        pack = replace(emails[0], id=permit.email_id)
        lead = self._question(permit, pack, started_at)
        fault = self._fault(lead, error, probe=False)
        spare_key = isinstance(error, KeyRefusedError) and fault is not Fault.KEY
        consequence = self._pacer.failed(permit, error, lead.latency_s, spare_key=spare_key)
        self._retries.settled(permit.email_id)
        if error.remedy is Remedy.BACK_OFF and not consequence.full:
            for email in emails:
                self._retries.worn_out(email.id, self._clock(), counts=consequence.counts_against_email)
        held = fault if fault in (Fault.KEY, Fault.RUN) else Fault.OPEN
        refused = held is Fault.OPEN and error.remedy not in (Remedy.WAIT, Remedy.BACK_OFF)
        alone = refused and not isinstance(error, TooLargeError)
        found = []
        for at, email in enumerate(emails):
            place = PackPlace(f"{permit.alias} {started_at!r} {emails[0].id}", at + 1, len(emails))
            question = replace(lead, email=replace(email, alone=email.alone or alone))
            settlement = settle_error(self._task, question, error, fault=held, elsewhere=True, tries=0)
            attempt = replace(settlement.attempt, pack=place)
            over = settlement.run_over if at == 0 else ""
            found.append(replace(settlement, attempt=attempt, in_vain=False, run_over=over))
        return tuple(found)

    def _question(self, permit: Permit, email: PendingEmail, started_at: float, judged_s: float = 0.0) -> Question:
        latency_s = max(0.0, self._clock() - started_at - judged_s)
        return Question(email, permit.alias, permit.organization, started_at, latency_s, permit.lane, permit.in_flight)

    def why_full(self, out: int) -> str:
        """Return why no call may go out while so many are ``out``, or nothing."""
        return "" if out < self._fleet.most() else self._fleet.why_full()

    def _lost(self, permit: Permit, question: Question, error: PlaceLostError) -> Settlement:
        """Return what a lost place makes of an email: it goes back to the queue, and nothing counts against anybody."""
        self._retries.refusals.ended(question.email.id)
        self._pacer.cancelled(permit)
        attempt = attempt_of(self._task, question, Outcome.LOST, error=str(error))
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
