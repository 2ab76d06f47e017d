"""Labels as Parquet, in row groups of 10,000, if pyarrow is installed: it is large, so only the extra brings it."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from core.errors import ExportError
from core.exports.columns import COLUMNS, Cell, record_of
from core.model import ExportRow

GROUP_ROWS = 10_000


def write(rows: Iterable[ExportRow], descriptor: int, _raw: bool) -> int:  # noqa: FBT001 - the registry's signature
    """Write the rows and return how many. Raises ExportError where pyarrow is missing."""
    arrow, parquet = _pyarrow()
    schema = arrow.schema(
        [(name, arrow.int64() if name in {"reasks", "in_audit"} else arrow.string()) for name in COLUMNS]
    )
    count = 0
    with (
        open(descriptor, "wb", closefd=False) as file,
        parquet.ParquetWriter(file, schema) as writer,
    ):
        for group in _groups(rows):
            writer.write_table(arrow.Table.from_pylist(group, schema=schema))
            count += len(group)
    return count


def _pyarrow() -> tuple[Any, Any]:
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise ExportError(
            "Parquet needs pyarrow, which is not installed. Install it with: pip install 'labeltui[parquet]', or "
            "export to .csv or .jsonl."
        ) from None


def _groups(rows: Iterable[ExportRow]) -> Iterator[list[dict[str, Cell]]]:
    records = ({name: _sound(cell) for name, cell in record_of(row).items()} for row in rows)
    while group := list(islice(records, GROUP_ROWS)):
        yield group


def _sound(cell: Cell) -> Cell:
    """Text without half surrogate pairs, which Parquet cannot hold."""
    return cell.encode("utf-8", "replace").decode() if isinstance(cell, str) else cell
