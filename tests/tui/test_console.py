"""The console under real keys, over a run in memory."""

from __future__ import annotations

import pytest

from core.model import EmailState, KeyState, RunState, RunSummary
from tests.tui.conftest import Opens
from tests.tui.fakes import NOW, FakeBackend, FakeRun, email, running
from tui.screens.help import HelpScreen
from tui.screens.keys import KeysScreen
from tui.screens.modals import AddKey, Confirm, GiveLabel
from tui.screens.monitor import MonitorScreen
from tui.screens.record import RecordScreen
from tui.screens.runs import RunsScreen
from tui.theme import DARK, LIGHT, remembered_theme
from tui.widgets.pane import Pane
from tui.widgets.rows import Rows

pytestmark = pytest.mark.asyncio

SIZES = [(80, 24), (100, 30), (120, 40), (160, 50)]


def stopped(total: int = 40, settled: int = 20) -> FakeRun:
    run = running(total, settled)
    run.state, run.alive, run.in_flight, run.asking = RunState.STOPPED, False, 0, {}
    return run


# -- the monitor --


@pytest.mark.parametrize("size", SIZES)
async def test_the_telling_lines_are_there_at_every_size(desk: Opens, size: tuple[int, int]) -> None:
    """At 80 by 24 and beyond, each pane shows what it is for, and the footer its keys."""
    async with desk(size=size) as at:
        shown = at.screen()
        for telling in (
            "RUNNING", "labels/min", "settled", "2,871", "2,160", "now", "org_b", "cooling 00:41", "work", "±",
            "2,756", "Re: storage contract draft", "resume", "pid 4711", "resumed at cursor 2,858", "2,401 kept",
        ):  # fmt: skip
            assert telling in shown, telling
        for word in ("s start", "p pause", "x stop", "e emails", "k keys", "? help", "q leave"):
            assert word in at.footer()


async def test_a_narrow_terminal_scrolls_one_column(desk: Opens) -> None:
    """Below 76 columns nothing is squeezed side by side, and every pane can be reached by its digit."""
    async with desk(size=(60, 24)) as at:
        assert "Progress" in at.screen()
        assert "Worker" not in at.screen()
        await at.press("8")
        assert "pid 4711" in at.screen()


async def test_pause_is_requested_then_in_force_then_resumed(desk: Opens) -> None:
    """The state never comes from the key: requested first, paused when the run file says so."""
    async with desk() as at:
        await at.press("p")
        assert "PAUSE REQUESTED" in at.line(0)
        assert "resume" in at.footer()
        at.backend.obey()
        at.run.in_flight = 0
        await at.read(later_s=0.5)
        assert "‖ PAUSED" in at.line(0)
        assert "pause   ✓ +0.4 s" in at.screen()
        await at.press("p")
        assert [kind for kind, *_ in at.backend.asked] == ["pause", "resume"]
        assert "RESUME REQUESTED" in at.line(0)


async def test_a_second_pause_key_takes_the_first_back(desk: Opens) -> None:
    """While the pause is only requested, the same key asks to go on."""
    async with desk() as at:
        await at.press("p", "p")
        assert [kind for kind, *_ in at.backend.asked] == ["pause", "resume"]


async def test_stop_is_undone_by_start(desk: Opens) -> None:
    """Stop asks nothing because start takes it back."""
    async with desk() as at:
        await at.press("x")
        assert "STOP REQUESTED" in at.line(0)
        assert "x stop now" in at.footer()
        at.backend.obey()
        await at.read()
        assert "■ STOPPED" in at.line(0)
        await at.press("s")
        assert at.backend.asked[-1][0] == "start"
        assert "outlives this terminal" in at.said()
        await at.read()
        assert "▶ RUNNING" in at.line(0)


async def test_a_blocked_key_says_why(desk: Opens) -> None:
    """A key that is not possible now is dimmed in the footer and answers with its reason."""
    async with desk() as at:
        await at.press("s")
        assert at.backend.asked == []
        assert "A worker goes on with it already (pid 4711)." in at.said()


async def test_a_refused_wish_becomes_a_sentence(desk: Opens) -> None:
    """An error of the engine is shown as it is worded, and nothing stays requested."""
    async with desk(stopped()) as at:
        at.backend.refusal = "No usable key: add one with `labeltui keys add`."
        await at.press("s")
        assert "No usable key" in at.said()
        assert "STOPPED" in at.line(0)


async def test_a_vanished_file_keeps_the_console_alive(desk: Opens) -> None:
    """A reader that fails is told in the state line with the age of what is seen; when it heals, so does the line."""
    async with desk() as at:
        at.run.trouble = "enron.db cannot be read (no such file)."
        await at.read(later_s=12)
        assert "CANNOT READ" in at.line(0)
        assert "what you see is 12 s old" in at.line(1)
        assert "STALE" in at.line(0)
        assert "2,871" in at.screen()
        at.run.trouble = ""
        at.run.beat_at = at.backend.now
        await at.read()
        assert "RUNNING" in at.line(0)


async def test_frozen_data_does_not_look_healthy(desk: Opens) -> None:
    """Without news of a living worker for five seconds, the age turns into a warning with a word."""
    async with desk() as at:
        assert "data 0.2 s old" in at.line(0)
        await at.read(later_s=6)
        assert "! STALE data 6.2 s old" in at.line(0)


async def test_ages_move_on_even_when_nothing_is_read(desk: Opens) -> None:
    """The clock of the screen does not hang on the poller."""
    async with desk() as at:
        at.backend.now += 30
        at.app._tick()
        await at.pilot.pause()
        assert "STALE" in at.line(0)


async def test_digits_focus_panes_and_z_zooms(desk: Opens) -> None:
    """Each digit reaches its pane; z gives it the screen, another digit swaps it, esc gives it back."""
    async with desk() as at:
        for digit in "12345678":
            await at.press(digit)
            assert isinstance(at.app.focused, Pane)
            assert str(at.app.focused.NUMBER) == digit
        await at.press("6", "z")
        assert "Progress" not in at.screen()
        assert "Re: storage contract draft" in at.screen()
        assert "RUNNING" in at.line(0)
        assert "? help" in at.footer()
        await at.press("3")
        assert "Lately" not in at.screen()
        assert "org_a" in at.screen()
        await at.press("escape")
        assert "Progress" in at.screen()
        await at.press("z")
        await at.press("z")
        assert "Progress" in at.screen()


async def test_zoom_without_a_pane_says_what_to_press(desk: Opens) -> None:
    """z alone tells that a digit comes first."""
    async with desk() as at:
        await at.press("z")
        assert "Press a digit first" in at.said()


async def test_simulated_labels_are_called_so(desk: Opens) -> None:
    """Nobody takes a demo's labels for real ones."""
    run = running()
    run.simulated = True
    async with desk(run) as at:
        assert "SIMULATED" in at.line(0)
        assert "simulated" in "".join(
            str(pane.border_title) for pane in at.app.screen.query("LabelsPane").results(Pane)
        )


async def test_the_demo_starts_its_worker_once(desk: Opens) -> None:
    """Opened as a demo, the console asks for the start by itself, and only if nobody works."""
    async with desk(stopped(), demo=True) as at:
        await at.read()
        assert [kind for kind, *_ in at.backend.asked] == ["start"]
    async with desk(running(), demo=True) as at:
        await at.read()
        assert at.backend.asked == []


async def test_equal_pictures_repaint_nothing_but_the_clock(desk: Opens) -> None:
    """A reading that brings no news does not touch a pane."""
    async with desk() as at:
        before = {id(pane): list(pane._lines) for pane in at.app.screen.query(Pane)}
        await at.read()
        for pane in at.app.screen.query(Pane):
            for old, new in zip(before[id(pane)], pane._lines, strict=True):
                assert old.is_same(new)


# -- leaving, themes, help, palette --


async def test_q_leaves_and_says_that_the_worker_stays(desk: Opens) -> None:
    """Leaving the console does not touch the worker, and the farewell says how to come back."""
    async with desk() as at:
        await at.press("q")
        assert at.backend.asked == []
        assert "The worker of enron goes on (pid 4711)." in at.app.farewell


async def test_the_theme_is_remembered(desk: Opens) -> None:
    """ctrl+t changes between dark and light, and the next console begins with the choice."""
    async with desk() as at:
        assert at.app.theme == DARK
        await at.press("ctrl+t")
        assert at.app.theme == LIGHT
        assert remembered_theme(at.app.settings.config_path) == LIGHT
    async with desk() as at:
        assert at.app.theme == LIGHT


async def test_help_begins_with_the_screen_that_asked(desk: Opens) -> None:
    """? lists every key of this screen with why it does nothing now, and esc leads back."""
    async with desk(size=(100, 60)) as at:
        await at.press("question_mark")
        assert isinstance(at.app.screen, HelpScreen)
        shown = at.screen()
        assert "Monitor · this screen" in shown
        assert "Not now: A worker goes on with it already (pid 4711)." in shown
        await at.press("end")
        assert "keys.toml" in at.screen()
        await at.press("escape")
        assert isinstance(at.app.screen, MonitorScreen)


async def test_the_palette_has_what_can_be_done_now(desk: Opens) -> None:
    """The command palette offers pause and not start while a worker goes on."""
    async with desk() as at:
        titles = [command.title for command in at.app.get_system_commands(at.app.screen)]
        assert "Pause" in titles
        assert "Start" not in titles
        await at.press("ctrl+p")
        await at.press("escape")
        assert isinstance(at.app.screen, MonitorScreen)


async def test_suspending_is_bound(desk: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    """ctrl+z goes back to the shell as in any other program."""
    async with desk() as at:
        called: list[bool] = []
        monkeypatch.setattr(at.app, "action_suspend_process", lambda: called.append(True))
        await at.press("ctrl+z")
        assert called == [True]


async def test_a_hint_can_be_clicked(desk: Opens) -> None:
    """The footer's words work with the mouse as well."""
    async with desk() as at:
        column = at.footer().index("pause")
        await at.pilot.click("Hints", offset=(column, 0))
        await at.pilot.pause()
        assert at.backend.asked[0][0] == "pause"


# -- the list of runs --


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


# -- emails --


async def test_the_filter_goes_round_and_the_title_counts(desk: Opens) -> None:
    """f shows each kind in turn with its count of all."""
    async with desk() as at:
        await at.press("e")
        titles = [at.title()]
        for _ in range(5):
            await at.press("f")
            titles.append(at.title())
        assert titles == [
            "All [5,031 of 5,031]",
            "Failed [7 of 5,031]",
            "Labeled [2,864 of 5,031]",
            "Pending [2,160 of 5,031]",
            "By a person [0 of 5,031]",
            "All [5,031 of 5,031]",
        ]
        await at.press("F")
        assert at.title().startswith("By a person")
        assert "No label was given by a person yet" in at.screen()


async def test_failures_are_grouped_by_reason(desk: Opens) -> None:
    """The failed list begins with how often each reason came."""
    async with desk() as at:
        await at.press("e", "f")
        assert "7 no valid label after 3 answers" in at.screen()


async def test_the_list_pages_to_its_end(desk: Opens) -> None:
    """The last of 5,031 emails is one key away, and rows come when they come into view."""
    async with desk() as at:
        await at.press("e", "end")
        row = at.app.screen.query_one(Rows).selected
        assert row is not None
        assert row.id == 5030
        assert "5,030" in at.screen()


async def test_a_record_shows_every_attempt_and_esc_keeps_the_place(desk: Opens) -> None:
    """enter opens what was sent, each raw answer with its verdict, and the way back leads to the same row."""
    async with desk(size=(120, 40)) as at:
        await at.press("e", "f", "down", "down", "enter")
        assert isinstance(at.app.screen, RecordScreen)
        shown = at.screen()
        for telling in (
            "Subject of message 827", "Could you send the contract?", "3 attempts", "I think it is work.", "(empty)",
            "must be exactly 0 or 1", "main of org_a", "0.62 s", "412 + 3 tokens", "asked again",
            "other email with this very text",
        ):  # fmt: skip
            assert telling in shown, telling
        await at.press("v")
        assert "X-Raw: 1" in at.screen()
        await at.press("escape")
        row = at.app.screen.query_one(Rows).selected
        assert row is not None
        assert row.id == 827


async def test_retrying_one_email_asks_the_worker_and_shows_when_it_obeyed(desk: Opens) -> None:
    """t puts the failed email back in line; the list follows once the worker did it."""
    async with desk() as at:
        await at.press("e", "f", "t")
        assert at.backend.asked == [("retry", at.run.path, 7)]
        assert at.title() == "Failed [7 of 5,031]"
        at.backend.obey()
        await at.read()
        assert at.title() == "Failed [6 of 5,031]"


async def test_retrying_without_a_worker_is_done_at_once(desk: Opens) -> None:
    """With nobody at work the engine does it itself, and the sentence says so."""
    run = stopped(40, 20)
    async with desk(run) as at:
        await at.press("e", "f", "t")
        assert "1 failed back in line." in at.said()
        assert at.title() == "Failed [0 of 40]"


async def test_retrying_all_asks_with_the_count(desk: Opens) -> None:
    """T concerns many, so it says how many and takes enter for no."""
    async with desk() as at:
        await at.press("e", "T")
        assert isinstance(at.app.screen, Confirm)
        assert "Put all 7 failed emails back in line?" in at.screen()
        await at.press("enter")
        assert at.backend.asked == []
        await at.press("T", "y")
        assert at.backend.asked == [("retry", at.run.path, None)]


async def test_retry_on_a_labeled_email_says_why_not(desk: Opens) -> None:
    """Only failed emails go back in line."""
    async with desk() as at:
        await at.press("e", "t")
        assert "Only a failed email can be put back in line." in at.said()


async def test_a_label_by_hand_is_given_with_its_own_value(desk: Opens) -> None:
    """l, the value itself, a note, enter: and the window says that a person's label wins."""
    async with desk(stopped()) as at:
        await at.press("e", "down", "l")
        assert isinstance(at.app.screen, GiveLabel)
        assert "given by a person" in at.screen()
        await at.press("0", "tab", *"sure", "enter")
        assert at.backend.asked == [("label", at.run.path, 1, "0", "sure")]
        assert "◆ person" in at.screen()


async def test_a_label_needs_a_choice(desk: Opens) -> None:
    """enter without a value chooses nothing; arrows choose as well; esc leaves without a label."""
    async with desk(stopped()) as at:
        await at.press("e", "f", "l", "enter")
        assert "Choose a label first." in at.said()
        await at.press("down", "enter")
        assert at.backend.asked == [("label", at.run.path, 7, "1", "")]
        await at.press("l", "escape")
        assert len(at.backend.asked) == 1


async def test_a_filtered_list_holds_still_until_asked(desk: Opens) -> None:
    """New failures are counted beside the title, and u brings them in with the cursor on its email."""
    async with desk() as at:
        await at.press("e", "f", "down")
        at.run.emails[3] = email(3, EmailState.FAILED)
        await at.read()
        assert at.title() == "Failed [7 of 5,031]"
        assert "1 more by now · u updates" in at.screen()
        row = at.app.screen.query_one(Rows).selected
        assert row is not None
        assert row.id == 417
        await at.press("u")
        assert at.title() == "Failed [8 of 5,031]"
        row = at.app.screen.query_one(Rows).selected
        assert row is not None
        assert row.id == 417


async def test_the_whole_list_follows_the_run(desk: Opens) -> None:
    """Without a filter the order never changes, so rows are brought up to date in place."""
    run = running(40, 20)
    async with desk(run) as at:
        await at.press("e")
        assert "◆" not in at.screen()
        at.run.emails[22] = email(22, EmailState.LABELED, label_source="human", label="0")
        await at.read()
        assert "◆ person" in at.screen()
