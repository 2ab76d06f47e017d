"""What one call sends and what it brings back, over the real SDK and a transport without sockets."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from core.errors import CallTimeoutError, KeysError, ModelGoneError, RequestRefusedError, ServerFailedError
from core.llm.client import ChatClient
from core.model import ChatMessage, ModelSettings, Usage

SECRET = "gsk_test_0123456789_abcdefghijklmnop"
MESSAGES = (ChatMessage("system", "the rubric"), ChatMessage("user", "$$ ${output_schema} {braces} ünï \x00 end"))
COMPLETION: dict[str, Any] = {
    "id": "chatcmpl-1",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "1\n"}, "finish_reason": "stop"}],
    "usage": {
        "prompt_tokens": 900,
        "completion_tokens": 31,
        "total_tokens": 931,
        "prompt_tokens_details": {"cached_tokens": 512},
    },
    "x_groq": {"id": "req_body"},
}


def completion(**changes: Any) -> dict[str, Any]:
    """A completion's body with top-level fields replaced."""
    return {**COMPLETION, **changes}


def client_for(answer: Callable[[httpx.Request], httpx.Response]) -> ChatClient:
    """A client whose every call is answered by ``answer``."""
    return ChatClient(SECRET, transport=httpx.MockTransport(answer))


async def reply_to(body: Any, **headers: str) -> Any:
    """The reply read from one body."""
    return await client_for(lambda _: httpx.Response(200, json=body, headers=headers)).ask(MESSAGES, ModelSettings())


async def sent(settings: ModelSettings) -> httpx.Request:
    """The request that a call with these settings sends."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=COMPLETION)

    await client_for(answer).ask(MESSAGES, settings)
    return seen[0]


@pytest.mark.asyncio
async def test_reply_holds_text_usage_id_and_headers() -> None:
    """A reply brings the raw text, the token counts, the request id and the headers in lower case."""
    reply = await reply_to(COMPLETION, **{"X-Request-Id": "req_header", "X-RateLimit-Remaining-Tokens": "17997"})

    assert reply.text == "1\n"
    assert reply.finish_reason == "stop"
    assert reply.usage == Usage(900, 31, 512)
    assert reply.usage.counted == 419
    assert reply.request_id == "req_header"
    assert reply.headers["x-ratelimit-remaining-tokens"] == "17997"


@pytest.mark.asyncio
async def test_request_id_is_read_from_the_body_where_no_header_has_it() -> None:
    """Without the header the id comes from the body."""
    assert (await reply_to(COMPLETION)).request_id == "req_body"


@pytest.mark.asyncio
async def test_cookies_are_left_out_of_the_headers() -> None:
    """Cookies open sessions, so they are not handed on."""
    assert "set-cookie" not in (await reply_to(COMPLETION, **{"Set-Cookie": "__cf_bm=abc"})).headers


@pytest.mark.asyncio
async def test_null_content_is_the_empty_text() -> None:
    """A null answer with a spent token budget is a reply, not an error: validation names it."""
    body = completion(choices=[{"message": {"content": None}, "finish_reason": "length"}])

    reply = await reply_to(body)

    assert (reply.text, reply.finish_reason) == ("", "length")


@pytest.mark.parametrize(
    "usage",
    [
        None,
        [],
        "many",
        {},
        {"prompt_tokens": "900"},
        {"prompt_tokens": -1, "completion_tokens": True},
        {"prompt_tokens": 2**63},
        {"prompt_tokens": 1e300},
    ],
)
@pytest.mark.asyncio
async def test_odd_usage_is_estimated_and_marked(usage: Any) -> None:
    """An answer is kept although its server counts no tokens, or counts them absurdly; about four characters are one."""
    reply = await reply_to(completion(usage=usage))

    assert (reply.text, reply.usage) == ("1\n", Usage(21, 2, estimated=True))


@pytest.mark.asyncio
async def test_lone_surrogates_do_not_get_in() -> None:
    """An answer with half of a surrogate pair becomes text that a database takes."""
    text = '{"choices": [{"message": {"content": "a\\ud800b"}}]}'
    client = client_for(lambda _: httpx.Response(200, text=text))

    assert (await client.ask(MESSAGES, ModelSettings())).text == "a\ufffdb"


@pytest.mark.asyncio
async def test_request_carries_messages_unchanged_and_every_setting() -> None:
    """What the task says is what is sent, character for character, under the key of this client."""
    request = await sent(ModelSettings(model="m", reasoning_effort="high"))

    assert json.loads(request.content) == {
        "model": "m",
        "messages": [{"role": message.role, "content": message.content} for message in MESSAGES],
        "temperature": 0.0,
        "max_completion_tokens": 256,
        "reasoning_effort": "high",
        "include_reasoning": False,
    }
    assert request.headers["authorization"] == f"Bearer {SECRET}"


@pytest.mark.asyncio
async def test_settings_that_are_none_are_not_sent() -> None:
    """None means that the server's own default holds, so nothing is sent for it."""
    settings = ModelSettings(temperature=None, reasoning_effort=None, include_reasoning=None)

    assert set(json.loads((await sent(settings)).content)) == {"model", "messages", "max_completion_tokens"}


@pytest.mark.asyncio
async def test_timeouts_are_explicit() -> None:
    """Each phase of a call has a limit, and connecting a short one."""
    request = await sent(ModelSettings(timeout_s=40))

    assert request.extensions["timeout"] == {"connect": 10.0, "read": 40, "write": 40, "pool": 40}


@pytest.mark.parametrize("status", [200, 429, 500, 503])
@pytest.mark.asyncio
async def test_a_call_is_one_request(status: int) -> None:
    """The SDK never retries by itself, whatever the server says."""
    calls = 0

    def answer(_: httpx.Request) -> httpx.Response:
        nonlocal calls
        calls += 1
        return httpx.Response(status, json={"error": {"message": "no"}}, headers={"retry-after": "0"})

    with pytest.raises(Exception, match="no"):
        await client_for(answer).ask(MESSAGES, ModelSettings())

    assert calls == 1


@pytest.mark.asyncio
async def test_redirects_are_not_followed() -> None:
    """An email is never carried to a server that the person did not name."""
    hosts: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        hosts.append(request.url.host)
        return httpx.Response(307, headers={"location": "https://elsewhere.example/"})

    with pytest.raises(ModelGoneError):
        await client_for(answer).ask(MESSAGES, ModelSettings())

    assert hosts == ["api.groq.com"]


@pytest.mark.asyncio
async def test_text_that_no_request_can_carry_is_refused_before_sending() -> None:
    """A lone surrogate in an email fails that email alone, with the reason."""
    client = client_for(lambda _: pytest.fail("it was sent"))

    with pytest.raises(RequestRefusedError, match="surrogates"):
        await client.ask([ChatMessage("user", "\ud800")], ModelSettings())


@pytest.mark.parametrize("secret", ["", " ", "gsk_a b", "gsk_ab\n", "\tgsk_ab", "gsk_ä", "gsk_\x00", "“gsk_ab”"])
def test_unusable_secrets_are_refused_before_any_call(secret: str) -> None:
    """A key that no header could carry is a mistake of copying, said at once and without repeating the key."""
    with pytest.raises(KeysError) as caught:
        ChatClient(secret)

    assert not secret.strip() or secret not in str(caught.value) + repr(caught.value)


@pytest.mark.parametrize("secret", [SECRET, "short"])
def test_repr_shows_at_most_the_last_four_characters(secret: str) -> None:
    """A client in a log shows which key it has and not more."""
    shown = repr(ChatClient(secret, transport=httpx.MockTransport(lambda _: httpx.Response(200))))

    assert secret not in shown
    assert shown == f"<ChatClient …{'mnop' if secret == SECRET else ''} at api.groq.com>"


def asgi(body: bytes, sleep_s: float) -> Callable[..., Awaitable[None]]:
    """An ASGI app that answers with ``body`` after a while."""

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await asyncio.sleep(sleep_s)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": body})

    return app


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_under_virtual_time_calls_cost_what_the_server_takes() -> None:
    """The whole client runs on a loop with virtual time, where an hour of calls takes no time."""
    app: Any = asgi(json.dumps(COMPLETION).encode(), sleep_s=36.0)
    client = ChatClient(SECRET, transport=httpx.ASGITransport(app=app))
    loop = asyncio.get_running_loop()
    began = loop.time()

    for _ in range(100):
        await client.ask(MESSAGES, ModelSettings(timeout_s=40))

    assert loop.time() - began == pytest.approx(3600, abs=1)


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_a_call_never_takes_longer_than_its_timeout() -> None:
    """A server that stays silent, or dribbles for hours, costs timeout_s seconds."""
    app: Any = asgi(b"{}", sleep_s=7200.0)
    client = ChatClient(SECRET, transport=httpx.ASGITransport(app=app))
    loop = asyncio.get_running_loop()
    began = loop.time()

    with pytest.raises(CallTimeoutError, match="60 s"):
        await client.ask(MESSAGES, ModelSettings())

    assert loop.time() - began == pytest.approx(60, abs=1)


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_cancellation_passes_through() -> None:
    """Stopping the worker ends a call at once; it is not taken for a failure of the call."""
    app: Any = asgi(b"{}", sleep_s=7200.0)
    client = ChatClient(SECRET, transport=httpx.ASGITransport(app=app))
    call = asyncio.create_task(client.ask(MESSAGES, ModelSettings()))
    await asyncio.sleep(1)

    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call


@pytest.mark.asyncio
async def test_ask_after_close_is_a_call_error() -> None:
    """A call on a closed client fails like any other, with a decision attached."""
    client = client_for(lambda _: httpx.Response(200, json=COMPLETION))
    await client.aclose()

    with pytest.raises(Exception, match="closed") as caught:
        await client.ask(MESSAGES, ModelSettings())

    assert type(caught.value).__module__ == "core.errors"


@pytest.mark.asyncio
async def test_many_calls_at_once_keep_their_own_answers() -> None:
    """Calls that overlap on one client do not mix up their answers."""

    def answer(request: httpx.Request) -> httpx.Response:
        text = json.loads(request.content)["messages"][0]["content"]
        return httpx.Response(200, json={"choices": [{"message": {"content": text}}]})

    client = client_for(answer)
    replies = await asyncio.gather(*(client.ask([ChatMessage("user", str(n))], ModelSettings()) for n in range(200)))

    assert [reply.text for reply in replies] == [str(n) for n in range(200)]


@pytest.mark.asyncio
async def test_environment_of_the_sdk_does_not_move_the_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the address that was handed in counts; the SDK's own variable does not redirect a run behind its back."""
    monkeypatch.setenv("GROQ_BASE_URL", "http://elsewhere.example")

    assert (await sent(ModelSettings())).url.host == "api.groq.com"


@pytest.mark.asyncio
async def test_calls_leave_no_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Thousands of calls do not fill a log that listens at INFO."""
    logging.getLogger().setLevel(logging.INFO)
    try:
        await reply_to(COMPLETION)
    finally:
        logging.getLogger().setLevel(logging.WARNING)

    assert caplog.records == []


def test_a_log_level_that_was_set_before_is_kept() -> None:
    """Whoever asks httpx for its log gets it."""
    program = (
        "import logging; logging.getLogger('httpx').setLevel(logging.INFO); import core.llm.client; "
        "print(logging.getLogger('httpx').level, logging.getLogger('httpcore').level)"
    )

    result = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": "."},
    )

    assert result.stdout.split() == ["20", "30"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>502</html>",
        b'{"choices": [{"message": {"content": "1"',
        b"[]",
        b"null",
        b'"1"',
        b"{}",
        b'{"choices": []}',
        b'{"choices": {}}',
        b'{"choices": [null]}',
        b'{"choices": [{}]}',
        b'{"choices": [{"message": null}]}',
        b'{"choices": [{"message": {"content": 1}}]}',
        b'{"choices": [{"message": {"content": "1"}, "finish_reason": "error"}]}',
        b"\xff\xfe\xfa",
        b"[" * 100_000,
    ],
)
@pytest.mark.parametrize("content_type", ["application/json", "text/html"])
@pytest.mark.asyncio
async def test_body_that_is_no_completion_is_the_server_s_failure(body: bytes, content_type: str) -> None:
    """A broken body with status 200 never passes for an answer, and is worth another try."""
    headers = {"content-type": content_type, "x-request-id": "req_1"}
    client = client_for(lambda _: httpx.Response(200, content=body, headers=headers))

    with pytest.raises(ServerFailedError) as caught:
        await client.ask(MESSAGES, ModelSettings())

    assert (caught.value.status, caught.value.request_id) == (200, "req_1")
    assert len(str(caught.value)) < 700
