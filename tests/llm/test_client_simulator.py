"""The client and the guard against the simulator: real quotas, headers and faults on a loop with virtual time."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import httpx
import pytest

from core.errors import (
    CallError,
    CallTimeoutError,
    CapacityError,
    ConnectionFailedError,
    KeyRefusedError,
    ModelGoneError,
    OrganizationRestrictedError,
    RateLimitedError,
    ServerFailedError,
    TooLargeError,
)
from core.llm.client import ChatClient
from core.llm.validation import AnswerGuard
from core.model import ChatMessage, ModelSettings, Outcome
from core.simulator.app import create_app
from core.simulator.config import FaultPlan, Limits, SimulatorConfig, simple_config

pytestmark = [pytest.mark.asyncio, pytest.mark.looptime]

MESSAGES = (
    ChatMessage("system", "Answer with 1 for work or 0 for personal."),
    ChatMessage("user", "<email>\nSubject: budget meeting\n\nPlease send the contract to the office.\n</email>"),
)
FAULTS: list[tuple[str, type[CallError]]] = [
    ("rate_limit", RateLimitedError),
    ("capacity", CapacityError),
    ("error_500", ServerFailedError),
    ("error_502", ServerFailedError),
    ("error_503", ServerFailedError),
    ("html", ServerFailedError),
    ("timeout", CallTimeoutError),
    ("drop", ConnectionFailedError),
    ("too_large", TooLargeError),
]


def client_of(config: SimulatorConfig, *, secret: str | None = None, base_url: str = "http://simulator") -> ChatClient:
    """A client with the simulator's first key, or with another one."""
    app = create_app(config, clock=asyncio.get_running_loop().time)
    transport = httpx.ASGITransport(app=app)
    return ChatClient(secret or next(iter(config.keys)), base_url=base_url, transport=transport)


async def failure(client: ChatClient, settings: ModelSettings | None = None) -> CallError:
    """The error that a call ends with."""
    with pytest.raises(CallError) as caught:
        await client.ask(MESSAGES, settings or ModelSettings())
    return caught.value


@pytest.mark.parametrize("base_url", ["http://simulator", "http://simulator/openai/v1/", "http://simulator/v1"])
async def test_answer_comes_with_headers_and_usage(base_url: str) -> None:
    """A good answer brings the quota's headers and its bill, on Groq's path and on a plain server's."""
    reply = await client_of(simple_config(limits=Limits(rpd=1_000, tpm=8_000)), base_url=base_url).ask(
        MESSAGES, ModelSettings()
    )

    assert reply.text.strip() in {"0", "1"}
    assert reply.usage.prompt_tokens > 0
    assert reply.request_id
    assert {"x-ratelimit-limit-requests", "x-ratelimit-remaining-tokens"} <= set(reply.headers)


async def test_spent_quota_is_reported_with_its_wait() -> None:
    """The 429 of a spent quota brings the wait, the organization and the limit to whoever reads its text."""
    client = client_of(simple_config(limits=Limits(rpm=1)))
    await client.ask(MESSAGES, ModelSettings())

    error = await failure(client)

    assert type(error) is RateLimitedError
    assert float(error.headers["retry-after"]) > 0
    assert "in organization `org_sim_1`" in str(error)
    assert "Please try again in" in str(error)


@pytest.mark.parametrize(("fault", "expected"), FAULTS)
async def test_each_fault_is_its_own_decision(fault: str, expected: type[CallError]) -> None:
    """Whatever the simulator can break is mapped to the leaf that it stands for."""
    config = replace(simple_config(), faults=FaultPlan(**{fault: 1.0}))

    assert type(await failure(client_of(config))) is expected


async def test_refusals_of_key_organization_and_model() -> None:
    """An unknown key, a restricted organization and models that are gone are distinguished."""
    config = simple_config()
    restricted = replace(config, organizations=tuple(replace(o, restricted_after=0) for o in config.organizations))

    assert type(await failure(client_of(config, secret="gsk_unknown"))) is KeyRefusedError
    assert type(await failure(client_of(restricted))) is OrganizationRestrictedError
    for model in (config.decommissioned[0], "never/heard-of"):
        assert type(await failure(client_of(config), ModelSettings(model=model))) is ModelGoneError


@pytest.mark.parametrize(
    ("faults", "outcome"),
    [
        (FaultPlan(), Outcome.ANSWERED),
        (FaultPlan(invalid=1.0), Outcome.INVALID),
        (FaultPlan(poison=1.0), Outcome.INVALID),
        (FaultPlan(length=1.0), Outcome.TRUNCATED),
    ],
)
async def test_answers_are_judged(faults: FaultPlan, outcome: Outcome) -> None:
    """Good answers become labels, and each kind of bad one its own verdict."""
    reply = await client_of(replace(simple_config(), faults=faults)).ask(MESSAGES, ModelSettings())

    verdict = await AnswerGuard(("1", "0"), "^[01]$").judge(reply)

    assert verdict.outcome is outcome
    assert (verdict.label in {"0", "1"}) is (outcome is Outcome.ANSWERED)
