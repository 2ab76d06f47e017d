"""What the threads beside the screen, commands, and the dispatch of keys do, without a console."""

from __future__ import annotations

import queue
from array import array
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.commands.catalog import ChooseLane, Pause, Resume, Retry, Skip, Stop, SwapKey
from core.engine import Filter, Term
from core.errors import LabeltuiError
from core.model import UNCHANGED, PlacesWanted, RunState
from tests.tui.bare import Noted
from tests.tui.fakes import KEYS, NOW, running
from tests.tui.test_batches_screen import parcel
from tui.actions import active  # noqa: F401 - it names the keys
from tui.actions.action import Action, Group
from tui.actions.context import Context, Scope
from tui.actions.dispatch import Dispatch
from tui.actions.user_keys import readable, rekeyed
from tui.live.finder import Finder, _place
from tui.live.jobs import Answered, BackgroundJobs, Countings, sentence
from tui.live.pending_commands import PendingCommands, _changes_emails, _reversible
from tui.live.poller import Poller, ViewStateTaken
from tui.screens.run_commands import RunCommands
from tui.view_state import Requested

RUN = running(40, 20)
SNAPSHOT = RUN.snapshot(NOW)


# -- the threads beside the screen ----------------------------------------------------------------------------------------


class Opened:
    """A reader, or keys, that say how often they were closed."""

    def __init__(self, told: list[str], name: str, snapshot: Any = SNAPSHOT) -> None:
        self.told, self.name, self.taken = told, name, snapshot

    def snapshot(self, now: float) -> Any:
        if isinstance(self.taken, Exception):
            raise self.taken
        return self.taken

    def statuses(self, model: str, now: float) -> Any:
        self.told.append(f"statuses of {model} at {now - NOW:+.0f}")
        return KEYS

    def windows(self, model: str, now: float) -> Any:
        return ()

    def close(self) -> None:
        self.told.append(f"closes {self.name}")


class Engine:
    """An engine that notes what it opens."""

    def __init__(self, snapshot: Any = SNAPSHOT) -> None:
        self.told: list[str] = []
        self.taken = snapshot
        self.keys_trouble = ""

    def view(self, path: Path) -> Opened:
        self.told.append(f"opens {path}")
        return Opened(self.told, str(path), self.taken)

    def keys(self, path: Path | None) -> Opened:
        if self.keys_trouble:
            raise LabeltuiError(self.keys_trouble)
        self.told.append(f"keys of {path}")
        return Opened(self.told, "keys")

    def runs(self, now: float) -> list[str]:
        self.told.append("lists")
        return ["a run"]


def polled(engine: Any) -> tuple[Poller, list[Any], list[float]]:
    """A poller without a thread, what it posts, and a clock that a test moves."""
    posted: list[Any] = []
    now = [NOW]
    return Poller(engine, lambda message: posted.append(message) or True, lambda: now[0], threaded=False), posted, now


MODEL = SNAPSHOT.run.task.model.model


def test_another_run_is_read_with_its_own_reader_and_keys() -> None:
    """Those of the former one are closed; its picture is not shown for the other; the list of runs stays."""
    engine = Engine()
    poller, posted, _ = polled(engine)
    poller.start()
    assert poller._thread.ident is None
    assert engine.told == ["keys of None", f"statuses of {MODEL} at +0"]
    poller.watch(Path("a.db"), runs=True)
    assert engine.told[2:] == ["closes keys", "opens a.db", "lists", "keys of a.db", f"statuses of {MODEL} at +0"]
    assert posted[-1].view_state.runs == ("a run",)
    poller.watch(Path("a.db"), runs=False)
    assert engine.told[7:] == [f"statuses of {MODEL} at +0"]
    poller.watch(Path("b.db"), runs=False)
    assert engine.told[8:] == ["closes a.db", "closes keys", "opens b.db", "keys of b.db", f"statuses of {MODEL} at +0"]
    taken = posted[-1].view_state
    assert (taken.path, taken.runs, taken.snapshot, taken.keys, taken.read_at) == (
        Path("b.db"),
        ("a run",),
        SNAPSHOT,
        KEYS,
        NOW,
    )
    poller.close()
    assert engine.told[13:] == ["closes b.db", "closes keys"]
    assert (poller._view, poller._keys, len(posted), poller._jobs.get_nowait()) == (None, None, 4, None)
    assert poller._thread.is_alive() is False


@pytest.mark.parametrize(("later_s", "listed"), [(1.9, 1), (2.0, 2)])
def test_the_list_of_runs_is_read_every_two_seconds(later_s: float, listed: int) -> None:
    """At once after a command, and where it is asked for anew."""
    engine = Engine()
    poller, _, now = polled(engine)
    poller.watch(None, runs=True)
    now[0] += later_s
    poller.read()
    assert engine.told.count("lists") == listed
    poller.hurry()
    assert engine.told.count("lists") == listed + 1
    assert (poller._hurry_until, poller._overdue) == (now[0] + 3.0, True)


def test_a_run_that_cannot_be_read_is_opened_again() -> None:
    """What was read before stays with its time."""
    engine = Engine()
    poller, posted, now = polled(engine)
    poller.watch(Path("a.db"), runs=False)
    poller._view.taken = LabeltuiError("gone.")  # type: ignore[union-attr]
    now[0] += 7
    poller.read()
    taken = posted[-1].view_state
    assert (taken.trouble, taken.snapshot, taken.read_at, taken.now, poller._view) == (
        "gone.",
        SNAPSHOT,
        NOW,
        NOW + 7,
        None,
    )
    poller.read()
    assert (engine.told.count("opens a.db"), posted[-1].view_state.trouble, posted[-1].view_state.read_at) == (
        2,
        "",
        NOW + 7,
    )


def test_keys_are_opened_again_when_the_server_of_the_run_changed_or_they_failed() -> None:
    """Those that were shown stay meanwhile."""
    engine = Engine()
    poller, posted, _ = polled(engine)
    poller.watch(Path("a.db"), runs=False)
    poller._view.taken = replace(SNAPSHOT, run=replace(SNAPSHOT.run, base_url="http://127.0.0.1:9"))  # type: ignore[union-attr]
    poller.read()
    assert (engine.told.count("keys of a.db"), engine.told.count("closes keys")) == (2, 1)
    poller.read()
    assert engine.told.count("keys of a.db") == 2
    poller._keys.statuses = lambda model, now: 1 / 0  # type: ignore[method-assign, union-attr, assignment, return-value]
    poller.read()
    taken = posted[-1].view_state
    assert (taken.keys_trouble, taken.keys, taken.trouble, poller._keys) == (
        "ZeroDivisionError: division by zero",
        KEYS,
        "",
        None,
    )
    poller.read()
    assert (posted[-1].view_state.keys_trouble, engine.told.count("keys of a.db")) == ("", 3)


def test_a_question_without_a_run_is_answered_with_a_sentence() -> None:
    """A question to one is answered by its reader; another picture follows."""
    engine = Engine()
    poller, posted, _ = polled(engine)
    poller.ask(lambda view: view.name, str)
    assert [type(each) for each in posted] == [Answered, ViewStateTaken]
    assert (posted[0].error, posted[0].result) == ("No run is open. Choose one in the list of runs.", None)
    poller.watch(Path("a.db"), runs=False)
    poller.ask(lambda view: view.name, str)
    assert (posted[-2].error, posted[-2].result, posted[-2].then) == ("", "a.db", str)


def test_a_thread_reads_where_it_is_due_and_closes_what_it_opened() -> None:
    """Jobs come first; the end is one of them."""
    engine = Engine()
    poller, posted, _ = polled(engine)
    poller._threaded = True
    poller.watch(Path("a.db"), runs=False)
    poller.ask(lambda view: "answer", str)
    poller.hurry()
    assert (posted, engine.told) == ([], [])
    poller._jobs.put(None)
    poller._live()
    assert [type(each) for each in posted] == [ViewStateTaken, Answered, ViewStateTaken]
    assert engine.told[-2:] == ["closes a.db", "closes keys"]
    assert poller._overdue is False


@pytest.mark.parametrize(
    ("error", "said"),
    [(LabeltuiError("No such run."), "No such run."), (KeyError("x"), "KeyError: 'x'")],
    ids=["ours", "another's"],
)
def test_an_error_is_told_as_a_sentence(error: Exception, said: str) -> None:
    """Those of others with their kind."""
    assert sentence(error) == said


def test_background_jobs_answer_with_their_result_or_their_error() -> None:
    """In the order in which they were sent; all are through once the queue is."""
    posted: list[Any] = []
    jobs = BackgroundJobs(lambda message: posted.append(message) or True)
    assert jobs.idle is True
    jobs.send(lambda: 7, str, repr)
    jobs.send(lambda: 1 / 0, str)
    assert (jobs.idle, posted) == (False, [])
    jobs.close()
    jobs._live()
    assert jobs._jobs.unfinished_tasks == 1
    told = [(each.then, each.result, each.error, each.failed) for each in posted]
    assert told == [(str, 7, "", repr), (str, None, "ZeroDivisionError: division by zero", None)]
    jobs.tell(str, 3)
    assert (posted[2].then, posted[2].result, posted[2].error, posted[2].failed) == (str, 3, "", None)
    at_once = BackgroundJobs(lambda message: posted.append(message) or True, threaded=False)
    at_once.start()
    at_once.send(lambda: 8, str)
    assert (posted[3].result, at_once.idle, at_once._thread.ident) == (8, True, None)


def test_a_counting_has_a_reader_of_its_own_that_it_closes() -> None:
    """Of the run that was open when it was asked; without a run there is none."""
    engine = Engine()
    posted: list[Any] = []
    watched: list[Path | None] = [None]
    countings = Countings(engine, lambda: watched[0], lambda message: posted.append(message) or True, threaded=False)  # type: ignore[arg-type]
    countings.ask(lambda view: view.name, str)
    assert posted == []
    watched[0] = Path("a.db")
    countings.ask(lambda view: view.name, str, repr)
    countings.ask(lambda view: 1 / 0, str)
    assert engine.told == ["opens a.db", "closes a.db"] * 2
    assert [(each.result, each.error, each.failed) for each in posted] == [
        ("a.db", "", repr),
        (None, "ZeroDivisionError: division by zero", None),
    ]


class Search:
    """A search in steps of found numbers."""

    def __init__(self, *steps: Any, indexed: bool = False) -> None:
        self.steps, self.indexed, self.told, self.built = list(steps), indexed, list[Any](), [0.5, 1.0, 1.0]

    def begin(self, wanted: Any, order: Any) -> None:
        self.told.append(("begins", order))

    def step(self) -> Any:
        ids, share, finished = self.steps.pop(0)
        return SimpleNamespace(ids=array("I", ids), share=share, finished=finished, indexed=self.indexed)

    def build(self) -> float:
        self.told.append("builds")
        return self.built.pop(0)

    def close(self) -> None:
        self.told.append("closed")


def finder(search: Any) -> tuple[Finder, list[Any], list[Any]]:
    """A finder without a thread over that search."""
    posted: list[Any] = []
    opened: list[Any] = []
    engine = SimpleNamespace(search=lambda path, interrupted: opened.append((path, interrupted())) or search)
    return Finder(engine, Path("a.db"), lambda message: posted.append(message) or True, threaded=False), posted, opened  # type: ignore[arg-type]


WORDS = Filter((Term("", "contract"),))


@pytest.mark.parametrize(
    ("wanted", "indexed", "builds"),
    [(WORDS, False, 2), (WORDS, True, 0), (Filter(), False, 0)],
    ids=["words", "indexed", "no words"],
)
def test_matches_are_posted_as_they_are_found(wanted: Any, indexed: bool, builds: int) -> None:
    """With the place of the email that is to be kept in sight; the index of words is built afterwards."""
    search = Search(([3, 5], 0.4, False), ([7, 9], 0.8, False), ([11], 1.0, True), indexed=indexed)
    found, posted, opened = finder(search)
    found.seek(wanted, "by date", 9, str)  # type: ignore[arg-type]
    told = [
        (list(each.result.ids), each.result.share, each.result.finished, each.result.place, each.result.trouble)
        for each in posted
    ]
    assert told == [([3, 5], 0.4, False, None, ""), ([7, 9], 0.8, False, 3, ""), ([11], 1.0, True, 3, "")]
    assert ([each.then for each in posted], opened) == ([str] * 3, [(Path("a.db"), False)])
    assert search.told == [("begins", "by date"), *["builds"] * builds]
    search.steps.append(([], 1.0, True))
    found.seek(Filter(), "by date", None, str)  # type: ignore[arg-type]
    assert (len(opened), posted[-1].result.place, list(posted[-1].result.ids)) == (1, None, [])
    found.close()
    assert search.told[-1] == "closed"


def test_a_search_that_fails_is_told_and_builds_no_index() -> None:
    """An index that cannot be built is done without."""
    search = Search()
    found, posted, _ = finder(search)
    found.seek(WORDS, "by date", None, str)  # type: ignore[arg-type]
    assert [
        (list(each.result.ids), each.result.share, each.result.finished, each.result.trouble) for each in posted
    ] == [([], 1.0, True, "IndexError: pop from empty list")]
    assert search.told == [("begins", "by date")]
    broken = Search(([1], 1.0, True))
    broken.built = []
    found, posted, _ = finder(broken)
    found.seek(WORDS, "by date", None, str)  # type: ignore[arg-type]
    assert (len(posted), broken.told[1:]) == (1, ["builds"])
    unused = finder(search)[0]
    unused.close()
    assert (unused._commands.get_nowait(), unused._thread.ident) == (None, None)


def test_only_the_newest_of_waiting_searches_is_made() -> None:
    """One that is under way ends when another is asked for; the reader is closed at the end."""
    search = Search(([1], 1.0, True))
    found, posted, _ = finder(search)
    found._threaded = True
    found.seek(Filter(), "by date", None, str)  # type: ignore[arg-type]
    found.seek(Filter(), "by name", None, repr)  # type: ignore[arg-type]
    assert posted == []
    commands = [found._commands.get(), found._commands.get(), None]
    waiting = [False, True]
    found._commands = SimpleNamespace(get=lambda: commands.pop(0), empty=lambda: waiting.pop(0) if waiting else True)  # type: ignore[assignment]
    found._live()
    assert ([each.then for each in posted], search.told) == ([repr], [("begins", "by name"), "closed"])


def test_an_email_that_is_not_among_the_matches_has_no_place() -> None:
    """Else its place among all of them."""
    assert (_place(array("I", [3, 5]), 5, 10), _place(array("I", [3, 5]), 4, 10)) == (11, None)


# -- commands ---------------------------------------------------------------------------------------------------------------


def pending(*, snapshot: Any = None) -> tuple[PendingCommands, Any]:
    """The commands of a console that notes what it says."""
    app: Any = Noted()
    app.hand_down, app.facts_changed = lambda: app.told.append("shown"), lambda: app.told.append("changed")
    return PendingCommands(app), app


@pytest.mark.parametrize(
    ("kind", "changes", "said"),
    [
        ("skip", True, "done · U undoes it"),
        ("label", True, "done · U undoes it"),
        ("pause", False, "done."),
        ("no such command", False, "done."),
    ],
)
def test_a_command_says_what_takes_it_back(kind: str, changes: bool, said: str) -> None:
    """Where one can; nothing does where nothing was changed."""
    assert (_changes_emails(kind), _reversible(kind, "done.")) == (changes, said)
    assert _reversible("skip", f"1 email {UNCHANGED}.") == f"1 email {UNCHANGED}."


def test_a_command_is_sent_as_what_it_is_called() -> None:
    """Marked with the time at which it was asked for; without a run none is."""
    found, app = pending()
    app.answers["send"] = SimpleNamespace(at_once=False, id="w1")
    found.send(Skip((7,)), "skip of this email")
    assert found.requested == (Requested("skip", NOW, "w1", "skip of this email"),)
    assert app.told == ["shown", "send", "hurry", "shown"]


def test_another_command_stays_where_one_was_answered_or_refused() -> None:
    """Each is dropped by itself, also of two that say the same."""
    found, app = pending()
    one, two = Requested("skip", NOW), Requested("skip", NOW)
    found.requested = (one, two)
    found._refused(two, "no")
    assert (found.requested, found.requested[0] is one, app.told) == ((one,), True, ["error: no", "shown"])


# -- dispatch ---------------------------------------------------------------------------------------------------------------


class Seen:
    """A screen in sight that notes what it does."""

    SCOPE = Scope.MONITOR

    def __init__(self, told: list[str], **context: Any) -> None:
        self.told = told
        self._context = Context(Scope.MONITOR, SNAPSHOT, None, **{"has_run": True, **context})

    def context(self) -> Context:
        return self._context

    def panes(self) -> list[str]:
        return ["1: Progress", "2: Rate"]

    def do_pane(self, key: str) -> None:
        self.told.append(f"pane {key}")

    def do_zoom(self) -> None:
        self.told.append("zoom")


def dispatch(*, over: bool = False, front: bool = True, **context: Any) -> tuple[Dispatch, list[str]]:
    """The dispatch of a screen, over which a window may lie."""
    told: list[str] = []
    seen = Seen(told, **context) if front else None
    doer = SimpleNamespace(
        do_pause=lambda: told.append("pause"),
        do_suspend=lambda: told.append("suspend"),
        do_zoom=lambda: told.append("not here"),
    )
    found = Dispatch(
        lambda: seen,
        lambda: None if over else seen,
        lambda text, severity: told.append(f"{severity}: {text}"),
        (object(), doer),
    )
    return found, told


@pytest.mark.parametrize(
    ("key", "state", "told"),
    [
        ("p", {}, ["pause"]),
        (
            "p",
            {"read_only": True},
            ["warning: This console is read-only (--read-only, or served without --writable): it changes nothing."],
        ),
        ("1", {}, ["pane 1"]),
        ("3", {}, ["pane 3"]),
        ("z", {}, ["zoom"]),
        ("p", {"over": True}, []),
        ("ctrl+z", {"over": True}, ["suspend"]),
        ("ctrl+z", {}, ["suspend"]),
        ("f12", {}, []),
        ("p", {"front": False}, []),
    ],
    ids=count(),
)
def test_a_key_does_its_action_on_the_screen_in_sight(key: str, state: Any, told: list[str]) -> None:
    """Or says why not; over a small window only the shell is reached."""
    found, said = dispatch(**state)
    found.pressed(key)
    assert said == told


def test_the_palette_offers_what_is_possible_now() -> None:
    """A command for each pane; what it does is what the key does."""
    found, told = dispatch()
    offered = {each.title: each for each in found.commands()}
    assert offered["Pane 2: Rate"].help.startswith("2 · ")
    offered["Pane 2: Rate"].callback()
    offered["Pause"].callback()
    assert (told, offered["Pause"].help.startswith("p · "), "Pane 3: Keys" in offered) == (
        ["pane 2", "pause"],
        True,
        False,
    )
    found, told = dispatch(front=False)
    found.perform("pause")
    assert (list(found.commands()), told) == ([], [])
    assert "Resume" not in offered


@pytest.mark.parametrize(
    ("home", "hint", "guest", "rank"),
    [
        (frozenset(), 5, False, 5),
        (frozenset({Scope.KEYS}), 5, True, 1),
        (frozenset({Scope.KEYS}), 0, True, 0),
        (frozenset({Scope.MONITOR}), 5, False, 5),
    ],
    ids=count(),
)
def test_an_action_of_other_screens_is_a_guest(home: Any, hint: int, guest: bool, rank: int) -> None:
    """Its rank is low there."""
    action = Action("x", Group.RUN, ("p",), "p", lambda _: "x", "{pause} pauses.", frozenset(), hint=hint, home=home)
    assert (action.guest(Scope.MONITOR), action.rank(Scope.MONITOR), action.told) == (guest, rank, "p pauses.")
    usual = Action("x", Group.RUN, ("p",), "p", lambda _: "x", "", frozenset())
    assert (usual.hint, usual.blocked(None)) == (2, None)  # type: ignore[arg-type]


# -- keys of the operator ---------------------------------------------------------------------------------------------------


def keyed(name: str, *keys: str, scopes: Any = (Scope.MONITOR,)) -> Action:
    """An action with keys."""
    return Action(name, Group.RUN, keys, readable(keys[0]), lambda _: name, "", frozenset(scopes))


ACTIONS = (keyed("pause", "p"), keyed("stop", "x"), keyed("sort", "o", scopes=(Scope.EMAILS,)), keyed("pane", *"123"))


@pytest.mark.parametrize(
    ("table", "wanted"),
    [
        ({}, []),
        ({"pause": "p"}, []),
        ({"pause": ["ctrl+r", "f5", "ctrl+r"]}, ["pause: ^r = ctrl+r f5"]),
        ({"paus": "P"}, ["keys.paus: there is no such action. Did you mean pause?"]),
        ({"qqqq": "P"}, ["keys.qqqq: there is no such action. Actions are pause, stop, sort, pane."]),
        (
            {"pause": ["ctrl+r", ""]},
            ['keys.pause: a key is a text such as "P" or "ctrl+r", or a list of such texts. p stays its key.'],
        ),
        (
            {"pause": []},
            ['keys.pause: a key is a text such as "P" or "ctrl+r", or a list of such texts. p stays its key.'],
        ),
        (
            {"pause": 3},
            ['keys.pause: a key is a text such as "P" or "ctrl+r", or a list of such texts. p stays its key.'],
        ),
        (
            {"pause": "nokey"},
            [
                'keys.pause: "nokey" is no key. Write a character, or a name such as f5, ctrl+r, space, delete. p stays its key.'
            ],
        ),
        ({"pause": "tab"}, ["keys.pause: tab cannot be given away: it moves the focus. p stays its key."]),
        ({"pause": "x"}, ["keys.pause: x is the key of stop on the same screen. p stays the key of pause."]),
        ({"pause": "x", "stop": "p"}, ["pause: x = x", "stop: p = p"]),
        (
            {"pause": "y", "stop": "y"},
            [
                "keys.pause: y is the key of stop on the same screen. p stays the key of pause.",
                "keys.stop: y is the key of pause on the same screen. x stays the key of stop.",
            ],
        ),
        ({"pause": "o"}, ["pause: o = o"]),
        ({"pane": ["a", "b", "c"]}, ["pane: a b c = a b c"]),
        ({"pane": ["a", "b"]}, ["keys.pane: it takes a list of 3 keys, one for each. 1 stays its key."]),
        ({"pause": "^r"}, ["pause: ^r = ctrl+r"]),
        ({"pause": "esc"}, ["pause: esc = escape"]),
        ({"pause": " "}, ["pause: space = space"]),
        ({"pause": "?"}, ["pause: ? = question_mark"]),
        ({"pause": "question_mark"}, ["pause: ? = question_mark"]),
        ({"pause": "space"}, ["pause: space = space"]),
        ({"pause": "exclamation_mark"}, ["pause: ! = exclamation_mark"]),
        ({"pause": "tilde"}, ["pause: ~ = tilde"]),
        ({"pause": "~"}, ["pause: ~ = tilde"]),
    ],
    ids=count(),
)
def test_what_cannot_be_a_key_is_said_and_the_default_stays(table: Any, wanted: Any) -> None:
    """Of two actions that claim one key on one screen neither gets it."""
    found, told = rekeyed(ACTIONS, table, lambda name: f"keys.{name}")
    assert [f"{each.id}: {each.key} = {' '.join(each.keys)}" for each in found if each not in ACTIONS] + list(
        told
    ) == wanted


@pytest.mark.parametrize(
    ("key", "shown"),
    [("escape", "esc"), ("ctrl+t", "^t"), ("ctrl+delete", "^del"), ("p", "p"), ("f5", "f5"), ("space", "space"), ("question_mark", "?"), ("tilde", "~"), ("exclamation_mark", "!"), ("nokey", "nokey")],
)  # fmt: skip
def test_a_key_is_named_as_a_person_reads_it(key: str, shown: str) -> None:
    """Signs as they are, long names short."""
    assert readable(key) == shown


# -- commands of the monitor --------------------------------------------------------------------------------------------------


def commands(
    *, snapshot: Any = SNAPSHOT, requested: Any = (), now: float = NOW, **answers: Any
) -> tuple[RunCommands, Any]:
    """The commands of a console on a run."""
    app: Any = Noted(**answers)
    app.view_state.snapshot = snapshot
    app.requested, app.clock = requested, lambda: now
    app.sent = []
    app.send = lambda command, what="": app.sent.append((command, what))
    app.request = lambda mark, ask: app.told.append(f"requests {mark.kind}") or ask(Path("run.db"))
    app.start_worker = lambda only=None: app.told.append(f"starts {only}")
    app.context = lambda scope, selected: Context(scope, snapshot, selected)
    return RunCommands(app), app


def test_a_worker_is_started_for_all_or_for_a_few() -> None:
    """At places after they were asked for, which are proposed the next time."""
    found, app = commands()
    found.do_start()
    found.do_try_out()
    found.do_swap()
    assert (app.told, app.sent) == (["starts None", "starts 10"], [(SwapKey(), "")])
    found.do_places()
    app.answer(None)
    app.answer(PlacesWanted("", 3, 2))
    assert app.told[2:] == ["StartAtPlaces", "requests start", "start"]
    found.do_places()
    assert (app.windows[0][0]._proposed, app.windows[1][0]._proposed) == (PlacesWanted(), PlacesWanted("", 3, 2))


@pytest.mark.parametrize(("state", "command"), [("paused", Resume()), ("running", Pause())])
def test_a_run_is_paused_or_goes_on(state: str, command: Any) -> None:
    """By the same key."""
    found, app = commands(
        snapshot=replace(SNAPSHOT, state=RunState(state), wanted="pause" if state == "paused" else "run")
    )
    found.do_pause()
    assert app.sent == [(command, "")]


SILENT = replace(SNAPSHOT, worker=replace(SNAPSHOT.worker, heartbeat_at=NOW - 60, in_flight=1))
STOPPING = (Requested("stop", NOW - 30, "c9"),)
SENT = replace(SNAPSHOT, parcels=(parcel(1, "sent", "in_progress", 16),))


@pytest.mark.parametrize(
    ("snapshot", "requested", "told", "sent"),
    [
        (SNAPSHOT, (), [], [Stop()]),
        (SNAPSHOT, STOPPING, [], [Stop()]),
        (SILENT, (), [], [Stop()]),
        (SILENT, STOPPING, ["Confirm"], []),
        (None, STOPPING, [], [Stop()]),
        (SENT, (), ["price_of", "StopWithBatches"], []),
        (SENT, STOPPING, [], [Stop()]),
        (replace(SENT, parcels=(replace(parcel(1, "sent", "in_progress", 16), batch_id=None),)), (), [], [Stop()]),
    ],
    ids=count(),
)
def test_a_worker_is_stopped_asked_or_killed(snapshot: Any, requested: Any, told: list[str], sent: Any) -> None:
    """Killed where it was asked to stop and is silent; batches at the server are asked about once."""
    found, app = commands(snapshot=snapshot, requested=requested)
    found.do_stop()
    assert (app.told, [command for command, _ in app.sent]) == (told, sent)
    if told == ["Confirm"]:
        assert (
            app.windows[0][0]._question
            == "Kill the worker of enron (pid 4711)? It holds the run and has no heartbeat. All labels are kept. Up to 1 call in flight will be repeated, and may be paid for twice; s then continues."
        )
        app.answer(False)
        app.answer(True)
        assert app.told[1:] == ["requests kill", "kill"]
    if "StopWithBatches" in told:
        app.answer(None)
        for answer in ("leave", "cancel"):
            app.answer(answer)
        assert [command for command, _ in app.sent] == [Stop(cancel_batches=False), Stop(cancel_batches=True)]


def test_a_lane_is_chosen_beside_its_forecast() -> None:
    """Nothing without a run; a window that is left sends nothing."""
    found, app = commands(plan_run=("planned", "task"))
    shown: list[Any] = []
    app.push_screen = lambda window, answered: (
        app.windows.append((window, answered)),
        setattr(window, "forecast", shown.append),
    )
    found.do_lane()
    app.answer(None)
    app.answer(ChooseLane("flex"))
    assert (app.told, shown, app.sent) == (["plan_run"], ["planned"], [(ChooseLane("flex"), "")])
    for nothing in ({"snapshot": None}, {}):
        found, app = commands(**nothing)
        app.run_path = None if not nothing else app.run_path
        found.do_lane()
        assert (app.told, app.windows) == ([], [])


@pytest.mark.parametrize(
    ("typed", "most", "told"),
    [
        (None, [], []),
        ("7", [7], []),
        ("Auto", [None], []),
        ("many", [], ["error: 'many' is no number of calls at once: 1 to 256, or auto."]),
        ("0", [], ["error: '0' is no number of calls at once: 1 to 256, or auto."]),
    ],
)
def test_calls_at_once_are_typed(typed: Any, most: Any, told: Any) -> None:
    """A number, or what quotas allow."""
    found, app = commands()
    found.do_concurrency()
    app.answer(typed)
    assert [command.most for command, _ in app.sent] == most
    assert (app.told[1:], app.windows[0][0]._remark) == (told, "1 to 256, or auto; where quotas pace it is a maximum")


def test_all_that_failed_is_requeued_after_a_question() -> None:
    """With how many that are."""
    found, app = commands(snapshot=replace(SNAPSHOT, failed=1_200))
    found.do_retry_all()
    app.answer(False)
    app.answer(True)
    assert (app.windows[0][0]._question, app.sent) == (
        "Requeue all 1,200 failed emails? Each costs calls; the history stays.",
        [(Retry(), "retry of all 1,200 failed emails")],
    )
    found, app = commands(snapshot=None)
    found.do_retry_all()
    assert app.windows == []


def test_threads_are_begun_where_they_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The finder's at once, the others when they are told to; a poller that is closed is waited for a second."""
    begun: list[str] = []
    waited: list[Any] = []
    monkeypatch.setattr("threading.Thread.start", lambda thread: begun.append(thread.name))
    jobs = BackgroundJobs(lambda _: True)
    poller = Poller(Engine(), lambda _: True, lambda: NOW)  # type: ignore[arg-type]
    assert begun == []
    jobs.start()
    poller.start()
    Finder(Engine(), Path("a.db"), lambda _: True)  # type: ignore[arg-type]
    assert begun == ["labeltui-background jobs", "labeltui-poller", "labeltui-finder"]
    monkeypatch.setattr("threading.Thread.is_alive", lambda _: True)
    monkeypatch.setattr("threading.Thread.join", lambda _, timeout: waited.append(timeout))
    poller.close()
    assert (waited, poller._thread.daemon, jobs._thread.daemon) == ([1.0], True, True)


def test_a_poller_is_due_at_once_and_waits_between_two_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as the run asks for; a job in between is no reason to read."""
    engine = Engine()
    poller, posted, _ = polled(engine)
    now, waits = [100.0], list[float]()
    jobs: list[Any] = [queue.Empty(), lambda: now.__setitem__(0, 100.2), queue.Empty(), None]

    def get(timeout: float) -> Any:
        waits.append(round(timeout, 3))
        job = jobs.pop(0)
        if isinstance(job, queue.Empty):
            now[0] += timeout
            raise job
        return job

    monkeypatch.setattr("tui.live.poller.time", SimpleNamespace(monotonic=lambda: now[0]))
    poller._jobs = SimpleNamespace(get=get)  # type: ignore[assignment]
    poller._overdue = False
    poller._live()
    assert (waits, len(posted)) == ([0.0, 1.0, 0.8, 1.0], 2)
    assert engine.told[-1] == "closes keys"
