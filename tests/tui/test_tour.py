"""The tour of a first start: shown once, ended by any key, and never in the way of a key that was meant for the console."""

from __future__ import annotations

import pytest

from tests.tui.conftest import Opens
from tests.tui.fakes import stopped
from tui.screens.monitor import MonitorScreen
from tui.screens.tour import PAGES, Tour
from tui.terminal.preferences import read_preferences

LATER_S = 5.0

pytestmark = pytest.mark.asyncio


async def test_it_is_shown_once(desk: Opens) -> None:
    """The first start shows it and records that at once; the second does not."""
    async with desk(tour=True) as at:
        assert isinstance(at.app.screen, Tour)
        assert read_preferences(at.app.settings.config_path).toured
    async with desk(tour=True) as at:
        assert isinstance(at.app.screen, MonitorScreen)


async def test_three_screens_at_most_and_each_fits_the_smallest_terminal(desk: Opens) -> None:
    """enter goes through them and ends, left goes back; each is whole at 60 by 16."""
    assert len(PAGES) <= 3
    async with desk(tour=True, size=(60, 16)) as at:
        at.engine.now += LATER_S
        for n, (title, _) in enumerate(PAGES, 1):
            assert f"{title}   {n} of {len(PAGES)}" in at.screen()
            assert "esc end the tour" in at.screen()
            await at.press("enter")
        assert isinstance(at.app.screen, MonitorScreen)
        await at.press("f1", "enter", "left")
        assert PAGES[0][0] in at.screen()


async def test_esc_ends_it_at_once(desk: Opens) -> None:
    """The console behind it stays where it is."""
    async with desk(tour=True) as at:
        at.engine.now += LATER_S
        await at.press("escape")
        assert isinstance(at.app.screen, MonitorScreen)
        assert at.app.run_path is not None


async def test_a_key_of_the_console_ends_it_and_is_handled(desk: Opens) -> None:
    """p pauses, as the README says, whether the tour lies over the run or not."""
    async with desk(tour=True) as at:
        at.engine.now += LATER_S
        await at.press("p")
        assert isinstance(at.app.screen, MonitorScreen)
        assert [kind for kind, *_ in at.engine.asked] == ["pause"]


async def test_a_key_that_was_on_its_way_goes_to_the_console(desk: Opens) -> None:
    """What was typed before the tour could be seen is not taken for an answer to it."""
    async with desk(tour=True) as at:
        await at.press("space")
        assert isinstance(at.app.screen, MonitorScreen)
    async with desk(stopped(), tour=True, listed=True, change=_forget) as at:
        await at.read()
        await at.press("enter")
        await at.settle()
        assert isinstance(at.app.screen, MonitorScreen)


async def test_there_is_none_where_it_would_disturb(desk: Opens) -> None:
    """Read-only consoles, consoles that were used before, and whoever did not ask for it see none."""
    async with desk(tour=True, read_only=True) as at:
        assert isinstance(at.app.screen, MonitorScreen)
        assert not at.app.settings.config_path.exists()
    async with desk() as at:
        assert isinstance(at.app.screen, MonitorScreen)
    async with desk(tour=True, change=lambda b: b.settings.config_path.write_text('theme = "light"\n')) as at:
        assert isinstance(at.app.screen, MonitorScreen)


async def test_it_can_be_asked_for(desk: Opens) -> None:
    """By its key, by the palette, and by the mouse through its pages."""
    async with desk() as at:
        assert "Tour" in [command.title for command in at.app.get_system_commands(at.app.screen)]
        await at.press("f1", "enter")
        assert PAGES[1][0] in at.screen()
        await at.pilot.click(".choices", offset=(2, 0))
        await at.settle()
        assert PAGES[2][0] in at.screen()
        await at.pilot.click(".choices", offset=(at.app.screen.query_one(".choices").content.plain.index("end the"), 0))
        await at.settle()
        assert isinstance(at.app.screen, MonitorScreen)


def _forget(engine: object) -> None:
    engine.settings.config_path.unlink(missing_ok=True)  # type: ignore[attr-defined]
