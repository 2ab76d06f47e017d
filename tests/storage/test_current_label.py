"""The rule for the current label, and what becomes of answers that come late: nothing paid for is lost or asked again."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from core.llm.task import versioned
from core.model import Settled
from core.storage.file.lock import RunLock
from core.storage.reading.reader import RunReader
from core.storage.writing.check import check_run
from core.storage.writing.store import Answer, Store
from tests.conftest import NOW, MakeRun
from tests.storage.test_store import attempt, failed, kept_totals, labeled, recount

Open = Callable[[Path], Store]


@pytest.fixture
def path(make_run: MakeRun) -> Path:
    """Five emails, two of them with the same text, and a failure."""
    made = make_run(["a", "b", "c", "d", "d"])
    with RunLock(made) as lock, Store.open(made, lock) as store:
        store.begin_epoch(now=NOW, pid=1, host="here")
        store.commit([failed(2)], now=NOW)
    return made


@pytest.fixture
def store(path: Path, opened: Open) -> Store:
    return opened(path)


def shown(path: Path, email_id: int) -> tuple[str, str | None, str | None]:
    """State, label and source of one email."""
    with RunReader(path) as reader:
        row = reader.rows([email_id])[0]
    return row.state.value, row.label, row.label_source


def models(path: Path, email_id: int) -> list[str]:
    """The values of the model's labels of one email, as recorded."""
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute(
            "SELECT value FROM label WHERE email_id = ? AND source IN ('model', 'copy') ORDER BY id", (email_id,)
        ).fetchall()
    return [row[0] for row in rows]


def sound(path: Path) -> bool:
    return check_run(path).sound and kept_totals(path) == recount(path)


def test_a_persons_label_leaves_a_pending_email_in_the_models_work(path: Path, store: Store) -> None:
    """It is shown at once; the model's answer is still wanted, recorded beside it, and the person's stays current."""
    store.label_by_person(1, "0", annotator="ada", note="", now=NOW)
    assert shown(path, 1) == ("pending", "0", "human")
    assert 1 in [email.id for email in store.pending(after=-1, limit=10)]
    assert store.commit([labeled(1, "1")], now=NOW) == 1
    assert shown(path, 1) == ("labeled", "0", "human")
    with RunReader(path) as reader:
        row = next(iter(reader.export_rows()))
    assert (row.label, row.model_label, row.human_label) == ("0", "1", "0")
    assert sound(path)
    store.undo(by="ada", now=NOW)
    assert shown(path, 1) == ("labeled", "1", "model")
    assert sound(path)


def test_where_the_model_fails_a_persons_label_stands_until_it_is_undone(path: Path, store: Store) -> None:
    """The email is labeled, and failed with its reason once the label is taken back."""
    store.label_by_person(1, "0", annotator="ada", note="", now=NOW)
    store.commit([failed(1)], now=NOW)
    assert shown(path, 1) == ("labeled", "0", "human")
    assert sound(path)
    store.undo(by="ada", now=NOW)
    assert shown(path, 1)[0] == "failed"
    with RunReader(path) as reader:
        assert reader.rows([1])[0].failure
    assert sound(path)


def test_copies_share_a_persons_label(path: Path, store: Store) -> None:
    """As they share the model's; undo takes it back from all of them."""
    assert "(and 1 with the same text)" in store.label_by_person(4, "0", annotator="ada", note="", now=NOW)
    assert [shown(path, number)[1] for number in (4, 5)] == ["0", "0"]
    store.undo(by="ada", now=NOW)
    assert [shown(path, number)[1] for number in (4, 5)] == [None, None]
    assert sound(path)


def test_the_answer_to_a_skipped_email_is_kept_and_counts_once_it_is_requeued(path: Path, store: Store) -> None:
    """It was paid for: the email stays skipped, and is labeled instead of asked again when the skip is taken back."""
    store.skip([1], back=False, by="ada", now=NOW)
    assert not store.is_pending(1)
    store.commit([labeled(1, "1")], now=NOW)
    assert shown(path, 1) == ("skipped", None, None)
    with RunReader(path) as reader:
        assert next(iter(reader.export_rows())).model_label == "1"
    assert sound(path)
    assert store.skip([1], back=True, by="ada", now=NOW) == 1
    assert shown(path, 1) == ("labeled", "1", "model")
    assert models(path, 1) == ["1"]
    assert sound(path)


def test_no_call_asks_again_about_a_skipped_email_that_was_answered(path: Path, store: Store) -> None:
    """Neither a probe of the server nor a canary is made with it: whoever skips a text wants no call about it."""
    store.skip([1], back=False, by="ada", now=NOW)
    store.commit([labeled(1), labeled(3)], now=NOW + 1)
    probe = store.answered_email(0)

    assert probe is not None
    assert probe.id == 3
    assert store.answered_email(1) is None
    assert store.labeled_email(1) is None
    assert store.labeled_email(3) is not None


def test_a_skip_that_is_undone_shows_the_answer_that_came_meanwhile(path: Path, store: Store) -> None:
    """No second call is made for it."""
    store.skip([1], back=False, by="ada", now=NOW)
    store.commit([labeled(1, "1")], now=NOW)
    store.undo(by="ada", now=NOW)
    assert shown(path, 1) == ("labeled", "1", "model")
    assert sound(path)


def test_a_bad_answer_to_a_skipped_email_leaves_it_skipped(path: Path, store: Store) -> None:
    """The skip takes it out of the model's work, also while its call is in flight."""
    store.skip([1], back=False, by="ada", now=NOW)
    store.commit([failed(1)], now=NOW)
    assert shown(path, 1)[0] == "skipped"
    assert sound(path)


def test_the_answer_after_an_undone_retry_labels_the_email(path: Path, store: Store) -> None:
    """It failed before the retry, and its call was in flight when the retry was undone."""
    store.requeue(now=NOW, by="ada", email_ids=[2])
    store.undo(by="ada", now=NOW)
    assert shown(path, 2)[0] == "failed"
    assert store.commit([labeled(2, "1")], now=NOW) == 1
    assert shown(path, 2) == ("labeled", "1", "model")
    assert sound(path)


def test_what_cannot_be_recorded_is_not_shown(path: Path, store: Store) -> None:
    """A second answer of the same version changes neither the record nor the label that is shown."""
    store.commit([labeled(1, "1")], now=NOW)
    store.commit([labeled(1, "0")], now=NOW)
    assert (models(path, 1), shown(path, 1)) == (["1"], ("labeled", "1", "model"))
    assert sound(path)


def test_undo_after_versions_shows_the_newest_label_of_the_model(path: Path, store: Store) -> None:
    """Version 1, version 2 and back to version 1: the label of version 2 is the newest, whichever is active."""
    first = store.task()
    second = versioned(replace(first, rubric="Another rubric: answer 1 or 0."))
    store.commit([labeled(1, "1")], now=NOW)
    store.activate(second, by="ada", now=NOW)
    store.relabel(by="ada", now=NOW, email_ids=[1])
    answer = Answer(replace(attempt(1), task_version=second.version), Settled(1, 0, label="0"))
    store.commit([answer], now=NOW)
    store.activate(first, by="ada", now=NOW)
    store.label_by_person(1, "1", annotator="ada", note="", now=NOW)
    store.undo(by="ada", now=NOW)
    assert shown(path, 1) == ("labeled", "0", "model")
    assert sound(path)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE email SET label = '0', label_source = 'human' WHERE id = 1",
        "UPDATE email SET state = 'failed', label = NULL, label_source = NULL, failure = 'x' WHERE id = 1",
        "UPDATE email SET state = 'pending', label = NULL, label_source = NULL WHERE id = 1",
        "UPDATE email SET label = '1', label_source = 'model' WHERE id = 3",
    ],
)
def test_repair_shows_the_label_that_the_rows_give(path: Path, damage: str) -> None:
    """A label beside another one, or beside a failure that was paid for, is found and put right."""
    with RunLock(path) as lock, Store.open(path, lock) as store:
        store.commit([labeled(1, "1")], now=NOW)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(damage)
    findings = check_run(path).findings
    assert findings
    assert any(found.repairable and "label" in found.sentence for found in findings)
    with RunLock(path) as lock, Store.open(path, lock) as again:
        assert again.put_right(now=NOW) > 0
    assert sound(path)
    assert shown(path, 1) == ("labeled", "1", "model")
