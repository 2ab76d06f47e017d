"""The control of packs: who belongs to the sample, when it alarms, and what the verdict says."""

from __future__ import annotations

import random

import pytest

from core.quality.packing import (
    FIRST_SHARE,
    FIRST_TEXTS,
    SHARE,
    ControlAnswer,
    PackControl,
    PackFacts,
    expected_controls,
    verdict,
)
from tests.programs.packs import noticed

LABELS = ("1", "0")


def _answered(control: PackControl, email_id: int, *values: str) -> bool:
    """Let a text that was packed as 1 be answered so; return whether the last answer alarms."""
    return [control.answered(ControlAnswer(email_id, "1", value, turn, 10, 3)) for turn, value in enumerate(values, 1)][
        -1
    ]


def test_sample_is_a_quarter_of_the_first_texts_and_few_of_the_later_ones() -> None:
    """Its size is what a forecast counts with, and the same seed draws the same texts."""

    def drawn(seed: int) -> set[int]:
        control = PackControl(seed, (10,))
        for email_id in range(1, 5_001):
            control.offer(email_id, "1", 10, 1)
        found: set[int] = set()
        while (due := control.due()) is not None:
            found.add(due[0])
            control.drop(due[0])
        return found

    sample = drawn(7)
    assert sample == drawn(7) != drawn(8)
    assert abs(len(sample) - expected_controls(0, 5_000)) < 25
    assert expected_controls(0, 100) == 100 * FIRST_SHARE
    assert expected_controls(FIRST_TEXTS, 1_000) == 1_000 * SHARE


def test_one_text_is_out_once_and_is_asked_again_where_it_differs() -> None:
    """A second answer says whether the first one was the server's noise."""
    control = PackControl(7, (10,))
    control.offer(next(n for n in range(1, 99) if _drawn(n)), "1", 10, 4)
    due = control.due()
    assert due is not None
    control.sent(due[0])
    assert control.due() is None
    control.answered(ControlAnswer(due[0], "1", "0", 1, 10, 4))
    again = control.due()
    assert again is not None
    assert again[1].turn == 2
    control.sent(due[0])
    control.answered(ControlAnswer(due[0], "1", "1", 2, 10, 4))
    assert (control.due(), control.asked, control.gone, control.stayed) == (None, 1, 1, 0)


def _drawn(email_id: int) -> bool:
    control = PackControl(7, (10,))
    control.offer(email_id, "1", 10, 1)
    return control.due() is not None


def test_labels_that_are_contradicted_twice_alarm_and_noise_does_not() -> None:
    """Eight texts that differ again are enough; where others do not, the server is noisy."""
    control = PackControl(7, (10, 3, 1))
    assert [_answered(control, number, "0", "0") for number in range(8)] == [False] * 7 + [True]
    assert (control.lower(), control.lower(), control.lower()) == (3, 1, None)
    noisy = PackControl(7, (10,))
    assert not any(_answered(noisy, number, "0", "1" if number % 2 else "0") for number in range(12))


def test_texts_of_packs_that_were_too_large_are_not_asked_about_any_more() -> None:
    """A smaller size begins with nothing due and nothing counted; the smallest one has nothing to control."""
    control = PackControl(7, (10, 3, 1))
    drawn = next(n for n in range(1, 99) if _drawn(n))
    control.offer(drawn, "1", 10, 4)
    assert control.due() is not None
    assert control.lower() == 3
    assert (control.due(), control.asked, control.sum, control.packed) == (None, 0, 0.0, 0)
    control.offer(drawn, "1", 3, 1)
    assert control.due() is not None
    assert control.lower() == 1
    control.offer(drawn, "1", 1, 1)
    assert (control.due(), control.packed) == (None, 0)


def test_text_without_a_label_alone_is_left_out_after_two_calls() -> None:
    """The sample never holds a run up."""
    control = PackControl(7, (10,))
    control.offer(next(n for n in range(1, 99) if _drawn(n)), "1", 10, 4)
    for _ in range(2):
        due = control.due()
        assert due is not None
        control.sent(due[0])
        control.given_up(due[0])
    assert control.due() is None


def test_verdict_compares_pairs() -> None:
    """Agreement, shift of shares and the effect of the place are estimates with intervals around them."""
    pairs = [("1", "1")] * 60 + [("0", "0")] * 30 + [("1", "0")] * 9 + [("0", "1")]
    answers = [ControlAnswer(n, label, value, 1, 10, 1) for n, (label, value) in enumerate(pairs)]
    answers += [ControlAnswer(n, "1", "0", 2, 10, 1) for n in range(90, 98)]
    places = {("1", True): 30, ("0", True): 70, ("1", False): 320, ("0", False): 80}
    found = verdict(PackFacts("10", 10, 50, 500, 3, tuple(answers), places), LABELS)
    assert (found.controls, found.differ, found.stayed, found.gone) == (100, 10, 8, 0)
    assert found.agreement is not None
    assert found.agreement[0] == 0.9
    assert found.agreement[1] < 0.9 < found.agreement[2]
    one = found.labels[0]
    assert one.shift is not None
    assert one.ends is not None
    assert (round(one.shift[0], 6), one.shift[1] > 0) == (0.08, True)
    assert (round(one.ends[0], 6), one.ends[2] < 0) == (-0.5, True)
    assert found.harmless is False
    assert verdict(PackFacts("10", 10, 0, 0, 0, ()), LABELS).harmless is None


def test_interval_of_a_shift_is_that_of_a_dirichlet_with_half_a_count_in_each_cell() -> None:
    """Of four texts one was alone 1 and packed 0, two the other way round; the limits are from 60,000 other draws."""
    pairs = [("1", "0"), ("1", "0"), ("0", "1"), ("1", "1")]
    answers = tuple(ControlAnswer(n, label, value, 1, 10, 1) for n, (label, value) in enumerate(pairs))
    shift = verdict(PackFacts("10", 10, 4, 4, 0, answers), LABELS).labels[0].shift
    assert shift is not None
    assert shift[0] == 0.25
    assert shift[1:] == (pytest.approx(-0.496, abs=0.045), pytest.approx(0.765, abs=0.045))


def test_false_alarms_and_delays_are_as_stated() -> None:
    """A tenth of the program's table: healthy runs alarm in at most 1 of 100, a model that leans is noticed in 300."""
    rng = random.Random(3)
    healthy = [noticed(rng, noise=0.02, colored=0.0, texts=1_500) for _ in range(60)]
    assert sum(at is not None for at, _ in healthy) <= 2
    leaning = sorted((noticed(rng, noise=0.0, colored=0.3, texts=600)[0] or 9_999) for _ in range(60))
    assert leaning[56] <= 300


def test_answers_about_packs_of_another_size_count_where_they_were_asked_for() -> None:
    """What an earlier size left is no evidence on this one; what this control asked about counts, whatever its size."""
    control = PackControl(7, (10, 5))
    assert not control.answered(ControlAnswer(1, "1", "1", 1, 5, 3))
    assert control.asked == 0
    control.answered(ControlAnswer(2, "1", "1", 1, 10, 3))
    assert control.asked == 1
    drawn = next(n for n in range(1, 99) if _drawn(n))
    control.offer(drawn, "1", 10, 4)
    control.sent(drawn)
    control.answered(ControlAnswer(drawn, "1", "1", 1, 5, 4))
    assert control.asked == 2
