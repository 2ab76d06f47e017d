"""The committer: answers that are ready together share a transaction, and a disk that refuses loses none of them."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence

import pytest

from core.storage.writing.store import Answer
from core.worker.commit import Committer, best_effort
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


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_a_full_disk_is_tried_every_second_and_what_is_kept_is_counted() -> None:
    """Whoever watches is told each answer once, when it is on the disk; nobody waits any longer then."""
    disk, told = Disk(refusals=2), list[Sequence[Answer]]()
    now = asyncio.get_running_loop().time
    began = now()
    committer = Committer(disk, lambda: 7.0, told.append)
    running = asyncio.create_task(committer.run())
    waiting = asyncio.create_task(committer.commit(labeled(1), labeled(2)))
    await asyncio.sleep(0.5)
    assert (committer.blocked, committer.kept, committer.broken) == ("database or disk is full", 2, False)
    later = asyncio.create_task(committer.commit(labeled(3)))
    await asyncio.sleep(1)
    assert (committer.kept, told, waiting.done()) == (3, [], False)
    await waiting
    assert now() - began == pytest.approx(2.0)
    await later
    assert (committer.blocked, committer.kept) == ("", 0)
    assert [len(batch) for batch in disk.batches] == [3]
    assert [len(each) for each in told] == [3]
    await committer.commit(labeled(4))
    assert [len(batch) for batch in disk.batches] == [3, 1]
    await asyncio.sleep(5)
    assert len(disk.batches) == 2
    running.cancel()


@pytest.mark.asyncio
async def test_after_an_error_nothing_is_committed_any_more() -> None:
    """Whoever comes later gets it too, and one that gave up waiting is left alone."""
    disk = Disk(refusals=1, error=RuntimeError("lost"))
    committer = Committer(disk, lambda: 0.0)
    gone = asyncio.create_task(committer.commit(labeled(1)))
    waiting = asyncio.create_task(committer.commit(labeled(2)))
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(RuntimeError, match="lost"):
        await committer.run()
    assert committer.broken
    for late in (waiting, committer.commit(labeled(3))):
        with pytest.raises(RuntimeError, match="lost"):
            await late
    assert gone.cancelled() or gone.cancelling()
    assert disk.batches == []


@pytest.mark.asyncio
async def test_one_that_gave_up_waiting_is_committed_all_the_same() -> None:
    """Its answer is paid for."""
    disk = Disk()
    committer = Committer(disk, lambda: 0.0)
    gone = asyncio.create_task(committer.commit(labeled(1)))
    stays = asyncio.create_task(committer.commit(labeled(2)))
    await asyncio.sleep(0)
    gone.cancel()
    running = asyncio.create_task(committer.run())
    await stays
    assert [len(batch) for batch in disk.batches] == [2]
    assert not running.done()
    running.cancel()


def test_what_is_no_answer_may_go_unwritten(caplog: pytest.LogCaptureFixture) -> None:
    """Where the disk refuses, which the log says; any other error is raised."""
    with best_effort("note a pause"):
        raise sqlite3.OperationalError("database or disk is full")
    assert [record.getMessage() for record in caplog.records] == ["could not note a pause: database or disk is full"]
    with pytest.raises(ValueError, match="odd"), best_effort("note a pause"):
        raise ValueError("odd")
