"""Bringing a run file of an older format up to this one's: first a copy beside it, then the migrations."""

from __future__ import annotations

import sqlite3
import time
from itertools import count
from pathlib import Path

from core.errors import LabeltuiError, RunFileError
from core.storage.file.backup import copy_database
from core.storage.file.connection import immediately
from core.storage.file.schema import migrate, needs_migration
from core.storage.file.schema_version import FORMAT_VERSION, check_format
from core.storage.writing.settle import add_event


def upgrade(connection: sqlite3.Connection, path: Path) -> Path | None:
    """Migrate an older file under the run's lock; returns where the copy from before lies, or None for a current file.

    A migration that was cut off is simply gone through again: each is one transaction, and the format's number is
    written last.

    Raises:
        RunFileError: no copy could be made, so nothing was changed; or a migration failed, and the copy is named.
    """
    version = check_format(connection, path)
    if version == FORMAT_VERSION and not needs_migration(connection):
        return None
    copy = _free_name(path)
    try:
        copy_database(connection, copy)
    except LabeltuiError as error:
        raise RunFileError(
            f"{path} is of an older format ({version}) and is only brought up to date after a copy is made, which"
            f" failed: {error}"
        ) from error
    try:
        migrate(connection)
        sentence = f"brought from format {version} to {FORMAT_VERSION}; the file as it was is {copy.name}"
        with immediately(connection):
            add_event(connection, time.time(), "format", sentence)
    except sqlite3.Error as error:
        raise RunFileError(
            f"{path} could not be brought up to date ({error}). The file as it was is {copy}."
        ) from error
    return copy


def _free_name(path: Path) -> Path:
    """``enron.before-format-2.db``, with a number where that name is taken."""
    for number in count(1):
        tail = "" if number == 1 else f".{number}"
        candidate = path.with_name(f"{path.stem}.before-format-{FORMAT_VERSION}{tail}.db")
        if not candidate.exists():
            return candidate
    raise AssertionError("unreachable: counting does not end")
