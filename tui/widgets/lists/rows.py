"""Show a list that draws only rows in view, from rows in memory or from pages fetched when they come into view.

The cursor follows a row's id, not its place: when rows are added or removed, it stays on the same row, and a key acts
on the row that is shown under it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.style import Style

from tui.text.numbers import fit, foreign
from tui.text.parts import Part, line
from tui.widgets.panes.pane import drawn

STRIPS = 256
"""Drawn lines that are cached: when a list scrolls by one, all others are reused."""


__all__ = ["STRIPS", "ListColumn", "Row", "Rows"]


class Rows(ScrollView, can_focus=True):
    """Show a list, filled with :meth:`set_rows`, or with :meth:`set_count` and :meth:`set_page`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "up", show=False),
        Binding("down,j", "move(1)", "down", show=False),
        Binding("pageup", "page(-1)", "page up", show=False),
        Binding("pagedown", "page(1)", "page down", show=False),
        Binding("home,g", "jump(0)", "first", show=False),
        Binding("end,G", "jump(1)", "last", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"rows--cursor", "rows--head"}
    ALLOW_SELECT = False

    cursor: reactive[int] = reactive(0, repaint=False)

    class Moved(Message):
        """Report that the cursor moved to another row."""

    class Chosen(Message):
        """Report that a row was double-clicked."""

    class HeadChosen(Message):
        """Report that the head of a column was clicked."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    class PageWanted(Message):
        """Report that a page came into view that is not in memory: ``offset`` and ``limit`` in rows."""

        def __init__(self, offset: int, limit: int) -> None:
            super().__init__()
            self.offset = offset
            self.limit = limit

    def __init__(self, columns: Sequence[ListColumn], *, empty: str, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._columns = tuple(columns)
        self._count = 0
        self._pages = HeldPages()
        self._strips: dict[int, tuple[Row, tuple[object, ...], Strip]] = {}
        self._to_end = False
        self.growing = False
        self._sorted_by: tuple[str, bool] = ("", False)
        self.empty = empty
        self.led = False

    # -- feeding ------------------------------------------------------------------------------------------------------

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Set all rows at once. The cursor follows the id that it was on."""
        before = self.selected
        same = self._count == len(rows) and all(self.row_at(n) == row for n, row in enumerate(rows))
        if same and self._count:
            return
        self._pages.fill(rows)
        self._resize(len(rows))
        place = next((n for n, row in enumerate(rows) if before is not None and row.id == before.id), self.cursor)
        self.cursor = self._settle(place)
        self.refresh()

    def set_columns(self, columns: Sequence[ListColumn]) -> None:
        """Set other columns, for rows that are set afterwards."""
        if self._columns != tuple(columns):
            self._columns = tuple(columns)
            self.refresh()

    def set_sorted(self, key: str, *, descending: bool) -> None:
        """Mark the column by which the rows are sorted."""
        if self._sorted_by != (key, descending):
            self._sorted_by = (key, descending)
            self.refresh_lines(0)

    def set_count(self, count: int, *, forget: bool = True, growing: bool = False) -> None:
        """Set how many rows there are; drop fetched pages when ``forget``.

        While the list is ``growing``, a cursor that was sent to the end stays at the end.
        """
        if forget:
            self._pages.forget()
        self._resize(count)
        self.cursor = self._settle(count - 1 if self._to_end else self.cursor)
        self.growing = growing
        self._to_end = self._to_end and (growing or not count)
        self.refresh()

    def begin_again(self, count: int, offset: int, rows: Sequence[Row]) -> None:
        """Replace the list by its length and the page at the cursor; the cursor follows its id there."""
        before, line_of_cursor = self.selected, self.cursor - int(self.scroll_offset.y)
        self.set_count(count)
        self.set_page(offset, rows)
        place = next((offset + n for n, row in enumerate(rows) if before is not None and row.id == before.id), None)
        if place is not None and place != self.cursor:
            self.cursor = place
            self.scroll_to(y=max(0, place - line_of_cursor), animate=False)

    def set_page(self, offset: int, rows: Sequence[Row]) -> None:
        """Add a page that :class:`PageWanted` asked for."""
        if not self._pages.put(offset, rows):
            return
        self.refresh()
        if self.cursor // PAGE == offset // PAGE:
            self.post_message(self.Moved())

    def reload_visible(self) -> None:
        """Request the pages in view again; the rows stay until they arrive."""
        first = int(self.scroll_offset.y)
        for page in {first // PAGE, min(max(0, self._count - 1), first + self.size.height) // PAGE}:
            self._want(page)

    def redraw_rows(self, anew: Callable[[Row], Row]) -> None:
        """Format every row in memory again."""
        self._pages.remake(anew)
        self.refresh()

    # -- looking ------------------------------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """Return how many rows there are."""
        return self._count

    def row_at(self, index: int) -> Row | None:
        """Return the row at that place, or None where its page is not in memory."""
        return self._pages.at(index)

    def rows_from(self, offset: int) -> Sequence[Row]:
        """Return the rows of the page at that offset, or none where it is not in memory."""
        return self._pages.rows_from(offset)

    @property
    def selected(self) -> Row | None:
        """Return the row under the cursor."""
        return self.row_at(self.cursor) if self._count else None

    # -- moving -------------------------------------------------------------------------------------------------------

    def action_move(self, step: int) -> None:
        self._to_end = False
        self._go(self.cursor + step, 1 if step > 0 else -1)

    def action_page(self, pages: int) -> None:
        self._to_end = False
        step = max(1, self.size.height - 2) * pages
        self._go(self.cursor + step, 1 if step > 0 else -1)

    def action_jump(self, to_end: int) -> None:
        self._to_end = bool(to_end) and (not self._count or self.growing)
        self._go(self._count - 1 if to_end else 0, -1 if to_end else 1)

    def on_click(self, event: events.Click) -> None:
        if event.y == 0 and self._count:
            self._choose_head(event.x)
            return
        index = event.y - 1 + int(self.scroll_offset.y)
        row = self.row_at(index)
        if event.y < 1 or row is None or not row.selectable:
            return
        self._go(index, 1)
        if event.chain == 2:  # a double click
            self.post_message(self.Chosen())

    def _choose_head(self, x: int) -> None:
        begin = 1
        for column, cells in zip(self._columns, widths_of(self._columns, self.size.width), strict=True):
            if cells and begin <= x <= begin + cells and column.key:
                self.post_message(self.HeadChosen(column.key))
                return
            begin += cells + 1 if cells else 0

    def _go(self, index: int, direction: int) -> None:
        index = min(max(0, index), max(0, self._count - 1))
        while 0 <= index < self._count and (row := self.row_at(index)) is not None and not row.selectable:
            index += direction
        if 0 <= index < self._count:
            self.cursor = index
        elif direction < 0:  # nothing above can be chosen, but it can be seen
            self.scroll_to(y=0, animate=False)

    def _settle(self, index: int) -> int:
        index = min(max(0, index), max(0, self._count - 1))
        for direction in (1, -1):
            place = index
            while 0 <= place < self._count:
                row = self.row_at(place)
                if row is None or row.selectable:
                    return place
                place += direction
        return index

    def watch_cursor(self, before: int, after: int) -> None:
        if not self.is_mounted:
            return
        self.refresh_lines(before + 1)
        self.refresh_lines(after + 1)
        top, room = int(self.scroll_offset.y), max(1, self.size.height - 1)
        if after < top:
            self.scroll_to(y=after, animate=False)
        elif after >= top + room:
            self.scroll_to(y=after - room + 1, animate=False)
        self.post_message(self.Moved())

    # -- drawing ------------------------------------------------------------------------------------------------------

    def _resize(self, count: int) -> None:
        self._count = count
        self.virtual_size = Size(0, count + 1)

    def on_resize(self) -> None:
        self.virtual_size = Size(0, self._count + 1)

    def notify_style_update(self) -> None:
        self._strips.clear()
        super().notify_style_update()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def _want(self, page: int) -> None:
        if self._pages.want(page):
            # Not posted while drawing: there the screen counts as the sender, and a message never climbs to its sender.
            self.call_later(lambda: self.post_message(self.PageWanted(page * PAGE, PAGE)))

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        widths = widths_of(self._columns, width)
        if y == 0:
            return self._head(width, widths)
        index = y - 1 + int(self.scroll_offset.y)
        if not self._count:
            said = _whole(self.empty, max(20, width - 2))
            return self._strip([(" " + said[y - 1] if y <= len(said) else "", "$quiet")], width)
        if index >= self._count:
            return Strip.blank(width, self.visual_style.rich_style)
        row = self.row_at(index)
        if row is None:
            self._want(index // PAGE)
            return self._strip([(" …", "$faint")], width)
        here = index == self.cursor and row.selectable
        style = self._style_of("rows--cursor" if here else "")
        pointed = here and (self.has_focus or self.led)
        held = self._strips.get(index % STRIPS)
        if held is not None and held[0] is row and held[1] == (width, self._columns, pointed, style):
            return held[2]
        strip = drawn(line(*parts_of(row, self._columns, widths, width, pointed=pointed)), width, style)
        self._strips[index % STRIPS] = (row, (width, self._columns, pointed, style), strip)
        return strip

    def _head(self, width: int, widths: Sequence[int]) -> Strip:
        if not self._count:
            return Strip.blank(width, self.visual_style.rich_style)
        titles = [
            fit(titled(c, self._sorted_by), w, right=c.right) for c, w in zip(self._columns, widths, strict=True) if w
        ]
        return self._strip([(" " + " ".join(titles), "")], width, "rows--head")

    def _strip(self, parts: Sequence[Part], width: int, component: str = "") -> Strip:
        return drawn(line(*parts), width, self._style_of(component))

    def _style_of(self, component: str) -> Style:
        if not component:
            return self.visual_style
        style = self.get_visual_style(component)
        if self.get_component_styles(component).text_style.reverse:
            style += Style(reverse=True)  # which Textual leaves out of a visual style
        return style


def _whole(sentences: str, width: int) -> list[str]:
    """Wrap the text of an empty list, keeping indentation."""
    rows: list[str] = []
    for text in sentences.splitlines():
        indent = " " * (len(text) - len(text.lstrip()))
        rows += textwrap.wrap(text, width, subsequent_indent=indent) or [""]
    return rows


@dataclass(frozen=True, slots=True)
class ListColumn:
    """Hold a column's head and its width in cells; 0 takes the rest, divided by ``weight``.

    ``from_width`` hides it in narrower lists.

    A click on the head of a column with a ``key`` asks to sort by it.
    """

    title: str
    width: int
    right: bool = False
    from_width: int = 0
    key: str = ""
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Row:
    """Hold a row: its id, one (text, tone) for each column, and its value. Texts need not be inert.

    The cell at ``span_from`` takes the rest of the line.
    """

    id: object
    cells: tuple[tuple[str, str], ...]
    value: Any
    selectable: bool = True
    indent: int = 0
    span_from: int | None = None


def widths_of(columns: Sequence[ListColumn], width: int) -> list[int]:
    """Return the cells for each column in a list of that width; 0 hides it."""
    widths = [c.width if width >= c.from_width else -1 for c in columns]
    fixed = sum(w + 1 for w in widths if w > 0)
    flexible = [c.weight for c, w in zip(columns, widths, strict=True) if w == 0]
    room = max(4, width - 2 - fixed - len(flexible))
    return [
        0 if w < 0 else max(1, room * c.weight // sum(flexible)) if w == 0 else w
        for c, w in zip(columns, widths, strict=True)
    ]


def titled(column: ListColumn, sorted_by: tuple[str, bool]) -> str:
    """Return a column's head, with an arrow where the list is sorted by it: ``sorted_by`` is (key, descending)."""
    key, descending = sorted_by
    return f"{column.title}{'▼' if descending else '▲'}" if key and column.key == key else column.title


def parts_of(
    row: Row, columns: Sequence[ListColumn], widths: Sequence[int], width: int, *, pointed: bool
) -> list[Part]:
    """Return a row's line; ``pointed`` at where the cursor is on it and the list has the focus."""
    parts: list[Part] = [("▸", "bold $accent") if pointed else (" ", "")]
    for n, (column, cells, (text, tone)) in enumerate(zip(columns, widths, row.cells, strict=False)):
        if n == row.span_from:
            room = width - 2 - sum(w + 1 for w in widths[:n] if w)  # the last cell is left to a scroll bar
            parts.append((foreign(text, room), tone))
            break
        if cells:
            space = " " * row.indent if n == 0 else ""
            inert = foreign(text, cells - len(space))
            parts += [space, (fit(inert.rstrip(), cells, right=True) if column.right else inert, tone), " "]
    return parts


PAGE = 200
"""Rows that are fetched at once."""

KEPT_PAGES = 12
"""Pages kept in memory; older ones are fetched again."""


class HeldPages:
    """Hold pages of :data:`PAGE` rows by their place in the list, from 0; the newest ones are kept."""

    def __init__(self) -> None:
        self._pages: dict[int, list[Row]] = {}
        self._wanted: set[int] = set()

    def __len__(self) -> int:
        """Return how many pages are in memory."""
        return len(self._pages)

    def at(self, index: int) -> Row | None:
        """Return the row at that place, or None where its page is not in memory."""
        rows = self._pages.get(index // PAGE)
        place = index % PAGE
        return rows[place] if rows is not None and 0 <= place < len(rows) else None

    def rows_from(self, offset: int) -> Sequence[Row]:
        """Return the rows of the page at that offset, or none where it is not in memory."""
        return self._pages.get(offset // PAGE, ())

    def fill(self, rows: Sequence[Row]) -> None:
        """Hold all rows of a list."""
        self._pages = {n // PAGE: list(rows[n : n + PAGE]) for n in range(0, len(rows), PAGE)}

    def put(self, offset: int, rows: Sequence[Row]) -> bool:
        """Hold a page and drop the oldest beyond :data:`KEPT_PAGES`; return False where it is unchanged."""
        page = offset // PAGE
        self._wanted.discard(page)
        if self._pages.get(page) == list(rows):
            return False
        self._pages.pop(page, None)
        self._pages[page] = list(rows)
        while len(self._pages) > KEPT_PAGES:
            del self._pages[next(iter(self._pages))]
        return True

    def want(self, page: int) -> bool:
        """Note that a page is requested; return False where it was requested before."""
        if page in self._wanted:
            return False
        self._wanted.add(page)
        return True

    def remake(self, anew: Callable[[Row], Row]) -> None:
        """Replace every row in memory by ``anew`` of it."""
        self._pages = {page: [anew(row) for row in rows] for page, rows in self._pages.items()}

    def forget(self) -> None:
        """Drop all pages and requests."""
        self._pages.clear()
        self._wanted.clear()
