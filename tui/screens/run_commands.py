"""Do what keys command about the run that is open, after a question where one is due."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.commands.catalog import ChooseLane, Pause, Resume, Retry, SetConcurrency, Stop, SwapKey
from core.engine import FIRST_N
from core.errors import UsageError
from core.model import MOST_EVER, PlacesWanted, Snapshot, Task
from core.text import one_line
from tui.actions import enabled
from tui.actions.context import Scope
from tui.actions.keymap import key
from tui.live.console_app import ConsoleApp
from tui.text.numbers import plural
from tui.text.state_sentence import is_silent
from tui.view_state import Requested, pending_kinds

if TYPE_CHECKING:
    from core.engine import Planned


class RunCommands:
    """Send the commands of the monitor's keys. Windows are imported when they are needed."""

    def __init__(self, app: ConsoleApp) -> None:
        self._app = app
        self._places = PlacesWanted()

    def do_start(self) -> None:
        """Start a worker."""
        self._app.start_worker()

    def do_places(self) -> None:
        """Start a worker whose calls places make, after asking for how many and where."""
        from tui.screens.line_windows import StartAtPlaces  # noqa: PLC0415  (not before it is wanted)

        def answered(wanted: PlacesWanted | None) -> None:
            if wanted is not None:
                self._places = wanted
                engine = self._app.engine
                self._app.request(Requested("start", self._app.clock()), lambda path: engine.start(path, None, wanted))

        self._app.push_screen(StartAtPlaces(self._places), answered)

    def do_try_out(self) -> None:
        """Ask about a few emails, then pause."""
        self._app.start_worker(FIRST_N)

    def do_pause(self) -> None:
        """Pause, or go on where it is paused."""
        if enabled.is_paused(self._app.context(Scope.MONITOR, None)):
            self._app.send(Resume())
        else:
            self._app.send(Pause())

    def do_stop(self) -> None:
        """Stop the worker; one that was asked to and stays silent can be ended by force."""
        snapshot = self._app.view_state.snapshot
        asked = "stop" in pending_kinds(snapshot, self._app.requested)
        if snapshot is not None and asked and is_silent(snapshot, self._app.clock()):
            self._end_by_force(snapshot)
        elif snapshot is not None and not asked and _has_batches(snapshot):
            self._stop_with_batches(snapshot)
        else:
            self._app.send(Stop())

    def _stop_with_batches(self, snapshot: Snapshot) -> None:
        """Ask what becomes of the batches at the server, with their costs, before the worker stops."""
        from tui.screens.batches import OpenBatches, StopWithBatches  # noqa: PLC0415  (not before it is wanted)

        def answered(answer: str | None) -> None:
            if answer is not None:
                self._app.send(Stop(cancel_batches=answer == "cancel"))

        price = self._app.engine.price_of(snapshot.run.task.model.model)
        self._app.push_screen(StopWithBatches(OpenBatches.of(snapshot.parcels, price)), answered)

    def _end_by_force(self, snapshot: Snapshot) -> None:
        from tui.screens.modals import Confirm  # noqa: PLC0415  (not before it is wanted)

        def answered(yes: bool | None) -> None:  # noqa: FBT001 - Textual's
            if yes:
                self._app.request(Requested("kill", self._app.clock()), self._app.engine.kill)

        out = plural(snapshot.worker.in_flight, "call")
        question = (
            f"Kill the worker of {one_line(snapshot.run.name, limit=40)} (pid {snapshot.worker.pid})? It holds the run"
            f" and has no heartbeat. All labels are kept. Up to {out} in flight will be repeated, and may be paid for"
            f" twice; {key('start')} then continues."
        )
        self._app.push_screen(Confirm(question, "Kill it", "Cancel"), answered)

    def do_swap(self) -> None:
        """Swap keys."""
        self._app.send(SwapKey())

    def do_lane(self) -> None:
        """Choose how texts are asked from now on, after a look at what each lane takes."""
        from tui.screens.batches import ChooseLaneWindow  # noqa: PLC0415  (not before it is wanted)

        snapshot, path, engine = self._app.view_state.snapshot, self._app.run_path, self._app.engine
        if snapshot is None or path is None:
            return
        window = ChooseLaneWindow(snapshot)

        def chosen(command: ChooseLane | None) -> None:
            if command is not None:
                self._app.send(command)

        def planned(found: tuple[Planned, Task]) -> None:
            window.forecast(found[0])

        self._app.push_screen(window, chosen)
        self._app.jobs.send(lambda: engine.plan_run(path, plan_name=None, organizations=None), planned, lambda _: None)

    def do_concurrency(self) -> None:
        """Choose how many calls may be in flight, after asking for the number."""
        from tui.screens.line_windows import AskLine  # noqa: PLC0415  (not before it is wanted)

        def answered(text: str | None) -> None:
            if text is None:
                return
            try:
                most = None if text.lower() == "auto" else int(text)
                self._app.send(SetConcurrency(most))
            except (ValueError, UsageError):
                self._app.say(f"{text!r} is no number of calls at once: 1 to {MOST_EVER}, or auto.", severity="error")

        remark = f"1 to {MOST_EVER}, or auto; where quotas pace it is a maximum"
        self._app.push_screen(AskLine("Calls at once", remark), answered)

    def do_retry_all(self) -> None:
        """Requeue every failed email, after a confirmation."""
        from tui.screens.modals import Confirm  # noqa: PLC0415  (not before it is wanted)

        snapshot = self._app.view_state.snapshot
        if snapshot is None:
            return

        failed = plural(snapshot.failed, f"failed {snapshot.run.task.item}")

        def answered(yes: bool | None) -> None:  # noqa: FBT001 - Textual's
            if yes:
                self._app.send(Retry(), f"retry of all {failed}")

        question = f"Requeue all {failed}? Each costs calls; the history stays."
        self._app.push_screen(Confirm(question, "Requeue", "Cancel"), answered)


def _has_batches(snapshot: Snapshot) -> bool:
    return any(each.is_open and each.batch_id for each in snapshot.parcels)
