"""Run the worker's loop: handle commands, send, beat. One per run, on one event loop.

It decides nothing about quotas (the pacer does) and nothing about answers (:mod:`core.worker.settle` does). It owns the
order of things: a command is looked at before a call goes out, and whatever ends the loop, the run file says how.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from core.commands import catalog, review  # noqa: F401 - these register every command
from core.commands.command import Command, Outcome, WorkerControl, decode
from core.errors import LabeltuiError, RunFileError, RunLostError
from core.llm.answers import judge_of
from core.llm.task import fixed_chars
from core.model import REFUSED, BatchLimits, Budget, Forecast, KeyState, PendingEmail, RunState, Task, View, Wait
from core.quota.forecast.plans import Price
from core.storage.file.control import CommandInbox, CommandRow
from core.storage.writing.store import Answer, Store
from core.worker.commit import RETRY_S, Committer, best_effort
from core.worker.heartbeat import Heartbeat, Tempo, doing
from core.worker.lanes.batch import USUAL, BatchLane, BatchServer, Reports
from core.worker.lanes.lane import Lane, Listener
from core.worker.lanes.online import OnlineLane
from core.worker.pacer import AnyPacer
from core.worker.pause import NOTHING_OUT, Pause
from core.worker.queue import FirstN, Queue
from core.worker.settle import Asks, Fleet, Judges, Loads, LocalFleet
from core.worker.watches import RunWatches

_log = logging.getLogger(__name__)

_LOADING = "loading the validator"
_RENEWING = "the task changed; calls in flight end under the old version"


UNJUDGED_MOST = 8
"""So many calls go out before the validator is loaded: a kill until then loses them, like any that are in flight."""

RESCAN_S = 10.0
"""While batches are out, the queue is read anew so often: what they leave for live calls is known when they end."""

WINDOW, PACKED_WINDOW = 256, 2_048
"""Emails that the queue holds, and where several of them share a call: 32 calls of up to 20 are out at once."""

CANCELLING_MOST_S = 15.0
"""Seconds that a stopping worker waits until the server was asked to end its batches."""

BLOCKED_MOST_S = 5.0
"""Seconds that a stopping worker waits for a disk that refuses its answers, and then gives them up."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Hold how the loop ended: the state it leaves the run in and why. ``no_key`` and ``broken`` choose the exit code.

    ``renews``: another version of the task is active, and a worker for that one goes on in the same epoch.
    """

    state: RunState
    reason: str
    no_key: bool = False
    broken: bool = False
    renews: bool = False

    @property
    def stopped(self) -> bool:
        """Return whether somebody stopped it, with nothing wrong."""
        return self.state is RunState.STOPPED and not self.no_key and not self.broken


class Worker:
    """Label one run's emails until they are settled or a person stops it.

    Everything it works with is handed in, so that the same loop runs under real and under virtual time. ``guard``
    may be a function that builds one. What takes seconds to load is loaded in a thread while the first calls are out.
    """

    def __init__(
        self,
        *,
        store: Store,
        inbox: CommandInbox,
        broker: AnyPacer,
        task: Task,
        guard: Judges | Callable[[], Judges],
        client_of: Callable[[Any], Asks],
        fleet: Fleet | None = None,
        clock: Callable[[], float],
        tempo: Tempo | None = None,
        forecast: Callable[[], Forecast | None] | None = None,
        price: Price | None = None,
        paused: str = "",
        batch_server: BatchServer | None = None,
        batch_limits: BatchLimits = USUAL,
        lane_chosen: Callable[[str], None] = lambda _: None,
        live: Callable[[float], Forecast | None] = lambda _: None,
    ) -> None:
        """Make the loop; ``lane_chosen`` is called with the lane that the run asks in from now on.

        ``forecast`` returns when the run ends with live calls, and ``live`` when they have asked about so many texts.
        """
        self.store = store
        self.broker = broker
        self.queue = Queue(
            self._pending,
            dedupe=store.dedupe,
            window=WINDOW if task.pack == 1 else PACKED_WINDOW,
            is_pending=store.is_pending,
        )
        self._inbox = inbox
        self._guard = guard
        self._client_of = client_of
        self._fleet = fleet
        self._judge: Judges | None = None
        self._first_call = asyncio.Event()
        self._loaded = False
        self._clock = clock
        self._tempo = tempo or Tempo()
        self._committer = Committer(store, clock, self._observe)
        self._heartbeat = Heartbeat(
            store,
            clock,
            self._tempo,
            None if forecast is None else self._ends,
            lambda: broker.at_once,
            fleet.places if fleet is not None else tuple,
        )
        self._forecast = forecast
        self._wake = asyncio.Event()
        self._pause = Pause(
            store, self.queue, clock, price=price, reason=paused, began=self._wake.set, hint=self._form_hint
        )
        self._lane: Lane = OnlineLane(
            task=task,
            store=store,
            pacer=broker,
            queue=self.queue,
            committer=self._committer,
            clock=clock,
            listener=Listener(
                labeled=self._pause.labeled,
                failed=self._pause.failed,
                run_over=self._run_over,
                noted=self._noted,
                landed=self._landed,
                grown=lambda: self._beat(at_once=True),
            ),
            canaries=lambda: self._watches.canaries if self._watches is not None else None,
            packs=lambda: self._watches.packs if self._watches is not None else None,
            most_texts=lambda: self._batches.trial_room if self._batches is not None else None,
        )
        self._batches: BatchLane | None = None
        if batch_server is not None:
            self._batches = BatchLane(
                task=task,
                store=store,
                queue=self.queue,
                server=batch_server,
                clock=clock,
                limits=batch_limits,
                live=live,
                reports=Reports(
                    noted=self._noted,
                    committed=self._observe,
                    labeled=self._pause.labeled,
                    failed=self._pause.failed,
                    over_budget=lambda tokens, completion: self._pause.why_over_budget(
                        self._lane.tokens, _plus(self._batch_tokens, (tokens, completion))
                    ),
                ),
            )
        self._watches: RunWatches | None = None
        self._lane_chosen = lane_chosen
        self._rescanned_at = float("-inf")
        self._cancel_batches = False
        self._renewing = False
        self._ending: Ending | None = None
        self._stopped_at = 0.0
        self._broken: BaseException | None = None
        self._wait: Wait | None = None
        self._looked_at = float("-inf")

    # -- what commands and signals do --------------------------------------------------------------------------------

    @property
    def in_flight(self) -> int:
        """Return calls in flight."""
        return len(self._lane)

    @property
    def stopping(self) -> bool:
        """Return whether the loop was asked to end."""
        return self._ending is not None

    @property
    def paused(self) -> str:
        """Return why no new call goes out, or nothing."""
        return self._pause.reason

    def pause(self, reason: str) -> None:
        """Let no new call go out; those in flight are finished."""
        self._pause.begin(reason)

    def resume(self) -> None:
        """Go on."""
        self._pause.end()
        self._wake.set()

    def try_out(self, emails: int) -> None:
        """Go on with so many different texts, then pause."""
        self.queue.first_n = FirstN(emails, dedupe=self.store.dedupe)
        self.resume()

    def stop(self, ending: Ending | None = None) -> None:
        """End after the calls in flight have finished; requested by a person again, cancel them."""
        if self._ending is not None and ending is None:
            self._lane.cut_off()
        if self._ending is None:
            self._ending, self._stopped_at = (
                ending or Ending(RunState.STOPPED, "stopped by the operator"),
                self._clock(),
            )
        self._wake.set()

    def allow(self, budget: Budget) -> None:
        """Let the run spend so much from now on."""
        self._pause.allow(budget)

    def choose_concurrency(self, most: int | None) -> None:
        """Have so many calls at once from now on; None lets the number be found."""
        self.store.set_concurrency(most, now=self._clock())
        self.broker.choose_concurrency(most)
        self._wake.set()

    def activate(self, task: Task, *, by: str, command_id: str) -> str:
        """Activate a version of the task: calls in flight end under the old one, then all is built anew."""
        sentence = self.store.activate(task, by=by, now=self._clock(), command_id=command_id).sentence
        self._renewing = True
        self._wake.set()
        out = self.in_flight
        calls = "1 call out ends" if out == 1 else f"{out} calls out end"
        return f"{sentence}; {calls} under the old one" if out else sentence

    def forget(self, email_ids: Sequence[int]) -> None:
        """Take emails out of the queue."""
        for email_id in email_ids:
            self.queue.forget(email_id)

    def rescan(self) -> None:
        """Read the queue anew: emails were requeued."""
        self.broker.requeued()
        self.queue.rescan()
        self._wake.set()

    def restart_watch(self, watch: str) -> None:
        """Begin a watch anew after its alarm was dismissed."""
        if self._watches is not None:
            self._watches.restart(watch)

    def look_at_keys(self) -> list[str]:
        """Take in what happened to keys, here or by an operator's hand, and note it in the run."""
        sentences = self.broker.tick()
        for sentence in sentences:
            self.store.add_event("key", sentence, now=self._clock())
        return sentences

    def swap(self) -> str:
        """Disable the key in use and switch to the next; calls in flight keep the key they have."""
        sentence = self.broker.swap()
        self.look_at_keys()
        self._wake.set()
        return sentence

    def cancel_batches(self) -> str:
        """End open batches at the server, before this worker ends; says how many."""
        if self._batches is None or not self._batches.open:
            return ""
        self._cancel_batches = True
        self._wake.set()
        return f"; {self._batches.open} batch{'' if self._batches.open == 1 else 'es'} cancelled at the server"

    def choose_lane(self, *, cancel: bool) -> str:
        """Ask in the way that the run file says from now on; ``cancel`` ends open batches at the server."""
        self._lane_chosen(self.store.lane().lane)
        if self._batches is None:
            return "this worker has none"
        self._batches.choose()
        self._cancel_batches = self._cancel_batches or cancel
        self._wake.set()
        return f"{self._batches.open} open" if self._batches.open else ""

    # -- the loop --------------------------------------------------------------------------------------------------

    async def run(self) -> Ending:
        """Work until an end is reached, and write it into the run file.

        Raises:
            RunLostError: another worker took the run over; nothing more was written.
        """
        jobs = self._committer.run(), self._load_guard(), self._run_batches()
        helpers = [asyncio.create_task(job) for job in jobs]
        try:
            ending = await self._work()
        except Exception as error:
            # What the calls in flight cost is paid: their answers are kept, unless nothing can be written any more.
            self._ending = self._ending or Ending(RunState.STOPPED, str(error))
            if isinstance(error, RunLostError) or self._committer.blocked or self._committer.broken:
                self._lane.cut_off()
            raise
        except BaseException:
            self._lane.cut_off()
            raise
        finally:
            await self._lane.drain()
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
        self.broker.close()
        if ending.stopped and not self.store.pending_count:
            ending = self._all_settled()  # the calls that were out when it was stopped were the last ones
        if not ending.renews:
            self.store.end_epoch(ending.state, ending.reason, now=self._clock())
        return ending

    async def _load_guard(self) -> None:
        """Build the guard, and load it once the first calls are out: its import takes as long as their answers.

        Where places judge their own answers, it is loaded for batches alone.
        """
        try:
            self._judge = self._guard() if callable(self._guard) else self._guard
            self._lane.begin(self._fleet or LocalFleet(self._client_of, self._judge))
            self._wake.set()
            if isinstance(self._judge, Loads) and self._fleet is None:
                await self._first_call.wait()
                await self._judge.load()
            self._loaded = True
        except Exception as error:  # noqa: BLE001 - whatever it is, the loop raises it
            self._broken = error
        self._wake.set()

    @property
    def _batch_tokens(self) -> tuple[float, float]:
        """Return the tokens that open batches may take, and how many of them are of answers."""
        if self._batches is None or not self._batches.open:
            return NOTHING_OUT
        return self._batches.tokens, self._batches.completion_tokens

    async def _run_batches(self) -> None:
        """Look after batches beside the live calls; a run without any costs nothing."""
        while self._batches is not None:
            wait_s = self._tempo.tick_s
            try:
                if self._cancel_batches:
                    await self._batches.cancel()
                    self._cancel_batches = False
                    self._wake.set()
                if self._judge is not None:
                    wait_s = min(wait_s, await self._step_batches(self._batches, self._judge))
            except sqlite3.OperationalError as error:
                _log.warning("a batch waits for the run file: %s", error)
                wait_s = RETRY_S
            except Exception as error:  # noqa: BLE001 - whatever it is, the loop raises it
                self._broken = self._broken or error
                self._wake.set()
                return
            await asyncio.sleep(max(wait_s, 0.001))

    async def _step_batches(self, batches: BatchLane, guard: Judges) -> float:
        if not batches.open and not batches.packs:
            return self._tempo.tick_s
        held = self._ending or self._renewing or self._pause.reason or self._committer.blocked
        return await batches.step(guard, held=bool(held))

    def _ends(self) -> Forecast | None:
        """Return when the run ends: with live calls alone, or with its batches too."""
        if self._batches is not None and (self._batches.open or self._batches.packs):
            return self._batches.ends()
        return self._forecast() if self._forecast is not None else None

    def _pending(self, after: int, limit: int) -> list[PendingEmail]:
        """Return what live calls may ask about."""
        asked = self._batches.asked_only if self._batches is not None else None
        return self.store.pending(after=after, limit=limit, asked=asked)

    async def _work(self) -> Ending:
        while True:
            self._look_up()
            if self._broken is not None:
                raise self._broken
            if self._ending is not None and not self._lane and not self._awaits_cancelling():
                return self._ending
            self._give_up_where_blocked()
            if self._renewing and self._ending is None and not self._lane:
                return Ending(RunState.RUNNING, "the task changed", renews=True)
            self._wait = None
            pause_s = self._tempo.tick_s
            if self._lane.ready and not self._held():
                pause_s = self._send()
            self._beat()
            await self._sleep(min(pause_s, self._tempo.tick_s))

    def _awaits_cancelling(self) -> bool:
        """Return whether the server is still to be asked to end batches: a stopping worker waits some seconds."""
        return self._cancel_batches and self._clock() - self._stopped_at < CANCELLING_MOST_S

    def _give_up_where_blocked(self) -> None:
        """End a worker that was asked to stop although the disk takes none of its answers."""
        blocked = self._committer.blocked
        if self._ending is None or not blocked or self._clock() - self._stopped_at < BLOCKED_MOST_S:
            return
        kept = self._committer.kept
        raise RunFileError(
            f"{self._ending.reason}, while {self.store.path} cannot be written ({blocked}). {kept} answer"
            f"{'' if kept == 1 else 's'} could not be saved: make room on the disk, then start again. These texts are"
            " asked about again, and may be paid for twice."
        )

    async def _sleep(self, span_s: float) -> None:
        if not self._wake.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.001, span_s)):
                    await self._wake.wait()
        self._wake.clear()

    def _look_up(self) -> None:
        """Handle commands and take in what happened to keys, a few times a second."""
        now = self._clock()
        if 0 <= now - self._looked_at < self._tempo.tick_s:
            return
        self._looked_at = now
        with best_effort("handle a command"):
            for command in self._inbox.take():
                handle(self, self.store, command, now)
        with best_effort("note what happened to a key"):
            self.look_at_keys()

    # -- sending ---------------------------------------------------------------------------------------------------

    def _held(self) -> bool:
        """Return whether no call may go out now, whatever the quotas allow."""
        held = self._ending or self._renewing or self._pause.reason or self._committer.blocked
        return bool(held) or self._loading or self._pause.over_budget(self._lane.tokens, self._batch_tokens)

    @property
    def _loading(self) -> bool:
        """Return whether as many calls are out as may be before an answer can be judged and committed."""
        return not self._loaded and len(self._lane) >= UNJUDGED_MOST

    def _send(self) -> float:
        """Let every call go out that may; return the seconds until another may."""
        sent = self._lane.send(self._held)
        if self._lane:
            self._first_call.set()
        self._wait = sent.wait
        if sent.idle and not self._pause.first_n_is_over(self.in_flight):
            self._finish_if_done()
        if sent.no_keys and not self._await_a_key(sent.no_keys):
            self.stop(Ending(RunState.STOPPED, sent.no_keys, no_key=True))
        if sent.wait is not None and sent.wait.until_at is not None:
            return sent.wait.until_at - self._clock()
        return self._tempo.tick_s

    def _await_a_key(self, reason: str) -> bool:
        """Return whether to stay for a key: an operator who disabled the last one will bring another."""
        disabled = any(key.state is KeyState.DISABLED for key in self.broker.statuses())
        if self._lane.bound and disabled:
            self._wait = Wait(None, "", "", reason)
            return True
        return False

    def _finish_if_done(self) -> None:
        if self._lane or not self.queue.exhausted:
            return
        if self._batches is not None and self.store.pending_count and (self._batches.open or self._batches.packs):
            if not 0 <= self._clock() - self._rescanned_at < RESCAN_S:
                self._rescanned_at = self._clock()
                self.queue.rescan()
            if self._batches.open:
                self._wait = Wait(None, "", "", self._batches.sentence)
            return
        if self.store.pending_count:
            self.queue.rescan()
            self._wake.set()
            return
        if self.store.failed_count and (hint := self._form_hint()):
            self._noted(hint.strip())
        self.stop(self._all_settled())

    def _all_settled(self) -> Ending:
        failed = self.store.failed_count
        reason = f"everything is settled, {failed:,} of them failed" if failed else "everything is settled"
        return Ending(RunState.DONE, reason)

    # -- what the lane reports -----------------------------------------------------------------------------------------

    def _landed(self, error: BaseException | None) -> None:
        self._broken = self._broken or error
        self._wake.set()

    def _run_over(self, reason: str) -> None:
        self.stop(Ending(RunState.STOPPED, reason, broken=True))

    def _noted(self, sentence: str) -> None:
        with best_effort("note what a call came to"):
            self.store.add_event("key", sentence, now=self._clock())

    def _observe(self, answers: Sequence[Answer]) -> None:
        """Let the watches see committed answers; the first of them takes the watches up from the run file."""
        if self._watches is None:
            self._watches = RunWatches(
                self.store, self._clock, self._pause.alarm, fixed_chars=fixed_chars(self.store.task())
            )
        else:
            self._watches.observe(answers)

    def _form_hint(self) -> str:
        """Return how many failed emails hold a label in another form, and how to accept it; nothing where none does."""
        task = self.store.task()
        with best_effort("look for labels in other forms"):
            if task.judge != "tolerant" and (held := self.store.rejudgeable(judge_of(replace(task, judge="tolerant")))):
                name = self.store.path.stem
                return (
                    f" {held:,} of them hold a label in another form: `labeltui rejudge {name} --tolerant` accepts it."
                )
        return ""

    def _beat(self, *, at_once: bool = False) -> None:
        state, reason = doing(
            blocked=self._committer.blocked,
            stopping=self.stopping,
            paused=self._pause.reason,
            loading=_RENEWING if self._renewing else _LOADING if self._loading else "",
            wait=self._wait,
            out=self.in_flight,
            trying=self.queue.first_n.going_on if self.queue.first_n is not None else "",
        )
        self._heartbeat.beat(state, reason, self._wait, self._lane.by_key, self._lane.bound, at_once=at_once)


def _plus(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return one[0] + other[0], one[1] + other[1]


class WorkedRun:
    """Hold a run whose worker this is, as commands see it."""

    def __init__(self, worker: WorkerControl, store: Store, row: CommandRow, now: float) -> None:
        self.name = store.path.stem
        self.by = row.requested_by
        self.now = now
        self.command_id: str | None = row.id
        self.worker = worker
        self.store = store

    def start(self, only: int | None) -> NoReturn:
        """Refuse: a worker is there already."""
        raise RuntimeError(f"start({only}) in a worker")

    def swap_keys(self) -> NoReturn:
        """Refuse: the worker swaps keys itself."""
        raise RuntimeError("keys swapped behind a worker")

    def views_of(self, task: Task) -> Callable[[str], View]:
        """Refuse: no worker makes texts anew."""
        raise RuntimeError(f"texts of {task.version} made in a worker")


def handle(worker: WorkerControl, store: Store, row: CommandRow, now: float) -> None:
    """Apply one command and record what came of it."""
    argument = row.argument
    try:
        command: Command = decode(row.kind, row.argument)
        outcome = command.apply(WorkedRun(worker, store, row, now))
        argument = command.recorded()
    except (LabeltuiError, ValueError, KeyError, TypeError, OverflowError) as error:
        outcome = Outcome(f"{REFUSED}{error}")
    store.acknowledge(row, argument, outcome.sentence, now=now, wanted=outcome.wanted)
