"""The help explains the pane and the screen that asked, and agrees with footer and palette on every action."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.tui.conftest import Opens
from tui.actions import active as actions
from tui.actions.active import ACTIONS, in_scope
from tui.actions.context import Scope
from tui.actions.help_text import PANES, SCREENS, STATE_LINE
from tui.actions.keymap import keyed
from tui.screens.monitor import MonitorScreen
from tui.screens.pages import HelpScreen
from tui.terminal.glyphs import ASCII
from tui.widgets.panes.pane import Pane

ROOT = Path(__file__).resolve().parents[2] / "tui"


def panes() -> set[str]:
    """The names of every pane that there is."""
    found, todo = set(), list(Pane.__subclasses__())
    while todo:
        kind = todo.pop()
        todo += kind.__subclasses__()
        if kind.__module__.startswith("tui."):
            found.add(kind.NAME)
    return found


def test_every_pane_and_every_screen_is_explained() -> None:
    """A pane or screen without a text in the help does not pass."""
    assert MonitorScreen.SCOPE is Scope.MONITOR  # which brings all panes
    assert set(PANES) == panes()
    assert set(SCREENS) == set(Scope)


def test_explanations_name_only_actions_that_exist() -> None:
    """Every key in a text is the active key of some action."""
    known = {action.id for action in ACTIONS}
    for explanation in (*PANES.values(), *SCREENS.values(), STATE_LINE):
        for text in (explanation.about, *(meaning for _, meaning in explanation.terms)):
            assert set(re.findall(r"\{(\w+)\}", text)) <= known
            assert "{" not in keyed(text)
    for action in ACTIONS:
        assert "{" not in action.told


def test_explanations_are_short() -> None:
    """A term fits its column, and no meaning is longer than two lines."""
    for explanation in (*PANES.values(), *SCREENS.values(), STATE_LINE):
        assert len(explanation.about) <= 130
        for term, meaning in explanation.terms:
            assert len(term) <= 15, term
            assert len(meaning) <= 120, meaning


def test_every_glyph_that_is_drawn_has_an_ascii_stand_in() -> None:
    """Whoever brings a new glyph says what stands for it."""
    strange = set()
    for path in ROOT.rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and path.name != "glyphs.py":
                strange |= {
                    (char, path.name) for char in node.value if not char.isascii() and char not in {*ASCII, "…", "±"}
                }
    assert strange == set()


@pytest.mark.asyncio
@pytest.mark.parametrize("digit", list("12345678"))
async def test_help_begins_with_the_focused_pane(desk: Opens, digit: str) -> None:
    """? on a focused pane explains that pane first, then its keys, then the screen."""
    async with desk(size=(100, 50)) as at:
        await at.press(digit)
        pane = at.app.focused
        assert isinstance(pane, Pane)
        await at.press("question_mark")
        shown = at.screen()
        assert shown.splitlines()[2].strip() == f"{pane.NAME} · this pane"
        assert PANES[pane.NAME].terms[0][0] in shown
        assert "z     zoom" in shown
        assert "Monitor · this screen" in shown
        await at.press("escape")
        assert at.app.focused is pane


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("keys", "title"), [((), "Monitor"), (("e",), "Emails"), (("e", "enter"), "One email"), (("a",), "Keys")]
)
async def test_help_without_a_focused_pane_begins_with_the_screen(
    desk: Opens, keys: tuple[str, ...], title: str
) -> None:
    """Each screen is explained before its keys."""
    async with desk(size=(100, 50)) as at:
        await at.press(*keys, "question_mark")
        assert isinstance(at.app.screen, HelpScreen)
        assert at.line(2).strip() == f"{title} · this screen"
        assert "opens the guide at the page about this." in at.screen()


@pytest.mark.asyncio
@pytest.mark.parametrize("keys", [(), ("e",), ("e", "enter"), ("a",), ("question_mark",), ("I",)])
async def test_help_footer_and_palette_agree_with_the_list(desk: Opens, keys: tuple[str, ...]) -> None:
    """On every screen the palette offers exactly what is possible, the footer names no other, the help names all."""
    async with desk(size=(160, 50)) as at:
        await at.press(*keys)
        front = at.app.front_screen()
        assert front is not None
        context = front.context()
        offered = [command.title for command in at.app.get_system_commands(at.app.screen)]
        wanted = [action for action in in_scope(front.SCOPE) if action.blocked(context) is None]
        for action in wanted:
            assert any(action.label(context).lower() in title.lower() for title in offered), action.id
        blocked = {action.label(context).capitalize() for action in in_scope(front.SCOPE)} - {
            action.label(context).capitalize() for action in wanted
        }
        assert not blocked & set(offered)
        hinted = {action_id for action_id, *_ in at.app.screen.query_one("Hints").hints}  # type: ignore[attr-defined]
        assert hinted == {action.id for action in in_scope(front.SCOPE) if action.hint}
        if not isinstance(front, HelpScreen):
            text = HelpScreen(context)
            at.app.push_screen(text)
            await at.settle()
            told = text.text(150).plain
            for action in actions.every_action():
                assert action.label(context).split(" (")[0] in told


@pytest.mark.asyncio
async def test_each_pane_is_in_the_palette(desk: Opens) -> None:
    """What takes a parameter is offered once for each of its values."""
    async with desk() as at:
        commands = {command.title: command.callback for command in at.app.get_system_commands(at.app.screen)}
        assert "Pane 3: Keys" in commands
        commands["Pane 3: Keys"]()
        await at.settle()
        assert at.app.focused is at.app.screen.query_one("KeysPane")
