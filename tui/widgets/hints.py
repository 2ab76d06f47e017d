"""The footer: the keys of this screen from the list of actions. What is not possible now is dimmed, not hidden."""

from __future__ import annotations

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive

from tui.alive import alive
from tui.widgets.pane import LinesWidget, line


class HintChosen(Message):
    """Somebody clicked on a hint."""

    def __init__(self, action_id: str) -> None:
        super().__init__()
        self.action_id = action_id


Hint = tuple[str, str, str, bool, int]
"""Action, key, word, possible now, rank."""


class Hints(LinesWidget):
    """One line. Where room is short, words lose what stands in parentheses; then hints of a low rank give way."""

    hints: reactive[tuple[Hint, ...]] = reactive(())

    def __init__(self) -> None:
        super().__init__()
        self._places: list[tuple[int, int, str]] = []

    def watch_hints(self) -> None:
        if alive(self):
            self.redraw()

    def lines(self, width: int, height: int) -> list[Content]:  # noqa: ARG002 - its height is fixed
        shown: list[Hint] = list(self.hints)
        palette = "palette "

        def too_long() -> bool:
            return 1 + sum(cell_len(key) + cell_len(word) + 3 for _, key, word, *_ in shown) + 3 + len(palette) > width

        if too_long():
            palette = ""
            shown = [(name, key, word.split(" (")[0], can, rank) for name, key, word, can, rank in shown]
        while shown and too_long():
            ranks = [rank for *_, rank in shown]
            del shown[len(ranks) - 1 - ranks[::-1].index(min(ranks))]
        parts: list[tuple[str, str]] = []
        self._places, at = [], 1
        for action_id, key, word, can, _ in shown:
            end = at + cell_len(key) + 1 + cell_len(word)
            self._places.append((at, end, action_id))
            parts.append((key, "bold $accent" if can else "$faint"))
            parts.append((f" {word}  ", "$foreground" if can else "$faint"))
            at = end + 2
        gap = max(0, width - at - 3 - len(palette))
        self._places.append((at + gap, width, "palette"))
        parts += [(" " * gap, ""), ("^p ", "bold $accent"), (palette, "$foreground")]
        return [line(" ", *parts)]

    def on_click(self, event: events.Click) -> None:
        for start, end, action_id in self._places:
            if start <= event.x < end:
                self.post_message(HintChosen(action_id))
                return
