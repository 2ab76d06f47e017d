"""What a body with status 200 is read as: a completion, a refusal, a stream, or nothing of the kind."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core.errors import CallError, KeyRefusedError, RateLimitedError, ServerFailedError
from core.llm import replies
from core.llm.replies import estimated_usage, read_reply, reply_of
from core.model import ChatMessage, Reply, Usage

SECRET = "gsk_test_0123456789"
SAID = {"choices": [{"message": {"content": "1"}, "finish_reason": "stop"}]}


def of(body: Any, **given: Any) -> Reply:
    """The reply in a decoded body."""
    return reply_of(body, {}, host="h", secret=SECRET, **given)


def choice(content: Any = "1", **more: Any) -> dict[str, Any]:
    """A completion with one choice."""
    return {"choices": [{"message": {"content": content}, "finish_reason": "stop", **more}]}


def test_a_whole_completion_is_read_field_by_field() -> None:
    """The key is taken out of every text, and ids are cut to 200 characters."""
    body = {
        **choice(f"1 {SECRET}\ud800", logprobs={"content": [{"token": "1", "logprob": -0.5, "bytes": [49]}]}),
        "usage": {"prompt_tokens": 9.9, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 20}},
        "model": "m" * 201,
        "system_fingerprint": f"fp {SECRET}",
        "service_tier": "flex",
        "x_groq": {"id": "req_body"},
    }
    assert reply_of(body, {"x-request-id": ""}, host="h", secret=SECRET) == Reply(
        "1 (the key)\ufffd", "stop", Usage(9, 3, 9), "req_body", {"x-request-id": ""}, "", "m" * 200, "fp (the key)",
        "flex", ((b"1", -0.5),),
    )  # fmt: skip
    assert reply_of(body, {"x-request-id": "r" * 201}, host="h").request_id == "r" * 200


@pytest.mark.parametrize(
    ("body", "error", "words"),
    [
        ([{"error": {"message": "m", "code": 429}}], RateLimitedError, "h answered 200 429: m"), ([{"error": None}], ServerFailedError, "no JSON object"),
        ([], ServerFailedError, "7 bytes that are no JSON object"), ("x", ServerFailedError, "7 bytes that are no JSON object"),
        ({"error": "m"}, ServerFailedError, "h answered 200: m"), ({"error": {}}, ServerFailedError, "without a message (it has error)"),
        ({**SAID, "error": {"message": "m"}}, ServerFailedError, "200: m"), ({**SAID, "error": "m"}, ServerFailedError, "200: m"),
        (choice(error={"message": "m", "code": 401}), KeyRefusedError, "h answered 200 401: m"),
        ({"base_resp": {"status_msg": "rate limit"}}, RateLimitedError, "rate limit"), ({"base_resp": "x"}, ServerFailedError, "it has base_resp"),
        ({"code": 5, "msg": "m"}, ServerFailedError, "h answered 200 5: m"), ({"detail": "m"}, ServerFailedError, "h answered 200: m"),
        ({"code": 0, "msg": ""}, ServerFailedError, "it has code, msg"), ({"choices": [{"message": "x"}]}, ServerFailedError, "it has choices"),
        (choice(7), ServerFailedError, "content is of type int"), (choice(finish_reason="error"), ServerFailedError, "answered with finish_reason “error” instead"),
        ({"promptFeedback": {"blockReason": 7}}, ServerFailedError, "it has promptFeedback"), ({"promptFeedback": "x"}, ServerFailedError, "it has"),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_an_error(body: Any, error: type[CallError], words: str) -> None:
    """A refusal by its own words, all else by what it has."""
    with pytest.raises(CallError) as caught:
        of(body, size=7)
    assert type(caught.value) is error
    assert words in str(caught.value)
    assert caught.value.status == 200


@pytest.mark.parametrize(
    "body",
    [
        {**SAID, "error": {}}, {**SAID, "error": None}, {**SAID, "error": {"code": 0, "message": ""}}, {**SAID, "code": 5},
        choice(error=None), {**SAID, "promptFeedback": {"blockReason": "X"}}, {**SAID, "base_resp": {"status_msg": "rate limit"}},
    ],
)  # fmt: skip
def test_an_answer_beside_nothing_in_particular_counts(body: Any) -> None:
    """Empty errors and codes stand beside many an answer."""
    assert of(body).text == "1"


def test_a_question_that_gemini_blocked_is_one_that_was_declined() -> None:
    """With the reason in its words, and the tokens that it counts."""
    asked = [ChatMessage("user", "a" * 8)]
    for extra in ({}, {"code": 9}):
        told = of({"promptFeedback": {"blockReason": f"SAFETY {SECRET}"}, **extra}, asked=asked)
        assert (told.text, told.finish_reason, told.refusal) == ("", "content_filter", "blocked: SAFETY (the key)")
        assert told.usage == Usage(6, 1, estimated=True)
    counted = of({"promptFeedback": {"blockReason": "X"}, "usage": {"prompt_tokens": 5}}, asked=asked)
    assert counted.usage == Usage(5)


@pytest.mark.parametrize(
    ("message", "finish", "refusal"),
    [
        ({"refusal": "no"}, "stop", "no"), ({"refusal": "no"}, "safety", "no"), ({}, "SAFETY", "finish_reason SAFETY"), ({}, "stop", ""),
        ({"refusal": 7}, "content_filter", "finish_reason content_filter"), ({}, "length", ""), ({"refusal": f"no {SECRET}"}, "stop", "no (the key)"),
    ],
)  # fmt: skip
def test_a_model_declines_in_words_or_by_the_way_its_answer_ended(
    message: dict[str, Any], finish: str, refusal: str
) -> None:
    """Its own words come first."""
    body = {"choices": [{"message": {"content": "1", **message}, "finish_reason": finish}]}
    assert of(body).refusal == refusal


@pytest.mark.parametrize(
    ("usage", "read"),
    [
        ({"prompt_tokens": 1, "completion_tokens": 2}, Usage(1, 2)), ({"prompt_tokens": 10_000_000}, Usage(10_000_000)),
        ({"prompt_tokens": 10_000_001}, None), ({"prompt_tokens": 0}, None), ({"prompt_tokens": True}, None), ({"prompt_tokens": 0.5}, None),
        ({"prompt_tokens": 5, "completion_tokens": -1, "prompt_tokens_details": {"cached_tokens": 4}}, Usage(5, 0, 4)),
        ({"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 6}}, Usage(5, 0, 5)), ({"prompt_tokens": 5, "prompt_tokens_details": 7}, Usage(5)),
        ("x", None), (None, None),
    ],
)  # fmt: skip
def test_tokens_are_those_that_can_be_true(usage: Any, read: Usage | None) -> None:
    """Up to ten million; cached ones are part of the prompt's. Others are estimated where the question is known."""
    asked = [ChatMessage("user", "a" * 9), ChatMessage("user", "")]
    assert of({**SAID, "usage": usage}, asked=asked).usage == (read or Usage(11, 2, estimated=True))
    assert of({**SAID, "usage": usage}).usage == (read or Usage())


@pytest.mark.parametrize(
    ("question", "answer", "tokens"), [(0, 0, (4, 1)), (4, 4, (5, 2)), (5, 5, (6, 3)), (8, 0, (6, 1))]
)
def test_four_characters_are_a_token_and_a_message_is_four(question: int, answer: int, tokens: tuple[int, int]) -> None:
    """Rounded up; an answer has one more."""
    usage = estimated_usage([ChatMessage("user", "a" * question)], "b" * answer)
    assert (usage.prompt_tokens, usage.completion_tokens, usage.estimated) == (*tokens, True)


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ({"content": [{"token": "é", "logprob": -1}, {"token": "x", "logprob": 0.01}]}, (("é".encode(), -1.0), (b"x", 0.0))),
        ({"content": [{"token": "x", "logprob": 0.011}]}, ()), ({"content": [{"token": "x", "logprob": -100_000}]}, ((b"x", -100_000.0),)),
        ({"content": [{"token": "x", "logprob": -100_001}]}, ()), ({"content": [{"token": "x", "logprob": 0, "bytes": [49, 50]}]}, ((b"12", 0.0),)),
        ({"content": [{"token": "x", "logprob": 0, "bytes": [256]}]}, ()), ({"content": [{"token": None, "logprob": 0}]}, ()),
        ({"content": [{"token": "x", "logprob": 0}, 7]}, ()), ({"tokens": ["a", "b", "c"], "token_logprobs": [0, -1]}, ((b"a", 0.0), (b"b", -1.0))),
        ({"tokens": ["a"], "token_logprobs": None}, ()), ({"tokens": None, "token_logprobs": [0]}, ()), ({"content": None}, ()), ("x", ()),
        ({"content": [{"token": "x", "logprob": True}]}, ()), ({"content": [{"token": "x", "logprob": "0"}]}, ()),
        ({"content": [{"token": str(n), "logprob": 0} for n in range(4_097)]}, tuple((str(n).encode(), 0.0) for n in range(1, 4_097))),
        ({"tokens": [str(n) for n in range(4_097)], "token_logprobs": [0] * 4_097}, tuple((str(n).encode(), 0.0) for n in range(1, 4_097))),
    ],
    ids=range(17),
)  # fmt: skip
def test_probabilities_of_tokens_are_read_in_both_forms(told: Any, read: tuple[tuple[bytes, float], ...]) -> None:
    """The last 4,096 of them; nothing where one of them is no logarithm of a probability."""
    assert of(choice(logprobs=told)).logprobs == read


@pytest.mark.parametrize(
    ("content", "spoken"),
    [
        (None, ""), ("a", "a"), ({"text": "a"}, "a"), (["a", {"type": "text", "text": "b"}, {"type": "image", "text": "c"}, 7], "ab"),
        ([{"type": "output_text", "text": "a"}, {"text": 7}], "a"), (7, None), (True, None), ([], ""),
    ],
)  # fmt: skip
def test_of_content_in_parts_the_text_is_spoken(content: Any, spoken: str | None) -> None:
    """What has another type is not."""
    assert replies._spoken(content) == spoken


def stream(*lines: Any) -> Any:
    """What a stream of these events adds up to; texts stand as they are."""
    events = (each if isinstance(each, str) else f"data: {json.dumps(each)}" for each in lines)
    return replies._streamed("\n".join(events).encode())


def piece(content: Any = None, **more: Any) -> dict[str, Any]:
    """A chunk of a stream."""
    return {"choices": [{"delta": {"content": content}, **more}]}


def test_the_pieces_of_a_stream_are_one_completion() -> None:
    """The last word on everything beside the text counts; what is empty does not overwrite."""
    whole = stream(
        ": a comment", "event: message", {"id": "a", "model": "m", **piece("1")}, "data: no JSON", "data: 7",
        {"id": "", "usage": {"prompt_tokens": 3}, **piece(["2"], logprobs={"content": [{"token": "1"}]})},
        piece("", finish_reason="stop", logprobs={"content": None}), piece(None, logprobs={"content": [{"token": "2"}]}),
        {"choices": [{"delta": "x"}]}, {"choices": [{"message": {"content": "3", "refusal": "no"}}]}, "data: [DONE]",
    )  # fmt: skip
    assert whole == {
        "id": "a", "model": "m", "usage": {"prompt_tokens": 3},
        "choices": [{
            "finish_reason": "stop", "logprobs": {"content": [{"token": "1"}, {"token": "2"}]}, "message": {"content": "123", "refusal": "no"},
        }],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "whole"),
    [
        ([piece("1")], False), ([piece("1"), "data: [DONE]"], True), ([piece("1", finish_reason="stop")], True), (["data: [DONE]"], False),
        ([{"id": "a", "choices": []}, "data: [DONE]"], False), (["data: [DONE]", piece("1")], True), ([": x"], False),
    ],
)  # fmt: skip
def test_a_stream_is_whole_with_a_piece_and_an_end(lines: list[Any], whole: bool) -> None:
    """The mark of the end or the reason of an end."""
    assert (stream(*lines) is not None) is whole


def test_an_error_in_a_stream_is_all_that_counts() -> None:
    """Whatever was said before; within a choice it is kept beside the text."""
    error = {"error": {"message": "m"}}
    assert stream(piece("1"), error, "data: [DONE]") == error
    assert stream(piece("1"), [error]) == [error]
    assert stream({**piece("1"), "error": None}, "data: [DONE]")["choices"][0]["message"]["content"] == "1"
    assert stream(piece("1", error={"code": 5}), "data: [DONE]")["choices"][0]["error"] == {"code": 5}


@pytest.mark.parametrize("beginning", ["data:", " \nevent: x\ndata:", ": hello\ndata:"])
def test_a_body_that_begins_like_a_stream_is_read_as_one(beginning: str) -> None:
    """Also behind white space, a comment or the name of an event."""
    content = f"{beginning} {json.dumps(piece('1', finish_reason='stop'))}\n".encode()
    assert read_reply(content, {}, host="h").text == "1"


@pytest.mark.parametrize(
    ("content", "url", "words"),
    [
        (b"", "", "h answered with 0 bytes that are no JSON object instead of a completion."),
        (b"<p>a b</p>" + b"c" * 200, "", f"h answered with 210 bytes that are no JSON object: “a b {'c' * 116}”."),
        (b"\xff" + SECRET.encode(), "https://h/x", "h answered with 20 bytes that are no JSON object: “\ufffd(the key)”. Asked: https://h/x"),
        (b" " * 4_000 + b"late", "", "h answered with 4004 bytes that are no JSON object: “”."),
        (b" " * 3_999 + b"late", "", "h answered with 4003 bytes that are no JSON object: “l”."),
        (b"null", "https://h/x", "h answered with 4 bytes that are no JSON object: “null”. Asked: https://h/x"),
    ],
)  # fmt: skip
def test_a_page_is_quoted_with_its_first_words(content: bytes, url: str, words: str) -> None:
    """120 characters out of its first 4,000 bytes, without the key."""
    with pytest.raises(ServerFailedError) as caught:
        read_reply(content, {"x-request-id": "r"}, host="h", secret=SECRET, url=url)
    assert str(caught.value) == words
    assert (caught.value.status, caught.value.request_id) == (200, "r")
    assert caught.value.headers == {"x-request-id": "r"}


def test_an_answer_is_kept_up_to_65_536_characters() -> None:
    """Of a longer one both ends, and how much is missing."""
    assert replies.bounded_answer("a" * 65_536, "") == "a" * 65_536
    assert replies.bounded_answer("a" * 65_537, "") == (
        "a" * 32_728 + "\n… 81 characters were left out …\n" + "a" * 32_728
    )
