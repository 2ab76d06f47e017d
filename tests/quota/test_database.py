"""quota.db: one file for many processes, clear errors, and levels that several workers share."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from core.errors import QuotaFileError
from core.model import Dimension
from core.quota.db.database import SCHEMA_VERSION, QuotaDatabase
from core.quota.db.rows import (
    Bench,
    bench_rows,
    key_records,
    level_rows,
    merge_organizations,
    models_known,
    refuse_setting,
    refused_settings,
    write_bench,
    write_levels,
)
from core.quota.db.schema import _KEY_OF_FORMAT_5, UPGRADES
from core.quota.db.sync import Doing, LedgerSync
from core.quota.ledger.ledger import Ledger
from core.quota.ledger.levels import Level
from core.quota.ledger.replies import Reading

NOW = 1_790_000_000.0
ORG, MODEL = "org_1", "m"


def test_a_damaged_file_is_named_with_a_remedy(tmp_path: Path) -> None:
    """The message says which file, that it is damaged, and what to do."""
    path = tmp_path / "quota.db"
    path.write_bytes(b"this is no database, whatever its name says" * 100)
    with pytest.raises(QuotaFileError, match="damaged: move it away") as caught:
        QuotaDatabase(path)
    assert str(path) in str(caught.value)


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    """An older labeltui does not write into what it does not know."""
    QuotaDatabase(tmp_path / "quota.db").close()
    connection = sqlite3.connect(tmp_path / "quota.db")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(QuotaFileError, match="newer labeltui"):
        QuotaDatabase(tmp_path / "quota.db")


def test_a_locked_file_is_distinguished_from_a_damaged_one(tmp_path: Path) -> None:
    """While another process writes, the message says to try again."""
    with QuotaDatabase(tmp_path / "quota.db") as one, QuotaDatabase(tmp_path / "quota.db") as other:
        with one.writing(), other.patience(1), pytest.raises(QuotaFileError, match="another process holds it"):
            other.execute("BEGIN IMMEDIATE")
        with other.writing():
            pass


def test_a_place_that_cannot_hold_a_file_is_named(tmp_path: Path) -> None:
    """A folder in the way, or a file where the folder should be."""
    (tmp_path / "quota.db").mkdir()
    with pytest.raises(QuotaFileError, match="check that"):
        QuotaDatabase(tmp_path / "quota.db")
    (tmp_path / "file").write_text("")
    with pytest.raises(QuotaFileError, match="cannot be made"):
        QuotaDatabase(tmp_path / "file" / "quota.db")


@pytest.mark.usefixtures("no_superuser")
def test_a_read_only_file_can_be_read_but_says_so_when_written(tmp_path: Path) -> None:
    """Status works; a write names owner and permissions."""
    path = tmp_path / "quota.db"
    QuotaDatabase(path).close()
    path.chmod(0o400)
    with QuotaDatabase(path) as database:
        assert database.salt
        with pytest.raises(QuotaFileError, match="may not write"), database.writing():
            database.execute("DELETE FROM level")


def test_an_older_file_is_brought_up(tmp_path: Path) -> None:
    """Keys are kept; levels are learned anew."""
    path = tmp_path / "quota.db"
    with QuotaDatabase(path) as database, database.writing():
        _make_older(database)
        database.execute("ALTER TABLE key DROP COLUMN organization_source")
        database.execute("ALTER TABLE key DROP COLUMN pinned")
        for table in ("trouble", "spend"):
            database.execute(f"DROP TABLE {table}")
        database.execute(
            "INSERT INTO key (fingerprint, alias, last4, source, first_seen_at) VALUES ('f', 'a', 'x', 's', 1)"
        )
        database.execute("PRAGMA user_version = 1")
    with QuotaDatabase(path) as database:
        assert database.execute("SELECT alias, stated, pinned FROM key") == [("a", "", 0)]
        assert (
            database.execute("SELECT count(*) FROM trouble") == database.execute("SELECT count(*) FROM spend") == [(0,)]
        )


def test_what_an_older_file_knew_of_no_server_is_carried_over(tmp_path: Path) -> None:
    """Limits count as Groq's alone; a refused key stays out on every server, since nobody knows which one it was."""
    path, elsewhere = tmp_path / "quota.db", "http://localhost:11434/v1"
    with QuotaDatabase(path) as database, database.writing():
        _make_older(database)
        database.execute(
            "INSERT INTO key (fingerprint, alias, last4, source, first_seen_at, tokens, invalid_reason, invalid_since) "
            "VALUES ('f', 'a', 'x', 's', 1, 77, 'refused', 5)"
        )
        database.execute(
            "INSERT INTO level VALUES ('org_1', 'm', 'RPM', 30, 30, ?, 'operator', ?, 1, 0, 0)", (NOW, NOW)
        )
        database.execute("INSERT INTO bench VALUES ('org_1', 'm', ?, 'TPD', 'why', ?)", (NOW + 60, NOW))
    with QuotaDatabase(path) as database, QuotaDatabase(path, server=elsewhere) as other:
        assert [(*key[:2], key[2].value, level.limit) for key, level in level_rows(database, "m").items()] == [
            ("org_1", "m", "RPM", 30.0)
        ]
        assert bench_rows(database, "m")["org_1"].until_at == NOW + 60
        assert not level_rows(other, "m")
        assert not bench_rows(other, "m")
        for each in (database, other):
            record = key_records(each)["f"]
            assert (record.alias, record.tokens, record.invalid_reason, record.invalid_since) == ("a", 77, "refused", 5)


def test_what_replies_named_becomes_the_word_of_their_server(tmp_path: Path) -> None:
    """A reply's organization stays Groq's alone; the operator's becomes a name, and its limits go over to each key."""
    path = tmp_path / "quota.db"
    with QuotaDatabase(path) as database, database.writing():
        for statement in ("DROP TABLE key", "DROP TABLE named", _KEY_OF_FORMAT_5, "PRAGMA user_version = 5"):
            database.execute(statement)
        for alias, organization, source in (("a", "org_1", "reply"), ("b", "ours", "operator"), ("c", "ours", "s")):
            database.execute(
                "INSERT INTO key (fingerprint, alias, last4, source, first_seen_at, organization, organization_source) "
                "VALUES (?, ?, 'x', 's', 1, ?, ?)",
                (alias, alias, organization, source),
            )
        write_levels(database, {("ours", "m", Dimension.RPM): Level(30, 30, NOW, "operator", NOW)})
    with QuotaDatabase(path) as database, QuotaDatabase(path, server="http://localhost:11434/v1") as other:
        assert {each.alias: each.label for each in key_records(database).values()} == {
            "a": "org_1",
            "b": "ours",
            "c": "ours",
        }
        assert {each.alias: each.account for each in key_records(database).values()} == {
            "a": "org_1",
            "b": "(b)",
            "c": "(c)",
        }
        assert key_records(other)["a"].label == "(a)"
        assert {key[0] for key in level_rows(database, "m")} >= {"(b)", "(c)"}


def _make_older(database: QuotaDatabase) -> None:
    """The tables as they were before format 5, as far as they differ."""
    level = "organization, model, dimension, limit_units, available, as_of, source, learned_at, speed, drift, caution"
    bench = "organization, model, until_at, limit_name, reason, since_at"
    for statement in (
        "DROP TABLE key",
        "DROP TABLE named",
        _KEY_OF_FORMAT_5,
        "ALTER TABLE key ADD COLUMN invalid_reason TEXT",
        "ALTER TABLE key ADD COLUMN invalid_since REAL",
        "DROP TABLE refusal",
        "DROP TABLE level",
        f"CREATE TABLE level ({level}, PRIMARY KEY (organization, model, dimension))",
        "DROP TABLE bench",
        f"CREATE TABLE bench ({bench}, PRIMARY KEY (organization, model))",
        "PRAGMA user_version = 4",
    ):
        database.execute(statement)


def test_a_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    """What was written before the failure is taken back."""
    with QuotaDatabase(tmp_path / "quota.db") as database:
        twice = ("INSERT INTO estimate VALUES ('m', '{}')",) * 2
        with pytest.raises(QuotaFileError), database.writing():
            any(database.execute(statement) for statement in twice)
        assert database.execute("SELECT count(*) FROM estimate") == [(0,)]


def test_opening_the_file_again_keeps_the_locks_of_a_transaction(tmp_path: Path) -> None:
    """A second connection of a process does not let others write into a transaction of the first."""
    path = tmp_path / "quota.db"
    other = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('BEGIN IMMEDIATE')"
    with QuotaDatabase(path) as database, database.writing():
        with QuotaDatabase(path):
            pass
        tried = subprocess.run(
            [sys.executable, "-I", "-S", "-c", other, str(path)], capture_output=True, text=True, check=False
        )
    assert "locked" in tried.stderr


def test_the_file_opens_fast_and_light() -> None:
    """What status needs brings neither sqlite-utils nor the SDK, the screen or the TOML writer."""
    code = "import core.quota.keys.store, sys; print(' '.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"sqlite_utils", "groq", "textual", "tomli_w", "asyncio", "hypothesis"} & set(loaded)


def test_models_are_those_of_ones_own_organizations_and_of_the_last_day(tmp_path: Path) -> None:
    """The newest first, a bench counts like a limit; where none is young, the newest alone."""
    day = 86_400.0
    with QuotaDatabase(tmp_path / "quota.db") as database:
        with database.writing():
            ages = [
                ("ours", "old", 3 * day),
                ("ours", "new", 10.0),
                ("ours", "week", 2 * day),
                ("other", "foreign", 1.0),
            ]
            levels = {
                (name, model, Dimension.RPM): Level(30, 30, NOW - age, "operator", NOW) for name, model, age in ages
            }
            write_levels(database, levels)
            write_bench(database, "ours", "benched", Bench(NOW + 60, "TPD", "why", NOW - 5))
        assert models_known(database, {"ours"}, NOW) == ("benched", "new")
        assert models_known(database, {"ours"}, NOW + 9 * day) == ("benched",)
        assert models_known(database, {"other"}, NOW + 9 * day) == ("foreign",)
        assert models_known(database, {"nobody"}, NOW) == ()


def test_an_organization_that_goes_over_to_another_leaves_nothing(tmp_path: Path) -> None:
    """Its levels and its bench are those of the other from then on; of two benches the later one holds."""
    with QuotaDatabase(tmp_path / "quota.db") as database, database.writing():
        for model, old, new in (("a", 60, None), ("b", 60, 30), ("c", 30, 60)):
            write_bench(database, "old", model, Bench(NOW + old, "RPM", "of old", NOW))
            if new is not None:
                write_bench(database, "new", model, Bench(NOW + new, "TPD", "of new", NOW))
        write_levels(database, {("old", "a", Dimension.RPM): Level(30, 7, NOW, "operator", NOW)})
        merge_organizations(database, "old", "new", NOW)
        found = {model: bench_rows(database, model) for model in "abc"}
        assert {model: set(rows) for model, rows in found.items()} == {model: {"new"} for model in "abc"}
        ends = {model: (rows["new"].until_at - NOW, rows["new"].limit) for model, rows in found.items()}
        assert ends == {"a": (60, "RPM"), "b": (60, "RPM"), "c": (60, "TPD")}
        assert [key[:2] for key in level_rows(database, None)] == [("new", "a")]


def test_a_setting_that_a_server_refused_is_sent_again_after_a_week(tmp_path: Path) -> None:
    """It is left out for seven days, and forgotten when another one is refused later."""
    with QuotaDatabase(tmp_path / "quota.db") as database:
        refuse_setting(database, MODEL, "seed", "unknown field", NOW)
        left_out = [bool(refused_settings(database, MODEL, NOW + days * 86_400)) for days in (0, 1, 6.99, 7, 8)]
        assert left_out == [True, True, True, False, False]
        refuse_setting(database, MODEL, "logprobs", "no", NOW + 6 * 86_400)
        assert len(refused_settings(database, MODEL, NOW)) == 2
        refuse_setting(database, MODEL, "temperature", "no", NOW + 7 * 86_400)
        assert set(refused_settings(database, MODEL, NOW)) == {"logprobs", "temperature"}


class Worker:
    """A worker's ledger and its bridge to the file."""

    def __init__(self, path: Path, name: str) -> None:
        self.database = QuotaDatabase(path)
        self.ledger = Ledger()
        self.sync = LedgerSync(self.database, self.ledger, MODEL, name)

    def share(self, now: float) -> bool:
        return self.sync.sync(now, {}, changed=self.database.poll_changes())

    def available(self, dimension: Dimension, now: float) -> float:
        return next(each.available for each in self.ledger.status(now) if each.dimension is dimension)


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[tuple[Worker, Worker]]:
    """Two workers that know a limit of 8,000 tokens a minute and have synced once."""
    with ExitStack() as stack:
        pair = Worker(tmp_path / "quota.db", "one"), Worker(tmp_path / "quota.db", "two")
        for worker in pair:
            stack.callback(worker.database.close)
        pair[0].ledger.state_limits(ORG, MODEL, {Dimension.TPM: 8_000}, "operator", NOW)
        for worker in pair:
            worker.share(NOW)
        yield pair


def test_workers_see_what_others_spend(workers: tuple[Worker, Worker]) -> None:
    """Spending adds up, whoever syncs first, and nothing is counted twice."""
    one, two = workers
    one.ledger.reserve(ORG, MODEL, 1_000, NOW)
    two.ledger.reserve(ORG, MODEL, 2_000, NOW)
    for worker in (one, two, one, two, one):
        worker.share(NOW)
    assert one.available(Dimension.TPM, NOW) == two.available(Dimension.TPM, NOW) == 5_000


def test_what_is_given_back_is_shared_too(workers: tuple[Worker, Worker]) -> None:
    """A settled call raises the level for everybody."""
    one, two = workers
    reservation = one.ledger.reserve(ORG, MODEL, 1_000, NOW)
    for worker in workers:
        worker.share(NOW)
    one.ledger.settle(reservation, 600, [], NOW)
    for worker in workers:
        worker.share(NOW)
    assert two.available(Dimension.TPM, NOW) == 7_400


def test_time_passes_once_for_all(workers: tuple[Worker, Worker]) -> None:
    """However often and however late workers sync, the bucket refills at its rate."""
    one, two = workers
    one.ledger.reserve(ORG, MODEL, 8_000, NOW)
    for second in range(1, 31):
        one.share(NOW + second)
        if second % 7 == 0:
            two.share(NOW + second)
    two.share(NOW + 30)
    assert one.available(Dimension.TPM, NOW + 30) == pytest.approx(4_000)
    assert two.available(Dimension.TPM, NOW + 30) == pytest.approx(4_000)


def test_two_corrections_of_one_surprise_count_once(workers: tuple[Worker, Worker]) -> None:
    """Both workers read in a header that a third party took 5,000: that is 5,000, not 10,000."""
    for worker in workers:
        reservation = worker.ledger.reserve(ORG, MODEL, 100, NOW)
        worker.ledger.settle(reservation, 100, [Reading(Dimension.TPM, 8_000, 2_800)], NOW)
    for worker in (*workers, *workers):
        worker.share(NOW)
    for worker in workers:
        assert 2_700 <= worker.available(Dimension.TPM, NOW) <= 2_802


def test_a_bench_reaches_the_other_worker(workers: tuple[Worker, Worker]) -> None:
    """Nobody asks until it ends, and an operator who clears it clears it for all."""
    one, two = workers
    one.ledger.bench(ORG, MODEL, NOW + 300, "TPD", "waits", NOW)
    for worker in workers:
        worker.share(NOW)
    assert two.ledger.wait_until(ORG, MODEL, 1, NOW).at == NOW + 300
    two.database.execute("DELETE FROM bench")
    for worker in workers:
        worker.sync.sync(NOW, {}, changed=True)
        assert worker.ledger.wait_until(ORG, MODEL, 1, NOW).at == NOW


def test_an_operators_limit_reaches_running_workers(workers: tuple[Worker, Worker]) -> None:
    """A stated limit is taken over, a forgotten one forgotten."""
    one, two = workers
    one.database.execute("UPDATE level SET limit_units = 6000, learned_at = ?, source = 'operator'", (NOW + 1,))
    two.sync.sync(NOW + 1, {}, changed=True)
    assert two.ledger.status(NOW + 1)[0].limit == 6_000
    one.database.execute("DELETE FROM level")
    two.sync.sync(NOW + 2, {}, changed=True)
    assert two.ledger.status(NOW + 2) == ()


def test_levels_survive_a_restart(workers: tuple[Worker, Worker], tmp_path: Path) -> None:
    """A new worker goes on from what is left, refilled meanwhile."""
    workers[0].ledger.reserve(ORG, MODEL, 8_000, NOW)
    workers[0].share(NOW)
    later = Worker(tmp_path / "quota.db", "later")
    later.share(NOW + 15)
    assert later.available(Dimension.TPM, NOW + 15) == pytest.approx(2_000)
    later.database.close()


def test_nothing_is_written_where_nothing_changed(workers: tuple[Worker, Worker]) -> None:
    """An idle worker only beats, every two seconds."""
    one, _ = workers
    one.share(NOW)
    assert not any(one.share(NOW + 0.2 * step) for step in range(1, 9))
    assert one.share(NOW + 2.1)


def test_an_estimate_of_tokens_is_written_where_it_is_another_one(workers: tuple[Worker, Worker]) -> None:
    """Between two beats a new estimate is shared, the same one or none is not."""
    one, _ = workers
    one.share(NOW)
    said = ("2.5", "2.5", "", "2.6", "2.6")
    shared = [one.sync.sync(NOW + 0.2 * n, {}, estimate=each, changed=False) for n, each in enumerate(said)]
    assert shared == [True, False, False, True, False]
    assert one.sync.recalled_estimate() == "2.6"


def test_workers_know_of_each_other_while_they_live(workers: tuple[Worker, Worker]) -> None:
    """A heartbeat makes a peer; leaving, or silence, ends it."""
    one, two = workers
    one.share(NOW + 3)
    assert one.sync.peers == 1
    two.sync.leave()
    one.share(NOW + 6)
    assert one.sync.peers == 0


def test_what_a_worker_that_is_gone_did_with_keys_is_cleared_by_the_next_one(
    workers: tuple[Worker, Worker], tmp_path: Path
) -> None:
    """Its row was taken away, and what it did stays out of nobody's count; living workers keep theirs."""
    one, _ = workers
    one.sync.sync(NOW + 3, {"print-1": Doing(in_flight=1)}, changed=True)
    with one.database.writing():
        one.database.execute("INSERT INTO worker_key VALUES ('gone', 'print-2', 3, '', 0.0)")
    three = Worker(tmp_path / "quota.db", "three")
    three.share(NOW + 4)
    three.database.close()
    assert [row[0] for row in one.database.execute("SELECT fingerprint FROM worker_key")] == ["print-1"]


def test_a_worker_that_leaves_takes_only_its_own_rows_away(workers: tuple[Worker, Worker]) -> None:
    """The other's row, what it does with which key, and what both learned of quotas stay as they are."""
    one, two = workers
    for number, worker in enumerate(workers):
        worker.sync.sync(NOW + 3, {f"print-{number}": Doing(in_flight=number + 1)}, changed=True)

    def rows() -> dict[str, list[tuple[object, ...]]]:
        tables = ("key", "level", "bench", "worker", "worker_key", "trouble", "spend", "estimate", "meta")
        return {table: [tuple(row) for row in one.database.execute(f"SELECT * FROM {table}")] for table in tables}

    before = rows()
    assert [len(before[table]) for table in ("worker", "worker_key", "level")] == [2, 2, 1]
    two.sync.leave()
    after = rows()
    gone = {table: [row for row in before[table] if row not in after[table]] for table in before}
    mine = two.sync.worker_id
    assert {table: [row[0] for row in found] for table, found in gone.items() if found} == {
        "worker": [mine],
        "worker_key": [mine],
    }
    assert all(row in before[table] for table in after for row in after[table])


def test_what_could_not_be_shared_is_shared_later(workers: tuple[Worker, Worker]) -> None:
    """A file that is locked at the wrong moment loses no spending."""
    one, two = workers
    one.ledger.reserve(ORG, MODEL, 3_000, NOW)
    with two.database.writing(), one.database.patience(1), pytest.raises(QuotaFileError):
        one.share(NOW)
    for worker in (one, two):
        worker.sync.sync(NOW, {}, changed=True)
        assert worker.available(Dimension.TPM, NOW) == 5_000


def test_an_exclusive_decision_uses_and_publishes_the_newest_level(workers: tuple[Worker, Worker]) -> None:
    """Two workers that decide in turn never spend the same tokens."""
    granted = 0
    for _ in range(4):
        for worker in workers:
            with worker.sync.exclusive(NOW):
                if worker.ledger.wait_until(ORG, MODEL, 1_500, NOW).at <= NOW:
                    worker.ledger.reserve(ORG, MODEL, 1_500, NOW)
                    granted += 1
    assert granted == 5


def test_whoever_asked_last_yields_until_another_has_had_its_turn(workers: tuple[Worker, Worker]) -> None:
    """Seen by what another worker spends; a look at which nothing was spent changes nothing."""
    one, two = workers
    account = one.ledger.account(ORG, MODEL)
    account.yields = True
    two.share(NOW)
    one.share(NOW)
    assert account.yields
    two.ledger.reserve(ORG, MODEL, 1_000, NOW)
    two.share(NOW)
    one.share(NOW)
    assert not account.yields


def test_each_older_format_has_its_step() -> None:
    """The first two go to format 3 together; the last step leads to the format of today."""
    assert [number for number, _ in UPGRADES] == [3, 4, 5, 6, 7]
    assert UPGRADES[-1][0] == SCHEMA_VERSION
