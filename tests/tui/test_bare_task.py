"""What the task's screen, its drafts, trials, messages and windows do, without a console."""

from __future__ import annotations

import subprocess
from contextlib import nullcontext
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from textual.app import SuspendNotSupported

from core.commands.catalog import ActivateTask, Relabel
from core.engine import Draft
from core.llm.task import task_to_toml
from core.model import PACK_AUTO, EmailRecord
from tests.tui.bare import GONE, Noted, Part, Parts, bare, composed, made, texts_of
from tests.tui.conftest import toned
from tests.tui.fakes import NOW, TASK, email, running
from tests.tui.test_bare import TASKED
from tests.tui.test_task import NEW, OLD, old_version
from tests.tui.test_trial import result
from tui.actions import active  # noqa: F401 - it names the keys
from tui.actions.context import Context
from tui.screens.task import drafting, messages, windows
from tui.screens.task.drafting import DraftEditing
from tui.screens.task.dry_run import COLUMNS, AskDryRun, DryRunScreen
from tui.screens.task.messages import MessagesScreen
from tui.screens.task.task import TaskScreen, _counted
from tui.view_state import ViewState
from tui.widgets.panes import task as panes

SNAPSHOT = running(40, 20).snapshot(NOW)
DATA = SimpleNamespace(view_state=ViewState(now=NOW, snapshot=SNAPSHOT), now=NOW, requested=())
UNREAD = SimpleNamespace(view_state=ViewState(now=NOW), now=NOW, requested=())
DRAFT = Draft(task_to_toml(NEW), NEW, "")
BROKEN = Draft("nothing", None, "the draft is no task.")
RECORD = EmailRecord(email(7), "Could you send it?", "raw", (), (), 0)


# -- drafts ---------------------------------------------------------------------------------------------------------------


def editing(**state: Any) -> tuple[Any, Noted]:
    """A screen that edits a draft."""
    app = Noted(**dict(state.pop("answers", ())))
    app.run_path = state.pop("path", Path("run.db"))
    return bare(DraftEditing, app, **{**TASKED, "draft_changed": lambda: app.told.append("changed"), **state}), app


def test_a_draft_is_read_and_shown() -> None:
    """Also that there is none; on a screen that was left it is only kept."""
    screen, app = editing(answers={"draft": DRAFT})
    screen.read_draft()
    assert (screen.draft, app.told) == (DRAFT, ["draft", "changed"])
    left, app = editing(**GONE)
    left._drafted(DRAFT)
    assert (left.draft, app.told) == (DRAFT, [])
    new = made(type("Draft", (DraftEditing,), {"SCOPE": None}), Noted())
    assert (new.draft, new.comparing, new.active_task) == (None, False, None)
    assert (screen.active_task, bare(DraftEditing, app, data=UNREAD).active_task) == (TASK, None)


@pytest.mark.parametrize(
    ("state", "text"),
    [({"draft": DRAFT}, DRAFT.text), ({}, f"text of {TASK.version}"), ({"data": UNREAD}, "")],
    ids=["the draft", "the active version", "nothing"],
)
def test_an_editor_begins_with_the_draft_or_the_active_version(state: Any, text: str) -> None:
    """In a window that says what is wrong with it; what is left there is kept."""
    screen, app = editing(**state, answers={"save_draft": BROKEN})
    assert screen._text() == text
    screen._keep = lambda given: app.told.append(f"keeps {given}")
    screen.draft = replace(BROKEN, text=text) if state.get("draft") else None
    screen.do_edit()
    app.answer(None)
    app.answer("new")
    assert app.told == ["EditTask", "keeps new"]
    assert app.windows[0][0]._error == ("the draft is no task." if state.get("draft") else "")


def test_a_draft_is_kept_as_it_is_also_where_it_is_no_task() -> None:
    """Then it is said; the active version is no draft."""
    screen, app = editing(answers={"save_draft": BROKEN})
    screen._keep(f"text of {TASK.version}")
    assert app.told == []
    screen._keep("nothing")
    assert (screen.draft, app.told) == (
        BROKEN,
        ["save_draft", "changed", "error: the draft is no task. The text is saved as the draft."],
    )
    screen._keep("nothing")
    assert app.told[3:] == ["save_draft", "changed", "error: the draft is no task. The text is saved as the draft."]


@pytest.mark.parametrize(
    ("draft", "pack", "kept"),
    [
        (None, 5, [f"text of {TASK.version} in packs of 5"]),
        (DRAFT, 5, [f"text of {NEW.version} in packs of 5"]),
        (DRAFT, None, []),
        (DRAFT, NEW.pack, []),
    ],
    ids=count(),
)
def test_packs_are_chosen_for_the_draft(draft: Any, pack: Any, kept: Any) -> None:
    """Or for one that begins as the active version."""
    told: list[str] = []
    screen, app = editing(draft=draft, _keep=told.append)
    screen.do_pack()
    app.answer(pack)
    assert (app.told[0], told) == ("ChoosePack", kept)


def test_what_is_wrong_with_an_editor_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """The draft is read again in any case."""
    monkeypatch.setattr(drafting, "run_editor", lambda app, path: f"{path} no editor")
    screen, app = editing(draft=DRAFT, is_current=True, answers={"draft": DRAFT, "draft_path": Path("d.toml")})
    screen.do_editor()
    assert app.told == [
        "save_draft",
        "draft_path",
        "error: d.toml no editor",
        "draft",
        "changed",
        "Nothing was changed in the editor.",
    ]


def test_a_draft_is_activated_after_a_question() -> None:
    """It is on its way then."""
    screen, app = editing(draft=DRAFT)
    sent: list[Any] = []
    app.send = lambda command, what="": sent.append(command)  # type: ignore[method-assign]
    screen.do_enact()
    app.answer(False)
    assert (sent, screen._on_its_way) == ([], "")
    app.answer(True)
    assert (sent, screen._on_its_way) == ([ActivateTask(NEW)], NEW.version)
    window = app.windows[0][0]
    assert (window._question, window._yes, window._no) == (panes.effect(TASK, NEW, SNAPSHOT), "Activate", "Cancel")


def test_a_draft_is_tried_on_so_many_texts() -> None:
    """With what it costs; a window that is left tries nothing."""
    screen, app = editing(draft=DRAFT, answers={"dry_run_cost": "costs"})
    screen.do_dry_run()
    app.answer(None)
    app.answer(7)
    trial = app.windows[1][0]
    assert (app.told, trial._draft, trial._of, trial._count) == (["AskDryRun", "DryRunScreen"], DRAFT, NEW, 7)
    priced: list[Any] = []
    app.windows[0][0]._price(7, priced.append)
    assert (app.told[2:], priced, app.windows[0][0]._item) == (["dry_run_cost"], ["costs"], "email")


def test_a_draft_is_discarded_after_a_question() -> None:
    """The comparison with it ends."""
    screen, app = editing(draft=DRAFT)
    screen.do_discard()
    app.answer(False)
    assert (screen.draft, screen.comparing) == (DRAFT, True)
    app.answer(True)
    assert (screen.draft, screen.comparing, app.told) == (None, False, ["Confirm", "discard_draft", "changed"])
    nowhere, app = editing(draft=DRAFT, path=None)
    nowhere.do_discard()
    app.answer(True)
    assert (nowhere.draft, app.told) == (DRAFT, ["Confirm"])


@pytest.mark.parametrize(
    ("draft", "told"),
    [(None, [f"keeps text of {OLD.version}"]), (DRAFT, ["Confirm", f"keeps text of {OLD.version}"])],
    ids=["none", "a draft"],
)
def test_a_version_becomes_the_draft(draft: Any, told: list[str]) -> None:
    """In place of one after a question."""
    screen, app = editing(draft=draft, selected=old_version, _keep=lambda text: app.told.append(f"keeps {text}"))
    screen.do_take_version()
    if draft:
        app.answer(False)
        app.answer(True)
        assert (
            app.windows[0][0]._question
            == f"Take version {OLD.version[:8]} in place of the draft? The draft's text is deleted."
        )
    assert app.told == told


class Suspended:
    """An application that can give its terminal to an editor, or not."""

    def __init__(self, *, can: bool = True) -> None:
        self.can = can

    def suspend(self) -> Any:
        if not self.can:
            raise SuspendNotSupported
        return nullcontext()


@pytest.mark.parametrize(
    ("environment", "can", "code", "words", "told"),
    [
        ({"VISUAL": "code -w", "EDITOR": "nano"}, True, 0, ["code", "-w", "d.toml"], ""),
        ({"EDITOR": "nano"}, True, 0, ["nano", "d.toml"], ""),
        ({}, True, 0, ["vi", "d.toml"], ""),
        ({"EDITOR": "nano"}, True, 2, ["nano", "d.toml"], "nano ended with code 2. The draft is as it was saved."),
        ({"EDITOR": "nano"}, False, 0, None, "This terminal cannot run an editor. e edits here."),
        ({"EDITOR": 'nano "'}, True, 0, None, 'nano " cannot be started: No closing quotation. Set $EDITOR to another. The draft is unchanged.'),
        ({"EDITOR": "nano"}, True, OSError("no such file"), None, "nano cannot be started: no such file. Set $EDITOR to another. The draft is unchanged."),
    ],
    ids=count(),
)  # fmt: skip
def test_the_editor_is_that_of_the_operator(
    environment: Any, can: bool, code: Any, words: Any, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Why it did not run is told in a sentence."""
    ran: list[Any] = []

    def run(given: list[str], *, check: bool) -> Any:
        if isinstance(code, OSError):
            raise code
        ran.append((given, check))
        return SimpleNamespace(returncode=code)

    for name in ("VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(subprocess, "run", run)
    said = drafting.run_editor(Suspended(can=can), Path("d.toml"))  # type: ignore[arg-type]
    assert (said.replace("E edits", "e edits"), ran) == (told, [(words, False)] if words else [])


# -- the screen -----------------------------------------------------------------------------------------------------------

VERSIONS = (old_version(active=True), old_version())


class Rowed:
    """Rows of versions."""

    def __init__(self, selected: Any = None) -> None:
        self.cursor, self.border_title, self.rows = 3, "", []
        self.selected = None if selected is None else SimpleNamespace(value=selected)

    def set_rows(self, rows: Any) -> None:
        self.rows = rows


def tasked(**state: Any) -> tuple[Any, Noted, Parts]:
    """The screen of the task on two versions."""
    app = Noted(**dict(state.pop("answers", ())))
    app.run_path = state.pop("path", Path("run.db"))
    parts = Parts(state.pop("width", 42))
    app.context = lambda scope, selected: Context(scope, SNAPSHOT, selected)  # type: ignore[attr-defined]
    usual = {
        **TASKED, "draft_changed": None, "_rows": Rowed(), "_versions": VERSIONS, "_older": {"1": 7, "0": 3}, "query_one": parts, "comparing": False,
        "hint": lambda: app.told.append("hint"), "call_after_refresh": lambda call: app.told.append(f"later {call.__name__}"),
        "_reading": False, "_read_at": 0.0, "_seen": (), "_pause_s": 2.0, "context": lambda: SimpleNamespace(pending=frozenset()),
    }  # fmt: skip
    usual.pop("draft_changed")
    return bare(TaskScreen, app, **{**usual, **state}), app, parts


def test_a_new_screen_of_the_task_reads_versions_and_draft() -> None:
    """Its panes have their titles from the beginning."""
    app = Noted()
    parts = Parts()
    screen = made(
        TaskScreen,
        app,
        query_one=parts,
        changed=lambda _: app.told.append("reads"),
        read_draft=lambda _: app.told.append("draft"),
        call_after_refresh=lambda _, call: app.told.append(call.__name__),
    )
    screen.on_mount()
    screen.on_resize()
    screen.comparing = True
    screen.on_resize()
    assert app.told == ["receives data", "reads", "draft", "_draw", "_draw", "_go_to_difference"]
    assert [parts.of[f"#task-{name}"].border_title for name in ("settings", "labels", "rubric")] == [
        "Settings",
        "Labels",
        "Rubric",
    ]
    assert (screen.focused_by_test, screen._pause_s, screen._reading) == ([screen._rows], 2.0, False)
    assert [each.id for each in composed(screen) if each.id] == [
        "draft",
        "task-panes",
        "task-side",
        "task-settings",
        "task-labels",
        "task-rubric",
        "versions",
    ]


def test_versions_are_read_at_once_and_counted_beside_the_screen() -> None:
    """Not on a screen that was left meanwhile."""
    told: list[Any] = []
    view = SimpleNamespace(versions=lambda counted=True: ("counted", counted), older_labels=lambda: {"1": 7})
    screen, app, _ = tasked(_read=told.append, _counted=told.append)
    app.view = view
    screen.changed()
    assert (told[0], told[1][:2]) == (("counted", False), (("counted", True), {"1": 7}))
    assert (screen._reading, screen._read_at) == (True, NOW)
    assert _counted(view)[2] >= 0.0  # type: ignore[arg-type]
    left, app, _ = tasked(_read=lambda _: None, _counted=told.append, is_attached=False, data=None)
    app.view = view
    left.changed()
    assert (told[2:], left._read_at) == ([None], 0.0)
    screen._uncounted("no file")
    assert screen._reading is False


def test_what_versions_did_is_drawn_when_it_is_counted() -> None:
    """A draft that was activated is discarded with each new picture."""
    screen, app, _ = tasked(_draw=lambda: app.told.append("draws"), _versions=(), _older={})
    screen._counted((VERSIONS, {"1": 3}, 0.0))
    assert (screen._versions, screen._older, app.told) == (VERSIONS, {"1": 3}, ["draws", "hint"])
    screen, app, _ = tasked(
        changed=lambda: None,
        discard_activated=lambda: app.told.append("discards"),
        _draw_draft=lambda: app.told.append("line"),
    )
    screen.show(SimpleNamespace(view_state=SimpleNamespace(snapshot=SNAPSHOT), now=NOW))
    assert (app.told, screen._seen) == (["discards", "line"], (TASK, SNAPSHOT.attempts, SNAPSHOT.labeled))
    screen, app, _ = tasked(_draw=lambda: app.told.append("draws"))
    screen.draft_changed()
    screen.on_rows_moved()
    assert app.told == ["draws", "hint", "draws", "hint"]


def test_the_version_under_the_cursor_is_shown_in_its_panes() -> None:
    """Settings and labels in the width of their panes; labels that it does not have only for the active one."""
    shown = []
    for selected in (None, VERSIONS[1]):
        screen, _, parts = tasked(
            _rows=Rowed(selected),
            data=SimpleNamespace(
                view_state=ViewState(now=NOW, snapshot=replace(SNAPSHOT, labels={"1": 3, "x": 2})),
                now=NOW,
                requested=(),
            ),
        )
        screen._draw()
        shown.append("x" in parts.of["#task-labels Static"].shown.split())
        assert (len(screen._rows.rows), screen._rows.border_title) == (2, "Versions [2]")
        assert (parts.of["#task-settings"].border_title, parts.of["#task-labels"].border_title) == (
            "Settings",
            "Labels [2]",
        )
        assert parts.of["#task-settings Static"].shown == panes.settings_lines(OLD, 40).plain
        assert parts.of["#task-rubric Static"].shown == panes.rubric_lines(OLD).plain
        assert screen.selected() is (selected or VERSIONS[0])
    assert shown == [True, False]
    narrow, _, parts = tasked(width=8)
    assert (narrow._room("settings"), tasked(width=42)[0]._room("rubric")) == (12, 40)
    empty, _, parts = tasked(_versions=())
    empty._draw()
    assert (empty.selected(), "#task-settings Static" in parts.of) == (None, False)


@pytest.mark.parametrize(
    ("state", "title"),
    [
        ({}, f"Rubric · {panes.version_title(VERSIONS[0])} · {OLD.name}"),
        ({"comparing": True}, f"Rubric · {panes.version_title(VERSIONS[0])} · {OLD.name}"),
        ({"comparing": True, "draft": BROKEN}, f"Rubric · {panes.version_title(VERSIONS[0])} · {OLD.name}"),
        ({"draft": DRAFT}, f"Rubric · {panes.version_title(VERSIONS[0])} · {OLD.name}"),
        ({"comparing": True, "draft": DRAFT, "data": UNREAD}, f"Rubric · {panes.version_title(VERSIONS[0])} · {OLD.name}"),
        ({"comparing": True, "draft": DRAFT}, "Draft against the active version · 1 line differs"),
        ({"comparing": True, "draft": replace(DRAFT, task=TASK)}, "Draft against the active version · 0 lines differ"),
    ],
    ids=count(),
)  # fmt: skip
def test_the_rubric_is_shown_or_compared_with_the_draft(state: Any, title: str) -> None:
    """Where there is a draft that is a task."""
    screen, _, parts = tasked(**state)
    screen._draw_rubric(VERSIONS[0])
    assert parts.of["#task-rubric"].border_title == title
    long, _, parts = tasked()
    long._draw_rubric(replace(VERSIONS[0], task=replace(OLD, name="n" * 60)))
    assert parts.of["#task-rubric"].border_title.endswith(f" · {'n' * 39}…")


@pytest.mark.parametrize(
    ("data", "pending", "told"), [(DATA, (), True), (DATA, ("task",), True), (UNREAD, (), False)], ids=count()
)
def test_the_line_of_the_draft_says_what_older_versions_labeled(data: Any, pending: Any, told: bool) -> None:
    """Once the active version is known."""
    screen, _, parts = tasked(data=data, draft=DRAFT, context=lambda: SimpleNamespace(pending=frozenset(pending)))
    screen._draw_draft()
    wanted = panes.draft_line(DRAFT, TASK, requested=bool(pending), older=10)
    assert ("#draft" in parts.of, parts.of["#draft"].content if told else None) == (told, wanted if told else None)


@pytest.mark.parametrize(("comparing", "line", "top"), [(True, 5, 4), (True, 0, 0), (False, 5, 0)], ids=count())
def test_the_comparison_begins_at_the_first_difference(
    comparing: bool, line: int, top: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the line before it in sight."""
    monkeypatch.setattr(
        panes, "rows_before_difference", lambda told, width: line if (told, width) == ("told", 40) else -1
    )
    screen, app, parts = tasked(comparing=not comparing, _draw=lambda: app.told.append("draws"))
    parts("#task-rubric Static").content = "told"
    screen.do_compare()
    assert (screen.comparing, app.told) == (comparing, ["draws", "later _go_to_difference"])
    screen._go_to_difference()
    assert parts.of["#task-rubric"].done == [("scroll", top)]


def test_what_older_versions_labeled_is_asked_again_with_its_price() -> None:
    """All of it, or one label's; nothing before the task is known."""
    screen, app, _ = tasked(answers={"older_prices": "prices"})
    sent: list[Any] = []
    shown: list[Any] = []
    app.send = lambda command, what="": sent.append(command)  # type: ignore[method-assign]
    app.push_screen = lambda window, answered: (
        app.windows.append((window, answered)),
        setattr(window, "show_prices", shown.append),
    )  # type: ignore[method-assign]
    screen.do_ask_again()
    for answer in (None, (None,), ("1",)):
        app.answer(answer)
    assert (sent, shown, app.told) == ([Relabel(None), Relabel("1")], ["prices"], ["older_prices"])
    assert (app.windows[0][0]._older, app.windows[0][0]._of) == ({"1": 7, "0": 3}, TASK)
    nowhere, app, _ = tasked(path=None)
    nowhere.do_ask_again()
    assert app.told == ["AskAgain"]
    unread, app, _ = tasked(data=UNREAD)
    unread.do_ask_again()
    assert app.told == []


def test_the_context_of_the_task_has_its_draft_and_older_labels() -> None:
    """They decide on its keys."""
    app = Noted()
    app.context = lambda scope, selected: Context(scope, SNAPSHOT, selected)  # type: ignore[attr-defined]
    screen = made(TaskScreen, app)
    screen.draft, screen._older = DRAFT, {"1": 7, "0": 3}
    assert (screen.context().draft, screen.context().older_labels) == (DRAFT, 10)


# -- trials -----------------------------------------------------------------------------------------------------------------


def asking(value: str, **state: Any) -> tuple[Any, list[Any]]:
    """The window that asks on how many texts to try, and what it said."""
    said: list[Any] = []
    priced: list[Any] = []
    window = made(
        AskDryRun, Noted(), lambda count, then: priced.append((count, then)), "mail", query_one=Parts(), **state
    )
    type(window).query_one = lambda *_: Part(value=value)
    window._refusal = SimpleNamespace(say=lambda text, tone="": said.append((tone, text.split(" tokens")[0])))
    window.priced = priced
    return window, said


@pytest.mark.parametrize(
    ("typed", "count_"),
    [("1", 1), ("200", 200), ("201", None), ("0", None), ("-3", None), ("99999", None), ("", None), ("x", None)],
)
def test_a_trial_is_of_a_number_of_texts(typed: str, count_: Any) -> None:
    """Its cost is asked for while it is typed; enter takes a number that can be."""
    window, said = asking(typed)
    window.on_mount()
    window.on_input_submitted()
    window.action_leave()
    assert window.app.told == [*([f"ends with {count_}"] if count_ else []), "ends with None"]
    assert ([each[0] for each in window.priced], said) == (
        ([count_], []) if count_ else ([], [("$waiting", "A number from 1 to 200.")])
    )


def test_a_cost_is_shown_while_it_is_that_of_the_number() -> None:
    """Not for another one, and not in a window that was left."""
    window, said = asking("7")
    window.on_input_changed()
    cost = SimpleNamespace(emails=7, keys=1, tokens=2_800, money=None, learned=True)
    window.priced[0][1](cost)
    assert said == [("$foreground", "About 2,800")]
    type(window).query_one = lambda *_: Part(value="8")
    window.priced[0][1](cost)
    type(window).query_one = lambda *_: Part(value="7")
    type(window).is_mounted = False
    window.priced[0][1](cost)
    assert len(said) == 1
    assert texts_of(made(AskDryRun, Noted(), None)) == [
        "<bold $bright>Try the draft on a sample",
        "How many (1 to 200); labeled ones first, always the same",
        "[None: 10]",
        "",
        "<bold $accent>enter<> try  <bold $accent>esc<> cancel",
    ]


class Trial:
    """A trial with results."""

    def __init__(self, told: list[str], *results: Any) -> None:
        self.told, self.given = told, results

    def results(self) -> Any:
        self.told.append("follows")
        return self.given

    def cancel(self) -> None:
        self.told.append("cancelled")


def trying(app: Noted, **state: Any) -> Any:
    """A trial of a draft on seven texts."""
    usual = {"_draw": lambda _: app.told.append("draws"), "query_one": Parts(), **state}
    return made(DryRunScreen, app, DRAFT, NEW, 7, **usual)


@pytest.mark.parametrize(
    ("left", "told"), [(False, ["follows", "posts 3", "draws"]), (True, ["cancelled", "follows", "posts 3", "draws"])]
)
def test_results_of_a_trial_are_posted_as_they_come(left: bool, told: list[str]) -> None:
    """A screen that was left before it began cancels it."""
    app = Noted()
    app.post_message = lambda message: app.told.append(f"posts {message.result}")  # type: ignore[attr-defined]
    screen = trying(app)
    trial = Trial(app.told, 3)
    app.engine = SimpleNamespace(dry_run=lambda path, task, count: trial if (task, count) == (NEW, 7) else None)  # type: ignore[assignment]
    screen._left = left
    screen.on_mount()
    assert (app.told[:2], app.told[2:], screen._ended, screen._trial) == (
        ["receives data", "draws"],
        told,
        "done",
        trial,
    )
    assert (screen.focused_by_test, screen._rows.empty) == ([screen._rows], "\n No answer.")
    nowhere = trying(Noted(path=None))
    nowhere.on_mount()
    assert (nowhere._trial, nowhere._ended) == (None, "")


@pytest.mark.parametrize(("ended", "told"), [("", ["cancelled"]), ("done", [])])
def test_a_trial_is_cancelled_with_its_screen(ended: str, told: list[str]) -> None:
    """Where it goes on still."""
    app = Noted()
    screen = trying(app)
    screen.on_unmount()
    screen._trial, screen._ended, screen._left = Trial(app.told), ended, False
    screen.on_unmount()
    assert (app.told, screen._left) == (told, True)


def test_a_trial_that_fails_says_so_while_it_is_watched() -> None:
    """No label was saved by it."""
    app = Noted()
    screen = trying(app)
    screen._failed("no key.")
    assert (screen._ended, app.told) == ("ended", ["draws", "error: no key. No label was saved."])
    screen._left = True
    screen._failed("no key.")
    assert app.told[2:] == ["draws"]
    gone = trying(Noted(), is_mounted=False)
    gone._end("done")
    assert (gone._ended, gone._rows.empty, gone.app.told) == ("done", "\n loading the validator …", [])


def test_each_result_of_a_trial_is_shown_with_its_text() -> None:
    """Its row can be opened once the text was read."""
    app = Noted(view=SimpleNamespace(rows=lambda ids: [email(n) for n in ids]))
    app.context = lambda scope, selected: Context(scope, SNAPSHOT, selected)  # type: ignore[attr-defined]
    screen = trying(app)
    one = result(3, "1", "1")
    screen._came(one)
    assert (screen._results, screen._known, app.told) == ([one], {3: email(3)}, ["draws", "draws"])
    gone = trying(Noted(), is_mounted=False)
    gone._came(one)
    assert gone._results == []
    parts = Parts()
    drawn = made(DryRunScreen, app, DRAFT, NEW, 7, query_one=parts, hint=lambda _: app.told.append("hint"))
    drawn._results, drawn._known = [one], {3: email(3)}
    drawn._draw()
    assert (drawn.selected(), parts.of["#draft"].shown.splitlines()[1]) == (
        email(3),
        "running: 1 of 7 · 1 of 1 as labeled now (100 %) · 400 tokens",
    )
    drawn.on_rows_moved()
    drawn.on_rows_chosen()
    drawn.do_open()
    assert app.told[2:] == ["hint", "hint", "performs open", "RecordScreen"]
    assert (app.windows[0][0]._row, drawn.context().draft) == (email(3), DRAFT)
    drawn._known = {}
    drawn._results = []
    drawn._draw()
    drawn.do_open()
    assert (drawn.selected(), len(app.windows)) == (None, 1)
    untouched = Parts()
    made(DryRunScreen, app, DRAFT, NEW, 7, query_one=untouched, is_mounted=False)._draw()
    assert untouched.of == {}
    assert [(each.width, each.from_width) for each in COLUMNS] == [(14, 0), (7, 90), (14, 0), (5, 0), (7, 0), (0, 0)]


# -- messages ---------------------------------------------------------------------------------------------------------------


def test_messages_are_read_when_they_are_opened() -> None:
    """The focus is on them."""
    app = Noted()
    parts = Parts()
    screen = made(
        MessagesScreen, app, email(7), None, query_one=parts, _turn=lambda _, step: app.told.append(f"turns {step}")
    )
    screen.on_mount()
    screen.changed()
    screen.do_next()
    screen.do_previous()
    assert app.told == ["receives data", "turns 0", "turns 0", "turns 1", "turns -1"]
    assert (screen.focused_by_test, parts.of["#messages"].done, screen.selected()) == (
        [parts.of["#messages"]],
        [("scroll", 0)] * 2,
        email(7),
    )


@pytest.mark.parametrize(("again", "done"), [(False, ["end"]), (True, [])])
def test_a_follow_up_question_is_read_from_its_end(again: bool, done: list[str]) -> None:
    """The first one stays where it is."""
    parts = Parts()
    screen = bare(MessagesScreen, Noted(), query_one=parts, _again=again, _draw=lambda: None)
    screen.do_again_form()
    assert (screen._again, parts.of["#messages"].done if parts.of else []) == (not again, done)


@pytest.mark.parametrize(
    ("row", "step", "asked"),
    [(email(7), 0, [("record", 7)]), (email(7), 2, [("emails", 9, 1), ("record", 9)]), (email(1), -2, []), (email(0), -1, []), (None, 0, [("emails", 0, 1), ("record", 0)])],
    ids=count(),
)  # fmt: skip
def test_messages_are_those_of_a_place_in_work_order(row: Any, step: int, asked: Any) -> None:
    """None before the first."""
    told: list[Any] = []
    view = SimpleNamespace(
        record=lambda n: told.append(("record", n)) or replace(RECORD, row=email(n)),
        emails=lambda state, offset, limit: told.append(("emails", offset, limit)) or [email(offset)],
    )
    app = Noted(view=view)
    screen = bare(
        MessagesScreen,
        app,
        _row=row,
        _record=None,
        _draw=lambda: app.told.append("draws"),
        hint=lambda: app.told.append("hint"),
    )
    screen._turn(step)
    assert told == asked
    assert app.told == (["draws", "hint"] if asked else ["This is the first one."])
    left = bare(MessagesScreen, app, _row=email(7), _record=None, **GONE)
    left._turn(0)
    assert left._record is None


def test_messages_are_counted_and_shown_one_below_the_other() -> None:
    """With the other fields of the request; the name of a text is cut."""
    parts = Parts()
    record = replace(RECORD, row=replace(email(7), subject="s" * 200, position=1_200))
    bare(MessagesScreen, Noted(), query_one=parts, _record=record, _draft=None, _again=False, data=DATA)._draw()
    rows = [toned(each) for each in parts.of["#messages Static"].content.split("\n", allow_blank=True)]
    assert (rows[0], rows[1]) == (
        "<$quiet>1,200 <bold $bright>sssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss…",
        "<$quiet>2 messages, 764 characters",
    )
    assert [row for row in rows if row.startswith("<bold $accent>──")] == [
        "<bold $accent>── system <$quiet>729 characters",
        "<bold $accent>── user <$quiet>35 characters",
        "<bold $accent>── beside the messages, unless the server refuses it <$quiet>109 characters",
    ]
    assert messages._message("h" * 80, "x")[1].plain == f"── {'h' * 59}… 1 characters"


def test_a_text_that_shares_a_call_is_shown_in_its_pack(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it was asked, or with those that are next in line."""
    monkeypatch.setattr(messages, "in_pack", lambda task, current, record: True)
    monkeypatch.setattr(messages, "first_question", lambda *_: ())
    monkeypatch.setattr(messages, "fields_sent", lambda task, size: f"fields of {size}")
    titles = []
    for attempts in ((), (SimpleNamespace(pack=None),), (SimpleNamespace(pack=None), SimpleNamespace(pack=3))):
        parts = Parts()
        record = replace(RECORD, attempts=attempts, pack_texts=("a", "b", "c"))
        bare(MessagesScreen, Noted(), query_one=parts, _record=record, _draft=None, _again=False, data=DATA)._draw()
        titles.append(parts.of["#messages"].border_title)
        assert "fields of 3" in parts.of["#messages Static"].shown
    assert titles == ["Messages · active version 3f9ac2d1 · pack of 3, with those next in line"] * 2 + [
        "Messages · active version 3f9ac2d1 · pack of 3, as asked"
    ]


# -- windows ------------------------------------------------------------------------------------------------------------------


def test_a_draft_is_left_as_it_is_or_once_it_is_a_task() -> None:
    """What is wrong is told in its window."""
    app = Noted()
    area = Part()
    window = made(
        windows.EditTask, app, "a \x1b text", "it is no TOML (at line 3, column 7)", query_one=lambda *_: area
    )
    said: list[str] = []
    window._refusal = SimpleNamespace(say=said.append)
    window.on_mount()
    assert (window._text, said, area.done) == ("a \\u001b text", ["it is no TOML (at line 3, column 7)"], [(2, 6)])
    area.text = "nothing"
    window.action_check()
    assert (len(said), app.told) == (2, [])
    area.text = task_to_toml(NEW)
    window.action_check()
    window.action_leave()
    assert app.told == [f"ends with {area.text!r}"] * 2
    bare(windows.EditTask, app, _refusal=window._refusal, query_one=lambda *_: area)._tell("it is no TOML (at line 5)")
    assert area.done[-1] == (4, 0)
    assert texts_of(made(windows.EditTask, app, "text", "")) == [
        "<bold $bright>The draft of the task<$quiet>  TOML; not active before you activate it",
        "",
        "<bold $accent>^s<> check and save  <bold $accent>esc<> save as it is  <bold $accent>^z ^y<> undo, redo",
    ]


@pytest.mark.parametrize(("pack", "chosen"), [(1, "1 (as now)"), (PACK_AUTO, "auto (as now)"), (7, "7 (as now)")])
def test_a_size_of_packs_is_chosen_beginning_with_the_present_one(pack: int, chosen: str) -> None:
    """Also one that is not offered."""
    window = made(windows.ChoosePack, Noted(), replace(TASK, pack=pack))
    window.on_mount()
    assert (window._rows.selected.cells[0][0], window._rows.selected.value) == (chosen, pack)
    names = [window._rows.row_at(n).cells[0][0] for n in range(window._rows.count)]
    assert [name for name in names if "as now" in name] == [chosen]
    assert [each.width for each in window._rows._columns] == [16, 0]
    assert texts_of(window)[0::2] == [
        "<bold $bright>How many texts share a call",
        "<bold $accent>enter<> into the draft  <bold $accent>esc<> cancel",
    ]


def test_texts_of_older_versions_are_chosen_with_their_price() -> None:
    """All of them first; prices come later, while the window is there."""
    app = Noted()
    window = made(windows.AskAgain, app, {"1": 7, "0": 3}, TASK)
    window.on_mount()
    before = [window._rows.row_at(n).cells for n in range(window._rows.count)]
    assert [cells[0][0] for cells in before] == ["every label", "1 work          ", "0 personal      "]
    assert [(each.width, each.right) for each in window._rows._columns] == [
        (16, False),
        (8, True),
        (11, True),
        (0, False),
    ]
    window.on_rows_chosen()
    window.action_leave()
    empty = made(windows.AskAgain, app, {}, TASK)
    empty.action_choose()
    assert app.told == ["ends with (None,)", "ends with None", "ends with None"]
    assert texts_of(window) == [
        "<bold $bright>Re-label with the active version",
        "They are requeued. Earlier labels stay in the history; manual labels are not changed. Changed: of those that both versions labeled, such as a first few, how many got another label.",
        "<bold $accent>enter<> re-label these  <bold $accent>esc<> cancel",
    ]
    type(window).is_mounted = False
    window.show_prices({})
    assert [window._rows.row_at(n).cells for n in range(window._rows.count)] == before


def test_the_cursor_goes_to_the_version_that_became_active_and_no_other() -> None:
    """Of several versions it is the first."""
    other = replace(VERSIONS[0], task=NEW)
    screen, _, _ = tasked(_rows=Rowed(other), _versions=(other, VERSIONS[1]))
    screen._draw()
    assert screen._rows.cursor == 3
    screen._versions = (VERSIONS[0], other)
    screen._draw()
    assert screen._rows.cursor == 0


def test_prices_are_shown_in_the_window_once_they_are_known() -> None:
    """In place of a sign that they are being computed."""
    window = made(windows.AskAgain, Noted(), {"1": 7}, TASK)
    window.on_mount()
    before = window._rows.row_at(1).cells[-1][0]
    window.show_prices({})
    assert (before, window._rows.row_at(1).cells[-1][0]) == ("…", "")
