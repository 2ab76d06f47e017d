"""Ways to damage a run file: each takes the path of a sound one and changes it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

Change = Callable[[Path], None]

HUGE = "x" * 200_000


def _sql(*statements: str) -> Change:
    def change(path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            for statement in statements:
                db.execute(statement)

    return change


def _schema(statement: str, *arguments: object) -> Change:
    """Change the file's own list of tables, which SQLite allows where it is asked for."""

    def change(path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("PRAGMA writable_schema = ON")
            db.execute(statement, arguments)
            db.execute("PRAGMA writable_schema = OFF")

    return change


def _bytes(edit: Callable[[bytearray], bytes | bytearray]) -> Change:
    def change(path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            db.execute("PRAGMA journal_mode = DELETE")
        path.write_bytes(edit(bytearray(path.read_bytes())))

    return change


def _garbage(first: int, count: int = 1, size: int = 4096) -> Change:
    """Overwrite whole pages with bytes that are no page."""

    def edit(content: bytearray) -> bytearray:
        begin = first * size if first >= 0 else max(size, len(content) + first * size)
        end = min(len(content), begin + count * size)
        content[begin:end] = bytes((7 * place + 13) % 256 for place in range(end - begin))
        return content

    return _bytes(edit)


def _page_of(table: str, fill: bytes) -> Change:
    """Overwrite the root page of a table."""

    def change(path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            root = db.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0]
            size = db.execute("PRAGMA page_size").fetchone()[0]

        def edit(content: bytearray) -> bytearray:
            content[(root - 1) * size : root * size] = (fill * size)[:size]
            return content

        _bytes(edit)(path)

    return change


def _instead(make: Callable[[Path, Path], None]) -> Change:
    """Put something else in the place of the file; the sound one is beside it as ``.kept``."""

    def change(path: Path) -> None:
        kept = path.with_suffix(".kept")
        path.rename(kept)
        make(path, kept)

    return change


def _without_table(name: str) -> Change:
    return _sql("PRAGMA foreign_keys = OFF", f"DROP TABLE {name}")


def _without_column(table: str, column: str) -> Change:
    """Build the table again without one column, without the triggers and indexes that would forbid it."""

    def change(path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})") if row[1] != column]
            db.execute("PRAGMA legacy_alter_table = ON")
            for kind, name in db.execute(
                "SELECT type, name FROM sqlite_master WHERE type IN ('trigger', 'view')"
            ).fetchall():
                db.execute(f"DROP {kind} {name}")
            db.execute(f"CREATE TABLE kept AS SELECT {', '.join(columns)} FROM {table}")
            db.execute(f"DROP TABLE {table}")
            db.execute(f"ALTER TABLE kept RENAME TO {table}")

    return change


def _write(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def _fifo_lock(path: Path) -> None:
    lock = path.with_name(path.stem + ".lock")
    lock.unlink(missing_ok=True)
    os.mkfifo(lock)


def _virtual(table: str, module: str) -> Change:
    """Put a virtual table in the place of a table, with the rows and columns of the one that was there."""

    def change(path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            columns = ", ".join(row[1] for row in db.execute(f"PRAGMA table_info({table})"))
            for name in [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]:
                db.execute(f"DROP TRIGGER {name}")
            for name in [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'view'")]:
                db.execute(f"DROP VIEW {name}")
            for name in [
                row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND sql > ''")
            ]:
                db.execute(f"DROP INDEX {name}")
            db.execute("PRAGMA legacy_alter_table = ON")
            db.execute(f"ALTER TABLE {table} RENAME TO kept")
            db.execute(f"CREATE VIRTUAL TABLE {table} USING {module.format(columns=columns)}")
            db.execute(f"INSERT INTO {table}({columns}) SELECT {columns} FROM kept")

    return change


def _encoded(path: Path) -> None:
    """Store all again in a database whose texts are UTF-16."""
    other = path.with_suffix(".other")
    with closing(sqlite3.connect(path)) as db, closing(sqlite3.connect(other, isolation_level=None)) as made:
        made.execute("PRAGMA encoding = 'UTF-16le'")
        made.executescript("\n".join(db.iterdump()))
        for mark in ("application_id", "user_version"):
            made.execute(f"PRAGMA {mark} = {db.execute(f'PRAGMA {mark}').fetchone()[0]}")
    path.unlink()
    other.rename(path)


@contextmanager
def _other_database(path: Path, journal: str) -> Iterator[tuple[sqlite3.Connection, Path]]:
    """Open another database beside the file, which is removed at the end."""
    other = path.with_suffix(".other")
    with closing(sqlite3.connect(other, isolation_level=None)) as db:
        db.execute(f"PRAGMA journal_mode = {journal}")
        db.execute("CREATE TABLE email(x)")
        yield db, other
    other.unlink()


def _foreign_log(path: Path) -> None:
    """Put the log of another database beside the file, whole and with right checksums."""
    with _other_database(path, "WAL") as (db, other):
        db.execute("INSERT INTO email VALUES (zeroblob(20000))")
        _write(path.with_name(path.name + "-wal"), other.with_name(other.name + "-wal").read_bytes())


def _foreign_journal(path: Path) -> None:
    """Put a hot rollback journal of another database beside the file."""
    with _other_database(path, "DELETE") as (db, other):
        db.execute("PRAGMA cache_size = 1")
        db.execute("BEGIN")
        db.execute("INSERT INTO email VALUES (zeroblob(200000))")
        journal = other.with_name(other.name + "-journal")
        content = journal.read_bytes() if journal.exists() else b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + bytes(600)
        _write(path.with_name(path.name + "-journal"), content)


_BOMB = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n AS id, 'p' AS state FROM c"

CHANGES: dict[str, Change] = {
    # tables and columns
    **{f"no table {name}": _without_table(name) for name in (
        "run", "task", "email", "body", "attempt", "label", "total", "pace", "event", "command", "note", "sample",
        "alarm", "source_column", "skipped",
    )},
    **{f"no column {table}.{column}": _without_column(table, column) for table, column in (
        ("run", "state"), ("run", "budget"), ("email", "label"), ("email", "position"), ("label", "at"),
        ("attempt", "outcome"), ("task", "definition"), ("event", "sentence"), ("body", "text"),
    )},
    # values
    "run is empty": _sql("DELETE FROM run"),
    "run has two rows": _sql("INSERT INTO run(id, name, source, task_version) VALUES (99, 'x', 'y', 'z')"),
    "task is empty": _sql("DELETE FROM task"),
    "definition is no JSON": _sql("UPDATE task SET definition = '{'"),
    "definition is a list": _sql("UPDATE task SET definition = '[1, 2]'"),
    "definition nests 100,000 deep": _sql("UPDATE task SET definition = replace(hex(zeroblob(50000)), '0', '[')"),
    "definition lacks its labels": _sql("UPDATE task SET definition = json_remove(definition, '$.labels')"),
    "definition has numbers as labels": _sql("""UPDATE task SET definition = json_set(definition, '$.labels', json('[{"value": 1, "name": 2, "meaning": null}]'))"""),
    "definition has settings that are unknown": _sql("UPDATE task SET definition = json_set(definition, '$.model.evil', 1)"),
    "definition is NULL": _sql("UPDATE task SET definition = NULL"),
    "definition is a blob": _sql("UPDATE task SET definition = x'ff00fe'"),
    "state is unknown": _sql("UPDATE run SET state = 'dancing'"),
    "state is a number": _sql("UPDATE run SET state = 7"),
    "email states are unknown": _sql("DROP TRIGGER email_changed", "UPDATE email SET state = 'dancing'"),
    "outcomes are unknown": _sql("UPDATE attempt SET outcome = 'danced'"),
    "label sources are unknown": _sql("DROP TRIGGER email_changed", "UPDATE email SET label_source = 'oracle'"),
    "times are words": _sql("UPDATE run SET heartbeat_at = 'noon', started_at = 'then', created_at = 'x', finished_at = 'z', wait_until_at = 'w'"),
    "times are NULL": _sql("UPDATE run SET created_at = NULL", "UPDATE event SET at = NULL", "UPDATE attempt SET started_at = NULL"),
    "times are 1e300": _sql("UPDATE run SET heartbeat_at = 1e300, started_at = 1e300, created_at = 1e300, finished_at = 1e300, wait_until_at = 1e300", "UPDATE label SET at = 1e300", "UPDATE event SET at = 1e300", "UPDATE attempt SET started_at = 1e300", "UPDATE email SET settled_at = 1e300, sent_at = 1e300"),
    "times are -1e300 and infinite": _sql("UPDATE run SET heartbeat_at = 9e999, started_at = -1e300, created_at = -9e999", "UPDATE label SET at = -9e999", "UPDATE event SET at = 9e999"),
    "totals are words": _sql("UPDATE total SET value = 'many'"),
    "totals are 2^63 - 1": _sql("UPDATE total SET value = 9223372036854775807"),
    "totals are negative": _sql("UPDATE total SET value = -5"),
    "cursor is a word": _sql("UPDATE run SET cursor = 'here'"),
    "numbers of calls are words": _sql("UPDATE attempt SET n = 'x', latency_s = 'slow', prompt_tokens = 'a', completion_tokens = 'b'"),
    "budget is no JSON": _sql("UPDATE run SET budget = '{'"),
    "budget has unknown fields": _sql("""UPDATE run SET budget = '{"evil": 1}'"""),
    "forecast and resumption are no JSON": _sql("UPDATE run SET forecast = '{', resumption = '{', asking = '{', reason = x'00ff'"),
    "forecast and resumption are lists": _sql("UPDATE run SET forecast = '[1]', resumption = '[1]', asking = '[1]'"),
    "texts are blobs": _sql("UPDATE body SET text = x'ff00fe', raw_whole = x'789c00ff'"),
    "texts are NULL": _sql("UPDATE body SET text = NULL, raw_whole = NULL"),
    "texts hold NUL and escapes": _sql("UPDATE email SET source_id = 'a' || char(0) || char(27) || '[31m' || id, subject = char(0) || char(27) || ']0;x' || char(7)", "UPDATE body SET text = char(0, 27, 155, 8238)"),
    "texts are no UTF-8": _sql("UPDATE email SET source_id = CAST(x'ff' || CAST(id AS TEXT) AS TEXT), subject = CAST(x'ffc0' AS TEXT)", "UPDATE body SET text = CAST(x'ff80' AS TEXT)"),
    "subjects of 200 kB": _sql(f"UPDATE email SET subject = '{HUGE}'", f"UPDATE run SET name = '{HUGE}', reason = '{HUGE}'"),
    "base URL is a file": _sql("UPDATE run SET base_url = 'file:///etc/passwd'"),
    "base URL holds a line break": _sql("UPDATE run SET base_url = 'http://a' || char(10) || 'b/ c'"),
    "ids are negative": _sql("PRAGMA foreign_keys = OFF", "UPDATE email SET id = -id", "UPDATE body SET email_id = -email_id"),
    "ids are 2^63 - 1": _sql("PRAGMA foreign_keys = OFF", "UPDATE email SET id = 9223372036854775807 WHERE id = 1", "UPDATE body SET email_id = 9223372036854775807 WHERE email_id = 1"),
    # schema
    "email is a view of itself": _sql("PRAGMA foreign_keys = OFF", "ALTER TABLE email RENAME TO email_kept", "CREATE VIEW email AS SELECT * FROM email"),
    "email is an endless view": _sql("PRAGMA foreign_keys = OFF", "DROP TABLE email", f"CREATE VIEW email AS {_BOMB}"),
    "run is an endless view": _sql("DROP TABLE run", f"CREATE VIEW run AS {_BOMB.replace('n AS id', 'n AS id, 0 AS cursor, 1 AS dedupe, n AS task_version')}"),
    "a trigger deletes what is labeled": _sql("CREATE TRIGGER evil AFTER INSERT ON label BEGIN DELETE FROM email; END"),
    "a trigger counts for ever": _sql(f"CREATE TRIGGER evil AFTER UPDATE ON email BEGIN SELECT count(*) FROM ({_BOMB}); END"),
    "schema text is garbage": _schema("UPDATE sqlite_master SET sql = 'CREATE TABLE email(((' WHERE name = 'email'"),
    "a root page is beyond the file": _schema("UPDATE sqlite_master SET rootpage = 999999 WHERE name = 'label'"),
    "a table shares a root page": _schema("UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master WHERE name = 'email') WHERE name = 'body'"),
    "a table is without a module": _schema("INSERT INTO sqlite_master VALUES ('table', 'odd', 'odd', 0, 'CREATE VIRTUAL TABLE odd USING nothing(a)')"),
    "a trigger of ours deletes labels": _sql("DROP TRIGGER email_changed", "CREATE TRIGGER email_changed AFTER UPDATE ON email BEGIN DELETE FROM label; END"),
    "a trigger of ours counts for ever": _sql("DROP TRIGGER attempt_added", f"CREATE TRIGGER attempt_added AFTER INSERT ON attempt BEGIN SELECT count(*) FROM ({_BOMB}); END"),
    "a trigger of ours raises": _sql("DROP TRIGGER email_changed", "CREATE TRIGGER email_changed AFTER UPDATE ON email BEGIN SELECT RAISE(ABORT, 'no'); END"),
    "email is a virtual table": _virtual("email", "fts5({columns})"),
    "total is a virtual table": _virtual("total", "fts5(name, value)"),
    "run computes a column of 40 MB": _sql("ALTER TABLE run ADD COLUMN evil TEXT GENERATED ALWAYS AS (hex(zeroblob(20000000))) VIRTUAL"),
    "email computes a column of 40 MB": _sql("ALTER TABLE email ADD COLUMN evil TEXT GENERATED ALWAYS AS (hex(zeroblob(20000000))) VIRTUAL"),
    "labels have a costly default": _sql("DROP TRIGGER label_added", "DROP TRIGGER label_changed", "ALTER TABLE label RENAME TO kept", "CREATE TABLE label(id INTEGER PRIMARY KEY, email_id, value, source, annotator, attempt_id, task_version, blind DEFAULT (length(hex(zeroblob(20000000)))), note DEFAULT '', at)", "INSERT INTO label SELECT * FROM kept"),
    "labels are checked by a costly condition": _sql("DROP TRIGGER label_added", "DROP TRIGGER label_changed", "ALTER TABLE label RENAME TO kept", "CREATE TABLE label(id INTEGER PRIMARY KEY, email_id, value, source, annotator, attempt_id, task_version, blind, note, at, CHECK (length(hex(zeroblob(20000000))) > 0))", "INSERT INTO label SELECT * FROM kept LIMIT 1"),
    "labels are refused by a condition": _sql("DROP TRIGGER label_added", "DROP TRIGGER label_changed", "ALTER TABLE label RENAME TO kept", "CREATE TABLE label(id INTEGER PRIMARY KEY, email_id, value, source, annotator, attempt_id, task_version, blind, note, at, CHECK (source <> 'human'))"),
    "one label a value": _sql("DELETE FROM label WHERE id > 1", "CREATE UNIQUE INDEX evil ON label(source)"),
    "one event a kind": _sql("CREATE UNIQUE INDEX evil ON event(kind)"),
    "an index computes": _sql("CREATE INDEX evil ON email(hex(subject || subject || subject))"),
    "an index of an unknown order": _schema("UPDATE sqlite_master SET sql = 'CREATE INDEX email_state ON email(state COLLATE nothing, position)' WHERE name = 'email_state'"),
    "views of foreign SQL": _sql("DROP VIEW labeled", f"CREATE VIEW labeled AS {_BOMB}", "DROP VIEW failed", "CREATE VIEW failed AS SELECT load_extension('evil')", "DROP VIEW audited", "CREATE VIEW audited AS SELECT * FROM audited"),
    "a view reads a file": _sql("CREATE VIEW evil AS SELECT readfile('/etc/passwd')", "CREATE VIEW more AS SELECT * FROM pragma_database_list"),
    "names of tables with quotes and controls": _sql("""CREATE TABLE "a'b"";DROP TABLE run;--"(x)""", 'CREATE TABLE "\x1b]0;x\x07"(y)'),
    "two thousand tables": _sql(*(f"CREATE TABLE t{n}(x)" for n in range(2_000))),
    "two thousand columns": _schema("UPDATE sqlite_master SET sql = 'CREATE TABLE event(id INTEGER PRIMARY KEY, at, kind, text, email_id, key_alias' || replace(hex(zeroblob(900)), '00', ', x') || ')' WHERE name = 'event'"),
    "tables without row ids": _schema("UPDATE sqlite_master SET sql = sql || ' WITHOUT ROWID' WHERE name = 'task'"),
    # relations
    "labels of emails that are not there": _sql("UPDATE label SET email_id = email_id + 1000"),
    "calls of emails that are not there": _sql("UPDATE attempt SET email_id = -1"),
    "labels point to calls that are not there": _sql("UPDATE label SET attempt_id = 9999"),
    "bodies are missing": _sql("DELETE FROM body"),
    "bodies of nobody": _sql("UPDATE body SET email_id = email_id + 1000"),
    "positions are equal": _sql("UPDATE email SET position = 0"),
    "positions are words": _sql("UPDATE email SET position = 'first'"),
    "positions are huge": _sql("UPDATE email SET position = 9223372036854775807 - id"),
    "asked from itself": _sql("UPDATE email SET asked_from = id"),
    "asked from each other": _sql("UPDATE email SET asked_from = 41 - id"),
    "deeds undo themselves": _sql("INSERT INTO deed(batch, kind, what, author, at, email_id, row_id, state) SELECT 1, 'label', 'x', 'me', 1.0, id, 99, 'dancing' FROM email"),
    "deeds of a huge batch": _sql("INSERT INTO deed(batch, kind, what, author, at, email_id) VALUES (9223372036854775807, 'undo', 'x', 'me', 9e999, -5)"),
    "pieces of packs that are not there": _sql("UPDATE attempt SET pack_id = 77, pack_position = -3"),
    "reviews of no sample": _sql("INSERT INTO review(email_id, annotator, sample_id, kind, value, seconds, shown, batch, at) VALUES (1, 'x', 99, 'odd', '1', -1e300, '{', -1, 9e999)"),
    "samples with rates that are none": _sql("INSERT INTO sample(name, kind, seed, goal, rates, created_at) VALUES ('x', 'odd', 'y', -5, '[1', 9e999)"),
    "alarms of no watch": _sql("INSERT INTO alarm(watch, at, statistic, state, sentence) VALUES ('evil' || char(27), 9e999, 9e999, 'raised', char(27) || '[31m' || char(8238))"),
    "gold of a million characters": _sql("INSERT INTO gold(name, email_id, value, at) VALUES (replace(hex(zeroblob(500000)), '00', 'x'), 1, replace(hex(zeroblob(500000)), '00', 'y'), 1.0)"),
    "canaries that are none": _sql("INSERT INTO canary(email_id, task_version, label, value, round, asked_at) VALUES (-1, 'x', '1', '0', 9223372036854775807, 9e999)"),
    "batches that never end": _sql("INSERT INTO parcel(nonce, state, key_alias, organization, model, task_version, window, packed_at, sent_at, status, total, tokens) VALUES ('n', 'sent', 'k', 'o', 'm', 'v', '24h', 1e300, 9e999, 'dancing', -5, -7)"),
    "places that are none": _sql("INSERT INTO place(name, node, state, reason, in_flight, rate_per_min, since_at) VALUES (char(27), 'n', 'odd', 'r', -1, 9e999, 9e999)"),
    "columns that are no JSON": _sql("UPDATE body SET columns = '{' || char(0)", "INSERT INTO source_column(position, name) VALUES (-1, '=cmd|x')"),
    "columns nest 100,000 deep": _sql("UPDATE body SET columns = replace(hex(zeroblob(50000)), '0', '[')"),
    "ids begin with a formula": _sql("UPDATE email SET source_id = '=HYPERLINK(\"http://evil\";\"x\")' || id, subject = '@SUM(1)'"),
    "a total of every kind": _sql("INSERT OR REPLACE INTO total(name, value) VALUES ('reasks:x', 1), ('label:' || char(27), 2), ('lane:odd:what', -3), ('state:dancing', 4), ('', 5), ('reasks:99999999999999999999', 1)"),
    "ids of calls are words": _sql("UPDATE attempt SET epoch = 'x', task_version = NULL, kind = NULL, key_alias = NULL, organization = x'ff', model = 7"),
    "lane is unknown": _sql("UPDATE run SET lane = 'dancing', lane_by = 1e10"),
    "order is unknown": _sql("UPDATE run SET work_order = 'dancing', seed = -1, dedupe = 77, simulated = 1, wanted = 'dance'"),
    "an odd text encoding": _encoded,
    "pages of 512 bytes that vacuum themselves": _sql("PRAGMA journal_mode = DELETE", "PRAGMA page_size = 512", "PRAGMA auto_vacuum = 1", "VACUUM", "PRAGMA journal_mode = WAL"),
    "the log of another file": _foreign_log,
    "a rollback journal of another file": _foreign_journal,
    "migrations that were never made": _sql("UPDATE _sqlite_migrations SET name = 'evil_' || name"),
    "no migrations are recorded": _sql("DELETE FROM _sqlite_migrations"),
    "format 5 with tables of today": _sql("PRAGMA user_version = 5"),
    "no application": _sql("PRAGMA application_id = 0"),
    # marks
    "another application": _sql("PRAGMA application_id = 252006673"),
    "a newer format": _sql("PRAGMA user_version = 99"),
    "a negative format": _sql("PRAGMA user_version = -3"),
    "format 0": _sql("PRAGMA user_version = 0"),
    "format 1 with tables of today": _sql("PRAGMA user_version = 1"),
    # bytes
    "0 bytes": _bytes(lambda _: b""),
    "1 byte": _bytes(lambda _: b"S"),
    "header only": _bytes(lambda content: content[:100]),
    "half of it": _bytes(lambda content: content[: len(content) // 2]),
    "last page cut": _bytes(lambda content: content[:-1000]),
    "header garbage": _garbage(0),
    "page 2 garbage": _garbage(1),
    "pages 5 to 9 garbage": _garbage(4, 5),
    "last three pages garbage": _garbage(-3, 3),
    "email page of zeros": _page_of("email", b"\0"),
    "email page of ones": _page_of("email", b"\xff"),
    "body page of zeros": _page_of("body", b"\0"),
    "label page of ones": _page_of("label", b"\xff"),
    "run page of ones": _page_of("run", b"\xff"),
    "page size of 3": _bytes(lambda content: content[:16] + b"\0\3" + content[18:]),
    "a text file": _bytes(lambda _: b"id,text\n1,hello\n" * 1000),
    # places
    "a symbolic link to itself": _instead(lambda path, _: path.symlink_to(path.name)),
    "a symbolic link to nothing": _instead(lambda path, _: path.symlink_to("gone.db")),
    "a symbolic link to a sound file": _instead(lambda path, kept: path.symlink_to(kept.name)),
    "a symbolic link to a text": _instead(lambda path, _: path.symlink_to("/etc/hostname")),
    "a folder": _instead(lambda path, _: path.mkdir()),
    "a FIFO": _instead(lambda path, _: os.mkfifo(path)),
    "a device": _instead(lambda path, _: path.symlink_to("/dev/zero")),
    "a log that is garbage": lambda path: _write(path.with_name(path.name + "-wal"), b"\x37\x7f\x06\x82" + b"x" * 8000),
    "a log that is a folder": lambda path: path.with_name(path.name + "-wal").mkdir(),
    "a control file that is garbage": lambda path: _write(path.with_name(path.stem + ".control.db"), b"x" * 8000),
    "a control file that is a FIFO": lambda path: os.mkfifo(path.with_name(path.stem + ".control.db")),
    "a lock that is a FIFO": _fifo_lock,
    "an index of words that is garbage": lambda path: _write(path.with_name(path.stem + ".search.db"), b"x" * 8000),
}  # fmt: skip
"""By name. Values, schema, marks, bytes and places: what can be wrong with a file from somebody else."""
