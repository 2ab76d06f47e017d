"""What a worker's process does around its loop, without a process: the end it writes down, what it is made of, forecasts."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import resource
import signal
import socket
import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from core.errors import LabeltuiError, NoUsableKeyError, QuotaFileError, RunFileError, RunLostError
from core.llm.task import builtin_task
from core.llm.taskfile import task_to_json
from core.model import Forecast, PlacesWanted, RunState
from core.notify.setup import NotifySetup
from core.quota.forecast.forecast import Load
from core.quota.pacing.broker import NoKeys
from core.settings import Settings
from core.worker import notifier, process
from core.worker.loop import Ending
from core.worker.process import Eta, exit_code
from tests.conftest import MakeRun

RUN = Path("/runs/mail.db")
TASK = builtin_task()
DONE = Ending(RunState.DONE, "everything is settled")


class RunFile:
    """A run file that keeps what is written into it."""

    def __init__(self, *, pending: int = 2, failed: int = 0) -> None:
        self.pending_count, self.failed_count, self.email_count = pending, failed, 40
        self.base_url: str | None = "http://run/v1"
        self.dedupe = True
        self.said: list[tuple[Any, ...]] = []
        self.versions = [TASK]

    def task(self) -> Any:
        return self.versions[0]

    def concurrency(self) -> int | None:
        return 5

    def lane(self) -> SimpleNamespace:
        return SimpleNamespace(lane="auto")

    def begin_epoch(self, **given: Any) -> None:
        self.said.append(("begin", given))

    def end_epoch(self, state: RunState, reason: str, *, now: float) -> None:
        self.said.append((state, reason, now))

    def add_event(self, kind: str, sentence: str, *, now: float) -> None:
        if sentence == "full":
            raise sqlite3.OperationalError("database or disk is full")
        self.said.append((kind, sentence, now))

    def knows_command(self, _: str) -> bool:
        return False


@pytest.fixture
def at_ten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the process think that it is ten seconds after the epoch began."""
    monkeypatch.setattr(process, "time", SimpleNamespace(time=lambda: 10.0))


# -- how it ends ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ending", "failed", "interrupted", "code"),
    [
        (DONE, 0, False, 0),
        (DONE, 0, True, 0),
        (DONE, 1, False, 3),
        (Ending(RunState.STOPPED, "stopped"), 0, False, 6),
        (Ending(RunState.STOPPED, "stopped"), 2, False, 6),
        (Ending(RunState.STOPPED, "stopped by SIGINT"), 0, True, 130),
    ],
)
def test_the_exit_code_says_how_the_loop_ended(ending: Ending, failed: int, interrupted: bool, code: int) -> None:
    """Failed emails count where all is settled, an interruption where it is not."""
    assert exit_code(ending, failed=failed, interrupted=interrupted) == code


def test_an_end_without_a_key_or_a_server_is_an_error() -> None:
    """With the reason that the run file has."""
    with pytest.raises(NoUsableKeyError, match=r"^no key$"):
        exit_code(Ending(RunState.STOPPED, "no key", no_key=True), failed=0, interrupted=True)
    with pytest.raises(LabeltuiError, match=r"^gone$") as raised:
        exit_code(Ending(RunState.STOPPED, "gone", broken=True), failed=0, interrupted=True)
    assert not isinstance(raised.value, NoUsableKeyError)


@pytest.mark.usefixtures("at_ten")
@pytest.mark.parametrize(("failed", "code"), [(0, 0), (2, 3)])
def test_a_run_with_nothing_left_is_done_without_a_key(failed: int, code: int, settings: Settings) -> None:
    """No epoch begins; the code says whether emails failed."""
    store: Any = RunFile(pending=0, failed=failed)
    assert process._work(RUN, None, store, settings, None, None, None) == code  # type: ignore[arg-type]
    assert store.said == [(RunState.DONE, "everything is settled", 10.0)]


def test_work_holds_the_lock_and_tells_what_the_disk_refuses(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """The process is prepared first; the arguments are handed on."""
    done: list[Any] = []

    @contextlib.contextmanager
    def lock(path: Path) -> Any:
        done.append(("lock", path))
        yield "lock"
        done.append("unlocked")

    @contextlib.contextmanager
    def opened(path: Path, held: str) -> Any:
        done.append((path, held))
        yield "store"

    def on(*given: Any) -> int:
        done.append(given)
        if given[5] == 0:
            raise sqlite3.OperationalError("disk is full")
        return 6

    monkeypatch.setattr(process, "allow_connections", lambda: done.append("connections"))
    monkeypatch.setattr(process, "ignore_early_signals", lambda: done.append("signals"))
    monkeypatch.setattr(process, "RunLock", lock)
    monkeypatch.setattr(process, "Store", SimpleNamespace(open=opened))
    monkeypatch.setattr(process, "_work", on)
    places = PlacesWanted()
    assert process.work(RUN, settings, watch=print, only=3, places=places) == 6
    assert done == [
        "connections", "signals", ("lock", RUN), (RUN, "lock"), (RUN, "lock", "store", settings, print, 3, places), "unlocked",
    ]  # fmt: skip
    with pytest.raises(RunFileError, match=r"/runs/mail\.db cannot be written \(disk is full\)\. Check the space"):
        process.work(RUN, settings, only=0)


class Keys:
    """A key store with one key."""

    database = server = None

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def secrets(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(value="gsk_1"), SimpleNamespace(value="gsk_2")]

    def refused_settings(self, model: str) -> dict[str, str]:
        if model == "broken":
            raise QuotaFileError("x")
        return {"seed": f"no seed with {model}"}


def worked(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, came: Any, *, keys: bool = True, **given: Any
) -> tuple[RunFile, list[Any], Callable[[], int]]:
    """A run file, what was done, and a function that works on it until ``came``: how the loop ended, or its error."""
    store, done = RunFile(**given), list[Any]()

    @contextlib.contextmanager
    def notifying(*given: Any) -> Any:
        done.append(("notifies", *given))
        try:
            yield "notifier"
        finally:
            done.append(("closed", len(store.said)))

    async def loop(*given: Any) -> Any:
        done.append(given)
        if isinstance(came, BaseException):
            raise came
        return came

    def stores(_: Settings, base_url: str | None) -> Keys:
        done.append(base_url)
        return Keys()

    inbox = SimpleNamespace(skip_stale=lambda known, at: done.append((known, at)))
    broker = SimpleNamespace(next=lambda emails: NoKeys("no key at all") if not keys else (emails, "wait"))
    monkeypatch.setattr(process, "KeyStore", SimpleNamespace(from_settings=stores))
    monkeypatch.setattr(process, "broker_for", lambda *_, **__: broker)
    monkeypatch.setattr(process, "CommandInbox", lambda _: inbox)
    monkeypatch.setattr(process, "notifying", notifying)
    monkeypatch.setattr(process, "_run", loop)
    lock: Any = SimpleNamespace(taken_at=4.0)
    held: Any = store
    return store, done, lambda: process._work(RUN, lock, held, settings, print, 3, None)


@pytest.mark.usefixtures("at_ten")
def test_an_epoch_is_begun_by_this_process_and_older_commands_are_skipped(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """Those from before the lock was taken; the notifier looks a last time when the loop is over."""
    store, done, work = worked(monkeypatch, settings, (Ending(RunState.STOPPED, "stopped"), True))
    assert work() == 130
    assert store.said == [("begin", {"now": 10.0, "pid": os.getpid(), "host": socket.gethostname()})]
    assert done[0] == "http://run/v1"
    assert done[1] == (store.knows_command, 4.0)
    assert done[2] == ("notifies", RUN, store, settings)
    assert (done[3][1:3], done[3][5:]) == ((settings, store), (print, 3, "notifier", None))
    assert done[4:] == [("closed", 1)]
    failed, _, work = worked(monkeypatch, settings, (DONE, False), failed=2)
    assert work() == 3
    assert len(failed.said) == 1


@pytest.mark.usefixtures("at_ten")
def test_without_a_key_no_epoch_begins_and_the_run_says_why(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """The same sentence reaches whoever started it."""
    store, done, work = worked(monkeypatch, settings, None, keys=False)
    with pytest.raises(NoUsableKeyError, match=r"^no key at all$"):
        work()
    assert store.said == [(RunState.STOPPED, "no key at all", 10.0)]
    assert done == ["http://run/v1"]


@pytest.mark.usefixtures("at_ten")
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (LabeltuiError("the server is gone"), "the server is gone"),
        (ValueError("odd"), "internal error: ValueError('odd'); see the log"),
        (KeyboardInterrupt(), "internal error: KeyboardInterrupt(); see the log"),
        (OSError(errno.ENOSPC, "No space left on device"), "space"),
    ],
)
def test_an_error_is_written_down_as_the_end_and_raised(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, error: BaseException, reason: str
) -> None:
    """In its own words where it has some for people; the notifier is told after that."""
    store, done, work = worked(monkeypatch, settings, error)
    with pytest.raises(type(error)):
        work()
    state, said, at = store.said[-1]
    assert (state, at, reason.lower() in said.lower()) == (RunState.STOPPED, 10.0, True)
    assert len(said) == len(reason) or isinstance(error, OSError)
    assert done[-1] == ("closed", 2)


def test_nothing_is_written_into_a_run_file_that_was_lost(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    """Nor does an end that cannot be written hide the error."""
    store, _, work = worked(monkeypatch, settings, RunLostError("lost"))
    with pytest.raises(RunLostError):
        work()
    assert [each[0] for each in store.said] == ["begin"]
    store, _, work = worked(monkeypatch, settings, ValueError("odd"))

    def refuse(*_: Any, **__: Any) -> None:
        raise sqlite3.OperationalError("full")

    store.end_epoch = refuse  # type: ignore[method-assign]
    with pytest.raises(ValueError, match="odd"):
        work()


# -- the loop, version after version ----------------------------------------------------------------------------------------


class Scene:
    """What a process runs its loop with; each worker's end is given, and what was done is kept."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *endings: Ending, fleet: bool = False) -> None:
        self.done: list[Any] = []
        self.store = RunFile()
        self.keys = Keys()
        self.workers: list[Any] = []
        self.endings = list(endings)
        self.clients = SimpleNamespace(
            tiers=None, aclose=self._noted("clients closed"), renew=lambda task: self.done.append(("renewed", task))
        )
        self.inbox = SimpleNamespace(close=lambda: self.done.append("inbox closed"))
        self.fleet = SimpleNamespace(
            start=lambda: self.done.append("fleet started"),
            renew=lambda setup: self.done.append(("fleet renewed", setup)),
            aclose=self._noted("fleet closed"),
        )
        self.places = PlacesWanted(places=3, width=2) if fleet else None
        monkeypatch.setattr(process, "ClientPool", self._pool)
        monkeypatch.setattr(process, "places_fleet", lambda *given: self.done.append(("places", *given)) or self.fleet)  # type: ignore[func-returns-value]
        monkeypatch.setattr(process, "_tiers", self._tiers)
        monkeypatch.setattr(process, "_worker", self._worker)
        monkeypatch.setattr(process, "setup_of", lambda *_: "setup")
        monkeypatch.setattr(process, "broker_for", lambda keys, task, most, *, places: ("broker", most, places))
        monkeypatch.setattr(process, "_handle_signals", lambda _, interrupts: interrupts.extend(self.interrupts))
        self.interrupts: list[int] = []

    def _noted(self, what: str) -> Any:
        async def note() -> None:
            self.done.append(what)

        return note

    def _pool(self, base_url: str, task: Any, noted: Any, keys: Any) -> SimpleNamespace:
        self.made_by, self.noted = (base_url, task, keys), noted
        return self.clients

    def _tiers(self, store: Any, broker: Any, settings: Any, flex_keys: Any, noted: Any, places: Any) -> str:
        flex_keys.callback(lambda: self.done.append("flex closed"))
        assert noted is self.noted
        return f"tiers of {broker} {places}"

    def _worker(self, *given: Any) -> Any:
        async def run() -> Ending:
            await asyncio.sleep(0.6)
            return self.endings.pop(0)

        worker = SimpleNamespace(
            run=run, given=given, paused=f"paused {len(self.workers)}", queue=SimpleNamespace(first_n=None)
        )
        self.workers.append(worker)
        return worker

    async def play(
        self, settings: Settings, *, watch: Any = None, only: int | None = None, notifier: Any = None
    ) -> Any:
        inbox: Any = self.inbox
        store: Any = self.store
        keys: Any = self.keys
        broker: Any = "first"
        return await process._run(inbox, settings, store, keys, broker, watch, only, notifier, self.places)


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_a_worker_that_ends_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    """Clients, keys of the second tier and the inbox are closed; who watches is called twice a second until then."""
    scene = Scene(monkeypatch, DONE)
    looked: list[float] = []
    notified: list[str] = []

    async def notify() -> None:
        notified.append("begun")
        try:
            await asyncio.Event().wait()
        finally:
            notified.append("ended")

    now = asyncio.get_running_loop().time
    began = now()
    came = await scene.play(
        settings, watch=lambda: looked.append(round(now() - began, 3)), notifier=SimpleNamespace(watch=notify)
    )
    await asyncio.sleep(2)
    assert came == (DONE, False)
    assert looked == [0.5]
    assert notified == ["begun", "ended"]
    assert scene.made_by == ("http://run/v1", TASK, scene.keys)
    assert scene.clients.tiers == "tiers of first None"
    (worker,) = scene.workers
    assert worker.given == (
        scene.store,
        scene.inbox,
        scene.keys,
        scene.clients.tiers,
        scene.clients,
        settings,
        "",
        None,
    )
    assert worker.queue.first_n is None
    assert scene.done == ["flex closed", "clients closed", "inbox closed"]


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_another_version_of_the_task_goes_on_in_the_same_epoch(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """With its own broker and clients, what it was paused for, how many texts it may try, and the places told."""
    scene = Scene(monkeypatch, Ending(RunState.RUNNING, "", renews=True), DONE, fleet=True)
    scene.interrupts = [signal.SIGINT]
    scene.store.base_url = None
    scene.store.versions = [replace(TASK, version="v1")]
    assert await scene.play(replace(settings, base_url="http://else"), only=7) == (DONE, True)
    first, second = scene.workers
    assert scene.made_by[0] == "http://else"
    assert (first.given[6], second.given[6]) == ("", "paused 0")
    assert (first.given[7], second.given[7]) == (scene.fleet, scene.fleet)
    assert first.queue.first_n.wanted == 7
    assert second.queue.first_n is first.queue.first_n
    assert scene.clients.tiers == f"tiers of {('broker', 5, scene.places)} {scene.places}"
    assert scene.done[1:] == [
        "fleet started", "clients closed", "flex closed", ("renewed", scene.store.versions[0]), ("fleet renewed", "setup"),
        "flex closed", "fleet closed", "clients closed", "inbox closed",
    ]  # fmt: skip
    assert scene.done[0][1:3] == (scene.places, replace(settings, base_url="http://else"))


@pytest.mark.asyncio
@pytest.mark.looptime
@pytest.mark.usefixtures("at_ten")
async def test_what_a_server_does_not_take_is_an_event_of_the_run(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """Unless the disk refuses it, which stops nothing."""
    scene = Scene(monkeypatch, DONE)
    await scene.play(settings)
    scene.noted("it takes no seed")
    scene.noted("full")
    assert scene.store.said == [("server", "it takes no seed", 10.0)]


# -- what a worker is made of -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("places", "most"), [(None, 128), (PlacesWanted(places=3, width=5), 15)])
def test_a_broker_of_a_task(monkeypatch: pytest.MonkeyPatch, places: PlacesWanted | None, most: int) -> None:
    """It counts against the task's model; places bound the calls at once to what they can make."""
    monkeypatch.setattr(process, "Broker", lambda *given, **named: (given, named))
    keys: Any = SimpleNamespace(server="http://127.0.0.1:1/v1")
    estimator: Any = object()
    made: Any = process.broker_for(keys, TASK, 4, tier="flex", estimator=estimator, places=places)
    given, named = made
    assert given == (keys, TASK.model.model)
    assert named.pop("rng").random() < 1.0
    assert named == {
        "clock": time.time, "max_completion_tokens": TASK.model.max_completion_tokens, "own_server": True, "concurrency": 4,
        "tier": "flex", "estimator": estimator, "most_at_once": most,
    }  # fmt: skip
    keys.server = "https://api.groq.com/openai/v1"
    plain: Any = process.broker_for(keys, TASK)
    assert [plain[1][name] for name in ("own_server", "concurrency", "tier", "estimator")] == [False, None, "", None]


def test_the_second_tier_has_a_key_store_of_its_own_that_is_closed_with_it(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """It is opened when it is wanted, and knows what the first tier learned of token counts."""
    done: list[Any] = []

    class Opened(Keys):
        def __exit__(self, *_: object) -> None:
            done.append("closed")

    keys, store, live = Opened(), RunFile(), SimpleNamespace(estimator="learned")
    monkeypatch.setattr(process, "TieredPacer", lambda *given, **named: (given, named))
    monkeypatch.setattr(process, "KeyStore", SimpleNamespace(from_settings=lambda *given: done.append(given) or keys))  # type: ignore[func-returns-value]
    monkeypatch.setattr(process, "broker_for", lambda *given, **named: (given, named))
    flex_keys = contextlib.ExitStack()
    places = PlacesWanted()
    made: Any = process._tiers(store, live, settings, flex_keys, print, places)  # type: ignore[arg-type]
    (pacer, open_flex), named = made
    assert pacer is live
    assert named.pop("rng").random() < 1.0
    assert named == {"lane": "auto", "clock": time.time, "noted": print, "concurrency": 5}
    assert done == []
    assert open_flex() == ((keys, TASK, 5), {"tier": "flex", "estimator": "learned", "places": places})
    assert done == [(settings, "http://run/v1")]
    flex_keys.close()
    assert done[1:] == ["closed"]


@pytest.mark.parametrize(("pack", "packed"), [(1, False), (0, True), (10, True)])
def test_a_worker_is_made_for_the_active_version(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, pack: int, packed: bool
) -> None:
    """With its forecast, its price, its guard, its way to batches, and the reason it is paused for."""
    task = replace(TASK, pack=pack, canaries=9)
    store: Any = RunFile()
    store.versions = [task]
    etas: list[Any] = []

    def eta(*given: Any, **named: Any) -> Any:
        etas.append((given, named))
        return SimpleNamespace(live="live")

    monkeypatch.setattr(process, "Worker", SimpleNamespace)
    monkeypatch.setattr(process, "Eta", eta)
    monkeypatch.setattr(process, "fixed_chars", lambda _: 123)
    monkeypatch.setattr(process, "build_guard", lambda given: ("guard", given))
    monkeypatch.setattr(process, "price_of", lambda model, path: (model, path))
    monkeypatch.setattr(process, "BatchKeys", lambda *given: given)
    broker: Any = SimpleNamespace(choose_lane=print)
    clients: Any = SimpleNamespace(of=repr)
    made: Any = process._worker(store, "inbox", "keys", broker, clients, settings, "by hand")  # type: ignore[arg-type]
    assert etas == [((store, broker), {"fixed_chars": 123, "canaries": 9, "packed": task if packed else None})]
    assert made.guard() == ("guard", task)
    assert (made.store, made.inbox, made.broker, made.task) == (store, "inbox", broker, task)
    assert (made.client_of, made.lane_chosen, made.live, made.fleet) == (repr, print, "live", None)
    assert (made.paused, made.clock, made.price) == ("by hand", time.time, (task.model.model, settings.prices_path))
    assert made.batch_server == ("keys", clients, "http://run/v1")
    assert made.forecast.live == "live"


@pytest.mark.parametrize(("ready", "ends"), [(0, None), (4, "forecast")])
def test_without_a_place_nothing_is_forecast(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, ready: int, ends: str | None
) -> None:
    """A worker whose calls are made elsewhere ends when its places do them."""
    monkeypatch.setattr(process, "Worker", SimpleNamespace)

    class Ends:
        live = None

        def __init__(self, *_: Any, **__: Any) -> None:
            pass

        def __call__(self) -> str:
            return "forecast"

    monkeypatch.setattr(process, "Eta", Ends)
    store: Any = RunFile()
    fleet: Any = SimpleNamespace(most=lambda: ready)
    pacer: Any = SimpleNamespace(choose_lane=print)
    clients: Any = SimpleNamespace(of=repr)
    made: Any = process._worker(store, None, None, pacer, clients, settings, "", fleet)  # type: ignore[arg-type]
    assert made.forecast() == ends
    assert made.fleet is fleet


@pytest.mark.parametrize(
    ("base_url", "model", "server", "refused"),
    [
        ("http://run/v1", "m", "http://run/v1", {"seed": "no seed with m"}),
        (None, "broken", "http://settings/v1", {}),
    ],
)
def test_a_place_is_told_the_task_the_server_and_what_that_refuses(
    settings: Settings, base_url: str | None, model: str, server: str, refused: dict[str, str]
) -> None:
    """A ledger that cannot be read keeps nobody from asking."""
    store: Any = RunFile()
    store.base_url = base_url
    store.versions = [task := replace(TASK, model=replace(TASK.model, model=model))]
    keys: Any = Keys()
    made = process.setup_of(store, replace(settings, base_url="http://settings/v1"), keys)
    assert (made.task_json, made.task_version) == (task_to_json(task), task.version)
    assert (made.base_url, made.refused) == (server, refused)


@pytest.mark.usefixtures("at_ten")
def test_places_are_reached_without_a_key_in_their_environment(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """What happens to them is an event of the run, unless the disk refuses it."""
    monkeypatch.setattr(process, "bridge_to", lambda *given: given)
    monkeypatch.setattr(process, "PlacesFleet", lambda *given, **named: (given, named))
    monkeypatch.setattr(process, "setup_of", lambda *_: "setup")
    store: Any = RunFile()
    keys: Any = Keys()
    clients: Any = SimpleNamespace(in_tier=repr)
    made: Any = process.places_fleet(PlacesWanted(), settings, store, keys, clients)
    given, named = made
    assert given == (PlacesWanted(), (PlacesWanted(), os.environ, ["gsk_1", "gsk_2"]), "setup")
    assert (named["memory"], named["in_tier"]) == (keys, repr)
    named["noted"]("place-1 is ready")
    named["noted"]("full")
    assert store.said == [("place", "place-1 is ready", 10.0)]


# -- the process ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("soft", "hard", "lifted"),
    [
        (256, 10_000, (4_096, 10_000)),
        (256, 1_000, (1_000, 1_000)),
        (256, resource.RLIM_INFINITY, (4_096, resource.RLIM_INFINITY)),
        (4_096, 10_000, None),
        (5_000, 10_000, None),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, None),
    ],
)
def test_a_low_limit_on_open_files_is_lifted_to_4096(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, lifted: tuple[int, int] | None
) -> None:
    """As far as it may be; a higher one stays, and one that may not be lifted is no error."""
    done: list[Any] = []
    monkeypatch.setattr(resource, "getrlimit", lambda which: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda which, limits: done.append((which, limits)))
    process.allow_connections()
    assert done == ([(resource.RLIMIT_NOFILE, lifted)] if lifted else [])

    def refuse(*_: Any) -> None:
        raise OSError

    monkeypatch.setattr(resource, "setrlimit", refuse)
    process.allow_connections()


def test_early_signals_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both that mean something to a worker; elsewhere than in the main thread nothing can be done about them."""
    done: list[Any] = []
    monkeypatch.setattr(signal, "signal", lambda *given: done.append(given))
    process.ignore_early_signals()
    assert done == [(signal.SIGUSR1, signal.SIG_IGN), (signal.SIGUSR2, signal.SIG_IGN)]

    def refuse(*_: Any) -> None:
        raise ValueError

    monkeypatch.setattr(signal, "signal", refuse)
    process.ignore_early_signals()


@pytest.mark.asyncio
async def test_signals_stop_a_worker_once_and_then_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first says which one it was; those of an interruption are counted."""
    handlers: dict[int, Callable[[], None]] = {}

    def add(number: int, call: Callable[..., None], *given: Any) -> None:
        if number == signal.SIGHUP:
            raise NotImplementedError
        handlers[number] = lambda: call(*given)

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "add_signal_handler", add)
    done, interrupts = list[Any](), list[int]()
    worker: Any = SimpleNamespace(
        stopping=False, stop=lambda *given: done.append(given), pause=done.append, resume=lambda: done.append("resumed")
    )
    process._handle_signals(worker, interrupts)
    assert set(handlers) == {signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2}
    handlers[signal.SIGUSR1]()
    handlers[signal.SIGUSR2]()
    handlers[signal.SIGINT]()
    worker.stopping = True
    handlers[signal.SIGTERM]()
    assert done == ["paused by SIGUSR1", "resumed", (Ending(RunState.STOPPED, "stopped by SIGINT"),), ()]
    assert interrupts == [signal.SIGINT]


# -- forecasts --------------------------------------------------------------------------------------------------------------


class Left:
    """A run file with texts left, half of its emails being copies."""

    email_count = 4_000

    def __init__(self, size: int = 1, outcomes: dict[str, int] | None = None) -> None:
        self.pending_count, self.size, self.counted = 2_000, size, 0
        self._outcomes = outcomes or {}

    def pending_texts(self) -> tuple[int, float]:
        self.counted += 1
        return self.pending_count // 2, 400.0

    def outcomes(self) -> dict[str, int]:
        return self._outcomes

    def pack_size(self) -> int:
        return self.size


class Counts:
    """Counts tokens: a tenth of the characters and 2 for each text."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    def of(self, chars: int, texts: int = 1) -> SimpleNamespace:
        self.asked.append((chars, texts))
        return SimpleNamespace(cost=chars / 10 + 2 * texts)


def eta_of(left: Left, **given: Any) -> tuple[Eta, Counts]:
    counts = Counts()
    broker: Any = SimpleNamespace(estimator=counts, ways=lambda: ("ways",))
    store: Any = left
    return Eta(store, broker, fixed_chars=1_000, **given), counts


@pytest.mark.parametrize(
    ("texts", "outcomes", "calls", "doubt"),
    [
        (1_000.0, {}, 1_030.0, 0.048858 + 0.061981 + 0.15 + 0.02),
        (1_000.0, {"answered": 59}, 1_010.1124, 0.049336 + 0.020892 + 0.15 + 0.02),
        (1_000.0, {"answered": 60}, 1_010.0, 0.049339 + 0.020660 + 0.02),
        (
            1_000.0,
            {"answered": 300, "invalid": 20, "empty": 5, "truncated": 5, "rate_limited": 99},
            1_093.6364,
            0.047416 + 0.031610 + 0.02,
        ),
        (1.0, {}, 1.03, 0.5),
    ],
)
def test_a_forecast_counts_follow_up_questions_as_far_as_they_were_seen(
    texts: float, outcomes: dict[str, int], calls: float, doubt: float
) -> None:
    """Of thirty calls that are assumed, 3 % ask again; doubt shrinks with calls, and drops when sixty were seen."""
    eta, counts = eta_of(Left(outcomes=outcomes))
    load = eta._load(texts, outcomes)
    assert load.calls == pytest.approx(calls)
    assert load.doubt == pytest.approx(doubt, abs=1e-5)
    assert load.tokens == 102.0
    assert counts.asked == [(1_000, 1)]


@pytest.mark.parametrize(
    ("size", "calls", "tokens"),
    [(1, 800 * 1.03 + 50, 142.0), (2, 142.25, (106.25 * 516.0 + 36 * 142.0) / 142.25)],
)
def test_a_forecast_of_packs_puts_together_what_shares_a_call_and_what_does_not(
    monkeypatch: pytest.MonkeyPatch, size: int, calls: float, tokens: float
) -> None:
    """Repeated asks travel in packs, follow-up questions and controls alone; tokens are the mean of both."""
    asked: list[Any] = []
    monkeypatch.setattr(process, "expected_asks", lambda *given, **named: asked.append((given, named)) or 50.0)  # type: ignore[func-returns-value]
    monkeypatch.setattr(process, "expected_controls", lambda *given: asked.append(given) or 12.0)  # type: ignore[func-returns-value]
    monkeypatch.setattr(process, "texts_per_pack", lambda *given: asked.append(given) or 8.0)  # type: ignore[func-returns-value]
    monkeypatch.setattr(process, "pack_chars", lambda *given: asked.append(given) or 5_000.4)  # type: ignore[func-returns-value]
    eta, counts = eta_of(Left(size), canaries=60, packed=TASK)
    monkeypatch.setattr(process, "forecast", lambda load, ways: (load, ways))
    eta()
    asked.clear()
    counts.asked.clear()
    load = eta._load(800.0, {})
    assert load.calls == pytest.approx(calls)
    assert load.tokens == pytest.approx(tokens)
    assert asked[0] == ((800.0,), {"total": 2_000.0, "most": 60})
    assert asked[1:] == ([(2, 400.0), (1_200.0, 800.0), (TASK, 3_200.0, 8.0)] if size > 1 else [])
    assert counts.asked == ([(1_400, 1), (5_000, 8)] if size > 1 else [(1_400, 1)])


def test_a_forecast_is_of_what_is_left_and_one_of_live_calls_of_what_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Texts are counted once for both; where nothing is left nothing is forecast."""
    seen: list[tuple[Load, Any]] = []
    end = Forecast(1.0, 0.5, 2.0, "RPM")

    def ends(load: Load, ways: Any) -> Forecast:
        seen.append((load, ways))
        return end

    monkeypatch.setattr(process, "forecast", ends)
    left = Left()
    eta, _ = eta_of(left)
    assert eta.live(10.0) is end
    assert eta.live(20.0) is end
    assert left.counted == 1
    assert eta() is end
    assert left.counted == 2
    eta.live(20.0)
    assert left.counted == 2
    assert [round(load.calls, 3) for load, _ in seen] == [10.3, 20.6, 1_030.0, 20.6]
    assert {load.tokens for load, _ in seen} == {142.0}
    assert {ways for _, ways in seen} == {("ways",)}
    left.pending_count = 0
    assert eta() is None


def test_forecasts_of_less_than_a_call_and_before_a_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then each email is taken for a text of its own, and a part of a call for one."""
    totals: list[float] = []

    def again(texts: float, *, total: float, most: int) -> float:
        totals.append(total)
        return 0.0

    monkeypatch.setattr(process, "expected_asks", again)
    monkeypatch.setattr(process, "expected_controls", lambda *_: 0.0)
    monkeypatch.setattr(process, "pack_chars", lambda *_: 5_000.0)
    eta, _ = eta_of(Left(10), packed=TASK)
    load = eta._load(0.1, {})
    assert totals == [4_000.0]
    assert load.calls == pytest.approx(0.01 + 0.003)
    assert load.tokens == pytest.approx(0.01 * 520 + 0.003 * 102)


class Notices:
    """A notifier that keeps what it was made with."""

    made: ClassVar[list[Any]] = []

    def __init__(self, *given: Any) -> None:
        Notices.made.append(given)

    def close(self) -> None:
        Notices.made.append("closed")


@pytest.mark.parametrize(
    ("setup", "said", "notifies"),
    [
        (NotifySetup(), [], False),
        (NotifySetup(urls=("json://a",)), [], True),
        (LabeltuiError("it is no TOML"), [("notify", "nobody will be notified: it is no TOML", 5.0)], False),
    ],
)
def test_a_run_is_watched_where_services_are_set_up(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, make_run: MakeRun, setup: Any, said: list[Any], notifies: bool
) -> None:
    """A setup that cannot be read is an event of the run; what failed is one too, where the disk takes it."""

    def read(path: Path) -> NotifySetup:
        assert path == settings.notify_path
        if isinstance(setup, Exception):
            raise setup
        return setup  # type: ignore[no-any-return]

    Notices.made = []
    monkeypatch.setattr(notifier, "read_setup", read)
    monkeypatch.setattr(notifier, "Notifier", Notices)
    monkeypatch.setattr(notifier, "time", SimpleNamespace(time=lambda: 5.0))
    store: Any = RunFile()
    with notifier.notifying(make_run(["a"]), store, settings) as made:
        assert (made is not None) is notifies
        if notifies:
            ((given, look, note),) = Notices.made
            assert given is setup
            assert look().total == 1
            note("a service did not take it")
            note("full")
            said = [("notify", "a service did not take it", 5.0)]
    assert store.said == said
    assert Notices.made[1:] == (["closed"] if notifies else [])
