"""Themes: readable by computation, complete, saved, chosen with a preview, and gone where colors are not wanted."""

from __future__ import annotations

import pytest
from textual.color import Color

from tests.tui.conftest import Desk, Opens
from tui.screens.monitor import MonitorScreen
from tui.terminal.preferences import read_preferences
from tui.terminal.terminal import terminal
from tui.terminal.theme import ANSI, CONTRAST, DARK, LIGHT, PALETTES, THEMES, Palette, following, named

TEXT = ("running", "waiting", "cooling", "failed", "person", "accent", "foreground", "bright", "quiet")
DRAWN = ("faint", "rule", "graph", "share")
GROUNDS = ("background", "surface", "panel")
OWN = [name for name in PALETTES if name != ANSI]


def luminance(color: str) -> float:
    """WCAG 2's relative luminance."""

    def linear(part: int) -> float:
        share = part / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(part) for part in Color.parse(color).rgb)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """WCAG 2's contrast ratio, 1 to 21."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def ratios(colors: Palette, names: tuple[str, ...], grounds: tuple[str, ...]) -> dict[tuple[str, str], float]:
    return {
        (name, ground): contrast(getattr(colors, name), getattr(colors, ground)) for name in names for ground in grounds
    }


@pytest.mark.parametrize("name", OWN)
def test_text_is_readable_in_every_theme(name: str) -> None:
    """Every meaning stands at 4.5 to 1 or more on the ground, and at 3.9 on the cursor's and the bars' grounds."""
    colors = PALETTES[name]
    assert {place: ratio for place, ratio in ratios(colors, TEXT, ("background",)).items() if ratio < 4.5} == {}
    assert {place: ratio for place, ratio in ratios(colors, TEXT, GROUNDS).items() if ratio < 3.9} == {}


def test_high_contrast_is_high_for_everything() -> None:
    """In the high-contrast theme each color, also of what is dimmed or only drawn, stands at 7 to 1 on each ground."""
    assert {
        place: ratio for place, ratio in ratios(PALETTES[CONTRAST], TEXT + DRAWN, GROUNDS).items() if ratio < 7
    } == {}


def test_the_plain_theme_uses_the_terminals_own_colors() -> None:
    """Only the sixteen colors and the defaults, so that a plain terminal shows what it can."""
    colors = PALETTES[ANSI]
    assert all(getattr(colors, name).startswith("ansi_") for name in (*TEXT, *DRAWN, *GROUNDS))


def test_meanings_differ_from_each_other() -> None:
    """No two states share a color in any theme."""
    for name, colors in PALETTES.items():
        states = [getattr(colors, meaning) for meaning in ("running", "waiting", "cooling", "failed", "person")]
        assert len(set(states)) == len(states), name


def test_the_theme_key_goes_around() -> None:
    """Each theme follows another and all are visited."""
    seen = [following("nord")]
    while (name := following(seen[-1])) not in seen:
        seen.append(name)
    assert seen == [theme.name for theme in THEMES]


def test_a_theme_is_meant_by_its_short_name() -> None:
    """``ansi`` in the settings is enough."""
    known = {theme.name for theme in THEMES} | {"nord"}
    assert named("ansi", known) == ANSI
    assert named("nord", known) == "nord"
    assert named("none of these", known) is None


@pytest.mark.asyncio
async def test_every_theme_draws_every_screen(desk: Opens) -> None:
    """The whole console can be worn in each theme: no color is missing in any of them."""
    async with desk() as at:
        for name in PALETTES:
            at.app.theme = name
            await at.settle()
            for key in ("e", "escape", "a", "escape", "question_mark", "escape"):
                await at.press(key)
            assert "RUNNING" in at.line(0), name


@pytest.mark.asyncio
async def test_the_chooser_wears_what_the_cursor_is_on(desk: Opens) -> None:
    """Moving shows a theme, enter keeps and saves it, esc puts the old one back."""
    async with desk() as at:
        await at.press("ctrl+y", "down", "down")
        assert at.app.theme == CONTRAST
        await at.press("escape")
        assert at.app.theme == DARK
        assert read_preferences(at.app.settings.config_path).theme == ""
        await at.press("ctrl+y", "down", "down", "enter")
        assert at.app.theme == CONTRAST
        assert read_preferences(at.app.settings.config_path).theme == CONTRAST


@pytest.mark.asyncio
async def test_the_chooser_takes_the_mouse(desk: Opens) -> None:
    """A click shows a theme and a second one keeps it."""
    async with desk() as at:
        await at.press("ctrl+y")
        await at.pilot.click("#themes Rows", offset=(3, 2), times=2)
        await at.settle()
        assert at.app.theme == LIGHT
        assert isinstance(at.app.screen, MonitorScreen)


def colors_of(at: Desk) -> set[str]:
    """Every color in sight that is not the terminal's own."""
    seen = [segment for strip in at.app.screen._compositor.render_strips() for segment in strip if segment.style]
    inks = {s.style.color.name for s in seen if s.style and s.style.color is not None and s.text.strip()}
    grounds = {s.style.bgcolor.name for s in seen if s.style and s.style.bgcolor is not None}
    return (inks | grounds) - {"default"}


@pytest.mark.asyncio
@pytest.mark.parametrize("keys", [(), ("3",), ("e", "down"), ("a",), ("question_mark",), ("ctrl+p",), ("l",)])
async def test_no_color_means_none(desk: Opens, monkeypatch: pytest.MonkeyPatch, keys: tuple[str, ...]) -> None:
    """With NO_COLOR nothing on any screen has a color, not even a gray one."""
    monkeypatch.setenv("NO_COLOR", "1")
    async with desk(terminal=terminal({"NO_COLOR": "1"}, "UTF-8")) as at:
        await at.press(*keys)
        assert colors_of(at) == set()


@pytest.mark.asyncio
async def test_without_colors_cursor_and_focus_are_seen(desk: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cursor's row is reversed, the focused pane's frame is heavy and its title reversed, possible keys are bold."""
    monkeypatch.setenv("NO_COLOR", "1")
    async with desk(terminal=terminal({"NO_COLOR": "1"}, "UTF-8")) as at:
        await at.press("3")
        assert "┏" in at.screen()
        titles = [s for strip in at.app.screen._compositor.render_strips() for s in strip if "Keys" in s.text]
        assert any(s.style is not None and s.style.reverse for s in titles)
        footer = {s.text: s.style for s in at.app.screen._compositor.render_strips()[-1]}
        assert footer["p"] is not None
        assert footer["p"].bold
        assert not (footer["s"] and footer["s"].bold)
        await at.press("e", "down")
        rows = at.app.screen._compositor.render_strips()
        reversed_rows = [
            strip.text for strip in rows if any(s.style and s.style.reverse and s.text.strip() for s in strip)
        ]
        assert len(reversed_rows) == 1
        assert "Subject of message 1 " in reversed_rows[0]


@pytest.mark.asyncio
async def test_no_color_says_why_a_theme_cannot_be_chosen(desk: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key shows the reason, and the saved theme stays what it was."""
    monkeypatch.setenv("NO_COLOR", "1")
    change = lambda engine: engine.settings.config_path.write_text('theme = "nord"\n')  # noqa: E731
    async with desk(terminal=terminal({"NO_COLOR": "1"}, "UTF-8"), change=change) as at:
        await at.press("ctrl+t")
        assert "NO_COLOR is set" in at.said()
        assert at.app.settings.config_path.read_text() == 'theme = "nord"\n'


@pytest.mark.asyncio
async def test_the_plain_theme_draws_in_sixteen_colors(desk: Opens) -> None:
    """A terminal of few colors gets the plain theme by itself, and nothing outside the sixteen colors is drawn."""
    async with desk(terminal=terminal({"TERM": "xterm"}, "UTF-8")) as at:
        assert at.app.theme == ANSI
        for keys in ((), ("3",), ("e", "down"), ("escape", "a"), ("escape", "question_mark"), ("escape", "ctrl+p")):
            await at.press(*keys)
            assert {name for name in colors_of(at) if name.startswith("#")} == set(), keys


@pytest.mark.asyncio
async def test_a_short_name_in_the_settings_is_enough(desk: Opens) -> None:
    """``theme = "light"`` is ours; an unknown one is reported with those that there are."""
    async with desk(change=lambda engine: engine.settings.config_path.write_text('theme = "light"')) as at:
        assert at.app.theme == LIGHT
    async with desk(change=lambda engine: engine.settings.config_path.write_text('theme = "pink"')) as at:
        assert at.app.theme == DARK
        assert "console.toml, line 1 (theme): there is no theme pink. There are labeltui-dark" in at.said()
