"""The plain concurrency limit grants calls by number alone, and rests after errors of the server."""

from __future__ import annotations

import random

from core.errors import KeyRefusedError, RateLimitedError, ServerFailedError
from core.model import KeyState, Usage, Wait
from core.quota.pacing.grants import Candidate, NoKeys
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
