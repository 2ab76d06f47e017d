"""Run a worker as a process: take the lock, open the run, find keys, run the loop, record how it ended.

The same code runs in the foreground (``labeltui work``) and detached (``python -m core.worker``).
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import random
import signal
import socket
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from core.errors import LabeltuiError, NoUsableKeyError, QuotaFileError, RunFileError, RunLostError, disk_sentence
from core.llm.packs import pack_chars, texts_per_pack
from core.llm.task import fixed_chars
from core.llm.taskfile import task_to_json
from core.model import Forecast, Outcome, PlacesWanted, RunState, Task, exits
from core.quality.canaries import expected_asks
from core.quality.packing import expected_controls
from core.quota.forecast.forecast import Capacity, Load, forecast
from core.quota.forecast.plans import price_of
from core.quota.keys.store import KeyStore
from core.quota.pacing.broker import Broker, NoKeys
from core.quota.pacing.concurrency import MOST_AT_ONCE
from core.quota.pacing.estimates import Estimator
from core.server_address import is_private
from core.settings import Settings
from core.storage.file.control import CommandInbox
from core.storage.file.lock import RunLock
from core.storage.file.rows import BAD_ANSWERS
from core.storage.writing.store import Store
from core.worker.clients import BatchKeys, ClientPool, build_guard
from core.worker.commit import best_effort
from core.worker.lanes.tiers import FLEX, TieredPacer
from core.worker.loop import Ending, Worker
from core.worker.notifier import Notifier, notifying
from core.worker.places.bridge import bridge_to
from core.worker.places.fleet import PlacesFleet
from core.worker.places.wire import Setup
from core.worker.queue import FirstN

_OPEN_FILES = 4_096


def work(
    path: Path,
    settings: Settings,
    *,
    watch: Callable[[], None] | None = None,
    only: int | None = None,
    places: PlacesWanted | None = None,
) -> int:
    """Work on the run until it ends; returns the exit code. ``watch`` is called twice a second, to show progress.

    With ``only`` it pauses when so many different texts were asked about; with ``places`` those make the calls.

    Raises:
        RunBusyError: another process has the run.
        NoUsableKeyError: there is no key to ask with.
        LabeltuiError: the run file cannot be used.
    """
    allow_connections()
    ignore_early_signals()
    try:
        with RunLock(path) as lock, Store.open(path, lock) as store:
            return _work(path, lock, store, settings, watch, only, places)
    except sqlite3.OperationalError as error:
        raise RunFileError(
            f"{path} cannot be written ({error}). Check the space on the disk and the folder's permissions, then start"
            " again: what was committed is kept."
        ) from error


def _work(
    path: Path,
    lock: RunLock,
    store: Store,
    settings: Settings,
    watch: Callable[[], None] | None,
    only: int | None,
    places: PlacesWanted | None,
) -> int:
    if store.pending_count == 0:
        store.end_epoch(RunState.DONE, "everything is settled", now=time.time())
        return exits.EMAILS_FAILED if store.failed_count else exits.DONE
    with contextlib.ExitStack() as stack:
        return _work_on(path, lock, store, settings, watch, only, places, stack)


def _work_on(
    path: Path,
    lock: RunLock,
    store: Store,
    settings: Settings,
    watch: Callable[[], None] | None,
    only: int | None,
    places: PlacesWanted | None,
    stack: contextlib.ExitStack,
) -> int:
    """Work on the run; ``stack`` is closed after the run file says how it ended, so the notifier sends last."""
    try:
        with KeyStore.from_settings(settings, store.base_url) as keys:
            broker = broker_for(keys, store.task(), store.concurrency(), places=places)
            if isinstance(none := broker.next(()), NoKeys):
                raise NoUsableKeyError(none.reason)  # noqa: TRY301 - it is written down like any other end
            store.begin_epoch(now=time.time(), pid=os.getpid(), host=socket.gethostname())
            inbox = CommandInbox(path)
            inbox.skip_stale(store.knows_command, lock.taken_at)
            notifier = stack.enter_context(notifying(path, store, settings))
            ending, interrupted = asyncio.run(_run(inbox, settings, store, keys, broker, watch, only, notifier, places))
    except RunLostError:
        raise
    except BaseException as error:
        reason = str(error) if isinstance(error, LabeltuiError) else disk_sentence(error)
        reason = reason or f"internal error: {error!r}; see the log"
        with contextlib.suppress(Exception):
            store.end_epoch(RunState.STOPPED, reason, now=time.time())
        raise
    return exit_code(ending, failed=store.failed_count, interrupted=interrupted)


def broker_for(
    keys: KeyStore,
    task: Task,
    concurrency: int | None = None,
    *,
    tier: str = "",
    estimator: Estimator | None = None,
    places: PlacesWanted | None = None,
) -> Broker:
    """Return the broker of quotas for the model of a task, in a service tier of the server.

    ``concurrency`` is how many calls at once a person chose, ``estimator`` what was learned of token counts.
    """
    return Broker(
        keys,
        task.model.model,
        clock=time.time,
        rng=random.Random(),
        max_completion_tokens=task.model.max_completion_tokens,
        own_server=is_private(keys.server),
        concurrency=concurrency,
        tier=tier,
        estimator=estimator,
        most_at_once=MOST_AT_ONCE if places is None else places.places * places.width,
    )


async def _run(
    inbox: CommandInbox,
    settings: Settings,
    store: Store,
    keys: KeyStore,
    broker: Broker,
    watch: Callable[[], None] | None,
    only: int | None,
    notifier: Notifier | None,
    places: PlacesWanted | None,
) -> tuple[Ending, bool]:
    """Return how the loop ended, which the run file says by then, and whether it was interrupted."""

    def noted(sentence: str) -> None:
        with best_effort("note what the server does not take"):
            store.add_event("server", sentence, now=time.time())

    clients = ClientPool(store.base_url or settings.base_url, store.task(), noted, keys)
    fleet = places_fleet(places, settings, store, keys, clients) if places is not None else None
    if fleet is not None:
        fleet.start()
    interrupts: list[int] = []
    watching = [asyncio.create_task(_watch(watch))] if watch is not None else []
    watching += [asyncio.create_task(notifier.watch())] if notifier is not None else []
    paused = ""
    first_n = FirstN(only, dedupe=store.dedupe) if only is not None else None
    flex_keys = contextlib.ExitStack()
    try:
        while True:
            tiers = _tiers(store, broker, settings, flex_keys, noted, places)
            clients.tiers = tiers
            worker = _worker(store, inbox, keys, tiers, clients, settings, paused, fleet)
            worker.queue.first_n = first_n
            _handle_signals(worker, interrupts)
            ending = await worker.run()
            if not ending.renews:
                break
            paused, first_n, broker = (
                worker.paused,
                worker.queue.first_n,
                broker_for(keys, store.task(), store.concurrency(), places=places),
            )
            await clients.aclose()
            flex_keys.close()
            clients.renew(store.task())
            if fleet is not None:
                fleet.renew(setup_of(store, settings, keys))
    finally:
        flex_keys.close()
        for task in watching:
            task.cancel()
        if fleet is not None:
            await fleet.aclose()
        await clients.aclose()
        inbox.close()
    return ending, bool(interrupts)


def _tiers(
    store: Store,
    broker: Broker,
    settings: Settings,
    flex_keys: contextlib.ExitStack,
    noted: Callable[[str], None],
    places: PlacesWanted | None,
) -> TieredPacer:
    """Return the pacer of both service tiers; that of the second is opened, with a key store, when it is wanted."""
    task, concurrency = store.task(), store.concurrency()

    def open_flex() -> Broker:
        keys = flex_keys.enter_context(KeyStore.from_settings(settings, store.base_url))
        return broker_for(keys, task, concurrency, tier=FLEX, estimator=broker.estimator, places=places)

    return TieredPacer(
        broker,
        open_flex,
        lane=store.lane().lane,
        clock=time.time,
        rng=random.Random(),
        noted=noted,
        concurrency=concurrency,
    )


def _worker(
    store: Store,
    inbox: CommandInbox,
    keys: KeyStore,
    broker: TieredPacer,
    clients: ClientPool,
    settings: Settings,
    paused: str,
    fleet: PlacesFleet | None = None,
) -> Worker:
    """Return a worker for the active version of the task."""
    task = store.task()
    packed = task if task.pack != 1 else None
    eta = Eta(store, broker, fixed_chars=fixed_chars(task), canaries=task.canaries, packed=packed)
    return Worker(
        store=store,
        inbox=inbox,
        broker=broker,
        task=task,
        guard=lambda: build_guard(task),
        client_of=clients.of,
        fleet=fleet,
        clock=time.time,
        forecast=eta if fleet is None else lambda: eta() if fleet.most() else None,
        price=price_of(task.model.model, settings.prices_path),
        paused=paused,
        batch_server=BatchKeys(keys, clients, store.base_url or settings.base_url),
        lane_chosen=broker.choose_lane,
        live=eta.live,
    )


def setup_of(store: Store, settings: Settings, keys: KeyStore) -> Setup:
    """Return what a place works by, for the active version of the task."""
    task, refused = store.task(), {}
    with contextlib.suppress(QuotaFileError):  # then the server is asked once more
        refused = keys.refused_settings(task.model.model)
    return Setup(task_to_json(task), task.version, store.base_url or settings.base_url, refused)


def places_fleet(
    places: PlacesWanted, settings: Settings, store: Store, keys: KeyStore, clients: ClientPool
) -> PlacesFleet:
    """Return what makes the calls at places."""

    def noted(sentence: str) -> None:
        with best_effort("note what happened to a place"):
            store.add_event("place", sentence, now=time.time())

    secrets = [secret.value for secret in keys.secrets()]
    connect = bridge_to(places, os.environ, secrets)
    return PlacesFleet(
        places,
        connect,
        setup_of(store, settings, keys),
        clock=time.time,
        noted=noted,
        memory=keys,
        in_tier=clients.in_tier,
    )


def exit_code(ending: Ending, *, failed: int, interrupted: bool) -> int:
    """Return the process's exit code for how its loop ended.

    Raises:
        NoUsableKeyError: it ended for want of a key.
        LabeltuiError: it ended because the server will never answer.
    """
    if ending.no_key:
        raise NoUsableKeyError(ending.reason)
    if ending.broken:
        raise LabeltuiError(ending.reason)
    if ending.state is RunState.DONE:
        return exits.EMAILS_FAILED if failed else exits.DONE
    return exits.INTERRUPTED if interrupted else exits.STOPPED


def _handle_signals(worker: Worker, interrupts: list[int]) -> None:
    """Stop the worker on SIGINT, SIGTERM and SIGHUP: once to drain, twice to cancel calls; note each SIGINT.

    SIGUSR1 pauses it and SIGUSR2 resumes it: the road for commands where the control file cannot be written.
    """

    def hear(number: int) -> None:
        if number == signal.SIGINT:
            interrupts.append(number)
        if worker.stopping:
            worker.stop()
            return
        name = signal.Signals(number).name
        worker.stop(Ending(RunState.STOPPED, f"stopped by {name}"))

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with contextlib.suppress(NotImplementedError):  # no such thing on Windows
            loop.add_signal_handler(number, hear, number)
    if hasattr(signal, "SIGUSR1"):
        loop.add_signal_handler(signal.SIGUSR1, worker.pause, "paused by SIGUSR1")
        loop.add_signal_handler(signal.SIGUSR2, worker.resume)


def ignore_early_signals() -> None:
    """Ignore the signals that pause and resume until there is a worker to do so: they would end the process."""
    if hasattr(signal, "SIGUSR1"):
        with contextlib.suppress(ValueError):  # not the main thread, which alone may
            signal.signal(signal.SIGUSR1, signal.SIG_IGN)
            signal.signal(signal.SIGUSR2, signal.SIG_IGN)


def allow_connections() -> None:
    """Lift this process's soft limit on open files: each key keeps its connections, and 256 (macOS) are soon gone."""
    with contextlib.suppress(ImportError, OSError, ValueError):  # no such thing on Windows, or forbidden
        import resource  # noqa: PLC0415

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _watch(watch: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(0.5)
        watch()


RECOUNT_EVERY = 200
"""Settled emails after which the texts that are left are counted anew; in between their share is taken to stay."""

_PRIOR_CALLS = 30.0
_PRIOR_FACTOR = 1.03
_SPREAD_OF_TEXTS = 0.8
_UNMODELED = 0.02
_EARLY_DOUBT = 0.15
_EARLY_CALLS = 60


class Reckons(Protocol):
    """Describe what a forecast needs of a pacer."""

    @property
    def estimator(self) -> Estimator:
        """Return what was learned of token counts."""

    def ways(self) -> tuple[Capacity, ...]:
        """Return the capacity of each organization."""


class Eta:
    """Forecast whenever it is called. ``fixed_chars`` are the characters that every question shares."""

    def __init__(
        self, store: Store, broker: Reckons, *, fixed_chars: int, canaries: int = 0, packed: Task | None = None
    ) -> None:
        """Make the forecast; ``canaries`` is how many emails are asked repeatedly, ``packed`` a task with packs."""
        self._packed = packed
        self._canaries = canaries
        self._store = store
        self._broker = broker
        self._fixed_chars = fixed_chars
        self._counted_at = -1
        self._share = 1.0
        self._mean_chars = 0.0

    def __call__(self) -> Forecast | None:
        """Return the forecast at this moment, or None where nothing is left."""
        pending = self._store.pending_count
        if pending == 0:
            return None
        if self._counted_at < 0 or self._counted_at - pending >= RECOUNT_EVERY or pending > self._counted_at:
            texts, self._mean_chars = self._store.pending_texts()
            self._share, self._counted_at = texts / pending, pending
        outcomes = self._store.outcomes()
        load = self._load(pending * self._share, outcomes)
        return forecast(load, self._broker.ways())

    def live(self, texts: float) -> Forecast:
        """Return the forecast of live calls about so many texts."""
        if not self._mean_chars:
            _, self._mean_chars = self._store.pending_texts()
        return forecast(self._load(texts, self._store.outcomes()), self._broker.ways())

    def _load(self, texts: float, outcomes: dict[str, int]) -> Load:
        answered = outcomes.get(Outcome.ANSWERED.value, 0)
        unusable = sum(outcomes.get(name, 0) for name in BAD_ANSWERS)
        seen = answered + unusable
        factor = (seen + _PRIOR_CALLS * _PRIOR_FACTOR) / (answered + _PRIOR_CALLS)
        total = float(self._store.email_count)
        again_asked = expected_asks(texts, total=total * self._share, most=self._canaries)
        tokens = self._broker.estimator.of(round(self._fixed_chars + self._mean_chars)).cost
        calls = texts * factor + again_asked
        if self._packed is not None and (size := self._store.pack_size()) > 1:
            held = texts_per_pack(size, self._mean_chars)
            packs = (texts + again_asked) / held
            alone = texts * (factor - 1.0) + expected_controls(total * self._share - texts, texts)
            chars = round(pack_chars(self._packed, held * self._mean_chars, held))
            calls = packs + alone
            of_packs = packs * self._broker.estimator.of(chars, round(held)).cost
            tokens = (of_packs + alone * tokens) / max(calls, 1.0)
        chance = 1.96 * _SPREAD_OF_TEXTS / math.sqrt(max(calls, 1.0))
        again = 1.96 * math.sqrt(max(factor - 1.0, 0.01) / (seen + _PRIOR_CALLS))
        early = _EARLY_DOUBT if seen < _EARLY_CALLS else 0.0
        return Load(calls, tokens, min(0.5, chance + again + early + _UNMODELED))
