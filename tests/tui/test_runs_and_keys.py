"""The list of runs and the screen of keys, under real keys."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from core.engine import CopyRequest
from core.llm.key_check import KeyCheck
from core.model import CommandRecord, Dimension, KeyState, RunState, RunSummary
from tests.tui.conftest import Desk, Opens
from tests.tui.fake_engine import FakeEngine
from tests.tui.fakes import NOW, WINDOWS, window
from tui.screens.keys.list import KeysScreen
from tui.screens.keys.record import KeyRecordScreen
from tui.screens.keys.windows import AddKey, Regroup
from tui.screens.modals import Confirm
from tui.screens.monitor import MonitorScreen
from tui.screens.runs.list import RunsScreen
from tui.widgets.lists.rows import Rows

pytestmark = pytest.mark.asyncio


def summaries() -> list[RunSummary]:
    return [
        RunSummary("enron", "/r/enron.db", RunState.RUNNING, 5031, 2871, 7, NOW, NOW - 2, 4_000_000),
        RunSummary("old", "/r/old.db", RunState.DONE, 100, 100, 0, NOW, NOW - 90_000, 4_000),
        RunSummary(
            "broken",
            "/r/broken.db",
            RunState.STOPPED,
            0,
            0,
            0,
            0.0,
            NOW - 180_000,
            10,
            error="broken.db is no run file.",
        ),
    ]


async def test_the_list_of_runs_opens_a_run_and_comes_back_to_its_place(desk: Opens) -> None:
    """enter opens the run under the cursor, esc returns to the list with the cursor where it was."""

    def listed(engine: FakeEngine) -> None:
        engine.all_runs = summaries()

    async with desk(listed=True, change=listed) as at:
        shown = at.screen()
        assert "▶ RUNNING" in shown
        assert "57 %" in shown
        await at.press("down", "enter")
        assert isinstance(at.app.screen, MonitorScreen)
        assert at.app.run_path is not None
        assert at.app.run_path.name == "old.db"
        await at.press("escape")
        assert isinstance(at.app.screen, RunsScreen)
        assert at.app.screen.query_one(Rows).cursor == 1


async def test_a_run_is_paused_started_and_stopped_from_the_list(desk: Opens) -> None:
    """p, s and x act on the run under the cursor; what cannot be done there says why."""

    def listed(engine: FakeEngine) -> None:
        engine.all_runs = summaries()

    async with desk(listed=True, change=listed) as at:
        assert "1 running" in at.line(1)
        enron = Path("/r/enron.db")
        for action, sent in (("pause", ("pause", enron)), ("stop", ("stop", enron, False))):
            at.app.perform(action)
            await at.settle()
            assert at.engine.asked[-1] == sent
        at.app.perform("start")
        await at.settle()
        assert "enron has a worker already" in at.said()
        await at.press("down")
        at.app.perform("pause")
        await at.settle()
        assert "old has no worker" in at.said()
        at.app.perform("start")
        await at.settle()
        assert "old is done" in at.said()
        at.engine.all_runs = [replace(summaries()[0], state=RunState.PAUSED)]
        await at.read(later_s=3)
        assert "1 paused" in at.line(1)
        at.app.perform("pause")
        await at.settle()
        assert at.engine.asked[-1] == ("resume", Path("/r/enron.db"))


async def test_the_cursor_follows_its_run_when_the_list_is_sorted_anew(desk: Opens) -> None:
    """A key never hits another row because the list moved under the cursor."""

    def listed(engine: FakeEngine) -> None:
        engine.all_runs = summaries()

    async with desk(listed=True, change=listed) as at:
        await at.press("down")
        at.engine.all_runs = list(reversed(summaries()))[1:]
        await at.read(later_s=3)
        row = at.app.screen.query_one(Rows).selected
        assert row is not None
        assert row.value.name == "old"


async def test_an_unreadable_run_says_why_it_cannot_be_opened(desk: Opens) -> None:
    """A broken file is a line in the list, and enter tells what is wrong with it."""

    def listed(engine: FakeEngine) -> None:
        engine.all_runs = summaries()

    async with desk(listed=True, change=listed) as at:
        await at.press("end", "enter")
        assert isinstance(at.app.screen, RunsScreen)
        assert "broken.db is no run file." in at.said()


async def test_an_empty_list_says_what_to_do_first(desk: Opens) -> None:
    """Without any run the screen names the commands that make one."""

    def nothing(engine: FakeEngine) -> None:
        engine.all_runs = []

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


def names(at: Desk) -> list[str]:
    rows = at.app.screen.query_one(Rows)
    return [row.value.name for n in range(rows.count) if (row := rows.row_at(n)) is not None]


def listed(engine: FakeEngine) -> None:
    engine.all_runs = summaries()


async def test_no_run_changes_its_place_while_it_is_looked_at(desk: Opens) -> None:
    """A run that changes stays where it is and a new one comes last, until u sorts the list anew."""
    async with desk(listed=True, change=listed) as at:
        await at.press("down")
        old = replace(summaries()[1], changed_at=NOW + 1)
        new = replace(summaries()[1], name="new", path="/r/new.db", changed_at=NOW + 2)
        at.engine.all_runs = [new, old, *summaries()[::2]]
        await at.read(later_s=3)
        assert names(at) == ["enron", "old", "broken", "new"]
        await at.press("u")
        assert names(at) == ["new", "old", "enron", "broken"]
        selected = at.app.screen.query_one(Rows).selected
        assert selected is not None
        assert selected.value.name == "old"


async def test_the_list_is_sorted_by_name_state_or_size(desk: Opens) -> None:
    """o goes through the orders, and the state line says which is active."""
    async with desk(listed=True, change=listed) as at:
        assert "by last changed" in at.screen()
        await at.press("o")
        assert "by name" in at.screen()
        assert names(at) == ["broken", "enron", "old"]
        await at.press("o", "o")
        assert names(at) == ["enron", "old", "broken"]
        assert "by size" in at.screen()


async def test_a_slash_narrows_the_list_by_name(desk: Opens) -> None:
    """Each letter narrows, enter keeps it, esc shows all again; a name that nobody has is reported."""
    async with desk(listed=True, change=listed) as at:
        await at.press("slash", *"RO")
        assert names(at) == ["enron", "broken"]
        await at.press("enter", "down")
        assert "2 named RO" in at.screen()
        await at.press("escape")
        assert names(at) == ["enron", "old", "broken"]
        await at.press("slash", *"xyz")
        assert "No run of that name." in at.screen()
        await at.press("escape")
        assert len(names(at)) == 3


async def test_a_run_goes_to_the_archive_and_comes_back(desk: Opens) -> None:
    """A puts it away, H shows it there, A brings it back; a run at work is refused with the reason."""
    async with desk(listed=True, change=listed) as at:
        await at.press("A")
        assert "A worker has this run" in at.said()
        await at.press("down", "A")
        assert at.engine.asked == [("archive", "old", False)]
        await at.read(later_s=3)
        assert names(at) == ["enron", "broken"]
        await at.press("H")
        assert names(at) == ["old"]
        assert "A restore" in at.footer()
        await at.press("A")
        assert at.engine.asked[-1] == ("archive", "old", True)
        await at.read(later_s=3)
        assert "No run is archived." in at.screen()
        await at.press("escape")
        assert len(names(at)) == 3


async def test_a_run_is_deleted_only_with_its_name_typed(desk: Opens) -> None:
    """The window lists what goes; another name deletes nothing, esc neither."""
    async with desk(listed=True, change=listed, size=(80, 24)) as at:
        await at.press("down", "delete", *"ol", "enter")
        assert "Nothing was deleted." in at.screen()
        assert "old.lock" in at.screen()
        await at.press("escape")
        assert at.engine.asked == []
        await at.press("delete", *"old", "enter")
        assert at.engine.asked == [("delete_run", "old", "old")]
        await at.read(later_s=3)
        assert names(at) == ["enron", "broken"]


async def test_a_copy_of_a_run_is_made_beside_the_screen(desk: Opens) -> None:
    """c asks for a name; what is refused keeps the window and what was typed."""
    async with desk(listed=True, change=listed, size=(80, 24)) as at:
        await at.press("c")
        assert "A new run from the texts of enron" in at.screen()
        at.engine.refusal = "There is a run enron-2 already."
        await at.press("enter")
        assert "There is a run enron-2 already." in at.screen()
        at.engine.refusal = ""
        await at.press("tab", "tab", *"m1", "enter")
        assert at.engine.asked[-1] == ("copy_run", CopyRequest("/r/enron.db", "enron-2", "", "m1"))
        assert isinstance(at.app.screen, RunsScreen)
        assert "enron-2 is created, with nothing labeled" in at.said()


async def test_a_run_can_be_tried_from_its_monitor(desk: Opens) -> None:
    """y asks for ten emails; a worker that goes on with all must be paused first."""
    async with desk() as at:
        await at.press("y")
        assert "p pauses it first" in at.said()
        at.run.alive, at.run.state = False, RunState.STOPPED
        await at.read()
        await at.press("y")
        assert at.engine.asked == [("try_first", at.run.path, 10)]


async def test_a_read_only_list_changes_nothing(desk: Opens) -> None:
    """Copy, archive, delete and new runs are refused, each with the same sentence."""
    async with desk(listed=True, change=listed, read_only=True) as at:
        await at.press("down", "c", "A", "delete", "w")
        assert at.engine.asked == []
        assert isinstance(at.app.screen, RunsScreen)
        assert "read-only" in at.said()


# -- keys --


async def test_keys_are_shown_by_organization_with_their_windows(desk: Opens) -> None:
    """The screen of keys has state, countdown, limits and counts, and never a secret."""
    async with desk(size=(120, 30)) as at:
        await at.press("a")
        shown = at.screen()
        for telling in ("org_a", "▶ in use", "◌ cooling 00:41 TPM", "✕ invalid", "no key usable for 00:41"):
            assert telling in shown, telling
        assert "7,950 of 8,000 tokens per minute" in shown


async def test_a_key_is_taken_out_of_use_and_back(desk: Opens) -> None:
    """d and the space bar do the same, on the key under the cursor."""
    async with desk() as at:
        await at.press("a", "d")
        assert at.engine.asked == [("set_enabled", "main", False)]
        await at.read()
        row = at.app.screen.query_one(Rows).selected
        assert row is not None
        assert row.value.alias == "main"
        assert row.value.state is KeyState.DISABLED
        assert "d enable" in at.footer()
        await at.press("space")
        assert at.engine.asked[-1] == ("set_enabled", "main", True)


async def test_a_key_is_added_without_being_shown(desk: Opens) -> None:
    """The secret is masked while it is typed; alias and organization go along."""
    async with desk() as at:
        await at.press("a", "a")
        assert isinstance(at.app.screen, AddKey)
        await at.press(*"gsk_secret", "tab", *"night", "tab", *"org_c")
        assert "gsk_secret" not in at.screen()
        await at.press("enter")
        assert at.engine.asked == [("try_secret", "gsk_secret"), ("add_key", "gsk_secret", "night", "org_c")]
        assert isinstance(at.app.screen, KeysScreen)
        assert "night is saved." in at.said()


async def test_a_refused_key_keeps_the_window_open(desk: Opens) -> None:
    """The reason appears where the key was typed, and nothing has to be typed again."""
    async with desk() as at:
        at.engine.refusal = "That is no key: it was never given out."
        await at.press("a", "a", "enter")
        assert "Paste the secret first" in at.screen()
        await at.press(*"gsk_nine9", "enter")
        assert "That is no key" in at.screen()
        await at.press("escape")
        assert isinstance(at.app.screen, KeysScreen)


async def test_what_cannot_be_a_key_is_refused_before_it_is_sent_anywhere(desk: Opens) -> None:
    """A secret cut short, or an alias that is none, is reported at once; nobody is asked with it."""
    async with desk() as at:
        await at.press("a", "a", *"abc", "enter")
        assert "3 long" in at.screen()
        await at.press(*"defghijk", "tab", *"two words", "enter")
        assert "is not usable" in at.screen()
        assert at.engine.asked == []


async def test_a_secret_in_the_wrong_field_is_masked_and_refused(desk: Opens) -> None:
    """Pasted where the alias goes, a secret does not stay on the screen, and is never kept as a name."""
    async with desk() as at:
        await at.press("a", "a", *"gsk_right", "tab", *"gsk_wrong")
        assert "gsk_wrong" not in at.screen()
        assert "first field" in at.screen()
        await at.press("enter")
        assert at.engine.asked == []


async def test_windows_keep_their_places_while_they_fill(desk: Opens) -> None:
    """A quota that comes near its end turns its color, not its row."""
    async with desk(size=(120, 40)) as at:
        await at.press("a")
        before = [row.split()[0] for row in at.screen().splitlines() if row.strip().startswith(("TPM", "TPD", "RPD"))]
        at.engine.quota = tuple(replace(window, available=window.limit * 0.01) for window in reversed(WINDOWS))
        await at.read(later_s=1.0)
        after = [row.split()[0] for row in at.screen().splitlines() if row.strip().startswith(("TPM", "TPD", "RPD"))]
        assert before == after


async def test_removing_a_key_asks_and_enter_keeps_it(desk: Opens) -> None:
    """Only y removes the key: the safe answer is the default."""
    async with desk() as at:
        await at.press("a", "delete")
        assert isinstance(at.app.screen, Confirm)
        await at.press("enter")
        assert at.engine.asked == []
        await at.press("delete", "y")
        assert at.engine.asked == [("remove_key", "main")]
        assert "main is removed." in at.said()


async def test_without_keys_the_ways_to_bring_one_are_reported(desk: Opens) -> None:
    """An empty screen of keys names the variables, the file and the key that adds one."""

    def none(engine: FakeEngine) -> None:
        engine.held = []

    async with desk(change=none) as at:
        assert "no key yet" in at.screen()
        await at.press("a")
        shown = at.screen()
        for telling in ("GROQ_API_KEY", "GROQ_API_KEYS", "keys.toml", "a  "):
            assert telling in shown
        await at.press("d")
        assert "There is no key here yet: a adds one." in at.said()


async def test_keys_can_be_seen_without_a_run(desk: Opens) -> None:
    """From the list of runs a shows the keys, and the run's keys say that no run is open."""
    async with desk(listed=True) as at:
        await at.press("a")
        assert isinstance(at.app.screen, KeysScreen)
        await at.press("p")
        assert "No run is open" in at.said()


async def test_a_key_that_does_not_answer_is_kept_only_when_asked_again(desk: Opens) -> None:
    """The trial's result stands in the window; enter again keeps the key all the same, another secret is tried anew."""
    async with desk() as at:
        at.engine.trial = KeyCheck(works=False, word="invalid", sentence="invalid: 401, it was revoked")
        await at.press("a", "a", *"gsk_four", "enter")
        assert "invalid: 401, it was revoked" in at.screen()
        assert "save it anyway" in at.screen()
        await at.press(*"x", "enter")
        assert at.engine.asked == [("try_secret", "gsk_four"), ("try_secret", "gsk_fourx")]
        await at.press("enter")
        assert at.engine.asked[-1] == ("add_key", "gsk_fourx", None, None)
        assert isinstance(at.app.screen, KeysScreen)


async def test_a_pinned_key_shows_by_sign_and_word(desk: Opens) -> None:
    """P asks with it first, and again takes the pin away."""
    async with desk(size=(120, 30)) as at:
        await at.press("a", "P")
        assert at.engine.asked == [("pin_key", "main")]
        await at.read()
        assert "▶ in use ↑ first" in at.screen()
        assert "P unpin" in at.footer()
        await at.press("P")
        assert at.engine.asked[-1] == ("pin_key", None)
        await at.press("escape")
        assert "↑main" not in at.screen()


async def test_a_key_is_tested_on_demand(desk: Opens) -> None:
    """t asks one question and says what its answer means."""
    async with desk() as at:
        await at.press("a", "t")
        assert at.engine.asked == [("try_key", "main")]
        assert "main: answers, in 0.31 s" in at.said()


async def test_a_key_is_regrouped_to_a_known_or_a_new_organization(desk: Opens) -> None:
    """The known organizations are offered; a typed name is taken as well."""
    async with desk() as at:
        await at.press("a", "O")
        assert isinstance(at.app.screen, Regroup)
        assert "org_b" in at.screen()
        await at.press("enter")
        assert "Name an organization" in at.said()
        await at.press("down", "enter")
        assert at.engine.asked == [("regroup_key", "main", "org_b")]
        await at.press("O", *"org_new", "enter")
        assert at.engine.asked[-1] == ("regroup_key", "main", "org_new")


async def test_clearing_a_bench_asks_and_says_what_it_clears(desk: Opens) -> None:
    """Only a key that waits has one; the question says that the limit may still hold."""
    async with desk() as at:
        await at.press("a", "B")
        assert "is not waiting" in at.said()
        await at.press("down", "down", "B")
        assert "still applies" in at.screen()
        await at.press("enter")
        assert at.engine.asked == []
        await at.press("B", "y")
        assert at.engine.asked == [("clear_bench", "org_b")]
        assert "org_b may be used again: cleared a bench of 41 s for TPM." in at.said()


async def test_enter_opens_the_record_of_a_key(desk: Opens) -> None:
    """Refusals with time, status, window and wait, spending today, quotas; foreign text does nothing."""
    async with desk(size=(100, 40)) as at:
        await at.press("a", "enter")
        assert isinstance(at.app.screen, KeyRecordScreen)
        shown = at.screen()
        for telling in (
            "main", "5,600 of 8,000 tokens per minute", "412 calls, 1×429", "about $0.0417", "410 answered",
            "429 rate limited  waits 00:41 for TPM", "503 server error", "overloaded",
        ):  # fmt: skip
            assert telling in shown, telling
        assert "\x1b" not in shown
        await at.press("d")
        assert at.engine.asked[-1] == ("set_enabled", "main", False)
        await at.press("escape")
        assert isinstance(at.app.screen, KeysScreen)


async def test_a_long_reason_of_a_key_ends_inside_its_pane(desk: Opens) -> None:
    """With a sign that it goes on, in one line."""

    def reasoned(engine: FakeEngine) -> None:
        engine.held = [replace(engine.held[0], reason="r" * 300)]

    async with desk(size=(100, 40), change=reasoned) as at:
        await at.press("a", "enter")
        (row,) = [each for each in at.screen().splitlines() if "rrrr" in each]
        assert re.fullmatch(r"r{90,96}…", row.strip(" │"))


async def test_a_window_that_is_nearly_full_counts_its_last_second(desk: Opens) -> None:
    """From a second on it says in how long it is full, below that it is full."""

    def nearly(engine: FakeEngine) -> None:
        tpm, rpm = window("org_a", Dimension.TPM, 8_000, 100), window("org_a", Dimension.RPM, 30, 1)
        engine.quota = (replace(tpm, full_in_s=1.0), replace(rpm, full_in_s=0.9))

    async with desk(size=(100, 40), change=nearly) as at:
        await at.press("a", "enter")
        assert "100 of 8,000 tokens per minute · refills in 00:01" in at.screen()
        assert "1 of 30 requests per minute · full" in at.screen()


@pytest.mark.parametrize("way", [(), ("e",), ("e", "enter"), ("a",), ("a", "enter")])
async def test_start_pause_swap_and_stop_are_one_key_each_from_anywhere_in_a_run(
    desk: Opens, way: tuple[str, ...]
) -> None:
    """p, K and x are sent from every screen of a run, and shown as requested until the worker has handled."""
    async with desk() as at:
        await at.press(*way)
        at.engine.asked.clear()
        for key, kind in (("K", "swap"), ("p", "pause"), ("p", "resume"), ("x", "stop")):
            await at.press(key)
            assert [what[0] for what in at.engine.asked if what[0] in ("swap", "pause", "resume", "stop")][-1] == kind
            assert f"{kind.upper()} REQUESTED" in at.line(0)
            at.engine.handle()
            await at.read(later_s=1)
            assert "REQUESTED" not in at.line(0)
            assert ("switched to" in at.said()) == (kind == "swap")
        await at.press("s")
        assert at.engine.asked[-1][0] == "start" or ("start", at.app.run_path) in at.engine.asked


async def test_a_swap_that_cannot_be_is_reported(desk: Opens) -> None:
    """With a single key left nothing is taken out, and the worker's answer says why."""

    def one(engine: FakeEngine) -> None:
        engine.held = engine.held[:1]

    async with desk(change=one) as at:
        await at.press("K", "K")
        assert "requested already" in at.said()
        at.engine.handle()
        await at.read(later_s=1)
        assert "There is no other key to swap to" in at.said()


async def test_a_command_made_elsewhere_is_shown_as_requested(desk: Opens) -> None:
    """Another console's pause stands in the state line and in the log of commands until it is handled."""
    async with desk() as at:
        at.run.commands.append(CommandRecord("other", "pause", "", NOW - 1, None, ""))
        await at.read()
        assert "PAUSE REQUESTED" in at.line(0)


@pytest.mark.asyncio
async def test_an_organization_that_no_reply_named_says_so_whole_at_eighty_columns(desk: Opens) -> None:
    """Beside the count of its keys, where there is room."""

    def unnamed(engine: FakeEngine) -> None:
        engine.held = [replace(key, organization_known=False) for key in engine.held]

    async with desk(size=(80, 24), change=unnamed) as at:
        await at.press("a")
        assert "2 keys · not confirmed by a reply yet" in at.screen()


@pytest.mark.asyncio
async def test_why_a_key_is_out_is_whole_in_the_smallest_terminal(desk: Opens) -> None:
    """Below the key where the column is too narrow for it, and the cursor passes it by; beside it where there is room."""
    reason = "org_b refused this key with 401 invalid_api_key: it was revoked or mistyped; add another"

    def refused(engine: FakeEngine) -> None:
        engine.held = [replace(key, reason=reason) if key.state is KeyState.INVALID else key for key in engine.held]

    for size, rows in (((80, 24), 3), ((160, 50), 2), ((200, 50), 1)):
        async with desk(size=size, change=refused) as at:
            await at.press("a", "end")
            lines = at.screen().splitlines()
            first = next(n for n, shown in enumerate(lines) if "…old1" in shown or "  old " in shown)
            assert "▸" in lines[first]
            assert reason in " ".join(" ".join(lines[first : first + rows]).split())
            await at.pilot.resize_terminal(80, 24)
            await at.settle()
            assert reason in " ".join(at.screen().split())
