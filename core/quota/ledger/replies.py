"""Parse what a server's replies say about quotas: durations, ``retry-after``, rate-limit headers and 429 texts.

Pure and distrustful: whatever is malformed, negative or absurd is dropped here, so that the ledger only meets numbers
that could be true. Whether they *are* true is the ledger's question.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from core.model import Dimension
from core.model.value import value

LONGEST_WAIT_S = 86_400.0
"""No bucket takes longer than a day to refill, so no stated wait may be longer."""

_LARGEST_LIMIT = 1e12
_LONGEST_HEADER = 64
_MINUTE_OR_DAY_S = math.sqrt(60.0 * 86_400.0)
_ABOUT_A_MINUTE_S = 150.0

_WINDOWS = tuple(
    (f"x-ratelimit-limit-{name}", f"x-ratelimit-remaining-{name}", f"x-ratelimit-reset-{name}", window)
    for name, window in (
        ("requests", None),
        ("tokens", Dimension.TPM),
        ("requests-minute", Dimension.RPM),
        ("requests-day", Dimension.RPD),
        ("tokens-minute", Dimension.TPM),
        ("tokens-day", Dimension.TPD),
    )
)
"""Headers for a window's limit, what remains and the reset, and which window; None where it is the server's habit."""

_EPOCH_S = 1e9
_EPOCH_MS = 1e12
"""No span of time is so long: such a number is a moment, in seconds or milliseconds since 1970."""
_ISO_DURATION = re.compile(
    r"P(?:(\d{1,5})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,6})M)?(?:(\d{1,8}(?:\.\d{1,9})?)S)?)?", re.IGNORECASE
)

_UNIT_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_WHOLE = re.compile(rf"\+?(?:{_PART.pattern})+")

_NUMBER = r"~?\s*(\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?"
_FIELDS = {
    "model": re.compile(r"\bmodel\s+`([^`\n]{1,200})`"),
    "organization": re.compile(r"\bin organization\s+`?([A-Za-z0-9][A-Za-z0-9_.:-]{0,99})"),
    "service_tier": re.compile(r"\bservice tier\s+`?([A-Za-z0-9_-]{1,60})`?"),
}
_LIMIT = re.compile(rf"\bLimit:?\s+{_NUMBER}")
_USED = re.compile(rf"\bUsed:?\s+{_NUMBER}")
_REQUESTED = re.compile(rf"\bRequested:?\s+{_NUMBER}")
_UNITS = r"(?:milliseconds?|msecs?|ms|seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|[smhd])"
_SPAN = rf"\d{{1,9}}(?:\.\d{{0,9}})?\s?{_UNITS}?(?![a-z])"
_TRY_AGAIN = re.compile(
    r"\b(?:(?:(?:try|available|retried) again|retry(?:ing)?|resets?|wait)\s+(?:in|after|for)|wait)\s+"
    r"(?:about |approximately |another )?"
    rf"(?:([0-9.]+(?:ns|us|µs|μs|ms|s|m|h)[0-9.a-zµμ]{{0,40}})|({_SPAN}(?:(?:,| and|, and)? {_SPAN}){{0,3}}))",
    re.IGNORECASE,
)
"""Waits in sentences: *try again in 9m38.016s*, *retry after 12 seconds*, *resets in 1 minute and 5 seconds*."""
_OTHER_LANGUAGES = re.compile(
    r"\b(?:in(?! \d+ minutes?\b)|nach|dans|après|en|em|tra|fra|dentro de|через)\s+"
    r"(?P<european>\d{1,6}(?:[.,]\d{1,3})?)\s*"
    r"(?P<unit>sekunden?|secondes?|segund[oa]s?|secondi|секунд\w?|minuten?|minutes?|minutos?|minuti|минут\w?)\b"
    r"|(?P<asian>\d{1,6}(?:\.\d{1,3})?)\s*(?P<sign>秒|分钟|分鐘|分|초|분)\s*(?:钟|鐘|间|間)?(?:之)?(?:后|後|以后|以後|후)",
    re.IGNORECASE,
)
"""The same in German, French, Spanish, Portuguese, Italian, Russian, Chinese, Japanese and Korean."""
_RESETS_AT = re.compile(
    r"\b(?:resets?|retry|try again|available|reset time)\b[^.\n]{0,30}?\b(?:at|after|on|:)?\s*"
    r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z| ?UTC|[+-]\d\d:?\d\d)?)",
    re.IGNORECASE,
)
"""A moment in a sentence: *your limit resets at 2026-11-29T17:59:17Z*; without a zone it is UTC."""
_WORD_S = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_RESETS = (
    "requests", "tokens", "input-tokens", "output-tokens",
    "requests-minute", "requests-hour", "requests-day", "tokens-minute", "tokens-hour", "tokens-day",
)  # fmt: skip
_WAIT_HEADERS = ("retry-after", "x-retry-after", "x-ratelimit-retry-after", "retry-after-seconds")
_RATE_LIMIT_FIELD = re.compile(r"\b(remaining|reset|r|t)\s*=\s*(\d{1,9})\b")
"""Parameters of the IETF's ``RateLimit`` header: ``limit=100, remaining=0, reset=50``, later ``"a";r=0;t=50``."""
_WINDOW_CODE = re.compile(r"\(([A-Z]{2,6})\)\s*:?\s*Limit")
_WINDOW_WORDS = re.compile(r"\bon (requests|tokens) per (minute|day)\b")


@value(frozen=True, slots=True)
class Reading:
    """Hold one window as headers show it: ``remaining`` of ``limit`` units."""

    dimension: Dimension
    limit: float | None
    remaining: float | None


@dataclass(frozen=True, slots=True)
class RateLimitText:
    """Hold what the text of a 429 (or of a 413 for size) says; None where it is silent.

    ``limit``, ``used`` and ``requested`` are in the dimension's unit, ``try_again_s`` in seconds.
    """

    model: str
    organization: str
    service_tier: str
    dimension: Dimension | None
    limit: int | None
    used: int | None
    requested: int | None
    try_again_s: float | None


def go_duration_s(text: str) -> float | None:
    """Return seconds of a duration as Go writes it (``2m59.56s``, ``644ms``, ``24h0m0s``); None for anything else."""
    text = text.strip()
    if text == "0":
        return 0.0
    if len(text) > _LONGEST_HEADER or not _WHOLE.fullmatch(text):
        return None
    seconds = sum(float(number) * _UNIT_S[unit] for number, unit in _PART.findall(text))
    return seconds if math.isfinite(seconds) else None


def retry_after_s(value: str | None, now: float) -> float | None:
    """Return the seconds of a ``retry-after`` header, at most a day; None for junk, negative values and past dates.

    The value is a number of seconds, a moment (an HTTP or ISO 8601 date, seconds or milliseconds since the epoch, as
    ``now`` is in seconds), or a duration as Go or ISO 8601 writes it.
    """
    seconds = _span_s(value, now)
    return min(seconds, LONGEST_WAIT_S) if seconds is not None and seconds >= 0 else None


def told_wait_s(headers: Mapping[str, str], now: float) -> float | None:
    """Return the wait that headers of a refusal state, in seconds, at most a day; milliseconds are preferred."""
    milliseconds = _number(headers.get("retry-after-ms", "")[:_LONGEST_HEADER])
    if milliseconds is not None and milliseconds >= 0:
        return min(milliseconds / 1000, LONGEST_WAIT_S)
    for name in _WAIT_HEADERS:
        told = retry_after_s(headers.get(name), now)
        if told is not None:
            return told
    waits = [retry_after_s(headers.get(name), now) for name in _spent(headers)]
    waits += [_rate_limit_field_s(headers.get("ratelimit", ""))]
    return max((wait for wait in waits if wait is not None), default=None)


def _spent(headers: Mapping[str, str]) -> tuple[str, ...]:
    """Return the headers that say when a window opens again of which nothing remains."""
    names = []
    for prefix in ("x-ratelimit", "ratelimit", "ratelimitbysize", "x-ratelimitbysize"):
        if headers.get(f"{prefix}-remaining") == "0":
            names.append(f"{prefix}-reset")
        names += [f"{prefix}-reset-{of}" for of in _RESETS if headers.get(f"{prefix}-remaining-{of}") == "0"]
    kinds = [f"anthropic-ratelimit-{of}" for of in _RESETS]
    return (*names, *(f"{kind}-reset" for kind in kinds if headers.get(f"{kind}-remaining") == "0"))


def _rate_limit_field_s(value: str) -> float | None:
    """Return seconds of the longest wait that a ``RateLimit`` header states for a window of which nothing remains."""
    waits = []
    for window in value[:500].split('"') if '"' in value else [value[:500]]:
        told = dict(_RATE_LIMIT_FIELD.findall(window))
        if told.get("remaining", told.get("r")) == "0" and (reset := told.get("reset", told.get("t"))):
            waits.append(min(float(reset), LONGEST_WAIT_S))
    return max(waits, default=None)


def _prose_s(message: str, now: float | None = None) -> float | None:
    """Return seconds of the wait that a sentence states, or None; of a moment only where ``now`` is known."""
    found = _TRY_AGAIN.search(message)
    if found is None:
        return _other_prose_s(message, now)
    if found[1] is not None and (span_s := go_duration_s(found[1].rstrip("."))) is not None:
        return span_s
    seconds = 0.0
    for number, unit in re.findall(r"(\d+(?:\.\d*)?)\s?([a-z]*)", (found[2] or found[1] or "").lower()):
        name = "ms" if unit.startswith(("ms", "milli")) else unit[:1] or "s"
        if name not in _WORD_S:
            return None
        seconds += float(number) * _WORD_S[name]
    return seconds


def _other_prose_s(message: str, now: float | None) -> float | None:
    """Return seconds of a wait that is stated in another language than English, or as a moment."""
    at = _RESETS_AT.search(message) if now is not None else None
    if at is not None and now is not None:
        return retry_after_s(at[1].replace(" UTC", "Z").replace("UTC", "Z"), now)
    found = _OTHER_LANGUAGES.search(message)
    if found is None:
        return None
    unit = (found["unit"] or found["sign"]).lower()
    number = float((found["european"] or found["asian"]).replace(",", "."))
    return number * (60.0 if unit.startswith(("m", "м", "分", "분")) else 1.0)


def _span_s(value: str | None, now: float) -> float | None:
    """Return seconds until what a header names: a span of time, or a moment."""
    if value is None or not value.strip() or len(value) > _LONGEST_HEADER:
        return None
    value = value.strip()
    number = _number(value) if value[-1].isdecimal() or value[-1] == "." else None
    if number is not None:
        if number >= _EPOCH_MS:
            return number / 1000 - now
        return number - now if number >= _EPOCH_S else number
    span_s = go_duration_s(value)
    if span_s is None:
        span_s = _iso_duration_s(value)
    if span_s is None and re.fullmatch(_SPAN, value, re.IGNORECASE):
        span_s = _prose_s(f"wait {value}")
    if span_s is not None:
        return span_s
    try:
        moment = datetime.fromisoformat(value) if value[:4].isdigit() else parsedate_to_datetime(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _iso_duration_s(text: str) -> float | None:
    """Return seconds of a duration as ISO 8601 writes it (``PT1M30.5S``); None for anything else."""
    found = _ISO_DURATION.fullmatch(text)
    if found is None or not any(found.groups()):
        return None
    return sum(
        float(number or 0) * unit_s for number, unit_s in zip(found.groups(), (86_400, 3_600, 60, 1), strict=True)
    )


def readings(
    headers: Mapping[str, str], now: float = 0.0, *, requests_per_day: bool | None = None
) -> tuple[Reading, ...]:
    """Return the windows in ``x-ratelimit-*`` headers (names in lower case), at most one each of requests and tokens.

    Names that end in ``-minute`` or ``-day`` say their window, as Cerebras has them. Without that tokens are those of a
    minute; requests are those of a day or a minute as ``requests_per_day`` says of the server. Where that is unknown,
    they are those of a day, unless the reset time can only belong to a minute. ``now``: seconds since the epoch.
    """
    found: dict[Dimension, Reading] = {}
    for named_limit, named_remaining, named_reset, told in _WINDOWS:
        if named_limit not in headers and named_remaining not in headers:
            continue
        limit = _bounded(headers.get(named_limit), least=1.0)
        remaining = _bounded(headers.get(named_remaining), least=0.0)
        if limit is None and (remaining is None or named_limit in headers):
            continue
        if limit is not None and remaining is not None and remaining > limit:
            continue
        dimension = told
        if dimension is None:
            per_day = requests_per_day
            if per_day is None:
                per_day = not _refills_in_minutes(limit, remaining, headers.get(named_reset), now)
            dimension = Dimension.RPD if per_day else Dimension.RPM
        found.setdefault(dimension, Reading(dimension, limit, remaining))
    return tuple(found.values())


def rate_limit_text(message: str, now: float | None = None) -> RateLimitText | None:
    """Return what the message of a 429 or 413 says about a quota, or None if it says nothing about one.

    A moment in it becomes a wait where ``now`` is given, in seconds since the epoch.
    """
    message = message[:4_000]
    names = {name: _first(pattern, message) or "" for name, pattern in _FIELDS.items()}
    limit, used, requested = (_integer(_first(each, message)) for each in (_LIMIT, _USED, _REQUESTED))
    try_again_s = _prose_s(message, now)
    if try_again_s is not None:
        try_again_s = min(try_again_s, LONGEST_WAIT_S)
    if limit is None and try_again_s is None and not names["organization"]:
        return None
    return RateLimitText(
        model=names["model"],
        organization=names["organization"].rstrip("."),
        service_tier=names["service_tier"],
        dimension=_dimension(message),
        limit=limit or None,
        used=used,
        requested=requested,
        try_again_s=try_again_s,
    )


def infer_dimension(text: RateLimitText, limits: Mapping[Dimension, float]) -> Dimension | None:
    """Return the dimension that a 429 text means, also where it does not name one.

    A limit that is already known decides; else the stated wait does, because it equals
    ``(used + requested - limit) / (limit / period)`` in one period only; ``requested`` of 1 speaks of requests.
    """
    if text.dimension is not None or text.limit is None:
        return text.dimension
    matches = [dimension for dimension, limit in limits.items() if limit == text.limit]
    if len(matches) == 1:
        return matches[0]
    if text.requested is None:
        return None
    tokens = text.requested > 1
    minute, day = (Dimension.TPM, Dimension.TPD) if tokens else (Dimension.RPM, Dimension.RPD)
    if text.used is None or text.try_again_s is None:
        return None
    over = (text.used + text.requested - text.limit) / text.limit
    if over <= 0:
        return None
    return minute if text.try_again_s / over < _MINUTE_OR_DAY_S else day


def told_level(text: RateLimitText, dimension: Dimension) -> float | None:
    """Return units that were left when a 429 was written, from its stated wait or from what it says is used."""
    if text.limit is None:
        return None
    if text.used is not None:
        return float(text.limit - text.used)
    if text.requested is not None and text.try_again_s is not None:
        return text.requested - text.try_again_s * text.limit / dimension.period_s
    return None


def told_rate(text: RateLimitText) -> float | None:
    """Return units a second that a refusal's stated wait implies: what is over the limit, divided by the wait."""
    if text.limit is None or text.used is None or text.requested is None or not text.try_again_s:
        return None
    over = text.used + text.requested - text.limit
    return over / text.try_again_s if over > 0 else None


def _refills_in_minutes(limit: float | None, remaining: float | None, reset: str | None, now: float) -> bool:
    if limit is None or remaining is None or limit - remaining < 1:
        return False
    reset_s = _span_s(reset, now)
    return reset_s is not None and 0 < reset_s * limit / (limit - remaining) < _ABOUT_A_MINUTE_S


def _dimension(message: str) -> Dimension | None:
    code = _first(_WINDOW_CODE, message)
    if code is not None:
        return Dimension(code) if code in Dimension.__members__ else None
    words = _WINDOW_WORDS.search(message)
    if words is None:
        return None
    return Dimension(f"{words[1][0].upper()}P{words[2][0].upper()}")


def _first(pattern: re.Pattern[str], text: str) -> str | None:
    match = pattern.search(text)
    return match[1] if match else None


def _integer(digits: str | None) -> int | None:
    if digits is None:
        return None
    digits = digits.replace(",", "")
    return int(digits) if len(digits) <= 12 else None


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _bounded(value: str | None, *, least: float) -> float | None:
    if value is None or len(value) > _LONGEST_HEADER:
        return None
    number = _number(value)
    return number if number is not None and least <= number <= _LARGEST_LIMIT else None
