"""Record a worker in the run's row: taking the run over, heartbeats, and how it ended.

Works inside the caller's transaction. Whether the epoch still is the writer's is for the store to look at.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from core.model import Forecast, PlaceStatus, Resumption, RunState, Wait
from core.storage.file.rows import record
from core.storage.reading.pending import continued_emails
from core.storage.reading.summaries import total
from core.storage.writing.settle import add_event, book_pace


@dataclass(frozen=True, slots=True)
class Beat:
    """Hold what the worker is doing now, for people.

    ``at_once`` is how many may be in flight, where the server's speed or a person decides. ``in_flight_bound`` is a
    bound on calls at once that is raised before it is reached; ``waited_s`` the seconds since the last beat in which no
    key was allowed to ask; ``places`` are those that make its calls.
    """

    state: RunState
    reason: str
    wait: Wait | None
    in_flight: int
    in_flight_bound: int
    asking: Mapping[str, int]
    waited_s: float = 0.0
    forecast: Forecast | None = None
    at_once: int | None = None
    places: tuple[PlaceStatus, ...] = ()


def begin(db: sqlite3.Connection, *, task_version: str, now: float, pid: int, host: str) -> Resumption:
    """Take the run over: a new epoch, proof of what was there, and how the last worker ended."""
    row = record(db.execute("SELECT * FROM run"))
    settled = total(db, "state:labeled") + total(db, "state:failed") + total(db, "state:skipped")
    continued = 0 if row["epoch"] == 0 else continued_emails(db, task_version)
    killed = row["state"] in (RunState.RUNNING, RunState.WAITING, RunState.PAUSED)
    resumption = Resumption(
        at=now,
        epoch=row["epoch"] + 1,
        cursor=row["cursor"],
        kept=settled,
        continued=continued,
        asked_again=(row["in_flight_bound"] or 0) if killed else 0,
        ended="" if row["epoch"] == 0 else ("killed" if killed else str(row["reason"] or row["state"])),
    )
    db.execute(
        "UPDATE run SET epoch = epoch + 1, worker_pid = ?, worker_host = ?, worker_started_at = ?,"
        " heartbeat_at = ?, in_flight = 0, in_flight_bound = 0, asking = '{}', state = 'running',"
        " wanted = 'run', reason = 'starting', wait_until_at = NULL, wait_limit = NULL,"
        " wait_organization = NULL, resumption = ?, started_at = coalesce(started_at, ?), finished_at = NULL",
        (pid, host, now, now, json.dumps(asdict(resumption)), now),
    )
    db.execute("DELETE FROM place")
    add_event(db, now, "start", _start_sentence(resumption))
    return resumption


def beat(db: sqlite3.Connection, beat: Beat, *, now: float) -> None:
    """Write the heartbeat and what the worker is doing."""
    wait = beat.wait
    db.execute(
        "UPDATE run SET heartbeat_at = ?, state = ?, reason = ?, in_flight = ?,"
        " in_flight_bound = max(coalesce(in_flight_bound, 0), ?), asking = ?, wait_until_at = ?,"
        " wait_limit = ?, wait_organization = ?, forecast = ?, at_once = ?",
        (
            now,
            beat.state.value,
            beat.reason,
            beat.in_flight,
            beat.in_flight_bound,
            json.dumps(dict(beat.asking)),
            wait.until_at if wait else None,
            wait.limit if wait else None,
            wait.organization if wait else None,
            json.dumps(asdict(beat.forecast)) if beat.forecast else None,
            beat.at_once,
        ),
    )
    db.execute("DELETE FROM place")
    for place in beat.places:
        db.execute(
            "INSERT INTO place(name, node, state, reason, in_flight, rate_per_min, since_at)"
            " VALUES (:name, :node, :state, :reason, :in_flight, :rate_per_min, :since_at)",
            asdict(place),
        )
    if beat.waited_s or beat.in_flight:  # slow calls are work too, also where none of them ends in this slice
        book_pace(db, now, waited_s=beat.waited_s)


def end(db: sqlite3.Connection, state: RunState, reason: str, *, now: float, wanted: str | None) -> None:
    """Record how the worker ended."""
    db.execute(
        "UPDATE run SET state = ?, reason = ?, wanted = coalesce(?, wanted), in_flight = 0, asking = '{}',"
        " wait_until_at = NULL, wait_limit = NULL, wait_organization = NULL, heartbeat_at = ?,"
        " finished_at = CASE WHEN ? = 'done' THEN ? ELSE NULL END",
        (state.value, reason, wanted, now, state.value, now),
    )
    db.execute("DELETE FROM place")
    add_event(db, now, "end", reason or state.value)


def _start_sentence(resumption: Resumption) -> str:
    if resumption.epoch == 1:
        return "first start"
    parts = [f"resumed at cursor {resumption.cursor:,}", f"{resumption.kept:,} kept"]
    if resumption.continued:
        parts.append(f"{resumption.continued} conversations continued")
    if resumption.asked_again:
        parts.append(f"at most {resumption.asked_again} calls asked again")
    parts.append(f"the last worker ended: {resumption.ended}")
    return ", ".join(parts)
