"""Show one record: the message, each attempt with its raw answer and verdict, labels and notes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from textual.widget import Widget

from core.model import EmailRecord, EmailRow, EmailState
from tui.actions.context import Scope, Selected
from tui.screens.emails.editing import EmailEditing
from tui.terminal.clipboard import record_as_text
from tui.terminal.textual_fixes import alive
from tui.view_state import ScreenData
from tui.widgets.record_view import RecordView

if TYPE_CHECKING:
    from core.engine import RunReader


class RecordScreen(EmailEditing):
    """Show the record of the text under the cursor of the list behind."""

    SCOPE = Scope.RECORD

    def __init__(self, row: EmailRow, neighbor: Callable[[int], EmailRow | None] = lambda _: None) -> None:
        """Show a row's record; ``neighbor`` moves the list behind and returns its row, or None at its ends."""
        super().__init__()
        self._row = row
        self._neighbor = neighbor
        self._record: EmailRecord | None = None
        self._attempts_seen = -1
        self._view = RecordView(id="record")

    def content(self) -> Iterable[Widget]:
        yield self._view

    def on_mount(self) -> None:
        super().on_mount()
        self.set_focus(self.query_one("#message"))
        self.changed()

    def show(self, data: ScreenData) -> None:
        self._view.requested(", ".join(command.what for command in data.requested if command.what))
        snapshot = data.view_state.snapshot
        if snapshot is None or self._record is None or snapshot.attempts == self._attempts_seen:
            return
        self._attempts_seen = snapshot.attempts
        if self._record.row.state is EmailState.PENDING:
            self.changed()

    def changed(self) -> None:
        email_id = self._row.id

        def question(view: RunReader) -> EmailRecord:
            return view.record(email_id)

        self.console_app.poller.ask(question, self._arrived)

    def _arrived(self, record: EmailRecord) -> None:
        if not alive(self) or record == self._record or record.row.id != self._row.id:
            return
        self._record, self._row = record, record.row
        self._view.show(record, self.asked_task(), self.data.now if self.data else 0.0)
        self.hint()

    # -- acting -------------------------------------------------------------------------------------------------------

    def selected(self) -> Selected:
        return self._row

    def _turn(self, step: int) -> None:
        row = self._neighbor(step)
        if row is None:
            self.console_app.say(
                "This is the last row of the list." if step > 0 else "This is the first row of the list."
            )
            return
        self._row = row
        self.changed()

    def do_next(self) -> None:
        """Show the next record of the list behind."""
        self._turn(1)

    def do_previous(self) -> None:
        """Show the previous record."""
        self._turn(-1)

    def do_copy(self) -> None:
        """Copy the message and every answer."""
        if self._record is not None:
            self.copy(f"{self.item.capitalize()} {self._row.id}", record_as_text(self._record, raw=self._view.raw))

    def do_raw(self) -> None:
        """Switch the message between as sent and as it came."""
        self._view.turn()


def reading(rows: Sequence[EmailRow]) -> RecordScreen:
    """Return the screen that reads these items one after the other."""
    place = [0]

    def neighbor(step: int) -> EmailRow | None:
        at = place[0] + step
        if not 0 <= at < len(rows):
            return None
        place[0] = at
        return rows[at]

    return RecordScreen(rows[0], neighbor)
