"""Save labels of a run to a file: an export of all or of a selection, and whole records of chosen items."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from core.errors import ExportError, UsageError
from core.exports.columns import Facts, Table, record_of, shares, table_of
from core.exports.registry import STANDARD_OUTPUT, check_target, export_table, layout_for, written_whole
from core.model import ExportRow
from core.storage.reading.export_rows import ONLY, Page, Selection
from core.storage.reading.filters import parse
from core.storage.reading.reader import RunReader

_LINES = ".jsonl"
_LABEL = ExportRow._fields.index("label")


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """Hold how labels are exported: see the options of ``labeltui export``.

    ``where`` is a filter as it is typed in the list, ``only`` one of human, model and agreed, ``split`` shares such as
    ``0.8,0.1,0.1``. Without ``text`` neither texts nor subjects are written; without ``columns`` not the source's own.
    """

    layout: str | None = None
    where: str = ""
    only: str | None = None
    split: str | None = None
    text: bool = True
    columns: bool = True
    raw: bool = False
    manifest: bool = False


def export_run(
    path: Path | Sequence[Path],
    target: Path,
    options: ExportOptions = ExportOptions(),
    *,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Write a run's labels as they are now, also while its worker goes on; returns the number of rows.

    Of the parts of a series, one after another.

    ``progress`` gets how many rows were read so far, and how many of them have a label; what it raises ends the export,
    and nothing is written.

    Raises:
        ExportError: the format is unknown or the file cannot be written.
        UsageError: the filter or the split cannot be read.
    """
    paths = [path] if isinstance(path, Path) else list(path)
    _check_target(paths, target, options)
    with contextlib.ExitStack() as stack:
        readers = [stack.enter_context(RunReader(one)) for one in paths]
        for reader in readers:
            stack.enter_context(reader.as_of_now())
        table = _table(readers, paths[0], options, progress)
        return export_table(table, target, layout=options.layout, raw=options.raw, manifest=options.manifest)


def dry_run(path: Path | Sequence[Path], target: Path, options: ExportOptions) -> tuple[int, tuple[str, ...]]:
    """Return how many rows :func:`export_run` would write now, and their columns; nothing is written.

    Raises as :func:`export_run` does, except where only the disk could tell.
    """
    paths = [path] if isinstance(path, Path) else list(path)
    _check_target(paths, target, options)
    with contextlib.ExitStack() as stack:
        readers = [stack.enter_context(RunReader(one)) for one in paths]
        for reader in readers:
            stack.enter_context(reader.as_of_now())
        names = _table(readers, paths[0], options, None).names
        return sum(1 for _ in _table(readers, paths[0], replace(options, text=False), None).rows()), names


def _check_target(paths: Sequence[Path], target: Path, options: ExportOptions) -> None:
    """Refuse what cannot be exported to: no known format, a run file itself, or something that is there already."""
    if target != STANDARD_OUTPUT and any(target.expanduser().resolve() == one.resolve() for one in paths):
        raise ExportError(f"{target} is the run itself. Choose another name; nothing was written.")
    check_target(target, options.layout, manifest=options.manifest)


def exported(path: Path, options: ExportOptions = ExportOptions()) -> Iterator[dict[str, Any]]:
    """Yield a run's rows as they are now, by column."""
    with RunReader(path) as reader, reader.as_of_now():
        table = _table([reader], path, options, None)
        names = table.names
        for row in table.rows():
            yield dict(zip(names, row, strict=True))


def _table(
    readers: Sequence[RunReader], path: Path, options: ExportOptions, progress: Callable[[int, int], None] | None
) -> Table:
    reader = readers[0]
    if options.only is not None and options.only not in ONLY:
        raise UsageError(f"--only is one of {', '.join(ONLY)}, not {options.only!r}.")
    own = reader.source_columns() if options.columns else ()
    selection = Selection(parse(options.where), options.only, text=options.text, columns=bool(own))

    def pages() -> Iterator[Page]:
        count = labeled = 0
        for page in chain.from_iterable(each.export_pages(selection) for each in readers):
            yield page
            if progress is not None:
                labels = page[_LABEL]
                count, labeled = count + len(labels), labeled + len(labels) - labels.count("")
                progress(count, labeled)

    filtered = " ".join(filter(None, (f"only {options.only}" if options.only else "", str(selection.where))))
    source, simulated = reader.origin()
    facts = Facts(path.stem, reader.task(), source, simulated, filtered)
    split = shares(options.split) if options.split else None
    return table_of(pages, facts, own, text=options.text, split=split)


def save_emails(path: Path, email_ids: Sequence[int] | None, target: Path) -> int:
    """Write these emails of a run (or all) to a file that is not there yet; returns how many.

    The suffix names the format: an export's row for each, or in ``.jsonl`` its whole record: what was sent, every
    attempt, label and note.

    Raises:
        ExportError: the format is unknown, something has that name, or it cannot be written.
    """
    target = target.expanduser()
    layout_for(target)
    if target.exists():
        raise ExportError(f"{target} is there already. Choose another name; nothing was written.")
    with RunReader(path) as reader, reader.as_of_now():
        if target.suffix.lower() == _LINES:
            return written_whole(target, lambda beside: _write_records(reader, email_ids, beside))
        selection = Selection(email_ids=email_ids)
        facts = Facts(path.stem, reader.task(), *reader.origin())
        table = table_of(lambda: reader.export_pages(selection), facts, reader.source_columns())
        return export_table(table, target)


def _write_records(reader: RunReader, email_ids: Sequence[int] | None, path: Path) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for record in _records(reader, email_ids):
            line = json.dumps(record, ensure_ascii=False)
            file.write(line.encode("utf-8", "replace").decode("utf-8") + "\n")
            count += 1
    return count


def _records(reader: RunReader, email_ids: Sequence[int] | None) -> Iterator[dict[str, Any]]:
    for row in reader.export_rows(page=250, email_ids=email_ids):
        record = reader.record(row.number)
        yield {
            **record_of(row),
            "from": record.row.sender,
            "date": record.row.date,
            "text": record.text,
            "attempts": [asdict(attempt) for attempt in record.attempts],
            "labels": [asdict(label) for label in record.labels],
            "notes": [asdict(note) for note in record.notes],
        }
