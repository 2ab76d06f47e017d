"""Trying a draft of the task: real calls through the operator's ledger, and nothing in the run file is another."""

from __future__ import annotations

import hashlib
import io
import json
import re
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.commands.catalog import Stop
from core.commands.review import Review
from core.errors import LabeltuiError, NoUsableKeyError
from core.llm.task import builtin_task, versioned
from core.model import Outcome, Reply, SampledEmail, Usage, Verdict, exits
from core.quota.keys.store import KeyStore
from core.quota.pacing.broker import Consequence, Never, Wait
from core.runs import dry_run as dry_runs
from core.runs import send as commands
from core.settings import Settings, load_settings
from core.storage.file.lock import RunLock
from core.storage.reading.sampling import sample
from core.storage.writing.reviews import ReviewAnswer
from core.storage.writing.store import Store
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
