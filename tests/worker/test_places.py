"""Calls at places: what a fleet of them promises the worker, with places in this process and under virtual time."""

from __future__ import annotations

import asyncio
import errno
import os
import pickle
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import PlaceLostError, QuotaFileError, RateLimitedError, UsageError
from core.llm.taskfile import builtin_task, task_to_json
from core.model import (
    ChatMessage,
    ModelSettings,
    Outcome,
    PlaceStatus,
    PlacesWanted,
    Reply,
    RunState,
    Usage,
    Verdict,
)
from core.storage.file.control import CommandInbox
from core.storage.file.lock import RunLock
from core.storage.writing.store import Store
from core.worker.loop import Worker
from core.worker.pacer import ConcurrencyLimit
from core.worker.places import asker as asker_module
from core.worker.places import bridge
from core.worker.places.asker import Asker
from core.worker.places.bridge import check_places, without_secrets
from core.worker.places.fleet import PlacesFleet, Remembers
from core.worker.places.keeper import Keeper, PlaceGoneError, say_alive
from core.worker.places.ray_cluster import RayCluster, prepare_environment, why_no_cpu
from core.worker.places.wire import (
    Alive,
    Give,
    Head,
    Hello,
    Keys,
    Order,
    Reached,
    Report,
    Setup,
    Taken,
    Unreachable,
    Versions,
)
from core.worker.settle import Answered
from tests.conftest import MakeRun

TASK = builtin_task()
SETUP = Setup(task_to_json(TASK), TASK.version, None)
ASKED = (ChatMessage("system", "rubric"), ChatMessage("user", "text"))


@dataclass(frozen=True)
class _Secret:
    value: str = "gsk_secret_of_a_place_0001"


@dataclass(frozen=True)
class _Permit:
    alias: str = "a"
    secret: _Secret = _Secret()
    lane: str = "live"


@dataclass
class _Model:
    """Answers after a second; ``ask`` may be replaced."""

    latency_s: float = 1.0
    asked: int = 0
    error: Exception | None = None

    async def ask(self, permit: Any, conversation: tuple[ChatMessage, ...], settings: object) -> Answered:
        """Answer."""
        self.asked += 1
        await asyncio.sleep(self.latency_s)
        if self.error is not None:
            raise self.error
        assert conversation == ASKED
        assert permit.secret.value == _Secret().value
        return Answered(Reply("1", "stop", Usage(10, 1), "req_1", {}), Verdict(Outcome.ANSWERED, "1"))


class _Actor:
    """A place in this process: an Asker with a model in place of clients."""

    def __init__(self, model: _Model, node: str) -> None:
        self.asker = Asker()
        self.model = model
        self.node = node
        self.gone = asyncio.Event()
        self.silent = False
        self.held_s = 0.0
        self.versions: Versions | None = None

    async def hello(self) -> Hello:
        """Return who it is."""
        hello = await self._of(self.asker.hello())
        return Hello(self.versions or hello.versions, self.node)

    async def prepare(self, setup: Setup) -> str:
        """Take the model in place of clients."""
        self.asker._fleet = self.model  # type: ignore[assignment]
        return setup.task_version

    async def set_keys(self, secrets: Mapping[str, str]) -> None:
        """Take the keys."""
        await self._of(self.asker.set_keys(secrets))

    async def give(self, heads: Sequence[Head], orders: Sequence[Order]) -> None:
        """Take orders."""
        await self._of(self.asker.give(heads, orders))

    async def take(self, wait_s: float) -> Taken:
        """Report."""
        await asyncio.sleep(self.held_s)
        return await self._of(self.asker.take(wait_s))

    def kill(self) -> None:
        """End."""
        self.gone.set()

    async def _of(self, answer: Any) -> Any:
        answering = asyncio.ensure_future(answer)
        gone = asyncio.ensure_future(self.gone.wait())
        try:
            await asyncio.wait([gone, answering], return_when=asyncio.FIRST_COMPLETED)
            if self.silent:
                await asyncio.wait([gone])
            if gone.done():
                raise PlaceGoneError("it was killed")
            return answering.result()
        finally:
            gone.cancel()
            answering.cancel()
            await asyncio.gather(gone, answering, return_exceptions=True)


@dataclass
class _Cluster:
    """Makes places; ``fit`` may change each before it is used, and ``gone`` says that none can be made."""

    model: _Model = field(default_factory=_Model)
    fit: Callable[[_Actor], None] = lambda _: None
    actors: list[_Actor] = field(default_factory=list)
    gone: str = ""
    full: str = ""

    def make(self, name: str) -> _Actor:
        """Make one."""
        actor = _Actor(self.model, f"node-{name}")
        self.fit(actor)
        self.actors.append(actor)
        return actor

    async def why_gone(self) -> str:
        """Return why none can be made."""
        return self.gone

    async def why_waiting(self) -> str:
        """Return why one is not made yet."""
        if self.gone:
            raise PlaceGoneError(self.gone)
        return self.full


class _Link:
    """Keeper and fleet in one process."""

    def __init__(self, keeper: Keeper, hear: Callable[[object], None]) -> None:
        self._keeper = keeper
        self._running = asyncio.create_task(keeper.run())
        self.alive = asyncio.create_task(say_alive(hear))
        self.sent: list[object] = []

    def send(self, message: Any) -> None:
        """Send."""
        self.sent.append(message)
        self._keeper.hear(message)

    async def ended(self) -> None:
        """Wait."""
        await asyncio.wait([self._running])

    async def close(self) -> None:
        """End."""
        self._running.cancel()
        self.alive.cancel()
        await asyncio.wait([self._running, self.alive])


@asynccontextmanager
async def _fleet(
    cluster: _Cluster, *, places: int = 2, width: int = 4, memory: Remembers | None = None
) -> AsyncIterator[tuple[PlacesFleet, list[str], list[_Link]]]:
    """Yield a fleet whose places are ready, its notes, and its links."""
    notes: list[str] = []
    links: list[_Link] = []
    wanted = PlacesWanted("", places, width)

    async def connect(hear: Callable[[object], None]) -> _Link:
        links.append(_Link(Keeper(cluster, places, hear), hear))
        return links[-1]

    clock = asyncio.get_running_loop().time
    fleet = PlacesFleet(wanted, connect, SETUP, clock=clock, noted=notes.append, memory=memory)
    fleet.start()
    try:
        await asyncio.sleep(0.1)
        yield fleet, notes, links
    finally:
        await fleet.aclose()


def _ask(fleet: PlacesFleet) -> asyncio.Task[Answered]:
    return asyncio.create_task(fleet.ask(_Permit(), ASKED, TASK.model))


pytestmark = [pytest.mark.asyncio, pytest.mark.looptime]


async def test_calls_are_shared_out_and_the_rubric_travels_once_to_each_place() -> None:
    """Eight calls over two places of width four: four each, and no place is sent the rubric twice."""
    cluster = _Cluster()
    async with _fleet(cluster) as (fleet, _, links):
        assert fleet.most() == 8
        calls = [_ask(fleet) for _ in range(8)]
        await asyncio.sleep(0.5)
        assert fleet.why_full() == "every place is busy"
        assert [place.in_flight for place in fleet.places()] == [4, 4]
        with pytest.raises(PlaceLostError) as raised:
            await _ask(fleet)
        assert not raised.value.sent
        assert [(await call).verdict.label for call in calls] == ["1"] * 8
        await _ask(fleet)
        gives = [message for message in links[0].sent if isinstance(message, Give)]
        assert sum(len(give.heads) for give in gives) == 2
        assert all(message.content != "rubric" for give in gives for order in give.orders for message in order.messages)
        assert [place.state for place in fleet.places()] == ["ready", "ready"]


async def test_a_lost_place_gives_back_what_was_out_there_and_comes_again() -> None:
    """Its calls raise PlaceLostError, those of the other place go on, and a second later there are two places again."""
    cluster = _Cluster()
    async with _fleet(cluster) as (fleet, notes, _):
        calls = [_ask(fleet) for _ in range(8)]
        await asyncio.sleep(0.5)
        cluster.actors[0].kill()
        ended = await asyncio.gather(*calls, return_exceptions=True)
        assert sum(isinstance(end, PlaceLostError) for end in ended) == 4
        assert sum(isinstance(end, Answered) for end in ended) == 4
        assert any("place-1 on node-place-1 is lost: it was killed; 4 calls out there" in note for note in notes)
        await asyncio.sleep(2)
        assert fleet.most() == 8
        assert (await _ask(fleet)).verdict.label == "1"


async def test_a_silent_place_is_lost_after_three_seconds_and_its_late_answers_are_dropped() -> None:
    """Nothing is raised and nobody is answered twice where a silent place's answers come after all."""
    cluster = _Cluster(_Model(latency_s=4.5))
    async with _fleet(cluster, places=1) as (fleet, _, _links):
        call = _ask(fleet)
        await asyncio.sleep(0.5)
        cluster.actors[0].silent = True
        began = asyncio.get_running_loop().time()
        with pytest.raises(PlaceLostError, match="did not answer for 3 s"):
            await call
        assert asyncio.get_running_loop().time() - began < 5
        assert fleet.most() == 0
        assert fleet.why_full().startswith("no place: it did not answer")
        late = Taken((await _late(cluster.actors[0]),))
        fleet._take_report("place-1", late)
        await asyncio.sleep(2)
        assert (await _ask(fleet)).verdict.label == "1"


async def test_a_moment_without_cpu_loses_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten seconds in which this process did not run pass at once; the answers that came meanwhile are taken."""
    cluster = _Cluster(_Model(latency_s=2.0))
    async with _fleet(cluster, places=1) as (fleet, notes, _links):
        call = _ask(fleet)
        await asyncio.sleep(0.5)
        loop = asyncio.get_running_loop()
        virtual, stalled_s = loop.time, 10.0
        monkeypatch.setattr(loop, "time", lambda: virtual() + stalled_s)
        assert (await call).verdict.label == "1"
        assert not any("lost" in note for note in notes)
        monkeypatch.undo()


async def _late(actor: _Actor) -> Any:
    await asyncio.sleep(3)
    return actor.asker._finished[0]


async def test_errors_of_calls_keep_their_class_and_words() -> None:
    """What the pacer learns from, headers and status included, comes over as it was."""
    error = RateLimitedError("spent", status=429, headers={"retry-after": "7"}, conclusive=True)
    async with _fleet(_Cluster(_Model(error=error)), places=1) as (fleet, _, _links):
        with pytest.raises(RateLimitedError, match="spent") as raised:
            await _ask(fleet)
        assert (raised.value.status, raised.value.headers, raised.value.conclusive) == (429, {"retry-after": "7"}, True)


async def test_an_error_of_the_program_is_reported_without_the_text_that_it_met() -> None:
    """The message of an unexpected error may hold the email: only its kind travels."""
    async with _fleet(_Cluster(_Model(error=ValueError("Dear Sir, …"))), places=1) as (fleet, _, _links):
        with pytest.raises(RuntimeError, match="met ValueError") as raised:
            await _ask(fleet)
        assert "Dear" not in str(raised.value)


async def test_a_place_with_another_version_is_refused_with_a_sentence() -> None:
    """No call goes there, and the sentence says what is where and what to do."""
    cluster = _Cluster(fit=lambda actor: setattr(actor, "versions", Versions("0.1", "3.9")))
    async with _fleet(cluster, places=1) as (fleet, notes, _):
        assert fleet.most() == 0
        assert "the place on node-place-1 has labeltui 0.1 on Python 3.9" in fleet.why_full()
        assert "install the same there" in notes[-1]
        assert fleet.places()[0].state == "refused"


async def test_a_place_that_waits_says_why_and_one_that_never_comes_is_made_anew() -> None:
    """While no node has a free CPU that is the reason; where one has, the place is asked for again after a minute."""
    cluster = _Cluster(fit=lambda actor: setattr(actor, "silent", True), full="no node has a free CPU")
    async with _fleet(cluster, places=1) as (fleet, _, _links):
        await asyncio.sleep(300)
        assert fleet.why_full() == "no place: no node has a free CPU"
        assert len(cluster.actors) == 1
        await asyncio.sleep(400)
        assert fleet.why_full() == "no place: no node has a free CPU"
        assert len(cluster.actors) == 2
        cluster.full, cluster.fit = "", lambda _: None
        await asyncio.sleep(70)
        assert len(cluster.actors) == 3
        assert (await _ask(fleet)).verdict.label == "1"


async def test_what_a_place_without_a_cpu_waits_for_is_told_apart() -> None:
    """Too few CPUs ask for another node; where there are enough, the place starts, or others have them."""
    assert why_no_cpu(0, 1) == "no CPU for 1 place: add a Ray node"
    assert why_no_cpu(1, 2) == "1 CPU for 2 places: add a Ray node"
    assert why_no_cpu(2, 2) == "it starts, or waits for one of 2 CPUs"


class _LostRay:
    """Answers nothing about its nodes."""

    def remote(self, asker: type[Asker]) -> type[Asker]:
        """Make an actor's class."""
        return asker

    def available_resources(self) -> dict[str, float]:
        """Answer nothing."""
        raise ConnectionError("lost")

    nodes = available_resources


async def test_a_head_that_does_not_answer_is_no_reason_to_wait() -> None:
    """A place that was asked for is given up where the head is lost; it would never be made."""
    cluster = RayCluster(_LostRay(), PlacesWanted("10.0.0.5:6379"))
    with pytest.raises(PlaceGoneError, match=r"the Ray head at 10\.0\.0\.5:6379 is lost"):
        await cluster.why_waiting()
    assert await cluster.why_gone() == "the Ray head at 10.0.0.5:6379 is lost (ConnectionError: lost)"


async def test_a_cluster_lost_while_a_place_waits_for_it_is_not_waited_for() -> None:
    """A place that was asked for and never came is given up with the cluster, which is connected to again."""
    cluster = _Cluster(fit=lambda actor: setattr(actor, "silent", True))
    async with _fleet(cluster, places=1) as (fleet, notes, links):
        await asyncio.sleep(2)
        cluster.gone = "the Ray head at 10.0.0.5:6379 is lost"
        await asyncio.sleep(5)
        assert "no place: the Ray head at 10.0.0.5:6379 is lost" in notes
        cluster.gone, cluster.fit = "", lambda _: None
        await asyncio.sleep(10)
        assert len(links) > 1
        assert fleet.why_full() == "no place: 1 starting"
        await asyncio.sleep(60)
        assert (await _ask(fleet)).verdict.label == "1"


async def test_a_silent_process_between_is_replaced() -> None:
    """Where nothing more is said, not even that it is there, every call out there is lost and another link is opened."""
    async with _fleet(_Cluster(_Model(latency_s=1e6)), places=1) as (fleet, _, links):
        call = _ask(fleet)
        await asyncio.sleep(50)
        assert len(links) == 1
        links[0].alive.cancel()
        with pytest.raises(PlaceLostError, match="said nothing for 30 s"):
            await asyncio.wait_for(call, 60)
        await asyncio.sleep(5)
        assert len(links) == 2
        assert fleet.most() == 4


async def test_a_report_that_cannot_be_read_does_not_end_the_keeping_of_places() -> None:
    """The link is closed and another is opened; the calls out there are lost, and the reason is shown."""

    async def connect(hear: Callable[[object], None]) -> _Broken:
        links.append(_Broken(hear, broken=not links))
        return links[-1]

    links: list[_Broken] = []
    notes: list[str] = []
    fleet = PlacesFleet(PlacesWanted(), connect, SETUP, clock=lambda: 0.0, noted=notes.append)
    fleet.start()
    await asyncio.sleep(0.5)
    assert fleet.why_full() == "no place: the link to the process that keeps them broke (AttributeError)"
    await asyncio.sleep(5)
    assert len(links) == 2
    assert fleet.most() == 16
    await fleet.aclose()


class _Broken:
    """Ends with an error of the program where it is ``broken``; reports a place that is ready otherwise."""

    def __init__(self, hear: Callable[[object], None], *, broken: bool) -> None:
        self._broken = broken
        if not broken:
            hear(Reached("place-1", "ready", "node"))

    def send(self, message: object) -> None:
        """Send nothing."""

    async def ended(self) -> None:
        """End."""
        if self._broken:
            raise AttributeError("no such message")
        await asyncio.sleep(20)

    async def close(self) -> None:
        """Close nothing."""


async def test_a_quota_database_that_cannot_be_written_does_not_stop_reports() -> None:
    """What the server refuses is not remembered then, and the call is answered all the same."""
    async with _fleet(_Cluster(), places=1, memory=_Forgetful()) as (fleet, _, _links):
        call = _ask(fleet)
        await asyncio.sleep(0.5)
        fleet._hear(Report("place-1", Taken(refused=(("model", "seed", "no"),))))
        assert (await call).verdict.label == "1"


class _Forgetful:
    """Cannot be written."""

    def refuse_setting(self, model: str, name: str, words: str) -> None:
        """Refuse."""
        raise QuotaFileError(f"{model} {name} {words}")


async def test_a_place_that_loads_its_validation_may_answer_late() -> None:
    """It is lost after 30 s of silence instead of 3, else a busy machine would load it again and again."""
    cluster = _Cluster(fit=lambda actor: setattr(actor.asker, "_loading", asyncio.get_running_loop().create_future()))
    async with _fleet(cluster, places=1) as (fleet, notes, _):
        cluster.actors[0].held_s = 10.0
        await asyncio.sleep(20)
        assert fleet.most() == 4
        cluster.actors[0].silent = True
        await asyncio.sleep(45)
        assert any("did not answer for 30 s" in note for note in notes)


async def test_a_place_that_never_loads_its_validation_is_made_anew() -> None:
    """It answers that it loads, for two minutes; then another one is made, and its calls are given back."""
    cluster = _Cluster(fit=lambda actor: setattr(actor.asker, "_loading", asyncio.get_running_loop().create_future()))
    async with _fleet(cluster, places=1) as (_, notes, _links):
        await asyncio.sleep(130)
        assert any("its validation was not loaded within 120 s" in note for note in notes)
        assert len(cluster.actors) == 2


async def test_a_lost_cluster_is_connected_to_again() -> None:
    """Every call out there is lost, the reason is shown, and the run goes on when the cluster is back."""
    cluster = _Cluster()
    async with _fleet(cluster) as (fleet, notes, links):
        call = _ask(fleet)
        await asyncio.sleep(0.5)
        cluster.gone = "the Ray head at 10.0.0.5:6379 is lost"
        for actor in cluster.actors:
            actor.kill()
        with pytest.raises(PlaceLostError):
            await call
        await asyncio.sleep(0.2)
        assert fleet.why_full() == "no place: the Ray head at 10.0.0.5:6379 is lost"
        assert fleet.why_full() in notes
        cluster.gone = ""
        await asyncio.sleep(10)
        assert len(links) == 2
        assert (await _ask(fleet)).verdict.label == "1"


async def test_a_changed_key_reaches_every_place_before_the_calls_with_it() -> None:
    """A secret travels by a call to a place that is ready, never with an order, and its message does not show it."""
    async with _fleet(_Cluster()) as (fleet, _, links):
        await _ask(fleet)
        keys = [message for message in links[0].sent if isinstance(message, Keys)]
        assert keys[-1].secrets == {"a": _Secret().value}
        assert _Secret().value not in repr(links[0].sent)


async def test_a_take_stays_below_the_size_that_ray_would_spill() -> None:
    """Long answers come in several reports."""
    asker = Asker()
    reply = Reply("x" * 30_000, "stop", Usage(1, 1), "req_1", {})
    asker._finished = [asker_module.Finished(number, 0.1, reply, Verdict(Outcome.INVALID, None)) for number in range(5)]
    sizes = []
    while taken := (await asker.take(0.1)).finished:
        sizes.append(len(taken))
    assert sizes == [2, 2, 1]


async def test_a_cluster_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process between says so after a while and ends, so that another one tries; it waits for nothing."""
    answers = threading.Event()
    monkeypatch.setattr(RayCluster, "open", lambda _: answers.wait())
    monkeypatch.setattr(bridge, "_read_frames", lambda *_: None)
    monkeypatch.setattr(bridge, "OPENED_WITHIN_S", 0.1)
    said: list[object] = []
    try:
        assert await bridge._serve(PlacesWanted(), said.append) == 1
    finally:
        answers.set()
    assert said == [Alive(), Unreachable("Ray did not answer for 0.1 s")]


async def test_a_head_that_is_not_there_is_named_at_once() -> None:
    """Ray would try for minutes; nothing of it is imported before something listens at the address."""
    said: list[object] = []
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # and does not listen
        address = f"127.0.0.1:{held.getsockname()[1]}"
        assert await bridge._serve(PlacesWanted(address), said.append) == 1
    assert said == [Alive(), Unreachable(f"no Ray head at {address}: nothing listens there")]


async def test_a_head_that_is_lost_while_its_places_go_on_is_noted() -> None:
    """Ray ends them a minute later: then the reason is known. It is forgotten where the head is back before."""
    cluster = _Cluster()
    async with _fleet(cluster) as (fleet, notes, links):
        cluster.gone = "the Ray head at 10.0.0.5:6379 is lost"
        await asyncio.sleep(6)
        assert notes[-1] == "the Ray head at 10.0.0.5:6379 is lost; its places go on"
        assert (await _ask(fleet)).verdict.label == "1"
        cluster.actors[0].kill()
        await asyncio.sleep(20)
        assert (await _ask(fleet)).verdict.label == "1"
        assert len(links) == 1
        assert fleet.most() == 4
        fleet._ready = []
        assert fleet.why_full() == "no place: the Ray head at 10.0.0.5:6379 is lost"
        cluster.gone = ""
        await asyncio.sleep(6)
        assert "lost" not in fleet.why_full()


async def test_no_key_is_left_in_the_environment_of_ray() -> None:
    """Neither the variables that are meant for keys, nor any other that happens to hold one."""
    environment = {"GROQ_API_KEY": "x", "MY_API_KEYS": "y", "OTHER": "a gsk_1 b", "PATH": "/bin"}
    assert without_secrets(environment, ["gsk_1"]) == {"PATH": "/bin"}


async def test_another_machine_needs_tokens_or_trust(monkeypatch: pytest.MonkeyPatch) -> None:
    """A head on another machine is refused without RAY_AUTH_MODE=token; reporting home is off in any case."""
    environment: dict[str, str] = {}
    assert "RAY_AUTH_MODE=token" in prepare_environment(PlacesWanted("10.0.0.5:6379"), environment)
    for wanted, given in (
        (PlacesWanted("10.0.0.5:6379", trust_network=True), {}),
        (PlacesWanted("10.0.0.5:6379"), {"RAY_AUTH_MODE": "token"}),
        (PlacesWanted("127.0.0.1:6379"), {}),
        (PlacesWanted(), {}),
    ):
        environment = dict(given)
        assert prepare_environment(wanted, environment) == ""
        assert environment["RAY_USAGE_STATS_ENABLED"] == "0"
    assert environment["RAY_AUTH_MODE"] == "token"
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"pip install 'labeltui\[ray\]'"):
        check_places(PlacesWanted())


async def test_the_worker_imports_nothing_of_ray() -> None:
    """Importing the worker, its places included, brings no module of Ray."""
    code = (
        "import sys, core.worker.process, core.worker.places.fleet\n"
        "sys.exit(any(name == 'ray' or name.startswith('ray.') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0  # noqa: ASYNC221


class _LosingFleet:
    """Loses the first call about each text, every other one before it leaves; room for ``width`` calls."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.seen: set[str] = set()
        self.most_out = self.out = 0

    async def ask(self, permit: Any, conversation: tuple[ChatMessage, ...], settings: ModelSettings) -> Answered:
        """Lose a call, or answer it."""
        self.out += 1
        self.most_out = max(self.most_out, self.out)
        try:
            await asyncio.sleep(0.01)
            text = conversation[-1].content
            if text not in self.seen:
                self.seen.add(text)
                raise PlaceLostError("place-1 on node is lost", sent=len(self.seen) % 2 == 1)
            return Answered(Reply("1", "stop", Usage(10, 1), "req", {}), Verdict(Outcome.ANSWERED, "1"))
        finally:
            self.out -= 1

    def most(self) -> int:
        """Return the width."""
        return self.width

    def why_full(self) -> str:
        """Return that it is busy."""
        return "every place is busy"

    def places(self) -> tuple[PlaceStatus, ...]:
        """Return one place."""
        return (PlaceStatus("place-1", "node", "ready", "", self.out, 60.0, 0.0),)


async def test_lost_calls_count_against_nobody(make_run: MakeRun) -> None:
    """Sixty calls are lost: each text is labeled all the same, no pause, no failure, and the record says *lost*."""
    path = make_run(texts=[f"text {n}" for n in range(60)])
    fleet = _LosingFleet(4)
    with RunLock(path) as lock, Store.open(path, lock) as store:
        store.begin_epoch(now=time.time(), pid=1, host="here")
        inbox = CommandInbox(path)
        worker = Worker(
            store=store,
            inbox=inbox,
            broker=ConcurrencyLimit(16, clock=time.time, rng=random.Random(1)),
            task=store.task(),
            guard=_NoGuard(),
            client_of=lambda _: None,  # type: ignore[arg-type,return-value]
            fleet=fleet,
            clock=time.time,
        )
        ending = await worker.run()
        inbox.close()
        assert ending.state is RunState.DONE
        assert worker.paused == ""
        assert (store.failed_count, store.pending_count) == (0, 0)
        assert store.outcomes() == {"answered": 60, "lost": 30}
        assert worker.broker.at_once == 16
    assert fleet.most_out == 4


class _NoGuard:
    """Judges nothing: the places do."""

    async def judge(self, reply: Reply) -> Verdict:
        """Refuse."""
        raise AssertionError(reply)


async def test_a_message_to_the_worker_is_written_whole() -> None:
    """Also where the pipe takes some bytes at a time; one that is closed is no error, for the end is seen elsewhere."""
    taken = bytearray()

    def write(data: memoryview) -> int:
        taken.extend(data[:3])
        return min(3, len(data))

    def closed(_: memoryview) -> int:
        raise BrokenPipeError

    bridge._say(SimpleNamespace(write=write), threading.Lock(), {"a": "message of some bytes"})  # type: ignore[arg-type]
    size = bridge._LENGTH.size
    assert bridge._LENGTH.unpack(taken[:size])[0] == len(taken) - size
    assert pickle.loads(taken[size:]) == {"a": "message of some bytes"}
    bridge._say(SimpleNamespace(write=closed), threading.Lock(), "x")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TimeoutError(), "no connection within "),
        (ConnectionRefusedError(111, "x"), "nothing listens there"),
        (socket.gaierror(-2, "x"), "no machine of that name is known"),
        (OSError(errno.ENETUNREACH, "x"), os.strerror(errno.ENETUNREACH)),
        (OSError("of no number"), "OSError"),
    ],
    ids=["time", "refused", "name", "network", "unknown"],
)
async def test_a_head_that_cannot_be_reached_is_reported_with_the_reason(
    error: OSError, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In words of the system, whatever went wrong."""

    async def connect(*_: object) -> None:
        raise error

    monkeypatch.setattr(asyncio, "open_connection", connect)
    assert (await bridge._why_unreachable("[::1]:6379")).startswith(words)
