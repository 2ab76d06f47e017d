"""What the row of a run says of its worker: when it takes over, with each heartbeat, and when it ends."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from core.model import Forecast, Outcome, PlaceStatus, Resumption, RunState, Wait
from core.storage.file.lock import RunLock
from core.storage.writing.epochs import Beat, _start_sentence
from core.storage.writing.settle import Answer
from core.storage.writing.store import Store
from tests.conftest import NOW, MakeRun
from tests.storage.test_store import attempt, failed, labeled


def row_of(path: Path, *names: str) -> tuple[Any, ...]:
    with closing(sqlite3.connect(path)) as db:
        return tuple(db.execute(f"SELECT {', '.join(names)} FROM run").fetchone())


def of(path: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(query).fetchall()


IDLE = ("in_flight", "in_flight_bound", "asking", "wait_until_at", "wait_limit", "wait_organization")


@pytest.mark.parametrize(
    ("state", "reason", "bound", "ended", "asked_again"),
    [
        ("running", "starting", 7, "killed", 7),
        ("waiting", "", 3, "killed", 3),
        ("paused", "", None, "killed", 0),
        ("stopped", "by ada", 7, "by ada", 0),
        ("done", "", 7, "done", 0),
    ],
)
def test_a_worker_tells_what_it_found(
    make_run: MakeRun, state: str, reason: str, bound: int | None, ended: str, asked_again: int
) -> None:
    """Where a worker was killed, what may have been in flight is asked again."""
    path = make_run(["a", "b", "c", "d"])
    with RunLock(path) as lock, Store.open(path, lock) as store:
        first = store.begin_epoch(now=NOW, pid=1, host="h")
        store.commit([labeled(1), failed(2), Answer(attempt(3, outcome=Outcome.INVALID, answer="x"))], now=NOW)
        store.skip([4], back=False, by="ada", now=NOW)
        store._db.execute(
            "UPDATE run SET state = ?, reason = ?, in_flight_bound = ?, in_flight = 2, asking = '{\"m\": 2}',"
            " wait_until_at = 5, wait_limit = 'RPM', wait_organization = 'o', finished_at = 1, wanted = 'pause'",
            (state, reason, bound),
        )
        store._db.execute("INSERT INTO place VALUES ('p', 'n', 'up', '', 1, 1.0, 1.0)")
        store._db.execute("DELETE FROM event")
        second = store.begin_epoch(now=NOW + 9, pid=77, host="there")
        assert store.epoch == 2
    assert (first.epoch, first.ended, first.kept, first.continued, first.asked_again) == (1, "", 0, 0, 0)
    assert second == Resumption(
        at=NOW + 9, epoch=2, cursor=2, kept=3, continued=1, asked_again=asked_again, ended=ended
    )
    assert row_of(path, "epoch", "worker_pid", "worker_host", "worker_started_at", "heartbeat_at", "state", "wanted") == (
        2, 77, "there", NOW + 9, NOW + 9, "running", "run",
    )  # fmt: skip
    assert row_of(path, *IDLE) == (0, 0, "{}", None, None, None)
    assert row_of(path, "reason", "started_at", "finished_at") == ("starting", NOW, None)
    assert json.loads(row_of(path, "resumption")[0])["ended"] == ended
    assert of(path, "SELECT * FROM place") == []
    [event] = of(path, "SELECT kind, text FROM event")
    again = f", at most {asked_again} calls asked again" if asked_again else ""
    assert event == (
        "start",
        f"resumed at cursor 2, 3 kept, 1 conversations continued{again}, the last worker ended: {ended}",
    )


@pytest.mark.parametrize(
    ("epoch", "cursor", "continued", "asked_again", "expected"),
    [
        (1, 0, 0, 0, "first start"),
        (2, 1_234, 0, 0, "resumed at cursor 1,234, 5,000 kept, the last worker ended: x"),
        (2, 0, 3, 0, "resumed at cursor 0, 5,000 kept, 3 conversations continued, the last worker ended: x"),
        (3, 0, 0, 4, "resumed at cursor 0, 5,000 kept, at most 4 calls asked again, the last worker ended: x"),
    ],
)
def test_a_start_is_told_in_a_sentence(
    epoch: int, cursor: int, continued: int, asked_again: int, expected: str
) -> None:
    """What is 0 is left out."""
    told = Resumption(
        at=NOW, epoch=epoch, cursor=cursor, kept=5_000, continued=continued, asked_again=asked_again, ended="x"
    )
    assert _start_sentence(told) == expected


PLACE = PlaceStatus("p-1", "node", "up", "", 3, 12.5, NOW)


def beat(**changes: Any) -> Beat:
    return Beat(**{"state": RunState.RUNNING, "reason": "r", "wait": None, "in_flight": 0, "in_flight_bound": 0, "asking": {}, **changes})  # fmt: skip


def test_a_heartbeat_writes_what_the_worker_does(make_run: MakeRun) -> None:
    """And takes away what it no longer does; the bound of calls in flight only grows."""
    path = make_run(["a"])
    with RunLock(path) as lock, Store.open(path, lock) as store:
        store.begin_epoch(now=NOW, pid=1, host="h")
        store.beat(
            beat(
                state=RunState.WAITING, wait=Wait(NOW + 60, "RPM", "org_1", "all keys wait"), in_flight=2, in_flight_bound=8,
                asking={"m": 2}, waited_s=1.5, forecast=Forecast(9.0, 8.0, 10.0, "RPM"), at_once=4, places=(PLACE,),
            ),
            now=NOW + 1,
        )  # fmt: skip
        busy = row_of(path, "heartbeat_at", "state", "reason", *IDLE, "at_once", "forecast")
        places = of(path, "SELECT name, node, state, reason, in_flight, rate_per_min, since_at FROM place")
        store.beat(beat(in_flight_bound=5), now=NOW + 2)
    assert busy == (
        NOW + 1, "waiting", "r", 2, 8, '{"m": 2}', NOW + 60, "RPM", "org_1", 4,
        '{"eta_s": 9.0, "low_s": 8.0, "high_s": 10.0, "binding_limit": "RPM"}',
    )  # fmt: skip
    assert places == [("p-1", "node", "up", "", 3, 12.5, NOW)]
    assert row_of(path, "heartbeat_at", "state", *IDLE, "at_once", "forecast") == (
        NOW + 2, "running", 0, 8, "{}", None, None, None, None, None,
    )  # fmt: skip
    assert of(path, "SELECT * FROM place") == []


@pytest.mark.parametrize(("in_flight", "waited_s", "booked"), [(0, 0.0, []), (1, 0.0, [(0.0,)]), (0, 2.5, [(2.5,)])])
def test_time_is_worked_while_calls_are_out_or_wait(
    make_run: MakeRun, in_flight: int, waited_s: float, booked: list[Any]
) -> None:
    """Slow calls are work too, also where none of them ends in its slice."""
    path = make_run(["a"])
    with RunLock(path) as lock, Store.open(path, lock) as store:
        store.begin_epoch(now=NOW, pid=1, host="h")
        store.beat(beat(in_flight=in_flight, waited_s=waited_s), now=NOW + 1)
    assert of(path, "SELECT waited_s FROM pace") == booked


@pytest.mark.parametrize(
    ("state", "reason", "wanted", "kept", "finished", "said"),
    [
        (RunState.STOPPED, "by ada", None, "run", None, "by ada"),
        (RunState.STOPPED, "", "stop", "stop", None, "stopped"),
        (RunState.DONE, "", None, "run", NOW + 5, "done"),
    ],
)
def test_an_end_is_recorded(
    make_run: MakeRun, state: RunState, reason: str, wanted: str | None, kept: str, finished: float | None, said: str
) -> None:
    """With nothing in flight, and when the run was done."""
    path = make_run(["a"])
    with RunLock(path) as lock, Store.open(path, lock) as store:
        store.begin_epoch(now=NOW, pid=1, host="h")
        store.beat(
            beat(wait=Wait(NOW + 60, "RPM", "org_1", "all keys wait"), in_flight=2, asking={"m": 2}, places=(PLACE,)),
            now=NOW,
        )
        store._db.execute("DELETE FROM event")
        store.end_epoch(state, reason, now=NOW + 5, wanted=wanted)
    assert row_of(path, "state", "reason", "wanted", "heartbeat_at", "finished_at") == (
        state.value, reason, kept, NOW + 5, finished,
    )  # fmt: skip
    assert row_of(path, "in_flight", "asking", "wait_until_at", "wait_limit", "wait_organization") == (
        0, "{}", None, None, None,
    )  # fmt: skip
    assert of(path, "SELECT * FROM place") == []
    assert of(path, "SELECT kind, text FROM event") == [("end", said)]
