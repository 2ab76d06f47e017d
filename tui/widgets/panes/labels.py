"""Show shares of the labels with their intervals, over the whole run and among the newest."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content

from tui.actions.keymap import key
from tui.text.numbers import bar, fit, foreign, number, share, trend
from tui.text.parts import Part, line
from tui.widgets.panes.pane import Pane

WIDE = 44
"""Cells from which on names have 14 cells instead of 11."""

SHARE = 9
"""Cells of a share: ``99–100 %`` with a space before it."""


@dataclass(frozen=True, slots=True)
class LabelCount:
    """Hold a label with its counts: over the whole run, and among the newest."""

    value: str
    name: str
    count: int
    recent: int


@dataclass(frozen=True, slots=True)
class LabelFacts:
    """Hold the counts; ``simulated`` labels are invented, and ``sample`` says whether the work order is random.

    ``pending`` emails will get a label yet: the shares shown are those of all, with what is not known of them.
    """

    labels: tuple[LabelCount, ...]
    simulated: bool
    sample: bool
    pending: int = 0


class LabelsPane(Pane):
    NAME = "Labels"
    NUMBER = 4

    def heading(self) -> str:
        facts: LabelFacts = self.facts
        whole, recent = _sums(facts)
        kind = "simulated · " if facts.simulated and self.size.width >= WIDE else ""
        return f"{kind}all {number(whole)} · last {number(recent)}"

    def rows_wanted(self) -> int:
        """Return two rows a label, of which the layout grants as many as there is room for."""
        return 2 * max(1, len(self.facts.labels)) if self.facts is not None else 2

    def body(self, width: int, height: int) -> list[Content]:
        facts: LabelFacts = self.facts
        whole, recent = _sums(facts)
        if not whole:
            names = " · ".join(f"{label.value} {label.name}" for label in facts.labels)
            return [line((foreign(f"no label yet: {names}", width), "$quiet"))]
        labels = sorted(facts.labels, key=lambda label: -label.count)
        population = whole + facts.pending
        if height >= 2 * len(labels):
            rows = [row for label in labels for row in _two_rows(label, whole, recent, population, width)]
        else:
            rows = [_row(label, whole, recent, population, width) for label in labels]
        if len(rows) > height:
            hidden = len(rows) - height + 1
            rows = [*rows[: height - 1], line((f"{hidden} more · {key('zoom')} shows them", "$quiet"))]
        elif len(rows) < height and not facts.sample:
            rows.append(line(("in source order: not a random sample yet", "$quiet")))
        return rows


def _sums(facts: LabelFacts) -> tuple[int, int]:
    return sum(label.count for label in facts.labels), sum(label.recent for label in facts.labels)


def _arrow(label: LabelCount, whole: int, recent: int) -> Part:
    return f" {trend(label.recent, recent, label.count, whole)}", "$waiting"


def _row(label: LabelCount, whole: int, recent: int, population: int, width: int) -> Content:
    """Return a label on one row: its share of all and, behind it, of the newest."""
    name_width = 11 if width < WIDE else 14
    room = max(0, width - name_width - 2 * SHARE - 3)
    return line(
        (foreign(f"{label.value} {label.name}", name_width - 1) + " ", "$foreground"),
        (bar(label.count / whole, room), "$share"),
        (fit(share(label.count, whole, population), SHARE, right=True), "$bright"),
        _arrow(label, whole, recent),
        (fit(share(label.recent, recent), SHARE, right=True), "$quiet"),
    )


def _two_rows(label: LabelCount, whole: int, recent: int, population: int, width: int) -> list[Content]:
    """Return a label on two rows, with counts: its share of all labels, and of the newest below it."""
    name_width, count_width = (11, 8) if width < WIDE else (14, 10)
    room = max(0, width - name_width - count_width - SHARE - 2)
    return [
        line(
            (foreign(f"{label.value} {label.name}", name_width - 1) + " ", "bold $foreground"),
            (bar(label.count / whole, room), "$share"),
            (fit(number(label.count), count_width, right=True), "$bright"),
            (fit(share(label.count, whole, population), SHARE, right=True), "bold $bright"),
        ),
        line(
            (fit(f"  last {number(recent)}", name_width), "$quiet"),
            (bar(label.recent / recent if recent else 0.0, room), "$faint"),
            (fit(number(label.recent), count_width, right=True), "$quiet"),
            (fit(share(label.recent, recent), SHARE, right=True), "$quiet"),
            _arrow(label, whole, recent),
        ),
    ]
