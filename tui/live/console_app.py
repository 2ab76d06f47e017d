"""Hold what screens and background parts use of the application, whatever screens it shows.

They are typed against :class:`ConsoleApp`; ``tui.app`` adds the screens, the keys and the actions.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.commands.command import Command
from core.engine import Engine
from core.settings import Settings
from core.text import inert
from tui.actions.context import Context, Scope, Selected
from tui.live.jobs import BackgroundJobs, Countings
from tui.live.poller import Poller
from tui.terminal.configured_app import ConfiguredApp
from tui.terminal.preferences import remember
from tui.terminal.terminal import CAPABLE, Terminal
from tui.view_state import Requested, ScreenData, ViewState, pending_kinds
from tui.web.browser_messages import Page

if TYPE_CHECKING:
    from core.engine import SentCommand


class ConsoleApp(ConfiguredApp):
    """Hold the open run with its newest view state, the engine, and the threads that read and work beside the screen.

    ``chores`` are background jobs that may take minutes. ``held`` says that the operator froze the view.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        run: Path | None = None,
        read_only: bool = False,
        engine: Engine | None = None,
        clock: Callable[[], float] = time.time,
        threaded: bool = True,
        terminal: Terminal = CAPABLE,
    ) -> None:
        super().__init__(settings.config_path, terminal)
        self.settings = settings
        self.engine: Engine = engine or Engine(settings, read_only=read_only)
        self.clock = clock
        self.threaded = threaded
        self.run_path = run
        self.read_only = read_only
        self.held = False
        self.view_state = ViewState(now=clock(), path=run)
        self.page = Page(lambda: self._driver, browser=terminal.browser)
        self.poller = Poller(self.engine, self.post_message, clock, threaded=threaded)
        self.jobs = BackgroundJobs(self.post_message, threaded=threaded)
        self.chores = BackgroundJobs(self.post_message, threaded=threaded)
        self.countings = Countings(self.engine, lambda: self.run_path, self.post_message, threaded=threaded)

    # -- what the application adds -------------------------------------------------------------------------------------

    @property
    def requested(self) -> tuple[Requested, ...]:
        """Return the commands of this console that were not acknowledged yet."""
        raise NotImplementedError

    def send(self, command: Command, what: str = "") -> None:
        """Send a command to the run that is open; from now on it is shown as requested, as ``what``."""
        raise NotImplementedError

    def request(self, mark: Requested, ask: Callable[[Path], SentCommand]) -> None:
        """Have ``ask`` called with the run that is open, and show ``mark`` until it is acknowledged."""
        raise NotImplementedError

    def hand_down(self) -> None:
        """Give the newest view state to the screen in sight."""
        raise NotImplementedError

    def facts_changed(self) -> None:
        """Have every screen read its items again."""
        raise NotImplementedError

    def perform(self, action_id: str) -> None:
        """Perform an action, or say why it is not possible now."""
        raise NotImplementedError

    def open_run(self, path: str) -> None:
        """Watch that run."""
        raise NotImplementedError

    def show_runs(self) -> None:
        """Leave the run and go back to the list of runs."""
        raise NotImplementedError

    # -- data for screens ----------------------------------------------------------------------------------------------

    def screen_data(self) -> ScreenData:
        """Return the newest view state, read now."""
        return ScreenData(self.view_state, self.requested, max(self.clock(), self.view_state.now))

    def context(self, scope: Scope, selected: Selected) -> Context:
        """Return what decides whether an action is possible."""
        snapshot = self.view_state.snapshot
        pending = frozenset(pending_kinds(snapshot, self.requested))
        return Context(
            scope, snapshot, selected, pending,
            has_run=self.run_path is not None, read_only=self.read_only, no_color=self.no_color, held=self.held,
        )  # fmt: skip

    def start_worker(self, only: int | None = None) -> None:
        """Start a worker, or let the one that is paused go on; with ``only`` it pauses after so many texts."""
        kind = "start" if only is None else "try"
        self.request(Requested(kind, self.clock()), lambda path: self.engine.start(path, only))

    # -- background jobs, sentences, settings --------------------------------------------------------------------------

    def job(self, job: Callable[[], object], done: str) -> None:
        """Start a background job, and show a sentence when it is done."""

        def finished(_: object) -> None:
            self.say(done)
            self.poller.hurry()

        self.jobs.send(job, finished)

    def say(self, sentence: str, *, severity: Any = "information") -> None:
        """Show a toast instead of the one before; the text may come from anywhere. It disappears with the next key.

        An error that nobody could read yet stays: then the newer sentence is added to it.
        """
        text = inert(sentence, limit=400)
        shown = [told for told in self._notifications if told.severity == "error" and text not in told.message]
        if shown:
            text, severity = f"{shown[-1].message}\n{text}", "error"
        self.clear_notifications()
        self.notify(text, severity=severity, timeout=8.0 if severity == "error" else 5.0, markup=False)

    def remember(self, name: str, value: str | bool) -> None:  # noqa: FBT001  (a setting's value)
        """Keep a setting for the next start; a console that only looks on keeps none."""
        if self.read_only:
            return
        self.jobs.send(lambda: remember(self.settings.config_path, name, value), lambda _: None)

    def do_back(self) -> None:
        """Leave the screen in sight."""
        if len(self.screen_stack) > 1:
            self.pop_screen()

    # -- terminal and browser ------------------------------------------------------------------------------------------

    def copy_to_clipboard(self, text: str) -> None:
        if self.page.there:
            self._clipboard = text
            self.page.copy(text)
        else:
            super().copy_to_clipboard(text)

    def to_terminal(self, sequence: str) -> None:
        """Write a sequence that draws nothing, between two frames."""
        if self._driver is not None and not self.is_headless:
            self._driver.write(sequence)
