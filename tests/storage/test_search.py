"""Searching a run: the same emails with the index as without it, in work order, while a worker writes."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import RunFileError
from core.storage.reading import search as searching
from core.storage.reading.filters import parse
from core.storage.reading.ordering import KEYS, Order, order_sql
from core.storage.reading.reader import RunReader
from core.storage.reading.search import Search, has_words, index_path, near_key
from core.storage.writing.store import Store
from tests.conftest import NOW, MakeRun
from tests.storage.test_store import failed, labeled

TEXTS = [
    "the storage contract",
    "Contractors for lunch",
    "no such thing",
    "storage_contract; DRAFT",
    "Straße nach Köln",
    "a contract draft",
]


def found(search: Search, typed: str) -> list[int]:
    search.begin(parse(typed))
    ids: list[int] = []
    while True:
        step = search.step()
        ids += step.ids
        if step.finished:
            return ids


@pytest.fixture
def run(make_run: MakeRun, opened: Callable[[Path], Store]) -> Path:
    """Six emails, of which the first has a label and the second has failed; a worker holds the run."""
    path = make_run(TEXTS)
    opened(path).commit([labeled(1), failed(2)], now=NOW)
    return path


@pytest.fixture(
    params=[False, True, "both"], ids=["without the index", "with the index", "texts first, then the index"]
)
def search(run: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Search]:
    """A search that takes several steps."""
    monkeypatch.setattr(searching, "STRETCH", 4)
    monkeypatch.setattr(searching, "TEXT_STRETCH", 2)
    monkeypatch.setattr(searching, "INDEX_STRETCH", 4)
    if request.param == "both":
        monkeypatch.setattr(searching, "FROM_TEXT_FIRST", 1)
    one = Search(run)
    while request.param and one.build() < 1.0:
        pass
    yield one
    one.close()


@pytest.mark.parametrize(
    ("typed", "ids"),
    [
        ("", [1, 2, 3, 4, 5, 6]),
        ("contract", [1, 2, 4, 6]),
        ("CONTRACTORS", [2]),
        ("tract", []),
        ('"storage contract"', [1, 4]),
        ("contract !draft", [1, 2]),
        ("!contract", [3, 5]),
        ("STRASSE", []),
        ("straße", [5]),
        ("KÖLN", [5]),
        ("contract state:pending", [4, 6]),
        ("state:failed", [2]),
        ("!state:pending", [1, 2]),
        ("label:1", [1]),
        ("source:model", [1]),
        ("reasks:0", [1]),
        ("key:main", [1, 2]),
        ("from:A@EXAMPLE", [1, 2, 3, 4, 5, 6]),
        ("from:%", []),
        ("subject:s3", [3]),
        ("s3", [3]),
        ("flag:any", []),
        ("!flag:any", [1, 2, 3, 4, 5, 6]),
        ("x' OR 1", []),
    ],
)  # fmt: skip
def test_every_term_finds_what_it_says(search: Search, typed: str, ids: list[int]) -> None:
    """In work order, however the words are looked for."""
    assert found(search, typed) == ids


def test_matches_come_in_work_order(make_run: MakeRun) -> None:
    """A shuffled run is found shuffled."""
    path = make_run([f"word {n}" for n in range(30)], order="shuffled")
    search = Search(path)
    without = found(search, "word")
    while search.build() < 1.0:
        pass
    search.begin(parse("word"))
    step = search.step()
    search.close()
    assert without == list(step.ids)
    assert without != sorted(without)
    assert step.indexed


def test_an_unfinished_index_is_not_used(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts are never short because the index is."""
    monkeypatch.setattr(searching, "INDEX_STRETCH", 2)
    search = Search(run)
    assert search.build() == pytest.approx(1 / 3)
    assert found(search, "contract") == [1, 2, 4, 6]
    search.begin(parse("contract"))
    assert not search.step().indexed
    search.close()


def test_two_consoles_build_one_index(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each goes on where the other ended, and nothing is in it twice."""
    monkeypatch.setattr(searching, "INDEX_STRETCH", 2)
    one, other = Search(run), Search(run)
    assert [one.build(), other.build(), one.build()] == pytest.approx([1 / 3, 2 / 3, 1.0])
    assert found(other, "contract") == [1, 2, 4, 6]
    one.close()
    other.close()


def test_the_index_of_another_run_is_made_anew(run: Path, make_run: MakeRun) -> None:
    """A file that was left behind by a run of the same name misleads nobody."""
    other = make_run(["nothing alike"], name="other")
    search = Search(other)
    search.build()
    search.close()
    index_path(other).rename(index_path(run))
    search = Search(run)
    assert found(search, "alike") == []
    assert search.build() == 1.0
    assert found(search, "contract") == [1, 2, 4, 6]
    search.close()


def test_a_damaged_index_is_thrown_away(run: Path) -> None:
    """What is no database is removed and made again; the search reads the texts meanwhile."""
    index_path(run).write_bytes(b"no database at all, by far" * 100)
    search = Search(run)
    assert found(search, "contract") == [1, 2, 4, 6]
    with pytest.raises(RunFileError, match="cannot be made"):
        search.build()
    assert search.build() == 1.0
    search.close()


def test_building_leaves_the_run_file_alone(run: Path) -> None:
    """Only the holder of the lock writes it."""
    before = run.read_bytes()
    search = Search(run)
    search.build()
    search.close()
    assert run.read_bytes() == before
    with sqlite3.connect(index_path(run)) as db:
        assert db.execute("SELECT count(*) FROM made").fetchone() == (1,)
    db.close()
    assert index_path(run).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("typed", ["", "contract", "!state:failed"])
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("descending", [False, True])
def test_matches_come_in_the_order_that_is_asked_for(
    run: Path, search: Search, typed: str, key: str, descending: bool
) -> None:
    """By every key and both ways, filtered or not: the same emails as in work order, sorted, equal ones by place."""
    with RunReader(run) as reader:
        rows = {row.id: row for row in reader.emails(limit=10)}
    with closing(sqlite3.connect(run)) as db:
        moments = {row[0]: row[1:] for row in db.execute("SELECT id, settled_at, sent_at FROM email").fetchall()}

    def value(number: int) -> tuple[object, ...]:
        row, (settled, sent) = rows[number], moments[number]
        by: dict[str, str | float | None] = {
            "place": row.position, "settled": settled, "id": row.source_id, "subject": row.subject.lower(),
            "from": row.sender.lower(), "date": sent, "label": row.label, "asks": row.reasks, "state": row.state.value,
        }  # fmt: skip
        known = by[key]
        return (known is not None, known if known is not None else 0, row.position)

    expected = sorted(found(search, typed), key=value, reverse=descending)
    search.begin(parse(typed), Order(key, descending=descending))
    ids: list[int] = []
    while not (step := search.step()).finished:
        ids += step.ids
    assert [*ids, *step.ids] == expected


def test_a_search_that_nobody_waits_for_ends_where_it_is(run: Path) -> None:
    """A newer command interrupts even one long step of SQLite, and the next search begins afresh."""
    stale = False
    search = Search(run, lambda: stale)
    search._db.set_progress_handler(lambda: stale, 1)
    search.begin(parse(""), Order("subject"))
    stale = True
    assert not search.step().finished
    stale = False
    assert found(search, "") == [1, 2, 3, 4, 5, 6]
    search.close()


def test_an_older_file_says_what_it_cannot_be_sorted_by(run: Path) -> None:
    """It does not know when emails were settled; everything else works."""
    assert order_sql(Order("subject"), 2)
    with pytest.raises(RunFileError, match="cannot be sorted by settled"):
        order_sql(Order("settled"), 2)


def test_edge_cases_are_found(make_run: MakeRun, opened: Callable[[Path], Store]) -> None:
    """Person against model, one version against another, nearly equal texts apart, cut texts, unusable first answers."""
    same = "the quarterly numbers of the ferry are ready and wait for your approval"
    path = make_run(
        [f"{same} 1", f"{same} 2", "a text of its own, which says nothing of ferries to anybody", "x" * 7_000]
    )
    store = opened(path)
    for number, label, reasks in ((1, "1", 0), (2, "0", 1), (3, "1", 0), (4, "1", 0)):
        done = labeled(number)
        assert done.settled is not None
        store.commit([replace(done, settled=replace(done.settled, label=label, reasks=reasks))], now=NOW)
    store.label_by_person([3], "0", annotator="anna", note="", now=NOW)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            "INSERT INTO label(email_id, value, source, attempt_id, task_version, at)"
            " SELECT 1, '0', 'model', 1, 'older', 0"
        )
    search = Search(path)
    assert found(search, "edge:person") == [3]
    assert found(search, "edge:version") == [1]
    assert found(search, "edge:near") == [1, 2]
    assert found(search, "!edge:near") == [3, 4]
    assert found(search, "edge:truncated") == [4]
    assert found(search, "edge:re-asked") == [2]
    search.close()


def test_a_search_that_is_given_up_says_how_far_it_came(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The share of the run that was looked through; the next step goes on there."""
    monkeypatch.setattr(searching, "STRETCH", 3)
    stale = False
    search = Search(run, lambda: stale)
    search._db.set_progress_handler(lambda: stale, 1)
    search.begin(parse("!state:skipped"))
    first = search.step()
    stale = True
    given_up = search.step()
    stale = False
    assert (list(first.ids), first.share, first.finished) == ([1, 2, 3], 0.5, False)
    assert (list(given_up.ids), given_up.share, given_up.finished) == ([], 0.5, False)
    assert list(search.step().ids) == [4, 5, 6]
    search.close()


@pytest.mark.parametrize(
    ("indexed", "first", "words", "kept"),
    [
        (False, 10**6, "small.db cannot be read", True),
        (True, 10**6, "index of words was damaged", False),
        (True, 1, "small.db cannot be read", True),
    ],
    ids=["texts", "index", "texts before the index"],
)
def test_an_index_is_thrown_away_where_it_was_what_could_not_be_read(
    run: Path, indexed: bool, first: int, words: str, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run file that cannot be read says so, whether an index is at hand or not."""
    monkeypatch.setattr(searching, "FROM_TEXT_FIRST", first)
    search = Search(run)
    if indexed:
        assert search.build() == 1.0
    search.begin(parse("contract"))

    def broken(*_: object) -> None:
        raise sqlite3.DatabaseError("database disk image is malformed")

    monkeypatch.setattr(search, "_numbers", broken)
    with pytest.raises(RunFileError, match=words):
        search.step()
    search.close()
    assert index_path(run).exists() == (indexed and kept)


def steps(search: Search, typed: str, order: Order | None = None) -> list[tuple[list[int], float, bool, bool]]:
    """Return ids, share, whether it is finished and whether by the index, of each step."""
    search.begin(parse(typed), *([order] if order else []))
    said = [search.step()]
    while not said[-1].finished:
        said.append(search.step())
    return [(list(step.ids), round(step.share, 3), step.finished, step.indexed) for step in said]


def test_each_step_says_what_it_found_and_how_far_it_is(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four places of rows or two of texts a step; by the index all at once, behind a stretch of texts in a large run."""
    monkeypatch.setattr(searching, "STRETCH", 4)
    monkeypatch.setattr(searching, "TEXT_STRETCH", 2)
    with closing(Search(run)) as search:
        assert steps(search, "state:pending") == [([3, 4], 0.667, False, False), ([5, 6], 1.0, True, False)]
        assert steps(search, "contract") == [
            ([1, 2], 0.333, False, False), ([4], 0.667, False, False), ([6], 1.0, True, False),
        ]  # fmt: skip
        last = Order("id", descending=True)
        assert steps(search, "contract", last) == [
            ([], 0.333, False, False), ([], 0.667, False, False), ([6, 4, 2, 1], 1.0, True, False),
        ]  # fmt: skip
        assert steps(search, "", last) == [([6, 5, 4, 3, 2, 1], 1.0, True, False)]
        assert search.build() == 1.0
        assert steps(search, "contract") == [([1, 2, 4, 6], 1.0, True, True)]
        monkeypatch.setattr(searching, "FROM_TEXT_FIRST", 6)
        assert steps(search, "contract") == [([1, 2, 4, 6], 1.0, True, True)]
        monkeypatch.setattr(searching, "FROM_TEXT_FIRST", 5)
        assert steps(search, "contract") == [([1, 2], 0.333, False, True), ([4, 6], 1.0, True, True)]


@pytest.mark.parametrize(("stretch", "shares"), [(2, [0.333, 0.667, 1.0, 1.0]), (5, [0.833, 1.0]), (6, [1.0])])
def test_an_index_is_built_in_steps(
    run: Path, monkeypatch: pytest.MonkeyPatch, stretch: int, shares: list[float]
) -> None:
    """Each says which share is in it; nothing more is to be done once it is whole."""
    monkeypatch.setattr(searching, "INDEX_STRETCH", stretch)
    with closing(Search(run)) as search:
        assert [round(search.build(), 3) for _ in shares] == shares
        assert stat.S_IMODE(index_path(run).stat().st_mode) == 0o600
        assert steps(search, "draft")[0][3] is True
    with closing(sqlite3.connect(index_path(run))) as db:
        assert db.execute("SELECT built_to FROM made").fetchall() == [(6,)]
        assert db.execute("SELECT count(*) FROM words").fetchone() == (6,)


def test_a_run_without_emails_is_searched_through_at_once(make_run: MakeRun) -> None:
    """And its index is whole."""
    with closing(Search(make_run([]))) as search:
        assert steps(search, "word") == [([], 1.0, True, False)]
        assert search.build() == 1.0


def test_a_search_begins_before_it_steps(run: Path) -> None:
    """That is an error of the program."""
    with closing(Search(run)) as search, pytest.raises(RuntimeError, match="begin comes first"):
        search.step()


WORDS = "one two three four five six seven eight"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (WORDS, WORDS),
        (WORDS.rpartition(" ")[0], None),
        (f"From: a\nSubject: s\n\n{WORDS.upper()}", WORDS),
        (f"Sender: a\n{WORDS}", f"sender a {WORDS}"),
        ("one-two 3 three_four; FIVE six\nseven eight", WORDS),
        ("From: a\nTo: b", None),
        ("", None),
        (" ".join(["word"] * 61), " ".join(["word"] * 60)),
        (" ".join(["w" * 199] * 8), None),
        ("x" * 1_100 + " " + " ".join("abcdefghijkl"), " ".join(["x" * 1_100, *"abcdefghijkl"])),
        ("x" * 1_184 + " " + " ".join("abcdefghijkl"), " ".join(["x" * 1_184, *"abcdefgh"])),
    ],
)  # fmt: skip
def test_nearly_equal_texts_have_their_first_sixty_words_in_common(text: str, expected: str | None) -> None:
    """Of their first 1,200 characters behind the header lines; eight at least."""
    assert near_key(text) == expected


@pytest.mark.parametrize(
    ("pattern", "texts", "expected"),
    [("a", ("xAx",), True), ("a", (None, "b"), False), ("a", (None, "b", "a"), True), ("a", (), False)],
)
def test_a_pattern_is_looked_for_in_each_text(pattern: str, texts: tuple[str | None, ...], expected: bool) -> None:
    """In small letters."""
    assert has_words(pattern, *texts) is expected
