"""The footer: the keys of this screen from the list of actions. What is not possible now is dimmed, not hidden."""

from __future__ import annotations

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive

from tui.widgets.pane import LinesWidget, line


class HintChosen(Message):
    """Somebody clicked on a hint."""

    def __init__(self, action_id: str) -> None:
        super().__init__()
        self.action_id = action_id


Hint = tuple[str, str, str, bool]
"""Action, key, word, possible now."""


class Hints(LinesWidget):
    """One line; what does not fit falls off from the middle, the help at its end stays."""

    hints: reactive[tuple[Hint, ...]] = reactive(())

    def __init__(self) -> None:
        super().__init__()
        self._places: list[tuple[int, int, str]] = []

    def watch_hints(self) -> None:
        if self.is_mounted:
            self.redraw()

    def lines(self, width: int, height: int) -> list[Content]:
        shown = list(self.hints)
        palette = "^p palette "

        def needed(hints: list[Hint]) -> int:
            return 1 + sum(cell_len(key) + cell_len(word) + 3 for _, key, word, _ in hints)

        room = width - (len(palette) if width >= 60 else 0)
        while len(shown) > 3 and needed(shown) > room:
            weakest = next((i for i in range(len(shown) - 4, -1, -1) if not shown[i][3]), len(shown) - 4)
            del shown[weakest]
        parts: list[tuple[str, str]] = []
        self._places, at = [], 1
        for action_id, key, word, can in shown:
            end = at + cell_len(key) + 1 + cell_len(word)
            self._places.append((at, end, action_id))
            parts.append((key, "bold $accent" if can else "$faint"))
            parts.append((f" {word}  ", "$foreground" if can else "$faint"))
            at = end + 2
        gap = width - at - len(palette)
        if width >= 60 and gap >= 0:
            self._places.append((at + gap, width, "palette"))
            parts += [(" " * gap, ""), ("^p", "bold $accent"), (" palette ", "$foreground")]
        return [line(" ", *parts)]

    def on_click(self, event: events.Click) -> None:
        for start, end, action_id in self._places:
            if start <= event.x < end:
                self.post_message(HintChosen(action_id))
                return
