"""The process behind it all, and the proof of where it went on from."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from textual.content import Content

from core.model import Resumption, WorkerStatus
from core.text import one_line
from tui.live.view_state import STALE_AFTER_S
from tui.text.numbers import age, clock, join, number, plural
from tui.widgets.panes.pane import Pane, line


@dataclass(frozen=True, slots=True)
class WorkerFacts:
    """``beat_s`` is the age of the last heartbeat, ``up_s`` how long this worker lives; both None where unknown."""

    worker: WorkerStatus
    beat_s: float | None
    up_s: float | None
    resumption: Resumption | None


def worker_facts(worker: WorkerStatus, resumption: Resumption | None, now: float) -> WorkerFacts:
    """What the pane shows, with ages rounded to what can be read."""
    from dataclasses import replace  # noqa: PLC0415  (only here)

    alive = worker.alive
    beat = max(0.0, now - worker.heartbeat_at) if alive and worker.heartbeat_at is not None else None
    up = max(0.0, now - worker.started_at) if alive and worker.started_at is not None else None
    return WorkerFacts(
        replace(worker, heartbeat_at=None) if alive else worker,
        None if beat is None else round(beat, 1) if beat < 10 else float(round(beat)),
        None if up is None else float(int(up)),
        resumption,
    )


def resumed(proof: Resumption, *, short: bool) -> str:
    """The proof of resumption as a sentence."""
    ended = one_line(proof.ended, limit=60)
    if proof.kept == 0 and proof.cursor == 0:
        return f"began at {clock(proof.at)} with nothing settled before"
    if short:
        return join(
            (
                f"resumed at cursor {number(proof.cursor)}",
                f"{number(proof.kept)} kept",
                f"{number(proof.continued)} continued",
                f"≤\u00a0{number(proof.asked_again)}\u00a0again",
                ended,
            )
        )
    return join(
        (
            f"resumed at cursor {number(proof.cursor)}",
            f"{number(proof.kept)} kept",
            f"{plural(proof.continued, 'conversation')} continued",
            f"at most {plural(proof.asked_again, 'call')} asked again",
            ended,
        )
    )


class WorkerPane(Pane):
    NAME = "Worker"
    NUMBER = 8

    def heading(self) -> str:
        facts: WorkerFacts = self.facts
        return f"epoch {number(facts.worker.epoch)}"

    def body(self, width: int, height: int) -> list[Content]:
        facts: WorkerFacts = self.facts
        rows = [_now(facts, width)]
        if facts.resumption is not None:
            full = resumed(facts.resumption, short=False)
            room = max(1, height - 1)
            text = full if len(full) <= (width - 2) * room else resumed(facts.resumption, short=True)
            wrapped = textwrap.wrap(text, width - 2, max_lines=room, placeholder="…") or [""]
            rows += [line((("↻ " if n == 0 else "  ") + part, "$running")) for n, part in enumerate(wrapped)]
        return rows


def _now(facts: WorkerFacts, width: int) -> Content:
    worker = facts.worker
    if not worker.alive:
        last = f" · the last one wrote at {clock(worker.heartbeat_at)}" if worker.heartbeat_at else ""
        return line((f"no worker{last}", "$quiet"))
    stale = facts.beat_s is not None and facts.beat_s > STALE_AFTER_S
    where = f" on {one_line(worker.host, limit=16)}" if worker.host else ""
    beat = "no heartbeat yet" if facts.beat_s is None else f"heartbeat {age(facts.beat_s)} ago"
    up = "" if facts.up_s is None else f" · up {age(facts.up_s)}"
    flight = f"{number(worker.in_flight)} in flight"
    room = width - len(f"pid {worker.pid} · {beat} · {flight}") - (2 if stale else 0)
    if len(where) + len(up) > room:
        where = ""  # first the host gives way, then for how long it has been up
    if len(up) > room:
        up = ""
    return line(
        (f"pid {worker.pid}", "$bright"),
        (where, "$quiet"),
        (" · ", "$quiet"),
        (("! " if stale else "") + beat, "bold $waiting" if stale else "$foreground"),
        (" · ", "$quiet"),
        (flight, "$foreground"),
        (up, "$quiet"),
    )
