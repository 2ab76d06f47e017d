"""The home of the console: the runs on this machine."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from textual.widget import Widget

from core.model import RunSummary
from core.text import one_line
from tui.context import Scope, Selected
from tui.keymap import keyed
from tui.picture import GLYPHS, Standing, data_age
from tui.present import age, bar, number, percent, plural
from tui.screens.sheet import Look, Sheet
from tui.widgets.rows import ListColumn, Row, Rows
from tui.widgets.state_line import Headline

if TYPE_CHECKING:
    from tui.making import NewRunWish
    from tui.screens.new_run import NewRun

EMPTY = """
There is no run here yet.

  {demo}   labeltui demo       a sample run; nothing leaves this machine
  {new_run}   labeltui new FILE   a run from .csv, .jsonl, .mbox or a folder of messages
  {keys}   labeltui keys add   keeps an API key; or set GROQ_API_KEY

A worker labels in the background: {pause} pauses it, {quit} leaves it at work.
{emails} shows the emails of a run and what failed; {label} gives one a label by hand.
{help} tells every key. Runs appear here as soon as they exist."""

COLUMNS = (
    ListColumn("run", 0),
    ListColumn("state", 11),
    ListColumn("progress", 12, from_width=70),
    ListColumn("%", 5, right=True),
    ListColumn("settled", 9, right=True),
    ListColumn("of", 9, right=True),
    ListColumn("failed", 8, right=True),
    ListColumn("changed", 8, right=True, from_width=64),
    ListColumn("size", 8, right=True, from_width=110),
    ListColumn("", 9, from_width=90),
)


class RunsScreen(Sheet):
    """A list that is read anew every two seconds; the cursor stays on its run."""

    SCOPE = Scope.RUNS

    def __init__(self) -> None:
        super().__init__()
        self._rows = Rows(COLUMNS, empty="\n reading the list of runs …", id="runs")

    def content(self) -> Iterable[Widget]:
        yield self._rows

    def on_mount(self) -> None:
        super().on_mount()
        self.set_focus(self._rows)

    def show(self, look: Look) -> None:
        if look.picture.runs is None:
            return
        self._rows.empty = keyed(EMPTY)
        self._rows.set_rows([_row(run, look.now) for run in look.picture.runs])

    def headline(self, look: Look) -> Headline:
        picture = look.picture
        if picture.trouble:
            standing = Standing("CANNOT READ", "!", "failed", one_line(picture.trouble, limit=300))
        elif picture.runs is None:
            standing = Standing("READING", "·", "quiet", "looking for runs")
        else:
            going = sum(1 for run in picture.runs if run.state.value in ("running", "waiting", "paused"))
            sentence = f"{going} going on" if going else "none going on" if picture.runs else "no run yet"
            standing = Standing(
                plural(len(picture.runs), "run"),
                "▪",
                "accent",
                f"{sentence} · in {one_line(str(self.console_app.settings.runs_dir))}",
            )
        return Headline("labeltui", standing, simulated=False, age_s=data_age(picture, look.now), now=look.now)

    def selected(self) -> Selected:
        row = self._rows.selected
        return row.value if row is not None and isinstance(row.value, RunSummary) else None

    def on_rows_moved(self) -> None:
        self.hint()

    def on_rows_chosen(self) -> None:
        self.console_app.perform("open")

    def do_open(self) -> None:
        """Open the monitor of the selected run."""
        run = self.selected()
        if isinstance(run, RunSummary):
            self.console_app.open_run(run.path)

    def do_demo(self) -> None:
        """Make and start the demo, and open it."""
        app = self.console_app
        app.say("The demo is being made: invented emails, a simulator on this machine.")
        app.errands.send(app.backend.make_demo, self._made)

    def do_new_run(self) -> None:
        """Ask for a source in a small window."""
        from tui.screens.new_run import NewRun  # noqa: PLC0415  (not before it is wanted)

        self.app.push_screen(NewRun(self._look_at, self._make))

    def _look_at(self, wish: NewRunWish, window: NewRun) -> None:
        backend = self.console_app.backend
        self.console_app.errands.send(
            lambda: backend.preview(wish), lambda seen: window.shown(wish, seen), window.refuse
        )

    def _make(self, wish: NewRunWish, window: NewRun) -> None:
        backend = self.console_app.backend

        def made(path: Path) -> None:
            if window.is_current:
                window.dismiss(None)
            self._made(path)

        self.console_app.errands.send(lambda: backend.make(wish), made, window.refuse)

    def _made(self, path: Path) -> None:
        if self.console_app.run_path is None:
            self.console_app.open_run(str(path))


def _row(run: RunSummary, now: float) -> Row:
    if run.error:
        state, tone = "! unreadable", "failed"
        cells = [(f"{run.name} · {run.error}", "$failed"), (state, f"${tone}"), *[("", "")] * 8]
        return Row(run.path, tuple(cells), run)
    glyph, tone = GLYPHS[run.state]
    share = run.settled / run.total if run.total else 0.0
    return Row(
        run.path,
        (
            (run.name, "bold $bright"),
            (f"{glyph} {run.state.value}", f"${tone}"),
            (bar(share, 12), "$share"),
            (percent(run.settled, run.total), "$foreground"),
            (number(run.settled), "$bright"),
            (number(run.total), "$quiet"),
            (number(run.failed), "$failed" if run.failed else "$quiet"),
            (age(max(0.0, now - run.changed_at)), "$quiet"),
            (f"{run.size_bytes / 1e6:,.1f} MB", "$quiet"),
            ("simulated" if run.simulated else "", "$person"),
        ),
        run,
    )
