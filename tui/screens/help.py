"""Every key, screen by screen, and why some of them do nothing at this moment."""

from __future__ import annotations

from collections.abc import Iterable

from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from core.text import one_line
from tui.actions import Context, Scope, in_scope
from tui.present import fit
from tui.screens.sheet import Sheet
from tui.widgets.pane import line


class HelpScreen(Sheet):
    """Made from the list of actions; the screen that asked for it comes first."""

    SCOPE = Scope.HELP

    def __init__(self, asked_from: Context) -> None:
        super().__init__()
        self._from = asked_from

    def content(self) -> Iterable[Widget]:
        yield VerticalScroll(Static(self._text(), markup=False), id="help")

    def on_mount(self) -> None:
        super().on_mount()
        self.set_focus(self.query_one("#help"))

    def _text(self) -> Content:
        here = self._from.scope
        scopes = [here, *(scope for scope in Scope if scope not in (here, Scope.HELP))]
        rows: list[Content] = []
        for scope in scopes:
            rows += [Content.empty(), line((scope.value, "bold $accent"), (" · this screen" if scope is here else "", "$quiet"))]
            for action in in_scope(scope):
                reason = action.blocked(self._from) if scope is here else None
                word = action.label(self._from if scope is here else Context(scope))
                rows.append(
                    line(
                        ("  " + fit(action.key, 7), "bold $bright" if reason is None else "$faint"),
                        (fit(word, 22), "$foreground" if reason is None else "$quiet"),
                        (action.help, "$quiet"),
                        (f" Not now: {one_line(reason, limit=200)}" if reason else "", "$waiting"),
                    )
                )
        paths = self.console_app.settings
        rows += [Content.empty(), line(("Where things are", "bold $accent"))]
        for name, path in (
            ("runs", paths.runs_dir),
            ("keys", paths.keys_path),
            ("quotas", paths.quota_path),
            ("settings", paths.config_path),
        ):
            rows.append(line(("  " + fit(name, 29), "$foreground"), (one_line(str(path)), "$quiet")))
        return Content("\n").join(rows)
