"""Show the newest labels and events."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len
from textual.content import Content

from core.model import Happening, Snapshot
from core.text import one_line
from tui.actions.keymap import keyed
from tui.text.numbers import clock, fit, foreign, join, number
from tui.text.parts import Part, line
from tui.widgets.panes.pane import Pane

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
"""A glyph and a tone for each kind of event; others have a dot."""


@dataclass(frozen=True, slots=True)
class RecentFacts:
    """Hold labels and events, newest first. ``label_width`` is what a label's value takes in cells."""

    recent: tuple[Happening, ...]
    label_width: int = 1


LABEL_MOST = 10
"""Cells of a label's value; longer ones are cut."""


def recent_facts(snapshot: Snapshot) -> RecentFacts:
    """Return what the pane shows; the width follows from the task, so that no column moves while labels come."""
    widest = max((cell_len(label.value) for label in snapshot.run.task.labels), default=1)
    return RecentFacts(snapshot.recent, min(LABEL_MOST, widest))


class RecentPane(Pane):
    NAME = "Recent"
    NUMBER = 6

    def body(self, width: int, height: int) -> list[Content]:
        facts: RecentFacts = self.facts
        if not facts.recent:
            return [line((keyed("labels and events appear here · {start} starts the run"), "$quiet"))]
        return [_row(happening, width, facts.label_width) for happening in facts.recent[:height]]


WITH_LATENCY = 60
WITH_TOKENS = 72
"""Widths from which on a label's row has these columns."""

SUBJECT_LEAST = 14
"""Cells of the subject that the row of a failure keeps, however long the reason is."""


def _subject_width(width: int, label: int) -> int:
    taken = 12 + label + 9 + 6 + (7 if width >= WITH_LATENCY else 0) + (10 if width >= WITH_TOKENS else 0)
    return max(6, width - taken)


def _row(happening: Happening, width: int, label: int) -> Content:
    at = (f"{clock(happening.at)} ", "$quiet")
    if happening.kind not in ("labeled", "copied"):
        glyph, tone = EVENTS.get(happening.kind, ("·", "quiet"))
        text, room = one_line(happening.text, limit=width), _subject_width(width, label)
        sign = fit(glyph, label + 2)
        if happening.kind == "failed":
            return _failed(happening, text, room, width - 11 - label, (at, (sign, f"${tone}")))
        if not happening.key_alias or cell_len(text) > room:
            return line(at, (f"{sign}{text}", f"${tone}"))
        return line(at, (f"{sign}{fit(text, room)} ", f"${tone}"), (foreign(happening.key_alias, 9), "$quiet"))
    again = f"+{happening.reasks}" if happening.reasks else ""
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
        (foreign(happening.label, label + 1) + " ", "bold $accent"),
        (foreign(happening.text or "(no subject)", _subject_width(width, label)) + " ", "$foreground"),
        *columns,
    )


def _failed(happening: Happening, why: str, room: int, width: int, before: tuple[Part, ...]) -> Content:
    """Return the row of a failure: subject and reason; its key only where all three fit."""
    subject = one_line(happening.subject, limit=width) or "(no subject)" if happening.email_id is not None else ""
    whole = cell_len(join((subject, why)))
    if whole > room or not happening.key_alias:
        room = width
    left = max(min(room // 2, SUBJECT_LEAST), room - cell_len(why) - 3)
    if cell_len(subject) > left:
        subject = foreign(subject, left).rstrip()
    told: list[Part] = [(subject, "$foreground"), (" · " if subject else "", "$quiet")]
    why = fit(why, room - cell_len(subject) - (3 if subject else 0))
    key = (" " + foreign(happening.key_alias, 9), "$quiet") if room < width else ""
    return line(*before, *told, (why, "$failed"), key)
