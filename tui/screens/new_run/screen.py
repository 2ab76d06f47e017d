"""Show a new run in five steps: source, columns, task, settings, forecast. Nothing is saved or sent before the last."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from textual.widget import Widget

from core.engine import FIRST_N, NewRunRequest
from core.text import one_line
from tui.actions.context import Scope
from tui.screens.base_screen import BaseScreen
from tui.screens.keys.windows import ask_for_key
from tui.screens.new_run.columns import ColumnsStep
from tui.screens.new_run.forecast import START, TRY, ForecastStep
from tui.screens.new_run.settings import SettingsStep
from tui.screens.new_run.source import SourceStep
from tui.screens.new_run.step import Step
from tui.screens.new_run.task import TaskStep
from tui.terminal.textual_fixes import alive
from tui.text.numbers import imported
from tui.text.state_sentence import StateSentence
from tui.view_state import ScreenData, data_age
from tui.widgets.state_line import Headline


class NewRunScreen(BaseScreen):
    """Go a step on with ``enter``, back with ``esc``; each step keeps its input."""

    SCOPE = Scope.NEW_RUN
    FIELD_LEAVES = frozenset({"escape", "enter"})

    def __init__(self, made: Callable[[Path], None]) -> None:
        super().__init__()
        self._made = made
        self._forecast = ForecastStep()
        self._steps: tuple[Step, ...] = (SourceStep(), ColumnsStep(), TaskStep(), SettingsStep(), self._forecast)
        self._at = 0
        self._command = NewRunRequest("")
        self._making = ""

    def content(self) -> Iterable[Widget]:
        yield from self._steps

    def on_mount(self) -> None:
        super().on_mount()
        for step in self._steps:
            step.display = False
        self._show_step(0)

    def _show_step(self, at: int) -> None:
        self._steps[self._at].display = False
        self._at = at
        step = self._steps[at]
        step.display = True
        step.begin(self._command)
        self.receive(self.console_app.screen_data())

    def show(self, data: ScreenData) -> None:
        self._forecast.show_keys(data.view_state.shown_keys)

    def headline(self, data: ScreenData) -> Headline:
        ways = " › ".join(
            f"[{name}]" if n == self._at else name
            for n, name in enumerate(("source", "columns", "task", "settings", "forecast"))
        )
        state_sentence = StateSentence(
            f"STEP {self._at + 1} OF {len(self._steps)}",
            "▪",
            "accent",
            self._making or f"{ways}   {self._steps[self._at].TITLE}",
        )
        return Headline(
            "a new run", state_sentence, simulated=False, age_s=data_age(data.view_state, data.now), now=data.now
        )

    # -- going on and back --------------------------------------------------------------------------------------------

    def on_input_submitted(self) -> None:
        self.do_open()

    def on_rows_chosen(self) -> None:
        self.do_open()

    def do_open(self) -> None:
        """Go a step on; create the run after the last one."""
        if self._making:
            return
        taken = self._steps[self._at].take(self._command)
        if taken is None:
            return
        self._command = taken
        if self._at + 1 < len(self._steps):
            self._show_step(self._at + 1)
        else:
            self._make(taken, self._forecast.way)

    def do_back(self) -> None:
        """Go a step back; from the first one to the list of runs."""
        if self._making:
            self.console_app.say("The run is being created; it opens when it is ready.")
        elif self._at:
            self._show_step(self._at - 1)
        else:
            self.console_app.do_back()

    def do_write_task(self) -> None:
        """Write a task, in the step that chooses one."""
        step = self._steps[self._at]
        if isinstance(step, TaskStep):
            step.write()
        elif not self._making:
            self.console_app.say("The task is written in its own step, the third.")

    def do_add(self) -> None:
        """Add a key."""
        ask_for_key(self.console_app, self._command.base_url)

    # -- making -------------------------------------------------------------------------------------------------------

    def _make(self, command: NewRunRequest, way: str) -> None:
        app = self.console_app
        self._tell("creating the run …")

        begun_at = time.monotonic()

        def progress(taken: int, expected: int | None) -> None:
            done = imported(taken, expected, time.monotonic() - begun_at)
            app.jobs.tell(lambda _: self._tell(f"creating the run: {done}"), None)

        def made(path: Path) -> None:
            self._making = ""
            if self.is_current:
                app.pop_screen()
            self._made(path)
            if app.run_path == path and way == TRY:
                app.start_worker(FIRST_N)
            elif app.run_path == path and way == START:
                app.start_worker()

        def failed(sentence: str) -> None:
            self._tell("")
            self._forecast.refuse(sentence)

        app.chores.send(lambda: app.engine.make(command, progress), made, failed)

    def _tell(self, sentence: str) -> None:
        self._making = one_line(sentence, limit=120)
        if alive(self):
            self.receive(self.console_app.screen_data())
