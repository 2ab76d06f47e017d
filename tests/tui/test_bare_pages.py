"""What pages of text and small windows do, without a console."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from textual.content import Content

from core.model import LabelMeaning, PlacesWanted
from tests.tui.bare import GONE, Noted, Part, Parts, bare, composed, made, texts_of
from tests.tui.conftest import toned, toned_rows
from tests.tui.fakes import NOW, TASK, email, running, settings_in
from tests.tui.test_bare_windows import MANY
from tui import guide as guide_pages
from tui.actions import active  # noqa: F401 - it names the keys
from tui.actions.action import Action, Group
from tui.actions.context import Context, Scope
from tui.actions.help_text import Explanation
from tui.screens import line_windows, modals, pages, themes
from tui.screens.guide import GuideScreen
from tui.screens.pages import HelpScreen, InfoScreen
from tui.screens.tour import Tour
from tui.terminal.theme import ABOUT, PALETTES, PREFIX

SNAPSHOT = running(40, 20).snapshot(NOW)
CONTEXT = Context(Scope.MONITOR, SNAPSHOT, None, has_run=True)


# -- pages of text -----------------------------------------------------------------------------------------------------


def helping(scope: Scope, pane: str = "", snapshot: Any = SNAPSHOT) -> list[str]:
    """The headings of the help of a screen."""
    app = Noted()
    app.settings = settings_in(Path("/x"))  # type: ignore[attr-defined]
    screen = bare(HelpScreen, app, _from=Context(scope, snapshot, None, has_run=True), _pane=pane)
    assert screen.asked_from is scope
    rows = toned_rows(screen.text(100).split("\n", allow_blank=True))
    return [
        row.removeprefix("<bold $accent>") for row in rows if row.startswith("<bold $accent>") and "<$" not in row[14:]
    ]


@pytest.mark.parametrize(
    ("scope", "pane", "wanted"),
    [
        (
            Scope.MONITOR,
            "",
            [
                "Monitor · this screen",
                "The run",
                "Here",
                "Review and quality",
                "Go to",
                "The console",
                "What it shows",
                "The lines on top",
                "Pane Progress",
                "Pane Rate",
                "Pane Keys",
                "Pane Labels",
                "Pane Follow-ups",
                "Pane Recent",
                "Pane Commands",
                "Pane Worker",
                "Pane Places",
                "Each key in full",
                "Keys of Runs",
                "Keys of Emails",
                "Keys of One email",
                "Keys of Batches",
                "Keys of Keys",
                "Keys of One key",
                "Keys of Task",
                "Keys of Messages",
                "Keys of Trial",
                "Keys of Review",
                "Keys of Quality",
                "Keys of Compare",
                "Keys of New run",
                "Files",
            ],
        ),
        (
            Scope.MONITOR,
            "Keys",
            [
                "Keys · this pane",
                "Monitor · this screen",
                "The run",
                "Here",
                "Review and quality",
                "Go to",
                "The console",
                "What it shows",
                "The lines on top",
                "Pane Progress",
                "Pane Rate",
                "Pane Labels",
                "Pane Follow-ups",
                "Pane Recent",
                "Pane Commands",
                "Pane Worker",
                "Pane Places",
                "Each key in full",
                "Keys of Runs",
                "Keys of Emails",
                "Keys of One email",
                "Keys of Batches",
                "Keys of Keys",
                "Keys of One key",
                "Keys of Task",
                "Keys of Messages",
                "Keys of Trial",
                "Keys of Review",
                "Keys of Quality",
                "Keys of Compare",
                "Keys of New run",
                "Files",
            ],
        ),
        (
            Scope.EMAILS,
            "",
            [
                "Emails · this screen",
                "The run",
                "Here",
                "Review and quality",
                "Find and sort",
                "Go to",
                "The console",
                "What it shows",
                "The lines on top",
                "Each key in full",
                "Keys of Runs",
                "Keys of Monitor",
                "Keys of One email",
                "Keys of Batches",
                "Keys of Keys",
                "Keys of One key",
                "Keys of Task",
                "Keys of Messages",
                "Keys of Trial",
                "Keys of Review",
                "Keys of Quality",
                "Keys of Compare",
                "Keys of New run",
                "Files",
            ],
        ),
        (
            Scope.KEYS,
            "",
            [
                "Keys · this screen",
                "The run",
                "Here",
                "Go to",
                "The console",
                "What it shows",
                "Each key in full",
                "Keys of Runs",
                "Keys of Monitor",
                "Keys of Emails",
                "Keys of One email",
                "Keys of Batches",
                "Keys of One key",
                "Keys of Task",
                "Keys of Messages",
                "Keys of Trial",
                "Keys of Review",
                "Keys of Quality",
                "Keys of Compare",
                "Keys of New run",
                "Files",
            ],
        ),
        (
            Scope.INFO,
            "",
            [
                "Info · this screen",
                "Go to",
                "The console",
                "Each key in full",
                "Keys of Runs",
                "Keys of Monitor",
                "Keys of Emails",
                "Keys of One email",
                "Keys of Batches",
                "Keys of Keys",
                "Keys of One key",
                "Keys of Task",
                "Keys of Messages",
                "Keys of Trial",
                "Keys of Review",
                "Keys of Quality",
                "Keys of Compare",
                "Keys of New run",
                "Files",
            ],
        ),
    ],
    ids=count(),
)
def test_the_help_explains_the_screen_then_its_keys(scope: Scope, pane: str, wanted: Any) -> None:
    """The focused pane first; the other panes and the keys of other screens behind."""
    assert helping(scope, pane) == wanted


def test_the_help_names_texts_as_the_run_does() -> None:
    """As texts before it was read."""
    ticket = replace(SNAPSHOT, run=replace(SNAPSHOT.run, task=replace(TASK, item="ticket")))
    names = [
        next(row for row in helping(scope, snapshot=shown) if "this screen" in row)
        for scope in (Scope.EMAILS, Scope.RECORD)
        for shown in (ticket, None)
    ]
    assert names == [
        "Tickets · this screen",
        "Texts · this screen",
        "One ticket · this screen",
        "One text · this screen",
    ]


def test_the_help_ends_with_the_places_of_files() -> None:
    """Each with its path."""
    app = Noted()
    app.settings = settings_in(Path("/x"))  # type: ignore[attr-defined]
    rows = toned_rows(bare(HelpScreen, app, _from=CONTEXT, _pane="")._paths())
    assert rows == [
        "<bold $accent>Files",
        "<$foreground>  runs            <$quiet>/x/runs",
        "<$foreground>  keys            <$quiet>/x/keys.toml",
        "<$foreground>  quotas          <$quiet>/x/quota.db",
        "<$foreground>  settings        <$quiet>/x/console.toml",
    ]


def action(name: str, *, help_: str = "It helps.", blocked: str | None = None) -> Action:
    """An action of the monitor."""
    return Action(name, Group.RUN, ("p",), "p", lambda _: name, help_, frozenset({Scope.MONITOR}), lambda _: blocked)


FIVE = [action(name, blocked="not now" if name == "c" else None) for name in "abcde"]


@pytest.mark.parametrize(
    ("width", "wanted"),
    [
        (
            35,
            [
                "<bold $bright>  p     <$foreground>a",
                "<bold $bright>  p     <$foreground>b",
                "<$faint>  p     <$faint>c",
                "<bold $bright>  p     <$foreground>d",
                "<bold $bright>  p     <$foreground>e",
            ],
        ),
        (
            71,
            [
                "<bold $bright>  p     <$foreground>a",
                "<bold $bright>  p     <$foreground>b",
                "<$faint>  p     <$faint>c",
                "<bold $bright>  p     <$foreground>d",
                "<bold $bright>  p     <$foreground>e",
            ],
        ),
        (
            72,
            [
                "<bold $bright>  p     <$foreground>a                           <bold $bright>  p     <$foreground>d",
                "<bold $bright>  p     <$foreground>b                           <bold $bright>  p     <$foreground>e",
                "<$faint>  p     <$faint>c",
            ],
        ),
        (
            108,
            [
                "<bold $bright>  p     <$foreground>a                           <$faint>  p     <$faint>c                           <bold $bright>  p     <$foreground>e",
                "<bold $bright>  p     <$foreground>b                           <bold $bright>  p     <$foreground>d",
            ],
        ),
        (
            200,
            [
                "<bold $bright>  p     <$foreground>a                                                         <$faint>  p     <$faint>c                                                         <bold $bright>  p     <$foreground>e",
                "<bold $bright>  p     <$foreground>b                                                         <bold $bright>  p     <$foreground>d",
            ],
        ),
    ],
    ids=count(),
)
def test_keys_stand_in_columns_read_downwards(width: int, wanted: Any) -> None:
    """Of 36 cells at least, three at most; what is not possible is dimmed."""
    assert toned_rows(pages._columns(FIVE, CONTEXT, width)) == wanted


@pytest.mark.parametrize(
    ("reason", "help_", "width", "wanted"),
    [
        (None, "It helps.", 80, ["<bold $bright>  p      <$foreground>pause                 <$quiet>It helps."]),
        (
            "no run is open",
            "word " * 16,
            80,
            [
                "<$faint>  p      <$quiet>pause                 <$quiet>word word word word word word word word word word",
                "<>                               <$quiet>word word word word word word",
                "<>                               <$waiting>Disabled: no run is open",
            ],
        ),
        (
            "r" * 300,
            "It helps.",
            300,
            [
                "<$faint>  p      <$quiet>pause                 <$quiet>It helps.",
                "<>                               <$waiting>Disabled: rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr…",
            ],
        ),
        (
            None,
            "word " * 8,
            20,
            [
                "<bold $bright>  p      <$foreground>pause                 <$quiet>word word word word",
                "<>                               <$quiet>word word word word",
            ],
        ),
    ],
    ids=count(),
)
def test_a_key_is_told_in_full(reason: Any, help_: str, width: int, wanted: Any) -> None:
    """With the reason why it is not possible now."""
    assert toned_rows(pages._lines(action("pause", help_=help_), CONTEXT, width, reason=reason)) == wanted


@pytest.mark.parametrize(
    ("width", "wanted"),
    [
        (
            60,
            [
                "<bold $accent>Title",
                "<$foreground>word word word word word word word word word word word word",
                "<$foreground>word word",
                "<$bright>  a term          <$quiet>meaning meaning meaning meaning meaning",
                "<$quiet>                  meaning meaning",
                "<$bright>  a much longer … <$quiet>m",
            ],
        ),
        (
            20,
            [
                "<bold $accent>Title",
                "<$foreground>word word word word",
                "<$foreground>word word word word",
                "<$foreground>word word word word",
                "<$foreground>word word",
                "<$bright>  a term          <$quiet>meaning meaning",
                "<$quiet>                  meaning meaning",
                "<$quiet>                  meaning meaning",
                "<$quiet>                  meaning",
                "<$bright>  a much longer … <$quiet>m",
            ],
        ),
    ],
    ids=count(),
)
def test_terms_are_explained_beside_their_names(width: int, wanted: Any) -> None:
    """Wrapped to twenty cells at least."""
    explanation = Explanation("word " * 14, (("a term", "meaning " * 7), ("a much longer term", "m")))
    assert toned_rows(pages._explained("Title", explanation, width)) == wanted


@pytest.mark.parametrize(("width", "drawn"), [(0, 74), (100, 94)], ids=["the console's", "its own"])
def test_a_page_is_drawn_in_its_width(width: int, drawn: int) -> None:
    """Six cells are padding and a scroll bar; the focus is on the text."""
    app = Noted()
    app.size = SimpleNamespace(width=80)  # type: ignore[attr-defined]
    parts = Parts()
    widths: list[int] = []
    screen = made(
        HelpScreen, app, CONTEXT, query_one=parts, text=lambda _, width: widths.append(width) or Content("text")
    )
    if width:
        screen.on_resize(SimpleNamespace(size=SimpleNamespace(width=width)))
    else:
        screen.draw()
    assert (widths, parts.of["#page Static"].shown) == ([drawn], "text")
    screen.on_mount()
    assert (screen.focused_by_test, [each.id for each in composed(screen)][2:3]) == ([parts.of["#page"]], ["page"])


@pytest.mark.parametrize(
    ("width", "wanted"),
    [
        (
            60,
            [
                "",
                "<bold $accent>Paths",
                "<$quiet>  home           <$foreground>word word word word word word word word",
                "<$foreground>                 word word",
                "<$quiet>  nnnnnnnnnnnnn…",
                "",
                "<bold $accent>Terminal",
                "<$quiet>  long           <$foreground>vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv",
            ],
        ),
        (
            24,
            [
                "",
                "<bold $accent>Paths",
                "<$quiet>  home           <$foreground>word word word word",
                "<$foreground>                 word word word word",
                "<$foreground>                 word word",
                "<$quiet>  nnnnnnnnnnnnn…",
                "",
                "<bold $accent>Terminal",
            ],
        ),
    ],
    ids=count(),
)
def test_facts_stand_behind_their_names_and_are_wrapped(width: int, wanted: Any) -> None:
    """Reading until they are gathered."""
    sections = (
        SimpleNamespace(title="Paths", facts=(("home", "word " * 10), ("n" * 50, ""))),
        SimpleNamespace(title="Terminal", facts=(("long", "v" * 1_200),)),
    )
    screen = bare(InfoScreen, Noted(), _sections=None)
    assert toned(screen.text(width)) == "<$quiet>reading …"
    screen._sections = sections
    rows = toned_rows(screen.text(width).split("\n", allow_blank=True))
    assert rows[:8] == wanted
    assert sum(row.count("v") for row in rows[4:]) == 999


def test_facts_are_gathered_when_the_page_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of this console; nothing is drawn on a page that was left."""
    app = Noted()
    given: list[Any] = []
    monkeypatch.setattr("tui.text.installation.gather", lambda *args: given.append(args) or ("section",))
    for name, value in {
        "theme": f"{PREFIX}dark",
        "only_ascii": "",
        "troubles": ("t",),
        "size": SimpleNamespace(width=80, height=24),
        "settings": "s",
        "preferences": "p",
        "terminal": "x",
    }.items():
        setattr(app, name, value)
    screen = made(InfoScreen, app, query_one=Parts(), draw=lambda *_: app.told.append("draws"))
    screen.on_mount()
    settings, preferences, terminal, console, now = given[0]
    assert (settings, preferences, terminal, now, screen._sections) == ("s", "p", "x", NOW, ("section",))
    assert (console.theme, console.size, console.troubles, console.read_only) == ("dark", (80, 24), ("t",), False)
    assert app.told == ["receives data", "draws"]
    left = bare(InfoScreen, app, _sections=None, **GONE)
    left._gathered(("late",))
    assert left._sections is None


# -- the guide, the tour and themes -----------------------------------------------------------------------------------------


def test_the_guide_begins_with_its_page_in_the_list() -> None:
    """The page has the focus, and is drawn in its width."""
    app = Noted()
    parts = Parts()
    screen = made(
        GuideScreen, app, "keys", query_one=parts, call_after_refresh=lambda _, call: app.told.append(call.__name__)
    )
    screen.on_mount()
    screen.on_resize(None)
    screen.on_option_list_option_selected(None)
    assert (parts.of["#topics"].highlighted, screen.focused_by_test, app.told) == (
        guide_pages.TOPICS.index("keys"),
        [parts.of["#page"]] * 2,
        ["receives data", "_draw"],
    )
    names = [each.id for each in composed(screen) if each.id]
    assert names == ["guide", "topics", "page"]


@pytest.mark.parametrize(("chosen", "topic"), [("tasks", "tasks"), (None, "keys")])
def test_a_page_of_the_guide_is_shown_from_its_beginning(chosen: Any, topic: str) -> None:
    """The one that is highlighted in the list."""
    parts = Parts()
    screen = bare(GuideScreen, Noted(), _topic="keys", query_one=parts, _draw=lambda: None)
    screen.on_option_list_option_highlighted(SimpleNamespace(option_id=chosen))
    assert (screen._topic, parts.of["#page"].done) == (topic, [("scroll", 0)])


@pytest.mark.parametrize(("act", "moved"), [("do_next", "down"), ("do_previous", "up")])
def test_pages_of_the_guide_are_turned_by_keys(act: str, moved: str) -> None:
    """As its list moves."""
    told: list[str] = []
    topics = SimpleNamespace(action_cursor_down=lambda: told.append("down"), action_cursor_up=lambda: told.append("up"))
    getattr(bare(GuideScreen, Noted(), query_one=lambda *_: topics), act)()
    assert told == [moved]


def test_a_page_of_the_guide_is_laid_out_in_its_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four cells are padding and the scroll bar."""
    from tui.guide.layout import Kind
    from tui.screens import guide

    widths: list[int] = []
    spans = [
        [SimpleNamespace(text="Keys", kind=Kind.HEADING)],
        [
            SimpleNamespace(text="a ", kind=Kind.TEXT),
            SimpleNamespace(text="key", kind=Kind.STRONG),
            SimpleNamespace(text=" x", kind=Kind.CODE),
        ],
    ]
    monkeypatch.setattr(guide, "lay_out", lambda page, width: widths.append(width) or spans)
    pane, text = Part(64), Part()
    pane.query_one = lambda _: text  # type: ignore[method-assign]
    bare(GuideScreen, Noted(), _topic="keys", query_one=lambda *_: pane)._draw()
    assert (widths, toned_rows(text.content.split("\n"))) == (
        [60],
        ["<bold $accent>Keys", "<$foreground>a <bold $foreground>key<$bright> x"],
    )


@pytest.mark.parametrize(("width", "most"), [(60, 50), (200, 200)])
def test_the_tour_is_as_wide_as_the_terminal_allows(width: int, most: int) -> None:
    """Its paragraphs stand apart."""
    parts = Parts()
    bare(Tour, SimpleNamespace(size=SimpleNamespace(width=width)), query_one=parts, _page=0).on_resize()  # type: ignore[arg-type]
    rows = parts("#tour-text").shown.split("\n")
    assert (max(map(len, rows)) <= most, rows[0].endswith("   1 of 3"), rows[1], rows[-1] != "") == (
        True,
        True,
        "",
        True,
    )
    assert [each.id for each in composed(made(Tour, Noted(), lambda: NOW)) if each.id] == ["tour", "tour-text"]


def test_a_theme_is_previewed_saved_or_left() -> None:
    """The cursor begins on the present one; those of Textual come behind."""
    app = Noted()
    app.theme, app.available_themes = list(PALETTES)[1], {**dict.fromkeys(PALETTES), "nord": None, "dracula": None}  # type: ignore[attr-defined]
    window = made(themes.ChooseTheme, app)
    window.on_rows_moved()
    window.on_mount()
    names = [window._rows.row_at(n).value for n in range(window._rows.count)]
    assert (names, window._rows.cursor) == ([*PALETTES, "dracula", "nord"], 1)
    assert [window._rows.row_at(n).cells for n in (0, len(names) - 1)] == [
        ((names[0].removeprefix(PREFIX), "bold $bright"), (ABOUT[names[0]], "$quiet")),
        (("nord", "bold $bright"), ("Textual's", "$quiet")),
    ]
    window._rows.cursor = 2
    window.on_rows_moved()
    assert app.theme == names[2]  # type: ignore[attr-defined]
    window.on_rows_chosen()
    window.action_leave()
    assert (app.theme, app.told) == (names[1], [f"ends with {names[2]!r}", "ends with None"])  # type: ignore[attr-defined]
    app.theme = "unknown"  # type: ignore[attr-defined]
    other = made(themes.ChooseTheme, app)
    other.on_mount()
    assert (other._rows.cursor, [each.width for each in other._rows._columns]) == (0, [22, 0])
    assert texts_of(other) == [
        "<bold $bright>Theme",
        "<bold $accent>↑↓<> preview  <bold $accent>enter<> save  <bold $accent>esc<> cancel",
    ]


# -- windows with lines -------------------------------------------------------------------------------------------------------


def asking(of: type, *given: Any, **typed: str) -> tuple[Any, Noted]:
    """A window with what was typed in it, which keeps what it refuses."""
    app = Noted()
    parts = Parts()
    parts.of |= {f"#{name}": Part(value=value) for name, value in typed.items()}
    window = made(of, app, *given, query_one=parts)
    window._refusal = SimpleNamespace(say=lambda text, tone="": app.told.append(f"{tone} {text}".strip()))
    return window, app


def test_a_line_is_asked_for() -> None:
    """An empty one is none."""
    assert texts_of(made(line_windows.AskLine, Noted(), "Note", "why")) == [
        "<bold $bright>Note",
        "<$quiet>why",
        "[line: ]",
        "",
        "<bold $accent>enter<> save  <bold $accent>esc<> cancel",
    ]
    for typed, told in ((" a note ", "ends with 'a note'"), (" ", "$waiting Type something first; esc cancels.")):
        window, app = asking(line_windows.AskLine, "Note", "why", line=typed)
        window.on_input_submitted()
        window.action_leave()
        assert app.told == [told, "ends with None"]


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (
            {"address": "10.0.0.5:6379", "places": "3", "width": "2", "trust": "y"},
            f"ends with {PlacesWanted('10.0.0.5:6379', 3, 2, trust_network=True)!r}",
        ),
        (
            {"address": "", "places": "0", "width": "2", "trust": "no"},
            "The number of places is a number from 1 to 9,999.",
        ),
        (
            {"address": "", "places": "1", "width": "10000", "trust": "no"},
            "The number of calls at once is a number from 1 to 9,999.",
        ),
        ({"address": "", "places": "9999", "width": "1", "trust": "no"}, f"ends with {PlacesWanted('', 9_999, 1)!r}"),
    ],
    ids=count(),
)
def test_places_are_asked_for(typed: Any, told: str) -> None:
    """Why they cannot be is said."""
    window, app = asking(line_windows.StartAtPlaces, PlacesWanted(), **typed)
    window.on_input_submitted()
    window.action_leave()
    assert app.told == [told, "ends with None"]


def test_places_are_proposed_as_they_were_last() -> None:
    """Each field has its words."""
    assert texts_of(made(line_windows.StartAtPlaces, Noted(), PlacesWanted("h:1", 3, 2, trust_network=True))) == [
        "<bold $bright>Start at places of Ray",
        "Head of a Ray cluster, host:port (empty: this machine)",
        "[address: h:1]",
        "Places",
        "[places: 3]",
        "Calls at once at each",
        "[width: 2]",
        "Join a cluster that requires no token (yes or no)",
        "[trust: yes]",
        "",
        "<bold $accent>enter<> start  <bold $accent>tab<> next  <bold $accent>esc<> cancel",
    ]
    assert texts_of(made(line_windows.StartAtPlaces, Noted(), PlacesWanted()))[-3] == "[trust: no]"


def test_a_file_is_asked_for_with_what_is_saved(tmp_path: Path) -> None:
    """tab turns to the other choice, and round."""
    path = str(tmp_path / "rows.csv")
    window, app = asking(line_windows.SaveAs, ["this email", "all"], path, line=f" {path} ")
    window.on_mount()
    shown = [toned(window.query_one("#labels").content)]
    for _ in range(2):
        window.action_other()
        shown.append(toned(window.query_one("#labels").content))
    assert shown == [
        "<bold $accent>▸ <bold $bright>this email   <bold $accent>  <$quiet>all   ",
        "<bold $accent>  <$quiet>this email   <bold $accent>▸ <bold $bright>all   ",
        "<bold $accent>▸ <bold $bright>this email   <bold $accent>  <$quiet>all   ",
    ]
    window.action_other()
    window.on_input_submitted()
    type(window).query_one = Parts(line="rows.exe")
    window.on_input_submitted()
    window.action_leave()
    assert (app.told[0], app.told[1].startswith("The suffix decides"), app.told[2]) == (
        f"ends with {(path, 1)!r}",
        True,
        "ends with None",
    )
    assert texts_of(made(line_windows.SaveAs, Noted(), ["a", "b"], "rows.csv")) == [
        "<bold $bright>Save to a file",
        "",
        "File: .csv for a row each, .jsonl for whole records",
        "[line: rows.csv]",
        "",
        "<bold $accent>tab<> what  <bold $accent>enter<> save  <bold $accent>esc<> cancel",
    ]
    assert (
        texts_of(made(line_windows.SaveAs, Noted(), ["a"], "rows.csv", "any"))[-1]
        == "<bold $accent>enter<> save  <bold $accent>esc<> cancel"
    )


def test_a_download_is_only_named(tmp_path: Path) -> None:
    """One of that name that was downloaded before is replaced."""
    window = made(line_windows.Download, Noted(), ["all"], tmp_path / "rows.csv")
    assert (window._proposed, window.trouble("a/b.csv"), window.trouble("b.exe")[:18]) == (
        "rows.csv",
        "A name is enough: the browser chooses the folder.",
        "The suffix decides",
    )
    (tmp_path / "rows.csv").touch()
    assert (window.trouble("rows.csv"), (tmp_path / "rows.csv").exists(), window.trouble("other.csv")) == (
        "",
        False,
        "",
    )
    assert texts_of(window)[2] == "Download: .csv for a row each, .jsonl for whole records"


@pytest.mark.parametrize(("yes", "no", "also"), [("Re-label", "Cancel", True), ("y" * 60, "Cancel", False)])
def test_a_question_has_the_safe_answer_as_its_default(yes: str, no: str, also: bool) -> None:
    """Other keys for it are named where there is room."""
    app = Noted()
    window = made(modals.Confirm, app, "Sure?\x1b", yes, no)
    assert texts_of(window) == [
        "<>Sure?␛",
        f"<bold $accent>y <$foreground>{yes}    <bold $background on $accent> enter <bold $bright> {no}"
        + ("<$quiet> (also n, esc)" if also else "<$quiet>"),
    ]
    window.action_answer(True)
    window.action_answer(False)
    assert app.told == ["ends with True", "ends with False"]
    named = [
        texts_of(made(modals.Confirm, app, "?", "y" * (modals.MOST_BESIDE - 3 + more), "abc"))[1].endswith("esc)")
        for more in (0, 1)
    ]
    assert named == [True, False]


@pytest.mark.parametrize(
    ("task", "row", "many", "wanted"),
    [
        (
            TASK,
            email(7),
            "",
            [
                "<bold $bright>Manual label<$person>  ◆ overrides the model",
                "<$quiet>Subject of message 7",
                "",
                "Note (optional)",
                "[note: ]",
                "<bold $accent>its value ↑↓<> choose  <bold $accent>tab<> note  <bold $accent>enter<> save  <bold $accent>esc<> cancel",
            ],
        ),
        (
            TASK,
            replace(email(7), label="1", label_source="model", subject="s" * 80),
            "",
            [
                "<bold $bright>Manual label<$person>  ◆ overrides the model",
                "<$quiet>sssssssssssssssssssssssssssssssssssssssssssssssssssssssssss…",
                "<$waiting>now: 1 work, by model",
                "",
                "Note (optional)",
                "[note: ]",
                "<bold $accent>its value ↑↓<> choose  <bold $accent>tab<> note  <bold $accent>enter<> save  <bold $accent>esc<> cancel",
            ],
        ),
        (
            MANY,
            None,
            "3 marked emails",
            [
                "<bold $bright>Manual label<$person>  ◆ overrides the model",
                "<bold $waiting>for 3 marked emails<$quiet>  U takes it back as one",
                "Type a part of the label",
                "[find: ]",
                "",
                "Note (optional)",
                "[note: ]",
                "<bold $accent>↑↓<> choose  <bold $accent>tab<> note  <bold $accent>enter<> save  <bold $accent>esc<> cancel",
            ],
        ),
    ],
    ids=count(),
)
def test_the_window_that_labels_says_what_it_is_about(task: Any, row: Any, many: str, wanted: Any) -> None:
    """Of many labels one is typed."""
    assert texts_of(made(modals.GiveLabel, Noted(), task, row, many)) == wanted


@pytest.mark.parametrize(
    ("row", "chosen"),
    [(None, -1), (email(7), -1), (replace(email(7), label="0"), 1), (replace(email(7), label="x"), -1)],
    ids=count(),
)
def test_the_window_that_labels_begins_with_the_present_label(row: Any, chosen: int) -> None:
    """None where the task does not have it."""
    parts = Parts()
    window = made(modals.GiveLabel, Noted(), TASK, row, query_one=parts)
    window.on_mount()
    assert (window._chosen, window._finds, list(window._found), window.focused_by_test) == (chosen, False, [0, 1], [])
    many = made(modals.GiveLabel, Noted(), MANY, None, query_one=parts)
    many.on_mount()
    assert (many._finds, list(many._found), many.focused_by_test) == (True, list(range(20)), [parts.of["#find"]])
    window.action_leave()
    assert window.app.told == ["ends with None"]


def test_a_label_of_a_review_is_found_without_a_note() -> None:
    """Nothing shows the model's."""
    assert texts_of(made(modals.FindLabel, Noted(), MANY)) == [
        "<bold $bright>Your label",
        "Type a part of the label",
        "[find: ]",
        "",
        "<bold $accent>↑↓<> choose  <bold $accent>enter<> save  <bold $accent>esc<> cancel",
    ]


@pytest.mark.parametrize(
    ("size", "finds"), [(modals.MOST_WITHOUT_FINDING, False), (modals.MOST_WITHOUT_FINDING + 1, True)]
)
def test_labels_are_typed_from_so_many_on(size: int, finds: bool) -> None:
    """Fewer are listed at once."""
    assert made(modals.GiveLabel, Noted(), replace(MANY, labels=MANY.labels[:size]), None)._finds is finds
    assert (modals.MOST_WITHOUT_FINDING, modals.MOST_LISTED, modals.MOST_BESIDE) == (12, 6, 30)


@pytest.mark.parametrize(
    ("key", "told"), [("enter", ["stops", "prevents", "draws"]), ("escape", ["stops", "prevents", "ends with None"])]
)
def test_a_key_over_the_tour_is_its_own(key: str, told: list[str]) -> None:
    """What is meant for the console reaches it when the tour has ended."""
    app = Noted()
    window = made(Tour, app, lambda: NOW, _draw=lambda _: app.told.append("draws"))
    window._opened_at = NOW - 9
    window.on_key(
        SimpleNamespace(
            key=key, stop=lambda: app.told.append("stops"), prevent_default=lambda: app.told.append("prevents")
        )
    )
    assert app.told == told


def helped(pane: str) -> list[str]:
    """The help of the monitor with the focus on that pane, as plain lines."""
    app = Noted()
    app.settings = settings_in(Path("/x"))  # type: ignore[attr-defined]
    return bare(HelpScreen, app, _from=CONTEXT, _pane=pane).text(100).plain.split("\n")


def test_the_keys_of_a_pane_stand_below_its_explanation() -> None:
    """Then the screen, with the key of the guide."""
    rows = helped("Keys")
    at = next(n for n, text in enumerate(rows) if "this screen" in text)
    assert [text.rstrip() for text in rows[at - 3 : at]] == [
        "  1–9   pane                                        esc   back",
        "  z     zoom",
        "",
    ]
    assert any(text.endswith(" opens the guide at the page about this.") for text in rows)
    assert "this pane" not in "\n".join(helped(""))


@pytest.mark.parametrize(("width", "cells"), [(80, 49), (52, 21), (51, 20), (20, 20)])
def test_a_reason_is_wrapped_beside_its_key(width: int, cells: int) -> None:
    """In twenty cells at least."""
    rows = pages._lines(action("pause"), CONTEXT, width, reason="r" * 120)
    assert len(rows[-2].plain.strip()) == cells


@pytest.mark.parametrize(
    ("values", "name", "wanted"),
    [
        (("1", "0"), "work", [56, 22, 6, "  1     work", 0]),
        (("12345", "0"), "work", [56, 22, 6, "  12345 work", 0]),
        (("123456", "0"), "123456", [56, 9, 6, "  123456 mmm", 0]),
        (("v" * 40, "0"), "work", [56, 41, 6, "  vvvvvvvvvv", 0]),
    ],
    ids=count(),
)
def test_labels_are_listed_in_columns(values: Any, name: str, wanted: Any) -> None:
    """Values in six cells at least and 25 at most, names in fourteen where any has one, meanings in what is left of 54."""
    parts = Parts()
    of = replace(
        TASK, labels=tuple(LabelMeaning(value, name if n == 0 else value, "m" * 300) for n, value in enumerate(values))
    )
    made(modals.GiveLabel, Noted(), of, None, query_one=parts).on_mount()
    rows = parts.of["#labels"].shown.split("\n")
    assert [len(rows[0]), rows[0].index("m"), len(rows), rows[0][:12], rows[2].count("m")] == wanted


def test_labels_that_are_found_are_drawn() -> None:
    """And the chosen one, wherever the cursor goes."""
    parts = Parts()
    window = made(modals.GiveLabel, Noted(), MANY, None, query_one=parts)
    window.on_mount()
    window.action_move(1)
    assert parts.of["#labels"].shown.startswith("▸ v0")
    window.on_input_changed(SimpleNamespace(input=SimpleNamespace(id="find"), value="v13"))
    assert parts.of["#labels"].shown.startswith("▸ v13")
    few = made(modals.GiveLabel, Noted(), TASK, None, query_one=parts)
    few.on_mount()
    stopped: list[int] = []
    type(few).focused = None
    few.on_key(SimpleNamespace(character="0", stop=lambda: stopped.append(1)))
    assert (parts.of["#labels"].shown.split("\n")[-1].startswith("▸ 0"), stopped) == (True, [1])
    assert (few._found, window._finds) == (range(2), True)


def test_the_tour_begins_at_its_first_page() -> None:
    """Keys that were on their way count only where nobody asked for it."""
    asked, shown = touring(asked_for=True), touring(asked_for=False)
    assert (asked._page, asked._opened_at, shown._page, shown._opened_at) == (0, float("-inf"), 0, NOW)


def touring(*, asked_for: bool) -> Any:
    """The tour as it opens."""
    made(Tour, Noted(), lambda: NOW)
    return Tour(lambda: NOW, asked_for=asked_for)


def test_a_theme_is_worn_only_once_the_present_one_is_known() -> None:
    """The first move of the cursor is no choice."""
    app = Noted()
    app.theme, app.available_themes = "nord", {}  # type: ignore[attr-defined]
    window = made(themes.ChooseTheme, app)
    window._rows = SimpleNamespace(selected=SimpleNamespace(value="other"))
    window.on_rows_moved()
    assert app.theme == "nord"  # type: ignore[attr-defined]
    window._before = "nord"
    window._rows.selected = None
    window.on_rows_moved()
    assert app.theme == "nord"  # type: ignore[attr-defined]


def test_tab_turns_through_what_can_be_saved() -> None:
    """Round."""
    window, _ = asking(line_windows.SaveAs, ["a", "b", "c"], "rows.csv")
    walked = []
    for _ in range(4):
        window.action_other()
        walked.append(window._chosen)
    assert walked == [1, 2, 0, 1]
