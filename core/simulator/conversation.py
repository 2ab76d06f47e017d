"""Reduce a chat request to what a simulator needs of it.

Owns the reading of request bodies: which email, ask or re-ask, how many tokens; and the memory of earlier ones.
The convention of the asking side is `[system: rubric, user: email]`, the email between lines that say `<email>` and
`</email>`, followed for a re-ask by `[assistant: bad answer, user: what was wrong]`. Anything else is read as well as
it can be. A pack is a user message that begins with `Code: CODE. Number: N.`, with each email between `<email I CODE>`
and `</email I CODE>`.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

OPENING: Final = "<email>"
_FENCE: Final = re.compile(r"<([^\s<>/]{1,40})>\n")
"""The first line of a fenced text: the noun of the task between angle brackets."""
_TOKENS_PER_MESSAGE: Final = 4
_CHARACTERS_PER_TOKEN: Final = 4
_PACK_HEAD: Final = re.compile(r"Code: ([0-9a-f]{4,16})\. Number: (\d{1,3})\.\n<([^\s<>/]{1,40}) 1 ")
_BLIND_REASK_MARKS: Final = ("This was a previous response you generated:", "Generate a new response that corrects")

_TEXTS: Final = 1_000_000
_PREFIXES: Final = 4_096
_PREFIX_LIFE_S: Final = 7_200.0
_CACHE_BLOCK_TOKENS: Final = 128

K = TypeVar("K")
V = TypeVar("V")


class BadRequestError(Exception):
    """Report that the body is not a request that Groq would take; `param` names the field at fault, if one is."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param


@dataclass(frozen=True, slots=True)
class Question:
    """Hold one chat request. Token counts are estimates of 4 characters a token; `completion` is None if not sent.

    `email_key` and `system_key` are digests of the email text and the system message. `has_email` is False for
    a re-ask without a user message before the bad answer, or in the wording of a library that omits it;
    `fenced` says that the email came between fence lines. `pack` holds the emails of a pack, in order; `email` is then
    the whole message. `schema` says that an answer by a JSON schema is wanted, `logprobs` that the probability of each
    of its tokens is.
    """

    model: str
    email: str
    email_key: bytes
    system_key: bytes | None
    is_reask: bool
    has_email: bool
    fenced: bool
    prompt_tokens: int
    system_tokens: int
    completion: int | None
    effort: str | None
    include_reasoning: bool
    flex: bool = False
    pack: tuple[str, ...] = ()
    schema: bool = False
    logprobs: bool = False


def text_key(text: str) -> str:
    """Return the sha256 of an email text as hex: the key of replay files, and of the log."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def unfence(message: str) -> str:
    """Return the text between the fence lines of a user message, or the whole message if it has none.

    A fence at the beginning may hold any noun; further below only ``<email>`` is one. The text is returned byte for
    byte: only the line breaks that belong to the fence lines go.
    """
    fence = _FENCE.match(message)
    opening = f"<{fence[1]}>" if fence else OPENING
    closing = "</" + opening[1:]
    start = 0 if fence else message.find("\n" + opening + "\n") + 1
    if start == 0 and not fence:
        return message
    start += len(opening) + 1
    end = message.rfind("\n" + closing)
    after = end + 1 + len(closing)
    if end < start - 1 or (after < len(message) and message[after] not in "\r\n"):
        return message
    return message[start : max(start, end)]


def unpacked(message: str) -> tuple[str, ...]:
    """Return the emails of a pack byte for byte, or nothing where the message is none."""
    head = _PACK_HEAD.match(message)
    if head is None:
        return ()
    code, name, at = head[1], head[3], head.start(3) - 1
    emails = []
    for number in range(1, int(head[2]) + 1):
        opening, closing = f"<{name} {number} {code}>\n", f"\n</{name} {number} {code}>"
        end = message.find(closing, at)
        if not message.startswith(opening, at) or end < 0:
            return ()
        emails.append(message[at + len(opening) : end])
        at = end + len(closing) + 1
    return tuple(emails)


def key_of(text: str) -> bytes:
    """Return the digest that identifies an email text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def tokens_of(text: str) -> int:
    """Estimate the tokens of a text: 4 characters each, rounded up."""
    return -(-len(text) // _CHARACTERS_PER_TOKEN)


def read_question(body: Any, *, logprobs: bool = False) -> Question:
    """Check a decoded request body and reduce it. With `logprobs` that field is taken, which Groq refuses.

    Raises:
        BadRequestError: with Groq's kind of wording, for whatever Groq answers with a plain 400.

    """
    if not isinstance(body, dict):
        raise BadRequestError("request body must be a JSON object")
    model, messages = body.get("model"), body.get("messages")
    if not isinstance(model, str) or not model:
        raise BadRequestError("'model' : property 'model' is missing", "model")
    if not isinstance(messages, list) or not messages:
        raise BadRequestError("'messages' : minimum number of items is 1", "messages")
    _refuse_unsupported({**body, "logprobs": None} if logprobs else body)
    turns = [_turn(index, message) for index, message in enumerate(messages)]
    system = next((text for role, text in turns if role in {"system", "developer"}), None)
    roles = [role for role, _ in turns]
    answered_at = roles.index("assistant") if "assistant" in roles else None
    before = turns if answered_at is None else turns[:answered_at]
    asked = next((text for role, text in before if role == "user"), None)
    blind = asked is None or any(mark in asked for mark in _BLIND_REASK_MARKS)
    message = asked if asked is not None else turns[-1][1]
    email = unfence(message)
    return Question(
        model=model,
        email=email,
        email_key=key_of(email),
        system_key=None if system is None else key_of(system),
        is_reask=answered_at is not None or (asked is not None and blind),
        has_email=not blind,
        fenced=email is not message,
        prompt_tokens=sum(tokens_of(text) + _TOKENS_PER_MESSAGE for _, text in turns) + 3,
        system_tokens=0 if system is None else tokens_of(system) + _TOKENS_PER_MESSAGE,
        completion=_completion(body),
        effort=body.get("reasoning_effort"),
        include_reasoning=body.get("include_reasoning") is not False,
        flex=body.get("service_tier") == "flex",
        pack=unpacked(message),
        schema=isinstance(body.get("response_format"), dict) and body["response_format"].get("type") == "json_schema",
        logprobs=body.get("logprobs") is True,
    )


def _refuse_unsupported(body: dict[str, Any]) -> None:
    for name in ("logprobs", "top_logprobs", "logit_bias"):
        if body.get(name) is not None:
            raise BadRequestError(f"`{name}` is not supported with this model", name)
    if body.get("n", 1) not in {1, None}:
        raise BadRequestError("'n' : number must be at most 1", "n")
    if body.get("stream"):
        raise BadRequestError("streaming is not simulated", "stream")
    effort = body.get("reasoning_effort")
    if effort is not None and "gpt-oss" in body["model"] and effort not in {"low", "medium", "high"}:
        raise BadRequestError("`reasoning_effort` must be one of `low`, `medium`, or `high`", "reasoning_effort")


def _completion(body: dict[str, Any]) -> int | None:
    for name in ("max_completion_tokens", "max_tokens"):
        value = body.get(name)
        if value is None:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise BadRequestError(f"'{name}' : value must be at least 1", name)
        return value
    return None


def _turn(index: int, message: Any) -> tuple[str, str]:
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        raise BadRequestError(f"'messages.{index}' : discriminator property 'role' has invalid value", "messages")
    if message.get("name") is not None:
        raise BadRequestError(f"'messages.{index}' : property 'name' is unsupported", "messages")
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(part.get("text", "") for part in content if isinstance(part, dict))
    if content is None and message["role"] == "assistant":
        content = ""
    if not isinstance(content, str):
        raise BadRequestError(f"'messages.{index}.content' : value must be a string", "messages")
    return message["role"], content


@dataclass(frozen=True, slots=True)
class Asked:
    """Hold what a call has to do with those before it: it is the ``nth`` about its text, and ``new_texts`` are new.

    ``known_rubric`` says that a first question had the same system message.
    """

    nth: int
    new_texts: int
    known_rubric: bool = field(kw_only=True)


class Memory:
    """Keep earlier calls; the oldest are dropped first."""

    def __init__(self, *, scale: float, prefix_cache: bool) -> None:
        self._prefix_life_s = _PREFIX_LIFE_S / scale
        self._prefix_cache = prefix_cache
        self._asked: OrderedDict[bytes, int] = OrderedDict()
        self._rubrics: OrderedDict[bytes, None] = OrderedDict()
        self._prefixes: OrderedDict[tuple[str, str, bytes], float] = OrderedDict()

    def add(self, question: Question) -> Asked:
        """Keep a call that the quota let through, and return what it has to do with the calls before it."""
        nth = self._asked.get(question.email_key, 0) + 1
        known_rubric = question.system_key in self._rubrics
        if not question.is_reask and question.system_key is not None:
            _remember(self._rubrics, question.system_key, None, _PREFIXES)
        new_texts = int(nth == 1 and question.has_email and not question.pack)
        for text in question.pack:
            key = key_of(text)
            new_texts += key not in self._asked
            _remember(self._asked, key, self._asked.get(key, 0) + 1, _TEXTS)
        _remember(self._asked, question.email_key, nth, _TEXTS)
        return Asked(nth, new_texts, known_rubric=known_rubric)

    def cached_tokens(self, organization: str, question: Question, now: float) -> int:
        """Return how many prompt tokens are cached: the system message's, if seen lately, in whole blocks."""
        if not self._prefix_cache or question.system_key is None:
            return 0
        seen_at = self._prefixes.get((organization, question.model, question.system_key))
        if seen_at is None or now - seen_at > self._prefix_life_s:
            return 0
        return question.system_tokens // _CACHE_BLOCK_TOKENS * _CACHE_BLOCK_TOKENS

    def warm(self, organization: str, question: Question, now: float) -> None:
        """Put the system message into the prefix cache."""
        if question.system_key is not None:
            _remember(self._prefixes, (organization, question.model, question.system_key), now, _PREFIXES)


def _remember(memory: OrderedDict[K, V], key: K, value: V, at_most: int) -> None:
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > at_most:
        memory.popitem(last=False)
