"""The list: a million rows cost no more than a screenful, and the cursor belongs to a row, not to a place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from tui.terminal.theme import MEANINGS
from tui.widgets.lists.rows import KEPT_PAGES, PAGE, ListColumn, Row, Rows

pytestmark = pytest.mark.asyncio


def row(n: int, *, selectable: bool = True) -> Row:
    return Row(n, ((str(n), ""), (f"row {n}", "")), n, selectable=selectable)


@dataclass
class Asked:
    pages: list[int] = field(default_factory=list)


class Listed(App[None]):
    """A list of ``count`` rows whose pages are made when asked for."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.rows = Rows((ListColumn("n", 9, right=True), ListColumn("name", 0)), empty="nothing here")
        self.total = count
        self.asked = Asked()
        self.chosen: list[int] = []

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return MEANINGS

    def compose(self) -> ComposeResult:
        yield self.rows

    def on_mount(self) -> None:
        self.rows.focus()
        self.rows.set_count(self.total)

    def on_rows_chosen(self) -> None:
        self.chosen.append(self.rows.cursor)

    def on_rows_page_wanted(self, message: Rows.PageWanted) -> None:
        self.asked.pages.append(message.offset)
        last = min(message.offset + message.limit, self.total)
        self.rows.set_page(message.offset, [row(n) for n in range(message.offset, last)])


async def settled(pilot: Pilot[None]) -> None:
    """Let pages that are asked for arrive."""
    for _ in range(4):
        await pilot.pause()


def drawn(app: Listed) -> Iterator[str]:
    for y in range(app.rows.size.height):
        yield app.rows.render_line(y).text.strip()


async def test_a_million_rows_cost_a_screenful() -> None:
    """Only pages that come into view are asked for, and few of them are kept."""
    app = Listed(1_000_000)
    async with app.run_test(size=(60, 20)) as pilot:
        await settled(pilot)
        assert app.asked.pages == [0]
        await pilot.press("end")
        await settled(pilot)
        assert app.rows.selected == row(999_999)
        assert "row 999999" in list(drawn(app))[-1]
        assert len(app.asked.pages) == 2
        for offset in range(0, 40 * PAGE, PAGE):
            app.rows.set_page(offset, [row(n) for n in range(offset, offset + PAGE)])
        assert len(app.rows._pages) <= KEPT_PAGES


async def test_paging_moves_by_a_screenful_and_stops_at_the_ends() -> None:
    """Page down, page up, home and end keep the cursor in sight and in the list."""
    app = Listed(100)
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.press("pagedown", "pagedown")
        assert app.rows.cursor == 36
        await pilot.press("pageup")
        assert app.rows.cursor == 18
        await pilot.press("home", "up")
        assert app.rows.cursor == 0
        await pilot.press("end", "down")
        assert app.rows.cursor == 99


async def test_letters_move_as_the_arrows_do() -> None:
    """``j`` and ``k`` move by a row, ``G`` and ``g`` go to the ends."""
    app = Listed(100)
    async with app.run_test(size=(60, 20)) as pilot:
        for key, cursor in (("j", 1), ("j", 2), ("k", 1), ("G", 99), ("k", 98), ("g", 0)):
            await pilot.press(key)
            assert app.rows.cursor == cursor


async def test_the_cursor_stays_on_its_row_when_rows_come_before_it() -> None:
    """A row is known by its id; its place may change under it."""
    app = Listed(0)
    async with app.run_test(size=(60, 20)) as pilot:
        app.rows.set_rows([row(n) for n in (1, 3, 5)])
        await pilot.press("down")
        app.rows.set_rows([row(n) for n in (0, 1, 2, 3, 5)])
        assert app.rows.selected == row(3)
        app.rows.set_rows([row(0)])
        assert app.rows.selected == row(0)


async def test_headings_are_stepped_over() -> None:
    """A row that cannot be selected never carries the cursor, in either direction."""
    app = Listed(0)
    async with app.run_test(size=(60, 20)) as pilot:
        app.rows.set_rows([row(0, selectable=False), row(1), row(2, selectable=False), row(3)])
        assert app.rows.selected == row(1)
        await pilot.press("down")
        assert app.rows.selected == row(3)
        await pilot.press("up", "up")
        assert app.rows.selected == row(1)


async def test_an_empty_list_says_so() -> None:
    """An empty list shows its sentence, and nothing is selected."""
    app = Listed(0)
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        assert "nothing here" in "".join(drawn(app))
        assert app.rows.selected is None
        await pilot.press("down", "end")
        assert app.rows.selected is None


async def test_a_click_selects_and_a_double_click_chooses() -> None:
    """The mouse does what the keys do."""
    app = Listed(50)
    async with app.run_test(size=(60, 20)) as pilot:
        await settled(pilot)
        await pilot.click(Rows, offset=(5, 4))
        assert app.rows.cursor == 3
        await pilot.click(Rows, offset=(5, 5), times=2)
        await pilot.pause()
        assert app.chosen == [4]


async def test_every_line_has_the_width_of_the_list() -> None:
    """Wide characters and long texts neither spill over nor leave holes."""
    app = Listed(0)
    async with app.run_test(size=(40, 10)) as pilot:
        app.rows.set_rows([Row(1, (("１２３４５６７８９０", ""), ("漢字" * 40, "bold")), None)])
        await pilot.pause()
        for y in range(10):
            assert app.rows.render_line(y).cell_length == 40
            assert sum(segment.cell_length for segment in app.rows.render_line(y)) == 40
            assert "\n" not in app.rows.render_line(y).text


async def test_the_head_is_drawn_anew_when_another_column_is_sorted_by() -> None:
    """With the arrow of its direction, though no row changes."""
    app = Listed(3)
    async with app.run_test(size=(60, 20)) as pilot:
        app.rows.set_columns([ListColumn("n", 9, key="n"), ListColumn("name", 0, key="name")])
        await settled(pilot)
        heads = []
        for key, descending in (("n", False), ("name", True), ("name", False)):
            app.rows.set_sorted(key, descending=descending)
            await settled(pilot)
            heads.append(app.screen._compositor.render_strips()[0].text.split())
    assert heads == [["n▲", "name"], ["n", "name▼"], ["n", "name▲"]]
