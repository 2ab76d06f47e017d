"""What happened last: labels as they come, and events."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len
from textual.content import Content

from core.model import Happening
from core.text import one_line
from tui.keymap import keyed
from tui.present import clock, fit, foreign, number
from tui.widgets.pane import Pane, line

EVENTS = {
    "failed": ("✕", "failed"),
    "human": ("◆", "person"),
    "start": ("▶", "running"),
    "end": ("■", "quiet"),
    "retry": ("↻", "waiting"),
    "wait": ("◌", "waiting"),
    "waiting": ("◌", "waiting"),
    "pause": ("‖", "cooling"),
    "resume": ("▶", "running"),
    "key": ("◇", "cooling"),
    "alarm": ("!", "failed"),
    "new": ("○", "quiet"),
    "skipped": ("–", "quiet"),
}
"""A glyph and a tone for each kind of event; others get a dot."""


@dataclass(frozen=True, slots=True)
class LatelyFacts:
    """Newest first."""

    lately: tuple[Happening, ...]


class LatelyPane(Pane):
    NAME = "Lately"
    NUMBER = 6

    def body(self, width: int, height: int) -> list[Content]:
        facts: LatelyFacts = self.facts
        if not facts.lately:
            return [line((keyed("labels and events will be listed here · {start} starts the run"), "$quiet"))]
        return [_row(happening, width) for happening in facts.lately[:height]]


WITH_LATENCY = 60
WITH_TOKENS = 72
"""Widths from which on a label's line has room for these."""


def _subject_width(width: int) -> int:
    taken = 13 + 9 + 6 + (7 if width >= WITH_LATENCY else 0) + (10 if width >= WITH_TOKENS else 0)
    return max(6, width - taken)


def _row(happening: Happening, width: int) -> Content:
    at = (f"{clock(happening.at)} ", "$quiet")
    if happening.kind not in ("labeled", "copied"):
        glyph, tone = EVENTS.get(happening.kind, ("·", "quiet"))
        text, room = one_line(happening.text, limit=width), _subject_width(width)
        if not happening.key_alias or cell_len(text) > room:
            return line(at, (f"{glyph}  {text}", f"${tone}"))
        return line(at, (f"{glyph}  {fit(text, room)} ", f"${tone}"), (foreign(happening.key_alias, 9), "$quiet"))
    again = "" if not happening.reasks else "again" if happening.reasks == 1 else f"×{happening.reasks + 1}"
    columns = [(foreign(happening.key_alias or "copy", 9), "$quiet")]
    if width >= WITH_LATENCY:
        latency = "" if happening.latency_s is None else f"{happening.latency_s:.1f} s"
        columns.append((fit(latency, 7, right=True), "$quiet"))
    if width >= WITH_TOKENS:
        tokens = "" if happening.tokens is None else f"{number(happening.tokens)} tok"
        columns.append((fit(tokens, 10, right=True), "$quiet"))
    columns.append((" " + fit(again, 5), "$waiting"))
    return line(
        at,
        (foreign(happening.label, 2) + " ", "bold $accent"),
        (foreign(happening.text or "(no subject)", _subject_width(width)) + " ", "$foreground"),
        *columns,
    )
