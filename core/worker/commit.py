"""Commit answers to the run file, those that arrive together in one transaction.

An answer counts only once its transaction is on the disk. Where the disk refuses (full, gone), nothing that was
answered is dropped: the answers stay here and are tried again until the disk takes them, and no new call goes out.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from core.storage.writing.store import Answer

_log = logging.getLogger(__name__)

RETRY_S = 1.0


@contextlib.contextmanager
def best_effort(what: str) -> Iterator[None]:
    """Let what is not an answer go unwritten while the disk refuses; ``what`` says in the log what that was."""
    try:
        yield
    except sqlite3.OperationalError as error:
        _log.warning("could not %s: %s", what, error)


class CommitsAnswers(Protocol):
    """Describe what the committer needs of a store."""

    def commit(self, answers: Sequence[Answer], *, now: float) -> int:
        """Commit the answers in one transaction."""


class Committer:
    """Batch answers without delaying them: whatever is ready when a transaction begins goes with it.

    ``blocked`` is why the disk refuses them now, or nothing.
    """

    def __init__(
        self,
        store: CommitsAnswers,
        clock: Callable[[], float],
        committed: Callable[[Sequence[Answer]], None] | None = None,
    ) -> None:
        """Start a committer; ``committed`` is called with answers when they are on the disk."""
        self._committed = committed
        self._store = store
        self._clock = clock
        self._queue: list[tuple[Answer, asyncio.Future[None]]] = []
        self._ready = asyncio.Event()
        self._failed: BaseException | None = None
        self.blocked = ""

    @property
    def broken(self) -> bool:
        """Return whether an error that no waiting can mend ended committing."""
        return self._failed is not None

    @property
    def kept(self) -> int:
        """Return answers that are not on the disk yet."""
        return len(self._queue)

    async def commit(self, *answers: Answer) -> None:
        """Return when the answers are on the disk; they share a transaction."""
        if self._failed is not None:
            raise self._failed
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue += [(answer, done) for answer in answers]
        self._ready.set()
        await done

    async def run(self) -> None:
        """Commit until cancelled. An error that no waiting can mend reaches everyone who waits for a commit."""
        while True:
            await self._ready.wait()
            batch = self._queue
            answers = [answer for answer, _ in batch]
            try:
                self._store.commit(answers, now=self._clock())
            except sqlite3.OperationalError as error:
                self.blocked = str(error)
                _log.error("the run file cannot be written (%s); answers are kept and tried again", error)
                await asyncio.sleep(RETRY_S)
                continue
            except Exception as error:
                self._failed = error
                for _, done in batch:
                    if not done.done():
                        done.set_exception(error)
                raise
            self._queue = self._queue[len(batch) :]
            if not self._queue:
                self._ready.clear()
            self.blocked = ""
            if self._committed is not None:
                self._committed(answers)
            for _, done in batch:
                if not done.done():
                    done.set_result(None)
            await asyncio.sleep(0)
