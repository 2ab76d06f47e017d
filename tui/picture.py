"""What the console knows at one moment, and what it says about it: state word, sentence, age of the data. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.model import CommandRecord, KeyState, KeyStatus, RunState, RunSummary, Snapshot, WindowStatus
from core.text import one_line
from tui.keymap import key, keyed
from tui.present import age, clock, countdown, interval, join, moment, number, plural, rate, share

STALE_AFTER_S = 5.0
"""Data older than this no longer counts as what happens now."""

GIVEN_UP_AFTER_S = 2.0
"""How long a wish to a worker is shown as requested after that worker went away."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One reading: the run's snapshot, the operator's keys and quota windows, and the list of runs where it is shown.

    ``read_at`` is when facts were last read without trouble; ``trouble`` is the sentence of the reading that failed
    since; ``took_s`` is what reading cost.
    """

    now: float
    path: Path | None = None
    snapshot: Snapshot | None = None
    keys: tuple[KeyStatus, ...] = ()
    windows: tuple[WindowStatus, ...] = ()
    runs: tuple[RunSummary, ...] | None = None
    trouble: str = ""
    keys_trouble: str = ""
    read_at: float | None = None
    took_s: float = 0.0

    @property
    def shown_keys(self) -> tuple[KeyStatus, ...]:
        """The keys as this run uses them: a ready key with a call in flight is in use."""
        asking = self.snapshot.asking if self.snapshot else {}
        return tuple(
            _asking(key) if asking.get(key.alias) and key.state is KeyState.READY else key for key in self.keys
        )


def _asking(key: KeyStatus) -> KeyStatus:
    from dataclasses import replace  # noqa: PLC0415  (only here)

    return replace(key, state=KeyState.IN_USE)


@dataclass(frozen=True, slots=True)
class Requested:
    """A wish of this console that nobody acknowledged yet. ``id`` is None where the wish leaves no record.

    ``what`` names it with its emails, for people; it is empty where the state line shows it.
    """

    kind: str
    asked_at: float
    id: str | None = None
    what: str = ""


def outstanding(requested: tuple[Requested, ...], snapshot: Snapshot | None, now: float) -> tuple[Requested, ...]:
    """The wishes that still wait, after this snapshot."""
    if snapshot is None:
        return requested
    obeyed = {command.id for command in snapshot.commands if command.acknowledged_at is not None}
    alive = snapshot.worker.alive

    def waits(wish: Requested) -> bool:
        if wish.id is None:  # it is still being sent
            return True
        return wish.id not in obeyed and (alive or now - wish.asked_at < GIVEN_UP_AFTER_S)

    return tuple(wish for wish in requested if waits(wish))


def pending_kinds(snapshot: Snapshot | None, requested: tuple[Requested, ...]) -> dict[str, float]:
    """Kinds of wishes that wait for their acknowledgment, with the moment of the oldest one."""
    kinds: dict[str, float] = {}
    for wish in requested:
        kinds[wish.kind] = min(wish.asked_at, kinds.get(wish.kind, wish.asked_at))
    if snapshot is not None and snapshot.worker.alive:
        for command in snapshot.commands:
            if command.acknowledged_at is None:
                at = command.requested_at
                kinds[command.kind] = min(at, kinds.get(command.kind, at))
    return kinds


def data_age(picture: Picture, now: float) -> float | None:
    """Seconds since the facts on the screen were true: since they were read, or since a living worker last wrote."""
    if picture.read_at is None:
        return None
    read_age = max(0.0, now - picture.read_at)
    snapshot = picture.snapshot
    if snapshot is None or not snapshot.worker.alive or snapshot.worker.heartbeat_at is None:
        return read_age
    return max(read_age, now - snapshot.worker.heartbeat_at)


@dataclass(frozen=True, slots=True)
class Standing:
    """The state line: a word with its glyph and tone (a color by meaning), and the sentence beside it."""

    word: str
    glyph: str
    tone: str
    sentence: str


GLYPHS = {
    RunState.NEW: ("○", "quiet"),
    RunState.RUNNING: ("▶", "running"),
    RunState.WAITING: ("◌", "waiting"),
    RunState.PAUSED: ("‖", "cooling"),
    RunState.STOPPED: ("■", "quiet"),
    RunState.STALE: ("!", "failed"),
    RunState.DONE: ("✓", "running"),
}
"""A glyph and a tone for each state, so that none is told by color alone."""


def ends(snapshot: Snapshot, now: float) -> str:
    """When the run ends and what binds it: ``ends 03:48 – 03:55 · TPM of org_b binds``."""
    forecast = snapshot.forecast
    if forecast is None:
        return ""
    bound = f"{one_line(forecast.binding_limit, limit=40)} binds" if forecast.binding_limit else ""
    if forecast.eta_s is None and (forecast.low_s is None or forecast.high_s is None):
        return bound
    low = forecast.low_s if forecast.low_s is not None else forecast.eta_s
    high = forecast.high_s if forecast.high_s is not None else forecast.eta_s
    assert low is not None
    assert high is not None
    when = interval(snapshot.taken_at + low, snapshot.taken_at + high, now)
    return join((f"ends {when}", bound))


def standing(picture: Picture, requested: tuple[Requested, ...], now: float) -> Standing:
    """What the state line says. It tells what is, and a wish only as a wish."""
    snapshot = picture.snapshot
    if picture.trouble:
        behind = f" · what you see is {age(now - picture.read_at)} old" if picture.read_at is not None else ""
        return Standing("CANNOT READ", "!", "failed", one_line(picture.trouble, limit=300) + behind)
    if snapshot is None:
        return Standing("READING", "·", "quiet", "reading the run file")
    kinds = pending_kinds(snapshot, requested)
    for kind in ("stop", "pause", "resume", "start", "swap"):
        if kind in kinds:
            return _asked(kind, kinds[kind], snapshot, now)
    beat = snapshot.worker.heartbeat_at
    if snapshot.worker.alive and beat is not None and now - beat > STALE_AFTER_S:
        return _stale(snapshot, now - beat)
    return _plain(picture, snapshot, now)


def _asked(kind: str, asked_at: float, snapshot: Snapshot, now: float) -> Standing:
    since = f"asked {age(now - asked_at)} ago"
    flight = snapshot.worker.in_flight
    calls = f"{plural(flight, 'call')} in flight will be finished first" if flight else "nothing in flight"
    if kind == "stop" and flight:
        calls += f" · {key('stop')} again cuts them off"
    follow = {
        "start": "the worker is being started",
        "resume": "",
        "swap": "the key in use goes out, the next one is asked first",
    }.get(kind, calls)
    return Standing(f"{kind.upper()} REQUESTED", "◔", "waiting", join((since, follow)))


def _stale(snapshot: Snapshot, silent_s: float) -> Standing:
    pid = snapshot.worker.pid
    who = f"the worker (pid {pid})" if pid else "a worker"
    return Standing(
        "STALE",
        *GLYPHS[RunState.STALE],
        f"{who} holds the run but has not written for {countdown(silent_s)} · {key('stop')} asks it to stop"
        " · its log lies beside the run file",
    )


def _plain(picture: Picture, snapshot: Snapshot, now: float) -> Standing:
    state = snapshot.state
    glyph, tone = GLYPHS[state]
    word = state.value.upper()
    if state is RunState.PAUSED and snapshot.worker.alive and snapshot.worker.in_flight:
        return Standing(
            "PAUSING", "◑", "waiting", f"obeyed · {plural(snapshot.worker.in_flight, 'call')} still in flight"
        )
    say = {
        RunState.NEW: _new,
        RunState.RUNNING: _running,
        RunState.WAITING: _waiting,
        RunState.PAUSED: _paused,
        RunState.STOPPED: _stopped,
        RunState.DONE: _done,
    }.get(state)
    sentence = say(picture, snapshot, now) if say else one_line(snapshot.reason, limit=200)
    return Standing(word, glyph, tone, sentence)


def _new(_: Picture, snapshot: Snapshot, now: float) -> str:
    return join((f"{key('start')} starts it · {plural(snapshot.pending, 'email')} to ask", ends(snapshot, now)))


def _running(picture: Picture, snapshot: Snapshot, now: float) -> str:
    keys = picture.shown_keys
    asking = sum(1 for key in keys if key.state is KeyState.IN_USE)
    cooling = sum(1 for key in keys if key.state in (KeyState.COOLING, KeyState.BENCHED))
    return join(
        (
            one_line(snapshot.reason, limit=60),
            f"{number(rate(snapshot.pace, now).now)} labels/min",
            f"{asking} asking" + (f", {cooling} cooling" if cooling else "") if asking or cooling else "",
            ends(snapshot, now),
        )
    )


def _waiting(_: Picture, snapshot: Snapshot, now: float) -> str:
    wait = snapshot.wait
    if wait is None:
        return join((one_line(snapshot.reason, limit=120), ends(snapshot, now)))
    until = f"{countdown(wait.until_at - now)} until {clock(wait.until_at)}" if wait.until_at is not None else ""
    if wait.limit:  # a quota; what else is waited for is told by its reason
        what = join((one_line(wait.limit, limit=12), one_line(wait.organization, limit=24)), " of ")
        return join((f"{until} for {what}".lstrip(), ends(snapshot, now)))
    return join((until, one_line(wait.reason, limit=160) or one_line(wait.organization, limit=24), ends(snapshot, now)))


def last_command(snapshot: Snapshot, kind: str) -> CommandRecord | None:
    """The newest obeyed wish of that kind."""
    obeyed = [c for c in snapshot.commands if c.kind == kind and c.acknowledged_at is not None]
    return max(obeyed, key=lambda c: c.acknowledged_at or 0.0, default=None)


def _paused(_: Picture, snapshot: Snapshot, __: float) -> str:
    by_itself = bool(snapshot.reason) and not snapshot.reason.startswith("paused by")
    wish = None if by_itself else last_command(snapshot, "pause")
    since = f"since {clock(wish.acknowledged_at)}" if wish and wish.acknowledged_at else ""
    how = keyed("{pause} resumes" if snapshot.worker.alive else "no worker · {start} starts it again")
    return join((since, one_line(snapshot.reason, limit=160), "nothing in flight", how))


def _stopped(_: Picture, snapshot: Snapshot, now: float) -> str:
    beat = snapshot.worker.heartbeat_at
    last = f"since {moment(beat, now)}" if beat is not None else ""
    kept = f"{number(snapshot.settled)} kept, {number(snapshot.pending)} to ask"
    return join((keyed("{start} starts it again"), kept, last, one_line(snapshot.reason, limit=120)))


def _done(_: Picture, snapshot: Snapshot, __: float) -> str:
    failed = (
        f"{number(snapshot.failed)} failed ({key('emails')} shows {'it' if snapshot.failed == 1 else 'them'})"
        if snapshot.failed
        else "none failed"
    )
    labels = [
        f"{one_line(snapshot.run.task.name_of(value), limit=12)} {share(count, snapshot.labeled)} %"
        for value, count in sorted(snapshot.labels.items(), key=lambda item: -item[1])[:1]
    ]
    export = f"labeltui export {one_line(snapshot.run.name, limit=24)} labels.csv"
    return join((f"{number(snapshot.labeled)} labeled", failed, *labels, export))
