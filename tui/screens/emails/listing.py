"""Hold the list of emails: its kind, filter and order; reading it never moves the cursor's row.

The whole list in work order is paged by place and follows the run. Any other is the numbers of its emails, found and
sorted by the finder's thread; it holds still until it is read again, and then the cursor stays on its email, and that
email on its line of the screen.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from core.engine import WORK_ORDER, Filter, Order
from core.model import EmailRow, Snapshot
from tui.actions.keymap import keyed
from tui.live.console_app import ConsoleApp
from tui.live.finder import Finder, Finding
from tui.widgets.lists.emails import KINDS, Kind
from tui.widgets.lists.rows import PAGE, Row, Rows

if TYPE_CHECKING:
    from core.engine import RunReader

READING = "\n reading …"


class Listing:
    """Feed the rows. ``as_row`` makes a row of an email, ``changed`` is called when something else is to be shown."""

    def __init__(
        self, app: ConsoleApp, rows: Rows, as_row: Callable[[EmailRow], Row], changed: Callable[[], None]
    ) -> None:
        self._app = app
        self._rows = rows
        self._as_row = as_row
        self._changed = changed
        self._finder: Finder | None = None
        self._coming: array[int] | None = None
        self._serial = 0
        self._counts: tuple[object, ...] = ()
        self._open = True
        self.kind = KINDS[0]
        self.typed = Filter()
        self.order = WORK_ORDER
        self.shown_order = WORK_ORDER
        self.ids: array[int] | None = None
        self.looked = 1.0
        self.loading = False
        self.failures: tuple[tuple[str, int], ...] = ()
        self.read_at_settled = 0

    @property
    def wanted(self) -> Filter:
        """Return the filter of the list's emails."""
        return self.kind.wanted.and_(self.typed)

    @property
    def held(self) -> int:
        """Return how many emails it holds."""
        return len(self.ids) if self.ids is not None else self._rows.count

    @property
    def sorting(self) -> bool:
        """Return whether another order than the one in sight is on its way."""
        return self.order != self.shown_order

    def _empty(self) -> str:
        """Return what an empty list of this kind says."""
        return self.kind.empty.replace("{item}", self._app.view_state.item)

    def close(self) -> None:
        """Close the list: no more answers are taken."""
        self._open = False
        if self._finder is not None:
            self._finder.close()

    # -- reading ------------------------------------------------------------------------------------------------------

    def show(self, kind: Kind, typed: Filter) -> None:
        """Show another list, from its beginning."""
        self.kind, self.typed = kind, typed
        self.ids = None
        self.shown_order = self.order
        self._rows.empty = READING
        self._rows.set_count(0)
        self._rows.cursor = 0
        self.read()

    def sort(self, order: Order) -> None:
        """Show the same emails in another order."""
        if self.ids is not None and self._coming is self.ids and self.looked == 1.0 and order == self.order.reversed:
            self.order = order
            turned = self.ids[::-1]
            self._coming = turned
            self._swap(turned, len(turned) - 1 - self._rows.cursor)
            return
        self.order = order
        self.read()

    def read(self) -> None:
        """Read it anew; what is in sight stays until the new one is whole."""
        self.loading = True
        self._serial += 1
        serial = self._serial
        row = self._rows.selected
        selected = row.value if row is not None and isinstance(row.value, EmailRow) else None
        snapshot = self._app.view_state.snapshot
        self.read_at_settled = snapshot.settled if snapshot else 0
        if not self.wanted.terms and self.order == WORK_ORDER:
            self._read_by_place(serial, selected)
            return
        if self._finder is None:
            if self._app.run_path is None:
                return
            app = self._app
            self._finder = Finder(app.engine, self._app.run_path, app.post_message, threaded=app.threaded)
        self._coming, self.looked = array("I"), 0.0
        self._finder.seek(self.wanted, self.order, selected.id if selected else None, partial(self._found, serial))
        self._changed()

    def _read_by_place(self, serial: int, selected: EmailRow | None) -> None:
        self._coming, self.looked = None, 1.0
        moved = self.shown_order != self.order
        place = selected.position if selected is not None and moved else self._rows.cursor
        offset = place // PAGE * PAGE

        def question(view: RunReader) -> tuple[int, list[EmailRow]]:
            return view.count(None), view.emails(state=None, offset=offset, limit=PAGE)

        def loaded(answer: tuple[int, list[EmailRow]]) -> None:
            if serial == self._serial and self._open:
                self.ids = None
                self._place(answer[0], offset, answer[1])

        self._app.poller.ask(question, loaded)

    def _reasons(self, kind: Kind, reasons: list[tuple[str, int]]) -> None:
        if kind is self.kind and self._open:
            self.failures = tuple(reasons)
            self._changed()

    def _found(self, serial: int, finding: Finding) -> None:
        """Take in new matches. A list that is read again stays as it was until the new one is whole."""
        if serial != self._serial or not self._open or self._coming is None:
            return
        if finding.trouble:
            self._ended(finding.trouble)
            return
        self._coming.extend(finding.ids)
        self.looked = finding.share if not finding.finished else 1.0
        first = self.ids is None and self.shown_order == self.order
        if first or self.ids is self._coming:
            self.ids = self._coming
            self.loading = False
            self._rows.set_count(len(self.ids), forget=first, growing=not finding.finished)
        elif finding.finished:
            self._swap(self._coming, finding.place if finding.place is not None else self._rows.cursor)
        if finding.finished and self.kind.state == "failed":
            self._app.countings.ask(lambda view: view.failures(), partial(self._reasons, self.kind))
        if finding.finished:
            nothing = self._empty() if not self.typed.terms else "Nothing matches. {back} clears the filter."
            self._rows.empty = "\n " + keyed(nothing)
        self._changed()

    def _ended(self, trouble: str) -> None:
        """Handle a failed search or sorting: what is in sight stays, and the error is shown where nothing is."""
        self._app.say(trouble, severity="error")
        self.loading, self.looked, self.order = False, 1.0, self.shown_order
        self._coming = self.ids
        self._rows.empty = keyed("\n The search ended early; {update} searches again.\n ") + trouble
        self._rows.refresh()
        self._changed()

    def _swap(self, ids: array[int], place: int) -> None:
        """Show these instead, with the page about that place already there."""
        offset = min(max(0, place), max(0, len(ids) - 1)) // PAGE * PAGE
        serial = self._serial

        def arrived(rows: list[EmailRow]) -> None:
            if serial == self._serial and self._open:
                self.ids = ids
                self._place(len(ids), offset, rows)

        self._app.poller.ask(lambda view: view.rows(ids[offset : offset + PAGE]), arrived)

    def _place(self, count: int, offset: int, rows: Sequence[EmailRow]) -> None:
        self.loading = False
        self.shown_order = self.order
        self._rows.empty = "\n " + keyed(self._empty())
        self._rows.begin_again(count, offset, [self._as_row(row) for row in rows])
        self._changed()

    def page(self, offset: int, limit: int) -> None:
        """Bring the rows of a page that came into view."""
        serial, ids = self._serial, self.ids

        def question(view: RunReader) -> list[EmailRow]:
            if ids is None:
                return view.emails(state=None, offset=offset, limit=limit)
            return view.rows(ids[offset : offset + limit])

        def arrived(rows: list[EmailRow]) -> None:
            if self._open and ids is self.ids and (ids is not None or serial == self._serial or self.sorting):
                known = {row.id: row for row in self._rows.rows_from(offset)}
                self._rows.set_page(offset, [self._kept(known.get(row.id), row) for row in rows])

        self._app.poller.ask(question, arrived)

    def _kept(self, shown: Row | None, row: EmailRow) -> Row:
        """Return the row that is shown already, where nothing about its email changed: making one takes time."""
        return shown if shown is not None and shown.value == row else self._as_row(row)

    # -- following ----------------------------------------------------------------------------------------------------

    def follow(self, snapshot: Snapshot) -> None:
        """Update rows in sight where they stand, without moving any, after the run went on."""
        counts = (snapshot.settled, snapshot.failed, snapshot.skipped, snapshot.labels, snapshot.sources)
        moved, self._counts = counts != self._counts, counts
        nothing_to_hold = self._rows.count == 0 and self.kind.live(snapshot) > 0 and not self.typed.terms
        if moved and self._rows.count:
            self._rows.reload_visible()
        elif nothing_to_hold and not self.loading and self._rows.empty != READING:
            self.read()

    def waiting(self, snapshot: Snapshot) -> int:
        """Return how many changes of the run are not in it yet; where known, more (below 0: fewer) emails."""
        if self.loading or self.looked < 1:
            return 0
        if not self.typed.terms:
            return self.kind.live(snapshot) - self.held
        return 0

    def stirred(self, snapshot: Snapshot) -> int:
        """Return how many emails were settled since it was read, and may stand elsewhere in it by now."""
        if self.ids is None or self.loading or self.looked < 1:
            return 0
        return abs(snapshot.settled - self.read_at_settled)
