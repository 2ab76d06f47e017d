"""Transactions: whole or not at all, and none that failed stands in the way of the next."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from core.errors import RunBusyError
from core.storage.file.connection import immediately
from core.storage.file.lock import RunLock, companion, is_locked


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
