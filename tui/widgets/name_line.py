"""A line in which a name is typed, and the list narrows with each letter."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, Static

from tui.widgets.panes.pane import line


class NameLine(Vertical):
    """``narrow`` hears what was typed, ``done`` that the line was left; ``esc`` takes the filter away."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "leave", show=False)]

    def __init__(self, narrow: Callable[[str], None], done: Callable[[], None]) -> None:
        super().__init__(id="filter")
        self._narrow = narrow
        self._done = done
        self._input = Input(placeholder="part of a name", compact=True)

    def compose(self) -> ComposeResult:
        yield self._input
        yield Static(line(("enter keeps it · esc shows all again", "$quiet")), markup=False)

    def on_mount(self) -> None:
        self.display = False

    def open(self, text: str) -> None:
        """Show it, with the filter in force."""
        self.display = True
        self._input.value = text
        self._input.focus()

    def on_input_changed(self, message: Input.Changed) -> None:
        message.stop()
        if self.display:
            self._narrow(message.value.strip())

    def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        self.display = False
        self._done()

    def action_leave(self) -> None:
        self.display = False
        self._narrow("")
        self._done()
