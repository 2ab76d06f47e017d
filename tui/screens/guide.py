"""Show the guide: its pages in a list, the chosen one beside it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui import guide
from tui.actions.context import Scope
from tui.guide.layout import Kind, lay_out
from tui.screens.base_screen import BaseScreen
from tui.text.parts import line
from tui.widgets.window_parts import TextScroll

_STYLES = {
    Kind.TEXT: "$foreground",
    Kind.HEADING: "bold $accent",
    Kind.CODE: "$bright",
    Kind.STRONG: "bold $foreground",
}
_MARGIN = 4
"""Columns beside the text: padding and the scroll bar."""

_TOPIC_OF = {
    Scope.RUNS: "getting-started",
    Scope.NEW_RUN: "files",
    Scope.MONITOR: "troubleshooting",
    Scope.EMAILS: "quality",
    Scope.RECORD: "quality",
    Scope.BATCHES: "half-price",
    Scope.KEYS: "keys",
    Scope.KEY: "keys",
    Scope.TASK: "tasks",
    Scope.MESSAGES: "tasks",
    Scope.TRIAL: "tasks",
    Scope.HELP: "console",
    Scope.REVIEW: "quality",
    Scope.QUALITY: "quality",
    Scope.COMPARE: "quality",
}
"""The page that each screen leads to; the first page from any other."""


def topic_of(scope: Scope) -> str:
    """Return the page about what that screen shows."""
    return _TOPIC_OF.get(scope, guide.TOPICS[0])


class Topics(OptionList):
    """List the pages; ``j``, ``k``, ``g`` and ``G`` move as in every list."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", "down", show=False),
        Binding("k", "cursor_up", "up", show=False),
        Binding("g", "first", "first", show=False),
        Binding("G", "last", "last", show=False),
    ]


class GuideScreen(BaseScreen):
    """Show the guide: the list moves with n and N, or with its cursor while it has the focus; the page scrolls."""

    SCOPE = Scope.GUIDE

    def __init__(self, topic: str = guide.TOPICS[0]) -> None:
        super().__init__()
        self._topic = topic

    def content(self) -> Iterable[Widget]:
        topics = Topics(*(Option(topic, id=topic) for topic in guide.TOPICS), id="topics", markup=False)
        yield Horizontal(topics, TextScroll(Static("", markup=False), id="page"), id="guide")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#topics", OptionList).highlighted = guide.TOPICS.index(self._topic)
        self.set_focus(self.query_one("#page"))

    def on_resize(self, _: events.Resize) -> None:
        self.call_after_refresh(self._draw)

    def on_option_list_option_highlighted(self, message: OptionList.OptionHighlighted) -> None:
        self._topic = message.option_id or self._topic
        self.query_one("#page").scroll_to(y=0, animate=False)
        self._draw()

    def on_option_list_option_selected(self, _: OptionList.OptionSelected) -> None:
        self.set_focus(self.query_one("#page"))

    def _draw(self) -> None:
        page = self.query_one("#page", VerticalScroll)
        lines = lay_out(guide.page(self._topic), page.size.width - _MARGIN)
        rows = [line(*((span.text, _STYLES[span.kind]) for span in spans)) for spans in lines]
        page.query_one(Static).update(Content("\n").join(rows))

    def do_next(self) -> None:
        """Show the next page; after the last one, the first."""
        self.query_one("#topics", OptionList).action_cursor_down()

    def do_previous(self) -> None:
        """Show the page before; before the first one, the last."""
        self.query_one("#topics", OptionList).action_cursor_up()
