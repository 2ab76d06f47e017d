"""Draw the emails that people label: permanent random numbers, rates that only grow, second looks mixed with decoys.

Each email has a number u in [0, 1) that depends on nothing but the sample's seed and the email's id, and belongs to the
sample if u is below the rate of the model's label (Ohlsson, "Coordination of samples using permanent random numbers",
1995). So the sample is spread over the whole run, also over emails that the model has not labeled yet; it can grow
without being drawn anew, and no order in which people work can bias it.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

DEFAULT_GOAL = 200
"""Random emails of a sample: they give the share to ±2.5 points unless the model is poor."""
BATCH = 25
"""Emails of one batch, after which agreement is revealed."""
FEWEST_DECOYS = 2
"""Agreeing emails that come back beside the disagreements, at least, so that coming back says nothing."""
OVERLAP = 0.2
"""Share of the sample that every annotator labels, for the agreement among people."""
RARE = 0.2
"""A label with a smaller share of the model's labels is topped up."""
TOP_UP_FLOOR = 30
TOP_UP_SHARE = 0.3
"""A top-up brings a rare label to max(30, 0.3 × goal) audited emails."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Hold a random sample of a run: ``base_rate`` for every email, ``rates`` for labels that were topped up."""

    id: int
    name: str
    seed: int
    goal: int
    base_rate: float
    rates: Mapping[str, float] = field(default_factory=dict)

    def rate(self, label: str | None) -> float:
        """Return the rate of emails with this label of the model (None: not labeled by it)."""
        return self.base_rate if label is None else max(self.base_rate, self.rates.get(label, 0.0))


@dataclass(frozen=True, slots=True)
class Candidate:
    """Hold an email as sampling takes it: its permanent number, the model's label, and who labeled it blind."""

    email_id: int
    u: float
    model_label: str | None
    annotators: frozenset[str] = frozenset()


def permanent_number(seed: int, email_id: int) -> float:
    """Return the email's permanent random number in [0, 1)."""
    return int.from_bytes(blake2b(f"{seed}:{email_id}".encode(), digest_size=8).digest()) / 2**64


def base_rate(goal: int, total: int) -> float:
    """Return the rate that draws ``goal`` of ``total`` emails on average."""
    return 1.0 if total <= 0 else min(1.0, goal / total)


def topped_up(sample: Sample, shares: Mapping[str, int]) -> Sample:
    """Return the sample with the rates of rare labels raised; ``shares`` counts emails by the model's label."""
    total = sum(shares.values())
    rates = dict(sample.rates)
    wanted = max(TOP_UP_FLOOR, TOP_UP_SHARE * sample.goal)
    for label, count in shares.items():
        if 0 < count < RARE * total:
            rates[label] = max(rates.get(label, 0.0), min(1.0, wanted / count))
    return Sample(sample.id, sample.name, sample.seed, sample.goal, sample.base_rate, rates)


def grown(sample: Sample, goal: int, total: int) -> Sample:
    """Return the sample with a larger goal; a smaller one changes nothing, because rates only grow."""
    goal = max(goal, sample.goal)
    rate = max(sample.base_rate, base_rate(goal, total))
    return Sample(sample.id, sample.name, sample.seed, goal, rate, sample.rates)


def is_member(sample: Sample, candidate: Candidate) -> bool:
    """Return whether the email belongs to the sample."""
    return candidate.u < sample.rate(candidate.model_label)


def is_shared(sample: Sample, candidate: Candidate, overlap: float = OVERLAP) -> bool:
    """Return whether every annotator labels the email: the lowest numbers, so that everybody meets the same ones."""
    return candidate.u < overlap * sample.base_rate


def due(
    sample: Sample, candidates: Sequence[Candidate], annotator: str, *, overlap: float = OVERLAP
) -> tuple[Candidate, ...]:
    """Return what waits for this annotator: first what everybody labels, lowest number first, then what is left.

    An email that somebody else labeled is due only if it is one of those that everybody labels. What is left comes in
    an order of the annotator's own, so that people who label at the same time seldom label the same; it depends on
    nothing but name and email, so that any beginning of it is as random as the sample.
    """
    waiting = [
        c
        for c in candidates
        if is_member(sample, c)
        and annotator not in c.annotators
        and (not c.annotators or is_shared(sample, c, overlap))
    ]
    seed = int.from_bytes(blake2b(annotator.encode(), digest_size=8).digest())

    def place(candidate: Candidate) -> tuple[int, float]:
        shared = is_shared(sample, candidate, overlap)
        return (0, candidate.u) if shared else (1, permanent_number(sample.seed ^ seed, candidate.email_id))

    return tuple(sorted(waiting, key=place))


def second_looks(given: Mapping[int, tuple[str, str]], seed: int) -> tuple[int, ...]:
    """Return the emails of a batch that come back, in random order: disagreements and as many agreeing decoys.

    ``given`` maps an email to (the person's label, the model's label). Without a disagreement nothing comes back; with
    one at least :data:`FEWEST_DECOYS` decoys do. The order and the decoys depend only on ``seed`` and the emails.
    """
    apart = sorted(email for email, (person, model) in given.items() if person != model)
    if not apart:
        return ()
    rng = random.Random(seed)
    agreeing = sorted(email for email, (person, model) in given.items() if person == model)
    decoys = rng.sample(agreeing, min(len(agreeing), max(FEWEST_DECOYS, len(apart))))
    back = [*apart, *decoys]
    rng.shuffle(back)
    return tuple(back)
