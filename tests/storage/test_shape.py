"""A damaged or hostile run file is refused in one sentence when it is opened, or where its rows are read."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database

from core.errors import LabeltuiError, RunFileError
from core.runs.listing import RunList
from core.runs.save import export_run
from core.settings import Settings
from core.storage.file.connection import open_reader
from core.storage.file.lock import RunLock
from core.storage.file.rows import task_from_definition, task_to_definition
from core.storage.file.schema import migrations
from core.storage.file.schema_version import FORMAT_VERSION
from core.storage.file.shape import (
    COLUMNS,
    MADE,
    damage_of,
    digest,
    foreign_parts,
    missing_parts,
    telling_damage,
)
from core.storage.reading.reader import RunReader
from core.storage.writing.check import check_run
from core.storage.writing.store import Store
from tests.conftest import NOW, MakeRun
from tests.programs.damaged.changes import CHANGES
from tests.storage.test_store import labeled
from tui.cli import main


@pytest.fixture
def damaged(make_run: MakeRun, settings: Settings) -> Callable[[str], Path]:
    """A function that makes a run with labels in its usual place, and one of the changes to it."""

    def make(change: str) -> Path:
        settings.runs_dir.mkdir(parents=True)
        path = make_run(["one", "two", "three"])
        with RunLock(path) as lock, Store.open(path, lock) as store:
            store.begin_epoch(now=NOW, pid=1, host="h")
            store.commit([labeled(1)], now=NOW)
        path = path.rename(settings.runs_dir / "r.db")
        if change != "an empty change":
            CHANGES[change](path)
        return path

    return make


READ = {
    "snapshot": lambda reader: reader.snapshot(NOW),
    "versions": lambda reader: reader.versions(),
    "export": lambda reader: list(reader.export_rows()),
    "record": lambda reader: reader.record(1),
    "messages": lambda reader: list(reader.messages()),
}


def test_what_acts_with_writes_is_known_from_every_migration() -> None:
    """Triggers, indexes that are more than columns and the computed column are those that the migrations make."""
    made = set()
    db = Database(memory=True)

    def note(statement: str) -> None:
        if begun := re.match(r"CREATE (?:UNIQUE )?(?:TRIGGER|INDEX) (\w+)", statement):
            made.add((begun[1], digest(statement)))

    db.conn.set_trace_callback(note)
    migrations.apply(db)
    db.conn.set_trace_callback(None)
    assert set(MADE.items()) <= made | {("raw", MADE["raw"])}
    assert foreign_parts(db.conn, writing=True) == []
    db.close()


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ("a trigger of ours deletes labels", "a trigger 'email_changed'"),
        ("email is a virtual table", "a virtual table 'email'"),
        ("run computes a column of 40 MB", "a computed column 'evil' of its table run"),
        ("labels are checked by a costly condition", "a condition or a computed default of its table label"),
        ("labels have a costly default", "a condition or a computed default of its table label"),
        ("one event a kind", "an index 'evil'"),
        ("an index computes", "an index 'evil'"),
    ],
)
def test_what_a_file_lets_sqlite_do_is_refused(change: str, part: str, damaged: Callable[[str], Path]) -> None:
    """Under a name of ours too; what acts with reads is refused to readers, what acts with writes to writers."""
    path = damaged(change)
    with closing(sqlite3.connect(path)) as db:
        acts_with_reads = {each.what: each.acts_when_read for each in foreign_parts(db, writing=True)}[part]
        assert (part in [each.what for each in foreign_parts(db, writing=False)]) is acts_with_reads
    if acts_with_reads:
        with pytest.raises(RunFileError, match="acts with every read"):
            RunReader(path)
    with RunLock(path) as lock, pytest.raises(RunFileError, match=r"acts with every|is missing"):
        Store.open(path, lock)


def test_an_index_of_columns_that_somebody_added_is_welcome(damaged: Callable[[str], Path]) -> None:
    """Whoever looks into a run with another program may make its searches quicker."""
    path = damaged("an empty change")
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE INDEX mine ON email(sender, date)")
    with RunLock(path) as lock, Store.open(path, lock) as store:
        assert store.pending_count == 2


def test_a_check_names_what_labeltui_did_not_make(damaged: Callable[[str], Path]) -> None:
    """It looks no further where reading would let it act."""
    assert "a computed column 'evil' of its table email that labeltui did not make" in {
        finding.sentence for finding in check_run(damaged("email computes a column of 40 MB")).findings
    }


def test_places_in_the_order_that_are_words_are_found(damaged: Callable[[str], Path]) -> None:
    """The first pending place is none then."""
    assert any(
        "places in the work order" in each.sentence for each in check_run(damaged("positions are words")).findings
    )


def test_a_row_that_a_damaged_file_cannot_take_is_said_in_a_sentence(
    damaged: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """The next number of its undo entries would be larger than SQLite's largest."""
    damaged("deeds of a huge batch")
    assert main(["label", "r", "mail-2", "1"]) == 1
    assert "is damaged: it takes no such row" in capsys.readouterr().err


def test_no_cell_grows_beyond_its_bound(damaged: Callable[[str], Path]) -> None:
    """What a file lets SQLite calculate is no longer than 256 MiB."""
    with closing(open_reader(damaged("an empty change"))) as db, pytest.raises(sqlite3.Error, match="too big"):
        db.execute("SELECT zeroblob(300000000)").fetchone()


@pytest.mark.parametrize("change", list(CHANGES)[::6])
def test_a_reader_reports_damage_or_reads(change: str, damaged: Callable[[str], Path], settings: Settings) -> None:
    """Nothing but an error of labeltui, or of SQLite's about the disk, comes out of it; the list of runs shows it."""
    path = damaged(change)
    for read in READ.values():
        try:
            with RunReader(path) as reader:
                read(reader)  # type: ignore[no-untyped-call]
        except (LabeltuiError, sqlite3.OperationalError):
            pass
    assert len(RunList(settings).read(NOW)) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("no table label", "the table label is missing"),
        ("no column label.at", "the table label has no column at"),
        ("definition nests 100,000 deep", "a version of its task cannot be read"),
        ("times are words", "created_at of its run is 'x'"),
        ("email is an endless view", "the table email is missing"),
        ("texts are no UTF-8", "Could not decode"),
        ("a symbolic link to itself", "a link that leads nowhere"),
        ("a FIFO", "no file but a folder, a pipe or a device"),
    ],
)
def test_a_command_says_what_is_wrong(
    change: str, words: str, damaged: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence, exit code 1 and one JSON object; never a traceback."""
    damaged(change)
    assert main(["status", "r", "--json"]) == 1
    said = capsys.readouterr()
    assert words in json.loads(said.out)["error"]["message"]
    assert "Traceback" not in said.err


def test_a_trigger_of_somebody_else_is_refused_before_anything_is_written(damaged: Callable[[str], Path]) -> None:
    """It would act with every label; reading goes on."""
    path = damaged("a trigger deletes what is labeled")
    with RunReader(path) as reader:
        assert reader.snapshot(NOW).labeled == 1
    with RunLock(path) as lock, pytest.raises(RunFileError, match="trigger 'evil'"):
        Store.open(path, lock)


def test_every_column_of_today_is_looked_for(make_run: MakeRun) -> None:
    """The list of columns is that of the tables that a new run has."""
    path = make_run(["one"])
    with closing(sqlite3.connect(path)) as db:
        assert missing_parts(db, FORMAT_VERSION) == []
        rows = db.execute(
            "SELECT m.name, c.name FROM sqlite_master AS m, pragma_table_xinfo(m.name) AS c WHERE m.type = 'table'"
        ).fetchall()
    listed = {
        (table, column) for part in COLUMNS.values() for table, columns in part.items() for column in columns.split()
    }
    assert {row for row in rows if not row[0].startswith("_")} == listed


@pytest.mark.parametrize("labels", [[], [{"value": 1, "name": "x"}], "ab", None])
def test_a_definition_that_is_no_task_is_refused(labels: object, make_run: MakeRun) -> None:
    """Labels that are no texts would fail much later, in the middle of a run."""
    with RunReader(make_run(["one"])) as reader:
        definition = json.loads(task_to_definition(reader.task()))
    with pytest.raises(RunFileError, match="cannot be read"):
        task_from_definition(json.dumps({**definition, "labels": labels}))


@pytest.mark.parametrize("columns", ["{", "[1]", "7"])
def test_columns_that_cannot_be_read_end_an_export_with_a_sentence(columns: str, make_run: MakeRun) -> None:
    """Nothing is written: an export is whole or not there."""
    path = make_run(["one"])
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("INSERT INTO source_column(name) VALUES ('a')")
        db.execute("UPDATE body SET columns = ?", (columns,))
    target = path.with_name("out.csv")
    with pytest.raises(RunFileError, match="columns of a row cannot be read"):
        export_run(path, target)
    assert not target.exists()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (sqlite3.OperationalError("database or disk is full"), "database or disk is full"),
        (sqlite3.OperationalError("database is locked"), "database is locked"),
        (sqlite3.OperationalError("no such column: flags"), "small.db is damaged"),
        (sqlite3.DatabaseError("database disk image is malformed"), "small.db is damaged"),
        (ValueError("no JSON"), "small.db is damaged"),
        (RunFileError("the run went away"), "the run went away"),
    ],
    ids=["full", "locked", "column", "image", "value", "ours"],
)
def test_an_error_of_reading_is_damage_unless_the_disk_is_full_or_busy(error: Exception, told: str) -> None:
    """What the disk refuses is no fault of the file, and a sentence of ours stays as it is."""
    with pytest.raises(Exception, match=told) as raised, telling_damage(Path("small.db")):
        raise error
    assert (raised.value is error) == ("damaged" not in told)


@pytest.mark.parametrize(("size", "looked_through"), [(64 << 20, True), ((64 << 20) + 1, False)])
def test_a_file_of_more_than_64_mib_is_not_looked_through(make_run: MakeRun, size: int, looked_through: bool) -> None:
    """Nobody waits for that; at the bound it is."""
    path = make_run(["one", "two"])
    assert damage_of(path) == ""
    with path.open("r+b") as file:
        file.seek(4096 * 2)
        file.write(b"\xff" * 4096)
        file.truncate(size)
    assert (damage_of(path) != "") is looked_through


def test_a_file_that_lacks_a_part_is_refused_when_it_is_opened(damaged: Callable[[str], Path]) -> None:
    """By a reader as well: whatever it shows later rests on it."""
    path = damaged("an empty change")
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TABLE gold")
    with pytest.raises(RunFileError, match=r"the table gold is missing"):
        RunReader(path)


@pytest.mark.parametrize(
    ("name", "value", "sound"),
    [
        ("cursor", 2**53, True),
        ("cursor", 2**53 + 1, False),
        ("cursor", -(2**53) - 1, False),
        ("cursor", 1.5, False),
        ("heartbeat_at", 1e11, True),
        ("heartbeat_at", 1.1e11, False),
        ("heartbeat_at", "now", False),
        ("state", "odd", False),
    ],
)
def test_values_of_a_run_are_looked_at_when_it_is_opened(
    make_run: MakeRun, name: str, value: object, sound: bool
) -> None:
    """Numbers that a float holds exactly, moments that can be shown, texts and a state that there is."""
    path = make_run(["one"])
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(f"UPDATE run SET {name} = ?", (value,))
    if sound:
        RunReader(path).close()
        return
    with pytest.raises(RunFileError, match=rf"is damaged: {name} of its run is '{re.escape(str(value))}'"):
        RunReader(path)


def test_a_file_that_only_lacks_its_new_number_is_brought_up_to_date(make_run: MakeRun) -> None:
    """It was cut off behind its last migration; a copy is made before, as of any older file."""
    path = make_run(["one"])
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {FORMAT_VERSION - 1}")
    with RunLock(path) as lock:
        Store.open(path, lock).close()
        Store.open(path, lock).close()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (FORMAT_VERSION,)
    assert sorted(each.name for each in path.parent.glob("*.before-format-*")) == [
        f"small.before-format-{FORMAT_VERSION}.db"
    ]
