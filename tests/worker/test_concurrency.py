"""How many calls at once a person chose: kept in the run, handled with and without a worker."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

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
from core.worker.clients import BatchKeys
from core.worker.loop import Worker


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


@pytest.mark.parametrize(
    ("out", "said"),
    [
        (0, "active now"),
        (1, "active now; 1 call out ends under the old one"),
        (3, "active now; 3 calls out end under the old one"),
    ],
)
def test_another_version_says_how_many_calls_end_under_the_one_before(out: int, said: str) -> None:
    """And the worker is woken to build all of it anew."""
    woken: list[int] = []
    store = SimpleNamespace(activate=lambda *_, **__: SimpleNamespace(sentence="active now"))
    worker = SimpleNamespace(
        store=store,
        in_flight=out,
        _clock=lambda: 5.0,
        _wake=SimpleNamespace(set=lambda: woken.append(1)),
        _renewing=False,
    )
    sentence = Worker.activate(worker, SimpleNamespace(), by="anna", command_id="c")  # type: ignore[arg-type]
    assert sentence == said
    assert (worker._renewing, woken) == (True, [1])


@pytest.mark.parametrize("most", [None, 8])
def test_a_number_of_calls_at_once_is_kept_in_the_run_and_given_to_the_broker(most: int | None) -> None:
    """So that the next worker of the run has it, too."""
    kept: list[tuple[str, int | None]] = []
    worker = SimpleNamespace(
        store=SimpleNamespace(set_concurrency=lambda most, now: kept.append((f"at {now:.0f}", most))),
        broker=SimpleNamespace(choose_concurrency=lambda most: kept.append(("broker", most))),
        _clock=lambda: 5.0,
        _wake=SimpleNamespace(set=lambda: None),
    )
    Worker.choose_concurrency(worker, most)  # type: ignore[arg-type]
    assert kept == [("at 5", most), ("broker", most)]


def test_batches_have_one_client_for_each_secret() -> None:
    """Another one after a key was changed, and none of a key that is gone."""
    secrets = {"a": "gsk_invented_for_this_test_0001", "b": "gsk_invented_for_this_test_0002"}
    store = SimpleNamespace(
        secrets=lambda: [SimpleNamespace(alias=name, value=value) for name, value in secrets.items()]
    )
    keys = BatchKeys(store, SimpleNamespace(), None)  # type: ignore[arg-type]
    first = keys.client("a")
    assert first is not None
    assert keys.client("a") is first
    assert keys.client("b") is not first
    assert keys.client("c") is None
    secrets["a"] = "gsk_invented_for_this_test_0003"
    assert keys.client("a") not in (None, first)
    del secrets["a"]
    assert keys.client("a") is None
