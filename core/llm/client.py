"""One question over the wire: the only place that knows the groq SDK, and that maps every way in which it can fail.

Each key has one client on a connection pool of its own, kept for the life of the worker. The SDK never retries:
who may ask when is the scheduler's business, and a retry behind its back would spend quota that it does not see.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Mapping, Sequence
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
from core.llm.failures import clean, failure_of, read_refusal
from core.llm.replies import read_reply
from core.model import ChatMessage, ModelSettings, Reply
from core.server_address import BaseUrl, PathStyle, normalize_base_url

KEEPALIVE_S = 60.0
CONNECT_TIMEOUT_S = 10.0
MAX_CONNECTIONS = 256

# One line for every call is noise in a run of thousands; whoever set a level keeps it.
for _name in ("httpx", "httpcore"):
    if logging.getLogger(_name).level == logging.NOTSET:
        logging.getLogger(_name).setLevel(logging.WARNING)


class ChatClient:
    """Asks one server with one key. Build it once for each key, and close it with :meth:`aclose`.

    ``base_url`` is whatever a person typed (None for Groq); ``transport`` replaces the network, as tests and the
    built-in simulator do. Raises KeysError for a secret that no server could accept, UsageError for a bad address.
    """

    def __init__(
        self, secret: str, *, base_url: str | None = None, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._secret = checked_secret(secret)
        self._base_url = normalize_base_url(base_url)
        self._http = _http_client(self._base_url, transport)
        self._groq = groq.AsyncGroq(api_key=secret, base_url=self._base_url.root, max_retries=0, http_client=self._http)
        self._create: Callable[..., Any] = self._groq.chat.completions.with_raw_response.create
        self._timeouts: dict[float, httpx.Timeout] = {}

    def __repr__(self) -> str:
        shown = self._secret[-4:] if len(self._secret) >= 12 else ""
        return f"<ChatClient …{shown} at {self._base_url.host}>"

    async def ask(self, messages: Sequence[ChatMessage], settings: ModelSettings) -> Reply:
        """Send one conversation and return what came back with status 200.

        At most ``settings.timeout_s`` seconds pass. Settings that are None are not sent. Raises a leaf of CallError
        for every failure, and lets a cancellation through; nothing that is raised holds the secret.
        """
        _refuse_unsendable(messages)
        try:
            async with asyncio.timeout(settings.timeout_s):
                raw = await self._create(**self._arguments(messages, settings))
                response: httpx.Response = raw.http_response
                return read_reply(response.content, _headers(response), host=self._base_url.host, secret=self._secret)
        except CallError:
            raise
        except Exception as error:  # noqa: BLE001  (whatever a dependency raises has to become a decision)
            failure = self._failure(error, settings)
        # Raised out here, the failure has no context: the SDK's error holds the request and so the secret.
        raise failure

    async def aclose(self) -> None:
        """Close the pool; calls that are under way fail."""
        await self._groq.close()

    def _arguments(self, messages: Sequence[ChatMessage], settings: ModelSettings) -> dict[str, Any]:
        # Ollama and LM Studio know only the older name, and would take an unknown one for "no limit".
        plain = self._base_url.path_style is PathStyle.PLAIN
        optional = {
            "temperature": settings.temperature,
            "max_tokens" if plain else "max_completion_tokens": settings.max_completion_tokens,
            "reasoning_effort": settings.reasoning_effort,
            "include_reasoning": settings.include_reasoning,
        }
        return {
            "model": settings.model,
            "messages": [{"role": message.role, "content": message.content} for message in messages],
            "timeout": self._timeout(settings.timeout_s),
            **{name: value for name, value in optional.items() if value is not None},
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
            headers = _headers(error.response)
            return failure_of(
                error.status_code,
                read_refusal(error.body),
                host=self._base_url.host,
                headers=headers,
                request_id=headers.get("x-request-id", ""),
                secret=self._secret,
            )
        root = _root_of(error)
        words = clean(f"{type(root).__name__} {root}".strip(), self._secret)
        host = self._base_url.host
        if isinstance(root, (TimeoutError, httpx.TimeoutException, groq.APITimeoutError)):
            return CallTimeoutError(f"{host} gave no answer in time (at most {settings.timeout_s:g} s): {words}.")
        if isinstance(root, UnicodeError):
            return ServerFailedError(f"{host} answered with a status line or headers that are no text: {words}.")
        if isinstance(error, (groq.APIConnectionError, httpx.TransportError, aiohttp.ClientError, OSError)):
            return ConnectionFailedError(f"No connection to {host}, or it broke: {words}.")
        return ServerFailedError(f"The call to {host} failed in an unexpected way: {words}.")


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

        hooks["request"] = [readdress]
    if transport is not None:
        return httpx.AsyncClient(transport=transport, event_hooks=hooks, follow_redirects=False)
    return groq.DefaultAioHttpClient(
        verify=_tls_context(),
        limits=httpx.Limits(
            max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS, keepalive_expiry=KEEPALIVE_S
        ),
        event_hooks=hooks,
        follow_redirects=False,
    )


@lru_cache(maxsize=1)
def _tls_context() -> ssl.SSLContext:
    # Loading the certificates takes some 25 ms: once for all keys.
    return httpx.create_ssl_context()


def _headers(response: httpx.Response) -> Mapping[str, str]:
    """The response's headers, names in lower case, without cookies: those open sessions."""
    return {name: value for name, value in response.headers.items() if name != "set-cookie"}
