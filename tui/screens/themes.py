"""Show the window to choose a theme: the console previews the one under the cursor."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.terminal.theme import ABOUT, PALETTES, PREFIX
from tui.text.parts import line
from tui.widgets.lists.rows import ListColumn, Row, Rows
from tui.widgets.window_parts import KeyLine


class ChooseTheme(ModalScreen[str | None]):
    """Return the theme's name; ``esc`` restores the former one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "save", "save"),
        Binding("escape", "leave", "leave"),
    ]
    AUTO_FOCUS = "Rows"

    def __init__(self) -> None:
        super().__init__()
        self._rows = Rows((ListColumn("theme", 22), ListColumn("", 0)), empty="", id="choice")
        self._before = ""

    def compose(self) -> ComposeResult:
        with Vertical(classes="modal", id="themes"):
            yield Static(line(("Theme", "bold $bright")), markup=False)
            yield self._rows
            yield KeyLine(("↑↓", "preview"), ("enter", "save"), ("esc", "cancel"))

    def on_mount(self) -> None:
        self._before = self.app.theme
        others = sorted(set(self.app.available_themes) - set(PALETTES))
        names = [*PALETTES, *others]
        self._rows.set_rows([_row(name) for name in names])
        self._rows.cursor = names.index(self._before) if self._before in names else 0

    def on_rows_moved(self) -> None:
        if self._rows.selected is not None and self._before:
            self.app.theme = str(self._rows.selected.value)

    def on_rows_chosen(self) -> None:
        self.action_save()

    def action_save(self) -> None:
        self.dismiss(self.app.theme)

    def action_leave(self) -> None:
        self.app.theme = self._before
        self.dismiss(None)


def _row(name: str) -> Row:
    shown = name.removeprefix(PREFIX)
    return Row(name, ((shown, "bold $bright"), (ABOUT.get(name, "Textual's"), "$quiet")), name)
