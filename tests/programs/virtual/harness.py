"""Eighteen hours in seconds: the real worker, SDK, validation, run file and quotas, under a clock that leaps.

Nothing of the product is replaced but time and network. The event loop's clock jumps to the next timer (``looptime``),
the groq SDK talks to the built-in simulator through :class:`tests.programs.virtual.wire.Wire`, and two runs from one seed give
the same attempts, row by row. Disk syncs are off: nothing here can lose power.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import httpx
import looptime

from core.llm.client import ChatClient
from core.llm.task import fixed_chars, pattern
from core.llm.validation import AnswerGuard
from core.model import Forecast, RunState
from core.quota.keys.store import KeyStore
from core.quota.pacing.broker import Broker, Grant
from core.simulator.app import Simulator, create_app
from core.storage.file.control import CommandInbox, post
from core.storage.file.lock import RunLock
from core.storage.writing.intake import NewRun
from core.storage.writing.store import Store
from core.worker.loop import Ending, Worker
from core.worker.process import Eta
from tests.programs.virtual.checks import Found, inspect
from tests.programs.virtual.ideal import Supply, least_time_s, most_labels
from tests.programs.virtual.others import OtherPrograms
from tests.programs.virtual.scenario import START_AT, Lengths, Scenario
from tests.programs.virtual.wire import Traffic, Wire

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a virtual run.

    ``efficiency`` is labels over the most that the quotas allow in the time, or, where the emails ran out, the least
    time over the time taken, by what the server charged for each. ``self_inflicted_429s`` leaves out those that the
    fault plan invents. ``stuck`` counts emails in line although the run says that it is done, or that it stopped by
    itself. ``lost_calls`` were sent and left no attempt: in flight at a kill. ``burst`` is the most calls sent in any
    second after the first ten minutes.
    """

    labels: int
    failed: int
    calls: int
    self_inflicted_429s: int
    stuck: int
    virtual_s: float
    real_s: float
    efficiency: float
    digest: str
    burst: int
    longest_gap_s: float
    lost_calls: int
    kills: int
    in_flight_at_kills: int
    failed_for_quota: int
    overtaken_most: int
    traffic: Traffic = field(repr=False)
    ends: tuple[str, ...]
    broken: tuple[str, ...]
    events: tuple[str, ...] = field(repr=False, default=())


@lru_cache(maxsize=4)
def guard_for(labels: tuple[str, ...], allowed: str) -> AnswerGuard:
    """The validation, built once for the process: it takes seconds."""
    guard = AnswerGuard(labels, allowed)
    guard.prepare()
    return guard


def run_virtually(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on an event loop whose clock leaps from timer to timer, beginning at 0."""
    # No cycles are wasted before a leap: everything here that could still happen at a moment is a ready callback.
    loop = looptime.new_event_loop(start=0, noop_cycles=0)
    loop.run_in_executor = _refuse_threads  # type: ignore[assignment,method-assign]
    try:
        return loop.run_until_complete(main)
    finally:
        loop.run_until_complete(_end_what_is_left())
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


async def _end_what_is_left() -> None:
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


def _refuse_threads(_executor: object, function: object, *_: object) -> NoReturn:
    raise RuntimeError(f"{function!r} wants a thread: it would end at no particular virtual time")


def client_without_threads(secret: str, wire: Wire) -> ChatClient:
    """A client of the simulator. The SDK looks the platform up in a thread at a client's first call: done before."""
    client = ChatClient(secret, base_url="http://simulator", transport=wire)
    client._groq._platform = "Linux"
    return client


def simulate_run(scenario: Scenario, *, folder: Path | None = None) -> Outcome:
    """Play a scenario to its end, in a scratch folder unless one is given."""
    task = scenario.task()
    guard_for(tuple(label.value for label in task.labels), pattern(task))
    with contextlib.ExitStack() as stack:
        where = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="virtual-")))
        started = time.perf_counter()
        world = World(scenario, where)
        run_virtually(world.play())
        return world.outcome(time.perf_counter() - started)


@lru_cache(maxsize=4)
def _run_file(
    name: str, number: int, emails: int, workers: int, seed: int, lengths: Lengths, truncate_at: int
) -> bytes:
    """Return a run file before its first worker. Scenarios with the same emails get the same bytes, imported once."""
    scenario = Scenario("", emails, (), seed=seed, workers=workers, lengths=lengths, truncate_at=truncate_at)
    with tempfile.TemporaryDirectory(prefix="virtual-") as folder:
        path = Path(folder) / name
        run = NewRun(path.stem, "virtual", "digest", START_AT, seed=seed, simulated=True)
        with Store.create(path, run, scenario.task()) as store:
            store._db.execute("PRAGMA synchronous = OFF")
            store.add_emails(scenario.texts(number))
            store.set_order("shuffled", seed)
        assert {left.name for left in path.parent.glob(f"{name}-*")} <= {f"{name}-shm"}, "a log is left beside the file"
        return path.read_bytes()


class World:
    """One scenario being played."""

    def __init__(self, scenario: Scenario, folder: Path) -> None:
        self.scenario = scenario
        self.folder = folder
        self.paths = [folder / f"run-{number}.db" for number in range(scenario.workers)]
        self.labels_at_end = 0
        self.ended_s = 0.0
        self.kills = 0
        self.in_flight_at_kills = 0
        self.ends: list[str] = []
        self.forecasts: list[tuple[float, float, float]] = []
        self._loop: asyncio.AbstractEventLoop
        self._wire: Wire
        self._simulator: Simulator
        self._others: OtherPrograms
        self._workers: dict[int, Worker] = {}
        self._tasks: dict[int, asyncio.Task[Ending]] = {}

    def clock(self) -> float:
        """The wall clock: a base plus the loop's time."""
        return START_AT + self._loop.time()

    async def play(self) -> None:
        """From making the run files to the last worker's end."""
        self._loop = asyncio.get_running_loop()
        scenario = self.scenario
        app = create_app(
            scenario.simulator(), clock=self._loop.time, hang_error=lambda: httpx.ReadTimeout("no answer in time")
        )
        self._simulator = app.state.simulator
        rng = random.Random(f"{scenario.seed}:wire")
        self._wire = Wire(app, clock=self._loop.time, rng=rng, way_s=scenario.way_s)
        for number, path in enumerate(self.paths):
            self._make_run(number, path)
        self._others = OtherPrograms(scenario, app)
        background = [self._loop.create_task(self._operate()), *self._others.start()]
        lives = [self._loop.create_task(self._live(number)) for number in range(scenario.workers)]
        closing_time = self._loop.create_task(self._close_at(scenario.hours * 3600.0, lives))
        try:
            await asyncio.gather(*lives)
        finally:
            for each in (*background, closing_time):
                each.cancel()
            await asyncio.gather(*background, closing_time, return_exceptions=True)
            await self._wire.hang_up()
            await self._others.aclose()
            self._simulator.close()

    # -- a worker's life ----------------------------------------------------------------------------------------------

    def _make_run(self, number: int, path: Path) -> None:
        scenario = self.scenario
        path.write_bytes(
            _run_file(
                path.name,
                number,
                scenario.emails,
                scenario.workers,
                scenario.seed,
                scenario.lengths,
                scenario.truncate_at,
            )
        )

    async def _live(self, number: int) -> None:
        """Start a worker, and another after each kill, until one ends by itself."""
        life = 0
        while not await self._one_life(number, life):
            life += 1
            await asyncio.sleep(self.scenario.restart_s)
        self.ended_s = max(self.ended_s, self._loop.time())

    async def _one_life(self, number: int, life: int) -> bool:
        """One worker process, from lock to end; False where it was killed."""
        path, scenario = self.paths[number], self.scenario
        with contextlib.ExitStack() as stack:
            lock = stack.enter_context(RunLock(path))
            store = Store.open(path, lock)
            stack.callback(store._db.close)  # and no checkpoint, as after a kill
            store._db.execute("PRAGMA synchronous = OFF")
            store.begin_epoch(now=self.clock(), pid=number + 1, host="virtual")
            keys = stack.enter_context(self.open_keys())
            task = store.task()
            rng = random.Random(f"{scenario.seed}:{number}:{life}")
            broker = Broker(
                keys,
                task.model.model,
                clock=self.clock,
                rng=rng,
                max_completion_tokens=task.model.max_completion_tokens,
            )
            clients = {
                alias: client_without_threads(secret, self._wire) for alias, (secret, _) in scenario.keys().items()
            }

            def client_of(grant: Grant) -> ChatClient:
                return clients[grant.alias]

            inbox = CommandInbox(path)
            stack.callback(inbox.close)
            inbox.skip_stale(store.knows_command, self.clock())
            worker = Worker(
                store=store,
                inbox=inbox,
                broker=broker,
                task=task,
                guard=guard_for(tuple(label.value for label in task.labels), pattern(task)),
                client_of=client_of,
                clock=self.clock,
                tempo=scenario.tempo,
                forecast=self._noted(Eta(store, broker, fixed_chars=fixed_chars(task)), store),
            )
            self._workers[number] = worker
            self._tasks[number] = self._loop.create_task(worker.run())
            try:
                ending = await self._tasks[number]
            except asyncio.CancelledError:
                return False
            finally:
                for client in clients.values():
                    await client.aclose()
            self.ends.append(f"{ending.state.value}: {ending.reason}")
            return True

    def tokens(self) -> int:
        """Prompt and completion tokens of all calls, as the run files have them."""
        total = 0
        for path in self.paths:
            with contextlib.closing(sqlite3.connect(path)) as db:
                row = db.execute("SELECT sum(prompt_tokens + completion_tokens) FROM attempt").fetchone()
            total += int(row[0] or 0)
        return total

    def _noted(self, foresight: Eta, store: Store) -> Callable[[], Forecast | None]:
        """The worker's forecast, with a note of when it was made and how much was settled then."""

        def foresee() -> Forecast | None:
            forecast = foresight()
            if forecast is not None and forecast.eta_s is not None:
                done = 1.0 - store.pending_count / self.scenario.emails
                self.forecasts.append((self._loop.time(), done, forecast.eta_s))
            return forecast

        return foresee

    def open_keys(self) -> KeyStore:
        """The operator's keys and quotas, as any process opens them."""
        store = KeyStore(
            self.folder / "quota.db",
            self.folder / "keys.toml",
            environment=self.scenario.environment(),
            clock=self.clock,
        )
        store.database.execute("PRAGMA synchronous = OFF")
        store.database.execute("PRAGMA journal_mode = MEMORY")
        return store

    # -- what happens from outside ------------------------------------------------------------------------------------

    async def _close_at(self, at_s: float, lives: list[asyncio.Task[None]]) -> None:
        """Take the count at closing time, and let the workers end as an operator would."""
        await asyncio.sleep(at_s - self._loop.time())
        self.labels_at_end = self._count_labels()
        self.ended_s = self._loop.time()
        while not all(life.done() for life in lives):
            for worker in self._workers.values():
                worker.stop(Ending(RunState.STOPPED, "closing time"))
            await asyncio.sleep(1.0)
        self.ended_s = at_s

    async def _operate(self) -> None:
        for at_s, action in sorted(self.scenario.operator):
            await asyncio.sleep(max(0.0, at_s - self._loop.time()))
            kind, _, argument = action.partition(" ")
            if kind == "kill":
                self._kill()
            elif kind in ("disable", "enable"):
                with self.open_keys() as store:
                    store.set_enabled(argument, kind == "enable")
            else:
                for path in self.paths:
                    post(path, kind, argument, now=self.clock(), by="operator")

    def _kill(self) -> None:
        """Every worker dies: nothing of it is written any more."""
        for number, task in self._tasks.items():
            if not task.done():
                self.kills += 1
                self.in_flight_at_kills += self._workers[number].in_flight
                task.cancel()

    # -- what came of it ----------------------------------------------------------------------------------------------

    def _count_labels(self) -> int:
        count = 0
        for path in self.paths:
            with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
                count += db.execute("SELECT count(*) FROM email WHERE state = 'labeled'").fetchone()[0]
        return count

    def _charged(self) -> tuple[int, int]:
        """Calls and tokens that the server took off the quotas for the workers, faults of its own included."""
        stats = self._simulator.service.stats
        taken = self._others.taken.values()
        calls = stats.asks + stats.reasks - sum(each.calls for each in taken)
        tokens = stats.tokens["prompt"] + stats.tokens["completion"] - stats.tokens["cached"]
        return calls - stats.faults["rate_limit"], tokens - sum(each.tokens for each in taken)

    def supplies(self) -> list[Supply]:
        """What the organizations can give in this scenario."""
        scenario = self.scenario
        down = tuple((outage.start_s, outage.start_s + outage.duration_s) for outage in scenario.outages)
        made = []
        for org in scenario.organizations:
            aliases = [alias for alias, (_, name) in scenario.keys().items() if name == org.name]
            ends = [scenario.revoke[alias].at_s if alias in scenario.revoke else None for alias in aliases]
            ends_s = max(math.inf if each is None else each for each in ends)
            taken = self._others.taken[org.name]
            made.append(Supply(org.limits, ends_s, down, taken.calls, taken.tokens, max(self.ended_s, 1.0)))
        return made

    def outcome(self, real_s: float) -> Outcome:
        """The account of it all."""
        found = [inspect(path) for path in self.paths]
        labels = sum(each.labeled for each in found)
        counted = self.labels_at_end or labels
        traffic = self._wire.traffic
        charged_calls, charged_tokens = self._charged()
        calls_each, tokens_each = charged_calls / max(1, labels), charged_tokens / max(1, labels)
        ran_out = all(each.state == RunState.DONE for each in found)
        if ran_out:
            efficiency = least_time_s(self.supplies(), labels, calls_each, tokens_each) / max(self.ended_s, 1e-9)
        else:
            efficiency = counted / max(1.0, most_labels(self.supplies(), self.ended_s, calls_each, tokens_each))
        invented = self._simulator.service.stats.faults["rate_limit"]
        attempts = sum(each.attempts for each in found)
        return Outcome(
            labels=counted,
            failed=sum(each.failed for each in found),
            calls=traffic.calls,
            self_inflicted_429s=max(0, traffic.statuses["429"] - invented),
            stuck=sum(each.pending for each in found if "closing time" not in each.reason),
            virtual_s=self.ended_s,
            real_s=real_s,
            efficiency=efficiency,
            digest=" ".join(each.digest for each in found),
            burst=traffic.most_within(1.0, after_s=600.0),
            longest_gap_s=traffic.longest_gap_s(),
            lost_calls=traffic.calls - attempts,
            kills=self.kills,
            in_flight_at_kills=self.in_flight_at_kills,
            failed_for_quota=sum(each.failed_for_quota for each in found),
            overtaken_most=max(each.overtaken_most for each in found),
            traffic=traffic,
            ends=tuple(self.ends),
            broken=self._broken(found, traffic.calls - attempts),
            events=self._events(),
        )

    def _broken(self, found: list[Found], lost_calls: int) -> tuple[str, ...]:
        sentences = [sentence for each in found for sentence in each.broken]
        if not 0 <= lost_calls <= self.in_flight_at_kills:
            sentences.append(
                f"{lost_calls} calls left no attempt, where at most {self.in_flight_at_kills} were in flight at kills"
            )
        most = max(each.asked_most for each in found)
        if most > self.scenario.task().max_reasks + 1 and not self.kills:
            sentences.append(f"an email was answered {most} times")
        sentences += [f"done with {each.pending} in line" for each in found if each.state == "done" and each.pending]
        return tuple(sentences)

    def _events(self) -> tuple[str, ...]:
        lines: list[tuple[float, str]] = []
        for path in self.paths:
            with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
                lines += db.execute("SELECT at, kind || ': ' || text FROM event ORDER BY id").fetchall()
        return tuple(f"{at - START_AT:10.1f} s  {text}" for at, text in sorted(lines))
