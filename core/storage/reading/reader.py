"""Read a run file: snapshots for the console and ``status``, pages of emails, full records. Read-only.

A snapshot is read in one transaction, every result fetched whole before the next, so that a slow screen never pins the
writer's log. While nothing was committed (``PRAGMA data_version``) the last snapshot is handed out again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from core.errors import RunFileError, RunNotFoundError
from core.model import (
    CommandRecord,
    EmailRecord,
    EmailRow,
    EmailState,
    ExportRow,
    LaneChoice,
    LastChange,
    RunSummary,
    Snapshot,
    SourceEmail,
    Task,
    TaskVersion,
)
from core.storage.file.connection import open_reader
from core.storage.file.control import CommandWatch
from core.storage.file.schema_version import (
    FORMAT_WITH_BATCHES,
    FORMAT_WITH_COLUMNS,
    FORMAT_WITH_NOTES,
    FORMAT_WITH_READING,
    check_format,
)
from core.storage.file.shape import check_shape, tells_damage
from core.storage.reading.email_rows import HUMAN, EmailReader
from core.storage.reading.export_rows import ExportReader, Page, Selection
from core.storage.reading.pending import distinct_texts, pending_texts
from core.storage.reading.reviews import asked_in_version
from core.storage.reading.run_rows import answer_to, lane_of, last_change
from core.storage.reading.snapshots import SnapshotReader
from core.storage.reading.summaries import (
    alive_at,
    all_totals,
    batches_took_s,
    group,
    outcomes_of_key,
    refused_by_disk,
    state_shown,
    summary_of,
    total,
)
from core.storage.reading.versions import OlderTexts, names_by_version, older_labels, older_texts, task_versions


def _file_at(path: Path) -> tuple[int, int] | None:
    """Return which file lies there; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


@tells_damage
class RunReader:
    """Read one run file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db = open_reader(path)
        self._file = _file_at(path)
        self._version = -1
        self._last: Snapshot | None = None
        self._snapshots = SnapshotReader(self._db, path)
        self._commands = CommandWatch(path)
        try:
            self._format = check_format(self._db, path)
            check_shape(self._db, path, self._format)
        except BaseException:
            self._db.close()
            raise
        self._emails = EmailReader(self._db, path, self._format)

    def close(self) -> None:
        """Close the file."""
        self._commands.close()
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- snapshots ----------------------------------------------------------------------------------------------------

    def snapshot(self, now: float) -> Snapshot:
        """Return the run at this moment.

        Raises:
            RunFileError: the file cannot be read, or holds no run.
            RunNotFoundError: it was deleted, moved or replaced: an open file goes on to be read, and looks healthy.
        """
        if self._file != _file_at(self.path):
            raise RunNotFoundError(f"There is no run file at {self.path} any more: it was deleted or moved away.")
        try:
            version = self._db.execute("PRAGMA data_version").fetchone()[0]
            if self._last is None or version != self._version:
                self._last = self._read(now)
                self._version = version
        except sqlite3.Error as error:
            raise RunFileError(f"{self.path} cannot be read ({error}).") from error
        return self._with_worker(self._last, now)

    def _with_worker(self, snapshot: Snapshot, now: float) -> Snapshot:
        """Add what no commit shows: whether the lock is held, and what that makes of the recorded state."""
        beat = snapshot.worker.heartbeat_at
        alive = alive_at(self.path, beat, now)
        refused = refused_by_disk(self.path, alive=alive, beat=beat, now=now)
        state, reason = state_shown(snapshot.state, snapshot.reason, alive=alive, beat=beat, now=now, refused=refused)
        return replace(
            snapshot,
            state=state,
            reason=reason,
            taken_at=now,
            wait=None if refused else snapshot.wait,
            worker=replace(snapshot.worker, alive=alive, refused=refused),
            commands=(*self._unanswered(snapshot), *snapshot.commands) if alive else snapshot.commands,
        )

    def _unanswered(self, snapshot: Snapshot) -> tuple[CommandRecord, ...]:
        """Return commands that the worker has not answered yet, whoever made them, newest first."""
        since = snapshot.worker.started_at or 0.0
        known = {command.id for command in snapshot.commands}
        commands = [command for command in self._commands.newest() if command.requested_at >= since]
        return tuple(
            CommandRecord(command.id, command.kind, command.argument, command.requested_at, None, "")
            for command in reversed(commands)
            if command.id not in known and self.command(command.id) is None
        )

    def _read(self, now: float) -> Snapshot:
        self._db.execute("BEGIN")
        try:
            return self._snapshots.read(now)
        finally:
            self._db.execute("COMMIT")

    def summary(self, now: float, *, changed_at: float, size_bytes: int) -> RunSummary:
        """Return the run's line in a list; ``changed_at`` and ``size_bytes`` are those of its files."""
        return summary_of(self._db, self.path, now, changed_at=changed_at, size_bytes=size_bytes)

    def task(self) -> Task:
        """Return the active task."""
        return self._snapshots.task(self._db.execute("SELECT task_version FROM run").fetchone()[0])

    def versions(self, *, counted: bool = True) -> tuple[TaskVersion, ...]:
        """Return the versions of the task, with what each did unless unwanted: the active one, then the newest.

        Counting takes some seconds for each million of emails.
        """
        return task_versions(self._db, counted=counted)

    def older_labels(self) -> dict[str, int]:
        """Return how many emails have which label by an older version of the task: those that could be asked again."""
        return older_labels(self._db)

    def older_texts(self) -> dict[str, OlderTexts]:
        """Return the texts that older versions labeled, by the current label, and under "" all of them."""
        return older_texts(self._db)

    def source_digest(self) -> str:
        """Return the digest of the source that the run was made from."""
        return str(self._db.execute("SELECT source_digest FROM run").fetchone()[0])

    def source_columns(self) -> tuple[str, ...]:
        """Return the columns that the source had beside text and id, in the order in which they were met."""
        if self._format < FORMAT_WITH_COLUMNS:
            return ()
        return tuple(row[0] for row in self._db.execute("SELECT name FROM source_column ORDER BY position"))

    def skipped_by_reason(self) -> dict[str, int]:
        """Return why how much of the source was not taken, as far as it is listed, the most frequent reason first."""
        if self._format < FORMAT_WITH_COLUMNS:
            return {}
        rows = self._db.execute("SELECT reason, count(*) FROM skipped GROUP BY reason ORDER BY 2 DESC, 1")
        return dict(rows.fetchall())

    def skipped_rows(self, *, after: int = 0, limit: int = 1000) -> list[tuple[int, str, str, str]]:
        """Return a page of what was not taken: number, place, reason and detail, in source order."""
        if self._format < FORMAT_WITH_COLUMNS:
            return []
        return self._db.execute(
            "SELECT id, place, reason, detail FROM skipped WHERE id > ? ORDER BY id LIMIT ?", (after, limit)
        ).fetchall()

    def base_url(self) -> str | None:
        """Return the server that the run asks, where it names one."""
        row = self._db.execute("SELECT base_url FROM run").fetchone()
        return row[0] if row else None

    def lane(self) -> LaneChoice:
        """Return how the run is to ask."""
        return lane_of(self._db)

    def batches_took_s(self) -> float | None:
        """Return how long batches took at the server so far: the median; None where none was done."""
        if self._format < FORMAT_WITH_BATCHES:
            return None
        return batches_took_s(self._db)

    def pending_texts(self) -> tuple[int, float]:
        """Return texts that are left to ask about, and their mean length in characters."""
        dedupe = self._db.execute("SELECT dedupe FROM run").fetchone()[0]
        return pending_texts(self._db, dedupe=bool(dedupe))

    def distinct_texts(self) -> int:
        """Return how many different texts the run's emails hold."""
        return distinct_texts(self._db)

    def outcomes_of_key(self, alias: str) -> dict[str, int]:
        """Return how the newest calls with that key ended."""
        return outcomes_of_key(self._db, alias)

    def command(self, command_id: str) -> CommandRecord | None:
        """Return what became of one command, or None while no worker has answered it."""
        return answer_to(self._db, command_id)

    # -- emails -------------------------------------------------------------------------------------------------------

    def count(self, state: str | None = None) -> int:
        """Return how many emails are in that state, or all; ``human``: those labeled by a person, pending or not."""
        if state is None:
            return sum(group(all_totals(self._db), "state").values())
        if state != HUMAN:
            return total(self._db, f"state:{EmailState(state).value}")
        waiting = "SELECT count(*) FROM email WHERE state = 'pending' AND label_source = 'human'"
        return total(self._db, "source:human") + int(self._db.execute(waiting).fetchone()[0])

    def asked_in_version(self) -> int:
        """Return how many texts got a label of the model in the active version of the task, or failed."""
        return asked_in_version(self._db)

    def emails(self, *, state: str | None = None, offset: int = 0, limit: int = 100) -> list[EmailRow]:
        """Return a page of emails in work order.

        Without ``state`` the offset is a place in that order, so that any page of any run costs the same.
        """
        return self._emails.page(state, offset, limit)

    def rows(self, ids: Sequence[int]) -> list[EmailRow]:
        """Return the emails with these numbers (at most some hundreds), in the order that was given."""
        return self._emails.these(ids)

    def failures(self) -> list[tuple[str, int]]:
        """Return reasons of failure and how many emails each has, the most frequent first."""
        return self._emails.failures()

    def find(self, source_id: str) -> int | None:
        """Return the number of the email with that id in its source, or None."""
        return self._emails.find(source_id)

    def record(self, email_id: int) -> EmailRecord:
        """Return everything about one email.

        Raises:
            RunFileError: no email has that number.
        """
        return self._emails.record(email_id)

    def messages(self, *, page: int = 500) -> Iterator[SourceEmail]:
        """Yield every email as it came, in source order; read a page at a time."""
        yield from self._emails.messages(page)

    def last_change(self, author: str) -> LastChange | None:
        """Return what this person did last to emails and can take back, or None."""
        return last_change(self._db, author) if self._format >= FORMAT_WITH_NOTES else None

    def export_pages(self, selection: Selection, *, page: int = 250) -> Iterator[Page]:
        """Yield what is exported of the selected items, a page at a time, as columns."""
        exported = ExportReader(self._db, self.task(), names_by_version(self._db), self._format)
        yield from exported.pages(selection, page)

    def export_rows(self, *, page: int = 1000, email_ids: Sequence[int] | None = None) -> Iterator[ExportRow]:
        """Yield every item in source order, or those with these numbers in their order, as it is exported."""
        for columns in self.export_pages(Selection(email_ids=email_ids), page=page):
            yield from map(ExportRow._make, zip(*columns, strict=True))

    def origin(self) -> tuple[str, bool]:
        """Return what the run was made from, and whether its labels are simulated."""
        source, simulated = self._db.execute("SELECT source, simulated FROM run").fetchone()
        return str(source), bool(simulated)

    def reading(self) -> str:
        """Return the columns of its source that a person named, as JSON; empty where none was."""
        if self._format < FORMAT_WITH_READING:
            return ""
        return str(self._db.execute("SELECT coalesce(reading, '') FROM run").fetchone()[0])

    @contextmanager
    def as_of_now(self) -> Iterator[None]:
        """Let every read inside see the file as it is now, also while a worker writes."""
        self._db.execute("BEGIN")
        try:
            yield
        finally:
            self._db.execute("ROLLBACK")
