"""Hold what the console shows at one moment: the newest reading, pending commands, the age of the data. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.model import KeyState, KeyStatus, RunSummary, Snapshot, WindowStatus

STALE_AFTER_S = 5.0
"""Data older than this no longer counts as what happens now."""

GIVEN_UP_AFTER_S = 2.0
"""How long a command to a worker is shown as requested after that worker went away."""


@dataclass(frozen=True, slots=True)
class ViewState:
    """Hold one reading: the run's snapshot, the operator's keys and quota windows, the list of runs if shown.

    ``read_at`` is when facts were last read without trouble; ``trouble`` is the sentence of the reading that failed
    since.
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

    @property
    def item(self) -> str:
        """Return the noun for what the run labels, *email* before it was read."""
        return self.snapshot.run.task.item if self.snapshot else "email"

    @property
    def shown_keys(self) -> tuple[KeyStatus, ...]:
        """Return the keys as this run uses them: a ready key with a call in flight is in use."""
        asking = self.snapshot.asking if self.snapshot else {}
        return tuple(
            _asking(key) if asking.get(key.alias) and key.state is KeyState.READY else key for key in self.keys
        )


def _asking(key: KeyStatus) -> KeyStatus:
    from dataclasses import replace  # noqa: PLC0415  (only here)

    return replace(key, state=KeyState.IN_USE)


@dataclass(frozen=True, slots=True)
class Requested:
    """Hold a command of this console that nobody acknowledged yet. ``id`` is None where the command leaves no record.

    ``what`` names it with its emails, for people; it is empty where the state line shows it.
    """

    kind: str
    asked_at: float
    id: str | None = None
    what: str = ""


@dataclass(frozen=True, slots=True)
class ScreenData:
    """Hold the newest view state, the commands without a result yet, and the time."""

    view_state: ViewState
    requested: tuple[Requested, ...]
    now: float


def outstanding(requested: tuple[Requested, ...], snapshot: Snapshot | None, now: float) -> tuple[Requested, ...]:
    """Return the commands that still wait, after this snapshot."""
    if snapshot is None:
        return requested
    handled = {command.id for command in snapshot.commands if command.acknowledged_at is not None}
    alive = snapshot.worker.alive

    def waits(command: Requested) -> bool:
        if command.id is None:  # it is still being sent
            return True
        return command.id not in handled and (alive or now - command.asked_at < GIVEN_UP_AFTER_S)

    return tuple(command for command in requested if waits(command))


def pending_kinds(snapshot: Snapshot | None, requested: tuple[Requested, ...]) -> dict[str, float]:
    """Return kinds of commands that wait for their acknowledgment, with the moment of the oldest one."""
    kinds: dict[str, float] = {}
    for sent in requested:
        kinds[sent.kind] = min(sent.asked_at, kinds.get(sent.kind, sent.asked_at))
    if snapshot is not None and snapshot.worker.alive:
        for command in snapshot.commands:
            if command.acknowledged_at is None:
                at = command.requested_at
                kinds[command.kind] = min(at, kinds.get(command.kind, at))
    return kinds


def data_age(view_state: ViewState, now: float) -> float | None:
    """Return seconds since the facts on the screen were true: since they were read, or a living worker last wrote."""
    if view_state.read_at is None:
        return None
    read_age = max(0.0, now - view_state.read_at)
    snapshot = view_state.snapshot
    if snapshot is None or not snapshot.worker.alive or snapshot.worker.heartbeat_at is None:
        return read_age
    return max(read_age, now - snapshot.worker.heartbeat_at)
