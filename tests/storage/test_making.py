"""A new run file: its row, later arrivals in their order, guards of emails, formats, and who may write it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from core.errors import RunFileError
from core.model import SourceEmail, Task, View
from core.storage.file import schema_version
from core.storage.file.lock import RunLock
from core.storage.file.schema import guards_of_emails, migrate, needs_migration
from core.storage.writing import held_file, intake
from core.storage.writing.intake import NewRun, insert_emails, insert_later, insert_run, place
from core.storage.writing.store import Store
from tests.conftest import NOW, MakeRun


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


# -- later arrivals -----------------------------------------------------------------------------------------------------------


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
