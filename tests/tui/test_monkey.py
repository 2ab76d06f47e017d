"""Typed at random over a run in memory: nothing crashes, nothing changes that was not asked for."""

from __future__ import annotations

import random

import pytest

from core.model import RunState
from tests.tui.conftest import Opens
from tests.tui.fakes import running
from tests.tui.monkey import CHANGES, Monkey

pytestmark = pytest.mark.asyncio

PRESSES = 180


@pytest.mark.parametrize("seed", range(2))
async def test_a_monkey_breaks_nothing_and_changes_nothing_by_accident(desk: Opens, seed: int) -> None:
    """Whatever is pressed, the console lives, and what changed was asked for on the screen that offers it."""
    rng = random.Random(seed)
    async with desk(running(300, 200), size=(120, 40), listed=seed % 2 == 1) as at:
        told = 0

        def calls() -> list[tuple[str, tuple[object, ...]]]:
            nonlocal told
            fresh = at.engine.asked[told:]
            told = len(at.engine.asked)
            return [(str(name), tuple(rest)) for name, *rest in fresh if name in CHANGES]

        async def settle() -> None:
            await at.settle()
            if rng.random() < 0.2:  # the worker handles now and then, and the poller looks
                at.engine.handle()
                await at.read(later_s=rng.random())
            if not at.run.alive and at.run.state is not RunState.DONE and rng.random() < 0.1:
                at.engine.start(at.run.path)
                calls()

        monkey = Monkey(at.app, at.pilot, rng, settle, calls, haste=0.1)
        for _ in range(PRESSES):
            await monkey.act()
        assert list(monkey.wrong()) == []
        assert len(monkey.seen) > 3
        assert monkey.changes
