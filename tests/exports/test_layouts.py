"""What each layout writes, value by value, and which of them a name or a path means."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import ExportError, RunFileError, UnknownNameError, UsageError
from core.exports import columns, layouts, lines, registry, tables
from core.exports.columns import Cell, Column, Facts, Table, shares
from core.exports.registry import check_target, export_table, layout_for
from tests.exports.test_exports import BY_ADA, FAILED, LABELED, TASK, table

# -- lines ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "safe", "raw"),
    [
        (None, b"", b""), (5, b"5", b"5"), (0.5, b"0.5", b"0.5"), ("a", b"a", b"a"), ("a,b", b'"a,b"', b'"a,b"'), ("a\nb", b'"a\nb"', b'"a\nb"'), ("a\rb", b'"a\rb"', b'"a\rb"'), ('a"b', b'"a""b"', b'"a""b"'),
        ("=1", b"'=1", b"=1"), ("a;=1", b"a;'=1", b"a;=1"), ("\ud800", b"?", b"?"), ("é", "é".encode(), "é".encode()), ("", b"", b""),
    ],
    ids=ascii,
)  # fmt: skip
def test_a_cell_is_quoted_where_it_must_be(cell: Cell, safe: bytes, raw: bytes) -> None:
    """And guarded unless it is to be exact."""
    assert (lines._safe_field(cell), lines._csv_field(cell)) == (safe, raw)
    for count in (1, 3, 40):
        assert lines._csv_lines([[cell] * count, ["x"] * count]) == (safe + b",x\n") * count
        assert lines._csv_lines([[cell] * count], raw=True) == (raw + b"\n") * count


@pytest.mark.parametrize(
    ("cells", "raw", "plain"),
    [
        (["a", "b"], False, True), (["a", None], False, False), ([1, 2], False, False), (["a", "b,c"], False, False), (["a", 'b"c'], False, False), (["a\r", "b"], False, False), (["a\nb", "c"], False, False), (["a", "=1"], False, False), (["a", "=1"], True, True),
        (["a;b", "c"], False, False), (["a;b", "c"], True, True), (["x" * 199, "y"], False, True), (["x" * 200, "y"], False, False), (["", "a"], False, True), (["\ud800", "a"], False, True), (["'a"], False, False), (["a\nb"], False, False),
    ],
    ids=range(17),
)  # fmt: skip
def test_cells_are_written_all_at_once_where_none_is_quoted(cells: list[Cell], raw: bool, plain: bool) -> None:
    """Ids and dates, say; otherwise one by one, with the same lines."""
    found = lines._plain_fields(cells, raw=raw)
    field = lines._csv_field if raw else lines._safe_field
    assert found == ([field(cell) for cell in cells] if plain else [])


@pytest.mark.parametrize(
    "columns_",
    [
        [list("ab" * 20), list("xyxy" * 10), [str(n) for n in range(40)]], [["a"] * 40, ["b"] * 40, ["c"] * 40], [[str(n) for n in range(40)], ["a"] * 40, ["b"] * 40, [str(n) for n in range(40)]],
        [list("abcd" * 10), list("wxyz" * 10)], [[0, 0.0, False, 1] * 10, ["a"] * 40], [[0.0, 0] * 20], [["a", None] * 20, [1, None] * 20], [["a"] * 3, ["b", "c", "d"]], [["a", "b"] * 8 + [str(n) for n in range(20)]],
        [[str(n % 16) for n in range(40)], ["=x"] * 40], [[str(n % 15) for n in range(40)], [str(n % 3) for n in range(40)]], [["a"]],
    ],
    ids=range(12),
)  # fmt: skip
def test_lines_are_those_of_each_row_alone(columns_: list[list[Cell]]) -> None:
    """However often cells repeat, and beside whatever they stand."""
    rows = list(zip(*columns_, strict=True))
    assert lines._csv_lines(columns_) == b"".join(b",".join(map(lines._safe_field, row)) + b"\n" for row in rows)


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["a", "b"], ['"a"', '"b"']), (['a"b', "c"], ['"a\\"b"', '"c"']), (["a,b", "c"], ['"a,b"', '"c"']), (["a\\", "b"], ['"a\\\\"', '"b"']), ([1, 2], ["1", "2"]), ([1.5, 2.0], ["1.5", "2.0"]), ([1, 2.5], ["1", "2.5"]), ([None, "a"], ["null", '"a"']),
        ([True, False], ["true", "false"]), (["\ud800", "a"], ['"\\ud800"', '"a"']), ([2**70, 1], [str(2**70), "1"]), (["x" * 200, "y"], [f'"{"x" * 200}"', '"y"']), (["", ""], ['""', '""']), (["\0", "a"], ['"\\u0000"', '"a"']), (["é"], ['"é"']),
    ],
    ids=range(15),
)  # fmt: skip
def test_values_are_json_with_their_name(cells: list[Cell], values: list[str]) -> None:
    """All at once where they are of one kind, or one by one; the same either way."""
    name = b'"n":'
    assert list(lines._json_fields(name, cells)) == [name + value.encode() for value in values]
    assert [lines._json_field(name, cell) for cell in cells] == [name + value.encode() for value in values]


def test_short_values_of_one_kind_are_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not cell by cell, which takes several times as long."""
    monkeypatch.setattr(lines, "_json_cell", lambda _: pytest.fail("a cell was written alone"))
    assert list(lines._json_fields(b"n:", ["a", "b,c"])) == [b'n:"a"', b'n:"b,c"']
    assert list(lines._json_fields(b"n:", [1, 2])) == [b"n:1", b"n:2"]
    assert list(lines._json_fields(b"n:", ["x" * 199, "y"])) == [b'n:"' + b"x" * 199 + b'"', b'n:"y"']


def test_one_column_has_a_line_for_each_item(tmp_path: Path) -> None:
    """Empty without a label, quoted and guarded as cells are."""
    rows = [LABELED, FAILED, LABELED._replace(label="=x"), LABELED._replace(label="a,b"), LABELED._replace(label="a\r")]
    path = tmp_path / "labels.csv"
    assert lines.write_labels(table(*rows), path, False) == 5
    assert path.read_bytes() == b'label\n1\n""\n\'=x\n"a,b"\n"a\r"\n'
    lines.write_labels(table(*rows), path, True)
    assert b"\n=x\n" in path.read_bytes()
    assert (lines.write_objects([{"a": "é"}, "\ud800"], path), path.read_text("utf-8")) == (
        2,
        '{"a": "é"}\n"\\ud800"\n',
    )


# -- columns --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "names", "ends"),
    [("0.8,0.2", ("train", "test"), (0.8, 1.0)), ("0.5,0.25,0.25", ("train", "validation", "test"), (0.5, 0.75, 1.0)), (" 0.5 , 0.5005", ("train", "test"), (0.5, 1.0005))],
)  # fmt: skip
def test_shares_are_two_or_three_that_sum_up_to_one(text: str, names: tuple[str, ...], ends: tuple[float, ...]) -> None:
    """Within a thousandth; texts come to a side by their hash."""
    found = shares(text)
    assert (found.names, found.ends) == (names, pytest.approx(ends))
    sides = [found.of(str(number)) for number in range(400)]
    assert sides.count("train") / 400 == pytest.approx(ends[0], abs=0.07)
    assert found.of("h1") == found.of("h1")


@pytest.mark.parametrize(
    "text", ["1", "0.5,0.4", "0.5,0.498", "0.5,0.5,0", "0.9,0.2,-0.1", "a,b", "", "0.25,0.25,0.25,0.25"]
)
def test_what_is_no_split_is_refused(text: str) -> None:
    """With an example."""
    with pytest.raises(UsageError, match="--split takes two or three shares that sum up to 1"):
        shares(text)


def blocks_of(sizes: list[int], size: int) -> list[list[int]]:
    """The blocks that are made of pages of these sizes."""
    numbers = iter(range(100))
    pages = [[[next(numbers) for _ in range(each)]] for each in sizes]
    made = Table((Column("n"),), lambda _: iter(pages), Facts("r", TASK, "s", simulated=False))
    return [list(block[0]) for block in made.blocks(size)]


@pytest.mark.parametrize(
    ("sizes", "blocks"),
    [([3, 3], [3, 3]), ([2, 2, 2], [3, 3]), ([7], [3, 3, 1]), ([1], [1]), ([1, 3, 2], [3, 3]), ([3, 1], [3, 1]), ([4, 3, 2], [3, 3, 3])],
)  # fmt: skip
def test_blocks_hold_so_many_rows(sizes: list[int], blocks: list[int]) -> None:
    """Whatever the pages hold; in their order."""
    found = blocks_of(sizes, 3)
    assert [len(each) for each in found] == blocks
    assert [number for block in found for number in block] == list(range(sum(sizes)))


def test_cells_of_the_source_come_back_as_they_were() -> None:
    """What is nested stays JSON; large numbers are exact; damage is told."""
    assert columns._cells(
        '{"a": "x", "b": {"c": 1}, "d": 5, "e": 12345678901234567890123, "f": true, "g": [1]}', list("abdefgz")
    ) == [
        "x",
        '{"c": 1}',
        "5",
        "12345678901234567890123",
        "true",
        "[1]",
        None,
    ]
    assert columns._cells('{"a": "\\ud800", "b": NaN}', ["a", "b"]) == ["\ud800", "NaN"]
    for damaged in ("{", "5", "[1]"):
        with pytest.raises(RunFileError, match="the source's columns of a row cannot be read"):
            columns._cells(damaged, ["a"])
    assert columns._distinct(["a", "a", "id", "a_2"], {"id"}) == ["a", "a_2", "id_2", "a_2_2"]
    assert [columns.sound(cell) for cell in ("a\ud800", 5, None)] == ["a?", 5, None]
    assert table(own=("id", "note", "split"), split="0.5,0.5").names[-7:] == (
        "source_id", "note", "source_split", "annotator", "subject", "label_probability", "split",
    )  # fmt: skip


def test_a_table_gives_rows_by_split_and_cells_by_name() -> None:
    """Without the text where it is left out; the source's own stand between."""
    made = table(LABELED, FAILED, BY_ADA, split="0.5,0.5")
    every = list(made.rows())
    assert [row[0] for row in every] == ["a/1.", "a/2.", "a/3."]
    parts = [list(made.of(name).rows()) for name in made.splits]
    assert sorted(row[0] for part in parts for row in part) == ["a/1.", "a/2.", "a/3."]
    assert {row[-1] for row in parts[0]} <= {"train"}
    assert [made.picker("id", "nothing", "title")(row) for row in every] == [
        ("a/1.", "", "so good"),
        ("a/2.", "", None),
        ("a/3.", "", "so good"),
    ]
    assert [made.names[at] for at in made.own()] == ["stars", "title"]
    bare = table(LABELED, text=False)
    assert not {"text", "subject"} & set(bare.names)
    kinds = {column.name: column.kind for column in made.columns}
    assert (kinds["tokens"], kinds["audit_rate"], kinds["labeled_at"], kinds["label"]) == ("integer", "real", "moment", "text")  # fmt: skip


# -- annotation tools -----------------------------------------------------------------------------------------------------


def test_label_studio_has_ids_that_stay_the_same(tmp_path: Path) -> None:
    """Predictions with their score, annotations of people; nothing empty stands in the metadata."""
    path = tmp_path / "a.json"
    scored = LABELED._replace(label_probability=0.75)
    assert layouts.write_label_studio(table(scored, FAILED, BY_ADA), path, False) == 3
    told = json.loads(path.read_text())
    assert told[0]["predictions"] == [{"model_version": "openai/gpt-oss-20b", "score": 0.75, "result": [{
        "id": "e45992202c", "from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": ["1"]},
    }]}]  # fmt: skip
    assert "predictions" not in told[1]
    assert "score" not in told[2]["predictions"][0]
    assert told[2]["annotations"][0]["result"][0]["id"] == "d961b9a8a4"
    assert (told[2]["annotations"][0]["was_cancelled"], told[2]["annotations"][0]["ground_truth"]) == (False, False)
    assert (told[1]["data"]["id"], told[1]["data"]["text"]) == ("a/2.", "Lunch at noon?")
    assert not {"text", "raw_answer", "label", "annotator"} & told[1]["data"]["labeltui"].keys()
    assert path.read_text().startswith('[\n{"data"')
    assert path.read_text().endswith("}\n]\n")
    layouts.write_label_studio(table(), path, False)
    assert path.read_text() == "[\n]\n"


def test_layouts_that_need_texts_say_so(tmp_path: Path) -> None:
    """Each by its name."""
    bare = table(LABELED, text=False)
    for write, what in (
        (layouts.write_label_studio, "Label Studio needs"), (layouts.write_argilla, "Argilla needs"), (layouts.write_spacy, "spaCy needs"), (tables.write_datasette, "Full-text search needs"),
    ):  # fmt: skip
        with pytest.raises(ExportError, match=f"{what} the texts. Leave out --no-text"):
            write(bare, tmp_path / "x", False)


def test_argilla_gets_records_questions_and_metadata(tmp_path: Path) -> None:
    """The suggestion says who gave it; a label that the task does not know is none."""
    rows = [LABELED, BY_ADA, BY_ADA._replace(annotator=""), LABELED._replace(label="9")]
    assert layouts.write_argilla(table(*rows), tmp_path, False) == 4
    records = json.loads((tmp_path / "records.json").read_text())
    assert [each["suggestions"].get("label") for each in records] == [
        {"value": "1", "agent": "openai/gpt-oss-20b"}, {"value": "0", "agent": "ada"}, {"value": "0", "agent": "person"}, None,
    ]  # fmt: skip
    assert records[0]["metadata"] == {"label_source": "model", "model_label": "1", "state": "labeled", "model": "openai/gpt-oss-20b", "task_version": "abc123"}  # fmt: skip
    assert (records[0]["id"], records[0]["fields"], records[0]["status"]) == (
        "a/1.",
        {"text": "Lunch at noon?"},
        "pending",
    )
    settings = json.loads((tmp_path / ".argilla" / "settings.json").read_text())
    (question,) = settings["questions"]
    assert question["settings"]["options"] == [
        {"value": "1", "text": "work", "description": None}, {"value": "0", "text": "personal", "description": "all else"},
    ]  # fmt: skip
    assert (question["settings"]["visible_options"], question["title"], settings["guidelines"]) == (
        3,
        "mail",
        "Work is 1.",
    )
    assert [each["name"] for each in settings["metadata"]] == list(layouts._ARGILLA_METADATA)
    assert json.loads((tmp_path / ".argilla" / "dataset.json").read_text())["name"] == "small"


def test_spacy_gets_a_category_for_each_label(tmp_path: Path) -> None:
    """Of items that have one; a label that the task does not know is one more."""
    path = tmp_path / "a.jsonl"
    assert layouts.write_spacy(table(LABELED, FAILED, LABELED._replace(label="9")), path, False) == 2
    told = [json.loads(line) for line in path.read_text().splitlines()]
    assert [each["cats"] for each in told] == [{"1": 1.0, "0": 0.0}, {"1": 0.0, "0": 0.0, "9": 1.0}]
    assert (told[0]["text"], told[0]["meta"]["id"]) == ("Lunch at noon?", "a/1.")


def test_spacy_s_own_file_holds_a_document_for_each_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its categories and its id; without spaCy it is said what to do."""
    made: list[Any] = []

    class DocBin:
        def __init__(self, *, store_user_data: bool) -> None:
            assert store_user_data

        def add(self, doc: Any) -> None:
            made.append((doc.text, doc.cats, doc.user_data))

        def to_disk(self, path: Path) -> None:
            path.write_text(str(len(made)))

    language = SimpleNamespace(make_doc=lambda text: SimpleNamespace(text=text, user_data={}))
    library = SimpleNamespace(blank=lambda name: language if name == "xx" else None, DocBin=DocBin)
    monkeypatch.setattr(layouts.importlib, "import_module", lambda _: library)  # type: ignore[attr-defined]
    path = tmp_path / "a.spacy"
    assert layouts.write_spacy(table(LABELED, FAILED), path, False) == 1
    assert made == [("Lunch at noon?", {"1": 1.0, "0": 0.0}, {"id": "a/1."})]
    assert path.read_text() == "1"

    def missing(_: str) -> None:
        raise ImportError

    monkeypatch.setattr(layouts.importlib, "import_module", missing)  # type: ignore[attr-defined]
    with pytest.raises(ExportError, match=r"^A \.spacy file needs spaCy, which is not installed\. Install it with:"):
        layouts.write_spacy(table(LABELED), path, False)


# -- tables ---------------------------------------------------------------------------------------------------------------


def test_a_database_has_its_mark_keys_and_kinds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half surrogate pairs become question marks, in whichever group of rows they are."""
    monkeypatch.setattr(tables, "BLOCK_ROWS", 2)
    rows = [LABELED._replace(id=str(n), text="\ud800" if n == 3 else f"t{n}") for n in range(5)]
    path = tmp_path / "a.db"
    assert tables.write_datasette(table(*rows, own=('od"d',)), path, False) == 5
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA application_id").fetchone()[0] == 0x6C627865
        assert db.execute("SELECT id, text FROM labels ORDER BY rowid").fetchall() == [
            ("0", "t0"),
            ("1", "t1"),
            ("2", "t2"),
            ("3", "?"),
            ("4", "t4"),
        ]
        kinds = {row[1]: (row[2], row[5]) for row in db.execute("PRAGMA table_info(labels)")}
        assert (kinds["id"], kinds["tokens"], kinds["audit_rate"], kinds['od"d']) == (
            ("TEXT", 1),
            ("INTEGER", 0),
            ("REAL", 0),
            ("TEXT", 0),
        )
        assert db.execute("SELECT COUNT(*) FROM labels_fts WHERE labels_fts MATCH 't2'").fetchone()[0] == 1
        assert db.execute("SELECT COUNT(*) FROM labels_fts WHERE labels_fts MATCH 'lunch'").fetchone()[0] == 5
        assert [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")] == ["labels_label"]  # fmt: skip


def test_the_card_of_a_data_set_says_what_it_holds(tmp_path: Path) -> None:
    """Splits, labels with their counts, the rubric, columns, where the labels come from."""
    facts = Facts("sm|all", TASK, "/home/ada/a.csv, /b/c.csv", simulated=True, filtered="only `human`")
    made = columns.table_of(lambda: [tuple(zip(LABELED, FAILED, BY_ADA, strict=True))], facts, split=shares("0.5,0.5"))
    assert tables.write_huggingface(made, tmp_path, False) == 3
    card = (tmp_path / "README.md").read_text("utf-8")
    for line in (
        'pretty_name: "sm/all"', "- n<1K", "  - split: train", "    path: data/test-*", "# sm/all", "**The labels are simulated**: they come from labeltui's built-in simulator and mean nothing.", "| label | name | meaning | items |",
        "|  |  | no label | 1 |", "| 0 | personal | all else | 1 |", "| 1 | work |  | 1 |", "## Rubric", "    Work is 1.", "Only rows with: `only 'human'`.", "## Columns", "## Licence", "That of the source; say so here before you publish.",
    ):  # fmt: skip
        assert f"\n{line}\n" in card, line
    assert (
        "3 items from `a.csv, c.csv`, labeled with labeltui by `openai/gpt-oss-20b` under the task *mail*, version `v1`."
        in card
    )
    assert "What the labels are worth is not in this card: `labeltui quality`" in card
    assert "`id`, `label`, `label_name`" in card
    plain = tables._card(table(), [("train", 1_000_000)], {})  # type: ignore[arg-type]
    assert "n>1M" in plain
    assert "simulated**" not in plain
    assert "Only rows" not in plain
    sizes = [
        re.search(r"size_categories:\n- (\S+)", tables._card(table(), [("train", rows)], {}))[1]
        for rows in (999, 1_000, 9_999, 10_000, 99_999, 100_000, 999_999)
    ]  # type: ignore[arg-type, index]
    assert sizes == ["n<1K", "1K<n<10K", "1K<n<10K", "10K<n<100K", "10K<n<100K", "100K<n<1M", "100K<n<1M"]  # fmt: skip


def test_parquet_ends_a_group_by_rows_or_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever comes first; the rest is a group of its own."""
    parquet = pytest.importorskip("pyarrow.parquet")
    assert (tables.GROUP_ROWS, tables.GROUP_BYTES, tables.BLOCK_ROWS) == (10_000, 32_000_000, 500)
    monkeypatch.setattr(tables, "BLOCK_ROWS", 2)
    rows = [
        LABELED._replace(id=str(n), labeled_at="" if n else LABELED.labeled_at, text="\ud800" if n == 5 else "t")
        for n in range(9)
    ]
    path = tmp_path / "a.parquet"
    for group_rows, group_bytes, groups in (
        (4, 10**9, [4, 4, 1]),
        (10_000, 1, [2, 2, 2, 2, 1]),
        (3, 10**9, [4, 4, 1]),
        (10_000, 10**9, [9]),
    ):
        monkeypatch.setattr(tables, "GROUP_ROWS", group_rows)
        monkeypatch.setattr(tables, "GROUP_BYTES", group_bytes)
        assert tables.write_parquet(table(*rows), path, False) == 9
        read = parquet.ParquetFile(path)
        assert [read.metadata.row_group(n).num_rows for n in range(read.num_row_groups)] == groups
    found = read.read().to_pylist()
    assert [str(row["labeled_at"])[:19] for row in found[:2]] == ["2025-11-13 02:13:20", "None"]
    assert (found[5]["text"], found[0]["tokens"], found[0]["audit_rate"]) == ("?", 321, None)  # fmt: skip


# -- the registry -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "name", "layout"),
    [
        ("a.csv", None, "csv"), ("a.JSONL", None, "jsonl"), ("a.db", None, "sqlite"), ("a.sqlite3", None, "sqlite"), ("a.spacy", None, "spacy"), ("-", None, "csv"), ("x", "HF", "huggingface"), ("x", "Label_Studio", "label-studio"), ("x", "one-column", "labels"),
        ("x", "labelstudio", "label-studio"), ("a.csv", "jsonl", "jsonl"), ("x", "Column", "labels"),
    ],
)  # fmt: skip
def test_a_layout_is_meant_by_its_name_or_suffix(path: str, name: str | None, layout: str) -> None:
    """Names in any writing; a name goes before the suffix."""
    assert layout_for(Path(path), name).name == layout
    with pytest.raises(UnknownNameError, match=r"There is no layout 'nope'\. Choose one of csv, jsonl,"):
        layout_for(Path(path), "nope")
    with pytest.raises(ExportError, match=r"a\.txt: the suffix '\.txt' names no known format\. Choose one of \.csv,"):
        layout_for(Path("a.txt"))


def test_what_lies_in_the_way_is_not_replaced(tmp_path: Path) -> None:
    """Folders, databases that are no export, folders that hold anything."""
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    (tmp_path / "empty").mkdir()
    with closing(sqlite3.connect(tmp_path / "other.db")) as db:
        db.execute("CREATE TABLE t(x)")
    for path, layout, words in (
        ("folder.csv", None, "is a folder. Name a file in it."), ("full", "argilla", "is there already. Name a folder that is not"), ("full/x", "argilla", "is there already"), ("other.db", None, "is a database that labeltui did not export"), ("full", "csv", "is there already"),
    ):  # fmt: skip
        with pytest.raises(ExportError, match=words):
            check_target(tmp_path / path, layout)
    assert check_target(tmp_path / "empty", "argilla").name == "argilla"
    assert check_target(tmp_path / "other.db", "csv").name == "csv"
    assert export_table(table(LABELED), tmp_path / "mine.db") == 1
    assert export_table(table(LABELED, FAILED), tmp_path / "mine.db") == 2
    with pytest.raises(ExportError, match="The layout argilla is a folder and cannot go to standard output"):
        check_target(Path("-"), "argilla")
    for path, layout, manifest in (
        ("s3://b/a.csv", None, False),
        ("s3://b/a.parquet", "csv", False),
        ("s3://b/a.parquet", None, True),
    ):
        with pytest.raises(ExportError, match="to an object store Parquet is written, without a manifest"):
            check_target(Path(path), layout, manifest=manifest)
    assert check_target(Path("s3://b/a.parquet")).name == "parquet"  # fmt: skip


def test_a_folder_of_splits_has_a_manifest(tmp_path: Path) -> None:
    """With bytes, hash and rows of each file; a file has one beside it where that is asked for."""
    made = table(LABELED, FAILED, BY_ADA, split="0.5,0.5")
    assert export_table(made, tmp_path / "out", layout="csv") == 3
    told = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert sorted(each["path"] for each in told["files"]) == ["test.csv", "train.csv"]
    assert sum(each["rows"] for each in told["files"]) == told["rows"] == 3
    for each in told["files"]:
        assert each["bytes"] == (tmp_path / "out" / each["path"]).stat().st_size
        assert len(each["sha256"]) == 64
    assert (told["run"], told["layout"], told["task_version"], told["filter"], told["simulated"]) == (
        "small",
        "csv",
        "v1",
        "",
        False,
    )
    assert export_table(table(LABELED), tmp_path / "a.csv", manifest=True) == 1
    beside = json.loads((tmp_path / "a.csv.manifest.json").read_text())
    assert [(each["path"], each["rows"]) for each in beside["files"]] == [("a.csv", 1)]
    assert export_table(table(LABELED), tmp_path / "whole", layout="labels") == 1
    assert (tmp_path / "whole" / "labels.csv").exists()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.csv", "a.csv.manifest.json", "out", "whole"]  # fmt: skip


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (FileNotFoundError(2, "No such file"), "/f does not exist. Make that folder first, or choose another."), (OSError(28, "No space left"), "/f/a.csv cannot be written: No space left. Check the folder's permissions and space."),
        (OSError("odd"), "/f/a.csv cannot be written: odd. Check"),
    ],
)  # fmt: skip
def test_a_place_that_cannot_be_written_is_told_with_its_reason(error: OSError, words: str) -> None:
    """In the system's words."""
    assert words in str(registry._unwritable(Path("/f/a.csv"), Path("/f/a.csv"), error))


def test_an_export_is_as_open_to_others_as_the_file_before(tmp_path: Path) -> None:
    """For its owner alone where there was none."""
    path = tmp_path / "a.csv"
    export_table(table(LABELED), path)
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    export_table(table(FAILED), path)
    assert path.stat().st_mode & 0o777 == 0o644
    with pytest.raises(ExportError, match=r"is a folder\. Name a file in it"):
        registry.written_whole(tmp_path, lambda _: 0)


def test_layouts_of_other_packages_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that cannot be loaded or is none is named."""
    points: list[Any] = []
    monkeypatch.setattr(registry, "entry_points", lambda group: points if group == "labeltui.exports" else [])
    layout = registry.Layout("mine", "w", lambda *_: 0, (".mine",))

    def point(brought: Any) -> Any:
        def load() -> Any:
            if isinstance(brought, Exception):
                raise brought
            return brought

        return SimpleNamespace(name="mine", load=load)

    fresh = registry._foreign.__wrapped__
    points[:] = [point(layout)]
    assert fresh() == (layout,)
    for wrong, words in ((ValueError("broken"), "cannot be loaded: broken"), (5, "is no labeltui.Layout")):
        points[:] = [point(wrong)]
        with pytest.raises(ExportError, match=words):
            fresh()
    monkeypatch.setattr(registry, "_foreign", lambda: (layout,))
    assert layout_for(Path("a.mine")) is layout_for(Path("x"), "Mine") is layout
