"""A series: one large source as several run files, split by content, worked one after another and reported as one."""

from __future__ import annotations

import csv
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from core.engine import Engine
from core.errors import UsageError
from core.llm.taskfile import builtin_task
from core.model import AskKind, Attempt, Outcome, RunState, Settled
from core.runs.find import RunOptions, create_series, find_run
from core.runs.series import merged
from core.settings import Settings
from core.sources.source import ID_TAKEN, REPEATED, Source
from core.storage.file.lock import RunLock
from core.storage.file.parts import later_parts, part_of
from core.storage.reading.reader import RunReader
from core.storage.writing.store import Answer, Store
from tests.tui.fakes import running

TEXTS = 60


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a source of sixty texts, each of them twice."""
    path = tmp_path / "mails.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text"])
        writer.writerows((f"n{n}", f"text number {n % 30}") for n in range(TEXTS))
    return path


def _label_all(path: Path) -> None:
    with RunLock(path) as lock, Store.open(path, lock) as store:
        store.begin_epoch(now=time.time(), pid=1, host="here")
        task = store.task()
        for email in store.pending(after=-1, limit=1_000):
            attempt = Attempt(
                email.id, 1, AskKind.ASK, "a", "org", task.model.model, task.version, 1.0, 0.1, Outcome.ANSWERED, "1"
            )
            store.commit([Answer(attempt, Settled(email.id, 0, label="1"))], now=time.time())
        store.end_epoch(RunState.DONE, "everything is settled", now=time.time())


def test_a_large_source_is_split_by_content_and_reported_as_one(
    settings: Settings, source: Path, tmp_path: Path
) -> None:
    """Each text is in one part, equal texts in the same; status sums, export writes all, and the turn goes on."""
    task, engine = builtin_task(), Engine(settings)
    made = create_series(settings, source, task, RunOptions(name="big"), now=time.time(), part_texts=20)
    assert [each.name for each in made] == ["big.001", "big.002", "big.003"]
    assert sum(each.taken for each in made) == TEXTS
    assert sum(each.distinct for each in made) == 30
    assert part_of("text number 7", 3) == part_of("text number 7", 3)
    again = create_series(settings, source, task, RunOptions(name="big"), now=time.time(), part_texts=20)
    assert all(each.existed for each in again)

    parts = engine.series("big")
    assert [path.stem for path in parts] == ["big.001", "big.002", "big.003"]
    assert find_run(settings, "big") == parts[0]
    assert later_parts(parts[0]) == parts[1:]
    _label_all(parts[0])
    assert find_run(settings, "big") == parts[1]
    snapshot = engine.snapshot_of_all("big", parts)
    assert (snapshot.run.name, snapshot.total, snapshot.labeled) == ("big", TEXTS, made[0].taken)
    assert snapshot.state is RunState.STOPPED
    assert "part 1 of 3 is done" in snapshot.reason
    for path in parts[1:]:
        _label_all(path)
    snapshot = engine.snapshot_of_all("big", parts)
    assert (snapshot.state, snapshot.labeled, snapshot.cursor) == (RunState.DONE, TEXTS, TEXTS)
    target = tmp_path / "labels.csv"
    assert engine.export(parts, target) == TEXTS
    with target.open(newline="", encoding="utf-8") as file:
        assert sorted(row["id"] for row in csv.DictReader(file)) == sorted(f"n{n}" for n in range(TEXTS))


@pytest.mark.parametrize("in_memory", [1_000, 3])
def test_parts_are_made_in_one_pass_in_which_an_id_is_taken_once(
    settings: Settings, source: Path, monkeypatch: pytest.MonkeyPatch, in_memory: int
) -> None:
    """An id that comes again with another text is left out also where that belongs to another part, however many ids."""
    monkeypatch.setattr("core.sources.source._IDS_IN_MEMORY", in_memory)
    passes = []
    reading = Source.__iter__
    monkeypatch.setattr(Source, "__iter__", lambda self: (passes.append(self), reading(self))[1])
    with source.open("a", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows((f"n{n}", f"another text {n}") for n in range(12))
        csv.writer(file).writerow(("n0", "text number 0"))
    made = create_series(settings, source, builtin_task(), RunOptions(name="big"), now=time.time(), part_texts=20)
    assert len(passes) == 1
    assert (len(made), sum(each.taken for each in made)) == (4, TEXTS)
    assert made[0].skipped == {ID_TAKEN: 12, REPEATED: 1}
    told = []
    for each in made:
        with closing(sqlite3.connect(each.path)) as db:
            told.append([text for (text,) in db.execute("SELECT text FROM event WHERE kind = 'skipped' ORDER BY text")])
    assert told == [[f"1 row not taken: {REPEATED}", f"12 rows not taken: {ID_TAKEN}"], [], [], []]
    with RunReader(made[0].path) as first, RunReader(made[1].path) as second:
        assert first.snapshot(0.0).run.seed == second.snapshot(0.0).run.seed
        assert [len(first.skipped_rows()), len(second.skipped_rows())] == [13, 0]


def test_an_interrupted_series_goes_on_where_it_was(settings: Settings, source: Path) -> None:
    """A part that is there is left alone, and one that was cut off keeps what it has."""
    task, now = builtin_task(), time.time()
    whole = create_series(settings, source, task, RunOptions(name="whole", seed=7), now=now, part_texts=20)

    def stop(taken: int, _: int | None) -> None:
        raise KeyboardInterrupt(taken)

    options = RunOptions(name="cut", seed=7)
    with pytest.raises(KeyboardInterrupt):
        create_series(settings, source, task, options, now=now, part_texts=20, progress=stop)
    made = create_series(settings, source, task, options, now=now, part_texts=20)
    made[1].path.unlink()
    again = create_series(settings, source, task, options, now=now, part_texts=20)
    assert [each.existed for each in again] == [True, False, True]
    assert [each.taken for each in again] == [each.taken for each in made] == [each.taken for each in whole]
    for one, other in zip(again, whole, strict=True):
        with RunReader(one.path) as mine, RunReader(other.path) as theirs:
            assert list(mine.messages()) == list(theirs.messages())


def test_a_source_that_fits_is_one_run(settings: Settings, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing changes for it, and too many parts are refused."""
    task = builtin_task()
    (made,) = create_series(settings, source, task, RunOptions(name="one"), now=time.time())
    assert made.name == "one"
    assert Engine(settings).series("one") == [made.path]
    monkeypatch.setattr("core.runs.find.MOST_PARTS", 10)
    with pytest.raises(UsageError, match="--part"):
        create_series(settings, source, task, RunOptions(name="many"), now=time.time(), part_texts=1)


@pytest.mark.parametrize(
    ("states", "alive", "said"),
    [
        (["new", "new"], None, ("new", "part 1 of 2: why 1")),
        (["done", "new"], None, ("stopped", "part 1 of 2 is done; the next is to start")),
        (["done", "done", "new"], None, ("stopped", "part 2 of 3 is done; the next is to start")),
        (["done", "running"], 1, ("running", "part 2 of 2: why 2")),
        (["done", "stopped"], None, ("stopped", "part 2 of 2: why 2")),
        (["done", "done"], None, ("done", "why 2")),
    ],
    ids=["none begun", "one done", "two done", "at work", "stopped", "all done"],
)
def test_a_series_stands_as_the_part_at_its_turn(states: list[str], alive: int | None, said: tuple[str, str]) -> None:
    """The part that is worked, or the first that is not done; between two parts it is stopped."""
    parts = []
    for n, state in enumerate(states):
        part = running(10, 10 if state == "done" else 0).snapshot(time.time())
        worker = replace(part.worker, alive=n == alive)
        parts.append(replace(part, state=RunState(state), reason=f"why {n + 1}", worker=worker))
    found = merged("big", parts)
    assert (found.state.value, found.reason) == said
    assert found.total == 10 * len(parts)
