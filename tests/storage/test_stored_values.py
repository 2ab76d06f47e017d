"""Values as rows keep them: pages by number, slices of time, budgets, tasks, first words; and what exports make of them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import RunFileError
from core.model import Budget, LabelMeaning, Task
from core.storage.file.parts import later_parts, part_name, part_of, parts_in
from core.storage.file.rows import (
    budget_of,
    growing,
    opening,
    record,
    slice_of,
    task_from_definition,
    task_to_definition,
)
from core.storage.reading import pending
from core.storage.reading.export_rows import ExportReader, _moments
from core.storage.reading.ordering import KEYS, Order, first_of, order_sql
from core.storage.reading.snapshots import _left_at_the_server

TASK = Task(name="t", labels=(LabelMeaning("1", "yes"), LabelMeaning("0", "no")), rubric="r", version="v")


@pytest.mark.parametrize(
    ("rows", "after", "expected"), [([], 7, 7), ([(1,)], 0, 1), ([(3, "x"), (4, "y"), (9, "z")], 2, 9)]
)
def test_a_page_ends_with_its_last_number(rows: list[tuple[Any, ...]], after: int, expected: int) -> None:
    """An empty one where it began."""
    assert growing(rows, after) == expected


@pytest.mark.parametrize(
    ("rows", "after", "row", "behind"),
    [([(5,)], 5, "5", "5"), ([(6,), (6,)], 5, "6", "6"), ([(6,), (3,)], 5, "3", "6"), ([("x",)], 0, "x", "0")],
)
def test_a_page_that_does_not_grow_is_damage(rows: list[tuple[Any, ...]], after: int, row: str, behind: str) -> None:
    """It would be read over and over."""
    with pytest.raises(RunFileError, match=f"damaged: row {row} was read behind row {behind}"):
        growing(rows, after)


@pytest.mark.parametrize(("now", "expected"), [(0.0, 0), (4.9, 0), (5.0, 5), (1_790_000_019.5, 1_790_000_015)])
def test_a_slice_of_pace_is_five_seconds(now: float, expected: int) -> None:
    """By the second at which it begins."""
    assert slice_of(now) == expected


def test_a_budget_is_kept_as_json() -> None:
    """Without one there is no cap; one that is no number is damage."""
    assert budget_of(None) == budget_of("") == budget_of("{}") == Budget()
    assert budget_of('{"tokens": 5}') == Budget(tokens=5)
    with pytest.raises(TypeError, match="a budget is no number"):
        budget_of('{"tokens": "many"}')


def test_a_single_row_is_read_by_names() -> None:
    """And no row is an error of the caller."""
    with closing(sqlite3.connect(":memory:")) as db:
        assert record(db.execute("SELECT 1 AS a, 'x' AS b")) == {"a": 1, "b": "x"}
        with pytest.raises(IndexError):
            record(db.execute("SELECT 1 AS a WHERE 0"))


def test_a_task_of_an_older_file_has_todays_usual_values() -> None:
    """What was not written then is what it was then."""
    data = json.loads(task_to_definition(TASK))
    assert task_from_definition(json.dumps(data)) == TASK
    for name in ("truncate_tail", "truncate_by", "quoted", "item", "judge", "canaries", "pack"):
        del data[name]
    del data["model"]["stop"]
    found = task_from_definition(json.dumps(data))
    assert (found.truncate_tail, found.truncate_by, found.quoted) == (0, "characters", "keep")
    assert (found.item, found.judge, found.canaries, found.pack, found.model.stop) == ("email", "exact", 60, 1, ())


@pytest.mark.parametrize(
    "change",
    [
        {"name": 1},
        {"rubric": None},
        {"version": 2},
        {"fields": [1]},
        {"labels": []},
        {"labels": [{"value": 1, "name": "x"}]},
        {"labels": [{"value": "1", "name": 2}]},
        {"labels": [{"value": "1", "name": "x", "more": "y"}]},
        {"model": None},
    ],
    ids=str,
)
def test_a_task_of_other_values_is_damage(change: Mapping[str, Any]) -> None:
    """In one sentence, whatever it was changed to."""
    with pytest.raises(RunFileError, match=r"damaged: a version of its task cannot be read \((TypeError|KeyError)\)"):
        task_from_definition(json.dumps({**json.loads(task_to_definition(TASK)), **change}))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, ""),
        ("", ""),
        ("one  two\n three", "one two three"),
        ("From: a\nSubject: s\n\nthe  body", "the body"),
        ("From: a\nnot a header\n\nthe body", "From: a not a header the body"),
        ("From: a\nthe body", "From: a the body"),
        ("\n\nthe body", "the body"),
        ("x" * 121, "x" * 120),
        ("From: a\n\n" + "y" * 121, "y" * 120),
    ],
)
def test_the_first_words_of_a_text_are_shown_without_its_headers(text: str | None, expected: str) -> None:
    """At most 120 characters, on one line."""
    assert opening(text) == expected


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (59.9994, "1970-01-01T00:00:59Z"),
        (59.9995, "1970-01-01T00:01:00Z"),
        (61, "1970-01-01T00:01:01Z"),
        (1_790_000_000.0, "2026-09-21T14:13:20Z"),
        (-1, "1969-12-31T23:59:59Z"),
        (59_999_999_999.0, "3871-04-29T10:39:59Z"),
        (60_000_000_000.0, ""),
        (-60_000_000_000.0, ""),
        (None, ""),
        ("0", ""),
        (b"", ""),
    ],
)
def test_moments_are_written_in_utc_to_the_second(at: Any, expected: str) -> None:
    """Cut after they were rounded to milliseconds; nothing is written for what is no moment."""
    assert _moments([at]) == [expected]


TWO_PARTS = [Path(f"/r/{name}.db") for name in ("a.002", "a.010", "a.001", "b.001", "a", "a.1")]


def test_parts_stand_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    """Those of one series alone."""
    assert [path.stem for path in parts_in(TWO_PARTS, "a")] == ["a.001", "a.002", "a.010"]
    assert [path.stem for path in parts_in([*TWO_PARTS[:2], Path("/z/a.001.db"), TWO_PARTS[0]], "a")] == [
        "a.001", "a.002", "a.002", "a.010",
    ]  # fmt: skip
    assert parts_in(TWO_PARTS, "c") == []
    for name in ("s.001", "s.002", "s.003", "t.004"):
        (tmp_path / f"{name}.db").touch()
    assert [path.stem for path in later_parts(tmp_path / "s.001.db")] == ["s.002", "s.003"]
    assert later_parts(tmp_path / "s.003.db") == []
    assert later_parts(tmp_path / "s.009.db") == []
    assert later_parts(tmp_path / "s.db") == []


def test_a_text_belongs_to_the_part_that_its_content_gives() -> None:
    """The same one for every machine; parts are numbered from 1."""
    assert [part_of(text, 4) for text in ("a", "b", "c", "d", "\ud800")] == [4, 2, 4, 4, 1]
    assert {part_of(str(number), 3) for number in range(50)} == {1, 2, 3}
    assert (part_name("s", 1), part_name("s", 1_000)) == ("s.001", "s.1000")


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (Order(), "e.position"),
        (Order(descending=True), "e.position DESC"),
        (Order("id"), "e.source_id, e.position"),
        (Order("asks", descending=True), "e.reasks DESC, e.position DESC"),
    ],
)
def test_an_order_ends_with_the_work_order(order: Order, expected: str) -> None:
    """Both ways."""
    assert order_sql(order, 99) == expected
    assert order.reversed.reversed == order
    assert order.reversed.descending is not order.descending


def test_what_was_settled_last_and_asked_most_stands_on_top() -> None:
    """All else begins with its least."""
    assert [key for key in KEYS if first_of(key).descending] == ["settled", "asks"]


@pytest.mark.parametrize("key", ["settled", "date"])
def test_an_old_file_cannot_be_sorted_by_what_it_lacks(key: str) -> None:
    """The columns came with format 3."""
    assert order_sql(Order(key), 3).endswith(", e.position")
    with pytest.raises(RunFileError, match=rf"older format \(2\) that cannot be sorted by {key}"):
        order_sql(Order(key), 2)


@pytest.mark.parametrize(
    ("version", "label", "expected"),
    [
        ("v1", "1", "work"),
        ("v1", "0", "no"),
        ("v2", "1", "job"),
        ("v3", "1", "yes"),
        ("v1", "9", "9"),
        ("v1", None, ""),
        ("v1", "", ""),
    ],
)
def test_a_label_keeps_the_name_it_was_given_under(version: str, label: str | None, expected: str) -> None:
    """Else the name of today, else itself."""
    with closing(sqlite3.connect(":memory:")) as db:
        reader = ExportReader(db, TASK, {"v1": {"1": "work"}, "v2": {"1": "job"}}, 1)
    assert reader._named(version, label) == expected


CALL_1, CALL_2, CALL_3 = ((number, 10 * number, f"m{number}", "k", "r", number + 4, None) for number in (1, 2, 3))
NO_CALL = (None, None, "", "", "", 0, None)


@pytest.mark.parametrize(
    ("rows", "attempt_ids", "told", "attempts", "tokens"),
    [
        ([CALL_1, CALL_2], [10, 20], [CALL_1, CALL_2], [1, 1], [5, 6]),
        ([CALL_1], [10, None], [CALL_1, NO_CALL], [1, 0], [5, 0]),
        ([CALL_2], [None, None], [NO_CALL, CALL_2], [0, 1], [0, 6]),
        ([CALL_1, CALL_2], [10, 10], [CALL_1, CALL_1], [1, 1], [5, 6]),
        (
            [CALL_1, (1, 11, "m", "k", "r", 7, None), CALL_2],
            [10, 20],
            [CALL_1, CALL_2],
            [2, 1],
            [12, 6],
        ),
        ([CALL_1], [99, None], [NO_CALL, NO_CALL], [1, 0], [5, 0]),
    ],
    ids=["each its own", "none", "no label", "a copy", "asked twice", "lost"],
)
def test_the_call_that_a_label_came_from_is_told(
    rows: list[Any], attempt_ids: list[int | None], told: list[Any], attempts: list[int], tokens: list[int]
) -> None:
    """Else the last one; calls and tokens are those about the item itself."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE TABLE attempt(email_id, id, model, key_alias, raw_answer, prompt_tokens, completion_tokens)")
        found = ExportReader(db, TASK, {}, 1)._calls(rows, (1, 2), attempt_ids)
    assert (found[0], list(found[1]), list(found[2])) == (told, attempts, tokens)


@pytest.mark.parametrize(("emails", "estimated"), [(5_000, False), (5_001, True)])
def test_texts_left_are_counted_up_to_five_thousand(
    monkeypatch: pytest.MonkeyPatch, emails: int, estimated: bool
) -> None:
    """Beyond, a sample of every so-manieth is taken."""
    monkeypatch.setattr(pending, "pending_texts", lambda *_, **__: (0, 0.0))
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE TABLE email(id INTEGER PRIMARY KEY, state, content_hash)")
        db.execute("CREATE TABLE body(email_id INTEGER PRIMARY KEY, text)")
        db.execute(
            "INSERT INTO email WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < ?)"
            " SELECT x, 'pending', x FROM n",
            (emails,),
        )
        db.execute("INSERT INTO body SELECT id, 'four' FROM email")
        found = pending.estimated_texts(db, dedupe=True)
    assert found == ((emails, 4.0) if estimated else (0, 0.0))


WARNED = "sent 25 days ago or earlier, and the server keeps results for 30: start the run within"


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ([("sent", 25.0)], []),
        ([("sent", 25.00001)], [f"batches: 1 batch was {WARNED} 5 days to fetch them"]),
        ([("gathering", 26.0), ("sent", 27.0), ("sent", 3.0)], [f"batches: 2 batches were {WARNED} 3 days to fetch them"]),
        ([("sent", 31.0)], [f"batches: 1 batch was {WARNED} 0 days to fetch them"]),
        ([("done", 40.0), ("sent", None)], []),
    ],
)  # fmt: skip
def test_results_that_wait_at_the_server_for_25_days_are_warned_of(
    sent: list[tuple[str, float | None]], expected: list[str]
) -> None:
    """Those of open batches alone."""
    now = 1_790_000_000.0
    parcels = [
        SimpleNamespace(sent_at=None if days is None else now - days * 86_400, is_open=state != "done")
        for state, days in sent
    ]
    assert _left_at_the_server(parcels, now) == expected  # type: ignore[arg-type]
