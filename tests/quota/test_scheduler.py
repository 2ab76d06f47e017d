"""Decisions: which key, which organization, which email, and how long to wait otherwise."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

import pytest

from core.model import Dimension, Wait
from core.quota.keys.identity import Secret
from core.quota.ledger.account import Bench
from core.quota.ledger.ledger import Ledger
from core.quota.pacing.concurrency import Concurrency, Room
from core.quota.pacing.estimates import Estimate
from core.quota.pacing.scheduler import (
    KeySlot,
    Need,
    Organization,
    Passed,
    TooLargeForAll,
    Use,
    _nothing_can,
    _rank,
    _words,
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


class Late(random.Random):
    """Random numbers at the upper end of what is asked for."""

    def uniform(self, a: float, b: float) -> float:
        return max(a, b)


def out_of_order(probed: KeySlot | Organization, *, probe_is_out: bool = False) -> None:
    """Have three errors in a row: it is tried again after 1.2 s."""
    for email in (1, 2, 3):
        probed.health.failed(email, "503", NOW, Late(), probe=False)
    if probe_is_out:
        probed.health.asked()


def test_an_organization_is_called_as_its_first_key_calls_it() -> None:
    """By itself where no key does."""
    named, unnamed = org("a", slot("k", label="ours"), slot("l", label="theirs")), org("b", slot("k"))
    assert (named.label, unnamed.label) == ("ours", "b")
    named.slots.clear()
    assert named.label == "a"
    assert (named.slots, named.usable, named.pinned) == ([], False, False)
    assert (slot("k").alias, slot("k").usable, slot("k").in_flight, slot("k").pinned) == ("k", True, 0, False)


@pytest.mark.parametrize(
    ("slots", "usable", "pinned"),
    [
        ([("a", True, False), ("b", False, False)], True, False),
        ([("a", False, False), ("b", False, True)], False, False),
        ([("a", True, False), ("b", False, True)], True, False),
        ([("a", True, True), ("b", False, False)], True, True),
    ],
)
def test_a_pin_counts_while_its_key_is_usable(slots: list[tuple[str, bool, bool]], usable: bool, pinned: bool) -> None:
    """An organization is usable with any of its keys."""
    found = org("o", *(slot(name, usable=use, pinned=pin) for name, use, pin in slots))
    assert (found.usable, found.pinned) == (usable, pinned)


@pytest.mark.parametrize(
    ("own", "own_server", "calls", "known", "unlimited"),
    [
        (False, False, 0, False, False),
        (True, False, 0, False, True),
        (False, True, 0, False, True),
        (False, False, 48, False, True),
        (False, False, 47, False, False),
        (True, True, 48, True, False),
    ],
)
def test_a_server_is_without_quotas_where_nothing_tells_of_any(
    own: bool, own_server: bool, calls: int, known: bool, unlimited: bool
) -> None:
    """By the operator's word, by its place or after 48 calls; the first limit that is known ends that."""
    account = Ledger().account("o", MODEL)
    if known:
        account = org("o").account
    for _ in range(calls):
        account.settle(account.reserve(1.0, NOW), 1.0, (), NOW, proven=True)
    found = Organization("o", account, Concurrency(32), room=Room(own=own_server), own=own)
    assert found.unlimited is unlimited
    account.reserve(1.0, NOW)
    found.room.in_flight = 1
    if unlimited:
        assert found.calls_at_once(1.0) == 1 + found.room.width - 1


@pytest.mark.parametrize(
    ("chosen", "out", "elsewhere", "at_once"), [(None, 3, 0, 4), (2, 1, 0, 2), (2, 1, 1, 1), (8, 3, 0, 4), (2, 3, 0, 3)]
)
def test_calls_at_once_are_the_fewest_that_width_quota_and_choice_allow(
    chosen: int | None, out: int, elsewhere: int, at_once: int
) -> None:
    """A person's number counts for all organizations together."""
    found = org("o")
    found.room.choose(chosen)
    found.account.calls_in_flight, found.room.in_flight = out, out + elsewhere
    assert found.calls_at_once(1.0) == at_once


@pytest.mark.parametrize(
    ("times", "since_s", "overdue"),
    [(7, 59.9, False), (8, 0.0, True), (0, 60.0, True), (0, 59.9, False), (7, -5, False)],
)
def test_an_email_is_overdue_after_eight_others_or_a_minute(times: int, since_s: float, overdue: bool) -> None:
    """Whichever comes first."""
    assert Passed(times, NOW - since_s).overdue(NOW) is overdue
    assert not Passed().overdue(NOW)


def test_the_pinned_organization_goes_first_then_the_roomiest() -> None:
    """Room is calls of that size for each that is out, and one."""
    found = org("o", tpm=6_000)
    assert _rank(found, need(tokens=600)) == (True, -10.0, 0)
    found.account.reserve(1_200, NOW)
    found.slots[0].pinned = True
    assert _rank(found, need(tokens=600)) == (False, -4.0, 1)
    small, large = org("small", tpm=6_000), org("large", tpm=30_000)
    small.slots[0].pinned = True
    assert used(decide(need(), [large, small], NOW)).org is small
    tied = [org("a", tpm=6_000), org("b", tpm=6_000)]
    assert used(decide(need(), tied, NOW)).org is tied[0]


@pytest.mark.parametrize(
    ("slots", "expected"),
    [
        ([slot("a"), slot("b", pinned=True, in_flight=9)], "b"),
        ([slot("a", last_used_at=3.0), slot("b", last_used_at=3.0)], "a"),
        ([slot("a", in_flight=1), slot("b", last_used_at=9.0)], "b"),
        ([slot("a", pinned=True, usable=False), slot("b")], "b"),
    ],
)
def test_the_pinned_key_goes_first_then_the_idlest(slots: list[KeySlot], expected: str) -> None:
    """Of keys that are alike the first."""
    found = used(decide(need(), [org("o", *slots)], NOW))
    assert (found.slot.alias, found.most) == (expected, 4)


def test_a_key_that_is_probed_leaves_its_turn_to_others() -> None:
    """Alone it is waited for; of several that are probed for the first that is tried again."""
    probed = slot("a")
    out_of_order(probed)
    assert used(decide(need(), [org("o", probed, slot("b", in_flight=1))], NOW)).slot.alias == "b"
    later = slot("b")
    out_of_order(later, probe_is_out=True)
    wait = waited(decide(need(), [org("o", later, probed)], NOW))
    assert wait == Wait(NOW + 1.2, "", "o", "o is tried again after errors: 503")
    assert waited(decide(need(), [org("o", later)], NOW)) == Wait(None, "", "o", "o is tried again after errors: 503")
    assert used(decide(need(), [org("o", later, probed)], NOW + 1.2)).slot is probed


def test_while_the_organization_is_probed_its_keys_are_not_probed_too() -> None:
    """One probing is enough: when it is due, the call goes out."""
    found = org("o")
    out_of_order(found)
    out_of_order(found.slots[0], probe_is_out=True)
    assert waited(decide(need(), [found], NOW)).until_at == NOW + 1.2
    assert used(decide(need(), [found], NOW + 1.2)).slot is found.slots[0]


def test_a_probe_waits_for_room_as_well() -> None:
    """The later of both; it is named as what errors cause."""
    found = org("o", tpm=6_000)
    out_of_order(found)
    found.account.reserve(6_000, NOW)
    wait = waited(decide(need(tokens=600), [found], NOW))
    assert wait == Wait(pytest.approx(NOW + 7, abs=1e-5), "", "o", "o is tried again after errors: 503")


@pytest.mark.parametrize(("latency_s", "spare_s"), [(0.5, 0.5), (2.0, 2.0), (9.0, 2.0)])
def test_what_refills_while_a_call_is_under_way_is_kept_free(latency_s: float, spare_s: float) -> None:
    """Two seconds of it at most."""
    found = org("o", tpm=6_000)
    found.concurrency.latency_s = latency_s
    found.account.reserve(6_000, NOW)
    assert waited(decide(need(tokens=600), [found], NOW)).until_at == pytest.approx(NOW + 6 + spare_s, abs=1e-5)


def test_what_is_waited_for_is_said() -> None:
    """A window in words, a bench with its reason, calls that are out with their number."""
    found = org("o", slot("k", label="ours"), tpm=6_000)
    found.account.reserve(6_000, NOW)
    assert waited(decide(need(tokens=600), [found], NOW)).reason == "ours waits for tokens per minute"
    found.account.bench = Bench(NOW + 99, "TPD", "waits for tokens per day", NOW)
    assert waited(decide(need(tokens=600), [found], NOW)) == Wait(
        NOW + 99, "TPD", "ours", "ours waits for tokens per day"
    )
    full = org("o")
    full.room.choose(1)
    for calls in ("1 call", "2 calls"):
        full.account.reserve(1.0, NOW)
        full.room.in_flight += 1
        assert waited(decide(need(), [full], NOW)).reason == f"{calls} of o in flight"
    assert waited(decide(need(), [org("o", slot("k", usable=False))], NOW)) == Wait(None, "", "", "no key may be used")
    assert (_words("RPD"), _words("the server")) == ("requests per day", "the server")


def test_an_email_that_no_stated_limit_explains_is_too_large_all_the_same() -> None:
    """Where every organization has refused it; of stated limits the largest is named."""
    refused = decide(need(tokens=5_000, refused_by=("a", "b")), [org("a", tpm=6_000), org("b")], NOW)
    assert isinstance(refused, TooLargeForAll)
    assert refused.reason == "about 5,000 tokens are more than any organization's quota takes at once"
    among = [org("a", tpm=2_000), org("c", slot("k", usable=False), tpm=4_000), org("b", tpm=3_000)]
    found = decide(need(tokens=5_000), among, NOW)
    assert isinstance(found, TooLargeForAll)
    assert found.reason == (
        "about 5,000 tokens are more than any organization's quota takes at once "
        "(the largest: 3,000 tokens per minute of b)"
    )


class Line:
    """Needs that count how many of them were looked at."""

    def __init__(self, *needs: Need) -> None:
        self.needs, self.read = needs, 0

    def __iter__(self) -> Iterator[Need]:
        for each in self.needs:
            self.read += 1
            yield each


def test_no_more_emails_are_looked_at_than_can_matter() -> None:
    """All of them where smaller ones may fit; one where every slot is taken, unless it was refused elsewhere."""
    small = org("o", tpm=6_000)
    small.account.reserve(5_000, NOW)
    full = org("f")
    full.account.calls_in_flight = 4
    empty = org("e", tpm=6_000)
    empty.account.reserve(6_000, NOW)
    for orgs, first, read in (
        ([small], need(1, 5_000), 3),
        ([full], need(1, 10), 1),
        ([full], need(1, 10, refused_by=("x",)), 2),
        ([empty], need(1, 10), 1),
    ):
        line = Line(first, need(2, 5_000), need(3, 5_000))
        decision, overtaken = choose(line, orgs, {}, NOW)
        assert (waited(decision).organization, overtaken, line.read) == (orgs[0].name, (), read)
    assert choose([], [small], {}, NOW) == (Wait(None, "", "", "the queue is empty"), ())


def test_what_is_kept_for_an_overdue_email_does_not_make_others_too_large() -> None:
    """They wait for their turn there; smaller ones go where they fit, and what is too large for all is told."""
    large, small = org("large", tpm=6_000), org("small", tpm=1_000)
    large.account.reserve(3_000, NOW)
    late, passed = need(1, 5_000), {1: Passed(8, NOW)}
    decision, overtaken = choose([late, need(2, 2_000), need(3, 500)], [large, small], passed, NOW)
    assert (used(decision).org, used(decision).need.email_id, overtaken) == (small, 3, (1, 2))
    decision, overtaken = choose([late, need(2, 9_000)], [large, small], passed, NOW)
    assert isinstance(decision, TooLargeForAll)
    assert (decision.need.email_id, overtaken) == (2, (1,))
    line = Line(late, need(3, 500))
    decision, overtaken = choose(line, [large, org("off", slot("k", usable=False))], passed, NOW)
    assert (waited(decision).organization, overtaken, line.read) == ("large", (), 1)
    decision, _ = choose([late, need(3, 500)], [large, small], {1: Passed(7, NOW)}, NOW)
    assert used(decision).org is large


@pytest.mark.parametrize(
    ("state", "nothing"),
    [
        ("", False),
        ("tokens", False),
        ("empty", True),
        ("unusable", True),
        ("benched", True),
        ("was benched", False),
        ("probed", True),
        ("probed and due", False),
    ],
)
def test_nothing_can_go_out_where_no_organization_takes_one_token(state: str, nothing: bool) -> None:
    """Its window is empty, it is benched or probed, or none of its keys is usable."""
    found = org("o", tpm=6_000)
    if state in ("tokens", "empty"):
        found.account.reserve(5_999.0 if state == "tokens" else 5_999.5, NOW)
    if "benched" in state:
        found.account.bench = Bench(NOW + (0.0 if "was" in state else 0.5), "", "", NOW)
    if "probed" in state:
        out_of_order(found)
    found.slots[0].usable = state != "unusable"
    now = NOW + 1.2 if "due" in state else NOW
    assert _nothing_can([found], now) is nothing
    assert not _nothing_can([found, org("p")], now)


@pytest.mark.parametrize(("until_s", "late_s"), [(0.0, 0.0), (-5.0, 0.0), (5.0, 0.1), (12.5, 0.25), (600.0, 0.25)])
def test_a_wait_is_at_most_a_fiftieth_and_a_quarter_of_a_second_longer(until_s: float, late_s: float) -> None:
    """All else of it stays."""
    wait = jittered(Wait(NOW + until_s, "TPM", "o", "why"), NOW, Late())
    assert wait == Wait(pytest.approx(NOW + until_s + late_s, abs=1e-6, rel=0), "TPM", "o", "why")


def test_of_waits_that_end_together_the_first_holds() -> None:
    """Also of two without an end."""
    for end in (1.0, None):
        one, other = Wait(end, "", "a", ""), Wait(end, "", "b", "")
        assert sooner(one, other) is one


def test_a_need_is_of_one_text_that_nobody_has_refused() -> None:
    """Unless it says otherwise."""
    estimate = Estimate(1.0, 2.0, 0.0, 1.0, 1.0, 0.0)
    assert Need(1, 0, estimate) == Need(1, 0, estimate, (), 1)
    assert Need(1, 0, estimate).reserved == 2.0
