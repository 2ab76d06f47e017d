"""Decide of which change of a run a person is notified. Pure: two snapshots in, an occasion out.

What a person did is no occasion: nobody is notified of a manual pause or stop.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.model import RunState, Snapshot
from core.text import one_line, plural_of

BY_HAND = ("paused by ", "stopped by the operator")
"""How the reasons begin of what a person asked for."""

STOPPED_BY = "stopped by "
"""How the reason of a run begins whose worker was asked to stop, by a person or by a signal."""

NO_KEY = "no key can be used"


@dataclass(frozen=True, slots=True)
class Occasion:
    """Hold what to notify of, inert: ``title`` names run and news, ``text`` is a sentence or two."""

    title: str
    text: str


def noticed(before: Snapshot | None, after: Snapshot) -> Occasion | None:
    """Return the occasion that the change from one snapshot of a run to the next is; None for all that can wait."""
    if before is None:
        return None
    name, reason = for_chat(after.run.name, limit=40), for_chat(after.reason, limit=240)
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


def for_chat(text: str, *, limit: int) -> str:
    """Return foreign text on one line in which no chat service finds a mention, a link or a preview.

    Discord, Slack, Telegram, Matrix and Teams act on ``@everyone``, ``<!channel>``, ``<@id>``, ``[text](address)`` and
    bare addresses, whoever wrote them.
    """
    shown = one_line(text, limit=limit).replace("@", "\uff20")
    shown = re.sub(r"<(?=[!#&:a-zA-Z/\uff20])", "\u2039", shown)
    return re.sub(r"(?i)\b([a-z][a-z0-9+.-]*):(?=//|/)|\](?=\()", lambda match: f"{match.group()} ", shown)


def _done(name: str, after: Snapshot) -> Occasion:
    if after.failed:
        return Occasion(
            f"{name} is done, {after.failed:,} failed", f"{after.labeled:,} labeled, {after.failed:,} failed."
        )
    return Occasion(f"{name} is done", f"{after.labeled:,} labeled, none failed.")


def _wants_a_key(snapshot: Snapshot) -> bool:
    return snapshot.state is RunState.WAITING and snapshot.wait is not None and NO_KEY in snapshot.wait.reason


def _left(after: Snapshot) -> str:
    return f"{after.settled:,} of {after.total:,} {plural_of(after.run.task.item)} are settled."
