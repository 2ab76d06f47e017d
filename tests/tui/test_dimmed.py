"""What cannot be done now says why when its key is pressed, and changes nothing; and the help shows every key."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core.engine import READ_ONLY
from core.text import inert
from tests.tui import keyed
from tests.tui.conftest import Desk, Opens
from tests.tui.fake_engine import FakeEngine
from tests.tui.fakes import FakeRun
from tests.tui.keyed import ROWS, on
from tests.tui.monkey import CHANGES
from tests.tui.test_task import with_versions
from tui.actions.action import Action
from tui.actions.active import in_scope
from tui.actions.catalog import ALL
from tui.actions.context import Scope
from tui.screens.pages import HelpScreen

pytestmark = pytest.mark.usefixtures("furnished_folder")

SCOPES = sorted(Scope)
NEEDS_ROWS = frozenset({Scope.RECORD, Scope.KEY, Scope.TRIAL, Scope.NEW_RUN})
"""Screens that there are only with something to show."""


def at_work() -> FakeRun:
    return keyed.world(at_work=True)


def idle() -> FakeRun:
    return keyed.world(at_work=False)


def bare() -> FakeRun:
    """A run without an email, whose task has one version."""
    run = with_versions(FakeRun())
    run.older_labels = {}
    return run


def nothing_here(engine: FakeEngine) -> None:
    """No run in the list, no key."""
    engine.all_runs, engine.held, engine.quota = [], [], ()


WORLDS: dict[str, tuple[Callable[[], FakeRun], Callable[[FakeEngine], None]]] = {
    "at work": (at_work, keyed.furnished), "idle": (idle, keyed.furnished), "bare": (bare, nothing_here),
}  # fmt: skip

BEHIND_A_WISH = frozenset({Scope.TRIAL, Scope.NEW_RUN})
"""Screens that a console which only looks on never comes to."""

MEETS: dict[tuple[str, Scope], frozenset[str]] = {
    ("at work", Scope.MONITOR): frozenset({"start", "try_out", "places"}),
    ("idle", Scope.MONITOR): frozenset({"pause", "stop"}),
    ("idle", Scope.TASK): frozenset({"take_version"}),
    ("bare", Scope.RUNS): frozenset({"open", "copy_run", "compare_runs", "archive", "delete_run"}),
    ("bare", Scope.MONITOR): frozenset({"retry_all"}),
    ("bare", Scope.EMAILS): frozenset(
        {"causes", "mark", "copy", "save", "label", "note", "skip", "retry", "raw", "beside"}
    ),
    ("bare", Scope.KEYS): frozenset({"toggle", "pin", "try_key", "regroup", "clear_bench", "remove"}),
    ("bare", Scope.TASK): frozenset({"ask_again"}),
    ("unread", Scope.MONITOR): frozenset({"emails", "task", "swap", "concurrency", "lane", "batches", "export"}),
    ("plain", Scope.TASK): frozenset({"compare", "dry_run", "enact", "discard", "theme", "themes"}),
}  # fmt: skip
"""Where each action is surely met dimmed: in that world, on that screen."""

READ_BEFORE = frozenset({"edit", "editor", "messages", "pack", "quality", "review", "undo", "withdraw"})
"""Dimmed while the run is not read only, and their screens come after that."""


async def press_dimmed(at: Desk, world: str, scope: Scope) -> None:
    """Press the key of everything that is not possible; each shows its reason, and nothing else happens."""
    met = set()
    front = at.app.front_screen()
    assert front is not None
    stack = len(at.app.screen_stack)
    for action in in_scope(scope):
        reason = action.blocked(front.context())
        if reason is None:
            continue
        met.add(action.id)
        for key in action.keys:
            at.app.clear_notifications()
            at.engine.asked.clear()
            await at.press(key)
            assert at.said() == inert(reason, limit=400), (action.id, key)
            assert [call for call in at.engine.asked if call[0] in CHANGES] == [], action.id
            assert len(at.app.screen_stack) == stack, action.id
    assert MEETS.get((world, scope), frozenset()) <= met


VISITS = [
    (world, scope)
    for world in WORLDS
    for scope in SCOPES
    if (world == "bare" and scope not in NEEDS_ROWS) or (world == "at work" and scope is Scope.MONITOR)
]
TOGETHER = (True, False)
"""Screens reached from the list of runs, and those reached from the monitor: each in one console."""


@pytest.mark.asyncio
@pytest.mark.parametrize(("world", "scope"), VISITS, ids=[f"{scope}-{world}" for world, scope in VISITS])
async def test_a_dimmed_key_says_why(desk: Opens, world: str, scope: Scope) -> None:
    """On every screen, beside a worker and where there is nothing at all."""
    run, change = WORLDS[world]
    async with on(desk, scope, run=run(), change=change) as at:
        await press_dimmed(at, world, scope)


@pytest.mark.asyncio
@pytest.mark.parametrize("listed", TOGETHER, ids=["listed", "in a run"])
async def test_a_dimmed_key_says_why_where_nobody_works(desk: Opens, listed: bool) -> None:
    """On every screen, one after the other."""
    scopes = [scope for scope in SCOPES if (scope in keyed.LISTED) is listed]
    async with on(desk, Scope.RUNS if listed else Scope.MONITOR) as at:
        for scope in scopes:
            await keyed.enter(at, scope)
            await press_dimmed(at, "idle", scope)


@pytest.mark.asyncio
async def test_without_colors_or_a_draft_the_keys_for_them_say_so(desk: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    """There are no themes to choose from, and nothing to compare, try, activate or discard."""
    monkeypatch.setenv("NO_COLOR", "1")
    async with on(desk, Scope.TASK) as at:
        keyed.without_draft(at)
        await at.settle()
        await press_dimmed(at, "plain", Scope.TASK)


@pytest.mark.asyncio
async def test_a_run_that_cannot_be_read_offers_nothing_of_it(desk: Opens) -> None:
    """Its keys say that it is not read."""
    async with on(desk, Scope.MONITOR, run=FakeRun(trouble="It is no run file.")) as at:
        await press_dimmed(at, "unread", Scope.MONITOR)


def test_every_reason_is_met_somewhere() -> None:
    """A new action that can be dimmed has a place where its key is pressed in vain, or does not pass."""
    can_be_dimmed = {action.id for action in ALL if action.blocked.__module__ != Action.__module__}
    assert can_be_dimmed == frozenset().union(READ_BEFORE, *MEETS.values())


def test_whatever_changes_something_is_a_command() -> None:
    """What asks the engine for a change, by its row, is what a console that looks on refuses."""
    asks = {row.action for row in ROWS if row.asks and CHANGES & {call[0] for call in row.becomes if call}}  # type: ignore[attr-defined]
    assert asks - {action.id for action in ALL if action.changes} == set()


@pytest.mark.asyncio
@pytest.mark.parametrize("listed", TOGETHER, ids=["listed", "in a run"])
async def test_a_console_that_looks_on_refuses_every_change(desk: Opens, listed: bool) -> None:
    """On every screen each command says that the console is read-only, the palette offers none, and nothing changes."""
    scopes = [each for each in SCOPES if each not in BEHIND_A_WISH and (each in keyed.LISTED) is listed]
    async with on(desk, Scope.RUNS if listed else Scope.MONITOR, read_only=True) as at:
        for scope in scopes:
            await keyed.enter(at, scope)
            at.engine.asked.clear()
            before = list(at.run.emails)
            offered = {command.title for command in at.app.get_system_commands(at.app.screen)}
            context = at.app.front_screen().context()  # type: ignore[union-attr]
            for action in in_scope(scope):
                if action.changes:
                    for key in action.keys:
                        at.app.clear_notifications()
                        await at.press(key)
                        assert at.said() == READ_ONLY, (scope, action.id)
                    assert action.label(context).capitalize() not in offered, (scope, action.id)
            assert [call for call in at.engine.asked if call[0] in CHANGES] == [], scope
            assert at.run.emails == before, scope


@pytest.mark.asyncio
async def test_the_help_lists_every_key_of_every_screen(desk: Opens) -> None:
    """Asked from there, with its word and its sentence; what is dimmed is shown with why."""
    async with on(desk, Scope.MONITOR) as at:
        for scope in SCOPES:
            context = at.app.context(scope, None)
            page = HelpScreen(context)
            at.app.push_screen(page)
            await at.settle()
            rows = page.text(400).plain.splitlines()
            for action in in_scope(scope):
                row = next(row for row in rows if row[2:].startswith(f"{action.key:<7}{action.label(context)}"))
                assert row.endswith(action.told), action.id
                if reason := action.blocked(context):
                    assert any(f"Disabled: {reason[:60]}" in row for row in rows), action.id
            at.app.pop_screen()
            await at.settle()
