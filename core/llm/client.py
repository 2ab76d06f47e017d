"""Ask one question over the wire: the only module that imports the groq SDK, with each of its failures as one of ours.

Each key has one client on a connection pool of its own, kept until the worker ends. The SDK never retries:
who may ask when is the scheduler's business, and a retry behind its back would spend quota that it does not see.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import lru_cache, partial
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
from core.llm.dialect import Dialect, optional_fields
from core.llm.failures import Refusal, clean, failure_of, read_refusal
from core.llm.replies import bounded_answer, estimated_usage, read_reply
from core.model import ChatMessage, ModelSettings, Reply
from core.server_address import PathStyle, normalize_base_url

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
    """Ask one server with one key. Build it once for each key, and close it with :meth:`aclose`.

    ``base_url`` is whatever a person typed (None for Groq); ``transport`` replaces the network, as tests and the
    built-in simulator do; ``dialect`` is what the server is known to refuse, shared by the clients of all keys; with
    ``response_format`` the server is asked to answer in that form, with ``tier`` in that service tier. Raises KeysError
    for a secret that no server could accept, UsageError for a bad address.
    """

    def __init__(
        self,
        secret: str,
        *,
        base_url: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        dialect: Dialect | None = None,
        response_format: Mapping[str, Any] | None = None,
        tier: str = "",
    ) -> None:
        self._tier = {"service_tier": tier} if tier else {}
        self._secret = checked_secret(secret)
        self._base_url = normalize_base_url(base_url)
        self._http = _http_client(transport)
        chat_url = httpx.URL(self._base_url.chat_url)
        azure = chat_url.host.endswith(".openai.azure.com")  # its keys are no bearer tokens
        self._groq = groq.AsyncGroq(
            api_key=secret,
            base_url=self._base_url.root,
            max_retries=0,
            http_client=self._http,
            default_headers={"api-key": secret} if azure else None,
        )
        # The SDK writes Groq's path on its own; a whole URL is taken as it is. Its typed method for this call walks
        # through the messages' types for a third of a call's CPU, and the body is JSON already.
        post: Callable[..., Awaitable[httpx.Response]] = self._groq.post
        self._create: Callable[..., Awaitable[httpx.Response]] = partial(post, chat_url, cast_to=httpx.Response)
        self._timeouts: dict[float, httpx.Timeout] = {}
        self._dialect = dialect or Dialect(plain=self._base_url.path_style is PathStyle.PLAIN)
        self._response_format = response_format

    def __repr__(self) -> str:
        shown = self._secret[-4:] if len(self._secret) >= 12 else ""
        return f"<ChatClient …{shown} at {self._base_url.host}>"

    async def ask(
        self, messages: Sequence[ChatMessage], settings: ModelSettings, *, form: Mapping[str, Any] | None = None
    ) -> Reply:
        """Send one conversation and return what came back with status 200; ``form`` is another response format.

        At most ``settings.timeout_s`` seconds pass. Settings that are None are not sent; one that the server names in a
        refusal is left out of another request at once, and of all that follow. Raises a leaf of CallError
        for every failure, and lets a cancellation through; nothing that is raised holds the secret.
        """
        conversation = _encoded(messages)
        try:
            async with asyncio.timeout(settings.timeout_s):
                optional = optional_fields(settings, form or self._response_format)
                self._dialect.say_known(optional, self._base_url.host)
                for _ in range(MOST_TRIES):
                    fields = self._dialect.fields(optional)
                    outcome = await self._ask_once(messages, conversation, settings, fields | self._tier)
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
        self,
        messages: Sequence[ChatMessage],
        conversation: bytes,
        settings: ModelSettings,
        fields: Mapping[str, Any],
    ) -> Reply | tuple[CallError, Refusal]:
        """Make one request; return the reply, or the refusal as an error with the server's own words."""
        try:
            response = await self._create(
                content=_body(conversation, settings.model, fields),
                options={"timeout": self._timeout(settings.timeout_s)},
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
        reply = read_reply(
            response.content,
            _headers(response, self._secret),
            host=self._base_url.host,
            secret=self._secret,
            asked=messages,
            url=self._base_url.chat_url,
        )
        if reply.usage.estimated:
            self._dialect.say_once(
                f"{self._base_url.host} reports no usage: tokens are estimated from the texts' length"
            )
        return reply

    def _timeout(self, total_s: float) -> httpx.Timeout:
        known = self._timeouts.get(total_s)
        if known is None:
            known = httpx.Timeout(connect=min(CONNECT_TIMEOUT_S, total_s), read=total_s, write=total_s, pool=total_s)
            self._timeouts[total_s] = known
        return known

    def _failure(self, error: Exception, settings: ModelSettings) -> CallError:
        """Return the error of :mod:`core.errors` that matches an exception of the SDK or of what lies below it."""
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


def _encoded(messages: Sequence[ChatMessage]) -> bytes:
    """Return the messages as JSON.

    Raises RequestRefusedError where no request can carry a message: a lone surrogate has no bytes.
    """
    try:
        return b"[" + b",".join(_encoded_message(message) for message in messages) + b"]"
    except UnicodeEncodeError:
        # Raised from here it would hold the message.
        pass
    raise RequestRefusedError(
        "The text holds characters that no request can carry (lone surrogates); nothing was sent.", conclusive=True
    )


def _encoded_message(message: ChatMessage) -> bytes:
    return _encoded_rubric(message) if message.role == "system" else _json(message)


@lru_cache(maxsize=8)
def _encoded_rubric(message: ChatMessage) -> bytes:
    """Return a system message as JSON; it is the same in every call of a task."""
    return _json(message)


def _json(message: ChatMessage) -> bytes:
    fields = {"role": message.role, "content": message.content}
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def _body(conversation: bytes, model: str, fields: Mapping[str, Any]) -> bytes:
    """Return a request's body: the messages, which begin with what all calls have in common, the model and settings."""
    rest = json.dumps({"model": model, **fields}, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return b'{"messages":' + conversation + b"," + rest[1:].encode()


def _root_of(error: Exception) -> BaseException:
    """Return what went wrong below the SDK's connection errors, as near to the socket as it is known.

    The aiohttp transport reports a connection that the server closed as a connect timeout; aiohttp reports it rightly.
    """
    if not isinstance(error, groq.APIConnectionError):
        return error
    cause = error.__cause__ or error
    below = cause.__cause__
    return below if isinstance(below, aiohttp.ClientError) else cause


def checked_secret(secret: str) -> str:
    """Return the secret as given, or KeysError where an HTTP header could not carry it. The error never repeats it."""
    if not secret:
        raise KeysError("The key is empty. Give the whole key, as the provider's console shows it.")
    if any(not "!" <= character <= "~" for character in secret):
        raise KeysError(
            "The key holds a space, a line break or a character that no key has. Copy it again, alone on its line."
        )
    return secret


def _http_client(transport: httpx.AsyncBaseTransport | None) -> httpx.AsyncClient:
    return _PlainClient(
        transport=transport,
        headers={"accept-encoding": "gzip"},
        verify=_tls_context(),
        limits=httpx.Limits(
            max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS, keepalive_expiry=KEEPALIVE_S
        ),
        follow_redirects=False,
    )


class _UnfitBodyError(Exception):
    """Report a body that is not read to its end: too long, or in an encoding that was not asked for."""


class _BoundedBody(httpx.AsyncByteStream):
    """Decode a body piece by piece and end it with an error where it grows too long, as sent or as decoded."""

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


class _PlainClient(groq.DefaultAioHttpClient):
    """Send calls once through the SDK's aiohttp client: no redirect, no cookie, and bodies are bounded.

    A redirect would carry the email elsewhere, and a cookie one call's session into the next.
    """

    async def send(self, request: httpx.Request, **_: Any) -> httpx.Response:
        """Send a request as it is, also through a proxy, and return the response with its whole body."""
        if self.is_closed:
            raise RuntimeError("this client was closed")
        response = await self._transport_for_url(request.url).handle_async_request(request)
        response.request = request
        try:
            if isinstance(response.stream, httpx.AsyncByteStream):
                encoding = response.headers.pop("content-encoding", "").strip().lower()
                response.stream = _BoundedBody(response.stream, encoding)
            await response.aread()
        except BaseException:
            await response.aclose()
            raise
        return response


@lru_cache(maxsize=1)
def _tls_context() -> ssl.SSLContext:
    # Loading the certificates takes some 25 ms: once for all keys.
    return httpx.create_ssl_context()


def _headers(response: httpx.Response, secret: str) -> Mapping[str, str]:
    """Return the response's headers, names in lower case, without the key, and without cookies: those open sessions."""
    found: dict[str, str] = {}
    for raw_name, raw_value in response.headers.raw:
        name = raw_name.decode("latin-1").lower()
        try:
            value = raw_value.decode()
        except UnicodeDecodeError:
            value = raw_value.decode("latin-1")
        if name != "set-cookie":
            value = value.replace(secret, "(the key)")
            found[name] = f"{found[name]}, {value}" if name in found else value
    return found
