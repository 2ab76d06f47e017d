"""Show the lines on top of a screen: state, wait, end, age of the data; and what a tiny terminal shows instead."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len
from textual.content import Content
from textual.reactive import reactive

from core.text import one_line
from tui.terminal.textual_fixes import alive
from tui.text.clauses import in_rows
from tui.text.numbers import age, clock
from tui.text.parts import line
from tui.text.state_sentence import StateSentence
from tui.view_state import STALE_AFTER_S
from tui.widgets.panes.pane import LinesWidget

STEADY = frozenset({"CANNOT READ", "STALE", "DONE", "STOPPED", "PAUSED"})
"""States in which nothing changes, so that a long sentence may take more rows without moving a pane."""
MOST_ROWS = 3


@dataclass(frozen=True, slots=True)
class Headline:
    """Hold the state line of a run; ``age_s`` is None before the first reading.

    ``held`` says that the view is held, ``read_only`` that the console changes nothing.
    """

    name: str
    state_sentence: StateSentence
    simulated: bool
    age_s: float | None
    now: float
    held: bool = False
    read_only: bool = False


class StateLine(LinesWidget):
    """Show state, sentence and data age on every screen of a run."""

    headline: reactive[Headline | None] = reactive(None, repaint=False)

    def watch_headline(self) -> None:
        if alive(self):
            self._fit()
            self.redraw()

    def on_resize(self) -> None:
        self._fit()

    def _fit(self) -> None:
        """Set the height that the sentence needs."""
        rows = 1 + len(self._sentence(self.size.width))
        if self.size.width and (self.styles.height is None or self.styles.height.value != rows):
            self.styles.height = rows

    def _sentence(self, width: int) -> list[str]:
        """Return the sentence in rows: up to three in a steady state, one where it changes all the time."""
        if self.headline is None:
            return [""]
        state_sentence = self.headline.state_sentence
        return in_rows(state_sentence.clauses, max(20, width - 2), MOST_ROWS if state_sentence.word in STEADY else 1)

    def lines(self, width: int, height: int) -> list[Content]:  # noqa: ARG002 - its height follows the sentence
        headline = self.headline
        if headline is None:
            return []
        state = headline.state_sentence
        fresh = headline.age_s is not None and headline.age_s <= STALE_AFTER_S
        if headline.age_s is None:
            how_old = ""
        elif fresh:
            how_old = f"updated {age(headline.age_s)} ago"
        else:
            said = "" if state.word == "STALE" else "STALE, "  # the word is shown already
            how_old = f"! {said}updated {age(headline.age_s)} ago"
        right = f"{how_old}   {clock(headline.now)} "
        name = one_line(headline.name, limit=max(8, width // 4))
        simulated = " SIMULATED labels " if headline.simulated else ""
        held = " VIEW HELD " if headline.held else ""
        read_only = " READ-ONLY " if headline.read_only else ""
        left = cell_len(name) + cell_len(state.word) + cell_len(simulated) + cell_len(held) + cell_len(read_only) + 8
        if left + cell_len(right) > width:
            right = f"{how_old} "  # the time of day is dropped first
        gap = max(1, width - left - cell_len(right))
        first = line(
            " ",
            (name, "bold $bright"),
            "   ",
            (f"{state.glyph} {state.word}", f"bold ${state.tone}"),
            "  ",
            (simulated, "$background on $quiet"),
            (held, "bold $background on $accent"),
            (read_only, "$accent on $panel"),
            " " * gap,
            (right, "$quiet" if fresh or headline.age_s is None else "bold $waiting"),
        )
        return [first, *(line(" ", (row, "$foreground")) for row in self._sentence(width))]


NEEDED = (60, 16)
"""Columns and rows that a screen needs at least."""


def too_small(width: int, height: int) -> bool:
    """Return whether nothing but the state fits."""
    return width < NEEDED[0] or height < NEEDED[1]


class TooSmall(LinesWidget):
    """Say which size is needed. The state line above stays."""

    def lines(self, width: int, height: int) -> list[Content]:  # noqa: ARG002 - what is too long is cut off
        size = self.screen.size
        said = (
            f"This window is {size.width} by {size.height}.",
            f"{NEEDED[0]} by {NEEDED[1]} are needed to show more.",
            "The worker is not affected.",
        )
        return [line((f" {text}", "$quiet")) for text in said]
