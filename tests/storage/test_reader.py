"""Snapshots: cheap while nothing happens, and truthful about a worker that is gone or silent."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlite_utils import Database

from core.errors import RunFileError, RunNotFoundError
from core.model import RunState, SourceEmail, Task, View, Wait
from core.storage.file.lock import RunLock, companion
from core.storage.file.rows import task_to_definition
from core.storage.file.schema import migrations
from core.storage.file.schema_version import APPLICATION_ID, FORMAT_VERSION
from core.storage.reading.filters import parse
from core.storage.reading.ordering import Order
from core.storage.reading.reader import RunReader
from core.storage.reading.reviews import doubts, rates_over_run, read_audit
from core.storage.reading.sampling import sample
from core.storage.reading.search import Search
from core.storage.reading.summaries import STALE_AFTER_S, all_totals
from core.storage.writing.intake import NewRun
from core.storage.writing.store import Beat, Store
from tests.conftest import NOW, MakeRun
from tests.storage.test_store import failed, labeled

Open = Callable[[Path], Store]


def test_nothing_is_read_again_while_nothing_was_committed(make_run: MakeRun, opened: Open) -> None:
    """The parts of two snapshots are the same objects until the writer commits."""
    path = make_run(["a", "b"])
    store = opened(path)
    with RunReader(path) as reader:
        first, second = reader.snapshot(NOW), reader.snapshot(NOW + 1)
        assert second.outcomes is first.outcomes  # an empty tuple would be the same in any case
        assert second.taken_at == NOW + 1
        store.commit([labeled(1)], now=NOW)
        assert reader.snapshot(NOW + 2).labeled == 1


def test_a_worker_that_is_gone_is_not_shown_as_running(make_run: MakeRun) -> None:
    """Without a holder of the lock, a run that says running is stopped, and says how."""
    path = make_run(["a"])
    with RunLock(path) as lock, Store.open(path, lock) as store:
        store.begin_epoch(now=NOW, pid=1, host="here")
        with RunReader(path) as reader:
            assert reader.snapshot(NOW).state is RunState.RUNNING
    with RunReader(path) as reader:
        snapshot = reader.snapshot(NOW)
    assert snapshot.state is RunState.STOPPED
    assert "without a word" in snapshot.reason
    assert not snapshot.worker.alive


def test_a_silent_worker_is_stale(make_run: MakeRun, opened: Open) -> None:
    """It holds the lock, but its heartbeat is old: the age is in the reason."""
    path = make_run(["a"])
    opened(path)
    with RunReader(path) as reader:
        assert reader.snapshot(NOW + STALE_AFTER_S).state is RunState.RUNNING
        snapshot = reader.snapshot(NOW + 42)
    assert snapshot.state is RunState.STALE
    assert "its last heartbeat was 42 s ago" in snapshot.reason
    assert snapshot.worker.host
    assert snapshot.heartbeat_age_s == 42


@pytest.mark.parametrize(
    ("log", "age_s", "refused"),
    [
        (
            "12:00 ERROR labeltui: the run file cannot be written (disk I/O error); answers are kept",
            1,
            "disk I/O error",
        ),
        (
            "12:00 WARNING labeltui: could not write the heartbeat: attempt to write\n12:01 the ru",
            1,
            "attempt to write",
        ),
        ("12:00 ERROR labeltui: the run file cannot be written (disk I/O error); answers are kept", 60, ""),
        ("12:00 could not write the heartbeat: full\n12:01 began\n12:02 went on", 1, ""),
    ],
)
def test_a_silent_worker_that_the_disk_refuses_waits_and_says_why(
    make_run: MakeRun, opened: Open, log: str, age_s: float, refused: str
) -> None:
    """The run file cannot say it: the newest lines of the worker's log do, while they are new."""
    path = make_run(["a"])
    opened(path)
    at = NOW + 42
    companion(path, ".log").write_text(log)
    os.utime(companion(path, ".log"), (at - age_s, at - age_s))
    with RunReader(path) as reader:
        assert reader.snapshot(NOW).worker.refused == ""
        snapshot = reader.snapshot(at)
        summary = reader.summary(at, changed_at=at, size_bytes=1)
    assert snapshot.worker.refused == refused
    assert (snapshot.state, snapshot.reason) == (summary.state, summary.reason)
    if refused:
        assert snapshot.state is RunState.WAITING
        assert snapshot.reason.startswith(f"the disk has refused the run file for 42 s ({refused}): see to the disk")
    else:
        assert snapshot.state is RunState.STALE


def test_a_disk_without_room_is_the_reason_of_silence_where_no_log_says_it(
    make_run: MakeRun, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the log cannot take either, the disk itself shows: no room, or for reading only."""
    path = make_run(["a"])
    opened(path)
    free, flags = 1_000_000, 0
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=free, f_frsize=1, f_flag=flags))
    with RunReader(path) as reader:
        assert reader.snapshot(NOW + 42).state is RunState.STALE
        free = 10_000
        assert reader.snapshot(NOW + 42).worker.refused == "database or disk is full"
        flags = os.ST_RDONLY
        assert reader.snapshot(NOW + 42).worker.refused == "the disk is for reading only"


def test_a_wait_is_shown_with_its_limit(make_run: MakeRun, opened: Open) -> None:
    """Until when, for what, of whom."""
    path = make_run(["a"])
    wait = Wait(NOW + 60, "TPM", "org_1", "org_1 waits for tokens per minute")
    opened(path).beat(Beat(RunState.WAITING, wait.reason, wait, 0, 8, {}), now=NOW)
    with RunReader(path) as reader:
        snapshot = reader.snapshot(NOW)
    assert snapshot.wait == wait
    assert snapshot.state is RunState.WAITING


def test_recent_mixes_labels_and_events_the_newest_first(make_run: MakeRun, opened: Open) -> None:
    """Copies do not crowd out what was asked."""
    path = make_run(["a", "b", "a", "c"])
    store = opened(path)
    store.commit([labeled(1)], now=NOW + 1)
    store.commit([failed(2)], now=NOW + 2)
    store.add_event("key", "main is disabled", now=NOW + 3)
    with RunReader(path) as reader:
        recent = reader.snapshot(NOW).recent
    assert [one.kind for one in recent] == ["key", "failed", "labeled", "start"]
    assert recent[2].label == "1"


def test_an_email_without_a_subject_is_named_by_how_its_text_begins(tmp_path: Path, task: Task, opened: Open) -> None:
    """In lists, in what happened recently and in a sample: a column of plain texts has no subjects. Headers say nothing."""
    texts = {"Shall we\n have lunch?": "Shall we have lunch?", "From: a@b.example\n\nNoon?": "Noon?", "": ""}
    path = tmp_path / "plain.db"
    with Store.create(
        path, NewRun("plain", "x.csv", "digest", NOW, order="source", seed=3, dedupe=True), task
    ) as store:
        store.add_emails(
            (SourceEmail(str(n), text, f"row {n}"), View("", "", "", text, f"hash {n}", truncated=False))
            for n, text in enumerate(texts)
        )
        store.set_order("source", 3)
    opened(path).commit([labeled(1), failed(2)], now=NOW + 1)
    with RunReader(path) as reader:
        assert [row.opening for row in reader.emails(limit=9)] == list(texts.values())
        assert [row.named for row in reader.emails(limit=9)] == ["Shall we have lunch?", "Noon?", "(no subject)"]
        assert reader.record(1).row.opening == "Shall we have lunch?"
        recent = {one.kind: one for one in reader.snapshot(NOW).recent}
        assert (recent["labeled"].text, recent["failed"].subject) == ("Shall we have lunch?", "Noon?")
        assert {email.opening for email, _ in sample(path, 9)} == set(texts.values())


def test_proof_of_resumption_counts_what_was_kept(make_run: MakeRun) -> None:
    """The second worker has the cursor, what is settled, and how the first one ended."""
    path = make_run(["a", "b", "c"])
    with RunLock(path) as lock, Store.open(path, lock) as store:
        store.begin_epoch(now=NOW, pid=1, host="here")
        store.beat(Beat(RunState.RUNNING, "", None, 2, 8, {"main": 2}), now=NOW)
        store.commit([labeled(1)], now=NOW)
    with RunLock(path) as lock, Store.open(path, lock) as store:
        resumption = store.begin_epoch(now=NOW + 5, pid=2, host="here")
    assert (resumption.cursor, resumption.kept, resumption.asked_again) == (1, 1, 8)
    assert resumption.ended == "killed"


def test_pages_are_in_work_order_and_by_state(make_run: MakeRun, opened: Open) -> None:
    """Lists and counts agree."""
    path = make_run([str(n) for n in range(10)], order="shuffled")
    store = opened(path)
    store.commit([labeled(1), failed(2), labeled(3)], now=NOW)
    store.label_by_person(4, "0", annotator="ada", note="", now=NOW)
    with RunReader(path) as reader:
        every = reader.emails(limit=100)
        assert [row.position for row in every] == list(range(10))
        assert reader.emails(offset=4, limit=3) == every[4:7]
        for state, count in (("labeled", 2), ("failed", 1), ("pending", 7), ("human", 1), (None, 10)):
            assert reader.count(state) == count == len(reader.emails(state=state, limit=100))


def test_a_missing_file_and_a_missing_email_are_named(make_run: MakeRun, tmp_path: Path) -> None:
    """Each error says what was looked for."""
    with pytest.raises(RunNotFoundError, match="nowhere"):
        RunReader(tmp_path / "nowhere.db")
    with RunReader(make_run(["a"])) as reader, pytest.raises(RunFileError, match="number 7"):
        reader.record(7)


def test_a_file_that_was_deleted_or_replaced_is_not_shown_as_if_it_were_there(
    make_run: MakeRun, tmp_path: Path
) -> None:
    """An open file can be read after it is deleted, but what it says is true of no run."""
    path = make_run(["a"])
    with RunReader(path) as reader:
        reader.snapshot(NOW)
        kept = path.rename(tmp_path / "kept.bak")
        with pytest.raises(RunNotFoundError, match="any more"):
            reader.snapshot(NOW + 1)
        path.write_bytes(kept.read_bytes())
        with pytest.raises(RunNotFoundError, match="any more"):
            reader.snapshot(NOW + 2)
    with RunReader(path) as reader:
        assert reader.snapshot(NOW + 3).total == 1


def test_reading_changes_nothing(make_run: MakeRun) -> None:
    """The run file is the same to the byte after a reader was there."""
    path = make_run(["a", "b"])
    before = path.read_bytes()
    with RunReader(path) as reader:
        reader.snapshot(NOW)
        reader.emails()
        reader.record(1)
        list(reader.export_rows())
    assert path.read_bytes() == before


def as_of_format(path: Path, number: int, task: Task) -> None:
    """Make a run file as labeltui of that format wrote it, with all that the format can hold of one labeled email."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = OFF")
        later = list(migrations.pending(Database(db)))[number + 2 :] if number < FORMAT_VERSION else []
        migrations.apply(Database(db), stop_before=later[0].name if later else None)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {number}")
        db.execute("INSERT INTO task VALUES ('v1', 'mail', ?, 0)", (task_to_definition(task),))
        db.execute(
            "INSERT INTO run(id, name, source, created_at, work_order, seed, dedupe, simulated, task_version)"
            " VALUES (1, 'old', 'mail.csv', 1, 'source', 7, 1, 0, 'v1')"
        )
        db.execute(
            "INSERT INTO email(id, position, source_id, content_hash, subject, state, label, label_source)"
            " VALUES (1, 0, 'a', 'h', 's', 'labeled', '1', 'model')"
        )
        raw = "raw" if number < 11 else "raw_whole"
        db.execute(f"INSERT INTO body(email_id, text, {raw}) VALUES (1, 'Subject: s\n\nhello', 'Subject: s\n\nhello')")
        db.execute(
            "INSERT INTO attempt(id, email_id, n, kind, key_alias, organization, model, task_version, started_at,"
            " latency_s, outcome, raw_answer, prompt_tokens, completion_tokens)"
            " VALUES (1, 1, 1, 'ask', 'main', 'org', 'm', 'v1', 5, 0.5, 'answered', '1', 100, 2)"
        )
        db.execute(
            "INSERT INTO label(email_id, value, source, attempt_id, task_version, at) VALUES (1, '1', 'model', 1, 'v1', 6)"
        )
        for since, statement in HELD_SINCE:
            if number >= since:
                db.execute(statement)


HELD_SINCE = (
    (2, "UPDATE email SET flags = 'ignore'"),
    (3, "INSERT INTO note(email_id, text, author, at) VALUES (1, 'a note', 'ada', 7)"),
    (3, "UPDATE email SET settled_at = 8, sent_at = 4"),
    (4, "INSERT INTO alarm(watch, at, state, sentence) VALUES ('labels', 9, 'raised', 'an alarm')"),
    (4, "INSERT INTO sample(name, kind, seed, goal, rates, created_at) VALUES ('random', 'random', '5', 9, '{\"\": 1.0}', 0)"),
    (4, "INSERT INTO review_batch VALUES ('ada', 1, '[]')"),
    (4, "UPDATE attempt SET reply_model = 'm-2024'"),
    (5, "UPDATE body SET columns = '{\"stars\": 5}'"),
    (5, "INSERT INTO source_column VALUES (0, 'stars')"),
    (5, "INSERT INTO skipped(place, reason) VALUES ('row 2', 'no text')"),
    (6, "INSERT INTO canary(email_id, task_version, label, value, round, asked_at) VALUES (1, 'v1', '1', '0', 1, 0)"),
    (7, "UPDATE run SET concurrency = 8"),
    (8, "UPDATE run SET lane = 'batch'"),
    (
        8,
        (
            "INSERT INTO parcel(nonce, state, key_alias, organization, model, task_version, window, packed_at, total,"
            " tokens, sent_at, polled_at, status)"
            " VALUES ('n', 'done', 'main', 'org', 'm', 'v1', '24h', 1, 1, 9, 2, 12, 'completed')"
        ),
    ),
    (10, "INSERT INTO place VALUES ('node-1', 'n', 'ready', '', 0, 0, 0)"),
    (12, "INSERT INTO pack(id, size) VALUES (1, 3)"),
    (12, "UPDATE attempt SET pack_id = 1, pack_position = 1"),
    (12, "INSERT INTO control VALUES (1, 1, 'v1', '1', '0', 0, 3, 1, 10, NULL)"),
    (13, "INSERT INTO total(name, value) VALUES ('lane:batch:answered', 4)"),
    (15, "UPDATE attempt SET label_probability = 0.75"),
    (16, "UPDATE total SET value = 40 WHERE name = 'by_model:v1:model:1'"),
    (18, "UPDATE run SET reading = 'columns'"),
)  # fmt: skip


@pytest.mark.parametrize("number", range(1, FORMAT_VERSION + 1))
def test_a_file_of_any_format_shows_all_that_it_holds(number: int, task: Task, tmp_path: Path) -> None:
    """Readers migrate nothing: what a format does not have is as if there were none of it."""
    path = tmp_path / "old.db"
    as_of_format(path, number, task)

    def since(first: int, known: object, otherwise: object) -> object:
        return known if number >= first else otherwise

    with RunReader(path) as reader:
        snapshot, (row,), record = reader.snapshot(NOW), reader.emails(), reader.record(1)
        (exported,) = reader.export_rows()
        (message,) = reader.messages()
        assert (snapshot.labeled, row.label, exported.label, message.raw) == (1, "1", "1", "Subject: s\n\nhello")
        assert row.flags == exported.flags == since(2, "ignore", "")
        assert [note.text for note in record.notes] == since(3, ["a note"], [])
        assert exported.note == since(3, "a note", "")
        assert snapshot.alarms == since(4, ("labels: an alarm",), ())
        assert exported.audit_rate == since(4, 1.0, None)
        assert record.attempts[0].reply_model == since(4, "m-2024", None)
        assert (exported.kept, reader.source_columns()) == since(5, ('{"stars": 5}', ("stars",)), (None, ()))
        assert message.columns == since(5, {"stars": 5}, None)
        assert reader.skipped_by_reason() == since(5, {"no text": 1}, {})
        assert [row[1] for row in reader.skipped_rows()] == since(5, ["row 2"], [])
        assert snapshot.canaries == since(6, (1, 1), (0, 0))
        assert snapshot.concurrency == since(7, 8, None)
        assert (snapshot.lane.lane, reader.lane().lane) == since(8, ("batch", "batch"), ("live", "live"))
        assert [parcel.nonce for parcel in snapshot.parcels] == since(8, ["n"], [])
        assert reader.batches_took_s() == since(8, 10.0, None)
        assert [place.name for place in snapshot.places] == since(10, ["node-1"], [])
        assert (record.attempts[0].pack is None) == (number < 12)
        assert "batch" in [lane.lane for lane in snapshot.lanes] or number < 13
        assert exported.label_probability == since(15, 0.75, None)
        assert reader.reading() == since(18, "columns", "")
    audit = read_audit(path)
    assert audit.started == (number >= 4)
    assert [batch.annotator for batch in audit.batches] == since(4, ["ada"], [])
    assert [member.model for member in audit.drawn] == since(4, ["m-2024"], ["m"])
    assert audit.by_model == since(16, {"1": 40}, {"1": 1})
    assert (audit.packs is None) == (number < 12)
    assert rates_over_run(path, "v1", slices=1)["canaries"] == since(6, [(1, 1)], [(0, 0)])
    found = doubts(path, "v1", most=9)
    assert (found.improbable, found.unsteady) == (since(15, (1,), ()), since(6, (1,), ()))
    search = Search(path)
    for typed, since_format in (("flag:ignore", 2), ("note:any", 3), ("label:1", 1)):
        search.begin(parse(typed))
        assert list(search.step().ids) == since(since_format, [1], []), typed
    if number >= 3:
        search.begin(parse(""), Order("settled"))
        assert list(search.step().ids) == [1]
    search.close()


@pytest.mark.parametrize(("number", "seed", "sampled"), [(3, 2, [None]), (4, 1, []), (4, 2, ["0"]), (5, 2, ["0"])])
def test_a_sample_for_drafts_has_one_half_of_what_people_labeled(
    number: int, seed: int, sampled: list[str | None], task: Task, tmp_path: Path
) -> None:
    """From format 4 on, which keeps what people said; the other half is left out."""
    path = tmp_path / "old.db"
    as_of_format(path, number, task)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE run SET seed = ?", (seed,))
        if number >= 4:
            db.execute(
                "INSERT INTO review(email_id, annotator, sample_id, kind, value, seconds, shown, batch, at)"
                " VALUES (1, 'ada', 1, 'first', '0', 1, 'text', 1, 9)"
            )
    assert [email.human_label for email, _ in sample(path, 5)] == sampled


def test_calls_of_batches_are_counted_by_lane_once_a_file_is_migrated(task: Task, tmp_path: Path) -> None:
    """Format 13 counts them so; before, they had totals of their own."""
    path = tmp_path / "old.db"
    as_of_format(path, 12, task)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE attempt SET lane = 'batch'")
        db.execute("INSERT INTO total(name, value) VALUES ('batch:attempts', 1)")
    with RunLock(path) as lock, Store.open(path, lock) as store:
        assert {name: value for name, value in all_totals(store._db).items() if name.startswith(("lane:", "batch:"))} == {
            "lane:batch:answered": 1, "lane:batch:prompt_tokens": 100, "lane:batch:completion_tokens": 2,
        }  # fmt: skip
