"""A run file says to other tools how its tables belong together, and SQLite finds nothing wrong with that."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlite_utils import Database

from core.storage.file.lock import RunLock
from core.storage.file.schema import migrate, migrations
from core.storage.writing.store import Store
from tests.conftest import NOW, MakeRun
from tests.storage.test_store import labeled


def links(db: sqlite3.Connection) -> set[tuple[str, str, str]]:
    return set(
        db.execute(
            'SELECT m.name, f."from", f."table" FROM sqlite_master AS m, pragma_foreign_key_list(m.name) AS f'
            " WHERE m.type = 'table'"
        ).fetchall()
    )


def test_tables_are_linked_by_foreign_keys(make_run: MakeRun) -> None:
    """Every row of a worked run has the rows that it points to."""
    path = make_run(["one", "two"])
    with RunLock(path) as lock, Store.open(path, lock) as store:
        store.begin_epoch(now=NOW, pid=1, host="h")
        store.commit([labeled(1)], now=NOW)
    with closing(sqlite3.connect(path)) as db:
        found = links(db)
        assert {("body", "email_id", "email"), ("label", "attempt_id", "attempt")} <= found
        assert {(table, column) for table, column, _ in found if column == "email_id"} >= {
            (table, "email_id") for table in ("attempt", "label", "note", "review", "gold", "event")
        }
        assert db.execute("SELECT * FROM pragma_foreign_key_check WHERE parent = 'email'").fetchall() == []
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_an_older_file_is_linked_without_copying_its_rows(tmp_path: Path) -> None:
    """Only the schema changes; columns that later formats add find their place in it."""
    with closing(sqlite3.connect(tmp_path / "old.db", isolation_level=None)) as db:
        migrations.apply(Database(db), stop_before="m016_links")
        db.execute("INSERT INTO email(source_id, content_hash) VALUES ('a', 'h')")
        pages = db.execute("SELECT name, rootpage FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
        migrate(db)
        db.execute("ALTER TABLE body ADD COLUMN later TEXT")
        db.execute("INSERT INTO body(email_id, text, raw_whole, later) VALUES (1, 't', 'r', 'x')")
        assert ("body", "email_id", "email") in links(db)
    with closing(sqlite3.connect(tmp_path / "old.db")) as db:
        assert db.execute("SELECT text, raw, later FROM body").fetchall() == [("t", "r", "x")]
        assert ("label", "email_id", "email") in links(db)
        after = db.execute("SELECT name, rootpage FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
        assert after == pages
