"""The network of a virtual run: delays both ways, and a server that goes on when its client is gone."""

from __future__ import annotations

import asyncio
import random
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
from starlette.applications import Starlette


@dataclass(slots=True)
class Traffic:
    """What went over the wire: when each call was sent, and what came back."""

    sent_at: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    answered: int = 0

    @property
    def calls(self) -> int:
        """Calls sent."""
        return len(self.sent_at)

    def most_within(self, span_s: float, *, after_s: float = 0.0) -> int:
        """The most calls sent within any ``span_s`` seconds that begin at ``after_s`` or later."""
        most = 0
        first = bisect_left(self.sent_at, after_s)
        for index in range(first, len(self.sent_at)):
            most = max(most, bisect_left(self.sent_at, self.sent_at[index] + span_s) - index)
        return most

    def longest_gap_s(self) -> float:
        """The longest time between two calls."""
        return max((later - sooner for sooner, later in zip(self.sent_at, self.sent_at[1:], strict=False)), default=0.0)


class Wire(httpx.AsyncBaseTransport):
    """A transport to an ASGI app. Each way takes between ``way_s[0]`` and ``way_s[1]`` seconds, seeded.

    A client that leaves does not stop the server: what was sent is worked on and counted, as in real life.
    """

    def __init__(
        self, app: Starlette, *, clock: Callable[[], float], rng: random.Random, way_s: tuple[float, float]
    ) -> None:
        self.traffic = Traffic()
        self._inner = httpx.ASGITransport(app=app)
        self._clock = clock
        self._rng = rng
        self._way_s = way_s
        self._serving: set[asyncio.Task[httpx.Response]] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry one request over and its response back."""
        self.traffic.sent_at.append(self._clock())
        call = asyncio.get_running_loop().create_task(self._carry(request))
        self._serving.add(call)
        call.add_done_callback(self._served)
        return await asyncio.shield(call)

    async def hang_up(self) -> None:
        """End whatever the server still works on."""
        calls = list(self._serving)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    async def _carry(self, request: httpx.Request) -> httpx.Response:
        out_s, back_s = self._rng.uniform(*self._way_s), self._rng.uniform(*self._way_s)
        await asyncio.sleep(out_s)
        response = await self._inner.handle_async_request(request)
        body = b"".join([part async for part in response.stream])  # type: ignore[union-attr]
        await asyncio.sleep(back_s)
        self.traffic.statuses[str(response.status_code)] += 1
        if response.status_code == 200:
            self.traffic.answered += 1
        return httpx.Response(response.status_code, headers=response.headers, content=body)

    def _served(self, call: asyncio.Task[httpx.Response]) -> None:
        self._serving.discard(call)
        if not call.cancelled() and call.exception() is not None:
            self.traffic.statuses["broken"] += 1
