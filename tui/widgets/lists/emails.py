"""Show the list of emails: its rows, its filter as it is typed, and its title with counts."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Input, Static

from core.engine import WORK_ORDER, Filter, Order, Term, parse
from core.errors import LabeltuiError
from core.model import EmailRow, EmailState, LabelSource, Snapshot, Task, orders_among
from core.text import one_line
from tui.actions.keymap import key, keyed
from tui.terminal.textual_fixes import alive
from tui.text.numbers import join, number, plural, who
from tui.text.parts import Part, line
from tui.text.record import STATES
from tui.widgets.lists.rows import ListColumn, Row
from tui.widgets.panes.pane import LinesWidget


@dataclass(frozen=True, slots=True)
class Kind:
    """Hold a filter by state: ``state`` as the reader takes it, its name, and what an empty list says."""

    state: str | None
    name: str
    empty: str

    @property
    def wanted(self) -> Filter:
        """Return the filter for the reader."""
        if self.state is None:
            return Filter()
        return Filter((Term("source", "human") if self.state == "human" else Term("state", self.state),))

    def live(self, snapshot: Snapshot) -> int:
        """Return how many texts it has by the newest snapshot."""
        counts = {
            None: snapshot.total,
            "failed": snapshot.failed,
            "labeled": snapshot.labeled,
            "pending": snapshot.pending,
            "human": snapshot.sources.get(LabelSource.HUMAN.value, 0),
        }
        return counts[self.state]


KINDS = (
    Kind(None, "All", "This run has no {item}."),
    Kind("failed", "Failed", "No {item} has failed. Failed ones appear here, each with its history."),
    Kind("labeled", "Labeled", "Nothing is labeled yet. {start} starts the run."),
    Kind("pending", "Pending", "Nothing is pending: every {item} is done."),
    Kind("human", "Manual", "No manual label yet. {label} gives one to the selected {item}."),
)


@dataclass(frozen=True, slots=True)
class Scoped:
    """Hold what the list shows: its kind, how many, of how many, and how many ``more`` there are now (fewer below 0).

    ``typed`` is the filter; ``looked`` the share of the run (0..1) that was searched for it. ``order`` is that of the
    shown rows, ``sorting`` the one being prepared. ``stirred`` counts texts that were done since the list was read,
    ``requested`` are commands not done yet. ``flagged`` counts the run's possible prompt injections.
    """

    kind: Kind
    held: int
    total: int
    more: int
    failures: tuple[tuple[str, int], ...]
    typed: str = ""
    looked: float = 1.0
    marked: int = 0
    order: Order = WORK_ORDER
    sorting: Order | None = None
    stirred: int = 0
    requested: tuple[str, ...] = ()
    flagged: int = 0

    @property
    def title(self) -> str:
        """Return scope and count; during a search the count is a lower bound and says so."""
        searching = self.looked < 1 and self.sorting is None
        counted = f"[{'at least ' if searching else ''}{number(self.held)} of {number(self.total)}]"
        by = f"by {self.order.key} {arrow(self.order)}" if self.order != WORK_ORDER else ""
        return join((self.kind.name, f"/{one_line(self.typed, limit=40)}" if self.typed else "", counted, by), " ")

    @property
    def waiting(self) -> str:
        """Return what is in progress, or which changes appear when the list is read again."""
        if self.sorting is not None:
            return f"sorting by {self.sorting.key} {arrow(self.sorting)} …"
        if self.looked < 1:
            return f"searching … {self.looked * 100:.0f} %"
        if self.more and not self.typed:
            return f"{abs(self.more):,} {'more' if self.more > 0 else 'fewer'} now · {key('update')} updates"
        if self.stirred:
            return f"{self.stirred:,} done since · {key('update')} updates"
        return ""


def arrow(order: Order) -> str:
    """Return the arrow of an order."""
    return "▼" if order.descending else "▲"


class FilterLine(Vertical):
    """Show the filter as it is typed, with a sentence on what is wrong with it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "leave", show=False)]

    def __init__(self, done: Callable[[str | None], None]) -> None:
        super().__init__(id="filter")
        self._done = done
        self._input = Input(
            placeholder='words  !word  "a phrase"  state:failed  label:0  reasks:>0  from:…', compact=True
        )
        self._said = Static("", markup=False)

    def compose(self) -> ComposeResult:
        yield self._input
        yield self._said

    def on_mount(self) -> None:
        self.display = False

    def open(self, text: str) -> None:
        """Show it with the active filter."""
        self.display = True
        self._input.value = text
        self._input.focus()

    def _trouble(self) -> str:
        try:
            parse(self._input.value)
        except LabeltuiError as error:
            return str(error)
        return ""

    def on_input_changed(self) -> None:
        trouble = self._trouble()
        self._said.update(line((trouble or "enter find · esc cancel", "$waiting" if trouble else "$quiet")))

    def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        if not self._trouble():
            self.display = False
            self._done(self._input.value)

    def action_leave(self) -> None:
        self.display = False
        self._done(None)


class KindChosen(Message):
    """Report that the tab of another kind was clicked."""

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self.kind = kind


class ScopeBar(LinesWidget):
    """Show the list's title with its count, the other kinds, and the reasons of failure."""

    scoped: reactive[Scoped | None] = reactive(None, repaint=False)
    _places: Sequence[tuple[int, int, Kind]] = ()

    def on_click(self, event: events.Click) -> None:
        for start, end, kind in self._places:
            if event.y == 0 and start <= event.x < end:
                self.post_message(KindChosen(kind))
                return

    def watch_scoped(self) -> None:
        if alive(self):
            self.redraw()

    def lines(self, width: int, height: int) -> list[Content]:  # noqa: ARG002 - its height is fixed
        scoped = self.scoped
        if scoped is None:
            return []
        first = line(" ", (scoped.title, "bold $bright"), "  ")
        tabs: list[Part] = []
        self._places, at = [], first.cell_length
        for kind in KINDS if width >= 64 and not scoped.typed else ():
            here = kind is scoped.kind
            tab = f"{'▸' if here else ' '}{kind.name.lower()} "
            tabs.append((tab, "bold $accent" if here else "$quiet"))
            self._places.append((at, at + len(tab), kind))
            at += len(tab)
        return [line(first, *tabs), _beside(_about(scoped, width), scoped, width)]


def _beside(told: Content, scoped: Scoped, width: int) -> Content:
    """Return the second line: hints, and at the right end marks and changes, which take precedence.

    Nothing else moves when they appear.
    """
    marks = f"● {number(scoped.marked)} marked" if scoped.marked else ""
    if not marks and not scoped.waiting:
        return told
    right = line((marks, "bold $accent"), "  " if marks and scoped.waiting else "", (scoped.waiting, "$waiting"), " ")
    room = max(0, width - right.cell_length - 2)
    if told.cell_length > room:
        told = told.truncate(room, ellipsis=True)
    return line(told, " " * max(0, width - told.cell_length - right.cell_length), right)


def _about(scoped: Scoped, width: int) -> Content:
    """Return the requested commands, the reasons of failures, or what can be done here."""
    if scoped.requested:
        told = join((one_line(what, limit=60) for what in scoped.requested), ", ")
        return line((f" ◔ requested: {told}", "$waiting"))
    if scoped.kind.state != "failed" or not scoped.failures:
        hint = keyed(
            " {back} clears the filter · {update} searches again"
            if scoped.typed
            else " {find} finds · {filter} shows the next kind"
        )
        flagged = (
            f"  ⚑ {plural(scoped.flagged, 'possible prompt injection')}: {key('find')} flag:any"
            if scoped.flagged
            else ""
        )
        opens = f"{hint} · {key('open')} opens the record"
        if cell_len(opens) + cell_len(flagged) > width:
            opens = hint
        return line((opens, "$quiet"), (flagged, "$waiting"))
    reasons: list[Part] = []
    for reason, count in scoped.failures[:6]:
        reasons += [(f"{number(count)} ", "$failed"), (one_line(reason, limit=44), "$foreground"), ("  ", "")]
    return line(" ", *reasons)


COLUMNS = (
    ListColumn("place", 8, right=True, key="place"),
    ListColumn("state", 9, key="state"),
    ListColumn("label", 11, key="label"),
    ListColumn("calls", 5, right=True, key="asks"),
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
"""The columns of the list of failures."""


_NEVER = 1_000_000
"""A width that no terminal has."""


@functools.cache
def list_columns(item: str, *, failed: bool, headed: frozenset[str]) -> tuple[ListColumn, ...]:
    """Return the columns of a list; where items have no subject their beginning stands there, headed by their noun.

    ``headed`` names those of the columns *from* and *date* that an item has something for; the other is not shown.
    """
    return tuple(
        replace(column, from_width=_NEVER)
        if column.key in ("from", "date") and column.key not in headed
        else replace(column, title=item)
        if column.key == "subject" and item != "email"
        else column
        for column in (FAILED_COLUMNS if failed else COLUMNS)
    )


def as_row(row: EmailRow, task: Task | None, *, marked: bool, why: bool) -> Row:
    """Return the cells of one text; ``why`` replaces label and date by the reason of failure.

    A flag before the subject marks a possible prompt injection.
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
            "◆ manual" if human else "≡ dup" if copy else f"{glyph} {row.state.value}",
            "$person" if human else f"${tone}",
        ),
    )
    asked = (asks, "$waiting" if row.reasks else "$quiet")
    subject = row.named
    message = ((who(row.sender), "$quiet"), (f"⚑ {subject}" if orders_among(row.flags) else subject, "$foreground"))
    if why:
        return Row(row.id, (*state, asked, *message, (row.failure or "", "$failed")), row)
    given = (label, "$person" if human else "bold $accent")
    return Row(row.id, (*state, given, asked, *message, (row.date, "$quiet")), row)
