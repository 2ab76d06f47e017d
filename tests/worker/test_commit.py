"""The committer: answers that are ready together share a transaction, and a disk that refuses loses none of them."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence

import pytest

from core.storage.writing.store import Answer
from core.worker.commit import Committer
from tests.storage.test_store import labeled


class Disk:
    """A store that keeps transactions, and refuses as often as it is told to."""

    def __init__(self, refusals: int = 0, error: Exception | None = None) -> None:
        self.batches: list[list[Answer]] = []
        self.refusals = refusals
        self.error = error or sqlite3.OperationalError("database or disk is full")

    def commit(self, answers: Sequence[Answer], *, now: float) -> int:
        if self.refusals:
            self.refusals -= 1
            raise self.error
        self.batches.append(list(answers))
        return len(answers)


async def commit_all(disk: Disk, count: int) -> Committer:
    committer = Committer(disk, lambda: 0.0)
    running = asyncio.create_task(committer.run())
    try:
        await asyncio.gather(*(committer.commit(labeled(n)) for n in range(count)))
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return committer


@pytest.mark.asyncio
async def test_answers_that_are_ready_together_share_a_transaction() -> None:
    """Ten answers, one trip to the disk."""
    disk = Disk()
    await commit_all(disk, 10)
    assert [len(batch) for batch in disk.batches] == [10]


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_a_full_disk_delays_answers_and_loses_none() -> None:
    """They are tried again until the disk takes them, each once."""
    disk = Disk(refusals=5)
    committer = await commit_all(disk, 3)
    assert [len(batch) for batch in disk.batches] == [3]
    assert committer.blocked == ""


@pytest.mark.asyncio
async def test_an_error_that_waiting_cannot_mend_reaches_whoever_waits() -> None:
    """A lost run is not retried: the callers get the error."""
    disk = Disk(refusals=1, error=RuntimeError("lost"))
    with pytest.raises(RuntimeError, match="lost"):
        await commit_all(disk, 2)
    assert disk.batches == []
