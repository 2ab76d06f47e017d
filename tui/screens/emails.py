"""The emails of a run: a list that pages from the run file and holds still under the cursor.

The whole list is paged by place. Any other is the numbers of its emails, held in work order as the finder brings them;
so it never moves under the cursor, and its end is as near as its beginning.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from textual.widget import Widget

from core.model import MOST_IN_A_WISH, EmailRow, EmailState, LabelSource
from core.storage.filters import Filter, Term, parse
from tui.backend import RunView
from tui.context import Context, Scope, Selected
from tui.finder import Finder, Finding
from tui.keymap import keyed
from tui.present import number, plural
from tui.saving import copy, rows_as_text
from tui.screens.sheet import Look, Sheet
from tui.widgets.rows import PAGE, ListColumn, Row, Rows
from tui.widgets.scope import KINDS, STATES, FilterLine, Kind, ScopeBar, Scoped

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


class EmailsScreen(Sheet):
    """The whole list follows the run; a filtered one is read when it is chosen, and again on ``u`` or after a wish."""

    SCOPE = Scope.EMAILS

    def __init__(self) -> None:
        super().__init__()
        self._kind = KINDS[0]
        self._rows = Rows(COLUMNS, empty="\n reading …", id="emails")
        self._bar = ScopeBar(id="scope")
        self._line = FilterLine(self._typed)
        self._finder: Finder | None = None
        self._typed_filter = Filter()
        self._ids: array[int] | None = None
        self._coming: array[int] | None = None
        self._looked = 1.0
        self._serial = 0
        self._marks: set[int] = set()
        self._failures: tuple[tuple[str, int], ...] = ()
        self._seen_settled = -1
        self._loading = False

    def content(self) -> Iterable[Widget]:
        yield self._bar
        yield self._line
        yield self._rows

    def on_mount(self) -> None:
        super().on_mount()
        self.set_focus(self._rows)
        self._load()

    # -- reading ------------------------------------------------------------------------------------------------------

    @property
    def _wanted(self) -> Filter:
        return self._kind.wanted.and_(self._typed_filter)

    def on_unmount(self) -> None:
        if self._finder is not None:
            self._finder.close()

    def _load(self) -> None:
        self._loading = True
        self._serial += 1
        serial, kind = self._serial, self._kind
        if not self._wanted.terms:
            self._ids = self._coming = None
            self._looked = 1.0
            offset = self._rows.cursor // PAGE * PAGE

            def question(view: RunView) -> tuple[int, list[EmailRow]]:
                return view.count(None), view.emails(state=None, offset=offset, limit=PAGE)

            def loaded(answer: tuple[int, list[EmailRow]]) -> None:
                if serial == self._serial and self.is_mounted:
                    self._loading = False
                    self._place(answer[0], offset, answer[1])

            self.console_app.poller.ask(question, loaded)
            return
        if kind.state == "failed":
            self.console_app.poller.ask(lambda view: view.failures(), partial(self._reasons, kind))
        if self._finder is None:
            app = self.console_app
            if app.run_path is None:
                return
            self._finder = Finder(app.backend, app.run_path, app.post_message, threaded=app.threaded)
        self._coming, self._looked = array("I"), 0.0
        self._finder.seek(self._wanted, partial(self._found, serial))

    def _reasons(self, kind: Kind, reasons: list[tuple[str, int]]) -> None:
        if kind is self._kind and self.is_mounted:
            self._failures = tuple(reasons)
            self._update_bar()

    def _found(self, serial: int, finding: Finding) -> None:
        """Matches that just came. A list that is read again stays as it was until the new one is whole."""
        if serial != self._serial or not self.is_mounted or self._coming is None:
            return
        if finding.trouble:
            self.console_app.say(finding.trouble, severity="error")
        self._coming.extend(finding.ids)
        self._looked = finding.share if not finding.finished else 1.0
        first = self._ids is None
        if first or self._ids is self._coming:
            self._ids = self._coming
            self._loading = False
            self._rows.set_count(len(self._ids), forget=first)
        elif finding.finished:
            self._swap()
        if finding.finished:
            self._rows.empty = "\n " + (
                keyed(
                    self._kind.empty
                    if not self._typed_filter.terms
                    else "Nothing matches. {back} takes the filter away."
                )
            )
        self._update_bar()
        self.hint()

    def _swap(self) -> None:
        assert self._coming is not None
        ids = self._ids = self._coming
        self._loading = False
        row = self._rows.selected
        place = self._rows.cursor
        if row is not None and isinstance(row.id, int) and row.id in ids:
            place = ids.index(row.id)
        offset = min(place, max(0, len(ids) - 1)) // PAGE * PAGE
        serial = self._serial

        def arrived(rows: list[EmailRow]) -> None:
            if serial == self._serial and self.is_mounted:
                self._place(len(ids), offset, rows)

        self.console_app.poller.ask(lambda view: view.rows(ids[offset : offset + PAGE]), arrived)

    def _place(self, count: int, offset: int, rows: Sequence[EmailRow]) -> None:
        self._rows.empty = "\n " + keyed(self._kind.empty)
        self._rows.begin_again(count, offset, [self._row(row) for row in rows])
        self._update_bar()
        self.hint()

    def on_rows_page_wanted(self, message: Rows.PageWanted) -> None:
        serial, ids = self._serial, self._ids

        def page(view: RunView) -> list[EmailRow]:
            if ids is None:
                return view.emails(state=None, offset=message.offset, limit=message.limit)
            return view.rows(ids[message.offset : message.offset + message.limit])

        def arrived(rows: list[EmailRow]) -> None:
            if self.is_mounted and ids is self._ids and (ids is not None or serial == self._serial):
                self._rows.set_page(message.offset, [self._row(row) for row in rows])

        self.console_app.poller.ask(page, arrived)

    def show(self, look: Look) -> None:
        snapshot = look.picture.snapshot
        if snapshot is None:
            return
        moved = snapshot.settled != self._seen_settled
        self._seen_settled = snapshot.settled
        nothing_to_hold = self._rows.count == 0 and self._kind.live(snapshot) > 0 and not self._typed_filter.terms
        if self._ids is None and moved:
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
        held = len(self._ids) if self._ids is not None else self._rows.count
        self._bar.scoped = Scoped(
            self._kind, held, snapshot.total, live, self._failures, str(self._typed_filter), self._looked,
            len(self._marks),
        )  # fmt: skip

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
        marked = row.id in self._marks
        state = (
            (f"●{number(row.position)}" if marked else number(row.position), "bold $accent" if marked else "$quiet"),
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
            self.app.push_screen(RecordScreen(row, self.neighbor))

    def neighbor(self, step: int) -> EmailRow | None:
        """Move the cursor, and return the row that it is on then, if it is there already."""
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
        self._kind = KINDS[(KINDS.index(self._kind) + step) % len(KINDS)]
        self._show_anew()

    def _show_anew(self) -> None:
        """Another list: from its beginning, without marks."""
        self._marks.clear()
        self._ids = None
        self._rows.empty = "\n reading …"
        self._rows.set_columns(FAILED_COLUMNS if self._kind.state == "failed" else COLUMNS)
        self._rows.set_count(0)
        self._rows.cursor = 0
        self._load()

    def do_find(self) -> None:
        """Open the filter line."""
        self._line.open(str(self._typed_filter))

    def _typed(self, text: str | None) -> None:
        """The filter line was left: with a filter, or (None) as it was before."""
        self.set_focus(self._rows)
        if text is None:
            return
        wanted = parse(text)
        if wanted != self._typed_filter:
            self._typed_filter = wanted
            self._show_anew()

    def do_back(self) -> None:
        """Take marks away, then the filter, then leave."""
        if self._marks:
            self._mark(self._marks, on=False)
        elif self._typed_filter.terms:
            self._typed_filter = Filter()
            self._show_anew()
        else:
            self.console_app.do_back()

    def do_causes(self) -> None:
        """Failures by cause."""
        from tui.screens.causes import Causes  # noqa: PLC0415  (not before it is wanted)

        def chosen(cause: str | None) -> None:
            if cause is not None:
                self._kind = KINDS[1]
                self._typed_filter = Filter((Term("cause", cause),))
                self._show_anew()

        def show(causes: list[tuple[str, int]]) -> None:
            self.app.push_screen(Causes(causes), chosen)

        self.console_app.poller.ask(lambda view: view.failures(), show)

    # -- marks --------------------------------------------------------------------------------------------------------

    def context(self) -> Context:
        return replace(super().context(), marked=len(self._marks))

    def _mark(self, ids: Iterable[int], *, on: bool) -> None:
        self._marks = self._marks | set(ids) if on else self._marks - set(ids)
        self._rows.redraw_rows(lambda row: self._row(row.value))
        self._update_bar()
        self.hint()

    def do_mark(self) -> None:
        """Mark the email under the cursor, or take its mark away, and go on to the next."""
        row = self.selected()
        if isinstance(row, EmailRow):
            self._mark((row.id,), on=row.id not in self._marks)
            self._rows.action_move(1)

    def do_mark_all(self) -> None:
        """Mark every email that the filter holds, or take all marks away."""
        ids = self._ids
        if self._marks:
            self._mark(self._marks, on=False)
        elif ids is None or self._looked < 1:
            text = "Choose a kind with {filter}, or a filter with {find}, and let it end; then {mark_all} marks it."
            self.console_app.say(keyed(text))
        elif len(ids) > MOST_IN_A_WISH:
            self.console_app.say(
                f"{number(len(ids))} are too many to mark: {number(MOST_IN_A_WISH)} are the most. Narrow the filter.",
                severity="warning",
            )
        else:
            self._mark(ids, on=True)

    def _confirmed(self, what: str, then: str, wish: Any, kind: str) -> None:
        """Ask by count and target, then send the wish for all that are marked."""
        from tui.screens.modals import Confirm  # noqa: PLC0415  (not before it is wanted)

        ids = sorted(self._marks)

        def answered(yes: bool | None) -> None:  # noqa: FBT001 - Textual's
            if yes:
                self._mark(ids, on=False)
                self.console_app.wishing.send(kind, lambda path: wish(path, ids))

        self.app.push_screen(Confirm(f"{what.format(plural(len(ids), 'marked email'))}", then, "Leave them"), answered)

    def do_retry(self) -> None:
        """Put the selected or the marked failed emails back in line."""
        backend = self.console_app.backend
        if self._marks:
            text = "Put those of {} back in line that have failed? Each is asked anew, which costs calls."
            self._confirmed(text, "Put them back", backend.retry_these, "retry")
        else:
            self.console_app.wishing.do_retry()

    def do_skip(self) -> None:
        """Skip the selected or the marked emails; a skipped one comes back."""
        row, backend = self.selected(), self.console_app.backend
        if self._marks:
            text = keyed(
                "Skip those of {} that have no label? Nothing is asked about them until {skip} puts each back."
            )
            self._confirmed(text, "Skip them", partial(backend.skip, back=False), "skip")
        elif isinstance(row, EmailRow):
            back = row.state is EmailState.SKIPPED
            self.console_app.wishing.send("skip", lambda path: backend.skip(path, [row.id], back=back))

    def do_copy(self) -> None:
        """Copy the selected or the marked emails, a line each."""
        row = self.selected()
        ids = sorted(self._marks) or ([row.id] if isinstance(row, EmailRow) else [])

        def read(view: RunView) -> str:
            return rows_as_text(row for n in range(0, len(ids), 500) for row in view.rows(ids[n : n + 500]))

        self.console_app.poller.ask(read, partial(copy, self, plural(len(ids), "email")))

    def do_update(self) -> None:
        """Read the list again."""
        self._load()

    def summary(self) -> str:
        """The title as text, for tests and titles."""
        scoped = self._bar.scoped
        return scoped.title if scoped else ""
