"""How columns are chosen and rows become records: names, cells, headers, lines and what is kept; no file is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.errors import SourceError
from core.sources import columns
from core.sources.columns import Chosen, ColumnsError, choose, flattened, has_text, unique
from core.sources.source import Columns, Found, SkippedRow, SourceOptions, refuse_unused

PATH = Path("mail.csv")


def chosen(names: list[str], **options: Any) -> tuple[Any, ...]:
    """What is chosen of these columns: text, id, gold, headers, lines and kept names."""
    found = choose(PATH, names, SourceOptions(**options))
    return (
        names[found.text], None if found.id is None else names[found.id], None if found.gold is None else names[found.gold],
        {title: names[at] for at, title in found.headers}, [name for _, name in found.lines], [name for _, name in found.kept],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("names", "options", "found"),
    [
        (["id", "text"], {}, ("text", "id", None, {}, [], [])), (["anything"], {}, ("anything", None, None, {}, [], [])), (["ID", " Message Text ", "x"], {}, (" Message Text ", "ID", None, {}, [], ["x"])),
        (["title", "text"], {}, ("text", None, None, {}, [], ["title"])), (["title", "n"], {}, ("title", None, None, {}, [], ["n"])), (["data.text", "data.id"], {}, ("data.text", None, None, {}, [], ["data.id"])),
        (["file", "message-id", "text"], {}, ("text", "message-id", None, {}, [], ["file"])), (["text", "key", "index"], {}, ("text", "key", None, {}, [], ["index"])),
        (["text", "subject", "From", "sender", "date"], {}, ("text", None, None, {"Subject": "subject", "From": "From", "Date": "date"}, [], ["subject", "From", "sender", "date"])),
        (["a", "b"], {"text_column": "A"}, ("a", None, None, {}, [], ["b"])), (["a", "b"], {"text_column": "b", "id_column": "a"}, ("b", "a", None, {}, [], [])),
        (["text", "label", "id"], {"gold_column": "label"}, ("text", "id", "label", {}, [], ["label"])), (["text", "subject", "id"], {"gold_column": "subject"}, ("text", "id", "subject", {}, [], ["subject"])),
        (["x", "y", "z"], {"fields": ("x", "z")}, ("z", None, None, {}, ["x"], ["x", "y"])), (["title", "text", "n"], {"fields": ("title", "n", "text")}, ("text", None, None, {}, ["title", "n"], ["title", "n"])),
        (["subject", "text", "from"], {"fields": ("subject", "text")}, ("text", None, None, {"Subject": "subject"}, [], ["subject", "from"])), (["text", "body", "n"], {"fields": ("body", "n")}, ("body", None, None, {}, ["n"], ["text", "n"])),
        (["from", "sender", "text"], {"fields": ("from", "sender", "text")}, ("text", None, None, {"From": "from"}, ["sender"], ["from", "sender"])), (["text", "id", "n"], {"id_column": "n"}, ("text", "n", None, {}, [], ["id"])),
        (["text", "text "], {"text_column": "text"}, ("text", None, None, {}, [], ["text "])),
    ],
    ids=range(20),
)  # fmt: skip
def test_columns_are_chosen(names: list[str], options: dict[str, Any], found: tuple[Any, ...]) -> None:
    """By name, or as given; what is sent beside the text is a header where mail has one, else a line of its own."""
    assert chosen(names, **options) == found


@pytest.mark.parametrize(
    ("names", "options", "words"),
    [
        (["text", "body"], {}, "mail.csv: 'text' and 'body' may each hold the message. Choose one with --text-column."), (["a", "b"], {}, "mail.csv: no column looks like the message (message, text, body, content, raw …)."),
        (["text", "id"], {"id_column": "text"}, "column 'text' cannot be both message and id"), (["text", "id"], {"gold_column": "id"}, "column 'id' cannot be gold label and text or id"), (["text", "id"], {"gold_column": "text"}, "column 'text' cannot be gold"),
        (["text", "A", "a "], {"id_column": " a"}, "mail.csv: 2 columns are named ' a'. Rename them for --id-column."), (["text", "author"], {"id_column": "autor"}, "mail.csv has no column 'autor', which --id-column names. Did you mean 'author'?"),
        (["text", "x"], {"id_column": "qqqq"}, "mail.csv has no column 'qqqq', which --id-column names. There are"), (["text"], {"fields": ("z",)}, "which --fields names"), (["text"], {"text_column": "z"}, "which --text-column names"),
    ],
    ids=range(10),
)  # fmt: skip
def test_columns_that_do_not_fit_are_refused(names: list[str], options: dict[str, Any], words: str) -> None:
    """With those that there are."""
    with pytest.raises(ColumnsError) as caught:
        choose(PATH, names, SourceOptions(**options))
    assert words in str(caught.value)
    assert caught.value.names == tuple(names)


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        (["7", " x ", "1", "s", "a\nb", "k"], ("7", "Subject: s\n\nline: a b\n\n x ", "1", {"gold": "1", "subject": "s", "line": "a\nb", "kept": "k"})),
        ([7, "x", None, None, None, None], ("7", "x", "", {"gold": None, "subject": None, "line": None, "kept": None})), (["", "x", " 2 ", "", 1.5, 0], ("", "line: 1.5\n\nx", "2", {"gold": " 2 ", "subject": "", "line": 1.5, "kept": 0})),
        ([" 7 ", "x", "g", " s ", "", 0], ("7", "Subject: s\n\nx", "g", {"gold": "g", "subject": " s ", "line": "", "kept": 0})),
        (["7", "Subject: own\n\nx", "", "s", "", 0], ("7", "Subject: own\n\nx", "", {"gold": "", "subject": "s", "line": "", "kept": 0})),
        (["7", "Subject: own\n\nx", "", "s", "l", 0], ("7", "Subject: s\n\nline: l\n\nSubject: own\n\nx", "", {"gold": "", "subject": "s", "line": "l", "kept": 0})),
        ([None, b"\xff", True, True, [1, "a"], {"a": 1}], ("", 'Subject: true\n\nline: [1, "a"]\n\n\ufffd', "", {"gold": True, "subject": True, "line": [1, "a"], "kept": {"a": 1}})),
    ],
    ids=range(7),
)  # fmt: skip
def test_a_row_becomes_a_record(cells: list[Any], found: tuple[Any, ...]) -> None:
    """Headers and lines before the text, unless it is a whole email; all but text and id is kept."""
    names = ("id", "text", "gold", "subject", "line", "kept")
    row = Chosen(names, 1, 0, 2, ((3, "Subject"),), ((4, "line"),), tuple((at, names[at]) for at in (2, 3, 4, 5)))
    source_id, raw, gold, kept = found
    assert row.found(5, "row 5", cells) == Found(5, source_id, raw, "row 5", kept, gold)
    assert row.columns() == Columns("text", "id", ("subject", "line"), "gold", names)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [(["7", None], columns.NO_TEXT), (["7", True], columns.NO_TEXT), (["7", [1]], columns.NO_TEXT), ([True, "x"], columns.NO_ID), ([{}, "x"], columns.NO_ID), (["7", ""], None), (["7", 0], None)],
)  # fmt: skip
def test_a_row_without_text_or_with_an_odd_id_is_left_out(cells: list[Any], reason: str | None) -> None:
    """An empty text is one; what is more than the names is kept."""
    row = Chosen(("id", "text"), 1, 0, None, (), (), ())
    found = row.found(5, "row 5", cells)
    assert found == (SkippedRow("row 5", reason) if reason else Found(5, "7", str(cells[1]), "row 5"))
    if not reason:
        more = row.found(5, "row 5", cells, {"x": 1})
        assert isinstance(more, Found)
        assert more.columns == {"x": 1}


def test_names_are_made_unique_and_nested_ones_dotted() -> None:
    """Eight levels of them; lists stay, and so does what is deeper."""
    assert unique(["a", "a", "", "a_2", "a", ""]) == ["a", "a_2", "column_3", "a_2_2", "a_3", "column_6"]
    assert flattened({"a": {"b": {"c": 1}, "d": [{"e": 2}]}, "f": {}}) == {"a.b.c": 1, "a.d": [{"e": 2}], "f": {}}
    deep: dict[str, Any] = {"x": 1}
    for _ in range(10):
        deep = {"n": deep}
    (name,) = flattened(deep)
    assert name.count("n") == 9
    assert [has_text(names) for names in (["a.Body"], ["Full Text"], ["x"], ["title"], [])] == [
        True,
        True,
        False,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"text_column": "a"}, "f has no columns, so --text-column 'a' means nothing there. Leave it out."), ({"fields": ("a", "b")}, "f has no columns, so --fields 'a,b' means nothing there."),
        ({"delimiter": ";"}, "f has no use for --delimiter, so --delimiter ';' means nothing there."), ({"encoding": "x"}, "no use for --encoding"), ({"table": "t"}, "no use for --table"), ({"id_column": "a"}, "has no columns, so --id-column"),
        ({"gold_column": "a"}, "has no columns, so --gold-column"), ({}, None), ({"format": "csv"}, None),
    ],
)  # fmt: skip
def test_an_option_that_means_nothing_is_refused(option: dict[str, Any], words: str | None) -> None:
    """Unless the format knows it."""
    options = SourceOptions(**option)
    refuse_unused(Path("f"), options, tuple(option))
    if words is None:
        refuse_unused(Path("f"), options, ())
    else:
        with pytest.raises(SourceError) as caught:
            refuse_unused(Path("f"), options, ())
        assert words in str(caught.value)
