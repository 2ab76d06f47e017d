"""Ask one question over the wire: the only place that knows the groq SDK and maps every way in which it can fail.

Each key has one client on a connection pool of its own, kept for the life of the worker. The SDK never retries:
who may ask when is the scheduler's business, and a retry behind its back would spend quota that it does not see.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
import zlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import aiohttp
import groq
import httpx

from core.errors import (
    CallError,
    CallTimeoutError,
    ConnectionFailedError,
    KeysError,
    RequestRefusedError,
    ServerFailedError,
)
from core.llm.dialect import Dialect
from core.llm.failures import Refusal, clean, failure_of, read_refusal
from core.llm.replies import bounded_answer, estimated_usage, read_reply
from core.model import ChatMessage, ModelSettings, Reply
from core.server_address import BaseUrl, PathStyle, normalize_base_url

KEEPALIVE_S = 60.0
CONNECT_TIMEOUT_S = 10.0
MAX_CONNECTIONS = 256
MOST_BODY_BYTES = 2_000_000
"""A longer body, as sent or as decoded, is no answer: 32,000 tokens of reasoning take about 150,000 bytes."""
MOST_TRIES = 8
"""Requests of one call at most: each but the last was refused for a setting, which is left out of the next."""

# One line for every call is noise in a run of thousands; whoever set a level keeps it.
for _name in ("httpx", "httpcore"):
    if logging.getLogger(_name).level == logging.NOTSET:
        logging.getLogger(_name).setLevel(logging.WARNING)


class ChatClient:
    """Asks one server with one key. Build it once for each key, and close it with :meth:`aclose`.

    ``base_url`` is whatever a person typed (None for Groq); ``transport`` replaces the network, as tests and the
    built-in simulator do; ``dialect`` is what the server is known to refuse, shared by the clients of all keys; with
    ``response_format`` the server is asked to answer in that form. Raises KeysError for a secret that no server could
    accept, UsageError for a bad address.
    """

    def __init__(
        self,
        secret: str,
        *,
        base_url: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        dialect: Dialect | None = None,
        response_format: Mapping[str, Any] | None = None,
    ) -> None:
        self._secret = checked_secret(secret)
        self._base_url = normalize_base_url(base_url)
        self._http = _http_client(self._base_url, transport)
        self._groq = groq.AsyncGroq(api_key=secret, base_url=self._base_url.root, max_retries=0, http_client=self._http)
        self._create: Callable[..., Any] = self._groq.chat.completions.with_raw_response.create
        self._timeouts: dict[float, httpx.Timeout] = {}
        self._dialect = dialect or Dialect(plain=self._base_url.path_style is PathStyle.PLAIN)
        self._response_format = response_format

    def __repr__(self) -> str:
        shown = self._secret[-4:] if len(self._secret) >= 12 else ""
        return f"<ChatClient …{shown} at {self._base_url.host}>"

    async def ask(self, messages: Sequence[ChatMessage], settings: ModelSettings) -> Reply:
        """Send one conversation and return what came back with status 200.

        At most ``settings.timeout_s`` seconds pass. Settings that are None are not sent; one that the server names in a
        refusal is left out of another request at once, and of all that follow. Raises a leaf of CallError
        for every failure, and lets a cancellation through; nothing that is raised holds the secret.
        """
        _refuse_unsendable(messages)
        try:
            async with asyncio.timeout(settings.timeout_s):
                optional = self._optional(settings)
                self._dialect.say_known(optional, self._base_url.host)
                for _ in range(MOST_TRIES):
                    fields = self._dialect.fields(optional)
                    outcome = await self._ask_once(messages, settings, fields)
                    if isinstance(outcome, Reply):
                        return outcome
                    failure, refusal = outcome
                    said = clean(refusal.message, self._secret)
                    if not self._dialect.learn(failure, said, refusal.param, fields, self._base_url.host):
                        break
        except CallError:
            raise
        except Exception as error:  # noqa: BLE001  (whatever a dependency raises has to become a decision)
            failure = self._failure(error, settings)
        # Raised out here, the failure has no context: the SDK's error holds the request and so the secret.
        raise failure

    async def aclose(self) -> None:
        """Close the pool; calls that are under way fail."""
        await self._groq.close()

    async def _ask_once(
        self, messages: Sequence[ChatMessage], settings: ModelSettings, fields: Mapping[str, Any]
    ) -> Reply | tuple[CallError, Refusal]:
        """Make one request; return the reply, or the refusal as an error with the server's own words."""
        try:
            raw = await self._create(
                model=settings.model,
                messages=[{"role": message.role, "content": message.content} for message in messages],
                timeout=self._timeout(settings.timeout_s),
                extra_body=dict(fields),
            )
        except groq.APIStatusError as error:
            refusal = read_refusal(error.body)
            headers = _headers(error.response, self._secret)
            if refusal.answer is not None and refusal.code == "json_validate_failed":
                # The model answered, but not by the schema: that is an answer that is no label.
                text = bounded_answer(refusal.answer, self._secret)
                usage = estimated_usage(messages, text)
                return Reply(text, "stop", usage, headers.get("x-request-id", "")[:200], headers)
            return self._refused(error.status_code, refusal, headers), refusal
        response: httpx.Response = raw.http_response
        reply = read_reply(
            response.content,
            _headers(response, self._secret),
            host=self._base_url.host,
            secret=self._secret,
            asked=messages,
        )
        if reply.usage.estimated:
            self._dialect.say_once(
                f"{self._base_url.host} reports no usage: tokens are estimated from the texts' length"
            )
        return reply

    def _optional(self, settings: ModelSettings) -> dict[str, Any]:
        """Return the fields of a request that a server may refuse, the task's own ones last."""
        return {
            "temperature": settings.temperature,
            "max_tokens": settings.max_completion_tokens,
            "reasoning_effort": settings.reasoning_effort,
            "include_reasoning": settings.include_reasoning,
            "seed": settings.seed,
            "stop": list(settings.stop) or None,
            "response_format": self._response_format if settings.schema else None,
            **(json.loads(settings.extra_body) if settings.extra_body else {}),
        }

    def _timeout(self, total_s: float) -> httpx.Timeout:
        known = self._timeouts.get(total_s)
        if known is None:
            known = httpx.Timeout(connect=min(CONNECT_TIMEOUT_S, total_s), read=total_s, write=total_s, pool=total_s)
            self._timeouts[total_s] = known
        return known

    def _failure(self, error: Exception, settings: ModelSettings) -> CallError:
        """The leaf that an exception of the SDK, or of what lies below it, stands for."""
        if isinstance(error, groq.APIStatusError):
            return self._refused(error.status_code, read_refusal(error.body), _headers(error.response, self._secret))
        root = _root_of(error)
        words = clean(f"{type(root).__name__} {root}".strip(), self._secret)
        host = self._base_url.host
        if isinstance(root, (TimeoutError, httpx.TimeoutException, groq.APITimeoutError)):
            return CallTimeoutError(f"{host} gave no answer in time (at most {settings.timeout_s:g} s): {words}.")
        if isinstance(root, _UnfitBodyError):
            return ServerFailedError(f"{host} answered with {root}.")
        if isinstance(root, UnicodeError):
            return ServerFailedError(f"{host} answered with a status line or headers that are no text: {words}.")
        if isinstance(error, (groq.APIConnectionError, httpx.TransportError, aiohttp.ClientError, OSError)):
            return ConnectionFailedError(f"No connection to {host}, or it broke: {words}.")
        return ServerFailedError(f"The call to {host} failed in an unexpected way: {words}.")

    def _refused(self, status: int, refusal: Refusal, headers: Mapping[str, str]) -> CallError:
        """Return the error for a refusal; where the address may be wrong, it names the URL that was asked."""
        wrong_address = status in (404, 405, 410) or status < 400
        return failure_of(
            status,
            refusal,
            host=self._base_url.host,
            url=self._base_url.chat_url if wrong_address else "",
            headers=headers,
            request_id=headers.get("x-request-id", ""),
            secret=self._secret,
        )


def _refuse_unsendable(messages: Sequence[ChatMessage]) -> None:
    """Raise RequestRefusedError where no request can carry a message: a lone surrogate has no bytes."""
    try:
        for message in messages:
            message.content.encode()
    except UnicodeEncodeError:
        # Raised from here it would hold the message.
        pass
    else:
        return
    raise RequestRefusedError(
        "The email holds characters that no request can carry (lone surrogates); nothing was sent.", conclusive=True
    )


def _root_of(error: Exception) -> BaseException:
    """What went wrong below the SDK's connection errors, as near to the socket as it is told.

    The aiohttp transport reports a connection that the server closed as a connect timeout; aiohttp itself knows better.
    """
    if not isinstance(error, groq.APIConnectionError):
        return error
    cause = error.__cause__ or error
    below = cause.__cause__
    return below if isinstance(below, aiohttp.ClientError) else cause


def checked_secret(secret: str) -> str:
    """The secret as given, or KeysError where an HTTP header could not carry it. The error never repeats it."""
    if not secret:
        raise KeysError("The key is empty. Give the whole key, as the provider's console shows it.")
    if any(not "!" <= character <= "~" for character in secret):
        raise KeysError(
            "The key holds a space, a line break or a character that no key has. Copy it again, alone on its line."
        )
    return secret


def _http_client(base_url: BaseUrl, transport: httpx.AsyncBaseTransport | None) -> httpx.AsyncClient:
    """A client that follows no redirect (it would carry the email elsewhere) and asks at ``base_url.chat_url``."""
    hooks: dict[str, list[Callable[..., Any]]] = {}
    if base_url.path_style is not PathStyle.GROQ:
        chat_url = httpx.URL(base_url.chat_url)

        async def readdress(request: httpx.Request) -> None:
            # The SDK writes Groq's path on its own; this client makes one kind of call, so there is one right URL.
            request.url = chat_url
            if request.url.host.endswith(".openai.azure.com"):  # its keys are no bearer tokens
                request.headers["api-key"] = request.headers.get("authorization", "").removeprefix("Bearer ")

        hooks["request"] = [readdress]
    headers = {"accept-encoding": "gzip"}
    if transport is not None:
        return httpx.AsyncClient(
            transport=_BoundedTransport(transport), event_hooks=hooks, follow_redirects=False, headers=headers
        )
    return _BoundedClient(
        headers=headers,
        verify=_tls_context(),
        limits=httpx.Limits(
            max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS, keepalive_expiry=KEEPALIVE_S
        ),
        event_hooks=hooks,
        follow_redirects=False,
    )


class _UnfitBodyError(Exception):
    """A body that is not read to its end: too long, or in an encoding that was not asked for."""


class _BoundedBody(httpx.AsyncByteStream):
    """Decodes a body piece by piece and ends it with an error where it grows too long, as sent or as decoded."""

    def __init__(self, stream: httpx.AsyncByteStream, encoding: str) -> None:
        self._stream = stream
        self._encoding = encoding

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise _UnfitBodyError(f"a body in the encoding {self._encoding[:40]!r}, which was not asked for")
        decoder = zlib.decompressobj(zlib.MAX_WBITS | 32) if self._encoding not in ("", "identity") else None
        sent = decoded = 0
        async for piece in self._stream:
            sent += len(piece)
            data = piece
            if decoder is not None:
                try:
                    data = decoder.decompress(piece, MOST_BODY_BYTES + 1 - decoded)
                except zlib.error:
                    raise _UnfitBodyError("a compressed body that cannot be decoded") from None
            decoded += len(data)
            if max(sent, decoded) > MOST_BODY_BYTES:
                raise _UnfitBodyError(f"a body of more than {MOST_BODY_BYTES:,} bytes")
            yield data

    async def aclose(self) -> None:
        await self._stream.aclose()


class _BoundedTransport(httpx.AsyncBaseTransport):
    """Hands out responses whose bodies are decoded already, and bounded."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._transport.handle_async_request(request)
        if not isinstance(response.stream, httpx.AsyncByteStream):
            return response
        headers = [
            (name, value)
            for name, value in response.headers.raw
            if name.lower() not in (b"content-encoding", b"content-length")
        ]
        encoding = response.headers.get("content-encoding", "").strip().lower()
        body = _BoundedBody(response.stream, encoding)
        return httpx.Response(
            response.status_code, headers=headers, stream=body, request=request, extensions=response.extensions
        )

    async def aclose(self) -> None:
        await self._transport.aclose()


class _BoundedClient(groq.DefaultAioHttpClient):
    """The SDK's aiohttp client with bounded bodies, also through a proxy."""

    def _init_transport(self, *given: Any, **named: Any) -> httpx.AsyncBaseTransport:
        return _BoundedTransport(super()._init_transport(*given, **named))

    def _init_proxy_transport(self, *given: Any, **named: Any) -> httpx.AsyncBaseTransport:
        return _BoundedTransport(super()._init_proxy_transport(*given, **named))


@lru_cache(maxsize=1)
def _tls_context() -> ssl.SSLContext:
    # Loading the certificates takes some 25 ms: once for all keys.
    return httpx.create_ssl_context()


def _headers(response: httpx.Response, secret: str) -> Mapping[str, str]:
    """Return the response's headers, names in lower case, without the key, and without cookies: those open sessions."""
    return {
        name: value.replace(secret, "(the key)") for name, value in response.headers.items() if name != "set-cookie"
    }
