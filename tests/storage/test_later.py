"""Later arrivals: a run takes what is new, once, whole or not at all, and works on it behind all others."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from core.engine import Engine, RunOptions, SourceOptions
from core.errors import RunBusyError, SourceError
from core.llm.task import builtin_task
from core.model import Outcome
from core.runs.copy import copy_emails
from core.runs.later import add_texts
from core.settings import Settings
from core.storage.file.lock import RunLock
from core.storage.reading.filters import parse
from core.storage.reading.pending import _with_attempts
from core.storage.reading.reader import RunReader
from core.storage.reading.search import Search
from core.storage.writing.check import check_run
from core.storage.writing.store import Store
from tests.conftest import NOW
from tests.storage.test_store import labeled
from tests.storage.test_tasks import by

REFUSED = Outcome.REFUSED.value


def write(path: Path, *rows: dict[str, object]) -> Path:
    """A JSON Lines file."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def run(settings: Settings, tmp_path: Path) -> Path:
    """A run of two texts with ids, done."""
    source = write(tmp_path / "mail.jsonl", {"id": "a", "text": "lunch"}, {"id": "b", "text": "the contract"})
    path = Engine(settings).create(source, builtin_task(), RunOptions(name="mail"))[0].path
    with RunLock(path) as lock, Store.open(path, lock) as store:
        store.begin_epoch(now=NOW, pid=1, host="here")
        store.commit([by(store.task_version, labeled(number)) for number in (1, 2)], now=NOW)
    return path


def ids(path: Path) -> list[str]:
    """The ids of a run in its work order."""
    with RunReader(path) as reader:
        return [row.source_id for row in reader.emails(limit=100)]


def test_new_ids_are_taken_and_changed_texts_reported(run: Path, tmp_path: Path) -> None:
    """What is known is not taken twice; the run is open again, and sound."""
    before = ids(run)
    later = write(tmp_path / "later.jsonl", {"id": "a", "text": "lunch"}, {"id": "b", "text": "another contract"},
                  {"id": "c", "text": "a picnic", "stars": 5}, {"id": "d", "text": "lunch"})  # fmt: skip
    added = add_texts(run, [later], SourceOptions(), now=NOW)
    assert (added.taken, added.known, added.changed, added.changed_ids) == (2, 1, 1, ("b",))
    assert ids(run)[:2] == before
    assert sorted(ids(run)[2:]) == ["c", "d"]
    again = add_texts(run, [later], SourceOptions(), now=NOW)
    assert (again.taken, again.known, again.changed) == (0, 3, 1)
    with RunReader(run) as reader:
        now = reader.snapshot(NOW)
        assert (now.total, now.pending, now.cursor) == (4, 2, 2)
        assert reader.record(2).text.strip().endswith("the contract")
        assert reader.source_columns() == ("stars",)
    assert check_run(run).sound


def test_without_ids_what_is_new_is_found_by_content(settings: Settings, tmp_path: Path) -> None:
    """Numbers of rows mean nothing in another file; new texts are numbered on."""
    source = write(tmp_path / "mail.jsonl", {"text": "lunch"}, {"text": "the contract"})
    path = Engine(settings).create(source, builtin_task(), RunOptions(name="mail", order="source"))[0].path
    later = write(tmp_path / "later.jsonl", {"text": "a picnic"}, {"text": "lunch"}, {"text": "a picnic"})
    added = add_texts(path, [later], SourceOptions(), now=NOW)
    assert (added.taken, added.known, added.changed) == (1, 2, 0)
    assert len(set(ids(path))) == 3
    assert check_run(path).sound


def test_adding_is_whole_or_not_at_all(run: Path, tmp_path: Path) -> None:
    """An interrupt leaves the run as it was; a worker that has the run keeps it."""

    def stop(_: int, __: int | None) -> None:
        raise KeyboardInterrupt

    later = write(tmp_path / "later.jsonl", *({"id": f"n{n}", "text": f"text {n}"} for n in range(600)))
    with pytest.raises(KeyboardInterrupt):
        add_texts(run, [later], SourceOptions(), now=NOW, progress=stop)
    assert sorted(ids(run)) == ["a", "b"]
    with RunLock(run), pytest.raises(RunBusyError):
        add_texts(run, [later], SourceOptions(), now=NOW)


def test_the_index_of_words_goes_on_with_what_was_added(run: Path, tmp_path: Path) -> None:
    """A search finds later arrivals, before and after the index has them."""

    def found() -> list[int]:
        with closing(Search(run)) as search:
            search.begin(parse("picnic"))
            return list(search.step().ids)

    with closing(Search(run)) as search:
        while search.build() < 1:
            pass
    add_texts(run, [write(tmp_path / "later.jsonl", {"id": "c", "text": "a picnic"})], SourceOptions(), now=NOW)
    assert found() == [3]
    with closing(Search(run)) as search:
        while search.build() < 1:
            pass
    assert found() == [3]


@pytest.fixture
def titled(settings: Settings, tmp_path: Path) -> Path:
    """A run whose columns a person named: title and body are sent, and its labels are gold."""
    source = write(tmp_path / "mail.jsonl", {"id": "a", "title": "Kettle", "body": "lunch", "gold": "1", "n": 1})
    reading = SourceOptions(fields=("title", "body"), gold_column="gold")
    return Engine(settings).create(source, builtin_task(), RunOptions(name="mail", source=reading))[0].path


def test_later_texts_are_read_by_the_columns_that_the_run_was_made_with(titled: Path, tmp_path: Path) -> None:
    """What was sent with a text is sent with later ones, so that a known one is known again; a copy keeps it too."""
    rows = [{"id": key, "title": "Kettle", "body": "lunch", "gold": "0", "n": 2} for key in "ab"]
    later = write(tmp_path / "later.jsonl", *rows)
    added = add_texts(titled, [later], SourceOptions(), now=NOW)
    assert (added.taken, added.known, added.changed) == (1, 1, 0)
    with RunReader(titled) as reader:
        assert {message.raw for message in reader.messages()} == {"title: Kettle\n\nlunch"}
    named = add_texts(titled, [later], SourceOptions(text_column="title"), now=NOW)
    assert (named.taken, named.known, named.changed) == (0, 0, 2)
    copied = copy_emails(titled, "again", task=None, model=None, now=NOW)
    assert add_texts(copied.path, [later], SourceOptions(), now=NOW).known == 2


def test_later_texts_need_the_columns_that_the_run_was_made_with(titled: Path, tmp_path: Path) -> None:
    """A table without them is refused with what to do; a source without columns is read as it is."""
    with pytest.raises(SourceError, match=r"no column 'body'.*The run was made so"):
        add_texts(
            titled, [write(tmp_path / "other.jsonl", {"id": "b", "title": "x", "text": "y"})], SourceOptions(), now=NOW
        )
    (tmp_path / "c.eml").write_text("From: a@b.org\nSubject: hi\n\nhello\n")
    assert add_texts(titled, [tmp_path / "c.eml"], SourceOptions(), now=NOW).taken == 1


@pytest.mark.parametrize("reading", ["{", "[1, 2]", '{"fields": 3}'])
def test_a_run_whose_columns_cannot_be_read_says_so(titled: Path, tmp_path: Path, reading: str) -> None:
    """A damaged file ends in a sentence."""
    with closing(sqlite3.connect(titled)) as db:
        db.execute("UPDATE run SET reading = ?", (reading,))
        db.commit()
    with pytest.raises(SourceError, match="run file is damaged"):
        add_texts(titled, [write(tmp_path / "later.jsonl", {"text": "x"})], SourceOptions(), now=NOW)


@pytest.mark.parametrize(
    ("attempt", "alone"),
    [
        ((9, REFUSED, None, "too large", "v1", 4), True),
        ((9, REFUSED, None, "too large", "v1", None), False),
        ((9, "answered", "1", None, "v1", 4), False),
        ((5, REFUSED, None, "too large", "v1", 4), False),
        ((9, REFUSED, None, "too large", "v0", 4), False),
    ],
    ids=["in its pack", "alone", "answered in its pack", "before it was requeued", "by another version"],
)
def test_an_email_whose_pack_was_refused_is_asked_about_alone(attempt: tuple[object, ...], alone: bool) -> None:
    """Only what was refused in a pack, since it was requeued and by this version of the task."""
    found = _with_attempts((1, 0, "mail-1", "s", "text", "hash", 5, None), [attempt], "v1")
    assert (found.alone, found.attempts) == (alone, 1)
