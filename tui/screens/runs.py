"""The home of the console: the runs on this machine."""

from __future__ import annotations

from collections.abc import Iterable

from textual.widget import Widget

from core.model import RunSummary
from core.text import one_line
from tui.actions import Scope, Selected
from tui.picture import GLYPHS, Standing, data_age
from tui.present import age, bar, number, percent, plural
from tui.screens.sheet import Look, Sheet
from tui.widgets.rows import ListColumn, Row, Rows
from tui.widgets.state_line import Headline

EMPTY = """
There is no run here yet.

  labeltui demo       a sample run; nothing leaves this machine
  labeltui new FILE   a run from .csv, .jsonl, .mbox or a folder of messages
  labeltui keys add   keeps an API key; or set GROQ_API_KEY

Runs appear here as soon as they exist."""

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
        self._rows.empty = EMPTY
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
                plural(len(picture.runs), "run"), "▪", "accent", f"{sentence} · in {self.console_app.settings.runs_dir}"
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
