"""The task under real keys: what is active, drafts, comparing, activating, asking again, the messages."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import TextArea

from core.commands.catalog import ActivateTask
from core.engine import Engine, differences, escaped, read_draft
from core.errors import UsageError
from core.llm.task import task_to_toml, versioned
from core.model import EmailState, LabelMeaning, TaskVersion
from core.settings import Settings
from tests.tui.conftest import Desk, Opens
from tests.tui.fakes import NOW, TASK, FakeRun, email, running, stopped
from tui.app import LabeltuiApp
from tui.screens.modals import Confirm
from tui.screens.task.messages import MessagesScreen
from tui.screens.task.task import TaskScreen
from tui.screens.task.windows import AskAgain, EditTask
from tui.widgets.panes.task import comparison

pytestmark = pytest.mark.asyncio

REAL = versioned(TASK)
OLD = versioned(replace(TASK, rubric="An older rubric: say 1."))
NEW = versioned(replace(TASK, rubric="A newer rubric: say 0."))


def old_version(**more: object) -> TaskVersion:
    known: dict[str, object] = {
        "since_at": NOW - 90_000, "by": "", "active": False, "labels": {"1": 30, "0": 10}, "by_people": 0, "calls": 40,
        "unusable": 0, "failed": 2, "both": 20, "agreed": 19,
    }  # fmt: skip
    return TaskVersion(OLD, **{**known, **more})  # type: ignore[arg-type]


def with_versions(run: FakeRun | None = None) -> FakeRun:
    run = run or stopped()
    run.task, run.older_versions, run.older_labels = REAL, (old_version(),), {"1": 7, "0": 3}
    return run


def kept(at: Desk) -> str | None:
    path = at.engine.draft_path(at.run.path)
    return path.read_text("utf-8") if path.exists() else None


def leave_draft(at: Desk, text: str) -> None:
    at.engine.save_draft(at.run.path, text)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (160, 50)])
async def test_the_task_in_force_and_its_versions_are_shown(desk: Opens, size: tuple[int, int]) -> None:
    """j shows settings, labels with their meaning, the rubric, and what each version labeled."""
    async with desk(with_versions(), size=size) as at:
        await at.press("D")
        shown = at.screen()
        for telling in (
            "openai/gpt-oss-20b", "6,000 characters", "about private life", "Answer 1 or 0.", REAL.version[:8],
            OLD.version[:8], "work 75 %, personal 25 %", "95 % of 20", "No draft.", "Versions [2]",
        ):  # fmt: skip
            assert telling in shown, telling


async def test_the_versions_are_there_before_what_they_did_is_counted(
    desk: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run of a million emails takes seconds to count: its texts and keys do not wait for it, and no 0 is shown."""
    async with desk(with_versions()) as at:
        held: list[tuple[Callable[[], object], Callable[[object], None]]] = []
        monkeypatch.setattr(at.app.countings, "send", lambda job, then, failed: held.append((job, then)))
        await at.press("D")
        assert "Answer 1 or 0." in at.screen()
        assert "counting …" in at.screen()
        assert "work 75 %" not in at.screen()
        job, then = held.pop()
        then(job())
        await at.press("down")
        assert "counting …" not in at.screen()
        assert "work 75 %, personal 25 %" in at.screen()


async def test_a_counting_that_fails_says_so(desk: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that vanished meanwhile is reported with its sentence, and the versions stay."""
    async with desk(with_versions()) as at:

        def fails(_: object, __: object, failed: Callable[[str], None]) -> None:
            failed("The run file is gone.")

        monkeypatch.setattr(at.app.countings, "send", fails)
        await at.press("D")
        assert "The run file is gone." in at.screen()
        assert "Answer 1 or 0." in at.screen()


async def test_the_panes_follow_the_version_under_the_cursor(desk: Opens) -> None:
    """An older version's rubric is a key away, and its title says that it is older."""
    async with desk(with_versions()) as at:
        await at.press("D", "down")
        assert "An older rubric: say 1." in at.screen()
        assert "an older version" in at.screen()
        await at.press("up")
        assert "Answer 1 or 0." in at.screen()


async def test_a_draft_is_edited_here_and_outlives_the_console(desk: Opens) -> None:
    """E opens the text, ^s keeps it once it is a task; it lies beside the run, private."""
    async with desk(with_versions()) as at:
        await at.press("D", "E")
        assert isinstance(at.app.screen, EditTask)
        at.app.screen.query_one(TextArea).text = task_to_toml(NEW)
        await at.press("ctrl+s")
        assert isinstance(at.app.screen, TaskScreen)
        assert f"DRAFT {NEW.version[:8]}" in at.screen()
        assert "differs in rubric" in at.screen()
        path = at.engine.draft_path(at.run.path)
        assert path.stat().st_mode & 0o777 == 0o600
    async with desk(with_versions()) as at:
        await at.press("D")
        assert f"DRAFT {NEW.version[:8]}" in at.screen()


async def test_keys_that_were_typed_just_before_leaving_are_in_the_draft(desk: Opens) -> None:
    """Nothing that was typed is overtaken by the key that keeps it."""
    async with desk(with_versions()) as at:
        await at.press("D", "E")
        await at.pilot.press("#", "a", "b", "c", "enter", "escape")
        await at.settle()
        assert (kept(at) or "").startswith("#abc\n")


async def each_is_told(at: Desk, sentence: str, *keys: str) -> None:
    """Each of these keys is answered with that sentence."""
    for key in keys:
        at.app.clear_notifications()
        await at.press(key)
        assert sentence in at.said(), key


async def test_a_draft_that_is_no_task_is_kept_and_reported(desk: Opens) -> None:
    """^s names the fault and stays; esc leaves, and the text is there for the next time."""
    async with desk(with_versions()) as at:
        await at.press("D", "E")
        at.app.screen.query_one(TextArea).text = "rubric = "
        await at.press("ctrl+s")
        assert "not valid TOML" in at.screen()
        await at.press("escape")
        assert kept(at) == "rubric = "
        assert "DRAFT, no task yet" in at.screen()
        await each_is_told(at, "The draft is not valid yet", "L", "C")
        assert at.engine.asked == []
        await at.press("E")
        assert at.app.screen.query_one(TextArea).text == "rubric = "


async def test_leaving_an_unchanged_text_makes_no_draft(desk: Opens) -> None:
    """Looking is not drafting."""
    async with desk(with_versions()) as at:
        await at.press("D", "E", "escape")
        assert kept(at) is None
        assert "No draft." in at.screen()


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("open(path, 'a').write('\\nname = ')", "not valid TOML"),
        ("pass", "Nothing was changed"),
        ("sys.exit(3)", "ended with code 3"),
    ],
)
async def test_the_operators_editor_gets_the_draft(
    desk: Opens, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, told: str
) -> None:
    """V hands the file over and takes back whatever it left, with the fault if it is none."""
    script = tmp_path / "editor.py"
    script.write_text(f"import sys\npath = sys.argv[-1]\n{program}\n")
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", f"{sys.executable} {script}")
    monkeypatch.setattr(LabeltuiApp, "suspend", lambda _: nullcontext())
    async with desk(with_versions()) as at:
        await at.press("D", "V")
        assert told in at.said()
        assert (kept(at) is not None) is (told == "not valid TOML")


async def test_an_editor_that_is_not_there_is_reported(desk: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sentence with what to set."""
    monkeypatch.setenv("VISUAL", "/nowhere/editor")
    monkeypatch.setattr(LabeltuiApp, "suspend", lambda _: nullcontext())
    async with desk(with_versions()) as at:
        await at.press("D", "V")
        assert "Set $EDITOR" in at.said()
    monkeypatch.undo()
    async with desk(with_versions()) as at:
        await at.press("D", "V")
        assert "cannot run an editor" in at.said()


async def test_a_draft_is_compared_with_what_is_in_force(desk: Opens) -> None:
    """C shows the lines that differ, and the rubric again."""
    async with desk(with_versions(), size=(120, 40)) as at:
        leave_draft(at, task_to_toml(NEW))
        await at.press("D", "C")
        assert "2 lines differ" in at.screen()
        assert '- rubric = "Answer 1 or 0."' in at.screen()
        assert '+ rubric = "A newer rubric: say 0."' in at.screen()
        await at.press("C")
        assert "lines differ" not in at.screen()


async def test_a_changed_word_is_marked_in_its_line() -> None:
    """Long equal stretches of the line are shortened; lines with little in common stay two."""
    before = "A charity that employees are asked to join is personal, whoever asks for it and whenever that may be."
    content, differing = comparison(before, before.replace("personal", "work"))
    assert (content.plain.splitlines()[1:], differing) == (
        ["~ A charity that employees are asked to join is [-personal,-]{+work,+} whoever asks for it and whenever that may be."], 1,
    )  # fmt: skip
    long = "word " * 40
    content, _ = comparison(f"{long}old {long}", f"{long}new {long}")
    assert " … " in content.plain
    assert "[-old-]{+new+}" in content.plain
    content, differing = comparison("a b c d", "w x y z")
    assert (content.plain.splitlines()[1:], differing) == (["- a b c d", "+ w x y z"], 2)


async def test_the_first_difference_is_in_sight_in_the_smallest_terminal(desk: Opens) -> None:
    """However long the rubric before it is, and however few rows its pane has."""
    lines = [
        f"Line {n} of a long rubric, which goes on so far that a narrow terminal has to wrap it." for n in range(9)
    ]
    run = with_versions()
    run.task = versioned(replace(REAL, rubric="\n".join(lines)))
    after = versioned(replace(run.task, rubric="\n".join([*lines[:8], "A line of its own."])))
    async with desk(run, size=(160, 50)) as at:
        leave_draft(at, task_to_toml(after))
        await at.press("D", "C")
        await at.pilot.resize_terminal(80, 24)
        await at.settle()
        assert "- Line 8 of a long rubric" in at.screen()
        await at.press("C")
        await at.settle()
        assert "Line 0 of a long rubric" in at.screen()


async def test_the_editor_goes_to_the_line_that_is_wrong(desk: Opens) -> None:
    """After checking, and when a flawed draft is opened again."""
    async with desk(with_versions(), size=(80, 24)) as at:
        await at.press("D", "E")
        at.app.screen.query_one(TextArea).text = "# nothing\n" * 40 + "rubric = nothing\n"
        await at.press("ctrl+s")
        assert at.app.screen.query_one(TextArea).cursor_location[0] == 40
        assert "rubric = nothing" in at.screen()
        await at.press("escape", "E")
        assert at.app.screen.query_one(TextArea).cursor_location[0] == 40


async def test_without_a_draft_its_keys_say_how_to_begin_one(desk: Opens) -> None:
    """Dimmed, not silent."""
    async with desk(with_versions()) as at:
        await at.press("D")
        await each_is_told(at, "There is no draft: E starts one here", "L", "C", "X")


async def test_putting_a_draft_in_force_says_what_it_means_first(desk: Opens) -> None:
    """How many are asked with it, what stays, which labels are none any more; enter is no."""
    draft = versioned(replace(NEW, labels=(LabelMeaning("1", "work"), LabelMeaning("2", "neither")), truncate_at=900))
    async with desk(with_versions()) as at:
        leave_draft(at, task_to_toml(draft))
        await at.press("D", "L")
        assert isinstance(at.app.screen, Confirm)
        shown = " ".join(" ".join(at.screen().split("│")[1::2]).split())
        for telling in (
            "20 emails pending are labeled with it from now on", "19 labels so far stay",
            "text of all 40 emails is made again", "No longer a label, but present: 0",
        ):  # fmt: skip
            assert telling in shown, telling
        await at.press("enter")
        assert at.engine.asked == []
        await at.press("L", "y")
        assert at.engine.asked == [("task", at.run.path, draft)]
        await at.read()
        assert "No draft." in at.screen()
        assert kept(at) is None
        assert "no label of this version" in at.screen()


async def test_a_label_of_an_older_version_is_shown_as_such_on_the_monitor(desk: Opens) -> None:
    """It counts on, under its value, and is not taken for one of the current labels."""
    run = with_versions()
    run.task = versioned(replace(REAL, labels=(LabelMeaning("1", "work"), LabelMeaning("2", "neither"))))
    async with desk(run) as at:
        assert any(row.startswith("0 (older)") for row in at.lines_of("LabelsPane"))


async def test_a_worker_is_asked_and_the_command_is_shown_until_it_handles(desk: Opens) -> None:
    """The draft stays one until the run file says that it is active."""
    async with desk(with_versions(running())) as at:
        leave_draft(at, task_to_toml(NEW))
        await at.press("D", "L", "y")
        assert "requested" in at.line(2)
        assert kept(at) is not None
        await at.press("L")
        assert "requested already" in at.said()
        at.run.task = NEW
        at.run.older_versions = (old_version(), replace(old_version(), task=REAL))
        at.engine.handle()
        await at.read(later_s=3)
        assert "No draft." in at.screen()
        assert "A newer rubric: say 0." in at.screen()
        assert kept(at) is None


async def test_other_texts_are_not_sent_while_a_worker_runs(desk: Opens) -> None:
    """The key says to stop the worker first."""
    async with desk(with_versions(running())) as at:
        leave_draft(at, task_to_toml(versioned(replace(REAL, truncate_at=900))))
        await at.press("D", "L")
        assert "x stops the worker first" in at.said()
        assert at.engine.asked == []


async def test_a_refusal_keeps_the_draft(desk: Opens) -> None:
    """What the engine will not do is reported, and nothing is lost."""
    async with desk(with_versions()) as at:
        leave_draft(at, task_to_toml(NEW))
        at.engine.refusal = "The disk is full."
        await at.press("D", "L", "y")
        assert "The disk is full." in at.said()
        assert kept(at) is not None


async def test_a_draft_is_thrown_away_after_asking(desk: Opens) -> None:
    """enter keeps it."""
    async with desk(with_versions()) as at:
        leave_draft(at, task_to_toml(NEW))
        await at.press("D", "X", "enter")
        assert kept(at) is not None
        await at.press("X", "y")
        assert kept(at) is None
        assert "No draft." in at.screen()


async def test_an_older_version_becomes_a_draft(desk: Opens) -> None:
    """J takes the one under the cursor; over another draft it asks first."""
    async with desk(with_versions()) as at:
        await at.press("D", "J")
        assert "That is the active version" in at.said()
        await at.press("down", "J")
        assert f"DRAFT {OLD.version[:8]}" in at.screen()
        leave_draft(at, task_to_toml(NEW))
        await at.press("escape", "D", "down", "J")
        assert isinstance(at.app.screen, Confirm)
        await at.press("enter")
        assert kept(at) == task_to_toml(NEW)
        await at.press("J", "y")
        assert read_draft(kept(at) or "").task == OLD


async def test_packs_are_chosen_for_the_draft(desk: Opens) -> None:
    """P offers sizes, the present one marked; the choice becomes a draft, which is activated as any other."""
    async with desk(with_versions()) as at:
        await at.press("D", "P")
        assert "1 (as now)" in at.screen()
        await at.press("enter")
        assert kept(at) is None
        await at.press("P", "end", "enter")
        assert read_draft(kept(at) or "").task == versioned(replace(REAL, pack=0))
        assert "differs in packs" in at.screen()
        await at.press("P")
        assert "auto (as now)" in at.screen()
        await at.press("home", "down", "enter")
        assert read_draft(kept(at) or "").task == versioned(replace(REAL, pack=2))
        leave_draft(at, "no task")
        await at.press("escape", "D", "P")
        assert "no valid task yet" in at.said()


async def test_asking_again_is_a_choice_of_its_own(desk: Opens) -> None:
    """R lists what an older version labeled: all, or of one label; esc does nothing."""
    async with desk(with_versions()) as at:
        await at.press("D", "R")
        assert isinstance(at.app.screen, AskAgain)
        assert "every label" in at.screen()
        await at.press("escape")
        assert at.engine.asked == []
        await at.press("R", "enter")
        await at.press("R", "down", "enter")
        assert at.engine.asked == [("relabel", at.run.path, None, None), ("relabel", at.run.path, "1", None)]
    async with desk(stopped()) as at:
        await at.press("D", "R")
        assert "No present label was given by an older version" in at.said()


async def test_emails_are_asked_again_from_their_list(desk: Opens) -> None:
    """The one under the cursor at once, marked ones after asking; never one that a person labeled."""
    run = with_versions()
    run.emails[2] = email(2, EmailState.LABELED, label_source="human")
    async with desk(run) as at:
        await at.press("e", "R")
        assert at.engine.asked == [("relabel", at.run.path, None, [0])]
        await at.press("down", "down", "R")
        assert "overrides the model" in at.said()
        await at.press("end", "R")
        assert "Only a labeled text is re-labeled" in at.said()
        await at.press("home", "space", "space", "R", "y")
        assert at.engine.asked[1:] == [("relabel", at.run.path, None, [0, 1])]


async def test_the_exact_messages_of_the_email_under_the_cursor(desk: Opens) -> None:
    """Y shows what is sent about it, R the re-ask, n and N turn to others; from the task with the draft's rubric."""
    async with desk(with_versions(), size=(120, 40)) as at:
        await at.press("e", "down", "D", "Y")
        assert isinstance(at.app.screen, MessagesScreen)
        shown = at.screen()
        for telling in (
            "── beside the messages, unless the server refuses it",
            "max_tokens: 256",
            "Subject of message 1",
            "── system",
            "Answer 1 or 0.",
            "<email>",
            "first question",
            "active version",
        ):
            assert telling in shown, telling
        await at.press("Q")
        assert "follow-up question to an example answer" in at.screen()
        assert "That answer cannot be used" in at.screen()
        await at.press("Q", "n")
        assert "Subject of message 2" in at.screen()
        await at.press("N", "N", "N")
        assert "This is the first one." in at.said()
        await at.press("escape")
        leave_draft(at, task_to_toml(NEW))
        await at.press("escape", "D", "Y")
        assert "A newer rubric: say 0." in at.screen()
        assert f"draft {NEW.version[:8]}" in at.screen()


async def test_a_re_ask_shows_the_emails_own_bad_answers(desk: Opens) -> None:
    """Where the active version got unusable answers, those are what it would be asked with."""
    run = stopped()
    async with desk(run, size=(120, 40)) as at:
        await at.press("e", "f", "Y", "Q")
        assert "follow-up question to its own answers" in at.screen()
        assert "I think it is work." in at.screen()


HOSTILE = "a\x1b[2Jb\u202ec\u200bd\x9b"


async def test_hostile_text_of_a_task_is_shown_as_glyphs(desk: Opens) -> None:
    """Rubric, names, meanings, versions, comparison, messages and the editor handle nothing that stands in a task."""
    run = with_versions()
    labels = (LabelMeaning("1", f"wo{HOSTILE}", HOSTILE), LabelMeaning("0", "personal"))
    run.task = versioned(replace(REAL, name=f"n{HOSTILE}", rubric=f"Say {HOSTILE}", labels=labels))
    run.older_versions = (old_version(by=HOSTILE),)
    async with desk(run, size=(120, 40)) as at:
        leave_draft(at, task_to_toml(versioned(replace(run.task, rubric=f"Do say {HOSTILE}"))))
        for keys in (("D",), ("C",), ("R",), ("escape", "E"), ("escape", "Y"), ("escape", "L"), ("escape", "down")):
            await at.press(*keys)
            assert not set("\x1b\x9b\u202e\u200b") & set(at.screen()), keys


async def test_escapes_in_a_text_to_edit_read_back_equal() -> None:
    """What is made harmless for the editor still means the same task."""
    task = versioned(replace(REAL, rubric=f"Say {HOSTILE}\U000e0041"))
    text = escaped(task_to_toml(task))
    assert not set(HOSTILE) - set("abcd[2J") & set(text)
    assert read_draft(text).task == task


async def test_a_read_only_console_refuses_every_change(desk: Opens, settings: Settings) -> None:
    """Its keys say so, and its engine refuses by itself."""
    async with desk(with_versions(), read_only=True) as at:
        leave_draft(at, task_to_toml(NEW))
        await at.press("D")
        await each_is_told(at, "This console is read-only", "E", "V", "L", "X", "J", "R")
        assert at.engine.asked == []
        assert kept(at) == task_to_toml(NEW)
        await at.press("C", "Y")
        assert isinstance(at.app.screen, MessagesScreen)
    engine, path = Engine(settings, read_only=True), settings.runs_dir / "x.db"
    for refused in (
        lambda: engine.save_draft(path, ""),
        lambda: engine.discard_draft(path),
        lambda: engine.send(path, ActivateTask(REAL)),
    ):
        with pytest.raises(UsageError, match="read-only"):
            refused()


async def test_a_draft_that_cannot_be_written_is_reported(tmp_path: Path, settings: Settings) -> None:
    """With the path, and without losing the one before."""
    desk = Engine(settings)
    with pytest.raises(UsageError, match="cannot be written"):
        desk.save_draft(tmp_path / "nowhere" / "x.db", "text")
    assert desk.draft(tmp_path / "nowhere" / "x.db") is None


async def test_what_differs_is_named_in_words() -> None:
    """Each kind of change has its word."""
    assert differences(REAL, replace(REAL, name="x", max_reasks=1, truncate_at=9)) == (
        "what is sent",
        "settings",
        "name",
    )
    assert differences(REAL, replace(REAL, model=replace(REAL.model, model="m"), labels=())) == ("labels", "model")
