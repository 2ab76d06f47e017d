"""Kappa and alpha equal scikit-learn and krippendorff; a sample is random, stable and only grows."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from core.quality.agreement import Agreement, Pair, alpha, kappa, kappa_of, majority
from core.quality.sampling import (
    Candidate,
    Sample,
    base_rate,
    due,
    grown,
    is_member,
    permanent_number,
    second_looks,
    topped_up,
)


def pairs(seed: int, count: int, labels: str = "10", agree: float = 0.9) -> list[Pair]:
    rng = random.Random(seed)
    found = []
    for _ in range(count):
        first = rng.choices(labels, range(len(labels), 0, -1))[0]
        found.append(Pair(first, first if rng.random() < agree else rng.choice(labels)))
    return found


@pytest.mark.parametrize("labels", ["10", "abcde"])
def test_kappa_equals_scikit_learn(labels: str) -> None:
    """Cohen's kappa agrees with scikit-learn, with weights too."""
    score = pytest.importorskip("sklearn.metrics").cohen_kappa_score
    for seed in range(5):
        these = pairs(seed, 120, labels)
        expected = score([p.first for p in these], [p.second for p in these])
        assert kappa_of(these) == pytest.approx(float(expected), abs=1e-12)
        weighted = [Pair(p.first, p.second, 1.0 + i % 4) for i, p in enumerate(these)]
        expected = score(
            [p.first for p in weighted], [p.second for p in weighted], sample_weight=[p.weight for p in weighted]
        )
        assert kappa_of(weighted) == pytest.approx(float(expected), abs=1e-12)


def test_alpha_equals_krippendorff() -> None:
    """Krippendorff's alpha agrees with the package of that name, with holes and three annotators."""
    krippendorff = pytest.importorskip("krippendorff")
    numpy = pytest.importorskip("numpy")
    rng = random.Random(5)
    for labels in (2, 4):
        units = []
        for _ in range(80):
            true = rng.randrange(labels)
            unit = {}
            for who in "abc":
                if rng.random() < 0.7:
                    unit[who] = str(true if rng.random() < 0.8 else rng.randrange(labels))
            units.append(unit)
        table = [[float(unit[who]) if who in unit else numpy.nan for unit in units] for who in "abc"]
        expected = krippendorff.alpha(reliability_data=table, level_of_measurement="nominal")
        assert alpha(units).value == pytest.approx(float(expected), abs=1e-12)


def test_alpha_of_a_table_by_hand() -> None:
    """Four items by two people, one of them apart: 1 - 7 * 2 / (64 - 25 - 9); an item of one person counts for nothing."""
    units = [{"a": "1", "b": "1"}, {"a": "1", "b": "1"}, {"a": "0", "b": "0"}, {"a": "1", "b": "0"}, {"a": "0"}]
    assert alpha(units).value == pytest.approx(1 - 14 / 30, abs=1e-12)
    three = [{"a": "1", "b": "1", "c": "0"}, {"a": "0", "b": "0", "c": "0"}]
    assert alpha(three).value == pytest.approx(1 - 5 * (9 - 5) / 2 / (36 - 4 - 16), abs=1e-12)


def test_one_label_only_is_not_defined() -> None:
    """Where everybody always gave one label, both coefficients are None, and raw agreement is 1."""
    assert kappa([Pair("1", "1")] * 9).value is None
    assert alpha([{"a": "1", "b": "1"}] * 9).value is None
    assert kappa([Pair("1", "1")] * 9).raw == alpha([{"a": "1", "b": "1"}] * 9).raw == 1.0
    assert kappa([]).value is None
    assert kappa([Pair("1", "1")] * 9 + [Pair("1", "0")]).value is None, "0 whatever the other side says"
    assert kappa([]).triple is None


def test_intervals_hold_the_value_and_repeat() -> None:
    """Bootstrap intervals contain the coefficient and are the same each time."""
    first = kappa(pairs(1, 200))
    assert first.value is not None
    assert first.low is not None
    assert first.high is not None
    assert first.low < first.value < first.high
    assert first == kappa(pairs(1, 200))
    people = [{"anna": p.first, "ben": p.second} for p in pairs(2, 60)]
    shared = alpha(people)
    assert shared.triple is not None
    assert shared.triple[1] <= shared.triple[0] <= shared.triple[2]


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.31, 0.72, "0.53 (0.31–0.72)"), (-0.02, 0.66, "0.53 (-0.02 to 0.66)"), (0.53, 0.53, "0.53 (no interval)")],
    ids=["usual", "below zero", "without width"],
)
def test_coefficient_says_its_interval_only_where_it_bounds_something(low: float, high: float, said: str) -> None:
    """Two emails resampled one by one give the same value each time: that is no interval, and none is printed."""
    assert Agreement(0.53, low, high, 0.9, 20).words == said


def test_majority_needs_more_than_half_of_three() -> None:
    """Two people must agree; of three or more, more than half must."""
    assert majority({}) is None
    assert majority({"a": "1"}) == "1"
    assert majority({"a": "1", "b": "0"}) is None
    assert majority({"a": "1", "b": "0", "c": "1"}) == "1"
    assert majority({"a": "1", "b": "0", "c": "1", "d": "0"}) is None


def candidates(count: int, seed: int = 7) -> list[Candidate]:
    return [Candidate(i, permanent_number(seed, i), "0" if i % 14 == 0 else "1") for i in range(1, count + 1)]


def test_permanent_numbers_are_uniform_and_fixed() -> None:
    """Numbers are spread as random ones are over tenths of the file, not evenly, and never change."""
    numbers = [permanent_number(7, i) for i in range(1, 20_001)]
    drawn = [i for i, u in enumerate(numbers) if u < 0.05]
    tenths = Counter(i // 2_000 for i in drawn)
    chi = sum((tenths[t] - len(drawn) / 10) ** 2 / (len(drawn) / 10) for t in range(10))
    assert 2.0 < chi < 21.7  # the 1 % and 99 % quantiles of chi square with 9 degrees of freedom are 2.1 and 21.7
    assert permanent_number(7, 1) == pytest.approx(numbers[0])
    assert permanent_number(8, 1) != numbers[0]


def test_a_sample_only_grows() -> None:
    """A top-up and a larger goal add emails and take none away; a smaller goal changes nothing."""
    everyone = candidates(5_000)
    sample = Sample(1, "random", 7, 200, base_rate(200, 5_000))
    before = {c.email_id for c in everyone if is_member(sample, c)}
    assert 150 < len(before) < 250
    raised = topped_up(sample, Counter(c.model_label or "" for c in everyone))
    assert "1" not in raised.rates
    topped = {c.email_id for c in everyone if is_member(raised, c)}
    assert before < topped
    rare = [c for c in everyone if c.email_id in topped and c.model_label == "0"]
    assert 40 <= len(rare) <= 80
    larger = {c.email_id for c in everyone if is_member(grown(raised, 400, 5_000), c)}
    assert topped < larger
    assert grown(raised, 50, 5_000) == raised


def test_due_emails_are_shared_out_among_people() -> None:
    """Everybody meets the lowest fifth of the sample; of the rest each email goes to one person only.

    Two people who begin at the same time meet the same ones of the fifth, and then different ones.
    """
    sample = Sample(1, "random", 7, 200, base_rate(200, 5_000))
    everyone = candidates(5_000)
    mine = due(sample, everyone, "anna")
    shared = [c for c in mine if c.u < 0.2 * sample.base_rate]
    assert mine[: len(shared)] == tuple(sorted(shared, key=lambda c: c.u))
    assert due(sample, everyone, "anna") == mine
    for_carl = due(sample, everyone, "carl")
    assert set(for_carl) == set(mine)
    assert for_carl[: len(shared)] == mine[: len(shared)]
    own = slice(len(shared), len(shared) + 25)
    assert len({*mine[own]} & {*for_carl[own]}) <= 8
    by_anna = [Candidate(c.email_id, c.u, c.model_label, frozenset({"anna"})) for c in everyone]
    for_ben = due(sample, by_anna, "ben")
    assert {c.email_id for c in for_ben} == {c.email_id for c in mine if c.u < 0.2 * sample.base_rate}
    assert due(sample, by_anna, "anna") == ()
    pending = [Candidate(c.email_id, c.u, None) for c in everyone]
    assert len(due(sample, pending, "anna")) == len(mine)


def test_second_looks_mix_disagreements_with_decoys() -> None:
    """Disagreements return with as many agreeing emails, at least two, and without a disagreement nothing returns."""
    given = dict.fromkeys(range(22), ("1", "1")) | dict.fromkeys(range(22, 25), ("0", "1"))
    back = second_looks(given, 3)
    assert {22, 23, 24} < set(back)
    assert len(back) == 6
    assert back == second_looks(given, 3)
    assert list(back) != sorted(back)
    assert len(second_looks(dict.fromkeys(range(24), ("1", "1")) | {24: ("0", "1")}, 3)) == 3
    assert second_looks({1: ("1", "1")}, 3) == ()


def test_large_samples_are_resampled_as_counts() -> None:
    """Drawn as counts, the interval of kappa over 4,000 emails is that of draws one by one, within two hundredths."""
    rng = random.Random(4)
    pairs = [Pair(true, true if rng.random() < 0.95 else "1") for true in rng.choices("01", [0.07, 0.93], k=4_000)]
    counted = kappa(pairs)
    values = []
    for _ in range(300):
        again = kappa_of(rng.choices(pairs, k=len(pairs)))
        assert again is not None
        values.append(again)
    values.sort()
    assert counted.low == pytest.approx(values[7], abs=0.02)
    assert counted.high == pytest.approx(values[-8], abs=0.02)
