"""A new user's first walk, with nothing replaced: an empty home, the demo, a failed email, a label by hand.

Each key that is pressed here is first looked for on the screen: what is not told there, nobody would press.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from core.commands.catalog import Stop
from core.runs import send as commands
from core.runs.send import await_answer
from core.settings import Settings
from core.simulator.child import adopt
from core.storage.reading.reader import RunReader
from tui.app import LabeltuiApp
from tui.screens.monitor import MonitorScreen

PATIENCE_S = 90.0


class Newcomer:
    """Reads the screen of 80 by 24, and presses only what stands there."""

    def __init__(self, app: LabeltuiApp, pilot: Pilot[None]) -> None:
        self._app = app
        self._pilot = pilot

    def screen(self) -> str:
        rows = self._app.screen._compositor.render_strips()
        return "\n".join(strip.text for strip in rows)

    async def see(self, *words: str) -> None:
        """Wait until all of this stands on the screen."""
        await self.until(lambda: all(word in self.screen() for word in words), " and ".join(words))

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, f"never seen: {what}\n{self.screen()}"
            await self._pilot.pause(0.05)

    async def press(self, key: str, told: str) -> None:
        """Press a key that the screen names by these words."""
        await self.see(told)
        await self._pilot.press(key)


@pytest.mark.asyncio
async def test_from_an_empty_home_to_a_failed_email_labeled_by_hand(home: Path, settings: Settings) -> None:
    """Every next step is named by the screen before it, and the label is in the run file in the end."""
    demo = settings.demo_dir / "runs" / "demo.db"
    app = LabeltuiApp(settings)
    try:
        async with app.run_test(size=(80, 24)) as pilot:
            newcomer = Newcomer(app, pilot)
            await newcomer.see("There is no run here yet.")
            await pilot.pause(0.2)
            if not hasattr(app.screen, "SCOPE"):  # the tour
                await newcomer.press("escape", "esc")
            await newcomer.press("D", "D   labeltui demo")
            await newcomer.until(lambda: isinstance(app.screen, MonitorScreen), "the monitor")
            await newcomer.see("SIMULATED")
            await newcomer.until(
                lambda: bool(app.view_state.snapshot and app.view_state.snapshot.failed), "a failed email"
            )
            await newcomer.press("e", "e emails")
            await newcomer.press("f", "f shows the next kind")
            await newcomer.see("Failed [", "no valid label after 3 a")
            await newcomer.press("l", "l label")
            await newcomer.see("Manual label", "1     work", "0     personal")
            await newcomer.press("1", "its value")
            await newcomer.press("enter", "enter save")
            await newcomer.until(
                lambda: bool(app.view_state.snapshot and app.view_state.snapshot.sources.get("human")),
                "a person's label",
            )
            await newcomer.press("q", "q leave")
        with RunReader(demo) as reader:
            assert reader.count("human") >= 1  # copies share it
        assert app.leave_message
    finally:
        if demo.exists():
            await_answer(demo, commands.send(demo, Stop()))
        if (simulator := adopt(settings.demo_dir / "simulator.json")) is not None:
            simulator.stop()
