"""The input of a virtual run: organizations with their quotas and keys, emails, faults, other programs, the operator."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from core.llm.task import builtin_task, versioned
from core.model import SourceEmail, Task, View
from core.simulator.config import FaultPlan, HeaderMode, Limits, OrganizationConfig, Outage, Revocation, SimulatorConfig
from core.worker.heartbeat import Tempo

START_AT = 1_790_000_000.0
"""The wall clock when the event loop's time is 0, in seconds since the epoch."""

FREE = Limits(rpm=30, rpd=1_000, tpm=8_000, tpd=200_000)

_WORDS = """
    contract meeting gas pipeline lunch weekend budget trader draft deal family golf schedule price agreement kids
    the a of to and in for we you please attached let me know thanks regards see regarding about from with
    """.split()  # noqa: SIM905


@dataclass(frozen=True, slots=True)
class Org:
    """An organization: its true quota, and how many of the scenario's keys belong to it."""

    name: str
    limits: Limits = FREE
    keys: int = 1


@dataclass(frozen=True, slots=True)
class Lengths:
    """Lengths of email texts in characters: log-normal around ``median``, between ``least`` and ``most``.

    The default means about 900 counted tokens a call, the rubric cached. A share of ``large`` emails has
    ``large_chars`` each.
    """

    median: float = 3_300.0
    sigma: float = 0.6
    least: int = 120
    most: int = 6_000
    large: float = 0.0
    large_chars: int = 0

    def draw(self, rng: random.Random) -> int:
        """One length."""
        if self.large and rng.random() < self.large:
            return self.large_chars
        return max(self.least, min(self.most, int(rng.lognormvariate(0.0, self.sigma) * self.median)))


@dataclass(frozen=True, slots=True)
class OtherProgram:
    """Somebody else who spends an organization's quota: a call every so many seconds on average, of so many tokens."""

    organization: str
    every_s: float
    tokens: int
    from_s: float = 0.0
    until_s: float = float("inf")


@dataclass(frozen=True, slots=True)
class Scenario:
    """One virtual run. Keys are called key-1, key-2 …, dealt to the organizations in their order.

    ``hours`` bounds the virtual time; the run may end earlier. ``declared`` states an organization for some keys as an
    operator would, rightly or not. ``operator`` holds (seconds from the start, what is done then): a command (``pause``,
    ``resume``, ``stop``), ``kill`` (the worker dies and another begins ``restart_s`` later), ``disable key-1`` or
    ``enable key-1``. ``workers`` runs share the keys and ``quota.db``; each has its share of the emails.
    ``latency_s`` is what the server takes, ``way_s`` what each way through the network takes at least and at most.
    """

    name: str
    emails: int
    organizations: tuple[Org, ...]
    hours: float = 400.0
    seed: int = 1
    latency_s: float = 0.6
    way_s: tuple[float, float] = (0.02, 0.12)
    faults: FaultPlan = field(default_factory=FaultPlan)
    outages: tuple[Outage, ...] = ()
    revoke: Mapping[str, Revocation] = field(default_factory=dict)
    headers: HeaderMode = "true"
    declared: Mapping[str, str] = field(default_factory=dict)
    others: tuple[OtherProgram, ...] = ()
    operator: tuple[tuple[float, str], ...] = ()
    restart_s: float = 5.0
    workers: int = 1
    lengths: Lengths = Lengths()
    truncate_at: int = 6_000
    tempo: Tempo = Tempo(tick_s=5.0, beat_s=60.0)

    def with_seed(self, seed: int) -> Scenario:
        """The same scenario with other emails, faults, latencies and jitter."""
        return replace(self, seed=seed)

    def keys(self) -> dict[str, tuple[str, str]]:
        """Each key's alias with its secret and its true organization."""
        made: dict[str, tuple[str, str]] = {}
        for org in self.organizations:
            for _ in range(org.keys):
                number = len(made) + 1
                digest = hashlib.blake2b(f"{self.seed}:{number}".encode(), digest_size=12).hexdigest()
                made[f"key-{number}"] = (f"gsk_sim_{digest}{number:04d}", org.name)
        return made

    def environment(self) -> dict[str, str]:
        """The keys as the worker's environment brings them."""
        items = (
            f"{alias}{'@' + self.declared[alias] if alias in self.declared else ''}={secret}"
            for alias, (secret, _) in self.keys().items()
        )
        return {"GROQ_API_KEYS": ",".join(items)}

    def simulator(self) -> SimulatorConfig:
        """The server of this scenario."""
        keys = self.keys()
        return SimulatorConfig(
            keys=dict(keys.values()),
            organizations=tuple(OrganizationConfig(org.name, org.limits) for org in self.organizations),
            seed=self.seed,
            latency_s=self.latency_s,
            faults=self.faults,
            outages=self.outages,
            revoke={keys[alias][0]: what for alias, what in self.revoke.items()},
            hang_s=90.0,
            headers=self.headers,
        )

    def task(self) -> Task:
        """The built-in task, with this scenario's truncation; without canaries, so that each call is for a label."""
        return versioned(replace(builtin_task(), truncate_at=self.truncate_at, canaries=0))

    def texts(self, worker: int = 0) -> Iterator[tuple[SourceEmail, View]]:
        """The emails of one worker's run, each with a text of its own."""
        rng = random.Random(f"{self.seed}:{worker}")
        babble = " ".join(rng.choices(_WORDS, k=6_000))
        share = self.emails // self.workers + (worker < self.emails % self.workers)
        for number in range(1, share + 1):
            length = min(self.lengths.draw(rng), self.truncate_at)
            begin = rng.randrange(len(babble) // 4)
            text = f"Subject: mail {worker}.{number}\n\n{babble[begin:]}"
            while len(text) < length:
                text += babble
            text = text[:length]
            digest = hashlib.sha256(text.encode()).hexdigest()
            subject = f"mail {worker}.{number}"
            yield (
                SourceEmail(f"mail-{number}", text, f"row {number}"),
                View(subject, "someone@example.org", "", text, digest, truncated=False),
            )
