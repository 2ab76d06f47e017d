"""Values of a task file: each kind at its bounds, and complaints that name key, line and remedy."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from core.errors import TaskError
from core.llm.tasktable import Table, _line_of, kind


def said(call: Callable[[], object]) -> str:
    """What is complained of."""
    with pytest.raises(TaskError) as caught:
        call()
    return str(caught.value)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (None, None), ("", ""), ("abcde", "abcde"), ("a\nb", "a\nb"), ("abcdef", "f: k has 6 characters. At most 5 are allowed."),
        (5, 'f: k must be a text, not a number. Write k = "…".'), ("\ud800", "f: k holds half of a surrogate pair. Write the character itself, as UTF-8."),
    ],
)  # fmt: skip
def test_a_text_has_at_most_so_many_characters(value: Any, read: str | None) -> None:
    """None where the key is missing."""
    table = Table({"k": value}, "f")
    if isinstance(read, str) and read.startswith("f: "):
        assert said(lambda: table.text("k", limit=5)) == read
    else:
        assert table.text("k", limit=5) == read


@pytest.mark.parametrize(
    ("value", "read"),
    [(None, "usual"), ("", "usual"), (" \n ", "usual"), (" a b\n", "a b"), ("x" * 200, "x" * 200), ("a\u2028b", None), ("a\nb", None), ("x" * 201, None)],
)  # fmt: skip
def test_a_line_is_stripped_and_has_its_default(value: Any, read: str | None) -> None:
    """Two lines are none, whatever parts them; 200 characters are the most."""
    table = Table({"k": value}, "f")
    if read is None:
        words = "has 201 characters. At most 200 are allowed." if len(value) > 200 else "spans several lines. Write it"
        assert words in said(lambda: table.line("k", "usual"))
    else:
        assert table.line("k", "usual") == read


@pytest.mark.parametrize("value", [1, 5, 9, 0, 10, True, 5.0, "5", None])
def test_a_whole_number_lies_between_its_bounds(value: Any) -> None:
    """Both of them are taken; true is no number."""
    table = Table({"k": value}, "f")
    if type(value) is int and 1 <= value <= 9:
        assert table.whole("k", 7, 1, 9) == value
    elif type(value) is int:
        assert said(lambda: table.whole("k", 7, 1, 9)) == f"f: k is {value}. Give a number from 1 to 9."
    else:
        assert said(lambda: table.whole("k", 7, 1, 9)) == (
            f"f: k must be a whole number, not {kind(value)}. Write k = 7."
        )
    assert Table({}, "f").whole("k", 7, 1, 9) == 7


@pytest.mark.parametrize("value", [1, 0.5, 9.5, 0.49, 9.51, True, "5", float("nan")])
def test_a_number_lies_between_its_bounds(value: Any) -> None:
    """Whole ones are numbers, too."""
    table = Table({"k": value}, "f")
    if isinstance(value, bool | str):
        assert said(lambda: table.number("k", 7.0, 0.5, 9.5)) == (
            f"f: k must be a number, not {kind(value)}. Write k = 7.0."
        )
    elif 0.5 <= value <= 9.5:
        assert table.number("k", 7.0, 0.5, 9.5) == value
        assert type(table.number("k", 7.0, 0.5, 9.5)) is float
    else:
        assert said(lambda: table.number("k", 7.0, 0.5, 9.5)) == f"f: k is {value}. Give a number from 0.5 to 9.5."
    assert Table({}, "f").number("k", 7.0, 0.5, 9.5) == 7.0


def test_flags_lists_and_tables_are_what_they_are_called() -> None:
    """And nothing else is taken for one."""
    table = Table(
        {"yes": True, "texts": ["a", "b"], "some": ["a", 1], "t": {"x": 1}, "list": [{"x": 1}, {}], "n": 1}, "f"
    )
    assert [table.flag("yes", default=False), table.flag("no", default=True)] == [True, True]
    assert said(lambda: table.flag("n", default=True)) == "f: n must be true or false, not a number. Write n = false."
    assert [table.texts("texts"), table.texts("none")] == [["a", "b"], None]
    for key in ("some", "n", "t"):
        assert said(partial(table.texts, key)) == f'f: {key} must be a list of texts. Write {key} = ["…", "…"].'
    assert [table.plain("t"), table.plain("none")] == [{"x": 1}, {}]
    assert said(lambda: table.plain("n")) == "f: n must be a table, not a number. Write it under [model.n]."
    assert said(lambda: table.table("n")) == "f: n must be a table, not a number. Write it under [n]."
    assert [table.table("t").has("x"), table.table("t").has("y"), table.table("none").has("x")] == [True, False, False]
    assert said(lambda: table.table("t").text("x", limit=5)).startswith("f: t.x must be a text")
    assert [each.has("x") for each in table.tables("list")] == [True, False]
    assert table.tables("none") == []
    for key in ("t", "texts", "n"):
        assert (
            said(partial(table.tables, key))
            == f"f: {key} must be a list of tables. Write each of them under [[{key}]]."
        )
    assert said(lambda: table.tables("list")[0].text("x", limit=5)).startswith("f: list no. 1: x must be a text")  # fmt: skip


@pytest.mark.parametrize(
    ("value", "unsent"), [("omit", True), (None, True), ("Omit", False), (0, False), ("", False), (False, False)]
)
def test_a_setting_is_unsent_by_the_word_or_by_null(value: Any, unsent: bool) -> None:
    """A key that is missing says nothing."""
    assert Table({"k": value}, "f").unsent("k", "omit") is unsent
    assert Table({}, "f").unsent("k", "omit") is False


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("x", "a text"), (True, "true or false"), (1, "a number"), (1.5, "a number"), ([], "a list"), ({}, "a table"),
        (None, "nothing"), (datetime(2026, 1, 1, tzinfo=UTC), "a datetime"),
    ],
)  # fmt: skip
def test_a_value_is_named_as_its_author_would(value: object, words: str) -> None:
    """Not by a type of Python, where it has a name of its own."""
    assert kind(value) == words


@pytest.mark.parametrize(
    ("key", "near"), [("colour", "Did you mean color? "), ("c", ""), ("size", "Did you mean size_of? "), ("xyz", "")]
)
def test_a_key_that_is_not_known_is_refused_with_the_nearest(key: str, near: str) -> None:
    """The first such key of the table."""
    table = Table({"color": 1, key: 2, "also": 3}, "f")
    assert said(lambda: table.only(("color", "size_of"))) == (
        f"f: {key} is not a key of a task. {near}Known here: color, size_of."
    )
    assert Table({"color": 1}, "f").only(("color",)) is None  # type: ignore[func-returns-value]


FILE = """\
a = 1
  "b" = 2
'c'=3
rubric = '''
x
y
'''
[[labels]]
value = "1"
 [[ labels ]] # more
name = 'x'
value = "2"
[model]
a = 5
[model.extra]
z = 1
[other] x
"""


@pytest.mark.parametrize(
    ("named", "line"),
    [
        ("a", 1), ("b", 2), ("c", 3), ("model.a", 14), ("labels[1].value", 9), ("labels[2].value", 12), ("labels[2].name", 11),
        ("labels[1].name", 8), ("labels[3].name", None), ("labels", 8), ("model", 13), ("missing", None), ("value", None), ("model.z", 13),
        ("no.such", None), ("x y", None), ("other", None), ("labels[1].meaning", 8), ("labels[2].meaning", 10),
    ],
)  # fmt: skip
def test_the_line_of_a_key_is_found(named: str, line: int | None) -> None:
    """Of a key that is not there it is its table's."""
    assert _line_of(FILE, named) == line


def test_a_complaint_names_its_line_where_it_is_known() -> None:
    """With thousands parted, by the key as it is called there."""
    text = "\n" * 1_233 + "[t]\nx = 1\n[[l]]\nx = 2\n"
    table = Table({"t": {"x": 1}, "l": [{"x": 2}]}, "f", text=text)
    assert str(table.table("t").wrong("x", "is so", "Do.")) == "f, line 1,235: t.x is so. Do."
    assert str(table.tables("l")[0].wrong("x", "is so", "Do.")) == "f, line 1,237: l no. 1: x is so. Do."
    assert str(table.wrong("y", "is so", "Do.")) == "f: y is so. Do."
