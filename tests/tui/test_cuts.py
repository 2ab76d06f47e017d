"""How much is shown of what comes from outside and is very long: the characters of each part, so that none hides others."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from textual.content import Content

from core.model import (
    AskKind,
    CommandRecord,
    EmailRecord,
    EmailState,
    Forecast,
    LabelMeaning,
    LabelRecord,
    NoteRecord,
    Outcome,
    PlaceStatus,
    RunState,
    RunSummary,
    Twin,
    Wait,
)
from core.model.asking import PackPlace
from core.quality.session import Revealed
from tests.tui.fakes import KEYS, NOW, TASK, TROUBLES, email, running
from tests.tui.test_batches_screen import parcel
from tests.tui.test_figures import FEW, SURE, known, label, watch
from tests.tui.test_lines import PLANNED, attempt
from tui.actions import active, enabled  # noqa: F401 - the former names the keys
from tui.actions.context import Context, Scope
from tui.screens import batches
from tui.screens.keys import record as key_record
from tui.screens.new_run import task as task_step
from tui.text import plan, quality, record, review, state_sentence
from tui.view_state import ViewState
from tui.widgets.lists import emails, runs
from tui.widgets.panes import commands, places, task, worker

X = "x" * 5_000
ROW = replace(
    email(7, EmailState.FAILED, failure=X, subject=X, sender=X, date=X, label=X, label_source="human"), source_id=X
)
CALL = attempt(
    1, AskKind.ASK, Outcome.INVALID, 0.5, X, raw_answer=X, error=X, request_id=X, pack=PackPlace("7", 2, 5, X)
)
CALL = replace(CALL, key_alias=X, organization=X)
RECORD = EmailRecord(ROW, f"Subject: {X}\n\nhello", X, (CALL,), (), 0)
LONG = replace(
    TASK, labels=(LabelMeaning(X, X[1:], X),), rubric=X, name=X, model=replace(TASK.model, model=X, reasoning_effort=X)
)
SHOWN = running(40, 20).snapshot(NOW)
SHOWN = replace(SHOWN, reason=X, run=replace(SHOWN.run, name=X, task=LONG), labels={X: 19})


def cut(told: object) -> list[int]:
    """The characters of each part that was cut, with its ellipsis."""
    if isinstance(told, Content):
        told = told.plain
    elif not isinstance(told, str):
        assert isinstance(told, Iterable)
        told = "\n".join(each.plain if isinstance(each, Content) else str(each) for each in told)
    return [len(each) for each in re.findall("x+…", told.replace("\n", ""))]


def given(source: str, **more: Any) -> LabelRecord:
    return LabelRecord(X, source, X, X, **{"blind": False, "note": X, "at": NOW, **more})


def state(of: RunState, wait: Wait | None = None, **worker_: Any) -> str:
    shown = replace(SHOWN, state=of, wait=wait, worker=replace(SHOWN.worker, **worker_))
    return state_sentence.state_sentence(
        ViewState(now=NOW, path=Path("x.db"), snapshot=shown, keys=KEYS, read_at=NOW), (), NOW
    ).sentence


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        (lambda: record._named(X, None), [30]),
        (lambda: record._head(RECORD, None, 9_000), [30, 200, 400, 200, 60]),
        (lambda: record._identity(RECORD, 9_000), [200]),
        (lambda: record._wrapped(X, 9_000), [400]),
        (lambda: record._flagged("label-request"), []),
        (lambda: record._note(NoteRecord("hello", X, NOW), NOW, 80), [30]),
        (lambda: record._label(given("human"), None, NOW), [30, 30, 200, 8]),
        (lambda: record._label(given("undone"), None, NOW), [30, 30, 200, 8]),
        (lambda: record._label(given("model"), None, NOW), [30, 200, 8]),
        (lambda: record._attempt(CALL, NOW, 9_000), [20, 24, 2000, 2000, 2000]),
        (lambda: record._attempt(CALL, NOW, 90), [20, 24, 80, 80, 80, 90, 90]),
        (lambda: record._unasked(replace(RECORD, attempts=(), twin=Twin(3, X, ()))), [60]),
        (lambda: record.message(RECORD, None, 9_000, raw=False), [30, 200, 400, 200, 60, 3991, 200]),
    ],
    ids=count(),
)  # fmt: skip
def test_a_record_is_cut_where_it_would_hide_the_rest(told: Any, wanted: Any) -> None:
    """Each field by itself."""
    assert cut(told()) == wanted


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        (lambda: review.key_line(LONG, "?"), [20]),
        (lambda: review.rubric(LONG), [60, 400]),
        (lambda: review.revealed(Revealed(1, 0, 0, 0, ((3, X, X),)), 1, [X], TASK, more=0, close="c", shows="Q", width=100, most=3), [
            36, 58,
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_a_review_is_cut_where_it_would_hide_the_rest(told: Any, wanted: Any) -> None:
    """Labels, their meaning, the rubric and subjects."""
    assert cut(told()) == wanted


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        (lambda: state(RunState.RUNNING), [60]),
        (lambda: state(RunState.RUNNING, in_flight=0), [60]),
        (lambda: state(RunState.WAITING), [160]),
        (lambda: state(RunState.WAITING, Wait(NOW, X, X, X)), [12, 24]),
        (lambda: state(RunState.WAITING, Wait(NOW, "", X, X)), [160]),
        (lambda: state(RunState.WAITING, Wait(NOW, "", X, "")), [24]),
        (lambda: state(RunState.PAUSED, in_flight=0), [160]),
        (lambda: state(RunState.STOPPED), [120]),
        (lambda: state(RunState.DONE), [12, 24]),
        (lambda: state(RunState.STALE), [200]),
        (lambda: [each.text for each in state_sentence.ends(replace(SHOWN, forecast=Forecast(60.0, None, None, X)), NOW)], [
            60,
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_a_state_sentence_is_cut_where_it_would_hide_the_rest(told: Any, wanted: Any) -> None:
    """Reasons, limits, organizations and names."""
    assert cut(told()) == wanted


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        (lambda: list(plan.plan_lines(replace(PLANNED, server=X, assumed=X, lanes=(), what_if=()), TASK)), [200, 200]),
    ],
    ids=count(),
)  # fmt: skip
def test_a_forecast_is_cut_where_it_would_hide_the_rest(told: Any, wanted: Any) -> None:
    """What is not the project's own."""
    assert cut(told()) == wanted


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        (lambda: quality._figures(known(label(X, 0.1, 0.1, over_reporting=SURE)), 80), [12, 12]),
        (lambda: quality._advice(known(label(X, 0.1, 0.1, recall=FEW)), 9_000), [24]),
        (lambda: quality._advice(known(label(X, 0.1, None, precision=FEW)), 9_000), [24]),
        (lambda: quality._advice(known(label(X, 0.1), audited=0), 9_000), [12]),
        (lambda: [name for name, _ in quality.goals(known(label(X, 0.1)))], [24]),
        (lambda: quality._confusion(known(confusion={X: {X: 1}})), [8, 8]),
        (lambda: quality._people(known(persons=(SimpleNamespace(name=X, answers=1, median_s=1.0, changed=0, second_looks=0, cannot_tell=0),))), [
            14,
        ]),
        (lambda: quality._parts(known(breakdowns=[SimpleNamespace(by="b", name=X, audited=1, accuracy=FEW)] * 2), 50), [
            24, 24,
        ]),
        (lambda: quality._parts(known(breakdowns=[SimpleNamespace(by="b", name=X, audited=1, accuracy=FEW)] * 2), 90), [
            24, 24,
        ]),
        (lambda: quality.rule_words(SimpleNamespace(model=X, person=X, misread=1, marks=[SimpleNamespace(mark=X, in_misread=1, misread=1, in_others=0, others=1)]), {}), [
            20, 20, 26,
        ]),
        (lambda: quality._gold(known(gold=(SimpleNamespace(name=X, pairs=()),))), [23]),
        (lambda: quality._next((SimpleNamespace(shares={X: 1}, total=1, repeated=0, mistakes=0), ()), known(), training=False), [
            16,
        ]),
        (lambda: quality._watches(known(watches=(watch("a", "off", X),)), 90), [68]),
        (lambda: quality._alarms(known(watches=(watch("a", "alarm", X),)), 90), [85]),
        (lambda: quality.checked(known(label(X, 0.1, 0.1)), 200), [12]),
    ],
    ids=count(),
)  # fmt: skip
def test_figures_are_cut_where_they_would_hide_the_rest(told: Any, wanted: Any) -> None:
    """Labels, persons, marks, sentences and names of runs."""
    assert cut(told()) == wanted


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        (lambda: runs.about(RunSummary(X, X, RunState.NEW, 1, 0, 0, NOW, NOW, 1, reason=X)), [64, 200]),
        (lambda: runs.about(RunSummary(X, X, RunState.NEW, 1, 0, 0, NOW, NOW, 1, error=X)), [400]),
        (lambda: emails._about(emails.Scoped(emails.KINDS[1], 1, 1, 0, ((X, 1),)), 90), [44]),
        (lambda: emails._about(emails.Scoped(emails.KINDS[1], 1, 1, 0, (), requested=(X,)), 90), [60]),
        (lambda: emails.Scoped(emails.KINDS[0], 1, 1, 0, (), typed=X).title, [40]),
        (lambda: emails._about(emails.Scoped(emails.KINDS[1], 1, 1, 0, [(f"{X}{n}", 1) for n in range(9)]), 90), [
            44, 44, 44, 44, 44, 44,
        ]),
        (lambda: commands._done(CommandRecord("c", X, "", NOW, NOW, X), 9_000, 3), [7, 300]),
        (lambda: places._row(PlaceStatus(X, X, X, X, 0, 0.0, 1.0)), [24, 24, 20, 160]),
        (lambda: worker.batches_line([parcel(1, "sent", X, 0)], NOW), [20]),
        (lambda: worker.resumed(replace(SHOWN.resumption, ended=X), short=True), [60]),
        (lambda: worker.WorkerPane.heading(SimpleNamespace(facts=SimpleNamespace(worker=replace(SHOWN.worker, host=X)))), [16]),
        (lambda: task.settings_lines(LONG, 9_000), [60, 20]),
        (lambda: task.labels_lines(LONG, {X: 1}, 9_000), [64, 60, 2000, 64]),
        (lambda: task.draft_line(SimpleNamespace(task=None, error=X), TASK, requested=False, older=0), [400]),
        (lambda: task.effect(TASK, TASK, SHOWN), [20]),
        (lambda: task_step._told(LONG, 9_000), [16, 40, 200, 294]),
        (lambda: key_record._trouble(replace(TROUBLES[0], outcome=X, limit=X, model=X, text=X), 9_000, NOW), [30, 12, 40, 400]),
        (lambda: batches._row(parcel(1, "sent", X, 0, key_alias=X, reason=X), NOW).cells[1:8:5], [20, 20]),
        (lambda: enabled.start_blocked(Context(Scope.RUNS, selected=RunSummary(X, X, RunState.RUNNING, 1, 0, 0, NOW, NOW, 1))), [
            40,
        ]),
        (lambda: enabled.bench_blocked(Context(Scope.KEYS, selected=replace(KEYS[0], organization=X))), [40]),
    ],
    ids=count(),
)  # fmt: skip
def test_lists_and_panes_are_cut_where_they_would_hide_the_rest(told: Any, wanted: Any) -> None:
    """Names, reasons, results and causes."""
    assert cut(told()) == wanted
