"""What people do to emails, and that it can be undone: labels, notes, skips and retries, one email or many."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import UsageError
from core.model import EmailRow, EmailState
from core.storage.file.lock import RunLock
from core.storage.reading.filters import parse
from core.storage.reading.reader import RunReader
from core.storage.reading.search import Search
from core.storage.writing.check import check_run
from core.storage.writing.store import Store
from tests.conftest import NOW, MakeRun
from tests.storage.test_store import failed, labeled

Open = Callable[[Path], Store]


def rows(path: Path) -> list[EmailRow]:
    with RunReader(path) as reader:
        return reader.emails(limit=50)


@pytest.fixture
def path(make_run: MakeRun) -> Path:
    """Six emails: one labeled by the model, one failed, four in line."""
    made = make_run(["a", "b", "c", "d", "e", "f"])
    with RunLock(made) as lock, Store.open(made, lock) as store:
        store.begin_epoch(now=NOW, pid=1, host="here")
        store.commit([labeled(1), failed(2)], now=NOW)
    return made


@pytest.fixture
def store(path: Path, opened: Open) -> Store:
    return opened(path)


def test_a_label_on_many_is_undone_as_one(path: Path, store: Store) -> None:
    """Labeled, failed and waiting emails are each what they were; the label stays on record as undone."""
    before = rows(path)
    said = store.label_by_person([1, 2, 3], "0", annotator="ada", note="a picnic", now=NOW)
    assert said == "3 texts labeled 0 by ada"
    assert [row.label_source for row in rows(path)[:4]] == ["human", "human", "human", None]
    undone = store.undo(by="ada", now=NOW)
    assert undone is not None
    assert undone.sentence == "undone: the label 0 (3 texts as before)"
    assert rows(path) == before
    assert check_run(path).sound
    with RunReader(path) as reader:
        assert [label.source for label in reader.record(1).labels] == ["model", "undone"]
        assert [row.label for row in reader.export_rows()][:3] == ["1", "", ""]
        assert next(iter(reader.export_rows())).note == ""


def test_undo_goes_back_one_step_at_a_time_and_then_says_that_nothing_is_left(path: Path, store: Store) -> None:
    """The last undo entry first; what another person did is not touched."""
    store.label_by_person(1, "0", annotator="ada", note="", now=NOW)
    store.label_by_person(1, "1", annotator="ada", note="", now=NOW)
    store.skip([6], back=False, by="bo", now=NOW)
    for label, source in (("0", "human"), ("1", "model")):
        assert store.undo(by="ada", now=NOW) is not None
        assert (rows(path)[0].label, rows(path)[0].label_source) == (label, source)
    assert store.undo(by="ada", now=NOW) is None
    assert rows(path)[5].state is EmailState.SKIPPED


def test_a_skip_and_a_retry_are_undone(path: Path, store: Store) -> None:
    """A failed email fails again with its reason; one in line is in line again."""
    before = rows(path)
    assert store.skip([2, 3], back=False, by="ada", now=NOW) == 2
    store.undo(by="ada", now=NOW)
    assert rows(path) == before
    assert store.requeue(by="ada", now=NOW) == 1
    assert rows(path)[1].state is EmailState.PENDING
    store.undo(by="ada", now=NOW)
    assert rows(path) == before
    assert check_run(path).sound


def test_what_changed_since_is_left_and_counted(path: Path, store: Store) -> None:
    """A retried email that was answered keeps its answer; a label over a label keeps the newer one."""
    store.requeue(by="ada", now=NOW)
    store.commit([labeled(2)], now=NOW)
    undone = store.undo(by="ada", now=NOW)
    assert undone is not None
    assert undone.sentence == "undone: a retry (0 texts as before; 1 changed since and stay as they are)"
    assert rows(path)[1].state is EmailState.LABELED
    store.label_by_person([3, 4], "0", annotator="ada", note="", now=NOW)
    store.label_by_person(4, "1", annotator="bo", note="", now=NOW)
    undone = store.undo(by="ada", now=NOW)
    assert undone is not None
    assert undone.email_ids == (3,)
    assert rows(path)[3].label == "1"


def test_an_answer_that_came_under_a_persons_label_counts_when_that_is_undone(path: Path, store: Store) -> None:
    """Nothing that was paid for is asked again."""
    store.label_by_person(3, "0", annotator="ada", note="", now=NOW)
    store.commit([labeled(3)], now=NOW)
    store.undo(by="ada", now=NOW)
    assert (rows(path)[2].label, rows(path)[2].label_source) == ("1", "model")
    assert check_run(path).sound


def test_a_note_needs_no_label_and_is_found_and_exported(path: Path, store: Store) -> None:
    """It changes nothing else; undone, it is gone from record, filter and export."""
    before = rows(path)
    store.note_by_person([2, 4], "ask about the picnic", author="ada", now=NOW)
    store.label_by_person(5, "0", annotator="ada", note="a 100% picnic", now=NOW)
    assert rows(path)[:4] == before[:4]
    assert found(path, "note:picnic") == [2, 4, 5]
    assert found(path, "note:100%") == [5]
    assert found(path, "!note:any") == [1, 3, 6]
    with RunReader(path) as reader:
        assert [(note.text, note.author) for note in reader.record(4).notes] == [("ask about the picnic", "ada")]
        assert [row.note for row in reader.export_rows(email_ids=[5, 4])] == ["a 100% picnic", "ask about the picnic"]
    store.undo(by="ada", now=NOW)
    store.undo(by="ada", now=NOW)
    assert found(path, "note:any") == []
    with RunReader(path) as reader:
        assert reader.record(4).notes == ()
        assert {row.note for row in reader.export_rows()} == {""}


def found(path: Path, typed: str) -> list[int]:
    search = Search(path)
    search.begin(parse(typed))
    ids: list[int] = []
    while True:
        more = search.step()
        ids.extend(more.ids)
        if more.finished:
            search.close()
            return ids


def test_a_note_on_an_unknown_email_is_refused(store: Store) -> None:
    """Nothing is kept of it."""
    with pytest.raises(UsageError, match="no text number 99"):
        store.note_by_person([99], "x", author="ada", now=NOW)
    assert store.undo(by="ada", now=NOW) is None


def test_a_run_that_was_done_is_not_when_undo_puts_emails_in_line(make_run: MakeRun, opened: Open) -> None:
    """The next start goes on with them."""
    path = make_run(["a"])
    store = opened(path)
    store.label_by_person(1, "0", annotator="ada", note="", now=NOW)
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE run SET state = 'done'")
        db.commit()
    store.undo(by="ada", now=NOW)
    with RunReader(path) as reader:
        snapshot = reader.snapshot(NOW)
        assert (snapshot.state.value, snapshot.pending, snapshot.cursor) == ("stopped", 1, 0)


SERIAL = itertools.count()
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["label", "note", "skip", "back", "retry", "undo", "answer", "fail"]),
        st.sets(st.integers(1, 6), min_size=1),
        st.sampled_from(["ada", "bo"]),
    ),
    max_size=12,
)


@given(STEPS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_after_any_history_the_file_is_what_it_promises(
    make_run: MakeRun, steps: list[tuple[str, set[int], str]]
) -> None:
    """Totals, cursor and current labels agree with the rows, whatever people and the model do in turn."""
    path = make_run(["a", "b", "c", "d", "e", "f"], name=f"run{next(SERIAL)}")
    with RunLock(path) as lock, Store.open(path, lock) as store:
        store.begin_epoch(now=NOW, pid=1, host="here")
        for kind, ids, who in steps:
            named = sorted(ids)
            if kind == "label":
                store.label_by_person(named, str(len(named) % 2), annotator=who, note="", now=NOW)
            elif kind == "note":
                store.note_by_person(named, "x", author=who, now=NOW)
            elif kind in ("skip", "back"):
                store.skip(named, back=kind == "back", by=who, now=NOW)
            elif kind == "retry":
                store.requeue(now=NOW, by=who, email_ids=named)
            elif kind == "undo":
                store.undo(by=who, now=NOW)
            else:
                store.commit([(labeled if kind == "answer" else failed)(number) for number in named], now=NOW)
    assert check_run(path).findings == ()
