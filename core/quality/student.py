"""Train a small model on a run's own labels, to find labels worth a second look and what a trained model would repeat.

Multinomial logistic regression over hashed words and word pairs (features of length 1), trained with AdaGrad (Duchi,
Hazan and Singer 2011); standard library only. Labels are judged out of fold: the model that scores an email has not
seen its label. The order feeds people; it never feeds an estimate.
"""

from __future__ import annotations

import math
import random
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from zlib import crc32

from core.quality.intervals import log_hypergeometric_tail

BUCKETS = 1 << 16
"""Hash buckets of the features."""
FOLDS = 3
EPOCHS = 4
MOST_WORDS = 300
"""Words of a text that are looked at."""
MOST_TRAINED = 20_000
"""Texts that a student learns from; more take longer and change its order little."""
_RATE = 0.5
_DECAY = 1e-5
_WORD = re.compile(r"[^\W_]+(?:'\w+)?")
_HEADERS = frozenset({"From", "To", "Cc", "Bcc", "Subject", "Date"})

_RULE_LEVEL = 0.05
"""Chance of naming any word where none marks what the model misreads."""
FEWEST_FOR_A_RULE = 3
"""Fewer misread texts share a word by chance too often."""

Features = tuple[tuple[int, ...], float]
"""Bucket numbers of a text, and the value that each of them has."""


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Hold how much a label surprises the student: ``margin`` = ln P(best other label) − ln P(the label given)."""

    email_id: int
    label: str
    suggested: str
    margin: float


@dataclass(frozen=True, slots=True)
class NextGeneration:
    """Hold what a model trained on these labels would call each email out of fold.

    ``shares`` counts its labels; of ``mistakes`` known from people it repeats ``repeated``: these follow a rule that
    it learned, and are ``repeated_emails``, the surest first.
    """

    shares: dict[str, int]
    total: int
    mistakes: int
    repeated: int
    repeated_emails: tuple[int, ...] = ()


def features(text: str) -> Features:
    """Return the hashed words and pairs of words of a text, each once, scaled to length 1."""
    words = [word.lower() for word in _WORD.findall(text)[:MOST_WORDS]]
    buckets = {crc32(word.encode()) % BUCKETS for word in words}
    buckets.update(crc32(f"{one} {other}".encode()) % BUCKETS for one, other in pairwise(words))
    return tuple(buckets), 1.0 / math.sqrt(len(buckets) or 1)


class Student:
    """Fit a logistic regression for a few labels."""

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = tuple(labels)
        self._weights = [[0.0] * BUCKETS for _ in labels]
        self._squares = [[1e-8] * BUCKETS for _ in labels]
        self._bias = [0.0 for _ in labels]

    def train(self, texts: Sequence[Features], given: Sequence[str], *, seed: int = 0, epochs: int = EPOCHS) -> None:
        """Learn from texts with labels, in an order that depends on ``seed``."""
        number = {label: index for index, label in enumerate(self.labels)}
        order = list(range(len(texts)))
        rng = random.Random(seed)
        for _ in range(epochs):
            rng.shuffle(order)
            for at in order:
                self._learn(texts[at], number[given[at]])

    def log_probabilities(self, text: Features) -> list[float]:
        """Return ln P of each label."""
        buckets, value = text
        scores = [
            bias + value * sum(map(weights.__getitem__, buckets))
            for weights, bias in zip(self._weights, self._bias, strict=True)
        ]
        highest = max(scores)
        total = highest + math.log(sum(math.exp(score - highest) for score in scores))
        return [score - total for score in scores]

    def _learn(self, text: Features, right: int) -> None:
        buckets, value = text
        for index, log_p in enumerate(self.log_probabilities(text)):
            slope = math.exp(log_p) - (index == right)
            if abs(slope) < 1e-3:
                continue
            weights, squares = self._weights[index], self._squares[index]
            step = slope * value
            square = step * step
            for bucket in buckets:
                squares[bucket] += square
                weights[bucket] -= _RATE * (step + _DECAY * weights[bucket]) / math.sqrt(squares[bucket])
            self._bias[index] -= 0.05 * slope


def out_of_fold(
    texts: Sequence[Features], given: Sequence[str], labels: Sequence[str], *, seed: int = 0, folds: int = FOLDS
) -> list[list[float]]:
    """Return ln P of each label for each text, from students that did not learn from it."""
    order = list(range(len(texts)))
    random.Random(seed).shuffle(order)
    found: list[list[float]] = [[] for _ in texts]
    for fold in range(folds):
        learned = [at for place, at in enumerate(order) if place % folds != fold][:MOST_TRAINED]
        student = Student(labels)
        student.train([texts[at] for at in learned], [given[at] for at in learned], seed=seed + fold)
        for at in order[fold::folds]:
            found[at] = student.log_probabilities(texts[at])
    return found


def suspicious(
    email_ids: Sequence[int], given: Sequence[str], scores: Sequence[Sequence[float]], labels: Sequence[str]
) -> tuple[Suspicion, ...]:
    """Return the emails by how much their label surprises the student, the most surprising first."""
    number = {label: index for index, label in enumerate(labels)}
    found = []
    for email_id, label, row in zip(email_ids, given, scores, strict=True):
        own = number[label]
        best = max((index for index in range(len(labels)) if index != own), key=row.__getitem__, default=own)
        found.append(Suspicion(email_id, label, labels[best], row[best] - row[own]))
    return tuple(sorted(found, key=lambda suspicion: (-suspicion.margin, suspicion.email_id)))


def next_generation(
    email_ids: Sequence[int],
    given: Sequence[str],
    scores: Sequence[Sequence[float]],
    labels: Sequence[str],
    people: Sequence[str | None],
) -> NextGeneration:
    """Return what the students would call the emails, and which mistakes known from people they repeat."""
    called = [labels[max(range(len(labels)), key=row.__getitem__)] for row in scores]
    wrong = [at for at, person in enumerate(people) if person is not None and person != given[at]]
    repeated = sorted((at for at in wrong if called[at] == given[at]), key=lambda at: -max(scores[at]))
    ids = tuple(email_ids[at] for at in repeated)
    return NextGeneration(dict(Counter(called)), len(called), len(wrong), len(repeated), ids)


@dataclass(frozen=True, slots=True)
class SharedMark:
    """Hold a word or sender's domain that ``in_misread`` of ``misread`` texts have, and ``in_others`` of ``others``."""

    mark: str
    in_misread: int
    misread: int
    in_others: int
    others: int


def marks(text: str) -> frozenset[str]:
    """Return what may mark a rule in a text as sent: its words without header lines, its subject's, ``from DOMAIN``."""
    found: set[str] = set()
    lines = text.splitlines()
    for place, line in enumerate(lines):
        name, colon, value = line.partition(": ")
        if not colon or name not in _HEADERS:
            found.update(word.lower() for word in _WORD.findall(" ".join(lines[place:]))[:MOST_WORDS])
            break
        if name == "Subject":
            found.update(word.lower() for word in _WORD.findall(value))
        elif name == "From" and "@" in value:
            found.add("from " + value.rpartition("@")[2].strip("<> ").lower())
    return frozenset(found)


def shared_marks(misread: Sequence[str], others: Sequence[str], *, most: int = 3) -> tuple[SharedMark, ...]:
    """Return what the misread texts share that others with the same right label lack, the surest first.

    A hypergeometric test for each word (Fisher 1935), of which those that could never be significant are not counted
    (Tarone 1990): in one of twenty runs at most a word is named that marks nothing.
    """
    if len(misread) < FEWEST_FOR_A_RULE or not others:
        return ()
    wrong = Counter(mark for text in misread for mark in marks(text))
    right = Counter(mark for text in others for mark in marks(text))
    n, total = len(misread), len(misread) + len(others)
    tails: list[tuple[float, float, str]] = []
    for mark in wrong.keys() | right.keys():
        held = wrong[mark] + right[mark]
        least = log_hypergeometric_tail(min(held, n), total, held, n, upper=True)
        tails.append((least, log_hypergeometric_tail(wrong[mark], total, held, n, upper=True), mark))
    tails.sort()
    limit = math.log(_RULE_LEVEL)
    least_tails = [least for least, _, _ in tails]
    tested = next(
        (k for k in range(1, len(tails) + 1) if bisect_right(least_tails, limit - math.log(k)) <= k), len(tails)
    )
    named = sorted((tail, mark) for _, tail, mark in tails if tail <= limit - math.log(tested))
    return tuple(SharedMark(mark, wrong[mark], n, right[mark], len(others)) for _, mark in named[:most])
