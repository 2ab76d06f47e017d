"""Batches: nothing is bought twice and nothing is lost, wherever the worker is killed and whatever the server does."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.llm.batches import BatchClient
from core.llm.task import builtin_task
from core.model import ChatMessage, LaneChoice, Outcome, Reply, SourceEmail, Task, Verdict, View
from core.simulator.app import create_app
from core.simulator.config import BatchPlan, SimulatorConfig, simple_config
from core.storage.file.lock import RunLock
from core.storage.writing.intake import NewRun
from core.storage.writing.store import Answer, Store
from core.worker.lanes.batch import BatchKey, BatchLane, Reports
from core.worker.queue import Queue

EMAILS = 30
SIZE = 10
POINTS = (
    "before packing", "packed", "before upload", "uploaded", "before create", "created", "sent", "ended", "downloaded",
    "before gathering", "gathering", "gathered", "closed",
)  # fmt: skip
SERVERS = {
    "completed": BatchPlan(),
    "expired": BatchPlan(expire=0.4),
    "lost reply": BatchPlan(lose_reply=2),
    "listing late": BatchPlan(list_lag_s=30.0, lose_reply=3),
    "no metadata": BatchPlan(no_metadata=True, lose_reply=3),
    "empty object": BatchPlan(empty_object=True),
    "shuffled": BatchPlan(shuffle=True, expire=0.2),
    "cancelled": BatchPlan(seconds=600.0),
}


class KilledError(Exception):
    """Stands for a kill of the process."""


class Judge:
    """Accepts the two labels."""

    async def judge(self, reply: Reply) -> Verdict:
        """Return the label, or an unusable answer."""
        if reply.text.strip() in ("1", "0"):
            return Verdict(Outcome.ANSWERED, reply.text.strip())
        return Verdict(Outcome.INVALID, None, "no label")


@dataclass
class World:
    """A run file and a simulated server; each worker's life is a lane of its own over them."""

    folder: Path
    plan: BatchPlan
    config: SimulatorConfig = field(default_factory=lambda: simple_config(2, 2))
    now: float = 1_000_000.0
    task: Task = field(default_factory=lambda: replace(builtin_task(), max_reasks=2))
    notes: list[str] = field(default_factory=list)
    committed: list[Answer] = field(default_factory=list)
    over: str = ""
    cancel_at: float | None = None

    def __post_init__(self) -> None:
        self.app = create_app(
            replace(self.config, batches=self.plan),
            clock=lambda: self.now,
            drop_error=lambda: httpx.ReadError("cut"),
        )
        self.desk = self.app.state.simulator.desk
        self.path = self.folder / "run.db"
        keys = list(self.config.keys)
        self.secrets = {"one": keys[0], "two": keys[1]}
        with Store.create(self.path, NewRun("run", "test", "d", self.now, order="source"), self.task) as store:
            store._db.execute("PRAGMA synchronous = OFF")
            texts = ((f"mail-{n}", f"mail number {n} about the meeting") for n in range(EMAILS))
            store.add_emails((SourceEmail(i, t, i), View(t, "a@example.org", "", t, t, False)) for i, t in texts)
            store.set_order("source", 0)
            store.choose_lane(LaneChoice("batch"), "batches", now=self.now)

    # -- what the lane needs of keys -----------------------------------------------------------------------------------

    def usable_keys(self) -> Sequence[BatchKey]:
        """Return two keys of two organizations."""
        return [BatchKey("one", "org_sim_1"), BatchKey("two", "org_sim_2")]

    def client(self, alias: str) -> BatchClient | None:
        """Return a client that speaks to the simulator without a socket."""
        return BatchClient(
            self.secrets[alias], base_url="http://127.0.0.1", transport=httpx.ASGITransport(app=self.app)
        )

    def body(self, asked: Sequence[ChatMessage]) -> dict[str, Any]:
        """Return a request's body."""
        sent = [{"role": each.role, "content": each.content} for each in asked]
        return {"model": self.task.model.model, "messages": sent, "max_completion_tokens": 1024}

    # -- a worker's life -----------------------------------------------------------------------------------------------

    def live(self, *, kill_at: str = "", kill_nth: int = 1, until_s: float = 4_000.0) -> bool:
        """Work until nothing is left to do, or until a kill; return whether it was killed."""
        return asyncio.run(self._live(kill_at, kill_nth, until_s))

    async def _live(self, kill_at: str, kill_nth: int, until_s: float) -> bool:
        passed: Counter[str] = Counter()

        def at(point: str) -> None:
            passed[point] += 1
            if point == kill_at and passed[point] == kill_nth:
                raise KilledError(point)

        end_at = self.now + until_s
        with RunLock(self.path) as lock, Store.open(self.path, lock) as store:
            store._db.execute("PRAGMA synchronous = OFF")
            store.begin_epoch(now=self.now, pid=1, host="test")
            queue = Queue(lambda after, limit: store.pending(after=after, limit=limit), dedupe=True)
            reports = Reports(
                noted=self.notes.append, committed=self.committed.extend, labeled=lambda: None,
                failed=lambda _: None, over_budget=lambda _: self.over,
            )  # fmt: skip
            lane = BatchLane(
                task=self.task, store=store, queue=queue, server=self, clock=lambda: self.now, reports=reports,
                size=SIZE, trial=0, at=at,
            )  # fmt: skip
            try:
                while self.now < end_at:
                    if self.cancel_at is not None and self.now >= self.cancel_at:
                        self.cancel_at = None
                        await lane.cancel()
                    wait_s = await lane.step(Judge(), held=False)
                    if not lane.open and not store.pending(after=-1, limit=1, asked=False):
                        return False
                    if not lane.open and not lane.packs:
                        return False
                    self.now += max(1.0, min(wait_s, 60.0))
            except KilledError:
                return True
        return False

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return rows of the run file."""
        with RunLock(self.path) as lock, Store.open(self.path, lock) as store:
            return store._db.execute(query).fetchall()

    def check(self) -> None:
        """Every email has one label, and no line was bought twice."""
        assert self.rows("SELECT count(*) FROM email WHERE state = 'labeled'") == [(EMAILS,)]
        assert self.rows("SELECT count(*), count(DISTINCT email_id) FROM label") == [(EMAILS, EMAILS)]
        bought = Counter(each.rpartition("/")[2] for each in self.desk.processed)
        assert [each for each, times in bought.items() if times > 1] == []
        assert self.rows("SELECT count(*) FROM attempt WHERE lane = 'batch'") == [(EMAILS,)]
        assert self.rows("SELECT count(*) FROM parcel_email WHERE done = 0") == [(0,)]
        assert list(self.folder.glob("*.part*")) == []


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("point", POINTS)
def test_a_kill_loses_nothing_and_buys_nothing_twice(point: str, server: str, tmp_path: Path) -> None:
    """At each point, on each kind of server: each email has one label, each line was paid for once."""
    world = World(tmp_path, SERVERS[server])
    if server == "cancelled":
        world.cancel_at = world.now + 250.0
    killed = world.live(kill_at=point, kill_nth=2 if point != "closed" else 1)
    assert killed
    assert not world.live()
    world.check()


@pytest.mark.parametrize("kills", range(20))
def test_gathering_that_is_killed_again_and_again_labels_each_email_once(kills: int, tmp_path: Path) -> None:
    """However often the worker dies while results are committed, each line counts once."""
    world = World(tmp_path, BatchPlan(shuffle=True))
    points = ("before gathering", "gathering", "downloaded", "gathered")
    assert world.live(kill_at=points[kills % 4], kill_nth=1 + kills % 3)
    world.live(kill_at=points[(kills + 1) % 4])
    assert not world.live()
    world.check()


def test_what_expired_is_sent_again_and_nothing_else(tmp_path: Path) -> None:
    """Of three batches of ten four lines each expire; they alone are asked in further batches."""
    world = World(tmp_path, BatchPlan(expire=0.4))
    assert not world.live()
    world.check()
    sent = world.rows("SELECT email_id, count(*) FROM parcel_email GROUP BY email_id")
    again = {email for email, times in sent if times > 1}
    assert len(again) == 12
    assert any("expired: 6 answered, 4 in line again" in text for (text,) in world.rows("SELECT text FROM event"))


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
    import re  # noqa: PLC0415

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
    world.client = lambda alias: BatchClient("sk-x-0123456789", base_url="http://127.0.0.1", transport=transport)  # type: ignore[method-assign]  # noqa: ARG005
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
