"""Show windows that ask for a confirmation or a label. ``esc`` cancels each of them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
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
from tui.text.numbers import foreign, number, with_name
from tui.text.parts import line
from tui.widgets.window_parts import KeyLine

MOST_BESIDE = 30
"""Characters of both answers beside which the other keys of the second one fit."""


MOST_WITHOUT_FINDING = 12
"""Labels that are all listed; of more, those that hold what is typed."""
MOST_LISTED = 6
"""Of them so many at once: the window fits 24 lines."""


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
    """Ask for a manual label: its value chooses it, ``enter`` saves it with the note.

    Of many labels those are listed that hold what is typed.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "leave"),
        Binding("up", "move(-1)", "up", priority=True),
        Binding("down", "move(1)", "down", priority=True),
        Binding("enter", "save", "save", priority=True),
        Binding("tab", "note", "note", priority=True),
    ]
    AUTO_FOCUS = ""
    WITH_NOTE = True

    def __init__(self, task: Task, row: EmailRow | None, many: str = "") -> None:
        """Label one text, or (where ``row`` is None) ``many``: a count with its noun."""
        super().__init__()
        self._asked_task = task
        self._row = row
        self._many = many
        self._finds = len(task.labels) > MOST_WITHOUT_FINDING
        self._found = range(len(task.labels)) if not self._finds else found_labels(task, "")
        values = [label.value for label in task.labels]
        self._chosen = values.index(row.label) if row is not None and row.label in values else -1

    def compose(self) -> ComposeResult:
        with Vertical(classes="modal"):
            yield from self._about()
            if self._finds:
                yield Static("Type a part of the label", markup=False, classes="field")
                yield Input(id="find")
            yield Static("", markup=False, id="labels")
            if self.WITH_NOTE:
                yield Static("Note (optional)", markup=False, classes="field")
                yield Input(id="note")
            choose = ("↑↓", "choose") if self._finds else ("its value ↑↓", "choose")
            note = (("tab", "note"),) if self.WITH_NOTE else ()
            yield KeyLine(choose, *note, ("enter", "save"), ("esc", "cancel"))

    def _about(self) -> ComposeResult:
        """Yield what the label is for."""
        yield Static(line(("Manual label", "bold $bright"), ("  ◆ overrides the model", "$person")), markup=False)
        if self._row is None:
            words = line((f"for {self._many}", "bold $waiting"), (f"  {key(TAKE_BACK)} takes it back as one", "$quiet"))
            yield Static(words, markup=False)
            return
        yield Static(line((one_line(self._row.named, limit=60), "$quiet")), markup=False)
        if self._row.label is not None:
            name = self._asked_task.name_of(self._row.label)
            now = f"now: {with_name(self._row.label, name)}, by {self._row.label_source}"
            yield Static(line((one_line(now, limit=60), "$waiting")), markup=False)

    def on_mount(self) -> None:
        self._draw()
        if self._finds:
            self.set_focus(self.query_one("#find", Input))

    def _draw(self) -> None:
        labels = self._asked_task.labels
        place = self._found.index(self._chosen) if self._chosen in self._found else 0
        first = max(0, min(place - MOST_LISTED // 2, len(self._found) - MOST_LISTED)) if self._finds else 0
        shown = self._found[first : first + MOST_LISTED] if self._finds else self._found
        wide = max(6, 1 + min(24, max((cell_len(labels[n].value) for n in shown), default=0)))
        named = 14 if any(labels[n].name != labels[n].value for n in shown) else 0
        rows: list[Content] = []
        self._label_of_row: list[int] = []
        for n in shown:
            here, label = n == self._chosen, labels[n]
            most = 1 if self._finds else 3
            meaning = textwrap.wrap(
                one_line(label.meaning, limit=160), 54 - wide - named, max_lines=most, placeholder=" …"
            ) or [""]  # fmt: skip
            rows.append(
                line(
                    ("▸ " if here else "  ", "bold $accent"),
                    (foreign(label.value, wide), "bold $bright" if here else "bold $foreground"),
                    (foreign(label.name, named), "bold $bright" if here else "$foreground"),
                    (meaning[0], "$quiet"),
                )
            )
            rows += [line((" " * (2 + wide + named) + more, "$quiet")) for more in meaning[1:]]
            self._label_of_row += [n] * (len(rows) - len(self._label_of_row))
        if self._finds:
            rows += [Content("")] * (MOST_LISTED - len(rows))
            rows.append(line((f"  {number(len(self._found))} of {number(len(labels))} labels", "$quiet")))
        self.query_one("#labels", Static).update(Content("\n").join(rows))

    def on_key(self, event: events.Key) -> None:
        if isinstance(self.focused, Input):
            return
        values = [label.value for label in self._asked_task.labels]
        if event.character in values:
            self._chosen = values.index(event.character)
            self._draw()
            event.stop()

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input.id == "find":
            self._found = found_labels(self._asked_task, event.value)
            self._chosen = self._found[0] if self._found and event.value.strip() else self._chosen
            self._draw()

    def on_click(self, event: events.Click) -> None:
        widget, at = self.get_widget_and_offset_at(event.screen_x, event.screen_y)
        if widget is not None and widget.id == "labels" and at is not None and at.y < len(self._label_of_row):
            self._chosen = self._label_of_row[at.y]
            self._draw()

    def action_move(self, step: int) -> None:
        if self._found:
            place = self._found.index(self._chosen) if self._chosen in self._found else -1
            self._chosen = self._found[min(max(0, place + step), len(self._found) - 1)]
            self._draw()

    def action_note(self) -> None:
        if self.WITH_NOTE:
            note = self.query_one("#note", Input)
            other = self.query_one("#find", Input) if self._finds else None
            self.set_focus(other if self.focused is note else note)

    def action_save(self) -> None:
        if self._chosen not in self._found:
            self.app.notify("Choose a label first.", severity="warning", markup=False)
            return
        note = self.query_one("#note", Input).value.strip() if self.WITH_NOTE else ""
        self.dismiss((self._asked_task.labels[self._chosen].value, note))

    def action_leave(self) -> None:
        self.dismiss(None)


class FindLabel(GiveLabel):
    """Ask which of a task's many labels answers a review; nothing shows the model's."""

    WITH_NOTE = False

    def __init__(self, task: Task) -> None:
        super().__init__(task, None)

    def _about(self) -> ComposeResult:
        yield Static(line(("Your label", "bold $bright")), markup=False)


def found_labels(task: Task, typed: str) -> Sequence[int]:
    """Return the places of labels that hold what is typed: the very label, beginnings, parts, then meanings."""
    wanted = typed.strip().casefold()
    ranked = []
    for place, label in enumerate(task.labels):
        names = (label.value.casefold(), label.name.casefold())
        holds = (
            wanted in names,
            any(name.startswith(wanted) for name in names),
            any(wanted in name for name in names),
            wanted in label.meaning.casefold(),
        )
        if any(holds):
            ranked.append((holds.index(True), place))
    return [place for _, place in sorted(ranked)]
