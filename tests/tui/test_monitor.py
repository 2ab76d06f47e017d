"""The monitor under real keys, over a run in memory: state, commands, panes, leaving."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from textual._compositor import Compositor
from textual.command import CommandPalette
from textual.strip import Strip

from core.model import CommandRecord, LabelMeaning, PlaceStatus, PlacesWanted, RunState
from tests.tui.conftest import Opens
from tests.tui.fakes import KEYS, NOW, running, stopped
from tests.tui.quiet import render_update
from tui.screens.line_windows import places_typed
from tui.screens.monitor import MonitorScreen
from tui.screens.pages import HelpScreen
from tui.terminal.preferences import read_preferences
from tui.terminal.theme import DARK, LIGHT
from tui.widgets.panes.pane import LinesWidget, Pane

pytestmark = pytest.mark.asyncio

SIZES = [(80, 24), (100, 30), (120, 40), (160, 50)]


@pytest.mark.parametrize("size", SIZES)
async def test_the_telling_lines_are_there_at_every_size(desk: Opens, size: tuple[int, int]) -> None:
    """At 80 by 24 and beyond, each pane shows what it is for, and the footer its keys."""
    async with desk(size=size) as at:
        shown = at.screen()
        for telling in (
            "RUNNING", "labels/min", "done", "2,871", "2,160", "now", "org_b", "cooling 00:41", "work", "–",
            "2,756", "Re: storage contract draft", "resume", "pid 4711", "resumed at position 2,858", "2,401 kept",
        ):  # fmt: skip
            assert telling in shown, telling
        for word in ("s start", "p pause", "x stop", "e emails", "a keys", "? help", "q leave"):
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
        at.engine.handle()
        at.run.in_flight = 0
        await at.read(later_s=0.5)
        assert "‖ PAUSED" in at.line(0)
        assert "pause   ✓ +0.4 s" in at.screen()
        await at.press("p")
        assert [kind for kind, *_ in at.engine.asked] == ["pause", "resume"]
        assert "RESUME REQUESTED" in at.line(0)


async def test_a_second_pause_key_takes_the_first_back(desk: Opens) -> None:
    """While the pause is only requested, the same key asks to go on."""
    async with desk() as at:
        await at.press("p", "p")
        assert [kind for kind, *_ in at.engine.asked] == ["pause", "resume"]


async def test_from_120_by_40_what_was_spent_and_when_it_ends_stand_with_the_progress(desk: Opens) -> None:
    """A roomy terminal shows calls, tokens and the end among the counts."""
    async with desk(size=(120, 40)) as at:
        shown = "\n".join(at.lines_of("ProgressPane"))
        for telling in ("calls", "tokens", "ends "):
            assert telling in shown


async def test_where_there_is_room_a_key_that_is_out_says_why(desk: Opens) -> None:
    """At 160 by 50 the reason stands whole below the key."""
    async with desk(size=(160, 50)) as at:
        reason = next(key.reason for key in KEYS if key.reason and key.state.out)
        assert " ".join(reason.split()) in " ".join(" ".join(at.lines_of("KeysPane")).split())


async def test_what_came_of_a_command_is_whole_in_the_smallest_terminal(desk: Opens) -> None:
    """Behind the command where it fits, else below it; only a pane of one row cuts it."""
    result = "paused when 2 calls had come home"
    run = running()
    run.commands = [CommandRecord(f"w{n}", "pause", "", NOW - n, NOW - n + 0.4, result) for n in (9, 5)]
    async with desk(run, size=(80, 24)) as at:
        await at.press("7")
        assert result in " ".join(" ".join(at.lines_of("CommandsPane")).split())
        await at.press("z")
        assert [shown.split("s  ")[-1].strip() for shown in at.lines_of("CommandsPane")] == [result, result]
        run.commands.append(CommandRecord("w", "task", "", NOW - 3, NOW - 2, long := f"{result} " * 4))
        await at.read()
        assert long.strip() in " ".join(" ".join(at.lines_of("CommandsPane")[:4]).split())
    run.commands.pop()
    async with desk(run, size=(160, 50)) as at:
        assert " ".join(" ".join(at.lines_of("CommandsPane")).split()).count(result) == 2


async def test_a_sentence_in_sight_is_not_shown_twice(desk: Opens) -> None:
    """A dimmed key that is pressed again and again says why once, not with one message a press."""
    async with desk() as at:
        await at.press("s", "s", "s")
        assert at.said().count("A worker is running already") == 1


async def test_a_failure_in_recent_names_the_email_and_the_reason(desk: Opens) -> None:
    """Beside why it failed stands which one it was, at 80 columns as well."""
    async with desk(size=(80, 24)) as at:
        await at.press("6", "z")
        failed = next(row for row in at.screen().splitlines() if "✕" in row)
        assert "re: the key" in failed
        assert "no valid label after 3 answers" in failed


async def test_labels_of_several_letters_are_whole_lately(desk: Opens) -> None:
    """The column of labels is as wide as the task's values need."""
    run = running()
    run.task = replace(run.task, labels=(LabelMeaning("yes", "complaint", ""), LabelMeaning("no", "other", "")))
    run.recent = tuple(replace(it, label="yes" if it.label == "1" else "no") for it in run.recent)
    async with desk(run, size=(80, 24)) as at:
        assert "yes  Re: storage contract draft" in at.screen()
        assert "no   dinner on saturday?" in at.screen()


async def test_a_silent_worker_is_ended_by_force_after_asking(desk: Opens) -> None:
    """The second stop of a worker that hangs asks first, with no as the default; yes kills it."""
    async with desk() as at:
        at.run.beat_at = at.engine.now - 17
        await at.read()
        assert "! STALE" in at.line(0)
        await at.press("x")
        assert "x kills it" in at.line(1)
        await at.press("x")
        assert "may be paid for twice" in " ".join(at.screen().split())
        await at.press("enter")
        assert [kind for kind, *_ in at.engine.asked] == ["stop"]
        await at.press("x", "y")
        assert [kind for kind, *_ in at.engine.asked] == ["stop", "kill"]
        assert "was killed" in at.said()
        await at.read(later_s=3.0)
        assert "■ STOPPED" in at.line(0)


async def test_stop_is_undone_by_start(desk: Opens) -> None:
    """Stop asks nothing because start takes it back."""
    async with desk() as at:
        await at.press("x")
        assert "STOP REQUESTED" in at.line(0)
        assert "x stop now" in at.footer()
        at.engine.handle()
        await at.read()
        assert "■ STOPPED" in at.line(0)
        await at.press("s")
        assert at.engine.asked[-1][0] == "start"
        assert "outlives this terminal" in at.said()
        await at.read()
        assert "▶ RUNNING" in at.line(0)


async def test_a_blocked_key_says_why(desk: Opens) -> None:
    """A key that is not possible now is dimmed in the footer and answers with its reason."""
    async with desk() as at:
        await at.press("s")
        assert at.engine.asked == []
        assert "A worker is running already (pid 4711)." in at.said()


async def test_a_refused_command_becomes_a_sentence(desk: Opens) -> None:
    """An error of the engine is shown as it is worded, and nothing stays requested."""
    async with desk(stopped()) as at:
        at.engine.refusal = "No usable key: add one with `labeltui keys add`."
        await at.press("s")
        assert "No usable key" in at.said()
        assert "STOPPED" in at.line(0)


async def test_a_vanished_file_keeps_the_console_alive(desk: Opens) -> None:
    """A reader that fails is reported in the state line with the age of what is seen; when it recovers, so does the line."""
    async with desk() as at:
        at.run.trouble = "enron.db cannot be read (no such file)."
        await at.read(later_s=12)
        assert "CANNOT READ" in at.line(0)
        assert "the data shown is 12 s old" in at.line(1)
        assert "STALE" in at.line(0)
        assert "2,871" in at.screen()
        at.run.trouble = ""
        at.run.beat_at = at.engine.now
        await at.read()
        assert "RUNNING" in at.line(0)


async def test_frozen_data_does_not_look_healthy(desk: Opens) -> None:
    """Without news of a living worker for five seconds, the age turns into a warning with a word."""
    async with desk() as at:
        assert "updated 0.2 s ago" in at.line(0)
        await at.read(later_s=6)
        assert "! STALE" in at.line(0)
        assert "! updated 6.2 s ago" in at.line(0)


async def test_ages_move_on_even_when_nothing_is_read(desk: Opens) -> None:
    """The clock of the screen does not hang on the poller."""
    async with desk() as at:
        at.engine.now += 30
        at.app._tick()
        await at.pilot.pause()
        assert "STALE" in at.line(0)


async def test_places_have_a_pane_where_a_run_works_with_them(desk: Opens) -> None:
    """Each place stands there with its node, state, calls and rate; without places there is no such pane."""
    async with desk(size=(120, 40)) as at:
        assert "Places" not in at.screen()
        await at.press("9")
        assert at.app.focused is None
        at.engine.run.places = (
            PlaceStatus("place-1", "vm-a", "ready", "", 8, 1212.4, at.engine.now - 180),
            PlaceStatus("place-2", "vm-b", "lost", "it did not answer for 3 s", 0, 0.0, at.engine.now - 2),
        )
        at.app.poller.read()
        await at.pilot.pause()
        shown = at.screen()
        assert "Places · 1 of 2 places ready, 1,212 calls/min" in shown
        assert "place-1 on vm-a · ready 3 min · 8 in flight · 1,212/min" in shown
        assert "place-2 on vm-b · lost 2.0 s · it did not answer for 3 s" in shown
        await at.press("9")
        assert isinstance(at.app.focused, Pane)
        assert at.app.focused.NAME == "Places"


async def test_a_worker_is_started_at_places_that_were_typed(desk: Opens) -> None:
    """The window refuses what is no address or number, starts at what was typed, and proposes that the next time."""
    async with desk(size=(80, 24)) as at:
        at.engine.run.alive = False
        at.app.poller.read()
        await at.pilot.pause()
        await at.press("@", *"10.0.0.5", "enter")
        assert "host:port" in at.screen()
        await at.press(*":6379", "tab", "8", "tab", "0", "enter")
        assert "calls at once is a number from 1" in at.screen()
        await at.press(*"32", "enter")
        await at.pilot.pause()
        asked = [each[-1] for each in at.engine.asked if each[0] == "start_at_places"]
        assert asked == [PlacesWanted("10.0.0.5:6379", 8, 32)]
        at.engine.run.alive = False
        at.app.poller.read()
        await at.pilot.pause()
        await at.press("@")
        assert "10.0.0.5:6379" in at.screen()


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        (("", "2", "16", "no"), PlacesWanted("", 2, 16)),
        (("ray://a:6379", " 8", "32", "Yes"), PlacesWanted("a:6379", 8, 32, trust_network=True)),
        (("a:6379", "8", "32", "maybe"), "Whether a cluster"),
        (("a:6379", "many", "32", "no"), "The number of places"),
    ],
)
async def test_typed_places_are_read(typed: tuple[str, str, str, str], wanted: PlacesWanted | str) -> None:
    """Each field is read for itself; what makes no sense is refused with a sentence."""
    found = places_typed(*typed)
    assert found == wanted or (isinstance(found, str) and isinstance(wanted, str) and found.startswith(wanted))


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
        assert "Recent" not in at.screen()
        assert "org_a" in at.screen()
        await at.press("escape")
        assert "Progress" in at.screen()
        await at.press("z")
        await at.press("z")
        assert "Progress" in at.screen()


async def test_a_zoomed_pane_keeps_no_line_of_its_smaller_self(desk: Opens) -> None:
    """Where there is room beside, fewer lines say the same: none of those that were more stays below them."""
    run = running()
    run.commands = [replace(each, result="a result that only a wide pane has room for") for each in run.commands[:2]]
    async with desk(run, size=(120, 40)) as at:
        before = at.screen().count("a result that")
        await at.press("7", "z")
        await at.settle()
        pane = at.app.focused
        assert isinstance(pane, LinesWidget)
        assert before == at.screen().count("a result that") == len(pane._lines)


async def test_zoom_without_a_pane_says_what_to_press(desk: Opens) -> None:
    """z alone shows that a digit comes first."""
    async with desk() as at:
        await at.press("z")
        assert "Focus a pane by its digit first" in at.said()


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
        assert [kind for kind, *_ in at.engine.asked] == ["start"]
    async with desk(running(), demo=True) as at:
        await at.read()
        assert at.engine.asked == []


async def test_equal_pictures_repaint_nothing_but_the_clock(desk: Opens) -> None:
    """A reading that brings no news does not touch a pane."""
    async with desk() as at:
        before = {id(pane): list(pane._lines) for pane in at.app.screen.query(Pane)}
        await at.read()
        for pane in at.app.screen.query(Pane):
            for old, new in zip(before[id(pane)], pane._lines, strict=True):
                assert old.is_same(new)


async def test_a_second_later_one_line_is_drawn(desk: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody pays for lines that say what they said: of a picture that differs by its time the clock's is drawn alone."""
    monkeypatch.setattr(Compositor, "render_update", render_update)  # every frame, as in a terminal
    async with desk(run=stopped()) as at:
        await at.read(later_s=1.0)
        drawn: list[tuple[str, int]] = []
        render = LinesWidget.render_line

        def note(self: LinesWidget, y: int) -> Strip:
            drawn.append((type(self).__name__, y))
            return render(self, y)

        monkeypatch.setattr(LinesWidget, "render_line", note)
        await at.read(later_s=1.0)
        assert drawn == [("StateLine", 0)]


async def test_q_leaves_and_says_that_the_worker_stays(desk: Opens) -> None:
    """Leaving the console does not touch the worker, and the farewell says how to come back."""
    async with desk() as at:
        await at.press("q")
        assert at.engine.asked == []
        assert "The worker of enron keeps running (pid 4711)." in at.app.leave_message


async def test_the_theme_is_kept(desk: Opens) -> None:
    """ctrl+t changes between dark and light, and the next console begins with the choice."""
    async with desk() as at:
        assert at.app.theme == DARK
        await at.press("ctrl+t")
        assert at.app.theme == LIGHT
        assert read_preferences(at.app.settings.config_path).theme == LIGHT
    async with desk() as at:
        assert at.app.theme == LIGHT


async def test_help_begins_with_the_screen_that_asked(desk: Opens) -> None:
    """? lists every key of this screen with why it does nothing now, and esc leads back."""
    async with desk(size=(100, 60)) as at:
        await at.press("question_mark")
        assert isinstance(at.app.screen, HelpScreen)
        shown = at.screen()
        assert "Monitor · this screen" in shown
        assert "The run" in shown
        assert "Disabled: A worker is running already (pid 4711)." in at.app.screen.text(200).plain
        await at.press("end")
        assert "keys.toml" in at.screen()
        await at.press("escape")
        assert isinstance(at.app.screen, MonitorScreen)


@pytest.mark.parametrize("key", ["pagedown", "end"])
async def test_keys_on_the_heels_of_the_palette_end_nothing(desk: Opens, key: str) -> None:
    """Typed before its list is laid out, in whichever turn they arrive, they do no harm."""
    async with desk() as at:
        for turns in range(8):
            at.app.simulate_key("ctrl+p")
            for _ in range(turns):
                await asyncio.sleep(0)
            at.app.simulate_key(key)
            await at.settle()
            assert CommandPalette.is_open(at.app)
            await at.press("escape")


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
        assert at.engine.asked[0][0] == "pause"


async def test_a_run_that_stands_still_has_no_end_in_sight(desk: Opens) -> None:
    """The forecast of a worker that has paused says when it would have ended; it is not shown any more."""
    run = running()
    async with desk(run, size=(120, 40)) as at:
        assert any(row.startswith("ends ") for row in at.lines_of(".pane-1"))
        run.state, run.in_flight, run.asking = RunState.PAUSED, 0, {}
        await at.read()
        assert not any("ends " in row for row in at.lines_of(".pane-1"))


@pytest.mark.asyncio
async def test_an_export_says_how_many_rows_went_where(desk: Opens) -> None:
    """When it is written, with the whole path."""
    async with desk(running(40, 20)) as at:
        at.run.path.parent.mkdir(parents=True)
        at.app.perform("export")
        await at.settle()
        await at.press("enter")
        (told,) = [call for call in at.engine.asked if call[0] == "export"]
        assert f"40 rows exported to {told[2]}" in at.said()
