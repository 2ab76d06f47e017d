"""Commands that nobody handled yet are seen by every onlooker, and a worker handles what was requested since it began."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from core.storage.file.control import CommandInbox, post
from core.storage.reading.reader import RunReader
from core.storage.writing.store import Store
from tests.conftest import NOW, MakeRun


def test_a_command_of_anybody_shows_until_it_is_handled(make_run: MakeRun, opened: Callable[[Path], Store]) -> None:
    """It stands unanswered in the next snapshot, and answered once the worker has handled it."""
    path = make_run(["one"])
    store = opened(path)
    with RunReader(path) as reader:
        assert reader.snapshot(NOW).commands == ()
        command_id = post(path, "pause", now=NOW + 1, by="somebody")
        (seen,) = reader.snapshot(NOW + 1).commands
        assert (seen.id, seen.kind, seen.acknowledged_at) == (command_id, "pause", None)
        inbox = CommandInbox(path)
        (command,) = inbox.take()
        store.acknowledge(command, "", "paused", now=NOW + 2)
        inbox.close()
        (answered,) = reader.snapshot(NOW + 2).commands
        assert (answered.id, answered.acknowledged_at) == (command_id, NOW + 2)


def test_commands_of_another_life_are_neither_shown_nor_handled(
    make_run: MakeRun, opened: Callable[[Path], Store]
) -> None:
    """What was requested before a worker began is too late; what was requested since then is handled, however early."""
    path = make_run(["one"])
    early = post(path, "stop", now=NOW - 5, by="somebody")
    store = opened(path)
    since = post(path, "pause", now=NOW + 0.01, by="somebody")
    inbox = CommandInbox(path)
    assert [command.id for command in inbox.skip_stale(store.knows_command, NOW)] == [early]
    with RunReader(path) as reader:
        assert [command.id for command in reader.snapshot(NOW + 1).commands] == [since]
    assert [command.id for command in inbox.take()] == [since]
    inbox.close()


def test_a_control_file_that_cannot_be_read_hides_nothing_else(
    make_run: MakeRun, opened: Callable[[Path], Store]
) -> None:
    """The snapshot is whole without it."""
    path = make_run(["one"])
    opened(path)
    path.with_name(f"{path.stem}.control.db").write_bytes(b"no database" * 500)
    with RunReader(path) as reader:
        assert reader.snapshot(NOW).total == 1
