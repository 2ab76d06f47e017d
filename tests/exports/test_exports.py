"""Labels written to files: whole or not at all, safe to open, exactly what was there, readable by what trains next."""

from __future__ import annotations

import csv
import hashlib
import importlib
import io
import json
import os
import re
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.errors import ExportError, UnknownNameError, UsageError
from core.exports import tables
from core.exports.columns import COLUMNS, MORE, Cell, Column, Facts, Shares, Table, record_of, shares, table_of
from core.exports.lines import _csv_lines, write_json_lines, write_objects
from core.exports.registry import LAYOUTS, Layout, export_table, known_suffixes, layout_for
from core.model import ExportRow, LabelMeaning, Task
from core.text import FORMULA, guarded, one_line

LABELED = ExportRow(
    id="a/1.", label="1", label_name="work", model_label="1", human_label="", label_source="model", in_audit=0,
    audit_rate=None, stratum="1", state="labeled", failure="", reasks=1, attempts=2, model="openai/gpt-oss-20b",
    task_version="abc123", key_alias="main", tokens=321, raw_answer="1", simulated=0, flags="",
    labeled_at="2025-11-13T02:13:20Z", text="Lunch at noon?", kept='{"stars": 5, "title": "so good"}', annotator="",
    note="", subject="Re: lunch", label_probability=None, content_hash="h1",
)  # fmt: skip
FAILED = LABELED._replace(
    id="a/2.", label="", label_name="", model_label="", label_source="", state="failed", failure="invalid answer",
    labeled_at="", kept=None, content_hash="h2",
)  # fmt: skip
BY_ADA = LABELED._replace(
    id="a/3.", label="0", label_name="personal", human_label="0", label_source="human", annotator="ada"
)
TASK = Task("mail", (LabelMeaning("1", "work"), LabelMeaning("0", "personal", "all else")), "Work is 1.", version="v1")
OWN = ("stars", "title")
HOSTILE = [
    '=HYPERLINK("http://x.example")', "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "'=1", "''@x",
    'quo"te, comma\nand line',
    "\x1b]52;c;eA==\x07", "нет 🎂", "-1", "+3.5", "'quoted", "", "\ud800half",
]  # fmt: skip


def unguarded(text: str) -> str:
    """The value of a cell that was guarded."""
    return re.sub(rf"(^|;)'({FORMULA})", r"\1\2", text)


def table(*rows: ExportRow, own: tuple[str, ...] = OWN, simulated: bool = False, **how: Any) -> Table:
    """A table of these rows."""
    if isinstance(how.get("split"), str):
        how["split"] = shares(how["split"])
    facts = Facts("small", TASK, "/home/ada/reviews.csv", simulated)
    return table_of(lambda: [tuple(zip(*rows, strict=True))] if rows else [], facts, own, **how)


def export(path: Path, *rows: ExportRow, raw: bool = False) -> int:
    """Write these rows in the format of the file's suffix."""
    return export_table(table(*rows), path, raw=raw)


def read_csv(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file by column."""
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline="")))


def test_the_columns_that_others_rely_on_come_first() -> None:
    """Their names and order are a contract: the source's own and what was added later stand behind them."""
    assert COLUMNS == (
        "id", "label", "label_name", "model_label", "human_label", "label_source", "in_audit", "audit_rate", "stratum",
        "state", "failure", "reasks", "attempts", "model", "task_version", "key_alias", "tokens", "raw_answer",
        "simulated", "flags", "labeled_at", "text",
    )  # fmt: skip
    assert table().names == (*COLUMNS, *OWN, *MORE)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_rows_arrive_in_order_with_every_column(tmp_path: Path, suffix: str) -> None:
    """Failed items have an empty label and say why; the source's columns come back."""
    path = tmp_path / f"labels{suffix}"
    assert export(path, LABELED, FAILED) == 2
    rows = read_csv(path) if suffix == ".csv" else [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["id"] for row in rows] == ["a/1.", "a/2."]
    assert all(tuple(row) == (*COLUMNS, *OWN, *MORE) for row in rows)
    assert rows[0]["labeled_at"] == "2025-11-13T02:13:20Z"
    assert (rows[0]["label"], rows[0]["label_source"], str(rows[0]["reasks"])) == ("1", "model", "1")
    assert (rows[0]["stars"], rows[0]["title"], rows[0]["text"]) == ("5", "so good", "Lunch at noon?")
    assert (rows[1]["label"], rows[1]["state"], rows[1]["failure"]) == ("", "failed", "invalid answer")


def test_names_that_are_taken_get_a_prefix_and_texts_can_be_left_out() -> None:
    """The source's ``label`` is ``source_label``, two of a name differ, its ``subject`` stands for the message's."""
    names = table(own=("label", "source_label", "split", "subject"), split="0.5,0.5").names
    assert names[len(COLUMNS) :] == ("source_label", "source_label_2", "source_split", "subject", "annotator", "note",
                                     "label_probability", "split")  # fmt: skip
    assert not {"text", "subject"} & set(table(text=False).names)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_comes_back_from_csv(tmp_path: Path, text: str) -> None:
    """No cell begins like a formula, and taking the apostrophe away gives the value back."""
    path = tmp_path / "labels.csv"
    export(path, LABELED._replace(id=text, subject=text))
    (row,) = read_csv(path)
    assert unguarded(row["id"]) == text.replace("\ud800", "?")
    assert not re.match(r"[=+\-@\t\r\n]", row["id"]) or re.fullmatch(r"[+-]\d+(\.\d+)?", row["id"])


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_exact_when_asked_for_raw(tmp_path: Path, text: str) -> None:
    """For programs that join on ids; JSON Lines is always exact."""
    export(tmp_path / "labels.csv", LABELED._replace(id=text), raw=True)
    assert read_csv(tmp_path / "labels.csv")[0]["id"] == text.replace("\ud800", "?")
    export(tmp_path / "labels.jsonl", LABELED._replace(id=text))
    assert json.loads((tmp_path / "labels.jsonl").read_text(encoding="utf-8"))["id"] == text


@given(text=st.text(st.characters(exclude_categories=("Cs",)), max_size=20) | st.text("'=+-@1.\t;\u200b", max_size=6))
def test_guarding_is_reversible(text: str) -> None:
    """For every text."""
    cell = guarded(text)
    assert isinstance(cell, str)
    assert unguarded(cell) == text


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
@pytest.mark.parametrize("before", ["", "\u200b", "\ufeff", "\0", "'"])
def test_signs_are_guarded_wherever_a_spreadsheet_may_begin_a_cell(sign: str, before: str) -> None:
    """Full-width, behind characters that nobody sees, and behind a semicolon within a text."""
    active = f"{before}{sign}1+1"
    assert guarded(active) == f"'{active}"
    assert guarded(f"a;{active};b") == f"a;'{active};b"
    assert unguarded(str(guarded(f"a;{active};b"))) == f"a;{active};b"


def test_an_export_is_private_unless_its_file_was_opened_to_others(tmp_path: Path) -> None:
    """Whatever the umask; a file that is written again keeps its mode."""
    path = tmp_path / "labels.csv"
    before = os.umask(0)
    try:
        export(path, LABELED)
        assert path.stat().st_mode & 0o777 == 0o600
        path.chmod(0o644)
        export(path, LABELED)
        export_table(table(LABELED), tmp_path / "out", layout="jsonl")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o700


def test_json_lines_hold_one_object_a_line(tmp_path: Path) -> None:
    """Whatever line breaks the values have."""
    path = tmp_path / "labels.jsonl"
    export(path, LABELED._replace(note="a\nb\u2028c"), FAILED)
    assert path.read_bytes().count(b"\n") == 2


def broken() -> Iterator[tuple[Any, ...]]:
    """A run file that goes away."""
    yield tuple(zip(LABELED, strict=True))
    raise RuntimeError("the run file went away")


@pytest.mark.parametrize("name", ["labels.csv", "labels.sqlite"])
def test_a_failure_midway_leaves_the_old_file_and_nothing_else(tmp_path: Path, name: str) -> None:
    """The file is replaced at the end, in one step."""
    path = tmp_path / name
    export(path, LABELED)
    old = path.read_bytes()
    with pytest.raises(RuntimeError):
        export_table(table_of(broken, table().facts), path)
    assert path.read_bytes() == old
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    """And takes nobody's place."""
    with pytest.raises(RuntimeError):
        export_table(table_of(broken, table().facts), tmp_path / "out", layout="jsonl")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    with pytest.raises(ExportError, match="is there already"):
        export_table(table(LABELED), tmp_path / "out", layout="jsonl")


def test_an_existing_file_is_replaced_through_a_link(tmp_path: Path) -> None:
    """The link stays a link."""
    (tmp_path / "real.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    export(tmp_path / "link.csv", LABELED)
    assert (tmp_path / "link.csv").is_symlink()
    assert read_csv(tmp_path / "real.csv")[0]["id"] == "a/1."


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("labels.xlsx", ".csv, .jsonl, .parquet"),
        ("labels", "names no known format"),
        ("no/such/labels.csv", "does not exist"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path, name: str, words: str) -> None:
    """With what to do instead."""
    with pytest.raises(ExportError, match=re.escape(words)):
        export(tmp_path / name, LABELED)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_refused(tmp_path: Path) -> None:
    """Even one with a fitting suffix."""
    (tmp_path / "labels.csv").mkdir()
    with pytest.raises(ExportError, match="is a folder"):
        export(tmp_path / "labels.csv", LABELED)


def test_a_database_that_is_no_export_is_not_replaced(tmp_path: Path) -> None:
    """It may be a run, or anything else of value; an export is replaced."""
    path = tmp_path / "labels.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE precious(x)")
    with pytest.raises(ExportError, match="did not export"):
        export(path, LABELED)
    path.unlink()
    assert [export(path, LABELED), export(path, LABELED, FAILED)] == [1, 2]


def test_a_suffix_in_capitals_is_the_same_format(tmp_path: Path) -> None:
    """Some systems write them so."""
    assert known_suffixes()[:3] == (".csv", ".jsonl", ".parquet")
    assert export(tmp_path / "LABELS.CSV", LABELED) == 1


def test_parquet_without_its_extra_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what works without."""

    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ExportError, match=re.escape("labeltui[parquet]")):
        export(tmp_path / "labels.parquet", LABELED)
    assert list(tmp_path.iterdir()) == []


def test_parquet_holds_the_same_rows(tmp_path: Path) -> None:
    """Typed, in several groups, values exact, moments as timestamps."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="the parquet extra is not installed")
    path = tmp_path / "labels.parquet"
    rows = [LABELED._replace(id=f"{n}", subject=HOSTILE[n % len(HOSTILE)]) for n in range(10_001)]
    assert export(path, *rows, FAILED) == 10_002
    read = parquet.read_table(path)
    assert tuple(read.column_names) == (*COLUMNS, *OWN, *MORE)
    assert read.column("id").to_pylist() == [*(f"{n}" for n in range(10_001)), "a/2."]
    assert read.column("reasks").to_pylist()[0] == 1
    assert read.column("subject").to_pylist()[0] == HOSTILE[0]
    assert read.column("labeled_at").to_pylist()[0].isoformat() == "2025-11-13T02:13:20+00:00"
    assert read.column("labeled_at").to_pylist()[-1] is None


def test_long_texts_make_row_groups_of_parquet_shorter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A group is held in memory until it is written: it ends at so many rows or so many bytes."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="the parquet extra is not installed")
    monkeypatch.setattr("core.exports.tables.GROUP_BYTES", 1_000_000)
    rows = [LABELED._replace(id=f"{n}", text="long " * 200) for n in range(2_500)]
    export(tmp_path / "labels.parquet", *rows)
    read = parquet.ParquetFile(tmp_path / "labels.parquet")
    assert [read.metadata.row_group(n).num_rows for n in range(read.num_row_groups)] == [1_000, 1_000, 500]
    assert read.read().column("id").to_pylist() == [row.id for row in rows]


def test_sqlite_holds_one_table_with_ids_as_its_key(tmp_path: Path) -> None:
    """Readable by SQL, half surrogate pairs replaced."""
    export(tmp_path / "labels.db", LABELED._replace(text="\ud800half"), FAILED)
    with closing(sqlite3.connect(tmp_path / "labels.db")) as db:
        rows = db.execute("SELECT id, label, tokens, text, stars FROM labels ORDER BY rowid").fetchall()
    assert rows == [("a/1.", "1", 321, "?half", "5"), ("a/2.", "", 321, "Lunch at noon?", None)]


def test_one_column_has_a_line_for_each_item(tmp_path: Path) -> None:
    """In source order, empty where there is no label, so that it can be put beside the source."""
    export_table(table(LABELED, FAILED, BY_ADA), tmp_path / "labels.csv", layout="labels")
    assert (tmp_path / "labels.csv").read_text() == 'label\n1\n""\n0\n'
    export_table(table(LABELED._replace(label="=1+1")), tmp_path / "odd.csv", layout="labels")
    assert (tmp_path / "odd.csv").read_text() == "label\n'=1+1\n", "no spreadsheet runs a label either"
    export_table(table(LABELED._replace(label="=1+1")), tmp_path / "raw.csv", layout="labels", raw=True)
    assert (tmp_path / "raw.csv").read_text() == "label\n=1+1\n", "values as they are, where they are asked for"


def test_label_studio_gets_predictions_and_annotations(tmp_path: Path) -> None:
    """As its import asks: ``data``, and results whose names are those of the labeling configuration."""
    path = tmp_path / "tasks.json"
    export_table(table(LABELED, BY_ADA), path, layout="label-studio")
    first, second = json.loads(path.read_text())
    assert first["data"]["text"] == "Lunch at noon?"
    (result,) = first["predictions"][0]["result"]
    assert (result["from_name"], result["to_name"], result["type"], result["value"]) == (
        "label", "text", "choices", {"choices": ["1"]}
    )  # fmt: skip
    assert "annotations" not in first
    assert second["annotations"][0]["result"][0]["value"] == {"choices": ["0"]}


def test_label_studio_itself_finds_no_fault(tmp_path: Path) -> None:
    """Its own library checks predictions and annotations against a project's configuration; a sure label has a score."""
    interface = pytest.importorskip("label_studio_sdk.label_interface", reason="label-studio-sdk is not installed")
    project = interface.LabelInterface(
        '<View><Text name="text" value="$text"/><Choices name="label" toName="text">'
        '<Choice value="1"/><Choice value="0"/></Choices></View>'
    )
    sure = LABELED._replace(label_probability=0.75)
    export_table(table(sure, BY_ADA, FAILED), tmp_path / "tasks.json", layout="label-studio")
    tasks = json.loads((tmp_path / "tasks.json").read_text())
    assert tasks[0]["predictions"][0]["score"] == 0.75
    for task in tasks:
        assert task["data"]["text"]
        for said in (*task.get("predictions", ()), *task.get("annotations", ())):
            assert project.validate_prediction(said, return_errors=True) == []
    wrong = {"result": [{**tasks[0]["predictions"][0]["result"][0], "value": {"choices": ["no such label"]}}]}
    assert project.validate_prediction(wrong, return_errors=True)


def test_argilla_gets_a_folder_for_from_disk(tmp_path: Path) -> None:
    """Settings, dataset and records; the current label is the suggestion, with who gave it."""
    export_table(table(LABELED, FAILED, BY_ADA), tmp_path / "out", layout="argilla")
    records = json.loads((tmp_path / "out" / "records.json").read_text())
    assert [record["suggestions"] for record in records] == [
        {"label": {"value": "1", "agent": "openai/gpt-oss-20b"}}, {}, {"label": {"value": "0", "agent": "ada"}}
    ]  # fmt: skip
    settings = json.loads((tmp_path / "out" / ".argilla" / "settings.json").read_text())
    assert [option["value"] for option in settings["questions"][0]["settings"]["options"]] == ["1", "0"]
    argilla = pytest.importorskip("argilla", reason="argilla is not installed")
    models = importlib.import_module("argilla._models")
    assert models.QuestionModel(**settings["questions"][0]).name == "label"
    assert models.FieldModel(**settings["fields"][0]).name == "text"
    assert models.DatasetModel(**json.loads((tmp_path / "out" / ".argilla" / "dataset.json").read_text())).name
    assert [argilla.Record.from_dict(record).id for record in records] == ["a/1.", "a/2.", "a/3."]


def test_spacy_gets_texts_with_categories(tmp_path: Path) -> None:
    """Of labeled items alone, a number for each label."""
    export_table(table(LABELED, FAILED), tmp_path / "train.jsonl", layout="spacy")
    (line,) = [json.loads(line) for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    assert (line["text"], line["cats"], line["meta"]["id"]) == ("Lunch at noon?", {"1": 1.0, "0": 0.0}, "a/1.")
    with pytest.raises(ExportError, match="--no-text"):
        export_table(table(LABELED, text=False), tmp_path / "train.jsonl", layout="spacy")
    spacy = pytest.importorskip("spacy", reason="spaCy is not installed")
    export(tmp_path / "train.spacy", LABELED, FAILED)
    export_table(table(LABELED, FAILED, BY_ADA, split="0.5,0.5"), tmp_path / "corpus", layout="spacy")
    assert {path.name for path in (tmp_path / "corpus").iterdir()} == {"train.spacy", "test.spacy", "manifest.json"}
    (doc,) = spacy.tokens.DocBin().from_disk(tmp_path / "train.spacy").get_docs(spacy.blank("xx").vocab)
    assert (doc.text, doc.cats) == ("Lunch at noon?", {"1": 1.0, "0": 0.0})


def test_a_hugging_face_folder_has_a_card_and_a_file_for_each_split(tmp_path: Path) -> None:
    """The card reports simulated labels first, and names no folder of the operator's."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="the parquet extra is not installed")
    rows = [LABELED._replace(id=f"{n}", content_hash=f"{n // 2}") for n in range(200)]
    target = tmp_path / "out"
    assert export_table(table(*rows, split="0.8,0.1,0.1", simulated=True), target, layout="huggingface") == 200
    card = (target / "README.md").read_text()
    assert "path: data/validation-*" in card
    assert "**The labels are simulated**" in card
    assert "| 1 | work |  | 200 |" in card
    assert f"\n## Rubric\n\n    {one_line(table(*rows).facts.task.rubric)}\n\n## Columns\n\n`id`, " in card
    assert "/home/ada" not in card
    sides = {
        split: parquet.read_table(target / "data" / f"{split}-00000-of-00001.parquet").column("id").to_pylist()
        for split in ("train", "validation", "test")
    }
    assert sorted((n for ids in sides.values() for n in ids), key=int) == [f"{n}" for n in range(200)]
    assert len(sides["train"]) > 130
    for ids in sides.values():
        assert {int(n) // 2 for n in ids} == {int(n) // 2 for n in ids if int(n) % 2}  # twins stay together
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    loaded = datasets.load_dataset(str(target), cache_dir=str(tmp_path / "cache"))
    assert {name: len(part) for name, part in loaded.items()} == {name: len(ids) for name, ids in sides.items()}


def test_pandas_reads_csv_and_json_lines_alike(tmp_path: Path) -> None:
    """Both give the same ids and labels."""
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    for name in ("labels.csv", "labels.jsonl"):
        export(tmp_path / name, LABELED, FAILED)
    read = pandas.read_csv(tmp_path / "labels.csv", keep_default_na=False, dtype=str)
    lines = pandas.read_json(tmp_path / "labels.jsonl", lines=True, dtype=False)
    assert read["id"].tolist() == lines["id"].tolist() == ["a/1.", "a/2."]
    assert read["label"].tolist() == lines["label"].tolist() == ["1", ""]


@pytest.mark.parametrize("text", ["0.8", "0.8,0.1", "1,0", "a,b", "0.4,0.2,0.2,0.2", ""])
def test_shares_that_are_no_split_are_refused(text: str) -> None:
    """Two or three that sum up to 1."""
    with pytest.raises(UsageError, match=re.escape("0.8,0.1,0.1")):
        shares(text)


def test_a_manifest_holds_the_hash_of_each_file(tmp_path: Path) -> None:
    """In a folder always, beside a file where it is asked for."""
    export_table(table(LABELED, FAILED, split="0.5,0.5"), tmp_path / "out", layout="jsonl")
    told = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (told["run"], told["task_version"], told["simulated"], told["rows"]) == ("small", "v1", False, 2)
    assert sorted(file["path"] for file in told["files"]) == ["test.jsonl", "train.jsonl"]
    for file in told["files"]:
        assert file["sha256"] == hashlib.sha256((tmp_path / "out" / file["path"]).read_bytes()).hexdigest()
    export_table(table(LABELED), tmp_path / "labels.csv", manifest=True)
    told = json.loads((tmp_path / "labels.csv.manifest.json").read_text())
    assert told["files"][0]["rows"] == 1


def test_standard_output_gets_all_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure midway prints no half table; a folder cannot go there."""
    written = io.BytesIO()
    out = io.TextIOWrapper(io.BufferedWriter(written), encoding="utf-8")  # type: ignore[arg-type]
    monkeypatch.setattr(sys, "stdout", out)
    with pytest.raises(RuntimeError):
        export_table(table_of(broken, table().facts), Path("-"))
    with pytest.raises(ExportError, match="is a folder"):
        export_table(table(LABELED), Path("-"), layout="argilla")
    assert export_table(table(LABELED), Path("-"), layout="jsonl") == 1
    assert json.loads(written.getvalue())["id"] == "a/1.", "it is flushed: whoever reads a pipe need not wait"


def test_a_package_can_bring_a_layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under an entry point; an unknown name lists it, a broken one is reported."""
    mine = Layout("mine", "ids alone", lambda of, path, _: path.write_text(",".join(str(row[0]) for row in of.rows())))

    class Point:
        name = "mine"

        @staticmethod
        def load() -> object:
            return mine

    from core.exports import registry

    monkeypatch.setattr(registry, "entry_points", lambda group: [Point] if group == "labeltui.exports" else [])
    registry._foreign.cache_clear()
    try:
        export_table(table(LABELED, FAILED), tmp_path / "ids.txt", layout="mine")
        assert (tmp_path / "ids.txt").read_text() == "a/1.,a/2."
        with pytest.raises(UnknownNameError, match="mine"):
            export_table(table(LABELED), tmp_path / "ids.txt", layout="other")
    finally:
        registry._foreign.cache_clear()
    assert len({layout.name for layout in LAYOUTS}) == len(LAYOUTS)


ENDLESS = (float("inf"), float("-inf"))
"""JSON has no number for them."""
CELLS = st.one_of(
    st.none(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(alphabet="ab,;\"'=\r\n\t-+@1 é\ud800\uff1d\u200b", max_size=6),
)


@st.composite
def repeated_rows(draw: st.DrawFn) -> list[tuple[Cell, ...]]:
    """Rows of which many are equal in some columns, and all differ in others."""
    rows = draw(st.lists(st.tuples(CELLS, CELLS), max_size=5)) * draw(st.integers(1, 8))
    ends = draw(st.text(alphabet="ab,;\"'=\n\\\0é\ud800", max_size=3))
    return [(*row, number, None, f"{number}{ends}", f"{number % 20}{ends}", row[0]) for number, row in enumerate(rows)]


@settings(max_examples=150, deadline=None)
@given(repeated_rows(), st.booleans())
@example([(None, 0), (None, 0.0)], False)
@example([(f"a{number}", True if number == 7 else 1) for number in range(20)], False)
def test_lines_of_csv_are_those_of_the_standard_writer(rows: list[tuple[Cell, ...]], raw: bool) -> None:
    """They are written by columns for speed; each cell is quoted and made safe as when it is looked at by itself."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\r\n")
    expected = b""
    for row in rows:
        buffer.seek(0)
        buffer.truncate()
        writer.writerow([guarded(cell) if isinstance(cell, str) and not raw else cell for cell in row])
        expected += (buffer.getvalue().removesuffix("\r\n") + "\n").encode("utf-8", "replace")
    assert (_csv_lines(zip(*rows, strict=True), raw=raw) if rows else b"") == expected


def column_of(*cells: Cell) -> list[tuple[Cell, ...]]:
    """Rows that show these cells in a column that is not looked up, as all of its cells differ."""
    return [(cell, number, *"abcde") for number, cell in enumerate((*cells, *map(str, range(20))))]


@settings(max_examples=100, deadline=None)
@given(repeated_rows())
@example(column_of(","))
@example(column_of("", ",", "", ",,", '"', "\\", "\0"))
@example(column_of('",', "y"))
@example(column_of('x"', ",y", '","'))
@example(column_of("a\\", ",", "\\,"))
@example([(0.5, 2**64, *"abcde"), (1e22, 2**70, *"abcde")])
def test_json_lines_are_what_each_row_alone_would_be(tmp_path_factory: pytest.TempPathFactory, rows: list[Any]) -> None:
    """They are written by columns as well: strings of quotation marks, zero bytes and large numbers come back."""
    path = tmp_path_factory.mktemp("lines") / "labels.jsonl"
    names = [Column(name) for name in "abcdefg"]
    count = write_json_lines(Table(tuple(names), lambda _: iter([list(zip(*rows, strict=True))] if rows else []),
                                   table().facts), path, False)  # fmt: skip
    read = [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]
    assert count == len(rows)
    assert [[(type(cell), cell) for cell in row.values()] for row in read] == [
        [(type(cell), cell) for cell in (None if cell in ENDLESS else cell for cell in row)] for row in rows
    ]


def test_blocks_are_of_one_size_whatever_pages_were_read() -> None:
    """Parts of a series end with short pages; row groups of Parquet do not follow them."""
    pages = [tuple(zip(*[LABELED._replace(id=f"{page}/{at}") for at in range(size)], strict=True))
             for page, size in enumerate((2, 5, 1, 3, 1))]  # fmt: skip
    read = table_of(lambda: pages, table().facts)
    assert [len(block[0]) for block in read.blocks(3)] == [3, 3, 3, 3]
    assert [cell for block in read.blocks(3) for cell in block[0]] == [row[0] for row in read.rows()]
    assert [len(block[0]) for block in read.blocks(5)] == [5, 5, 2]


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        ('{"stars": 10000000000000000000000001}', "10000000000000000000000001"),
        ('{"stars": 18446744073709551615}', "18446744073709551615"),
        ('{"stars": 1e2}', "100.0"), ('{"stars": true}', "true"), ('{"stars": null}', None), ("{}", None),
        ('{"stars": {"a": [1, "é"]}}', '{"a": [1, "é"]}'), ('{"stars": "\\ud800"}', "\ud800"),
        ('{"stars": "a", "stars": "b"}', "b"), ('[["stars", "pair"]]', "pair"), ('{"stars": NaN}', "NaN"),
    ],
)  # fmt: skip
def test_source_columns_are_told_as_they_were_kept(kept: str, told: str | None) -> None:
    """Numbers of more than 64 bits, fractions, halves of surrogate pairs and nested values among them."""
    (row,) = table(LABELED._replace(kept=kept), own=("stars",)).rows()
    assert row[len(COLUMNS)] == told


def test_an_export_for_datasette_can_be_searched(tmp_path: Path) -> None:
    """An FTS table that names the table it is about; without texts there is nothing to search in."""
    rows = (LABELED, FAILED._replace(text="the budget"))
    assert export_table(table(*rows), tmp_path / "out.db", layout="datasette") == 2
    with closing(sqlite3.connect(tmp_path / "out.db")) as db:
        found = db.execute("SELECT id FROM labels WHERE rowid IN (SELECT rowid FROM labels_fts('noon'))").fetchall()
        assert found == [("a/1.",)]
    with pytest.raises(ExportError, match="--no-text"):
        export_table(table(LABELED, text=False), tmp_path / "out.db", layout="datasette")


_RESULT = {
    "type": "object",
    "required": ["from_name", "to_name", "type", "value"],
    "properties": {
        "id": {"type": "string"},
        "from_name": {"type": "string"},
        "to_name": {"type": "string"},
        "type": {"const": "choices"},
        "value": {
            "type": "object",
            "required": ["choices"],
            "properties": {"choices": {"type": "array", "items": {"type": "string"}, "minItems": 1}},
        },
    },
}
LABEL_STUDIO = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["data"],
        "properties": {
            "data": {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}},
            "predictions": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["result"],
                    "properties": {
                        "model_version": {"type": "string"},
                        "score": {"type": "number"},
                        "result": {"type": "array", "items": _RESULT},
                    },
                },
            },
            "annotations": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["result"],
                    "properties": {
                        "was_cancelled": {"type": "boolean"},
                        "ground_truth": {"type": "boolean"},
                        "result": {"type": "array", "items": _RESULT},
                    },
                },
            },
        },
    },
}
"""Tasks as Label Studio imports them: "Basic Label Studio JSON format" (labelstud.io/guide/tasks) and "Import pre-annotated
data" (labelstud.io/guide/predictions), for Choices."""

ARGILLA = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["id", "fields"],
        "properties": {
            "id": {"type": "string"},
            "fields": {"type": "object", "additionalProperties": {"type": "string"}, "minProperties": 1},
            "metadata": {"type": "object", "additionalProperties": {"type": ["string", "number", "null"]}},
            "suggestions": {
                "type": "object",
                "additionalProperties": {
                    "type": "object",
                    "required": ["value"],
                    "properties": {"value": {"type": "string"}, "agent": {"type": "string", "minLength": 1}},
                },
            },
            "responses": {"type": "object"},
            "vectors": {"type": "object"},
            "status": {"enum": ["pending", "completed"]},
        },
    },
}
"""Records as Argilla 2 writes and reads them: ``Record.to_dict`` (docs.argilla.io/latest/reference/argilla/records/records)."""


@pytest.mark.parametrize(("layout", "schema"), [("label-studio", LABEL_STUDIO), ("argilla", ARGILLA)])
def test_annotation_tools_get_what_their_documentation_describes(
    layout: str, schema: dict[str, Any], tmp_path: Path
) -> None:
    """Labels of the model, of a person, and an item without one."""
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    target = tmp_path / ("out.json" if layout == "label-studio" else "out")
    export_table(table(LABELED, BY_ADA, FAILED), target, layout=layout)
    written = json.loads((target if target.is_file() else target / "records.json").read_text(encoding="utf-8"))
    jsonschema.validate(written, schema, cls=jsonschema.Draft202012Validator)
    assert len(written) == 3


def test_objects_are_written_a_line_each_and_counted(tmp_path: Path) -> None:
    """In UTF-8, whatever they hold."""
    path = tmp_path / "objects.jsonl"
    assert write_objects(iter([{"a": "é"}, {"b": [1, None]}, {}]), path) == 3
    assert path.read_bytes() == '{"a": "é"}\n{"b": [1, null]}\n{}\n'.encode()


@pytest.mark.parametrize("kept", range(5))
def test_a_source_may_have_the_columns_that_stand_behind_its_own(kept: int) -> None:
    """An export that is read again has all of them: the source's stand for ours, each row is as long as the header."""
    own = MORE[:kept]
    read = table(LABELED._replace(kept=json.dumps(dict.fromkeys(own, "its own")), note="n", annotator="ada"), own=own)
    (row,) = read.rows()
    cells = dict(zip(read.names, row, strict=True))
    assert [cells[name] for name in MORE] == ["its own"] * kept + ["ada", "n", "Re: lunch", None][kept:]


def test_columns_of_the_source_are_text_or_json() -> None:
    """Numbers, nested values and truth values as JSON writes them; what a row does not have is empty."""
    kept = json.dumps({"s": "é", "n": 5, "x": 0.5, "yes": True, "no": False, "list": ["é", 1], "null": None})
    names = ("s", "n", "x", "yes", "no", "list", "null", "gone")
    (row,) = table(LABELED._replace(kept=kept), own=names).rows()
    assert row[len(COLUMNS) :][: len(names)] == ("é", "5", "0.5", "true", "false", '["é", 1]', None, None)


def test_a_text_beyond_the_last_end_belongs_to_the_last_side() -> None:
    """Shares may sum up to a little less than one."""
    assert Shares(("train", "test"), (0.0, 0.0)).of("any text") == "test"
    assert shares("0.8,0.1995").ends == pytest.approx((0.8, 0.9995))
    for text in ("0.8,0.1980", "0.8,0.2020"):
        with pytest.raises(UsageError):
            shares(text)


def test_a_record_holds_every_column_but_the_text() -> None:
    """For programs that show one item: what an export has of it, by name."""
    record = record_of(LABELED)
    assert set(record) == {*COLUMNS, *MORE} - {"text"}
    assert (record["id"], record["tokens"], record["note"]) == ("a/1.", 321, "")


def test_an_export_for_datasette_is_indexed_by_label(tmp_path: Path) -> None:
    """Facets by label are quick on a large run."""
    export_table(table(LABELED), tmp_path / "labels.db", layout="datasette")
    with closing(sqlite3.connect(tmp_path / "labels.db")) as db:
        indexes = [row[1] for row in db.execute("PRAGMA index_list(labels)")]
        columns = [[row[2] for row in db.execute(f"PRAGMA index_info({name})")] for name in indexes]
    assert ["label"] in columns


@pytest.mark.parametrize(
    ("rows", "size"),
    [(999, "n<1K"), (1_000, "1K<n<10K"), (10_000, "10K<n<100K"), (100_000, "100K<n<1M"), (1_000_000, "n>1M")],
)
def test_the_card_of_a_data_set_names_its_size_as_the_hub_does(rows: int, size: str) -> None:
    """The hub filters by these words."""
    card = tables._card(table(LABELED), [("train", rows - 1), ("test", 1)], Counter({("1", "work"): rows}))
    assert f"size_categories:\n- {size}\n" in card
    assert f"\n{rows:,} items from" in card
    assert f"| 1 | work |  | {rows:,} |" in card


def test_cells_are_picked_by_column() -> None:
    """In the order asked for; a column that is left out is empty."""
    without = table(LABELED, text=False)
    (row,) = without.rows()
    assert without.picker("label", "text", "id")(row) == ("1", "", "a/1.")


@pytest.mark.parametrize(
    ("run", "labels", "name", "visible"),
    [("reviews of May!", 2, "reviews-of-May-", 3), ("", 4, "labels", 4)],
    ids=["few labels", "more labels"],
)
def test_argilla_shows_every_label_and_what_its_metadata_allows(
    run: str, labels: int, name: str, visible: int, tmp_path: Path
) -> None:
    """Its names take letters, digits, hyphens and underscores alone; other columns are no metadata of it."""
    task = Task("mail", tuple(LabelMeaning(str(n), f"label {n}") for n in range(labels)), "", version="v1")
    written = table_of(lambda: [tuple(zip(LABELED, strict=True))], Facts(run, task, "a.csv", simulated=False), OWN)
    export_table(written, tmp_path / "out", layout="argilla")
    inner = tmp_path / "out" / ".argilla"
    assert json.loads((inner / "dataset.json").read_text()) == {"name": name, "guidelines": "mail"}
    settings = json.loads((inner / "settings.json").read_text())
    assert settings["questions"][0]["settings"]["visible_options"] == visible
    (record,) = json.loads((tmp_path / "out" / "records.json").read_text())
    assert record["metadata"] == {
        "label_source": "model", "model_label": "1", "state": "labeled", "model": "openai/gpt-oss-20b",
        "task_version": "abc123",
    }  # fmt: skip


def test_standard_output_is_csv_unless_told_otherwise() -> None:
    """As most programs take it; a layout is found with or without hyphens, in any case."""
    assert layout_for(Path("-")).name == "csv"
    assert layout_for(Path("-"), "Label_Studio").name == layout_for(Path("-"), "labelstudio").name == "label-studio"
