"""What the monitor and the screen of batches do, without a console."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import UsageError
from core.model import LaneChoice, RunState
from tests.tui.bare import GONE, Noted, Part, Parts, bare, composed, made, texts_of
from tests.tui.fakes import KEYS, NOW, TASK, running
from tests.tui.test_bare_windows import MANY
from tests.tui.test_batches_screen import parcel
from tui.actions import active  # noqa: F401 - it names the keys
from tui.actions.context import Context, Scope
from tui.screens import batches, monitor
from tui.screens.monitor import MonitorScreen
from tui.view_state import ViewState

SNAPSHOT = running(40, 20).snapshot(NOW)
CONTEXT = Context(Scope.MONITOR, SNAPSHOT, None, has_run=True)


# -- the monitor ----------------------------------------------------------------------------------------------------------------


class Paned:
    """A pane that keeps its facts."""

    def __init__(
        self, number: str = "1", name: str = "Progress", display: str = "block", *, focus: bool = False
    ) -> None:
        self.NUMBER, self.NAME, self.facts, self.has_focus = number, name, None, focus
        self.styles = SimpleNamespace(display=display)


NAMES = ("progress", "rate", "keys", "labels", "follow-ups", "recent", "commands", "worker", "places")


def monitoring(**state: Any) -> tuple[Any, Any]:
    """The monitor with panes that keep their facts."""
    app = Noted(**dict(state.pop("answers", ())))
    panes = {name: Paned(str(n + 1), name.capitalize()) for n, name in enumerate(NAMES)}
    usual = {
        "_panes": panes, "_commands_below": Paned(), "_quality": None, "_judged_at": None, "_judging": False,
        "set_class": lambda on, name: app.told.append(f"{name} {on}"), "_judge": lambda _: app.told.append("judges"), "has_class": lambda _: False, "maximized": None, "focused": None,
        "set_focus": lambda pane: app.told.append(f"focus {getattr(pane, 'NAME', None)}"), "maximize": lambda pane, container: app.told.append(f"zooms {pane.NAME} {container}"), "minimize": lambda: app.told.append("minimizes"),
    }  # fmt: skip
    return bare(MonitorScreen, app, **{**usual, **state}), app


def seen(snapshot: Any = SNAPSHOT, **more: Any) -> Any:
    """What the monitor is given."""
    return SimpleNamespace(
        view_state=ViewState(**{"now": NOW, "snapshot": snapshot, "keys": KEYS, "read_at": NOW, **more}),
        now=NOW,
        requested=(),
    )


def test_panes_get_their_facts() -> None:
    """Recent events stay while they are read; the keys before anything else was."""
    screen, app = monitoring()
    screen.show(seen(keys=(replace(KEYS[2], cooldown_s=40.2),)))
    assert [name for name, pane in screen._panes.items() if pane.facts is None] == []
    assert (screen._panes["keys"].facts.keys[0].cooldown_s, app.told) == (
        41.0,
        ["judges", "-idle False", "-places False"],
    )
    assert screen._commands_below.facts is screen._panes["commands"].facts
    before = screen._panes["recent"].facts
    screen._panes["recent"].has_focus = True
    screen.show(seen(replace(SNAPSHOT, recent=(), worker=replace(SNAPSHOT.worker, alive=False))))
    assert (screen._panes["recent"].facts is before, app.told[3:]) == (True, ["judges", "-idle True", "-places False"])
    screen._panes["recent"].has_focus = False
    screen.show(seen(replace(SNAPSHOT, recent=())))
    assert screen._panes["recent"].facts is not before
    empty, app = monitoring()
    empty.show(seen(None))
    assert (empty._panes["keys"].facts is None, empty._panes["progress"].facts, app.told) == (False, None, [])
    empty.show(seen(None, read_at=None))
    unread, _ = monitoring()
    unread.show(seen(None, read_at=None))
    assert unread._panes["keys"].facts is None


def test_what_people_checked_is_drawn_once_it_is_computed() -> None:
    """Why it could not be is said."""
    screen, app = monitoring(_judging=True, _draw_checked=lambda: app.told.append("draws"))
    screen._judged("figures")
    assert (screen._judging, screen._quality, app.told) == (False, "figures", ["draws"])
    screen._judging = True
    screen._not_judged("no file")
    assert (screen._judging, app.told[1:]) == (False, ["error: no file"])
    left, app = monitoring(_judging=True, _draw_checked=lambda: app.told.append("draws"), **GONE)
    left._judged("figures")
    assert (left._judging, app.told) == (False, [])


@pytest.mark.parametrize(("width", "cells"), [(62, 60), (10, 20)])
def test_the_line_of_what_people_checked_has_its_width(width: int, cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the alarms of the run."""
    given: list[Any] = []
    monkeypatch.setattr("tui.text.quality.checked", lambda *args: given.append(args) or "line")
    parts = Parts(width)
    screen, app = monitoring(query_one=parts, _quality="figures")
    for snapshot, alarms in ((None, ()), (replace(SNAPSHOT, alarms=("a",)), ("a",))):
        app.view_state.snapshot = snapshot
        screen._draw_checked()
        assert (given[-1], parts.of["#checked"].shown) == (("figures", cells, alarms), "line")


@pytest.mark.parametrize(("places", "last"), [(False, "8: Worker"), (True, "9: Places")])
def test_panes_are_named_in_the_order_of_their_digits(places: bool, last: str) -> None:
    """That of places where there are any."""
    screen, _ = monitoring(has_class=lambda _: places)
    assert (screen.panes()[0], screen.panes()[-1], len(screen.panes())) == ("1: Progress", last, 9 if places else 8)


@pytest.mark.parametrize(
    ("found", "maximized", "told"),
    [
        ([Paned(display="none"), Paned("7", "Commands")], None, ["focus Commands"]),
        ([Paned("7", "Commands")], "a pane", ["zooms Commands False", "focus Commands"]),
        ([Paned(display="none")], None, []),
        ([], None, []),
    ],
    ids=count(),
)
def test_a_digit_focuses_the_pane_that_is_shown(found: Any, maximized: Any, told: list[str]) -> None:
    """In a zoomed view it takes the place of the zoomed one."""
    asked: list[str] = []
    screen, app = monitoring(
        maximized=maximized,
        query=lambda selector: asked.append(selector) or SimpleNamespace(results=lambda _: iter(found)),
    )
    screen.do_pane("7")
    assert (app.told, asked) == (told, [".pane-7"])


@pytest.mark.parametrize(
    ("act", "state", "told"),
    [
        ("do_zoom", {"maximized": "a pane"}, ["minimizes"]),
        ("do_zoom", {}, ["Focus a pane by its digit first; z then zooms it."]),
        ("do_zoom", {"focused": "no pane"}, ["Focus a pane by its digit first; z then zooms it."]),
        ("do_back", {"maximized": "a pane", "focused": "one"}, ["minimizes"]),
        ("do_back", {"focused": "one"}, ["focus None"]),
        ("do_back", {}, ["shows runs"]),
    ],
    ids=count(),
)
def test_the_zoom_is_left_before_the_focus_and_the_run(act: str, state: Any, told: list[str]) -> None:
    """One after the other."""
    screen, app = monitoring(**state)
    app.show_runs = lambda: app.told.append("shows runs")
    getattr(screen, act)()
    assert app.told == told


def test_the_focused_pane_is_zoomed() -> None:
    """It fills the screen."""
    pane = made(type(MonitorScreen()._panes["keys"]), Noted())
    screen, app = monitoring(focused=pane)
    screen.do_zoom()
    assert app.told == ["zooms Keys False"]


@pytest.mark.parametrize(
    ("state", "alive", "pace", "wanted"),
    [
        (RunState.RUNNING, True, True, (NOW, True)),
        (RunState.PAUSED, True, True, (NOW, False)),
        (RunState.RUNNING, False, True, (SNAPSHOT.pace[-1].at + SNAPSHOT.pace[-1].span_s, False)),
        (RunState.RUNNING, False, False, (NOW + 0.7, False)),
        (RunState.RUNNING, True, False, (NOW, True)),
    ],
    ids=count(),
)
def test_the_rate_ends_where_the_last_worker_did(state: Any, alive: bool, pace: bool, wanted: Any) -> None:
    """At the whole second while one is alive."""
    shown = replace(
        SNAPSHOT, state=state, worker=replace(SNAPSHOT.worker, alive=alive), pace=SNAPSHOT.pace if pace else ()
    )
    found = monitor._rate(shown, NOW + 0.7)
    assert ((found.now, found.asking), found.pace) == (wanted, shown.pace)


def test_labels_of_older_versions_stand_behind_those_of_the_task() -> None:
    """Where any email has one; a name is shown where it is another word."""
    shown = replace(SNAPSHOT, labels={"1": 5, "z": 2, "b": 1, "q": 0}, recent_labels={"1": 3}, pending=7)
    found = monitor._labels(shown)
    assert [tuple(getattr(each, name) for name in each.__slots__) for each in found.labels] == [
        ("1", "work", 5, 3),
        ("0", "personal", 0, 0),
        ("b", "(older)", 1, 0),
        ("z", "(older)", 2, 0),
    ]
    assert (found.simulated, found.sample, found.pending) == (False, True, 7)
    in_order = monitor._labels(
        replace(shown, run=replace(shown.run, order="source", task=replace(TASK, labels=MANY.labels[:1])))
    )
    assert (in_order.sample, in_order.labels[0].name) == (False, "")


def test_labels_are_exported_by_whom_they_are() -> None:
    """All, people's, the model's, or those on which both agree."""
    asked: list[Any] = []
    screen, app = monitoring()
    app.page = SimpleNamespace(there=False)
    app.engine = SimpleNamespace(export=lambda run, target, options: asked.append((target, options.only)) or 3)
    screen.do_export()
    for place in range(4):
        app.answer(("rows.csv", place))
    window = app.windows[0][0]
    assert ([only for _, only in asked], app.told[1]) == (
        [None, "human", "model", "agreed"],
        "3 rows exported to rows.csv",
    )
    assert (window._choices, Path(window._proposed).name, window._formats) == (
        ["all", "by people", "by the model", "agreed"],
        "run-labels.csv",
        "the suffix decides: .csv, .jsonl, .parquet, .sqlite",
    )


# -- lanes and batches -----------------------------------------------------------------------------------------------------------


def test_batches_are_listed_newest_first_below_the_lane() -> None:
    """The focus is on them; nothing is shown before the run was read."""
    app = Noted()
    screen = made(batches.BatchesScreen, app)
    screen.on_mount()
    assert (app.told, screen.focused_by_test, [each.id for each in composed(screen)][2:4]) == (
        ["receives data"],
        [screen._rows],
        ["lanes", "batches"],
    )
    screen._spent, rows = Part(), []
    screen._rows = SimpleNamespace(set_rows=rows.extend)
    screen.show(seen(None))
    assert rows == []
    screen.show(seen(replace(SNAPSHOT, parcels=(parcel(1, "sent", "in_progress", 16), parcel(2, "packed", "", 0)))))
    assert ([row.value for row in rows], screen._spent.shown) == (
        [2, 1],
        "lane live · one call for each text, answered at once",
    )


PARCELS = (parcel(1, "sent", "in_progress", 160), parcel(2, "done", "completed", 1_000), parcel(3, "packed", "", 0))


@pytest.mark.parametrize(
    ("parcels", "price", "found", "said"),
    [
        (PARCELS, None, (2, 2_000, 160, None), "2 batches at the server, 160 of 2,000 questions answered (8 %)."),
        (
            PARCELS[:1],
            SimpleNamespace(of=lambda tokens, *_: tokens / 1e6),
            (1, 1_000, 160, 0.45),
            "1 batch at the server, 160 of 1,000 questions answered (16 %); answered so far about $0.07, all of it about $0.45 at half the price.",
        ),
        (
            (),
            SimpleNamespace(of=lambda *_: 1.0),
            (0, 0, 0, 0.0),
            "0 batches at the server, 0 of 0 questions answered (0 %); answered so far less than $0.01, all of it less than $0.01 at half the price.",
        ),
    ],
    ids=count(),
)
def test_open_batches_are_summed_up_with_their_price(parcels: Any, price: Any, found: Any, said: Any) -> None:
    """At half of it; those that are done do not count."""
    opened = batches.OpenBatches.of(parcels, price)
    assert ((opened.count, opened.total, opened.answered, opened.money), opened.sentence) == (found, said)


@pytest.mark.parametrize(
    ("size", "title", "keys"),
    [
        (
            1,
            "<bold $bright>Stop: cancel 1 batch at the server?",
            "<bold $accent>enter<> leave the batch  <bold $accent>c<> cancel the batch  <bold $accent>esc<> do not stop",
        ),
        (
            2,
            "<bold $bright>Stop: cancel 2 batches at the server?",
            "<bold $accent>enter<> leave the batches  <bold $accent>c<> cancel the batches  <bold $accent>esc<> do not stop",
        ),
    ],
)
def test_what_becomes_of_batches_is_asked_when_a_worker_stops(size: int, title: Any, keys: Any) -> None:
    """With what is out; esc goes on."""
    app = Noted()
    window = made(batches.StopWithBatches, app, batches.OpenBatches(size, 100, 20, None))
    texts = texts_of(window)
    assert (texts[0], texts[1], texts[-1]) == (title, batches.OpenBatches(size, 100, 20, None).sentence, keys)
    for answer in ("leave", "cancel", ""):
        window.action_answer(answer)
    assert app.told == ["ends with 'leave'", "ends with 'cancel'", "ends with None"]


def test_the_window_of_lanes_proposes_what_holds() -> None:
    """And shows its forecast while it is there."""
    app = Noted()
    drawn: list[int] = []
    lane = LaneChoice("batch", size=1_200, most_open=3)
    window = made(batches.ChooseLaneWindow, app, replace(SNAPSHOT, lane=lane), _draw=lambda _: drawn.append(1))
    assert (window._lines.placeholder, window._most_open.placeholder, window._by.placeholder) == (
        "1,200",
        "3",
        "as in 07:00",
    )
    window.on_mount()
    window.forecast("planned")
    type(window).is_mounted = False
    window.forecast("later")
    window.action_leave()
    assert (len(drawn), window._planned, app.told) == (2, "later", ["ends with None"])
    assert texts_of(window) == [
        "<bold $bright>Lane<$quiet>  how the texts that are pending are asked",
        "",
        "Optional; what is left empty stays as it is",
        "with auto: done by",
        "[line: ]",
        "questions in a batch",
        "[size: ]",
        "batches out at once",
        "[open: ]",
        "",
        "<bold $accent>↑↓<> choose  <bold $accent>tab<> next field  <bold $accent>enter<> save  <bold $accent>esc<> cancel",
    ]
    assert [(each.width, each.from_width, each.right) for each in batches.COLUMNS] == [
        (5, 0, True),
        (13, 0, False),
        (22, 0, False),
        (6, 0, True),
        (9, 96, False),
        (10, 0, False),
        (12, 96, False),
        (0, 0, False),
    ]


@pytest.mark.parametrize(("labeled", "people", "asked"), [(20, 0, 0), (20, 3, 1)])
def test_the_line_of_what_people_checked_follows_each_picture(labeled: int, people: int, asked: int) -> None:
    """Also where nothing is computed anew."""
    screen, app = monitoring(
        _draw_checked=lambda: app.told.append("draws"), _judged=lambda _: None, answers={"quality": "figures"}
    )
    shown = replace(SNAPSHOT, labeled=labeled, sources={"human": people}, commands=())
    for _ in range(2):
        MonitorScreen._judge(screen, shown)
    assert app.told == ["quality"] * asked + ["draws"] * 2


@pytest.mark.parametrize(
    ("completed", "total", "bar"),
    [
        (0, 1_000, "      "),
        (500, 1_000, "███   "),
        (1_000, 1_000, "██████"),
        (2_000, 1_000, "██████"),
        (0, 0, "      "),
    ],
)
def test_how_much_of_a_batch_is_answered_is_a_bar_of_six_cells(completed: int, total: int, bar: str) -> None:
    """Full where the server counts more than was sent."""
    row = batches._row(parcel(1, "sent", "in_progress", completed, total=total), NOW)
    assert row.cells[2][0] == f"{bar} {completed:,} of {total:,}"


def test_what_is_no_number_of_questions_is_quoted_in_part() -> None:
    """Twenty characters of it."""
    with pytest.raises(UsageError, match=f"^{'x' * 19}… is no number"):
        batches._count("x" * 60)
