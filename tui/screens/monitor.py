"""Show the monitor: one run in eight panes, and a ninth where places make its calls."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from textual import events
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Static

from core.model import RunState, Snapshot, Task
from tui.actions.context import Scope
from tui.actions.keymap import keyed
from tui.screens.base_screen import BaseScreen
from tui.terminal.textual_fixes import alive
from tui.text.numbers import plural
from tui.view_state import ScreenData
from tui.widgets.panes.commands import CommandsPane, command_facts
from tui.widgets.panes.follow_ups import FollowUpsPane, follow_up_facts
from tui.widgets.panes.keys import KeyFacts, KeysPane
from tui.widgets.panes.labels import LabelCount, LabelFacts, LabelsPane
from tui.widgets.panes.pane import Pane
from tui.widgets.panes.places import PlacesPane, place_facts
from tui.widgets.panes.progress import ProgressPane, progress_facts
from tui.widgets.panes.rate import RateFacts, RatePane
from tui.widgets.panes.recent import RecentPane, recent_facts
from tui.widgets.panes.worker import WorkerPane, worker_facts

if TYPE_CHECKING:
    from core.quality.audit import Quality

REVIEWING = frozenset({"review", "withdraw_review", "sample"})
"""Commands after which what people say of the labels is to be computed anew."""
FRAMED = (100, 30)
"""Columns and rows from which on panes have frames."""


class MonitorScreen(BaseScreen):
    """Show panes, focused by the digit in their border; the focused one can fill the screen.

    The log of commands has two places, and the layout shows one of them.
    """

    SCOPE = Scope.MONITOR

    def __init__(self) -> None:
        super().__init__()
        self._commands_below = CommandsPane()
        self._quality: Quality | None = None
        self._judged_at: tuple[object, ...] | None = None
        self._judging = False
        self._panes: dict[str, Pane] = {
            "progress": ProgressPane(),
            "rate": RatePane(),
            "keys": KeysPane(),
            "labels": LabelsPane(),
            "follow-ups": FollowUpsPane(),
            "recent": RecentPane(),
            "commands": CommandsPane(),
            "worker": WorkerPane(),
            "places": PlacesPane(),
        }

    def content(self) -> Iterable[Widget]:
        pane = self._panes
        left = Vertical(pane["progress"], pane["keys"], id="left")
        right = Vertical(pane["rate"], pane["labels"], pane["follow-ups"], pane["commands"], id="right")
        foot = Vertical(pane["worker"], self._commands_below, id="foot")
        side = Vertical(pane["recent"], Static("", markup=False, id="checked"), pane["places"], foot, id="side")
        yield Vertical(Vertical(left, right, id="top"), side, id="panes")

    def on_resize(self, event: events.Resize) -> None:
        """Draw frames, which cost two rows and two columns a pane, where there is room for them."""
        framed = event.size.width >= FRAMED[0] and event.size.height >= FRAMED[1]
        self.set_class(framed, "-framed")
        for pane in (*self._panes.values(), self._commands_below):
            pane.framed(framed)

    def show(self, data: ScreenData) -> None:
        view_state, pane = data.view_state, self._panes
        keys = tuple(replace(key, cooldown_s=float(math.ceil(key.cooldown_s))) for key in view_state.shown_keys)
        if view_state.read_at is not None:
            pane["keys"].facts = KeyFacts(keys, view_state.windows, view_state.keys_trouble)
        snapshot = view_state.snapshot
        if snapshot is None:
            return
        pane["progress"].facts = progress_facts(snapshot, data.now)
        pane["rate"].facts = _rate(snapshot, data.now)
        pane["labels"].facts = _labels(snapshot)
        self._judge(snapshot)
        pane["follow-ups"].facts = follow_up_facts(snapshot.reasks, snapshot.outcomes)
        if pane["recent"].facts is None or not pane["recent"].has_focus:  # a reader must not lose the line
            pane["recent"].facts = recent_facts(snapshot)
        pane["commands"].facts = command_facts(snapshot.commands, data.requested, data.now)
        self._commands_below.facts = pane["commands"].facts
        self.set_class(not snapshot.worker.alive, "-idle")
        self.set_class(bool(snapshot.places), "-places")
        pane["places"].facts = place_facts(snapshot.places, data.now)
        pane["worker"].facts = worker_facts(snapshot.worker, snapshot.resumption, data.now, snapshot.parcels)

    def _judge(self, snapshot: Snapshot) -> None:
        """Compute what people's labels say beside the screen, when they changed or a twentieth more was labeled."""
        people = snapshot.sources.get("human", 0)
        reviews = sum(command.kind in REVIEWING for command in snapshot.commands)
        now = (snapshot.run.path, people, reviews, 20 * snapshot.labeled // max(1, snapshot.total))
        if not people and not reviews:
            self._quality = None
        elif now != self._judged_at and not self._judging:
            self._judging, self._judged_at = True, now
            path, engine = Path(snapshot.run.path), self.console_app.engine
            self.console_app.countings.send(lambda: engine.quality(path), self._judged, self._not_judged)
        self._draw_checked()

    def _judged(self, quality: Quality) -> None:
        self._judging, self._quality = False, quality
        if alive(self):
            self._draw_checked()

    def _not_judged(self, sentence: str) -> None:
        self._judging = False
        self.console_app.say(sentence, severity="error")

    def _draw_checked(self) -> None:
        from tui.text.quality import checked  # noqa: PLC0415 - brings the estimates, after the first paint

        line_ = self.query_one("#checked", Static)
        snapshot = self.console_app.view_state.snapshot
        alarms = snapshot.alarms if snapshot is not None else ()
        line_.update(checked(self._quality, max(20, line_.size.width - 2), alarms))

    def panes(self) -> list[str]:
        shown = (pane for name, pane in self._panes.items() if name != "places" or self.has_class("-places"))
        return sorted(f"{pane.NUMBER}: {pane.NAME}" for pane in shown)

    def do_pane(self, key: str) -> None:
        """Focus the pane with that number; in a zoomed view it replaces the zoomed one."""
        panes = self.query(f".pane-{key}").results(Pane)
        pane = next((pane for pane in panes if pane.styles.display != "none"), None)
        if pane is None:
            return
        if self.maximized is not None:
            self.maximize(pane, container=False)
        self.set_focus(pane)

    def do_zoom(self) -> None:
        """Let the focused pane fill the screen, or restore the panes."""
        if self.maximized is not None:
            self.minimize()
            return
        if isinstance(self.focused, Pane):
            self.maximize(self.focused, container=False)
        else:
            self.console_app.say(keyed("Focus a pane by its digit first; {zoom} then zooms it."))

    def do_export(self) -> None:
        """Export the labels to a file: a chosen path, or a download of the browser."""
        from core.engine import ExportOptions  # noqa: PLC0415 - like the next two: when it is wanted
        from tui.screens.line_windows import Download, SaveAs  # noqa: PLC0415
        from tui.terminal.clipboard import free_name  # noqa: PLC0415

        app, run = self.console_app, self.console_app.run_path
        if run is None:
            return
        here = app.page.folder() if app.page.there else Path()

        def answered(given: tuple[str, int] | None) -> None:
            if given is None:
                return
            typed, chosen = given
            target = here / typed if app.page.there else Path(typed).expanduser()
            options = ExportOptions(only=_EXPORTED[chosen][1])

            def written(count: int) -> None:
                if app.page.there:
                    app.page.download(target)
                app.say(f"{plural(count, 'row')} exported to {target.name if app.page.there else target}")

            app.chores.send(lambda: app.engine.export(run, target, options), written)

        words = [each for each, _ in _EXPORTED]
        proposed, formats = free_name(run, "labels"), "the suffix decides: .csv, .jsonl, .parquet, .sqlite"
        window = (
            Download(words, here / proposed.name, formats) if app.page.there else SaveAs(words, str(proposed), formats)
        )
        self.app.push_screen(window, answered)

    def do_back(self) -> None:
        """Leave the zoom, then the focus, then the run."""
        if self.maximized is not None:
            self.minimize()
        elif self.focused is not None:
            self.set_focus(None)
        else:
            self.console_app.show_runs()


_EXPORTED = (("all", None), ("by people", "human"), ("by the model", "model"), ("agreed", "agreed"))
"""What can be exported: how the window calls it, and as ``--only`` says it."""


def _rate(snapshot: Snapshot, now: float) -> RateFacts:
    last = snapshot.pace[-1].at + snapshot.pace[-1].span_s if snapshot.pace else now
    alive = snapshot.worker.alive
    asking = alive and snapshot.state is not RunState.PAUSED
    return RateFacts(snapshot.pace, float(int(now)) if alive else last, asking)


def _labels(snapshot: Snapshot) -> LabelFacts:
    task = snapshot.run.task
    known = [label.value for label in task.labels]
    values = [*known, *sorted(value for value, count in snapshot.labels.items() if count and not task.knows(value))]
    counts = tuple(LabelCount(value, _name(task, value), *_both(snapshot, value)) for value in values)
    return LabelFacts(counts, snapshot.run.simulated, sample=snapshot.run.order == "shuffled", pending=snapshot.pending)


def _name(task: Task, value: str) -> str:
    """Return the name beside a label's value, or that an older version of the task had it."""
    if not task.knows(value):
        return "(older)"
    name = task.name_of(value)
    return "" if name == value else name


def _both(snapshot: Snapshot, value: str) -> tuple[int, int]:
    return snapshot.labels.get(value, 0), snapshot.recent_labels.get(value, 0)
