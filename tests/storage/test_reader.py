"""Snapshots: cheap while nothing happens, and truthful about a worker that is gone or silent."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.errors import RunFileError, RunNotFoundError
from core.model import RunState, SourceEmail, Task, View, Wait
from core.storage.file.lock import RunLock, companion
from core.storage.reading.reader import RunReader
from core.storage.reading.sampling import sample
from core.storage.reading.summaries import STALE_AFTER_S
from core.storage.writing.intake import NewRun
from core.storage.writing.store import Beat, Store
from tests.conftest import NOW, MakeRun
from tests.storage.test_store import failed, labeled

Open = Callable[[Path], Store]


def test_nothing_is_read_again_while_nothing_was_committed(make_run: MakeRun, opened: Open) -> None:
    """The parts of two snapshots are the same objects until the writer commits."""
    path = make_run(["a", "b"])
    store = opened(path)
    with RunReader(path) as reader:
        first, second = reader.snapshot(NOW), reader.snapshot(NOW + 1)
        assert second.outcomes is first.outcomes  # an empty tuple would be the same in any case
        assert second.taken_at == NOW + 1
        store.commit([labeled(1)], now=NOW)
        assert reader.snapshot(NOW + 2).labeled == 1


def test_a_worker_that_is_gone_is_not_shown_as_running(make_run: MakeRun) -> None:
    """Without a holder of the lock, a run that says running is stopped, and says how."""
    path = make_run(["a"])
    with RunLock(path) as lock, Store.open(path, lock) as store:
        store.begin_epoch(now=NOW, pid=1, host="here")
        with RunReader(path) as reader:
            assert reader.snapshot(NOW).state is RunState.RUNNING
    with RunReader(path) as reader:
        snapshot = reader.snapshot(NOW)
    assert snapshot.state is RunState.STOPPED
    assert "without a word" in snapshot.reason
    assert not snapshot.worker.alive


def test_a_silent_worker_is_stale(make_run: MakeRun, opened: Open) -> None:
    """It holds the lock, but its heartbeat is old: the age is in the reason."""
    path = make_run(["a"])
    opened(path)
    with RunReader(path) as reader:
        assert reader.snapshot(NOW + STALE_AFTER_S).state is RunState.RUNNING
        snapshot = reader.snapshot(NOW + 42)
    assert snapshot.state is RunState.STALE
    assert "its last heartbeat was 42 s ago" in snapshot.reason
    assert snapshot.worker.host
    assert snapshot.heartbeat_age_s == 42


@pytest.mark.parametrize(
    ("log", "age_s", "refused"),
    [
        (
            "12:00 ERROR labeltui: the run file cannot be written (disk I/O error); answers are kept",
            1,
            "disk I/O error",
        ),
        (
            "12:00 WARNING labeltui: could not write the heartbeat: attempt to write\n12:01 the ru",
            1,
            "attempt to write",
        ),
        ("12:00 ERROR labeltui: the run file cannot be written (disk I/O error); answers are kept", 60, ""),
        ("12:00 could not write the heartbeat: full\n12:01 began\n12:02 went on", 1, ""),
    ],
)
def test_a_silent_worker_that_the_disk_refuses_waits_and_says_why(
    make_run: MakeRun, opened: Open, log: str, age_s: float, refused: str
) -> None:
    """The run file cannot say it: the newest lines of the worker's log do, while they are new."""
    path = make_run(["a"])
    opened(path)
    at = NOW + 42
    companion(path, ".log").write_text(log)
    os.utime(companion(path, ".log"), (at - age_s, at - age_s))
    with RunReader(path) as reader:
        assert reader.snapshot(NOW).worker.refused == ""
        snapshot = reader.snapshot(at)
        summary = reader.summary(at, changed_at=at, size_bytes=1)
    assert snapshot.worker.refused == refused
    assert (snapshot.state, snapshot.reason) == (summary.state, summary.reason)
    if refused:
        assert snapshot.state is RunState.WAITING
        assert snapshot.reason.startswith(f"the disk has refused the run file for 42 s ({refused}): see to the disk")
    else:
        assert snapshot.state is RunState.STALE


def test_a_disk_without_room_is_the_reason_of_silence_where_no_log_says_it(
    make_run: MakeRun, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the log cannot take either, the disk itself shows: no room, or for reading only."""
    path = make_run(["a"])
    opened(path)
    free, flags = 1_000_000, 0
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=free, f_frsize=1, f_flag=flags))
    with RunReader(path) as reader:
        assert reader.snapshot(NOW + 42).state is RunState.STALE
        free = 10_000
        assert reader.snapshot(NOW + 42).worker.refused == "database or disk is full"
        flags = os.ST_RDONLY
        assert reader.snapshot(NOW + 42).worker.refused == "the disk is for reading only"


def test_a_wait_is_shown_with_its_limit(make_run: MakeRun, opened: Open) -> None:
    """Until when, for what, of whom."""
    path = make_run(["a"])
    wait = Wait(NOW + 60, "TPM", "org_1", "org_1 waits for tokens per minute")
    opened(path).beat(Beat(RunState.WAITING, wait.reason, wait, 0, 8, {}), now=NOW)
    with RunReader(path) as reader:
        snapshot = reader.snapshot(NOW)
    assert snapshot.wait == wait
    assert snapshot.state is RunState.WAITING


def test_recent_mixes_labels_and_events_the_newest_first(make_run: MakeRun, opened: Open) -> None:
    """Copies do not crowd out what was asked."""
    path = make_run(["a", "b", "a", "c"])
    store = opened(path)
    store.commit([labeled(1)], now=NOW + 1)
    store.commit([failed(2)], now=NOW + 2)
    store.add_event("key", "main is disabled", now=NOW + 3)
    with RunReader(path) as reader:
        recent = reader.snapshot(NOW).recent
    assert [one.kind for one in recent] == ["key", "failed", "labeled", "start"]
    assert recent[2].label == "1"


def test_an_email_without_a_subject_is_named_by_how_its_text_begins(tmp_path: Path, task: Task, opened: Open) -> None:
    """In lists, in what happened recently and in a sample: a column of plain texts has no subjects. Headers say nothing."""
    texts = {"Shall we\n have lunch?": "Shall we have lunch?", "From: a@b.example\n\nNoon?": "Noon?", "": ""}
    path = tmp_path / "plain.db"
    with Store.create(
        path, NewRun("plain", "x.csv", "digest", NOW, order="source", seed=3, dedupe=True), task
    ) as store:
        store.add_emails(
            (SourceEmail(str(n), text, f"row {n}"), View("", "", "", text, f"hash {n}", truncated=False))
            for n, text in enumerate(texts)
        )
        store.set_order("source", 3)
    opened(path).commit([labeled(1), failed(2)], now=NOW + 1)
    with RunReader(path) as reader:
        assert [row.opening for row in reader.emails(limit=9)] == list(texts.values())
        assert [row.named for row in reader.emails(limit=9)] == ["Shall we have lunch?", "Noon?", "(no subject)"]
        assert reader.record(1).row.opening == "Shall we have lunch?"
        recent = {one.kind: one for one in reader.snapshot(NOW).recent}
        assert (recent["labeled"].text, recent["failed"].subject) == ("Shall we have lunch?", "Noon?")
        assert {email.opening for email, _ in sample(path, 9)} == set(texts.values())


def test_proof_of_resumption_counts_what_was_kept(make_run: MakeRun) -> None:
    """The second worker has the cursor, what is settled, and how the first one ended."""
    path = make_run(["a", "b", "c"])
    with RunLock(path) as lock, Store.open(path, lock) as store:
        store.begin_epoch(now=NOW, pid=1, host="here")
        store.beat(Beat(RunState.RUNNING, "", None, 2, 8, {"main": 2}), now=NOW)
        store.commit([labeled(1)], now=NOW)
    with RunLock(path) as lock, Store.open(path, lock) as store:
        resumption = store.begin_epoch(now=NOW + 5, pid=2, host="here")
    assert (resumption.cursor, resumption.kept, resumption.asked_again) == (1, 1, 8)
    assert resumption.ended == "killed"


def test_pages_are_in_work_order_and_by_state(make_run: MakeRun, opened: Open) -> None:
    """Lists and counts agree."""
    path = make_run([str(n) for n in range(10)], order="shuffled")
    store = opened(path)
    store.commit([labeled(1), failed(2), labeled(3)], now=NOW)
    store.label_by_person(4, "0", annotator="ada", note="", now=NOW)
    with RunReader(path) as reader:
        every = reader.emails(limit=100)
        assert [row.position for row in every] == list(range(10))
        assert reader.emails(offset=4, limit=3) == every[4:7]
        for state, count in (("labeled", 2), ("failed", 1), ("pending", 7), ("human", 1), (None, 10)):
            assert reader.count(state) == count == len(reader.emails(state=state, limit=100))


def test_a_missing_file_and_a_missing_email_are_named(make_run: MakeRun, tmp_path: Path) -> None:
    """Each error says what was looked for."""
    with pytest.raises(RunNotFoundError, match="nowhere"):
        RunReader(tmp_path / "nowhere.db")
    with RunReader(make_run(["a"])) as reader, pytest.raises(RunFileError, match="number 7"):
        reader.record(7)


def test_a_file_that_was_deleted_or_replaced_is_not_shown_as_if_it_were_there(
    make_run: MakeRun, tmp_path: Path
) -> None:
    """An open file can be read after it is deleted, but what it says is true of no run."""
    path = make_run(["a"])
    with RunReader(path) as reader:
        reader.snapshot(NOW)
        kept = path.rename(tmp_path / "kept.bak")
        with pytest.raises(RunNotFoundError, match="any more"):
            reader.snapshot(NOW + 1)
        path.write_bytes(kept.read_bytes())
        with pytest.raises(RunNotFoundError, match="any more"):
            reader.snapshot(NOW + 2)
    with RunReader(path) as reader:
        assert reader.snapshot(NOW + 3).total == 1


def test_reading_changes_nothing(make_run: MakeRun) -> None:
    """The run file is the same to the byte after a reader was there."""
    path = make_run(["a", "b"])
    before = path.read_bytes()
    with RunReader(path) as reader:
        reader.snapshot(NOW)
        reader.emails()
        reader.record(1)
        list(reader.export_rows())
    assert path.read_bytes() == before
