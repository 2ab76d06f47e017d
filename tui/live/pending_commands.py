"""Send commands by a background job, and show them as requested until the run file has their results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from core.commands.catalog import ChooseLane, Pause, Resume, Retry, SetConcurrency, Stop, SwapKey
from core.commands.command import Command
from core.engine import FIRST_N
from core.errors import UsageError
from core.model import MOST_EVER, UNCHANGED, PlacesWanted, Snapshot, Task
from core.text import one_line
from tui.actions import enabled
from tui.actions.catalog import takes_back
from tui.actions.keymap import key
from tui.live.view_state import Requested, outstanding, pending_kinds
from tui.text.numbers import plural
from tui.text.state_sentence import is_silent

if TYPE_CHECKING:
    from core.engine import Planned, SentCommand
    from tui.app import LabeltuiApp


class PendingCommands:
    """Hold the commands of this console that were not acknowledged yet."""

    def __init__(self, app: LabeltuiApp) -> None:
        self._app = app
        self.requested: tuple[Requested, ...] = ()
        self._places = PlacesWanted()

    def send(self, command: Command, what: str = "") -> None:
        """Send a command to the run that is open; from now on it is shown as requested, as ``what``."""
        engine = self._app.engine
        self._request(Requested(command.kind, self._app.clock(), what=what), lambda path: engine.send(path, command))

    def _request(self, mark: Requested, ask: Callable[[Path], SentCommand]) -> None:
        path = self._app.run_path
        if path is None:
            return
        self.requested = (*self.requested, mark)
        self._app.hand_down()
        self._app.jobs.send(lambda: ask(path), partial(self._answered, mark), partial(self._refused, mark))

    def settle(self, snapshot: Snapshot | None, now: float) -> bool:
        """Drop the commands that this snapshot acknowledges; returns whether emails may have changed by it."""
        before = self.requested
        self.requested = outstanding(before, snapshot, now)
        self._tell_swaps(before, snapshot)
        gone = [request for request in before if request not in self.requested and _changes_emails(request.kind)]
        answers = {answer.id: answer for answer in snapshot.commands} if snapshot else {}
        for request in gone:
            answer = answers.get(request.id or "")
            if request.what and answer is not None and answer.result:
                self._app.say(answer.result if answer.refused else _reversible(request.kind, answer.result))
        return bool(gone)

    def _tell_swaps(self, before: tuple[Requested, ...], snapshot: Snapshot | None) -> None:
        """Show which keys were swapped, which only the worker's answer says."""
        swaps = {command.id for command in before if command.kind == "swap"}
        for command in snapshot.commands if snapshot is not None and swaps else ():
            if command.id in swaps and command.acknowledged_at is not None:
                self._app.say(f"{command.result}.", severity="warning" if command.refused else "information")

    def forget(self) -> None:
        """Drop the commands of the last run, as another one is watched now."""
        self.requested = ()

    def _drop(self, mark: Requested) -> None:
        self.requested = tuple(command for command in self.requested if command is not mark)

    def _refused(self, mark: Requested, sentence: str) -> None:
        self._drop(mark)
        self._app.say(sentence, severity="error")
        self._app.hand_down()

    def _answered(self, mark: Requested, answer: SentCommand) -> None:
        self._drop(mark)
        if answer.at_once:
            self._app.say(_reversible(mark.kind, answer.sentence))
            self._app.facts_changed()
        else:
            self.requested = (*self.requested, replace(mark, id=answer.id))
        self._app.poller.hurry()
        self._app.hand_down()

    # -- what keys command ---------------------------------------------------------------------------------------------

    def do_start(self) -> None:
        """Start a worker."""
        self._request(Requested("start", self._app.clock()), self._app.engine.start)

    def do_places(self) -> None:
        """Start a worker whose calls places make, after asking for how many and where."""
        from tui.screens.line_windows import StartAtPlaces  # noqa: PLC0415  (not before it is wanted)

        def answered(wanted: PlacesWanted | None) -> None:
            if wanted is not None:
                self._places = wanted
                engine = self._app.engine
                self._request(Requested("start", self._app.clock()), lambda path: engine.start(path, None, wanted))

        self._app.push_screen(StartAtPlaces(self._places), answered)

    def do_try_out(self) -> None:
        """Ask about a few emails, then pause."""
        engine = self._app.engine
        self._request(Requested("try", self._app.clock()), lambda path: engine.start(path, FIRST_N))

    def do_pause(self) -> None:
        """Pause, or go on where it is paused."""
        front = self._app.front_screen()
        if front is not None and enabled.is_paused(front.context()):
            self.send(Resume())
        else:
            self.send(Pause())

    def do_stop(self) -> None:
        """Stop the worker; one that was asked to and stays silent can be ended by force."""
        snapshot = self._app.view_state.snapshot
        now = self._app.clock()
        if snapshot is not None and is_silent(snapshot, now) and "stop" in pending_kinds(snapshot, self.requested):
            self._end_by_force(snapshot)
        elif snapshot is not None and "stop" not in pending_kinds(snapshot, self.requested) and _has_batches(snapshot):
            self._stop_with_batches(snapshot)
        else:
            self.send(Stop())

    def _stop_with_batches(self, snapshot: Snapshot) -> None:
        """Ask what becomes of the batches at the server, with their costs, before the worker stops."""
        from tui.screens.batches import OpenBatches, StopWithBatches  # noqa: PLC0415  (not before it is wanted)

        def answered(answer: str | None) -> None:
            if answer is not None:
                self.send(Stop(cancel_batches=answer == "cancel"))

        price = self._app.engine.price_of(snapshot.run.task.model.model)
        self._app.push_screen(StopWithBatches(OpenBatches.of(snapshot.parcels, price)), answered)

    def _end_by_force(self, snapshot: Snapshot) -> None:
        from tui.screens.modals import Confirm  # noqa: PLC0415  (not before it is wanted)

        def answered(yes: bool | None) -> None:  # noqa: FBT001 - Textual's
            if yes:
                self._request(Requested("kill", self._app.clock()), self._app.engine.kill)

        out = plural(snapshot.worker.in_flight, "call")
        question = (
            f"Kill the worker of {one_line(snapshot.run.name, limit=40)} (pid {snapshot.worker.pid})? It holds the run"
            f" and has no heartbeat. All labels are kept. Up to {out} in flight will be repeated, and may be paid for"
            f" twice; {key('start')} then continues."
        )
        self._app.push_screen(Confirm(question, "Kill it", "Cancel"), answered)

    def do_swap(self) -> None:
        """Swap keys."""
        self.send(SwapKey())

    def do_lane(self) -> None:
        """Choose how texts are asked from now on, after a look at what each lane takes."""
        from tui.screens.batches import ChooseLaneWindow  # noqa: PLC0415  (not before it is wanted)

        snapshot, path, engine = self._app.view_state.snapshot, self._app.run_path, self._app.engine
        if snapshot is None or path is None:
            return
        window = ChooseLaneWindow(snapshot)

        def chosen(command: ChooseLane | None) -> None:
            if command is not None:
                self.send(command)

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
                self.send(SetConcurrency(most))
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
                self.send(Retry(), f"retry of all {failed}")

        question = f"Requeue all {failed}? Each costs calls; the history stays."
        self._app.push_screen(Confirm(question, "Requeue", "Cancel"), answered)


def _has_batches(snapshot: Snapshot) -> bool:
    return any(each.is_open and each.batch_id for each in snapshot.parcels)


def _changes_emails(kind: str) -> bool:
    return kind in Command.known and Command.known[kind].changes_emails


def _reversible(kind: str, sentence: str) -> str:
    """Return what came of a command, and which key takes it back where one does."""
    if kind not in Command.known or not Command.known[kind].reversible or UNCHANGED in sentence:
        return sentence
    return f"{sentence.rstrip('.')} · {takes_back()}"
