"""The heartbeat is written at set moments; the ETA recounts what is left at set moments and prices packs by their calls."""

from __future__ import annotations

import sqlite3
from types import SimpleNamespace
from typing import Any

import pytest

from core.llm.task import builtin_task
from core.model import Forecast, RunState, Wait
from core.quality import packing
from core.quota.pacing.estimates import Estimator
from core.worker.heartbeat import Heartbeat, Tempo, doing
from core.worker.process import RECOUNT_EVERY, Eta

QUOTA = Wait(60.0, "TPM", "org_1", "waits for tokens")


class Beats:
    """A run file that keeps the moments of its beats, and how long each says that it waited."""

    def __init__(self) -> None:
        self.now = 0.0
        self.at: list[float] = []
        self.waited_s: list[float] = []

    def beat(self, beat: Any, *, now: float) -> None:
        self.at.append(now)
        self.waited_s.append(beat.waited_s)


@pytest.mark.parametrize(
    ("moments", "state", "written"),
    [
        ([0.0, 0.2, 0.9, 1.0, 1.5, 2.0, 2.1], RunState.RUNNING, [0.0, 1.0, 2.0]),
        ([10.0, 10.5, 3.0, 3.5, 4.0], RunState.RUNNING, [10.0, 3.0, 4.0]),
    ],
    ids=["once a second", "the clock was set back"],
)
def test_a_beat_is_written_once_a_second(moments: list[float], state: RunState, written: list[float]) -> None:
    """Also where the clock is set back: then at once, and once a second from there."""
    store = Beats()
    heart = Heartbeat(store, lambda: store.now, Tempo(), None)  # type: ignore[arg-type]
    for store.now in moments:
        heart.beat(state, "", None, dict, 0)
    assert store.at == written


def test_a_change_is_written_at_once_and_time_spent_waiting_is_counted() -> None:
    """A new state, or whatever the caller says is due; a gap as after a suspend counts as ten ticks at most."""
    store = Beats()
    heart = Heartbeat(store, lambda: store.now, Tempo(tick_s=0.2, beat_s=1.0), None)  # type: ignore[arg-type]
    for store.now, state, at_once in (
        (0.0, RunState.RUNNING, False), (0.2, RunState.WAITING, False), (0.4, RunState.WAITING, False),
        (0.5, RunState.WAITING, True), (100.5, RunState.WAITING, False), (100.6, RunState.RUNNING, False),
    ):  # fmt: skip
        heart.beat(state, "", None, dict, 0, at_once=at_once)
    assert store.at == [0.0, 0.2, 0.5, 100.5, 100.6]
    assert store.waited_s == pytest.approx([0.0, 0.2, 0.3, 2.0, 0.0])


class Left:
    """A run file with so many pending emails, half of them copies, that counts how often it is counted."""

    email_count = 4_000

    def __init__(self, pack_size: int = 1) -> None:
        self.pending_count, self.counted, self.size = 2_000, 0, pack_size

    def pending_texts(self) -> tuple[int, float]:
        self.counted += 1
        return self.pending_count // 2, 400.0

    def outcomes(self) -> dict[str, int]:
        return {}

    def pack_size(self) -> int:
        return self.size


def eta_of(left: Left, **given: Any) -> Eta:
    broker = SimpleNamespace(estimator=Estimator(64), ways=tuple)
    return Eta(left, broker, fixed_chars=1_000, **given)  # type: ignore[arg-type]


def test_texts_left_are_counted_anew_after_two_hundred_and_when_there_are_more() -> None:
    """In between their share of the emails is taken to stay; nothing is forecast where nothing is left."""
    left = Left()
    eta = eta_of(left)
    counted = []
    for left.pending_count in (2_000, 2_000, 2_001 - RECOUNT_EVERY, 2_000 - RECOUNT_EVERY, 1_799, 1_800, 1_801, 0):
        eta()
        counted.append(left.counted)
    assert counted == [1, 1, 1, 2, 2, 2, 3, 3]
    assert eta() is None


@pytest.mark.parametrize(("left", "first"), [(2_000.0, 125.0), (1_900.0, 25.0), (1_000.0, 0.0)])
def test_a_forecast_of_packs_counts_packs_follow_up_questions_and_controls(left: float, first: float) -> None:
    """Ten texts share a call; of the first 125 a quarter is asked alone too, then one in 125."""
    alone, eta = eta_of(Left())._load(left, {}), eta_of(Left(10), packed=builtin_task())
    eta()  # counts what is left: half of the 4,000 emails are copies
    load = eta._load(left, {})
    controls = first * packing.FIRST_SHARE + (left - first) * packing.SHARE
    assert alone.calls == pytest.approx(1.03 * left)
    assert load.calls == pytest.approx(left / 10 + 0.03 * left + controls)
    assert load.calls * load.tokens < 0.7 * alone.calls * alone.tokens


@pytest.mark.parametrize(
    ("given", "state", "sentence"),
    [
        ({}, RunState.RUNNING, ""),
        ({"trying": "trying 2 texts"}, RunState.RUNNING, "trying 2 texts"),
        ({"wait": QUOTA}, RunState.WAITING, "waits for tokens"),
        ({"wait": QUOTA, "out": 1}, RunState.RUNNING, ""),
        ({"wait": QUOTA, "loading": "loads"}, RunState.RUNNING, "loads"),
        ({"loading": "loads", "paused": "by hand"}, RunState.PAUSED, "by hand"),
        ({"paused": "by hand", "out": 1}, RunState.RUNNING, "pausing, 1 call out"),
        ({"paused": "by hand", "out": 2}, RunState.RUNNING, "pausing, 2 calls out"),
        ({"stopping": True}, RunState.RUNNING, "stopping, 0 calls out"),
        ({"stopping": True, "paused": "by hand", "out": 1}, RunState.RUNNING, "stopping, 1 call out"),
        (
            {"blocked": "disk full", "stopping": True},
            RunState.WAITING,
            "the run file cannot be written (disk full); answers are kept and tried again",
        ),
    ],
)
def test_what_a_worker_does_is_said_in_one_sentence(given: dict[str, Any], state: RunState, sentence: str) -> None:
    """A disk that refuses comes before a stop, that before a pause, loading and a wait; one call is singular."""
    usual: dict[str, Any] = {"blocked": "", "stopping": False, "paused": "", "loading": "", "wait": None, "out": 0}
    assert doing(**{**usual, **given}) == (state, sentence)


def test_a_beat_holds_what_the_worker_does() -> None:
    """Calls by key and in all, their bound, the forecast, places; a wait only while it waits."""
    beats: list[Any] = []
    store = SimpleNamespace(beat=lambda beat, now: beats.append((now, beat)))
    forecast, places = Forecast(9.0, 8.0, 10.0, "TPM"), (SimpleNamespace(name="a"),)
    heart = Heartbeat(store, lambda: 3.0, Tempo(), lambda: forecast, lambda: 7, lambda: places)  # type: ignore[arg-type, return-value]
    heart.beat(RunState.RUNNING, "asks", QUOTA, lambda: {"main": 2, "spare": 1}, 16)
    heart.beat(RunState.WAITING, "waits", QUOTA, dict, 16)
    (now, one), (_, other) = beats
    assert (now, one.state, one.reason, one.wait, one.in_flight, one.in_flight_bound) == (
        3.0,
        RunState.RUNNING,
        "asks",
        None,
        3,
        16,
    )
    assert (one.asking, one.forecast, one.at_once, one.places) == ({"main": 2, "spare": 1}, forecast, 7, places)
    assert (other.wait, other.in_flight) == (QUOTA, 0)


def test_a_beat_that_cannot_be_written_is_tried_again_at_the_next_tick() -> None:
    """With the time that was waited since the last one that was."""
    written: list[float] = []
    broken = [True]

    def beat(beat: Any, *, now: float) -> None:
        if broken[0]:
            raise sqlite3.OperationalError("disk is full")
        written.append(round(beat.waited_s, 3))

    now = [0.0]
    heart = Heartbeat(SimpleNamespace(beat=beat), lambda: now[0], Tempo(), None)  # type: ignore[arg-type]
    for now[0], broken[0] in ((0.0, False), (0.2, False), (1.2, True), (1.4, True), (1.6, False)):
        heart.beat(RunState.WAITING, "", QUOTA, dict, 0)
    assert written == [0.0, 1.6]
