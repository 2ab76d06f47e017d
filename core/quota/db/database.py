"""Open ``quota.db``: what all workers on this machine, the console and the command line share of keys and quotas.

SQLite in rollback-journal mode, because several processes write it; short ``BEGIN IMMEDIATE`` transactions, so that a
read never turns into a write half-way. It holds no secret: a key is a salted fingerprint and its last four characters.

Limits, benches and refused keys are known of one server: a key that a mistyped address refuses is good on Groq, and the
limits of a local server bind nobody else. Each connection is opened for one server.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from core.errors import FolderError, QuotaFileError
from core.files import network_disk_refusal
from core.quota.db import schema as tables
from core.server_address import GROQ_ROOT
from core.settings import private_dir

SCHEMA_VERSION = 7
BUSY_TIMEOUT_MS = 5_000


class QuotaDatabase:
    """Open one connection to ``quota.db``. Every method raises QuotaFileError, with a remedy, where the file fails."""

    def __init__(self, path: Path, *, server: str = GROQ_ROOT, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> None:
        """Open the file, or make it with access for its owner alone. ``server`` is as ``server_of`` names it."""
        self.path = path
        self.server = server
        if reason := network_disk_refusal(path):
            raise QuotaFileError(reason)
        try:
            private_dir(path.parent)
            if not path.exists():  # closing a file drops every lock that SQLite holds on it in this process (POSIX)
                os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        except FolderError as error:
            raise QuotaFileError(str(error)) from error
        except PermissionError as error:
            if not path.is_file():
                raise self._error(error) from error
        except OSError as error:
            raise self._error(error) from error
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, timeout=busy_timeout_ms / 1000)
        except sqlite3.Error as error:
            raise self._error(error) from error
        try:
            self._prepare()
        except BaseException:
            self._connection.close()
            raise
        self._version_seen = self._data_version()

    def __enter__(self) -> Self:
        """Use as a context that closes."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Close the connection; the file stays."""
        self._connection.close()

    takes_back = False
    """Whether every transaction that may write is taken back at its end: for dry runs."""

    @contextmanager
    def patience(self, milliseconds: int) -> Iterator[None]:
        """Wait at most so long for other processes in here: an event loop cannot stand still for seconds."""
        self._connection.execute(f"PRAGMA busy_timeout = {int(milliseconds)}")
        try:
            yield
        finally:
            self._connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Open one transaction that may write, begun so that it cannot fail for having read first."""
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.execute("ROLLBACK" if self.takes_back else "COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.rollback()
            raise

    def execute(self, statement: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and fetch all of its rows."""
        try:
            return self._connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise self._error(error) from error

    def execute_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one statement for each row of values."""
        try:
            self._connection.executemany(statement, rows)
        except sqlite3.Error as error:
            raise self._error(error) from error

    def poll_changes(self) -> bool:
        """Return whether another connection has committed since this was last asked. Costs some microseconds."""
        try:
            version = self._data_version()
        except sqlite3.OperationalError:  # another process commits at this moment: seen at the next poll
            return False
        changed = version != self._version_seen
        self._version_seen = version
        return changed

    @property
    def salt(self) -> bytes:
        """Return the salt of this file's fingerprints."""
        return bytes.fromhex(self.execute("SELECT value FROM meta WHERE name = 'salt'")[0][0])

    def _data_version(self) -> int:
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def _prepare(self) -> None:
        self.execute("PRAGMA synchronous = NORMAL")
        version = self.execute("PRAGMA user_version")[0][0]
        if version == 0:
            self._create()
        elif version < SCHEMA_VERSION:
            self._upgrade()
        elif version > SCHEMA_VERSION:
            raise QuotaFileError(
                f"{self.path} is from a newer labeltui (format {version}, this one reads up to {SCHEMA_VERSION}): "
                "update labeltui, or move the file away to begin with fresh quota levels"
            )

    def _create(self) -> None:
        with self.writing():
            if self.execute("PRAGMA user_version")[0][0]:
                return  # another process was quicker
            for statement in tables.ALL:
                self.execute(statement)
            self.execute("INSERT INTO meta VALUES ('salt', ?)", (secrets.token_hex(16),))
            self.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _upgrade(self) -> None:
        """Bring an older format up."""
        with self.writing():
            version = self.execute("PRAGMA user_version")[0][0]  # another process may have been quicker
            for step_version, statements in tables.UPGRADES:
                for statement in statements if version < step_version else ():
                    self.execute(statement)
            self.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _error(self, error: Exception) -> QuotaFileError:
        text = str(error)
        if "locked" in text or "busy" in text:
            remedy = "another process holds it: try again, and look for a hung labeltui if it stays so"
        elif "readonly" in text or isinstance(error, PermissionError):
            remedy = f"this user may not write it: check the owner and permissions of {self.path.parent}"
        elif "not a database" in text or "malformed" in text or "no such" in text:
            remedy = "it is damaged: move it away, and quota levels will be learned again (keys.toml is not touched)"
        elif isinstance(error, OSError) or "unable to open" in text or "disk" in text:
            remedy = f"check that {self.path.parent} is a folder with free space that this user may write"
        else:
            remedy = "move it away if this stays so; quota levels will be learned again"
        return QuotaFileError(f"The quota file {self.path} cannot be used ({text}): {remedy}")
