"""Other programs that spend the same quotas, unseen by the worker."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from dataclasses import dataclass

import httpx
from starlette.applications import Starlette

from tests.programs.virtual.scenario import OtherProgram, Scenario

MODEL = "openai/gpt-oss-20b"


@dataclass(slots=True)
class Taken:
    """What other programs got out of one organization."""

    calls: int = 0
    tokens: int = 0


class OtherPrograms:
    """All of a scenario's other programs, as tasks on the same loop. They ask the app over a line of their own."""

    def __init__(self, scenario: Scenario, app: Starlette) -> None:
        self.taken: defaultdict[str, Taken] = defaultdict(Taken)
        self._scenario = scenario
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://simulator")

    def start(self) -> list[asyncio.Task[None]]:
        """Begin; cancel the tasks to end."""
        return [
            asyncio.get_running_loop().create_task(self._spend(number, program))
            for number, program in enumerate(self._scenario.others)
        ]

    async def aclose(self) -> None:
        """Close the line."""
        await self._client.aclose()

    async def _spend(self, number: int, program: OtherProgram) -> None:
        rng = random.Random(f"{self._scenario.seed}:other:{number}")
        secret = next(secret for secret, name in self._scenario.keys().values() if name == program.organization)
        await asyncio.sleep(program.from_s)
        asked = 0
        loop = asyncio.get_running_loop()
        while loop.time() < program.until_s:
            await asyncio.sleep(rng.expovariate(1.0 / program.every_s))
            asked += 1
            text = f"report {number}.{asked} ".ljust(4 * (program.tokens - 40), "x")
            response = await self._client.post(
                "/openai/v1/chat/completions",
                json={
                    "model": MODEL,
                    "messages": [{"role": "user", "content": text}],
                    "max_completion_tokens": 64,
                    "reasoning_effort": "low",
                },
                headers={"authorization": f"Bearer {secret}"},
            )
            if response.status_code == 200:
                taken = self.taken[program.organization]
                taken.calls += 1
                taken.tokens += response.json()["usage"]["total_tokens"]
