"""Labels out: one registry of formats by suffix, and one door, :func:`export_rows`.

To add a format, write a module with a writer (see :class:`Writer`) and name it in ``WRITERS``.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

from core.errors import ExportError
from core.exports import csv_export as export_csv
from core.exports import jsonl_export as export_jsonl
from core.exports import parquet_export as export_parquet
from core.exports.columns import COLUMNS
from core.model import ExportRow

__all__ = ["COLUMNS", "WRITERS", "export_rows", "known_suffixes", "writer_for"]

Writer: TypeAlias = Callable[[Iterable[ExportRow], int, bool], int]
"""Writes rows to a file descriptor, which it leaves open, and returns how many.

The last argument asks for values exactly as they are, where the format would otherwise make them safe to open. A
writer may raise ExportError where the format is not available.
"""

WRITERS: Mapping[str, Writer] = {
    ".csv": export_csv.write,
    ".jsonl": export_jsonl.write,
    ".parquet": export_parquet.write,
}


def known_suffixes() -> tuple[str, ...]:
    """The suffixes that a file may be exported to."""
    return tuple(WRITERS)


def writer_for(path: Path) -> Writer:
    """The writer that a path's suffix names. Raises ExportError, which lists the known ones."""
    writer = WRITERS.get(path.suffix.lower())
    if writer is None:
        known = ", ".join(WRITERS)
        raise ExportError(f"{path}: the suffix {path.suffix!r} names no known format. Choose one of {known}.")
    return writer


def export_rows(rows: Iterable[ExportRow], path: Path, *, raw: bool = False) -> int:
    """Write the rows to ``path`` in the format of its suffix and return how many.

    The file appears whole or not at all: it is written beside its place, flushed to the disk and then renamed over
    whatever was there. The rows are never held together in memory. ``raw`` turns off what a format does to make
    values safe for spreadsheets (see :mod:`core.exports.csv_export`). Raises ExportError.
    """
    path = path.expanduser()
    writer = writer_for(path)
    return written_whole(path, lambda descriptor: writer(rows, descriptor, raw))


def written_whole(path: Path, write: Callable[[int], int]) -> int:
    """Let ``write`` fill a file that appears at ``path`` whole or not at all; returns what it returns.

    Raises ExportError.
    """
    if path.is_dir():
        raise ExportError(f"{path} is a folder. Name a file in it.")
    target = path.resolve()
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            count = write(descriptor)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        beside.replace(target)
        _sync_folder(target.parent)
    except FileNotFoundError:
        raise ExportError(f"{target.parent} does not exist. Make that folder first, or choose another.") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise ExportError(f"{path} cannot be written: {reason}. Check the folder's permissions and space.") from None
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
    return count


def _sync_folder(folder: Path) -> None:
    """Make the renaming last through a power loss, where the system lets a folder be synced."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
