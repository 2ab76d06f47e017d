"""Show the footer: the keys of this screen from the list of actions. Disabled ones are dimmed, not hidden."""

from __future__ import annotations

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive

from tui.terminal.textual_fixes import alive
from tui.text.parts import line
from tui.widgets.panes.pane import LinesWidget


class HintChosen(Message):
    """Report that a hint was clicked."""

    def __init__(self, action_id: str) -> None:
        super().__init__()
        self.action_id = action_id


Hint = tuple[str, str, str, bool, int]
"""Action, key, word, enabled, rank."""


class Hints(LinesWidget):
    """Show one line. Where cells are few, words lose their parentheses, then hints of a low rank are dropped.

    The number of dropped ones is shown beside the help, which lists them all.
    """

    hints: reactive[tuple[Hint, ...]] = reactive((), repaint=False)

    def __init__(self) -> None:
        super().__init__()
        self._places: list[tuple[int, int, str]] = []

    def watch_hints(self) -> None:
        if alive(self):
            self.redraw()

    def lines(self, width: int, height: int) -> list[Content]:  # noqa: ARG002 - its height is fixed
        shown, palette = list(self.hints), "palette "
        if _cells(shown, palette) > width:
            palette = ""
            shown = [(name, key, word.split(" (")[0], can, rank) for name, key, word, can, rank in shown]
        kept = shown
        while kept and _cells(shown := _counted(kept, len(self.hints) - len(kept)), palette) > width:
            lowest = min(rank for *_, rank in kept)
            last = max(place for place, (*_, rank) in enumerate(kept) if rank == lowest)
            kept = kept[:last] + kept[last + 1 :]
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


def _counted(kept: list[Hint], gone: int) -> list[Hint]:
    """Return the hints with the number of dropped ones beside the help."""
    more = f" +{gone}" if gone else ""
    return [(name, key, word + more if name == "help" else word, can, rank) for name, key, word, can, rank in kept]


def _cells(shown: list[Hint], palette: str) -> int:
    """Return the cells that the line takes, with the palette's key at its end."""
    return 1 + sum(cell_len(key) + cell_len(word) + 3 for _, key, word, *_ in shown) + 3 + len(palette)
