"""Record what a server refuses of a request, for one server and model, so that it is sent once and no more.

Servers that speak the same API take different settings: OpenAI's reasoning models know ``max_completion_tokens`` only,
older servers ``max_tokens`` only, some no temperature, no reasoning effort or no schema. A setting that a server names
in a refusal is left out from then on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from core.errors import CallError, ModelGoneError, RequestRefusedError, ServerFailedError
from core.model import ModelSettings

_TOKEN_LIMITS = ("max_tokens", "max_completion_tokens")
_WORDS: Mapping[str, str] = {
    "response_format": r"response[_ ]format|json[_ ]schema|structured[_ ]outputs?|guided|grammar|strict|schema",
    "reasoning_effort": r"reasoning[_ .]effort|reasoning|thinking",
    "include_reasoning": r"include[_ ]reasoning|reasoning|thinking",
    "temperature": r"temperature",
    "seed": r"seed",
    "stop": r"stop",
}
"""How refusals name a setting, beside its own name. Seen at OpenAI, Groq, Mistral, vLLM, DeepSeek and llama.cpp."""

_COMPLAINT = re.compile(
    r"support|recogni|unknown|unexpected|invalid|permitted|allowed|extra|deprecated|default|failed to|must be"
    r"|unavailable|not accept|forbidden|incompatible",
    re.IGNORECASE,
)
"""A refusal that quotes an email is none of a setting: it has to complain in one of these words."""


STREAM = "stream"
"""The name under which it is recorded that a model answers as a stream alone."""

_STREAM_ONLY = re.compile(
    r"(?:only|must|requires?|enable|set|need)\b[^.]{0,60}\bstream|\bstream(?:ing)?\b[^.]{0,60}\b(?:required|must|only|true"
    r"|enabled?)\b|non-?stream",
    re.IGNORECASE,
)
"""A refusal that requires a stream. Seen at DashScope (*only support stream mode*) and at gateways before it."""


class Dialect:
    """Hold what one server is known to refuse for one model; shared by the clients of all keys.

    ``noted`` is given a sentence whenever something is left out from now on. ``known`` are settings that were refused
    before, with the server's words; ``learned`` is called for each new one, with its words.
    """

    def __init__(
        self,
        *,
        plain: bool,
        noted: Callable[[str], None] = lambda _: None,
        known: Mapping[str, str] | None = None,
        learned: Callable[[str, str], None] = lambda _name, _words: None,
    ) -> None:
        # Ollama and LM Studio know only the older name, and would take an unknown one for "no limit".
        self._token_limits = list(_TOKEN_LIMITS if plain else reversed(_TOKEN_LIMITS))
        self._left_out: set[str] = set()
        self._noted = noted
        self._said: set[str] = set()
        self._learned = learned
        self._streams = False
        self._known = dict(known or {})
        for name in self._known:
            self._leave_out(name)

    def fields(self, optional: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields to send: those that are not None and not refused, the token limit by its known name."""
        sent = {name: value for name, value in optional.items() if value is not None and name not in self._left_out}
        if self._streams:
            options = {} if "stream_options" in self._left_out else {"stream_options": {"include_usage": True}}
            sent |= {STREAM: True, **options}
        limit = sent.pop("max_tokens", None)
        if limit is not None and self._token_limits:
            sent[self._token_limits[0]] = limit
        return sent

    def learn(self, error: CallError, message: str, param: str, sent: Mapping[str, Any], host: str) -> bool:
        """Leave out what a refusal names of the fields that were ``sent``; return whether asking again may help."""
        if error.conclusive or not isinstance(error, (RequestRefusedError, ModelGoneError, ServerFailedError)):
            return False
        if self._asks_for_a_stream(error, message, sent):
            self._refuse(STREAM, message, host)
            return True
        named = [name for name in sent if name != STREAM and self._names(name, message, param)]
        if isinstance(error, ServerFailedError):
            named = [name for name in named if name == "response_format"]  # llama.cpp: 500 for a grammar
        elif param.split(".", maxsplit=1)[0] in named:
            named = [param.split(".", maxsplit=1)[0]]
        exact = [name for name in named if re.search(rf"\b{re.escape(name)}\b", message)]
        for name in exact or named:
            self._refuse(name, message, host)
        return bool(named)

    def say_known(self, optional: Mapping[str, Any], host: str) -> None:
        """Note, once, what is left out of these fields because it was refused before this worker began."""
        for name, words in self._known.items():
            if name in (STREAM, *_TOKEN_LIMITS) or optional.get(name) is not None:
                self.say_once(f"{self._sentence(name, host)} ({words[:160]})")
        self._known.clear()

    def _asks_for_a_stream(self, error: CallError, message: str, sent: Mapping[str, Any]) -> bool:
        refused = isinstance(error, RequestRefusedError) and STREAM not in sent
        return refused and _STREAM_ONLY.search(message) is not None

    def say_once(self, sentence: str) -> None:
        """Note a sentence, once."""
        if sentence not in self._said:
            self._said.add(sentence)
            self._noted(sentence)

    def _names(self, name: str, message: str, param: str) -> bool:
        if param and param.split(".", maxsplit=1)[0] == name:
            return True
        if not _COMPLAINT.search(message):
            return False
        words = rf"{re.escape(name)}|{_WORDS.get(name, re.escape(name))}"
        return re.search(rf"(?<![a-z])(?:{words})(?![a-z])", message, re.IGNORECASE) is not None

    def _refuse(self, name: str, message: str, host: str) -> None:
        """Leave a setting out from now on, report it, and have it recorded."""
        if self._leave_out(name):
            self.say_once(f"{self._sentence(name, host)} ({message[:160]})")
            self._learned(name, message[:160])

    def _leave_out(self, name: str) -> bool:
        """Leave a setting out; return False where it already was."""
        if name == STREAM:
            before, self._streams = self._streams, True
            return not before
        if name in _TOKEN_LIMITS:
            if name not in self._token_limits:
                return False
            self._token_limits.remove(name)
            return True
        before = name in self._left_out
        self._left_out.add(name)
        return not before

    def _sentence(self, name: str, host: str) -> str:
        if name == STREAM:
            return f"{host} answers as a stream alone: it is asked for one from now on"
        if name not in _TOKEN_LIMITS:
            return f"{host} does not take {name}: it is left out from now on"
        instead = f"{self._token_limits[0]} is sent instead" if self._token_limits else "no limit is sent"
        return f"{host} does not take {name}: {instead} from now on"


def optional_fields(settings: ModelSettings, response_format: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the fields of a request that a server may refuse, the task's own ones last; None is not sent."""
    return {
        "temperature": settings.temperature,
        "max_tokens": settings.max_completion_tokens,
        "reasoning_effort": settings.reasoning_effort,
        "include_reasoning": settings.include_reasoning,
        "seed": settings.seed,
        "stop": list(settings.stop) or None,
        "response_format": response_format if settings.schema else None,
        "logprobs": settings.logprobs or None,
        **(json.loads(settings.extra_body) if settings.extra_body else {}),
    }
