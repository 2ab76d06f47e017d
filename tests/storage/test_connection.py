"""Transactions: whole or not at all, and none that failed stands in the way of the next."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from core.errors import RunBusyError, RunFileError, RunNotFoundError
from core.storage.file import connection as connection_module
from core.storage.file.connection import immediately, in_bulk, make_writer, open_reader, open_writer
from core.storage.file.lock import RunLock, companion, is_locked
from tests.conftest import MakeRun


class RefusesToCommit(sqlite3.Connection):
    """A connection whose next COMMIT fails and leaves the transaction open, as a busy or full disk may."""

    refuse = False

    def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:  # type: ignore[override]
        if sql == "COMMIT" and self.refuse:
            self.refuse = False
            raise sqlite3.OperationalError("database or disk is full")
        return super().execute(sql, *args)


def test_a_commit_that_fails_is_taken_back_and_the_next_one_succeeds(tmp_path: Path) -> None:
    """Nothing of the first remains, and the second can begin: whoever tries again gets through."""
    with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None, factory=RefusesToCommit)) as db:
        db.execute("CREATE TABLE t(x)")
        db.refuse = True
        with pytest.raises(sqlite3.OperationalError, match="full"), immediately(db):
            db.execute("INSERT INTO t VALUES (1)")
        assert not db.in_transaction
        with immediately(db):
            db.execute("INSERT INTO t VALUES (2)")
        assert db.execute("SELECT x FROM t").fetchall() == [(2,)]


def test_an_error_inside_takes_all_of_it_back(tmp_path: Path) -> None:
    """And it reaches the caller as it was."""
    with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as db:
        db.execute("CREATE TABLE t(x)")
        with pytest.raises(sqlite3.Error), immediately(db):
            db.executemany("INSERT INTO t VALUES (?)", [(1,), (object(),)])
        assert db.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_runs_of_different_endings_share_no_file(tmp_path: Path) -> None:
    """The lock, the commands and the log of ``a.db`` are not those of ``a.sqlite``; a link has those of its file."""
    (tmp_path / "b").mkdir()
    paths = [tmp_path / name for name in ("a.db", "a.sqlite", "a.sqlite.db", "a", "b/a.db")]
    for suffix in (".lock", ".control.db", ".log"):
        assert len({companion(path, suffix) for path in paths}) == len(paths)
    (tmp_path / "link.db").symlink_to("a.db")
    assert companion(tmp_path / "link.db", ".lock") == companion(tmp_path / "a.db", ".lock")


def test_a_linked_run_has_one_lock(tmp_path: Path) -> None:
    """Two paths to one file are one run."""
    (tmp_path / "a.db").write_bytes(b"")
    (tmp_path / "other.db").symlink_to(tmp_path / "a.db")
    with RunLock(tmp_path / "a.db"):
        assert is_locked(tmp_path / "other.db")
        with pytest.raises(RunBusyError):
            RunLock(tmp_path / "other.db", wait_s=0).acquire()


def pragma(connection: sqlite3.Connection, name: str) -> Any:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def test_a_writer_puts_each_commit_on_the_disk(make_run: MakeRun) -> None:
    """A log beside the file, flushed each time; a cache of 32 MiB; no row refused for another; nothing foreign acts."""
    with closing(open_writer(make_run(["a"]))) as db:
        assert (pragma(db, "journal_mode"), pragma(db, "synchronous"), pragma(db, "cache_size")) == ("wal", 2, -32_768)
        assert (pragma(db, "foreign_keys"), pragma(db, "trusted_schema"), pragma(db, "cell_size_check")) == (0, 0, 1)
        assert db.getlimit(sqlite3.SQLITE_LIMIT_LENGTH) == 268_435_456
        assert db.isolation_level is None


def test_a_new_file_is_private_and_written_in_the_same_way(tmp_path: Path) -> None:
    """One that is there stays; in a folder that is not there none is made."""
    path = tmp_path / "new.db"
    with closing(make_writer(path)) as db:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert (pragma(db, "journal_mode"), pragma(db, "synchronous"), pragma(db, "foreign_keys")) == ("wal", 2, 0)
        assert pragma(db, "cache_size") == -32_768
        db.execute("CREATE TABLE t(x)")
    with closing(make_writer(path)) as db:
        assert db.execute("SELECT count(*) FROM t").fetchone() == (0,)
    with pytest.raises(RunFileError, match=r"no\.db cannot be made: No such file or directory"):
        make_writer(tmp_path / "none" / "no.db")


@pytest.mark.parametrize(("share", "cache"), [(1, -32_768), (4, -8_192), (32, -1_024), (33, -1_024), (1_000, -1_024)])
def test_files_that_are_made_in_bulk_share_the_cache(tmp_path: Path, share: int, cache: int) -> None:
    """Each has its part, 1 MiB at least; without a log meanwhile, and with one again behind."""
    with closing(make_writer(tmp_path / "new.db")) as db:
        with in_bulk(db, share):
            assert (pragma(db, "journal_mode"), pragma(db, "synchronous")) == ("truncate", 1)
            assert pragma(db, "cache_size") == cache
        assert (pragma(db, "journal_mode"), pragma(db, "synchronous")) == ("wal", 2)
        with in_bulk(db):
            assert pragma(db, "cache_size") == -32_768


def test_a_reader_changes_nothing(make_run: MakeRun) -> None:
    """Nor does what a file from somebody else lets SQLite do."""
    with closing(open_reader(make_run(["a"]))) as db:
        assert (pragma(db, "query_only"), pragma(db, "trusted_schema"), pragma(db, "cell_size_check")) == (1, 0, 1)
        assert db.getlimit(sqlite3.SQLITE_LIMIT_LENGTH) == 268_435_456
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            db.execute("DELETE FROM email")


@pytest.mark.parametrize(
    ("log", "writable", "immutable"),
    [(True, True, False), (True, False, False), (False, True, False), (False, False, True)],
)
def test_a_run_in_a_folder_that_cannot_be_written_is_read_as_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: bool, writable: bool, immutable: bool
) -> None:
    """Where it has no log, which then cannot come either."""
    asked: list[str] = []
    path = tmp_path / "a b?.db"
    path.touch()
    if log:
        (tmp_path / "a b?.db-wal").touch()

    def connect(address: str, **given: Any) -> Any:
        asked.append(address)
        assert given == {"uri": True, "isolation_level": None, "timeout": 5.0, "check_same_thread": False}
        raise sqlite3.OperationalError("no")

    monkeypatch.setattr(os, "access", lambda folder, mode: writable and (folder, mode) == (tmp_path, os.W_OK))
    monkeypatch.setattr(sqlite3, "connect", connect)
    with pytest.raises(RunFileError, match=r"cannot be read \(no\)"):
        open_reader(path)
    assert asked == [f"file:{tmp_path}/a%20b%3F.db?mode=ro{'&immutable=1' if immutable else ''}"]


@pytest.mark.parametrize("open_", [open_writer, open_reader])
def test_what_is_no_file_is_refused_before_it_is_opened(tmp_path: Path, open_: Callable[[Path], Any]) -> None:
    """A folder, a pipe, and what is not there; nothing is made."""
    os.mkfifo(tmp_path / "pipe.db")
    for path in (tmp_path, tmp_path / "pipe.db"):
        with pytest.raises(RunFileError, match="is no file but a folder, a pipe or a device: no run"):
            open_(path)
    with pytest.raises(RunNotFoundError, match=r"There is no run file at .*none\.db \(No such file"):
        open_(tmp_path / "none.db")
    assert [each.name for each in tmp_path.iterdir()] == ["pipe.db"]


@pytest.mark.parametrize("open_", [open_writer, make_writer])
def test_nothing_is_written_on_a_network_share(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, open_: Callable[[Path], Any]
) -> None:
    """What still works there is said."""
    path = make_run(["a"])
    monkeypatch.setattr(connection_module, "network_disk_refusal", lambda _: "it lies on a share.")
    with pytest.raises(RunFileError, match=r"^it lies on a share\. Reading and exporting work there\.$"):
        open_(path)
    open_reader(path).close()


@pytest.mark.parametrize("open_", [open_writer, make_writer])
def test_a_connection_that_cannot_be_used_is_closed(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, open_: Callable[[Path], Any]
) -> None:
    """And it is said what to look at."""
    path = make_run(["a"])
    made: list[Any] = []
    connect = sqlite3.connect

    class Full(sqlite3.Connection):
        def execute(self, sql: str, *given: Any) -> sqlite3.Cursor:  # type: ignore[override]
            if "synchronous" in sql:
                raise sqlite3.OperationalError("disk is full")
            return super().execute(sql, *given)

    def opened(*given: Any, **named: Any) -> Any:
        assert named == {"isolation_level": None, "timeout": 10.0}
        made.append(connect(*given, **named, factory=Full))
        return made[-1]

    monkeypatch.setattr(sqlite3, "connect", opened)
    with pytest.raises(RunFileError, match=r"cannot be opened for writing \(disk is full\)\. Check that the folder"):
        open_(path)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        made[0].execute("SELECT 1")


def test_a_transaction_holds_the_file_from_its_beginning(tmp_path: Path) -> None:
    """So that nobody else writes in between."""
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as db, closing(sqlite3.connect(path, timeout=0)) as other:
        db.execute("CREATE TABLE t(x)")
        with immediately(db), pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("INSERT INTO t VALUES (1)")
        assert not db.in_transaction


def test_the_version_of_sqlite_is_named() -> None:
    """As reports of errors ask for it."""
    assert connection_module.sqlite_version() == sqlite3.sqlite_version


def test_no_cell_of_a_run_file_is_larger_than_256_mib(make_run: MakeRun) -> None:
    """Whatever a file from somebody else lets SQLite calculate."""
    path = make_run(["a"])
    for open_it in (open_reader, open_writer):
        with closing(open_it(path)) as db:
            assert db.getlimit(sqlite3.SQLITE_LIMIT_LENGTH) == 268_435_456
