"""What the line of a run says: whether its worker lives, whether the disk takes anything, the state, and its totals."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.model import RunState
from core.storage.file.lock import RunLock
from core.storage.reading import summaries
from core.storage.reading.summaries import (
    alive_at,
    all_totals,
    group,
    outcomes_of_key,
    refused_by_disk,
    state_shown,
    summary_of,
    total,
)
from core.storage.writing.store import Store
from tests.conftest import NOW, MakeRun
from tests.storage.test_store import failed, labeled

KILLED = "the worker ended without a word (killed, or the machine went down)"
LINE = "could not write the heartbeat: database or disk is full"


@pytest.mark.parametrize(
    ("locked", "beat", "expected"),
    [
        (True, None, True),
        (False, 100.0, False),
        (None, None, False),
        (None, 100.0, True),
        (None, 90.0, True),
        (None, 89.9, False),
    ],
)
def test_a_worker_lives_while_the_lock_is_held(
    monkeypatch: pytest.MonkeyPatch, locked: bool | None, beat: float | None, expected: bool
) -> None:
    """Where the lock cannot be read, while its heartbeat is at most ten seconds old."""
    monkeypatch.setattr(summaries, "is_locked", lambda _: locked)
    assert alive_at(Path("r.db"), beat, 100.0) is expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (LINE, "database or disk is full"),
        ("at 9: the run file cannot be written (disk I/O error): kept", "disk I/O error"),
        (f"{LINE}\nmore", "database or disk is full"),
        (f"{LINE}\nmore\nand more", ""),
        ("could not write the heartbeat: " + "x" * 121, "x" * 120),
        ("could not write the heartbeat: ", ""),
        (f"{'x' * (4_096 - len(LINE))}{LINE}", "database or disk is full"),
        (f"{LINE}{'x' * 4_096}", ""),
        ("", ""),
    ],
    ids=["heartbeat", "run file", "line before", "older", "long", "empty", "tail", "beyond the tail", "nothing"],
)
def test_the_log_says_why_the_disk_refuses(tmp_path: Path, written: str, expected: str) -> None:
    """Its last two lines, of its last 4 KiB."""
    (tmp_path / "r.db").touch()
    (tmp_path / "r.log").write_text(written)
    os.utime(tmp_path / "r.log", (NOW, NOW))
    assert refused_by_disk(tmp_path / "r.db", alive=True, beat=NOW - 4.1, now=NOW) == expected


@pytest.mark.parametrize(
    ("alive", "beat", "age_s", "expected"),
    [
        (True, NOW - 4.1, 10.0, "database or disk is full"),
        (True, NOW - 4.1, 10.5, ""),
        (True, NOW - 4.0, 0.0, ""),
        (True, None, 0.0, ""),
        (False, NOW - 60.0, 0.0, ""),
    ],
)
def test_the_log_is_asked_where_a_living_worker_is_silent(
    tmp_path: Path, alive: bool, beat: float | None, age_s: float, expected: str
) -> None:
    """For more than four seconds, and only a log that is written to."""
    (tmp_path / "r.db").touch()
    (tmp_path / "r.log").write_text(LINE)
    os.utime(tmp_path / "r.log", (NOW - age_s, NOW - age_s))
    assert refused_by_disk(tmp_path / "r.db", alive=alive, beat=beat, now=NOW) == expected


@pytest.mark.parametrize(
    ("flags", "blocks", "expected"),
    [
        (os.ST_RDONLY, 100, "the disk is for reading only"),
        (0, 15, "database or disk is full"),
        (0, 16, ""),
    ],
)
def test_a_disk_without_room_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: int, blocks: int, expected: str
) -> None:
    """Fewer than 64 KiB, or no writing at all; where no log says more."""
    disk = SimpleNamespace(f_flag=flags, f_bavail=blocks, f_frsize=4_096)
    monkeypatch.setattr(summaries.os, "statvfs", lambda _: disk)
    assert refused_by_disk(tmp_path / "r.db", alive=True, beat=NOW - 5, now=NOW) == expected


@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.WAITING, RunState.PAUSED])
@pytest.mark.parametrize(
    ("alive", "beat", "refused", "expected"),
    [
        (False, NOW, "", (RunState.STOPPED, KILLED)),
        (False, NOW, "full", (RunState.STOPPED, KILLED)),
        (True, NOW - 10.0, "", None),
        (True, None, "", None),
        (
            True, NOW - 10.6, "",
            (RunState.STALE, "a worker holds the run, but its last heartbeat was 11 s ago"),
        ),
        (
            True, NOW - 20.4, "full",
            (
                RunState.WAITING,
                "the disk has refused the run file for 20 s (full): see to the disk; answers are kept and tried again",
            ),
        ),
        (
            True, None, "full",
            (
                RunState.WAITING,
                "the disk has refused the run file (full): see to the disk; answers are kept and tried again",
            ),
        ),
    ],
)  # fmt: skip
def test_a_state_is_shown_as_lock_heartbeat_and_disk_leave_it(
    state: RunState, alive: bool, beat: float | None, refused: str, expected: tuple[RunState, str] | None
) -> None:
    """The recorded one, unless nobody is there who could be in it."""
    found = state_shown(state, "a reason", alive=alive, beat=beat, now=NOW, refused=refused)
    assert found == (expected or (state, "a reason"))


@pytest.mark.parametrize("state", [RunState.STOPPED, RunState.DONE])
def test_an_ended_run_keeps_its_state(state: RunState) -> None:
    """Whatever became of its worker."""
    assert state_shown(state, "why", alive=False, beat=None, now=NOW, refused="full") == (state, "why")


def test_the_line_of_a_run(make_run: MakeRun) -> None:
    """Counts, rate of the last minute and time left, while its worker works; rate and time of none else."""
    path = make_run(["a", "b", "c", "d"], name="line")
    with RunLock(path) as lock, Store.open(path, lock) as store:
        store.begin_epoch(now=NOW, pid=1, host="h")
        store.commit([labeled(1), failed(2)], now=NOW)
    forecast = '{"eta_s": 90.0, "low_s": 80.0, "high_s": 100.0, "binding_limit": "RPM"}'
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE run SET state = 'running', forecast = ?, heartbeat_at = ?", (forecast, NOW))
        db.execute("DELETE FROM pace")
        db.executemany("INSERT INTO pace(at, labeled) VALUES (?, ?)", [(NOW - 60, 100), (NOW - 59, 3), (NOW, 4)])
        db.commit()
        with RunLock(path):
            going = summary_of(db, path, NOW, changed_at=5.0, size_bytes=6)
        ended = summary_of(db, path, NOW, changed_at=5.0, size_bytes=6)
    assert (going.name, going.path, going.state) == ("line", str(path), RunState.RUNNING)
    assert (going.total, going.settled, going.failed, going.simulated) == (4, 2, 1, False)
    assert (going.changed_at, going.size_bytes, going.created_at) == (5.0, 6, NOW)
    assert (going.rate_per_min, going.eta_s, going.reason) == (7.0, 90.0, "starting")
    assert (ended.state, ended.reason, ended.rate_per_min, ended.eta_s) == (RunState.STOPPED, KILLED, None, None)


def test_totals_are_read_by_name_and_by_kind(make_run: MakeRun) -> None:
    """Those that are 0 are left out of all, and so are counts of the model's labels."""
    path = make_run(["a", "b", "c"])
    with RunLock(path) as lock, Store.open(path, lock) as store:
        store.begin_epoch(now=NOW, pid=1, host="h")
        store.commit([labeled(1), failed(2)], now=NOW)
    with closing(sqlite3.connect(path)) as db:
        assert [total(db, name) for name in ("state:pending", "state:labeled", "never counted")] == [1, 1, 0]
        found = all_totals(db)
    assert group(found, "state") == {"pending": 1, "labeled": 1, "failed": 1}
    assert group(found, "label") == {"1": 1}
    assert not [name for name, value in found.items() if value == 0 or name.startswith("by_model:")]


def test_calls_of_a_key_are_counted_among_the_newest(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """The most frequent outcome first; 50,000 calls are looked at."""
    path = make_run(["a", "b", "c", "d"])
    assert summaries.LOOKED_AT == 50_000
    with RunLock(path) as lock, Store.open(path, lock) as store:
        store.begin_epoch(now=NOW, pid=1, host="h")
        store.commit([failed(1), labeled(2), labeled(3), labeled(4)], now=NOW)
    with closing(sqlite3.connect(path)) as db:
        [alias] = db.execute("SELECT DISTINCT key_alias FROM attempt").fetchone()
        [outcome] = db.execute("SELECT outcome FROM attempt ORDER BY id LIMIT 1").fetchone()
        assert list(outcomes_of_key(db, alias).items()) == [("answered", 3), (outcome, 1)]
        assert outcomes_of_key(db, "another") == {}
        monkeypatch.setattr(summaries, "LOOKED_AT", 3)
        assert outcomes_of_key(db, alias) == {"answered": 3}
