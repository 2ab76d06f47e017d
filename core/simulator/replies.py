"""Write Groq's answers: bodies, error bodies, rate-limit headers and Go durations.

Pure and without state. The texts follow real ones closely, because clients learn organizations, windows and
waits from them.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from core.simulator.config import HeaderMode
    from core.simulator.quota import Level, Refusal, WindowName

Header = tuple[bytes, bytes]

WINDOW_WORDS: Final[dict[WindowName, str]] = {
    "rpm": "requests per minute (RPM)",
    "rpd": "requests per day (RPD)",
    "tpm": "tokens per minute (TPM)",
    "tpd": "tokens per day (TPD)",
}
UPGRADE: Final = "Need more tokens? Upgrade to Dev Tier today at https://console.groq.com/settings/billing"
_JSON: Final[Header] = (b"content-type", b"application/json")
_HTML: Final[Header] = (b"content-type", b"text/html; charset=UTF-8")
HTML_PAGE: Final = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    b"<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n"
)


@dataclass(frozen=True, slots=True)
class Reply:
    """Hold a response before it is sent. `cut` means: close the connection in the middle of the body."""

    status: int
    body: bytes
    headers: tuple[Header, ...] = ()
    cut: bool = False

    def all_headers(self) -> list[Header]:
        """Return the headers with the body's length."""
        return [*self.headers, (b"content-length", str(len(self.body)).encode())]


def go_duration(seconds: float) -> str:
    """Write seconds as Go does, in milliseconds rounded up: `644ms`, `7.66s`, `2m59.56s`, `24h0m0s`."""
    milliseconds = max(0, math.ceil(seconds * 1_000 - 1e-6))
    if milliseconds == 0:
        return "0s"
    if milliseconds < 1_000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    text = f"{rest // 1_000}"
    if rest % 1_000:
        text += f".{rest % 1_000:03d}".rstrip("0")
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{text}s"
    return f"{minutes}m{text}s" if minutes else f"{text}s"


def ids(request_id: str) -> tuple[Header, ...]:
    """Return the headers that name a call."""
    return ((b"x-groq-request-id", request_id.encode()), (b"x-request-id", request_id.encode()))


def json_reply(status: int, body: Any, headers: tuple[Header, ...] = ()) -> Reply:
    """Make a reply with a JSON body."""
    return Reply(status, json.dumps(body, separators=(",", ":")).encode(), (_JSON, *headers))


def html_reply(headers: tuple[Header, ...] = ()) -> Reply:
    """Make the 502 page of a proxy in front of the service."""
    return Reply(502, HTML_PAGE, (_HTML, *headers))


def error_reply(
    status: int,
    message: str,
    *,
    kind: str = "invalid_request_error",
    code: str | None = None,
    param: str | None = None,
    headers: tuple[Header, ...] = (),
) -> Reply:
    """Make an error in Groq's shape; `code` and `param` are left out where Groq leaves them out."""
    error = {"message": message, "type": kind}
    if code is not None:
        error["code"] = code
    if param is not None:
        error["param"] = param
    return json_reply(status, {"error": error}, headers)


def rate_limit_text(
    refusal: Refusal, *, model: str, organization: str, tier: str, odd: int | None = None
) -> tuple[str, str]:
    """Return the message and the type (`tokens` or `requests`) of a 429 or, if it can never fit, a 413.

    `odd` 0, 1 and 2 give the wordings that occur now and then: `Requested ~N`, no `Used`, no window name.
    """
    where = f"model `{model}` in organization `{organization}` service tier `{tier}`"
    window = WINDOW_WORDS[refusal.window]
    kind = "requests" if refusal.window in {"rpm", "rpd"} else "tokens"
    if refusal.never:
        message = (
            f"Request too large for {where} on {window}: Limit {refusal.limit}, Requested {refusal.requested}, "
            f"please reduce your message size and try again. {UPGRADE}"
        )
        return message, kind
    used = "" if odd == 1 else f"Used {refusal.used}, "
    about = "~" if odd == 0 else ""
    message = (
        f"Rate limit reached for {where} on {'' if odd == 2 else window}: "
        f"Limit {refusal.limit}, {used}Requested {about}{refusal.requested}. "
        f"Please try again in {go_duration(refusal.wait_s)}. {UPGRADE}"
    )
    return message, kind


def quota_headers(requests: Level | None, tokens: Level | None, mode: HeaderMode) -> tuple[Header, ...]:
    """Return the `x-ratelimit-*` headers: requests of the day, tokens of the minute.

    An unlimited window has no headers. Lying ones say that nothing is used.
    """
    if mode == "missing":
        return ()
    made: list[Header] = []
    for name, level in ((b"requests", requests), (b"tokens", tokens)):
        if level is None:
            continue
        lying = mode == "lying"
        remaining = level.limit if lying else level.remaining
        reset = "0s" if lying else go_duration(level.reset_s)
        made.append((b"x-ratelimit-limit-" + name, str(level.limit).encode()))
        made.append((b"x-ratelimit-remaining-" + name, str(remaining).encode()))
        made.append((b"x-ratelimit-reset-" + name, reset.encode()))
    return tuple(made)


def retry_after(wait_s: float, mode: HeaderMode) -> tuple[Header, ...]:
    """Return `retry-after` in whole seconds, rounded up; always 1 if lying."""
    if mode == "missing":
        return ()
    seconds = 1 if mode == "lying" else max(1, math.ceil(wait_s - 1e-6))
    return ((b"retry-after", str(seconds).encode()),)
