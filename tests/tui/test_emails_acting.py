"""What a person does to emails under real keys: one, the marked ones, the whole list; and that it is undone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from core.model import CommandRecord, EmailState
from core.settings import Settings
from tests.conftest import MakeRun
from tests.tui.conftest import Opens
from tests.tui.fakes import NOW, email, running, stopped
from tui.app import LabeltuiApp
from tui.screens.line_windows import AskLine, SaveAs
from tui.screens.modals import Confirm, GiveLabel
from tui.widgets.lists.rows import Rows

pytestmark = pytest.mark.asyncio


async def test_marked_emails_are_labeled_at_once_and_undone_as_one(desk: Opens) -> None:
    """The window names how many; U asks with count and target, and then each is what it was."""
    async with desk(stopped()) as at:
        before = list(at.run.emails)
        await at.press("e", "space", "space", "space", "l")
        assert isinstance(at.app.screen, GiveLabel)
        assert "for 3 marked emails  U takes it back as one" in at.screen()
        await at.press("0", "enter")
        assert at.engine.asked == [("label", at.run.path, [0, 1, 2], "0", "", "")]
        assert at.screen().count("◆ manual") == 3
        assert "marked" not in at.screen()
        await at.press("U")
        assert isinstance(at.app.screen, Confirm)
        assert "Undo the label 0 of 3 emails, 0.0 s ago?" in at.screen()
        await at.press("enter")
        assert at.screen().count("◆ manual") == 3
        await at.press("U", "y")
        assert "undone: the label 0" in at.said()
        assert at.run.emails == before
        assert "◆ manual" not in at.screen()


async def test_what_was_done_to_one_email_is_undone_without_asking(desk: Opens) -> None:
    """A skip comes back by U; where nothing is left to undo, it says so."""
    async with desk(stopped()) as at:
        await at.press("e", "end", "i")
        assert "1 skipped · U undoes it" in at.said()
        await at.press("U")
        assert at.engine.asked[-1] == ("undo", at.run.path)
        assert at.run.emails[39].state is EmailState.PENDING
        await at.press("U")
        assert "Nothing to undo" in at.said()


async def test_marked_emails_are_skipped_and_come_back_as_one(desk: Opens) -> None:
    """Skipping can be undone, so it does not ask."""
    async with desk(stopped()) as at:
        await at.press("e", "end", "space", "up", "space", "i")
        assert at.engine.asked == [("skip", at.run.path, [38, 39], False)]
        await at.press("U", "y")
        assert at.run.count("skipped") == 0


async def test_a_note_needs_no_label(desk: Opens) -> None:
    """m asks for a line; an empty one is not kept; the record shows it and the label stays what it was."""
    async with desk(stopped(), size=(120, 40)) as at:
        await at.press("e", "end", "m")
        assert isinstance(at.app.screen, AskLine)
        await at.press("enter")
        assert "Type something first" in at.screen()
        await at.press(*"ask bo", "enter")
        assert at.engine.asked == [("note", at.run.path, [39], "ask bo")]
        await at.press("enter")
        shown = at.screen()
        assert "1 note" in shown
        assert "◆ ana" in shown
        assert "ask bo" in shown
        await at.press("m", *"more", "enter", "U")
        assert at.engine.asked[-1] == ("undo", at.run.path)


async def test_a_command_for_many_is_shown_as_requested_until_it_is_acknowledged(desk: Opens) -> None:
    """A living worker is asked; until it answers the list says what for, and then what came of it."""
    async with desk(running(40, 20)) as at:
        await at.press("e", "space", "space", "l", "0", "enter")
        assert "◔ requested: label 0 for 2 marked emails" in at.screen()
        await at.read(later_s=0.2)
        assert "◔ requested: label 0 for 2 marked emails" in at.screen()
        [command] = at.engine.waiting
        at.engine.waiting.clear()
        at.run.commands.append(CommandRecord(command.id, "label", "", NOW, NOW + 0.4, "2 emails labeled 0 by ana"))
        await at.read(later_s=0.2)
        assert "requested" not in at.screen()
        assert "2 emails labeled 0 by ana · U undoes it" in at.said()


async def test_a_requested_command_is_shown_on_the_record_too(desk: Opens) -> None:
    """The border of the history says what waits."""
    async with desk(running(40, 20), size=(120, 40)) as at:
        await at.press("e", "enter", "l", "0", "enter")
        assert "◔ requested: label 0 for this email" in at.screen()


async def test_emails_are_saved_to_the_file_that_is_asked_for(desk: Opens, tmp_path: Path) -> None:
    """S proposes a name beside the run; tab chooses the whole list; a name that is taken is refused in the window."""
    async with desk() as at:
        at.run.path.parent.mkdir(parents=True, exist_ok=True)
        at.run.path.with_name("enron-emails.csv").write_text("here before")
        await at.press("e", "f", "S")
        assert isinstance(at.app.screen, SaveAs)
        assert "▸ this email     all 7 emails of the list" in at.screen()
        proposed = at.run.path.with_name("enron-emails-2.csv")
        await at.press("enter")
        assert at.engine.asked == [("save", at.run.path, [7], proposed)]
        assert f"1emailwrittento{proposed}" in "".join(at.said().split()), "a long path is broken"
        await at.press("S", "tab", "enter")
        assert at.engine.asked[-1] == ("save", at.run.path, [7, 417, 827, 1237, 1647, 2057, 2467], proposed)
        await at.press("space", "space", "S")
        assert "▸ 2 marked emails" in at.screen()
        for typed, said in (
            ("enron-emails.csv", "A file of that name exists already"),
            ("enron.xls", ".csv, .jsonl"),
            ("nowhere/x.csv", "does not exist"),
        ):
            at.app.screen.query_one("Input").value = str(at.run.path.with_name("runs") / ".." / typed)  # type: ignore[attr-defined]
            at.run.path.with_name("runs").mkdir(exist_ok=True)
            await at.press("enter")
            assert isinstance(at.app.screen, SaveAs)
            assert said in " ".join(at.screen().split()), said
        await at.press("escape")
        assert len(at.engine.asked) == 2


async def test_a_read_only_console_changes_nothing_but_saves(desk: Opens) -> None:
    """Label, note, skip and undo say why not; a file of emails is no change of the run."""
    async with desk(stopped(), read_only=True) as at:
        at.run.path.parent.mkdir(parents=True, exist_ok=True)
        await at.press("e", "m", "l", "U", "end", "i")
        assert at.engine.asked == []
        assert "read-only" in at.said()
        await at.press("S", "enter")
        assert at.engine.asked[0][0] == "save"


async def test_a_label_is_kept_however_fast_it_is_typed(desk: Opens) -> None:
    """The value and enter at once: enter waits until the value has arrived."""
    async with desk(stopped()) as at:
        await at.press("e", "l")
        at.app.simulate_key("0")
        at.app.simulate_key("enter")
        await at.settle()
        assert at.engine.asked == [("label", at.run.path, [0], "0", "", "")]


async def test_a_label_on_many_reaches_the_run_file_and_is_undone_there(settings: Settings, make_run: MakeRun) -> None:
    """Over the real engine: marked pending emails get labels that one undo takes back, stay pending, and are saved whole."""
    path: Path = make_run(["one", "two", "three"])
    app = LabeltuiApp(settings, run=path, threaded=False)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await pilot.pause()
        await pilot.press("e", "space", "space", "l")
        await pilot.pause()
        await pilot.press("0", "enter")
        await pilot.pause()
        app.poller.read()
        await pilot.pause()
        assert app.view_state.snapshot is not None
        assert (app.view_state.snapshot.labeled, app.view_state.snapshot.pending) == (0, 3)
        await pilot.press("S", "tab")
        app.screen.query_one("Input").value = str(path.with_name("out.jsonl"))  # type: ignore[attr-defined]
        await pilot.press("enter")
        await pilot.pause()
        saved = [json.loads(line) for line in path.with_name("out.jsonl").read_text("utf-8").splitlines()]
        assert [len(record["labels"]) for record in saved] == [1, 1, 0]
        assert saved[0]["text"].endswith("one")
        await pilot.press("U", "y")
        await pilot.pause()
        app.poller.read()
        await pilot.pause()
        assert app.view_state.snapshot.pending == 3


async def test_a_marked_email_that_cannot_be_labeled_alone_can_be_with_others(desk: Opens) -> None:
    """Marks count even where the list under the cursor is empty of rows."""
    run = stopped()
    run.emails = [replace(email(n, EmailState.FAILED), id=n) for n in range(3)]
    async with desk(run) as at:
        await at.press("e", "f", "M", "t", "y")
        assert at.engine.asked == [("retry", at.run.path, [0, 1, 2])]
        assert at.app.screen.query_one(Rows).count == 0
