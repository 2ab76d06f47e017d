"""Token estimates: what they start from, how fast they learn, and what cannot throw them off."""

from __future__ import annotations

import random
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.model import Usage
from core.quota.pacing.estimates import Estimator

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
