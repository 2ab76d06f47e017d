"""Show step four: name, model, server, order and duplicates. Everything has a default."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input, Static

from core.engine import NewRunRequest, address_of
from core.errors import UsageError
from tui.screens.new_run.step import Step
from tui.terminal.textual_fixes import alive
from tui.text.numbers import pack_options
from tui.text.parts import line
from tui.widgets.fields import Choice

AS_THE_TASK = ""
"""The first choice of packs: so many texts in a call as the task says."""


class SettingsStep(Step):
    """Edit the settings; the name is checked while it is typed."""

    TITLE = "name, model, server, order"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "app.focus_previous", "previous", show=False),
        Binding("down", "app.focus_next", "next", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._run_name = Input(id="run-name", compact=True)
        self._model = Input(placeholder="the task's", id="model", compact=True)
        self._url = Input(placeholder="Groq's, or GROQ_BASE_URL", id="base-url", compact=True)
        self._work_order = Choice(
            "order",
            (
                ("shuffled", "shuffled: every part done is a random sample"),
                ("source", "as in the source"),
            ),
        )
        self._dedupe = Choice("duplicates", (("yes", "one call, the label copied"), ("no", "a call each")))
        sizes = [(str(size), about) for size, about in pack_options("text")]
        self._pack = Choice("packs", [(AS_THE_TASK, "as the task says"), *sizes], id="pack")
        self._source = ""

    def compose(self) -> ComposeResult:
        for label, field in (("Name", self._run_name), ("Model", self._model), ("Server (name or address)", self._url)):
            yield Static(line((label, "$quiet")), markup=False, classes="label")
            yield field
        yield Static("", markup=False, classes="label")
        yield self._work_order
        yield self._dedupe
        yield self._pack
        yield self.said

    def begin(self, command: NewRunRequest) -> None:
        self._run_name.focus()
        if command.source == self._source:
            return
        self._source = command.source
        app = self.console_app
        app.jobs.send(lambda: app.engine.name_for(command.source), self._propose, self.refuse)

    def _propose(self, name: str) -> None:
        if alive(self):
            self._run_name.value = name
            self._run_name.cursor_position = len(name)

    def on_input_changed(self, message: Input.Changed) -> None:
        message.stop()
        trouble = self._trouble()
        if trouble:
            self.refuse(trouble)
        else:
            self.tell(("tab ↑↓ next field · ← → choose · enter next step", "$quiet"))

    def _trouble(self) -> str:
        name = self._run_name.value.strip()
        return self.console_app.engine.name_trouble(name) if name else "Give the run a name."

    def take(self, command: NewRunRequest) -> NewRunRequest | None:
        if trouble := self._trouble():
            self.refuse(trouble)
            self._run_name.focus()
            return None
        url = self._url.value.strip()
        try:
            url = address_of(url) if url else ""
        except UsageError as error:
            self.refuse(str(error))
            self._url.focus()
            return None
        return replace(
            command,
            name=self._run_name.value.strip(),
            model=self._model.value.strip(),
            base_url=url,
            order=self._work_order.value or "shuffled",
            dedupe=self._dedupe.value != "no",
            pack=int(self._pack.value) if self._pack.value else None,
        )
