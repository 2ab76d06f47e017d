"""Measure agreement between labelers beyond chance: Cohen's kappa and Krippendorff's alpha, with bootstrap intervals.

Both are 1 for full agreement and 0 for what chance gives. They are not defined where only one label was ever given, and
misleading at rare classes, so raw agreement stands beside them on every screen.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from core.quality.intervals import binomial_two_sided_half, wilson

RESAMPLES = 1_000
FEWEST_RESAMPLES = 200
"""Bootstrap samples per interval; fewer, but at least the latter, where there are thousands of emails."""


COUNTED_FROM = 1_000
"""Emails of a stratum from which resamples are drawn as counts of each kind instead of one email after the other."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Hold two labels of one email (such as the person's and the model's); ``weight`` emails it stands for.

    ``stratum`` names the cell that it was drawn from: resampling stays inside it.
    """

    first: str
    second: str
    weight: float = 1.0
    stratum: Hashable = ""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Hold a coefficient with its interval and the raw agreement; ``value`` is None where it is not defined."""

    value: float | None
    low: float | None
    high: float | None
    raw: float
    emails: int

    @property
    def triple(self) -> list[float] | None:
        """Return value and interval as machines read them, None where there is none."""
        if self.value is None or self.low is None or self.high is None:
            return None
        return [round(self.value, 6), round(self.low, 6), round(self.high, 6)]

    @property
    def interval(self) -> str:
        """Return the interval for people: ``0.31–0.72``, ``-0.02 to 0.66`` below zero, ``no interval`` without width.

        Resampling a few emails, or emails on which nobody differs, gives the same value each time and bounds nothing.
        """
        if self.low is None or self.high is None or self.low == self.high:
            return "no interval"
        return f"{self.low:.2f}{' to ' if self.low < 0 else '–'}{self.high:.2f}"

    @property
    def words(self) -> str:
        """Return value and interval for people, such as ``0.53 (0.31–0.72)``."""
        return "not defined" if self.value is None else f"{self.value:.2f} ({self.interval})"


def kappa_of(pairs: Sequence[Pair]) -> float | None:
    """Return Cohen's kappa (1960), weighted by emails; None where it is not defined (only one label)."""
    return _weighted_kappa(_cells(pairs))


def kappa(pairs: Sequence[Pair]) -> Agreement:
    """Return kappa with a bootstrap interval over emails, resampled inside each stratum.

    Not defined where one side gave one label only: it is 0 then however much both agree, and so is every resample.
    """
    total = sum(pair.weight for pair in pairs)
    raw = sum(pair.weight for pair in pairs if pair.first == pair.second) / total if total else 0.0
    value = kappa_of(pairs)
    if value is None or len({pair.first for pair in pairs}) < 2 or len({pair.second for pair in pairs}) < 2:
        return Agreement(None, None, None, raw, len(pairs))
    kinds = sorted(set(pairs), key=repr)
    index = {pair: number for number, pair in enumerate(kinds)}
    groups: dict[Hashable, list[int]] = {}
    for pair in pairs:
        groups.setdefault(pair.stratum, []).append(index[pair])

    def again(counts: Mapping[int, int]) -> float | None:
        cells: dict[tuple[str, str], float] = {}
        for number, times in counts.items():
            pair = kinds[number]
            cell = pair.first, pair.second
            cells[cell] = cells.get(cell, 0.0) + times * pair.weight
        return _weighted_kappa(cells)

    low, high = _bootstrap(list(groups.values()), again, value)
    return Agreement(value, low, high, raw, len(pairs))


def alpha(units: Sequence[Mapping[str, str]]) -> Agreement:
    """Return Krippendorff's alpha for nominal labels with a bootstrap interval over emails, beside the raw agreement.

    ``units`` map annotators to labels, one mapping an email. Alpha is 1 − observed over expected disagreement from the
    coincidence matrix (Krippendorff, "Content Analysis", 2004, chapter 11); emails with fewer than two labels do not
    count. Not defined where only one label was given.
    """
    shared = sorted(tuple(sorted(unit.values())) for unit in units if len(unit) >= 2)
    pairs = same = 0
    for values in shared:
        pairs += len(values) * (len(values) - 1)
        same += sum(count * (count - 1) for count in Counter(values).values())
    raw = same / pairs if pairs else 0.0
    value = _nominal_alpha(Counter(shared))
    if value is None:
        return Agreement(None, None, None, raw, len(shared))
    kinds = sorted(set(shared))
    index = {values: number for number, values in enumerate(kinds)}
    low, high = _bootstrap(
        [[index[values] for values in shared]],
        lambda counts: _nominal_alpha({kinds[number]: times for number, times in counts.items()}),
        value,
    )
    return Agreement(value, low, high, raw, len(shared))


@dataclass(frozen=True, slots=True)
class DraftScore:
    """Hold how a draft compares with people: right on ``right`` of ``compared`` emails, with Wilson's 95 % interval.

    Of those that another version labeled too, the draft alone is right on ``better`` and alone wrong on ``worse``;
    ``p_value`` is McNemar's exact one.
    """

    compared: int
    right: int
    low: float
    high: float
    kappa: float | None
    better: int
    worse: int
    p_value: float


def score(answers: Sequence[tuple[str, str, str | None]]) -> DraftScore | None:
    """Return the score of a draft's answers, each as (the draft's label, people's, the present version's or None)."""
    if not answers:
        return None
    right = sum(draft == person for draft, person, _ in answers)
    known = [(draft == person, now == person) for draft, person, now in answers if now is not None]
    better, worse = sum(new and not old for new, old in known), sum(old and not new for new, old in known)
    low, high = wilson(right, len(answers))
    agreed = kappa_of([Pair(person, draft) for draft, person, _ in answers])
    return DraftScore(len(answers), right, low, high, agreed, better, worse, binomial_two_sided_half(better, worse))


def majority(labels: Mapping[str, str]) -> str | None:
    """Return the label of more than half of at least three annotators, or of all where there are fewer; else None."""
    if not labels:
        return None
    (label, count), *_ = Counter(labels.values()).most_common(1)
    if len(labels) < 3:
        return label if count == len(labels) else None
    return label if 2 * count > len(labels) else None


def _cells(pairs: Sequence[Pair]) -> dict[tuple[str, str], float]:
    cells: dict[tuple[str, str], float] = {}
    for pair in pairs:
        cell = pair.first, pair.second
        cells[cell] = cells.get(cell, 0.0) + pair.weight
    return cells


def _weighted_kappa(cells: Mapping[tuple[str, str], float]) -> float | None:
    total = sum(cells.values())
    first: dict[str, float] = {}
    second: dict[str, float] = {}
    for (one, other), weight in cells.items():
        first[one] = first.get(one, 0.0) + weight
        second[other] = second.get(other, 0.0) + weight
    chance = sum(weight * second.get(label, 0.0) for label, weight in first.items())
    if total**2 - chance <= 1e-12 * total**2:
        return None
    same = sum(weight for (one, other), weight in cells.items() if one == other)
    return (same * total - chance) / (total**2 - chance)


def _nominal_alpha(units: Mapping[tuple[str, ...], int]) -> float | None:
    total = observed = 0.0
    margins: dict[str, float] = {}
    for values, times in units.items():
        if len(values) < 2:
            continue
        counts = Counter(values)
        total += times * len(values)
        apart = len(values) ** 2 - sum(count * count for count in counts.values())
        observed += times * apart / (len(values) - 1)
        for label, count in counts.items():
            margins[label] = margins.get(label, 0.0) + times * count
    expected = total * total - sum(count * count for count in margins.values())
    if total < 2 or expected <= 0:
        return None
    return 1.0 - (total - 1.0) * observed / expected


def _bootstrap(
    groups: list[list[int]], coefficient: Callable[[Mapping[int, int]], float | None], value: float
) -> tuple[float, float]:
    """Return the interval of a coefficient over resampled kinds of emails; the seed is a hash of the kinds drawn."""
    rng = random.Random(int.from_bytes(blake2b(repr(groups).encode(), digest_size=8).digest()))
    size = max(1, sum(len(group) for group in groups))
    found = []
    large = [Counter(group) if len(group) >= COUNTED_FROM else None for group in groups]
    for _ in range(max(FEWEST_RESAMPLES, min(RESAMPLES, 1_000_000 // size))):
        counts: Counter[int] = Counter()
        for group, kinds in zip(groups, large, strict=True):
            counts.update(rng.choices(group, k=len(group)) if kinds is None else _multinomial(rng, kinds))
        again = coefficient(counts)
        if again is not None:
            found.append(again)
    if not found:
        return value, value
    found.sort()
    cut = round(0.025 * len(found))
    return min(value, found[cut]), max(value, found[len(found) - 1 - cut])


def _multinomial(rng: random.Random, kinds: Mapping[int, int]) -> dict[int, int]:
    """Return how often each kind is drawn in as many draws with replacement as there are emails."""
    left = whole = sum(kinds.values())
    found = {}
    for kind, count in kinds.items():
        found[kind] = _binomial(rng, left, count / whole) if count < whole else left
        left, whole = left - found[kind], whole - count
    return found


def _binomial(rng: random.Random, of: int, p: float) -> int:
    """Return a binomial draw: by gaps between hits (exact) where hits or misses are few, else a rounded normal one."""
    if p > 0.5:
        return of - _binomial(rng, of, 1.0 - p)
    if of <= 0 or p <= 0.0:
        return 0
    variance = of * p * (1.0 - p)
    if variance > 25.0:
        return min(of, max(0, round(rng.gauss(of * p, math.sqrt(variance)))))
    hits, at = 0, 0
    while True:
        at += int(math.log(1.0 - rng.random()) / math.log1p(-p)) + 1
        if at > of:
            return hits
        hits += 1
