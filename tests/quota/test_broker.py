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
        return Candidate(self._emails, chars)

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


class Late(random.Random):
    """Random numbers at the upper end of what is asked for."""

    def uniform(self, a: float, b: float) -> float:
        return max(a, b)


def quota(limit: int, used: int, requested: int, wait: str, code: str = "TPM", **headers: str) -> CallError:
    words = Dimension(code).words
    return RateLimitedError(
        f"429: Rate limit reached for model `m` in organization `org_1` on {words} ({code}): Limit {limit}, Used {used}, "
        f"Requested {requested}. Please try again in {wait}.",
        status=429,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


ERRORS: dict[str, CallError] = {
    "429": RateLimitedError("429 slow down", status=429, said="slow down"),
    "429 0 s": RateLimitedError("429", status=429, headers={"retry-after": "0"}),
    "429 0.05 s": RateLimitedError("429", status=429, headers={"retry-after": "0.05"}),
    "429 10 s": RateLimitedError("429", status=429, headers={"retry-after": "10"}),
    "429 2 days": RateLimitedError("429", status=429, headers={"retry-after": "172800"}),
    "TPM 3 s": quota(6_000, 5_700, 600, "3s"),
    "TPM 3 s, header 40 s": quota(6_000, 5_700, 600, "3s", retry_after="40"),
    "TPM 90 s": quota(6_000, 5_700, 600, "90s"),
    "RPD 2 h": quota(1_000, 1_000, 1, "2h0m0s", "RPD"),
    "TPM too large": quota(6_000, 0, 6_001, "1s"),
    "TPM just not too large": quota(6_000, 0, 6_000, "1s"),
    "413": TooLargeError("413: too large", status=413),
    "413 limit 600": TooLargeError("413: on tokens per minute (TPM): Limit 600, Requested 700.", status=413),
    "413 limit 500": TooLargeError("413: on tokens per minute (TPM): Limit 500, Requested 700.", status=413),
    "500": ServerFailedError("500 broken", status=500),
    "503 30 s": ServerFailedError("503", status=503, headers={"retry-after": "30"}, said="busy"),
    "503 1 h": ServerFailedError("503", status=503, headers={"retry-after": "3600"}),
    "503 0.04 s": ServerFailedError("503", status=503, headers={"retry-after": "0.04"}),
    "503 0.05 s": ServerFailedError("503", status=503, headers={"retry-after": "0.05"}),
    "498": CapacityError("498 full", status=498),
    "time-out": CallTimeoutError("no answer"),
    "broken": ConnectionFailedError("reset"),
    "401": KeyRefusedError("401 who", status=401),
    "restricted": OrganizationRestrictedError("400 restricted", status=400),
    "400": RequestRefusedError("400 no", status=400),
    "404": ModelGoneError("404 gone", status=404),
}


class Course:
    """A broker with one key, and calls of it that are told in lines: the moment, what becomes of which email, and how."""

    def __init__(self, desk: Desk, *, tier: str = "", keys: str = "main@org_1=gsk_main_aaaa_0001") -> None:
        self.desk, self.begins, self.grants = desk, desk.now, dict[str, Grant]()
        self.broker = Broker(
            desk.store(keys), MODEL, clock=lambda: desk.now, rng=Late(1), max_completion_tokens=100, tier=tier
        )

    def told(self, line: str) -> str:
        """Do what a line says and return what follows, with notices."""
        at, verb, email, *words = line.split(maxsplit=3)
        self.desk.now = self.begins + float(at)
        said = getattr(self, verb)(email, *words)
        notices = [*self.broker._notices]
        self.broker._notices.clear()
        return " | ".join([said, *notices])

    def asks(self, email: str, chars: str = "2000") -> str:
        found = self.broker.next([Candidate(int(email), int(chars))])
        if isinstance(found, Grant):
            self.grants[email] = found
            return f"asked with {found.alias}, {self.broker.in_flight} out"
        if isinstance(found, Wait):
            return f"{'' if found.until_at is None else f'{found.until_at - self.desk.now:.3f} s '}{found.reason}"
        return f"{type(found).__name__}: {found.reason}"

    def answers(self, email: str, prompt: str = "600") -> str:
        self.broker.answered(self.grants.pop(email), Usage(int(prompt), 20), {}, 1.0)
        return f"{self.broker.in_flight} out"

    def fails(self, email: str, error: str, latency_s: float = 1.0) -> str:
        told = self.broker.failed(self.grants.pop(email), ERRORS[error], latency_s)
        marks = [name for name in ("counts_against_email", "retry_elsewhere", "key_out", "full") if getattr(told, name)]
        wait = [] if told.wait_s is None else [f"{told.limit} {told.wait_s:.3f} s".strip()]
        return ", ".join([told.message, *wait, *marks])

    def fails_at_once(self, email: str, error: str) -> str:
        return self.fails(email, error, 0.49)

    def fails_with_a_spare_key(self, email: str, error: str) -> str:
        told = self.broker.failed(self.grants.pop(email), ERRORS[error], 1.0, spare_key=True)
        return (
            f"{told.message}, counts {told.counts_against_email}, elsewhere {told.retry_elsewhere}, out {told.key_out}"
        )

    def levels(self, _email: str) -> str:
        return " ".join(f"{each.dimension} {each.available:.0f}" for each in self.broker.windows())

    def key(self, _email: str) -> str:
        (key,) = self.broker.statuses()
        return f"{key.state} {key.cooldown_s:.3f} s {key.reason}".strip()


@pytest.mark.parametrize(
    ("course", "waits"),
    [
        ("rrrrrrrrr", "1 2 4 8 16 32 60 60 60"),
        ("rrrr a rrrrrrrr aa rrr a rrrrrr aaa rrrrr", "1 2 4 8 | 1 2 4 4 4 8 8 8 | 1 2 4 | 1 2 2 2 4 4 | 1 2 4 8 16"),
        ("rr a rr a rrrrr", "1 2 | 1 1 | 0.5 0.5 0.5 1 1"),
        ("rrr a rr a r a r a r a rr", "1 2 4 | 1 2 | 1 | 0.5 | 0.5 | 0.5 0.5"),
    ],
)
def test_untold_waits_after_each_refusal(desk: Desk, course: str, waits: str) -> None:
    """They double; an answer or two halve the longest, three in vain double it, three answers bring the usual one back."""
    calls, found, number = Course(desk), [], 0
    for fates in course.split():
        told = []
        for fate in fates:
            calls.told(f"{number} asks 1")
            number += 100
            if fate == "a":
                calls.answers("1")
            else:
                told.append(calls.broker.failed(calls.grants.pop("1"), ERRORS["429"], 1.0).wait_s or 0.0)
        found += [" ".join(f"{wait_s / 1.2:g}" for wait_s in told)] if told else []
    assert " | ".join(found) == waits


COURSES: dict[str, list[tuple[str, str]]] = {
    "waits that are not told": [
        ("0 asks 1", "asked with main, 1 out"),
        ("0 fails 1 429", "org_1 is out of a limit that it did not name (“slow down”): it waits 00:01, 1.200 s, retry_elsewhere"),
        ("0 asks 2", "1.224 s org_1 waits for a limit that it did not name (“slow down”)"),
        ("1.2 asks 2", "asked with main, 1 out"),
        ("2 fails 2 429", "org_1 is out of a limit that it did not name (“slow down”): it waits 00:02, 2.400 s, retry_elsewhere"),
        ("4.5 asks 3", "asked with main, 1 out"),
        ("5 fails 3 429", "org_1 is out of a limit that it did not name (“slow down”): it waits 00:05, 4.800 s, retry_elsewhere"),
        ("9.9 asks 4", "asked with main, 1 out"),
        ("10 fails 4 429", "org_1 is out of a limit that it did not name (“slow down”): it waits 00:10, 9.600 s, retry_elsewhere | org_1 waits 00:10 for a limit that it did not name (“slow down”)"),
    ],
    "refusals of one crowd": [
        ("0 asks 1", "asked with main, 1 out"),
        ("0 answers 1", "0 out"),
        ("0 asks 2", "asked with main, 1 out"),
        ("0 fails 2 RPD 2 h", "org_1 is out of requests per day: it waits 2:00:00, RPD 7200.000 s, retry_elsewhere | main belongs to org_1 | org_1 waits 2:00:00 for requests per day"),
        ("7561 asks 2", "asked with main, 1 out"),
        ("7561 answers 2", "0 out"),
        ("7562 asks 3", "asked with main, 1 out"),
        ("7562 asks 4", "asked with main, 2 out"),
        ("7562 answers 3", "1 out"),
        ("7562 asks 5", "asked with main, 2 out"),
        ("7563 fails 4 429", "org_1 is out of a limit that it did not name (“slow down”): it waits 00:01, 1.200 s, retry_elsewhere"),
        ("7563 fails 5 429", "org_1 is out of a limit that it did not name (“slow down”): it waits 00:01, 1.200 s, retry_elsewhere"),
        ("7570 asks 7", "asked with main, 1 out"),
        ("7570 fails 7 429", "org_1 is out of a limit that it did not name (“slow down”): it waits 00:02, 2.400 s, retry_elsewhere"),
    ],
    "waits that are told": [
        ("0 asks 1", "asked with main, 1 out"),
        ("0 fails 1 429 0 s", "org_1 is out of a limit that it did not name: it waits 00:00, 0.000 s, retry_elsewhere"),
        ("0 asks 1", "asked with main, 1 out"),
        ("0 fails 1 429 0 s", "org_1 is out of a limit that it did not name: it waits 00:02, 2.400 s, retry_elsewhere"),
        ("0 asks 1", "2.448 s org_1 waits for a limit that it did not name"),
        ("3 asks 1", "asked with main, 1 out"),
        ("3 fails 1 429 0.05 s", "org_1 is out of a limit that it did not name: it waits 00:00, 0.200 s, retry_elsewhere"),
        ("4 asks 1", "asked with main, 1 out"),
        ("4 answers 1", "0 out"),
        ("4 asks 1", "asked with main, 1 out"),
        ("4 fails 1 429 0.05 s", "org_1 is out of a limit that it did not name: it waits 00:00, 0.050 s, retry_elsewhere"),
        ("5 asks 1", "asked with main, 1 out"),
        ("5 fails 1 429 10 s", "org_1 is out of a limit that it did not name: it waits 00:20, 20.000 s, retry_elsewhere | org_1 waits 00:20 for a limit that it did not name"),
        ("24 asks 1", "1.020 s org_1 waits for a limit that it did not name"),
        ("25 asks 1", "asked with main, 1 out"),
        ("25 fails 1 429 10 s", "org_1 is out of a limit that it did not name: it waits 00:40, 40.000 s, retry_elsewhere | org_1 waits 00:40 for a limit that it did not name"),
        ("66 asks 1", "asked with main, 1 out"),
        ("66 fails 1 429 10 s", "org_1 is out of a limit that it did not name: it waits 01:20, 80.000 s, retry_elsewhere | org_1 waits 01:20 for a limit that it did not name"),
        ("150 asks 1", "asked with main, 1 out"),
        ("150 fails 1 429 10 s", "org_1 is out of a limit that it did not name: it waits 01:20, 80.000 s, retry_elsewhere | org_1 waits 01:20 for a limit that it did not name"),
        ("240 asks 1", "asked with main, 1 out"),
        ("240 fails 1 429 2 days", "org_1 is out of a limit that it did not name: it waits 24:00:00, 86400.000 s, retry_elsewhere | org_1 waits 24:00:00 for a limit that it did not name"),
        ("100000 key -", "ready 0.000 s"),
    ],
    "waits of a window": [
        ("0 asks 1", "asked with main, 1 out"),
        ("0 fails 1 TPM 3 s", "org_1 is out of tokens per minute: it waits 00:03, TPM 3.000 s, retry_elsewhere | main belongs to org_1"),
        ("0 key -", "cooling 3.000 s waits for tokens per minute"),
        ("2 asks 1", "9.537 s org_1 waits for tokens per minute"),
        ("20 asks 1", "asked with main, 1 out"),
        ("20 fails 1 TPM 3 s, header 40 s", "org_1 is out of tokens per minute: it waits 01:03, TPM 63.000 s, retry_elsewhere | org_1 waits 01:03 for tokens per minute"),
        ("120 asks 1", "asked with main, 1 out"),
        ("121 answers 1", "0 out"),
        ("121 asks 1", "asked with main, 1 out"),
        ("121 fails 1 TPM 90 s", "org_1 is out of tokens per minute: it waits 01:03, TPM 63.000 s, retry_elsewhere | org_1 waits 01:03 for tokens per minute"),
        ("121 key -", "cooling 63.000 s waits for tokens per minute"),
        ("200 asks 1", "asked with main, 1 out"),
        ("200 answers 1", "0 out"),
        ("200 asks 1", "asked with main, 1 out"),
        ("200 fails 1 RPD 2 h", "org_1 is out of requests per day: it waits 2:00:00, RPD 7200.000 s, retry_elsewhere | org_1 waits 2:00:00 for requests per day"),
        ("200 key -", "benched 7200.000 s waits for requests per day"),
    ],
    "too large": [
        ("0 asks 1", "asked with main, 1 out"),
        ("1 fails 1 TPM too large", "this text is larger than org_1 takes at once (429: Rate limit reached for model `m` in organization `org_1` on tokens per minute (TPM): Limit 6000, Used 0, Requested 6001. Please try again in 1s.), counts_against_email | main belongs to org_1"),
        ("1 asks 1", "Never: about 750 tokens are more than any organization's quota takes at once"),
        ("1 asks 2", "asked with main, 1 out"),
        ("1 fails 2 TPM just not too large", "org_1 is out of tokens per minute: it waits 00:01, TPM 1.000 s, retry_elsewhere"),
        ("70 asks 3", "asked with main, 1 out"),
        ("71 fails 3 413", "this text is larger than org_1 takes at once (413: too large), counts_against_email"),
        ("71 asks 4", "asked with main, 1 out"),
        ("72 answers 4", "0 out"),
        ("72 levels -", "TPM 5480"),
    ],
    "a limit that a larger call passed": [
        ("0 asks 1", "asked with main, 1 out"),
        ("1 answers 1 612", "0 out"),
        ("1 asks 2", "asked with main, 1 out"),
        ("1 fails 2 413 limit 600", "org_1 told a limit that larger calls passed (413: on tokens per minute (TPM): Limit 600, Requested 700.): asked once more, retry_elsewhere"),
        ("1 asks 2", "asked with main, 1 out"),
        ("1 fails 2 413 limit 500", "this text is larger than org_1 takes at once (413: on tokens per minute (TPM): Limit 500, Requested 700.), counts_against_email"),
        ("1 asks 2", "Never: about 713 tokens are more than any organization's quota takes at once"),
        ("1 asks 3", "asked with main, 1 out"),
        ("1 answers 3 612", "0 out"),
        ("1 asks 4", "asked with main, 1 out"),
        ("1 fails 4 413 limit 500", "org_1 told a limit that larger calls passed (413: on tokens per minute (TPM): Limit 500, Requested 700.): asked once more, retry_elsewhere"),
        ("1 asks 4", "asked with main, 1 out"),
        ("1 answers 4", "0 out"),
        ("1 asks 5", "asked with main, 1 out"),
        ("1 fails 5 413", "this text is larger than org_1 takes at once (413: too large), counts_against_email"),
    ],
    "errors and rests of an email": [
        ("0 asks 1", "asked with main, 1 out"),
        ("1 fails 1 500", "500 broken, counts_against_email, retry_elsewhere"),
        ("1.7 asks 1", "0.050 s everything in the queue rests after an error"),
        ("1.75 asks 1", "asked with main, 1 out"),
        ("2 fails 1 500", "500 broken, counts_against_email, retry_elsewhere"),
        ("3.4 asks 1", "0.100 s everything in the queue rests after an error"),
        ("3.5 asks 1", "asked with main, 1 out"),
        ("4 fails 1 500", "500 broken, counts_against_email, retry_elsewhere"),
        ("6.9 asks 1", "0.100 s everything in the queue rests after an error"),
        ("7 asks 1", "asked with main, 1 out"),
        ("8 answers 1", "0 out"),
        ("8 asks 1", "asked with main, 1 out"),
        ("9 fails 1 500", "500 broken, counts_against_email, retry_elsewhere"),
        ("9.7 asks 1", "0.050 s everything in the queue rests after an error"),
        ("9.8 asks 1", "asked with main, 1 out"),
        ("10 fails 1 500", "500 broken, counts_against_email, retry_elsewhere"),
        ("12 asks 1", "asked with main, 1 out"),
        ("12 fails 1 500", "500 broken, counts_against_email, retry_elsewhere"),
        ("16 asks 1", "asked with main, 1 out"),
        ("16 fails 1 500", "500 broken, counts_against_email, retry_elsewhere"),
        ("30 asks 1", "asked with main, 1 out"),
        ("30 fails 1 500", "500 broken, counts_against_email, retry_elsewhere"),
        ("50 asks 1", "asked with main, 1 out"),
        ("50 fails 1 500", "500 broken, counts_against_email, retry_elsewhere"),
        ("80 asks 1", "asked with main, 1 out"),
        ("80 fails 1 500", "500 broken, counts_against_email, retry_elsewhere"),
        ("150 asks 1", "asked with main, 1 out"),
        ("150 fails 1 500", "500 broken, counts_against_email, retry_elsewhere"),
        ("239 asks 1", "1.000 s everything in the queue rests after an error"),
        ("240 asks 1", "asked with main, 1 out"),
        ("0 asks 1", "asked with main, 2 out"),
    ],
    "an outage": [
        ("0 asks 1", "asked with main, 1 out"),
        ("0 answers 1", "0 out"),
        ("0 asks 1", "asked with main, 1 out"),
        ("1 fails 1 500", "500 broken, counts_against_email, retry_elsewhere"),
        ("1 asks 2", "asked with main, 1 out"),
        ("2 fails 2 broken", "reset, counts_against_email, retry_elsewhere"),
        ("2 asks 3", "asked with main, 1 out"),
        ("3 fails 3 time-out", "no answer, retry_elsewhere | org_1 fails again and again (no answer): it is tried again, one call at a time"),
        ("3 key -", "benched 1.200 s tried again after errors: no answer"),
        ("3 asks 4", "1.224 s org_1 is tried again after errors: no answer"),
        ("4.1 asks 4", "0.102 s org_1 is tried again after errors: no answer"),
        ("4.2 asks 4", "asked with main, 1 out"),
        ("4.2 asks 5", "org_1 is tried again after errors: no answer"),
        ("5 fails 4 498", "498 full, retry_elsewhere"),
        ("7.3 asks 5", "0.102 s org_1 is tried again after errors: 498 full"),
        ("7.4 asks 5", "asked with main, 1 out"),
        ("8 fails 5 429", "org_1 is out of a limit that it did not name (“slow down”): it waits 00:01, 1.200 s, retry_elsewhere | org_1 answers again"),
        ("8 asks 6", "1.224 s org_1 waits for a limit that it did not name (“slow down”)"),
        ("60 asks 6", "asked with main, 1 out"),
        ("60 fails 6 500", "500 broken, counts_against_email, retry_elsewhere"),
        ("62 asks 7", "asked with main, 1 out"),
        ("62 fails 7 503 30 s", "503, counts_against_email, retry_elsewhere"),
        ("62 asks 8", "30.250 s org_1 waits as the server stated, after an error (“busy”)"),
        ("92 asks 8", "asked with main, 1 out"),
        ("92 answers 8", "0 out"),
        ("92 key -", "ready 0.000 s"),
    ],
    "waits of an overloaded server": [
        ("0 asks 1", "asked with main, 1 out"),
        ("0 fails 1 503 0.04 s", "503, counts_against_email, retry_elsewhere"),
        ("0 asks 2", "asked with main, 1 out"),
        ("0 answers 2", "0 out"),
        ("0 asks 3", "asked with main, 1 out"),
        ("0 fails 3 503 0.05 s", "503, counts_against_email, retry_elsewhere"),
        ("0 asks 4", "0.051 s org_1 waits as the server stated, after an error"),
        ("1 asks 4", "asked with main, 1 out"),
        ("1 answers 4", "0 out"),
        ("1 asks 5", "asked with main, 1 out"),
        ("1 fails 5 503 1 h", "503, counts_against_email, retry_elsewhere"),
        ("2 asks 6", "599.250 s org_1 waits as the server stated, after an error"),
        ("2 key -", "cooling 599.000 s waits as the server stated, after an error"),
    ],
    "what the server has counted": [
        ("0 asks 1", "asked with main, 1 out"),
        ("0 answers 1", "0 out"),
        ("0 asks 2", "asked with main, 1 out"),
        ("0 fails 2 TPM 3 s", "org_1 is out of tokens per minute: it waits 00:03, TPM 3.000 s, retry_elsewhere | main belongs to org_1"),
        ("60 asks 1", "asked with main, 1 out"),
        ("60 answers 1", "0 out"),
        ("60 levels -", "TPM 5380"),
        ("60 asks 1", "asked with main, 1 out"),
        ("60 fails 1 time-out", "no answer, counts_against_email, retry_elsewhere"),
        ("60 levels -", "TPM 4741"),
        ("70 asks 2", "asked with main, 1 out"),
        ("70 fails 2 500", "500 broken, counts_against_email, retry_elsewhere"),
        ("70 levels -", "TPM 5741"),
        ("70 asks 3", "asked with main, 1 out"),
        ("70 answers 3", "0 out"),
        ("70 asks 3", "asked with main, 1 out"),
        ("70 fails 3 broken", "reset, counts_against_email, retry_elsewhere"),
        ("70 levels -", "TPM 4486"),
        ("71 asks 4", "asked with main, 1 out"),
        ("71 answers 4", "0 out"),
        ("71 asks 4", "asked with main, 1 out"),
        ("71 levels -", "TPM 3266"),
        ("71 fails_at_once 4 broken", "reset, counts_against_email, retry_elsewhere"),
        ("71 levels -", "TPM 3966"),
        ("72 asks 5", "asked with main, 1 out"),
        ("72 fails 5 broken", "reset, counts_against_email, retry_elsewhere"),
        ("72 levels -", "TPM 4066"),
        ("73 asks 6", "asked with main, 1 out"),
        ("73 answers 6", "0 out"),
        ("74 asks 7", "asked with main, 1 out"),
        ("74 fails 7 400", "400 no, counts_against_email"),
        ("74 levels -", "TPM 3646"),
        ("75 asks 8", "asked with main, 1 out"),
        ("75 fails 8 404", "404 gone"),
        ("75 levels -", "TPM 3746"),
    ],
    "keys": [
        ("0 asks 1", "asked with main, 1 out"),
        ("0 fails_with_a_spare_key 1 401", "401 who, counts True, elsewhere True, out False"),
        ("0 asks 1", "asked with main, 1 out"),
        ("0 fails 1 401", "main is out: the server refuses it. It was revoked or mistyped; add another or mend it, key_out | main is out: refused by the server (401 who)"),
        ("0 asks 1", "NoKeys: no key can be used (main …0001: refused by the server (401 who)): enable one, or add another"),
        ("0 key -", "invalid 0.000 s refused by the server (401 who)"),
    ],
    "organizations": [
        ("0 asks 1", "asked with main, 1 out"),
        ("0 fails 1 restricted", "org_1 is restricted: every key of it is out. Write to the provider's support, key_out | main is out: its organization is restricted (400 restricted)"),
        ("0 asks 1", "NoKeys: no key can be used (main …0001: its organization is restricted (400 restricted)): enable one, or add another"),
        ("0 key -", "invalid 0.000 s its organization is restricted (400 restricted)"),
    ],
    "flex is full": [
        ("0 asks 1", "asked with main, 1 out"),
        ("0 fails 1 498", "498 full, retry_elsewhere, full"),
        ("0 asks 1", "asked with main, 1 out"),
        ("0 fails 1 498", "498 full, retry_elsewhere, full"),
        ("0 asks 2", "asked with main, 1 out"),
        ("0 fails 2 498", "498 full, retry_elsewhere, full"),
        ("0 asks 3", "asked with main, 1 out"),
        ("0 fails 3 498", "498 full, retry_elsewhere, full"),
        ("0 asks 4", "asked with main, 1 out"),
        ("0 fails 4 500", "500 broken, counts_against_email, retry_elsewhere"),
        ("0 asks 4", "0.750 s everything in the queue rests after an error"),
        ("0 key -", "ready 0.000 s"),
    ],
}  # fmt: skip
"""By name: what happens, and what follows."""


@pytest.mark.parametrize("name", COURSES)
def test_what_follows_from_each_failure(desk: Desk, name: str) -> None:
    """Message, wait and marks of each consequence with its notices, and what may be asked at which moment."""
    course = Course(desk, tier="flex" if name.startswith("flex") else "")
    found = [(line, course.told(line)) for line, _ in COURSES[name]]
    assert found == COURSES[name]


def test_keys_that_another_worker_found_to_be_of_one_organization_share_its_account(desk: Desk) -> None:
    """With what each has in flight, and what is known of either quota; one that is alone takes its account along."""
    broker = desk.broker()
    granted = desk.grant(broker)
    other = desk.store()
    for alias in ("main", "spare"):
        other.learn_organization(alias, "org_x")
    desk.now += 1
    broker.tick()
    names = {slot.alias: slot.organization for slot in broker._pool.slots.values()}
    assert (names["main"], names["spare"]) == ("org_x", "org_x")
    org = broker._pool.orgs["org_x"]
    assert sorted(slot.alias for slot in org.slots) == ["main", "spare"]
    assert org.account is broker._ledger.account("org_x", MODEL)
    assert org.account.calls_in_flight == (granted.alias in ("main", "spare"))
    assert len(broker._pool.orgs) == 2
