"""The line at the foot of a small window: its keys, and what each does there."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from tui.widgets.panes.pane import line

GAP = "  "
"""Between a word and the next key, as in the footer."""

Named = tuple[str, str]
"""A key as a person reads it, and what it does in a word or some."""


def keys_line(*named: Named) -> Content:
    """Return the keys in the order given, bold and in the accent color; ``tui.actions.clicks`` makes each a button."""
    return Content(GAP).join(line((key, "bold $accent"), f" {does}") for key, does in named)


class KeyLine(Static):
    """Shows :func:`keys_line`; the keys must be bindings of the screen that it stands on."""

    def __init__(self, *named: Named) -> None:
        super().__init__(keys_line(*named), markup=False, classes="choices")

    def name_keys(self, *named: Named) -> None:
        """Name these instead."""
        self.update(keys_line(*named))
