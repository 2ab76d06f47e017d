"""Show the record of one email: message and history side by side, or the history below in a narrow terminal."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.widgets import Static

from core.model import EmailRecord, Task
from tui.terminal.textual_fixes import alive
from tui.text import record as record_text
from tui.widgets.window_parts import TextScroll


class RecordView(Container):
    """Show a record; ``raw`` says whether the message is shown as it came instead of as sent."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id, classes="record")
        self._record: EmailRecord | None = None
        self._task_shown: Task | None = None
        self._now = 0.0
        self.raw = False

    def compose(self) -> ComposeResult:
        yield TextScroll(Static("", markup=False, id="message-text"), id="message")
        yield TextScroll(Static("", markup=False, id="history-text"), id="history")

    def on_mount(self) -> None:
        self.query_one("#message").border_title = "Message as sent"
        self.requested("")

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)

    @property
    def record(self) -> EmailRecord | None:
        """Return the record that is shown."""
        return self._record

    def show(self, record: EmailRecord | None, task: Task | None, now: float) -> None:
        """Show another record, or a newer state of the same one; None clears it."""
        other = record is None or self._record is None or record.row.id != self._record.row.id
        self._record, self._task_shown, self._now = record, task, now
        if other:
            for pane in ("#message", "#history"):
                self.query_one(pane).scroll_to(y=0, animate=False)
        self._draw()

    def turn(self) -> None:
        """Switch between the message as sent and as it came."""
        self.raw = not self.raw
        self._draw()

    def requested(self, what: str) -> None:
        """Show commands that are not done yet in the border."""
        title = f"◔ requested: {what}" if what else "Attempts and labels"
        self.query_one("#history").border_title = Content(title)

    def _draw(self) -> None:
        record = self._record
        if not alive(self):
            return
        if record is None:
            for text in ("#message-text", "#history-text"):
                self.query_one(text, Static).update("")
            return
        self.query_one("#message").border_title = record_text.title(record, raw=self.raw)
        width = max(30, self.query_one("#message").size.width - 2)  # padding and a scroll bar
        told = record_text.message(record, self._task_shown, width, raw=self.raw)
        self.query_one("#message-text", Static).update(told)
        width = max(30, self.query_one("#history").size.width - 2)
        self.query_one("#history-text", Static).update(record_text.history(record, self._task_shown, self._now, width))
