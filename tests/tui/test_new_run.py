"""Making a run in the console: look first, then make; from an empty list to a running demo."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.engine import NewRunRequest, load_task
from core.model import LabelMeaning, RunState
from core.runs.requests import forecast, make, name_for, name_trouble, task_choices
from core.settings import load_settings
from core.storage.reading.reader import RunReader
from tests.tui.conftest import Desk, Opens
from tests.tui.fake_engine import FakeEngine
from tui.cli import main
from tui.screens.monitor import MonitorScreen
from tui.screens.runs.list import RunsScreen
from tui.text.plan import plan_lines
from tui.widgets.fields import complete_path


def nothing(engine: FakeEngine) -> None:
    engine.all_runs = []


@pytest.mark.asyncio
async def test_the_demo_is_one_key_from_an_empty_list(desk: Opens) -> None:
    """D makes the demo and shows its monitor."""
    async with desk(listed=True, change=nothing, size=(80, 24)) as at:
        assert "D   labeltui demo" in at.screen()
        await at.press("D")
        assert at.engine.asked == [("make_demo",)]
        assert isinstance(at.app.screen, MonitorScreen)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the console is started in: two files of emails, two tasks, and what is no source."""
    here = tmp_path / "here"
    (here / "box" / "cur").mkdir(parents=True)
    (here / "box" / "new").mkdir()
    (here / "old").mkdir()
    (here / "mail.csv").write_text(
        'id,message\n7,"Subject: lunch\n\nNoon?"\n8,"Subject: gas\n\nNominate."\n9\n', "utf-8"
    )
    (here / "two.csv").write_text('text,body,ref\n"Subject: red\n\nx","Subject: blue\n\ny",r1\n', "utf-8")
    (here / "old" / "more.jsonl").write_text('{"text": "Subject: old\\n\\nz"}\n', "utf-8")
    (here / "notes.py").write_text("", "utf-8")
    (here / ".hidden.csv").write_text("message\nx\n", "utf-8")
    (here / "bad\x1b[2J.csv").write_text("message\nx\n", "utf-8")
    (here / "flawed.toml").write_text(
        'rubric = "r"\ntruncate_at = 5\n[[labels]]\nvalue = "a"\n[[labels]]\nvalue = "b"\n'
    )
    (here / "mood.toml").write_text(
        'name = "mood"\nrubric = "Happy or not."\n[[labels]]\nvalue = "h"\nname = "happy"\n'
        '[[labels]]\nvalue = "s"\nname = "sad"\n',
        "utf-8",
    )
    monkeypatch.chdir(here)
    return here


def made(at: Desk) -> NewRunRequest:
    """The command that a run was made of."""
    return next(what[1] for what in at.engine.asked if what[0] == "make")  # type: ignore[return-value]


@pytest.mark.asyncio
async def test_five_enters_lead_from_a_file_to_a_run_that_is_tried(desk: Opens, folder: Path) -> None:
    """Each step is filled in already; nothing is made or sent before the last enter."""
    async with desk(listed=True, size=(80, 24)) as at:
        await at.press("w", *"mail", "enter")
        shown = at.screen()
        assert "STEP 2 OF 5" in shown
        assert "lunch" in shown
        assert "2 texts to import · 1 skipped: it has fewer fields than the header" in " ".join(shown.split())
        await at.press("enter")
        assert "Decide whether an email belongs to the working life" in at.screen()
        await at.press("enter", "enter")
        shown = at.screen()
        assert "time      3 min, limited by TPM of org_b" in shown
        assert "server    https://api.groq.com gets the texts" in shown
        assert "main …" in shown
        assert "try it on 10 first" in shown
        assert "make" not in {what[0] for what in at.engine.asked}
        at.run.alive, at.run.state = False, RunState.NEW
        await at.press("enter")
        assert made(at) == NewRunRequest(str(folder / "mail.csv"), name="mail", text_column="message", id_column="id")
        assert at.engine.asked[-1] == ("try_first", at.run.path, 10)
        assert isinstance(at.app.screen, MonitorScreen)


@pytest.mark.asyncio
async def test_esc_goes_a_step_back_and_nothing_is_lost(desk: Opens, folder: Path) -> None:
    """What was chosen on each step is there again, also after the way back to the first one."""
    async with desk(listed=True, size=(80, 24)) as at:
        await at.press("w", *"mail", "enter", "enter", "down", "down", "enter", "end", *"-a", "tab", *"m-1", "enter")
        assert "STEP 5 OF 5" in at.screen()
        await at.press(*["escape"] * 4)
        assert "STEP 1 OF 5" in at.screen()
        await at.press(*["enter"] * 4, "down", "down", "enter")
        command = made(at)
        assert (command.name, command.model, command.task) == ("mail-a", "m-1", str(folder / "mood.toml"))
        assert not [what for what in at.engine.asked if what[0] in ("start", "try_first")]
        assert isinstance(at.app.screen, MonitorScreen)


@pytest.mark.asyncio
async def test_packs_and_further_fields_are_chosen_and_shown_before_anything_is_sent(desk: Opens, folder: Path) -> None:
    """A pack is a choice of the settings; the step of the task says what it adds to requests."""
    _with_fields(folder / "mood.toml", "y" * 40)
    async with desk(listed=True, size=(80, 24)) as at:
        await at.press("w", *"mail", "enter", "enter", "down", "down")
        assert "logprobs" in at.screen()
        assert "y" * 40 in at.screen()
        await at.press("enter", *["tab"] * 5, *["right"] * 4, "enter")
        shown = at.screen()
        assert "STEP 5 OF 5" in shown
        assert "create it only" in shown
        await at.press("down", "down", "enter")
        assert made(at).pack == 10


@pytest.mark.asyncio
async def test_esc_on_the_first_step_leaves_everything_as_it_was(desk: Opens, folder: Path) -> None:
    """The list of runs is there again and nothing was made."""
    async with desk(listed=True) as at:
        await at.press("w", "escape")
        assert isinstance(at.app.screen, RunsScreen)
        assert at.engine.asked == []


@pytest.mark.asyncio
async def test_the_picker_shows_what_can_be_a_source(desk: Opens, folder: Path) -> None:
    """Files in known forms, Maildirs and folders; others are counted, hidden ones passed over, no name acts."""
    async with desk(listed=True, size=(80, 24)) as at:
        await at.press("w")
        shown = at.screen()
        for telling in ("mail.csv", "two.csv", "box/", "Maildir", "old/", "../"):
            assert telling in shown, telling
        for silent in ("notes.py", ".hidden", "\x1b"):
            assert silent not in shown, silent
        assert "4 other files here" in shown
        await at.press(*"old", "enter")
        assert "more.jsonl" in at.screen()
        await at.press("enter")
        assert "STEP 2 OF 5" in at.screen()
        assert "old/more.jsonl" in "".join(at.screen().split())


@pytest.mark.asyncio
async def test_a_path_that_is_not_there_is_refused_where_it_is_typed(desk: Opens, folder: Path) -> None:
    """The reason stands below, the path stays, and the step too."""
    async with desk(listed=True) as at:
        await at.press("w", *"nothing.csv", "enter")
        assert "STEP 1 OF 5" in at.screen()
        assert "begins with nothing.csv" in at.screen()


@pytest.mark.asyncio
async def test_columns_that_cannot_be_guessed_are_chosen(desk: Opens, folder: Path) -> None:
    """Enter says that a choice is needed; the arrows make it, and the rows below follow."""
    async with desk(listed=True, size=(80, 24)) as at:
        await at.press("w", *"two", "enter", "enter")
        assert "STEP 2 OF 5" in at.screen()
        assert "may each hold the message. Choose one above" in " ".join(at.screen().split())
        await at.press("right")
        assert "red" in at.screen()
        await at.press("right")
        assert "blue" in at.screen()
        await at.press("tab", "right", "right", "enter")
        assert "STEP 3 OF 5" in at.screen()
        await at.press("enter", "enter", "end", "enter")
        assert (made(at).text_column, made(at).id_column) == ("body", "ref")


@pytest.mark.asyncio
async def test_a_flawed_task_file_says_its_line(desk: Opens, folder: Path) -> None:
    """It is listed with what is wrong, and cannot be taken; another file is named by its path."""
    async with desk(listed=True, size=(80, 24)) as at:
        await at.press("w", *"mail", "enter", "enter", "down")
        assert "flawed.toml,line2:truncate_atis5" in "".join(at.screen().split())
        await at.press("enter")
        assert "STEP 3 OF 5" in at.screen()
        await at.press("tab", "tab", *"mood.toml", "enter")
        assert "happy" in at.screen()
        await at.press("enter")
        assert "STEP 4 OF 5" in at.screen()


@pytest.mark.asyncio
async def test_of_many_labels_the_first_are_listed_above_what_is_sent(desk: Opens, folder: Path) -> None:
    """A task of 2,000 labels lists thirty; what is sent and the rubric follow, and no line is broken twice."""
    labels = "".join(f'[[labels]]\nvalue = "queue {n}"\n' for n in range(2_000))
    (folder / "many.toml").write_text(f'name = "queues"\nrubric = "Choose the queue."\n{labels}', "utf-8")
    async with desk(listed=True, size=(80, 110)) as at:
        await at.press("w", *"mail", "enter", "enter", "tab", "tab", *"many.toml", "enter")
        shown = at.screen()
        assert "queue 29\n" in re.sub(" +\n", "\n", shown)
        assert "queue 30\n" not in re.sub(" +\n", "\n", shown)
        assert "and 1,970 more" in shown
        assert "Choose the queue." in shown
        assert shown[shown.index("model ") :].splitlines()[1].strip() == "6,000 characters"


@pytest.mark.asyncio
async def test_a_scroll_bar_breaks_no_line_of_a_task_twice(desk: Opens, folder: Path) -> None:
    """A long task is laid out for the room beside the bar, also right after a short one, which had none."""
    del folder
    async with desk(listed=True, size=(80, 24)) as at:
        await at.press("w", *"mail", "enter", "enter", "down", "down", "up", "up")
        shown = re.sub(" +\n", "\n", at.screen())
        assert "\n 6,000\n" not in shown
        assert re.search(r"at most\n +6,000 characters\n", shown)


@pytest.mark.asyncio
async def test_a_flawed_task_file_is_read_again_when_it_is_chosen(desk: Opens, folder: Path) -> None:
    """Mended in another terminal, it is taken; what was said of it goes when the cursor moves on."""
    async with desk(listed=True, size=(80, 24)) as at:
        await at.press("w", *"mail", "enter", "enter", "down", "enter")
        assert "This file is no valid task" in at.screen()
        await at.press("down")
        assert "This file is no valid task" not in at.screen()
        (folder / "flawed.toml").write_text((folder / "mood.toml").read_text("utf-8"), "utf-8")
        await at.press("up", "enter")
        assert "It was read again and is valid now: enter selects it." in at.screen()
        await at.press("enter")
        assert "STEP 4 OF 5" in at.screen()


@pytest.mark.asyncio
async def test_the_choice_that_has_the_focus_is_marked(desk: Opens, folder: Path) -> None:
    """The mark and the arrows go with the focus at once, and stand beside one choice only."""
    async with desk(listed=True, size=(80, 24)) as at:
        await at.press("w", *"two", "enter")
        for pressed, here in (((), "#text-column"), (("tab",), "#id-column"), (("shift+tab",), "#text-column")):
            await at.press(*pressed)
            marks = {name: at.lines_of(name)[0][0] for name in ("#text-column", "#id-column")}
            assert marks == {name: "▸" if name == here else " " for name in marks}, pressed
        await at.press("right")
        assert "1 of 3 · ← → others" in at.lines_of("#text-column")[0]


@pytest.mark.asyncio
async def test_columns_that_are_not_sent_are_named(desk: Opens, folder: Path) -> None:
    """Whoever expects a column to be sent is told that it is not, and ids by the keys of this screen."""
    (folder / "wide.csv").write_text("id,message,subject,team\n1,Noon?,lunch,a\n1,At one?,lunch,b\n", "utf-8")
    async with desk(listed=True, size=(80, 24)) as at:
        await at.press("w", *"wide", "enter")
        shown = " ".join(at.screen().split())
        assert "1 text to import" in shown
        assert "choose a column of unique ids above, with ← →" in shown
        assert "kept, not sent: team" in shown


@pytest.mark.asyncio
async def test_a_folder_that_is_not_there_is_reported_on_enter_too(desk: Opens, folder: Path) -> None:
    """Not that nothing in it begins so; and what the picker found is shown whole at 80 columns."""
    async with desk(listed=True, size=(80, 24)) as at:
        await at.press("w", *"nowhere/x.csv")
        for pressed in ((), ("enter",)):
            await at.press(*pressed)
            shown = " ".join(at.screen().split())
            assert "There is no folder " in shown
            assert "Check how it is spelled." in shown
        assert "folders of .eml or .txt files." in " ".join(at.screen().split())


@pytest.mark.asyncio
async def test_a_name_is_refused_while_it_is_typed(desk: Opens, folder: Path) -> None:
    """A name that is taken, and an unknown server, keep the step."""
    async with desk(listed=True, size=(80, 24)) as at:
        await at.press("w", *"mail", "enter", "enter", "enter", "ctrl+u", *"taken")
        assert "There is a run taken already." in at.screen()
        await at.press("enter")
        assert "STEP 4 OF 5" in at.screen()
        await at.press("x", "down", "down", *"nowhere", "enter")
        assert "No server is called 'nowhere'" in " ".join(at.screen().split())


@pytest.mark.asyncio
async def test_without_a_key_one_is_added_on_the_way(desk: Opens, folder: Path) -> None:
    """The last step says that there is no key, a adds one, and the way goes on."""

    def keyless(engine: FakeEngine) -> None:
        engine.held = []

    async with desk(listed=True, size=(80, 24), change=keyless) as at:
        await at.press("w", *"mail", *["enter"] * 4)
        assert "no key yet: a adds one" in at.screen()
        await at.press("enter")
        assert "There is no usable key" in at.screen()
        await at.press("a", *"gsk_secret", "enter")
        await at.read()
        assert "key-1" in at.screen()
        await at.press("down", "enter")
        assert made(at).name == "mail"


@pytest.mark.asyncio
async def test_a_run_that_cannot_be_made_says_why(desk: Opens, folder: Path) -> None:
    """The reason stands on the last step, and what was chosen stays."""
    async with desk(listed=True, size=(80, 24)) as at:
        await at.press("w", *"mail", *["enter"] * 4)
        at.engine.refusal = "The disk is full."
        await at.press("enter")
        assert "The disk is full." in at.screen()
        assert "STEP 5 OF 5" in at.screen()


def test_a_path_is_completed_from_the_disk(tmp_path: Path) -> None:
    """Folders end in a slash, and nothing is suggested where nothing fits."""
    (tmp_path / "mails").mkdir()
    (tmp_path / "mails" / "enron.csv").write_text("x")
    assert complete_path(f"{tmp_path}/ma") == f"{tmp_path}/mails/"
    assert complete_path(f"{tmp_path}/mails/en") == f"{tmp_path}/mails/enron.csv"
    assert complete_path(f"{tmp_path}/nothing/x") is None
    assert complete_path(f"{tmp_path}/mails/") is None


def test_a_real_source_is_forecast_and_made(tmp_path: Path) -> None:
    """The forecast reads the source without writing a run; making writes it, and its name is taken from then on."""
    source = tmp_path / "mail.csv"
    source.write_text('id,message\n7,"Subject: lunch\n\nNoon?"\n8,"Subject: gas\n\nNominate."\n', "utf-8")
    settings = load_settings({"LABELTUI_HOME": str(tmp_path / "home")})
    assert any("tokens" in text for text in plan_lines(*forecast(settings, NewRunRequest(str(source)))))
    assert not settings.runs_dir.exists()
    assert name_for(settings, str(source)) == "mail"
    path = make(settings, NewRunRequest(str(source), name="mail"))
    assert path.name == "mail.db"
    assert name_for(settings, str(source)) == "mail-2"
    assert "There is a run mail already" in name_trouble(settings, "mail")
    assert "cannot be a run's name" in name_trouble(settings, "../x")


def test_a_forecast_says_how_many_items_people_label_before_the_first_call(tmp_path: Path) -> None:
    """By the share of a label, to two digits; a source that people can read whole needs no sample."""
    source = tmp_path / "mail.csv"
    settings = load_settings({"LABELTUI_HOME": str(tmp_path / "home")})
    for rows, said in ((400, True), (100, False)):
        source.write_text("id,message\n" + "".join(f"{n},Lunch {n}?\n" for n in range(rows)), "utf-8")
        people = [text for text in plan_lines(*forecast(settings, NewRunRequest(str(source)))) if "people" in text]
        assert bool(people) is said
        if said:
            assert re.search(r"about 1\d0 random emails .* if 20 % have it, 2\d0 if 7 %, 3\d0 if 2 %$", people[0])


def _with_fields(path: Path, extra: str) -> None:
    path.write_text(
        'rubric = "Happy or not."\n[[labels]]\nvalue = "h"\n[[labels]]\nvalue = "s"\n[model]\nlogprobs = true\n'
        f'[model.extra_body]\nuser = "{extra}"\n',
        "utf-8",
    )


def test_fields_that_a_task_adds_are_in_its_forecast_in_full(tmp_path: Path) -> None:
    """They are data, shown before they are sent, however long."""
    source, task = tmp_path / "mail.csv", tmp_path / "mood.toml"
    source.write_text('id,message\n7,"Subject: lunch\n\nNoon?"\n', "utf-8")
    _with_fields(task, "y" * 3_900)
    settings = load_settings({"LABELTUI_HOME": str(tmp_path / "home")})
    lines = list(plan_lines(*forecast(settings, NewRunRequest(str(source), task=str(task)))))
    assert '  sent too  {"user":"' + "y" * 3_900 + '"}' in lines
    assert any(text.startswith("  logprobs") for text in lines)


def test_a_pack_that_was_chosen_is_forecast_and_made(tmp_path: Path) -> None:
    """It takes the place of the task's own, also where the task is that of another run."""
    source = tmp_path / "mail.csv"
    source.write_text('id,message\n7,"Subject: lunch\n\nNoon?"\n8,"Subject: gas\n\nNominate."\n', "utf-8")
    settings = load_settings({"LABELTUI_HOME": str(tmp_path / "home")})
    assert any(
        "up to 5 emails in a call" in text
        for text in plan_lines(*forecast(settings, NewRunRequest(str(source), pack=5)))
    )
    path = make(settings, NewRunRequest(str(source), name="one", pack=0))
    other = make(settings, NewRunRequest(str(source), name="two", task_of=str(path), pack=2))
    with RunReader(path) as one, RunReader(other) as two:
        assert (one.task().pack, two.task().pack) == (0, 2)


def test_a_time_without_known_limits_is_unknown(tmp_path: Path) -> None:
    """No limit of a server of one's own is known before its first reply, and the forecast says so."""
    source = tmp_path / "mail.csv"
    source.write_text('id,message\n7,"Subject: lunch\n\nNoon?"\n', "utf-8")
    settings = load_settings({"LABELTUI_HOME": str(tmp_path / "home")})
    own = NewRunRequest(str(source), base_url="http://localhost:11434/v1")
    lines = list(plan_lines(*forecast(settings, own)))
    assert "  server    http://localhost:11434/v1 gets the texts" in lines
    assert any(text.startswith("  time      unknown until the first reply names the limits") for text in lines)
    known = plan_lines(*forecast(settings, NewRunRequest(str(source))))
    assert not any("unknown until" in text for text in known)


@pytest.mark.asyncio
async def test_a_task_is_written_in_the_wizard_from_a_template(desk: Opens, folder: Path) -> None:
    """Noun, labels line by line and rubric become a file in the folder of tasks, which the run then uses."""
    async with desk(listed=True, size=(80, 24)) as at:
        await at.press("w", *"mail", "enter", "enter", *["down"] * 6)
        assert "E writes your own task from this one" in at.screen()
        await at.press("E", "tab", "tab", "tab", *"story", "tab", "f7", *"glad", "ctrl+s")
        assert "labels has 1 entries" in at.screen()
        await at.press("end", "enter", *"sad = Sad: in tears", "ctrl+s")
        await at.settle()
        assert "▸spam                       glad, sad" in at.screen()
        await at.press("enter", "enter", "enter")
        path = Path(made(at).task)
        task = load_task(path)
        assert (task.item, task.labels) == (
            "story",
            (LabelMeaning("glad", "glad"), LabelMeaning("sad", "Sad", "in tears")),
        )
        assert path.parent.name == "tasks"


def test_tasks_of_files_and_of_other_runs_are_offered_once(folder: Path, tmp_path: Path) -> None:
    """The built-in task, files beside the source, the folder of tasks, and runs whose task is none of these."""
    settings = load_settings({"LABELTUI_HOME": str(tmp_path / "home")})
    tasks = tmp_path / "home" / "tasks"
    tasks.mkdir(parents=True)
    (tasks / "mine.toml").write_text((folder / "mood.toml").read_text().replace("Happy", "Glad"))
    path = make(settings, NewRunRequest(str(folder / "mail.csv"), name="one", model="another-model"))
    choices = task_choices(settings, str(folder / "mail.csv"))
    assert [choice.where for choice in choices] == [
        "built in", str(folder), str(folder / "mood.toml"), str(tasks / "mine.toml"), "of the run one",
        *["a template"] * 5,
    ]  # fmt: skip
    again = make(settings, NewRunRequest(str(folder / "two.csv"), name="two", text_column="text", task_of=str(path)))
    with RunReader(again) as reader:
        assert reader.task().model.model == "another-model"


@pytest.mark.asyncio
async def test_a_read_only_console_refuses_every_command(desk: Opens) -> None:
    """Keys that would change something say why they do not, on every screen, and nothing is asked."""
    async with desk(read_only=True) as at:
        await at.press("p", "x", "T", "a", "d", "a", "delete", "escape", "escape", "w", "D")
        assert at.engine.asked == []
        assert "read-only" in at.said()
        assert isinstance(at.app.screen, RunsScreen)


def test_watching_a_run_without_a_worker_prints_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where stdout is no terminal a plain line is printed, and a run with work left ends with code 1."""
    monkeypatch.setenv("LABELTUI_HOME", str(tmp_path))
    source = tmp_path / "mail.csv"
    source.write_text('id,message\n7,"Subject: lunch"\n', "utf-8")
    make(load_settings(), NewRunRequest(str(source), name="mine"))
    assert main(["watch", "mine"]) == 1
    said = capsys.readouterr().out
    assert said.startswith("mine ")
    assert said.count("\n") == 1
    assert "\x1b" not in said


@pytest.mark.asyncio
async def test_recent_holds_still_while_it_is_read(desk: Opens) -> None:
    """What happens meanwhile is shown when the focus leaves."""
    async with desk() as at:
        await at.press("6")
        before = at.lines_of("RecentPane")
        at.run.recent = at.run.recent[3:]
        await at.read(later_s=1)
        assert at.lines_of("RecentPane") == before
        await at.press("1")
        await at.read(later_s=1)
        assert at.lines_of("RecentPane") != before
