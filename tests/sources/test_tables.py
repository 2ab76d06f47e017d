"""Tables of databases, sheets and Parquet, the separator of a CSV file, and which form a file or folder is in."""

from __future__ import annotations

import importlib
import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import SourceError
from core.sources import csv_source, decoding, folder_source, json_source, preview, registry, table_source, text_source
from core.sources import source as source_module
from core.sources.columns import ColumnsError, choose
from core.sources.decoding import Encoding
from core.sources.preview import look_at, look_into
from core.sources.registry import open_source
from core.sources.source import Found, SkippedRow, SourceOptions


def test_a_short_row_of_a_table_has_empty_cells_at_its_end() -> None:
    """Cells beyond the header are not read; times are written as ISO has them."""
    chosen = choose(Path("t.db"), ["id", "text", "more"], SourceOptions(text_column="text", id_column="id"))
    given: list[Any] = [("a",), ("b", "one"), ("c", b"tw\xff"), ("d", "three", 3, "beyond")]
    rows = list(table_source._rows_found(chosen, iter(given)))
    assert [(row.number, row.place) for row in rows[1:] if isinstance(row, Found)] == [
        (2, "row 2"), (3, "row 3"), (4, "row 4"),
    ]  # fmt: skip
    assert [row.raw for row in rows if isinstance(row, Found)][-3:] == ["one", "tw\ufffd", "three"]


def test_the_tables_of_a_database_are_listed_to_choose_from(tmp_path: Path) -> None:
    """Twenty of them, sixty characters of each; views count, tables of SQLite itself do not."""
    path = tmp_path / "many.db"
    with closing(sqlite3.connect(path)) as database:
        with pytest.raises(SourceError, match=r"has 0 tables\. Choose .* There are: none\.$"):
            table_source._query(path, database, None)
        database.execute("CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT, text)")
        assert table_source._query(path, database, None) == ('SELECT * FROM "a"', "table 'a'")
        database.execute('CREATE VIEW "b ""c" AS SELECT * FROM a')
        for number in range(20):
            database.execute(f"CREATE TABLE {'z' * 60}{number} (x)")
        with pytest.raises(SourceError) as refused:
            table_source._query(path, database, "nothing")
        told = str(refused.value)
        assert f"{path} has no table 'nothing'." in told
        assert told.endswith("There are: 'a', 'b \"c', " + ", ".join([f"'{'z' * 60}'"] * 18) + ".")
        with pytest.raises(SourceError, match="has 22 tables"):
            table_source._query(path, database, None)
        assert table_source._query(path, database, 'b "c') == ('SELECT * FROM "b ""c"', "table 'b \"c'")
        for query in ("select 1", " WITH x AS (SELECT 1) SELECT * FROM x", "Values (1)"):
            assert table_source._query(path, database, query) == (query, "a query")
        with pytest.raises(SourceError, match="has no table 'selection'"):
            table_source._query(path, database, "selection")


@pytest.mark.parametrize(
    ("module", "name"), [("openpyxl", "openpyxl"), ("pyarrow.parquet", "pyarrow")], ids=["excel", "parquet"]
)
def test_a_missing_library_is_named(module: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what is installed, not by the module within."""

    def missing(_: str) -> None:
        raise ImportError

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(SourceError) as refused:
        table_source._library(Path("a.x"), module, "a thing", "extra", "do without")
    assert str(refused.value) == (
        f"a.x is a thing, which needs {name}. Install it with: pip install 'labeltui[extra]', or do without."
    )


MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("unpacked", "size", "read"),
    [
        (64 * MIB, 1, True),
        (64 * MIB + 1, 1, False),
        (300 * MIB, MIB, True),
        (300 * MIB + 1, MIB, False),
        (2_048 * MIB, 100 * MIB, True),
        (2_048 * MIB + 1, 100 * MIB, False),
    ],
)
def test_a_sheet_is_read_where_its_size_is_one_of_texts(
    unpacked: int, size: int, monkeypatch: pytest.MonkeyPatch, *, read: bool
) -> None:
    """64 MiB always, else 300 times the file, and never more than 2 GiB."""
    path: Any = SimpleNamespace(stat=lambda: SimpleNamespace(st_size=size))
    monkeypatch.setattr(table_source, "_library", lambda *_: None)
    monkeypatch.setattr(table_source, "_unpacked_bytes", lambda _: unpacked)

    def reached(*_: Any) -> None:
        raise SourceError("reached")

    monkeypatch.setattr(table_source, "_sheet", reached)
    with pytest.raises(SourceError, match="reached" if read else f"unpacks to {unpacked:,} bytes"):
        table_source._open_excel(path, SourceOptions())


def test_a_workbook_is_closed_whatever_is_found() -> None:
    """Twice: once for its sheets, once for its rows; a header ends at its last name."""
    closed: list[int] = []

    def book(*rows: tuple[Any, ...]) -> Any:
        sheet = SimpleNamespace(iter_rows=lambda values_only: iter(rows))

        class Book(dict[str, Any]):
            sheetnames = ("first", *(f"s{number}" for number in range(30)))

            def close(self) -> None:
                closed.append(1)

        return SimpleNamespace(load_workbook=lambda *_, **__: Book(first=sheet))

    full = book((None, None), (" id ", None, 7, "", None), (1, 2, 3, 4, 5))
    assert table_source._sheet(full, Path("a"), None) == ("first", ["id", "", "7"])
    assert len(closed) == 2
    with pytest.raises(SourceError, match=r"^a: sheet 'first' is empty\."):
        table_source._sheet(book((None,)), Path("a"), "first")
    with pytest.raises(SourceError) as refused:
        table_source._sheet(full, Path("a"), "second")
    assert str(refused.value) == (
        "a has no sheet 'second'. There are: 'first', " + ", ".join(f"'s{number}'" for number in range(19)) + "."
    )
    assert len(closed) == 5
    assert list(table_source._excel_rows(full, Path("a"), "first")) == [
        (" id ", None, 7, "", None), (1, 2, 3, 4, 5),
    ]  # fmt: skip
    assert len(closed) == 6


@pytest.mark.parametrize("count", [1, 2, 1_000])
def test_remote_parquet_says_how_many_files_it_is(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are expected of all of them."""

    class Store:
        def __init__(self, address: str) -> None:
            assert address == "s3://b/x"

        def files(self, ending: str) -> list[str]:
            assert ending == ".parquet"
            return ["f"] * count

        def reading(self, remote: str) -> Any:
            return closing(SimpleNamespace(close=lambda: None, remote=remote))

    monkeypatch.setattr(table_source, "ObjectStore", Store)
    monkeypatch.setattr(table_source, "_library", lambda *_: None)
    monkeypatch.setattr(table_source, "_looked_into", lambda *_: (["id", "text"], 5))
    source = table_source.open_remote(Path("s3:/b/x"), "s3://b/x", SourceOptions())
    assert source.rows == 5 * count
    assert source.kind == {1: "Parquet file", 2: "2 Parquet files in", 1_000: "1,000 Parquet files in"}[count]


@pytest.mark.parametrize(
    ("lines", "whole", "widths"),
    [
        (["a,b\n", "1,2\n", "3\n"], True, [2, 2, 1]),
        (["a,b\n", "1,2\n", "3\n"], False, [2, 2]),
        (["a,b\n"], False, [2]),
        (["a,b\n", "\n", "1\n"], False, [2]),
        (["a,b\n"] * 20, False, [2] * 19),
        (["a,b\n"] * 21, False, [2] * 21),
        (["a,b\n"] * 22, False, [2] * 21),
        (["a,b\n"] * 22, True, [2] * 21),
    ],
)
def test_a_row_that_the_sample_may_cut_does_not_count(lines: list[str], widths: list[int], *, whole: bool) -> None:
    """Of a longer file twenty rows below the header are looked at."""
    assert csv_source._widths(lines, ",", whole=whole) == widths


@pytest.mark.parametrize(
    ("lines", "sign"),
    [
        (["a,b;c\n", "1,2;3\n"], ","),
        (["a,b;c;d\n", "1,2;3;4\n"], ";"),
        (["a,b;c;d\n", "1,2;3;4\n", "1,2;3\n"], ","),
        (["a\n", "b\n"], ","),
        (["a|b\n", "1|2\n"], "|"),
        (["a\tb,c\n", "1\t2\n"], "\t"),
        ([], ","),
    ],
)
def test_the_separator_is_the_one_that_splits_most_rows_alike(lines: list[str], sign: str) -> None:
    """Of equals the one with more columns, then the comma."""
    assert csv_source._delimiter_of(lines, whole=True) == sign


@pytest.mark.parametrize(("size", "whole"), [(262_143, True), (262_144, True), (262_145, False), (400_000, False)])
def test_a_sample_is_the_whole_file_up_to_its_size(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, whole: bool
) -> None:
    """Lines are taken until they hold more."""
    path = tmp_path / "t.csv"
    path.write_text("id,text\n" + "x" * (size - 9) + "\n", encoding="utf-8")
    seen: list[bool] = []

    def said(sample: list[str], *, whole: bool) -> str:
        assert len(sample) == 2
        seen.append(whole)
        return ","

    monkeypatch.setattr(csv_source, "_delimiter_of", said)
    assert csv_source._dialect_of(path, SourceOptions()).delimiter == ","
    assert seen == [whole]


@pytest.mark.parametrize(
    ("data", "codec"),
    [
        (b"a\0b\0c\0d\0", "utf-16-le"),
        (b"\0a\0b\0c\0d", "utf-16-be"),
        (b"a\0b\0c\0d", ""),
        (b"abcdefgh", ""),
        (b"\0" * 64, ""),
        (b"a\0" * 14 + b"bc" * 6, ""),
        (b"a\0" * 14 + b"bc" * 5, "utf-16-le"),
        (b"a\0" * 12 + b"bc" * 4, "utf-16-le"),
        (b"a\0" * 11 + b"bc" * 5, ""),
        (b"a\0" * 15 + b"\0\0", "utf-16-le"),
        (b"a\0" * 14 + b"\0\0" * 2, ""),
        (b"a\0" * 16 + b"bc" * 100, ""),
        (b"bc" * 16 + b"a\0" * 100, ""),
    ],
)
def test_wide_text_shows_by_its_zeros(data: bytes, codec: str) -> None:
    """More than 35 in 100 bytes on one side, fewer than 5 on the other, at the beginning and in all of it."""
    assert decoding._unmarked_utf16(data) == codec


def test_a_file_without_mark_and_suffix_is_a_table_if_it_is_text(tmp_path: Path) -> None:
    """With a suffix nobody knows, or with NUL bytes, it is in no known form."""
    for name, data in (
        ("plain", b"id,text\n1,hello\n"),
        ("wide", b"id,te\0xt\n1,hello\n"),
        ("a.zzz", b"id,text\n1,x\n"),
    ):
        (tmp_path / name).write_bytes(data)
    assert [email.raw for email in open_source(tmp_path / "plain")] == ["hello"]
    for name in ("wide", "a.zzz"):
        with pytest.raises(SourceError, match=r" is in no known form\. Known are: a table or query of an SQLite"):
            open_source(tmp_path / name)


def test_what_is_at_a_path_is_peeked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that may not be listed is refused at once."""
    (tmp_path / "long").write_bytes(b"x" * 5_000)
    (tmp_path / "empty").write_bytes(b"")
    assert registry._peek(tmp_path / "long") == b"x" * 4_096
    assert registry._peek(tmp_path) is None
    with pytest.raises(SourceError, match=r"empty is empty\. Check that it was written to its end\.$"):
        registry._peek(tmp_path / "empty")
    with pytest.raises(SourceError, match=r"gone does not exist\. Check the path; it is relative to "):
        registry._peek(tmp_path / "gone")

    def closed(_: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "iterdir", closed)
    with pytest.raises(SourceError, match=r"may not be read by this user\. Change its permissions, or copy it\.$"):
        registry._peek(tmp_path)


def test_files_of_several_folders_are_told_apart_by_their_paths() -> None:
    """By their names where these differ."""
    assert registry._short_names([Path("x/a.csv"), Path("y/b.csv")]) == ["a.csv", "b.csv"]
    assert registry._short_names([Path("x/a.csv"), Path("y/a.csv")]) == ["x/a.csv", "y/a.csv"]


def test_a_folder_shows_what_can_be_read_in_it(tmp_path: Path) -> None:
    """Files by name with their size, then folders; hidden ones are not counted."""
    for name, data in (
        ("B.csv", b"12345"), ("a.txt", b"123"), (".hidden", b"x"), ("unknown.zzz", b"x"), ("box", b"From a b\n"),
        ("box2", b"From: a"), ("t.parquet", b"PAR1"), ("tab\tname.csv", b"x"), ("12.", b"x"),
    ):  # fmt: skip
        (tmp_path / name).write_bytes(data)
    for name in ("z", "Y", "mail/new", "mail/cur", "mail/tmp"):
        (tmp_path / name).mkdir(parents=True)
    found = look_into(tmp_path)
    assert [(one.name, one.kind, one.folder, one.size_bytes) for one in found.entries] == [
        ("a.txt", "lines of text", False, 3), ("B.csv", "CSV", False, 5), ("box", "mbox", False, 9),
        ("t.parquet", "Parquet", False, 4), ("mail", "Maildir", True, 0), ("Y", "", True, 0), ("z", "", True, 0),
    ]  # fmt: skip
    assert (found.itself, found.others) == ("Parquet files", 4)
    assert all(one.changed_at > 1e9 for one in found.entries)
    assert look_into(tmp_path / "mail").itself == "Maildir"
    assert look_into(tmp_path / "z").itself == ""
    (tmp_path / "z" / "1.eml").write_bytes(b"x")
    assert look_into(tmp_path / "z").itself == "1 message"
    (tmp_path / "Y" / "data").mkdir()
    (tmp_path / "Y" / "data" / "x.parquet").write_bytes(b"x")
    assert look_into(tmp_path / "Y").itself == "Parquet files"
    with pytest.raises(SourceError, match=r"^There is no folder .*gone\. Check how it is spelled\.$"):
        look_into(tmp_path / "gone")
    with pytest.raises(SourceError, match=r"a\.txt cannot be looked into: Not a directory\.$"):
        look_into(tmp_path / "a.txt")


def test_the_first_eight_texts_are_shown_by_their_beginning(tmp_path: Path) -> None:
    """200 characters of the subject, or of the text."""
    path = tmp_path / "t.csv"
    long = "word " * 100
    rows = [f"0,{long}", *(f"{number},text {number}" for number in range(1, 12))]
    path.write_text("id,text\n" + "\n".join(rows) + "\n", encoding="utf-8")
    looked = look_at(path, SourceOptions())
    assert [row[0] for row in looked.rows] == [str(number) for number in range(8)]
    assert looked.rows[0] == ("0", "", long[:200])
    assert looked.rows[1] == ("1", "", "text 1")
    assert (looked.names, looked.text, looked.id, looked.trouble) == (("id", "text"), "text", "id", "")


def test_a_source_is_counted_for_as_long_as_that_is_wanted(tmp_path: Path) -> None:
    """Asked every 500 texts."""
    path = tmp_path / "t.csv"
    path.write_text(
        "id,text\n" + "".join(f"{n},text {n}\n" for n in range(1_200)) + "1,again\n1,more\n", encoding="utf-8"
    )
    whole = preview.count(path, SourceOptions())
    assert (whole.taken, whole.whole, sum(many for _, many in whole.skipped)) == (1_200, True, 2)
    assert len(whole.places) == 2
    asked: list[int] = []

    def wanted() -> bool:
        asked.append(1)
        return len(asked) < 2

    cut = preview.count(path, SourceOptions(), wanted=wanted)
    assert (cut.taken, cut.whole, len(asked)) == (1_000, False, 2)


def test_a_table_without_rows_names_its_columns(tmp_path: Path) -> None:
    """Up to two hundred characters of them."""
    path = tmp_path / "t.csv"
    for name, shown in (("x" * 100, "x" * 100), ("x" * 194, "x" * 194), ("x" * 195, "x" * 194)):
        path.write_text(f"text,{name}\n", encoding="utf-8")
        with pytest.raises(SourceError) as refused:
            open_source(path, SourceOptions(text_column="text"))
        assert str(refused.value) == (f"{path} holds a header (text, {shown}) and no row below it: there are no texts.")


@pytest.mark.parametrize(
    ("sample", "utf8"), [("üü".encode() + b" \xe9", True), ("ü".encode() + b" \xe9", False), (b"\xe9", False)]
)
def test_what_is_mostly_utf_8_is_read_as_that(sample: bytes, *, utf8: bool) -> None:
    """Where more letters fit than do not."""
    found = decoding._guess(sample)
    assert ((found.name, found.guessed) == ("utf-8", False)) is utf8


@pytest.mark.parametrize(
    ("error", "detail"), [(OSError(5, "Input/output error"), "Input/output error"), (OSError("no file"), "no file")]
)
def test_a_file_of_a_folder_that_cannot_be_read_is_counted(
    error: OSError, detail: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the words of the system, or of whoever refused."""
    (tmp_path / "a.eml").write_text("Subject: x\n\nhi", encoding="utf-8")

    def broken(*_: object) -> bytes:
        raise error

    for module in (folder_source, text_source):
        monkeypatch.setattr(module, "read_regular", broken)
    place = "file a.eml"
    found = list(folder_source._of_file(tmp_path, tmp_path / "a.eml", SourceOptions(), registry._open_file))
    assert found == [SkippedRow(place, text_source.UNREADABLE, detail)]
    assert text_source.message_of(tmp_path / "a.eml", "a.eml") == SkippedRow(place, text_source.UNREADABLE, detail)


def test_values_of_json_lines_are_placed_by_row_and_line(tmp_path: Path) -> None:
    """Blank lines are no rows; what breaks off is named by the row that it would be."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "a"}\n\n  \n{"text": "b"}\nnull\n')
    found = list(json_source._of_lines(path, Encoding("utf-8")))
    assert found == [
        (1, "row 1, line 1", {"text": "a"}), (2, "row 2, line 4", {"text": "b"}), (3, "row 3, line 5", None),
    ]  # fmt: skip
    path.write_bytes(b'{"text": "a"}\n{"text": "b"}\n{"text": "\xff"}\n')
    with pytest.raises(SourceError, match="row 3"):
        list(json_source._of_lines(path, Encoding("utf-8")))


@pytest.mark.parametrize(
    ("sign", "note"), [(",", None), (";", "separated by ';'"), ("\t", "separated by tab"), ("|", "separated by '|'")]
)
def test_a_separator_that_is_no_comma_is_noted(sign: str, note: str | None, tmp_path: Path) -> None:
    """In words where it cannot be seen."""
    path = tmp_path / "a.csv"
    path.write_text(f"id{sign}text\n1{sign}a\n", encoding="utf-8")
    assert open_source(path).notes == ((note,) if note else ())


def test_columns_that_do_not_fit_are_told_in_a_sentence() -> None:
    """With the names to choose from beside it."""
    error = ColumnsError("No such column.", ["a", "b"])
    assert (str(error), error.names) == ("No such column.", ("a", "b"))


def test_ids_stay_in_memory_up_to_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then they are moved, whole."""
    monkeypatch.setattr(source_module, "_IDS_IN_MEMORY", 3)
    ids = source_module._Ids()
    for number, (name, moved) in enumerate((("a", False), ("b", False), ("a", False), ("c", True), ("d", True)), 1):
        assert ids.first(name, number, number * 10) == ((1, 10) if number == 3 else None)
        assert (ids._db is not None) is moved
    assert ids._first == {}
    assert [ids.first(name, 9, 9) for name in "abcd"] == [(1, 10), (2, 20), (4, 40), (5, 50)]


def test_rows_of_another_width_than_the_header_are_left_out_with_their_reason(tmp_path: Path) -> None:
    """Too many fields, or too few."""
    path = tmp_path / "a.csv"
    path.write_text('id,text\n1,a\n2,b,c\n3\n4,"d\ne"\n5,f\n', encoding="utf-8")
    chosen = choose(path, ["id", "text"], SourceOptions())
    found = list(csv_source._found(path, csv_source._dialect_of(path, SourceOptions()), chosen))
    assert [(row.number, row.place, row.raw) for row in found if isinstance(row, Found)] == [
        (1, "row 1, line 2", "a"), (4, "row 4, line 5", "d\ne"), (5, "row 5, line 7", "f"),
    ]  # fmt: skip
    assert [row for row in found if isinstance(row, SkippedRow)] == [
        SkippedRow("row 2, line 3", csv_source._TOO_MANY, "3 fields, not 2"),
        SkippedRow("row 3, line 4", csv_source._TOO_FEW, "1 fields, not 2"),
    ]


@pytest.mark.parametrize("data", ['[{"a": 1}, 2, {"b": 3}]', '{"a": 1}\n[2]\n{"b": 3}'])
def test_values_of_json_are_numbered(data: str, tmp_path: Path) -> None:
    """What is no object counts."""
    path = tmp_path / "a.json"
    path.write_text(data, encoding="utf-8")
    found = list(json_source._of_array(path, Encoding("utf-8")))
    assert [(number, record) for number, _, record in found] == [(1, {"a": 1}), (2, None), (3, {"b": 3})]
