"""Measure packs: what they cost, whether labels stay the same, what kills lose, and what the control sample notices.

``python -m tests.programs.packs costs|enron FILE|detect`` prints one table each, in virtual time, with the real
worker, SDK, validation and simulator (``detect`` draws answers without them). A part of it runs as ordinary tests
(``tests/worker/test_packs.py``).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
import sqlite3
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from core.llm.answers import exact_answer
from core.llm.task import builtin_task, pattern, versioned
from core.model import Outcome, Reply, SourceEmail, Task, Verdict, View
from core.quality.packing import PackControl
from core.simulator.app import create_app
from core.simulator.config import SimulatorConfig, simple_config
from core.storage.file.control import CommandInbox
from core.storage.file.lock import RunLock
from core.storage.writing.intake import NewRun
from core.storage.writing.store import Store
from core.worker.heartbeat import Tempo
from core.worker.loop import Worker
from core.worker.pacer import ConcurrencyLimit
from core.worker.settle import Judges
from tests.programs.virtual.harness import client_without_threads, guard_for, run_virtually
from tests.programs.virtual.scenario import START_AT
from tests.programs.virtual.wire import Wire

SIZES = (1, 2, 5, 10, 20)
LENGTHS = (50, 300, 1_300)
"""Characters of a text: a chat message, a review, the mean email of the founding case."""

_WORDS = """
    contract meeting gas pipeline lunch weekend budget trader draft deal family golf schedule price agreement kids
    the a of to and in for we you please attached let me know thanks regards see regarding about from with
    """.split()  # noqa: SIM905


def texts_of(count: int, chars: int, seed: int = 1) -> list[str]:
    """Return so many different texts of so many characters."""
    rng = random.Random(seed)
    found = []
    for number in range(count):
        words = f"{number}"
        while len(words) < chars:
            words += " " + rng.choice(_WORDS)
        found.append(words[:chars])
    return found


@dataclass(frozen=True, slots=True)
class PlainJudge:
    """Accepts the labels, as the product's validation does."""

    labels: frozenset[str]

    async def judge(self, reply: Reply) -> Verdict:
        """Return the label, or an unusable answer."""
        answer = exact_answer(reply.text, schema=True)
        if answer in self.labels:
            return Verdict(Outcome.ANSWERED, answer)
        return Verdict(Outcome.INVALID, None, f"{answer!r} is no label")


@dataclass
class PackRun:
    """A run over a simulated server without quotas; after each of ``kills`` (seconds) another worker goes on."""

    folder: Path
    texts: Sequence[str]
    task: Task = field(default_factory=builtin_task)
    config: SimulatorConfig = field(default_factory=lambda: simple_config(latency_s=0.5))
    kills: Sequence[float] = ()
    at_once: int = 8
    judged: bool = True
    flag: str = ""
    report: Mapping[str, Any] = field(default_factory=dict)
    in_flight_at_kills: int = 0

    @property
    def path(self) -> Path:
        """The run file."""
        return self.folder / "packs.db"

    def play(self) -> PackRun:
        """Work on the run to its end."""
        self._make()
        self._guard()
        run_virtually(self._play())
        return self

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query on the run file."""
        with contextlib.closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as db:
            return db.execute(query).fetchall()

    @property
    def labels(self) -> dict[str, str]:
        """Return the label of each text."""
        return dict(self.rows("SELECT b.text, e.label FROM email AS e JOIN body AS b ON b.email_id = e.id"))

    @property
    def calls(self) -> int:
        """Return the calls that the server took."""
        return int(self.report["calls"])

    @property
    def tokens(self) -> int:
        """Return the tokens that the server accounted, cached ones too."""
        return int(self.report["tokens"]["prompt"] + self.report["tokens"]["completion"])

    def _guard(self) -> Judges:
        """Return the product's validation, or one that takes no seconds to load."""
        if not self.judged:
            return PlainJudge(frozenset(label.value for label in self.task.labels))
        return guard_for(tuple(label.value for label in self.task.labels), pattern(self.task))

    def _make(self) -> None:
        run = NewRun(self.path.stem, "packs", "digest", START_AT, seed=7, simulated=True)
        with Store.create(self.path, run, self.task) as store:
            store._db.execute("PRAGMA synchronous = OFF")
            store.add_emails(_emails(self.texts, self.flag))
            store.set_order("shuffled", 7)

    async def _play(self) -> None:
        loop = asyncio.get_running_loop()
        app = create_app(self.config, clock=loop.time, hang_error=lambda: httpx.ReadTimeout("no answer in time"))
        wire = Wire(app, clock=loop.time, rng=random.Random("packs"), way_s=(0.01, 0.02))
        try:
            for kill_at in (*self.kills, None):
                if await self._live(loop, wire, kill_at):
                    break
            self.report = app.state.simulator.service.report(loop.time())
        finally:
            await wire.hang_up()
            app.state.simulator.close()

    async def _live(self, loop: asyncio.AbstractEventLoop, wire: Wire, kill_at: float | None) -> bool:
        """Let one worker live; return whether it came to its end."""

        def clock() -> float:
            return START_AT + loop.time()

        with contextlib.ExitStack() as stack:
            lock = stack.enter_context(RunLock(self.path))
            store = Store.open(self.path, lock)
            stack.callback(store._db.close)
            store._db.execute("PRAGMA synchronous = OFF")
            store.begin_epoch(now=clock(), pid=1, host="virtual")
            client = client_without_threads(next(iter(self.config.keys)), wire)
            inbox = CommandInbox(self.path)
            stack.callback(inbox.close)
            worker = Worker(
                store=store,
                inbox=inbox,
                broker=ConcurrencyLimit(self.at_once, clock=clock, rng=random.Random(1)),
                task=self.task,
                guard=self._guard(),
                client_of=lambda _: client,
                clock=clock,
                tempo=Tempo(tick_s=1.0, beat_s=30.0),
            )
            running = loop.create_task(worker.run())
            try:
                while kill_at is None:
                    await asyncio.wait([running], timeout=30.0)
                    if running.done():
                        running.result()
                        return True
                    if worker.paused:
                        worker.resume()
                await asyncio.wait([running], timeout=max(0.0, kill_at - loop.time()))
                if running.done():
                    running.result()
                    return True
                self.in_flight_at_kills += worker.in_flight
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
                return False
            finally:
                await client.aclose()


def _emails(texts: Sequence[str], flag: str) -> Iterable[tuple[SourceEmail, View]]:
    for number, text in enumerate(texts, 1):
        digest = hashlib.sha256(text.encode()).hexdigest()
        yield (
            SourceEmail(f"text-{number}", text, f"row {number}"),
            View("", "", "", text, digest, truncated=False, flags="orders" if text == flag else ""),
        )


def task_with(pack: int, **changes: Any) -> Task:
    """Return the built-in task with packs of that size."""
    return versioned(replace(builtin_task(), pack=pack, **changes))


def played(texts: Sequence[str], pack: int, *, config: SimulatorConfig | None = None, **given: Any) -> PackRun:
    """Play a run in a scratch folder that is kept until the process ends."""
    folder = Path(tempfile.mkdtemp(prefix="packs-"))
    changes = given.pop("changes", {})
    run = PackRun(folder, texts, task_with(pack, **changes), **given)
    if config is not None:
        run.config = config
    return run.play()


def same_labels(one: PackRun, other: PackRun) -> int:
    """Return how many texts have the same label in both runs."""
    known = one.labels
    return sum(known[text] == label for text, label in other.labels.items())


def costs(texts: int = 1_500) -> None:
    """Print what texts of three lengths cost at each size."""
    print(f"{'characters':>10} {'k':>3} {'calls':>7} {'tokens':>9} {'of k=1':>7} {'of calls':>9} {'same labels':>12}")
    for chars in LENGTHS:
        given = texts_of(texts, chars)
        base: PackRun | None = None
        for size in SIZES:
            run = played(given, size)
            base = base or run
            same = same_labels(base, run)
            print(
                f"{chars:>10} {size:>3} {run.calls:>7,} {run.tokens:>9,} {run.tokens / base.tokens:>7.3f}"
                f" {run.calls / base.calls:>9.3f} {same / texts:>11.2%}"
            )


def enron(path: Path, sizes: Sequence[int] = (1, 10)) -> None:
    """Print what the founding case costs, by the simulator's accounting."""
    from core.mail.message import view_of
    from core.sources.registry import open_source
    from core.sources.source import SourceOptions

    task = builtin_task()
    views = [
        view_of(email.raw, fields=task.fields, truncate_at=task.truncate_at)
        for email in open_source(path, SourceOptions())
    ]
    base: PackRun | None = None
    for size in sizes:
        run = played([view.text for view in views], size)
        base = base or run
        same = same_labels(base, run)
        kinds = dict(run.rows("SELECT kind, count(*) FROM attempt GROUP BY kind"))
        print(
            f"k={size} calls {run.calls:,} ({run.calls / base.calls:.3f}) tokens {run.tokens:,}"
            f" ({run.tokens / base.tokens:.3f}) same {same} {kinds} packs {run.report['packs']}"
        )


def noticed(rng: random.Random, *, noise: float, colored: float, texts: int) -> tuple[int | None, int]:
    """Draw a run of packs; return after how many texts the control alarms (None: never), and how many calls it made.

    ``noise`` is how often an answer is another one by chance, ``colored`` how often a pack changes a label.
    """
    control, calls = PackControl(rng.getrandbits(40), (10,)), 0
    for number in range(1, texts + 1):
        label = "1" if (rng.random() < noise) == (rng.random() < colored) else "0"
        control.offer(number, label, 10, 1 + number % 10)
        if number % 10:
            continue
        while (due := control.due()) is not None:
            calls += 1
            control.sent(due[0])
            if control.answered(replace(due[1], value="0" if rng.random() < noise else "1")):
                return number, calls
    return None, calls


def detect(runs: int = 1_000) -> None:
    """Print false alarms of healthy runs of 5,000 texts, and after how many texts colored labels are noticed."""
    print("share of answers alone that differ by noise, false alarms in 100 runs, calls of the control")
    for noise in (0.0, 0.005, 0.01, 0.02, 0.03, 0.05):
        found = [noticed(random.Random(seed), noise=noise, colored=0.0, texts=5_000) for seed in range(runs)]
        false = sum(at is not None for at, _ in found)
        mean = sum(calls for _, calls in found) / runs
        print(f"{2 * noise * (1 - noise):>8.3f} {100 * false / runs:>8.2f} {mean:>8.1f}")
    print("labels changed by packs, noticed after (median, 95 %), within 300 texts")
    for colored in (0.05, 0.1, 0.15, 0.2, 0.3, 0.5):
        found = [noticed(random.Random(seed), noise=0.005, colored=colored, texts=5_000) for seed in range(runs // 2)]
        delays = sorted(at or 9_999 for at, _ in found)
        within = sum(at <= 300 for at in delays) / len(delays)
        print(f"{colored:>8.2f} {delays[len(delays) // 2]:>8} {delays[int(0.95 * len(delays))]:>8} {within:>8.1%}")


def main(arguments: Sequence[str]) -> int:
    """Run what is asked for."""
    match list(arguments):
        case ["costs"]:
            costs()
        case ["detect"]:
            detect()
        case ["enron", file]:
            enron(Path(file))
        case _:
            print(__doc__)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
