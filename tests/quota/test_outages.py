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
