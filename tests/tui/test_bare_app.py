"""What the application and the base of its screens do, without a console."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from textual.widgets import Input

from core.errors import LabeltuiError
from core.model import RunState
from tests.tui.bare import GONE, Noted, bare, made
from tests.tui.fake_engine import FakeEngine
from tests.tui.fakes import KEYS, NOW, running, settings_in
from tui.actions import active  # noqa: F401 - it names the keys
from tui.actions.context import Context, Scope
from tui.app import LabeltuiApp
from tui.live.console_app import ConsoleApp
from tui.live.notifying import Notifying
from tui.screens.base_screen import BaseScreen, front_screen
from tui.screens.monitor import MonitorScreen
from tui.screens.runs.list import RunsScreen
from tui.terminal.clipboard import beside, free_name
from tui.terminal.terminal import CAPABLE
from tui.view_state import Requested, ViewState
from tui.widgets.footer import HintChosen

RUN = running(40, 20)
SNAPSHOT = RUN.snapshot(NOW)


# -- the application ----------------------------------------------------------------------------------------------------------


def console(**state: Any) -> tuple[Any, Noted]:
    """The application on a run, which notes what it asks for."""
    app = Noted()

    def noting(name: str) -> Any:
        return SimpleNamespace(
            start=lambda: app.told.append(f"starts {name}"), close=lambda: app.told.append(f"closes {name}")
        )

    usual = {
        "run_path": Path("run.db"), "view_state": ViewState(now=NOW, path=Path("run.db")), "clock": lambda: NOW, "say": app.say, "push_screen": app.push_screen,
        "pop_screen": lambda: app.told.append("pops"), "jobs": noting("jobs"), "chores": noting("chores"), "countings": noting("countings"),
        "poller": SimpleNamespace(start=lambda: app.told.append("starts poller"), close=lambda: app.told.append("closes poller"), watch=lambda path, runs: app.told.append(f"watches {path} {runs}")),
        "page": SimpleNamespace(close=lambda: app.told.append("closes page"), show_title=lambda *given: app.told.append(f"titles {given[0].path} {given[2] - NOW:+.0f}"), show_background=lambda color: app.told.append(f"background {color}"), show_leave_message=lambda text: app.told.append(f"leaves with {text}")),
        "sending": SimpleNamespace(forget=lambda: app.told.append("forgets"), requested=(), settle=lambda *_: False), "views": SimpleNamespace(show_review=lambda *given: app.told.append(f"review {given}"), show_tour=lambda: app.told.append("tour")),
        "notifying": SimpleNamespace(trouble="", quiet=False, see=lambda shown: app.told.append("sees")), "remember": lambda name, value: app.told.append(f"remembers {name} {value}"),
        "_alone": False, "_review": None, "_tour": False, "_start_when_seen": False, "threaded": False, "troubles": (), "held": True, "exit": lambda: app.told.append("exits"),
        "requested": (), "terminal": SimpleNamespace(browser=False), "settings": None, "screen_stack": [],
    }  # fmt: skip
    return bare(LabeltuiApp, app, **{**usual, **state}), app


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ({}, ["MonitorScreen", "watches run.db False", "every 1.0 _tick", "watches theme", "then _begin"]),
        ({"_review": ("bo", 12)}, ["MonitorScreen", "review ('bo', 12)", "watches run.db False", "every 1.0 _tick", "watches theme", "then _begin"]),
        ({"run_path": None, "_review": ("bo", 12)}, ["watches None True", "every 1.0 _tick", "watches theme", "then _begin"]),
        ({"troubles": ("keys.toml: no key",), "notifying": SimpleNamespace(trouble="notify: no")},
         ["MonitorScreen", "watches run.db False", "every 1.0 _tick", "watches theme", "error: keys.toml: no key", "error: notify: no", "then _begin"]),
    ],
    ids=count(),
)  # fmt: skip
def test_the_console_begins_with_its_run_or_the_list(state: Any, told: list[str]) -> None:
    """With the review that the command line asks for, and with what was wrong in the settings."""
    screen, app = console(**state)
    theme: list[Any] = []
    screen.set_interval = lambda every, call: app.told.append(f"every {every} {call.__name__}")
    screen.watch = lambda of, name, call: (app.told.append(f"watches {name}"), theme.append(call))
    screen.call_after_refresh = lambda call: app.told.append(f"then {call.__name__}")
    screen.on_mount()
    assert app.told == told
    screen.current_theme = SimpleNamespace(background=None)
    theme[0]()
    assert app.told[-1] == "background "
    assert isinstance(screen.get_default_screen(), RunsScreen)


@pytest.mark.parametrize("tour", [False, True])
def test_threads_begin_after_the_first_paint_and_end_with_the_console(tour: bool) -> None:
    """The tour is remembered before it is shown."""
    screen, app = console(_tour=tour)
    screen._begin()
    begun = [
        "starts jobs",
        "starts chores",
        "starts countings",
        "starts poller",
        *(["remembers toured True", "tour"] if tour else []),
    ]
    assert app.told == begun
    screen.on_unmount()
    assert app.told[len(begun) :] == [
        "closes page",
        "closes jobs",
        "closes chores",
        "closes countings",
        "closes poller",
    ]


class Front(MonitorScreen):
    """A screen of the stack."""

    is_mounted = is_attached = display = True

    def receive(self, data: Any) -> None:
        self.told.append(f"receives {data.now - NOW:+.0f}")

    def changed(self) -> None:
        self.told.append("changed")


def fronted(told: list[str], **state: Any) -> Any:
    """A screen that notes what it is given."""
    shown = Front.__new__(Front)
    for name, value in {"told": told, **state}.items():
        object.__setattr__(shown, name, value)
    return shown


def test_the_screen_in_sight_gets_the_newest_look() -> None:
    """One that is being removed gets none; the title of the page is set in any case."""
    screen, app = console()
    screen.screen_data = lambda: SimpleNamespace(view_state=screen.view_state, requested=(), now=NOW + 2)
    screen.screen_stack = [fronted(app.told), fronted(app.told), object()]
    screen.hand_down()
    screen.facts_changed()
    assert app.told == ["receives +2", "titles run.db +2", "changed", "changed"]
    left = type("Left", (Front,), {"is_mounted": False})
    gone = left.__new__(left)
    object.__setattr__(gone, "told", app.told)
    screen.screen_stack = [gone]
    screen.hand_down()
    screen.facts_changed()
    screen.screen_stack = []
    screen.hand_down()
    assert app.told[4:] == ["titles run.db +2"] * 2
    assert front_screen([]) is None


@pytest.mark.parametrize(("later_s", "told"), [(0.9, []), (1.0, ["down"])])
def test_ages_move_on_every_second(later_s: float, told: list[str]) -> None:
    """Where no picture came meanwhile."""
    screen, app = console(clock=lambda: NOW + later_s, hand_down=lambda: app.told.append("down"))
    screen._tick()
    assert app.told == told


def test_a_picture_is_handed_down_and_settles_commands() -> None:
    """Emails are read again where a command changed some; objects of the start are frozen with the first picture."""
    screen, app = console(
        hand_down=lambda: app.told.append("down"), facts_changed=lambda: app.told.append("facts"), threaded=True
    )
    screen.call_later = lambda call: app.told.append(call.__name__)
    settled = iter((True, False))
    screen.sending = SimpleNamespace(
        settle=lambda snapshot, now: app.told.append(f"settles {now - NOW:+.0f}") or next(settled)
    )
    for _ in range(2):
        screen.on_view_state_taken(
            SimpleNamespace(view_state=ViewState(now=NOW + 1, path=Path("run.db"), snapshot=SNAPSHOT))
        )
    assert app.told == ["tune_garbage_collection", "settles +1", "sees", "down", "facts", "settles +1", "sees", "down"]
    assert screen.view_state.snapshot is SNAPSHOT
    screen.on_view_state_taken(SimpleNamespace(view_state=ViewState(now=NOW + 1, path=None)))
    assert len(app.told) == 8


def test_another_run_is_watched_and_the_list_comes_back() -> None:
    """What was known of the former one is dropped but its keys; a page of one run stays with it."""
    screen, app = console(view_state=ViewState(now=NOW - 9, path=Path("run.db"), snapshot=SNAPSHOT, keys=KEYS))
    screen.open_run("other.db")
    assert (app.told, screen.run_path, screen.held) == (
        ["forgets", "watches other.db False", "MonitorScreen"],
        Path("other.db"),
        False,
    )
    assert (screen.view_state.path, screen.view_state.snapshot, screen.view_state.keys, screen.view_state.now) == (
        Path("other.db"),
        None,
        KEYS,
        NOW,
    )
    screen.show_runs()
    assert (app.told[3:], screen.run_path) == (["forgets", "watches None True", "pops"], None)
    alone, app = console(_alone=True)
    alone.show_runs()
    assert (app.told, alone.run_path) == (
        ["This page shows one run only: `labeltui serve` without RUN shows all."],
        Path("run.db"),
    )


def test_keys_clicks_and_the_palette_reach_the_dispatch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clicked key of a window is pressed."""
    screen, app = console()
    screen.dispatch = SimpleNamespace(
        pressed=lambda key: app.told.append(f"pressed {key}"),
        perform=lambda name: app.told.append(f"performs {name}"),
        commands=lambda: iter(["one"]),
    )
    screen.action_command_palette = lambda: app.told.append("palette")
    screen.simulate_key = lambda key: app.told.append(f"simulates {key}")
    screen.action_key("p")
    screen.on_hint_chosen(HintChosen("pause"))
    screen.on_hint_chosen(HintChosen("palette"))
    screen.action_help_quit()
    for key in (None, "enter"):
        monkeypatch.setattr("tui.app.clicked_key", lambda _, key=key: key)
        screen.on_click(None)
    assert app.told == [
        "pressed p",
        "performs pause",
        "palette",
        "q leaves the console; the worker goes on without it.",
        "simulates enter",
    ]
    assert list(screen.get_system_commands(None)) == ["one"]


def test_notices_are_switched_off_and_on() -> None:
    """And kept so for the next start."""
    screen, app = console()
    screen.do_quiet()
    screen.do_quiet()
    assert app.told == [
        "Bell and desktop notifications are off.",
        "remembers quiet True",
        "Bell and desktop notifications are on.",
        "remembers quiet False",
    ]


@pytest.mark.parametrize(
    ("browser", "told"), [(True, ["warning: A browser has no shell to go back to."]), (False, ["suspends"])]
)
def test_the_shell_is_reached_from_a_terminal(browser: bool, told: list[str]) -> None:
    """There is none behind a browser."""
    screen, app = console(
        terminal=SimpleNamespace(browser=browser), action_suspend_process=lambda: app.told.append("suspends")
    )
    screen.do_suspend()
    assert app.told == told


def test_the_console_is_left_with_a_sentence() -> None:
    """None without a run."""
    screen, app = console(view_state=ViewState(now=NOW))
    screen.do_quit()
    assert (app.told, screen.leave_message) == (["leaves with ", "exits"], "")


# -- what all screens have ------------------------------------------------------------------------------------------------


def test_a_console_does_a_job_and_hurries() -> None:
    """A read-only one keeps no setting; the first screen is never left."""
    app = Noted()
    ConsoleApp.job(app, lambda: app.told.append("works"), "done")  # type: ignore[arg-type]
    assert app.told == ["works", "done", "hurry"]
    app.screen_stack, app.pop_screen = [1], lambda: app.told.append("pops")  # type: ignore[attr-defined]
    ConsoleApp.do_back(app)  # type: ignore[arg-type]
    assert len(app.told) == 3
    app.screen_stack.append(2)  # type: ignore[attr-defined]
    ConsoleApp.do_back(app)  # type: ignore[arg-type]
    assert app.told[3:] == ["pops"]
    app.settings, app.read_only = SimpleNamespace(config_path="config.toml"), True  # type: ignore[attr-defined]
    kept: list[Any] = []
    app.jobs = SimpleNamespace(send=lambda work, then: kept.append(work))  # type: ignore[assignment]
    ConsoleApp.remember(app, "theme", "light")  # type: ignore[arg-type]
    assert kept == []
    app.read_only = False
    ConsoleApp.remember(app, "theme", "light")  # type: ignore[arg-type]
    assert len(kept) == 1


@pytest.mark.parametrize(("only", "kind"), [(None, "start"), (10, "try")])
def test_a_worker_is_requested_as_what_it_does(only: Any, kind: str) -> None:
    """For all, or for so many texts."""
    app = Noted()
    asked: list[Any] = []
    app.engine = SimpleNamespace(start=lambda *given: asked.append(given))  # type: ignore[assignment]
    app.request = lambda mark, ask: (app.told.append(mark), ask(Path("run.db")))  # type: ignore[attr-defined]
    ConsoleApp.start_worker(app, only)  # type: ignore[arg-type]
    assert (app.told, asked) == ([Requested(kind, NOW)], [(Path("run.db"), only)])


@pytest.mark.parametrize(
    ("standing", "sentence_", "severity", "told"),
    [
        ([], "one\ntwo", "information", ("one\ntwo", "information", 5.0)),
        ([("information", "old")], "new", "warning", ("new", "warning", 5.0)),
        ([("error", "first"), ("error", "old")], "new", "information", ("old\nnew", "error", 8.0)),
        ([("error", "old new")], "new", "error", ("new", "error", 8.0)),
        ([], "x" * 500, "error", ("x" * 399 + "…", "error", 8.0)),
    ],
    ids=count(),
)
def test_a_toast_replaces_the_one_before_but_an_error(standing: Any, sentence_: str, severity: str, told: Any) -> None:
    """An error stays with the newer sentence below, for eight seconds."""
    shown: list[Any] = []
    app = SimpleNamespace(
        _notifications=[SimpleNamespace(severity=kind, message=text) for kind, text in standing],
        clear_notifications=lambda: shown.append("cleared"),
        notify=lambda text, severity, timeout, markup: shown.append((text, severity, timeout, markup)),
    )
    ConsoleApp.say(app, sentence_, severity=severity)  # type: ignore[arg-type]
    assert (shown[0], shown[1][:3], shown[1][3]) == ("cleared", told, False)


@pytest.mark.parametrize(
    ("there", "headless", "driver", "written"),
    [(False, False, True, ["x"]), (False, True, True, []), (False, False, False, [])],
)
def test_a_sequence_goes_to_a_terminal_that_is_there(there: bool, headless: bool, driver: bool, written: Any) -> None:
    """Not to none, and not in a test."""
    told: list[str] = []
    app = SimpleNamespace(is_headless=headless, _driver=SimpleNamespace(write=told.append) if driver else None)
    ConsoleApp.to_terminal(app, "x")  # type: ignore[arg-type]
    assert told == written


def copying(*, path: Any = Path("run.db"), there: bool = False) -> tuple[Any, Noted]:
    """A screen that copies a text."""
    app = Noted(path=path)
    app.page = SimpleNamespace(there=there)  # type: ignore[attr-defined]
    app.copy_to_clipboard = lambda text: app.told.append(f"copies {text[:9]}")  # type: ignore[attr-defined]
    app.job = lambda work, said: app.told.append(said)  # type: ignore[method-assign]
    return bare(BaseScreen, app), app


@pytest.mark.parametrize(
    ("state", "text", "told"),
    [
        ({"path": None}, "hello", []),
        ({"there": True}, "hello\x1b", ["copies hello␛", "Email 7: sent to the browser's clipboard."]),
        (
            {},
            "hello",
            ["copies hello", f"Email 7: sent to the terminal's clipboard and written to {beside(Path('run.db'))}"],
        ),
        (
            {},
            "a" * 74_000,
            ["copies aaaaaaaaa", f"Email 7: sent to the terminal's clipboard and written to {beside(Path('run.db'))}"],
        ),
        ({}, "a" * 74_001, [f"Email 7: too long for the clipboard, but written to {beside(Path('run.db'))}"]),
    ],
    ids=count(),
)
def test_a_text_is_copied_and_written_beside_the_run(state: Any, text: str, told: list[str]) -> None:
    """What terminals cannot take is written alone; a browser gets no file."""
    screen, app = copying(**state)
    screen.copy("Email 7", text)
    assert app.told == told


def test_a_file_has_a_free_name_beside_its_run(tmp_path: Path) -> None:
    """The second of its kind is numbered."""
    names = []
    for _ in range(3):
        names.append(free_name(tmp_path / "enron.db", "labels"))
        (tmp_path / names[-1].name).touch()
    assert [each.name for each in names] == ["enron-labels.csv", "enron-labels-2.csv", "enron-labels-3.csv"]


def test_a_held_view_moves_only_its_state_line() -> None:
    """What was never shown is shown once."""
    app = Noted()
    app.held, app.read_only = True, True  # type: ignore[attr-defined]
    screen = bare(
        BaseScreen,
        app,
        data=None,
        _state_line=SimpleNamespace(headline=None),
        show=lambda data: app.told.append("shown"),
        hint=lambda: app.told.append("hint"),
    )
    given = SimpleNamespace(
        view_state=ViewState(now=NOW, path=Path("enron.db"), snapshot=SNAPSHOT, read_at=NOW - 3), requested=(), now=NOW
    )
    screen.receive(given)
    screen.receive(given)
    assert (app.told, screen.data is given) == (["shown", "hint", "hint"], True)
    line = screen._state_line.headline
    assert (line.name, line.held, line.read_only, line.age_s, line.now, line.simulated, line.state_sentence.word) == (
        "enron",
        True,
        True,
        3.0,
        NOW,
        False,
        "RUNNING",
    )
    app.held = False  # type: ignore[attr-defined]
    screen.receive(given)
    assert app.told[3:] == ["shown", "hint"]


@pytest.mark.parametrize(
    ("given", "name", "word"),
    [
        (ViewState(now=NOW), "labeltui", "NO RUN"),
        (ViewState(now=NOW, path=Path("/r/old.db")), "old", "READING"),
        (ViewState(now=NOW, trouble="gone."), "labeltui", "CANNOT READ"),
    ],
    ids=count(),
)
def test_the_state_line_names_the_run_before_it_was_read(given: Any, name: str, word: str) -> None:
    """By its file; without any it says so."""
    found = bare(BaseScreen, Noted()).headline(SimpleNamespace(view_state=given, requested=(), now=NOW))
    assert (found.name, found.state_sentence.word, found.simulated) == (name, word, False)


def test_a_screen_that_comes_back_is_given_what_is_new() -> None:
    """Not one that is being removed; its footer follows the focus."""
    app = Noted()
    state = {"receive": lambda data: app.told.append(f"receives {data}"), "hint": lambda: app.told.append("hint")}
    bare(BaseScreen, app, **state, **GONE).on_screen_resume()
    assert app.told == []
    bare(BaseScreen, app, **state).on_screen_resume()
    bare(BaseScreen, app, **state).on_descendant_focus()
    bare(BaseScreen, app, **state).on_descendant_blur()
    assert app.told == ["receives data", "hint", "hint"]


def test_the_footer_names_the_actions_of_its_screen_first() -> None:
    """Those of every screen come last; a field keeps the keys that it types with."""
    app = Noted()
    app.context = lambda scope, selected: Context(scope, SNAPSHOT, selected, has_run=True)  # type: ignore[attr-defined]
    hints = SimpleNamespace(hints=())
    screen = bare(MonitorScreen, app, _hints=hints, focused=None)
    screen.hint()
    assert [(each[0], each[3]) for each in hints.hints] == [
        ("start", False),
        ("pause", True),
        ("stop", True),
        ("emails", True),
        ("keys", True),
        ("swap", True),
        ("batches", True),
        ("concurrency", True),
        ("try_out", False),
        ("task", True),
        ("review", True),
        ("quality", True),
        ("retry_all", True),
        ("zoom", True),
        ("hold", True),
        ("lane", True),
        ("back", True),
        ("help", True),
        ("quit", True),
    ]
    typing = made(MonitorScreen, app, focused=Input.__new__(Input))
    typing._hints = hints
    typing.hint()
    assert [each[0] for each in hints.hints] == ["back"]


def test_an_occasion_is_seen_once_on_the_run_that_is_open() -> None:
    """Not with the first picture of another run, or without one."""
    told: list[str] = []
    app: Any = SimpleNamespace(
        engine=SimpleNamespace(notify_setup=lambda: (_ for _ in ()).throw(LabeltuiError("notify: no.")))
    )
    notifying = Notifying(app, quiet=True, environment={})
    assert notifying.trouble == "notify: no."
    notifying.tell = lambda occasion: told.append(occasion.title)  # type: ignore[method-assign]
    done = replace(SNAPSHOT, state=RunState.DONE, worker=replace(SNAPSHOT.worker, alive=False), pending=0)
    other = replace(done, run=replace(done.run, path="/other.db"))
    for shown in (None, SNAPSHOT, other, done, None, SNAPSHOT, done, done):
        notifying.see(shown)
    assert told == ["enron is done, 1 failed"]


@pytest.mark.parametrize(
    ("given", "known"),
    [
        ({}, (False, False, False, None, False)),
        ({"run": Path("a.db"), "demo": True, "tour": True, "review": ("bo", 3)}, (False, True, True, ("bo", 3), False)),
        ({"run": Path("a.db"), "demo": True, "tour": True, "read_only": True}, (False, False, False, None, True)),
        ({"run": Path("a.db"), "terminal": replace(CAPABLE, browser=True)}, (True, False, False, None, False)),
        ({"terminal": replace(CAPABLE, browser=True)}, (False, False, False, None, False)),
    ],
    ids=count(),
)
def test_an_application_knows_what_it_was_begun_with(given: Any, known: Any, tmp_path: Path) -> None:
    """A read-only one starts no worker and shows no tour; a page of one run stays with it."""
    settings = settings_in(tmp_path)
    engine = FakeEngine(settings, running(40, 20))
    app = LabeltuiApp(settings, engine=engine, clock=lambda: NOW, threaded=False, **given)
    assert (app._alone, app._start_when_seen, app._tour, app._review, app.read_only) == known
    assert (app.engine, app.held, app.leave_message, app.view_state) == (
        engine,
        False,
        "",
        ViewState(now=NOW, path=given.get("run")),
    )
    found = app.context(Scope.MONITOR, None)
    assert (found.has_run, found.read_only, found.held, found.pending) == (
        "run" in given,
        app.read_only,
        False,
        frozenset(),
    )
    app.held, app.view_state = True, ViewState(now=NOW + 3)
    app.sending.requested = (Requested("pause", NOW),)
    found = app.context(Scope.KEYS, KEYS[0])
    assert (found.scope, found.selected, found.held, found.pending) == (Scope.KEYS, KEYS[0], True, frozenset({"pause"}))
    assert (app.screen_data().now, app.requested) == (NOW + 3, (Requested("pause", NOW),))


def test_commands_are_sent_by_what_holds_those_that_wait() -> None:
    """ctrl+q leaves as q does."""
    sent: list[Any] = []
    screen, app = console(
        sending=SimpleNamespace(send=lambda *given: sent.append(given), request=lambda *given: sent.append(given))
    )
    screen.send("command", "what")
    screen.request("mark", "ask")
    assert sent == [("command", "what"), ("mark", "ask")]
    screen.do_quit = lambda: app.told.append("quits")
    with pytest.raises(StopIteration):
        screen.action_quit().send(None)
    assert app.told == ["quits"]


def test_the_layout_follows_columns_and_rows() -> None:
    """Below 76 columns and 30 rows it is that of a small terminal."""
    assert LabeltuiApp.HORIZONTAL_BREAKPOINTS == [(0, "-narrow"), (76, "-mid"), (100, "-roomy"), (150, "-wide")]
    assert LabeltuiApp.VERTICAL_BREAKPOINTS == [(0, "-short"), (30, "-tall"), (38, "-high")]


@pytest.mark.parametrize(("width", "height", "tiny"), [(60, 16, False), (59, 16, True), (60, 15, True)], ids=count())
def test_a_window_that_is_too_small_says_so(width: int, height: int, tiny: bool) -> None:
    """In place of its screen."""
    told: list[Any] = []
    screen = bare(BaseScreen, Noted(), set_class=lambda on, name: told.append((name, on)))
    with pytest.raises(StopIteration):
        screen._on_resize(SimpleNamespace(size=SimpleNamespace(width=width, height=height))).send(None)
    assert told == [("-tiny", tiny)]


@pytest.mark.parametrize("there", [True, False])
def test_a_text_is_copied_by_the_page_where_there_is_one(there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the terminal elsewhere."""
    told: list[str] = []
    monkeypatch.setattr("textual.app.App.copy_to_clipboard", lambda _, text: told.append(f"terminal {text}"))
    app = ConsoleApp.__new__(ConsoleApp)
    vars(app).update(
        page=SimpleNamespace(there=there, copy=lambda text: told.append(f"page {text}")), _clipboard="before"
    )
    app.copy_to_clipboard("hello")
    assert (told, app._clipboard) == (["page hello"], "hello") if there else (["terminal hello"], "before")


def test_the_task_of_a_screen_is_that_of_its_run() -> None:
    """None before it was read."""
    given = [
        None,
        SimpleNamespace(view_state=ViewState(now=NOW)),
        SimpleNamespace(view_state=ViewState(now=NOW, snapshot=SNAPSHOT)),
    ]
    assert [bare(BaseScreen, Noted(), data=each).asked_task() for each in given] == [None, None, SNAPSHOT.run.task]
