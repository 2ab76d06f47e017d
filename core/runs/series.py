"""Work on a series: the run files of one large source, ``name.001.db``, ``name.002.db`` …, one after another.

A text belongs to the part that the hash of its content says, so that equal texts meet in one part, and any part is a
random sample of all. Each part is an ordinary run; what is asked of the series' name concerns the part at its turn, and
:func:`merged` sums all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from core.model import RunState, Snapshot
from core.storage.reading.reader import RunReader

PART_TEXTS = 5_000_000
"""A source with more texts becomes a series of parts of at most about so many: some 20 GB each."""

K = TypeVar("K", bound=Hashable)

MOST_PARTS = 999


def its_turn(parts: Sequence[Path], now: float) -> Path:
    """Return the part that a worker has, else the first with anything pending, else the last."""
    pending = []
    for path in parts:
        with RunReader(path) as reader:
            snapshot = reader.snapshot(now)
        if snapshot.worker.alive:
            return path
        if snapshot.pending:
            pending.append(path)
    return pending[0] if pending else parts[-1]


def merged(name: str, parts: Sequence[Snapshot]) -> Snapshot:
    """Return the parts of a series as one snapshot: sums, and the state, worker and places of the part at its turn."""
    alive = [each for each in parts if each.worker.alive]
    pending = [each for each in parts if each.pending]
    turn = (alive or pending or parts[-1:])[0]
    number = parts.index(turn) + 1
    state, reason = turn.state, turn.reason
    if pending and not alive and turn.state in (RunState.NEW, RunState.DONE) and number > 1:
        state, reason = RunState.STOPPED, f"part {number - 1} of {len(parts)} is done; the next is to start"
    elif pending:
        reason = f"part {number} of {len(parts)}{f': {reason}' if reason else ''}"
    before = [each for each in parts[:number] if each is not turn and not each.pending]
    last = turn is parts[-1]
    return replace(
        turn,
        run=replace(turn.run, name=name),
        state=state,
        reason=reason,
        total=sum(each.total for each in parts),
        labeled=sum(each.labeled for each in parts),
        failed=sum(each.failed for each in parts),
        skipped=sum(each.skipped for each in parts),
        pending=sum(each.pending for each in parts),
        cursor=sum(each.cursor for each in before) + turn.cursor,
        labels=_summed(each.labels for each in parts),
        recent_labels=turn.recent_labels,
        sources=_summed(each.sources for each in parts),
        reasks=_summed(each.reasks for each in parts),
        outcomes=_summed(each.outcomes for each in parts),
        attempts=sum(each.attempts for each in parts),
        packed=sum(each.packed for each in parts),
        prompt_tokens=sum(each.prompt_tokens for each in parts),
        completion_tokens=sum(each.completion_tokens for each in parts),
        worked_s=sum(each.worked_s for each in parts),
        flagged=sum(each.flagged for each in parts),
        forecast=turn.forecast if last else None,  # that of one part would be taken for the end of all
        alarms=tuple(f"{each.run.name}: {alarm}" for each in parts for alarm in each.alarms),
        started_at=parts[0].started_at,
        finished_at=parts[-1].finished_at if not pending else None,
    )


def _summed(counts: Iterable[Mapping[K, int]]) -> dict[K, int]:
    """Return the sums by key."""
    total: Counter[K] = Counter()
    for each in counts:
        total.update(each)
    return dict(total)
