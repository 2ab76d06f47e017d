"""Real consoles in terminals of their own, beside a real worker: what becomes of the one never touches the other."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from core.commands.catalog import Stop
from core.model import RunState
from core.runs import send as commands
from core.runs.send import await_answer
from core.settings import Settings, load_settings
from core.storage.writing.check import check_run
from tests.programs.benchmarks.speed import Console
from tests.programs.crash.harness import scratch
from tests.worker.test_process import PATIENCE_S, make, now, simulator, until


@contextlib.contextmanager
def console(run: str, *, ignored: Collection[signal.Signals] = ()) -> Iterator[Console]:
    """A console that shows the run, ended in any case; it was begun where these signals are ignored."""
    there = Console(["open", run], dict(os.environ), ignored=ignored)
    try:
        there.until(b"pending", PATIENCE_S)
        yield there
    finally:
        with contextlib.suppress(OSError, ChildProcessError):
            os.kill(there.pid, signal.SIGKILL)
            os.waitpid(there.pid, 0)
        with contextlib.suppress(OSError):
            os.close(there.terminal)


def start_from(there: Console, path: Path) -> int:
    """Press the key for a worker; the worker's pid once it labels."""
    os.write(there.terminal, b"s")
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        there.read(0.05)
        snapshot = now(path)
        if snapshot.worker.alive and snapshot.labeled > 0 and snapshot.worker.pid is not None:
            return snapshot.worker.pid
    raise AssertionError(f"no worker began: {there.shown[-2000:]!r}")


def ended(there: Console, within_s: float) -> bool:
    """Whether the console's process ends in that time."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            there.read(0.05)
        if os.waitpid(there.pid, os.WNOHANG)[0]:
            return True
        time.sleep(0.02)
    return False


def test_a_console_ends_with_its_terminal_even_where_hangups_are_ignored(
    home: Path, settings: Settings, tmp_path: Path
) -> None:
    """As under nohup: nobody can see it or type into it any more."""
    make(settings, tmp_path, 5)
    with console("real", ignored=[signal.SIGHUP]) as there:
        os.close(there.terminal)
        assert ended(there, 15.0)


@pytest.mark.parametrize("how", ["killed", "crashed", "terminal gone"])
def test_a_console_that_is_gone_leaves_its_worker_at_work(
    how: str, home: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed, crashed, or its terminal closed (it then ends by itself): the worker that it started labels on."""
    with simulator(monkeypatch, "--latency", "0.2", "--rpm", "240"):
        path = make(settings, tmp_path, 400)
        with console("real") as there:
            pid = start_from(there, path)
            if how == "terminal gone":
                os.close(there.terminal)
            else:
                os.kill(there.pid, signal.SIGKILL if how == "killed" else signal.SIGSEGV)
            assert ended(there, 15.0)
        left_at = now(path)
        assert left_at.worker.alive
        later = until(path, lambda snapshot: snapshot.labeled > left_at.labeled + 5)
        assert (later.worker.pid, later.worker.epoch) == (pid, 1)
        with console("real") as again:
            again.until(b"RUNNING", PATIENCE_S)
        assert await_answer(path, commands.send(path, Stop())) is not None
        until(path, lambda snapshot: not snapshot.worker.alive)
    assert check_run(path).sound


def test_two_consoles_that_start_at_once_make_one_worker(
    home: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both show it at work; nothing was asked twice."""
    with simulator(monkeypatch, "--latency", "0.1", "--rpm", "600"):
        path = make(settings, tmp_path, 80)
        with console("real") as one, console("real") as other:
            for there in (one, other):
                os.write(there.terminal, b"s")
            for there in (one, other):
                there.until(b"RUNNING", PATIENCE_S)
            done = until(path, lambda snapshot: snapshot.state is RunState.DONE and not snapshot.worker.alive)
    assert (done.worker.epoch, done.labeled) == (1, 80)
    assert check_run(path).sound


def test_a_worker_that_could_not_start_is_reported_with_its_log(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a key the console says what is missing, and its page of facts says where the log is."""
    with scratch() as folder:  # short enough for a line of the page
        monkeypatch.setenv("LABELTUI_HOME", folder)
        path = make(load_settings(), tmp_path, 5)
        with console("real") as there:
            os.write(there.terminal, b"s")
            there.until(b"there is no key", PATIENCE_S)
            there.shown = b""
            os.write(there.terminal, b"I")
            there.until(b"Active settings", PATIENCE_S)
            os.write(there.terminal, b"\x1b[F")
            there.until(b"real.log", PATIENCE_S)
        assert "there is no key" in path.with_suffix(".log").read_text()
