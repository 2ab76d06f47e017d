"""Define one question to the model: what is sent, what comes back, and the verdict on it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from core.model.value import value


class AskKind(StrEnum):
    """Name kinds of questions: first, repeated after an unusable answer, or about an email that was labeled before.

    A ``CANARY`` asks about a labeled email again to see whether the answer changed, a ``CONTROL`` asks alone about one
    that was labeled in a pack, a ``PROBE`` finds whether the server is at fault or the texts that it refuses. None of
    them gives a label.
    """

    ASK = "ask"
    REASK = "reask"
    CANARY = "canary"
    CONTROL = "control"
    PROBE = "probe"


class Outcome(StrEnum):
    """Name how one call ended. Only ``ANSWERED`` yields a label.

    ``REFUSED``: the model or a content filter declined to answer, so that the same question is not asked again.
    ``LOST``: the place that made the call was lost, so that the server's answer is unknown.
    """

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
    REFUSED = "refused"
    LOST = "lost"


@value(frozen=True, slots=True)
class ChatMessage:
    """Hold one message of a conversation: ``role`` is system, user or assistant."""

    role: str
    content: str


@value(frozen=True, slots=True)
class Usage:
    """Hold tokens that a call reported. ``cached_tokens`` of the prompt do not count against limits.

    ``estimated``: the server reported none, and these were estimated from the length of the texts.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    estimated: bool = False

    @property
    def counted(self) -> int:
        """Return tokens that count against a quota."""
        return max(0, self.prompt_tokens - self.cached_tokens) + self.completion_tokens


@value(frozen=True, slots=True)
class Reply:
    """Hold what came back with status 200: text, usage and the headers (names in lower case).

    ``refusal`` holds the words with which the model, or a content filter, declined to answer, or nothing. ``logprobs``
    are the answer's tokens, as bytes, each with the logarithm of its probability; nothing where none were reported.
    """

    text: str
    finish_reason: str
    usage: Usage
    request_id: str
    headers: Mapping[str, str]
    refusal: str = ""
    model: str = ""
    system_fingerprint: str = ""
    service_tier: str = ""
    logprobs: tuple[tuple[bytes, float], ...] = ()


@value(frozen=True, slots=True)
class Verdict:
    """Hold the verdict on a raw answer: the accepted ``label``, or why there is none.

    ``reason`` is a sentence for the re-ask and for people; ``outcome`` its class.
    """

    outcome: Outcome
    label: str | None
    reason: str = ""


@value(frozen=True, slots=True)
class PendingEmail:
    """Hold a pending email, with the answers that an interrupted conversation about it already got.

    ``attempts`` counts all calls made for it so far; ``bad_answers`` are the unusable answers since it was last put in
    line, oldest first, as (raw answer, reason). ``alone``: a pack was asked about it in vain, so it is not packed
    again; ``flagged``: its text looks like orders to a model; ``answered``: the model labeled another email with the
    same text, whose label it takes.
    """

    id: int
    position: int
    source_id: str
    subject: str
    text: str
    content_hash: str
    attempts: int = 0
    bad_answers: tuple[tuple[str, str], ...] = ()
    alone: bool = False
    flagged: bool = False
    answered: bool = False


@value(frozen=True, slots=True)
class PackPlace:
    """Hold an email's place in a pack: ``position`` from 1, of ``size`` emails.

    ``answer`` is the whole answer, None where none came; ``pack`` is the pack's number in the run file, or an
    identifier of its own until it has one.
    """

    pack: str
    position: int
    size: int
    answer: str | None = None


@value(frozen=True, slots=True)
class Attempt:
    """Hold one call, as the run file keeps it. ``n`` counts the calls of one email from 1.

    ``label_probability`` is the one that the model gave the label that it answered, where the server reported it.
    ``in_flight`` counts the calls that were out when it was sent, with it, on a server without quotas.
    """

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
    reply_model: str | None = None
    system_fingerprint: str | None = None
    lane: str = "live"
    pack: PackPlace | None = None
    label_probability: float | None = None
    in_flight: int | None = None


@value(frozen=True, slots=True)
class Settled:
    """Hold what settles an email: a label, or a failure with its reason. Exactly one of both is set."""

    email_id: int
    reasks: int
    label: str | None = None
    failure: str | None = None
