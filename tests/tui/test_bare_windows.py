"""What small windows, held pages and answers do, one by one: choosing, moving, saving, and what is drawn again."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from textual.content import Content
from textual.geometry import Size
from textual.widgets import Input

from core.engine import NewRunRequest, Order, label_lines
from core.model import CommandRecord, LabelMeaning, LaneChoice, LaneSpent
from core.quota.forecast.lanes import LaneForecast
from tests.tui.bare import GONE, Noted, Parts, bare
from tests.tui.fakes import KEYS, NOW, TASK, running
from tests.tui.test_batches_screen import parcel
from tests.tui.test_lines import FORECAST
from tests.tui.test_task import old_version
from tui.actions.catalog import ALL
from tui.actions.user_keys import rekeyed
from tui.live.pending_commands import PendingCommands
from tui.screens import batches, line_windows, modals
from tui.screens.emails.list import EmailsScreen, first_of
from tui.screens.emails.listing import Listing
from tui.screens.keys.editing import KeyEditing
from tui.screens.new_run.settings import SettingsStep
from tui.screens.new_run.writing import WriteTask
from tui.screens.pages import InfoScreen
from tui.screens.quality.quality import QualityScreen
from tui.screens.task.task import TaskScreen
from tui.view_state import Requested
from tui.widgets.lists.emails import KINDS
from tui.widgets.lists.rows import KEPT_PAGES, PAGE, HeldPages, Row
from tui.widgets.panes.pane import LinesWidget

SNAPSHOT = running(40, 20).snapshot(NOW)
MANY = replace(TASK, labels=tuple(LabelMeaning(f"v{n}", f"v{n}", f"meaning {n}") for n in range(20)))


# -- the lane -----------------------------------------------------------------------------------------------------------


def lanes(chosen: int, **fields: str) -> tuple[list[Any], Any]:
    """The window that chooses a lane, and what it ended with or refused."""
    ended: list[Any] = []
    by, lines, most_open = (SimpleNamespace(value=fields.get(name, "")) for name in ("by", "lines", "most_open"))
    window = bare(batches.ChooseLaneWindow, Noted(), _choices=["live", "flex", "batch", "auto", batches.ENDED], _chosen=chosen, _planned=None,
                  _by=by, _lines=lines, _most_open=most_open, dismiss=ended.append, query_one=Parts(),
                  _refusal=SimpleNamespace(say=lambda text: ended.append(f"refused: {text}")))  # fmt: skip
    return ended, window


@pytest.mark.parametrize(
    ("chosen", "fields", "told"),
    [
        (1, {}, ("flex", None, False, None, None)),
        (4, {}, ("live", None, True, None, None)),
        (2, {"lines": "1,000", "most_open": "3"}, ("batch", None, False, 1_000, 3)),
        (2, {"lines": "many"}, "refused: many is no number of questions or batches. Type one as in 1,000."),
        (3, {"by": "soon"}, "refused: 'soon' is no time, such as 07:00"),
    ],
    ids=count(),
)
def test_a_lane_is_chosen_with_its_limits(chosen: int, fields: dict[str, str], told: Any) -> None:
    """What is left empty stays as it is; what cannot be read is said, and the window stays."""
    ended, window = lanes(chosen, **fields)
    window.on_input_submitted()
    (end,) = ended
    assert (end if isinstance(end, str) else (end.lane, end.by_at, end.cancel, end.size, end.most_open)) == told


def test_the_lanes_are_walked_through_and_no_further() -> None:
    """From the first to the last, the chosen one is bright."""
    _, window = lanes(0)
    walked = []
    for step in (-1, 1, 1, 1, 1, 1, -1):
        window.action_move(step)
        walked.append(window._chosen)
    assert walked == [0, 1, 2, 3, 4, 4, 3]
    rows = window.query_one("#labels").shown.splitlines()
    assert [row.startswith("▸") for row in rows] == [n == 3 for n in range(5)]
    assert rows[4].startswith(f"  {batches.ENDED}")


@pytest.mark.parametrize(
    ("calls", "known", "row"),
    [
        (0, True, []),
        (9, True, ["    about $1.20 · 90 min (67 min to 2.5 h), limited by RPM of org_a"]),
        (9, False, ["    about $1.20 · without limits 90 min (67 min to 2.5 h), limited by RPM of org_a"]),
    ],
    ids=["nothing pending", "known", "unknown"],
)
def test_each_lane_has_its_forecast_once_it_is_known(calls: int, known: bool, row: list[str]) -> None:
    """Nothing before that, or where nothing is pending."""
    _, window = lanes(0)
    assert window._forecast_of("live") == []
    window._planned = SimpleNamespace(lanes=(LaneForecast("live", FORECAST, 1.2, ""),), calls=calls, limits_known=known)
    assert [each.plain for each in window._forecast_of("live")] == row
    assert window._forecast_of("flex") == []


@pytest.mark.parametrize(
    ("lane", "parcels", "chosen"), [("auto", (), 3), ("live", (parcel(1, "sent", "in_progress", 1),), 0)]
)
def test_the_window_begins_with_the_lane_that_holds(lane: str, parcels: Any, chosen: int) -> None:
    """Open batches can be ended where there are any."""
    window = batches.ChooseLaneWindow(replace(SNAPSHOT, lane=LaneChoice(lane), parcels=parcels))
    assert (window._chosen, batches.ENDED in window._choices) == (chosen, bool(parcels))


# -- a label ------------------------------------------------------------------------------------------------------------


def labeling(of: Any, chosen: int, *, find: str = "", note: str = "", with_note: bool = True) -> tuple[list[Any], Any]:
    """The window that gives a label, and what it ended with."""
    ended: list[Any] = []
    finds = len(of.labels) > modals.MOST_WITHOUT_FINDING
    app = Noted()
    app.notify = lambda text, **_: ended.append(text)  # type: ignore[attr-defined]
    window = bare(modals.GiveLabel, app, _asked_task=of, _finds=finds, _found=modals.found_labels(of, find), _chosen=chosen,
                  _label_of_row=[], WITH_NOTE=with_note, dismiss=ended.append, query_one=Parts(note=note, find=find), focused=None)  # fmt: skip
    return ended, window


def drawn(window: Any) -> list[str]:
    window._draw()
    return [row.rstrip() for row in window.query_one("#labels").shown.split("\n")]


def test_all_of_few_labels_are_listed_with_their_meaning() -> None:
    """The chosen one is pointed at; a meaning takes up to three rows below itself."""
    of = replace(TASK, labels=(LabelMeaning("1", "work", "word " * 20), LabelMeaning("0", "0", "")))
    _, window = labeling(of, 0)
    assert drawn(window) == [
        "▸ 1     work          word word word word word word word",
        "                      word word word word word word word",
        "                      word word word word word word",
        "  0     0",
    ]
    assert window._label_of_row == [0, 0, 0, 1]


@pytest.mark.parametrize(
    ("chosen", "first"), [(-1, 0), (0, 0), (3, 0), (4, 1), (10, 7), (17, 14), (19, 14)], ids=count()
)  # fmt: skip
def test_of_many_labels_six_about_the_chosen_one_are_listed(chosen: int, first: int) -> None:
    """The window keeps its height, and says how many of how many there are."""
    _, window = labeling(MANY, chosen)
    rows = drawn(window)
    assert [row.split()[-3] if row.startswith("▸") else row.split()[0] for row in rows[:6]] == [
        f"v{first + n}" for n in range(6)
    ]
    assert rows[6:] == ["  20 of 20 labels"]
    _, window = labeling(MANY, chosen, find="v1")
    assert drawn(window)[-1] == "  11 of 20 labels"
    _, window = labeling(MANY, -1, find="v13")
    assert (len(drawn(window)), drawn(window)[1:]) == (7, ["", "", "", "", "", "  1 of 20 labels"])


@pytest.mark.parametrize(
    ("of", "chosen", "steps", "walked"),
    [
        (TASK, -1, (1, 1, 1, -1, -1), [0, 1, 1, 0, 0]),
        (TASK, -1, (-1,), [0]),
        (MANY, 19, (1, -1), [19, 18]),
    ],
    ids=count(),
)
def test_labels_are_walked_through_and_no_further(
    of: Any, chosen: int, steps: tuple[int, ...], walked: list[int]
) -> None:
    """From none to the first."""
    _, window = labeling(of, chosen)
    seen = []
    for step in steps:
        window.action_move(step)
        seen.append(window._chosen)
    assert seen == walked
    _, window = labeling(MANY, 3, find="nothing")
    window.action_move(1)
    assert window._chosen == 3


@pytest.mark.parametrize(
    ("chosen", "find", "with_note", "end"),
    [
        (1, "", True, ("0", "see thread")),
        (1, "", False, ("0", "")),
        (-1, "", True, "Choose a label first."),
        (1, "1", True, "Choose a label first."),
    ],
    ids=["with a note", "without", "none", "not found"],
)
def test_a_label_is_saved_with_its_note(chosen: int, find: str, with_note: bool, end: Any) -> None:
    """Only one that is listed."""
    ended, window = labeling(TASK, chosen, find=find, note=" see thread ", with_note=with_note)
    window.action_save()
    assert ended == [end]


def test_a_label_is_chosen_by_its_value_by_a_click_or_by_its_name() -> None:
    """Not while a field is typed into; what is found first is chosen, unless nothing is typed."""
    _, window = labeling(TASK, -1)
    stopped: list[int] = []
    for character, chosen in (("0", 1), ("x", 1), ("1", 0)):
        window.on_key(SimpleNamespace(character=character, stop=lambda: stopped.append(1)))
        assert window._chosen == chosen
    window.focused = Input()
    window.on_key(SimpleNamespace(character="0", stop=lambda: stopped.append(1)))
    assert (window._chosen, len(stopped)) == (0, 2)
    drawn(window)
    for widget, y, chosen in (("labels", 1, 1), ("labels", 2, 1), ("note", 0, 1), ("labels", 0, 0)):
        window.get_widget_and_offset_at = lambda *_, widget=widget, y=y: (
            SimpleNamespace(id=widget),
            SimpleNamespace(y=y),
        )
        window.on_click(SimpleNamespace(screen_x=0, screen_y=0))
        assert window._chosen == chosen
    _, window = labeling(MANY, 3)
    for typed, chosen in (("v12", 12), ("nothing", 12), ("  ", 12)):
        window.on_input_changed(SimpleNamespace(input=SimpleNamespace(id="find"), value=typed))
        assert window._chosen == chosen
    window.on_input_changed(SimpleNamespace(input=SimpleNamespace(id="note"), value="v1"))
    assert window._chosen == 12


# -- files and keys -----------------------------------------------------------------------------------------------------


def test_a_file_that_cannot_be_written_is_refused_while_it_is_typed(tmp_path: Path) -> None:
    """Its format, its folder, a name that is taken, and somebody who is not there."""
    (tmp_path / "taken.csv").touch()
    said = [
        line_windows._trouble(str(path))
        for path in (tmp_path / "new.csv", tmp_path / "taken.csv", tmp_path / "no" / "new.csv", tmp_path / "new.exe", "~nobody-here/x.csv")
    ]  # fmt: skip
    assert said[0] == ""
    assert said[1] == "A file of that name exists already. Choose another name: nothing is overwritten."
    assert said[2] == f"The folder {tmp_path / 'no'} does not exist. Create it first, or choose another."
    assert said[3].startswith("The suffix decides the format: ")
    assert said[4] == "~nobody-here is no user of this machine. Write the folder out."


@pytest.mark.parametrize(("given", "taken"), [(8, True), (9, True), (7, False), (10, False)])
def test_keys_of_panes_are_taken_as_they_were_before_places_had_one(given: int, taken: bool) -> None:
    """Eight of them leave the ninth as it is."""
    keys = [*"abcdefhilm"][:given]
    actions, troubles = rekeyed(
        [each for each in ALL if each.id == "pane"], {"pane": keys}, lambda name: f"keys.{name}"
    )
    expected = (*keys, "9")[:9] if taken else tuple("123456789")
    assert (actions[0].keys, bool(troubles)) == (expected, not taken)


# -- lists --------------------------------------------------------------------------------------------------------------


def page(first: int, size: int = 3) -> list[Row]:
    return [Row(n, (), None) for n in range(first, first + size)]


def test_pages_are_kept_until_there_are_too_many() -> None:
    """The oldest goes first; a page that comes again is a new one, and an unchanged one is not drawn."""
    held = HeldPages()
    assert [held.want(0), held.want(0)] == [True, False]
    assert [held.put(0, page(0)), held.put(0, page(0)), held.put(0, page(1))] == [True, False, True]
    assert held.want(0) is True
    assert (held.at(2), held.at(3), held.at(PAGE)) == (page(1)[2], None, None)
    for n in range(1, KEPT_PAGES):
        held.put(n * PAGE, page(n * PAGE))
    assert (len(held), held.at(0) is None) == (KEPT_PAGES, False)
    held.put(KEPT_PAGES * PAGE, page(9))
    assert (len(held), held.at(0), list(held.rows_from(PAGE))) == (KEPT_PAGES, None, page(PAGE))
    held.want(7)
    held.forget()
    assert (len(held), held.want(7), held.at(PAGE)) == (0, True, None)
    held.fill(page(0, PAGE + 1))
    assert (len(held), held.at(PAGE)) == (2, page(PAGE, 1)[0])
    held.remake(lambda row: replace(row, value="anew"))
    assert held.at(PAGE) == replace(page(PAGE, 1)[0], value="anew")


@pytest.mark.parametrize(
    ("size", "before", "lines", "refreshed"),
    [
        (Size(0, 3), [], ["a"], None),
        (Size(9, 0), [], ["a"], None),
        (Size(9, 3), [], ["a", "b"], [0, 1]),
        (Size(9, 3), ["a", "b"], ["a", "c"], [1]),
        (Size(9, 3), ["a", "b"], ["a"], [1]),
        (Size(9, 1), ["a"], ["a", "b"], []),
    ],
    ids=count(),
)
def test_only_lines_that_changed_are_drawn_again(
    size: Size, before: list[str], lines: list[str], refreshed: list[int] | None
) -> None:
    """Nothing before a widget has its size; lines beyond its height are cut off."""
    told: list[int] = []
    widget = bare(LinesWidget, Noted(), size=size, _lines=[Content(each) for each in before],
                  lines=lambda *_: [Content(each) for each in lines], refresh=lambda region: told.append(region.y))  # fmt: skip
    widget.redraw()
    assert told == (refreshed or [])
    shown = [each.plain for each in widget._lines]
    assert shown == (before if refreshed is None else lines[: size.height])


# -- answers ------------------------------------------------------------------------------------------------------------

VERSIONS = (old_version(active=True),)


@pytest.mark.parametrize(
    ("known", "state", "shown"),
    [((), {}, 1), (VERSIONS, {}, 0), ((), GONE, 0), ((replace(VERSIONS[0], labels={}),), {}, 0)],
    ids=["new", "the same", "left", "counted before"],
)
def test_versions_are_shown_before_they_are_counted(known: Any, state: dict[str, Any], shown: int) -> None:
    """Counts of the same versions stay until they are counted again."""
    drawn_: list[object] = []
    screen = bare(TaskScreen, Noted(), _versions=known, _draw=lambda: drawn_.append(1), **state)
    screen._read(VERSIONS)
    assert (len(drawn_), screen._versions is VERSIONS) == (shown, bool(shown) or known is VERSIONS)


@pytest.mark.parametrize(
    ("answer", "state", "pause_s"),
    [((VERSIONS, {"1": 3}, 0.01), {}, 2.0), ((VERSIONS, {}, 0.1), {}, 3.0), (None, {}, 2.0), ((VERSIONS, {}, 0.1), GONE, 2.0)],
    ids=["quick", "slow", "nothing", "left"],
)  # fmt: skip
def test_counts_that_take_long_are_taken_seldom(answer: Any, state: dict[str, Any], pause_s: float) -> None:
    """Thirty times as long as one took, and two seconds at least."""
    screen = bare(
        TaskScreen,
        Noted(),
        _versions=(),
        _older={},
        _pause_s=2.0,
        _reading=True,
        _draw=lambda: None,
        hint=lambda: None,
        **state,
    )
    screen._counted(answer)
    assert (screen._reading, screen._pause_s) == (False, pause_s)


@pytest.mark.parametrize(
    ("act", "answered", "read"),
    [("do_behind", None, []), ("do_behind", 0, [(3,)]), ("do_behind", 1, [(5, 6)]), ("_choose_edge_cases", None, []), ("_choose_edge_cases", 0, [(9,)]),
     ("_choose_edge_cases", 2, [(2,)])],
    ids=count(),
)  # fmt: skip
def test_items_behind_a_chosen_figure_are_read(act: str, answered: int | None, read: list[Any]) -> None:
    """None where the window was left; mistakes that a student repeats come first."""
    app = Noted()
    shown: list[Any] = []
    figures: Any = SimpleNamespace(behind=lambda _: [("checked", (5, 6))], audit=None)
    screen = bare(QualityScreen, app, _quality=figures, _student=(SimpleNamespace(repeated_emails=(3,)), ()), _held_back=frozenset,
                  _read_these=lambda ids, _: shown.append(ids))  # fmt: skip
    edges = SimpleNamespace(kinds=[("a", (1,)), ("none", ()), ("b", (2,))], in_turns=(9,))
    screen.do_behind() if act == "do_behind" else screen._choose_edge_cases(edges)
    app.answer(answered)
    assert shown == read


@pytest.mark.parametrize(
    ("kind", "ours", "acknowledged_at", "refused", "told"),
    [
        ("swap", "w1", NOW, False, ["information: main rests, spare is asked."]),
        ("swap", "w1", NOW, True, ["warning: main rests, spare is asked."]),
        ("swap", "w1", None, False, []),
        ("swap", "w2", NOW, False, []),
        ("pause", "w1", NOW, False, []),
    ],
    ids=count(),
)
def test_a_swap_of_this_console_says_which_keys_it_swapped(
    kind: str, ours: str, acknowledged_at: float | None, refused: bool, told: list[str]
) -> None:
    """Once the worker did it; those of other consoles are not told."""
    app: Any = Noted()
    pending = PendingCommands(app)
    pending.requested = (Requested(kind, NOW - 1, ours),)
    answer = CommandRecord("w1", kind, "", NOW - 1, acknowledged_at, "main rests, spare is asked")
    answer = SimpleNamespace(
        **{name: getattr(answer, name) for name in ("id", "kind", "requested_at", "acknowledged_at", "result")},
        refused=refused,
    )  # type: ignore[assignment]
    pending.settle(replace(SNAPSHOT, commands=(answer,)), NOW)  # type: ignore[arg-type]
    assert app.told == told


@pytest.mark.parametrize(
    ("what", "result", "refused", "told"),
    [
        ("skip of this email", "1 email skipped.", False, ["1 email skipped · U undoes it"]),
        ("skip of this email", "the disk is full", True, ["the disk is full"]),
        ("skip of this email", "", False, []),
        ("", "1 email skipped.", False, []),
    ],
    ids=count(),
)
def test_what_came_of_a_command_is_told_where_it_concerned_emails(
    what: str, result: str, refused: bool, told: list[str]
) -> None:
    """With the key that takes it back, unless it was refused; emails are read again."""
    app: Any = Noted()
    pending = PendingCommands(app)
    pending.requested = (Requested("skip", NOW - 1, "w1", what),)
    answer = SimpleNamespace(
        id="w1", kind="skip", requested_at=NOW - 1, acknowledged_at=NOW, result=result, refused=refused
    )
    assert pending.settle(replace(SNAPSHOT, commands=(answer,)), NOW) is True  # type: ignore[arg-type]
    assert (app.told, pending.requested) == (told, ())
    pending.requested = (Requested("pause", NOW - 1, "w2", what),)
    assert pending.settle(replace(SNAPSHOT, commands=()), NOW) is False


# -- keys, settings and lists, where an answer comes back ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("act", "key_", "answered", "told"),
    [
        ("do_toggle", KEYS[0], None, ["set_enabled", "main is disabled."]),
        ("do_toggle", KEYS[3], None, ["set_enabled", "old is enabled."]),
        ("do_pin", KEYS[0], None, ["pin_key", "main is used first; the others take the rest."]),
        ("do_pin", replace(KEYS[0], pinned=True), None, ["pin_key", "No key is pinned."]),
        ("do_try_key", KEYS[0], None, ["Checking main with one short question …", "try_key", "error: main: it is refused", "hurry"]),
        ("do_regroup", KEYS[0], "org_c", ["Regroup", "regroup_key", "main is shown under org_c."]),
        ("do_regroup", KEYS[0], None, ["Regroup"]),
        ("do_clear_bench", KEYS[2], True, ["Confirm", "clear_bench", "org_b may be used again: cleared TPM; RPD.", "hurry"]),
        ("do_clear_bench", KEYS[2], False, ["Confirm"]),
        ("do_remove", KEYS[0], True, ["Confirm", "remove_key", "main is removed."]),
        ("do_remove", KEYS[0], False, ["Confirm"]),
        *((act, None, None, []) for act in ("do_toggle", "do_pin", "do_try_key", "do_regroup", "do_clear_bench", "do_remove")),
    ],
    ids=count(),
)  # fmt: skip
def test_a_key_is_acted_on_where_there_is_one(act: str, key_: Any, answered: Any, told: list[str]) -> None:
    """What is final asks first; each says what it did."""
    app = Noted(try_key=SimpleNamespace(works=False, sentence="it is refused"), clear_bench=("TPM", "RPD"))
    app.view_state.keys = KEYS
    getattr(bare(KeyEditing, app, selected_key=lambda: key_), act)()
    if app.windows:
        app.answer(answered)
    assert app.told == told


@pytest.mark.parametrize(
    ("limit", "waits"), [("TPM", "It waits 00:41 more for TPM."), ("", "It waits 00:41 more."), ("x" * 40, f"for {'x' * 11}…")]
)  # fmt: skip
def test_clearing_a_wait_says_how_long_it_would_be(limit: str, waits: str) -> None:
    """And for what, where that is known."""
    app = Noted()
    bare(KeyEditing, app, selected_key=lambda: replace(KEYS[2], limit=limit)).do_clear_bench()
    assert waits in app.windows[0][0]._question


@pytest.mark.parametrize(
    ("name", "trouble", "url", "taken"),
    [
        ("", "", "", ["Give the run a name.", "focus"]),
        ("enron", "it is taken", "", ["it is taken", "focus"]),
        ("enron", "", "no address at all", ["refused", "focus"]),
        ("enron", "", "", NewRunRequest("mail.csv", name="enron", model="m", order="source", dedupe=False, pack=5)),
        ("enron", "", "https://x.example/", NewRunRequest("mail.csv", name="enron", model="m", order="source", dedupe=False, pack=5, base_url="https://x.example/")),
    ],
    ids=count(),
)  # fmt: skip
def test_settings_of_a_run_are_taken_where_they_are_valid(name: str, trouble: str, url: str, taken: Any) -> None:
    """Else it is said what is wrong, and the field has the focus."""
    told: list[str] = []
    app = Noted(name_trouble=trouble)

    def field(value: str) -> Any:
        return SimpleNamespace(value=value, focus=lambda: told.append("focus"))

    step = bare(SettingsStep, app, _run_name=field(f" {name} "), _model=field(" m "), _url=field(url), _work_order=field("source"),
                _dedupe=field("no"), _pack=field("5"), refuse=lambda text: told.append(text if url == "" else "refused"))  # fmt: skip
    found = step.take(NewRunRequest("mail.csv"))
    assert (told if found is None else found) == taken


@pytest.mark.parametrize(
    ("name", "trouble", "said"),
    [("", "", "refused: Give the run a name."), ("x", "it is taken", "refused: it is taken"), ("x", "", "tab ↑↓ next field · ← → choose · enter next step")],
    ids=count(),
)  # fmt: skip
def test_the_name_of_a_run_is_checked_while_it_is_typed(name: str, trouble: str, said: str) -> None:
    """What is wrong with it stands below, or the keys that go on."""
    told: list[str] = []
    step = bare(SettingsStep, Noted(name_trouble=trouble), _run_name=SimpleNamespace(value=name), tell=lambda part: told.append(part[0]),
                refuse=lambda text: told.append(f"refused: {text}"))  # fmt: skip
    step.on_input_changed(SimpleNamespace(stop=lambda: None))
    assert told == [said]


@pytest.mark.parametrize(("source", "asked"), [("mail.csv", []), ("other.csv", ["name_for", "proposed"])])
def test_a_name_is_proposed_for_another_source(source: str, asked: list[str]) -> None:
    """What was typed for the same one stays."""
    app = Noted(name_for="other")
    step = bare(SettingsStep, app, _run_name=Parts()("#name"), _source="mail.csv", refuse=None)
    step._propose = lambda _: app.told.append("proposed")
    step.begin(NewRunRequest(source))
    assert (app.told, step._source) == (asked, source)


@pytest.mark.parametrize(
    ("kind", "open_", "failures"),
    [(KINDS[1], True, (("no label", 3),)), (KINDS[0], True, ()), (KINDS[1], False, ())],
    ids=["asked for", "of another list", "closed"],
)
def test_reasons_of_failures_are_shown_on_the_list_that_asked(kind: Any, open_: bool, failures: Any) -> None:
    """Not on another one, and not after it was closed."""
    told: list[int] = []
    shown = bare(Listing, Noted(), kind=KINDS[1], _open=open_, failures=(), _changed=lambda: told.append(1))
    shown._reasons(kind, [("no label", 3)])
    assert (shown.failures, len(told)) == (failures, len(failures))


def test_a_click_on_a_head_sorts_by_it_or_turns_the_order() -> None:
    """The order that holds is turned; moving the cursor changes the hints and the record beside."""
    told: list[Any] = []
    screen = bare(EmailsScreen, Noted(), listing=SimpleNamespace(order=Order("date"), sort=told.append), hint=lambda: told.append("hint"),
                  _show_beside=lambda: told.append("beside"))  # fmt: skip
    for name in ("date", "label"):
        screen.on_rows_head_chosen(SimpleNamespace(key=name))
    screen.on_rows_moved()
    assert told == [Order("date", descending=True), first_of("label"), "hint", "beside"]


@pytest.mark.parametrize(
    ("changed", "left", "done"), [(False, False, [None]), (True, False, ["said"]), (True, True, [None])]
)
def test_what_was_written_of_a_task_is_discarded_at_the_second_time(changed: bool, left: bool, done: list[Any]) -> None:
    """Where nothing was changed it is left at once."""
    ended: list[Any] = []
    parts = Parts(**{"task-labels": label_lines(TASK), "task-rubric": "another" if changed else TASK.rubric.strip()})
    window = bare(WriteTask, Noted(), query_one=parts, _begun=TASK, _left=left, dismiss=ended.append,
                  _refusal=SimpleNamespace(say=lambda _: ended.append("said")))  # fmt: skip
    window.action_leave()
    assert (ended, window._left) == (done, changed)


def test_facts_of_an_installation_stand_behind_their_names() -> None:
    """Wrapped behind seventeen cells; nothing before they were read."""
    section = SimpleNamespace(title="Paths", facts=(("home", "word " * 8), ("a-name-that-is-long", "")))
    shown = bare(InfoScreen, Noted(), _sections=(section,)).text(40).plain.split("\n")
    assert shown == [
        "",
        "Paths",
        "  home           word word word word",
        " " * 17 + "word word word word",
        "  a-name-that-i… ",
    ]
    assert bare(InfoScreen, Noted(), _sections=None).text(40).plain == "reading …"


def test_outcomes_of_a_lane_that_are_as_frequent_stand_in_the_order_of_their_names() -> None:
    """And the chosen lane is bright."""
    told = batches._spent(LaneSpent("live", {"b": 1, "a": 1, "c": 2}, 1, 1))
    assert told.plain.endswith("2 c, 1 a, 1 b")
    _, window = lanes(0)
    window._draw()
    tones = [str(span.style) for span in window.query_one("#labels").content.spans]
    assert tones.count("bold $bright") == 1
    assert tones[1] == "bold $bright"
