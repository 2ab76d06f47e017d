"""The parts of a call, one by one: bodies, headers, timeouts, what is sent, and what a failure is named."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import aiohttp
import groq
import httpx
import pytest

from core.errors import (
    CallError,
    KeyRefusedError,
    ModelGoneError,
    RateLimitedError,
    RequestRefusedError,
    ServerFailedError,
)
from core.llm import client as module
from core.llm.client import ChatClient
from core.llm.dialect import Dialect, optional_fields
from core.llm.failures import Refusal
from core.model import ChatMessage, ModelSettings
from tests.llm.test_client import COMPLETION

SECRET = "gsk_test_0123456789"
REQUEST = httpx.Request("POST", "https://h.example")


def client_of(**given: Any) -> ChatClient:
    """A client that is never answered."""
    return ChatClient(SECRET, transport=httpx.MockTransport(lambda _: httpx.Response(500)), **given)


class _Pieces(httpx.AsyncByteStream):
    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> Any:
        for piece in self._pieces:
            yield piece


@pytest.mark.parametrize(
    ("encoding", "pieces", "read"),
    [
        ("", [b"a" * 60, b"b" * 40], b"a" * 60 + b"b" * 40), ("identity", [b"a" * 100], b"a" * 100),
        ("", [b"a" * 60, b"b" * 41], "a body of more than 100 bytes"), ("identity", [b"a" * 101], "a body of more than 100 bytes"),
        ("gzip", [gzip.compress(b"a" * 100)], b"a" * 100), ("x-gzip", [gzip.compress(b"a")], b"a"), ("deflate", [zlib.compress(b"a")], b"a"),
        ("gzip", [gzip.compress(b"a" * 101)], "a body of more than 100 bytes"), ("gzip", [gzip.compress(b"a") + b"-" * 100], "a body of more than 100 bytes"),
        ("gzip", [gzip.compress(b"ab"), b"-" * 20], b"ab"), ("gzip", [b"plain"], "a compressed body that cannot be decoded"),
        ("gzip", [gzip.compress(b"a") + b"-" * 60, b"-" * 30], "a body of more than 100 bytes"),
        ("br", [b"a"], "a body in the encoding 'br', which was not asked for"),
        ("z" * 50, [b"a"], f"a body in the encoding '{'z' * 40}', which was not asked for"),
    ],
)  # fmt: skip
@pytest.mark.asyncio
async def test_a_body_is_read_up_to_its_bound(
    encoding: str, pieces: list[bytes], read: bytes | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it was sent and as it is decoded, over all its pieces."""
    assert module.MOST_BODY_BYTES == 2_000_000
    monkeypatch.setattr(module, "MOST_BODY_BYTES", 100)
    body = module._BoundedBody(_Pieces(pieces), encoding)
    if isinstance(read, bytes):
        assert b"".join([piece async for piece in body]) == read
    else:
        with pytest.raises(module._UnfitBodyError) as caught:
            [piece async for piece in body]
        assert str(caught.value) == read


def test_the_rubric_is_encoded_once_for_all_calls() -> None:
    """The text of each call is not kept."""
    rubric, text = ChatMessage("system", "über"), ChatMessage("user", 'a"b')
    assert module._encoded_message(rubric) is module._encoded_message(ChatMessage("system", "über"))
    assert module._encoded_message(text) is not module._encoded_message(text)
    assert (
        module._encoded([rubric, text])
        == '[{"role":"system","content":"über"},{"role":"user","content":"a\\"b"}]'.encode()
    )
    assert module._body(b"[]", "m", {"n": 1, "s": "é"}) == '{"messages":[],"model":"m","n":1,"s":"é"}'.encode()  # fmt: skip


def test_a_text_without_bytes_is_refused_for_good() -> None:
    """No other server would take it either."""
    with pytest.raises(RequestRefusedError) as caught:
        module._encoded([ChatMessage("user", "a"), ChatMessage("user", "\udc00")])
    assert caught.value.conclusive
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("status", "named"),
    [(300, True), (399, True), (400, False), (401, False), (403, False), (404, True), (405, True), (406, False), (409, False), (410, True), (411, False), (500, False)],
)  # fmt: skip
def test_the_address_is_told_where_it_may_be_wrong(status: int, named: bool) -> None:
    """A page that is not there, was moved, or is not to be asked so; and the request's number always."""
    error = client_of(base_url="https://h.example/v1")._refused(status, Refusal("no"), {"x-request-id": "r"})
    assert ("Asked: https://h.example/v1/chat/completions" in str(error)) is named
    assert (error.status, error.request_id, error.said) == (status, "r", "no")


@pytest.mark.parametrize(("total", "connect"), [(5.0, 5.0), (10.0, 10.0), (11.0, 10.0), (60.0, 10.0)])
def test_connecting_has_ten_seconds_of_a_call_s_time(total: float, connect: float) -> None:
    """Each other phase has all of it; the value is made once."""
    client = client_of()
    timeout = client._timeout(total)
    assert (timeout.connect, timeout.read, timeout.write, timeout.pool) == (connect, total, total, total)
    assert client._timeout(total) is timeout


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        ([(b"X-A", b"1"), (b"x-a", b"2"), (b"X-B", b"3")], {"x-a": "1, 2", "x-b": "3"}),
        ([(b"Set-Cookie", b"s"), (b"x", "ü".encode()), (b"y", b"\xfc")], {"x": "ü", "y": "ü"}),
        ([(b"x", f"a {SECRET} b".encode())], {"x": "a (the key) b"}),
    ],
)
def test_headers_are_read_by_lower_case_names(raw: list[tuple[bytes, bytes]], read: dict[str, str]) -> None:
    """Doubled ones are joined, in whatever charset; cookies and the key are left out."""
    response = httpx.Response(200, headers=raw)
    assert {name: value for name, value in module._headers(response, SECRET).items() if name in "x-a x-b y"} == read


def _wrapped(cause: Exception | None, below: Exception | None = None) -> groq.APIConnectionError:
    error = groq.APIConnectionError(message="m", request=REQUEST)
    error.__cause__ = cause
    if cause is not None:
        cause.__cause__ = below
    return error


def test_what_went_wrong_is_looked_for_near_the_socket() -> None:
    """Below the SDK's own error; aiohttp's word is better than what the transport makes of it."""
    timeout, closed, other = httpx.ConnectTimeout("t"), aiohttp.ServerDisconnectedError(), OSError("o")
    bare, alone = ValueError("v"), _wrapped(None)
    assert module._root_of(bare) is bare
    assert module._root_of(alone) is alone
    assert module._root_of(_wrapped(timeout, closed)) is closed
    assert module._root_of(_wrapped(timeout, other)) is timeout
    assert module._root_of(_wrapped(timeout)) is timeout


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TimeoutError(f"t {SECRET}"), "api.groq.com gave no answer in time (at most 2.5 s): TimeoutError t (the key)."),
        (module._UnfitBodyError("a body too long"), "api.groq.com answered with a body too long."),
        (UnicodeDecodeError("utf-8", b"x", 0, 1, "no"), "api.groq.com answered with a status line or headers that are no text: UnicodeDecodeError"),
        (OSError("gone"), "No connection to api.groq.com, or it broke: OSError gone."),
        (KeyError(), "The call to api.groq.com failed in an unexpected way: KeyError."),
    ],
)  # fmt: skip
def test_a_failure_says_what_happened_and_where(error: Exception, words: str) -> None:
    """In one sentence, without the key."""
    said = str(client_of()._failure(error, ModelSettings(timeout_s=2.5)))
    assert said.startswith(words.rstrip(".") if words.endswith("Error") else words)


@pytest.mark.asyncio
async def test_a_call_is_tried_eight_times_at_most() -> None:
    """While each refusal names a setting that can be left out."""
    asked: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content))
        name = next(each for each in asked[-1] if each.startswith("x"))
        return httpx.Response(400, json={"error": {"message": f"{name} is not supported", "param": name}})

    client = ChatClient(SECRET, transport=httpx.MockTransport(answer))
    extra = json.dumps({f"x{n}": n for n in range(20)})
    with pytest.raises(RequestRefusedError):
        await client.ask([ChatMessage("user", "a")], ModelSettings(extra_body=extra))
    assert [sum(name.startswith("x") for name in each) for each in asked] == [20, 19, 18, 17, 16, 15, 14, 13]


@pytest.mark.parametrize(
    ("given", "header", "tier"),
    [({}, None, None), ({"tier": "flex"}, None, "flex"), ({"base_url": "https://a.openai.azure.com/openai/v1"}, SECRET, None)],
)  # fmt: skip
@pytest.mark.asyncio
async def test_tier_and_the_header_of_azure_are_sent_where_they_belong(
    given: dict[str, str], header: str | None, tier: str | None
) -> None:
    """And the form of the answer that a call asks for goes before the client's own."""
    seen: list[httpx.Request] = []
    transport = httpx.MockTransport(lambda request: (seen.append(request), httpx.Response(200, json=COMPLETION))[1])
    client = ChatClient(SECRET, transport=transport, response_format={"type": "a"}, **given)  # type: ignore[arg-type]
    for form in (None, {"type": "b"}):
        await client.ask([ChatMessage("user", "a")], ModelSettings(schema=True), form=form)
    bodies = [json.loads(each.content) for each in seen]
    assert [each["response_format"]["type"] for each in bodies] == ["a", "b"]
    assert {each.get("service_tier") for each in bodies} == {tier}
    assert seen[0].headers.get("api-key") == header
    assert seen[0].headers["accept-encoding"] == "gzip"


def test_a_client_keeps_256_connections_for_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as a person can ask for at once."""
    given: list[dict[str, Any]] = []
    limits = httpx.Limits
    monkeypatch.setattr(httpx, "Limits", lambda **named: (given.append(named), limits(**named))[1])
    client_of()
    assert given == [{"max_connections": 256, "max_keepalive_connections": 256, "keepalive_expiry": 60.0}]


@pytest.mark.asyncio
async def test_missing_usage_is_said_once() -> None:
    """However many answers come without it."""
    noted: list[str] = []
    body = {"choices": COMPLETION["choices"]}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=body))
    client = ChatClient(SECRET, transport=transport, dialect=Dialect(plain=False, noted=noted.append))
    for _ in range(2):
        await client.ask([ChatMessage("user", "a")], ModelSettings())
    assert noted == ["api.groq.com reports no usage: tokens are estimated from the texts' length"]


@pytest.mark.parametrize(
    ("sign", "fine"), [("!", True), ("~", True), ("a", True), (" ", False), ("\x7f", False), ("é", False)]
)
def test_a_key_holds_visible_ascii_characters(sign: str, fine: bool) -> None:
    """From the first to the last of them."""
    if fine:
        assert module.checked_secret(f"gsk{sign}") == f"gsk{sign}"
    else:
        with pytest.raises(Exception, match="The key holds a space"):
            module.checked_secret(f"gsk{sign}")


# -- what a server does not take ------------------------------------------------------------------------------------------


def _refused(message: str, *, conclusive: bool = False, kind: type[CallError] = RequestRefusedError) -> CallError:
    return kind(message, conclusive=conclusive)


SENT = {"temperature": 0.0, "max_tokens": 9, "reasoning_effort": "low", "response_format": {}, "seed": 1, "top_k": 1}


@pytest.mark.parametrize(
    ("message", "param", "left_out"),
    [
        ("temperature is not supported", "", ["temperature"]), ("temperature and seed", "", []),
        ("whatever", "seed", ["seed"]), ("whatever", "seed.x.y", ["seed"]), ("unsupported: temperature", "seed", ["seed"]),
        ("whatever", "messages[0].seed", []), ("Unknown argument top_k and seed", "", ["seed", "top_k"]),
        ("temperatures are unsupported", "", []), ("this model does not support thinking", "", ["reasoning_effort"]),
        ("JSON schema is not allowed", "", ["response_format"]), ("seed must be at least 2", "temperature.a", ["temperature"]),
        ("reasoning_effort and thinking are unsupported", "", ["reasoning_effort"]), ("no", "", []),
    ],
)  # fmt: skip
def test_a_refusal_names_what_is_left_out(message: str, param: str, left_out: list[str]) -> None:
    """By the field that it is about, by a setting's own name before its other names, and only where it complains."""
    learned: list[str] = []
    dialect = Dialect(plain=True, learned=lambda name, _: learned.append(name))
    assert dialect.learn(_refused(message), message, param, SENT, "h") is bool(left_out)
    assert sorted(learned) == left_out
    fields = dialect.fields(SENT)
    assert sorted(SENT.keys() - fields.keys()) == left_out


@pytest.mark.parametrize(
    ("error", "left_out"),
    [
        (RequestRefusedError(""), ["response_format", "seed"]), (RequestRefusedError("", conclusive=True), []), (KeyRefusedError(""), []),
        (ModelGoneError(""), ["response_format", "seed"]), (ServerFailedError(""), ["response_format"]), (ServerFailedError("", conclusive=True), []), (RateLimitedError(""), []),
    ],
)  # fmt: skip
def test_a_refusal_is_of_a_setting_where_the_request_was_refused(error: CallError, left_out: list[str]) -> None:
    """Of a server that failed only the form of the answer: some fail over a grammar."""
    dialect = Dialect(plain=True)
    assert dialect.learn(error, "response_format and seed are not supported", "", SENT, "h") is bool(left_out)
    assert sorted(SENT.keys() - dialect.fields(SENT).keys()) == left_out


def test_the_other_name_of_the_limit_is_tried_and_then_none_is_sent() -> None:
    """Each step is noted in words."""
    noted: list[str] = []
    dialect = Dialect(plain=False, noted=noted.append)
    settings = {"max_tokens": 9}
    found = []
    for _ in range(3):
        found.append(fields := dialect.fields(settings))
        for name in fields:
            dialect.learn(_refused(""), f"{name} is not supported", name, fields, "h.example")
    assert found == [{"max_completion_tokens": 9}, {"max_tokens": 9}, {}]
    assert noted == [
        "h.example does not take max_completion_tokens: max_tokens is sent instead from now on (max_completion_tokens is not supported)",
        "h.example does not take max_tokens: no limit is sent from now on (max_tokens is not supported)",
    ]
    assert dialect._leave_out("max_tokens") is False
    assert [dialect._leave_out(name) for name in ("seed", "seed", "stream", "stream")] == [True, False, True, False]


@pytest.mark.parametrize(
    ("settings", "known", "noted"),
    [
        ({"seed": 1}, {"seed": "words", "stop": "w"}, ["h does not take seed: it is left out from now on (words)"]),
        ({"seed": None}, {"seed": "words"}, []), ({}, {"seed": "words"}, []),
        ({}, {"stream": "s"}, ["h answers as a stream alone: it is asked for one from now on (s)"]),
        ({}, {"max_tokens": "m"}, ["h does not take max_tokens: max_completion_tokens is sent instead from now on (m)"]),
    ],
)  # fmt: skip
def test_what_was_known_is_said_where_it_matters(
    settings: dict[str, Any], known: dict[str, str], noted: list[str]
) -> None:
    """For settings of the task; for streams and limits always. And once."""
    told: list[str] = []
    dialect = Dialect(plain=True, noted=told.append, known=known)
    dialect.say_known(settings, "h")
    dialect.say_known(settings, "other")
    assert told == noted


@pytest.mark.parametrize(
    ("known", "options"),
    [({}, None), ({"stream": ""}, {"include_usage": True}), ({"stream": "", "stream_options": ""}, None)],
)
def test_a_stream_is_asked_for_its_usage_where_that_is_taken(
    known: dict[str, str], options: dict[str, bool] | None
) -> None:
    """The usage comes with its last chunk."""
    fields = Dialect(plain=True, known=known).fields({"seed": 1})
    assert fields.get("stream_options") == options
    assert fields.get("stream") is (True if known else None)
    assert fields["seed"] == 1


def test_optional_fields_hold_what_a_task_says() -> None:
    """Nothing where it says nothing; its further fields are added."""
    settings = ModelSettings(seed=7, stop=("a", "b"), schema=True, extra_body='{"top_k":1}', logprobs=True)
    assert optional_fields(settings, {"type": "x"}) == {
        "temperature": 0.0, "max_tokens": 256, "reasoning_effort": "low", "include_reasoning": False, "seed": 7,
        "stop": ["a", "b"], "response_format": {"type": "x"}, "logprobs": True, "top_k": 1,
    }  # fmt: skip
    plain = optional_fields(ModelSettings(), {"type": "x"})
    assert [plain[name] for name in ("seed", "stop", "response_format", "logprobs")] == [None] * 4
