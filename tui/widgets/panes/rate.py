"""Show labels per minute over time: a chart with its scale and a time axis, and the figures now, mean and peak."""

from __future__ import annotations

from dataclasses import dataclass, replace

from textual.content import Content

from core.model import PacePoint
from tui.text.numbers import age, clock, compact, countdown, fit
from tui.text.parts import line
from tui.text.rates import WAITED, Column, Rate, columns, graph, rate
from tui.widgets.panes.pane import Pane

LEGEND = 34
"""Cells that now, mean and peak take, with a space behind them."""

SCALE = 6
"""Cells of the scale left of the chart: a rate in five cells and a space."""

AXIS_FROM = 5
"""Rows from which on the last but one is the time axis; below that only the title names the time covered."""


@dataclass(frozen=True, slots=True)
class RateFacts:
    """Hold the pace of the run until ``now``, in whole seconds so that equal charts stay equal.

    Without a living worker ``now`` is the end of the last slice; where none labels (``asking`` is false), the current
    rate is 0.
    """

    pace: tuple[PacePoint, ...]
    now: float
    asking: bool


class RatePane(Pane):
    NAME = "Rate"
    NUMBER = 2

    def heading(self) -> str:
        facts: RateFacts = self.facts
        width = max(1, self.size.width - SCALE)
        _, span_s = columns(facts.pace, facts.now, width)
        return f"labels/min, {'last ' if facts.asking else ''}{age(span_s * width)}" if span_s else "labels/min"

    def body(self, width: int, height: int) -> list[Content]:
        facts: RateFacts = self.facts
        if not facts.pace:
            return [line(("labels per minute appear here", "$quiet"))]
        figures = rate(facts.pace, facts.now)
        if not facts.asking:
            figures = replace(figures, now=0.0)
        if height == 1:
            return [_legend(figures, width)]
        cols, span_s = columns(facts.pace, facts.now, width - SCALE)
        axis = height >= AXIS_FROM
        blocks = graph(cols, height - 2 if axis else height - 1)
        top = max((column.rate for column in cols), default=0.0)
        rows: list[Content] = []
        for n, blocks_of_row in enumerate(blocks):
            bottom = n == len(blocks) - 1
            marked = compact(top) if n == 0 else "0" if bottom else ""
            rows.append(
                line((fit(marked, SCALE - 1, right=True) + " ", "$quiet"), _colored(blocks_of_row, cols, bottom))
            )
        if axis:
            rows.append(line((" " * SCALE + _axis(facts, span_s, width - SCALE), "$quiet")))
        return [*rows, _legend(figures, width)]


def _axis(facts: RateFacts, span_s: float, width: int) -> str:
    """Return the time axis: the times of day at the left edge, in the middle where it fits, and at the right edge."""
    end = "now" if facts.asking else clock(facts.now)[:5]
    start = clock(facts.now - span_s * width)[:5]
    middle = clock(facts.now - span_s * width / 2)[:5] if width >= 30 else ""
    space = width - len(start) - len(middle) - len(end)
    left = max(1, width // 2 - len(start) - len(middle) // 2) if middle else space
    return start + " " * left + middle + " " * max(0, space - left) + end


def _colored(row: str, cols: tuple[Column, ...], bottom: bool) -> Content:  # noqa: FBT001
    if not bottom or not any(column.waited for column in cols):
        return line((row, "$graph"))
    return line(*((cell, "$waiting" if column.waited else "$graph") for cell, column in zip(row, cols, strict=True)))


def _legend(figures: Rate, width: int) -> Content:
    parts: list[tuple[str, str]] = []
    for name, value, tone in (
        ("now", figures.now, "bold $bright"),
        ("mean", figures.mean, "$bright"),
        ("peak", figures.peak, "$bright"),
    ):
        parts += [(f"{name} ", "$quiet"), (fit(compact(value), 5, right=True), tone), ("  ", "")]
    parts[-1] = (" ", "")
    room = width - LEGEND
    waited = countdown(figures.waited_s)
    ways = (f"{WAITED} waited {waited}", f"waited {waited}", f"{WAITED} {waited}")
    for text in ways if figures.waited_s >= 1 else ():
        if len(text) <= room:
            parts.append((text, "$waiting"))
            break
    return line(*parts)
