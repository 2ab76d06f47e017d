"""Sorting, the record beside the list, and lists that hold still while the run goes on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.model import EmailState
from tests.tui.conftest import Desk, Opens
from tests.tui.fakes import email, running, stopped
from tui.screens.emails.list import EmailsScreen
from tui.screens.emails.record import RecordScreen
from tui.screens.emails.windows import SortBy
from tui.widgets.lists.rows import Rows

pytestmark = pytest.mark.asyncio


def rows_of(at: Desk) -> Rows:
    return at.app.screen.query_one(Rows)


def under_cursor(at: Desk) -> object:
    row = rows_of(at).selected
    assert row is not None
    return row.id


def ids_of(at: Desk) -> list[object]:
    rows = [rows_of(at).row_at(n) for n in range(rows_of(at).count)]
    return [row.id for row in rows if row is not None]


async def test_sorting_keeps_the_row_under_the_cursor_on_its_line(desk: Opens) -> None:
    """Another order, and its reverse: the same email under the cursor, on the same line of the screen."""
    async with desk() as at:
        await at.press("e", "pagedown", "pagedown", *["down"] * 5)
        chosen, line = under_cursor(at), rows_of(at).cursor - rows_of(at).scroll_offset.y
        await at.press("o")
        assert isinstance(at.app.screen, SortBy)
        await at.press("o", "o", "o", "enter")
        assert at.title() == "All [5,031 of 5,031] by subject ▲"
        assert under_cursor(at) == chosen
        assert rows_of(at).cursor - rows_of(at).scroll_offset.y == line
        place = rows_of(at).cursor
        await at.press("O")
        assert at.title() == "All [5,031 of 5,031] by subject ▼"
        assert under_cursor(at) == chosen
        assert rows_of(at).cursor == 5_030 - place
        await at.press("o", "up", "up", "up", "enter")
        assert at.title() == "All [5,031 of 5,031]"
        assert under_cursor(at) == chosen
        assert rows_of(at).cursor == chosen


async def test_a_filtered_list_is_sorted_and_stays_sorted_when_the_filter_changes(desk: Opens) -> None:
    """Failed ones by place, last first; then labeled ones the same way."""
    async with desk() as at:
        await at.press("e", "f", "O")
        assert at.title() == "Failed [7 of 5,031] by place ▼"
        await at.press("home")
        assert under_cursor(at) == 2467
        await at.press("f", "home")
        assert at.title().startswith("Labeled [2,864 of 5,031] by place ▼")
        assert under_cursor(at) == 2870


async def test_the_head_of_a_column_sorts_by_it(desk: Opens) -> None:
    """A click sorts, a second one reverses, and the head shows the way."""
    async with desk() as at:
        await at.press("e")
        head = at.line(rows_of(at).region.y)
        at_x = head.index("subject")
        await at.pilot.click(Rows, offset=(at_x + 1, 0))
        await at.settle()
        assert at.title().endswith("by subject ▲")
        assert "subject▲" in at.screen()
        await at.pilot.click(Rows, offset=(at_x + 1, 0))
        await at.settle()
        assert at.title().endswith("by subject ▼")


async def test_leaving_the_window_changes_nothing_and_choosing_the_same_reverses(desk: Opens) -> None:
    """esc is safe; enter on the active order turns it round."""
    async with desk() as at:
        await at.press("e", "o", "down", "escape")
        assert at.title() == "All [5,031 of 5,031]"
        await at.press("o", "enter")
        assert at.title() == "All [5,031 of 5,031] by place ▼"


async def test_an_order_that_is_not_possible_is_reported_and_the_list_stays(desk: Opens) -> None:
    """An older file does not know when emails were settled."""
    run = running()
    run.unsortable = frozenset({"settled"})
    async with desk(run) as at:
        await at.press("e", "down", "o", "o", "enter")
        assert "cannot be sorted by settled" in at.said()
        assert at.title() == "All [5,031 of 5,031]"
        assert under_cursor(at) == 1


async def test_a_sorted_list_holds_still_and_counts_what_was_settled_since(desk: Opens) -> None:
    """Rows show what they are by now, where they stand; u sorts again, with the cursor on its email."""
    run = running(40, 20)
    async with desk(run) as at:
        await at.press("e", "o", "end", "enter")
        assert at.title().endswith("by state ▲")
        await at.press("end", "up")
        chosen = under_cursor(at)
        order = ids_of(at)
        at.run.emails[25] = email(25, EmailState.LABELED)
        await at.read()
        assert "1 done since · u updates" in at.screen()
        assert ids_of(at) == order
        await at.press("u")
        assert "done since" not in at.screen()
        assert ids_of(at) != order
        assert under_cursor(at) == chosen


async def test_the_record_stands_beside_the_list_where_there_is_room(desk: Opens) -> None:
    """It follows the cursor, shows raw by v, and b gives the list the whole width."""
    async with desk(size=(160, 50)) as at:
        await at.press("e", "f", "down")
        shown = at.screen()
        assert "Subject of message 417" in shown
        assert "3 attempts" in shown
        assert "Could you send the contract?" in shown
        await at.press("v")
        assert "X-Raw: 1" in at.screen()
        await at.press("tab", "escape")
        assert rows_of(at).has_focus
        await at.press("b")
        assert "3 attempts" not in at.screen()
        await at.press("b", "end")
        assert "number 2467" in at.screen()
        await at.press("enter")
        assert isinstance(at.app.screen, RecordScreen)


async def test_in_a_narrow_terminal_the_record_says_where_it_is(desk: Opens) -> None:
    """b and v say how much room is needed, and what enter does."""
    async with desk() as at:
        await at.press("e", "b")
        assert "from 150 columns on" in at.said()
        await at.press("v")
        assert "enter opens one" in at.said()
        assert "attempts" not in at.screen()


async def test_the_record_beside_follows_what_is_done_to_it(desk: Opens) -> None:
    """A label by hand shows in the record beside as it does in the list."""
    async with desk(stopped(), size=(160, 50)) as at:
        await at.press("e", "end", "l", "0", "enter")
        assert "manual" in at.screen()
        await at.press("m", *"hm", "enter")
        assert "1 note" in at.screen()


async def test_the_end_of_a_list_that_still_grows_is_its_end_when_it_is_whole(desk: Opens) -> None:
    """end pressed in the instant in which a list appears is not lost."""
    async with desk() as at:
        await at.press("e")
        rows = rows_of(at)
        rows.set_count(0)
        await at.press("end")
        rows.set_count(200, growing=True)
        assert rows.cursor == 199
        rows.set_count(2_000, forget=False, growing=True)
        rows.set_count(5_000, forget=False)
        assert rows.cursor == 4_999
        rows.set_count(6_000, forget=False)
        assert rows.cursor == 4_999, "what comes later does not move it"


async def test_a_search_that_fails_says_so_in_the_list(desk: Opens) -> None:
    """The sentence stands where the rows would be, and u tries again."""
    run = running()
    run.unsortable = frozenset({"place"})
    async with desk(run) as at:
        await at.press("e", "f")
        assert isinstance(at.app.screen, EmailsScreen)
        assert "The search ended early; u searches again." in at.screen()
        at.run.unsortable = frozenset()
        await at.press("u")
        assert at.title() == "Failed [7 of 5,031]"


async def test_rows_of_a_filtered_list_show_what_they_are_by_now(desk: Opens) -> None:
    """An email that left the filter stays where it is, as what it is."""
    async with desk() as at:
        await at.press("e", "f")
        at.run.emails[7] = replace(email(7, EmailState.LABELED))
        await at.read()
        assert at.title() == "Failed [7 of 5,031]"
        assert "✓ labeled" in at.screen()
        assert "1 fewer now · u updates" in at.screen()
