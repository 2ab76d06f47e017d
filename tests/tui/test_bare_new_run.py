"""What the first three steps to a new run do, and their screen, without a console."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from textual.widgets import Input, TextArea

from core.engine import FIRST_N, NewRunRequest
from core.model import LabelMeaning
from core.runs.requests import TEMPLATE, TaskChoice
from core.sources.preview import Counted, Entry, Folder, Looked
from tests.tui.bare import GONE, Noted, Part, Parts, Rowed, bare, composed, made, step, texts_of
from tests.tui.conftest import toned
from tests.tui.fakes import KEYS, NOW, TASK
from tests.tui.test_task import NEW
from tui.actions import active  # noqa: F401 - it names the keys
from tui.screens.new_run import columns
from tui.screens.new_run.columns import ColumnsStep
from tui.screens.new_run.screen import NewRunScreen
from tui.screens.new_run.source import SourceStep
from tui.screens.new_run.step import Step
from tui.screens.new_run.task import COLUMNS, TaskStep, _told
from tui.screens.new_run.writing import WriteTask
from tui.view_state import ViewState

COMMAND = NewRunRequest("mail.csv", "mail")


# -- the screen ------------------------------------------------------------------------------------------------------------


def wizard(at: int = 0, **state: Any) -> tuple[Any, Any]:
    """The screen at a step."""
    app = Noted()
    steps = [
        SimpleNamespace(TITLE=f"title {n}", display=None, begin=lambda command, n=n: app.told.append(f"begins {n}"), take=lambda command, n=n: replace(command, name=f"step {n}"))
        for n in range(5)
    ]  # fmt: skip
    usual = {
        "_at": at, "_steps": steps, "_command": COMMAND, "_making": "", "receive": lambda _: app.told.append("shown"),
        "_forecast": SimpleNamespace(way="make", refuse=lambda text: app.told.append(f"refused: {text}"), show_keys=app.told.append),
        "is_current": True, "_made": lambda path: app.told.append(f"made {path}"),
    }  # fmt: skip
    return bare(NewRunScreen, app, **{**usual, **state}), app


def test_a_new_run_begins_with_its_first_step() -> None:
    """All others are hidden."""
    app = Noted()
    screen = made(NewRunScreen, app, app.told.append)
    steps = screen._steps
    assert [type(each).__name__ for each in steps] == [
        "SourceStep",
        "ColumnsStep",
        "TaskStep",
        "SettingsStep",
        "ForecastStep",
    ]
    assert (screen._at, screen._making, screen._command, steps[4] is screen._forecast) == (
        0,
        "",
        NewRunRequest(""),
        True,
    )
    began: list[int] = []
    for n, each in enumerate(steps):
        each.begin = lambda command, n=n: began.append(n)
    screen.on_mount()
    assert ([each.display for each in steps], began, app.told) == (
        [True, False, False, False, False],
        [0],
        ["receives data"] * 2,
    )
    assert [each for each in composed(screen) if each in steps] == list(steps)


@pytest.mark.parametrize("act", ["do_open", "on_input_submitted", "on_rows_chosen"])
def test_each_step_adds_to_the_request(act: str) -> None:
    """The next one is shown in its place."""
    screen, app = wizard(1)
    getattr(screen, act)()
    assert (screen._at, screen._command.name, app.told) == (2, "step 1", ["begins 2", "shown"])
    assert [each.display for each in screen._steps] == [None, False, True, None, None]


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ({}, "source › columns › [task] › settings › forecast   title 2"),
        ({"_making": "creating the run …"}, "creating the run …"),
    ],
    ids=count(),
)
def test_the_state_line_says_which_step_it_is(state: Any, sentence: str) -> None:
    """Or that the run is being created."""
    screen, app = wizard(2, **state)
    found = screen.headline(SimpleNamespace(view_state=ViewState(now=NOW, keys=KEYS), requested=(), now=NOW))
    said = found.state_sentence
    assert (found.name, f"{said.glyph} {said.word} {said.tone}: {said.sentence}", found.simulated, found.now) == (
        "a new run",
        f"▪ STEP 3 OF 5 accent: {sentence}",
        False,
        NOW,
    )
    screen.show(SimpleNamespace(view_state=ViewState(now=NOW, keys=KEYS)))
    assert app.told == [KEYS]
    screen.do_add()
    assert app.told[1:] == ["AddKey"]


@pytest.mark.parametrize(
    ("way", "run_path", "current", "told"),
    [
        ("make", "new.db", True, ["pops", "made new.db"]),
        ("start", "new.db", True, ["pops", "made new.db", "starts None"]),
        ("try", "new.db", True, ["pops", "made new.db", f"starts {FIRST_N}"]),
        ("start", "other.db", False, ["made new.db"]),
        ("try", "other.db", False, ["made new.db"]),
    ],
    ids=count(),
)
def test_a_run_is_made_shown_and_started(way: str, run_path: str, current: bool, told: list[str]) -> None:
    """Started where it is the one that is open then."""
    screen, app = wizard(4, is_current=current)
    progress: list[str] = []

    def make(command: Any, tell: Any) -> Path:
        progress.append(screen._making)
        tell(1_200, 5_000)
        progress.append(screen._making)
        return Path("new.db")

    app.engine, app.run_path = SimpleNamespace(make=make), Path(run_path)
    app.pop_screen, app.start_worker = (
        lambda: app.told.append("pops"),
        lambda only=None: app.told.append(f"starts {only}"),
    )
    screen._forecast.way = way
    screen.do_open()
    assert (app.told[2:], screen._making, progress[0]) == (told, "", "creating the run …")
    assert progress[1].startswith("creating the run: 1,200")


def test_a_run_that_cannot_be_made_says_why_in_its_last_step() -> None:
    """Nothing is drawn on a screen that was left."""
    screen, app = wizard(4)
    app.chores = SimpleNamespace(send=lambda work, then, failed: failed("the disk is full"))
    screen.do_open()
    assert (app.told, screen._making) == (["shown", "shown", "refused: the disk is full"], "")
    left, app = wizard(4, **GONE)
    left._tell("x" * 200)
    assert (app.told, left._making) == ([], "x" * 119 + "…")


def test_a_step_says_why_it_goes_no_further() -> None:
    """While it is there."""
    told: list[Any] = []
    bare(Step, Noted(), said=SimpleNamespace(update=told.append)).refuse("no\n" + "x" * 500)
    bare(Step, Noted(), said=SimpleNamespace(update=told.append), **GONE).tell("late")
    assert [toned(each) for each in told] == [f"<$failed>no {'x' * 396}…"]


# -- the source ------------------------------------------------------------------------------------------------------------


def sources(typed: str, **state: Any) -> tuple[Any, Any]:
    """The step of the source with what is typed."""
    field = Part(value=typed)
    return step(SourceStep, **{"_input": field, "_asked": None, "_folder": None, "_sentence": "", **state})


def test_a_source_is_chosen_beginning_with_the_folder_of_the_console(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is typed already stays."""
    monkeypatch.chdir(tmp_path)
    for typed, shown in (("", f"{tmp_path}/"), ("mail", "mail")):
        found, _ = sources(typed)
        found.begin(COMMAND)
        assert (found._input.value, found._input.done) == (shown, ["focus"])
    found._go_to(Path("/"))
    assert (found._input.value, found._input.cursor_position) == ("/", 1)
    whole = made(SourceStep, Noted())
    assert (whole._rows.led, whole._rows.can_focus, whole._asked, whole._folder) == (True, False, None, None)
    assert texts_of(whole) == [
        "<$quiet>Type a path, or choose below: ↑↓ and enter; → completes what is typed",
        "[source: ]",
        "",
    ]


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [("/data/ma", (Path("/data"), "ma")), ("ma", (Path(), "ma")), ("~/ma", (Path("~").expanduser(), "ma")), ("~nobody-there/ma", (Path(), "ma")), ("", (Path(), ""))],
    ids=count(),
)  # fmt: skip
def test_what_is_typed_is_a_folder_and_the_beginning_of_a_name(typed: str, wanted: Any) -> None:
    """Of a user that is not there it is the folder of the console."""
    assert sources(typed)[0]._typed() == wanted


ENTRIES = (Entry("Box", Path("/data/Box"), "", folder=True, changed_at=NOW + 9), Entry("mails", Path("/data/mails"), "a Maildir", folder=True, changed_at=NOW - 90),
           Entry("mail.csv", Path("/data/mail.csv"), "CSV", folder=False, size_bytes=4_200_000, changed_at=NOW - 3_600))  # fmt: skip


def test_another_folder_is_looked_into() -> None:
    """What is found of one that is typed no more is not shown; why one cannot be read is said."""
    found, app = sources(
        "/data/ma", answers={"look_into": "folder"}, _seen=lambda folder, given: app.told.append(f"{folder} {given}")
    )
    found.on_input_changed(SimpleNamespace(stop=lambda: app.told.append("stops")))
    assert (app.told, found._asked) == (["stops", "", "look_into", "/data folder"], Path("/data"))
    found, app = sources(
        "/data/ma", failing="no such folder", _unseen=lambda folder, said: app.told.append(f"{folder} {said}")
    )
    found.on_input_changed(SimpleNamespace(stop=lambda: None))
    assert app.told == ["", "/data no such folder"]


@pytest.mark.parametrize(
    ("asked", "gone", "taken"),
    [("/data", {}, True), ("/else", {}, False), ("/data", GONE, False)],
    ids=["as asked", "another", "left"],
)
def test_a_folder_is_listed_while_it_is_asked_for(asked: str, gone: Any, taken: bool) -> None:
    """From its first row; or emptied where it cannot be read."""
    listed: list[int] = []
    found, app = sources("/data/", _asked=Path(asked), _sentence="before", _list=lambda: listed.append(1), **gone)
    found._seen(Path("/data"), "folder")
    assert (found._folder, found._sentence, found._rows.cursor, len(listed)) == (
        ("folder", "", 0, 1) if taken else (None, "before", 5, 0)
    )
    found._rows.rows = [1]
    found._folder = "folder"
    found._unseen(Path("/data"), "gone")
    assert (found._folder, found._sentence, found._rows.rows, app.told) == (
        (None, "gone", [], ["refused: gone"]) if taken else ("folder", "before", [1], [])
    )


@pytest.mark.parametrize(
    ("typed", "folder", "rows", "told"),
    [
        (
            "/data/",
            Folder(Path("/data"), "", ENTRIES, 0),
            [
                "Box: $foreground Box/ | $quiet folder | $foreground  | $quiet 0.0 s",
                "mails: bold $bright mails/ | $accent a Maildir | $foreground  | $quiet 90 s",
                "mail.csv: bold $bright mail.csv | $accent CSV | $foreground 4.2 MB | $quiet 60 min",
                "..: $foreground ../ | $quiet the folder above |   |  ",
            ],
            [],
        ),
        (
            "/data/MAIL",
            Folder(Path("/data"), "a Maildir", ENTRIES, 1),
            [
                "mails: bold $bright mails/ | $accent a Maildir | $foreground  | $quiet 90 s",
                "mail.csv: bold $bright mail.csv | $accent CSV | $foreground 4.2 MB | $quiet 60 min",
            ],
            ["1 other file here in unknown formats"],
        ),
        (
            "/data/",
            Folder(Path("/data"), "a Maildir", (), 3),
            [
                ".: bold $bright this folder | $accent a Maildir |   |  ",
                "..: $foreground ../ | $quiet the folder above |   |  ",
            ],
            ["3 other files here in unknown formats"],
        ),
        ("/", Folder(Path("/"), "", (), 0), [], []),
    ],
    ids=count(),
)
def test_folders_and_sources_are_listed_by_what_is_typed(typed: str, folder: Any, rows: Any, told: list[str]) -> None:
    """The folder itself first, the one above last, while no name is typed."""
    found, app = sources(typed, _folder=folder)
    found._list()
    assert [f"{row.id}: {' | '.join(f'{tone} {text}' for text, tone in row.cells)}" for row in found._rows.rows] == rows
    assert (app.told, [row.value for row in found._rows.rows if row.id not in {".", ".."}]) == (
        told,
        [
            each
            for each in ENTRIES
            if each in folder.entries and (typed != "/data/MAIL" or each.name.startswith("mail"))
        ],
    )
    nothing, app = sources(typed)
    nothing._list()
    assert (nothing._rows.rows, app.told) == ([], [])
    found.action_list("page", 1)
    found.action_list("move", -1)
    assert found._rows.done == ["page 1", "move -1"]


@pytest.mark.parametrize(
    ("typed", "selected", "known", "sentence", "taken", "told", "shown"),
    [
        ("/data/", ".", True, "", "/data", [], "/data/"),
        ("/data/sub/", "..", True, "", None, [], "/data/"),
        ("/data/", ENTRIES[1], True, "", "/data/mails", [], "/data/mails"),
        ("/data/", ENTRIES[0], True, "", None, [], "/data/Box/"),
        (
            "/data/zz",
            None,
            True,
            "",
            None,
            ["refused: Nothing here can be read and begins with zz: choose another path."],
            "/data/zz",
        ),
        ("/data/", None, True, "", None, ["refused: Nothing here can be read: choose another path."], "/data/"),
        ("/data/", None, False, "no such folder", None, ["refused: no such folder"], "/data/"),
        ("/data/", None, False, "", None, [], "/data/"),
    ],
    ids=count(),
)
def test_a_source_is_taken_or_looked_into(
    typed: str, selected: Any, known: bool, sentence: str, taken: Any, told: list[str], shown: str
) -> None:
    """A folder that is no source is opened; why nothing can be taken is said."""
    found, app = sources(typed, _rows=Rowed(selected), _folder="folder" if known else None, _sentence=sentence)
    command = found.take(COMMAND)
    assert (command and command.source, app.told, found._input.value) == (taken, told, shown)


def test_a_file_that_is_typed_in_full_is_taken(tmp_path: Path) -> None:
    """Whatever is under the cursor."""
    (tmp_path / "mail.csv").touch()
    found, _ = sources(f"{tmp_path}/mail.csv", _rows=Rowed(".."), _folder="folder")
    assert found.take(COMMAND).source == str(tmp_path / "mail.csv")
    (tmp_path / "box").mkdir()
    found, _ = sources(f"{tmp_path}/box", _rows=Rowed(None))
    assert found.take(COMMAND) is None


# -- the columns -----------------------------------------------------------------------------------------------------------

LOOKED = Looked(("id", "text", "extra"), "text", "id", "", (("1", "", "hello"), ("2", "Ana <a@x>", "noon?")))


def chosen_of(value: Any = None) -> Any:
    """A choice of a column."""
    found = SimpleNamespace(display=True, value=value, offered=None, done=[])
    found.offer = lambda options, value: setattr(found, "offered", (options, value))
    found.focus = lambda: found.done.append("focus")
    return found


def looking(**state: Any) -> tuple[Any, Any]:
    """The step of the columns."""
    return step(
        ColumnsStep,
        **{
            "_source": "",
            "_looked": LOOKED,
            "_serial": 1,
            "_where": Part(),
            "_text": chosen_of("text"),
            "_ids": chosen_of("id"),
            **state,
        },
    )


def test_another_source_is_looked_at() -> None:
    """The same one keeps its columns; the focus is on the first choice, or on the rows where there is none."""
    found, app = looking(_look=lambda *given: app.told.append(given))
    for source, shown in (("mail.csv", True), ("mail.csv", False), ("x" * 400, False)):
        found._text.display = shown
        found.begin(NewRunRequest(source))
    assert (app.told, found._looked, found._where.shown) == ([("", ""), ("", "")], None, "x" * 299 + "…")
    assert (found._text.done, found._rows.done) == (["focus"], ["focus", "focus"])
    assert [each.id for each in composed(made(ColumnsStep, Noted())) if each.id] == [
        "text-column",
        "id-column",
        "sample",
    ]


@pytest.mark.parametrize(
    ("text", "ids", "told"),
    [("text", "id", ("text", "id")), ("text", "text", ("text", "")), (None, None, ("", ""))],
    ids=count(),
)
def test_a_column_that_is_chosen_is_read_anew(text: Any, ids: Any, told: Any) -> None:
    """The text's own column has no ids."""
    found, app = looking(_text=chosen_of(text), _ids=chosen_of(ids), _look=lambda *given: app.told.append(given))
    found.on_choice_changed()
    assert app.told == [told]


def test_a_source_is_read_by_these_columns() -> None:
    """Each reading has its number; why one failed empties the rows."""
    found, app = looking(answers={"look_at": LOOKED}, _seen=lambda serial, looked: app.told.append((serial, looked)))
    found._look("text", "id")
    assert (app.told, found._serial) == (["reading …", "look_at", (2, LOOKED)], 2)
    found, app = looking(failing="no such file")
    found._rows.rows = [1]
    found._look("text", "id")
    assert (app.told, found._looked, found._text.display, found._ids.display, found._rows.rows, found._rows.empty) == (
        ["reading …", "refused: no such file"],
        None,
        False,
        False,
        [],
        "",
    )
    for state in ({"_serial": 2}, GONE):
        found, app = looking(**state)
        found._failed(1, "late")
        assert (app.told, found._looked) == ([], LOOKED)


@pytest.mark.parametrize(
    ("looked", "columns_", "rows", "told"),
    [
        (LOOKED, columns.COLUMNS, ["$quiet 1 | $foreground  | $bright hello", "$quiet 2 | $foreground Ana | $bright noon?"], ["counting …", "count"]),
        (replace(LOOKED, rows=LOOKED.rows[:1]), columns.WITHOUT_HEADERS, ["$quiet 1 | $bright hello"], ["counting …", "count"]),
        (replace(LOOKED, trouble="no text: choose one with --text-column."), columns.COLUMNS, ["$quiet 1 | $foreground  | $bright hello", "$quiet 2 | $foreground Ana | $bright noon?"],
         ["refused: no text: choose one above, with ← →."]),
    ],
    ids=count(),
)  # fmt: skip
def test_the_first_texts_are_shown_and_all_are_counted(looked: Any, columns_: Any, rows: Any, told: list[str]) -> None:
    """Senders have a column where there is any; what is wrong is said in the words of this screen."""
    found, app = looking(answers={"count": Counted(3, (), (), whole=False)})
    found._seen(1, looked)
    assert (found._looked, found._rows.columns, found._rows.empty, app.told) == (looked, columns_, "", told)
    assert [" | ".join(f"{tone} {text}" for text, tone in row.cells) for row in found._rows.rows] == rows
    assert [(row.id, row.value) for row in found._rows.rows] == [(n, str(n + 1)) for n in range(len(rows))]
    assert (found._text.offered, found._ids.offered) == (
        ([("id", "id"), ("text", "text"), ("extra", "extra")], "text"),
        ([("id", "id"), ("extra", "extra")], "id"),
    )
    assert (found._text.display, found._ids.display) == (True, True)


@pytest.mark.parametrize(
    ("serial", "counted", "told"),
    [
        (1, Counted(1_200, (), ()), ["1,200 texts to import · nothing skipped · kept, not sent: extra"]),
        (
            1,
            Counted(1, (("empty", 3), ("too long", 1)), ("row 7", "row 9")),
            ["1 text to import · 3 skipped: empty; 1 skipped: too long (first: row 7) · kept, not sent: extra"],
        ),
        (1, Counted(1, (("e" * 500, 3),), ()), [f"1 text to import · 3 skipped: {'e' * 388}… · kept, not sent: extra"]),
        (1, Counted(1, (), (), whole=False), []),
        (2, Counted(1, (), ()), []),
    ],
    ids=count(),
)
def test_what_is_imported_and_skipped_is_told(serial: int, counted: Any, told: list[str]) -> None:
    """Once the whole source was counted."""
    found, app = looking()
    found._counted(serial, counted)
    assert app.told == told


def test_a_source_that_breaks_off_is_not_taken() -> None:
    """It is said again."""
    found, app = looking()
    found._broke_off(1, "it breaks off with --id-column.")
    assert (found.take(COMMAND), app.told) == (
        None,
        ["refused: it breaks off with --id-column.", "refused: it breaks off above, with ← →."],
    )
    for state in ({"_serial": 2}, GONE, {"_looked": None}):
        found, app = looking(**state)
        found._broke_off(1, "late")
        assert app.told == []
    assert found.take(COMMAND) is None
    found, app = looking()
    assert (found.take(COMMAND).text_column, found.take(COMMAND).id_column, app.told) == ("text", "id", [])


def test_long_names_of_columns_are_cut() -> None:
    """At forty characters."""
    assert columns._unread(Looked(("n" * 50,), "", "", "", ())) == f" · kept, not sent: {'n' * 39}…"


# -- the task --------------------------------------------------------------------------------------------------------------

BUILT_IN, OWN = TaskChoice("emails", TEMPLATE, task=TASK), TaskChoice("mine", "tasks", "mine.toml", task=NEW)
INVALID = TaskChoice("broken", "tasks", "broken.toml", trouble="no labels.")


def choosing(selected: Any = None, **state: Any) -> tuple[Any, Any]:
    """The step of the task."""
    usual = {
        "_rows": Rowed(selected),
        "_told": Part(),
        "_input": Part(value="x"),
        "_choices": [BUILT_IN, INVALID],
        "_named": [OWN],
    }
    return step(TaskStep, **{**usual, **state})


def test_tasks_are_searched_each_time() -> None:
    """A file may have been corrected since."""
    found, app = choosing(answers={"task_choices": (OWN,)}, _list=lambda: app.told.append("lists"))
    found.begin(COMMAND)
    assert (app.told, found._choices, found._rows.done) == (["task_choices", "lists"], [OWN], ["focus"])
    found, app = choosing(failing="no folder")
    found.begin(COMMAND)
    assert app.told == ["refused: no folder"]
    assert [each.id for each in composed(made(TaskStep, Noted())) if each.id] == ["tasks", "rubric", "task"]
    assert [(each.width, each.from_width) for each in COLUMNS] == [(26, 0), (16, 60), (0, 0)]


def test_tasks_are_listed_with_their_labels() -> None:
    """One that is invalid is marked; a path that was named comes last."""
    found, app = choosing(_show=lambda: app.told.append("shows"))
    found._list()
    assert [f"{row.id}: {' | '.join(f'{tone} {text}' for text, tone in row.cells)}" for row in found._rows.rows] == [
        "('', ''): bold $bright emails | $accent 1, 0 | $quiet a template",
        "('broken.toml', ''): $failed broken | $failed ! invalid | $quiet tasks",
        "('mine.toml', ''): bold $bright mine | $accent 1, 0 | $quiet tasks",
    ]
    assert ([row.value for row in found._rows.rows], app.told) == ([BUILT_IN, INVALID, OWN], ["shows"])
    gone, app = choosing(**GONE)
    gone._list()
    assert gone._rows.rows == []


@pytest.mark.parametrize(
    ("selected", "told", "shown"),
    [
        (BUILT_IN, ["E writes your own task from this one; enter uses it as it is."], _told(TASK, 56).plain),
        (OWN, [], _told(NEW, 56).plain),
        (replace(INVALID, trouble="t" * 700), [], "t" * 599 + "…"),
        (None, [], ""),
    ],
    ids=count(),
)
def test_the_task_under_the_cursor_is_told(selected: Any, told: list[str], shown: str) -> None:
    """Or what is wrong with it; a template is meant to be written from."""
    found, app = choosing(selected, query_one=Parts(60))
    found._told.content_size.width = 0
    found._show()
    assert (app.told, found._told.shown) == (told, shown)
    found._told.content_size.width = 10
    if selected in {BUILT_IN, OWN}:
        found._show()
        assert found._told.shown == _told(selected.task, 24).plain
    moved, app = choosing(selected, _show=lambda: app.told.append("shows"), call_after_refresh=lambda call: call())
    moved.on_rows_moved()
    moved.on_resize()
    assert app.told == ["", "shows", "shows"]


def test_a_task_that_is_named_is_read_and_chosen() -> None:
    """Another reading of the same path takes its place; nothing is read of an empty line."""
    found, app = choosing(answers={"task_file": OWN}, _list=lambda: app.told.append("lists"))
    found.on_input_submitted(SimpleNamespace(value=" ", stop=lambda: app.told.append("stops")))
    assert app.told == []
    found._rows.rows = [1, 2, 3]
    found.on_input_submitted(SimpleNamespace(value=" mine.toml ", stop=lambda: app.told.append("stops")))
    assert (app.told, found._named, found._input.value, found._rows.cursor, found._rows.done) == (
        ["stops", "task_file", "", "lists"],
        [OWN],
        "",
        2,
        ["focus"],
    )
    found._read(INVALID)
    assert (app.told[4:], found._named) == (["refused: no labels."], [OWN])
    found, app = choosing(failing="no such file")
    found.on_input_submitted(SimpleNamespace(value="x.toml", stop=lambda: None))
    assert app.told == ["refused: no such file"]


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        (
            INVALID,
            [
                "lists",
                "refused: This file is no valid task. Correct it as said above, then enter reads it again; or choose another.",
            ],
        ),
        (replace(INVALID, task=NEW, trouble=""), ["lists", "It was read again and is valid now: enter selects it."]),
    ],
    ids=count(),
)
def test_an_invalid_task_is_read_again(choice: Any, told: list[str]) -> None:
    """In its place; a task of a run of that path stays."""
    of_run = replace(INVALID, run="/r/a.db")
    found, app = choosing(
        _choices=[BUILT_IN, INVALID, of_run], _named=[INVALID], _list=lambda: app.told.append("lists")
    )
    found._read_again(choice)
    assert (found._choices, found._named, app.told) == ([BUILT_IN, choice, of_run], [choice], told)


def test_a_task_is_taken_or_read_again() -> None:
    """Nothing where none is under the cursor."""
    found, app = choosing(replace(OWN, run="/r/a.db"))
    taken = found.take(COMMAND)
    assert (taken.task, taken.task_of, app.told) == ("mine.toml", "/r/a.db", [""])
    found, app = choosing(
        INVALID, answers={"task_file": INVALID}, _read_again=lambda choice: app.told.append(choice.name)
    )
    assert (found.take(COMMAND), app.told) == (None, ["task_file", "broken"])
    assert choosing()[0].take(COMMAND) is None
    found, app = choosing(INVALID, failing="gone")
    assert (found.take(COMMAND), app.told) == (None, ["refused: gone"])


@pytest.mark.parametrize(
    ("choice", "own", "written"),
    [(BUILT_IN, "", (NEW, None, False)), (OWN, "mine.toml", (NEW, Path("mine.toml"), True))],
    ids=["a template", "an own one"],
)
def test_a_task_that_is_written_is_saved_and_chosen(choice: Any, own: str, written: Any) -> None:
    """In its own file, or in a new one; a window that is left writes nothing."""
    wrote: list[Any] = []
    found, app = choosing(choice, _read=lambda given: app.told.append(f"reads {given}"))
    app.engine = SimpleNamespace(
        write_task=lambda task, path, replace: wrote.append((task, path, replace)) or Path("new.toml"),
        task_file=lambda path: f"task of {path}",
    )
    found.write()
    app.answer(None)
    app.answer(NEW)
    assert (wrote, app.told, app.windows[0][0]._own, app.windows[0][0]._begun) == (
        [written],
        ["WriteTask", "reads task of new.toml"],
        own,
        choice.task,
    )


@pytest.mark.parametrize(
    ("selected", "said"),
    [
        (None, "This file is no valid task: correct it in an editor, or choose another to begin from."),
        (
            replace(OWN, task=replace(NEW, rubric="a\x1bb")),
            "This task holds what cannot be written here: edit its file in an editor.",
        ),
    ],
    ids=count(),
)
def test_only_a_task_that_fits_is_written_from(selected: Any, said: str) -> None:
    """Why not is said."""
    found, app = choosing(selected)
    found.write()
    assert app.told == [f"refused: {said}"]


def test_of_many_labels_thirty_are_told() -> None:
    """Long values, names and meanings are cut."""
    many = replace(TASK, labels=tuple(LabelMeaning(f"v{n}", f"v{n}", "") for n in range(31)))
    rows = _told(many, 60).plain.split("\n")
    assert (rows[29], rows[30]) == (" v29 ", "     and 1 more")
    assert "more" not in _told(replace(many, labels=many.labels[:30]), 60).plain
    long = replace(TASK, labels=(LabelMeaning("v" * 20, "n" * 50, "m" * 300),), rubric="r" * 30_000)
    rows = _told(long, 400).plain.split("\n")
    assert rows[0] == f"{'v' * 15}… {'n' * 39}…  {'m' * 199}…"
    assert len(rows[-1]) == 20_000


# -- writing a task --------------------------------------------------------------------------------------------------------


def writing(name: str = "", item: str = "ticket", **areas: str) -> tuple[Any, list[str]]:
    """The window in which a task is written, and what it said."""
    app = Noted()
    window = made(
        WriteTask,
        app,
        TASK,
        "",
        query_one=Parts(
            **{
                "task-name": name,
                "task-item": item,
                "task-labels": "a = b: c\nd = e: f",
                "task-rubric": "Answer.",
                **areas,
            }
        ),
    )
    window._refusal = SimpleNamespace(say=lambda text: app.told.append(f"refused: {text}"))
    return window, app.told


def test_the_window_that_writes_a_task_begins_with_its_parts() -> None:
    """And says where it is saved."""
    for own, where in (("", "a new file in the folder of tasks"), ("mine.toml", "mine.toml")):
        window = made(WriteTask, Noted(), TASK, own)
        assert texts_of(window)[0] == f"<bold $bright>Write a task<$quiet>  to {where}"
    assert texts_of(window)[1:] == [
        "<$quiet>Name, and what one text is called: review, ticket, email …",
        "[task-name: work or personal]",
        "[task-item: email]",
        "<$quiet>Labels, one a line: <$foreground>value = name: meaning",
        "<$quiet>Rubric: how a label is to be chosen",
        "",
        "<bold $accent>^s<> check and save  <bold $accent>tab<> next field  <bold $accent>esc<> cancel",
    ]
    assert [each.max_length for each in composed(window) if isinstance(each, Input)] == [80, 20]
    assert [each.text for each in composed(window) if isinstance(each, TextArea)] == [
        "1 = work: about the business of the company\n0 = personal: about private life",
        "Answer 1 or 0.",
    ]


def test_a_task_is_written_once_it_is_valid() -> None:
    """A name that is left empty stays; what is wrong is said."""
    window, told = writing()
    window.action_save()
    assert ("name='work or personal'" in told[0], "item='ticket'" in told[0]) == (True, True)
    named, told = writing(name="mine")
    named.action_save()
    assert "name='mine'" in told[0]
    wrong, told = writing(**{"task-labels": ""})
    wrong.action_save()
    assert [each.partition(":")[0] for each in told] == ["refused"]


def test_how_fast_a_run_is_made_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the time since it was begun."""
    now = [100.0]
    monkeypatch.setattr("tui.screens.new_run.screen.time", SimpleNamespace(monotonic=lambda: now[0]))
    screen, app = wizard(4)
    told: list[str] = []

    def make(command: Any, tell: Any) -> Path:
        now[0] = 110.0
        tell(1_200, 5_000)
        told.append(screen._making)
        return Path("new.db")

    app.engine, app.run_path, app.pop_screen = SimpleNamespace(make=make), None, lambda: None
    screen.do_open()
    assert told == ["creating the run: 1,200 of about 5,000 imported, 120 a second, 00:32 left"]


@pytest.mark.parametrize(
    ("width", "wanted"),
    [
        (
            24,
            [
                "   1 work  m m m m m m m",
                "           m m m m m m m",
                "           m m m m m m",
                "a-label with a name",
                "     m m m m m m m m m m",
                "     m m m m m m m m m m",
                "model openai/gpt-oss-20b",
                "     · sends from, to,",
            ],
        ),
        (
            40,
            [
                "   1 work  m m m m m m m m m m m m m m m",
                "           m m m m m",
                "a-label with a name  m m m m m m m m m m",
                "                     m m m m m m m m m m",
                "model openai/gpt-oss-20b · sends from,",
                "     to, subject, date, body, at most",
                "     6,000 characters",
            ],
        ),
    ],
)
def test_meanings_are_wrapped_beside_or_below_their_labels(width: int, wanted: Any) -> None:
    """Below a label that takes half of the width, in twelve cells at least."""
    task = replace(
        TASK,
        labels=(LabelMeaning("1", "work", "m " * 20), LabelMeaning("a-label", "with a name", "m " * 20)),
        rubric="",
    )
    assert [row.plain for row in _told(task, width).split("\n")[:8]] == wanted
    sent = _told(replace(TASK, labels=(), model=replace(TASK.model, model="x" * 400)), 1_000).plain.split("\n")[0]
    assert len(sent) == 300
