"""A page: text that is made for its width, and scrolled."""

from __future__ import annotations

from collections.abc import Iterable

from textual import events
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from tui.screens.base_screen import BaseScreen

MARGIN = 6
"""Cells beside the text: padding and the scroll bar."""


class Page(BaseScreen):
    """Subclasses say what stands on it."""

    def text(self, width: int) -> Content:
        """The whole text in lines of that many cells."""
        raise NotImplementedError

    def content(self) -> Iterable[Widget]:
        yield VerticalScroll(Static("", markup=False), id="page")

    def on_mount(self) -> None:
        super().on_mount()
        self.set_focus(self.query_one("#page"))

    def on_resize(self, event: events.Resize) -> None:
        self.draw(event.size.width)

    def draw(self, width: int = 0) -> None:
        """Make the text anew."""
        self.query_one("#page Static", Static).update(self.text((width or self.app.size.width) - MARGIN))
