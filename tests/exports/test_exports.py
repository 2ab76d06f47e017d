"""Labels written to files: whole or not at all, safe to open, and exactly what was there."""

from __future__ import annotations

import csv
import importlib
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ExportError
from core.exports.csv_export import guarded, unguarded
from core.exports.registry import COLUMNS, export_rows, known_suffixes
from core.model import EmailState, ExportRow

LABELED = ExportRow(
    source_id="a/1.",
    label="1",
    label_name="work",
    source="model",
    reasks=1,
    state=EmailState.LABELED,
    failure="",
    model="openai/gpt-oss-20b",
    task_version="abc123",
    labeled_at=1_763_000_000.0,
    subject="Re: lunch",
)
FAILED = replace(
    LABELED, source_id="a/2.", label="", label_name="", source="", state=EmailState.FAILED, failure="invalid answer"
)
HOSTILE = [
    '=HYPERLINK("http://x.example")', "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "'=1", "''@x",
    'quo"te, comma\nand line',
    "\x1b]52;c;eA==\x07", "нет 🎂", "-1", "+3.5", "'quoted", "", "\ud800half",
]  # fmt: skip


def read_csv(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file by column."""
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline="")))


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_rows_arrive_in_order_with_every_column(tmp_path: Path, suffix: str) -> None:
    """Failed emails have an empty label and say why."""
    path = tmp_path / f"labels{suffix}"
    assert export_rows(iter([LABELED, FAILED]), path) == 2
    rows = read_csv(path) if suffix == ".csv" else [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["id"] for row in rows] == ["a/1.", "a/2."]
    assert all(tuple(row) == COLUMNS for row in rows)
    assert rows[0]["labeled_at"] == "2025-11-13T02:13:20Z"
    assert (rows[0]["label"], rows[0]["source"], str(rows[0]["reasks"])) == ("1", "model", "1")
    assert (rows[1]["label"], rows[1]["state"], rows[1]["failure"]) == ("", "failed", "invalid answer")


def test_the_columns_that_others_rely_on_are_there() -> None:
    """Their names are a contract."""
    assert {"id", "label", "source", "reasks", "model", "task_version", "state", "failure"} <= set(COLUMNS)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_comes_back_from_csv(tmp_path: Path, text: str) -> None:
    """No cell begins like a formula, and taking the apostrophe away gives the value back."""
    path = tmp_path / "labels.csv"
    export_rows([replace(LABELED, source_id=text, subject=text)], path)
    (row,) = read_csv(path)
    assert unguarded(row["id"]) == text.replace("\ud800", "?")
    assert not re.match(r"[=+\-@\t\r\n]", row["id"]) or re.fullmatch(r"[+-]\d+(\.\d+)?", row["id"])


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_exact_when_asked_for_raw(tmp_path: Path, text: str) -> None:
    """For programs that join on ids; JSON Lines is always exact."""
    export_rows([replace(LABELED, source_id=text)], tmp_path / "labels.csv", raw=True)
    assert read_csv(tmp_path / "labels.csv")[0]["id"] == text.replace("\ud800", "?")
    export_rows([replace(LABELED, source_id=text)], tmp_path / "labels.jsonl")
    assert json.loads((tmp_path / "labels.jsonl").read_text(encoding="utf-8"))["id"] == text


@given(text=st.text(st.characters(exclude_categories=("Cs",)), max_size=20) | st.text("'=+-@1.\t", max_size=6))
def test_guarding_is_reversible(text: str) -> None:
    """For every text."""
    cell = guarded(text)
    assert isinstance(cell, str)
    assert unguarded(cell) == text


def test_json_lines_hold_one_object_a_line(tmp_path: Path) -> None:
    """Whatever line breaks the values have."""
    path = tmp_path / "labels.jsonl"
    export_rows([replace(LABELED, note="a\nb\u2028c"), FAILED], path)
    assert path.read_bytes().count(b"\n") == 2


def test_a_failure_midway_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    """The file is replaced at the end, in one step."""
    path = tmp_path / "labels.csv"
    path.write_text("old")

    def broken() -> Iterator[ExportRow]:
        yield LABELED
        raise RuntimeError("the run file went away")

    with pytest.raises(RuntimeError):
        export_rows(broken(), path)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["labels.csv"]


def test_an_existing_file_is_replaced_through_a_link(tmp_path: Path) -> None:
    """The link stays a link."""
    (tmp_path / "real.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    export_rows([LABELED], tmp_path / "link.csv")
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
        export_rows([LABELED], tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_refused(tmp_path: Path) -> None:
    """Even one with a fitting suffix."""
    (tmp_path / "labels.csv").mkdir()
    with pytest.raises(ExportError, match="is a folder"):
        export_rows([LABELED], tmp_path / "labels.csv")


def test_a_suffix_in_capitals_is_the_same_format(tmp_path: Path) -> None:
    """Some systems write them so."""
    assert known_suffixes() == (".csv", ".jsonl", ".parquet")
    assert export_rows([LABELED], tmp_path / "LABELS.CSV") == 1


def test_parquet_without_its_extra_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what works without."""

    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ExportError, match=re.escape("labeltui[parquet]")):
        export_rows([LABELED], tmp_path / "labels.parquet")
    assert list(tmp_path.iterdir()) == []


def test_parquet_holds_the_same_rows(tmp_path: Path) -> None:
    """Typed, in several groups, values exact."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="the parquet extra is not installed")
    path = tmp_path / "labels.parquet"
    rows = [replace(LABELED, source_id=f"{n}", subject=HOSTILE[n % len(HOSTILE)]) for n in range(10_001)]
    assert export_rows(iter([*rows, FAILED]), path) == 10_002
    table = parquet.read_table(path)
    assert tuple(table.column_names) == COLUMNS
    assert table.column("id").to_pylist() == [*(f"{n}" for n in range(10_001)), "a/2."]
    assert table.column("reasks").to_pylist()[0] == 1
    assert table.column("subject").to_pylist()[0] == HOSTILE[0]
