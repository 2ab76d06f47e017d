"""The control file: what is posted is taken once and in order, and whoever watches sees the newest."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from core.storage.file.control import WATCHED, CommandInbox, CommandRow, CommandWatch, control_path, post


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The path of a run, of which nothing but its control file is needed."""
    return tmp_path / "mail.db"


@pytest.fixture
def inbox(run: Path) -> Iterator[CommandInbox]:
    """The inbox of that run's worker."""
    with closing(CommandInbox(run)) as inbox:
        yield inbox


def kinds(rows: list[CommandRow] | tuple[CommandRow, ...]) -> list[str]:
    return [row.kind for row in rows]


def test_a_command_is_kept_as_it_was_posted_in_a_private_file(run: Path, inbox: CommandInbox) -> None:
    """With an id of its own, its argument, when and by whom."""
    first = post(run, "pause", now=5.0, by="ada")
    second = post(run, "budget", '{"tokens": 5}', now=6.5, by="bob")
    assert inbox.take() == [
        CommandRow(1, first, "pause", "", 5.0, "ada"), CommandRow(2, second, "budget", '{"tokens": 5}', 6.5, "bob"),
    ]  # fmt: skip
    assert len(first) == len(second) == 32
    assert first != second
    assert control_path(run) == run.with_name("mail.control.db")
    assert stat.S_IMODE(control_path(run).stat().st_mode) == 0o600


def test_each_command_is_taken_once_in_order(run: Path, inbox: CommandInbox) -> None:
    """Those that come between two looks come with the second."""
    assert inbox.take() == []
    for number in range(3):
        post(run, f"first {number}", now=1.0, by="")
    assert kinds(inbox.take()) == ["first 0", "first 1", "first 2"]
    assert inbox.take() == []
    post(run, "second", now=1.0, by="")
    assert kinds(inbox.take()) == ["second"]
    assert inbox.take() == []


def test_a_look_where_nothing_was_posted_reads_no_command(run: Path, inbox: CommandInbox) -> None:
    """It asks only whether the file has changed."""
    inbox.take()
    asked: list[str] = []
    inbox._connection.set_trace_callback(asked.append)
    inbox.take()
    assert asked == ["PRAGMA data_version"]
    post(run, "pause", now=1.0, by="")
    asked.clear()
    assert kinds(inbox.take()) == ["pause"]
    assert len(asked) == 2


def test_commands_from_before_a_worker_are_skipped(run: Path) -> None:
    """Those that no worker answered are returned; what came in the moment in which it began, or later, is its own."""
    ids = [post(run, f"at {at}", now=at, by="") for at in (1.0, 2.0, 3.0, 4.0)]
    with closing(CommandInbox(run)) as inbox:
        assert kinds(inbox.skip_stale(lambda each: each == ids[0], 3.0)) == ["at 2.0"]
        assert kinds(inbox.take()) == ["at 3.0", "at 4.0"]
    with closing(CommandInbox(run)) as inbox:
        assert inbox.skip_stale(lambda _: False, 1.0) == []
        assert kinds(inbox.take()) == ["at 1.0", "at 2.0", "at 3.0", "at 4.0"]


def test_a_file_that_is_there_keeps_its_commands(run: Path) -> None:
    """It is a single file, without a log beside it."""
    post(run, "pause", now=1.0, by="")
    with closing(CommandInbox(run)) as inbox:
        assert kinds(inbox.take()) == ["pause"]
        assert inbox._connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert inbox._connection.isolation_level is None
    assert [path.name for path in run.parent.iterdir()] == ["mail.control.db"]


def test_serials_are_never_given_again(run: Path, inbox: CommandInbox) -> None:
    """Also where somebody removed the newest command."""
    post(run, "pause", now=1.0, by="")
    assert inbox.take()[0].serial == 1
    with closing(sqlite3.connect(control_path(run))) as db, db:
        db.execute("DELETE FROM command")
    post(run, "resume", now=1.0, by="")
    (row,) = inbox.take()
    assert (row.serial, row.kind) == (2, "resume")


def test_whoever_watches_sees_the_newest_twenty_oldest_first(run: Path) -> None:
    """None while there is no file; what was seen is read again only where something was posted."""
    with closing(CommandWatch(run)) as watch:
        assert watch.newest() == ()
        assert not control_path(run).exists()
        post(run, "number 0", now=1.0, by="ada")
        (row,) = watch.newest()
        assert (row.serial, row.kind, row.requested_at, row.requested_by) == (1, "number 0", 1.0, "ada")
        for number in range(1, 25):
            post(run, f"number {number}", now=1.0, by="")
        found = watch.newest()
        assert kinds(found) == [f"number {number}" for number in range(5, 25)]
        assert WATCHED == 20
        assert watch.newest() is found


def test_a_watch_never_writes(run: Path) -> None:
    """It opens the file to read."""
    post(run, "pause", now=1.0, by="")
    with closing(CommandWatch(run)) as watch:
        watch.newest()
        connection: Any = watch._connection
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            connection.execute("DELETE FROM command")


def test_a_watch_keeps_what_it_saw_where_the_file_cannot_be_read(run: Path) -> None:
    """And opens it again at the next look; closing twice is no error."""
    post(run, "pause", now=1.0, by="")
    watch = CommandWatch(run)
    seen = watch.newest()
    connection: Any = watch._connection
    connection.close()
    post(run, "resume", now=1.0, by="")
    assert watch.newest() == seen
    assert watch._connection is None
    assert kinds(watch.newest()) == ["pause", "resume"]
    watch.close()
    watch.close()
    assert kinds(watch.newest()) == ["pause", "resume"]
    watch.close()
    control_path(run).write_bytes(b"no database" * 100)
    assert kinds(watch.newest()) == ["pause", "resume"]
    watch.close()


def test_a_watch_that_was_closed_reads_anew(run: Path) -> None:
    """What it knew of the file's version is forgotten."""
    post(run, "pause", now=1.0, by="")
    watch = CommandWatch(run)
    watch.newest()
    watch._commands = ()
    assert watch.newest() == ()
    watch.close()
    assert kinds(watch.newest()) == ["pause"]
    watch.close()
