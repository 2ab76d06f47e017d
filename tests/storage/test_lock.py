"""A run's lock: who holds it, how long it is waited for, and that looking at it waits for nobody."""

from __future__ import annotations

import stat
from pathlib import Path
from types import SimpleNamespace

import filelock
import pytest

from core.errors import RunBusyError, RunFileError
from core.storage.file import lock as room
from core.storage.file.lock import RunLock, busy, companion, is_locked


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that sleeping alone moves, and what was slept."""
    found = SimpleNamespace(now=100.0, slept=[])

    def sleep(seconds: float) -> None:
        found.slept.append(seconds)
        found.now += seconds

    monkeypatch.setattr(room, "time", SimpleNamespace(monotonic=lambda: found.now, time=lambda: 7.0, sleep=sleep))
    return found


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("enron.db", "enron.lock"),
        ("enron.sqlite", "enron.sqlite~lock"),
        ("enron", "enron~lock"),
        ("a.b.db", "a.b.lock"),
    ],
)
def test_the_files_of_a_run_are_named_like_it(tmp_path: Path, name: str, expected: str) -> None:
    """Also where a link leads to it."""
    assert companion(tmp_path / name, ".lock") == tmp_path / expected
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "link.db").symlink_to(tmp_path / name)
    assert companion(tmp_path / "elsewhere" / "link.db", ".lock") == tmp_path / expected


def test_a_lock_is_held_until_it_is_released(tmp_path: Path) -> None:
    """The lock file stays, and is for its owner alone."""
    path = tmp_path / "r.db"
    assert is_locked(path) is False
    lock = RunLock(path)
    assert not lock.held
    with lock:
        assert lock.held
        assert is_locked(path) is True
    assert not lock.held
    assert is_locked(path) is False
    assert stat.S_IMODE((tmp_path / "r.lock").stat().st_mode) == 0o600
    lock.release()


def test_looking_at_a_lock_waits_for_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks at a list of runs looks at many locks."""
    with RunLock(tmp_path / "r.db"):
        monkeypatch.setattr("filelock._api.time.sleep", lambda _: pytest.fail("it waits"))
        assert is_locked(tmp_path / "r.db") is True


def test_a_lock_that_cannot_be_looked_at_is_neither_held_nor_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of another user, or a file system without locks."""
    (tmp_path / "r.lock").touch()
    for error in (PermissionError(13, "Permission denied"), NotImplementedError("no locks")):

        def refuse(*_: object, error: Exception = error, **__: object) -> None:
            raise error

        monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
        assert is_locked(tmp_path / "r.db") is None
        with pytest.raises(
            RunFileError, match=r"The run r cannot be locked for writing: (Permission denied|no locks)\. "
        ):
            RunLock(tmp_path / "r.db").acquire()


@pytest.mark.parametrize(("given", "waited_s"), [({}, 2.0), ({"wait_s": 0.1}, 0.1), ({"wait_s": 0.0}, 0.0)])
def test_a_held_lock_is_tried_until_its_time_is_over(
    tmp_path: Path, clock: SimpleNamespace, given: dict[str, float], waited_s: float
) -> None:
    """Fifty times a second, and for two seconds unless told otherwise."""
    with RunLock(tmp_path / "r.db"):
        waiting = RunLock(tmp_path / "r.db", **given)
        with pytest.raises(RunBusyError, match=r"Another worker has the run r\. `labeltui status r` shows it"):
            waiting.acquire()
    assert clock.slept == pytest.approx([0.02] * len(clock.slept))
    assert sum(clock.slept) == pytest.approx(waited_s, abs=0.021)
    assert waiting.taken_at == 7.0
    assert not waiting.held


def test_a_lock_that_is_let_go_meanwhile_is_taken(tmp_path: Path, clock: SimpleNamespace) -> None:
    """At the next try."""
    first, second = RunLock(tmp_path / "r.db"), RunLock(tmp_path / "r.db")
    first.acquire()

    def sleep(seconds: float) -> None:
        clock.slept.append(seconds)
        first.release()

    room.time.sleep = sleep  # type: ignore[assignment]
    second.acquire()
    assert second.held
    assert clock.slept == [0.02]
    second.release()


def test_the_error_names_the_run_and_both_commands() -> None:
    """What shows the worker, and what ends it."""
    assert str(busy(Path("/runs/enron.db"))) == (
        "Another worker has the run enron. `labeltui status enron` shows it; `labeltui stop enron` ends it."
    )
