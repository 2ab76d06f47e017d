"""Transactions: whole or not at all, and none that failed stands in the way of the next."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from core.storage.file.connection import immediately


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
