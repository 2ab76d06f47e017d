"""The numbers of the console that people see: columns of lists, digits of panes, ranks of hints, limits and intervals."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest

from core.model import RunState
from tests.tui.fakes import NOW, TASK, running
from tui.actions import active
from tui.actions.catalog import ALL
from tui.actions.context import Context, Scope
from tui.screens.guide import GuideScreen
from tui.screens.quality.review import ReviewScreen
from tui.text.clauses import Clause
from tui.text.sent_messages import fields_sent
from tui.web.server import refusal
from tui.widgets.lists.emails import KINDS, Scoped
from tui.widgets.lists.rows import ListColumn, Row, Rows
from tui.widgets.panes.commands import CommandsPane
from tui.widgets.panes.follow_ups import FollowUpsPane
from tui.widgets.panes.keys import KeysPane
from tui.widgets.panes.labels import LabelFacts, LabelsPane
from tui.widgets.panes.places import PlacesPane
from tui.widgets.panes.progress import ProgressFacts, ProgressPane
from tui.widgets.panes.rate import RatePane
from tui.widgets.panes.recent import RecentFacts, RecentPane
from tui.widgets.panes.worker import WorkerPane

SNAPSHOT = running(40, 20).snapshot(NOW)
PAUSED = replace(SNAPSHOT, state=RunState.PAUSED)
GONE = replace(SNAPSHOT, worker=replace(SNAPSHOT.worker, alive=False))
TICKETS = replace(SNAPSHOT, run=replace(SNAPSHOT.run, task=replace(TASK, item="ticket")))


@pytest.mark.parametrize(
    ("module", "values"),
    [
        ("actions.enabled", {"BESIDE_FROM": 150}),
        ("actions.user_keys", {"_PANES_BEFORE": 8}),
        ("app", {"TICK_S": 1.0}),
        ("live.poller", {"BUSY_S": 0.5, "HURRIED_S": 0.15, "FIRST_ANSWER_S": 10.0, "IDLE_S": 1.0, "LIST_S": 2.0}),
        ("screens.emails.editing", {"TAKES_A_WHILE": 5_000}),
        ("screens.guide", {"_MARGIN": 4}),
        ("screens.keys.list", {"ROOMY": 110}),
        ("screens.keys.record", {"READ_EVERY_S": 3.0, "DAYS_SHOWN": 7}),
        ("screens.keys.windows", {"SECRET_FROM": 33}),
        ("screens.line_windows", {"MOST_PLACES": 9_999}),
        ("screens.modals", {"MOST_BESIDE": 30, "MOST_WITHOUT_FINDING": 12, "MOST_LISTED": 6}),
        ("screens.monitor", {"FRAMED": (100, 30)}),
        ("screens.new_run.forecast", {"MOST_SHOWN": 5_000, "ROWS_BELOW": 7, "LEAST_ROWS": 4}),
        ("screens.new_run.task", {"ROOM_BESIDE": 4, "MOST_SHOWN": 30}),
        ("screens.pages", {"MARGIN": 6, "COLUMN": 36, "INDENT": 31, "TERM": 18, "NAMES": 17}),
        ("screens.quality.compare", {"MOST_READ": 500}),
        ("screens.quality.quality", {"GROWS_BY": 200, "TRAINED_ANEW": 500}),
        ("screens.quality.review", {"BATCH_IN_DEMO": 10}),
        ("screens.task.messages", {"MOST_SHOWN": 200_000}),
        ("screens.task.task", {"REREAD_S": 2.0, "REST": 30}),
        ("screens.tour", {"WIDTH": 58, "HASTE_S": 0.5}),
        ("terminal.clipboard", {"MOST_COPIED": 74_000}),
        ("terminal.crash", {"_LONGEST": 100_000, "_SHOWN": 200}),
        ("terminal.desktop", {"LONGEST": 200}),
        ("terminal.textual_fixes", {"YOUNG_OBJECTS": 5_000, "KEY_TIMEOUT_S": 0.5}),
        ("text.numbers", {"MIDDLE_CUT": 5, "Z_95": 1.959964}),
        ("text.plan", {"_WORTH_A_SAMPLE": 200}),
        ("text.quality", {"MOST_GOALS": 6, "MOST_CONFUSED": 6, "MOST_DIFFERING": 500}),
        ("text.rates", {"SCALES": (1, 2, 3, 4, 6, 8, 12, 16, 20, 24)}),
        ("text.record", {"MOST_SHOWN": 60_000}),
        ("text.review", {"MOST_SHOWN": 60_000}),
        ("view_state", {"STALE_AFTER_S": 5.0, "GIVEN_UP_AFTER_S": 2.0}),
        ("web.server", {"MOST_CONSOLES": 16, "HEARTBEAT_S": 15.0, "LEFT": 4000, "BROKEN": 4001, "TOO_MANY": 4002, "LARGEST_MESSAGE": 1_048_576}),
        ("web.session", {"END_TIMEOUT_S": 5.0, "LONGEST_TROUBLE": 2_000, "LARGEST_PACKET": 67_108_864}),
        ("widgets.fields", {"LOOKED_AT": 500}),
        ("widgets.lists.emails", {"_NEVER": 1_000_000}),
        ("widgets.lists.rows", {"PAGE": 200, "KEPT_PAGES": 12}),
        ("widgets.panes.commands", {"BESIDE": 28, "BELOW": 2, "RESULT": 300}),
        ("widgets.panes.keys", {"NEARLY_USED": 0.8, "REFILLS_IN": 33}),
        ("widgets.panes.labels", {"WIDE": 44, "SHARE": 9}),
        ("widgets.panes.progress", {"TOO_WIDE": 1_000_000}),
        ("widgets.panes.rate", {"LEGEND": 34, "SCALE": 6, "AXIS_FROM": 5}),
        ("widgets.panes.recent", {"LABEL_MOST": 10, "WITH_LATENCY": 60, "WITH_TOKENS": 72, "SUBJECT_LEAST": 14}),
        ("widgets.panes.task", {"MOST_COMPARED": 2_000, "MOST_EQUAL": 60, "LEAST_COMMON": 0.7}),
        ("widgets.state_line", {"MOST_ROWS": 3, "NEEDED": (60, 16)}),
        ("widgets.window_parts", {"LONGEST": 400}),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)  # fmt: skip
def test_limits_and_intervals_are_these(module: str, values: dict[str, Any]) -> None:
    """Seconds, cells, characters and counts that the guide or the screen tells, or that a person waits for."""
    found = import_module(f"tui.{module}")
    assert {name: getattr(found, name) for name in values} == values


def test_panes_are_focused_by_these_digits() -> None:
    """In the order in which they stand."""
    panes = (
        ProgressPane,
        RatePane,
        KeysPane,
        LabelsPane,
        FollowUpsPane,
        RecentPane,
        CommandsPane,
        WorkerPane,
        PlacesPane,
    )
    assert [pane.NUMBER for pane in panes] == [1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_what_is_not_known_is_nothing() -> None:
    """Counts begin at 0, one column takes one share, a label one cell."""
    context = Context(Scope.MONITOR, None, None)
    assert (context.marked, context.older_labels, context.width) == (0, 0, 0)
    scoped = Scoped(KINDS[0], 1, 1, 0, ())
    assert (scoped.looked, scoped.marked, scoped.stirred, scoped.flagged) == (1.0, 0, 0, 0)
    column, row = ListColumn("x", 3), Row(1, (), None)
    assert (column.from_width, column.weight, row.indent, Rows((), empty="").cursor) == (0, 1, 0, 0)
    progress = ProgressFacts(0, 0, 0, 0, 0, 0, 0, 0, ())
    assert (
        progress.calls,
        progress.tokens,
        LabelFacts((), simulated=False, sample=False).pending,
        RecentFacts(()).label_width,
    ) == (0, 0, 0, 1)
    assert (Clause("x").rank, GuideScreen()._topic, ReviewScreen()._batch_size, refusal("no").status) == (
        0,
        "getting-started",
        0,
        403,
    )
    assert "max_tokens: 256" in fields_sent(TASK)


def test_hints_of_the_footer_have_these_ranks() -> None:
    """The lowest give way first where cells are few; 0 is never shown."""
    ranks: dict[int, str] = {}
    for action in ALL:
        ranks[action.hint] = f"{ranks[action.hint]} {action.id}" if action.hint in ranks else action.id
    assert ranks == {
        2: "open new_run demo copy_run start pause stop emails keys unfold behind disagreements write_task dry_run ask_again messages again_form filter find withdraw next retry label raw toggle pin try_key add remove",
        1: "archive archived delete_run swap lane batches concurrency try_out task review quality next_batch settle compare_versions compare_runs suspicious grow top_up write_report look_at_alarm dismiss editor compare discard sort causes mark skip undo copy save previous retry_all note regroup clear_bench zoom hold back",
        0: "places cannot_tell pack take_version filter_back update reverse beside mark_all export pane theme themes quiet suspend info tour guide",
        3: "edit enact quit",
        4: "help",
    }


@pytest.mark.parametrize(
    ("action", "context", "word"),
    [
        ("pause", {"snapshot": PAUSED}, "resume"), ("pause", {}, "pause"),
        ("stop", {"pending": frozenset({"stop"})}, "stop now"), ("stop", {}, "stop"),
        ("beside", {"beside": True}, "list alone"), ("beside", {}, "record beside"),
        ("add", {"scope": Scope.NEW_RUN}, "add a key"), ("add", {"scope": Scope.KEYS}, "add"),
        ("hold", {"held": True}, "release view"), ("hold", {}, "hold view"),
        ("quit", {}, "leave (worker stays)"), ("quit", {"snapshot": GONE}, "leave"),
        ("emails", {"snapshot": TICKETS}, "tickets"), ("emails", {"snapshot": None}, "texts"),
    ],
)  # fmt: skip
def test_actions_are_called_by_what_they_would_do(action: str, context: Any, word: str) -> None:
    """As the footer and the palette name them."""
    assert (
        active.by_id(action).label(
            Context(**{"scope": Scope.MONITOR, "snapshot": SNAPSHOT, "selected": None, **context})
        )
        == word
    )


def test_each_screen_has_these_actions() -> None:
    """In the order of the palette; those of every screen are left out."""
    everywhere = {each.id for each in active.in_scope(Scope.INFO)}
    found = {
        scope.name: " ".join(each.id for each in active.in_scope(scope) if each.id not in everywhere) for scope in Scope
    }
    assert (
        " ".join(each.id for each in active.in_scope(Scope.INFO))
        == "theme themes quiet suspend back info tour guide help quit"
    )
    assert found == {
        "RUNS": "open new_run demo copy_run archive archived delete_run start pause stop keys compare_runs update find sort hold",
        "MONITOR": "start pause stop swap lane batches concurrency places try_out emails keys task review quality export retry_all pane zoom hold",
        "EMAILS": "open start pause stop swap keys task review quality ask_again messages filter filter_back update find sort reverse beside causes mark mark_all skip undo copy save retry retry_all label note raw hold",
        "RECORD": "start pause stop swap keys task review ask_again messages skip undo copy save next previous retry label note raw hold",
        "BATCHES": "start pause stop swap lane hold",
        "KEYS": "open start pause stop swap emails task toggle pin try_key regroup clear_bench add remove hold",
        "KEY": "start pause stop swap emails toggle pin try_key regroup clear_bench hold",
        "TASK": "start pause stop swap emails keys edit editor compare dry_run enact discard pack take_version ask_again messages hold",
        "MESSAGES": "start pause stop swap again_form next previous hold",
        "TRIAL": "open start pause stop swap messages hold",
        "HELP": "",
        "INFO": "",
        "GUIDE": "next previous",
        "REVIEW": "quality cannot_tell unfold next_batch withdraw note raw",
        "QUALITY": "pause review behind disagreements settle compare_versions suspicious grow top_up write_report look_at_alarm dismiss ask_again",
        "COMPARE": "disagreements",
        "NEW_RUN": "open write_task add",
    }
