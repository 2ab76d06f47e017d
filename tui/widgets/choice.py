"""One of a few: the arrow keys go through them, and the one in force is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message

from core.text import one_line
from tui.terminal.alive import alive
from tui.widgets.panes.pane import LinesWidget, line


class Choice(LinesWidget, can_focus=True):
    """Values with their names; ``value`` is None while none is chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "turn(-1)", "previous", show=False),
        Binding("right,space", "turn(1)", "next", show=False),
    ]
    ALLOW_SELECT = False

    class Changed(Message):
        """Another value is chosen."""

        def __init__(self, choice: Choice) -> None:
            super().__init__()
            self.choice = choice

    def __init__(self, label: str, options: Sequence[tuple[str, str]] = (), *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._label = label
        self._options = tuple(options)
        self._at = 0 if options else -1

    @property
    def value(self) -> str | None:
        """What is chosen."""
        return self._options[self._at][0] if 0 <= self._at < len(self._options) else None

    def offer(self, options: Sequence[tuple[str, str]], value: str | None) -> None:
        """Other values to choose from, and the one in force; nobody is told."""
        self._options = tuple(options)
        self._at = next((n for n, (each, _) in enumerate(self._options) if each == value), -1)
        self._draw()

    def lines(self, width: int, height: int) -> list[Content]:  # noqa: ARG002 - its height is fixed
        name = self._options[self._at][1] if self.value is not None else "choose one"
        tone = "bold $bright" if self.value is not None else "bold $waiting"
        here = self.has_focus
        arrows = "bold $accent" if here else "$faint"
        told = here and len(self._options) > 1 and self._at >= 0
        place = f"  {self._at + 1} of {len(self._options)} · ← → others" if told else ""
        return [
            line(
                ("▸" if here else " ", "bold $accent"), (f"{self._label:<12}", "$quiet"), ("‹ ", arrows),
                (one_line(name, limit=max(8, width - 17 - len(place))), tone), (" ›", arrows), (place, "$faint"),
            )
        ]  # fmt: skip

    def action_turn(self, step: int) -> None:
        if self._options:
            self._at = (self._at + step) % len(self._options) if self._at >= 0 else 0
            self._draw()
            self.post_message(self.Changed(self))

    def on_click(self) -> None:
        self.action_turn(1)

    def watch_has_focus(self, has_focus: bool) -> None:  # noqa: FBT001  (Textual's)
        # Not in on_focus: that is called before it is known here, and the mark would lag one step behind.
        super().watch_has_focus(has_focus)
        self._draw()

    def _draw(self) -> None:
        if alive(self):
            self.redraw()
