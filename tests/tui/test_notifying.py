"""The console rings and notifies the desktop, unless it is set to be quiet."""

from __future__ import annotations

import pytest

from core.model import RunState
from tests.tui.conftest import Desk, Opens

pytestmark = pytest.mark.asyncio


def listen(at: Desk, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    heard: list[str] = []
    monkeypatch.setattr(at.app, "bell", lambda: heard.append("bell"))
    monkeypatch.setattr(at.app, "to_terminal", heard.append)
    return heard


async def test_a_run_that_pauses_itself_rings_once(desk: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bell, desktop and a toast, when the picture shows it and not again."""
    monkeypatch.setenv("TERM", "xterm-kitty")
    monkeypatch.delenv("TMUX", raising=False)
    async with desk() as at:
        heard = listen(at, monkeypatch)
        at.run.state, at.run.reason = RunState.PAUSED, "the budget of 9 tokens is used up"
        await at.read(later_s=1)
        await at.read(later_s=1)
        assert heard[0] == "bell"
        assert heard[1].startswith("\x1b]9;labeltui: enron paused itself. the budget")
        assert len(heard) == 2
        assert "enron paused itself: the budget of 9 tokens" in at.said()


async def test_a_quiet_console_notifies_on_the_screen_alone(desk: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    """! makes it quiet for this start and the next ones."""
    async with desk() as at:
        heard = listen(at, monkeypatch)
        await at.press("!")
        assert "Bell and desktop notifications are off." in at.said()
        assert "quiet = true" in at.app.settings.config_path.read_text("utf-8")
        at.run.state, at.run.alive = RunState.DONE, False
        await at.read(later_s=1)
        assert heard == []
        assert "enron is done" in at.said()
        await at.press("!")
        assert "quiet = false" in at.app.settings.config_path.read_text("utf-8")
