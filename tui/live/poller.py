"""Read runs in a thread beside the screen, and post what was read as messages.

Reading happens in one thread because a reader's connection belongs to the thread that opened it, and because a slow
disk must not hold the screen. It is a daemon: leaving the console does not wait for it.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.message import Message

from core.engine import Engine, KeyView
from core.errors import LabeltuiError
from core.model import ModelSettings
from tui.live.jobs import Answered, Post, sentence
from tui.view_state import ViewState

if TYPE_CHECKING:
    from core.engine import RunReader

BUSY_S = 0.5
"""Seconds between two readings while a worker has the run."""
HURRIED_S = 0.15
"""Between two readings while a command waits for its acknowledgment, or a new worker's first answer is awaited."""
FIRST_ANSWER_S = 10.0
"""Seconds after a worker's start in which its first answer is awaited."""
IDLE_S = 1.0
"""Between two readings where nothing can be going on but what another process begins."""
LIST_S = 2.0
"""Between two looks at the list of runs: each opens every file."""


class ViewStateTaken(Message):
    """Report a new view state; it replaces one that was not handled yet."""

    def __init__(self, view_state: ViewState) -> None:
        super().__init__()
        self.view_state = view_state

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, ViewStateTaken)


class Poller:
    """Read the run that is watched, the keys and the list of runs, and post what was read."""

    def __init__(self, engine: Engine, post: Post, clock: Callable[[], float], *, threaded: bool = True) -> None:
        """Make the poller. Without ``threaded``, questions are answered where asked, and only :meth:`read` reads."""
        self._threaded = threaded
        self._engine = engine
        self._post = post
        self._clock = clock
        self._jobs: queue.Queue[Callable[[], None] | None] = queue.Queue()
        self._view: RunReader | None = None
        self._keys: KeyView | None = None
        self._path: Path | None = None
        self._wants_runs = False
        self._runs_at = float("-inf")
        self._view_state = ViewState(now=clock())
        self._hurry_until = float("-inf")
        self._overdue = True
        self._thread = threading.Thread(target=self._live, name="labeltui-poller", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        if self._threaded:
            self._thread.start()
        else:
            self.read()

    def close(self) -> None:
        """Ask the thread to end; it is not waited for longer than a moment."""
        self._jobs.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout=1.0)
        elif not self._threaded:
            self._close_view()
            self._close_keys()

    def watch(self, path: Path | None, *, runs: bool) -> None:
        """Read that run (or none) from now on, and the list of runs or not."""

        def change() -> None:
            if path != self._path:
                self._close_view()
                self._close_keys()
                self._path = path
                self._view_state = ViewState(now=self._clock(), path=path, runs=self._view_state.runs)
            self._wants_runs = runs
            self._runs_at = float("-inf")
            self._overdue = True

        self._submit(change)

    def hurry(self) -> None:
        """Read more often for a moment: a command is on its way."""
        self._hurry_until = self._clock() + 3.0

        def at_once() -> None:
            self._overdue = True
            self._runs_at = float("-inf")

        self._submit(at_once)

    def ask(self, question: Callable[[RunReader], Any], then: Callable[[Any], None]) -> None:
        """Ask the reader something; ``then`` gets the answer in the thread of the screen."""

        def job() -> None:
            try:
                answer, error = question(self._open_view()), ""
            except Exception as failure:  # noqa: BLE001  (a file that vanished must not end the console)
                answer, error = None, sentence(failure)
            self._post(Answered(then, answer, error))

        self._submit(job)

    def read(self) -> None:
        """Take a picture now and post it. Only for the thread that reads."""
        self._post(ViewStateTaken(self._read()))

    def _submit(self, job: Callable[[], None]) -> None:
        if self._threaded:
            self._jobs.put(job)
        else:
            job()
            self.read()

    def _live(self) -> None:
        """Answer questions as they come, and read when it is time: a question is no reason to read."""
        due_at = 0.0
        while True:
            try:
                job = self._jobs.get(timeout=max(0.0, due_at - time.monotonic()))
                if job is None:
                    break
                job()
            except queue.Empty:
                pass
            if self._overdue or time.monotonic() >= due_at:
                self._overdue = False
                self.read()
                due_at = time.monotonic() + self._pause_s()
        self._close_view()
        self._close_keys()

    def _pause_s(self) -> float:
        if self._view_state.read_at is None and not self._view_state.trouble:
            return 0.001
        if self._clock() < self._hurry_until:
            return HURRIED_S
        snapshot = self._view_state.snapshot
        if snapshot is None or not snapshot.worker.alive:
            return IDLE_S
        begun = self._clock() - (snapshot.worker.started_at or 0.0)
        return HURRIED_S if not snapshot.attempts and begun < FIRST_ANSWER_S else BUSY_S

    def _read(self) -> ViewState:
        began = self._clock()
        before = self._view_state
        snapshot, runs, trouble = before.snapshot, before.runs, ""
        try:
            if self._path is not None:
                snapshot = self._open_view().snapshot(began)
            if self._wants_runs and began - self._runs_at >= LIST_S:
                runs, self._runs_at = tuple(self._engine.runs(began)), began
        except Exception as failure:  # noqa: BLE001  (a file that vanished must not end the console)
            trouble = sentence(failure)
            self._close_view()
        if snapshot and before.snapshot and snapshot.run.base_url != before.snapshot.run.base_url:
            self._close_keys()  # the demo's simulator came back at another port, and with quotas of its own
        model = snapshot.run.task.model.model if snapshot else ModelSettings().model
        keys, windows, keys_trouble = before.keys, before.windows, ""
        try:
            if self._keys is None:
                self._keys = self._engine.keys(self._path)
            keys, windows = self._keys.statuses(model, began), self._keys.windows(model, began)
        except Exception as failure:  # noqa: BLE001  (the run is still worth showing)
            keys_trouble = sentence(failure)
            self._close_keys()
        self._view_state = replace(
            before,
            now=began,
            snapshot=snapshot,
            runs=runs,
            keys=keys,
            windows=windows,
            trouble=trouble,
            keys_trouble=keys_trouble,
            read_at=before.read_at if trouble else began,
        )
        return self._view_state

    def _open_view(self) -> RunReader:
        if self._view is None:
            if self._path is None:
                raise LabeltuiError("No run is open. Choose one in the list of runs.")
            self._view = self._engine.view(self._path)
        return self._view

    def _close_keys(self) -> None:
        if self._keys is not None:
            self._keys.close()
            self._keys = None

    def _close_view(self) -> None:
        if self._view is not None:
            self._view.close()
            self._view = None
