"""The keeper of places, with places that answer as a test says, in virtual time: bounds of each wait, order of messages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from core.model import Outcome, Reply, Usage, Verdict
from core.worker.places import keeper as keeper_module
from core.worker.places.keeper import Keeper, PlaceGoneError, say_alive, within
from core.worker.places.wire import (
    Alive,
    Finished,
    Give,
    Hello,
    Keys,
    Reached,
    Report,
    Setup,
    Taken,
    Unreachable,
    Versions,
    own_versions,
)

pytestmark = [pytest.mark.asyncio, pytest.mark.looptime]

SETUP = Setup("{}", "v1", None)
FINISHED = Finished(1, 0.5, Reply("1", "stop", Usage(1, 1), "", {}), Verdict(Outcome.ANSWERED, "1"))


def time_s() -> float:
    return asyncio.get_running_loop().time()


class Actor:
    """A place: what it was told, how long each answer takes, and what it reports."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.takes_s: dict[str, float] = {}
        self.versions, self.task_version = own_versions(), ""
        self.reports: list[Taken | Exception] = []
        self.killed = 0

    async def _tell(self, kind: str, *what: Any) -> None:
        self.told.append((kind, *what))
        await asyncio.sleep(self.takes_s.get(kind, 0.0))

    async def hello(self) -> Hello:
        await self._tell("hello")
        return Hello(self.versions, "node-1")

    async def prepare(self, setup: Setup) -> str:
        await self._tell("prepare", setup.task_version)
        return self.task_version or setup.task_version

    async def set_keys(self, secrets: Any) -> None:
        await self._tell("keys", dict(secrets))

    async def give(self, heads: Any, orders: Any) -> None:
        await self._tell("give", heads, orders)

    async def take(self, wait_s: float) -> Taken:
        await asyncio.sleep(self.takes_s.get("take", wait_s))
        came = self.reports.pop(0) if self.reports else Taken()
        if isinstance(came, Exception):
            raise came
        return came

    def kill(self) -> None:
        self.killed += 1


class Cluster:
    """Makes actors, or says why it cannot."""

    def __init__(self, fit: Callable[[Actor], None] = lambda _: None) -> None:
        self.fit = fit
        self.made: list[tuple[float, str]] = []
        self.actors: list[Actor] = []
        self.error, self.gone, self.waits = "", "", ""
        self.looked: list[float] = []

    def make(self, name: str) -> Actor:
        self.made.append((round(time_s(), 3), name))
        if self.error:
            raise PlaceGoneError(self.error)
        self.actors.append(Actor())
        self.fit(self.actors[-1])
        return self.actors[-1]

    async def why_gone(self) -> str:
        self.looked.append(round(time_s(), 3))
        return self.gone

    async def why_waiting(self) -> str:
        return self.waits


class Desk:
    """A keeper that runs, and what it said with the time of each."""

    def __init__(self, cluster: Cluster, places: int = 1, *, set_up: bool = True) -> None:
        self.began = time_s()
        self.said: list[tuple[float, Any]] = []
        self.keeper = Keeper(
            cluster, places, lambda message: self.said.append((round(time_s() - self.began, 3), message))
        )
        if set_up:
            self.keeper.hear(SETUP)
        self.running = asyncio.create_task(self.keeper.run())

    @property
    def states(self) -> list[tuple[float, str, str]]:
        return [(at, each.state, each.reason) for at, each in self.said if isinstance(each, Reached)]

    async def end(self) -> None:
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)


async def test_a_place_is_made_told_the_task_and_the_keys_and_then_ready() -> None:
    """Each place of its own name; the keys are those that were heard before."""
    cluster = Cluster()
    desk = Desk(cluster, 2, set_up=False)
    desk.keeper.hear(Keys({"a": "s"}))
    await asyncio.sleep(3)
    assert [name for _, name in cluster.made] == ["place-1", "place-2"]
    assert [each.told for each in cluster.actors] == [[], []]
    desk.keeper.hear(SETUP)
    await asyncio.sleep(0.1)
    assert [each.told for each in cluster.actors] == [[("hello",), ("prepare", "v1"), ("keys", {"a": "s"})]] * 2
    assert [each for _, each in desk.said] == [
        Reached("place-1", "starting"), Reached("place-2", "starting"), Reached("place-1", "ready", "node-1"),
        Reached("place-2", "ready", "node-1"),
    ]  # fmt: skip
    await desk.end()
    assert [each.killed for each in cluster.actors] == [1, 1]


async def test_messages_reach_a_place_that_is_ready_in_their_order() -> None:
    """Orders go to the place that they name; task and keys to every one."""
    cluster = Cluster()
    desk = Desk(cluster, 2)
    give = Give("place-2", (), ())
    desk.keeper.hear(give)  # nobody is ready: its loss is reported
    await asyncio.sleep(0.1)
    for actor in cluster.actors:
        actor.told.clear()
    for message in (Keys({"b": "t"}), give, Setup("{}", "v2", None)):
        desk.keeper.hear(message)
    await asyncio.sleep(0.1)
    first, second = (each.told for each in cluster.actors)
    assert first == [("keys", {"b": "t"}), ("prepare", "v2")]
    assert second == [("keys", {"b": "t"}), ("give", (), ()), ("prepare", "v2")]
    await desk.end()


async def test_a_place_of_other_versions_is_refused_and_tried_again_after_fifteen_seconds() -> None:
    """With the sentence that says what to install, also while it starts again."""
    cluster = Cluster(lambda actor: setattr(actor, "versions", Versions("0.1", "3.9")))
    desk = Desk(cluster)
    await asyncio.sleep(16)
    assert [(at, state) for at, state, _ in desk.states] == [
        (0.0, "starting"), (0.0, "refused"), (15.0, "starting"), (15.0, "refused"),
    ]  # fmt: skip
    reasons = [reason for _, _, reason in desk.states]
    assert reasons[0] == ""
    assert all("the place on node-1 has labeltui 0.1 on Python 3.9" in reason for reason in reasons[1:])
    assert cluster.actors[0].told == [("hello",)]
    assert cluster.actors[0].killed == 1
    await desk.end()


async def test_a_place_that_reads_another_task_is_refused() -> None:
    """It is not given a key."""
    cluster = Cluster(lambda actor: setattr(actor, "task_version", "v9"))
    desk = Desk(cluster)
    await asyncio.sleep(1)
    _, state, reason = desk.states[-1]
    assert (state, reason) == (
        "refused", "the place on node-1 reads another task (v9, not v1): install the same labeltui there",
    )  # fmt: skip
    assert cluster.actors[0].told == [("hello",), ("prepare", "v1")]
    await desk.end()


async def test_what_changes_while_a_place_prepares_is_told_before_it_is_ready() -> None:
    """It is prepared and given its keys again, as often as one of them is another."""
    cluster = Cluster(lambda actor: actor.takes_s.update(prepare=2.0, keys=2.0))
    desk = Desk(cluster)
    await asyncio.sleep(1)
    desk.keeper.hear(Keys({"b": "t"}))
    await asyncio.sleep(4)
    desk.keeper.hear(Setup("{}", "v2", None))
    await asyncio.sleep(6)
    assert cluster.actors[0].told == [
        ("hello",), ("prepare", "v1"), ("keys", {}), ("prepare", "v1"), ("keys", {"b": "t"}), ("prepare", "v2"),
        ("keys", {"b": "t"}),
    ]  # fmt: skip
    assert [state for _, state, _ in desk.states] == ["starting"]
    await asyncio.sleep(2)
    assert desk.states[-1][:2] == (12.0, "ready")
    await desk.end()


@pytest.mark.parametrize(
    ("slow", "lost_at", "reason"),
    [
        ("prepare", 120.0, "it did not answer for 120 s"),
        ("keys", 30.0, "it did not answer for 30 s"),
        ("hello", 60.0, "it was not made within 60 s"),
    ],
)
async def test_a_place_that_does_not_begin_is_lost_after_a_while(slow: str, lost_at: float, reason: str) -> None:
    """And made again a second later, with the reason that the last one was lost for."""
    cluster = Cluster(lambda actor: actor.takes_s.update({slow: 1_000.0}))
    desk = Desk(cluster)
    await asyncio.sleep(lost_at + 2)
    assert desk.states == [
        (0.0, "starting", ""), (lost_at, "lost", reason), (lost_at + 1, "starting", reason),
    ]  # fmt: skip
    assert [each.killed for each in cluster.actors] == [1, 0]
    await desk.end()


@pytest.mark.parametrize(("late", "lost_at"), [("keys", 3.0), ("give", 3.0), ("prepare", 120.0)])
async def test_a_place_that_is_ready_has_to_answer_soon(late: str, lost_at: float) -> None:
    """Except where it is told another version of the task, which it may have to load."""
    cluster = Cluster()
    desk = Desk(cluster)
    await asyncio.sleep(2.5)
    cluster.actors[0].takes_s[late] = 1_000.0
    message: Any = {"keys": Keys({}), "give": Give("place-1", (), ()), "prepare": Setup("{}", "v2", None)}[late]
    desk.keeper.hear(message)
    await asyncio.sleep(lost_at + 0.1)
    assert desk.states[-1] == (2.5 + lost_at, "lost", f"it did not answer for {lost_at:g} s")
    assert next(each.node for _, each in reversed(desk.said) if isinstance(each, Reached)) == "node-1"
    await desk.end()


async def test_a_place_is_asked_for_reports_at_once_and_then_each_second() -> None:
    """What says nothing is not passed on, loading or not."""
    waits: list[float] = []
    cluster = Cluster()
    desk = Desk(cluster)

    async def take(wait_s: float) -> Taken:
        waits.append(wait_s)
        await asyncio.sleep(wait_s)
        return [Taken(loading=True), Taken((FINISHED,)), Taken(), Taken(notes=("no seed",))][min(len(waits), 4) - 1]

    cluster.fit = lambda actor: setattr(actor, "take", take)
    await asyncio.sleep(3.5)
    reports = [(at, each.taken) for at, each in desk.said if isinstance(each, Report)]
    assert waits == [0.0, 1.0, 1.0, 1.0, 1.0]
    assert reports == [(1.0, Taken((FINISHED,))), (3.0, Taken(notes=("no seed",)))]
    await desk.end()


@pytest.mark.parametrize(("loading", "lost_at"), [(False, 3.0), (True, 30.0)])
async def test_a_place_that_loads_may_be_silent_for_longer(loading: bool, lost_at: float) -> None:
    """Until it says that it has loaded."""
    cluster = Cluster(lambda actor: actor.reports.extend([Taken(loading=loading)] * 2))
    desk = Desk(cluster)
    await asyncio.sleep(0.05)
    cluster.actors[0].takes_s["take"] = 1_000.0
    await asyncio.sleep(1.5 + lost_at)
    at, state, reason = desk.states[-1]
    assert (state, reason) == ("lost", f"it did not answer for {lost_at:g} s")
    assert at == 1.0 + lost_at
    await desk.end()


async def test_a_place_that_loads_for_two_minutes_is_lost() -> None:
    """Time in which it did not load does not count."""
    cluster = Cluster()
    desk = Desk(cluster)
    await asyncio.sleep(50.5)
    cluster.actors[0].reports = [Taken(loading=True)] * 200
    await asyncio.sleep(120)
    assert desk.states[-1][1] == "ready"
    await asyncio.sleep(1)
    at, state, reason = desk.states[-1]
    assert (state, reason) == ("lost", "its validation was not loaded within 120 s")
    assert at == pytest.approx(171.0)
    await desk.end()


async def test_a_place_that_cannot_be_made_is_asked_for_each_second() -> None:
    """With the reason, and without a loss."""
    cluster = Cluster()
    cluster.error = "no"
    desk = Desk(cluster)
    await asyncio.sleep(2.5)
    assert desk.states == [(0.0, "starting", ""), (1.0, "starting", "no"), (2.0, "starting", "no")]
    await desk.end()


async def test_a_place_that_waits_for_a_cpu_says_why_once_and_is_asked_for_anew_after_ten_minutes() -> None:
    """Time that it waits for one does not count as time to be made."""
    cluster = Cluster(lambda actor: actor.takes_s.update(hello=10_000.0))
    cluster.waits = "no CPU"
    desk = Desk(cluster)
    await asyncio.sleep(52)
    cluster.waits = ""
    await asyncio.sleep(30)
    cluster.waits = "others have them"
    await asyncio.sleep(520)
    assert desk.states == [
        (0.0, "starting", ""), (5.0, "starting", "no CPU"), (55.0, "starting", ""), (85.0, "starting", "others have them"),
        (600.0, "lost", "others have them"), (601.0, "starting", "others have them"),
    ]  # fmt: skip
    await desk.end()


async def test_a_place_that_could_be_made_is_given_a_minute_from_the_last_wait() -> None:
    """Each look takes five seconds off it."""
    cluster = Cluster(lambda actor: actor.takes_s.update(hello=10_000.0))
    cluster.waits = "no CPU"
    desk = Desk(cluster)
    await asyncio.sleep(32)
    cluster.waits = ""
    await asyncio.sleep(62)
    assert desk.states[-2] == (90.0, "lost", "it was not made within 60 s")
    await desk.end()


async def test_a_cluster_that_is_gone_ends_the_keeper_where_no_place_goes_on() -> None:
    """The reason is said; otherwise it is looked again every five seconds."""
    cluster = Cluster()
    desk = Desk(cluster, 2)
    await asyncio.sleep(1)
    cluster.gone = "the head is lost"
    cluster.actors[0].reports = [PlaceGoneError("killed")]
    await asyncio.sleep(12)
    assert not desk.running.done()
    assert [name for _, name in cluster.made] == ["place-1", "place-2"]
    said = [(at, each.reason) for at, each in desk.said if isinstance(each, Unreachable)]
    assert {reason for _, reason in said} == {"the head is lost"}
    assert [at for at, _ in said] == [2.0, 5.0, 7.0, 12.0]
    cluster.actors[1].reports = [PlaceGoneError("killed")]
    await asyncio.sleep(2)
    assert desk.running.done()
    await desk.running
    assert [each.killed for each in cluster.actors] == [1, 1]


async def test_a_cluster_that_is_back_makes_places_again() -> None:
    """What was said of it is taken back."""
    cluster = Cluster()
    desk = Desk(cluster, 2)
    await asyncio.sleep(1.5)
    cluster.gone = "the head is lost"
    cluster.actors[0].reports = [PlaceGoneError("killed")]
    await asyncio.sleep(4)
    cluster.gone = ""
    await asyncio.sleep(8)
    assert len(cluster.made) == 3
    said = [(at, each.reason) for at, each in desk.said if isinstance(each, Unreachable)]
    assert said == [(2.0, "the head is lost"), (5.0, "the head is lost"), (10.0, "")]
    await desk.end()


async def test_an_error_that_nobody_expects_ends_the_keeper_with_its_places() -> None:
    """It is raised where the keeper runs."""
    cluster = Cluster(lambda actor: actor.reports.extend([Taken(), ValueError("odd")]))
    desk = Desk(cluster)
    with pytest.raises(ValueError, match="odd"):
        await asyncio.wait_for(desk.running, 5)
    assert cluster.actors[0].killed == 1
    await asyncio.sleep(20)
    assert len(cluster.made) == 1


@pytest.mark.parametrize(
    ("most_s", "takes_s", "lost_at"),
    [(3.0, 2.9, None), (3.0, 3.1, 3.0), (0.7, 0.6, None), (0.7, 0.8, 0.7), (0.5, 0.6, 0.5)],
)
async def test_an_answer_is_waited_for_so_long(most_s: float, takes_s: float, lost_at: float | None) -> None:
    """Then the place is lost, and the answer cancelled."""
    cancelled: list[bool] = []

    async def answer() -> str:
        try:
            await asyncio.sleep(takes_s)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise
        return "here"

    began = time_s()
    if lost_at is None:
        assert await within(most_s, answer()) == "here"
        assert time_s() - began == pytest.approx(takes_s)
        assert cancelled == []
    else:
        with pytest.raises(PlaceGoneError, match=f"it did not answer for {most_s:g} s"):
            await within(most_s, answer())
        await asyncio.sleep(0)
        assert time_s() - began == pytest.approx(lost_at)
        assert cancelled == [True]


async def test_that_a_process_is_at_work_is_said_each_second() -> None:
    """From its beginning."""
    said: list[object] = []
    saying = asyncio.create_task(say_alive(said.append))
    await asyncio.sleep(2.5)
    assert said == [Alive()] * 3
    saying.cancel()


async def test_the_times_of_a_keeper() -> None:
    """In seconds."""
    names = ("MADE_WITHIN_S", "WAITS_MOST_S", "LOOKED_EVERY_S", "AGAIN_S", "REFUSED_AGAIN_S", "SPAN_S")
    assert [getattr(keeper_module, name) for name in names] == [60.0, 600.0, 5.0, 1.0, 15.0, 0.5]
