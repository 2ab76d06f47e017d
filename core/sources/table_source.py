"""Read texts from typed tables: a table, view or query of an SQLite database, an Excel sheet, a Parquet file.

Excel and Parquet are read by libraries that extras bring. Values that JSON does not know (dates, decimals) are kept as
text.
"""

from __future__ import annotations

import importlib
import re
import sqlite3
import zipfile
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

from core.errors import SourceError
from core.files import ObjectStore, ObjectStoreError
from core.sources.columns import Chosen, choose
from core.sources.source import COLUMN_OPTIONS, Format, Found, SkippedRow, Source, SourceOptions, refuse_unused

_SQLITE_MARK = b"SQLite format 3\x00"
_RUN_FILE = 0x6C627569
_SELECT = re.compile(r"\s*(?:select|with|values)\b", re.IGNORECASE)
_PARQUET_MARK = b"PAR1"
_BATCH_ROWS = 1_000
_PIECE_BYTES = 1 << 20
_SHEET_LIMIT_BYTES = 2 * 1024 * 1024 * 1024
_SHEET_RATIO = 300


def _rows_found(chosen: Chosen, rows: Iterator[Sequence[Any]]) -> Iterator[Found | SkippedRow]:
    width = len(chosen.names)
    for number, row in enumerate(rows, 1):
        cells = [_plain(cell) for cell in row[:width]]
        cells += [None] * (width - len(cells))
        yield chosen.found(number, f"row {number:,}", cells)


def _plain(value: Any) -> Any:
    """Return a cell as JSON can hold it."""
    if value is None or isinstance(value, str | bool | int | float | list | dict):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value.isoformat() if isinstance(value, datetime | date | time) else str(value)


# -- SQLite -----------------------------------------------------------------------------------------------------------


def _open_sqlite(path: Path, options: SourceOptions) -> Source:
    with _connected(path) as database:
        if _first(database, "PRAGMA application_id")[0][0] == _RUN_FILE:
            raise SourceError(f"{path} is a run of labeltui. `labeltui copy` makes a new run from its texts.")
        query, shown = _query(path, database, options.table)
        try:
            names = [column[0] for column in database.execute(query).description or ()]
        except sqlite3.Error as error:
            raise SourceError(f"{path}: --table {options.table!r} cannot be read ({error}).") from None
    if not names:
        raise SourceError(f"{path}: --table {options.table!r} returns no columns. Give a table or a SELECT.")
    chosen = choose(path, names, options)
    return Source(
        path, f"SQLite database, {shown} of", lambda: _rows_found(chosen, _sqlite_rows(path, query)), chosen.columns()
    )


SQLITE = Format(
    "sqlite",
    "a table or query of an SQLite database (.db, .sqlite)",
    lambda _, beginning: beginning.startswith(_SQLITE_MARK),
    _open_sqlite,
    (*COLUMN_OPTIONS, "table"),
    is_text=False,
)


class _connected:  # noqa: N801 - used as a function
    """Open a database for reading only, without trust in what its schema does."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=ro", uri=True)
        self._database.text_factory = lambda data: data.decode("utf-8", "replace")
        self._database.execute("PRAGMA trusted_schema = OFF")
        self._database.execute("PRAGMA query_only = ON")

    def __enter__(self) -> sqlite3.Connection:
        return self._database

    def __exit__(self, *_: object) -> None:
        self._database.close()


def _first(database: sqlite3.Connection, query: str) -> list[Any]:
    try:
        return database.execute(query).fetchall()
    except sqlite3.Error as error:
        raise SourceError(f"The SQLite database cannot be read ({error}).") from None


def _query(path: Path, database: sqlite3.Connection, table: str | None) -> tuple[str, str]:
    """Return the query that reads the rows, and how it is called."""
    found = _first(
        database,
        "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' ORDER BY 1",
    )
    tables = [str(row[0]) for row in found]
    if table is not None and table not in tables and _SELECT.match(table):
        return table, "a query"
    if table is None and len(tables) == 1:
        table = tables[0]
    if table is None or table not in tables:
        listed = ", ".join(repr(name[:60]) for name in tables[:20]) or "none"
        wrong = f"has no table {table!r}" if table is not None else f"has {len(tables)} tables"
        raise SourceError(f"{path} {wrong}. Choose one with --table, or give a SELECT. There are: {listed}.")
    return f'SELECT * FROM "{table.replace(chr(34), chr(34) * 2)}"', f"table {table!r}"


def _sqlite_rows(path: Path, query: str) -> Iterator[Sequence[Any]]:
    with _connected(path) as database:
        try:
            cursor = database.execute(query)
            while rows := cursor.fetchmany(_BATCH_ROWS):
                yield from rows
        except sqlite3.Error as error:
            raise SourceError(f"{path}: reading broke off ({error}). Is the file damaged?") from None


# -- Excel ------------------------------------------------------------------------------------------------------------


def _open_excel(path: Path, options: SourceOptions) -> Source:
    library = _library(path, "openpyxl", "an Excel workbook", "excel", "save it as CSV UTF-8")
    unpacked = _guarded(path, lambda: _unpacked_bytes(path))
    if unpacked > _SHEET_LIMIT_BYTES or unpacked > max(64 * 1024 * 1024, _SHEET_RATIO * path.stat().st_size):
        raise SourceError(f"{path} unpacks to {unpacked:,} bytes: no sheet of texts does. It was not read.")
    sheet, names = _guarded(path, lambda: _sheet(library, path, options.table))
    chosen = choose(path, names, options)
    return Source(
        path,
        f"Excel workbook, sheet {sheet!r} of",
        lambda: _rows_found(chosen, islice(_excel_rows(library, path, sheet), 1, None)),
        chosen.columns(),
    )


EXCEL = Format(
    "xlsx",
    "an Excel sheet (.xlsx)",
    lambda path, beginning: path.suffix.lower() in (".xlsx", ".xlsm") and beginning.startswith(b"PK"),
    _open_excel,
    (*COLUMN_OPTIONS, "table"),
    is_text=False,
)


def _unpacked_bytes(path: Path) -> int:
    with zipfile.ZipFile(path) as archive:
        return sum(member.file_size for member in archive.infolist())


def _sheet(library: Any, path: Path, wanted: str | None) -> tuple[str, list[str]]:
    """Return the name of the sheet that is read, and its header."""
    book = library.load_workbook(path, read_only=True, data_only=True)
    try:
        if wanted is not None and wanted not in book.sheetnames:
            raise SourceError(
                f"{path} has no sheet {wanted!r}. There are: {', '.join(map(repr, book.sheetnames[:20]))}."
            )
        sheet = str(wanted or book.sheetnames[0])
    finally:
        book.close()
    header = next(_excel_rows(library, path, sheet), None)
    if header is None:
        raise SourceError(f"{path}: sheet {sheet!r} is empty. Choose another with --table.")
    names = ["" if cell is None else str(cell).strip() for cell in header]
    while names and not names[-1]:
        names.pop()
    return sheet, names


def _excel_rows(library: Any, path: Path, sheet: str) -> Iterator[Sequence[Any]]:
    """Yield the rows of a sheet that hold anything."""
    book = library.load_workbook(path, read_only=True, data_only=True)
    try:
        for row in book[sheet].iter_rows(values_only=True):
            if any(cell is not None for cell in row):
                yield row
    except SourceError:
        raise
    except Exception as error:  # noqa: BLE001 - a library has errors of its own for broken files
        raise SourceError(f"{path}: reading broke off ({error}). Save the workbook anew.") from None
    finally:
        book.close()


# -- Parquet ----------------------------------------------------------------------------------------------------------


def _open_parquet(path: Path, options: SourceOptions) -> Source:
    library = _library(path, "pyarrow.parquet", "a Parquet file", "parquet", "save it as CSV or JSON Lines")
    names, count = _guarded(path, lambda: _looked_into(library, path))
    chosen = choose(path, names, options)
    source = Source(
        path, "Parquet file", lambda: _rows_found(chosen, _parquet_rows(library, path, names)), chosen.columns()
    )
    source.rows = count
    return source


def _looked_into(library: Any, file: Any) -> tuple[list[str], int]:
    """Return the columns of a Parquet file, and how many rows it says it has."""
    opened = library.ParquetFile(file)
    return list(opened.schema_arrow.names), int(opened.metadata.num_rows)


PARQUET = Format(
    "parquet",
    "Parquet (.parquet, also a Hugging Face folder of them)",
    lambda _, beginning: beginning.startswith(_PARQUET_MARK),
    _open_parquet,
    COLUMN_OPTIONS,
    is_text=False,
)


def _parquet_rows(library: Any, path: Path, names: Sequence[str]) -> Iterator[Sequence[Any]]:
    return _batches(library, path, names, str(path))


def _batches(library: Any, file: Any, names: Sequence[str], path: str) -> Iterator[Sequence[Any]]:
    """Yield the rows of an open file, or of a path, with the columns in the order of ``names``.

    Each column is read a piece at a time: by default pyarrow keeps all that it has read of a file until its end.
    """
    try:
        opened = library.ParquetFile(file, pre_buffer=False, buffer_size=_PIECE_BYTES)
        for batch in opened.iter_batches(batch_size=_BATCH_ROWS, columns=list(names)):
            columns = [batch.column(name).to_pylist() for name in names]
            yield from zip(*columns, strict=True)
    except Exception as error:  # noqa: BLE001 - a library has errors of its own for broken files
        raise SourceError(f"{path}: reading broke off ({error}). Was the file cut off?") from None


def open_remote(path: Path, address: str, options: SourceOptions) -> Source:
    """Return the rows of the Parquet file, or of all Parquet files in the folder, at the address of an object store.

    They are read in batches, in the order of the files' names, and numbered over all of them.

    Raises:
        SourceError: there is none, or it cannot be read.
    """
    library = _library(path, "pyarrow.parquet", "a Parquet file", "parquet", "save it as CSV or JSON Lines")
    try:
        store = ObjectStore(address)
        files = store.files(".parquet")
        looked = []
        for remote in files:
            with store.reading(remote) as file:
                looked.append(_guarded(path, partial(_looked_into, library, file)))
        names = looked[0][0]
    except ObjectStoreError as error:
        raise SourceError(f"{error} Of object stores, Parquet is read.") from None
    refuse_unused(path, options, COLUMN_OPTIONS)
    chosen = choose(path, names, options)

    def rows() -> Iterator[Sequence[Any]]:
        for remote in files:
            try:
                with store.reading(remote) as file:
                    yield from _batches(library, file, names, remote.path)
            except ObjectStoreError as error:
                raise SourceError(str(error)) from None

    kind = "Parquet file" if len(files) == 1 else f"{len(files):,} Parquet files in"
    source = Source(path, kind, lambda: _rows_found(chosen, rows()), chosen.columns())
    source.rows = sum(count for _, count in looked)
    return source


# -- libraries --------------------------------------------------------------------------------------------------------


def _library(path: Path, module: str, what: str, extra: str, instead: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        name = module.partition(".")[0]
        raise SourceError(
            f"{path} is {what}, which needs {name}. Install it with: pip install 'labeltui[{extra}]', or {instead}."
        ) from None


def _guarded(path: Path, read: Callable[[], Any]) -> Any:
    """Return what a library reads; whatever it raises of a broken file becomes a SourceError."""
    try:
        return read()
    except SourceError:
        raise
    except Exception as error:  # noqa: BLE001 - a library has errors of its own for broken files
        raise SourceError(f"{path} cannot be read ({str(error)[:200].removesuffix('.')}). Was it cut off?") from None
