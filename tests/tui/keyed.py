"""What each action does when its key is pressed: a row for every action and screen, and the ways to those screens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from core.llm.task import task_to_toml
from core.model import EmailState, PlaceStatus, PlacesWanted, RunState, RunSummary
from core.quality.session import Revealed
from tests.tui.conftest import Desk, Opens
from tests.tui.fake_engine import FakeEngine
from tests.tui.fakes import KEYS, NOW, FakeRun, email, running
from tests.tui.test_task import NEW, OLD, kept, with_versions
from tests.tui.test_trial import FakeTrial, result, with_trial
from tui.actions.catalog import EVERYWHERE, KEY_SCOPES, LIST_SCOPES, RUN_SCOPES
from tui.actions.context import Scope
from tui.screens.quality.review import BatchResult
from tui.terminal.clipboard import beside
from tui.terminal.theme import DARK
from tui.widgets.panes.pane import Pane

Probe = Callable[[Desk], object]

WAYS: dict[Scope, tuple[str, ...]] = {
    Scope.RUNS: (), Scope.MONITOR: (), Scope.EMAILS: ("e",), Scope.RECORD: ("e", "f", "down", "enter"),
    Scope.BATCHES: ("B",), Scope.KEYS: ("a",), Scope.KEY: ("a", "enter"), Scope.TASK: ("D",), Scope.MESSAGES: ("e", "down", "Y"),
    Scope.TRIAL: ("D", "W", "enter"), Scope.HELP: ("question_mark",), Scope.INFO: ("I",), Scope.GUIDE: ("f2",),
    Scope.REVIEW: ("r",), Scope.QUALITY: ("Q",), Scope.COMPARE: ("Q", "C"),
    Scope.NEW_RUN: ("w", *"mail", "enter", "enter", "enter", "enter"),
}  # fmt: skip
"""The keys that lead to each screen, from the monitor or from the list of runs."""

LISTED = frozenset({Scope.RUNS, Scope.NEW_RUN})
"""The screens that are reached from the list of runs."""

SMALL = (80, 24)

OTHER = object()
"""Whatever differs from what was."""


@dataclass(frozen=True, slots=True)
class Keyed:
    """An action on these screens. ``probe`` gives OTHER or ``becomes`` after its key, and something else before.

    ``before`` and ``given`` make it possible; ``then`` answers the window that it opens; ``way`` leads there instead of
    the usual keys. ``at_work`` needs a running worker; else there is none. ``alone`` leaves the screen other than it was.
    """

    action: str
    scopes: frozenset[Scope]
    probe: Probe
    becomes: object = OTHER
    before: tuple[str, ...] = ()
    then: tuple[str, ...] = ()
    way: tuple[str, ...] | None = None
    given: Callable[[Desk], None] | None = None
    at_work: bool = False
    size: tuple[int, int] = SMALL
    alone: bool = False
    suffix: str = ""

    @property
    def shares(self) -> bool:
        """Whether the screen is afterwards what it was before, so that a console can be shared."""
        wants_its_own = self.alone or self.before or self.way or self.given
        return not wants_its_own and self.size == SMALL

    @property
    def asks(self) -> bool:
        """Whether what it does is a call to the engine."""
        return self.probe in (asked, kinds)


# -- the world ----------------------------------------------------------------------------------------------------------


def world(*, at_work: bool) -> FakeRun:
    """Forty emails: labeled ones, three failed ones, and some pending; two versions of the task; a place of calls."""
    run = with_versions(running(40, 20))
    run.places = (PlaceStatus("place-1", "vm-a", "ready", "", 8, 1212.4, NOW - 180),)
    run.emails = [email(row.id, EmailState.FAILED) if row.id in (3, 4, 5) else row for row in run.emails]
    if not at_work:
        run.state, run.alive, run.in_flight, run.asking = RunState.STOPPED, False, 0, {}
    return run


def furnished(engine: FakeEngine) -> None:
    """Two runs that nobody works on, in a folder that is there."""
    folder = engine.settings.runs_dir
    folder.mkdir(parents=True, exist_ok=True)
    engine.all_runs = [
        RunSummary(name, str(folder / f"{name}.db"), RunState.STOPPED, 40, 20, 3, NOW, NOW - age_s, 4_000)
        for name, age_s in (("enron", 2), ("other", 9))
    ]


def prepare(at: Desk) -> None:
    """A draft of the task, and trials that answer; what would leave the console is only noted."""
    with_trial(at, FakeTrial([result(0, "1", "1"), result(1, "0", "1")]))
    at.app.engine.save_draft(at.run.path, task_to_toml(NEW))
    at.app.action_suspend_process = lambda: at.engine.asked.append(("suspend",))  # type: ignore[method-assign]
    at.app.exit = lambda *_, **__: at.engine.asked.append(("exit",))  # type: ignore[method-assign]


def renew(at: Desk, *, at_work: bool) -> None:
    """The run, the keys and the console as they were in the beginning; what lies over the screen stays."""
    fresh = world(at_work=at_work)
    fresh.path = at.run.path
    vars(at.run).update(vars(fresh))
    at.engine.held = list(KEYS)
    at.engine.waiting.clear()
    furnished(at.engine)
    at.app.held, at.app.theme, at.app.notifying.quiet = False, DARK, False
    at.app.sending.forget()
    at.app.clear_notifications()
    at.app.poller.read()
    at.app.facts_changed()


PLAIN = Keyed("", frozenset(), lambda at: at.screen())
"""A visit to a screen, for whatever reason."""


@asynccontextmanager
async def on(desk: Opens, scope: Scope, row: Keyed = PLAIN, **more: Any) -> AsyncIterator[Desk]:
    """The console on that screen, in the state that the row needs."""
    run = more.pop("run", None) or world(at_work=row.at_work)
    async with desk(run, listed=scope in LISTED, size=row.size, **{"change": furnished, **more}) as at:
        prepare(at)
        await at.press(*(WAYS[scope] if row.way is None else row.way))
        front = at.app.front_screen()
        assert front is at.app.screen
        assert front.SCOPE is scope
        yield at


async def enter(at: Desk, scope: Scope, row: Keyed = PLAIN) -> None:
    """Leave all screens but the lowest, and come to that screen anew, in a world as it was in the beginning."""
    while getattr(at.app.screen, "SCOPE", None) not in (Scope.RUNS, Scope.MONITOR):
        at.app.pop_screen()
        await at.settle()
    beside(at.run.path).unlink(missing_ok=True)
    at.app._clipboard = ""
    renew(at, at_work=row.at_work)
    prepare(at)
    await at.settle()
    await at.press(*(WAYS[scope] if row.way is None else row.way))
    assert at.app.screen.SCOPE is scope  # type: ignore[attr-defined]


# -- probes -------------------------------------------------------------------------------------------------------------

LOOKS = frozenset({"look_at", "forecast", "key_past", "check_copy"})


def asked(at: Desk) -> object:
    """What the engine was asked to do, without paths and versions."""
    return [
        tuple(part for part in call if isinstance(part, str | int | list | PlacesWanted | None)) for call in at.engine.asked
        if call[0] not in LOOKS
    ]  # fmt: skip


def kinds(at: Desk) -> object:
    """The names alone of what the engine was asked to do."""
    return [call[0] for call in at.engine.asked if call[0] not in LOOKS]


def screen(at: Desk) -> object:
    return type(at.app.screen).__name__


def focus(at: Desk) -> object:
    focused = at.app.focused
    return focused.NUMBER if isinstance(focused, Pane) else type(focused).__name__


def sees(words: str) -> Probe:
    """Whether these words stand on the screen."""
    return lambda at: words in at.screen()


def said(words: str) -> Probe:
    return lambda at: words in at.said()


def first_run(at: Desk) -> object:
    return next(row for row in at.screen().splitlines() if row[1:].startswith(("enron", "other")))[1:6]


def email_here(at: Desk) -> object:
    return at.app.front_screen().selected().id  # type: ignore[union-attr]


def marked(at: Desk) -> object:
    return at.app.front_screen().context().marked  # type: ignore[union-attr]


def order(at: Desk) -> object:
    return at.app.front_screen().listing.order.descending  # type: ignore[union-attr]


def copied(at: Desk) -> object:
    return bool(at.app.clipboard), beside(at.run.path).exists()


# -- what makes some of it possible -------------------------------------------------------------------------------------


def turned(at: Desk) -> None:
    """The other run was changed last, which the list has not read yet."""
    at.engine.all_runs = [replace(run, changed_at=NOW - 2 * (run.name == "enron")) for run in at.engine.all_runs or ()]


def working(at: Desk) -> None:
    """Both runs are worked on."""
    at.engine.all_runs = [replace(run, state=RunState.RUNNING) for run in at.engine.all_runs or ()]
    at.engine.now += 3
    at.app.poller.read()


def one_less(at: Desk) -> None:
    """One failed email is labeled meanwhile."""
    at.run.emails[3] = email(3, EmailState.LABELED)


def did(at: Desk) -> None:
    """This person skipped an email."""
    at.engine._remember("skip", "a skip", [0])


def without_draft(at: Desk) -> None:
    at.engine.discard_draft(at.run.path)
    at.app.front_screen().read_draft()  # type: ignore[union-attr]


def batch_over(at: Desk) -> None:
    """The batch was answered and compared; the next one begins under its result."""
    at.app.front_screen()._result = BatchResult(Revealed(3, 3, 0, 0, ()), 1, ())  # type: ignore[union-attr]


def alarmed(at: Desk) -> None:
    """An alarm of a watch stands."""
    watch = {"name": "shares", "state": "alarm", "sentence": "0: 40 of the last 60", "statistic": -15, "limit": -13.5}
    at.engine.watches = [watch]
    at.app.front_screen().changed()  # type: ignore[union-attr]


M, E, T, R = (frozenset({scope}) for scope in (Scope.MONITOR, Scope.EMAILS, Scope.TASK, Scope.RUNS))
RECORD, KEYS_, MESSAGES, TRIAL, NEW_RUN = (
    frozenset({scope}) for scope in (Scope.RECORD, Scope.KEYS, Scope.MESSAGES, Scope.TRIAL, Scope.NEW_RUN)
)
REVIEW, QUALITY, BATCHES, COMPARE = (
    frozenset({scope}) for scope in (Scope.REVIEW, Scope.QUALITY, Scope.BATCHES, Scope.COMPARE)
)
WIDE = (160, 50)
OLD_TEXT = task_to_toml(OLD)

ROWS: tuple[Keyed, ...] = (
    Keyed("open", R, screen, "MonitorScreen", alone=True),
    Keyed("open", E, screen, "RecordScreen"),
    Keyed("open", KEYS_, screen, "KeyRecordScreen"),
    Keyed("open", TRIAL, screen, "RecordScreen"),
    Keyed("open", NEW_RUN, kinds, ["make", "try_first"], suffix="-forecast", alone=True),
    Keyed("open", NEW_RUN, sees("STEP 2 OF 5"), True, way=("w",), suffix="-source"),
    Keyed("write_task", NEW_RUN, screen, "WriteTask", way=("w", *"mail", "enter", "enter")),
    Keyed("new_run", R, screen, "NewRunScreen"),
    Keyed("demo", R, kinds, ["make_demo"], alone=True),
    Keyed("copy_run", R, kinds, ["copy_run"], then=("enter",)),
    Keyed("archive", R, asked, [("archive", "enron", False)], alone=True),
    Keyed("archived", R, sees("archived · A restores one"), True, alone=True),
    Keyed("delete_run", R, asked, [("delete_run", "enron", "enron")], then=(*"enron", "enter"), alone=True),
    Keyed("start", RUN_SCOPES | R, asked, [("start",)]),
    Keyed("pause", R, asked, [("pause",)], given=working, suffix="-listed"),
    Keyed("stop", R, asked, [("stop", False)], given=working, suffix="-listed"),
    Keyed("pause", RUN_SCOPES | QUALITY, asked, [("pause",)], at_work=True),
    Keyed("stop", RUN_SCOPES, asked, [("stop", False)], at_work=True),
    Keyed("swap", RUN_SCOPES, asked, [("swap",)], at_work=True),
    Keyed("lane", M | BATCHES, asked, [("lane", "flex", None, False, None, None)], then=("down", "enter"), at_work=True),
    Keyed("batches", M, screen, "BatchesScreen"),
    Keyed("concurrency", M, asked, [("concurrency", 64)], then=(*"64", "enter"), at_work=True),
    Keyed("places", M, asked, [("start_at_places", PlacesWanted("", 2, 8))], then=("tab", "tab", "8", "enter")),
    Keyed("try_out", M, asked, [("try_first", 10)]),
    Keyed("emails", M | T | KEY_SCOPES, screen, "EmailsScreen", alone=True),
    Keyed("keys", R | M | E | RECORD | T, screen, "KeysScreen"),
    Keyed("task", M | E | RECORD | KEYS_, screen, "TaskScreen"),
    Keyed("review", M | E | RECORD | QUALITY, screen, "ReviewScreen"),
    Keyed("quality", M | E | REVIEW, screen, "QualityScreen"),
    Keyed("cannot_tell", REVIEW, kinds, ["review"], alone=True),
    Keyed("unfold", REVIEW, sees("> old news"), True, alone=True),
    Keyed("next_batch", REVIEW, lambda at: at.app.front_screen()._result, None, given=batch_over),  # type: ignore[union-attr]
    Keyed("withdraw", REVIEW, kinds, ["withdraw_review"], before=("1",)),
    Keyed("note", REVIEW, sees("note: hi"), True, then=(*"hi", "enter"), alone=True),
    Keyed("raw", REVIEW, sees("X-Raw"), True, alone=True),
    Keyed("behind", QUALITY, screen, "BehindFigures"),
    Keyed("disagreements", QUALITY | COMPARE, screen, "RecordScreen"),
    Keyed("settle", QUALITY, screen, "SettleScreen"),
    Keyed("compare_versions", QUALITY, screen, "CompareScreen"),
    Keyed("compare_runs", R, said("is chosen"), True),
    Keyed("suspicious", QUALITY, screen, "RecordScreen", then=("enter",)),
    Keyed("grow", QUALITY, asked, [("sample", 230, False)]),
    Keyed("top_up", QUALITY, asked, [("sample", None, True)]),
    Keyed("write_report", QUALITY, asked, [("write_report", "enron.quality.html")]),
    Keyed("look_at_alarm", QUALITY, screen, "RecordScreen", given=alarmed),
    Keyed("dismiss", QUALITY, asked, [("dismiss", "shares", "why")], given=alarmed, then=(*"why", "enter")),
    Keyed("edit", T, screen, "EditTask"),
    Keyed("editor", T, said("Nothing was changed in the editor."), True, alone=True),
    Keyed("compare", T, sees("Draft against the active version"), True, alone=True),
    Keyed("dry_run", T, kinds, ["dry_run"], then=("enter",)),
    Keyed("enact", T, kinds, ["task"], then=("y",), alone=True),
    Keyed("discard", T, kept, None, then=("y",), alone=True),
    Keyed("pack", T, screen, "ChoosePack"),
    Keyed("take_version", T, lambda at: kept(at) == OLD_TEXT, True, before=("down",), then=("y",)),
    Keyed("ask_again", T, asked, [("relabel", None, None)], then=("enter",)),
    Keyed("ask_again", E, asked, [("relabel", None, [0])]),
    Keyed("ask_again", RECORD, asked, [("relabel", None, [0])], way=("e", "enter")),
    Keyed("ask_again", QUALITY, asked, [("relabel_window", "shares")], given=alarmed, then=("y",)),
    Keyed("messages", T | TRIAL | LIST_SCOPES, screen, "MessagesScreen"),
    Keyed("again_form", MESSAGES, sees("follow-up question to "), True, alone=True),
    Keyed("filter", E, Desk.title, alone=True),
    Keyed("filter_back", E, Desk.title, alone=True),
    Keyed("update", R, first_run, "other", given=turned),
    Keyed("update", E, Desk.title, before=("f",), given=one_less),
    Keyed("find", R | E, focus, "Input", alone=True),
    Keyed("sort", R, sees("by name"), True, alone=True),
    Keyed("sort", E, screen, "SortBy"),
    Keyed("reverse", E, order, alone=True),
    Keyed("beside", E, lambda at: at.app.front_screen().context().beside, False, size=WIDE),  # type: ignore[union-attr]
    Keyed("causes", E, screen, "Causes"),
    Keyed("mark", E, marked, 1, alone=True),
    Keyed("mark_all", E, marked, 4, before=("f",)),
    Keyed("skip", E, asked, [("skip", [39], False)], before=("end",)),
    Keyed("skip", RECORD, asked, [("skip", [4], False)]),
    Keyed("undo", LIST_SCOPES, asked, [("undo",)], given=did),
    Keyed("copy", LIST_SCOPES, copied, (True, True), alone=True),
    Keyed("export", M, kinds, ["export"], then=("enter",)),
    Keyed("save", LIST_SCOPES, kinds, ["save"], then=("enter",)),
    Keyed("next", RECORD, email_here, 5, alone=True),
    Keyed("next", MESSAGES, email_here, 2, alone=True),
    Keyed("previous", RECORD, email_here, 3, alone=True),
    Keyed("previous", MESSAGES, email_here, 0, alone=True),
    Keyed("retry", E, asked, [("retry", [3])], before=("f",)),
    Keyed("retry", RECORD, asked, [("retry", [4])]),
    Keyed("retry_all", M | E, asked, [("retry", None)], then=("y",)),
    Keyed("label", E, asked, [("label", [0], "1", "", "")], then=("1", "enter")),
    Keyed("label", RECORD, asked, [("label", [4], "1", "", "")], then=("1", "enter")),
    Keyed("note", E, asked, [("note", [0], "hi")], then=(*"hi", "enter")),
    Keyed("note", RECORD, asked, [("note", [4], "hi")], then=(*"hi", "enter")),
    Keyed("raw", E, sees("X-Raw"), True, size=WIDE),
    Keyed("raw", RECORD, sees("X-Raw"), True, alone=True),
    Keyed("toggle", KEY_SCOPES, asked, [("set_enabled", "main", False)]),
    Keyed("pin", KEY_SCOPES, asked, [("pin_key", "main")]),
    Keyed("try_key", KEY_SCOPES, asked, [("try_key", "main")]),
    Keyed("regroup", KEY_SCOPES, asked, [("regroup_key", "main", "ours")], then=(*"ours", "enter")),
    Keyed("clear_bench", KEYS_, asked, [("clear_bench", "org_b")], before=("down", "down"), then=("y",)),
    Keyed("clear_bench", frozenset({Scope.KEY}), asked, [("clear_bench", "org_b")], way=("a", "down", "down", "enter"), then=("y",)),
    Keyed("add", KEYS_ | NEW_RUN, screen, "AddKey"),
    Keyed("remove", KEYS_, asked, [("remove_key", "main")], then=("y",), alone=True),
    Keyed("pane", M, focus),
    Keyed("zoom", M, lambda at: at.app.screen.maximized is not None, True, before=("3",)),
    Keyed("hold", RUN_SCOPES | R, sees("VIEW HELD"), True),
    Keyed("theme", EVERYWHERE, lambda at: at.app.theme),
    Keyed("themes", EVERYWHERE, screen, "ChooseTheme"),
    Keyed("quiet", EVERYWHERE, said("Bell and desktop notifications are off."), True),
    Keyed("suspend", EVERYWHERE, kinds, ["suspend"]),
    Keyed("back", EVERYWHERE - R, lambda at: (at.app.front_screen(), at.line(0).split("updated")[0]), alone=True),
    Keyed("back", R, sees("archived · A restores one"), False, before=("H",)),
    Keyed("info", EVERYWHERE - {Scope.INFO}, screen, "InfoScreen"),
    Keyed("info", frozenset({Scope.INFO}), screen, "MonitorScreen", alone=True),
    Keyed("guide", EVERYWHERE - {Scope.GUIDE}, screen, "GuideScreen"),
    Keyed("guide", frozenset({Scope.GUIDE}), screen, "MonitorScreen", alone=True),
    Keyed("next", frozenset({Scope.GUIDE}), sees("RUN is a run's name"), True, alone=True),
    Keyed("previous", frozenset({Scope.GUIDE}), sees("A label is as good as"), True, alone=True),
    Keyed("tour", EVERYWHERE, screen, "Tour"),
    Keyed("help", EVERYWHERE - {Scope.HELP}, screen, "HelpScreen"),
    Keyed("help", frozenset({Scope.HELP}), screen, "MonitorScreen", alone=True),
    Keyed("quit", EVERYWHERE, kinds, ["exit"]),
)  # fmt: skip
"""Every action on every screen that offers it."""
