"""What a reply or an error makes of an email, and what pacer and counts are told of each call, alone and in packs."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from core.errors import (
    CallError,
    CallTimeoutError,
    CapacityError,
    ContentRefusedError,
    KeyRefusedError,
    ModelGoneError,
    PlaceLostError,
    RateLimitedError,
    RequestRefusedError,
    ServerFailedError,
    TooLargeError,
)
from core.llm.packs import pack_messages
from core.llm.task import builtin_task
from core.model import (
    AskKind,
    ChatMessage,
    ModelSettings,
    Outcome,
    PackPlace,
    PendingEmail,
    Reply,
    Usage,
    Verdict,
)
from core.quota.pacing.grants import Consequence
from core.storage.writing.store import Answer
from core.worker import settle
from core.worker.pacer import Slot
from core.worker.retries import Fault, RetryPolicy
from core.worker.settle import (
    Answered,
    Exchange,
    LocalFleet,
    Question,
    Settlement,
    refused,
    settle_error,
    settle_packed,
    settle_reply,
    unusable,
    worn_out,
)

TASK = replace(builtin_task(), max_reasks=2, version="v1")
PERMIT = Slot(7, "main", "org_1", lane="flex", in_flight=3)
LABELED = Verdict(Outcome.ANSWERED, "1")
INVALID = Verdict(Outcome.INVALID, None, "It is neither 1 nor 0.")


def email(number: int = 7, *bad: str, text: str = "Hello", **more: Any) -> PendingEmail:
    return PendingEmail(
        number, number, f"mail-{number}", "", text, text, bad_answers=tuple((each, "no label") for each in bad), **more
    )


def reply(text: str = "1", prompt: int = 100, completion: int = 5) -> Reply:
    return Reply(text, "stop", Usage(prompt, completion), "req_1", {"x-h": "1"}, model="m-1", system_fingerprint="fp")


def question(*bad: str, attempts: int = 0) -> Question:
    return Question(email(7, *bad, attempts=attempts), "main", "org_1", 100.0, 1.5, "flex", 3)


def test_what_an_attempt_keeps_of_a_reply() -> None:
    """Its number among the email's calls, the key, the times, the tokens, the reply's names; empty ones are None."""
    attempt = settle_reply(TASK, question(attempts=4), reply(), LABELED).attempt
    assert (attempt.email_id, attempt.n, attempt.kind) == (7, 5, AskKind.ASK)
    assert (attempt.key_alias, attempt.organization, attempt.model) == ("main", "org_1", TASK.model.model)
    assert (attempt.task_version, attempt.started_at, attempt.latency_s) == ("v1", 100.0, 1.5)
    assert (attempt.lane, attempt.in_flight, attempt.outcome, attempt.raw_answer) == ("flex", 3, Outcome.ANSWERED, "1")
    assert (attempt.error, attempt.prompt_tokens, attempt.completion_tokens) == (None, 100, 5)
    assert (attempt.request_id, attempt.reply_model, attempt.system_fingerprint) == ("req_1", "m-1", "fp")
    sure = replace(reply("1"), logprobs=((b"1", math.log(0.75)),))
    assert settle_reply(TASK, question(), sure, LABELED).attempt.label_probability == pytest.approx(0.75)
    assert settle_reply(TASK, question(), sure, LABELED, number=1).attempt.label_probability is None
    bare = settle_reply(TASK, question("x"), Reply("", "stop", Usage(), "", {}), INVALID).attempt
    assert (bare.kind, bare.error) == (AskKind.REASK, INVALID.reason)
    assert (bare.request_id, bare.reply_model, bare.system_fingerprint) == (None, None, None)


@pytest.mark.parametrize(
    ("bad", "verdict", "label", "failure", "in_vain"),
    [
        (0, LABELED, "1", None, False),
        (2, LABELED, "1", None, False),
        (0, INVALID, None, None, True),
        (1, INVALID, None, None, True),
        (2, INVALID, None, "no valid label after 3 answers", False),
        (0, Verdict(Outcome.REFUSED, None, "no"), None, "refused by the model: no", False),
        (0, Verdict(Outcome.REFUSED, None, "x" * 300), None, "refused by the model: " + "x" * 278, False),
        (2, Verdict(Outcome.EMPTY, None, "It is empty."), None, "empty answer after 3 answers", False),
    ],
)
def test_what_a_reply_makes_of_an_email(
    bad: int, verdict: Verdict, label: str | None, failure: str | None, in_vain: bool
) -> None:
    """Two follow-up questions are asked, with all that was unusable; the third such answer fails it."""
    asked = question(*["maybe"] * bad)
    found = settle_reply(TASK, asked, reply("perhaps"), verdict)
    assert (found.label, found.failure, found.in_vain, found.reasks) == (label, failure, in_vain, bad)
    assert found.settled is (not in_vain)
    settled = found.answer.settled
    if in_vain:
        assert found.email.bad_answers == (*asked.email.bad_answers, ("perhaps", verdict.reason))
        assert found.answer == Answer(found.attempt)
    else:
        assert settled is not None
        assert (settled.email_id, settled.reasks, settled.label, settled.failure) == (7, bad, label, failure)
        assert found.answer.chars == len("Hello")


def test_an_email_that_may_not_be_asked_again_fails_with_its_first_answer() -> None:
    """In the singular."""
    found = settle_reply(replace(TASK, max_reasks=0), question(), reply(), INVALID)
    assert found.failure == "no valid label after 1 answer"


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome.INVALID, "no valid label"),
        (Outcome.EMPTY, "empty answer"),
        (
            Outcome.TRUNCATED,
            "the answer was cut off before a label (max_completion_tokens in the task is too small for it)",
        ),
        (Outcome.LOST, "lost"),
    ],
)
def test_the_last_unusable_answer_names_the_failure(outcome: Outcome, words: str) -> None:
    """With how many there were."""
    assert [unusable(outcome, asks) for asks in (1, 2)] == [f"{words} after 1 answer", f"{words} after 2 answers"]


def test_a_pack_leaves_what_it_did_not_answer_to_a_question_of_its_own() -> None:
    """It is asked about alone, and no unusable answer is counted; a label has its place in the pack."""
    place = PackPlace("p", 2, 3, "1 0 ?")
    labeled = settle_packed(TASK, question("x"), place, reply(), LABELED)
    assert (labeled.label, labeled.reasks, labeled.attempt.pack, labeled.email.alone) == ("1", 1, place, False)
    left = settle_packed(TASK, question("x", "y", "z"), place, reply(), INVALID)
    assert (left.label, left.failure, left.reasks, left.attempt.pack) == (None, None, 3, place)
    assert left.email == replace(email(7, "x", "y", "z"), alone=True)
    assert not left.in_vain


LONG = "context of 8192 tokens"


@pytest.mark.parametrize(
    ("error", "fault", "elsewhere", "tries", "failure", "in_vain", "run_over"),
    [
        (ServerFailedError("500"), Fault.OPEN, True, 0, None, True, ""),
        (ServerFailedError("500"), Fault.OPEN, True, 5, "server error in the last of 5 tries, none of which was answered", True, ""),
        (RateLimitedError("429"), Fault.OPEN, True, 0, None, False, ""),
        (TooLargeError("413", status=413), Fault.OPEN, True, 0, None, True, ""),
        (
            TooLargeError("413", status=413),
            Fault.OPEN,
            False,
            0,
            "too long for the quota: no key's organization takes a request of this size",
            True,
            "",
        ),
        (RequestRefusedError("400 no"), Fault.OPEN, False, 0, None, True, ""),
        (RequestRefusedError("400 no"), Fault.EMAIL, False, 3, "refused by the server: 400 no", True, ""),
        (ModelGoneError("404 gone"), Fault.RUN, False, 0, None, True, "404 gone"),
        (KeyRefusedError("401"), Fault.KEY, True, 0, None, True, ""),
    ],
)  # fmt: skip
def test_what_an_error_makes_of_an_email(
    error: CallError, fault: Fault, elsewhere: bool, tries: int, failure: str | None, in_vain: bool, run_over: str
) -> None:
    """A refusal that is its own fault, a size that nobody takes, or too many errors fail it; a quota's refusal is not in vain."""
    found = settle_error(TASK, question("x"), error, fault=fault, elsewhere=elsewhere, tries=tries)
    assert (found.failure, found.in_vain, found.run_over, found.reasks) == (failure, in_vain, run_over, 1)
    assert (found.attempt.outcome, found.attempt.error, found.attempt.request_id) == (error.outcome, str(error), None)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TooLargeError("400: long", status=400, said=LONG), f"too long for the model: {LONG}"),
        (
            TooLargeError("413: long", status=413, said=LONG),
            "too long for the quota: no key's organization takes a request of this size",
        ),
        (
            TooLargeError("429: long", status=429, code="rate_limit_exceeded", said=LONG),
            "too long for the quota: no key's organization takes a request of this size",
        ),
        (
            TooLargeError("400: long", status=400),
            "too long for the quota: no key's organization takes a request of this size",
        ),
        (
            RequestRefusedError("h answered 400: no nonsense. Look at the key.", said="no nonsense."),
            "refused by the server: h answered 400: no nonsense.",
        ),
        (RequestRefusedError("h answered 400"), "refused by the server: h answered 400"),
        (RequestRefusedError("n" * 400), "refused by the server: " + "n" * 277),
    ],
)
def test_a_failure_quotes_the_server_and_no_more(error: CallError, words: str) -> None:
    """Up to the end of its own sentence, 300 characters at most; a quota is told from the model's context."""
    assert refused(error) == words
    assert worn_out(CallTimeoutError("t"), 2) == "timeout in the last of 2 tries, none of which was answered"


class Pacer:
    """A pacer that keeps what it is told, and says of each failure what a test wants."""

    def __init__(self, consequence: Consequence) -> None:
        self.told: list[str] = []
        self._consequence = consequence

    def answered(self, grant: Slot, usage: Usage, headers: Mapping[str, str], latency_s: float) -> None:
        assert headers == {"x-h": "1"}
        self.told.append(f"answered {grant.email_id} {usage.prompt_tokens} {latency_s:g} s")

    def failed(self, grant: Slot, error: CallError, latency_s: float, *, spare_key: bool = False) -> Consequence:
        self.told.append(f"failed {grant.email_id} {error} {latency_s:g} s{' sparing the key' if spare_key else ''}")
        return self._consequence

    def cancelled(self, grant: Slot, *, sent: bool = True) -> None:
        self.told.append(f"cancelled {grant.email_id}{'' if sent else ' unsent'}")


class Desk:
    """A client and a validator that give what a test wants, two seconds for the one and half a second for the other."""

    def __init__(self, result: Reply | BaseException, verdicts: Sequence[Verdict] = ()) -> None:
        self.now, self.sent = 1_000.0, list[tuple[ChatMessage, ...]]()
        self.form: Mapping[str, Any] | None = None
        self._result, self._verdicts = result, list(verdicts)

    async def ask(
        self, messages: tuple[ChatMessage, ...], settings: ModelSettings, *, form: Mapping[str, Any] | None = None
    ) -> Reply:
        self.now += 2.0
        self.sent.append(messages)
        self.form = form
        if isinstance(self._result, BaseException):
            raise self._result
        return self._result

    async def judge(self, _reply: Reply) -> Verdict:
        self.now += 0.5
        return self._verdicts.pop(0)


def exchange(desk: Desk, consequence: Consequence | None = None) -> tuple[Exchange, Pacer, RetryPolicy]:
    pacer, retries = (
        Pacer(consequence or Consequence("", counts_against_email=True, retry_elsewhere=True)),
        RetryPolicy(),
    )
    return (
        Exchange(
            task=TASK,
            fleet=LocalFleet(lambda _: desk, desk),
            pacer=pacer,  # type: ignore[arg-type]
            clock=lambda: desk.now,
            retries=retries,
        ),
        pacer,
        retries,
    )


def run(desk: Desk, call: Coroutine[Any, Any, Any]) -> Any:
    """Run a call on an event loop whose clock is the desk's."""

    async def timed() -> Any:
        asyncio.get_running_loop().time = lambda: desk.now  # type: ignore[method-assign]
        return await call

    return asyncio.run(timed())


def told(found: Settlement) -> str:
    marks = [f"label {found.label}" if found.label else "", found.failure or "", "in vain" if found.in_vain else ""]
    marks += [f"run over: {found.run_over}" if found.run_over else "", found.notice]
    return "; ".join(filter(None, [found.attempt.outcome.value, *marks]))


def test_a_question_is_put_judged_and_told_to_the_pacer() -> None:
    """The first with the text alone; one that follows up holds what was answered; the verdict's seconds are no latency."""
    desk = Desk(reply(), [LABELED, INVALID])
    asks, pacer, retries = exchange(desk)
    first = run(desk, asks.ask(PERMIT, email()))
    assert told(first) == "answered; label 1"
    assert (first.attempt.latency_s, first.attempt.started_at, first.attempt.lane) == (2.0, 1_000.0, "flex")
    assert told(run(desk, asks.ask(PERMIT, email(7, "maybe")))) == "invalid; in vain"
    assert pacer.told == ["answered 7 100 2 s"] * 2
    assert len(desk.sent[0]) < len(desk.sent[1])
    assert "maybe" in "".join(message.content for message in desk.sent[1])
    assert "Hello" in desk.sent[0][-1].content
    assert retries.clean


FULL = Consequence("full", retry_elsewhere=True, full=True)
NOWHERE = Consequence("", counts_against_email=True)


@pytest.mark.parametrize(
    ("error", "consequence", "probe", "expected", "paced", "errors"),
    [
        (ServerFailedError("500"), None, False, "server_error; in vain", "failed 7 500 2 s", 1),
        (ServerFailedError("500"), None, True, "server_error; in vain", "failed 7 500 2 s", 0),
        (CapacityError("498"), FULL, False, "capacity", "failed 7 498 2 s", 0),
        (RateLimitedError("429"), None, False, "rate_limited", "failed 7 429 2 s", 0),
        (TooLargeError("413", status=413), None, False, "too_large; in vain", "failed 7 413 2 s", 0),
        (
            TooLargeError("413", status=413),
            NOWHERE,
            False,
            "too_large; too long for the quota: no key's organization takes a request of this size; in vain",
            "failed 7 413 2 s",
            0,
        ),
        (TooLargeError("413", status=413), NOWHERE, True, "too_large; in vain", "failed 7 413 2 s", 0),
        (
            KeyRefusedError("401", status=401),
            None,
            False,
            "unauthorized; in vain; main was refused for one text and is asked about another before it is out: 401",
            "failed 7 401 2 s sparing the key",
            0,
        ),
        (KeyRefusedError("401", conclusive=True), None, False, "unauthorized; in vain", "failed 7 401 2 s", 0),
        (RequestRefusedError("400"), None, False, "bad_request; in vain", "failed 7 400 2 s", 0),
        (
            ContentRefusedError("400", conclusive=True),
            None,
            False,
            "refused; refused by the server: 400; in vain",
            "failed 7 400 2 s",
            0,
        ),
        (ContentRefusedError("400", conclusive=True), None, True, "refused; in vain", "failed 7 400 2 s", 0),
        (
            ModelGoneError("404", conclusive=True),
            None,
            False,
            "model_gone; in vain; run over: 404",
            "failed 7 404 2 s",
            0,
        ),
        (
            ModelGoneError("404", conclusive=True),
            None,
            True,
            "model_gone; in vain; run over: 404",
            "failed 7 404 2 s",
            0,
        ),
    ],
)
def test_what_an_error_of_one_call_makes_of_its_email(
    error: CallError, consequence: Consequence | None, probe: bool, expected: str, paced: str, errors: int
) -> None:
    """A full tier is no try, a probe fails nobody, a key is spared until its fault is certain, a named fault needs no second call."""
    desk = Desk(error)
    asks, pacer, retries = exchange(desk, consequence)
    assert told(run(desk, asks.ask(PERMIT, email(), probe=probe))) == expected
    assert pacer.told == [paced]
    assert retries.worn_out(7, 1_002.0, counts=False) == 0
    assert retries.troubled(7) is (errors == 1 or retries.refusals.was_refused(7))


def test_too_many_errors_fail_an_email() -> None:
    """Where another one was answered in between, the fifth does."""
    desk = Desk(ServerFailedError("500"))
    asks, _, retries = exchange(desk)
    found = []
    for _ in range(5):
        found.append(told(run(desk, asks.ask(PERMIT, email()))))
        retries.answered(8, "main", 0.0)
    assert found == ["server_error; in vain"] * 4 + [
        "server_error; server error in the last of 5 tries, none of which was answered; in vain"
    ]


@pytest.mark.parametrize("packed", [False, True])
def test_a_place_that_is_lost_takes_its_call_along(packed: bool) -> None:
    """One that was sent is recorded as lost, and its emails go back; one that was not is as if it had never been."""
    sent, unsent = PlaceLostError("gone", sent=True), PlaceLostError("gone", sent=False)
    desk = Desk(sent)
    asks, pacer, retries = exchange(desk)
    if packed:
        found = run(desk, asks.ask_pack(PERMIT, [email(1, "x"), email(2)]))
        places = [(each.attempt.pack.position, each.attempt.pack.size) for each in found if each.attempt.pack]
        assert places == [(1, 2), (2, 2)]
        assert [each.reasks for each in found] == [1, 0]
    else:
        found = (run(desk, asks.ask(PERMIT, email())),)
    assert [told(each) for each in found] == ["lost"] * len(found)
    assert {each.attempt.error for each in found} == {"gone"}
    assert pacer.told == ["cancelled 7"]
    assert not retries.refusals.holds
    desk = Desk(unsent)
    asks, pacer, _ = exchange(desk)
    with pytest.raises(PlaceLostError):
        run(desk, asks.ask_pack(PERMIT, [email(1)]) if packed else asks.ask(PERMIT, email()))
    assert pacer.told == ["cancelled 7 unsent"]


@pytest.mark.parametrize("packed", [False, True])
def test_a_call_that_is_cut_off_is_told_to_the_pacer_and_out_no_longer(packed: bool) -> None:
    """Three refusals of others are then decided without waiting for it."""
    desk = Desk(KeyboardInterrupt())
    asks, pacer, retries = exchange(desk)
    with pytest.raises(KeyboardInterrupt):
        run(desk, asks.ask_pack(PERMIT, [email(1)]) if packed else asks.ask(PERMIT, email()))
    assert pacer.told == ["cancelled 7"]
    faults = [
        retries.refusals.refused(each, "main", 2_000.0, by_key=True, status=403, probe=False) for each in (1, 2, 3)
    ]
    assert faults[-1] is Fault.KEY


PACK = Slot(-1, "main", "org_1")


def test_the_answer_to_a_pack_is_shared_out() -> None:
    """Each email has its label, its place and its part of the tokens, longer ones more; what was not answered goes out alone."""
    desk = Desk(
        reply('{"1": "1", "2": "maybe", "3": "0"}', 320, 12), [LABELED, INVALID, Verdict(Outcome.ANSWERED, "0")]
    )
    asks, pacer, retries = exchange(desk)
    retries.worn_out(2, 900.0, counts=True)
    emails = [email(1, text="a" * 10), email(2, text="b" * 1_000), email(3, text="c" * 10)]
    found = run(desk, asks.ask_pack(PACK, emails))
    assert [told(each) for each in found] == ["answered; label 1", "invalid", "answered; label 0"]
    assert [each.email.alone for each in found] == [False, True, False]
    places = [each.attempt.pack for each in found]
    assert [(each.position, each.size) for each in places if each] == [(1, 3), (2, 3), (3, 3)]
    assert len({each.pack for each in places if each}) == 1
    assert {each.answer for each in places if each} == {'{"1": "1", "2": "maybe", "3": "0"}'}
    tokens = [(each.attempt.prompt_tokens, each.attempt.completion_tokens) for each in found]
    assert sum(prompt for prompt, _ in tokens) == 320
    assert sum(completion for _, completion in tokens) == 12
    assert tokens[0] == tokens[2]
    assert tokens[1][0] > tokens[0][0]
    assert pacer.told == ["answered -1 320 2 s"]
    assert retries.clean, "an answer to the pack is one to each of its emails"


@pytest.mark.parametrize(
    ("error", "consequence", "expected", "alone", "errors"),
    [
        (ServerFailedError("500"), None, ["server_error"] * 2, False, 2),
        (CapacityError("498"), FULL, ["capacity"] * 2, False, 0),
        (RateLimitedError("429"), None, ["rate_limited"] * 2, False, 0),
        (TooLargeError("413", status=413), None, ["too_large"] * 2, False, 0),
        (RequestRefusedError("400"), None, ["bad_request"] * 2, True, 0),
        (KeyRefusedError("401", status=401), None, ["unauthorized"] * 2, True, 0),
        (KeyRefusedError("401", conclusive=True), None, ["unauthorized"] * 2, False, 0),
        (ModelGoneError("404", conclusive=True), None, ["model_gone; run over: 404", "model_gone"], False, 0),
        (ContentRefusedError("400", conclusive=True), None, ["refused"] * 2, True, 0),
    ],
)
def test_no_error_of_a_pack_fails_an_email(
    error: CallError, consequence: Consequence | None, expected: list[str], alone: bool, errors: int
) -> None:
    """Errors of the server count for each; after a refusal each is asked about alone; the end of a run is told once."""
    desk = Desk(error)
    asks, pacer, retries = exchange(desk, consequence)
    found = run(desk, asks.ask_pack(PACK, [email(1), email(2, alone=True)]))
    assert [told(each) for each in found] == expected
    assert [each.email.alone for each in found] == [alone, True]
    assert [(each.attempt.pack.position, each.attempt.pack.size) for each in found if each.attempt.pack] == [
        (1, 2),
        (2, 2),
    ]
    spared = " sparing the key" if isinstance(error, KeyRefusedError) and not error.conclusive else ""
    assert pacer.told == [f"failed -1 {error} 2 s{spared}"]
    assert not retries.refusals.was_refused(-1)
    for each in (1, 2):
        retries.worn_out(each, 1_002.0, counts=True)
    assert [retries.troubled(each) for each in (1, 2)] == [errors > 0] * 2


def test_places_bound_the_calls_that_may_be_out() -> None:
    """As many as they take, and then why not; this process has no such bound."""
    asks, _, _ = exchange(Desk(reply()))
    assert [asks.why_full(out) for out in (0, 10**9)] == ["", ""]

    class Two(LocalFleet):
        def most(self) -> int:
            return 2

        def why_full(self) -> str:
            return "two places"

    asks._fleet = Two(lambda _: Desk(reply()), Desk(reply()))
    assert [asks.why_full(out) for out in (1, 2, 3)] == ["", "two places", "two places"]
    assert asks._fleet.places() == ()
    assert Answered(reply(), LABELED).judged_s == 0.0


def test_what_a_pack_took_is_shared_by_length_and_what_all_have_in_common_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The characters of all parts together are those of the conversation."""
    shared: list[list[float]] = []
    asked: list[int] = []

    def shares(usage: Usage, weights: list[float]) -> list[Usage]:
        shared.append(weights)
        return [usage] * len(weights)

    def question(task: Any, texts: list[str]) -> Any:
        made = pack_messages(task, texts)
        asked.append(sum(len(message.content) for message in made))
        return made

    monkeypatch.setattr(settle, "shared_out", shares)
    monkeypatch.setattr(settle, "pack_messages", question)
    desk = Desk(reply('{"1": "1", "2": "1"}', 320, 12), [LABELED, LABELED])
    asks, _, _ = exchange(desk)
    run(desk, asks.ask_pack(PACK, [email(1, text="a" * 10), email(2, text="b" * 1_000)]))
    ((short, long),) = shared
    assert long - short == pytest.approx(990.0)
    assert short + long == pytest.approx(asked[0])


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("sent", [False, True])
def test_a_call_whose_place_was_lost_is_out_no_longer(packed: bool, sent: bool) -> None:
    """Three refusals of others are then decided without waiting for it."""
    desk = Desk(PlaceLostError("gone", sent=sent))
    asks, _, retries = exchange(desk)
    call = asks.ask_pack(PERMIT, [email(1), email(2)]) if packed else asks.ask(PERMIT, email())
    if sent:
        run(desk, call)
    else:
        with pytest.raises(PlaceLostError):
            run(desk, call)
    faults = [
        retries.refusals.refused(each, "main", 2_000.0, by_key=True, status=403, probe=False) for each in (4, 5, 6)
    ]
    assert faults[-1] is Fault.KEY
