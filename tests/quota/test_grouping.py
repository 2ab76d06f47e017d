"""Keys that an operator declared as one organization: what bears it out, what contradicts it, and what it costs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core.model import Dimension
from core.quota.ledger.ledger import Ledger
from core.quota.ledger.replies import Reading
from core.quota.pacing.membership import Membership, contradicts, overdrawn

NOW = 1_790_000_000.0
ORG, MODEL = "org_1", "m"
LIMIT = 6_000.0


def shared_ledger() -> Ledger:
    ledger = Ledger()
    ledger.state_limits(ORG, MODEL, {Dimension.TPM: LIMIT}, "headers", NOW)
    return ledger


def tokens(remaining: float, limit: float = LIMIT) -> tuple[Reading, ...]:
    return (Reading(Dimension.TPM, limit, remaining, None),)


def play(shown: Callable[[int, float], float], calls: int = 14) -> tuple[int | None, Membership]:
    """Two keys in turn, a call of 500 tokens a second; ``shown(calls of the key, all spent)`` is what headers leave.

    The number of the call that contradicted the declaration, if any did, and the first key's record.
    """
    ledger = shared_ledger()
    members = [Membership(), Membership()]
    spent = 0.0
    for number in range(calls):
        now = NOW + number
        mine, other = members[number % 2], members[1 - number % 2]
        reservation = ledger.reserve(ORG, MODEL, 500, now)
        spent = max(0.0, spent - 100.0) + 500.0
        ledger.settle(reservation, 500, (), now + 0.5)
        mine.answered(500, now)
        account = ledger.account(ORG, MODEL)
        readings = tokens(shown(number // 2 + 1, spent))
        if contradicts(mine, [other], account, reservation, readings, 500, now + 0.5):
            return number, members[0]
    return None, members[0]


def test_headers_that_follow_what_all_keys_spend_bear_the_declaration_out() -> None:
    """They share a quota: nothing contradicts it, and no trial is made for hours."""
    at, member = play(lambda _, spent: LIMIT - spent, calls=12)
    assert at is None
    assert not member.may_try(NOW + 200)
    assert member.may_try(NOW + 5 * 3_600)


def test_headers_that_know_only_what_the_key_itself_spent_contradict_it() -> None:
    """Each key shows the remains of a quota of its own: found within a few replies."""
    at, _ = play(lambda own, _: LIMIT - min(own * 450.0, LIMIT - 1))
    assert at is not None
    assert at <= 13


@pytest.mark.parametrize("always", [0.0, LIMIT])
def test_headers_that_cannot_be_true_say_nothing(always: float) -> None:
    """Always nothing left, or everything right after a call: neither bears out nor contradicts."""
    at, member = play(lambda _own, _spent: always)
    assert at is None
    assert member.may_try(NOW + 200)


def test_two_limits_at_one_time_contradict_it() -> None:
    """One key goes on showing 6,000 while the other has begun to show 3,000 and goes on with that."""
    one, other = Membership(), Membership()
    found = []
    for number in range(4):
        found.append(one.shows(Dimension.TPM, 6_000, [other], NOW + 10 * number))
        found.append(other.shows(Dimension.TPM, 3_000, [one], NOW + 10 * number + 5))
    assert True in found
    assert found.index(True) <= 4


def test_a_limit_that_changes_for_all_keys_contradicts_nothing() -> None:
    """The operator bought a larger plan: every key shows the new limit from its next reply on."""
    one, other = Membership(), Membership()
    for number in range(8):
        limit = 6_000 if number < 4 else 30_000
        assert not one.shows(Dimension.TPM, limit, [other], NOW + 10 * number)
        assert not other.shows(Dimension.TPM, limit, [one], NOW + 10 * number + 5)


def test_trials_go_out_one_at_a_time_and_pause_after_a_refusal() -> None:
    """A refusal that names nobody is followed by a minute's pause, then four, then sixteen."""
    member = Membership()
    assert member.may_try(NOW)
    member.tried(NOW)
    assert not member.may_try(NOW)
    member.ended()
    member.refused(NOW)
    assert not member.may_try(NOW + 59)
    assert member.may_try(NOW + 61)
    member.refused(NOW + 61)
    assert not member.may_try(NOW + 61 + 239)
    assert member.may_try(NOW + 61 + 241)


def test_trials_that_settle_nothing_do_not_go_on_for_ever() -> None:
    """After two dozen that were let through and proved nothing, there is a pause."""
    member = Membership()
    made = 0
    while member.may_try(NOW) and made < 100:
        member.tried(NOW)
        assert not member.passed(overdrawn=False)
        member.ended()
        made += 1
    assert made <= 30


def test_where_there_are_headers_they_are_heard_before_a_trial() -> None:
    """They may settle it for nothing; where none come, a trial is made at once."""
    member = Membership()
    member.answered(900, NOW)
    assert member.may_try(NOW + 1)
    member.shows(Dimension.TPM, 6_000, [], NOW)
    assert not member.may_try(NOW + 60)
    assert member.may_try(NOW + 100)


@pytest.mark.parametrize(("spent", "expected"), [(5_000, False), (6_000, False), (6_400, False), (6_900, True)])
def test_only_a_clear_overdraft_proves_anything(spent: float, expected: bool) -> None:
    """A level that is a little short may be misjudged; half a call below nothing is not."""
    ledger = shared_ledger()
    ledger.reserve(ORG, MODEL, spent, NOW)
    assert overdrawn(ledger.account(ORG, MODEL), 900, 0.5) is expected
