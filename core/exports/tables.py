"""Write labels as a table: Parquet, SQLite, and a folder for Hugging Face ``datasets`` with a data card."""

from __future__ import annotations

import importlib
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

from core.errors import ExportError
from core.exports.columns import Block, Cell, Column, Table, sound
from core.text import one_line

BLOCK_ROWS = 500
"""Held at once as rows; so many long texts fit into memory."""
GROUP_ROWS = 10_000
GROUP_BYTES = 32_000_000
"""A row group of Parquet ends with whichever comes first."""
_DIFFERENT = frozenset({"id", "text", "subject"})
"""Columns whose values hardly repeat: a dictionary of them would only be begun and given up."""
MARK = 0x6C627865
"""The ``application_id`` of an SQLite file that is an export (``lbxe``), so that no other database is replaced."""
_SQL_KINDS = {"integer": "INTEGER", "real": "REAL"}


def write_parquet(table: Table, path: Path, _raw: bool) -> int:  # noqa: FBT001 - the registry's signature
    """Write Parquet in row groups of at most 10,000; returns how many. Raises ExportError where pyarrow is missing."""
    with path.open("wb") as file:
        return write_groups(table, file)


def write_groups(table: Table, file: Any) -> int:
    """Write Parquet to an open file or stream; returns how many rows. Raises ExportError where pyarrow is missing."""
    arrow, parquet = _pyarrow()
    kinds = {"integer": arrow.int64(), "real": arrow.float64(), "moment": arrow.timestamp("s", tz="UTC")}
    schema = arrow.schema([(column.name, kinds.get(column.kind, arrow.string())) for column in table.columns])
    repeating = [name for name in table.names if name not in _DIFFERENT]
    held: list[Any] = []
    count = held_rows = held_bytes = 0
    with parquet.ParquetWriter(file, schema, use_dictionary=repeating) as writer:
        for block in table.blocks(BLOCK_ROWS):
            arrays = [
                _array(arrow, column, values, field.type)
                for column, values, field in zip(table.columns, block, schema, strict=True)
            ]
            held.append(arrow.RecordBatch.from_arrays(arrays, schema=schema))
            rows, held_bytes = len(block[0]), held_bytes + held[-1].nbytes
            count, held_rows = count + rows, held_rows + rows
            if held_rows >= GROUP_ROWS or held_bytes >= GROUP_BYTES:
                writer.write_table(arrow.Table.from_batches(held))
                held, held_rows, held_bytes = [], 0, 0
        if held:
            writer.write_table(arrow.Table.from_batches(held))
    return count


def _array(arrow: Any, column: Column, values: Sequence[Cell], kind: Any) -> Any:
    if column.kind == "moment":
        return arrow.array([value or None for value in values], arrow.string()).cast(kind)
    try:
        return arrow.array(values, kind)
    except UnicodeEncodeError:
        return arrow.array([sound(value) for value in values], kind)


def _pyarrow() -> tuple[Any, Any]:
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise ExportError(
            "Parquet needs pyarrow, which is not installed. Install it with: pip install 'labeltui[parquet]', or "
            "export to .csv or .jsonl."
        ) from None


def write_sqlite(table: Table, path: Path, _raw: bool) -> int:  # noqa: FBT001 - the registry's signature
    """Write an SQLite file with one table, ``labels``, whose key is ``id``; returns how many rows."""
    names = ", ".join(_quoted(name) for name in table.names)
    kinds = ", ".join(
        f"{_quoted(column.name)} {_SQL_KINDS.get(column.kind, 'TEXT')}{' PRIMARY KEY' if column.name == 'id' else ''}"
        for column in table.columns
    )
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = OFF")
        db.execute("PRAGMA synchronous = OFF")  # the file is flushed whole, then moved to its place
        db.execute(f"PRAGMA application_id = {MARK}")
        db.execute("BEGIN")
        db.execute(f"CREATE TABLE labels({kinds})")
        marks = ", ".join("?" * len(table.columns))
        insert = f"INSERT INTO labels({names}) VALUES ({marks})"
        count, rows = 0, table.rows()
        while group := list(islice(rows, BLOCK_ROWS)):
            try:
                db.executemany(insert, group)
            except UnicodeEncodeError:
                db.execute("DELETE FROM labels WHERE rowid > ?", (count,))
                db.executemany(insert, [tuple(sound(cell) for cell in row) for row in group])
            count += len(group)
        db.execute("COMMIT")
    return count


def write_datasette(table: Table, path: Path, raw: bool) -> int:  # noqa: FBT001 - the registry's signature
    """Write an SQLite file as :func:`write_sqlite` does, with full-text search over texts and an index of labels.

    Datasette offers a field to search in where an FTS table names the table that it is about. Making it takes some
    four times as long as the table alone.
    """
    if "text" not in table.names:
        raise ExportError("Full-text search needs the texts. Leave out --no-text, or use the layout sqlite.")
    count = write_sqlite(table, path, raw)
    searched = [name for name in ("text", "subject") if name in table.names]
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = OFF")
        db.execute("PRAGMA synchronous = OFF")
        columns = ", ".join(_quoted(name) for name in searched)
        try:
            db.execute(f'CREATE VIRTUAL TABLE labels_fts USING fts5({columns}, content="labels")')
        except sqlite3.OperationalError as error:
            raise ExportError(f"This SQLite has no full-text search ({error}). Use the layout sqlite.") from None
        db.execute("INSERT INTO labels_fts(labels_fts) VALUES ('rebuild')")
        db.execute("CREATE INDEX labels_label ON labels(label)")
    return count


def _quoted(name: str) -> str:
    return '"' + str(sound(name)).replace('"', '""') + '"'


def write_huggingface(table: Table, folder: Path, raw: bool) -> int:  # noqa: FBT001 - the registry's signature
    """Write a folder that ``datasets.load_dataset`` reads: a Parquet file for each split, and a card in README.md."""
    (folder / "data").mkdir()
    label, name = table.names.index("label"), table.names.index("label_name")
    counts: Counter[tuple[str, str]] = Counter()

    def counted(split: str | None) -> Iterator[Block]:
        for block in table.read(split):
            counts.update(zip(map(str, block[label]), map(str, block[name]), strict=True))
            yield block

    total, files = 0, []
    for split in table.splits or ("train",):
        part = Table(table.columns, lambda _, of=split if table.splits else None: counted(of), table.facts)  # type: ignore[misc]
        rows = write_parquet(part, folder / "data" / f"{split}-00000-of-00001.parquet", raw)
        files.append((split, rows))
        total += rows
    (folder / "README.md").write_text(_card(table, files, counts), encoding="utf-8", errors="replace")
    return total


def _card(table: Table, files: list[tuple[str, int]], counts: Counter[tuple[str, str]]) -> str:
    """Return the data card: YAML for the hub, then what a reader must know of the labels."""
    facts, total = table.facts, sum(rows for _, rows in files)
    task = facts.task
    sources = ", ".join(Path(one).name for one in facts.source.split(", "))
    sizes = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
    size = next((words for limit, words in sizes if total < limit), "n>1M")
    lines = ["---", f'pretty_name: "{_plain(facts.run)}"', "task_categories:", "- text-classification",
             "annotations_creators:", "- machine-generated", "size_categories:", f"- {size}", "configs:",
             "- config_name: default", "  data_files:"]  # fmt: skip
    for split, _ in files:
        lines += [f"  - split: {split}", f"    path: data/{split}-*"]
    lines += ["---", "", f"# {_plain(facts.run)}", ""]
    if facts.simulated:
        lines += ["**The labels are simulated**: they come from labeltui's built-in simulator and mean nothing.", ""]
    lines += [
        (
            f"{total:,} items from `{_plain(sources)}`, labeled with labeltui by `{_plain(task.model.model)}` under"
            f" the task *{_plain(task.name)}*, version `{task.version}`. Labels of people override the model's;"
            " `model_label` and `human_label` hold both."
        ),
        "",
        *([f"Only rows with: `{_plain(facts.filtered)}`.", ""] if facts.filtered else []),
        "## Labels",
        "",
        "| label | name | meaning | items |",
        "| --- | --- | --- | --- |",
    ]
    meanings = {label.value: label.meaning for label in task.labels}
    for (value, name), count in sorted(counts.items()):
        what = _plain(meanings.get(value, "")) if value else "no label"
        lines.append(f"| {_plain(value)} | {_plain(name)} | {what} | {count:,} |")
    lines += ["", "## Rubric", "", *(f"    {one_line(line)}" for line in task.rubric.splitlines()), ""]
    lines += ["## Columns", "", ", ".join(f"`{_plain(name)}`" for name in table.names), ""]
    lines += [
        (
            "What the labels are worth is not in this card: `labeltui quality` and `labeltui report` estimate it from"
            " labels that people gave blind (`in_audit`, `audit_rate` and `stratum`)."
        ),
        "",
        "## Licence",
        "",
        "That of the source; say so here before you publish.",
        "",
    ]
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Return a text of strangers as one line that breaks neither YAML nor a table."""
    return one_line(text, limit=300).replace("|", "/").replace('"', "'").replace("\\", "/").replace("`", "'")
