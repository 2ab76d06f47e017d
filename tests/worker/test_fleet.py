"""The coordinator's side of places, message by message: where a call goes, what travels together, what a loss takes along."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from importlib import metadata
from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import PlaceLostError, RateLimitedError, RequestRefusedError, ServerFailedError
from core.model import ChatMessage, ModelSettings, Outcome, PlacesWanted, Reply, Usage, Verdict
from core.worker.places.fleet import PlacesFleet, _Place
from core.worker.places.wire import (
    MOST_CHARS,
    Failure,
    Finished,
    Gathering,
    Give,
    Keys,
    Order,
    Reached,
    Report,
    Setup,
    Taken,
    Unreachable,
    Versions,
    names_of,
    own_versions,
)

SETTINGS = ModelSettings()
REPLY = Reply("1", "stop", Usage(5, 1), "", {})
VERDICT = Verdict(Outcome.ANSWERED, "1")


def permit(alias: str = "main", secret: str = "s") -> Any:
    return SimpleNamespace(alias=alias, secret=SimpleNamespace(value=secret), lane="live")


def asked(text: str = "text", rubric: str = "rubric") -> tuple[ChatMessage, ...]:
    return (ChatMessage("system", rubric), ChatMessage("user", text))


class Link:
    """A way to the places that keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.end = asyncio.Event()

    def send(self, message: object) -> None:
        self.sent.append(message)

    async def ended(self) -> None:
        await self.end.wait()

    async def close(self) -> None:
        self.sent.append("closed")

    @property
    def gives(self) -> list[tuple[str, list[int], list[int]]]:
        return [
            (each.place, [head.number for head in each.heads], [order.number for order in each.orders])
            for each in self.sent
            if isinstance(each, Give)
        ]


class Desk:
    """A fleet of places that are ready when a test says so."""

    def __init__(self, places: int = 2, width: int = 2, memory: Any = None) -> None:
        self.now, self.said = 1_000.0, list[str]()
        self.link = Link()
        self.fleet = PlacesFleet(
            PlacesWanted("", places, width), self._connect, Setup("{}", "v1", None), clock=lambda: self.now,
            noted=self.said.append, memory=memory,
        )  # fmt: skip

    async def _connect(self, hear: Callable[[object], None]) -> Link:
        self.hear = hear
        return self.link

    async def ready(self, *numbers: int) -> None:
        self.fleet.start()
        await asyncio.sleep(0)
        for number in numbers:
            self.hear(Reached(f"place-{number}", "ready", f"vm-{number}"))

    def call(self, text: str = "text", **given: Any) -> asyncio.Task[Any]:
        return asyncio.ensure_future(
            self.fleet.ask(given.pop("permit", permit()), asked(text), given.pop("settings", SETTINGS))
        )

    def finish(self, place: int, *numbers: int, **given: Any) -> None:
        result = {"reply": REPLY, "verdict": VERDICT, **given}
        self.hear(Report(f"place-{place}", Taken(tuple(Finished(each, 0.5, **result) for each in numbers))))


def played(story: Callable[[Desk], Coroutine[Any, Any, None]], **given: Any) -> Desk:
    """Play a story on a fleet, which is closed at the end."""

    async def go() -> Desk:
        desk = Desk(**given)
        try:
            await story(desk)
        finally:
            await desk.fleet.aclose()
        return desk

    return asyncio.run(go())


def test_calls_go_to_the_freest_place_up_to_the_width_of_each() -> None:
    """Then there is no room, and why is said; what travels together is sent together, with the rubric once."""

    async def story(desk: Desk) -> None:
        assert (desk.fleet.most(), desk.fleet.why_full()) == (0, "no place: 2 starting")
        await desk.ready(1, 2)
        assert (desk.fleet.most(), desk.fleet.why_full()) == (4, "every place is busy")
        calls = [desk.call() for _ in range(4)]
        await asyncio.sleep(0)
        assert [each.in_flight for each in desk.fleet.places()] == [2, 2]
        with pytest.raises(PlaceLostError, match="every place is busy") as caught:
            await desk.call()
        assert not caught.value.sent
        desk.fleet._flush_now()
        assert desk.link.gives == [("place-1", [1], [2, 4]), ("place-2", [1], [3, 5])]
        give = next(each for each in desk.link.sent if isinstance(each, Give))
        assert give.heads[0].system == ChatMessage("system", "rubric")
        assert give.orders[0].messages == (ChatMessage("user", "text"),)
        desk.finish(1, 2, 4)
        desk.finish(2, 3, 5)
        assert [(await each).verdict for each in calls] == [VERDICT] * 4
        again = desk.call()
        await asyncio.sleep(0)
        desk.fleet._flush_now()
        assert desk.link.gives[-1] == ("place-1", [], [6])
        desk.finish(1, 6)
        await again

    desk = played(story)
    assert desk.said == ["place-1 on vm-1 is ready", "place-2 on vm-2 is ready"]
    assert desk.link.sent[-1] == "closed"
    assert [each for each in desk.link.sent if isinstance(each, Keys)][-1].secrets == {"main": "s"}


@pytest.mark.parametrize(
    ("chars", "gives"),
    [
        ([10, 10, 10], [[2, 3, 4]]),
        ([MOST_CHARS - 1, 1, 1], [[2, 3], [4]]),
        ([MOST_CHARS, 1], [[2], [3]]),
        ([MOST_CHARS + 1, 1, 1], [[2], [3, 4]]),
        ([1, MOST_CHARS + 1, 1], [[2], [3], [4]]),
    ],
)
def test_a_message_to_a_place_holds_no_more_characters_than_travel_well(
    chars: list[int], gives: list[list[int]]
) -> None:
    """One call goes in any case."""

    async def story(desk: Desk) -> None:
        await desk.ready(1)
        calls = [desk.call("x" * each) for each in chars]
        await asyncio.sleep(0)
        desk.fleet._flush_now()
        assert [numbers for _, _, numbers in desk.link.gives] == gives
        for call in calls:
            call.cancel()

    played(story, places=1, width=9)


def test_a_key_travels_when_it_is_new_or_changed_and_a_rubric_when_it_is_another() -> None:
    """Also where the settings are; after a place came back it gets them anew."""

    async def story(desk: Desk) -> None:
        await desk.ready(1)
        calls = []
        for given in (
            {},
            {},
            {"permit": permit("main", "t")},
            {"permit": permit("lab", "u")},
            {"settings": ModelSettings(seed=1)},
        ):
            calls.append(desk.call(**given))
            await asyncio.sleep(0)
        desk.fleet._flush_now()
        keys = [dict(each.secrets) for each in desk.link.sent if isinstance(each, Keys)]
        assert keys == [{}, {"main": "s"}, {"main": "t"}, {"main": "t", "lab": "u"}, {"main": "s", "lab": "u"}]
        ((_, heads, orders),) = desk.link.gives
        assert (sorted(heads), orders) == ([1, 6], [2, 3, 4, 5, 7])
        desk.hear(Reached("place-1", "lost", "vm-1", "gone"))
        desk.hear(Reached("place-1", "ready", "vm-1"))
        calls.append(desk.call())
        await asyncio.sleep(0)
        desk.fleet._flush_now()
        assert desk.link.gives[-1] == ("place-1", [1], [8])
        calls[-1].cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    played(story, places=1, width=9)


@pytest.mark.parametrize(
    ("sent", "unsent", "said"),
    [
        (0, 0, "place-1 on vm-1 is lost: gone"),
        (0, 2, "place-1 on vm-1 is lost: gone"),
        (1, 0, "place-1 on vm-1 is lost: gone; 1 call out there may be paid twice"),
        (2, 1, "place-1 on vm-1 is lost: gone; 2 calls out there may be paid twice"),
    ],
)
def test_a_lost_place_gives_back_its_calls(sent: int, unsent: int, said: str) -> None:
    """Those that were sent may be paid twice, those that were not never left."""

    async def story(desk: Desk) -> None:
        await desk.ready(1)
        calls = [desk.call() for _ in range(sent)]
        await asyncio.sleep(0)
        desk.fleet._flush_now()
        calls += [desk.call() for _ in range(unsent)]
        await asyncio.sleep(0)
        desk.now = 1_050.0
        desk.hear(Reached("place-1", "lost", "vm-1", "gone"))
        ends = await asyncio.gather(*calls, return_exceptions=True)
        assert [each.sent for each in ends] == [True] * sent + [False] * unsent
        (place,) = desk.fleet.places()
        assert (place.state, place.reason, place.in_flight, place.since_at) == ("lost", "gone", 0, 1_050.0)
        assert (desk.fleet.most(), desk.fleet.why_full()) == (0, "no place: gone")
        desk.finish(1, 2)  # an answer that comes too late

    assert played(story, places=1, width=9).said == ["place-1 on vm-1 is ready", said]


def test_a_place_that_never_came_is_not_lost_and_a_refused_one_says_why() -> None:
    """The moment of a state is that of its change."""

    async def story(desk: Desk) -> None:
        await desk.ready()
        desk.now = 1_010.0
        desk.hear(Reached("place-1", "starting", "", "waits for a CPU"))
        desk.hear(Reached("place-2", "refused", "vm-2", "another version"))
        assert [(each.state, each.since_at) for each in desk.fleet.places()] == [
            ("starting", 1_000.0),
            ("refused", 1_010.0),
        ]
        assert desk.fleet.why_full() == "no place: waits for a CPU; another version"

    assert played(story).said == ["place-2 is refused: another version"]


@pytest.mark.parametrize(
    ("ready", "said"), [(True, "the head is gone; its places go on"), (False, "no place: the head is gone")]
)
def test_a_head_that_is_gone_is_said_once(ready: bool, said: str) -> None:
    """Until a place is reached again."""

    async def story(desk: Desk) -> None:
        await desk.ready(*[1] * ready)
        desk.said.clear()
        for reason in ("the head is gone", "the head is gone", ""):
            desk.hear(Unreachable(reason))
        desk.hear(Unreachable("the head is gone"))
        assert desk.said == [said] * 2
        desk.hear(Reached("place-2", "starting", "", ""))
        assert desk.fleet._unreachable == ""

    played(story)


@pytest.mark.parametrize(
    "error",
    [
        RateLimitedError("429", status=429, code="c", headers={"a": "b"}, request_id="r"),
        RequestRefusedError("400", conclusive=True),
    ],
)
def test_an_error_of_a_call_is_raised_as_it_was(error: Any) -> None:
    """With all that it held; a class that is not known is one of the server."""

    async def story(desk: Desk) -> None:
        await desk.ready(1)
        call = desk.call()
        await asyncio.sleep(0)
        desk.finish(1, 2, reply=None, verdict=None, failure=Failure.of(error))
        with pytest.raises(type(error)) as caught:
            await call
        found = caught.value
        assert (str(found), found.status, found.code, found.headers, found.request_id, found.conclusive) == (
            str(error), error.status, error.code, error.headers, error.request_id, error.conclusive,
        )  # fmt: skip
        broken = desk.call()
        await asyncio.sleep(0)
        desk.finish(1, 3, reply=None, verdict=None, broken="KeyError")
        with pytest.raises(RuntimeError, match="place-1 on vm-1 met KeyError"):
            await broken

    played(story, places=1)
    assert type(Failure("Odd", "m", None, "", {}, "", False).error) is ServerFailedError


def test_what_a_place_learns_of_a_server_is_kept_and_said() -> None:
    """Settings that it refuses, and sentences."""
    kept: list[Any] = []
    memory = SimpleNamespace(refuse_setting=lambda *words: kept.append(words))

    async def story(desk: Desk) -> None:
        await desk.ready(1)
        desk.hear(Report("place-1", Taken((), ("a note",), (("m", "seed", "no seed"),))))

    assert played(story, memory=memory).said[-1] == "a note"
    assert kept == [("m", "seed", "no seed")]


def test_a_link_that_ends_loses_all_places_and_is_opened_again() -> None:
    """With the setup and every key."""

    async def story(desk: Desk) -> None:
        await desk.ready(1, 2)
        first = desk.link
        assert isinstance(first.sent[0], Setup)
        desk.link = Link()
        first.end.set()
        for _ in range(9):
            await asyncio.sleep(0)
        assert [each.state for each in desk.fleet.places()] == ["lost", "lost"]
        assert desk.fleet.why_full() == "no place: the process that keeps them ended"
        assert first.sent[-1] == "closed"

    assert played(story).said[2:] == [f"place-{n} on vm-{n} is lost: the process that keeps them ended" for n in (1, 2)]


@pytest.mark.parametrize(
    ("ended", "now", "rate"),
    [
        ([], 1_000.0, 0.0),
        ([(1_000.0, 1)], 1_000.0, 60.0),
        ([(1_000.0, 1), (1_000.9, 2)], 1_000.5, 180.0),
        ([(1_000.0, 2), (1_004.0, 2)], 1_004.0, 60.0),
        ([(1_000.0, 2)], 1_060.0, 2.0),
        ([(1_000.0, 2)], 1_060.5, 0.0),
        ([(1_000.0, 2), (1_030.0, 3)], 1_061.0, 180 / 31),
        ([(1_000.0, 2), (1_060.0, 3)], 1_060.0, 5.0),
        ([(1_000.0, 2), (1_061.0, 3)], 1_061.0, 180.0),
    ],
)
def test_calls_a_minute_at_a_place(ended: list[tuple[float, int]], now: float, rate: float) -> None:
    """Of the last minute; in the first second, of that second."""
    place = _Place("place-1", "ready", 0.0)
    for at, calls in ended:
        place.count(calls, at)
    assert place.rate_per_min(now) == pytest.approx(rate)
    assert len(place.ended) == len({int(at) for at, _ in ended if at >= (ended[-1][0] if ended else 0) - 60.99})


@pytest.mark.parametrize(
    ("latencies", "span_s"),
    [
        ([], 0.01),
        ([0.7], 0.01),
        ([8.0], 0.1),
        ([1.6], 0.02),
        ([1.6, 1.6], 0.0375),
        ([1.6] * 99, 0.1),
        ([0.4] * 99, 0.04),
    ],
)
def test_how_long_messages_are_gathered(latencies: list[float], span_s: float) -> None:
    """A tenth of a call's latency of late, 10 to 100 ms."""
    gathering = Gathering()
    for each in latencies:
        gathering.saw(each)
    assert gathering.span_s == pytest.approx(span_s, rel=1e-4)


def test_what_travels_is_counted_in_characters() -> None:
    """Of an order its messages, of an answer its text, its probabilities and what each part takes."""
    order = Order(1, "main", "live", 1, (ChatMessage("user", "abc"), ChatMessage("user", "de")))
    assert order.chars == 5
    reply = Reply("abcd", "stop", Usage(), "", {}, logprobs=((b"a", 0.0), (b"b", 0.0)))
    assert [
        Finished(1, 0.1).chars,
        Finished(1, 0.1, reply).chars,
        Finished(1, 0.1, reply, parts=((reply, VERDICT),)).chars,
        Finished(1, 0.1, reply, parts=((reply, VERDICT),) * 3).chars,
    ] == [600, 644, 644, 1_844]


def test_names_and_versions_of_places() -> None:
    """Another version is refused with both named."""
    assert names_of(2) == ("place-1", "place-2")
    ours, theirs = Versions("1", "3.11"), Versions("2", "3.12")
    assert ours.complaint(ours, "vm") == ""
    assert ours.complaint(theirs, "vm") == (
        "the place on vm has labeltui 2 on Python 3.12, the coordinator labeltui 1 on Python 3.11: install the same there"
    )


def test_a_conversation_without_a_rubric_travels_whole() -> None:
    """Its head holds the settings alone; an empty one is none either."""

    async def story(desk: Desk) -> None:
        await desk.ready(1)
        bare = (ChatMessage("user", "a"), ChatMessage("assistant", "b"))
        calls = [asyncio.ensure_future(desk.fleet.ask(permit(), each, SETTINGS)) for each in (bare, (), asked())]
        await asyncio.sleep(0)
        desk.fleet._flush_now()
        (give,) = (each for each in desk.link.sent if isinstance(each, Give))
        assert {head.number: head.system for head in give.heads} == {
            give.orders[0].head: None, give.orders[2].head: ChatMessage("system", "rubric"),
        }  # fmt: skip
        assert [order.messages for order in give.orders] == [bare, (), (ChatMessage("user", "text"),)]
        assert give.orders[0].head == give.orders[1].head
        for call in calls:
            call.cancel()

    played(story, places=1, width=9)


def test_a_fleet_that_is_closed_sends_nothing_more() -> None:
    """What was gathered to be sent is not; one that was never begun has nothing to close."""

    async def story(desk: Desk) -> None:
        await desk.ready(1)
        call = desk.call()
        await asyncio.sleep(0)
        flush = desk.fleet._flush
        assert flush is not None
        await desk.fleet.aclose()
        assert flush.cancelled()
        assert desk.link.sent[-1] == "closed"
        assert desk.link.gives == []
        assert desk.fleet._link is None
        call.cancel()

    played(story, places=1)

    async def idle(desk: Desk) -> None:
        await desk.fleet.aclose()

    assert played(idle).link.sent == []


def test_only_places_that_are_ready_have_a_rate() -> None:
    """One that was lost makes no calls."""

    async def story(desk: Desk) -> None:
        await desk.ready(1)
        desk.finish(1, 1, 2)
        assert [each.rate_per_min for each in desk.fleet.places()] == [120.0]
        desk.hear(Reached("place-1", "lost", "vm-1", "gone"))
        assert [each.rate_per_min for each in desk.fleet.places()] == [0.0]

    played(story, places=1)


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_a_process_between_that_says_nothing_for_thirty_seconds_is_replaced() -> None:
    """Whatever it says begins the span anew; all of its places are lost with it."""
    desk = Desk(places=1)
    now = asyncio.get_running_loop().time
    began = now()
    await desk.ready(1)
    await asyncio.sleep(20.5)
    desk.hear(Unreachable(""))
    await asyncio.sleep(29)
    assert "closed" not in desk.link.sent
    assert desk.fleet.places()[0].state == "ready"
    await asyncio.sleep(1)
    assert now() - began == pytest.approx(50.5)
    assert desk.link.sent[-1] == "closed"
    assert desk.fleet.why_full() == "no place: the process that keeps them said nothing for 30 s"
    first, desk.link = desk.link, Link()
    await asyncio.sleep(1.1)
    assert [type(each) for each in desk.link.sent] == [Setup, Keys]
    await asyncio.sleep(29.2)
    assert "closed" not in desk.link.sent
    await asyncio.sleep(2)
    assert "closed" in desk.link.sent
    await desk.fleet.aclose()
    assert first.sent.count("closed") == 1


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_a_link_is_opened_again_after_ever_longer_pauses(caplog: pytest.LogCaptureFixture) -> None:
    """One, two, four, eight, then ten seconds; after an answer a second again."""
    opened: list[float] = []
    now = asyncio.get_running_loop().time
    began = now()
    hears: list[Callable[[object], None]] = []

    async def connect(hear: Callable[[object], None]) -> Link:
        opened.append(round(now() - began, 3))
        hears.append(hear)
        if len(opened) == 1:
            raise OSError("no memory")
        if len(opened) == 2:
            raise ValueError("odd")
        link = Link()
        if len(opened) != 7:
            link.end.set()
        else:
            hear(Report("place-1", Taken((Finished(99, 0.5, REPLY, VERDICT),))))
            asyncio.get_running_loop().call_later(0.5, link.end.set)
        return link

    fleet = PlacesFleet(PlacesWanted("", 1, 2), connect, Setup("{}", "v1", None), clock=now, noted=lambda _: None)
    fleet.start()
    await asyncio.sleep(0.5)
    assert fleet.why_full() == "no place: the process that keeps them cannot be started (no memory)"
    hears[0](Reached("place-1", "starting"))
    await asyncio.sleep(1)
    assert fleet.why_full() == "no place: the link to the process that keeps them broke (ValueError)"
    await asyncio.sleep(40)
    assert opened == [0.0, 1.0, 3.0, 7.0, 15.0, 25.0, 35.0, 36.5, 38.5]
    assert [record.getMessage() for record in caplog.records] == ["the link to the places broke"]
    await fleet.aclose()


def test_what_was_said_of_a_cluster_is_taken_back_when_a_place_is_reached() -> None:
    """A place that starts says that there is one."""

    async def story(desk: Desk) -> None:
        await desk.ready()
        desk.hear(Unreachable("the head is gone"))
        desk.hear(Unreachable("the head is gone"))
        assert desk.fleet.why_full() == "no place: the head is gone"
        desk.hear(Reached("place-1", "starting"))
        assert desk.fleet.why_full() == "no place: 2 starting"
        desk.hear(Unreachable(""))

    assert played(story).said == ["no place: the head is gone"]


def test_a_second_version_of_the_task_has_heads_of_its_own() -> None:
    """The places are told it, and the rubric travels again."""

    async def story(desk: Desk) -> None:
        await desk.ready(1)
        calls = [desk.call()]
        await asyncio.sleep(0)
        desk.fleet._flush_now()
        desk.fleet.renew(Setup("{}", "v2", None))
        calls.append(desk.call())
        await asyncio.sleep(0)
        desk.fleet._flush_now()
        (_, first, _), (_, second, _) = desk.link.gives
        assert (len(first), len(second)) == (1, 1)
        assert first != second
        assert [each.task_version for each in desk.link.sent if isinstance(each, Setup)] == ["v1", "v2"]
        for call in calls:
            call.cancel()

    played(story, places=1, width=9)


@pytest.mark.parametrize("kind", ["report", "setup"])
def test_defaults_of_what_travels_say_nothing(kind: str) -> None:
    """No notes, no parts, no time for a verdict, a pack of one; secrets are not shown."""
    if kind == "report":
        finished = Finished(1, 0.5)
        assert (finished.reply, finished.failure, finished.broken, finished.parts, finished.judged_s) == (
            None, None, "", (), 0.0,
        )  # fmt: skip
        assert Taken() == Taken((), (), (), loading=False)
    else:
        assert Order(1, "a", "live", 1, ()).size == 1
        assert Setup("{}", "v1", None).refused == {}
        assert "gsk_1" not in repr(Keys({"a": "gsk_1"}))


@pytest.mark.parametrize(("form", "size"), [({"type": "json_object"}, 3), (None, 2)])
def test_a_pack_travels_with_its_size_and_form(form: dict[str, str] | None, size: int) -> None:
    """And comes back with a part for each email; how long its call took counts for how long others are gathered."""
    part = (REPLY, VERDICT)

    async def story(desk: Desk) -> None:
        await desk.ready(1)
        call = asyncio.ensure_future(desk.fleet.ask_pack(permit(), asked(), SETTINGS, size=size, form=form))
        await asyncio.sleep(0)
        desk.fleet._flush_now()
        (give,) = (each for each in desk.link.sent if isinstance(each, Give))
        (order,) = give.orders
        assert (order.size, order.form, order.lane, order.alias) == (size, form, "live", "main")
        assert desk.fleet._gathering.span_s == 0.01
        finished = Finished(order.number, 2.4, REPLY, VERDICT, parts=(part,) * size, judged_s=0.5)
        desk.hear(Report("place-1", Taken((finished,))))
        answered = await call
        assert (answered.reply, answered.verdict, answered.parts, answered.judged_s) == (
            REPLY,
            VERDICT,
            (part,) * size,
            0.5,
        )
        assert desk.fleet._gathering.span_s == pytest.approx(0.03)

    played(story, places=1)


def test_a_tier_looks_at_the_replies_of_places() -> None:
    """Whatever asks with a permit is wrapped for it, a single call as a pack."""
    seen: list[Any] = []

    async def story(desk: Desk) -> None:
        def in_tier(given: Any, client: Any) -> Any:
            seen.append(given.alias)
            return client

        desk.fleet._in_tier = in_tier
        await desk.ready(1)
        calls = [
            desk.call(),
            asyncio.ensure_future(desk.fleet.ask_pack(permit("b"), asked(), SETTINGS, size=2, form=None)),
        ]
        await asyncio.sleep(0)
        for call in calls:
            call.cancel()

    played(story, places=1)
    assert seen == ["main", "b"]


def test_orders_that_a_lost_place_was_not_sent_are_not_sent_when_it_is_back() -> None:
    """Their calls were given back."""

    async def story(desk: Desk) -> None:
        await desk.ready(1)
        lost = desk.call("first")
        await asyncio.sleep(0)
        desk.hear(Reached("place-1", "lost", "vm-1", "gone"))
        with pytest.raises(PlaceLostError):
            await lost
        desk.hear(Reached("place-1", "ready", "vm-1"))
        again = desk.call("second")
        await asyncio.sleep(0)
        desk.fleet._flush_now()
        orders = [order for each in desk.link.sent if isinstance(each, Give) for order in each.orders]
        assert [order.messages[0].content for order in orders] == ["second"]
        again.cancel()

    played(story, places=1)


def test_versions_are_those_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of Python the first two numbers; labeltui that was not installed is named so."""
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    monkeypatch.setattr(metadata, "version", lambda name: f"1.2.3 of {name}")
    assert own_versions() == Versions("1.2.3 of labeltui", python)

    def missing(_: str) -> str:
        raise metadata.PackageNotFoundError

    monkeypatch.setattr(metadata, "version", missing)
    assert own_versions() == Versions("from source", python)


@pytest.mark.parametrize("given", [{"reply": None}, {"verdict": None}])
def test_a_result_without_a_reply_or_a_verdict_is_an_error_of_the_program(given: dict[str, None]) -> None:
    """The place and its node are named, and what it met."""

    async def story(desk: Desk) -> None:
        await desk.ready(1)
        call = desk.call()
        await asyncio.sleep(0)
        desk.fleet._flush_now()
        ((_, _, (number,)),) = desk.link.gives
        desk.finish(1, number, broken="KeyError", **given)
        with pytest.raises(RuntimeError, match=r"^place-1 on vm-1 met KeyError$"):
            await call

    played(story, places=1)
