"""A worker that is ending: what is requested meanwhile is not lost, and a start does not mistake it for one that works."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from core.errors import RunBusyError
from core.model import RunState
from core.runs import send as commands
from core.runs.send import SentCommand, await_answer
from core.settings import Settings
from core.storage.file.lock import RunLock
from core.storage.reading.reader import RunReader
from core.storage.writing.check import check_run
from core.storage.writing.store import Store
from core.worker.process import exit_code
from core.worker.supervisor import when_ended
from tests.conftest import MakeRun
from tests.programs.faults.matrix import answers
from tests.programs.faults.world import play
from tests.worker.test_process import make, now, simulator, until
from tui.cli import main


def test_a_start_right_after_a_stop_waits_for_the_end_and_starts(
    home: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The worker that drains its calls is no answer to a start: another one follows it, and the run gets done."""
    with simulator(monkeypatch, "--latency", "1.0", "--jitter", "0.1", "--rpm", "600"):
        path = make(settings, tmp_path, 40)
        commands.start(path, settings)
        until(path, lambda snapshot: snapshot.worker.in_flight > 0)
        assert main(["stop", "real"]) == 0
        stopping = now(path)
        assert stopping.worker.alive
        assert main(["start", "real"]) == 0
        assert "has real already" not in capsys.readouterr().out
        done = until(path, lambda snapshot: snapshot.state is RunState.DONE and not snapshot.worker.alive)
    assert done.worker.epoch == stopping.worker.epoch + 1
    assert (done.labeled, check_run(path).sound) == (40, True)


def test_to_go_on_right_after_a_stop_starts_anew_too(
    home: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`resume` does what `start` does, instead of asking a worker to go on that ends all the same."""
    with simulator(monkeypatch, "--latency", "1.0", "--jitter", "0.1", "--rpm", "600"):
        path = make(settings, tmp_path, 40)
        commands.start(path, settings)
        until(path, lambda snapshot: snapshot.worker.in_flight > 0)
        assert main(["stop", "real"]) == 0
        assert main(["resume", "real"]) == 0
        until(path, lambda snapshot: snapshot.state is RunState.DONE and not snapshot.worker.alive)


def test_a_worker_that_does_not_end_is_not_waited_for_forever(make_run: MakeRun) -> None:
    """The start says that it is still ending, and how to cut its calls off."""
    path = make_run(["a"])
    with RunLock(path) as lock, Store.open(path, lock) as store:
        store.begin_epoch(now=time.time(), pid=1, host="here")
        store.end_epoch(RunState.STOPPED, "stopped by the operator", now=time.time())
        with pytest.raises(RunBusyError, match="still ending"):
            when_ended(path, wait_s=0.0)
    assert when_ended(path, wait_s=0.0).state is RunState.STOPPED


def test_a_label_that_an_ending_worker_took_no_notice_of_is_given_all_the_same(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was sent to the worker, which went before it looked: whoever requested it notices and does it."""
    path = make_run(["a", "b"])
    lock = RunLock(path)
    lock.acquire()
    sent = await_answer

    def ends_first(run: Path, requested: SentCommand, *, timeout_s: float) -> object:
        assert not requested.at_once
        lock.release()
        return sent(run, requested, timeout_s=timeout_s)

    monkeypatch.setattr(commands, "await_answer", ends_first)
    began = time.monotonic()
    assert main(["label", str(path), "mail-1", "0", "--note", "seen"]) == 0
    assert time.monotonic() - began < 5.0
    assert "labeled 0" in capsys.readouterr().out
    with RunReader(path) as reader:
        assert reader.count("human") == 1


@pytest.mark.parametrize("command", ["pause", "stop"])
def test_a_file_that_is_no_run_is_not_said_to_have_no_worker(
    command: str, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A damaged file is named as one, whatever was requested of it."""
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"hello")
    assert main([command, str(broken)]) == 1
    assert "is not a run file" in capsys.readouterr().err


def test_a_worker_that_was_stopped_with_its_last_calls_out_is_done(tmp_path: Path) -> None:
    """Those calls settle what was left: the run is done, not stopped with work left."""
    stopped = {0.05: lambda worker: worker.stop()}
    seen = play(tmp_path, answers("1"), lambda *_: False, emails=2, acts=stopped, latency_s=0.3)
    assert set(seen.states.values()) == {"labeled"}
    assert (seen.ending.state, seen.ending.reason) == (RunState.DONE, "everything is settled")
    assert exit_code(seen.ending, failed=0, interrupted=True) == 0
