"""A server of consoles on loopback, before a browser that is played by an HTTP client."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType
from aiohttp.test_utils import TestClient, TestServer, unused_port

from tui.web.access import Access
from tui.web.server import ConsoleServer

STAND_IN = """
import json, os, sys
def send(kind, packet):
    sys.stdout.buffer.write(kind + len(packet).to_bytes(4, "big") + packet)
    sys.stdout.buffer.flush()
def page(**said):
    send(b"M", json.dumps({"type": "page", **said}).encode())
def hear():
    head = sys.stdin.buffer.read(5)
    return (head[:1], sys.stdin.buffer.read(int.from_bytes(head[1:], "big"))) if head else None
sys.stdout.buffer.write(b"__GANGLION__\\n")
"""
"""The beginning of a program that speaks as a console does."""


@dataclass(slots=True)
class Tab:
    """An open socket, and what came through it."""

    socket: ClientWebSocketResponse
    drawn: str = ""
    told: list[dict[str, object]] = field(default_factory=list)

    async def until(self, seen: Callable[[Tab], bool]) -> None:
        """Read on until that is so. Raises AssertionError where the socket ends before."""
        async with asyncio.timeout(30):
            while not seen(self):
                message = await self.socket.receive()
                if message.type is WSMsgType.BINARY:
                    self.drawn += message.data.decode()
                elif message.type is WSMsgType.TEXT:
                    kind, said = json.loads(message.data)
                    assert kind == "page"
                    self.told.append(said)
                else:
                    raise AssertionError(f"the socket ended with {self.socket.close_code}: {self.told}")

    async def ended(self) -> int | None:
        """Read on to the end; the code with which the socket was closed."""
        with pytest.raises(AssertionError, match="the socket ended"):
            await self.until(lambda _: False)
        return self.socket.close_code

    async def type(self, text: str) -> None:
        await self.socket.send_str(json.dumps(["stdin", text]))


@dataclass(slots=True)
class Served:
    """A server with its client. ``complaints`` are what it said in its own terminal."""

    client: TestClient
    access: Access
    server: ConsoleServer
    complaints: list[str]

    @asynccontextmanager
    async def tab(self, *, size: tuple[int, int] = (100, 30)) -> AsyncIterator[Tab]:
        query = {"key": self.access.key, "width": str(size[0]), "height": str(size[1])}
        async with self.client.ws_connect("/ws", params=query, headers={"Origin": self.access.url}) as socket:
            yield Tab(socket)


Serves = Callable[..., AbstractAsyncContextManager[Served]]


@pytest.fixture
def serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Serves:
    """A function that serves a program, or these words, as the console."""
    monkeypatch.setenv("LABELTUI_HOME", str(tmp_path / "home"))
    static = tmp_path / "static"
    static.mkdir()
    (static / "terminal.js").write_text("// the terminal")

    @asynccontextmanager
    async def serve(program: str = "", words: list[str] | None = None) -> AsyncIterator[Served]:
        port = unused_port()
        access = Access(f"http://127.0.0.1:{port}", "secret-key")
        complaints: list[str] = []
        server = ConsoleServer(access, words or [sys.executable, "-c", STAND_IN + program], static, complaints.append)
        async with TestClient(TestServer(server.app(), host="127.0.0.1", port=port)) as client:
            yield Served(client, access, server, complaints)

    return serve
