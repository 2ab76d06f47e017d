"""A run exported: which rows, what is known of each, and a run that goes on meanwhile."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from core.engine import Engine
from core.errors import ExportError, UsageError
from core.runs.save import ExportOptions, export_run, exported
from core.storage.file.schema_version import FORMAT_VERSION
from core.storage.reading.export_rows import ExportReader, Selection
from core.storage.reading.reader import RunReader
from core.storage.reading.versions import names_by_version
from core.storage.writing.store import Store
from tests.conftest import NOW, MakeRun
from tests.storage.test_store import failed, labeled
from tui.cli import main

Open = Callable[[Path], Store]


@pytest.fixture
def run(make_run: MakeRun, opened: Open) -> tuple[Path, Store]:
    """Five items: labeled by the model, by both alike, by both otherwise, failed, pending."""
    path = make_run(["lunch at noon", "the contract", "the picnic", "spam", "later"])
    store = opened(path)
    store.commit([labeled(1), labeled(2), labeled(3), failed(4)], now=NOW)
    store.label_by_person(2, "1", annotator="ada", note="sure", now=NOW)
    store.label_by_person(3, "0", annotator="ada", note="", now=NOW)
    return path, store


def rows(path: Path, **how: Any) -> list[dict[str, Any]]:
    """The rows of an export by column."""
    return list(exported(path, ExportOptions(**how)))


def test_a_row_holds_both_labels_and_how_they_came_about(run: tuple[Path, Store]) -> None:
    """The calls, the key, the answer and the tokens are the model's also where a person's label is the current one."""
    found = rows(run[0])
    assert [row["label"] for row in found] == ["1", "1", "0", "", ""]
    third = found[2]
    assert (third["label_source"], third["model_label"], third["human_label"], third["annotator"]) == (
        "human", "1", "0", "ada"
    )  # fmt: skip
    assert third["attempts"] == 1
    assert third["key_alias"]
    assert third["raw_answer"]
    assert third["tokens"] > 0
    assert third["text"] == "the picnic"
    assert found[3]["attempts"] > 0
    assert found[4]["attempts"] == found[4]["tokens"] == 0


@pytest.mark.parametrize(
    ("how", "ids"),
    [
        ({"only": "human"}, [2, 3]),
        ({"only": "model"}, [1]),
        ({"only": "agreed"}, [2]),
        ({"where": "state:failed"}, [4]),
        ({"where": "contract"}, [2]),
        ({"where": "!label:1 state:labeled", "only": "human"}, [3]),
    ],
    ids=str,
)
def test_rows_can_be_chosen(run: tuple[Path, Store], how: dict[str, Any], ids: list[int]) -> None:
    """By who labeled them, and by the list's own filter."""
    assert [row["id"] for row in rows(run[0], **how)] == [f"mail-{number}" for number in ids]


def test_what_cannot_be_chosen_is_reported(run: tuple[Path, Store], tmp_path: Path) -> None:
    """A field, a side, or the run itself as the target."""
    with pytest.raises(UsageError, match="no field"):
        rows(run[0], where="colour:red")
    with pytest.raises(UsageError, match="agreed"):
        rows(run[0], only="me")
    with pytest.raises(ExportError, match="the run itself"):
        export_run(run[0], run[0])
    assert [path for path in tmp_path.iterdir() if path.suffix == ".part"] == []


def test_an_export_shows_one_moment_of_a_run_that_goes_on(run: tuple[Path, Store]) -> None:
    """What is committed while it is written is not half in it."""
    path, store = run
    reading = exported(path)
    first = next(reading)
    store.commit([labeled(5)], now=NOW)
    assert [row["label"] for row in (first, *reading)] == ["1", "1", "0", "", ""]
    assert rows(path)[4]["label"] == "1"


def test_an_export_counts_the_labels_that_it_wrote(
    run: tuple[Path, Store],
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A label that comes as soon as it ends is not among them."""
    path, store = run
    whole = Engine.export

    def export(*given: Any, **how: Any) -> int:
        count = whole(*given, **how)
        store.commit([labeled(5)], now=NOW)
        return count

    monkeypatch.setattr(Engine, "export", export)
    assert main(["export", str(path), str(tmp_path / "out.csv")]) == 0
    assert "5 rows written" in (said := capsys.readouterr().out)
    assert "3 of them with a label" in said


def test_an_export_that_is_interrupted_leaves_nothing(run: tuple[Path, Store], tmp_path: Path) -> None:
    """Ctrl-C reaches it between two pages."""

    def stop(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_run(run[0], tmp_path / "out.csv", progress=stop)
    assert not list(tmp_path.glob("*out*"))


def test_source_columns_come_back_in_their_order(run: tuple[Path, Store], tmp_path: Path) -> None:
    """Nested values as JSON, and not at all where they are not wanted."""
    path = run[0]
    with closing(sqlite3.connect(path)) as db, db:
        db.executemany("INSERT INTO source_column(name) VALUES (?)", [("stars",), ("tags",)])
        db.execute("UPDATE body SET columns = ? WHERE email_id = 1", (json.dumps({"tags": ["a"], "stars": 3}),))
    first = rows(path)[0]
    assert (first["stars"], first["tags"]) == ("3", '["a"]')
    assert list(first)[22:24] == ["stars", "tags"]
    export_run(path, tmp_path / "out.jsonl", ExportOptions(columns=False, text=False))
    assert not {"stars", "tags", "text"} & set(json.loads((tmp_path / "out.jsonl").read_text().splitlines()[0]))


def test_an_export_of_all_needs_no_room_for_temporary_files(run: tuple[Path, Store]) -> None:
    """Where SQLite cannot sort the labels and calls of a whole run, those of each page are looked up: the same rows."""

    class Full(sqlite3.Connection):
        def execute(self, sql: str, *given: Any) -> sqlite3.Cursor:
            if "NOT INDEXED" in sql:
                raise sqlite3.OperationalError("database or disk is full")
            return super().execute(sql, *given)

    with RunReader(run[0]) as reader, closing(sqlite3.connect(run[0], factory=Full)) as full:
        expected = list(reader.export_pages(Selection(), page=2))
        exported = ExportReader(full, reader.task(), names_by_version(full), FORMAT_VERSION)
        assert list(exported.pages(Selection(), page=2)) == expected
    assert [len(page[0]) for page in expected] == [2, 2, 1]
