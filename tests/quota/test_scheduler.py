"""Decisions: which key, which organization, which email, and how long to wait otherwise."""

from __future__ import annotations

import math
import random

import pytest

from core.model import Dimension, Wait
from core.quota.keys.identity import Secret
from core.quota.ledger.ledger import Ledger
from core.quota.pacing.concurrency import Concurrency
from core.quota.pacing.estimates import Estimate
from core.quota.pacing.scheduler import (
    KeySlot,
    Need,
    Organization,
    Passed,
    TooLargeForAll,
    Use,
    choose,
    decide,
    jittered,
    sooner,
)
from core.server_address import GROQ_ROOT

NOW = 1_790_000_000.0
MODEL = "m"


def slot(alias: str, organization: str = "org_1", **changes: object) -> KeySlot:
    secret = Secret(alias, f"gsk_{alias}", "…", alias, "test", GROQ_ROOT)
    made = KeySlot(secret, organization)
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def org(name: str = "org_1", *slots: KeySlot, ledger: Ledger | None = None, tpm: float | None = None) -> Organization:
    ledger = ledger or Ledger()
    limits: dict[Dimension, float | None] = {Dimension.RPM: 10_000.0}  # an unknown one lets one call out at first
    if tpm is not None:
        limits[Dimension.TPM] = tpm
    ledger.state_limits(name, MODEL, limits, "operator", NOW)
    return Organization(
        name, ledger.account(name, MODEL), Concurrency(32), slots=list(slots) or [slot(f"key of {name}", name)]
    )


def need(email_id: int = 1, tokens: float = 900, *, margin: float = 0.0, refused_by: tuple[str, ...] = ()) -> Need:
    return Need(email_id, 0, Estimate(tokens, tokens, margin, tokens - margin, tokens, 0.0), refused_by)


def used(decision: object) -> Use:
    assert isinstance(decision, Use)
    return decision


def waited(decision: object) -> Wait:
    assert isinstance(decision, Wait)
    return decision


@pytest.mark.parametrize(
    ("slots", "expected"),
    [
        ([slot("a", last_used_at=5.0), slot("b", last_used_at=3.0)], "b"),
        ([slot("a", last_used_at=5.0), slot("b", last_used_at=3.0, in_flight=1)], "a"),
        ([slot("a", usable=False), slot("b", last_used_at=9.0, in_flight=7)], "b"),
    ],
)
def test_within_an_organization_the_idlest_key_goes(slots: list[KeySlot], expected: str) -> None:
    """Least in flight first, then least recently used; keys that are out do not count."""
    assert used(decide(need(), [org("org_1", *slots)], NOW)).slot.alias == expected


def test_among_organizations_the_one_with_most_room_goes() -> None:
    """Room counts in calls of this size, for each that is in flight already."""
    small, large = org("small", tpm=6_000), org("large", tpm=30_000)
    assert used(decide(need(), [small, large], NOW)).org is large
    for _ in range(31):
        large.account.reserve(900, NOW)
    assert used(decide(need(), [small, large], NOW)).org is small


def test_the_earliest_opening_is_waited_for() -> None:
    """Where nothing fits now, the wait names the organization and the limit that open first."""
    slow, fast = org("slow", tpm=1_000), org("fast", tpm=6_000)
    slow.account.reserve(1_000, NOW)
    fast.account.reserve(6_000, NOW)
    wait = waited(decide(need(tokens=600), [slow, fast], NOW))
    assert (wait.organization, wait.limit) == ("fast", "TPM")
    assert wait.until_at == pytest.approx(NOW + 6 + 1, abs=0.01)  # a second of refill is kept free for the way
    assert "fast waits for tokens per minute" in wait.reason


def test_a_full_organization_waits_for_a_call_to_return() -> None:
    """With every slot taken there is no moment to wait for."""
    full = org()
    for _ in range(4):
        full.account.reserve(1, NOW)
    wait = waited(decide(need(), [full], NOW))
    assert wait.until_at is None
    assert "in flight" in wait.reason


def test_a_probed_organization_is_asked_one_call_at_a_time() -> None:
    """In an outage the wait ends at the next probe; while it is out, with its return."""
    rng = random.Random(1)
    probed = org()
    for email in (1, 2, 3):
        probed.health.failed(email, "503", NOW, rng, probe=False)
    assert NOW < (waited(decide(need(), [probed], NOW)).until_at or 0) < NOW + 1.3
    assert used(decide(need(), [probed], NOW + 1.3))
    probed.health.asked()
    assert waited(decide(need(), [probed], NOW + 1.3)).until_at is None


def test_an_email_too_large_for_all_is_reported() -> None:
    """Only if every organization's limit is known to be smaller; the reason names the largest."""
    orgs = [org("a", tpm=2_000), org("b", tpm=3_000)]
    decision = decide(need(tokens=5_000), orgs, NOW)
    assert isinstance(decision, TooLargeForAll)
    assert "3,000 tokens per minute of b" in decision.reason
    assert isinstance(decide(need(tokens=5_000), [*orgs, org("c")], NOW), Use)
    assert isinstance(decide(need(tokens=5_000, refused_by=("c",)), [*orgs, org("c")], NOW), TooLargeForAll)
    assert isinstance(decide(need(tokens=3_100, margin=300), orgs, NOW), Use)


def test_a_small_email_passes_a_large_one() -> None:
    """The first that fits goes, and the result names whom it overtook."""
    only = org(tpm=6_000)
    only.account.reserve(4_000, NOW)
    decision, overtaken = choose([need(1, 5_000), need(2, 3_000), need(3, 500), need(4, 400)], [only], {}, NOW)
    assert used(decision).need.email_id == 3
    assert overtaken == (1, 2)


@pytest.mark.parametrize("record", [Passed(8, NOW), Passed(1, NOW - 61)])
def test_an_overdue_email_is_not_overtaken_where_it_would_fit_first(record: Passed) -> None:
    """Passed over eight times, or for a minute, it keeps what refills; others may only use other organizations."""
    ledger = Ledger()
    first, second = org("first", ledger=ledger, tpm=6_000), org("second", ledger=ledger, tpm=6_000)
    first.account.reserve(3_000, NOW)
    second.account.reserve(5_000, NOW)
    needs = [need(1, 4_500), need(2, 500)]
    decision, _ = choose(needs, [first, second], {}, NOW)
    assert used(decision).org is first
    decision, _ = choose(needs, [first, second], {1: record}, NOW)
    assert used(decision).org is second
    decision, overtaken = choose(needs, [first], {1: record}, NOW)
    assert waited(decision).organization == "first"
    assert overtaken == ()


def test_a_large_email_is_never_starved() -> None:
    """Against an endless stream of small ones it goes out within a minute of its turn and a bucket's refill."""
    rng = random.Random(3)
    only = org(tpm=6_000)
    only.account.reserve(6_000, NOW)
    passed: dict[int, Passed] = {}
    now, number, line = NOW, 1, [need(1, 5_000)]
    while True:
        while len(line) < 10:
            number += 1
            line.append(need(number, rng.randint(200, 600)))
        decision, overtaken = choose(line, [only], passed, now)
        if isinstance(decision, Use):
            for email in overtaken:
                record = passed.setdefault(email, Passed())
                record.times, record.since_at = record.times + 1, min(record.since_at, now)
            reservation = only.account.reserve(decision.need.reserved, now)
            only.account.settle(reservation, decision.need.reserved, (), now, proven=False)
            if decision.need.email_id == 1:
                break
            line.remove(decision.need)
        now += 0.5
    assert now < NOW + 60 + 60


def test_a_wait_is_jittered_upwards_and_little() -> None:
    """Never before the stated moment; at most a quarter of a second, or two percent."""
    rng = random.Random(2)
    for span in (0.1, 5.0, 600.0):
        wait = Wait(NOW + span, "TPM", "org_1", "")
        late = [(jittered(wait, NOW, rng).until_at or 0) - NOW - span for _ in range(200)]
        assert min(late) >= -1e-6
        assert max(late) <= min(0.25, 0.02 * span) + 1e-6
        assert len(set(late)) > 100
    assert jittered(Wait(None, "", "", ""), NOW, rng).until_at is None


def test_the_sooner_of_two_waits() -> None:
    """An end that is known comes before one that is not."""
    early, late, open_ended = Wait(1.0, "", "a", ""), Wait(2.0, "", "b", ""), Wait(None, "", "c", "")
    assert sooner(None, open_ended) is open_ended
    assert sooner(open_ended, late) is late
    assert sooner(late, open_ended) is late
    assert sooner(late, early) is early
    assert math.isclose(sooner(early, late).until_at or 0, 1.0)
