"""What stands in place of a screen where the terminal is too small for it."""

from __future__ import annotations

from textual.content import Content

from tui.widgets.panes.pane import LinesWidget, line

NEEDED = (60, 16)
"""Columns and rows from which on the screens are whole."""


def too_small(width: int, height: int) -> bool:
    """Whether nothing but the state fits."""
    return width < NEEDED[0] or height < NEEDED[1]


class TooSmall(LinesWidget):
    """Says which size is needed. The state line above it stays."""

    def lines(self, width: int, height: int) -> list[Content]:  # noqa: ARG002 - what is too long is cut off
        size = self.screen.size
        said = (
            f"This window is {size.width} by {size.height}.",
            f"{NEEDED[0]} by {NEEDED[1]} are needed to show more.",
            "The worker does not mind.",
        )
        return [line((f" {text}", "$quiet")) for text in said]
