"""How much is shown of words that come from outside and may be of any length: subjects, names, answers, errors, ids."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from textual.content import Content

from core.engine import Draft
from core.model import (
    AskKind,
    CommandRecord,
    EmailRecord,
    EmailState,
    Forecast,
    Happening,
    LabelMeaning,
    LabelRecord,
    LaneSpent,
    NoteRecord,
    Outcome,
    PackPlace,
    Resumption,
    RunState,
    Wait,
)
from core.model.emails import Twin
from tests.tui.conftest import toned, toned_rows
from tests.tui.fakes import KEYS, NOW, TASK, TROUBLES, email, running, settings_in
from tests.tui.test_batches_screen import parcel
from tests.tui.test_figures import SURE, known, label
from tests.tui.test_lines import FORECAST, NO_LIMITS, PLANNED, attempt
from tui.actions import active  # noqa: F401 - it names the keys
from tui.screens import batches
from tui.screens.keys import record as of_key
from tui.text import numbers, plan, quality, rates, record, state_sentence
from tui.text.clauses import Clause, in_rows, indented, on_one_row
from tui.text.quantities import time_to_come
from tui.text.sent_messages import question_again
from tui.view_state import Requested, ViewState
from tui.widgets.lists import emails, runs
from tui.widgets.panes import commands, follow_ups, keys, labels, places, progress, rate, recent, task, worker

pytestmark = pytest.mark.usefixtures("utc")

X = "x" * 70_000
SNAPSHOT = running(40, 20).snapshot(NOW)


def lengths(told: Any) -> list[int]:
    """How long the words of x are in a text, or in lines."""
    lines = told if isinstance(told, list) else [told]
    text = "\n".join(each.plain if isinstance(each, Content) else str(each) for each in lines)
    return [len(each) for each in re.findall(r"x+…?", text)]


LONG_EMAIL = replace(email(7, EmailState.FAILED, subject=X, sender=X, date=X, failure=X, label=X), source_id=X)
LONG = EmailRecord(LONG_EMAIL, f"From: a@x\nSubject: {X}\n\n{X}", X, (), (), 0)
CALL = attempt(1, AskKind.ASK, Outcome.INVALID, 0.5, X, raw_answer=X, error=X, request_id=X, pack=PackPlace(X, 1, 2, X))
LABEL = LabelRecord(X, "human", X, X, blind=False, note=X, at=NOW)
RULE = SimpleNamespace(
    model=X, person="0", misread=2, marks=(SimpleNamespace(mark=X, in_misread=1, misread=2, in_others=0, others=9),)
)
PERSON = SimpleNamespace(name=X, answers=1, median_s=4.4, changed=1, second_looks=2, cannot_tell=0)
PACKED = SimpleNamespace(facts=SimpleNamespace(texts=1, packs=1, size=5, setting="auto", alone=0, changes=()), harmless=True, sentence="Fine.", repeats=None,
                         labels=(SimpleNamespace(label=X, shift=(0.1, 0.0, 0.2), ends=None),))  # fmt: skip


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        (lambda: record.message(LONG, None, 100_000, raw=True), [30, 200, 400, 200, 60, 60000, 200]),
        (lambda: record.message(LONG, None, 100_000, raw=False), [30, 200, 400, 200, 60, 60000, 1, 1, 3981, 200]),
        (lambda: record.message(LONG, None, 5, raw=True).plain.split("\n")[1:3], [12, 12]),
        (lambda: record._flagged("quoted"), []),
        (lambda: record._attempt(CALL, NOW, 100_000), [70000, 2000, 2000, 2000, 70000, 70000]),
        (lambda: record._attempt(CALL, NOW, 30)[-1:], [30]),
        (lambda: record._attempt(replace(CALL, key_alias=X, organization=X, raw_answer=None, error=None, pack=None, model="", request_id=""), NOW, 60), [20, 24]),
        (lambda: record._label(LABEL, None, NOW), [30, 30, 200, 8]),
        (lambda: record._label(replace(LABEL, source="withdrawn"), None, NOW), [30, 200, 8]),
        (lambda: record._note(NoteRecord("x" * 30, X, NOW), NOW, 12), [30, 12, 12, 6]),
        (lambda: record._unasked(replace(LONG, twin=Twin(3, X, ()))), [60, 1]),
        (lambda: quality._figures(known(label(X, 0.1, 0.1, over_reporting=SURE), names={}), 100), [12, 12]),
        (lambda: quality._advice(known(label(X, 0.1, 0.1, recall=replace(SURE, few=True, more=30), precision=SURE), names={}), 400), [24]),
        (lambda: quality._advice(known(label(X, 0.1, None, precision=replace(SURE, few=True)), names={}), 400), [24]),
        (lambda: quality._advice(known(label(X, 0.1), audited=0, names={}), 400), [12]),
        (lambda: [name for name, _ in quality.goals(known(label(X, 0.1), names={}, labeled=5_000))], [24]),
        (lambda: quality._confusion(known(confusion={X: {X: 1}})), [8, 8]),
        (lambda: quality._people(known(persons=(PERSON,))), [14]),
        (lambda: quality.rule_words(RULE, {}), [20, 1, 26]),
        (lambda: quality._gold(known(gold=(SimpleNamespace(name=X, pairs=(("1", "1"),)),))), [1, 23]),
        (lambda: quality._packs(known(packs=PACKED), 200), [1, 1, 20]),
        (lambda: task.settings_lines(replace(TASK, model=replace(TASK.model, model=X, reasoning_effort=X)), 500), [60, 20]),
        (lambda: task.labels_lines(replace(TASK, labels=(LabelMeaning(X, "x" * 999, X),)), {X: 3}, 10_000), [64, 60, 2000, 64]),
        (lambda: task.labels_lines(replace(TASK, labels=(LabelMeaning("1", "1", "x" * 30),)), {}, 5), [10, 10, 10]),
        (lambda: task.draft_line(Draft("", None, X), TASK, requested=False, older=0), [400]),
        (lambda: task.effect(TASK, TASK, replace(SNAPSHOT, labels={X: 3})), [20]),
        (lambda: [row.cells[0][0] for row in task.choice_rows({X: 3}, TASK)][1], [16]),
        (lambda: list(plan.plan_lines(replace(PLANNED, server=X, assumed=X), TASK)), [200, 1, 200]),
        (lambda: worker.resumed(Resumption(NOW, 1, 2, 3, 0, 0, X), short=True), [60]),
        (lambda: worker.batches_line((parcel(1, "sent", X, 1),), NOW), [20, 1]),
        (lambda: commands._done(CommandRecord("c", X, "", NOW, NOW, X), 10_000, 3), [7, 300]),
        (lambda: places._row(SimpleNamespace(name=X, state=X, node=X, since_at=0.0, in_flight=0, rate_per_min=0.0, reason=X)), [24, 24, 20, 160]),
        (lambda: [cell for cell, _ in batches._row(parcel(1, "sent", X, 1, key_alias=X, reason=X), NOW).cells], [20, 20, 200]),
        (lambda: batches._spent(LaneSpent("live", {X: 1}, 1, 1)), [70000]),
        (lambda: of_key._trouble(replace(TROUBLES[0], limit=X, model=X, text=X, outcome=X), 10_000, NOW), [30, 12, 40, 400]),
        (lambda: emails.Scoped(emails.KINDS[0], 1, 1, 0, (), typed=X).title, [40]),
        (lambda: emails._about(emails.Scoped(emails.KINDS[0], 1, 1, 0, (), requested=(X,)), 80), [60]),
        (lambda: emails._about(emails.Scoped(emails.KINDS[1], 1, 1, 0, tuple((X, n) for n in range(8))), 80), [44, 44, 44, 44, 44, 44]),
        (lambda: runs.about(SimpleNamespace(error="", name=X, reason=X, simulated=False)), [64, 200]),
        (lambda: runs.about(SimpleNamespace(error=X)), [400]),
        (lambda: state_sentence.state_sentence(ViewState(now=NOW, path=Path("a"), trouble=X), (), NOW).sentence, [300]),
        (lambda: numbers.end_of(Forecast(None, None, None, X), NOW, NOW), []),
        (lambda: recent._row(Happening(NOW, "labeled", X, X, X), 100, 10), [11, 46, 9]),
        (lambda: recent._row(Happening(NOW, "failed", X, key_alias=X, email_id=3, subject=X), 60, 1), [14, 31]),
    ],
    ids=count(),
)  # fmt: skip
def test_words_from_outside_are_cut_to_these_lengths(told: Any, wanted: list[int]) -> None:
    """Each run of one letter is as long as it is shown, with the sign that it goes on."""
    assert lengths(told()) == wanted


@pytest.mark.parametrize(
    ("state", "changes", "wanted"),
    [
        (RunState.DONE, {"run": replace(SNAPSHOT.run, name="x" * 90)}, [1, 24]),
        (RunState.STOPPED, {"reason": "x" * 900}, [120]),
        (RunState.PAUSED, {"reason": "x" * 900}, []),
        (RunState.WAITING, {"reason": "x" * 900}, [160]),
        (RunState.RUNNING, {"reason": "x" * 900}, [60]),
        (RunState.RUNNING, {"forecast": Forecast(600.0, 300.0, 900.0, "x" * 900)}, [60]),
    ],
    ids=count(),
)
def test_a_state_says_so_much_of_its_reason(state: Any, changes: Any, wanted: list[int]) -> None:
    """Of a name, of a reason, of a limit."""
    shown = replace(
        SNAPSHOT,
        state=state,
        worker=replace(SNAPSHOT.worker, alive=state not in {RunState.DONE, RunState.STOPPED}),
        **changes,
    )
    found = state_sentence.state_sentence(ViewState(now=NOW, path=Path("a"), snapshot=shown, read_at=NOW), (), NOW)
    assert lengths(found.sentence) == wanted


@pytest.mark.parametrize(
    ("changes", "requested", "wanted"),
    [({}, (), [64, 64, 64]), ({}, (Requested("start", NOW),), [64, 64, 64]), ({"alive": False}, (), [64, 64])],
    ids=count(),
)
def test_leaving_names_a_run_with_a_long_name_whole(changes: Any, requested: Any, wanted: Any) -> None:
    """Its name is typed again."""
    settings = settings_in(Path("/x"))
    shown = replace(SNAPSHOT, run=replace(SNAPSHOT.run, name="x" * 64), worker=replace(SNAPSHOT.worker, **changes))
    view_state = ViewState(now=NOW, path=settings.runs_dir / f"{'x' * 64}.db", snapshot=shown, read_at=NOW)
    assert lengths(state_sentence.leave_message(view_state, requested, settings)) == wanted


# -- bounds of widths and figures --------------------------------------------------------------------------------------------------


ASKED_AGAIN = "to notice a change of the model"


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({"canaries": 0}, []),
        ({"canaries": 60, "assumed": NO_LIMITS}, [f"{ASKED_AGAIN}; canaries = 0 in the task saves them"]),
        ({"canaries": 60, "forecast": Forecast(None, None, None, "no key")}, [f"{ASKED_AGAIN}; canaries = 0 in the task saves them"]),
        ({"canaries": 60, "calls": 0, "forecast": replace(FORECAST, eta_s=10.0)}, [f"{ASKED_AGAIN}, about 10 min; canaries = 0 in the task saves them"]),
        ({"canaries": 60}, [f"{ASKED_AGAIN}, about 64 s; canaries = 0 in the task saves them"]),
    ],
    ids=count(),
)  # fmt: skip
def test_what_canaries_take_is_told_where_it_is_known(found: Any, told: list[str]) -> None:
    """Their part of the time."""
    rows = [row for row in plan.plan_lines(replace(PLANNED, **found), TASK) if "canaries" in row]
    assert [row.partition(" again, ")[2] for row in rows] == told


@pytest.mark.parametrize(
    ("text", "width", "wanted"),
    [
        ("  money     about five words and more", 30, ["  money     about five words", "            and more"]),
        ("  money      x", 30, ["  money      x"]),
        ("  money" + " " * 5, 30, ["  money"]),
        ("  a longer name than that has none", 24, ["  a longer name than", "    that has none"]),
        ("12 emails of many more words than fit", 10, ["12 emails of many more", "    words than fit"]),
        ("", 30, [""]),
    ],
    ids=count(),
)
def test_a_line_of_figures_goes_on_below_its_value(text: str, width: int, wanted: Any) -> None:
    """In 24 cells at least."""
    assert indented(text, width) == wanted


CLAUSES = (Clause("a long clause", ("a long", "a"), rank=1), Clause("another one", ("one",), rank=2), Clause("fixed"))


@pytest.mark.parametrize("width", [37, 36, 29, 28, 22, 21, 5])
def test_clauses_are_shortened_by_their_rank(width: int) -> None:
    """The highest first, form by form; what never is shortened stays."""
    assert (
        on_one_row(CLAUSES, width)
        == {
            37: "a long clause · another one · fixed",
            36: "a long clause · another one · fixed",
            29: "a long clause · one · fixed",
            28: "a long clause · one · fixed",
            22: "a long · one · fixed",
            21: "a long · one · fixed",
            5: "a · one · fixed",
        }[width]
    )
    assert in_rows(CLAUSES, width, 3)[-1].endswith("fixed") or width < 6


@pytest.mark.parametrize(
    ("recent_", "overall", "arrow"),
    [((0, 0), (5, 9), " "), ((5, 5), (5, 5), " "), ((9, 9), (9, 10), " "), ((60, 100), (300, 1_000), "▲"), ((10, 100), (300, 1_000), "▼"), ((30, 100), (300, 1_000), " "), ((1, 1), (2, 3), " ")],
)  # fmt: skip
def test_a_trend_is_more_than_chance(recent_: Any, overall: Any, arrow: str) -> None:
    """Compared with all, of which the newest are a part."""
    assert numbers.trend(*recent_, *overall) == arrow


@pytest.mark.parametrize("typed", ["00:00", "7:00", "23:59"])
def test_a_time_of_day_is_the_next_one(typed: str) -> None:
    """Within a day from now; longer texts are a date."""
    left = time_to_come(typed) - time.time()
    assert 0 < left <= 86_400
    with pytest.raises(ValueError, match="is no time"):
        time_to_come("007:00")


@pytest.mark.parametrize(
    ("width", "wanted"),
    [
        (
            80,
            [
                "<$quiet>first answer  <$bright>      90<>  <$share>██████████████████████████████████████████████████▍",
                "<$quiet>1 follow-up   <$bright>       8<>  <$share>████▌",
                "<$quiet>2 or more     <$bright>       2<>  <$share>█▏",
                "<$quiet>wrong       <$quiet>no label <$waiting>8<>",
                "<$quiet>no lost call",
            ],
        ),
        (
            24,
            [
                "<$quiet>first answer  <$bright>      90<>  <$share>",
                "<$quiet>1 follow-up   <$bright>       8<>  <$share>",
                "<$quiet>2 or more     <$bright>       2<>  <$share>",
                "<$quiet>wrong       <$quiet>no label <$waiting>8<>",
                "<$quiet>no lost call",
            ],
        ),
        (
            20,
            [
                "<$quiet>first answer  <$bright>      90<>  <$share>",
                "<$quiet>1 follow-up   <$bright>       8<>  <$share>",
                "<$quiet>2 or more     <$bright>       2<>  <$share>",
                "<$quiet>wrong       <$quiet>other <$waiting>8<>",
                "<$quiet>no lost call",
            ],
        ),
    ],
    ids=count(),
)
def test_follow_ups_fill_their_width(width: int, wanted: Any) -> None:
    """Names and counts in columns, the rest a bar; of nothing there is none."""
    facts = follow_ups.follow_up_facts({0: 90, 1: 8, 2: 1, 4: 1}, {"invalid": 8})
    assert toned_rows(follow_ups.FollowUpsPane.body(SimpleNamespace(facts=facts), width, 5)) == wanted  # type: ignore[arg-type]
    nothing = follow_ups.follow_up_facts({}, {})
    rows = follow_ups.FollowUpsPane.body(SimpleNamespace(facts=nothing), width, 5)  # type: ignore[arg-type]
    assert "█" not in "".join(row.plain for row in rows)


@pytest.mark.parametrize(
    ("beat_s", "told"),
    [
        (5.0, "<$foreground>heartbeat 5.0 s ago"),
        (5.1, "<bold $waiting>! heartbeat 5.1 s ago"),
        (None, "<$foreground>no heartbeat yet"),
    ],
)
def test_an_old_heartbeat_is_marked(beat_s: Any, told: str) -> None:
    """After five seconds."""
    facts = worker.WorkerFacts(replace(SNAPSHOT.worker, at_once=8, in_flight=3), beat_s, None, None)
    assert toned(worker._now(facts, brief=False)) == f"{told}<$foreground> · 3 of 8 in flight<$quiet>"


@pytest.mark.parametrize(
    ("parcels", "said"),
    [((), ""), ((parcel(1, "sent", "in_progress", 16, expires_at=None),), "1 batch · in progress · 16 of 1,000 answered"), ((parcel(1, "sent", "in_progress", 16, expires_at=NOW),), "1 batch · in progress · 16 of 1,000 answered"), ((parcel(1, "sent", "in_progress", 16, expires_at=NOW + 1), parcel(2, "done", "completed", 9)), "1 batch · in progress · 16 of 1,000 answered · expires 16:00:01")],
    ids=count(),
)  # fmt: skip
def test_open_batches_say_when_they_expire(parcels: Any, said: str) -> None:
    """While that is to come."""
    assert worker.batches_line(parcels, NOW) == said


@pytest.mark.parametrize(
    ("before", "after", "rows", "differing"),
    [
        ("a\nb\nc", "a\nc", ["…", "  a", "- b", "  c"], 1),
        ("a", "a\nnew one\nand two", ["…", "  a", "+ new one", "+ and two"], 2),
        (
            "one word here\nsecond line of it",
            "one other here\nsecond line of that",
            ["…", "~ one [-word-]{+other+} here", "~ second line of [-it-]{+that+}"],
            2,
        ),
        ("x y z\nq", "something else entirely", ["…", "- x y z", "+ something else entirely", "- q"], 3),
        ("same", "same", ["Nothing differs."], 0),
    ],
    ids=count(),
)
def test_two_tasks_are_compared_line_by_line(before: str, after: str, rows: Any, differing: int) -> None:
    """Removed, added or changed in some words."""
    shown, found = task.comparison(before, after)
    assert (shown.plain.split("\n"), found) == (rows, differing)


@pytest.mark.parametrize(("reasks", "asked"), [(0, 1), (1, 1), (2, 2)])
def test_a_follow_up_question_quotes_as_many_answers_as_it_may(reasks: int, asked: int) -> None:
    """One at least."""
    calls = tuple(
        attempt(n, AskKind.ASK, Outcome.INVALID, 0.5, raw_answer=f"answer {n}", error="no label") for n in range(3)
    )
    sent, own = question_again(
        replace(TASK, max_reasks=reasks), replace(TASK, max_reasks=reasks), replace(LONG, text="hello", attempts=calls)
    )
    assert (sum(f"answer {n}" in each.content for n in range(3) for each in sent if each.role == "assistant"), own) == (
        asked,
        True,
    )


def test_the_rate_and_its_graph_keep_to_time() -> None:
    """The newest column counts only what has passed; a wait of half a column is marked."""
    pace = tuple(
        rates.PacePoint(NOW - 50 + 5 * n, 5.0, 0 if n in {3, 4} else n, 0, 0, 2.5 if n == 3 else 2.4 if n == 4 else 0.0)
        for n in range(10)
    )
    cols, span_s = rates.columns(pace, NOW - 1, 10)
    assert ([round(each.rate) for each in cols], [n for n, each in enumerate(cols) if each.waited], span_s) == (
        [0, 12, 24, 0, 0, 60, 72, 84, 96, 135],
        [3],
        5.0,
    )
    assert rates.graph(cols, 3) == ["        ▁█", "     ▃▅▇██", " ▂▄· █████"]
    found = rates.rate(pace, NOW - 1, 20.0)
    assert (round(found.now, 2), round(found.mean, 2), round(found.peak, 2), found.waited_s) == (87.5, 46.53, 96.0, 4.9)


@pytest.mark.parametrize(
    ("width", "wanted"),
    [
        (
            60,
            [
                "━━━━━━━━━━━━━━━━━━━━━━━━━━╸──────────────────────────   50 %",
                "done                      20  pending               999,999",
                "calls                      5  duplicates               1.0M",
                "✕ failed                   1  ◆ manual                    2",
                "position                  21  skipped                     0",
                "tokens                     6",
            ],
        ),
        (
            80,
            [
                "━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╸────────────────────────────────────   50 %",
                "done                      20  pending               999,999",
                "calls                      5  duplicates               1.0M",
                "✕ failed                   1  ◆ manual                    2",
                "position                  21  skipped                     0",
                "tokens                     6",
            ],
        ),
        (
            39,
            [
                "━━━━━━━━━━━━━━━━────────────────   50 %",
                "done           20  pending    999,999",
                "calls           5  duplicates    1.0M",
                "✕ failed        1  ◆ manual         2",
                "position       21  skipped          0",
                "tokens          6",
            ],
        ),
    ],
    ids=count(),
)
def test_progress_stands_in_two_columns_of_thirty_cells_at_most(width: int, wanted: Any) -> None:
    """The bar takes the whole width; counts that are too wide are shortened."""
    facts = progress.ProgressFacts(20, 40, 1_000_000, 2, 1, 0, 999_999, 21, (), 5, 6)
    assert [row.plain for row in progress.ProgressPane.body(SimpleNamespace(facts=facts), width, 9)] == wanted  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("width", "wanted"),
    [
        (
            43,
            [
                ["0          ████████▎       75 %    62–88 %", "1 work     ██▊             25 %    12–38 %"],
                [
                    "0          █████████▊         90     75 %",
                    "  last 40  ██████████▏        31  62–88 %  ",
                    "1 work     ███▎               30     25 %",
                    "  last 40  ██▉                 9  12–38 %  ",
                ],
            ],
        ),
        (
            44,
            [
                ["0             ██████▊       75 %    62–88 %", "1 work        ██▎           25 %    12–38 %"],
                [
                    "0             ██████▊          90     75 %",
                    "  last 40     ███████          31  62–88 %  ",
                    "1 work        ██▎              30     25 %",
                    "  last 40     ██                9  12–38 %  ",
                ],
            ],
        ),
    ],
    ids=count(),
)
def test_labels_fill_their_width(width: int, wanted: Any) -> None:
    """On one row or two, their bars take what is left."""
    facts = labels.LabelFacts(
        (labels.LabelCount("1", "work", 30, 9), labels.LabelCount("0", "", 90, 31)), simulated=False, sample=True
    )
    found = [labels.LabelsPane.body(SimpleNamespace(facts=facts), width, height) for height in (2, 4)]  # type: ignore[arg-type]
    assert [[row.plain for row in rows] for rows in found] == wanted


def test_the_axis_of_the_rate_has_its_times_at_their_places() -> None:
    """The middle one in the middle."""
    facts = rate.RateFacts(SNAPSHOT.pace, NOW, asking=True)
    assert [rate._axis(facts, 5.0, width) for width in (60, 30, 29)] == [
        "15:55                       15:57                        now",
        "15:57        15:58         now",
        "15:57                     now",
    ]


@pytest.mark.parametrize(
    ("wait", "wanted"),
    [
        (Wait(NOW + 53, "x" * 30, "x" * 60, ""), [12, 24]),
        (Wait(None, "TPM", "x" * 60, ""), [24]),
        (Wait(NOW + 53, "", "x" * 60, ""), [24]),
        (Wait(NOW + 53, "", "org_b", "x" * 300), [160]),
    ],
    ids=count(),
)
def test_a_wait_says_so_much_of_its_limit(wait: Any, wanted: list[int]) -> None:
    """Of a quota, its organization, or a reason."""
    shown = replace(SNAPSHOT, state=RunState.WAITING, wait=wait)
    found = state_sentence.state_sentence(ViewState(now=NOW, path=Path("a"), snapshot=shown, read_at=NOW), (), NOW)
    assert lengths(found.sentence) == wanted


@pytest.mark.parametrize(
    ("state", "changes", "width", "wanted"),
    [
        (RunState.STOPPED, {"reason": "", "alive": False}, 40, "s starts it · 20 kept, 20 pending · since 15:59"),
        (RunState.STOPPED, {"reason": "", "alive": False}, 60, "s starts it again · 20 kept, 20 pending · since 15:59"),
        (
            RunState.PAUSED,
            {"reason": "paused by ana", "in_flight": 0},
            40,
            "since 15:55:00 · paused by ana · p resumes",
        ),
        (RunState.PAUSED, {"reason": "tried 10", "in_flight": 0}, 30, "tried 10 · p resumes"),
        (RunState.WAITING, {"reason": ""}, 30, "00:53 for TPM of org_b"),
        (RunState.NEW, {}, 40, "s starts it · 20 emails pending"),
        (RunState.DONE, {}, 40, "19 labeled · 1 failed (e shows it) · work 89 % · labeltui export enron labels.csv"),
    ],
    ids=count(),
)
def test_a_state_is_told_in_few_cells(state: Any, changes: Any, width: int, wanted: str) -> None:
    """Its clauses are shortened or left out by their rank."""
    worker_ = replace(SNAPSHOT.worker, **{name: value for name, value in changes.items() if name != "reason"})
    shown = replace(
        SNAPSHOT,
        state=state,
        worker=worker_,
        reason=changes.get("reason", ""),
        wait=Wait(NOW + 53, "TPM", "org_b", "x"),
    )
    found = state_sentence.state_sentence(ViewState(now=NOW, path=Path("a"), snapshot=shown, read_at=NOW), (), NOW)
    assert on_one_row(found.clauses, width) == wanted


@pytest.mark.parametrize(("held", "rows"), [(None, 1), (0, 1), (1, 1), (5, 5), (6, 6), (7, 6), (99, 6)])
def test_the_pane_of_places_takes_six_rows_at_most(held: Any, rows: int) -> None:
    """One at least."""
    facts = None if held is None else SimpleNamespace(places=(1,) * held)
    assert places.PlacesPane.rows_wanted(SimpleNamespace(facts=facts)) == rows  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("width", "wanted"),
    [
        (12, "lost calls  other 16"),
        (30, "lost calls  other 16"),
        (31, "lost calls  timeout 12  other 4"),
        (40, "lost calls  timeout 12  other 4"),
        (41, "lost calls  timeout 12  server 3  429 1"),
    ],
)
def test_outcomes_that_do_not_fit_are_summed_up(width: int, wanted: str) -> None:
    """To the cell."""
    told = follow_ups._tally("lost calls", [("timeout", 12), ("server", 3), ("429", 1)], "none", width)
    assert told.plain.rstrip() == wanted


def test_a_narrow_chart_has_its_scale_and_marks_where_the_run_waited() -> None:
    """From zero up; a cell of a wait has another color."""
    pace = (rates.PacePoint(NOW - 10, 5.0, 0, 0, 0, 5.0), rates.PacePoint(NOW - 5, 5.0, 7, 0, 0, 0.0))
    pane: Any = SimpleNamespace(facts=rate.RateFacts(pace, NOW, asking=True))
    assert [row.plain.rstrip() for row in rate.RatePane.body(pane, 6, 3)][:2] == ["    0", "    0"]
    shown = [toned(row) for row in rate.RatePane.body(pane, 9, 3)]
    assert shown[:2] == ["<$quiet>   84 <$graph> █ ", "<$quiet>    0 <$waiting>·<$graph>█<$graph> "]


@pytest.mark.parametrize(("size", "rows"), [(None, 2), (0, 2), (1, 2), (3, 6)])
def test_the_pane_of_labels_wants_two_rows_a_label(size: Any, rows: int) -> None:
    """Two at least."""
    facts = None if size is None else SimpleNamespace(labels=(1,) * size)
    assert labels.LabelsPane.rows_wanted(SimpleNamespace(facts=facts)) == rows  # type: ignore[arg-type]


@pytest.mark.parametrize(("width", "cells"), [(40, 38), (12, 10), (8, 10)])
def test_meanings_of_labels_are_indented_by_two(width: int, cells: int) -> None:
    """Ten cells are left to them at least."""
    told = task.labels_lines(replace(TASK, labels=(LabelMeaning("1", "1", "x" * 90),)), {}, width)
    assert lengths(told)[0] == cells


@pytest.mark.parametrize("width", [40, 60])
def test_the_reason_of_a_key_is_indented_by_three(width: int) -> None:
    """Below the key that is out of use."""
    group = keys.Organization("org_b", (replace(KEYS[3], reason="x" * 150),), ())
    assert lengths(keys._by_reason(group, width)[2:])[0] == width - 3


def test_changed_lines_are_compared_with_those_at_their_place() -> None:
    """Also behind lines that are the same."""
    shown, found = task.comparison(
        "same\nsame too\none word here now\nand a second line of it",
        "same\nsame too\none other here now\nand a second line of that",
    )
    assert (shown.plain.split("\n"), found) == (
        ["…", "  same", "  same too", "~ one [-word-]{+other+} here now", "~ and a second line of [-it-]{+that+}"],
        2,
    )


def test_places_are_counted_and_stand_by_their_numbers() -> None:
    """A name without a number stands before those that have one."""
    held = tuple(
        SimpleNamespace(name=name, state=state, node="", since_at=0.0, in_flight=0, rate_per_min=30.0, reason="")
        for name, state in (("p-10", "ready"), ("p-2", "starting"), ("p", "ready"), ("p-x", "ready"))
    )
    pane: Any = SimpleNamespace(facts=SimpleNamespace(places=held))
    assert places.PlacesPane.heading(pane) == "3 of 4 places ready, 120 calls/min"
    assert [row.plain.split()[1] for row in places.PlacesPane.body(pane, 60, 9)] == ["p", "p-2", "p-10", "p-x"]
    assert [places._numbered(name) for name in ("p-10", "p", "p-x")] == [("p", 10), ("p", 0), ("p-x", 0)]


def test_the_share_of_the_rarest_label_is_in_percent() -> None:
    """With its interval."""
    assert quality.checked(known(label("1", 0.3, 0.96)), 200).plain.split(" · ")[2] == "work 96 % (94–98)"
