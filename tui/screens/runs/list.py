"""Show the runs on this machine, as the first screen of the console."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from textual.widget import Widget
from textual.widgets import Static

from core.commands.catalog import Pause, Resume, Stop
from core.engine import CopyRequest
from core.model import RunState, RunSummary
from core.text import one_line
from tui.actions.context import Scope, Selected
from tui.actions.enabled import is_paused
from tui.actions.keymap import keyed
from tui.screens.base_screen import BaseScreen
from tui.terminal.textual_fixes import alive
from tui.text.numbers import join, number, plural
from tui.text.parts import line
from tui.text.state_sentence import StateSentence
from tui.view_state import ScreenData, ViewState, data_age
from tui.widgets.fields import NameLine
from tui.widgets.lists.rows import Rows
from tui.widgets.lists.runs import COLUMNS, ORDERS, about, ordered, row_of, shown
from tui.widgets.state_line import Headline

if TYPE_CHECKING:
    from core.engine import Going, SentCommand
    from tui.screens.runs.windows import CopyRun

EMPTY = """
There is no run here yet.

  {demo}   labeltui demo       a simulated run; nothing leaves this machine
  {new_run}   labeltui new FILE   a run from .csv, .jsonl, .mbox or a folder
  {keys}   labeltui keys add   saves an API key; or set GROQ_API_KEY

A worker labels in the background: {pause} pauses it; after {quit} it keeps running.
{emails} shows the texts of a run and what failed; {label} gives one a manual label.
{help} lists every key. Runs appear here as soon as they exist."""

NO_MATCH = "\n No run of that name. {back} shows all again."
NONE_ARCHIVED = "\n No run is archived. {archived} goes back to the list, where {archive} archives a run."
ALL_ARCHIVED = "\n Every run is archived: {archived} shows them, {new_run} creates a new one."


class RunsScreen(BaseScreen):
    """Show the runs, read every two seconds. No run changes its place while the list is shown."""

    SCOPE = Scope.RUNS

    def __init__(self) -> None:
        super().__init__()
        self._rows = Rows(COLUMNS, empty="\n reading the list of runs …", id="runs")
        self._about = Static("", markup=False, id="about")
        self._line = NameLine(self._narrow, self._narrowed)
        self._order = next(iter(ORDERS))
        self._held: list[str] = []
        self._updated_from: ViewState | None = None
        self._named = ""
        self._archived = False
        self._copying = ""
        self._compared = ""

    def content(self) -> Iterable[Widget]:
        yield self._line
        yield self._rows
        yield self._about

    def on_mount(self) -> None:
        super().on_mount()
        self.set_focus(self._rows)

    # -- showing ------------------------------------------------------------------------------------------------------

    def show(self, data: ScreenData) -> None:
        if data.view_state.runs is None:
            return
        wanted = shown(data.view_state.runs, archived=self._archived, named=self._named)
        if self._updated_from is not None:
            self._held = []
            self._updated_from = self._updated_from if data.view_state is self._updated_from else None
        runs = ordered(wanted, self._order, self._held)
        self._held = [run.path for run in runs]
        self._rows.empty = keyed(self._when_empty(data.view_state.runs))
        self._rows.set_rows([row_of(run, data.now) for run in runs])
        self._tell()

    def _when_empty(self, runs: Iterable[RunSummary]) -> str:
        if self._named:
            return NO_MATCH
        if self._archived:
            return NONE_ARCHIVED
        return ALL_ARCHIVED if any(run.archived for run in runs) else EMPTY

    def _tell(self) -> None:
        run = self.selected()
        said = about(run) if isinstance(run, RunSummary) else ""
        tone = "$failed" if isinstance(run, RunSummary) and run.error else "$quiet"
        self._about.update(line((said, tone)))

    def headline(self, data: ScreenData) -> Headline:
        view_state = data.view_state
        if view_state.trouble:
            state_sentence = StateSentence("CANNOT READ", "!", "failed", one_line(view_state.trouble, limit=300))
        elif view_state.runs is None:
            state_sentence = StateSentence("READING", "·", "quiet", "looking for runs")
        else:
            state_sentence = self._state_sentence(view_state.runs)
        return Headline("labeltui", state_sentence, simulated=False, age_s=data_age(view_state, data.now), now=data.now)

    def _state_sentence(self, runs: tuple[RunSummary, ...]) -> StateSentence:
        here = [run for run in runs if run.archived is self._archived]
        working = sum(1 for run in here if run.state in (RunState.RUNNING, RunState.WAITING))
        paused = sum(1 for run in here if run.state is RunState.PAUSED)
        if self._copying:
            sentence = self._copying
        elif self._named:
            held = number(len(shown(here, archived=self._archived, named=self._named)))
            named = one_line(self._named, limit=40)
            sentence = f"{held} named {named} · by {self._order} · {keyed('{back} shows all')}"
        elif self._archived:
            sentence = keyed("archived · {archive} restores one · {archived} or {back} shows the others")
        else:
            word = join((f"{working} running" if working else "", f"{paused} paused" if paused else "")) or (
                "none running" if here else "no run yet"
            )
            sentence = f"{word} · by {self._order} · in {one_line(str(self.console_app.settings.runs_dir), limit=200)}"
        return StateSentence(plural(len(here), "run"), "▪", "accent", sentence)

    def selected(self) -> Selected:
        row = self._rows.selected
        return row.value if row is not None and isinstance(row.value, RunSummary) else None

    def on_rows_moved(self) -> None:
        self._tell()
        self.hint()

    def on_rows_chosen(self) -> None:
        self.console_app.perform("open")

    def _show_anew(self, *, sort: bool = False) -> None:
        if sort:
            self._held = []
        self.receive(self.console_app.screen_data())

    # -- the list -----------------------------------------------------------------------------------------------------

    def do_find(self) -> None:
        """Narrow the list by name."""
        self._line.open(self._named)

    def _narrow(self, named: str) -> None:
        self._named = named
        self._show_anew(sort=True)

    def _narrowed(self) -> None:
        self.set_focus(self._rows)

    def do_back(self) -> None:
        """Clear the filter, then leave the archive."""
        if self._named:
            self._narrow("")
        elif self._archived:
            self.do_archived()

    def do_sort(self) -> None:
        """Sort by the next order."""
        orders = list(ORDERS)
        self._order = orders[(orders.index(self._order) + 1) % len(orders)]
        self._show_anew(sort=True)

    def do_update(self) -> None:
        """Read and sort the list again."""
        self._updated_from = self.console_app.view_state
        self.console_app.poller.hurry()
        self._show_anew(sort=True)

    def do_archived(self) -> None:
        """Switch between archived runs and the others."""
        self._archived = not self._archived
        self._rows.cursor = 0
        self._show_anew(sort=True)

    # -- one run ------------------------------------------------------------------------------------------------------

    def do_open(self) -> None:
        """Open the monitor of the selected run."""
        run = self.selected()
        if isinstance(run, RunSummary):
            self._held = []
            self.console_app.open_run(run.path)

    def do_start(self) -> None:
        """Start a worker on the selected run."""
        self._command("start", self.console_app.engine.start)

    def do_pause(self) -> None:
        """Pause the selected run, or resume it."""
        engine = self.console_app.engine
        if is_paused(self.context()):
            self._command("resume", lambda path: engine.send(path, Resume()))
        else:
            self._command("pause", lambda path: engine.send(path, Pause()))

    def do_stop(self) -> None:
        """Stop the worker of the selected run."""
        engine = self.console_app.engine
        self._command("stop", lambda path: engine.send(path, Stop()))

    def _command(self, word: str, ask: Callable[[Path], SentCommand]) -> None:
        """Send a command to the selected run; the list shows what comes of it."""
        app, run = self.console_app, self.selected()
        if not isinstance(run, RunSummary):
            return

        def sent(answer: SentCommand) -> None:
            app.say(f"{run.name}: {answer.sentence if answer.at_once else f'{word} requested'}")
            app.poller.hurry()

        app.jobs.send(lambda: ask(Path(run.path)), sent)

    def do_archive(self) -> None:
        """Archive the run, or restore it."""
        run = self.selected()
        if not isinstance(run, RunSummary):
            return
        engine = self.console_app.engine
        said = (
            f"{run.name} is restored."
            if run.archived
            else keyed(f"{run.name} is archived: {{archived}} shows it, {{archive}} there restores it.")
        )
        self.console_app.job(lambda: engine.archive(Path(run.path), back=run.archived), said)

    def do_delete_run(self) -> None:
        """Delete the run after its name was typed."""
        run = self.selected()
        if isinstance(run, RunSummary):
            engine = self.console_app.engine
            self.console_app.jobs.send(lambda: engine.what_goes(Path(run.path)), partial(self._ask_to_delete, run))

    def _ask_to_delete(self, run: RunSummary, going: Going) -> None:
        from tui.screens.runs.windows import DeleteRun  # noqa: PLC0415  (loaded on first use)

        app = self.console_app
        if not self.is_current:
            return

        def answered(typed: str | None) -> None:
            if typed is not None:
                app.job(lambda: app.engine.delete_run(Path(run.path), typed), f"{run.name} is deleted.")

        app.push_screen(DeleteRun(run, going), answered)

    def do_compare_runs(self) -> None:
        """Choose this run to compare with, or compare it with the one that was chosen before."""
        from tui.screens.quality.compare import CompareScreen  # noqa: PLC0415  (loaded on first use)

        run = self.selected()
        if not isinstance(run, RunSummary):
            return
        first, self._compared = self._compared, run.path
        if not first or first == run.path:
            self.console_app.say(keyed(f"{run.name} is chosen: {{compare_runs}} on another run compares both."))
            return
        self._compared = ""
        self.console_app.push_screen(CompareScreen(Path(first), Path(run.path)))

    def do_copy_run(self) -> None:
        """Create a run from the same texts."""
        from tui.screens.runs.windows import CopyRun  # noqa: PLC0415  (loaded on first use)

        run = self.selected()
        if isinstance(run, RunSummary):
            known = {each.name for each in self.console_app.view_state.runs or ()}
            name = next(name for n in range(2, 10_000) if (name := f"{run.name[:58]}-{n}") not in known)
            self.console_app.push_screen(CopyRun(run, name, self._copy))

    def _copy(self, command: CopyRequest, window: CopyRun) -> None:
        app = self.console_app

        def progress(taken: int) -> None:
            app.jobs.tell(lambda _: self._copies(f"copying to {command.name}: {number(taken)} so far"), None)

        def made(path: Path) -> None:
            self._copies("")
            app.say(
                keyed(f"{path.stem} is created, with nothing labeled: {{open}} opens it, {{start}} there starts it.")
            )
            app.poller.hurry()

        def failed(sentence: str) -> None:
            self._copies("")
            if window.is_current:
                window.refuse(sentence)
            else:
                app.say(sentence, severity="error")

        def checked(_: object) -> None:
            if window.is_current:
                window.dismiss(None)
            self._copies(f"copying to {command.name} …")
            app.chores.send(lambda: app.engine.copy_run(command, progress), made, failed)

        app.jobs.send(lambda: app.engine.check_copy(command), checked, failed)

    def _copies(self, sentence: str) -> None:
        self._copying = one_line(sentence, limit=120)
        if alive(self):
            self._show_anew()

    # -- new runs -----------------------------------------------------------------------------------------------------

    def do_demo(self) -> None:
        """Create, start and open the demo."""
        app = self.console_app
        app.say("Creating the demo: invented emails, a simulator on this machine.")
        app.jobs.send(app.engine.make_demo, self.made)

    def do_new_run(self) -> None:
        """Open the steps to a new run."""
        from tui.screens.new_run.screen import NewRunScreen  # noqa: PLC0415  (loaded on first use)

        self._held = []
        self.app.push_screen(NewRunScreen(self.made))

    def made(self, path: Path) -> None:
        """Show a run that was created here."""
        self._held = []
        if self.console_app.run_path is None:
            self.console_app.open_run(str(path))
