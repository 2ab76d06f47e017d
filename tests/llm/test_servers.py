"""Each known server is asked where and as its documentation says, and its own way of refusing is understood.

Bodies and headers are those of the providers' public references (November 2026), shortened.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.errors import (
    CallError,
    KeyRefusedError,
    RateLimitedError,
    ServerFailedError,
    TooLargeError,
)
from core.llm.client import ChatClient
from core.llm.dialect import Dialect
from core.llm.failures import failure_of, read_refusal
from core.model import ChatMessage, ModelSettings
from core.quota.keys.store import NO_KEY, KeyStore
from core.quota.ledger.replies import rate_limit_text
from core.server_address import (
    PathStyle,
    Preset,
    address_of,
    normalize_base_url,
    preset,
    presets,
    presets_of,
    server_of,
)
from core.worker.settle import refused
from tests.llm.test_client import COMPLETION, SECRET

ASKED = (ChatMessage("system", "the rubric"), ChatMessage("user", "the email"))
AZURE = "https://mine.openai.azure.com/openai/deployments/gpt/chat/completions?api-version=2026-01-01"
URLS = {
    "groq": "https://api.groq.com/openai/v1/chat/completions",
    "openai": "https://api.openai.com/v1/chat/completions",
    "openrouter": "https://openrouter.ai/api/v1/chat/completions",
    "gemini": "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
    "anthropic": "https://api.anthropic.com/v1/chat/completions",
    "mistral": "https://api.mistral.ai/v1/chat/completions",
    "together": "https://api.together.xyz/v1/chat/completions",
    "deepseek": "https://api.deepseek.com/v1/chat/completions",
    "cerebras": "https://api.cerebras.ai/v1/chat/completions",
    "fireworks": "https://api.fireworks.ai/inference/v1/chat/completions",
    "xai": "https://api.x.ai/v1/chat/completions",
    "azure": AZURE,
    "ollama": "http://localhost:11434/v1/chat/completions",
    "lmstudio": "http://localhost:1234/v1/chat/completions",
    "llamacpp": "http://localhost:8080/v1/chat/completions",
    "vllm": "http://localhost:8000/v1/chat/completions",
}


def address(name: str) -> str:
    return AZURE if name == "azure" else address_of(name)


@dataclass
class Fake:
    """A server that refuses until ``answers`` is true of a request's body; it keeps what it was sent."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    refused_field: str = ""
    requests: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.body is not None and (not self.refused_field or self.refused_field in json.loads(request.content)):
            return httpx.Response(self.status, json=self.body, headers=self.headers)
        return httpx.Response(200, json=COMPLETION)

    def client(self, name: str, secret: str = SECRET) -> ChatClient:
        base_url = address(name)
        dialect = Dialect(plain=normalize_base_url(base_url).path_style is PathStyle.PLAIN)
        return ChatClient(secret, base_url=base_url, transport=httpx.MockTransport(self), dialect=dialect)


@pytest.mark.parametrize("name", presets())
@pytest.mark.asyncio
async def test_a_known_server_is_asked_at_its_address(name: str) -> None:
    """The endpoint of its reference, with the key as it wants it: Azure in a header of its own."""
    fake = Fake()
    await fake.client(name).ask(ASKED, ModelSettings())
    (request,) = fake.requests
    assert str(request.url) == URLS[name]
    assert request.headers.get("api-key") == (SECRET if name == "azure" else None)
    assert preset(name).variables == () or SECRET in request.headers["authorization"]


@pytest.mark.parametrize("name", [name for name in presets() if not presets()[name].variables])
def test_a_server_of_this_machine_is_asked_without_a_key(name: str, tmp_path: Path) -> None:
    """Nobody has to invent one, and no other server's key goes there."""
    environment = {"GROQ_API_KEY": "gsk_of_groq_0123456789", "OPENAI_API_KEY": "sk-of-openai-0123456789"}
    server = server_of(address_of(name))
    with KeyStore(tmp_path / "quota.db", tmp_path / "keys.toml", environment=environment, server=server) as keys:
        assert [secret.value for secret in keys.secrets()] == [NO_KEY]


def error(message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, **more}}


GEMINI_429 = [
    {
        "error": {
            "code": 429,
            "status": "RESOURCE_EXHAUSTED",
            "message": "You exceeded your current quota, please check your plan and billing details.",
            "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "37s"}],
        }
    }
]
REFUSALS = [
    ("groq", 429, error("Rate limit reached for model `m` in organization `org_1` on requests per day (RPD): Limit 1000,"
     " Used 1000, Requested 1. Please try again in 1m26s."), RateLimitedError, 86.0),
    ("gemini", 429, GEMINI_429, RateLimitedError, 37.0),
    ("gemini", 400, [error("API key not valid. Please pass a valid API key.", status="INVALID_ARGUMENT")],
     KeyRefusedError, None),
    ("openai", 429, error("You exceeded your current quota, please check your plan and billing details.",
     type="insufficient_quota", code="insufficient_quota"), KeyRefusedError, None),
    ("openai", 429, error("Rate limit reached for gpt-5-mini in organization org-x on tokens per min (TPM): Limit 200000,"
     " Used 199000, Requested 2000. Please try again in 300ms.", type="tokens", code="rate_limit_exceeded"),
     RateLimitedError, 0.3),
    ("azure", 429, error("Requests to the ChatCompletions_Create Operation have exceeded token rate limit. Please retry"
     " after 12 seconds.", code="429"), RateLimitedError, 12.0),
    ("openrouter", 402, error("Insufficient credits. Add more using https://openrouter.ai/credits", code=402),
     KeyRefusedError, None),
    ("deepseek", 402, error("Insufficient Balance", type="unknown_error", code="invalid_request_error"),
     KeyRefusedError, None),
    ("mistral", 401, {"detail": "Unauthorized"}, KeyRefusedError, None),
    ("anthropic", 529, error("Overloaded", type="overloaded_error"), ServerFailedError, None),
    ("llamacpp", 503, error("Loading model", type="unavailable_error", code=503), ServerFailedError, None),
    ("llamacpp", 400, error("the request exceeds the available context size, try increasing it",
     type="exceed_context_size_error", code=400), TooLargeError, None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "status", "body", "kind", "wait_s"),
    REFUSALS,
    ids=[f"{name}-{status}-{kind.__name__}" for name, status, _, kind, _ in REFUSALS],
)
@pytest.mark.asyncio
async def test_a_documented_refusal_is_understood(
    name: str, status: int, body: Any, kind: type[CallError], wait_s: float | None
) -> None:
    """Whose fault it is, in the server's own words, and a wait that is stated in them."""
    with pytest.raises(kind) as caught:
        await Fake(status, body).client(name).ask(ASKED, ModelSettings())
    told = rate_limit_text(str(caught.value))
    assert (told.try_again_s if told is not None else None) == wait_s
    words = body[0] if isinstance(body, list) else body
    assert (words["error"]["message"] if "error" in words else words["detail"])[:40] in str(caught.value)


@pytest.mark.parametrize(
    ("name", "field_", "status", "message", "instead"),
    [
        ("openai", "max_tokens", 400, ("Unsupported parameter: 'max_tokens' is not supported with this model. Use"
         " 'max_completion_tokens' instead."), "max_completion_tokens"),
        ("openai", "temperature", 400, "Unsupported value: 'temperature' does not support 0 with this model.", ""),
        ("gemini", "seed", 400, 'Invalid JSON payload received. Unknown name "seed": Cannot find field.', ""),
        ("mistral", "reasoning_effort", 422, "Extra inputs are not permitted: reasoning_effort", ""),
        ("groq", "max_completion_tokens", 400, "property 'max_completion_tokens' is unsupported", "max_tokens"),
    ],
    ids=["openai-limit", "openai-temperature", "gemini-seed", "mistral-effort", "groq-limit"],
)  # fmt: skip
@pytest.mark.asyncio
async def test_a_setting_that_a_server_refuses_costs_one_call(
    name: str, field_: str, status: int, message: str, instead: str
) -> None:
    """It is left out, or goes by its other name, in the same call and in all later ones."""
    fake = Fake(status, error(message), refused_field=field_)
    client = fake.client(name)
    for _ in range(2):
        await client.ask(ASKED, ModelSettings(seed=7, reasoning_effort="low"))
    sent = [json.loads(request.content) for request in fake.requests]
    assert [field_ in body for body in sent] == [True, False, False]
    assert not instead or instead in sent[-1]


def test_a_moderated_text_fails_with_the_servers_words_and_no_advice_about_keys() -> None:
    """A 403 may be a key's or a text's; once it is a text's, nobody is advised to add a key."""
    said = "Your input was flagged by moderation. No credits were charged."
    error = failure_of(403, read_refusal({"error": {"message": said, "code": 403}}), host="h.example", headers={})
    assert refused(error) == f"refused by the server: h.example answered 403: {said}"
    assert "mistyped" not in str(error)


def test_servers_of_other_packages_are_looked_for_only_where_a_variable_hints_at_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Reading the metadata of every package takes long: known variables and those of other programs are no hint."""
    looked: list[int] = []

    def foreign() -> dict[str, Preset]:
        looked.append(1)
        return {}

    monkeypatch.setattr("core.server_address.foreign_presets", foreign)
    known = list(presets_of({"GROQ_API_KEY": "x", "GROQ_API_KEYS": "x", "PATH": "/bin", "TOKEN": "x"}))
    assert looked == []
    assert list(presets_of({"PATH": "/bin", "OTHER_API_KEY": "x"})) == known
    assert looked == [1]
