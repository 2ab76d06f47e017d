"""What the list of emails, its reading in pages and by search, its filter and its records do, without a console."""

from __future__ import annotations

from array import array
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.commands.catalog import Label
from core.engine import WORK_ORDER, Filter, Order, Term
from core.model import EmailRecord, EmailState
from tests.tui.bare import GONE, Noted, Part, Parts, bare, composed, made
from tests.tui.conftest import toned
from tests.tui.fakes import NOW, TASK, email, running
from tests.tui.test_bare import VIEW, Shown, listing
from tui.actions import active  # noqa: F401 - it names the keys
from tui.actions.context import Context, Scope
from tui.live.finder import Finding
from tui.screens.emails.editing import EmailEditing, Targets
from tui.screens.emails.list import EmailsScreen
from tui.screens.emails.listing import READING, Listing
from tui.screens.emails.record import RecordScreen, reading
from tui.widgets.lists.emails import KINDS, FilterLine, KindChosen, ScopeBar, Scoped, list_columns
from tui.widgets.record_view import RecordView

SNAPSHOT = running(40, 20).snapshot(NOW)
DATA = SimpleNamespace(view_state=SimpleNamespace(snapshot=SNAPSHOT), now=NOW, requested=())
UNREAD = SimpleNamespace(view_state=SimpleNamespace(snapshot=None), now=NOW, requested=())
TYPED = Filter((Term("state", "failed"),))
RECORD = EmailRecord(email(7), "Could you send it?", "raw", (), (), 0)


# -- the reading of the list ------------------------------------------------------------------------------------------


class Sought:
    """A finder that notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.then: Any = None

    def seek(self, wanted: Any, order: Any, keep: Any, then: Any) -> None:
        self.asked.append((str(wanted), order.key, keep))
        self.then = then

    def close(self) -> None:
        self.asked.append("closed")


def searched(rows: Shown, **state: Any) -> tuple[Listing, Sought, list[int]]:
    """A list in the order of dates, while it is being searched for; and how often the screen was told."""
    sought, told = Sought(), list[int]()
    found = listing(rows, order=Order("date"), **{"_finder": sought, **state})
    found._changed = lambda: told.append(1)
    found.read()
    return found, sought, told


def test_a_list_is_searched_for_from_the_email_under_the_cursor() -> None:
    """Nothing is held of it yet, and what was read before is compared with what is done by then."""
    rows = Shown(3, selected=SimpleNamespace(value=email(8)))
    found, sought, told = searched(rows)
    assert sought.asked == [("", "date", 8)]
    assert (found.looked, found.loading, found.read_at_settled, list(found._coming or ()), len(told)) == (
        0.0,
        True,
        20,
        [],
        1,
    )
    found.close()
    assert sought.asked[1:] == ["closed"]
    listing(rows).close()


@pytest.mark.parametrize(("path", "made_"), [(None, 0), (Path("run.db"), 1)])
def test_a_finder_is_made_with_the_first_search(path: Any, made_: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the run that is open, and only once."""
    given: list[Any] = []

    def finder(*words: Any, threaded: bool) -> Sought:
        given.append((words[1], threaded))
        return Sought()

    monkeypatch.setattr("tui.screens.emails.listing.Finder", finder)
    found = listing(Shown(), order=Order("date"))
    found._app.run_path = path  # type: ignore[misc]
    found.read()
    found.read()
    assert given == [(Path("run.db"), False)] * made_
    assert found._serial == 2


def test_matches_are_shown_as_they_come_where_nothing_was_there_before() -> None:
    """The count grows until the end; then it is said what an empty list means."""
    rows = Shown()
    found, sought, told = searched(rows, shown_order=Order("date"))
    sought.then(Finding(array("I", [4, 5]), 0.4, finished=False))
    assert (rows.done, list(found.ids or ()), found.looked, found.loading) == (
        [("count", 2, "forget", "growing")],
        [4, 5],
        0.4,
        False,
    )
    sought.then(Finding(array("I", [6]), 0.9, finished=True))
    assert (rows.done[1:], list(found.ids or ()), found.looked) == ([("count", 3)], [4, 5, 6], 1.0)
    assert (rows.empty, len(told)) == ("\n This run has no email.", 3)


@pytest.mark.parametrize(("place", "cursor", "offset"), [(None, 3, 0), (250, 3, 200), (None, 450, 400)], ids=count())
def test_a_list_that_is_read_again_stays_until_the_new_one_is_whole(place: Any, cursor: int, offset: int) -> None:
    """Then its page at the place of the email under the cursor is shown, or at the cursor."""
    rows = Shown(cursor)
    found, sought, _ = searched(rows, ids=array("I", [1, 2]), shown_order=WORK_ORDER)
    sought.then(Finding(array("I", range(300)), 0.5, finished=False))
    assert (rows.done, list(found.ids or ()), found.loading) == ([], [1, 2], True)
    sought.then(Finding(array("I", range(300, 500)), 1.0, finished=True, place=place))
    assert rows.done == [("again", 500, offset, min(200, 500 - offset))]
    assert (len(found.ids or ()), found.loading, found.shown_order) == (500, False, Order("date"))


@pytest.mark.parametrize(
    ("typed", "kind", "empty", "asked"),
    [
        (Filter(), 0, "\n This run has no email.", []),
        (TYPED, 0, "\n Nothing matches. esc clears the filter.", []),
        (Filter(), 1, "\n No email has failed. Failed ones appear here, each with its history.", [(("no label", 3),)]),
    ],
    ids=["all", "typed", "failed"],
)
def test_an_empty_list_says_why_once_it_was_searched(typed: Any, kind: int, empty: str, asked: Any) -> None:
    """Reasons of failures are counted for the list of these, at its end."""
    rows = Shown(0, 0)
    found, sought, _ = searched(rows, typed=typed, kind=KINDS[kind], shown_order=Order("date"))
    before = rows.empty
    sought.then(Finding(array("I"), 0.5, finished=False))
    assert (rows.empty, found.failures) == (before, ())
    sought.then(Finding(array("I"), 1.0, finished=True))
    assert (rows.empty, [found.failures] if found.failures else []) == (empty, asked)


@pytest.mark.parametrize(
    "change", [{"_serial": 9}, {"_open": False}, {"_coming": None}], ids=["asked again", "closed", "by place"]
)
def test_matches_of_another_search_are_not_taken(change: dict[str, Any]) -> None:
    """Nor reasons of another kind."""
    rows = Shown()
    found, sought, told = searched(rows)
    vars(found).update(change)
    sought.then(Finding(array("I", [4]), 1.0, finished=True))
    assert (rows.done, found.ids, len(told)) == ([], None, 1)
    kept = listing(rows, kind=KINDS[1], **{name: value for name, value in change.items() if name == "_open"})
    kept._reasons(KINDS[0], [("x", 1)])
    assert kept.failures == ()
    kept._reasons(KINDS[1], [("x", 1)])
    assert kept.failures == ((("x", 1),) if kept._open else ())


def test_a_search_that_failed_says_so_and_leaves_what_is_in_sight() -> None:
    """The order is the shown one again."""
    rows = Shown()
    found, sought, told = searched(rows, ids=array("I", [1, 2]))
    sought.then(Finding(array("I"), 1.0, finished=True, trouble="the file vanished."))
    assert (found.loading, found.looked, found.order, found._coming is found.ids) == (False, 1.0, WORK_ORDER, True)
    assert rows.empty == "\n The search ended early; u searches again.\n the file vanished."
    assert (rows.done, found._app.told, len(told)) == (["refresh"], ["error: the file vanished."], 2)  # type: ignore[attr-defined]


def test_another_list_begins_at_its_first_row() -> None:
    """Nothing of the former one is shown."""
    rows = Shown(30)
    found = listing(rows, ids=array("I", [1]), order=Order("date"), shown_order=WORK_ORDER)
    read: list[Any] = []
    found.read = lambda: read.append((found.ids, found.kind.name, str(found.typed), found.shown_order.key))  # type: ignore[method-assign]
    found.show(KINDS[2], TYPED)
    assert (read, rows.done, rows.empty, rows.cursor) == (
        [(None, "Labeled", "state:failed", "date")],
        [("count", 0)],
        READING,
        0,
    )


def test_what_a_list_holds_is_counted_by_its_search_or_its_rows() -> None:
    """It is being sorted while another order is on its way."""
    found = listing(Shown(count=40))
    assert (found.held, found.sorting) == (40, False)
    found.ids, found.order = array("I", [1, 2]), Order("date")
    assert (found.held, found.sorting) == (2, True)


@pytest.mark.parametrize(
    "change",
    [{"_coming": None}, {"looked": 0.9}, {"ids": None}, {"order": Order("from")}],
    ids=["not whole", "searching", "by place", "another order"],
)
def test_only_a_whole_list_is_turned_in_memory(change: dict[str, Any]) -> None:
    """Else it is searched for in its new order."""
    ids = array("I", [1, 2])
    found = listing(Shown(), ids=ids, _coming=ids, order=Order("date"))
    vars(found).update(change)
    read: list[int] = []
    found.read = lambda: read.append(1)  # type: ignore[method-assign]
    found.sort(Order("date", descending=True))
    assert (read, found.order, found.ids) == ([1], Order("date", descending=True), change.get("ids", ids))


def test_a_turned_list_keeps_its_email_in_sight() -> None:
    """The page about its place from the other end; not where the list was read again meanwhile."""
    ids = array("I", range(500))
    rows = Shown(20)
    found = listing(rows, ids=ids, _coming=ids)
    asked: list[Any] = []
    found._app.poller.ask = lambda question, then: asked.append((question, then))  # type: ignore[attr-defined]
    found.sort(WORK_ORDER.reversed)
    question, then = asked[0]
    assert [row.id for row in question(VIEW)] == list(range(99, -1, -1))
    found._serial += 1
    then([])
    assert rows.done == []
    found._serial -= 1
    found._open = False
    then([])
    assert rows.done == []
    found._open = True
    then([])
    assert rows.done == [("again", 500, 400, 0)]


def test_a_list_by_place_is_the_newest_that_was_asked_for() -> None:
    """An older answer, or one after its end, changes nothing."""
    rows = Shown()
    found = listing(rows)
    asked: list[Any] = []
    found._app.poller.ask = lambda question, then: asked.append((question, then))  # type: ignore[attr-defined]
    found.read()
    found.read()
    asked[0][1]((5, []))
    found._open = False
    asked[1][1]((6, []))
    assert (rows.done, found.loading, found.looked, found._coming) == ([], True, 1.0, None)
    found._open = True
    asked[1][1]((7, []))
    assert (rows.done, found.loading) == ([("again", 7, 0, 0)], False)


@pytest.mark.parametrize(
    ("ids", "first"), [(None, 200), (array("I", range(900, 1_400)), 1_100)], ids=["by place", "found"]
)
def test_rows_of_a_page_are_those_of_its_place(ids: Any, first: int) -> None:
    """A row that is there already is kept where its email did not change."""
    rows = Shown()
    kept = SimpleNamespace(id=first, value=email(first))
    rows.rows_from = lambda offset: (kept, SimpleNamespace(id=first + 1, value=email(first + 1, EmailState.FAILED)))  # type: ignore[method-assign]
    pages: list[Any] = []
    rows.set_page = lambda offset, page: pages.append((offset, page))  # type: ignore[method-assign]
    listing(rows, ids=ids).page(200, 3)
    ((offset, page),) = pages
    assert (offset, [row.value.id for row in page]) == (200, [first, first + 1, first + 2])
    assert (page[0] is kept, page[1].value.state) == (True, EmailState.PENDING)


def test_a_page_comes_while_another_order_is_on_its_way() -> None:
    """The list in sight still needs it."""
    taken = []
    for sorting in (False, True):
        rows = Shown()
        found = listing(rows, order=Order("date") if sorting else WORK_ORDER)
        found._app.poller.ask = lambda question, then, found=found: (setattr(found, "_serial", 5), then(question(VIEW)))  # type: ignore[attr-defined]
        found.page(0, 2)
        taken.append(rows.done)
    assert taken == [[], [("page", 0, 2)]]


# -- the screen of the list -------------------------------------------------------------------------------------------


class Rowed(Shown):
    """Rows with columns and an order."""

    def set_sorted(self, key: str, *, descending: bool) -> None:
        self.done.append(("sorted", key, descending))

    def set_columns(self, columns: Any) -> None:
        self.done.append(("columns", columns))

    def redraw_rows(self, anew: Any) -> None:
        self.done.append("redrawn")

    def action_move(self, step: int) -> None:
        self.cursor = min(max(0, self.cursor + step), self.count - 1)
        self.done.append(("moved", step))


class Read:
    """The reader of a list, which notes what it is asked."""

    def __init__(self, **state: Any) -> None:
        self.kind, self.typed, self.order, self.shown_order = KINDS[0], Filter(), WORK_ORDER, WORK_ORDER
        self.ids, self.looked, self.loading, self.sorting, self.held, self.failures = None, 1.0, False, False, 40, ()
        self.told: list[Any] = []
        vars(self).update(state)

    def waiting(self, snapshot: Any) -> int:
        return 3

    def stirred(self, snapshot: Any) -> int:
        return 2

    def __getattr__(self, name: str) -> Any:
        return lambda *given: self.told.append((name, *given))


def emails(app: Noted, rows: Any = None, **state: Any) -> Any:
    """The list of emails on a reader."""
    usual = {
        "_rows": rows or Rowed(), "listing": Read(), "_marks": set(), "_headed": frozenset(), "_bar": SimpleNamespace(scoped=None), "data": DATA,
        "item": "email", "asked_task": lambda: TASK, "hint": lambda: app.told.append("hint"), "set_focus": lambda widget: app.told.append(f"focus {type(widget).__name__}"),
        "_show_beside": lambda: app.told.append("beside"), "_record_asked": 9, "size": SimpleNamespace(width=140),
    }  # fmt: skip
    return bare(EmailsScreen, app, **{**usual, **state})


def test_a_new_list_of_emails_is_read_with_the_focus_on_its_rows() -> None:
    """The reader is made once, and closed with the screen."""
    app = Noted()
    app.post_message, app.threaded = None, False  # type: ignore[attr-defined]
    read = Read()
    screen = made(EmailsScreen, app, listing=read)
    screen.on_mount()
    screen.on_unmount()
    assert (app.told, screen.focused_by_test, read.told) == (["receives data"], [screen._rows], [("read",), ("close",)])
    assert [each.id for each in composed(screen)[2:6]] == ["scope", "filter", "pair", "emails"]
    assert screen._rows.empty == READING
    whole = made(EmailsScreen, app)
    assert whole.listing is whole.listing
    assert whole.listing._changed == whole._list_changed


def test_the_list_follows_the_run_and_its_bar_counts() -> None:
    """Nothing is counted before the run was read, or while the first list is."""
    app = Noted()
    given = SimpleNamespace(
        view_state=SimpleNamespace(snapshot=replace(SNAPSHOT, flagged=4)),
        now=NOW,
        requested=(SimpleNamespace(what="skip"), SimpleNamespace(what="")),
    )
    screen = emails(app, _marks={3}, data=given)
    screen.show(given)
    assert screen.listing.told == [("follow", given.view_state.snapshot)]
    bar = screen._bar.scoped
    assert (
        bar.kind,
        bar.held,
        bar.total,
        bar.more,
        bar.marked,
        bar.stirred,
        bar.flagged,
        bar.requested,
        bar.sorting,
    ) == (KINDS[0], 40, 40, 3, 1, 2, 4, ("skip",), None)
    assert screen.summary() == "All [40 of 40]"
    screen.show(UNREAD)
    assert len(screen.listing.told) == 1
    drawn = []
    for state in (
        {"loading": True, "held": 0},
        {"loading": True, "sorting": True, "held": 0},
        {"loading": True},
        {"loading": False, "held": 0},
    ):
        screen = emails(app, listing=Read(**state))
        screen._update_bar()
        drawn.append(screen._bar.scoped is not None)
    assert drawn == [False, True, True, True]
    for data in (None, UNREAD):
        screen = emails(app, data=data)
        screen._update_bar()
        assert (screen._bar.scoped, screen.summary()) == (None, "")


@pytest.mark.parametrize(
    ("order", "told"),
    [(WORK_ORDER, ("sorted", "", False)), (Order("date", descending=True), ("sorted", "date", True)), (WORK_ORDER.reversed, ("sorted", "place", True))],
    ids=count(),
)  # fmt: skip
def test_another_list_has_its_columns_and_its_order_on_the_heads(order: Order, told: Any) -> None:
    """Work order has no arrow."""
    app = Noted()
    screen = emails(app, listing=Read(shown_order=order, kind=KINDS[1]))
    screen._list_changed()
    assert screen._rows.done == [("columns", list_columns("email", failed=True, headed=frozenset())), told]
    assert (app.told, screen._bar.scoped.order) == (["hint"], order)


def test_texts_that_were_changed_are_read_again() -> None:
    """Also the record beside the list."""
    app = Noted()
    screen = emails(app)
    screen.changed()
    screen.do_update()
    screen.on_resize()
    screen.on_rows_page_wanted(SimpleNamespace(offset=200, limit=100))
    assert (screen._record_asked, screen.listing.told, app.told) == (
        None,
        [("read",), ("read",), ("page", 200, 100)],
        ["beside", "beside"],
    )


@pytest.mark.parametrize(
    ("act", "given", "kind", "told"),
    [
        ("do_filter", (), 0, [("show", KINDS[1], TYPED)]),
        ("do_filter", (), 4, [("show", KINDS[0], TYPED)]),
        ("do_filter_back", (), 0, [("show", KINDS[4], TYPED)]),
        ("on_kind_chosen", (KindChosen(KINDS[3]),), 0, [("show", KINDS[3], TYPED)]),
        ("_typed", (None,), 0, []),
        ("_typed", ("state:failed",), 0, []),
        ("_typed", ("",), 1, [("show", KINDS[1], Filter())]),
        ("do_reverse", (), 0, [("sort", WORK_ORDER.reversed)]),
        ("on_rows_head_chosen", (SimpleNamespace(key="place"),), 0, [("sort", WORK_ORDER.reversed)]),
        ("on_rows_head_chosen", (SimpleNamespace(key="settled"),), 0, [("sort", Order("settled", descending=True))]),
    ],
    ids=count(),
)
def test_another_list_is_shown_or_sorted(act: str, given: Any, kind: int, told: Any) -> None:
    """Marks are gone with another one; the filter that holds is no other."""
    app = Noted()
    screen = emails(app, listing=Read(kind=KINDS[kind], typed=TYPED), _marks={1})
    getattr(screen, act)(*given)
    assert screen.listing.told == told
    assert screen._marks == (set() if told and told[0][0] == "show" else {1})
    assert [each[0] for each in screen._rows.done] == (["columns"] if told and told[0][0] == "show" else [])
    assert app.told == (["focus Rowed"] if act == "_typed" else [])


def test_lists_are_chosen_in_windows() -> None:
    """The filter line opens with the filter that holds; a window that is left changes nothing."""
    app = Noted(view=SimpleNamespace(failures=lambda: [("no label", 3)]))
    screen = emails(
        app,
        listing=Read(typed=TYPED, order=Order("date")),
        _line=SimpleNamespace(open=app.told.append),
        is_current=True,
    )
    screen.do_find()
    screen.do_sort()
    app.answer(None)
    app.answer(Order("from"))
    assert (app.told, app.windows[0][0]._order) == (["state:failed", "SortBy"], Order("date"))
    screen.do_causes()
    app.answer(None)
    app.answer("no label")
    assert (app.told[2:], app.windows[1][0]._causes) == (["Causes"], [("no label", 3)])
    assert screen.listing.told == [("sort", Order("from")), ("show", KINDS[1], Filter((Term("cause", "no label"),)))]
    screen.is_current = False
    screen.do_causes()
    assert len(app.windows) == 2


@pytest.mark.parametrize(
    ("state", "told", "marks"),
    [
        ({"focused": None}, ["focus Rowed"], {1}),
        ({}, ["hint"], set()),
        ({"_marks": set(), "listing": Read(typed=TYPED)}, [], set()),
        ({"_marks": set()}, ["back"], set()),
    ],
    ids=["from the record", "marks", "filter", "leave"],
)
def test_back_goes_from_the_record_to_marks_filter_and_out(state: Any, told: list[str], marks: set[int]) -> None:
    """One after the other."""
    app = Noted()
    rows = Rowed()
    screen = emails(app, rows, **{"focused": rows, "_marks": {1}, **state})
    screen.do_back()
    assert (app.told, screen._marks) == (told, marks)
    assert screen.listing.told == ([("show", KINDS[0], Filter())] if screen.listing.typed == TYPED else [])


@pytest.mark.parametrize(
    ("ids", "marks", "looked", "told", "after"),
    [
        (None, {1, 2}, 1.0, ["hint"], set()),
        (None, set(), 1.0, ["Choose a kind with f or a filter with / first; M then marks what it finds."], set()),
        (array("I", [4]), set(), 0.9, ["Choose a kind with f or a filter with / first; M then marks what it finds."], set()),
        (array("I", [4, 5]), set(), 1.0, ["hint"], {4, 5}),
        (array("I", range(50_000)), set(), 1.0, ["hint"], set(range(50_000))),
        (array("I", range(50_001)), set(), 1.0, ["warning: 50,001 are too many to mark: 50,000 are the most. Filter more."], set()),
    ],
    ids=count(),
)  # fmt: skip
def test_all_that_a_filter_finds_is_marked(ids: Any, marks: Any, looked: float, told: list[str], after: Any) -> None:
    """As many as a command can take, once the search is through; where something is marked, it is cleared."""
    app = Noted()
    screen = emails(app, _marks=marks, listing=Read(ids=ids, looked=looked))
    screen.do_mark_all()
    assert (app.told, screen._marks) == (told, after)


def test_a_text_is_marked_and_the_cursor_moves_on() -> None:
    """A mark is taken back by the same key; without a text nothing is marked."""
    app = Noted()
    rows = Rowed(3, selected=SimpleNamespace(value=email(8)))
    screen = emails(app, rows)
    screen.do_mark()
    assert (screen._marks, rows.done, screen._bar.scoped.marked) == ({8}, ["redrawn", ("moved", 1)], 1)
    screen.do_mark()
    assert (screen._marks, screen._bar.scoped.marked) == (set(), 0)
    rows.selected = None
    screen.do_mark()
    assert (screen._marks, len(rows.done), screen.selected()) == (set(), 4, None)
    rows.selected = SimpleNamespace(value="no email")
    assert screen.selected() is None


def test_a_command_is_about_the_marked_texts_or_the_one_under_the_cursor() -> None:
    """The marks are cleared once it is sent."""
    app = Noted()
    rows = Rowed(3, selected=SimpleNamespace(value=email(8)))
    screen = emails(app, rows, _marks={5, 2})
    screen.acted()
    assert screen._marks == set()
    screen.acted()
    assert (rows.done, app.told) == (["redrawn"], ["hint"])
    real = made(EmailsScreen, app, _rows=rows, item="email", beside=True, data=DATA)
    real._rows, real._marks = rows, {5, 2}
    assert real.targets() == Targets((2, 5), item="email")
    real._marks = set()
    assert real.targets() == Targets((8,), email(8), "email")
    rows.selected = None
    assert real.targets() == Targets(())


@pytest.mark.parametrize(
    ("ids", "looked", "listed"),
    [(None, 1.0, ("all 40 emails of the run", None)), (array("I", [4]), 1.0, ("all 1 email of the list", array("I", [4]))), (array("I", [4]), 0.9, None)],
    ids=count(),
)  # fmt: skip
def test_the_whole_list_can_be_saved_once_it_is_known(ids: Any, looked: float, listed: Any) -> None:
    """All of the run, or what was found."""
    assert emails(Noted(), listing=Read(ids=ids, looked=looked)).listed() == listed


@pytest.mark.parametrize(("width", "alone", "beside"), [(149, False, False), (150, False, True), (150, True, False)])
def test_the_record_stands_beside_the_list_where_there_is_room(width: int, alone: bool, beside: bool) -> None:
    """From 150 columns on, unless the list is to stand alone."""
    assert emails(Noted(), size=SimpleNamespace(width=width), has_class=lambda _: alone).beside is beside


@pytest.mark.parametrize(
    ("alone", "told"), [(True, ["-alone", "focus Rowed", "beside"]), (False, ["-alone", "beside"])]
)
def test_the_list_stands_alone_or_beside_its_record(alone: bool, told: list[str]) -> None:
    """Alone it has the focus."""
    app = Noted()
    emails(app, has_class=lambda _: alone, toggle_class=app.told.append).do_beside()
    assert app.told == told


def test_keys_and_clicks_of_the_list_reach_record_and_action() -> None:
    """The record beside is turned; a double click opens it."""
    app = Noted()
    screen = emails(
        app,
        Rowed(selected=SimpleNamespace(value=email(8))),
        _beside=SimpleNamespace(turn=lambda: app.told.append("turned")),
    )
    screen.do_raw()
    screen.on_rows_moved()
    screen.on_rows_chosen()
    screen.do_open()
    assert app.told == ["turned", "hint", "beside", "performs open", "RecordScreen"]
    assert (app.windows[0][0]._row, app.windows[0][0]._neighbor) == (email(8), screen.neighbor)
    screen._rows.selected = None
    screen.do_open()
    assert len(app.windows) == 1


@pytest.mark.parametrize(("cursor", "step", "row"), [(3, 1, email(8)), (0, -1, None), (39, 1, None)], ids=count())
def test_a_neighbor_is_the_row_that_the_cursor_moves_to(cursor: int, step: int, row: Any) -> None:
    """None at the ends of the list, or where its page is not read."""
    rows = Rowed(cursor, selected=SimpleNamespace(value=email(8)))
    assert emails(Noted(), rows).neighbor(step) == row
    rows.cursor, rows.selected = 3, None
    assert emails(Noted(), rows).neighbor(1) is None


def test_the_context_of_the_list_counts_marks() -> None:
    """And says whether the record stands beside it."""
    app = Noted()
    app.context = lambda scope, selected: Context(scope, SNAPSHOT, selected)  # type: ignore[attr-defined]
    screen = made(EmailsScreen, app, size=SimpleNamespace(width=150), has_class=lambda *_: False)
    screen._marks = {1, 2}
    found = screen.context()
    assert (found.scope, found.marked, found.beside, found.width) == (Scope.EMAILS, 2, True, 150)


def test_without_an_email_under_the_cursor_no_record_stands_beside() -> None:
    """It is cleared."""
    told: list[Any] = []
    screen = bare(
        EmailsScreen,
        Noted(),
        beside=True,
        selected=lambda: None,
        _record_asked=None,
        _beside=SimpleNamespace(show=lambda *given: told.append(given)),
    )
    screen._show_beside()
    assert told == [(None, None, 0.0)]


# -- acting on texts and their records -----------------------------------------------------------------------------------


def test_a_label_is_given_with_its_note() -> None:
    """To what the key acts on; the list may clear its marks."""
    app = Noted()
    sent: list[Any] = []
    app.send = lambda command, what="": sent.append((command, what))  # type: ignore[method-assign]
    app.view_state.snapshot = SNAPSHOT
    acted: list[int] = []
    screen = bare(EmailEditing, app, targets=lambda: Targets((7, 8), None), acted=lambda: acted.append(1), item="email")
    screen.do_label()
    app.answer(None)
    app.answer(("1", "see thread"))
    assert (app.told, len(acted), sent[0][1]) == (["GiveLabel"], 1, "label 1 for 2 marked emails")
    assert sent[0][0] == Label((7, 8), "1", "see thread")
    assert (app.windows[0][0]._row, app.windows[0][0]._many) == (None, "2 marked emails")


@pytest.mark.parametrize(
    ("act", "question", "yes"),
    [
        ("do_retry", "Requeue the failed ones of 2 marked emails? Each costs calls.", "Requeue"),
        ("do_ask_again", "Re-label those of 2 marked emails that an older version of the task labeled? Each costs a call; earlier labels are kept in the history.", "Re-label"),
    ],
    ids=count(),
)  # fmt: skip
def test_a_question_says_what_it_costs(act: str, question: str, yes: str) -> None:
    """And how many texts it is about."""
    app = Noted()
    getattr(bare(EmailEditing, app, targets=lambda: Targets((7, 8), None), acted=lambda: None, item="email"), act)()
    assert (app.windows[0][0]._question, app.windows[0][0]._yes) == (question, yes)


def test_of_several_changes_all_are_undone_after_a_question() -> None:
    """A clock that was set back makes no negative age."""
    change = SimpleNamespace(count=3, what="a skip", at=NOW + 90)
    app = Noted(view=SimpleNamespace(last_change=lambda who: change if who == "ana" else None))
    bare(EmailEditing, app, item="email", is_current=True).do_undo()
    assert app.windows[0][0]._question == "Undo a skip of 3 emails, 0.0 s ago? Those that changed since stay."
    app.answer(True)
    assert app.told == ["Confirm", "sends Undo undoing a skip"]


def test_texts_are_copied_in_pages_of_five_hundred() -> None:
    """One line each."""
    pages: list[int] = []
    copied: list[Any] = []

    def rows(ids: Any) -> list[Any]:
        pages.append(len(ids))
        return [email(n) for n in ids]

    app = Noted(view=SimpleNamespace(rows=rows))
    bare(
        EmailEditing,
        app,
        item="email",
        targets=lambda: Targets(tuple(range(1_001)), None),
        copy=lambda *given: copied.append(given),
    ).do_copy()
    ((what, text),) = copied
    assert (what, pages, text.count("\n"), "<1000@example.org>" in text) == ("1,001 emails", [500, 500, 1], 1002, True)


def test_a_file_of_texts_is_proposed_beside_the_run() -> None:
    """Marked ones first, then the whole list; nothing is written without a run, or where the window is left."""
    app = Noted(save=40)
    app.page = SimpleNamespace(there=False)  # type: ignore[attr-defined]
    app.view_state.snapshot = replace(SNAPSHOT, labeled=6_000)
    screen = bare(
        EmailEditing,
        app,
        item="email",
        targets=lambda: Targets((7,), email(7)),
        listed=lambda: ("all 40 emails of the run", None),
    )
    screen.do_save()
    app.answer(None)
    app.answer(("~/rows.csv", 1))
    window = app.windows[0][0]
    assert (window._choices, Path(window._proposed).name) == (
        ["this email", "all 40 emails of the run"],
        "run-emails.csv",
    )
    assert app.told == ["SaveAs", "save", f"40 emails written to {Path('~/rows.csv').expanduser()}"]
    app.view_state.snapshot = SimpleNamespace(total=5_001)
    screen.do_save()
    app.answer(("rows.csv", 1))
    assert app.told[-1] == "Writing 5,001 emails to rows.csv …"
    app.view_state.snapshot = None
    screen.do_save()
    app.answer(("rows.csv", 1))
    assert app.told[-1] == "40 emails written to rows.csv"
    nowhere = Noted(path=None)
    nowhere.page = app.page  # type: ignore[attr-defined]
    bare(EmailEditing, nowhere, targets=lambda: Targets(()), listed=lambda: None).do_save()
    assert nowhere.told == []


def test_what_a_key_acts_on_is_the_selected_text() -> None:
    """None where there is none; a screen without a list has none to save."""
    screen = bare(EmailEditing, Noted(), selected=lambda: email(7), item="email")
    assert (screen.targets(), screen.listed()) == (Targets((7,), email(7), "email"), None)
    assert bare(EmailEditing, Noted(), selected=lambda: "key").targets() == Targets(())


def test_a_record_follows_the_list_behind() -> None:
    """At its ends it says so."""
    app = Noted(view=SimpleNamespace(record=lambda n: replace(RECORD, row=email(n))))
    rows = {1: email(8), -1: None}
    read: list[Any] = []
    screen = bare(
        RecordScreen, app, _row=email(7), _neighbor=rows.get, _arrived=lambda record: read.append(record.row.id)
    )
    screen.do_next()
    assert (screen.selected(), read) == (email(8), [8])
    screen.do_previous()
    rows[1] = None
    screen.do_next()
    assert (app.told, read) == (["This is the first row of the list.", "This is the last row of the list."], [8])


def test_a_record_is_read_when_it_opens_and_copied_as_it_is_shown() -> None:
    """The focus is on its message; nothing is copied before it was read."""
    app = Noted(view=SimpleNamespace(record=lambda n: RECORD))
    parts, copied, turned = Parts(), [], []
    screen = made(RecordScreen, app, email(7), query_one=parts, _arrived=lambda _, record: app.told.append(record.text),
                  copy=lambda _, *given: copied.append(given))  # fmt: skip
    screen.on_mount()
    assert screen.focused_by_test == [parts.of["#message"]]
    screen.do_copy()
    screen._record = RECORD
    type(screen).item = "email"
    screen._view = SimpleNamespace(raw=False, turn=lambda: turned.append(1), requested=turned.append)
    screen.do_copy()
    screen.do_raw()
    assert ([what for what, _ in copied], "Could you send it?" in copied[0][1], turned) == (["Email 7"], True, [1])
    screen._attempts_seen = 3
    screen.show(
        SimpleNamespace(
            view_state=SimpleNamespace(snapshot=None),
            requested=(SimpleNamespace(what="skip"), SimpleNamespace(what=""), SimpleNamespace(what="note")),
        )
    )
    assert (turned[1:], screen._attempts_seen) == (["skip, note"], 3)


def test_rows_are_read_one_after_the_other() -> None:
    """None before the first and behind the last."""
    screen = reading([email(3), email(5)])
    assert screen._row == email(3)
    assert [screen._neighbor(step) for step in (-1, 1, 1, -1, -1)] == [None, email(5), None, email(3), None]


def test_a_record_says_what_is_requested_in_its_border() -> None:
    """Message and history have their titles from the beginning."""
    parts = Parts()
    view = bare(RecordView, Noted(), query_one=parts, _record=None, raw=False)
    view.on_mount()
    assert (parts.of["#message"].border_title, parts.of["#history"].border_title.plain) == (
        "Message as sent",
        "Attempts and labels",
    )
    view.requested("skip")
    assert parts.of["#history"].border_title.plain == "◔ requested: skip"
    view.show(RECORD, TASK, NOW)
    assert (view.record is RECORD, str(parts.of["#message"].border_title)) == (True, "Message as sent · 18 characters")
    view.turn()
    assert (view.raw, parts.of["#message-text"].shown.splitlines()) == (
        True,
        [
            "· pending",
            "Subject of message 7",
            "person0@example.org · Mon, 14 May 2001 16:39:00 -0700",
            "",
            "raw",
            "",
            "id <7@example.org> · number 7 · place 7",
        ],
    )
    view.show(None, None, 0.0)
    assert (view.record, parts.of["#message-text"].shown, parts.of["#history-text"].shown) == (None, "", "")
    untouched = Parts()
    bare(RecordView, Noted(), query_one=untouched, _record=RECORD, **GONE)._draw()
    assert untouched.of == {}


# -- the filter and the bar -----------------------------------------------------------------------------------------------


def test_a_filter_is_found_once_it_can_be_read() -> None:
    """What is wrong with it is said while it is typed; esc keeps the former one."""
    told: list[Any] = []
    line = bare(FilterLine, Noted(), _done=told.append, _input=Part(), _said=Part())
    line.on_mount()
    assert line.display is False
    line.open("state:failed")
    assert (line.display, line._input.value, line._input.done) == (True, "state:failed", ["focus"])
    line.on_input_changed()
    assert toned(line._said.content) == "<$quiet>enter find · esc cancel"
    line._input.value = "state:none"
    line.on_input_changed()
    line.on_input_submitted(SimpleNamespace(stop=lambda: told.append("stopped")))
    assert (toned(line._said.content), line.display, told) == (
        "<$waiting>state: is one of pending, labeled, failed, skipped, not “none”.",
        True,
        ["stopped"],
    )
    line._input.value = "state:failed"
    line.on_input_submitted(SimpleNamespace(stop=lambda: told.append("stopped")))
    assert (line.display, told[1:]) == (False, ["stopped", "state:failed"])
    line.display = True
    line.action_leave()
    assert (line.display, told[3:]) == (False, [None])
    assert [type(each).__name__ for each in composed(made(FilterLine, Noted(), told.append))] == ["Input", "Static"]


@pytest.mark.parametrize(("gone", "drawn"), [({}, 1), (GONE, 0)], ids=["there", "left"])
def test_the_bar_of_a_list_is_drawn_while_it_is_there(gone: Any, drawn: int) -> None:
    """Nothing before anything is known."""
    told: list[int] = []
    bare(ScopeBar, Noted(), redraw=lambda: told.append(1), **gone).watch_scoped()
    assert len(told) == drawn
    assert ScopeBar.lines(SimpleNamespace(scoped=None), 80, 2) == []  # type: ignore[arg-type]


def test_a_record_is_read_and_drawn_with_the_time_of_the_picture() -> None:
    """The keys follow it; before any picture there is no time."""
    shown: list[Any] = []
    app = Noted()
    for data, now in ((DATA, NOW), (None, 0.0)):
        screen = bare(RecordScreen, app, _record=None, _row=email(7), data=data, asked_task=lambda: TASK, hint=lambda: app.told.append("hint"), _view=SimpleNamespace(show=lambda *given: shown.append(given)))  # fmt: skip
        screen._arrived(RECORD)
        assert (shown[-1], screen._record, screen._row) == ((RECORD, TASK, now), RECORD, RECORD.row)
    assert app.told == ["hint", "hint"]
    steps: list[int] = []
    walking = bare(RecordScreen, app, _turn=steps.append)
    walking.do_next()
    walking.do_previous()
    assert (steps, made(RecordScreen, app, email(7))._attempts_seen) == ([1, -1], -1)


def test_a_turned_list_shows_the_page_of_its_cursor() -> None:
    """To the row: the first page ends with the two hundredth."""
    for cursor, offset in ((300, 0), (299, 200), (499, 0), (0, 400)):
        ids = array("I", range(500))
        rows = Shown(cursor)
        found = listing(rows, ids=ids, _coming=ids)
        told: list[int] = []
        found._changed = lambda told=told: told.append(1)  # type: ignore[misc]
        found.sort(WORK_ORDER.reversed)
        assert rows.done[0][:3] == ("again", 500, offset)
        assert told == [1]
    empty = Shown()
    found = listing(empty, ids=array("I"), _coming=array("I"))
    found._swap(array("I"), 7)
    assert empty.done == [("again", 0, 0, 0)]
    found._swap(array("I", [1]), -7)
    assert empty.done[1:] == [("again", 1, 0, 1)]
    found._swap(array("I", range(200)), 900)
    assert empty.done[2][:3] == ("again", 200, 0)


@pytest.mark.parametrize(("snapshot", "settled"), [(SNAPSHOT, 20), (None, 0)])
def test_what_was_done_is_counted_from_the_reading_on(snapshot: Any, settled: int) -> None:
    """From nothing before the run was read."""
    found = listing(Shown())
    found._app.view_state.snapshot = snapshot  # type: ignore[misc]
    found.read()
    assert found.read_at_settled == settled


@pytest.mark.parametrize(("kind", "why"), [(0, False), (1, True)])
def test_rows_of_failures_say_why(kind: int, why: bool) -> None:
    """In place of label and date; marked ones have a dot."""
    screen = emails(Noted(), listing=Read(kind=KINDS[kind]), _marks={7}, _headed=frozenset({"from", "date"}))
    row = screen._row(email(7, EmailState.FAILED))
    assert (any("no valid label" in text for text, _ in row.cells), row.cells[0][0]) == (why, "●7")


@pytest.mark.parametrize(("more", "words"), [(1, "1 more now · u updates"), (-1, "1 fewer now · u updates"), (0, "")])
def test_a_list_says_how_many_more_there_are(more: int, words: str) -> None:
    """Or fewer; a search says how far it is."""
    assert Scoped(KINDS[0], 1, 1, more, ()).waiting == words
    assert Scoped(KINDS[0], 1, 1, more, (), looked=0.37).waiting == "searching … 37 %"
    assert Scoped(KINDS[0], 1, 1, more, (), typed="x", stirred=1_200).waiting == "1,200 done since · u updates"


@pytest.mark.parametrize(("width", "message", "history"), [(20, 30, 30), (32, 30, 30), (62, 60, 60)])
def test_a_record_is_thirty_cells_wide_at_least(width: int, message: int, history: int) -> None:
    """Two cells are left to padding and a scroll bar."""
    parts = Parts(width)
    record = replace(RECORD, row=replace(email(7), subject="s " * 90))
    bare(RecordView, Noted(), query_one=parts, _record=record, raw=False, _task_shown=TASK, _now=NOW)._draw()
    assert max(len(row) for row in parts.of["#message-text"].shown.split("\n")[1:3]) == message - 1
    assert "no call yet" in parts.of["#history-text"].shown
