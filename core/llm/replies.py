"""Reading a body that came with status 200: a Reply out of JSON that a server promised, and may have broken.

Read by hand instead of by the SDK's models: those are built without validation, so a body that is not a completion
would surface as an attribute error somewhere later.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from core.errors import CallError, ServerFailedError
from core.llm.failures import clean, failure_of, read_refusal
from core.model import Reply, Usage

_LONE_SURROGATES = re.compile("[\ud800-\udfff]")


def read_reply(content: bytes, headers: Mapping[str, str], *, host: str, secret: str = "") -> Reply:
    """The reply in a response's body.

    An answer that is null becomes the empty text, a lone surrogate (which neither a database nor a terminal takes) the
    replacement character. Raises ServerFailedError where the body is no completion, and the error that an error object
    inside it stands for.
    """
    body = _decoded(content)
    request_id = headers.get("x-request-id") or _request_id(body)

    def broken(what: str) -> CallError:
        return ServerFailedError(
            f"{host} answered with {what} instead of a completion.",
            status=200,
            headers=headers,
            request_id=request_id,
        )

    if not isinstance(body, dict):
        raise broken(f"{len(content)} bytes that are no JSON object")
    if body.get("error"):
        raise failure_of(200, read_refusal(body), host=host, headers=headers, request_id=request_id, secret=secret)
    choice = _first_choice(body)
    message = choice.get("message") if choice is not None else None
    if choice is None or not isinstance(message, dict):
        raise broken(f"a JSON object without a message (it has {clean(', '.join(body), secret) or 'nothing'})")
    answer = message.get("content")
    if answer is not None and not isinstance(answer, str):
        raise broken(f"a message whose content is of type {type(answer).__name__}")
    return Reply(
        text=_LONE_SURROGATES.sub("\ufffd", answer or ""),
        finish_reason=_text(choice.get("finish_reason")),
        usage=_usage(body.get("usage")),
        request_id=request_id,
        headers=headers,
    )


def _decoded(content: bytes) -> object:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _first_choice(body: dict[str, Any]) -> dict[str, Any] | None:
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return None
    return choices[0]


def _usage(usage: object) -> Usage:
    """Token counts; what a server leaves out or misspells counts as 0, since an answer is worth more than its bill."""
    if not isinstance(usage, dict):
        return Usage()
    details = usage.get("prompt_tokens_details")
    return Usage(
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
        cached_tokens=_count(details.get("cached_tokens")) if isinstance(details, dict) else 0,
    )


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _request_id(body: object) -> str:
    extra = body.get("x_groq") if isinstance(body, dict) else None
    return _text(extra.get("id")) if isinstance(extra, dict) else ""
