"""A worker's ledger and quota.db brought together: what is written, what is adopted, and what a failure leaves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from core.model import Dimension, KeySpend, KeyTrouble
from core.quota.db.database import QuotaDatabase
from core.quota.db.history import spend_of, troubles_of, write_spend
from core.quota.db.rows import bench_rows, forget_level, level_rows, write_bench, write_levels
from core.quota.db.sync import Counters, Doing, LedgerSync, _agreed
from core.quota.ledger.account import Account, Bench
from core.quota.ledger.bucket import Bucket
from core.quota.ledger.ledger import Ledger
from core.quota.ledger.levels import Level

NOW, ORG, MODEL = 1_790_000_000.0, "org_1", "m"
TPM = (ORG, MODEL, Dimension.TPM)
LEVEL = Level(6_000.0, 4_000.0, NOW, "429", NOW - 9)
ELSEWHERE = "http://localhost:11434/v1"


class Worker:
    """A worker's ledger and its bridge to the file."""

    def __init__(self, path: Path, name: str) -> None:
        self.database = QuotaDatabase(path)
        self.database.execute("PRAGMA synchronous = OFF")
        self.ledger = Ledger()
        self.sync = LedgerSync(self.database, self.ledger, MODEL, name)

    @property
    def account(self) -> Account:
        return self.ledger.account(ORG, MODEL)

    def share(self, now: float = NOW, doing: dict[str, Doing] | None = None, *, changed: bool = True) -> bool:
        return self.sync.sync(now, doing or {}, changed=changed)

    def stored(self) -> Level:
        return level_rows(self.database, MODEL)[TPM]


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[tuple[Worker, Worker]]:
    """Two workers that know of one window and have shared once."""
    with ExitStack() as stack:
        pair = Worker(tmp_path / "quota.db", "one"), Worker(tmp_path / "quota.db", "two")
        for worker in pair:
            stack.callback(worker.database.close)
        write_levels(pair[0].database, {TPM: LEVEL})
        for worker in pair:
            worker.share()
        yield pair


@pytest.fixture
def one(workers: tuple[Worker, Worker]) -> Worker:
    return workers[0]


# --- levels ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "unshared", "down", "up", "available"),
    [
        (700, 0, False, False, 600),
        (700, 50, False, False, 550),
        (700, -50, False, False, 650),
        (700, -500, False, False, 1_000),
        (700, 50, True, False, 550),
        (500, 50, True, False, 500),
        (700, 50, False, True, 700),
        (500, 50, False, True, 550),
        (700, 50, True, True, 700),
        (500, 50, True, True, 500),
    ],
)
def test_spending_is_taken_off_the_shared_level_and_corrections_are_laid_on_it(
    level: float, unshared: float, down: bool, up: bool, available: float
) -> None:
    """A correction down is an upper bound, one up a lower bound, both together the level; never above the limit."""
    bucket = Bucket(Dimension.TPM, Level(1_000, level, NOW, "429", NOW - 10))
    bucket.unshared, bucket.corrected_down, bucket.corrected_up = float(unshared), down, up
    theirs = Level(1_000, 600, NOW, "headers", NOW - 10)
    assert _agreed(theirs, bucket) == replace(theirs, available=available)


@pytest.mark.parametrize(
    ("learned", "mine", "theirs", "both", "agreed"),
    [
        (-10, 1_000, 2_000, False, Level(2_000, 550, NOW, "headers", NOW - 10)),
        (-11, 1_000, 2_000, False, Level(2_000, 550, NOW, "headers", NOW - 10)),
        (-9, 1_000, 2_000, False, Level(1_000, -450, NOW, "429", NOW - 9)),
        (-9, 3_000, 2_000, False, Level(3_000, 1_550, NOW, "429", NOW - 9)),
        (-11, 1_000, 2_000, True, Level(2_000, 1_700, NOW, "headers", NOW - 10)),
        (-11, 3_000, 2_000, True, Level(2_000, -300, NOW, "headers", NOW - 10)),
        (-9, 3_000, 2_000, True, Level(3_000, 700, NOW, "429", NOW - 9)),
    ],
)
def test_of_two_limits_the_one_that_was_learned_last_holds(
    learned: float, mine: float, theirs: float, both: bool, agreed: Level
) -> None:
    """Units that are used stay used under it; ``both`` corrections let this worker's level hold."""
    bucket = Bucket(Dimension.TPM, Level(mine, 700, NOW, "429", NOW + learned))
    bucket.unshared, bucket.corrected_down, bucket.corrected_up = 50.0, both, both
    assert _agreed(Level(theirs, 600, NOW, "headers", NOW - 10), bucket) == agreed


@pytest.mark.parametrize(
    ("theirs", "mine", "shared", "agreed"), [(2.0, 1.5, 0.5, 3.0), (2.0, 0.5, 1.5, 1.0), (0.25, 0.5, 1.5, 0.0)]
)
def test_changes_of_drift_and_caution_add_up(theirs: float, mine: float, shared: float, agreed: float) -> None:
    """What changed here since the last time is laid on what others hold; neither gets negative."""
    bucket = Bucket(Dimension.TPM, Level(1_000, 700, NOW, "429", NOW, drift=shared, caution=10 * shared))
    bucket.drift, bucket.caution = mine, 10 * mine
    found = _agreed(Level(1_000, 600, NOW, "429", NOW, drift=theirs, caution=10 * theirs), bucket)
    assert (found.drift, found.caution) == (agreed, 10 * agreed)


def test_the_moment_of_an_agreed_level_is_that_of_this_worker() -> None:
    """Where the stored one was brought to it."""
    bucket = Bucket(Dimension.TPM, Level(1_000, 700, NOW + 3, "429", NOW))
    assert _agreed(Level(1_000, 600, NOW, "429", NOW), bucket).as_of == NOW + 3


def test_a_level_that_nobody_else_changed_is_what_is_counted_here(one: Worker) -> None:
    """It is written where something was spent or learned, and stays as it is in the file where not."""
    one.share(NOW + 1)
    assert one.stored() == LEVEL
    assert one.account.buckets[Dimension.TPM].level == 4_100
    one.account.reserve(500.0, NOW + 1)
    one.share(NOW + 1)
    assert one.stored() == replace(LEVEL, available=3_600, as_of=NOW + 1)
    one.account.buckets[Dimension.TPM].learned_at = NOW + 1
    one.share(NOW + 1)
    assert one.stored().learned_at == NOW + 1
    for flag in ("corrected_down", "corrected_up"):
        setattr(one.account.buckets[Dimension.TPM], flag, True)
        one.share(NOW + 2)
        assert (one.stored().as_of, getattr(one.account.buckets[Dimension.TPM], flag)) == (NOW + 2, False)


def test_what_others_spend_is_reckoned_on_where_nobody_has_written(workers: tuple[Worker, Worker]) -> None:
    """Beside what refills; a level that another wrote refills as it says."""
    one, two = workers
    write_levels(one.database, {TPM: replace(LEVEL, drift=50.0)})
    one.share()
    one.account.reserve(10.0, NOW + 1)
    one.share(NOW + 1)
    assert one.account.buckets[Dimension.TPM].level == pytest.approx(4_040)
    two.account.reserve(20.0, NOW + 1)
    two.share(NOW + 1)
    one.share(NOW + 2)
    assert one.account.buckets[Dimension.TPM].level == pytest.approx(4_120)


def test_a_level_that_another_changed_is_agreed_on(workers: tuple[Worker, Worker]) -> None:
    """Brought to now first, and written where this worker spent as well."""
    one, two = workers
    one.account.reserve(500.0, NOW)
    two.account.reserve(700.0, NOW)
    for worker in (one, two, one):
        worker.share(NOW + 1)
    assert [worker.account.buckets[Dimension.TPM].level for worker in workers] == [2_900, 2_900]
    assert one.stored() == replace(LEVEL, available=2_900, as_of=NOW + 1)


@pytest.mark.parametrize(("taken", "yields"), [(0.0, True), (0.5, True), (0.75, False)])
def test_another_worker_has_had_its_turn_where_it_took_more_than_half_a_unit(
    workers: tuple[Worker, Worker], taken: float, yields: bool
) -> None:
    """A look alone ends nobody's yielding."""
    one, two = workers
    one.account.yields = two.account.yields = True
    two.account.reserve(taken, NOW)
    two.share()
    one.share()
    assert (one.account.yields, two.account.yields) == (yields, True)


def test_a_window_that_is_gone_from_the_file_is_unknown_again(workers: tuple[Worker, Worker]) -> None:
    """The operator made it unknown; one that was never shared is written instead."""
    one, two = workers
    two.account.buckets[Dimension.RPM] = Bucket(Dimension.RPM, Level(30, 7, NOW, "429", NOW))
    forget_level(one.database, *TPM)
    one.share()
    assert one.account.buckets == {}
    two.share()
    assert list(two.account.buckets) == [Dimension.RPM]
    assert list(level_rows(one.database, MODEL)) == [(ORG, MODEL, Dimension.RPM)]
    one.share()
    assert one.account.buckets[Dimension.RPM].kept() == Level(30, 7, NOW, "429", NOW)


def test_a_window_that_was_disproved_here_is_taken_out_of_the_file_once(workers: tuple[Worker, Worker]) -> None:
    """Where others learn it again, it is known again."""
    one, two = workers
    del one.account.buckets[Dimension.TPM]
    one.share()
    assert level_rows(one.database, MODEL) == {}
    write_levels(two.database, {TPM: LEVEL})
    one.share()
    assert (one.stored(), list(one.account.buckets)) == (LEVEL, [Dimension.TPM])


def test_a_level_of_an_organization_that_became_another_stays_in_the_file(workers: tuple[Worker, Worker]) -> None:
    """Its account is the other's here, other workers still ask under the old name."""
    one, _ = workers
    one.ledger.rename(ORG, "org_2", NOW)
    one.share()
    assert [key[0] for key in level_rows(one.database, MODEL)] == [ORG, "org_2"]


@pytest.mark.parametrize(("source", "at_once"), [("operator", 1.0), ("429", 9.0), ("headers", 9.0)])
def test_a_level_of_before_says_that_calls_were_let_through(one: Worker, source: str, at_once: float) -> None:
    """As of now; the operator's word alone does not say so."""
    write_levels(one.database, {("org_2", MODEL, Dimension.TPM): replace(LEVEL, source=source, as_of=NOW - 10)})
    one.share()
    account = one.ledger.account("org_2", MODEL)
    assert account.calls_at_once() == at_once
    assert account.buckets[Dimension.TPM].kept() == replace(LEVEL, source=source, available=5_000)


def test_accounts_of_another_model_are_not_shared(one: Worker) -> None:
    """Neither their levels nor their benches, nor do they make it write."""
    other = one.ledger.account(ORG, "another")
    other.buckets[Dimension.RPM] = Bucket(Dimension.RPM, Level(30, 7, NOW, "429", NOW))
    other.bench_until(NOW + 9, "RPM", "why", NOW)
    assert not one.share(changed=False)
    one.share()
    assert (list(level_rows(one.database, None)), bench_rows(one.database, "another")) == ([TPM], {})
    assert other.bench_changed


# --- benches ---------------------------------------------------------------------------------------------------------


def bench(until_s: float, since_s: float = -5.0, reason: str = "mine") -> Bench:
    return Bench(NOW + until_s, "TPD", reason, NOW + since_s)


@pytest.mark.parametrize(
    ("mine", "changed", "theirs", "expected"),
    [
        (None, False, None, None),
        (30, False, None, None),
        (30, True, None, (30, "mine")),
        (None, False, 60, (60, "theirs")),
        (None, True, 60, (60, "theirs")),
        (None, False, 0, None),
        (None, False, 0.5, (0.5, "theirs")),
        (30, True, 0, (30, "mine")),
        (30, True, 60, (60, "theirs")),
        (60, True, 60, (60, "theirs")),
        (61, True, 60, (61, "mine")),
        (61, False, 60, (60, "theirs")),
    ],
)
def test_the_longer_of_two_benches_holds_for_all(
    one: Worker, mine: float | None, changed: bool, theirs: float | None, expected: tuple[float, str] | None
) -> None:
    """One that is over is none, and one that was not changed here is as it is in the file: others may have ended it."""
    one.account.bench = None if mine is None else bench(mine)
    one.account.bench_changed = changed
    if theirs is not None:
        write_bench(one.database, ORG, MODEL, bench(theirs, reason="theirs"))
    one.share()
    found = one.account.bench
    assert (found and (found.until_at - NOW, found.reason)) == expected
    assert not one.account.bench_changed
    if expected is not None:
        assert bench_rows(one.database, MODEL) == {ORG: found}


@pytest.mark.parametrize(("since_s", "reason"), [(0.0, "theirs"), (0.5, "mine")])
def test_a_bench_that_was_written_in_the_future_does_not_hold(one: Worker, since_s: float, reason: str) -> None:
    """The clock went back since: this worker's newer one is written over it."""
    write_bench(one.database, ORG, MODEL, bench(900, since_s, "theirs"))
    one.account.bench, one.account.bench_changed = bench(30), True
    one.share()
    assert bench_rows(one.database, MODEL)[ORG].reason == reason


# --- what is written, and when -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("later_s", "shares"), [(0.0, False), (1.99, False), (2.0, True), (-0.01, True)])
def test_an_idle_worker_beats_every_two_seconds(one: Worker, later_s: float, shares: bool) -> None:
    """Also where the clock went back; a change by others makes it look at once."""
    assert one.share(NOW + later_s, changed=False) is shares
    assert one.share(NOW + later_s, changed=True)


def test_each_change_makes_a_worker_share_once(one: Worker) -> None:
    """Spending, a window or a bench that is new, counters, troubles and what it does with keys."""
    bucket = one.account.buckets[Dimension.TPM]
    changes = {
        "spent": lambda: bucket.take(1.0),
        "given back": lambda: bucket.take(-1.0),
        "down": lambda: setattr(bucket, "corrected_down", True),
        "up": lambda: setattr(bucket, "corrected_up", True),
        "window": lambda: one.account.learn(Dimension.RPM, Level(30, 30, NOW, "429", NOW)),
        "bench": lambda: one.account.bench_until(NOW + 9, "RPM", "why", NOW),
        "counters": lambda: one.sync.counter("a"),
        "trouble": lambda: one.sync.note_trouble("a", TROUBLE),
    }
    for name, change in changes.items():
        change()
        assert (one.share(changed=False), one.share(changed=False)) == (True, False), name
    for doing in ({"a": Doing(1)}, {"a": Doing(2)}, {"b": Doing(2)}, {}):
        assert (one.share(NOW, doing, changed=False), one.share(NOW, doing, changed=False)) == (True, False), doing


TROUBLE = KeyTrouble(NOW, ORG, MODEL, "rate_limited", 429, "TPM", 2.5, "slow down")


def test_a_worker_is_alone_until_it_has_looked(tmp_path: Path) -> None:
    """Before its first exchange nobody is its peer, and nothing was noted."""
    worker = Worker(tmp_path / "quota.db", "one")
    assert (worker.sync.peers, worker.sync.counters, worker.sync.recalled_estimate()) == (0, {}, "")
    worker.share()
    assert worker.sync.peers == 0
    worker.database.close()


def test_what_a_key_did_is_added_to_its_row_and_to_its_day_once(one: Worker) -> None:
    """Sums of calls, refusals and tokens, and the last use, which never goes back."""
    one.database.execute(
        "INSERT INTO key (fingerprint, alias, last4, source, first_seen_at) VALUES ('a', 'a', '', '', 1)"
    )
    assert Counters() == Counters(0, 0, 0, 0, 0.0)
    assert Doing(3) == Doing(3, "", 0.0)
    for n, used_at in enumerate((NOW, NOW - 5, NOW + 5)):
        counter = one.sync.counter("a")
        assert one.sync.counter("a") is counter
        counter.requests += 1 + n
        counter.errors_429 += 1
        counter.prompt_tokens += 30
        counter.completion_tokens += 4
        counter.last_used_at = used_at
        assert counter.tokens == 34
        one.share()
        one.share()
        row = one.database.execute("SELECT requests, errors_429, tokens, last_used_at FROM key")[0]
        assert row == ((1, 3, 6)[n], n + 1, 34 * (n + 1), (NOW, NOW, NOW + 5)[n])
    assert spend_of(one.database, "a") == (KeySpend("2026-09-21", MODEL, 6, 3, 90, 12),)


def test_the_newest_hundred_troubles_are_written_once(one: Worker) -> None:
    """A storm of refusals is cut to them before it is written."""
    for n in range(103):
        one.sync.note_trouble("a", replace(TROUBLE, at=float(n)))
    one.share()
    one.share()
    assert [each.at for each in troubles_of(one.database, "a")] == [float(n) for n in range(102, 2, -1)]


def test_what_a_worker_does_with_keys_is_its_rows(workers: tuple[Worker, Worker]) -> None:
    """Written over where it changes, and gone where it ends; the other's stay."""
    one, two = workers
    two.share(NOW, {"a": Doing(9)})
    for doing in ({"a": Doing(1)}, {"a": Doing(2), "b": Doing(0, "503", NOW + 4)}, {"b": Doing(1)}, {}):
        one.share(NOW, doing)
        rows = [("one", key, each.in_flight, each.trouble, each.probe_at) for key, each in doing.items()]
        assert one.database.execute("SELECT * FROM worker_key ORDER BY worker_id, fingerprint") == [
            *rows,
            ("two", "a", 9, "", 0.0),
        ]
    two.sync.leave()
    assert one.database.execute("SELECT count(*) FROM worker_key") == [(0,)]


def test_an_estimate_is_kept_while_none_is_given(one: Worker) -> None:
    """None is no other one."""
    for estimate, kept in (("", ""), ("1", "1"), ("", "1"), ("1", "1"), ("2", "2")):
        one.sync.sync(NOW, {}, estimate=estimate)
        assert one.sync.recalled_estimate() == kept
    one.database.execute("DELETE FROM estimate")
    one.sync.sync(NOW, {}, estimate="2")
    assert one.sync.recalled_estimate() == "", "it was written before"


def test_a_heartbeat_says_who_asks_what_since_when(one: Worker) -> None:
    """Process, model and server; the beginning stays, the beat is the last one."""
    one.share(NOW + 1)
    assert one.database.execute("SELECT * FROM worker WHERE id = 'one'")[0][3:5] == (NOW, NOW), "no beat is due"
    one.share(NOW + 3)
    row = ("one", os.getpid(), MODEL, NOW, NOW + 3, one.database.server)
    assert one.database.execute("SELECT * FROM worker WHERE id = 'one'") == [row]


@pytest.mark.parametrize(
    ("age_s", "model", "server", "peers"),
    [
        (0.0, MODEL, "", 1),
        (10.0, MODEL, "", 1),
        (10.5, MODEL, "", 0),
        (-10.0, MODEL, "", 1),
        (-10.5, MODEL, "", 0),
        (0.0, "another", "", 0),
        (0.0, MODEL, ELSEWHERE, 0),
    ],
)
def test_peers_live_and_ask_the_same_model_of_the_same_server(
    one: Worker, age_s: float, model: str, server: str, peers: int
) -> None:
    """A heartbeat within ten seconds counts, on either side of a clock."""
    now = NOW + 50
    values = (1, model, NOW, now - age_s, server or one.database.server)
    one.database.execute("UPDATE worker SET pid = ?, model = ?, started_at = ?, heartbeat_at = ?, server = ?", values)
    one.share(now)
    assert one.sync.peers == peers


def test_a_new_worker_clears_away_what_is_a_day_old(one: Worker, tmp_path: Path) -> None:
    """Silent workers with what they did, and days of spending that are a month old; it does so once."""
    day = 86_400.0

    def add(name: str, age_s: float) -> None:
        one.database.execute("INSERT INTO worker VALUES (?, 1, 'm', 1, ?, '')", (name, NOW - age_s))
        one.database.execute("INSERT INTO worker_key VALUES (?, 'a', 1, '', 0)", (name,))
        write_spend(one.database, [("a", KeySpend("2020-01-01", MODEL, 1, 1, 1, 1))])

    def names(table: str, column: str) -> list[str]:
        return [row[0] for row in one.database.execute(f"SELECT {column} FROM {table} ORDER BY 1")]

    for name, age_s in (("kept", day), ("old", day + 1)):
        add(name, age_s)
    three = Worker(tmp_path / "quota.db", "three")
    three.share()
    assert names("worker", "id") == ["kept", "one", "three", "two"]
    assert names("worker_key", "worker_id") == ["kept"]
    assert names("spend", "day") == []
    add("older", day + 2)
    three.share(NOW + 5)
    three.database.close()
    assert names("worker_key", "worker_id") == ["kept", "older"]
    assert names("spend", "day") == ["2020-01-01"]


# --- transactions ----------------------------------------------------------------------------------------------------


class _BrokenError(Exception):
    """What breaks a transaction in these tests."""


def broken(worker: Worker, spends: float = 0.0) -> None:
    with worker.sync.exclusive(NOW):
        worker.account.reserve(spends, NOW)
        raise _BrokenError


@pytest.mark.parametrize(("down", "up"), [(False, False), (True, False), (False, True)])
def test_what_a_broken_transaction_shared_is_shared_later(one: Worker, down: bool, up: bool) -> None:
    """Spending and corrections count once, and so does what was spent in it."""
    bucket = one.account.buckets[Dimension.TPM]
    one.account.reserve(900.0, NOW)
    one.share()
    one.account.reserve(500.0, NOW)
    bucket.corrected_down, bucket.corrected_up = down, up
    one.account.bench_until(NOW + 9, "RPM", "why", NOW)
    with pytest.raises(_BrokenError):
        broken(one, 100.0)
    assert (bucket.unshared, bucket.corrected_down, bucket.corrected_up) == (600.0, down, up)
    assert (one.account.bench_changed, bench_rows(one.database, MODEL), one.stored().available) == (True, {}, 3_100)
    assert one.share(changed=False)
    assert (one.stored().available, bench_rows(one.database, MODEL)) == (2_500, {ORG: one.account.bench})


def test_a_broken_transaction_marks_no_bench_that_was_unchanged(one: Worker) -> None:
    """Others' benches are not written as one's own."""
    with pytest.raises(_BrokenError):
        broken(one)
    assert not one.account.bench_changed


def test_a_window_that_a_broken_transaction_wrote_is_written_later(one: Worker) -> None:
    """It is not taken for one that somebody took out of the file."""
    one.account.learn(Dimension.RPM, Level(30, 30, NOW, "429", NOW))
    with pytest.raises(_BrokenError):
        broken(one)
    assert list(level_rows(one.database, MODEL)) == [TPM]
    one.share()
    assert [key[2] for key in level_rows(one.database, MODEL)] == [Dimension.RPM, Dimension.TPM]


def test_an_exclusive_decision_sees_what_others_spent_and_shows_what_it_spends(workers: tuple[Worker, Worker]) -> None:
    """Before and after, in one transaction."""
    one, two = workers
    two.account.reserve(1_000.0, NOW)
    two.share()
    with one.sync.exclusive(NOW):
        assert one.account.buckets[Dimension.TPM].level == 3_000
        one.account.reserve(400.0, NOW)
    assert one.stored().available == 2_600
