"""The plain concurrency limit grants calls by number alone, and rests after errors of the server."""

from __future__ import annotations

import random

import pytest

from core.errors import KeyRefusedError, RateLimitedError, RequestRefusedError, ServerFailedError
from core.model import KeyState, Usage, Wait
from core.quota.pacing.grants import Candidate, Consequence, NoKeys
from core.worker.pacer import ConcurrencyLimit, Pacer, Slot

CANDIDATES = [Candidate(1, 100), Candidate(2, 100)]


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def limit(most: int = 2) -> tuple[ConcurrencyLimit, Clock]:
    clock = Clock()
    pacer: Pacer[Slot] = ConcurrencyLimit(most, clock=clock, rng=random.Random(1))
    assert isinstance(pacer, ConcurrencyLimit)
    return pacer, clock


def granted(pacer: ConcurrencyLimit) -> Slot:
    slot = pacer.next(CANDIDATES)
    assert isinstance(slot, Slot)
    return slot


def test_no_more_calls_are_out_than_the_limit() -> None:
    """The next waits until one of them ends."""
    pacer, _ = limit(2)
    first = granted(pacer)
    granted(pacer)
    assert isinstance(pacer.next(CANDIDATES), Wait)
    pacer.answered(first, Usage(10, 1), {}, 0.1)
    assert granted(pacer).email_id == 1
    assert pacer.statuses()[0].tokens == 11


def test_a_stated_wait_is_kept_and_an_unstated_one_grows() -> None:
    """`retry-after` to the second; after errors 1, 2, 4 … seconds, one call at a time."""
    pacer, clock = limit(2)
    pacer.failed(granted(pacer), RateLimitedError("busy", headers={"retry-after": "7"}), 0.1)
    wait = pacer.next(CANDIDATES)
    assert isinstance(wait, Wait)
    assert wait.until_at == clock.now + 7
    assert wait.reason == "busy"
    clock.now += 7
    consequence = pacer.failed(granted(pacer), ServerFailedError("boom"), 0.1)
    assert consequence.wait_s is not None
    assert 2.0 <= consequence.wait_s <= 2.4
    assert not consequence.counts_against_email
    clock.now += 3
    granted(pacer)
    assert isinstance(pacer.next(CANDIDATES), Wait)


def test_a_refused_key_ends_it_unless_it_is_spared() -> None:
    """A refusal that may be the email's leaves the key in use."""
    pacer, _ = limit()
    assert not pacer.failed(granted(pacer), KeyRefusedError("no"), 0.1, spare_key=True).key_out
    assert pacer.failed(granted(pacer), KeyRefusedError("no such key"), 0.1).key_out
    none = pacer.next(CANDIDATES)
    assert isinstance(none, NoKeys)
    assert "no such key" in none.reason
    assert pacer.statuses()[0].state is KeyState.INVALID


class Late(random.Random):
    """Random numbers at the upper end of what is asked for."""

    def uniform(self, a: float, b: float) -> float:
        return max(a, b)


def test_rests_after_errors_double_up_to_a_minute_and_one_call_goes_out_at_a_time() -> None:
    """A fifth late at most; the first counts against its email, those after it only once an answer came between."""
    clock = Clock()
    pacer = ConcurrencyLimit(3, clock=clock, rng=Late(), alias="box", organization="lab")
    assert pacer.next([]) == Wait(None, "", "", "nothing is pending")
    others = [granted(pacer), granted(pacer)]
    assert [each.in_flight for each in others] == [1, 2]
    waits, counted = [], []
    for _ in range(8):
        told = pacer.failed(granted(pacer), ServerFailedError("boom"), 0.1)
        waits.append(told.wait_s)
        counted.append(told.counts_against_email)
        assert (told.message, told.retry_elsewhere, told.key_out) == ("boom", True, False)
        wait = pacer.next(CANDIDATES)
        assert wait == Wait(clock.now + (told.wait_s or 0), "", "lab", "boom")
        clock.now = wait.until_at or 0
        for each in others:
            pacer.cancelled(each)
        others = []
    assert waits == pytest.approx([1.2, 2.4, 4.8, 9.6, 19.2, 38.4, 72.0, 72.0])
    assert counted == [True] + [False] * 7
    probe = granted(pacer)
    assert pacer.next(CANDIDATES) == Wait(None, "", "lab", "1 calls are out")
    pacer.answered(probe, Usage(10, 2), {}, 0.1)
    assert [granted(pacer).in_flight for _ in range(3)] == [1, 2, 3]
    assert pacer.next(CANDIDATES) == Wait(None, "", "lab", "3 calls are out")
    (key,) = pacer.statuses()
    assert (key.alias, key.organization, key.state, key.requests, key.tokens) == ("box", "lab", KeyState.IN_USE, 9, 12)


def test_a_stated_wait_holds_against_a_shorter_one_that_comes_later() -> None:
    """Two calls are refused: the longer wait counts."""
    pacer, clock = limit(2)
    first, second = granted(pacer), granted(pacer)
    pacer.failed(first, RateLimitedError("busy", headers={"retry-after": "7"}), 0.1)
    pacer.failed(second, RateLimitedError("busy", headers={"retry-after": "2"}), 0.1)
    wait = pacer.next(CANDIDATES)
    assert isinstance(wait, Wait)
    assert wait.until_at == clock.now + 7
    clock.now += 6.9
    assert isinstance(pacer.next(CANDIDATES), Wait)
    clock.now += 0.1
    assert granted(pacer)


def test_a_refused_request_is_its_emails_and_makes_nobody_wait() -> None:
    """Nothing rests, and the key stays."""
    pacer, _ = limit(1)
    told = pacer.failed(granted(pacer), RequestRefusedError("400"), 0.1)
    assert told == Consequence("400", counts_against_email=True)
    assert pacer.failed(granted(pacer), KeyRefusedError("401"), 0.1).message == "no key can be used (local: 401)"
    assert pacer.statuses()[0].state is KeyState.INVALID


@pytest.mark.parametrize(("most", "at_once"), [(5, 5), (1, 1), (0, 1), (None, 2)])
def test_a_person_may_choose_another_number(most: int | None, at_once: int) -> None:
    """One at least; None brings the first one back. What ends twice makes no more room."""
    pacer, _ = limit(2)
    pacer.choose_concurrency(7)
    pacer.choose_concurrency(most)
    assert pacer.at_once == at_once
    slot = Slot(1, "local", "local")
    pacer.cancelled(slot)
    for _ in range(at_once):
        slot = granted(pacer)
    assert isinstance(pacer.next(CANDIDATES), Wait)
    pacer.cancelled(slot)
    assert granted(pacer)
