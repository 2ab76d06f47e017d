"""What a command or a screen says, line for line: status, progress, forecast, record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from textwrap import dedent
from types import SimpleNamespace

import pytest
from textual.content import Content

from core.model import (
    PACK_AUTO,
    AskKind,
    Attempt,
    EmailRecord,
    EmailState,
    Forecast,
    LabelRecord,
    LaneSpent,
    NoteRecord,
    Outcome,
    Parcel,
    Resumption,
    RunState,
    Snapshot,
    Twin,
    Wait,
    WorkerStatus,
)
from core.model.asking import PackPlace
from core.quality.agreement import Agreement
from core.quality.estimates import Estimate
from core.quota.forecast.lanes import LaneForecast, Mix
from core.runs.plan import NO_LIMITS, Planned, Texts
from tests.tui.fakes import KEYS, NOW, TASK, email, running
from tui.actions import active  # noqa: F401 - it names the keys
from tui.commands.status import as_lines, progress_line
from tui.text import plan, quality, record
from tui.widgets.panes.worker import WorkerPane, resumed, worker_facts

pytestmark = pytest.mark.usefixtures("utc")


def at_work() -> Snapshot:
    """Forty texts, half of them settled, with all that status has a line for."""
    run = running(40, 20)
    run.emails[25] = email(25, EmailState.SKIPPED)
    run.reasks, run.asking, run.reason = {0: 17, 2: 2}, {"main": 2}, "asks"
    return replace(
        run.snapshot(NOW), canaries=(60, 4), attempts=1234, flagged=2, alarms=("labels: no 0 among the last 50",)
    )


def is_told(lines: Iterable[str], wanted: str) -> None:
    """The lines are those of an indented block of text."""
    assert list(lines) == dedent(wanted)[1:].rstrip().splitlines()


def test_status_of_a_run_at_work() -> None:
    """Each line says what its name says; a key says its state, its wait and why."""
    is_told(
        as_lines(at_work(), (KEYS[0], *KEYS[2:]), "keys.toml can be read by others"),
        """
        enron  RUNNING · asks
          done      21 of 40 (52 %), position 20
          labeled   19: 1 work 17 (69–97 %), 0 personal 2 (3–31 %)
          failed    1, 1 skipped, 19 pending
          calls     1,234, 17,328 tokens; follow-ups: 17 took none, 2 took 2
          canaries  60 labeled emails asked again, 4 changed
          rate      72 labels a minute, mean 69, ends 16:35 – 16:45, limited by TPM of org_b
          worker    pid 4711, last heartbeat 0.2 s ago
          log       /nowhere/runs/enron.log
          key       main …main of org_a: in use, 412 calls, 1×429
          key       lab …xlab of org_b: cooling for 00:41 (TPM), 412 calls, 3×429
          key       old …xold of org_b: invalid (the API refused it), 412 calls, 1×429
          keys      cannot be shown: keys.toml can be read by others
          alarm     labels: no 0 among the last 50
          2 emails are possible prompt injections: see column flags of an export
          1 failed email: `labeltui open enron` lists them
        """,
    )


def test_status_of_a_run_whose_worker_is_silent() -> None:
    """It has neither pace nor end, and the line that helps."""
    silent = replace(
        at_work(), state=RunState.STALE, reason="not heard of", canaries=(0, 0), alarms=(), flagged=1, failed=0
    )
    is_told(
        as_lines(silent, ()),
        """
        enron  STALE · not heard of
          done      20 of 40 (50 %), position 20
          labeled   19: 1 work 17 (69–97 %), 0 personal 2 (3–31 %)
          failed    0, 1 skipped, 19 pending
          calls     1,234, 17,328 tokens; follow-ups: 17 took none, 2 took 2
          worker    pid 4711, last heartbeat 0.2 s ago
          it hangs? `labeltui stop enron --force` ends it; what is committed stays
          log       /nowhere/runs/enron.log
          1 email is a possible prompt injection: see column flags of an export
        """,
    )


def test_status_of_a_run_that_is_done() -> None:
    """A label of an older version is counted and named so; what each lane was asked is told where there were several."""
    lanes = (
        LaneSpent("batch", {"answered": 8, "rate_limited": 10}, 7_200, 96), LaneSpent("live", {"answered": 1}, 900, 12),
    )  # fmt: skip
    snapshot = at_work()
    done = replace(
        snapshot, state=RunState.DONE, reason="old", worker=WorkerStatus(None, False, None, None, 0, 0, ""),
        run=replace(snapshot.run, simulated=True), labels={"1": 17, "0": 0, "x": 2, "y": 0}, canaries=(0, 0), alarms=(),
        flagged=0, reasks={}, lanes=lanes,
    )  # fmt: skip
    is_told(
        as_lines(done, ()),
        """
        enron  DONE
          the labels of this run are simulated
          done      21 of 40 (52 %), position 20
          labeled   19: 1 work 17 (69–97 %), 0 personal 0 (0–17 %), x (of an older version) 2 (3–31 %)
          failed    1, 1 skipped, 19 pending
          calls     1,234, 17,328 tokens; follow-ups: none yet
          lane      batch: 18 calls, 7,200 + 96 tokens; 10 rate limited, 8 answered
          lane      live: 1 call, 900 + 12 tokens; 1 answered
          1 failed email: `labeltui open enron` lists them
        """,
    )


def test_progress_is_one_line_that_says_what_goes_on() -> None:
    """Settled, pace, failures, what is waited for or why it stands, what helps, and how much time is left."""
    now = at_work()
    waits = replace(now, state=RunState.WAITING)
    assert now.forecast is not None
    moments = (
        now,
        replace(now, failed=0, reason=""),
        replace(waits, wait=Wait(NOW + 41.2, "TPM", "org_b", "")),
        replace(waits, wait=Wait(NOW - 5, "", "", "the server rests")),
        replace(now, state=RunState.PAUSED, reason="paused by ana"),
        replace(now, forecast=replace(now.forecast, eta_s=0.9)),
        replace(now, state=RunState.STOPPED, reason="x" * 90),
        replace(now, reason="x" * 130, worker=replace(now.worker, refused=True)),
    )
    is_told(
        map(progress_line, moments),
        f"""
        enron running · 21 of 40 (52 %) · 72 labels/min · 1 failed · asks · about 40:00 left
        enron running · 20 of 40 (50 %) · 72 labels/min · about 40:00 left
        enron waiting · 21 of 40 (52 %) · 72 labels/min · 1 failed · waits 00:42 for TPM of org_b · about 40:00 left
        enron waiting · 21 of 40 (52 %) · 72 labels/min · 1 failed · 00:00: the server rests · about 40:00 left
        enron paused · 21 of 40 (52 %) · 72 labels/min · 1 failed · paused by ana · `labeltui resume enron` goes on
        enron running · 21 of 40 (52 %) · 72 labels/min · 1 failed · asks
        enron stopped · 21 of 40 (52 %) · 72 labels/min · 1 failed · {"x" * 79}…
        enron running · 21 of 40 (52 %) · 72 labels/min · 1 failed · {"x" * 119}… · about 40:00 left
        """,
    )


FORECAST = Forecast(5400.0, 4000.0, 9000.0, "RPM of org_a")
PLANNED = Planned(
    Texts(5031, 4900, 1234.5), 5100, 2_000_000, 61_000, 900_000, FORECAST, 2, 1.204, "the limits that you have named",
    (("with one more organization", Forecast(2700.0, 2000.0, 4500.0, "TPM of org_b")),), True, "https://api.example.org", 60, 120,
    (LaneForecast("live", FORECAST, 1.204, ""), LaneForecast("batch", Forecast(86_400.0, None, 86_400.0, ""), 0.602, "half the price")),
)  # fmt: skip


def test_a_forecast_says_what_asking_takes() -> None:
    """Texts, server, calls, tokens, money, time with its interval, each lane, people, and what would change it."""
    is_told(
        plan.plan_lines(PLANNED, TASK),
        """
        5,031 emails, 4,900 different, of 1,234 characters each
          server    https://api.example.org gets the texts
          model     openai/gpt-oss-20b
          calls     about 5,100, follow-up questions included
          canaries  60 of these calls ask labeled emails again, to notice a change of the model, about 64 s; canaries = 0 in the task saves them
          tokens    about 2,061,000 (as learned from earlier calls; 900,000 of them cached, if the provider does)
          money     about $1.20 on a paid plan, by the price table
          time      90 min (67 min to 2.5 h), limited by RPM of org_a
          live      90 min (67 min to 2.5 h), limited by RPM of org_a; about $1.20
          batch     at most 24 h; about $0.60 (half the price)
          assumed   the limits that you have named
          people    about 160 random emails labeled by people tell a label's recall to ± 10 points if 20 % have it, 410 if 7 %, 1,200 if 2 %
          with one more organization: 45 min (33 min to 75 min), limited by TPM of org_b
        """,
    )


def test_a_forecast_in_packs_names_what_asks_alone() -> None:
    """Canaries go along with others and take no time of their own."""
    packed = replace(PLANNED, learned=False, money=0.004, cached_tokens=0, server="", lanes=(), what_if=())
    is_told(
        [line for line in plan.plan_lines(packed, replace(TASK, pack=PACK_AUTO)) if "people" not in line],
        """
        5,031 emails, 4,900 different, of 1,234 characters each
          model     openai/gpt-oss-20b
          calls     about 5,100, follow-up questions included
          canaries  60 labeled emails are asked again along with others, to notice a change of the model; canaries = 0 in the task saves them
          packs     as many as the control sample allows emails in a call; 120 calls ask alone about some of them too, to measure what packs do to labels
          tokens    about 2,061,000 (by the length of the texts)
          money     less than $0.01 on a paid plan, by the price table
          time      90 min (67 min to 2.5 h), limited by RPM of org_a
          assumed   the limits that you have named
        """,
    )


def test_a_forecast_without_limits_or_prices_says_so() -> None:
    """Fewer than two hundred texts are worth no sample, and nothing is said of what more keys would change."""
    bare = replace(
        PLANNED, texts=Texts(150, 1, 10.0), money=None, canaries=0, controls=7, assumed=NO_LIMITS, server="",
        lanes=PLANNED.lanes[:1],
    )  # fmt: skip
    is_told(
        plan.plan_lines(bare, replace(TASK, pack=5, item="review")),
        """
        150 reviews, 1 different, of 10 characters
          model     openai/gpt-oss-20b
          calls     about 5,100, follow-up questions included
          packs     up to 5 reviews in a call; 7 calls ask alone about some of them too, to measure what packs do to labels
          tokens    about 2,061,000 (as learned from earlier calls; 900,000 of them cached, if the provider does)
          money     unknown: this model is not in the price table (`labeltui info` names yours)
          time      unknown until the first reply names the limits; without limits 90 min (67 min to 2.5 h), limited by RPM of org_a
          live      without limits 90 min (67 min to 2.5 h), limited by RPM of org_a; about $1.20
          assumed   no limits, because none of this server are known
        """,
    )


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (Texts(0, 0, 0.0), ["No email is pending: nothing more is spent."]),
        (Texts(199, 199, 10.0), []),
        (Texts(4000, 4000, 10.0, total=5031), []),
        (Texts(200, 200, 10.0, total=200), ["  people    about 85 random emails labeled by people tell a label's recall to ± 10 points if 20 % have it, 130 if 7 %, 180 if 2 %"]),
    ],
    ids=["nothing pending", "too few", "a part is settled", "enough"],
)  # fmt: skip
def test_what_people_label_is_told_before_the_first_call(texts: Texts, told: list[str]) -> None:
    """Where texts enough for a sample are there, and none is settled yet."""
    lines = list(plan.plan_lines(replace(PLANNED, texts=texts), TASK))
    assert [line for line in lines if "people" in line or len(lines) == 1] == told


def test_prices_and_times_in_few_words() -> None:
    """Calls, tokens, money and time; an interval only where its end is known; a lane and the command that chooses it."""
    prices = (
        PLANNED,
        replace(PLANNED, calls=1, money=0.0049),
        replace(PLANNED, money=None, forecast=Forecast(None, None, None, "no key")),
        replace(PLANNED, money=0.005, assumed=NO_LIMITS),
    )
    assert list(map(plan.price, prices)) == [
        "5,100 calls, 2,061,000 tokens, $1.20, 90 min",
        "1 call, 2,061,000 tokens, under $0.01, 90 min",
        "5,100 calls, 2,061,000 tokens",
        "5,100 calls, 2,061,000 tokens, $0.01",
    ]
    times = (
        Forecast(None, None, None, "no key"), Forecast(0.9, 0.1, 2.0, "the server's speed"), Forecast(1.0, None, 1.0, ""),
        Forecast(130.0, None, 200.0, "RPD"),
    )  # fmt: skip
    assert list(map(plan.when, times)) == [
        "no key", "less than a second, limited by server latency", "1 s", "2 min (0 s to 3 min), limited by RPD",
    ]  # fmt: skip
    amounts = (None, 0.0049, 0.005, 1.2)
    assert list(map(plan.money, amounts)) == ["price unknown", "less than $0.01", "about $0.01", "about $1.20"]
    assert list(plan.mix_lines(Mix("auto", "half of it in batches", 7200.0), "enron", NOW)) == [
        "  choose    auto, batches until 18:00: half of it in batches", "            labeltui lane enron auto",
    ]  # fmt: skip
    assert list(plan.mix_lines(Mix("live", "it is quick enough"), "", NOW)) == ["  choose    live: it is quick enough"]


def attempt(n: int, kind: AskKind, outcome: Outcome, latency_s: float, model: str = "m-1", **more: object) -> Attempt:
    at = NOW - 110 + 10 * n
    return Attempt(1, n, kind, "main", "org_a", model, "3f9ac2d1e0", at, latency_s, outcome, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", AskKind)
def test_every_kind_of_question_has_a_word_in_the_record(kind: AskKind) -> None:
    """Also those that are asked about a text that was labeled before."""
    head = record._attempt(attempt(1, kind, Outcome.ANSWERED, 0.5), NOW, 80)[1].plain
    assert head.split()[1] == {"ask": "question", "reask": "follow-up"}.get(kind.value, kind.value)


ATTEMPTS = (
    attempt(1, AskKind.ASK, Outcome.INVALID, 1.234, raw_answer="it could be work or personal, who knows which of them",
            error="no label", prompt_tokens=900, completion_tokens=12, request_id="req-1"),
    attempt(2, AskKind.REASK, Outcome.RATE_LIMITED, 130.0, lane="flex"),
    attempt(3, AskKind.CANARY, Outcome.ANSWERED, 0.5, "", raw_answer="1", lane="batch", label_probability=0.98765,
            pack=PackPlace("7", 2, 5, '{"1": "1"}')),
)  # fmt: skip
LABELS = (
    LabelRecord("1", "model", "", "3f9ac2d1e0", blind=False, note="", at=NOW - 80),
    LabelRecord("0", "human", "ana", "", blind=True, note="see thread", at=NOW - 70),
    LabelRecord("1", "undone", "ana", "", blind=False, note="", at=NOW - 60),
    LabelRecord("1", "copy", "", "3f9ac2d1e0", blind=False, note="", at=NOW - 50),
)
LABELED = email(7, EmailState.LABELED)
RECORD = EmailRecord(
    LABELED, "From: a@example.org\nSubject: hello\n\nCould you send it?", "From: a@example.org\nX: y\n\nCould you send it?",
    ATTEMPTS, LABELS, 2, (NoteRecord("first line\nsecond", "bo", NOW - 86_400),),
)  # fmt: skip


def lines_of(shown: Content) -> list[str]:
    return shown.plain.split("\n")


def test_a_record_tells_each_call_label_and_note() -> None:
    """Kind, outcome, when and how long; key, tokens, lane and probability; pack, answer, error; who labeled when."""
    is_told(
        lines_of(record.history(RECORD, TASK, NOW, 60)),
        """
        3 attempts

        1 question  ✕ invalid  15:58:20  1.23 s
          main of org_a · 900 + 12 tokens
          answer  it could be work or personal, who knows which of
                  them
          error   no label
          m-1
          req-1

        2 follow-up  ✕ rate limited  15:58:30  02:10
          main of org_a · 0 + 0 tokens · in the flex tier
          m-1

        3 canary  ✓ answered  15:58:40  0.50 s
          main of org_a · 0 + 0 tokens · in a batch, half the price · p 0.988
          pack    2 of 5 in pack 7
          whole   {"1": "1"}
          answer  1

        4 labels
        15:58  1 work  by the model  task 3f9ac2d…
        15:58  0 personal  ◆ manual, by ana · blind · “see thread”
        15:59  1 work  undone by ana
        15:59  1 work  copied from a duplicate  task 3f9ac2d…

        1 note
        Sun 16:00  ◆ bo
          first line
          second
        """,
    )


def test_a_record_without_calls_says_whose_answer_it_has() -> None:
    """A duplicate shows the calls of its twin where these decided about it, else why it has none."""
    alone = replace(RECORD, attempts=(), labels=(), notes=(), twin=Twin(3, "<3@example.org>", ATTEMPTS[2:]))
    copy = replace(LABELED, label_source="copy")
    assert lines_of(record.history(replace(alone, row=copy), TASK, NOW, 60))[:5] == [
        "0 attempts",
        "no call of its own: it has the label of <3@example.org>,",
        "place 3, which has the same text and these attempts:",
        "",
        "3 canary  ✓ answered  15:58:40  0.50 s",
    ]
    failed = lines_of(record.history(replace(alone, row=email(7, EmailState.FAILED)), TASK, NOW, 60))
    assert failed[1] == "no call of its own: it failed as did <3@example.org>, place"
    assert failed[-2:] == ["0 labels", "none yet · l adds a manual one"]
    others = ((email(7), None), (copy, None), (LABELED, alone.twin))
    told = [lines_of(record.history(replace(alone, row=row, twin=twin), TASK, NOW, 60)) for row, twin in others]
    assert [each[1] for each in told] == ["no call yet", "a duplicate: its label is a copy", "no call yet"]
    assert [each[2:4] for each in told] == [["", "0 labels"]] * 3


def test_a_message_is_shown_as_it_was_sent_or_as_it_came() -> None:
    """Verdict, what was noted on it, subject, sender; header lines that were sent stand below the body."""
    is_told(
        lines_of(record.message(RECORD, TASK, 60, raw=False)),
        """
        ✓ labeled  1 work  by the model
        Subject of message 7
        person0@example.org · Mon, 14 May 2001 16:39:00 -0700

        Could you send it?

        sent before the text:
        From: a@example.org
        Subject: hello

        id <7@example.org> · number 7 · place 7 · 2 duplicates of it
        """,
    )
    row = replace(
        LABELED, flags="cut hidden label-request", failure="x", label="0", label_source="human", sender="", date="",
        subject="a long subject that is wrapped at sixty cells, as it does not fit",
    )  # fmt: skip
    is_told(
        lines_of(record.message(replace(RECORD, row=row, copies=0), None, 60, raw=True)),
        """
        ✓ labeled  0  ◆ manual, overrides the model  x
        ⚑ possible prompt injection (label-request): check its label
        as sent: longer than the task sends, hidden HTML left out
        a long subject that is wrapped at sixty cells, as it does
        not fit

        From: a@example.org
        X: y

        Could you send it?

        id <7@example.org> · number 7 · place 7
        """,
    )
    assert record.title(RECORD, raw=True) == "Message as it came · 44 characters"
    assert record.title(RECORD, raw=False) == "Message as sent · 54 characters"


@pytest.mark.parametrize(("more", "told"), [(0, ""), (25, "… 25 more characters · c in its record copies all")])
def test_of_a_long_message_the_beginning_is_shown(more: int, told: str) -> None:
    """Sixty thousand characters, and how many there are more."""
    shown = lines_of(record.message(replace(RECORD, text="x" * (60_000 + more)), TASK, 60, raw=False))
    assert shown[4] == "x" * 60_000
    assert shown[5] == told


BEGUN = Resumption(NOW - 752, 3, 2_858, 2_401, 3, 6, "was killed")
ALIVE = WorkerStatus(4711, True, NOW - 0.2, NOW - 752, 3, 6, "laptop")


def batch(state: str, status: str, expires_at: float | None) -> Parcel:
    return Parcel(7, "n", state, "main", "org_a", "m", "v", "24h", NOW, None, "f", "b", status, 10, 8, 1, 9.0, NOW, expires_at,
                  None, None, None, "")  # fmt: skip


@pytest.mark.parametrize(
    ("worker", "told"),
    [
        (ALIVE, ("pid 4711 on laptop", "heartbeat 0.2 s ago · 6 in flight · up 13 min")),
        (replace(ALIVE, heartbeat_at=NOW - 12.4, at_once=8, started_at=None), ("pid 4711 on laptop", "! heartbeat 12 s ago · 6 of 8 in flight")),
        (replace(ALIVE, heartbeat_at=None, host=""), ("pid 4711", "no heartbeat yet · 6 in flight · up 13 min")),
        (replace(ALIVE, alive=False), ("none", "no worker · last heartbeat 15:59:59")),
        (replace(ALIVE, alive=False, heartbeat_at=None), ("none", "no worker")),
    ],
    ids=["at work", "silent", "just started", "gone", "never there"],
)  # fmt: skip
def test_the_pane_of_the_worker_says_how_it_is(worker: WorkerStatus, told: tuple[str, str]) -> None:
    """Its process, its last sign of life, its calls, and since when it is there."""
    pane = WorkerPane()
    pane.facts = worker_facts(worker, None, NOW)
    assert (pane.heading(), *(each.plain for each in pane.body(60, 2))) == told


def test_the_pane_of_the_worker_says_more_where_it_has_more_lines() -> None:
    """In one line the batches come first, then where it resumed in few words; then each has lines of its own."""
    here = "heartbeat 0.2 s ago · 6 in flight"
    short = "resumed at position 2,858 · 2,401 kept · 3 continued · ≤\u00a06\u00a0repeated · was killed"
    asks = "2 batches · in progress, packed · 16 of 20 answered · expires 18:00:00"
    parcels = (
        batch("sent", "in_progress", NOW + 7200),
        batch("packed", "", None),
        batch("done", "completed", NOW - 7200),
    )
    pane, seen = WorkerPane(), {}
    for name, resumption, given in (("alone", BEGUN, ()), ("batches", BEGUN, parcels), ("new", None, parcels)):
        pane.facts = worker_facts(ALIVE, resumption, NOW, given)
        for height in (1, 2, 4):
            seen[name, height] = [each.plain for each in pane.body(40, height)]
    assert seen == {
        ("alone", 1): [f"{here} · {short}"],
        ("alone", 2): [f"{here} · up 13 min", "↻ resumed at position 2,858 · 2,401…"],
        ("alone", 4): [f"{here} · up 13 min", "↻ resumed at position 2,858 · 2,401 kept", "  · 3 conversations continued · at most",
                       "  6 calls repeated · was killed"],
        ("batches", 1): [asks],
        ("batches", 2): [asks, f"{here} · up 13 min · {short}"],
        ("batches", 4): [asks, f"{here} · up 13 min", "↻ resumed at position 2,858 · 2,401 kept",
                         "  · 3 continued · ≤\u00a06\u00a0repeated · was…"],
        ("new", 1): [asks],
        ("new", 2): [asks, f"{here} · up 13 min"],
        ("new", 4): [asks, f"{here} · up 13 min"],
    }  # fmt: skip
    assert resumed(replace(BEGUN, kept=0, cursor=0), short=True) == "first start at 15:47:28"
    assert resumed(replace(BEGUN, continued=1, asked_again=1), short=False) == (
        "resumed at position 2,858 · 2,401 kept · 1 conversation continued · at most 1 call repeated · was killed"
    )


def test_what_packs_do_to_labels_is_told_in_points() -> None:
    """Shift and effect of the place, each with its interval; a figure that is not known is left out."""
    facts = SimpleNamespace(texts=400, packs=80, size=5, setting="auto", alone=3, changes=("pack was 3 before",))
    labels = (
        SimpleNamespace(label="1", shift=(0.0123, -0.004, 0.03), ends=(-0.02, -0.05, 0.01)),
        SimpleNamespace(label="0", shift=None, ends=None),
    )
    packs = SimpleNamespace(
        facts=facts, harmless=None, sentence="Ask more.", repeats=(0.975, 0.95, 0.99), labels=labels
    )
    is_told(
        [each.plain for each in quality._packs(SimpleNamespace(packs=packs), 140)],
        """

        Packs, against the same texts asked about alone
        400 texts in 80 packs of up to 5 (pack = auto): too few to tell
        Ask more.
        two answers to a text alone agree in 97.5 % (95.0–99.0)
        3 texts had no usable answer in their pack and were asked about alone
        share of 1: packed less single +1.2 points (-0.4 to +3.0); ends less middle -2.0 points (-5.0 to +1.0)
        pack was 3 before
        """,
    )
    assert quality._packs(SimpleNamespace(packs=None), 140) == []


def test_people_parts_and_confusion_are_counted_line_by_line() -> None:
    """Who answered how fast and changed what; a part with too few says how many more tell; rows are what the model said."""
    found = SimpleNamespace(
        persons=(
            SimpleNamespace(name="ana", answers=1, median_s=4.4, changed=1, second_looks=12, cannot_tell=0),
            SimpleNamespace(name="bo", answers=30, median_s=6.0, changed=0, second_looks=5, cannot_tell=2),
        ),
        people=Agreement(0.8125, 0.61, 0.93, 0.9, 20),
        splits=1,
        confusion={"1": {"1": 40, "0": 3}, "0": {"1": 0, "0": 57}},
        breakdowns=(
            SimpleNamespace(by="length", name="short", audited=60, accuracy=Estimate(0.95, 0.75, 0.99, 60)),
            SimpleNamespace(
                by="length", name="long", audited=4, accuracy=Estimate(0.5, 0.1, 0.9, 4, few=True, more=30)
            ),
            SimpleNamespace(by="date", name="2001", audited=64, accuracy=None),
        ),
    )
    is_told(
        [
            each.plain.rstrip()
            for each in (*quality._people(found), *quality._confusion(found), *quality._parts(found, 80))
        ],
        """

        People
        ana            1 answer, median 4 s, 1 of 12 second looks changed
        bo             30 answers, median 6 s, 0 of 5 second looks changed, 2 cannot tell
        20 shared: agree 90 %, α 0.81 (0.61–0.93)
        1 item is split among people.

        Checked: model against people
                       person 1        person 0
        model 1        40              3
        model 0        0               57

        Parts of the run, of the sample drawn at one rate
        length: short               60 checked, 95 % (75–99) agree
        length: long                4 checked, 50 % (10–90), too few: 30 more
        """,
    )
    assert [quality.figure(each)[0].strip() for each in (None, Estimate(0.93, 0.904, 0.943, 90), Estimate(1.0, 0.6, 1.0, 2, at_least=True))] == [
        "—", "93.0  90.4–94.3", "≥ 60",
    ]  # fmt: skip


def test_a_kind_of_mistake_is_told_with_what_its_texts_share() -> None:
    """Between which labels, how often, and a word that sets them apart, where there is one."""
    mark = SimpleNamespace(mark="invoice", in_misread=7, misread=9, in_others=2, others=80)
    rule = SimpleNamespace(model="1", person="0", misread=9, marks=(mark,))
    assert quality.rule_words(rule, {"1": "work"}) == [
        "The model says 1 work, people 0: 9 texts.",
        "A rule? 7 of these 9 hold “invoice”; 2 of 80 that it read rightly do.",
    ]
    bare = SimpleNamespace(model="1", person="0", misread=1, marks=())
    assert quality.rule_words(bare, {}) == [
        "The model says 1, people 0: 1 text.",
        "Nothing sets these texts apart yet from those it read rightly; more reviews may.",
    ]
