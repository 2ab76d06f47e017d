"""Token estimates: what they start from, how fast they learn, and what cannot throw them off."""

from __future__ import annotations

import json
import random
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.model import Usage
from core.quota.pacing.estimates import Estimate, Estimator

MAX_COMPLETION = 256


def taught(calls: int, *, constant: float, slope: float = 0.24, noise: float = 0.005) -> tuple[Estimator, list[float]]:
    """An estimator after so many calls, and the relative error of each guess."""
    rng = random.Random(7)
    estimator, errors = Estimator(MAX_COMPLETION), []
    for _ in range(calls):
        chars = min(6_000, int(rng.lognormvariate(7.2, 0.7)))
        prompt = max(1, round(constant + chars * rng.gauss(slope, noise)))
        errors.append(abs(estimator.of(chars).prompt - prompt) / prompt)
        estimator.learn(chars, Usage(prompt, 40))
    return estimator, errors


def test_the_first_guess_is_a_quarter_token_a_character() -> None:
    """Before any report an estimate exists, with a wide margin; a completion is reserved whole."""
    estimate = Estimator(MAX_COMPLETION).of(4_000)
    assert estimate.prompt == pytest.approx(1_150)
    assert estimate.reserved == estimate.prompt + MAX_COMPLETION
    assert estimate.margin > 0.3 * estimate.prompt
    assert estimate.least < estimate.reserved


@pytest.mark.parametrize("constant", [0, 200, 900, 3_000])
@pytest.mark.parametrize("slope", [0.18, 0.24, 0.45])
def test_some_dozens_of_calls_bring_it_within_a_few_percent(constant: float, slope: float) -> None:
    """Whatever the rubric's length and the language, guesses are good after 60 calls."""
    _, errors = taught(160, constant=constant, slope=slope)
    assert mean(errors[60:]) < 0.03


def test_the_margin_shrinks_to_what_the_errors_are() -> None:
    """Regular texts need little room; irregular ones keep about three times their spread."""
    regular, _ = taught(200, constant=300, noise=0.002)
    irregular, errors = taught(200, constant=300, noise=0.03)
    assert regular.of(1_500).margin < 0.06 * regular.of(1_500).prompt
    shortfall = sorted(errors)[int(0.95 * len(errors))]
    assert irregular.of(1_500).margin > 0.7 * shortfall * irregular.of(1_500).prompt


def test_outliers_hardly_move_it() -> None:
    """One report in twenty that is ten times too large changes guesses by a few percent."""
    estimator, _ = taught(200, constant=300)
    before = estimator.of(1_500).prompt
    for number in range(100):
        estimator.learn(1_500, Usage(6_600 if number % 20 == 0 else 660, 40))
    assert estimator.of(1_500).prompt == pytest.approx(before, rel=0.06)


def test_equal_lengths_do_not_blow_it_up() -> None:
    """Thousands of calls of nearly one size leave sane guesses for it."""
    estimator = Estimator(MAX_COMPLETION)
    for number in range(5_000):
        estimator.learn(1_500 + number % 3, Usage(500, 40))
    assert estimator.of(1_500).prompt == pytest.approx(500, rel=0.01)
    assert estimator.of(1_500).margin < 100


def test_completions_and_cached_tokens_enter_the_cost_only() -> None:
    """What is reserved stays; what will count leaves the cached part out."""
    estimator = Estimator(MAX_COMPLETION)
    for _ in range(200):
        estimator.learn(2_000, Usage(1_000, 30, cached_tokens=600))
    estimate = estimator.of(2_000)
    assert estimate.reserved == pytest.approx(1_256, rel=0.02)
    assert estimate.cost == pytest.approx(430, rel=0.05)
    assert estimator.completion == pytest.approx(30, rel=0.1)


def test_what_was_learned_survives_as_a_row() -> None:
    """The state goes through JSON and gives the same guesses."""
    estimator, _ = taught(100, constant=300)
    other = Estimator(MAX_COMPLETION)
    assert other.recall(estimator.state(1_500))
    assert other.of(2_222) == estimator.of(2_222)


@pytest.mark.parametrize(
    "state",
    ["", "[]", "{}", "null", '{"sums": [1], "error": 1, "completion": 1, "cached": 0, "seen": 1}', '{"sums": "x"}'],
)
def test_an_unusable_state_changes_nothing(state: str) -> None:
    """A damaged row is as good as none."""
    estimator = Estimator(MAX_COMPLETION)
    before = estimator.of(1_000)
    assert not estimator.recall(state)
    assert estimator.of(1_000) == before


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 200_000), st.integers(0, 200_000), st.integers(0, 10_000)), max_size=60))
def test_no_report_breaks_it(reports: list[tuple[int, int, int]]) -> None:
    """Whatever is reported, estimates stay positive and finite."""
    estimator = Estimator(MAX_COMPLETION)
    for chars, prompt, completion in reports:
        estimator.learn(chars, Usage(prompt, completion))
        estimate = estimator.of(chars)
        assert 1 <= estimate.prompt < 1e7
        assert 0 <= estimate.margin < 1e7
        assert estimate.least <= estimate.reserved


def test_a_report_of_no_prompt_tokens_is_left_out() -> None:
    """Some servers report zeros: the next guess is what it was."""
    estimator, _ = taught(20, constant=300)
    before = estimator.of(1_500)
    estimator.learn(1_500, Usage(0, 40))
    assert estimator.of(1_500) == before


def test_among_the_lengths_that_were_seen_little_is_added_for_doubt() -> None:
    """Of exact reports a hundredth is left as the error; three of it are the margin, and under a token each for doubt."""
    estimator = Estimator(MAX_COMPLETION)
    for number in range(600):
        chars = 1_000 + number * 37 % 2_000
        estimator.learn(chars, Usage(300 + round(chars / 4), 40))
    middle = estimator.of(2_000)
    assert 0.03 * middle.prompt < middle.margin < 0.03 * middle.prompt + 2.0


def numbers(estimate: Estimate) -> list[float]:
    values = (estimate.prompt, estimate.reserved, estimate.margin, estimate.least, estimate.cost, estimate.completion)
    return [round(each, 2) for each in values]


@pytest.mark.parametrize(
    ("chars", "texts", "most", "expected"),
    [
        (0, 1, None, [150, 406, 135, 271, 278, 128]),
        (2_000, 3, 90, [650, 740, 585, 155, 1_034, 384]),
        (4_000, 1, None, [1_150, 1_406, 1_035, 371, 1_278, 128]),
        (100_000, 1, 0, [25_150, 25_150, 22_635, 2_515, 25_278, 128]),
    ],
)
def test_what_is_guessed_before_any_report(chars: int, texts: int, most: int | None, expected: list[float]) -> None:
    """150 tokens and 250 for 1,000 characters, a tenth of error and a fifth of doubt, each three times; half an answer."""
    assert numbers(Estimator(MAX_COMPLETION).of(chars, texts, most)) == expected


def test_what_each_report_teaches() -> None:
    """Prompt, reservation, margin, least, cost and completion of a call with 2,000 characters after each report."""
    estimator = Estimator(MAX_COMPLETION)
    reports = [
        ((2_000, 700, 30, 0, 1), [698.78, 954.78, 438.92, 515.85, 802.28, 103.5]),
        ((2_000, 720, 40, 100, 1), [709.13, 965.13, 346.21, 598.92, 779.93, 90.8]),
        ((4_000, 1_250, 20, 100, 1), [713.18, 969.18, 319.29, 616.55, 758.84, 79.0]),
        ((1_000, 400, 60, 100, 2), [688.79, 944.79, 273.08, 628.86, 717.93, 72.0]),
        ((3_000, 950, 60, 100, 1), [686.48, 942.48, 244.69, 647.79, 706.98, 70.5]),
        ((2_000, 9_000, 50, 100, 1), [728.91, 984.91, 310.72, 618.63, 741.57, 68.22]),
        ((2_000, 700, 50, 5_000, 1), [725.54, 981.54, 291.37, 570.17, 671.94, 66.4]),
        ((2_000, 0, 50, 0, 1), [725.54, 981.54, 291.37, 570.17, 671.94, 66.4]),
        ((0, 160, 10, -5, 1), [726.25, 982.25, 279.65, 593.5, 678.43, 61.27]),
    ]
    found = []
    for (chars, prompt, completion, cached, texts), _ in reports:
        estimator.learn(chars, Usage(prompt, completion, cached_tokens=cached), texts)
        found.append(numbers(estimator.of(2_000)))
    assert found == [expected for _, expected in reports]
    assert estimator.seen == 8
    kept = json.loads(estimator.state(1_500))
    assert kept["sums"] == pytest.approx([0.00436961, 0.00200298, 0.00426982, 1.26443350, 1.53870873], rel=1e-5)
    assert [kept[name] for name in ("error", "completion", "cached", "seen", "typical")] == pytest.approx(
        [0.08742361, 61.2727273, 109.090909, 8, 840.547880], rel=1e-6
    )


@pytest.mark.parametrize(
    ("reports", "chars", "expected"),
    [
        ([(1_000, 1)] * 300, 500, [1.0, 257.0, 0.63, 257.0, 21.0, 20.0]),
        ([(0, 1), (1_000, 10_000)] * 90, 3_000, [12471.96, 12727.96, 19108.87, 257.0, 12492.06, 20.1]),
        ([(0, 5_000), (10_000, 1_000)] * 90, 4_000, [4968.59, 5224.59, 6395.05, 257.0, 4988.69, 20.1]),
        ([(2_000, 500), (2_000, 1_500)] * 40, 2_000, [986.44, 1242.44, 1614.54, 257.0, 1008.58, 22.14]),
    ],
    ids=["tiny", "steep", "falling", "wild"],
)
def test_odd_reports_stay_within_bounds(reports: list[tuple[int, int]], chars: int, expected: list[float]) -> None:
    """A slope of a token at least and 4 a character at most, an error of 1 % to 50 %, and a prompt of one token."""
    estimator = Estimator(MAX_COMPLETION)
    for sent, prompt in reports:
        estimator.learn(sent, Usage(prompt, 20))
    assert numbers(estimator.of(chars)) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({}, 0.2),
        ({"error": 0.0}, 0.01),
        ({"error": 9.0}, 0.5),
        ({"seen": 0}, 0.2),
        ({"seen": -1}, None),
        ({"cached": -0.1}, None),
        ({"completion": "inf"}, None),
        ({"sums": [1, 2, 3, 4]}, None),
        ({"sums": [1, 2, 3, 4, 5, 6]}, None),
        ({"sums": [1, 2, 3, 4, "nan"]}, None),
    ],
    ids=str,
)
def test_a_state_is_taken_over_within_bounds(change: dict[str, object], error: float | None) -> None:
    """What is negative, endless or of another shape is not; an error beyond its bounds is brought to them."""
    state = {"sums": [0.0, 0.0, 0.0, 0.0, 0.0], "error": 0.2, "completion": 30.0, "cached": 10.0, "seen": 7, **change}
    estimator = Estimator(MAX_COMPLETION)
    assert estimator.recall(json.dumps(state)) is (error is not None)
    estimate = estimator.of(2_000)
    if error is None:
        assert (estimator.seen, estimate.margin) == (0, 585.0)
    else:
        assert estimator.seen == state["seen"]
        assert estimate.margin == pytest.approx(3 * (error + 0.2) * 650)
        assert (estimate.cost, estimate.completion) == (670.0, 30.0)


def estimator_with(**known: object) -> Estimator:
    """An estimator that knows only that."""
    state = {"sums": [0.0] * 5, "error": 0.01, "completion": 30.0, "cached": 0.0, "seen": 7, **known}
    estimator = Estimator(MAX_COMPLETION)
    assert estimator.recall(json.dumps(state))
    return estimator


@pytest.mark.parametrize(
    ("seen", "prompt", "weight"),
    [(7, 150, 0.2829), (7, 154, 0.2829), (7, 157, 0.19), (7, 170, 0.06649), (5, 170, 0.06649), (4, 170, 0.2829)],
)
def test_a_report_weighs_as_much_as_it_is_precise(seen: int, prompt: int, weight: float) -> None:
    """By the square of the usual error in tokens; after five reports less where it is two and a half times as far off."""
    estimator = estimator_with(seen=seen)
    estimator.learn(0, Usage(prompt, 30))
    assert json.loads(estimator.state())["sums"][0] == pytest.approx(weight, rel=1e-3)


@pytest.mark.parametrize(
    ("cached", "cost", "least"), [(0.0, 180.0, 311.5), (150.0, 30.0, 257.0), (9_000.0, 30.0, 257.0)]
)
def test_what_is_cached_costs_nothing(cached: float, cost: float, least: float) -> None:
    """At most the prompt; the least that a call takes is a token of it."""
    estimate = estimator_with(cached=cached).of(0)
    assert (estimate.cost, estimate.least) == (cost, pytest.approx(least))


@pytest.mark.parametrize(("texts", "completion"), [((), 32.72727), ((1,), 32.72727), ((4,), 28.63636)])
def test_a_completion_is_shared_by_the_texts_of_a_call(texts: tuple[int, ...], completion: float) -> None:
    """Of one where nothing else is said; it moves by an eleventh at first, later by three hundredths."""
    estimator = estimator_with()
    estimator.learn(0, Usage(150, 60), *texts)
    assert estimator.completion == pytest.approx(completion, abs=1e-5)
    late = estimator_with(seen=30)
    late.learn(0, Usage(150, 60))
    assert late.completion == pytest.approx(30.9)
