"""Show windows that ask for a confirmation or a label. ``esc`` cancels each of them."""

from __future__ import annotations

import textwrap
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from core.model import EmailRow, Task
from core.text import inert, one_line
from tui.actions.catalog import TAKE_BACK
from tui.actions.keymap import key
from tui.text.numbers import foreign
from tui.text.parts import line
from tui.widgets.window_parts import KeyLine

MOST_BESIDE = 30
"""Characters of both answers beside which the other keys of the second one fit."""


class Confirm(ModalScreen[bool]):
    """Ask before an action that is final or concerns many. The safe answer is the default."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "yes"),
        Binding("n,escape,enter", "answer(False)", "no"),
    ]

    def __init__(self, question: str, yes: str, no: str) -> None:
        super().__init__()
        self._question = question
        self._yes = yes
        self._no = no

    def compose(self) -> ComposeResult:
        also = " (also n, esc)" if len(self._yes) + len(self._no) <= MOST_BESIDE else ""
        choice = line(
            ("y ", "bold $accent"), (f"{self._yes}    ", "$foreground"),
            (" enter ", "bold $background on $accent"), (f" {self._no}", "bold $bright"), (also, "$quiet"),
        )  # fmt: skip
        with Vertical(classes="modal"):
            yield Static(Content(inert(self._question)), markup=False)
            yield Static(choice, markup=False, classes="choices")

    def action_answer(self, yes: bool) -> None:  # noqa: FBT001  (Textual passes it so)
        self.dismiss(yes)


class GiveLabel(ModalScreen[tuple[str, str] | None]):
    """Ask for a manual label: its value chooses it, ``enter`` saves it with the note."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "leave"),
        Binding("up", "move(-1)", "up", priority=True),
        Binding("down", "move(1)", "down", priority=True),
        Binding("enter", "save", "save", priority=True),
        Binding("tab", "note", "note", priority=True),
    ]
    AUTO_FOCUS = ""

    def __init__(self, task: Task, row: EmailRow | None, many: str = "") -> None:
        """Label one text, or (where ``row`` is None) ``many``: a count with its noun."""
        super().__init__()
        self._asked_task = task
        self._row = row
        self._many = many
        values = [label.value for label in task.labels]
        self._chosen = values.index(row.label) if row is not None and row.label in values else -1

    def compose(self) -> ComposeResult:
        with Vertical(classes="modal"):
            yield Static(line(("Manual label", "bold $bright"), ("  ◆ overrides the model", "$person")), markup=False)
            if self._row is None:
                yield Static(
                    line(
                        (f"for {self._many}", "bold $waiting"), (f"  {key(TAKE_BACK)} takes it back as one", "$quiet")
                    ),
                    markup=False,
                )
            else:
                yield Static(line((one_line(self._row.named, limit=60), "$quiet")), markup=False)
            if self._row is not None and self._row.label is not None:
                name = self._asked_task.name_of(self._row.label)
                now = f"now: {self._row.label} {name}, by {self._row.label_source}"
                yield Static(line((one_line(now, limit=60), "$waiting")), markup=False)
            yield Static("", markup=False, id="labels")
            yield Static("Note (optional)", markup=False, classes="field")
            yield Input(id="note")
            yield KeyLine(("its value ↑↓", "choose"), ("tab", "note"), ("enter", "save"), ("esc", "cancel"))

    def on_mount(self) -> None:
        self._draw()

    def _draw(self) -> None:
        rows: list[Content] = []
        self._label_of_row: list[int] = []
        for n, label in enumerate(self._asked_task.labels):
            here = n == self._chosen
            meaning = textwrap.wrap(one_line(label.meaning, limit=160), 34, max_lines=3, placeholder=" …") or [""]
            rows.append(
                line(
                    ("▸ " if here else "  ", "bold $accent"),
                    (foreign(label.value, 6), "bold $bright" if here else "bold $foreground"),
                    (foreign(label.name, 14), "bold $bright" if here else "$foreground"),
                    (meaning[0], "$quiet"),
                )
            )
            rows += [line((" " * 22 + more, "$quiet")) for more in meaning[1:]]
            self._label_of_row += [n] * (len(rows) - len(self._label_of_row))
        self.query_one("#labels", Static).update(Content("\n").join(rows))

    def on_key(self, event: events.Key) -> None:
        if isinstance(self.focused, Input):
            return
        values = [label.value for label in self._asked_task.labels]
        if event.character in values:
            self._chosen = values.index(event.character)
            self._draw()
            event.stop()

    def on_click(self, event: events.Click) -> None:
        widget, at = self.get_widget_and_offset_at(event.screen_x, event.screen_y)
        if widget is not None and widget.id == "labels" and at is not None and at.y < len(self._label_of_row):
            self._chosen = self._label_of_row[at.y]
            self._draw()

    def action_move(self, step: int) -> None:
        self._chosen = min(max(0, self._chosen + step), len(self._asked_task.labels) - 1)
        self._draw()

    def action_note(self) -> None:
        note = self.query_one("#note", Input)
        self.set_focus(None if self.focused is note else note)

    def action_save(self) -> None:
        if self._chosen < 0:
            self.app.notify("Choose a label first.", severity="warning", markup=False)
            return
        self.dismiss((self._asked_task.labels[self._chosen].value, self.query_one("#note", Input).value.strip()))

    def action_leave(self) -> None:
        self.dismiss(None)
