"""One email in full: what was sent, each attempt with its raw answer and verdict, each label ever given."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable

from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from core.model import AskKind, Attempt, EmailRecord, EmailRow, EmailState, LabelRecord, LabelSource, Outcome
from core.text import inert, one_line
from tui.backend import RunView
from tui.context import Scope, Selected
from tui.keymap import keyed
from tui.present import clock, fit, moment, number, plural
from tui.saving import copy, record_as_text
from tui.screens.sheet import Look, Sheet
from tui.widgets.pane import Part, line
from tui.widgets.scope import STATES

MOST_SHOWN = 200_000
"""Characters of a raw message that are shown; the rest is cut with a word about it."""


class RecordScreen(Sheet):
    """Message on one side, history on the other; under each other where it is narrow."""

    SCOPE = Scope.RECORD

    def __init__(self, row: EmailRow, neighbor: Callable[[int], EmailRow | None] = lambda _: None) -> None:
        """``neighbor`` moves the list behind by that many rows and gives the row it is on then, or None at its ends."""
        super().__init__()
        self._row = row
        self._neighbor = neighbor
        self._record: EmailRecord | None = None
        self._raw = False
        self._attempts_seen = -1

    def content(self) -> Iterable[Widget]:
        yield Container(
            VerticalScroll(Static("", markup=False, id="message-text"), id="message"),
            VerticalScroll(Static("", markup=False, id="history-text"), id="history"),
            id="record",
        )

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#message").border_title = "Message as sent"
        self.query_one("#history").border_title = "Attempts and labels"
        self.set_focus(self.query_one("#message"))
        self.changed()

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)

    def show(self, look: Look) -> None:
        snapshot = look.picture.snapshot
        if snapshot is None or self._record is None or snapshot.attempts == self._attempts_seen:
            return
        self._attempts_seen = snapshot.attempts
        if self._record.row.state is EmailState.PENDING:
            self.changed()

    def changed(self) -> None:
        email_id = self._row.id

        def question(view: RunView) -> EmailRecord:
            return view.record(email_id)

        self.console_app.poller.ask(question, self._arrived)

    def _arrived(self, record: EmailRecord) -> None:
        if not self.is_mounted or record == self._record or record.row.id != self._row.id:
            return
        self._record, self._row = record, record.row
        self._draw()
        self.hint()

    def _draw(self) -> None:
        record = self._record
        if record is None:
            return
        text = record.raw if self._raw else record.text
        shown = inert(text[:MOST_SHOWN]) + (
            f"\n… {number(len(text) - MOST_SHOWN)} more characters" if len(text) > MOST_SHOWN else ""
        )
        message = self.query_one("#message")
        message.border_title = (
            f"Message as it came · {number(len(text))} characters"
            if self._raw
            else (f"Message as sent · {number(len(text))} characters")
        )
        self.query_one("#message-text", Static).update(
            Content("\n").join([*self._head(record), Content(""), Content(shown)])
        )
        self.query_one("#history-text", Static).update(self._history(record))

    def _named(self, value: str) -> str:
        snapshot = self.look.picture.snapshot if self.look else None
        name = snapshot.run.task.name_of(value) if snapshot else value
        return one_line(value if name == value else f"{value} {name}", limit=30)

    def _head(self, record: EmailRecord) -> list[Content]:
        row = record.row
        glyph, tone = STATES[row.state]
        verdict: list[Part] = [(f"{glyph} {row.state.value}", f"bold ${tone}")]
        if row.label is not None:
            verdict += [
                ("  ", ""),
                (self._named(row.label), "bold $accent"),
                (f"  by {_giver(row.label_source)}", "$quiet"),
            ]
        if row.failure:
            verdict.append((f"  {one_line(row.failure, limit=200)}", "$failed"))
        copies = f" · {plural(record.copies, 'other email')} with this very text" if record.copies else ""
        return [
            line(*verdict),
            _field("subject", row.subject or "(no subject)", "bold $bright"),
            _field("from", row.sender, "$foreground"),
            _field("date", row.date, "$foreground"),
            _field("id", f"{row.source_id} · number {row.id} · place {number(row.position)}{copies}", "$quiet"),
        ]

    def _history(self, record: EmailRecord) -> Content:
        now = self.look.now if self.look else 0.0
        rows: list[Content] = [line((plural(len(record.attempts), "attempt"), "bold $bright"))]
        if not record.attempts:
            why = (
                "its label is a copy of another email's"
                if record.row.label_source == LabelSource.COPY.value
                else ("no call was made for it yet")
            )
            rows.append(line((why, "$quiet")))
        width = max(30, self.query_one("#history").size.width - 3)
        for attempt in record.attempts:
            rows += _attempt(attempt, now, width)
        rows += [Content(""), line((plural(len(record.labels), "label"), "bold $bright"))]
        if not record.labels:
            rows.append(line((keyed("none yet · {label} gives one by hand"), "$quiet")))
        rows += [self._label(label, now) for label in record.labels]
        return Content("\n").join(rows)

    def _label(self, label: LabelRecord, now: float) -> Content:
        human = label.source == LabelSource.HUMAN.value
        who = f"◆ by a person, {one_line(label.annotator, limit=30)}" if human else f"by {_giver(label.source)}"
        blind = " · blind" if label.blind else ""
        note = f" · “{one_line(label.note, limit=200)}”" if label.note else ""
        return line(
            (f"{moment(label.at, now)}  ", "$quiet"),
            (self._named(label.value), "bold $person" if human else "bold $accent"),
            (f"  {who}{blind}", "$person" if human else "$quiet"),
            (note, "$foreground"),
            (f"  task {one_line(label.task_version, limit=8)}" if label.task_version else "", "$faint"),
        )

    # -- acting -------------------------------------------------------------------------------------------------------

    def selected(self) -> Selected:
        return self._row

    def _turn(self, step: int) -> None:
        row = self._neighbor(step)
        if row is None:
            self.console_app.say(
                "This is the last email of the list." if step > 0 else "This is the first of the list."
            )
            return
        self._row = row
        for pane in ("#message", "#history"):
            self.query_one(pane).scroll_to(y=0, animate=False)
        self.changed()

    def do_next(self) -> None:
        """The next email of the list behind."""
        self._turn(1)

    def do_previous(self) -> None:
        """The email before."""
        self._turn(-1)

    def do_skip(self) -> None:
        """Skip it, or put it back in line."""
        row, backend = self._row, self.console_app.backend
        back = row.state is EmailState.SKIPPED
        self.console_app.wishing.send("skip", lambda path: backend.skip(path, [row.id], back=back))

    def do_copy(self) -> None:
        """Copy the message and every answer."""
        if self._record is not None:
            copy(self, f"Email {self._row.id}", record_as_text(self._record, raw=self._raw))

    def do_raw(self) -> None:
        """Show the message as it came instead of as it was sent, and back."""
        self._raw = not self._raw
        self._draw()


def _giver(source: str | None) -> str:
    return {"model": "the model", "copy": "copy of an equal email", "human": "a person"}.get(source or "", "nobody")


def _field(name: str, value: str, tone: str) -> Content:
    return line((fit(name, 9), "$quiet"), (one_line(value, limit=400), tone))


def _attempt(attempt: Attempt, now: float, width: int) -> list[Content]:
    good = attempt.outcome is Outcome.ANSWERED
    tone = "running" if good else "waiting" if attempt.outcome in (Outcome.RATE_LIMITED, Outcome.CAPACITY) else "failed"
    word = attempt.outcome.value.replace("_", " ")
    when = f"{moment(attempt.started_at, now)}:{clock(attempt.started_at)[-2:]}"
    rows = [
        Content(""),
        line(
            (f"{attempt.n} ", "bold $bright"),
            ("asked  " if attempt.kind is AskKind.ASK else "asked again  ", "$foreground"),
            (f"{'✓' if good else '✕'} {word}", f"bold ${tone}"),
            (f"  {when}", "$quiet"),
            (f"  {attempt.latency_s:.2f} s", "$bright"),
        ),
        line(
            (f"  {one_line(attempt.key_alias, limit=20)} of {one_line(attempt.organization, limit=24)}", "$foreground"),
            (f" · {number(attempt.prompt_tokens)} + {number(attempt.completion_tokens)} tokens", "$quiet"),
        ),
    ]
    if attempt.raw_answer is not None:
        rows += _told(
            "answer", inert(attempt.raw_answer, limit=2_000) or "(empty)", "bright" if good else "waiting", width
        )
    if attempt.error:
        rows += _told("error", inert(attempt.error, limit=2_000), tone, width)
    for detail in (attempt.model, attempt.request_id or ""):
        rows += [line(("  " + one_line(detail, limit=width), "$faint"))] if detail else []
    return rows


def _told(name: str, text: str, tone: str, width: int) -> list[Content]:
    """What was said, wrapped so that it stands beside its name."""
    wrapped = [part for each in text.splitlines() or [""] for part in textwrap.wrap(each, max(12, width - 10)) or [""]]
    rows = [line((fit(f"  {name}", 10), "$quiet"), (wrapped[0], f"${tone}"))]
    return [*rows, *(line(" " * 10, (part, f"${tone}")) for part in wrapped[1:])]
