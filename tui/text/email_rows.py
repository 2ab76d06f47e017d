"""An email as a row of the list: its columns, glyphs and tones. Pure."""

from __future__ import annotations

from core.model import EmailRow, EmailState, LabelSource, Task
from tui.text.numbers import number, who
from tui.widgets.lists.email_scope import STATES
from tui.widgets.lists.rows import ListColumn, Row

COLUMNS = (
    ListColumn("place", 8, right=True, key="place"),
    ListColumn("state", 9, key="state"),
    ListColumn("label", 11, key="label"),
    ListColumn("asks", 5, right=True, key="asks"),
    ListColumn("from", 22, from_width=90, key="from"),
    ListColumn("subject", 0, key="subject"),
    ListColumn("date", 25, from_width=140, key="date"),
)

FAILED_COLUMNS = (
    COLUMNS[0],
    ListColumn("state", 9, from_width=90, key="state"),  # all of them failed
    COLUMNS[3],
    ListColumn("from", 22, from_width=110, key="from"),  # before that the reason needs the room
    ListColumn("subject", 0, key="subject", weight=2),
    ListColumn("why it failed", 0, weight=3),
)
"""The columns where only failures are listed."""


def as_row(row: EmailRow, task: Task | None, *, marked: bool, why: bool) -> Row:
    """The cells of one email; ``why`` it failed stands in the place of label and date.

    A flag before the subject marks a text that seems to give orders to a model.
    """
    glyph, tone = STATES[row.state]
    label = ""
    if row.label is not None:
        name = task.name_of(row.label) if task else row.label
        label = row.label if name == row.label else f"{row.label} {name}"
    human = row.label_source == LabelSource.HUMAN.value
    copy = row.label_source == LabelSource.COPY.value
    asks = str(row.reasks + 1) if row.asked and not copy and row.state is not EmailState.PENDING else ""
    state = (
        (f"●{number(row.position)}" if marked else number(row.position), "bold $accent" if marked else "$quiet"),
        (
            "◆ person" if human else "≡ copy" if copy else f"{glyph} {row.state.value}",
            "$person" if human else f"${tone}",
        ),
    )
    asked = (asks, "$waiting" if row.reasks else "$quiet")
    subject = row.named
    message = ((who(row.sender), "$quiet"), (f"⚑ {subject}" if row.flags else subject, "$foreground"))
    if why:
        return Row(row.id, (*state, asked, *message, (row.failure or "", "$failed")), row)
    given = (label, "$person" if human else "bold $accent")
    return Row(row.id, (*state, given, asked, *message, (row.date, "$quiet")), row)
