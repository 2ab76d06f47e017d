"""Show what the labels are worth: figures against people, watches, and what a model trained on them would do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from core.commands.review import DismissAlarm, GrowSample, RelabelWindow
from core.model import EmailRow
from core.quality.audit import Quality
from core.quality.session import held_back
from core.text import one_line
from tui.actions.context import Scope
from tui.actions.keymap import key
from tui.screens.base_screen import BaseScreen
from tui.screens.line_windows import AskLine
from tui.terminal.textual_fixes import alive
from tui.text import quality as words
from tui.text.numbers import number, plural
from tui.text.parts import line
from tui.text.plan import price
from tui.view_state import ScreenData
from tui.widgets.lists.rows import ListColumn, Row, Rows
from tui.widgets.window_parts import ChooseRow, KeyLine, TextScroll

if TYPE_CHECKING:
    from core.engine import EdgeCases, Planned, Rule, RunReader
    from core.quality.student import NextGeneration, Suspicion

GROWS_BY = 200
"""Random items by which one key lets the sample grow."""
TRAINED_ANEW = 500
"""Labels after which the student is trained anew while the screen is open."""


class QualityScreen(BaseScreen):
    """Show figures, computed beside the screen when labels or reviews changed."""

    SCOPE = Scope.QUALITY

    def __init__(self) -> None:
        super().__init__()
        self._quality: Quality | None = None
        self._rule: Rule | None = None
        self._student: tuple[NextGeneration, Sequence[Suspicion]] | None = None
        self._trained_at = -TRAINED_ANEW
        self._training = False
        self._seen: object = None
        self._reading = False

    def content(self) -> Iterable[Widget]:
        yield TextScroll(Static("", markup=False), id="quality", classes="framed")

    def on_mount(self) -> None:
        super().on_mount()
        self.set_focus(self.query_one("#quality"))

    @property
    def quality(self) -> Quality | None:
        """Return the figures that are shown."""
        return self._quality

    def show(self, data: ScreenData) -> None:
        snapshot = data.view_state.snapshot
        if snapshot is None:
            return
        now = (snapshot.labeled, snapshot.attempts, snapshot.sources.get("human", 0), len(snapshot.commands))
        newest = snapshot.commands[0].id if snapshot.commands else ""
        seen = (now, newest, snapshot.alarms)
        if seen != self._seen and not self._reading:
            self._seen = seen
            self.changed()

    def changed(self) -> None:
        path, engine = self.console_app.run_path, self.console_app.engine
        if path is None or self._reading:
            return
        self._reading = True

        def judged() -> tuple[Quality, Rule | None]:
            found = engine.quality(path)
            if not found.audited:
                words.goals(found)  # they take long, and are kept for the drawing
            return found, engine.rule_behind_mistakes(path, found)

        self.console_app.countings.send(judged, self._judged, self._failed)

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self.changed()

    def _failed(self, sentence: str) -> None:
        self._reading = False
        self.console_app.say(sentence, severity="error")

    def _judged(self, found: tuple[Quality, Rule | None]) -> None:
        self._reading = False
        if not alive(self):
            return
        quality, self._rule = found
        self._quality = quality
        path, engine = self.console_app.run_path, self.console_app.engine
        if path is not None and not self._training and quality.labeled - self._trained_at >= TRAINED_ANEW:
            self._training, self._trained_at = True, quality.labeled
            self.console_app.countings.send(
                lambda: engine.next_generation(path, quality), self._trained, self._untrained
            )
        self._draw()
        self.hint()

    def _trained(self, found: tuple[NextGeneration, Sequence[Suspicion]] | None) -> None:
        self._training, self._student = False, found
        if alive(self):
            self._draw()

    def _untrained(self, sentence: str) -> None:
        self._training = False
        self.console_app.say(sentence, severity="error")

    def _draw(self) -> None:
        if self._quality is None:
            return
        pane = self.query_one("#quality")
        width = max(40, pane.size.width - 3)
        rows = words.lines(self._quality, width, self._student, rule=self._rule, training=self._training)
        pane.query_one(Static).update(Content("\n").join(rows))
        pane.border_title = Content(one_line(f"Quality · {self._quality.line}", limit=200))

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)

    # -- acting -------------------------------------------------------------------------------------------------------

    def do_grow(self) -> None:
        """Let the random sample grow."""
        if self._quality is not None:
            goal = self._quality.audit.sample.goal + GROWS_BY
            self._send(GrowSample(goal=goal), f"The sample's goal is {goal:,} now.")

    def do_top_up(self) -> None:
        """Sample more of rare labels."""
        self._send(GrowSample(top_up=True), "More of the rare labels belong to the sample now.")

    def _alarm(self) -> str | None:
        found = self._quality.audit.watches if self._quality is not None else ()
        return next((each["name"] for each in found if each["state"] == "alarm"), None)

    def do_look_at_alarm(self) -> None:
        """Read the items behind the first alarm that stands, the newest first."""
        watch, path, engine = self._alarm(), self.console_app.run_path, self.console_app.engine
        if watch is None or path is None:
            self.console_app.say("No alarm stands.", severity="warning")
            return
        self.console_app.countings.send(
            lambda: engine.emails_of_alarm(path, watch), lambda found: self._read_these(found, "No item is behind it.")
        )

    def do_ask_again(self) -> None:
        """Say what re-labeling the window of the first open alarm takes, and do it after a confirmation."""
        watch, path, engine = self._alarm(), self.console_app.run_path, self.console_app.engine
        if watch is None or path is None:
            self.console_app.say("No alarm stands.", severity="warning")
            return
        self.console_app.countings.send(
            lambda: engine.window_price(path, watch), lambda planned: self._confirm_window(watch, planned)
        )

    def _confirm_window(self, watch: str, planned: Planned) -> None:
        from tui.screens.modals import Confirm  # noqa: PLC0415 - when it is wanted

        emails = planned.texts.emails
        if not emails:
            self.console_app.say("Nothing was labeled since its window began.", severity="warning")
            return

        def answered(said: bool | None) -> None:  # noqa: FBT001 - Textual's
            if said:
                self._send(RelabelWindow(watch), f"{plural(emails, 'item')} requeued; the alarm is dismissed.")

        question = (
            f"Re-label {plural(emails, 'item')}, labeled or failed since the window of {watch} began? That takes"
            f" {price(planned)}. What the model said is taken back and stays in the history; labels of people stay."
        )
        if alive(self):
            self.app.push_screen(Confirm(question, "Re-label", "Cancel"), answered)

    def do_dismiss(self) -> None:
        """Ask for a note and dismiss the first alarm that stands."""
        watch = self._alarm()
        if watch is None:
            self.console_app.say("No alarm stands.", severity="warning")
            return

        def typed(note: str | None) -> None:
            if note is not None:
                self._send(DismissAlarm(watch, note), f"The alarm of {watch} is dismissed.")

        self.app.push_screen(AskLine(f"Dismiss the alarm: {watch}", "why; the watch begins anew"), typed)

    def do_write_report(self) -> None:
        """Write the report beside the run file."""
        path, engine = self.console_app.run_path, self.console_app.engine
        if path is None:
            return
        file = path.with_suffix(".quality.html")
        self.console_app.countings.send(
            lambda: engine.write_report(path, file, examples=False),
            lambda _: self.console_app.say(f"The report was written to {file}. It holds no text."),
        )

    def _held_back(self) -> frozenset[int]:
        """Return the items of this person's batch that is not revealed yet: where the model differs stays hidden."""
        return (
            frozenset() if self._quality is None else held_back(self._quality.audit, self.console_app.engine.operator())
        )

    def do_disagreements(self) -> None:
        """Read the items on which model and people differ."""
        hidden = self._held_back()
        found = self._quality.disagreements(hidden) if self._quality is not None else ()
        none = "Model and people agree on everything checked."
        if hidden:
            none = f"Items of your batch are not shown before it is over: {key('review')} goes on with it."
        self._read_these([member.email_id for member in found], none)

    def do_behind(self) -> None:
        """Choose a figure, and read the items behind it."""
        rows = list(self._quality.behind(self._held_back())) if self._quality is not None else []
        if self._student is not None and self._student[0].repeated_emails:
            rows.insert(0, ("mistakes that a student repeats: a rule", self._student[0].repeated_emails))
        if not rows:
            self.console_app.say(f"Nothing is checked yet: {key('review')} begins.", severity="warning")
            return

        def chosen(place: int | None) -> None:
            if place is not None:
                self._read_these(rows[place][1], "No item is behind it.")

        self.app.push_screen(BehindFigures([(name, len(ids)) for name, ids in rows]), chosen)

    def do_settle(self) -> None:
        """Walk through the items on which people, or people and the model, differ, and settle each with a key."""
        from tui.screens.quality.settle import SettleScreen, to_settle  # noqa: PLC0415 - when it is wanted

        if self._quality is None or not to_settle(self._quality.audit, self._held_back()):
            self.console_app.say("Nothing is left to settle: all that was checked agrees or is settled.")
            return
        self.app.push_screen(SettleScreen())

    def do_compare_versions(self) -> None:
        """Compare the two versions of the task that labeled last."""
        from tui.screens.quality.compare import CompareScreen  # noqa: PLC0415 - when it is wanted

        if self.console_app.run_path is not None:
            self.app.push_screen(CompareScreen(self.console_app.run_path))

    def do_suspicious(self) -> None:
        """Read the items worth a look: all that something casts doubt on, or those of one kind."""
        path, engine, quality = self.console_app.run_path, self.console_app.engine, self._quality
        if path is None or quality is None:
            return
        suspicions = self._student[1] if self._student is not None else ()
        self.console_app.countings.send(lambda: engine.edge_cases(path, quality, suspicions), self._choose_edge_cases)

    def _choose_edge_cases(self, found: EdgeCases) -> None:
        kinds = [(what, numbers) for what, numbers in found.kinds if numbers]
        if len(kinds) < 2:
            self._read_these(found.in_turns, "Nothing casts doubt on a label yet.")
            return
        rows = [("all of these, one of each in turn", found.in_turns), *kinds]

        def chosen(place: int | None) -> None:
            if place is not None:
                self._read_these(rows[place][1], "No item is behind it.")

        if alive(self):
            sets = [(what, len(numbers)) for what, numbers in rows]
            self.app.push_screen(BehindFigures(sets, "What casts doubt on labels"), chosen)

    def _read_these(self, email_ids: Sequence[int], none: str) -> None:
        if not email_ids:
            self.console_app.say(none, severity="warning")
            return

        def question(view: RunReader) -> list[EmailRow]:
            return view.rows(list(email_ids))

        self.console_app.countings.ask(question, self._read)

    def _read(self, rows: list[EmailRow]) -> None:
        from tui.screens.emails.record import reading  # noqa: PLC0415 - when it is wanted

        if rows and alive(self):
            self.app.push_screen(reading(rows))

    def _send(self, command: GrowSample | DismissAlarm | RelabelWindow, done: str) -> None:
        path, engine = self.console_app.run_path, self.console_app.engine
        if path is None:
            return

        def finished(_: object) -> None:
            self.console_app.say(done)
            self.console_app.poller.hurry()
            self.changed()

        self.console_app.jobs.send(lambda: engine.send(path, command), finished)


class BehindFigures(ChooseRow[int | None]):
    """Choose one of the sets of items that figures are made of; return its place."""

    def __init__(self, sets: Sequence[tuple[str, int]], title: str = "What is behind a figure") -> None:
        super().__init__()
        self._sets, self._title = sets, title
        columns = (ListColumn("items", 7, right=True), ListColumn("which are", 0))
        self._rows = Rows(columns, empty="Nothing is checked yet.")

    def compose(self) -> ComposeResult:
        with Vertical(classes="modal", id="behind"):
            yield Static(line((self._title, "bold $bright")), markup=False)
            yield self._rows
            yield KeyLine(("enter", "read them"), ("esc", "cancel"))

    def on_mount(self) -> None:
        self._rows.set_rows(
            [
                Row(place, ((number(count), "$bright"), (one_line(name, limit=70), "$foreground")), place)
                for place, (name, count) in enumerate(self._sets)
            ]
        )
