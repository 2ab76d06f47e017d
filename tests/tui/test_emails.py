"""The emails of a run under real keys: lists, records, retries, labels by hand."""

from __future__ import annotations

import pytest

from core.model import EmailState
from tests.tui.conftest import Opens
from tests.tui.fakes import email, running, stopped
from tui.screens.modals import Confirm, GiveLabel
from tui.screens.record import RecordScreen
from tui.widgets.rows import Rows

pytestmark = pytest.mark.asyncio


async def test_the_filter_goes_round_and_the_title_counts(desk: Opens) -> None:
    """f shows each kind in turn with its count of all."""
    async with desk() as at:
        await at.press("e")
        titles = [at.title()]
        for _ in range(5):
            await at.press("f")
            titles.append(at.title())
        assert titles == [
            "All [5,031 of 5,031]",
            "Failed [7 of 5,031]",
            "Labeled [2,864 of 5,031]",
            "Pending [2,160 of 5,031]",
            "By a person [0 of 5,031]",
            "All [5,031 of 5,031]",
        ]
        await at.press("F")
        assert at.title().startswith("By a person")
        assert "No label was given by a person yet" in at.screen()


async def test_failures_are_grouped_by_reason(desk: Opens) -> None:
    """The failed list begins with how often each reason came."""
    async with desk() as at:
        await at.press("e", "f")
        assert "7 no valid label after 3 answers" in at.screen()


async def test_the_list_pages_to_its_end(desk: Opens) -> None:
    """The last of 5,031 emails is one key away, and rows come when they come into view."""
    async with desk() as at:
        await at.press("e", "end")
        row = at.app.screen.query_one(Rows).selected
        assert row is not None
        assert row.id == 5030
        assert "5,030" in at.screen()


async def test_a_record_shows_every_attempt_and_esc_keeps_the_place(desk: Opens) -> None:
    """enter opens what was sent, each raw answer with its verdict, and the way back leads to the same row."""
    async with desk(size=(120, 40)) as at:
        await at.press("e", "f", "down", "down", "enter")
        assert isinstance(at.app.screen, RecordScreen)
        shown = at.screen()
        for telling in (
            "Subject of message 827", "Could you send the contract?", "3 attempts", "I think it is work.", "(empty)",
            "must be exactly 0 or 1", "main of org_a", "0.62 s", "412 + 3 tokens", "asked again",
            "other email with this very text",
        ):  # fmt: skip
            assert telling in shown, telling
        await at.press("v")
        assert "X-Raw: 1" in at.screen()
        await at.press("escape")
        row = at.app.screen.query_one(Rows).selected
        assert row is not None
        assert row.id == 827


async def test_retrying_one_email_asks_the_worker_and_shows_when_it_obeyed(desk: Opens) -> None:
    """t puts the failed email back in line; the list follows once the worker did it."""
    async with desk() as at:
        await at.press("e", "f", "t")
        assert at.backend.asked == [("retry", at.run.path, 7)]
        assert at.title() == "Failed [7 of 5,031]"
        at.backend.obey()
        await at.read()
        assert at.title() == "Failed [6 of 5,031]"


async def test_retrying_without_a_worker_is_done_at_once(desk: Opens) -> None:
    """With nobody at work the engine does it itself, and the sentence says so."""
    run = stopped(40, 20)
    async with desk(run) as at:
        await at.press("e", "f", "t")
        assert "1 failed back in line." in at.said()
        assert at.title() == "Failed [0 of 40]"


async def test_retrying_all_asks_with_the_count(desk: Opens) -> None:
    """T concerns many, so it says how many and takes enter for no."""
    async with desk() as at:
        await at.press("e", "T")
        assert isinstance(at.app.screen, Confirm)
        assert "Put all 7 failed emails back in line?" in at.screen()
        await at.press("enter")
        assert at.backend.asked == []
        await at.press("T", "y")
        assert at.backend.asked == [("retry", at.run.path, None)]


async def test_retry_on_a_labeled_email_says_why_not(desk: Opens) -> None:
    """Only failed emails go back in line."""
    async with desk() as at:
        await at.press("e", "t")
        assert "Only a failed email can be put back in line." in at.said()


async def test_a_label_by_hand_is_given_with_its_own_value(desk: Opens) -> None:
    """l, the value itself, a note, enter: and the window says that a person's label wins."""
    async with desk(stopped()) as at:
        await at.press("e", "down", "l")
        assert isinstance(at.app.screen, GiveLabel)
        assert "given by a person" in at.screen()
        await at.press("0", "tab", *"sure", "enter")
        assert at.backend.asked == [("label", at.run.path, 1, "0", "sure")]
        assert "◆ person" in at.screen()


async def test_a_label_needs_a_choice(desk: Opens) -> None:
    """enter without a value chooses nothing; arrows choose as well; esc leaves without a label."""
    async with desk(stopped()) as at:
        await at.press("e", "f", "l", "enter")
        assert "Choose a label first." in at.said()
        await at.press("down", "enter")
        assert at.backend.asked == [("label", at.run.path, 7, "1", "")]
        await at.press("l", "escape")
        assert len(at.backend.asked) == 1


async def test_a_filtered_list_holds_still_until_asked(desk: Opens) -> None:
    """New failures are counted beside the title, and u brings them in with the cursor on its email."""
    async with desk() as at:
        await at.press("e", "f", "down")
        at.run.emails[3] = email(3, EmailState.FAILED)
        await at.read()
        assert at.title() == "Failed [7 of 5,031]"
        assert "1 more by now · u updates" in at.screen()
        row = at.app.screen.query_one(Rows).selected
        assert row is not None
        assert row.id == 417
        await at.press("u")
        assert at.title() == "Failed [8 of 5,031]"
        row = at.app.screen.query_one(Rows).selected
        assert row is not None
        assert row.id == 417


async def test_the_whole_list_follows_the_run(desk: Opens) -> None:
    """Without a filter the order never changes, so rows are brought up to date in place."""
    run = running(40, 20)
    async with desk(run) as at:
        await at.press("e")
        assert "◆" not in at.screen()
        at.run.emails[22] = email(22, EmailState.LABELED, label_source="human", label="0")
        await at.read()
        assert "◆ person" in at.screen()
