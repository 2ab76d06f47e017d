"""Canaries as a pure state machine: which emails are chosen, when one is due, and which changes alarm."""

from __future__ import annotations

import pytest

from core.quality.alarms import Watch, WatchState
from core.quality.canaries import (
    Canaries,
    CanaryAnswer,
    ChangeSum,
    count_for,
    expected_asks,
    round_changed,
)
from core.quality.watch_set import Ask, WatchSet, replayed

LABELS = ("1", "0")


def ask(
    canaries: Canaries, asks: range, value_of: dict[int, str], log: list[tuple[float, CanaryAnswer]] | None = None
) -> int:
    """Label emails, every fifth as 0, and answer what is due; returns the ask that alarmed, or 0."""
    for number in asks:
        canaries.offer(number, "0" if number % 5 == 0 else "1")
        while (due := canaries.due()) is not None:
            email, round_ = due
            label = "0" if email % 5 == 0 else "1"
            canaries.sent(email, round_)
            answer = CanaryAnswer(email, label, value_of.get(email, label), round_)
            if log is not None:
                log.append((number + 0.5, answer))
            if canaries.answered(answer):
                return number
    return 0


def test_changes_are_summed() -> None:
    """Three changed answers in a row alarm; a noisy model needs more, and calm ones are asked more rarely."""
    calm, noisy, steady = ChangeSum(), ChangeSum(noise=0.015), ChangeSum()
    assert calm.every == 15
    assert [calm.observe(1) for _ in range(3)] == [False, False, True]
    assert calm.every == 2
    assert [noisy.observe(1) for _ in range(4)] == [False, False, False, True]
    assert not any(steady.observe(number % 60 == 0) for number in range(1, 400))
    assert round_changed(5, 60)
    assert not round_changed(4, 60)
    assert not round_changed(1, 10)
    assert round_changed(2, 10)


def test_emails_with_three_equal_answers_are_chosen_of_each_label() -> None:
    """Thirty of each label at most, and none whose repeated answers differed."""
    canaries = Canaries(LABELS, texts=5_000)
    log: list[tuple[float, CanaryAnswer]] = []
    assert ask(canaries, range(1, 2_000), {5: "1"}, log) == 0
    assert canaries.armed
    watched = {answer.email_id for _, answer in log if answer.round == 1}
    assert 5 not in watched
    assert sum(email % 5 == 0 for email in watched) == 30
    assert sum(email % 5 != 0 for email in watched) == 30


def test_one_in_fifteen_asks_is_a_canary_and_one_in_two_under_suspicion() -> None:
    """A changed answer brings the next canary after 2 asks; an equal one in its place goes back to 15."""
    canaries = Canaries(LABELS, texts=5_000)
    ask(canaries, range(1, 1_000), {})
    before = canaries.asked
    ask(canaries, range(1_000, 1_150), {})
    assert canaries.asked - before == 10
    flipped = {number: "1" if number % 5 == 0 else "0" for number in range(1_000)}
    assert 0 < ask(canaries, range(1_150, 1_200), flipped) - 1_150 <= 21


def test_a_collapse_to_one_label_alarms() -> None:
    """When every email labeled 0 is answered 1, the alarm says how many changed."""
    canaries = Canaries(LABELS, texts=5_000)
    ask(canaries, range(1, 1_000), {})
    assert ask(canaries, range(1_000, 1_100), dict.fromkeys(range(1000), "1"))
    assert "of the last" in canaries.alarm


def test_another_model_is_looked_into_at_once() -> None:
    """A reply of another name asks every canary again at once, and five changed of sixty alarm."""
    watches = WatchSet(LABELS, expected=5_000, shuffled=True, canaries=lambda: Canaries(LABELS, texts=5_000))
    canaries = watches.canaries
    assert canaries is not None
    for number in range(1, 800):
        watches.observe(Ask("0" if number % 5 == 0 else "1", False, False, model="a", email_id=number))
        while (due := canaries.due()) is not None:
            label = "0" if due[0] % 5 == 0 else "1"
            canaries.sent(*due)
            watches.observe_canary(CanaryAnswer(due[0], label, label, due[1]))
    [told] = watches.observe(Ask("1", False, False, model="b", email_id=800))
    assert told.watch is Watch.IDENTITY
    changed, found = 0, ()
    while (due := canaries.due()) is not None:
        label = "0" if due[0] % 5 == 0 else "1"
        canaries.sent(*due)
        changed += due[0] % 6 == 1
        value = "0" if due[0] % 6 == 1 else label
        found = found or watches.observe_canary(CanaryAnswer(due[0], label, value, due[1]))
    assert changed >= 5
    assert [reading.watch for reading in found] == [Watch.CANARIES]
    assert canaries.asked >= 60
    watches.restart(Watch.CANARIES)
    assert watches.canaries is not canaries
    assert {r.state for r in watches.readings() if r.watch is Watch.CANARIES} == {WatchState.ARMING}


def test_answers_of_an_earlier_worker_leave_the_same_state() -> None:
    """Taken up from what was recorded, canaries say the same sentence and ask about the same email next."""
    log: list[tuple[float, CanaryAnswer]] = []
    first = Canaries(LABELS, texts=5_000)
    ask(first, range(1, 900), {7: "0"}, log)
    watches = WatchSet(LABELS, expected=5_000, shuffled=True, canaries=lambda: Canaries(LABELS, texts=5_000))
    asks = [(float(n), Ask("0" if n % 5 == 0 else "1", False, False, email_id=n)) for n in range(1, 900)]
    again = replayed(watches, {}, sorted([*asks, *log], key=lambda each: each[0]), ()).canaries
    assert again is not None
    assert again.sentence == first.sentence
    ask(first, range(900, 915), {})
    ask(again, range(900, 915), {})
    assert again.asked == first.asked


@pytest.mark.parametrize(
    ("texts", "most", "count"), [(999, 60, 0), (1_000, 60, 20), (5_000, 60, 60), (5_000, 0, 0)], ids=str
)
def test_small_runs_have_few_or_none(texts: int, most: int, count: int) -> None:
    """No canaries below 1,000 texts or where the task turns them off; one for 50 texts, 60 at most."""
    assert count_for(texts, most) == count
    assert bool(Canaries(LABELS, texts=texts, most=most).off) == (count == 0)
    extra = expected_asks(texts, total=texts, most=most)
    assert extra == 0 if not count else 0.05 < extra / texts < 0.11


def test_a_run_that_is_nearly_through_expects_few() -> None:
    """What was calibrated before is not asked again."""
    assert expected_asks(300, total=5_000) == 20


def test_an_unsteady_model_is_not_watched_so() -> None:
    """Where a sixth of the repeated answers change by themselves, canaries say so and stay silent."""
    canaries = Canaries(LABELS, texts=5_000)
    ask(canaries, range(1, 2_000), dict.fromkeys(range(1, 2000, 3), "0"))
    assert "by themselves" in canaries.off
    assert canaries.asked == 0


def test_an_email_that_was_dropped_is_not_asked_in_the_round_that_had_it() -> None:
    """A round of another model is through without it, and no other email is left out."""
    canaries = Canaries(LABELS, texts=5_000)
    ask(canaries, range(1, 1_000), {})
    canaries.begin_round()
    first = canaries.due()
    assert first is not None
    canaries.drop(first[0])
    asked: list[int] = []
    while (due := canaries.due()) is not None:
        asked.append(due[0])
        canaries.sent(*due)
        label = "0" if due[0] % 5 == 0 else "1"
        canaries.answered(CanaryAnswer(due[0], label, label, due[1]))
    assert first[0] not in asked
    assert len(asked) == len(set(asked)) >= 50


def test_canaries_begin_anew_with_their_own_alarm_alone() -> None:
    """Whoever dismisses another alarm keeps what is known of the texts that are asked again."""
    watches = WatchSet(LABELS, expected=5_000, shuffled=True, canaries=lambda: Canaries(LABELS, texts=5_000))
    before = watches.canaries
    for watch in Watch:
        watches.restart(watch)
        assert (watches.canaries is before) is (watch is not Watch.CANARIES)
        before = watches.canaries


def test_a_task_may_allow_a_single_one() -> None:
    """It is asked; only 0 turns them off, and says so."""
    assert Canaries(LABELS, texts=5_000, most=1).off == ""
    assert Canaries(LABELS, texts=5_000, most=0).off == "off: the task sets canaries = 0"
