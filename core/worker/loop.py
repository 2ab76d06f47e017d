"""The worker's loop: handle, choose, send, beat. One per run, on one event loop.

It decides nothing about quotas (the broker does) and nothing about answers (the asker does). It owns the order of
things: a command is looked at before a call goes out, and whatever ends the loop, the run file says how.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from core.model import Budget, Forecast, KeyState, RunState, Task, Wait
from core.quota.forecast.plans import Price
from core.quota.pacing.broker import Broker, Candidate, Grant, Never, NoKeys
from core.storage.file.control import CommandInbox
from core.storage.writing.store import Store
from core.worker.asking import Asker, Asks, Judges, Listener
from core.worker.commands import handle
from core.worker.commit import Committer, best_effort
from core.worker.first_n import Trial
from core.worker.heartbeat import Heartbeat, Tempo
from core.worker.lanes.online import Calls
from core.worker.pause import Brake
from core.worker.queue import Line
from core.worker.reasons import doing

_LOADING = "loading the validation"
_RENEWING = "the task changed; what is out ends under the old version"
LOOK_AHEAD = 24
"""Emails that the broker may choose from."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How the loop ended: the state it leaves the run in and why. ``no_key`` and ``broken`` choose the exit code.

    ``renews``: another version of the task is in force, and a worker for that one goes on in the same epoch.
    """

    state: RunState
    reason: str
    no_key: bool = False
    broken: bool = False
    renews: bool = False


class Worker:
    """Labels one run's emails until they are settled or somebody says stop.

    Everything it works with is handed in, so that the same loop runs under real and under virtual time. ``guard``
    may be a function that builds one: it is called in a thread, because that takes seconds.
    """

    def __init__(
        self,
        *,
        store: Store,
        inbox: CommandInbox,
        broker: Broker,
        task: Task,
        guard: Judges | Callable[[], Judges],
        client_of: Callable[[Grant], Asks],
        clock: Callable[[], float],
        tempo: Tempo | None = None,
        forecast: Callable[[], Forecast | None] | None = None,
        price: Price | None = None,
        paused: str = "",
    ) -> None:
        self.store = store
        self.broker = broker
        self.line = Line(lambda after, limit: store.pending(after=after, limit=limit), dedupe=store.dedupe)
        self._inbox = inbox
        self._task = task
        self._guard = guard
        self._client_of = client_of
        self._clock = clock
        self._tempo = tempo or Tempo()
        self._committer = Committer(store, clock)
        self._pulse = Heartbeat(store, clock, self._tempo, forecast)
        self._asker: Asker | None = None
        self._wake = asyncio.Event()
        self._calls = Calls(
            store, broker, self.line, clock, landed=self._landed, grown=lambda: self._beat(at_once=True)
        )
        self._brake = Brake(store, self.line, clock, price=price, reason=paused, pulled=self._wake.set)
        self._renewing = False
        self._ending: Ending | None = None
        self._broken: BaseException | None = None
        self._wait: Wait | None = None
        self._looked_at = float("-inf")

    # -- what commands and signals do --------------------------------------------------------------------------------

    @property
    def in_flight(self) -> int:
        """Calls that are out."""
        return len(self._calls)

    @property
    def stopping(self) -> bool:
        """Whether the loop was told to end."""
        return self._ending is not None

    @property
    def paused(self) -> str:
        """Why no new call goes out, or nothing."""
        return self._brake.reason

    def pause(self, reason: str) -> None:
        """Let no new call go out; those that are out come home."""
        self._brake.pull(reason)

    def resume(self) -> None:
        """Go on."""
        self._brake.release()
        self._wake.set()

    def try_out(self, emails: int) -> None:
        """Go on with so many different texts, then pause."""
        self.line.trial = Trial(emails, dedupe=self.store.dedupe)
        self.resume()

    def stop(self, ending: Ending | None = None) -> None:
        """End when the calls that are out have come home; asked by a person again, cut them off."""
        if self._ending is not None and ending is None:
            self._calls.cut_off()
        self._ending = self._ending or ending or Ending(RunState.STOPPED, "stopped by the operator")
        self._wake.set()

    def allow(self, budget: Budget) -> None:
        """Let the run spend so much from now on."""
        self._brake.allow(budget)

    def enact(self, task: Task, *, by: str, command_id: str) -> str:
        """Put a version of the task in force: calls that are out end under the old one, then all is built anew."""
        sentence = self.store.enact(task, by=by, now=self._clock(), command_id=command_id).sentence
        self._renewing = True
        self._wake.set()
        out = self.in_flight
        return f"{sentence}; {out} call{'' if out == 1 else 's'} out end under the old one" if out else sentence

    def look_at_keys(self) -> list[str]:
        """Take in what happened to keys, here or by an operator's hand, and note it in the run."""
        sentences = self.broker.tick()
        for sentence in sentences:
            self.store.add_event("key", sentence, now=self._clock())
        return sentences

    def swap(self) -> str:
        """Take the key in use out and the next one in; calls that are out come home with the key they have."""
        sentence = self.broker.swap()
        self.look_at_keys()
        self._wake.set()
        return sentence

    # -- the loop --------------------------------------------------------------------------------------------------

    async def run(self) -> Ending:
        """Work until an end is reached, and write it into the run file.

        Raises:
            RunLostError: another worker took the run over; nothing more was written.
        """
        helpers = [asyncio.create_task(self._committer.run()), asyncio.create_task(self._load_guard())]
        try:
            ending = await self._work()
        except BaseException:
            self._calls.cut_off()
            raise
        finally:
            await self._calls.drain()
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
        self.broker.close()
        if not ending.renews:
            self.store.end_epoch(ending.state, ending.reason, now=self._clock())
        return ending

    async def _load_guard(self) -> None:
        """Build the guard beside the loop: its import takes seconds, and commands are handled meanwhile."""
        try:
            guard = await asyncio.to_thread(self._guard) if callable(self._guard) else self._guard
        except Exception as error:  # noqa: BLE001 - whatever it is, the loop raises it
            self._broken = error
        else:
            self._asker = Asker(
                task=self._task,
                guard=guard,
                broker=self.broker,
                committer=self._committer,
                line=self.line,
                client_of=self._client_of,
                clock=self._clock,
                listener=Listener(self._brake.labeled, self._brake.failed, self._run_over),
                answered_email=self.store.answered_email,
            )
        self._wake.set()

    async def _work(self) -> Ending:
        while True:
            self._look_up()
            if self._broken is not None:
                raise self._broken
            if self._ending is not None and not self._calls:
                return self._ending
            if self._renewing and self._ending is None and not self._calls:
                return Ending(RunState.RUNNING, "the task changed", renews=True)
            self._wait = None
            pause_s = self._tempo.tick_s
            held = self._ending or self._renewing or self._brake.reason or self._committer.blocked
            if self._asker is not None and not held:
                pause_s = self._send_all_that_may(self._asker)
            self._beat()
            await self._sleep(min(pause_s, self._tempo.tick_s))

    async def _sleep(self, span_s: float) -> None:
        if not self._wake.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.001, span_s)):
                    await self._wake.wait()
        self._wake.clear()

    def _look_up(self) -> None:
        """Obey commands and take in what happened to keys, a few times a second."""
        now = self._clock()
        if 0 <= now - self._looked_at < self._tempo.tick_s:
            return
        self._looked_at = now
        with best_effort("handle a command"):
            for command in self._inbox.take():
                handle(self, command, now)
        with best_effort("note what happened to a key"):
            self.look_at_keys()

    # -- sending ---------------------------------------------------------------------------------------------------

    def _send_all_that_may(self, asker: Asker) -> float:
        """Let every call go out that may; returns the seconds until another may."""
        while self._ending is None and not self._brake.over_budget(self._calls.cost):
            now = self._clock()
            front = [Candidate(email.id, asker.prompt_chars(email)) for email in asker.front(LOOK_AHEAD)]
            if not front:
                if not self._brake.trial_is_over(self.in_flight):
                    self._finish_if_done()
                break
            decision = self.broker.next(front)
            if isinstance(decision, Grant):
                if not self._calls.send(asker, decision, front):
                    break
            elif isinstance(decision, Never):
                if not self._calls.fail_unsent(asker, decision):
                    break
                self._brake.failed(decision.reason)
            elif isinstance(decision, NoKeys):
                if not self._await_a_key(decision):
                    self.stop(Ending(RunState.STOPPED, decision.reason, no_key=True))
                break
            else:
                self._wait = decision
                return self._tempo.tick_s if decision.until_at is None else decision.until_at - now
        return self._tempo.tick_s

    def _await_a_key(self, none: NoKeys) -> bool:
        """Whether to stay for a key: an operator who disabled the last one in mid-run is about to bring another."""
        disabled = any(key.state is KeyState.DISABLED for key in self.broker.statuses())
        if self._calls.bound and disabled:
            self._wait = Wait(None, "", "", none.reason)
            return True
        return False

    def _finish_if_done(self) -> None:
        if self._calls or not self.line.exhausted:
            return
        if self.store.pending_count:
            self.line.rescan()
            self._wake.set()
            return
        failed = self.store.failed_count
        reason = f"every email is settled, {failed:,} of them failed" if failed else "every email is settled"
        self.stop(Ending(RunState.DONE, reason))

    # -- what calls report -----------------------------------------------------------------------------------------

    def _landed(self, error: BaseException | None) -> None:
        self._broken = self._broken or error
        self._wake.set()

    def _run_over(self, reason: str) -> None:
        self.stop(Ending(RunState.STOPPED, reason, broken=True))

    def _beat(self, *, at_once: bool = False) -> None:
        state, reason = doing(
            blocked=self._committer.blocked,
            stopping=self.stopping,
            paused=self._brake.reason,
            loading=_RENEWING if self._renewing else _LOADING if self._asker is None else "",
            wait=self._wait,
            out=self.in_flight,
            trying=self.line.trial.going_on if self.line.trial is not None else "",
        )
        self._pulse.beat(state, reason, self._wait, self._calls.by_key, self._calls.bound, at_once=at_once)
