"""Show step five: the server that gets the texts, the forecast, and the choice to try, start or only create the run."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from core.engine import FIRST_N, NewRunRequest
from core.model import KeyStatus, Task
from core.text import inert, one_line
from tui.actions.keymap import keyed
from tui.screens.new_run.step import Step
from tui.terminal.textual_fixes import alive
from tui.text.numbers import plural
from tui.text.parts import line
from tui.text.plan import plan_lines
from tui.widgets.lists.rows import ListColumn, Row, Rows
from tui.widgets.window_parts import TextScroll

if TYPE_CHECKING:
    from core.engine import FoundAddress

TRY, START, MAKE = "try", "start", "make"
COLUMNS = (ListColumn("", 28), ListColumn("", 0))
WAYS = (
    (TRY, f"try it on {FIRST_N} first", "labels ten different texts, then pauses"),
    (START, "create it and start", "a worker begins in the background"),
    (MAKE, "create it only", "nothing is sent until you start it"),
)


MOST_SHOWN = 5_000
"""Characters of a line that are shown: room for fields of at most 4,000 characters and their name."""


ROWS_BELOW = 7
"""Rows that keys, ways and what is said need below the forecast, which is scrolled where it is longer than the rest."""
LEAST_ROWS = 4
"""Rows of the forecast at least."""


class ForecastStep(Step):
    """Show the forecast, made again for every change of an earlier step."""

    TITLE = "what it will take"

    def __init__(self) -> None:
        super().__init__()
        self._keys = Static("", markup=False)
        self._told = Static("", markup=False)
        self._rows = Rows(COLUMNS, empty="", id="ways")
        self._planned: NewRunRequest | None = None
        self._lines: tuple[str, ...] = ()
        self._address: str | None = None
        self._held: tuple[KeyStatus, ...] = ()
        self._keys_asked: tuple[str, tuple[tuple[str, bool], ...]] | None = None

    def compose(self) -> ComposeResult:
        with TextScroll(id="forecast"):
            yield self._told
        yield self._keys
        yield self._rows
        yield self.said

    def begin(self, command: NewRunRequest) -> None:
        self._rows.set_rows([Row(way, ((name, "bold $bright"), (about, "$quiet")), way) for way, name, about in WAYS])
        self._rows.focus()
        if command != self._planned:
            self._plan(command)

    def _plan(self, command: NewRunRequest) -> None:
        self._planned, self._lines, self._address = command, (), None
        self._told.update(line(("calculating …", "$quiet")))
        app = self.console_app

        def forecast() -> tuple[Task, tuple[str, ...]]:
            """Return the lines as well: how many items tell a label's recall takes long to compute."""
            planned, task = app.engine.forecast(command)
            return task, tuple(inert(text, limit=MOST_SHOWN).replace("\n", " ") for text in plan_lines(planned, task))

        app.jobs.send(forecast, partial(self._show, command), partial(self._failed, command))

    def _look_for(self, command: NewRunRequest, task: Task) -> None:
        """Ask where the server answers, once it is known which model is meant."""
        app = self.console_app
        if (command.base_url or app.engine.settings.base_url) and not app.engine.read_only:
            app.jobs.send(
                lambda: app.engine.address_for(command.base_url, task.model.model),
                partial(self._show_address, command),
                self.refuse,
            )

    def _show_address(self, command: NewRunRequest, answer: tuple[str | None, FoundAddress | None]) -> None:
        kept, found = answer
        if command == self._planned and found is not None and alive(self):
            self._address = kept
            said = f"  server    {one_line(found.sentence, limit=800)}; the texts go there"
            self._lines = tuple(said if text.startswith("  server ") else text for text in self._lines)
            self._draw()

    def _show(self, command: NewRunRequest, forecast: tuple[Task, tuple[str, ...]]) -> None:
        if command == self._planned and alive(self):
            task, self._lines = forecast
            self.tell("")
            self._draw()
            self._look_for(command, task)

    def _draw(self) -> None:
        """Draw each line in as many rows as it needs, beside its name."""
        width = max(24, self.size.width - 2)
        rows = [
            part
            for text in self._lines
            for part in textwrap.wrap(text, width, subsequent_indent=" " * 12 if text.startswith("  ") else "")
        ]
        self._told.update(Content("\n").join(line(part) for part in rows))
        pane = self.query_one("#forecast")
        room = max(LEAST_ROWS, self.size.height - ROWS_BELOW)
        pane.styles.max_height = room
        pane.can_focus = len(rows) > room

    def on_resize(self) -> None:
        if self._lines:
            self._draw()

    def _failed(self, command: NewRunRequest, sentence: str) -> None:
        if command == self._planned and alive(self):
            self._planned = None
            self._told.update(line(("no forecast", "$quiet")))
            self.refuse(sentence)

    def show_keys(self, keys: tuple[KeyStatus, ...]) -> None:
        """Show the present keys of the server that is meant; other keys make another forecast.

        ``keys`` are those of the usual server. Those of a server that was named are looked up when any key changes.
        """
        command = self._planned
        if command is None or not command.base_url:
            self._show_keys(keys)
            return
        asked = command.base_url, tuple((key.alias, key.state.out) for key in keys)
        if asked != self._keys_asked:
            self._keys_asked = asked
            app = self.console_app
            app.jobs.send(
                lambda: app.engine.keys_of(command.base_url), partial(self._show_keys_of, command), self.refuse
            )

    def _show_keys_of(self, command: NewRunRequest, keys: tuple[KeyStatus, ...]) -> None:
        if command == self._planned and alive(self):
            self._show_keys(keys)

    def _show_keys(self, keys: tuple[KeyStatus, ...]) -> None:
        usable = [key for key in keys if not key.state.out]
        if [key.alias for key in usable] == ["no-key"]:
            said = line(("  keys      ", "$foreground"), ("none: this server is asked without one", "$quiet"))
        elif usable:
            names = ", ".join(f"{one_line(key.alias, limit=24)} …{key.last4}" for key in usable[:2])
            more = f" and {len(usable) - 2} more" if len(usable) > 2 else ""
            organizations = len({key.organization for key in usable})
            said = line(
                ("  keys      ", "$foreground"), (plural(len(usable), "key"), "bold $bright"),
                (f" of {plural(organizations, 'organization')} · {names}{more}", "$quiet"),
            )  # fmt: skip
        else:
            said = line(("  keys      ", "$foreground"), (keyed("no key yet: {add} adds one"), "bold $waiting"))
        self._keys.update(said)
        if len(usable) != len(self._held) and self._planned is not None:
            self._plan(self._planned)
        self._held = tuple(usable)

    @property
    def way(self) -> str:
        """Return what to do with the run."""
        row = self._rows.selected
        return str(row.value) if row is not None else MAKE

    def take(self, command: NewRunRequest) -> NewRunRequest | None:
        if self.way != MAKE and not self._held:
            self.refuse(keyed("There is no usable key: {add} adds one. Or create the run only."))
            return None
        return command if self._address is None else replace(command, base_url=self._address)
