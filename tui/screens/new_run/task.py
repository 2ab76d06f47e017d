"""Show step three: the task, with its labels and rubric; an invalid file shows where its error is."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from functools import partial
from pathlib import Path

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, Static

from core.engine import TEMPLATE, NewRunRequest, TaskChoice, escaped, fits_lines, label_lines
from core.model import Task
from core.text import inert, one_line
from tui.actions.keymap import keyed
from tui.screens.new_run.step import Step
from tui.terminal.textual_fixes import alive
from tui.text.numbers import cut_words, further_settings, number, pack_words
from tui.text.parts import line
from tui.widgets.fields import PathSuggester
from tui.widgets.lists.rows import ListColumn, Row, Rows
from tui.widgets.window_parts import TextScroll

ROOM_BESIDE = 4
"""Cells that padding and the scroll bar take of the lower pane."""
MOST_SHOWN = 30
"""Labels that are listed: what a task of hundreds sends, and its rubric, would lie far below them."""
COLUMNS = (ListColumn("task", 26), ListColumn("labels", 16, from_width=60), ListColumn("where it is from", 0))


class TaskStep(Step):
    """Choose a task: the built-in one, files beside the source and in the folder of tasks, or a path."""

    TITLE = "labels and rubric"

    def __init__(self) -> None:
        super().__init__()
        self._rows = Rows(COLUMNS, empty="\n searching tasks …", id="tasks")
        self._told = Static("", markup=False)
        self._input = Input(
            placeholder="another task file: its path, then enter", suggester=PathSuggester(), compact=True, id="task"
        )
        self._choices: list[TaskChoice] = []
        self._named: list[TaskChoice] = []

    def compose(self) -> ComposeResult:
        yield self._rows
        with TextScroll(id="rubric", can_focus=True):
            yield self._told
        yield self._input
        yield self.said

    def begin(self, command: NewRunRequest) -> None:
        self._rows.focus()
        app = self.console_app  # searched each time: a file may have been corrected since
        app.jobs.send(lambda: app.engine.task_choices(command.source), self._found, self.refuse)

    def _found(self, choices: tuple[TaskChoice, ...]) -> None:
        self._choices = list(choices)
        self._list()

    def _list(self) -> None:
        if not alive(self):
            return
        rows = []
        for choice in [*self._choices, *self._named]:
            labels = ", ".join(label.value for label in choice.task.labels) if choice.task is not None else ""
            tone = "bold $bright" if choice.task is not None else "$failed"
            cells = (
                (choice.name, tone),
                (labels or "! invalid", "$accent" if labels else "$failed"),
                (choice.where, "$quiet"),
            )
            rows.append(Row((choice.path, choice.run), cells, choice))
        self._rows.set_rows(rows)
        self._show()

    def on_rows_moved(self) -> None:
        self.tell("")
        self._show()

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    def _chosen(self) -> TaskChoice | None:
        row = self._rows.selected
        return row.value if row is not None else None

    def _show(self) -> None:
        choice = self._chosen()
        if choice is None:
            return
        if choice.where == TEMPLATE:
            self.tell((keyed("{write_task} writes your own task from this one; enter uses it as it is."), "$quiet"))
        if choice.task is None:
            self._told.update(line((inert(choice.trouble, limit=600), "$failed")))
        else:
            width = self._told.content_size.width or self.query_one("#rubric").size.width - ROOM_BESIDE
            self._told.update(_told(choice.task, max(24, width)))

    def on_input_submitted(self, message: Input.Submitted) -> None:
        path = message.value.strip()
        if not path:
            return
        message.stop()
        app = self.console_app
        app.jobs.send(lambda: app.engine.task_file(path), self._read, self.refuse)

    def _read(self, choice: TaskChoice) -> None:
        if choice.task is None:
            self.refuse(choice.trouble)
            return
        self.tell("")
        self._named = [*(each for each in self._named if each.path != choice.path), choice]
        self._input.value = ""
        self._list()
        self._rows.cursor = self._rows.count - 1
        self._rows.focus()

    def _read_again(self, choice: TaskChoice) -> None:
        """Show a chosen invalid file after it was read again: it may have been corrected."""
        self._choices, self._named = (
            [choice if each.path == choice.path and not each.run else each for each in held]
            for held in (self._choices, self._named)
        )
        self._list()
        if choice.task is None:
            self.refuse(
                "This file is no valid task. Correct it as said above, then enter reads it again; or choose another."
            )
        else:
            self.tell(("It was read again and is valid now: enter selects it.", "$running"))

    def write(self) -> None:
        """Write a task in a window, from the one under the cursor; a template or the built-in one stays as it is."""
        from tui.screens.new_run.writing import WriteTask  # noqa: PLC0415 - loaded on first use

        choice = self._chosen()
        if choice is None or choice.task is None:
            self.refuse("This file is no valid task: correct it in an editor, or choose another to begin from.")
            return
        text = label_lines(choice.task) + choice.task.rubric
        if not fits_lines(choice.task) or escaped(text) != text:
            self.refuse("This task holds what cannot be written here: edit its file in an editor.")
            return
        own = choice.path if choice.where != TEMPLATE else ""
        app = self.console_app

        def written(task: Task | None) -> None:
            if task is not None:
                app.jobs.send(partial(self._save, task, own), self._read, self.refuse)

        app.push_screen(WriteTask(choice.task, own), written)

    def _save(self, task: Task, own: str) -> TaskChoice:
        """Write the task's file, in the folder of tasks unless it has one, and return it as a choice."""
        engine = self.console_app.engine
        path = engine.write_task(task, Path(own) if own else None, replace=bool(own))
        return engine.task_file(str(path))

    def take(self, command: NewRunRequest) -> NewRunRequest | None:
        choice = self._chosen()
        if choice is None:
            return None
        if choice.task is None:
            app = self.console_app
            app.jobs.send(lambda: app.engine.task_file(choice.path), self._read_again, self.refuse)
            return None
        self.tell("")
        return replace(command, task=choice.path, task_of=choice.run)


def _told(task: Task, width: int) -> Content:
    """Return the labels with their meanings, wrapped to that many cells, what is sent, and the rubric."""
    rows = []
    for label in task.labels[:MOST_SHOWN]:
        name = one_line(label.name, limit=40) if label.name != label.value else ""
        head = line((f"{one_line(label.value, limit=16):>4} ", "bold $accent"), (name, "bold $bright"))
        inset = head.cell_length + 2 if head.cell_length < width // 2 else 5
        meaning = textwrap.wrap(one_line(label.meaning, limit=200), max(12, width - inset))
        beside = meaning[:1] if inset > head.cell_length else []
        rows.append(line(head, *((f"  {part}", "$quiet") for part in beside)))
        rows += [line((" " * inset + part, "$quiet")) for part in meaning[len(beside) :]]
    if len(task.labels) > MOST_SHOWN:
        rows.append(line((f"     and {number(len(task.labels) - MOST_SHOWN)} more", "$quiet")))
    sent = f"model {task.model.model} · sends {', '.join(task.fields)}, at most {cut_words(task)}"
    more = [f"{name}: {value}" for name, value in further_settings(task)]
    packs = [f"packs: {pack_words(task)}"] if task.pack != 1 else []
    rows += [
        line((part, "$quiet"))
        for told in (one_line(sent, limit=300), *packs, *more)
        for part in textwrap.wrap(told, width, subsequent_indent="     ")
    ]
    rows.append(line((inert(task.rubric.strip(), limit=20_000), "$foreground")))
    return Content("\n").join(rows)
