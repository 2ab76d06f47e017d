"""Which of two service tiers grants a call, when the full one rests, and what each is told."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from core.errors import (
    CallError,
    CapacityError,
    RateLimitedError,
    RequestRefusedError,
    ServerFailedError,
    TierRefusedError,
)
from core.model import ModelSettings, Reply, Usage, Wait
from core.quota.forecast.forecast import Capacity
from core.quota.pacing.grants import Grant, NoKeys
from core.worker.lanes.tiers import FlexClient, TieredPacer


class Late(random.Random):
    """Random numbers at the upper end of what is asked for."""

    def uniform(self, a: float, b: float) -> float:
        return max(a, b)


class Tier:
    """A broker that gives what a test wants, and keeps what it is told."""

    def __init__(self, lane: str, told: list[str]) -> None:
        self.lane, self.in_flight, self.at_once, self.estimator = lane, 0, 9, lane
        self.gives: Any = None
        self.said: list[str] = []
        self._told = told

    def next(self, _candidates: Any) -> Any:
        return self.gives or grant(self.lane)

    def tick(self) -> list[str]:
        return self.said

    def statuses(self) -> tuple[str, ...]:
        return (f"keys of {self.lane}",)

    def ways(self) -> tuple[Capacity, ...]:
        return (Capacity("org_1"),)

    def __getattr__(self, name: str) -> Any:
        return lambda *words, **marks: self._told.append(
            " ".join([self.lane, name, *map(str, words[1:]), *map(str, marks.values())])
        )


def grant(lane: str, asked_at: float = 0.0) -> Grant:
    made = object.__new__(Grant)
    object.__setattr__(made, "lane", lane)
    object.__setattr__(made, "asked_at", asked_at)
    return made


class Tiers:
    """Both tiers under a clock that only a test moves."""

    def __init__(self, lane: str, concurrency: int | None = None) -> None:
        self.now, self.told, self.noted = 100.0, list[str](), list[str]()
        self.live, self.flex = Tier("live", self.told), Tier("flex", self.told)
        self.opened = 0
        self.pacer = TieredPacer(
            self.live,  # type: ignore[arg-type]
            self._open,  # type: ignore[arg-type]
            lane=lane,
            clock=lambda: self.now,
            rng=Late(),
            noted=self.noted.append,
            concurrency=concurrency,
        )

    def _open(self) -> Tier:
        self.opened += 1
        return self.flex

    def next(self) -> str:
        found = self.pacer.next([])
        if isinstance(found, Grant):
            return found.lane
        if isinstance(found, Wait):
            return f"{'' if found.until_at is None else f'{found.until_at - self.now:g} s '}{found.reason}"
        return found.reason

    def full(self, asked_at: float | None = None) -> None:
        self.pacer.failed(grant("flex", self.now if asked_at is None else asked_at), CapacityError("498"), 0.1)


@pytest.mark.parametrize(
    ("lane", "live", "flex", "granted"),
    [
        ("live", None, None, "live"),
        ("flex", None, None, "flex"),
        ("auto", None, None, "flex"),
        ("auto", None, Wait(103.0, "", "", "flex waits"), "live"),
        ("auto", None, NoKeys("no key"), "live"),
        ("auto", Wait(105.0, "", "", "live waits"), Wait(103.0, "", "", "flex waits"), "3 s flex waits"),
        ("auto", Wait(102.0, "", "", "live waits"), Wait(103.0, "", "", "flex waits"), "2 s live waits"),
        ("auto", Wait(105.0, "", "", "live waits"), NoKeys("no key"), "5 s live waits"),
        ("auto", NoKeys("none"), Wait(105.0, "", "", "flex waits"), "5 s flex waits"),
        ("auto", NoKeys("none"), NoKeys("no key"), "no key"),
        ("flex", None, Wait(103.0, "", "", "flex waits"), "3 s flex waits"),
    ],
)
def test_the_tier_that_may_ask_first_does(lane: str, live: Any, flex: Any, granted: str) -> None:
    """Flex before live calls in the lane that uses both, and the shorter wait where neither may."""
    tiers = Tiers(lane)
    tiers.live.gives, tiers.flex.gives = live, flex
    assert tiers.next() == granted
    assert tiers.opened == (lane != "live")
    assert tiers.pacer.statuses() == ("keys of live" if lane == "live" else "keys of flex",)


def test_a_full_tier_rests_after_three_refusals_for_ever_longer() -> None:
    """1, 2, 4 … 60 s and half as much more; refusals of one crowd count once; an answer of that tier ends it."""
    tiers = Tiers("flex")
    tiers.pacer.served("flex")
    waits = [tiers.next()]
    for _ in range(3):
        waits.append(tiers.next())
        tiers.full()
    tiers.full(asked_at=99.9)
    for _ in range(7):
        waits.append(tiers.next())
        tiers.now += float(waits[-1].split()[0])
        waits.append(tiers.next())
        tiers.full()
    words = "the flex tier is full (498); it is tried again"
    assert waits[:4] == ["flex"] * 4
    assert waits[4::2] == [f"{each:g} s {words}" for each in (1.5, 3.0, 6.0, 12.0, 24.0, 48.0, 90.0)]
    assert set(waits[5::2]) == {"flex"}
    assert tiers.next() == f"90 s {words}"
    tiers.pacer.answered(grant("live"), Usage(), {}, 0.1)
    tiers.now += 90.0
    assert tiers.next() == "flex"
    tiers.full()
    assert tiers.next() == f"90 s {words}", "an answer to a live call says nothing of the tier"
    tiers.now -= 31.0
    assert tiers.next() == "flex", "the clock was set back: no rest is so long"
    tiers.now += 121.0
    tiers.pacer.answered(grant("flex"), Usage(), {}, 0.1)
    for _ in range(3):
        assert tiers.next() == "flex"
        tiers.full()
    assert tiers.next() == f"1.5 s {words}"


@pytest.mark.parametrize(("asked_at", "waits"), [(99.9, "1.5 s"), (100.0, "3 s")])
def test_a_call_that_was_asked_before_a_rest_does_not_prolong_it(asked_at: float, waits: str) -> None:
    """One that was asked at its beginning does."""
    tiers = Tiers("flex")
    tiers.pacer.served("flex")
    for _ in range(3):
        tiers.next()
        tiers.full()
    tiers.full(asked_at=asked_at)
    assert tiers.next().startswith(f"{waits} the flex tier is full")


@pytest.mark.parametrize(("lane", "error"), [("live", CapacityError("498")), ("flex", RateLimitedError("429"))])
def test_only_a_refusal_of_the_tier_itself_lets_it_rest(lane: str, error: CallError) -> None:
    """Not a live call's, and not a quota's."""
    tiers = Tiers("flex")
    tiers.pacer.served("flex")
    for _ in range(4):
        assert tiers.next() == "flex"
        tiers.pacer.failed(grant(lane, asked_at=tiers.now), error, 0.1)
    assert tiers.next() == "flex"


def test_the_first_call_of_a_tier_goes_out_alone() -> None:
    """Until a reply names the tier; where it names another one, or refuses, the run goes on with live calls."""
    tiers = Tiers("flex")
    assert tiers.next() == "flex"
    tiers.flex.in_flight = 1
    assert tiers.next() == "the first call in the flex tier is out"
    assert not tiers.pacer.confirmed
    tiers.pacer.served("flex")
    assert (tiers.next(), tiers.pacer.confirmed) == ("flex", True)
    tiers.pacer.served("on_demand")
    assert (tiers.next(), tiers.noted) == ("flex", [])
    for served, why in (("on_demand", "the answer names the tier on_demand"), ("", "the answer names no tier")):
        tiers = Tiers("flex")
        tiers.pacer.served(served)
        tiers.pacer.served("default")
        assert tiers.noted == [f"this server offers no flex tier ({why}); the run goes on with live calls"]
        assert tiers.next() == "live"
        for lane, granted in (("flex", "live"), ("auto", "live"), ("live", "live"), ("flex", "flex")):
            tiers.pacer.choose_lane(lane)
            assert tiers.next() == granted, "only a person's choice of flex tries it again"
    tiers = Tiers("auto")
    tiers.pacer.failed(grant("live"), TierRefusedError("400 tier"), 0.1)
    assert (tiers.next(), tiers.noted) == ("flex", [])
    tiers.pacer.failed(grant("flex"), TierRefusedError("400 tier"), 0.1)
    assert tiers.next() == "live"
    assert tiers.noted == ["this server offers no flex tier (400 tier); the run goes on with live calls"]


@pytest.mark.parametrize(
    ("live", "flex", "chosen", "said"), [(1, 1, 2, "2 calls are out"), (1, 0, 2, "flex"), (9, 9, None, "flex")]
)
def test_a_chosen_number_holds_for_both_tiers_together(live: int, flex: int, chosen: int | None, said: str) -> None:
    """What is out in one of them leaves so much less for the other."""
    tiers = Tiers("flex", concurrency=chosen)
    tiers.pacer.served("flex")
    assert tiers.next() == "flex" or chosen == 0
    tiers.live.in_flight, tiers.flex.in_flight = live, flex
    assert tiers.next() == said
    tiers.pacer.choose_concurrency(1)
    assert tiers.next() == f"{live + flex} calls are out"
    assert tiers.told == ["live choose_concurrency", "flex choose_concurrency"]


def test_each_call_is_told_to_its_own_tier() -> None:
    """Answers, failures and calls that were given up; what concerns both is told to both that there are."""
    tiers = Tiers("auto")
    tiers.pacer.requeued()
    tiers.pacer.cancelled(grant("flex"), sent=False)
    assert tiers.told == ["live requeued", "live cancelled False"], "it was never opened"
    tiers.told.clear()
    tiers.next()
    for lane in ("live", "flex"):
        tiers.pacer.answered(grant(lane), "usage", "headers", 0.5)  # type: ignore[arg-type]
        tiers.pacer.failed(grant(lane), CapacityError("498"), 0.5, spare_key=True)
        tiers.pacer.cancelled(grant(lane))
    assert tiers.told == [
        f"{lane} {what}"
        for lane in ("live", "flex")
        for what in ("answered usage headers 0.5", "failed 498 0.5 True", "cancelled True")
    ]
    tiers.told.clear()
    tiers.pacer.requeued()
    tiers.pacer.swap()
    tiers.pacer.close()
    assert tiers.told == ["live requeued", "flex requeued", "live swap", "live close", "flex close"]
    assert (tiers.pacer.at_once, tiers.pacer.estimator) == (9, "live")


def test_what_both_tiers_say_is_said_once_in_five_seconds() -> None:
    """Both see what happens to a key; after that it is news again, and where there is one tier all of it is."""
    tiers = Tiers("auto")
    tiers.live.said = ["a", "a"]
    assert [tiers.pacer.tick(), tiers.pacer.tick()] == [["a"], ["a"]]
    tiers.next()
    tiers.flex.said = ["a", "b"]
    said = []
    for at in (100.0, 101.0, 104.9, 105.0, 103.0):
        tiers.now = at
        said.append(tiers.pacer.tick())
        tiers.live.said = []
    assert said == [["a", "b"], [], [], ["a", "b"], ["a", "b"]]
    tiers.now = 200.0
    tiers.pacer.choose_lane("live")
    assert tiers.pacer.tick() == []
    tiers.flex.in_flight = 1
    assert tiers.pacer.tick() == ["a", "b"]


@pytest.mark.parametrize(
    ("lane", "confirmed", "names"),
    [
        ("live", False, ["org_1"]),
        ("auto", False, ["org_1"]),
        ("auto", True, ["org_1 (flex)", "org_1"]),
        ("flex", False, ["org_1 (flex)"]),
    ],
)
def test_a_forecast_counts_a_tier_once_it_is_known(lane: str, confirmed: bool, names: list[str]) -> None:
    """In the lane that has live calls besides."""
    tiers = Tiers(lane)
    if confirmed:
        tiers.pacer.served("flex")
    assert [each.organization for each in tiers.pacer.ways()] == names


@pytest.mark.parametrize(
    ("error", "confirmed", "raised"),
    [
        (
            RequestRefusedError("400 tier?", status=400, code="c", headers={"h": "1"}, request_id="r"),
            False,
            TierRefusedError,
        ),
        (RequestRefusedError("400"), True, RequestRefusedError),
        (RateLimitedError("429"), False, RateLimitedError),
        (ServerFailedError("500"), False, ServerFailedError),
    ],
)
def test_a_refusal_before_the_tier_is_known_is_taken_for_the_tiers(
    error: CallError, confirmed: bool, raised: type[CallError]
) -> None:
    """With all that it said; a quota's or a fault of the server is what it is."""
    tiers = Tiers("flex")
    if confirmed:
        tiers.pacer.served("flex")

    class Client:
        async def ask(self, *_words: Any, **_marks: Any) -> Reply:
            raise error

    with pytest.raises(raised) as caught:
        asyncio.run(FlexClient(Client(), tiers.pacer).ask((), ModelSettings()))
    assert type(caught.value) is raised
    found = caught.value
    assert (str(found), found.status, found.code, found.headers, found.request_id) == (
        str(error), error.status, error.code, error.headers, error.request_id,
    )  # fmt: skip


@pytest.mark.parametrize("form", [None, {"type": "json_object"}])
def test_an_answer_tells_which_tier_served_it(form: dict[str, Any] | None) -> None:
    """A form goes along where one is given."""
    tiers, sent = Tiers("flex"), []

    class Client:
        async def ask(self, *words: Any, **marks: Any) -> Reply:
            sent.append((words, marks))
            return Reply("1", "stop", Usage(), "", {}, service_tier="flex")

    client = FlexClient(Client(), tiers.pacer)
    reply = asyncio.run(client.ask((), ModelSettings(), form=form) if form else client.ask((), ModelSettings()))
    assert reply.text == "1"
    assert sent == [(((), ModelSettings()), {"form": form} if form else {})]
    assert tiers.pacer.confirmed
