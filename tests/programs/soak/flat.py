"""What *flat* means: figures taken over time in, a finding for each out."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Rule:
    """What a figure has to keep to, over the second half of the time; None asks nothing.

    ``slope_per_h`` bounds the slope of a robust line (Theil and Sen: the median of the slopes between all pairs of
    points), so that one odd sample decides nothing; ``spread`` bounds most less least; ``ceiling`` bounds the most over
    the whole time. ``rise`` bounds the median of the last quarter less that of the third: 0 means that a count stays.
    """

    unit: str
    slope_per_h: float | None = None
    spread: float | None = None
    ceiling: float | None = None
    rise: float | None = None

    def words(self) -> str:
        """The rule as people read it."""
        bounds = (
            (self.slope_per_h, f"slope at most {self.slope_per_h} {self.unit}/h"),
            (self.spread, f"spread at most {self.spread} {self.unit}"),
            (self.rise, "no rise" if not self.rise else f"rise at most {self.rise} {self.unit}"),
            (self.ceiling, f"never above {self.ceiling} {self.unit}"),
        )
        return ", ".join(words for bound, words in bounds if bound is not None)


@dataclass(frozen=True, slots=True)
class Finding:
    """One figure over the time. ``broken`` names what of its rule did not hold."""

    name: str
    first: float
    last: float
    most: float
    slope_per_h: float
    spread: float
    rise: float
    rule: Rule
    broken: tuple[str, ...]

    def line(self) -> str:
        """The finding as one line of a table."""
        return (
            f"{self.name:<28} {self.first:>9.1f} {self.last:>9.1f} {self.most:>9.1f} {self.slope_per_h:>+9.2f}"
            f" {self.spread:>8.1f} {self.rise:>+7.1f}  {self.rule.unit:<8}"
            f" {'NOT FLAT: ' + ', '.join(self.broken) if self.broken else 'flat: ' + self.rule.words()}"
        )


HEAD = (
    f"{'figure':<28} {'first':>9} {'last':>9} {'most':>9} {'slope/h':>9} {'spread':>8} {'rise':>7}  unit"
    "     (slope, spread and rise over the second half)"
)


def slope_per_h(at_s: Sequence[float], values: Sequence[float]) -> float:
    """The median of the slopes between all pairs of points, for each hour (Theil 1950, Sen 1968)."""
    step = max(1, len(at_s) // 400)  # pairs grow with the square
    at_s, values = at_s[::step], values[::step]
    slopes = [
        (values[later] - values[sooner]) / (at_s[later] - at_s[sooner]) * 3600.0
        for sooner in range(len(at_s))
        for later in range(sooner + 1, len(at_s))
        if at_s[later] > at_s[sooner]
    ]
    return statistics.median(slopes) if slopes else 0.0


def judge(name: str, at_s: Sequence[float], values: Sequence[float], rule: Rule) -> Finding:
    """Hold one figure against its rule. Needs eight samples at least; ``at_s`` ascends."""
    if len(values) < 8:
        raise ValueError(f"{len(values)} samples of {name} say nothing: let the soak run longer")
    middle_s = (at_s[0] + at_s[-1]) / 2
    start = next(index for index, at in enumerate(at_s) if at >= middle_s)
    late_at, late = at_s[start:], values[start:]
    quarter = len(late) // 2
    slope, spread = slope_per_h(late_at, late), max(late) - min(late)
    rise = statistics.median(late[quarter:]) - statistics.median(late[:quarter])
    measured = (
        ("slope", slope, rule.slope_per_h),
        ("spread", spread, rule.spread),
        ("rise", rise, rule.rise),
        ("most", max(values), rule.ceiling),
    )
    broken = tuple(
        f"{what} {found:.2f} above {bound}" for what, found, bound in measured if bound is not None and found > bound
    )
    return Finding(name, values[0], values[-1], max(values), slope, spread, rise, rule, broken)


@dataclass
class Samples:
    """Figures over time. ``at_s`` are seconds since the first one."""

    at_s: list[float] = field(default_factory=list)
    values: dict[str, list[float]] = field(default_factory=dict)

    def add(self, at_s: float, figures: dict[str, float]) -> None:
        """One look at everything."""
        self.at_s.append(at_s)
        for name, value in figures.items():
            self.values.setdefault(name, []).append(value)

    def findings(self, rules: dict[str, Rule]) -> list[Finding]:
        """Every figure held against its rule."""
        return [judge(name, self.at_s, self.values[name], rule) for name, rule in rules.items()]

    def write(self, path: Path) -> None:
        """Everything as a table for other programs."""
        with path.open("w", newline="") as file:
            out = csv.writer(file)
            out.writerow(["at_s", *self.values])
            out.writerows(zip(self.at_s, *self.values.values(), strict=True))
