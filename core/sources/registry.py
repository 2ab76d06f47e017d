"""Emails in: one registry of formats, and one door, :func:`open_source`.

To add a format, write a module with a ``FORMAT`` (see :class:`core.sources.source.Format`) and name it in ``FORMATS``.
"""

from __future__ import annotations

from pathlib import Path

from core.errors import SourceError
from core.sources import csv_source, folder_source, jsonl_source, mbox_source
from core.sources.source import Columns, Format, Skipped, SkippedRow, Source

__all__ = ["FORMATS", "Columns", "Skipped", "SkippedRow", "Source", "open_source"]

# In the order in which they are asked: those that look for a mark of their own come first.
FORMATS: tuple[Format, ...] = (
    mbox_source.FORMAT,
    jsonl_source.FORMAT,
    csv_source.FORMAT,
    folder_source.MAILDIR,
    folder_source.FORMAT,
)
_PEEK_BYTES = 4_096


def open_source(path: Path, *, text_column: str | None = None, id_column: str | None = None) -> Source:
    """The emails at ``path``: a file or folder of any known format.

    ``text_column`` and ``id_column`` name columns where the format has any and the usual names do not fit. Raises
    SourceError where there is nothing, where it cannot be read, or where no column fits; a pass over the source may
    raise it later, where the file breaks off.
    """
    path = path.expanduser()
    beginning = _peek(path)
    for candidate in FORMATS:
        if candidate.claims(path, beginning):
            return candidate.open(path, text_column, id_column)
    raise SourceError(_unknown(path))


def _peek(path: Path) -> bytes | None:
    """The first bytes of a file, or None for a folder. Raises SourceError for anything that cannot be read."""
    try:
        if path.is_dir():
            next(path.iterdir(), None)
            return None
        if path.exists() and not path.is_file():
            raise SourceError(f"{path} is neither a file nor a folder. Save the emails in a file first.")
        with path.open("rb") as file:
            beginning = file.read(_PEEK_BYTES)
    except FileNotFoundError:
        raise SourceError(f"{path} does not exist. Check the path; it is relative to {Path.cwd()}.") from None
    except PermissionError:
        raise SourceError(f"{path} may not be read by this user. Change its permissions, or copy it.") from None
    except (OSError, ValueError) as error:
        raise SourceError(f"{path} cannot be read: {error}. Check the path and the disk.") from None
    if not beginning:
        raise SourceError(f"{path} is empty. Check that it was written to its end.")
    return beginning


def _unknown(path: Path) -> str:
    known = "; ".join(candidate.words for candidate in FORMATS)
    if path.is_dir():
        return f"{path} is a folder that holds no emails in a known form. Known are: {known}."
    return f"{path} is in no known form. Known are: {known}."
