"""The client on real sockets of this machine: what the transport does when a server misbehaves."""

from __future__ import annotations

import asyncio
import gc
import gzip
import json
import os
import resource
import socket
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from core.errors import CallError, CallTimeoutError, ConnectionFailedError, ModelGoneError, ServerFailedError
from core.llm.batches import BatchClient
from core.llm.client import ChatClient
from core.model import ChatMessage, ModelSettings

MESSAGES = [ChatMessage("user", "hello " * 500)]
BODY = json.dumps({"choices": [{"message": {"content": "1"}, "finish_reason": "stop"}]}).encode()
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"


async def read_request(reader: asyncio.StreamReader) -> None:
    """Read one request to its end."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    await reader.readexactly(length)


@asynccontextmanager
async def serving(*writes: bytes | None) -> AsyncIterator[tuple[str, list[int]]]:
    """A server that answers request after request with ``writes`` in turn, and closes where one is None.

    Yields its address and a list with one entry for each connection that was made.
    """
    connections: list[int] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(1)
        try:
            for piece in writes:
                await read_request(reader)
                if piece is None:
                    break
                writer.write(piece)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", connections
    finally:
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def asking(base_url: str) -> AsyncIterator[ChatClient]:
    """A client on the real transport, closed at the end."""
    client = ChatClient("gsk_test", base_url=base_url)
    try:
        yield client
    finally:
        await client.aclose()


async def failure(base_url: str, timeout_s: float = 20.0) -> CallError:
    """The error of one call, from a client that leaves nothing open."""
    async with asking(base_url) as client:
        with pytest.raises(CallError) as caught:
            await client.ask(MESSAGES, ModelSettings(timeout_s=timeout_s))
    return caught.value


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.asyncio
async def test_a_redirect_carries_neither_text_nor_key_elsewhere(status: int) -> None:
    """The server that a redirect names is never spoken to: it could be anybody's."""
    async with serving(None) as (elsewhere, connections):
        redirect = f"HTTP/1.1 {status} Moved\r\nlocation: {elsewhere}/v1/chat/completions\r\ncontent-length: 0\r\n\r\n"
        async with serving(redirect.encode()) as (base_url, _):
            error = await failure(base_url)
    assert isinstance(error, ModelGoneError)
    assert connections == []


@pytest.mark.parametrize("status", [301, 307])
@pytest.mark.asyncio
async def test_a_redirect_carries_nothing_of_a_batch_elsewhere(status: int, tmp_path: Path) -> None:
    """Neither the texts that are uploaded nor the question for results, which has the key."""
    async with serving(None) as (elsewhere, connections):
        redirect = f"HTTP/1.1 {status} Moved\r\nlocation: {elsewhere}/v1/files\r\ncontent-length: 0\r\n\r\n"
        async with serving(redirect.encode(), redirect.encode()) as (base_url, _):
            client = BatchClient("gsk_test_0123456789", base_url=base_url)
            try:
                with pytest.raises(CallError):
                    await client.upload("questions.jsonl", b'{"custom_id": "1"}\n')
                with pytest.raises(CallError):
                    await client.download("file-1", tmp_path / "results.jsonl")
            finally:
                await client.aclose()
    assert connections == []
    assert not os.listdir(tmp_path)  # noqa: PTH208 - a folder of this test


@pytest.mark.asyncio
async def test_a_body_that_decodes_to_far_more_is_not_read_to_its_end() -> None:
    """On the real transport too: 300 kB that decode to 300 MB end the call, and memory stays."""
    body = gzip.compress(b" " * 300_000_000, 9)
    head = HEAD.replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n")
    async with serving(head % len(body) + body) as (base_url, _):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        error = await failure(base_url)
        grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert isinstance(error, ServerFailedError)
    assert "more than 2,000,000 bytes" in str(error)
    assert grown_kb < 50_000


@pytest.mark.asyncio
async def test_calls_share_a_kept_connection() -> None:
    """Calls one after the other use one connection, which is closed with the client."""
    answer = HEAD % len(BODY) + BODY
    async with serving(*[answer] * 5) as (url, connections), asking(url) as client:
        texts = [(await client.ask(MESSAGES, ModelSettings())).text for _ in range(5)]

    assert texts == ["1"] * 5
    assert len(connections) == 1


@pytest.mark.asyncio
async def test_nothing_listens_there() -> None:
    """A refused connection is a connection that failed."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))

        error = await failure(f"http://127.0.0.1:{bound.getsockname()[1]}")

    assert type(error) is ConnectionFailedError


@pytest.mark.asyncio
async def test_server_that_hangs_up_is_no_timeout() -> None:
    """A server that closes without an answer broke the connection, although the transport calls it a timeout."""
    async with serving(None) as (url, _):
        error = await failure(url)

    assert type(error) is ConnectionFailedError
    assert "ServerDisconnectedError" in str(error)


@pytest.mark.asyncio
async def test_truncated_body_is_a_broken_connection() -> None:
    """A body that ends before its length never passes for an answer."""
    async with serving(HEAD % (len(BODY) + 10) + BODY) as (url, _):
        error = await failure(url)

    assert type(error) is ConnectionFailedError


@pytest.mark.asyncio
async def test_garbage_instead_of_http_is_a_broken_connection() -> None:
    """A port on which something else speaks is no reason to give an email up."""
    async with serving(b"SSH-2.0-nothing here\r\n") as (url, _):
        error = await failure(url)

    assert type(error) is ConnectionFailedError


@pytest.mark.asyncio
async def test_silent_server_is_a_timeout() -> None:
    """A server that takes the request and says nothing costs timeout_s and is a timeout."""
    async with serving(b"", None) as (url, _):
        error = await failure(url, timeout_s=0.05)

    assert type(error) is CallTimeoutError


@pytest.mark.asyncio
async def test_non_json_body_is_the_server_s_failure() -> None:
    """A page of some gateway with status 200 is no answer."""
    page = b"<html>sign in</html>"
    async with serving(HEAD % len(page) + page) as (url, _):
        error = await failure(url)

    assert type(error) is ServerFailedError


@pytest.mark.asyncio
async def test_closed_client_leaves_nothing_open() -> None:
    """After aclose no session, connection or socket is left for the collector to complain about."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        complaints: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        async with serving(HEAD % len(BODY) + BODY) as (url, _), asking(url) as client:
            await client.ask(MESSAGES, ModelSettings())
        del client
        gc.collect()
        await asyncio.sleep(0)

    assert complaints == []
