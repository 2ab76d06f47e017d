"""Estimate shares, precision, recall and accuracy of a model's labels from a random sample that people labeled.

One estimator serves every figure. The emails of a run are cells by the model's label. Of the N emails of a cell n were
audited, and k of those have the property asked about; the unknown count of the whole cell is

    T = k + Binomial(N − n, p),    p ~ Beta(k + 1/2, n − k + 1/2)

(a beta-binomial with Jeffreys' prior; the finite population is built in, so a fully audited cell has no width). A
figure is a function of these counts; its interval are the 2.5 % and 97.5 % quantiles of 4,000 draws from a generator
whose seed is a hash of the counts, so that the same counts always print the same interval.

For a label as prediction this point value is the same number as post-stratification and as prediction-powered
inference (Angelopoulos, Duchi and Zrnic, "PPI++", 2023); their Wald intervals cover far less than they claim at small
samples and rare classes, which is why the beta form is used. ``tests/programs/truth.py`` measures the coverage.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

from core.quality.intervals import beta_quantile, binomial_two_sided_half

GATE_SIZES = (100, 200, 400)
"""Sizes of the sample at which a gate may be passed."""
DRAWS = 4_000
"""Draws per interval: the 2.5 % quantile then has a standard error below a fortieth of the interval's width."""
FEWEST_IN_A_CELL = 10
"""A figure that rests on fewer audited emails is marked as too few."""
WIDEST_HALF = 0.15
"""A figure whose interval is wider than ± this is marked as too few."""
AIM_HALF = 0.10
"""The half width that "how many more are needed" aims at."""
ASSUMED_RECALL, ASSUMED_PRECISION = 0.9, 0.8
"""What is assumed of a model before anybody reviewed its labels."""
AIM_SHARE = 0.025
"""The half width of a share that a goal aims at."""
FEWEST_POSITIVES = 5
"""Recall over fewer emails that a person gave the label is only bounded from below."""
FEWEST_FOR_AN_UPPER_END = 3
"""Over fewer emails that a person gave the label, the upper end of recall is 1: one that was missed says nothing of
how high it is. Simulated at n = 50 and a share of 2 %, the interval holds the truth in 97 % so, else in 88 %."""
POOLED_BELOW = 20
"""Cells with fewer audited emails are pooled for accuracy."""


@dataclass(frozen=True, slots=True)
class Stratum:
    """Hold the emails to which the model gave one label: ``size`` of them, and how people labeled the audited ones.

    ``rate`` is the share of them that belongs to the sample; strata of one rate may be pooled.
    """

    label: str
    size: int
    people: Mapping[str, int]
    rate: float = 0.0

    @property
    def audited(self) -> int:
        """Return how many emails of the stratum people labeled."""
        return sum(self.people.values())


_FrozenStratum = tuple[str, int, tuple[tuple[str, int], ...], float]


@dataclass(frozen=True, slots=True)
class Cell:
    """Hold a count with a property: ``hits`` of ``audited`` emails have it, ``size`` emails are in the cell."""

    size: int
    audited: int
    hits: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """Hold a figure with its 95 % interval; ``audited`` emails it rests on.

    ``few`` marks a figure that is not worth quoting yet, ``more`` says how many further emails bring it to ±10 points
    (0 where it is there), ``at_least`` that only the lower end means something.
    """

    value: float
    low: float
    high: float
    audited: int
    few: bool = False
    more: int = 0
    at_least: bool = False

    @property
    def triple(self) -> list[float]:
        """Return value and interval as machines read them."""
        return [round(self.value, 6), round(self.low, 6), round(self.high, 6)]


@dataclass(frozen=True, slots=True)
class LabelFigures:
    """Hold what the sample says of one label; a figure that cannot be given is None.

    ``raw_share`` is the model's share of it, ``share`` the corrected one, ``over_reporting`` raw over corrected share.
    """

    label: str
    raw_share: float
    share: Estimate | None
    precision: Estimate | None
    recall: Estimate | None
    over_reporting: Estimate | None
    audited: int


@dataclass(frozen=True, slots=True)
class Figures:
    """Hold all figures of one run and task version, from one set of strata."""

    total: int
    audited: int
    accuracy: Estimate | None
    labels: tuple[LabelFigures, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """Hold how much more accurate version A is than B, in fractions of all emails, with McNemar's exact p.

    ``differing`` emails have two different labels; of the ``audited`` ones A is right on ``a_right``, B on ``b_right``.
    """

    estimate: Estimate | None
    p_value: float
    differing: int
    audited: int
    a_right: int
    b_right: int


def figures(strata: Sequence[Stratum], labels: Sequence[str]) -> Figures:
    """Return all figures for these strata; ``labels`` in the order in which they are shown."""
    frozen = tuple((s.label, s.size, tuple(sorted(s.people.items())), round(s.rate, 12)) for s in strata if s.size)
    return _figures(frozen, tuple(labels))


@lru_cache(maxsize=64)
def _figures(frozen: tuple[_FrozenStratum, ...], labels: tuple[str, ...]) -> Figures:
    strata = [Stratum(label, size, dict(people), rate) for label, size, people, rate in frozen]
    total = sum(s.size for s in strata)
    audited = sum(s.audited for s in strata)
    if total == 0:
        return Figures(0, 0, None, ())
    return Figures(total, audited, accuracy(strata), tuple(label_figures(strata, label) for label in labels))


def label_figures(strata: Sequence[Stratum], label: str, *, draws: int = DRAWS) -> LabelFigures:
    """Return share, precision and recall of one label against the rest.

    The rest is pooled where it was audited at one rate: a joint Dirichlet over many labels covers far too little.
    """
    total = sum(s.size for s in strata)
    own = _pool([s for s in strata if s.label == label], label)
    rest = [_pool(group, label) for group in _by_rate([s for s in strata if s.label != label])]
    raw = own.size / total if total else 0.0
    audited = own.audited + sum(cell.audited for cell in rest)
    positives = int(own.hits + sum(cell.hits for cell in rest))
    if not audited:
        return LabelFigures(label, raw, None, None, None, None, 0)
    cells = [own, *rest]
    drawn = _draws(cells, draws)
    known = all(cell.audited or not cell.size for cell in cells)
    share = recall = over = None
    means = [cell.size * cell.hits / cell.audited if cell.audited else 0.0 for cell in cells]
    if known:
        share = _estimate(sum(means) / total, [sum(row) / total for row in drawn], audited)
        misses = sum(cell.hits for cell in rest)
        recall = _recall(means, drawn, positives, no_miss=misses == 0, no_hit=own.hits == 0, audited=audited)
        if share.value > 0 and own.size:
            ratios = [own.size / max(sum(row), 0.5) for row in drawn]
            over = _estimate(own.size / sum(means), ratios, audited)
    precision = _precision(own, drawn) if own.audited else None
    return LabelFigures(label, raw, share, precision, recall, over, own.audited)


def accuracy(strata: Sequence[Stratum], *, draws: int = DRAWS) -> Estimate | None:
    """Return the share of emails on which model and people agree; strata with few audited emails are pooled."""
    agree = [Cell(s.size, s.audited, s.people.get(s.label, 0)) for s in strata if s.size]
    large = [cell for cell in agree if cell.audited >= POOLED_BELOW]
    small = [cell for cell in agree if cell.audited < POOLED_BELOW]
    if small:
        pooled = Cell(sum(c.size for c in small), sum(c.audited for c in small), sum(c.hits for c in small))
        if not pooled.audited and large:
            # Nothing is known of these few emails: count them with the smallest cell that is known.
            near = min(large, key=lambda cell: cell.audited)
            large.remove(near)
            pooled = Cell(pooled.size + near.size, near.audited, near.hits)
        large.append(pooled)
    audited = sum(cell.audited for cell in agree)
    total = sum(cell.size for cell in agree)
    if not audited or not total:
        return None
    means = sum(cell.size * cell.hits / cell.audited for cell in large if cell.audited)
    return _estimate(means / total, [sum(row) / total for row in _draws(large, draws)], audited)


def difference(total: int, differing: int, a_right: int, b_right: int, neither: int) -> Difference:
    """Return how much more accurate A is than B: only emails on which both differ need people.

    With D differing emails of N in all, the difference of the accuracies is D (P(A right) − P(B right)) / N.
    """
    audited = a_right + b_right + neither
    p_value = binomial_two_sided_half(a_right, b_right)
    if not audited or not total:
        return Difference(None, p_value, differing, audited, a_right, b_right)
    rng = _generator(("difference", total, differing, a_right, b_right, neither))
    unseen = max(0, differing - audited)
    values = []
    for _ in range(DRAWS):
        decided = rng.betavariate(a_right + b_right + 0.5, neither + 0.5) if neither else 1.0
        p = rng.betavariate(a_right + 0.5, b_right + 0.5)
        discordant = _binomial(rng, unseen, decided)
        for_a = _binomial(rng, discordant, p)
        values.append((a_right - b_right + 2 * for_a - discordant) / total)
    value = differing * (a_right - b_right) / audited / total
    return Difference(_estimate(value, values, audited), p_value, differing, audited, a_right, b_right)


@dataclass(frozen=True, slots=True)
class Goal:
    """Hold how many random emails tell a label's recall and precision to ±10 points, and its share to ±2.5 points."""

    recall: int
    precision: int
    share: int


def needed(audited: int, half: float, aim: float = AIM_HALF) -> int:
    """Return how many more random emails bring a half width to ``aim``: widths shrink with the square root of n."""
    return 0 if half <= aim else math.ceil(audited * ((half / aim) ** 2 - 1.0))


def least_for_recall(share: float) -> int | None:
    """Return how many random emails bound the recall of a label to [0.8, 1] if none of them turns out missed: 10/share.

    With m missed of which none was found among n, the 95 % limit on the missed share is about 3/n (rule of three) and
    recall = share / (share + missed); simulated, 10/share is what the beta cells need. None for a share of 0.
    """
    return None if share <= 0 else math.ceil(10.0 / share)


@lru_cache(maxsize=256)
def goal_for(total: int, share: float) -> Goal:
    """Return how many random emails bring recall, precision and share of a label to their aims.

    Of the model :data:`ASSUMED_RECALL` and :data:`ASSUMED_PRECISION` are assumed. Expected counts go
    through the very estimator, with a bisection over the size of the sample that ends within 3 %.
    """
    true_n = total * share
    own = min(float(total), true_n * ASSUMED_RECALL / ASSUMED_PRECISION)
    missed = true_n * (1 - ASSUMED_RECALL)

    def cells(n: int) -> list[Cell]:
        part = n / total
        return [
            Cell(round(own), max(1, round(own * part)), own * part * ASSUMED_PRECISION),
            Cell(total - round(own), max(1, round((total - own) * part)), missed * part),
        ]

    def half(n: int, name: str) -> float:
        drawn = _draws(cells(n), draws=500)
        if name == "recall":
            values = [a / (a + b) if a + b else 0.0 for a, b in drawn]
        elif name == "precision":
            values = [a / max(1, round(own)) for a, _ in drawn]
        else:
            values = [(a + b) / total for a, b in drawn]
        low, high = _quantiles(values)
        return (high - low) / 2

    def smallest(name: str, aim: float) -> int:
        low, high = min(10, total), total
        while high > 1.03 * low + 1:
            middle = round(math.sqrt(low * high))
            low, high = (low, middle) if half(middle, name) <= aim else (middle, high)
        return high

    return Goal(smallest("recall", AIM_HALF), smallest("precision", AIM_HALF), smallest("share", AIM_SHARE))


def passed_gate(right: Sequence[bool], above: float) -> int | None:
    """Return the announced size at which accuracy was shown to be above a limit, or None where it was not (yet).

    ``right`` says of each random email, in the order of review, whether model and person agree. Looks are taken at 100,
    200 and 400 emails only, each at 2.5 %/3 one-sided (Bonferroni), so that at most 2.5 % of models that are exactly at
    the limit pass; looking after every answer would pass a sixth of them.
    """
    for size in GATE_SIZES:
        if len(right) < size:
            return None
        hits = sum(right[:size])
        if beta_quantile(0.025 / len(GATE_SIZES), hits, size - hits + 1) > above:
            return size
    return None


def _pool(strata: Sequence[Stratum], label: str) -> Cell:
    return Cell(
        sum(s.size for s in strata), sum(s.audited for s in strata), sum(s.people.get(label, 0) for s in strata)
    )


def _by_rate(strata: Sequence[Stratum]) -> list[list[Stratum]]:
    groups: dict[float, list[Stratum]] = {}
    for stratum in strata:
        groups.setdefault(round(stratum.rate, 12), []).append(stratum)
    return list(groups.values())


def _draws(cells: Sequence[Cell], draws: int = DRAWS) -> list[list[float]]:
    """Return ``draws`` rows with the drawn count of each cell."""
    rng = _generator(tuple((cell.size, cell.audited, cell.hits) for cell in cells))
    columns = [_column(rng, cell, draws) for cell in cells]
    return [list(row) for row in zip(*columns, strict=True)]


def _column(rng: random.Random, cell: Cell, draws: int) -> list[float]:
    unseen = cell.size - cell.audited
    if unseen <= 0:
        return [float(cell.hits)] * draws
    a, b = cell.hits + 0.5, max(0.0, cell.audited - cell.hits) + 0.5
    return [cell.hits + _binomial(rng, unseen, rng.betavariate(a, b)) for _ in range(draws)]


def _binomial(rng: random.Random, of: int, p: float) -> int:
    """Return a binomial draw: exact for small counts, else a clipped and rounded normal one."""
    if of <= 0 or p <= 0.0:
        return 0
    if p >= 1.0:
        return of
    if of < 12:
        return sum(rng.random() < p for _ in range(of))
    drawn = rng.gauss(of * p, math.sqrt(of * p * (1.0 - p)))
    return min(of, max(0, round(drawn)))


def _recall(
    means: Sequence[float], drawn: list[list[float]], positives: int, *, no_miss: bool, no_hit: bool, audited: int
) -> Estimate | None:
    if not positives:
        return None
    values = [row[0] / total if (total := sum(row)) else 0.0 for row in drawn]
    low, high = _quantiles(values)
    value = means[0] / sum(means)
    unbounded = no_miss or positives < FEWEST_FOR_AN_UPPER_END
    low, high = 0.0 if no_hit else min(low, value), 1.0 if unbounded else max(high, value)
    half = (high - low) / 2
    few = positives < FEWEST_IN_A_CELL or half > WIDEST_HALF
    return Estimate(value, low, high, audited, few, needed(audited, half), at_least=positives < FEWEST_POSITIVES)


def _precision(own: Cell, drawn: list[list[float]]) -> Estimate:
    low, high = _quantiles([row[0] / own.size for row in drawn])
    value = own.hits / own.audited
    low = 0.0 if own.hits == 0 else min(low, value)
    high = 1.0 if own.hits == own.audited else max(high, value)
    half = (high - low) / 2
    few = own.audited < FEWEST_IN_A_CELL or half > WIDEST_HALF
    return Estimate(value, low, high, own.audited, few, needed(own.audited, half))


def _estimate(value: float, values: list[float], audited: int) -> Estimate:
    low, high = _quantiles(values)
    low, high = min(low, value), max(high, value)
    half = (high - low) / 2
    return Estimate(value, low, high, audited, audited < FEWEST_IN_A_CELL or half > WIDEST_HALF, needed(audited, half))


def _quantiles(values: list[float]) -> tuple[float, float]:
    ordered = sorted(values)
    cut = round(0.025 * len(ordered))
    return ordered[cut], ordered[len(ordered) - 1 - cut]


def _generator(counts: object) -> random.Random:
    return random.Random(int.from_bytes(blake2b(repr(counts).encode(), digest_size=8).digest()))
