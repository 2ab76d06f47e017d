"""Trying a run on some emails first: exactly so many texts are asked about, then the run pauses and says so."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from core.commands.catalog import Resume
from core.model import RunState
from core.runs import send as commands
from core.settings import Settings
from core.worker.queue import FirstN
from tests.worker.test_process import acknowledged, make, simulator, until
from tests.worker.test_queue import email, ids, queue_of


def test_only_so_many_texts_are_offered() -> None:
    """What was begun stays allowed until it is settled, and nothing else is; copies are no other text."""
    queue, _ = queue_of([email(1, "a"), email(2, "b"), email(3, "a"), email(4, "c")])
    queue.first_n = FirstN(2, dedupe=True)
    for number in (1, 2):
        queue.asked(queue.take(number))
    assert ids(queue) == []
    again = email(1, "a")
    queue.give_back(again)
    assert ids(queue) == [1, 3]
    queue.settle(queue.take(1))
    assert ids(queue) == []
    queue.first_n = None
    assert ids(queue) == [4]


def test_without_deduplication_each_email_counts() -> None:
    """Two emails with one text are two calls, and count as two."""
    first_n = FirstN(2, dedupe=False)
    first_n.began(email(1, "a"))
    assert not first_n.full
    first_n.began(email(2, "a"))
    assert first_n.full
    assert not first_n.allows(email(3, "a"))


def texts_asked_about(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(
            db.execute(
                "SELECT count(DISTINCT content_hash) FROM email JOIN attempt ON attempt.email_id = email.id"
            ).fetchone()[0]
        )


def test_a_real_worker_tries_ten_texts_pauses_and_goes_on_with_all(
    home: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Re-asks included, ten texts are settled and no eleventh is asked about; a paused worker can try more, or go on."""
    with simulator(monkeypatch, "--keys", "3", "--latency", "0.05", "--rpm", "3000", "--faults", "invalid=0.3"):
        path = make(settings, tmp_path, 120)
        assert "tries 10" in commands.start(path, settings, only=10).sentence
        paused = until(path, lambda snapshot: snapshot.state is RunState.PAUSED)
        assert paused.reason == "tried 10 texts, as requested"
        assert texts_asked_about(path) == 10
        assert paused.settled >= 10
        _, result = acknowledged(path, commands.start(path, settings, only=5))
        assert result.startswith("trying 5")
        until(path, lambda snapshot: snapshot.reason == "tried 5 texts, as requested")
        assert texts_asked_about(path) == 15
        acknowledged(path, commands.send(path, Resume(), settings))
        done = until(path, lambda snapshot: snapshot.state is RunState.DONE)
        assert done.settled == 120


@pytest.mark.parametrize(
    ("wanted", "going_on", "over"),
    [
        (1, "trying 1 text, then pausing", "tried 1 text, as requested"),
        (1_000, "trying 1,000 texts, then pausing", "tried 1,000 texts, as requested"),
    ],
)
def test_a_first_n_is_said_in_a_sentence(wanted: int, going_on: str, over: str) -> None:
    """While it goes on and once it is through, for one text and for many."""
    first_n = FirstN(wanted, dedupe=True)
    assert (first_n.going_on, first_n.over) == (going_on, over)


def test_room_for_other_texts_is_what_is_left_of_the_first_n() -> None:
    """Texts that are being asked about take it, copies once; it is never below zero."""
    first_n = FirstN(2, dedupe=True)
    rooms = [first_n.room]
    for number, text in ((1, "a"), (2, "a"), (3, "b"), (4, "c")):
        first_n.began(email(number, text))
        rooms.append(first_n.room)
    assert rooms == [2, 1, 1, 0, 0]
