"""Configure a simulator: keys, organizations, limits, faults, latency.

Owns the frozen values that every other module of the simulator reads, the named plans and fault presets, and
the making of invented keys. Standard library only, so that a command line can build its help from it quickly.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Final, Literal

from core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

HeaderMode = Literal["true", "missing", "lying"]
OutageMode = Literal["503", "drop"]

DEFAULT_MODELS: Final = ("openai/gpt-oss-20b", "openai/gpt-oss-120b", "qwen/qwen3.8-27b")
DECOMMISSIONED_MODELS: Final = ("llama3-70b-8192", "llama-3.3-70b-versatile", "llama-3.1-8b-instant")


DIALECTS: Final = (
    "openai", "openrouter", "gemini", "mistral", "azure", "together", "vllm", "llamacpp", "ollama", "lmstudio", "groq",
    "anthropic", "litellm", "cloudflare",
)  # fmt: skip
"""Servers whose way of saying no is known."""


class SimulatorError(UsageError):
    """Report that a simulator cannot be built or started as asked; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Hold quotas of one (organization, model). `None` means unlimited.

    rpm and rpd count requests per minute and per day; tpm and tpd count tokens.
    """

    rpm: int | None = None
    rpd: int | None = None
    tpm: int | None = None
    tpd: int | None = None

    def __post_init__(self) -> None:
        """Refuse limits that would let nothing through. Raises SimulatorError."""
        for window in fields(self):
            limit = getattr(self, window.name)
            if limit is not None and limit < 1:
                message = f"{window.name} must be at least 1 (leave it out for unlimited), not {limit}"
                raise SimulatorError(message)


PLANS: Final[Mapping[str, Limits]] = {
    "unlimited": Limits(),
    "free": Limits(rpm=30, rpd=1_000, tpm=8_000, tpd=200_000),
    "developer": Limits(rpm=1_000, rpd=500_000, tpm=250_000),
    "article": Limits(rpm=30, rpd=14_400, tpm=6_000, tpd=500_000),
}
"""Named limits: Groq's free and developer plans for gpt-oss-20b, and the free plan of the llama3-70b days."""


@dataclass(frozen=True, slots=True)
class OrganizationConfig:
    """Hold one organization: its quota belongs to it and the model, not to its keys.

    `restricted_after` is the number of its calls after which every key of it gets 400
    `organization_restricted` (0: from the start; None: never). `by_model` overrides `limits` for some models.
    """

    name: str
    limits: Limits = field(default_factory=Limits)
    by_model: Mapping[str, Limits] = field(default_factory=dict)
    restricted_after: int | None = None


@dataclass(frozen=True, slots=True)
class Revocation:
    """Hold when a key stops working: after so many of its calls, or so many real seconds after the start."""

    after_calls: int | None = None
    at_s: float | None = None


@dataclass(frozen=True, slots=True)
class Outage:
    """Hold a span of real seconds after the start in which every call fails, by 503 or by a cut connection."""

    start_s: float
    duration_s: float
    mode: OutageMode = "503"


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """Hold rates between 0 and 1. The first group is rolled once per call that the quota let through.

    Per call, at most one of them happens: `invalid` (an answer outside the labels), `length` (empty content,
    the reasoning ate the budget), `rate_limit` (a 429 without cause), `capacity` (498), `error_500`,
    `error_502`, `error_503`, `html` (a 502 with an HTML page), `timeout` (a hang), `drop` (a connection cut in
    mid-body). Per email text, for ever: `poison` (never a valid answer) and `too_large` (413). Per 429 text:
    `odd_429` (`Requested ~N`, no `Used`, or no window name).
    """

    invalid: float = 0.0
    length: float = 0.0
    rate_limit: float = 0.0
    capacity: float = 0.0
    error_500: float = 0.0
    error_502: float = 0.0
    error_503: float = 0.0
    html: float = 0.0
    timeout: float = 0.0
    drop: float = 0.0
    poison: float = 0.0
    too_large: float = 0.0
    odd_429: float = 0.0

    def __post_init__(self) -> None:
        """Refuse rates that are no probabilities. Raises SimulatorError."""
        for kind in fields(self):
            rate = getattr(self, kind.name)
            if not 0.0 <= rate <= 1.0:
                message = f"the rate of {kind.name} must lie between 0 and 1, not {rate}"
                raise SimulatorError(message)
        total = sum(getattr(self, kind) for kind in CALL_FAULTS)
        if total > 1.0:
            message = f"the rates of faults per call add up to {total:.3f}; they may not exceed 1"
            raise SimulatorError(message)


CALL_FAULTS: Final = tuple(
    each.name for each in fields(FaultPlan) if each.name not in {"poison", "too_large", "odd_429"}
)
"""Fault kinds rolled per call, in the order in which they share the unit interval."""

FAULT_PRESETS: Final[Mapping[str, FaultPlan]] = {
    "none": FaultPlan(),
    "mild": FaultPlan(
        invalid=0.03,
        length=0.004,
        capacity=0.003,
        error_500=0.002,
        error_503=0.003,
        timeout=0.0003,
        drop=0.002,
        poison=0.004,
        odd_429=0.1,
    ),
    "harsh": FaultPlan(
        invalid=0.15,
        length=0.03,
        rate_limit=0.01,
        capacity=0.02,
        error_500=0.02,
        error_502=0.01,
        error_503=0.02,
        html=0.01,
        timeout=0.003,
        drop=0.02,
        poison=0.02,
        too_large=0.01,
        odd_429=0.5,
    ),
}


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """Hold how files and batches behave. A batch takes ``seconds``; with ``stall`` every other one takes that long.

    ``expire`` is the share of lines that are not done in time; every ``lose_reply``-th reply to a create is lost;
    listings know of nothing younger than ``list_lag_s``; ``fail`` is *token_limit* (while another batch is open) or
    *validation*; ``plan_403`` refuses all; ``shuffle`` mixes the results; ``empty_object`` writes ``{}`` for no error
    file; ``no_metadata`` drops a batch's metadata; a cancelled batch ends ``cancel_s`` later.
    """

    seconds: float = 60.0
    expire: float = 0.0
    lose_reply: int = 0
    list_lag_s: float = 0.0
    fail: str = ""
    plan_403: bool = False
    shuffle: bool = False
    empty_object: bool = False
    no_metadata: bool = False
    stall: float = 0.0
    cancel_s: float = 0.0


@dataclass(frozen=True, slots=True)
class FlexPlan:
    """Hold how the flex tier behaves: ``at_once`` calls fit in (0: any number); the share ``full`` gets a 498 anyway.

    Its quotas are ten times those of the usual tier. Where it is not ``offered``, asking for it is a 400.
    """

    offered: bool = True
    at_once: int = 0
    full: float = 0.0


@dataclass(frozen=True, slots=True)
class SimulatorConfig:
    """Hold everything that configures a simulator. The defaults need no file and answer without quota or fault.

    keys: bearer key -> organization name. An organization that `organizations` does not list is unlimited.
    labels: the valid answers; the word rule answers the first for work and the second for personal.
    scale: quota periods are divided by it; stated waits and headers are real, i.e. shortened, seconds.
    latency_s, latency_jitter: a call takes latency_s * (1 ± jitter), uniformly, seeded by its content.
    hang_s: how long a `timeout` fault holds the connection unless the client leaves first.
    noise: share of email texts whose label is flipped (always the same way), so that people can disagree.
    unsteady: share of answers that are another label than usual, anew for each call: the noise of a server.
    lean: share of the emails of a pack that are answered as the email before them, as by a model that neighbors color.
    injectable: an email of a pack that says how to label the others decides their labels.
    logprobs: whether probabilities of an answer's tokens are sent on request; Groq refuses ``logprobs``.
    default_completion_tokens: reserved for a call that sends no `max_completion_tokens`.
    reasoning: whether gpt-oss and qwen models spend reasoning tokens before they answer.
    dialect: the server whose way of saying no is used, one of DIALECTS; empty for Groq's.
    prefix_cache: whether a system message seen lately is cached and free of quota.
    """

    keys: Mapping[str, str] = field(repr=False)
    organizations: tuple[OrganizationConfig, ...] = ()
    models: tuple[str, ...] = DEFAULT_MODELS
    decommissioned: tuple[str, ...] = DECOMMISSIONED_MODELS
    labels: tuple[str, ...] = ("1", "0")
    seed: int = 0
    scale: float = 1.0
    latency_s: float = 0.35
    latency_jitter: float = 0.4
    faults: FaultPlan = field(default_factory=FaultPlan)
    outages: tuple[Outage, ...] = ()
    batches: BatchPlan = field(default_factory=BatchPlan)
    flex: FlexPlan = field(default_factory=FlexPlan)
    revoke: Mapping[str, Revocation] = field(default_factory=dict)
    hang_s: float = 120.0
    headers: HeaderMode = "true"
    prefix_cache: bool = True
    reasoning: bool = True
    noise: float = 0.0
    unsteady: float = 0.0
    lean: float = 0.0
    injectable: bool = False
    logprobs: bool = False
    replay: Path | None = None
    log_path: Path | None = None
    default_completion_tokens: int = 8_192
    context_window: int = 131_072
    dialect: str = ""
    service_tier: str = "on_demand"

    def __post_init__(self) -> None:
        """Refuse a simulator that could not answer. Raises SimulatorError."""
        problems = (
            (not self.keys, "a simulator needs at least one key"),
            (any(key != key.strip() or not key for key in self.keys), "a key is empty or has blanks around it"),
            (not self.models, "a simulator needs at least one model"),
            (len(set(self.labels)) < 2, "a simulator needs at least two different labels"),
            (self.scale <= 0, "scale must be above 0"),
            (self.latency_s < 0 or self.hang_s < 0, "latency and hang must not be negative"),
            (not 0 <= self.latency_jitter <= 1, "latency jitter must lie between 0 and 1"),
            (not 0 <= self.noise <= 1, "noise must lie between 0 and 1"),
            (self.dialect not in ("", *DIALECTS), f"there is no dialect {self.dialect!r}, only {', '.join(DIALECTS)}"),
            (not 0 <= self.unsteady <= 1, "unsteady must lie between 0 and 1"),
            (not 0 <= self.lean <= 1, "lean must lie between 0 and 1"),
            (self.headers not in {"true", "missing", "lying"}, "headers must be true, missing or lying"),
        )
        for wrong, message in problems:
            if wrong:
                raise SimulatorError(message)


def invent_keys(keys: int, organizations: int = 1, *, seed: int = 0) -> dict[str, str]:
    """Make `keys` invented keys, dealt evenly over `organizations`, as key -> organization name.

    The same arguments give the same keys, so that a restarted simulator still accepts a run's keys. The last
    four characters count up, which keeps keys apart where only those are shown.

    Raises:
        SimulatorError: if there would be no key, no organization, or an organization without a key.

    """
    if keys < 1 or organizations < 1 or organizations > keys:
        message = f"{keys} keys cannot be dealt over {organizations} organizations: each needs at least one"
        raise SimulatorError(message)
    made: dict[str, str] = {}
    for index in range(keys):
        digest = hashlib.blake2b(f"{seed}:{index}".encode(), digest_size=16).hexdigest()
        made[f"gsk_sim_{digest}{index + 1:04d}"] = f"org_sim_{index % organizations + 1}"
    return made


def simple_config(
    keys: int = 1, organizations: int = 1, *, limits: Limits | None = None, latency_s: float = 0.0, seed: int = 0
) -> SimulatorConfig:
    """Build the config most tests want: invented keys, one set of limits for all, no latency, no faults.

    `dataclasses.replace` changes the rest. Raises SimulatorError as `invent_keys` does.
    """
    made = invent_keys(keys, organizations, seed=seed)
    names = dict.fromkeys(made.values())
    return SimulatorConfig(
        keys=made,
        organizations=tuple(OrganizationConfig(name, limits or Limits()) for name in names),
        latency_s=latency_s,
        seed=seed,
    )
