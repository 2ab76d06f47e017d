"""Show windows of the task screen: the editor of the draft, and the choice of what to re-label."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static, TextArea

from core.engine import escaped, read_draft
from core.model import PACK_AUTO, Task
from tui.text.numbers import PACK_REMARK, pack_options, pack_words
from tui.text.parts import line
from tui.widgets.lists.rows import ListColumn, Row, Rows
from tui.widgets.panes.task import choice_rows
from tui.widgets.window_parts import ChooseRow, KeyLine, Refusal

if TYPE_CHECKING:
    from core.engine import OlderTexts, Planned

_PLACE = re.compile(r"\bline (?P<line>[\d,]*\d)(?:, column (?P<column>\d+))?")
"""The place of an error in a task, in its sentence."""


class EditTask(ModalScreen[str | None]):
    """Edit the draft's text. Leaving saves it, valid or not; ``^s`` leaves only when it is a valid task."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "leave"),
        Binding("ctrl+s", "check", "check and leave"),
    ]
    AUTO_FOCUS = "TextArea"

    def __init__(self, text: str, error: str) -> None:
        super().__init__()
        self._text = escaped(text)
        self._error = error
        self._refusal = Refusal()

    def compose(self) -> ComposeResult:
        with Vertical(id="edit-task"):
            yield Static(
                line(
                    ("The draft of the task", "bold $bright"),
                    ("  TOML; not active before you activate it", "$quiet"),
                ),
                markup=False,
            )
            yield TextArea(self._text, show_line_numbers=True, soft_wrap=True)
            yield self._refusal
            yield KeyLine(("^s", "check and save"), ("esc", "save as it is"), ("^z ^y", "undo, redo"))

    def on_mount(self) -> None:
        self._tell(self._error)

    def _tell(self, error: str) -> None:
        self._refusal.say(error)
        if place := _PLACE.search(error):
            row, column = int(place["line"].replace(",", "")) - 1, int(place["column"] or 1) - 1
            self.query_one(TextArea).move_cursor((row, column), center=True)

    def action_check(self) -> None:
        text = self.query_one(TextArea).text
        error = read_draft(text).error
        if error:
            self._tell(error)
        else:
            self.dismiss(text)

    def action_leave(self) -> None:
        self.dismiss(self.query_one(TextArea).text)


class ChoosePack(ChooseRow[int | None]):
    """Choose how many texts share a call."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self._of = task
        self._rows = Rows((ListColumn("", 16), ListColumn("", 0)), empty="")

    def compose(self) -> ComposeResult:
        with Vertical(classes="modal", id="choose-pack"):
            yield Static(line(("How many texts share a call", "bold $bright")), markup=False)
            yield Static(PACK_REMARK, markup=False, classes="label")
            yield self._rows
            yield KeyLine(("enter", "into the draft"), ("esc", "cancel"))

    def on_mount(self) -> None:
        rows = []
        for pack, about in pack_options(self._of.item):
            mark = " (as now)" if pack == self._of.pack else ""
            name = "auto" if pack == PACK_AUTO else str(pack)
            rows.append(Row(name, ((name + mark, "bold $bright"), (about, "$quiet")), pack))
        if self._of.pack not in {row.value for row in rows}:
            told = ((f"{self._of.pack} (as now)", "bold $bright"), (pack_words(self._of), "$quiet"))
            rows.append(Row(str(self._of.pack), told, self._of.pack))
        self._rows.set_rows(rows)
        self._rows.cursor = next(n for n, row in enumerate(rows) if row.value == self._of.pack)


class AskAgain(ModalScreen[tuple[str | None] | None]):
    """Choose which texts of older versions to re-label: all (a tuple of None), or those of a label, with the price."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "leave"),
        Binding("enter", "choose", "choose"),
    ]
    AUTO_FOCUS = "Rows"

    def __init__(self, older: dict[str, int], task: Task) -> None:
        super().__init__()
        self._older = older
        self._of = task
        columns = (
            ListColumn("labeled before", 16), ListColumn("count", 8, right=True), ListColumn("changed", 11, right=True),
            ListColumn("price", 0),
        )  # fmt: skip
        self._rows = Rows(columns, empty="Nothing was labeled by an older version.")

    def compose(self) -> ComposeResult:
        with Vertical(classes="modal", id="ask-again"):
            yield Static(line(("Re-label with the active version", "bold $bright")), markup=False)
            yield Static(
                "They are requeued. Earlier labels stay in the history; manual labels are not changed. Changed: of"
                " those that both versions labeled, such as a first few, how many got another label.",
                markup=False,
                classes="label",
            )
            yield self._rows
            yield KeyLine(("enter", "re-label these"), ("esc", "cancel"))

    def on_mount(self) -> None:
        self._rows.set_rows(choice_rows(self._older, self._of))

    def show_prices(self, prices: Mapping[str, tuple[OlderTexts, Planned]]) -> None:
        """Show what re-labeling takes, once it is known."""
        if self.is_mounted:
            self._rows.set_rows(choice_rows(self._older, self._of, prices))

    def on_rows_chosen(self) -> None:
        self.action_choose()

    def action_choose(self) -> None:
        row = self._rows.selected
        self.dismiss((row.value,) if row is not None else None)

    def action_leave(self) -> None:
        self.dismiss(None)
