"""``check`` finds whatever is not as promised, and repairs what follows from the rows; a copy is one moment, whole."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from core.errors import RunBusyError, RunFileError, RunNotFoundError, UsageError
from core.storage.file import schema
from core.storage.file.backup import copy_run
from core.storage.file.lock import RunLock
from core.storage.file.schema_version import FORMAT_VERSION
from core.storage.file.shape import damage_of
from core.storage.reading.reader import RunReader
from core.storage.writing import held_file as upgrades
from core.storage.writing.check import check_run
from core.storage.writing.store import Store
from tests.conftest import NOW, MakeRun
from tests.storage.test_store import failed, kept_totals, labeled, recount
from tui.cli import main

Open = Callable[[Path], Store]


@pytest.fixture
def worked(make_run: MakeRun) -> Path:
    """A run with labels of every kind, a failure and emails in line, closed by its worker."""
    path = make_run([*"abcadef"])
    with RunLock(path) as lock, Store.open(path, lock) as store:
        store.begin_epoch(now=NOW, pid=1, host="h")
        store.commit([labeled(1), failed(2), labeled(3, reasks=1)], now=NOW)
        store.label_by_person(5, "0", annotator="ada", note="", now=NOW)
    return path


def spoil(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)


def test_a_sound_run_has_no_findings(worked: Path) -> None:
    """Everything is counted, nothing is complained of."""
    found = check_run(worked)
    assert found.sound
    assert (found.emails, found.attempts, found.labels) == (7, 3, 4)


SPOILED = [
    ("UPDATE total SET value = value + 3 WHERE name = 'state:labeled'", "state:labeled says 6, the rows say 3", True),
    ("DELETE FROM total WHERE name = 'attempts'", "attempts says 0, the rows say 3", True),
    ("INSERT INTO total VALUES ('label:9', 2)", "label:9 says 2, the rows say 0", True),
    ("UPDATE run SET cursor = 6", "cursor stands at 6, the first pending text is at 4", True),
    ("DELETE FROM body WHERE email_id = 4", "1 entries without a text: 4", False),
    ("INSERT INTO body(email_id, text, raw_whole) VALUES (99, 't', 'r')", "1 texts without an entry: 99", False),
    ("INSERT INTO label(email_id, value, source, at) VALUES (99, '1', 'human', 0)", "labels without an entry", False),
    ("UPDATE label SET attempt_id = 77 WHERE email_id = 1", "without the answer that they came from", False),
    ("UPDATE attempt SET outcome = 'invalid' WHERE email_id = 1", "without the answer that they came from", False),
    ("UPDATE email SET label = '0' WHERE id = 1", "whose label is not the current one: 1", True),
    ("UPDATE email SET failure = NULL WHERE id = 2", "failed texts without a reason: 2", False),
    ("UPDATE email SET state = 'gone' WHERE id = 7", "a state that does not exist: 7", False),
    ("UPDATE email SET position = 0 WHERE id = 7", "missing or taken twice: 0", False),
    ("UPDATE email SET label = '1' WHERE id = 7", "whose label is not the current one: 7", True),
    ("DROP TRIGGER email_changed", "email_changed is missing", False),
    ("DELETE FROM task", "the active task (v1) is missing", False),
    ("INSERT INTO run(id) VALUES (2)", "2 rows instead of one", False),
    ("DROP TABLE attempt", "the table attempt is missing", False),
]


@pytest.mark.parametrize(("statement", "sentence", "repairable"), SPOILED)
def test_each_kind_of_damage_is_found(worked: Path, statement: str, sentence: str, repairable: bool) -> None:
    """What is wrong is said with numbers, and whether it can be put right."""
    spoil(worked, statement)
    findings = check_run(worked).findings
    assert [found.repairable for found in findings if sentence in found.sentence] == [repairable]


def test_two_model_labels_of_one_version_are_found(worked: Path) -> None:
    """Also where the index that forbids them is gone."""
    spoil(
        worked,
        "DROP INDEX label_once",
        "INSERT INTO label(email_id, value, source, attempt_id, task_version, at) VALUES (1, '1', 'model', 1, 'v1', 0)",
    )
    sentences = " ".join(found.sentence for found in check_run(worked).findings)
    assert "two model labels of one version of the task: 1" in sentences
    assert "label_once is missing" in sentences


def test_repair_writes_totals_and_cursor_as_the_rows_give_them(worked: Path) -> None:
    """Afterwards nothing is found, and the run says that it was repaired."""
    spoil(worked, "UPDATE total SET value = 1", "UPDATE run SET cursor = 0")
    assert main(["check", str(worked)]) == 1
    assert main(["check", str(worked), "--repair"]) == 0
    assert check_run(worked).sound
    assert kept_totals(worked) == recount(worked)
    with RunReader(worked) as reader:
        assert reader.snapshot(NOW).recent[0].kind == "repair"


def test_repair_keeps_out_of_a_living_workers_way(
    worked: Path, opened: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    """It needs the run's lock: while a worker holds it, nothing is written and the exit code is 4."""
    spoil(worked, "UPDATE run SET cursor = 0")
    opened(worked)
    assert main(["check", str(worked), "--repair"]) == 4
    assert "Another worker" in capsys.readouterr().err
    assert not check_run(worked).sound


def test_damage_of_the_file_itself_is_said_in_a_sentence(worked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Bytes overwritten in the middle of a file: no traceback, and what to do."""
    size = worked.stat().st_size
    with worked.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"\xa5" * (size // 4))
    assert main(["check", str(worked)]) == 1
    said = capsys.readouterr()
    assert "SQLite" in said.out or "damaged" in said.err


def test_checking_and_copying_change_nothing(worked: Path, tmp_path: Path) -> None:
    """The run file is the same to the byte afterwards."""
    before = worked.read_bytes()
    check_run(worked)
    copy_run(worked, tmp_path / "copy.db")
    assert worked.read_bytes() == before


def test_a_copy_is_whole_private_and_one_file(worked: Path, tmp_path: Path) -> None:
    """It opens by itself, has the same rows, and nobody else can read it."""
    target = tmp_path / "copy.db"
    assert main(["backup", str(worked), str(target)]) == 0
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert check_run(target).sound
    assert recount(target) == recount(worked)
    assert [path.name for path in tmp_path.iterdir() if "copy" in path.name] == ["copy.db"]


def test_a_copy_overwrites_nothing(worked: Path, tmp_path: Path) -> None:
    """Not a file, not the run itself, not a link that leads nowhere."""
    taken = tmp_path / "taken.db"
    taken.write_text("mine")
    link = tmp_path / "link.db"
    link.symlink_to(tmp_path / "nowhere")
    for target in (taken, link, worked):
        assert main(["backup", str(worked), str(target)]) == 1
    assert taken.read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()
    with pytest.raises(UsageError, match="does not exist"):
        copy_run(worked, tmp_path / "no" / "copy.db")
    assert not list(tmp_path.glob(".*.part*"))


def test_a_copy_that_cannot_be_finished_leaves_nothing(
    worked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full in the middle: a sentence, and no half file under the name."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunFileError, match="No space left"):
        copy_run(worked, tmp_path / "copy.db")
    assert [path for path in tmp_path.iterdir() if "copy" in path.name] == []


def test_a_copy_of_a_run_that_is_being_written_is_one_moment(make_run: MakeRun, opened: Open, tmp_path: Path) -> None:
    """Copies taken while a writer commits agree with themselves, and each holds what was committed before it began."""
    path = make_run([str(n) for n in range(400)], dedupe=False)
    store = opened(path)
    committed = 0
    copies: list[tuple[int, Path]] = []
    done = threading.Event()

    def copy_again_and_again() -> None:
        while not done.is_set():
            target = tmp_path / f"copy-{len(copies)}.db"
            before = committed
            copy_run(path, target)
            copies.append((before, target))

    copier = threading.Thread(target=copy_again_and_again)
    copier.start()
    for email_id in range(1, 401):
        store.commit([labeled(email_id)], now=NOW)
        committed = email_id
    done.set()
    copier.join()
    assert len(copies) > 1
    for before, target in copies:
        found = check_run(target)
        assert found.sound
        assert found.labels >= before


WITHOUT_REVIEWS = (
    "DROP VIEW labeled",
    "DROP VIEW failed",
    "DELETE FROM _sqlite_migrations WHERE name = 'm011_views'",
    "DROP VIEW audited",
    "DROP TABLE sample",
    "DROP TABLE review",
    "DROP TABLE review_batch",
    "DROP TABLE gold",
    "DROP TABLE alarm",
    "ALTER TABLE attempt DROP COLUMN reply_model",
    "ALTER TABLE attempt DROP COLUMN system_fingerprint",
    "DELETE FROM _sqlite_migrations WHERE name = 'm006_quality'",
    "DROP TRIGGER label_added",
    "DROP TRIGGER label_changed",
    "DELETE FROM total WHERE name LIKE 'by_model:%'",
    "DELETE FROM _sqlite_migrations WHERE name = 'm018_label_counts'",
)
"""Statements that take what the fourth format added, and counts that follow from it, out of a run file."""


def test_status_names_a_damaged_page(
    make_run: MakeRun, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that lies over another one is an alarm of `status`, for people and as JSON; a large file is left to check."""
    path = make_run([f"text {number}" for number in range(400)])
    assert main(["status", str(path)]) == 0
    assert "damaged" not in capsys.readouterr().out
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
        size = db.execute("PRAGMA page_size").fetchone()[0]
        query = "SELECT pageno FROM dbstat WHERE name = 'email' AND pagetype = 'leaf' ORDER BY path"
        first, *_, last = (row[0] for row in db.execute(query).fetchall())
    content = bytearray(path.read_bytes())
    content[(last - 1) * size : last * size] = content[(first - 1) * size : first * size]
    path.write_bytes(content)
    assert main(["status", str(path)]) == 0
    assert "alarm     the run file is damaged (" in capsys.readouterr().out
    assert main(["status", str(path), "--json"]) == 0
    assert "go back to a copy" in json.loads(capsys.readouterr().out)["alarms"][0]
    monkeypatch.setattr("core.storage.file.shape._LOOKED_THROUGH_BYTES", 0)
    assert damage_of(path) == ""


def as_format_1(path: Path) -> bytes:
    """Turn a run file into one of the first format; returns its bytes."""
    spoil(
        path,
        "DROP TRIGGER email_flagged",
        "ALTER TABLE email DROP COLUMN flags",
        "DELETE FROM total WHERE name = 'flagged'",
        "DELETE FROM _sqlite_migrations WHERE name = 'm004_flags'",
        *WITHOUT_REVIEWS,
        "PRAGMA user_version = 1",
        "PRAGMA wal_checkpoint(TRUNCATE)",
    )
    return path.read_bytes()


def as_format_2(path: Path) -> None:
    """Turn a run file into one of the second format."""
    spoil(
        path,
        *WITHOUT_REVIEWS,
        "DROP TABLE note",
        "DROP TABLE deed",
        "ALTER TABLE email DROP COLUMN sent_at",
        "ALTER TABLE email DROP COLUMN settled_at",
        "DELETE FROM _sqlite_migrations WHERE name = 'm005_people'",
        "PRAGMA user_version = 2",
        "PRAGMA wal_checkpoint(TRUNCATE)",
    )


def test_a_file_without_notes_gets_them_and_learns_when_emails_were_sent_and_settled(worked: Path) -> None:
    """Readers do without until a writer comes; then old labels and dates are where the new columns say."""
    spoil(worked, "UPDATE email SET date = 'Mon, 14 May 2001 16:39:00 -0700' WHERE id = 1")
    as_format_2(worked)
    with RunReader(worked) as reader:
        assert reader.record(1).notes == ()
        assert reader.last_change("ada") is None
        assert len(list(reader.export_rows())) == 7
    with RunLock(worked) as lock, Store.open(worked, lock) as store:
        store.note_by_person([1], "a picnic", author="ada", now=NOW)
    assert copies_before(worked)[0].name == f"small.before-format-{FORMAT_VERSION}.db"
    with RunReader(worked) as reader:
        assert [note.text for note in reader.record(1).notes] == ["a picnic"]
    with closing(sqlite3.connect(worked)) as db:
        assert db.execute("SELECT sent_at FROM email WHERE id = 1").fetchone() == (989883540.0,)
        unsettled = "SELECT count(*) FROM email WHERE (settled_at IS NULL) <> (state = 'pending')"
        assert db.execute(unsettled).fetchone() == (0,)
    assert check_run(worked).sound


def copies_before(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f"{path.stem}.before-format-*.db"))


def test_an_older_file_is_copied_and_then_migrated(worked: Path) -> None:
    """The copy is the file as it was; afterwards the run is of this format, and says what happened."""
    as_format_1(worked)
    rows = recount(worked)
    with RunLock(worked) as lock, Store.open(worked, lock):
        pass
    [copy] = copies_before(worked)
    assert copy.name == f"small.before-format-{FORMAT_VERSION}.db"
    with closing(sqlite3.connect(copy)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)
        assert "flags" not in {row[1] for row in db.execute("PRAGMA table_info(email)")}
    later = {name: count for name, count in recount(worked).items() if name.startswith("by_model:")}
    assert recount(copy) == rows
    assert recount(worked) == kept_totals(worked) == rows | later
    assert sum(later.values()) == 3
    assert check_run(worked).sound
    assert check_run(worked).notes == ()
    with RunReader(worked) as reader:
        assert copy.name in reader.snapshot(NOW).recent[0].text


def test_an_older_file_is_read_and_checked_as_it_is(worked: Path) -> None:
    """Readers change nothing: snapshot, export and check work on the older format, and check says what will come."""
    before = as_format_1(worked)
    with RunReader(worked) as reader:
        assert reader.snapshot(NOW).labeled == 3
        assert len(list(reader.export_rows())) == 7
    found = check_run(worked)
    assert found.sound
    assert "format 1" in found.notes[0]
    assert worked.read_bytes() == before
    assert copies_before(worked) == []


def test_where_no_copy_can_be_made_nothing_is_migrated(worked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The older file stays as it is, to the byte."""
    before = as_format_1(worked)

    def refuse(*_: object) -> None:
        raise RunFileError("No copy could be written: the disk is full.")

    monkeypatch.setattr(upgrades, "copy_database", refuse)
    with RunLock(worked) as lock, pytest.raises(RunFileError, match="disk is full"):
        Store.open(worked, lock)
    assert worked.read_bytes() == before


def test_a_migration_that_was_cut_off_is_gone_through_again(worked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut off before the format's number was written: the next writer finishes it, and keeps every copy."""
    as_format_1(worked)
    spoil(worked, "CREATE TABLE unrelated(x)")
    real = schema.migrate

    def cut_off(connection: sqlite3.Connection) -> None:
        real(connection)
        connection.execute("PRAGMA user_version = 1")
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(schema, "migrate", cut_off)
    with RunLock(worked) as lock, pytest.raises(RunFileError, match="before-format"):
        Store.open(worked, lock)
    monkeypatch.undo()
    with RunLock(worked) as lock, Store.open(worked, lock):
        pass
    assert len(copies_before(worked)) == 2
    assert check_run(worked).notes == ()


def test_copies_from_before_a_migration_are_not_listed_as_runs(
    home: Path, worked: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They can be opened by their path, but do not look like work to be done."""
    runs_dir = home / "runs"
    runs_dir.mkdir(parents=True)
    (runs_dir / "mail.db").write_bytes(worked.read_bytes())
    (runs_dir / "mail.before-format-2.db").write_bytes(worked.read_bytes())
    assert main(["status"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["mail"]


def test_no_file_is_made_or_changed_where_there_is_no_run(tmp_path: Path) -> None:
    """A writer that finds nothing, or somebody else's database, leaves the folder as it was."""
    missing, other = tmp_path / "missing.db", tmp_path / "other.db"
    with RunLock(missing) as lock, pytest.raises(RunNotFoundError):
        Store.open(missing, lock)
    assert not missing.exists()
    spoil(other, "CREATE TABLE t(x)")
    before = other.read_bytes()
    with RunLock(other) as lock, pytest.raises(RunFileError, match="not a run file"):
        Store.open(other, lock)
    assert other.read_bytes() == before
    with pytest.raises(RunFileError, match="not a run file"):
        check_run(other)


def test_a_second_holder_of_the_lock_is_refused_before_anything_is_opened(worked: Path, opened: Open) -> None:
    """Check and backup need no lock; a repair does."""
    opened(worked)
    assert check_run(worked).sound
    with pytest.raises(RunBusyError):
        RunLock(worked, wait_s=0.05).acquire()


def test_views_show_labeled_and_failed_emails_to_other_tools(worked: Path) -> None:
    """Datasette and others find each with its text, its newest call, and the time as text."""
    with closing(sqlite3.connect(f"file:{worked}?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        counts = dict(db.execute("SELECT state, count(*) FROM email GROUP BY state").fetchall())
        labeled = db.execute("SELECT * FROM labeled ORDER BY email_id").fetchall()
        failed = db.execute("SELECT * FROM failed").fetchall()
    assert len(labeled) == counts["labeled"]
    assert len(failed) == counts.get("failed", 0)
    assert all(row["text"] and row["label"] and row["labeled_at"][10] == "T" for row in labeled)
