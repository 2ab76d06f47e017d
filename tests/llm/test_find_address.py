"""The address that a person pasted is tried as it is, then the usual places below it; what answers is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from labeltui.api import Run

from core.engine import Engine
from core.errors import (
    CallError,
    CallTimeoutError,
    ConnectionFailedError,
    KeyRefusedError,
    ModelGoneError,
    OrganizationRestrictedError,
    RateLimitedError,
    ServerFailedError,
    TooLargeError,
)
from core.llm import key_check
from core.llm.key_check import check_key, find_address
from core.model import ChatMessage, ModelSettings
from core.server_address import normalize_base_url
from core.settings import load_settings
from core.storage.reading.reader import RunReader
from tests.llm.recording import recording
from tests.llm.test_client import COMPLETION
from tui.cli import main

SECRET = "sk-of-this-server-0123456789"


def serving(path: str, *, status: int = 200, body: object = COMPLETION, missing: int = 404) -> httpx.MockTransport:
    """A server with one endpoint; whatever else is asked has no page."""

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.raw_path.decode() == path:
            return httpx.Response(status, json=body)
        return httpx.Response(missing, text="<html>no such page</html>")

    return httpx.MockTransport(handle)


@pytest.mark.parametrize(
    ("given", "path", "kept"),
    [
        ("http://127.0.0.1:8080", "/v1/chat/completions", "http://127.0.0.1:8080/v1"),
        ("127.0.0.1:8080/v1", "/v1/chat/completions", "127.0.0.1:8080/v1"),
        ("http://127.0.0.1:8080/v1/chat/completions", "/v1/chat/completions", "http://127.0.0.1:8080/v1/chat/completions"),
        ("https://gw.example/proxy", "/proxy/v1/chat/completions", "https://gw.example/proxy/v1"),
        ("https://gw.example/proxy", "/proxy/chat/completions", "https://gw.example/proxy/chat/completions"),
        ("https://gw.example/v1", "/api/v1/chat/completions", "https://gw.example/api/v1"),
        ("https://gw.example/api", "/api/v1/chat/completions", "https://gw.example/api/v1"),
        ("https://google.example", "/v1beta/openai/chat/completions", "https://google.example/v1beta/openai"),
        ("https://az.example/openai/deployments/m?api-version=1", "/openai/deployments/m/chat/completions?api-version=1",
         "https://az.example/openai/deployments/m?api-version=1"),
    ],
    ids=["bare", "versioned", "whole", "proxy", "proxy-flat", "api", "api-bare", "google", "azure"],
)  # fmt: skip
def test_the_address_that_answers_is_kept_and_named(given: str, path: str, kept: str) -> None:
    """Whatever part of it was pasted; calls go to the page that answered."""
    found = find_address(given, SECRET, "m", transport=serving(path))
    assert (found.answered, found.base_url) == (True, kept)
    assert found.url.endswith(path)
    assert normalize_base_url(kept).chat_url == found.url
    assert f"answers at {found.url}" in found.sentence


@pytest.mark.parametrize(
    ("status", "message", "words"),
    [(401, "no such key", "401: no such key"), (404, "model `m` not found, try pulling it first", "try pulling"),
     (429, "slow down", "429: slow down"), (503, "Loading model", "503: Loading model"), (200, "spent", "it said: spent")],
)  # fmt: skip
def test_a_refusal_is_an_answer_in_the_servers_words(status: int, message: str, words: str) -> None:
    """A wrong key, a missing model and a spent quota are reported, and no other address is tried."""
    transport = serving("/v1/chat/completions", status=status, body={"error": {"message": message}})
    found = find_address("http://h.example/v1", SECRET, "m", transport=transport)
    assert found.answered
    assert words in found.sentence


def test_a_server_without_such_a_page_is_reported_with_all_that_was_tried() -> None:
    """What was given is kept, and each address stands in the sentence."""
    found = find_address("http://h.example", SECRET, "m", transport=serving("/elsewhere"))
    assert (found.answered, found.base_url) == (False, "http://h.example")
    assert "http://h.example/v1/chat/completions" in found.sentence


def test_a_server_that_cannot_be_reached_is_asked_once() -> None:
    """A server that is started later gets its run all the same."""
    asked = []

    def refuse(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        raise httpx.ConnectError("refused")

    found = find_address("http://h.example", "", "m", transport=httpx.MockTransport(refuse))
    assert (found.answered, found.base_url, len(asked)) == (False, "http://h.example", 1)
    assert "authorization" not in asked[0].headers
    assert "cannot be reached now" in found.sentence


def test_new_keeps_the_address_that_answered(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bare host becomes the address with its version; neither the texts nor another server's key went there."""
    monkeypatch.setenv("GROQ_API_KEY", "gsk_of_groq_alone_0123456789")
    source = tmp_path / "mail.csv"
    source.write_text("id,message\n1,the lunch is at noon\n")
    with recording("/v1/chat/completions") as (address, got):
        assert main(["new", str(source), "--base-url", address]) == 0
    assert (
        f"server    {address.removeprefix('http://')} answers at {address}/v1/chat/completions"
        in capsys.readouterr().out
    )
    with RunReader(home / "runs" / "mail.db") as reader:
        assert reader.base_url() == f"{address}/v1"
    assert not any(b"lunch" in each or b"gsk_" in each for each in got)


def test_the_usual_server_is_looked_for_too_by_commands_and_by_python(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of ``GROQ_BASE_URL`` the address that answers is said and kept; a run that is there already asks nothing."""
    sources = [tmp_path / "mail.csv", tmp_path / "more.csv"]
    for source in sources:
        source.write_text("id,message\n1,the lunch is at noon\n")
    with recording("/v1/chat/completions") as (address, got):
        monkeypatch.setenv("GROQ_BASE_URL", address)
        assert main(["new", str(sources[0])]) == 0
        assert f"answers at {address}/v1/chat/completions" in capsys.readouterr().out
        paths = [home / "runs" / "mail.db", *(Run.create(sources[1], name="more").path for _ in range(2))]
        asked = len(got)
        Run.create(sources[1], name="more")
        assert len(got) == asked
    for path in paths:
        with RunReader(path) as reader:
            assert reader.base_url() == f"{address}/v1"


def test_the_wizard_shows_the_keys_of_the_server_that_was_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server of this machine needs none; a known one shows its own and not Groq's, and its address is not in doubt."""
    monkeypatch.setenv("GROQ_API_KEY", "gsk_of_groq_alone_0123456789")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai-0123456789")
    engine = Engine(load_settings())
    assert [key.alias for key in engine.keys_of("http://localhost:11434/v1")] == ["no-key"]
    assert [key.last4 for key in engine.keys_of("https://api.openai.com/v1")] == ["6789"]
    assert engine.keys_of("https://elsewhere.example/v1") == ()
    assert engine.find_address("https://api.openai.com/v1", "m") is None


def test_each_address_is_given_eight_seconds_and_a_key_twenty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits at a terminal is told that; one that takes the question and is silent so long loads its model."""
    waits: list[float] = []

    def silent(request: httpx.Request) -> httpx.Response:
        waits.append(request.extensions["timeout"]["read"])
        raise httpx.ReadTimeout("silent")

    found = find_address("http://h.example/v1", "", "m", transport=httpx.MockTransport(silent))
    assert (waits, found.answered) == ([8.0], True)
    assert "it takes its time" in found.sentence

    async def ask(_client: object, asked: object, settings: ModelSettings) -> None:
        waits.append(settings.timeout_s)
        assert (asked, settings.max_completion_tokens) == ((ChatMessage("user", "1"),), 1)

    monkeypatch.setattr("core.llm.client.ChatClient.ask", ask)
    assert check_key(SECRET, "m", "http://h.example/v1").word == "works"
    assert waits[1:] == [20.0]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 404, 405, 410, 501])
def test_an_address_without_the_page_is_passed_over(status: int) -> None:
    """Whatever says so; where it points to another place, that is named and not asked."""
    asked: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(status, headers={"location": "https://login.example/"})

    found = find_address("http://h.example/v1", SECRET, "m", transport=httpx.MockTransport(handle))
    assert not found.answered
    assert len(asked) == len(set(asked)) == 7
    assert asked[:3] == ["/v1/chat/completions", "/v1/v1/chat/completions", "/chat/completions"]
    assert " It points to https://login.example/, where nothing was sent. Give" in found.sentence


@pytest.mark.parametrize("status", [300, 304, 400, 406, 411, 500, 502])
def test_any_other_status_is_an_answer(status: int) -> None:
    """There is something at that address."""
    found = find_address(
        "http://h.example/v1", SECRET, "m", transport=serving("/v1/chat/completions", status=status, body={})
    )
    assert (found.answered, found.sentence) == (
        True,
        f"h.example answers at http://h.example/v1/chat/completions (it said {status})",
    )


def test_only_the_beginning_of_a_page_is_read() -> None:
    """100,000 bytes: an address is told by its first words."""
    read = []

    def pieces() -> Iterator[bytes]:
        for _ in range(50):
            read.append(1)
            yield b"x" * 10_000

    def handle(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200 if request.url.path == "/v1/chat/completions" else 404, content=pieces())

    find_address("http://h.example/v1", "", "m", transport=httpx.MockTransport(handle))
    assert len(read) == 7 * 11


def test_a_versioned_path_is_replaced_by_the_usual_places() -> None:
    """Once, and only what stands at its end."""
    asked: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path.removesuffix("/chat/completions"))
        return httpx.Response(404)

    find_address("https://h.example/v1/proxy/openai/v2", "", "m", transport=httpx.MockTransport(handle))
    assert asked == [
        "/v1/proxy/openai/v2", "/v1/proxy/openai/v2/v1", "/v1/proxy/v1", "/v1/proxy", "/v1/proxy/openai/v1",
        "/v1/proxy/api/v1", "/v1/proxy/v1beta/openai",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("status", "content", "words"),
    [
        (200, b'{"choices": []}', ""), (200, b'{"choices": [], "error": {"message": "m"}}', ""), (299, b'{"error": {"message": "m"}}', "it said: m"),
        (200, b'{"error": {"code": 5}}', ""), (200, b'{"other": 1}', None), (200, b"[]", None), (200, b"  data: x", ""), (200, b"<html>", None),
        (200, b"[" * 9_000, None), (300, b"{}", "it said 300"), (404, b"page", None), (404, b'{"error": {"message": "no such model"}}', "it said 404: no such model"),
        (404, b'{"error": {"message": "m", "code": "model_not_found"}}', "it said 404: m"), (404, b'{"error": {"message": "no remodeling"}}', None),
        (503, b'{"error": {"message": "busy sk-of-this-server-0123456789"}}', "it said 503: busy (the key)"), (500, b"<html>", "it said 500"),
        (400, b'{"error": {"message": "' + b"x" * 201 + b'"}}', f"it said 400: {'x' * 200}"), (400, b'{"detail": "d"}', "it said 400: d"),
    ],
)  # fmt: skip
def test_an_answer_is_told_by_status_and_body(status: int, content: bytes, words: str | None) -> None:
    """None for no such page, nothing for a completion, else its own words."""
    assert key_check._answer_of(httpx.Response(status, content=content), SECRET) == words


@pytest.mark.parametrize(
    ("given", "places"),
    [
        ("https://h.example", ["https://h.example=/openai/v1", "https://h.example/v1=/v1", "https://h.example/chat/completions=", "https://h.example/api/v1=/api/v1",
                               "https://h.example/v1beta/openai=/v1beta/openai", "https://h.example/api/openai/v1=/api/openai/v1"]),
        ("http://h.example/v1?a=b", ["http://h.example/v1?a=b=/v1", "http://h.example/v1/v1/chat/completions?a=b=/v1/v1", "http://h.example/chat/completions?a=b=",
                                    "http://h.example/openai/v1/chat/completions?a=b=/openai/v1", "http://h.example/api/v1/chat/completions?a=b=/api/v1",
                                    "http://h.example/v1beta/openai/chat/completions?a=b=/v1beta/openai", "http://h.example/api/openai/v1/chat/completions?a=b=/api/openai/v1"]),
    ],
)  # fmt: skip
def test_places_are_tried_from_the_one_that_was_given(given: str, places: list[str]) -> None:
    """Each once; what is kept leads back to the page that answered."""
    asked = normalize_base_url(given)
    found = list(key_check._places(given, asked))
    paths = [each.chat_url.partition(".example")[2].partition("/chat")[0] for _, each in found]
    assert [f"{kept}={path}" for (kept, _), path in zip(found, paths, strict=True)] == places


@pytest.mark.parametrize(
    ("error", "word", "named"),
    [
        (KeyRefusedError("no"), "invalid", "invalid, unauthorized: no"), (OrganizationRestrictedError("no"), "restricted", "restricted: no"),
        (RateLimitedError("no"), "no quota", "no quota, rate limited: no"), (ConnectionFailedError("no"), "unreachable", "unreachable: no"),
        (CallTimeoutError("no"), "unreachable", "unreachable: no"), (ModelGoneError("no"), "valid, but without this model", "valid, but without this model, model gone: no"),
        (ServerFailedError("x\n" + "y" * 300), "server error", f"server error: x {'y' * 197}…"), (TooLargeError("no"), "too large", "too large: no"),
    ],
)  # fmt: skip
def test_what_came_of_a_key_is_one_word_and_a_sentence(
    error: CallError, word: str, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The word of each failure, and its name where that says more."""
    closed: list[bool] = []

    async def ask(*_: object) -> None:
        raise error

    async def aclose(_: object) -> None:
        closed.append(True)

    monkeypatch.setattr("core.llm.client.ChatClient.ask", ask)
    monkeypatch.setattr("core.llm.client.ChatClient.aclose", aclose)
    found = check_key(SECRET, "m", "http://h.example/v1")
    assert (found.works, found.word, found.sentence, closed) == (False, word, named, [True])


def test_a_key_that_no_header_carries_is_not_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is asked with it; one that works says how long an answer took."""
    found = check_key("a b", "m", None)
    assert (found.works, found.word, found.sentence[:22]) == (False, "not usable", "The key holds a space,")
    moments = iter((10.0, 11.5))

    async def ask(*_: object) -> None:
        return None

    monkeypatch.setattr("core.llm.client.ChatClient.ask", ask)
    monkeypatch.setattr(key_check, "time", SimpleNamespace(monotonic=lambda: next(moments)))
    assert check_key(SECRET, "m", None).sentence == "answers, in 1.50 s"


def test_the_sentence_names_where_a_server_answers_instead() -> None:
    """And where it points, first of all that it said; the question is tiny, and the key is in both headers."""
    asked: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if request.url.path == "/v1/chat/completions":
            return httpx.Response(200, json={"choices": []})
        return httpx.Response(404)

    found = find_address("http://h.example", SECRET, "m", transport=httpx.MockTransport(handle))
    assert found.sentence == (
        "h.example answers at http://h.example/v1/chat/completions, not at http://h.example/openai/v1/chat/completions"
    )
    assert json.loads(asked[0].content) == {
        "model": "m",
        "messages": [{"role": "user", "content": "1"}],
        "max_tokens": 1,
    }
    assert (asked[0].headers["authorization"], asked[0].headers["api-key"]) == (f"Bearer {SECRET}", SECRET)
    silent = find_address("http://h.example", "", "m", transport=httpx.MockTransport(lambda _: httpx.Response(404)))
    assert "It points to" not in silent.sentence
    assert silent.sentence.startswith(
        "h.example has no such page at any of: http://h.example/openai/v1/chat/completions, "
    )

    def broken(_: httpx.Request) -> httpx.Response:
        raise OSError("x" * 300)

    lost = find_address("http://h.example", "", "m", transport=httpx.MockTransport(broken))
    assert lost.sentence == (
        f"h.example cannot be reached now (OSError {'x' * 191}…): calls will go to http://h.example/openai/v1/chat/completions"
    )
    assert (lost.url, lost.answered) == ("http://h.example/openai/v1/chat/completions", False)  # fmt: skip
