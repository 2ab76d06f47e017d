"""Parquet on object stores: read and written in streams, over a local file system and over one in memory."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core import files
from core.errors import ExportError, SourceError
from core.files import ObjectStore, ObjectStoreError, address_of
from core.llm.taskfile import builtin_task
from core.runs.find import RunOptions, create_run
from core.runs.save import export_run
from core.settings import Settings
from core.sources.registry import open_source

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
fs = pytest.importorskip("pyarrow.fs")


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a file system in memory that every s3 address means."""
    store = fs._MockFileSystem()
    monkeypatch.setattr(files, "file_system", lambda _, address: (store, address.partition("://")[2]))
    return store


def _write(store: Any, path: str, first: int, rows: int, *, column: str = "text") -> None:
    numbers = range(first, first + rows)
    table = pyarrow.table({"id": [f"n{n}" for n in numbers], column: [f"text number {n}" for n in numbers]})
    store.create_dir(path.rpartition("/")[0], recursive=True)
    with store.open_output_stream(path) as stream:
        parquet.write_table(table, stream)


@pytest.mark.parametrize(
    ("path", "address"),
    [
        (Path("s3://bucket/a b.parquet"), "s3://bucket/a b.parquet"),
        (Path("file:///tmp/x.parquet"), "file:///tmp/x.parquet"),
        (Path("gs://bucket/folder/"), "gs://bucket/folder"),
        (Path("mails.csv"), ""),
        (Path("s3/x"), ""),
    ],
)
def test_an_address_is_known_in_a_path(path: Path, address: str) -> None:
    """A path of an address has one slash where there were two; the address is found again."""
    assert address_of(path) == address


def test_a_folder_of_parquet_becomes_a_run_and_its_labels_go_back(
    memory: Any, settings: Settings, tmp_path: Path
) -> None:
    """All files of the folder are read by name; the export is one Parquet file; nothing else is left in the store."""
    _write(memory, "bucket/in/b.parquet", 1_500, 300)
    _write(memory, "bucket/in/a.parquet", 0, 1_500)
    source = Path("s3://bucket/in")
    made = create_run(settings, source, builtin_task(), RunOptions(name="far", order="source"), now=time.time())
    assert made.taken == 1_800
    assert "2 Parquet files in" in made.described
    again = create_run(settings, source, builtin_task(), RunOptions(name="far", order="source"), now=time.time())
    assert again.existed
    assert export_run(made.path, Path("s3://bucket/out.parquet")) == 1_800
    with memory.open_input_file("bucket/out.parquet") as file:
        rows = parquet.read_table(file)
    assert rows.column("id").to_pylist()[:2] == ["n0", "n1"]
    assert rows.num_rows == 1_800
    assert sorted(info.base_name for info in memory.get_file_info(fs.FileSelector("bucket"))) == ["in", "out.parquet"]


def test_local_files_may_be_named_by_an_address(tmp_path: Path) -> None:
    """``file://`` goes the same road."""
    path = tmp_path / "x.parquet"
    parquet.write_table(pyarrow.table({"text": ["a", "b"]}), path)
    assert [email.raw for email in open_source(Path(f"file://{path}"))] == ["a", "b"]


def test_an_export_that_breaks_off_leaves_nothing(memory: Any) -> None:
    """The file stands at its address whole or not at all."""

    def breaks(stream: Any) -> int:
        stream.write(b"half")
        raise RuntimeError

    memory.create_dir("bucket")
    with pytest.raises(RuntimeError):
        ObjectStore("s3://bucket/out.parquet").write_whole(breaks)
    assert memory.get_file_info(fs.FileSelector("bucket")) == []


def test_rows_are_streamed(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first texts are there when no more than the first file was opened."""
    for number in range(3):
        _write(memory, f"bucket/in/{number}.parquet", 10 * number, 10)
    opened = []
    reading = ObjectStore.reading
    monkeypatch.setattr(ObjectStore, "reading", lambda self, file: (opened.append(file.path), reading(self, file))[1])
    source = open_source(Path("s3://bucket/in"))
    opened.clear()
    rows: Iterator[Any] = iter(source)
    assert next(rows).source_id == "n0"
    assert opened == ["bucket/in/0.parquet"]


def test_what_cannot_be_is_refused_with_a_sentence(memory: Any, settings: Settings) -> None:
    """Nothing there, a key in the address, another format: each says what to do."""
    memory.create_dir("bucket/empty")
    with pytest.raises(SourceError, match=r"holds no \.parquet file"):
        open_source(Path("s3://bucket/empty"))
    with pytest.raises(ObjectStoreError, match="must not hold a key"):
        ObjectStore("s3://AKIA:secret@bucket/x.parquet")
    _write(memory, "bucket/in/a.parquet", 0, 5)
    made = create_run(settings, Path("s3://bucket/in"), builtin_task(), RunOptions(name="other"), now=time.time())
    with pytest.raises(ExportError, match="to an object store Parquet is written"):
        export_run(made.path, Path("s3://bucket/out.csv"))
