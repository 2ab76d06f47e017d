"""Every way in which a call fails becomes one decision: statuses, the SDK's exceptions, and what lies below it."""

from __future__ import annotations

import inspect
import ssl
import traceback
from collections.abc import Iterator
from typing import Any

import aiohttp
import groq
import httpx
import pytest
from groq._response import StreamAlreadyConsumed

from core.errors import (
    CallError,
    CallTimeoutError,
    CapacityError,
    ConnectionFailedError,
    ContentRefusedError,
    KeyRefusedError,
    ModelGoneError,
    OrganizationRestrictedError,
    RateLimitedError,
    Remedy,
    RequestRefusedError,
    ServerFailedError,
    TooLargeError,
)
from core.llm.client import ChatClient
from core.llm.failures import MESSAGE_LIMIT, Refusal, failure_of, page_words, read_refusal
from core.model import ChatMessage, ModelSettings

SECRET = "gsk_test_0123456789_abcdefghijklmnop"
REQUEST = httpx.Request("POST", "https://api.groq.com/x", headers={"authorization": f"Bearer {SECRET}"})
TPD = (
    "Rate limit reached for model `openai/gpt-oss-20b` in organization `org_1` service tier `on_demand` on tokens per "
    "day (TPD): Limit 200000, Used 197050, Requested 3619. Please try again in 9m38.016s."
)
TOO_LARGE = (
    "Request too large for model `openai/gpt-oss-20b` in organization `org_1` on tokens per minute (TPM): Limit 8000, "
    "Requested ~12903, please reduce your message size and try again."
)

REFUSALS: list[tuple[int, str, str, type[CallError]]] = [
    (429, "rate_limit_exceeded", TPD, RateLimitedError),
    (429, "", "", RateLimitedError),
    (429, "rate_limit_exceeded", TOO_LARGE, TooLargeError),
    (413, "rate_limit_exceeded", TOO_LARGE, TooLargeError),
    (413, "", "", TooLargeError),
    (401, "invalid_api_key", "Invalid API Key", KeyRefusedError),
    (400, "invalid_api_key", "Invalid API Key", KeyRefusedError),
    (402, "", "Insufficient balance", RateLimitedError),
    (429, "insufficient_quota", "You exceeded your current quota", KeyRefusedError),
    (400, "content_filter", "The response was filtered", ContentRefusedError),
    (200, "429", "Rate limit exceeded: free-models-per-min.", RateLimitedError),
    (200, "502", "Upstream error", ServerFailedError),
    (403, "permissions_error", "not allowed", KeyRefusedError),
    (400, "organization_restricted", "Organization has been restricted.", OrganizationRestrictedError),
    (403, "organization_restricted", "Organization has been restricted.", OrganizationRestrictedError),
    (400, "blocked_api_access", "spend limit", OrganizationRestrictedError),
    (400, "model_decommissioned", "The model has been decommissioned", ModelGoneError),
    (400, "model_not_found", "no such model", ModelGoneError),
    (404, "model_not_found", "The model `x` does not exist or you do not have access to it.", ModelGoneError),
    (404, "", "404 page not found", ModelGoneError),
    (405, "", "", ModelGoneError),
    (301, "", "", ModelGoneError),
    (498, "capacity_exceeded", "at capacity", CapacityError),
    (498, "", "", CapacityError),
    (503, "capacity_exceeded", "at capacity", CapacityError),
    (400, "context_length_exceeded", "", TooLargeError),
    (400, "", "Please reduce the length of the messages or completion.", TooLargeError),
    (400, "", "This model's maximum context length is 8192 tokens.", TooLargeError),
    (400, "", "`logprobs` is not supported", RequestRefusedError),
    (422, "", "unprocessable", RequestRefusedError),
    (418, "", "", RequestRefusedError),
    (408, "", "", CallTimeoutError),
    (409, "", "", ServerFailedError),
    (424, "", "", ServerFailedError),
    (499, "", "", ServerFailedError),
    (500, "", "", ServerFailedError),
    (502, "", "<html>bad gateway</html>", ServerFailedError),
    (503, "", "", ServerFailedError),
    (504, "", "", ServerFailedError),
    (524, "", "", ServerFailedError),
    (500, "rate_limit_exceeded", "", ServerFailedError),
    (200, "rate_limit_exceeded", TPD, RateLimitedError),
    (200, "", "something broke", ServerFailedError),
    (200, "invalid_api_key", "", KeyRefusedError),
    (400, "DataInspectionFailed", "Input data may contain inappropriate content.", ContentRefusedError),
    (400, "Arrearage", "Access denied, make sure your account is in good standing.", KeyRefusedError),
    (403, "AccountOverdueError", "Your account has an overdue balance.", KeyRefusedError),
    (429, "1113", "您的账户已欠费，请充值后重试。", KeyRefusedError),
    (400, "ThrottlingException", "Please wait before trying again.", RateLimitedError),
    (400, "Throttling.RateQuota", "Requests rate limit exceeded.", RateLimitedError),
    (403, "", "You are not allowed to request logprobs from this model.", RequestRefusedError),
]

# What the SDK raises, and the leaf for each: the walk below fails for a class that a new SDK adds.
SDK_CLASSES: dict[type[groq.GroqError], type[CallError]] = {
    groq.GroqError: ServerFailedError,
    groq.APIError: ServerFailedError,
    groq.APIResponseValidationError: ServerFailedError,
    groq.APIStatusError: RequestRefusedError,
    groq.BadRequestError: RequestRefusedError,
    groq.AuthenticationError: KeyRefusedError,
    groq.PermissionDeniedError: KeyRefusedError,
    groq.NotFoundError: ModelGoneError,
    groq.ConflictError: ServerFailedError,
    groq.UnprocessableEntityError: RequestRefusedError,
    groq.RateLimitError: RateLimitedError,
    groq.InternalServerError: ServerFailedError,
    groq.APIConnectionError: ConnectionFailedError,
    groq.APITimeoutError: CallTimeoutError,
    StreamAlreadyConsumed: ServerFailedError,
}

BELOW: list[tuple[Exception, type[CallError]]] = [
    (httpx.ConnectError("refused"), ConnectionFailedError),
    (httpx.ReadError("reset"), ConnectionFailedError),
    (httpx.RemoteProtocolError("server disconnected"), ConnectionFailedError),
    (httpx.ProxyError("407"), ConnectionFailedError),
    (httpx.ConnectTimeout("slow"), CallTimeoutError),
    (httpx.ReadTimeout("slow"), CallTimeoutError),
    (httpx.PoolTimeout("slow"), CallTimeoutError),
    (TimeoutError(), CallTimeoutError),
    (ConnectionResetError(104, "reset"), ConnectionFailedError),
    (OSError(24, "Too many open files"), ConnectionFailedError),
    (ssl.SSLCertVerificationError("self-signed"), ConnectionFailedError),
    (aiohttp.ServerDisconnectedError(), ConnectionFailedError),
    (aiohttp.ClientPayloadError("truncated"), ConnectionFailedError),
    (aiohttp.ServerTimeoutError("slow"), CallTimeoutError),
]


def subclasses(root: type[Any]) -> Iterator[type[Any]]:
    """A class and all that derive from it."""
    yield root
    for child in root.__subclasses__():
        yield from subclasses(child)


def instance_of(kind: type[groq.GroqError]) -> groq.GroqError:
    """An exception as the SDK makes it, by what its constructor asks for."""
    status = getattr(kind, "status_code", 500 if kind is groq.InternalServerError else 418)
    given: dict[str, Any] = {
        "message": "no",
        "request": REQUEST,
        "response": httpx.Response(status, request=REQUEST),
        "body": {"error": {"message": "no"}},
    }
    wanted = inspect.signature(kind).parameters
    return kind(**{name: given[name] for name in wanted if name in given})


async def failure(client: ChatClient) -> CallError:
    """The error that one call on this client ends with."""
    with pytest.raises(CallError) as caught:
        await client.ask([ChatMessage("user", "hello")], ModelSettings())
    return caught.value


def client_answering(status: int, **response: Any) -> ChatClient:
    """A client whose calls are all answered alike."""
    return ChatClient(SECRET, transport=httpx.MockTransport(lambda _: httpx.Response(status, **response)))


def client_raising(error: Exception) -> ChatClient:
    """A client whose transport raises ``error`` on every call."""

    def answer(_: httpx.Request) -> httpx.Response:
        raise error

    return ChatClient(SECRET, transport=httpx.MockTransport(answer))


@pytest.mark.parametrize(("status", "code", "message", "expected"), REFUSALS)
@pytest.mark.asyncio
async def test_refusal_becomes_a_decision(status: int, code: str, message: str, expected: type[CallError]) -> None:
    """Each refusal that a server can send is one leaf of the tree, with the server's words and all it told."""
    body = {"error": {"message": message, "type": "some_type", "code": code}}
    headers = {"Retry-After": "2", "X-Request-Id": "req_1"}

    error = await failure(client_answering(status, json=body, headers=headers))

    assert type(error) is expected
    assert (error.status, error.code, error.request_id) == (status, code, "req_1")
    assert error.headers["retry-after"] == "2"
    assert message in str(error)
    assert "api.groq.com" in str(error)


@pytest.mark.parametrize("kind", list(subclasses(groq.GroqError)), ids=lambda kind: kind.__name__)
@pytest.mark.asyncio
async def test_every_exception_of_the_sdk_is_mapped(kind: type[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """No exception class of the SDK, of today's or of a later one, gets past the map unseen."""
    assert kind in SDK_CLASSES, f"{kind.__name__} is new in the SDK: decide what it means for a run"
    client = client_answering(200)

    async def raising(**_: Any) -> None:
        raise instance_of(kind)

    monkeypatch.setattr(client, "_create", raising)

    assert type(await failure(client)) is SDK_CLASSES[kind]


@pytest.mark.parametrize(("error", "expected"), BELOW, ids=lambda value: type(value).__name__)
@pytest.mark.asyncio
async def test_exceptions_below_the_sdk_are_mapped(error: Exception, expected: type[CallError]) -> None:
    """What breaks below the SDK is a timeout or a broken connection, named by its own words."""
    mapped = await failure(client_raising(error))

    assert type(mapped) is expected
    assert type(error).__name__ in str(mapped)
    assert mapped.remedy is Remedy.BACK_OFF


@pytest.mark.parametrize(("error", "expected"), BELOW, ids=lambda value: type(value).__name__)
@pytest.mark.asyncio
async def test_exceptions_that_the_sdk_lets_through_are_mapped(
    error: Exception, expected: type[CallError], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same exceptions mean the same where the SDK does not wrap them."""
    client = client_answering(200)

    async def raising(**_: Any) -> None:
        raise error

    monkeypatch.setattr(client, "_create", raising)

    assert type(await failure(client)) is expected


@pytest.mark.parametrize(
    "kind", [kind for kind in subclasses(httpx.TransportError) if not kind.__subclasses__()], ids=lambda k: k.__name__
)
@pytest.mark.asyncio
async def test_every_transport_error_of_httpx_backs_off(kind: type[httpx.TransportError]) -> None:
    """Trouble on the wire is never the email's fault, so no email is given up for it."""
    assert (await failure(client_raising(kind("trouble")))).remedy is Remedy.BACK_OFF


@pytest.mark.parametrize("error", [RuntimeError("odd"), KeyError("odd"), RecursionError("odd"), AssertionError("odd")])
@pytest.mark.asyncio
async def test_the_unexpected_is_a_decision_too(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even an error that nobody foresaw leaves the worker with a decision and its name."""
    client = client_answering(200)

    async def raising(**_: Any) -> None:
        raise error

    monkeypatch.setattr(client, "_create", raising)
    mapped = await failure(client)

    assert type(mapped) is ServerFailedError
    assert type(error).__name__ in str(mapped)


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        ({"error": {"message": "m", "code": "c"}}, "m", "c"),
        ({"error": "m"}, "m", ""),
        ({"object": "error", "message": "m", "code": 404}, "m", "404"),
        ({"detail": "m"}, "m", ""),
        ({"error": {"message": ["m"], "code": None}}, "['m']", ""),
        ({"error": None}, "", ""),
        ({"error": 7}, "", ""),
        ("plain words", "plain words", ""),
        ("<html><title>403 Forbidden</title><h1>Blocked</h1></html>", "403 Forbidden Blocked", ""),
        ({"Message": "m", "__type": "ThrottlingException"}, "m", "ThrottlingException"),
        ({"fault": {"faultstring": "m", "detail": {"errorcode": "c"}}}, "m", ""),
        ({"error": "m", "code": "c"}, "m", "c"),
        ({"error": {"message": "m.", "details": [{"retryDelay": {"seconds": 45}}]}}, "m. Please try again in 45s.", ""),
        (None, "", ""),
        ([1], "", ""),
        ([{"error": {"message": "m", "code": 429}}], "m", "429"),
        ({"error": {"message": "m", "innererror": {"code": "Filtered"}}}, "m", "Filtered"),
        (
            {"error": {"message": "Spent.", "details": [{"retryDelay": "45s"}, {"retryDelay": 7}]}},
            "Spent. Please try again in 45s.",
            "",
        ),
    ],
)
def test_refusals_of_other_servers_are_read(body: object, message: str, code: str) -> None:
    """The forms in which other servers refuse are read as well, and nonsense reads as nothing."""
    refusal = read_refusal(body)

    assert (refusal.message, refusal.code) == (message, code)


@pytest.mark.asyncio
async def test_error_text_is_bounded_inert_and_on_one_line() -> None:
    """A server's message cannot flood a log or speak to a terminal."""
    text = "\x1b]0;owned\x07line one\nline two " + "x" * 100_000

    error = await failure(client_answering(500, json={"error": {"message": text}}))

    assert len(str(error)) < MESSAGE_LIMIT + 100
    assert "\x1b" not in str(error)
    assert "\n" not in str(error)


def leaky_clients() -> Iterator[ChatClient]:
    """Clients whose failures have every reason to hold the secret."""
    for status in (200, 400, 401, 403, 429, 500):
        for before in (0, MESSAGE_LIMIT - 10):
            message = "." * before + f" Incorrect API key provided: {SECRET}"
            yield client_answering(status, json={"error": {"message": message, "code": f"bad_{SECRET}"}})
            yield client_answering(status, text=message)
            yield client_answering(status, json={f"key {SECRET}": 1})
    for kind in (httpx.ConnectError, httpx.ReadTimeout, httpx.LocalProtocolError, RuntimeError):
        yield client_raising(kind(f"Illegal header value b'Bearer {SECRET}'"))


@pytest.mark.asyncio
async def test_the_secret_is_in_no_error() -> None:
    """Whatever a server or a library says, neither text, repr, fields nor traceback of an error repeats the key."""
    for client in leaky_clients():
        error = await failure(client)
        told = [str(error), repr(error), repr(vars(error)), *traceback.format_exception(error)]

        assert SECRET not in "".join(told)
        assert SECRET[:20] not in "".join(told)
        assert SECRET not in repr(client)
        # The SDK's own exception holds the request with its Authorization header, so it must not hang on ours.
        assert (error.__cause__, error.__context__) == (None, None)


@pytest.mark.asyncio
async def test_no_credit_takes_the_key_out_with_its_own_advice() -> None:
    """402 and `insufficient_quota` are settled by one call; a 402 that says when to come back is a wait."""
    for status, code in ((402, None), (429, "insufficient_quota")):
        error = await failure(client_answering(status, json={"error": {"message": "no money", "code": code}}))
        assert type(error) is KeyRefusedError
        assert error.conclusive
        assert "no money" in str(error)
        assert "no credit" in str(error)
    waits = await failure(client_answering(402, json={"error": {"message": "later"}}, headers={"retry-after": "9"}))
    assert type(waits) is RateLimitedError


@pytest.mark.asyncio
async def test_an_error_that_may_be_the_address_names_the_url() -> None:
    """Whoever mistyped the base URL sees where the call went."""
    error = await failure(client_answering(404, text="<html>404</html>"))
    assert "https://api.groq.com/openai/v1/chat/completions" in str(error)


def test_failure_says_what_to_do_about_it() -> None:
    """An error that needs a person says what that person can do."""
    for code in ("invalid_api_key", "organization_restricted", "model_not_found", "context_length_exceeded"):
        error = failure_of(400, Refusal("m", code), host="h", headers={})

        assert "—" in str(error)
        assert str(error).startswith(f"h answered 400 {code}: m")


@pytest.mark.parametrize("inside", [True, False])
def test_a_wait_in_a_field_of_the_body_is_read_as_a_header(inside: bool) -> None:
    """Discord-like gateways state it beside the message, others inside the error."""
    told = {"message": "slow down", "retry_after": 4.2}
    assert read_refusal({"error": told} if inside else told).headers == {"retry-after": "4.2"}
    assert read_refusal({"error": {"message": "m", "retry_after": True}}).headers == {}


def test_headers_in_the_body_are_read_in_lower_case_and_bounded() -> None:
    """A gateway puts the server's limits there; a hostile one gets no more than 20 names of 100 characters kept."""
    told = {"X-RateLimit-Reset": "1741305600000", "N" * 300: "v" * 300, **{f"more-{n}": str(n) for n in range(50)}}
    found = read_refusal({"error": {"message": "slow down", "code": 429, "metadata": {"headers": told}}}).headers
    assert found["x-ratelimit-reset"] == "1741305600000"
    assert found["n" * 100] == "v" * 100
    assert len(found) == 20
    assert read_refusal({"error": {"message": "slow down", "metadata": {"headers": ["x"]}}}).headers == {}
    assert read_refusal({"error": {"message": "slow down", "metadata": "x"}}).headers == {}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (410, ModelGoneError),
        (409, ServerFailedError),
        (300, ModelGoneError),
        (399, ModelGoneError),
        (299, ServerFailedError),
    ],
)
def test_a_status_without_a_word_has_its_own_failure(status: int, kind: type[CallError]) -> None:
    """A page that is gone, and every redirect, means that the address is wrong; what is below 300 failed at the server."""
    assert type(failure_of(status, Refusal("", ""), host="h", headers={})) is kind


def test_of_a_long_message_its_beginning_is_quoted() -> None:
    """500 characters of a server's words, 4,000 of a page; a line of a validation for each of its first five complaints."""
    assert str(failure_of(500, Refusal("y" * 501, ""), host="h", headers={})).count("y") == 499
    assert str(failure_of(500, Refusal("y" * 500, ""), host="h", headers={})).count("y") == 500
    assert page_words("z" * 4_001) == "z" * 4_000
    complaints = [{"loc": ["body", number], "msg": "bad"} for number in range(7)]
    assert read_refusal({"detail": complaints}).message == "; ".join(f"body.{number}: bad" for number in range(5))
    assert read_refusal({"detail": [*complaints[:1], {"no": "message"}]}).message.startswith("[{")
