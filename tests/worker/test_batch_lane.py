"""The batch lane step by step, on a run file and a server that are plain values: what it packs, sends, awaits and says."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import (
    CallError,
    ConnectionFailedError,
    KeyRefusedError,
    ModelGoneError,
    RateLimitedError,
    RequestRefusedError,
    ServerFailedError,
)
from core.llm.batches import BatchStatus
from core.llm.task import builtin_task
from core.model import BatchLimits, Forecast, LaneChoice, Outcome, Parcel, PendingEmail, Verdict
from core.worker.lanes import batch
from core.worker.lanes.batch import BatchKey, BatchLane, Reports

TASK = replace(builtin_task(), version="v1")
BATCHES = LaneChoice("batch")
LIMITS = BatchLimits(size=3, most_open=2, trial=10)


def email(number: int, text: str = "") -> PendingEmail:
    return PendingEmail(number, number, f"mail-{number}", "", text or f"text {number}", text or f"text {number}")


def parcel(number: int = 1, state: str = "sent", **given: Any) -> Parcel:
    usual: dict[str, Any] = {
        "id": number, "nonce": f"nonce{number}", "state": state, "key_alias": "main", "organization": "org_1",
        "model": TASK.model.model, "task_version": "v1", "window": "24h", "packed_at": 9_000.0, "tried_at": None,
        "file_id": None, "batch_id": f"batch-{number}" if state != "packed" else None, "status": "", "total": 3,
        "completed": 0, "failed": 0, "tokens": 900.0, "sent_at": 9_500.0, "expires_at": None, "polled_at": None,
        "output_file_id": None, "error_file_id": None, "reason": "",
    }  # fmt: skip
    return Parcel(**{**usual, **given})


def status(word: str = "in_progress", **given: Any) -> BatchStatus:
    usual: dict[str, Any] = {
        "id": "batch-9", "status": word, "input_file_id": "file-9", "nonce": "", "total": 3, "completed": 1, "failed": 0,
        "output_file_id": None, "error_file_id": None, "created_at": 1.0, "expires_at": 99_000.0, "code": "", "why": "",
    }  # fmt: skip
    return BatchStatus(**{**usual, **given})


class Shelf:
    """A run file that holds parcels and pending emails."""

    def __init__(
        self, choice: LaneChoice, parcels: Sequence[Parcel], emails: Sequence[PendingEmail], path: Path
    ) -> None:
        self.choice, self.kept, self.emails, self.path = choice, list(parcels), list(emails), path
        self.asked, self.dedupe, self.mean, self.rate, self.took = 10, True, 20.0, None, None
        self.waiting, self.refused, self.twins = 0, 0, set[int]()
        self.changes: list[dict[str, object]] = []
        self.closed: list[str] = []
        self.gathered: list[str] = []

    def lane(self) -> LaneChoice:
        return self.choice

    def parcels(self) -> list[Parcel]:
        return [each for each in self.kept if each.is_open]

    def batches_took_s(self) -> float | None:
        return self.took

    def mean_completion(self) -> float | None:
        return self.mean

    def asked_in_version(self) -> int:
        return self.asked

    def pending_texts(self) -> tuple[int, float]:
        return len(self.emails), 400.0

    def waiting_in_batches(self) -> int:
        return self.waiting

    def live_rate(self) -> float | None:
        return self.rate

    def pending(self, *, after: int, limit: int, asked: bool) -> list[PendingEmail]:
        assert asked is False
        return [each for each in self.emails if each.position > after][:limit]

    def copy_from_twin(self, one: PendingEmail, *, now: float) -> bool:
        return one.id in self.twins

    def pack(self, made: Parcel, ids: Sequence[int]) -> None:
        self.kept.append(replace(made, id=len(self.kept) + 1))
        self.emails = [each for each in self.emails if each.id not in ids]
        self.closed.append(f"packed {list(ids)}")

    def change_parcel(self, number: int, **values: Any) -> None:
        self.changes.append(values)
        self.kept = [replace(each, **values) if each.id == number else each for each in self.kept]

    def close_parcel(self, number: int, state: str, sentence: str, *, now: float) -> int:
        self.closed.append(f"{state}: {sentence}")
        self.kept = [replace(each, state=state) if each.id == number else each for each in self.kept]
        return self.waiting

    def parcel_emails(self, number: int, ids: Sequence[int] | None = None) -> list[PendingEmail]:
        return [email(each) for each in (ids if ids is not None else range(1, 4))]

    def batch_refusals(self, _parcel: Parcel) -> int:
        return self.refused

    def gather(self, number: int, answers: Sequence[Any], *, now: float) -> None:
        self.gathered += [f"{each.attempt.email_id} {each.attempt.outcome.value}" for each in answers]
        self.attempts = [each.attempt for each in answers]


class Client:
    """A server that keeps what it is asked, and gives or raises what a test wants."""

    def __init__(self, **gives: Any) -> None:
        self.gives, self.asked = gives, list[str]()

    def _give(self, what: str, words: str, usual: Any = None) -> Any:
        self.asked.append(f"{what} {words}".strip())
        found = self.gives.get(what, usual)
        if isinstance(found, BaseException):
            raise found
        return found

    async def upload(self, name: str, content: bytes) -> Any:
        self.content = content
        return self._give("upload", name, "file-9")

    async def create(self, file_id: str, *, window: str, metadata: dict[str, str]) -> Any:
        self.metadata = metadata
        return self._give("create", f"{file_id} {window}", status())

    async def batch(self, batch_id: str) -> Any:
        return self._give("batch", batch_id, status())

    async def cancel(self, batch_id: str) -> Any:
        return self._give("cancel", batch_id)

    async def delete(self, file_id: str) -> Any:
        return self._give("delete", file_id)

    async def file_named(self, name: str) -> Any:
        return self._give("file_named", name)

    async def batches(self, since: float) -> AsyncIterator[BatchStatus]:
        for each in self._give("batches", f"{since:g}", ()):
            yield each

    async def download(self, file_id: str, path: Path) -> None:
        path.write_text(self._give("download", file_id, ""), "utf-8")  # noqa: ASYNC240 - a few bytes


class Lane:
    """A batch lane with all around it in plain values."""

    def __init__(
        self, tmp_path: Path, *parcels: Parcel, choice: LaneChoice = BATCHES, emails: int = 0,
        live: Callable[[float], Forecast | None] = lambda texts: Forecast(texts, texts, texts, "RPM"), **gives: Any,
    ) -> None:  # fmt: skip
        self.now = 10_000.0
        self.shelf = Shelf(choice, parcels, [email(each) for each in range(1, emails + 1)], tmp_path / "run.labeltui")
        self.clients = {"main": Client(**gives)}
        self.keys = [BatchKey("main", "org_1")]
        self.said, self.failed, self.labeled, self.rescans = list[str](), list[str](), 0, 0
        self.forgotten: list[int] = []
        self.busy = set[int]()
        self.over: Callable[[float, float], str] = lambda tokens, completion: ""
        self.points: list[str] = []
        queue = SimpleNamespace(
            rescan=self._rescan, forget=self.forgotten.append, is_busy=lambda one: one.id in self.busy
        )
        server = SimpleNamespace(
            usable_keys=lambda: self.keys, client=self.clients.get, body=lambda asked: {"n": len(asked)}
        )
        self.lane = BatchLane(
            task=TASK,
            store=self.shelf,  # type: ignore[arg-type]
            queue=queue,  # type: ignore[arg-type]
            server=server,  # type: ignore[arg-type]
            clock=lambda: self.now,
            reports=Reports(
                noted=self.said.append,
                committed=lambda answers: self.said.append(f"committed {len(answers)}"),
                labeled=self._labeled,
                failed=self.failed.append,
                over_budget=self._over_budget,
            ),
            limits=LIMITS,
            live=live,
            at=self.points.append,
        )

    def _rescan(self) -> None:
        self.rescans += 1

    def _over_budget(self, tokens: float, completion: float) -> str:
        return self.over(tokens, completion)

    def _labeled(self) -> None:
        self.labeled += 1

    async def judge(self, reply: Any) -> Verdict:
        self.points.append(f"judged {reply.text}")
        return (
            Verdict(Outcome.ANSWERED, reply.text) if reply.text in "01" else Verdict(Outcome.INVALID, None, "neither")
        )

    def step(self, *, held: bool = False) -> float:
        return asyncio.run(self.lane.step(self, held=held))  # type: ignore[arg-type]

    @property
    def client(self) -> Client:
        return self.clients["main"]


# -- what the worker asks -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parcels", "open_", "waiting", "tokens", "completion", "sentence"),
    [
        ([], 0, 0, 0.0, 0.0, "waiting for 0 batches at the server: 0 of 0 answered"),
        ([parcel(completed=1)], 1, 2, 900.0, 90.0, "waiting for 1 batch at the server: 1 of 3 answered"),
        (
            [parcel(completed=1), parcel(2, total=2_000, completed=2_001, tokens=100.0)],
            2, 2, 1_000.0, 60_090.0, "waiting for 2 batches at the server: 2,002 of 2,003 answered",
        ),
        ([parcel(state="done")], 0, 0, 0.0, 0.0, "waiting for 0 batches at the server: 0 of 0 answered"),
    ],
)  # fmt: skip
def test_open_batches_are_summed_up(
    tmp_path: Path, parcels: list[Parcel], open_: int, waiting: int, tokens: float, completion: float, sentence: str
) -> None:
    """What is answered by the server's count is not waited for; an answer takes one and a half times the mean of 20."""
    lane = Lane(tmp_path, *parcels).lane
    assert (lane.open, lane.waiting, lane.tokens, lane.sentence) == (open_, waiting, tokens, sentence)
    assert lane.completion_tokens == pytest.approx(completion)


@pytest.mark.parametrize(
    ("lane", "asked", "packs", "asked_only", "room"),
    [
        ("live", 0, False, None, None),
        ("flex", 10, False, None, None),
        ("batch", 0, True, None, 10),
        ("batch", 9, True, None, 1),
        ("batch", 10, True, True, None),
        ("auto", 11, True, True, None),
    ],
)
def test_live_calls_are_for_the_trial_and_for_what_was_asked_before(
    tmp_path: Path, lane: str, asked: int, packs: bool, asked_only: bool | None, room: int | None
) -> None:
    """Ten texts are asked live first where the rest goes into batches; elsewhere all are."""
    made = Lane(tmp_path, choice=LaneChoice(lane))
    made.shelf.asked = asked
    assert (made.lane.packs, made.lane.asked_only, made.lane.trial_room) == (packs, asked_only, room)
    made.shelf.asked = 10
    assert made.lane.trial_room is None
    made.shelf.asked = 0
    assert made.lane.trial_room == (10 if packs and asked < 0 else None), "a trial that is over stays over"
    assert made.rescans == int(packs)


@pytest.mark.parametrize(
    ("choice", "parcels", "left", "asked", "took_s", "expected"),
    [
        ("batch", [], 0, 10, None, (0, 0, 0)),  # nothing is left but what live calls say of nothing
        ("live", [], 50, 0, None, (50, 50, 50)),
        ("batch", [], 6, 10, None, (86_400, None, 86_400)),  # two batches of three at once
        ("batch", [], 7, 10, None, (172_800, None, 172_800)),
        ("batch", [], 7, 10, 600.0, (1_200, 1_200, 172_800)),
        ("batch", [], 7, 6, 600.0, (600, 600, 86_400)),  # four of the trial are asked live
        ("batch", [], 4, 6, 600.0, (4, 4, 4)),
        ("batch", [parcel()], 0, 10, 600.0, (100, 100, 85_900)),
        ("batch", [parcel(sent_at=None)], 0, 10, 600.0, (600, 600, 86_400)),
        ("batch", [parcel(expires_at=10_050.0)], 0, 10, 600.0, (50, 50, 50)),
        ("batch", [parcel(expires_at=9_000.0)], 0, 10, 600.0, (0, 0, 0)),
        ("live", [parcel()], 50, 10, None, (85_900, None, 85_900)),
        ("live", [parcel()], 200, 10, 600.0, (200, 200, 85_900)),
    ],
)
def test_when_a_run_with_batches_ends(
    tmp_path: Path,
    choice: str,
    parcels: list[Parcel],
    left: int,
    asked: int,
    took_s: float | None,
    expected: tuple[float | None, ...],
) -> None:
    """Open ones take as long as those before them, or until they expire; rounds follow; a live call a second."""
    made = Lane(tmp_path, *parcels, choice=LaneChoice(choice), emails=left)
    made.shelf.asked, made.lane._took_s = asked, took_s
    found = made.lane.ends()
    assert found is not None
    assert (found.eta_s, found.low_s, found.high_s) == expected


def test_what_is_left_is_counted_every_ten_seconds_and_less_what_is_in_batches(tmp_path: Path) -> None:
    """A clock that was set back counts anew."""
    made = Lane(tmp_path, choice=LaneChoice("live"), emails=50)
    made.shelf.waiting = 20
    ends = []
    for at, left in ((10_000.0, 50), (10_009.9, 40), (10_010.0, 40), (10_009.0, 30), (10_009.5, 10)):
        made.now, made.shelf.emails = at, made.shelf.emails[:left]
        found = made.lane.ends()
        ends.append(found.eta_s if found else None)
    assert ends == [30, 30, 20, 10, 10]
    made.now, made.shelf.emails = 20_000.0, []
    assert made.lane.ends() == Forecast(0, 0, 0, "RPM")


@pytest.mark.parametrize(
    ("by_at", "packs", "eta_s"), [(10_300.0, True, 300.0), (None, True, 600.0), (9_000.0, True, 0.0)]
)
def test_a_time_to_be_done_by_bounds_what_batches_may_take(
    tmp_path: Path, by_at: float | None, packs: bool, eta_s: float
) -> None:
    """In the lane that gives them up for it."""
    made = Lane(tmp_path, parcel(sent_at=10_000.0), choice=LaneChoice("auto", by_at))
    made.lane._took_s = 600.0
    found = made.lane.ends()
    assert found is not None
    assert (found.eta_s, made.lane.packs) == (eta_s, packs)


# -- packing --------------------------------------------------------------------------------------------------------------


def test_batches_are_packed_until_as_many_are_open_as_may_be(tmp_path: Path) -> None:
    """Three texts each, one of equal ones, none that is out or has a label by now; the third waits for room."""
    made = Lane(tmp_path, emails=9)
    made.shelf.emails[1] = replace(made.shelf.emails[1], content_hash="text 1")
    made.busy, made.shelf.twins = {3}, {4}
    assert made.step() == 0.0
    first = made.shelf.kept[0]
    chars = made.lane._fixed_chars
    assert first.tokens == pytest.approx(sum((chars + 6) / 4 + 30 for _ in range(3)))
    assert (first.state, first.key_alias, first.organization, first.total, first.packed_at) == (
        "packed",
        "main",
        "org_1",
        3,
        10_000.0,
    )
    assert (first.model, first.task_version, first.window) == (TASK.model.model, "v1", "24h")
    assert (first.completed, first.failed, first.status, first.sent_at) == (0, 0, "", None)
    assert made.forgotten == [1, 5, 6]
    made.step()
    assert made.shelf.closed == ["packed [1, 5, 6]", "packed [2, 7, 8]"]
    assert made.lane.open == 2
    made.step()
    assert made.shelf.closed == ["packed [1, 5, 6]", "packed [2, 7, 8]"]


def test_nothing_is_packed_while_the_trial_goes_on_or_calls_are_held_or_nothing_is_there(tmp_path: Path) -> None:
    """Where nothing was there, ten seconds pass before it is looked again; a change of the lane looks at once."""
    made = Lane(tmp_path, emails=1)
    made.shelf.asked = 9
    made.step()
    made.shelf.asked = 10
    made.step(held=True)
    assert made.shelf.closed == []
    kept, made.shelf.emails = made.shelf.emails, []
    made.step()
    made.shelf.emails = kept
    for made.now in (10_000.0, 10_009.9):
        made.step()
    assert made.shelf.closed == []
    made.now = 10_010.0
    made.step()
    assert made.shelf.closed == ["packed [1]"]
    other = Lane(tmp_path)
    other.step()
    other.shelf.emails = [email(1)]
    other.lane.choose()
    other.step()
    assert (other.shelf.closed, other.rescans) == (["packed [1]"], 2)


def test_a_budget_bounds_a_batch(tmp_path: Path) -> None:
    """It holds as many as the budget takes; where none fits and none is open, the rest is asked live."""
    made = Lane(tmp_path, emails=5)
    seen: list[tuple[float, float]] = []
    cost = (made.lane._fixed_chars + 6) / 4 + 30

    def over(tokens: float, completion: float) -> str:
        seen.append((tokens, completion))
        return "too much" if tokens > 2 * cost + 1 else ""

    made.over = over
    made.step()
    assert made.shelf.closed == ["packed [1, 2]"]
    assert seen == [(pytest.approx(cost * n), pytest.approx(30.0 * n)) for n in (1, 2, 3)]
    made.over = lambda *_: "too much"
    made.step()
    assert (made.said, made.lane.packs) == ([], True)
    none = Lane(tmp_path, emails=5)
    none.over = lambda *_: "too much"
    none.step()
    assert none.said == [
        "no batch fits the budget: too much",
        "the batch lane is off: the rest of the budget is asked live (too much); the run goes on with live calls",
    ]
    assert (none.lane.packs, none.rescans) == (False, 2)


def test_a_file_holds_no_more_bytes_than_a_server_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One text goes in any case; twice what all have in common, the text as JSON and a thousand for the rest."""
    made = Lane(tmp_path, emails=3)
    a_line = 2 * made.lane._fixed_chars + len('"text 1"') + 1_000
    packed = []
    for most in (2 * a_line, 2 * a_line - 1, 1):
        lane = Lane(tmp_path, emails=3)
        monkeypatch.setattr(batch, "MOST_BYTES", most)
        lane.step()
        packed += lane.shelf.closed
    assert packed == ["packed [1, 2]", "packed [1]", "packed [1]"]


@pytest.mark.parametrize(("mean", "expected"), [(None, 256.0), (20.0, 30.0), (170.0, 255.0), (171.0, 256.0)])
def test_an_answer_is_expected_to_be_as_long_as_those_of_the_trial(
    tmp_path: Path, mean: float | None, expected: float
) -> None:
    """With half as much to spare, and never more than is allowed."""
    made = Lane(tmp_path)
    made.shelf.mean = mean
    assert made.lane._expected_completion() == expected


# -- sending --------------------------------------------------------------------------------------------------------------


def test_a_batch_is_uploaded_created_and_looked_at_a_minute_later(tmp_path: Path) -> None:
    """A line for each email; what was tried is written down before it leaves."""
    made = Lane(tmp_path, parcel(state="packed"))
    assert made.step(held=True) == 60.0
    assert made.client.asked == ["upload labeltui-nonce1.jsonl", "create file-9 24h"]
    assert made.client.metadata == {"labeltui_run": "run", "labeltui_parcel": "nonce1"}
    lines = [json.loads(line) for line in made.client.content.decode().splitlines()]
    assert [line["custom_id"] for line in lines] == [f"labeltui/nonce1/{each}" for each in (1, 2, 3)]
    assert lines[0] == {**lines[0], "method": "POST", "url": "/v1/chat/completions", "body": {"n": 2}}
    assert made.shelf.changes == [
        {"tried_at": 10_000.0},
        {"file_id": "file-9", "tried_at": 10_000.0},
        {
            "state": "sent", "batch_id": "batch-9", "file_id": "file-9", "tried_at": None, "status": "in_progress",
            "sent_at": 10_000.0, "expires_at": 99_000.0,
        },
    ]  # fmt: skip
    assert made.points == ["before upload", "uploaded", "before create", "created", "sent"]


def test_one_whose_file_is_there_is_created_and_one_that_has_ended_is_looked_at_at_once(tmp_path: Path) -> None:
    """Nothing is uploaded twice."""
    made = Lane(tmp_path, parcel(state="packed", file_id="file-3"), create=status("completed", input_file_id=""))
    assert made.step(held=True) == 0.0
    assert made.client.asked == ["create file-3 24h"]
    assert made.shelf.kept[0].file_id == "file-3"


@pytest.mark.parametrize(
    ("mine", "found"),
    [
        (status(nonce="nonce1"), True),
        (status(input_file_id="file-own"), True),
        (status(input_file_id="file-4"), True),
        (status("failed", nonce="nonce1"), False),
        (status(), False),
    ],
    ids=["by its nonce", "by its file's name", "by its file", "one that failed", "another one"],
)
def test_a_batch_that_may_have_been_made_is_looked_for(tmp_path: Path, mine: BatchStatus, found: bool) -> None:
    """From an hour before it was packed; one that is not there is made a minute after it was tried, not before."""
    made = Lane(
        tmp_path,
        parcel(state="packed", tried_at=9_990.0, file_id="file-4"),
        file_named="file-own",
        batches=(status(nonce="other"), mine),
    )
    wait_s = made.step(held=True)
    assert made.client.asked == ["file_named labeltui-nonce1.jsonl", "batches 5400"]
    assert (made.shelf.kept[0].state, wait_s) == (("sent", 60.0) if found else ("packed", 50.0))
    if not found:
        made.now = 10_049.9
        made.step(held=True)
        assert len(made.client.asked) == 2
        made.now = 10_050.0
        made.step(held=True)
        assert made.client.asked[-1] == "create file-own 24h"


@pytest.mark.parametrize(("tried_at", "waits_s"), [(9_940.5, 0.5), (9_940.0, None)])
def test_a_batch_is_made_again_a_minute_after_it_was_tried(
    tmp_path: Path, tried_at: float, waits_s: float | None
) -> None:
    """To the second; until then it may still show."""
    made = Lane(tmp_path, parcel(state="packed", tried_at=tried_at), file_named="file-own")
    wait_s = made.step(held=True)
    assert ("create file-own 24h" in made.client.asked) is (waits_s is None)
    assert waits_s is None or wait_s == pytest.approx(waits_s)


def test_a_batch_is_looked_for_with_each_organizations_key(tmp_path: Path) -> None:
    """It belongs to one of them; a key that is refused is passed over unless it is its own."""
    made = Lane(tmp_path, parcel(state="packed", tried_at=9_000.0))
    made.keys = [
        BatchKey("main", "org_1"),
        BatchKey("bad", "org_2"),
        BatchKey("gone", "org_3"),
        BatchKey("lab", "org_4"),
    ]
    made.clients |= {"bad": Client(file_named=KeyRefusedError("401")), "lab": Client(batches=(status(nonce="nonce1"),))}
    made.step(held=True)
    assert (made.shelf.kept[0].state, made.shelf.kept[0].key_alias) == ("sent", "lab")
    assert made.client.asked == ["file_named labeltui-nonce1.jsonl", "batches 5400"]
    own = Lane(tmp_path, parcel(state="packed", tried_at=9_000.0), file_named=KeyRefusedError("401 who"))
    own.step(held=True)
    assert own.shelf.closed == ["void: org_1 takes no batches: 401 who"]


@pytest.mark.parametrize(
    ("given", "closed"),
    [
        ({"key_alias": "gone"}, "void: the key gone is gone: a batch that was not sent is given up"),
        ({"task_version": "v0"}, "void: the task changed before a batch was sent: it is packed anew"),
        (
            {"task_version": "v0", "tried_at": 9_000.0},
            "void: the task changed before a batch was sent: it is packed anew",
        ),
    ],
)
def test_a_batch_that_cannot_be_sent_any_more_is_given_up(tmp_path: Path, given: dict[str, Any], closed: str) -> None:
    """Without anything being uploaded."""
    made = Lane(tmp_path, parcel(state="packed", **given))
    made.step(held=True)
    assert made.shelf.closed == [closed]
    assert not any(each.startswith(("upload", "create")) for each in made.client.asked)


# -- looking after --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("since_s", "wait_s"), [(0, 60.0), (600, 60.0), (610, 61.0), (3_000, 300.0), (3_010, 300.0), (None, 60.0)]
)
def test_a_batch_is_looked_at_more_rarely_the_longer_it_takes(
    tmp_path: Path, since_s: float | None, wait_s: float
) -> None:
    """After a tenth of its time so far, a minute at least and five at most."""
    made = Lane(tmp_path, parcel(sent_at=None if since_s is None else 10_000.0 - since_s))
    assert made.step(held=True) == pytest.approx(wait_s)
    made.now += wait_s - 0.5
    assert made.step(held=True) == pytest.approx(0.5)
    assert made.client.asked == ["batch batch-1"]
    made.now += 0.5
    made.step(held=True)
    assert made.client.asked == ["batch batch-1"] * 2


@pytest.mark.parametrize(
    ("told", "open_", "closed", "wait_s", "off"),
    [
        (status("failed", code="token_limit_exceeded"), 1, [], 300.0, ""),
        (status("failed", code="token_limit_exceeded"), 2, [], 60.0, ""),
        (
            status("failed", code="bad", why="no such model"),
            1,
            ["void: the server did not take a batch of 3: no such model"],
            None,
            "the batch lane is off: a batch failed: no such model; the run goes on with live calls",
        ),
        (
            status("failed", code="bad"),
            1,
            ["void: the server did not take a batch of 3: bad"],
            None,
            "the batch lane is off: a batch failed: bad; the run goes on with live calls",
        ),
    ],
)
def test_a_batch_that_the_server_did_not_take(
    tmp_path: Path, told: BatchStatus, open_: int, closed: list[str], wait_s: float | None, off: str
) -> None:
    """For want of room it is made again later, sooner where another of ours ends before; else batches are over."""
    others = [parcel(2, sent_at=9_999.0)] if open_ == 2 else []
    made = Lane(tmp_path, parcel(), *others, batch=told)
    made.lane._next_at = {2: 20_000.0}
    made.step(held=True)
    assert (made.shelf.closed, made.said) == (closed, [off] if off else [])
    assert made.lane._next_at.get(1) == (None if wait_s is None else 10_000.0 + wait_s)
    if wait_s is not None:
        assert made.shelf.kept[0] == replace(
            parcel(), state="packed", batch_id=None, status="waiting for room", completed=1, polled_at=10_000.0,
            expires_at=99_000.0,
        )  # fmt: skip
    assert made.lane.packs is not bool(off)


def line(number: int, answer: str = "1", code: int = 200, prompt: int = 50, nonce: str = "nonce1") -> str:
    body: dict[str, Any] = {
        "choices": [{"message": {"content": answer}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": prompt, "completion_tokens": 2},
        "model": "m",
    }
    if code != 200:
        body = {"error": {"message": "no nonsense", "code": "x"}}
    response = {"status_code": code, "request_id": "req", "body": body}
    return json.dumps({"custom_id": f"labeltui/{nonce}/{number}", "response": response}) + "\n"


def test_the_results_of_a_batch_are_committed_and_its_files_removed(tmp_path: Path) -> None:
    """A label, an unusable answer and a refusal; each different answer is judged once; lines of others are left out."""
    text = line(2, "0") + line(1) + line(3, "1") + line(7, nonce="other") + '{"custom_id": 5}\n'
    made = Lane(
        tmp_path,
        parcel(file_id="in"),
        batch=status("completed", output_file_id="out", error_file_id="err"),
        download=text,
    )
    made.step(held=True)
    assert made.shelf.gathered[:3] == ["1 answered", "2 answered", "3 answered"]
    assert made.client.asked == [
        "batch batch-1",
        "download out",
        "download err",
        "delete in",
        "delete out",
        "delete err",
    ]
    assert [each for each in made.points if each.startswith("judged")] == ["judged 1", "judged 0"]
    assert made.labeled == 6
    assert made.said == ["committed 3", "committed 3"]
    assert list(tmp_path.iterdir()) == []
    attempt = made.shelf.attempts[0]
    assert (attempt.lane, attempt.latency_s, attempt.started_at, attempt.prompt_tokens) == ("batch", 500.0, 9_500.0, 50)
    assert (attempt.key_alias, attempt.organization, attempt.request_id) == ("main", "org_1", "req")


@pytest.mark.parametrize(
    ("given", "waiting", "refused", "closed", "rescans"),
    [
        ({"status": "completed"}, 0, 0, "done: a batch of 3 is completed: 0 answered, 3 in line again", 1),
        ({"status": "finalizing"}, 0, 0, "done: a batch of 3 is completed: 0 answered, 3 in line again", 1),
        ({"status": "expired"}, 3, 0, "done: a batch of 3 is expired: 0 answered, 3 in line again", 2),
        ({"status": "cancelled", "total": 1_005}, 3, 2, "done: a batch of 1,005 is cancelled: 1,000 answered, 2 refused, 3 in line again", 2),
    ],
)  # fmt: skip
def test_a_batch_that_ended_says_what_came_of_it(
    tmp_path: Path, given: dict[str, Any], waiting: int, refused: int, closed: str, rescans: int
) -> None:
    """Answered, refused and in line again; how long it took is known for those that follow."""
    made = Lane(tmp_path, parcel(state="gathering", **given))
    made.shelf.waiting, made.shelf.refused, made.shelf.took = waiting, refused, 777.0
    made.step(held=True)
    assert made.shelf.closed == [closed]
    assert (made.rescans, made.lane._took_s, made.lane.open) == (rescans, 777.0, 0)
    assert made.points == ["gathered", "closed"]


@pytest.mark.parametrize(
    ("text", "gathered", "failed", "labeled"),
    [
        (line(1, code=400), ["1 bad_request"], [], 0),
        (line(1, code=429), ["1 rate_limited"], [], 0),
        (line(1, "maybe"), ["1 invalid"], [], 0),
        (json.dumps({"custom_id": "labeltui/nonce1/1", "response": {"status_code": "x"}}), ["1 server_error"], [], 0),
        (json.dumps({"custom_id": "labeltui/nonce1/1", "response": None}), [], [], 0),
        ("no json\n" + line(2, "0"), ["2 answered"], [], 1),
    ],
    ids=["refused", "limited", "unusable", "no status", "no response", "no JSON"],
)
def test_a_line_that_is_no_label_fails_nobody(
    tmp_path: Path, text: str, gathered: list[str], failed: list[str], labeled: int
) -> None:
    """Its email is asked live."""
    made = Lane(tmp_path, parcel(state="gathering", output_file_id="out"), download=text)
    made.step(held=True)
    assert (made.shelf.gathered, made.failed, made.labeled) == (gathered, failed, labeled)


def test_an_answer_without_a_count_of_tokens_is_estimated_and_keeps_its_version(tmp_path: Path) -> None:
    """The one that the batch was made with."""
    made = Lane(
        tmp_path, parcel(state="gathering", output_file_id="out", task_version="v0"), download=line(1, prompt=0)
    )
    made.step(held=True)
    attempt = made.shelf.attempts[0]
    assert attempt.prompt_tokens > 10
    assert attempt.task_version == "v0"


def test_results_that_were_downloaded_are_not_downloaded_again(tmp_path: Path) -> None:
    """A worker that died in between left them; a file that the server keeps hinders nothing."""
    made = Lane(tmp_path, parcel(state="gathering", output_file_id="out"), delete=ServerFailedError("500"))
    name = hashlib.sha256(b"nonce1").hexdigest()[:12]
    (tmp_path / f"run.{name}.output.part").write_text(line(1), "utf-8")
    made.step(held=True)
    assert made.client.asked == ["delete out"]
    assert made.labeled == 1
    assert made.shelf.closed == ["done: a batch of 3 is completed: 0 answered, 3 in line again"]


@pytest.mark.parametrize("state", ["sent", "gathering"])
def test_a_batch_whose_key_is_gone_waits_for_it(tmp_path: Path, state: str) -> None:
    """Five minutes each time: it may come back."""
    made = Lane(tmp_path, parcel(state=state, key_alias="gone", output_file_id="out"))
    assert made.step(held=True) == 300.0
    assert (made.shelf.closed, made.shelf.changes) == ([], [])


# -- trouble --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "error", "wait_s", "closed", "said"),
    [
        ("sent", ConnectionFailedError("reset"), 30.0, "", ""),
        ("packed", ServerFailedError("503", status=503), 30.0, "", ""),
        ("sent", ServerFailedError("501", status=501), 300.0, "", "a batch waits: 501"),
        (
            "packed", ServerFailedError("501", status=501), None, "void: the server has no batches",
            "the batch lane is off: this server has no batch lane (501); the run goes on with live calls",
        ),
        (
            "packed", RequestRefusedError("404", status=404), None, "void: the server has no batches",
            "the batch lane is off: this server has no batch lane (404); the run goes on with live calls",
        ),
        ("packed", KeyRefusedError("401", status=401), None, "void: org_1 takes no batches: 401", ""),
        ("packed", RequestRefusedError("400", status=400), None, "void: org_1 takes no batches: 400", ""),
        ("packed", ModelGoneError("gone", status=400), None, "void: org_1 takes no batches: gone", ""),
        ("packed", RateLimitedError("429", status=429), 300.0, "", "a batch waits: 429"),
        ("sent", KeyRefusedError("401", status=401), 300.0, "", "a batch waits: 401"),
        ("sent", RequestRefusedError("404", status=404), 300.0, "", "a batch waits: 404"),
        (
            "gathering", RequestRefusedError("404", status=404), None,
            "void: the results of a batch of 3 are gone at the server: 404", "",
        ),
        ("gathering", RequestRefusedError("400", status=400), 300.0, "", "a batch waits: 400"),
    ],
)  # fmt: skip
def test_what_an_error_makes_of_a_batch(
    tmp_path: Path, state: str, error: CallError, wait_s: float | None, closed: str, said: str
) -> None:
    """One that was not sent is given up where its key or the server cannot have it; one that was is never lost for it."""
    made = Lane(tmp_path, parcel(state=state, output_file_id="out"), upload=error, batch=error, download=error)
    found = made.step(held=True)
    if wait_s is not None:
        assert found == wait_s
    assert made.shelf.closed == ([closed] if closed else [])
    assert made.said == ([said] if said else [])
    assert made.lane.open == (0 if closed else 1)


def test_an_organization_that_takes_no_batches_is_left_out_until_a_person_chooses_again(tmp_path: Path) -> None:
    """Another one's key goes on; where none is left, batches are off with all that was said."""
    made = Lane(tmp_path, emails=9, upload=RequestRefusedError("400 no plan", status=400))
    made.keys = [BatchKey("main", "org_1"), BatchKey("lab", "org_2")]
    made.clients["lab"] = Client(upload=RequestRefusedError("400 not here", status=400))
    for _ in range(4):
        made.step()
    assert made.said == [
        "the batch lane is off: 400 no plan; 400 not here; the run goes on with live calls",
    ]
    assert not made.lane.packs
    made.lane.choose()
    assert made.lane.packs
    made.keys = []
    made.step()
    assert made.said[-1] == "the batch lane is off: no key can be used; the run goes on with live calls"


def test_batches_are_ended_at_the_server(tmp_path: Path) -> None:
    """One that was not sent is given up, one that may have been is kept, those that are there are asked to end."""
    made = Lane(
        tmp_path, parcel(1), parcel(2, "packed"), parcel(3, "packed", tried_at=1.0), parcel(4, key_alias="gone"),
        parcel(5, key_alias="lab"),
    )  # fmt: skip
    made.clients["lab"] = Client(cancel=ServerFailedError("500"))
    made.lane._next_at = {1: 99_999.0, 5: 99_999.0}
    assert asyncio.run(made.lane.cancel()) == 1
    assert made.client.asked == ["cancel batch-1"]
    assert made.shelf.closed == ["void: a batch that was not sent yet was given up"]
    assert made.said == ["a batch could not be cancelled: 500"]
    assert made.lane._next_at == {1: 10_000.0, 5: 99_999.0}
    assert made.lane.open == 4


@pytest.mark.parametrize(
    ("given", "left", "rate", "late"),
    [
        ({"by_at": 10_000 + 600 + 130.0}, 100, None, True),
        ({"by_at": 10_000 + 600 + 130.1}, 100, None, False),
        ({"by_at": 10_000 + 600 + 260.0}, 100, 0.5, True),
        ({"by_at": 10_000 + 600 + 260.1}, 100, 0.5, False),
        ({"by_at": 10_000 + 600 + 130.0}, 100, 2.0, True),
        ({"by_at": 9_000.0}, 0, None, False),
        ({"by_at": 9_000.0}, 100, None, True),
        ({}, 100, None, False),
    ],
)
def test_batches_are_given_up_where_time_is_short(
    tmp_path: Path, given: dict[str, Any], left: int, rate: float | None, late: bool
) -> None:
    """Ten minutes for ending them, and 1.3 times what live calls take: as forecast or as they went, whichever is longer."""
    made = Lane(tmp_path, parcel(), choice=LaneChoice("auto", **given), emails=left)
    made.shelf.rate = rate
    made.step(held=True)
    assert made.lane.packs is not late
    assert made.said == (
        [f"time is short: {left} texts are left, the rest is asked live and 1 batch is ended"] if late else []
    )
    assert made.client.asked == (["cancel batch-1"] if late else []) + ["batch batch-1"]


def test_the_time_is_looked_at_every_ten_seconds_in_the_lane_that_gives_batches_up(tmp_path: Path) -> None:
    """Not before the trial is over, not in the lane of batches alone, and said once."""
    made = Lane(tmp_path, choice=LaneChoice("auto", 10_500.0), emails=2_000, live=lambda _: None)
    made.shelf.asked = 9
    made.step(held=True)
    made.shelf.asked, made.shelf.rate = 10, 1.0
    made.now = 10_009.0
    made.step(held=True)
    assert made.said == []
    made.now = 10_010.0
    made.step(held=True)
    made.now = 10_030.0
    made.step(held=True)
    assert made.said == ["time is short: 2,000 texts are left, the rest is asked live"]
    alone = Lane(tmp_path, choice=LaneChoice("batch", 9_000.0), emails=2_000)
    alone.step(held=True)
    assert alone.said == []
    unknown = Lane(tmp_path, choice=LaneChoice("auto", 9_000.0), emails=2_000, live=lambda _: None)
    unknown.step(held=True)
    assert unknown.said == [], "nothing is known of the speed"


def test_a_batch_that_failed_and_has_answers_all_the_same_is_gathered(tmp_path: Path) -> None:
    """They are paid for."""
    made = Lane(tmp_path, parcel(), batch=status("failed", output_file_id="out"), download=line(1))
    made.step(held=True)
    assert made.shelf.gathered == ["1 answered"]
    assert made.lane.packs


def test_a_worker_passes_these_points_with_a_batch(tmp_path: Path) -> None:
    """In this order, from packing to its end; a kill at each of them is tried elsewhere."""
    made = Lane(tmp_path, emails=3, batch=status("completed", output_file_id="out"))
    made.step()
    made.step(held=True)
    nonce = made.shelf.kept[0].nonce
    made.client.gives["download"] = "".join(line(number, nonce=nonce) for number in (1, 2, 3))
    made.now += 100
    made.step(held=True)
    assert [each for each in made.points if not each.startswith("judged")] == [
        "before packing", "packed", "before upload", "uploaded", "before create", "created", "sent", "ended", "downloaded",
        "before gathering", "gathering", "gathered", "closed",
    ]  # fmt: skip
    assert made.lane.open == 0


def test_a_batch_that_was_not_sent_is_the_one_that_is_given_up(tmp_path: Path) -> None:
    """One that may have been is looked for."""
    made = Lane(tmp_path, parcel(2, "packed"), parcel(3, "packed", tried_at=1.0))
    assert asyncio.run(made.lane.cancel()) == 0
    assert {each.id: each.state for each in made.shelf.kept} == {2: "void", 3: "packed"}


@pytest.mark.parametrize(("sent_at", "latency_s"), [(9_990.0, 10.0), (10_000.0, 0.0), (10_500.0, 0.0), (None, 0.0)])
def test_an_answer_took_no_less_than_no_time(tmp_path: Path, sent_at: float | None, latency_s: float) -> None:
    """Also where the clock was set back, or it is not known when its batch was sent."""
    made = Lane(tmp_path, parcel(state="gathering", output_file_id="out", sent_at=sent_at), download=line(1))
    made.step(held=True)
    assert made.shelf.attempts[0].latency_s == latency_s


def test_an_answer_that_the_model_refused_fails_its_email(tmp_path: Path) -> None:
    """As a live call would."""
    made = Lane(tmp_path, parcel(state="gathering", output_file_id="out"), download=line(1))

    async def judge(_: Any) -> Verdict:
        return Verdict(Outcome.REFUSED, None, "it will not")

    made.judge = judge  # type: ignore[method-assign]
    made.step(held=True)
    assert (made.failed, made.labeled) == (["refused by the model: it will not"], 0)
    assert made.shelf.gathered == ["1 refused"]


def test_a_server_is_told_the_first_200_characters_of_a_runs_name(tmp_path: Path) -> None:
    """It takes no longer values."""
    made = Lane(tmp_path, parcel(state="packed"))
    made.shelf.path = tmp_path / ("x" * 210 + ".db")
    made.step(held=True)
    assert made.client.metadata["labeltui_run"] == "x" * 200


def test_emails_are_read_until_a_batch_is_full(tmp_path: Path) -> None:
    """A page of its size at a time, from where the last one ended; not one more."""
    made = Lane(tmp_path, emails=9)
    made.busy = {1, 2}
    read: list[tuple[int, int]] = []
    pending = made.shelf.pending

    def page(*, after: int, limit: int, asked: bool) -> list[PendingEmail]:
        read.append((after, limit))
        return pending(after=after, limit=limit, asked=asked)

    made.shelf.pending = page  # type: ignore[method-assign]
    made.step()
    assert made.shelf.closed == ["packed [3, 4, 5]"]
    assert read == [(-1, 3), (3, 3)]


@pytest.mark.parametrize(("by_at", "late"), [(10_000 + 130.0, True), (10_000 + 130.1, False)])
def test_where_no_batch_is_made_any_more_no_time_is_kept_for_ending_them(
    tmp_path: Path, by_at: float, late: bool
) -> None:
    """Live calls have all of it."""
    made = Lane(tmp_path, parcel(), choice=LaneChoice("auto", by_at=by_at), emails=100)
    made.lane._turn_off("no room")
    made.said.clear()
    made.step(held=True)
    assert bool(made.said) is late


def test_live_calls_beside_batches_are_for_what_the_trial_has_left(tmp_path: Path) -> None:
    """Four of seven, where the trial asks about ten and six were; where those take longer than batches, they are the end."""
    asked: list[float] = []

    def live(texts: float) -> Forecast:
        asked.append(texts)
        return Forecast(texts * 100_000, texts * 100_000, texts * 100_000, "RPM")

    made = Lane(tmp_path, emails=7, live=live)
    made.shelf.asked, made.lane._took_s = 6, 600.0
    found = made.lane.ends()
    assert asked == [4]
    assert found is not None
    assert found.eta_s == 400_000.0


@pytest.mark.parametrize(
    ("lane", "off", "bounded"), [("auto", False, True), ("auto", True, False), ("batch", False, False)]
)
def test_a_time_to_be_done_by_bounds_the_lane_that_gives_batches_up(
    tmp_path: Path, lane: str, off: bool, bounded: bool
) -> None:
    """While it makes batches; another one has no such time."""
    seen: list[float | None] = []
    made = Lane(tmp_path, parcel(), choice=LaneChoice(lane, by_at=10_500.0))
    if off:
        made.lane._turn_off("no room")
    end_with = batch.end_with_batches

    def ends(live: Any, batches: Any, by_s: float | None) -> Any:
        seen.append(by_s)
        return end_with(live, batches, by_s)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch, "end_with_batches", ends)
        made.lane.ends()
    assert seen == [500.0 if bounded else None]
