"""Show the exact messages about one text, by the active version or by the draft: first or follow-up question."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from core.model import EmailRecord, EmailRow, Task
from core.text import inert, one_line
from tui.actions.context import Scope, Selected
from tui.screens.base_screen import BaseScreen
from tui.terminal.textual_fixes import alive
from tui.text.numbers import join, number
from tui.text.parts import line
from tui.text.sent_messages import fields_sent, first_question, in_pack, question_again
from tui.widgets.panes.task import short
from tui.widgets.window_parts import TextScroll

if TYPE_CHECKING:
    from core.engine import RunReader

MOST_SHOWN = 200_000
"""Characters of a message that are shown; the number of the others is named."""


BESIDE = "beside the messages, unless the server refuses it"
"""The heading of a request's other fields."""


class MessagesScreen(BaseScreen):
    """Show what the model gets, made inert for a terminal; page through the texts in work order."""

    SCOPE = Scope.MESSAGES

    def __init__(self, row: EmailRow | None, draft: Task | None) -> None:
        super().__init__()
        self._row = row
        self._draft = draft
        self._record: EmailRecord | None = None
        self._again = False

    def content(self) -> Iterable[Widget]:
        yield TextScroll(Static("", markup=False), id="messages", classes="framed")

    def on_mount(self) -> None:
        super().on_mount()
        self.set_focus(self.query_one("#messages"))
        self._turn(0)

    def selected(self) -> Selected:
        return self._row

    def changed(self) -> None:
        self._turn(0)

    def _turn(self, step: int) -> None:
        row = self._row

        def question(view: RunReader) -> EmailRecord | None:
            if row is not None and not step:
                return view.record(row.id)
            place = row.position + step if row is not None else 0
            found = view.emails(state=None, offset=place, limit=1) if place >= 0 else []
            return view.record(found[0].id) if found else None

        def arrived(record: EmailRecord | None) -> None:
            if not alive(self):
                return
            if record is None:
                self.console_app.say("This is the last one." if step >= 0 else "This is the first one.")
                return
            self._record, self._row = record, record.row
            self._draw()
            self.hint()

        self.console_app.poller.ask(question, arrived)

    def _draw(self) -> None:
        record = self._record
        snapshot = self.data.view_state.snapshot if self.data else None
        if record is None or snapshot is None:
            return
        current = snapshot.run.task
        task = self._draft or current
        told, size = "first question", 1
        if self._again:
            sent, own = question_again(task, current, record)
            told = "follow-up question to its own answers" if own else "follow-up question to an example answer"
        else:
            sent = first_question(task, current, record)
            if in_pack(task, current, record):
                asked, size = any(attempt.pack is not None for attempt in record.attempts), len(record.pack_texts)
                told = f"pack of {size}, {'as asked' if asked else 'with those next in line'}"
        which = f"draft {short(task.version)}" if self._draft is not None else f"active version {short(task.version)}"
        pane = self.query_one("#messages")
        pane.border_title = join((f"Messages · {which}", told))
        rows = [
            line((f"{number(record.row.position)} ", "$quiet"),
                 (one_line(record.row.named, limit=120), "bold $bright")),
            line((f"{len(sent)} messages, {number(sum(len(each.content) for each in sent))} characters", "$quiet")),
        ]  # fmt: skip
        for message in sent:
            rows += _message(message.role, message.content)
        rows += _message(BESIDE, fields_sent(task, size))
        self.query_one("#messages Static", Static).update(Content("\n").join(rows))

    def do_next(self) -> None:
        """Show the next text in work order."""
        self._go(1)

    def do_previous(self) -> None:
        """Show the previous text."""
        self._go(-1)

    def _go(self, step: int) -> None:
        self.query_one("#messages").scroll_to(y=0, animate=False)
        self._turn(step)

    def do_again_form(self) -> None:
        """Switch between follow-up question and first question."""
        self._again = not self._again
        self._draw()
        if self._again:
            self.query_one("#messages", VerticalScroll).scroll_end(animate=False)


def _message(head: str, text: str) -> list[Content]:
    shown = inert(text[:MOST_SHOWN])
    if len(text) > MOST_SHOWN:
        shown += f"\n… {number(len(text) - MOST_SHOWN)} more characters"
    above = line((f"── {one_line(head, limit=60)} ", "bold $accent"), (f"{number(len(text))} characters", "$quiet"))
    return [Content.empty(), above, Content(shown)]
