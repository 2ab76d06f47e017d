"""Small things of the eye: nothing is cut that has room, nothing wraps under its name, text keeps off scroll bars."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.cells import cell_len
from textual.widgets import Static

from core.model import EmailState, PacePoint, Resumption
from tests.tui.conftest import Opens
from tests.tui.fakes import NOW, FakeRun, email, running
from tui.text import numbers as present
from tui.widgets.lists.rows import Rows
from tui.widgets.panes.follow_ups import FAILED_CALLS, FollowUpsPane, follow_up_facts
from tui.widgets.panes.pane import Pane
from tui.widgets.panes.rate import RateFacts, RatePane
from tui.widgets.panes.worker import WorkerFacts, WorkerPane


@pytest.mark.parametrize(
    ("sender", "name"),
    [
        ("Mina Oake <mina@harbor.example>", "Mina Oake"),
        ('"Oake, Mina" <mina@harbor.example>', "Oake, Mina"),
        ("mina@harbor.example", "mina@harbor.example"),
        ("<mina@harbor.example>", "<mina@harbor.example>"),
        ("", ""),
    ],
)
def test_a_list_shows_the_name_of_a_sender(sender: str, name: str) -> None:
    """The address stands there only where there is no name."""
    assert present.who(sender) == name


def lines_of(pane: Pane, facts: object, width: int, height: int) -> list[str]:
    pane.facts = facts
    return [content.plain for content in pane.body(width, height)]


@pytest.mark.parametrize(("width", "said"), [(60, "· waited 04:38"), (46, "waited 04:38"), (42, "· 04:38")])
def test_the_time_waited_keeps_its_word_as_long_as_there_is_room(width: int, said: str) -> None:
    """A time that says not what it counts is the last resort."""
    pace = (PacePoint(NOW - 600, 300.0, 20, 0, 20, 278.0), PacePoint(NOW - 5, 5.0, 8, 0, 8, 0.0))
    legend = lines_of(RatePane(), RateFacts(pace, NOW, asking=True), width, 4)[-1]
    assert legend.endswith(said)
    assert cell_len(legend) <= width


def test_the_worker_says_nothing_half() -> None:
    """On one row the time it has been up gives way to where it resumed."""
    worker = replace(running().snapshot(NOW).worker, host="harbor", in_flight=11)
    facts = WorkerFacts(worker, beat_s=12.0, up_s=34.0, resumption=None)
    alone = lines_of(WorkerPane(), facts, 58, 1)[0]
    assert alone == "! heartbeat 12 s ago · 11 in flight · up 34 s"
    resumed = replace(facts, resumption=Resumption(NOW, 2, 2_858, 2_401, 3, 6, "killed"))
    assert lines_of(WorkerPane(), resumed, 78, 1)[0].startswith("! heartbeat 12 s ago · 11 in flight · resumed at")


@pytest.mark.parametrize("width", [28, 40, 46, 60, 100])
def test_what_went_wrong_is_reported_in_whole_words(width: int) -> None:
    """As many as fit; what has no room is summed up, so that the counts add up to all."""
    outcomes = {"rate_limited": 3, "server_error": 3, "capacity": 1, "refused": 1_004, "timeout": 12, "connection": 5}
    rows = lines_of(FollowUpsPane(), follow_up_facts({0: 400, 1: 20}, outcomes), width, 6)
    lost = rows[-1]
    assert lost.startswith("lost calls")
    assert cell_len(lost.rstrip()) <= width
    counts = [int(word.replace(",", "")) for word in lost.split()[3::2]]
    assert sum(counts) == sum(outcomes[key] for key in FAILED_CALLS if key in outcomes)


@pytest.mark.asyncio
@pytest.mark.parametrize("size", [(80, 24), (100, 30), (160, 50)])
async def test_facts_of_an_email_wrap_beside_their_names(desk: Opens, size: tuple[int, int]) -> None:
    """A long sender wraps, keeps off the scroll bar, and the body comes right after it."""
    sender = "A person of a very long name indeed " * 4
    rows = [email(n, EmailState.LABELED, sender=sender.strip()) for n in range(3)]
    async with desk(FakeRun(emails=rows), size=size) as at:
        await at.press("e", "enter")
        text = at.app.screen.query_one("#message-text", Static).render()
        head = str(text).splitlines()
        begun = next(n for n, row in enumerate(head) if row.startswith("A person"))
        assert max(map(cell_len, head[: begun + 3])) <= at.app.screen.query_one("#message-text").content_size.width


@pytest.mark.asyncio
async def test_a_read_only_console_says_so_on_top(desk: Opens) -> None:
    """Whoever only looks on sees it before a key is refused."""
    async with desk(read_only=True, size=(80, 24)) as at:
        assert "READ-ONLY" in at.line(0)
    async with desk(size=(80, 24)) as at:
        assert "READ-ONLY" not in at.line(0)


@pytest.mark.asyncio
async def test_a_window_of_causes_is_no_larger_than_they_are(desk: Opens) -> None:
    """No empty rows between the last cause and the keys."""
    async with desk(running(), size=(80, 24)) as at:
        await at.press("e", "C")
        rows = at.app.screen.query_one(Rows)
        assert rows.size.height == rows.count + 1


@pytest.mark.asyncio
async def test_why_an_email_failed_is_not_cut_at_100_columns(desk: Opens) -> None:
    """The reason needs the room more than the sender does."""
    rows = [email(n, EmailState.FAILED, failure="no valid label after 3 answers") for n in range(3)]
    async with desk(FakeRun(emails=rows), size=(100, 30)) as at:
        await at.press("e", "f")
        assert at.screen().count("no valid label after 3 answers") >= 3
