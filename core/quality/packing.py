"""Prove or disprove that packs are harmless: a random sample of packed texts is asked about alone as well. Pure.

A text belongs to the sample by a permanent random number: a quarter of the first 125 texts of a size of packs, 0.8 % of
all later ones (5 % of a run of 800, fewer of a longer one), and half of them while the watch is suspicious. Where
the answer to the text alone differs from its packed label, the same question is asked once more. If packs are harmless
the three answers are exchangeable, so the second answer sides with the first as often as with the label: what differs
by the server's own noise is distinguished from what the pack did. Answers that differ and stay are summed by a CUSUM
(Page 1954), with p0 = 0.02 (more where the second answers show a noisier server) and p1 = 0.2, against a limit of 6.5;
an alarm also needs a sign test of differences that stay against those that do not. ``tests/programs/packs.py`` measures
false alarms and delays.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from core.quality.intervals import jeffreys
from core.quality.sampling import permanent_number

FIRST_TEXTS, FIRST_SHARE, SHARE = 125, 0.24, 0.008
SUSPECTED_SHARE = 0.5
HEALTHY, COLORED = 0.02, 0.2
"""Rates p0 and p1 of packed labels that two single answers contradict."""
LIMIT = 6.5
SIGN_LIMIT = 0.0045
"""An alarm needs at least 8 differences that stay against none that goes, 11 against 1, or 13 against 2: by noise alone
as many stay as go, so that the first 8 all stay in 1 of 256 noisy runs."""
FALSE_ALARMS_PER_100_RUNS = 0.8
"""At worst, for healthy runs of 5,000 texts on servers whose answers to the same question differ in up to 10 %."""
MOST_TRIES = 2
"""Calls about a text of the sample that may give no label before it is left out."""
DRAWS = 4_000


@dataclass(frozen=True, slots=True)
class ControlAnswer:
    """Hold an answer to a text asked about alone: ``label`` is the packed one, ``value`` this one, ``turn`` 1 or 2.

    The text stood at ``position`` of a pack of ``size``.
    """

    email_id: int
    label: str
    value: str
    turn: int
    size: int
    position: int


def share_at(place: int, *, suspicious: bool = False) -> float:
    """Return the share of texts that are asked about alone too, for the how-manieth packed text."""
    if place <= FIRST_TEXTS:
        return FIRST_SHARE
    return SUSPECTED_SHARE if suspicious else SHARE


def expected_controls(packed: float, texts: float) -> float:
    """Return about how many questions the control adds to ``texts`` that are left to pack, after ``packed`` ones."""
    first = min(texts, max(0.0, FIRST_TEXTS - packed))
    return first * FIRST_SHARE + (texts - first) * SHARE


@dataclass(slots=True)
class _Due:
    label: str
    size: int
    position: int
    turn: int = 1
    tries: int = 0
    first: str = ""


class PackControl:
    """Choose the control sample, say which text is due, and watch the answers.

    ``steps`` are the sizes that packs go through where the sample decides; one size alone stays. One call about a text
    is out at a time: :meth:`sent`, then :meth:`answered` or, where it gave no label, :meth:`given_up`.
    """

    def __init__(self, seed: int, steps: Sequence[int], size: int | None = None) -> None:
        self._seed = seed
        self._steps = tuple(steps)
        self.size = steps[0] if size is None else size
        self._due: dict[int, _Due] = {}
        self._out: set[int] = set()
        self.restart()

    def restart(self) -> None:
        """Begin anew: another size of packs, or a dismissed alarm."""
        self._packed = 0
        self.asked = self.stayed = self.gone = 0
        self.sum = 0.0

    def offer(self, email_id: int, label: str, size: int, position: int) -> None:
        """Take a text that was labeled in a pack, as one that may belong to the sample."""
        if size < 2 or self.size < 2:
            return
        self._packed += 1
        if permanent_number(self._seed, email_id) < share_at(self._packed, suspicious=self.sum > 0.0):
            self._due[email_id] = _Due(label, size, position)

    def due(self) -> tuple[int, ControlAnswer] | None:
        """Return a text to ask about alone now, with what is known of it (``value`` is empty); None where none is."""
        for email_id, due in self._due.items():
            if email_id not in self._out:
                return email_id, ControlAnswer(email_id, due.label, "", due.turn, due.size, due.position)
        return None

    def sent(self, email_id: int) -> None:
        """Note that the question goes out."""
        self._out.add(email_id)

    def given_up(self, email_id: int) -> None:
        """Note that it gave no label; after two such calls the text is left out."""
        self._out.discard(email_id)
        due = self._due.get(email_id)
        if due is not None:
            due.tries += 1
            if due.tries >= MOST_TRIES:
                del self._due[email_id]

    def drop(self, email_id: int) -> None:
        """Leave a text out: it has no label of this task any more."""
        self._due.pop(email_id, None)
        self._out.discard(email_id)

    def answered(self, answer: ControlAnswer) -> bool:
        """Take an answer; return whether it alarms."""
        self._out.discard(answer.email_id)
        due = self._due.pop(answer.email_id, None)
        if answer.size != self.size and due is None:
            return False
        first = answer.value if answer.turn == 1 else due.first if due is not None else ""
        if answer.turn == 1 and answer.value != answer.label:
            again = due or _Due(answer.label, answer.size, answer.position)
            again.turn, again.tries, again.first = 2, 0, first
            self._due[answer.email_id] = again
            return False
        self.asked += 1
        stays = answer.turn == 2 and answer.value != answer.label
        self.stayed += stays
        self.gone += answer.turn == 2 and not stays
        healthy = max(HEALTHY, 2.2 * (self.gone + 0.5) / (self.asked + 45))
        colored = max(COLORED, min(0.6, 4.0 * healthy))
        self.sum += math.log(colored / healthy) if stays else math.log((1 - colored) / (1 - healthy))
        self.sum = max(0.0, self.sum)
        return self.sum >= LIMIT and _sign_test(self.stayed, self.gone) <= SIGN_LIMIT

    def lower(self) -> int | None:
        """Go to the next smaller size and return it; None where there is none."""
        smaller = [step for step in self._steps if step < self.size]
        if not smaller:
            return None
        self.size = smaller[0]
        self._due.clear()
        self.restart()
        return self.size

    @property
    def packed(self) -> int:
        """Return how many texts were packed since it began."""
        return self._packed

    @property
    def sentence(self) -> str:
        """Return how it stands."""
        if self.size < 2:
            return "off: every text is asked about alone"
        if not self.asked:
            return f"no text of a pack of {self.size} was asked about alone yet"
        differ = f"{self.stayed} labeled otherwise, twice" if self.stayed else "none labeled otherwise, twice"
        return f"{self.asked} of packs of {self.size} asked about alone: {differ}"


def _sign_test(more: int, less: int) -> float:
    """Return P(X ≥ more) of a fair coin thrown ``more + less`` times."""
    of = more + less
    return float(sum(math.comb(of, k) for k in range(more, of + 1)) / (1 << of))


# -- the verdict -----------------------------------------------------------------------------------------------------

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class PackFacts:
    """Hold what a run file says of packs in one version of the task.

    ``setting`` is what the task says, ``size`` what packs hold now. ``places`` counts labels at the ends (True) and in
    the middle of packs. ``alone`` emails had no usable answer in their pack. ``changes`` are the sizes that were left.
    """

    setting: str
    size: int
    packs: int
    texts: int
    alone: int
    answers: tuple[ControlAnswer, ...]
    places: Mapping[tuple[str, bool], int] = field(default_factory=dict)
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LabelShift:
    """Hold a label in packs: its packed share less its single share, and its share at ends less that in the middle."""

    label: str
    shift: Triple | None
    ends: Triple | None


@dataclass(frozen=True)
class PackVerdict:
    """Hold what the control sample says: shares of 1 with their 95 % intervals; None where nothing is known yet.

    ``agreement`` is that of packed labels with answers to the same text alone, ``repeats`` that of two answers alone,
    as second answers show it. ``stayed`` of the ``differ`` packed labels were contradicted twice.
    """

    facts: PackFacts
    controls: int
    differ: int
    stayed: int
    gone: int
    agreement: Triple | None
    repeats: Triple | None
    labels: tuple[LabelShift, ...]

    @property
    def harmless(self) -> bool | None:
        """Return whether packs agree with single answers as often as those with each other; None with too few."""
        if self.agreement is None or self.controls < 20 or self.repeats is None:
            return None
        return self.agreement[2] >= self.repeats[1]

    @property
    def sentence(self) -> str:
        """Return the verdict in words."""
        if self.agreement is None:
            return f"{self.facts.texts:,} texts in {self.facts.packs:,} packs; none was asked about alone yet"
        value, low, high = (100 * each for each in self.agreement)
        found = (
            f"{self.controls} packed texts asked about alone: {value:.1f} % ({low:.1f}–{high:.1f}) have the same label"
        )
        if self.differ:
            found += f"; of {self.differ} that differ {self.stayed} differed again, {self.gone} did not"
        return found

    def as_json(self) -> dict[str, Any]:
        """Return the object ``pack`` of ``labeltui quality --json``."""
        return {
            "pack": self.facts.setting,
            "size": self.facts.size,
            "packs": self.facts.packs,
            "texts": self.facts.texts,
            "asked_alone": self.facts.alone,
            "controls": self.controls,
            "differ": self.differ,
            "differ_again": self.stayed,
            "agreement": _rounded(self.agreement),
            "repeats": _rounded(self.repeats),
            "harmless": self.harmless,
            "shift": {each.label: _rounded(each.shift) for each in self.labels},
            "ends_less_middle": {each.label: _rounded(each.ends) for each in self.labels},
            "changes": list(self.facts.changes),
        }


def verdict(facts: PackFacts, labels: Sequence[str]) -> PackVerdict:
    """Return what the control sample says; of a text that was asked twice the first answer is compared."""
    first = [each for each in facts.answers if each.turn == 1]
    again = [each for each in facts.answers if each.turn == 2]
    differ = sum(each.value != each.label for each in first)
    gone = sum(each.value == each.label for each in again)
    count = len(first)
    shifts = []
    for label in labels:
        plus = sum(each.label == label != each.value for each in first)
        minus = sum(each.value == label != each.label for each in first)
        ends, middle = (sum(n for (_, end), n in facts.places.items() if end is at) for at in (True, False))
        hits = [facts.places.get((label, at), 0) for at in (True, False)]
        shifts.append(
            LabelShift(
                label,
                _paired(plus, minus, count) if count else None,
                _difference(hits[0], ends, hits[1], middle) if ends and middle else None,
            )
        )
    # Of two answers alone a second one differs from the first where it sides with the label; by symmetry as often again
    # where the first one sided with the label, which is not asked about.
    repeats = None
    if count:
        low, high = jeffreys(gone, count)
        repeats = (1 - min(1.0, 2 * gone / count), 1 - min(1.0, 2 * high), 1 - min(1.0, 2 * low))
    agreement = (1 - differ / count, *jeffreys(count - differ, count)) if count else None
    return PackVerdict(
        facts, count, differ, len(again) - gone, gone, agreement, repeats, tuple(shifts)
    )  # fmt: skip


@lru_cache(maxsize=256)
def _paired(plus: int, minus: int, of: int) -> Triple:
    """Return (plus − minus) / of with the quantiles of draws from a Dirichlet of the three cells, prior ½ each."""
    rng = random.Random(f"{plus} {minus} {of}")
    shapes = (plus + 0.5, minus + 0.5, of - plus - minus + 0.5)
    draws = []
    for _ in range(DRAWS):
        up, down, rest = (rng.gammavariate(shape, 1.0) for shape in shapes)
        draws.append((up - down) / (up + down + rest))
    return ((plus - minus) / of, *_quantiles(draws))


@lru_cache(maxsize=256)
def _difference(hits: int, of: int, other_hits: int, other_of: int) -> Triple:
    """Return the difference of two shares with the quantiles of beta draws, prior ½."""
    rng = random.Random(f"{hits} {of} {other_hits} {other_of}")
    draws = [
        rng.betavariate(hits + 0.5, of - hits + 0.5) - rng.betavariate(other_hits + 0.5, other_of - other_hits + 0.5)
        for _ in range(DRAWS)
    ]
    return (hits / of - other_hits / other_of, *_quantiles(draws))


def _quantiles(draws: list[float]) -> tuple[float, float]:
    draws.sort()
    return draws[int(0.025 * len(draws))], draws[int(0.975 * len(draws))]


def _rounded(triple: Triple | None) -> list[float] | None:
    return None if triple is None else [round(each, 6) for each in triple]
