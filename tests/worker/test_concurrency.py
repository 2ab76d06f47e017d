"""How many calls at once a person chose: kept in the run, handled with and without a worker."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.commands.catalog import SetConcurrency
from core.errors import UsageError
from core.llm.task import builtin_task
from core.model import RunState
from core.runs import send
from core.settings import Settings
from core.storage.file.lock import RunLock
from core.storage.reading.reader import RunReader
from core.storage.writing.epochs import Beat
from core.storage.writing.intake import NewRun
from core.storage.writing.store import Store


def make(path: Path) -> Path:
    with Store.create(path, NewRun("run", "virtual", "digest", 1.0, seed=1), builtin_task()):
        return path


def test_a_chosen_number_is_kept_in_the_run_and_taken_back(tmp_path: Path, settings: Settings) -> None:
    """Without a worker the command writes it, the next worker reads it, and auto takes it away."""
    path = make(tmp_path / "run.db")

    answer = send.send(path, SetConcurrency(64), settings)
    with RunReader(path) as reader:
        assert reader.snapshot(2.0).concurrency == 64
    assert answer.sentence.startswith("64 calls at once")
    send.send(path, SetConcurrency(None), settings)
    with RunLock(path) as lock, Store.open(path, lock) as store:
        assert store.concurrency() is None


def test_a_heartbeat_shows_how_many_calls_may_be_out(tmp_path: Path) -> None:
    """The monitor and ``status --json`` read it from the run file."""
    path = make(tmp_path / "run.db")
    with RunLock(path) as lock, Store.open(path, lock) as store:
        store.begin_epoch(now=1.0, pid=1, host="here")
        store.beat(Beat(RunState.RUNNING, "", None, 3, 8, {"k": 3}, at_once=64), now=2.0)

    with RunReader(path) as reader:
        assert (reader.snapshot(2.0).worker.in_flight, reader.snapshot(2.0).worker.at_once) == (3, 64)


@pytest.mark.parametrize("most", [0, 257, -1, True])
def test_numbers_that_no_client_could_keep_are_refused(most: int) -> None:
    """A number that makes no sense is reported with what does."""
    with pytest.raises(UsageError, match="1 to 256"):
        SetConcurrency(most)
