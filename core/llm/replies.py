"""Read a body that came with status 200: a Reply out of JSON that a server promised, and may have broken.

Read by hand instead of by the SDK's models: those are built without validation, so a body that is not a completion
would surface as an attribute error somewhere later. Every number and text of a reply is bounded here, and the key is
taken out where the server repeats it, so that nothing behind this module has to.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import CallError, ServerFailedError
from core.llm.failures import clean, failure_of, page_words, read_refusal
from core.model import ChatMessage, Reply, Usage

MOST_TOKENS = 10_000_000
"""No call takes so many tokens (ten times the longest context on offer); a larger count is taken for none."""

MOST_ANSWER_CHARS = 65_536
"""Longer answers are cut in the middle before they are kept: a label stands at an end."""

MOST_LOGPROBS = 4_096
"""Tokens of an answer, counted from its end, whose probabilities are looked at: a label stands at an end."""

MOST_PAGE_BYTES = 4_000
MOST_PAGE_CHARS = 120
"""Of a page in place of an answer so much is quoted: a sign-in page or a proxy's says what it is at its beginning."""

_CHARS_A_TOKEN = 4.0
"""English text has about four characters a token; used only where a server reports no usage."""
_TOKENS_A_MESSAGE = 4
_ID_CHARS = 200
_LONE_SURROGATES = re.compile("[\ud800-\udfff]")
_REFUSES = frozenset({"code", "error_code", "status_code", "error_msg", "msg", "detail", "errors"})
"""Names of which a body without a choice has one where it is a refusal in a gateway's own form."""
_LEAST_LOGPROB = 1e5
"""No token is less likely: OpenAI reports -9999 for those that it has no figure for."""
_FILTERED = frozenset(
    {
        "content_filter", "content-filter", "content_filtered", "safety", "prohibited_content", "blocklist", "spii",
        "recitation", "refusal", "sensitive", "guardrail_intervened",
    }
)  # fmt: skip
"""How OpenAI, Azure, Gemini, Anthropic, Zhipu and Bedrock end an answer that a filter stopped."""


def read_reply(
    content: bytes,
    headers: Mapping[str, str],
    *,
    host: str,
    secret: str = "",
    asked: Sequence[ChatMessage] = (),
    url: str = "",
) -> Reply:
    """Return the reply in a response's body.

    An answer that is null becomes the empty text, a lone surrogate (which neither a database nor a terminal takes) the
    replacement character; of an answer in parts the text parts count. Tokens that are not reported, or absurd, are
    estimated from the messages ``asked`` and the answer. ``url`` is named where the body is a page. Raises
    ServerFailedError where the body is no completion, and the error that an error object inside it stands for.
    """
    body = _streamed(content) if content.lstrip().startswith((b"data:", b"event:", b":")) else _decoded(content)
    if body is None and content:
        page = clean(page_words(content[:MOST_PAGE_BYTES].decode("utf-8", "replace")), secret)[:MOST_PAGE_CHARS]
        sentence = f"{host} answered with {len(content)} bytes that are no JSON object: “{page}”."
        sentence += f" Asked: {url}" if url else ""
        raise ServerFailedError(sentence, status=200, headers=headers, request_id=_request_id(headers, None, secret))
    return reply_of(body, headers, host=host, secret=secret, asked=asked, size=len(content))


def reply_of(
    body: object,
    headers: Mapping[str, str],
    *,
    host: str,
    secret: str = "",
    asked: Sequence[ChatMessage] = (),
    size: int = 0,
) -> Reply:
    """Return the reply in a body that was decoded from ``size`` bytes, as :func:`read_reply` does."""
    request_id = _request_id(headers, body, secret)

    def broken(what: str) -> CallError:
        return ServerFailedError(
            f"{host} answered with {what} instead of a completion.",
            status=200,
            headers=headers,
            request_id=request_id,
        )

    def refused(error: object) -> CallError:
        return failure_of(200, read_refusal(error), host=host, headers=headers, request_id=request_id, secret=secret)

    if isinstance(body, list) and body and isinstance(body[0], dict) and body[0].get("error"):
        raise refused(body)
    if not isinstance(body, dict):
        raise broken(f"{size} bytes that are no JSON object")
    choice = _first_choice(body)
    if (told := _refusal_in(body, choice)) is not None:
        raise refused(told)
    if choice is None and (blocked := _blocked(body)):
        usage = _usage(body.get("usage")) or estimated_usage(asked, "")
        return Reply("", "content_filter", usage, request_id, headers, refusal=clean(blocked, secret))
    message = choice.get("message") if choice is not None else None
    if choice is None or not isinstance(message, dict):
        raise broken(f"a JSON object without a message (it has {clean(', '.join(body), secret) or 'nothing'})")
    answer = _spoken(message.get("content"))
    if answer is None:
        raise broken(f"a message whose content is of type {type(message.get('content')).__name__}")
    finish_reason = _text(choice.get("finish_reason"))[:_ID_CHARS]
    if finish_reason == "error":
        raise broken("finish_reason “error”")
    text = bounded_answer(_LONE_SURROGATES.sub("\ufffd", answer), secret)
    return Reply(
        text=text,
        finish_reason=finish_reason,
        usage=_usage(body.get("usage")) or estimated_usage(asked, text),
        request_id=request_id,
        headers=headers,
        refusal=_refusal(message, finish_reason, secret),
        model=_known_id(_text(body.get("model")), secret),
        system_fingerprint=_known_id(_text(body.get("system_fingerprint")), secret),
        service_tier=_known_id(_text(body.get("service_tier")), secret),
        logprobs=_logprobs(choice.get("logprobs")),
    )


def _refusal_in(body: Mapping[str, Any], choice: Mapping[str, Any] | None) -> object:
    """Return what in a body with status 200 is a refusal, or None.

    An ``error`` without a word beside a choice is none: some servers send it with every answer.
    """
    error = body.get("error")
    if error and (choice is None or not isinstance(error, dict) or any(error.values())):
        return body
    if choice is not None:
        return choice if choice.get("error") else None
    if isinstance(body.get("base_resp"), dict):
        return body["base_resp"]  # MiniMax's
    return body if not _blocked(body) and any(body.get(name) for name in _REFUSES) else None


def _blocked(body: Mapping[str, Any]) -> str:
    """Return why Gemini gave no choice at all (``promptFeedback``), or nothing."""
    feedback = body.get("promptFeedback")
    reason = feedback.get("blockReason") if isinstance(feedback, dict) else None
    return f"blocked: {reason}" if isinstance(reason, str) else ""


def bounded_answer(text: str, secret: str) -> str:
    """Return an answer without the key, and cut in its middle where it is too long to be kept."""
    text = text.replace(secret, "(the key)") if secret else text
    if len(text) <= MOST_ANSWER_CHARS:
        return text
    half = MOST_ANSWER_CHARS // 2 - 40
    return f"{text[:half]}\n… {len(text) - 2 * half:,} characters were left out …\n{text[-half:]}"


def estimated_usage(asked: Sequence[ChatMessage], answer: str) -> Usage:
    """Return about how many tokens a call took, for a server that does not say."""
    prompt = sum(math.ceil(len(message.content) / _CHARS_A_TOKEN) + _TOKENS_A_MESSAGE for message in asked)
    return Usage(prompt, math.ceil(len(answer) / _CHARS_A_TOKEN) + 1, estimated=True) if asked else Usage()


def _decoded(content: bytes) -> object:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _streamed(content: bytes) -> object:
    """Return the completion that a stream of server-sent events adds up to, or None where it holds no chunk of one.

    An error in the stream is the answer: what was said before it is no whole answer. A stream that ends without a
    ``finish_reason`` and without ``[DONE]`` was cut off, and is no answer either.
    """
    whole: dict[str, Any] = {}
    texts: list[str] = []
    refusals: list[str] = []
    choice: dict[str, Any] = {"finish_reason": ""}
    logprobs: list[Any] = []
    begun = ended = False
    for line in content.splitlines():
        data = line.removeprefix(b"data:").strip() if line.startswith(b"data:") else b""
        ended = ended or data == b"[DONE]"
        chunk = _decoded(data) if data.startswith((b"{", b"[")) else None
        if isinstance(chunk, list) or (isinstance(chunk, dict) and chunk.get("error")):
            return chunk
        if not isinstance(chunk, dict):
            continue
        whole |= {name: value for name, value in chunk.items() if value and name != "choices"}
        piece = _first_choice(chunk)
        if piece is None:
            continue
        begun = True
        delta = piece.get("delta") or piece.get("message")
        if piece.get("error"):
            choice["error"] = piece["error"]
        if isinstance(delta, dict):
            texts.append(_spoken(delta.get("content")) or "")
            refusals.append(_text(delta.get("refusal")))
        told = piece.get("logprobs")
        if isinstance(told, dict) and isinstance(told.get("content"), list):
            logprobs += told["content"]
        choice["finish_reason"] = piece.get("finish_reason") or choice["finish_reason"]
    if not begun or not (ended or choice["finish_reason"]):
        return None
    choice["logprobs"] = {"content": logprobs}
    return {**whole, "choices": [{**choice, "message": {"content": "".join(texts), "refusal": "".join(refusals)}}]}


def _first_choice(body: dict[str, Any]) -> dict[str, Any] | None:
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return None
    return choices[0]


def _spoken(content: object) -> str | None:
    """Return the text of a message's content: of parts those that are text, and none of the reasoning."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        content = [content]
    if not isinstance(content, list):
        return None
    texts = []
    for part in content:
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, dict) and part.get("type", "text") in ("text", "output_text"):
            texts.append(_text(part.get("text")))
    return "".join(texts)


def _refusal(message: dict[str, Any], finish_reason: str, secret: str) -> str:
    """Return with which words the model or a filter declined, or nothing."""
    words = clean(_text(message.get("refusal")), secret)
    if words or finish_reason.lower() not in _FILTERED:
        return words
    return f"finish_reason {finish_reason}"


def _usage(usage: object) -> Usage | None:
    """Return the reported tokens, or None where the prompt's are missing or cannot be true."""
    if not isinstance(usage, dict) or not (prompt := _count(usage.get("prompt_tokens"))):
        return None
    details = usage.get("prompt_tokens_details")
    cached = _count(details.get("cached_tokens")) if isinstance(details, dict) else 0
    return Usage(prompt, _count(usage.get("completion_tokens")), min(cached, prompt))


def _logprobs(told: object) -> tuple[tuple[bytes, float], ...]:
    """Return the tokens of an answer and the logarithms of their probabilities, from the newer form or the older one.

    Nothing where one of them is no number up to 0: a label's probability is a product of all its tokens'.
    """
    if not isinstance(told, dict):
        return ()
    pairs: list[tuple[object, object]] = []
    if isinstance(told.get("content"), list):
        for each in told["content"][-MOST_LOGPROBS:]:
            if not isinstance(each, dict):
                return ()
            as_bytes, token = each.get("bytes"), each.get("token")
            pairs.append((as_bytes if isinstance(as_bytes, list) else token, each.get("logprob")))
    elif isinstance(told.get("tokens"), list) and isinstance(told.get("token_logprobs"), list):
        pairs = list(zip(told["tokens"], told["token_logprobs"], strict=False))[-MOST_LOGPROBS:]  # Together, Fireworks
    found = []
    for token, logprob in pairs:
        if isinstance(logprob, bool) or not isinstance(logprob, (int, float)) or not -_LEAST_LOGPROB <= logprob <= 0.01:
            return ()
        try:
            data = token.encode("utf-8", "replace") if isinstance(token, str) else bytes(token)  # type: ignore[call-overload]
        except (TypeError, ValueError):
            return ()
        found.append((data, min(0.0, float(logprob))))
    return tuple(found)


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= MOST_TOKENS:
        return 0
    return int(value)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _request_id(headers: Mapping[str, str], body: object, secret: str) -> str:
    extra = body.get("x_groq") if isinstance(body, dict) else None
    named = _text(extra.get("id")) if isinstance(extra, dict) else ""
    return _known_id(headers.get("x-request-id") or named, secret)


def _known_id(request_id: str, secret: str) -> str:
    return clean(request_id, secret)[:_ID_CHARS]
