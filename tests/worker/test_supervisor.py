"""The supervisor without processes: who is started, what is said of one that ended at once, who is waited for."""

from __future__ import annotations

import errno
import os
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest

import core
from core.errors import LabeltuiError, NoUsableKeyError, RunBusyError, RunFileError
from core.model import PlacesWanted, RunState, WorkerStatus
from core.settings import Settings, load_settings
from core.worker import supervisor
from core.worker.supervisor import Started

RUN = Path("/runs/mail.db")


class Clock:
    """Time that passes while somebody sleeps."""

    def __init__(self) -> None:
        self.now, self.slept = 100.0, list[float]()

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return 1_000.0 + self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The supervisor's clock."""
    clock = Clock()
    monkeypatch.setattr(supervisor, "time", clock)
    return clock


def shown(
    *, alive: bool = False, pid: int | None = None, epoch: int = 1, state: str = "running", **given: Any
) -> SimpleNamespace:
    """What a reader shows of a run."""
    worker = WorkerStatus(pid, alive, None, None, epoch, given.pop("in_flight", 0), host="here")
    return SimpleNamespace(worker=worker, state=RunState(state), wanted=given.pop("wanted", "run"))


class Reader:
    """A run file that shows one thing after the other, the last of them from then on."""

    path = RUN

    def __init__(self, *snapshots: SimpleNamespace) -> None:
        self.snapshots, self.at, self.closed = list(snapshots), list[float](), 0

    def snapshot(self, now: float) -> SimpleNamespace:
        self.at.append(now)
        return self.snapshots.pop(0) if len(self.snapshots) > 1 else self.snapshots[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed += 1


class Process:
    """A process that was started: its exit codes as one asks for them."""

    pid = 77

    def __init__(self, *codes: int | None) -> None:
        self.codes, self.waited = list(codes), 0

    def poll(self) -> int | None:
        return self.codes.pop(0) if len(self.codes) > 1 else self.codes[0]

    def wait(self) -> int:
        self.waited += 1
        return 0


def started(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, reader: Reader, *processes: Process, **given: Any
) -> tuple[Started, list[Any]]:
    """Start a worker where nothing is a process; return what came of it, and how each process was begun."""
    begun: list[Any] = []
    left = list(processes)

    def spawn(path: Path, _: Settings, how: Any, ahead: Any) -> Process:
        begun.append((path, how, ahead))
        return left.pop(0)

    monkeypatch.setattr(supervisor, "RunReader", lambda _: reader)
    monkeypatch.setattr(supervisor, "_spawn", spawn)
    return supervisor.start(RUN, settings, **given), begun


# -- start ------------------------------------------------------------------------------------------------------------


def test_a_worker_is_started_and_waited_for_until_it_has_the_run(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, clock: Clock
) -> None:
    """It is there when the run names a later epoch with its pid; each look is a twentieth of a second after another."""
    reader = Reader(
        shown(epoch=3), shown(epoch=3, pid=77, alive=True), shown(epoch=4, pid=76, alive=True), shown(epoch=4, pid=77)
    )
    process, noted = Process(None), list[Any]()
    monkeypatch.setattr(supervisor, "_take_note_of_end", noted.append)
    result, begun = started(monkeypatch, settings, reader, process, only=5)
    assert (result, noted) == (Started(77), [process])
    assert (result.adopted, result.ended) == (False, False)
    assert begun == [(RUN, (5, None), None)]
    assert clock.slept == [0.05, 0.05]
    assert reader.at == [1_100.0, 1_100.0, pytest.approx(1_100.05), pytest.approx(1_100.1)]
    assert reader.closed == 1


@pytest.mark.parametrize(("code", "ended"), [(0, True), (3, True)])
def test_a_worker_that_has_nothing_to_do_has_ended(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, clock: Clock, code: int, ended: bool
) -> None:
    """All is settled, with failed emails or without: no process works, and that is no error."""
    result, _ = started(monkeypatch, settings, Reader(shown()), Process(code))
    assert result == Started(None, adopted=False, ended=ended)


def test_the_worker_that_is_there_is_taken_where_its_process_is_proven(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, clock: Clock
) -> None:
    """No other one is started."""
    monkeypatch.setattr(supervisor, "is_proven", lambda worker, path: (worker.pid, path) == (9, RUN))
    assert started(monkeypatch, settings, Reader(shown(alive=True, pid=9))) == (Started(9, adopted=True), [])


def test_a_command_that_holds_the_run_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, clock: Clock
) -> None:
    """The lock is somebody's who is no worker, or it was taken before the new worker could: it is tried again."""
    monkeypatch.setattr(supervisor, "is_proven", lambda *_: False)
    reader = Reader(shown(alive=True, pid=9), shown(epoch=1), shown(epoch=1), shown(epoch=2, pid=77))
    result, begun = started(monkeypatch, settings, reader, Process(4), Process(None))
    assert result == Started(77)
    assert len(begun) == 2
    assert clock.slept == [0.05, 0.05]


def test_a_run_that_is_held_for_too_long_is_reported(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, clock: Clock
) -> None:
    """With the run's name and how long it was waited; exactly at the end of that time it is tried once more."""
    monkeypatch.setattr(supervisor, "is_proven", lambda *_: False)
    monkeypatch.setattr(supervisor, "_POLL_S", 1.0)
    with pytest.raises(RunBusyError, match=r"held the run mail for 2 s and is no worker of it"):
        started(monkeypatch, settings, Reader(shown(alive=True, pid=9)), wait_s=2.0)
    assert clock.slept == [1.0, 1.0, 1.0]


def test_a_worker_that_does_not_take_the_run_in_time_is_reported(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, clock: Clock
) -> None:
    """After fifteen seconds, with its pid and its log."""
    monkeypatch.setattr(supervisor, "_POLL_S", 1.0)
    with pytest.raises(LabeltuiError, match=r"mail was started \(pid 77\) but did not take the run in time.*mail\.log"):
        started(monkeypatch, settings, Reader(shown()), Process(None))
    assert clock.slept == [1.0] * 15


def test_the_end_of_a_process_is_taken_note_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a thread that does not keep its starter from ending."""
    made: list[Any] = []

    def thread(**given: Any) -> SimpleNamespace:
        made.append(given)
        return SimpleNamespace(start=given["target"])

    monkeypatch.setattr(threading, "Thread", thread)
    process = Process(0)
    supervisor._take_note_of_end(process)  # type: ignore[arg-type]
    assert process.waited == 1
    assert (made[0]["daemon"], made[0]["name"]) == (True, "end of worker 77")


# -- how a process begins -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "more"),
    [
        ((None, None), []),
        ((7, None), ["7"]),
        ((0, None), ["0"]),
        ((None, PlacesWanted("h:1", 3, 4, True)), ["0", '{"address": "h:1", "places": 3, "width": 4, "trust_network": true}']),
        ((7, PlacesWanted()), ["7", '{"address": "", "places": 2, "width": 16, "trust_network": false}']),
    ],
)  # fmt: skip
def test_a_worker_is_told_its_run_how_many_texts_and_its_places(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path, how: Any, more: list[str]
) -> None:
    """What it says goes to the end of a log of its owner's own, which is closed here."""
    path, begun = tmp_path / "mail.db", list[Any]()

    def process(arguments: Any, environment: Any, output: int) -> str:
        os.write(output, b"said\n")
        begun.append((list(arguments), environment, output))
        return "process"

    monkeypatch.setattr(supervisor, "_process", process)
    for _ in range(2):
        assert supervisor._spawn(path, settings, how) == "process"  # type: ignore[comparison-overlap]
    assert [each[0] for each in begun] == [[str(path), *more]] * 2
    assert begun[0][1] == supervisor.environment_of(settings)
    log = tmp_path / "mail.log"
    assert (log.read_bytes(), stat.S_IMODE(log.stat().st_mode)) == (b"said\nsaid\n", 0o600)
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(begun[0][2])


@pytest.mark.parametrize(("told", "begins"), [("ahead", "ahead"), (None, "process")])
def test_a_process_that_was_started_ahead_is_used_where_it_can_be_told(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path, told: str | None, begins: str
) -> None:
    """Otherwise another one is started."""
    monkeypatch.setattr(supervisor, "_process", lambda *_: "process")
    ahead = SimpleNamespace(tell=lambda arguments: told if arguments == [str(tmp_path / "a.db"), "2"] else "wrong")
    assert supervisor._spawn(tmp_path / "a.db", settings, (2, None), ahead) == begins  # type: ignore[arg-type, comparison-overlap]


def test_a_log_that_cannot_be_written_keeps_a_worker_from_starting(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path
) -> None:
    """It is said which log, and why."""
    with pytest.raises(RunFileError, match=r"worker of mail cannot be started.*mail\.log.*No such file"):
        supervisor._spawn(tmp_path / "none" / "mail.db", settings, (None, None))


@pytest.mark.parametrize(("arguments", "source"), [((), "PIPE"), (("run.db", "2"), "DEVNULL")])
def test_a_process_is_an_interpreter_of_this_one_in_a_session_of_its_own(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], source: str
) -> None:
    """Told nothing, it reads its input; a folder in which it begins is not on its path."""
    seen: list[Any] = []
    fake = SimpleNamespace(Popen=lambda words, **given: seen.append((words, given)), DEVNULL="DEVNULL", PIPE="PIPE")
    monkeypatch.setattr(supervisor, "subprocess", fake)
    supervisor._process(arguments, {"A": "b"}, 5)
    assert seen == [
        (
            [sys.executable, "-P", "-m", "core.worker", *arguments],
            {"stdin": source, "stdout": 5, "stderr": 5, "env": {"A": "b"}, "start_new_session": True, "close_fds": True},
        )
    ]  # fmt: skip


def test_a_worker_finds_the_same_package_home_and_server(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The package comes before the paths of whoever starts it; without a home or a server nothing is said of them."""
    root = str(Path(core.__file__).resolve().parent.parent)
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("OTHER", "kept")
    monkeypatch.setenv("GROQ_BASE_URL", "http://127.0.0.1:9/v1")
    settings = load_settings()
    monkeypatch.delenv("GROQ_BASE_URL")
    monkeypatch.delenv("LABELTUI_HOME")
    found = supervisor.environment_of(settings)
    assert (found["PYTHONPATH"], found["OTHER"]) == (f"{root}{os.pathsep}/elsewhere", "kept")
    assert (found["LABELTUI_HOME"], found["GROQ_BASE_URL"]) == (str(home.resolve()), "http://127.0.0.1:9/v1")
    monkeypatch.delenv("PYTHONPATH")
    bare = supervisor.environment_of(load_settings({}))
    assert bare["PYTHONPATH"] == root
    assert not {"LABELTUI_HOME", "GROQ_BASE_URL"} & set(bare)


class Input:
    """The input of a process: what was written, and whether it was closed; ``broken`` where nobody reads it."""

    def __init__(self, *, broken: bool = False) -> None:
        self.written, self.closed, self.broken = b"", 0, broken

    def write(self, data: bytes) -> None:
        if self.broken:
            raise BrokenPipeError
        self.written += data

    def close(self) -> None:
        self.closed += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@pytest.mark.parametrize("broken", [False, True], ids=["reads", "gone"])
def test_a_process_ahead_is_told_once(monkeypatch: pytest.MonkeyPatch, settings: Settings, broken: bool) -> None:
    """A line of JSON, and the end; to one that is gone, or was told before, nothing can be said."""
    made, noted = list[Any](), list[Any]()
    process = SimpleNamespace(stdin=Input(broken=broken), pid=77)

    def begin(*given: Any) -> SimpleNamespace:
        made.append(given)
        return process

    monkeypatch.setattr(supervisor, "_process", begin)
    monkeypatch.setattr(supervisor, "_take_note_of_end", noted.append)
    with supervisor.WorkerAhead(settings) as ahead:
        assert ahead.tell(["run.db", "2"]) == (None if broken else process)
        assert ahead.tell(["run.db"]) is None
    assert made == [([], supervisor.environment_of(settings), subprocess.DEVNULL)]
    assert process.stdin.closed == 1
    assert process.stdin.written == (b"" if broken else b'["run.db", "2"]\n')
    assert noted == []


def test_a_process_ahead_that_is_not_used_is_closed_and_its_end_noted(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """So that it ends, and leaves no zombie; one without an input cannot be told anything."""
    noted: list[Any] = []
    process: Any = SimpleNamespace(stdin=Input(), pid=77)
    monkeypatch.setattr(supervisor, "_process", lambda *_: process)
    monkeypatch.setattr(supervisor, "_take_note_of_end", noted.append)
    with supervisor.WorkerAhead(settings):
        pass
    assert (process.stdin.closed, process.stdin.written, noted) == (1, b"", [process])
    process.stdin = None
    with supervisor.WorkerAhead(settings) as ahead:
        assert ahead.tell(["run.db"]) is None
    with supervisor.WorkerAhead(settings):
        pass
    assert noted == [process]


# -- one that ended at once ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        (5, NoUsableKeyError, "^no key at all$"),
        (1, LabeltuiError, r"^The worker of mail ended at once \(code 1\): no key at all Log: .*mail\.log$"),
        (-9, LabeltuiError, r"\(code -9\): no key at all Log"),
    ],
)
def test_a_worker_that_ended_at_once_is_quoted(tmp_path: Path, code: int, error: type[Exception], words: str) -> None:
    """By the last line of its log, without time and logger."""
    (tmp_path / "mail.log").write_text(
        "2026-01-01 ERROR labeltui: before: x\n2026-01-01 ERROR labeltui: no key at all\n"
    )
    with pytest.raises(error, match=words) as raised:
        supervisor._ended_at_once(tmp_path / "mail.db", code, 10)
    assert isinstance(raised.value, NoUsableKeyError) is (code == 5)


def test_a_worker_that_ended_without_a_word_in_its_log_is_reported_so(tmp_path: Path) -> None:
    """What earlier workers said is not quoted; that nothing was said stands in the log from now on."""
    log = tmp_path / "mail.log"
    log.write_text("old: words\n")
    with pytest.raises(LabeltuiError, match=r"ended at once \(code 1\): it said nothing\. Log"):
        supervisor._ended_at_once(tmp_path / "mail.db", 1, supervisor._size(log))
    assert log.read_text() == "old: words\na worker ended at once without a message\n"


@pytest.mark.parametrize(
    ("content", "begin", "last"),
    [
        (b"", 0, ""),
        (b"time labeltui: said\n", 0, "said"),
        (b"time labeltui: said: more\n\n", 0, "said: more"),
        (b"plain words", 0, "plain words"),
        (b"one: 1\ntwo: 2\n", 0, "2"),
        (b"one: 1\ntwo: 2\n", 7, "2"),
        (b"one: 1\n", 7, ""),
        (b"one: 1\n", 8, "1"),
        (b"x", 2, "x"),
        (b"one: \xff\n", 0, "\ufffd"),
        (None, 0, "its log cannot be read."),
    ],
)
def test_the_last_message_of_a_log_behind_a_byte(tmp_path: Path, content: bytes | None, begin: int, last: str) -> None:
    """A log that is shorter by now was begun anew, and is read from its beginning."""
    log = tmp_path / "mail.log"
    if content is not None:
        log.write_bytes(content)
    assert supervisor._size(log) == (0 if content is None else len(content))
    assert supervisor._last_line(log, begin) == last


@pytest.mark.parametrize(
    ("error", "said"),
    [(OSError(errno.ENOSPC, "No space left on device"), "No space left"), (OSError(errno.EXDEV, "crossed"), "crossed")],
)
def test_a_log_that_takes_no_line_says_why_a_worker_was_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, said: str
) -> None:
    """The line is written to the disk to find that out."""
    log, synced = tmp_path / "mail.log", list[str]()

    def sync(_: int) -> None:
        synced.append(log.read_text())
        raise error

    monkeypatch.setattr(os, "fsync", sync)
    assert supervisor._why_silent(log).startswith("its log cannot be written: ")
    assert said.lower() in supervisor._why_silent(log).lower()
    assert synced[0] == "a worker ended at once without a message\n"


# -- whose process, and its end -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "holding", "proven"),
    [(None, True, True), (None, False, False), (ProcessLookupError, True, False), (PermissionError, False, True)],
)
def test_a_process_here_is_looked_at(
    monkeypatch: pytest.MonkeyPatch, error: type[OSError] | None, holding: bool, proven: bool
) -> None:
    """One that is another user's may be the worker; one that can be looked at has to hold the run."""
    looked: list[tuple[int, int]] = []

    def kill(pid: int, number: int) -> None:
        looked.append((pid, number))
        if error is not None:
            raise error

    monkeypatch.setattr(supervisor, "os", SimpleNamespace(kill=kill))
    monkeypatch.setattr(socket, "gethostname", lambda: "here")
    monkeypatch.setattr(supervisor, "holds", lambda pid, path: holding and (pid, path) == (77, RUN))
    assert supervisor.is_proven(shown(alive=True, pid=77).worker, RUN) is proven
    assert looked == [(77, 0)]


@pytest.mark.parametrize(
    ("given", "ending"),
    [
        ({"alive": True, "state": "running"}, False),
        ({"alive": True, "state": "paused"}, False),
        ({"alive": True, "state": "done"}, True),
        ({"alive": True, "state": "stopped"}, True),
        ({"alive": True, "state": "running", "wanted": "stop"}, True),
        ({"alive": True, "state": "stale", "wanted": "stop"}, False),
        ({"alive": False, "state": "stopped"}, False),
        ({"alive": False, "state": "running", "wanted": "stop"}, False),
    ],
)
def test_a_worker_is_ending_when_it_was_stopped_or_said_its_end(given: dict[str, Any], ending: bool) -> None:
    """One that hangs is not waited for."""
    assert supervisor.is_ending(shown(**given)) is ending  # type: ignore[arg-type]


def test_a_worker_that_is_ending_is_waited_for(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """A look each twentieth of a second, and how the run is then."""
    reader = Reader(shown(alive=True, state="done"), shown(alive=True, state="done"), shown(state="done"))
    monkeypatch.setattr(supervisor, "RunReader", lambda _: reader)
    ended: Any = supervisor.when_ended(RUN)
    assert ended is reader.snapshots[0]
    assert clock.slept == [0.05, 0.05]
    assert reader.at == [1_100.0, pytest.approx(1_100.05), pytest.approx(1_100.1)]
    assert reader.closed == 1


@pytest.mark.parametrize(("given", "looks"), [({}, 16), ({"wait_s": 2.0}, 3)])
def test_a_worker_that_goes_on_ending_is_reported_with_its_calls(
    monkeypatch: pytest.MonkeyPatch, clock: Clock, given: dict[str, float], looks: int
) -> None:
    """After fifteen seconds where nothing else is said; at the very end of the time it is looked once more."""
    monkeypatch.setattr(supervisor, "_POLL_S", 1.0)
    monkeypatch.setattr(supervisor, "RunReader", lambda _: Reader(shown(alive=True, state="done", in_flight=3)))
    with pytest.raises(RunBusyError, match=r"worker of mail is still ending, calls out: 3\..*labeltui stop mail"):
        supervisor.when_ended(RUN, **given)
    assert clock.slept == [1.0] * looks


def test_a_log_stands_beside_its_run() -> None:
    """With the same name."""
    assert supervisor.log_path(Path("/runs/mail.db")) == Path("/runs/mail.log")
