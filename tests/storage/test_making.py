"""Emails as they come into a run file, page by page: numbers, columns, gold labels, order; and what a worker's epoch leaves."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from core.errors import RunFileError
from core.model import Forecast, PlaceStatus, RunState, SourceEmail, Task, View, Wait
from core.model.emails import NOTES
from core.storage.file import schema_version
from core.storage.file.lock import RunLock
from core.storage.file.schema import guards_of_emails, migrate, needs_migration
from core.storage.writing import epochs, held_file, intake
from core.storage.writing.epochs import Beat
from core.storage.writing.intake import NewRun, insert_emails, insert_later, insert_run, insert_skipped, place
from core.storage.writing.store import Store
from tests.conftest import NOW, MakeRun
from tests.storage.test_store import labeled


@pytest.fixture
def db(task: Task) -> Iterator[sqlite3.Connection]:
    """A run file in memory, with its row and its task, without an email."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        migrate(db)
        insert_run(db, NewRun("mail", "mail.csv", "digest", NOW, order="source", seed=3), task)
        yield db


def mail(
    number: int, text: str = "", *, source_id: str = "", flags: str = "", **given: Any
) -> tuple[SourceEmail, View]:
    text = text or f"text {number}"
    view = View(f"s{number}", "ada@example.org", "", text, f"hash of {text}", truncated=False, flags=flags)
    return SourceEmail(source_id or f"m{number}", f"Subject: s{number}\n\n{text}", f"row {number}", **given), view


def rows(db: sqlite3.Connection, sql: str, *given: Any) -> list[Any]:
    found = db.execute(sql, given).fetchall()
    return [row[0] if len(row) == 1 else row for row in found]


# -- a new run --------------------------------------------------------------------------------------------------------------


def test_a_run_has_one_row_with_all_that_it_is_made_of(task: Task) -> None:
    """And the first version of its task, which is the active one."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        migrate(db)
        run = NewRun("mail", "mail.csv", "digest", 5.0, "source", 7, False, "http://h/v1", True, '{"text": "body"}')
        insert_run(db, run, task)
        columns = (
            "id, name, source, source_digest, created_at, work_order, seed, dedupe, base_url, simulated, reading,"
            " task_version, state, epoch"
        )
        assert rows(db, f"SELECT {columns} FROM run") == [
            (1, "mail", "mail.csv", "digest", 5.0, "source", 7, 0, "http://h/v1", 1, '{"text": "body"}', "v1", "new", 0)
        ]
        assert rows(db, "SELECT version, name, added_at FROM task") == [("v1", "work or personal", 5.0)]
    usual = NewRun("mail", "mail.csv", "digest", 5.0)
    assert (usual.order, usual.seed, usual.dedupe, usual.base_url, usual.simulated, usual.reading) == (
        "shuffled", 0, True, None, False, "",
    )  # fmt: skip


@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 1_000, 1_001])
def test_emails_are_numbered_over_the_edges_of_pages(db: sqlite3.Connection, count: int) -> None:
    """From 1 on, without a gap; more of them go on where the last ones ended."""
    assert insert_emails(db, map(mail, range(1, count + 1))) == count
    assert insert_emails(db, [mail(5_000), mail(5_001)]) == 2
    assert rows(db, "SELECT id FROM email ORDER BY id") == list(range(1, count + 3))
    assert rows(db, "SELECT source_id FROM email ORDER BY id DESC LIMIT 2") == ["m5001", "m5000"]
    assert rows(db, "SELECT count(*) FROM body") == [count + 2]
    assert rows(db, "SELECT DISTINCT position FROM email") == [2_147_483_647]


def test_an_email_is_kept_with_all_that_came_with_it(db: sqlite3.Connection) -> None:
    """Columns are listed once, in the order in which they came; half surrogate pairs are replaced, not refused."""
    insert_emails(
        db,
        [
            mail(1, columns={"stars": 5, "note \ud800": "bad \ud800"}, gold="1"),
            mail(2),
            mail(3, columns={"stars": None, "more": "é"}),
        ],
    )
    insert_emails(db, [mail(4, columns={"stars": 1, "last": 2}, gold="0")])
    assert rows(db, "SELECT name FROM source_column ORDER BY rowid") == ["stars", "note ?", "more", "last"]
    columns = [each and json.loads(each) for each in rows(db, "SELECT columns FROM body ORDER BY email_id")]
    assert columns == [{"stars": 5, "note ?": "bad ?"}, None, {"stars": None, "more": "é"}, {"stars": 1, "last": 2}]
    assert "é" in rows(db, "SELECT columns FROM body WHERE email_id = 3")[0]
    assert rows(db, "SELECT name, email_id, value, at FROM gold ORDER BY email_id") == [
        ("source", 1, "1", NOW), ("source", 4, "0", NOW),
    ]  # fmt: skip
    assert rows(db, "SELECT source_id, subject, sender, content_hash FROM email WHERE id = 2") == [
        ("m2", "s2", "ada@example.org", "hash of text 2")
    ]
    assert rows(db, "SELECT text FROM body") == ["text 1", "text 2", "text 3", "text 4"]


def test_flags_are_kept_and_only_orders_to_a_model_are_counted(db: sqlite3.Connection) -> None:
    """Other things that a person should know of a text are no orders."""

    note = min(NOTES)
    insert_emails(db, [mail(1, flags="override"), mail(2, flags=note), mail(3), mail(4, flags=f"override {note}")])
    assert rows(db, "SELECT flags FROM email ORDER BY id") == ["override", note, None, f"override {note}"]
    counted = dict(rows(db, "SELECT name, value FROM total WHERE name LIKE '%flag%' OR name LIKE '%order%'"))
    assert set(counted.values()) == {2}


@pytest.mark.parametrize(
    ("seed", "number", "key"),
    [
        (0, 0, -9_223_372_036_854_775_808),
        (0, 1, 7_070_836_379_803_831_727),
        (3, 1, -7_479_620_110_639_330_964),
        (3, 2, 3_059_875_994_152_431_697),
        (7, 123_456, -3_870_450_701_669_313_728),
        (2**40, 9, 4_441_846_065_054_446_241),
    ],
)
def test_the_order_of_a_seed_is_the_same_for_ever(seed: int, number: int, key: int) -> None:
    """A run that is made again has its emails in the order in which it had them."""
    assert intake._shuffle_key(seed, number) == key


@pytest.mark.parametrize(("order", "seed"), [("source", 3), ("shuffled", 3), ("shuffled", 4)])
def test_emails_get_their_places_from_zero(db: sqlite3.Connection, order: str, seed: int) -> None:
    """As in the source, or shuffled by a seed."""
    insert_emails(db, map(mail, range(1, 7)))
    place(db, order, seed)
    found = rows(db, "SELECT position FROM email ORDER BY id")
    keys = [number for _, number in sorted((intake._shuffle_key(seed, number), number) for number in range(1, 7))]
    assert found == ([keys.index(number) for number in range(1, 7)] if order == "shuffled" else [0, 1, 2, 3, 4, 5])
    assert rows(db, "SELECT count(*) FROM sqlite_temp_master WHERE name = 'ranked'") == [0]
    place(db, "source", 0)
    assert rows(db, "SELECT position FROM email ORDER BY id") == list(range(6))


# -- later arrivals -----------------------------------------------------------------------------------------------------------


def test_what_has_a_new_id_is_taken_behind_all_others(db: sqlite3.Connection) -> None:
    """What is known is counted, what changed is named; nothing of both is taken."""
    insert_emails(db, [mail(1), mail(2)])
    place(db, "source", 3)
    later = insert_later(db, [mail(1), mail(2, "another"), mail(3), mail(4, "text 1")], "row")
    assert (later.taken, later.known, later.changed, later.changed_ids) == (2, 1, 1, ["m2"])
    assert rows(db, "SELECT id, position, source_id FROM email ORDER BY id") == [
        (1, 0, "m1"), (2, 1, "m2"), (3, 2, "m3"), (4, 3, "m4"),
    ]  # fmt: skip
    assert rows(db, "SELECT text FROM body WHERE email_id = 2") == ["text 2"]
    none = insert_later(db, [], "row")
    assert (none.taken, none.known, none.changed, none.changed_ids) == (0, 0, 0, [])


def test_where_ids_are_numbers_of_records_what_has_a_new_text_is_new(db: sqlite3.Connection) -> None:
    """Numbered on, over numbers that are taken; a text that came twice is known the second time."""
    insert_emails(db, [mail(1, source_id="row-1"), mail(2, source_id="row-2"), mail(3, source_id="row-4")])
    place(db, "source", 3)
    later = insert_later(
        db,
        [
            mail(1, source_id="row-1"), mail(7, source_id="row-2"), mail(7, source_id="row-3"), mail(8, source_id="row-9"),
            mail(9, source_id="row-x"), mail(2, source_id="arrow-1"),
        ],
        "row",
    )  # fmt: skip
    assert (later.taken, later.known, later.changed) == (4, 2, 0)
    assert rows(db, "SELECT source_id FROM email ORDER BY id") == [
        "row-1", "row-2", "row-4", "row-5", "row-6", "row-x", "arrow-1",
    ]  # fmt: skip
    assert rows(db, "SELECT position FROM email ORDER BY id") == list(range(7))


def test_a_word_before_the_numbers_is_taken_as_it_is(db: sqlite3.Connection) -> None:
    """A point in it stands for no other character."""
    insert_emails(db, [mail(1, source_id="a.b-1")])
    later = insert_later(db, [mail(1, source_id="axb-1"), mail(1, source_id="a.b-9")], "a.b")
    assert (later.taken, later.known) == (1, 1)


def test_later_arrivals_are_shuffled_among_themselves(db: sqlite3.Connection) -> None:
    """By the run's seed."""
    db.execute("UPDATE run SET work_order = 'shuffled'")
    insert_emails(db, [mail(1), mail(2)])
    place(db, "shuffled", 3)
    before = rows(db, "SELECT position FROM email ORDER BY id")
    insert_later(db, map(mail, range(3, 9)), "row")
    found = rows(db, "SELECT position FROM email ORDER BY id")
    assert found[:2] == before
    keys = [number for _, number in sorted((intake._shuffle_key(3, number), number) for number in range(3, 9))]
    assert found[2:] == [2 + keys.index(number) for number in range(3, 9)]


def test_fifty_changed_texts_are_named_and_the_others_counted(db: sqlite3.Connection) -> None:
    """In the order in which they came."""
    insert_emails(db, map(mail, range(1, 53)))
    later = insert_later(db, [mail(number, "another") for number in range(1, 53)], "row")
    assert later.changed == 52
    assert later.changed_ids == [f"m{number}" for number in range(1, 51)]


def test_what_was_not_taken_is_noted_with_its_place_and_why(db: sqlite3.Connection) -> None:
    """In characters that UTF-8 has."""
    insert_skipped(db, [("row 1", "empty", ""), ("row \ud800", "twice", "same as \ud800")])
    assert rows(db, "SELECT place, reason, detail FROM skipped ORDER BY rowid") == [
        ("row 1", "empty", ""), ("row ?", "twice", "same as ?"),
    ]  # fmt: skip


def test_guards_of_emails_are_taken_off_and_put_on_again(db: sqlite3.Connection) -> None:
    """With the totals that they would have kept meanwhile; guards of other tables stay."""
    kept = "SELECT type, name FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql IS NOT NULL ORDER BY name"
    before, totals = rows(db, kept), rows(db, "SELECT name, value FROM total ORDER BY name")
    of_emails = rows(
        db,
        "SELECT name FROM sqlite_master WHERE tbl_name = 'email' AND type IN ('index', 'trigger') AND sql IS NOT NULL",
    )
    assert len(of_emails) == len(guards_of_emails()) > 3
    intake.take_off_guards(db)
    left = rows(db, kept)
    assert [each for each in before if each not in left] == [each for each in before if each[1] in of_emails]
    insert_emails(db, map(mail, range(1, 4)))
    assert rows(db, "SELECT name, value FROM total ORDER BY name") == totals
    intake.put_on_guards(db, guards_of_emails())
    assert rows(db, kept) == before
    assert dict(rows(db, "SELECT name, value FROM total"))["state:pending"] == 3
    insert_emails(db, [mail(4)])
    assert dict(rows(db, "SELECT name, value FROM total"))["state:pending"] == 4


# -- formats ----------------------------------------------------------------------------------------------------------------


def test_formats_have_the_numbers_under_which_files_were_written() -> None:
    """They never change: a file says by its number what it has."""
    found = {name: value for name, value in vars(schema_version).items() if name.startswith("FORMAT_")}
    assert found == {
        "FORMAT_WITH_FLAGS": 2, "FORMAT_WITH_NOTES": 3, "FORMAT_WITH_REVIEWS": 4, "FORMAT_WITH_COLUMNS": 5,
        "FORMAT_WITH_CANARIES": 6, "FORMAT_WITH_BATCHES": 8, "FORMAT_WITH_PLACES": 10, "FORMAT_WITH_PACKS": 12,
        "FORMAT_WITH_LANES": 13, "FORMAT_WITH_PROBABILITIES": 15, "FORMAT_WITH_LABEL_COUNTS": 16, "FORMAT_WITH_READING": 18,
        "FORMAT_WITH_CALLS_IN_FLIGHT": 19, "FORMAT_VERSION": 19,
    }  # fmt: skip
    assert schema_version.APPLICATION_ID.to_bytes(4, "big") == b"lbui"


@pytest.mark.parametrize(
    ("application", "version", "words"),
    [
        (0x6C627569, 19, None),
        (0x6C627569, 1, None),
        (0x6C627569, 20, r"was written by a newer labeltui \(format 20; this one reads up to 19\)"),
        (0x6C62756A, 19, "run.db is not a run file of labeltui"),
        (0, 0, "run.db is not a run file of labeltui"),
    ],
)
def test_a_file_is_known_by_its_marks(application: int, version: int, words: str | None) -> None:
    """Whose it is, and of which format."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute(f"PRAGMA application_id = {application}")
        db.execute(f"PRAGMA user_version = {version}")
        if words is None:
            assert schema_version.check_format(db, "run.db") == version
            return
        with pytest.raises(RunFileError, match=words):
            schema_version.check_format(db, "run.db")


def test_a_migrated_file_is_marked_and_needs_no_more(db: sqlite3.Connection) -> None:
    """An empty one needs all."""
    assert rows(db, "PRAGMA application_id") == [0x6C627569]
    assert rows(db, "PRAGMA user_version") == [19]
    assert not needs_migration(db)
    with closing(sqlite3.connect(":memory:")) as empty:
        assert needs_migration(empty)


@pytest.mark.parametrize(
    ("there", "name"),
    [
        ([], "mail.before-format-19.db"),
        (["mail.before-format-19.db"], "mail.before-format-19.2.db"),
        (["mail.before-format-19.db", "mail.before-format-19.2.db"], "mail.before-format-19.3.db"),
    ],
)
def test_a_copy_from_before_gets_a_name_that_is_free(tmp_path: Path, there: list[str], name: str) -> None:
    """With a number where others are there."""
    for each in there:
        (tmp_path / each).touch()
    assert held_file._free_name(tmp_path / "mail.db") == tmp_path / name


def test_a_file_is_written_under_its_lock_alone(make_run: MakeRun) -> None:
    """Its log is folded into it at the end; of another epoch's worker nothing is written."""
    path = make_run(["a"])
    with pytest.raises(RuntimeError, match="needs the run's lock"):
        Store.open(path, RunLock(path))
    with RunLock(path) as lock:
        with Store.open(path, lock) as store:
            assert store.epoch == 0
            store.begin_epoch(now=NOW, pid=1, host="h")
            assert store.epoch == 1
        log = path.with_name(path.name + "-wal")
        assert not log.exists() or log.stat().st_size == 0
        with Store.open(path, lock) as store:
            assert store.epoch == 1
        with pytest.raises(sqlite3.ProgrammingError):
            store.begin_epoch(now=NOW, pid=1, host="h")


# -- epochs -----------------------------------------------------------------------------------------------------------------

RUN = (
    "epoch, worker_pid, worker_host, worker_started_at, heartbeat_at, in_flight, in_flight_bound, asking, state, wanted,"
    " reason, wait_until_at, wait_limit, wait_organization, started_at, finished_at"
)
PLACE = PlaceStatus("place-1", "vm", "ready", "", 2, 60.0, 5.0)


def beat(state: RunState = RunState.RUNNING, **given: Any) -> Beat:
    usual: dict[str, Any] = {
        "reason": "asks", "wait": None, "in_flight": 3, "in_flight_bound": 8, "asking": {"main": 3}, "waited_s": 0.0,
    }  # fmt: skip
    return Beat(state, **{**usual, **given})


def test_a_worker_takes_a_run_over_beats_and_ends(db: sqlite3.Connection) -> None:
    """Each leaves the run's row as it says, and an event of its start and of its end."""
    insert_emails(db, map(mail, range(1, 4)))
    first = epochs.begin(db, task_version="v1", now=10.0, pid=77, host="here")
    assert (first.at, first.epoch, first.cursor, first.kept, first.continued, first.asked_again, first.ended) == (
        10.0, 1, 0, 0, 0, 0, "",
    )  # fmt: skip
    running = (1, 77, "here", 10.0, 10.0, 0, 0, "{}", "running", "run", "starting", None, None, None, 10.0, None)
    assert rows(db, f"SELECT {RUN} FROM run") == [running]
    epochs.beat(db, beat(places=(PLACE,), forecast=Forecast(9.0, 8.0, 10.0, "RPM"), at_once=4), now=11.0)
    assert rows(db, "SELECT heartbeat_at, in_flight, in_flight_bound, asking, reason, at_once FROM run") == [
        (11.0, 3, 8, '{"main": 3}', "asks", 4)
    ]
    assert json.loads(rows(db, "SELECT forecast FROM run")[0])["eta_s"] == 9.0
    assert rows(db, "SELECT name, node, state, reason, in_flight, rate_per_min, since_at FROM place") == [
        ("place-1", "vm", "ready", "", 2, 60.0, 5.0)
    ]
    epochs.beat(db, beat(RunState.WAITING, in_flight_bound=4, wait=Wait(60.0, "RPM", "org", "quota")), now=12.0)
    waiting = "SELECT in_flight_bound, wait_until_at, wait_limit, wait_organization, forecast, at_once, state FROM run"
    assert rows(db, waiting) == [(8, 60.0, "RPM", "org", None, None, "waiting")]
    assert rows(db, "SELECT count(*) FROM place") == [0]
    epochs.beat(db, beat(places=(PLACE,)), now=13.0)
    epochs.end(db, RunState.STOPPED, "stopped by the operator", now=14.0, wanted="stop")
    ended = (
        1,
        77,
        "here",
        10.0,
        14.0,
        0,
        8,
        "{}",
        "stopped",
        "stop",
        "stopped by the operator",
        None,
        None,
        None,
        10.0,
        None,
    )
    assert rows(db, f"SELECT {RUN} FROM run") == [ended]
    assert rows(db, "SELECT count(*) FROM place") == [0]
    epochs.end(db, RunState.DONE, "", now=15.0, wanted=None)
    assert rows(db, "SELECT wanted, finished_at, reason FROM run") == [("stop", 15.0, "")]
    assert rows(db, "SELECT at, kind, text FROM event ORDER BY rowid") == [
        (10.0, "start", "first start"), (14.0, "end", "stopped by the operator"), (15.0, "end", "done"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("state", "reason", "bound", "ended", "again", "sentence"),
    [
        ("running", "asks", 8, "killed", 8, "at most 8 calls asked again, the last worker ended: killed"),
        ("waiting", "", None, "killed", 0, "0 kept, the last worker ended: killed"),
        ("paused", "by ana", 3, "killed", 3, "at most 3 calls asked again, the last worker ended: killed"),
        (
            "stopped",
            "stopped by SIGTERM",
            8,
            "stopped by SIGTERM",
            0,
            "0 kept, the last worker ended: stopped by SIGTERM",
        ),
        ("done", "", 8, "done", 0, "0 kept, the last worker ended: done"),
    ],
)
def test_a_worker_says_how_the_last_one_ended(
    db: sqlite3.Connection, state: str, reason: str, bound: int | None, ended: str, again: int, sentence: str
) -> None:
    """One that said no end was killed, and what it had out may be asked again."""
    db.execute(
        "UPDATE run SET epoch = 2, state = ?, reason = ?, in_flight_bound = ?, cursor = 1234, started_at = 3.0",
        (state, reason, bound),
    )
    found = epochs.begin(db, task_version="v1", now=10.0, pid=77, host="here")
    assert (found.epoch, found.cursor, found.ended, found.asked_again) == (3, 1_234, ended, again)
    assert rows(db, "SELECT epoch, started_at, in_flight_bound FROM run") == [(3, 3.0, 0)]
    (text,) = rows(db, "SELECT text FROM event")
    assert text.startswith("resumed at cursor 1,234, 0 kept")
    assert text.endswith(sentence)


def test_what_is_settled_and_begun_is_counted_at_a_start(db: sqlite3.Connection) -> None:
    """Labeled, failed and skipped emails are kept; conversations that were begun go on."""
    insert_emails(db, map(mail, range(1, 9)))
    for number, state in ((1, "labeled"), (2, "failed"), (3, "failed"), (4, "skipped")):
        db.execute("UPDATE email SET state = ? WHERE id = ?", (state, number))
    db.execute("UPDATE run SET epoch = 1, state = 'stopped', reason = 'x'")
    assert epochs.begin(db, task_version="v1", now=1.0, pid=1, host="h").kept == 4
    assert ", 4 kept, " in rows(db, "SELECT text FROM event")[0]


@pytest.mark.parametrize(
    ("given", "booked"),
    [
        ({"in_flight": 0, "asking": {}}, []),
        ({"in_flight": 0, "asking": {}, "waited_s": 2.5}, [(0, 0, 0, 2.5)]),
        ({"in_flight": 1}, [(0, 0, 0, 0.0)]),
    ],
)
def test_a_beat_is_booked_where_somebody_worked_or_waited(
    db: sqlite3.Connection, given: dict[str, Any], booked: list[Any]
) -> None:
    """Slow calls are work too."""
    epochs.beat(db, beat(**given), now=100.0)
    assert rows(db, "SELECT labeled, failed, calls, waited_s FROM pace") == booked


def test_an_email_that_was_labeled_is_counted_in_the_next_start(make_run: MakeRun) -> None:
    """Through the store, as a worker does it."""
    path = make_run(["a", "b"])
    with RunLock(path) as lock, Store.open(path, lock) as store:
        assert store.begin_epoch(now=NOW, pid=1, host="h").kept == 0
        store.commit([labeled(1)], now=NOW)
        assert store.begin_epoch(now=NOW, pid=2, host="h").kept == 1
