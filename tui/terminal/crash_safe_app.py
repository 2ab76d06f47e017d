"""An application that lets out nothing that it should keep: not to the terminal, and not when it breaks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.text import Text
from textual.app import App
from textual.filter import LineFilter
from textual.widgets import Input

from tui.terminal import crash
from tui.terminal.output_filter import InertLines


class CrashSafeApp(App[None]):
    """``crash_path`` is where the report of an error goes that nobody expected."""

    def __init__(self, crash_path: Path, *, ansi_color: bool | None = None) -> None:
        super().__init__(ansi_color=ansi_color)
        self.crash_path = crash_path
        self.last_door = InertLines()

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), self.last_door]

    def _fatal_error(self) -> None:
        """Instead of Textual's report, which shows the values of variables."""
        error = self._exception
        if error is not None and not self._exit_renderables:
            secrets = self._typed_secrets()
            kept = crash.keep(self.crash_path, crash.report(error, secrets))
            self._exit_renderables.append(Text(crash.sentence(error, self.crash_path, secrets, kept=kept)))
        self._close_messages_no_wait()

    def _typed_secrets(self) -> list[str]:
        return [field.value for screen in self.screen_stack for field in screen.query(Input) if field.password]
