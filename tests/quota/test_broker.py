"""The broker: what a worker is granted, and what follows from every answer and failure."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest

from core.errors import (
    CallError,
    CallTimeoutError,
    CapacityError,
    ConnectionFailedError,
    KeyRefusedError,
    ModelGoneError,
    OrganizationRestrictedError,
    RateLimitedError,
    RequestRefusedError,
    ServerFailedError,
    TooLargeError,
)
from core.model import Dimension, KeyState, Usage, Wait
from core.quota.keys.store import KeyStore
from core.quota.pacing.broker import Broker, Candidate, Grant, Never, NoKeys
from core.server_address import GROQ_ROOT

MODEL = "m"
KEYS = "main@org_1=gsk_main_aaaa_0001,spare@org_1=gsk_spare_bbbb_0002,lab@org_2=gsk_lab_cccc_0003"
TRANSIENT = [
    ServerFailedError("503"),
    CallTimeoutError("timeout"),
    ConnectionFailedError("reset"),
    CapacityError("498"),
]


class Desk:
    """Brokers on one quota.db, under one clock that only tests move."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.now = 1_790_000_000.0
        self._folder, self._stack = folder, stack
        self._emails = 0

    def store(self, keys: str = KEYS, *, server: str = GROQ_ROOT) -> KeyStore:
        paths = self._folder / "quota.db", self._folder / "keys.toml"
        environment = {"GROQ_API_KEYS": keys, "GROQ_BASE_URL": server}
        return self._stack.enter_context(
            KeyStore(*paths, environment=environment, clock=lambda: self.now, server=server)
        )

    def broker(self, keys: str = KEYS, *, seed: int = 1, server: str = GROQ_ROOT) -> Broker:
        return Broker(
            self.store(keys, server=server),
            MODEL,
            clock=lambda: self.now,
            rng=random.Random(seed),
            max_completion_tokens=100,
        )

    def candidate(self, chars: int = 2_000) -> Candidate:
        self._emails += 1
        return Candidate(self._emails, chars, self.now)

    def grant(self, broker: Broker, chars: int = 2_000) -> Grant:
        granted = broker.next([self.candidate(chars)])
        assert isinstance(granted, Grant), granted
        return granted

    def limited(self, organization: str, dimension: Dimension, limit: int, used: int, requested: int) -> CallError:
        wait_s = (used + requested - limit) * dimension.period_s / limit
        return RateLimitedError(
            f"429: Rate limit reached for model `m` in organization `{organization}` on {dimension.words} "
            f"({dimension}): Limit {limit}, Used {used}, Requested {requested}. Please try again in {wait_s:.3f}s.",
            status=429,
        )


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with ExitStack() as stack:
        yield Desk(tmp_path, stack)


def answer(broker: Broker, grant: Grant, prompt: int = 600, **headers: str) -> None:
    broker.answered(grant, Usage(prompt, 20), {name.replace("_", "-"): value for name, value in headers.items()}, 0.5)


def state(broker: Broker, alias: str) -> KeyState:
    return next(each.state for each in broker.statuses() if each.alias == alias)


def test_a_grant_bears_the_key_and_hides_it(desk: Desk) -> None:
    """Alias, organization and the secret are there; the secret is not in the repr."""
    broker = desk.broker()
    granted = desk.grant(broker)
    assert granted.secret.value.startswith("gsk_")
    assert "gsk_" not in repr(granted)
    assert broker.in_flight == 1
    assert state(broker, granted.alias) is KeyState.IN_USE
    answer(broker, granted)
    assert broker.in_flight == 0


def test_every_organization_has_a_speed_before_its_first_answer(desk: Desk) -> None:
    """What a forecast takes where no quota binds: more than nothing for each."""
    broker = desk.broker()
    before = broker.speeds()
    assert before
    assert all(speed > 0 for speed in before.values())


def test_without_a_key_the_reason_says_what_to_do(desk: Desk) -> None:
    """No key at all, or none that may be used: both are reported with a remedy."""
    none = desk.broker("").next([desk.candidate()])
    assert isinstance(none, NoKeys)
    assert "labeltui keys add" in none.reason
    broker = desk.broker()
    for _ in range(3):
        broker.failed(desk.grant(broker), KeyRefusedError("401 invalid", status=401), 0.1)
    out = broker.next([desk.candidate()])
    assert isinstance(out, NoKeys)
    assert "main …0001" in out.reason


@pytest.mark.parametrize(("said", "requires"), [("h answered 401: who?", True), ("h answered 402: no credit", False)])
def test_a_server_asked_without_a_key_is_said_to_require_one_only_where_it_does(
    desk: Desk, said: str, requires: bool
) -> None:
    """No credit is no missing key."""
    broker = desk.broker("", server="http://localhost:11434/v1")
    broker.failed(desk.grant(broker), KeyRefusedError(said, conclusive=True), 0.1)
    out = broker.next([desk.candidate()])
    assert isinstance(out, NoKeys)
    assert ("and requires one" in out.reason) is requires
    assert said in out.reason


def test_a_server_that_refuses_the_keys_ends_no_run_on_another(desk: Desk) -> None:
    """A worker at a mistyped address loses all of its keys; the one on Groq goes on without a notice."""
    wrong, groq = desk.broker(server="http://localhost:11434/v1"), desk.broker()
    for _ in range(3):
        wrong.failed(desk.grant(wrong), KeyRefusedError("401 invalid", status=401), 0.1)
    assert isinstance(wrong.next([desk.candidate()]), NoKeys)
    desk.now += 1
    assert groq.tick() == []
    assert desk.grant(groq)


def test_limits_of_one_server_bind_no_worker_on_another(desk: Desk) -> None:
    """Not in the ledger of a worker that lives, nor in that of one that starts; neither makes the other yield."""
    local, groq = desk.broker(server="http://localhost:11434/v1", seed=2), desk.broker()
    local.failed(desk.grant(local), desk.limited("org_1", Dimension.TPM, 1_000, 900, 700), 0.1)
    for each in (local, groq):
        desk.now += 3
        each.tick()
    assert [window.dimension for window in local.windows()] == [Dimension.TPM]
    new = desk.broker(seed=3)
    assert groq.windows() == new.windows() == ()
    assert (groq._sync.peers, new._sync.peers) == (0, 1)


def test_a_429_benches_the_organization_and_not_the_email(desk: Desk) -> None:
    """The other organization goes on; the stated wait is a floor; nothing counts against the email."""
    broker = desk.broker("main@org_1=gsk_main_aaaa_0001")
    consequence = broker.failed(desk.grant(broker), desk.limited("org_1", Dimension.TPM, 8_000, 7_900, 1_500), 0.2)
    assert (consequence.counts_against_email, consequence.retry_elsewhere, consequence.key_out) == (False, True, False)
    wait = broker.next([desk.candidate()])
    assert isinstance(wait, Wait)
    assert wait.until_at is not None
    assert desk.now + 10.5 <= wait.until_at <= desk.now + 10.5 + 0.25 + 0.01
    assert (wait.limit, wait.organization) == ("TPM", "org_1")
    desk.now = wait.until_at
    assert desk.grant(broker)
    assert broker.statuses()[0].errors_429 == 1


def test_retry_after_is_a_floor(desk: Desk) -> None:
    """A header that asks for longer than the text is handled; with neither, waits double."""
    broker = desk.broker("main@org_1=gsk_main_aaaa_0001")
    error = desk.limited("org_1", Dimension.TPM, 8_000, 7_900, 700)
    error.headers = {"retry-after": "20"}
    broker.failed(desk.grant(broker), error, 0.2)
    wait = broker.next([desk.candidate()])
    assert isinstance(wait, Wait)
    assert (wait.until_at or 0) >= desk.now + 20
    desk.now += 3_600
    answer(broker, desk.grant(broker))
    spans = []
    for _ in range(8):
        broker.failed(desk.grant(broker), RateLimitedError("429 slow down", status=429), 0.2)
        wait = broker.next([desk.candidate()])
        assert isinstance(wait, Wait)
        spans.append((wait.until_at or 0) - desk.now)
        desk.now = wait.until_at or 0
    assert spans[0] < 1.6
    assert all(later >= 1.5 * earlier for earlier, later in pairwise(spans[:6]))
    assert max(spans) <= 60 * 1.2 + 0.3


@pytest.mark.parametrize(
    ("answers_after", "most_s", "most_calls"),
    [
        (lambda calls, _waited_s: calls >= 4, 2.5, 4),
        (lambda _calls, waited_s: waited_s >= 30.0, 45.0, 8),
        (lambda _calls, waited_s: waited_s >= 2.5, 4.0, 5),
    ],
    ids=["every fourth call", "one call in 30 s", "one call in 2.5 s"],
)
def test_untold_waits_are_learned_from_the_answers_in_between(
    desk: Desk, answers_after: Callable[[int, float], bool], most_s: float, most_calls: int
) -> None:
    """Where longer waits buy nothing they get shorter; where time alone helps no storm of calls comes of it."""
    broker = desk.broker("main@org_1=gsk_main_aaaa_0001")
    answer(broker, desk.grant(broker))
    for _ in range(8):
        calls, began_at = 0, desk.now
        while True:
            calls += 1
            granted = desk.grant(broker)
            if answers_after(calls, desk.now - began_at):
                answer(broker, granted)
                break
            broker.failed(granted, RateLimitedError("429 slow down", status=429), 0.2)
            wait = broker.next([desk.candidate()])
            assert isinstance(wait, Wait)
            desk.now = wait.until_at or 0
    assert desk.now - began_at <= most_s
    assert calls <= most_calls


def test_a_text_refused_by_a_limit_that_larger_calls_passed_is_asked_once_more(desk: Desk) -> None:
    """One stray refusal with a tiny limit fails nobody; the second of the same text does."""
    broker = desk.broker("main@org_1=gsk_main_aaaa_0001")
    answer(broker, desk.grant(broker))
    candidate = desk.candidate()
    tiny = "413: Request too large for model `m` in organization `org_1` on tokens per minute (TPM): Limit 6, Requested 700."
    for elsewhere in (True, False):
        granted = broker.next([candidate])
        assert isinstance(granted, Grant)
        consequence = broker.failed(granted, TooLargeError(tiny, status=413), 0.2)
        assert (consequence.retry_elsewhere, consequence.counts_against_email) == (elsewhere, not elsewhere)


def test_a_limit_that_a_refusal_told_is_asked_about_again_after_a_retry(desk: Desk) -> None:
    """Requeued by a person, or by another worker, an email is asked about; a second refusal rules others out again."""
    broker = desk.broker("main@org_1=gsk_main_aaaa_0001")
    large, other = desk.candidate(400_000), desk.candidate(400_000)

    def refused(broker: Broker, candidate: Candidate) -> None:
        granted = broker.next([candidate])
        assert isinstance(granted, Grant)
        broker.failed(granted, desk.limited("org_1", Dimension.TPM, 6_000, 0, 12_903), 0.2)
        answer(broker, desk.grant(broker))

    answer(broker, desk.grant(broker))
    refused(broker, large)
    assert isinstance(broker.next([other]), Never)
    broker.requeued()
    assert not isinstance(broker.next([other]), Never)
    desk.now += 120
    refused(broker, other)
    assert isinstance(broker.next([large]), Never)
    broker.tick()
    broker.close()
    again = desk.broker()
    answer(again, desk.grant(again))
    desk.now += 120
    assert isinstance(again.next([large]), Grant)


def test_a_refusal_no_wait_can_cure_is_a_matter_of_size(desk: Desk) -> None:
    """A 429 that requests more than the limit itself goes elsewhere, and then never out again."""
    broker = desk.broker()
    candidate = desk.candidate(40_000)
    granted = broker.next([candidate])
    assert isinstance(granted, Grant)
    error = desk.limited(granted.organization, Dimension.TPM, 6_000, 0, 12_903)
    consequence = broker.failed(granted, error, 0.2)
    assert (consequence.counts_against_email, consequence.retry_elsewhere) == (False, True)
    again = broker.next([candidate])
    assert isinstance(again, Grant)
    assert again.alias != granted.alias
    for _ in range(2):
        consequence = broker.failed(again, TooLargeError("413: too large", status=413), 0.2)
        again = broker.next([candidate]) if consequence.retry_elsewhere else again
        assert isinstance(again, Grant)
    assert (consequence.counts_against_email, consequence.retry_elsewhere) == (True, False)
    assert isinstance(broker.next([candidate]), Never)


def test_an_overloaded_server_that_states_a_wait_is_left_alone_for_it(desk: Desk) -> None:
    """A 503 with ``retry-after: 30``: that organization asks nothing before, and says why."""
    broker = desk.broker()
    granted = desk.grant(broker)
    broker.failed(granted, ServerFailedError("503", status=503, headers={"retry-after": "30"}), 0.1)
    [status] = [each for each in broker.statuses() if each.alias == granted.alias]
    assert round(status.cooldown_s) == 30
    assert "as the server stated" in status.reason


def test_a_refused_key_is_out_and_the_others_go_on(desk: Desk) -> None:
    """Everybody on this machine sees it, with the reason; enabling it brings it back."""
    broker, console = desk.broker(), desk.store()
    granted = desk.grant(broker)
    consequence = broker.failed(granted, KeyRefusedError("401: invalid key", status=401), 0.1)
    assert (consequence.counts_against_email, consequence.retry_elsewhere, consequence.key_out) == (False, True, True)
    status = next(each for each in console.statuses(MODEL, desk.now) if each.alias == granted.alias)
    assert status.state is KeyState.INVALID
    assert "401" in status.reason
    for _ in range(4):
        another = desk.grant(broker)
        assert another.alias != granted.alias
        answer(broker, another)
    console.set_enabled(granted.alias, True)
    desk.now += 0.2
    assert f"{granted.alias} was enabled" in broker.tick()


def test_a_restricted_organization_takes_all_of_its_keys_out(desk: Desk) -> None:
    """Two keys go that replies named as its own, the third stays."""
    for alias in ("main", "spare"):
        desk.store().learn_organization(alias, "org_1")
    broker = desk.broker()
    granted = desk.grant(broker)
    while granted.organization != "org_1":
        granted = desk.grant(broker)
    consequence = broker.failed(granted, OrganizationRestrictedError("400: restricted", status=400), 0.1)
    assert consequence.key_out
    assert {each.alias for each in broker.statuses() if each.state is KeyState.INVALID} == {"main", "spare"}
    assert desk.grant(broker).organization == "org_2"


@pytest.mark.parametrize(
    ("error", "counts"), [(RequestRefusedError("400: no"), True), (ModelGoneError("404: gone"), False)]
)
def test_what_no_key_can_cure_is_not_retried(desk: Desk, error: CallError, counts: bool) -> None:
    """A refused request fails its email; a model that is gone is no fault of an email's."""
    broker = desk.broker()
    consequence = broker.failed(desk.grant(broker), error, 0.1)
    assert (consequence.counts_against_email, consequence.retry_elsewhere) == (counts, False)


@pytest.mark.parametrize("error", TRANSIENT, ids=lambda error: type(error).__name__)
def test_errors_count_until_they_are_an_outage(desk: Desk, error: CallError) -> None:
    """Two stray errors count against their emails; from the third different one on the organization is to blame."""
    broker = desk.broker("main@org_1=gsk_main_aaaa_0001")
    counted = []
    for _ in range(6):
        granted = broker.next([desk.candidate()])
        if isinstance(granted, Wait):
            desk.now = granted.until_at or desk.now + 1
            granted = broker.next([desk.candidate()])
        assert isinstance(granted, Grant)
        counted.append(broker.failed(granted, error, 0.5).counts_against_email)
    assert counted == [True, True, False, False, False, False]
    assert any("fails again and again" in text for text in broker.tick())
    for status in (broker.statuses()[0], desk.store("main@org_1=gsk_main_aaaa_0001").statuses(MODEL, desk.now)[0]):
        assert (status.state, status.probed) == (KeyState.BENCHED, True), "the worker and the screens say the same"
    wait = broker.next([desk.candidate()])
    assert isinstance(wait, Wait)
    desk.now = wait.until_at or 0
    probe = desk.grant(broker)
    assert isinstance(broker.next([desk.candidate()]), Wait)
    answer(broker, probe)
    desk.now += 0.2
    assert "org_1 answers again" in broker.tick()
    assert desk.store("main@org_1=gsk_main_aaaa_0001").statuses(MODEL, desk.now)[0].state is KeyState.READY
    assert desk.grant(broker)


def test_an_email_rests_after_its_own_error(desk: Desk) -> None:
    """The same email does not go out again at once; others do."""
    broker = desk.broker()
    candidate = desk.candidate()
    granted = broker.next([candidate])
    assert isinstance(granted, Grant)
    assert broker.failed(granted, ServerFailedError("500"), 0.5).counts_against_email
    wait = broker.next([candidate])
    assert isinstance(wait, Wait)
    assert desk.now + 0.5 <= (wait.until_at or 0) <= desk.now + 0.75
    assert desk.grant(broker)
    desk.now = wait.until_at or 0
    assert isinstance(broker.next([candidate]), Grant)


def test_one_behind_an_email_that_rests_is_asked_about(desk: Desk) -> None:
    """Where the first in line may not be asked about, or no organization takes so long a text now, others are looked at."""
    broker = desk.broker()
    resting, next_one = desk.candidate(), desk.candidate()
    granted = broker.next([resting])
    assert isinstance(granted, Grant)
    broker.failed(granted, ServerFailedError("500"), 0.5)
    found = broker.next([resting, next_one])
    assert isinstance(found, Grant)
    assert found.email_id == next_one.email_id


def test_a_429_names_the_organization_and_keys_are_grouped(desk: Desk) -> None:
    """Keys that were taken for strangers share one quota from then on, in every process."""
    broker, other = desk.broker("a=gsk_main_aaaa_0001,b=gsk_spare_bbbb_0002"), desk.store("")
    for _ in range(2):
        granted = desk.grant(broker)
        broker.failed(granted, desk.limited("org_9", Dimension.TPM, 8_000, 7_990, 650), 0.2)
        desk.now += 5.0
    told = broker.tick()
    assert any("share one quota" in text for text in told)
    assert {each.organization for each in broker.statuses()} == {"org_9"}
    assert {each.organization for each in broker.windows()} == {"org_9"}
    assert {each.organization for each in other.statuses(MODEL, desk.now)} == {"org_9"}
    assert [each.organization for each in other.windows(MODEL, desk.now)] == ["org_9"]


def spend_until(broker: Broker, desk: Desk, said: str, calls: int = 60) -> list[str]:
    """Ask and let every call through, without headers, until something is said; what was said."""
    for _ in range(calls):
        decision = broker.next([desk.candidate()])
        if isinstance(decision, Grant):
            answer(broker, decision)
        desk.now += 0.5
        told = broker.tick()
        if any(said in text for text in told):
            return told
    return []


def test_keys_that_the_operator_named_alike_have_a_quota_each_until_a_reply_names_it(desk: Desk) -> None:
    """People see the name that was stated; a refusal that names the organization joins the keys, also after a restart."""
    keys = "a@ours=gsk_main_aaaa_0001,b@ours=gsk_spare_bbbb_0002"
    broker = desk.broker(keys)
    desk.store(keys).set_limits("ours", MODEL, {Dimension.TPM: 3_000.0, Dimension.RPM: 1_000.0})
    desk.now += 0.25
    broker.tick()
    assert {each.organization for each in broker.statuses()} == {"ours"}
    assert [(each.organization, each.dimension) for each in broker.windows()] == [
        ("ours", Dimension.RPM), ("ours", Dimension.TPM)
    ]  # fmt: skip
    first, second = desk.grant(broker), desk.grant(broker)
    assert first.reservation.organization != second.reservation.organization
    for granted in (first, second):
        broker.failed(granted, desk.limited("org_1", Dimension.TPM, 3_000, 2_900, 700), 0.2)
    told = broker.tick()
    assert any("You stated ours" in text for text in told)
    again = desk.broker(keys, seed=2)
    for each in (broker, again):
        assert {status.organization for status in each.statuses()} == {"org_1"}
        assert all("you stated ours" in status.reason or status.limit for status in each.statuses())
        assert len(each.windows()) == 2


def test_an_organization_that_one_server_names_groups_no_keys_on_another(desk: Desk) -> None:
    """Each server's word counts for itself alone."""
    keys = "a=gsk_main_aaaa_0001,b=gsk_spare_bbbb_0002"
    rogue, groq = desk.broker(keys, server="http://rogue.example"), desk.broker(keys, seed=2)
    for _ in range(2):
        rogue.failed(desk.grant(rogue), desk.limited("org_9", Dimension.TPM, 8_000, 7_990, 650), 0.2)
    desk.now += 0.25
    groq.tick()
    assert {each.organization for each in rogue.statuses()} == {"org_9"}
    assert {each.organization for each in groq.statuses()} == {"(a)", "(b)"}


def test_a_worker_follows_what_another_learned(desk: Desk) -> None:
    """An organization learned by one worker regroups the keys of the other, whose calls still find their account."""
    keys = "a=gsk_main_aaaa_0001,b=gsk_spare_bbbb_0002"
    one, two = desk.broker(keys), desk.broker(keys, seed=2)
    flying = desk.grant(two)
    one.failed(desk.grant(one), desk.limited("org_9", Dimension.TPM, 8_000, 7_990, 650), 0.2)
    desk.now += 0.25
    two.tick()
    assert "org_9" in {each.organization for each in two.statuses()}
    answer(two, flying)
    assert two.in_flight == 0


def test_limits_learned_by_one_worker_hold_for_the_next(desk: Desk) -> None:
    """A new worker on the same machine knows limits, benches and token counts from the start."""
    one = desk.broker()
    for _ in range(20):
        answer(one, desk.grant(one), prompt=900)
    granted = desk.grant(one)
    one.failed(granted, desk.limited(granted.organization, Dimension.TPD, 200_000, 199_900, 1_000), 0.2)
    desk.now += 6.0
    one.tick()
    one.close()
    two = desk.broker()
    assert two.estimator.seen == 20
    assert [(each.dimension, each.limit) for each in two.windows()] == [(Dimension.TPD, 200_000)]
    benched = {each.alias for each in two.statuses() if each.state in (KeyState.COOLING, KeyState.BENCHED)}
    assert granted.alias in benched


def test_keys_that_come_and_go_are_noticed_within_a_tick(desk: Desk) -> None:
    """Added, disabled, removed: told once, in the words of the run's events."""
    broker, console = desk.broker(), desk.store("")
    broker.tick()

    def told() -> list[str]:
        desk.now += 0.2
        return broker.tick()

    console.add("gsk_fourth_dddd_0004", "fourth", "org_4")
    assert told() == ["fourth was added"]
    console.set_enabled("fourth", False)
    assert told() == ["fourth was disabled"]
    assert state(broker, "fourth") is KeyState.DISABLED
    console.remove("fourth")
    assert told() == ["fourth was removed"]
    assert told() == []


def test_an_unreadable_keys_toml_changes_nothing_and_is_reported_once(desk: Desk, tmp_path: Path) -> None:
    """The keys known before stay in use while a person mends the file."""
    broker = desk.broker()
    (tmp_path / "keys.toml").write_text("[keys.x]\nsecret = broken")
    (tmp_path / "keys.toml").chmod(0o600)
    desk.now += 0.2
    assert ["stay in use" in text for text in broker.tick()] == [True]
    desk.now += 0.2
    assert broker.tick() == []
    assert desk.grant(broker)


def test_a_damaged_quota_file_does_not_stop_the_work(desk: Desk, tmp_path: Path) -> None:
    """It is reported once, and calls go on."""
    broker = desk.broker()
    broker.tick()
    with desk.store("").database.writing():
        for _ in range(3):
            granted = desk.grant(broker)
            broker.failed(granted, desk.limited(granted.organization, Dimension.RPM, 30, 30, 1), 0.1)
            desk.now += 2.5
        told = broker.tick()
        assert len([text for text in told if "quota.db" in text and "another process" in text]) == 1
        assert desk.grant(broker)


def test_cancelled_calls_count_only_if_they_were_sent(desk: Desk) -> None:
    """A grant that was not used gives everything back."""
    broker = desk.broker("main@org_1=gsk_main_aaaa_0001")
    desk.store().set_limits("org_1", MODEL, {Dimension.TPM: 8_000, Dimension.RPM: 30})
    desk.now += 0.2
    broker.tick()
    broker.cancelled(desk.grant(broker), sent=False)
    assert [each.available for each in broker.windows()] == [30, 8_000]
    broker.cancelled(desk.grant(broker))
    assert [each.available < each.limit for each in broker.windows()] == [True, True]
    assert broker.in_flight == 0


def test_counters_are_kept_for_life(desk: Desk) -> None:
    """Requests, 429s and tokens of a key add up over workers."""
    for _ in range(2):
        broker = desk.broker("main@org_1=gsk_main_aaaa_0001")
        answer(broker, desk.grant(broker), prompt=600)
        broker.failed(desk.grant(broker), desk.limited("org_1", Dimension.RPM, 30, 30, 1), 0.1)
        status = broker.statuses()[0]
        broker.close()
        desk.now += 60
    assert (status.requests, status.errors_429, status.tokens) == (4, 2, 1_240)


def test_nothing_in_line_is_a_wait_without_end(desk: Desk) -> None:
    """An empty list is answered, not an error."""
    wait = desk.broker().next([])
    assert isinstance(wait, Wait)
    assert wait.until_at is None


def test_bad_clocks_and_odd_replies_do_not_stop_it(desk: Desk) -> None:
    """An hour back, a day ahead, absurd headers: it still grants and settles."""
    broker = desk.broker()
    for step, jump in enumerate((-3_600.0, 86_400.0, -5.0, 0.0, 7 * 86_400.0)):
        desk.now += jump
        granted = desk.grant(broker)
        answer(
            broker,
            granted,
            x_ratelimit_limit_tokens=("-1", "nan", "1e99", "6000", "6000")[step],
            x_ratelimit_remaining_tokens=("5", "nan", "0", "999999", "-4")[step],
        )
        broker.tick()
    assert broker.in_flight == 0


def calls_in_flight_after(broker: Broker, desk: Desk, seconds: float, latency_s: float = 0.5) -> int:
    """Play a server without headers in virtual time; returns how many calls are in flight in the end."""
    out: list[tuple[float, Grant]] = []
    end_at = desk.now + seconds
    while desk.now < end_at:
        while isinstance(granted := broker.next([desk.candidate()]), Grant):
            out.append((desk.now + latency_s, granted))
        desk.now += 0.05
        for landed in [each for each in out if each[0] <= desk.now]:
            out.remove(landed)
            broker.answered(landed[1], Usage(400, 1), {}, latency_s)
        broker.tick()
    return len(out)


def test_a_server_of_ones_own_is_asked_with_256_calls_at_once_within_seconds(desk: Desk) -> None:
    """The own plan lifts caution; without it a public server that shows no limits is still tried out after 5 s."""
    careful = calls_in_flight_after(desk.broker(server="https://gpu.example/v1"), desk, 5.0)
    store = desk.store(server="https://lab.example/v1")
    for organization in {each.organization for each in store.statuses(MODEL, desk.now)}:
        store.set_own(organization)

    broker = desk.broker(server="https://lab.example/v1")
    assert calls_in_flight_after(broker, desk, 5.0) >= 256
    assert careful < 128
    assert broker.at_once == 256


def test_limits_stated_after_the_own_plan_take_its_place(desk: Desk) -> None:
    """And are found by a running worker; the own plan drops limits in turn."""
    store = desk.store("main@org_1=gsk_main_aaaa_0001")
    (organization,) = {each.organization for each in store.statuses(MODEL, desk.now)}
    store.set_limits(organization, MODEL, {Dimension.RPM: 30.0})
    store.set_own(organization)
    assert store.windows(MODEL, desk.now) == ()
    assert organization in store.own()
    broker = desk.broker("main@org_1=gsk_main_aaaa_0001")
    assert broker.at_once == 256
    store.set_limits(organization, MODEL, {Dimension.RPM: 30.0})
    desk.now += 3
    broker.tick()
    assert broker.at_once is None
    assert not store.own()


@pytest.mark.parametrize("error", TRANSIENT, ids=lambda error: type(error).__name__)
def test_an_error_that_passes_frees_the_place_of_its_call(desk: Desk, error: CallError) -> None:
    """It rests for a moment and counts against the email, while others may go out at once."""
    broker = desk.broker()
    granted = desk.grant(broker)
    consequence = broker.failed(granted, error, 0.5)
    assert (consequence.counts_against_email, consequence.retry_elsewhere) == (True, True)
    assert broker.in_flight == 0
    assert state(broker, granted.alias) is KeyState.READY
    assert isinstance(broker.next([desk.candidate()]), Grant)
