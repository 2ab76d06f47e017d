"""Watches alarm where something happens, keep still where nothing does, and begin anew after a dismissal."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest

from core.quality.alarms import (
    ARMED_AFTER,
    FAILURES_IN_A_ROW,
    PAUSING,
    Identity,
    LabelRun,
    PromptCap,
    RateCounter,
    Reading,
    Slowness,
    Watch,
    WatchState,
    WindowScan,
)
from core.quality.watch_set import Ask, WatchSet, replayed


def first_alarm(watches: WatchSet, asks: list[Ask]) -> tuple[int, Reading] | None:
    for number, ask in enumerate(asks, 1):
        raised = watches.observe(ask)
        if raised:
            return number, raised[0]
    return None


def stream(seed: int, count: int, share: float) -> list[Ask]:
    rng = random.Random(seed)
    return [
        Ask("0" if rng.random() < share else "1", rng.random() < 0.02, rng.random() < 0.003, rng.lognormvariate(0, 0.4))
        for _ in range(count)
    ]


def watches(*, shuffled: bool = True, labels: tuple[str, ...] = ("1", "0")) -> WatchSet:
    return WatchSet(labels, expected=5_000, shuffled=shuffled)


@pytest.mark.parametrize("share", [0.02, 0.18, 0.5])
def test_healthy_runs_are_silent(share: float) -> None:
    """A healthy stream of 3,000 asks raises no alarm, and every watch is armed at its end."""
    quiet = watches()
    assert first_alarm(quiet, stream(4, 3_000, share)) is None
    assert {reading.state for reading in quiet.readings()} == {WatchState.STEADY}
    assert quiet.raised == ()


def test_a_vanished_minority_alarms() -> None:
    """After 1,000 asks at 18 % the minority label stops: noticed within 80 asks, with the asks it is about."""
    alarm = first_alarm(watches(), stream(1, 1_000, 0.18) + stream(2, 200, 0.0))
    assert alarm is not None
    number, reading = alarm
    assert 1_040 <= number <= 1_080
    assert reading.watch is Watch.RUN
    assert reading.watch in PAUSING
    assert "no 0 among the last" in reading.sentence
    assert reading.to_ask == number
    assert reading.from_ask <= 1_001


def test_a_vanished_majority_alarms_at_once() -> None:
    """Answers that all turn to the minority are noticed within fifteen asks."""
    alarm = first_alarm(watches(), stream(1, 1_000, 0.18) + stream(2, 200, 1.0))
    assert alarm is not None
    assert alarm[0] <= 1_015


def test_a_run_of_one_label_alarms_after_as_many_answers_as_its_reference_calls_for() -> None:
    """Half of 200 answers carry the label; the run that follows is counted from its first answer, also after a dismissal."""
    watch = LabelRun("1", labels=2, expected=400)
    assert not any(watch.observe(str(n % 2)) for n in range(200))
    lengths = []
    for _ in range(2):
        watch.observe("1")
        watch.restart()
        lengths.append(next(n for n in range(1, 400) if watch.observe("0")))
        watch.restart()
    assert lengths == [18, 20], "of the 20 more answers before the second, one carries the label"


def test_a_doubled_share_alarms_in_the_scan() -> None:
    """A minority that triples is found by the scan of windows, but not where emails come in the source's order."""
    asks = stream(1, 1_000, 0.1) + stream(2, 400, 0.35)
    alarm = first_alarm(watches(), asks)
    assert alarm is not None
    assert alarm[1].watch is Watch.SHARES
    assert first_alarm(watches(shuffled=False), asks) is None
    assert WatchState.OFF in {reading.state for reading in watches(shuffled=False).readings()}


def test_failures_and_re_asks_alarm_by_tolerance() -> None:
    """A tenth of asks failing alarms soon; so does a third of them re-asked."""
    bad = [Ask(None if i % 10 == 0 else "1", reasked=False, failed=i % 10 == 0) for i in range(200)]
    alarm = first_alarm(watches(), bad)
    assert alarm is not None
    assert alarm[1].watch is Watch.FAILED
    asked = [Ask("1" if i % 2 else "0", reasked=i % 3 == 0, failed=False) for i in range(200)]
    alarm = first_alarm(watches(), asked)
    assert alarm is not None
    assert alarm[1].watch is Watch.REASKED
    assert alarm[1].watch not in PAUSING


def test_failures_in_a_row_are_left_to_their_own_rule() -> None:
    """The watch is silent while failures go on, raises at the next label, and begins anew after 25 in a row."""
    bad, good = Ask(None, reasked=False, failed=True), Ask("1", reasked=False, failed=False)
    alarm = first_alarm(watches(), [bad] * 24 + [good])
    assert alarm is not None
    assert (alarm[0], alarm[1].watch) == (25, Watch.FAILED)
    assert "24 of the last 25 asks" in alarm[1].sentence
    assert first_alarm(watches(), [bad] * FAILURES_IN_A_ROW + [good] * 3) is None


def answers_of(slowness: Slowness, out: int, latency_s: float, count: int) -> bool:
    """Let ``count`` answers come with ``out`` calls at once; return whether any alarmed."""
    rng = random.Random(out)
    return any(slowness.observe(rng.lognormvariate(math.log(latency_s), 0.3), out) for _ in range(count))


def test_answers_that_take_longer_because_more_are_asked_for_at_once_do_not_alarm() -> None:
    """The search for the best number of calls at once makes answers slower; a slower server is noticed after it."""
    slowness = Slowness()
    assert not answers_of(slowness, 64, 0.5, 100)
    assert not answers_of(slowness, 128, 1.0, 250)
    assert not answers_of(slowness, 64, 0.5, 600)
    assert not answers_of(slowness, 80, 0.65, 150)
    assert answers_of(slowness, 64, 1.0, 100)
    assert 1_100 < slowness.reading().to_ask <= 1_200


def test_a_server_that_slows_down_is_noticed_whether_its_calls_are_counted_or_not() -> None:
    """Under quotas a slow server is the reason that more calls are out, and their number is None."""
    for out in (64, None):
        slowness = Slowness()
        for _ in range(400):
            assert not slowness.observe(0.5, out)
        assert any(slowness.observe(1.0, out) for _ in range(60))


def test_slower_answers_alarm() -> None:
    """Latencies of which three in ten lie over the first ninetieth percentile raise an alarm."""
    rng = random.Random(3)
    asks = stream(1, 600, 0.18)
    slow = [Ask("0" if rng.random() < 0.18 else "1", False, False, rng.lognormvariate(0.5, 0.4)) for _ in range(300)]
    alarm = first_alarm(watches(), asks + slow)
    assert alarm is not None
    assert alarm[1].watch is Watch.SLOW


def test_another_model_is_reported_once() -> None:
    """A reply that names another model alarms; known fingerprints and silent servers do not."""
    identity = Identity()
    assert not identity.observe("gpt-oss-20b", "fp_1")
    assert not identity.observe("gpt-oss-20b", "fp_2")
    assert not identity.observe("", "")
    assert identity.observe("gpt-oss-120b", "fp_3")
    assert "gpt-oss-120b" in identity.reading().sentence
    identity.restart()
    assert not identity.observe("gpt-oss-120b", "fp_3")
    assert identity.reading().state is WatchState.STEADY
    assert "3 fingerprints" in identity.reading().sentence


def test_a_dismissed_alarm_begins_anew() -> None:
    """After a dismissal the watch takes all asks up to now as its reference and does not raise the same alarm again."""
    these = watches()
    asks = stream(1, 1_000, 0.18) + stream(2, 120, 0.0)
    assert first_alarm(these, asks) is not None
    raised = these.raised[0]
    assert raised in these.readings()
    these.restart(raised.watch)
    assert these.raised == ()
    assert first_alarm(these, stream(3, 20, 0.0)) is None


def test_counts_of_before_arm_a_watch() -> None:
    """A watch that skips the asks of an earlier worker goes on with their counts."""
    run = LabelRun("0", labels=2, expected=5_000)
    run.skip(hits=180, asks=1_000)
    assert any(run.observe("1") for _ in range(80))
    scan = WindowScan(Watch.SHARES, "0")
    scan.skip(hits=180, asks=1_000)
    assert any(scan.observe(number % 2) for number in range(200))
    counter = RateCounter(Watch.FAILED, healthy=0.01, trouble=0.05)
    counter.skip(1_000)
    assert not counter.observe(0)
    assert "1,001" in counter.reading().sentence


def test_what_was_skipped_counts_once_in_what_is_said() -> None:
    """Twice the counts of an earlier worker, and one answer more."""
    scan = WindowScan(Watch.SHARES, "0")
    for _ in range(2):
        scan.skip(hits=90, asks=500)
    scan.observe(0)
    assert scan.reading().sentence == "steady over 1,001 asks"


def cap_alarms(
    tokens_of: Callable[[int, random.Random], int], *, asks: int = 5_000, seed: int = 1, short: bool = False
) -> list[str]:
    """The sentences of alarms over questions of 2,300 to 8,300 characters with these counts of tokens.

    With ``short`` the texts are of 3 to 60 characters.
    """
    rng = random.Random(seed)
    cap = PromptCap()
    found = []
    for _ in range(asks):
        chars = 2_300 + (rng.randint(3, 60) if short else min(6_000, int(rng.lognormvariate(7.0, 1.1))))
        if cap.observe(chars, tokens_of(chars, rng)):
            found.append(cap.reading().sentence)
    return found


def test_prompts_that_a_server_cuts_are_reported_with_the_remedy_and_once() -> None:
    """Every question above 1,024 tokens takes 1,024: one alarm, which says what to raise."""
    [sentence] = cap_alarms(lambda chars, rng: min(1_024, round(chars / rng.gauss(4.0, 0.4))))
    assert "all took 1,024 tokens" in sentence
    assert "OLLAMA_CONTEXT_LENGTH" in sentence


def test_an_alarm_over_prompts_counts_the_asks_of_before() -> None:
    """Those that a worker before this one made."""
    cap = PromptCap()
    cap.skip(100)
    cap.observe(10, 5)
    alarmed = [cap.observe(chars, 1_024) for chars in (2_300, 2_500, 2_700, 2_900, 3_000)]
    assert alarmed == [False, False, False, False, True]
    reading = cap.reading()
    assert (reading.from_ask, reading.to_ask) == (102, 106)


def test_counts_that_differ_by_two_tokens_are_one_cap_and_by_three_are_not() -> None:
    """Templates of chats add a token or two; what is further below the largest count is a shorter text."""
    two, three = PromptCap(), PromptCap()
    texts = (4_000, 5_000, 6_000, 7_000, 8_000, 9_000)
    assert any(two.observe(chars, 1_024 - 2 * (number % 2)) for number, chars in enumerate(texts))
    assert not any(three.observe(chars, 1_024 if number == 0 else 1_021) for number, chars in enumerate(texts))


def test_short_texts_of_one_count_alarm_where_no_question_as_long_took_fewer() -> None:
    """Beside a long rubric they differ by some characters alone: twelve of one count over 24 characters are enough."""
    rng = random.Random(5)
    lengths = [2_300 + rng.randint(3, 60) for _ in range(40)]
    cut, partly, whole, alike = PromptCap(), PromptCap(), PromptCap(), PromptCap()
    first = next(number for number, chars in enumerate(lengths) if cut.observe(chars, 512))
    assert 11 <= first < 14
    assert "all took 512 tokens" in cut.reading().sentence
    assert any(partly.observe(chars, min(512, 503 + (chars - 2_300) // 4)) for chars in lengths * 2)
    assert not any(whole.observe(chars, 575 + (chars - 2_300) // 4) for chars in lengths)
    assert not any(alike.observe(chars, 512) for chars in range(2_300, 2_320))


def test_a_dismissed_cap_is_quiet_until_another_one_shows() -> None:
    """After a dismissal the same number of tokens raises no alarm; a smaller context would be another model's."""
    cap = PromptCap()
    for chars in (4_000, 5_000, 6_000, 7_000, 8_000):
        cap.observe(chars, 1_024)
    cap.restart()
    assert not any(cap.observe(chars, 1_024) for chars in (4_000, 8_000))


@pytest.mark.parametrize("spread", [0.1, 0.4, 1.0])
def test_counts_that_grow_with_the_text_never_alarm(spread: float) -> None:
    """Whatever the characters of a token: not once in 20 runs of 5,000 questions of which many are cut by the task."""
    for seed in range(20):
        assert cap_alarms(lambda chars, rng: round(chars / max(1.5, rng.gauss(4.0, spread))), seed=seed) == []

    def short_tokens(chars: int, rng: random.Random) -> int:
        return 575 + round((chars - 2_300) / max(1.5, rng.gauss(4.0, spread)))

    for seed in range(5):
        assert cap_alarms(short_tokens, seed=seed, short=True) == []


def test_watches_that_are_taken_up_again_know_the_labels_of_before() -> None:
    """A label that was given to a fifth of a thousand texts is missed after eighty without it; nothing known, nothing missed."""
    ones = [Ask("1", reasked=False, failed=False)] * 80
    assert first_alarm(replayed(watches(), {"0": 180, "1": 820}, [], []), ones) is not None
    assert first_alarm(replayed(watches(), {}, [], []), ones) is None


@pytest.mark.parametrize(("asks", "told"), [(ARMED_AFTER - 1, False), (ARMED_AFTER, True)])
def test_another_fingerprint_of_a_model_is_learned_at_first_and_reported_later(asks: int, told: bool) -> None:
    """A server of several machines shows all of theirs within the asks that every watch begins with."""
    identity = Identity()
    assert not any(identity.observe("m-2024", "fp_1") for _ in range(asks))
    assert identity.observe("m-2024", "fp_2") is told


def test_watches_that_are_taken_up_again_begin_anew_where_an_alarm_was_dismissed() -> None:
    """At its time, also after the last ask; a watch that this version does not know is left alone."""
    restarted: list[tuple[int, str]] = []
    seen: list[int] = []

    class Noted:
        def skip(self, _: dict[str, int]) -> None: ...

        def observe(self, ask: int) -> None:
            seen.append(ask)

        def restart(self, watch: Watch) -> None:
            restarted.append((len(seen), watch.value))

    dismissed = [(9.0, "canaries"), (2.0, "shares"), (1.0, "of a later version"), (2.5, "model")]
    replayed(Noted(), {}, [(1.0, 1), (2.0, 2), (3.0, 3)], dismissed)  # type: ignore[arg-type, list-item]
    assert (seen, restarted) == ([1, 2, 3], [(1, "shares"), (2, "model"), (3, "canaries")])
