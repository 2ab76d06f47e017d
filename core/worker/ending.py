"""Waiting for a worker that is ending: it still has the run, but goes on with nothing, whatever is requested of it."""

from __future__ import annotations

import time
from pathlib import Path

from core.errors import RunBusyError
from core.model import RunState, Snapshot
from core.storage.reading.reader import RunReader

_ENDS_WITHIN_S = 15.0
"""The slowest call that is out may take longer."""

_POLL_S = 0.05


def is_ending(snapshot: Snapshot) -> bool:
    """Whether a worker has the run, but is told to end or has written its last word.

    One that has only just taken the run looks the same, until it writes its first word a moment later.
    """
    if not snapshot.worker.alive or snapshot.state is RunState.STALE:
        return False
    return snapshot.wanted == "stop" or snapshot.state in (RunState.DONE, RunState.STOPPED)


def when_ended(run_path: Path, *, wait_s: float = _ENDS_WITHIN_S) -> Snapshot:
    """How the run is, once a worker that is ending has ended.

    Raises:
        RunBusyError: it still has calls out after ``wait_s`` seconds.
    """
    deadline = time.monotonic() + wait_s
    with RunReader(run_path) as reader:
        while is_ending(found := reader.snapshot(time.time())):
            if time.monotonic() > deadline:
                raise RunBusyError(
                    f"The worker of {run_path.stem} is still ending, calls out: {found.worker.in_flight}."
                    " Start it again when it has ended, or cut its calls off with another"
                    f" `labeltui stop {run_path.stem}`."
                )
            time.sleep(_POLL_S)
    return found
