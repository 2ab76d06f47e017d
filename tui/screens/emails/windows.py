"""Show windows of the list of emails: failures by cause, and the order of the list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from core.engine import KEYS, Order, first_of
from tui.text.numbers import number, plural
from tui.text.parts import line
from tui.widgets.lists.rows import ListColumn, Row, Rows
from tui.widgets.window_parts import KeyLine


class Causes(ModalScreen[str | None]):
    """Show the causes of failures, the most frequent first; one can be chosen to list its texts."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,C", "leave", "leave"),
        Binding("enter", "choose", "choose"),
    ]
    AUTO_FOCUS = "Rows"

    def __init__(self, causes: Sequence[tuple[str, int]]) -> None:
        super().__init__()
        self._causes = causes
        columns = (ListColumn("count", 9, right=True), ListColumn("why they failed", 0))
        self._rows = Rows(columns, empty="Nothing has failed.")

    def compose(self) -> ComposeResult:
        total = sum(count for _, count in self._causes)
        title = f"{number(total)} failed, {plural(len(self._causes), 'cause')}"
        with Vertical(classes="modal", id="causes"):
            yield Static(line((title, "bold $bright")), markup=False)
            yield self._rows
            yield KeyLine(("enter", "list them"), ("esc", "cancel"))

    def on_mount(self) -> None:
        self._rows.set_rows(
            [Row(cause, ((number(count), "$failed"), (cause, "$foreground")), cause) for cause, count in self._causes]
        )

    def on_rows_chosen(self) -> None:
        self.action_choose()

    def action_choose(self) -> None:
        row = self._rows.selected
        self.dismiss(str(row.value) if row is not None else None)

    def action_leave(self) -> None:
        self.dismiss(None)


MEANINGS = {
    "place": "its place in the work order",
    "settled": "when it was done, newest first",
    "id": "its id in the source",
    "subject": "the subject",
    "from": "who sent it",
    "date": "when it was sent",
    "label": "the present label",
    "asks": "calls that it took, most first",
    "state": "failed, labeled, pending, skipped",
}


class SortBy(ModalScreen[Order | None]):
    """Choose an order; the cursor begins on the active one, and choosing that one reverses it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "leave"),
        Binding("enter", "choose", "choose"),
        Binding("o", "next", "next"),
    ]
    AUTO_FOCUS = "Rows"

    def __init__(self, order: Order) -> None:
        super().__init__()
        self._order = order
        self._rows = Rows((ListColumn("sort by", 10), ListColumn("which is", 0)), empty="")

    def compose(self) -> ComposeResult:
        with Vertical(classes="modal", id="sorting"):
            yield Static(
                line(("Sort the list", "bold $bright"), ("  the cursor stays on its row", "$quiet")), markup=False
            )
            yield self._rows
            yield KeyLine(("o ↑↓", "choose"), ("enter", "sort"), ("esc", "cancel"))

    def on_mount(self) -> None:
        arrow = "▼" if self._order.descending else "▲"
        self._rows.set_rows(
            [
                Row(
                    key,
                    ((f"{key} {arrow}" if key == self._order.key else key, "$bright"), (MEANINGS[key], "$quiet")),
                    key,
                )
                for key in KEYS
            ]
        )
        self._rows.cursor = KEYS.index(self._order.key)

    def on_rows_chosen(self) -> None:
        self.action_choose()

    def action_next(self) -> None:
        self._rows.cursor = (self._rows.cursor + 1) % len(KEYS)

    def action_choose(self) -> None:
        row = self._rows.selected
        if row is None:
            self.dismiss(None)
        elif row.value == self._order.key:
            self.dismiss(self._order.reversed)
        else:
            self.dismiss(first_of(str(row.value)))

    def action_leave(self) -> None:
        self.dismiss(None)
