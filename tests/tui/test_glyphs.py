"""The ASCII set: a whole walk over the screens draws nothing else, in as many cells as before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.cells import cell_len

from tests.tui.conftest import Desk, Opens
from tests.tui.fake_engine import FakeEngine
from tests.tui.fakes import FakeRun, running, stopped
from tui.terminal.glyphs import ASCII, plain
from tui.terminal.terminal import CAPABLE, FEW, MANY, NONE, SOME, Terminal, terminal

PLAIN = terminal({"LABELTUI_ASCII": "1", "TERM": "xterm-256color"}, "UTF-8")


def test_a_glyph_keeps_its_cells() -> None:
    """Whatever is replaced takes as many cells as before, so that nothing moves."""
    for glyph, stands_in in ASCII.items():
        assert stands_in.isascii()
        assert cell_len(glyph) == len(stands_in), glyph


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("╭─ Keys ─╮", "+- Keys -+"),
        ("▶ in use", "> in use"),
        ("82.4 ±1.4 ▲", "82.4+-1.4 ^"),
        ("Grüße", "Gr??e"),
        ("日本", "????"),
        ("e\u0301", "e"),
    ],
)
def test_text_beyond_ascii_becomes_question_marks(text: str, shown: str) -> None:
    """Our glyphs have a stand-in; data is shown as a question mark for each cell."""
    assert plain(text) == shown


@pytest.mark.parametrize(
    ("environment", "encoding", "because"),
    [
        ({"TERM": "xterm-256color"}, "UTF-8", ""),
        ({"TERM": "xterm-256color"}, "utf8", ""),
        ({"TERM": "xterm"}, "ISO-8859-1", "the locale's encoding is ISO-8859-1"),
        ({"TERM": "linux"}, "UTF-8", "TERM=linux"),
        ({"TERM": "linux", "LABELTUI_ASCII": "0"}, "UTF-8", ""),
        ({"TERM": "xterm", "LABELTUI_ASCII": "1"}, "UTF-8", "LABELTUI_ASCII=1"),
    ],
)
def test_ascii_is_drawn_where_nothing_else_can_be(environment: dict[str, str], encoding: str, because: str) -> None:
    """The locale's encoding, a bare console or a command of the operator."""
    assert terminal(environment, encoding).ascii_because == because


@pytest.mark.parametrize(
    ("environment", "colors"),
    [
        ({"TERM": "xterm-256color"}, SOME),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, MANY),
        ({"TERM": "screen"}, FEW),
        ({"TERM": "dumb"}, NONE),
        ({"TERM": "xterm-256color", "NO_COLOR": ""}, NONE),
    ],
)
def test_the_number_of_colors_is_what_the_environment_says(environment: dict[str, str], colors: str) -> None:
    """As the library that writes the colors decides it."""
    assert terminal(environment, "UTF-8").colors == colors


def beyond(at: Desk) -> list[str]:
    """Lines in sight with anything but ASCII in them."""
    return [row for row in at.screen().splitlines() if not row.isascii()]


WALK = (
    *("1", "3", "z", "z", "6", "question_mark", "end", "escape", "ctrl+p", "escape", "ctrl+y", "escape", "a", "a"),
    *("escape", "escape", "e", "f", "f", "slash", "escape", "F", "C", "escape", "space", "escape", "enter", "v", "l"),
    *("escape", "escape", "escape", "T", "escape"),
)


@pytest.mark.asyncio
@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_walk_over_every_screen_is_ascii(desk: Opens, size: tuple[int, int]) -> None:
    """Frames, bars, graphs, states, windows and toasts: not one cell beyond ASCII."""
    run = running(600, 450)
    run.emails[0] = replace(run.emails[0], subject="Grüße aus 日本")
    async with desk(run, size=size, terminal=PLAIN) as at:
        await at.read()
        assert beyond(at) == []
        for key in WALK:
            await at.press(key)
            assert beyond(at) == [], key


@pytest.mark.asyncio
@pytest.mark.parametrize("listed", [True, False])
async def test_other_states_are_ascii_too(desk: Opens, listed: bool) -> None:
    """The list of runs, a stopped run and an empty one."""
    for run in (stopped(), FakeRun()):
        async with desk(run, listed=listed, terminal=PLAIN) as at:
            await at.read()
            assert beyond(at) == []


def write(text: str) -> Callable[[FakeEngine], None]:
    def change(engine: FakeEngine) -> None:
        engine.settings.config_path.write_text(text)

    return change


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("text", "given", "ascii_only"),
    [
        ("ascii = true", CAPABLE, True),
        ("ascii = false", terminal({"TERM": "linux"}, "UTF-8"), False),
        ("ascii = false", PLAIN, True),
        ("ascii = true", terminal({"TERM": "xterm", "LABELTUI_ASCII": "0"}, "UTF-8"), False),
        ("", CAPABLE, False),
    ],
)
async def test_the_setting_decides_but_for_the_environment(
    desk: Opens, text: str, given: Terminal, ascii_only: bool
) -> None:
    """``ascii`` in the settings outweighs what was found out, and LABELTUI_ASCII outweighs both."""
    async with desk(terminal=given, change=write(text)) as at:
        assert bool(at.app.only_ascii) is ascii_only
        assert (beyond(at) == []) is ascii_only
