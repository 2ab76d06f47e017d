"""What the list of runs, its windows and the way between screens do, without a console."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.engine import CopyRequest, Order
from core.model import RunState, RunSummary
from tests.tui.bare import GONE, Noted, Part, Parts, bare, composed, made, texts_of
from tests.tui.conftest import toned
from tests.tui.fakes import NOW, email, running, settings_in
from tui.actions import active  # noqa: F401 - it names the keys
from tui.actions.context import Scope
from tui.screens.emails.list import EmailsScreen
from tui.screens.emails.windows import MEANINGS, Causes, SortBy
from tui.screens.guide import GuideScreen
from tui.screens.keys.list import KeysScreen
from tui.screens.monitor import MonitorScreen
from tui.screens.navigation import Views
from tui.screens.pages import HelpScreen, InfoScreen
from tui.screens.quality.quality import QualityScreen
from tui.screens.runs.list import ALL_ARCHIVED, EMPTY, NO_MATCH, NONE_ARCHIVED, RunsScreen
from tui.screens.runs.windows import CopyRun, DeleteRun
from tui.view_state import ViewState
from tui.widgets.fields import Choice, NameLine, complete_path
from tui.widgets.window_parts import ChooseRow, Refusal

SNAPSHOT = running(40, 20).snapshot(NOW)


def run(name: str, state: RunState = RunState.RUNNING, changed_at: float = NOW, **more: Any) -> RunSummary:
    """A run in the list."""
    return RunSummary(name, f"/r/{name}.db", state, 40, 20, 3, NOW, changed_at, 4_200_000, **more)


ENRON, OLD, BROKEN = run("enron"), run("old", RunState.DONE, NOW - 90), run("broken", error="no run file.")
PAUSED, KEPT = run("later", RunState.PAUSED, NOW - 30), run("kept", RunState.WAITING, NOW - 60, archived=True)


class Listed:
    """Rows that keep what they are told."""

    def __init__(self, selected: Any = None) -> None:
        self.cursor, self.empty, self.rows = 5, "", []
        self.selected = None if selected is None else SimpleNamespace(value=selected)

    def set_rows(self, rows: list[Any]) -> None:
        self.rows = [row.value.name for row in rows]


def listed(app: Noted, selected: Any = None, **state: Any) -> Any:
    """The list of runs with the cursor on one of them."""
    usual = {
        "_rows": Listed(selected), "_about": Part(), "_order": "last changed", "_held": [], "_updated_from": None, "_named": "",
        "_archived": False, "_copying": "", "_compared": "", "receive": lambda _: app.told.append("shown anew"), "hint": lambda: app.told.append("hint"),
    }  # fmt: skip
    return bare(RunsScreen, app, **{**usual, **state})


def data(runs: Any, **more: Any) -> Any:
    """What the screen is given."""
    return SimpleNamespace(view_state=ViewState(now=NOW, runs=runs, **more), now=NOW, requested=())


def test_a_new_list_of_runs_is_in_its_first_order_with_the_focus_on_its_rows() -> None:
    """Nothing is filtered, and the archive is closed."""
    app = Noted()
    screen = made(RunsScreen, app)
    screen.on_mount()
    assert (app.told, screen.focused_by_test) == (["receives data"], [screen._rows])
    assert [each.id for each in composed(screen)[2:5]] == ["filter", "runs", "about"]
    assert (screen._order, screen._held, screen._named, screen._archived) == ("last changed", [], "", False)
    assert screen._rows.empty == "\n reading the list of runs …"


@pytest.mark.parametrize(
    ("runs", "state", "rows", "empty"),
    [
        ((ENRON, OLD, KEPT), {}, ["enron", "old"], EMPTY),
        ((ENRON, OLD, KEPT), {"_archived": True}, ["kept"], NONE_ARCHIVED),
        ((ENRON, OLD, KEPT), {"_named": "OL"}, ["old"], NO_MATCH),
        ((ENRON, OLD), {"_held": ["/r/old.db"]}, ["old", "enron"], EMPTY),
        ((OLD, ENRON), {"_order": "name"}, ["enron", "old"], EMPTY),
        ((KEPT,), {}, [], ALL_ARCHIVED),
        ((), {}, [], EMPTY),
    ],
    ids=count(),
)
def test_runs_are_shown_in_their_order_and_hold_their_places(runs: Any, state: Any, rows: Any, empty: str) -> None:
    """Why nothing is listed depends on the filter and the archive."""
    app = Noted()
    screen = listed(app, **state)
    screen.show(data(runs))
    assert screen._rows.rows == rows
    assert screen._held == [f"/r/{name}.db" for name in rows]
    assert (screen._when_empty(runs) == empty) or rows
    assert "{" not in screen._rows.empty
    assert toned(screen._about.content) == "<$quiet>"
    untouched = listed(app)
    untouched.show(data(None))
    assert untouched._rows.rows == []


def test_runs_move_when_the_list_is_updated() -> None:
    """Also with the reading that is under way; from the next one on they hold still."""
    app = Noted()
    app.view_state = data((OLD,)).view_state
    screen = listed(app, _held=["/r/old.db"])
    screen.do_update()
    assert (app.told, screen._held) == (["hurry", "shown anew"], [])
    same, newer = SimpleNamespace(view_state=app.view_state, now=NOW, requested=()), data((ENRON, OLD))
    held = []
    for each in (same, newer, data((replace(OLD, changed_at=NOW + 9), ENRON))):
        screen._held = ["/r/old.db"] if each is not newer else screen._held
        screen.show(each)
        held.append((screen._held, screen._updated_from is None))
    assert held == [(["/r/old.db"], False), (["/r/enron.db", "/r/old.db"], True), (["/r/old.db", "/r/enron.db"], True)]


@pytest.mark.parametrize(
    ("selected", "shown"),
    [(None, "<$quiet>"), (ENRON, "<$quiet>enron"), (BROKEN, "<$failed>no run file."), ("no run", "<$quiet>")],
    ids=count(),
)
def test_below_the_runs_stands_what_the_row_has_no_room_for(selected: Any, shown: str) -> None:
    """An error is red; the keys follow the cursor."""
    app = Noted()
    screen = listed(app, selected)
    screen.on_rows_moved()
    assert (toned(screen._about.content), app.told) == (shown, ["hint"])
    assert screen.selected() == (selected if isinstance(selected, RunSummary) else None)


@pytest.mark.parametrize(
    ("given", "state", "told"),
    [
        (data(None), {}, "· READING quiet: looking for runs"),
        (data(None, trouble="no\nfolder"), {}, "! CANNOT READ failed: no folder"),
        (data(()), {}, "▪ 0 runs accent: no run yet · by last changed · in /x/runs"),
        (data((OLD,)), {"_order": "size"}, "▪ 1 run accent: none running · by size · in /x/runs"),
        (data((ENRON, OLD, PAUSED, KEPT)), {}, "▪ 3 runs accent: 1 running · 1 paused · by last changed · in /x/runs"),
        (data((ENRON, replace(ENRON, state=RunState.WAITING))), {}, "▪ 2 runs accent: 2 running · by last changed · in /x/runs"),
        (data((PAUSED,)), {}, "▪ 1 run accent: 1 paused · by last changed · in /x/runs"),
        (data((ENRON, KEPT)), {"_archived": True}, "▪ 1 run accent: archived · A restores one · H or esc shows the others"),
        (data((ENRON, OLD)), {"_named": "enr"}, "▪ 2 runs accent: 1 named enr · by last changed · esc shows all"),
        (data((ENRON,)), {"_copying": "copying …", "_named": "x"}, "▪ 1 run accent: copying …"),
        (data(None, trouble="n" * 400), {}, f"! CANNOT READ failed: {'n' * 299}…"),
        (data((OLD,)), {"_named": "o" * 50}, f"▪ 1 run accent: 0 named {'o' * 39}… · by last changed · esc shows all"),
    ],
    ids=count(),
)  # fmt: skip
def test_the_state_line_says_which_runs_are_listed(given: Any, state: Any, told: str) -> None:
    """How many work, in which order they stand, or what keeps the list from being read."""
    app = Noted()
    app.settings = settings_in(Path("/x"))  # type: ignore[attr-defined]
    found = listed(app, **state).headline(given)
    said = found.state_sentence
    assert f"{said.glyph} {said.word} {said.tone}: {said.sentence}" == told
    assert (found.name, found.simulated, found.now) == ("labeltui", False, NOW)


def answer(*, at_once: bool) -> Any:
    """What became of a command."""
    return SimpleNamespace(at_once=at_once, sentence="done at once")


@pytest.mark.parametrize(
    ("act", "state", "told"),
    [
        ("do_open", {}, ["opens /r/enron.db"]),
        ("do_start", {}, ["start", "enron: start requested", "hurry"]),
        ("do_stop", {}, ["send", "enron: stop requested", "hurry"]),
        ("do_pause", {"context": lambda: "paused"}, ["send", "enron: done at once", "hurry"]),
        ("do_pause", {"context": lambda: "running"}, ["send", "enron: pause requested", "hurry"]),
        ("do_archive", {}, ["archive", "enron is archived: H shows it, A there restores it."]),
        ("do_delete_run", {}, ["what_goes", "DeleteRun"]),
        ("do_delete_run", {"is_current": False}, ["what_goes"]),
        ("do_compare_runs", {}, ["enron is chosen: C on another run compares both."]),
        ("do_compare_runs", {"_compared": "/r/enron.db"}, ["enron is chosen: C on another run compares both."]),
        ("do_compare_runs", {"_compared": "/r/old.db"}, ["CompareScreen"]),
        ("do_copy_run", {}, ["CopyRun"]),
        ("do_new_run", {}, ["NewRunScreen"]),
        ("do_demo", {}, ["Creating the demo: invented emails, a simulator on this machine.", "make_demo"]),
        ("on_rows_chosen", {}, ["performs open"]),
    ],
    ids=count(),
)
def test_a_key_acts_on_the_run_under_the_cursor(
    act: str, state: Any, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes of a command is said, at once or as requested."""
    monkeypatch.setattr("tui.screens.runs.list.is_paused", lambda context: context == "paused")
    paused = "context" in state and state["context"]() == "paused"
    app = Noted(start=answer(at_once=False), send=answer(at_once=paused), what_goes="going", make_demo=Path("demo.db"))
    app.view_state.runs = (ENRON, run("enron-2"))
    screen = listed(app, ENRON, **{"is_current": True, "_held": ["x"], **state})
    getattr(screen, act)()
    assert app.told == told
    assert screen._held == ([] if act in {"do_open", "do_new_run", "do_demo"} else ["x"])
    if act == "do_copy_run":
        assert app.windows[0][0]._proposed == "enron-3"
        listed(app, run("e" * 70)).do_copy_run()
        assert app.windows[1][0]._proposed == f"{'e' * 58}-2"
    if act == "do_compare_runs":
        assert screen._compared == ("" if told == ["CompareScreen"] else "/r/enron.db")
    if act in {"do_new_run", "do_demo", "on_rows_chosen"}:
        return
    nobody = Noted()
    getattr(listed(nobody, None, context=lambda: "running"), act)()
    assert nobody.told == []


def test_an_archived_run_is_restored_and_a_deleted_one_named() -> None:
    """A window that is left deletes nothing."""
    app = Noted()
    listed(app, KEPT).do_archive()
    assert app.told == ["archive", "kept is restored."]
    app = Noted(what_goes="going")
    listed(app, ENRON, is_current=True).do_delete_run()
    app.answer(None)
    assert app.told == ["what_goes", "DeleteRun"]
    app.answer("enron")
    assert app.told[2:] == ["delete_run", "enron is deleted."]


@pytest.mark.parametrize(
    ("act", "state", "wanted"),
    [
        ("do_back", {"_named": "en"}, ("", False, "last changed", ["shown anew"])),
        ("do_back", {"_archived": True}, ("", False, "last changed", ["shown anew"])),
        ("do_back", {}, ("", False, "last changed", [])),
        ("do_archived", {}, ("", True, "last changed", ["shown anew"])),
        ("do_sort", {}, ("", False, "name", ["shown anew"])),
        ("do_sort", {"_order": "size"}, ("", False, "last changed", ["shown anew"])),
    ],
    ids=count(),
)
def test_the_list_is_narrowed_sorted_and_turned_to_the_archive(act: str, state: Any, wanted: Any) -> None:
    """Runs may move then."""
    app = Noted()
    screen = listed(app, _held=["x"], **state)
    getattr(screen, act)()
    assert (screen._named, screen._archived, screen._order, app.told) == wanted
    assert screen._held == ([] if wanted[3] else ["x"])
    assert (screen._rows.cursor == 0) is (screen._archived is not state.get("_archived", False))


def test_the_filter_of_the_list_opens_with_what_it_held() -> None:
    """The rows have the focus again afterwards."""
    told: list[Any] = []
    app = Noted()
    screen = listed(app, _named="en", _line=SimpleNamespace(open=told.append), set_focus=told.append)
    screen.do_find()
    screen._narrowed()
    assert told == ["en", screen._rows]
    screen._narrow("old")
    assert (screen._named, app.told) == ("old", ["shown anew"])


@pytest.mark.parametrize(
    ("current", "trouble", "told"),
    [
        (True, "", ["check_copy", "closed", "shown anew", "copy_run", "shown anew",
                    "new is created, with nothing labeled: enter opens it, s there starts it.", "hurry"]),
        (False, "", ["check_copy", "shown anew", "copy_run", "shown anew",
                     "new is created, with nothing labeled: enter opens it, s there starts it.", "hurry"]),
        (True, "no task there", ["shown anew", "refused: no task there"]),
        (False, "no task there", ["shown anew", "error: no task there"]),
    ],
    ids=count(),
)  # fmt: skip
def test_a_run_is_copied_once_its_window_was_checked(current: bool, trouble: str, told: list[str]) -> None:
    """Why not is told in the window, or as an error where it was left."""
    app = Noted(copy_run=Path("/r/new.db"))
    if trouble:
        app.jobs = SimpleNamespace(send=lambda work, then, failed: failed(trouble))  # type: ignore[assignment]
    window = SimpleNamespace(is_current=current, dismiss=lambda _: app.told.append("closed"),
                             refuse=lambda text: app.told.append(f"refused: {text}"))  # fmt: skip
    screen = listed(app)
    screen._copy(CopyRequest("/r/enron.db", "new", "", ""), window)
    assert (app.told, screen._copying) == (told, "")


def test_how_far_a_copy_is_stands_in_the_state_line() -> None:
    """Not on a screen that was left."""
    app = Noted()
    told: list[str] = []
    app.chores = SimpleNamespace(send=lambda work, then, failed: told.append(screen._copying) or work())
    app.answers["copy_run"] = Path("/r/new.db")
    app.engine = SimpleNamespace(check_copy=lambda _: None, copy_run=lambda _, progress: progress(1_200))
    screen = listed(app)
    screen._copy(CopyRequest("/r/enron.db", "new", "", ""), SimpleNamespace(is_current=False))
    assert (told, screen._copying) == (["copying to new …"], "copying to new: 1,200 so far")
    left = listed(Noted(), **GONE)
    left._copies("copying")
    assert (left._copying, left.console_app.told) == ("copying", [])
    left._copies("c" * 200)
    assert left._copying == f"{'c' * 119}…"


@pytest.mark.parametrize(("path", "told"), [(None, ["opens demo.db"]), (Path("other.db"), [])])
def test_a_new_run_is_opened_where_none_is(path: Any, told: list[str]) -> None:
    """Another one that was opened meanwhile stays."""
    app = Noted(path=path)
    screen = listed(app, _held=["x"])
    screen.made(Path("demo.db"))
    assert (app.told, screen._held) == (told, [])


# -- windows of the lists ------------------------------------------------------------------------------------------------


def test_the_window_that_copies_a_run_asks_for_its_name() -> None:
    """What is typed is the request; without a name it is refused."""
    app = Noted()
    asked: list[Any] = []
    long = replace(ENRON, name="e" * 60, total=1)
    assert texts_of(made(CopyRun, app, long, "enron-2", lambda *given: asked.append(given))) == [
        "<bold $bright>A new run from the texts of eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee…",
        "<$quiet>1 text in the same order, nothing labeled.",
        "Name",
        "[name: enron-2]",
        "Task as TOML (empty: the same task; → completes)",
        "[task: ]",
        "Model (empty: the task's)",
        "[model: ]",
        "",
        "<bold $accent>enter<> copy  <bold $accent>tab<> next  <bold $accent>esc<> cancel",
    ]
    window = made(CopyRun, app, ENRON, "enron-2", lambda *given: asked.append(given),
                  query_one=Parts(name=" b ", task=" t.toml ", model="m"))  # fmt: skip
    window.on_input_submitted()
    assert asked == [(CopyRequest("/r/enron.db", "b", "t.toml", "m"), window)]
    window._refusal = Part()
    type(window).query_one = Parts(name=" ", task="", model="")
    window.on_input_submitted()
    assert (window._refusal.shown, len(asked)) == ("Give the copy a name.", 1)
    window.action_leave()
    assert app.told == ["ends with None"]


def test_the_window_that_deletes_a_run_asks_for_its_name() -> None:
    """It says what goes; another name deletes nothing."""
    app = Noted()
    going = SimpleNamespace(names=("enron.db", "enron.db-wal"), size_bytes=4_200_000)
    window = made(DeleteRun, app, ENRON, going)
    assert texts_of(window) == [
        "<bold $failed>Delete enron for good?",
        "<>2 files, 4.2 MB, with the labels of 20 texts: <$quiet>enron.db, enron.db-wal",
        "<$quiet>Exports and backups elsewhere stay. The run cannot be restored.",
        "Type its name to delete it",
        "[name: ]",
        "",
        "<bold $accent>esc<> cancel  <bold $accent>enter<> delete it",
    ]
    assert texts_of(
        made(DeleteRun, app, replace(BROKEN, name="b" * 70), SimpleNamespace(names=("b.db",), size_bytes=10))
    )[:2] == [
        "<bold $failed>Delete bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb… for good?",
        "<>1 file, 10 B: <$quiet>b.db",
    ]
    assert texts_of(made(DeleteRun, app, ENRON, SimpleNamespace(names=("n" * 500,), size_bytes=10)))[1].endswith(
        f"<$quiet>{'n' * 399}…"
    )
    window._refusal = Part()
    window.on_input_submitted(SimpleNamespace(value="enro"))
    assert (window._refusal.shown, app.told) == ("That is not its name, which is enron. Nothing was deleted.", [])
    window.on_input_submitted(SimpleNamespace(value=" enron "))
    window.action_leave()
    assert app.told == ["ends with 'enron'", "ends with None"]


def test_causes_of_failures_are_counted_and_one_is_chosen() -> None:
    """The window ends with the cause under the cursor."""
    app = Noted()
    window = made(Causes, app, [("no label", 1_200), ("too long", 3)])
    window.on_mount()
    assert texts_of(window) == [
        "<bold $bright>1,203 failed, 2 causes",
        "<bold $accent>enter<> list them  <bold $accent>esc<> cancel",
    ]
    assert [row.cells for row in map(window._rows.row_at, range(2))] == [
        (("1,200", "$failed"), ("no label", "$foreground")),
        (("3", "$failed"), ("too long", "$foreground")),
    ]
    assert [(each.width, each.right) for each in window._rows._columns] == [(9, True), (0, False)]
    window.on_rows_chosen()
    window.action_leave()
    made(Causes, app, []).action_choose()
    assert app.told == ["ends with 'no label'", "ends with None", "ends with None"]


@pytest.mark.parametrize(
    ("order", "begins", "next_", "chosen"),
    [(Order("place"), "place", 1, Order("settled", descending=True)), (Order("state"), "state", 0, Order("place")), (Order("date"), "date", 6, Order("label"))],
    ids=count(),
)  # fmt: skip
def test_an_order_is_chosen_in_its_window(order: Order, begins: str, next_: int, chosen: Order) -> None:
    """The cursor begins on the present one, which is reversed; behind the last comes the first."""
    app = Noted()
    window = made(SortBy, app, order)
    window.on_mount()
    assert window._rows.selected.value == begins
    assert [each.width for each in window._rows._columns] == [10, 0]
    assert [row.cells[0][0] for row in map(window._rows.row_at, range(9)) if len(row.cells[0][0].split()) > 1] == [
        f"{begins} ▲"
    ]
    assert [row.cells[1][0] for row in map(window._rows.row_at, range(9))] == [
        MEANINGS[row.value] for row in map(window._rows.row_at, range(9))
    ]
    window.on_rows_chosen()
    window.action_next()
    assert window._rows.cursor == next_
    window.action_choose()
    window.action_leave()
    assert app.told == [f"ends with {order.reversed!r}", f"ends with {chosen!r}", "ends with None"]


def test_a_row_of_a_window_is_its_answer() -> None:
    """None where there is no row."""
    app = Noted()
    rows = Listed("value")
    window = made(ChooseRow, app, query_one=lambda *_: rows)
    window.on_rows_chosen()
    rows.selected = None
    window.action_choose()
    window.action_leave()
    assert app.told == ["ends with 'value'", "ends with None", "ends with None"]


def test_a_refusal_is_one_line_of_four_hundred_characters() -> None:
    """Nothing is said in a window that was closed."""
    told: list[Any] = []
    bare(Refusal, Noted(), update=told.append).say("no\n" + "x" * 500)
    bare(Refusal, Noted(), update=told.append).say("wait", "$waiting")
    bare(Refusal, Noted(), update=told.append, **GONE).say("late")
    assert [toned(each) for each in told] == [f"<$failed>no {'x' * 396}…", "<$waiting>wait"]


# -- fields --------------------------------------------------------------------------------------------------------------


def test_a_choice_is_turned_round_and_told() -> None:
    """Of none nothing is turned; what is offered anew tells nobody."""
    told: list[Any] = []
    drawn: list[int] = []
    state = {"post_message": lambda _, each: told.append(each.choice.value), "redraw": lambda _: drawn.append(1)}
    choice = made(Choice, Noted(), "lane", (("a", "one"), ("b", "two"), ("c", "three")), **state)
    assert choice.value == "a"
    for step in (1, 1, 1, -1):
        choice.action_turn(step)
    choice.on_click()
    choice.offer((("b", "two"), ("c", "three"), ("d", "four")), "c")
    assert (told, choice.value, len(drawn)) == (["b", "c", "a", "c", "a"], "c", 6)
    choice.offer((("b", "two"), ("c", "three")), "x")
    assert choice.value is None
    choice.action_turn(-1)
    assert choice.value == "b"
    nothing = made(Choice, Noted(), "lane", **state)
    nothing.action_turn(1)
    assert (nothing.value, told[5:], len(drawn)) == (None, ["b"], 8)


def test_a_path_is_completed_by_the_first_entry_that_begins_so(tmp_path: Path) -> None:
    """A folder with a slash; nothing where nothing is typed, or no such folder is there."""
    (tmp_path / "mail").mkdir()
    for name in ("mails.csv", "notes.txt"):
        (tmp_path / name).touch()
    begun = [complete_path(f"{tmp_path}/{typed}") for typed in ("ma", "mails", "n", "x", "", "none/a")]
    assert begun == [f"{tmp_path}/mail/", f"{tmp_path}/mails.csv", f"{tmp_path}/notes.txt", None, None, None]
    assert complete_path("~nobody-there/x") is None


def test_a_path_is_completed_in_the_folder_of_the_console(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no folder is typed."""
    (tmp_path / "mail.csv").touch()
    monkeypatch.chdir(tmp_path)
    assert complete_path("ma") == "mail.csv"


def test_a_filter_by_name_narrows_while_it_is_typed() -> None:
    """enter keeps it, esc clears it; nothing is narrowed while it is hidden."""
    told: list[Any] = []
    line = bare(NameLine, Noted(), _narrow=told.append, _done=lambda: told.append("done"), _input=Part())
    event = SimpleNamespace(value=" old ", stop=lambda: told.append("stopped"))
    line.on_mount()
    line.on_input_changed(event)
    line.open("en")
    assert (line.display, line._input.value, line._input.done) == (True, "en", ["focus"])
    line.on_input_changed(event)
    line.on_input_submitted(event)
    assert line.display is False
    line.display = True
    line.action_leave()
    assert (line.display, told) == (False, ["stopped", "stopped", "old", "stopped", "done", "", "done"])
    assert [type(each).__name__ for each in composed(made(NameLine, Noted(), told.append, told.append))] == [
        "Input",
        "Static",
    ]


# -- the way between screens ---------------------------------------------------------------------------------------------


def going(*stack: type, **state: Any) -> tuple[Any, Noted]:
    """The way between screens where these lie on each other."""
    app = Noted()
    app.screen_stack = [of.__new__(of) for of in stack]  # type: ignore[attr-defined]
    app.pop_screen = lambda: app.told.append(f"leaves {type(app.screen_stack.pop()).__name__}")  # type: ignore[attr-defined]
    for name, value in state.items():
        setattr(app, name, value)
    return Views(app), app  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("act", "stack", "told"),
    [
        ("do_emails", (MonitorScreen,), ["EmailsScreen"]),
        ("do_emails", (MonitorScreen, EmailsScreen, KeysScreen, QualityScreen), ["leaves QualityScreen", "leaves KeysScreen"]),
        ("do_emails", (MonitorScreen, EmailsScreen), []),
        ("do_keys", (MonitorScreen,), ["KeysScreen"]),
        ("do_batches", (MonitorScreen,), ["BatchesScreen"]),
        ("do_review", (MonitorScreen,), ["ReviewScreen"]),
        ("do_quality", (MonitorScreen, QualityScreen, KeysScreen), ["leaves KeysScreen"]),
        ("do_task", (MonitorScreen,), ["TaskScreen"]),
        ("do_help", (), ["back"]),
        ("do_help", (MonitorScreen, HelpScreen), ["back"]),
        ("do_guide", (GuideScreen,), ["back"]),
        ("do_guide", (), []),
        ("do_guide", (KeysScreen,), ["GuideScreen"]),
        ("do_info", (MonitorScreen, InfoScreen), ["back"]),
        ("do_info", (MonitorScreen,), ["InfoScreen"]),
        ("do_themes", (), ["ChooseTheme"]),
        ("do_tour", (), ["Tour"]),
    ],
    ids=count(),
)  # fmt: skip
def test_a_key_opens_a_screen_or_goes_back_to_it(act: str, stack: Any, told: list[str]) -> None:
    """Screens above it are left; pages that explain are closed by their own key."""
    views, app = going(*stack)
    getattr(views, act)()
    assert app.told == told
    if act == "do_tour":
        assert app.windows[0][0]._opened_at == float("-inf")


def test_the_review_of_somebody_is_opened_with_its_size() -> None:
    """As the command line asks for it."""
    views, app = going()
    views.show_review("bo", 12)
    window = app.windows[0][0]
    assert (app.told, window._annotator, window._batch_size) == (["ReviewScreen"], "bo", 12)


def test_the_view_is_held_and_moves_again() -> None:
    """Only holding it is explained; the picture is given in both cases."""
    views, app = going(held=False, hand_down=lambda: app.told.append("given"))
    views.do_hold()
    assert (app.held, app.told) == (
        True,
        ["The view is held; the work goes on. h lets it move, p pauses the work.", "given"],
    )  # type: ignore[attr-defined]
    views.do_hold()
    assert (app.held, app.told[2:]) == (False, ["given"])  # type: ignore[attr-defined]


def test_a_key_that_ends_the_tour_reaches_the_console() -> None:
    """None where it was just left."""
    keys: list[Any] = []
    views, app = going(call_later=lambda call, key: call(key), simulate_key=keys.append)
    views.show_tour()
    app.answer(None)
    app.answer("e")
    assert (keys, app.windows[0][0]._opened_at) == (["e"], NOW)


def test_the_next_theme_is_worn() -> None:
    """From the first to the second of them."""
    views, app = going(theme="labeltui-dark", remember=lambda name, value: app.told.append(f"{name} {value}"))
    views.do_theme()
    assert (app.theme, app.told) == ("labeltui-light", ["The theme is light.", "theme labeltui-light"])  # type: ignore[attr-defined]


class Front(MonitorScreen):
    """A screen in sight with a draft, whose focus is on none of its panes."""

    focused = None

    def context(self) -> Any:
        return SimpleNamespace(draft=self.drafted, scope=Scope.MONITOR)

    def selected(self) -> Any:
        return None


class Under(Front):
    """A screen behind with a text under its cursor."""

    def selected(self) -> Any:
        return email(7)


@pytest.mark.parametrize(
    ("stack", "draft", "row", "task"),
    [
        ((Front,), None, None, None),
        ((Under, Front), SimpleNamespace(task="drafted"), email(7), "drafted"),
        ((), None, None, None),
    ],
    ids=count(),
)
def test_messages_are_of_the_text_under_the_cursor_here_or_behind(stack: Any, draft: Any, row: Any, task: Any) -> None:
    """By the draft of the screen in sight, where it has one."""
    views, app = going(*stack)
    for each in app.screen_stack:  # type: ignore[attr-defined]
        each.drafted = draft
    views.do_messages()
    window = app.windows[0][0]
    assert (app.told, window._row, window._draft) == (["MessagesScreen"], row, task)


def test_help_and_guide_are_about_the_screen_in_sight() -> None:
    """The guide is about the screen that the help explains."""
    views, app = going(Front)
    app.screen_stack[0].drafted = None  # type: ignore[attr-defined]
    views.do_help()
    window = app.windows[0][0]
    assert (app.told, window.asked_from) == (["HelpScreen"], Scope.MONITOR)
