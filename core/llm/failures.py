"""Decide what a server's refusal means for the run: (status, body) in, one leaf of the error tree out.

Pure, so that it is tested as a table; the client adds what only the SDK can know (timeouts, broken connections).
The order of the rules is the order of trust: the API's own code word first, the status second, the wording last.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.errors import (
    CallError,
    CallTimeoutError,
    CapacityError,
    ContentRefusedError,
    KeyRefusedError,
    ModelGoneError,
    OrganizationRestrictedError,
    RateLimitedError,
    RequestRefusedError,
    ServerFailedError,
    TooLargeError,
)
from core.text import one_line

MESSAGE_LIMIT = 500

_NO_CREDIT = frozenset(
    {
        "insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "insufficient_balance",
        "credit_balance_exhausted", "insufficient_credits", "budget_exceeded", "exceeded_current_quota_error",
        "account_overdue_error", "arrearage",
    }
)  # fmt: skip
"""Of OpenAI and others, LiteLLM, Moonshot, Volcengine and Alibaba, for an account without credit; no wait helps."""
_BY_CODE: dict[str, type[CallError]] = {
    **dict.fromkeys(_NO_CREDIT, KeyRefusedError),
    "organization_restricted": OrganizationRestrictedError,
    # The organization's spend limit is reached: no key of it is served until a person raises it or the month ends.
    "blocked_api_access": OrganizationRestrictedError,
    "model_decommissioned": ModelGoneError,
    "model_not_found": ModelGoneError,
    "invalid_api_key": KeyRefusedError,
    "capacity_exceeded": CapacityError,
    "context_length_exceeded": TooLargeError,
    "exceed_context_size_error": TooLargeError,  # llama.cpp, as the type
    "request_too_large": TooLargeError,
    "string_above_max_length": TooLargeError,
    # Azure, OpenAI, Alibaba and Zhipu: a filter judged the email before any model did.
    "content_filter": ContentRefusedError,
    "content_policy_violation": ContentRefusedError,
    "data_inspection_failed": ContentRefusedError,
    "moderation_blocked": ContentRefusedError,
    "responsible_ai_policy_violation": ContentRefusedError,
}
"""Codes in the form that :func:`_plain` gives them."""
_RATE_CODES = frozenset(
    {
        "rate_limit_exceeded", "rate_limit_error", "rate_limited", "resource_exhausted", "too_many_requests",
        "throttling_exception", "throttling", "throttling_rate_quota", "throttling_allocation_quota",
        "policies_ratelimit_quota_violation", "policies_ratelimit_spike_arrest_violation",
    }
)  # fmt: skip
"""Of Groq, OpenAI, Anthropic, Google, Bedrock, Alibaba and Apigee, for one limit or another."""
# Gateways give this one for a single call now and then, so it is weighed like a status.
_OPEN_CODES = frozenset({"invalid_api_key"})
_BY_STATUS: dict[int, type[CallError]] = {
    401: KeyRefusedError,
    402: KeyRefusedError,
    403: KeyRefusedError,
    404: ModelGoneError,
    405: ModelGoneError,
    408: CallTimeoutError,
    409: ServerFailedError,
    410: ModelGoneError,
    413: TooLargeError,
    424: ServerFailedError,
    425: ServerFailedError,
    429: RateLimitedError,
    498: CapacityError,
    499: ServerFailedError,
}
_BAD_KEY = re.compile(r"\bAPI key (?:not valid|not found|expired|is invalid)|\bincorrect API key\b", re.IGNORECASE)
"""Gemini and xAI answer 400 for a wrong key."""
_NO_MONEY = re.compile(
    r"credit balance is too low|(?:crossed|over|exceeded) budget|budget has been exceeded|specified API usage limits"
    r"|insufficient (?:balance|credits?|funds)|credit limit exceeded|requires more credits|out of credits?\b"
    r"|balance is (?:insufficient|overdue|negative)|overdue balance|all available credits|欠费|余额不足|餘額不足",
    re.IGNORECASE,
)
"""Anthropic, LiteLLM, xAI, Zhipu and others say with 400, 403 or 429 that no money is left."""
_TOO_LARGE = re.compile(
    r"context (?:length|window|size)|reduce (?:the|your) (?:message|prompt|length)|(?:prompt|input) is too long"
    r"|input token count|maximum number of tokens allowed|max_tokens must be at least 1, got -|too large for model",
    re.IGNORECASE,
)
_NO_MODEL = re.compile(
    r"\bmodel\b.{0,120}?\b(?:not found|not exist|not available|is not a valid|is not supported)|invalid model\b"
    r"|not a valid model|no models? (?:are |is )?loaded|unable to access model",
    re.IGNORECASE | re.DOTALL,
)
"""OpenRouter, Mistral and LiteLLM answer 400 for a model that they do not have."""
_NO_LOGPROBS = re.compile(r"not allowed to request logprobs", re.IGNORECASE)
"""OpenAI's reasoning models answer so with 403, which else speaks of a key."""
_RATE_WORDS = re.compile(r"rate[- ]limit|too many requests", re.IGNORECASE)
_BY_WORDS: dict[int, tuple[tuple[re.Pattern[str], type[CallError]], ...]] = {
    200: ((_TOO_LARGE, TooLargeError), (_NO_MONEY, KeyRefusedError), (_RATE_WORDS, RateLimitedError)),
    400: (
        (_BAD_KEY, KeyRefusedError),
        (_NO_MONEY, KeyRefusedError),
        (_TOO_LARGE, TooLargeError),
        (_NO_MODEL, ModelGoneError),
    ),
    403: (
        (_TOO_LARGE, TooLargeError),
        (_RATE_WORDS, RateLimitedError),
        (_NO_LOGPROBS, RequestRefusedError),
    ),
    422: ((_TOO_LARGE, TooLargeError), (_NO_MODEL, ModelGoneError)),
    # No wait helps here, whatever the status says.
    429: ((re.compile(r"request too large", re.IGNORECASE), TooLargeError), (_NO_MONEY, KeyRefusedError)),
    500: ((re.compile(r"exceeds the available context size", re.IGNORECASE), TooLargeError),),
}
_ADVICE: dict[type[CallError], str] = {
    KeyRefusedError: "It was revoked or mistyped: add it again, or another.",
    OrganizationRestrictedError: "Every key of that organization is out until its owner settles it.",
    ModelGoneError: "Check the model's name, the account's access to it and the base URL.",
    TooLargeError: "This text is longer than the quota or the model allows.",
}


_NO_CREDIT_ADVICE = (
    "The account has no credit for this. Add some at the provider, then enable the key again, or add another."
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Hold what a server says when it refuses: a ``message``, its own ``code`` word and a ``type``, each maybe empty.

    ``param`` names the field of the request that it is about, ``answer`` what a model said that the server would not
    pass on (Groq's ``failed_generation``), ``headers`` the headers and the wait that a gateway puts into the body, as
    headers in lower case.
    """

    message: str = ""
    code: str = ""
    type: str = ""
    param: str = ""
    answer: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


_MESSAGES = (
    "message", "faultstring", "detail", "error_msg", "error_message", "msg", "title", "Message", "error_description",
    "status_msg",
)  # fmt: skip
_CODES = ("code", "error_code", "status_code", "__type")
"""How gateways name a refusal's sentence and its code, the most usual first."""
_WAITS = {"retry_after": "retry-after", "retryAfter": "retry-after", "retry_after_ms": "retry-after-ms"}
"""How they name a wait in the body, and the header that means the same."""
_TAGS = re.compile(r"(?:<(script|style)\b.*?(?:</\1>|$))|<[^>]{0,400}>", re.DOTALL | re.IGNORECASE)
_PAGE_CHARS = 4_000


def page_words(page: str) -> str:
    """Return the words of a page's beginning: a sign-in page or a proxy's says there what it is."""
    return " ".join(_TAGS.sub(" ", page[:_PAGE_CHARS]).split())


def read_refusal(body: object) -> Refusal:
    """Return the refusal in a decoded body, in Groq's form (``{"error": {…}}``) or in those that other servers use."""
    if isinstance(body, list) and body and isinstance(body[0], dict):
        body = body[0]  # Google's
    if isinstance(body, str):
        return Refusal(page_words(body) if body.lstrip().startswith("<") else body)
    if not isinstance(body, dict):
        return Refusal()
    error: Any = body.get("error") or body.get("errors") or body.get("fault") or body
    if isinstance(error, list) and error:
        error = error[0]  # Cloudflare's
    if isinstance(error, str):
        return Refusal(error, next((_word(body[name]) for name in _CODES if body.get(name)), ""))
    if not isinstance(error, dict):
        return Refusal()
    message = _sentence(next((error[name] for name in _MESSAGES if error.get(name)), None))
    wait = _told_wait(error.get("details"))
    if wait and "retry in" not in message and "try again in" not in message:
        message = f"{message} Please try again in {wait}.".strip()
    inner = error.get("innererror")
    code = next((_word(error[name]) for name in _CODES if error.get(name)), "")
    code = code or (_word(inner.get("code")) if isinstance(inner, dict) else "")
    answer = error.get("failed_generation")
    return Refusal(
        message,
        code,
        _word(error.get("type") or error.get("status")),
        _word(error.get("param")),
        answer if isinstance(answer, str) else None,
        _told_headers(error.get("metadata")) | _waits_of(body) | _waits_of(error),
    )


def _waits_of(told: Mapping[str, Any]) -> dict[str, str]:
    """Return the waits that a body states in a field of its own, as headers."""
    return {
        header: str(told[name])[:100]
        for name, header in _WAITS.items()
        if isinstance(told.get(name), (int, float, str)) and not isinstance(told[name], bool)
    }


def _told_headers(metadata: object) -> dict[str, str]:
    """Return the headers that OpenRouter puts into the body of a refusal, names in lower case."""
    headers = metadata.get("headers") if isinstance(metadata, dict) else None
    if not isinstance(headers, dict):
        return {}
    return {str(name).lower()[:100]: str(value)[:100] for name, value in list(headers.items())[:20]}


def _sentence(value: object) -> str:
    """Return a message as text; of a validation's list of complaints (FastAPI's) the field and the words of each."""
    if isinstance(value, dict) and "detail" in value:
        value = value["detail"]
    if isinstance(value, list) and value and all(isinstance(each, dict) and "msg" in each for each in value):
        complaints = []
        for each in value[:5]:
            place = each.get("loc")
            named = ".".join(str(part) for part in place) if isinstance(place, (list, tuple)) else ""
            complaints.append(f"{named}: {each['msg']}" if named else str(each["msg"]))
        return "; ".join(complaints)
    return _word(value)


def _told_wait(details: object) -> str:
    """Return the wait in Google's ``RetryInfo`` (``45s``), or nothing."""
    for detail in details if isinstance(details, list) else ():
        delay = detail.get("retryDelay") if isinstance(detail, dict) else None
        if isinstance(delay, dict) and isinstance(delay.get("seconds"), (int, str)):
            delay = f"{delay['seconds']}s"
        if isinstance(delay, str) and re.fullmatch(r"\d{1,6}(?:\.\d{1,9})?s", delay):
            return delay
    return ""


def failure_of(
    status: int,
    refusal: Refusal,
    *,
    host: str,
    headers: Mapping[str, str],
    request_id: str = "",
    secret: str = "",
    url: str = "",
) -> CallError:
    """Return the error that the worker decides by.

    ``url`` is the address that was asked, where that may be wrong. The error's text holds the server's own message
    (foreign text made inert, at most 500 characters), without ``secret`` even where the server repeats it.
    """
    headers = {**refusal.headers, **headers} if refusal.headers else headers
    kind = _kind(status, refusal, waits=not headers.keys().isdisjoint(("retry-after", "retry-after-ms")))
    said = clean(refusal.message, secret) or "no explanation was given"
    code = clean(refusal.code, secret)
    named = f"{status} {code}".strip() if code != str(status) else code
    advice = _ADVICE.get(kind, "")
    codes = _codes(refusal)
    if kind is KeyRefusedError and (codes & _NO_CREDIT or status == 402 or _NO_MONEY.search(refusal.message)):
        advice = _NO_CREDIT_ADVICE
    elif kind is KeyRefusedError and (status == 403 or code == "403"):
        advice = "The key may lack a right, or the server refuses this text."
    elif 300 <= status < 400 and (elsewhere := clean(headers.get("location", ""), secret)):
        advice = (
            f"It points to {elsewhere}, and nothing is sent there: give that address as the base URL if it is meant."
        )
    message = f"{host} answered {named}: {said}" + (f" — {advice}" if advice else "")
    if url:
        message += f" Asked: {url}"
    conclusive = bool(codes & (_BY_CODE.keys() - _OPEN_CODES)) or status == 402
    return kind(
        message,
        status=status,
        code=code,
        headers=headers,
        request_id=request_id,
        conclusive=conclusive,
        said=clean(refusal.message, secret),
    )


def clean(text: str, secret: str) -> str:
    """Return foreign text fit for an error message: on one line, inert, bounded, and without the secret."""
    # Replaced before it is cut: a cut could leave half of a secret that is then no longer found.
    return one_line(text.replace(secret, "(the key)") if secret else text, limit=MESSAGE_LIMIT)


def _plain(code: str) -> str:
    """Return a code as lower-case words: ``DataInspectionFailed`` and ``data-inspection-failed`` are one."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", code[:200])
    return re.sub(r"[\s._:#/-]+", "_", words).lower()


def _codes(refusal: Refusal) -> set[str]:
    return {_plain(refusal.code), _plain(refusal.type)}


def _kind(status: int, refusal: Refusal, *, waits: bool) -> type[CallError]:
    by_code = _BY_CODE.get(_plain(refusal.code)) or _BY_CODE.get(_plain(refusal.type))
    if by_code is not None:
        return by_code
    if status < 400:
        return _kind_of_odd_success(status, refusal, waits=waits)
    if status == 402 and waits:
        return RateLimitedError
    by_words = next((kind for words, kind in _BY_WORDS.get(status, ()) if words.search(refusal.message)), None)
    if by_words is not None:
        return by_words
    if status < 500 and status not in (413, 429) and _codes(refusal) & _RATE_CODES:
        return RateLimitedError
    return _BY_STATUS.get(status, ServerFailedError if status >= 500 else RequestRefusedError)


def _kind_of_odd_success(status: int, refusal: Refusal, *, waits: bool) -> type[CallError]:
    if _codes(refusal) & _RATE_CODES:
        return RateLimitedError
    if re.fullmatch("[45][0-9][0-9]", refusal.code):  # an HTTP status inside a 200
        return _kind(int(refusal.code), refusal, waits=waits)
    for words, kind in _BY_WORDS[200]:
        if words.search(refusal.message):
            return kind
    # A redirect is never followed, as it could carry an email elsewhere: the base URL is not the endpoint's.
    return ModelGoneError if 300 <= status < 400 else ServerFailedError


def _word(value: object) -> str:
    """Return text out of a field that should hold text; servers also send numbers, lists or nothing."""
    if value is None:
        return ""
    return value if isinstance(value, str) else str(value)
