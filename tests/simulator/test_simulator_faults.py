"""Promises about faults: each kind through the real SDK, and that a plan does not depend on order."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import groq
import httpx
import pytest

from core.simulator.answers import INVALID_SHAPES
from core.simulator.app import ConnectionDroppedError
from core.simulator.config import (
    CALL_FAULTS,
    FAULT_PRESETS,
    FaultPlan,
    Limits,
    Outage,
    SimulatorError,
    simple_config,
)
from core.simulator.faults import Faults

pytestmark = pytest.mark.asyncio


def with_faults(*, seed: int = 0, **rates: float) -> Any:
    return replace(simple_config(limits=Limits(tpm=1_000_000)), faults=FaultPlan(**rates), seed=seed)


async def content_of(bench: Any, email: str) -> str:
    return (await bench.ask(email)).json()["choices"][0]["message"]["content"]


async def test_invalid_answers(build: Any) -> None:
    """Invalid answers come in all their shapes, and a re-ask may be answered validly."""
    bench = build(with_faults(invalid=0.5))
    answers = [await content_of(bench, f"contract {number}") for number in range(300)]
    valid = answers.count("1")
    assert 110 <= valid <= 190
    assert len(set(answers)) == len(INVALID_SHAPES) + 1
    assert bench.stats["faults"]["invalid"] == 300 - valid
    again = [await content_of(bench, "contract 1") for _ in range(30)]
    assert "1" in again


async def test_poison_is_never_answered_validly(build: Any) -> None:
    """A poisoned email gets an invalid answer however often it is asked; the others none."""
    bench = build(with_faults(poison=0.2))
    counts = Counter({f"contract {number}": 0 for number in range(50)})
    for email in counts:
        for _ in range(6):
            counts[email] += await content_of(bench, email) == "1"
    assert set(counts.values()) == {0, 6}
    assert 3 <= list(counts.values()).count(0) <= 20


async def test_length(build: Any) -> None:
    """The reasoning eats the budget: empty content, finish_reason length, all tokens spent."""
    body = (await build(with_faults(length=1.0)).ask()).json()
    assert body["choices"][0]["message"]["content"] == ""
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"]["completion_tokens"] == 256


@pytest.mark.parametrize(
    ("kind", "status", "error", "code"),
    [
        ("rate_limit", 429, groq.RateLimitError, "rate_limit_exceeded"),
        ("capacity", 498, groq.APIStatusError, "capacity_exceeded"),
        ("error_500", 500, groq.InternalServerError, None),
        ("error_502", 502, groq.InternalServerError, None),
        ("error_503", 503, groq.InternalServerError, None),
        ("timeout", 504, groq.InternalServerError, None),
        ("too_large", 413, groq.APIStatusError, "rate_limit_exceeded"),
    ],
)
async def test_failures(build: Any, words: Any, kind: str, status: int, error: Any, code: str | None) -> None:
    """Each failure is the SDK's exception for it, and leaves no tokens reserved."""
    bench = build(replace(with_faults(**{kind: 1.0}), hang_s=0.0))
    async with bench.sdk() as client:
        with pytest.raises(error) as caught:
            await client.chat.completions.create(**words.question("x"))
    assert type(caught.value) is error
    assert caught.value.status_code == status
    assert caught.value.body["error"].get("code") == code
    assert bench.stats["faults"] == {kind: 1}
    assert bench.stats["quotas"][0]["used"] == 0


async def test_html(build: Any, words: Any) -> None:
    """A proxy's page instead of JSON reaches the SDK as a 502 whose body is text."""
    async with build(with_faults(html=1.0)).sdk() as client:
        with pytest.raises(groq.InternalServerError) as caught:
            await client.chat.completions.create(**words.question("x"))
    assert "<html>" in caught.value.response.text


async def test_too_large_belongs_to_the_email(build: Any) -> None:
    """Some emails are always too large, the others never."""
    bench = build(with_faults(too_large=0.3))
    for number in range(30):
        statuses = {(await bench.ask(f"email {number}")).status_code for _ in range(3)}
        assert statuses in ({200}, {413})
    assert 0 < bench.stats["faults"]["too_large"] < 90


async def test_too_large_states_no_limit_where_there_is_none(build: Any) -> None:
    """Without a limit of tokens a minute the refusal speaks of size alone: a client would learn what does not hold."""
    bench = build(replace(with_faults(too_large=1.0), organizations=simple_config(limits=Limits(rpm=30)).organizations))
    refused = await bench.ask("contract")
    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "request_too_large")
    assert "Limit" not in refused.json()["error"]["message"]


async def test_dropped_connections(build: Any, words: Any) -> None:
    """Without a socket a cut connection is an error out of the transport: the SDK's APIConnectionError."""
    bench = build(with_faults(drop=1.0))
    async with bench.sdk() as client:
        with pytest.raises(groq.APIConnectionError) as caught:
            await client.chat.completions.create(**words.question("x"))
    assert isinstance(caught.value.__cause__, ConnectionDroppedError)
    assert (bench.stats["by_status"], bench.stats["answered"]) == ({"dropped": 1}, 1)


async def test_the_caller_chooses_the_transport_errors(build: Any, words: Any) -> None:
    """A test may have cut and hanging calls raise httpx's own errors."""
    bench = build(with_faults(drop=1.0), drop_error=lambda: httpx.ReadError("cut"))
    with pytest.raises(httpx.ReadError):
        await bench.ask()
    config = replace(with_faults(timeout=1.0), hang_s=0.0)
    bench = build(config, hang_error=lambda: httpx.ReadTimeout("hung"))
    async with bench.sdk() as client:
        with pytest.raises(groq.APITimeoutError):
            await client.chat.completions.create(**words.question("x"))
    assert bench.stats["by_status"] == {"hung": 1}


async def test_outages(build: Any) -> None:
    """In an outage every call fails, before and after it none does; it costs no quota."""
    outages = (Outage(10, 5), Outage(20, 5, "drop"))
    bench = build(replace(simple_config(limits=Limits(rpm=2)), outages=outages))
    bench.clock.pass_s(10)
    assert [(await bench.ask()).status_code for _ in range(5)] == [503] * 5
    async with bench.sdk() as client:
        with pytest.raises(groq.InternalServerError):
            await client.models.list()
    bench.clock.pass_s(5)
    assert (await bench.ask()).status_code == 200
    bench.clock.pass_s(5)
    with pytest.raises(ConnectionDroppedError):
        await bench.ask()
    bench.clock.pass_s(5)
    assert (await bench.ask()).status_code == 200


async def test_odd_429_texts(build: Any) -> None:
    """Some 429 texts write `~`, leave out what is used, or name no window."""
    bench = build(replace(with_faults(odd_429=1.0), keys=simple_config().keys))
    bench = build(replace(bench.config, organizations=simple_config(limits=Limits(rpm=1)).organizations))
    texts = []
    for number in range(40):
        response = await bench.ask(f"email {number}")
        if response.status_code == 429:
            texts.append(response.json()["error"]["message"])
    assert any("Requested ~1" in text for text in texts)
    assert any("Used" not in text for text in texts)
    assert any(" on : Limit" in text for text in texts)
    assert all("Please try again in 1m0s" in text for text in texts)


async def test_results_do_not_depend_on_the_order_of_asking(build: Any) -> None:
    """The same emails in another order meet the same faults and get the same answers."""
    emails = [f"contract {number}" for number in range(60)]
    config = with_faults(invalid=0.3, error_500=0.2, poison=0.1, length=0.1, seed=7)

    async def outcomes(order: list[str]) -> dict[str, list[str]]:
        bench = build(config)
        seen: dict[str, list[str]] = {email: [] for email in emails}
        for email in order * 2:
            response = await bench.ask(email)
            body = response.json()
            seen[email].append(body["choices"][0]["message"]["content"] if "choices" in body else "500")
        return seen

    assert await outcomes(emails) == await outcomes(emails[::-1])


async def test_a_seed_is_a_plan_of_its_own(build: Any) -> None:
    """Another seed gives other faults."""
    keys = [bytes([number]) * 32 for number in range(100)]
    plan = FaultPlan(invalid=0.5)
    faults = [[each.kind(each.rolls(key, 1)) for key in keys] for each in (Faults(plan, seed=s) for s in (1, 1, 2))]
    assert faults[0] == faults[1] != faults[2]


async def test_rates_are_met() -> None:
    """Over many emails each kind of fault of a preset happens about as often as planned."""
    plan = FAULT_PRESETS["harsh"]
    faults = Faults(plan, seed=1)
    seen = Counter(faults.kind(faults.rolls(number.to_bytes(32, "big"), 1)) for number in range(20_000))
    for kind in CALL_FAULTS:
        rate = getattr(plan, kind)
        assert seen[kind] / 20_000 == pytest.approx(rate, abs=3 * (rate / 20_000) ** 0.5 + 1e-9)


@pytest.mark.parametrize("rates", [{"invalid": 1.5}, {"drop": -0.1}, {"invalid": 0.7, "drop": 0.7}])
async def test_impossible_rates_are_refused(rates: dict[str, float]) -> None:
    """Rates are probabilities, and those that exclude each other add up to one at most."""
    with pytest.raises(SimulatorError):
        FaultPlan(**rates)
