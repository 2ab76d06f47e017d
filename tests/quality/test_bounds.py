"""Watches, canaries, packs, estimates and the report at their bounds: one observation before, and one behind each."""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from core.quality import agreement, alarms, audit, canaries, estimates, packing, report, sampling, student
from core.quality.agreement import Agreement
from core.quality.alarms import Identity, LabelRun, PromptCap, RateCounter, Slowness, Watch, WatchState, WindowScan
from core.quality.canaries import Canaries, CanaryAnswer, ChangeSum
from core.quality.estimates import Cell, Estimate, Figures, LabelFigures, Stratum
from core.quality.packing import ControlAnswer, PackControl
from core.quality.sampling import Candidate, Sample
from core.quality.watch_set import Ask, WatchSet

# -- watches --------------------------------------------------------------------------------------------------------------


def test_a_run_of_one_label_counts_from_the_hundredth_answer_on() -> None:
    """What was before is the reference; its statistic is the logarithm of how many such runs are to be expected."""
    watch = LabelRun("x", labels=2, expected=1_000)
    for number in range(100):
        assert not watch.observe("x" if number % 2 else "y")
    assert watch.reading() == alarms.Reading(
        Watch.RUN, WatchState.STEADY, 0.0, math.log(0.0015), "0 answers since the last x"
    )
    watch.observe("y")
    a, b = 50.5, 50.5
    expected = (
        math.log(1_000 * a / (a + b))
        + math.lgamma(b + 1)
        - math.lgamma(b)
        + math.lgamma(a + b)
        - math.lgamma(a + b + 1)
    )
    assert watch.reading().statistic == pytest.approx(expected)
    assert [number for number in range(2, 22) if watch.observe("y")] == [21]
    told = watch.reading()
    assert (told.state, told.sentence, told.from_ask, told.to_ask) == (
        WatchState.ALARM,
        "no x among the last 21 answers (50.0% before)",
        101,
        121,
    )
    watch.restart()
    assert watch.reading().state is WatchState.STEADY
    early = LabelRun("x", labels=2, expected=1_000)
    for _ in range(99):
        early.observe("x")
    assert not any(early.observe("y") for _ in range(300))
    assert early.reading().sentence == "begins after 100 asks"
    assert early.reading().state is WatchState.ARMING
    known = LabelRun("x", labels=5, expected=0)
    known.skip(30, 100)
    known.observe("y")
    assert known.reading().limit == pytest.approx(math.log(0.003 / 5))
    assert known.reading().sentence == "1 answers since the last x"
    assert known.reading().statistic == pytest.approx(math.log(30.5 / 101) + math.log(70.5 / 101))  # fmt: skip


def test_windows_are_looked_at_every_five_asks_from_their_length_on() -> None:
    """A window needs as many answers before it, a hundred at least; after a dismissal answers of its own."""
    scan = WindowScan(Watch.SHARES, "x")
    alarmed = [number for number in range(1, 161) if scan.observe(number > 100)]
    assert alarmed == [160]
    told = scan.reading()
    assert (told.state, told.sentence, told.from_ask, told.to_ask) == (
        WatchState.ALARM,
        "x: 60 of the last 60 asks (0.0% before)",
        101,
        160,
    )
    scan.restart()
    assert scan.reading().sentence == "steady over 160 asks"
    assert [number for number in range(161, 300) if scan.observe(0)] == [
        220,
        225,
        230,
        235,
        240,
        245,
        250,
        255,
        260,
        265,
        270,
        275,
        280,
        285,
        290,
        295,
    ]
    short = WindowScan(Watch.SHARES, "x")
    for _ in range(159):
        short.observe(0)
    assert (short.reading().state, short.reading().sentence) == (WatchState.ARMING, "begins after 160 asks")
    short.observe(0)
    assert short.reading().state is WatchState.STEADY
    down = WindowScan(Watch.SHARES, "x", upwards=True)
    assert not any(down.observe(number <= 100) for number in range(1, 400))
    known = WindowScan(Watch.SHARES, "x", armed_after=200)
    known.skip(0, 200)
    assert [number for number in range(1, 61) if known.observe(1)] == [60]
    assert (known.reading().from_ask, known.reading().to_ask) == (201, 260)
    assert known.reading().sentence == "x: 60 of the last 60 asks (0.0% before)"  # fmt: skip


def test_a_rate_is_summed_against_what_is_tolerated() -> None:
    """From zero up; what was healthy is forgotten, and a streak is another rule's."""
    up, down = math.log(5.0), math.log(0.95 / 0.99)
    rate = RateCounter(Watch.FAILED, healthy=0.01, trouble=0.05)
    assert [rate.observe(hit) for hit in (1, 1, 0, 1, 1)] == [False, False, False, False, False]
    assert rate.reading().statistic == pytest.approx(4 * up + down)
    assert rate.reading().sentence == "5 asks, 1 % tolerated"
    assert rate.observe(1)
    told = rate.reading()
    assert (told.state, told.sentence, told.from_ask, told.to_ask, told.limit) == (
        WatchState.ALARM,
        "5 of the last 6 asks (1 % tolerated)",
        1,
        6,
        7.0,
    )
    rate.restart()
    assert (rate.reading().statistic, rate.reading().state) == (0.0, WatchState.STEADY)
    assert not rate.observe(0)
    rate.skip(100)
    for _ in range(5):
        alarmed = rate.observe(1)
    assert alarmed
    assert (rate.reading().from_ask, rate.reading().to_ask) == (108, 112)
    streak = RateCounter(Watch.FAILED, healthy=0.01, trouble=0.05, streak=6)
    assert [streak.observe(1) for _ in range(5)] == [False] * 5
    assert streak.reading().state is WatchState.STEADY
    assert streak.observe(0)
    ended = RateCounter(Watch.FAILED, healthy=0.01, trouble=0.05, streak=6)
    assert [ended.observe(1) for _ in range(6)] == [False] * 6
    assert not ended.observe(0)
    assert ended.reading().statistic == 0.0  # fmt: skip


def test_slow_answers_are_those_above_nine_in_ten_of_the_first() -> None:
    """By more than a millisecond; a dismissal begins anew, and answers without a time say nothing."""
    watch = Slowness()
    assert not watch.observe(None, 5)
    assert not any(watch.observe(1.0 + number / 1_000, None) for number in range(200))
    assert watch._above_s == pytest.approx(1.181)
    first = next(number for number in range(1, 400) if watch.observe(2.0, None))
    assert first == 60
    told = watch.reading()
    assert (told.state, told.from_ask, told.to_ask, told.sentence) == (
        WatchState.ALARM,
        201,
        260,
        "slow answers: 60 of the last 60 asks (9.5% before)",
    )
    watch.restart()
    assert watch.reading().state is WatchState.STEADY
    mixed = Slowness()
    for number in range(205):
        mixed.observe(1.0, 1 if number % 2 else 10)
    assert mixed.reading().sentence == "begins after 200 asks with about as many calls out"
    assert mixed.reading().state is WatchState.ARMING
    more = Slowness()
    for _ in range(200):
        more.observe(1.0, 4)
    assert not any(more.observe(9.0, 5) for _ in range(199))
    assert more._above_s < math.inf
    more.observe(9.0, 5)
    assert more._above_s == math.inf
    fewer = Slowness()
    for _ in range(200):
        fewer.observe(1.0, 4)
    assert [fewer._is_other(out) for out in (3, 2, 4, 5)] == [False, False, False, True]
    assert fewer._others == 1  # fmt: skip


@pytest.mark.parametrize(
    ("replies", "new", "said"),
    [
        ([("m", "f")], [False], "m, 1 fingerprint, none new"), ([("m", ""), ("", "")], [False, False], "m, none new"), ([("m", ""), ("n", "g")], [False, True], "answers come from n (g)"),
        ([("m", ""), ("", "g")], [False, True], "answers come from an unnamed model (g)"), ([("m", ""), ("n", ""), ("n", "")], [False, True, False], "answers come from n"), ([("", "")], [False], "not named by the server, none new"),
    ],
    ids=range(6),
)  # fmt: skip
def test_who_answers_is_known_by_name_and_fingerprint(
    replies: list[tuple[str, str]], new: list[bool], said: str
) -> None:
    """Both of them; a new one is told once, with the ask at which it came."""
    watch = Identity()
    watch.skip(10)
    assert [watch.observe(*reply) for reply in replies] == new
    told = watch.reading()
    assert told.sentence == said
    if True in new:
        assert (told.from_ask, told.to_ask) == (11 + new.index(True), 10 + len(replies))
        watch.restart()
        assert "none new" in watch.reading().sentence


def test_prompts_without_a_count_say_nothing() -> None:
    """Neither without characters nor without tokens; five with both arm the watch."""
    watch = PromptCap()
    assert [watch.observe(*each) for each in ((0, 100), (100, 0))] == [False, False]
    assert not watch.counts
    for number in range(4):
        watch.observe(100 + number, 50 + 10 * number)
    assert (watch.counts, watch.reading().state, watch.reading().sentence) == (
        True,
        WatchState.ARMING,
        "begins after 5 asks with a count of tokens",
    )
    watch.observe(200, 100)
    assert (watch.reading().state, watch.reading().sentence) == (WatchState.STEADY, "100 tokens at most")
    capped = PromptCap()
    capped.skip(7)
    assert [capped.observe(chars, 1_000) for chars in (1_000, 1_100, 1_200, 1_250, 1_299)] == [False] * 5
    assert capped.observe(1_300, 1_000)
    told = capped.reading()
    assert (told.from_ask, told.to_ask) == (8, 13)
    assert told.sentence.startswith("questions of 1,000 to 1,300 characters all took 1,000 tokens: the server cuts")  # fmt: skip


def test_a_dismissed_count_of_tokens_is_quiet() -> None:
    """Any, where none was counted yet; another one shows."""
    fresh = PromptCap()
    fresh.restart()
    assert not any(fresh.observe(1_000 + 100 * number, 1_000) for number in range(9))
    capped = PromptCap()
    for number in range(9):
        capped.observe(1_000 + 100 * number, 1_000)
    capped.restart()
    assert not any(capped.observe(1_000 + 100 * number, 1_002) for number in range(9))
    assert any(capped.observe(2_000 + 200 * number, 2_000) for number in range(9))


def test_a_set_of_watches_counts_what_was_before() -> None:
    """An alarm of packs is about the packed asks; each alarm is told once, and begins anew when it is dismissed."""
    watches = WatchSet(("1", "0"), expected=1_000, shuffled=True)
    watches.skip({"1": 70, "0": 30})
    assert [watches.observe(Ask("1", False, False, chars=9 * n, tokens=900)) for n in range(200, 204)] == [()] * 4
    (cut,) = watches.observe(Ask("1", False, False, chars=2_700, tokens=900))
    assert (cut.watch, cut.from_ask, cut.to_ask) == (Watch.TRUNCATED, 101, 105)
    watches = WatchSet(("1", "0"), expected=1_000, shuffled=True)
    watches.skip({"1": 70, "0": 30})
    (told,) = watches.alarm_of_packs("packs differ", 10, 7.0)
    assert (told.watch, told.from_ask, told.to_ask, told.statistic, told.limit, told.sentence) == (
        Watch.PACKS,
        91,
        100,
        7.0,
        6.5,
        "packs differ",
    )
    assert watches.alarm_of_packs("again", 10, 7.0) == ()
    assert watches.raised == (told,)
    watches.restart(Watch.PACKS)
    assert watches.raised == ()
    (whole,) = watches.alarm_of_packs("packs differ", 1_000, 7.0)
    assert whole.from_ask == 1
    ordered = WatchSet(("1", "0", "2"), expected=1_000, shuffled=False)
    assert [reading.state for reading in ordered.readings() if reading.watch is Watch.SHARES] == [WatchState.OFF]
    assert ordered.observe_canary(CanaryAnswer(1, "1", "0", 1)) == ()
    assert not any(reading.watch is Watch.TRUNCATED for reading in ordered.readings())
    ordered.observe(Ask("1", False, False, chars=10, tokens=5))
    assert any(reading.watch is Watch.TRUNCATED for reading in ordered.readings())
    assert {reading.watch: reading.sentence for reading in ordered.readings()}[Watch.REASKED] == "1 asks, 5 % tolerated"  # fmt: skip


# -- canaries ---------------------------------------------------------------------------------------------------------------


def calibrated(texts: int = 1_000, wrong: int = 0) -> Canaries:
    """Canaries of a run, offered forty emails of two labels, each asked twice; the first so many changed."""
    found = Canaries(("1", "0"), texts=texts)
    for number in range(40):
        found.offer(number, str(number % 2))
    for _ in range(2):
        for number in sorted(found._calibrating):
            label = str(number % 2)
            changed = number < wrong
            found.sent(number, 0)
            found.answered(CanaryAnswer(number, label, "x" if changed else label, 0))
    return found


def test_a_sum_of_changes_takes_the_noise_into_account() -> None:
    """Up to one in a hundred the usual limit; from two in a hundred on the healthy rate is half as much again."""
    for noise, limit, healthy in (
        (0.0, 6.5, 0.02),
        (0.01, 6.5, 0.02),
        (0.0101, 8.0, 0.02),
        (0.02, 8.0, 0.02),
        (0.04, 8.0, 0.06),
    ):
        change = ChangeSum(noise=noise)
        change.observe(1)
        assert (change.limit, change.sum) == (limit, pytest.approx(math.log(0.2 / healthy)))
        change.observe(0)
        assert change.sum == pytest.approx(math.log(0.2 / healthy) + math.log(0.8 / (1 - healthy)))
        assert (change.since, change.changed, change.every) == (2, 1, 2)
    for _ in range(20):
        change.observe(0)
    assert (change.sum, change.since, change.changed, change.every) == (0.0, 0, 0, 15)  # fmt: skip


def test_canaries_are_calibrated_before_they_are_asked() -> None:
    """Twenty of a thousand texts, ten of each label; a noisy model is not watched, and is said to be so."""
    assert Canaries(("1", "0"), texts=999).off == "off: they need 1,000 different texts or more"
    assert Canaries(("1", "0"), texts=1_000, most=0).off == "off: the task sets canaries = 0"
    found = calibrated()
    assert (len(found._known), found.armed, found.off, found.noise) == (20, True, "", 0.0)
    assert found.sentence == "0 asked again, 0 changed"
    fresh = Canaries(("1", "0"), texts=1_000)
    assert (fresh.armed, fresh.sentence) == (False, "0 of 20 texts gave 3 equal answers")
    noisy = calibrated(wrong=4)
    assert noisy.noise == pytest.approx(4 / 36)
    assert noisy.off == "off: 11% of the first repeated answers changed by themselves"
    assert noisy.sentence == noisy.off
    assert not noisy.armed
    few = Canaries(("1", "0"), texts=1_000)
    for number in range(9):
        few.offer(number, str(number % 2))
        few.sent(number, 0)
        few.answered(CanaryAnswer(number, str(number % 2), "x", 0))
    assert (few.off, few.noise) == ("", 9 / 20)
    few.offer(9, "1")
    few.sent(9, 0)
    few.answered(CanaryAnswer(9, "1", "x", 0))
    assert few.off == "off: 50% of the first repeated answers changed by themselves"  # fmt: skip


def test_of_many_labels_twice_as_many_emails_are_tried() -> None:
    """Ten of each label, until forty are known."""
    found = Canaries(("1", "0"), texts=1_000)
    for number in range(100):
        found.offer(number, f"label {number // 20}")
    assert len(found._known) == 40
    assert {number // 20 for number in found._known} == {0, 1, 2, 3}


def test_a_round_asks_all_at_once_and_shows_another_model() -> None:
    """Five of sixty, or as large a share of fewer, two at least; what gave no label does not count."""
    found = calibrated()
    found.begin_round()
    assert (found.round, found.waiting) == (2, 20)
    due = []
    while (now := found.due()) is not None and now[1] == 2:
        found.sent(*now)
        due.append(now[0])
    assert len(due) == 20
    found.given_up(due[0], 2)
    for number in due[1:19]:
        label = str(number % 2)
        assert not found.answered(CanaryAnswer(number, label, "x" if number == due[1] else label, 2))
    assert found.answered(CanaryAnswer(due[19], str(due[19] % 2), "x", 2))
    assert found.alarm == "2 of 19 asked again at once changed"
    assert (found.asked, found.changed, found.sentence) == (19, 2, "19 asked again, 2 changed (10.5%)")
    unarmed = Canaries(("1", "0"), texts=1_000)
    unarmed.begin_round()
    assert (unarmed.round, unarmed.waiting) == (1, 0)
    assert [canaries.round_changed(*each) for each in ((0, 0), (1, 1), (2, 24), (2, 25), (3, 36), (3, 37), (5, 60), (4, 60))] == [
        False, False, True, False, True, False, True, False,
    ]  # fmt: skip


def test_a_round_is_through_when_all_that_are_left_have_answered() -> None:
    """One that is dropped, or that gave no label, is not waited for; nor one of the round before."""
    found = calibrated()
    found.begin_round()
    numbers = list(found._round)
    found.drop(numbers[0])
    assert found.waiting == 19
    for number in numbers[1:]:
        found.sent(number, 2)
    answers = [
        CanaryAnswer(number, str(number % 2), "x" if number in numbers[1:3] else str(number % 2), 2)
        for number in numbers[1:]
    ]
    assert [found.answered(each) for each in answers] == [False] * 18 + [True]
    older = calibrated()
    older.begin_round()
    first = older._round[0]
    older.sent(first, 2)
    older.begin_round()
    older.given_up(first, 2)
    assert (older.round, older._round_size) == (3, 20)
    older.sent(first, 3)
    older.given_up(first, 3)
    assert older._round_size == 19


def test_regular_canaries_are_due_every_fifteen_asks_and_alarm_by_their_sum() -> None:
    """Asked in turns; three changes in a row alarm."""
    found = calibrated()
    found._since_canary = found._since_calibration = 0
    for number in range(14):
        found.offer(1_000 + number, "1")
        assert found.due() is None
    found.offer(1_014, "1")
    first = found.due()
    assert first is not None
    assert (first[0], first[1], found.waiting) == (0, 1, 1)
    found.sent(*first)
    assert found._since_canary == 0
    assert not found.answered(CanaryAnswer(first[0], str(first[0] % 2), "x", 1))
    for _ in range(2):
        found.offer(2_000, "1")
    second = found.due()
    assert second is not None
    assert second[0] != first[0]
    assert not found.answered(CanaryAnswer(second[0], str(second[0] % 2), "x", 1))
    assert found.answered(CanaryAnswer(second[0], str(second[0] % 2), "x", 1))
    assert found.alarm == "3 of the last 3 texts asked again changed"
    assert found.statistic == (pytest.approx(3 * math.log(10)), 6.5)
    assert not found.answered(CanaryAnswer(77_777, "1", "x", 1))


# -- packs ------------------------------------------------------------------------------------------------------------------


def test_the_control_of_packs_sums_what_stays_otherwise() -> None:
    """A first answer that differs is asked again; by how many go a noisy server is known."""
    control = PackControl(3, (10, 5))
    assert (control.sentence, control.size) == ("no text of a pack of 10 was asked about alone yet", 10)
    for number in range(7):
        assert not control.answered(ControlAnswer(number, "1", "0", 1, 10, 2))
        assert control._due[number].turn == 2
        control.answered(ControlAnswer(number, "1", "0", 2, 10, 2))
    assert (control.asked, control.stayed, control.gone) == (7, 7, 0)
    healthy = [max(0.02, 2.2 * 0.5 / (number + 45)) for number in range(1, 8)]
    assert control.sum == pytest.approx(sum(math.log(0.2 / each) for each in healthy))
    assert control.sentence == "7 of packs of 10 asked about alone: 7 labeled otherwise, twice"
    control.answered(ControlAnswer(8, "1", "0", 1, 10, 2))
    assert control.answered(ControlAnswer(8, "1", "0", 2, 10, 2))
    control.answered(ControlAnswer(9, "1", "0", 1, 10, 2))
    assert not control.answered(ControlAnswer(9, "1", "1", 2, 10, 2))
    assert (control.gone, control.asked) == (1, 9)
    assert [packing._sign_test(more, less) for more, less in ((0, 0), (1, 0), (8, 0), (11, 1), (2, 1))] == [
        1.0,
        0.5,
        1 / 256,
        13 / 4096,
        0.5,
    ]
    assert (control.lower(), control.size, control.lower()) == (5, 5, None)
    assert (control.asked, control.sum) == (0, 0.0)
    assert not control.answered(ControlAnswer(9, "1", "0", 1, 10, 2))
    assert PackControl(3, (1,)).sentence == "off: every text is asked about alone"
    assert PackControl(3, (10, 5), 5).size == 5  # fmt: skip


@pytest.mark.parametrize(
    ("packed", "texts", "controls"), [(0, 125, 30.0), (0, 225, 30.8), (125, 100, 0.8), (100, 50, 6.2), (200, 0, 0.0), (130, 10, 0.08)]
)  # fmt: skip
def test_how_many_texts_are_asked_about_alone_is_foretold(packed: float, texts: float, controls: float) -> None:
    """A quarter of the first 125, few of the others; half of them under suspicion."""
    assert packing.expected_controls(packed, texts) == pytest.approx(controls)
    shares = [packing.share_at(place, suspicious=suspicious) for place in (1, 125, 126) for suspicious in (False, True)]
    assert shares == [0.24, 0.24, 0.24, 0.24, 0.008, 0.5]


def test_a_text_of_the_control_is_tried_twice() -> None:
    """Then it is left out; one that was packed alone never belongs to it."""
    control = PackControl(3, (10,))
    number = next(each for each in range(100) if sampling.permanent_number(3, each) < 0.24)
    control.offer(number, "1", 1, 2)
    assert (control.packed, control.due()) == (0, None)
    control.offer(number, "1", 2, 5)
    assert (control.packed, control.due()) == (1, (number, ControlAnswer(number, "1", "", 1, 2, 5)))
    control.sent(number)
    assert control.due() is None
    control.given_up(number)
    assert control.due() is not None
    control.given_up(number)
    assert control.due() is None
    control.offer(number, "1", 10, 5)
    control.drop(number)
    assert control.due() is None


# -- estimates --------------------------------------------------------------------------------------------------------------


def test_nothing_audited_has_no_figures() -> None:
    """Nor has a run of nothing; a label that nobody checked has its share of the model alone."""
    assert estimates.figures([], ("1",)) == Figures(0, 0, None, ())
    bare = estimates.figures([Stratum("1", 6, {}), Stratum("0", 2, {})], ("1",))
    assert bare == Figures(8, 0, None, (LabelFigures("1", 0.75, None, None, None, None, 0),))
    assert estimates.label_figures([], "1") == LabelFigures("1", 0.0, None, None, None, None, 0)


@pytest.mark.parametrize(
    ("positives", "no_miss", "no_hit", "low", "high", "few", "at_least"),
    [
        (10, False, False, 0.75, 0.9, False, False), (9, False, False, 0.75, 0.9, True, False), (5, False, False, 0.75, 0.9, True, False), (4, False, False, 0.75, 0.9, True, True), (3, False, False, 0.75, 0.9, True, True),
        (2, False, False, 0.75, 1.0, True, True), (10, True, False, 0.75, 1.0, False, False), (10, False, True, 0.0, 0.9, True, False),
    ],
)  # fmt: skip
def test_a_recall_is_bounded_by_what_contradicts_it(
    positives: int, no_miss: bool, no_hit: bool, low: float, high: float, few: bool, at_least: bool
) -> None:
    """Over few that people found its upper end is 1, and it is marked."""
    drawn = [[0.75, 0.25]] * 50 + [[0.9, 0.1]] * 50
    found = estimates._recall([8.0, 2.0], drawn, positives, no_miss=no_miss, no_hit=no_hit, audited=50)
    half = (high - low) / 2
    assert found == Estimate(0.8, low, pytest.approx(high), 50, few, estimates.needed(50, half), at_least)
    assert estimates._recall([8.0, 2.0], drawn, 0, no_miss=False, no_hit=False, audited=50) is None


@pytest.mark.parametrize(
    ("hits", "audited", "spread", "low", "high", "few"),
    [(5, 10, 3, 0.3, 0.6, False), (8, 10, 4, 0.6, 1.0, True), (7, 9, 2, 7 / 10, 0.9, True), (0, 10, 2, 0.0, 0.3, False), (10, 10, 1, 0.9, 1.0, False)],
)  # fmt: skip
def test_a_precision_reaches_its_ends_where_nothing_contradicts_it(
    hits: int, audited: int, spread: int, low: float, high: float, few: bool
) -> None:
    """Fifteen points to either side are the widest that is not marked, of ten audited ones."""
    cell = Cell(10, audited, hits)
    drawn = [[low * 10, 0.0]] * 50 + [[high * 10, 0.0]] * 50
    found = estimates._precision(cell, drawn)
    assert (found.low, found.high, found.few, found.audited) == (pytest.approx(low), pytest.approx(high), few, audited)
    assert found.value == hits / audited
    assert spread


@pytest.mark.parametrize(
    ("audited", "half", "more"), [(50, 0.1, 0), (50, 0.1001, 1), (50, 0.2, 150), (0, 0.5, 0), (10, 0.15, 13), (400, 0.05, 0)]
)  # fmt: skip
def test_how_many_more_are_needed_follows_from_the_width(audited: int, half: float, more: int) -> None:
    """Widths shrink with the square root of how many there are."""
    assert estimates.needed(audited, half) == more
    assert [estimates.least_for_recall(share) for share in (0.0, 0.1, 0.3, 1.0)] == [None, 100, 34, 10]


def test_draws_of_a_count_are_exact_for_few() -> None:
    """From twelve on a rounded normal one; within what there is, and by the generator alone."""
    rng = random.Random(5)
    found = [
        estimates._binomial(rng, of, p)
        for of, p in ((5, 0.5), (11, 0.3), (12, 0.3), (40, 0.5), (1_000, 0.01), (100, 0.99))
    ]
    assert found == [0, 3, 5, 20, 9, 100]
    assert [estimates._binomial(rng, *each) for each in ((0, 0.5), (5, 0.0), (5, 1.0), (-1, 0.5))] == [0, 0, 5, 0]
    assert estimates._quantiles([float(n) for n in range(100)]) == (2.0, 97.0)
    assert estimates._column(rng, Cell(5, 5, 3), 2) == [3.0, 3.0]
    assert estimates._column(rng, Cell(4, 5, 3), 1) == [3.0]
    small = estimates._column(random.Random(1), Cell(6, 5, 3), 500)
    assert set(small) == {3.0, 4.0}
    assert sum(small) / 500 == pytest.approx(3 + 3.5 / 6, abs=0.06)  # fmt: skip


def test_few_cells_are_pooled_for_accuracy() -> None:
    """Those with fewer than twenty audited; of a cell that nobody checked the smallest known one speaks."""
    one = estimates.accuracy([Stratum("1", 100, {"1": 19, "0": 0}), Stratum("0", 50, {"0": 10, "1": 5})])
    assert one is not None
    assert one.value == pytest.approx(29 / 34)
    two = estimates.accuracy([Stratum("1", 100, {"1": 20}), Stratum("0", 50, {"0": 10, "1": 5})])
    assert two is not None
    assert two.value == pytest.approx((100 + 50 * 10 / 15) / 150)
    near = estimates.accuracy(
        [Stratum("1", 100, {"1": 31}), Stratum("0", 60, {"0": 20, "1": 10}), Stratum("2", 40, {})]
    )
    assert near is not None
    assert near.value == pytest.approx((100 + 100 * 20 / 30) / 200)
    assert near.audited == 61
    assert estimates.accuracy([Stratum("1", 0, {"1": 3}), Stratum("0", 5, {})]) is None  # fmt: skip


def test_a_difference_rests_on_emails_that_differ() -> None:
    """Those on which neither is right decide nothing, and make it less sure."""
    found = estimates.difference(1_000, 100, 30, 10, 0)
    assert (found.differing, found.audited, found.a_right, found.b_right) == (100, 40, 30, 10)
    assert found.estimate is not None
    assert found.estimate.value == pytest.approx(100 * 20 / 40 / 1_000)
    unsure = estimates.difference(1_000, 100, 30, 10, 60).estimate
    assert unsure is not None
    assert unsure.value == pytest.approx(0.02)
    assert (unsure.low, unsure.high) == (0.02, 0.02)
    half = estimates.difference(1_000, 100, 10, 2, 8).estimate
    assert half is not None
    assert [round(each, 6) for each in (half.value, half.low, half.high)] == [0.04, 0.012, 0.062]
    assert estimates.difference(0, 5, 1, 1, 0).estimate is None
    assert estimates.difference(5, 5, 0, 0, 0).estimate is None


# -- agreement, the student, the report -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "said"), [(0.0, 0.5, "0.00–0.50"), (-0.001, 0.5, "-0.00 to 0.50"), (0.2, 0.2, "no interval"), (None, 0.2, "no interval"), (0.2, None, "no interval")]
)  # fmt: skip
def test_an_interval_below_zero_has_words_between(low: float | None, high: float | None, said: str) -> None:
    """A dash would look like a sign."""
    assert Agreement(0.1, low, high, 0.5, 3).interval == said


def test_two_labels_of_one_item_have_an_alpha() -> None:
    """Chance alone; one label only has none."""
    assert agreement.alpha([{"a": "x", "b": "y"}]).value == pytest.approx(0.0)
    assert agreement.alpha([{"a": "x", "b": "x"}]).value is None
    assert agreement.alpha([{"a": "x"}]) == Agreement(None, None, None, 0.0, 0)
    rng = random.Random(4)
    drawn = [
        agreement._binomial(rng, of, p) for of, p in ((10, 0.2), (10, 0.8), (1_000, 0.3), (0, 0.5), (5, 0.0), (5, 1.0))
    ]
    assert drawn == [5, 10, 308, 0, 0, 5]
    assert agreement._multinomial(rng, {0: 5, 1: 0, 2: 5}).keys() == {0, 1, 2}
    assert sum(agreement._multinomial(rng, {0: 500, 1: 300, 2: 200}).values()) == 1_000
    cells = {("a", "a"): 3.0, ("a", "b"): 1.0, ("b", "b"): 4.0}
    assert agreement._weighted_kappa(cells) == pytest.approx((7 * 8 - (4 * 3 + 4 * 5)) / (64 - 32))
    assert [agreement.majority(each) for each in ({}, {"a": "x"}, {"a": "x", "b": "y"}, {"a": "x", "b": "x", "c": "y"}, dict(zip("abcd", "xxyy", strict=True)))] == [
        None, "x", None, "x", None,
    ]  # fmt: skip


def test_a_student_learns_the_same_figures_from_the_same_texts() -> None:
    """Three labels of six texts, written down once."""
    found = student.Student(("a", "b", "c"))
    assert found.log_probabilities(student.features("anything")) == [pytest.approx(math.log(1 / 3))] * 3
    texts = [
        student.features(text)
        for text in ("red green blue", "green blue", "one two three", "two three red", "x y z", "y z one")
    ]
    found.train(texts, ["a", "a", "b", "b", "c", "c"], seed=3, epochs=3)
    rows = [found.log_probabilities(text) for text in (*texts[:2], student.features("red z"))]
    assert [[round(each, 9) for each in row] for row in rows] == [
        [-0.051912305, -3.527982406, -3.85263318],
        [-0.059697266, -3.572555726, -3.511023432],
        [-1.19493846, -1.382237262, -0.806851113],
    ]
    buckets, value = student.features("a b a")
    assert (sorted(buckets), value) == ([23763, 45872, 48707, 61433], 0.5)
    assert student.features("") == ((), 1.0)
    assert len(student.features(" ".join(f"w{n}" for n in range(400)))[0]) == len(student.features(" ".join(f"w{n}" for n in range(300)))[0])  # fmt: skip


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("From: Ann <ann@X.org>\nSubject: Big Sale\nDate: today\n\nHello you", {"from x.org", "big", "sale", "hello", "you"}), ("plain words", {"plain", "words"}), ("From: nobody\nTo: a@b\n\nhi", {"hi"}), ("Note: this\nhere", {"note", "this", "here"}),
    ],
)  # fmt: skip
def test_what_may_mark_a_rule_is_in_subject_sender_and_words(text: str, marks: set[str]) -> None:
    """Not in the other header lines."""
    assert student.marks(text) == marks


def quality_of(labels: int, **given: Any) -> Any:
    """What a report asks of a run's quality."""
    figures = [LabelFigures(f"l{n}", n / 100, None, None, None, None, 0) for n in range(labels)]
    confusion = {f"l{n}": {f"l{m}": (n + 1 if m == n else 0) for m in range(labels)} for n in range(labels)}
    return SimpleNamespace(**{"figures": SimpleNamespace(labels=figures), "confusion": confusion, **given})


def test_a_report_shows_the_thirty_labels_that_were_given_most() -> None:
    """By model or people; the others are counted."""
    assert report.MOST_LABELS == 30
    assert [each.label for each in report.most_given(quality_of(30))] == [f"l{n}" for n in range(30)]
    assert [each.label for each in report.most_given(quality_of(31))][:2] == ["l30", "l29"]
    assert len(report.most_given(quality_of(31))) == 30
    assert report.most_given(quality_of(3), most=2)[0].label == "l2"
    assert report.most_confused(quality_of(30)) == [f"l{n}" for n in range(30)]
    assert report.most_confused(quality_of(31)) == [f"l{n}" for n in range(1, 31)]
    people = {"a": Counter({"c": 5}), "b": Counter({"b": 2}), "c": Counter()}
    assert report.most_confused(SimpleNamespace(confusion=people), most=2) == ["a", "c"]  # type: ignore[arg-type]
    by_model = {"a": Counter({"x": 3}), "b": Counter({"b": 1}), "c": Counter({"c": 1})}
    assert report.most_confused(SimpleNamespace(confusion=by_model), most=1) == ["a"]  # type: ignore[arg-type]
    assert [report._left_out(count) for count in (30, 31, 1_030)] == [
        "", "<p>1 more labels were given less often.</p>", "<p>1,000 more labels were given less often.</p>",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("found", "unsure", "said"),
    [
        (None, 3, None), ((0.5, 0.75), 1, "1 that nobody could tell is left out: accuracy is 50 % if the model is wrong on it, 75 % if right."),
        ((0.5, 0.75), 1_000, "1,000 that nobody could tell are left out: accuracy is 50 % if the model is wrong on all of them, 75 % if right."),
    ],
)  # fmt: skip
def test_what_nobody_could_tell_is_said_as_a_range(found: Any, unsure: int, said: str | None) -> None:
    """Where there is enough of it."""
    assert report.unsure_words(SimpleNamespace(accuracy_with_unsure=found, cannot_tell=unsure)) == said  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("estimate", "points", "said"),
    [
        (None, True, "—"), (Estimate(0.969, 0.941, 0.982, 9), True, "96.9 % (94.1–98.2)"), (Estimate(0.9, 0.812, 1.0, 9, at_least=True), True, "at least 81.2 %"), (Estimate(1.25, 1.1, 1.4, 9, at_least=True), False, "1.25 (1.10–1.40)"),
    ],
)  # fmt: skip
def test_a_figure_is_shown_with_its_interval(estimate: Estimate | None, points: bool, said: str) -> None:
    """In percent, or as a ratio."""
    assert report.shown(estimate, points=points) == said


def test_plots_scale_to_what_they_show() -> None:
    """Shares at most two in a hundred fill the frame; one slice is no course of a run."""
    plot = report._share_plot("1", [{"1": 5, "0": 5}, {}, {"0": 10}, {"1": 10}])
    lines = re.findall(r'<polyline class=bar fill="none" points="([^"]+)"', plot)
    assert lines == ["60.0,85.0 380.0,150.0 700.0,20.0"]
    assert report._share_plot("1", [{"1": 5}]) == report._share_plot("1", []) == ""
    low = report._share_plot("1", [{"1": 1, "0": 99_999}, {"0": 100_000}])
    assert ">2 %<" in low
    rates = report._rate_plot("x", [(0, 0), (1, 10), (2, 10)])
    assert re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', rates) == [("380.0", "124.5"), ("593.3", "99.0")]
    assert "dashed" not in rates
    assert report._rate_plot("x", [(0, 0)]) == ""


# -- the sample -------------------------------------------------------------------------------------------------------------


def test_a_sample_grows_by_rates_alone() -> None:
    """Rare labels up to a third of the goal, thirty at least; nothing shrinks."""
    sample = Sample(1, "s", 3, 200, 0.2, {"a": 0.5})
    assert sampling.topped_up(sample, {"a": 100, "b": 199, "c": 701, "d": 0}).rates == {"a": 0.6, "b": 60 / 199}
    assert sampling.topped_up(sample, {"a": 200, "c": 800}).rates == {"a": 0.5}
    assert sampling.topped_up(Sample(1, "s", 3, 50, 0.2), {"a": 20, "c": 980}).rates == {"a": 1.0}
    assert sampling.topped_up(Sample(1, "s", 3, 50, 0.2), {"a": 60, "c": 940}).rates == {"a": 0.5}
    assert sampling.grown(sample, 100, 1_000) == sample
    assert (sampling.grown(sample, 500, 1_000).goal, sampling.grown(sample, 500, 1_000).base_rate) == (500, 0.5)
    assert [sampling.base_rate(goal, total) for goal, total in ((5, 0), (5, 10), (20, 10))] == [1.0, 0.5, 1.0]
    assert [sample.rate(label) for label in (None, "a", "b")] == [0.2, 0.5, 0.2]
    assert [sampling.is_member(sample, Candidate(1, u, "a")) for u in (0.49, 0.5)] == [True, False]
    assert [sampling.is_shared(sample, Candidate(1, u, "a")) for u in (0.039, 0.041)] == [True, False]
    looks = sampling.second_looks({n: ("1", "0" if n < 3 else "1") for n in range(10)}, 5)
    assert (len(looks), set(looks) >= {0, 1, 2}) == (6, True)
    assert len(sampling.second_looks({n: ("1", "0" if n < 1 else "1") for n in range(10)}, 5)) == 3
    assert sampling.second_looks({1: ("1", "1")}, 5) == ()
    assert len(sampling.second_looks({1: ("1", "0")}, 5)) == 1


def test_a_watch_is_written_with_four_digits() -> None:
    """With its rate of false alarms, where it is known."""
    assert audit.watch_json("slowness", "steady", 1.234567, -14.00004, "s") == {
        "name": "slowness", "state": "steady", "statistic": 1.2346, "limit": -14.0, "false_alarms_per_100_runs": 0.13, "sentence": "s",
    }  # fmt: skip
    assert audit.watch_json("none", "off", 0.0, 0.0, "")["false_alarms_per_100_runs"] is None


@pytest.mark.parametrize(
    ("label", "agree", "audited", "few"), [("1", 8, 8, True), ("1", 10, 10, False), ("0", 0, 30, False)]
)
def test_a_part_is_marked_as_of_too_few(label: str, agree: int, audited: int, few: bool) -> None:
    """Below ten, or with a wide interval; how many more follows from its share of all."""
    members = [
        (audit.Member(n, 0.1, "1", (audit.Answer(n, n, "a", "first", "1", 1.0, 1, 0.0),)), label)
        for n in range(audited)
    ]
    part = audit._part("by", "name", members, 2 * audited, 1_000)
    assert part.accuracy is not None
    assert (part.agree, part.audited, part.accuracy.few) == (agree, audited, few)
    assert part.accuracy.value == agree / audited
    assert (part.accuracy.more > 0) is few
    if few:
        half = (part.accuracy.high - part.accuracy.low) / 2
        assert part.accuracy.more == math.ceil(estimates.needed(audited, half) * 2)
        assert audit._part("by", "name", members, 2 * audited, 3).accuracy.more == 3  # type: ignore[union-attr]  # fmt: skip


@pytest.mark.parametrize(
    ("total", "share", "recall", "precision", "of_all"),
    [(5_000, 0.07, 411, 718, 156), (1_000, 0.5, 50, 96, 421), (200, 0.5, 45, 70, 166), (20, 0.5, 15, 15, 20)],
)
def test_how_many_must_be_audited_is_told_beforehand(
    total: int, share: float, recall: int, precision: int, of_all: int
) -> None:
    """Within 3 %, which is where the search ends."""
    goal = estimates.goal_for(total, share)
    assert (goal.recall, goal.precision, goal.share) == (
        pytest.approx(recall, rel=0.05), pytest.approx(precision, rel=0.05), pytest.approx(of_all, rel=0.05),
    )  # fmt: skip


def test_what_each_person_did_is_counted_once() -> None:
    """Emails that share a text share the answer; a second look counts as changed where it says otherwise."""

    def said(id_: int, email: int, kind: str, value: str | None, seconds: float, who: str = "ann") -> Any:
        return audit.Answer(id_, email, who, kind, value, seconds, 1, 0.0)

    shared = said(1, 1, "first", "1", 9.0)
    members = [
        audit.Member(1, 0.1, "1", (shared, said(2, 1, "second", "0", 2.0))),
        audit.Member(2, 0.2, "1", (shared,)),
        audit.Member(3, 0.3, "0", (said(3, 3, "first", None, 4.0), said(4, 3, "second", None, 1.0))),
        audit.Member(4, 0.4, "0", (said(5, 4, "second", "1", 3.0), said(6, 4, "first", "1", 5.0, "bea"))),
        audit.Member(5, 0.5, "0", (said(7, 5, "adjudicated", "1", 8.0, "bea"),)),
    ]
    assert audit._persons(members) == (
        audit.Person("ann", 2, 1, 3.0, 3, 1),
        audit.Person("bea", 1, 0, 8.0, 0, 0),
    )
