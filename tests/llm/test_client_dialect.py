"""What a server refuses is left out after one refusal, and what it answers in other ways is read; bodies are bounded."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from core.errors import (
    CallError,
    ContentRefusedError,
    KeyRefusedError,
    RateLimitedError,
    RequestRefusedError,
    ServerFailedError,
)
from core.llm.answers import label_probability, schema_of
from core.llm.client import MOST_BODY_BYTES, ChatClient
from core.llm.dialect import Dialect
from core.llm.replies import MOST_ANSWER_CHARS, bounded_answer, read_reply
from core.model import ChatMessage, LabelMeaning, ModelSettings, Reply, Task
from tests.llm.test_client import COMPLETION, SECRET, completion

ASKED = (ChatMessage("system", "the rubric"), ChatMessage("user", "the email"))
LABELS = (LabelMeaning("1", "work"), LabelMeaning("0", "personal"))
TASK_OF_TEN = Task("t", (LabelMeaning("10", "ten"), *LABELS), "rubric")
FULL = ModelSettings(seed=7, stop=("\n",), schema=True, extra_body='{"top_k":1}')


def refusing(*rules: tuple[str, int, str]) -> tuple[ChatClient, list[dict[str, Any]], list[str]]:
    """A client of a server that refuses requests with certain fields, what it was sent, and what was noted."""
    sent: list[dict[str, Any]] = []
    noted: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        sent.append(body)
        for name, status, message in rules:
            if name in body:
                return httpx.Response(status, json={"error": {"message": message}})
        return httpx.Response(200, json=COMPLETION)

    client = ChatClient(
        SECRET,
        transport=httpx.MockTransport(answer),
        dialect=Dialect(plain=True, noted=noted.append),
        response_format=schema_of(LABELS),
    )
    return client, sent, noted


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "`logprobs` is not supported with this model"),
        (403, "You are not allowed to request logprobs from this model."),
    ],
)
async def test_logprobs_that_a_server_refuses_are_left_out_after_one_refusal(status: int, message: str) -> None:
    """Groq refuses them with 400, OpenAI's reasoning models with 403: no key is to blame, and it is said once."""
    client, sent, noted = refusing(("logprobs", status, message))
    for _ in range(2):
        await client.ask(ASKED, ModelSettings(logprobs=True))
    assert [body.get("logprobs") for body in sent] == [True, None, None]
    assert [sentence for sentence in noted if "does not take logprobs" in sentence]


LOGPROBS = [("think", -0.5), ("</think>", -0.1), ("0", -1.0), ('{"label":"', -0.2), ("1", -0.25), ("0", -0.25)]


def _told(form: str) -> dict[str, Any]:
    if form == "older":
        return {"tokens": [token for token, _ in LOGPROBS], "token_logprobs": [logprob for _, logprob in LOGPROBS]}
    told = [{"token": token, "logprob": logprob, "bytes": list(token.encode())} for token, logprob in LOGPROBS]
    return {"content": [{**each, "bytes": None} for each in told] if form == "no bytes" else told}


@pytest.mark.parametrize("form", ["bytes", "no bytes", "older", "streamed"])
def test_probability_of_a_label_is_that_of_its_tokens(form: str) -> None:
    """The last place where the label stands counts, whichever way a server reports probabilities."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"content": "10"}, "logprobs": _told(form)}
    content = json.dumps({"choices": [choice]}).encode()
    if form == "streamed":
        parts = [
            {"id": "c", "choices": [{"delta": {"content": "x"}, "logprobs": {"content": [each]}}]}
            for each in _told("")["content"]
        ]
        content = b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in parts) + b"data: [DONE]\n\n"
    reply = read_reply(content, {}, host="h")
    assert label_probability(TASK_OF_TEN, reply.logprobs, "10") == pytest.approx(math.exp(-0.5))
    assert label_probability(TASK_OF_TEN, reply.logprobs, "x") is None


@pytest.mark.asyncio
async def test_a_page_in_place_of_an_answer_is_quoted_with_its_address() -> None:
    """A network's sign-in page answers 200: its own words and the URL that was asked say what to look for."""
    page = (
        "<html><head><style>b {}</style><title>Sign in</title></head><body>Please sign in to the network</body></html>"
    )
    client = ChatClient(SECRET, base_url="https://h.example/v1", transport=page_of(200, page))
    with pytest.raises(ServerFailedError) as raised:
        await client.ask(ASKED, ModelSettings())
    assert "“Sign in Please sign in to the network”" in str(raised.value)
    assert "Asked: https://h.example/v1/chat/completions" in str(raised.value)


@pytest.mark.asyncio
async def test_a_redirect_says_where_it_points() -> None:
    """Nothing is sent there: a person decides whether that address is meant."""
    client = ChatClient(SECRET, transport=page_of(307, "", location="https://other.example/v1"))
    with pytest.raises(CallError, match=r"points to https://other\.example/v1, and nothing is sent there"):
        await client.ask(ASKED, ModelSettings())


def page_of(status: int, text: str, **headers: str) -> httpx.MockTransport:
    """A server that answers always the same."""
    return httpx.MockTransport(lambda _: httpx.Response(status, text=text, headers=headers))


@pytest.mark.parametrize("wrong", [float("nan"), 3.0, True, "0", None, -1e9])
def test_probabilities_that_are_none_are_dropped(wrong: object) -> None:
    """A figure that cannot be a logarithm of a probability spoils the product: then there is no probability."""
    told = {"content": [{"token": "1", "logprob": wrong}]}
    choice = {"finish_reason": "stop", "message": {"content": "1"}, "logprobs": told}
    assert read_reply(json.dumps({"choices": [choice]}).encode(), {}, host="h").logprobs == ()


def test_probability_in_a_pack_is_that_behind_the_number() -> None:
    """Each text has the probability of its own label, in an answer by lines and in one by a schema."""
    lines = tuple((each.encode(), -at / 10) for at, each in enumerate(["1", ": ", "1", "\n", "2", ": ", "1", "\n"]))
    schema = tuple((each.encode(), -at / 10) for at, each in enumerate(['{"1":"', "1", '","2":"', "1", '"}']))
    for said, places in ((lines, (2, 6)), (schema, (1, 3))):
        found = [label_probability(TASK_OF_TEN, said, "1", number=number) for number in (1, 2)]
        assert found == [pytest.approx(math.exp(-place / 10)) for place in places]


@pytest.mark.asyncio
async def test_every_setting_of_the_task_is_sent() -> None:
    """Seed, stop, schema and further fields beside the usual ones."""
    client, sent, _ = refusing()
    await client.ask(ASKED, FULL)
    (body,) = sent
    assert (body["seed"], body["stop"], body["top_k"], body["max_tokens"]) == (7, ["\n"], 1, 256)
    assert body["response_format"]["type"] == "json_schema"
    await client.ask(ASKED, ModelSettings())
    assert not {"seed", "stop", "top_k", "response_format"} & sent[1].keys()


@pytest.mark.parametrize(
    ("name", "status", "message", "instead"),
    [
        (
            "max_tokens",
            400,
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
            "max_completion_tokens",
        ),
        ("temperature", 400, "Unsupported value: 'temperature' does not support 0.0. Only the default is supported.", ""),
        ("reasoning_effort", 400, "Unrecognized request argument supplied: reasoning_effort", ""),
        ("include_reasoning", 422, '[{"loc": ["body", "include_reasoning"], "msg": "Extra inputs are not permitted"}]', ""),
        ("response_format", 400, "This response_format type is unavailable now", ""),
        ("response_format", 400, "This model does not support structured outputs.", ""),
        ("response_format", 500, "failed to parse grammar", ""),
        ("seed", 400, 'Unknown name "seed": Cannot find field.', ""),
        ("top_k", 400, "Unrecognized request argument supplied: top_k", ""),
    ],
)  # fmt: skip
@pytest.mark.asyncio
async def test_a_refused_setting_is_left_out_after_one_refusal(
    name: str, status: int, message: str, instead: str
) -> None:
    """The same call is made without it at once, all later ones too, and it is said once with the server's words."""
    client, sent, noted = refusing((name, status, message))
    for _ in range(3):
        assert (await client.ask(ASKED, FULL)).text == "1\n"
    assert [name in body for body in sent] == [True, False, False, False]
    assert all(name == instead or instead in body for body in sent[1:] if instead)
    (note,) = noted
    assert name in note
    assert message[:20] in note


@pytest.mark.asyncio
async def test_what_one_client_learns_holds_for_all_keys() -> None:
    """The dialect is the server's, not the key's; several refused settings are left out one after another."""
    client, sent, noted = refusing(
        ("temperature", 400, "temperature is not supported"), ("seed", 400, "seed is not supported")
    )
    await client.ask(ASKED, FULL)
    other = ChatClient(SECRET + "2", transport=client._http._transport, dialect=client._dialect)
    await other.ask(ASKED, FULL)
    assert len(sent) == 4
    assert len(noted) == 2
    assert not {"temperature", "seed"} & sent[-1].keys()


@pytest.mark.parametrize("message", ["not like this", "The prompt 'stop at any temperature' was flagged"])
@pytest.mark.asyncio
async def test_a_refusal_that_names_no_setting_is_none_of_a_setting(message: str) -> None:
    """It is the worker's to find whose fault it is, after one request."""
    client, sent, noted = refusing(("messages", 400, message))
    with pytest.raises(RequestRefusedError):
        await client.ask(ASKED, FULL)
    assert (len(sent), noted) == (1, [])


@pytest.mark.asyncio
async def test_a_refusal_of_another_field_leaves_every_setting() -> None:
    """A server that names the messages as what is wrong refuses no setting."""

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(
            400, json={"error": {"message": "Invalid value for messages", "param": "messages[0].role"}}
        )

    noted: list[str] = []
    client = ChatClient(SECRET, transport=httpx.MockTransport(answer), dialect=Dialect(plain=True, noted=noted.append))
    with pytest.raises(RequestRefusedError):
        await client.ask(ASKED, FULL)
    assert noted == []


@pytest.mark.asyncio
async def test_what_was_refused_before_is_left_out_from_the_first_call_and_said() -> None:
    """A worker that is told what an earlier one learned pays no refused call, and says what it leaves out."""
    learned: dict[str, str] = {}
    first, sent, _ = refusing(
        ("max_tokens", 400, "'max_tokens' is not supported"), ("temperature", 400, "temperature is not supported")
    )
    first._dialect._learned = learned.__setitem__
    await first.ask(ASKED, FULL)
    assert (len(sent), set(learned)) == (3, {"max_tokens", "temperature"})
    noted: list[str] = []
    dialect = Dialect(plain=True, noted=noted.append, known=learned)
    later = ChatClient(SECRET, transport=first._http._transport, dialect=dialect)
    for _ in range(2):
        await later.ask(ASKED, FULL)
    assert len(sent) == 5
    assert "max_completion_tokens" in sent[-1]
    assert not {"max_tokens", "temperature"} & sent[-1].keys()
    assert len(noted) == 2
    assert "max_completion_tokens is sent instead from now on ('max_tokens' is not supported)" in noted[0]


def events(*chunks: dict[str, Any] | str) -> bytes:
    """The body of a stream of server-sent events."""
    return b"".join(f"data: {each if isinstance(each, str) else json.dumps(each)}\n\n".encode() for each in chunks)


def delta(text: str | None, **more: Any) -> dict[str, Any]:
    return {"id": "c", "model": "qwen", "choices": [{"index": 0, "delta": {"content": text}, **more}]}


@pytest.mark.parametrize(
    "message",
    [
        "This model only support stream mode, please enable the stream parameter to access the model.",
        "Stream must be set to true",
        "parameter.enable_thinking must be set to false for non-streaming calls",
    ],
)
@pytest.mark.asyncio
async def test_a_model_that_answers_as_a_stream_alone_is_read(message: str) -> None:
    """After one refusal a stream is asked for, and its pieces are one answer with the usage of its last chunk."""
    sent: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content))
        if not sent[-1].get("stream"):
            return httpx.Response(400, json={"error": {"message": message}})
        usage = {"id": "c", "choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 2}}
        body = events(delta(""), delta("1"), delta("\n", finish_reason="stop"), usage, "[DONE]")
        return httpx.Response(200, content=b": comment\n\n" + body, headers={"content-type": "text/event-stream"})

    noted: list[str] = []
    dialect = Dialect(plain=True, noted=noted.append)
    client = ChatClient(SECRET, transport=httpx.MockTransport(answer), dialect=dialect)
    for _ in range(2):
        reply = await client.ask(ASKED, FULL)
        assert (reply.text, reply.finish_reason, reply.model) == ("1\n", "stop", "qwen")
        assert (reply.usage.prompt_tokens, reply.usage.estimated) == (11, False)
    assert [body.get("stream") for body in sent] == [None, True, True]
    assert "answers as a stream alone" in noted[0]


@pytest.mark.parametrize(
    "body",
    [
        events(delta("1")),
        events(delta("1"), {"error": {"message": "upstream broke", "code": 502}}, "[DONE]"),
        events("not JSON", "[DONE]"),
    ],
    ids=["cut off", "error", "no chunk"],
)
@pytest.mark.asyncio
async def test_a_broken_stream_is_no_answer(body: bytes) -> None:
    """A stream that ends early, holds an error, or no chunk at all is a failure of the server, to be asked again."""
    client = ChatClient(SECRET, transport=httpx.MockTransport(lambda _: httpx.Response(200, content=body)))
    with pytest.raises(ServerFailedError):
        await client.ask(ASKED, FULL)


def test_words_with_which_a_stream_declines_are_joined() -> None:
    """They come in pieces, as an answer does."""
    pieces = [{"choices": [{"delta": {"refusal": words}}]} for words in ("I cannot ", None, "say.")]
    assert read_reply(events(*pieces, "[DONE]"), {}, host="h").refusal == "I cannot say."


def test_a_stream_whose_chunks_hold_choices_alone_is_read() -> None:
    """Small gateways send neither id nor model nor usage with a chunk."""
    bare = {"choices": [{"delta": {"content": "1"}}]}
    assert read_reply(events(bare, "[DONE]"), {}, host="h").text == "1"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"base_resp": {"status_code": 1002, "status_msg": "rate limit"}, "choices": None}, RateLimitedError),
        ({"result": {}, "success": True, "errors": []}, ServerFailedError),
        ({"choices": [{"message": {"content": ""}, "error": {"code": 403, "message": "flagged"}}]}, KeyRefusedError),
    ],
)
def test_refusals_of_gateways_inside_a_200_are_told_apart(body: dict[str, Any], expected: type[CallError]) -> None:
    """A code beside the answer counts, an empty list of errors does not, and 403 may be about the text."""
    with pytest.raises(expected) as caught:
        read_reply(json.dumps(body).encode(), {}, host="h")
    assert type(caught.value) is expected
    assert "revoked" not in str(caught.value)


def test_an_empty_error_beside_an_answer_is_none() -> None:
    """Some servers send one with every answer."""
    body = {"error": {"code": 0, "message": ""}, "choices": [{"message": {"content": "1"}}]}
    assert read_reply(json.dumps(body).encode(), {}, host="h").text == "1"


def answering(body: Any, **response: Any) -> ChatClient:
    return ChatClient(SECRET, transport=httpx.MockTransport(lambda _: httpx.Response(200, json=body, **response)))


def message(content: Any, finish_reason: str = "stop", **more: Any) -> dict[str, Any]:
    choice = {"message": {"content": content, **more}, "finish_reason": finish_reason}
    return completion(choices=[choice])


@pytest.mark.asyncio
async def test_of_content_in_parts_the_text_counts() -> None:
    """Reasoning parts do not."""
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "0"}]}, {"type": "text", "text": "1"}]
    assert (await answering(message(parts)).ask(ASKED, FULL)).text == "1"
    reply = await answering(message(None, reasoning_content="so it is 0")).ask(ASKED, FULL)
    assert reply.text == ""


@pytest.mark.asyncio
async def test_an_error_inside_a_choice_is_the_server_s() -> None:
    """With its words, to be waited out."""
    body = message("", "error")
    body["choices"][0]["error"] = {"code": 502, "message": "Upstream error from Provider"}
    with pytest.raises(ServerFailedError, match="Upstream error from Provider"):
        await answering(body).ask(ASKED, FULL)


@pytest.mark.asyncio
async def test_a_refusal_of_the_model_is_reported_as_such() -> None:
    """In words of its own, or by the reason why it ended; a filter of the server is an error with its own outcome."""
    assert (await answering(message(None, refusal="I cannot help")).ask(ASKED, FULL)).refusal == "I cannot help"
    assert (await answering(message("", "content_filter")).ask(ASKED, FULL)).refusal == "finish_reason content_filter"
    filtered = {"error": {"message": "filtered", "code": "content_filter"}}
    client = ChatClient(SECRET, transport=httpx.MockTransport(lambda _: httpx.Response(400, json=filtered)))
    with pytest.raises(ContentRefusedError) as caught:
        await client.ask(ASKED, FULL)
    assert caught.value.conclusive


@pytest.mark.asyncio
async def test_an_answer_that_broke_the_schema_is_an_answer() -> None:
    """Groq refuses to pass it on with 400, but quotes it: it is judged like any other."""
    body = {"error": {"message": "bad", "code": "json_validate_failed", "failed_generation": "It is work."}}
    client = ChatClient(SECRET, transport=httpx.MockTransport(lambda _: httpx.Response(400, json=body)))
    reply = await client.ask(ASKED, FULL)
    assert isinstance(reply, Reply)
    assert (reply.text, reply.usage.estimated) == ("It is work.", True)


# -- bounds -----------------------------------------------------------------------------------------------------------


def bomb() -> httpx.Response:
    """A body that decodes to a thousand times its size."""
    return httpx.Response(200, content=gzip.compress(b" " * 300_000_000), headers={"content-encoding": "gzip"})


BODIES: dict[str, Callable[[], httpx.Response]] = {
    "bomb": bomb,
    "long": lambda: httpx.Response(200, content=b" " * (MOST_BODY_BYTES + 1)),
    "long error": lambda: httpx.Response(500, content=b"x" * (MOST_BODY_BYTES + 1)),
    "not gzip": lambda: httpx.Response(200, stream=httpx.ByteStream(b"plain"), headers={"content-encoding": "gzip"}),
    "not asked for": lambda: httpx.Response(200, stream=httpx.ByteStream(b"?"), headers={"content-encoding": "br"}),
}


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.asyncio
async def test_a_body_without_bound_is_the_server_s_failure(name: str) -> None:
    """It is neither read nor decoded to its end."""
    client = ChatClient(SECRET, transport=httpx.MockTransport(lambda _: BODIES[name]()))
    with pytest.raises(ServerFailedError):
        await client.ask(ASKED, ModelSettings())


@pytest.mark.asyncio
async def test_a_compressed_body_is_read() -> None:
    """As servers send it where they are told that they may."""
    body = gzip.compress(json.dumps(COMPLETION).encode())
    transport = httpx.MockTransport(
        lambda _: httpx.Response(200, content=body, headers={"content-encoding": "gzip", "x-request-id": "r"})
    )
    reply = await ChatClient(SECRET, transport=transport).ask(ASKED, ModelSettings())
    assert (reply.text, reply.request_id) == ("1\n", "r")


@pytest.mark.asyncio
async def test_a_long_answer_is_kept_in_part() -> None:
    """Its beginning and its end, with a note between."""
    reply = await answering(message("a" * 1_000_000 + "1")).ask(ASKED, ModelSettings())
    assert len(reply.text) <= MOST_ANSWER_CHARS
    assert reply.text.endswith("a1")
    assert "characters were left out" in reply.text


@pytest.mark.asyncio
async def test_a_key_in_an_answer_is_not_kept() -> None:
    """A server that repeats it, in whatever field, has it taken out at the door."""
    body = message(f"the key is {SECRET}", f"stop {SECRET}"[:4], refusal=f"no {SECRET}")
    reply = await answering(body, headers={"x-request-id": SECRET, "x-echo": f"Bearer {SECRET}"}).ask(ASKED, FULL)
    assert SECRET not in repr(reply)
    assert reply.text == "the key is (the key)"
    assert replace(reply, text="").request_id == "(the key)"


@pytest.mark.asyncio
async def test_of_a_refusal_160_characters_are_noted() -> None:
    """When it comes, and when the next worker begins with what was refused before."""
    words = "`seed` is not supported " + "x" * 300
    client, _, noted = refusing(("seed", 400, words))
    await client.ask(ASKED, FULL)
    assert [sentence.endswith(f"({words[:160]})") for sentence in noted] == [True]
    told: list[str] = []
    known = Dialect(plain=True, noted=told.append, known={"seed": words})
    known.say_known({"seed": 7}, "h.example")
    known.say_known({"seed": 7}, "h.example")
    assert [sentence.endswith(f"({words[:160]})") for sentence in told] == [True]


@pytest.mark.asyncio
@pytest.mark.parametrize(("status", "asks_again"), [(400, True), (422, True), (401, False), (429, False), (500, False)])
async def test_only_a_refused_request_is_asked_again_as_a_stream(status: int, asks_again: bool) -> None:
    """A server that answers in streams alone says so of the request; the same words beside another status are something else."""
    sent: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content))
        if sent[-1].get("stream"):
            return httpx.Response(200, json=COMPLETION)
        return httpx.Response(status, json={"error": {"message": "This model only supports stream mode"}})

    client = ChatClient(SECRET, transport=httpx.MockTransport(answer), dialect=Dialect(plain=True))
    if asks_again:
        await client.ask(ASKED, FULL)
    else:
        with pytest.raises(CallError):
            await client.ask(ASKED, FULL)
    assert [bool(body.get("stream")) for body in sent] == [False, True][: 1 + asks_again]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "text", "text": "1"}, {"type": "image", "text": "0"}], "1"), ([{"text": "1"}], "1"), (["1", 7, None], "1"),
        ({"type": "output_text", "text": "1"}, "1"), ([{"type": "reasoning", "text": "0"}], ""),
    ],
)  # fmt: skip
async def test_parts_of_content_that_are_no_text_are_left_out(content: Any, text: str) -> None:
    """Whatever stands among them."""
    assert (await answering(message(content)).ask(ASKED, FULL)).text == text


def test_an_answer_too_long_to_be_kept_is_cut_in_its_middle() -> None:
    """It says by how much; one that fits is kept whole."""
    fits, beyond = "a" * MOST_ANSWER_CHARS, "a" * MOST_ANSWER_CHARS + "b"
    assert bounded_answer(fits, "") == fits
    cut = bounded_answer(beyond, "")
    half = MOST_ANSWER_CHARS // 2 - 40
    assert cut == f"{'a' * half}\n… {len(beyond) - 2 * half:,} characters were left out …\n{'a' * (half - 1)}b"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"[]", "2 bytes that are no JSON object"), (b'[{"a": 1}]', "10 bytes that are no JSON object"),
        (b"[7]", "3 bytes that are no JSON object"), (b"{}", "a JSON object without a message (it has nothing)"),
        (b'{"a": 1, "b": 2}', "a JSON object without a message (it has a, b)"),
        (b'{"choices": [{"message": {"content": 7}}]}', "a message whose content is of type int"),
    ],
)  # fmt: skip
def test_what_is_no_completion_is_said_in_few_words(body: bytes, words: str) -> None:
    """What came instead, and from where."""
    with pytest.raises(ServerFailedError) as caught:
        read_reply(body, {}, host="h.example")
    assert f"h.example answered with {words} instead of a completion." in str(caught.value)


@pytest.mark.parametrize(("secret", "shown"), [("x" * 8 + "abc", "…"), ("x" * 8 + "abcd", "…abcd")])
def test_a_client_shows_four_characters_of_a_long_key(secret: str, shown: str) -> None:
    """Of one below twelve none: they would be a third of it."""
    assert f"<ChatClient {shown} at " in repr(
        ChatClient(secret, transport=httpx.MockTransport(lambda _: httpx.Response(200)))
    )
