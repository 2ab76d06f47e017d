"""The mouse everywhere: hints, panes, rows, tabs, wheel, and the keys that small windows name."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module

import pytest
from textual.content import Content
from textual.geometry import Offset
from textual.screen import ModalScreen
from textual.widgets import Input

import tui.screens
from tests.tui.conftest import Desk, Opens
from tests.tui.fakes import running, stopped
from tui.actions.clicks import key_at, place_of
from tui.screens.emails.list import EmailsScreen
from tui.screens.emails.record import RecordScreen
from tui.screens.modals import Confirm, GiveLabel
from tui.screens.monitor import MonitorScreen
from tui.screens.pages import HelpScreen
from tui.text.parts import line
from tui.widgets.lists.rows import Rows
from tui.widgets.panes.pane import Pane
from tui.widgets.state_line import NEEDED
from tui.widgets.window_parts import keys_line

KEYS = keys_line(("enter", "keep"), ("^o", "order"), ("↑↓", "look"))


@pytest.mark.parametrize(
    ("text", "key"), [("enter", "enter"), ("keep", "enter"), ("^o", "ctrl+o"), ("order", "ctrl+o"), ("look", None)]
)
def test_a_key_and_the_words_after_it_are_its_button(text: str, key: str | None) -> None:
    """What is no key, such as two arrows, is no button."""
    assert key_at(KEYS, KEYS.plain.index(text)) == key


def test_before_the_first_key_there_is_none() -> None:
    """A sentence that leads to the keys is not a button."""
    assert key_at(line("press ", ("y", "bold $accent")), 2) is None
    assert place_of("ab\ncde", Offset(1, 1)) == 4
    assert key_at(Content("plain"), 1) is None


def test_every_window_names_its_keys_in_a_way_that_can_be_clicked() -> None:
    """All have the one line of keys, but for the question, which draws its safe answer as the button that it is."""
    for info in pkgutil.iter_modules(tui.screens.__path__, "tui.screens."):
        module = import_module(info.name)
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, ModalScreen) and kind.__module__ == info.name:
                sources = [inspect.getsource(cls) for cls in kind.__mro__ if cls.__module__ == info.name]
                assert kind is Confirm or any("yield KeyLine(" in source for source in sources), kind.__name__


async def click_key(at: Desk, word: str) -> None:
    """Click on a word of the line of keys of the window in sight."""
    keys = at.app.screen.query_one(".choices")
    await at.pilot.click(keys, offset=(str(keys.content).index(word) + 1, 0))  # type: ignore[attr-defined]
    await at.settle()


@pytest.mark.asyncio
async def test_every_hint_can_be_clicked(desk: Opens) -> None:
    """Each word of the footer does what its key does."""
    async with desk(size=(220, 40)) as at:
        for word, kind in (("emails", EmailsScreen), ("help", HelpScreen)):
            await at.pilot.click("Hints", offset=(at.footer().index(word), 0))
            await at.settle()
            assert isinstance(at.app.screen, kind)
            await at.press("escape")
            assert isinstance(at.app.screen, MonitorScreen)
        await at.pilot.click("Hints", offset=(at.footer().index("^p"), 0))
        await at.settle()
        assert type(at.app.screen).__name__ == "Palette"


@pytest.mark.asyncio
async def test_a_click_focuses_a_pane(desk: Opens) -> None:
    """As its digit does."""
    async with desk(size=(120, 40)) as at:
        for pane in at.app.screen.query(Pane).results():
            if pane.display and pane.size.height:
                await at.pilot.click(pane, offset=(1, 1))
                await at.settle()
                assert at.app.focused is pane


@pytest.mark.asyncio
async def test_rows_take_click_double_click_and_wheel(desk: Opens) -> None:
    """A click moves the cursor, a second one opens, the wheel scrolls."""
    async with desk(running(200, 100)) as at:
        await at.press("e")
        rows = at.app.screen.query_one(Rows)
        await at.pilot.click(rows, offset=(5, 6))
        await at.settle()
        assert rows.cursor == 5
        rows._on_mouse_scroll_down(_wheel(rows))
        await at.settle()
        assert rows.scroll_offset.y > 0
        await at.pilot.click(rows, offset=(5, 3), times=2)
        await at.settle()
        assert isinstance(at.app.screen, RecordScreen)


@pytest.mark.asyncio
async def test_the_tabs_of_the_emails_can_be_clicked(desk: Opens) -> None:
    """Each kind of emails is a tab."""
    async with desk(running(600, 450), size=(120, 30)) as at:
        await at.press("e")
        await at.pilot.click("ScopeBar", offset=(at.line(2).index(" failed") + 2, 0))
        await at.settle()
        assert at.title().startswith("Failed")


@pytest.mark.asyncio
async def test_a_question_is_answered_by_a_click(desk: Opens) -> None:
    """Both answers of a window that asks are buttons."""
    async with desk(stopped(600, 450)) as at:
        await at.press("T")
        assert isinstance(at.app.screen, Confirm)
        await click_key(at, "enter")
        assert isinstance(at.app.screen, MonitorScreen)
        assert at.engine.asked == []
        await at.press("T")
        await click_key(at, "y ")
        assert [kind for kind, *_ in at.engine.asked] == ["retry"]


@pytest.mark.asyncio
async def test_a_label_is_given_by_clicks_alone(desk: Opens) -> None:
    """A label of the list, then the word that keeps it."""
    async with desk(running(20, 10)) as at:
        await at.press("e", "l")
        assert isinstance(at.app.screen, GiveLabel)
        for row, value in ((1, "0"), (0, "1")):
            await at.pilot.click("#labels", offset=(4, row))
            await at.settle()
            assert f"▸ {value}" in at.screen()
        await click_key(at, "save")
        assert at.engine.asked[-1][0] == "label"


@pytest.mark.asyncio
async def test_windows_with_fields_can_be_left_by_a_click(desk: Opens) -> None:
    """Also while the cursor is in a field."""
    async with desk() as at:
        await at.press("a", "a")
        assert isinstance(at.app.focused, Input)
        await click_key(at, "cancel")
        assert not isinstance(at.app.focused, Input)


@pytest.mark.asyncio
@pytest.mark.parametrize("size", [(59, 24), (80, 15), (30, 8), (20, 4)])
@pytest.mark.parametrize("keys", [(), ("e",), ("a",), ("question_mark",)])
async def test_a_tiny_terminal_keeps_the_state_and_says_what_it_needs(
    desk: Opens, size: tuple[int, int], keys: tuple[str, ...]
) -> None:
    """The state word, a sentence with the size, and keys that still work; with more room all is back."""
    async with desk(size=size) as at:
        await at.press(*keys)
        assert "RUNNING" in at.line(0)
        assert f"{size[0]} by {size[1]}" in at.screen() or size[1] < 5
        if keys == ():
            await at.press("p")
            assert [kind for kind, *_ in at.engine.asked] == ["pause"]
        await at.pilot.resize_terminal(*NEEDED)
        await at.settle()
        assert "are needed" not in at.screen()
        assert "Progress" in at.screen() or keys


def _wheel(rows: Rows) -> object:
    from textual.events import MouseScrollDown

    return MouseScrollDown(rows, 5, 5, 0, 1, 0, shift=False, meta=False, ctrl=False)
