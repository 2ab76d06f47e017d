"""Format the state of a run as a word and a sentence, and the message that is printed on leaving. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from core.model import CommandRecord, KeyState, RunState, Snapshot
from core.settings import Settings
from core.text import one_line
from tui.actions.keymap import key, keyed
from tui.text.clauses import Clause, whole
from tui.text.numbers import age, clock, countdown, end_of, join, moment, number, percent, plural
from tui.text.rates import rate
from tui.view_state import STALE_AFTER_S, Requested, ViewState, pending_kinds


@dataclass(frozen=True, slots=True)
class StateSentence:
    """Hold a state word with its glyph and tone (a color by meaning), and the sentence beside it, in clauses."""

    word: str
    glyph: str
    tone: str
    said: str | tuple[Clause, ...]

    @property
    def clauses(self) -> tuple[Clause, ...]:
        """Return the sentence in parts."""
        return (Clause(self.said),) if isinstance(self.said, str) else self.said

    @property
    def sentence(self) -> str:
        """Return the whole sentence."""
        return whole(self.clauses)


GLYPHS = {
    RunState.NEW: ("○", "quiet"),
    RunState.RUNNING: ("▶", "running"),
    RunState.WAITING: ("◌", "waiting"),
    RunState.PAUSED: ("‖", "cooling"),
    RunState.STOPPED: ("■", "quiet"),
    RunState.STALE: ("!", "failed"),
    RunState.DONE: ("✓", "running"),
}
"""A glyph and a tone for each state, so that no state is shown by color alone."""


def ends(snapshot: Snapshot, now: float) -> tuple[Clause, ...]:
    """Return when the run ends and what limits it: ``ends 03:48 – 03:55 · limited by TPM of org_b``."""
    forecast = snapshot.forecast
    if forecast is None:
        return ()
    limit = one_line(forecast.binding_limit, limit=60)
    when = end_of(forecast, snapshot.taken_at, now)
    if not when:
        return (Clause(limit),)  # the reason why there is no forecast
    return (Clause(f"ends {when}", ("",), rank=1), *_limited_by(limit))


def _limited_by(limit: str) -> tuple[Clause, ...]:
    """Return the limit that decides the end, shorter where columns are few: ``limited by RPM (3 organizations)``."""
    if not limit:
        return ()
    if limit == "the server's speed":
        return (Clause("limited by server latency", ("",), rank=3),)
    named, _, more = limit.partition(": ")
    bare, _, whose = named.partition(" of ")
    if whose.endswith(" organizations"):
        named = f"{bare} ({whose})"
    full = f"{named}: {more}" if more else named
    return (Clause(f"limited by {full}", (f"limited by {named}", f"limited by {bare}", ""), rank=3),)


def state_sentence(view_state: ViewState, requested: tuple[Requested, ...], now: float) -> StateSentence:
    """Return the state line. A command that is not handled yet is shown as requested, never as done."""
    snapshot = view_state.snapshot
    if view_state.trouble:
        why = one_line(view_state.trouble, limit=300)
        if view_state.read_at is not None:
            why = f"{why.removesuffix('.')} · the data shown is {age(now - view_state.read_at)} old"
        return StateSentence("CANNOT READ", "!", "failed", why)
    if snapshot is None:
        return StateSentence("READING", "·", "quiet", "reading the run file")
    kinds = pending_kinds(snapshot, requested)
    for kind in ("stop", "pause", "resume", "start", "swap"):
        if kind in kinds:
            return _requested(kind, kinds[kind], snapshot, now)
    silent_s = _silent_s(snapshot, now)
    if silent_s is not None:
        return _stale(snapshot, silent_s)
    return _plain(view_state, snapshot, now)


def _requested(kind: str, requested_at: float, snapshot: Snapshot, now: float) -> StateSentence:
    said = [Clause(f"requested {age(now - requested_at)} ago")]
    flight, silent_s = snapshot.worker.in_flight, _silent_s(snapshot, now)
    if silent_s is not None:
        said.append(Clause(f"the last heartbeat was {countdown(silent_s)} ago"))
        force = f"{key('stop')} kills it" + ("" if kind == "stop" else f" after a {key('stop')} that did not help")
        said.append(Clause(force))
    elif kind == "start":
        said.append(Clause("the worker is being started"))
    elif kind == "swap":
        said.append(Clause("the worker is switching to the next key"))
    elif kind in ("stop", "pause"):
        calls = plural(flight, "call")
        said.append(
            Clause(f"{calls} in flight will finish first", (f"{calls} will finish first",), rank=1)
            if flight
            else Clause("nothing in flight")
        )
        if kind == "stop" and flight:
            said.append(Clause(f"{key('stop')} again cancels them"))
    return StateSentence(f"{kind.upper()} REQUESTED", "◔", "waiting", tuple(said))


def _silent_s(snapshot: Snapshot, now: float) -> float | None:
    """Return seconds since a living worker's last heartbeat where that is too long and nobody knows why; else None."""
    beat = snapshot.worker.heartbeat_at
    silent = snapshot.worker.alive and not snapshot.worker.refused and beat is not None and now - beat > STALE_AFTER_S
    return now - beat if silent and beat is not None else None


def is_silent(snapshot: Snapshot, now: float) -> bool:
    """Return whether a worker holds the run whose last heartbeat is too old."""
    return _silent_s(snapshot, now) is not None


def _stale(snapshot: Snapshot, silent_s: float) -> StateSentence:
    pid = snapshot.worker.pid
    who = f"the worker (pid {pid})" if pid else "a worker"
    return StateSentence(
        "STALE",
        *GLYPHS[RunState.STALE],
        (
            Clause(f"{who} holds the run; last heartbeat {countdown(silent_s)} ago"),
            Clause(f"{key('stop')} stops it, a second {key('stop')} kills it"),
            Clause("its log is beside the run file"),
        ),
    )


def _plain(view_state: ViewState, snapshot: Snapshot, now: float) -> StateSentence:
    state = snapshot.state
    glyph, tone = GLYPHS[state]
    word = state.value.upper()
    if state is RunState.PAUSED and snapshot.worker.alive and snapshot.worker.in_flight:
        return StateSentence(
            "PAUSING", "◑", "waiting", f"handled · {plural(snapshot.worker.in_flight, 'call')} still in flight"
        )
    say = {
        RunState.NEW: _new,
        RunState.RUNNING: _running,
        RunState.WAITING: _waiting,
        RunState.PAUSED: _paused,
        RunState.STOPPED: _stopped,
        RunState.DONE: _done,
    }.get(state)
    return StateSentence(
        word, glyph, tone, say(view_state, snapshot, now) if say else one_line(snapshot.reason, limit=200)
    )


def _new(_: ViewState, snapshot: Snapshot, now: float) -> tuple[Clause, ...]:
    return (
        Clause(f"{key('start')} starts it"),
        Clause(f"{plural(snapshot.pending, snapshot.run.task.item)} pending"),
        *ends(snapshot, now),
    )


def _running(view_state: ViewState, snapshot: Snapshot, now: float) -> tuple[Clause, ...]:
    reason = one_line(snapshot.reason, limit=60)
    if reason and not snapshot.worker.in_flight:  # it prepares, and makes no call yet
        return (Clause(reason), *ends(snapshot, now))
    keys = view_state.shown_keys
    in_use = sum(1 for key in keys if key.state is KeyState.IN_USE)
    cooling = sum(1 for key in keys if key.state in (KeyState.COOLING, KeyState.BENCHED))
    pace = number(rate(snapshot.pace, now).now)
    busy = f"{plural(in_use, 'key')} in use" + (f", {cooling} cooling" if cooling else "") if in_use or cooling else ""
    return (
        Clause(reason),
        Clause(f"{pace} labels/min", (f"{pace}/min",), rank=2),
        Clause(busy, (busy.replace(" keys", "").replace(" key", ""),), rank=4),
        *ends(snapshot, now),
    )


def _waiting(_: ViewState, snapshot: Snapshot, now: float) -> tuple[Clause, ...]:
    wait = snapshot.wait
    if wait is None:
        end = () if snapshot.worker.refused else ends(snapshot, now)
        return (Clause(one_line(snapshot.reason, limit=160)), *end)
    left = countdown(wait.until_at - now) if wait.until_at is not None else ""
    at = f"until {clock(wait.until_at)}" if wait.until_at is not None else ""
    if wait.limit:  # a quota; anything else has its reason
        what = join((one_line(wait.limit, limit=12), one_line(wait.organization, limit=24)), " of ")
        waits = f"{left} for {what}".lstrip()
        return (Clause(f"{waits}, {at}" if at else waits, (waits,), rank=2), *ends(snapshot, now))
    why = one_line(wait.reason, limit=160) or one_line(wait.organization, limit=24)
    return (Clause(f"{left}, {at}" if at else "", (left,), rank=2), Clause(why), *ends(snapshot, now))


def last_command(snapshot: Snapshot, kind: str) -> CommandRecord | None:
    """Return the newest handled command of that kind."""
    handled = [c for c in snapshot.commands if c.kind == kind and c.acknowledged_at is not None]
    return max(handled, key=lambda c: c.acknowledged_at or 0.0, default=None)


def _paused(_: ViewState, snapshot: Snapshot, __: float) -> tuple[Clause, ...]:
    by_itself = bool(snapshot.reason) and not snapshot.reason.startswith("paused by")
    command = None if by_itself else last_command(snapshot, "pause")
    since = f"since {clock(command.acknowledged_at)}" if command and command.acknowledged_at else ""
    how = keyed("{pause} resumes" if snapshot.worker.alive else "no worker · {start} starts it again")
    return (
        Clause(since),
        Clause(one_line(snapshot.reason, limit=160)),
        Clause("nothing in flight", ("",), rank=1),
        Clause(how),
    )


def _stopped(_: ViewState, snapshot: Snapshot, now: float) -> tuple[Clause, ...]:
    beat = snapshot.worker.heartbeat_at
    return (
        Clause(keyed("{start} starts it again"), (keyed("{start} starts it"),), rank=1),
        Clause(f"{number(snapshot.settled)} kept, {number(snapshot.pending)} pending"),
        Clause(f"since {moment(beat, now)}" if beat is not None else ""),
        Clause(one_line(snapshot.reason, limit=120)),
    )


def _done(_: ViewState, snapshot: Snapshot, __: float) -> tuple[Clause, ...]:
    failed = (
        f"{number(snapshot.failed)} failed ({key('emails')} shows {'it' if snapshot.failed == 1 else 'them'})"
        if snapshot.failed
        else "none failed"
    )
    labels = [
        Clause(f"{one_line(snapshot.run.task.name_of(value), limit=12)} {percent(count, snapshot.labeled)}")
        for value, count in sorted(snapshot.labels.items(), key=lambda item: -item[1])[:1]
    ]
    export = f"labeltui export {one_line(snapshot.run.name, limit=24)} labels.csv"
    return (Clause(f"{number(snapshot.labeled)} labeled"), Clause(failed), *labels, Clause(export))


def leave_message(view_state: ViewState, requested: tuple[Requested, ...], settings: Settings) -> str:
    """Return what to print when the console is left: whether a worker runs, and how to come back."""
    snapshot, path = view_state.snapshot, view_state.path
    if snapshot is None or path is None:
        return ""
    demo = path.is_relative_to(settings.demo_dir)
    name = one_line(path.stem)
    run = name if demo or path.parent == settings.runs_dir else one_line(str(path))
    again = "labeltui demo" if demo else f"labeltui open {run}"
    if snapshot.worker.alive:
        return (
            f"The worker of {name} keeps running (pid {snapshot.worker.pid}). `{again}` shows it again;"
            f" `labeltui stop {run}` stops it."
        )
    if any(command.kind == "start" for command in requested):
        return f"A worker of {name} was being started. `{again}` shows it."
    if snapshot.state is RunState.DONE:
        return (
            f"{name} is done: {number(snapshot.labeled)} labeled, {number(snapshot.failed)} failed."
            f" `labeltui export {run} labels.csv` exports the labels."
        )
    left = f"{plural(snapshot.pending, snapshot.run.task.item)} pending"
    return f"No worker runs on {name}; {left}. `{again}`, then {key('start')}, continues."
