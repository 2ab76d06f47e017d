"""Which URL a call goes to, for every way in which a person may type a server's address."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from core.errors import UsageError
from core.llm.client import ChatClient
from core.model import ChatMessage, ModelSettings
from core.server_address import BaseUrl, PathStyle, normalize_base_url, server_of
from core.settings import load_settings

GROQ = "https://api.groq.com/openai/v1/chat/completions"
LOCAL = "http://127.0.0.1:8000/openai/v1/chat/completions"
OLLAMA = "http://localhost:11434/v1/chat/completions"

ADDRESSES = [
    (None, GROQ),
    ("", GROQ),
    ("  ", GROQ),
    ("https://api.groq.com", GROQ),
    ("https://api.groq.com/openai/v1", GROQ),
    ("http://127.0.0.1:8000", LOCAL),
    ("http://127.0.0.1:8000/", LOCAL),
    (" http://127.0.0.1:8000 \n", LOCAL),
    ("http://127.0.0.1:8000/openai", LOCAL),
    ("http://127.0.0.1:8000/openai/", LOCAL),
    ("http://127.0.0.1:8000/openai/v1", LOCAL),
    ("http://127.0.0.1:8000/openai/v1/", LOCAL),
    (LOCAL, LOCAL),
    ("http://localhost:11434/v1", OLLAMA),
    ("http://localhost:11434/v1/", OLLAMA),
    ("HTTP://LocalHost:11434/v1", OLLAMA),
    (OLLAMA, OLLAMA),
    ("https://example.org/api/v1", "https://example.org/api/v1/chat/completions"),
    ("https://example.org/paas/v4", "https://example.org/paas/v4/chat/completions"),
    ("http://example.org/proxy", "http://example.org/proxy/openai/v1/chat/completions"),
    ("http://[::1]:8000", "http://[::1]:8000/openai/v1/chat/completions"),
    ("localhost:11434/v1", OLLAMA),
    ("127.0.0.1:8000", LOCAL),
    ("api.groq.com", GROQ),
    ("openrouter.ai/api/v1", "https://openrouter.ai/api/v1/chat/completions"),
    ("https://example.org/v1beta/openai/", "https://example.org/v1beta/openai/chat/completions"),
    ("https://example.org/chat/completions", "https://example.org/chat/completions"),
    (
        "https://me.openai.azure.com/openai/deployments/mini/chat/completions?api-version=2024-10-21",
        "https://me.openai.azure.com/openai/deployments/mini/chat/completions?api-version=2024-10-21",
    ),
    ('"http://localhost:11434/v1"', OLLAMA),
    ("<http://localhost:11434/v1>", OLLAMA),
    ("OPENAI_BASE_URL='http://localhost:11434/v1'", OLLAMA),
    ("http://localhost:11434/v1/responses", OLLAMA),
    ("http://localhost:11434/v1/models", OLLAMA),
    ("http://localhost:11434/v1/chat", OLLAMA),
    ("http://127.0.0.1:8000/api/chat", LOCAL),
    ("https://me.openai.azure.com/openai/v1", "https://me.openai.azure.com/openai/v1/chat/completions"),
]

UNUSABLE = [
    "nothing",
    "ftp://example.org",
    "file:///etc/passwd",
    "http://",
    "http:///v1",
    "http://exa mple.org",
    "http://example.org/\x1b[2J",
    "http://exämple.org",
    "http://example.org:notaport",
    "http://example.org:99999",
    "http://[::1",
    "http://example.org/v1?key=1",
    "http://example.org/v1?api-version=1&api_key=1",
    "http://example.org/v1#here",
]


async def url_asked(base_url: str | None) -> tuple[str, dict[str, object], str]:
    """The URL, the body and the Host header of one call."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"choices": [{"message": {"content": "1"}, "finish_reason": "stop"}]})

    client = ChatClient("gsk_test", base_url=base_url, transport=httpx.MockTransport(answer))
    await client.ask([ChatMessage("user", "hello")], ModelSettings())
    await client.aclose()
    (request,) = seen
    return str(request.url), json.loads(request.content), request.headers["host"]


@pytest.mark.parametrize(("typed", "expected"), ADDRESSES)
@pytest.mark.asyncio
async def test_call_goes_to_the_chat_endpoint(typed: str | None, expected: str) -> None:
    """However an address is typed, calls go to that server's one chat endpoint."""
    url, _, host = await url_asked(typed)

    assert url == expected
    assert normalize_base_url(typed).chat_url == expected
    assert host == httpx.URL(expected).netloc.decode()


@pytest.mark.parametrize("typed", UNUSABLE)
def test_unusable_address_is_a_usage_error(typed: str) -> None:
    """An address that no request could go to is refused with advice, on one line."""
    with pytest.raises(UsageError) as caught:
        normalize_base_url(typed)

    assert "such as" in str(caught.value) or "Leave " in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_password_in_an_address_is_refused_and_not_repeated() -> None:
    """A password typed into an address would land in the run file, so it is refused, and the error does not show it."""
    with pytest.raises(UsageError) as caught:
        normalize_base_url("https://me:hunter2@example.org/v1")

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("typed", [address for address, _ in ADDRESSES])
def test_normalized_address_stays_itself(typed: str | None) -> None:
    """Normalizing twice changes nothing, for the root and for the endpoint, so either may be stored."""
    once = normalize_base_url(typed)

    if not once.query and "example.org/chat" not in once.chat_url:
        assert normalize_base_url(once.root) == once
    assert normalize_base_url(once.chat_url) == once


def test_base_url_names_root_style_and_host() -> None:
    """A plain server keeps its version in the root; Groq's path is left to the style."""
    assert normalize_base_url("http://localhost:11434/v1/") == BaseUrl("http://localhost:11434/v1", PathStyle.PLAIN)
    assert normalize_base_url("http://localhost:8000/openai/v1") == BaseUrl("http://localhost:8000", PathStyle.GROQ)
    assert normalize_base_url("http://localhost:8000").host == "localhost:8000"


@pytest.mark.asyncio
async def test_plain_servers_get_the_older_name_of_the_token_limit() -> None:
    """Servers such as Ollama ignore max_completion_tokens, so they are given max_tokens and Groq is not."""
    _, plain, _ = await url_asked("http://localhost:11434/v1")
    _, groq, _ = await url_asked(None)

    assert (plain["max_tokens"], "max_completion_tokens" in plain) == (256, False)
    assert (groq["max_completion_tokens"], "max_tokens" in groq) == (256, False)


@pytest.mark.parametrize(
    ("typed", "root"),
    [("localhost:8000/v1", "http://localhost:8000"), ("[::1]:8000", "http://[::1]:8000"), ("h.example?x=1", "https://h.example"),
     ("127.0.0.1/v1", "http://127.0.0.1"), ("LOCALHOST:1", "http://"), ("ftp://x", "ftp://x"), (" no such ", "no such"), (None, "https://api.groq.com")],
    ids=str,
)  # fmt: skip
def test_a_server_has_one_name_however_it_was_typed(typed: str | None, root: str) -> None:
    """Plain http on this machine, https elsewhere; what is no address is its own name."""
    assert server_of(typed).startswith(root)


def test_the_demo_has_keys_and_quotas_of_its_own(tmp_path: Path) -> None:
    """And no other run has them, wherever it lies."""
    settings = load_settings({"LABELTUI_HOME": str(tmp_path), "GROQ_BASE_URL": "http://h.example"})
    assert settings.for_run(settings.runs_dir / "mail.db") == settings
    assert settings.for_run(tmp_path / "elsewhere.db") == settings
    demo = settings.for_run(settings.demo_dir / "runs" / "demo.db")
    assert demo.runs_dir == settings.demo_dir / "runs"
    assert demo.quota_path == settings.demo_dir / "quota.db"
    assert demo.keys_path == settings.demo_dir / "keys.toml"
    assert (demo.base_url, demo.use_environment_keys) == (None, False)
