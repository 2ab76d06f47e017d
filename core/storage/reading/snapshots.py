"""Read one snapshot of a run from its tables. Every result is fetched whole before the next query."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.errors import RunFileError
from core.model import (
    EmailState,
    Forecast,
    Happening,
    LaneSpent,
    PacePoint,
    Parcel,
    PlaceStatus,
    Resumption,
    RunInfo,
    RunState,
    Snapshot,
    Task,
    Wait,
    WorkerStatus,
)
from core.storage.file.rows import (
    PACE_SPAN_S,
    beginning,
    budget_of,
    definition_of,
    opening,
    task_from_definition,
    worked_s,
)
from core.storage.file.schema_version import FORMAT_WITH_PLACES
from core.storage.reading.reviews import alarms_of
from core.storage.reading.run_rows import lane_from, newest_answers, newest_parcels
from core.storage.reading.summaries import all_totals, group

RECENT = 40
"""Lines of *Recent* in a snapshot."""

RECENT_LABELS = 250
"""How many of the newest model labels the recent distribution looks at."""

PACE_POINTS = 720
"""Slices of the rate in a snapshot: an hour."""


class SnapshotReader:
    """Read snapshots over one connection, inside whatever transaction the caller has begun."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._db = connection
        self._path = path
        self._tasks: dict[str, tuple[str, Task]] = {}

    def read(self, now: float) -> Snapshot:
        """Return everything, with ``alive`` false for the worker: the file does not say.

        Raises:
            RunFileError: the file holds no run.
        """
        cursor = self._db.execute("SELECT * FROM run")
        rows = cursor.fetchall()
        if not rows:
            raise RunFileError(f"{self._path} holds no run: it was never finished. Make it again.")
        run = dict(zip((column[0] for column in cursor.description), rows[0], strict=True))
        totals = all_totals(self._db)
        counts = {state: totals.get(f"state:{state.value}", 0) for state in EmailState}
        task = self.task(run["task_version"])
        labels = {label.value: 0 for label in task.labels} | group(totals, "label")
        parcels = tuple(newest_parcels(self._db)) if "lane" in run else ()
        return Snapshot(
            run=self._info(run, task),
            state=RunState(run["state"]),
            wanted=run["wanted"],
            reason=run["reason"] or "",
            worker=_worker(run),
            wait=_wait(run),
            total=sum(counts.values()),
            labeled=counts[EmailState.LABELED],
            failed=counts[EmailState.FAILED],
            skipped=counts[EmailState.SKIPPED],
            pending=counts[EmailState.PENDING],
            cursor=run["cursor"],
            labels=labels,
            recent_labels=self._recent_labels(),
            sources=group(totals, "source"),
            reasks={int(name): value for name, value in sorted(group(totals, "reasks").items())},
            outcomes=group(totals, "outcome"),
            attempts=totals.get("attempts", 0),
            packed=totals.get("packed", 0),
            prompt_tokens=totals.get("prompt_tokens", 0),
            completion_tokens=totals.get("completion_tokens", 0),
            asking=json.loads(run["asking"] or "{}"),
            pace=self._pace(),
            recent=self._recent(),
            commands=newest_answers(self._db),
            resumption=Resumption(**json.loads(run["resumption"])) if run["resumption"] else None,
            forecast=Forecast(**json.loads(run["forecast"])) if run["forecast"] else None,
            started_at=run["started_at"],
            finished_at=run["finished_at"],
            budget=budget_of(run["budget"]),
            concurrency=run.get("concurrency"),
            worked_s=worked_s(self._db),
            flagged=totals.get("flagged", 0),
            alarms=(
                *(f"{row.watch}: {row.sentence}" for row in alarms_of(self._db) if row.state == "raised"),
                *_left_at_the_server(parcels, now),
            ),
            lane=lane_from(run),
            parcels=parcels,
            lanes=_lanes(totals),
            places=self._places(),
            taken_at=now,
            canaries=(totals.get("canary:asked", 0), totals.get("canary:changed", 0)),
        )

    def _places(self) -> tuple[PlaceStatus, ...]:
        if self._db.execute("PRAGMA user_version").fetchone()[0] < FORMAT_WITH_PLACES:
            return ()
        columns = "name, node, state, reason, in_flight, rate_per_min, since_at"
        return tuple(PlaceStatus(*row) for row in self._db.execute(f"SELECT {columns} FROM place ORDER BY name"))

    def _info(self, run: dict[str, Any], task: Task) -> RunInfo:
        return RunInfo(
            name=run["name"],
            path=str(self._path),
            source=run["source"],
            created_at=run["created_at"],
            order=run["work_order"],
            seed=run["seed"],
            dedupe=bool(run["dedupe"]),
            base_url=run["base_url"],
            simulated=bool(run["simulated"]),
            task=task,
        )

    def task(self, version: str) -> Task:
        """Return one version of the task."""
        definition = definition_of(self._db, version, self._path)
        known = self._tasks.get(version)
        if known is None or known[0] != definition:  # a name or a time limit may change without a new version
            self._tasks[version] = known = (definition, task_from_definition(definition))
        return known[1]

    def _recent_labels(self) -> dict[str, int]:
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

    def _recent(self) -> tuple[Happening, ...]:
        labeled = self._db.execute(
            "SELECT l.at, l.value, e.subject, e.id, e.reasks, a.key_alias, a.latency_s,"
            f" a.prompt_tokens + a.completion_tokens, {beginning('e')}"
            " FROM (SELECT * FROM label ORDER BY id DESC LIMIT ?) AS l"
            " JOIN email AS e ON e.id = l.email_id LEFT JOIN attempt AS a ON a.id = l.attempt_id"
            " WHERE l.source = 'model' ORDER BY l.id DESC LIMIT ?",
            (8 * RECENT, RECENT),
        ).fetchall()
        happenings = [
            Happening(at, "labeled", subject or opening(begun), label, alias or "", latency, tokens, reasks, email_id)
            for at, label, subject, email_id, reasks, alias, latency, tokens, begun in labeled
        ]
        events = self._db.execute(
            f"SELECT v.at, v.kind, v.text, v.email_id, v.key_alias, e.subject, {beginning('e')} FROM event AS v"
            " LEFT JOIN email AS e ON e.id = v.email_id ORDER BY v.id DESC LIMIT ?",
            (RECENT,),
        ).fetchall()
        happenings += [
            Happening(at, kind, text, key_alias=alias or "", email_id=email_id, subject=subject or opening(begun))
            for at, kind, text, email_id, alias, subject, begun in events
        ]
        happenings.sort(key=lambda happening: happening.at, reverse=True)
        return tuple(happenings[:RECENT])


def _worker(run: dict[str, Any]) -> WorkerStatus:
    """Return the worker that the run's row names; whether it is alive, the file does not say."""
    return WorkerStatus(
        pid=run["worker_pid"],
        alive=False,
        heartbeat_at=run["heartbeat_at"],
        started_at=run["worker_started_at"],
        epoch=run["epoch"],
        in_flight=run["in_flight"] or 0,
        host=run["worker_host"] or "",
        at_once=run.get("at_once"),
    )


def _wait(run: dict[str, Any]) -> Wait | None:
    if run["state"] != RunState.WAITING.value:
        return None
    return Wait(run["wait_until_at"], run["wait_limit"] or "", run["wait_organization"] or "", run["reason"] or "")


def _lanes(totals: dict[str, int]) -> tuple[LaneSpent, ...]:
    """Return what was spent in each lane that was asked in; what no other lane counts was live."""
    found: dict[str, dict[str, int]] = {}
    for name, value in group(totals, "lane").items():
        lane, _, what = name.partition(":")
        found.setdefault(lane, {})[what] = value
    live = {name: totals.get(name, 0) for name in ("prompt_tokens", "completion_tokens")} | group(totals, "outcome")
    for counts in found.values():
        for what, value in counts.items():
            live[what] = live.get(what, 0) - value
    spent = []
    for lane, counts in {"live": live, **found}.items():
        prompt, completion = counts.pop("prompt_tokens", 0), counts.pop("completion_tokens", 0)
        outcomes = {what: value for what, value in counts.items() if value}
        if outcomes:
            spent.append(LaneSpent(lane, outcomes, prompt, completion))
    return tuple(spent)


OLD_RESULTS_S = 25 * 86_400.0
"""Servers keep results for 30 days; people are warned five days before."""


def _left_at_the_server(parcels: Sequence[Parcel], now: float) -> list[str]:
    """Return an alarm where results of batches were not fetched for so long that the server will drop them soon."""
    old = [each for each in parcels if each.is_open and each.sent_at is not None and now - each.sent_at > OLD_RESULTS_S]
    if not old:
        return []
    left = max(0.0, min(each.sent_at or now for each in old) + 30 * 86_400.0 - now) / 86_400.0
    count = f"{len(old)} batch{' was' if len(old) == 1 else 'es were'}"
    sentence = (
        f"batches: {count} sent 25 days ago or earlier, and the server keeps results for 30: start the run within"
        f" {left:.0f} days to fetch them"
    )
    return [sentence]
