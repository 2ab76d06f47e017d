"""Run background jobs in threads beside the screen, and post how each went.

Background jobs (commands, changes of keys) have threads of their own, so that a held lock does not stop the clock of
the screen. They are daemons: leaving the console waits for none.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.message import Message

from core.engine import Engine
from core.errors import LabeltuiError

if TYPE_CHECKING:
    from core.engine import RunReader


class Answered(Message):
    """Report the result of a question to the reader or of a background job; ``error`` is a sentence if it failed."""

    def __init__(
        self, then: Callable[[Any], None], result: Any, error: str, failed: Callable[[str], None] | None = None
    ) -> None:
        super().__init__()
        self.then = then
        self.result = result
        self.error = error
        self.failed = failed


Post = Callable[[Message], bool]
Failed = Callable[[str], None] | None


def sentence(error: Exception) -> str:
    """Return the sentence to show for an error: ours are written to be shown, others are named with their kind."""
    return str(error) if isinstance(error, LabeltuiError) else f"{type(error).__name__}: {error}"


class BackgroundJobs:
    """Run what may take a while, one after the other, and post how it went."""

    def __init__(self, post: Post, *, threaded: bool = True) -> None:
        self._threaded = threaded
        self._post = post
        self._jobs: queue.Queue[tuple[Callable[[], Any], Callable[[Any], None], Failed] | None] = queue.Queue()
        self._thread = threading.Thread(target=self._live, name="labeltui-background jobs", daemon=True)

    @property
    def idle(self) -> bool:
        """Return whether every background job that was sent has come to its end."""
        return self._jobs.unfinished_tasks == 0

    def start(self) -> None:
        """Begin to serve."""
        if self._threaded:
            self._thread.start()

    def close(self) -> None:
        """Ask the thread to end once it is through; it is not waited for."""
        self._jobs.put(None)

    def send(self, job: Callable[[], Any], then: Callable[[Any], None], failed: Failed = None) -> None:
        """Do it; in the thread of the screen ``then`` gets the result, ``failed`` the sentence of an error.

        Without ``failed`` an error becomes a toast.
        """
        if self._threaded:
            self._jobs.put((job, then, failed))
        else:
            self._run(job, then, failed)

    def tell(self, then: Callable[[Any], None], result: Any) -> None:
        """Let ``then`` get the result in the thread of the screen; for news from the middle of a background job."""
        self._post(Answered(then, result, ""))

    def _live(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._run(*job)
            self._jobs.task_done()

    def _run(self, job: Callable[[], Any], then: Callable[[Any], None], failed: Failed) -> None:
        try:
            result, error = job(), ""
        except Exception as failure:  # noqa: BLE001  (a failed background job is reported, and the console goes on)
            result, error = None, sentence(failure)
        self._post(Answered(then, result, error, failed))


class Countings(BackgroundJobs):
    """Ask questions that take long in a large run. Each has a reader of its own, so that no page has to wait."""

    def __init__(
        self, engine: Engine, watched: Callable[[], Path | None], post: Post, *, threaded: bool = True
    ) -> None:
        """Make the queue of jobs; ``watched`` returns the run that is open."""
        super().__init__(post, threaded=threaded)
        self._engine = engine
        self._watched = watched

    def ask(self, question: Callable[[RunReader], Any], then: Callable[[Any], None], failed: Failed = None) -> None:
        """Ask a reader of the run that is open now; answered like a background job. Nothing, where none is."""
        path = self._watched()
        if path is None:
            return

        def job() -> Any:
            view = self._engine.view(path)
            try:
                return question(view)
            finally:
                view.close()

        self.send(job, then, failed)
