"""The window that makes a run: a path, then what was found there and what it would take, then the run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from core.text import one_line
from tui.making import NewRunWish, Preview
from tui.present import foreign
from tui.widgets.pane import line
from tui.widgets.paths import PathSuggester

if TYPE_CHECKING:
    from tui.screens.runs import RunsScreen


class NewRun(ModalScreen[None]):
    """``enter`` looks; ``enter`` again, with nothing changed meanwhile, makes the run. ``esc`` leaves all as it was."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "leave"),
        Binding("ctrl+o", "order", "order", priority=True),
    ]
    AUTO_FOCUS = "#source"

    def __init__(self, look: Callable[[NewRunWish, NewRun], None], make: Callable[[NewRunWish, NewRun], None]) -> None:
        super().__init__()
        self._look, self._make = look, make
        self._order = "shuffled"
        self._seen: NewRunWish | None = None
        self._busy = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="modal"):
            yield Static(line(("A new run", "bold $bright")), markup=False)
            yield Static("File or folder of emails (→ completes)", markup=False, classes="field")
            yield Input(id="source", suggester=PathSuggester())
            yield Static("Name (optional)", markup=False, classes="label")
            yield Input(id="name")
            yield Static("Task as TOML (optional: work or personal)", markup=False, classes="label")
            yield Input(id="task", suggester=PathSuggester())
            yield Static("Model (optional: the task's)", markup=False, classes="label")
            yield Input(id="model")
            yield Static("", markup=False, id="refusal")
            yield Static("", markup=False, id="choices")

    def on_mount(self) -> None:
        self._say_keys()

    def _say_keys(self) -> None:
        doing = "make it" if self._seen is not None else "look first"
        order = f" order: {self._order}   "
        keys = line(
            ("enter", "bold $accent"), f" {doing}   ", ("tab", "bold $accent"), " next   ",
            ("^o", "bold $accent"), order, ("esc", "bold $accent"), " leave",
        )  # fmt: skip
        self.query_one("#choices", Static).update(keys)

    def _wish(self) -> NewRunWish:
        source, name, task, model = (
            self.query_one(f"#{field}", Input).value.strip() for field in ("source", "name", "task", "model")
        )
        return NewRunWish(source, name, task, model, self._order)

    def on_input_changed(self) -> None:
        self._seen = None
        self._say_keys()

    def on_input_submitted(self) -> None:
        wish = self._wish()
        if self._busy:
            return
        if not wish.source:
            self.refuse("Name a .csv, .jsonl or .mbox file, or a folder of messages.")
            return
        self._busy = True
        self._tell(line(("making the run …" if wish == self._seen else "reading …", "$quiet")))
        (self._make if wish == self._seen else self._look)(wish, self)

    def shown(self, wish: NewRunWish, preview: Preview) -> None:
        """Show what was found; the next ``enter`` makes the run."""
        self._busy = False
        if not self.is_mounted or wish != self._wish():
            return
        self._seen = wish
        rows = [line((one_line(preview.described, limit=200), "bold $foreground"))]
        rows += [
            line((foreign(ids, 10) + " ", "$quiet"), (foreign(sender, 18) + " ", "$foreground"), foreign(subject, 28))
            for ids, sender, subject in preview.rows
        ]
        rows += [line((foreign(text, 58).rstrip(), "$quiet")) for text in preview.forecast]
        self._tell(Content("\n").join(rows))
        self._say_keys()

    def refuse(self, sentence: str) -> None:
        """Say why not; nothing typed is lost."""
        self._busy = False
        self._tell(line((one_line(sentence, limit=400), "$failed")))

    def _tell(self, content: Content) -> None:
        if self.is_mounted:
            self.query_one("#refusal", Static).update(content)

    def action_order(self) -> None:
        self._order = "source" if self._order == "shuffled" else "shuffled"
        self._seen = None
        self._say_keys()

    def action_leave(self) -> None:
        self.dismiss(None)


def new_run(screen: RunsScreen) -> None:
    """Ask for a source in a small window."""
    app = screen.console_app

    def look(wish: NewRunWish, window: NewRun) -> None:
        app.errands.send(lambda: app.backend.preview(wish), lambda seen: window.shown(wish, seen), window.refuse)

    def make(wish: NewRunWish, window: NewRun) -> None:
        def made(path: Path) -> None:
            if window.is_current:
                window.dismiss(None)
            screen.made(path)

        app.errands.send(lambda: app.backend.make(wish), made, window.refuse)

    app.push_screen(NewRun(look, make))
