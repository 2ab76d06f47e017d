"""Register the formats of texts, and open files, folders and archives with :func:`open_source`.

To add a format, write a module with a ``Format`` (see :class:`core.sources.source.Format`) and name it in ``FORMATS``;
a package of its own offers one under the entry point ``labeltui.sources``.
"""

from __future__ import annotations

import functools
import glob
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path

from core.errors import SourceError
from core.files import address_of
from core.sources import csv_source, folder_source, json_source, mbox_source, table_source, text_source
from core.sources.archives import ScratchFolder, packing_of, unpacked
from core.sources.source import (
    Columns,
    Format,
    Found,
    Skipped,
    SkippedRow,
    Source,
    SourceOptions,
    refuse_unused,
)

__all__ = ["FORMATS", "Columns", "Skipped", "SkippedRow", "Source", "SourceOptions", "open_source"]

# In the order in which they are asked: those with a mark of their own come first, the loosest last.
FORMATS: tuple[Format, ...] = (
    table_source.SQLITE,
    table_source.PARQUET,
    table_source.EXCEL,
    text_source.OUTLOOK,
    mbox_source.FORMAT,
    json_source.FORMAT,
    csv_source.FORMAT,
    text_source.EMAIL,
    text_source.TEXT,
    text_source.LINES,
)
STANDARD_INPUT = Path("-")
GROUP = "labeltui.sources"
"""The entry points of packages that bring formats of their own; they are asked after ours."""

_FOLDER_WORDS = "a folder of these or a Maildir; gzip, bzip2, xz, zstd, zip or tar of these; - for standard input"
_PEEK_BYTES = 4_096
_PACKED_DEPTH = 3


def open_source(path: Path | Sequence[Path], options: SourceOptions | None = None) -> Source:
    """Return the emails at ``path``: a file or folder of any known format, several of them, a pattern, or ``-``.

    Raises SourceError where there is nothing, where it cannot be read, or where no column fits; a pass over the source
    may raise it later, where the file breaks off.
    """
    options = options or SourceOptions()
    paths = [path] if isinstance(path, Path) else list(path)
    found = [file for one in paths for file in _matching(one.expanduser())]
    if len(found) == 1:
        return _open_one(found[0], options)
    return _several(found, options)


def _matching(path: Path) -> list[Path]:
    """Return the path, or what a pattern stands for, by name."""
    if address_of(path):
        return [path]
    try:
        if path.exists() or not glob.has_magic(str(path)):
            return [path]
    except (OSError, ValueError):
        return [path]
    found = sorted(Path(name) for name in glob.glob(str(path), recursive=True))  # noqa: PTH207 - may be absolute
    if not found:
        raise SourceError(f"{path} matches no file. Check the pattern; it is relative to {Path.cwd()}.")
    return found


def _several(paths: Sequence[Path], options: SourceOptions) -> Source:
    """Return one source of several: ids begin with the file's name, or are it where a file holds one text."""
    sources = [_open_one(path, options) for path in paths]
    names = _short_names(paths)

    def read() -> Iterator[Found | SkippedRow]:
        number = 0
        for name, source in zip(names, sources, strict=True):
            for record in source.records():
                placed = folder_source.below(record, source, name)
                if isinstance(placed, Found):
                    number += 1
                    placed = replace(placed, number=number)
                yield placed

    first = sources[0].columns
    every = tuple(dict.fromkeys(name for source in sources for name in source.columns.names))
    columns = replace(first, id=first.id or ("its file" if first.text else None), names=every)
    whole = Source(paths[0], f"{len(paths):,} sources, the first", read, columns, notes=sources[0].notes)
    whole.files = tuple(file for source in sources for file in source.files)
    whole.keeps = sources
    whole.plain = (
        tuple(file for source in sources for file in source.plain) if all(one.plain for one in sources) else ()
    )
    return whole


def _short_names(paths: Sequence[Path]) -> list[str]:
    """Return the names of the files where they differ, else their whole paths."""
    names = [text_source.printable_name(path.name) for path in paths]
    return names if len(set(names)) == len(names) else [text_source.printable_name(str(path)) for path in paths]


def _open_one(path: Path, options: SourceOptions) -> Source:
    if path == STANDARD_INPUT:
        return _standard_input(options)
    if address := address_of(path):
        return table_source.open_remote(path, address, options)
    if _peek(path) is None:
        source = folder_source.open_folder(path, options, _open_file)
        source.plain = (path,)
        return source
    return _open_file(path, options)


def _standard_input(options: SourceOptions) -> Source:
    """Return what standard input holds, kept in a file of its own: a source is read more than once."""
    if sys.stdin is None or sys.stdin.isatty():
        raise SourceError("Standard input is a terminal: pipe the texts in, as in `… | labeltui new - --name N`.")
    folder = ScratchFolder()
    path = folder.path / "stdin"
    with path.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    source = _open_file(path, options)
    source.keeps = (folder, source.keeps)
    source.path = Path("standard input")
    return source


def _open_file(path: Path, options: SourceOptions, depth: int = 0) -> Source:
    beginning = _peek(path)
    if beginning is None:
        return folder_source.open_folder(path, options, _open_file)
    packing = packing_of(path, beginning)
    if packing:
        if depth >= _PACKED_DEPTH:
            raise SourceError(f"{path} is packed in packed files more than {_PACKED_DEPTH} deep. Unpack it by hand.")
        return _packed(path, packing, options, depth)
    candidates = FORMATS
    if options.format is not None:
        candidates = tuple(one for one in (*FORMATS, *_foreign()) if one.name == options.format)
        if not candidates:
            raise SourceError(f"--format {options.format!r} is not known. Choose one of {', '.join(known_formats())}.")
    chosen = next((one for one in candidates if options.format is not None or one.claims(path, beginning)), None)
    if chosen is None:
        chosen = next((one for one in _foreign() if one.claims(path, beginning)), None)
    if chosen is not None:
        refuse_unused(path, options, chosen.options)
        source = chosen.open(path, options)
        source.plain = (path,) if chosen.is_text else ()
        return source
    if not path.suffix and b"\x00" not in beginning:  # a table is the likeliest of what has neither mark nor suffix
        return csv_source.FORMAT.open(path, options)
    raise SourceError(f"{path} is in no known form. Known are: {_known()}.")


def known_formats() -> tuple[str, ...]:
    """Return the names of every format, those of other packages last."""
    return tuple(one.name for one in (*FORMATS, *_foreign()))


@functools.cache
def _foreign() -> tuple[Format, ...]:
    """Return the formats that other packages bring."""
    found = []
    for point in entry_points(group=GROUP):
        try:
            brought = point.load()
        except Exception as error:
            raise SourceError(f"The format {point.name!r} of another package cannot be loaded: {error}.") from error
        if not isinstance(brought, Format):
            raise SourceError(f"The format {point.name!r} of another package is no labeltui.Format. Tell its author.")
        found.append(brought)
    return tuple(found)


def _packed(path: Path, packing: str, options: SourceOptions, depth: int) -> Source:
    out = unpacked(path, packing)
    inner = _open_file(out.path, options, depth + 1)

    def read() -> Iterator[Found | SkippedRow]:
        yield from out.skipped
        yield from inner.records()

    kind = f"{packing} of a {inner.kind}"
    source = Source(path, kind, read, inner.columns, inner.numbered, notes=inner.notes, single=inner.single)
    source.keeps = (out.keeps, inner)
    source.plain = inner.plain
    return source


def _peek(path: Path) -> bytes | None:
    """Return the first bytes of a file, or None for a folder. Raises SourceError for anything that cannot be read."""
    try:
        if path.is_dir():
            next(path.iterdir(), None)
            return None
        if path.exists() and not path.is_file():
            raise SourceError(
                f"{path} is neither a file nor a folder. Save the texts in a file first, or give a pipe to standard"
                f" input: labeltui new - --name NAME < {path}"
            )
        with path.open("rb") as file:
            beginning = file.read(_PEEK_BYTES)
    except FileNotFoundError:
        raise SourceError(f"{path} does not exist. Check the path; it is relative to {Path.cwd()}.") from None
    except PermissionError:
        raise SourceError(f"{path} may not be read by this user. Change its permissions, or copy it.") from None
    except (OSError, ValueError) as error:
        raise SourceError(f"{path} cannot be read: {error}. Check the path and the disk.") from None
    if not beginning:
        raise SourceError(f"{path} is empty. Check that it was written to its end.")
    return beginning


def _known() -> str:
    return "; ".join([*(candidate.words for candidate in FORMATS), _FOLDER_WORDS])
