"""Show step two: the source as it is read, with its columns for text and id; what is skipped, and why."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.widgets import Static

from core.engine import NewRunRequest
from core.text import one_line
from tui.screens.new_run.step import Step
from tui.terminal.textual_fixes import alive
from tui.text.numbers import number, plural, who
from tui.text.parts import line
from tui.widgets.fields import Choice
from tui.widgets.lists.rows import ListColumn, Row, Rows

if TYPE_CHECKING:
    from core.engine import Counted, Looked

COLUMNS = (ListColumn("id", 18), ListColumn("from", 22, from_width=64), ListColumn("subject, or how it begins", 0))
WITHOUT_HEADERS = (COLUMNS[0], ListColumn("how it begins", 0))
NUMBERED = ""


class ColumnsStep(Step):
    """Choose the columns, guessed at first; the rows below are read by them."""

    TITLE = "what is read"

    def __init__(self) -> None:
        super().__init__()
        self._where = Static("", markup=False)
        self._text = Choice("text in", id="text-column")
        self._ids = Choice("ids from", id="id-column")
        self._rows = Rows(COLUMNS, empty="\n reading …", id="sample")
        self._source = ""
        self._looked: Looked | None = None
        self._serial = 0

    def compose(self) -> ComposeResult:
        yield self._where
        yield self._text
        yield self._ids
        yield self._rows
        yield self.said

    def begin(self, command: NewRunRequest) -> None:
        if command.source != self._source:
            self._source = command.source
            self._looked = None
            self._where.update(line((one_line(command.source, limit=300), "bold $bright")))
            self._look("", "")
        (self._text if self._text.display else self._rows).focus()

    def on_choice_changed(self) -> None:
        text, ids = self._text.value or "", self._ids.value or ""
        self._look(text, "" if ids == text else ids)

    def _look(self, text: str, ids: str) -> None:
        self._serial += 1
        app, serial, source = self.console_app, self._serial, self._source
        self.tell(("reading …", "$quiet"))
        app.jobs.send(
            lambda: app.engine.look_at(source, text, ids), partial(self._seen, serial), partial(self._failed, serial)
        )

    def _failed(self, serial: int, sentence: str) -> None:
        if serial == self._serial and alive(self):
            self._looked = None
            self._text.display = self._ids.display = False
            self._rows.empty = ""
            self._rows.set_rows([])
            self.refuse(sentence)

    def _seen(self, serial: int, looked: Looked) -> None:
        if serial != self._serial or not alive(self):
            return
        self._looked = looked
        self._text.display = self._ids.display = bool(looked.names)
        self._text.offer([(name, name) for name in looked.names], looked.text or None)
        ids = [(name, name) for name in looked.names if name != looked.text]
        self._ids.offer([(NUMBERED, "the rows' numbers"), *ids] if not looked.id else ids, looked.id)
        self._rows.empty = ""
        mail = any(sender for _, sender, _ in looked.rows)
        self._rows.set_columns(COLUMNS if mail else WITHOUT_HEADERS)
        self._rows.set_rows(
            [
                Row(
                    n,
                    ((ids, "$quiet"), *(((who(sender), "$foreground"),) if mail else ()), (told, "$bright")),
                    ids,
                )
                for n, (ids, sender, told) in enumerate(looked.rows)
            ]
        )
        if looked.trouble:
            self.refuse(_here(looked.trouble))
            return
        self.tell(("counting …", "$quiet"))
        app, source = self.console_app, self._source
        app.chores.send(
            lambda: app.engine.count(source, looked.text, looked.id, lambda: serial == self._serial),
            partial(self._counted, serial),
            partial(self._broke_off, serial),
        )

    def _counted(self, serial: int, counted: Counted) -> None:
        if serial != self._serial or not counted.whole:
            return
        skipped = [f"{number(count)} skipped: {reason}" for reason, count in counted.skipped]
        first = f" (first: {counted.places[0]})" if counted.places else ""
        said = one_line(_here(f"{'; '.join(skipped)}{first}") if skipped else "nothing skipped", limit=400)
        self.tell(
            (f"{plural(counted.taken, 'text')} to import", "bold $bright"),
            (f" · {said}", "$waiting" if skipped else "$quiet"),
            (_unread(self._looked), "$quiet"),
        )

    def _broke_off(self, serial: int, sentence: str) -> None:
        if serial == self._serial and alive(self) and self._looked is not None:
            self._looked = replace(self._looked, trouble=sentence)
            self.refuse(sentence)

    def take(self, command: NewRunRequest) -> NewRunRequest | None:
        looked = self._looked
        if looked is None:
            return None
        if looked.trouble:
            self.refuse(_here(looked.trouble))
            return None
        return replace(command, text_column=looked.text, id_column=looked.id)


def _unread(looked: Looked | None) -> str:
    """Return the columns that are kept with the row but not sent, for whoever expects one of them to be."""
    if looked is None:
        return ""
    names = [one_line(name, limit=40) for name in looked.names if name not in (looked.text, looked.id, *looked.sent)]
    more = f" and {len(names) - 5:,} more" if len(names) > 6 else ""
    return f" · kept, not sent: {', '.join(names[: 5 if more else 6])}{more}" if names else ""


def _here(sentence: str) -> str:
    """Return an error of the command line in the words of this screen."""
    for option in ("--text-column", "--id-column"):
        sentence = sentence.replace(f"with {option}", "above, with ← →")
    return sentence
