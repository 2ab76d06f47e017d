"""What keys and answers do on a screen where something is missing, was answered before, or belongs to another one."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.engine import WORK_ORDER, Draft, Filter, NewRunRequest, Order
from core.llm.task import task_to_toml
from core.model import EmailRecord, EmailState, KeyState, RunState, RunSummary
from core.quality.session import Phase, Session
from core.sources.preview import Looked
from tests.tui.bare import GONE, Noted, bare
from tests.tui.fakes import KEYS, NOW, TASK, email, running
from tests.tui.test_task import NEW
from tui.actions import active  # noqa: F401 - it names the keys
from tui.screens.emails.list import MOST_IN_A_COMMAND, EmailsScreen
from tui.screens.emails.listing import READING, Listing
from tui.screens.emails.record import RecordScreen, reading
from tui.screens.keys.record import KeyRecordScreen
from tui.screens.new_run import columns, forecast
from tui.screens.new_run.screen import NewRunScreen
from tui.screens.new_run.task import TaskStep
from tui.screens.quality.compare import CompareScreen
from tui.screens.quality.quality import QualityScreen
from tui.screens.quality.review import ReviewScreen
from tui.screens.runs import list as list_of_runs
from tui.screens.task.drafting import DraftEditing
from tui.widgets.lists.emails import KINDS

SNAPSHOT = running(40, 20).snapshot(NOW)
DATA = SimpleNamespace(view_state=SimpleNamespace(snapshot=SNAPSHOT), now=NOW, requested=())
UNREAD = SimpleNamespace(view_state=SimpleNamespace(snapshot=None), now=NOW, requested=())
DRAFT = Draft(task_to_toml(NEW), NEW, "")
BROKEN = Draft("nothing", None, "the draft is no task.")


def session(phase: Phase = Phase.FIRST) -> Session:
    """A review of three items."""
    return Session("ana", 1, phase, [3, 4, 5])


def told_by(of: type, act: str, *given: Any, path: Path | None = Path("run.db"), read_only: bool = False, view: Any = None,
            answers: Any = (), **state: Any) -> list[str]:  # fmt: skip
    """What the console was asked for by that method of a screen in that state."""
    app = Noted(path=path, read_only=read_only, view=view, **dict(answers))
    getattr(bare(of, app, **state), act)(*given)
    return app.told


REVIEW = {"_annotator": "ana", "_sent": None, "_note": "", "_shown_at": NOW, "_result": "before", "_last": ""}
STILL = {**REVIEW, "_turn": lambda: None, "asked_task": lambda: TASK}


@pytest.mark.parametrize(
    ("act", "given", "state", "told"),
    [
        ("_answer", ("1",), {"_session": None}, []),
        ("_answer", ("1",), {"_session": session(), "path": None}, []),
        ("_answer", ("1",), {"_session": Session("ana", 1, Phase.FIRST, [])}, []),
        ("_answer", ("1",), {"_session": session(), "read_only": True},
         ["warning: This console is read-only: it keeps no answer."]),
        ("_answer", ("1",), {"_session": session()}, ["send"]),
        ("do_withdraw", (), {"_session": None}, ["warning: This is the beginning of the batch: nothing to take back."]),
        ("do_withdraw", (), {"_session": session(), "path": None},
         ["warning: This is the beginning of the batch: nothing to take back."]),
        ("do_withdraw", (), {"_session": session()}, ["warning: This is the beginning of the batch: nothing to take back."]),
        ("_plan", (), {"_session": None}, []),
        ("_plan", (), {"_session": session(), "path": None}, []),
        ("_reveal", (), {"_session": None}, []),
        ("_reveal", (), {"_session": session(), "path": None}, []),
        ("_planned", (("audit", ()),), {"_session": None}, []),
        ("_planned", (("audit", ()),), {"_session": session()}, []),
        ("_find_label", (TASK,), {"current": None}, []),
        ("_find_label", (TASK,), {"current": "item"}, ["FindLabel"]),
        ("do_note", (), {"current": None}, []),
        ("do_note", (), {"current": "item"}, ["AskLine"]),
        ("_load", (), {"path": None}, []),
    ],
    ids=count(),
)  # fmt: skip
def test_a_review_without_an_item_takes_no_answer(act: str, given: Any, state: dict[str, Any], told: list[str]) -> None:
    """Nor before it was read, without a run, or where the console is read-only."""
    assert told_by(ReviewScreen, act, *given, **{**STILL, **state}) == told


def test_an_answer_is_sent_with_its_note_and_can_be_taken_back() -> None:
    """What was answered last is said, the note is kept with it once, and the result of the batch before is closed."""
    app = Noted()
    going = session()
    screen = bare(ReviewScreen, app, **{**STILL, "_session": going, "_note": "see thread"})
    screen._answer("0")
    assert (screen._last, screen._note, screen._result, going.queue) == ("0 personal", "", None, [4, 5])
    screen._answer(None)
    assert screen._last == "cannot tell"
    screen.do_withdraw()
    assert (screen._last, app.told[:2], app.told[-1]) == ("", ["send", "send"], "send")


ALARMED = SimpleNamespace(
    audit=SimpleNamespace(watches=({"name": "shares", "state": "alarm"},), sample=SimpleNamespace(goal=200))
)
EDGES = {"edge_cases": SimpleNamespace(kinds=[], in_turns=())}


@pytest.mark.parametrize(
    ("act", "given", "state", "told"),
    [
        ("changed", (), {"path": None}, []),
        ("changed", (), {"_reading": True}, []),
        ("do_grow", (), {"_quality": None}, []),
        ("do_grow", (), {"_quality": ALARMED, "_send": lambda command, said: None}, []),
        ("do_suspicious", (), {"path": None, "_quality": ALARMED}, []),
        ("do_suspicious", (), {"_quality": None}, []),
        ("do_suspicious", (), {"_quality": ALARMED, "answers": EDGES}, ["edge_cases", "warning: Nothing casts doubt on a label yet."]),
        ("do_write_report", (), {"path": None}, []),
        ("do_write_report", (), {}, ["write_report", "The report was written to run.quality.html. It holds no text."]),
        ("do_compare_versions", (), {"path": None}, []),
        ("do_settle", (), {"_quality": None}, ["Nothing is left to settle: all that was checked agrees or is settled."]),
        ("do_behind", (), {"_quality": None}, ["warning: Nothing is checked yet: r begins."]),
        ("do_behind", (), {"_quality": None, "_student": (SimpleNamespace(repeated_emails=()), ())},
         ["warning: Nothing is checked yet: r begins."]),
        ("do_behind", (), {"_quality": None, "_student": (SimpleNamespace(repeated_emails=(3,)), ())}, ["BehindFigures"]),
        ("do_disagreements", (), {"_quality": None}, ["warning: Model and people agree on everything checked."]),
        ("do_dismiss", (), {"_quality": None}, ["warning: No alarm stands."]),
        ("do_dismiss", (), {"_quality": ALARMED}, ["AskLine"]),
        ("_send", ("command", "done"), {"path": None}, []),
        ("_send", ("command", "done"), {"changed": lambda: None}, ["send", "done", "hurry"]),
        ("_confirm_window", ("shares", SimpleNamespace(texts=SimpleNamespace(emails=0))), {},
         ["warning: Nothing was labeled since its window began."]),
        ("_read_these", ((), "none"), {}, ["warning: none"]),
    ],
    ids=count(),
)  # fmt: skip
def test_the_screen_of_figures_acts_on_what_is_there(
    act: str, given: Any, state: dict[str, Any], told: list[str]
) -> None:
    """Without a run, figures or an alarm it says so, or does nothing."""
    assert told_by(QualityScreen, act, *given, **{"_reading": False, "_student": None, **state}) == told


def test_figures_are_computed_anew_when_labels_or_commands_changed() -> None:
    """Not for the same ones, and not while they are being computed; a student is trained after 500 labels."""
    asked: list[str] = []
    screen = bare(QualityScreen, Noted(), _seen=None, _reading=False, changed=lambda: asked.append("figures"))
    for labeled, reading_ in ((19, False), (19, False), (20, True), (20, False)):
        screen._reading = reading_
        screen.show(SimpleNamespace(view_state=SimpleNamespace(snapshot=replace(SNAPSHOT, labeled=labeled))))
    assert len(asked) == 2
    screen.show(UNREAD)
    assert len(asked) == 2
    app = Noted(next_generation=None)
    screen = bare(
        QualityScreen, app, _training=False, _trained_at=0, _student=None, _draw=lambda: None, hint=lambda: None
    )
    for labeled in (499, 500, 999, 1_000):
        screen._judged((SimpleNamespace(labeled=labeled), None))
    assert app.told == ["next_generation"] * 2
    screen._training = True
    screen._judged((SimpleNamespace(labeled=5_000), None))
    bare(QualityScreen, app, **GONE)._judged((None, None))
    bare(
        QualityScreen, Noted(path=None), _training=False, _trained_at=0, _draw=lambda: None, hint=lambda: None
    )._judged((SimpleNamespace(labeled=9_000), None))
    assert app.told == ["next_generation"] * 2


TASKED = {"data": DATA, "draft": None, "comparing": True, "_on_its_way": "", "draft_changed": lambda: None}


@pytest.mark.parametrize(
    ("act", "given", "state", "told"),
    [
        ("read_draft", (), {"path": None}, []),
        ("do_enact", (), {}, []),
        ("do_enact", (), {"draft": BROKEN}, []),
        ("do_enact", (), {"draft": DRAFT, "data": UNREAD}, []),
        ("do_enact", (), {"draft": DRAFT, "data": None}, []),
        ("do_enact", (), {"draft": DRAFT}, ["Confirm"]),
        ("do_dry_run", (), {"path": None, "draft": DRAFT}, []),
        ("do_dry_run", (), {}, []),
        ("do_dry_run", (), {"draft": BROKEN}, []),
        ("do_dry_run", (), {"draft": DRAFT}, ["AskDryRun"]),
        ("do_editor", (), {"path": None}, []),
        ("do_editor", (), {"is_current": False}, ["save_draft"]),
        ("_keep", ("new",), {"path": None}, []),
        ("_keep", ("text of 3f9ac2d1e0",), {}, []),
        ("_keep", ("new",), {"answers": {"save_draft": DRAFT}}, ["save_draft"]),
        ("_keep", ("nothing",), {"draft": BROKEN, "answers": {"save_draft": BROKEN}},
         ["save_draft", "error: the draft is no task. The text is saved as the draft."]),
        ("do_pack", (), {"draft": BROKEN}, ["error: The draft is no valid task yet: E corrects it."]),
        ("do_pack", (), {"data": UNREAD}, ["error: The draft is no valid task yet: E corrects it."]),
        ("do_pack", (), {}, ["ChoosePack"]),
        ("do_take_version", (), {"selected": lambda: "a row"}, []),
        ("discard_activated", (), {}, []),
        ("discard_activated", (), {"draft": BROKEN}, []),
    ],
    ids=count(),
)  # fmt: skip
def test_a_draft_is_acted_on_where_it_is_a_task(act: str, given: Any, state: dict[str, Any], told: list[str]) -> None:
    """A text that is no task can be edited; nothing happens without a run, a snapshot, or a change."""
    assert told_by(DraftEditing, act, *given, **{**TASKED, **state}) == told


AS_ACTIVE = Draft("text of 3f9ac2d1e0", TASK, "")


@pytest.mark.parametrize(
    ("state", "gone"),
    [
        ({"draft": AS_ACTIVE}, True),
        ({"draft": AS_ACTIVE, "path": None}, False),
        ({"draft": AS_ACTIVE, "read_only": True}, False),
        ({"draft": replace(AS_ACTIVE, text="# a remark")}, False),
        ({"draft": replace(AS_ACTIVE, text="# a remark"), "_on_its_way": TASK.version}, True),
        ({"draft": Draft("text of ", NEW, ""), "_on_its_way": NEW.version}, False),
        ({"draft": AS_ACTIVE, "data": UNREAD}, False),
    ],
    ids=count(),
)
def test_a_draft_that_is_active_now_is_discarded(state: dict[str, Any], gone: bool) -> None:
    """One that says the same in other words only where it was just activated; a read-only console changes nothing."""
    assert (told_by(DraftEditing, "discard_activated", **{**TASKED, **state}) == ["discard_draft"]) is gone


@pytest.mark.parametrize(("pack", "told"), [(None, []), (TASK.pack, []), (5, ["save_draft"])])
def test_another_size_of_packs_becomes_a_draft(pack: int | None, told: list[str]) -> None:
    """Not the one that the task has."""
    app = Noted(save_draft=DRAFT)
    bare(DraftEditing, app, **TASKED).do_pack()
    app.answer(pack)
    assert app.told[1:] == told


@pytest.mark.parametrize(
    ("came_back", "told"),
    [
        (None, []),
        (DRAFT, []),
        (BROKEN, ["error: the draft is no task. The text is saved as the draft."]),
        (AS_ACTIVE, ["Nothing was changed in the editor."]),
    ],
    ids=["gone", "changed", "broken", "as before"],
)
def test_what_came_back_from_the_editor_is_told(
    came_back: Draft | None, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is wrong with it, or that nothing was changed."""
    monkeypatch.setattr("tui.screens.task.drafting.run_editor", lambda *_: "")
    given = {**TASKED, "is_current": True, "_drafted": lambda _: None, "answers": {"draft": came_back}}
    assert told_by(DraftEditing, "do_editor", **given) == ["save_draft", "draft_path", "draft", *told]


RUN = RunSummary("enron", "/runs/enron.db", RunState.RUNNING, 40, 20, 3, NOW, NOW - 9.0, 4_200_000)
OTHER = replace(RUN, name="other", path="/runs/other.db", state=RunState.PAUSED)


def listed(*runs: RunSummary, **state: Any) -> tuple[Noted, Any]:
    """The list of runs, with the first of them under the cursor."""
    app = Noted()
    app.view_state.runs = runs
    app.settings = SimpleNamespace(runs_dir=Path("/runs"))  # type: ignore[attr-defined]
    shown = {"_named": "", "_archived": False, "_copying": "", "_compared": "", "_held": [], "_order": "last changed",
             "selected": lambda: runs[0] if runs else None, "receive": lambda _: None, "is_current": True}  # fmt: skip
    return app, bare(list_of_runs.RunsScreen, app, **{**shown, **state})


@pytest.mark.parametrize(
    ("runs", "state", "said"),
    [
        ((), {}, "0 runs: no run yet · by last changed · in /runs"),
        ((RUN, OTHER), {}, "2 runs: 1 running · 1 paused · by last changed · in /runs"),
        ((replace(RUN, state=RunState.WAITING), RUN), {}, "2 runs: 2 running · by last changed · in /runs"),
        ((replace(RUN, state=RunState.DONE),), {}, "1 run: none running · by last changed · in /runs"),
        ((RUN, replace(OTHER, archived=True)), {"_archived": True}, "1 run: archived · A restores one · H or esc shows the others"),
        ((RUN, OTHER), {"_named": "oth"}, "2 runs: 1 named oth · by last changed · esc shows all"),
        ((RUN,), {"_copying": "copying to x …", "_named": "o"}, "1 run: copying to x …"),
    ],
    ids=count(),
)  # fmt: skip
def test_the_list_of_runs_says_what_it_shows(runs: tuple[RunSummary, ...], state: dict[str, Any], said: str) -> None:
    """How many, how many of them work, the order, and what narrows it."""
    found = listed(*runs, **state)[1]._state_sentence(runs)
    assert f"{found.word}: {found.sentence}" == said


@pytest.mark.parametrize(
    ("runs", "state", "empty"),
    [
        ((), {}, list_of_runs.EMPTY),
        ((replace(RUN, archived=True),), {}, list_of_runs.ALL_ARCHIVED),
        ((RUN,), {}, list_of_runs.EMPTY),
        ((RUN,), {"_archived": True}, list_of_runs.NONE_ARCHIVED),
        ((RUN,), {"_archived": True, "_named": "x"}, list_of_runs.NO_MATCH),
    ],
    ids=count(),
)
def test_an_empty_list_of_runs_says_why(runs: tuple[RunSummary, ...], state: dict[str, Any], empty: str) -> None:
    """None is there, none of that name, none in the archive, or all of them are."""
    assert listed(*runs, **state)[1]._when_empty(runs) == empty


def test_two_runs_are_compared_after_both_were_chosen() -> None:
    """The same one twice stays chosen; after the comparison the next choice is a first one again."""
    chosen = [RUN]
    app, screen = listed(RUN, selected=lambda: chosen[0])
    screen.do_compare_runs()
    screen.do_compare_runs()
    chosen[0] = OTHER
    screen.do_compare_runs()
    said = "enron is chosen: C on another run compares both."
    assert app.told == [said, said, "CompareScreen"]
    window = app.windows[0][0]
    assert (str(window._path), str(window._other), screen._compared) == (RUN.path, OTHER.path, "")


@pytest.mark.parametrize(
    ("state", "after", "anew"),
    [
        ({"_named": "x", "_archived": True}, ("", True), 1),
        ({"_archived": True, "_rows": SimpleNamespace(cursor=4)}, ("", False), 1),
        ({}, ("", False), 0),
    ],
    ids=["filter", "archive", "nothing"],
)
def test_back_clears_the_filter_then_leaves_the_archive(
    state: dict[str, Any], after: tuple[str, bool], anew: int
) -> None:
    """One at a time."""
    shown: list[object] = []
    _, screen = listed(RUN, **{**state, "receive": shown.append})
    screen.do_back()
    assert (screen._named, screen._archived, len(shown)) == (*after, anew)


@pytest.mark.parametrize(
    ("path", "opened"), [(None, ["opens new.db"]), (Path("other.db"), [])], ids=["on the list", "in a run"]
)
def test_a_run_that_was_made_is_opened_on_the_list_alone(path: Path | None, opened: list[str]) -> None:
    """Whoever opened another run meanwhile stays there."""
    app, screen = listed(RUN, _held=["x"])
    app.run_path = path
    screen.made(Path("new.db"))
    assert (app.told, screen._held) == (opened, [])


@pytest.mark.parametrize("current", [True, False])
def test_a_copy_gets_a_free_name_and_says_how_to_go_on(current: bool) -> None:
    """Its window is closed where it is still there; what is copied so far is told meanwhile."""
    app, screen = listed(RUN, replace(RUN, name="enron-2"))
    screen.do_copy_run()
    assert app.windows[0][0]._proposed == "enron-3"
    gone: list[object] = []
    window = SimpleNamespace(is_current=current, dismiss=gone.append, refuse=gone.append)
    app.answers["copy_run"] = Path("/runs/enron-3.db")
    screen._copy(SimpleNamespace(name="enron-3"), window)
    assert app.told[1:3] == ["check_copy", "copy_run"]
    assert app.told[3].startswith("enron-3 is created, with nothing labeled: ")
    assert (gone, screen._copying, app.told[-1]) == ([None] * current, "", "hurry")


@pytest.mark.parametrize(
    ("marks", "ids", "looked", "told"),
    [
        ({1}, None, 1.0, "1 off"),
        (set(), None, 1.0, "Choose a kind with f or a filter with / first; M then marks what it finds."),
        (set(), (1, 2), 0.5, "Choose a kind with f or a filter with / first; M then marks what it finds."),
        (set(), (1, 2), 1.0, "2 on"),
        (set(), range(MOST_IN_A_COMMAND), 1.0, f"{MOST_IN_A_COMMAND} on"),
        (set(), range(MOST_IN_A_COMMAND + 1), 1.0, "warning: 50,001 are too many to mark: 50,000 are the most. Filter more."),
    ],
    ids=count(),
)  # fmt: skip
def test_all_that_a_filter_finds_is_marked_once_it_is_known(marks: Any, ids: Any, looked: float, told: str) -> None:
    """All marks are cleared where there are any; very many are refused."""
    app = Noted()
    screen = bare(EmailsScreen, app, _marks=marks, listing=SimpleNamespace(ids=ids, looked=looked),
                  _mark=lambda found, on: app.told.append(f"{len(found)} {'on' if on else 'off'}"))  # fmt: skip
    screen.do_mark_all()
    assert app.told == [told]


@pytest.mark.parametrize(
    ("ids", "looked", "told"),
    [
        (None, 1.0, ("all 40 emails of the run", None)),
        ((1,), 1.0, ("all 1 email of the list", (1,))),
        ((1, 2), 0.9, None),
    ],
    ids=["the run", "found", "being searched"],
)
def test_a_list_names_what_a_command_to_all_of_it_concerns(ids: Any, looked: float, told: Any) -> None:
    """Nothing while it is still searched."""
    listing = SimpleNamespace(ids=ids, looked=looked)
    screen = bare(EmailsScreen, Noted(), listing=listing, _rows=SimpleNamespace(count=40), item="email")
    assert screen.listed() == told


@pytest.mark.parametrize(
    ("state", "done"),
    [
        ({"focused": "record"}, "focus"),
        ({"_marks": {1}}, "unmark"),
        ({"listing": SimpleNamespace(typed=SimpleNamespace(terms=("x",)), kind="kind")}, "kind anew"),
        ({}, "back"),
    ],
    ids=count(),
)
def test_back_goes_from_the_record_to_the_marks_to_the_filter(state: dict[str, Any], done: str) -> None:
    """One at a time, then out of the list."""
    app = Noted()
    usual = {"_rows": "rows", "focused": "rows", "_marks": set(), "set_focus": lambda _: app.told.append("focus"),
             "listing": SimpleNamespace(typed=SimpleNamespace(terms=())), "_mark": lambda _, on: app.told.append("unmark"),
             "_show_anew": lambda kind, _: app.told.append(f"{kind} anew")}  # fmt: skip
    bare(EmailsScreen, app, **{**usual, **state}).do_back()
    assert app.told == [done]


def test_records_are_read_one_after_the_other() -> None:
    """From the first to the last, and no further."""
    rows = [email(n) for n in range(3)]
    neighbor = reading(rows)._neighbor
    walked = [neighbor(step) for step in (-1, 1, 1, 1, -1, -1, -1)]
    assert [None if row is None else row.id for row in walked] == [None, 1, 2, None, 1, 0, None]


PENDING = EmailRecord(email(7), "text", "raw", (), (), 0)


@pytest.mark.parametrize(
    ("record", "seen", "snapshot", "read"),
    [
        (None, -1, SNAPSHOT, []),
        (PENDING, -1, None, []),
        (PENDING, SNAPSHOT.attempts, SNAPSHOT, []),
        (PENDING, -1, SNAPSHOT, ["again"]),
        (replace(PENDING, row=email(7, EmailState.LABELED)), -1, SNAPSHOT, []),
    ],
    ids=["none", "unread", "no new call", "a call", "labeled"],
)
def test_the_record_of_a_pending_text_is_read_again_after_a_call(
    record: Any, seen: int, snapshot: Any, read: list[str]
) -> None:
    """One that is settled stays as it is."""
    asked: list[str] = []
    view = SimpleNamespace(requested=lambda _: None)
    screen = bare(
        RecordScreen, Noted(), _record=record, _attempts_seen=seen, _view=view, changed=lambda: asked.append("again")
    )
    screen.show(SimpleNamespace(view_state=SimpleNamespace(snapshot=snapshot), requested=()))
    assert asked == read


@pytest.mark.parametrize(
    ("state", "shown"),
    [({}, 1), (GONE, 0), ({"_record": PENDING}, 0), ({"_row": email(8)}, 0)],
    ids=["new", "left", "the same", "of another"],
)
def test_a_record_that_arrives_is_shown_where_it_is_wanted(state: dict[str, Any], shown: int) -> None:
    """Not twice, not after the next one was asked for, and not on a screen that was left."""
    drawn: list[object] = []
    usual = {"_record": None, "_row": PENDING.row, "data": None, "hint": lambda: None, "asked_task": lambda: None,
             "_view": SimpleNamespace(show=lambda *given: drawn.append(given))}  # fmt: skip
    bare(RecordScreen, Noted(), **{**usual, **state})._arrived(PENDING)
    assert len(drawn) == shown


class Shown:
    """The rows of a list of emails, and what is done with them."""

    def __init__(self, cursor: int = 0, count: int = 40, selected: Any = None) -> None:
        self.cursor, self.count, self.selected, self.empty = cursor, count, selected, ""
        self.done: list[object] = []

    def set_count(self, count: int, **more: bool) -> None:
        self.count = count
        self.done.append(("count", count, *sorted(name for name, on in more.items() if on)))

    def begin_again(self, count: int, offset: int, rows: list[Any]) -> None:
        self.done.append(("again", count, offset, len(rows)))

    def set_page(self, offset: int, rows: list[Any]) -> None:
        self.done.append(("page", offset, len(rows)))

    def rows_from(self, offset: int) -> tuple[Any, ...]:
        return ()

    def reload_visible(self) -> None:
        self.done.append("reload")

    def refresh(self) -> None:
        self.done.append("refresh")


VIEW = SimpleNamespace(
    count=lambda _: 500, emails=lambda state, offset, limit: [email(n) for n in range(offset, offset + limit)],
    rows=lambda ids: [email(n) for n in ids], failures=lambda: [("no label", 3)],
)  # fmt: skip


def listing(rows: Shown, **state: Any) -> Listing:
    """A list of emails of the run of 500, read by place."""
    app = Noted(view=VIEW)
    app.view_state.snapshot = SNAPSHOT
    app.post_message, app.threaded = None, False  # type: ignore[attr-defined]
    made = Listing(app, rows, lambda row: SimpleNamespace(id=row.id, value=row), lambda: None)  # type: ignore[arg-type, return-value]
    vars(made).update(state)
    return made


@pytest.mark.parametrize(
    ("cursor", "state", "selected", "offset"),
    [
        (450, {}, None, 400),
        (450, {}, email(3), 400),
        (450, {"shown_order": Order("date")}, email(3), 0),
        (450, {"shown_order": Order("date")}, None, 400),
        (199, {}, None, 0),
        (200, {}, None, 200),
    ],
    ids=count(),
)
def test_a_list_that_is_read_again_begins_with_the_page_at_the_cursor(
    cursor: int, state: dict[str, Any], selected: Any, offset: int
) -> None:
    """Or, where it was in another order, with that of the email under it."""
    rows = Shown(cursor, selected=None if selected is None else SimpleNamespace(value=selected))
    listing(rows, **state).read()
    assert rows.done == [("again", 500, offset, 200)]


@pytest.mark.parametrize(
    ("state", "waiting", "stirred"),
    [
        ({}, 0, 0),
        ({"kind": KINDS[1]}, -35, 0),
        ({"ids": array("I", [1, 2]), "read_at_settled": 18}, 38, 2),
        ({"ids": array("I", [1, 2]), "loading": True}, 0, 0),
        ({"ids": array("I", [1, 2]), "looked": 0.9}, 0, 0),
        ({"ids": array("I", [1, 2]), "typed": Filter((SimpleNamespace(),))}, 0, 20),  # type: ignore[arg-type]
    ],
    ids=count(),
)
def test_a_list_counts_what_is_new_once_it_is_whole(state: dict[str, Any], waiting: int, stirred: int) -> None:
    """By kind where nothing is typed; what was done since, where it is sorted or searched."""
    shown = replace(SNAPSHOT, failed=5)
    found = listing(Shown(), **state)
    assert (found.waiting(shown), found.stirred(replace(shown, failed=SNAPSHOT.failed))) == (waiting, stirred)


@pytest.mark.parametrize(
    ("count_", "state", "done"),
    [
        (40, {}, ["reload"]),
        (0, {}, ["read"]),
        (0, {"loading": True}, []),
        (0, {"kind": replace(KINDS[1], name="none", state="human")}, []),
        (0, {"typed": Filter((SimpleNamespace(),))}, []),  # type: ignore[arg-type]
        (40, {"_counts": (SNAPSHOT.settled, SNAPSHOT.failed, SNAPSHOT.skipped, SNAPSHOT.labels, SNAPSHOT.sources)}, []),
    ],
    ids=count(),
)
def test_a_list_follows_the_run_without_moving(count_: int, state: dict[str, Any], done: list[str]) -> None:
    """Rows in sight are read again when something changed; an empty list is read when it has something to hold."""
    rows = Shown(count=count_)
    found = listing(rows, **state)
    found.read = lambda: rows.done.append("read")  # type: ignore[method-assign]
    found.follow(SNAPSHOT)
    assert rows.done == done
    rows.done.clear()
    rows.empty = READING
    found.follow(SNAPSHOT)
    assert rows.done == []


@pytest.mark.parametrize(("order", "done"), [(WORK_ORDER.reversed, [("again", 3, 0, 3)]), (Order("date"), [])])
def test_a_list_that_is_whole_is_turned_without_reading_it_again(order: Order, done: list[Any]) -> None:
    """Any other order is searched for."""
    ids = array("I", [1, 2, 3])
    rows = Shown(2)
    found = listing(rows, ids=ids, _coming=ids)
    found.read = lambda: None  # type: ignore[method-assign]
    found.sort(order)
    assert (rows.done, found.order) == (done, order)
    assert list(found.ids or ()) == ([3, 2, 1] if done else [1, 2, 3])


def test_a_page_of_another_list_is_not_taken() -> None:
    """Rows that come after the list was closed, or shows others, change nothing."""
    taken = {}
    for name, change in {
        "as asked": {},
        "closed": {"_open": False},
        "others": {"ids": array("I", [9])},
        "anew": {"_serial": 7},
    }.items():
        rows = Shown()
        found = listing(rows)
        asked: list[Callable[[], None]] = []
        found._app.poller.ask = lambda question, then, asked=asked: asked.append(lambda: then(question(VIEW)))  # type: ignore[attr-defined]
        found.page(200, 100)
        vars(found).update(change)
        asked[0]()
        taken[name] = rows.done
    assert taken == {"as asked": [("page", 200, 100)], "closed": [], "others": [], "anew": []}


COMMAND = NewRunRequest("mail.csv")
LINES = ("  model     m", "  server    there")


@pytest.mark.parametrize(
    ("command", "found", "state", "drawn"),
    [
        (COMMAND, "it answers", {}, ("kept", 1)),
        (COMMAND, None, {}, (None, 0)),
        (replace(COMMAND, name="x"), "it answers", {}, (None, 0)),
        (COMMAND, "it answers", GONE, (None, 0)),
    ],
    ids=["found", "nothing", "of another run", "left"],
)
def test_where_a_server_answers_is_shown_in_the_forecast(command: Any, found: Any, state: Any, drawn: Any) -> None:
    """In place of the line of the server, while that run is planned."""
    told: list[object] = []
    step = bare(
        forecast.ForecastStep,
        Noted(),
        _planned=COMMAND,
        _lines=LINES,
        _address=None,
        _draw=lambda: told.append(1),
        **state,
    )
    step._show_address(command, ("kept", None if found is None else SimpleNamespace(sentence=found)))
    assert (step._address, len(told)) == drawn
    assert step._lines == (LINES[0], "  server    it answers; the texts go there" if told else LINES[1])


@pytest.mark.parametrize(
    ("keys", "held", "said", "planned"),
    [
        ((), (), "  keys      no key yet: a adds one", 0),
        (KEYS[:1], (), "  keys      1 key of 1 organization · main …main", 1),
        (KEYS[:3], KEYS[:3], "  keys      3 keys of 2 organizations · main …main, spare …pare and 1 more", 0),
        (KEYS[2:], KEYS[:3], "  keys      1 key of 1 organization · lab …xlab", 1),
        ((replace(KEYS[0], alias="no-key"),), KEYS[:1], "  keys      none: this server is asked without one", 0),
    ],
    ids=count(),
)
def test_usable_keys_are_named_in_the_forecast(keys: Any, held: Any, said: str, planned: int) -> None:
    """Two of them by name; another number of keys makes another forecast."""
    told: list[Any] = []
    again: list[object] = []
    step = bare(
        forecast.ForecastStep,
        Noted(),
        _keys=SimpleNamespace(update=told.append),
        _held=held,
        _planned=COMMAND,
        _plan=again.append,
    )
    step._show_keys(keys)
    assert (told[0].plain, len(again)) == (said, planned)
    assert [key.alias for key in step._held] == [key.alias for key in keys if key.state is not KeyState.INVALID]


@pytest.mark.parametrize(
    ("planned", "asked"), [(None, 0), (COMMAND, 0), (replace(COMMAND, base_url="https://x.example"), 2)]
)
def test_keys_of_a_named_server_are_looked_up_when_any_key_changes(planned: Any, asked: int) -> None:
    """Those of the usual server are shown as they are."""
    app = Noted(keys_of=KEYS[:1])
    shown: list[object] = []
    step = bare(forecast.ForecastStep, app, _planned=planned, _keys_asked=None, _show_keys=shown.append)
    for keys in (KEYS, KEYS, (replace(KEYS[0], state=KeyState.DISABLED),)):
        step.show_keys(keys)
    assert (app.told, len(shown)) == (["keys_of"] * asked, asked or 3)


@pytest.mark.parametrize(
    ("way", "held", "address", "taken"),
    [
        (forecast.MAKE, (), None, COMMAND),
        ("start", (), None, None),
        ("start", KEYS, None, COMMAND),
        ("start", KEYS, "https://x.example", replace(COMMAND, base_url="https://x.example")),
    ],
    ids=["create only", "no key", "a key", "an address"],
)
def test_a_run_is_started_where_a_key_can_be_used(way: str, held: Any, address: Any, taken: Any) -> None:
    """It can be created without any; the address that answers is kept."""
    refused: list[object] = []
    step = bare(forecast.ForecastStep, Noted(), way=way, _held=held, _address=address, refuse=refused.append)
    assert (step.take(COMMAND), len(refused)) == (taken, int(taken is None))


NAMES = tuple("abcdefgh")


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (NAMES[:3], ""),
        (NAMES[:4], " · kept, not sent: d"),
        (("a", "b", "c", *"123456"), " · kept, not sent: 1, 2, 3, 4, 5, 6"),
        (("a", "b", "c", *"1234567"), " · kept, not sent: 1, 2, 3, 4, 5 and 2 more"),
    ],
    ids=count(),
)
def test_columns_that_are_not_sent_are_named(names: Any, told: str) -> None:
    """Six of them, or five and how many more."""
    looked = Looked(names, "a", "b", "", (), sent=("c",))
    assert columns._unread(looked) == told
    assert columns._unread(None) == ""


@pytest.mark.parametrize(
    ("at", "taken", "told"),
    [(0, COMMAND, ["step 1"]), (4, COMMAND, ["make start"]), (0, None, [])],
    ids=["a step on", "the last one", "refused"],
)
def test_enter_goes_a_step_on_and_makes_the_run_after_the_last(at: int, taken: Any, told: list[str]) -> None:
    """A step that refuses stays."""
    done: list[str] = []
    steps = [SimpleNamespace(take=lambda _: taken)] * 5
    screen = bare(NewRunScreen, Noted(), _at=at, _steps=steps, _command=COMMAND, _making="", _forecast=SimpleNamespace(way="start"),
                  _show_step=lambda n: done.append(f"step {n}"), _make=lambda _, way: done.append(f"make {way}"))  # fmt: skip
    screen.do_open()
    assert done == told
    screen._making = "creating the run"
    screen.do_open()
    assert done == told


@pytest.mark.parametrize(
    ("at", "making", "told"),
    [
        (0, "", ["back"]),
        (2, "", ["step 1"]),
        (4, "creating", ["The run is being created; it opens when it is ready."]),
    ],
    ids=["the first", "a step back", "being made"],
)
def test_back_goes_a_step_back_and_leaves_the_first(at: int, making: str, told: list[str]) -> None:
    """A run that is being created is waited for."""
    app = Noted()
    bare(NewRunScreen, app, _at=at, _making=making, _show_step=lambda n: app.told.append(f"step {n}")).do_back()
    assert app.told == told


@pytest.mark.parametrize(
    ("is_task", "making", "told"),
    [
        (True, "", ["write"]),
        (False, "", ["The task is written in its own step, the third."]),
        (False, "creating", []),
    ],
    ids=["its step", "another", "being made"],
)
def test_a_task_is_written_in_its_step(is_task: bool, making: str, told: list[str]) -> None:
    """Elsewhere it is said which one that is."""
    app = Noted()
    step = TaskStep.__new__(TaskStep) if is_task else SimpleNamespace()
    if is_task:
        step.write = lambda: app.told.append("write")  # type: ignore[method-assign]
    bare(NewRunScreen, app, _at=0, _steps=[step], _making=making).do_write_task()
    assert app.told == told


@pytest.mark.parametrize(
    ("requests", "read_at", "reads"),
    [(412, NOW - 3.0, 1), (412, NOW - 2.9, 0), (412, NOW + 1.0, 1), (0, NOW - 60.0, 0)],
    ids=["due", "just read", "the clock was set back", "nothing new"],
)
def test_the_history_of_a_key_is_read_when_it_grew(requests: int, read_at: float, reads: int) -> None:
    """At most every three seconds."""
    read: list[object] = []
    screen = bare(KeyRecordScreen, Noted(), _read_at=read_at, _requests=0, selected_key=lambda: replace(KEYS[0], requests=requests),
                  _read=lambda: read.append(1), _draw=lambda: None)  # fmt: skip
    screen.show(DATA)
    assert (len(read), screen._requests) == (reads, requests if reads else 0)
    gone = bare(KeyRecordScreen, Noted(), _read_at=0.0, _requests=0, selected_key=lambda: None, _draw=lambda: None)
    gone.show(DATA)


@pytest.mark.parametrize(
    ("found", "state", "told"),
    [
        (None, {}, []),
        (SimpleNamespace(differing=()), {}, ["Both say the same of everything that they share."]),
    ],
    ids=["not yet compared", "all the same"],
)
def test_nothing_is_read_where_nothing_differs(found: Any, state: Any, told: list[str]) -> None:
    """Nor before both were compared."""
    assert told_by(CompareScreen, "do_disagreements", _found=found, _path=Path("a.db"), **state) == told


@pytest.mark.parametrize(
    ("rows", "state", "path", "told"),
    [
        ([], {}, None, []),
        ([email(1)], GONE, None, []),
        ([email(1)], {}, None, ["opens a.db", "RecordScreen"]),
        ([email(1)], {}, Path("a.db"), ["RecordScreen"]),
    ],
    ids=["none", "left", "no run", "in a run"],
)
def test_items_that_differ_are_read_in_their_run(rows: Any, state: Any, path: Any, told: list[str]) -> None:
    """It is opened where none is."""
    assert told_by(CompareScreen, "_read", rows, path=path, _path=Path("a.db"), **state) == told
