"""The footer: what is most wanted first, whole words only, the help always, and no key that a field would take."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rich.cells import cell_len
from textual.widgets import Input

from tests.tui.conftest import Desk, Opens
from tests.tui.fakes import running, stopped
from tests.tui.test_task import with_versions
from tui.actions.active import in_scope
from tui.actions.catalog import ALL
from tui.actions.context import Scope
from tui.widgets.footer import Hints

SHEETS = {
    "runs": (), "monitor": ("enter",), "emails": ("enter", "e"), "record": ("enter", "e", "enter"),
    "keys": ("enter", "a"), "key": ("enter", "a", "enter"), "task": ("enter", "D"), "messages": ("enter", "e", "Y"),
    "help": ("question_mark",), "info": ("I",),
}  # fmt: skip


def hints_of(at: Desk) -> Hints:
    return at.app.screen.query_one(Hints)


def told(hints: Hints, width: int) -> str:
    (content,) = hints.lines(width, 1)
    return content.plain


@pytest.mark.asyncio
@pytest.mark.parametrize("name", SHEETS)
async def test_hints_are_whole_and_say_how_many_gave_way(desk: Opens, name: str) -> None:
    """At every width: no word is cut, the help is there, the rest is counted beside it, and each is a button."""
    async with desk(with_versions(running(40, 20)), listed=True) as at:
        await at.press(*SHEETS[name])
        hints = hints_of(at)
        words = {action_id: (key, word.split(" (")[0]) for action_id, key, word, *_ in hints.hints}
        for width in range(30, 221):
            line = told(hints, width)
            assert cell_len(line.rstrip()) <= width
            places = hints._places[:-1]
            assert "help" in {action_id for *_, action_id in places}
            for start, end, action_id in places:
                key, word = words[action_id]
                assert re.fullmatch(rf"{re.escape(key)} {re.escape(word)}( \+\d+| \(.*\))?", line[start:end])
            gone = len(words) - len(places)
            assert (f"? help +{gone} " in line) == (gone > 0), line
            assert line.rstrip().endswith(("^p", "^p palette"))


@pytest.mark.asyncio
async def test_the_screens_own_keys_come_before_those_of_others(desk: Opens) -> None:
    """On the list of emails finding and labeling stand first; the worker's keys are guests, and give way first."""
    async with desk(running(40, 20), size=(80, 24)) as at:
        assert at.footer().startswith(" s start  p pause  x stop  e emails  a keys")
        await at.press("e")
        assert at.footer().startswith(" enter open  f filter  / find  t retry  l label  ? help +")
        await at.pilot.resize_terminal(220, 30)
        await at.settle()
        order = [action_id for action_id, *_ in hints_of(at).hints]
        assert order.index("sort") < order.index("pause") < order.index("help") < order.index("quit")


@pytest.mark.asyncio
async def test_every_hint_in_sight_can_be_clicked(desk: Opens) -> None:
    """A click on any of its cells is the press of its key; the one with the count opens the help."""
    async with desk(stopped(), size=(100, 30)) as at:
        done: list[str] = []
        at.app.perform = lambda action_id, key="": done.append(action_id)  # type: ignore[method-assign]
        places = [place for place in hints_of(at)._places if place[2] != "palette"]
        for start, end, action_id in places:
            for x in (start, end - 1):
                await at.pilot.click("Hints", offset=(x, 0))
                await at.settle()
                assert done.pop() == action_id
        assert done == []


@pytest.mark.asyncio
@pytest.mark.parametrize("keys", [("w",), ("slash",), ("enter", "e", "slash")])
async def test_while_a_field_has_the_focus_no_letter_is_promised(
    desk: Opens, keys: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Letters are text there; what the footer names works, and all else is in the palette."""
    monkeypatch.chdir(tmp_path)
    async with desk(running(40, 20), listed=True) as at:
        await at.press(*keys)
        field = at.app.focused
        assert isinstance(field, Input)
        front = at.app.front_screen()
        assert front is not None
        named = {action_id for action_id, *_ in hints_of(at).hints}
        assert named == ({"open", "back"} if keys == ("w",) else {"back"})
        before = field.value
        for action in in_scope(front.SCOPE):
            if action.id not in named and len(action.keys[0]) == 1:
                await at.pilot.press(action.keys[0])
        assert len(field.value) > len(before)
        assert at.app.screen is front
        await at.press("escape")
        assert "help" in {action_id for action_id, *_ in hints_of(at).hints}


RANKS = {
    4: {"help"},
    3: {"edit", "enact", "quit"},
    2: {
        "add", "again_form", "ask_again", "behind", "copy_run", "demo", "disagreements", "dry_run", "emails", "filter", "find",
        "keys", "label", "messages", "new_run", "next", "open", "pause", "pin", "raw", "remove", "retry", "start", "stop",
        "toggle", "try_key", "unfold", "withdraw", "write_task",
    },
    1: {
        "archive", "archived", "back", "batches", "causes", "clear_bench", "compare", "compare_runs", "compare_versions",
        "concurrency", "copy", "delete_run", "discard", "dismiss", "editor", "grow", "hold", "lane", "look_at_alarm", "mark",
        "next_batch", "note", "previous", "quality", "regroup", "retry_all", "review", "save", "settle", "skip", "sort",
        "suspicious", "swap", "task", "top_up", "try_out", "undo", "write_report", "zoom",
    },
}  # fmt: skip
"""Actions by what keeps them in a footer without room for all: those that are asked for most stay longest."""


def test_actions_give_way_in_a_footer_by_their_rank() -> None:
    """All others are in the help and the palette alone; on screens that only lend an action it gives way first."""
    for rank, names in RANKS.items():
        assert {action.id for action in ALL if action.hint == rank} == names
    assert {action.id for action in ALL if not action.hint}.isdisjoint(set().union(*RANKS.values()))
    assert all(action.rank(scope) == min(1, action.hint) for action in ALL for scope in Scope if action.guest(scope))
