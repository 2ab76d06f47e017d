"""Labels per minute over time."""

from __future__ import annotations

from dataclasses import dataclass, replace

from textual.content import Content

from core.model import PacePoint
from tui.text.numbers import age, countdown, fit, five
from tui.text.rates import WAITED, Column, Rate, columns, graph, rate
from tui.widgets.panes.pane import Pane, line

LEGEND = 34
"""Cells that now, mean and peak take, with a space behind them."""


@dataclass(frozen=True, slots=True)
class RateFacts:
    """The pace of the run until ``now``, in whole seconds so that equal pictures stay equal.

    Where no worker lives, ``now`` is when the last slice ended; where none works (``asking``), the rate of this moment
    is none.
    """

    pace: tuple[PacePoint, ...]
    now: float
    asking: bool


class RatePane(Pane):
    NAME = "Rate"
    NUMBER = 2

    def heading(self) -> str:
        facts: RateFacts = self.facts
        width = max(1, self.size.width)
        _, span_s = columns(facts.pace, facts.now, width)
        return f"labels/min over {age(span_s * width)}" if span_s else "labels/min"

    def body(self, width: int, height: int) -> list[Content]:
        facts: RateFacts = self.facts
        if not facts.pace:
            return [line(("labels per minute will be drawn here", "$quiet"))]
        figures = rate(facts.pace, facts.now)
        cols, _ = columns(facts.pace, facts.now, width)
        rows = [_colored(row, cols, bottom) for row, bottom in _with_floor(graph(cols, max(1, height - 1)))]
        if not facts.asking:
            figures = replace(figures, now=0.0)
        return [*rows, _legend(figures, width)]


def _with_floor(rows: list[str]) -> list[tuple[str, bool]]:
    return [(row, index == len(rows) - 1) for index, row in enumerate(rows)]


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
        parts += [(f"{name} ", "$quiet"), (fit(five(value), 5, right=True), tone), ("  ", "")]
    parts[-1] = (" ", "")
    room = width - LEGEND
    waited = countdown(figures.waited_s)
    ways = (f"{WAITED} waited {waited}", f"waited {waited}", f"{WAITED} {waited}")
    for text in ways if figures.waited_s >= 1 else ():
        if len(text) <= room:
            parts.append((text, "$waiting"))
            break
    return line(*parts)
