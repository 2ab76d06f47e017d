"""One run against a server that misbehaves as configured, under a clock that leaps: real worker, SDK, quotas and run file."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import looptime

from core.llm.client import ChatClient
from core.llm.task import pattern
from core.model import Budget, KeyState, LabelMeaning, Snapshot, SourceEmail, Task, View
from core.quota.forecast.plans import Price
from core.quota.keys.store import KeyStore
from core.quota.pacing.broker import Broker, Grant
from core.storage.file.control import CommandInbox
from core.storage.file.lock import RunLock
from core.storage.reading.reader import RunReader
from core.storage.writing.intake import NewRun
from core.storage.writing.store import Store
from core.worker.heartbeat import Tempo
from core.worker.loop import Ending, Worker
from tests.programs.virtual.harness import guard_for
from tui.actions import active  # noqa: F401 - fills the keys that the state line names
from tui.text.state_sentence import state_sentence
from tui.view_state import ViewState

START_AT = 1_790_000_000.0
TASK = Task(
    name="work or personal",
    labels=(LabelMeaning("1", "work"), LabelMeaning("0", "personal")),
    rubric="Work is 1.",
    version="v1",
)

Misbehave = Callable[[httpx.Request], Awaitable[httpx.Response]]
"""What the server does instead of answering: gives some response, raises, or keeps the caller waiting."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call as the server recorded it: seconds from the start, which email, with which key."""

    at_s: float
    email: int
    key: str


@dataclass(slots=True)
class Server:
    """Answers 1 to everything, but where ``faulty`` says that a call meets the fault.

    ``faulty`` is given the call and how many came before it about the same email.
    """

    misbehave: Misbehave
    faulty: Callable[[Call, int], bool]
    organizations: Mapping[str, str]
    headers: Mapping[str, str] = field(default_factory=dict)
    latency_s: float = 0.05
    calls: list[Call] = field(default_factory=list)

    async def handle(self, request: httpx.Request) -> httpx.Response:
        """One request."""
        loop = asyncio.get_running_loop()
        found = re.search(rb"mail number (\d+)", request.content)
        assert found is not None
        call = Call(loop.time(), int(found.group(1)), request.headers["authorization"][-4:])
        before = sum(each.email == call.email for each in self.calls)
        self.calls.append(call)
        await asyncio.sleep(self.latency_s)
        if self.faulty(call, before):
            return await self.misbehave(request)
        return completion("1", self.headers)

    def times(self, email: int) -> list[float]:
        """When the calls about an email came, in seconds from the start."""
        return [call.at_s for call in self.calls if call.email == email]

    def keys(self, email: int) -> set[str]:
        """The keys (last four characters) that asked about an email."""
        return {call.key for call in self.calls if call.email == email}


class _Transport(httpx.AsyncBaseTransport):
    def __init__(self, server: Server) -> None:
        self._server = server

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._server.handle(request)


Headers = Mapping[str, str] | Sequence[tuple[str, str]]
"""Of an answer; pairs where a name comes twice."""


def completion(text: str, headers: Headers | None = None, finish_reason: str = "stop") -> httpx.Response:
    """A proper answer."""
    body = {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish_reason}],
        "usage": {"prompt_tokens": 300, "completion_tokens": 2, "total_tokens": 302},
    }
    return httpx.Response(200, json=body, headers=headers)


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of it: the last snapshot, each email's state, failure and outcomes, what was shown on the way.

    ``shown`` are states with their reasons, ``screens`` the console's state lines.
    """

    snapshot: Snapshot
    ending: Ending
    server: Server
    states: Mapping[int, str]
    failures: Mapping[int, str]
    outcomes: Mapping[int, list[str]]
    shown: tuple[tuple[str, str], ...]
    screens: tuple[str, ...]
    last_screen: str
    keys: Mapping[str, KeyState]
    took_s: float

    def was_shown(self, state: str, words: str) -> bool:
        """Whether a snapshot on the way was in that state with that in its reason."""
        return any(each == state and re.search(words, reason) for each, reason in self.shown)


def play(
    folder: Path,
    misbehave: Misbehave,
    faulty: Callable[[Call, int], bool],
    *,
    emails: int = 6,
    keys: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    closes_at_s: float = 2 * 3600.0,
    tempo: Tempo | None = None,
    clock: Callable[[float], float] = lambda at_s: at_s,
    latency_s: float = 0.05,
    budget: Budget | None = None,
    price: Price | None = None,
    acts: Mapping[float, Callable[[Worker], None]] | None = None,
) -> Seen:
    """Play one run to its end, or to ``closes_at_s``. ``keys`` maps aliases to organizations: two of each.

    ``acts`` happen at these seconds from the start.
    """
    organizations = keys or {"one": "org_1", "two": "org_2"}
    server = Server(misbehave, faulty, organizations, headers or {}, latency_s)
    with_budget = (budget, price, acts or {})
    guard_for(("1", "0"), pattern(TASK))
    folder.mkdir(exist_ok=True)
    loop = looptime.new_event_loop(start=0, noop_cycles=0)
    try:
        return loop.run_until_complete(
            _play(folder, server, emails, closes_at_s, tempo or Tempo(), clock, *with_budget)
        )
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


async def _play(
    folder: Path,
    server: Server,
    emails: int,
    closes_at_s: float,
    tempo: Tempo,
    wall: Callable[[float], float],
    budget: Budget | None,
    price: Price | None,
    acts: Mapping[float, Callable[[Worker], None]],
) -> Seen:
    path = folder / "run.db"
    loop = asyncio.get_running_loop()

    def clock() -> float:
        return START_AT + wall(loop.time())

    _make(path, emails)
    secrets = {alias: f"gsk_test_0123456789_{alias:_>8}" for alias in server.organizations}
    with contextlib.ExitStack() as stack:
        lock = stack.enter_context(RunLock(path))
        store = stack.enter_context(Store.open(path, lock))
        store._db.execute("PRAGMA synchronous = OFF")
        store.begin_epoch(now=clock(), pid=1, host="virtual")
        if budget is not None:
            store.set_budget(budget, now=clock())
        environment = {
            "GROQ_API_KEYS": ",".join(f"{alias}@{server.organizations[alias]}={secrets[alias]}" for alias in secrets)
        }
        keys = stack.enter_context(
            KeyStore(folder / "quota.db", folder / "keys.toml", environment=environment, clock=clock)
        )
        keys.database.execute("PRAGMA synchronous = OFF")
        broker = Broker(keys, TASK.model.model, clock=clock, rng=random.Random(4), max_completion_tokens=256)
        clients = {alias: _client(secret, server) for alias, secret in secrets.items()}

        def client_of(grant: Grant) -> ChatClient:
            return clients[grant.alias]

        inbox = CommandInbox(path)
        stack.callback(inbox.close)
        worker = Worker(
            store=store,
            inbox=inbox,
            broker=broker,
            task=TASK,
            guard=guard_for(("1", "0"), pattern(TASK)),
            client_of=client_of,
            clock=clock,
            tempo=tempo,
            price=price,
        )
        timers = [loop.call_later(at_s, act, worker) for at_s, act in acts.items()]
        shown: dict[tuple[str, str], None] = {}
        screens: dict[str, None] = {}
        watching = loop.create_task(_watch(path, clock, shown, screens, tempo))
        closing = loop.call_later(closes_at_s, worker.stop)
        try:
            ending = await worker.run()
        finally:
            watching.cancel()
            closing.cancel()
            for timer in timers:
                timer.cancel()
            for client in clients.values():
                await client.aclose()
        took_s = loop.time()
        statuses = {key.alias: key.state for key in broker.statuses()}
    return _seen(path, server, ending, tuple(shown), tuple(screens), statuses, took_s, clock())


def _client(secret: str, server: Server) -> ChatClient:
    """The SDK looks the platform up in a thread at a client's first call, which a leaping clock cannot wait for."""
    client = ChatClient(secret, transport=_Transport(server))
    client._groq._platform = "Linux"
    return client


def _make(path: Path, emails: int) -> None:
    with Store.create(path, NewRun(path.stem, "faults", "digest", START_AT, order="source"), TASK) as store:
        store._db.execute("PRAGMA synchronous = OFF")
        texts = ((number, f"mail number {number} about this and that") for number in range(1, emails + 1))
        store.add_emails(
            (SourceEmail(f"mail-{number}", text, f"row {number}"), View(text, "a@example.org", "", text, text, False))
            for number, text in texts
        )
        store.set_order("source", 0)


async def _watch(
    path: Path,
    clock: Callable[[], float],
    shown: dict[tuple[str, str], None],
    screens: dict[str, None],
    tempo: Tempo,
) -> None:
    with RunReader(path) as reader:
        while True:
            snapshot = reader.snapshot(clock())
            shown.setdefault((snapshot.state.value, snapshot.reason))
            screens.setdefault(screen_of(snapshot, path, clock()))
            await asyncio.sleep(tempo.beat_s)


def screen_of(snapshot: Snapshot, path: Path, now: float) -> str:
    """The console's state line for a snapshot."""
    said = state_sentence(ViewState(now=now, path=path, snapshot=snapshot, read_at=now), (), now)
    return f"{said.word} {said.sentence}"


def _seen(
    path: Path,
    server: Server,
    ending: Ending,
    shown: tuple[tuple[str, str], ...],
    screens: tuple[str, ...],
    keys: Mapping[str, KeyState],
    took_s: float,
    now: float,
) -> Seen:
    with RunReader(path) as reader:
        snapshot = reader.snapshot(now)
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT id, state, failure FROM email").fetchall()
        outcomes: dict[int, list[str]] = {}
        for email_id, outcome in db.execute("SELECT email_id, outcome FROM attempt ORDER BY id").fetchall():
            outcomes.setdefault(email_id, []).append(outcome)
    worker = replace(snapshot.worker, alive=False)
    ended = replace(snapshot, state=ending.state, reason=ending.reason, worker=worker)
    return Seen(
        snapshot=snapshot,
        ending=ending,
        server=server,
        states={row[0]: row[1] for row in rows},
        failures={row[0]: row[2] for row in rows if row[2]},
        outcomes=outcomes,
        shown=shown,
        screens=screens,
        last_screen=screen_of(ended, path, now),
        keys=keys,
        took_s=took_s,
    )
