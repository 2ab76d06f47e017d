"""Make calls and judge answers at a place; nothing is written there, and no answer kept longer than one report.

It is an ordinary object; :mod:`core.worker.places.ray_cluster` makes it an actor, tests call it in their own process.
No method raises an error that holds a text or a key: what fails comes back as a value.
"""

from __future__ import annotations

import asyncio
import importlib
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.errors import CallError
from core.model import ChatMessage
from core.worker.places.wire import (
    MOST_CHARS,
    Failure,
    Finished,
    Gathering,
    Head,
    Hello,
    Order,
    Setup,
    Taken,
    own_versions,
)
from core.worker.settle import Fleet, Loads, LocalFleet


@dataclass(frozen=True, slots=True, repr=False)
class _Secret:
    value: str


@dataclass(frozen=True, slots=True)
class _Permit:
    """Hold what a client is chosen by."""

    alias: str
    secret: _Secret
    lane: str
    email_id: int = 0
    organization: str = ""
    tokens: tuple[float, float] = (0.0, 0.0)
    in_flight: int | None = None


class _Memory:
    """Collect what the server refuses, for the coordinator to remember."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self._known = dict(known)
        self.learned: list[tuple[str, str, str]] = []

    def refused_settings(self, model: str) -> dict[str, str]:  # noqa: ARG002 - one place, one model
        """Return what the coordinator sent."""
        return self._known

    def refuse_setting(self, model: str, name: str, words: str) -> None:
        """Keep one for the next report."""
        self.learned.append((model, name, words))


class Asker:
    """Make the calls that it is given, all at once, and report the results when asked."""

    def __init__(self) -> None:
        self._heads: dict[int, Head] = {}
        self._keys: dict[str, _Secret] = {}
        self._fleet: Fleet | None = None
        self._out: set[asyncio.Task[None]] = set()
        self._finished: list[Finished] = []
        self._notes: list[str] = []
        self._memory = _Memory({})
        self._loading: asyncio.Task[object] | None = None
        self._some = asyncio.Event()
        self._gathering = Gathering()

    async def hello(self) -> Hello:
        """Return who this is."""
        return Hello(own_versions(), socket.gethostname())

    async def prepare(self, setup: Setup) -> str:
        """Work by a version of the task from now on, and return its hash.

        The validation is imported meanwhile, which takes seconds: the first answers wait for it.
        """
        # Imported here, so that a place of another version can say so before it needs anything of this one.
        from core.llm.taskfile import task_from_json  # noqa: PLC0415
        from core.worker.clients import ClientPool, build_guard  # noqa: PLC0415

        await asyncio.to_thread(importlib.import_module, "core.llm.client")  # else the first call holds up reports
        task = task_from_json(setup.task_json)
        self._memory = _Memory(setup.refused)
        clients = ClientPool(setup.base_url, task, self._notes.append, self._memory)
        guard = build_guard(task)
        if isinstance(guard, Loads):
            self._loading = asyncio.create_task(guard.load())
        self._fleet = LocalFleet(clients.of, guard)
        return task.version

    async def set_keys(self, secrets: Mapping[str, str]) -> None:
        """Ask with these keys from now on."""
        self._keys = {alias: _Secret(secret) for alias, secret in secrets.items()}

    async def give(self, heads: Sequence[Head], orders: Sequence[Order]) -> None:
        """Make these calls."""
        self._heads.update({head.number: head for head in heads})
        for order in orders:
            call = asyncio.create_task(self._make(order))
            self._out.add(call)
            call.add_done_callback(self._out.discard)

    async def take(self, wait_s: float) -> Taken:
        """Return what came of calls since the last time, as soon as there is any, at most ``wait_s`` seconds later."""
        if not self._finished:
            self._some.clear()
            try:
                async with asyncio.timeout(wait_s):
                    await self._some.wait()
            except TimeoutError:
                pass
            else:
                await asyncio.sleep(self._gathering.span_s)
        chars = count = 0
        while count < len(self._finished) and (chars := chars + self._finished[count].chars) <= MOST_CHARS:
            count += 1
        count = max(count, 1)
        finished, self._finished = tuple(self._finished[:count]), self._finished[count:]
        loading = self._loading is not None and not self._loading.done()
        taken = Taken(finished, tuple(self._notes), tuple(self._memory.learned), loading)
        self._notes.clear()
        self._memory.learned.clear()
        return taken

    async def _make(self, order: Order) -> None:
        began = time.perf_counter()
        number = order.number
        try:
            head = self._heads[order.head]
            first: tuple[ChatMessage, ...] = () if head.system is None else (head.system,)
            assert self._fleet is not None, "asked before it was prepared"
            permit = _Permit(order.alias, self._keys[order.alias], order.lane)
            conversation = (*first, *order.messages)
            if order.size == 1:
                answered = await self._fleet.ask(permit, conversation, head.settings)
            else:
                answered = await self._fleet.ask_pack(
                    permit, conversation, head.settings, size=order.size, form=order.form
                )
            took_s = time.perf_counter() - began
            end = Finished(
                number, took_s, answered.reply, answered.verdict, parts=answered.parts, judged_s=answered.judged_s
            )
        except CallError as error:
            end = Finished(number, time.perf_counter() - began, failure=Failure.of(error))
        except Exception as error:  # noqa: BLE001 - Ray would log its message, which may hold the email
            end = Finished(number, time.perf_counter() - began, broken=type(error).__name__)
        self._gathering.saw(end.latency_s)
        self._finished.append(end)
        self._some.set()
