"""Start places, compare versions, pass orders on, fetch answers, and restart a place that is lost.

A place is lost at the first error, or when it does not answer for :data:`core.worker.places.wire.LOST_AFTER_S`
seconds. Every wait for a place has a bound. What makes places is a :class:`Cluster`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from core.worker.places.wire import (
    ALIVE_EVERY_S,
    LOADING_LOST_AFTER_S,
    LOST_AFTER_S,
    PREPARED_WITHIN_S,
    TAKE_S,
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
    names_of,
    own_versions,
)

MADE_WITHIN_S = 60.0
"""A place for which there is a free CPU is made in seconds: after so long it is asked for anew."""

WAITS_MOST_S = 600.0
"""One that waits for a CPU is asked for anew after so long, lest it waits for what the cluster forgot."""

LOOKED_EVERY_S = 5.0
"""Why a place is not made yet is looked up so often."""

AGAIN_S = 1.0
REFUSED_AGAIN_S = 15.0
"""A lost place is made anew after a second, a refused one after longer."""

T = TypeVar("T")


class PlaceGoneError(Exception):
    """Report that a place cannot be reached; the message says why, without a text or a key."""


class PlaceRefusedError(Exception):
    """Report that a place must not be used; the message says why."""


class Actor(Protocol):
    """Describe one place. Each method raises :class:`PlaceGoneError` where the place cannot be reached."""

    async def hello(self) -> Hello:
        """Return who it is; waits until the place is made."""

    async def prepare(self, setup: Setup) -> str:
        """Let it work by a version of the task, and return the version's hash as it has it."""

    async def set_keys(self, secrets: Mapping[str, str]) -> None:
        """Let it ask with these keys."""

    async def give(self, heads: Sequence[Head], orders: Sequence[Order]) -> None:
        """Let it make these calls."""

    async def take(self, wait_s: float) -> Taken:
        """Return what came of calls."""

    def kill(self) -> None:
        """End it; does nothing where it is gone."""


class Cluster(Protocol):
    """Describe where places can be made."""

    def make(self, name: str) -> Actor:
        """Ask for another place; it need not be there yet."""

    async def why_gone(self) -> str:
        """Return why no place can be made here at all, or nothing."""

    async def why_waiting(self) -> str:
        """Return why a place that was asked for has to wait, or nothing where it could be made.

        Raises:
            PlaceGoneError: nobody answers who would know.
        """


Message = Setup | Keys | Give


class _Place:
    """Hold one place: what it is to be sent next, in order."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.inbox: asyncio.Queue[Message] = asyncio.Queue()
        self.ready = False
        self.lost_after_s = LOADING_LOST_AFTER_S


class Keeper:
    """Keep ``places`` places; ``say`` is called with :class:`Reached`, :class:`Report` and :class:`Unreachable`."""

    def __init__(self, cluster: Cluster, places: int, say: Callable[[object], None]) -> None:
        self._cluster = cluster
        self._say = say
        self._places = {name: _Place(name) for name in names_of(places)}
        self._setup: Setup | None = None
        self._keys = Keys({})
        self._set_up = asyncio.Event()
        self._over = asyncio.Event()

    def hear(self, message: Message) -> None:
        """Take a message of the coordinator: in their order they reach each place."""
        if isinstance(message, Give):
            place = self._places[message.place]
            if place.ready:  # else the coordinator gets, or got, a report of its loss
                place.inbox.put_nowait(message)
            return
        if isinstance(message, Setup):
            self._setup = message
            self._set_up.set()
        else:
            self._keys = message
        for place in self._places.values():
            if place.ready:
                place.inbox.put_nowait(message)

    async def run(self) -> None:
        """Keep every place until none can be reached any more, or until cancelled."""
        lives = [asyncio.create_task(self._keep(place)) for place in self._places.values()]
        over = asyncio.create_task(self._over.wait())
        watching = asyncio.create_task(self._watch())
        jobs = (*lives, over, watching)
        try:
            done, _ = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
            for job in done - {over}:
                job.result()
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)

    async def _watch(self) -> None:
        """Say where the cluster is gone while its places go on, and where it is back: Ray ends them a minute later."""
        before = ""
        while True:
            await asyncio.sleep(LOOKED_EVERY_S)
            gone = await self._cluster.why_gone()
            if gone != before:
                self._say(Unreachable(gone))
            before = gone

    async def _keep(self, place: _Place) -> None:
        """Make a place again and again."""
        reason = ""
        while True:
            self._say(Reached(place.name, "starting", reason=reason))
            node, pause_s = "", AGAIN_S
            try:
                actor = self._cluster.make(place.name)
            except PlaceGoneError as error:
                reason = str(error)
            else:
                try:
                    await self._set_up.wait()
                    node = await self._shake_hands(place.name, actor)
                    place.inbox, place.ready = asyncio.Queue(), True
                    self._say(Reached(place.name, "ready", node))
                    await self._serve(place, actor)
                except PlaceGoneError as error:
                    reason = str(error)
                    self._say(Reached(place.name, "lost", node, reason))
                except PlaceRefusedError as error:
                    reason, pause_s = str(error), REFUSED_AGAIN_S
                    self._say(Reached(place.name, "refused", node, reason))
                finally:
                    place.ready = False
                    actor.kill()
            while gone := await self._cluster.why_gone():
                self._say(Unreachable(gone))
                if not any(each.ready for each in self._places.values()):
                    self._over.set()
                    return
                await asyncio.sleep(LOOKED_EVERY_S)  # others go on: their calls are not given up
            await asyncio.sleep(pause_s)

    async def _made(self, name: str, actor: Actor) -> Hello:
        """Return who a place is when it is made; say meanwhile why it is not.

        Raises:
            PlaceGoneError: it was not made, although it could be; or it waits for long, or for a cluster that is gone.
        """
        answer = asyncio.ensure_future(actor.hello())
        try:
            left_s, waits_s, before = MADE_WITHIN_S, WAITS_MOST_S, ""
            while not (await asyncio.wait([answer], timeout=LOOKED_EVERY_S))[0]:
                why = await self._cluster.why_waiting()
                if why != before:
                    self._say(Reached(name, "starting", reason=why))
                left_s, before = (MADE_WITHIN_S if why else left_s - LOOKED_EVERY_S), why
                waits_s -= LOOKED_EVERY_S
                if left_s <= 0:
                    raise PlaceGoneError(f"it was not made within {MADE_WITHIN_S:g} s")
                if waits_s <= 0:
                    raise PlaceGoneError(why)
            return answer.result()
        finally:
            answer.cancel()

    async def _shake_hands(self, name: str, actor: Actor) -> str:
        """Let a place work only where it has the same versions and understands the task as this one does."""
        hello = await self._made(name, actor)
        if complaint := own_versions().complaint(hello.versions, hello.node):
            raise PlaceRefusedError(complaint)
        while True:
            setup, keys = self._setup, self._keys
            assert setup is not None
            version = await within(PREPARED_WITHIN_S, actor.prepare(setup))
            if version != setup.task_version:
                raise PlaceRefusedError(
                    f"the place on {hello.node} reads another task ({version}, not {setup.task_version}): install the"
                    " same labeltui there"
                )
            await within(LOADING_LOST_AFTER_S, actor.set_keys(keys.secrets))
            if setup is self._setup and keys is self._keys:  # else they changed meanwhile
                return hello.node

    async def _serve(self, place: _Place, actor: Actor) -> None:
        """Give and take until the place is lost."""
        jobs = [asyncio.create_task(self._give(place, actor)), asyncio.create_task(self._take(place, actor))]
        try:
            done, _ = await asyncio.wait(jobs, return_when=asyncio.FIRST_EXCEPTION)
            for job in done:
                job.result()
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)

    async def _give(self, place: _Place, actor: Actor) -> None:
        while True:
            message = await place.inbox.get()
            if isinstance(message, Setup):
                await within(PREPARED_WITHIN_S, actor.prepare(message))
            elif isinstance(message, Keys):
                await within(place.lost_after_s, actor.set_keys(message.secrets))
            else:
                await within(place.lost_after_s, actor.give(message.heads, message.orders))

    async def _take(self, place: _Place, actor: Actor) -> None:
        """Pass reports on; a place that imports its validation may take longer for each, but not for ever."""
        now = asyncio.get_running_loop().time
        began_at, wait_s = now(), 0.0  # whether it loads is asked first
        place.lost_after_s = LOADING_LOST_AFTER_S
        while True:
            taken = await within(place.lost_after_s, actor.take(wait_s))
            wait_s = TAKE_S
            if taken.loading:
                place.lost_after_s = LOADING_LOST_AFTER_S
            else:
                place.lost_after_s, began_at = LOST_AFTER_S, now()
            if now() - began_at > PREPARED_WITHIN_S:
                raise PlaceGoneError(f"its validation was not loaded within {PREPARED_WITHIN_S:g} s")
            if taken not in _NOTHING:
                self._say(Report(place.name, taken))


_NOTHING = (Taken(), Taken(loading=True))


async def say_alive(say: Callable[[object], None]) -> None:
    """Say again and again that this process is at work, until cancelled."""
    while True:
        say(Alive())
        await asyncio.sleep(ALIVE_EVERY_S)


SPAN_S = 0.5


async def within(most_s: float, answer: Awaitable[T]) -> T:
    """Return the answer of a place, which is lost where it takes longer.

    Spans are counted, so that a moment in which this process itself had no CPU, and heard nobody, counts for one.
    """
    answering = asyncio.ensure_future(answer)
    try:
        left_s = most_s
        while not (await asyncio.wait([answering], timeout=min(SPAN_S, left_s)))[0]:
            left_s -= SPAN_S
            if left_s <= 0:
                raise PlaceGoneError(f"it did not answer for {most_s:g} s")
        return answering.result()
    finally:
        answering.cancel()
