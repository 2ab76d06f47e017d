"""Kill the batch lane at every point on every kind of server, and print what was lost, bought twice or sent again.

``python -m tests.programs.batches`` takes about half a minute; a part of it runs as ordinary tests
(``tests/worker/test_batches.py``). Everything happens in this process and in virtual time: a kill is an exception that
nothing catches, after which a new lane begins over the same run file and the same simulated server.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from core.llm.batches import BatchClient
from core.llm.task import builtin_task
from core.model import BatchLimits, ChatMessage, Forecast, LaneChoice, Outcome, Reply, SourceEmail, Task, Verdict, View
from core.simulator.app import create_app
from core.simulator.config import BatchPlan, SimulatorConfig, simple_config
from core.storage.file.lock import RunLock
from core.storage.writing.intake import NewRun
from core.storage.writing.store import Answer, Store
from core.worker.lanes.batch import BatchKey, BatchLane, Reports
from core.worker.queue import Queue

EMAILS = 30
SIZE = 10
POINTS = (
    "before packing", "packed", "before upload", "uploaded", "before create", "created", "sent", "ended", "downloaded",
    "before gathering", "gathering", "gathered", "closed",
)  # fmt: skip
SERVERS = {
    "completed": BatchPlan(),
    "expired": BatchPlan(expire=0.4),
    "lost reply": BatchPlan(lose_reply=2),
    "listing late": BatchPlan(list_lag_s=30.0, lose_reply=3),
    "no metadata": BatchPlan(no_metadata=True, lose_reply=3),
    "empty object": BatchPlan(empty_object=True),
    "shuffled": BatchPlan(shuffle=True, expire=0.2),
    "cancelled": BatchPlan(seconds=600.0),
}


class KilledError(Exception):
    """Stands for a kill of the process."""


class Judge:
    """Accepts the two labels."""

    async def judge(self, reply: Reply) -> Verdict:
        """Return the label, or an unusable answer."""
        if reply.text.strip() in ("1", "0"):
            return Verdict(Outcome.ANSWERED, reply.text.strip())
        return Verdict(Outcome.INVALID, None, "no label")


@dataclass
class World:
    """A run file and a simulated server; each worker's life is a lane of its own over them."""

    folder: Path
    plan: BatchPlan
    config: SimulatorConfig = field(default_factory=lambda: simple_config(2, 2))
    now: float = 1_000_000.0
    task: Task = field(default_factory=lambda: replace(builtin_task(), max_reasks=2))
    notes: list[str] = field(default_factory=list)
    committed: list[Answer] = field(default_factory=list)
    over: str = ""
    cancel_at: float | None = None
    ends: Forecast | None = None

    def __post_init__(self) -> None:
        self.app = create_app(
            replace(self.config, batches=self.plan),
            clock=lambda: self.now,
            drop_error=lambda: httpx.ReadError("cut"),
        )
        self.desk = self.app.state.simulator.desk
        self.path = self.folder / "run.db"
        keys = list(self.config.keys)
        self.secrets = {"one": keys[0], "two": keys[1]}
        with Store.create(self.path, NewRun("run", "test", "d", self.now, order="source"), self.task) as store:
            store._db.execute("PRAGMA synchronous = OFF")
            texts = ((f"mail-{n}", f"mail number {n} about the meeting") for n in range(EMAILS))
            store.add_emails((SourceEmail(i, t, i), View(t, "a@example.org", "", t, t, False)) for i, t in texts)
            store.set_order("source", 0)
            store.choose_lane(LaneChoice("batch"), "batches", now=self.now)

    # -- what the lane needs of keys -----------------------------------------------------------------------------------

    def usable_keys(self) -> Sequence[BatchKey]:
        """Return two keys of two organizations."""
        return [BatchKey("one", "org_sim_1"), BatchKey("two", "org_sim_2")]

    def client(self, alias: str) -> BatchClient | None:
        """Return a client that speaks to the simulator without a socket."""
        return BatchClient(
            self.secrets[alias], base_url="http://127.0.0.1", transport=httpx.ASGITransport(app=self.app)
        )

    def body(self, asked: Sequence[ChatMessage]) -> dict[str, Any]:
        """Return a request's body."""
        sent = [{"role": each.role, "content": each.content} for each in asked]
        return {"model": self.task.model.model, "messages": sent, "max_completion_tokens": 1024}

    # -- a worker's life -----------------------------------------------------------------------------------------------

    def live(self, *, kill_at: str = "", kill_nth: int = 1, until_s: float = 4_000.0) -> bool:
        """Work until nothing is left to do, or until a kill; return whether it was killed."""
        return asyncio.run(self._live(kill_at, kill_nth, until_s))

    async def _live(self, kill_at: str, kill_nth: int, until_s: float) -> bool:
        passed: Counter[str] = Counter()

        def at(point: str) -> None:
            passed[point] += 1
            if point == kill_at and passed[point] == kill_nth:
                raise KilledError(point)

        end_at = self.now + until_s
        with RunLock(self.path) as lock, Store.open(self.path, lock) as store:
            store._db.execute("PRAGMA synchronous = OFF")
            store.begin_epoch(now=self.now, pid=1, host="test")
            queue = Queue(lambda after, limit: store.pending(after=after, limit=limit), dedupe=True)
            reports = Reports(
                noted=self.notes.append, committed=self.committed.extend, labeled=lambda: None,
                failed=lambda _: None, over_budget=lambda *_: self.over,
            )  # fmt: skip
            lane = BatchLane(
                task=self.task, store=store, queue=queue, server=self, clock=lambda: self.now, reports=reports,
                limits=BatchLimits(size=SIZE, trial=0), at=at,
            )  # fmt: skip
            try:
                while self.now < end_at:
                    if self.cancel_at is not None and self.now >= self.cancel_at:
                        self.cancel_at = None
                        await lane.cancel()
                    wait_s = await lane.step(Judge(), held=False)
                    self.ends = lane.ends()
                    if not lane.open and not store.pending(after=-1, limit=1, asked=False):
                        return False
                    if not lane.open and not lane.packs:
                        return False
                    self.now += max(1.0, min(wait_s, 60.0))
            except KilledError:
                return True
        return False

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return rows of the run file."""
        with RunLock(self.path) as lock, Store.open(self.path, lock) as store:
            return store._db.execute(query).fetchall()

    def bought_twice(self) -> int:
        """Return how many emails the server answered twice, also in batches that nobody asked for again."""
        for batch in list(self.desk._batches.values()):
            self.desk._progress(batch, self.now + 1e6)
        bought = Counter(each.rpartition("/")[2] for each in self.desk.processed)
        return sum(times > 1 for times in bought.values())

    def check(self) -> None:
        """Every email has one label, and no line was bought twice."""
        assert self.rows("SELECT count(*) FROM email WHERE state = 'labeled'") == [(EMAILS,)]
        assert self.rows("SELECT count(*), count(DISTINCT email_id) FROM label") == [(EMAILS, EMAILS)]
        assert self.bought_twice() == 0
        assert self.rows("SELECT count(*) FROM attempt WHERE lane = 'batch'") == [(EMAILS,)]
        assert self.rows("SELECT count(*) FROM parcel_email WHERE done = 0") == [(0,)]
        assert list(self.folder.glob("*.part*")) == []


def killed(folder: Path, point: str, server: str) -> World:
    """Return the world after a kill at that point, and what another worker then made of it."""
    world = World(folder, SERVERS[server])
    if server == "cancelled":
        world.cancel_at = world.now + 250.0
    assert world.live(kill_at=point, kill_nth=2 if point != "closed" else 1)
    assert not world.live()
    return world


def main() -> int:
    """Print a row for each point and a column for each server: emails without a label, and lines bought twice."""
    print(f"{'killed at':<18}" + "".join(f"{server:>14}" for server in SERVERS))
    wrong = 0
    for point in POINTS:
        cells = []
        for server in SERVERS:
            with tempfile.TemporaryDirectory() as folder:
                world = killed(Path(folder), point, server)
                lost = world.rows("SELECT count(*) FROM email WHERE state <> 'labeled'")[0][0]
                twice = world.bought_twice()
                cells.append(f"{lost} / {twice}")
                wrong += lost + twice
        print(f"{point:<18}" + "".join(f"{cell:>14}" for cell in cells), flush=True)
    print("unlabeled / bought twice, of 30 emails in batches of 10" + (": WRONG" if wrong else ""))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
