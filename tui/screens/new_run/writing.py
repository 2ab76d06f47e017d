"""Show the window in which a task is written: its noun, its labels line by line, its rubric."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static, TextArea

from core.engine import label_lines, task_written
from core.errors import TaskError
from core.model import Task
from core.text import one_line
from tui.text.parts import line
from tui.widgets.window_parts import KeyLine, Refusal


class WriteTask(ModalScreen[Task | None]):
    """Return the task as it was written, or None. ``own`` is the file that it replaces, if any."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "leave"),
        Binding("ctrl+s", "save", "check and save"),
    ]
    AUTO_FOCUS = "#task-labels"

    def __init__(self, task: Task, own: str) -> None:
        super().__init__()
        self._begun = task
        self._own = own
        self._refusal = Refusal()
        self._left = False

    def compose(self) -> ComposeResult:
        where = self._own or "a new file in the folder of tasks"
        with Vertical(id="write-task"):
            yield Static(line(("Write a task", "bold $bright"), (f"  to {one_line(where)}", "$quiet")), markup=False)
            yield Static(line(("Name, and what one text is called: review, ticket, email …", "$quiet")), markup=False)
            yield Input(self._begun.name, compact=True, id="task-name", max_length=80)
            yield Input(self._begun.item, compact=True, id="task-item", max_length=20)
            yield Static(
                line(("Labels, one a line: ", "$quiet"), ("value = name: meaning", "$foreground")), markup=False
            )
            yield TextArea(label_lines(self._begun), soft_wrap=True, tab_behavior="focus", id="task-labels")
            yield Static(line(("Rubric: how a label is to be chosen", "$quiet")), markup=False)
            yield TextArea(self._begun.rubric.strip(), soft_wrap=True, tab_behavior="focus", id="task-rubric")
            yield self._refusal
            yield KeyLine(("^s", "check and save"), ("tab", "next field"), ("esc", "cancel"))

    def action_save(self) -> None:
        """Leave with the task where it is valid, else say what is wrong."""
        labels, rubric = (self.query_one(f"#{name}", TextArea).text for name in ("task-labels", "task-rubric"))
        name, item = (self.query_one(f"#{name}", Input).value.strip() for name in ("task-name", "task-item"))
        begun = replace(self._begun, name=name or self._begun.name)
        try:
            task = task_written(begun, item=item, labels=labels, rubric=rubric)
        except TaskError as error:
            self._refusal.say(str(error))
            return
        self.dismiss(task)

    def action_leave(self) -> None:
        """Leave; what was changed is lost only when it is pressed twice."""
        areas = {self.query_one(f"#{name}", TextArea).text for name in ("task-labels", "task-rubric")}
        if areas != {label_lines(self._begun), self._begun.rubric.strip()} and not self._left:
            self._left = True
            self._refusal.say("What you changed is not saved: ^s saves it, esc again discards it.")
            return
        self.dismiss(None)
