"""List the runs: one line about each, read again only where its file changed.

Each reading opens a file, so a list that is looked at every two seconds keeps the lines of files that did not change.
A run that was at work is read every time: that its worker was killed shows in no file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from core.errors import LabeltuiError
from core.model import RunState, RunSummary
from core.runs.find import archived_files, is_archived, run_files
from core.settings import Settings
from core.storage.reading.reader import RunReader

_AT_WORK = (RunState.RUNNING, RunState.WAITING, RunState.PAUSED, RunState.STALE)

Marks = tuple[tuple[int, int, int], ...]
"""When a run's files were last written and changed, in nanoseconds, and their sizes in bytes."""


class RunList:
    """List the runs of one home. Belongs to one thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known: dict[Path, tuple[Marks, RunSummary]] = {}

    def read(self, now: float) -> list[RunSummary]:
        """Return every run, the one last changed first; archived ones come behind all others."""
        here = self._summaries(run_files(self._settings), now)
        archived = self._summaries(archived_files(self._settings), now)
        found = {Path(summary.path) for summary in (*here, *archived)}
        self._known = {path: kept for path, kept in self._known.items() if path in found}
        return [*here, *archived]

    def _summaries(self, paths: Iterable[Path], now: float) -> list[RunSummary]:
        summaries = [self._summary(path, now) for path in paths]
        return sorted(summaries, key=lambda summary: summary.changed_at, reverse=True)

    def _summary(self, path: Path, now: float) -> RunSummary:
        marks = _marks(path)
        known = self._known.get(path)
        if known is not None and known[0] == marks and known[1].state not in _AT_WORK:
            return known[1]
        summary = summarize(path, now)
        self._known[path] = (marks, summary)
        return summary


def summarize(path: Path, now: float) -> RunSummary:
    """Return one line about a run; an unreadable file becomes a line that says so."""
    marks = _marks(path)
    changed_at = max(written for written, _, _ in marks) / 1e9
    size = sum(size for _, _, size in marks)
    try:
        with RunReader(path) as reader:
            summary = reader.summary(now, changed_at=changed_at, size_bytes=size)
            return replace(summary, archived=is_archived(path))
    except (LabeltuiError, sqlite3.Error, ValueError) as error:
        return RunSummary(
            path.stem,
            str(path),
            RunState.STOPPED,
            0,
            0,
            0,
            0.0,
            changed_at,
            size,
            error=_in_words(path, error),
            archived=is_archived(path),
        )


def _in_words(path: Path, error: Exception) -> str:
    if isinstance(error, LabeltuiError):
        return str(error)
    return f"{path} cannot be read ({error}). `labeltui check {path.stem}` looks for damage."


def _marks(path: Path) -> Marks:
    found = []
    for part in (path, path.with_name(path.name + "-wal")):
        try:
            stat = part.stat()
        except OSError:
            found.append((0, 0, 0))
        else:
            # Reading makes an empty log, and takes it away again: that is no change.
            found.append((stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size) if stat.st_size else (0, 0, 0))
    return tuple(found)
