"""A real worker with a budget pauses when it is used up, goes on after a new one, and counts every call; and how it ends."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from core.model import Budget, RunState
from core.quota.forecast.plans import Price
from core.storage.file.rows import budget_of
from core.storage.writing.store import Store
from core.worker.heartbeat import Tempo
from core.worker.loop import Worker
from tests.programs.faults.matrix import answers
from tests.programs.faults.world import Call, Seen, play

CALL_TOKENS = 302
"""What the server of these tests reports for each call: 300 of the prompt and 2 of the answer."""

PRICE = Price(prompt=1_000.0, cached=500.0, completion=1_000.0)
"""A dollar for a thousand tokens."""


def go_on(worker: Worker) -> None:
    worker.allow(Budget())
    worker.resume()


def never(call: Call, before: int) -> bool:
    del call, before
    return False


def calls_before(seen: Seen, at_s: float) -> int:
    return sum(call.at_s < at_s for call in seen.server.calls)


@pytest.mark.parametrize(
    ("budget", "words", "most_calls"),
    [
        (Budget(tokens=4 * CALL_TOKENS), "the budget of 1,208 tokens is used up", 4),
        (Budget(money=1.208), "the budget of $1.21 is used up", 4),
    ],
    ids=["tokens", "money"],
)
def test_a_budget_pauses_the_run_and_a_new_one_lets_it_go_on(
    budget: Budget, words: str, most_calls: int, tmp_path: Path
) -> None:
    """It is never overrun, calls in flight included; the state says what is used up; then every email is labeled.

    The new budget is that of the run: whoever opens the file next goes by it.
    """
    seen = play(tmp_path, answers("1"), never, emails=12, budget=budget, price=PRICE, acts={60.0: go_on})
    assert seen.was_shown("paused", words.replace("$", r"\$"))
    assert 0 < calls_before(seen, 60.0) <= most_calls
    assert seen.ending.state is RunState.DONE
    assert set(seen.states.values()) == {"labeled"}
    with closing(sqlite3.connect(tmp_path / "run.db")) as db:
        assert budget_of(db.execute("SELECT budget FROM run").fetchone()[0]) == Budget()


def test_hours_of_work_pause_the_run(tmp_path: Path) -> None:
    """Time in which nothing is asked for want of a budget does not count."""
    seen = play(
        tmp_path, answers("1"), never, emails=60, keys={"one": "org_1"}, budget=Budget(hours=0.05), latency_s=30.0,
        acts={3600.0: go_on}, closes_at_s=4 * 3600.0, tempo=Tempo(tick_s=2.0, beat_s=10.0),
    )  # fmt: skip
    assert seen.was_shown("paused", "the budget of 0.05 hours of work is used up")
    assert 0 < calls_before(seen, 3600.0) < 60
    assert seen.ending.state is RunState.DONE


def test_follow_up_questions_count(tmp_path: Path) -> None:
    """An email that takes three calls takes three calls of the budget."""
    budget = Budget(tokens=6 * CALL_TOKENS)
    seen = play(
        tmp_path, answers("no label"), lambda call, _: call.email <= 3, keys={"one": "org_1"}, budget=budget,
        closes_at_s=30.0,
    )  # fmt: skip
    assert len(seen.server.calls) <= 6
    assert seen.was_shown("paused", "tokens is used up")


def test_open_calls_count_with_what_they_may_take(tmp_path: Path) -> None:
    """While calls are out no more go out than the budget could pay for, though nothing of it is spent yet."""
    seen = play(tmp_path, answers("1"), never, emails=30, budget=Budget(tokens=1_000), latency_s=20.0, closes_at_s=15.0)
    assert 1 <= len(seen.server.calls) <= 3


def test_a_budget_that_the_last_email_uses_up_does_not_pause_a_run_that_is_done(tmp_path: Path) -> None:
    """Nothing is left that it could keep from being asked."""
    seen = play(tmp_path, answers("1"), never, emails=4, budget=Budget(tokens=4 * CALL_TOKENS), closes_at_s=60.0,
                keys={"one": "org_1"}, acts={})  # fmt: skip
    assert calls_before(seen, 60.0) <= 4


def test_a_loop_that_ends_by_an_exception_keeps_its_reason_and_the_answers_of_open_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the calls in flight cost is paid; the error that ended the loop is the one that is reported."""
    beaten = Store.beat
    beats: list[int] = []

    def beat(self: Store, *given: object, **named: object) -> None:
        beats.append(1)
        if len(beats) == 4:
            raise RuntimeError("the heart stopped")
        beaten(self, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Store, "beat", beat)
    with pytest.raises(RuntimeError, match="the heart stopped"):
        play(tmp_path, answers("1"), never, emails=6, latency_s=20.0, closes_at_s=600.0)
    with closing(sqlite3.connect(tmp_path / "run.db")) as db:
        labeled = db.execute("SELECT count(*) FROM email WHERE state = 'labeled'").fetchone()[0]
        attempts = db.execute("SELECT count(*) FROM attempt").fetchone()[0]
    assert labeled == attempts > 0
