"""Ways to damage a run file: each takes the path of a sound one and changes it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
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
