"""A series: one large source as several run files, split by content, worked one after another and reported as one."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import pytest

from core.engine import Engine
from core.errors import UsageError
from core.llm.taskfile import builtin_task
from core.model import AskKind, Attempt, Outcome, RunState, Settled
from core.runs.find import RunOptions, create_series, find_run
from core.settings import Settings
from core.storage.file.lock import RunLock
from core.storage.file.parts import later_parts, part_of
from core.storage.writing.store import Answer, Store

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


def test_a_source_that_fits_is_one_run(settings: Settings, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing changes for it, and too many parts are refused."""
    task = builtin_task()
    (made,) = create_series(settings, source, task, RunOptions(name="one"), now=time.time())
    assert made.name == "one"
    assert Engine(settings).series("one") == [made.path]
    monkeypatch.setattr("core.runs.find.MOST_PARTS", 10)
    with pytest.raises(UsageError, match="--part"):
        create_series(settings, source, task, RunOptions(name="many"), now=time.time(), part_texts=1)
