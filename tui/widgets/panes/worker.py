"""Show the worker process, and where it resumed."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len
from textual.content import Content

from core.model import Parcel, Resumption, WorkerStatus
from core.text import one_line
from tui.text.numbers import age, clock, join, number, plural
from tui.text.parts import line
from tui.view_state import STALE_AFTER_S
from tui.widgets.panes.pane import Pane


@dataclass(frozen=True, slots=True)
class WorkerFacts:
    """Hold the age of the last heartbeat and the seconds since the start; both None where unknown."""

    worker: WorkerStatus
    beat_s: float | None
    up_s: float | None
    resumption: Resumption | None
    batches: str = ""


def worker_facts(
    worker: WorkerStatus, resumption: Resumption | None, now: float, parcels: Sequence[Parcel] = ()
) -> WorkerFacts:
    """Return what the pane shows, with ages rounded to what is displayed."""
    alive = worker.alive
    beat = max(0.0, now - worker.heartbeat_at) if alive and worker.heartbeat_at is not None else None
    up = max(0.0, now - worker.started_at) if alive and worker.started_at is not None else None
    return WorkerFacts(
        replace(worker, heartbeat_at=None) if alive else worker,
        None if beat is None else round(beat, 1) if beat < 10 else float(round(beat)),
        None if up is None else float(int(up)),
        resumption,
        batches_line(parcels, now),
    )


def batches_line(parcels: Sequence[Parcel], now: float) -> str:
    """Return how the open batches are, in a line; nothing where there is none."""
    opened = [each for each in parcels if each.is_open]
    if not opened:
        return ""
    done = f"{number(sum(each.completed for each in opened))} of {number(sum(each.total for each in opened))} answered"
    states = dict.fromkeys(one_line(each.status or each.state, limit=20).replace("_", " ") for each in opened)
    ends = [each.expires_at for each in opened if each.expires_at is not None]
    expires = f"expires {clock(min(ends))}" if ends and min(ends) > now else ""
    return join((plural(len(opened), "batch"), ", ".join(states), done, expires))


def resumed(proof: Resumption, *, short: bool) -> str:
    """Return where the worker resumed, as a sentence."""
    ended = one_line(proof.ended, limit=60)
    if proof.kept == 0 and proof.cursor == 0:
        return f"first start at {clock(proof.at)}"
    if short:
        continued, repeated = (
            f"{number(proof.continued)} continued",
            f"≤\u00a0{number(proof.asked_again)}\u00a0repeated",
        )
    else:
        continued = f"{plural(proof.continued, 'conversation')} continued"
        repeated = f"at most {plural(proof.asked_again, 'call')} repeated"
    return join(
        (f"resumed at position {number(proof.cursor)}", f"{number(proof.kept)} kept", continued, repeated, ended)
    )


class WorkerPane(Pane):
    NAME = "Worker"
    NUMBER = 8

    def heading(self) -> str:
        worker = self.facts.worker
        if not worker.alive:
            return "none"
        return join((f"pid {worker.pid}" + (f" on {one_line(worker.host, limit=16)}" if worker.host else ""),))

    def body(self, width: int, height: int) -> list[Content]:
        facts: WorkerFacts = self.facts
        now = _now(facts, brief=height == 1 and facts.resumption is not None)
        if facts.batches:
            if height == 1:
                return [line((facts.batches, "$running"))]
            rest = replace(facts, batches="")
            return [line((facts.batches, "$running")), *self._told(rest, now, width, height - 1)][:height]
        return self._told(facts, now, width, height)

    def _told(self, facts: WorkerFacts, now: Content, width: int, height: int) -> list[Content]:
        if facts.resumption is None:
            return [now]
        full, short = resumed(facts.resumption, short=False), resumed(facts.resumption, short=True)
        if height == 1:
            told = next((text for text in (full, short) if now.cell_length + 3 + cell_len(text) <= width), short)
            return [line(now, (" · ", "$quiet"), (told, "$running"))]
        text = full if len(full) <= (width - 2) * (height - 1) else short
        wrapped = textwrap.wrap(text, width - 2, max_lines=height - 1, placeholder="…") or [""]
        return [now, *(line((("↻ " if n == 0 else "  ") + part, "$running")) for n, part in enumerate(wrapped))]


def _now(facts: WorkerFacts, *, brief: bool) -> Content:
    worker = facts.worker
    if not worker.alive:
        last = f" · last heartbeat {clock(worker.heartbeat_at)}" if worker.heartbeat_at else ""
        return line((f"no worker{last}", "$quiet"))
    stale = facts.beat_s is not None and facts.beat_s > STALE_AFTER_S
    room = f" of {number(worker.at_once)}" if worker.at_once is not None else ""
    beat = "no heartbeat yet" if facts.beat_s is None else f"heartbeat {age(facts.beat_s)} ago"
    return line(
        (("! " if stale else "") + beat, "bold $waiting" if stale else "$foreground"),
        (f" · {number(worker.in_flight)}{room} in flight", "$foreground"),
        ("" if facts.up_s is None or brief else f" · up {age(facts.up_s)}", "$quiet"),
    )
