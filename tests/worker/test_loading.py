"""The validator takes seconds to load: the first calls go out before, and their answers wait for it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.llm.task import builtin_task
from core.model import ChatMessage, ModelSettings, Outcome, Reply, RunState, Usage, Verdict
from core.quota.keys.store import KeyStore
from core.quota.pacing.broker import Broker
from core.runs.find import RunOptions, create_run
from core.settings import Settings
from core.storage.file.control import CommandInbox
from core.storage.file.lock import RunLock
from core.storage.writing.store import Store
from core.worker.heartbeat import Tempo
from core.worker.loop import UNJUDGED_MOST, Worker

EMAILS = 3 * UNJUDGED_MOST


class Judge:
    """Accepts the given answers once it was loaded; ``load`` waits for ``go`` and raises ``error`` where there is one."""

    def __init__(self, error: Exception | None = None) -> None:
        self.go, self.error = asyncio.Event(), error
        self.asked_when_begun: int | None = None
        self.asked: Callable[[], int] = lambda: 0

    async def load(self) -> object:
        if self.asked_when_begun is None:
            self.asked_when_begun = self.asked()
        await self.go.wait()
        if self.error is not None:
            raise self.error
        return self

    async def judge(self, reply: Reply) -> Verdict:
        await self.load()
        return Verdict(Outcome.ANSWERED, reply.text)


class Client:
    """Answers at once."""

    def __init__(self) -> None:
        self.calls = 0
        self.many = asyncio.Event()

    async def ask(self, messages: tuple[ChatMessage, ...], settings: ModelSettings) -> Reply:
        self.calls += 1
        if self.calls == UNJUDGED_MOST:
            self.many.set()
        return Reply("1", "stop", Usage(10, 1), "req", {})


@asynccontextmanager
async def working(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, judge: Judge
) -> AsyncIterator[tuple[Worker, Client, Store]]:
    """A worker of :data:`EMAILS` different emails on a server that answers at once."""
    source = tmp_path / "emails.csv"
    source.write_text("id,message\n" + "".join(f"{n},text {n}\n" for n in range(EMAILS)), "utf-8")
    monkeypatch.setenv("GROQ_API_KEY", "gsk_for_a_test_only_0001")
    task = builtin_task()
    path = create_run(settings, source, task, RunOptions(name="loading"), now=time.time()).path
    client = Client()
    judge.asked = lambda: client.calls
    with RunLock(path) as lock, Store.open(path, lock) as store, KeyStore.from_settings(settings) as keys:
        store.begin_epoch(now=time.time(), pid=1, host="here")
        inbox = CommandInbox(path)
        broker = Broker(
            keys,
            task.model.model,
            clock=time.time,
            rng=random.Random(1),
            max_completion_tokens=256,
            own_server=True,
            concurrency=64,
        )
        yield (
            Worker(
                store=store,
                inbox=inbox,
                broker=broker,
                task=task,
                guard=lambda: judge,
                client_of=lambda _: client,
                clock=time.time,
                tempo=Tempo(tick_s=0.002),
            ),
            client,
            store,
        )
        inbox.close()


@pytest.mark.asyncio
async def test_a_few_calls_go_out_before_the_validator_is_loaded(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loading begins after the first call; until it ends eight are out at most, and their answers are kept."""
    judge = Judge()
    async with working(settings, tmp_path, monkeypatch, judge) as (worker, client, store):
        run = asyncio.create_task(worker.run())
        await asyncio.wait_for(client.many.wait(), 20)
        await asyncio.sleep(0.02)  # ten of the loop's ticks, in which no other call may go out
        assert client.calls == worker.in_flight == UNJUDGED_MOST
        assert judge.asked_when_begun
        judge.go.set()
        assert (await asyncio.wait_for(run, 20)).state is RunState.DONE
        assert (client.calls, store.pending_count, store.failed_count) == (EMAILS, 0, 0)


@pytest.mark.asyncio
async def test_a_validator_that_cannot_be_loaded_ends_the_run(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error is raised, and no email is settled by an answer that nothing judged."""
    judge = Judge(ImportError("no such module"))
    judge.go.set()
    async with working(settings, tmp_path, monkeypatch, judge) as (worker, _, store):
        with pytest.raises(ImportError, match="no such module"):
            await asyncio.wait_for(worker.run(), 20)
        assert (store.pending_count, store.failed_count) == (EMAILS, 0)


@pytest.mark.parametrize(("loaded", "out", "held"), [(False, 7, False), (False, 8, True), (True, 8, False)])
def test_until_answers_can_be_judged_eight_calls_may_be_out(loaded: bool, out: int, held: bool) -> None:
    """The ninth waits for the validator."""
    worker = SimpleNamespace(_loaded=loaded, _lane=range(out))
    assert Worker._loading.fget(worker) is held  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("since_s", "looks"), [(0.0, False), (0.19, False), (0.2, True), (5.0, True), (-3.0, True)],
    ids=["at once", "soon", "a tick later", "later", "the clock was set back"],
)  # fmt: skip
def test_commands_are_looked_for_once_a_tick(since_s: float, looks: bool) -> None:
    """However often the loop turns."""

    class Looked(BaseException):
        pass

    def take() -> None:
        raise Looked

    worker = SimpleNamespace(
        _clock=lambda: 1_000.0 + since_s,
        _looked_at=1_000.0,
        _tempo=Tempo(tick_s=0.2),
        _inbox=SimpleNamespace(take=take),
    )
    with pytest.raises(Looked) if looks else nullcontext():
        Worker._look_up(worker)  # type: ignore[arg-type]
