"""The page of ``labeltui info``: versions, every path, settings in force, what the terminal can."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from textual.content import Content

from core.text import one_line
from tui.actions.context import Scope
from tui.screens.page import Page
from tui.terminal.alive import alive
from tui.text.installation import Section
from tui.text.numbers import fit
from tui.widgets.panes.pane import line

if TYPE_CHECKING:
    from tui.widgets.panes.pane import Part

NAMES = 17
"""Cells before a value."""


class InfoScreen(Page):
    """Read once, when it is opened."""

    SCOPE = Scope.INFO

    def __init__(self) -> None:
        super().__init__()
        self._sections: tuple[Section, ...] | None = None

    def on_mount(self) -> None:
        super().on_mount()
        self.console_app.jobs.send(self.console_app.views.information(), self._gathered)

    def _gathered(self, sections: tuple[Section, ...]) -> None:
        if alive(self):
            self._sections = sections
            self.draw()

    def text(self, width: int) -> Content:
        if self._sections is None:
            return line(("reading …", "$quiet"))
        rows: list[Content] = []
        for section in self._sections:
            rows += [Content.empty(), line((section.title, "bold $accent"))]
            for name, value in section.facts:
                head: Part = ("  " + fit(one_line(name, limit=40), NAMES - 3) + " ", "$quiet")
                parts = textwrap.wrap(one_line(value, limit=1000), max(20, width - NAMES)) or [""]
                rows.append(line(head, (parts[0], "$foreground")))
                rows += [line((" " * NAMES + more, "$foreground")) for more in parts[1:]]
        return Content("\n").join(rows)
