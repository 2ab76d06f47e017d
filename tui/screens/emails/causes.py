"""Failures by cause, with counts; one of them can be chosen to list its emails."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.text.numbers import number, plural
from tui.widgets.key_line import KeyLine
from tui.widgets.lists.rows import ListColumn, Row, Rows
from tui.widgets.panes.pane import line


class Causes(ModalScreen[str | None]):
    """The causes, the most frequent first."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,g", "leave", "leave"),
        Binding("enter", "choose", "choose"),
    ]
    AUTO_FOCUS = "Rows"

    def __init__(self, causes: Sequence[tuple[str, int]]) -> None:
        super().__init__()
        self._causes = causes
        columns = (ListColumn("emails", 9, right=True), ListColumn("why they failed", 0))
        self._rows = Rows(columns, empty="No email has failed.")

    def compose(self) -> ComposeResult:
        total = sum(count for _, count in self._causes)
        title = f"{plural(total, 'failed email')}, {plural(len(self._causes), 'cause')}"
        with Vertical(classes="modal", id="causes"):
            yield Static(line((title, "bold $bright")), markup=False)
            yield self._rows
            yield KeyLine(("enter", "lists them"), ("esc", "leave"))

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
