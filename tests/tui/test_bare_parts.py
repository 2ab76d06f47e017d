"""What the parts of a screen show and do, one by one: messages, the review's frame, windows, tour, notices, sorting."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.engine import NewRunRequest, NotifySetup, Order
from core.model import EmailRecord, EmailState, LabelMeaning, Outcome
from core.quality.audit import Answer, Member
from core.quality.session import Phase, Session
from core.sources.preview import Looked
from tests.tui.bare import GONE, Noted, Parts, bare
from tests.tui.fakes import NOW, TASK, email, running
from tests.tui.test_lines import attempt
from tests.tui.test_task import OLD, old_version
from tui.actions import active  # noqa: F401 - it names the keys
from tui.actions.context import Scope
from tui.app import LabeltuiApp
from tui.live.notifying import Notifying
from tui.live.pending_commands import PendingCommands
from tui.live.poller import BUSY_S, FIRST_ANSWER_S, HURRIED_S, IDLE_S, Poller
from tui.screens import guide, monitor, tour
from tui.screens.emails.editing import EmailEditing, Targets
from tui.screens.emails.list import EmailsScreen
from tui.screens.keys.windows import AddKey, NewKey, _seems_secret, _trouble
from tui.screens.navigation import Views
from tui.screens.new_run import columns, source
from tui.screens.new_run.task import TaskStep
from tui.screens.quality.review import ReviewScreen, _without_folder
from tui.screens.quality.settle import SettleScreen, to_settle
from tui.screens.task import messages, windows
from tui.screens.task.task import TaskScreen
from tui.terminal import desktop
from tui.terminal.textual_fixes import OrderedKeysApp
from tui.text.clauses import Clause, on_one_row
from tui.text.sent_messages import bad_answers
from tui.view_state import Requested, ViewState
from tui.web import browser_messages
from tui.widgets import fields, state_line
from tui.widgets.record_view import RecordView

SNAPSHOT = running(40, 20).snapshot(NOW)
DATA = SimpleNamespace(view_state=SimpleNamespace(snapshot=SNAPSHOT), now=NOW, requested=())
UNREAD = SimpleNamespace(view_state=SimpleNamespace(snapshot=None), now=NOW, requested=())
RECORD = EmailRecord(email(7), "Could you send it?", "raw", (), (), 0)


# -- the review and what is settled -------------------------------------------------------------------------------------


def framed(session: Session | None, **state: Any) -> Parts:
    """The review's frame as it was drawn."""
    parts = Parts()
    usual = {"_session": session, "_audit": SimpleNamespace(sample=SimpleNamespace(goal=200)), "_rubric_of": None, "_annotator": "ana",
             "_note": "", "_last": "", "_result": None, "asked_task": lambda: TASK, "size": SimpleNamespace(width=80, height=24)}  # fmt: skip
    bare(ReviewScreen, Noted(), query_one=parts, **{**usual, **state})._draw_frame()
    return parts


@pytest.mark.parametrize(
    ("session", "state", "about", "answered"),
    [
        (Session("ana", 3, Phase.FIRST, [3, 4]), {}, "ana · 200 random · batch 3 · answered 0/2 · 0 of the sample wait for you", ""),
        (Session("ana", 3, Phase.FIRST, [3, 4]), {"_note": "n" * 50, "_last": "1 work"},
         "ana · 200 random · batch 3 · answered 0/2 · 0 of the sample wait for you", f" last: you said 1 work · note: {'n' * 39}…"),
        (Session("ana", 3, Phase.SECOND, [3]), {"_last": "1 work"}, "ana · 200 random · batch 3 · second look 0/1 · 0 of the sample wait for you",
         " These come again, with some where you and the model agree: answer once more."),
        (Session("ana", 3, Phase.SECOND, [3]), {"_last": "1 work", "ANSWER_KIND": "adjudicated"},
         "ana · 200 random · batch 3 · second look 0/1 · 0 of the sample wait for you", " last: you said 1 work"),
        (None, {}, "", ""),
        (Session("ana", 3, Phase.FIRST, [3]), {"_audit": None}, "", ""),
    ],
    ids=count(),
)  # fmt: skip
def test_the_frame_of_a_review_says_where_it_stands(
    session: Any, state: dict[str, Any], about: str, answered: str
) -> None:
    """Whose, which batch, how many are answered, what was said last and the note; nothing before it is read."""
    parts = framed(session, **state)
    assert (parts("#about").shown, parts("#answered").shown) == (about, answered)
    assert "work" in parts("#answers").shown


def test_the_rubric_of_a_review_is_laid_out_once() -> None:
    """Not again with every key; not at all without a task, or on a screen that was left."""
    assert framed(None)("#beside-rubric Static").shown.startswith("1 work")
    assert framed(None, _rubric_of=TASK)("#beside-rubric Static").shown == ""
    assert framed(None, asked_task=lambda: None).of == {}
    assert framed(None, **GONE).of == {}


@pytest.mark.parametrize(("sent", "told"), [(None, ["audit"]), ("a command", ["await_answer", "audit"])])
def test_figures_are_read_behind_the_answers_that_were_sent(sent: Any, told: list[str]) -> None:
    """Where any was."""
    app = Noted()
    bare(ReviewScreen, app, _sent=sent)._read_after_answers(Path("run.db"))
    assert app.told == told


def test_a_message_is_shown_without_the_folder_that_it_was_filed_in() -> None:
    """Which would tell how its owner saw it."""
    assert (
        _without_folder("X-Folder: work\nx-filename: a.pst\nSubject: x\n\nX-Folderless") == "Subject: x\n\nX-Folderless"
    )


@pytest.mark.parametrize(
    ("unfolded", "scrolls", "done"),
    [(False, 3, ("drawn", [])), (True, 3, ("", ["page"])), (True, 0, ("", []))],
    ids=["folded", "long", "short"],
)
def test_unfolding_goes_on_with_paging(unfolded: bool, scrolls: int, done: tuple[str, list[str]]) -> None:
    """Through a text that is longer than its pane."""
    parts, drawn = Parts(), []
    parts("#reviewed").max_scroll_y = scrolls
    screen = bare(ReviewScreen, Noted(), query_one=parts, _unfolded=unfolded, _draw=lambda: drawn.append("drawn"))
    screen.do_unfold()
    assert ("".join(drawn), parts("#reviewed").done, screen._unfolded) == (*done, True)


def member(number: int, model: str | None, *values: str | None, content: str = "", kind: str = "first") -> Member:
    """An item with answers of as many people."""
    answers = tuple(Answer(n, number, f"p{n}", kind, value, 1.0, 1, NOW) for n, value in enumerate(values))
    return Member(number, 0.5, model, answers, content=content)


def test_what_differs_is_settled_people_first() -> None:
    """Not what agrees, what nobody could tell, what is settled or hidden, and each text once."""
    drawn = [
        member(1, "1", "0", content="a"), member(2, "1", "1", content="b"), member(3, None, "1", content="c"),
        member(4, "1", None, content="d"), member(5, "1", "1", "0", content="e"), member(6, "1", "0", content="f", kind="adjudicated"),
        member(7, "1", "0", content="a"), member(8, "1", "0", content="g"), member(9, "1", content="h"),
    ]  # fmt: skip
    audit: Any = SimpleNamespace(drawn=drawn)
    assert [each.email_id for each in to_settle(audit)] == [5, 1, 8]
    assert [each.email_id for each in to_settle(audit, frozenset({8, 5}))] == [1]
    said = bare(SettleScreen, Noted(), _members={5: drawn[4], 3: drawn[2], 4: drawn[3]}).said
    assert (said(5), said(3), said(4)) == ("p0: 1 · p1: 0 · model: 1", "p0: 1", "p0: ? · model: 1")


# -- messages, tasks and their windows ----------------------------------------------------------------------------------


def sent(**state: Any) -> Parts:
    """The messages as they are drawn."""
    parts = Parts()
    usual = {"_record": RECORD, "_draft": None, "_again": False, "data": DATA}
    bare(messages.MessagesScreen, Noted(), query_one=parts, **{**usual, **state})._draw()
    return parts


@pytest.mark.parametrize(
    ("state", "title"),
    [
        ({}, "Messages · active version 3f9ac2d1 · first question"),
        ({"_draft": OLD}, f"Messages · draft {OLD.version[:8]} · first question"),
        ({"_again": True}, "Messages · active version 3f9ac2d1 · follow-up question to an example answer"),
        ({"_record": None}, ""),
        ({"data": UNREAD}, ""),
        ({"data": None}, ""),
    ],
    ids=count(),
)
def test_messages_say_of_which_version_they_are(state: dict[str, Any], title: str) -> None:
    """And which question it is; nothing before the text or the run was read."""
    assert sent(**state)("#messages").border_title == title


@pytest.mark.parametrize(
    ("row", "step", "emails", "shown", "said"),
    [
        (email(7), 0, [], 7, []),
        (None, 0, [email(0)], 0, []),
        (email(7), 1, [email(8)], 8, []),
        (email(7), 1, [], None, ["This is the last one."]),
        (email(0), -1, [], None, ["This is the first one."]),
        (None, 0, [], None, ["This is the last one."]),
    ],
    ids=count(),
)
def test_messages_go_through_the_texts_in_work_order(
    row: Any, step: int, emails: list[Any], shown: int | None, said: list[str]
) -> None:
    """From one to the next; at an end it is said."""
    view = SimpleNamespace(record=lambda n: replace(RECORD, row=email(n)), emails=lambda **_: emails)
    app = Noted(view=view)
    screen = bare(messages.MessagesScreen, app, _row=row, _record=None, _draw=lambda: None, hint=lambda: None)
    screen._turn(step)
    assert (screen._record and screen._record.row.id, app.told) == (shown, said)


def test_very_long_messages_are_cut() -> None:
    """It is said how much more there is."""
    rows = messages._message("system", "x" * (messages.MOST_SHOWN + 12))
    assert rows[1].plain == f"── system {messages.MOST_SHOWN + 12:,} characters"
    assert rows[2].plain.splitlines()[1:] == ["… 12 more characters"]
    assert messages._message("user", "x" * messages.MOST_SHOWN)[2].plain == "x" * messages.MOST_SHOWN


def test_unusable_answers_are_those_to_this_version() -> None:
    """No label, nothing, or cut off; what was refused is no answer."""
    kinds = (Outcome.INVALID, Outcome.EMPTY, Outcome.TRUNCATED, Outcome.ANSWERED, Outcome.RATE_LIMITED)
    calls = [attempt(n, "ask", kind, 0.5, raw_answer=f"a{n}") for n, kind in enumerate(kinds)]  # type: ignore[arg-type]
    other = replace(calls[0], task_version="another")
    record = replace(RECORD, attempts=(*calls, other))
    assert bad_answers(TASK, record) == (("a0", ""), ("a1", ""), ("a2", ""))


@pytest.mark.parametrize(
    ("error", "place"),
    [
        ("", []),
        ("something is wrong", []),
        ("it is no TOML (at line 3, column 7)", [(2, 6)]),
        ("it is no TOML (at line 1,203, column 7)", [(1_202, 6)]),
    ],
    ids=count(),
)
def test_an_error_moves_the_cursor_to_its_place(error: str, place: list[tuple[int, int]]) -> None:
    """Where it names one; lines and columns are counted from one."""
    parts, refusal = Parts(), SimpleNamespace(say=lambda _: None)
    bare(windows.EditTask, Noted(), query_one=parts, _refusal=refusal)._tell(error)
    assert parts("TextArea").done == place


VERSIONS = (old_version(active=True), old_version())


@pytest.mark.parametrize(
    ("snapshot", "state", "reads"),
    [
        (SNAPSHOT, {}, 1),
        (None, {}, 0),
        (SNAPSHOT, GONE, 0),
        (SNAPSHOT, {"_reading": True}, 0),
        (SNAPSHOT, {"_read_at": NOW - 1.9}, 0),
        (SNAPSHOT, {"_read_at": NOW - 2.0}, 1),
        (SNAPSHOT, {"_read_at": NOW + 9.0}, 1),
        (SNAPSHOT, {"_read_at": NOW - 1.0, "_seen": (OLD, 1, 1)}, 1),
        (SNAPSHOT, {"_read_at": NOW - 1.0, "_seen": (SNAPSHOT.run.task, 1, 1)}, 0),
        (SNAPSHOT, {"_seen": (SNAPSHOT.run.task, SNAPSHOT.attempts, SNAPSHOT.labeled)}, 0),
    ],
    ids=count(),
)
def test_versions_are_counted_again_when_the_run_went_on(snapshot: Any, state: dict[str, Any], reads: int) -> None:
    """Every two seconds at most, at once for another task, and never twice at the same time."""
    done: list[str] = []
    usual = {"_seen": (), "_read_at": float("-inf"), "_pause_s": 2.0, "_reading": False, "changed": lambda: done.append("read"),
             "discard_activated": lambda: None, "_draw_draft": lambda: None}  # fmt: skip
    bare(TaskScreen, Noted(), **{**usual, **state}).show(
        SimpleNamespace(view_state=SimpleNamespace(snapshot=snapshot), now=NOW)
    )
    assert len(done) == reads


@pytest.mark.parametrize(
    ("shown", "versions", "data", "cursor"),
    [
        (VERSIONS[0], VERSIONS, DATA, 3),
        (replace(VERSIONS[0], task=TASK), VERSIONS, DATA, 0),
        (replace(VERSIONS[1], task=TASK), VERSIONS, DATA, 3),
        (None, VERSIONS, DATA, 3),
        (VERSIONS[0], (), DATA, 3),
        (replace(VERSIONS[0], task=TASK), VERSIONS, None, 3),
    ],
    ids=count(),
)
def test_the_cursor_goes_to_a_version_that_became_active(shown: Any, versions: Any, data: Any, cursor: int) -> None:
    """Where it was on the active one; nothing is drawn before anything was read."""
    rows = SimpleNamespace(cursor=3, set_rows=lambda _: None, selected=None, border_title="")
    screen = bare(TaskScreen, Noted(), data=data, _rows=rows, _versions=versions, _shown=shown, draft=None, comparing=False,
                  query_one=Parts(), _draw_draft=lambda: None, _draw_rubric=lambda _: None)  # fmt: skip
    screen._draw()
    assert (rows.cursor, rows.border_title) == (cursor, f"Versions [{len(versions)}]" if data else "")


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        (None, ["refused"]),
        (SimpleNamespace(task=None, path="x", where="here"), ["refused"]),
        (SimpleNamespace(task=replace(TASK, rubric="a\x1bb"), path="x", where="here"), ["refused"]),
        (SimpleNamespace(task=replace(TASK, labels=(*TASK.labels, LabelMeaning("a = b", "a"))), path="x", where="here"), ["refused"]),
        (SimpleNamespace(task=TASK, path="x", where="here"), ["WriteTask"]),
    ],
    ids=count(),
)  # fmt: skip
def test_a_task_is_written_from_one_that_can_be_shown(choice: Any, told: list[str]) -> None:
    """Not from one that is invalid, or that holds what a line of a window cannot."""
    app = Noted()
    bare(TaskStep, app, _chosen=lambda: choice, refuse=lambda _: app.told.append("refused")).write()
    assert app.told == told


# -- a new run ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("looked", "offered", "rows"),
    [
        (Looked(("id", "text"), "text", "id", "", (("1", "", "hello"),)), (["id", "text"], ["id"]), [["1", "hello"]]),
        (Looked(("a", "text"), "text", "", "", (("1", "Ana <a@b>", "hello"),)), (["a", "text"], ["", "a"]), [["1", "Ana", "hello"]]),
        (Looked((), "", "", "", ()), ([], [""]), []),
    ],
    ids=["a column of ids", "numbered mail", "no columns"],
)  # fmt: skip
def test_columns_that_can_be_chosen_are_offered(looked: Any, offered: Any, rows: Any) -> None:
    """The text's own is no id; rows are numbered where none is; senders have a column where there are any."""
    choices: dict[str, list[str]] = {}
    shown: list[Any] = []

    def choice(name: str) -> Any:
        return SimpleNamespace(
            display=True, offer=lambda options, _: choices.update({name: [value for value, _ in options]})
        )

    table = SimpleNamespace(set_rows=shown.extend, set_columns=lambda _: None, empty="reading")
    app = Noted(count=SimpleNamespace(whole=False))
    step = bare(columns.ColumnsStep, app, _serial=1, _text=choice("text"), _ids=choice("ids"), _rows=table, _source="x",
                tell=lambda *_: None, refuse=app.told.append)  # fmt: skip
    step._seen(1, looked)
    numbered = ["" if value == columns.NUMBERED else value for value in choices["ids"]]
    assert ((choices["text"], numbered), [[cell for cell, _ in row.cells] for row in shown]) == (offered, rows)
    assert app.told == ["count"]
    step._seen(2, looked)
    bare(columns.ColumnsStep, app, _serial=1, **GONE)._seen(1, looked)
    assert app.told == ["count"]


@pytest.mark.parametrize(
    ("folder", "asked", "known", "sentence", "told"),
    [
        ("there", "there", True, "", ["tell ", "list"]),
        ("there", "there", False, "it cannot be read", ["tell ", "list", "refused: it cannot be read"]),
        ("there", "there", False, "", ["tell ", "list"]),
        ("there", "elsewhere", True, "", ["tell ", "look_into"]),
    ],
    ids=["known", "not readable", "being read", "another"],
)
def test_a_folder_is_read_once_while_names_in_it_are_typed(
    folder: str, asked: str, known: bool, sentence: str, told: list[str]
) -> None:
    """Why it cannot be read stays, and what was said of another is gone."""
    app = Noted()
    step = bare(source.SourceStep, app, _typed=lambda: (Path(folder), ""), _asked=Path(asked), _folder="folder" if known else None,
                _sentence=sentence, _list=lambda: app.told.append("list"), tell=lambda text: app.told.append(f"tell {text}"),
                refuse=lambda text: app.told.append(f"refused: {text}"), _seen=lambda *_: None)  # fmt: skip
    step.on_input_changed(SimpleNamespace(stop=lambda: None))
    assert app.told == told


def test_another_source_drops_the_columns_and_the_name_that_were_chosen() -> None:
    """The same one keeps them."""
    chosen = NewRunRequest("mail.csv", text_column="body", id_column="id", name="mail")
    assert source._from(chosen, Path("mail.csv")) is chosen
    assert source._from(chosen, Path("other.csv")) == replace(
        chosen, source="other.csv", text_column="", id_column="", name=""
    )


# -- keys ---------------------------------------------------------------------------------------------------------------

SECRET = "gsk_" + "a" * 52


@pytest.mark.parametrize(
    ("alias", "organization", "secret", "trouble"),
    [
        ("main", "org_a", SECRET, ""),
        ("", "", SECRET, ""),
        (SECRET, "", SECRET, "A secret belongs in the first field, not in a name: remove it there."),
        ("", SECRET, SECRET, "A secret belongs in the first field, not in a name: remove it there."),
        ("a b\n", "", SECRET, "alias"),
        ("", "two\nlines", SECRET, "rganization"),
        ("main", "", "x y", "key"),
    ],
    ids=count(),
)
def test_a_key_is_refused_before_anything_of_it_is_sent(
    alias: str, organization: str, secret: str, trouble: str
) -> None:
    """A secret in a name, an alias or an organization that is none, and what is no secret."""
    said = _trouble(NewKey(alias, organization, secret))
    assert (trouble in said, bool(said)) == (True, bool(trouble))


def test_a_long_name_is_taken_for_a_secret() -> None:
    """But for that of an organization."""
    assert [_seems_secret(text) for text in ("sk-1", "gsk_1", "x" * 100, "org_" + "x" * 100, "main")] == [
        True,
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("secret", "trying", "tried", "told"),
    [
        ("", "", "", ["refused"]),
        (SECRET, SECRET, "", []),
        (SECRET, "", "", ["tries"]),
        (SECRET, "", SECRET, ["saves"]),
        (SECRET, "", "another", ["tries"]),
        ("no secret", "", "", ["refused"]),
    ],
    ids=count(),
)
def test_a_key_is_checked_and_saved_where_its_operator_insists(
    secret: str, trying: str, tried: str, told: list[str]
) -> None:
    """The same secret a second time is saved although it was refused; nothing is sent twice at once."""
    done: list[str] = []
    window = bare(AddKey, Noted(), query_one=Parts(secret=secret, alias="", organization=""), _trying=trying, _tried=tried,
                  refuse=lambda _: done.append("refused"), _refusal=SimpleNamespace(say=lambda *_: None),
                  _try=lambda *_: done.append("tries"), _save=lambda *_: done.append("saves"))  # fmt: skip
    window.on_input_submitted()
    assert done == told


# -- acting on emails ---------------------------------------------------------------------------------------------------

ONE = Targets((7,), email(7, EmailState.FAILED))
MARKED = Targets((7, 8), None)


@pytest.mark.parametrize(
    ("act", "targets", "told", "answered", "then"),
    [
        ("do_retry", ONE, ["sends Retry retry of this email"], None, []),
        ("do_retry", MARKED, ["Confirm"], True, ["sends Retry retry of 2 marked emails"]),
        ("do_retry", MARKED, ["Confirm"], False, []),
        ("do_ask_again", ONE, ["sends Relabel re-labeling this email"], None, []),
        ("do_ask_again", MARKED, ["Confirm"], True, ["sends Relabel re-labeling 2 marked emails"]),
        ("do_skip", ONE, ["sends Skip skip of this email"], None, []),
        ("do_skip", Targets((7,), email(7, EmailState.SKIPPED)), ["sends Skip unskip of this email"], None, []),
        ("do_note", ONE, ["AskLine"], "see thread", ["sends Note note on this email"]),
        ("do_note", ONE, ["AskLine"], "", []),
        ("do_label", ONE, [], None, []),
    ],
    ids=count(),
)
def test_one_text_is_acted_on_at_once_and_marked_ones_after_a_question(
    act: str, targets: Targets, told: list[str], answered: Any, then: list[str]
) -> None:
    """What cannot be taken back is asked before it is done to many; a label needs the run's task."""
    app = Noted()
    screen = bare(EmailEditing, app, targets=lambda: targets, acted=lambda: None, item="email")
    getattr(screen, act)()
    assert app.told == told
    if app.windows:
        app.answer(answered)
    assert app.told[len(told) :] == then


@pytest.mark.parametrize(
    ("change", "current", "told"),
    [
        (None, True, ["warning: Nothing to undo: you changed nothing in this run."]),
        (SimpleNamespace(count=1, what="a skip", at=NOW), True, ["sends Undo undoing a skip"]),
        (SimpleNamespace(count=3, what="a skip", at=NOW - 90), True, ["Confirm"]),
        (SimpleNamespace(count=3, what="a skip", at=NOW - 90), False, []),
    ],
    ids=["nothing", "one", "several", "left"],
)
def test_the_last_change_is_undone(change: Any, current: bool, told: list[str]) -> None:
    """Of several texts after a question, on a screen that is still there."""
    app = Noted(view=SimpleNamespace(last_change=lambda _: change))
    bare(EmailEditing, app, item="email", is_current=current).do_undo()
    assert app.told == told
    if app.windows:
        assert app.windows[0][0]._question == "Undo a skip of 3 emails, 90 s ago? Those that changed since stay."


@pytest.mark.parametrize(("listed_", "ids", "browser"), [(4, 5_001, False), (None, 1, True), (2, 5_000, False)])
def test_texts_are_saved_as_a_file_or_a_download(listed_: int | None, ids: int, browser: bool) -> None:
    """What takes a while is said before, from five thousand rows on."""
    downloads: list[Path] = []
    app = Noted(save=ids)
    app.page = SimpleNamespace(there=browser, folder=lambda: Path("/private"), download=downloads.append)  # type: ignore[attr-defined]
    marked = Targets(tuple(range(ids)), None)
    listed = None if listed_ is None else ("all emails of the list", tuple(range(listed_)))
    bare(EmailEditing, app, targets=lambda: marked, listed=lambda: listed, item="email").do_save()
    app.answer(("rows.csv", 0))
    count_ = f"{ids:,} email{'s' * (ids != 1)}"
    said = [f"{count_} downloaded as rows.csv"] if browser else [f"{count_} written to rows.csv"]
    late = [f"Writing {count_} to rows.csv …"] if ids > 5_000 else []
    assert app.told == ["Download" if browser else "SaveAs", "save", *said, *late]
    assert downloads == ([Path("/private/rows.csv")] if browser else [])


@pytest.mark.parametrize(("browser", "target"), [(True, "labels.csv"), (False, "~/labels.csv")])
def test_labels_are_exported_to_a_file_or_a_download(browser: bool, target: str) -> None:
    """The chosen ones: all, people's, the model's, or those on which both agree."""
    downloads: list[Path] = []
    app = Noted(export=1)
    app.page = SimpleNamespace(there=browser, folder=lambda: Path("/private"), download=downloads.append)  # type: ignore[attr-defined]
    screen = bare(monitor.MonitorScreen, app)
    screen.do_export()
    app.answer(None)
    app.answer((target, 1))
    shown = "labels.csv" if browser else Path(target).expanduser()
    assert app.told == ["Download" if browser else "SaveAs", "export", f"1 row exported to {shown}"]
    assert downloads == ([Path("/private/labels.csv")] if browser else [])
    nowhere = Noted(path=None)
    nowhere.page = app.page  # type: ignore[attr-defined]
    bare(monitor.MonitorScreen, nowhere).do_export()
    assert nowhere.told == []


# -- the rest of the console --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "height", "framed_"), [(100, 30, True), (99, 30, False), (100, 29, False)])
def test_panes_have_frames_where_there_is_room(width: int, height: int, framed_: bool) -> None:
    """From 100 columns and 30 rows on."""
    told: list[object] = []
    pane = SimpleNamespace(framed=told.append)
    screen = bare(
        monitor.MonitorScreen,
        Noted(),
        _panes={"keys": pane},
        _commands_below=pane,
        set_class=lambda on, name: told.append((name, on)),
    )
    screen.on_resize(SimpleNamespace(size=SimpleNamespace(width=width, height=height)))
    assert told == [("-framed", framed_), framed_, framed_]


@pytest.mark.parametrize(
    ("labeled", "reviews", "state", "asked"),
    [
        (20, 1, {}, 1),
        (20, 0, {}, 0),
        (20, 1, {"_judging": True}, 0),
        (20, 1, {"_judged_at": ("run.db", 0, 1, 10)}, 0),
        (21, 1, {"_judged_at": ("run.db", 0, 1, 10)}, 0),
        (22, 1, {"_judged_at": ("run.db", 0, 1, 10)}, 1),
    ],
    ids=count(),
)
def test_what_people_checked_is_computed_anew_with_each_twentieth(
    labeled: int, reviews: int, state: dict[str, Any], asked: int
) -> None:
    """Or when somebody reviewed more; not where nobody did, and not while it is being computed."""
    shown = replace(SNAPSHOT, labeled=labeled, sources={}, commands=(SimpleNamespace(kind="review"),) * reviews,
                    run=replace(SNAPSHOT.run, path="run.db"))  # fmt: skip
    app = Noted()
    usual = {"_quality": "before", "_judging": False, "_judged_at": None, "_draw_checked": lambda: None}
    screen = bare(monitor.MonitorScreen, app, **{**usual, **state})
    screen._judge(shown)
    assert app.told == ["quality"] * asked
    assert (screen._quality is None) is (asked == 1 or not reviews)


@pytest.mark.parametrize(
    ("width", "height", "rows"),
    [(0, None, None), (60, None, 3), (60, 3, None), (60, 2, 3)],
    ids=["no size", "first", "as it is", "another"],
)
def test_the_state_line_is_as_high_as_its_sentence(width: int, height: int | None, rows: int | None) -> None:
    """It is laid out anew only where that changed."""
    styles = SimpleNamespace(height=None if height is None else SimpleNamespace(value=height))
    shown = bare(state_line.StateLine, Noted(), size=SimpleNamespace(width=width), _sentence=lambda _: ["one", "two"])
    shown.styles = styles
    before = styles.height
    shown._fit()
    assert styles.height == (before if rows is None else rows)


@pytest.mark.parametrize(
    ("before", "record", "scrolled"),
    [
        (None, RECORD, True),
        (RECORD, RECORD, False),
        (RECORD, None, True),
        (RECORD, replace(RECORD, row=email(8)), True),
    ],
    ids=["first", "the same", "none", "another"],
)
def test_another_record_is_shown_from_its_beginning(before: Any, record: Any, scrolled: bool) -> None:
    """A newer state of the same one stays where it is."""
    parts = Parts(width=20)
    bare(RecordView, Noted(), query_one=parts, _record=before, raw=False).show(record, TASK, NOW)
    assert [("scroll", 0) in parts(name).done for name in ("#message", "#history")] == [scrolled] * 2
    assert max(map(len, parts("#history-text").shown.splitlines() or [""])) <= 40
    assert parts("#message-text").shown.startswith("· pending") is (record is not None)


def test_columns_of_senders_and_dates_come_with_the_first_that_has_one() -> None:
    """They are shown once and stay."""
    shown: list[frozenset[str]] = []
    screen = bare(EmailsScreen, Noted(), _headed=frozenset(), _marks=set(), listing=SimpleNamespace(kind=SimpleNamespace(state=None)),
                  asked_task=lambda: TASK)  # fmt: skip
    screen._show_columns = lambda: shown.append(screen._headed)
    for row in (email(1, sender="", date=""), email(2, date=""), email(3, date=""), email(4)):
        screen._row(row)
    assert shown == [frozenset({"from"}), frozenset({"from", "date"})]


@pytest.mark.parametrize(
    ("now_on", "state", "shown", "asked"),
    [(email(3), {}, 1, 1), (email(4), {}, 1, 2), (None, {}, 0, 1), (email(3), GONE, 0, 0), (email(3), {"beside": False}, 0, 0),
     (email(3), {"_record_asked": 9}, 0, 0)],
    ids=["the same", "moved on", "empty now", "left", "alone", "being read"],
)  # fmt: skip
def test_the_record_beside_follows_the_cursor(now_on: Any, state: dict[str, Any], shown: int, asked: int) -> None:
    """Read once at a time, and once more where the cursor has moved on meanwhile."""
    under = [email(3), now_on, now_on, now_on]
    told: list[object] = []
    app = Noted(view=SimpleNamespace(record=lambda n: told.append(n) or RECORD))
    usual = {"beside": True, "_record_asked": None, "data": None, "asked_task": lambda: TASK,
             "selected": lambda: under.pop(0), "_beside": SimpleNamespace(show=lambda *_: told.append("shown"))}  # fmt: skip
    bare(EmailsScreen, app, **{**usual, **state})._show_beside()
    assert (min(told.count("shown"), 1), len([each for each in told if each != "shown"])) == (shown, asked)


@pytest.mark.parametrize("theme", [None, "labeltui-light"])
def test_a_theme_that_is_chosen_is_said_and_kept(theme: str | None) -> None:
    """Nothing happens where the window was left."""
    app = SimpleNamespace(theme="before", told=[])
    app.say = app.told.append
    app.remember = lambda name, value: app.told.append((name, value))
    Views._wear(SimpleNamespace(_app=app), theme)  # type: ignore[arg-type]
    assert (app.theme, app.told) == (
        ("before", []) if theme is None else (theme, ["The theme is light.", ("theme", theme)])
    )


def test_each_screen_leads_to_its_page_of_the_guide() -> None:
    """The first page stands for every other screen."""
    assert guide.topic_of(Scope.QUALITY) == "quality"
    assert guide.topic_of(Scope.GUIDE) == guide.guide.TOPICS[0]


@pytest.mark.parametrize(
    ("page", "keys", "title"),
    [(0, "enter:next esc:end the tour", "1 of 3"), (1, "enter:next left:back esc:end the tour", "2 of 3"),
     (2, "enter:begin left:back esc:end the tour", "3 of 3")],
)  # fmt: skip
def test_the_tour_names_its_keys_on_each_page(page: int, keys: str, title: str) -> None:
    """There is no way back from the first, and the last begins."""
    parts = Parts()
    bare(tour.Tour, SimpleNamespace(size=SimpleNamespace(width=80)), query_one=parts, _page=page)._draw()  # type: ignore[arg-type]
    assert (parts("KeyLine").shown, title in parts("#tour-text").shown) == (keys, True)
    assert max(map(len, parts("#tour-text").shown.splitlines()[1:])) <= tour.WIDTH


@pytest.mark.parametrize(
    ("pressed", "after_s", "page", "done"),
    [
        ("enter", 0.4, 0, "passes enter"),
        ("enter", 0.5, 0, "page 1"),
        ("space", 9.0, 1, "page 2"),
        ("right", 9.0, 2, "ends"),
        ("left", 9.0, 1, "page 0"),
        ("left", 9.0, 0, "page 0"),
        ("p", 9.0, 0, "passes p"),
        ("escape", 0.1, 0, "ends"),
    ],
    ids=count(),
)
def test_a_key_turns_the_tour_or_is_meant_for_the_console(pressed: str, after_s: float, page: int, done: str) -> None:
    """Whoever pressed it before the tour could be seen meant the console; esc never does."""
    told: list[str] = []
    shown = bare(tour.Tour, Noted(), _clock=lambda: NOW + after_s, _opened_at=NOW, _page=page,
                 dismiss=lambda key: told.append(f"passes {key}" if key else "ends"))  # fmt: skip
    shown._draw = lambda: told.append(f"page {shown._page}")
    shown.on_key(SimpleNamespace(key=pressed, stop=lambda: None, prevent_default=lambda: None))
    assert told == [done]


@pytest.mark.parametrize(
    ("environment", "wanted", "way"),
    [
        ({}, "9", "9"), ({}, "777", "777"), ({"TERM": "xterm-kitty"}, "off", ""), ({}, "auto", ""),
        ({"TERM": "xterm-kitty"}, "auto", "9"), ({"KITTY_WINDOW_ID": "1"}, "auto", "9"), ({"TERM_PROGRAM": "WezTerm"}, "auto", "9"),
        ({"LC_TERMINAL": "iTerm2"}, "auto", "9"), ({"WEZTERM_PANE": "0"}, "auto", "9"), ({"GHOSTTY_RESOURCES_DIR": "/x"}, "auto", "9"),
        ({"TERM": "foot-extra"}, "auto", "777"), ({"VTE_VERSION": "7600"}, "auto", "777"), ({"TERM": "xterm"}, "auto", ""),
    ],
    ids=count(),
)  # fmt: skip
def test_a_terminal_is_notified_in_the_way_that_it_knows(environment: dict[str, str], wanted: str, way: str) -> None:
    """By any one of its signs; not where it is switched off, or where nothing is known."""
    assert desktop.way(environment, wanted) == way


@pytest.mark.parametrize(
    ("quiet", "browser", "bell", "environment", "done"),
    [
        (True, False, True, {"TERM": "foot"}, []),
        (False, True, True, {"TERM": "foot"}, ["page"]),
        (False, False, True, {"TERM": "foot"}, ["bell", "terminal"]),
        (False, False, False, {"TERM": "foot"}, ["terminal"]),
        (False, False, True, {}, ["bell"]),
    ],
    ids=count(),
)
def test_an_occasion_is_told_as_the_console_is_set(
    quiet: bool, browser: bool, bell: bool, environment: dict[str, str], done: list[str]
) -> None:
    """A toast in any case; bell and desktop unless it is quiet; the tab of a browser instead."""
    told: list[str] = []
    app: Any = SimpleNamespace(
        engine=SimpleNamespace(notify_setup=lambda: NotifySetup(bell=bell)), say=lambda text, **_: told.append(text),
        page=SimpleNamespace(there=browser, notify=lambda _: told.append("page")), bell=lambda: told.append("bell"),
        to_terminal=lambda _: told.append("terminal"),
    )  # fmt: skip
    Notifying(app, quiet=quiet, environment=environment).tell(SimpleNamespace(title="enron is done", text="all"))  # type: ignore[arg-type]
    assert told == ["enron is done: all", *done]


@pytest.mark.parametrize(
    ("background", "told"),
    [("#123456", {"background": "#123456"}), ("ansi_default", {"background": browser_messages.DEFAULT_BACKGROUND})],
)
def test_the_page_around_the_console_has_its_background(background: str, told: dict[str, str]) -> None:
    """Its own where the theme's is no color of a page; nothing without a page."""
    for there in (True, False):
        said: list[dict[str, object]] = []
        page = browser_messages.Page(lambda: None, browser=there)
        page._tell = lambda said=said, **more: said.append(more)  # type: ignore[method-assign, misc]
        page.show_background(background)
        assert said == [told] * there


def test_a_tab_is_named_after_the_run_that_it_shows() -> None:
    """Only after labeltui before one was read, and where none is open."""
    shown = ViewState(now=NOW, path=Path("enron.db"), snapshot=SNAPSHOT, read_at=NOW)
    assert browser_messages.title(shown, (), NOW) == "▶ 50 % enron · running · labeltui"
    assert browser_messages.title(replace(shown, path=None), (), NOW) == "labeltui"
    assert browser_messages.title(replace(shown, snapshot=None), (), NOW) == "labeltui"


@pytest.mark.parametrize(
    ("state", "snapshot", "pause_s"),
    [
        ({"read_at": None, "trouble": ""}, None, 0.001),
        ({"read_at": None, "trouble": "no file"}, None, IDLE_S),
        ({}, None, IDLE_S),
        ({}, replace(SNAPSHOT, worker=replace(SNAPSHOT.worker, alive=False)), IDLE_S),
        ({}, SNAPSHOT, BUSY_S),
        ({}, replace(SNAPSHOT, attempts=0), BUSY_S),
        (
            {},
            replace(SNAPSHOT, attempts=0, worker=replace(SNAPSHOT.worker, started_at=NOW - FIRST_ANSWER_S + 1)),
            HURRIED_S,
        ),
        ({}, replace(SNAPSHOT, attempts=0, worker=replace(SNAPSHOT.worker, started_at=NOW - FIRST_ANSWER_S)), BUSY_S),
        ({"hurry": NOW + 1}, None, HURRIED_S),
        ({"hurry": NOW}, None, IDLE_S),
    ],
    ids=count(),
)
def test_a_run_is_read_as_often_as_it_changes(state: dict[str, Any], snapshot: Any, pause_s: float) -> None:
    """At once before the first picture, often after a command and until the first answer, rarely without a worker."""
    known = {"read_at": NOW, "trouble": "", **state}
    view_state = SimpleNamespace(read_at=known["read_at"], trouble=known["trouble"], snapshot=snapshot)
    poller = SimpleNamespace(_view_state=view_state, _clock=lambda: NOW, _hurry_until=known.get("hurry", NOW - 1))
    assert Poller._pause_s(poller) == pause_s  # type: ignore[arg-type]


def test_a_command_is_shown_as_requested_until_it_is_answered() -> None:
    """At once, where the file itself answers it; a refused one is said and dropped; without a run nothing is sent."""
    app: Any = Noted()
    handed: list[object] = []
    app.hand_down, app.facts_changed = lambda: handed.append(1), lambda: app.told.append("changed")
    pending = PendingCommands(app)
    mark = Requested("skip", NOW, what="skip of this email")
    pending.request(mark, lambda _: SimpleNamespace(at_once=False, id="w1"))  # type: ignore[arg-type, return-value]
    assert pending.requested == (replace(mark, id="w1"),)
    pending.forget()
    pending.request(mark, lambda _: SimpleNamespace(at_once=True, sentence="1 email skipped."))  # type: ignore[arg-type, return-value]
    assert (pending.requested, app.told[1], app.told[2:]) == (
        (),
        "1 email skipped · U undoes it",
        ["changed", "hurry"],
    )
    pending.requested = (mark,)
    pending._refused(mark, "the disk is full")
    assert (pending.requested, app.told[-1], len(handed)) == ((), "error: the disk is full", 5)
    app.run_path = None
    pending.request(mark, lambda _: SimpleNamespace(at_once=False, id="w1"))  # type: ignore[arg-type, return-value]
    assert pending.requested == ()


@pytest.mark.parametrize(
    ("same", "demo", "worker", "pending", "started"),
    [
        (True, True, False, 20, 1),
        (True, False, False, 20, 0),
        (True, True, True, 20, 0),
        (True, True, False, 0, 0),
        (False, True, False, 20, 0),
    ],
    ids=count(),
)
def test_the_demo_is_started_when_it_is_seen(same: bool, demo: bool, worker: bool, pending: int, started: int) -> None:
    """Where no worker has it and anything is pending; a picture of a run that was left is dropped."""
    app = Noted(path=Path("demo.db"))
    shown = replace(SNAPSHOT, pending=pending, worker=replace(SNAPSHOT.worker, alive=worker))
    console = bare(LabeltuiApp, app, run_path=Path("demo.db"), threaded=False, view_state=None, _start_when_seen=demo,
                   sending=SimpleNamespace(settle=lambda *_: False), notifying=SimpleNamespace(see=lambda _: None),
                   hand_down=lambda: app.told.append("shown"), start_worker=lambda: app.told.append("started"))  # fmt: skip
    view_state = SimpleNamespace(path=Path("demo.db" if same else "other.db"), snapshot=shown, now=NOW)
    for _ in range(2):
        console.on_view_state_taken(SimpleNamespace(view_state=view_state))
    assert app.told == (["shown", *["started"] * started, "shown"] if same else [])


@pytest.mark.parametrize(
    ("error", "failed", "told"),
    [("", True, ["then"]), ("no file", True, ["failed: no file"]), ("no file", False, ["error: no file"])],
)
def test_an_answer_goes_to_whoever_asked(error: str, failed: bool, told: list[str]) -> None:
    """An error that nobody takes becomes a toast."""
    app = Noted()
    answer = SimpleNamespace(error=error, result=1, then=lambda _: app.told.append("then"),
                             failed=(lambda text: app.told.append(f"failed: {text}")) if failed else None)  # fmt: skip
    bare(LabeltuiApp, app, say=app.say).on_answered(answer)
    assert app.told == told


@pytest.mark.parametrize(
    ("takes", "after", "told"),
    [
        ((True,), "here", ["later 1"]),
        ((False, True), "here", ["later 2"]),
        ((False, False), "here", ["done"]),
        ((), "here", ["done"]),
    ],
    ids=count(),
)
def test_a_key_is_followed_through_the_widgets_that_it_bubbles_through(
    takes: tuple[bool, ...], after: str, told: list[str]
) -> None:
    """One that takes no messages any more is passed over; behind the last the next key follows."""
    done: list[str] = []
    path = [SimpleNamespace(call_later=lambda *_, n=n, takes=each: bool(takes and not done.append(f"later {n}")))
            for n, each in enumerate(takes, 1)]  # fmt: skip
    app = bare(OrderedKeysApp, Noted(), screen=after, call_later=lambda _: done.append("done"))
    app._follow(path, "here", None)
    assert done == told


def test_a_choice_begins_with_its_first_value() -> None:
    """With none where it has no values; another one is reported, and the last is followed by the first."""
    assert (fields.Choice("lane", (("a", "one"),)).value, fields.Choice("lane").value) == ("a", None)
    told: list[Any] = []
    for at, step, then in ((0, 1, 1), (1, 1, 0), (0, -1, 1), (-1, 1, 0), (-1, -1, 0)):
        choice = bare(
            fields.Choice,
            Noted(),
            _options=(("a", "one"), ("b", "two")),
            _at=at,
            _draw=lambda: None,
            post_message=told.append,
        )
        choice.action_turn(step)
        assert choice._at == then
    empty = bare(fields.Choice, Noted(), _options=(), _at=-1, post_message=told.append)
    empty.action_turn(1)
    assert (empty._at, len(told)) == (-1, 5)


def test_a_clause_without_a_rank_is_never_shortened() -> None:
    """Though it has a shorter form."""
    assert on_one_row((Clause("a long text", ("short",)), Clause("x", ("",), rank=1)), 3) == "a long text"


@pytest.mark.parametrize("order", [Order("date"), Order("date", descending=True)])
def test_the_window_that_sorts_marks_the_order_that_holds(order: Order) -> None:
    """The cursor is on it, with its arrow."""
    from tui.screens.emails.windows import KEYS as BY
    from tui.screens.emails.windows import SortBy

    shown: list[Any] = []
    rows = SimpleNamespace(set_rows=shown.extend, cursor=0)
    bare(SortBy, Noted(), _order=order, _rows=rows).on_mount()
    arrow = "▼" if order.descending else "▲"
    assert [row.cells[0][0] for row in shown] == [f"{name} {arrow}" if name == "date" else name for name in BY]
    assert BY[rows.cursor] == "date"


def test_a_key_that_is_chosen_is_bright() -> None:
    """Of organizations that are known, the one under the cursor; below the last comes the first again."""
    from tui.screens.keys.windows import Regroup

    parts = Parts()
    window = bare(Regroup, Noted(), query_one=parts, _known=("org_a", "org_b"), _chosen=-1)
    seen = []
    for step in (1, 1, 1, -1, -1):
        window.action_move(step)
        seen.append(
            (
                window._chosen,
                [span.style for span in parts("#labels").content.spans if "bold $bright" in str(span.style)],
            )
        )
    assert [(chosen, len(bright)) for chosen, bright in seen] == [(0, 1), (1, 1), (0, 1), (1, 1), (0, 1)]
    window._chosen = -1
    window.action_move(-1)
    assert window._chosen == 1
