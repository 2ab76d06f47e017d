"""Read what a run's totals say: the line of a run in the list, single totals, and the calls of one key.

Triggers of the run file keep the totals (``state:labeled``, ``outcome:invalid``, ``prompt_tokens`` …) in the
transaction that changes what they count, so that hundreds of runs can be listed cheaply.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
from contextlib import suppress
from pathlib import Path

from core.errors import RunFileError
from core.model import Forecast, RunState, RunSummary
from core.storage.file.lock import companion, is_locked
from core.storage.file.rows import record

STALE_AFTER_S = 10.0
"""A living worker whose heartbeat is older than this is shown as stale."""

SILENT_AFTER_S = 4.0
"""A living worker whose heartbeat is older is looked at more closely: one that cannot write cannot say why either."""

_RATE_OVER_S = 60.0
_TAIL_BYTES = 4_096
_FULL_BYTES = 65_536
"""A disk with less room than this takes no transaction."""
_REFUSED = re.compile(r"(?:the run file cannot be written \(|could not write the heartbeat: )([^\n()]{1,120})")
"""What :mod:`core.worker.commit` and :mod:`core.worker.heartbeat` log once a second while the disk refuses."""


def alive_at(path: Path, beat: float | None, now: float) -> bool:
    """Return whether the run has a worker: its lock is held or, where that is unreadable, its heartbeat is fresh."""
    locked = is_locked(path)
    return locked if locked is not None else beat is not None and now - beat <= STALE_AFTER_S


def refused_by_disk(path: Path, *, alive: bool, beat: float | None, now: float) -> str:
    """Return why the disk takes nothing from the living worker of a run, whose heartbeat stopped; else nothing.

    The run file cannot say so itself. The worker's log says it, as long as it is written; a disk without room or for
    reading only shows it.
    """
    if not alive or beat is None or now - beat <= SILENT_AFTER_S:
        return ""
    with suppress(OSError):
        log = companion(path, ".log")
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()[-2:]
        found = [each for line in lines for each in _REFUSED.findall(line)]
        if found and now - log.stat().st_mtime <= STALE_AFTER_S:
            return str(found[-1])
    if not hasattr(os, "statvfs"):
        return ""
    with suppress(OSError):
        disk = os.statvfs(path)
        if disk.f_flag & os.ST_RDONLY:
            return "the disk is for reading only"
        if disk.f_bavail * disk.f_frsize < _FULL_BYTES:
            return "database or disk is full"
    return ""


def state_shown(
    state: RunState, reason: str, *, alive: bool, beat: float | None, now: float, refused: str = ""
) -> tuple[RunState, str]:
    """Return the state to show for the recorded one, given whether a worker has the run, and the sentence beside it.

    ``refused`` is why the disk takes nothing from the worker: it waits then, and does not hang.
    """
    if state not in (RunState.RUNNING, RunState.WAITING, RunState.PAUSED):
        return state, reason
    if not alive:
        return RunState.STOPPED, "the worker ended without a word (killed, or the machine went down)"
    if refused:
        span = f" for {now - beat:.0f} s" if beat is not None else ""
        return RunState.WAITING, (
            f"the disk has refused the run file{span} ({refused}): see to the disk; answers are kept and tried again"
        )
    if beat is not None and now - beat > STALE_AFTER_S:
        return RunState.STALE, f"a worker holds the run, but its last heartbeat was {now - beat:.0f} s ago"
    return state, reason


def summary_of(db: sqlite3.Connection, path: Path, now: float, *, changed_at: float, size_bytes: int) -> RunSummary:
    """Return the run's line. ``changed_at`` and ``size_bytes`` are those of its files.

    Raises:
        RunFileError: the file holds no run.
    """
    cursor = db.execute(
        "SELECT state, reason, heartbeat_at, created_at, simulated, forecast,"
        " (SELECT sum(labeled) FROM pace WHERE at > ?) AS labeled FROM run",
        (now - _RATE_OVER_S,),
    )
    try:
        run = record(cursor)
    except IndexError:
        raise RunFileError(f"{path} holds no run: it was never finished. Make it again.") from None
    counts = group(all_totals(db), "state")
    beat = run["heartbeat_at"]
    alive = alive_at(path, beat, now)
    refused = refused_by_disk(path, alive=alive, beat=beat, now=now)
    state, reason = state_shown(
        RunState(run["state"]), run["reason"] or "", alive=alive, beat=beat, now=now, refused=refused
    )
    going_on = state in (RunState.RUNNING, RunState.WAITING)
    forecast = Forecast(**json.loads(run["forecast"])) if run["forecast"] and going_on else None
    total = sum(counts.values())
    return RunSummary(
        name=path.stem,
        path=str(path),
        state=state,
        total=total,
        settled=total - counts.get("pending", 0),
        failed=counts.get("failed", 0),
        created_at=run["created_at"],
        changed_at=changed_at,
        size_bytes=size_bytes,
        simulated=bool(run["simulated"]),
        reason=reason,
        rate_per_min=float(run["labeled"] or 0) * 60.0 / _RATE_OVER_S if going_on else None,
        eta_s=forecast.eta_s if forecast is not None else None,
    )


def total(db: sqlite3.Connection, name: str) -> int:
    """Return one total; 0 where nothing was counted yet."""
    row = db.execute("SELECT value FROM total WHERE name = ?", (name,)).fetchone()
    return int(row[0]) if row else 0


def all_totals(db: sqlite3.Connection) -> dict[str, int]:
    """Return every total that is not 0, by name, but for the counts of the model's labels: there may be thousands."""
    rows = db.execute("SELECT name, value FROM total WHERE value <> 0 AND name NOT BETWEEN 'by_model:' AND 'by_model;'")
    return dict(rows.fetchall())


def group(totals: dict[str, int], kind: str) -> dict[str, int]:
    """Return the totals of one kind (``state``, ``label``, ``source``, ``reasks``, ``outcome``) by what follows it."""
    prefix = f"{kind}:"
    return {name.removeprefix(prefix): value for name, value in totals.items() if name.startswith(prefix)}


LOOKED_AT = 50_000
"""The newest calls of a run that are looked at: an old run is not read through for it."""


def outcomes_of_key(db: sqlite3.Connection, alias: str) -> dict[str, int]:
    """Return how many of the newest calls with that key ended in which way, the most frequent first."""
    rows = db.execute(
        "SELECT outcome, count(*) FROM attempt WHERE id > (SELECT coalesce(max(id), 0) FROM attempt) - ?"
        " AND key_alias = ? GROUP BY outcome ORDER BY 2 DESC, 1",
        (LOOKED_AT, alias),
    ).fetchall()
    return dict(rows)


def batches_took_s(db: sqlite3.Connection) -> float | None:
    """Return how long batches took at the server so far: the median; None where none was done."""
    query = "SELECT polled_at - sent_at FROM parcel WHERE state = 'done' AND status = 'completed' ORDER BY 1"
    spans = [row[0] for row in db.execute(query).fetchall() if row[0] is not None]
    return float(spans[len(spans) // 2]) if spans else None
