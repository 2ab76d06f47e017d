"""Show input fields: one of a few values, a path that completes itself, a name that narrows a list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input, Static

from core.text import one_line
from tui.terminal.textual_fixes import alive
from tui.text.parts import line
from tui.widgets.panes.pane import LinesWidget


class Choice(LinesWidget, can_focus=True):
    """Choose one of a few values with the arrow keys; ``value`` is None while none is chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "turn(-1)", "previous", show=False),
        Binding("right,space", "turn(1)", "next", show=False),
    ]
    ALLOW_SELECT = False

    class Changed(Message):
        """Report that another value was chosen."""

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
        """Return the chosen value."""
        return self._options[self._at][0] if 0 <= self._at < len(self._options) else None

    def offer(self, options: Sequence[tuple[str, str]], value: str | None) -> None:
        """Replace the values and the chosen one, without a message."""
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


LOOKED_AT = 500
"""Entries of a folder that completion considers."""


class PathSuggester(Suggester):
    """Complete the path of a file or folder; the right arrow accepts the suggestion."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        return complete_path(value)


def complete_path(typed: str) -> str | None:
    """Return the path completed by the first entry that matches, folders with a slash; None where none matches."""
    head, slash, begun = typed.rpartition("/")
    try:
        folder = Path(head + slash or ".").expanduser()
        names = sorted(name for _, name in zip(range(LOOKED_AT), (e.name for e in folder.iterdir()), strict=False))
        found = next((n for n in names if begun and n.startswith(begun) and n.isprintable()), None)
        if found is None:
            return None
        return head + slash + found + ("/" if (folder / found).is_dir() else "")
    except (OSError, ValueError, RuntimeError):
        return None


class NameLine(Vertical):
    """Filter a list by name: ``narrow`` gets what was typed, ``done`` is called at the end."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "leave", show=False)]

    def __init__(self, narrow: Callable[[str], None], done: Callable[[], None]) -> None:
        super().__init__(id="filter")
        self._narrow = narrow
        self._done = done
        self._input = Input(placeholder="part of a name", compact=True)

    def compose(self) -> ComposeResult:
        yield self._input
        yield Static(line(("enter save · esc clear", "$quiet")), markup=False)

    def on_mount(self) -> None:
        self.display = False

    def open(self, text: str) -> None:
        """Show it with the active filter."""
        self.display = True
        self._input.value = text
        self._input.focus()

    def on_input_changed(self, message: Input.Changed) -> None:
        message.stop()
        if self.display:
            self._narrow(message.value.strip())

    def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        self.display = False
        self._done()

    def action_leave(self) -> None:
        self.display = False
        self._narrow("")
        self._done()
