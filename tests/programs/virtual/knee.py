"""How near the concurrency that a worker finds comes to the best fixed one, on servers without quotas, in virtual time.

    python -m tests.programs.virtual.knee [--emails 1500] [--seeds 3] [--server NAME ...]

The real worker (queue, broker, commits) with a client that answers after as long as the server's arithmetic says. Each
server is played with the search and with fixed numbers of calls at once; the table shows the time from the first call
to the last label beside that of the best fixed number, and the concurrency that held in the second half of the run.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.model import ChatMessage, ModelSettings, Outcome, Reply, Usage, Verdict
from core.quota.keys.store import KeyStore
from core.quota.pacing.broker import Broker
from core.storage.file.control import CommandInbox
from core.storage.file.lock import RunLock
from core.storage.writing.intake import NewRun
from core.storage.writing.store import Store
from core.worker.heartbeat import Tempo
from core.worker.loop import Worker
from tests.programs.virtual.harness import run_virtually
from tests.programs.virtual.scenario import START_AT, Lengths, Scenario

FIXED = (16, 32, 48, 64, 80, 96, 128)
KEY = "gsk_virtual_knee_000000001"


@dataclass(frozen=True, slots=True)
class Server:
    """``latency_s`` of a call with which so many are out, asked so many seconds after the start; ``spread`` is the
    standard deviation of its logarithm."""

    name: str
    latency_s: Callable[[int, float], float]
    spread: float = 0.0


SERVERS = (
    Server("as fast with any number", lambda _out, _at: 0.5),
    Server("as fast with any number, noisy", lambda _out, _at: 0.5, 0.3),
    Server("64 at once, then they queue", lambda out, _at: 0.5 * max(1.0, out / 64)),
    Server("64 at once, then they queue, noisy", lambda out, _at: 0.5 * max(1.0, out / 64), 0.3),
    Server("twice as slow beyond 64", lambda out, _at: 0.5 if out <= 64 else 1.0),
    Server("twice as slow beyond 64, noisy", lambda out, _at: 0.5 if out <= 64 else 1.0, 0.3),
    Server("12 at once, then they queue", lambda out, _at: 0.5 * max(1.0, out / 12)),
    Server("half as fast after 6 s", lambda out, at: (0.5 if at < 6 else 1.0) * max(1.0, out / 64)),
)


class _Client:
    """Answers by a server's arithmetic; notes how many calls were out at each."""

    def __init__(self, server: Server, seed: int) -> None:
        self._server = server
        self._rng = random.Random(seed)
        self.out = 0
        self.seen: list[tuple[float, int]] = []

    async def ask(self, _messages: Sequence[ChatMessage], _settings: ModelSettings) -> Reply:
        self.out += 1
        now = asyncio.get_running_loop().time()
        self.seen.append((now, self.out))
        spread = self._server.spread
        noise = self._rng.lognormvariate(-spread * spread / 2, spread)
        try:
            await asyncio.sleep(self._server.latency_s(self.out, now) * noise)
        finally:
            self.out -= 1
        return Reply("1", "stop", Usage(700, 1), "", {})


class _Accepting:
    async def judge(self, reply: Reply) -> Verdict:
        return Verdict(Outcome.ANSWERED, reply.text)


async def _play(folder: Path, server: Server, emails: int, seed: int, chosen: int | None) -> tuple[float, float]:
    """Return the seconds that a run takes, and the median of calls out in its second half."""
    loop = asyncio.get_running_loop()

    def clock() -> float:
        return START_AT + loop.time()

    scenario = Scenario("", emails, (), seed=seed, lengths=Lengths())
    task, path = scenario.task(), folder / "run.db"
    with Store.create(path, NewRun("run", "virtual", "digest", START_AT, seed=seed, simulated=True), task) as made:
        made._db.execute("PRAGMA synchronous = OFF")
        made.add_emails(scenario.texts(0))
        made.set_order("shuffled", seed)
    client = _Client(server, seed)
    address = "http://127.0.0.1:1"
    with (
        RunLock(path) as lock,
        Store.open(path, lock) as store,
        KeyStore(
            folder / "quota.db", folder / "keys.toml", environment={}, clock=clock, server=address, home=address
        ) as keys,
    ):
        for database in (store._db, keys.database):
            database.execute("PRAGMA synchronous = OFF")
        store.begin_epoch(now=clock(), pid=1, host="virtual")
        inbox = CommandInbox(path)
        broker = Broker(
            keys,
            task.model.model,
            clock=clock,
            rng=random.Random(seed),
            max_completion_tokens=task.model.max_completion_tokens,
            own_server=True,
            concurrency=chosen,
        )
        worker = Worker(
            store=store,
            inbox=inbox,
            broker=broker,
            task=task,
            guard=_Accepting(),
            client_of=lambda _: client,
            clock=clock,
            tempo=Tempo(),
        )
        await worker.run()
        inbox.close()
    half = client.seen[len(client.seen) // 2 :]
    return loop.time(), statistics.median(out for _, out in half)


def play(server: Server, emails: int, seed: int, chosen: int | None = None) -> tuple[float, float]:
    """Play one run; see :func:`_play`."""
    with tempfile.TemporaryDirectory(prefix="knee-") as folder:
        return run_virtually(_play(Path(folder), server, emails, seed, chosen))


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--emails", type=int, default=1_500)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--server", nargs="*", default=[], help="servers by name, instead of all")
    given = parser.parse_args()
    began = time.perf_counter()
    print(
        "| server | best fixed number | its time | time of the search, of the best's | calls out in the second half |"
    )
    print("| --- | --- | --- | --- | --- |")
    for server in SERVERS:
        if given.server and server.name not in given.server:
            continue
        fixed = {number: play(server, given.emails, 1, number)[0] for number in FIXED}
        best = min(fixed, key=lambda number: (round(fixed[number], 2), number))
        found = [play(server, given.emails, seed) for seed in range(1, given.seeds + 1)]
        shares = " ".join(f"{fixed[best] / took_s:.2f}" for took_s, _ in found)
        widths = " ".join(f"{width:.0f}" for _, width in found)
        print(f"| {server.name} | {best} | {fixed[best]:.1f} s | {shares} | {widths} |", flush=True)
    print(f"\n{time.perf_counter() - began:.0f} s", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
