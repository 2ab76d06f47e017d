"""How quick labeltui is: start-up, console, worker. Prints each figure beside what it should reach.

    python -m tests.programs.benchmarks.speed [--emails 3000] [--source FILE.csv]

Times of commands are medians of several runs of whole processes. The worker is measured against a simulator in another
process without quotas, each commit on the disk; its figure is labels per second of its own CPU time (and of the clock).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pty
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from core.llm.task import builtin_task
from core.runs.find import RunOptions, create_run
from core.settings import load_settings
from core.simulator.child import start_child
from core.sources.demo_emails import write_demo_csv
from core.storage.reading.reader import RunReader
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
    """The console in a pseudo terminal of 120×40, which finds no signal ignored but these."""

    def __init__(self, run: str, environment: dict[str, str], *, ignored: Collection[signal.Signals] = ()) -> None:
        self.started = time.perf_counter()
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            take_signals(ignored)
            os.environ.update(environment, TERM="xterm-256color", COLUMNS="120", LINES="40")
            os.execv(sys.executable, [*COMMAND, "open", run])
        self.shown = b""

    def until(self, words: bytes, patience_s: float = 10.0) -> float:
        """Seconds from the command to the moment when these words were on their way to the screen."""
        while words not in self.shown:
            if time.perf_counter() - self.started > patience_s:
                raise TimeoutError(f"{words!r} never appeared")
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


def figures(emails: int, source: Path | None, scratch: Path) -> Iterator[tuple[str, str, str]]:
    """Each figure: what, as measured, to reach."""
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
        began = time.perf_counter()
        made = create_run(settings, source, builtin_task(), options, now=time.time())
        yield "import", f"{made.taken / (time.perf_counter() - began):,.0f} emails/s", ""
        yield "labeltui --help", f"{median_seconds(['--help'], environment):.2f} s", "0.4 s"
        yield "labeltui status", f"{median_seconds(['status', 'speed'], environment):.2f} s", "0.4 s"
        paints = []
        for _ in range(5):
            console = Console("speed", environment)
            paints.append(console.until(b"speed"))
            console.until(b"pending")
            console.close()
        yield "console, first paint", f"{statistics.median(paints):.2f} s", "0.6 s"
        yield from _at_work(made.path, made.taken, environment)


def _at_work(path: Path, emails: int, environment: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    """Worker and console, while every email of the run is labeled."""
    worker = subprocess.Popen([sys.executable, "-m", "core.worker", str(path)], env=environment)
    console = Console("speed", environment)
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
    yield "worker, per second of its CPU", f"{labels / max(0.01, spent - cpu):,.0f} labels", "200"
    yield "worker, per second", f"{labels / max(0.01, ended - began):,.0f} labels", ""
    yield "console, CPU while it works", f"{100 * share:.1f} % of a core", "3 %"
    yield "console, memory", f"{memory_mb(console.pid):.0f} MB", "100 MB"
    console.read(2.0)
    yield "console, CPU idle", f"{100 * console.watch(10.0):.1f} % of a core", ""
    console.close()


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--emails", type=int, default=3000)
    parser.add_argument("--source", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        for what, measured, reach in figures(given.emails, given.source, Path(scratch)):
            print(f"{what:<32} {measured:>20}{f'   to reach: {reach}' if reach else ''}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
