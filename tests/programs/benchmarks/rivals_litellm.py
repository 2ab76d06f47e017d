"""LiteLLM's Router over the same keys: one deployment for each, its own retries and cooldowns, shuffled by weight.

Configured as its documentation does for several keys: the default strategy (a shuffle, weighted by each deployment's
stated RPM), three retries, the default cooldown. The Router raises once its retries are used up; the caller here is
kinder than most and puts such an email back in line for as long as it takes, as a patient job queue in front of it
would. Its clocks are the virtual ones: it sleeps on the event loop, ``time.time`` is replaced while it runs, and its
store of cooldowns, compiled code with a clock of its own, gives way to one that keeps the same values for the same
time. Its checks before a call are off, as by default: they count by the minute of the real calendar.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
import warnings
from collections.abc import Iterator
from typing import Any

import httpx

from tests.programs.benchmarks.rivals_ground import Ground, Text
from tests.programs.virtual.scenario import START_AT

RETRIES = 3
AT_ONCE_FOR_EACH_KEY = 2
BETWEEN_GOES_S = 10.0


def _quiet_litellm() -> Any:
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    os.environ.setdefault("LITELLM_MODE", "PRODUCTION")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import litellm
        import litellm.router
    litellm.telemetry = False
    litellm.suppress_debug_info = True
    for name in ("LiteLLM", "LiteLLM Router", "openai", "httpx"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return litellm


class VirtualCooldowns:
    """The Router's store of cooldowns and failure counts, on the event loop's clock; see its ``RouterCooldowns``."""

    has_redis = False

    def __init__(self) -> None:
        self._now = asyncio.get_running_loop().time
        self._cooling: dict[str, tuple[float, Any]] = {}
        self._fails: dict[tuple[str, str | None], tuple[float, int]] = {}

    def attach_redis(self, redis: object) -> None:
        """There is none."""

    def flush_local_counters(self) -> None:
        """Forget the failures."""
        self._fails.clear()

    def put(self, model_id: str, value: Any, ttl: float) -> None:
        """Cool a deployment for ``ttl`` seconds."""
        self._cooling[model_id] = (self._now() + ttl, value)

    async def async_put(self, model_id: str, value: Any, ttl: float) -> None:
        """The same."""
        self.put(model_id, value, ttl)

    def increment_allowed_fails(self, model_id: str, suffix: str | None, ttl: float) -> int:
        """Count a failure; the count is dropped ``ttl`` seconds after its first."""
        ends_s, count = self._fails.get((model_id, suffix), (0.0, 0))
        if ends_s <= self._now():
            ends_s, count = self._now() + ttl, 0
        self._fails[model_id, suffix] = (ends_s, count + 1)
        return count + 1

    async def async_increment_allowed_fails(self, model_id: str, suffix: str | None, ttl: float) -> int:
        """The same."""
        return self.increment_allowed_fails(model_id, suffix, ttl)

    async def active(self, model_ids: Any, *, batch: object) -> Any:
        """The deployments among these that cool."""
        return self.active_sync(model_ids)

    def active_sync(self, model_ids: Any) -> Any:
        """The same."""
        now = self._now()
        return tuple(
            (each, self._cooling[each][1])
            for each in model_ids
            if each in self._cooling and self._cooling[each][0] > now
        )

    def minimum(self, model_ids: Any, default: float) -> float:
        """The shortest cooldown among these, as it was given."""
        return min((float(value["cooldown_time"]) for _, value in self.active_sync(model_ids)), default=default)

    def evict_local(self, model_id: str) -> None:
        """End a cooldown."""
        self._cooling.pop(model_id, None)

    def snapshot(self) -> dict[str, Any]:
        """Every cooldown."""
        return dict(self.active_sync(list(self._cooling)))


@contextlib.contextmanager
def _virtual_clock() -> Iterator[None]:
    loop = asyncio.get_running_loop()
    real = time.time
    time.time = lambda: START_AT + loop.time()
    try:
        yield
    finally:
        time.time = real


async def router(ground: Ground) -> None:
    """Every email through the Router, two at once for each key."""
    litellm = _quiet_litellm()
    limits = {org.name: org.limits for org in ground.scenario.organizations}
    deployments = []
    for secret, organization in ground.scenario.keys().values():
        quota = limits[organization]
        deployments.append(
            {
                "model_name": "labels",
                "litellm_params": {
                    "model": f"openai/{ground.task.model.model}",
                    "api_key": secret,
                    "api_base": "http://simulator/openai/v1",
                    "rpm": quota.rpm,
                    "timeout": ground.task.model.timeout_s,
                },
            }
        )
    async with httpx.AsyncClient(transport=ground.wire) as client:
        litellm.aclient_session = client
        with _virtual_clock(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                routed = litellm.Router(model_list=deployments, num_retries=RETRIES, set_verbose=False)
                routed._core._cooldowns.cooldown_store = VirtualCooldowns()
                works = AT_ONCE_FOR_EACH_KEY * len(deployments)
                await asyncio.gather(*(_work(ground, routed) for _ in range(works)))
            finally:
                litellm.aclient_session = None


async def _work(ground: Ground, routed: Any) -> None:
    while ground.line:
        email = ground.line.popleft()
        try:
            while not ground.judge(email, await _ask(ground, routed, email)):
                pass
        except Exception as error:  # noqa: BLE001 - its errors share no base class
            if "Request too large" in str(error):
                ground.dropped[email.number] = "too large"
                continue
            await asyncio.sleep(BETWEEN_GOES_S)
            ground.line.append(email)


async def _ask(ground: Ground, routed: Any, email: Text) -> str:
    settings = ground.task.model
    answer = await routed.acompletion(
        model="labels",
        messages=[{"role": each.role, "content": each.content} for each in ground.conversation(email)],
        max_completion_tokens=settings.max_completion_tokens,
        temperature=settings.temperature,
        extra_body={"reasoning_effort": settings.reasoning_effort, "include_reasoning": settings.include_reasoning},
        max_retries=0,
    )
    return str(answer.choices[0].message.content or "")
