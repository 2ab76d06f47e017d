"""Small windows with one line to type into: a note, and the file that emails are saved to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from core.text import one_line
from tui.widgets.pane import Part, line


def _keys(*named: tuple[str, str]) -> Static:
    parts: list[Part] = []
    for key, does in named:
        parts += [(key, "bold $accent"), f" {does}  "]
    return Static(line(*parts), markup=False, classes="choices")


class AskLine(ModalScreen[str | None]):
    """Asks for a line of text; ``enter`` keeps it, ``esc`` leaves without."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "leave")]

    def __init__(self, title: str, remark: str) -> None:
        super().__init__()
        self._heading = title
        self._remark = remark

    def compose(self) -> ComposeResult:
        with Vertical(classes="modal"):
            yield Static(line((self._heading, "bold $bright")), markup=False)
            yield Static(line((self._remark, "$quiet")), markup=False, classes="field")
            yield Input(id="line")
            yield Static("", markup=False, id="refusal")
            yield _keys(("enter", "keep"), ("esc", "leave"))

    def on_input_submitted(self) -> None:
        text = self.query_one("#line", Input).value.strip()
        if text:
            self.dismiss(text)
        else:
            self.query_one("#refusal", Static).update(line(("Type something first, or leave with esc.", "$waiting")))

    def action_leave(self) -> None:
        self.dismiss(None)


class SaveAs(ModalScreen[tuple[str, int] | None]):
    """Asks which emails go to which file. Gives the path and the place of the choice among those offered."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "leave"),
        Binding("tab", "other", "other", priority=True),
    ]

    def __init__(self, choices: Sequence[str], proposed: str) -> None:
        super().__init__()
        self._choices = choices
        self._proposed = proposed
        self._chosen = 0

    def compose(self) -> ComposeResult:
        with Vertical(classes="modal"):
            yield Static(line(("Save to a file", "bold $bright")), markup=False)
            yield Static("", markup=False, id="labels")
            yield Static("File: .csv for a row each, .jsonl for whole records", markup=False, classes="field")
            yield Input(self._proposed, id="line")
            yield Static("", markup=False, id="refusal")
            keys = [("enter", "save"), ("esc", "leave")]
            if len(self._choices) > 1:
                keys.insert(0, ("tab", "which emails"))
            yield _keys(*keys)

    def on_mount(self) -> None:
        self._draw()

    def _draw(self) -> None:
        parts: list[Part] = []
        for n, words in enumerate(self._choices):
            here = n == self._chosen
            parts += [("▸ " if here else "  ", "bold $accent"), (words + "   ", "bold $bright" if here else "$quiet")]
        self.query_one("#labels", Static).update(line(*parts))

    def action_other(self) -> None:
        self._chosen = (self._chosen + 1) % len(self._choices)
        self._draw()

    def on_input_submitted(self) -> None:
        path = self.query_one("#line", Input).value.strip()
        trouble = _trouble(path)
        if trouble:
            self.query_one("#refusal", Static).update(line((one_line(trouble, limit=300), "$failed")))
        else:
            self.dismiss((path, self._chosen))

    def action_leave(self) -> None:
        self.dismiss(None)


def _trouble(typed: str) -> str:
    """Why emails cannot be written there, as far as that can be told at once."""
    from core.formats.exports import known_suffixes  # noqa: PLC0415  (not before it is wanted)

    path = Path(typed).expanduser()
    if path.suffix.lower() not in known_suffixes():
        return f"The end of the name says the format: {', '.join(known_suffixes())}."
    if path.exists():
        return "A file of that name is there already. Choose another name: nothing is overwritten."
    if not path.parent.is_dir():
        return f"The folder {path.parent} does not exist. Make it first, or choose another."
    return ""
