"""Show step one: the source. What is typed narrows the list below; the arrows choose in it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input, Static

from core.engine import NewRunRequest
from tui.screens.new_run.step import Step
from tui.terminal.textual_fixes import alive
from tui.text.numbers import age, plural
from tui.text.parts import line
from tui.widgets.fields import PathSuggester
from tui.widgets.lists.rows import ListColumn, Row, Rows
from tui.widgets.lists.runs import size

if TYPE_CHECKING:
    from core.engine import Folder

COLUMNS = (
    ListColumn("name", 0),
    ListColumn("what it is", 24),
    ListColumn("size", 9, right=True, from_width=60),
    ListColumn("changed", 8, right=True, from_width=72),
)
NOTHING = (
    "\n Nothing here that can be read.\n\n"
    " Formats: .csv, .tsv, .jsonl, .mbox and .eml files, Maildirs, and folders of .eml or .txt files."
)


class SourceStep(Step):
    """List folders and possible sources; other files are counted, hidden ones are not."""

    TITLE = "where the texts are"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "list('move', -1)", "up", show=False),
        Binding("down", "list('move', 1)", "down", show=False),
        Binding("pageup", "list('page', -1)", "page up", show=False),
        Binding("pagedown", "list('page', 1)", "page down", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._input = Input(id="source", suggester=PathSuggester(), compact=True, select_on_focus=False)
        self._rows = Rows(COLUMNS, empty=NOTHING, id="found")
        self._rows.led = True
        self._rows.can_focus = False
        self._asked: Path | None = None
        self._folder: Folder | None = None
        self._sentence = ""

    def compose(self) -> ComposeResult:
        hint = "Type a path, or choose below: ↑↓ and enter; → completes what is typed"
        yield Static(line((hint, "$quiet")), markup=False)
        yield self._input
        yield self._rows
        yield self.said

    def begin(self, command: NewRunRequest) -> None:  # noqa: ARG002 - what was chosen stands in the line
        self._input.focus()
        if not self._input.value:
            self._go_to(Path.cwd())

    def _go_to(self, folder: Path) -> None:
        self._input.value = f"{str(folder).rstrip('/')}/"
        self._input.cursor_position = len(self._input.value)

    def _typed(self) -> tuple[Path, str]:
        """Return the typed folder, and the beginning of a name in it."""
        head, slash, begun = self._input.value.rpartition("/")
        try:
            return Path(head + slash or ".").expanduser(), begun
        except (ValueError, RuntimeError):
            return Path(), begun

    def on_input_changed(self, message: Input.Changed) -> None:
        message.stop()
        folder, _ = self._typed()
        self.tell("")
        if folder == self._asked:
            self._list()
            if self._folder is None and self._sentence:
                self.refuse(self._sentence)
            return
        self._asked = folder
        app = self.console_app
        app.jobs.send(lambda: app.engine.look_into(folder), partial(self._seen, folder), partial(self._unseen, folder))

    def _seen(self, folder: Path, found: Folder) -> None:
        if folder == self._asked and alive(self):
            self._folder = found
            self._sentence = ""
            self._rows.cursor = 0
            self._list()

    def _unseen(self, folder: Path, sentence: str) -> None:
        if folder == self._asked and alive(self):
            self._folder = None
            self._sentence = sentence
            self._rows.set_rows([])
            self.refuse(sentence)

    def _list(self) -> None:
        folder = self._folder
        if folder is None:
            return
        begun = self._typed()[1].casefold()
        rows = []
        if folder.itself and not begun:
            rows.append(
                Row(".", (("this folder", "bold $bright"), (folder.itself, "$accent"), ("", ""), ("", "")), ".")
            )
        now = self.console_app.clock()
        for entry in folder.entries:
            if entry.name.casefold().startswith(begun):
                cells = (
                    (entry.name + ("/" if entry.folder else ""), "bold $bright" if entry.kind else "$foreground"),
                    (entry.kind or "folder", "$accent" if entry.kind else "$quiet"),
                    ("" if entry.folder else size(entry.size_bytes), "$foreground"),
                    (age(max(0.0, now - entry.changed_at)), "$quiet"),
                )
                rows.append(Row(entry.name, cells, entry))
        if not begun and folder.path.resolve() != folder.path.resolve().parent:
            rows.append(Row("..", (("../", "$foreground"), ("the folder above", "$quiet"), ("", ""), ("", "")), ".."))
        self._rows.set_rows(rows)
        if folder.others:
            self.tell((f"{plural(folder.others, 'other file')} here in unknown formats", "$quiet"))

    def action_list(self, what: str, step: int) -> None:
        (self._rows.action_page if what == "page" else self._rows.action_move)(step)

    def take(self, command: NewRunRequest) -> NewRunRequest | None:
        folder, begun = self._typed()
        typed = folder / begun
        if begun and typed.is_file():
            return _from(command, typed)
        row = self._rows.selected
        if self._folder is None:
            if self._sentence:
                self.refuse(self._sentence)
        elif row is None:
            what = f" and begins with {begun}" if begun else ""
            self.refuse(f"Nothing here can be read{what}: choose another path.")
        elif row.value == ".":
            return _from(command, folder)
        elif row.value == "..":
            self._go_to(folder.resolve().parent)
        elif row.value.kind:
            self._input.value = str(row.value.path)
            return _from(command, row.value.path)
        else:
            self._go_to(row.value.path)
        return None


def _from(command: NewRunRequest, source: Path) -> NewRunRequest:
    """Return the request with this source; another source drops the chosen columns and name."""
    if str(source) == command.source:
        return command
    return replace(command, source=str(source), text_column="", id_column="", name="")
