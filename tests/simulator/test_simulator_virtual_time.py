"""An hour of quota in little real time: the real SDK, no socket, an event loop whose clock leaps."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import Any

import groq
import httpx
import looptime
import pytest

from core.simulator.app import create_app
from core.simulator.config import FaultPlan, Limits, simple_config

UNITS_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def told_wait_s(message: str) -> float:
    told = re.search(r"try again in ([0-9hms.]+?)\.? ", message)
    assert told is not None
    return sum(float(n) * UNITS_S[unit] for n, unit in re.findall(r"([\d.]+)(ms|h|m|s)", told[1]))


def run_virtually(work: Any) -> Any:
    loop = looptime.new_event_loop(start=0)
    try:
        return loop.run_until_complete(work())
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def test_an_hour_of_quota(words: Any) -> None:
    """One caller that waits as stated gets 30 + 60·30 calls out of an hour at 30 RPM; virtual time is what makes it short."""

    async def hour() -> tuple[int, int]:
        loop = asyncio.get_running_loop()
        config = replace(simple_config(limits=Limits(rpm=30)), latency_s=0.35)
        app = create_app(config, clock=loop.time)
        answered = refused = 0
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app)) as http:
            client = groq.AsyncGroq(
                api_key=next(iter(config.keys)), base_url="http://sim", http_client=http, max_retries=0
            )
            while loop.time() < 3_600:
                try:
                    await client.chat.completions.create(**words.question(f"contract {answered}"))
                    answered += 1
                except groq.RateLimitError as error:
                    refused += 1
                    await asyncio.sleep(told_wait_s(error.message))
        return answered, refused

    answered, refused = run_virtually(hour)
    assert 1_815 <= answered <= 1_831
    assert refused <= answered


def test_latency_is_seeded_and_around_its_mean(words: Any) -> None:
    """Calls take the mean latency within the jitter, the same for the same email each time."""

    async def latencies() -> list[float]:
        loop = asyncio.get_running_loop()
        config = replace(simple_config(), latency_s=1.0, latency_jitter=0.4)
        app = create_app(config, clock=loop.time)
        headers = {"authorization": f"Bearer {next(iter(config.keys))}"}
        taken = []
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://sim") as http:
            for number in range(100):
                before = loop.time()
                body = words.question(f"email {number}")
                await http.post("/openai/v1/chat/completions", json=body, headers=headers)
                taken.append(loop.time() - before)
        return taken

    first = run_virtually(latencies)
    assert all(0.59 <= taken <= 1.41 for taken in first)
    assert 0.9 <= sum(first) / len(first) <= 1.1
    assert max(first) - min(first) > 0.5
    assert run_virtually(latencies) == pytest.approx(first, abs=0.01)


def test_a_hang_lasts_as_long_as_said(words: Any) -> None:
    """Without a socket a hang is bounded by `hang_s` of the loop's time; a cancelled call leaves no trace."""

    async def hang() -> tuple[float, dict[str, Any]]:
        loop = asyncio.get_running_loop()
        config = replace(simple_config(limits=Limits(tpm=9_000)), faults=FaultPlan(timeout=1.0), hang_s=90)
        app = create_app(config, clock=loop.time)
        headers = {"authorization": f"Bearer {next(iter(config.keys))}"}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://sim") as http:
            before = loop.time()
            url = "/openai/v1/chat/completions"
            response = await http.post(url, json=words.question("x"), headers=headers)
            took = loop.time() - before
            assert response.status_code == 504
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(10):
                    await http.post(url, json=words.question("y"), headers=headers)
        return took, app.state.simulator.report()

    took, stats = run_virtually(hang)
    assert took == pytest.approx(90, abs=1)
    assert stats["by_status"] == {"504": 1, "left": 1}
    assert stats["in_flight"] == 0
    assert stats["quotas"][0]["used"] == 0
