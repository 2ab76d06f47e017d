"""Choose a place for each call, and keep what is out where: the coordinator's side of places.

The places themselves are kept by another process (:mod:`core.worker.places.bridge`), so that nothing that happens to a
cluster can end the worker, and so that the worker imports nothing of Ray. Where that process ends, another is started.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from core.errors import PlaceLostError, QuotaFileError
from core.model import ChatMessage, ModelSettings, PlaceStatus, PlacesWanted, Reply
from core.worker.places.wire import (
    ALIVE_EVERY_S,
    MOST_CHARS,
    SILENT_MOST,
    Finished,
    Gathering,
    Give,
    Head,
    Keys,
    Order,
    Reached,
    Report,
    Setup,
    Taken,
    Unreachable,
    names_of,
)
from core.worker.settle import Answered, Asks

_log = logging.getLogger(__name__)

AGAIN_S, AGAIN_MOST_S = 1.0, 10.0
"""Where no place can be reached, it is tried again after 1, 2, 4 … 10 s."""

_RATE_S = 60


class Link(Protocol):
    """Describe the way to what keeps the places."""

    def send(self, message: object) -> None:
        """Send a :class:`Setup`, :class:`Keys` or :class:`Give`; does nothing where the other side is gone."""

    async def ended(self) -> None:
        """Return when the other side is gone."""

    async def close(self) -> None:
        """Let every place be given up."""


Connect = Callable[[Callable[[object], None]], Awaitable[Link]]
"""Opens a link; what comes over it goes to the function."""


class Remembers(Protocol):
    """Describe what the fleet needs of the key store."""

    def refuse_setting(self, model: str, name: str, words: str) -> None:
        """Keep that the server refused a setting for a model."""


@dataclass(slots=True)
class _Place:
    name: str
    state: str
    since_at: float
    node: str = ""
    reason: str = ""
    out: dict[int, asyncio.Future[Finished]] = field(default_factory=dict)
    heads: set[int] = field(default_factory=set)
    outbox: list[Order] = field(default_factory=list)
    ended: deque[tuple[int, int]] = field(default_factory=deque)

    def count(self, calls: int, now: float) -> None:
        """Note that calls ended."""
        second = int(now)
        if self.ended and self.ended[-1][0] == second:
            calls += self.ended.pop()[1]
        self.ended.append((second, calls))
        while self.ended[0][0] < second - _RATE_S:
            self.ended.popleft()

    def rate_per_min(self, now: float) -> float:
        """Return how many calls a minute ended here of late."""
        recent = [(at, count) for at, count in self.ended if at >= now - _RATE_S]
        if not recent:
            return 0.0
        return sum(count for _, count in recent) * 60.0 / max(1.0, min(now - recent[0][0], _RATE_S))


class _Call:
    """Hold one call at a place as a client has it, with the verdict beside it."""

    def __init__(self, permit: Any, make: Callable[..., Awaitable[Answered]]) -> None:
        self._permit = permit
        self._make = make
        self.answered: Answered | None = None

    async def ask(
        self, messages: tuple[ChatMessage, ...], settings: ModelSettings, *, form: Mapping[str, Any] | None = None
    ) -> Reply:
        """Let a place make the call."""
        if form is not None:
            self._make = partial(self._make, form=form)
        self.answered = await self._make(self._permit, messages, settings)
        return self.answered.reply


class PlacesFleet:
    """Make calls at places. Begin it with :meth:`start`; ``noted`` is given sentences on what happens to places."""

    def __init__(
        self,
        wanted: PlacesWanted,
        connect: Connect,
        setup: Setup,
        *,
        clock: Callable[[], float],
        noted: Callable[[str], None],
        memory: Remembers | None = None,
        in_tier: Callable[[Any, Asks], Asks] = lambda _, client: client,
    ) -> None:
        """Make the fleet; ``in_tier`` wraps what asks with a permit, where its tier looks at the replies."""
        self._wanted = wanted
        self._connect = connect
        self._setup = setup
        self._clock = clock
        self._noted = noted
        self._memory = memory
        self._in_tier = in_tier
        self._numbers = itertools.count(1)
        self._keys: dict[str, str] = {}
        self._heads: dict[tuple[ChatMessage | None, ModelSettings], Head] = {}
        self._places: dict[str, _Place] = {}
        self._ready: list[_Place] = []
        self._last_head: Head | None = None
        self._link: Link | None = None
        self._flush: asyncio.TimerHandle | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._unreachable = ""
        self._spans_silent = 0
        self._answered = False
        self._gathering = Gathering()

    # -- what lanes ask ----------------------------------------------------------------------------------------------

    async def ask(self, permit: Any, conversation: tuple[ChatMessage, ...], settings: ModelSettings) -> Answered:
        """Let a place make the call and judge the reply.

        Raises:
            CallError: the call failed.
            PlaceLostError: the place was lost while the call was out there.
        """
        call = _Call(permit, self._make)
        await self._in_tier(permit, call).ask(conversation, settings)
        assert call.answered is not None
        return call.answered

    async def ask_pack(
        self,
        permit: Any,
        conversation: tuple[ChatMessage, ...],
        settings: ModelSettings,
        *,
        size: int,
        form: Mapping[str, Any] | None,
    ) -> Answered:
        """Let a place make a call about several emails and judge the answer to each; raises what :meth:`ask` does."""
        call = _Call(permit, partial(self._make, size=size))
        await self._in_tier(permit, call).ask(conversation, settings, form=form)
        assert call.answered is not None
        return call.answered

    async def _make(
        self,
        permit: Any,
        conversation: tuple[ChatMessage, ...],
        settings: ModelSettings,
        *,
        size: int = 1,
        form: Mapping[str, Any] | None = None,
    ) -> Answered:
        place = self._freest()
        if place is None:
            raise PlaceLostError(self.why_full(), sent=False)
        if self._keys.get(permit.alias) != permit.secret.value:
            self._keys[permit.alias] = permit.secret.value
            self._send(Keys(dict(self._keys)))
        head = self._head(conversation, settings)
        number = next(self._numbers)
        messages = conversation[1:] if head.system is not None else conversation
        future = place.out[number] = asyncio.get_running_loop().create_future()
        place.outbox.append(Order(number, permit.alias, permit.lane, head.number, messages, size, form))
        self._flush_soon()
        try:
            finished = await future
        finally:
            place.out.pop(number, None)
        if finished.failure is not None:
            raise finished.failure.error
        if finished.reply is None or finished.verdict is None:
            raise RuntimeError(f"{place.name} on {place.node} met {finished.broken}")
        return Answered(finished.reply, finished.verdict, finished.parts, finished.judged_s)

    def most(self) -> int:
        """Return how many calls may be out at once now."""
        return self._wanted.width * len(self._ready)

    def why_full(self) -> str:
        """Return why no more may be out now."""
        if self._ready:
            return "every place is busy"
        reasons = dict.fromkeys(place.reason for place in self._places.values() if place.reason)
        why = self._unreachable or "; ".join(reasons)
        return f"no place: {why or f'{self._wanted.places} starting'}"

    def places(self) -> tuple[PlaceStatus, ...]:
        """Return the places, for people."""
        now = self._clock()
        return tuple(
            PlaceStatus(
                each.name,
                each.node,
                each.state,
                each.reason,
                len(each.out),
                each.rate_per_min(now) if each.state == "ready" else 0.0,
                each.since_at,
            )
            for each in self._places.values()
        )

    # -- start and end --------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to make places; returns at once."""
        now = self._clock()
        self._places = {name: _Place(name, "starting", now) for name in names_of(self._wanted.places)}
        self._keeping = asyncio.create_task(self._keep())

    def renew(self, setup: Setup) -> None:
        """Work by another version of the task from now on; no call may be out."""
        self._setup = setup
        self._heads.clear()
        self._last_head = None
        self._send(setup)

    async def aclose(self) -> None:
        """Give every place up."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        if self._flush is not None:
            self._flush.cancel()
        if self._link is not None:
            await self._link.close()
            self._link = None

    async def _keep(self) -> None:
        """Keep a link to the places; where it ends, all of them are lost, and another is opened."""
        pause_s = AGAIN_S
        while True:
            self._spans_silent, self._answered = 0, False
            try:
                self._link = await self._connect(self._hear)
                self._send(self._setup)
                self._send(Keys(dict(self._keys)))
                reason = await self._over(self._link)
            except OSError as error:
                reason = f"the process that keeps them cannot be started ({error})"
            except Exception as error:  # noqa: BLE001 - whatever it is, another link is opened, and the reason shown
                _log.exception("the link to the places broke")
                reason = f"the link to the process that keeps them broke ({type(error).__name__})"
            self._unreachable = self._unreachable or reason
            pause_s = AGAIN_S if self._answered else pause_s
            for place in self._places.values():
                self._take_state(Reached(place.name, "lost", place.node, self._unreachable))
            if self._link is not None:
                await self._link.close()
                self._link = None
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, AGAIN_MOST_S)

    async def _over(self, link: Link) -> str:
        """Return, when the other side is gone or says nothing any more, what happened to it."""
        ended = asyncio.ensure_future(link.ended())
        try:
            while not (await asyncio.wait([ended], timeout=ALIVE_EVERY_S))[0]:
                # Counted, not timed: a worker that was suspended has not read yet what was said meanwhile.
                self._spans_silent += 1
                if self._spans_silent >= SILENT_MOST:
                    return f"the process that keeps them said nothing for {SILENT_MOST * ALIVE_EVERY_S:g} s"
            ended.result()
            return "the process that keeps them ended"
        finally:
            ended.cancel()

    # -- messages of places ---------------------------------------------------------------------------------------

    def _hear(self, message: object) -> None:
        self._spans_silent = 0
        if isinstance(message, Report):
            self._take_report(message.place, message.taken)
        elif isinstance(message, Reached):
            self._unreachable = ""
            self._take_state(message)
        elif isinstance(message, Unreachable):
            if message.reason and message.reason != self._unreachable:
                self._noted(f"{message.reason}; its places go on" if self._ready else f"no place: {message.reason}")
            self._unreachable = message.reason

    def _take_report(self, name: str, taken: Taken) -> None:
        place = self._places[name]
        for finished in taken.finished:
            future = place.out.get(finished.number)  # none where the call was cut off, or was lost with its place
            if future is not None and not future.done():
                self._gathering.saw(finished.latency_s)
                future.set_result(finished)
        place.count(len(taken.finished), self._clock())
        self._answered = self._answered or bool(taken.finished)
        for sentence in taken.notes:
            self._noted(sentence)
        if self._memory is not None:
            for model, setting, words in taken.refused:
                with contextlib.suppress(QuotaFileError):  # then the server is asked once more
                    self._memory.refuse_setting(model, setting, words)

    def _take_state(self, reached: Reached) -> None:
        place = self._places[reached.place]
        before = place.state
        if before != reached.state:
            place.since_at = self._clock()
        place.state, place.reason = reached.state, reached.reason
        self._ready = [each for each in self._places.values() if each.state == "ready"]
        place.node = reached.node
        if reached.state == "ready":
            place.heads.clear()
            self._noted(f"{place.name} on {place.node} is ready")
        elif before == "ready" or place.out:
            self._lose(place)
        if reached.state == "refused":
            self._noted(f"{place.name} is refused: {place.reason}")

    def _lose(self, place: _Place) -> None:
        """Give back every call that is out at a place."""
        sentence = f"{place.name} on {place.node} is lost: {place.reason}"
        calls = len(place.out) - len(place.outbox)
        twice = f"; {calls} call{'' if calls == 1 else 's'} out there may be paid twice" if calls else ""
        self._noted(f"{sentence}{twice}")
        unsent = {order.number for order in place.outbox}
        place.outbox.clear()
        for number, future in place.out.items():
            if not future.done():
                future.set_exception(PlaceLostError(sentence, sent=number not in unsent))
        place.out = {}

    # -- sending -----------------------------------------------------------------------------------------------------

    def _freest(self) -> _Place | None:
        freest = min(self._ready, key=lambda place: len(place.out), default=None)
        return freest if freest is not None and len(freest.out) < self._wanted.width else None

    def _head(self, conversation: tuple[ChatMessage, ...], settings: ModelSettings) -> Head:
        system = conversation[0] if conversation and conversation[0].role == "system" else None
        last = self._last_head
        if last is not None and last.settings is settings and last.system == system:
            return last  # nearly always: hashing a task's settings takes longer
        known = self._heads.get((system, settings))
        if known is None:
            known = self._heads[system, settings] = Head(next(self._numbers), system, settings)
        self._last_head = known
        return known

    def _flush_soon(self) -> None:
        if self._flush is None:
            self._flush = asyncio.get_running_loop().call_later(self._gathering.span_s, self._flush_now)

    def _flush_now(self) -> None:
        self._flush = None
        heads = {head.number: head for head in self._heads.values()}
        for place in self._ready:
            while place.outbox:
                chars = count = 0
                while count < len(place.outbox) and (chars := chars + place.outbox[count].chars) <= MOST_CHARS:
                    count += 1
                orders = tuple(place.outbox[: max(1, count)])
                del place.outbox[: max(1, count)]
                new = {order.head for order in orders} - place.heads
                place.heads |= new
                self._send(Give(place.name, tuple(heads[number] for number in new), orders))

    def _send(self, message: object) -> None:
        if self._link is not None:
            self._link.send(message)
