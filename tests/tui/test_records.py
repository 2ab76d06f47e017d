"""What records, batches, drafts and windows say at their bounds, and in which color."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from core.engine import Draft
from core.model import (
    AskKind,
    DryRunResult,
    EmailRecord,
    EmailState,
    KeySpend,
    LabelMeaning,
    LabelRecord,
    LaneChoice,
    LaneSpent,
    NoteRecord,
    Outcome,
    PlacesWanted,
    RunState,
    SampledEmail,
)
from core.runs.dry_run import DryRunCost
from tests.tui.bare import Noted, bare
from tests.tui.conftest import toned, toned_rows
from tests.tui.fakes import KEYS, NOW, SPENT, TASK, TROUBLES, email, running
from tests.tui.test_batches_screen import parcel
from tests.tui.test_lines import attempt
from tests.tui.test_task import old_version
from tui.actions import active  # noqa: F401 - it names the keys
from tui.screens import batches, line_windows, modals, monitor
from tui.screens.emails.editing import Targets
from tui.screens.keys import record as key_record
from tui.screens.new_run import task as task_step
from tui.screens.task import dry_run
from tui.text import quantities, record
from tui.widgets.panes import task as panes

pytestmark = pytest.mark.usefixtures("utc")

ROW = email(7, EmailState.LABELED)
PLAIN = EmailRecord(ROW, "Could you send it?", "raw", (), (), 0)
PAST = SimpleNamespace(history=SimpleNamespace(spent=SPENT, troubles=TROUBLES), today="2025-11-24", dollars=0.0123)


def given(source: str, **more: Any) -> LabelRecord:
    """A label from that source."""
    return LabelRecord("1", source, "ana", "3f9ac2d1e0", **{"blind": False, "note": "", "at": NOW - 60, **more})


def of_key(past: Any, **state: Any) -> Any:
    """The record of a key with that history."""
    return bare(key_record.KeyRecordScreen, Noted(), _past=past, _outcomes={}, _trouble="", **state)


def tried(label: str | None, now: str | None, **more: Any) -> DryRunResult:
    """What a draft said of an email, and what its label is now."""
    source = more.pop("source", "model" if now else None)
    of = SampledEmail(
        3,
        "<3@x>",
        more.pop("subject", "a subject"),
        now,
        source,
        more.pop("opening", ""),
        more.pop("human", None),
        more.pop("model", None),
    )
    return DryRunResult(of, label, label or "", more.pop("why", ""), 1, 1_250)


def trial(*results: DryRunResult, ended: str = "", size: int = 10) -> Any:
    """A dry run with these results."""
    return bare(
        dry_run.DryRunScreen, Noted(), data=None, _of=TASK, _known={}, _results=list(results), _ended=ended, _count=size
    )


def read(parse: Callable[[str], object], text: str) -> object:
    """The value, or why it is none."""
    try:
        return parse(text)
    except argparse.ArgumentTypeError as error:
        return str(error)


def summed(found: batches.OpenBatches) -> tuple[object, ...]:
    return found.count, found.total, found.answered, found.money, found.sentence


def asking_at(facts: Any) -> tuple[float, bool]:
    return facts.now, facts.asking


def meant(*labels: tuple[str, ...]) -> Any:
    """The task with these labels."""
    return replace(TASK, labels=tuple(LabelMeaning(*each) for each in labels))


NEWER = replace(TASK, rubric="x", version="9999999999", labels=TASK.labels[:1])
AT_WORK = running(40, 20).snapshot(NOW)


@pytest.mark.parametrize(
    ("label", "wanted"),
    [
        (given("model"), "<$quiet>15:59  <bold $accent>1 work<$quiet>  by the model<$foreground><$faint>  task 3f9ac2d…"),
        (given("human", blind=True, note="see thread"), "<$quiet>15:59  <bold $person>1 work<$person>  ◆ manual, by ana · blind<$foreground> · “see thread”<$faint>  task 3f9ac2d…"),
        (given("undone", note="why"), "<$quiet>15:59  <strike $quiet>1 work<$quiet>  undone by ana<$quiet> · “why”<$faint>  task 3f9ac2d…"),
        (given("withdrawn"), "<$quiet>15:59  <bold $accent>1 work<$quiet>  by nobody<$foreground><$faint>  task 3f9ac2d…"),
        (given("copy"), "<$quiet>15:59  <bold $accent>1 work<$quiet>  copied from a duplicate<$foreground><$faint>  task 3f9ac2d…"),
        (given("else"), "<$quiet>15:59  <bold $accent>1 work<$quiet>  by nobody<$foreground><$faint>  task 3f9ac2d…"),
    ],
    ids=count(),
)  # fmt: skip
def test_a_label_of_the_history_has_the_color_of_its_source(label: Any, wanted: Any) -> None:
    """What was taken back is struck through."""
    assert toned(record._label(label, TASK, NOW)) == wanted


@pytest.mark.parametrize(
    ("outcome", "more", "wanted"),
    [
        (Outcome.ANSWERED, {"raw_answer": "1"}, [
            "<bold $bright>1 <$foreground>question  <bold $running>✓ answered<$quiet>  15:58:20<$bright>  0.50 s",
            "<$foreground>  main of org_a<$quiet> · 0 + 0 tokens<$accent><$bright>", "<$quiet>  answer  <$bright>1",
            "<$faint>  m-1",
        ]),
        (Outcome.INVALID, {"raw_answer": "", "error": "an error that is longer than its line has room for"}, [
            "<bold $bright>1 <$foreground>question  <bold $failed>✕ invalid<$quiet>  15:58:20<$bright>  0.50 s",
            "<$foreground>  main of org_a<$quiet> · 0 + 0 tokens<$accent><$bright>",
            "<$quiet>  answer  <$waiting>(empty)", "<$quiet>  error   <$failed>an error that is longer than",
            "<>          <$failed>its line has room for", "<$faint>  m-1",
        ]),
        (Outcome.RATE_LIMITED, {"latency_s": 119.99}, [
            "<bold $bright>1 <$foreground>question  <bold $waiting>✕ rate limited<$quiet>  15:58:20<$bright>  119.99 s",
            "<$foreground>  main of org_a<$quiet> · 0 + 0 tokens<$accent><$bright>", "<$faint>  m-1",
        ]),
        (Outcome.CAPACITY, {"latency_s": 120.0}, [
            "<bold $bright>1 <$foreground>question  <bold $waiting>✕ capacity<$quiet>  15:58:20<$bright>  02:00",
            "<$foreground>  main of org_a<$quiet> · 0 + 0 tokens<$accent><$bright>", "<$faint>  m-1",
        ]),
        (Outcome.UNAUTHORIZED, {"error": "the server answered 403: no"}, [
            "<bold $bright>1 <$foreground>question  <bold $failed>✕ refused<$quiet>  15:58:20<$bright>  0.50 s",
            "<$foreground>  main of org_a<$quiet> · 0 + 0 tokens<$accent><$bright>",
            "<$quiet>  error   <$failed>the server answered 403: no", "<$faint>  m-1",
        ]),
        (Outcome.UNAUTHORIZED, {"error": "401"}, [
            "<bold $bright>1 <$foreground>question  <bold $failed>✕ unauthorized<$quiet>  15:58:20<$bright>  0.50 s",
            "<$foreground>  main of org_a<$quiet> · 0 + 0 tokens<$accent><$bright>", "<$quiet>  error   <$failed>401",
            "<$faint>  m-1",
        ]),
        (Outcome.INVALID, {"error": "the server answered 403: no"}, [
            "<bold $bright>1 <$foreground>question  <bold $failed>✕ invalid<$quiet>  15:58:20<$bright>  0.50 s",
            "<$foreground>  main of org_a<$quiet> · 0 + 0 tokens<$accent><$bright>",
            "<$quiet>  error   <$failed>the server answered 403: no", "<$faint>  m-1",
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_an_attempt_has_the_color_of_its_outcome(outcome: Any, more: Any, wanted: Any) -> None:
    """A quota waits, everything else failed."""
    assert (
        toned_rows(record._attempt(attempt(1, AskKind.ASK, outcome, **{"latency_s": 0.5, **more}), NOW, 40))[1:]
        == wanted
    )


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        (None, [
            "<bold $running>✓ labeled<>  <bold $accent>1 work<$quiet>  by the model",
            "<bold $bright>Subject of message 7", "<$quiet>person0@example.org · Mon, 14",
            "<$quiet>May 2001 16:39:00 -0700",
        ]),
        (replace(ROW, label_source="human"), [
            "<bold $running>✓ labeled<>  <bold $person>1 work<$person>  ◆ manual, overrides the model",
            "<bold $bright>Subject of message 7", "<$quiet>person0@example.org · Mon, 14",
            "<$quiet>May 2001 16:39:00 -0700",
        ]),
        (email(7, EmailState.FAILED), [
            "<bold $failed>✕ failed<$failed>  no valid label after 3 answers", "<bold $bright>Subject of message 7",
            "<$quiet>person0@example.org · Mon, 14", "<$quiet>May 2001 16:39:00 -0700",
        ]),
        (email(7, EmailState.SKIPPED, sender="", date="", subject=""), ["<bold $quiet>– skipped"]),
        (replace(ROW, label="x" * 40, flags="label-request cut"), [
            "<bold $running>✓ labeled<>  <bold $accent>xxxxxxxxxxxxxxxxxxxxxxxxxxxxx…<$quiet>  by the model",
            "<bold $waiting>⚑ possible prompt injection<$waiting> (label-request): check its label",
            "<$quiet>as sent: longer than the task sends", "<bold $bright>Subject of message 7",
            "<$quiet>person0@example.org · Mon, 14", "<$quiet>May 2001 16:39:00 -0700",
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_the_verdict_stands_on_top(row: Any, wanted: Any) -> None:
    """A person's label has the color of people."""
    assert (
        toned_rows(record._head(PLAIN, TASK, 30) if row is None else record._head(replace(PLAIN, row=row), TASK, 30))
        == wanted
    )


@pytest.mark.parametrize(
    ("width", "wanted"),
    [
        (5, [9, 9, 9]),
        (13, [9, 9, 9]),
        (40, [39, 39, 39]),
    ],
    ids=count(),
)  # fmt: skip
def test_the_lines_of_a_record_are_as_wide_as_it_is(width: Any, wanted: Any) -> None:
    """Twelve cells at least."""
    assert [len(part) for part in record._wrapped("word " * 100, width)][:3] == wanted


@pytest.mark.parametrize(
    ("copies", "width", "wanted"),
    [
        (0, 80, ["id <7@example.org> · number 7 · place 7"]),
        (1, 80, ["id <7@example.org> · number 7 · place 7 · 1 duplicate of it"]),
        (3, 30, ["id <7@example.org> · number 7", "· place 7 · 3 duplicates of it"]),
    ],
    ids=count(),
)  # fmt: skip
def test_which_text_it_is_stands_below(copies: Any, width: Any, wanted: Any) -> None:
    """Its id, its number, its place and its duplicates."""
    assert [row.plain for row in record._identity(replace(PLAIN, copies=copies), width)] == wanted


@pytest.mark.parametrize(
    ("text", "width", "wanted"),
    [
        ("first\n\nsecond line", 40, [
            "<$quiet>16:00  <$person>◆ bo", "<$foreground>  first", "<$foreground>", "<$foreground>  second line",
        ]),
        ("word " * 6, 20, ["<$quiet>16:00  <$person>◆ bo", "<$foreground>  word word word", "<$foreground>  word word word"]),
        ("word " * 6, 5, [
            "<$quiet>16:00  <$person>◆ bo", "<$foreground>  word word", "<$foreground>  word word",
            "<$foreground>  word word",
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_a_note_is_wrapped_behind_two_cells(text: Any, width: Any, wanted: Any) -> None:
    """Its lines stay lines."""
    assert toned_rows(record._note(NoteRecord(text, "bo", NOW), NOW, width)) == wanted


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, ["<bold $bright>0 attempts<>", "<bold $bright>0 labels<>"]),
        ({"labels": (given("model"),), "notes": (NoteRecord("a", "bo", NOW),) * 2}, [
            "<bold $bright>0 attempts<>", "<bold $bright>1 label<>", "<bold $bright>2 notes<>",
        ]),
        ({"attempts": (attempt(1, AskKind.ASK, Outcome.ANSWERED, 0.5),)}, [
            "<bold $bright>1 attempt<>",
            "<bold $bright>1 <$foreground>question  <bold $running>✓ answered<$quiet>  15:58:20<$bright>  0.50 s<>",
            "<bold $bright>0 labels<>",
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_the_history_counts_what_there_is(changes: Any, wanted: Any) -> None:
    """Attempts, labels and notes; notes only where there are any."""
    assert [
        row
        for row in toned(record.history(replace(PLAIN, **changes), TASK, NOW, 60)).splitlines()
        if row.startswith("<bold $bright>")
    ] == wanted


@pytest.mark.parametrize(
    ("past", "wanted"),
    [
        (None, ["", "<bold $accent>Used", "<$quiet>  on this machine  <$foreground>412 calls, 1×429, 367k tokens"]),
        (PAST, [
            "", "<bold $accent>Used",
            "<$quiet>  today (UTC)      <$foreground>412 calls, 1×429, 367,000 + 9,000 tokens, about $0.0123",
            "<$quiet>  2025-11-23       <$foreground>1,200 calls, 4×429, 1,060,000 + 31,000 tokens",
            "<$quiet>  on this machine  <$foreground>412 calls, 1×429, 367k tokens",
        ]),
        (SimpleNamespace(history=SimpleNamespace(spent=tuple(KeySpend(f"2025-11-{n:02}", "m", 1, 0, 10, 1) for n in range(10, 20)), troubles=()), today="2025-11-24", dollars=0.0), [
            "", "<bold $accent>Used", "<$quiet>  today (UTC)      <$quiet>nothing",
            "<$quiet>  2025-11-19       <$foreground>1 call, 0×429, 10 + 1 tokens",
            "<$quiet>  2025-11-18       <$foreground>1 call, 0×429, 10 + 1 tokens",
            "<$quiet>  2025-11-17       <$foreground>1 call, 0×429, 10 + 1 tokens",
            "<$quiet>  2025-11-16       <$foreground>1 call, 0×429, 10 + 1 tokens",
            "<$quiet>  2025-11-15       <$foreground>1 call, 0×429, 10 + 1 tokens",
            "<$quiet>  2025-11-14       <$foreground>1 call, 0×429, 10 + 1 tokens",
            "<$quiet>  2025-11-13       <$foreground>1 call, 0×429, 10 + 1 tokens",
            "<$quiet>  on this machine  <$foreground>412 calls, 1×429, 367k tokens",
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_what_a_key_spent_is_told_by_day(past: Any, wanted: Any) -> None:
    """Today with its price, then seven days."""
    assert toned_rows(of_key(past)._spent(KEYS[0])) == wanted


@pytest.mark.parametrize(
    ("outcomes", "wanted"),
    [
        ({}, ["<$quiet>  on this machine  <$foreground>412 calls, 1×429, 367k tokens"]),
        ({"answered": 1_410, "rate_limited": 2}, [
            "<$quiet>  on this machine  <$foreground>412 calls, 1×429, 367k tokens",
            "<$quiet>  in this run      <$foreground>1,410 answered, 2 rate limited",
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_what_a_key_did_in_this_run_is_told(outcomes: Any, wanted: Any) -> None:
    """Where it was asked at all."""
    assert (
        toned_rows(bare(key_record.KeyRecordScreen, Noted(), _past=None, _outcomes=outcomes)._spent(KEYS[0]))[2:]
        == wanted
    )


@pytest.mark.parametrize(
    ("past", "trouble", "wanted"),
    [
        (PAST, "", [
            "", "<bold $accent>Refusals and errors [2]<$quiet>  newest first",
            "<$quiet>  15:59:00         <$bright>429 <bold $waiting>rate limited<$foreground>  waits 00:41 for TPM<$faint>  openai/gpt-oss-20b",
            "<>                   <$quiet>Rate limit reached for tokens",
            "<$quiet>  15:45:00         <$bright>503 <bold $failed>server error<$foreground><$faint>  openai/gpt-oss-20b",
            "<>                   <$quiet>overloaded ␛[31m",
        ]),
        (PAST, "no such file", [
            "", "<bold $accent>Refusals and errors [2]<$quiet>  newest first", "<$failed>no such file",
            "<$quiet>  15:59:00         <$bright>429 <bold $waiting>rate limited<$foreground>  waits 00:41 for TPM<$faint>  openai/gpt-oss-20b",
            "<>                   <$quiet>Rate limit reached for tokens",
            "<$quiet>  15:45:00         <$bright>503 <bold $failed>server error<$foreground><$faint>  openai/gpt-oss-20b",
            "<>                   <$quiet>overloaded ␛[31m",
        ]),
        (None, "", ["", "<bold $accent>Refusals and errors [0]<$quiet>  newest first", "<$quiet>  reading …"]),
        (SimpleNamespace(history=SimpleNamespace(troubles=())), "", [
            "", "<bold $accent>Refusals and errors [0]<$quiet>  newest first",
            "<$running>  none: every call with it was answered",
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_refusals_of_a_key_are_told_newest_first(past: Any, trouble: Any, wanted: Any) -> None:
    """Or that there was none, or why they cannot be read."""
    assert (
        toned_rows(
            bare(key_record.KeyRecordScreen, Noted(), _past=past, _outcomes={}, _trouble=trouble)._troubles(60, NOW)
        )
        == wanted
    )


@pytest.mark.parametrize(
    ("trouble", "width", "wanted"),
    [
        (replace(TROUBLES[0], limit=""), 60, [
            "<$quiet>  15:59:00         <$bright>429 <bold $waiting>rate limited<$foreground>  waits 00:41<$faint>  openai/gpt-oss-20b",
            "<>                   <$quiet>Rate limit reached for tokens",
        ]),
        (replace(TROUBLES[1], status=None, text=""), 60, [
            "<$quiet>  15:45:00         <$bright>–   <bold $failed>server error<$foreground><$faint>  openai/gpt-oss-20b",
            "<>                   <$quiet>",
        ]),
        (replace(TROUBLES[0], outcome="capacity", text="word " * 12), 50, [
            "<$quiet>  15:59:00         <$bright>429 <bold $waiting>capacity<$foreground>  waits 00:41 for TPM<$faint>  openai/gpt-oss-20b",
            "<>                   <$quiet>word word word word word word",
            "<>                   <$quiet>word word word word word word",
        ]),
        (replace(TROUBLES[0], text="word " * 12), 20, [
            "<$quiet>  15:59:00         <$bright>429 <bold $waiting>rate limited<$foreground>  waits 00:41 for TPM<$faint>  openai/gpt-oss-20b",
            "<>                   <$quiet>word word word word", "<>                   <$quiet>word word word word",
            "<>                   <$quiet>word word word word",
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_a_refusal_says_what_waits_and_for_how_long(trouble: Any, width: Any, wanted: Any) -> None:
    """The server's words are wrapped below."""
    assert toned_rows(key_record._trouble(trouble, width, NOW)) == wanted


@pytest.mark.parametrize(
    ("lane", "spent", "wanted"),
    [
        (LaneChoice(), (), ["<$quiet>lane <bold $accent>live<$quiet> · one call for each text, answered at once"]),
        (LaneChoice("auto", NOW + 7_200), (LaneSpent("batch", {name: n for n, name in enumerate(("a", "b_c", "d", "e", "f", "g"))}, 1_200, 30), LaneSpent("live", {"x": 1}, 1, 1)), [
            "<$quiet>lane <bold $accent>auto<$quiet>, done by 18:00 · batches while there is time, then the fastest",
            "<$foreground>batch <$bright>15 calls <$quiet>· 1,200 + 30 tokens · <$foreground>5 g, 4 f, 3 e, 2 d, 1 b c",
            "<$foreground>live  <$bright>1 call <$quiet>· 1 + 1 tokens · <$foreground>1 x",
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_the_lane_is_said_with_what_it_spent(lane: Any, spent: Any, wanted: Any) -> None:
    """Five outcomes, the most frequent first."""
    assert toned_rows(batches.lane_lines(replace(AT_WORK, lane=lane, lanes=spent), NOW)) == wanted


@pytest.mark.parametrize(
    ("state", "status", "more", "wanted"),
    [
        ("packed", "", {"sent_at": None, "expires_at": None}, [
            "$quiet 1,234", "bold $waiting packed", "$bright █▌     250 of 1,000", "$failed ", "$quiet ", "$waiting ",
            "$quiet one", "$quiet ",
        ]),
        ("sent", "in_progress", {"expires_at": NOW}, [
            "$quiet 1,234", "bold $running in progress", "$bright █▌     250 of 1,000", "$failed ", "$quiet 15:46:40",
            "$waiting expired", "$quiet one", "$quiet ",
        ]),
        ("gathering", "completed", {"failed": 3, "expires_at": NOW + 1}, [
            "$quiet 1,234", "bold $running completed", "$bright █▌     250 of 1,000", "$failed 3", "$quiet 15:46:40",
            "$waiting 00:01", "$quiet one", "$quiet ",
        ]),
        ("done", "completed", {"total": 0}, [
            "$quiet 1,234", "bold $quiet done", "$foreground ██████ 250 of 0", "$failed ", "$quiet 15:46:40", "$quiet ",
            "$quiet one", "$quiet ",
        ]),
        ("sent", "cancelling", {"failed": 3}, [
            "$quiet 1,234", "bold $waiting cancelling", "$bright █▌     250 of 1,000", "$failed ", "$quiet 15:46:40",
            "$waiting 1:00:00", "$quiet one", "$quiet ",
        ]),
        ("void", "", {"reason": "a batch is void: 0 answered, it was too large"}, [
            "$quiet 1,234", "bold $failed void", "$foreground █▌     250 of 1,000", "$failed ", "$quiet 15:46:40",
            "$quiet ", "$quiet one", "$quiet it was too large",
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_a_batch_is_a_row(state: Any, status: Any, more: Any, wanted: Any) -> None:
    """Open ones are bright; what a server left of one that was cut short is no error."""
    assert [
        f"{tone} {text}" for text, tone in batches._row(parcel(1_234, state, status, 250, **more), NOW).cells
    ] == wanted


@pytest.mark.parametrize(
    ("money", "wanted"),
    [
        (None, (2, 2000, 250, None, "2 batches at the server, 250 of 2,000 questions answered (12 %).")),
        (2.0, (2, 2000, 250, 2.0, "2 batches at the server, 250 of 2,000 questions answered (12 %); answered so far about $0.25, all of it about $2.00 at half the price.")),
        (0.004, (2, 2000, 250, 0.004, "2 batches at the server, 250 of 2,000 questions answered (12 %); answered so far less than $0.01, all of it less than $0.01 at half the price.")),
    ],
    ids=count(),
)  # fmt: skip
def test_what_is_open_at_the_server_is_summed_up(money: Any, wanted: Any) -> None:
    """With what it costs, where a price is known."""
    assert (
        summed(
            batches.OpenBatches.of(
                [
                    parcel(1, "sent", "in_progress", 250),
                    parcel(2, "sent", "validating", 0),
                    parcel(3, "done", "completed", 9),
                ],
                None if money is None else SimpleNamespace(of=lambda *_: money),
            )
        )
        == wanted
    )


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("", None),
        (" 1,000 ", 1000),
        ("2_000", 2000),
        ("7", 7),
    ],
    ids=count(),
)  # fmt: skip
def test_a_number_of_questions_is_read(typed: Any, wanted: Any) -> None:
    """With or without separators; nothing stays as it is."""
    assert batches._count(typed) == wanted


@pytest.mark.parametrize(
    ("shown", "wanted"),
    [
        (trial(), [
            "<$bright>running: 0 of 10 · 0 tokens<>",
            "<$quiet>against people: none of these was reviewed (r on the monitor reviews a random sample)",
        ]),
        (trial(tried("1", "1"), tried("0", "1"), tried("1", None), tried(None, "1"), ended="done"), [
            "<$bright>done: 4 of 10 · 1 of 2 as labeled now (50 %) · 1 without a label · 5,000 tokens<>",
            "<$quiet>against people: none of these was reviewed (r on the monitor reviews a random sample)",
        ]),
        (trial(tried("1", "1", human="1", model="0"), tried("1", None, human="0", model="1"), ended="ended"), [
            "<$bright>ended: 2 of 10 · 1 of 1 as labeled now (100 %) · 2,500 tokens<>",
            "<$foreground>against people: 1 of 2 right (50 %, 9–91), κ 0.00",
            "  than the present version better on 1, worse on 0 (McNemar p = 1)",
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_a_trial_is_told_on_top(shown: Any, wanted: Any) -> None:
    """How far it is, how often both agree, and what it took."""
    assert toned(shown._head()).splitlines()[1:] == wanted


@pytest.mark.parametrize(
    ("result", "wanted"),
    [
        (tried("1", "1"), [
            "$foreground 1 work", "$quiet model", "bold $accent 1 work", "$quiet =", "$quiet 1,250",
            "$foreground a subject",
        ]),
        (tried("0", "1", source="human"), [
            "$foreground 1 work", "$person manual", "bold $accent 0 personal", "bold $waiting ≠", "$quiet 1,250",
            "$foreground a subject",
        ]),
        (tried("1", "1", source="copy", subject="", opening="it begins"), [
            "$foreground 1 work", "$quiet dup", "bold $accent 1 work", "$quiet =", "$quiet 1,250",
            "$foreground it begins",
        ]),
        (tried(None, "1", why="no label"), [
            "$foreground 1 work", "$quiet model", "$failed ✕ no label", "bold $waiting ", "$quiet 1,250",
            "$failed no label · a subject",
        ]),
        (tried("1", None, subject=""), [
            "$quiet pending", "$quiet ", "bold $accent 1 work", "bold $waiting ", "$quiet 1,250",
            "$foreground (no subject)",
        ]),
        (tried(None, None, source="else"), [
            "$quiet pending", "$quiet ", "$failed ✕ no label", "$quiet ", "$quiet 1,250", "$foreground a subject",
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_a_result_of_a_trial_is_a_row(result: Any, wanted: Any) -> None:
    """Its label now by whom, the draft's, and whether they are the same."""
    assert [f"{tone} {text}" for text, tone in trial()._row(result).cells] == wanted


@pytest.mark.parametrize(
    ("cost", "wanted"),
    [
        (DryRunCost(0, 0, None, 0, learned=True), "This run has no email to try it on."),
        (DryRunCost(3, 900, None, 0, learned=True), "No usable key: add or enable one first."),
        (DryRunCost(1, 900, None, 1, learned=True), "About 900 tokens for 1 email; a follow-up question costs as much again. They count against your quotas. No label is saved or changed."),
        (DryRunCost(20, 18_000, 0.01234, 2, learned=False), "About 18.0k tokens, $0.0123 for 20 emails, by the length of the texts; a follow-up question costs as much again. They count against your quotas. No label is saved or changed."),
    ],
    ids=count(),
)  # fmt: skip
def test_a_trial_says_what_it_costs(cost: Any, wanted: Any) -> None:
    """Or why it cannot be."""
    assert dry_run.cost_words(cost) == wanted


@pytest.mark.parametrize(
    ("changes", "width", "wanted"),
    [
        ({}, 60, [
            "<$quiet>model       <$bright>openai/gpt-oss-20b", "<$quiet>reasoning   <$bright>low",
            "<$quiet>temperature <$bright>0", "<$quiet>answer      <$bright>at most 256 tokens, 60 s",
            "<$quiet>follow-ups  <$bright>at most 2 each", "<$quiet>cut at      <$bright>6,000 characters",
            "<$quiet>sent        <$bright>from, to, subject, date, body", "<$quiet>packs       <$bright>one email a call",
        ]),
        ({"max_reasks": 0, "pack": 5, "model": {"temperature": None, "reasoning_effort": None, "seed": 7}}, 60, [
            "<$quiet>model       <$bright>openai/gpt-oss-20b", "<$quiet>reasoning   <$bright>not sent",
            "<$quiet>temperature <$bright>not sent", "<$quiet>answer      <$bright>at most 256 tokens, 60 s",
            "<$quiet>follow-ups  <$bright>none", "<$quiet>cut at      <$bright>6,000 characters",
            "<$quiet>sent        <$bright>from, to, subject, date, body",
            "<$quiet>packs       <$bright>up to 5 emails a call", "<$quiet>seed        <$bright>7",
        ]),
        ({"model": {"model": "a-very/long-name of a model"}}, 24, [
            "<$quiet>model       <$bright>a-very/long-", "<>            <$bright>name of a",
            "<>            <$bright>model", "<$quiet>reasoning   <$bright>low", "<$quiet>temperature <$bright>0",
            "<$quiet>answer      <$bright>at most 256", "<>            <$bright>tokens, 60 s",
            "<$quiet>follow-ups  <$bright>at most 2", "<>            <$bright>each", "<$quiet>cut at      <$bright>6,000",
            "<>            <$bright>characters", "<$quiet>sent        <$bright>from, to,",
            "<>            <$bright>subject,", "<>            <$bright>date, body",
            "<$quiet>packs       <$bright>one email a", "<>            <$bright>call",
        ]),
        ({}, 12, [
            "<$quiet>model       <$bright>openai/gpt", "<>            <$bright>-oss-20b",
            "<$quiet>reasoning   <$bright>low", "<$quiet>temperature <$bright>0", "<$quiet>answer      <$bright>at most",
            "<>            <$bright>256", "<>            <$bright>tokens, 60", "<>            <$bright>s",
            "<$quiet>follow-ups  <$bright>at most 2", "<>            <$bright>each", "<$quiet>cut at      <$bright>6,000",
            "<>            <$bright>characters", "<$quiet>sent        <$bright>from, to,",
            "<>            <$bright>subject,", "<>            <$bright>date, body",
            "<$quiet>packs       <$bright>one email", "<>            <$bright>a call",
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_the_settings_of_a_task_are_told(changes: Any, width: Any, wanted: Any) -> None:
    """What is not sent is named so; long values are wrapped."""
    assert (
        toned_rows(
            panes.settings_lines(
                replace(
                    TASK,
                    **{name: value for name, value in changes.items() if name != "model"},
                    model=replace(TASK.model, **changes.get("model", {})),
                ),
                width,
            ).split("\n")
        )
        == wanted
    )


@pytest.mark.parametrize(
    ("task", "unknown", "width", "wanted"),
    [
        (TASK, {}, 60, [
            "<bold $accent>1<bold $bright> work", "<$foreground>  about the business of the company",
            "<bold $accent>0<bold $bright> personal", "<$foreground>  about private life",
        ]),
        (TASK, {"x": 1, "y": 1_200}, 22, [
            "<bold $accent>1<bold $bright> work", "<$foreground>  about the business", "<$foreground>  of the company",
            "<bold $accent>0<bold $bright> personal", "<$foreground>  about private life",
            "<bold $waiting>x<$waiting> no label of this version · 1 email",
            "<bold $waiting>y<$waiting> no label of this version · 1,200 emails",
        ]),
        (meant(("a", "a", ""), ("b", "bee", "word " * 5)), {}, 8, [
            "<bold $accent>a", "<bold $accent>b<bold $bright> bee", "<$foreground>  word word",
            "<$foreground>  word word", "<$foreground>  word",
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_labels_of_a_task_are_told_with_their_meaning(task: Any, unknown: Any, width: Any, wanted: Any) -> None:
    """Present labels that it does not have are marked."""
    assert toned_rows(panes.labels_lines(task, unknown, width).split("\n")) == wanted


@pytest.mark.parametrize(
    ("labels", "wanted"),
    [
        ({"1": 3, "x": 2, "y": 0}, {"x": 2}),
    ],
    ids=count(),
)  # fmt: skip
def test_labels_that_a_version_does_not_have_are_counted(labels: Any, wanted: Any) -> None:
    """Those that any text has."""
    assert panes.unknown_labels(TASK, replace(AT_WORK, labels=labels)) == wanted


@pytest.mark.parametrize(
    ("version", "wanted"),
    [
        (old_version(), [
            "$foreground   0bb53142", "$quiet Sun 15:00", "$quiet new run", "$bright 40", "$failed 2",
            "$foreground 95 % of 20", "$foreground work 75 %, personal 25 %",
        ]),
        (old_version(active=True, failed=0, by="ana"), [
            "bold $accent ▶ 0bb53142", "$quiet Sun 15:00", "$quiet ana", "$bright 40", "$failed ", "$running active",
            "$foreground work 75 %, personal 25 %",
        ]),
        (old_version(counted=False, both=0), [
            "$foreground   0bb53142", "$quiet Sun 15:00", "$quiet new run", "$bright …", "$failed 2", "$foreground ",
            "$foreground counting …",
        ]),
        (old_version(labels={"0": 1, "1": 1_999}), [
            "$foreground   0bb53142", "$quiet Sun 15:00", "$quiet new run", "$bright 2,000", "$failed 2",
            "$foreground 95 % of 20", "$foreground work 99 %, personal <1 %",
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_a_version_is_a_row(version: Any, wanted: Any) -> None:
    """What it labeled, how far it agrees, and the shares of its labels."""
    assert [f"{tone} {text}" for text, tone in panes.version_row(version, NOW).cells] == wanted


@pytest.mark.parametrize(
    ("draft", "requested", "older", "wanted"),
    [
        (None, True, 3, "<bold $waiting>◔ requested <$quiet>the worker is activating the new version"),
        (None, False, 0, "<$quiet>No draft. E starts one, V in an editor; nothing changes before L<$waiting>"),
        (None, False, 1, "<$quiet>No draft. E starts one, V in an editor; nothing changes before L<$waiting> · 1 label by older versions, R\xa0re-labels"),
        (Draft("x", None, "the draft is no TOML: line 3"), False, 0, "<bold $failed>✕ DRAFT, no task yet: <$failed>no TOML: line 3<$quiet> E continues"),
        (Draft("x", NEWER, ""), False, 0, "<bold $person>◆ DRAFT 99999999 <$foreground>differs in labels, rubric<$quiet> · C\xa0compares, W\xa0tries, L\xa0activates"),
        (Draft("x", TASK, ""), False, 0, "<bold $person>◆ DRAFT 3f9ac2d1 <$foreground>the same as the active version<$quiet> · C\xa0compares, W\xa0tries, L\xa0activates"),
    ],
    ids=count(),
)  # fmt: skip
def test_the_line_of_the_draft_says_what_it_is(draft: Any, requested: Any, older: Any, wanted: Any) -> None:
    """And the keys that go on with it."""
    assert toned(panes.draft_line(draft, TASK, requested=requested, older=older)) == wanted


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ("say yes or no please now", "say yes or never please now", [
            "<bold $waiting>~ <$foreground>say yes or <bold $failed>[-no-]<bold $running>{+never+}<$foreground> please now",
        ]),
        ("one two", "three four", ["<bold $failed>- <$failed>one two", "<bold $running>+ <$running>three four"]),
        ("a b c d e f g h", "a b c d e f g h i", [
            "<bold $waiting>~ <$foreground>a b c d e f g h<bold $failed><bold $running>{+ i+}",
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_a_changed_line_has_its_words_marked(before: Any, after: Any, wanted: Any) -> None:
    """Both lines stand where they have little in common."""
    assert toned_rows(panes._changed(before, after)) == wanted


@pytest.mark.parametrize(
    ("length", "first", "last", "wanted"),
    [
        (123, False, False, "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrs"),
        (124, False, False, "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefgh … mnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrst"),
        (63, True, False, "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk"),
        (64, True, False, "… efghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl"),
        (63, False, True, "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk"),
        (64, False, True, "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefgh … "),
        (3, True, True, "abc"),
        (4, True, True, "…"),
    ],
    ids=count(),
)  # fmt: skip
def test_an_equal_stretch_loses_its_middle(length: Any, first: Any, last: Any, wanted: Any) -> None:
    """Where that is far from any change."""
    assert panes._shortened("".join(chr(97 + n % 26) for n in range(length)), first=first, last=last) == wanted


@pytest.mark.parametrize(
    ("told", "width", "wanted"),
    [
        ("…\n  same\n- out", 20, 2),
        ("…\n  a line that is wrapped here\n~ x", 12, 4),
        ("…\n\n  same", 20, 0),
        ("+ x", 20, 0),
    ],
    ids=count(),
)  # fmt: skip
def test_the_first_difference_is_found(told: Any, width: Any, wanted: Any) -> None:
    """By the rows before it, as they are wrapped."""
    assert panes.rows_before_difference(told, width) == wanted


@pytest.mark.parametrize(
    ("draft", "changes", "worker", "wanted"),
    [
        (NEWER, {}, {}, "Activate draft 99999999? 20 emails pending are labeled with it from now on. The 19 labels so far stay, each with its version. No longer a label, but present: 0 (2). Calls in flight finish under the old version."),
        (replace(TASK, truncate_at=17, version="v2"), {"pending": 1, "labeled": 1}, {"in_flight": 0}, "Activate draft v2? 1 email pending is labeled with it from now on. The label so far stays, with its version. The text of all 40 emails is made again from the message as it came."),
        (replace(TASK, version="v2"), {"pending": 0, "labeled": 0}, {"alive": False}, "Activate draft v2? Nothing is pending for it now."),
    ],
    ids=count(),
)  # fmt: skip
def test_what_activating_a_draft_does_is_said(draft: Any, changes: Any, worker: Any, wanted: Any) -> None:
    """What is pending, what stays, what is sent otherwise, and which labels are gone."""
    assert panes.effect(TASK, draft, replace(AT_WORK, **changes, worker=replace(AT_WORK.worker, **worker))) == wanted


@pytest.mark.parametrize(
    ("prices", "wanted"),
    [
        (None, [
            ["bold $bright every label", "$bright 1,307", "$waiting ", "$quiet …"],
            ["$foreground x               ", "$bright 1,300", "$waiting ", "$quiet …"],
            ["$foreground 1 work          ", "$bright 7", "$waiting ", "$quiet …"],
        ]),
        ({}, [
            ["bold $bright every label", "$bright 1,307", "$waiting ", "$quiet "],
            ["$foreground x               ", "$bright 1,300", "$waiting ", "$quiet "],
            ["$foreground 1 work          ", "$bright 7", "$waiting ", "$quiet "],
        ]),
        ({"": (SimpleNamespace(changed=3, compared=20), None), "x": (SimpleNamespace(changed=0, compared=0), None)}, [
            ["bold $bright every label", "$bright 1,307", "$waiting 3 of 20", "$quiet "],
            ["$foreground x               ", "$bright 1,300", "$waiting ", "$quiet "],
            ["$foreground 1 work          ", "$bright 7", "$waiting ", "$quiet "],
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_what_can_be_re_labeled_has_its_price(prices: Any, wanted: Any) -> None:
    """Dots while it is being computed."""
    assert [
        [f"{tone} {text}" for text, tone in row.cells] for row in panes.choice_rows({"1": 7, "x": 1_300}, TASK, prices)
    ] == wanted


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        (("", "2", "8", ""), PlacesWanted(address="", places=2, width=8, trust_network=False)),
        ((" ray://10.0.0.5:6379 ", "1", "1", "Yes"), PlacesWanted(address="10.0.0.5:6379", places=1, width=1, trust_network=True)),
        (("10.0.0.5", "1", "1", "no"), "The address of a Ray head is host:port, as in 10.0.0.5:6379; leave it empty for this machine."),
        ((":6379", "1", "1", "no"), "The address of a Ray head is host:port, as in 10.0.0.5:6379; leave it empty for this machine."),
        (("", "0", "1", "no"), "The number of places is a number from 1 to 9,999."),
        (("", "1", "1000000", "no"), "The number of calls at once is a number from 1 to 9,999."),
        (("", "1", "x", "no"), "The number of calls at once is a number from 1 to 9,999."),
        (("", "1", "1", "maybe"), "Whether a cluster without a token is joined: yes or no. Yes only where the network is yours alone."),
    ],
    ids=count(),
)  # fmt: skip
def test_what_is_typed_of_places_is_read(typed: Any, wanted: Any) -> None:
    """Or it is said what is wrong."""
    assert line_windows.places_typed(*typed) == wanted


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("art", [0, 2, 1, 4, 3]),
        (" ART ", [0, 2, 1, 4, 3]),
        ("x", [2]),
        ("", [0, 1, 2, 3, 4]),
        ("nothing", []),
    ],
    ids=count(),
)  # fmt: skip
def test_labels_are_found_by_what_is_typed(typed: Any, wanted: Any) -> None:
    """The very label, beginnings, parts, then meanings."""
    assert (
        list(
            modals.found_labels(
                meant(("art", "Art"), ("smart", "Clever"), ("artist", "x"), ("z", "zet", "about art"), ("w", "Start")),
                typed,
            )
        )
        == wanted
    )


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("whole", "1.5", "'1.5' is no whole number"),
        ("number", "x", "'x' is no number"),
        ("named", "", "it is empty; name a file or a folder (. is the one you are in)"),
        ("count", "0", "must be at least 1"),
        ("count", "1", 1),
        ("concurrency", "AUTO", 0),
        ("concurrency", "0", "must lie between 1 and 256, or be auto"),
        ("concurrency", "1", 1),
        ("concurrency", "256", 256),
        ("concurrency", "257", "must lie between 1 and 256, or be auto"),
        ("sample", "0", "must lie between 1 and 200"),
        ("sample", "1", 1),
        ("sample", "200", 200),
        ("sample", "201", "must lie between 1 and 200"),
        ("limit", "-1", "must not be negative"),
        ("limit", "0", 0),
        ("seconds", "0.1", 0.1),
        ("seconds", "0.09", "must be from 0.1 to 3600"),
        ("seconds", "3600", 3600.0),
        ("seconds", "3601", "must be from 0.1 to 3600"),
        ("amount", "0", "must be more than 0"),
        ("amount", "0.01", 0.01),
        ("amount", "1e9", "must be more than 0"),
        ("pack", " auto ", 0),
        ("pack", "0", "'0' is no size of a pack: give 1 to 20, or auto"),
        ("pack", "1", 1),
        ("pack", "20", 20),
        ("pack", "21", "'21' is no size of a pack: give 1 to 20, or auto"),
        ("pack", "x", "'x' is no size of a pack: give 1 to 20, or auto"),
        ("source_format", ".JSONL", "json"),
        ("source_format", "eml", "email"),
        ("filter_words", "label:", "Something must stand after label:, without a space"),
        ("moment", "yesterday", "'yesterday' is no time, such as 07:00"),
        ("moment", "2001-05-14 16:39", "2001-05-14 16:39 is over"),
    ],
    ids=count(),
)  # fmt: skip
def test_options_say_what_they_cannot_be(name: Any, text: Any, wanted: Any) -> None:
    """With the bounds that they have."""
    assert read(getattr(quantities, name), text) == wanted


@pytest.mark.parametrize(
    ("task", "width", "wanted"),
    [
        (TASK, 60, [
            "<bold $accent>   1 <bold $bright>work<$quiet>  about the business of the company",
            "<bold $accent>   0 <bold $bright>personal<$quiet>  about private life",
            "<$quiet>model openai/gpt-oss-20b · sends from, to, subject, date,",
            "<$quiet>     body, at most 6,000 characters", "<$foreground>Answer 1 or 0.",
        ]),
        (TASK, 24, [
            "<bold $accent>   1 <bold $bright>work<$quiet>  about the", "<$quiet>           business of",
            "<$quiet>           the company", "<bold $accent>   0 <bold $bright>personal",
            "<$quiet>     about private life", "<$quiet>model openai/gpt-oss-20b", "<$quiet>     · sends from, to,",
            "<$quiet>     subject, date,", "<$quiet>     body, at most 6,000", "<$quiet>     characters",
            "<$foreground>Answer 1 or 0.",
        ]),
        (meant(("a-long-label-value", "with a long name", "word " * 8), ("b", "b", "")), 40, [
            "<bold $accent>a-long-label-va… <bold $bright>with a long name",
            "<$quiet>     word word word word word word word", "<$quiet>     word", "<bold $accent>   b",
            "<$quiet>model openai/gpt-oss-20b · sends from,", "<$quiet>     to, subject, date, body, at most",
            "<$quiet>     6,000 characters", "<$foreground>Answer 1 or 0.",
        ]),
        (replace(TASK, pack=5, model=replace(TASK.model, seed=7)), 60, [
            "<bold $accent>   1 <bold $bright>work<$quiet>  about the business of the company",
            "<bold $accent>   0 <bold $bright>personal<$quiet>  about private life",
            "<$quiet>model openai/gpt-oss-20b · sends from, to, subject, date,",
            "<$quiet>     body, at most 6,000 characters", "<$quiet>packs: up to 5 emails a call", "<$quiet>seed: 7",
            "<$foreground>Answer 1 or 0.",
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_a_task_is_told_before_it_is_chosen(task: Any, width: Any, wanted: Any) -> None:
    """Its labels beside their meaning where there is room, what is sent, and the rubric."""
    assert toned_rows(task_step._told(task, width).split("\n")) == wanted


@pytest.mark.parametrize(
    ("state", "alive", "paced", "wanted"),
    [
        (RunState.RUNNING, True, True, (NOW, True)),
        (RunState.PAUSED, True, True, (NOW, False)),
        (RunState.STOPPED, False, True, (NOW, False)),
        (RunState.STOPPED, False, False, (1764000000.9, False)),
    ],
    ids=count(),
)  # fmt: skip
def test_the_rate_counts_while_a_worker_asks(state: Any, alive: Any, paced: Any, wanted: Any) -> None:
    """Else until its last slice."""
    assert (
        asking_at(
            monitor._rate(
                replace(
                    AT_WORK,
                    state=state,
                    worker=replace(AT_WORK.worker, alive=alive),
                    pace=AT_WORK.pace if paced else (),
                ),
                NOW + 0.9,
            )
        )
        == wanted
    )


@pytest.mark.parametrize(
    ("labels", "wanted"),
    [
        ({"1": 3, "x": 2, "b": 1, "y": 0}, [
            ("1", "work", 3, 2), ("0", "personal", 0, 0), ("b", "(older)", 1, 0), ("x", "(older)", 2, 0),
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_labels_of_older_versions_are_counted_behind(labels: Any, wanted: Any) -> None:
    """Those that any text has."""
    assert [
        (each.value, each.name, each.count, each.recent)
        for each in monitor._labels(replace(AT_WORK, labels=labels, recent_labels={"1": 2})).labels
    ] == wanted


@pytest.mark.parametrize(
    ("targets", "wanted"),
    [
        (Targets((3,), ROW), "this email"),
        (Targets((3,), None), "1 marked email"),
        (Targets((3, 4), None, "review"), "2 marked reviews"),
    ],
    ids=count(),
)  # fmt: skip
def test_what_a_key_acts_on_is_named(targets: Any, wanted: Any) -> None:
    """One text, or so many marked ones."""
    assert targets.words == wanted
