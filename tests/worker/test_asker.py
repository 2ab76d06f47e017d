"""A place by itself, with a fleet in place of clients: what it is told, what it asks, what its reports hold."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from core.errors import ServerFailedError
from core.llm.taskfile import builtin_task, task_to_json
from core.model import ChatMessage, ModelSettings, Outcome, Reply, Usage, Verdict
from core.worker import clients
from core.worker.places.asker import Asker
from core.worker.places.wire import Finished, Head, Hello, Order, Setup, Taken, own_versions
from core.worker.settle import Answered, LocalFleet

pytestmark = [pytest.mark.asyncio, pytest.mark.looptime]

TASK = builtin_task()
REPLY, VERDICT = Reply("1", "stop", Usage(5, 1), "", {}), Verdict(Outcome.ANSWERED, "1")
RUBRIC, TEXT = ChatMessage("system", "rubric"), ChatMessage("user", "text")
SETTINGS = ModelSettings()


class Fleet:
    """Answers after a while, and keeps what it was asked."""

    def __init__(self, latency_s: float = 1.0, error: Exception | None = None) -> None:
        self.latency_s, self.error = latency_s, error
        self.asked: list[Any] = []

    async def _answer(self, *asked: Any) -> Answered:
        self.asked.append(asked)
        await asyncio.sleep(self.latency_s)
        if self.error is not None:
            raise self.error
        return Answered(REPLY, VERDICT, ((REPLY, VERDICT),), 0.25)

    async def ask(self, permit: Any, conversation: Any, settings: Any) -> Answered:
        return await self._answer(permit, conversation, settings)

    async def ask_pack(self, permit: Any, conversation: Any, settings: Any, *, size: int, form: Any) -> Answered:
        return await self._answer(permit, conversation, settings, size, form)


async def place(fleet: Fleet) -> Asker:
    """A place with one head with a rubric, one without, and one key."""
    asker: Any = Asker()
    asker._fleet = fleet
    await asker.set_keys({"main": "gsk_1"})
    await asker.give([Head(7, RUBRIC, SETTINGS), Head(8, None, SETTINGS)], [])
    return asker  # type: ignore[no-any-return]


def order(number: int = 1, head: int = 7, **given: Any) -> Order:
    return Order(number, given.pop("alias", "main"), "flex", head, (TEXT,), **given)


async def test_a_place_says_who_it_is() -> None:
    """Its versions, and the machine that it is on."""
    assert await Asker().hello() == Hello(own_versions(), socket.gethostname())


async def test_an_order_is_asked_with_its_key_in_its_lane() -> None:
    """Behind the rubric of its head, where that has one."""
    fleet = Fleet()
    asker = await place(fleet)
    await asker.give([], [order(1), order(2, head=8)])
    await asyncio.sleep(0)
    (permit, conversation, settings), (_, bare, _) = fleet.asked
    assert (permit.alias, permit.secret.value, permit.lane) == ("main", "gsk_1", "flex")
    assert (permit.email_id, permit.organization, permit.tokens, permit.in_flight) == (0, "", (0.0, 0.0), None)
    assert "gsk_1" not in repr(permit)
    assert (conversation, bare) == ((RUBRIC, TEXT), (TEXT,))
    assert settings is SETTINGS


async def test_a_pack_is_asked_with_its_size_and_form() -> None:
    """Two emails are one already."""
    fleet = Fleet()
    asker = await place(fleet)
    await asker.give([], [order(1, size=2, form={"type": "x"}), order(2, size=1)])
    await asyncio.sleep(0)
    assert [each[3:] for each in fleet.asked] == [(2, {"type": "x"}), ()]


async def test_an_answer_is_reported_with_all_that_came_of_it() -> None:
    """A tenth of a call's latency is waited for others that come with it; calls that ended are kept no longer."""
    asker: Any = await place(Fleet())
    await asker.give([], [order(3)])
    assert len(asker._out) == 1
    began = asyncio.get_running_loop().time()
    (finished,) = (await asker.take(5.0)).finished
    assert asyncio.get_running_loop().time() - began >= 1.0
    assert (finished.number, finished.reply, finished.verdict) == (3, REPLY, VERDICT)
    assert (finished.parts, finished.judged_s, finished.failure, finished.broken) == (
        ((REPLY, VERDICT),),
        0.25,
        None,
        "",
    )
    assert asker._out == set()
    assert await asker.take(0.5) == Taken()


async def test_how_long_answers_are_gathered_follows_from_how_long_calls_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each end of a call counts, whatever it was."""
    saw: list[float] = []
    for error in (None, ServerFailedError("500"), ValueError("odd")):
        asker: Any = await place(Fleet(error=error))
        monkeypatch.setattr(asker._gathering, "saw", saw.append)
        moments = iter((10.0, 12.5))
        monkeypatch.setattr("core.worker.places.asker.time.perf_counter", lambda moments=moments: next(moments))
        await asker.give([], [order()])
        await asyncio.sleep(1.5)
        (finished,) = (await asker.take(0.0)).finished
        assert finished.latency_s == 2.5
    assert saw == [2.5] * 3


async def test_a_failure_and_an_error_come_back_as_values() -> None:
    """Of an error of the program only the kind: its message may hold the email. A key that is not there is one."""
    failing = await place(Fleet(error=ServerFailedError("it fell over", status=500)))
    await failing.give([], [order()])
    (failed,) = (await failing.take(5.0)).finished
    assert failed.failure is not None
    assert (failed.failure.kind, failed.failure.message, failed.broken) == ("ServerFailedError", "it fell over", "")
    breaking = await place(Fleet(error=ValueError("Dear Sir")))
    await breaking.give([], [order(), order(2, alias="gone"), order(3, head=9)])
    found = sorted(
        (await breaking.take(5.0)).finished + (await breaking.take(5.0)).finished, key=lambda each: each.number
    )
    assert [each.broken for each in found] == ["ValueError", "KeyError", "KeyError"]
    unprepared: Any = Asker()
    await unprepared.give([Head(7, None, SETTINGS)], [order()])
    assert (await unprepared.take(5.0)).finished[0].broken == "AssertionError"


async def test_a_report_that_is_asked_for_in_vain_comes_after_so_long() -> None:
    """One that is there comes at once."""
    asker = await place(Fleet(latency_s=1.0))
    now = asyncio.get_running_loop().time
    began = now()
    assert await asker.take(2.0) == Taken()
    assert now() - began == pytest.approx(2.0)
    await asker.give([], [order()])
    await asyncio.sleep(1.5)
    began = now()
    assert len((await asker.take(2.0)).finished) == 1
    assert now() == began


async def test_answers_that_come_together_are_reported_together() -> None:
    """The first of them is not sent alone: the span in which others are gathered is waited for."""
    fleet = Fleet()
    asker: Any = await place(fleet)
    asker._gathering._latency_s = 0.5
    await asker.give([], [order(1)])
    await asyncio.sleep(0)
    fleet.latency_s = 1.04
    await asker.give([], [order(2)])
    now = asyncio.get_running_loop().time
    began = now()
    assert [each.number for each in (await asker.take(5.0)).finished] == [1, 2]
    assert 1.04 < now() - began < 1.1


@pytest.mark.parametrize(
    ("chars", "counts"),
    [
        ([63_400], [1]),
        ([63_401], [1]),
        ([30_000, 32_800], [2]),
        ([30_000, 32_801], [1, 1]),
        ([90_000, 1, 90_000], [1, 1, 1]),
    ],
)
async def test_a_report_holds_no_more_characters_than_travel_well(chars: list[int], counts: list[int]) -> None:
    """At least one answer, however long; what is left comes with the next."""
    asker = Asker()
    asker._finished = [
        Finished(number, 0.1, Reply("x" * each, "stop", Usage(1, 1), "", {}), VERDICT)
        for number, each in enumerate(chars)
    ]
    took = []
    while finished := (await asker.take(0.0)).finished:
        took.append([each.number for each in finished])
    assert [len(each) for each in took] == counts
    assert [number for each in took for number in each] == list(range(len(chars)))


class Guard:
    """A validation that is loaded when a test says so."""

    def __init__(self) -> None:
        self.loaded = asyncio.Event()

    async def judge(self, _: Reply) -> Verdict:
        return VERDICT

    async def load(self) -> None:
        await self.loaded.wait()


async def test_a_place_is_prepared_for_a_version_of_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """With clients of its server, which tell what that refuses; while its validation loads, it says so."""
    made: list[Any] = []

    class Pool:
        of = staticmethod(repr)

        def __init__(self, *given: Any) -> None:
            made.append(given)

    async def now(call: Any, *given: Any) -> None:
        made.append(given)

    guard = Guard()
    monkeypatch.setattr(asyncio, "to_thread", now)
    monkeypatch.setattr(clients, "ClientPool", Pool)
    monkeypatch.setattr(clients, "build_guard", lambda task: guard if task.version == TASK.version else None)
    asker: Any = Asker()
    assert await asker.prepare(Setup(task_to_json(TASK), "not this", "http://h/v1", {"seed": "no"})) == TASK.version
    imported, (base_url, task, noted, memory) = made
    assert imported == ("core.llm.client",)
    assert (base_url, task.version) == ("http://h/v1", TASK.version)
    assert isinstance(asker._fleet, LocalFleet)
    assert memory.refused_settings("m") == {"seed": "no"}
    noted("no seed")
    memory.refuse_setting("m", "stop", "no stop")
    assert await asker.take(0.1) == Taken(notes=("no seed",), refused=(("m", "stop", "no stop"),), loading=True)
    assert await asker.take(0.1) == Taken(loading=True)
    guard.loaded.set()
    await asyncio.sleep(0)
    assert await asker.take(0.1) == Taken()


async def test_a_validation_that_needs_no_loading_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is said of it."""

    class Ready:
        async def judge(self, _: Reply) -> Verdict:
            return VERDICT

    monkeypatch.setattr(clients, "build_guard", lambda _: Ready())
    asker = Asker()
    await asker.prepare(Setup(task_to_json(TASK), TASK.version, None))
    assert await asker.take(0.1) == Taken()
