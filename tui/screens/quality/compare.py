"""Compare two runs, or two versions of the task, side by side: what differs, and who is right where people looked."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from core.model import EmailRow
from core.text import inert, one_line
from tui.actions.context import Scope
from tui.screens.base_screen import BaseScreen
from tui.terminal.textual_fixes import alive
from tui.text.quality import compared
from tui.widgets.window_parts import TextScroll

if TYPE_CHECKING:
    from core.engine import Comparison

MOST_READ = 500
"""Differing items that are read one after the other."""


class CompareScreen(BaseScreen):
    """Compare ``path`` with ``other``, or without it the two versions of the task that labeled last."""

    SCOPE = Scope.COMPARE

    def __init__(self, path: Path, other: Path | None = None) -> None:
        super().__init__()
        self._path, self._other = path, other
        self._found: Comparison | None = None

    def content(self) -> Iterable[Widget]:
        yield TextScroll(Static("comparing …", markup=False), id="compared", classes="framed")

    def on_mount(self) -> None:
        super().on_mount()
        self.set_focus(self.query_one("#compared"))
        engine, path, other = self.console_app.engine, self._path, self._other
        self.console_app.countings.send(lambda: engine.compare(path, other), self._compared, self._failed)

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)

    def _compared(self, found: Comparison) -> None:
        self._found = found
        self._draw()

    def _failed(self, sentence: str) -> None:
        if alive(self):
            self.query_one("#compared Static", Static).update(Content(inert(sentence)))

    def _draw(self) -> None:
        if self._found is None or not alive(self):
            return
        pane = self.query_one("#compared")
        rows = compared(self._found, max(40, pane.size.width - 3))
        pane.query_one(Static).update(Content("\n").join(rows))
        pane.border_title = Content(one_line(f"Compare · {self._found.a.run} · {self._found.b.run}", limit=120))

    def do_disagreements(self) -> None:
        """Read the items that differ in the first run, those first that no person labeled; opens it where none is."""
        found, engine, path = self._found, self.console_app.engine, self._path
        if found is None:
            return
        if not found.differing:
            self.console_app.say("Both say the same of everything that they share.")
            return
        unseen = [number for number, *_, person in found.differing if person is None]
        seen = [number for number, *_, person in found.differing if person is not None]

        def rows() -> list[EmailRow]:
            with engine.view(path) as view:
                return view.rows([*unseen, *seen][:MOST_READ])

        self.console_app.countings.send(rows, self._read)

    def _read(self, rows: list[EmailRow]) -> None:
        from tui.screens.emails.record import reading  # noqa: PLC0415 - when it is wanted

        if not rows or not alive(self):
            return
        if self.console_app.run_path is None:
            self.console_app.open_run(str(self._path))
        self.console_app.push_screen(reading(rows))
