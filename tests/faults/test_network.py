"""Faults that only real sockets show: names, certificates, drips. The kind of error is what the matrix builds on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from core.errors import CallError, CallTimeoutError, ConnectionFailedError, ServerFailedError
from core.llm.client import ChatClient
from core.model import ChatMessage, ModelSettings

SECRET = "gsk_test_0123456789_network"
Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(handle: Handle) -> AsyncIterator[int]:
    """A server on loopback; its port."""

    async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handle(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(closing, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def failure(base_url: str, timeout_s: float = 20.0) -> CallError:
    """The error of one call."""
    client = ChatClient(SECRET, base_url=base_url)
    try:
        with pytest.raises(CallError) as caught:
            await client.ask((ChatMessage("user", "hello"),), ModelSettings(timeout_s=timeout_s))
    finally:
        await client.aclose()
    assert SECRET not in str(caught.value)
    return caught.value


@pytest.mark.asyncio
async def test_a_name_that_does_not_exist_is_a_failed_connection() -> None:
    """The worker waits for the network to come back; no email is to blame."""
    assert type(await failure("http://no-such-host.invalid")) is ConnectionFailedError


@pytest.mark.asyncio
async def test_a_port_that_speaks_no_tls_is_a_failed_connection() -> None:
    """HTTPS to a server of plain text."""

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()

    async with serving(plain) as port:
        error = await failure(f"https://127.0.0.1:{port}")
    assert type(error) is ConnectionFailedError
    assert "SSL" in str(error)


@pytest.mark.asyncio
async def test_an_answer_that_drips_in_is_cut_off_in_time() -> None:
    """A byte now and then keeps no call alive: the limit holds for the whole of it."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 10000\r\n\r\n")
        for _ in range(200):
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with serving(drip) as port:
        started = asyncio.get_running_loop().time()
        error = await failure(f"http://127.0.0.1:{port}", timeout_s=0.3)
        assert asyncio.get_running_loop().time() - started < 2.0
    assert type(error) is CallTimeoutError


@pytest.mark.asyncio
async def test_a_head_without_end_is_no_answer() -> None:
    """A megabyte of headers ends the call instead of filling the memory."""

    async def boast(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n" + b"x-filler: " + b"a" * 1_000_000 + b"\r\n\r\n")
        await writer.drain()

    async with serving(boast) as port:
        assert type(await failure(f"http://127.0.0.1:{port}", timeout_s=5.0)) is ConnectionFailedError


@pytest.mark.asyncio
async def test_a_status_line_that_is_no_text_is_the_servers_fault() -> None:
    """A proxy's reason in another encoding breaks the transport; no email is to blame for it."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 \x9b2J caf\xe9\r\ncontent-length: 2\r\n\r\n{}")
        await writer.drain()

    async with serving(answer) as port:
        assert type(await failure(f"http://127.0.0.1:{port}")) is ServerFailedError
