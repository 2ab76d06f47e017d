"""The words that rooms share: values that cross a boundary, frozen, from the standard library alone.

Units stand at the end of a name: ``_s`` seconds, ``_at`` seconds since the epoch (UTC). Percentages are shares in
0..1 unless a name says otherwise. Nothing in here reads a clock, a disk or a network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class EmailState(StrEnum):
    """Where one email stands. Everything but ``PENDING`` is settled."""

    PENDING = "pending"
    LABELED = "labeled"
    FAILED = "failed"
    SKIPPED = "skipped"


class LabelSource(StrEnum):
    """Who gave a label: the model, another email with the same text, or a person.

    A label that its giver took back stays on record as undone; no email has such a one in force.
    """

    MODEL = "model"
    COPY = "copy"
    HUMAN = "human"
    UNDONE = "undone"


class RunState(StrEnum):
    """What a run does, in the words of the console and of ``status --json``."""

    NEW = "new"
    RUNNING = "running"
    PAUSED = "paused"
    WAITING = "waiting"
    STOPPED = "stopped"
    DONE = "done"
    STALE = "stale"


class KeyState(StrEnum):
    """What a key may do now. ``COOLING`` ends within minutes, ``BENCHED`` lasts longer or waits for a probe."""

    READY = "ready"
    IN_USE = "in_use"
    COOLING = "cooling"
    BENCHED = "benched"
    DISABLED = "disabled"
    INVALID = "invalid"

    @property
    def out(self) -> bool:
        """Whether no wait makes the key usable: a person has to act."""
        return self in (KeyState.DISABLED, KeyState.INVALID)


class AskKind(StrEnum):
    """The first question about an email, or a question that repeats it after an unusable answer."""

    ASK = "ask"
    REASK = "reask"


class Outcome(StrEnum):
    """How one call ended. Only ``ANSWERED`` yields a label."""

    ANSWERED = "answered"
    INVALID = "invalid"
    EMPTY = "empty"
    TRUNCATED = "truncated"
    RATE_LIMITED = "rate_limited"
    TOO_LARGE = "too_large"
    UNAUTHORIZED = "unauthorized"
    RESTRICTED = "restricted"
    CAPACITY = "capacity"
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    BAD_REQUEST = "bad_request"
    MODEL_GONE = "model_gone"


class Dimension(StrEnum):
    """A quota's dimension: requests or tokens, for each minute or day."""

    RPM = "RPM"
    RPD = "RPD"
    TPM = "TPM"
    TPD = "TPD"

    @property
    def period_s(self) -> float:
        """Seconds in which a spent bucket refills whole."""
        return 60.0 if self in (Dimension.RPM, Dimension.TPM) else 86_400.0

    @property
    def counts_tokens(self) -> bool:
        """Whether the bucket holds tokens; otherwise it holds requests."""
        return self in (Dimension.TPM, Dimension.TPD)

    @property
    def words(self) -> str:
        """The dimension in words, such as ``tokens per day``."""
        unit = "tokens" if self.counts_tokens else "requests"
        return f"{unit} per {'minute' if self.period_s < 3600 else 'day'}"


@dataclass(frozen=True, slots=True)
class SourceEmail:
    """One message as a source yields it.

    ``source_id`` is unique in its source; ``raw`` is the message as it came (RFC 822 text, or any plain text);
    ``place`` says where it was found, for error messages (``row 17``).
    """

    source_id: str
    raw: str
    place: str


@dataclass(frozen=True, slots=True)
class View:
    """What is kept and sent of one message.

    ``text`` is what the model sees, truncated; ``content_hash`` is the SHA-256 of ``text`` (hex), so that equal hashes
    mean equal questions. Header fields are decoded for display and hold no lone surrogates. ``flags`` names what a
    person should know of the text (see ``core.quality.injection``), separated by spaces.
    """

    subject: str
    sender: str
    date: str
    text: str
    content_hash: str
    truncated: bool
    flags: str = ""


@dataclass(frozen=True, slots=True)
class LabelMeaning:
    """One allowed answer (``value``, exactly as the model must write it), its short ``name`` and its ``meaning``."""

    value: str
    name: str
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """How a question is put to the model."""

    model: str = "openai/gpt-oss-20b"
    temperature: float | None = 0.0
    max_completion_tokens: int = 256
    reasoning_effort: str | None = "low"
    include_reasoning: bool | None = False
    timeout_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Task:
    """A version of what is asked: labels, rubric, what of an email is sent, and the model's settings.

    ``version`` is a hash over everything that can change an answer; it names the task in attempts and labels.
    """

    name: str
    labels: tuple[LabelMeaning, ...]
    rubric: str
    fields: tuple[str, ...] = ("from", "to", "subject", "date", "body")
    truncate_at: int = 6_000
    max_reasks: int = 2
    model: ModelSettings = field(default_factory=ModelSettings)
    version: str = ""

    def name_of(self, value: str) -> str:
        """The short name of a label's value, or the value itself where the task does not know it."""
        return next((label.name for label in self.labels if label.value == value), value)

    def knows(self, value: str) -> bool:
        """Whether it is one of the labels; an older version may have had others."""
        return any(label.value == value for label in self.labels)


@dataclass(frozen=True, slots=True)
class TaskVersion:
    """A version of a run's task and what it did.

    ``since_at`` is when it last came in force, ``by`` who did that (empty where it came with the run). ``labels``
    counts the model's labels (copies included) by value; ``unusable`` of its ``calls`` were answered, but not with a
    label; ``failed`` emails failed by it and are so now. Of ``both`` emails that this version and the one in force
    labeled, ``agreed`` have the same value.
    """

    task: Task
    since_at: float
    by: str
    in_force: bool
    labels: Mapping[str, int]
    by_people: int
    calls: int
    unusable: int
    failed: int
    both: int
    agreed: int

    @property
    def labeled(self) -> int:
        """Labels of the model by this version."""
        return sum(self.labels.values())


@dataclass(frozen=True, slots=True)
class SampledEmail:
    """An email that a version of the task is tried on, with the label that it has now, if any, and who gave that."""

    id: int
    source_id: str
    subject: str
    label: str | None
    label_source: str | None


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What trying a task on one email came to; never a label. ``why`` says what went wrong where ``label`` is None."""

    email: SampledEmail
    label: str | None
    answer: str
    why: str
    calls: int
    tokens: int


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of a conversation: ``role`` is system, user or assistant."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that a call reported. ``cached_tokens`` of the prompt do not count against limits."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0

    @property
    def counted(self) -> int:
        """Tokens that count against a quota."""
        return max(0, self.prompt_tokens - self.cached_tokens) + self.completion_tokens


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back with status 200: text, usage and the headers (names in lower case)."""

    text: str
    finish_reason: str
    usage: Usage
    request_id: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Validation's word on a raw answer: the accepted ``label``, or why there is none.

    ``reason`` is a sentence for the re-ask and for people; ``outcome`` its class.
    """

    outcome: Outcome
    label: str | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PendingEmail:
    """An email in line, with the answers that an interrupted conversation about it already got.

    ``attempts`` counts all calls made for it so far; ``bad_answers`` are the unusable answers since it was last put in
    line, oldest first, as (raw answer, reason).
    """

    id: int
    position: int
    source_id: str
    subject: str
    text: str
    content_hash: str
    attempts: int = 0
    bad_answers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call, as the run file keeps it. ``n`` counts the calls of one email from 1."""

    email_id: int
    n: int
    kind: AskKind
    key_alias: str
    organization: str
    model: str
    task_version: str
    started_at: float
    latency_s: float
    outcome: Outcome
    raw_answer: str | None = None
    error: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """An answer that ends an email's wait: a label, or a failure with its reason. Exactly one of both is set."""

    email_id: int
    reasks: int
    label: str | None = None
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """What a run may spend before it pauses itself; None is without a cap.

    ``tokens`` counts prompt and completion tokens of all calls, re-asks included; ``money`` is in US dollars by the
    price table; ``hours`` is time in which a worker was at work.
    """

    tokens: int | None = None
    money: float | None = None
    hours: float | None = None


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """A key as people may see it: never the secret. ``cooldown_s`` is 0 unless it cools or is benched.

    ``limit`` names what it waits for (``TPM``), ``requests``, ``errors_429`` and ``tokens`` count its life
    on this machine. A ``pinned`` key is asked first; the others take what it cannot.
    """

    alias: str
    last4: str
    organization: str
    state: KeyState
    reason: str = ""
    cooldown_s: float = 0.0
    limit: str = ""
    requests: int = 0
    errors_429: int = 0
    tokens: int = 0
    since_at: float | None = None
    organization_known: bool = False
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class KeyTrouble:
    """A call of a key that failed for what the key, its quota or the server is; ``text`` is the server's, inert.

    ``outcome`` is an :class:`Outcome`'s value, ``limit`` the window that was spent (``TPM``), ``wait_s`` the seconds
    that its organization was made to wait, or None where nothing waits.
    """

    at: float
    organization: str
    model: str
    outcome: str
    status: int | None
    limit: str
    wait_s: float | None
    text: str


@dataclass(frozen=True, slots=True)
class KeySpend:
    """What a key spent on one day (UTC, ``2026-11-25``) with one model."""

    day: str
    model: str
    requests: int
    errors_429: int
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class KeyHistory:
    """A key's record: its refusals and errors, newest first, and its spending by day and model, newest first."""

    troubles: tuple[KeyTrouble, ...]
    spent: tuple[KeySpend, ...]


@dataclass(frozen=True, slots=True)
class WindowStatus:
    """One quota window of an (organization, model): ``available`` of ``limit`` units, whole again in ``full_in_s``.

    ``speed`` is how many times faster it refills than its name says: 1 but for servers in fast motion.
    """

    organization: str
    model: str
    dimension: Dimension
    limit: float
    available: float
    full_in_s: float
    source: str = ""
    speed: float = 1.0


@dataclass(frozen=True, slots=True)
class PacePoint:
    """What happened in one slice of time: ``at`` is its start, ``span_s`` its length."""

    at: float
    span_s: float
    labeled: int
    failed: int
    calls: int
    waited_s: float


@dataclass(frozen=True, slots=True)
class Happening:
    """A line of *Lately*: an email that was settled, or an event. ``kind`` is labeled or the event's kind."""

    at: float
    kind: str
    text: str
    label: str = ""
    key_alias: str = ""
    latency_s: float | None = None
    tokens: int | None = None
    reasks: int = 0
    email_id: int | None = None


MOST_IN_A_WISH = 50_000
"""Emails that one wish can name: what a worker can obey between two calls."""


@dataclass(frozen=True, slots=True)
class CommandRecord:
    """A wish and what became of it; ``acknowledged_at`` is None while it waits."""

    id: str
    kind: str
    argument: str
    requested_at: float
    acknowledged_at: float | None
    result: str


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """The run's worker: ``alive`` means that a process holds the run's lock, which is the only proof."""

    pid: int | None
    alive: bool
    heartbeat_at: float | None
    started_at: float | None
    epoch: int
    in_flight: int
    host: str = ""


@dataclass(frozen=True, slots=True)
class Wait:
    """What the worker waits for: until when, for which limit of which organization."""

    until_at: float | None
    limit: str
    organization: str
    reason: str


@dataclass(frozen=True, slots=True)
class Forecast:
    """When the run ends: seconds from the snapshot as an interval, and what binds it (``TPD of org_1``)."""

    eta_s: float | None
    low_s: float | None
    high_s: float | None
    binding_limit: str


@dataclass(frozen=True, slots=True)
class Resumption:
    """Proof of resumption, taken when a worker starts.

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
    """What does not change while a run goes on."""

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
class Snapshot:
    """All that the console and ``status`` show of one run at one moment, read in one transaction."""

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
    labels_lately: Mapping[str, int]
    sources: Mapping[str, int]
    reasks: Mapping[int, int]
    outcomes: Mapping[str, int]
    attempts: int
    prompt_tokens: int
    completion_tokens: int
    asking: Mapping[str, int]
    pace: tuple[PacePoint, ...]
    lately: tuple[Happening, ...]
    commands: tuple[CommandRecord, ...]
    resumption: Resumption | None
    forecast: Forecast | None
    started_at: float | None
    finished_at: float | None
    taken_at: float
    budget: Budget = Budget()
    worked_s: float = 0.0
    flagged: int = 0

    @property
    def settled(self) -> int:
        """Emails that wait for nothing more."""
        return self.labeled + self.failed + self.skipped

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens of all calls."""
        return self.prompt_tokens + self.completion_tokens

    @property
    def heartbeat_age_s(self) -> float | None:
        """Seconds since the worker last wrote, or None where none ever did."""
        beat = self.worker.heartbeat_at
        return None if beat is None else max(0.0, self.taken_at - beat)


@dataclass(frozen=True, slots=True)
class EmailRow:
    """An email in a list: no body. ``flags`` names what a person should know of its text, separated by spaces."""

    id: int
    position: int
    source_id: str
    subject: str
    sender: str
    date: str
    state: EmailState
    label: str | None
    label_source: str | None
    reasks: int
    failure: str | None
    flags: str = ""


@dataclass(frozen=True, slots=True)
class LabelRecord:
    """One label ever given to an email."""

    value: str
    source: str
    annotator: str
    task_version: str
    blind: bool
    note: str
    at: float


@dataclass(frozen=True, slots=True)
class NoteRecord:
    """A person's note on an email."""

    text: str
    author: str
    at: float


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that a person did to ``count`` emails at once and can undo: ``what`` names it, such as a retry."""

    batch: int
    kind: str
    what: str
    at: float
    count: int


@dataclass(frozen=True, slots=True)
class EmailRecord:
    """The full record of one email: what was sent, each attempt, each label, each note."""

    row: EmailRow
    text: str
    raw: str
    attempts: tuple[Attempt, ...]
    labels: tuple[LabelRecord, ...]
    copies: int
    notes: tuple[NoteRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class ExportRow:
    """One email's result as it is exported. ``label`` is empty while there is none, ``source`` says who gave it.

    ``note`` joins what people noted: with the label in force, then on the email.
    ``labeled_at`` is when the label in force was given, in seconds since the epoch, or None without one.
    """

    source_id: str
    label: str
    label_name: str
    source: str
    reasks: int
    state: EmailState
    failure: str
    model: str
    task_version: str
    annotator: str = ""
    note: str = ""
    labeled_at: float | None = None
    subject: str = ""
    flags: str = ""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run in the list of runs; ``error`` is set where its file cannot be read.

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
