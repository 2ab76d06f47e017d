"""Who is the worker, and what becomes of one that hangs, is killed, meets a full disk or a clock that was set back."""

from __future__ import annotations

import errno
import io
import json
import logging
import os
import re
import resource
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.commands.catalog import Label, Pause, Resume, Stop
from core.errors import LabeltuiError, RunBusyError, RunFileError
from core.model import RunState, WorkerStatus, exits
from core.runs import send as commands
from core.runs.send import await_answer
from core.settings import Settings
from core.storage.file.lock import RunLock, companion, is_locked
from core.storage.reading.reader import RunReader
from core.storage.reading.summaries import STALE_AFTER_S
from core.storage.writing.check import check_run
from core.storage.writing.store import Store
from core.worker import kill, supervisor
from core.worker.__main__ import main as worker_main
from core.worker.kill import kill_holder
from tests.conftest import NOW, MakeRun
from tests.programs.crash.harness import scratch
from tests.programs.faults.matrix import answers
from tests.programs.faults.world import play
from tests.worker.test_process import PATIENCE_S, make, now, simulator, until, work
from tui.cli import main

NOBODY = 65534


def pretend(path: Path, *, pid: int, host: str | None = None) -> None:
    """A run file that says a worker of that pid is at work."""
    with RunLock(path) as lock, Store.open(path, lock) as store:
        store.begin_epoch(now=time.time(), pid=pid, host=host or socket.gethostname())


@pytest.fixture
def innocent() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has nothing to do with any run."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


# -- who is the worker ------------------------------------------------------------------------------------------------


def test_a_lock_file_that_nobody_holds_stands_in_nobodys_way(make_run: MakeRun) -> None:
    """It is left behind by every worker; only a holder makes it a lock."""
    path = make_run(["a"])
    companion(path, ".lock").write_text("12345")
    assert is_locked(path) is False
    with RunLock(path, wait_s=0.1):
        assert is_locked(path) is True


def test_a_pid_that_belongs_to_another_program_by_now_is_no_worker(
    make_run: MakeRun, innocent: subprocess.Popen[bytes]
) -> None:
    """The run is shown as ended, may be taken over, and nobody kills the innocent."""
    path = make_run(["a"])
    pretend(path, pid=innocent.pid)
    snapshot = now(path)
    assert snapshot.state is RunState.STOPPED
    assert not snapshot.worker.alive
    assert kill_holder(path) is None
    with RunLock(path, wait_s=0.1), pytest.raises(LabeltuiError, match="not provably by process"):
        kill_holder(path)
    assert innocent.poll() is None


def test_a_worker_of_another_machine_is_not_killed_from_here(
    make_run: MakeRun, innocent: subprocess.Popen[bytes]
) -> None:
    """Its pid means nothing here."""
    path = make_run(["a"])
    pretend(path, pid=innocent.pid, host="elsewhere.example")
    with RunLock(path, wait_s=0.1), pytest.raises(LabeltuiError, match=r"runs on elsewhere\.example"):
        kill_holder(path)
    assert innocent.poll() is None


def test_two_starts_at_once_make_one_worker(
    home: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From two processes in the same moment: both say that it works, one epoch was begun, nothing was asked twice."""
    with simulator(monkeypatch, "--latency", "0.05"):
        path = make(settings, tmp_path, 60)
        starts = [
            subprocess.Popen([sys.executable, "-m", "tui", "start", "real"], stdout=subprocess.PIPE, env={**os.environ})
            for _ in range(2)
        ]
        said = [process.communicate(timeout=PATIENCE_S)[0].decode() for process in starts]
        assert [process.returncode for process in starts] == [0, 0], said
        done = until(path, lambda snapshot: snapshot.state is RunState.DONE and not snapshot.worker.alive)
    assert done.worker.epoch == 1
    assert (done.labeled, check_run(path).sound) == (60, True)


def test_a_start_beside_another_command_starts_a_worker(
    home: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a kill the run names a worker that is no more: whoever holds the lock meanwhile is waited for."""
    path = make(settings, tmp_path, 3)
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    pretend(path, pid=ended.pid)
    held = RunLock(path)
    held.acquire()
    spawned: list[Path] = []

    class Worker:
        pid = 77

        def wait(self) -> int:
            return 0

        def poll(self) -> int:
            return exits.DONE

    def spawn(run_path: Path, *_: object) -> Worker:
        spawned.append(run_path)
        return Worker()

    monkeypatch.setattr("core.worker.supervisor._spawn", spawn)
    monkeypatch.setattr("core.worker.supervisor.time.sleep", lambda _: held.release())
    monkeypatch.setattr("core.runs.send.when_ended", now)
    assert "Nothing is left" in commands.start(path, settings).sentence
    assert spawned == [path]


def test_a_lock_that_is_no_workers_is_named(
    home: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a command holds the run for all of the wait, nobody says that a worker works."""
    path = make(settings, tmp_path, 3)
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    pretend(path, pid=ended.pid)
    with RunLock(path), pytest.raises(RunBusyError, match="is no worker of it"):
        supervisor.start(path, settings, wait_s=0)


# -- one that is started ahead ------------------------------------------------------------------------------------------


class _Process:
    """Stand in for a worker's process that waits to be told its run."""

    pid = 77

    def __init__(self) -> None:
        self.stdin = io.BytesIO()
        self.told = ""
        self.stdin.close = self._close  # type: ignore[method-assign]

    def _close(self) -> None:
        self.told = self.stdin.getvalue().decode() or "closed"

    def wait(self) -> int:
        return exits.DONE


def test_a_process_started_ahead_becomes_the_worker_once(
    home: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told the run and how to begin; the next worker is a process of its own."""
    path = make(settings, tmp_path, 3)
    made: list[tuple[str, ...]] = []
    processes = [_Process(), _Process()]

    def process(arguments: Sequence[str], *_: object) -> _Process:
        made.append(tuple(arguments))
        return processes[len(made) - 1]

    monkeypatch.setattr(supervisor, "_process", process)
    with supervisor.WorkerAhead(settings) as ahead:
        begun = [supervisor._spawn(path, settings, (2, None), ahead) for _ in range(2)]
    assert made == [(), (str(path), "2")]
    assert begun == processes
    assert json.loads(processes[0].told) == [str(path), "2"]


def test_a_process_that_is_told_nothing_ends(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its input is closed where no worker was needed; then it ends without having opened anything."""
    process = _Process()
    monkeypatch.setattr(supervisor, "_process", lambda *_: process)
    with supervisor.WorkerAhead(settings):
        pass
    assert process.told == "closed"
    monkeypatch.setattr(sys, "argv", ["core.worker"])
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    before = os.umask(0o077)
    try:
        assert worker_main() == exits.DONE
    finally:
        os.umask(before)
    assert list(tmp_path.iterdir()) == []


# -- one that hangs ---------------------------------------------------------------------------------------------------


def test_a_worker_that_hangs_is_shown_as_stale_and_can_be_replaced(
    home: Path,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It holds the lock and says nothing: start names the way out, ``stop --force`` takes it, the next worker goes on."""
    with simulator(monkeypatch, "--latency", "0.3", "--rpm", "240"):
        path = make(settings, tmp_path, 100)
        hanging = work(path)
        until(path, lambda snapshot: snapshot.labeled > 3)
        hanging.send_signal(signal.SIGSTOP)
        later = time.time() + 2 * STALE_AFTER_S
        with RunReader(path) as reader:
            stale = reader.snapshot(later)
        assert stale.state is RunState.STALE
        assert "last heartbeat was" in stale.reason
        with monkeypatch.context() as patch:
            patch.setattr(time, "time", lambda: later)
            assert "--force" in commands.start(path, settings).sentence
        assert main(["stop", "real", "--force"]) == 0
        assert f"pid {hanging.pid}" in capsys.readouterr().out
        assert hanging.wait(PATIENCE_S) == -signal.SIGKILL
        assert main(["stop", "real", "--force"]) == 0
        assert "no worker" in capsys.readouterr().out
        following = work(path)
        resumed = until(path, lambda snapshot: snapshot.worker.epoch == 2 and snapshot.labeled > stale.labeled)
        assert resumed.resumption is not None
        assert resumed.resumption.ended == "killed"
        following.kill()
        following.wait()
    assert check_run(path).sound


# -- signals and second commands ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGHUP, exits.STOPPED)])
def test_a_signal_drains_and_a_second_one_cuts(
    number: signal.Signals, code: int, home: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first lets calls end, the second cuts them off at once; the run says which signal it was."""
    with simulator(monkeypatch, "--latency", "30", "--jitter", "0"):
        path = make(settings, tmp_path, 50)
        worker = work(path)
        until(path, lambda snapshot: snapshot.worker.in_flight > 0)
        worker.send_signal(number)
        draining = until(path, lambda snapshot: snapshot.reason.startswith("stopping"))
        assert draining.worker.alive
        worker.send_signal(number)
        assert worker.wait(20) == code
    ended = now(path)
    assert (ended.state, ended.reason) == (RunState.STOPPED, f"stopped by {number.name}")
    assert ended.attempts == 0


def test_a_second_stop_cuts_off_what_is_out(
    home: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first waits for the calls, and says for how many; the second does not wait."""
    with simulator(monkeypatch, "--latency", "30", "--jitter", "0"):
        path = make(settings, tmp_path, 50)
        worker = work(path)
        until(path, lambda snapshot: snapshot.worker.in_flight > 0)
        first = await_answer(path, commands.send(path, Stop()))
        second = await_answer(path, commands.send(path, Stop()))
        assert first is not None
        assert second is not None
        assert "stopping when" in first.result
        assert "canceling the calls" in second.result
        assert worker.wait(20) == exits.STOPPED
    assert now(path).reason == "stopped by the operator"


# -- disks and clocks -------------------------------------------------------------------------------------------------


def test_a_full_disk_is_waited_out(
    home: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers are kept while nothing can be written; when there is room again the run goes on, and nothing is lost."""
    with simulator(monkeypatch, "--latency", "0.05", "--keys", "2") as child:
        path = make(settings, tmp_path, 300)
        worker = work(path)
        until(path, lambda snapshot: snapshot.labeled > 5)
        full_disk(worker, path)
        with RunReader(path) as reader:  # as somebody sees it five seconds later
            seen = reader.snapshot(time.time() + 5)
        assert (seen.state, seen.worker.alive) == (RunState.WAITING, True)
        assert re.search(
            r"\((database or disk is full|disk I/O error)\): see to the disk; answers are kept", seen.reason
        )
        stuck_at = child.stats()["calls"]
        assert worker.poll() is None
        resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert worker.wait(PATIENCE_S) == 0
        served = child.stats()["calls"]
    done = now(path)
    assert (done.state, done.labeled) == (RunState.DONE, 300)
    assert done.attempts == served > stuck_at
    assert check_run(path).sound


def full_disk(worker: subprocess.Popen[bytes], path: Path) -> None:
    """Let the run file grow no more, and return when its worker has noticed."""
    log = path.with_name(path.name + "-wal")
    resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (log.stat().st_size + 8192, resource.RLIM_INFINITY))
    deadline = time.monotonic() + PATIENCE_S
    while "cannot be written" not in path.with_suffix(".log").read_text() and time.monotonic() < deadline:
        time.sleep(0.02)


def test_one_stop_ends_a_worker_that_a_full_disk_blocks(
    home: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits some seconds for room, then gives the answers up that it could not save, and says so."""
    with simulator(monkeypatch, "--latency", "0.05", "--keys", "2"):
        path = make(settings, tmp_path, 300)
        worker = work(path)
        until(path, lambda snapshot: snapshot.labeled > 5)
        full_disk(worker, path)
        worker.terminate()
        assert worker.wait(PATIENCE_S) == 1
    last = path.with_suffix(".log").read_text().strip().splitlines()[-1]
    assert "stopped by SIGTERM, while" in last
    assert "could not be saved" in last
    assert check_run(path).sound
    assert now(path).pending > 0


class Ended:
    """A process that has ended with code 1 and wrote nothing into its log."""

    pid = 7

    def poll(self) -> int:
        """Return its code."""
        return exits.FAILED

    def wait(self) -> int:
        """Return its code."""
        return exits.FAILED


@pytest.mark.parametrize("full", [True, False], ids=["full disk", "no word"])
def test_a_start_gives_a_reason_where_the_worker_could_write_none(
    make_run: MakeRun, settings: Settings, monkeypatch: pytest.MonkeyPatch, full: bool
) -> None:
    """The log is looked at from where this worker began, and whether it can be written."""
    path = make_run(["one"])
    supervisor.log_path(path).write_text("2026-01-01 core.worker: an older end\n")
    monkeypatch.setattr(supervisor, "_spawn", lambda *_: Ended())

    def sync(_: int) -> None:
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", sync)
    with pytest.raises(LabeltuiError) as raised:
        supervisor.start(path, settings)
    assert "an older end" not in str(raised.value)
    assert ("The disk is full" if full else "it said nothing") in str(raised.value)


def test_a_worker_that_may_not_make_its_files_ends_with_a_sentence(
    home: Path, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The control file cannot be made: the log and the run file say what to do, and no traceback is shown."""
    path = make_run(["one"])

    def refuse(_: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "small.control.db")

    monkeypatch.setenv("GROQ_API_KEY", "gsk_of_nobody_0123456789")
    monkeypatch.setattr("core.worker.process.CommandInbox", refuse)
    monkeypatch.setattr("core.worker.__main__.RotatingFileHandler", lambda *_, **__: logging.NullHandler())
    monkeypatch.setattr(os, "umask", lambda _: 0)
    monkeypatch.setattr(logging, "raiseExceptions", True)
    monkeypatch.setattr(sys, "argv", ["core.worker", str(path)])
    assert worker_main() == exits.FAILED
    said = "small.control.db: Permission denied. You may not write or read there"
    assert said in caplog.text
    assert "Traceback" not in caplog.text
    assert now(path).reason.startswith(said)


def test_a_worker_is_paused_resumed_and_stopped_by_signals_where_nothing_can_be_posted(
    home: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control file cannot be written: pause, resume and stop still reach the worker, other commands say why not."""

    def refuse(*_: object, **__: object) -> str:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("core.storage.file.control.post", refuse)
    with simulator(monkeypatch, "--latency", "0.2", "--keys", "1"):
        path = make(settings, tmp_path, 200)
        worker = work(path)
        until(path, lambda snapshot: snapshot.labeled > 0)
        assert f"(pid {worker.pid}) by SIGUSR1" in commands.send(path, Pause()).sentence
        until(path, lambda snapshot: snapshot.state is RunState.PAUSED)
        assert now(path).reason == "paused by SIGUSR1"
        with pytest.raises(RunFileError, match="could not be sent"):
            commands.send(path, Label((1,), "1"))
        commands.send(path, Resume())
        until(path, lambda snapshot: snapshot.state is RunState.RUNNING)
        commands.send(path, Stop())
        assert worker.wait(PATIENCE_S) == exits.STOPPED
    stopped = now(path)
    assert (stopped.state, stopped.reason) == (RunState.STOPPED, "stopped by SIGTERM")
    assert stopped.pending > 0


def as_nobody(act: Callable[[], None]) -> str:
    """Do something as a user without rights, in a fork; the error that it met, as text."""
    readable, writable = os.pipe()
    pid = os.fork()
    if pid == 0:
        said = "no error"
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setresgid(NOBODY, NOBODY, NOBODY)
                os.setresuid(NOBODY, NOBODY, NOBODY)
            act()
        except BaseException as error:  # noqa: BLE001 - told to the parent
            said = f"{type(error).__name__}: {error}"
        os.write(writable, said.encode()[:4000])
        os._exit(0)
    os.close(writable)
    os.waitpid(pid, 0)
    with os.fdopen(readable, "rb") as file:
        return file.read().decode()


def test_a_folder_that_cannot_be_written_can_be_read(make_run: MakeRun) -> None:
    """Snapshot, records and export work; whoever wants to write is told what is missing, without a traceback."""
    source = make_run(["a", "b"])
    with scratch() as folder:
        path = Path(folder) / "small.db"
        path.write_bytes(source.read_bytes())
        path.chmod(0o444)
        Path(folder).chmod(0o555)

        def read() -> None:
            with RunReader(path) as reader:
                assert reader.snapshot(NOW).total == 2
                assert len(list(reader.export_rows())) == 2
            assert check_run(path).sound

        def write() -> None:
            with RunLock(path) as lock, Store.open(path, lock):
                pass

        assert as_nobody(read) == "no error"
        refused = as_nobody(write)
        Path(folder).chmod(0o755)
    assert refused.startswith("RunFileError")
    assert "must be writable for you" in refused


def test_a_disk_that_refuses_a_persons_label_says_so(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sentence, and nothing half written."""
    path = make_run(["a"])

    def refuse(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Store, "label_by_person", refuse)
    with pytest.raises(RunFileError, match="disk is full"):
        commands.send(path, Label((1,), "1"))
    assert check_run(path).sound


@pytest.mark.parametrize("leap_s", [-7200.0, 7200.0])
def test_a_clock_that_is_set_does_not_stop_the_work(tmp_path: Path, leap_s: float) -> None:
    """Two hours back or forth in the middle of a run: it goes on at once, and every email is labeled."""
    seen = play(
        tmp_path, answers("1"), lambda _, __: False, emails=200, clock=lambda at_s: at_s + (leap_s if at_s > 0.2 else 0)
    )
    assert set(seen.states.values()) == {"labeled"}
    assert seen.took_s < 10


def test_a_worker_lifts_a_low_limit_on_open_files(
    home: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each key keeps its connections: the 64 files that are allowed at its start would not do for ten keys."""
    with simulator(monkeypatch, "--keys", "10", "--organizations", "5", "--latency", "0.2"):
        path = make(settings, tmp_path, 90)
        command = ["sh", "-c", 'ulimit -Sn 64 && exec "$0" -m core.worker "$1"', sys.executable, str(path)]
        worker = subprocess.Popen(command, env=dict(os.environ))
        until(path, lambda snapshot: snapshot.attempts > 20)
        soft, hard = resource.prlimit(worker.pid, resource.RLIMIT_NOFILE)
        assert soft == min(4096, hard)
        assert worker.wait(PATIENCE_S) == 0
    assert now(path).labeled == 90


# -- logs -------------------------------------------------------------------------------------------------------------


def test_logs_rotate_and_are_private(
    home: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A log of a megabyte is moved aside; old ones go; everything that a worker makes is its owner's alone."""
    with simulator(monkeypatch, "--latency", "0"):
        path = make(settings, tmp_path, 5)
        log = path.with_suffix(".log")
        log.write_text("x" * 1_000_000)
        log.chmod(0o600)
        path.with_suffix(".log.1").write_text("older")
        path.with_suffix(".log.2").write_text("oldest")
        assert work(path).wait(PATIENCE_S) == 0
    assert "worker of" in log.read_text()
    assert len(path.with_suffix(".log.1").read_text()) == 1_000_000
    assert path.with_suffix(".log.2").read_text() == "older"
    made = [file for file in home.rglob("*") if file.is_file() and not file.name.endswith((".1", ".2"))]
    assert {file.name: oct(stat.S_IMODE(file.stat().st_mode)) for file in made} == {file.name: "0o600" for file in made}
    assert main(["status", "real"]) == 0
    assert str(log) in capsys.readouterr().out
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT state FROM run").fetchone() == ("done",)


@pytest.mark.parametrize(
    ("pid", "host", "proven"),
    [
        (None, "", False),
        (None, "here", False),
        (None, "elsewhere", False),
        (4711, "elsewhere", True),
        (4711, "here", False),
    ],
)
def test_a_worker_of_another_machine_is_taken_at_its_word(
    pid: int | None, host: str, proven: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here its process is looked for; a run that names none has none."""

    def gone(*_: object) -> None:
        raise ProcessLookupError

    monkeypatch.setattr(supervisor.socket, "gethostname", lambda: "here")
    monkeypatch.setattr(supervisor.os, "kill", gone)
    worker = WorkerStatus(pid, alive=True, heartbeat_at=None, started_at=None, epoch=1, in_flight=0, host=host)
    assert supervisor.is_proven(worker, Path("run.db")) is proven


@pytest.mark.parametrize(
    ("shown", "holds_it"),
    [
        ("python -P -m core.worker /runs/mail.db", True),
        ("python -P -m core.worker /runs/other.db", False),
        ("vi /runs/mail.db", False),
        ("", False),
    ],
)
def test_where_no_process_can_be_looked_into_its_command_line_tells(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shown: str, holds_it: bool
) -> None:
    """It has to be a worker, and of this run."""
    monkeypatch.setattr(kill, "_PROC", tmp_path / "none")
    monkeypatch.setattr(kill.subprocess, "run", lambda *_, **__: SimpleNamespace(stdout=shown))
    assert kill.holds(4711, Path("/runs/mail.db")) is holds_it


@pytest.mark.parametrize("offered", [True, False], ids=["by its handle", "by its pid"])
def test_a_signal_goes_to_the_process_that_was_looked_at(monkeypatch: pytest.MonkeyPatch, offered: bool) -> None:
    """By a handle, which is closed, where the system has them; a process that is gone is no error."""
    told: list[object] = []
    monkeypatch.setattr(kill.os, "pidfd_open", lambda pid: told.append(f"opened {pid}") or 77, raising=False)
    if not offered:
        monkeypatch.delattr(kill.os, "pidfd_open")
    monkeypatch.setattr(kill.os, "close", lambda handle: told.append(f"closed {handle}"))
    monkeypatch.setattr(
        kill.signal, "pidfd_send_signal", lambda handle, number: told.append(f"{number} by {handle}"), raising=False
    )
    monkeypatch.setattr(kill.os, "kill", lambda pid, number: told.append(f"{number} to {pid}"))
    with kill._pinned(4711, signal.SIGTERM) as send:
        send()
    assert told == (
        ["opened 4711", f"{signal.SIGTERM} by 77", "closed 77"] if offered else [f"{signal.SIGTERM} to 4711"]
    )

    def gone(*_: object) -> None:
        raise ProcessLookupError

    def foreign(*_: object) -> None:
        raise PermissionError

    for broken in (gone, foreign):
        monkeypatch.setattr(kill.signal, "pidfd_send_signal", broken, raising=False)
        monkeypatch.setattr(kill.os, "kill", broken)
        with kill._pinned(4711, signal.SIGTERM) as send:
            if broken is gone:
                send()
            else:
                with pytest.raises(LabeltuiError, match="Process 4711 belongs to somebody else"):
                    send()
