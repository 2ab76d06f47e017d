"""What every step to a new run has: what was chosen so far goes in, and comes out with what this step adds."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.containers import Vertical
from textual.widgets import Static

from core.engine import NewRunRequest
from core.text import one_line
from tui.terminal.textual_fixes import alive
from tui.widgets.panes.pane import Part, line

if TYPE_CHECKING:
    from tui.app import LabeltuiApp


class Step(Vertical):
    """A step keeps what it was given when it is left, whichever way."""

    TITLE: ClassVar[str]

    def __init__(self) -> None:
        super().__init__(classes="step")
        self.said = Static("", markup=False, classes="said")

    @property
    def console_app(self) -> LabeltuiApp:
        """The application, by its own type."""
        return cast("LabeltuiApp", self.app)

    def begin(self, command: NewRunRequest) -> None:
        """It is seen from now on."""
        raise NotImplementedError

    def take(self, command: NewRunRequest) -> NewRunRequest | None:
        """The command with what was chosen here; None where more is to be said first, which the step then tells."""
        raise NotImplementedError

    def refuse(self, sentence: str) -> None:
        """Say why it does not go on."""
        self.tell((one_line(sentence, limit=400), "$failed"))

    def tell(self, *parts: Part) -> None:
        """Say something below."""
        if alive(self):
            self.said.update(line(*parts))
