"""Bring what people said of a sample together: which answer counts, confusion, agreement, and all figures of a run.

:class:`Audit` is what was read of a run file; :func:`judge` makes the :class:`Quality` of it that screens, the command
line and the report show. Pure.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from core.quality.agreement import Agreement, Pair, alpha, kappa, majority
from core.quality.alarms import FALSE_ALARMS_PER_100_RUNS
from core.quality.estimates import (
    FEWEST_IN_A_CELL,
    WIDEST_HALF,
    Estimate,
    Figures,
    Stratum,
    figures,
    needed,
    passed_gate,
)
from core.quality.intervals import wilson
from core.quality.packing import PackFacts, PackVerdict, verdict
from core.quality.sampling import Candidate, Sample, is_member, is_shared

MOST_UNSURE = 0.02
"""Share of the checked items that nobody could tell, up to which the figures leave them out without a word."""
GATE = 0.9
"""Accuracy that the gate requires, checked after 100, 200 and 400 audited emails."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Hold what a person said of an email, blind; ``value`` is None where the person could not decide.

    ``kind`` is first, second (a second look) or adjudicated. ``email_id`` is the email that was shown; emails with the
    same text share the answer.
    """

    id: int
    email_id: int
    annotator: str
    kind: str
    value: str | None
    seconds: float
    batch: int
    at: float
    note: str = ""


@dataclass(frozen=True)
class Member:
    """Hold an email of the sample: its permanent number, the model's label (None: not yet), and people's answers.

    ``key`` and ``model`` name the call that gave the label; ``older`` are labels by other versions of the task, as
    (version, label).
    """

    email_id: int
    u: float
    model_label: str | None
    answers: tuple[Answer, ...] = ()
    position: int = 0
    reasked: bool = False
    content: str = ""
    key: str = ""
    model: str = ""
    older: tuple[tuple[str, str], ...] = ()

    def by_annotator(self) -> dict[str, Answer]:
        """Return each person's newest answer."""
        return {answer.annotator: answer for answer in self.answers if answer.kind != "adjudicated"}

    @cached_property
    def label(self) -> str | None:
        """Return what people say: an adjudicated label, the one that they share, or the first person's; None without.

        A split that nobody adjudicated counts with the first answer, so that hard emails are not left out.
        """
        if len(self.answers) < 2:
            return self.answers[0].value if self.answers else None
        settled = [answer for answer in self.answers if answer.kind == "adjudicated"]
        if settled:
            return settled[-1].value
        given = {who: answer.value for who, answer in self.by_annotator().items() if answer.value is not None}
        return majority(given) or next(iter(given.values()), None)

    @property
    def split(self) -> bool:
        """Return whether people differ and nobody settled it."""
        given = {answer.value for answer in self.by_annotator().values() if answer.value is not None}
        return len(given) > 1 and not any(answer.kind == "adjudicated" for answer in self.answers)

    @property
    def unsure(self) -> bool:
        """Return whether people answered, but none of them could decide."""
        return bool(self.answers) and self.label is None


@dataclass(frozen=True, slots=True)
class Batch:
    """Hold a batch of one annotator; ``second`` are the emails that come back, None while it was not planned."""

    annotator: str
    number: int
    second: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class GoldSet:
    """Hold labels from elsewhere: ``pairs`` are (gold label, model's label or None) of the emails that have one.

    ``differing`` are the emails on which the model has another label.
    """

    name: str
    pairs: tuple[tuple[str, str | None], ...]
    differing: tuple[int, ...] = ()


@dataclass(frozen=True)
class Audit:
    """Hold what a run file says of labels and people. ``by_model`` counts emails by model label in ``version``."""

    run: str
    version: str
    model: str
    labels: tuple[str, ...]
    names: Mapping[str, str]
    total: int
    by_model: Mapping[str, int]
    sample: Sample
    started: bool
    members: tuple[Member, ...]
    batches: tuple[Batch, ...] = ()
    gold: tuple[GoldSet, ...] = ()
    watches: tuple[Mapping[str, Any], ...] = ()
    simulated: bool = False
    versions: tuple[tuple[str, str, int], ...] = field(default=())
    packs: PackFacts | None = None

    @cached_property
    def candidates(self) -> tuple[Candidate, ...]:
        """Return the sample's emails as sampling takes them."""
        return tuple(Candidate(m.email_id, m.u, m.model_label, frozenset(m.by_annotator())) for m in self.members)

    @cached_property
    def drawn(self) -> tuple[Member, ...]:
        """Return the members whose number is under the rate of their label."""
        return tuple(m for m, c in zip(self.members, self.candidates, strict=True) if is_member(self.sample, c))


@dataclass(frozen=True, slots=True)
class Person:
    """Hold what one annotator did."""

    name: str
    answers: int
    cannot_tell: int
    median_s: float
    second_looks: int
    changed: int


@dataclass(frozen=True, slots=True)
class Part:
    """Hold a part of the audited emails: on how many model and people agree, with Wilson's interval.

    ``by`` says what the run is parted by. Only emails that were drawn at the rate of all count, so that a top-up of
    rare labels shifts nothing. ``accuracy.more`` is how many more random emails of the whole run bring it to ±10
    points. ``emails`` are those that differ, then the others.
    """

    by: str
    name: str
    audited: int
    agree: int
    accuracy: Estimate | None
    emails: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Quality:
    """Hold all that is known of a run's labels."""

    audit: Audit
    figures: Figures
    kappa: Agreement
    people: Agreement
    confusion: Mapping[str, Mapping[str, int]]
    persons: tuple[Person, ...]
    labeled: int
    audited: int
    due: int
    cannot_tell: int
    splits: int
    breakdowns: tuple[Part, ...]
    gate: int | None

    @property
    def provisional(self) -> bool:
        """Return whether emails of the sample that the model has labeled still wait for a person."""
        return self.due > 0

    @property
    def packs(self) -> PackVerdict | None:
        """Return what the control sample says of packs; None in a run without any."""
        return None if self.audit.packs is None else verdict(self.audit.packs, self.audit.labels)

    @property
    def line(self) -> str:
        """Return how much people checked, and on how much of it they and the model agree."""
        accuracy = self.figures.accuracy
        if accuracy is None:
            return "checked by nobody"
        return (
            f"checked {self.audited:,} of {self.labeled:,}: {accuracy.value * 100:.0f} %"
            f" ({accuracy.low * 100:.0f}–{accuracy.high * 100:.0f}) agree"
        )

    @property
    def accuracy_with_unsure(self) -> tuple[float, float] | None:
        """Return the accuracy if all items that nobody could tell were wrong, and if all were right.

        None where they are 2 % of the checked ones or fewer: then they do not matter.
        """
        unsure = Counter(m.model_label for m in self.audit.drawn if m.answers and m.unsure)
        counted = [
            (self.audit.by_model[model], people.get(model, 0), sum(people.values()), unsure[model])
            for model, people in self.confusion.items()
            if sum(people.values()) + unsure[model]
        ]
        left_out = sum(missing for *_, missing in counted)
        if left_out <= MOST_UNSURE * (self.audited + left_out):
            return None
        total = sum(size for size, *_ in counted)
        low = sum(size * hits / (of + missing) for size, hits, of, missing in counted)
        high = sum(size * (hits + missing) / (of + missing) for size, hits, of, missing in counted)
        return low / total, high / total

    def disagreements(self, held_back: frozenset[int] = frozenset()) -> tuple[Member, ...]:
        """Return the audited emails on which model and people differ, in the order of the sample.

        Those ``held_back`` (of a batch whose second looks are not answered) are left out.
        """
        return tuple(
            m for m in self.audit.drawn
            if m.model_label is not None and m.label is not None and m.label != m.model_label
            and m.email_id not in held_back
        )  # fmt: skip

    def misread(self) -> list[tuple[str, str, tuple[int, ...], tuple[int, ...]]]:
        """Return the kinds of mistakes as (model's label, people's, those emails, those that it read rightly).

        The most frequent kind comes first; empty where model and people agree on everything checked.
        """
        cells: dict[tuple[str, str], list[int]] = {}
        for m in self.audit.drawn:
            if m.model_label is not None and m.label is not None:
                cells.setdefault((m.model_label, m.label), []).append(m.email_id)
        wrong = sorted(((len(ids), cell) for cell, ids in cells.items() if cell[0] != cell[1]), reverse=True)
        return [
            (model, person, tuple(cells[model, person]), tuple(cells.get((person, person), ())))
            for _, (model, person) in wrong
        ]

    def behind(self, held_back: frozenset[int] = frozenset()) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """Return the emails behind the figures as (what they are, their numbers), without those ``held_back``."""
        audited = [m for m in self.audit.drawn if m.model_label is not None and m.label is not None]
        cells: dict[tuple[str, str], list[int]] = {}
        for m in audited:
            cells.setdefault((m.model_label or "", m.label or ""), []).append(m.email_id)
        apart = sorted(
            ((cell, ids) for cell, ids in cells.items() if cell[0] != cell[1]), key=lambda each: -len(each[1])
        )
        same = [(cell, ids) for cell, ids in cells.items() if cell[0] == cell[1]]
        found = [(f"model {model}, person {person}", ids) for (model, person), ids in [*apart, *same]]
        found += [(f"{part.by}: {part.name}, those that differ first", list(part.emails)) for part in self.breakdowns]
        answered = [m for m in self.audit.drawn if m.answers]
        changed = [m.email_id for m in answered if _changed(m)]
        found += [
            ("cannot tell", [m.email_id for m in answered if m.unsure]),
            ("split among people", [m.email_id for m in answered if m.split]),
            ("changed in a second look", changed),
            *((f"labels of {gold.name} that differ", list(gold.differing)) for gold in self.audit.gold),
        ]
        shown = [(name, tuple(n for n in ids if n not in held_back)) for name, ids in found]
        return tuple((name, ids) for name, ids in shown if ids)

    def as_json(self) -> dict[str, Any]:
        """Return what ``labeltui quality --json`` prints."""
        return {
            "run": self.audit.run,
            "task_version": self.audit.version,
            "labeled": self.labeled,
            "audited": self.audited,
            "due": self.due,
            "provisional": self.provisional,
            "accuracy": _triple(self.figures.accuracy),
            "kappa": self.kappa.triple,
            "labels": {
                label.label: {
                    "raw_share": round(label.raw_share, 6),
                    "share": _triple(label.share),
                    "recall": _triple(label.recall),
                    "precision": _triple(label.precision),
                    "over_reporting": _triple(label.over_reporting),
                    "audited": label.audited,
                }
                for label in self.figures.labels
            },
            "confusion": {model: dict(people) for model, people in self.confusion.items()},
            "annotators": {
                person.name: {
                    "answers": person.answers,
                    "cannot_tell": person.cannot_tell,
                    "median_s": round(person.median_s, 1),
                    "second_looks": person.second_looks,
                    "changed": person.changed,
                }
                for person in self.persons
            },
            "agreement": {
                "alpha": self.people.triple,
                "raw": round(self.people.raw, 6) if self.people.emails else None,
                "emails": self.people.emails,
                "split": self.splits,
                "cannot_tell": self.cannot_tell,
            },
            "gold": {gold.name: gold_figures(gold) for gold in self.audit.gold},
            "breakdowns": [
                {
                    "by": part.by,
                    "part": part.name,
                    "audited": part.audited,
                    "agree": part.agree,
                    "accuracy": _triple(part.accuracy),
                    "few": part.accuracy is None or part.accuracy.few,
                    "more": 0 if part.accuracy is None else part.accuracy.more,
                }
                for part in self.breakdowns
            ],
            "sample": {
                "goal": self.audit.sample.goal,
                "seed": self.audit.sample.seed,
                "base_rate": self.audit.sample.base_rate,
                "rates": dict(self.audit.sample.rates),
            },
            "gate": {"above": GATE, "passed_at": self.gate},
            "watches": [dict(watch) for watch in self.audit.watches],
            **({} if self.packs is None else {"pack": self.packs.as_json()}),
        }


def judge(audit: Audit) -> Quality:
    """Return the figures of an audit."""
    labeled = sum(audit.by_model.values())
    people: dict[str, Counter[str]] = {label: Counter() for label in audit.by_model}
    pairs: list[tuple[str, str]] = []
    right: list[bool] = []
    for member in sorted(audit.drawn, key=lambda m: m.answers[0].id if m.answers else 0):
        if member.model_label is None or member.label is None or member.model_label not in people:
            continue
        people[member.model_label][member.label] += 1
        pairs.append((member.label, member.model_label))
        if member.u < audit.sample.base_rate:
            right.append(member.label == member.model_label)
    strata = [Stratum(label, count, people[label], audit.sample.rate(label)) for label, count in audit.by_model.items()]
    weights = {s.label: s.size / s.audited if s.audited else 0.0 for s in strata}
    units = [
        {who: a.value for who, a in m.by_annotator().items() if a.value is not None}
        for m in audit.drawn
        if is_shared(audit.sample, Candidate(m.email_id, m.u, None)) or len(m.by_annotator()) > 1
    ]
    answered = [m for m in audit.drawn if m.answers]
    columns = _all_labels(audit.labels, people)
    return Quality(
        audit=audit,
        figures=figures(strata, audit.labels),
        kappa=kappa([Pair(person, model, weights[model], model) for person, model in pairs]),
        people=alpha(units),
        confusion={
            model: {label: people[model][label] for label in columns}
            for model in (*(label for label in columns if label in people), *sorted(people.keys() - set(columns)))
        },
        persons=_persons(audit.members),
        labeled=labeled,
        audited=len(pairs),
        due=sum(m.model_label is not None and not m.answers for m in audit.drawn),
        cannot_tell=sum(m.unsure for m in answered),
        splits=sum(m.split for m in answered),
        breakdowns=_breakdowns(audit),
        gate=passed_gate(right, GATE),
    )


def gold_figures(gold: GoldSet) -> dict[str, Any]:
    """Return agreement of the model with labels from elsewhere: never pooled with audits, never with an interval."""
    known = [(label, model) for label, model in gold.pairs if model is not None]
    agreed = sum(label == model for label, model in known)
    value = kappa([Pair(label, model) for label, model in known]).value if known else None
    return {
        "emails": len(gold.pairs),
        "compared": len(known),
        "agree": round(agreed / len(known), 6) if known else None,
        "kappa": None if value is None else round(value, 6),
    }


def _all_labels(labels: Sequence[str], people: Mapping[str, Counter[str]]) -> list[str]:
    other = {label for counts in people.values() for label in counts} - set(labels)
    return [*labels, *sorted(other)]


def _triple(estimate: Any) -> list[float] | None:
    return None if estimate is None else estimate.triple


def _persons(members: Sequence[Member]) -> tuple[Person, ...]:
    by: dict[str, list[Answer]] = {}
    seen: set[int] = set()
    for member in members:
        for answer in member.answers:
            if answer.id not in seen:
                seen.add(answer.id)
                by.setdefault(answer.annotator, []).append(answer)
    found = []
    for name, answers in sorted(by.items()):
        firsts = {answer.email_id: answer for answer in answers if answer.kind == "first"}
        seconds = [answer for answer in answers if answer.kind == "second"]
        times = sorted(answer.seconds for answer in answers)
        changed = sum(a.email_id in firsts and firsts[a.email_id].value != a.value for a in seconds)
        found.append(
            Person(
                name, len(firsts), sum(a.value is None for a in firsts.values()),
                times[len(times) // 2] if times else 0.0, len(seconds), changed,
            )
        )  # fmt: skip
    return tuple(found)


def _changed(member: Member) -> bool:
    """Return whether a person's second answer differs from the first one."""
    firsts = {a.annotator: a.value for a in member.answers if a.kind == "first"}
    return any(a.annotator in firsts and firsts[a.annotator] != a.value for a in member.answers if a.kind == "second")


MOST_PARTS = 12
"""Parts of one kind (such as keys) that are shown, those with the most audited emails."""


def _breakdowns(audit: Audit) -> tuple[Part, ...]:
    """Return the parts of the audited emails: re-asked or not, by half of the run, key, model and version."""
    judged = [m for m in audit.drawn if m.model_label is not None and m.label is not None]
    drawn = sorted((m for m in judged if m.u < audit.sample.base_rate), key=lambda m: m.u)
    of = len(drawn)
    left = max(
        0, sum(audit.by_model.values()) - sum(m.model_label is not None and bool(m.answers) for m in audit.drawn)
    )
    groups: dict[str, dict[str, list[tuple[Member, str]]]] = {}
    for m in drawn:
        label = m.model_label or ""
        half = "first" if 2 * m.position < audit.total else "second"
        for by, name in (
            ("re-asked", "yes" if m.reasked else "no"), ("half of the run", half), ("key", m.key), ("model", m.model),
            ("version", audit.version),
        ):  # fmt: skip
            if name:
                groups.setdefault(by, {}).setdefault(name, []).append((m, label))
        for version, value in m.older:
            groups["version"].setdefault(version, []).append((m, value))
    found = []
    for by, parts in groups.items():
        named = sorted(parts.items(), key=lambda each: (-len(each[1]), each[0]))[:MOST_PARTS]
        if by in ("re-asked", "half of the run"):
            named.sort(key=lambda each: ("yes", "no", "first", "second").index(each[0]))
        found += [_part(by, name, members, of, left) for name, members in named]
    return tuple(found)


def _part(by: str, name: str, members: Sequence[tuple[Member, str]], of: int, left: int) -> Part:
    """Return one part; ``members`` come by their number u, each with the label that is judged.

    ``of`` emails were audited in all, ``left`` can still be.
    """
    n = len(members)
    apart = [m.email_id for m, label in members if m.label != label]
    agree = n - len(apart)
    low, high = wilson(agree, n)
    half = (high - low) / 2
    few = n < FEWEST_IN_A_CELL or half > WIDEST_HALF
    # Of random emails of the whole run only n in ``of`` fall into this part.
    more = min(left, math.ceil(needed(n, half) * of / n)) if few else 0
    same = (m.email_id for m, label in members if m.label == label)
    accuracy = Estimate(agree / n, low, high, n, few, more)
    return Part(by, name, n, agree, accuracy, (*apart, *same))


def watch_json(name: str, state: str, statistic: float, limit: float, sentence: str) -> dict[str, Any]:
    """Return one watch as ``quality --json`` lists it."""
    rate = next((rate for watch, rate in FALSE_ALARMS_PER_100_RUNS.items() if watch.value == name), None)
    return {
        "name": name,
        "state": state,
        "statistic": round(statistic, 4),
        "limit": round(limit, 4),
        "false_alarms_per_100_runs": rate,
        "sentence": sentence,
    }
