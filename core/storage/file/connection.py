"""Open a run file: for its one writer, or read-only for everybody else."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from core.errors import RunFileError, RunNotFoundError
from core.files import network_disk_refusal
from core.storage.file.schema_version import check_format

_CACHE_KIB = 32 * 1024
"""Emails are found by the hash of their text: in SQLite's usual 2 MB the index of 100,000 emails has no room."""


_LARGEST_CELL_BYTES = 256 * 1024 * 1024
"""SQLite makes no longer text or blob, whatever a file from somebody else lets it calculate; its own limit is 1 GB."""


def restrict_schema(connection: sqlite3.Connection) -> None:
    """Forbid the file's views, triggers and computed columns functions with side effects, and cells beyond 256 MiB."""
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LARGEST_CELL_BYTES)


def sqlite_version() -> str:
    """Return the version of the SQLite that reads and writes run files."""
    return sqlite3.sqlite_version


def open_writer(path: Path) -> sqlite3.Connection:
    """Return a connection that writes to a run file: WAL, every commit on the disk before it returns.

    Raises:
        RunNotFoundError: there is no such file.
        RunFileError: it is no run file, one from a newer version, lies on a network share, or cannot be written.
            Nothing was changed.
    """
    _refuse_what_is_no_file(path)
    _refuse_shares(path)
    connection = sqlite3.connect(path, isolation_level=None, timeout=10.0)
    try:
        restrict_schema(connection)
        check_format(connection, path)
        _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def make_writer(path: Path) -> sqlite3.Connection:
    """Return such a connection to a new file, which is private to its owner."""
    _refuse_shares(path)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise RunFileError(f"{path} cannot be made: {error.strerror}. Check that its folder is writable.") from error
    connection = sqlite3.connect(path, isolation_level=None, timeout=10.0)
    try:
        _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _refuse_what_is_no_file(path: Path) -> None:
    """Refuse a folder, a pipe or a device: reading one may block, or never end."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise RunNotFoundError(f"There is no run file at {path} ({error.strerror}).") from error
    if not stat.S_ISREG(mode):
        raise RunFileError(f"{path} is no file but a folder, a pipe or a device: no run. Nothing was changed.")


def _refuse_shares(path: Path) -> None:
    if reason := network_disk_refusal(path):
        raise RunFileError(f"{reason} Reading and exporting work there.")


@contextmanager
def in_bulk(connection: sqlite3.Connection, share: int = 1) -> Iterator[None]:
    """Write a file that nobody else reads yet: each page once, without a log that is copied afterwards.

    What was committed outlasts the death of the process; the file is flushed to the disk when it gets its name.
    ``share`` such files are written at the same time.
    """
    connection.execute("PRAGMA journal_mode = TRUNCATE")
    connection.execute("PRAGMA synchronous = NORMAL")
    cache_for_bulk(connection, share)
    yield
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")


def cache_for_bulk(connection: sqlite3.Connection, share: int = 1) -> None:
    """Give a connection its share of the usual cache, 1 MiB at least: rows are only appended."""
    connection.execute(f"PRAGMA cache_size = -{max(1024, _CACHE_KIB // share)}")


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        # They are declared for readers. An answer that was paid for is never refused for a row that is missing.
        connection.execute("PRAGMA foreign_keys = OFF")
    except sqlite3.Error as error:
        raise RunFileError(
            f"{path} cannot be opened for writing ({error}). Check that the folder is writable and the disk not full."
        ) from error


def open_reader(path: Path) -> sqlite3.Connection:
    """Return a read-only connection.

    Raises:
        RunNotFoundError: there is no such file.
        RunFileError: it cannot be read.
    """
    _refuse_what_is_no_file(path)
    uri = f"file:{quote(os.fsencode(path.resolve()))}?mode=ro"
    if not path.with_name(path.name + "-wal").exists() and not os.access(path.parent, os.W_OK):
        # A WAL database in a folder that cannot be written has nowhere for its index; without a log it cannot change.
        uri += "&immutable=1"
    try:
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=5.0, check_same_thread=False)
        connection.execute("PRAGMA query_only = ON")
        restrict_schema(connection)
    except sqlite3.Error as error:
        raise RunFileError(f"{path} cannot be read ({error}).") from error
    return connection


@contextmanager
def immediately(connection: sqlite3.Connection) -> Iterator[None]:
    """Open one transaction that holds the file from its beginning: committed at its end, or rolled back whole.

    A deferred one that reads first and then writes fails at once where somebody else wrote in between. A commit that
    fails is taken back too, so that the next transaction can begin.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
