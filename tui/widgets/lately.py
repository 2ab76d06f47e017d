"""What happened last: labels as they come, and events."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content

from core.model import Happening
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
            return [line(("labels and events will be listed here · s starts the run", "$quiet"))]
        return [_row(happening, width) for happening in facts.lately[:height]]


def _row(happening: Happening, width: int) -> Content:
    at = (f"{clock(happening.at)} ", "$quiet")
    if happening.kind not in ("labeled", "copied"):
        glyph, tone = EVENTS.get(happening.kind, ("·", "quiet"))
        key = f" {foreign(happening.key_alias, 10)}" if happening.key_alias and width >= 60 else ""
        room = width - 12 - len(key)
        return line(at, (f"{glyph}  ", f"${tone}"), (foreign(happening.text, room), f"${tone}"), (key, "$quiet"))
    again = "" if not happening.reasks else "again" if happening.reasks == 1 else f"again ×{happening.reasks}"
    columns = [(foreign(happening.key_alias or "copy", 9), "$quiet")]
    if width >= 56:
        latency = "" if happening.latency_s is None else f"{happening.latency_s:.1f} s"
        columns.append((fit(latency, 7, right=True), "$quiet"))
    if width >= 72:
        tokens = "" if happening.tokens is None else f"{number(happening.tokens)} tok"
        columns.append((fit(tokens, 10, right=True), "$quiet"))
    columns.append((" " + fit(again, 9), "$waiting"))
    room = max(6, width - 13 - sum(len(text) for text, _ in columns))
    return line(
        at,
        (fit(foreign(happening.label, 3).strip(), 3), "bold $accent"),
        (foreign(happening.text or "(no subject)", room) + " ", "$foreground"),
        *columns,
    )
