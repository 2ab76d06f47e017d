"""Check a key by one tiny question: what its answer says about the key. The only call that is about no email."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace

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
from core.model import ChatMessage, ModelSettings
from core.text import one_line

TIMEOUT_S = 20.0
"""Seconds after which a server counts as unreachable."""

_SHOWN = 200

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
    """What came of checking a key.

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
