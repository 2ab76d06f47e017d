"""What lists, the state line, the footer and fields draw, and the state sentence in each state."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.model import EmailState, Forecast, KeyState, RunState, RunSummary, Wait
from tests.tui.conftest import toned, toned_rows
from tests.tui.fakes import KEYS, NOW, TASK, email, running, settings_in
from tui.actions import active  # noqa: F401 - it names the keys
from tui.screens.new_run import columns as new_columns
from tui.screens.new_run import source as new_source
from tui.screens.new_run import task as task_step
from tui.text import state_sentence as sentences
from tui.text.clauses import Clause, on_one_row
from tui.text.state_sentence import StateSentence
from tui.view_state import Requested, ViewState
from tui.widgets import fields, footer, state_line
from tui.widgets.lists import emails, rows, runs
from tui.widgets.lists.rows import ListColumn, Row

pytestmark = pytest.mark.usefixtures("utc")


def seen(state: RunState, *, keys: Any = KEYS, more: Any = (), **changes: Any) -> ViewState:
    """A run of 40 emails, half of them settled, in that state."""
    shown = replace(running(40, 20).snapshot(NOW), state=state, **changes)
    shown = replace(shown, worker=replace(shown.worker, **dict(more)))
    return ViewState(now=NOW, path=Path("enron.db"), snapshot=shown, keys=keys, read_at=NOW)


def said(view_state: ViewState, *requested: Requested) -> str:
    """Glyph, word, tone and sentence."""
    found = sentences.state_sentence(view_state, requested, NOW)
    return f"{found.glyph} {found.word} {found.tone}: {found.sentence}"


def asked(kind: str) -> Requested:
    return Requested(kind, NOW - 3.0, "w1")


SILENT = (("heartbeat_at", NOW - 17.0),)
QUIET = replace(KEYS[0], state=KeyState.READY)
HEADLINE = state_line.Headline(
    "enron", StateSentence("RUNNING", "▶", "running", "all is well"), simulated=False, age_s=0.2, now=NOW
)
HINTS = (
    ("help", "?", "help", True, 9),
    ("open", "enter", "open (a record)", True, 2),
    ("find", "/", "find", False, 1),
    ("quit", "q", "quit", True, 2),
)


def hinted(width: int, hints: Any = HINTS) -> tuple[str, list[tuple[int, int, str]]]:
    """The footer in that width, and where its hints can be clicked."""
    bar = footer.Hints()
    bar.set_reactive(footer.Hints.hints, hints)
    return toned(bar.lines(width, 1)[0]), bar._places


def headed(width: int, **changes: Any) -> list[str]:
    """The state line in that width."""
    shown = replace(HEADLINE, **changes)
    line = SimpleNamespace(headline=shown)
    line._sentence = lambda width: state_line.StateLine._sentence(line, width)  # type: ignore[arg-type]
    return toned_rows(state_line.StateLine.lines(line, width, 1))  # type: ignore[arg-type]


def chosen(at: int, width: int, *, focus: bool, options: Any = (("a", "one"), ("b", "two"))) -> str:
    """A choice as it is drawn."""
    told = SimpleNamespace(
        _options=options, _at=at, has_focus=focus, _label="lane", value=options[at][0] if at >= 0 else None
    )
    return toned(fields.Choice.lines(told, width, 1)[0])  # type: ignore[arg-type]


SUMMARY = RunSummary("enron", "/runs/enron.db", RunState.RUNNING, 40, 20, 3, NOW, NOW - 9.0, 4_200_000)
A_COLUMN, REST, LATE = (
    ListColumn("a", 5, key="a"),
    ListColumn("rest", 0, key="rest"),
    ListColumn("late", 4, right=True, from_width=30),
)
A_ROW = Row("id", (("text", "$quiet"), ("more text than fits", "$bright"), ("7", "$failed")), None)


def clicked(x: int, width: int) -> list[str]:
    """The column of whose head a click at that cell tells."""
    told: list[Any] = []
    listed = SimpleNamespace(_columns=(A_COLUMN, REST, ListColumn("late", 4, from_width=30, key="late")), size=SimpleNamespace(width=width),
                             post_message=told.append, HeadChosen=rows.Rows.HeadChosen)  # fmt: skip
    rows.Rows._choose_head(listed, x)  # type: ignore[arg-type]
    return [each.key for each in told]


def barred(width: int, typed: str) -> tuple[list[str], list[tuple[int, int, str]], list[str]]:
    """The bar of a list, where its kinds are, and which one clicks choose: left of it, on its first and last cell, right of it."""
    told: list[Any] = []
    bar = SimpleNamespace(
        scoped=emails.Scoped(emails.KINDS[1], 3, 40, 0, (), typed=typed), post_message=told.append, _places=()
    )
    shown = toned_rows(emails.ScopeBar.lines(bar, width, 2)[:1])  # type: ignore[arg-type]
    for start, end, _ in list(bar._places)[1:2]:
        for x, y in ((start, 1), (start, 0), (end - 1, 0), (end, 0)):
            emails.ScopeBar.on_click(bar, SimpleNamespace(x=x, y=y))  # type: ignore[arg-type]
    return shown, [(start, end, kind.name) for start, end, kind in bar._places], [each.kind.name for each in told]


class Listed:
    """A list of rows in memory of which some can be chosen, with a cursor."""

    def __init__(self, selectable: str, cursor: int = 0, top: int = 0, height: int = 4) -> None:
        self._count, self.cursor, self._to_end, self.growing = len(selectable), cursor, False, False
        self.size, self.scroll_offset = SimpleNamespace(height=height), SimpleNamespace(y=float(top))
        self.held = [replace(A_ROW, id=n, selectable=each == "x") for n, each in enumerate(selectable)]
        self.scrolled: list[int] = []

    def row_at(self, index: int) -> Row | None:
        return self.held[index] if 0 <= index < self._count else None

    def scroll_to(self, *, y: int, animate: bool) -> None:
        self.scrolled.append(y)

    def _go(self, index: int, direction: int) -> None:
        rows.Rows._go(self, index, direction)  # type: ignore[arg-type]

    def after(self, act: str, *given: Any) -> tuple[int, list[int]]:
        """Where the cursor is afterwards, and to where the list was scrolled."""
        getattr(rows.Rows, act)(self, *given)
        return self.cursor, self.scrolled


@pytest.mark.parametrize(
    ("shown", "wanted"),
    [
        (seen(RunState.NEW), "○ NEW quiet: s starts it · 20 emails pending · ends 16:35 – 16:45 · limited by TPM of org_b"),
        (seen(RunState.RUNNING), "▶ RUNNING running: 72 labels/min · 2 keys in use, 1 cooling · ends 16:35 – 16:45 · limited by TPM of org_b"),
        (seen(RunState.RUNNING, reason="asks again"), "▶ RUNNING running: asks again · 72 labels/min · 2 keys in use, 1 cooling · ends 16:35 – 16:45 · limited by TPM of org_b"),
        (seen(RunState.RUNNING, reason="gets ready", more={"in_flight": 0}), "▶ RUNNING running: gets ready · ends 16:35 – 16:45 · limited by TPM of org_b"),
        (seen(RunState.RUNNING, more={"in_flight": 0}, asking={}), "▶ RUNNING running: 72 labels/min · 0 keys in use, 1 cooling · ends 16:35 – 16:45 · limited by TPM of org_b"),
        (seen(RunState.RUNNING, keys=(QUIET,), asking={}), "▶ RUNNING running: 72 labels/min · ends 16:35 – 16:45 · limited by TPM of org_b"),
        (seen(RunState.RUNNING, keys=(QUIET,), asking={"main": 1}), "▶ RUNNING running: 72 labels/min · 1 key in use · ends 16:35 – 16:45 · limited by TPM of org_b"),
        (seen(RunState.RUNNING, keys=(KEYS[2], replace(KEYS[2], state=KeyState.BENCHED)), asking={}), "▶ RUNNING running: 72 labels/min · 0 keys in use, 2 cooling · ends 16:35 – 16:45 · limited by TPM of org_b"),
        (seen(RunState.WAITING, wait=Wait(NOW + 53, "TPM", "org_b", "x")), "◌ WAITING waiting: 00:53 for TPM of org_b, until 16:00:53 · ends 16:35 – 16:45 · limited by TPM of org_b"),
        (seen(RunState.WAITING, wait=Wait(None, "TPM", "org_b", "x")), "◌ WAITING waiting: for TPM of org_b · ends 16:35 – 16:45 · limited by TPM of org_b"),
        (seen(RunState.WAITING, wait=Wait(NOW + 15, "", "org_b", "")), "◌ WAITING waiting: 00:15, until 16:00:15 · org_b · ends 16:35 – 16:45 · limited by TPM of org_b"),
        (seen(RunState.WAITING, wait=Wait(NOW + 15, "", "org_b", "a rest")), "◌ WAITING waiting: 00:15, until 16:00:15 · a rest · ends 16:35 – 16:45 · limited by TPM of org_b"),
        (seen(RunState.WAITING, reason="offline"), "◌ WAITING waiting: offline · ends 16:35 – 16:45 · limited by TPM of org_b"),
        (seen(RunState.WAITING, reason="full", more={"refused": "full"}), "◌ WAITING waiting: full"),
        (seen(RunState.PAUSED, more={"in_flight": 0}), "‖ PAUSED cooling: since 15:55:00 · nothing in flight · p resumes"),
        (seen(RunState.PAUSED, more={"in_flight": 1}), "◑ PAUSING waiting: handled · 1 call still in flight"),
        (seen(RunState.PAUSED, reason="tried 10", more={"in_flight": 0}), "‖ PAUSED cooling: tried 10 · nothing in flight · p resumes"),
        (seen(RunState.PAUSED, reason="paused by ana", more={"in_flight": 0}), "‖ PAUSED cooling: since 15:55:00 · paused by ana · nothing in flight · p resumes"),
        (seen(RunState.PAUSED, more={"in_flight": 3, "alive": False}), "‖ PAUSED cooling: since 15:55:00 · nothing in flight · no worker · s starts it again"),
        (seen(RunState.STOPPED, reason="killed", more={"alive": False}), "■ STOPPED quiet: s starts it again · 20 kept, 20 pending · since 15:59 · killed"),
        (seen(RunState.STOPPED, more={"alive": False, "heartbeat_at": None}), "■ STOPPED quiet: s starts it again · 20 kept, 20 pending"),
        (seen(RunState.DONE, failed=0), "✓ DONE running: 19 labeled · none failed · work 89 % · labeltui export enron labels.csv"),
        (seen(RunState.DONE, failed=1), "✓ DONE running: 19 labeled · 1 failed (e shows it) · work 89 % · labeltui export enron labels.csv"),
        (seen(RunState.DONE, failed=1_200, labels={}), "✓ DONE running: 19 labeled · 1,200 failed (e shows them) · labeltui export enron labels.csv"),
        (seen(RunState.RUNNING, more=SILENT), "! STALE failed: the worker (pid 4711) holds the run; last heartbeat 00:17 ago · x stops it, a second x kills it · its log is beside the run file"),
        (seen(RunState.RUNNING, more=(*SILENT, ("pid", None))), "! STALE failed: a worker holds the run; last heartbeat 00:17 ago · x stops it, a second x kills it · its log is beside the run file"),
        (seen(RunState.RUNNING, more={"heartbeat_at": NOW - 10.0}), "! STALE failed: the worker (pid 4711) holds the run; last heartbeat 00:10 ago · x stops it, a second x kills it · its log is beside the run file"),
        (seen(RunState.RUNNING, more={"heartbeat_at": NOW - 10.1}), "! STALE failed: the worker (pid 4711) holds the run; last heartbeat 00:11 ago · x stops it, a second x kills it · its log is beside the run file"),
        (seen(RunState.RUNNING, more={"heartbeat_at": None}), "▶ RUNNING running: 72 labels/min · 2 keys in use, 1 cooling · ends 16:35 – 16:45 · limited by TPM of org_b"),
    ],
    ids=count(),
)  # fmt: skip
def test_each_state_says_what_it_is_and_what_helps(shown: Any, wanted: Any) -> None:
    """With its glyph and tone, what goes on, and when it ends."""
    assert said(shown) == wanted


@pytest.mark.parametrize(
    ("kinds", "more", "wanted"),
    [
        (("stop", "pause"), {}, "◔ STOP REQUESTED waiting: requested 3.0 s ago · 6 calls in flight will finish first · x again cancels them"),
        (("stop",), {"in_flight": 0}, "◔ STOP REQUESTED waiting: requested 3.0 s ago · nothing in flight"),
        (("pause",), {"in_flight": 1}, "◔ PAUSE REQUESTED waiting: requested 3.0 s ago · 1 call in flight will finish first"),
        (("pause",), {"in_flight": 0}, "◔ PAUSE REQUESTED waiting: requested 3.0 s ago · nothing in flight"),
        (("resume",), {}, "◔ RESUME REQUESTED waiting: requested 3.0 s ago"),
        (("start", "swap"), {}, "◔ START REQUESTED waiting: requested 3.0 s ago · the worker is being started"),
        (("swap",), {}, "◔ SWAP REQUESTED waiting: requested 3.0 s ago · the worker is switching to the next key"),
        (("stop",), SILENT, "◔ STOP REQUESTED waiting: requested 3.0 s ago · the last heartbeat was 00:17 ago · x kills it"),
        (("pause",), SILENT, "◔ PAUSE REQUESTED waiting: requested 3.0 s ago · the last heartbeat was 00:17 ago · x kills it after a x that did not help"),
        (("label",), {}, "▶ RUNNING running: 72 labels/min · 2 keys in use, 1 cooling · ends 16:35 – 16:45 · limited by TPM of org_b"),
    ],
    ids=count(),
)  # fmt: skip
def test_what_is_requested_is_not_said_to_be_done(kinds: Any, more: Any, wanted: Any) -> None:
    """Of several commands the one that ends most is told."""
    assert said(seen(RunState.RUNNING, more=more), *map(asked, kinds)) == wanted


@pytest.mark.parametrize(
    ("trouble", "read_at", "wanted"),
    [
        ("the file vanished.", NOW - 12, "! CANNOT READ failed: the file vanished · the data shown is 12 s old"),
        ("x" * 400, None, "! CANNOT READ failed: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…"),
    ],
    ids=count(),
)  # fmt: skip
def test_why_a_run_cannot_be_read_is_told_with_the_age_of_what_is_shown(
    trouble: Any, read_at: Any, wanted: Any
) -> None:
    """Without any age before the first reading."""
    assert said(replace(seen(RunState.RUNNING), trouble=trouble, read_at=read_at)) == wanted


@pytest.mark.parametrize(
    ("forecast", "wanted"),
    [
        (None, []),
        (Forecast(None, None, None, "no key can ask"), ["no key can ask"]),
        (Forecast(600.0, 300.0, 900.0, ""), ["ends 16:05 – 16:15"]),
        (Forecast(600.0, 300.0, 900.0, "the server's speed"), ["ends 16:05 – 16:15", "limited by server latency"]),
        (Forecast(600.0, 300.0, 900.0, "RPM of 3 organizations: org_a, org_b, org_c"), [
            "ends 16:05 – 16:15", "limited by RPM (3 organizations): org_a, org_b, org_c",
        ]),
        (Forecast(600.0, 300.0, 900.0, "TPM of org_b"), ["ends 16:05 – 16:15", "limited by TPM of org_b"]),
    ],
    ids=count(),
)  # fmt: skip
def test_the_end_and_its_limit_are_told(forecast: Any, wanted: Any) -> None:
    """The reason alone where there is no end."""
    assert [
        clause.text for clause in sentences.ends(replace(running(40, 20).snapshot(NOW), forecast=forecast), NOW)
    ] == wanted


@pytest.mark.parametrize(
    ("width", "wanted"),
    [
        (60, "limited by RPM (3 organizations): org_a, org_b"),
        (49, "limited by RPM (3 organizations): org_a, org_b"),
        (48, "limited by RPM (3 organizations): org_a, org_b"),
        (33, "limited by RPM (3 organizations)"),
        (32, "limited by RPM (3 organizations)"),
        (14, "limited by RPM"),
        (13, ""),
    ],
    ids=count(),
)  # fmt: skip
def test_the_limit_is_shortened_form_by_form(width: Any, wanted: Any) -> None:
    """Until it is left out."""
    assert on_one_row(sentences._limited_by("RPM of 3 organizations: org_a, org_b"), width) == wanted


@pytest.mark.parametrize(
    ("width", "wanted"),
    [
        (200, "72 labels/min · 2 keys in use, 1 cooling · ends 16:35 – 16:45 · limited by TPM of org_b"),
        (90, "72 labels/min · 2 keys in use, 1 cooling · ends 16:35 – 16:45 · limited by TPM of org_b"),
        (75, "72 labels/min · 2 in use, 1 cooling · ends 16:35 – 16:45 · limited by TPM"),
        (60, "72 labels/min · 2 in use, 1 cooling · ends 16:35 – 16:45"),
        (40, "72/min · 2 in use, 1 cooling"),
        (20, "72/min · 2 in use, 1 cooling"),
    ],
    ids=count(),
)  # fmt: skip
def test_keys_and_rate_are_shortened_where_columns_are_few(width: Any, wanted: Any) -> None:
    """The keys first."""
    assert (
        on_one_row(sentences.state_sentence(replace(seen(RunState.RUNNING), keys=KEYS[:3]), (), NOW).clauses, width)
        == wanted
    )


@pytest.mark.parametrize(
    ("shown", "kinds", "wanted"),
    [
        (seen(RunState.RUNNING), (), "The worker of enron keeps running (pid 4711). `labeltui open enron` shows it again; `labeltui stop enron` stops it."),
        (seen(RunState.STOPPED, more={"alive": False}), ("start",), "A worker of enron was being started. `labeltui open enron` shows it."),
        (seen(RunState.STOPPED, more={"alive": False}), ("pause",), "No worker runs on enron; 20 emails pending. `labeltui open enron`, then s, continues."),
        (seen(RunState.DONE, more={"alive": False}, pending=0), (), "enron is done: 19 labeled, 1 failed. `labeltui export enron labels.csv` exports the labels."),
        (seen(RunState.STOPPED, more={"alive": False}, pending=1), (), "No worker runs on enron; 1 email pending. `labeltui open enron`, then s, continues."),
        (ViewState(now=NOW), (), ""),
    ],
    ids=count(),
)  # fmt: skip
def test_leaving_says_how_to_come_back(shown: Any, kinds: Any, wanted: Any) -> None:
    """Whether a worker runs, is being started, or is through."""
    assert (
        sentences.leave_message(
            replace(shown, path=settings_in(Path("/x")).runs_dir / "enron.db"),
            tuple(map(asked, kinds)),
            settings_in(Path("/x")),
        )
        == wanted
    )


@pytest.mark.parametrize(
    ("shown", "wanted"),
    [
        (replace(seen(RunState.RUNNING), path=None), ""),
        (ViewState(now=NOW, path=Path("enron.db")), ""),
    ],
    ids=count(),
)  # fmt: skip
def test_without_a_path_nothing_is_said_on_leaving(shown: Any, wanted: Any) -> None:
    """Nor without anything that was read."""
    assert sentences.leave_message(shown, (), settings_in(Path("/x"))) == wanted


@pytest.mark.parametrize(
    ("width", "changes", "wanted"),
    [
        (60, {}, [
            "<> <bold $bright>enron<>   <bold $running>▶ RUNNING<>  <$background on $quiet><bold $background on $accent><$accent on $panel><>           <$quiet>updated 0.2 s ago   16:00:00",
            "<> <$foreground>all is well",
        ]),
        (48, {}, [
            "<> <bold $bright>enron<>   <bold $running>▶ RUNNING<>  <$background on $quiet><bold $background on $accent><$accent on $panel><>          <$quiet>updated 0.2 s ago",
            "<> <$foreground>all is well",
        ]),
        (47, {}, [
            "<> <bold $bright>enron<>   <bold $running>▶ RUNNING<>  <$background on $quiet><bold $background on $accent><$accent on $panel><>         <$quiet>updated 0.2 s ago",
            "<> <$foreground>all is well",
        ]),
        (20, {}, [
            "<> <bold $bright>enron<>   <bold $running>▶ RUNNING<>  <$background on $quiet><bold $background on $accent><$accent on $panel><> <$quiet>updated 0.2 s ago",
            "<> <$foreground>all is well",
        ]),
        (80, {"age_s": None}, [
            "<> <bold $bright>enron<>   <bold $running>▶ RUNNING<>  <$background on $quiet><bold $background on $accent><$accent on $panel><>                                                <$quiet>   16:00:00",
            "<> <$foreground>all is well",
        ]),
        (80, {"age_s": 5.0}, [
            "<> <bold $bright>enron<>   <bold $running>▶ RUNNING<>  <$background on $quiet><bold $background on $accent><$accent on $panel><>                               <$quiet>updated 5.0 s ago   16:00:00",
            "<> <$foreground>all is well",
        ]),
        (80, {"age_s": 5.1}, [
            "<> <bold $bright>enron<>   <bold $running>▶ RUNNING<>  <$background on $quiet><bold $background on $accent><$accent on $panel><>                      <bold $waiting>! STALE, updated 5.1 s ago   16:00:00",
            "<> <$foreground>all is well",
        ]),
        (80, {"age_s": 90.0, "state_sentence": StateSentence("STALE", "!", "failed", "x")}, [
            "<> <bold $bright>enron<>   <bold $failed>! STALE<>  <$background on $quiet><bold $background on $accent><$accent on $panel><>                                <bold $waiting>! updated 90 s ago   16:00:00",
            "<> <$foreground>x",
        ]),
        (100, {"simulated": True, "held": True, "read_only": True}, [
            "<> <bold $bright>enron<>   <bold $running>▶ RUNNING<>  <$background on $quiet> SIMULATED labels <bold $background on $accent> VIEW HELD <$accent on $panel> READ-ONLY <>           <$quiet>updated 0.2 s ago   16:00:00",
            "<> <$foreground>all is well",
        ]),
        (40, {"name": "n" * 60}, [
            "<> <bold $bright>nnnnnnnnn…<>   <bold $running>▶ RUNNING<>  <$background on $quiet><bold $background on $accent><$accent on $panel><> <$quiet>updated 0.2 s ago",
            "<> <$foreground>all is well",
        ]),
        (24, {"name": "n" * 60}, [
            "<> <bold $bright>nnnnnnn…<>   <bold $running>▶ RUNNING<>  <$background on $quiet><bold $background on $accent><$accent on $panel><> <$quiet>updated 0.2 s ago",
            "<> <$foreground>all is well",
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_the_state_line_fits_its_width(width: Any, changes: Any, wanted: Any) -> None:
    """The time of day is left out first; the name takes a quarter; old data is marked."""
    assert headed(width, **changes) == wanted


@pytest.mark.parametrize(
    ("word", "width", "wanted"),
    [
        ("STOPPED", 30, [
            "<> <$foreground>a sentence of words", "<> <$foreground>and another one",
            "<> <$foreground>and one more of them",
        ]),
        ("RUNNING", 30, ["<> <$foreground>a sentence of words · and another one · and one more of them"]),
        ("DONE", 80, ["<> <$foreground>a sentence of words · and another one · and one more of them"]),
        ("PAUSED", 22, [
            "<> <$foreground>a sentence of words", "<> <$foreground>and another one",
            "<> <$foreground>and one more of them",
        ]),
        ("STALE", 10, [
            "<> <$foreground>a sentence of words", "<> <$foreground>and another one",
            "<> <$foreground>and one more of them",
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_a_long_sentence_takes_more_rows_in_a_steady_state(word: Any, width: Any, wanted: Any) -> None:
    """Three at most; one where it changes all the time."""
    assert (
        headed(
            width,
            state_sentence=StateSentence(
                word,
                "■",
                "quiet",
                (Clause("a sentence of words"), Clause("and another one"), Clause("and one more of them")),
            ),
        )[1:]
        == wanted
    )


@pytest.mark.parametrize(
    ("width", "height", "wanted"),
    [
        (60, 16, False),
        (59, 16, True),
        (60, 15, True),
    ],
    ids=count(),
)  # fmt: skip
def test_a_window_is_too_small_below_sixty_by_sixteen(width: Any, height: Any, wanted: Any) -> None:
    """Either way."""
    assert state_line.too_small(width, height) == wanted


@pytest.mark.parametrize(
    ("width", "wanted"),
    [
        (61, ("<> <bold $accent>?<$foreground> help  <bold $accent>enter<$foreground> open (a record)  <$faint>/<$faint> find  <bold $accent>q<$foreground> quit  <>  <bold $accent>^p <$foreground>palette ", [(1, 7, "help"), (9, 30, "open"), (32, 38, "find"), (40, 46, "quit"), (50, 61, "palette")])),
        (60, ("<> <bold $accent>?<$foreground> help  <bold $accent>enter<$foreground> open (a record)  <$faint>/<$faint> find  <bold $accent>q<$foreground> quit  <> <bold $accent>^p <$foreground>palette ", [(1, 7, "help"), (9, 30, "open"), (32, 38, "find"), (40, 46, "quit"), (49, 60, "palette")])),
        (52, ("<> <bold $accent>?<$foreground> help  <bold $accent>enter<$foreground> open  <$faint>/<$faint> find  <bold $accent>q<$foreground> quit  <>            <bold $accent>^p <$foreground>", [(1, 7, "help"), (9, 19, "open"), (21, 27, "find"), (29, 35, "quit"), (49, 52, "palette")])),
        (51, ("<> <bold $accent>?<$foreground> help  <bold $accent>enter<$foreground> open  <$faint>/<$faint> find  <bold $accent>q<$foreground> quit  <>           <bold $accent>^p <$foreground>", [(1, 7, "help"), (9, 19, "open"), (21, 27, "find"), (29, 35, "quit"), (48, 51, "palette")])),
        (43, ("<> <bold $accent>?<$foreground> help  <bold $accent>enter<$foreground> open  <$faint>/<$faint> find  <bold $accent>q<$foreground> quit  <>   <bold $accent>^p <$foreground>", [(1, 7, "help"), (9, 19, "open"), (21, 27, "find"), (29, 35, "quit"), (40, 43, "palette")])),
        (42, ("<> <bold $accent>?<$foreground> help  <bold $accent>enter<$foreground> open  <$faint>/<$faint> find  <bold $accent>q<$foreground> quit  <>  <bold $accent>^p <$foreground>", [(1, 7, "help"), (9, 19, "open"), (21, 27, "find"), (29, 35, "quit"), (39, 42, "palette")])),
        (33, ("<> <bold $accent>?<$foreground> help +2  <bold $accent>enter<$foreground> open  <>      <bold $accent>^p <$foreground>", [(1, 10, "help"), (12, 22, "open"), (30, 33, "palette")])),
        (32, ("<> <bold $accent>?<$foreground> help +2  <bold $accent>enter<$foreground> open  <>     <bold $accent>^p <$foreground>", [(1, 10, "help"), (12, 22, "open"), (29, 32, "palette")])),
        (24, ("<> <bold $accent>?<$foreground> help +3  <>         <bold $accent>^p <$foreground>", [(1, 10, "help"), (21, 24, "palette")])),
        (10, ("<> <bold $accent>?<$foreground> help +3  <bold $accent>^p <$foreground>", [(1, 10, "help"), (12, 10, "palette")])),
    ],
    ids=count(),
)  # fmt: skip
def test_hints_give_way_where_cells_are_few(width: Any, wanted: Any) -> None:
    """First the word of the palette and what is in parentheses, then hints of the lowest rank, the last ones first; how many is said."""
    assert hinted(width) == wanted


@pytest.mark.parametrize(
    ("at", "width", "focus", "wanted"),
    [
        (0, 60, True, "<bold $accent>▸<$quiet>lane        <bold $accent>‹ <bold $bright>one<bold $accent> ›<$faint>  1 of 2 · ← → others"),
        (1, 60, False, "<bold $accent> <$quiet>lane        <$faint>‹ <bold $bright>two<$faint> ›<$faint>"),
        (-1, 60, True, "<bold $accent>▸<$quiet>lane        <bold $accent>‹ <bold $waiting>choose one<bold $accent> ›<$faint>"),
        (0, 50, True, "<bold $accent>▸<$quiet>lane        <bold $accent>‹ <bold $bright>one<bold $accent> ›<$faint>  1 of 2 · ← → others"),
    ],
    ids=count(),
)  # fmt: skip
def test_a_choice_says_which_of_how_many_it_is(at: Any, width: Any, focus: Any, wanted: Any) -> None:
    """While it has the focus and there are others."""
    assert chosen(at, width, focus=focus) == wanted


@pytest.mark.parametrize(
    ("width", "options", "wanted"),
    [
        (40, (("a", "o" * 60),), "<bold $accent>▸<$quiet>lane        <bold $accent>‹ <bold $bright>oooooooooooooooooooooo…<bold $accent> ›<$faint>"),
        (40, (("a", "o" * 60), ("b", "two")), "<bold $accent>▸<$quiet>lane        <bold $accent>‹ <bold $bright>ooooooo…<bold $accent> ›<$faint>  1 of 2 · ← → others"),
        (60, (("a", "o" * 60), ("b", "two")), "<bold $accent>▸<$quiet>lane        <bold $accent>‹ <bold $bright>ooooooooooooooooooooo…<bold $accent> ›<$faint>  1 of 2 · ← → others"),
    ],
    ids=count(),
)  # fmt: skip
def test_a_long_choice_is_cut(width: Any, options: Any, wanted: Any) -> None:
    """To the room that is left, or to eight cells."""
    assert chosen(0, width, focus=True, options=options) == wanted


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, [
            ("enron", "bold $bright"), ("▶ RUNNING", "$running"), ("━━━━━━", "$share"), ("50 %", "$foreground"),
            ("20", "$bright"), ("40", "$quiet"), ("3", "$failed"), ("", "$foreground"), ("", "$foreground"),
            ("9.0 s", "$quiet"), ("4.2 MB", "$quiet"), ("", "$quiet"),
        ]),
        ({"settled": 0, "failed": 0, "simulated": True, "rate_per_min": 1_234.5, "eta_s": 90.0}, [
            ("enron", "bold $bright"), ("▶ RUNNING", "$running"), ("", "$share"), ("0 %", "$foreground"),
            ("0", "$bright"), ("40", "$quiet"), ("0", "$quiet"), ("1,234", "$foreground"), ("90 s", "$foreground"),
            ("9.0 s", "$quiet"), ("4.2 MB", "$quiet"), ("simulated", "$quiet"),
        ]),
        ({"total": 0, "settled": 0}, [
            ("enron", "bold $bright"), ("▶ RUNNING", "$running"), ("", "$share"), ("0 %", "$foreground"),
            ("0", "$bright"), ("0", "$quiet"), ("3", "$failed"), ("", "$foreground"), ("", "$foreground"),
            ("9.0 s", "$quiet"), ("4.2 MB", "$quiet"), ("", "$quiet"),
        ]),
        ({"settled": 1, "total": 5_000, "changed_at": NOW + 5}, [
            ("enron", "bold $bright"), ("▶ RUNNING", "$running"), ("╸", "$share"), ("<1 %", "$foreground"),
            ("1", "$bright"), ("5,000", "$quiet"), ("3", "$failed"), ("", "$foreground"), ("", "$foreground"),
            ("0.0 s", "$quiet"), ("4.2 MB", "$quiet"), ("", "$quiet"),
        ]),
        ({"error": "no run file"}, [("enron", "bold $failed"), ("! BROKEN", "$failed"), ("no run file", "$failed")]),
    ],
    ids=count(),
)  # fmt: skip
def test_a_run_has_its_cells(changes: Any, wanted: Any) -> None:
    """A rail, counts, pace and end; a broken one says why over the whole line."""
    assert [(text, tone) for text, tone in runs.row_of(replace(SUMMARY, **changes), NOW).cells] == wanted


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        (999, "999 B"),
        (1_000, "1 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (1_000_000, "1.0 MB"),
        (999_949_999, "999.9 MB"),
        (999_950_000, "1.0 GB"),
        (999_000_000_000, "999.0 GB"),
    ],
    ids=count(),
)  # fmt: skip
def test_a_size_has_its_unit(size: Any, wanted: Any) -> None:
    """A thousand bytes are a kilobyte."""
    assert runs.size(size) == wanted


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, "enron"),
        ({"reason": "r" * 300, "name": "n" * 80, "simulated": True}, "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn… · simulated · rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr…"),
        ({"error": "e" * 500}, "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee…"),
    ],
    ids=count(),
)  # fmt: skip
def test_what_a_row_of_runs_has_no_room_for_stands_below(changes: Any, wanted: Any) -> None:
    """The reason of its state, or what is wrong with it."""
    assert runs.about(replace(SUMMARY, **changes)) == wanted


@pytest.mark.parametrize(
    ("archived", "named", "wanted"),
    [
        (False, "", ["Mail of May", "may be"]),
        (False, "MAY", ["Mail of May", "may be"]),
        (False, "may of", ["Mail of May"]),
        (True, "", ["Old"]),
        (True, "x", []),
    ],
    ids=count(),
)  # fmt: skip
def test_runs_are_found_by_words_of_their_names(archived: Any, named: Any, wanted: Any) -> None:
    """Archived ones apart."""
    assert [
        run.name
        for run in runs.shown(
            [replace(SUMMARY, name=name, archived=name == "Old") for name in ("Mail of May", "may be", "Old")],
            archived=archived,
            named=named,
        )
    ] == wanted


@pytest.mark.parametrize(
    ("order", "held", "wanted"),
    [
        ("last changed", (), ["b", "c", "A"]),
        ("name", (), ["A", "b", "c"]),
        ("state", (), ["c", "A", "b"]),
        ("size", (), ["A", "c", "b"]),
        ("size", ("b",), ["b", "A", "c"]),
    ],
    ids=count(),
)  # fmt: skip
def test_runs_are_listed_in_an_order(order: Any, held: Any, wanted: Any) -> None:
    """In that of before, new ones behind."""
    assert [
        run.name
        for run in runs.ordered(
            [
                replace(SUMMARY, name=name, path=name, state=state, changed_at=at, size_bytes=size)
                for name, state, at, size in (
                    ("b", RunState.DONE, 3.0, 1),
                    ("A", RunState.STALE, 1.0, 3),
                    ("c", RunState.STALE, 2.0, 2),
                )
            ],
            order,
            held,
        )
    ] == wanted


@pytest.mark.parametrize(
    ("columns", "width", "wanted"),
    [
        ((A_COLUMN, REST, LATE), 40, [5, 26, 4]),
        ((A_COLUMN, REST, LATE), 30, [5, 16, 4]),
        ((A_COLUMN, REST, LATE), 29, [5, 20, 0]),
        ((A_COLUMN, REST), 8, [5, 4]),
        ((REST, replace(REST, weight=3)), 40, [9, 27]),
        ((REST,) * 5, 4, [1, 1, 1, 1, 1]),
    ],
    ids=count(),
)  # fmt: skip
def test_columns_share_what_is_left(columns: Any, width: Any, wanted: Any) -> None:
    """Hidden below their width; at least one cell, by weight."""
    assert rows.widths_of(columns, width) == wanted


@pytest.mark.parametrize(
    ("sorted_by", "wanted"),
    [
        (("", False), ["a", "rest", "late"]),
        (("a", False), ["a▲", "rest", "late"]),
        (("rest", True), ["a", "rest▼", "late"]),
    ],
    ids=count(),
)  # fmt: skip
def test_the_head_of_a_sorted_column_has_an_arrow(sorted_by: Any, wanted: Any) -> None:
    """No other one."""
    assert [rows.titled(column, sorted_by) for column in (A_COLUMN, REST, LATE)] == wanted


@pytest.mark.parametrize(
    ("changes", "width", "pointed", "wanted"),
    [
        ({}, 40, True, "<bold $accent>▸<$quiet>text <> <$bright>more text than fits       <> <$failed>   7<> "),
        ({}, 29, False, "<> <$quiet>text <> <$bright>more text than fits <> "),
        ({"indent": 2}, 40, False, "<>   <$quiet>te…<> <$bright>more text than fits       <> <$failed>   7<> "),
        ({"span_from": 1}, 40, False, "<> <$quiet>text <> <$bright>more text than fits             "),
        ({"span_from": 2}, 29, False, "<> <$quiet>text <> <$bright>more text than fits <> <$failed>"),
        ({"span_from": 0}, 20, True, "<bold $accent>▸<$quiet>text              "),
    ],
    ids=count(),
)  # fmt: skip
def test_a_row_is_drawn_in_its_columns(changes: Any, width: Any, pointed: Any, wanted: Any) -> None:
    """The cursor before it; a cell may take the rest of the line."""
    assert (
        toned(
            rows.line(
                *rows.parts_of(
                    replace(A_ROW, **changes),
                    (A_COLUMN, REST, LATE),
                    rows.widths_of((A_COLUMN, REST, LATE), width),
                    width,
                    pointed=pointed,
                )
            )
        )
        == wanted
    )


@pytest.mark.parametrize(
    ("x", "width", "wanted"),
    [
        (0, 40, []),
        (1, 40, ["a"]),
        (6, 40, ["a"]),
        (7, 40, ["rest"]),
        (33, 40, ["rest"]),
        (34, 40, ["late"]),
        (38, 40, ["late"]),
        (39, 40, []),
        (40, 40, []),
        (25, 29, ["rest"]),
        (8, 29, ["rest"]),
    ],
    ids=count(),
)  # fmt: skip
def test_a_click_on_a_head_asks_to_sort_by_its_column(x: Any, width: Any, wanted: Any) -> None:
    """At any cell of it; not at a column that is not shown."""
    assert clicked(x, width) == wanted


@pytest.mark.parametrize(
    ("listed", "act", "given", "wanted"),
    [
        (Listed("xxx"), "action_move", (1,), (1, [])),
        (Listed("xxx", 2), "action_move", (1,), (2, [])),
        (Listed("x-x"), "action_move", (1,), (2, [])),
        (Listed("x-x", 2), "action_move", (-1,), (0, [])),
        (Listed("-xx", 1), "action_move", (-1,), (1, [0])),
        (Listed("--xx", 2), "action_move", (-1,), (2, [0])),
        (Listed("xx-", 1), "action_move", (1,), (1, [])),
        (Listed("x" * 9), "action_page", (1,), (2, [])),
        (Listed("x" * 9, 8), "action_page", (-1,), (6, [])),
        (Listed("x" * 9, height=2), "action_page", (1,), (1, [])),
        (Listed("-x-x-"), "action_jump", (1,), (3, [])),
        (Listed("-x-x-", 3), "action_jump", (0,), (1, [])),
        (Listed(""), "action_move", (1,), (0, [])),
        (Listed("xxx", 1), "on_click", (SimpleNamespace(y=1, x=0, chain=1),), (0, [])),
        (Listed("x" * 9, 1, top=3), "on_click", (SimpleNamespace(y=2, x=0, chain=1),), (4, [])),
        (Listed("x-x", 0), "on_click", (SimpleNamespace(y=2, x=0, chain=1),), (0, [])),
        (Listed("xxx", 0), "on_click", (SimpleNamespace(y=4, x=0, chain=1),), (0, [])),
    ],
    ids=count(),
)  # fmt: skip
def test_the_cursor_passes_over_rows_that_cannot_be_chosen(listed: Any, act: Any, given: Any, wanted: Any) -> None:
    """At an end it stays; where none above can be chosen the list is scrolled to its top."""
    assert listed.after(act, *given) == wanted


@pytest.mark.parametrize(
    ("selectable", "index", "wanted"),
    [
        ("xxx", 1, 1),
        ("xxx", 9, 2),
        ("xxx", -1, 0),
        ("--x", 0, 2),
        ("x--", 2, 0),
        ("---", 1, 1),
        ("", 3, 0),
    ],
    ids=count(),
)  # fmt: skip
def test_the_cursor_settles_on_a_row_that_can_be_chosen(selectable: Any, index: Any, wanted: Any) -> None:
    """The next one, or the one before; the place itself where none can be."""
    assert rows.Rows._settle(Listed(selectable), index) == wanted


@pytest.mark.parametrize(
    ("text", "width", "wanted"),
    [
        ("one two three\n\n  four five six", 9, ["one two", "three", "", "  four", "  five", "  six"]),
        ("", 9, []),
    ],
    ids=count(),
)  # fmt: skip
def test_the_text_of_an_empty_list_is_wrapped(text: Any, width: Any, wanted: Any) -> None:
    """Indented lines stay so."""
    assert rows._whole(text, width) == wanted


@pytest.mark.parametrize(
    ("state", "more", "marked", "why", "wanted"),
    [
        (EmailState.LABELED, {"asked": True}, False, False, [
            "$quiet 1,234", "$running ✓ labeled", "bold $accent 1 work", "$quiet 1", "$quiet person2@example.org",
            "$foreground Subject of message 1234", "$quiet Mon, 14 May 2001 16:39:00 -0700",
        ]),
        (EmailState.LABELED, {"label_source": "human", "asked": True, "reasks": 2}, True, False, [
            "bold $accent ●1,234", "$person ◆ manual", "$person 1 work", "$waiting 3", "$quiet person2@example.org",
            "$foreground Subject of message 1234", "$quiet Mon, 14 May 2001 16:39:00 -0700",
        ]),
        (EmailState.LABELED, {"label_source": "copy", "asked": True, "label": "x"}, False, False, [
            "$quiet 1,234", "$running ≡ dup", "bold $accent x", "$quiet ", "$quiet person2@example.org",
            "$foreground Subject of message 1234", "$quiet Mon, 14 May 2001 16:39:00 -0700",
        ]),
        (EmailState.FAILED, {"asked": True}, False, True, [
            "$quiet 1,234", "$failed ✕ failed", "$quiet 1", "$quiet person2@example.org",
            "$foreground Subject of message 1234", "$failed no valid label after 3 answers",
        ]),
        (EmailState.FAILED, {"failure": None}, False, True, [
            "$quiet 1,234", "$failed ✕ failed", "$quiet 1", "$quiet person2@example.org",
            "$foreground Subject of message 1234", "$failed ",
        ]),
        (EmailState.PENDING, {"asked": True, "reasks": 1, "flags": "label-request"}, False, False, [
            "$quiet 1,234", "$quiet · pending", "bold $accent ", "$waiting ", "$quiet person2@example.org",
            "$foreground ⚑ Subject of message 1234", "$quiet Mon, 14 May 2001 16:39:00 -0700",
        ]),
        (EmailState.SKIPPED, {"sender": "Ana <a@b.org>"}, False, False, [
            "$quiet 1,234", "$quiet – skipped", "bold $accent ", "$quiet 1", "$quiet Ana",
            "$foreground Subject of message 1234", "$quiet Mon, 14 May 2001 16:39:00 -0700",
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_an_email_is_a_row(state: Any, more: Any, marked: Any, why: Any, wanted: Any) -> None:
    """Its glyph, its label by whom, how often it was asked, and a flag for a possible injection."""
    assert [
        f"{tone} {text}"
        for text, tone in emails.as_row(email(1_234, state, **more), TASK, marked=marked, why=why).cells
    ] == wanted


@pytest.mark.parametrize(
    ("item", "failed", "headed_", "wanted"),
    [
        ("email", False, frozenset({"from", "date"}), [
            ("place", 0), ("state", 0), ("label", 0), ("calls", 0), ("from", 90), ("subject", 0), ("date", 140),
        ]),
        ("review", False, frozenset(), [
            ("place", 0), ("state", 0), ("label", 0), ("calls", 0), ("from", 1000000), ("review", 0), ("date", 1000000),
        ]),
        ("review", True, frozenset({"from"}), [
            ("place", 0), ("state", 90), ("calls", 0), ("from", 110), ("review", 0), ("why it failed", 0),
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_columns_of_emails_follow_what_they_have(item: Any, failed: Any, headed_: Any, wanted: Any) -> None:
    """Sender and date where an item has any; where items have no subject their beginning is headed by their noun."""
    assert [
        (column.title, column.from_width) for column in emails.list_columns(item, failed=failed, headed=headed_)
    ] == wanted


@pytest.mark.parametrize(
    ("place", "wanted"),
    [
        (0, 40),
        (1, 3),
        (2, 17),
        (3, 20),
        (4, 2),
    ],
    ids=count(),
)  # fmt: skip
def test_each_kind_of_emails_is_counted(place: Any, wanted: Any) -> None:
    """By the newest snapshot."""
    assert (
        emails.KINDS[place].live(
            replace(running(40, 20).snapshot(NOW), failed=3, labeled=17, pending=20, sources={"human": 2})
        )
        == wanted
    )


@pytest.mark.parametrize(
    ("width", "typed", "wanted"),
    [
        (64, "", (["<> <bold $bright>Failed [3 of 40]<>  <$quiet> all <bold $accent>▸failed <$quiet> labeled <$quiet> pending <$quiet> manual"], [(19, 24, "All"), (24, 32, "Failed"), (32, 41, "Labeled"), (41, 50, "Pending"), (50, 58, "Manual")], ["Failed", "Failed", "Labeled"])),
        (63, "", (["<> <bold $bright>Failed [3 of 40]<>"], [], [])),
        (90, "x", (["<> <bold $bright>Failed /x [3 of 40]<>"], [], [])),
    ],
    ids=count(),
)  # fmt: skip
def test_the_bar_of_a_list_has_its_kinds_where_there_is_room(width: Any, typed: Any, wanted: Any) -> None:
    """From 64 columns on, and not beside a filter; a click on one chooses it."""
    assert barred(width, typed) == wanted


@pytest.mark.parametrize(
    ("failed", "wanted"),
    [
        (False, [
            ("place", 8, 0, True, "place", 1), ("state", 9, 0, False, "state", 1), ("label", 11, 0, False, "label", 1),
            ("calls", 5, 0, True, "asks", 1), ("from", 22, 90, False, "from", 1), ("subject", 0, 0, False, "subject", 1),
            ("date", 25, 140, False, "date", 1),
        ]),
        (True, [
            ("place", 8, 0, True, "place", 1), ("state", 9, 90, False, "state", 1), ("calls", 5, 0, True, "asks", 1),
            ("from", 22, 110, False, "from", 1), ("subject", 0, 0, False, "subject", 2),
            ("why it failed", 0, 0, False, "", 3),
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_columns_of_emails_have_these_widths(failed: Any, wanted: Any) -> None:
    """In the list of all, and in that of failures."""
    assert [
        (each.title, each.width, each.from_width, each.right, each.key, each.weight)
        for each in (emails.FAILED_COLUMNS if failed else emails.COLUMNS)
    ] == wanted


@pytest.mark.parametrize(
    ("columns", "wanted"),
    [
        (task_step.COLUMNS, [("task", 26, 0), ("labels", 16, 60), ("where it is from", 0, 0)]),
        (new_source.COLUMNS, [("name", 0, 0), ("what it is", 24, 0), ("size", 9, 60), ("changed", 8, 72)]),
        (new_columns.COLUMNS, [("id", 18, 0), ("from", 22, 64), ("subject, or how it begins", 0, 0)]),
        (new_columns.WITHOUT_HEADERS, [("id", 18, 0), ("how it begins", 0, 0)]),
    ],
    ids=count(),
)  # fmt: skip
def test_other_lists_have_columns_of_these_widths(columns: Any, wanted: Any) -> None:
    """Head, cells, and the width of the list from which on it is there."""
    assert [(each.title, each.width, each.from_width) for each in columns] == wanted


@pytest.mark.parametrize(
    ("place", "wanted"),
    [
        (0, ""),
        (1, "state:failed"),
        (4, "source:human"),
    ],
    ids=count(),
)  # fmt: skip
def test_a_kind_is_a_filter(place: Any, wanted: Any) -> None:
    """By who labeled, or by state."""
    assert str(emails.KINDS[place].wanted) == wanted
