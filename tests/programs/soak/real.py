"""Half an hour at full speed: a real worker, a real console and the simulator, each a process, looked at from outside.

The run is made of invented emails, so many that it cannot run dry. The console sits in a pseudo terminal; its worker is
started by its key, and somebody walks through its screens all the time.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from core.commands.catalog import Stop
from core.llm.task import builtin_task
from core.model import RunState, SourceEmail, View
from core.runs import send as commands
from core.settings import load_settings
from core.simulator.child import SimulatorChild, start_child
from core.storage.file.lock import is_locked
from core.storage.reading.reader import RunReader
from core.storage.writing.check import check_run
from core.storage.writing.intake import NewRun
from core.storage.writing.store import Store
from tests.programs.benchmarks.speed import Console
from tests.programs.soak.flat import Rule, Samples

MOST_PER_S = 550
"""Emails for each second of the soak: more than a worker ever labels."""

SIMULATOR = (
    "--keys", "10", "--organizations", "5", "--latency", "0.03", "--jitter", "0.8", "--hang", "3",
    "--faults", "mild,poison=0.001", "--limit",
)  # fmt: skip

RULES = {
    "worker RSS": Rule("MB", slope_per_h=6.0, spread=12.0),
    # As many connections as calls were ever out at once: at most 32 for each of ten keys, kept for a minute.
    "worker fds": Rule("fds", rise=12.0, ceiling=380),
    "worker threads": Rule("threads", rise=0.0, ceiling=12),
    "console RSS": Rule("MB", slope_per_h=6.0, spread=12.0),
    "console fds": Rule("fds", rise=0.5, ceiling=60),
    "console threads": Rule("threads", rise=0.5, ceiling=10),
    "run's WAL": Rule("MB", rise=1.0, ceiling=16.0),
    "quota.db": Rule("MB", rise=0.1, ceiling=2.0),
}

WALK = (
    *["wait"] * 4, "z", "wait", "z", "e", "wait", "end", "up", "home", "pagedown", "pagedown", "enter", "n", "n", "v", "n",
    "v", "escape", "f", "wait", "end", "f", "wait", "f", "home", "enter", "escape", "C", "wait", "escape", "escape", "a",
    "wait", "down", "down", "escape", "question_mark", "pagedown", "escape", "1", "2", "3", "ctrl+t",
)  # fmt: skip
"""What somebody presses, over and over; ``wait`` looks on for a while."""

BYTES = {
    "enter": b"\r", "escape": b"\x1b", "end": b"\x1b[F", "home": b"\x1b[H", "up": b"\x1b[A", "down": b"\x1b[B",
    "pagedown": b"\x1b[6~", "question_mark": b"?", "ctrl+t": b"\x14",
}  # fmt: skip


def process_figures(name: str, pid: int) -> dict[str, float]:
    """Resident memory, open files and threads of a process, from outside (Linux)."""
    status = dict(
        line.split(":", 1)
        for line in Path(f"/proc/{pid}/status").read_text("ascii", "replace").splitlines()
        if ":" in line
    )
    return {
        f"{name} RSS": int(status["VmRSS"].split()[0]) / 1024,
        f"{name} fds": sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()),
        f"{name} threads": int(status["Threads"]),
    }


def size_mb(path: Path) -> float:
    """A file's size, 0 where there is none."""
    try:
        return path.stat().st_size / 1e6
    except OSError:
        return 0.0


def invented(count: int, seed: int) -> Iterator[tuple[SourceEmail, View]]:
    """So many short emails, each with a text of its own."""
    rng = random.Random(seed)
    words = (
        "contract",
        "meeting",
        "gas",
        "lunch",
        "weekend",
        "budget",
        "draft",
        "deal",
        "family",
        "golf",
        "price",
        "kids",
    )
    for number in range(1, count + 1):
        body = " ".join(rng.choices(words, k=rng.randrange(20, 60)))
        text = f"From: person{number % 977}@example.org\nSubject: message {number}\n\n{body}\n"
        view = View(f"message {number}", f"person{number % 977}@example.org", "", text,
                    hashlib.sha256(text.encode()).hexdigest(), truncated=False)  # fmt: skip
        yield SourceEmail(f"mail-{number}", text, f"row {number}"), view


def make_run(path: Path, emails: int) -> None:
    """The run file, by the same writer as an import's."""
    path.parent.mkdir(parents=True)
    task = builtin_task()
    run = NewRun(path.stem, "invented", "digest", time.time(), seed=1)
    with Store.create(path, run, task) as store:
        store._db.execute("PRAGMA synchronous = OFF")  # while it is made; the worker's own connection syncs
        store._db.execute("PRAGMA cache_size = -400000")
        source = invented(emails, 1)
        while store.add_emails(itertools.islice(source, 2_000)):
            pass
        store.set_order("shuffled", 1)


class Stroller:
    """Somebody who walks through the console, a key each so many seconds."""

    def __init__(self, console: Console, every_s: float) -> None:
        self._console = console
        self._every_s = every_s
        self._next_at = time.monotonic()
        self._walk = itertools.cycle(WALK)

    def step(self) -> None:
        """Take what the console draws for a moment, and press the next key when it is time."""
        self._console.read(0.05)
        if time.monotonic() < self._next_at:
            return
        key = next(self._walk)
        self._next_at = time.monotonic() + self._every_s * (5 if key == "wait" else 1)
        if key != "wait":
            os.write(self._console.terminal, BYTES.get(key, key.encode()))


def soak(
    minutes: float, home: Path, *, emails: int | None = None, every_s: float = 3.0, say: Callable[[str], None] = print
) -> tuple[Samples, list[str]]:
    """Let it run so long. Findings for each figure, and a sentence for whatever else went wrong."""
    settings = load_settings({"LABELTUI_HOME": str(home)})
    path = settings.runs_dir / "soak.db"
    emails = emails or int(minutes * 60 * MOST_PER_S)
    began = time.monotonic()
    make_run(path, emails)
    say(f"{emails:,} emails made in {time.monotonic() - began:.0f} s, {size_mb(path):,.0f} MB")
    with start_child([*SIMULATOR[:-1], "--rpm", "6000", "--tpm", "4000000"]) as simulator:
        return _watched(path, minutes, home, simulator, every_s, say)


def _watched(
    path: Path, minutes: float, home: Path, simulator: SimulatorChild, every_s: float, say: Callable[[str], None]
) -> tuple[Samples, list[str]]:
    environment = {
        **os.environ,
        "LABELTUI_HOME": str(home),
        "GROQ_API_KEYS": ",".join(simulator.keys),
        "GROQ_BASE_URL": simulator.base_url,
    }
    wrong: list[str] = []
    samples = Samples()
    console = Console(["open", path.stem], environment)
    try:
        console.until(b"pending", 30.0)
        console.read(0.5)
        os.write(console.terminal, b"s")
        stroller = Stroller(console, 0.7)
        with RunReader(path) as reader:
            worker = _until_at_work(reader, console)
            began, next_at = time.monotonic(), time.monotonic()
            while (at := time.monotonic()) - began < minutes * 60:
                stroller.step()
                if at < next_at:
                    continue
                next_at = at + every_s
                figures = {
                    **process_figures("worker", worker),
                    **process_figures("console", console.pid),
                    "run's WAL": size_mb(path.with_name(path.name + "-wal")),
                    "quota.db": size_mb(home / "quota.db"),
                }
                samples.add(at - began, figures)
                if len(samples.at_s) % 20 == 1:
                    snapshot = reader.snapshot(time.time())
                    say(f"{(at - began) / 60:5.1f} min  {snapshot.labeled:>9,} labeled {snapshot.failed:>6,} failed  "
                        + "  ".join(f"{name} {value:.1f}" for name, value in figures.items()))  # fmt: skip
            last = reader.snapshot(time.time())
    except FileNotFoundError as error:
        wrong.append(f"a process was gone before its time: {error}")
        last = None
    finally:
        console.close()
    wrong += _ended(path, minutes, last, say)
    stats = simulator.stats()
    say(f"the simulator served {stats['calls']:,} calls: {stats['by_status']}")
    return samples, wrong


def _until_at_work(reader: RunReader, console: Console) -> int:
    """The worker's pid, once it labels."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        console.read(0.1)
        snapshot = reader.snapshot(time.time())
        if snapshot.labeled > 0 and snapshot.worker.pid is not None:
            return snapshot.worker.pid
    raise TimeoutError("no worker began within a minute")


def _ended(path: Path, minutes: float, last: object, say: Callable[[str], None]) -> Iterator[str]:
    """End the worker, and look whether the run is as it should be."""
    with contextlib.suppress(OSError):
        commands.send(path, Stop())
    deadline = time.monotonic() + 30
    while is_locked(path) and time.monotonic() < deadline:
        time.sleep(0.1)
    if is_locked(path):
        yield "the worker did not end within 30 s of being told to"
    with RunReader(path) as reader:
        ended = reader.snapshot(time.time())
    say(f"{ended.labeled:,} labeled, {ended.failed:,} failed, {ended.attempts:,} attempts: "
        f"{ended.labeled / minutes / 60:.0f} labels a second; {ended.reason}")  # fmt: skip
    if ended.state is not RunState.STOPPED or ended.pending == 0:
        yield f"the run ended as {ended.state.value}: {ended.reason}"
    found = check_run(path)
    yield from (finding.sentence for finding in found.findings)
