"""The fault matrix: every way in which a call goes wrong, what is made of it, and the page that says so.

``python -m tests.faults`` writes ``tests/faults/faults.md`` from these rows; the tests hold the worker, and the page, to them.
"""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from core.model import Outcome
from tests.programs.faults.world import Headers, Misbehave, completion

PAGE = Path(__file__).resolve().parent / "faults.md"


@dataclass(frozen=True, slots=True)
class Kind:
    """A class of faults that are treated alike, in words for people.

    ``screen`` is a pattern of the console's state line where one organization meets nothing else.
    """

    title: str
    does: str
    waits: str
    shows: str
    screen: str


PASSING = Kind(
    "Errors that pass",
    "Asks again, with a key that was not tried for this email where there is one. Such an error counts against the"
    " email only if others are answered meanwhile; after 5 that count the email is failed, and the run goes on. Where"
    " several emails in a row meet errors, the organization is probed with one call at a time, and nothing counts"
    " against anybody. Where only emails with errors are left, one that was answered before is asked about again, to"
    " tell a server that is down from emails that it cannot take; that call is recorded like any other and changes no"
    " label. Where nothing was ever answered, an email is failed after two hours of errors, unless an outage was seen.",
    "Half a second to three quarters before the email's next try, then twice as long each time, up to 60 to 90 s."
    " An organization that is down is probed after 1, 2, 4 … 60 s. A call is cut off after 60 s (the task's"
    " `timeout_s`), a connection attempt after 10 s.",
    "WAITING, “org_1 is tried again after errors: …” with the server's own words, or “everything in the queue rests after an"
    " error”. A failed email says which error it met and how often.",
    r"^WAITING .*(is tried again after errors: .|everything in the queue rests after an error)",
)
QUOTA = Kind(
    "A quota is spent",
    "Other organizations go on at once; this one waits. Never counts against an email, however often it comes.",
    "As long as `retry-after` or the text says, and a little longer (at most 2 %); no longer than the limit's own"
    " period takes to refill, and never more than a day. Where nothing usable is said, or again and again that the wait"
    " is over: 1, 2, 4 … 60 s.",
    "WAITING with the organization, the limit's name where it was told, and a countdown.",
    r"^WAITING \d\d:\d\d(:\d\d)?(, until .*org_1 waits for a limit that it did not name| for TPD of org_1, until )",
)
TOO_LARGE = Kind(
    "This email is too large",
    "Asks each other organization once, since their quotas differ, then fails the email; it is never asked about again"
    " as it is.",
    "Nothing.",
    "Failed: “too long for the quota: no key's organization takes a request of this size”, or “too long for the model: …”"
    " with the server's words.",
    r"^PAUSED (.*alarm: |25 texts in a row failed, 25 of them with: )",
)
REFUSED = Kind(
    "This request is refused",
    "Asks about other emails first, then about this one again, with another key where there is one. Refused again while"
    " others are answered, the email is failed. Where only such emails are left, one that was answered before is asked"
    " about. Three refusals in a row with no answer in between are the fault of the run (a wrong model, a setting that"
    " the server does not take): the run stops with exit code 1, and no email has failed for it.",
    "Nothing.",
    "Failed: “refused by the server: …” with its words; or STOPPED with them.",
    r"^STOPPED .*api.groq.com answered \d+",
)
KEY_OUT = Kind(
    "This key is refused",
    "Asks about other emails with the same key, since moderation and firewalls refuse single emails with the same"
    " status. Three refusals in a row, or one of an email that was answered before, take the key out until a person acts;"
    " the email is asked again with another key. Without any key left the worker ends with exit code 5, and no email has"
    " failed for it. An email that is refused again while others are answered is failed with the server's words (after"
    " two refusals, after three of 401). A 402 takes the key out at once.",
    "Nothing.",
    "The key is INVALID, with the server's words. Without a key: STOPPED, and what is wrong with each. One email alone:"
    " failed, “refused by the server: …”.",
    r"^STOPPED .*no key can be used \(one …_one: refused by the server",
)
ORGANIZATION_OUT = Kind(
    "This organization is restricted",
    "Takes every key of it out, and goes on with other organizations.",
    "Nothing.",
    "Each of its keys is INVALID, with the server's words.",
    r"^STOPPED .*no key can be used \(one …_one: its organization is restricted",
)
RUN_STOPS = Kind(
    "Nobody will ever answer there",
    "Stops the run with exit code 1. No email has failed for it. Where the server does not name the model, it does so after"
    " three refusals in a row, as above.",
    "Nothing.",
    "STOPPED with the server's words and what to check: the model's name, access to it, the base URL.",
    r"^STOPPED .*api.groq.com answered \d+",
)
BAD_ANSWER = Kind(
    "The answer is no label",
    "Asks again with the rubric, the email, each bad answer and what was wrong with it; after two re-asks (the task's"
    " `max_reasks`) the email is failed.",
    "Nothing.",
    "The funnel of re-asks; a failed email says “no valid label after 3 answers” and keeps them all.",
    r"^PAUSED (.*alarm: |25 texts in a row failed, 25 of them with: )",
)
DECLINED = Kind(
    "The model or a filter declines to answer",
    "Fails the email with the words that were given; the same question is not asked again. Others go on.",
    "Nothing.",
    "Failed: “refused by the model: …” or “refused by the server: …” with the words.",
    r"^PAUSED (.*alarm: |25 texts in a row failed, 25 of them with: )",
)
SETTING = Kind(
    "A setting is refused",
    "Asks again at once without it (`max_tokens` and `max_completion_tokens` stand in for each other), for all keys, until"
    " the worker ends; *Recent* says so once, with the server's words. Nothing fails.",
    "Nothing.",
    "Nothing.",
    r"^RUNNING ",
)
HARMLESS = Kind(
    "An answer with odd headers, in another form or without usage",
    "Takes the answer: of parts the text, of reasoning and a label the label. What cannot be true of a quota is not"
    " believed. Tokens that are not reported, or absurd, are estimated from the texts' length, which *Recent* says.",
    "Nothing.",
    "Nothing.",
    r"^RUNNING ",
)


@dataclass(frozen=True, slots=True)
class Row:
    """One way to go wrong. ``outcome`` is what the attempt is recorded as; ``id`` names the row in tests."""

    id: str
    what: str
    kind: Kind
    outcome: Outcome
    misbehave: Misbehave


def says(status: int, message: str = "boom", code: str = "", headers: Mapping[str, str] | None = None) -> Misbehave:
    """A refusal in the API's own form."""

    async def misbehave(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, json={"error": {"message": message, "code": code}}, headers=headers)

    return misbehave


def sends(status: int, body: bytes, headers: Mapping[str, str] | None = None) -> Misbehave:
    """Just these bytes."""

    async def misbehave(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, content=body, headers=headers)

    return misbehave


def raises(kind: type[Exception], words: str) -> Misbehave:
    """The network breaks."""

    async def misbehave(_: httpx.Request) -> httpx.Response:
        raise kind(words)

    return misbehave


async def breaks_the_reason(_: httpx.Request) -> httpx.Response:
    """What the transport makes of a reason in another encoding."""
    raise UnicodeEncodeError("utf-8", "\udc9b", 0, 1, "surrogates not allowed")


def answers(text: str, *, finish_reason: str = "stop", headers: Headers | None = None) -> Misbehave:
    """A proper completion, of this text."""

    async def misbehave(_: httpx.Request) -> httpx.Response:
        return completion(text, headers, finish_reason)

    return misbehave


def chooses(message: Mapping[str, Any], *, usage: object = None, **choice: object) -> Misbehave:
    """Return what answers with this message, with further fields of its choice, and with this usage."""

    async def misbehave(_: httpx.Request) -> httpx.Response:
        body = {"choices": [{"index": 0, "finish_reason": "stop", "message": message, **choice}], "usage": usage}
        return httpx.Response(200, json=body)

    return misbehave


def refuses_setting(name: str, message: str) -> Misbehave:
    """Return what refuses a request with this field, and answers any other."""

    async def misbehave(request: httpx.Request) -> httpx.Response:
        if name in json.loads(request.content):
            return httpx.Response(400, json={"error": {"message": message}})
        return completion("1")

    return misbehave


def refuses(*headers: tuple[str, str]) -> Misbehave:
    """A 429 whose text says nothing, with these headers, of which one may come twice."""

    async def misbehave(_: httpx.Request) -> httpx.Response:
        return httpx.Response(429, json={"error": {"message": "no", "code": ""}}, headers=list(headers))

    return misbehave


async def hangs(_: httpx.Request) -> httpx.Response:
    """Nothing comes, ever."""
    await asyncio.sleep(1e6)
    raise AssertionError("nobody waits that long")


class _Drip(httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(5)
            yield b" "


async def drips(_: httpx.Request) -> httpx.Response:
    """A byte every five seconds: no pause is long enough for a read time-out."""
    return httpx.Response(200, stream=_Drip())


TPD = (
    "Rate limit reached for model `openai/gpt-oss-20b` in organization `org_1` service tier `on_demand` on tokens per"
    " day (TPD): Limit 200000, Used 199900, Requested 400. Please try again in 129.6s."
)
TOO_LARGE_TEXT = (
    "Request too large for model `openai/gpt-oss-20b` in organization `{org}` on tokens per minute (TPM): Limit 8000,"
    " Requested ~12903, please reduce your message size and try again."
)
ABSURD: dict[str, Any] = {
    "x-ratelimit-limit-requests": "-5",
    "x-ratelimit-remaining-requests": "NaN",
    "x-ratelimit-reset-requests": "99999999999999h",
    "x-ratelimit-limit-tokens": "1e400",
    "x-ratelimit-remaining-tokens": "0x10",
    "x-ratelimit-reset-tokens": "soon",
    "retry-after": "tomorrow",
}

MEGABYTE = "9" * 1_000_000
QUOTA_HEADERS = tuple(
    f"x-ratelimit-{what}-{of}" for what in ("limit", "remaining", "reset") for of in ("requests", "tokens")
)

ROWS = (
    Row("500", "500", PASSING, Outcome.SERVER_ERROR, says(500)),
    Row("502-html", "502 with a page of HTML", PASSING, Outcome.SERVER_ERROR, sends(502, b"<html>bad gateway</html>")),
    Row("503", "503", PASSING, Outcome.SERVER_ERROR, says(503)),
    Row("504", "504", PASSING, Outcome.SERVER_ERROR, says(504)),
    Row("498", "498 `capacity_exceeded`", PASSING, Outcome.CAPACITY, says(498, "over capacity", "capacity_exceeded")),
    Row("408", "408", PASSING, Outcome.TIMEOUT, says(408)),
    Row("424", "409, 424, 425, 499", PASSING, Outcome.SERVER_ERROR, says(424)),
    Row("connect-timeout", "no connection in time", PASSING, Outcome.TIMEOUT, raises(httpx.ConnectTimeout, "slow")),
    Row("read-timeout", "no answer in time", PASSING, Outcome.TIMEOUT, raises(httpx.ReadTimeout, "slow")),
    Row("write-timeout", "a request that cannot be sent in time", PASSING, Outcome.TIMEOUT,
        raises(httpx.WriteTimeout, "slow")),
    Row("pool-timeout", "no free connection in time", PASSING, Outcome.TIMEOUT, raises(httpx.PoolTimeout, "full")),
    Row("hang", "a connection on which nothing ever comes", PASSING, Outcome.TIMEOUT, hangs),
    Row("drip", "an answer that drips in, byte by byte", PASSING, Outcome.TIMEOUT, drips),
    Row("refused", "a refused connection", PASSING, Outcome.CONNECTION, raises(httpx.ConnectError, "refused")),
    Row("reset", "a reset connection", PASSING, Outcome.CONNECTION, raises(httpx.ReadError, "reset by peer")),
    Row("cut", "a body that is cut off", PASSING, Outcome.CONNECTION,
        raises(httpx.RemoteProtocolError, "peer closed connection without sending complete message body")),
    Row("dns", "a name that cannot be resolved", PASSING, Outcome.CONNECTION,
        raises(httpx.ConnectError, "[Errno -2] Name or service not known")),
    Row("tls", "a certificate that is not trusted", PASSING, Outcome.CONNECTION,
        raises(httpx.ConnectError, "[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate")),
    Row("200-nothing", "200 without a body", PASSING, Outcome.SERVER_ERROR, sends(200, b"")),
    Row("200-html", "200 with a page of HTML", PASSING, Outcome.SERVER_ERROR, sends(200, b"<html>sign in</html>")),
    Row("200-half", "200 with half of the JSON", PASSING, Outcome.SERVER_ERROR, sends(200, b'{"choices": [{"mess')),
    Row("200-other", "200 with other JSON", PASSING, Outcome.SERVER_ERROR, sends(200, b'{"status": "ok"}')),
    Row("200-bytes", "200 with bytes that are no text", PASSING, Outcome.SERVER_ERROR, sends(200, bytes(range(256)))),
    Row("200-reason", "200 with a status line that is no text", PASSING, Outcome.SERVER_ERROR, breaks_the_reason),
    Row("200-error", "200 with an error inside", PASSING, Outcome.SERVER_ERROR, says(200, "upstream went away")),
    Row("200-choice", "200 with an error inside its choice", PASSING, Outcome.SERVER_ERROR,
        chooses({"content": ""}, finish_reason="error", error={"code": 502, "message": "Upstream error from Provider"})),
    Row("200-502", "200 with the code 502 inside", PASSING, Outcome.SERVER_ERROR, says(200, "upstream", "502")),
    Row("200-long", "200 with a body of 3 MB", PASSING, Outcome.SERVER_ERROR, sends(200, b" " * 3_000_000)),
    Row("200-bomb", "200 with a body that decodes to 30 MB", PASSING, Outcome.SERVER_ERROR,
        sends(200, gzip.compress(b" " * 30_000_000), {"content-encoding": "gzip"})),
    Row("429-header", "429 with `retry-after`", QUOTA, Outcome.RATE_LIMITED,
        says(429, "slow down", "rate_limit_exceeded", {"retry-after": "7"})),
    Row("429-text", "429 with the wait in its text", QUOTA, Outcome.RATE_LIMITED,
        says(429, TPD, "rate_limit_exceeded")),
    Row("429-bare", "429 that says nothing", QUOTA, Outcome.RATE_LIMITED, says(429, "")),
    Row("429-negative", "429 with a negative `retry-after`", QUOTA, Outcome.RATE_LIMITED, refuses(("retry-after", "-5"))),
    Row("429-nan", "429 with `retry-after: NaN`", QUOTA, Outcome.RATE_LIMITED, refuses(("retry-after", "NaN"))),
    Row("429-huge", "429 with `retry-after: 1e400`", QUOTA, Outcome.RATE_LIMITED, refuses(("retry-after", "1e400"))),
    Row("429-unit", "429 with an unknown unit", QUOTA, Outcome.RATE_LIMITED,
        refuses(("retry-after", "7 fortnights"))),
    Row("429-twice", "429 with two `retry-after`", QUOTA, Outcome.RATE_LIMITED,
        refuses(("retry-after", "7"), ("retry-after", "9"))),
    Row("429-megabyte", "429 with a `retry-after` of a megabyte", QUOTA, Outcome.RATE_LIMITED,
        refuses(("retry-after", MEGABYTE))),
    Row("429-zero", "429 with `retry-after: 0`, for ever", QUOTA, Outcome.RATE_LIMITED, refuses(("retry-after", "0"))),
    Row("429-absurd", "429 with absurd headers", QUOTA, Outcome.RATE_LIMITED, says(429, "no", "", ABSURD)),
    Row("200-429", "200 with `rate_limit_exceeded` inside", QUOTA, Outcome.RATE_LIMITED,
        says(200, TPD, "rate_limit_exceeded")),
    Row("200-429-number", "200 with the code 429 inside", QUOTA, Outcome.RATE_LIMITED,
        says(200, "Rate limit exceeded: free-models-per-min.", "429")),
    Row("402-wait", "402 with `retry-after`", QUOTA, Outcome.RATE_LIMITED, says(402, "later", "", {"retry-after": "7"})),
    Row("429-list", "429 whose body is a list with Google's `RetryInfo`", QUOTA, Outcome.RATE_LIMITED,
        sends(429, b'[{"error": {"code": 429, "message": "Spent.", "details": [{"retryDelay": "7s"}]}}]')),
    Row("429-prose", "429 “Please retry after 7 seconds”", QUOTA, Outcome.RATE_LIMITED,
        says(429, "You have exceeded the token rate limit. Please retry after 7 seconds.", "429")),
    Row("429-reset", "429 whose headers say when the spent window opens again", QUOTA, Outcome.RATE_LIMITED,
        refuses(("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "7"))),
    Row("200-429-words", "200 with the error “Rate limit exceeded” inside", QUOTA, Outcome.RATE_LIMITED,
        sends(200, b'{"error": "Rate limit exceeded, slow down"}')),
    Row("413", "413", TOO_LARGE, Outcome.TOO_LARGE, says(413, TOO_LARGE_TEXT, "rate_limit_exceeded")),
    Row("429-large", "429 “Request too large”", TOO_LARGE, Outcome.TOO_LARGE,
        says(429, TOO_LARGE_TEXT, "rate_limit_exceeded")),
    Row("400-context", "400 `context_length_exceeded`", TOO_LARGE, Outcome.TOO_LARGE,
        says(400, "too long", "context_length_exceeded")),
    Row("200-context", "200 with the error that the context is too small", TOO_LARGE, Outcome.TOO_LARGE,
        sends(200, b'{"error": "The number of tokens to keep is greater than the context length (4096)."}')),
    Row("400", "400", REFUSED, Outcome.BAD_REQUEST, says(400, "not like this")),
    Row("422", "422", REFUSED, Outcome.BAD_REQUEST, says(422, "unprocessable")),
    Row("418", "any other 4xx", REFUSED, Outcome.BAD_REQUEST, says(418, "teapot")),
    Row("401", "401 `invalid_api_key`", KEY_OUT, Outcome.UNAUTHORIZED, says(401, "Invalid API Key", "invalid_api_key")),
    Row("402", "402", KEY_OUT, Outcome.UNAUTHORIZED, says(402, "Insufficient balance")),
    Row("no-credit", "429 `insufficient_quota`", KEY_OUT, Outcome.UNAUTHORIZED,
        says(429, "You exceeded your current quota", "insufficient_quota")),
    Row("no-balance", "400 “Your credit balance is too low”", KEY_OUT, Outcome.UNAUTHORIZED,
        says(400, "Your credit balance is too low to access the API.")),
    Row("403", "403", KEY_OUT, Outcome.UNAUTHORIZED, says(403, "not allowed")),
    Row("restricted", "400 `organization_restricted`", ORGANIZATION_OUT, Outcome.RESTRICTED,
        says(400, "Organization has been restricted.", "organization_restricted")),
    Row("404", "404 `model_not_found`", RUN_STOPS, Outcome.MODEL_GONE, says(404, "no such model", "model_not_found")),
    Row("gone", "400 `model_decommissioned`", RUN_STOPS, Outcome.MODEL_GONE, says(400, "gone", "model_decommissioned")),
    Row("302", "a redirect (never followed: it could carry an email elsewhere)", RUN_STOPS, Outcome.MODEL_GONE,
        sends(302, b"", {"location": "https://elsewhere.example"})),
    Row("400-model", "400 “Invalid model”", RUN_STOPS, Outcome.MODEL_GONE, says(400, "Invalid model: openai/gpt-oss-20b")),
    Row("404-status", "404 that names nothing", RUN_STOPS, Outcome.MODEL_GONE, sends(404, b"<html>404</html>")),
    Row("405", "405, 410 of a wrong address", RUN_STOPS, Outcome.MODEL_GONE, sends(405, b"")),
    Row("invalid", "200, but no label", BAD_ANSWER, Outcome.INVALID, answers("It is work, I think.")),
    Row("empty", "200 with an empty answer", BAD_ANSWER, Outcome.EMPTY, answers("")),
    Row("length", "200, empty because the reasoning ate the tokens", BAD_ANSWER, Outcome.TRUNCATED,
        answers("", finish_reason="length")),
    Row("refusal", "200 with a refusal", DECLINED, Outcome.REFUSED, chooses({"content": None, "refusal": "I cannot."})),
    Row("filtered", "200 ended by a content filter", DECLINED, Outcome.REFUSED,
        chooses({"content": ""}, finish_reason="content_filter")),
    Row("filter", "400 `content_filter`", DECLINED, Outcome.REFUSED, says(400, "filtered", "content_filter")),
    Row("max-tokens", "400 for `max_completion_tokens`", SETTING, Outcome.ANSWERED,
        refuses_setting("max_completion_tokens", "Unsupported parameter: 'max_completion_tokens'")),
    Row("temperature", "400 for `temperature`", SETTING, Outcome.ANSWERED,
        refuses_setting("temperature", "temperature does not support 0.0 with this model")),
    Row("effort", "400 for `reasoning_effort`", SETTING, Outcome.ANSWERED,
        refuses_setting("reasoning_effort", "Unrecognized request argument supplied: reasoning_effort")),
    Row("parts", "200 with content in parts", HARMLESS, Outcome.ANSWERED,
        chooses({"content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "1"}]})),
    Row("think", "200 with reasoning in front of the label", HARMLESS, Outcome.ANSWERED,
        answers("<think>\nIs it 0?\n</think>\n\n1")),
    Row("no-usage", "200 without usage", HARMLESS, Outcome.ANSWERED, chooses({"content": "1"})),
    Row("absurd-usage", "200 with 2^63 tokens", HARMLESS, Outcome.ANSWERED,
        chooses({"content": "1"}, usage={"prompt_tokens": 2**63, "completion_tokens": -1})),
    Row("headers-twice", "200 with each quota header twice, in contradiction", HARMLESS, Outcome.ANSWERED,
        answers("1", headers=[(name, value) for name in QUOTA_HEADERS for value in ("3", "5000")])),
    Row("headers-megabyte", "200 with quota headers of a megabyte", HARMLESS, Outcome.ANSWERED,
        answers("1", headers=[(name, MEGABYTE) for name in QUOTA_HEADERS[:2]])),
    Row("headers", "200 with absurd quota headers", HARMLESS, Outcome.ANSWERED, answers("1", headers=ABSURD)),
)  # fmt: skip


def of_kind(*kinds: Kind) -> list[Row]:
    """The rows of these kinds."""
    return [row for row in ROWS if row.kind in kinds]


def page() -> str:
    """``tests/faults/faults.md``."""
    lines = [
        "# What goes wrong, and what becomes of it",
        "",
        "Every row is a test in `tests/faults/test_matrix.py`, which plays a run with the real worker against a server",
        "that misbehaves that way: once, for one email always, or for everybody for an hour. This page is written by",
        "`python -m tests.faults`; a test fails when it is not what the rows say.",
        "",
        "Whatever happens, 25 different emails failing one after another pause the run and say why.",
    ]
    for kind in dict.fromkeys(row.kind for row in ROWS):
        lines += ["", f"## {kind.title}", "", "| what happens | recorded as |", "| --- | --- |"]
        lines += [f"| {row.what} | `{row.outcome.value}` |" for row in of_kind(kind)]
        lines += [
            "",
            f"- **The worker:** {kind.does}",
            f"- **It waits:** {kind.waits}",
            f"- **The screen shows:** {kind.shows}",
        ]
    return "\n".join(lines) + "\n"
