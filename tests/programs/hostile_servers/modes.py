"""What a hostile server may write back: each mode writes raw bytes to one request, then the connection is closed."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

MOST_WRITTEN = 400_000_000
"""A mode without end ends here, so that a client that reads on for ever is seen by its memory and not by ours."""
DRIP_S = 0.02


@dataclass(slots=True)
class Visit:
    """One request: where to write, the key that came with it, and the address of a server that must never be asked."""

    writer: asyncio.StreamWriter
    key: str
    elsewhere: str
    number: int

    async def write(self, data: bytes) -> None:
        """Write all of it. Raises ConnectionError where the client has gone."""
        self.writer.write(data)
        await self.writer.drain()

    async def endless(self, piece: bytes, *, begin: bytes = b"") -> None:
        """Write the piece again and again."""
        await self.write(begin)
        for _ in range(MOST_WRITTEN // len(piece)):
            await self.write(piece)


Mode = Callable[[Visit], Any]


def head(status: str = "200 OK", *headers: str, length: int | None = None) -> bytes:
    """Return a status line and headers."""
    lines = [f"HTTP/1.1 {status}", "content-type: application/json", "connection: close", *headers]
    if length is not None:
        lines.append(f"content-length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def whole(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """Return a response of that body."""
    return head(status, *headers, length=len(body)) + body


def completion(content: Any = "1", usage: Any = None, **more: Any) -> dict[str, Any]:
    """Return a sound answer, with what is changed in it."""
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 10, "completion_tokens": 1, "total_tokens": 11} if usage is None else usage
    return {"id": "c", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage, **more}


def answers(content: Any = "1", usage: Any = None, *headers: str, **more: Any) -> Mode:
    """Answer with a completion."""
    body = json.dumps(completion(content, usage, **more)).encode()
    return lambda visit: visit.write(whole(body, "200 OK", *headers))


def refuses(status: str, message: str, *headers: str, **more: Any) -> Mode:
    """Answer with an error object."""
    body = json.dumps({"error": {"message": message, **more}}).encode()
    return lambda visit: visit.write(whole(body, status, *headers))


def writes(data: bytes) -> Mode:
    """Write these bytes and close."""
    return lambda visit: visit.write(data)


def keyed(make: Callable[[str], bytes]) -> Mode:
    """Write what the key is part of."""
    return lambda visit: visit.write(make(visit.key))


def moved(status: str, target: str = "{elsewhere}/v1/chat/completions") -> Mode:
    """Redirect to another server."""
    return lambda visit: visit.write(head(status, f"location: {target.format(elsewhere=visit.elsewhere)}", length=0))


async def _drip(visit: Visit, data: bytes) -> None:
    for at in range(len(data)):
        await visit.write(data[at : at + 1])
        await asyncio.sleep(DRIP_S)


@lru_cache(maxsize=2)
def _bomb(layers: int) -> bytes:
    """Return 50 MB of spaces as some 200 kB of gzip, and that once more for a second layer."""
    body = gzip.compress(b" " * 50_000_000, 1)
    return gzip.compress(body) if layers == 2 else body


def _gzip(status: str, layers: int = 1) -> Mode:
    return lambda visit: visit.write(whole(_bomb(layers), status, "content-encoding: " + ", ".join(["gzip"] * layers)))


async def _many_organizations(visit: Visit) -> None:
    said = (
        f"Rate limit reached for model m in organization org_{visit.number:05} on tokens per minute (TPM): Limit 6000."
    )
    await visit.write(whole(json.dumps({"error": {"message": said, "code": "rate_limit_exceeded"}}).encode(), "429 No"))


def _echo(status: str) -> Mode:
    def body(key: str) -> bytes:
        error = {"error": {"message": f"bad key {key}", "code": key, "type": key, "param": key}}
        return whole(json.dumps(error).encode(), status, f"x-request-id: {key}", f"retry-after: {key}")

    return keyed(body)


ESCAPES = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e[red]x[/][@click=app.quit]q[/]\r\n\x00"
DEEP = 10_000
MODES: dict[str, Mode] = {
    "endless body": lambda v: v.endless(b" " * 65_536, begin=head()),
    "endless chunks": lambda v: v.endless(b"10000\r\n" + b" " * 65_536 + b"\r\n", begin=head("200 OK", "transfer-encoding: chunked")),
    "endless error body": lambda v: v.endless(b"x" * 65_536, begin=head("500 No")),
    "endless headers": lambda v: v.endless(b"x-a: " + b"b" * 1000 + b"\r\n", begin=b"HTTP/1.1 200 OK\r\n"),
    "endless status line": lambda v: v.endless(b"O" * 65_536, begin=b"HTTP/1.1 200 "),
    "endless interim responses": lambda v: v.endless(b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "endless event stream": lambda v: v.endless(
        b'data: {"choices": [{"delta": {"content": "1"}}]}\n\n' * 100, begin=head("200 OK", "content-type: text/event-stream")
    ),
    "a header of 1 MB": answers("1", None, "x-long: " + "a" * 1_000_000),
    "ten thousand headers": answers("1", None, *(f"x-{n}: {n}" for n in range(10_000))),
    "a gzip bomb": _gzip("200 OK"),
    "a gzip bomb in gzip": _gzip("200 OK", 2),
    "a gzip bomb as error": _gzip("429 No"),
    "no gzip that is called so": writes(whole(b"plain", "200 OK", "content-encoding: gzip")),
    "an unknown encoding": writes(whole(b"plain", "200 OK", "content-encoding: br, zstd, x")),
    "an answer of 60 MB": lambda v: v.endless(b"a" * 65_536, begin=head(length=60_000_000)),
    "an answer of 1.9 MB": answers("1 " * 950_000),
    "a message of 1 MB in an error": refuses("400 No", "try again in " * 80_000),
    "a slow drip": lambda v: _drip(v, whole(json.dumps(completion()).encode())),
    "a slow drip of headers": lambda v: _drip(v, head("200 OK", *["x: y"] * 200)),
    "silence": lambda v: asyncio.sleep(30),
    "closed at once": writes(b""),
    "half an answer": writes(head(length=1000) + b'{"choices": [{"mess'),
    "a length that is too small": writes(head(length=20) + json.dumps(completion()).encode()),
    "a negative length": writes(head("200 OK", "content-length: -5") + b"{}"),
    "a length of 10^30": writes(head("200 OK", "content-length: 1" + "0" * 30) + b"{}"),
    "two lengths": writes(head("200 OK", "content-length: 2", "content-length: 900") + b"{}"),
    "a chunk of 2^63": writes(head("200 OK", "transfer-encoding: chunked") + b"8000000000000000\r\nx"),
    "chunks that are none": writes(head("200 OK", "transfer-encoding: chunked") + b"zz\r\nabc\r\n0\r\n\r\n"),
    "trailers with the key": keyed(
        lambda key: head("200 OK", "transfer-encoding: chunked", "trailer: x-key")
        + b"%x\r\n%s\r\n0\r\nx-key: %s\r\n\r\n" % (len(json.dumps(completion())), json.dumps(completion()).encode(), key.encode())
    ),
    "a redirect 307": moved("307 Moved"),
    "a redirect 303": moved("303 Moved"),
    "a redirect to a file": moved("301 Moved", "file:///etc/passwd"),
    "a redirect with the key": keyed(lambda key: head("308 Moved", f"location: http://127.0.0.1:1/{key}", length=0)),
    "another protocol": writes(head("101 Switching Protocols", "upgrade: websocket") + b"\x81\x05hello"),
    "no content": writes(head("204 No Content")),
    "HTTP 0.9": writes(b"hello\r\n\r\n"),
    "bytes at random": writes(bytes(range(256)) * 40),
    "a status of 999": writes(whole(b"{}", "999 Odd")),
    "a status of 0": writes(whole(b"{}", "000 Odd")),
    "the key in the answer": keyed(lambda key: whole(json.dumps(completion(f"1 {key}", model=key, id=key)).encode())),
    "the key in names": keyed(lambda key: whole(json.dumps({key: key, "usage": {key: key}}).encode())),
    "the key in a refusal": keyed(lambda key: whole(json.dumps(completion(None, choices=[{"message": {"refusal": key}}])).encode())),
    "the key in an error": _echo("400 No"),
    "the key in an error 401": _echo("401 No"),
    "the key in an error 429": _echo("429 No"),
    "the key as a header": keyed(lambda key: whole(b"<html>" + key.encode(), "502 No", f"x-groq-region: {key}", f"set-cookie: k={key}")),
    "tokens of 2^63": answers("1", {"prompt_tokens": 2**63, "completion_tokens": 2**63, "total_tokens": 2**64}),
    "tokens that are negative": answers("1", {"prompt_tokens": -(2**70), "completion_tokens": -1}),
    "tokens that are no numbers": writes(
        whole(b'{"choices": [{"message": {"content": "1"}}], "usage": {"prompt_tokens": NaN, "completion_tokens": -Infinity}}')
    ),
    "tokens as texts": answers("1", {"prompt_tokens": "10", "completion_tokens": [1], "prompt_tokens_details": "x"}),
    "tokens of 1e308": answers("1", {"prompt_tokens": 1e308, "completion_tokens": True}),
    "a number of 5,000 digits": writes(whole(b'{"choices": [{"message": {"content": "1"}}], "created": ' + b"9" * 5000 + b"}")),
    "an organization that is not ours": refuses("429 No", "Limit reached in organization X on TPM", code="rate_limit_exceeded"),
    "ever other organizations": _many_organizations,
    "a limit of 1": refuses("429 No", "TPM: Limit 1, Used 0, Requested 900. Please try again in 1s.", code="rate_limit_exceeded"),
    "a limit of 1 for an email": refuses("413 No", "Request too large: TPM: Limit 1, Requested 900"),
    "a wait of 10^30 seconds": refuses("429 No", "Please try again in 1" + "0" * 30 + "h", "retry-after: 1" + "0" * 30),
    "waits that are none": refuses("429 No", "try again in NaNs", "retry-after: nan", "x-ratelimit-reset-tokens: -5m-3s"),
    "limits that are none": answers(
        "1", None, "x-ratelimit-limit-tokens: -1", "x-ratelimit-remaining-tokens: 1e400", "x-ratelimit-limit-requests: 9" + "9" * 5000,
        "x-ratelimit-reset-requests: " + "1h" * 1000,
    ),
    "nested 10,000 deep": writes(whole(b'{"choices": ' + b"[" * DEEP + b"]" * DEEP + b"}")),
    "nested 900,000 deep": writes(whole(b"[" * 900_000)),
    "objects nested in an error": writes(whole(b'{"error": ' * DEEP + b"1" + b"}" * DEEP, "400 No")),
    "bytes that are no UTF-8": writes(whole(b'{"choices": [{"message": {"content": "\xff\xfe1"}}]}')),
    "headers that are no UTF-8": writes(b"HTTP/1.1 200 \xff\xfe\r\nx-a: \xff\xfe\x80\r\ncontent-length: 2\r\n\r\n{}"),
    "NUL": answers("\x00" * 1000 + "1"),
    "escapes": answers(ESCAPES, None, model=ESCAPES, system_fingerprint=ESCAPES),
    "escapes in an error": refuses("400 No", ESCAPES, code=ESCAPES, type=ESCAPES),
    "lone surrogates": writes(whole(b'{"choices": [{"message": {"content": "\\ud800 1 \\udfff"}}], "model": "\\ud800"}')),
    "a page": writes(whole(b"<!doctype html><script>alert(1)</script>" * 500, "200 OK", "content-type: text/html")),
    "a page as error": writes(whole(b"<html><h1>502 Bad Gateway</h1></html>" * 500, "502 Bad Gateway", "content-type: text/html")),
    "a hundred thousand choices": answers("1", choices=[{"message": {"content": "1"}}] * 40_000),
    "choices of other types": answers("1", choices={"0": [1, None, True]}),
    "content of other types": answers([{"type": "text", "text": {"a": 1}}, 5, None, ["x"]]),
    "names twice": writes(whole(b'{"choices": [], "choices": 5, "error": null, "usage": 5, "usage": []}')),
    "an error inside a 200": writes(whole(b'{"error": [[[{"code": {"a": 1}, "message": [1]}]]]}')),
    "null": writes(whole(b"null")),
    "an empty body": writes(whole(b"")),
    "an empty answer": answers(""),
}  # fmt: skip
"""By name; each is played to a client in the tests, and to a worker by the program."""


@dataclass(slots=True)
class Server:
    """Two servers on this machine: one plays ``mode`` (None answers soundly), the other must never be asked."""

    mode: str | None = None
    address: str = ""
    elsewhere: str = ""
    asked: int = 0
    strayed: list[bytes] = field(default_factory=list)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            lines = request.lower().split(b"\r\n")
            length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
            await reader.readexactly(length)
            at = request.lower().find(b"bearer ")
            key = request[at + 7 :].split(b"\r\n")[0].decode("latin-1") if at >= 0 else ""
            self.asked += 1
            play = MODES[self.mode] if self.mode is not None else answers()
            await play(Visit(writer, key, self.elsewhere, self.asked))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _stray(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.strayed.append(await reader.read(1 << 16))
        writer.close()


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    """Serve on two free ports; what is still being written at the end is given up."""
    server = Server()
    handling: set[asyncio.Task[None]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handling.add(task)
        try:
            await server._answer(reader, writer)
        finally:
            handling.discard(task)

    first = await asyncio.start_server(answer, "127.0.0.1", 0)
    second = await asyncio.start_server(server._stray, "127.0.0.1", 0)
    server.address, server.elsewhere = (
        f"http://127.0.0.1:{each.sockets[0].getsockname()[1]}" for each in (first, second)
    )
    try:
        yield server
    finally:
        for task in handling:
            task.cancel()
        await asyncio.gather(*handling, return_exceptions=True)
        for each in (first, second):
            each.close()
            await each.wait_closed()
