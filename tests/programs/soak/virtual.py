"""Eighteen hours in virtual time: one process with the real worker, looked at from inside, where tasks can be counted.

The simulator and the harness live in the same process; what they remember of every call is cut short, so that what
grows is labeltui's.
"""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.llm.task import pattern
from core.simulator.config import FaultPlan, Limits
from core.storage.reading.reader import RunReader
from core.worker.heartbeat import Tempo
from tests.programs.soak.flat import Rule, Samples
from tests.programs.soak.real import process_figures, size_mb
from tests.programs.virtual.harness import World, guard_for, run_virtually
from tests.programs.virtual.scenario import Lengths, Org, Scenario

EVERY_S = 300.0
"""Between two looks, in virtual seconds."""

ROUGH = FaultPlan(
    invalid=0.03, length=0.005, capacity=0.004, error_500=0.003, error_503=0.003, timeout=0.001, drop=0.003,
    poison=0.004, odd_429=0.2, rate_limit=0.003,
)  # fmt: skip

RULES = {
    "RSS": Rule("MB", slope_per_h=0.5, spread=12.0),
    "fds": Rule("fds", rise=0.0, ceiling=60),
    "threads": Rule("threads", rise=0.0, ceiling=4),
    "asyncio tasks": Rule("tasks", rise=2.0, ceiling=80),
    "objects": Rule("thousand", slope_per_h=0.2, spread=12.0),
    "run's WAL": Rule("MB", rise=0.5, ceiling=16.0),
}


def scenario(hours: float, calls_per_h: int) -> Scenario:
    """Four organizations whose quotas give so many calls an hour, with faults, pauses, kills and a key out and back."""
    each = max(1, calls_per_h // 60 // 4)
    limits = Limits(rpm=each, rpd=14_400 * max(1, each), tpm=each * 600)
    turns = [(hour * 3600.0 + second, what) for hour in range(1, int(hours)) for second, what in (
        (600.0, "pause"), (900.0, "resume"), (1_500.0, "disable key-2"), (1_800.0, "enable key-2"),
    )]  # fmt: skip
    return Scenario(
        "soak",
        int(hours * calls_per_h) + 200,
        tuple(Org(f"org_{number}", limits, keys=2) for number in range(1, 5)),
        hours=hours,
        faults=ROUGH,
        lengths=Lengths(median=700, sigma=0.5, most=2_000),
        operator=tuple(turns),
        tempo=Tempo(tick_s=5.0, beat_s=60.0),
    )


class Watched(World):
    """A scenario being played and looked at. A console's reader looks on as well."""

    def __init__(self, scenario: Scenario, folder: Path, every_s: float, say: Callable[[str], None]) -> None:
        super().__init__(scenario, folder)
        self.samples = Samples()
        self._every_s = every_s
        self._say = say

    async def _operate(self) -> None:
        looking = asyncio.get_running_loop().create_task(self._look_on())
        try:
            await super()._operate()
            await looking
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def _look_on(self) -> None:
        path = self.paths[0]
        with RunReader(path) as reader:
            for turn in range(int(self.scenario.hours * 3600 / self._every_s)):
                await asyncio.sleep(self._every_s)
                snapshot = reader.snapshot(self.clock())
                reader.emails(state=None, offset=turn % 50, limit=50)
                self.samples.add(self._loop.time(), self._figures(path))
                if turn % 24 == 23:
                    self._say(f"{self._loop.time() / 3600:5.1f} h  {snapshot.labeled:>7,} labeled  "
                              + "  ".join(f"{name} {values[-1]:.1f}" for name, values in self.samples.values.items()))  # fmt: skip

    def _figures(self, path: Path) -> dict[str, float]:
        forget_calls(self)
        gc.collect()
        seen = process_figures("", os.getpid())
        return {
            **{name.strip(): value for name, value in seen.items()},
            "asyncio tasks": len(asyncio.all_tasks()),
            "objects": len(gc.get_objects()) / 1000,
            "run's WAL": size_mb(path.with_name(path.name + "-wal")),
        }


def forget_calls(world: World) -> None:
    """Let the simulator and the harness forget what they keep of every call for other tests."""
    memory: Any = world._simulator.service._memory
    asked: OrderedDict[bytes, int] = memory._asked
    while len(asked) > 500:
        asked.popitem(last=False)
    world.forecasts.clear()


def soak(
    hours: float,
    folder: Path,
    *,
    calls_per_h: int = 1_200,
    every_s: float = EVERY_S,
    say: Callable[[str], None] = print,
) -> tuple[Samples, list[str]]:
    """So many virtual hours. The samples, and a sentence for each promise that did not hold."""
    played = scenario(hours, calls_per_h)
    task = played.task()
    guard_for(tuple(label.value for label in task.labels), pattern(task))
    began = time.perf_counter()
    world = Watched(played, folder, every_s, say)
    run_virtually(world.play())
    outcome = world.outcome(time.perf_counter() - began)
    say(f"{outcome.labels:,} labels and {outcome.calls:,} calls in {hours:g} virtual hours, {outcome.real_s:.0f} real s;"
        f" {'; '.join(world.ends)}")  # fmt: skip
    return world.samples, [*outcome.broken, *([f"{outcome.stuck} emails stuck"] if outcome.stuck else [])]
