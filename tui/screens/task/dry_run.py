"""Try a draft of the task on a few texts: the cost is shown first, and no label is saved."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, Static

from core.engine import MOST_SAMPLED, SAMPLED, Draft
from core.model import DryRunResult, EmailRow, Task
from core.quality.agreement import score
from tui.actions.context import Context, Scope, Selected
from tui.live.jobs import Answered
from tui.screens.base_screen import BaseScreen
from tui.terminal.textual_fixes import alive
from tui.text.numbers import compact, join, number, percent, plural, with_name
from tui.text.parts import line
from tui.text.quality import scored
from tui.widgets.lists.rows import ListColumn, Row, Rows
from tui.widgets.panes.task import short
from tui.widgets.window_parts import KeyLine, Refusal

if TYPE_CHECKING:
    from core.engine import DryRunCost, RunningDryRun

COLUMNS = (
    ListColumn("label now", 14),
    ListColumn("by", 7, from_width=90),
    ListColumn("by the draft", 14),
    ListColumn("same", 5),
    ListColumn("tokens", 7, right=True),
    ListColumn("subject", 0),
)

Priced = Callable[["DryRunCost"], None]


def cost_words(cost: DryRunCost, item: str = "email") -> str:
    """Return the cost of a dry run in a sentence."""
    if not cost.emails:
        return f"This run has no {item} to try it on."
    if not cost.keys:
        return "No usable key: add or enable one first."
    money = f", ${cost.money:,.4f}" if cost.money is not None else ""
    guess = "" if cost.learned else ", by the length of the texts"
    return (
        f"About {compact(cost.tokens)} tokens{money} for {plural(cost.emails, item)}{guess}; a follow-up question costs"
        " as much again. They count against your quotas. No label is saved or changed."
    )


class AskDryRun(ModalScreen[int | None]):
    """Ask on how many texts to try it, with the cost, which ``price`` passes to its second argument."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "leave")]
    AUTO_FOCUS = "Input"

    def __init__(self, price: Callable[[int, Priced], None], item: str = "email") -> None:
        super().__init__()
        self._price = price
        self._item = item
        self._refusal = Refusal()

    def compose(self) -> ComposeResult:
        with Vertical(classes="modal"):
            yield Static(line(("Try the draft on a sample", "bold $bright")), markup=False)
            yield Static(
                f"How many (1 to {MOST_SAMPLED}); labeled ones first, always the same",
                markup=False,
                classes="field",
            )
            yield Input(str(SAMPLED), type="integer", max_length=4)
            yield self._refusal
            yield KeyLine(("enter", "try"), ("esc", "cancel"))

    def _count(self) -> int | None:
        with suppress(ValueError):
            count = int(self.query_one(Input).value)
            if 1 <= count <= MOST_SAMPLED:
                return count
        return None

    def on_mount(self) -> None:
        self.on_input_changed()

    def on_input_changed(self) -> None:
        count = self._count()
        if count is None:
            self._refusal.say(f"A number from 1 to {MOST_SAMPLED}.", "$waiting")
            return

        def priced(cost: DryRunCost) -> None:
            if alive(self) and self._count() == count:
                self._refusal.say(cost_words(cost, self._item), "$foreground")

        self._price(count, priced)

    def on_input_submitted(self) -> None:
        if (count := self._count()) is not None:
            self.dismiss(count)

    def action_leave(self) -> None:
        self.dismiss(None)


class DryRunScreen(BaseScreen):
    """Show results beside the present labels as they arrive. Leaving the screen cancels the rest."""

    SCOPE = Scope.TRIAL

    def __init__(self, draft: Draft, task: Task, count: int) -> None:
        super().__init__()
        self._draft = draft
        self._of = task
        self._count = count
        self._rows = Rows(COLUMNS, empty="\n loading the validator …", id="trial")
        self._results: list[DryRunResult] = []
        self._known: dict[int, EmailRow] = {}
        self._trial: RunningDryRun | None = None
        self._ended = ""
        self._left = False

    def content(self) -> Iterable[Widget]:
        yield Static("", markup=False, id="draft")
        yield self._rows

    def on_mount(self) -> None:
        super().on_mount()
        self.set_focus(self._rows)
        self._draw()
        app, path = self.console_app, self.console_app.run_path
        if path is None:
            return
        desk, task, count = app.engine, self._of, self._count

        def follow() -> None:
            trial = desk.dry_run(path, task, count)
            self._trial = trial
            if self._left:
                trial.cancel()
            for result in trial.results():
                app.post_message(Answered(self._came, result, ""))

        app.chores.send(follow, self._done, self._failed)

    def on_unmount(self) -> None:
        self._left = True
        if self._trial is not None and not self._ended:
            self._trial.cancel()

    # -- what comes ---------------------------------------------------------------------------------------------------

    def _came(self, result: DryRunResult) -> None:
        if not alive(self):
            return
        self._results.append(result)

        def known(rows: list[EmailRow]) -> None:
            self._known.update({row.id: row for row in rows})
            self._draw()

        self._draw()
        self.console_app.poller.ask(lambda view: view.rows([result.email.id]), known)

    def _done(self, _: object) -> None:
        self._end("done")

    def _failed(self, error: str) -> None:
        self._end("ended")
        if not self._left:
            self.console_app.say(f"{error} No label was saved.", severity="error")

    def _end(self, word: str) -> None:
        self._ended = word
        if alive(self):
            self._rows.empty = "\n No answer."
            self._draw()

    # -- drawing ------------------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        if not alive(self):
            return
        self._rows.set_rows([self._row(result) for result in self._results])
        self.query_one("#draft", Static).update(self._head())
        self.hint()

    def _head(self) -> Content:
        compared = [each for each in self._results if each.label is not None and each.email.label is not None]
        same = sum(each.label == each.email.label for each in compared)
        failed = sum(each.label is None for each in self._results)
        told = join(
            (
                f"{self._ended or 'running'}: {number(len(self._results))} of {number(self._count)}",
                f"{number(same)} of {number(len(compared))} as labeled now ({percent(same, len(compared))})"
                if compared
                else "",
                f"{number(failed)} without a label" if failed else "",
                f"{number(sum(each.tokens for each in self._results))} tokens",
            )
        )
        people = [
            (each.label, each.email.human_label, each.email.model_label)
            for each in self._results
            if each.label is not None and each.email.human_label is not None
        ]
        return Content("\n").join(
            [
                line((f"DRY RUN of draft {short(self._of.version)} ", "bold $waiting"),
                     ("no label is saved, the run is not changed", "$quiet")),
                line((told, "$bright")),
                line((scored(score(people)), "$foreground" if people else "$quiet")),
            ]
        )  # fmt: skip

    def _row(self, result: DryRunResult) -> Row:
        email = result.email
        snapshot = self.data.view_state.snapshot if self.data else None
        now = "" if email.label is None else _named(email.label, snapshot.run.task if snapshot else self._of)
        says = "✕ no label" if result.label is None else _named(result.label, self._of)
        compared = result.label is not None and email.label is not None
        equal = result.label == email.label
        by = {"human": "manual", "copy": "dup", "model": "model"}.get(email.label_source or "", "")
        subject = email.subject or email.opening or "(no subject)"
        return Row(
            email.id,
            (
                (now or "pending", "$foreground" if now else "$quiet"),
                (by, "$person" if by == "manual" else "$quiet"),
                (says, "bold $accent" if result.label is not None else "$failed"),
                (("=" if equal else "≠") if compared else "", "$quiet" if equal else "bold $waiting"),
                (number(result.tokens), "$quiet"),
                (f"{result.why} · {subject}" if result.why else subject, "$failed" if result.why else "$foreground"),
            ),
            self._known.get(email.id),
        )

    # -- acting -------------------------------------------------------------------------------------------------------

    def selected(self) -> Selected:
        row = self._rows.selected
        return row.value if row is not None and isinstance(row.value, EmailRow) else None

    def context(self) -> Context:
        return replace(super().context(), draft=self._draft)

    def on_rows_moved(self) -> None:
        self.hint()

    def on_rows_chosen(self) -> None:
        self.console_app.perform("open")

    def do_open(self) -> None:
        """Open the record of the text under the cursor."""
        from tui.screens.emails.record import RecordScreen  # noqa: PLC0415  (loaded on first use)

        row = self.selected()
        if isinstance(row, EmailRow):
            self.app.push_screen(RecordScreen(row))


def _named(value: str, task: Task) -> str:
    return with_name(value, task.name_of(value))
