"""The list of runs and the screen of keys, under real keys."""

from __future__ import annotations

import pytest

from core.model import KeyState, RunState, RunSummary
from tests.tui.conftest import Opens
from tests.tui.fake_backend import FakeBackend
from tests.tui.fakes import NOW
from tui.screens.keys import KeysScreen
from tui.screens.modals import AddKey, Confirm
from tui.screens.monitor import MonitorScreen
from tui.screens.runs import RunsScreen
from tui.widgets.rows import Rows

pytestmark = pytest.mark.asyncio


def summaries() -> list[RunSummary]:
    return [
        RunSummary("enron", "/r/enron.db", RunState.RUNNING, 5031, 2871, 7, NOW, NOW - 2, 4_000_000),
        RunSummary("old", "/r/old.db", RunState.DONE, 100, 100, 0, NOW, NOW - 90_000, 4_000),
        RunSummary(
            "broken", "/r/broken.db", RunState.STOPPED, 0, 0, 0, 0.0, NOW, 10, error="broken.db is no run file."
        ),
    ]


async def test_the_list_of_runs_opens_a_run_and_comes_back_to_its_place(desk: Opens) -> None:
    """enter opens the run under the cursor, esc returns to the list with the cursor where it was."""

    def listed(backend: FakeBackend) -> None:
        backend.all_runs = summaries()

    async with desk(listed=True, change=listed) as at:
        shown = at.screen()
        assert "▶ running" in shown
        assert "57 %" in shown
        await at.press("down", "enter")
        assert isinstance(at.app.screen, MonitorScreen)
        assert at.app.run_path is not None
        assert at.app.run_path.name == "old.db"
        await at.press("escape")
        assert isinstance(at.app.screen, RunsScreen)
        assert at.app.screen.query_one(Rows).cursor == 1


async def test_the_cursor_follows_its_run_when_the_list_is_sorted_anew(desk: Opens) -> None:
    """A key never hits another row because the list moved under the cursor."""

    def listed(backend: FakeBackend) -> None:
        backend.all_runs = summaries()

    async with desk(listed=True, change=listed) as at:
        await at.press("down")
        at.backend.all_runs = list(reversed(summaries()))[1:]
        await at.read(later_s=3)
        row = at.app.screen.query_one(Rows).selected
        assert row is not None
        assert row.value.name == "old"


async def test_an_unreadable_run_says_why_it_cannot_be_opened(desk: Opens) -> None:
    """A broken file is a line in the list, and enter tells what is wrong with it."""

    def listed(backend: FakeBackend) -> None:
        backend.all_runs = summaries()

    async with desk(listed=True, change=listed) as at:
        await at.press("end", "enter")
        assert isinstance(at.app.screen, RunsScreen)
        assert "broken.db is no run file." in at.said()


async def test_an_empty_list_says_what_to_do_first(desk: Opens) -> None:
    """Without any run the screen names the commands that make one."""

    def nothing(backend: FakeBackend) -> None:
        backend.all_runs = []

    async with desk(listed=True, change=nothing, size=(80, 24)) as at:
        assert "labeltui demo" in at.screen()
        assert "labeltui new FILE" in at.screen()
        await at.press("enter")
        assert "There is no run here yet." in at.said()


async def test_a_run_opened_by_command_leads_back_to_the_list(desk: Opens) -> None:
    """esc on the monitor shows the list of runs also where the console began with a run."""
    async with desk() as at:
        await at.press("escape")
        assert isinstance(at.app.screen, RunsScreen)
        assert "enron" in at.screen()


# -- keys --


async def test_keys_are_shown_by_organization_with_their_windows(desk: Opens) -> None:
    """The screen of keys has state, countdown, limits and counts, and never a secret."""
    async with desk(size=(120, 30)) as at:
        await at.press("k")
        shown = at.screen()
        for telling in ("org_a", "▶ asking", "◌ cooling 00:41 TPM", "✕ invalid", "no key may ask for 00:41"):
            assert telling in shown, telling
        assert "7,950 of 8,000 tokens per minute" in shown


async def test_a_key_is_taken_out_of_use_and_back(desk: Opens) -> None:
    """d and the space bar do the same, on the key under the cursor."""
    async with desk() as at:
        await at.press("k", "d")
        assert at.backend.asked == [("set_enabled", "main", False)]
        await at.read()
        row = at.app.screen.query_one(Rows).selected
        assert row is not None
        assert row.value.alias == "main"
        assert row.value.state is KeyState.DISABLED
        assert "d enable" in at.footer()
        await at.press("space")
        assert at.backend.asked[-1] == ("set_enabled", "main", True)


async def test_a_key_is_added_without_being_shown(desk: Opens) -> None:
    """The secret is masked while it is typed; alias and organization go along."""
    async with desk() as at:
        await at.press("k", "a")
        assert isinstance(at.app.screen, AddKey)
        await at.press(*"gsk_secret", "tab", *"night", "tab", *"org_c")
        assert "gsk_secret" not in at.screen()
        await at.press("enter")
        assert at.backend.asked == [("add_key", "gsk_secret", "night", "org_c")]
        assert isinstance(at.app.screen, KeysScreen)
        assert "night is kept." in at.said()


async def test_a_refused_key_keeps_the_window_open(desk: Opens) -> None:
    """The reason appears where the key was typed, and nothing has to be typed again."""
    async with desk() as at:
        at.backend.refusal = "That is no key: it has 3 characters."
        await at.press("k", "a", "enter")
        assert "Paste the secret first" in at.screen()
        await at.press(*"abc", "enter")
        assert "That is no key" in at.screen()
        await at.press("escape")
        assert isinstance(at.app.screen, KeysScreen)


async def test_removing_a_key_asks_and_enter_keeps_it(desk: Opens) -> None:
    """Only y forgets the key: the safe answer is the default."""
    async with desk() as at:
        await at.press("k", "delete")
        assert isinstance(at.app.screen, Confirm)
        await at.press("enter")
        assert at.backend.asked == []
        await at.press("delete", "y")
        assert at.backend.asked == [("remove_key", "main")]
        assert "main is forgotten." in at.said()


async def test_without_keys_the_ways_to_bring_one_are_told(desk: Opens) -> None:
    """An empty screen of keys names the variables, the file and the key that adds one."""

    def none(backend: FakeBackend) -> None:
        backend.held = []

    async with desk(change=none) as at:
        assert "no key yet" in at.screen()
        await at.press("k")
        shown = at.screen()
        for telling in ("GROQ_API_KEY", "GROQ_API_KEYS", "keys.toml", "a  "):
            assert telling in shown
        await at.press("d")
        assert "There is no key here yet: a adds one." in at.said()


async def test_keys_can_be_seen_without_a_run(desk: Opens) -> None:
    """From the list of runs k shows the keys, and the run's keys say that no run is open."""
    async with desk(listed=True) as at:
        await at.press("k")
        assert isinstance(at.app.screen, KeysScreen)
        await at.press("p")
        assert "No run is open" in at.said()
