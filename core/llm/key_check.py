"""Check a key, or find a server's address, by one tiny question. These calls alone are about no email."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from core.errors import (
    CallError,
    CallTimeoutError,
    ConnectionFailedError,
    KeyRefusedError,
    LabeltuiError,
    ModelGoneError,
    OrganizationRestrictedError,
    RateLimitedError,
)
from core.llm.failures import clean, read_refusal
from core.model import ChatMessage, ModelSettings
from core.server_address import BaseUrl, PathStyle, normalize_base_url
from core.text import one_line

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 20.0
"""Seconds after which a server counts as unreachable."""

ADDRESS_TIMEOUT_S = 8.0
"""Seconds for which one address is asked; one that takes the question and is silent so long loads its model."""

_SHOWN = 200
_ELSEWHERE = ("/v1", "", "/openai/v1", "/api/v1", "/v1beta/openai", "/api/openai/v1")
"""Where servers keep ``/chat/completions`` below the root that people paste, the most usual first."""

_VERSIONED = re.compile(r"(/api|/openai)?(/v\d+[a-z0-9]*)?(/openai)?(/v\d+[a-z0-9]*)?$")
_NO_PAGE = frozenset({301, 302, 303, 307, 308, 404, 405, 410, 501})

_WORDS: dict[type[CallError], str] = {
    KeyRefusedError: "invalid",
    OrganizationRestrictedError: "restricted",
    RateLimitedError: "no quota",
    ConnectionFailedError: "unreachable",
    CallTimeoutError: "unreachable",
    ModelGoneError: "valid, but without this model",
}


@dataclass(frozen=True, slots=True)
class KeyCheck:
    """Hold what came of checking a key.

    ``word`` is works, invalid, restricted, no quota, unreachable or the name of another failure; ``sentence`` is inert
    and holds no secret.
    """

    works: bool
    word: str
    sentence: str


def check_key(secret: str, model: str, base_url: str | None) -> KeyCheck:
    """Ask one tiny question with a key; it costs some tokens of its quota and takes 20 seconds at most."""
    settings = replace(ModelSettings(), model=model, max_completion_tokens=1, timeout_s=TIMEOUT_S)
    return asyncio.run(_checked(secret, settings, base_url))


async def _checked(secret: str, settings: ModelSettings, base_url: str | None) -> KeyCheck:
    from core.llm.client import ChatClient  # noqa: PLC0415 - brings the SDK, which only a trial needs

    try:
        client = ChatClient(secret, base_url=base_url)
    except LabeltuiError as error:
        return KeyCheck(works=False, word="not usable", sentence=str(error))
    started = time.monotonic()
    try:
        await client.ask((ChatMessage("user", "1"),), settings)
    except CallError as error:
        word = _WORDS.get(type(error), error.outcome.value.replace("_", " "))
        outcome = error.outcome.value.replace("_", " ")
        named = word if outcome in word or word == "unreachable" else f"{word}, {outcome}"
        return KeyCheck(works=False, word=word, sentence=f"{named}: {one_line(str(error), limit=_SHOWN)}")
    finally:
        await client.aclose()
    return KeyCheck(works=True, word="works", sentence=f"answers, in {time.monotonic() - started:.2f} s")


@dataclass(frozen=True, slots=True)
class FoundAddress:
    """Hold where a server answers: ``base_url`` to keep, the whole ``url`` of its calls, and a sentence for people.

    Where nothing ``answered``, ``base_url`` is what was given.
    """

    base_url: str
    url: str
    answered: bool
    sentence: str


def find_address(given: str, secret: str, model: str, *, transport: httpx.BaseTransport | None = None) -> FoundAddress:
    """Ask at the address that was given, then at the usual places below it, and return the first that answers.

    A refusal is an answer too, unless it says that there is no such page. The question is ``1``; an empty ``secret`` is
    not sent. Takes 8 seconds for each of at most 7 addresses, and ends at once where no connection can be made.
    """
    import httpx  # noqa: PLC0415 - not before an address is looked for

    question = {"model": model, "messages": [{"role": "user", "content": "1"}], "max_tokens": 1}
    headers = {"authorization": f"Bearer {secret}", "api-key": secret} if secret else {}
    asked = normalize_base_url(given)
    said: list[str] = []
    pointed = ""
    with httpx.Client(transport=transport, timeout=ADDRESS_TIMEOUT_S, headers=headers) as client:
        for base_url, address in _places(given, asked):
            try:
                with client.stream("POST", address.chat_url, json=question) as response:
                    words = _answer_of(response, secret)
            except httpx.ReadTimeout:
                words = "it takes its time"
            except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
                words = one_line(f"{type(error).__name__} {error}".strip(), limit=_SHOWN)
                sentence = f"{asked.host} cannot be reached now ({words}): calls will go to {asked.chat_url}"
                return FoundAddress(given, asked.chat_url, answered=False, sentence=sentence)
            if words is not None:
                told = f" ({words})" if words else ""
                instead = f", not at {asked.chat_url}" if said else ""
                sentence = f"{asked.host} answers at {address.chat_url}{instead}{told}"
                return FoundAddress(base_url, address.chat_url, answered=True, sentence=sentence)
            said.append(address.chat_url)
            pointed = pointed or one_line(response.headers.get("location", ""), limit=_SHOWN)
    points = f" It points to {pointed}, where nothing was sent." if pointed else ""
    sentence = (
        f"{asked.host} has no such page at any of: {', '.join(said)}.{points} Give the whole address of"
        " chat/completions."
    )
    return FoundAddress(given, asked.chat_url, answered=False, sentence=sentence)


def _places(given: str, asked: BaseUrl) -> Iterator[tuple[str, BaseUrl]]:
    """Yield what to keep and what to ask: the address as given, then the usual places below its root."""
    yield given, asked
    seen = {asked.chat_url}
    scheme, _, rest = asked.root.partition("://")
    host, _, path = rest.partition("/")
    below = f"/{path}" if path else ""
    bare = _VERSIONED.sub("", below, count=1)
    for place in (f"{below}/v1", below, *(bare + each for each in _ELSEWHERE)):
        address = BaseUrl(f"{scheme}://{host}{place}", PathStyle.PLAIN, asked.query)
        if address.chat_url not in seen and len(seen) <= len(_ELSEWHERE):
            seen.add(address.chat_url)
            plain = not asked.query and normalize_base_url(address.root).chat_url == address.chat_url
            yield (address.root if plain else address.chat_url), address


def _answer_of(response: httpx.Response, secret: str) -> str | None:
    """Return what a response says of a place: None for no such page, nothing for a completion, else its own words."""
    content = b""
    for piece in response.iter_bytes():
        content += piece
        if len(content) > 100_000:
            break
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        body = None
    refusal = read_refusal(body) if isinstance(body, (dict, list)) else None
    message = clean(refusal.message, secret)[:_SHOWN] if refusal is not None else ""
    status = response.status_code
    if status < 300:
        if isinstance(body, dict) and ("choices" in body or body.get("error")):
            return f"it said: {message}" if message and "choices" not in body else ""
        return "" if content.lstrip().startswith(b"data:") else None
    if status in _NO_PAGE:
        about_model = refusal is not None and re.search(r"\bmodels?\b", f"{refusal.code} {message}".replace("_", " "))
        return f"it said {status}: {message}" if about_model else None
    return f"it said {status}{': ' if message else ''}{message}"
