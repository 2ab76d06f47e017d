"""What each change of a run leaves: its event, the cursor, whether the run is still done, and sound totals."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.model import Budget, Task
from core.quality.alarms import Reading, Watch, WatchState
from core.storage.file.lock import RunLock
from core.storage.reading.reviews import sample_of
from core.storage.writing.check import check_run
from core.storage.writing.store import Store
from tests.conftest import NOW, MakeRun
from tests.storage.test_store import failed, labeled

TEXTS = ["a", "b", "c", "a", "d", "e"]
"""Emails 1 to 6: the first is labeled 1, and so the fourth; 2 failed, 3 is labeled 0, 5 skipped, 6 labeled 1."""


@pytest.fixture
def done(make_run: MakeRun) -> Path:
    """A run whose emails are all settled, and whose worker ended so."""
    path = make_run(TEXTS, name="done")
    with RunLock(path) as lock, Store.open(path, lock) as store:
        store.begin_epoch(now=NOW, pid=1, host="h")
        store.commit([labeled(1), failed(2), labeled(3, "0"), labeled(6)], now=NOW)
        store.skip([5], back=False, by="ada", now=NOW)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE run SET state = 'done', reason = 'all labeled', finished_at = ?", (NOW,))
        db.execute("DELETE FROM event")
    return path


def left(path: Path, act: Callable[[Store], object]) -> tuple[object, list[Any], tuple[Any, ...], str]:
    """Return what a change returns, its events, cursor and state with reason and whether it is finished, and states."""
    with RunLock(path) as lock, Store.open(path, lock) as store:
        returned = act(store)
    with closing(sqlite3.connect(path)) as db:
        events = db.execute("SELECT kind, text, email_id FROM event ORDER BY id").fetchall()
        run = db.execute("SELECT cursor, state, reason, finished_at IS NULL FROM run").fetchone()
        states = "".join(row[0][0] for row in db.execute("SELECT state FROM email ORDER BY id"))
        late = db.execute("SELECT count(*) FROM event WHERE at <> ?", (NOW + 1,)).fetchone()[0]
    assert late == 0
    assert check_run(path).findings == ()
    return returned, events, run, states


DONE = (6, "done", "all labeled", 0)
LATER = NOW + 1


@pytest.mark.parametrize(
    ("act", "returned", "events", "run", "states"),
    [
        (
            lambda s: s.label_by_person([2], "0", annotator="ada", note="", now=LATER),
            "mail-2 labeled 0 by ada",
            [("human", "mail-2 labeled 0 by ada", 2)],
            DONE,
            "llllsl",
        ),
        (
            lambda s: s.label_by_person(1, "0", annotator="ada", note="", now=LATER),
            "mail-1 labeled 0 by ada, was 1 (and 1 with the same text)",
            [("human", "mail-1 labeled 0 by ada, was 1 (and 1 with the same text)", 1)],
            DONE,
            "lfllsl",
        ),
        (
            lambda s: s.label_by_person([1, 2], "0", annotator="ada", note="", now=LATER),
            "2 texts labeled 0 by ada (and 1 with the same text)",
            [("human", "2 texts labeled 0 by ada (and 1 with the same text)", None)],
            DONE,
            "llllsl",
        ),
        (
            lambda s: s.note_by_person([3], " odd ", author="ada", now=LATER),
            "note by ada on 1 text",
            [("note", "note by ada on 1 text", 3)],
            DONE,
            "lfllsl",
        ),
        (
            lambda s: s.note_by_person([3, 6], "odd", author="ada", now=LATER),
            "note by ada on 2 texts",
            [("note", "note by ada on 2 texts", None)],
            DONE,
            "lfllsl",
        ),
        (
            lambda s: s.requeue(now=LATER, by="ada"),
            1,
            [("retry", "1 failed text requeued", None)],
            (1, "stopped", "failed texts were requeued", 1),
            "lpllsl",
        ),
        (
            lambda s: s.requeue(now=LATER, by="ada", email_id=2),
            1,
            [("retry", "1 failed text requeued", 2)],
            (1, "stopped", "failed texts were requeued", 1),
            "lpllsl",
        ),
        (lambda s: s.requeue(now=LATER, by="ada", email_ids=[1, 3]), 0, [], DONE, "lfllsl"),
        (
            lambda s: s.skip([5], back=True, by="ada", now=LATER),
            1,
            [("skip", "1 text requeued by ada", 5)],
            (4, "stopped", "skipped texts were requeued", 1),
            "lfllpl",
        ),
        (
            lambda s: s.skip([2], back=False, by="ada", now=LATER),
            1,
            [("skip", "1 text skipped by ada", 2)],
            DONE,
            "lsllsl",
        ),
        (lambda s: s.skip([1, 3], back=False, by="ada", now=LATER), 0, [], DONE, "lfllsl"),
        (lambda s: s.skip([1, 2], back=True, by="ada", now=LATER), 0, [], DONE, "lfllsl"),
        (
            lambda s: s.undo(by="ada", now=LATER).sentence,
            "undone: a skip (1 text as before)",
            [("undo", "undone: a skip (1 text as before), by ada", 5)],
            (4, "stopped", "texts are pending again", 1),
            "lfllpl",
        ),
        (lambda s: s.undo(by="bo", now=LATER), None, [], DONE, "lfllsl"),
        (
            lambda s: s.set_budget(Budget(tokens=5), now=LATER),
            None,
            [("budget", "budget set: 5 tokens", None)],
            DONE,
            "lfllsl",
        ),
        (lambda s: s.set_concurrency(3, now=LATER), None, [("concurrency", "calls at once: 3", None)], DONE, "lfllsl"),
        (
            lambda s: s.set_concurrency(None, now=LATER),
            None,
            [("concurrency", "calls at once: automatic", None)],
            DONE,
            "lfllsl",
        ),
        (lambda s: s.set_pack_size(4, "fewer", now=LATER), None, [("packs", "fewer", None)], DONE, "lfllsl"),
        (
            lambda s: s.add_event("x", "said", now=LATER, email_id=6),
            None,
            [("x", "said", 6)],
            DONE,
            "lfllsl",
        ),
        (lambda s: s.put_right(now=LATER), 0, [], DONE, "lfllsl"),
        (
            lambda s: s.add_gold("g", [(1, "1"), (2, "0"), (99, "1")], now=LATER),
            2,
            [("gold", "2 labels of g added", None)],
            DONE,
            "lfllsl",
        ),
        (lambda s: s.add_gold("g", [(99, "1")], now=LATER), 0, [], DONE, "lfllsl"),
        (lambda s: s.dismiss_alarm("drift", by="ada", note="", now=LATER), False, [], DONE, "lfllsl"),
        (
            lambda s: s.rejudge(lambda answer: "0" if answer == "x" else None, by="ada", now=LATER),
            (1, 1),
            [("rejudge", "1 failed text labeled from stored answers, says ada", None)],
            DONE,
            "llllsl",
        ),
        (lambda s: s.rejudge(lambda _: None, by="ada", now=LATER), (0, 1), [], DONE, "lfllsl"),
    ],
)  # fmt: skip
def test_a_change_of_a_run_that_is_done(
    done: Path,
    act: Callable[[Store], object],
    returned: object,
    events: list[Any],
    run: tuple[Any, ...],
    states: str,
) -> None:
    """An event where anything moved; done no longer where an email is pending again."""
    assert left(done, act) == (returned, events, run, states)


@pytest.mark.parametrize(
    ("given", "moved", "cursor", "states"),
    [
        ({}, 4, 0, "pfppsp"),
        ({"label": "0"}, 1, 2, "lfplsl"),
        ({"email_ids": [4, 6, 2]}, 2, 3, "lflpsp"),
        ({"label": "0", "email_ids": [1]}, 0, 6, "lfllsl"),
    ],
)
def test_labels_of_an_older_version_are_asked_for_again(
    done: Path, task: Task, given: dict[str, Any], moved: int, cursor: int, states: str
) -> None:
    """All, those of a label, or those that are named; nothing happens where there is none."""
    with RunLock(done) as lock, Store.open(done, lock) as store:
        said = store.activate(replace(task, version="v2-of-the-task", rubric="New."), by="ada", now=LATER)
    assert said.sentence == ("version v2-of-th of the task is active; nothing is pending; labels given before stay")
    found = left(done, lambda store: store.relabel(by="ada", now=LATER, **given))
    told = (
        [("task", f"{moved} labeled text{'s' if moved > 1 else ''} requeued for version v2-of-th, says ada", None)]
        if moved
        else []
    )
    reason = "texts are to be asked about again with another version of the task"
    run = (cursor, "stopped", reason, 1) if moved else DONE
    assert found == (moved, [("task", f"{said.sentence}, says ada", None), *told], run, states)


def alarm(watch: Watch, from_ask: int, to_ask: int) -> Reading:
    return Reading(watch, WatchState.ALARM, 9.0, 3.0, "it changed", from_ask, to_ask)


@pytest.mark.parametrize(
    ("asks", "moved", "cursor", "states", "labels"),
    [
        ((4, 4), 1, 4, "lfllp", ["1", "0", "1"]),
        ((3, 4), 2, 2, "lfplp", ["1", "1"]),
        ((1, 4), 5, 0, "ppppp", []),
        ((0, 9), 5, 0, "ppppp", []),
    ],
)
def test_what_an_alarm_casts_doubt_on_is_asked_again(
    make_run: MakeRun, asks: tuple[int, int], moved: int, cursor: int, states: str, labels: list[str]
) -> None:
    """From the ask with which its window begins, copies too; then the alarm is dismissed, and what stays is current."""
    path = make_run(["a", "b", "c", "a", "d"])
    with RunLock(path) as lock, Store.open(path, lock) as store:
        store.begin_epoch(now=NOW, pid=1, host="h")
        for number, answer in enumerate((labeled(1), failed(2), labeled(3, "0"), labeled(5))):
            store.commit([answer], now=NOW - 10 + number)
        store.raise_alarm(alarm(Watch.RUN, *asks), now=NOW)
        assert store.raised_watches() == {"run of one label"}
        store.raise_alarm(alarm(Watch.RUN, 1, 1), now=NOW)
    with closing(sqlite3.connect(path)) as db, db:
        assert db.execute("SELECT count(*) FROM alarm").fetchone() == (1,)
        assert db.execute("SELECT kind, text FROM event WHERE kind = 'alarm'").fetchall() == [
            ("alarm", "run of one label: it changed")
        ]
        db.execute("UPDATE run SET state = 'done', reason = 'all labeled', finished_at = ?", (NOW,))
        db.execute("DELETE FROM event")
    found = left(path, lambda store: store.relabel_window("run of one label", by="ada", now=LATER))
    told = ("alarm", f"run of one label: dismissed by ada: {moved} requeued", None)
    assert found == (moved, [told], (cursor, "stopped", "emails are to be asked again after an alarm", 1), states)
    with closing(sqlite3.connect(path)) as db:
        assert [row[0] for row in db.execute("SELECT label FROM email WHERE label NOT NULL ORDER BY id")] == labels
        shown = db.execute("SELECT watch, state, by, note, dismissed_at FROM alarm").fetchall()
    assert shown == [("run of one label", "dismissed", "ada", f"{moved} requeued", LATER)]


def test_an_alarm_is_dismissed_with_a_note(done: Path) -> None:
    """Of at most 2,000 characters; without one the event ends before it."""
    for note, said in (("", ""), ("x" * 2_001, ": " + "x" * 2_001)):
        with RunLock(done) as lock, Store.open(done, lock) as store:
            store.raise_alarm(alarm(Watch.SLOW, 1, 2), now=LATER)
            store._db.execute("DELETE FROM event")
        found = left(done, lambda store, note=note: store.dismiss_alarm("slowness", by="bo", note=note, now=LATER))
        assert found == (True, [("alarm", f"slowness: dismissed by bo{said}", None)], DONE, "lfllsl")
    with closing(sqlite3.connect(done)) as db:
        assert [len(row[0]) for row in db.execute("SELECT note FROM alarm ORDER BY id")] == [0, 2_000]


@pytest.mark.parametrize(
    ("breakage", "wrong", "said"),
    [
        ("UPDATE run SET cursor = 2", 1, "1 total put right from the rows"),
        ("UPDATE total SET value = value + 1 WHERE name LIKE 'state:%' AND value > 0", 3, "3 totals put right from the rows"),
        ("DELETE FROM total WHERE name = 'attempts'", 1, "1 total put right from the rows"),
        ("INSERT INTO total(name, value) VALUES ('label:new', 3), ('label:zero', 0)", 1, "1 total put right from the rows"),
    ],
)  # fmt: skip
def test_totals_and_cursor_are_put_right(done: Path, breakage: str, wrong: int, said: str) -> None:
    """Each wrong one is counted."""
    with closing(sqlite3.connect(done)) as db, db:
        db.execute(breakage)
    found = left(done, lambda store: store.put_right(now=LATER))
    assert (found[0], found[1], found[2][0]) == (wrong, [("repair", said, None)], 6)


@pytest.mark.parametrize(
    ("calls", "apart_s", "latency_s", "expected"),
    [(19, 1.0, 1.0, None), (20, 1.0, 1.0, 1.0), (20, 0.0, 0.0, None), (120, 0.5, 0.5, 2.0)],
)
def test_the_rate_of_live_calls_is_that_of_the_last_hundred(
    make_run: MakeRun, calls: int, apart_s: float, latency_s: float, expected: float | None
) -> None:
    """From twenty answers on, which took some time."""
    path = make_run([f"text {number}" for number in range(calls)])
    with RunLock(path) as lock, Store.open(path, lock) as store:
        store.begin_epoch(now=NOW, pid=1, host="h")
        answers = [labeled(number + 1) for number in range(calls)]
        told = [
            replace(each, attempt=replace(each.attempt, started_at=NOW + apart_s * number, latency_s=latency_s))
            for number, each in enumerate(answers)
        ]
        store.commit([*told], now=NOW)
        rate = store.live_rate()
        assert rate is None if expected is None else rate == pytest.approx(expected)


def test_a_sample_that_was_begun_is_read_as_it_was_kept(done: Path) -> None:
    """Its number among them; before that its seed follows from the run."""
    with RunLock(done) as lock, Store.open(done, lock) as store:
        before, begun = sample_of(store._db)
        assert (before.id, before.name, begun) == (0, "random", False)
        store.begin_sample(77, now=NOW)
        kept, begun = sample_of(store._db)
    assert (kept, begun) == (replace(before, id=1, seed=77), True)


def test_a_late_answer_settles_its_email_and_the_pending_copies(make_run: MakeRun) -> None:
    """All of them are counted."""
    path = make_run(["a", "a", "a", "b"])
    with RunLock(path) as lock, Store.open(path, lock) as store:
        store.begin_epoch(now=NOW, pid=1, host="h")
        store.commit([failed(1)], now=NOW)
        assert store.requeue(now=NOW, by="ada", email_ids=[2, 3]) == 2
        assert store.commit([labeled(1)], now=NOW) == 3
        assert store.pending_count == 1
    assert check_run(path).findings == ()
