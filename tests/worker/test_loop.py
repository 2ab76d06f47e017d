"""The worker's loop step by step, on a run file, pacer and lanes that are plain values: what it decides and says."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import RunFileError
from core.llm.task import builtin_task
from core.model import Budget, Forecast, KeyState, RunState, Wait
from core.worker import loop
from core.worker.lanes.lane import Sent
from core.worker.loop import Ending, Worker

TASK = replace(builtin_task(), version="v1")


class Out:
    """A lane with so many calls out, that sends what a test wants."""

    def __init__(self) -> None:
        self.out, self.ready, self.bound, self.tokens = 0, True, 0, (0.0, 0.0)
        self.sent = Sent()
        self.did: list[str] = []

    def __len__(self) -> int:
        return self.out

    def send(self, held: Any) -> Sent:
        self.did.append(f"sends, {'held' if held() else 'free'}")
        return self.sent

    def cut_off(self) -> None:
        self.did.append("cut off")
        self.out = 0

    async def drain(self) -> None:
        self.did.append("drained")

    def by_key(self) -> dict[str, int]:
        return {"main": self.out}

    def begin(self, fleet: Any) -> None:
        self.did.append("begins")


class Batches:
    """Batches that are open or not."""

    def __init__(self, open_: int = 0, *, packs: bool = False) -> None:
        self.open, self.packs, self.tokens, self.completion_tokens = open_, packs, 900.0, 90.0
        self.sentence, self.asked_only, self.trial_room = "waiting for batches", True, 5
        self.did: list[str] = []

    def choose(self) -> None:
        self.did.append("chosen")

    async def cancel(self) -> int:
        self.did.append("cancelled")
        return self.open

    async def step(self, _guard: Any, *, held: bool) -> float:
        self.did.append(f"step{' held' if held else ''}")
        return 7.0

    def ends(self) -> Forecast:
        return Forecast(9.0, 8.0, 10.0, "batches")


class Desk:
    """A worker with all around it in plain values."""

    def __init__(self, *, batches: Batches | None = None, pending: int = 3, failed: int = 0, **given: Any) -> None:
        self.now = 100.0
        self.events: list[tuple[str, str]] = []
        self.beats: list[Any] = []
        self.said: list[str] = []
        self.ended: list[tuple[RunState, str]] = []
        self.states = [KeyState.READY]
        self.lanes: list[str] = []
        self.rejudgeable = 0
        self.ticks: list[str] = []
        self.inbox: list[Any] = []
        self.store = SimpleNamespace(
            dedupe=True, is_pending=lambda _: True, pending=self._pending, seed=lambda: 1, pack_size=lambda: 1,
            budget=Budget, pending_count=pending, failed_count=failed, path=Path("/runs/mail.db"), task=lambda: TASK,
            add_event=lambda kind, text, now: self.events.append((kind, text)), beat=lambda beat, now: self.beats.append(beat),
            end_epoch=lambda state, reason, now: self.ended.append((state, reason)), lane=lambda: SimpleNamespace(lane="flex"),
            rejudgeable=lambda _: self.rejudgeable, spent=lambda: (0, 0, 0.0), batch_spent=lambda: (0, 0),
            set_concurrency=lambda most, now: self.said.append(f"stored {most}"),
            activate=lambda task, by, now, command_id: SimpleNamespace(sentence=f"{task.version} is active"),
        )  # fmt: skip
        self.asked: list[Any] = []
        self.broker = SimpleNamespace(
            at_once=4, tick=self._tick, statuses=lambda: [SimpleNamespace(state=each) for each in self.states],
            choose_concurrency=lambda most: self.said.append(f"paced {most}"), requeued=lambda: self.said.append("requeued"),
            swap=lambda: "spare is used", close=lambda: self.said.append("closed"),
        )  # fmt: skip
        self.worker = Worker(
            store=self.store,  # type: ignore[arg-type]
            inbox=SimpleNamespace(take=self._take),  # type: ignore[arg-type]
            broker=self.broker,  # type: ignore[arg-type]
            task=TASK,
            guard=SimpleNamespace(judge=None),  # type: ignore[arg-type]
            client_of=lambda _: None,  # type: ignore[arg-type, return-value]
            clock=lambda: self.now,
            lane_chosen=self.lanes.append,
            **given,
        )
        self.lane = self.worker._lane = Out()  # type: ignore[assignment]
        self.worker._batches = batches  # type: ignore[assignment]
        self.worker._loaded = True

    def _pending(self, *, after: int, limit: int, asked: Any) -> list[Any]:
        self.asked.append(asked)
        return []

    def _tick(self) -> list[str]:
        told, self.ticks = self.ticks, []
        return told

    def _take(self) -> list[Any]:
        self.said.append("looked")
        return self.inbox


def test_the_first_stop_ends_and_a_second_one_cuts_calls_off() -> None:
    """What ends it by itself is kept, and cuts nothing off."""
    desk = Desk()
    desk.worker.stop()
    assert desk.worker._ending == Ending(RunState.STOPPED, "stopped by the operator")
    assert (desk.worker.stopping, desk.lane.did, desk.worker._stopped_at) == (True, [], 100.0)
    desk.now = 105.0
    desk.worker.stop(Ending(RunState.STOPPED, "no key", no_key=True))
    assert (desk.lane.did, desk.worker._stopped_at) == ([], 100.0)
    desk.worker.stop()
    assert desk.lane.did == ["cut off"]
    other = Desk()
    other.worker.stop(Ending(RunState.DONE, "all"))
    assert other.worker._ending == Ending(RunState.DONE, "all")


@pytest.mark.parametrize(
    ("ending", "stopped"),
    [
        (Ending(RunState.STOPPED, ""), True),
        (Ending(RunState.DONE, ""), False),
        (Ending(RunState.STOPPED, "", no_key=True), False),
        (Ending(RunState.STOPPED, "", broken=True), False),
    ],
)
def test_an_ending_is_a_persons_stop_where_nothing_was_wrong(ending: Ending, stopped: bool) -> None:
    """Neither keys nor anything else."""
    assert ending.stopped is stopped


@pytest.mark.parametrize(
    ("out", "said"),
    [
        (0, "v1 is active"),
        (1, "v1 is active; 1 call out ends under the old one"),
        (2, "v1 is active; 2 calls out end under the old one"),
    ],
)
def test_a_new_version_says_which_calls_end_under_the_old_one(out: int, said: str) -> None:
    """And nothing more goes out under it."""
    desk = Desk()
    desk.lane.out = out
    assert desk.worker.activate(TASK, by="ana", command_id="c") == said
    assert desk.worker._held()


@pytest.mark.parametrize(
    ("batches", "said", "cancels"),
    [
        (None, "", False),
        (Batches(0), "", False),
        (Batches(1), "; 1 batch cancelled at the server", True),
        (Batches(2), "; 2 batches cancelled at the server", True),
    ],
)
def test_open_batches_are_cancelled_on_request(batches: Batches | None, said: str, cancels: bool) -> None:
    """A stopping worker waits fifteen seconds for that."""
    desk = Desk(batches=batches)
    assert desk.worker.cancel_batches() == said
    desk.worker.stop()
    waits = []
    for desk.now in (100.0, 114.9, 115.0):
        waits.append(desk.worker._awaits_cancelling())
    assert waits == ([True, True, False] if cancels else [False] * 3)


@pytest.mark.parametrize(
    ("batches", "cancel", "said", "cancels"),
    [
        (None, True, "this worker has none", False),
        (Batches(0), False, "", False),
        (Batches(0), True, "", True),
        (Batches(3), False, "3 open", False),
        (Batches(3), True, "3 open", True),
    ],
)
def test_a_lane_is_chosen_for_pacer_and_batches(
    batches: Batches | None, cancel: bool, said: str, cancels: bool
) -> None:
    """By what the run file says."""
    desk = Desk(batches=batches)
    assert desk.worker.choose_lane(cancel=cancel) == said
    assert desk.lanes == ["flex"]
    assert desk.worker._cancel_batches is cancels
    assert batches is None or batches.did == ["chosen"]


def test_what_a_person_does_to_a_run_reaches_pacer_and_run_file() -> None:
    """Calls at once, a requeue, another key with what happened to both."""
    desk = Desk()
    desk.worker.choose_concurrency(8)
    desk.worker.rescan()
    desk.ticks = ["main is out"]
    assert desk.worker.swap() == "spare is used"
    assert desk.said == ["stored 8", "paced 8", "requeued"]
    assert desk.events == [("key", "main is out")]
    desk.worker.pause("by ana")
    assert (desk.worker.paused, desk.worker._held()) == ("by ana", True)
    desk.worker.try_out(5)
    assert (desk.worker.paused, desk.worker._held()) == ("", False)
    assert desk.worker.queue.first_n is not None
    assert desk.worker.queue.first_n.wanted == 5


@pytest.mark.parametrize(
    ("change", "held"),
    [
        ({}, False),
        ({"_ending": Ending(RunState.STOPPED, "")}, True),
        ({"_renewing": True}, True),
        ({"_loaded": False}, False),
    ],
)
def test_what_holds_calls_back(change: dict[str, Any], held: bool) -> None:
    """A stop, another version; before the validator is loaded eight calls go out."""
    desk = Desk()
    for name, value in change.items():
        setattr(desk.worker, name, value)
    assert desk.worker._held() is held
    desk.lane.out = 7
    assert desk.worker._held() is held
    desk.lane.out = 8
    assert desk.worker._held() is (held or "_loaded" in change)
    desk.worker._committer.blocked = "disk full"
    assert desk.worker._held()


@pytest.mark.parametrize(
    ("sent", "span_s", "wait"),
    [
        (Sent(), 0.2, None),
        (Sent(wait=Wait(103.0, "", "", "quota")), 3.0, Wait(103.0, "", "", "quota")),
        (Sent(wait=Wait(None, "", "", "out")), 0.2, Wait(None, "", "", "out")),
    ],
)
def test_the_next_look_is_when_a_wait_ends(sent: Sent, span_s: float, wait: Wait | None) -> None:
    """Or a tick later; the first call that is out lets the validator load."""
    desk = Desk()
    desk.lane.sent = sent
    assert desk.worker._send() == span_s
    assert desk.worker._wait == wait
    assert not desk.worker._first_call.is_set()
    desk.lane.out = 1
    desk.worker._send()
    assert desk.worker._first_call.is_set()


@pytest.mark.parametrize(
    ("bound", "states", "stays"),
    [
        (0, [KeyState.DISABLED], False),
        (8, [KeyState.INVALID], False),
        (8, [KeyState.INVALID, KeyState.DISABLED], True),
    ],
)
def test_a_worker_without_a_key_stays_for_one_that_a_person_disabled(
    bound: int, states: list[KeyState], stays: bool
) -> None:
    """Once it has asked anything; else it ends with the reason."""
    desk = Desk()
    desk.lane.bound, desk.states, desk.lane.sent = bound, states, Sent(no_keys="none: add one")
    desk.worker._send()
    if stays:
        assert (desk.worker._ending, desk.worker._wait) == (None, Wait(None, "", "", "none: add one"))
    else:
        assert desk.worker._ending == Ending(RunState.STOPPED, "none: add one", no_key=True)


@pytest.mark.parametrize(
    ("out", "pending", "failed", "batches", "ending", "wait"),
    [
        (0, 0, 0, None, Ending(RunState.DONE, "everything is settled"), None),
        (0, 0, 1_200, None, Ending(RunState.DONE, "everything is settled, 1,200 of them failed"), None),
        (1, 0, 0, None, None, None),
        (0, 1, 0, None, None, None),
        (0, 1, 0, Batches(1), None, Wait(None, "", "", "waiting for batches")),
        (0, 1, 0, Batches(0, packs=True), None, None),
        (0, 0, 0, Batches(1), Ending(RunState.DONE, "everything is settled"), None),
    ],
)
def test_a_run_is_done_when_nothing_is_pending_or_out(
    out: int, pending: int, failed: int, batches: Batches | None, ending: Ending | None, wait: Wait | None
) -> None:
    """What still pends is read anew; with batches it is waited for."""
    desk = Desk(batches=batches, pending=pending, failed=failed)
    desk.worker.queue.front(1)
    desk.lane.out, desk.lane.sent = out, Sent(idle=True)
    desk.asked.clear()
    desk.worker._wake.clear()
    desk.worker._send()
    assert (desk.worker._ending, desk.worker._wait) == (ending, wait)
    read_anew = pending == 1 and not out and batches is None
    assert desk.worker._wake.is_set() is (ending is not None or read_anew)
    desk.worker.queue.front(1)
    assert len(desk.asked) == (pending and not out)


def test_while_batches_are_out_the_queue_is_read_anew_every_ten_seconds() -> None:
    """And where the clock was set back."""
    desk = Desk(batches=Batches(1))
    desk.lane.sent = Sent(idle=True)
    read = []
    for desk.now in (100.0, 109.9, 110.0, 111.0, 90.0, 95.0):
        desk.worker.queue.front(1)
        desk.asked.clear()
        desk.worker._send()
        desk.worker.queue.front(1)
        read.append(len(desk.asked))
    assert read == [1, 0, 1, 0, 1, 0]
    assert set(desk.asked) <= {True}


@pytest.mark.parametrize(("count", "said"), [(1, "1 answer could"), (2, "2 answers could")])
def test_a_stop_gives_up_after_five_seconds_where_the_disk_takes_nothing(count: int, said: str) -> None:
    """And says how many answers were lost."""
    desk = Desk()
    desk.worker._committer.blocked = "disk full"
    desk.worker._committer._queue = [None] * count  # type: ignore[list-item]
    desk.worker._give_up_where_blocked()
    desk.worker.stop()
    desk.now = 104.9
    desk.worker._give_up_where_blocked()
    desk.now = 105.0
    with pytest.raises(RunFileError) as caught:
        desk.worker._give_up_where_blocked()
    assert str(caught.value) == (
        f"stopped by the operator, while /runs/mail.db cannot be written (disk full). {said} not be saved: make room on the"
        " disk, then start again. These texts are asked about again, and may be paid for twice."
    )


def test_commands_and_keys_are_looked_at_every_tick() -> None:
    """Also where the clock was set back, and where the disk refuses to note either."""
    desk = Desk()
    looked = []
    for desk.now in (100.0, 100.1, 100.21, 99.0, 99.1):
        desk.said.clear()
        desk.ticks = ["main is out"]
        desk.worker._look_up()
        looked.append(len(desk.said))
    assert looked == [1, 0, 1, 1, 0]
    assert desk.events == [("key", "main is out")] * 3

    def refuses(*_: Any, **__: Any) -> None:
        raise sqlite3.OperationalError("disk full")

    desk.store.add_event = refuses
    desk.now, desk.ticks = 200.0, ["main is out"]
    desk.worker._look_up()


@pytest.mark.parametrize(
    ("judge", "count", "said"),
    [
        ("exact", 0, ""),
        ("exact", 1_200, " 1,200 of them hold a label in another form: `labeltui rejudge mail --tolerant` accepts it."),
        ("tolerant", 1_200, ""),
    ],
)
def test_failed_texts_that_hold_a_label_in_another_form_are_told(judge: str, count: int, said: str) -> None:
    """With the command that accepts it, at the end of a run too."""
    desk = Desk(pending=0, failed=2)
    desk.rejudgeable = count
    desk.store.task = lambda: replace(TASK, judge=judge)
    assert desk.worker._form_hint() == said
    desk.worker.queue.front(1)
    desk.lane.sent = Sent(idle=True)
    desk.worker._send()
    assert desk.events == ([("key", said.strip())] if said else [])


@pytest.mark.parametrize(
    ("batches", "expected", "tokens"),
    [
        (None, Forecast(1.0, 1.0, 1.0, "live"), (0.0, 0.0)),
        (Batches(0), Forecast(1.0, 1.0, 1.0, "live"), (0.0, 0.0)),
        (Batches(1), Forecast(9.0, 8.0, 10.0, "batches"), (900.0, 90.0)),
        (Batches(0, packs=True), Forecast(9.0, 8.0, 10.0, "batches"), (0.0, 0.0)),
    ],
)
def test_open_batches_enter_the_end_and_the_budget(
    batches: Batches | None, expected: Forecast, tokens: tuple[float, float]
) -> None:
    """Those that follow enter the end alone."""
    desk = Desk(batches=batches, forecast=lambda: Forecast(1.0, 1.0, 1.0, "live"))
    assert desk.worker._ends() == expected
    assert desk.worker._batch_tokens == tokens
    assert desk.worker._pending(-1, 5) == []
    assert desk.asked == [None if batches is None else True]


@pytest.mark.parametrize(
    ("batches", "change", "did", "wait_s"),
    [
        (Batches(0), {}, [], 0.2),
        (Batches(0, packs=True), {}, ["step"], 7.0),
        (Batches(1), {}, ["step"], 7.0),
        (Batches(1), {"_ending": Ending(RunState.STOPPED, "")}, ["step held"], 7.0),
        (Batches(1), {"_renewing": True}, ["step held"], 7.0),
    ],
)
def test_batches_are_looked_after_and_packed_unless_calls_are_held(
    batches: Batches, change: dict[str, Any], did: list[str], wait_s: float
) -> None:
    """A pause and a full disk hold them too."""
    desk = Desk(batches=batches)
    for name, value in change.items():
        setattr(desk.worker, name, value)
    assert asyncio.run(desk.worker._step_batches(batches, None)) == wait_s  # type: ignore[arg-type]
    assert batches.did == did
    for hold in ("reason", "blocked"):
        batches.did.clear()
        other = Desk(batches=batches)
        setattr(other.worker._pause if hold == "reason" else other.worker._committer, hold, "held")
        asyncio.run(other.worker._step_batches(batches, None))  # type: ignore[arg-type]
        assert set(batches.did) <= {"step held"}


@pytest.mark.parametrize(
    ("pending", "failed", "ended"),
    [
        (3, 0, (RunState.STOPPED, "stopped by the operator")),
        (0, 0, (RunState.DONE, "everything is settled")),
        (0, 1, (RunState.DONE, "everything is settled, 1 of them failed")),
    ],
)
def test_a_stop_with_nothing_left_is_an_end(pending: int, failed: int, ended: tuple[RunState, str]) -> None:
    """The calls that were out were the last ones; the pacer leaves, and the run file says how it ended."""
    desk = Desk(pending=pending, failed=failed)
    desk.worker.stop()
    found = asyncio.run(desk.worker.run())
    assert (found.state, found.reason) == ended
    assert desk.ended == [ended]
    assert desk.said[-1] == "closed"
    assert "drained" in desk.lane.did


def test_a_new_version_leaves_the_epoch_open() -> None:
    """The worker for it goes on in the same one."""
    desk = Desk()
    desk.worker.activate(TASK, by="ana", command_id="c")
    assert asyncio.run(desk.worker.run()) == Ending(RunState.RUNNING, "the task changed", renews=True)
    assert desk.ended == []


def test_an_error_of_a_call_ends_the_loop_with_its_own_reason() -> None:
    """The first one counts, and calls that are out are waited for."""
    desk = Desk()
    desk.worker._landed(None)
    desk.worker._landed(ValueError("odd"))
    desk.worker._landed(ValueError("odder"))
    with pytest.raises(ValueError, match=r"^odd$"):
        asyncio.run(desk.worker.run())
    assert desk.worker._ending == Ending(RunState.STOPPED, "odd")
    assert "cut off" not in desk.lane.did
    assert "drained" in desk.lane.did
    blocked = Desk()
    blocked.worker._committer.blocked = "disk full"
    blocked.worker._landed(ValueError("odd"))
    with pytest.raises(ValueError, match=r"^odd$"):
        asyncio.run(blocked.worker.run())
    assert "cut off" in blocked.lane.did


def test_a_beat_says_what_the_worker_does() -> None:
    """Loading, a first N, a wait, another version."""
    desk = Desk()
    desk.worker._beat(at_once=True)
    desk.worker._loaded, desk.lane.out = False, 8
    desk.worker._beat(at_once=True)
    desk.worker._renewing = True
    desk.worker._beat(at_once=True)
    desk.worker._loaded, desk.worker._renewing, desk.lane.out = True, False, 0
    desk.worker.try_out(2)
    desk.worker._beat(at_once=True)
    desk.worker._wait = Wait(103.0, "", "", "quota")
    desk.worker._beat(at_once=True)
    assert [(each.state, each.reason) for each in desk.beats] == [
        (RunState.RUNNING, ""),
        (RunState.RUNNING, "loading the validator"),
        (RunState.RUNNING, "the task changed; calls in flight end under the old version"),
        (RunState.RUNNING, "trying 2 texts, then pausing"),
        (RunState.WAITING, "quota"),
    ]
    assert [each.at_once for each in desk.beats] == [4] * 5
    assert loop._plus((1.0, 2.0), (10.0, 20.0)) == (11.0, 22.0)


def test_whatever_a_person_does_wakes_the_loop_at_once() -> None:
    """A command is acted on within a tick, also while the worker waits for a quota."""
    desk = Desk(batches=Batches(1))
    worker = desk.worker
    for act in (
        lambda: worker.pause("by ana"),
        worker.resume,
        lambda: worker.try_out(2),
        lambda: worker.choose_concurrency(2),
        lambda: worker.activate(TASK, by="", command_id=""),
        worker.rescan,
        worker.swap,
        worker.cancel_batches,
        lambda: worker.choose_lane(cancel=False),
        worker.stop,
        lambda: worker._landed(None),
    ):
        worker._wake.clear()
        act()
        assert worker._wake.is_set()


class Guard:
    """A validation that is loaded when a test says so."""

    def __init__(self, error: Exception | None = None) -> None:
        self.did: list[str] = []
        self.go, self.error = asyncio.Event(), error

    async def judge(self, _: Any) -> Any:
        return None

    async def load(self) -> None:
        self.did.append("loads")
        await self.go.wait()
        if self.error is not None:
            raise self.error


@pytest.mark.asyncio
async def test_a_validator_is_loaded_once_the_first_call_is_out() -> None:
    """The lane begins before; whatever goes wrong is raised by the loop."""
    desk = Desk()
    worker, guard = desk.worker, Guard()
    worker._guard, worker._loaded = (lambda: guard), False  # type: ignore[assignment, return-value]
    loading = asyncio.create_task(worker._load_guard())
    await asyncio.sleep(0)
    assert (desk.lane.did, guard.did, worker._loaded, worker._wake.is_set()) == (["begins"], [], False, True)
    desk.lane.out = 1
    worker._wake.clear()
    worker._send()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (guard.did, worker._loaded) == (["loads"], False)
    guard.go.set()
    await loading
    assert worker._loaded
    assert worker._wake.is_set()
    assert worker._broken is None


@pytest.mark.asyncio
@pytest.mark.parametrize("elsewhere", [True, False])
async def test_a_validator_is_not_loaded_where_places_judge(elsewhere: bool) -> None:
    """Nor one that needs no loading; the lane is given what makes the calls."""
    desk = Desk()
    worker, guard = desk.worker, Guard()
    begun: list[Any] = []
    desk.lane.begin = begun.append  # type: ignore[method-assign]
    worker._fleet = SimpleNamespace() if elsewhere else None  # type: ignore[assignment]
    worker._guard = guard if elsewhere else SimpleNamespace(judge=None)  # type: ignore[assignment]
    worker._loaded = False
    await worker._load_guard()
    assert worker._loaded
    assert guard.did == []
    assert (begun[0] is worker._fleet) is elsewhere
    assert worker._judge is worker._guard


@pytest.mark.asyncio
async def test_a_validator_that_cannot_be_built_or_loaded_ends_the_loop() -> None:
    """Its error is raised there; it counts as loaded in no case."""
    for guard in (Guard(ImportError("no module")), None):
        desk = Desk()

        def build(guard: Any = guard) -> Any:
            if guard is None:
                raise ImportError("no module")
            return guard

        desk.worker._guard, desk.worker._loaded = build, False
        desk.worker._first_call.set()
        if guard is not None:
            guard.go.set()
        await desk.worker._load_guard()
        assert str(desk.worker._broken) == "no module"
        assert not desk.worker._loaded
        assert desk.worker._wake.is_set()


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_batches_are_looked_after_beside_the_calls() -> None:
    """Every tick where nothing else is said; cancelled once, where that was requested."""
    batches = Batches(1)
    desk = Desk(batches=batches)
    worker = desk.worker
    at: list[float] = []
    now = asyncio.get_running_loop().time
    began = now()
    spans = iter((0.05, 7.0, 0.0, 7.0, 7.0))

    async def step(_guard: Any, *, held: bool) -> float:
        at.append(round(now() - began, 4))
        return next(spans)

    batches.step = step  # type: ignore[method-assign]
    running = asyncio.create_task(worker._run_batches())
    await asyncio.sleep(0.3)
    assert at == []
    worker._judge = Guard()  # type: ignore[assignment]
    worker._cancel_batches = True
    worker._wake.clear()
    await asyncio.sleep(0.6)
    assert batches.did == ["cancelled"]
    assert not worker._cancel_batches
    assert worker._wake.is_set()
    assert at == [0.4, 0.45, 0.65, 0.651, 0.851]
    running.cancel()


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_batches_wait_for_a_run_file_that_cannot_be_written() -> None:
    """A second; any other error ends the loop, unless another one did before."""
    batches = Batches(1)
    desk = Desk(batches=batches)
    worker = desk.worker
    worker._judge = Guard()  # type: ignore[assignment]
    at: list[float] = []
    errors: list[Exception] = [sqlite3.OperationalError("full"), ValueError("odd")]
    now = asyncio.get_running_loop().time
    began = now()

    async def step(_guard: Any, *, held: bool) -> float:
        at.append(round(now() - began, 3))
        raise errors[len(at) - 1]

    batches.step = step  # type: ignore[method-assign]
    await worker._run_batches()
    assert at == [0.0, 1.0]
    assert worker._broken is errors[1]
    assert worker._wake.is_set()
    at.clear()
    errors[:] = [ValueError("odder")]
    await worker._run_batches()
    assert str(worker._broken) == "odd"
    worker._batches = None
    await worker._run_batches()
    assert at == [1.0]


@pytest.mark.asyncio
@pytest.mark.looptime
@pytest.mark.parametrize(
    ("span_s", "woken_s", "slept_s"), [(5.0, None, 5.0), (5.0, 2.0, 2.0), (0.0, None, 0.001), (-1.0, None, 0.001)]
)
async def test_the_loop_sleeps_until_something_wakes_it(span_s: float, woken_s: float | None, slept_s: float) -> None:
    """What woke it before is not slept over, and wakes it once."""
    worker = Desk().worker
    now = asyncio.get_running_loop().time
    began = now()
    if woken_s is not None:
        asyncio.get_running_loop().call_later(woken_s, worker._wake.set)
    await worker._sleep(span_s)
    assert now() - began == pytest.approx(slept_s)
    assert not worker._wake.is_set()
    worker._wake.set()
    began = now()
    await worker._sleep(span_s)
    assert now() == began
    assert not worker._wake.is_set()


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_each_turn_sends_beats_and_sleeps_for_a_tick_at_most() -> None:
    """Nothing is sent while calls are held; where the next may go out sooner, it wakes then."""
    desk = Desk()
    worker, lane = desk.worker, desk.lane
    loop_time = asyncio.get_running_loop().time
    began = loop_time()
    worker._clock = lambda: 100.0 + loop_time() - began
    at: list[float] = []
    desk.broker.at_once = 4

    def send(held: Any) -> Sent:
        at.append(round(loop_time() - began, 3))
        return Sent(wait=Wait(worker._clock() + (0.05 if len(at) == 1 else 9.0), "", "", "quota"))

    lane.send = send  # type: ignore[method-assign]
    working = asyncio.create_task(worker._work())
    await asyncio.sleep(0.3)
    assert at == [0.0, 0.05, 0.25]
    assert worker._wait is not None
    worker.pause("by ana")
    await asyncio.sleep(0.25)
    assert len(at) == 3
    assert worker._wait is None
    assert desk.beats[-1].reason == "by ana"
    lane.ready = False
    worker.resume()
    await asyncio.sleep(0.25)
    assert len(at) == 3
    lane.out = 1
    worker.stop()
    await asyncio.sleep(1)
    assert not working.done()
    lane.out = 0
    assert (await working).reason == "stopped by the operator"


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_a_stop_waits_until_batches_are_cancelled_at_the_server() -> None:
    """For fifteen seconds at most."""
    desk = Desk(batches=Batches(1))
    worker = desk.worker
    loop_time = asyncio.get_running_loop().time
    began = loop_time()
    worker._clock = lambda: 100.0 + loop_time() - began
    worker._cancel_batches = True
    worker.stop()
    working = asyncio.create_task(worker._work())
    await asyncio.sleep(14.9)
    assert not working.done()
    await asyncio.sleep(0.3)
    assert working.done()
    other = Desk(batches=Batches(1))
    other.worker.stop()
    assert (await other.worker._work()).stopped


def test_a_new_version_waits_for_calls_that_are_out() -> None:
    """A stop comes before it."""
    desk = Desk()
    desk.worker._renewing = True
    assert asyncio.run(desk.worker._work()) == Ending(RunState.RUNNING, "the task changed", renews=True)
    desk.worker.stop()
    assert asyncio.run(desk.worker._work()).reason == "stopped by the operator"


def test_the_end_of_a_run_with_failed_texts_names_labels_in_another_form() -> None:
    """Once, as an event of the run."""
    desk = Desk(pending=0, failed=3)
    desk.rejudgeable = 2
    desk.lane.sent = Sent(idle=True)
    desk.worker.queue.front(1)
    desk.worker._send()
    assert [text for _, text in desk.events] == [
        "2 of them hold a label in another form: `labeltui rejudge mail --tolerant` accepts it."
    ]
    assert desk.worker._ending == Ending(RunState.DONE, "everything is settled, 3 of them failed")


def test_what_a_call_came_to_is_noted_where_the_disk_takes_it() -> None:
    """As an event about a key; an error that ends the run is its end."""
    desk = Desk()
    desk.worker._noted("a sentence")
    assert desk.events == [("key", "a sentence")]

    def full(*_: Any, **__: Any) -> None:
        raise sqlite3.OperationalError("full")

    desk.store.add_event = full
    desk.worker._noted("another")
    desk.worker._run_over("the model is gone")
    assert desk.worker._ending == Ending(RunState.STOPPED, "the model is gone", broken=True)


@pytest.mark.parametrize(("pack", "window"), [(1, 256), (0, 2_048), (10, 2_048)])
def test_packs_need_a_larger_window(monkeypatch: pytest.MonkeyPatch, pack: int, window: int) -> None:
    """So that there are enough short texts to choose from."""
    monkeypatch.setattr(f"{__name__}.TASK", replace(TASK, pack=pack))
    assert Desk().worker.queue._window == window


def test_who_asks_for_what_a_worker_does_itself_is_refused() -> None:
    """A command knows by whom it was sent, when, and of which run."""
    worker: Any = SimpleNamespace()
    store: Any = SimpleNamespace(path=Path("/runs/mail.db"))
    row: Any = SimpleNamespace(requested_by="ana", id="c1")
    run = loop.WorkedRun(worker, store, row, 9.0)
    assert (run.name, run.by, run.now, run.command_id) == ("mail", "ana", 9.0, "c1")
    assert (run.worker, run.store) == (worker, store)
    for act in (lambda: run.start(3), run.swap_keys, lambda: run.views_of(TASK)):
        with pytest.raises(RuntimeError):
            act()


@pytest.mark.parametrize(
    ("kind", "argument", "recorded", "sentence"),
    [
        ("pause", "", "", ""),
        ("no such", "x", "x", "not possible: this version"),
        ("budget", "{", "{", "not possible: the command budget"),
    ],
)
def test_a_command_is_applied_and_acknowledged(kind: str, argument: str, recorded: str, sentence: str) -> None:
    """One that cannot be is acknowledged too, with the reason."""
    desk = Desk()
    told: list[Any] = []
    desk.store.acknowledge = lambda row, argument, said, *, now, wanted: told.append((row, argument, said, now, wanted))
    row: Any = SimpleNamespace(kind=kind, argument=argument, requested_by="ana", id="c1")
    loop.handle(desk.worker, desk.store, row, 9.0)  # type: ignore[arg-type]
    ((of, kept, said, at, _),) = told
    assert (of, kept, at) == (row, recorded, 9.0)
    assert said.startswith(sentence)
    assert said
    assert bool(desk.worker.paused) is (kind == "pause")


@pytest.mark.parametrize(("idle", "ends"), [(True, True), (False, False)])
def test_a_run_is_done_only_where_its_lane_found_nothing_left(idle: bool, ends: bool) -> None:
    """One that waits for a quota has something."""
    desk = Desk(pending=0)
    desk.worker.queue.front(1)
    desk.lane.sent = Sent(idle=idle)
    desk.worker._send()
    assert (desk.worker._ending is not None) is ends
