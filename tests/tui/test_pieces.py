"""What parts of panes, lists and screens say, as tables: at each width, and at the counts where a word changes."""

from __future__ import annotations

from array import array
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from core.engine import Order, parse
from core.model import (
    CommandRecord,
    DryRunResult,
    EmailState,
    Happening,
    KeyState,
    LabelMeaning,
    PlaceStatus,
    SampledEmail,
)
from core.quality.audit import Part
from core.quality.estimates import Difference, Estimate, Figures, LabelFigures
from core.runs.quality import Comparison, Side
from core.runs.requests import TaskChoice
from core.sources.preview import Counted, Looked
from tests.tui.fakes import KEYS, NOW, TASK, email, key, running
from tests.tui.test_batches_screen import parcel
from tui.actions import active  # noqa: F401 - it names the keys
from tui.app import LabeltuiApp
from tui.live.console_app import ConsoleApp
from tui.live.finder import Finder, Finding
from tui.live.jobs import Answered
from tui.screens import batches, pages
from tui.screens.base_screen import BaseScreen
from tui.screens.emails import list as list_of_emails
from tui.screens.emails.list import EmailsScreen
from tui.screens.keys import list as list_of_keys
from tui.screens.keys.list import _key
from tui.screens.modals import GiveLabel, found_labels
from tui.screens.navigation import Views
from tui.screens.new_run import columns, forecast, source
from tui.screens.new_run import task as steps
from tui.screens.pages import COLUMN
from tui.screens.quality.quality import QualityScreen
from tui.screens.run_commands import RunCommands
from tui.screens.task import dry_run
from tui.terminal.textual_fixes import alive
from tui.text import numbers, quality
from tui.text.sent_messages import in_pack
from tui.widgets.lists import runs
from tui.widgets.lists.emails import COLUMNS, KINDS, Scoped, _about, _beside
from tui.widgets.lists.rows import PAGE, ListColumn, Rows
from tui.widgets.panes import keys, rate, recent, task
from tui.widgets.panes.commands import CommandFacts, CommandsPane
from tui.widgets.panes.places import PlacesPane

pytestmark = pytest.mark.usefixtures("utc")


def label(value: str, raw: float, share: Estimate | None = None) -> LabelFigures:
    return LabelFigures(value, raw, share, None, None, None, 9)


A = Side("enron", "v1abcdefghij", "oss-20b", Figures(
    100, 20, Estimate(0.9, 0.8, 0.95, 20), (label("1", 0.3, Estimate(0.31, 0.2, 0.4, 20)), label("0", 0.7)),
))  # fmt: skip
B = Side("enron", "v2abcdefghij", "oss-120b", Figures(100, 0, None, (label("1", 0.25),)))
SIDES = [
    "            accuracy            corrected shares",
    "A enron · oss-20b · v1abcdef",
    "            90.0  80.0–95.0      1 31.0 (20.0–40.0)  0 70.0 uncorrected",
    "B enron · oss-120b · v2abcdef",
    "            —                    1 25.0 uncorrected",
    "",
]


def test_a_comparison_lists_what_differs_and_says_how_many_it_leaves_out() -> None:
    """Both sides, the flips by number, who is right where people looked, and 500 items of those that differ."""
    differing = tuple((n, f"mail-{n}", "1", "0", None if n % 2 else "1") for n in range(1, 503))
    found = Difference(Estimate(0.02, -0.01, 0.05, 12), 0.0312, 502, 12, 8, 4)
    flips = {("0", "1"): 102, ("1", "0"): 400}
    rows = [each.plain.rstrip() for each in quality.compared(Comparison(A, B, 1_000, flips, found, differing), 80)]
    assert rows[:15] == [
        *SIDES,
        "They differ on 502 of 1,000 shared (50.2 %)",
        "A 1 · B 0: 400",
        "A 0 · B 1: 102",
        "Of 12 that people labeled, A is right on 8, B on 4 (McNemar p = 0.0312).",
        "A is more accurate by +2.0 points (-1.0 to +5.0).",
        "",
        "Items that differ",
        "#1 A 1 · B 0 · person —                      mail-1",
        "#2 A 1 · B 0 · person 1                      mail-2",
    ]
    assert rows[-2:] == ["#500 A 1 · B 0 · person 1                    mail-500", "and 2 more"]
    assert len(rows) == 13 + quality.MOST_DIFFERING + 1
    exactly = Comparison(A, B, 1_000, flips, found, differing[: quality.MOST_DIFFERING])
    assert quality.compared(exactly, 80)[-1].plain.startswith("#500 ")


def test_a_comparison_without_anything_shared_says_so() -> None:
    """No share of nothing is calculated, and nothing is listed."""
    found = Comparison(A, B, 0, {}, Difference(None, 1.0, 0, 0, 0, 0))
    assert [each.plain.rstrip() for each in quality.compared(found, 80)] == [
        *SIDES,
        "They differ on 0 of 0 shared (0.0 %)",
        "People labeled none of those that differ; only these tell which side is right.",
    ]


def checked(**given: Any) -> Any:
    figures = Figures(400, 90, Estimate(0.97, 0.95, 0.98, 90), (
        label("1", 0.3, Estimate(0.31, 0.28, 0.34, 90)), label("0", 0.7, Estimate(0.69, 0.66, 0.72, 90)),
    ))  # fmt: skip
    usual = {"figures": figures, "audited": 90, "labeled": 400, "splits": 0, "due": 0}
    return SimpleNamespace(**{**usual, **given, "audit": SimpleNamespace(names={"1": "work"})})


AGREE = "checked 90 of 400 · 97 % (95–98) agree"


@pytest.mark.parametrize(
    ("given", "width", "alarms", "said"),
    [
        ({}, 80, (), f"{AGREE} · work 31 % (28–34) · Q shows more"),
        ({}, 59, (), f"{AGREE} · work 31 % (28–34)"),
        ({}, 38, (), AGREE),
        ({}, 37, (), "checked 90 of 400"),
        ({"splits": 2, "due": 4}, 100, (), f"{AGREE} · work 31 % (28–34) · 2 split: Q"),
        ({"due": 4}, 100, (), f"{AGREE} · work 31 % (28–34) · r 4 more"),
        ({"figures": B.figures}, 50, (), "checked by nobody · r labels a random batch, blind"),
        (None, 50, (), "checked by nobody · r labels a random batch, blind"),
        (None, 49, (), "checked by nobody · r"),
        ({}, 60, ("one",), "! one · Q answers it"),
        ({}, 60, ("one", "two"), "! one and 1 more · Q answers it"),
    ],
)
def test_what_people_checked_is_said_as_far_as_there_is_room(
    given: dict[str, Any] | None, width: int, alarms: tuple[str, ...], said: str
) -> None:
    """The last parts are left out first; what is to be done next stands last; an alarm takes the line's place."""
    assert quality.checked(None if given is None else checked(**given), width, alarms).plain == said


@pytest.mark.parametrize(
    ("width", "axis"),
    [(20, "13:53            now"), (29, "13:44" + " " * 21 + "now"), (30, "13:43        13:58         now"),
     (60, "13:13" + " " * 23 + "13:43" + " " * 24 + "now")],
)  # fmt: skip
def test_the_time_axis_has_its_middle_where_there_is_room(width: int, axis: str) -> None:
    """A minute a column; the right edge is now, or the moment of the last call where nothing is asked."""
    facts = rate.RateFacts((), NOW + 26_007_200.0, asking=True)
    moved = replace(facts, now=1_790_000_000.0)
    assert rate._axis(moved, 60.0, width) == axis
    assert rate._axis(replace(moved, asking=False), 60.0, width).endswith(" 14:13")


def test_the_time_waited_is_said_from_a_second_on() -> None:
    """In the longest of three ways that fits."""
    said = {}
    for waited_s, width in ((0.9, 80), (1.0, 80), (75.0, 50), (75.0, rate.LEGEND + 7), (75.0, rate.LEGEND + 6)):
        figures = SimpleNamespace(now=1.0, mean=3.0, peak=1_234.0, waited_s=waited_s)
        said[waited_s, width - rate.LEGEND] = rate._legend(figures, width).plain.removeprefix(  # type: ignore[arg-type]
            "now     1  mean     3  peak 1,234 "
        )
    long = {waited: text for (waited, room), text in said.items() if room > 20}
    assert long == {0.9: "", 1.0: f"{rate.WAITED} waited 00:01"}
    assert said[75.0, 50 - rate.LEGEND].endswith("waited 01:15")
    assert said[75.0, 7] == f"{rate.WAITED} 01:15"
    assert said[75.0, 6] == ""


def test_tasks_are_compared_line_by_line() -> None:
    """Lines around a change stay as they are; lines without a partner are out or in; very many are cut."""
    rows, differing = task.comparison("a\nb\nc\nd\ne\nf\ng\nh", "a\nb\nX\nd\ne\nf\ng\nh\ni")
    assert (rows.plain.splitlines(), differing) == (
        ["…", "  a", "  b", "- c", "+ X", "  d", "  e", "…", "  g", "  h", "+ i"], 3,
    )  # fmt: skip
    assert (task.comparison("a", "a")[0].plain, task.comparison("a", "a")[1]) == ("Nothing differs.", 0)
    rows, differing = task.comparison("", "\n".join(f"line {n}" for n in range(task.MOST_COMPARED + 4)))
    assert rows.plain.splitlines()[-1] == "… 5 more lines"
    assert differing == task.MOST_COMPARED + 4


COOLING = key("a", "o", KeyState.COOLING, cooldown_s=41.0, limit="TPM", reason="429")
INVALID = key("a", "o", KeyState.INVALID, reason="the API refused it", limit="TPM")


@pytest.mark.parametrize(
    ("status", "width", "words", "tone"),
    [
        (COOLING, 40, "◌ cooling 00:41 TPM", "$cooling"),
        (COOLING, 20, "◌ cooling 00:41 TPM", "$cooling"),
        (COOLING, 19, "◌ cooling 00:41", "$cooling"),
        (key("a", "o", KeyState.BENCHED, limit="RPD"), 20, "◍ benched RPD", "$waiting"),
        (INVALID, 30, "✕ invalid · the API refused it", "$failed"),
        (INVALID, 29, "✕ invalid", "$failed"),
        (key("a", "o", pinned=True, reason="x", limit="TPM"), 15, "● ready ↑ first", "$running"),
        (key("a", "o", pinned=True), 14, "● ready", "$running"),
    ],
)
def test_the_state_of_a_key_is_said_as_far_as_there_is_room(status: Any, width: int, words: str, tone: str) -> None:
    """With its countdown and limit, or its reason where that fits whole; and whether it is the first."""
    text, shown = keys.state_words(status, width)
    assert (text.rstrip(), shown, len(text)) == (words, tone, width)


def test_the_reason_of_a_key_stands_beside_it_or_below() -> None:
    """Since when, where that is known; wrapped where its column is too narrow."""
    told = {width: [[cell for cell, _ in row.cells if cell][-1] for row in _key(KEYS[3], width)] for width in (80, 120)}
    since = f"since {numbers.clock(KEYS[3].since_at or 0.0)} the API refused it"
    assert told == {80: ["367k", since], 120: [since]}
    rows = _key(replace(INVALID, reason="x" * 90, since_at=None), 80)
    assert [len(row.cells[1][0]) for row in rows[1:]] == [62, 28]
    assert [row.selectable for row in rows] == [True, False, False]


def scoped(**given: Any) -> Scoped:
    return Scoped(**{"kind": KINDS[0], "held": 37, "total": 212, "more": 0, "failures": (), **given})


@pytest.mark.parametrize(
    ("given", "title", "waiting"),
    [
        ({}, "All [37 of 212]", ""),
        ({"looked": 0.5, "typed": "x"}, "All /x [at least 37 of 212]", "searching … 50 %"),
        ({"looked": 0.5, "sorting": Order("date", descending=True)}, "All [37 of 212]", "sorting by date ▼ …"),
        ({"order": Order("date")}, "All [37 of 212] by date ▲", ""),
        ({"more": 3, "stirred": 4}, "All [37 of 212]", "3 more now · u updates"),
        ({"more": -3}, "All [37 of 212]", "3 fewer now · u updates"),
        ({"more": 3, "typed": "x"}, "All /x [37 of 212]", ""),
        ({"stirred": 4}, "All [37 of 212]", "4 done since · u updates"),
    ],
)
def test_a_list_says_what_it_shows_and_what_is_new(given: dict[str, Any], title: str, waiting: str) -> None:
    """During a search the count is a lower bound."""
    assert (scoped(**given).title, scoped(**given).waiting) == (title, waiting)


HINT = " / finds · f shows the next kind"


@pytest.mark.parametrize(
    ("given", "width", "said"),
    [
        ({}, 57, f"{HINT} · enter opens the record"),
        ({}, 56, HINT),
        ({"typed": "x"}, 80, " esc clears the filter · u searches again · enter opens the record"),
        ({"flagged": 2}, 60, f"{HINT}  ⚑ 2 possible prompt injections: / flag:any"),
        ({"kind": KINDS[1], "failures": (("no label", 3), ("too large", 1))}, 80, " 3 no label  1 too large"),
        ({"kind": KINDS[1]}, 80, f"{HINT} · enter opens the record"),
        ({"failures": (("no label", 3),)}, 80, f"{HINT} · enter opens the record"),
        ({"requested": ("pause", "stop")}, 80, " ◔ requested: pause, stop"),
    ],
)
def test_below_a_list_stands_what_can_be_done(given: dict[str, Any], width: int, said: str) -> None:
    """Commands on their way come first, then reasons of failures, then keys as far as there is room."""
    assert _about(scoped(**given), width).plain.rstrip() == said


def test_marks_and_changes_stand_at_the_right_end() -> None:
    """Hints give way, cut with an ellipsis; without either the line is as it was."""
    said = {}
    for marked, stirred in ((0, 0), (3, 0), (0, 2), (3, 2)):
        facts = scoped(marked=marked, stirred=stirred)
        said[marked, stirred] = _beside(_about(facts, 60), facts, 60).plain
    assert said == {
        (0, 0): f"{HINT} · enter opens the record",
        (3, 0): " / finds · f shows the next kind · enter opens…  ● 3 marked ",
        (0, 2): " / finds · f shows the next kind…  2 done since · u updates ",
        (3, 2): " / finds · f shows t…  ● 3 marked  2 done since · u updates ",
    }


@pytest.mark.parametrize(
    ("pack", "texts", "changed", "shown"),
    [
        (5, ("a", "b"), False, True),
        (1, ("a", "b"), False, False),
        (5, ("a",), False, False),
        (5, ("a", "b"), True, False),
    ],
)
def test_a_pack_is_shown_where_texts_share_a_call(
    pack: int, texts: tuple[str, ...], changed: bool, shown: bool
) -> None:
    """Not for a task that asks alone, for a text alone, or for a draft that sends other texts."""
    drafted = replace(TASK, pack=pack, truncate_at=17 if changed else TASK.truncate_at)
    assert in_pack(drafted, TASK, SimpleNamespace(pack_texts=texts)) is shown  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("share", "used"),
    [(-1.0, 0), (0.0, 0), (0.04, 0), (0.06, 1), (0.5, 5), (0.94, 9), (0.96, 10), (1.0, 10), (2.0, 10)],
)
def test_the_bar_of_a_quota_has_whole_cells(share: float, used: int) -> None:
    """Rounded to the nearest, never beyond its ends."""
    assert numbers.meter(share, 10) == ("▇" * used, "▁" * (10 - used))


@pytest.mark.parametrize(("keep", "place"), [(4, 3), (1, 0), (6, 5), (9, None), (None, None)])
def test_a_search_finds_the_place_of_the_text_that_stays_in_sight(keep: int | None, place: int | None) -> None:
    """Counted over all steps; every step is posted as it comes."""
    steps = [SimpleNamespace(ids=array("I", ids), share=end / 6, finished=end == 6, indexed=True)
             for end, ids in ((2, (1, 2)), (4, (3, 4)), (6, (5, 6)))]  # fmt: skip
    search = SimpleNamespace(begin=lambda *_: None, step=lambda: steps.pop(0), close=lambda: None)
    posted: list[Any] = []
    engine = SimpleNamespace(search=lambda *_: search)
    finder = Finder(engine, None, posted.append, threaded=False)  # type: ignore[arg-type]
    finder.seek(SimpleNamespace(texts=()), Order("place"), keep, lambda _: None)  # type: ignore[arg-type]
    assert all(isinstance(each, Answered) for each in posted)
    found: list[Finding] = [each.result for each in posted]
    assert [list(each.ids) for each in found] == [[1, 2], [3, 4], [5, 6]]
    assert [each.finished for each in found] == [False, False, True]
    assert found[-1].place == place


def test_what_is_begun_with_the_console_is_closed_with_it() -> None:
    """The page of a browser, the background jobs, and the thread that reads."""
    closed: list[str] = []
    names = ("page", "jobs", "chores", "countings", "poller")
    parts = {name: SimpleNamespace(close=lambda name=name: closed.append(name)) for name in names}
    LabeltuiApp.on_unmount(SimpleNamespace(**parts))  # type: ignore[arg-type]
    assert sorted(closed) == sorted(names)


@pytest.mark.parametrize(("only", "kind"), [(None, "start"), (10, "try")])
def test_a_start_is_requested_as_such(only: int | None, kind: str) -> None:
    """A trial of some texts is told apart from the start of the whole run, and both go to the engine."""
    requested: list[tuple[str, object]] = []
    app = SimpleNamespace(
        clock=lambda: NOW, engine=SimpleNamespace(start=lambda path, n: (path, n)),
        request=lambda what, then: requested.append((what.kind, then("run.db"))),
    )  # fmt: skip
    ConsoleApp.start_worker(app, only)  # type: ignore[arg-type]
    assert requested == [(kind, ("run.db", only))]


@pytest.mark.parametrize(
    ("planned", "there", "shown"), [("a", True, 1), ("b", True, 0), ("a", False, 0), ("b", False, 0)]
)
def test_keys_of_a_server_are_shown_for_the_run_that_asked_for_them(
    planned: str, there: bool, shown: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not once another run is planned, or the window is gone."""
    monkeypatch.setattr(forecast, "alive", lambda _: there)
    told: list[object] = []
    step = SimpleNamespace(_planned="a", _show_keys=told.append)
    forecast.ForecastStep._show_keys_of(step, planned, KEYS)  # type: ignore[arg-type]
    assert told == [KEYS] * shown


@pytest.mark.parametrize(("inside", "outside", "width"), [(50, 90, 50), (0, 90, 86), (0, 20, 24)])
def test_a_task_is_told_in_the_width_of_its_pane(
    inside: int, outside: int, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the pane has a size, in that of what is around it; never in fewer than 24 cells."""
    told: list[int] = []
    monkeypatch.setattr(steps, "_told", lambda _, width: told.append(width))
    pane = SimpleNamespace(content_size=SimpleNamespace(width=inside), update=lambda _: None)
    around = SimpleNamespace(size=SimpleNamespace(width=outside))
    choice = SimpleNamespace(where="here", task=TASK)
    step = SimpleNamespace(_chosen=lambda: choice, _told=pane, query_one=lambda _: around)
    steps.TaskStep._show(step)  # type: ignore[arg-type]
    assert told == [width]


@pytest.mark.parametrize(
    ("width", "row"),
    [
        (59, f"1   {'Lunch on Friday?':<31}main      +2"),
        (60, f"1   {'Lunch on Friday?':<25}main       1.2 s +2"),
        (71, f"1   {'Lunch on Friday?':<36}main       1.2 s +2"),
        (72, f"1   {'Lunch on Friday?':<27}main       1.2 s   912 tok +2"),
    ],
)
def test_a_recent_label_has_its_latency_and_tokens_where_there_is_room(width: int, row: str) -> None:
    """The subject takes what the columns leave, and the line is as wide as its pane."""
    happening = Happening(NOW, "labeled", "Lunch on Friday?", "1", "main", 1.23, 912, 2)
    told = recent._row(happening, width, 2).plain
    assert told.rstrip().split(" ", 1)[1] == row
    assert len(told) <= width


@pytest.mark.parametrize(
    ("text", "shown"), [(None, []), ("", ["kind, "]), ("state:failed", []), ("label:1", ["kind, label:1"])]
)
def test_a_filter_that_is_left_or_typed_again_lists_nothing_anew(text: str | None, shown: list[str]) -> None:
    """Only another one does; the list has the focus again in any case."""
    told: list[str] = []
    focused: list[object] = []
    listing = SimpleNamespace(kind="kind", typed=parse("state:failed"))
    screen = SimpleNamespace(
        _rows="rows", listing=listing, set_focus=focused.append,
        _show_anew=lambda kind, typed: told.append(f"{kind}, {typed}"),
    )  # fmt: skip
    EmailsScreen._typed(screen, text)  # type: ignore[arg-type]
    assert (told, focused) == (shown, ["rows"])


def test_of_many_labels_the_six_that_are_met_most_are_compared() -> None:
    """Model against people, agreement apart from confusion by its color, and how many labels are left out."""
    labels = [f"l{n}" for n in range(8)]
    met = {one: {other: 10 - n if one == other else int((one, other) == ("l0", "l1")) for other in labels}
           for n, one in enumerate(labels)}  # fmt: skip
    rows = quality._confusion(SimpleNamespace(confusion=met))  # type: ignore[arg-type]
    assert [each.plain.split() for each in rows[2:]] == [
        [word for n in range(6) for word in ("person", f"l{n}")],
        ["model", "l0", "10", "1", "0", "0", "0", "0"],
        *(["model", f"l{n}", *(f"{10 - n if n == place else 0}" for place in range(6))] for n in range(1, 6)),
        ["and", "2", "more", "labels,", "met", "less", "often"],
    ]
    assert [span.style for span in rows[3].spans][1:4] == ["$foreground", "bold $waiting", "$quiet"]


def test_parts_of_a_run_are_quiet_where_too_little_is_known() -> None:
    """A part that stands alone says nothing and is left out."""
    parts = (
        Part("half", "first", 40, 38, Estimate(0.95, 0.84, 0.99, 40), ()),
        Part("half", "second", 3, 3, Estimate(1.0, 0.44, 1.0, 3, few=True, more=57), ()),
        Part("half", "third", 0, 0, None, ()),
        Part("key", "main", 43, 41, None, ()),
    )
    rows = quality._parts(SimpleNamespace(breakdowns=parts), 80)[2:]  # type: ignore[arg-type]
    assert [(each.plain[28:].strip(), each.spans[-1].style) for each in rows] == [
        ("40 checked, 95 % (84–99) agree", "$foreground"),
        ("3 checked, 100 % (44–100), too few: 57 more", "$quiet"),
        ("0 checked, none checked yet", "$quiet"),
    ]


@pytest.mark.parametrize(("labels", "more"), [(30, ""), (31, "and 1 more"), (1_200, "and 1,170 more")])
def test_of_many_labels_thirty_are_listed(labels: int, more: str) -> None:
    """Below them it says how many more there are."""
    told = steps._told(replace(TASK, labels=tuple(LabelMeaning(f"v{n}", f"v{n}") for n in range(labels))), 60).plain
    assert [each.strip() for each in told.splitlines() if each.strip().startswith("and ")] == ([more] if more else [])
    assert ("v29" in told, "v30" in told) == (True, False)


@pytest.mark.parametrize(
    ("at", "height", "count", "wanted"),
    [(0, 20, 1_000, {0}), (PAGE - 5, 20, 1_000, {0, 1}), (PAGE - 5, 20, PAGE, {0}), (0, 20, 0, {0})],
    ids=["within a page", "over two", "at the end", "empty"],
)
def test_pages_in_view_are_asked_for_again(at: int, height: int, count: int, wanted: set[int]) -> None:
    """Those of the first and the last row that can be seen, and none behind the last row that there is."""
    asked: set[int] = set()
    view = SimpleNamespace(
        scroll_offset=SimpleNamespace(y=float(at)), size=SimpleNamespace(height=height), _count=count, _want=asked.add
    )
    Rows.reload_visible(view)  # type: ignore[arg-type]
    assert asked == wanted


@pytest.mark.parametrize("mounted", [True, False])
@pytest.mark.parametrize("attached", [True, False])
@pytest.mark.parametrize(
    ("shown", "display", "leaves"), [(True, "block", False), (False, "none", False), (False, "block", True)]
)
def test_what_is_being_removed_is_not_drawn_on(
    mounted: bool, attached: bool, shown: bool, display: str, leaves: bool
) -> None:
    """A widget that is only hidden is there; Textual hides one that it removes by another way than its style."""
    styles = SimpleNamespace(display=display)
    widget = SimpleNamespace(is_mounted=mounted, is_attached=attached, display=shown, styles=styles)
    assert alive(widget) is (mounted and attached and not leaves)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("serial", "whole", "told"),
    [
        (2, True, ["12 texts to import · 3 skipped: no text (first: row 4: empty)"]),
        (1, True, []),
        (2, False, []),
        (1, False, []),
    ],
    ids=["counted", "of other columns", "left early", "both"],
)
def test_a_count_is_told_where_it_is_of_these_columns_and_whole(serial: int, whole: bool, told: list[str]) -> None:
    """Whoever chose other columns meanwhile waits for the count of those."""
    said: list[str] = []
    step = SimpleNamespace(
        _serial=2,
        _looked=Looked((), "", "", "", ()),
        tell=lambda *parts: said.append("".join(text for text, _ in parts)),
    )
    counted = Counted(12, (("no text", 3),), ("row 4: empty",), whole)
    columns.ColumnsStep._counted(step, serial, counted)  # type: ignore[arg-type]
    assert [each.strip() for each in said] == told


def test_whoever_is_to_kill_a_worker_reads_what_it_costs() -> None:
    """The run by at most forty characters of its name, the process, and how many calls may be paid for twice."""
    asked: list[Any] = []
    shown = running(40, 20).snapshot(NOW)
    shown = replace(shown, run=replace(shown.run, name="n" * 60), worker=replace(shown.worker, in_flight=1))
    commands = SimpleNamespace(_app=SimpleNamespace(push_screen=lambda window, _: asked.append(window)))
    RunCommands._end_by_force(commands, shown)  # type: ignore[arg-type]
    told = asked[0]._question
    assert told.startswith(
        f"Kill the worker of {'n' * 39}… (pid {shown.worker.pid})? It holds the run and has no heartbeat."
    )
    assert "Up to 1 call in flight will be repeated, and may be paid for twice; s then continues." in told


def columns_of(*tables: tuple[ListColumn, ...]) -> list[list[tuple[str, int, int]]]:
    return [[(each.title, each.width, each.from_width) for each in table] for table in tables]


def test_columns_of_lists_have_these_widths() -> None:
    """Of each its head, its cells (0: what is left), and the width of the list from which on it is there."""
    tables = columns_of(task.COLUMNS, batches.COLUMNS, dry_run.COLUMNS, COLUMNS, runs.COLUMNS, list_of_keys.COLUMNS)
    assert tables == [
        [("version", 10, 0), ("since", 12, 0), ("by", 9, 90), ("labels", 8, 0), ("failed", 6, 0), ("agrees", 12, 0),
         ("share of each label", 0, 0)],
        [("batch", 5, 0), ("state", 13, 0), ("answered", 22, 0), ("errors", 6, 0), ("sent", 9, 96), ("expires in", 10, 0),
         ("key", 12, 96), ("", 0, 0)],
        [("label now", 14, 0), ("by", 7, 90), ("by the draft", 14, 0), ("same", 5, 0), ("tokens", 7, 0), ("subject", 0, 0)],
        [("place", 8, 0), ("state", 9, 0), ("label", 11, 0), ("calls", 5, 0), ("from", 22, 90), ("subject", 0, 0),
         ("date", 25, 140)],
        [("run", 0, 0), ("state", 9, 0), ("progress", 12, 96), ("%", 5, 0), ("done", 9, 0), ("of", 9, 72), ("failed", 6, 0),
         ("per min", 7, 104), ("ends in", 8, 88), ("changed", 7, 0), ("size", 8, 66), ("", 9, 118)],
        [("key", 14, 0), ("ends in", 7, 0), ("state", 24, 0), ("requests", 8, 0), ("429s", 6, 0), ("tokens", 7, 96),
         ("why", 0, 0)],
    ]  # fmt: skip


BELOW = "a long sentence a long sentence a long sentence"


@pytest.mark.parametrize(
    ("height", "shown"),
    [
        (1, ["retry   ✓ +2.0 s  a long sentence a long sent…"]),
        (2, ["retry   ✓ +2.0 s", BELOW]),
        (3, ["retry   ✓ +2.0 s", BELOW, "pause   ✓ +2.0 s  a long sentence a long sent…"]),
        (4, ["retry   ✓ +2.0 s", BELOW, "pause   ✓ +2.0 s", BELOW]),
    ],
)
def test_a_result_stands_below_its_command_where_there_is_room(height: int, shown: list[str]) -> None:
    """The newest command first; the last row that is left has the beginning of the sentence beside it."""
    done = [CommandRecord(str(n), kind, "", NOW + n, NOW + n + 2, "a long sentence " * 3)
            for n, kind in enumerate(("pause", "retry"))]  # fmt: skip
    pane = SimpleNamespace(facts=CommandFacts(tuple(done), (), NOW))
    rows = [each.plain.strip() for each in CommandsPane.body(pane, 56, height)]  # type: ignore[arg-type]
    rows = [row.split(" ", 1)[1] if row[0].isdigit() else row for row in rows]
    assert rows == shown


@pytest.mark.parametrize(
    ("height", "shown"),
    [
        (4, ["place-1", "place-2", "place-9", "place-10"]),
        (3, ["place-2", "place-10", "and 2 more places"]),
        (2, ["place-2", "and 3 more places"]),
    ],
)
def test_places_that_need_a_look_come_first_where_not_all_have_room(height: int, shown: list[str]) -> None:
    """In the order of their numbers otherwise."""
    states = {"place-10": "lost", "place-9": "ready", "place-2": "starting", "place-1": "ready"}
    places = tuple(PlaceStatus(name, "", state, "", 0, 0.0, NOW) for name, state in states.items())
    pane = SimpleNamespace(facts=SimpleNamespace(places=places))
    rows = [each.plain.strip() for each in PlacesPane.body(pane, 60, height)]  # type: ignore[arg-type]
    assert [row if row.startswith("and") else row.split(" ")[1] for row in rows] == shown


def test_an_open_batch_is_brighter_than_one_that_is_gathered() -> None:
    """Its answers and when it expires; errors of a batch that was cut short are not counted as its own."""
    told = {}
    for state, status in (("sent", "in_progress"), ("done", "completed"), ("done", "expired")):
        row = batches._row(parcel(1, state, status, 250, failed=3), NOW)
        told[status] = [(text.lstrip("█▌ "), tone) for text, tone in (row.cells[n] for n in (1, 2, 3, 5))]
    cells = ("250 of 1,000", "$bright"), ("250 of 1,000", "$foreground")
    assert told == {
        "in_progress": [("in progress", "bold $running"), cells[0], ("3", "$failed"), ("1:00:00", "$waiting")],
        "completed": [("done", "bold $quiet"), cells[1], ("3", "$failed"), ("", "$quiet")],
        "expired": [("expired", "bold $waiting"), cells[1], ("", "$failed"), ("", "$quiet")],
    }


def test_no_alarm_is_looked_at_or_asked_again_where_none_stands() -> None:
    """Nor without a run: it says so, and counts nothing."""
    for alarm, path in ((None, "run.db"), ("shares", None), (None, None)):
        for act in (QualityScreen.do_look_at_alarm, QualityScreen.do_ask_again):
            said: list[str] = []
            console = SimpleNamespace(run_path=path, engine=None, say=lambda text, said=said, **_: said.append(text))
            act(SimpleNamespace(_alarm=lambda alarm=alarm: alarm, console_app=console))  # type: ignore[arg-type]
            assert said == ["No alarm stands."]


@pytest.mark.parametrize(
    ("now", "said", "cells"),
    [
        ("1", "1", ["1 work", "model", "1 work", "="]),
        ("1", "0", ["1 work", "model", "0 personal", "≠"]),
        ("1", None, ["1 work", "model", "✕ no label", ""]),
        (None, "1", ["pending", "", "1 work", ""]),
        (None, None, ["pending", "", "✕ no label", ""]),
    ],
    ids=["equal", "differs", "no answer", "pending", "neither"],
)
def test_a_trial_is_compared_where_both_have_a_label(now: str | None, said: str | None, cells: list[str]) -> None:
    """A text without a label now, or without one in the trial, shows neither = nor ≠."""
    of = SampledEmail(3, "a subject", "it begins so", now, "model" if now else None)
    row = dry_run.DryRunScreen._row(
        SimpleNamespace(data=None, _of=TASK, _known={}),  # type: ignore[arg-type]
        DryRunResult(of, said, said or "", "", 1, 50),
    )
    assert [cell[0] for cell in row.cells[:4]] == cells


@pytest.mark.parametrize(("kinds", "window", "read"), [(0, 0, 1), (1, 0, 1), (2, 3, 0), (3, 4, 0)])
def test_what_casts_doubt_is_chosen_where_there_is_more_than_one_kind(kinds: int, window: int, read: int) -> None:
    """A window with all of them in turn and each kind; items of one kind are read at once."""
    pushed, shown = [], []
    app = SimpleNamespace(push_screen=lambda screen, _: pushed.append(screen))
    screen = SimpleNamespace(app=app, is_mounted=True, is_attached=True, display=True, styles=SimpleNamespace(display="block"),
                             _read_these=lambda numbers, _: shown.append(numbers))  # fmt: skip
    found = SimpleNamespace(kinds=[(f"kind {n}", (n,) if n < kinds else ()) for n in range(4)], in_turns=(1, 2))
    QualityScreen._choose_edge_cases(screen, found)  # type: ignore[arg-type]
    assert ([len(each._sets) for each in pushed], len(shown)) == ([window] if window else [], read)


@pytest.mark.parametrize("held", [False, True])
def test_a_view_that_is_held_says_how_it_moves_again(held: bool) -> None:
    """Said when it begins to stand still alone."""
    said: list[str] = []
    app = SimpleNamespace(held=held, say=said.append, hand_down=lambda: None)
    Views.do_hold(SimpleNamespace(_app=app))  # type: ignore[arg-type]
    assert (app.held, [text[:17] for text in said]) == (not held, [] if held else ["The view is held;"])


def test_marks_take_the_last_cell_of_a_line_that_is_full() -> None:
    """Two cells stay between a hint and them; the line is exactly as wide as its list."""
    for width in range(11, 60):
        facts = scoped(marked=3)
        assert _beside(_about(facts, 200), facts, width).cell_length == width
    assert _beside(_about(scoped(marked=3), 200), scoped(marked=3), 8).plain.strip() == "● 3 marked"


def test_keys_of_a_screen_stand_in_columns_of_one_width() -> None:
    """A key has eight cells and its word the rest of the column, whatever the width of the window."""
    context = SimpleNamespace()
    action = SimpleNamespace(key="r", label=lambda _: "a word that is far too long " * 4, blocked=lambda _: None)
    for width in (30, COLUMN, 2 * COLUMN, 3 * COLUMN + 5):
        count = max(1, min(3, width // COLUMN))
        (row,) = pages._columns([action] * count, context, width)  # type: ignore[list-item, arg-type]
        assert row.cell_length == count * (width // count)


def test_a_task_that_cannot_be_read_is_marked() -> None:
    """Its name and that it is invalid are red; of the others the labels are shown."""
    rows: list[Any] = []
    choices = [TaskChoice("good", "built in", task=TASK), TaskChoice("bad", "bad.toml", trouble="no labels")]
    step = SimpleNamespace(_choices=choices, _named=[], _rows=SimpleNamespace(set_rows=rows.extend), _show=lambda: None,
                           is_mounted=True, is_attached=True, display=True, styles=SimpleNamespace(display="block"))  # fmt: skip
    steps.TaskStep._list(step)  # type: ignore[arg-type]
    assert [[tone for _, tone in row.cells[:2]] for row in rows] == [
        ["bold $bright", "$accent"],
        ["$failed", "$failed"],
    ]
    assert [row.cells[1][0] for row in rows] == ["1, 0", "! invalid"]


@pytest.mark.parametrize("width", [24, 33, 80])
def test_why_a_key_is_out_stands_below_it_in_the_width_of_the_pane(width: int) -> None:
    """Behind three cells; nothing of it is cut."""
    why = "the server refuses it: it was revoked or mistyped; add another one or mend it"
    group = keys.Organization("org", (replace(INVALID, reason=why),), ())
    below = [row.plain for row in keys._by_reason(group, width)[2:]]
    assert " ".join(row.strip() for row in below) == why
    assert max(len(row) for row in below) <= width
    assert all(row.startswith("   ") for row in below)


def test_the_footer_follows_the_focus() -> None:
    """A field keeps keys for itself while it is typed into: the hints change when it gets the focus and when it loses it."""
    hinted: list[int] = []
    screen = SimpleNamespace(hint=lambda: hinted.append(1))
    BaseScreen.on_descendant_focus(screen)  # type: ignore[arg-type]
    assert len(hinted) == 1
    BaseScreen.on_descendant_blur(screen)  # type: ignore[arg-type]
    assert len(hinted) == 2


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("", ["7", "bill", "unpaid bill", "red", "b"]),
        (" Bill ", ["bill", "unpaid bill", "red"]),
        ("B", ["b", "bill", "unpaid bill", "red"]),
        ("seven", ["7"]),
        ("late bills", ["red"]),
        ("nothing", []),
    ],
)
def test_labels_are_found_by_the_closest_match(typed: str, found: list[str]) -> None:
    """The very label first, then beginnings, parts and meanings; by value or name, in any case."""
    labels = (
        LabelMeaning("7", "Seven", ""), LabelMeaning("bill", "bill", ""), LabelMeaning("unpaid bill", "open", ""),
        LabelMeaning("red", "Red", "late BILLS"), LabelMeaning("b", "b", ""),
    )  # fmt: skip
    assert [labels[place].value for place in found_labels(replace(TASK, labels=labels), typed)] == found


@pytest.mark.parametrize(
    ("note", "finds", "focus", "goes_to"),
    [(True, True, "#find", "#note"), (True, True, "#note", "#find"), (True, False, "", "#note"),
     (True, False, "#note", None), (False, True, "#find", "")],
    ids=["to the note", "back to the label", "few labels", "away from the note", "no note"],
)  # fmt: skip
def test_tab_goes_between_the_label_and_its_note(note: bool, finds: bool, focus: str, goes_to: str | None) -> None:
    """Where labels have keys of their own, tab leaves the note so that they are read again."""
    inputs, went = {"#find": object(), "#note": object()}, list[object]()
    view = SimpleNamespace(
        WITH_NOTE=note, _finds=finds, focused=inputs.get(focus), query_one=lambda selector, _: inputs[selector],
        set_focus=went.append,
    )  # fmt: skip
    GiveLabel.action_note(view)  # type: ignore[arg-type]
    assert went == ([] if goes_to == "" else [inputs.get(goes_to or "")])


def test_the_list_of_files_moves_by_lines_and_by_pages() -> None:
    """While the path above it has the focus."""
    moved: list[tuple[str, int]] = []
    rows = SimpleNamespace(
        action_page=lambda step: moved.append(("page", step)), action_move=lambda step: moved.append(("line", step))
    )
    for what, step in (("page", 1), ("line", -1)):
        source.SourceStep.action_list(SimpleNamespace(_rows=rows), what, step)  # type: ignore[arg-type]
    assert moved == [("page", 1), ("line", -1)]


def test_the_record_beside_a_list_is_of_the_row_under_the_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that the cursor has left meanwhile is read again for the row that it is on; never two at once."""
    monkeypatch.setattr(list_of_emails, "alive", lambda _: True)
    questions: list[Any] = []
    one, two = email(1, EmailState.PENDING), email(2, EmailState.PENDING)
    on, shown = [one, one, two, two, two], list[object]()
    view = SimpleNamespace(
        beside=True, data=None, _record_asked=None, selected=lambda: on.pop(0), asked_task=lambda: TASK,
        _beside=SimpleNamespace(show=lambda record, *_: shown.append(record)),
        console_app=SimpleNamespace(poller=SimpleNamespace(ask=lambda *asked: questions.append(asked))),
    )  # fmt: skip
    view._show_beside = lambda: EmailsScreen._show_beside(view)  # type: ignore[arg-type]
    reader = SimpleNamespace(record=lambda number: f"record of {number}")
    view._show_beside()
    view._show_beside()
    assert len(questions) == 1, "one is being read"
    question, arrived = questions.pop()
    arrived(question(reader))
    question, arrived = questions.pop()
    arrived(question(reader))
    assert shown == ["record of 1", "record of 2"]
    assert questions == []
