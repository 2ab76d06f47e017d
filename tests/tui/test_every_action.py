"""Every action does what it says, on every screen that offers it: by its key, and from the palette by its name."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from textual.command import CommandList, CommandPalette, Hit
from textual.system_commands import SystemCommandsProvider
from textual.widgets import Input

from tests.tui import keyed
from tests.tui.conftest import Desk, Opens
from tests.tui.keyed import OTHER, PLAIN, ROWS, Keyed, on
from tui.actions import active as actions
from tui.actions.catalog import ALL
from tui.actions.context import Scope

pytestmark = pytest.mark.usefixtures("furnished_folder")

EVERY = [(row, scope) for row in ROWS for scope in Scope if scope in row.scopes]


LIST, TEXT = "Rows", "TextScroll"
FOCUS = {
    **dict.fromkeys(Scope, TEXT), Scope.MONITOR: "NoneType",
    **dict.fromkeys((Scope.RUNS, Scope.EMAILS, Scope.BATCHES, Scope.KEYS, Scope.TASK, Scope.TRIAL, Scope.NEW_RUN), LIST),
}  # fmt: skip
"""What the arrow keys move on each screen from its first moment; on the monitor nothing."""


async def does(at: Desk, row: Keyed, how: str | None) -> None:
    """Make it possible, press its key (None: choose it by name), answer its window: what the row tells comes true.

    Its name is looked up in the palette, too: what is offered first does what its key does.
    """
    await at.press(*row.before)
    if row.given is not None:
        row.given(at)
        await at.settle()
    at.engine.asked.clear()
    at.app.clear_notifications()
    before = row.probe(at)
    word = actions.by_id(row.action).label(at.app.front_screen().context())  # type: ignore[union-attr]
    wanted = (row.action, how or "3") if row.action == "pane" else (row.action,)
    if row.action == "pane":
        word = "Pane 3: Keys" if how is None else f"Pane {at.app.front_screen().panes()[int(how) - 1]}"  # type: ignore[union-attr]
    assert await offered_first(at, word) == wanted
    if how is not None:
        await at.press(how)
    else:
        await choose(at, word)
    await at.press(*row.then)
    after = row.probe(at)
    assert before != after, f"{row.action} {row.scopes}: nothing changed by {how}"
    assert row.becomes is OTHER or after == row.becomes, f"{row.action} by {how}: {after}\n{at.screen()}"


def test_every_action_has_a_row_for_every_screen() -> None:
    """A new action, or one that is offered elsewhere as well, has a test through its key or does not pass."""
    told = {(row.action, scope) for row, scope in EVERY}
    assert told == {(action.id, scope) for action in ALL for scope in action.scopes}


OWN = [(row, scope) for row, scope in EVERY if not row.shares]
SHARED = sorted({(scope, row.at_work) for row, scope in EVERY if row.shares})


STAYS = frozenset({Scope.RUNS, Scope.MONITOR, Scope.NEW_RUN})
"""What an action leaves on these screens stays when they are left, so each action gets a console of its own there."""
ALONE = [(row, scope) for row, scope in OWN if scope in STAYS]
LEFT = sorted({(scope, row.size, row.at_work) for row, scope in OWN if scope not in STAYS})


@pytest.mark.asyncio
@pytest.mark.parametrize(("row", "scope"), ALONE, ids=[f"{row.action}{row.suffix}-{scope}" for row, scope in ALONE])
async def test_its_key_does_it(desk: Opens, row: Keyed, scope: Scope) -> None:
    """Each of its keys; a pane has one for itself."""
    for key in actions.by_id(row.action).keys:
        async with on(desk, scope, row) as at:
            await does(at, row, key)


@pytest.mark.asyncio
@pytest.mark.parametrize(("scope", "size", "at_work"), LEFT, ids=[f"{s}-{size[0]}-{work}" for s, size, work in LEFT])
async def test_what_leaves_its_screen_otherwise_its_keys_do(
    desk: Opens, scope: Scope, size: tuple[int, int], at_work: bool
) -> None:
    """One console; its screen is left and opened anew before each key."""
    rows = [row for row, place in OWN if place is scope and (row.size, row.at_work) == (size, at_work)]
    async with on(desk, scope, replace(PLAIN, size=size, at_work=at_work)) as at:
        for row in rows:
            for key in actions.by_id(row.action).keys:
                await keyed.enter(at, scope, row)
                await does(at, row, key)


@pytest.mark.asyncio
@pytest.mark.parametrize(("scope", "at_work"), SHARED, ids=[f"{scope}-{work}" for scope, work in SHARED])
async def test_what_leaves_the_screen_as_it_is_its_keys_do(desk: Opens, scope: Scope, at_work: bool) -> None:
    """One console whose list or text has the focus, one key after the other, the first action by its name as well."""
    rows = [row for row, place in EVERY if row.shares and place is scope and row.at_work is at_work]
    async with on(desk, scope, replace(PLAIN, at_work=at_work)) as at:
        front = at.app.front_screen()
        assert type(at.app.focused).__name__ == FOCUS[scope]
        for number, row in enumerate(rows):
            for how in (*actions.by_id(row.action).keys, *(() if number else (None,))):
                await does(at, row, how)
                while at.app.screen is not front:
                    at.app.pop_screen()
                    await at.settle()
                keyed.renew(at, at_work=at_work)
                await at.settle()


async def offered_first(at: Desk, words: str) -> tuple[str, ...]:
    """Return what the palette does for whoever types these words and presses enter: the action, and a pane's key."""
    hits = [hit async for hit in SystemCommandsProvider(at.app.screen).search(words) if isinstance(hit, Hit)]
    best = max(hits, key=lambda hit: hit.score).command
    assert isinstance(best, partial)
    assert best.func == at.app.dispatch.perform
    return best.args


async def choose(at: Desk, words: str) -> None:
    """Open the palette, type the words, take the first that it offers."""
    await at.press("ctrl+p")
    palette = at.app.screen
    assert isinstance(palette, CommandPalette)
    at.app.screen.query_one(Input).value = words
    for _ in range(100):
        await at.settle()
        offered = palette.query_one(CommandList)
        if offered.option_count and not palette._show_busy:
            break
    await at.press("enter")
