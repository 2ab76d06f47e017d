"""The writer of a run file: what is committed, what is refused, and that totals never drift from the rows."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from core.errors import RunBusyError, RunFileError, RunLostError, UsageError
from core.model import AskKind, Attempt, Outcome, RunState, Settled, orders_among
from core.storage.file.lock import RunLock, is_locked
from core.storage.file.schema_version import FORMAT_WITH_LABEL_COUNTS
from core.storage.reading.reader import RunReader
from core.storage.writing.check import check_run
from core.storage.writing.epochs import Beat
from core.storage.writing.store import Answer, Store
from tests.conftest import NOW, MakeRun

Open = Callable[[Path], Store]


def attempt(email_id: int, n: int = 1, outcome: Outcome = Outcome.ANSWERED, answer: str = "1") -> Attempt:
    return Attempt(
        email_id,
        n,
        AskKind.ASK if n == 1 else AskKind.REASK,
        "main",
        "org_1",
        "m",
        "v1",
        NOW,
        0.5,
        outcome,
        answer,
        None,
        100,
        2,
        "req_1",
    )


def labeled(email_id: int, value: str = "1", reasks: int = 0) -> Answer:
    return Answer(attempt(email_id, 1 + reasks, answer=value), Settled(email_id, reasks, label=value))


def failed(email_id: int, why: str = "no valid label") -> Answer:
    return Answer(attempt(email_id, outcome=Outcome.INVALID, answer="x"), Settled(email_id, 2, failure=why))


def recount(path: Path) -> dict[str, int]:
    """The totals as the rows give them."""
    with closing(sqlite3.connect(path)) as db:
        emails = db.execute("SELECT state, label, label_source, reasks FROM email").fetchall()
        attempts = db.execute("SELECT outcome, prompt_tokens, completion_tokens FROM attempt").fetchall()
        columns = {row[1] for row in db.execute("PRAGMA table_info(email)")}
        flags = db.execute("SELECT flags FROM email").fetchall() if "flags" in columns else []
        labels = db.execute("SELECT task_version, source, value FROM label").fetchall()
        counts_labels = db.execute("PRAGMA user_version").fetchone()[0] >= FORMAT_WITH_LABEL_COUNTS
    totals: Counter[str] = Counter()
    for state, label, source, reasks in emails:
        totals[f"state:{state}"] += 1
        if state == "labeled":
            totals[f"label:{label}"] += 1
            totals[f"source:{source}"] += 1
        if state in ("labeled", "failed"):
            totals[f"reasks:{reasks}"] += 1
    for outcome, prompt, completion in attempts:
        totals["attempts"] += 1
        totals[f"outcome:{outcome}"] += 1
        totals["prompt_tokens"] += prompt
        totals["completion_tokens"] += completion
    for version, source, value in labels if counts_labels else ():
        if source in ("model", "copy"):
            totals[f"by_model:{version}:{source}:{value}"] += 1
    totals["flagged"] = sum(bool(orders_among(text or "")) for (text,) in flags)
    return {name: value for name, value in totals.items() if value}


def kept_totals(path: Path) -> dict[str, int]:
    with closing(sqlite3.connect(path)) as db:
        return dict(db.execute("SELECT name, value FROM total WHERE value <> 0").fetchall())


def test_an_answer_is_committed_whole(make_run: MakeRun, opened: Open) -> None:
    """Attempt, label, totals and cursor appear together for another connection."""
    path = make_run(["a", "b"])
    opened(path).commit([labeled(1)], now=NOW)
    with RunReader(path) as reader:
        snapshot = reader.snapshot(NOW)
        record = reader.record(1)
    assert (snapshot.labeled, snapshot.pending, snapshot.cursor, snapshot.attempts) == (1, 1, 1, 1)
    assert snapshot.labels == {"1": 1, "0": 0}
    assert snapshot.tokens == 102
    assert [label.value for label in record.labels] == ["1"]
    assert [one.raw_answer for one in record.attempts] == ["1"]


def test_a_commit_says_how_many_emails_it_settled(make_run: MakeRun, opened: Open) -> None:
    """Copies included; a second answer about an email that the model labeled settles nothing, nor does one that is bad."""
    store = opened(make_run(["a", "b", "b", "c", "d"]))
    assert store.commit([labeled(1), labeled(2)], now=NOW) == 3
    assert store.commit([labeled(1, "0")], now=NOW) == 0
    assert store.commit([failed(4), labeled(1, "0")], now=NOW) == 1
    assert store.commit([Answer(attempt(5, outcome=Outcome.INVALID))], now=NOW) == 0
    assert store.fail(5, "too large", reasks=0, now=NOW) == 1


def test_a_batch_that_fails_leaves_nothing(make_run: MakeRun, opened: Open) -> None:
    """One answer that the file refuses takes the whole transaction back."""
    path = make_run(["a", "b"])
    store = opened(path)
    before = kept_totals(path)
    unbindable = replace(attempt(2), organization=object())  # type: ignore[arg-type]
    with pytest.raises(sqlite3.Error):
        store.commit([labeled(1), Answer(unbindable)], now=NOW)
    assert kept_totals(path) == before


def test_the_cursor_stands_at_the_first_email_that_is_not_settled(make_run: MakeRun, opened: Open) -> None:
    """Answers that come out of order do not move the cursor over a gap."""
    path = make_run(["a", "b", "c"])
    store = opened(path)
    cursors = []
    for email_id in (2, 3, 1):
        store.commit([labeled(email_id)], now=NOW)
        with RunReader(path) as reader:
            cursors.append(reader.snapshot(NOW).cursor)
    assert cursors == [0, 0, 3]


def test_the_same_text_is_asked_once_and_each_email_has_its_row(make_run: MakeRun, opened: Open) -> None:
    """A label settles every email in line with the same text, as a copy."""
    path = make_run(["a", "b", "a", "a"])
    assert opened(path).commit([labeled(1, "0")], now=NOW) == 3
    with RunReader(path) as reader:
        rows = reader.emails()
        assert [(row.label, row.label_source) for row in rows] == [
            ("0", "model"),
            (None, None),
            ("0", "copy"),
            ("0", "copy"),
        ]
        assert reader.snapshot(NOW).sources == {"model": 1, "copy": 2}


def test_without_dedupe_copies_stay_in_line(make_run: MakeRun, opened: Open) -> None:
    """``dedupe`` off asks about each email."""
    path = make_run(["a", "a"], dedupe=False)
    assert opened(path).commit([labeled(1)], now=NOW) == 1


@pytest.mark.parametrize("dedupe", [True, False])
def test_answers_committed_together_leave_what_they_leave_one_by_one(
    make_run: MakeRun, opened: Open, *, dedupe: bool
) -> None:
    """Copies, second answers, a person's label and answers of an older task come out the same in one transaction."""
    texts = ["a", "b", "a", "b", "c", "d", "a", "e", "f"]
    old = replace(labeled(8, "0"), attempt=replace(attempt(8, answer="0"), task_version="v0"))
    answers = [labeled(1, "0"), labeled(2), labeled(4, "0"), labeled(5, "0"), labeled(5), labeled(6), old, labeled(9)]
    left = []
    for name, step in (("together", len(answers)), ("in turn", 1)):
        path = make_run(texts, dedupe=dedupe, name=name)
        store = opened(path)
        store.label_by_person(6, "0", annotator="ada", note="", now=NOW)
        store.commit([failed(9)], now=NOW)
        settled = sum(store.commit(answers[at : at + step], now=NOW) for at in range(0, len(answers), step))
        with closing(sqlite3.connect(path)) as db:
            emails = db.execute("SELECT state, label, label_source, reasks, failure FROM email ORDER BY id").fetchall()
            labels = db.execute(
                "SELECT email_id, value, source, task_version, attempt_id FROM label ORDER BY email_id, id"
            ).fetchall()
        assert kept_totals(path) == recount(path)
        left.append((settled, emails, labels))
    assert left[0] == left[1]


def test_a_failure_fails_its_copies_too(make_run: MakeRun, opened: Open) -> None:
    """The same question would meet the same end, so it is not asked again for each copy."""
    path = make_run(["a", "a", "b"])
    assert opened(path).commit([failed(1)], now=NOW) == 2
    with RunReader(path) as reader:
        assert reader.failures() == [("no valid label", 2)]
        assert [row.asked for row in reader.emails()] == [True, False, False], "no call was made about the copy"


def test_the_record_of_a_copy_leads_to_the_answers_that_decided_it(make_run: MakeRun, opened: Open) -> None:
    """An email that was settled with its twin has no attempts, and shows whose they are; the twin needs none."""
    path = make_run(["a", "a", "b"])
    opened(path).commit([failed(1)], now=NOW)
    with RunReader(path) as reader:
        twin = reader.record(2).twin
        assert twin is not None
        assert [attempt.email_id for attempt in twin.attempts] == [1]
        assert twin.source_id == reader.record(1).row.source_id
        assert reader.record(1).twin is None
        assert reader.record(3).twin is None


def test_a_failure_says_lately_which_email_it_was(make_run: MakeRun, opened: Open) -> None:
    """The event of a failed email bears its subject."""
    path = make_run(["a"])
    opened(path).commit([failed(1)], now=NOW)
    with RunReader(path) as reader:
        happened = next(it for it in reader.snapshot(NOW).recent if it.kind == "failed")
        assert happened.subject == reader.record(1).row.subject


def test_no_email_gets_two_model_labels_of_one_task(make_run: MakeRun, opened: Open) -> None:
    """A second answer for a settled email is kept as an attempt and changes nothing."""
    path = make_run(["a"])
    store = opened(path)
    store.commit([labeled(1, "1")], now=NOW)
    store.commit([labeled(1, "0")], now=NOW)
    with RunReader(path) as reader:
        record = reader.record(1)
    assert record.row.label == "1"
    assert [label.value for label in record.labels] == ["1"]
    assert len(record.attempts) == 2


def test_an_interrupted_conversation_goes_on_where_it_was(make_run: MakeRun, opened: Open) -> None:
    """Unusable answers that were committed come back with the email, in order, with their reasons."""
    path = make_run(["a"])
    store = opened(path)
    bad = Attempt(1, 1, AskKind.ASK, "main", "o", "m", "v1", NOW, 0.1, Outcome.INVALID, "Work", "not 0 or 1")
    store.commit([Answer(bad), Answer(attempt(1, 2, Outcome.RATE_LIMITED, ""))], now=NOW)
    [email] = store.pending(after=-1, limit=10)
    assert email.bad_answers == (("Work", "not 0 or 1"),)
    assert email.attempts == 2


def test_requeued_emails_begin_a_new_conversation(make_run: MakeRun, opened: Open) -> None:
    """Their history stays in the file, but the next question starts afresh."""
    path = make_run(["a", "b"])
    store = opened(path)
    store.commit([failed(1), failed(2)], now=NOW)
    assert store.requeue(now=NOW, email_id=1) == 1
    [email] = store.pending(after=-1, limit=10)
    assert (email.id, email.bad_answers, email.attempts) == (1, (), 1)
    with RunReader(path) as reader:
        assert reader.snapshot(NOW).cursor == 0


def test_a_persons_label_wins_whatever_the_model_says_later(make_run: MakeRun, opened: Open) -> None:
    """The newest human label is the email's label; the model's is kept in its history."""
    path = make_run(["a"])
    store = opened(path)
    store.label_by_person(1, "0", annotator="ada", note="a picnic", now=NOW)
    store.commit([labeled(1, "1")], now=NOW)
    with RunReader(path) as reader:
        record = reader.record(1)
    assert (record.row.label, record.row.label_source) == ("0", "human")
    assert [(label.value, label.source) for label in record.labels] == [("0", "human"), ("1", "model")]


def test_labeling_an_unknown_email_is_refused(make_run: MakeRun, opened: Open) -> None:
    """A wrong number is an error that names it, and nothing is written."""
    path = make_run(["a"])
    with pytest.raises(UsageError, match="number 9"):
        opened(path).label_by_person(9, "0", annotator="ada", note="", now=NOW)


def test_a_worker_of_an_older_epoch_writes_nothing(make_run: MakeRun, opened: Open) -> None:
    """Whoever lost the run learns it at the next write, before anything is changed."""
    path = make_run(["a"])
    store = opened(path)
    with closing(sqlite3.connect(path)) as other:
        other.execute("UPDATE run SET epoch = epoch + 1")
        other.commit()
    with pytest.raises(RunLostError, match="took over"):
        store.commit([labeled(1)], now=NOW)
    with RunReader(path) as reader:
        assert reader.snapshot(NOW).attempts == 0


def test_only_one_process_holds_the_run(make_run: MakeRun) -> None:
    """A second lock is refused with the run's name; letting go lets the next one in."""
    path = make_run(["a"])
    first = RunLock(path)
    first.acquire()
    assert is_locked(path)
    with pytest.raises(RunBusyError, match="small"):
        RunLock(path, wait_s=0.05).acquire()
    first.release()
    assert not is_locked(path)


def test_a_file_from_a_newer_version_is_refused(make_run: MakeRun) -> None:
    """It says that an upgrade is needed, and does not touch the file."""
    path = make_run(["a"])
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    for open_it in (lambda: RunReader(path), lambda: _open(path)):
        with pytest.raises(RunFileError, match="newer labeltui"):
            open_it()


def test_another_database_is_refused(tmp_path: Path) -> None:
    """A SQLite file that is no run is named as such."""
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE t(x)")
    with pytest.raises(RunFileError, match="not a run file"):
        RunReader(path)
    path.write_text("hello, I am text and no database at all, whatever my name says" * 20)
    with pytest.raises(RunFileError, match=r"not a run file|cannot be read"):
        RunReader(path)


def _open(path: Path) -> None:
    with RunLock(path) as lock:
        Store.open(path, lock)


def test_the_shuffled_order_is_a_permutation_that_its_seed_repeats(make_run: MakeRun) -> None:
    """Positions are 0 to n-1, differ from the source order, and come out the same again."""
    texts = [str(n) for n in range(50)]
    orders = []
    for name in ("one", "two"):
        with RunReader(make_run(texts, name=name, order="shuffled")) as reader:
            orders.append([row.id for row in reader.emails(limit=100)])
    assert orders[0] == orders[1]
    assert sorted(orders[0]) == list(range(1, 51))
    assert orders[0] != sorted(orders[0])


_histories = count()
_moves = st.lists(
    st.tuples(
        st.sampled_from(["label", "labels", "fail", "person", "retry", "reask"]),
        st.integers(1, 6),
        st.sampled_from("01"),
    ),
    max_size=25,
)


@given(moves=_moves)
@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_totals_agree_with_the_rows_after_any_history(moves: list[tuple[str, int, str]], make_run: MakeRun) -> None:
    """Whatever is done in whatever order, each total equals a recount."""
    path = make_run(["a", "b", "a", "c", "b", "d"], name=f"history-{next(_histories)}")
    with RunLock(path) as lock, Store.open(path, lock) as store:
        store.begin_epoch(now=NOW, pid=1, host="h")
        for kind, email_id, value in moves:
            if kind == "label":
                store.commit([labeled(email_id, value)], now=NOW)
            elif kind == "labels":
                store.commit([labeled(each, value) for each in range(email_id, 7)], now=NOW)
            elif kind == "fail":
                store.commit([failed(email_id)], now=NOW)
            elif kind == "person":
                store.label_by_person(email_id, value, annotator="ada", note="", now=NOW)
            elif kind == "retry":
                store.requeue(now=NOW)
            else:
                store.commit([Answer(attempt(email_id, outcome=Outcome.INVALID, answer="?"))], now=NOW)
        assert kept_totals(path) == recount(path)
        assert check_run(path).findings == ()
        with closing(sqlite3.connect(path)) as db:
            first = db.execute("SELECT min(position) FROM email WHERE state = 'pending'").fetchone()[0]
            cursor = db.execute("SELECT cursor FROM run").fetchone()[0]
        assert cursor == (6 if first is None else first)


def test_skipped_emails_are_not_asked_about_until_they_are_taken_back(make_run: MakeRun, opened: Open) -> None:
    """A skipped email is settled, its totals agree with the rows, and it can come back."""
    path = make_run(["a", "b"])
    store = opened(path)
    store.skip([1], back=False, by="ada", now=NOW)
    assert [email.id for email in store.pending(after=-1, limit=10)] == [2]
    assert kept_totals(path) == recount(path)
    with RunReader(path) as reader:
        assert (reader.snapshot(NOW).skipped, reader.snapshot(NOW).cursor) == (1, 1)
    store.skip([1], back=True, by="ada", now=NOW)
    assert [email.id for email in store.pending(after=-1, limit=10)] == [1, 2]
    assert kept_totals(path) == recount(path)


def test_texts_left_are_estimated_where_they_are_too_many_to_count(make_run: MakeRun, opened: Open) -> None:
    """Within a few percent, with the mean length of a text and not of an email, and without reading the whole run.

    The loop counts them while it works: over a million emails an exact count would stop it for ten seconds.
    """
    copied = [f"copied {n % 900} {'x' * 300}" for n in range(5_400)]
    path = make_run([*(f"alone {n}" for n in range(3_000)), *copied], order="shuffled")
    store = opened(path)
    texts, chars = store.pending_texts()
    with RunReader(path) as reader:
        exact, _ = reader.pending_texts()
    assert exact == 3_900
    assert abs(texts - exact) < 0.06 * exact
    assert abs(chars - 80) < 10  # the mean of emails is 203
    steps = 0

    def count_steps() -> None:
        nonlocal steps
        steps += 1

    store._db.set_progress_handler(count_steps, 1_000)
    store.pending_texts()
    store._db.set_progress_handler(None, 0)
    assert steps < 400


def test_texts_left_are_counted_where_they_are_few(make_run: MakeRun, opened: Open) -> None:
    """An estimate of a few emails would be none."""
    path = make_run(["a", "b", "b", "c"])
    assert opened(path).pending_texts()[0] == 3


@pytest.mark.parametrize(
    ("bound", "ends", "asked_again", "ended"),
    [(6, False, 6, "killed"), (0, False, 0, "killed"), (6, True, 0, "asked to stop")],
    ids=["killed", "killed at rest", "stopped"],
)
def test_a_worker_says_how_the_one_before_it_ended(
    bound: int, ends: bool, asked_again: int, ended: str, make_run: MakeRun
) -> None:
    """After a kill at most the calls that were out are asked again; after a stop none."""
    with RunLock(path := make_run(["a", "b"])) as lock, Store.open(path, lock) as store:
        assert store.begin_epoch(now=NOW, pid=1, host="h").ended == ""
        store.beat(Beat(RunState.RUNNING, "", None, 2, bound, {}), now=NOW + 1)
        if ends:
            store.end_epoch(RunState.STOPPED, "asked to stop", now=NOW + 2)
        found = store.begin_epoch(now=NOW + 3, pid=2, host="h")
    assert (found.epoch, found.asked_again, found.ended) == (2, asked_again, ended)


def test_what_happened_is_noted_with_its_email_and_key(make_run: MakeRun, opened: Open) -> None:
    """In the order of time, with text that UTF-8 can hold."""
    path = make_run(["a"])
    store = opened(path)
    store.add_event("key", "main is cooling", now=NOW + 1, key_alias="main")
    store.add_event("place", "half \ud800", now=NOW + 2, email_id=1)
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute("SELECT at, kind, text, email_id, key_alias FROM event WHERE at > ? ORDER BY id", (NOW,))
        assert rows.fetchall() == [
            (NOW + 1, "key", "main is cooling", None, "main"),
            (NOW + 2, "place", "half ?", 1, ""),
        ]
