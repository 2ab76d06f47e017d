"""Show the list of a run's texts with its filter, order and marks, and the record beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from textual.containers import Horizontal
from textual.widget import Widget

from core.engine import WORK_ORDER, Filter, Order, Term, first_of, parse
from core.model import MOST_IN_A_COMMAND, EmailRecord, EmailRow
from tui.actions.context import Context, Scope, Selected
from tui.actions.enabled import BESIDE_FROM
from tui.actions.keymap import keyed
from tui.screens.emails.editing import EmailEditing, Targets
from tui.screens.emails.listing import READING, Listing
from tui.terminal.textual_fixes import alive
from tui.text.numbers import number, plural
from tui.view_state import ScreenData
from tui.widgets.lists.emails import (
    COLUMNS,
    KINDS,
    FilterLine,
    Kind,
    KindChosen,
    ScopeBar,
    Scoped,
    as_row,
    list_columns,
)
from tui.widgets.lists.rows import Row, Rows
from tui.widgets.record_view import RecordView

if TYPE_CHECKING:
    from core.engine import RunReader


class EmailsScreen(EmailEditing):
    """Show the whole list, which follows the run, or a filtered one, which is read again on request."""

    SCOPE = Scope.EMAILS

    def __init__(self) -> None:
        super().__init__()
        self._rows = Rows(COLUMNS, empty=READING, id="emails")
        self._bar = ScopeBar(id="scope")
        self._line = FilterLine(self._typed)
        self._beside = RecordView(id="beside")
        self._listing: Listing | None = None
        self._marks: set[int] = set()
        self._headed: frozenset[str] = frozenset()
        self._record_asked: int | None = None

    def content(self) -> Iterable[Widget]:
        yield self._bar
        yield self._line
        yield Horizontal(self._rows, self._beside, id="pair")

    @property
    def listing(self) -> Listing:
        """Return the reader of the list."""
        if self._listing is None:
            self._listing = Listing(self.console_app, self._rows, self._row, self._list_changed)
        return self._listing

    def on_mount(self) -> None:
        super().on_mount()
        self.set_focus(self._rows)
        self.listing.read()

    def on_unmount(self) -> None:
        self.listing.close()

    # -- the list -----------------------------------------------------------------------------------------------------

    def on_rows_page_wanted(self, message: Rows.PageWanted) -> None:
        self.listing.page(message.offset, message.limit)

    def show(self, data: ScreenData) -> None:
        snapshot = data.view_state.snapshot
        if snapshot is None:
            return
        self.listing.follow(snapshot)
        self._update_bar()

    def changed(self) -> None:
        self._record_asked = None
        self.listing.read()
        self._show_beside()

    def _list_changed(self) -> None:
        self._show_columns()
        order = self.listing.shown_order
        self._rows.set_sorted(order.key if order != WORK_ORDER else "", descending=order.descending)
        self._update_bar()
        self.hint()

    def _update_bar(self) -> None:
        data, listing = self.data, self.listing
        snapshot = data.view_state.snapshot if data else None
        if data is None or snapshot is None or (listing.loading and not listing.sorting and not listing.held):
            return
        self._bar.scoped = Scoped(
            listing.kind, listing.held, snapshot.total, listing.waiting(snapshot), listing.failures,
            typed=str(listing.typed), looked=listing.looked, marked=len(self._marks), order=listing.shown_order,
            sorting=listing.order if listing.sorting else None, stirred=listing.stirred(snapshot),
            requested=tuple(command.what for command in data.requested if command.what), flagged=snapshot.flagged,
        )  # fmt: skip

    def _show_columns(self, kind: Kind | None = None) -> None:
        """Show the columns of this kind of list, or of the one that is shown."""
        failed = (kind or self.listing.kind).state == "failed"
        self._rows.set_columns(list_columns(self.item, failed=failed, headed=self._headed))

    def _row(self, row: EmailRow) -> Row:
        """Return a row of the list; the first one with a sender or a date brings the column of these."""
        headed = self._headed.union(name for name, cell in (("from", row.sender), ("date", row.date)) if cell)
        if headed != self._headed:
            self._headed = headed
            self._show_columns()
        return as_row(row, self.asked_task(), marked=row.id in self._marks, why=self.listing.kind.state == "failed")

    # -- the record beside --------------------------------------------------------------------------------------------

    @property
    def beside(self) -> bool:
        """Return whether the record is shown beside the list."""
        return self.size.width >= BESIDE_FROM and not self.has_class("-alone")

    def do_beside(self) -> None:
        """Show the record beside the list, or the list at full width."""
        self.toggle_class("-alone")
        if self.has_class("-alone"):
            self.set_focus(self._rows)
        self._show_beside()

    def on_resize(self) -> None:
        self._show_beside()

    def _show_beside(self) -> None:
        """Read the record under the cursor; while one is being read, read it afterwards."""
        row = self.selected()
        if not self.beside or not alive(self):
            return
        if not isinstance(row, EmailRow):
            self._beside.show(None, None, 0.0)
            return
        if self._record_asked is not None:
            return
        self._record_asked = email_id = row.id

        def question(view: RunReader) -> EmailRecord:
            return view.record(email_id)

        def arrived(record: EmailRecord) -> None:
            self._record_asked = None
            now_on = self.selected()
            if alive(self) and isinstance(now_on, EmailRow):
                self._beside.show(record, self.asked_task(), self.data.now if self.data else 0.0)
                if now_on.id != email_id:
                    self._show_beside()

        self.console_app.poller.ask(question, arrived)

    def do_raw(self) -> None:
        """Switch the message between as sent and as it came."""
        self._beside.turn()

    # -- choosing what is listed --------------------------------------------------------------------------------------

    def on_rows_moved(self) -> None:
        self.hint()
        self._show_beside()

    def on_rows_chosen(self) -> None:
        self.console_app.perform("open")

    def on_rows_head_chosen(self, message: Rows.HeadChosen) -> None:
        order = self.listing.order
        self.listing.sort(order.reversed if message.key == order.key else first_of(message.key))

    def do_open(self) -> None:
        """Open the record of the selected text."""
        from tui.screens.emails.record import RecordScreen  # noqa: PLC0415  (loaded on first use)

        row = self.selected()
        if isinstance(row, EmailRow):
            self.app.push_screen(RecordScreen(row, self.neighbor))

    def neighbor(self, step: int) -> EmailRow | None:
        """Move the cursor, and return the row that it is on then, if it is in memory."""
        before = self._rows.cursor
        self._rows.action_move(step)
        row = self.selected()
        if self._rows.cursor == before or not isinstance(row, EmailRow):
            return None
        return row

    def do_filter(self) -> None:
        """Show the next kind."""
        self._choose(1)

    def do_filter_back(self) -> None:
        """Show the previous kind."""
        self._choose(-1)

    def _choose(self, step: int) -> None:
        kinds = KINDS
        self._show_anew(kinds[(kinds.index(self.listing.kind) + step) % len(kinds)], self.listing.typed)

    def on_kind_chosen(self, message: KindChosen) -> None:
        self._show_anew(message.kind, self.listing.typed)

    def _show_anew(self, kind: Kind, typed: Filter) -> None:
        """Show another list from its beginning, without marks."""
        self._marks.clear()
        self._show_columns(kind)
        self.listing.show(kind, typed)

    def do_find(self) -> None:
        """Open the filter line."""
        self._line.open(str(self.listing.typed))

    def _typed(self, text: str | None) -> None:
        """Apply the typed filter; None keeps the former one."""
        self.set_focus(self._rows)
        if text is None:
            return
        wanted = parse(text)
        if wanted != self.listing.typed:
            self._show_anew(self.listing.kind, wanted)

    def do_sort(self) -> None:
        """Choose what the list is sorted by."""
        from tui.screens.emails.windows import SortBy  # noqa: PLC0415  (loaded on first use)

        def chosen(order: Order | None) -> None:
            if order is not None:
                self.listing.sort(order)

        self.app.push_screen(SortBy(self.listing.order), chosen)

    def do_reverse(self) -> None:
        """Reverse the order."""
        self.listing.sort(self.listing.order.reversed)

    def do_back(self) -> None:
        """Go from the record to the list; then clear the marks, then the filter, then leave."""
        if self.focused is not self._rows:
            self.set_focus(self._rows)
        elif self._marks:
            self._mark(self._marks, on=False)
        elif self.listing.typed.terms:
            self._show_anew(self.listing.kind, Filter())
        else:
            self.console_app.do_back()

    def do_causes(self) -> None:
        """Show failures by cause."""
        from tui.screens.emails.windows import Causes  # noqa: PLC0415  (loaded on first use)

        def chosen(cause: str | None) -> None:
            if cause is not None:
                self._show_anew(KINDS[1], Filter((Term("cause", cause),)))

        def show(causes: list[tuple[str, int]]) -> None:
            if self.is_current:
                self.app.push_screen(Causes(causes), chosen)

        self.console_app.countings.ask(lambda view: view.failures(), show)

    def do_update(self) -> None:
        """Read the list again."""
        self.listing.read()

    # -- marks and acting ---------------------------------------------------------------------------------------------

    def selected(self) -> Selected:
        row = self._rows.selected
        return row.value if row is not None and isinstance(row.value, EmailRow) else None

    def context(self) -> Context:
        return replace(super().context(), marked=len(self._marks), beside=self.beside, width=self.size.width)

    def targets(self) -> Targets:
        return Targets(tuple(sorted(self._marks)), item=self.item) if self._marks else super().targets()

    def acted(self) -> None:
        if self._marks:
            self._mark(self._marks, on=False)

    def listed(self) -> tuple[str, Sequence[int] | None] | None:
        ids = self.listing.ids
        if ids is None:
            return f"all {plural(self._rows.count, self.item)} of the run", None
        return (f"all {plural(len(ids), self.item)} of the list", ids) if self.listing.looked == 1 else None

    def _mark(self, ids: Iterable[int], *, on: bool) -> None:
        self._marks = self._marks | set(ids) if on else self._marks - set(ids)
        self._rows.redraw_rows(lambda row: self._row(row.value))
        self._update_bar()
        self.hint()

    def do_mark(self) -> None:
        """Mark or unmark the text under the cursor, and go to the next."""
        row = self.selected()
        if isinstance(row, EmailRow):
            self._mark((row.id,), on=row.id not in self._marks)
            self._rows.action_move(1)

    def do_mark_all(self) -> None:
        """Mark everything that the filter finds, or clear all marks."""
        ids = self.listing.ids
        if self._marks:
            self._mark(self._marks, on=False)
        elif ids is None or self.listing.looked < 1:
            text = "Choose a kind with {filter} or a filter with {find} first; {mark_all} then marks what it finds."
            self.console_app.say(keyed(text))
        elif len(ids) > MOST_IN_A_COMMAND:
            self.console_app.say(
                f"{number(len(ids))} are too many to mark: {number(MOST_IN_A_COMMAND)} are the most. Filter more.",
                severity="warning",
            )
        else:
            self._mark(ids, on=True)

    def summary(self) -> str:
        """Return the title as text, for tests."""
        scoped = self._bar.scoped
        return scoped.title if scoped else ""
