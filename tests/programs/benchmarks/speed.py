"""How quick labeltui is: start-up, console, worker, demo. Prints each figure beside what it should reach.

    python -m tests.programs.benchmarks.speed [--emails 3000] [--source FILE.csv]

Times of commands are medians of several runs of whole processes. The worker is measured against a simulator in another
process without quotas, each commit on the disk; its figure is labels per second of its own CPU time (and of the clock).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pty
import re
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from core.llm.task import builtin_task
from core.runs.find import RunOptions, create_run
from core.settings import load_settings
from core.simulator.child import adopt, start_child
from core.sources.demo_emails import write_demo_csv
from core.storage.reading.reader import RunReader
from tests.programs.benchmarks import Row, table
from tests.programs.pty.start import take_signals

TICKS = os.sysconf("SC_CLK_TCK")
COMMAND = [sys.executable, "-m", "tui"]


def median_seconds(arguments: list[str], environment: dict[str, str], *, runs: int = 7) -> float:
    """Median time of a whole process."""
    taken = []
    for _ in range(runs):
        started = time.perf_counter()
        subprocess.run([*COMMAND, *arguments], env=environment, check=True, stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


class Console:
    """A command that shows the console, in a pseudo terminal of 120×40, which finds no signal ignored but these."""

    def __init__(
        self, words: Sequence[str], environment: dict[str, str], *, ignored: Collection[signal.Signals] = ()
    ) -> None:
        self.started = time.perf_counter()
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            take_signals(ignored)
            os.environ.update(environment, TERM="xterm-256color", COLUMNS="120", LINES="40")
            os.execv(sys.executable, [*COMMAND, *words])
        self.shown = b""

    def until(self, pattern: bytes, patience_s: float = 10.0) -> float:
        """Seconds from the command to the moment when what matches the pattern was on its way to the screen."""
        while not re.search(pattern, self.shown):
            if time.perf_counter() - self.started > patience_s:
                raise TimeoutError(f"{pattern!r} never appeared")
            self.read(0.05)
        return time.perf_counter() - self.started

    def read(self, span_s: float) -> None:
        """Take what it writes for at most so long."""
        ready, _, _ = select.select([self.terminal], [], [], span_s)
        if ready:
            self.shown = (self.shown + os.read(self.terminal, 65536))[-400_000:]

    def watch(self, span_s: float) -> float:
        """Let it run so long; returns its CPU time as a share of a core."""
        before, began = cpu_s(self.pid), time.perf_counter()
        while time.perf_counter() - began < span_s:
            self.read(0.05)
        return (cpu_s(self.pid) - before) / (time.perf_counter() - began)

    def close(self) -> None:
        """Leave it."""
        with contextlib.suppress(OSError):
            os.write(self.terminal, b"q")
        deadline = time.perf_counter() + 5
        while time.perf_counter() < deadline:
            with contextlib.suppress(OSError):
                self.read(0.05)
            done, _ = os.waitpid(self.pid, os.WNOHANG)
            if done:
                return
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)


def cpu_s(pid: int) -> float:
    """CPU seconds that a process has taken so far (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_mb(pid: int) -> float:
    """Resident memory of a process (Linux)."""
    for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def figures(emails: int, source: Path | None, scratch: Path) -> Iterator[Row]:
    """Yield each figure with what it should reach."""
    home = scratch / "home"
    settings = load_settings({"LABELTUI_HOME": str(home)})
    home.mkdir()
    (home / "console.toml").write_text("toured = true\n", encoding="utf-8")  # no window over the monitor
    if source is None:
        source = scratch / "emails.csv"
        write_demo_csv(source, emails)
    with start_child(["--keys", "10", "--organizations", "3", "--latency", "0"]) as simulator:
        environment = {
            **os.environ,
            "LABELTUI_HOME": str(home),
            "GROQ_API_KEYS": ",".join(simulator.keys),
            "GROQ_BASE_URL": simulator.base_url,
        }
        options = RunOptions(name="speed", seed=1, dedupe=False)
        made = create_run(settings, source, builtin_task(), options, now=time.time())
        yield Row("`labeltui --help`", f"{median_seconds(['--help'], environment):.2f} s", reach="0.4 s")
        yield Row("`labeltui status`", f"{median_seconds(['status', 'speed'], environment):.2f} s", reach="0.4 s")
        paints = []
        for _ in range(5):
            console = Console(["open", "speed"], environment)
            paints.append(console.until(b"speed"))
            console.until(b"pending")
            console.close()
        yield Row("console, first paint", _of(paints), reach="0.6 s")
        yield from _at_work(made.path, made.taken, environment)


def _of(seconds: Sequence[float]) -> str:
    return f"{statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})"


def first_label(scratch: Path, *, starts: int = 5) -> Row:
    """Time the demo, in an empty home each time, from its command to the first label on the screen."""
    taken = []
    for number in range(starts):
        home = scratch / f"demo-{number}"
        home.mkdir()
        (home / "console.toml").write_text("toured = true\n", encoding="utf-8")
        environment = {**os.environ, "LABELTUI_HOME": str(home)}
        console = Console(["demo"], environment)
        try:
            taken.append(console.until(rb"\d tok\b"))
        finally:
            console.close()
            subprocess.run([*COMMAND, "stop", "demo"], env=environment, check=False, stdout=subprocess.DEVNULL)
            ready = load_settings({"LABELTUI_HOME": str(home)}).demo_dir / "simulator.json"
            if (simulator := adopt(ready)) is not None:
                simulator.stop()
    return Row("`labeltui demo`, first label on the screen", _of(taken), reach="2 s")


def _at_work(path: Path, emails: int, environment: dict[str, str]) -> Iterator[Row]:
    """Worker and console, while every email of the run is labeled."""
    worker = subprocess.Popen([sys.executable, "-m", "core.worker", str(path)], env=environment)
    console = Console(["open", "speed"], environment)
    with RunReader(path) as reader:
        while reader.snapshot(time.time()).attempts < emails // 20:
            console.read(0.02)
        first, began, cpu = reader.snapshot(time.time()).labeled, time.perf_counter(), cpu_s(worker.pid)
        share = 0.0
        last, ended, spent = first, began, cpu
        console_cpu = cpu_s(console.pid)
        while worker.poll() is None and last < emails:
            console.read(0.05)
            with contextlib.suppress(OSError):
                spent, last, ended = cpu_s(worker.pid), reader.snapshot(time.time()).labeled, time.perf_counter()
        share = (cpu_s(console.pid) - console_cpu) / max(0.001, ended - began)
    worker.wait()
    labels = last - first
    yield Row("worker, labels a second of its CPU", f"{labels / max(0.01, spent - cpu):,.0f}", reach="200")
    yield Row("worker, labels a second by the clock", f"{labels / max(0.01, ended - began):,.0f}")
    yield Row("console beside it", f"{100 * share:.1f} % of a core", reach="3 %")
    yield Row("console, memory", f"{memory_mb(console.pid):.0f} MB", reach="100 MB")
    console.read(2.0)
    yield Row("console, idle", f"{100 * console.watch(10.0):.1f} % of a core")
    console.close()


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--emails", type=int, default=3000)
    parser.add_argument("--source", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        print(table([*figures(given.emails, given.source, Path(scratch)), first_label(Path(scratch))]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
