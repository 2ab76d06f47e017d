"""A whole worker in virtual time against a simulator with both service tiers and batches: who asks what by which lane.

``python -m tests.programs.lanes`` plays a run of 5,031 emails that is to be done by a time, with half of the batches
stalled and lines that expire, and prints by which lane each email was labeled, what it cost and when it was done.
Nothing of the product is replaced but time, network and validation.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sqlite3
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from core.llm.batches import BatchClient
from core.llm.client import ChatClient
from core.llm.task import builtin_task, fixed_chars, versioned
from core.model import BatchLimits, Budget, ChatMessage, LaneChoice, SourceEmail, Task, View
from core.quota.forecast.plans import Price
from core.quota.keys.store import KeyStore
from core.quota.pacing.broker import Broker, Grant
from core.simulator.app import create_app
from core.simulator.config import BatchPlan, FaultPlan, FlexPlan, Limits, OrganizationConfig, SimulatorConfig
from core.storage.file.control import CommandInbox, post
from core.storage.file.lock import RunLock
from core.storage.writing.intake import NewRun
from core.storage.writing.store import Store
from core.worker.heartbeat import Tempo
from core.worker.lanes.batch import BatchKey
from core.worker.lanes.tiers import FLEX, FlexClient, TieredPacer
from core.worker.loop import Ending, Worker
from core.worker.process import Eta
from core.worker.settle import Asks
from tests.programs.batches import Judge
from tests.programs.virtual.harness import client_without_threads, run_virtually
from tests.programs.virtual.scenario import START_AT
from tests.programs.virtual.wire import Wire

KEYS = {"one": ("gsk_sim_invented_for_lanes_0001", "org_1"), "two": ("gsk_sim_invented_for_lanes_0002", "org_2")}
PRICE = Price(0.10, 0.05, 0.50)


@dataclass(frozen=True, slots=True)
class Case:
    """What is played: emails, the lane with its time in seconds from the start, the server, and commands by time."""

    emails: int
    lane: str
    by_s: float | None = None
    money: float | None = None
    limits: Limits = Limits()
    flex: FlexPlan = FlexPlan()
    batches: BatchPlan = BatchPlan()
    faults: FaultPlan = FaultPlan()
    sizes: BatchLimits = BatchLimits(size=50, most_open=8, trial=20)
    commands: tuple[tuple[float, str, str], ...] = ()
    until_s: float = 40_000.0
    latency_s: float = 0.5


@dataclass
class Played:
    """What came of it. ``by_lane`` counts labels, ``log`` is the simulator's."""

    ending: Ending
    took_s: float
    by_lane: dict[str, int]
    outcomes: dict[tuple[str, str], int]
    labels: int
    failed: int
    attempts: int
    notes: list[str]
    money: float
    log: list[dict[str, Any]] = field(repr=False)
    answered_texts: list[str] = field(repr=False)

    def asked_twice_at_once(self) -> list[str]:
        """Return the texts about which a live call was made while a batch held them, by the simulator's log."""
        holds: dict[str, set[str]] = {}
        wrong = []
        for line in self.log:
            for text in line.get("texts", ()):
                held = holds.setdefault(text, set())
                (held.add if line["event"] == "began" else held.discard)(line["batch"])
            if "sha256" in line and holds.get(line["sha256"]):
                wrong.append(line["sha256"])
        return wrong


def play(case: Case) -> Played:
    """Play a case to its end, in a scratch folder."""
    with tempfile.TemporaryDirectory(prefix="lanes-") as folder:
        return run_virtually(_play(case, Path(folder)))


def _task() -> Task:
    return versioned(replace(builtin_task(), canaries=0, max_reasks=2))


def _make_run(path: Path, case: Case) -> None:
    with Store.create(path, NewRun("run", "test", "d", START_AT, order="source"), _task()) as store:
        store._db.execute("PRAGMA synchronous = OFF")
        texts = ((n, f"mail number {n} about the meeting and the contract") for n in range(case.emails))
        store.add_emails(
            (SourceEmail(f"m{n}", t, f"m{n}"), View(t, "a@example.org", "", t, t, False)) for n, t in texts
        )
        store.set_order("source", 0)
        by_at = None if case.by_s is None else START_AT + case.by_s
        store.choose_lane(LaneChoice(case.lane, by_at), case.lane, now=START_AT)
        if case.money is not None:
            store.set_budget(Budget(money=case.money), now=START_AT)


class _Keys:
    """The keys that batches go out with."""

    def __init__(self, wire: Wire, task: Task) -> None:
        self._task = task
        self._clients = {
            alias: BatchClient(secret, base_url="http://simulator", transport=wire)
            for alias, (secret, _) in KEYS.items()
        }

    def usable_keys(self) -> Sequence[BatchKey]:
        return [BatchKey(alias, organization) for alias, (_, organization) in KEYS.items()]

    def client(self, alias: str) -> BatchClient | None:
        return self._clients.get(alias)

    def body(self, asked: Sequence[ChatMessage]) -> dict[str, Any]:
        sent = [{"role": each.role, "content": each.content} for each in asked]
        return {"model": self._task.model.model, "messages": sent, "max_completion_tokens": 200}

    async def aclose(self) -> None:
        for client in self._clients.values():
            await client.aclose()


async def _play(case: Case, folder: Path) -> Played:
    loop = asyncio.get_running_loop()
    path, log_path, task = folder / "run.db", folder / "calls.jsonl", _task()
    _make_run(path, case)
    config = SimulatorConfig(
        keys=dict(KEYS.values()),
        organizations=tuple(OrganizationConfig(name, case.limits) for _, name in KEYS.values()),
        latency_s=case.latency_s,
        batches=case.batches,
        flex=case.flex,
        faults=case.faults,
        log_path=log_path,
    )
    app = create_app(config, clock=loop.time, drop_error=lambda: httpx.ReadError("cut"))
    wire = Wire(app, clock=loop.time, rng=random.Random(1), way_s=(0.01, 0.05))
    notes: list[str] = []

    def clock() -> float:
        return START_AT + loop.time()

    with contextlib.ExitStack() as stack:
        lock = stack.enter_context(RunLock(path))
        store = stack.enter_context(Store.open(path, lock))
        store._db.execute("PRAGMA synchronous = OFF")
        store.begin_epoch(now=clock(), pid=1, host="virtual")

        def broker(tier: str = "") -> Broker:
            environment = {"GROQ_API_KEYS": ",".join(f"{alias}={secret}" for alias, (secret, _) in KEYS.items())}
            paths = folder / "quota.db", folder / "keys.toml"
            keys = stack.enter_context(KeyStore(*paths, environment=environment, clock=clock))
            keys.database.execute("PRAGMA synchronous = OFF")
            return Broker(
                keys, task.model.model, clock=clock, rng=random.Random(tier), max_completion_tokens=200, tier=tier
            )

        tiers = TieredPacer(
            broker(), lambda: broker(FLEX), lane=case.lane, clock=clock, rng=random.Random(3), noted=notes.append
        )
        clients: dict[tuple[str, str], ChatClient] = {}

        def client_of(grant: Grant) -> Asks:
            tier = FLEX if grant.lane == FLEX else ""
            if (grant.alias, tier) not in clients:
                clients[grant.alias, tier] = client = client_without_threads(grant.secret.value, wire)
                client._tier = {"service_tier": tier} if tier else {}
            client = clients[grant.alias, tier]
            return FlexClient(client, tiers) if tier else client

        keys = _Keys(wire, task)
        inbox, eta = CommandInbox(path), Eta(store, tiers, fixed_chars=fixed_chars(task))
        stack.callback(inbox.close)
        worker = Worker(
            store=store, inbox=inbox, broker=tiers, task=task, guard=Judge(), client_of=client_of, clock=clock,
            tempo=Tempo(tick_s=1.0, beat_s=30.0), forecast=eta, live=eta.live,
            price=PRICE, batch_server=keys, batch_limits=case.sizes, lane_chosen=tiers.choose_lane,
        )  # fmt: skip
        work = loop.create_task(worker.run())
        operator = loop.create_task(_operate(case, path, clock))
        closing = loop.call_later(case.until_s, worker.stop)
        ending = await work
        took_s = loop.time()
        closing.cancel()
        operator.cancel()
        for client in clients.values():
            await client.aclose()
        await keys.aclose()
        await wire.hang_up()
        app.state.simulator.close()
    return _outcome(path, log_path, ending, took_s, notes, app.state.simulator.desk.processed)


async def _operate(case: Case, path: Path, clock: Any) -> None:
    for at_s, kind, argument in case.commands:
        await asyncio.sleep(max(0.0, START_AT + at_s - clock()))
        post(path, kind, argument, now=clock(), by="operator")


def _outcome(
    path: Path, log_path: Path, ending: Ending, took_s: float, notes: list[str], processed: list[str]
) -> Played:
    with contextlib.closing(sqlite3.connect(path)) as db:
        by_lane = dict(
            db.execute(
                "SELECT a.lane, count(*) FROM label AS l JOIN attempt AS a ON a.id = l.attempt_id GROUP BY a.lane"
            ).fetchall()
        )
        outcomes = {
            (lane, outcome): count
            for lane, outcome, count in db.execute("SELECT lane, outcome, count(*) FROM attempt GROUP BY 1, 2")
        }
        labels = db.execute("SELECT count(*) FROM email WHERE state = 'labeled'").fetchone()[0]
        failed = db.execute("SELECT count(*) FROM email WHERE state = 'failed'").fetchone()[0]
        spent = db.execute(
            "SELECT coalesce(sum(prompt_tokens * (1 - (lane = 'batch') / 2.0)), 0),"
            " coalesce(sum(completion_tokens * (1 - (lane = 'batch') / 2.0)), 0) FROM attempt"
        ).fetchone()
        events = [f"{text}" for (text,) in db.execute("SELECT text FROM event ORDER BY id")]
    log = [json.loads(line) for line in log_path.read_text().splitlines()] if log_path.exists() else []
    return Played(
        ending, took_s, by_lane, outcomes, labels, failed, sum(outcomes.values()), [*notes, *events],
        PRICE.of(spent[0], 0, spent[1]), log, processed,
    )  # fmt: skip


def main() -> int:
    """Play the run of the founding case with a time to be done by."""
    case = Case(
        5_031, "auto", by_s=3 * 3_600.0, limits=Limits(rpm=60, tpm=60_000),
        batches=BatchPlan(seconds=1_800.0, stall=1e8, expire=0.1, shuffle=True, cancel_s=300.0), flex=FlexPlan(full=0.3),
        sizes=BatchLimits(),
    )  # fmt: skip
    played = play(case)
    print(f"{played.ending.state.value}: {played.ending.reason}")
    print(f"done after {played.took_s / 3600:.2f} h of {case.by_s or 0:.0f} s; {played.labels:,} labeled")
    print(f"labels by lane: {played.by_lane}; asked live while a batch held it: {len(played.asked_twice_at_once())}")
    print(f"${played.money:.4f}")
    for note in played.notes:
        print(f"  {note}")
    late = played.took_s > (case.by_s or 0)
    return int(late or played.labels != case.emails or bool(played.asked_twice_at_once()))


if __name__ == "__main__":
    sys.exit(main())
