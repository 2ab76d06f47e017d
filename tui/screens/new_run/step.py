"""Base of the steps to a new run: each takes the request so far and returns it with its own input."""

from __future__ import annotations

from typing import ClassVar, cast

from textual.containers import Vertical
from textual.widgets import Static

from core.engine import NewRunRequest
from core.text import one_line
from tui.live.console_app import ConsoleApp
from tui.terminal.textual_fixes import alive
from tui.text.parts import Part, line


class Step(Vertical):
    """Show a step, which keeps its input when it is left."""

    TITLE: ClassVar[str]

    def __init__(self) -> None:
        super().__init__(classes="step")
        self.said = Static("", markup=False, classes="said")

    @property
    def console_app(self) -> ConsoleApp:
        """Return the application with its own type."""
        return cast("ConsoleApp", self.app)

    def begin(self, command: NewRunRequest) -> None:
        """Prepare the step when it becomes visible."""
        raise NotImplementedError

    def take(self, command: NewRunRequest) -> NewRunRequest | None:
        """Return the request with the input of this step; None where it is incomplete, after showing why."""
        raise NotImplementedError

    def refuse(self, sentence: str) -> None:
        """Show why the next step is not possible."""
        self.tell((one_line(sentence, limit=400), "$failed"))

    def tell(self, *parts: Part) -> None:
        """Show a line below."""
        if alive(self):
            self.said.update(line(*parts))
