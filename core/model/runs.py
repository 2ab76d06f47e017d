"""Define a run: its state, what its worker does, what was requested of it, when it ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from core.model.tasks import Task


class RunState(StrEnum):
    """Name what a run does, in the words of the console and of ``status --json``."""

    NEW = "new"
    RUNNING = "running"
    PAUSED = "paused"
    WAITING = "waiting"
    STOPPED = "stopped"
    DONE = "done"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Budget:
    """Hold what a run may spend before it pauses itself; None is without a cap.

    ``tokens`` counts prompt and completion tokens of all calls, re-asks included; ``money`` is in US dollars by the
    price table; ``hours`` is time in which a worker was at work.
    """

    tokens: int | None = None
    money: float | None = None
    hours: float | None = None

    @property
    def words(self) -> str:
        """Return the caps in words: ``1,000,000 tokens, $2.50``, or ``no cap``."""
        caps = []
        if self.tokens is not None:
            caps.append(f"{self.tokens:,} tokens")
        if self.money is not None:
            caps.append(f"${self.money:,.2f}")
        if self.hours is not None:
            caps.append(f"{self.hours:g} hours of work")
        return ", ".join(caps) or "no cap"


@dataclass(frozen=True, slots=True)
class PacePoint:
    """Hold what happened in one slice of time: ``at`` is its start, ``span_s`` its length."""

    at: float
    span_s: float
    labeled: int
    failed: int
    calls: int
    waited_s: float


@dataclass(frozen=True, slots=True)
class Happening:
    """Hold a line of *Recent*: an email that was settled, or an event. ``kind`` is labeled or the event's kind.

    ``text`` is the subject of a labeled email, else what happened; then ``subject`` names the email that it is about.
    """

    at: float
    kind: str
    text: str
    label: str = ""
    key_alias: str = ""
    latency_s: float | None = None
    tokens: int | None = None
    reasks: int = 0
    email_id: int | None = None
    subject: str = ""


LANES = ("live", "flex", "batch", "auto")
"""Ways in which a run may ask: one call for each text, the same in a tier with ten times the limits that may be full,
batches at half the price, or batches until time is short and then the fastest of the others."""


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """Hold how much goes out at once.

    A batch has ``size`` questions (Groq's advice; a server takes 50,000), ``most_open`` of them are at the server at
    once, and ``trial`` texts are asked live first, so that a bad rubric is not bought thousands of times.
    """

    size: int = 1_000
    most_open: int = 8
    trial: int = 100


@dataclass(frozen=True, slots=True)
class LaneChoice:
    """Hold how a run is to ask; ``by_at`` is when it should be done (seconds since the epoch), or None.

    ``size`` and ``most_open`` are those of batches, where a person chose them.
    """

    lane: str = "live"
    by_at: float | None = None
    size: int | None = None
    most_open: int | None = None

    def limits(self, usual: BatchLimits) -> BatchLimits:
        """Return the limits of batches: the chosen ones, else the usual."""
        return replace(usual, size=self.size or usual.size, most_open=self.most_open or usual.most_open)


@dataclass(frozen=True, slots=True)
class LaneSpent:
    """Hold what a run spent in one lane: calls by outcome, and tokens."""

    lane: str
    outcomes: Mapping[str, int]
    prompt_tokens: int
    completion_tokens: int

    @property
    def calls(self) -> int:
        """Return how many calls that are."""
        return sum(self.outcomes.values())


@dataclass(frozen=True, slots=True)
class Parcel:
    """Hold a batch of questions: packed here, sent to a server, gathered when it has ended.

    ``state`` is ``packed``, ``sent``, ``gathering``, ``done`` or ``void``; ``status`` is the server's word.
    ``tried_at`` is when something of it was last sent without a clear reply; ``tokens`` is what it may take, estimated.
    """

    id: int
    nonce: str
    state: str
    key_alias: str
    organization: str
    model: str
    task_version: str
    window: str
    packed_at: float
    tried_at: float | None
    file_id: str | None
    batch_id: str | None
    status: str
    total: int
    completed: int
    failed: int
    tokens: float
    sent_at: float | None
    expires_at: float | None
    polled_at: float | None
    output_file_id: str | None
    error_file_id: str | None
    reason: str

    @property
    def is_open(self) -> bool:
        """Return whether emails of the batch are still waiting for its results."""
        return self.state in ("packed", "sent", "gathering")


MOST_IN_A_COMMAND = 50_000
"""Emails that one command can name: what a worker can handle between two calls."""

MOST_LINES = 50_000
"""Questions in a batch: Groq and OpenAI take no more."""

MOST_BATCHES = 200
"""Batches at a server at once that a person can choose: so many are looked after in one request."""

MOST_EVER = 256
"""Calls at once that a person can choose: a client keeps so many connections."""

REFUSED = "not possible: "
"""How the result of a command begins that was refused."""

UNCHANGED = "nothing was changed"
"""How the result of a command ends that had nothing to do."""


@dataclass(frozen=True, slots=True)
class CommandRecord:
    """Hold a command and what became of it; ``acknowledged_at`` is None while it waits."""

    id: str
    kind: str
    argument: str
    requested_at: float
    acknowledged_at: float | None
    result: str

    @property
    def refused(self) -> bool:
        """Return whether the worker could not do it."""
        return self.result.startswith(REFUSED)


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """Hold the run's worker: ``alive`` means that a process holds the run's lock, which is the only proof.

    ``at_once`` is how many calls may be in flight, where the server's speed or a person decides. ``refused`` is why the
    disk takes nothing from it, so that its heartbeat is old although it lives.
    """

    pid: int | None
    alive: bool
    heartbeat_at: float | None
    started_at: float | None
    epoch: int
    in_flight: int
    host: str = ""
    at_once: int | None = None
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Wait:
    """Hold what the worker waits for: until when, for which limit of which organization."""

    until_at: float | None
    limit: str
    organization: str
    reason: str


@dataclass(frozen=True, slots=True)
class Forecast:
    """Hold when the run ends: seconds from the snapshot as an interval, and what binds it (``TPD of org_1``).

    ``low_s`` is None where only the latest end is known, as that of batches is.
    """

    eta_s: float | None
    low_s: float | None
    high_s: float | None
    binding_limit: str


@dataclass(frozen=True, slots=True)
class Resumption:
    """Hold proof of resumption, taken when a worker starts.

    ``kept`` emails were settled before, ``continued`` have unusable answers that the new worker goes on from,
    ``asked_again`` is the upper bound of calls that were in flight when the last worker ended; ``ended`` says how.
    """

    at: float
    epoch: int
    cursor: int
    kept: int
    continued: int
    asked_again: int
    ended: str


@dataclass(frozen=True, slots=True)
class RunInfo:
    """Hold what does not change while a run goes on."""

    name: str
    path: str
    source: str
    created_at: float
    order: str
    seed: int
    dedupe: bool
    base_url: str | None
    simulated: bool
    task: Task


@dataclass(frozen=True, slots=True)
class PlacesWanted:
    """Hold where a worker's calls are to be made: at so many ``places``, with at most ``width`` calls at once at each.

    ``address`` is that of a Ray cluster's head (host:port), "" for this machine. ``trust_network``: a cluster that asks
    for no token is taken all the same.
    """

    address: str = ""
    places: int = 2
    width: int = 16
    trust_network: bool = False


@dataclass(frozen=True, slots=True)
class PlaceStatus:
    """Hold a place that makes calls: its ``node`` (machine), its ``state`` (starting, ready, lost or refused) and why.

    ``rate_per_min`` are the calls that ended there in the last minute; ``since_at`` is when the state began.
    """

    name: str
    node: str
    state: str
    reason: str
    in_flight: int
    rate_per_min: float
    since_at: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Hold all that the console and ``status`` show of one run at one moment, read in one transaction.

    ``attempts`` are calls by text: ``packed`` of them were in a pack behind its first text.
    """

    run: RunInfo
    state: RunState
    wanted: str
    reason: str
    worker: WorkerStatus
    wait: Wait | None
    total: int
    labeled: int
    failed: int
    skipped: int
    pending: int
    cursor: int
    labels: Mapping[str, int]
    recent_labels: Mapping[str, int]
    sources: Mapping[str, int]
    reasks: Mapping[int, int]
    outcomes: Mapping[str, int]
    attempts: int
    prompt_tokens: int
    completion_tokens: int
    asking: Mapping[str, int]
    pace: tuple[PacePoint, ...]
    recent: tuple[Happening, ...]
    commands: tuple[CommandRecord, ...]
    resumption: Resumption | None
    forecast: Forecast | None
    started_at: float | None
    finished_at: float | None
    taken_at: float
    budget: Budget = Budget()
    concurrency: int | None = None
    worked_s: float = 0.0
    flagged: int = 0
    packed: int = 0
    alarms: tuple[str, ...] = ()
    canaries: tuple[int, int] = (0, 0)
    lane: LaneChoice = LaneChoice()
    parcels: tuple[Parcel, ...] = ()
    lanes: tuple[LaneSpent, ...] = ()
    places: tuple[PlaceStatus, ...] = ()

    @property
    def settled(self) -> int:
        """Return emails that wait for nothing more."""
        return self.labeled + self.failed + self.skipped

    @property
    def calls(self) -> int:
        """Return calls to a server: a pack is one, with an attempt for each of its texts."""
        return self.attempts - self.packed

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens of all calls."""
        return self.prompt_tokens + self.completion_tokens

    @property
    def heartbeat_age_s(self) -> float | None:
        """Return seconds since the worker last wrote, or None where none ever did."""
        beat = self.worker.heartbeat_at
        return None if beat is None else max(0.0, self.taken_at - beat)


@dataclass(frozen=True, slots=True)
class RunSummary:
    """Hold a run in the list of runs; ``error`` is set where its file cannot be read.

    ``rate_per_min`` are labels over the last minute, ``eta_s`` seconds until the end; both only while it is worked on.
    """

    name: str
    path: str
    state: RunState
    total: int
    settled: int
    failed: int
    created_at: float
    changed_at: float
    size_bytes: int
    simulated: bool = False
    error: str = ""
    archived: bool = False
    reason: str = ""
    rate_per_min: float | None = None
    eta_s: float | None = None
