"""Builders for the simulator's tests: a clock to turn by hand, a real SDK client, conversations."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from groq import AsyncGroq

from core.simulator.app import create_app
from core.simulator.config import SimulatorConfig

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

# looptime's plugin asks for the current loop before a plain test too; with none ever set, one would be made,
# and its warning that nobody closed it would fail whichever test runs when it is collected.
asyncio.set_event_loop(None)

MODEL = "openai/gpt-oss-20b"
RUBRIC = "Answer 1 for work and 0 for personal. " * 20


class HandClock:
    """A clock that moves when asked."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now

    def pass_s(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Bench:
    """A simulator under test, and ways to talk to it without a socket."""

    config: SimulatorConfig
    clock: HandClock
    app: Any

    @property
    def keys(self) -> list[str]:
        return list(self.config.keys)

    @property
    def stats(self) -> dict[str, Any]:
        return self.app.state.simulator.report()

    @asynccontextmanager
    async def http(self) -> AsyncIterator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(app=self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://simulator") as client:
            yield client

    @asynccontextmanager
    async def sdk(self, key: str | None = None) -> AsyncIterator[AsyncGroq]:
        async with self.http() as client:
            yield AsyncGroq(api_key=key or self.keys[0], base_url="http://simulator", http_client=client, max_retries=0)

    async def ask(self, email: str = "Subject: the contract", *, key: str | None = None, **extra: Any) -> Any:
        """Ask about one email as the SDK would, but return the plain response."""
        return await self.post({**question(email), **extra}, key=key)

    async def post(
        self, body: Any, *, key: str | None = None, path: str = "/openai/v1/chat/completions"
    ) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self.http() as client:
            headers = {"authorization": f"Bearer {key or self.keys[0]}", "content-type": "application/json"}
            return await client.post(path, content=content, headers=headers)


def question(email: str, *, system: str | None = RUBRIC, tokens: int | None = 256) -> dict[str, Any]:
    """Build a request body in the project's convention."""
    messages = [{"role": "user", "content": f"<email>\n{email}\n</email>"}]
    if system is not None:
        messages.insert(0, {"role": "system", "content": system})
    body: dict[str, Any] = {"model": MODEL, "messages": messages, "reasoning_effort": "low"}
    if tokens is not None:
        body["max_completion_tokens"] = tokens
    return body


def again(email: str, bad: str, *, with_email: bool = True, system: str = RUBRIC) -> dict[str, Any]:
    """Build a re-ask, as it should be or without the email."""
    body = question(email, system=system)
    if not with_email:
        body["messages"] = body["messages"][:1]
    body["messages"] += [
        {"role": "assistant", "content": bad},
        {"role": "user", "content": "That was neither 0 nor 1. Answer with one of them."},
    ]
    return body


@pytest.fixture
def build() -> Any:
    """Make benches: `build(config)`."""

    def make(config: SimulatorConfig, **extra: Any) -> Bench:
        clock = HandClock()
        return Bench(config, clock, create_app(config, clock=clock, **extra))

    return make


@pytest.fixture
def words() -> Any:
    """The conversations: `words.question(email)`, `words.again(email, bad)`."""

    class Words:
        MODEL, RUBRIC = MODEL, RUBRIC
        question, again = staticmethod(question), staticmethod(again)

    return Words
