"""Every figure of fixed inputs stays what it was: agreement, estimates, watches, canaries, packs, the student, the report.

The other tests of this folder compare the formulas with reference packages and simulations. Here a fixed input of each
kind is computed and compared with ``figures.json``, number by number, so that no figure changes unseen. After a change
that is meant, ``LABELTUI_FIGURES=write pytest tests/quality/test_figures.py`` writes the file anew: look at what differs.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, astuple, is_dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from core.quality import agreement, estimates, intervals, packing, report, sampling, session, student
from core.quality.audit import Answer, Audit, Batch, GoldSet, Member, judge, watch_json
from core.quality.canaries import Canaries, CanaryAnswer, count_for, expected_asks, round_changed
from core.quality.packing import ControlAnswer, PackControl, PackFacts
from core.quality.sampling import Sample
from core.quality.watch_set import Ask, WatchSet

KEPT = Path(__file__).with_name("figures.json")
KINDS = ("binary", "three", "rare", "few", "perfect")


# -- inputs ---------------------------------------------------------------------------------------------------------------


def audit(kind: str) -> Audit:
    """An audit of a run of 900 items, 300 of which are in the sample: answers of three people, old versions, top-ups."""
    labels = {"three": ("a", "b", "c"), "many": tuple(f"topic {n}" for n in range(33))}.get(kind, ("1", "0"))
    share = {"rare": 0.06, "perfect": 0.5}.get(kind, 0.7)
    rng = random.Random(f"audit {kind}")
    sample = Sample(1, "random", 7, 300, 0.31, {labels[-1]: 0.6} if kind == "rare" else {})
    by_model: Counter[str] = Counter()
    members = []
    for number in range(900):
        own = labels[0] if rng.random() < share else rng.choice(labels[1:])
        by_model[own] += 1
        u = sampling.permanent_number(sample.seed, number)
        if u > max(sample.base_rate, *sample.rates.values(), 0.0):
            continue
        answers: list[Answer] = []
        asked = rng.random() < (0.1 if kind == "few" else 0.8)
        for who in ("anna", "ben", "cleo")[: 1 + (number % 3 == 0) + (number % 9 == 0)] if asked else ():
            wrong = kind != "perfect" and rng.random() < 0.12
            value = None if kind != "perfect" and rng.random() < 0.04 else rng.choice(labels) if wrong else own
            answers.append(
                Answer(
                    len(answers),
                    number,
                    who,
                    "first",
                    value,
                    round(rng.uniform(1, 30), 1),
                    1 + number // 450,
                    float(number),
                )
            )
            if who == "anna" and number % 7 == 0:
                again = value if rng.random() < 0.8 else rng.choice(labels)
                answers.append(replace(answers[-1], kind="second", value=again, seconds=2.5))
        if number % 45 == 0 and answers:
            answers.append(replace(answers[0], annotator="cleo", kind="adjudicated", value=labels[0]))
        older = (("v1", rng.choice(labels)),) if number % 2 else ()
        members.append(Member(
            number, u, own if number % 50 else None, tuple(answers), number, number % 11 == 0, f"text {number // 2}",
            ("main", "lab")[number % 2], f"m-{number // 600}", older,
        ))  # fmt: skip
    gold = GoldSet("gold.csv", tuple((rng.choice(labels), rng.choice([*labels, None])) for _ in range(60)), (3, 4))
    watches = (
        watch_json("shares", "steady", -1.0, -13.5, "steady"),
        watch_json("run of one label", "alarm", -9.0, -7.6, "no 1"),
    )
    return Audit(
        "mail", "v2", "m", labels, {label: f"name of {label}" for label in labels}, 900, by_model, sample, started=True,
        members=tuple(members), batches=(Batch("anna", 1, (7, 14)), Batch("ben", 1)), gold=(gold,), watches=watches,
        versions=(("v1", "first", 400), ("v2", "second", 500)), packs=pack_facts(kind),
    )  # fmt: skip


def pack_facts(kind: str) -> PackFacts | None:
    if kind == "few":
        return None
    rng = random.Random(f"packs {kind}")
    labels = ("a", "b", "c") if kind in {"three", "many"} else ("1", "0")
    answers = []
    for number in range(80):
        label = rng.choice(labels)
        value = label if kind == "perfect" or rng.random() < 0.85 else rng.choice(labels)
        answers.append(ControlAnswer(number, label, value, 1, 10, number % 10))
        if value != label:
            answers.append(ControlAnswer(number, label, rng.choice([label, value]), 2, 10, number % 10))
    places = {(label, end): rng.randint(5, 60) for label in labels for end in (True, False)}
    return PackFacts("auto", 10, 40, 390, 6, tuple(answers), places, ("20 to 10",))


def texts(count: int) -> list[tuple[str, str]]:
    """Invented texts of two kinds, with some labels the wrong way round."""
    rng = random.Random("texts")
    words = {
        "1": "meeting contract budget report quarter client invoice",
        "0": "dinner weekend holiday family garden football",
    }
    found = []
    for number in range(count):
        label = "1" if rng.random() < 0.6 else "0"
        said = " ".join(rng.choices(words[label].split(), k=8))
        mistaken = number % 13 == 0
        head = f"From: someone@{'odd' if mistaken else 'plain'}.example\nSubject: {said.split()[0]}\n\n"
        found.append(
            (head + said + (" newsletter" if mistaken else ""), {"1": "0", "0": "1"}[label] if mistaken else label)
        )
    return found


# -- what is computed of them ----------------------------------------------------------------------------------------------


def of_intervals() -> Iterator[Any]:
    counts = [(0, 0), (0, 1), (1, 1), (0, 30), (30, 30), (3, 30), (29, 30), (450, 900)]
    yield [(hits, of, intervals.wilson(hits, of), intervals.jeffreys(hits, of)) for hits, of in counts]
    tails = [
        (0, 100, 10, 20),
        (5, 100, 10, 20),
        (10, 100, 10, 20),
        (1, 50, 1, 50),
        (3, 1000, 40, 60),
        (20, 1000, 40, 60),
    ]
    yield [[intervals.log_hypergeometric_tail(*each, upper=upper) for each in tails] for upper in (True, False)]
    yield [
        intervals.binomial_two_sided_half(*each) for each in ((0, 0), (0, 1), (0, 6), (3, 9), (9, 3), (5, 5), (6, 5))
    ]
    yield [
        intervals.beta_cdf(x, a, b)
        for x in (0.0, 0.01, 0.3, 0.5, 0.99, 1.0)
        for a, b in ((0.5, 0.5), (3.5, 20.5), (200.0, 7.0))
    ]
    yield [
        intervals.beta_quantile(q, a, b) for q in (0.025, 0.5, 0.975) for a, b in ((0.5, 30.5), (10.5, 4.5), (0.5, 0.5))
    ]


def of_estimates() -> Iterator[Any]:
    yield [
        estimates.difference(*each)
        for each in ((100, 0, 0, 0, 0), (100, 20, 12, 5, 3), (400, 40, 10, 30, 0), (50, 50, 1, 49, 0))
    ]
    yield [
        estimates.needed(audited, half) for audited in (0, 1, 50, 400) for half in (0.0, 0.04, 0.05, 0.051, 0.1, 0.5)
    ]
    yield [estimates.least_for_recall(share) for share in (0.0, 0.001, 0.01, 0.05, 0.3, 0.5, 1.0)]
    yield [
        estimates.goal_for(total, share) for total in (0, 10, 200, 5_000, 1_000_000) for share in (0.0, 0.01, 0.1, 0.5)
    ]
    rights = [
        [True] * n + [False] * m for n, m in ((99, 0), (100, 0), (97, 3), (90, 10), (195, 5), (380, 20), (400, 0))
    ]
    yield [[estimates.passed_gate(right, above) for above in (0.8, 0.9, 0.95)] for right in rights]


def of_agreement() -> Iterator[Any]:
    rng = random.Random("agreement")
    for labels, share in ((("1", "0"), 0.9), (("a", "b", "c"), 0.6), (("1",), 1.0)):
        pairs = [
            agreement.Pair(x := rng.choice(labels), x if rng.random() < share else rng.choice(labels))
            for _ in range(120)
        ]
        yield agreement.kappa(pairs), agreement.kappa(pairs[:5]), agreement.kappa_of(pairs[:9])
        units = [{who: rng.choice(labels) for who in ("anna", "ben", "cleo")[: rng.randint(1, 3)]} for _ in range(80)]
        yield agreement.alpha(units), agreement.alpha(units[:4]), agreement.alpha([])
        yield [agreement.majority(each) for each in units[:30]]
    many = [agreement.Pair(x := rng.choice("10"), x if rng.random() < 0.8 else rng.choice("10")) for _ in range(3_000)]
    yield agreement.kappa(many), agreement.kappa([agreement.Pair("1", "1")] * 90 + [agreement.Pair("0", "1")])
    answers = [(rng.choice("10"), rng.choice("10"), rng.choice(["1", "0", None])) for _ in range(40)]
    yield agreement.score(answers), agreement.score(answers[:3]), agreement.score([])


def of_audit(kind: str) -> Iterator[Any]:
    given = audit(kind)
    quality = judge(given)
    yield {
        name: getattr(quality, name)
        for name in ("figures", "kappa", "people", "confusion", "persons", "labeled", "audited", "due")
    }
    yield [
        (part.by, part.name, part.audited, part.agree, part.accuracy, part.emails[:3]) for part in quality.breakdowns
    ]
    yield quality.as_json()
    if given.packs is not None:
        yield packing.verdict(given.packs, given.labels).as_json(), packing.verdict(given.packs, given.labels).sentence
    for who in ("anna", "ben", "nobody"):
        began = session.begin(given, who, size=12)
        yield (
            began.phase,
            began.batch,
            began.queue,
            began.given[:8],
            began.waiting,
            sorted(session.held_back(given, who))[:40],
        )
        yield session.plan(given, who, began.batch), session.reveal(given, who, 1)
        steps = []
        for step in range(12):
            steps.append((began.phase, began.current, began.place, began.waiting))
            began.withdraw() if step in (0, 3, 8) else began.answer(
                "1"
            ) if began.current is not None else began.look_again((5, 6))
        yield steps
    yield sampling.topped_up(given.sample, {"1": 0.02, "0": 0.98}), sampling.grown(given.sample, 600, 900)
    yield [sampling.base_rate(goal, 900) for goal in (0, 1, 300, 899, 900, 5_000)]
    yield [each.email_id for each in sampling.due(given.sample, given.candidates, "ben")]


def of_watches(kind: str) -> Iterator[Any]:
    rng = random.Random(f"watches {kind}")
    labels = ("a", "b", "c") if kind == "three" else ("1", "0")
    watches = WatchSet(labels, expected=3_000, shuffled=kind != "slow", canaries=lambda: Canaries(labels, texts=3_000))
    if kind == "resumed":
        watches.skip({"1": 700, "0": 310})
    for n in range(3_000):
        late = n >= 1_800
        label = rng.choices(labels, [7, 3, 2][: len(labels)])[0]
        if kind == "vanishes" and late:
            label = labels[0]
        if kind == "drifts" and late:
            label = rng.choices(labels, [4, 8])[0]
        failed = rng.random() < (0.07 if kind == "fails" and late else 0.01)
        ask = Ask(
            None if failed else label, rng.random() < (0.2 if kind == "reasked" and late else 0.04), failed,
            rng.uniform(0.2, 0.9) * (3.0 if kind == "slow" and late else 1.0), n % 40 if kind == "knee" else 8 if kind == "slow" else None,
            "m-2" if kind == "changes" and late else "m-1", f"fp-{n % 3 if n < 100 else 0}", n, 900 + n % 700,
            min(300, 100 + (n % 700) // 2) if kind == "cut" else 100 + (n % 700) // 2,
        )  # fmt: skip
        raised = watches.observe(ask)
        canaries = watches.canaries
        assert canaries is not None
        if raised:
            yield n, [astuple(each) for each in raised], canaries.waiting
        while (due := canaries.due()) is not None:
            canaries.sent(*due)
            if rng.random() < 0.1:
                canaries.given_up(*due)
                yield n, canaries.waiting
                break
            known = canaries._known[due[0]].label
            changed = rng.random() < (0.3 if kind in {"changes", "canaries"} and late else 0.01)
            other = next(each for each in labels if each != known)
            for each in watches.observe_canary(CanaryAnswer(due[0], known, other if changed else known, due[1])):
                yield n, astuple(each)
        if n % 300 == 299:
            yield n, [astuple(each) for each in watches.readings()], canaries.waiting, canaries.noise, canaries.sentence
        if n == 2_400:
            for each in watches.raised:
                watches.restart(each.watch)
    yield [count_for(texts_) for texts_ in (0, 400, 999, 1_000, 3_000, 100_000)]
    yield [expected_asks(left, total=total) for left in (0, 10, 900, 2_000) for total in (900, 2_000, 60_000)]
    yield [round_changed(changed, asked) for changed, asked in ((0, 0), (1, 2), (2, 24), (2, 25), (4, 60), (5, 60))]


def of_pack_control(kind: str) -> Iterator[Any]:
    rng = random.Random(f"control {kind}")
    control = PackControl(3, (20, 10, 5, 1))
    for n in range(4_000):
        label = rng.choice("10")
        control.offer(n, label, 1 if n % 7 == 0 else control.size, n % control.size)
        if n % 500 == 0:  # one of packs of another size, which was out when that changed
            yield control.answered(ControlAnswer(n, "1", "0", 1, 40, 3)), control.sum
        while (due := control.due()) is not None:
            email_id, asked = due
            control.sent(email_id)
            if rng.random() < 0.04:
                control.given_up(email_id)
                continue
            colored = kind == "colored" and rng.random() < 0.8
            value = asked.label if not colored and rng.random() < 0.97 else {"1": "0", "0": "1"}[asked.label]
            if control.answered(replace(asked, value=value)):
                yield n, "alarm", control.sum, control.sentence, control.lower()
        if n % 250 == 249:
            yield (
                n,
                control.size,
                control.packed,
                control.asked,
                control.stayed,
                control.gone,
                control.sum,
                control.sentence,
            )


def of_student() -> Iterator[Any]:
    given = texts(260)
    features = [student.features(text) for text, _ in given]
    labels = [label for _, label in given]
    scores = student.out_of_fold(features, labels, ("1", "0"), seed=4)
    yield [scores[at] for at in range(0, 260, 20)]
    found = student.suspicious(list(range(260)), labels, scores, ("1", "0"))
    yield found[:25], found[-3:]
    people = [
        {"1": "0", "0": "1"}[label] if at % 13 == 0 else label if at % 3 else None for at, label in enumerate(labels)
    ]
    yield student.next_generation(list(range(260)), labels, scores, ("1", "0"), people)
    wrong, others = [text for text, _ in given[::13]], [text for text, _ in given[1::13]]
    yield student.shared_marks(wrong, others), student.shared_marks(wrong[:4], others), student.shared_marks(wrong, [])
    yield sorted(student.marks(given[0][0]))


def of_report(kind: str) -> Iterator[Any]:
    rng = random.Random(f"report {kind}")
    given = audit(kind)
    facts = report.ReportFacts(
        "mail.csv", "digest", "sha", "2026-11-01", "2026-11-02", "labeltui 0", "review" if kind == "three" else "email", 900, 880, 3,
        (("timeout", 4), ("refused", 1)), "shuffled", "The rubric.\nIts second line.", {"model": "m", "temperature": "0"},
        [Counter(rng.choices(given.labels, k=45)) for _ in range(20)], (("run of one label", "raised", "no 1 among the last 60"),),
        [(rng.randint(0, 2), 9) for _ in range(20)], [(rng.randint(0, 4), 45) for _ in range(20)],
        student.NextGeneration({"1": 500, "0": 400}, 900, 30, 12, (3, 9)) if kind != "few" else None,
        (report.Example("7", "A text & more", "1", "0"),) if kind == "rare" else (),
    )  # fmt: skip
    page = report.page(judge(given), facts)
    lines = page.partition("</style>")[2].replace("><", ">\n<").splitlines()
    yield lines if kind != "many" else [line for line in lines if " more labels" in line]


COMPUTED: dict[str, Callable[[], Iterator[Any]]] = {
    "intervals": of_intervals,
    "estimates": of_estimates,
    "agreement": of_agreement,
    "student": of_student,
    **{f"audit {kind}": lambda kind=kind: of_audit(kind) for kind in KINDS},  # type: ignore[misc]
    **{f"report {kind}": lambda kind=kind: of_report(kind) for kind in ("three", "rare", "few", "many")},  # type: ignore[misc]
    **{
        f"watches {kind}": lambda kind=kind: of_watches(kind)  # type: ignore[misc]
        for kind in (
            "steady",
            "three",
            "vanishes",
            "drifts",
            "fails",
            "reasked",
            "slow",
            "knee",
            "changes",
            "canaries",
            "cut",
            "resumed",
        )
    },
    **{f"control {kind}": lambda kind=kind: of_pack_control(kind) for kind in ("healthy", "colored")},  # type: ignore[misc]
}


# -- the comparison ---------------------------------------------------------------------------------------------------------


def plain(value: object) -> Any:
    """Return a value as JSON has it: floats with ten digits, so that another processor's last bit does not matter."""
    if is_dataclass(value) and not isinstance(value, type):
        return {type(value).__name__: plain(asdict(value))}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float):
        return float(f"{value:.10g}") if abs(value) < 1e300 else str(value)
    if isinstance(value, dict):
        return {str(plain(key)): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in (sorted(value) if isinstance(value, set | frozenset) else value)]
    return value


def differences(found: Any, kept: Any, at: str = "") -> Iterator[str]:
    """Yield each place where a value is not what was kept."""
    if isinstance(found, dict) and isinstance(kept, dict) and found.keys() == kept.keys():
        for key in found:
            yield from differences(found[key], kept[key], f"{at}.{key}")
    elif isinstance(found, list) and isinstance(kept, list) and len(found) == len(kept):
        for place, (one, other) in enumerate(zip(found, kept, strict=True)):
            yield from differences(one, other, f"{at}[{place}]")
    elif isinstance(found, float) and isinstance(kept, float | int):
        if found != pytest.approx(kept, rel=1e-8, abs=1e-12):
            yield f"{at}: {found} instead of {kept}"
    elif found != kept:
        yield f"{at}: {found!r} instead of {kept!r}"


@pytest.mark.parametrize("name", COMPUTED)
def test_figures_of_a_fixed_input_stay_what_they_were(name: str) -> None:
    """Number by number; what differs is named with its place."""
    found = plain(list(COMPUTED[name]()))
    kept = json.loads(KEPT.read_text("utf-8")) if KEPT.exists() else {}
    if os.environ.get("LABELTUI_FIGURES") == "write":
        KEPT.write_text(
            json.dumps(kept | {name: found}, ensure_ascii=False, separators=(",", ":")).replace("],[", "],\n["), "utf-8"
        )
        return
    assert list(differences(found, kept[name]))[:20] == []
