"""Send commands by a background job, and show them as requested until the run file has their results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from core.commands.command import Command
from core.model import UNCHANGED, Snapshot
from tui.actions.catalog import takes_back
from tui.live.console_app import ConsoleApp
from tui.view_state import Requested, outstanding

if TYPE_CHECKING:
    from core.engine import SentCommand


class PendingCommands:
    """Hold the commands of this console that were not acknowledged yet."""

    def __init__(self, app: ConsoleApp) -> None:
        self._app = app
        self.requested: tuple[Requested, ...] = ()

    def send(self, command: Command, what: str = "") -> None:
        """Send a command to the run that is open; from now on it is shown as requested, as ``what``."""
        engine = self._app.engine
        self.request(Requested(command.kind, self._app.clock(), what=what), lambda path: engine.send(path, command))

    def request(self, mark: Requested, ask: Callable[[Path], SentCommand]) -> None:
        """Have ``ask`` called with the run that is open, and show ``mark`` until it is acknowledged."""
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


def _changes_emails(kind: str) -> bool:
    return kind in Command.known and Command.known[kind].changes_emails


def _reversible(kind: str, sentence: str) -> str:
    """Return what came of a command, and which key takes it back where one does."""
    if kind not in Command.known or not Command.known[kind].reversible or UNCHANGED in sentence:
        return sentence
    return f"{sentence.rstrip('.')} · {takes_back()}"
