"""Every key, screen by screen, and why some of them do nothing at this moment."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from textual import events
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from core.text import one_line
from tui.actions import EVERYWHERE, Action, in_scope
from tui.context import Context, Scope
from tui.present import fit
from tui.screens.sheet import Sheet
from tui.widgets.pane import line

INDENT = 31
"""Cells before an explanation."""


class HelpScreen(Sheet):
    """Made from the list of actions; the screen that asked for it comes first."""

    SCOPE = Scope.HELP

    def __init__(self, asked_from: Context) -> None:
        super().__init__()
        self._from = asked_from

    def content(self) -> Iterable[Widget]:
        yield VerticalScroll(Static("", markup=False), id="help")

    def on_mount(self) -> None:
        super().on_mount()
        self.set_focus(self.query_one("#help"))

    def on_resize(self, event: events.Resize) -> None:
        self.query_one("#help Static", Static).update(self._text(event.size.width - 6))

    def _text(self, width: int) -> Content:
        here = self._from.scope
        rows = [Content.empty(), line((here.value, "bold $accent"), (" · this screen", "$quiet"))]
        for action in in_scope(here):
            rows += _lines(action, self._from, width, reason=action.blocked(self._from))
        for scope in Scope:
            others = [action for action in in_scope(scope) if action.scopes != EVERYWHERE]
            if scope in (here, Scope.HELP):
                continue
            rows += [Content.empty(), line((scope.value, "bold $accent"))]
            for action in others:
                rows += _lines(action, Context(scope), width, reason=None)
        paths = self.console_app.settings
        rows += [Content.empty(), line(("Where things are", "bold $accent"))]
        for name, path in (
            ("runs", paths.runs_dir),
            ("keys", paths.keys_path),
            ("quotas", paths.quota_path),
            ("settings", paths.config_path),
        ):
            rows.append(line((fit("", 2) + fit(name, INDENT - 2), "$foreground"), (one_line(str(path)), "$quiet")))
        return Content("\n").join(rows)


def _lines(action: Action, context: Context, width: int, *, reason: str | None) -> list[Content]:
    texts = [(part, "$quiet") for part in textwrap.wrap(action.told, max(20, width - INDENT))]
    if reason:
        not_now = f"Not now: {one_line(reason, limit=200)}"
        texts += [(part, "$waiting") for part in textwrap.wrap(not_now, max(20, width - INDENT))]
    key = ("  " + fit(action.key, 7), "bold $bright" if reason is None else "$faint")
    word = (fit(action.label(context), INDENT - 9), "$foreground" if reason is None else "$quiet")
    first = line(key, word, texts[0])
    return [first, *(line(" " * INDENT, text) for text in texts[1:])]
