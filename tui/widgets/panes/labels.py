"""How the labels are distributed, over all and lately, with how sure that is."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content

from tui.actions.keymap import key
from tui.text.numbers import bar, fit, foreign, number, share, trend
from tui.widgets.panes.pane import Pane, line

WIDE = 44
"""Cells from which on there is room for long names."""


@dataclass(frozen=True, slots=True)
class LabelCount:
    """A label with its counts: over the whole run, and among the newest."""

    value: str
    name: str
    count: int
    lately: int


@dataclass(frozen=True, slots=True)
class LabelFacts:
    """``simulated`` labels mean nothing, and the pane says so. ``sample`` tells whether the order is random."""

    labels: tuple[LabelCount, ...]
    simulated: bool
    sample: bool


class LabelsPane(Pane):
    NAME = "Labels %"
    NUMBER = 4

    def heading(self) -> str:
        facts: LabelFacts = self.facts
        whole, lately = _sums(facts)
        kind = "simulated · " if facts.simulated and self.size.width >= WIDE else ""
        return f"{kind}all {number(whole)} · last {number(lately)}"

    def rows_wanted(self) -> int:
        return min(6, max(2, len(self.facts.labels))) if self.facts is not None else 2

    def body(self, width: int, height: int) -> list[Content]:
        facts: LabelFacts = self.facts
        whole, lately = _sums(facts)
        if not whole:
            names = " · ".join(f"{label.value} {label.name}" for label in facts.labels)
            return [line((foreign(f"no label yet: {names}", width), "$quiet"))]
        labels = sorted(facts.labels, key=lambda label: -label.count)
        rows = [_row(label, whole, lately, width) for label in labels]
        if len(rows) > height:
            hidden = len(rows) - height + 1
            rows = [*rows[: height - 1], line((f"{hidden} more · {key('zoom')} shows them", "$quiet"))]
        elif len(rows) < height and not facts.sample:
            rows.append(line(("in source order: not a random sample yet", "$quiet")))
        return rows


def _sums(facts: LabelFacts) -> tuple[int, int]:
    return sum(label.count for label in facts.labels), sum(label.lately for label in facts.labels)


def _row(label: LabelCount, whole: int, lately: int, width: int) -> Content:
    name_width = 11 if width < WIDE else 14
    arrow = trend(label.lately, lately, label.count, whole)
    shares = fit(share(label.count, whole), 10, right=True)
    late = fit(share(label.lately, lately), 10, right=True)
    room = max(0, width - name_width - 10 - 12 - 1)
    return line(
        (foreign(f"{label.value} {label.name}", name_width - 1) + " ", "$foreground"),
        (bar(label.count / whole, room), "$share"),
        (shares, "$bright"),
        (f" {arrow}", "$waiting" if arrow in "▲▼" else "$quiet"),
        (late, "$quiet"),
    )
