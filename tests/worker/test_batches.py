"""Batches: nothing is bought twice and nothing is lost, wherever the worker is killed and whatever the server does."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from core.commands.catalog import ChooseLane
from core.commands.command import decode
from core.errors import RateLimitedError, ServerFailedError, UsageError
from core.llm.batches import BatchClient
from core.model import Forecast, LaneChoice
from core.simulator.config import BatchPlan, simple_config
from core.storage.file.lock import RunLock
from core.storage.reading.reader import RunReader
from core.storage.writing.store import Store
from core.worker.lanes import batch
from core.worker.queue import Queue
from tests.programs.batches import EMAILS, POINTS, SERVERS, Judge, World, killed
from tui.commands.status import as_json, batch_lines, lane_line
from tui.text.record import history
from tui.widgets.panes.worker import worker_facts

WORST = ("uploaded", "created", "gathering")
CASES = [
    (point, server)
    for number, point in enumerate(POINTS)
    for place, server in enumerate(SERVERS)
    if point in WORST or number % len(SERVERS) == place
]
"""A part of the program's table: the worst points on every server, the others on one each."""


@pytest.mark.parametrize(("point", "server"), CASES)
def test_a_kill_loses_nothing_and_buys_nothing_twice(point: str, server: str, tmp_path: Path) -> None:
    """Each email has one label, and each line was paid for once; all cases: python -m tests.programs.batches."""
    killed(tmp_path, point, server).check()


@pytest.mark.parametrize("kills", range(20))
def test_gathering_that_is_killed_again_and_again_labels_each_email_once(kills: int, tmp_path: Path) -> None:
    """However often the worker dies while results are committed, each line counts once."""
    world = World(tmp_path, BatchPlan(shuffle=True))
    points = ("before gathering", "gathering", "downloaded", "gathered")
    assert world.live(kill_at=points[kills % 4], kill_nth=1 + kills % 3)
    world.live(kill_at=points[(kills + 1) % 4])
    assert not world.live()
    world.check()


def test_results_are_gathered_in_the_order_of_their_texts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever their order in the file; NaN is read as other readers do, and a broken line is left out and logged."""
    path = tmp_path / "output.part"
    lines = [f'{{"custom_id": "labeltui/ab/{number}", "x": NaN}}' for number in (30, 4, 100)]
    path.write_text("\n".join([*lines, '{"custom_id": "labeltui/ab/5"', '{"custom_id":"labeltui/ab/2"}']))
    chunks = [[line["custom_id"].rpartition("/")[2] for line in chunk] for chunk in batch._chunks(path, 2)]
    assert chunks == [["2", "4"], ["30"], ["100"]]
    assert "is not JSON" in caplog.text


def test_what_expired_is_sent_again_and_nothing_else(tmp_path: Path) -> None:
    """Of three batches of ten four lines each expire; they alone are asked in further batches."""
    world = World(tmp_path, BatchPlan(expire=0.4))
    assert not world.live()
    world.check()
    sent = world.rows("SELECT email_id, count(*) FROM parcel_email GROUP BY email_id")
    again = {email for email, times in sent if times > 1}
    assert len(again) == 12
    assert any("expired: 6 answered, 4 in line again" in text for (text,) in world.rows("SELECT text FROM event"))


def test_lines_that_came_back_with_an_error_are_not_counted_as_answered(tmp_path: Path) -> None:
    """The sentence of a batch names them, whoever gathered them, and the console counts the server's answers alone."""
    faults = replace(simple_config().faults, too_large=0.5)
    world = World(tmp_path, BatchPlan(), config=replace(simple_config(2, 2), faults=faults))
    world.live(kill_at="gathering")
    world.live()
    said = " ".join(text for (text,) in world.rows("SELECT text FROM event WHERE kind = 'batch'"))
    errors = world.rows("SELECT count(*) FROM attempt WHERE outcome = 'too_large'")[0][0]
    refused = [int(count) for count in re.findall(r"(\d+) refused", said)]
    answered = [int(count) for count in re.findall(r"(\d+) answered", said)]
    assert sum(refused) == errors > 5
    assert sum(answered) == EMAILS - errors


def test_unusable_answers_are_left_to_live_calls(tmp_path: Path) -> None:
    """They are kept as attempts, cost half, and are offered to live calls as follow-up questions."""
    faulty = replace(simple_config(2, 2), faults=replace(simple_config().faults, invalid=0.5))
    world = World(tmp_path, BatchPlan(), config=faulty)
    assert not world.live()
    invalid = world.rows("SELECT count(*) FROM attempt WHERE outcome = 'invalid'")[0][0]
    assert 5 < invalid < 25
    with RunLock(world.path) as lock, Store.open(world.path, lock) as store:
        asked = store.pending(after=-1, limit=100, asked=True)
        assert len(asked) == invalid == store.pending_count
        assert all(len(email.bad_answers) == 1 for email in asked)
        assert store.batch_spent()[0] == store.spent()[0] > 0


def test_live_calls_are_not_offered_what_a_batch_holds(tmp_path: Path) -> None:
    """Neither an email of an open batch nor one with the same text is pending for anybody else."""
    world = World(tmp_path, BatchPlan(seconds=1e9))
    world.live(until_s=10.0)
    with RunLock(world.path) as lock, Store.open(world.path, lock) as store:
        assert store.pending_count == EMAILS
        assert store.pending(after=-1, limit=100) == []
        held = [each.id for each in store.parcel_emails(1)]
        with pytest.raises(Exception, match="UNIQUE"):
            store.pack(replace(store.parcels()[0], nonce="another"), held[:1])


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (BatchPlan(plan_403=True), "org_sim_2 takes no batches: .*not available for your plan"),
        (BatchPlan(fail="validation"), "the batch lane is off: a batch failed"),
    ],
    ids=["not in the plan", "validation"],
)
def test_a_server_that_takes_no_batches_turns_the_lane_off(plan: BatchPlan, words: str, tmp_path: Path) -> None:
    """With its words, nothing is failed, and every email is offered to live calls."""
    world = World(tmp_path, plan)
    world.live()
    with RunLock(world.path) as lock, Store.open(world.path, lock) as store:
        assert len(store.pending(after=-1, limit=100)) == EMAILS
        assert store.failed_count == 0
    said = " ".join([*world.notes, *(text for (text,) in world.rows("SELECT text FROM event"))])

    assert re.search(words, said)
    assert "the run goes on with live calls" in said


def test_a_server_without_room_is_waited_for(tmp_path: Path) -> None:
    """``token_limit_exceeded`` sends the batch again once there is room: nothing is lost, nothing bought twice."""
    world = World(tmp_path, BatchPlan(fail="token_limit"))
    assert not world.live(until_s=20_000.0)
    world.check()


def test_a_server_without_the_interface_turns_the_lane_off(tmp_path: Path) -> None:
    """404 for ``/files``: a sentence, and live calls."""
    world = World(tmp_path, BatchPlan())
    transport = httpx.MockTransport(lambda _: httpx.Response(404, json={"error": {"message": "no such route"}}))
    world.client = lambda alias: BatchClient("sk-x-0123456789", base_url="http://127.0.0.1", transport=transport)  # type: ignore[method-assign]
    world.live()
    assert "this server has no batch lane" in " ".join(world.notes)
    with RunLock(world.path) as lock, Store.open(world.path, lock) as store:
        assert len(store.pending(after=-1, limit=100)) == EMAILS


def test_a_budget_that_is_reached_packs_no_further_batch(tmp_path: Path) -> None:
    """Where no batch fits what is left, none is sent and the rest goes live, which pauses by itself."""
    world = World(tmp_path, BatchPlan(), over="the budget is used up")
    world.live()
    assert world.rows("SELECT count(*) FROM parcel") == [(0,)]
    assert "no batch fits the budget" in " ".join(world.notes)


def test_a_line_holds_what_a_live_call_would_send(tmp_path: Path) -> None:
    """Method, address and body of each line, and an id that names batch and email."""
    world = World(tmp_path, BatchPlan(seconds=1e9))
    world.live(until_s=10.0)
    (name, content), *_ = [(each.name, each.content) for each in world.desk._files.values()]
    line = json.loads(content.splitlines()[0])
    assert name.startswith("labeltui-")
    assert line["custom_id"].startswith("labeltui/")
    assert (line["method"], line["url"]) == ("POST", "/v1/chat/completions")
    assert "mail number" in line["body"]["messages"][-1]["content"]


def test_status_and_the_console_show_open_batches(tmp_path: Path) -> None:
    """The server's state, how many are answered, and when it expires: as JSON, as lines, and in the worker's pane."""
    world = World(tmp_path, BatchPlan(seconds=1e9))
    world.live(until_s=10.0)
    with RunReader(world.path) as reader:
        snapshot = reader.snapshot(world.now)
    told = as_json(snapshot, ())
    assert told["lane"] == "batch"
    assert [(each["state"], each["total"]) for each in told["batches"]] == [("sent", 10)] * 3
    assert "asks with batches at half the price" in lane_line(snapshot)
    assert len(batch_lines(snapshot)) == 3
    facts = worker_facts(snapshot.worker, None, world.now, snapshot.parcels)
    assert facts.batches.startswith("3 batches · ")
    assert "of 30 answered" in facts.batches


def test_the_end_of_a_run_counts_in_when_its_batches_are_due(tmp_path: Path) -> None:
    """At first only the server's window is known; later they are due when those before them would have been."""
    world = World(tmp_path, BatchPlan(seconds=1e9))
    world.live(until_s=10.0)
    assert world.ends is not None
    assert (world.ends.low_s, world.ends.binding_limit) == (None, "batches at the server")
    assert world.ends.high_s == pytest.approx(86_400.0, abs=15.0)
    with RunLock(world.path) as lock, Store.open(world.path, lock) as store:
        store.change_parcel(1, status="completed", sent_at=world.now - 900.0, polled_at=world.now)
        store.close_parcel(1, "done", "", now=world.now)
        store.choose_lane(LaneChoice("batch", most_open=2), "batches", now=world.now)
    world.live(until_s=30.0)
    assert world.ends.eta_s == pytest.approx(900.0 - 40.0 + 900.0, abs=30.0)  # its texts wait for another batch


def test_the_end_counts_what_is_left_while_a_batch_is_gathered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of thirty texts two batches hold ten each, four of which are gathered: ten are left for other calls, not six."""
    monkeypatch.setattr(batch, "GATHERED_AT_ONCE", 4)
    world, asked = World(tmp_path, BatchPlan()), list[float]()
    with RunLock(world.path) as lock, Store.open(world.path, lock) as store:
        store.choose_lane(LaneChoice("batch", most_open=2), "batches", now=world.now)
    assert world.live(kill_at="gathering")
    with RunLock(world.path) as lock, Store.open(world.path, lock) as store:
        store.choose_lane(LaneChoice("live"), "live", now=world.now)
        assert store.pending_count == 26
        lane = batch.BatchLane(
            task=world.task, store=store, queue=Queue(lambda after, limit: [], dedupe=True), server=world,
            clock=lambda: world.now, live=asked.append,
            reports=batch.Reports(lambda _: None, lambda _: None, lambda: None, lambda _: None, lambda *_: ""),
        )  # fmt: skip
        assert lane.open == 2
        lane.ends()
    assert asked == [10]


@pytest.mark.parametrize(("trial", "live"), [(0, []), (12, [12.0]), (50, [30.0])])
def test_the_end_counts_the_trial_as_live_calls(trial: int, live: list[float], tmp_path: Path) -> None:
    """Of thirty texts that are in no batch yet as many are asked live as the trial has; the others in batches of ten."""
    world, asked = World(tmp_path, BatchPlan()), list[float]()

    def forecast(texts: float) -> Forecast:
        asked.append(texts)
        return Forecast(100.0, 90.0, 110.0, "RPM")

    with RunLock(world.path) as lock, Store.open(world.path, lock) as store:
        lane = batch.BatchLane(
            task=world.task, store=store, queue=Queue(lambda after, limit: [], dedupe=True), server=world,
            clock=lambda: world.now, live=forecast, limits=batch.BatchLimits(size=10, trial=trial),
            reports=batch.Reports(lambda _: None, lambda _: None, lambda: None, lambda _: None, lambda *_: ""),
        )  # fmt: skip
        ends = lane.ends()
    assert asked == live
    assert ends is not None
    assert ends.binding_limit == ("RPM" if trial == 50 else "batches at the server")


def test_an_answer_from_a_batch_took_from_its_sending_to_its_gathering(tmp_path: Path) -> None:
    """Each attempt says when its batch was sent and how many seconds went by."""
    world = World(tmp_path, BatchPlan(seconds=300.0))
    began = world.now
    assert not world.live()
    found = world.rows("SELECT started_at, latency_s, p.sent_at FROM attempt JOIN parcel AS p WHERE p.id = 1")
    assert all(began <= started for started, _, _ in found)
    assert all(300.0 <= latency <= world.now - began for _, latency, _ in found)
    assert found[0][0] == found[0][2]


def test_a_server_in_trouble_is_asked_again_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each failed look waits its time: nobody is asked in a loop."""
    world, looks = World(tmp_path, BatchPlan(seconds=1e9)), list[float]()
    world.live(until_s=10.0)

    async def fails(self: BatchClient, batch_id: str) -> None:
        del self, batch_id
        looks.append(world.now)
        raise ServerFailedError("HTTP 503", status=503)

    monkeypatch.setattr(BatchClient, "batch", fails)
    with RunLock(world.path) as lock, Store.open(world.path, lock) as store:
        lane = batch.BatchLane(
            task=world.task, store=store, queue=Queue(lambda after, limit: [], dedupe=True), server=world,
            clock=lambda: world.now, limits=batch.BatchLimits(size=10, trial=0),
            reports=batch.Reports(lambda _: None, lambda _: None, lambda: None, lambda _: None, lambda *_: ""),
        )  # fmt: skip
        for _ in range(4):
            world.now += asyncio.run(lane.step(Judge(), held=True))
    assert sorted({at - looks[0] for at in looks}) == [0.0, batch.RETRY_S, 2 * batch.RETRY_S, 3 * batch.RETRY_S]


def test_a_chosen_lane_is_kept_in_the_run(tmp_path: Path) -> None:
    """The command writes it with the time to be done by, which goes with *auto* alone."""
    world = World(tmp_path, BatchPlan())
    with RunLock(world.path) as lock, Store.open(world.path, lock) as store:
        store.choose_lane(LaneChoice("auto", 1e9), "auto", now=world.now)
        assert store.lane() == LaneChoice("auto", 1e9)
    assert decode("lane", ChooseLane("auto", 1e9, cancel=True).encode()) == ChooseLane("auto", 1e9, cancel=True)
    for wrong in (("slow", None), ("batch", 1e9), ("batch", None, False, 50_001), ("batch", None, False, None, 0)):
        with pytest.raises(UsageError):
            ChooseLane(*wrong)


def test_batches_are_as_large_and_as_many_as_chosen(tmp_path: Path) -> None:
    """The choice is kept in the run, also when another lane is chosen without one."""
    world = World(tmp_path, BatchPlan(seconds=1e9))
    with RunLock(world.path) as lock, Store.open(world.path, lock) as store:
        store.choose_lane(LaneChoice("batch", size=4, most_open=2), "batch", now=world.now)
        store.choose_lane(LaneChoice("batch"), "batch", now=world.now)
    world.live(until_s=10.0)
    assert world.rows("SELECT total FROM parcel") == [(4,), (4,)]


def test_time_that_is_short_ends_batches_and_frees_the_rest_for_live_calls(tmp_path: Path) -> None:
    """With the lane auto, what is left at the speed of live calls decides; stalled batches are ended, none is lost."""
    world = World(tmp_path, BatchPlan(seconds=60.0, stall=1e8))
    with RunLock(world.path) as lock, Store.open(world.path, lock) as store:
        store.choose_lane(LaneChoice("auto", world.now + 1_500.0), "auto", now=world.now)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "live_rate", lambda _: 0.05)
        assert not world.live()
    said = " ".join(world.notes)
    assert "time is short" in said
    with RunLock(world.path) as lock, Store.open(world.path, lock) as store:
        left = store.pending(after=-1, limit=100)
        assert len(left) == store.pending_count == 20  # two of three batches stalled
        assert store.parcels() == []
    assert world.now < 1_001_500.0


def test_results_that_wait_for_25_days_raise_an_alarm(tmp_path: Path) -> None:
    """Servers drop them after 30: the snapshot says so whether a worker lives or not."""
    world = World(tmp_path, BatchPlan(seconds=1e9))
    world.live(until_s=10.0)
    with RunReader(world.path) as reader:
        assert reader.snapshot(world.now + 24 * 86_400.0).alarms == ()
    with RunReader(world.path) as reader:
        (alarm,) = reader.snapshot(world.now + 26 * 86_400.0).alarms
    assert "3 batches were sent 25 days ago" in alarm
    assert "within 4 days" in alarm


def test_each_lane_has_its_calls_by_outcome_and_its_tokens(tmp_path: Path) -> None:
    """In the snapshot, as JSON and as lines; the same from the rows, and after a file of the format before."""
    faulty = replace(simple_config(2, 2), faults=replace(simple_config().faults, invalid=0.5))
    world = World(tmp_path, BatchPlan(), config=faulty)
    assert not world.live()
    with RunReader(world.path) as reader:
        snapshot = reader.snapshot(world.now)
        record = reader.record(1)
    (batch,) = snapshot.lanes
    assert batch.lane == "batch"
    assert batch.calls == EMAILS == batch.outcomes["answered"] + batch.outcomes["invalid"]
    assert batch.prompt_tokens == snapshot.prompt_tokens > 0
    assert as_json(snapshot, ())["lanes"][0]["outcomes"] == batch.outcomes
    assert record is not None
    assert record.attempts[0].lane == "batch"
    assert "in a batch, half the price" in history(record, None, world.now, 80).plain
    with RunLock(world.path) as lock, Store.open(world.path, lock) as store:
        assert store.put_right(now=world.now) == 0


@pytest.mark.parametrize(("told", "kept"), [(None, 900.0), (950.0, 950.0)], ids=["silent", "told"])
@pytest.mark.parametrize(
    ("since_s", "wait_s"), [(1.0, batch.FIRST_POLL_S), (1e9, batch.LONGEST_POLL_S)], ids=["new", "old"]
)
@pytest.mark.asyncio
async def test_a_look_at_a_batch_keeps_its_end_and_sets_the_next_look(
    told: float | None, kept: float, since_s: float, wait_s: float
) -> None:
    """A server that no longer tells when a batch expires has not taken that back; old batches are looked at rarely."""
    status = SimpleNamespace(status="in_progress", completed=3, failed=1, expires_at=told, ended=False)

    async def look(batch_id: str) -> SimpleNamespace:
        assert batch_id == "batch-1"
        return status

    now = 2e9
    changed: list[dict[str, object]] = []
    lane = SimpleNamespace(
        _server=SimpleNamespace(client=lambda _: SimpleNamespace(batch=look)), _clock=lambda: now, _next_at={},
        _change=lambda _, **fields: changed.append(fields),
    )  # fmt: skip
    parcel = SimpleNamespace(id=7, key_alias="main", batch_id="batch-1", expires_at=900.0, sent_at=now - since_s)
    await batch.BatchLane._poll(lane, parcel)  # type: ignore[arg-type]
    assert changed == [{"status": "in_progress", "completed": 3, "failed": 1, "polled_at": now, "expires_at": kept}]
    assert lane._next_at == {7: now + wait_s}


def test_why_a_batch_waits_is_noted_once() -> None:
    """Until it waits for something else; the next look comes after the longest span."""
    changed, noted = [], list[str]()
    parcel = SimpleNamespace(id=7, state="sent", organization="org", reason="")

    def change(_: object, *, reason: str) -> None:
        parcel.reason = reason
        changed.append(reason)

    lane = SimpleNamespace(
        _clock=lambda: 100.0, _next_at={}, _change=change, _reports=SimpleNamespace(noted=noted.append)
    )
    for words in ("no more today", "no more today", "come back later"):
        batch.BatchLane._trouble(lane, parcel, RateLimitedError(words))  # type: ignore[arg-type]
        assert lane._next_at == {7: 100.0 + batch.LONGEST_POLL_S}
    assert changed == ["no more today", "come back later"]
    assert noted == ["a batch waits: no more today", "a batch waits: come back later"]


def test_a_question_of_a_batch_is_estimated_by_its_characters() -> None:
    """Four to a token, of what all have in common and of its own text, and what an answer may take."""
    lane = SimpleNamespace(_fixed_chars=3_000, _completion=256.0)
    assert batch.BatchLane._estimate(lane, SimpleNamespace(text="x" * 1_000)) == 1_000 + 256  # type: ignore[arg-type]


@pytest.mark.parametrize("returned", [0, 3])
def test_the_queue_is_read_again_where_a_batch_gives_texts_back(returned: int) -> None:
    """And only there; how many came back is what closing returns."""
    did: list[str] = []
    lane = SimpleNamespace(
        _store=SimpleNamespace(close_parcel=lambda *_, **__: returned), _clock=lambda: 5.0, _next_at={7: 1.0},
        _reload=lambda: did.append("reload"), _queue=SimpleNamespace(rescan=lambda: did.append("rescan")),
        _change=lambda *_, **__: None, _reports=SimpleNamespace(noted=lambda _: None),
    )  # fmt: skip
    assert batch.BatchLane._close(lane, SimpleNamespace(id=7, total=3, organization="o"), "void", "why") == returned  # type: ignore[arg-type]
    assert did == ["reload", *(["rescan"] if returned else [])]
    assert lane._next_at == {}


@pytest.mark.parametrize(
    ("code", "open_batches", "state", "again_in_s"),
    [
        ("token_limit_exceeded", 2, "packed", batch.FIRST_POLL_S),
        ("token_limit_exceeded", 1, "packed", batch.FULL_S),
        ("invalid_file", 1, "", None),
    ],
    ids=["room when another ends", "no room", "refused"],
)
def test_a_batch_that_failed_as_a_whole_is_sent_again_only_where_room_was_missing(
    code: str, open_batches: int, state: str, again_in_s: float | None
) -> None:
    """Soon where another batch of ours may end, later where none does; else the lane is off and its texts are free."""
    changed: list[dict[str, object]] = []
    said: list[str] = []
    lane = SimpleNamespace(
        _change=lambda _, **fields: changed.append(fields), _next_at={}, _clock=lambda: 50.0, open=open_batches,
        _close=lambda _, how, why: said.append(f"{how}: {why}"), _turn_off=said.append,
    )  # fmt: skip
    status = SimpleNamespace(code=code, why="")
    batch.BatchLane._not_taken(lane, SimpleNamespace(id=7, total=1_200), status)  # type: ignore[arg-type]
    assert [each["state"] for each in changed] == [state] * bool(state)
    assert lane._next_at == ({} if again_in_s is None else {7: 50.0 + again_in_s})
    assert said == (
        []
        if state
        else ["void: the server did not take a batch of 1,200: invalid_file", "a batch failed: invalid_file"]
    )
