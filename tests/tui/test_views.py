"""Changing what is seen and nothing else: the held view, the info page."""

from __future__ import annotations

import pytest

from core.model import EmailState, RunState
from tests.tui.conftest import Opens
from tests.tui.fakes import NOW, email, running
from tui.screens.monitor import MonitorScreen
from tui.screens.pages import InfoScreen


@pytest.mark.asyncio
async def test_holding_the_view_is_not_pausing_the_work(desk: Opens) -> None:
    """h asks nothing of the worker; the panes stand still while the state line moves on, and says that it is held."""
    run = running(200, 100)
    async with desk(run) as at:
        await at.read()
        before = at.lines_of("ProgressPane")
        await at.press("h")
        assert at.engine.asked == []
        assert "VIEW HELD" in at.line(0)
        assert "RUNNING" in at.line(0)
        run.emails[150] = email(150, EmailState.LABELED)
        run.state = RunState.WAITING
        await at.read(later_s=1.0)
        assert at.lines_of("ProgressPane") == before
        assert "WAITING" in at.line(0)
        await at.press("h")
        assert "VIEW HELD" not in at.line(0)
        assert at.lines_of("ProgressPane") != before


@pytest.mark.asyncio
async def test_a_held_view_and_a_paused_run_differ_in_key_word_and_color(desk: Opens) -> None:
    """h and VIEW HELD in the accent; p and PAUSED in the tone of what is paused."""
    run = running(200, 100)
    run.state, run.in_flight = RunState.PAUSED, 0
    async with desk(run) as at:
        await at.press("h")
        assert "PAUSED" in at.line(0)
        assert "VIEW HELD" in at.line(0)
        styles = {s.text.strip(): s.style for s in at.app.screen._compositor.render_strips()[0]}
        held, paused = styles["VIEW HELD"], styles["‖ PAUSED"]
        assert held is not None
        assert paused is not None
        assert held.bgcolor != paused.bgcolor
        assert held.bgcolor != paused.color


@pytest.mark.asyncio
async def test_a_screen_opened_while_held_shows_what_there_is(desk: Opens) -> None:
    """Holding never leaves a new screen empty."""
    async with desk() as at:
        await at.press("h", "a")
        assert "org_a" in at.screen()
        assert "VIEW HELD" in at.line(0)


@pytest.mark.asyncio
async def test_leaving_the_run_lets_the_view_go(desk: Opens) -> None:
    """The next run does not begin held."""
    async with desk() as at:
        await at.press("h", "escape")
        await at.read()
        assert "VIEW HELD" not in at.line(0)


@pytest.mark.asyncio
async def test_the_info_page_shows_paths_settings_and_terminal(desk: Opens) -> None:
    """I shows what `labeltui info` prints, and I or esc leads back."""
    change = lambda engine: engine.settings.config_path.write_text('theme = "paper"\n[keys]\npause = "f9"\n')  # noqa: E731
    async with desk(size=(120, 70), change=change) as at:
        await at.press("I")
        assert isinstance(at.app.screen, InfoScreen)
        shown = at.screen()
        for text in ("Versions", "textual", "keys.toml", "console.toml", "paper", "pause f9", "120 columns, 70 rows"):
            assert text in shown, text
        await at.press("I")
        assert isinstance(at.app.screen, MonitorScreen)


@pytest.mark.asyncio
async def test_what_could_not_be_taken_stays_on_the_info_page(desk: Opens) -> None:
    """A toast goes; the page keeps the sentence."""
    change = lambda engine: engine.settings.config_path.write_text("color = 1\n")  # noqa: E731
    async with desk(size=(120, 70), change=change) as at:
        await at.press("I")
        assert "ignored" in at.screen()
        assert "console.toml, line 1 (color)" in at.screen()


@pytest.mark.asyncio
async def test_a_sentence_that_stands_is_shown_whole_at_80_columns(desk: Opens) -> None:
    """What cannot be read, what went stale and what is done have remedies at their end, which must be seen."""
    run = running(200, 100)
    async with desk(run, size=(80, 24)) as at:
        await at.read()
        run.beat_at = NOW
        await at.read(later_s=90.0)
        top = " ".join(at.screen().split())
        assert "STALE" in at.line(0)
        assert "x stops it, a second x kills it · its log is beside the run file" in top
        run.trouble = "The run file is damaged: page 3 is not where it belongs. `labeltui check` looks closer at it."
        await at.read()
        assert "`labeltui check` looks closer at it" in " ".join(at.screen().split())
        run.trouble = ""
        run.state, run.beat_at = RunState.RUNNING, at.engine.now
        await at.read()
        assert "Progress" in at.line(2)


@pytest.mark.asyncio
@pytest.mark.parametrize("size", [(60, 16), (80, 24), (120, 40)])
async def test_how_old_the_data_is_never_gives_way(desk: Opens, size: tuple[int, int]) -> None:
    """A held, simulated, stale view of a run with a long name still says how old it is."""
    run = running(200, 100)
    run.simulated = True
    async with desk(run, size=size) as at:
        await at.press("h")
        await at.read(later_s=90.0)
        assert "VIEW HELD" in at.line(0)
        assert "! updated 9" in at.line(0) or size[0] < 80


@pytest.mark.asyncio
@pytest.mark.parametrize("key", ["I", "question_mark"])
async def test_a_page_over_the_list_of_runs_waits_for_no_run(desk: Opens, key: str) -> None:
    """Where no run is open, none is said to be read."""
    async with desk(listed=True) as at:
        await at.press(key)
        assert "NO RUN" in at.line(0)
        assert "none is open" in at.line(1)
        assert "READING" not in at.screen()
