"""Draw parts that windows and screens share: the line of keys at the foot, why input was refused, scrolled text."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, ScreenResultType
from textual.widgets import Static

from core.text import one_line
from tui.terminal.textual_fixes import alive
from tui.text.parts import line
from tui.widgets.lists.rows import Rows

GAP = "  "
"""Between a word and the next key, as in the footer."""

Named = tuple[str, str]
"""A key as people read it, and what it does in a word or some."""


def keys_line(*named: Named) -> Content:
    """Return the keys in the order given, bold and in the accent color; ``tui.actions.clicks`` makes each a button."""
    return Content(GAP).join(line((key, "bold $accent"), f" {does}") for key, does in named)


class KeyLine(Static):
    """Show :func:`keys_line`; the keys must be bindings of its screen."""

    def __init__(self, *named: Named) -> None:
        super().__init__(keys_line(*named), markup=False, classes="choices")

    def name_keys(self, *named: Named) -> None:
        """Show these keys instead."""
        self.update(keys_line(*named))


LONGEST = 400
"""Characters of a sentence that are shown."""


class Refusal(Static):
    """Show why input was refused; the words may come from anywhere, and late."""

    def __init__(self) -> None:
        super().__init__("", markup=False, id="refusal")

    def say(self, sentence: str, tone: str = "$failed") -> None:
        """Replace the sentence; do nothing where the window was closed meanwhile."""
        if alive(self):
            self.update(line((one_line(sentence, limit=LONGEST), tone)))


class ChooseRow(ModalScreen[ScreenResultType]):
    """Choose a row of the window's list; return its value, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "leave"),
        Binding("enter", "choose", "choose"),
    ]
    AUTO_FOCUS = "Rows"

    def on_rows_chosen(self) -> None:
        self.action_choose()

    def action_choose(self) -> None:
        row = self.query_one(Rows).selected
        self.dismiss(None if row is None else row.value)

    def action_leave(self) -> None:
        self.dismiss(None)


class TextScroll(VerticalScroll):
    """Scroll a text by the arrow keys, or by ``j`` and ``k``; ``g`` and ``G`` go to its ends."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "down", show=False),
        Binding("k", "scroll_up", "up", show=False),
        Binding("g", "scroll_home", "top", show=False),
        Binding("G", "scroll_end", "bottom", show=False),
    ]
