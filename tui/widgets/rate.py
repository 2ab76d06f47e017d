"""Labels per minute over time."""

from __future__ import annotations

from dataclasses import dataclass, replace

from textual.content import Content

from core.model import PacePoint
from tui.present import Column, Rate, age, columns, countdown, fit, graph, number, rate
from tui.widgets.pane import Pane, line


@dataclass(frozen=True, slots=True)
class RateFacts:
    """The pace of the run until ``now``, in whole seconds so that equal pictures stay equal.

    Where no worker lives, ``now`` is when the last slice ended, and the rate of this moment is none.
    """

    pace: tuple[PacePoint, ...]
    now: float
    alive: bool


class RatePane(Pane):
    NAME = "Rate"
    NUMBER = 2

    def heading(self) -> str:
        return "labels/min"

    def body(self, width: int, height: int) -> list[Content]:
        facts: RateFacts = self.facts
        if not facts.pace:
            return [line(("labels per minute will be drawn here", "$quiet"))]
        figures = rate(facts.pace, facts.now)
        cols, span_s = columns(facts.pace, facts.now, width)
        rows = [_colored(row, cols, bottom) for row, bottom in _with_floor(graph(cols, max(1, height - 1)))]
        if not facts.alive:
            figures = replace(figures, now=0.0)
        return [*rows, _legend(figures, span_s * width, width)]


def _with_floor(rows: list[str]) -> list[tuple[str, bool]]:
    return [(row, index == len(rows) - 1) for index, row in enumerate(rows)]


def _colored(row: str, cols: tuple[Column, ...], bottom: bool) -> Content:  # noqa: FBT001
    if not bottom or not any(column.waited for column in cols):
        return line((row, "$running"))
    return line(*((cell, "$waiting" if column.waited else "$running") for cell, column in zip(row, cols, strict=True)))


def _legend(figures: Rate, covers_s: float, width: int) -> Content:
    parts: list[tuple[str, str]] = []
    for name, value, tone in (
        ("now", figures.now, "bold $bright"),
        ("mean", figures.mean, "$bright"),
        ("peak", figures.peak, "$bright"),
    ):
        parts += [(f"{name} ", "$quiet"), (fit(number(value), 5, right=True), tone), ("  ", "")]
    if figures.waited_s >= 1 and width >= 44:
        parts.append((f"· waited {countdown(figures.waited_s)}", "$waiting"))
    elif width >= 44:
        parts.append((f"last {age(covers_s)}", "$quiet"))
    return line(*parts)
