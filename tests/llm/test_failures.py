"""What a refusal means, as one table for each rule: codes, statuses, words, waits and advice."""

from __future__ import annotations

from typing import Any

import pytest

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
from core.llm.failures import Refusal, _plain, clean, failure_of, page_words, read_refusal

SECRET = "gsk_test_0123456789"


def failed(status: int, message: str = "", code: str = "", type_: str = "", **given: Any) -> CallError:
    """The error for a refusal."""
    return failure_of(status, Refusal(message, code, type_), host="h", **{"headers": {}, "secret": SECRET, **given})


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RequestRefusedError), (401, KeyRefusedError), (402, KeyRefusedError), (403, KeyRefusedError), (404, ModelGoneError),
        (405, ModelGoneError), (406, RequestRefusedError), (407, RequestRefusedError), (408, CallTimeoutError), (409, ServerFailedError),
        (410, ModelGoneError), (411, RequestRefusedError), (412, RequestRefusedError), (413, TooLargeError), (414, RequestRefusedError),
        (422, RequestRefusedError), (423, RequestRefusedError), (424, ServerFailedError), (425, ServerFailedError), (426, RequestRefusedError),
        (428, RequestRefusedError), (429, RateLimitedError), (430, RequestRefusedError), (497, RequestRefusedError), (498, CapacityError),
        (499, ServerFailedError), (500, ServerFailedError), (501, ServerFailedError), (599, ServerFailedError), (200, ServerFailedError),
        (299, ServerFailedError), (300, ModelGoneError), (301, ModelGoneError), (399, ModelGoneError),
    ],
)  # fmt: skip
def test_each_status_has_its_failure(status: int, kind: type[CallError]) -> None:
    """Where neither a code nor words say more; none but 402 settles it by itself."""
    error = failed(status)
    assert type(error) is kind
    assert error.conclusive is (status == 402)
    assert str(error).startswith(f"h answered {status}: no explanation was given")


@pytest.mark.parametrize(
    ("status", "code", "kind", "conclusive"),
    [
        (429, "insufficient_quota", KeyRefusedError, True), (200, "arrearage", KeyRefusedError, True), (500, "organization_restricted", OrganizationRestrictedError, True),
        (500, "model-decommissioned", ModelGoneError, True), (400, "ModelNotFound", ModelGoneError, True), (400, "InvalidAPIKey", KeyRefusedError, False),
        (400, "capacity.exceeded", CapacityError, True), (500, "exceed_context_size_error", TooLargeError, True), (400, "content_filter", ContentRefusedError, True),
        (400, "rate_limit_error", RateLimitedError, False), (499, "too_many_requests", RateLimitedError, False), (500, "too_many_requests", ServerFailedError, False),
        (413, "too_many_requests", TooLargeError, False), (429, "too_many_requests", RateLimitedError, False), (200, "rate limited", RateLimitedError, False),
        (200, "429", RateLimitedError, False), (200, "404", ModelGoneError, False), (200, "503", ServerFailedError, False), (200, "1429", ServerFailedError, False),
        (200, "302", ServerFailedError, False), (399, "RESOURCE_EXHAUSTED", RateLimitedError, False), (400, "x" * 200 + "_content_filter", RequestRefusedError, False),
    ],
)  # fmt: skip
def test_a_code_of_its_own_goes_before_the_status(
    status: int, code: str, kind: type[CallError], conclusive: bool
) -> None:
    """In whatever form it is written, as code or as type."""
    for given in ({"code": code}, {"type_": code}):
        if given.get("type_") and code.isdecimal():
            continue
        error = failed(status, **given)
        assert (type(error), error.conclusive) == (kind, conclusive)


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "API key not valid. Please pass a valid one", KeyRefusedError), (400, "incorrect api key provided", KeyRefusedError),
        (400, "Your credit balance is too low", KeyRefusedError), (400, "reduce your prompt", TooLargeError), (400, "context window exceeded", TooLargeError),
        (400, "the model `x` is not available here", ModelGoneError), (400, "invalid model", ModelGoneError), (400, "too many requests", RequestRefusedError),
        (403, "prompt is too long", TooLargeError), (403, "Rate-limit reached", RateLimitedError), (403, "not allowed to request logprobs", RequestRefusedError),
        (403, "invalid model", KeyRefusedError), (422, "input is too long", TooLargeError), (422, "no models loaded", ModelGoneError), (422, "rate limit", RequestRefusedError),
        (429, "Request too large for model", TooLargeError), (429, "insufficient balance", KeyRefusedError), (429, "context length", RateLimitedError),
        (500, "the request exceeds the available context size", TooLargeError), (500, "context length", ServerFailedError), (503, "exceeds the available context size", ServerFailedError),
        (200, "context length", TooLargeError), (200, "out of credit", KeyRefusedError), (200, "too many requests", RateLimitedError), (302, "rate limit", RateLimitedError),
        (404, "rate limit", ModelGoneError), (413, "insufficient balance", TooLargeError),
    ],
)  # fmt: skip
def test_words_count_where_servers_use_them(status: int, message: str, kind: type[CallError]) -> None:
    """Each status has words of its own; elsewhere the same ones mean nothing."""
    assert type(failed(status, message)) is kind


@pytest.mark.parametrize(
    ("status", "refusal", "advice"),
    [
        (401, {}, "It was revoked or mistyped: add it again, or another."), (403, {}, "The key may lack a right, or the server refuses this text."),
        (200, {"code": "403"}, "The key may lack a right, or the server refuses this text."), (402, {}, "The account has no credit for this."),
        (400, {"message": "out of credits"}, "The account has no credit for this."), (403, {"code": "arrearage"}, "The account has no credit for this."),
        (400, {"code": "organization_restricted"}, "Every key of that organization is out until its owner settles it."),
        (404, {}, "Check the model's name, the account's access to it and the base URL."), (413, {}, "This text is longer than the quota or the model allows."),
        (500, {}, ""), (429, {}, ""), (300, {"headers": {"location": f"https://x/{SECRET}"}}, "It points to https://x/(the key), and nothing is sent there"),
        (399, {"headers": {"location": "y"}}, "It points to y,"), (400, {"headers": {"location": "y"}}, ""), (302, {}, "Check the model's name"),
        (404, {"headers": {"location": "y"}}, "Check the model's name"),
    ],
)  # fmt: skip
def test_each_failure_that_needs_a_person_has_its_advice(status: int, refusal: dict[str, Any], advice: str) -> None:
    """Behind the server's own words; others have none."""
    said = str(failed(status, **refusal))
    assert (f" — {advice}" in said) if advice else ("—" not in said)


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ({"retry-after": "9"}, RateLimitedError), ({"retry-after-ms": "9"}, RateLimitedError), ({"x-retry": "9"}, KeyRefusedError),
        ({}, KeyRefusedError),
    ],
)  # fmt: skip
def test_no_credit_that_comes_back_is_a_wait(headers: dict[str, str], kind: type[CallError]) -> None:
    """Stated in the headers or in the body, of which the true headers go first."""
    assert type(failed(402, headers=headers)) is kind
    told = failure_of(402, Refusal(headers=headers), host="h", headers={"a": "b"})
    assert (type(told), told.headers) == (kind, {**headers, "a": "b"})
    assert failure_of(429, Refusal(headers={"a": "1"}), host="h", headers={"a": "2"}).headers == {"a": "2"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"status": 500, "message": "m", "code": "c"}, "h answered 500 c: m"), ({"status": 500, "message": "m", "code": "500"}, "h answered 500: m"),
        ({"status": 500, "message": f"a\n{SECRET}", "code": SECRET}, "h answered 500 (the key): a (the key)"),
        ({"status": 500, "message": "m", "url": "https://h/x"}, "h answered 500: m Asked: https://h/x"),
    ],
)  # fmt: skip
def test_the_sentence_holds_host_status_code_and_words(given: dict[str, Any], said: str) -> None:
    """And the address where it may be wrong; never the key."""
    error = failed(**given)
    assert str(error) == said
    assert error.said == clean(given["message"], SECRET)


@pytest.mark.parametrize(
    ("body", "read"),
    [
        ({"error": {"message": "m", "code": 0, "error_code": 7, "type": "t", "param": "p", "failed_generation": "g"}}, Refusal("m", "7", "t", "p", "g")),
        ({"error": {"message": "m", "status": "S", "failed_generation": 7}}, Refusal("m", "", "S")), ({"errors": [{"message": "m"}]}, Refusal("m")),
        ({"errors": []}, Refusal()), ({"error": "m", "error_code": 5}, Refusal("m", "5")), ({"error": 7}, Refusal()), ([[]], Refusal()), ([], Refusal()),
        ("  <b>a</b>  b", Refusal("a b")), ("a <b>", Refusal("a <b>")), ({"error": {"msg": "m", "title": "t"}}, Refusal("m")),
        ({"error": {"message": {"detail": "d", "x": 1}}}, Refusal("d")), ({"error": {"message": [{"msg": "a"}, {"msg": "b", "loc": ("x", 1)}]}}, Refusal("a; x.1: b")),
        ({"error": {"message": [{"msg": "a", "loc": "x"}]}}, Refusal("a")), ({"error": {"message": [{"a": 1}]}}, Refusal("[{'a': 1}]")), ({"error": {"message": [], "detail": "d"}}, Refusal("d")),
        ({"error": {"message": "m", "innererror": "x"}}, Refusal("m")), ({"error": {"message": "m", "code": "c", "innererror": {"code": "i"}}}, Refusal("m", "c")),
        ({"message": "m", "retryAfter": "7", "error": {"message": "e", "retry_after_ms": 8}}, Refusal("e", headers={"retry-after": "7", "retry-after-ms": "8"})),
        ({"message": "m", "retry_after": [7]}, Refusal("m")), ({"message": "m", "retry_after": "9" * 101}, Refusal("m", headers={"retry-after": "9" * 100})),
        ({"message": "m", "metadata": {"headers": {"A": 1}}, "retry_after": 2}, Refusal("m", headers={"a": "1", "retry-after": "2"})),
    ],
    ids=range(22),
)  # fmt: skip
def test_each_form_of_a_refusal_is_read(body: object, read: Refusal) -> None:
    """The most usual names first; of lists the first entry."""
    assert read_refusal(body) == read


@pytest.mark.parametrize(
    ("details", "message", "said"),
    [
        ([{"retryDelay": "45s"}], "m", "m Please try again in 45s."), ([7, {"retryDelay": "1.5s"}], "", "Please try again in 1.5s."),
        ([{"retryDelay": "x"}, {"retryDelay": "2s"}], "m", "m Please try again in 2s."), ([{"retryDelay": {"seconds": "9"}}], "m", "m Please try again in 9s."),
        ([{"retryDelay": {"seconds": None}}], "m", "m"), ([{"retryDelay": "1234567s"}], "m", "m"), ([{"retryDelay": "123456s"}], "m", "m Please try again in 123456s."),
        ([{"retryDelay": "45s"}], "retry in 3s", "retry in 3s"), ([{"retryDelay": "45s"}], "try again in 3s", "try again in 3s"), ("45s", "m", "m"), ([], "m", "m"),
    ],
)  # fmt: skip
def test_a_wait_in_the_details_is_added_to_the_words(details: Any, message: str, said: str) -> None:
    """Unless they state one themselves."""
    assert read_refusal({"error": {"message": message, "details": details}}).message == said


def test_words_of_a_page_are_those_that_are_seen() -> None:
    """Without tags, scripts and styles, also where one is not closed."""
    assert page_words("<style>a {}</style><p class='x'>b</p>\n c<script>d") == "b c"
    assert page_words(f"<{'a' * 400}>b<{'a' * 401}>") == f"b<{'a' * 401}>"


def test_foreign_words_are_cut_behind_the_key() -> None:
    """500 characters on one line; half a key is never left."""
    assert clean("a" * 495 + SECRET, SECRET) == "a" * 495 + "(the…"
    assert clean("a\n b", "") == "a b"
    assert clean("a" * 500, SECRET) == "a" * 500


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("DataInspectionFailed", "data_inspection_failed"),
        ("data-inspection failed", "data_inspection_failed"),
        ("HTTPError", "http_error"),
        ("a.b:c#d/e__f", "a_b_c_d_e_f"),
        ("x" * 201, "x" * 200),
    ],
)
def test_codes_are_compared_as_lower_case_words(code: str, expected: str) -> None:
    """Their first 200 characters."""
    assert _plain(code) == expected
