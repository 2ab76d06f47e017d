"""Show windows about a run in the list: copy it, delete it. ``esc`` cancels both."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from core.engine import CopyRequest
from core.model import RunSummary
from core.text import one_line
from tui.text.numbers import plural
from tui.text.parts import line
from tui.widgets.fields import PathSuggester
from tui.widgets.lists.runs import size
from tui.widgets.window_parts import KeyLine, Refusal

if TYPE_CHECKING:
    from core.engine import Going


class CopyRun(ModalScreen[None]):
    """Ask for the name of a copy and for changes. Stays open, with the reason, when it is refused."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "leave")]
    AUTO_FOCUS = "#name"

    def __init__(self, run: RunSummary, name: str, make: Callable[[CopyRequest, CopyRun], None]) -> None:
        super().__init__()
        self._run = run
        self._proposed = name
        self._make = make
        self._refusal = Refusal()

    def compose(self) -> ComposeResult:
        run = one_line(self._run.name, limit=48)
        with Vertical(classes="modal"):
            yield Static(line((f"A new run from the texts of {run}", "bold $bright")), markup=False)
            yield Static(
                line((f"{plural(self._run.total, 'text')} in the same order, nothing labeled.", "$quiet")),
                markup=False,
            )
            yield Static("Name", markup=False, classes="field")
            yield Input(self._proposed, id="name")
            yield Static("Task as TOML (empty: the same task; → completes)", markup=False, classes="field")
            yield Input(id="task", suggester=PathSuggester())
            yield Static("Model (empty: the task's)", markup=False, classes="field")
            yield Input(id="model")
            yield self._refusal
            yield KeyLine(("enter", "copy"), ("tab", "next"), ("esc", "cancel"))

    def on_input_submitted(self) -> None:
        name, task, model = (self.query_one(f"#{field}", Input).value.strip() for field in ("name", "task", "model"))
        if not name:
            self.refuse("Give the copy a name.")
            return
        self._make(CopyRequest(self._run.path, name, task, model), self)

    def refuse(self, sentence: str) -> None:
        """Show why not; nothing typed is lost."""
        self._refusal.say(sentence)

    def action_leave(self) -> None:
        self.dismiss(None)


class DeleteRun(ModalScreen[str | None]):
    """Ask for the run's name before deleting it; return what was typed once it is the name."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "leave")]
    AUTO_FOCUS = "#name"

    def __init__(self, run: RunSummary, going: Going) -> None:
        super().__init__()
        self._run = run
        self._going = going
        self._refusal = Refusal()

    def compose(self) -> ComposeResult:
        going = self._going
        labels = "" if self._run.error else f", with the labels of {plural(self._run.settled, 'text')}"
        with Vertical(classes="modal"):
            yield Static(line((f"Delete {one_line(self._run.name, limit=64)} for good?", "bold $failed")), markup=False)
            yield Static(
                line(
                    f"{plural(len(going.names), 'file')}, {size(going.size_bytes)}{labels}: ",
                    (one_line(", ".join(going.names), limit=400), "$quiet"),
                ),
                markup=False,
                classes="field",
            )
            yield Static(
                line(("Exports and backups elsewhere stay. The run cannot be restored.", "$quiet")), markup=False
            )
            yield Static("Type its name to delete it", markup=False, classes="field")
            yield Input(id="name")
            yield self._refusal
            yield KeyLine(("esc", "cancel"), ("enter", "delete it"))

    def on_input_submitted(self, message: Input.Submitted) -> None:
        typed = message.value.strip()
        if typed == self._run.name:
            self.dismiss(typed)
            return
        self._refusal.say(f"That is not its name, which is {self._run.name}. Nothing was deleted.")

    def action_leave(self) -> None:
        self.dismiss(None)
