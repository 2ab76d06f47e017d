"""Why a small window did not take what was typed."""

from __future__ import annotations

from textual.widgets import Static

from core.text import one_line
from tui.terminal.alive import alive
from tui.widgets.panes.pane import line

LONGEST = 400
"""Characters of a sentence that are shown."""


class Refusal(Static):
    """Empty until something is to be said; the words may come from anywhere, and late."""

    def __init__(self) -> None:
        super().__init__("", markup=False, id="refusal")

    def say(self, sentence: str, tone: str = "$failed") -> None:
        """Show the sentence instead of the one before; nothing, where the window was left meanwhile."""
        if alive(self):
            self.update(line((one_line(sentence, limit=LONGEST), tone)))
