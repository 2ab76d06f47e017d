"""Reading a run file: snapshots for the console and ``status``, pages of emails, full records. Read-only.

A snapshot is read in one transaction, every result fetched whole before the next, so that a slow screen never pins the
writer's log. While nothing was committed (``PRAGMA data_version``) the last snapshot is handed out again.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from core.errors import RunFileError
from core.model import (
    AskKind,
    Attempt,
    CommandRecord,
    EmailRecord,
    EmailRow,
    EmailState,
    ExportRow,
    Forecast,
    Happening,
    LabelRecord,
    Outcome,
    PacePoint,
    Resumption,
    RunInfo,
    RunState,
    Snapshot,
    Task,
    Wait,
    WorkerStatus,
)
from core.storage.connection import open_reader
from core.storage.lock import is_locked
from core.storage.rows import PACE_SPAN_S, task_from_definition
from core.storage.schema_version import check_format

LATELY = 40
"""Lines of *Lately* in a snapshot."""

RECENT_LABELS = 250
"""How many of the newest model labels the recent distribution looks at."""

PACE_POINTS = 720
"""Slices of the rate in a snapshot: an hour."""

STALE_AFTER_S = 10.0
"""A living worker whose heartbeat is older than this is shown as stale."""

_EMAIL_COLUMNS = "id, position, source_id, subject, sender, date, state, label, label_source, reasks, failure"


class RunReader:
    """The reading end of one run file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db = open_reader(path)
        self._version = -1
        self._last: Snapshot | None = None
        self._tasks: dict[str, Task] = {}
        try:
            check_format(self._db, path)
        except BaseException:
            self._db.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- snapshots ----------------------------------------------------------------------------------------------------

    def snapshot(self, now: float) -> Snapshot:
        """The run at this moment.

        Raises:
            RunFileError: the file cannot be read, or holds no run.
        """
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
        state, reason = snapshot.state, snapshot.reason
        beat = snapshot.worker.heartbeat_at
        locked = is_locked(self.path)
        alive = locked if locked is not None else beat is not None and now - beat <= STALE_AFTER_S
        in_work = state in (RunState.RUNNING, RunState.WAITING, RunState.PAUSED)
        if in_work and not alive:
            state, reason = (
                RunState.STOPPED,
                "the worker ended without a word (killed, or the machine went down)",
            )
        elif in_work and beat is not None and now - beat > STALE_AFTER_S:
            state = RunState.STALE
            reason = f"a worker holds the run, but has not been heard of for {now - beat:.0f} s"
        return replace(snapshot, state=state, reason=reason, taken_at=now, worker=replace(snapshot.worker, alive=alive))

    def _read(self, now: float) -> Snapshot:
        self._db.execute("BEGIN")
        try:
            return self._read_all(now)
        finally:
            self._db.execute("COMMIT")

    def _read_all(self, now: float) -> Snapshot:
        cursor = self._db.execute("SELECT * FROM run")
        if cursor is None:
            raise RunFileError(f"{self.path} holds no run.")
        rows = cursor.fetchall()
        if not rows:
            raise RunFileError(f"{self.path} holds no run: it was never finished. Make it again.")
        run = dict(zip((column[0] for column in cursor.description), rows[0], strict=True))
        totals = dict(self._db.execute("SELECT name, value FROM total WHERE value <> 0").fetchall())
        counts = {state: totals.get(f"state:{state.value}", 0) for state in EmailState}
        task = self._task(run["task_version"])
        labels = {label.value: 0 for label in task.labels} | _group(totals, "label:")
        forecast = json.loads(run["forecast"]) if run["forecast"] else None
        resumption = json.loads(run["resumption"]) if run["resumption"] else None
        return Snapshot(
            run=self._info(run, task),
            state=RunState(run["state"]),
            wanted=run["wanted"],
            reason=run["reason"] or "",
            worker=WorkerStatus(
                pid=run["worker_pid"],
                alive=False,
                heartbeat_at=run["heartbeat_at"],
                started_at=run["worker_started_at"],
                epoch=run["epoch"],
                in_flight=run["in_flight"] or 0,
                host=run["worker_host"] or "",
            ),
            wait=_wait(run),
            total=sum(counts.values()),
            labeled=counts[EmailState.LABELED],
            failed=counts[EmailState.FAILED],
            skipped=counts[EmailState.SKIPPED],
            pending=counts[EmailState.PENDING],
            cursor=run["cursor"],
            labels=labels,
            labels_lately=self._labels_lately(),
            sources=_group(totals, "source:"),
            reasks={int(name): value for name, value in sorted(_group(totals, "reasks:").items())},
            outcomes=_group(totals, "outcome:"),
            attempts=totals.get("attempts", 0),
            prompt_tokens=totals.get("prompt_tokens", 0),
            completion_tokens=totals.get("completion_tokens", 0),
            asking=json.loads(run["asking"] or "{}"),
            pace=self._pace(),
            lately=self._lately(),
            commands=self._commands(),
            resumption=Resumption(**resumption) if resumption else None,
            forecast=Forecast(**forecast) if forecast else None,
            started_at=run["started_at"],
            finished_at=run["finished_at"],
            taken_at=now,
        )

    def _info(self, run: dict[str, Any], task: Task) -> RunInfo:
        return RunInfo(
            name=run["name"],
            path=str(self.path),
            source=run["source"],
            created_at=run["created_at"],
            order=run["work_order"],
            seed=run["seed"],
            dedupe=bool(run["dedupe"]),
            base_url=run["base_url"],
            simulated=bool(run["simulated"]),
            task=task,
        )

    def _task(self, version: str) -> Task:
        if version not in self._tasks:
            row = self._db.execute("SELECT definition FROM task WHERE version = ?", (version,)).fetchone()
            if row is None:
                raise RunFileError(f"{self.path} has lost its task {version}.")
            self._tasks[version] = task_from_definition(row[0])
        return self._tasks[version]

    def task(self) -> Task:
        """The task in force."""
        return self._task(self._db.execute("SELECT task_version FROM run").fetchone()[0])

    def source_digest(self) -> str:
        """The digest of the source that the run was made from."""
        return str(self._db.execute("SELECT source_digest FROM run").fetchone()[0])

    def base_url(self) -> str | None:
        """The server that the run asks, where it names one."""
        row = self._db.execute("SELECT base_url FROM run").fetchone()
        return row[0] if row else None

    def distinct_texts(self) -> int:
        """How many different texts the run's emails hold."""
        return int(self._db.execute("SELECT count(DISTINCT content_hash) FROM email").fetchone()[0])

    def _labels_lately(self) -> dict[str, int]:
        rows = self._db.execute(
            "SELECT value, count(*) FROM (SELECT value FROM label WHERE source = 'model' ORDER BY id DESC LIMIT ?)"
            " GROUP BY value",
            (RECENT_LABELS,),
        ).fetchall()
        return dict(rows)

    def _pace(self) -> tuple[PacePoint, ...]:
        rows = self._db.execute(
            "SELECT at, labeled, failed, calls, waited_s FROM pace ORDER BY at DESC LIMIT ?", (PACE_POINTS,)
        ).fetchall()
        return tuple(
            PacePoint(float(at), float(PACE_SPAN_S), labeled, failed, calls, waited)
            for at, labeled, failed, calls, waited in reversed(rows)
        )

    def _lately(self) -> tuple[Happening, ...]:
        labeled = self._db.execute(
            "SELECT l.at, l.value, e.subject, e.id, e.reasks, a.key_alias, a.latency_s,"
            " a.prompt_tokens + a.completion_tokens FROM (SELECT * FROM label ORDER BY id DESC LIMIT ?) AS l"
            " JOIN email AS e ON e.id = l.email_id LEFT JOIN attempt AS a ON a.id = l.attempt_id"
            " WHERE l.source = 'model' ORDER BY l.id DESC LIMIT ?",
            (8 * LATELY, LATELY),
        ).fetchall()
        happenings = [
            Happening(at, "labeled", subject or "", label, alias or "", latency, tokens, reasks, email_id)
            for at, label, subject, email_id, reasks, alias, latency, tokens in labeled
        ]
        events = self._db.execute(
            "SELECT at, kind, text, email_id, key_alias FROM event ORDER BY id DESC LIMIT ?", (LATELY,)
        ).fetchall()
        happenings += [
            Happening(at, kind, text, key_alias=alias or "", email_id=email_id)
            for at, kind, text, email_id, alias in events
        ]
        happenings.sort(key=lambda happening: happening.at, reverse=True)
        return tuple(happenings[:LATELY])

    def _commands(self) -> tuple[CommandRecord, ...]:
        rows = self._db.execute(
            "SELECT id, kind, argument, requested_at, acknowledged_at, result FROM command ORDER BY rowid DESC LIMIT 20"
        ).fetchall()
        return tuple(CommandRecord(*row) for row in rows)

    def command(self, wish_id: str) -> CommandRecord | None:
        """What became of one wish, or None while no worker has answered it."""
        row = self._db.execute(
            "SELECT id, kind, argument, requested_at, acknowledged_at, result FROM command WHERE id = ?",
            (wish_id,),
        ).fetchone()
        return CommandRecord(*row) if row else None

    # -- emails -------------------------------------------------------------------------------------------------------

    def count(self, state: str | None = None) -> int:
        """Emails in that state (``human`` counts those labeled by a person), or all."""
        if state is None:
            names = "name LIKE 'state:%'"
        elif state == "human":
            names = "name = 'source:human'"
        else:
            names = f"name = 'state:{EmailState(state).value}'"
        return int(self._db.execute(f"SELECT coalesce(sum(value), 0) FROM total WHERE {names}").fetchone()[0])

    def emails(self, *, state: str | None = None, offset: int = 0, limit: int = 100) -> list[EmailRow]:
        """A page of emails in work order."""
        values: tuple[str, ...] = ()
        if state is None:
            where = ""
        elif state == "human":
            where = "WHERE label_source = 'human'"
        else:
            where, values = "WHERE state = ?", (EmailState(state).value,)
        rows = self._db.execute(
            f"SELECT {_EMAIL_COLUMNS} FROM email {where} ORDER BY position LIMIT ? OFFSET ?",
            (*values, limit, offset),
        ).fetchall()
        return [_email_row(row) for row in rows]

    def failures(self) -> list[tuple[str, int]]:
        """Reasons of failure and how many emails each has, the most frequent first."""
        rows = self._db.execute(
            "SELECT failure, count(*) FROM email WHERE state = 'failed' GROUP BY failure ORDER BY 2 DESC, 1"
        ).fetchall()
        return [(failure or "", count) for failure, count in rows]

    def find(self, source_id: str) -> int | None:
        """The number of the email with that id in its source, or None."""
        row = self._db.execute("SELECT id FROM email WHERE source_id = ?", (source_id,)).fetchone()
        return int(row[0]) if row else None

    def record(self, email_id: int) -> EmailRecord:
        """Everything about one email.

        Raises:
            RunFileError: no email has that number.
        """
        row = self._db.execute(f"SELECT {_EMAIL_COLUMNS} FROM email WHERE id = ?", (email_id,)).fetchone()
        if row is None:
            raise RunFileError(f"There is no email number {email_id} in {self.path.stem}.")
        text, raw = self._db.execute("SELECT text, raw FROM body WHERE email_id = ?", (email_id,)).fetchone()
        attempts = self._db.execute(
            "SELECT email_id, n, kind, key_alias, organization, model, task_version, started_at, latency_s, outcome,"
            " raw_answer, error, prompt_tokens, completion_tokens, request_id FROM attempt WHERE email_id = ?"
            " ORDER BY id",
            (email_id,),
        ).fetchall()
        labels = self._db.execute(
            "SELECT value, source, annotator, task_version, blind, note, at FROM label WHERE email_id = ? ORDER BY id",
            (email_id,),
        ).fetchall()
        copies = self._db.execute(
            "SELECT count(*) - 1 FROM email WHERE content_hash = (SELECT content_hash FROM email WHERE id = ?)",
            (email_id,),
        ).fetchone()[0]
        return EmailRecord(
            row=_email_row(row),
            text=text,
            raw=raw,
            attempts=tuple(_attempt(values) for values in attempts),
            labels=tuple(
                LabelRecord(value, source, annotator or "", version or "", bool(blind), note or "", at)
                for value, source, annotator, version, blind, note, at in labels
            ),
            copies=copies,
        )

    def export_rows(self, *, page: int = 1000) -> Iterator[ExportRow]:
        """Every email in source order with the label in force; read a page at a time."""
        task = self.task()
        after = 0
        while True:
            rows = self._db.execute(
                "SELECT e.id, e.source_id, e.label, e.label_source, e.reasks, e.state, e.failure, e.subject,"
                " l.task_version, l.annotator, l.note, l.at, a.model"
                " FROM email AS e LEFT JOIN label AS l ON l.id = (SELECT id FROM label WHERE email_id = e.id"
                " ORDER BY source = 'human' DESC, id DESC LIMIT 1) LEFT JOIN attempt AS a ON a.id = l.attempt_id"
                " WHERE e.id > ? ORDER BY e.id LIMIT ?",
                (after, page),
            ).fetchall()
            if not rows:
                return
            for row in rows:
                yield _export_row(row, task)
            after = rows[-1][0]


def _group(totals: dict[str, int], prefix: str) -> dict[str, int]:
    return {name.removeprefix(prefix): value for name, value in totals.items() if name.startswith(prefix)}


def _wait(run: dict[str, Any]) -> Wait | None:
    if run["state"] != RunState.WAITING.value:
        return None
    return Wait(run["wait_until_at"], run["wait_limit"] or "", run["wait_organization"] or "", run["reason"] or "")


def _email_row(row: tuple[Any, ...]) -> EmailRow:
    number, position, source_id, subject, sender, date, state, label, source, reasks, failure = row
    return EmailRow(
        number,
        position,
        source_id,
        subject or "",
        sender or "",
        date or "",
        EmailState(state),
        label,
        source,
        reasks,
        failure,
    )


def _attempt(values: tuple[Any, ...]) -> Attempt:
    (
        email_id,
        n,
        kind,
        alias,
        organization,
        model,
        version,
        started,
        latency,
        outcome,
        answer,
        error,
        *rest,
    ) = values
    return Attempt(
        email_id,
        n,
        AskKind(kind),
        alias,
        organization,
        model,
        version,
        started,
        latency,
        Outcome(outcome),
        answer,
        error,
        *rest,
    )


def _export_row(row: tuple[Any, ...], task: Task) -> ExportRow:
    _, source_id, label, source, reasks, state, failure, subject, version, annotator, note, at, model = row
    return ExportRow(
        source_id=source_id,
        label=label or "",
        label_name=task.name_of(label) if label else "",
        source=source or "",
        reasks=reasks,
        state=EmailState(state),
        failure=failure or "",
        model=model or "",
        task_version=version or "",
        annotator=(annotator or "") if source == "human" else "",
        note=note or "",
        labeled_at=at,
        subject=subject or "",
    )
