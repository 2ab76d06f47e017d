"""Define the task that a run works on, its versions, and the result of trying a draft."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

LARGEST_PACK = 20
"""Emails of a pack at most: of eight models six stayed within two points up to 100 short texts a call (arXiv
2604.03684, its abstract), and DocETL warns above five; the tables of cost show little gain above ten."""
PACK_AUTO = 0
"""The size of packs that the control sample decides."""


@dataclass(frozen=True, slots=True)
class LabelMeaning:
    """Hold one allowed answer: ``value``, exactly as the model must write it, its short ``name``, its ``meaning``."""

    value: str
    name: str
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Hold how a question is put to the model.

    ``schema``: the server is asked to answer with one of the labels and nothing else, by ``response_format``.
    ``logprobs``: the server is asked for the probability of what it answers. ``extra_body`` is a JSON object of
    further fields of the request, as canonical text, or empty.
    """

    model: str = "openai/gpt-oss-20b"
    temperature: float | None = 0.0
    max_completion_tokens: int = 256
    reasoning_effort: str | None = "low"
    include_reasoning: bool | None = False
    timeout_s: float = 60.0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    schema: bool = False
    extra_body: str = ""
    logprobs: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """Hold a version of what is asked: labels, rubric, what of a text is sent, and the model's settings.

    At most ``truncate_at`` characters or tokens (``truncate_by``) are sent, of which ``truncate_tail`` are the text's
    end. ``quoted`` says what becomes of quoted history and signatures: ``keep``, ``mark`` or ``drop``.

    ``version`` is a hash over everything that can change an answer; it names the task in attempts and labels. ``item``
    is the noun for what is labeled (*email*, *review*), in messages and on screens. Not in the hash are the name and
    ``judge``, which says what counts as a label: ``exact`` or ``tolerant``; stored answers can be judged by either; nor
    ``canaries``, the number of emails that are asked again and again to see whether the model changes (0: none).
    ``pack`` is how many emails share a question at most, :data:`PACK_AUTO` where a control sample decides.
    """

    name: str
    labels: tuple[LabelMeaning, ...]
    rubric: str
    fields: tuple[str, ...] = ("from", "to", "subject", "date", "body")
    truncate_at: int = 6_000
    max_reasks: int = 2
    model: ModelSettings = field(default_factory=ModelSettings)
    version: str = ""
    item: str = "email"
    judge: str = "exact"
    canaries: int = 60
    pack: int = 1
    truncate_tail: int = 0
    truncate_by: str = "characters"
    quoted: str = "keep"

    def __hash__(self) -> int:
        """Return the hash of the version, which stands for the rest: of equal tasks it is equal."""
        return hash(self.version)

    def name_of(self, value: str) -> str:
        """Return the short name of a label's value, or the value itself where the task does not know it."""
        return next((label.name for label in self.labels if label.value == value), value)

    def knows(self, value: str) -> bool:
        """Return whether it is one of the labels; an older version may have had others."""
        return any(label.value == value for label in self.labels)

    def sends_otherwise(self, other: Task) -> bool:
        """Return whether it sends another text of each email than the other task does."""
        return self._sending != other._sending

    @property
    def _sending(self) -> tuple[object, ...]:
        return self.fields, self.truncate_at, self.truncate_tail, self.truncate_by, self.quoted


@dataclass(frozen=True, slots=True)
class TaskVersion:
    """Hold a version of a run's task and what it did.

    ``since_at`` is when it was last activated, ``by`` who did that (empty where it came with the run). ``labels``
    counts the model's labels (copies included) by value; ``unusable`` of its ``calls`` were answered, but not with a
    label; ``failed`` emails failed by it and are so now. Of ``both`` emails that this version and the active one
    labeled, ``agreed`` have the same value. All of these are 0 in a version that is not ``counted``.
    """

    task: Task
    since_at: float
    by: str
    active: bool
    labels: Mapping[str, int]
    by_people: int
    calls: int
    unusable: int
    failed: int
    both: int
    agreed: int
    counted: bool = True

    @property
    def labeled(self) -> int:
        """Return labels of the model by this version."""
        return sum(self.labels.values())


@dataclass(frozen=True, slots=True)
class SampledEmail:
    """Hold an email that a version of the task is tried on, with the label that it has now, if any, and who gave that.

    ``opening`` is how its text begins where it has no subject. ``human_label`` is what people said of it blind, and
    ``model_label`` what the model said, where they did.
    """

    id: int
    source_id: str
    subject: str
    label: str | None
    label_source: str | None
    opening: str = ""
    human_label: str | None = None
    model_label: str | None = None


@dataclass(frozen=True, slots=True)
class DryRunResult:
    """Hold the result of trying a task on one email; never a label. ``why`` says what failed if ``label`` is None."""

    email: SampledEmail
    label: str | None
    answer: str
    why: str
    calls: int
    tokens: int
