"""Trying a draft of the task: real calls through the operator's ledger, and nothing in the run file is another."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import re
import sqlite3
import sys
import time
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.commands.catalog import Stop
from core.commands.review import Review
from core.errors import LabeltuiError, NoUsableKeyError
from core.llm.task import builtin_task, fixed_chars, versioned
from core.llm.taskfile import task_to_json
from core.model import DryRunResult, Outcome, PendingEmail, Reply, SampledEmail, Usage, Verdict, exits
from core.quota.keys.store import KeyStore
from core.quota.pacing.broker import Consequence, Never, NoKeys, Wait
from core.runs import dry_run as dry_runs
from core.runs import send as commands
from core.settings import Settings, load_settings
from core.storage.file.lock import RunLock
from core.storage.reading.sampling import sample
from core.storage.writing.reviews import ReviewAnswer
from core.storage.writing.store import Store
from core.worker import dry_run as module
from core.worker.dry_run import DryRun
from core.worker.pacer import Slot
from tests.conftest import NOW, MakeRun
from tests.storage.test_store import labeled
from tests.worker.test_process import make, simulator, until
from tui.cli import main

DRAFT = versioned(replace(builtin_task(), rubric="Say 1.", truncate_at=300))


def content(path: Path) -> str:
    """All that a run file says."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return hashlib.sha256("\n".join(db.iterdump()).encode()).hexdigest()


def test_a_trial_asks_for_real_and_leaves_the_run_as_it_was(
    home: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each email of the sample gets an answer; the key's requests and tokens count; the run file is the same."""
    with simulator(monkeypatch, "--keys", "1", "--latency", "0.05", "--rpm", "600") as server:
        settings = load_settings()  # with the simulator's address
        path = make(settings, tmp_path, 30)
        before = content(path)
        price = dry_runs.cost(path, settings, DRAFT, 6)
        assert (price.emails, price.keys, price.learned) == (6, 1, False)
        assert price.tokens > 100
        results = list(dry_runs.RunningDryRun(path, settings, DRAFT, 6).results())
        assert len({result.email.id for result in results}) == 6
        assert {result.label for result in results} <= {"1", "0"}
        assert content(path) == before
        calls = server.stats()["calls"]
        assert calls == sum(result.calls for result in results)
        with KeyStore.from_settings(settings) as store:
            (key,) = store.statuses(DRAFT.model.model, time.time())
        assert key.requests == calls
        assert key.tokens == sum(result.tokens for result in results)
        (tmp_path / "draft.toml").write_text('rubric = "Say 1."\n[[labels]]\nvalue = "1"\n[[labels]]\nvalue = "0"\n')
        assert main(["task", "real", "--try", str(tmp_path / "draft.toml"), "--sample", "3"]) == 0
        out = capsys.readouterr().out
        assert "on 3 texts: about" in out
        assert "No label is given or changed." in out
        assert "against people: none of these was reviewed" in out
        assert content(path) == before
        answers = [{"email_id": number, "annotator": "anna", "value": "1"} for number in range(1, 31)]
        commands.send(path, Review(answers))
        assert main(["task", "real", "--try", str(tmp_path / "draft.toml"), "--sample", "3"]) == 0
        assert re.search(r"against people: \d of 3 right \(\d+ %, \d+–\d+\)", capsys.readouterr().out)


def test_a_trial_goes_on_beside_a_worker(
    home: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes no lock: the worker labels on, and every label is of the active version."""
    with simulator(monkeypatch, "--keys", "2", "--latency", "0.1", "--rpm", "600"):
        path = make(settings, tmp_path, 200)
        commands.start(path, settings)
        begun = until(path, lambda snapshot: snapshot.labeled > 5).labeled
        results = list(dry_runs.RunningDryRun(path, settings, DRAFT, 4).results())
        assert len(results) == 4
        after = until(path, lambda snapshot: snapshot.labeled > begun)
        assert after.worker.alive or after.pending == 0
        commands.send(path, Stop())
        until(path, lambda snapshot: not snapshot.worker.alive)
    with closing(sqlite3.connect(path)) as db:
        versions = db.execute("SELECT DISTINCT task_version FROM attempt").fetchall()
    assert versions == [(builtin_task().version,)]


def test_a_trial_without_a_key_says_so(home: Path, settings: Settings, tmp_path: Path) -> None:
    """The sentence comes back from the process."""
    path = make(settings, tmp_path, 5)
    assert dry_runs.cost(path, settings, DRAFT, 5).keys == 0
    with pytest.raises(NoUsableKeyError):
        list(dry_runs.RunningDryRun(path, settings, DRAFT, 2).results())


def test_a_trial_that_is_cancelled_ends_quietly(home: Path, settings: Settings, tmp_path: Path) -> None:
    """Its process is gone, and nobody is notified of an error."""
    path = make(settings, tmp_path, 5)
    trial = dry_runs.RunningDryRun(path, settings, DRAFT, 2)
    trial.cancel()
    assert list(trial.results()) == []


def test_a_sample_is_the_same_each_time_with_labeled_emails_first(make_run: MakeRun) -> None:
    """Different texts only, so that no call is spent twice; skipped emails are left out."""
    path = make_run([f"text {n % 20}" for n in range(40)])
    with RunLock(path) as lock, Store.open(path, lock) as store:
        store.begin_epoch(now=NOW, pid=1, host="h")
        store.commit([labeled(3), labeled(7, "0")], now=NOW)
        store.skip([9, 29], back=False, by="ada", now=NOW)
    drawn = [email for email, _ in sample(path, 30)]
    assert drawn == [email for email, _ in sample(path, 30)]
    assert len(drawn) == 19
    assert [email.label is not None for email in drawn] == sorted(
        (email.label is not None for email in drawn), reverse=True
    )
    assert {email.id for email in drawn} & {9, 29} == set()
    assert len(sample(path, 5)) == 5


def test_half_of_what_people_labeled_comes_first_and_the_other_half_stays_unseen(make_run: MakeRun) -> None:
    """A draft is tried on reviewed emails first, with people's label beside the model's; the other half is left out."""
    path = make_run([f"text {n}" for n in range(40)])
    reviewed = range(1, 21)
    with RunLock(path) as lock, Store.open(path, lock) as store:
        store.begin_epoch(now=NOW, pid=1, host="h")
        store.commit([labeled(number) for number in range(1, 31)], now=NOW)
        store.review([ReviewAnswer(number, "ada", "0") for number in reviewed], now=NOW)
    drawn = [email for email, _ in sample(path, 40)]
    people = [email for email in drawn if email.human_label is not None]
    assert drawn[: len(people)] == people
    assert 5 <= len(people) <= 15
    assert {email.id for email in people} < set(reviewed)
    assert {(email.human_label, email.model_label) for email in people} == {("0", "1")}
    assert not {email.id for email in drawn[len(people) :]} & set(reviewed)


# -- the conversation -------------------------------------------------------------------------------------------------


class Quota:
    """A broker with scripted decisions."""

    def __init__(self, *decisions: object) -> None:
        self.decisions = list(decisions)
        self.seen: list[str] = []

    def next(self, candidates: list[object]) -> object:
        decision = self.decisions.pop(0) if self.decisions else "grant"
        if decision == "grant":
            return Slot(candidates[0].email_id, "main", "org")  # type: ignore[attr-defined]
        return decision

    def answered(self, *_: object) -> None:
        self.seen.append("answered")

    def failed(self, *_: object, **__: object) -> object:
        self.seen.append("failed")
        return Consequence("", counts_against_email=True)

    def cancelled(self, *_: object, **__: object) -> None:
        self.seen.append("cancelled")

    def tick(self) -> list[str]:
        return []


class Model:
    """Answers in turn; an answer may be an error."""

    def __init__(self, *answers: str | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[int] = []

    async def ask(self, messages: tuple[object, ...], settings: object) -> Reply:
        self.asked.append(len(messages))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Reply(answer, "stop", Usage(100, 2), "req", {})


class Judge:
    """Takes 1 and 0."""

    async def judge(self, reply: Reply) -> Verdict:
        if reply.text in ("1", "0"):
            return Verdict(Outcome.ANSWERED, reply.text)
        return Verdict(Outcome.INVALID, None, "not a label")


async def play(quota: Quota, model: Model, *, emails: int = 1, patience_s: float = 30.0) -> list[tuple[object, ...]]:
    ended: list[tuple[object, ...]] = []
    clock = iter(range(10_000))
    trial = DryRun(
        DRAFT, quota, Judge(), lambda _: model, lambda: float(next(clock)) / 10,  # type: ignore[arg-type]
        lambda result: ended.append((result.email.id, result.label, result.calls, result.tokens, result.why)),
    )  # fmt: skip
    sampled = [(SampledEmail(n, f"m{n}", "s", None, None), "text") for n in range(1, emails + 1)]
    await trial.run(sampled, patience_s=patience_s)
    return ended


@pytest.mark.asyncio
async def test_a_bad_answer_is_asked_again_with_all_that_went_before() -> None:
    """As a worker does; tokens of both calls are counted."""
    model = Model("hm", "1")
    assert await play(Quota(), model) == [(1, "1", 2, 204, "")]
    assert model.asked == [2, 4]


@pytest.mark.asyncio
async def test_bad_answers_to_the_end_are_reported_as_a_failure() -> None:
    """After the draft's own number of re-asks."""
    ended = await play(Quota(), Model("a", "b", "c"))
    assert ended == [(1, None, 3, 306, "no valid label after 3 answers")]


@pytest.mark.asyncio
async def test_errors_of_the_server_are_tried_again_a_few_times() -> None:
    """Then the email is given up, with the error."""
    from core.errors import ServerFailedError

    assert (await play(Quota(), Model(ServerFailedError("500"), "1")))[0][1] == "1"
    ended = await play(Quota(), Model(*[ServerFailedError("it fell over")] * 3))
    assert ended == [(1, None, 0, 0, "it fell over")]


@pytest.mark.asyncio
async def test_a_model_that_is_gone_ends_the_trial() -> None:
    """There is no use in asking about the others."""
    from core.errors import ModelGoneError

    with pytest.raises(LabeltuiError, match="no such model"):
        await play(Quota(), Model(*[ModelGoneError("no such model")] * 3), emails=3)


@pytest.mark.asyncio
async def test_a_quota_that_never_opens_ends_in_time() -> None:
    """What was not asked is reported as such."""
    wait = Wait(None, "TPD", "org_1", "spent")
    ended = await play(Quota(*[wait] * 99), Model(), emails=2, patience_s=0.3)
    assert [why for *_, why in ended] == ["no key was free for it in time"] * 2


@pytest.mark.asyncio
async def test_an_email_too_large_for_every_key_is_reported() -> None:
    """No call is made for it."""
    assert await play(Quota(Never(1, "too long")), Model()) == [(1, None, 0, 0, "too long")]


@pytest.mark.parametrize(
    ("told", "code", "error", "words"),
    [
        ({"error": "no key can be used"}, exits.NO_KEY, NoUsableKeyError, "no key can be used"),
        ({"error": "the server is gone"}, exits.FAILED, LabeltuiError, "the server is gone"),
        (None, 9, LabeltuiError, r"ended without a word \(code 9\)"),
        (None, 0, None, ""),
    ],
    ids=["no key", "an error", "killed", "through"],
)
def test_results_come_until_the_trial_ends_and_says_how(
    told: dict[str, str] | None, code: int, error: type[LabeltuiError] | None, words: str
) -> None:
    """Each result is handed on as it comes; then its error, by its kind, or that it ended without a word."""
    result = {"email": {"id": 3, "source_id": "m3", "subject": "s", "label": "1", "label_source": "model"},
              "label": "0", "answer": "0", "why": "", "calls": 1, "tokens": 40}  # fmt: skip
    lines = "".join(json.dumps(each) + "\n" for each in (result, told) if each is not None)
    running = dry_runs.RunningDryRun.__new__(dry_runs.RunningDryRun)
    running._process = SimpleNamespace(stdout=io.StringIO(lines), wait=lambda: code)  # type: ignore[assignment]
    running._cancelled = False
    results = running.results()
    first = next(results)
    assert (first.email.source_id, first.label, first.tokens) == ("m3", "0", 40)
    if error is None:
        assert list(results) == []
        return
    with pytest.raises(error, match=words) as raised:
        next(results)
    assert type(raised.value) is error


class Grants:
    """A pacer that grants by a script, and keeps the candidates that it was given."""

    def __init__(self, *decisions: Any) -> None:
        self.decisions, self.seen, self.ticks = list(decisions), list[Any](), 0
        self.closed = 0

    def next(self, candidates: Any) -> Any:
        self.seen.append(candidates)
        decision = self.decisions.pop(0) if self.decisions else "grant"
        return Slot(candidates[0].email_id, "main", "org") if decision == "grant" else decision

    def tick(self) -> None:
        self.ticks += 1

    def close(self) -> None:
        self.closed += 1


class Settles:
    """Questions that come to what a test says, each after a second; at most so many were out at once."""

    def __init__(self, *ends: Any) -> None:
        self.ends, self.out, self.most_out = list(ends), 0, 0
        self.asked: list[tuple[int, int, int]] = []

    async def ask(self, permit: Any, email: Any) -> Any:
        self.asked.append((permit.email_id, email.attempts, len(email.bad_answers)))
        self.out += 1
        self.most_out = max(self.most_out, self.out)
        try:
            await asyncio.sleep(1.0 + email.id / 100)
        finally:
            self.out -= 1
        end = self.ends.pop(0) if self.ends else {}
        if isinstance(end, Exception):
            raise end
        return came_to(email, **end)


def came_to(asked: Any, **given: Any) -> Any:
    """What a question came to: a label where nothing else is said."""
    attempt = SimpleNamespace(
        raw_answer=given.pop("answer", "1"), prompt_tokens=100, completion_tokens=2, error=given.pop("error", None)
    )
    usual = {"label": "1", "failure": None, "run_over": "", "email": asked}
    return SimpleNamespace(attempt=attempt, **{**usual, **given})


def trial(pacer: Any, settles: Any) -> tuple[Any, list[Any]]:
    """A dry run on a virtual clock, and what came of its emails."""
    ended: list[Any] = []
    clock = asyncio.get_running_loop().time
    made: Any = DryRun(DRAFT, pacer, Judge(), lambda _: None, clock, ended.append)  # type: ignore[arg-type, return-value]
    made._exchange = settles
    return made, ended


def sampled(count: int, text: str = "text") -> list[tuple[SampledEmail, str]]:
    return [(SampledEmail(n, f"m{n}", "s", None, None), text) for n in range(1, count + 1)]


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_eight_calls_of_a_trial_are_out_at_once() -> None:
    """The ninth waits for one of them; the pacer is told that time passes."""
    settles, pacer = Settles(), Grants()
    made, ended = trial(pacer, settles)
    began = asyncio.get_running_loop().time()
    await made.run(sampled(9))
    assert settles.most_out == 8
    assert asyncio.get_running_loop().time() - began == pytest.approx(2.1)
    assert sorted(each.email.id for each in ended) == list(range(1, 10))
    assert {(each.label, each.answer, each.why, each.calls, each.tokens) for each in ended} == {("1", "1", "", 1, 102)}
    assert 9 <= pacer.ticks <= 25


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_an_email_is_asked_again_at_once_after_an_answer_and_last_after_an_error() -> None:
    """Its attempts, calls and tokens are counted; an error is no call that was answered."""
    bad = replace(pending(1), bad_answers=(("hm", "no label"),))
    settles = Settles(
        {"label": None, "email": bad, "answer": "hm"}, {"label": None, "answer": None, "error": "500"}, {}, {}
    )
    pacer = Grants()
    made, ended = trial(pacer, settles)
    await made.run(sampled(2))
    assert settles.asked[:2] == [(1, 0, 0), (2, 0, 0)]
    assert settles.asked[2:] == [(1, 1, 1), (2, 1, 0)]
    assert [(each.email.id, each.calls, each.tokens) for each in ended] == [(1, 2, 204), (2, 1, 204)]
    fixed = fixed_chars(DRAFT)
    assert [[each.prompt_chars - fixed for each in seen] for seen in pacer.seen] == [[4, 4], [4], [204], [4]]


def pending(number: int) -> PendingEmail:
    return PendingEmail(number, number - 1, f"m{number}", "s", "text", "")


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_a_trial_ends_with_what_ends_every_question(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that is gone ends it with its reason; an error of the program is raised, and calls that are out are cut off."""
    settles = Settles({"label": None, "run_over": "the model is gone"})
    made, ended = trial(Grants(), settles)
    monkeypatch.setattr(module, "AT_ONCE", 1)
    with pytest.raises(LabeltuiError, match="the model is gone"):
        await made.run(sampled(2))
    assert (len(settles.asked), ended) == (1, [])
    monkeypatch.undo()
    settles = Settles(ValueError("odd"))
    made, ended = trial(Grants("grant", "grant", Wait(None, "", "", "")), settles)
    with pytest.raises(ValueError, match="odd"):
        await made.run(sampled(2))
    assert settles.out == 0
    made, _ = trial(Grants(NoKeys("no key at all")), Settles())
    with pytest.raises(NoUsableKeyError, match="no key at all"):
        await made.run(sampled(1))


@pytest.mark.asyncio
@pytest.mark.looptime
@pytest.mark.parametrize(("given", "waits_s"), [({}, 180.0), ({"patience_s": 5.0}, 5.0)])
async def test_a_trial_is_patient_for_three_minutes(given: dict[str, float], waits_s: float) -> None:
    """Then what is left is told; it looks for a quota five times a second."""
    pacer = Grants(*[Wait(None, "TPD", "org", "spent")] * 2_000)
    made, ended = trial(pacer, Settles())
    began = asyncio.get_running_loop().time()
    await made.run(sampled(2), **given)
    assert asyncio.get_running_loop().time() - began == pytest.approx(waits_s, abs=0.21)
    assert [(each.email.id, each.label, each.why, each.calls) for each in ended] == [
        (1, None, "no key was free for it in time", 0), (2, None, "no key was free for it in time", 0),
    ]  # fmt: skip
    assert len(pacer.seen) == pytest.approx(waits_s * 5, abs=2)


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_a_call_that_is_out_at_the_end_of_its_patience_is_cut_off() -> None:
    """Nothing is said of that email's answer."""
    settles = Settles()
    made, ended = trial(Grants(), settles)
    await made.run(sampled(1), patience_s=0.5)
    assert settles.out == 0
    assert ended == []


@pytest.mark.asyncio
@pytest.mark.looptime
@pytest.mark.parametrize(
    ("end", "why", "answer", "calls"),
    [
        (
            {"failure": "no valid label after 3 answers", "answer": "x" * 600},
            "no valid label after 3 answers",
            "x" * 500,
            1,
        ),
        ({"failure": "worn out", "answer": None, "error": "it fell over"}, "it fell over", "", 0),
        ({"failure": "worn out", "answer": None, "error": None}, "worn out", "", 0),
        ({"failure": "unusable", "answer": "", "error": "an empty answer"}, "unusable", "", 1),
        ({"failure": "y" * 400}, "y" * 300, "1", 1),
    ],
)
async def test_a_failure_of_a_trial_says_what_is_wrong_with_the_draft(
    end: dict[str, Any], why: str, answer: str, calls: int
) -> None:
    """The last error where nothing was answered; long answers and sentences are cut."""
    made, ended = trial(Grants(), Settles({"label": None, **end}))
    await made.run(sampled(1))
    assert [(each.label, each.why, each.answer, each.calls) for each in ended] == [(None, why, answer, calls)]


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_emails_that_are_stuck_are_asked_last_and_refusals_hold_the_others_back() -> None:
    """As in a worker; one that no key can ask is told at once."""
    pacer = Grants(Never(2, "too long"))
    settles = Settles()
    made, ended = trial(pacer, settles)
    made._retries.stuck = lambda number: number == 1
    made._retries.refusals = SimpleNamespace(holds=False)
    await made.run(sampled(3))
    assert [each.email_id for each in pacer.seen[0]] == [2, 3, 1]
    assert next((each.email.id, each.why) for each in ended) == (2, "too long")
    made, ended = trial(pacer, settles)
    made._retries.refusals = SimpleNamespace(holds=True)
    before = len(pacer.seen)
    await made.run(sampled(1), patience_s=1.0)
    assert len(pacer.seen) == before


def test_a_trial_uses_the_server_and_the_keys_of_its_run(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path
) -> None:
    """Whatever was opened is closed, also after an error."""
    done: list[Any] = []

    @contextmanager
    def reader(path: Path) -> Any:
        yield SimpleNamespace(base_url=lambda: base_url)

    @contextmanager
    def keys(_: Any, url: str | None) -> Any:
        done.append(url)
        yield "keys"
        done.append("keys closed")

    class Pool:
        of = None

        def __init__(self, url: str | None, task: Any) -> None:
            done.append((url, task))

        async def aclose(self) -> None:
            done.append("clients closed")

    class Trial:
        def __init__(self, *given: Any) -> None:
            done.append(given[5] is print and given[1] is broker)

        async def run(self, emails: Any) -> None:
            done.append(emails)
            if base_url is None:
                raise LabeltuiError("odd")

    broker = SimpleNamespace(close=lambda: done.append("broker closed"))
    email = SampledEmail(1, "m1", "s", None, None)
    monkeypatch.setattr(module, "RunReader", reader)
    monkeypatch.setattr(module, "sample", lambda path, count: [(email, f"Subject: s\n\ntext {count}")])
    monkeypatch.setattr(module, "ClientPool", Pool)
    monkeypatch.setattr(module, "DryRun", Trial)
    monkeypatch.setattr(module, "build_guard", lambda _: SimpleNamespace(prepare=lambda: done.append("prepared")))
    monkeypatch.setattr(module, "KeyStore", SimpleNamespace(from_settings=keys))
    monkeypatch.setattr(module, "broker_for", lambda given, task: broker if (given, task) == ("keys", DRAFT) else None)
    base_url: str | None = "http://run/v1"
    module.dry_run(tmp_path, settings, DRAFT, 5, print)
    assert done[:4] == ["prepared", "http://run/v1", ("http://run/v1", DRAFT), True]
    assert done[4][0][0] is email
    assert "text 5" in done[4][0][1]
    assert done[5:] == ["clients closed", "broker closed", "keys closed"]
    base_url = None
    done.clear()
    with pytest.raises(LabeltuiError, match="odd"):
        module.dry_run(tmp_path, replace(settings, base_url="http://settings/v1"), DRAFT, 5, print)
    assert done[1] == "http://settings/v1"
    assert done[-2:] == ["clients closed", "broker closed"]


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (None, exits.DONE, None),
        (LabeltuiError("gone"), exits.FAILED, "gone"),
        (NoUsableKeyError("no key"), exits.NO_KEY, "no key"),
        (BrokenPipeError(), exits.FAILED, None),
    ],
)
def test_a_trial_is_a_process_that_says_its_results_in_lines(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception | None,
    code: int,
    said: str | None,
) -> None:
    """Its error is the last line; that nobody reads any more is none to tell."""
    result = DryRunResult(SampledEmail(1, "m1", "s", None, None), "1", "1", "", 1, 102)
    given: list[Any] = []

    def run(path: Path, settings: Any, task: Any, count: int, ended: Any) -> None:
        given.append((path, task.version, count))
        ended(result)
        if error is not None:
            raise error

    monkeypatch.setattr(module, "dry_run", run)
    monkeypatch.setattr(sys, "argv", ["dry_run", "/runs/mail.db", "5"])
    monkeypatch.setattr(sys, "stdin", io.StringIO(task_to_json(DRAFT)))
    assert module.main() == code
    assert given == [(Path("/runs/mail.db"), DRAFT.version, 5)]
    first, *rest = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (first["email"]["source_id"], first["label"], first["tokens"]) == ("m1", "1", 102)
    assert rest == ([{"error": said}] if said else [])


def test_the_bounds_of_a_trial() -> None:
    """Calls at once, errors after which an email is given up, and seconds of patience."""
    assert (module.AT_ONCE, module.TRIES, module.PATIENCE_S) == (8, 3, 180.0)


@pytest.mark.asyncio
@pytest.mark.looptime
@pytest.mark.parametrize(
    ("end", "order"), [({"answer": "hm"}, [1, 1, 2, 3]), ({"answer": None, "error": "500"}, [1, 2, 3, 1])]
)
async def test_who_was_answered_is_first_in_line_again_and_who_met_an_error_last(
    monkeypatch: pytest.MonkeyPatch, end: dict[str, Any], order: list[int]
) -> None:
    """Where others wait."""
    monkeypatch.setattr(module, "AT_ONCE", 1)
    settles = Settles({"label": None, **end})
    made, ended = trial(Grants(), settles)
    await made.run(sampled(3))
    assert [number for number, _, _ in settles.asked] == order
    assert len(ended) == 3
