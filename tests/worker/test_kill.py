"""Signals to whoever holds a run, without a process: who is signaled, what is refused, how long an end is waited for."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import LabeltuiError
from core.worker import kill

RUN = Path("/runs/mail.db")


class Scene:
    """A run with a holder, and a clock that goes on while somebody sleeps."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, *, locked: list[bool], pid: int | None = 77, host: str = "here"
    ) -> None:
        self.locked, self.sent, self.slept, self.now = locked, list[Any](), list[float](), 0.0
        self.holding = True
        worker = SimpleNamespace(pid=pid, host=host)

        @contextmanager
        def reader(_: Path) -> Iterator[Any]:
            yield SimpleNamespace(snapshot=lambda _: SimpleNamespace(worker=worker))

        @contextmanager
        def pinned(pid: int, number: int) -> Iterator[Any]:
            self.sent.append(("pinned", pid))
            yield lambda: self.sent.append((pid, number))

        def sleep(seconds: float) -> None:
            self.slept.append(seconds)
            self.now += seconds

        monkeypatch.setattr(kill, "RunReader", reader)
        monkeypatch.setattr(kill, "_pinned", pinned)
        monkeypatch.setattr(kill, "holds", lambda pid, path: self.holding and (pid, path) == (77, RUN))
        monkeypatch.setattr(kill, "is_locked", lambda _: self.locked.pop(0) if len(self.locked) > 1 else self.locked[0])
        monkeypatch.setattr(socket, "gethostname", lambda: "here")
        monkeypatch.setattr(kill, "time", SimpleNamespace(time=lambda: 1.0, monotonic=lambda: self.now, sleep=sleep))


def test_a_holder_is_killed_and_its_end_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pid is returned when the lock is free."""
    scene = Scene(monkeypatch, locked=[True, True, True, False])
    assert kill.kill_holder(RUN) == 77
    assert scene.sent == [("pinned", 77), (77, signal.SIGKILL)]
    assert scene.slept == [0.02, 0.02]


def test_where_nobody_holds_a_run_nothing_is_signaled(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is waited for."""
    scene = Scene(monkeypatch, locked=[False, True])
    assert kill.kill_holder(RUN) is None
    assert (scene.sent, scene.slept, scene.locked) == ([], [], [True])


def test_a_lock_that_outlives_its_holder_is_reported_after_five_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the pid and the run; at the very end it is looked once more."""
    scene = Scene(monkeypatch, locked=[True])
    monkeypatch.setattr(kill, "_POLL_S", 1.0)
    with pytest.raises(LabeltuiError, match=r"Process 77 was killed, but the lock of mail is still held\."):
        kill.kill_holder(RUN)
    assert scene.slept == [1.0] * 6


@pytest.mark.parametrize(
    ("pid", "host", "where"),
    [(None, "", "an unknown machine"), (None, "here", "here"), (77, "there", "there"), (None, "there", "there")],
)
def test_a_worker_of_another_machine_is_not_signaled(
    monkeypatch: pytest.MonkeyPatch, pid: int | None, host: str, where: str
) -> None:
    """It is said where it is to be ended."""
    scene = Scene(monkeypatch, locked=[True], pid=pid, host=host)
    with pytest.raises(LabeltuiError, match=f"mail runs on {where}, not on here. End it there."):
        kill.signal_holder(RUN, signal.SIGUSR1)
    assert scene.sent == []


def test_a_worker_that_names_no_machine_is_of_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is signaled as any other."""
    scene = Scene(monkeypatch, locked=[True], host="")
    assert kill.signal_holder(RUN, signal.SIGUSR1) == 77
    assert scene.sent[-1] == (77, signal.SIGUSR1)


def test_a_process_that_does_not_provably_hold_a_run_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pid may belong to another program by now."""
    scene = Scene(monkeypatch, locked=[True])
    scene.holding = False
    with pytest.raises(LabeltuiError, match=r"mail is held, but not provably by process 77.*mail\.lock"):
        kill.signal_holder(RUN, signal.SIGTERM)
    assert scene.sent == [("pinned", 77)]


def test_an_older_kernel_has_no_handles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the signal goes by the pid, and there is nothing to close."""
    done: list[Any] = []

    def no_handle(_: int) -> int:
        raise OSError

    monkeypatch.setattr(os, "pidfd_open", no_handle, raising=False)
    monkeypatch.setattr(os, "close", lambda handle: done.append(("closed", handle)))
    monkeypatch.setattr(os, "kill", lambda *given: done.append(given))
    with kill._pinned(77, signal.SIGTERM) as send:
        send()
    assert done == [(77, signal.SIGTERM)]


@pytest.mark.parametrize(
    ("opened", "holds"), [(["other", "lock"], True), (["other"], False), (["gone", "lock"], True), ([], False)]
)
def test_a_process_holds_a_run_whose_lock_it_has_open(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, opened: list[str], holds: bool
) -> None:
    """A descriptor that was closed meanwhile is passed over; no command line is looked at."""
    run = tmp_path / "mail.db"
    (tmp_path / "mail.lock").touch()
    (tmp_path / "other").touch()
    targets = {"lock": tmp_path / "mail.lock", "other": tmp_path / "other", "gone": tmp_path / "gone"}
    descriptors = tmp_path / "proc" / "77" / "fd"
    descriptors.mkdir(parents=True)
    (tmp_path / "proc" / "self" / "fd").mkdir(parents=True)
    for number, name in enumerate(opened):
        (descriptors / str(number)).symlink_to(targets[name])
    monkeypatch.setattr(kill, "_PROC", tmp_path / "proc")
    monkeypatch.setattr(kill, "subprocess", None)
    assert kill.holds(77, run) is holds
    assert not kill.holds(78, run)
    (tmp_path / "mail.lock").unlink()
    assert not kill.holds(77, run)


@pytest.mark.parametrize(
    ("shown", "holds"),
    [("python -m core.worker /runs/mail.db", True), ("python -m core.worker /runs/a.db", False), ("vi mail.db", False)],
)
def test_elsewhere_a_command_line_is_looked_at(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shown: str, holds: bool
) -> None:
    """As `ps` shows it, whole."""
    asked: list[Any] = []

    def run(words: list[str], **given: Any) -> SimpleNamespace:
        asked.append((words, given))
        return SimpleNamespace(stdout=shown)

    monkeypatch.setattr(kill, "_PROC", tmp_path / "none")
    monkeypatch.setattr(kill, "subprocess", SimpleNamespace(run=run))
    assert kill.holds(77, RUN) is holds
    words = ["/bin/ps", "-ww", "-o", "command=", "-p", "77"]
    assert asked == [(words, {"capture_output": True, "text": True, "check": False})]
