"""What a new run's rows are made of: emails with their columns, gold labels and flags, positions, later arrivals."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.model import SourceEmail, Task, View
from core.storage.file.connection import make_writer
from core.storage.file.schema import migrate
from core.storage.writing import intake
from core.storage.writing.intake import (
    Later,
    NewRun,
    _shuffle_key,
    insert_emails,
    insert_later,
    insert_run,
    insert_skipped,
    note_progress,
    place,
    progress_noted,
)
from tests.conftest import NOW


@pytest.fixture
def db(tmp_path: Path, task: Task) -> Iterator[sqlite3.Connection]:
    """A run file with a run of no emails yet, in source order."""
    connection = make_writer(tmp_path / "r.db")
    migrate(connection)
    insert_run(connection, NewRun("r", "mail.csv", "digest", NOW, order="source", seed=3), task)
    yield connection
    connection.close()


def email(number: int | str, text: str = "", *, flags: str = "", gold: str = "", **columns: object) -> tuple[SourceEmail, View]:  # fmt: skip
    text = text or f"text {number}"
    view = View(f"s{number}", "a@example.org", "", text, f"hash of {text}", truncated=False, flags=flags)
    found = SourceEmail(str(number), text, f"row {number}", gold=gold or None, columns=columns or None)  # type: ignore[arg-type]
    return found, view


def rows(db: sqlite3.Connection, query: str) -> list[tuple[object, ...]]:
    return db.execute(query).fetchall()


@pytest.mark.parametrize("page", [1, 2, 500])
def test_emails_are_numbered_on_whatever_a_page_holds(
    db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    """Each with its text and its message; they have no place in the order yet."""
    monkeypatch.setattr(intake, "_PAGE", page)
    assert insert_emails(db, [email("a"), email("b"), email("c")]) == 3
    assert insert_emails(db, [email("d")]) == 1
    assert insert_emails(db, []) == 0
    assert rows(db, "SELECT id, source_id, subject, sender, content_hash, flags FROM email") == [
        (number, name, f"s{name}", "a@example.org", f"hash of text {name}", None) for number, name in enumerate("abcd", 1)
    ]  # fmt: skip
    assert rows(db, "SELECT email_id, text, raw FROM body") == [(n, f"text {c}", f"text {c}") for n, c in enumerate("abcd", 1)]  # fmt: skip
    assert {row[0] for row in rows(db, "SELECT position FROM email")} == {2**31 - 1}


def test_columns_of_the_source_are_listed_once_in_the_order_in_which_they_were_met(db: sqlite3.Connection) -> None:
    """Also over several calls; half a surrogate pair becomes a question mark."""
    insert_emails(db, [email("a", stars=5, team="x"), email("b", team="y"), email("c")])
    insert_emails(db, [email("d", **{"team": None, "more\ud800": "é\ud800"})])
    assert [name for (name,) in rows(db, "SELECT name FROM source_column ORDER BY position")] == [
        "stars",
        "team",
        "more?",
    ]
    kept = [json.loads(str(text)) if text else None for (text,) in rows(db, "SELECT columns FROM body")]
    assert kept == [{"stars": 5, "team": "x"}, {"team": "y"}, None, {"team": None, "more?": "é?"}]


def test_gold_labels_of_a_source_are_kept_with_the_runs_date(db: sqlite3.Connection) -> None:
    """Under the name ``source``; an empty one is none."""
    insert_emails(db, [email("a", gold="1"), email("b"), email("c", gold="0")])
    assert rows(db, "SELECT name, email_id, value, at FROM gold") == [("source", 1, "1", NOW), ("source", 3, "0", NOW)]


def test_orders_to_a_model_are_counted_and_notes_are_not(db: sqlite3.Connection) -> None:
    """Both are kept as flags of the email."""
    insert_emails(
        db, [email("a", flags="order"), email("b", flags="charset"), email("c"), email("d", flags="order charset")]
    )
    assert [flags for (flags,) in rows(db, "SELECT flags FROM email")] == [
        "order",
        "charset",
        None,
        "order charset",
    ]
    assert rows(db, "SELECT value FROM total WHERE name = 'flagged'") == [(2,)]


@pytest.mark.parametrize(
    ("seed", "number", "expected"),
    [
        (0, 0, -9_223_372_036_854_775_808),
        (0, 1, 7_070_836_379_803_831_727),
        (3, 1, -7_479_620_110_639_330_964),
        (3, 2, 3_059_875_994_152_431_697),
        (7, 1_000, 981_535_780_924_256_378),
    ],
)
def test_the_shuffled_order_follows_from_its_seed_forever(seed: int, number: int, expected: int) -> None:
    """SplitMix64's finalizer: a run that is made again on another machine is worked in the same order."""
    assert _shuffle_key(seed, number) == expected


@pytest.mark.parametrize(("order", "expected"), [("source", [0, 1, 2, 3]), ("shuffled", [0, 3, 2, 1])])
def test_each_email_gets_a_place_from_0_on(db: sqlite3.Connection, order: str, expected: list[int]) -> None:
    """As often as it is asked for."""
    insert_emails(db, [email(number) for number in range(4)])
    for _ in range(2):
        place(db, order, 3)
        assert [position for (position,) in rows(db, "SELECT position FROM email ORDER BY id")] == expected


def test_later_arrivals_are_told_from_what_is_known(db: sqlite3.Connection) -> None:
    """A known id with its text is left; with another text it is named; places go on behind the last."""
    insert_emails(db, [email("a"), email("b")])
    place(db, "source", 3)
    found = insert_later(db, [email("a"), email("b", "changed"), email("c"), email("d", "text a")], "r")
    assert found == Later(taken=2, known=1, changed=1, changed_ids=["b"])
    assert rows(db, "SELECT source_id, position FROM email ORDER BY id") == [("a", 0), ("b", 1), ("c", 2), ("d", 3)]


def test_texts_without_ids_are_known_by_their_content_and_numbered_on(db: sqlite3.Connection) -> None:
    """Twice the same new text is taken once; a number that an id has is passed over."""
    insert_emails(db, [email("r-1", "one"), email("r-2", "two"), email("r-4", "four"), email("r-x", "x")])
    place(db, "source", 3)
    arriving = [email("r-1", "two"), email("r-2", "new"), email("r-3", "new"), email("r-4", "newer"), email("r-y", "y")]
    assert insert_later(db, arriving, "r") == Later(taken=3, known=2, changed=0)
    assert rows(db, "SELECT source_id, position FROM email ORDER BY id") == [
        ("r-1", 0), ("r-2", 1), ("r-4", 2), ("r-x", 3), ("r-5", 4), ("r-6", 5), ("r-y", 6),
    ]  # fmt: skip


def test_later_arrivals_in_an_empty_run_are_its_first(db: sqlite3.Connection) -> None:
    """In the order of the run: shuffled among themselves where it is."""
    db.execute("UPDATE run SET work_order = 'shuffled'")
    assert insert_later(db, [email(number) for number in range(4)], "r").taken == 4
    assert [position for (position,) in rows(db, "SELECT position FROM email ORDER BY id")] == [0, 3, 2, 1]


def test_the_first_fifty_changed_texts_are_named(db: sqlite3.Connection) -> None:
    """The others are counted."""
    insert_emails(db, [email(number) for number in range(52)])
    found = insert_later(db, [email(number, "changed") for number in range(52)], "r")
    assert (found.taken, found.changed, found.changed_ids) == (0, 52, [str(number) for number in range(50)])


def test_what_was_not_taken_and_how_far_an_import_is_are_noted(db: sqlite3.Connection) -> None:
    """The newest note of an import replaces the one before."""
    insert_skipped(db, [("row 1", "empty", "d\ud800"), ("row\ud800", "no id", "")])
    assert rows(db, "SELECT id, place, reason, detail FROM skipped") == [
        (1, "row 1", "empty", "d?"), (2, "row?", "no id", ""),
    ]  # fmt: skip
    assert progress_noted(db) == ("", 0)
    note_progress(db, "plan", 3, NOW)
    note_progress(db, "plan", 5, NOW + 1)
    assert progress_noted(db) == ("plan", 5)
    assert rows(db, "SELECT at, kind FROM event") == [(NOW + 1, "importing")]
