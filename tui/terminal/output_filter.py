"""The last door before the terminal: whatever a widget draws, no line leaves with something that a terminal handles.

Widgets make foreign text inert themselves, so that it can be read. This stands behind them for what they cannot know:
a field shows what was pasted into it as it is, and a widget may be written that forgets.
"""

from __future__ import annotations

import re

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from core.text import UNSAFE


class InertLines(LineFilter):
    """Takes out of every line what :func:`core.text.inert` would have replaced, and keeps the width in cells.

    ``caught`` counts the pieces of lines in which there was something.
    """

    def __init__(self) -> None:
        super().__init__()
        self.caught = 0

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002 - Textual's
        return [
            segment
            if segment.text.isascii() and segment.text.isprintable()
            else Segment(self._still(segment.text), segment.style, segment.control)
            for segment in segments
        ]

    def _still(self, text: str) -> str:
        if UNSAFE.search(text) is None:
            return text
        self.caught += 1
        return UNSAFE.sub(_nothing, text)


def _nothing(match: re.Match[str]) -> str:
    return "·" * cell_len(match.group())
