"""The emails of a run under real keys: lists, records, retries, labels by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.llm.task import versioned
from core.model import EmailState, LabelMeaning
from tests.tui.conftest import Opens
from tests.tui.fakes import email, running, stopped
from tui.screens.emails.list import EmailsScreen
from tui.screens.emails.record import RecordScreen
from tui.screens.emails.windows import Causes
from tui.screens.modals import Confirm, GiveLabel
from tui.widgets.lists.emails import list_columns
from tui.widgets.lists.rows import Rows

pytestmark = pytest.mark.asyncio

NONE: frozenset[str] = frozenset()


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
            "Manual [0 of 5,031]",
            "All [5,031 of 5,031]",
        ]
        await at.press("F")
        assert at.title().startswith("Manual")
        assert "No manual label yet" in at.screen()


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
            "must be exactly 0 or 1", "main of org_a", "0.62 s", "412 + 3 tokens", "follow-up",
            "duplicate of it",
        ):  # fmt: skip
            assert telling in shown, telling
        await at.press("v")
        assert "X-Raw: 1" in at.screen()
        await at.press("escape")
        row = at.app.screen.query_one(Rows).selected
        assert row is not None
        assert row.id == 827


async def test_retrying_one_email_asks_the_worker_and_shows_when_it_handled(desk: Opens) -> None:
    """t requeues the failed email; the list follows once the worker did it."""
    async with desk() as at:
        await at.press("e", "f", "t")
        assert at.engine.asked == [("retry", at.run.path, [7])]
        assert at.title() == "Failed [7 of 5,031]"
        at.engine.handle()
        await at.read()
        assert at.title() == "Failed [6 of 5,031]"


async def test_retrying_without_a_worker_is_done_at_once(desk: Opens) -> None:
    """With nobody at work the engine does it itself, and the sentence says so."""
    run = stopped(40, 20)
    async with desk(run) as at:
        await at.press("e", "f", "t")
        assert "1 failed requeued · U undoes it" in at.said()
        assert at.title() == "Failed [0 of 40]"


async def test_retrying_all_asks_with_the_count(desk: Opens) -> None:
    """T concerns many, so it says how many and takes enter for no."""
    async with desk() as at:
        await at.press("e", "T")
        assert isinstance(at.app.screen, Confirm)
        assert "Requeue all 7 failed emails?" in at.screen()
        await at.press("enter")
        assert at.engine.asked == []
        await at.press("T", "y")
        assert at.engine.asked == [("retry", at.run.path, None)]


async def test_retry_on_a_labeled_email_says_why_not(desk: Opens) -> None:
    """Only failed emails are requeued."""
    async with desk() as at:
        await at.press("e", "t")
        assert "Only a failed text can be requeued." in at.said()


async def test_a_label_by_hand_is_given_with_its_own_value(desk: Opens) -> None:
    """l, the value itself, a note, enter: and the window says that a person's label wins."""
    async with desk(stopped()) as at:
        await at.press("e", "down", "l")
        assert isinstance(at.app.screen, GiveLabel)
        assert "overrides the model" in at.screen()
        await at.press("0", "tab", *"sure", "enter")
        assert at.engine.asked == [("label", at.run.path, [1], "0", "sure", "")]
        assert "◆ manual" in at.screen()


async def test_one_of_many_labels_is_found_by_a_part_of_it(desk: Opens) -> None:
    """Six are listed at once; what is typed narrows them, tab goes on to the note."""
    labels = tuple(LabelMeaning(f"topic {n} of many", f"topic {n} of many", f"about {n}") for n in range(300))
    run = stopped()
    run.task = versioned(replace(run.task, labels=labels))
    async with desk(run, size=(80, 24)) as at:
        await at.press("e", "l")
        assert "300 of 300 labels" in at.screen()
        assert "esc cancel" in at.screen()
        await at.press(*"topic 28")
        assert "11 of 300 labels" in at.screen()
        await at.press("down", "tab", *"sure", "enter")
        assert at.engine.asked == [("label", at.run.path, [0], "topic 280 of many", "sure", "")]


async def test_a_label_needs_a_choice(desk: Opens) -> None:
    """enter without a value chooses nothing; arrows choose as well; esc leaves without a label."""
    async with desk(stopped()) as at:
        await at.press("e", "f", "l", "enter")
        assert "Choose a label first." in at.said()
        await at.press("down", "enter")
        assert at.engine.asked == [("label", at.run.path, [7], "1", "", "")]
        await at.press("l", "escape")
        assert len(at.engine.asked) == 1


async def test_a_filtered_list_holds_still_until_asked(desk: Opens) -> None:
    """New failures are counted beside the title, and u brings them in with the cursor on its email."""
    async with desk() as at:
        await at.press("e", "f", "down")
        at.run.emails[3] = email(3, EmailState.FAILED)
        await at.read()
        assert at.title() == "Failed [7 of 5,031]"
        assert "1 more now · u updates" in at.screen()
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
        assert "◆ manual" in at.screen()


async def test_a_filter_narrows_the_list_and_esc_takes_it_away(desk: Opens) -> None:
    """/ opens a line, enter finds, the title carries scope and count, and esc leads back one step at a time."""
    async with desk() as at:
        await at.press("e", "slash", *"label:0 !copy", "enter")
        assert "There is no" not in at.screen()
        assert at.title().startswith("All /label:0 !copy [")
        assert at.app.screen.query_one(Rows).has_focus
        await at.press("f")
        assert at.title() == "Failed /label:0 !copy [0 of 5,031]"
        assert "Nothing matches" in at.screen()
        await at.press("escape")
        assert at.title() == "Failed [7 of 5,031]"
        await at.press("escape")
        assert not isinstance(at.app.screen, EmailsScreen)


async def test_words_find_emails(desk: Opens) -> None:
    """A search shows exactly what matches, however far behind it lies."""
    async with desk() as at:
        await at.press("e", "slash", *'"message 503"', "enter", "end")
        row = at.app.screen.query_one(Rows).selected
        assert row is not None
        assert row.id == 5030
        assert at.title() == 'All /"message 503" [2 of 5,031]'


async def test_what_cannot_be_read_stays_in_the_line(desk: Opens) -> None:
    """The sentence stands under the line while it is typed, enter does nothing, and esc leaves all as it was."""
    async with desk() as at:
        await at.press("e", "slash", *"colour:red", "enter")
        assert "There is no field" in at.screen()
        assert "put words with a colon in quotes" in at.screen(), "the remedy is not cut off"
        await at.press("escape")
        assert at.title() == "All [5,031 of 5,031]"
        assert at.app.screen.query_one(Rows).has_focus


async def test_causes_are_counted_and_lead_to_their_emails(desk: Opens) -> None:
    """g groups failures by cause; enter lists those of the cause under the cursor."""
    run = running()
    run.emails[7] = email(7, EmailState.FAILED, failure='the [b]server[/b] said "no"')
    async with desk(run) as at:
        await at.press("e", "C")
        assert isinstance(at.app.screen, Causes)
        assert "7 failed, 2 causes" in at.screen()
        await at.press("down", "enter")
        assert at.title().startswith("Failed /cause:")
        assert at.title().endswith("[1 of 5,031]")
        await at.press("C", "escape")
        assert isinstance(at.app.screen, EmailsScreen)


async def test_marked_emails_are_retried_after_asking(desk: Opens) -> None:
    """Space marks and goes on; t names the count; the safe answer is the default."""
    async with desk(stopped()) as at:
        at.run.emails[9] = email(9, EmailState.FAILED)
        await at.press("e", "f", "space", "space")
        assert "● 2 marked" in at.screen()
        await at.press("t")
        assert "Requeue the failed ones of 2 marked emails?" in at.screen()
        await at.press("enter")
        assert at.engine.asked == []
        await at.press("t", "y")
        assert at.engine.asked == [("retry", at.run.path, [7, 9])]
        assert "marked" not in at.screen()
        assert at.title() == "Failed [0 of 40]"


async def test_marks_and_changes_that_wait_move_nothing(desk: Opens) -> None:
    """What comes and goes stands at the right end of the second line; kinds keep their places, at 80 columns too."""
    async with desk(size=(80, 24)) as at:
        await at.press("e", "f")
        before = at.line(2)
        assert "pending  manual" in before
        await at.press("space")
        assert at.line(2) == before
        assert at.line(3).rstrip().endswith("● 1 marked")
        at.run.emails[3] = email(3, EmailState.FAILED)
        await at.read(later_s=1.0)
        assert at.line(3).rstrip().endswith("1 more now · u updates")
        assert "pending  manual" in at.line(2)


async def test_an_email_without_a_subject_is_listed_by_how_its_text_begins(desk: Opens) -> None:
    """Only one whose text holds nothing either is said to have no subject."""
    run = running(total=2, settled=0)
    run.emails = [
        replace(run.emails[0], subject="", opening="Shall we have lunch?"),
        replace(run.emails[1], subject=""),
    ]
    async with desk(run, size=(80, 24)) as at:
        await at.press("e")
        assert "Shall we have lunch?" in at.screen()
        assert at.screen().count("(no subject)") == 1


async def test_why_an_email_failed_is_whole_at_eighty_columns(desk: Opens) -> None:
    """The reason gets more of a narrow list than the subject."""
    async with desk(size=(80, 24)) as at:
        await at.press("e", "f")
        assert any("no valid label after 3 answers" in row for row in at.screen().splitlines()[5:])


async def test_all_that_match_are_marked(desk: Opens) -> None:
    """M marks what the filter holds, and takes the marks away again; without a filter it says what to do."""
    async with desk() as at:
        await at.press("e", "M")
        assert "Choose a kind with f" in at.said()
        await at.press("f", "M")
        assert "● 7 marked" in at.screen()
        await at.press("M")
        assert "marked" not in at.screen()
        await at.press("M", "escape")
        assert "● 7" not in at.screen()
        assert at.title() == "Failed [7 of 5,031]"


async def test_an_email_is_skipped_and_comes_back(desk: Opens) -> None:
    """i takes an email out of the line, and the same key puts it back; a labeled one says why not."""
    async with desk(stopped()) as at:
        await at.press("e", "i")
        assert "labeled already" in at.said()
        await at.press("end", "i")
        assert at.engine.asked == [("skip", at.run.path, [39], False)]
        assert "skipped" in at.screen()
        await at.press("i")
        assert at.engine.asked[-1] == ("skip", at.run.path, [39], True)


async def test_the_next_record_is_one_key_away(desk: Opens) -> None:
    """n and N turn the pages without going back, and say where the list ends."""
    async with desk() as at:
        await at.press("e", "f", "enter", "n")
        assert "Subject of message 417" in at.screen()
        await at.press("N", "N")
        assert "Subject of message 7" in at.screen()
        assert "This is the first row of the list." in at.said()
        await at.press("n", "escape")
        row = at.app.screen.query_one(Rows).selected
        assert row is not None
        assert row.id == 417


async def test_copying_shows_the_file(desk: Opens) -> None:
    """c copies what is selected by the terminal's own means, and writes it beside the run."""
    async with desk() as at:
        at.run.path.parent.mkdir(parents=True, exist_ok=True)
        at.run.emails[0] = replace(at.run.emails[0], subject="a\x1b]52;c;eA==\x07 b\tc")
        await at.press("e", "c")
        path = at.run.path.with_name("enron.copied.txt")
        assert str(path) in at.said()
        assert at.app.clipboard == path.read_text("utf-8")
        assert path.read_text("utf-8").splitlines()[1].endswith("b c")
        await at.press("enter", "c")
        assert "Could you send the contract?" in path.read_text("utf-8")
        assert path.stat().st_mode & 0o077 == 0


async def test_the_list_names_what_it_shows_of_an_item() -> None:
    """Emails have subjects; of reviews the beginning stands there, under their own noun."""
    for failed in (False, True):
        assert "subject" in [column.title for column in list_columns("email", failed=failed, headed=NONE)]
        titles = [column.title for column in list_columns("review", failed=failed, headed=NONE)]
        assert "review" in titles
        assert "subject" not in titles


async def test_the_list_has_a_sender_and_a_date_where_items_have_them(desk: Opens) -> None:
    """Of texts without headers the room of both columns goes to the text; one row with a sender brings its column."""
    run = running()
    run.emails = [replace(row, sender="", date="") for row in run.emails]
    async with desk(run, size=(160, 30)) as at:
        await at.press("e")
        head = at.screen().splitlines()
        assert not any(" from " in each or " date " in each for each in head)
        run.emails[1] = replace(run.emails[1], sender="Ada <ada@example.org>")
        await at.press("u")
        shown = at.screen()
        assert "from" in shown
        assert "Ada" in shown
        assert " date " not in shown
