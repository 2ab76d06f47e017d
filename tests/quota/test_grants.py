"""A worker's calls piece by piece: what is looked at, granted, settled and shared, and what a failure is taken for."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from core.errors import (
    CallError,
    CallTimeoutError,
    CapacityError,
    ConnectionFailedError,
    KeyRefusedError,
    OrganizationRestrictedError,
    QuotaFileError,
    RateLimitedError,
    RequestRefusedError,
    ServerFailedError,
    TooLargeError,
)
from core.model import Dimension, Usage, Wait
from core.quota.db.history import troubles_of
from core.quota.db.sync import Counters
from core.quota.ledger.account import Bench
from core.quota.ledger.levels import Level
from core.quota.ledger.replies import RateLimitText
from core.quota.pacing import broker as brokers
from core.quota.pacing import failures
from core.quota.pacing.broker import Broker, Candidate, Grant, Never, NoKeys, tier_model
from core.quota.pacing.estimates import Estimator
from core.quota.pacing.failures import _span, _UntoldWaits
from core.quota.pacing.grants import Consequence
from core.quota.pacing.scheduler import Passed, Use
from tests.quota.test_broker import Late
from tests.quota.test_key_store import ONE, TWO, Home, home, new_file

__all__ = ["home", "new_file"]

MODEL = "m"
RPM, RPD, TPM, TPD = Dimension
SEEDS = count(1)


class Desk:
    """A broker with keys of one server, and calls of it."""

    def __init__(
        self, home: Home, keys: str = f"a={ONE}", *, limits: dict[Dimension, float] | None = None, **more: Any
    ) -> None:
        self.home = home
        self.store = home.store(GROQ_API_KEYS=keys)
        for alias in ("a", "b") if limits else ():
            self.store.set_limits(f"({alias})", MODEL, limits or {})
        self.broker = Broker(
            self.store, MODEL, clock=lambda: home.now, rng=Late(next(SEEDS)), **{"max_completion_tokens": 100, **more}
        )
        self.pool = self.broker._pool

    def account(self, alias: str = "a") -> Any:
        return self.broker._ledger.account(f"({alias})", self.broker.model)

    def ask(self, email: int = 1, chars: int = 2_000) -> Grant:
        found = self.broker.next([Candidate(email, chars)])
        assert isinstance(found, Grant), found
        return found

    def answer(
        self,
        grant: Grant,
        prompt: int = 600,
        *,
        latency_s: float = 0.5,
        estimated: bool = False,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.broker.answered(grant, Usage(prompt, 20, estimated=estimated), headers or {}, latency_s)

    def fail(self, error: CallError, email: int = 1, latency_s: float = 1.0) -> Consequence:
        return self.broker.failed(self.ask(email), error, latency_s)

    def level(self, dimension: Dimension = TPM) -> float:
        return float(self.account().buckets[dimension].level)


class Knee:
    """A search for the knee that notes what it is told."""

    open_width = 4

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Callable[..., int]:
        def note(*given: Any) -> int:
            self.told.append((name, *given))
            return 7

        return note


# --- what is looked at -----------------------------------------------------------------------------------------------


def test_a_tier_is_a_model_of_its_own() -> None:
    """Plain without one."""
    assert (tier_model("m", ""), tier_model("m", "flex")) == ("m", "m (flex)")


def test_a_grant_holds_all_that_a_call_needs(home: Home) -> None:
    """Estimate, reservation and key, and that the second of four slots is no demand for more."""
    desk = Desk(home, limits={RPM: 3_000})
    grant = desk.broker.next([Candidate(5, 2_000, 3, 90)])
    assert isinstance(grant, Grant)
    assert (grant.email_id, grant.alias, grant.organization, grant.secret.value) == (5, "a", "(a)", ONE)
    assert (grant.prompt_chars, grant.asked_at, grant.lane, grant.texts) == (2_000, home.now, "live", 3)
    assert grant.estimate == desk.broker.estimator.of(2_000, 3, 90)
    assert (grant.reservation.tokens, grant.reservation.organization) == (740.0, "(a)")
    assert grant.tokens == (650.0 + 150.0, 150.0)
    assert (grant.lap, grant.in_flight, grant.probes_org, grant.probes_slot) == (0, None, False, False)
    assert (grant.slot.in_flight, grant.slot.last_used_at, grant.org.account.yields) == (1, home.now, False)
    assert [grant.in_demand, *(desk.ask().in_demand for _ in range(3))] == [False, False, False, True]
    found = desk.broker.next([Candidate(9, 10)])
    assert isinstance(found, Wait)
    assert (found.until_at, found.reason) == (None, "4 calls of (a) in flight")
    assert (desk.broker.in_flight, desk.broker.at_once, desk.broker.lane, desk.broker.model) == (4, None, "live", MODEL)


def test_a_call_is_live_and_of_one_text_where_nothing_else_is_said(home: Home) -> None:
    """Outside every lap and probe."""
    full = Desk(home).ask()
    names = (
        "email_id",
        "alias",
        "organization",
        "secret",
        "reservation",
        "prompt_chars",
        "asked_at",
        "estimate",
        "slot",
        "org",
    )
    bare = Grant(**{name: getattr(full, name) for name in names})
    assert (bare.lane, bare.texts, bare.lap, bare.in_flight, bare.in_demand) == ("live", 1, 0, None, False)
    assert (bare.probes_org, bare.probes_slot) == (False, False)
    assert Candidate(1, 2) == Candidate(1, 2, 1, None)
    assert Consequence("why") == Consequence("why", False, False, False, "", None, False)


def test_without_quotas_the_knee_counts_each_call(home: Home) -> None:
    """When it goes out, with how many are out then, and when it ends."""
    desk = Desk(home, own_server=True)
    knee = desk.broker._room.knee = Knee()  # type: ignore[assignment]
    grants = [desk.ask(number) for number in range(4)]
    assert [(each.lap, each.in_flight) for each in grants] == [(7, 1), (7, 2), (7, 3), (7, 4)]
    desk.answer(grants[0], latency_s=0.75)
    desk.broker.failed(grants[1], CallTimeoutError("late"), 60.0)
    desk.broker.failed(grants[2], ServerFailedError("500"), 1.0)
    desk.broker.cancelled(grants[3])
    assert knee.told == [
        *(("asked", number) for number in (1, 2, 3, 4)),
        ("ended", 7, 0.75, home.now),
        ("timed_out", home.now, home.now),
        ("dropped", 7),
        ("dropped", 7),
    ]
    desk.account().learn(TPM, Level(6_000, 6_000, home.now, "429", home.now))
    knee.told.clear()
    desk.broker.failed(desk.ask(9), CallTimeoutError("late"), 60.0)
    assert knee.told == [("dropped", 0)], "with quotas a time-out says nothing of it"


@pytest.mark.parametrize(
    ("own", "chosen", "at_once"), [(False, None, None), (True, None, 2), (True, 5, 5), (False, 5, 5)]
)
def test_calls_at_once_are_told_where_something_bounds_them(
    home: Home, own: bool, chosen: int | None, at_once: int | None
) -> None:
    """The search on a server without quotas, else a person's number."""
    desk = Desk(home, own_server=own)
    desk.broker.choose_concurrency(chosen)
    assert desk.broker.at_once == at_once
    assert Desk(home, own_server=own, concurrency=chosen, most_at_once=9).broker.at_once == at_once
    assert desk.broker._room.knee.most == 128


def test_the_first_thirty_two_are_looked_at(home: Home) -> None:
    """Those that rest are passed over; where all of them do, the first that may be asked again says when."""
    desk = Desk(home, limits={RPM: 3_000})
    rests = desk.broker._consequences._rests
    rests.update({number: (1, home.now + 40.0 - number) for number in range(1, 33)})
    candidates = [Candidate(number, 100) for number in range(1, 40)]
    assert desk.broker.next(candidates) == Wait(home.now + 8.0, "", "", "everything in the queue rests after an error")
    del rests[32]
    found = desk.broker.next(candidates)
    assert isinstance(found, Grant)
    assert found.email_id == 32
    assert desk.broker.next([]) == Wait(None, "", "", "the queue is empty")
    assert isinstance(Desk(home, "").broker.next(candidates), NoKeys)
    assert brokers.LOOK_AHEAD == 32


def test_one_that_is_overtaken_is_remembered_until_it_is_asked(home: Home) -> None:
    """How often and since when; the newest 4,096 of them."""
    desk = Desk(home, limits={TPM: 6_000, RPM: 3_000})
    desk.account().buckets[TPM].level = 3_000.0
    for later_s in (0, 5):
        home.now += later_s
        found = desk.broker.next([Candidate(1, 20_000), Candidate(2, 100)])
        assert isinstance(found, Grant)
        assert found.email_id == 2
    assert desk.broker._passed == {1: Passed(2, home.now - 5)}
    desk.account().buckets[TPM].level = 6_000.0
    desk.broker.next([Candidate(1, 4_000)])
    assert desk.broker._passed == {}
    desk.broker._note_overtaken(range(4_096), home.now)
    assert len(desk.broker._passed) == 4_096
    desk.broker._note_overtaken([4_096], home.now)
    assert (len(desk.broker._passed), 0 in desk.broker._passed, 1 in desk.broker._passed) == (4_096, False, True)


def test_what_is_too_large_for_all_is_forgotten_when_it_is_told(home: Home) -> None:
    """Whoever retries it has it asked again."""
    desk = Desk(home, limits={TPM: 1_000})
    desk.broker._passed[1] = Passed(3, home.now)
    desk.broker._consequences.too_large[1] = {"x"}
    found = desk.broker.next([Candidate(1, 100_000)])
    assert isinstance(found, Never)
    assert (found.email_id, "1,000 tokens per minute of (a)" in found.reason) == (1, True)
    assert (desk.broker._passed, desk.broker._consequences.too_large) == ({}, {})


def test_emails_that_were_refused_as_too_large_are_asked_anew_where_a_person_says_so(home: Home) -> None:
    """Stated limits are doubted too."""
    desk = Desk(home)
    desk.broker._consequences.too_large[1] = {"(a)"}
    account = desk.account()
    for _ in range(2):
        account.refused(account.reserve(1.0, home.now), RateLimitText("", "", "", TPM, 600, 0, 700, None), home.now)
    account.release(account.reserve(1.0, home.now), home.now)
    account.buckets[TPM].admitted()
    assert account.buckets[TPM].is_certain
    desk.broker.requeued()
    assert (desk.broker._consequences.too_large, account.buckets[TPM].is_certain) == ({}, False)


# --- several workers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("peers", "left", "exclusive"),
    [(0, 10, False), (1, 6_000, True), (1, 16 * 600, True), (1, 16 * 600 + 1, False), (2, 16 * 600 + 1, True)],
)
def test_workers_decide_in_turn_where_little_is_left(
    home: Home, monkeypatch: pytest.MonkeyPatch, peers: int, left: float, exclusive: bool
) -> None:
    """Eight calls for each of them."""
    desk = Desk(home, limits={TPM: 60_000, RPM: 3_000})
    desk.broker._sync.peers = peers
    desk.account().buckets[TPM].level = left
    need = desk.broker._need(Candidate(1, 0))
    need = type(need)(need.email_id, 0, type(need.estimate)(500, 600, 0, 600, 600, 100))
    decision = Use(need, desk.pool.slots[next(iter(desk.pool.slots))], desk.pool.orgs["(a)"], 4.0)
    asked: list[str] = []
    monkeypatch.setattr(desk.broker, "_grant", lambda *_: asked.append("grant"))
    monkeypatch.setattr(desk.broker, "_grant_exclusively", lambda *_: asked.append("exclusively"))
    desk.broker._carried_out(decision, [Candidate(1, 0)], home.now)
    assert asked == ["exclusively" if exclusive else "grant"]


def test_in_its_turn_a_worker_decides_on_the_newest_levels(home: Home) -> None:
    """What another has spent meanwhile is seen; an email that rests by now is left."""
    desk = Desk(home, limits={TPM: 6_000, RPM: 3_000})
    other = Desk(home)
    for each in (desk, other):
        each.broker._share(home.now, changed=True)
    desk.broker._share(home.now + 3, changed=True)
    assert desk.broker._sync.peers == 1
    grant = desk.ask(1, 2_000)
    assert (grant.org.account.yields, grant.email_id) == (True, 1)
    assert desk.store.windows(MODEL, home.now)[1].available == pytest.approx(6_000 - grant.reservation.tokens)
    candidates, decision = [Candidate(2, 4_000)], desk.broker._decide([Candidate(2, 4_000)], home.now)
    assert isinstance(decision, Use)
    other.account().reserve(5_000.0, home.now)
    other.broker._share(home.now, changed=True)
    found = desk.broker._grant_exclusively(candidates, decision, home.now)
    assert isinstance(found, Wait)
    assert (found.limit, found.organization) == ("TPM", "(a)")
    assert (found.until_at or 0) > home.now + 1
    desk.broker._consequences._rests[2] = (1, home.now + 9)
    found = desk.broker._grant_exclusively(candidates, decision, home.now)
    assert found == Wait(home.now, "", "(a)", "another worker was quicker")


def test_a_file_that_fails_is_told_once_until_it_works_again(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls go on meanwhile."""
    desk = Desk(home, limits={TPM: 6_000, RPM: 3_000})
    execute = desk.store.database.execute
    broken = True

    def breaks(statement: str, values: Any = ()) -> list[tuple[Any, ...]]:
        if broken and statement.startswith("BEGIN"):
            raise QuotaFileError("it is locked")
        return execute(statement, values)

    monkeypatch.setattr(desk.store.database, "execute", breaks)
    decision = desk.broker._decide([Candidate(2, 400)], home.now)
    assert isinstance(decision, Use)
    assert isinstance(desk.broker._grant_exclusively([Candidate(2, 400)], decision, home.now), Grant)
    told = ["it is locked. Work goes on; other workers do not see what it spends"]
    assert desk.broker._notices == told
    desk.broker._notices.clear()
    desk.broker._file_trouble = False
    found = []
    for works in (False, False, True, False):
        broken = not works
        desk.broker._share(home.now, changed=True)
        found.append([*desk.broker._notices])
        desk.broker._notices.clear()
    assert found == [told, [], [], told]
    broken = True
    desk.broker.close()
    broken = False
    desk.broker.close()
    assert execute("SELECT count(*) FROM worker") == [(0,)]


# --- what ends a call ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prompt", "estimated", "cost", "seen", "proven"),
    [(600, False, 620, 1, True), (600, True, 700, 0, False), (0, False, 700, 1, False)],
)
def test_an_answer_costs_what_it_reports(
    home: Home, prompt: int, estimated: bool, cost: float, seen: int, proven: bool
) -> None:
    """Else what was estimated, of which nothing is learned."""
    desk = Desk(home, limits={TPM: 6_000})
    desk.account().buckets[TPM].caution = 100.0
    grant = desk.ask()
    assert grant.estimate.cost == 700.0
    desk.answer(grant, prompt, estimated=estimated)
    assert desk.level() == 6_000 - cost
    assert desk.broker.estimator.seen == (seen if prompt else 0)
    assert desk.account().buckets[TPM].caution == pytest.approx(99.9 if proven else 100.0)
    assert (grant.slot.in_flight, desk.broker.in_flight) == (0, 0)
    key = desk.broker._sync.counters[grant.secret.fingerprint]
    assert key == Counters(1, 0, prompt, 20, home.now)
    desk.broker._land(grant)
    assert (grant.slot.in_flight, desk.broker.in_flight) == (0, 0)


def test_headers_speak_of_the_account_that_the_key_spends(home: Home) -> None:
    """Not of the one that it was reserved with, where a reply named another one meanwhile."""
    desk = Desk(home, f"a={ONE},b={TWO}")
    shown = {"x-ratelimit-limit-tokens": "6000", "x-ratelimit-remaining-tokens": "5000"}
    grant = desk.ask()
    desk.answer(grant, headers=shown)
    assert grant.org.account.buckets[TPM].limit == 6_000
    grant = desk.ask()
    grant.org.account.buckets.clear()
    grant.slot.organization = "elsewhere"
    desk.answer(grant, headers=shown)
    assert grant.org.account.buckets == {}


def test_an_answer_ends_what_an_email_and_its_organization_waited_for(home: Home) -> None:
    """And teaches the latency and the usual length."""
    desk = Desk(home)
    consequences = desk.broker._consequences
    consequences.too_large[1] = {"x"}
    consequences._rests[1] = (2, home.now)
    consequences._refusals["(a)"] = (2, home.now)
    waits = consequences._untold["(a)"] = _UntoldWaits()
    grant = desk.ask()
    desk.answer(grant, latency_s=3.0)
    assert (consequences.too_large, consequences._rests, consequences._refusals, waits.answers) == ({}, {}, {}, 1)
    assert grant.org.concurrency.latency_s == 3.0
    lengths = [desk.broker._chars]
    desk.answer(desk.ask(1, 1_000))
    lengths.append(desk.broker._chars)
    assert lengths == [2_000.0, 1_950.0]


@pytest.mark.parametrize(("sent", "level", "requests"), [(True, 6_000 - 700, 29), (False, 6_000, 30)])
def test_a_call_that_was_given_up_counts_where_it_was_sent(
    home: Home, sent: bool, level: float, requests: float
) -> None:
    """As much as was estimated; the next probe may go out."""
    desk = Desk(home, limits={TPM: 6_000, RPM: 30})
    grant = desk.ask()
    for email in (1, 2, 3):
        grant.org.health.failed(email, "503", home.now - 9, Late(), probe=False)
    grant = desk.ask()
    assert grant.probes_org
    desk.broker._room.in_flight = 1
    desk.account().buckets[TPM].level = 6_000 - grant.reservation.tokens
    desk.account().buckets[RPM].level = 29
    desk.broker.cancelled(grant, sent=sent)
    assert (desk.level(), desk.level(RPM), desk.broker.in_flight) == (level, requests, 0)
    assert grant.org.health.open_at(home.now) == home.now


@pytest.mark.parametrize(
    ("error", "ago_s", "shares"),
    [
        (RateLimitedError("429"), 0.051, True),
        (RateLimitedError("429"), 0.049, False),
        (RateLimitedError("429"), -0.01, True),
        (KeyRefusedError("401"), 0.051, True),
        (ServerFailedError("500"), 9.0, False),
    ],
)
def test_what_others_must_know_is_shared_at_once(home: Home, error: CallError, ago_s: float, shares: bool) -> None:
    """Unless that was done a twentieth of a second ago."""
    desk = Desk(home)
    grant = desk.ask()
    desk.broker._synced_at = home.now - ago_s
    desk.broker.failed(grant, error, 1.0)
    assert (desk.broker._synced_at == home.now) is shares


@pytest.mark.parametrize(("later_s", "shares"), [(0.0, False), (0.17, False), (0.18, True), (-0.01, True)])
def test_a_worker_shares_five_times_a_second(home: Home, later_s: float, shares: bool) -> None:
    """Also where its clock went back; what has happened since is told once."""
    desk = Desk(home)
    synced_at = home.now
    desk.broker._notices.append("something")
    home.now += later_s
    assert [desk.broker.tick(), desk.broker.tick()] == [["something"], []]
    assert desk.broker._synced_at == (home.now if shares else synced_at)


@pytest.mark.parametrize(("later_s", "written"), [(4.9, False), (5.0, True), (-0.1, True)])
def test_what_was_learned_of_tokens_is_written_every_five_seconds(home: Home, later_s: float, written: bool) -> None:
    """Once there is something; the next worker goes on from it."""
    desk = Desk(home)
    desk.broker._share(home.now, changed=True)
    assert desk.broker._sync.recalled_estimate() == ""
    desk.answer(desk.ask())
    desk.broker._share(home.now, changed=True)
    first = desk.broker._sync.recalled_estimate()
    assert '"seen": 1' in first
    desk.answer(desk.ask())
    desk.broker._share(home.now + later_s, changed=True)
    assert ('"seen": 2' in desk.broker._sync.recalled_estimate()) is written
    assert Desk(home).broker.estimator.seen == (2 if written else 1)
    own = Estimator(100)
    assert Desk(home, estimator=own).broker.estimator is own
    assert own.seen == 0


# --- what is shown ------------------------------------------------------------------------------------------------------


def test_speeds_are_calls_at_once_over_latency(home: Home) -> None:
    """Organizations of one name together; without quotas they share the search's width, and a person's number caps."""
    desk = Desk(home, f"a@ours={ONE},b@ours={TWO}", limits={RPM: 3_000})
    for org in desk.pool.orgs.values():
        org.concurrency.latency_s = 0.5
    assert desk.broker.speeds() == {"ours": 16.0}
    desk.broker.choose_concurrency(3)
    assert desk.broker.speeds() == {"ours": 12.0}
    own = Desk(home, "c=gsk_third_secret_cccc,d=gsk_fourth_secret_dddd", own_server=True)
    own.broker._room.knee = Knee()  # type: ignore[assignment]
    for account in own.broker._ledger.accounts():
        account.buckets.clear()
    for org in own.pool.orgs.values():
        org.concurrency.latency_s = 0.0
    assert own.broker.speeds() == {"(c)": 2_000.0, "(d)": 2_000.0}


def test_windows_and_ways_are_those_of_ones_own_organizations(home: Home) -> None:
    """Under their names for people, with their speeds."""
    desk = Desk(home, f"a@ours={ONE}", limits={TPM: 6_000, RPM: 3_000})
    desk.broker._ledger.account("(z)", MODEL).learn(TPM, Level(9, 9, home.now, "429", home.now))
    assert [(each.organization, each.dimension, each.limit) for each in desk.broker.windows()] == [
        ("ours", RPM, 3_000),
        ("ours", TPM, 6_000),
    ]
    (way,) = desk.broker.ways()
    assert (way.organization, way.calls_per_s, way.windows[TPM].limit, set(way.windows)) == (
        "ours",
        4.0,
        6_000,
        {RPM, TPM},
    )


def test_keys_are_shown_with_a_call_of_the_usual_length(home: Home) -> None:
    """What the estimate reserves for it."""
    desk = Desk(home, limits={TPM: 6_000})
    desk.broker._chars = 2_000.0
    desk.account().buckets[TPM].level = 600.0
    (key,) = desk.broker.statuses()
    assert key.alias == "a"
    assert key.cooldown_s == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("known", "limits"), [({}, {TPM: 60_000.0, RPD: 10_000.0}), ({TPM: 9_000.0}, {TPM: 9_000.0, RPD: 10_000.0})]
)
def test_a_tier_begins_with_ten_times_the_plain_limits(
    home: Home, known: dict[Dimension, float], limits: dict[Dimension, float]
) -> None:
    """Full, where no reply has named its own; of organizations that are not its own nothing is assumed."""
    store = home.store(GROQ_API_KEYS=f"a={ONE}")
    store.set_limits("(a)", MODEL, {TPM: 6_000.0, RPD: 1_000.0})
    store.set_limits("(z)", MODEL, {TPM: 6_000.0})
    store.database.execute("UPDATE level SET available = 7, speed = 2")
    store.set_limits("(a)", "m (flex)", dict(known))
    desk = Desk(home, tier="flex")
    assert (desk.broker.lane, desk.broker.model) == ("flex", "m (flex)")
    buckets = desk.account().buckets
    assert {each: bucket.limit for each, bucket in buckets.items()} == limits
    assumed = buckets[RPD]
    assert (assumed.level, assumed.source, assumed.speed) == (10_000.0, "headers", 2.0)
    assert desk.broker._ledger.account("(z)", "m (flex)").buckets == {}


# --- failures ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "again", "expected"),
    [
        ({}, 0, (1.0, 60.0, math.inf, 1.0, 0)),
        ({}, 3, (8.0, 60.0, math.inf, 8.0, 0)),
        ({}, 9, (60.0, 60.0, math.inf, 60.0, 0)),
        ({"answers": 3, "most_s": 4.0, "least_s": 2.0, "together_s": 9.0}, 0, (1.0, 60.0, math.inf, 1.0, 0)),
        ({"answers": 2, "together_s": 7.0, "waited_s": 4.0}, 0, (1.0, 2.0, 7.0, 1.0, 0)),
        ({"answers": 2, "together_s": 7.0, "waited_s": 0.5}, 0, (0.5, 0.5, 7.0, 0.5, 0)),
        ({"answers": 1, "together_s": 8.0, "least_s": 10.0, "most_s": 9.0}, 0, (1.0, 9.0, 10.0, 1.0, 0)),
        ({"answers": 1, "together_s": 7.9, "least_s": 10.0, "waited_s": 3.0}, 0, (1.0, 1.5, 7.9, 1.0, 0)),
        ({"in_vain": 2, "most_s": 4.0, "waited_s": 3.0}, 0, (1.0, 4.0, math.inf, 1.0, 0)),
        ({"most_s": 4.0, "waited_s": 3.0}, 5, (4.0, 4.0, math.inf, 4.0, 0)),
        ({"most_s": 4.0, "waited_s": 4.0, "together_s": 5.0}, 5, (4.0, 4.0, math.inf, 9.0, 1)),
        ({"most_s": 4.0, "waited_s": 4.0, "in_vain": 1}, 5, (4.0, 4.0, math.inf, 4.0, 2)),
        ({"most_s": 4.0, "waited_s": 4.0, "in_vain": 2}, 5, (8.0, 8.0, math.inf, 8.0, 0)),
        ({"most_s": 40.0, "waited_s": 40.0, "in_vain": 2}, 9, (60.0, 60.0, math.inf, 60.0, 0)),
    ],
)
def test_the_next_wait_where_none_is_told(known: dict[str, float], again: int, expected: tuple[float, ...]) -> None:
    """With the longest one, the shortest that helped, those of this row together, and how many were in vain."""
    waits = _UntoldWaits()
    assert waits == _UntoldWaits(60.0, math.inf, 0.0, 0.0, 0, 0)
    for name, value in known.items():
        setattr(waits, name, value)
    waited_s = waits.next_s(again)
    assert (waited_s, waits.waited_s, waits.answers) == (expected[0], expected[0], 0)
    assert (waits.waited_s, waits.most_s, waits.least_s, waits.together_s, waits.in_vain) == expected


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "00:00"), (59.6, "01:00"), (61, "01:01"), (3_599, "59:59"), (3_600, "1:00:00"), (7_265, "2:01:05")],
)
def test_a_span_in_words(seconds: float, words: str) -> None:
    """Minutes and seconds, with hours where there are any."""
    assert _span(seconds) == words


@pytest.mark.parametrize(("rest_s", "may"), [(0.0, True), (0.1, False), (120.0, False), (120.1, True), (-1.0, True)])
def test_an_email_rests_for_two_minutes_at_most(home: Home, rest_s: float, may: bool) -> None:
    """What is later was written by a clock that went back since."""
    consequences = Desk(home).broker._consequences
    consequences._rests = {1: (1, home.now + rest_s), 2: (1, home.now + 200)}
    assert consequences.may_ask(1, home.now) is may
    assert consequences.may_ask(3, home.now)
    assert consequences.earliest_retry([2, 1, 3]) == home.now + rest_s
    assert consequences.earliest_retry([3]) is None


def test_rests_double_with_each_error_of_an_email(home: Home) -> None:
    """From half a second to a minute, by half longer at random; others' do not."""
    desk = Desk(home, limits={RPM: 9_000})
    rests = []
    for _ in range(12):
        desk.fail(RequestRefusedError("400"), 2)
        desk.broker._consequences._rests.pop(2, None)
        grant = desk.ask()
        grant.org.health.answered()
        grant.slot.health.answered()
        consequence = desk.broker.failed(grant, ServerFailedError("500"), 1.0)
        assert (consequence.counts_against_email, consequence.retry_elsewhere) == (True, True)
        rests.append(desk.broker._consequences._rests[1][1] - home.now)
        home.now += 100
    assert rests == pytest.approx([0.75, 1.5, 3, 6, 12, 24, 48, 90, 90, 90, 90, 90], abs=1e-5)
    assert desk.broker._consequences._rests[1][0] == 10


def test_what_is_remembered_of_emails_is_bounded(home: Home) -> None:
    """The newest 4,096 of each kind."""
    desk = Desk(home, limits={RPM: 9_000, TPM: 60_000})
    consequences = desk.broker._consequences
    kinds: tuple[dict[int, Any], ...] = (consequences._rests, consequences.too_large, consequences._asked_once_more)
    for store in kinds:
        store.update(dict.fromkeys(range(10000, 14096), (1, 0.0)))
    desk.fail(ServerFailedError("500"), 1)
    desk.fail(TooLargeError("413: too large"), 2)
    desk.answer(desk.ask(3), 9_000)
    desk.fail(TooLargeError("413: on tokens per minute (TPM): Limit 600, Requested 700."), 4)
    for store, newest in zip(kinds, (1, 2, 4), strict=True):
        assert (len(store), 10_000 in store, newest in store) == (4_096, False, True)


@pytest.mark.parametrize(
    ("error", "latency_s", "stumbles", "tokens", "requests"),
    [
        (CallTimeoutError("late"), 60.0, False, 700, 1),
        (ServerFailedError("500"), 1.0, False, 0, 1),
        (ConnectionFailedError("reset"), 0.5, False, 700, 1),
        (ConnectionFailedError("reset"), 0.49, False, 0, 0),
        (ConnectionFailedError("reset"), 9.0, True, 0, 0),
        (KeyRefusedError("401"), 1.0, False, 0, 0),
        (OrganizationRestrictedError("400"), 1.0, False, 0, 0),
        (RequestRefusedError("400"), 1.0, False, 0, 0),
        (RateLimitedError("429"), 1.0, False, 0, 0),
        (TooLargeError("413"), 1.0, False, 0, 0),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, CallError) else str(value),
)
def test_what_a_failed_call_is_taken_to_cost(
    home: Home, error: CallError, latency_s: float, stumbles: bool, tokens: float, requests: float
) -> None:
    """What the server has probably counted; the next probe may go out."""
    desk = Desk(home, limits={TPM: 6_000, RPM: 30})
    if stumbles:
        desk.pool.orgs["(a)"].health.failed(9, "reset", home.now, Late(), probe=False)
    grant = desk.ask()
    assert grant.org.concurrency.latency_s == 1.0
    ended: list[bool] = []
    grant.org.health._probes = grant.slot.health._probes = 0
    desk.broker._consequences.ended = lambda grant: ended.append(bool(grant))  # type: ignore[method-assign]
    desk.broker.failed(grant, error, latency_s)
    assert (6_000 - desk.level(), 30 - desk.level(RPM)) == (tokens, requests)
    assert ended
    assert (desk.broker.in_flight, desk.account().calls_in_flight) == (0, 0)


def test_a_failure_is_written_down_with_what_it_was(home: Home) -> None:
    """Its first 400 characters, with the window and the wait where there is one; messages have 300 of them."""
    desk = Desk(home)
    told = desk.fail(ServerFailedError("x" * 500, status=500))
    assert told == Consequence("x" * 299 + "…", counts_against_email=True, retry_elsewhere=True)
    error = RateLimitedError("429", status=429, headers={"retry-after": "10"}, said="y" * 200)
    told = desk.fail(error, 2)
    words = "y" * 99 + "…"
    assert told == Consequence(
        f"(a) is out of a limit that it did not name (“{words}”): it waits 00:10", retry_elsewhere=True, wait_s=10.0
    )
    desk.broker._share(home.now, changed=True)
    (fingerprint,) = desk.pool.slots
    second, first = troubles_of(desk.store.database, fingerprint)
    assert (first.at, first.organization, first.model, first.status, first.outcome) == (
        home.now,
        "(a)",
        MODEL,
        500,
        "server_error",
    )
    assert (first.limit, first.wait_s, first.text) == ("", None, "x" * 399 + "…")
    assert (second.limit, second.wait_s, second.status, second.text) == ("", 10.0, 429, "429")
    assert desk.store.records()[fingerprint].errors_429 == 1


@pytest.mark.parametrize(
    ("header", "again", "wait_s", "dimension"),
    [
        ("10", 0, 10.0, None),
        ("10", 1, 20.0, None),
        ("10", 3, 80.0, None),
        ("10", 9, 80.0, None),
        ("0", 0, 0.0, None),
        ("0", 1, None, None),
        ("0.05", 1, 0.1, None),
        ("0.04", 1, None, None),
        ("50000", 1, 86_400.0, None),
        ("50000", 0, 63.0, TPM),
        ("86400", 3, 90_720.0, TPD),
    ],
)
def test_a_told_wait_doubles_with_each_refusal(
    home: Home, header: str, again: int, wait_s: float | None, dimension: Dimension | None
) -> None:
    """Up to eightfold, and to what the window can take; none at all is believed once."""
    consequences = Desk(home).broker._consequences
    error = RateLimitedError("429", headers={"retry-after": header})
    assert consequences._told_s(error, None, dimension, again, home.now) == wait_s


def test_the_longer_of_two_told_waits_counts(home: Home) -> None:
    """The text's or the header's."""
    consequences = Desk(home).broker._consequences
    for header, text_s, wait_s in (("3", 4.0, 4.0), ("5", 4.0, 5.0), ("5", None, 5.0)):
        error = RateLimitedError("429", headers={"retry-after": header})
        text = RateLimitText("", "", "", None, None, None, None, text_s)
        assert consequences._told_s(error, text, None, 0, home.now) == wait_s


def test_refusals_of_calls_that_were_out_together_count_once(home: Home) -> None:
    """One that was asked after the last one counts again, to ten; a clock that went back begins anew."""
    desk = Desk(home, own_server=True)
    grant, consequences = desk.ask(), desk.broker._consequences
    found = [consequences._again(grant, "o", home.now + later_s) for later_s in (0.0, 1.0, 2.0, -1.0)]
    assert found == [(0, True), (1, True), (1, False), (2, True)]
    consequences._refusals["o"] = (10, home.now)
    assert consequences._again(grant, "o", home.now) == (10, True)
    consequences._refusals["o"] = (3, home.now + 1)
    assert consequences._again(grant, "o", home.now + 1) == (3, False)


@pytest.mark.parametrize(
    ("header", "benched_before", "told"), [("4.9", False, False), ("5", False, True), ("5", True, False)]
)
def test_a_wait_of_five_seconds_is_told(home: Home, header: str, benched_before: bool, told: bool) -> None:
    """Where the organization did not wait already."""
    desk = Desk(home)
    grant = desk.ask()
    if benched_before:
        desk.account().bench = Bench(home.now + 1, "", "", home.now)
    desk.broker.failed(grant, RateLimitedError("429", headers={"retry-after": header}), 1.0)
    assert desk.broker._notices == (["(a) waits 00:05 for a limit that it did not name"] if told else [])
    bench = desk.account().bench
    assert bench.until_at == pytest.approx(home.now + float(header), abs=1e-5)
    assert bench.reason == "waits for a limit that it did not name"


def test_a_refusal_shrinks_what_goes_out_at_once(home: Home) -> None:
    """Of the organization, and on a server without quotas of the search; so does one for want of room."""
    for error in (RateLimitedError("429"), CapacityError("498")):
        desk = Desk(home, own_server=True)
        knee = desk.broker._room.knee = Knee()  # type: ignore[assignment]
        grant = desk.ask()
        desk.broker.failed(grant, error, 1.0)
        assert grant.org.concurrency.allowed(math.inf) == 2
        assert ("pushed_back", home.now, home.now) in knee.told
    flex = Desk(home, tier="flex")
    knee = flex.broker._room.knee = Knee()  # type: ignore[assignment]
    told = flex.fail(CapacityError("498"))
    assert (told.full, told.retry_elsewhere, flex.pool.orgs["(a)"].health.stumbling) == (True, True, False)
    assert knee.told == [("dropped", 0)]


@pytest.mark.parametrize(
    ("header", "benched_s"),
    [(None, None), ("0.04", None), ("0.05", 0.05), ("30", 30.0), ("600", 600.0), ("3600", 600.0)],
)
def test_an_overloaded_server_is_left_alone_for_as_long_as_it_says(
    home: Home, header: str | None, benched_s: float | None
) -> None:
    """Ten minutes at most."""
    desk = Desk(home)
    desk.fail(ServerFailedError("503", headers={"retry-after": header} if header else {}, said="busy"))
    bench = desk.account().bench
    if benched_s is None:
        assert bench is None
    else:
        assert (bench.until_at, bench.limit) == (pytest.approx(home.now + benched_s, abs=1e-5), "")
        assert bench.reason == "waits as the server stated, after an error (“busy”)"


def test_three_errors_are_an_outage_and_an_answer_ends_it(home: Home) -> None:
    """Both are told; errors in it count against no email, which does not rest; the search begins anew."""
    desk = Desk(home, f"a={ONE}", limits={RPM: 3_000})
    counts = [desk.fail(ServerFailedError("500 broken"), email).counts_against_email for email in (1, 2, 3)]
    assert counts == [True, True, False]
    assert desk.broker._notices == ["(a) fails again and again (500 broken): it is tried again, one call at a time"]
    assert desk.broker._consequences._rests[3] == (1, home.now)
    org = desk.pool.orgs["(a)"]
    knee = desk.broker._room.knee = Knee()  # type: ignore[assignment]
    org.concurrency._width = 20.0
    home.now += 1.2
    probe = desk.ask(4)
    assert (probe.probes_org, probe.probes_slot) == (True, False)
    assert isinstance(desk.broker.next([Candidate(5, 10)]), Wait)
    desk.answer(probe)
    assert desk.broker._notices[1:] == ["(a) answers again"]
    assert (org.health.out, org.slots[0].health.out, org.concurrency.allowed(math.inf)) == (False, False, 4)
    assert ("restart",) in knee.told


def test_a_key_that_fails_alone_is_in_an_outage_alone(home: Home) -> None:
    """Its errors count against no email; the other key of its organization goes on."""
    desk = Desk(home, f"a={ONE},b={TWO}", limits={RPM: 3_000})
    for slot in [*desk.pool.slots.values()]:
        desk.pool.learn_organization(slot, "org_1", home.now)
    first, second = desk.pool.orgs["org_1"].slots
    counts = []
    for email in (1, 2, 3, 4):
        second.in_flight, first.in_flight = 0, 9
        desk.answer(desk.ask(9))
        second.in_flight, first.in_flight = 9, 0
        grant = desk.ask(email)
        counts.append(desk.broker.failed(grant, ServerFailedError("500"), 1.0).counts_against_email)
    assert counts == [True, True, False, True], "the fourth went out with the other key"
    assert (first.health.out, second.health.out, desk.pool.orgs["org_1"].health.out) == (True, False, False)
    assert desk.broker._consequences._rests[3] == (1, home.now)
    assert desk.pool.doing()[first.secret.fingerprint].trouble == "500"


def test_keys_of_a_restricted_organization_are_all_out(home: Home) -> None:
    """Another organization's stays; the message says what to do."""
    desk = Desk(home, f"a={ONE},b={TWO},c=gsk_third_secret_cccc")
    for alias in ("a", "b"):
        slot = next(each for each in desk.pool.slots.values() if each.alias == alias)
        desk.pool.learn_organization(slot, "org_1", home.now)
    grants = [desk.ask(number) for number in range(2)]
    grant = next(each for each in grants if each.organization == "org_1")
    told = desk.broker.failed(grant, OrganizationRestrictedError("400 restricted"), 1.0)
    assert told == Consequence(
        "org_1 is restricted: every key of it is out. Write to the provider's support",
        retry_elsewhere=True,
        key_out=True,
    )
    assert {each.alias: each.usable for each in desk.pool.slots.values()} == {"a": False, "b": False, "c": True}


@pytest.mark.parametrize(
    ("alone", "takes", "elsewhere"), [(True, True, False), (False, True, True), (False, False, False)]
)
def test_a_text_that_is_too_large_for_one_is_asked_elsewhere(
    home: Home, alone: bool, takes: bool, elsewhere: bool
) -> None:
    """Where another organization is not known to be too small for it."""
    desk = Desk(home, f"a={ONE}" if alone else f"a={ONE},b={TWO}")
    if not takes:
        desk.store.set_limits("(b)", MODEL, {TPM: 50})
        desk.broker._share(home.now, changed=True)
    desk.pool.orgs["(a)"].slots[0].pinned = True
    told = desk.fail(TooLargeError("413 too large"))
    assert told == Consequence(
        "this text is larger than (a) takes at once (413 too large)",
        counts_against_email=not elsewhere,
        retry_elsewhere=elsewhere,
    )
    assert desk.broker._consequences.too_large == {1: {"(a)"}}


def test_bounds_of_failures_are_these() -> None:
    """In seconds."""
    assert (failures._FIRST_REST_S, failures._LONGEST_REST_S, failures._LONGEST_OUTAGE_S) == (0.5, 60.0, 600.0)
    assert (brokers.SYNC_S, brokers.ESTIMATE_S, brokers.TIER_LIMITS, brokers.CONCURRENCY_CAP) == (0.2, 5.0, 10.0, 32)
