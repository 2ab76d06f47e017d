"""Fourteen servers' documented ways of saying no, each understood: a wait, a key, a model, a setting, a text, a moment."""

from __future__ import annotations

import json
from dataclasses import replace

import httpx
import pytest

from core.errors import (
    CallError,
    ContentRefusedError,
    KeyRefusedError,
    ModelGoneError,
    RateLimitedError,
    Remedy,
    RequestRefusedError,
    ServerFailedError,
    TooLargeError,
)
from core.llm.client import ChatClient
from core.llm.dialect import Dialect
from core.llm.failures import failure_of, read_refusal
from core.llm.replies import read_reply
from core.model import ChatMessage, ModelSettings
from core.quota.ledger.replies import rate_limit_text, told_wait_s
from core.simulator.app import create_app
from core.simulator.config import DIALECTS, FaultPlan, Limits, OrganizationConfig, simple_config
from core.simulator.dialects import KINDS, dialects
from core.simulator.replies import Reply

NOW = 1_795_000_000.0
ASKED = (ChatMessage("system", "the rubric"), ChatMessage("user", "<email>\nthe email\n</email>"))
TABLE = [(name, kind) for name, dialect in dialects().items() for kind in dialect.errors]


def error_of(reply: Reply) -> CallError:
    """The error that the worker decides by, as the client makes it of a response."""
    try:
        body = json.loads(reply.body)
    except ValueError:
        body = reply.body.decode()
    headers = {name.decode().lower(): value.decode() for name, value in reply.headers}
    return failure_of(reply.status, read_refusal(body), host="h.example", headers=headers)


def test_every_dialect_is_offered_and_names_the_pages_it_is_from() -> None:
    """Twelve servers at least; the command's choices are those of the data."""
    assert set(DIALECTS) == set(dialects())
    assert len(DIALECTS) >= 12
    assert all(
        dialect.docs and all(page.startswith("https://") for page in dialect.docs) for dialect in dialects().values()
    )
    assert set(KINDS) == {kind for dialect in dialects().values() for kind in dialect.errors}


@pytest.mark.parametrize(("name", "kind"), TABLE, ids=[f"{name}-{kind}" for name, kind in TABLE])
def test_a_documented_refusal_is_what_it_is(name: str, kind: str) -> None:
    """Its class, the advice, and a stated wait to the second."""
    dialect = dialects()[name]
    error = error_of(dialect.errors[kind].reply(model="sim/model", wait_s=17, now_at=NOW))
    if kind == "quota":
        assert isinstance(error, RateLimitedError)
        text = rate_limit_text(str(error))
        waits = [told_wait_s(error.headers, NOW), text.try_again_s if text else None]
        told = [wait for wait in waits if wait is not None]
        assert {round(wait) for wait in told} == ({17} if dialect.errors[kind].told else set())
    elif kind == "credit":
        assert error.remedy is Remedy.CHANGE_KEY
        assert "credit" in str(error) or "owner settles" in str(error)
        assert "mistyped" not in str(error)
    elif kind == "auth":
        assert isinstance(error, KeyRefusedError)
        assert "mistyped" in str(error)
    elif kind == "model":
        assert isinstance(error, ModelGoneError)
    elif kind == "moderation":  # where no code says so, what else was answered decides
        by_evidence = isinstance(error, (KeyRefusedError, RequestRefusedError)) and not error.conclusive
        assert isinstance(error, ContentRefusedError) or by_evidence
    elif kind == "overload":
        assert error.remedy is Remedy.BACK_OFF
    elif kind == "context":
        assert isinstance(error, TooLargeError)
    else:
        assert isinstance(error, RequestRefusedError)
        learns = Dialect(plain=True)
        sent = {"temperature": 0.0, "max_tokens": 9, "seed": 7, "reasoning_effort": "low"}
        assert learns.learn(error, error.said, "", sent, "h.example")
        assert dialect.refuses not in learns.fields(sent)


async def asked(name: str, faults: FaultPlan = FaultPlan(), limits: Limits = Limits()) -> object:  # noqa: B008
    """Ask the simulator in a dialect with the real client; the reply, or the error."""
    config = simple_config(limits=limits)
    config = replace(
        config,
        dialect=name,
        faults=faults,
        organizations=(OrganizationConfig("org_sim_1", limits),),
    )
    base_url = f"http://sim.example{dialects()[name].path}"
    client = ChatClient(
        next(iter(config.keys)), base_url=base_url, transport=httpx.ASGITransport(app=create_app(config))
    )
    found: object = None
    for _ in range(2):
        try:
            found = await client.ask(ASKED, ModelSettings(seed=7))
        except CallError as error:
            found = error
    await client.aclose()
    return found


@pytest.mark.parametrize("name", DIALECTS)
@pytest.mark.asyncio
async def test_the_simulator_speaks_it(name: str) -> None:
    """At the server's own path: answers come, what it does not take is left out, and a spent quota is in its words."""
    limited = await asked(name, limits=Limits(rpm=1))
    quota = dialects()[name].errors.get("quota")
    assert isinstance(limited, RateLimitedError)
    assert quota is None or limited.said[:20] in str(error_of(quota.reply(model="openai/gpt-oss-20b")))


@pytest.mark.asyncio
async def test_a_moderated_text_is_refused_in_the_servers_words() -> None:
    """A poisoned text meets the moderation of the server."""
    refused = await asked("azure", FaultPlan(poison=1.0))
    assert isinstance(refused, ContentRefusedError)
    assert "content management policy" in str(refused)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": "Rate limit exceeded, slow down"}, RateLimitedError),
        ({"code": 429, "message": "Too Many Requests"}, RateLimitedError),
        ({"error_code": 429, "error_msg": "qps limit"}, RateLimitedError),
        ({"code": "rate_limit_exceeded", "msg": "later"}, RateLimitedError),
        ({"status_code": 401, "detail": "Unauthorized"}, KeyRefusedError),
        ({"error": {"message": "Insufficient balance"}}, KeyRefusedError),
        ({"errors": [{"code": 413, "message": "too big"}]}, TooLargeError),
        ({"error": {"code": "503", "message": "busy"}}, ServerFailedError),
    ],
    ids=["words", "number", "other-names", "word", "key", "money", "list", "busy"],
)
def test_a_refusal_inside_a_200_is_what_it_says(body: dict[str, object], kind: type[CallError]) -> None:
    """By a number, by a word or by its sentence, wherever a gateway puts it."""
    with pytest.raises(CallError) as caught:
        read_reply(json.dumps(body).encode(), {}, host="h.example", asked=ASKED)
    assert type(caught.value) is kind


def test_a_prompt_that_gemini_blocks_is_a_refusal() -> None:
    """Without any choice, but with the reason."""
    reply = read_reply(b'{"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}', {}, host="h.example", asked=ASKED)
    assert (reply.text, reply.refusal) == ("", "blocked: PROHIBITED_CONTENT")
