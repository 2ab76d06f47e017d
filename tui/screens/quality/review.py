"""Show the review: items of the random sample, blind, one key a label, in batches with second looks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from textual import events
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from core.commands.review import PlanSecondLooks, Review, WithdrawReview
from core.quality.audit import Audit
from core.quality.sampling import BATCH
from core.quality.session import Phase, Revealed, Session, begin, plan, reveal
from core.text import inert, one_line
from tui.actions.context import Scope
from tui.actions.keymap import key
from tui.screens.base_screen import BaseScreen
from tui.screens.line_windows import AskLine
from tui.terminal.textual_fixes import alive
from tui.text import review as words
from tui.text.numbers import number
from tui.text.parts import line
from tui.view_state import ScreenData
from tui.widgets.window_parts import TextScroll

if TYPE_CHECKING:
    from core.commands.command import Command
    from core.engine import ReviewEmail, SentCommand
    from core.model import Task


Begun = tuple[Audit, Session, "tuple[ReviewEmail, ...]"]
"""The audit as it was read, what an annotator goes on with, and the texts of that."""
BATCH_IN_DEMO = 10
"""Items of a batch in the demo, where the next thing to see is what comes of it."""


@dataclass(frozen=True, slots=True)
class BatchResult:
    """Hold the result of a batch, and the subjects of the items on which person and model differ."""

    revealed: Revealed
    batch: int
    subjects: tuple[str, ...]


class ReviewScreen(BaseScreen):
    """Show one annotator's batch. Answers are sent as they are given; a batch goes on where it was left.

    Nothing here shows or betrays the model's label before the batch is over. The result of a batch is shown above the
    first item of the next one: the key that answers that item goes straight on.
    """

    SCOPE = Scope.REVIEW
    ANSWER_KIND = ""
    """The kind of every answer; empty where the phase gives it."""

    def __init__(self, annotator: str = "", size: int = 0) -> None:
        """Review as ``annotator`` (the operator where empty), in batches of ``size`` (0: 25, and 10 in the demo)."""
        super().__init__()
        self._annotator = annotator
        self._batch_size = size
        self._session: Session | None = None
        self._audit: Audit | None = None
        self._emails: dict[int, ReviewEmail] = {}
        self._note = ""
        self._raw = self._unfolded = False
        self._shown_at = 0.0
        self._last = ""
        self._sent: SentCommand | None = None
        self._result: BatchResult | None = None
        self._trouble = ""
        self._rubric_of: Task | None = None
        self._done_words = ""

    def content(self) -> Iterable[Widget]:
        yield Static("", markup=False, id="about")
        yield Static("", markup=False, id="batch-result")
        yield Horizontal(
            TextScroll(Static("", markup=False), id="reviewed"),
            TextScroll(Static("", markup=False), id="beside-rubric"),
            id="review",
        )
        yield Static("", markup=False, id="answered")
        yield Static("", markup=False, id="answers")

    def on_mount(self) -> None:
        super().on_mount()
        self.set_focus(self.query_one("#reviewed"))
        self._annotator = self._annotator or self.console_app.engine.operator()
        self._load()

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)  # header lines are cut to the pane's new width

    def show(self, data: ScreenData) -> None:  # noqa: ARG002 - what is shown does not depend on it
        self._draw_frame()

    @property
    def phase(self) -> Phase | None:
        """Return where the review stands, None while it is read."""
        return self._session.phase if self._session else None

    @property
    def batch_number(self) -> int:
        """Return the number of the batch, 0 while it is read."""
        return self._session.batch if self._session else 0

    @property
    def place_left(self) -> int:
        """Return how many items of this phase are left."""
        return len(self._session.queue) if self._session else 0

    @property
    def current(self) -> ReviewEmail | None:
        """Return the item that is shown."""
        number_ = self._session.current if self._session else None
        return self._emails.get(number_) if number_ is not None else None

    # -- reading ----

    def _load(self) -> None:
        """Read where this annotator's review stands, and the texts of the batch."""
        path = self.console_app.run_path
        if path is None:
            return
        engine = self.console_app.engine
        self.console_app.jobs.send(lambda: self._read_on(path, engine.audit(path)), self._begun, self._failed)

    def _read_on(self, path: Path, audit: Audit) -> Begun:
        """Return what this annotator goes on with, and its texts. Runs beside the screen."""
        size = self._batch_size or (BATCH_IN_DEMO if audit.simulated else BATCH)
        session = self.begin_session(audit, self._annotator, size)
        answered = [email_id for email_id, _ in session.given]
        return audit, session, self.console_app.engine.review_emails(path, [*session.queue, *answered])

    def begin_session(self, audit: Audit, who: str, size: int) -> Session:
        """Return what this annotator goes on with."""
        return begin(audit, who, size=size)

    def _begun(self, found: Begun) -> None:
        if not alive(self):
            return
        self._audit, self._session, emails = found
        self._emails = {email.id: email for email in emails}
        self._trouble = ""
        if self._session.phase is Phase.PLAN:
            self._plan()
        self._turn()

    def _failed(self, sentence: str) -> None:
        """Say what could not be done, and go back to what the run file has."""
        self._trouble = sentence
        self.console_app.say(sentence, severity="error")
        self._draw()

    def _lost(self, sentence: str) -> None:
        """Report an answer that could not be kept, and read anew, so that the item comes again."""
        self._failed(sentence)
        if alive(self):
            self._load()

    # -- answering ----

    def on_key(self, event: events.Key) -> None:
        task = self.asked_task()
        value = words.keys_of(task).get(event.character or "") if task is not None else None
        if value is not None:
            event.stop()
            self._answer(value)
        elif task is not None and event.character == words.FIND_KEY and words.finds(task):
            event.stop()
            self._find_label(task)

    def _find_label(self, task: Task) -> None:
        """Ask which of the labels without a key is meant, and answer with it."""
        from tui.screens.modals import FindLabel  # noqa: PLC0415  (loaded on first use)

        asked = self.current

        def found(given: tuple[str, str] | None) -> None:
            if given is not None and self.current == asked:
                self._answer(given[0])

        if asked is not None:
            self.app.push_screen(FindLabel(task), found)

    def do_cannot_tell(self) -> None:
        """Answer that no label can be told."""
        self._answer(None)

    def _answer(self, value: str | None) -> None:
        session, path = self._session, self.console_app.run_path
        if session is None or session.current is None or path is None:
            return
        if self.console_app.read_only:
            self.console_app.say("This console is read-only: it keeps no answer.", severity="warning")
            return
        kind = self.ANSWER_KIND or ("second" if session.phase is Phase.SECOND else "first")
        seconds = max(0.0, self.console_app.clock() - self._shown_at)
        email_id = session.answer(value)
        self._result = None
        answer = {
            "email_id": email_id, "annotator": self._annotator, "value": value, "kind": kind, "seconds": seconds,
            "batch": session.batch, "note": self._note,
        }  # fmt: skip
        self._note = ""
        task = self.asked_task()
        self._last = "cannot tell" if value is None or task is None else f"{value} {task.name_of(value)}"
        self._send(path, Review([answer]))
        if session.phase is Phase.PLAN:
            self._plan()
        elif session.phase is Phase.REVEALED:
            self._reveal()
        self._turn()

    def _send(self, path: Path, command: Command) -> None:
        """Send a command behind those that wait; what reads the file behind it awaits its answer."""
        engine = self.console_app.engine

        def send() -> None:
            self._sent = engine.send(path, command)

        self.console_app.jobs.send(send, lambda _: None, self._lost)

    def _read_after_answers(self, path: Path) -> Audit:
        """Return the audit with every answer that was sent. Runs beside the screen, behind their sending."""
        engine = self.console_app.engine
        if self._sent is not None:
            engine.await_answer(path, self._sent, timeout_s=10.0)
        return engine.audit(path)

    def do_withdraw(self) -> None:
        """Take the newest answer of this phase back and show its item again."""
        session, path = self._session, self.console_app.run_path
        if session is None or path is None or session.withdraw() is None:
            self.console_app.say("This is the beginning of the batch: nothing to take back.", severity="warning")
            return
        self._send(path, WithdrawReview(self._annotator))
        self._last = ""
        self._turn()

    def _plan(self) -> None:
        """Draw the second looks from what the model has said by now, once the answers are in the run file."""
        session, path, engine = self._session, self.console_app.run_path, self.console_app.engine
        if session is None or path is None:
            return
        who, batch = self._annotator, session.batch

        def draw() -> tuple[Audit, tuple[int, ...]]:
            audit = self._read_after_answers(path)
            known = next((b.second for b in audit.batches if (b.annotator, b.number) == (who, batch)), None)
            looks = plan(audit, who, batch) if known is None else known
            if known is None:
                engine.send(path, PlanSecondLooks(who, batch, looks))
            return audit, looks

        self.console_app.jobs.send(draw, self._planned, self._failed)

    def _planned(self, found: tuple[Audit, tuple[int, ...]]) -> None:
        session = self._session
        if session is None or session.phase is not Phase.PLAN:
            return
        self._audit, looks = found
        session.look_again(looks)
        if not looks:
            self._reveal()
        self._last = ""
        self._turn()

    def _reveal(self) -> None:
        """Compare the finished batch with the model, and go on: the next batch begins under the result of this one."""
        session, path, engine = self._session, self.console_app.run_path, self.console_app.engine
        if session is None or path is None:
            return
        who, batch = self._annotator, session.batch

        def compare() -> tuple[BatchResult, Begun]:
            audit = self._read_after_answers(path)
            found = reveal(audit, who, batch)
            emails = {e.id: e for e in engine.review_emails(path, [number_ for number_, _, _ in found.differing])}
            subjects = tuple(_title(emails[number_]) for number_, _, _ in found.differing if number_ in emails)
            return BatchResult(found, batch, subjects), self._read_on(path, audit)

        self.console_app.jobs.send(compare, self._compared, self._failed)

    def _compared(self, found: tuple[BatchResult, Begun]) -> None:
        self._result, begun = found
        self._last = ""
        self._begun(begun)

    def do_next_batch(self) -> None:
        """Close the result of the last batch; where nothing is shown to answer, look whether something waits now."""
        self._result, self._last = None, ""
        if self.current is None:
            self._load()
        else:
            self._draw()

    def do_note(self) -> None:
        """Ask for a note that is kept with the answer to this item."""

        def typed(text: str | None) -> None:
            if text:
                self._note = text
                self._draw()

        if self.current is not None:
            self.app.push_screen(AskLine("Note", "kept with your answer to this item"), typed)

    def do_unfold(self) -> None:
        """Show the quoted history, then page through the text."""
        shown = self.query_one("#reviewed")
        if not self._unfolded:
            self._unfolded = True
            self._draw()
        elif shown.max_scroll_y:
            shown.scroll_page_down(animate=False)

    def do_raw(self) -> None:
        """Switch between the text as sent and the message as it came, without the line that names its folder."""
        self._raw = not self._raw
        self._draw()

    # -- drawing ----

    def _turn(self) -> None:
        """Show the next item from its beginning."""
        self._raw = self._unfolded = False
        self._shown_at = self.console_app.clock()
        if alive(self):
            self.query_one("#reviewed").scroll_to(y=0, animate=False)
            self._draw()
            self.hint()

    def _draw(self) -> None:
        if not alive(self):
            return
        self._draw_frame()
        task, session, email = self.asked_task(), self._session, self.current
        pane = self.query_one("#reviewed")
        text = pane.query_one(Static)
        if session is None or task is None:
            pane.border_title = ""
            text.update(inert(self._trouble) or "reading …")
        elif email is not None:
            pane.border_title = Content(one_line(_title(email), limit=60))
            shown = email.raw if self._raw else email.text
            if self._raw:
                text.update(inert(_without_folder(shown)[: words.MOST_SHOWN]))
            else:
                width = pane.content_size.width - 2
                text.update(words.text_shown(shown, unfolded=self._unfolded, unfold=key("unfold"), width=width))
        elif self._done_words:
            pane.border_title = ""
            text.update(f"{self._done_words} {key('quality')} shows them.")
        elif session.phase is Phase.DONE:
            pane.border_title = ""
            text.update(
                f"Nothing of the sample waits for {inert(self._annotator)}. {key('quality')} shows the figures."
            )
        else:
            pane.border_title = ""
            text.update("comparing …")

    def _draw_frame(self) -> None:
        task, session = self.asked_task(), self._session
        if task is None or not alive(self):
            return
        if self._rubric_of != task:  # laying it out anew with every key would take as long as the text itself
            self._rubric_of = task
            self.query_one("#beside-rubric Static", Static).update(words.rubric(task))
            self.query_one("#answers", Static).update(words.key_line(task, key("cannot_tell")))
        if session is None or self._audit is None:
            return
        self._draw_result(task, session)
        done, of = session.place
        which = "second look" if session.phase in (Phase.SECOND, Phase.REVEALED) else "answered"
        sample = self._audit.sample
        self.query_one("#about", Static).update(
            line(
                (one_line(self._annotator, limit=20), "bold $bright"),
                (f" · {number(sample.goal)} random · batch {session.batch} · {which} ", "$quiet"),
                (f"{done}/{of}", "$foreground"),
                (f" · {number(session.waiting)} of the sample wait for you", "$quiet"),
            )
        )
        note = f" · note: {one_line(self._note, limit=40)}" if self._note else ""
        last = f" last: you said {one_line(self._last, limit=30)}" if self._last else ""
        if session.phase is Phase.SECOND and not session.given and not self.ANSWER_KIND:
            last = " These come again, with some where you and the model agree: answer once more."
        self.query_one("#answered", Static).update(line((last + note, "$quiet")))

    def _draw_result(self, task: Task, session: Session) -> None:
        """Show the result of the last batch, until the first answer of the next one."""
        shown, found = self.query_one("#batch-result", Static), self._result
        shown.display = found is not None
        if found is not None:
            told = words.revealed(
                found.revealed, found.batch, found.subjects, task, more=session.waiting, close=key("next_batch"),
                shows=key("quality"), width=max(30, self.size.width - 4), most=max(2, self.size.height // 3 - 4),
            )  # fmt: skip
            shown.update(told)


def _title(email: ReviewEmail) -> str:
    return email.subject or email.source_id


def _without_folder(raw: str) -> str:
    """Leave out the header line that names the folder: it reveals how its owner filed the message."""
    return "\n".join(each for each in raw.split("\n") if not each.lower().startswith(("x-folder:", "x-filename:")))
