"""Outages and probing, and how many calls an organization has in flight."""

from __future__ import annotations

import math
import random

import pytest

from core.quota.pacing.concurrency import FIRST_CONCURRENCY, Concurrency
from core.quota.pacing.outages import LONGEST_PROBE_S, Health

NOW = 1_790_000_000.0


@pytest.fixture
def rng() -> random.Random:
    return random.Random(5)


def outage(rng: random.Random) -> Health:
    health = Health()
    for email in (1, 2, 3):
        health.failed(email, "503", NOW, rng, probe=False)
    assert health.out
    return health


def test_three_emails_failing_in_a_row_are_an_outage(rng: random.Random) -> None:
    """Not before the third different one; what comes between resets the count."""
    health = Health()
    assert not health.failed(1, "503", NOW, rng, probe=False)
    assert not health.failed(2, "503", NOW, rng, probe=False)
    health.answered()
    assert not health.failed(3, "503", NOW, rng, probe=False)
    assert not health.failed(4, "503", NOW, rng, probe=False)
    assert health.failed(5, "503", NOW, rng, probe=False)


def test_one_email_failing_again_and_again_is_no_outage(rng: random.Random) -> None:
    """An email that breaks the server does not make the others wait."""
    health = Health()
    assert not any(health.failed(1, "500", NOW, rng, probe=False) for _ in range(20))
    assert health.open_at(NOW) == NOW


def test_probes_come_one_at_a_time_and_ever_later(rng: random.Random) -> None:
    """1, 2, 4 … 60 seconds, a fifth more or less, and nothing else while a probe is out."""
    health = outage(rng)
    now, delays = NOW, []
    for _ in range(9):
        open_at = health.open_at(now)
        delays.append(open_at - now)
        now = open_at
        assert health.asked()
        assert math.isinf(health.open_at(now))
        health.ended(probe=True)
        health.failed(9, "503", now, rng, probe=True)
    for delay, nominal in zip(delays, (1, 2, 4, 8, 16, 32, 60, 60, 60), strict=True):
        assert 0.8 * nominal <= delay <= 1.2 * nominal


def test_calls_that_were_under_way_when_it_began_do_not_delay_the_probe(rng: random.Random) -> None:
    """Thirty late failures are one outage, not thirty."""
    health = outage(rng)
    for email in range(30):
        health.failed(email, "503", NOW + 0.5, rng, probe=False)
    assert health.open_at(NOW + 0.5) <= NOW + 1.2


def test_an_answer_ends_the_outage(rng: random.Random) -> None:
    """The first answer reopens everything."""
    health = outage(rng)
    assert health.answered()
    assert health.open_at(NOW) == NOW
    assert not health.answered()


def test_a_clock_that_goes_back_does_not_stop_the_probing(rng: random.Random) -> None:
    """No probe is further away than the longest delay."""
    assert outage(rng).open_at(NOW - 86_400) <= NOW - 86_400 + 1.2 * LONGEST_PROBE_S


def test_width_doubles_in_a_round_trip_until_the_first_push_back() -> None:
    """Four become thirty-two with as many answers, if all slots are in demand; a 429 halves it."""
    concurrency = Concurrency(32)
    assert concurrency.allowed(math.inf) == FIRST_CONCURRENCY
    for _ in range(28):
        concurrency.answered(0.3, in_demand=True)
    assert concurrency.allowed(math.inf) == 32
    concurrency.pushed_back(NOW, NOW + 1)
    assert concurrency.allowed(math.inf) == 16
    for _ in range(16):
        concurrency.answered(0.3, in_demand=True)
    assert concurrency.allowed(math.inf) == 16 or concurrency.allowed(math.inf) == 17


def test_width_does_not_grow_without_demand() -> None:
    """Where slots stay free there is nothing to gain."""
    concurrency = Concurrency(32)
    for _ in range(100):
        concurrency.answered(0.3, in_demand=False)
    assert concurrency.allowed(math.inf) == FIRST_CONCURRENCY


def test_width_stops_growing_when_answers_only_get_slower() -> None:
    """A server that queues is not asked more at once."""
    concurrency = Concurrency(64)
    for _ in range(30):
        concurrency.answered(0.3, in_demand=False)
    for _ in range(200):
        concurrency.answered(3.0, in_demand=True)
    assert concurrency.allowed(math.inf) < 64


def test_push_backs_of_one_crowd_count_once() -> None:
    """Eight calls refused together halve the width once; the next crowd halves it again."""
    concurrency = Concurrency(32)
    for _ in range(28):
        concurrency.answered(0.3, in_demand=True)
    for _ in range(8):
        concurrency.pushed_back(NOW, NOW + 1)
    assert concurrency.allowed(math.inf) == 16
    concurrency.pushed_back(NOW + 2, NOW + 3)
    assert concurrency.allowed(math.inf) == 8


def test_quotas_bound_the_width() -> None:
    """Half a call a second at a second's latency needs few slots, and never less than one."""
    concurrency = Concurrency(32)
    for _ in range(50):
        concurrency.answered(1.0, in_demand=True)
    assert concurrency.allowed(0.5) == 3
    assert concurrency.allowed(10.0) == 17
    assert concurrency.allowed(0.0) >= 1
    for number in range(20):
        concurrency.pushed_back(NOW + 2 * number, NOW + 2 * number + 1)
    assert concurrency.allowed(math.inf) == 1


class Late(random.Random):
    """Random numbers at the upper end of what is asked for."""

    def uniform(self, a: float, b: float) -> float:
        return max(a, b)


def test_probes_are_a_fifth_late_at_most_and_a_minute_apart() -> None:
    """Each delay doubles up to 60 s; the reason is the newest, the outage as old as its first call, probes one at a time."""
    health, rng = Health(), Late()
    assert (health.since_at, health.probe_at) == (0.0, -math.inf)
    for email, at in ((1, NOW), (2, NOW + 1), (3, NOW + 2)):
        assert not health.out
        health.failed(email, f"reason {email}", at, rng, probe=False)
        assert health.stumbling
    assert (health.reason, health.since_at, health.probe_at) == ("reason 3", NOW + 2, NOW + 2 + 1.2)
    now, delays = NOW + 2, []
    for email in range(4, 11):
        now = health.open_at(now)
        health.failed(email, f"reason {email}", now, rng, probe=True)
        delays.append(health.open_at(now) - now)
    assert delays == pytest.approx([2.4, 4.8, 9.6, 19.2, 38.4, 72.0, 72.0], abs=1e-5)
    assert (health.reason, health.since_at) == ("reason 10", NOW + 2)
    assert [health.open_at(now + later_s) - now for later_s in (-3600, 71.9, 72.1)] == pytest.approx(
        [-3600 + 72, 72, 72.1], abs=1e-5
    )
    assert health.asked()
    assert health.asked()
    opens = [health.open_at(now + 80)]
    for probe in (False, True, True, True):
        health.ended(probe=probe)
        opens.append(health.open_at(now + 80))
    assert opens == [math.inf, math.inf, math.inf, now + 80, now + 80]
    assert health.asked()
    assert health.open_at(now + 80) == math.inf, "what ends too often leaves nothing to be made up for"
    assert health.answered()
    assert (health.out, health.stumbling, health.open_at(now)) == (False, False, now)
    assert not health.asked()


@pytest.mark.parametrize(
    ("cap", "steps", "widths"),
    [
        (32, ["a1", "a26", "a1", "a1", "p1-2", "a16", "a1"], [5, 31, 32, 32, 16, 16, 17]),
        (32, ["a28", "p1-2", "p1.9-3", "p2-3", "p2-2.9", "p4-5"], [32, 16, 16, 8, 4, 2]),
        (32, ["p1-2", "p2-3", "p3-4", "r", "a1", "a1"], [2, 1, 1, 1, 2, 3]),
        (32, ["a28", "r", "a2"], [32, 4, 6]),
        (3, ["a1", "r"], [3, 3]),
        (1, ["a9", "p1-2"], [1, 1]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) and isinstance(value[0], str) else "",
)
def test_width_after_answers_push_backs_and_outages(cap: int, steps: list[str], widths: list[int]) -> None:
    """Answers add one each until something is refused, then one in a round trip; a crowd's refusals halve it once."""
    concurrency, found = Concurrency(cap), []
    for step in steps:
        if step[0] == "a":
            for _ in range(int(step[1:])):
                concurrency.answered(0.3, in_demand=True)
        elif step[0] == "p":
            asked_at, now = map(float, step[1:].split("-"))
            concurrency.pushed_back(asked_at, now)
        else:
            concurrency.restart()
        found.append(concurrency.allowed(math.inf))
    assert found == widths


def test_latencies_are_averaged_and_growth_ends_where_they_are_two_and_a_half_times_as_long() -> None:
    """The first ten count alike, then each a tenth; beside that is what twenty answers took."""
    concurrency, latencies, widths = Concurrency(64), [], []
    for latency_s in (1.0, 2.0, 3.0, *30 * [1.0]):
        concurrency.answered(latency_s, in_demand=False)
        latencies.append(concurrency.latency_s)
    for _ in range(14):
        concurrency.answered(4.0, in_demand=True)
        widths.append(concurrency.allowed(math.inf))
    assert latencies[:4] == pytest.approx([1.0, 1.5, 2.0, 1.75])
    assert latencies[9:12] == pytest.approx([1.3, 1.27, 1.243])
    assert widths == [5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 15, 15, 15]
    assert concurrency.latency_s == pytest.approx(3.3198, abs=1e-4)
    assert [concurrency.allowed(rate) for rate in (0.0, 0.1, 0.5, 1.0)] == [2, 3, 5, 7]


@pytest.mark.parametrize(
    ("latency_s", "widths"),
    [(2.69, [5, 6, 7]), (2.71, [4, 4, 4]), (9.0, [4, 4, 4])],
)
def test_the_bound_of_slower_answers(latency_s: float, widths: list[int]) -> None:
    """Two and a half times the usual second, and a fifth of a second for what is measured of it."""
    concurrency, found = Concurrency(64), []
    for _ in range(5_000):
        concurrency.answered(1.0, in_demand=False)
    concurrency.latency_s = latency_s
    for _ in range(3):
        concurrency.answered(concurrency.latency_s, in_demand=True)
        found.append(concurrency.allowed(math.inf))
    assert found == widths
