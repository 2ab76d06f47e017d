"""Simulate audits, alarms and gates, and print how often the intervals hold and the alarms are false or late.

``python -m tests.programs.truth`` prints the table in some minutes; ``--runs 1500`` repeats the published sizes,
``--only coverage|alarms|gates`` a part. Exit code 1: a figure is not what is promised, beyond what chance explains with so
many runs. A tenth of it runs as ordinary tests (``tests/quality/test_truth.py``).

A population is a run of 5,000 emails: each has a label of the model and a true one, in a confusion that follows from the
share of the rare label, the model's recall and its precision. An audit draws emails at random without replacement.
"""

from __future__ import annotations

import argparse
import random
import sys
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from statistics import fmean, median
from typing import Any

from core.quality.alarms import Watch
from core.quality.canaries import Canaries, CanaryAnswer
from core.quality.estimates import GATE_SIZES, Estimate, Stratum, accuracy, label_figures, passed_gate
from core.quality.watch_set import Ask, WatchSet

TOTAL = 5_000
CANARY_CHANGES: tuple[tuple[str, int, dict[str, Any]], ...] = (
    ("collapse", 60, {"collapsed": True}),
    ("20 % flips", 300, {"differing": 0.2}),
    ("rare label halved", 300, {"halved": 0.5}),
    ("another model, 15 % differ", 500, {"differing": 0.15}),
    ("another model, 8 % differ", 1_500, {"differing": 0.08}),
    ("another model, 3 % differ", 3_000, {"differing": 0.03}),
    ("named by its replies, 20 % differ", 20, {"differing": 0.2, "at_once": True}),
    ("named by its replies, 10 % differ", 20, {"differing": 0.1, "at_once": True}),
    ("named by its replies, nothing differs", 20, {"at_once": True}),
)
"""Changes at ask 2,000: what differs, and within how many asks it is to be noticed."""
SIZES = (50, 100, 200, 500)
DRAWS = 1_000


@dataclass(frozen=True)
class Population:
    """Counts of emails by (the model's label, the true label)."""

    name: str
    cells: tuple[tuple[str, str, int], ...]
    rare: str = "0"

    def count(self, *, model: str | None = None, true: str | None = None) -> int:
        """Return how many emails have these labels."""
        return sum(n for m, t, n in self.cells if model in (None, m) and true in (None, t))

    def audit(self, rng: random.Random, size: int) -> list[Stratum]:
        """Return the strata of a random audit."""
        ends = list(accumulate(n for _, _, n in self.cells))
        found: dict[str, dict[str, int]] = {model: {} for model, _, _ in self.cells}
        for at in rng.sample(range(ends[-1]), size):
            model, true, _ = self.cells[bisect_right(ends, at)]
            found[model][true] = found[model].get(true, 0) + 1
        return [Stratum(model, self.count(model=model), people) for model, people in found.items()]

    def truths(self) -> dict[str, float]:
        """Return the true figures of the rare label, and the accuracy."""
        hits = next(n for m, t, n in self.cells if m == t == self.rare)
        total = self.count()
        return {
            "share": self.count(true=self.rare) / total,
            "recall": hits / self.count(true=self.rare),
            "precision": hits / self.count(model=self.rare),
            "accuracy": sum(n for m, t, n in self.cells if m == t) / total,
        }


def binary(share: float, recall: float, precision: float) -> Population:
    """Return a population of two labels."""
    true = round(TOTAL * share)
    hits = round(true * recall)
    wrong = round(hits * (1 - precision) / precision)
    cells = (("0", "0", hits), ("0", "1", wrong), ("1", "0", true - hits), ("1", "1", TOTAL - true - wrong))
    return Population(f"{share:.0%}, recall {recall:.2f}, precision {precision:.2f}", cells)


def five() -> Population:
    """Return a population of five labels, the rarest at 4 %, of which a tenth is called another one at random."""
    shares = {"a": 0.46, "b": 0.25, "c": 0.15, "d": 0.10, "e": 0.04}
    cells = []
    for true, share in shares.items():
        count = round(TOTAL * share)
        away = round(count * 0.025)
        cells += [(model, true, count - 4 * away if model == true else away) for model in shares]
    return Population("five labels, 10 % wrong", tuple(cells), rare="e")


POPULATIONS = (
    binary(0.02, 0.90, 0.63),
    binary(0.02, 0.73, 0.10),
    binary(0.07, 0.88, 0.76),
    binary(0.07, 0.97, 0.94),
    binary(0.07, 0.56, 0.17),
    binary(0.18, 0.98, 0.88),
    binary(0.40, 0.92, 0.90),
    five(),
)


def coverage(runs: int, sizes: Sequence[int] = SIZES, seed: int = 1) -> dict[tuple[str, int], dict[str, float]]:
    """Return, by figure and size, the coverage of each population (1 = always) under its name."""
    found: dict[tuple[str, int], dict[str, float]] = {}
    for population in POPULATIONS:
        truths = population.truths()
        rng = random.Random(f"{seed} {population.name}")
        for size in sizes:
            held: dict[str, list[bool]] = {name: [] for name in truths}
            for _ in range(runs):
                strata = population.audit(rng, size)
                label = label_figures(strata, population.rare, draws=DRAWS)
                figures: dict[str, Estimate | None] = {
                    "share": label.share,
                    "recall": label.recall,
                    "precision": label.precision,
                    "accuracy": accuracy(strata, draws=DRAWS),
                }
                for name, estimate in figures.items():
                    if estimate is not None:
                        held[name].append(estimate.low - 1e-9 <= truths[name] <= estimate.high + 1e-9)
            for name, ones in held.items():
                if ones:
                    found.setdefault((name, size), {})[population.name] = fmean(ones)
    return found


def healthy(rng: random.Random, share: float, count: int) -> Iterable[Ask]:
    """Yield the asks of a healthy run: 2.5 % re-asked, 0.5 % failed, latencies of a lognormal distribution."""
    for _ in range(count):
        yield Ask(
            "0" if rng.random() < share else "1",
            reasked=rng.random() < 0.025,
            failed=rng.random() < 0.005,
            latency_s=rng.lognormvariate(0, 0.4),
            model="m",
        )


def false_alarms(runs: int, share: float, seed: int = 1, asks: int = TOTAL) -> dict[Watch, int]:
    """Return in how many of ``runs`` healthy runs each watch raised an alarm."""
    found: dict[Watch, int] = {}
    for run in range(runs):
        rng = random.Random(f"{seed} {share} {run}")
        watches = WatchSet(("1", "0"), expected=asks, shuffled=True)
        for ask in healthy(rng, share, asks):
            watches.observe(ask)
        for reading in watches.raised:
            found[reading.watch] = found.get(reading.watch, 0) + 1
    return found


@dataclass
class CanaryRun:
    """A run of which only the canaries are looked at. ``noise`` of all answers differ from the label by chance.

    From ask ``before`` on the model differs: with ``collapsed`` every answer is "1", otherwise a share of the emails
    (``differing``) has another label, or of those labeled "0" (``halved``). ``at_once`` starts a round there.
    """

    share: float
    noise: float
    before: int
    asks: int = TOTAL
    differing: float = 0.0
    halved: float = 0.0
    collapsed: bool = False
    at_once: bool = False
    extra: int = 0
    ready_at: int | None = None

    def delay(self, rng: random.Random) -> int | None:
        """Return after how many asks behind ``before`` the canaries alarm (the whole run counts), or None."""
        canaries = Canaries(("1", "0"), texts=TOTAL)
        labels: dict[int, str] = {}
        turned: dict[int, str] = {}
        for ask in range(1, self.asks + 1):
            if ask == self.before + 1 and self.at_once:
                canaries.begin_round()
            labels[ask] = "0" if rng.random() < self.share else "1"
            if self.collapsed and ask > self.before:
                labels[ask] = "1"
            canaries.offer(ask, labels[ask])
            if self.ready_at is None and canaries.armed:
                self.ready_at = ask
            while (due := canaries.due()) is not None:
                self.extra += 1
                email, round_ = due
                canaries.sent(email, round_)
                value = labels[email]
                if ask > self.before:
                    value = turned.setdefault(email, self._turned(rng, value))
                if rng.random() < self.noise:
                    value = "1" if value == "0" else "0"
                if canaries.answered(CanaryAnswer(email, labels[email], value, round_)):
                    return ask - self.before
        return None

    def _turned(self, rng: random.Random, label: str) -> str:
        if self.collapsed:
            return "1"
        flips = self.differing or (self.halved if label == "0" else 0.0)
        return ("1" if label == "0" else "0") if rng.random() < flips else label


def false_canaries(runs: int, noise: float, seed: int = 1, share: float = 0.07) -> int:
    """Return in how many of ``runs`` healthy runs the canaries alarmed, with ``noise`` changes per repetition."""
    found = [CanaryRun(share, noise, TOTAL).delay(random.Random(f"{seed} {noise} {run}")) for run in range(runs)]
    return sum(delay is not None for delay in found)


def canary_delays(runs: int, text: str, **change: Any) -> list[int | None]:
    """Return after how many asks a change at ask 2,000 alarms, for each run that had no alarm before."""
    found = []
    for run in range(runs):
        share = (0.07, 0.18)[run % 2]
        delay = CanaryRun(share, 0.005, 2_000, **change).delay(random.Random(f"{text} {run}"))
        if delay is None or delay > 0:
            found.append(delay)
    return found


def share_delays(runs: int, before: float, after: float, asks: int = 2_500, seed: int = 1) -> list[int | None]:
    """Return after how many asks a change of the share at ask 1,000 was noticed, for each run."""
    found: list[int | None] = []
    for run in range(runs):
        rng = random.Random(f"{seed} {before} {after} {run}")
        watches = WatchSet(("1", "0"), expected=TOTAL, shuffled=True)
        for ask in healthy(rng, before, 1_000):
            watches.observe(ask)
        for reading in watches.raised:
            watches.restart(reading.watch)
        delay = None
        for number, ask in enumerate(healthy(rng, after, asks), 1):
            if any(reading.watch in {Watch.RUN, Watch.SHARES} for reading in watches.observe(ask)):
                delay = number
                break
        found.append(delay)
    return found


def wrong_passes(runs: int, true: float, above: float, seed: int = 1) -> float:
    """Return how many models of accuracy ``true`` pass a gate that asks for more than ``above``."""
    rng = random.Random(seed)
    passed = [passed_gate([rng.random() < true for _ in range(GATE_SIZES[-1])], above) for _ in range(runs)]
    return fmean(size is not None for size in passed)


def within(delays: Sequence[int | None], limit: int) -> float:
    """Return how many delays are at most ``limit``."""
    return fmean(delay is not None and delay <= limit for delay in delays)


def _described(delays: Sequence[int | None]) -> str:
    noticed = sorted(delay for delay in delays if delay is not None)
    if not noticed:
        return f"noticed in 0 of {len(delays)}"
    late = noticed[min(len(noticed) - 1, int(0.95 * len(noticed)))]
    return f"noticed in {len(noticed)} of {len(delays)}, median {median(noticed):,.0f}, 95 % {late:,}"


def beyond(share: float, promised: float, runs: int) -> float:
    """Return by how many standard errors of so many runs a share exceeds what is promised; negative below it."""
    return (share - promised) / max(1e-9, (promised * (1 - promised) / runs) ** 0.5)


CHANCE = 3.0
"""Standard errors that a figure may lie beyond its promise: with a hundred figures that happens in one of ten suites."""


def broken_coverage(found: dict[tuple[str, int], dict[str, float]], runs: int) -> list[str]:
    """Return where coverage is below 90 % in a population, or its mean over populations outside 93 to 97 %."""
    told = []
    for (name, size), cells in found.items():
        mean = fmean(cells.values())
        if beyond(mean, 0.93, runs * len(cells)) < -CHANCE or beyond(mean, 0.97, runs * len(cells)) > CHANCE:
            told.append(f"{name} at n={size}: mean {mean:.1%}")
        told += [
            f"{name} at n={size}, {population}: {value:.1%}"
            for population, value in cells.items()
            if beyond(value, 0.90, runs) < -CHANCE
        ]
    return told


def _print_coverage(runs: int) -> list[str]:
    print(f"coverage of 95 % intervals, {len(POPULATIONS)} populations × {runs} runs: least / mean")
    found = coverage(runs)
    print(f"{'':12}" + "".join(f"{f'n={size}':>16}" for size in SIZES))
    for name in ("share", "accuracy", "recall", "precision"):
        cells = [found.get((name, size), {}) for size in SIZES]
        print(f"{name:12}" + "".join(f"{min(c.values()):>8.1%} / {fmean(c.values()):.1%}" for c in cells))
    low = min(((value, key, name) for key, c in found.items() for name, value in c.items()), key=lambda item: item[0])
    print(f"lowest: {low[0]:.1%} for {low[1][0]} at n={low[1][1]}, {low[2]}\n", flush=True)
    return broken_coverage(found, runs)


def _print_alarms(runs: int) -> list[str]:
    told = []
    print(f"healthy runs of {TOTAL:,} asks with an alarm, of {runs}")
    for share in (0.02, 0.07, 0.18, 0.5):
        found = false_alarms(runs, share)
        count = sum(found.values())
        print(f"  share {share:.0%}: {count}  {({w.value: n for w, n in found.items()}) or ''}", flush=True)
        if beyond(count / runs, 0.01, runs) > CHANCE:
            told.append(f"healthy runs with an alarm at a share of {share:.0%}: {count} of {runs}")
    for noise in (0.0, 0.005, 0.01, 0.02, 0.05):
        found_ = false_canaries(5 * runs, noise)
        print(f"  canaries, {noise:.1%} noise: {found_} of {5 * runs} ({found_ / (5 * runs):.2%})", flush=True)
        if noise <= 0.01 and beyond(found_ / (5 * runs), 0.01, 5 * runs) > CHANCE:
            told.append(f"healthy runs with an alarm of canaries at {noise:.1%} noise: {found_} of {5 * runs}")
    for share in (0.02, 0.07, 0.18, 0.5):
        ones = [CanaryRun(share, 0.005, TOTAL) for _ in range(40)]
        for number, one in enumerate(ones):
            one.delay(random.Random(f"cost {share} {number}"))
        ready = median(one.ready_at or TOTAL for one in ones)
        cost = fmean(one.extra for one in ones)
        print(
            f"  canaries, share {share:.0%}: armed at ask {ready:,.0f}, {cost:,.0f} questions in {TOTAL:,}", flush=True
        )
    print("changes at ask 1,000, noticed after so many asks")
    few = max(20, runs // 4)
    for text, before, after in (
        ("all majority, 18 %", 0.18, 0.0), ("all majority, 7 %", 0.07, 0.0), ("all minority, 18 %", 0.18, 1.0),
        ("20 % flips, 18 %", 0.18, 0.308), ("20 % flips, 7 %", 0.07, 0.242), ("minority doubled, 18 %", 0.18, 0.36),
    ):  # fmt: skip
        print(f"  shares, {text}: {_described(share_delays(few, before, after))}", flush=True)
    for text, limit, change in CANARY_CHANGES:
        delays = canary_delays(4 * runs, text, **change)
        print(f"  canaries, {text}: {_described(delays)}; {within(delays, limit):.1%} within {limit}", flush=True)
        promised = {"collapse": 0.99, "20 % flips": 0.95}.get(text, 0.0)
        if promised and beyond(within(delays, limit), promised, len(delays)) < -CHANCE:
            told.append(f"{text} noticed within {limit}: {within(delays, limit):.1%}")
    print()
    return told


def _print_gates(runs: int) -> list[str]:
    told = []
    print(f"gates: models that pass 'accuracy above 90 %', of {10 * runs}")
    for true in (0.85, 0.88, 0.90, 0.93, 0.95, 0.97):
        passed = wrong_passes(10 * runs, true, 0.9)
        print(f"  true {true:.2f}: {passed:.1%}", flush=True)
        if true <= 0.9 and beyond(passed, 0.025, 10 * runs) > CHANCE:
            told.append(f"models of {true:.2f} that pass the gate: {passed:.1%}")
    return told


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; return 1 where a promise broke."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--only", choices=("coverage", "alarms", "gates"))
    options = parser.parse_args(arguments)
    parts = {"coverage": _print_coverage, "alarms": _print_alarms, "gates": _print_gates}
    broken = [each for name, part in parts.items() if options.only in (None, name) for each in part(options.runs)]
    print("\n".join(f"BROKEN: {each}" for each in broken) or "every promise held")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
