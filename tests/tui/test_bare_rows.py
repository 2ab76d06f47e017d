"""What a list of rows, a pane and the lines around a screen do on their own, without a console."""

from __future__ import annotations

from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from textual.content import Content
from textual.geometry import Region, Size
from textual.style import Style

from tests.tui.bare import ATTACHED, GONE, Noted, bare, made
from tests.tui.conftest import toned
from tui.actions import active  # noqa: F401 - it names the keys
from tui.text.clauses import Clause
from tui.text.state_sentence import StateSentence
from tui.widgets import footer, state_line
from tui.widgets.lists import rows as of_rows
from tui.widgets.lists.rows import PAGE, HeldPages, ListColumn, Row, Rows
from tui.widgets.panes.follow_ups import FollowUpsPane, follow_up_facts
from tui.widgets.panes.pane import LinesWidget, Pane

COLUMNS = (ListColumn("name", 0, key="name"), ListColumn("count", 6, right=True, key="count"))


def row(n: int, *, selectable: bool = True, text: str = "") -> Row:
    """A row by its number."""
    return Row(n, ((text or f"row {n}", "$foreground"), (str(n), "$quiet")), n, selectable=selectable)


def listed(count_: int = 0, *, top: int = 0, height: int = 11, page: int = 0, **state: Any) -> tuple[Any, list[Any]]:
    """A list that notes what it redraws, posts and scrolls."""
    told: list[Any] = []
    noting = {
        "refresh": lambda _, *given, **named: told.append("refresh"), "refresh_lines": lambda _, y, n=1: told.append(("line", y)), "post_message": lambda _, message: told.append(type(message).__name__),
        "scroll_to": lambda _, *, y, animate: told.append(("scroll", y, animate)), "call_later": lambda _, call: call(), "size": Size(40, height), "scroll_offset": SimpleNamespace(y=float(top)),
        "is_mounted": True, "has_focus": True, "watch_cursor": None, "virtual_size": None,
    }  # fmt: skip
    made_ = made(
        type("Made", (Rows,), {"__init__": lambda self: Rows.__init__(self, COLUMNS, empty="\n nothing here")}),
        Noted(),
        **{**noting, **state},
    )
    if count_:
        made_._pages.fill([row(n) for n in range(count_)])
        made_._count = count_
    told.clear()
    return made_, told


# -- feeding ------------------------------------------------------------------------------------------------------------


def test_a_new_list_is_empty_and_unsorted() -> None:
    """It neither grows nor leads."""
    found, _ = listed()
    assert (found.count, found.growing, found.led, found._sorted_by, found.empty, found.selected, found.cursor) == (
        0,
        False,
        False,
        ("", False),
        "\n nothing here",
        None,
        0,
    )


def test_the_cursor_follows_its_row_when_all_are_set() -> None:
    """The same rows are not drawn again; the size follows their number."""
    found, told = listed()
    found.set_rows([row(n) for n in range(5)])
    assert (found.count, found.cursor, found.virtual_size, told) == (5, 0, Size(0, 6), ["refresh"])
    found.cursor = 3
    found.set_rows([row(n) for n in range(5)])
    assert told == ["refresh"]
    found.set_rows([row(9), *(row(n) for n in range(5))])
    assert (found.cursor, found.selected.id, told) == (4, 3, ["refresh"] * 2)
    found.set_rows([row(n) for n in range(3)])
    assert (found.cursor, found.count, found.virtual_size) == (2, 3, Size(0, 4))
    found.set_rows([])
    found.set_rows([])
    assert (found.count, found.selected, told) == (0, None, ["refresh"] * 5)
    found.set_rows([row(0, selectable=False), row(1)])
    assert found.cursor == 1


def test_columns_and_the_sorted_one_are_drawn_where_they_changed() -> None:
    """The head alone for another order."""
    found, told = listed(3)
    found.set_columns(COLUMNS)
    found.set_sorted("", descending=False)
    assert told == []
    found.set_columns(COLUMNS[:1])
    found.set_sorted("name", descending=False)
    found.set_sorted("name", descending=True)
    found.set_sorted("name", descending=True)
    assert (told, found._columns, found._sorted_by) == (
        ["refresh", ("line", 0), ("line", 0)],
        COLUMNS[:1],
        ("name", True),
    )


@pytest.mark.parametrize(
    ("forget", "growing", "to_end", "before", "cursor", "stays"),
    [
        (True, False, False, 5, 5, False),
        (False, True, True, 5, 99, True),
        (False, False, True, 5, 99, False),
        (True, True, False, 300, 99, False),
    ],
    ids=count(),
)
def test_a_list_that_grows_keeps_its_cursor_at_the_end(
    forget: bool, growing: bool, to_end: bool, before: int, cursor: int, stays: bool
) -> None:
    """Where it was sent there; fetched pages are dropped unless they are kept."""
    found, told = listed(10)
    found.cursor, found._to_end = before, to_end
    found.set_count(100, forget=forget, growing=growing)
    assert (found.count, found.cursor, found.growing, found._to_end, told) == (100, cursor, growing, stays, ["refresh"])
    assert (found.row_at(3) is None, found.virtual_size) == (forget, Size(0, 101))


def test_an_empty_list_still_knows_that_its_end_is_wanted() -> None:
    """Until it has rows."""
    found, _ = listed(10)
    found._to_end = True
    found.set_count(0)
    assert (found._to_end, found.cursor) == (True, 0)


def test_a_list_begins_again_with_its_row_on_the_same_line() -> None:
    """Where that row is on the page that came; else the cursor stays at its place."""
    found, told = listed(50, top=10)
    found.cursor = 14
    found.begin_again(500, 200, [row(n + 1_000) for n in range(20)] + [row(14)])
    assert (found.cursor, told[-1], found.count) == (220, ("scroll", 216, False), 500)
    found, told = listed(50, top=0)
    found.cursor = 14
    found.begin_again(500, 0, [row(n) for n in range(200)])
    assert (found.cursor, [each for each in told if each[0] == "scroll"]) == (14, [])
    found, told = listed(50, top=10)
    found.cursor = 14
    found.begin_again(500, 0, [row(14)])
    assert (found.cursor, told[-1]) == (0, ("scroll", 0, False))
    found, told = listed(50)
    found.cursor = 14
    found.begin_again(500, 200, [row(900)])
    assert found.cursor == 14


@pytest.mark.parametrize(
    ("cursor", "offset", "told"),
    [(10, 0, ["refresh", "Moved"]), (10, PAGE, ["refresh"]), (PAGE, PAGE, ["refresh", "Moved"])],
    ids=count(),
)
def test_a_page_that_came_under_the_cursor_is_told(cursor: int, offset: int, told: list[str]) -> None:
    """Not twice."""
    found, seen = listed()
    found._count = 500
    found.cursor = cursor
    found.set_page(offset, [row(n) for n in range(5)])
    found.set_page(offset, [row(n) for n in range(5)])
    assert (seen, len(found.rows_from(offset))) == (told, 5)


def test_rows_in_memory_are_made_anew() -> None:
    """And drawn."""
    found, told = listed(3)
    found.redraw_rows(lambda each: row(each.id + 10))
    assert ([found.row_at(n).id for n in range(3)], told) == ([10, 11, 12], ["refresh"])


# -- moving ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("act", "given", "cursor", "after"),
    [
        ("action_move", 1, 5, 6), ("action_move", -1, 5, 4), ("action_move", -1, 0, 0), ("action_move", 1, 49, 49),
        ("action_page", 1, 5, 14), ("action_page", -1, 14, 5), ("action_page", -1, 3, 0), ("action_page", 1, 45, 49),
        ("action_jump", 0, 5, 0), ("action_jump", 1, 5, 49),
    ],
    ids=count(),
)  # fmt: skip
def test_the_cursor_moves_by_rows_pages_and_to_the_ends(act: str, given: int, cursor: int, after: int) -> None:
    """A page is what is in sight but for two rows."""
    found, _ = listed(50)
    found.cursor, found._to_end = cursor, True
    getattr(found, act)(given)
    assert (found.cursor, found._to_end) == (after, False)
    low, _ = listed(50, height=2)
    low.action_page(1)
    assert low.cursor == 1


@pytest.mark.parametrize(("size", "growing", "to_end"), [(50, False, False), (50, True, True), (0, False, True)])
def test_the_end_of_a_list_that_grows_is_kept(size: int, growing: bool, to_end: bool) -> None:
    """Or of one that is empty still."""
    found, _ = listed(size)
    found.growing = growing
    found.action_jump(1)
    assert found._to_end is to_end
    found.action_jump(0)
    assert found._to_end is False


@pytest.mark.parametrize(
    ("y", "chain", "cursor", "told"),
    [
        (1, 1, 20, []),
        (5, 2, 24, ["Chosen"]),
        (5, 1, 24, []),
        (0, 1, 5, ["HeadChosen"]),
        (11, 1, 5, []),
        (10, 2, 29, ["Chosen"]),
    ],
    ids=count(),
)
def test_a_click_goes_to_its_row_and_a_double_click_chooses_it(
    y: int, chain: int, cursor: int, told: list[str]
) -> None:
    """One on the head asks for another order; below the last row there is nothing."""
    found, seen = listed(30, top=20)
    found.cursor = 5
    found.on_click(SimpleNamespace(x=3, y=y, chain=chain))
    assert (found.cursor, [each for each in seen if isinstance(each, str)]) == (cursor, told)


def test_a_click_on_a_row_that_cannot_be_chosen_does_nothing() -> None:
    """Nor one on the head of an empty list."""
    found, seen = listed()
    found.on_click(SimpleNamespace(x=3, y=0, chain=2))
    found.set_rows([row(0, selectable=False), row(1)])
    seen.clear()
    found.on_click(SimpleNamespace(x=3, y=1, chain=2))
    assert (found.cursor, seen) == (1, [])


@pytest.mark.parametrize(
    ("before", "after", "top", "told"),
    [
        (3, 4, 0, [("line", 4), ("line", 5), "Moved"]),
        (3, 9, 0, [("line", 4), ("line", 10), "Moved"]),
        (3, 10, 0, [("line", 4), ("line", 11), ("scroll", 1, False), "Moved"]),
        (30, 19, 20, [("line", 31), ("line", 20), ("scroll", 19, False), "Moved"]),
        (30, 20, 20, [("line", 31), ("line", 21), "Moved"]),
    ],
    ids=count(),
)
def test_the_cursor_stays_in_sight(before: int, after: int, top: int, told: Any) -> None:
    """Both rows are drawn again, and the move is told."""
    found, seen = listed(50, top=top)
    Rows.watch_cursor(found, before, after)
    assert seen == told
    left, seen = listed(50, is_mounted=False)
    Rows.watch_cursor(left, 1, 30)
    assert seen == []


def test_the_head_has_a_line_of_its_own_in_a_list_of_one_row() -> None:
    """Where the window is very low."""
    found, seen = listed(50, height=1)
    Rows.watch_cursor(found, 0, 1)
    assert seen[2] == ("scroll", 1, False)


@pytest.mark.parametrize("act", ["on_focus", "on_blur"])
def test_the_cursor_is_drawn_anew_with_the_focus(act: str) -> None:
    """It is marked where the keys go."""
    found, seen = listed(5)
    getattr(found, act)()
    found.on_resize()
    assert (seen, found.virtual_size) == (["refresh"], Size(0, 6))


def test_a_page_is_asked_for_once() -> None:
    """By its first row and its length."""
    asked: list[Any] = []
    found, _ = listed(post_message=lambda _, message: asked.append((message.offset, message.limit)))
    found._want(2)
    found._want(2)
    found._want(0)
    assert asked == [(400, 200), (0, 200)]


# -- drawing ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines are drawn as their parts."""
    monkeypatch.setattr(of_rows, "drawn", lambda content, width, style: (toned(content).rstrip(), width, style))


def lines(found: Any, *which: int) -> list[str]:
    """Lines of a list as they are drawn."""
    return [found.render_line(y)[0] for y in which]


def drawing(count_: int = 3, **state: Any) -> Any:
    """A list that draws in named styles."""
    found, _ = listed(count_, _style_of=lambda _, name="": name, visual_style=Style(), **state)
    return found


@pytest.mark.usefixtures("shown")
def test_rows_are_drawn_below_the_head_with_a_mark_on_the_cursor() -> None:
    """From the first in sight; below the last it is blank."""
    found = drawing(30)
    found.cursor = 1
    assert lines(found, 0, 1, 2) == [
        "<> name                            count",
        "<> <$foreground>row 0                         <> <$quiet>     0<>",
        "<bold $accent>▸<$foreground>row 1                         <> <$quiet>     1<>",
    ]
    assert [found.render_line(y)[2] for y in (0, 1, 2)] == ["rows--head", "", "rows--cursor"]
    scrolled = drawing(30, top=20)
    assert lines(scrolled, 1, 10) == [
        "<> <$foreground>row 20                        <> <$quiet>    20<>",
        "<> <$foreground>row 29                        <> <$quiet>    29<>",
    ]
    assert scrolled.render_line(11).text == " " * 40
    assert scrolled.render_line(1) is scrolled.render_line(1)


@pytest.mark.usefixtures("shown")
def test_the_cursor_is_marked_where_the_keys_go() -> None:
    """In a list that is led by a field too."""
    marks = []
    for focus, led in ((True, False), (False, True), (False, False)):
        found = drawing(3, has_focus=focus)
        found.led = led
        marks.append("▸" in found.render_line(1)[0])
    assert marks == [True, True, False]


@pytest.mark.usefixtures("shown")
def test_what_is_not_in_memory_is_asked_for_while_dots_are_shown() -> None:
    """By its page."""
    asked: list[int] = []
    found = drawing(0, _want=lambda _, page: asked.append(page))
    found._count = 500
    assert lines(found, 1) == ["<$faint> …"]
    found.scroll_offset.y = 399.0
    found.render_line(2)
    assert asked == [0, 2]


@pytest.mark.usefixtures("shown")
def test_an_empty_list_says_why_in_twenty_cells_at_least() -> None:
    """It has no head."""
    found = drawing(0)
    found.empty = "one line of words that is long\n  and another"
    assert (lines(found, 1, 2, 3, 4), found.render_line(0).text) == (
        ["<$quiet> one line of words that is long", "<$quiet>   and another", "<$quiet>", "<$quiet>"],
        " " * 40,
    )
    narrow = drawing(0)
    type(narrow).size = Size(10, 11)
    narrow.empty = "one line of words that is long"
    assert lines(narrow, 1, 2) == ["<$quiet> one line of words", "<$quiet> that is long"]


def test_a_reversed_style_stays_reversed() -> None:
    """Which Textual leaves out of a visual style."""
    styles = SimpleNamespace(text_style=SimpleNamespace(reverse=True))
    found, _ = listed(
        get_visual_style=lambda _, name: Style(bold=True),
        get_component_styles=lambda _, name: styles,
        visual_style=Style(dim=True),
    )
    assert (found._style_of(""), found._style_of("rows--cursor")) == (Style(dim=True), Style(bold=True, reverse=True))
    styles.text_style.reverse = False
    assert found._style_of("rows--cursor") == Style(bold=True)


@pytest.mark.usefixtures("shown")
def test_a_drawn_row_is_drawn_again_where_anything_of_it_changed() -> None:
    """Its cells, the cursor, or the columns."""
    found = drawing(3)
    first = found.render_line(2)
    assert found.render_line(2) is first
    found._columns = COLUMNS[:1]
    second = found.render_line(2)
    assert second is not first
    found._pages.fill([row(n, text="new") for n in range(3)])
    third = found.render_line(2)
    assert third is not second
    found.cursor = 1
    assert found.render_line(2) is not third
    assert (len(found._strips), of_rows.STRIPS) == (1, 256)


def test_pages_are_held_by_their_place() -> None:
    """A row beyond its page is none."""
    pages = HeldPages()
    pages.fill([row(n) for n in range(PAGE + 3)])
    assert (len(pages), pages.at(PAGE + 2).id, pages.at(PAGE + 3), pages.at(5 * PAGE)) == (2, PAGE + 2, None, None)  # type: ignore[union-attr]
    assert (pages.want(7), pages.want(7), pages.put(7 * PAGE, [row(1)]), pages.want(7)) == (True, False, True, True)
    pages.forget()
    assert (len(pages), pages.want(7), list(pages.rows_from(0))) == (0, True, [])


# -- lines and panes ------------------------------------------------------------------------------------------------------------


class Kept(Pane):
    """A pane of lines."""

    NAME, NUMBER = "Kept", 7

    def heading(self) -> str:
        return str(self.facts)

    def body(self, width: int, height: int) -> list[Content]:
        return [Content(f"{self.facts} in {width} by {height}")]


def paned(**state: Any) -> tuple[Any, list[Any]]:
    """A pane that notes what it draws."""
    told: list[Any] = []
    usual = {
        **ATTACHED,
        "redraw": lambda _: told.append("redraw"),
        "refresh": lambda _, *given, **named: told.append(("refresh", named.get("layout"))),
        "size": Size(30, 4),
        "watch_facts": None,
    }
    pane = made(Kept, Noted(), **{**usual, **state})
    told.clear()
    return pane, told


def test_a_pane_is_titled_with_its_number_name_and_scope() -> None:
    """Between spaces where the border has none."""
    pane, _ = paned()
    titles = [toned(pane._title)]
    pane.framed(True)
    titles.append(toned(pane._title))
    pane.facts = "12 of 40"
    pane._retitle()
    titles.append(toned(pane._title))
    pane.framed(False)
    titles.append(toned(pane._title))
    assert titles == [
        "<> <$quiet>7 <bold>Kept<$quiet><> ",
        "<$quiet>7 <bold>Kept<$quiet>",
        "<$quiet>7 <bold>Kept<$quiet> · 12 of 40",
        "<> <$quiet>7 <bold>Kept<$quiet> · 12 of 40<> ",
    ]
    assert (pane.lines(30, 4)[0].plain, pane.has_class("pane-7")) == ("12 of 40 in 30 by 4", True)
    pane.facts = None
    assert toned(pane.lines(30, 4)[0]) == "<$quiet>reading …"


@pytest.mark.parametrize(
    ("wanted", "height", "told"),
    [
        (None, SimpleNamespace(is_auto=True), ["redraw"]),
        (4, SimpleNamespace(is_auto=True), ["redraw"]),
        (5, SimpleNamespace(is_auto=True), [("refresh", True), "redraw"]),
        (5, SimpleNamespace(is_auto=False), [("refresh", False), "redraw"]),
        (5, None, ["redraw"]),
    ],
    ids=count(),
)
def test_a_pane_is_laid_out_anew_where_it_needs_other_rows(wanted: Any, height: Any, told: Any) -> None:
    """Where its height follows them."""
    seen: list[Any] = []
    pane = bare(Kept, Noted(), rows_wanted=lambda: wanted, size=SimpleNamespace(height=4), _retitle=lambda: None, redraw=lambda: seen.append("redraw"),
                refresh=lambda **named: seen.append(("refresh", named["layout"])))  # fmt: skip
    pane.styles = SimpleNamespace(height=height)
    pane.watch_facts()
    assert seen == told
    assert pane.get_content_height(None, None, 30) == (wanted or 2)
    left = bare(Kept, Noted(), **GONE)
    left.watch_facts()


def test_lines_of_a_widget_are_cut_to_its_height_and_blank_below() -> None:
    """Without any size nothing is computed."""
    drawn: list[Any] = []
    widget = bare(
        LinesWidget,
        Noted(),
        size=Size(6, 2),
        _lines=[],
        lines=lambda width, height: [Content(f"line {n} of {width}") for n in range(4)],
        refresh=lambda *given: drawn.append(given),
        visual_style=Style(),
    )
    widget.on_resize()
    assert ([each.plain for each in widget._lines], drawn) == (
        ["line 0 of 6", "line 1 of 6"],
        [(Region(0, 0, 6, 1),), (Region(0, 1, 6, 1),), ()],
    )
    assert [widget.render_line(y).text for y in (0, 1, 2)] == ["line …", "line …", "      "]
    widget.lines = lambda width, height: [Content("one")]
    widget.redraw()
    assert drawn[3:] == [(Region(0, 0, 6, 1),), (Region(0, 1, 6, 1),)]
    for size in (Size(0, 2), Size(6, 0)):
        widget.size = size
        widget.lines = None
        widget.redraw()


def test_lost_calls_are_told_the_most_frequent_first() -> None:
    """Those without an answer, in words."""
    pane = FollowUpsPane()
    pane.set_reactive(FollowUpsPane.facts, follow_up_facts({0: 5}, {"timeout": 2, "rate_limited": 1, "capacity": 9}))
    assert pane.body(60, 5)[-1].plain == "lost calls  capacity 9  timeout 2  429 1  "


# -- the lines on top and below ---------------------------------------------------------------------------------------------------


def test_the_state_line_is_drawn_where_it_is() -> None:
    """Its height follows its sentence."""
    told: list[str] = []
    state = {"_fit": lambda: told.append("fits"), "redraw": lambda: told.append("redraws")}
    bare(state_line.StateLine, Noted(), **state).watch_headline()
    bare(state_line.StateLine, Noted(), **state).on_resize()
    bare(state_line.StateLine, Noted(), **state, **GONE).watch_headline()
    assert told == ["fits", "redraws", "fits"]
    empty = bare(state_line.StateLine, Noted(), headline=None)
    assert (empty._sentence(60), empty.lines(60, 2)) == ([""], [])


@pytest.mark.parametrize(
    ("width", "age_s", "ends"),
    [
        (58, 0.2, "updated 0.2 s ago   16:00:00 "),
        (49, 0.2, "updated 0.2 s ago   16:00:00 "),
        (48, 0.2, "updated 0.2 s ago "),
    ],
    ids=count(),
)
def test_the_time_of_day_is_dropped_where_it_does_not_fit(width: int, age_s: float, ends: str, utc: None) -> None:
    """To the cell."""
    shown = state_line.Headline(
        "enron",
        StateSentence("RUNNING", "▶", "running", "all is well"),
        simulated=False,
        age_s=age_s,
        now=1_764_000_000.0,
    )
    line = SimpleNamespace(headline=shown, _sentence=lambda width: [])
    first = state_line.StateLine.lines(line, width, 1)[0]  # type: ignore[arg-type]
    assert first.plain.endswith(ends)
    assert ("16:00:00" in first.plain) is ("16:00:00" in ends)
    assert first.plain.rstrip() == first.plain[:width].rstrip()


def test_a_window_that_is_too_small_says_what_is_needed() -> None:
    """The worker goes on."""
    widget = SimpleNamespace(screen=SimpleNamespace(size=Size(40, 9)))
    assert [each.plain for each in state_line.TooSmall.lines(widget, 40, 9)] == [  # type: ignore[arg-type]
        " This window is 40 by 9.",
        " 60 by 16 are needed to show more.",
        " The worker is not affected.",
    ]


@pytest.mark.parametrize(
    ("x", "told"),
    [(0, []), (1, ["help"]), (6, ["help"]), (7, []), (9, ["open"]), (59, ["palette"]), (60, [])],
    ids=count(),
)
def test_a_hint_is_clicked_on_its_cells(x: int, told: list[str]) -> None:
    """The palette stands at the right end."""
    seen: list[str] = []
    bar = bare(
        footer.Hints,
        Noted(),
        _places=[(1, 7, "help"), (9, 15, "open"), (50, 60, "palette")],
        post_message=lambda message: seen.append(message.action_id),
        redraw=lambda: seen.append("redraws"),
    )
    bar.on_click(SimpleNamespace(x=x))
    assert seen == told
    bar.watch_hints()
    assert seen == [*told, "redraws"]
    bare(footer.Hints, Noted(), redraw=None, **GONE).watch_hints()


def test_a_page_that_came_anew_is_the_newest() -> None:
    """The one that was fetched longest ago is dropped, twelve are kept."""
    pages = HeldPages()
    for n in range(12):
        pages.put(n * PAGE, [row(n)])
    pages.put(0, [row(99)])
    pages.put(12 * PAGE, [row(12)])
    assert ([n for n in range(13) if pages.at(n * PAGE) is None], len(pages)) == ([1], 12)


def test_a_heading_at_the_top_is_brought_into_sight() -> None:
    """Where no row above can be chosen, the cursor stays."""
    found, told = listed(0)
    found.set_rows([row(0, selectable=False), row(1), row(2)])
    told.clear()
    found.action_move(-1)
    assert (found.cursor, told) == (1, [("scroll", 0, False)])
    found.action_move(1)
    assert (found.cursor, len(told)) == (2, 1)


@pytest.mark.parametrize(("x", "key"), [(0, None), (1, "a"), (6, "a"), (7, "b"), (11, "b"), (12, None)])
def test_a_hidden_column_takes_no_cell_of_the_head(x: int, key: Any) -> None:
    """A column has the blank behind it."""
    columns = (
        ListColumn("hidden", 9, from_width=90, key="x"),
        ListColumn("a", 5, key="a"),
        ListColumn("b", 4, key="b"),
    )
    told: list[Any] = []
    found = bare(
        Rows, Noted(), _columns=columns, size=Size(40, 9), post_message=lambda message: told.append(message.key)
    )
    found._choose_head(x)
    assert told == ([key] if key else [])


@pytest.mark.parametrize(
    ("word", "width", "rows"),
    [
        ("STOPPED", 22, ["a" * 20, "b" * 20]), ("STOPPED", 23, ["a" * 20, "b" * 20]), ("STOPPED", 5, ["a" * 20, "b" * 20]),
        ("STOPPED", 45, [f"{'a' * 20} · {'b' * 20}"]), ("STOPPED", 44, ["a" * 20, "b" * 20]), ("RUNNING", 22, [f"{'a' * 20} · {'b' * 20}"]),
    ],
)  # fmt: skip
def test_a_sentence_has_two_cells_less_than_its_line(word: str, width: int, rows: list[str]) -> None:
    """Twenty at least; one row where it changes all the time."""
    said = StateSentence(word, "■", "quiet", (Clause("a" * 20), Clause("b" * 20)))
    headline = state_line.Headline("enron", said, simulated=False, age_s=0.2, now=0.0)
    assert bare(state_line.StateLine, Noted(), headline=headline)._sentence(width) == rows
    narrow = StateSentence("DONE", "■", "quiet", (Clause("a" * 21),))
    assert bare(
        state_line.StateLine,
        Noted(),
        headline=state_line.Headline("enron", narrow, simulated=False, age_s=0.2, now=0.0),
    )._sentence(5) == ["a" * 20, "a"]


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize(("width", "cells"), [(40, 38), (23, 21), (22, 20), (10, 20)])
def test_an_empty_list_has_two_cells_less_than_its_width(width: int, cells: int) -> None:
    """Twenty at least; one more is a line of its own."""
    found = drawing(0)
    type(found).size = Size(width, 11)
    found.empty = "x" * (cells + 1)
    assert lines(found, 1, 2) == [f"<$quiet> {'x' * cells}", "<$quiet> x"]
