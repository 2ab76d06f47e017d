"""Register the layouts of exports by name and suffix, and write them with :func:`export_table`.

To add a layout, write a module with a writer (see :class:`Layout`) and name it in ``LAYOUTS``; a package of its own
offers one under the entry point ``labeltui.exports``.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import secrets
import shutil
import sqlite3
import stat
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points, version
from pathlib import Path

from core import files
from core.errors import ExportError, UnknownNameError
from core.exports import layouts, lines, tables
from core.exports.columns import COLUMNS, Table
from core.files import ObjectStore, ObjectStoreError, address_of

__all__ = [
    "COLUMNS", "LAYOUTS", "Layout", "check_target", "export_table", "known_suffixes", "layout_for", "written_whole",
]  # fmt: skip

STANDARD_OUTPUT = Path("-")
GROUP = "labeltui.exports"
"""The entry points of packages that bring layouts of their own."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Hold a way of writing labels.

    ``write(table, path, raw)`` writes a new file at ``path``, or into an empty folder there where the layout
    ``is_folder``, and returns how many rows; ``raw`` requests values exactly as they are where the format would
    otherwise make them safe to open. It may raise ExportError. ``suffixes`` are those that mean it without a name; the
    first one names its files in a folder of splits, unless ``file_suffix`` does; ``stream_suffix`` is what goes to
    standard output where that is something else.
    """

    name: str
    words: str
    write: Callable[[Table, Path, bool], int]
    suffixes: tuple[str, ...] = ()
    is_folder: bool = False
    is_text: bool = True
    file_suffix: str = ""
    stream_suffix: str = ""


LAYOUTS = (
    Layout("csv", "a row an item", lines.write_csv, (".csv",)),
    Layout("jsonl", "an object a line", lines.write_json_lines, (".jsonl",)),
    Layout("parquet", "typed columns", tables.write_parquet, (".parquet",), is_text=False),
    Layout("sqlite", "a table `labels`", tables.write_sqlite, (".sqlite", ".sqlite3", ".db"), is_text=False),
    Layout("datasette", "SQLite with full-text search", tables.write_datasette, is_text=False, file_suffix=".db"),
    Layout("huggingface", "a folder for datasets, with a data card", tables.write_huggingface, is_folder=True),
    Layout("label-studio", "tasks with predictions and annotations", layouts.write_label_studio, file_suffix=".json"),
    Layout("argilla", "a folder for Dataset.from_disk", layouts.write_argilla, is_folder=True),
    Layout("spacy", "a DocBin, or text and cats (.jsonl)", layouts.write_spacy, (".spacy",), stream_suffix=".jsonl"),
    Layout("labels", "one column of labels in source order", lines.write_labels, file_suffix=".csv"),
)
_ALIASES = {"hf": "huggingface", "labelstudio": "label-studio", "onecolumn": "labels", "column": "labels"}


@functools.cache
def _foreign() -> tuple[Layout, ...]:
    """Return the layouts that other packages bring."""
    found = []
    for point in entry_points(group=GROUP):
        try:
            layout = point.load()
        except Exception as error:
            raise ExportError(f"The export {point.name!r} of another package cannot be loaded: {error}.") from error
        if not isinstance(layout, Layout):
            raise ExportError(f"The export {point.name!r} of another package is no labeltui.Layout. Tell its author.")
        found.append(layout)
    return tuple(found)


def known_suffixes() -> tuple[str, ...]:
    """Return the suffixes that a file may be exported to without a layout."""
    return tuple(suffix for layout in LAYOUTS for suffix in layout.suffixes)


def layout_for(path: Path, name: str | None = None) -> Layout:
    """Return the layout of that name, or the one that a path's suffix means.

    Raises:
        UnknownNameError, ExportError: no layout has that name or suffix; lists the known ones.
    """
    if name is not None:
        plain = "".join(sign for sign in name.lower() if sign.isalnum())
        plain = _ALIASES.get(plain, plain).replace("-", "")
        for layout in (*LAYOUTS, *_foreign()):
            if layout.name.replace("-", "") == plain:
                return layout
        known = ", ".join(layout.name for layout in (*LAYOUTS, *_foreign()))
        raise UnknownNameError(f"There is no layout {name!r}. Choose one of {known}.")
    if path == STANDARD_OUTPUT:
        return LAYOUTS[0]
    suffix = path.suffix.lower()
    for layout in LAYOUTS:
        if suffix in layout.suffixes:
            return layout
    for layout in _foreign():
        if suffix in layout.suffixes:
            return layout
    raise ExportError(
        f"{path}: the suffix {path.suffix!r} names no known format. Choose one of {', '.join(known_suffixes())}, or"
        " a layout with --layout."
    )


def export_table(
    table: Table, path: Path, *, layout: str | None = None, raw: bool = False, manifest: bool = False
) -> int:
    """Write the table to ``path`` and return how many rows.

    What is written appears whole or not at all: it is written beside its place, flushed to the disk and then renamed
    over a file of that name; a folder must not be there yet. ``-`` is standard output. The rows are never held
    together in memory. A folder has a ``manifest.json`` with the hash of each file; with ``manifest`` a file has one
    beside it. Raises ExportError.
    """
    path = path if address_of(path) else path.expanduser()
    chosen = check_target(path, layout, manifest=manifest)
    if address := address_of(path):
        return _to_object_store(table, address)
    if path == STANDARD_OUTPUT:
        return _to_standard_output(table, chosen, raw=raw)
    if _is_folder(path, chosen, layout):
        return _to_folder(table, path, chosen, raw=raw)
    count = written_whole(path, lambda beside: chosen.write(table, beside, raw))
    if manifest:
        told = _manifest(table, chosen, {path.name: (path, count)}, count)
        written_whole(path.with_name(f"{path.name}.manifest.json"), lambda beside: _write_text(beside, told))
    return count


def check_target(path: Path, layout: str | None = None, *, manifest: bool = False) -> Layout:
    """Return the layout that :func:`export_table` would write to ``path``.

    Raises:
        ExportError: it would refuse the layout, or what lies at ``path``.
    """
    if address := address_of(path):
        if layout not in (None, "parquet") or not address.partition("?")[0].endswith(".parquet") or manifest:
            raise ExportError(
                f"{address}: to an object store Parquet is written, without a manifest: name a .parquet file."
            )
        return layout_for(path, "parquet")
    path = path.expanduser()
    chosen = layout_for(path, layout)
    if path == STANDARD_OUTPUT:
        if chosen.is_folder:
            raise ExportError(f"The layout {chosen.name} is a folder and cannot go to standard output. Name a folder.")
    elif _is_folder(path, chosen, layout):
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise ExportError(f"{path} is there already. Name a folder that is not: nothing was written.")
    elif path.is_dir():
        raise ExportError(f"{path} is a folder. Name a file in it.")
    elif path.is_file() and not chosen.is_text:
        _refuse_database(path)
    return chosen


def _is_folder(path: Path, chosen: Layout, layout: str | None) -> bool:
    return chosen.is_folder or (layout is not None and not path.suffix)


def _to_object_store(table: Table, address: str) -> int:
    """Write Parquet to an object store, whole or not at all."""
    try:
        return ObjectStore(address).write_whole(lambda stream: tables.write_groups(table, stream))
    except ObjectStoreError as error:
        raise ExportError(str(error)) from None


def _to_standard_output(table: Table, layout: Layout, *, raw: bool) -> int:
    with tempfile.TemporaryDirectory(prefix="labeltui-") as folder:  # whole or not at all here as well
        beside = Path(folder) / f"labels{layout.stream_suffix or layout.file_suffix or layout.suffixes[0]}"
        count = layout.write(table, beside, raw)
        with beside.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    return count


def _to_folder(table: Table, path: Path, layout: Layout, *, raw: bool) -> int:
    target = path.resolve()
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        beside.mkdir(mode=0o700)
        counts: dict[str, int] = {}
        if layout.is_folder:
            count = layout.write(table, beside, raw)
        else:
            suffix = layout.file_suffix or layout.suffixes[0]
            for split in table.splits or ("labels",):
                part = table.of(split) if table.splits else table
                counts[f"{split}{suffix}"] = layout.write(part, beside / f"{split}{suffix}", raw)
            count = sum(counts.values())
        written = {str(file.relative_to(beside)): file for file in sorted(beside.rglob("*")) if file.is_file()}
        told = _manifest(table, layout, {name: (file, counts.get(name)) for name, file in written.items()}, count)
        _write_text(beside / "manifest.json", told)
        for file in (*written.values(), beside / "manifest.json"):
            files.sync(file)
        beside.replace(target)
        files.sync_folder(target.parent)
    except OSError as error:
        raise _unwritable(path, target, error) from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return count


def _manifest(table: Table, layout: Layout, listing: dict[str, tuple[Path, int | None]], count: int) -> str:
    """Return what was written, by name: bytes, rows and SHA-256, and where the labels come from."""
    facts = table.facts
    listed = []
    for name, (path, rows) in listing.items():
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        listed.append({"path": name, "bytes": path.stat().st_size, "sha256": digest, "rows": rows})
    told = {
        "made_by": f"labeltui {version('labeltui')}",
        "run": facts.run,
        "source": facts.source,
        "task": facts.task.name,
        "task_version": facts.task.version,
        "model": facts.task.model.model,
        "simulated": facts.simulated,
        "filter": facts.filtered,
        "layout": layout.name,
        "columns": list(table.names),
        "rows": count,
        "files": listed,
    }
    return json.dumps(told, indent=1) + "\n"


def _write_text(path: Path, text: str) -> int:
    return path.write_text(text, encoding="utf-8")


def _refuse_database(path: Path) -> None:
    """Refuse to replace an SQLite file that is no export: it may be a run, or anything else of value."""
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(path)) as db:
        if path.is_file() and db.execute("PRAGMA application_id").fetchone()[0] != tables.MARK:
            raise ExportError(f"{path} is a database that labeltui did not export. Choose another name.")


def written_whole(path: Path, write: Callable[[Path], int]) -> int:
    """Let ``write`` fill a file that appears at ``path`` whole or not at all; returns what it returns.

    ``write`` gets the path of an empty file beside it. Raises ExportError.
    """
    if path.is_dir():
        raise ExportError(f"{path} is a folder. Name a file in it.")
    target = path.resolve()
    try:
        with files.written_whole(target) as beside:
            if target.is_file():
                beside.chmod(stat.S_IMODE(target.stat().st_mode))  # whoever opened it to others goes on to share it
            return write(beside)
    except OSError as error:
        raise _unwritable(path, target, error) from None


def _unwritable(path: Path, target: Path, error: OSError) -> ExportError:
    if isinstance(error, FileNotFoundError):
        return ExportError(f"{target.parent} does not exist. Make that folder first, or choose another.")
    reason = error.strerror or str(error)
    return ExportError(f"{path} cannot be written: {reason}. Check the folder's permissions and space.")
