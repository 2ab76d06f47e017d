"""Which change of a run deserves that a person is told. Pure: two snapshots in, an occasion out.

What a person did is no news to them: a pause or a stop by hand tells nobody.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.model import RunState, Snapshot
from core.text import one_line

BY_HAND = ("paused by ", "stopped by the operator")
"""How the reasons begin of what a person asked for."""

NO_KEY = "no key can be used"


@dataclass(frozen=True, slots=True)
class Occasion:
    """What to tell, inert: ``title`` names run and news, ``text`` is a sentence or two."""

    title: str
    text: str


def noticed(before: Snapshot | None, after: Snapshot) -> Occasion | None:
    """The occasion that the change from one snapshot of a run to the next is; None for all that can wait."""
    if before is None:
        return None
    name, reason = one_line(after.run.name, limit=40), one_line(after.reason, limit=240)
    stopped = after.state is RunState.STOPPED and after.wanted == "stop"
    by_hand = stopped or not reason or reason.startswith(BY_HAND)
    told = {
        RunState.DONE: _done(name, after),
        RunState.PAUSED: None if by_hand else Occasion(f"{name} paused itself", f"{reason}. {_left(after)}"),
        RunState.STOPPED: None if by_hand else Occasion(f"{name} stopped", f"{reason}. {_left(after)}"),
        RunState.STALE: Occasion(f"{name} hangs", f"{reason}. `labeltui stop {name} --force` ends the worker."),
    }
    if after.state is not before.state and after.state in told:
        return told[after.state]
    if _wants_a_key(after) and not _wants_a_key(before):
        return Occasion(f"{name} needs a key", f"{reason}. {_left(after)}")
    return None


def _done(name: str, after: Snapshot) -> Occasion:
    if after.failed:
        return Occasion(
            f"{name} is done, {after.failed:,} failed", f"{after.labeled:,} labeled, {after.failed:,} failed."
        )
    return Occasion(f"{name} is done", f"{after.labeled:,} labeled, none failed.")


def _wants_a_key(snapshot: Snapshot) -> bool:
    return snapshot.state is RunState.WAITING and snapshot.wait is not None and NO_KEY in snapshot.wait.reason


def _left(after: Snapshot) -> str:
    return f"{after.settled:,} of {after.total:,} emails are settled."
