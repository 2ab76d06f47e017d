"""The emails of a run, by state: a list that pages from the run file and holds still under the cursor."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from core.model import EmailRow, EmailState, LabelSource, Snapshot
from core.text import one_line
from tui.actions import Scope, Selected
from tui.backend import RunView
from tui.present import join, number
from tui.screens.sheet import Look, Sheet
from tui.widgets.pane import LinesWidget, Part, line
from tui.widgets.rows import PAGE, ListColumn, Row, Rows

COLUMNS = (
    ListColumn("place", 7, right=True),
    ListColumn("state", 9),
    ListColumn("label", 11),
    ListColumn("asks", 4, right=True),
    ListColumn("from", 22, from_width=90),
    ListColumn("subject", 0),
    ListColumn("date", 25, from_width=140),
)

FAILED_COLUMNS = (*COLUMNS[:2], ListColumn("asks", 4, right=True), *COLUMNS[4:6], ListColumn("why it failed", 0))

STATES = {
    EmailState.PENDING: ("·", "quiet"),
    EmailState.LABELED: ("✓", "running"),
    EmailState.FAILED: ("✕", "failed"),
    EmailState.SKIPPED: ("–", "quiet"),
}
"""A glyph and a tone for each state of an email."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A filter: ``state`` as the reader knows it, its name, and what an empty list says."""

    state: str | None
    name: str
    empty: str

    def live(self, snapshot: Snapshot) -> int:
        """How many emails it holds by the newest snapshot."""
        counts = {
            None: snapshot.total,
            "failed": snapshot.failed,
            "labeled": snapshot.labeled,
            "pending": snapshot.pending,
            "human": snapshot.sources.get(LabelSource.HUMAN.value, 0),
        }
        return counts[self.state]


KINDS = (
    Kind(None, "All", "This run holds no email."),
    Kind("failed", "Failed", "No email has failed. Failed ones will be listed here, each with its history."),
    Kind("labeled", "Labeled", "Nothing is labeled yet. s starts the run."),
    Kind("pending", "Pending", "Nothing waits: every email is settled."),
    Kind("human", "By a person", "No label was given by a person yet. l gives one to the selected email."),
)


@dataclass(frozen=True, slots=True)
class Scoped:
    """What the list shows: its kind, how many, of how many, and how many there are by now."""

    kind: Kind
    held: int
    total: int
    live: int
    failures: tuple[tuple[str, int], ...]


class ScopeBar(LinesWidget):
    """The list's title with its count, the other kinds, and the reasons of failure."""

    scoped: reactive[Scoped | None] = reactive(None)

    def watch_scoped(self) -> None:
        if self.is_mounted:
            self.redraw()

    def lines(self, width: int, height: int) -> list[Content]:  # noqa: ARG002 - its height is fixed
        scoped = self.scoped
        if scoped is None:
            return []
        moved = scoped.live - scoped.held
        changed = f"  {abs(moved):,} {'more' if moved > 0 else 'fewer'} by now · u updates" if moved else ""
        title = f"{scoped.kind.name} [{number(scoped.held)} of {number(scoped.total)}]"
        tabs: list[Part] = []
        for kind in KINDS:
            here = kind is scoped.kind
            tabs += [
                (f"▸{kind.name.lower()} " if here else f" {kind.name.lower()} ", "bold $accent" if here else "$quiet")
            ]
        first = line(" ", (title, "bold $bright"), (changed, "$waiting"), "  ", *(tabs if width >= 64 else ()))
        if scoped.kind.state != "failed" or not scoped.failures:
            return [first, line((" enter opens the record · f shows the next kind", "$quiet"))]
        reasons: list[Part] = []
        for reason, count in scoped.failures[:6]:
            reasons += [(f"{number(count)} ", "$failed"), (one_line(reason, limit=44), "$foreground"), ("  ", "")]
        return [first, line(" ", *reasons)]


class EmailsScreen(Sheet):
    """The whole list follows the run; a filtered one is read when it is chosen, and again on ``u`` or after a wish."""

    SCOPE = Scope.EMAILS

    def __init__(self) -> None:
        super().__init__()
        self._kind = KINDS[0]
        self._rows = Rows(COLUMNS, empty="\n reading …", id="emails")
        self._bar = ScopeBar(id="scope")
        self._failures: tuple[tuple[str, int], ...] = ()
        self._seen_settled = -1
        self._loading = False

    def content(self) -> Iterable[Widget]:
        yield self._bar
        yield self._rows

    def on_mount(self) -> None:
        super().on_mount()
        self.set_focus(self._rows)
        self._load()

    # -- reading ------------------------------------------------------------------------------------------------------

    def _load(self) -> None:
        kind = self._kind
        offset = self._rows.cursor // PAGE * PAGE
        self._loading = True

        def question(view: RunView) -> tuple[int, list[EmailRow], list[tuple[str, int]]]:
            reasons = view.failures() if kind.state == "failed" else []
            return view.count(kind.state), view.emails(state=kind.state, offset=offset, limit=PAGE), reasons

        self.console_app.poller.ask(question, lambda answer: self._loaded(kind, offset, answer))

    def _loaded(self, kind: Kind, offset: int, answer: Any) -> None:
        if kind is not self._kind or not self.is_mounted:
            return
        count, rows, reasons = answer
        self._loading = False
        self._failures = tuple(reasons)
        self._rows.empty = "\n " + kind.empty
        self._rows.begin_again(count, offset, [self._row(row) for row in rows])
        self._update_bar()
        self.hint()

    def on_rows_page_wanted(self, message: Rows.PageWanted) -> None:
        kind = self._kind

        def page(view: RunView) -> list[EmailRow]:
            return view.emails(state=kind.state, offset=message.offset, limit=message.limit)

        def arrived(rows: list[EmailRow]) -> None:
            if kind is self._kind and self.is_mounted:
                self._rows.set_page(message.offset, [self._row(row) for row in rows])

        self.console_app.poller.ask(page, arrived)

    def show(self, look: Look) -> None:
        snapshot = look.picture.snapshot
        if snapshot is None:
            return
        moved = snapshot.settled != self._seen_settled
        self._seen_settled = snapshot.settled
        nothing_to_hold = self._rows.count == 0 and self._kind.live(snapshot) > 0
        if self._kind.state is None and moved:
            self._rows.reload_visible()
        elif nothing_to_hold and not self._loading and self._rows.empty != "\n reading …":
            self._load()
        self._update_bar()

    def changed(self) -> None:
        self._load()

    def _update_bar(self) -> None:
        snapshot = self.look.picture.snapshot if self.look else None
        if snapshot is None or self._loading:
            return
        live = self._kind.live(snapshot)
        self._bar.scoped = Scoped(self._kind, self._rows.count, snapshot.total, live, self._failures)

    def _row(self, row: EmailRow) -> Row:
        snapshot = self.look.picture.snapshot if self.look else None
        glyph, tone = STATES[row.state]
        if row.label is not None:
            name = snapshot.run.task.name_of(row.label) if snapshot else ""
            label = row.label if name == row.label else f"{row.label} {name}"
        else:
            label = ""
        human = row.label_source == LabelSource.HUMAN.value
        copy = row.label_source == LabelSource.COPY.value
        asks = "" if copy or row.state is EmailState.PENDING else str(row.reasks + 1)
        state = (
            (number(row.position), "$quiet"),
            (
                "◆ person" if human else "≡ copy" if copy else f"{glyph} {row.state.value}",
                "$person" if human else f"${tone}",
            ),
        )
        asked = (asks, "$waiting" if row.reasks else "$quiet")
        message = ((row.sender, "$quiet"), (row.subject or "(no subject)", "$foreground"))
        if self._kind.state == "failed":
            return Row(row.id, (*state, asked, *message, (row.failure or "", "$failed")), row)
        given = (label, "$person" if human else "bold $accent")
        return Row(row.id, (*state, given, asked, *message, (row.date, "$quiet")), row)

    # -- acting -------------------------------------------------------------------------------------------------------

    def selected(self) -> Selected:
        row = self._rows.selected
        return row.value if row is not None and isinstance(row.value, EmailRow) else None

    def on_rows_moved(self) -> None:
        self.hint()

    def on_rows_chosen(self) -> None:
        self.console_app.perform("open")

    def do_open(self) -> None:
        """Open the record of the selected email."""
        from tui.screens.record import RecordScreen  # noqa: PLC0415  (not before it is wanted)

        row = self.selected()
        if isinstance(row, EmailRow):
            self.app.push_screen(RecordScreen(row))

    def do_filter(self) -> None:
        """Show the next kind."""
        self._choose(1)

    def do_filter_back(self) -> None:
        """Show the previous kind."""
        self._choose(-1)

    def _choose(self, step: int) -> None:
        self._kind = KINDS[(KINDS.index(self._kind) + step) % len(KINDS)]
        self._rows.empty = "\n reading …"
        self._rows.set_columns(FAILED_COLUMNS if self._kind.state == "failed" else COLUMNS)
        self._rows.set_count(0)
        self._rows.cursor = 0
        self._load()

    def do_update(self) -> None:
        """Read the list again."""
        self._load()

    def summary(self) -> str:
        """The title as text, for tests and titles."""
        scoped = self._bar.scoped
        return join((scoped.kind.name, f"[{number(scoped.held)} of {number(scoped.total)}]"), " ") if scoped else ""
