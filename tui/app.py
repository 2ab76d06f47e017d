"""Run the console: keep the newest view state, hand it to the screen in sight, and send commands.

It never sets a state of its own from a key: a command is shown as requested until a later view state has its result.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

from core.commands.command import Command
from core.engine import Engine
from core.settings import Settings
from tui.actions import active as actions
from tui.actions.clicks import clicked_key
from tui.actions.dispatch import Dispatch
from tui.actions.keymap import keyed
from tui.live.console_app import ConsoleApp
from tui.live.jobs import Answered
from tui.live.notifying import Notifying
from tui.live.pending_commands import PendingCommands
from tui.live.poller import ViewStateTaken
from tui.screens.base_screen import BaseScreen, front_screen
from tui.screens.monitor import MonitorScreen
from tui.screens.navigation import Views
from tui.screens.run_commands import RunCommands
from tui.screens.runs.list import RunsScreen
from tui.terminal.terminal import CAPABLE, Terminal
from tui.terminal.textual_fixes import alive, share_color_cache, tune_garbage_collection
from tui.text.state_sentence import leave_message
from tui.view_state import Requested, ViewState
from tui.widgets.footer import HintChosen

if TYPE_CHECKING:
    from core.engine import SentCommand

TICK_S = 1.0
"""How often ages and countdowns move on where no picture comes."""


class LabeltuiApp(ConsoleApp):
    """Run the console. ``run`` opens that run file at once; ``demo`` also starts its worker.

    ``review`` opens the review of an annotator, with batches of a size. ``leave_message`` is the sentence to print when
    the console is left.
    """

    TITLE = "labeltui"
    CSS_PATH = "labeltui.tcss"
    ENABLE_COMMAND_PALETTE = True
    ESCAPE_TO_MINIMIZE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (76, "-mid"), (100, "-roomy"), (150, "-wide")]  # noqa: RUF012 - as Textual declares it
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall"), (38, "-high")]  # noqa: RUF012 - as Textual declares it
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key, f"key('{key}')", show=False, system=True) for key in actions.all_keys()
    ]

    def __init__(
        self,
        settings: Settings,
        *,
        run: Path | None = None,
        demo: bool = False,
        read_only: bool = False,
        engine: Engine | None = None,
        clock: Callable[[], float] = time.time,
        threaded: bool = True,
        terminal: Terminal = CAPABLE,
        tour: bool = False,
        review: tuple[str, int] | None = None,
    ) -> None:
        share_color_cache()
        super().__init__(
            settings, run=run, read_only=read_only, engine=engine, clock=clock, threaded=threaded, terminal=terminal
        )
        self.leave_message = ""
        self._tour = tour and not read_only and self.preferences.first_start
        self._review = review
        self._alone = run is not None and terminal.browser
        self._start_when_seen = demo and not read_only
        self.sending = PendingCommands(self)
        self.views = Views(self)
        doers = (RunCommands(self), self.views, self)
        self.dispatch = Dispatch(self.front_screen, lambda: self.screen, self.say, doers)
        self.notifying = Notifying(self, quiet=self.preferences.quiet)

    def get_default_screen(self) -> Screen[Any]:
        return RunsScreen()

    def on_mount(self) -> None:
        if self.run_path is not None:
            self.push_screen(MonitorScreen())
            if self._review is not None:
                self.views.show_review(*self._review)
        self.poller.watch(self.run_path, runs=self.run_path is None)
        self.set_interval(TICK_S, self._tick)
        self.watch(self, "theme", lambda: self.page.show_background(self.current_theme.background or ""))
        for trouble in (*self.troubles, *filter(None, (self.notifying.trouble,))):
            self.say(trouble, severity="error")
        self.call_after_refresh(self._begin)  # the first paint goes first; reading imports what it needs

    def _begin(self) -> None:
        gc.enable()
        self.jobs.start()
        self.chores.start()
        self.countings.start()
        self.poller.start()
        if self._tour:
            self.remember("toured", value=True)  # also for whoever leaves in the middle of it
            self.views.show_tour()

    def on_unmount(self) -> None:
        self.page.close()
        self.jobs.close()
        self.chores.close()
        self.countings.close()
        self.poller.close()

    # -- the picture -----------------------------------------------------------------------------------------------

    def front_screen(self) -> BaseScreen | None:
        """Return the topmost base screen; a small window or the palette may lie over it."""
        return front_screen(self.screen_stack)

    def on_view_state_taken(self, message: ViewStateTaken) -> None:
        view_state = message.view_state
        if view_state.path != self.run_path:
            return  # of the run that was left
        if self.threaded and self.view_state.snapshot is None and view_state.snapshot is not None:
            self.call_later(tune_garbage_collection)
        self.view_state = view_state
        emails_changed = self.sending.settle(view_state.snapshot, view_state.now)
        self.notifying.see(view_state.snapshot)
        self.hand_down()
        if emails_changed:
            self.facts_changed()
        if self._start_when_seen and view_state.snapshot is not None:
            self._start_when_seen = False
            if not view_state.snapshot.worker.alive and view_state.snapshot.pending:
                self.start_worker()

    def on_answered(self, message: Answered) -> None:
        if message.error and message.failed is not None:
            message.failed(message.error)
        elif message.error:
            self.say(message.error, severity="error")
        else:
            message.then(message.result)

    def _tick(self) -> None:
        if self.clock() - self.view_state.now >= TICK_S:
            self.hand_down()

    def hand_down(self) -> None:
        """Give the newest look to the screen in sight."""
        data = self.screen_data()
        if (front := self.front_screen()) is not None and alive(front):
            front.receive(data)
        self.page.show_title(data.view_state, data.requested, data.now)

    def facts_changed(self) -> None:
        """Have every screen read emails again."""
        for screen in self.screen_stack:
            if isinstance(screen, BaseScreen) and alive(screen):
                screen.changed()

    # -- keys and actions ------------------------------------------------------------------------------------------

    def action_key(self, key: str) -> None:
        self.dispatch.pressed(key)

    def on_hint_chosen(self, message: HintChosen) -> None:
        if message.action_id == "palette":
            self.action_command_palette()
        else:
            self.perform(message.action_id)

    def perform(self, action_id: str) -> None:
        """Do what is meant, or say why it cannot be done now."""
        self.dispatch.perform(action_id)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:  # noqa: ARG002 - Textual's
        return self.dispatch.commands()

    def action_help_quit(self) -> None:
        self.say(keyed("{quit} leaves the console; the worker goes on without it."))

    # -- commands ------------------------------------------------------------------------------------------------------

    @property
    def requested(self) -> tuple[Requested, ...]:
        return self.sending.requested

    def send(self, command: Command, what: str = "") -> None:
        self.sending.send(command, what)

    def request(self, mark: Requested, ask: Callable[[Path], SentCommand]) -> None:
        self.sending.request(mark, ask)

    # -- going about -----------------------------------------------------------------------------------------------

    def open_run(self, path: str) -> None:
        """Watch that run."""
        self._turn_to(Path(path))
        self.push_screen(MonitorScreen())

    def show_runs(self) -> None:
        """Leave the run; the list is where it was left. A browser that was given one run stays with it."""
        if self._alone:
            self.say("This page shows one run only: `labeltui serve` without RUN shows all.")
            return
        self._turn_to(None)
        self.pop_screen()

    def _turn_to(self, path: Path | None) -> None:
        self.run_path, self.held = path, False
        self.sending.forget()
        self.view_state = ViewState(now=self.clock(), path=path, keys=self.view_state.keys)
        self.poller.watch(path, runs=path is None)

    def on_click(self, event: events.Click) -> None:
        """Press the key that a clicked text in a small window names."""
        if (key := clicked_key(event)) is not None:
            self.simulate_key(key)

    def do_quiet(self) -> None:
        self.notifying.quiet = quiet = not self.notifying.quiet
        self.say("Bell and desktop notifications are off." if quiet else "Bell and desktop notifications are on.")
        self.remember("quiet", quiet)

    def do_suspend(self) -> None:
        if self.terminal.browser:
            self.say("A browser has no shell to go back to.", severity="warning")
        else:
            self.action_suspend_process()

    async def action_quit(self) -> None:
        self.do_quit()  # ctrl+q, which Textual has everywhere

    def do_quit(self) -> None:
        self.leave_message = leave_message(self.view_state, self.sending.requested, self.settings)
        self.page.show_leave_message(self.leave_message)
        self.exit()
