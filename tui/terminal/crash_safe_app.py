"""Filter control characters from what an application draws, and secrets from its crash report."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from rich.cells import cell_len
from rich.segment import Segment
from rich.text import Text
from textual.color import Color
from textual.filter import LineFilter
from textual.widgets import Input

from core.text import UNSAFE
from tui.terminal import crash
from tui.terminal.textual_fixes import OrderedKeysApp


class InertLines(LineFilter):
    """Replace in every drawn line what :func:`core.text.inert` would replace, keeping the width in cells.

    Widgets make foreign text inert themselves. This filter catches what they cannot know: an input field shows what was
    pasted into it, and a new widget may forget. ``caught`` counts the segments in which something was replaced.
    """

    def __init__(self) -> None:
        super().__init__()
        self.caught = 0

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002 - Textual's
        return [
            segment
            if segment.text.isascii() and segment.text.isprintable()
            else Segment(self._replaced(segment.text), segment.style, segment.control)
            for segment in segments
        ]

    def _replaced(self, text: str) -> str:
        if UNSAFE.search(text) is None:
            return text
        self.caught += 1
        return UNSAFE.sub(_dots, text)


def _dots(match: re.Match[str]) -> str:
    return "·" * cell_len(match.group())


class CrashSafeApp(OrderedKeysApp):
    """Filter what is drawn, and write a crash report without values to ``crash_path``.

    Textual would print every local variable, and a key that was being typed in or an email may be among them.
    """

    def __init__(self, crash_path: Path, *, ansi_color: bool | None = None) -> None:
        super().__init__(ansi_color=ansi_color)
        self.crash_path = crash_path
        self.inert_lines = InertLines()

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), self.inert_lines]

    def _fatal_error(self) -> None:
        """Replace Textual's report, which shows the values of variables."""
        error = self._exception
        if error is not None and not self._exit_renderables:
            secrets = self._typed_secrets()
            kept = crash.keep(self.crash_path, crash.report(error, secrets))
            self._exit_renderables.append(Text(crash.sentence(error, self.crash_path, secrets, kept=kept)))
        self._close_messages_no_wait()

    def _typed_secrets(self) -> list[str]:
        return [field.value for screen in self.screen_stack for field in screen.query(Input) if field.password]
