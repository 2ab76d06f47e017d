"""Add what is new of a source to a run that exists."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import SourceError
from core.model import SourceEmail, View
from core.runs.build import viewer
from core.sources.columns import ColumnsError
from core.sources.registry import open_source
from core.sources.source import Source, SourceOptions
from core.storage.file.lock import RunLock
from core.storage.reading.reader import RunReader
from core.storage.writing.store import Store

_TOLD_EVERY = 500


@dataclass(frozen=True, slots=True)
class Added:
    """Hold what :func:`add_texts` did: texts ``taken``, ``known`` already, and ``changed`` ones, left alone.

    ``changed_ids`` names some of those; ``skipped`` counts records that were not taken by reason.
    """

    taken: int
    known: int
    changed: int
    changed_ids: tuple[str, ...]
    skipped: dict[str, int]
    skipped_places: tuple[str, ...]
    described: str


def add_texts(
    path: Path,
    source_paths: Sequence[Path],
    options: SourceOptions,
    *,
    now: float,
    progress: Callable[[int, int | None], None] | None = None,
) -> Added:
    """Add what is new of a source to a run, whole or not at all; they are worked on behind all others.

    New is what has a new id; in a source without ids, what has a new text. Equal texts share their answer as ever. A
    text that differs from the run's under the same id is reported and changes nothing. Columns that were named when the
    run was made are read here too, unless ``options`` name any. ``progress`` gets how many
    records were read, and of how many it seems; what it raises ends the adding, and nothing is added.

    Raises:
        UsageError: the source or a column is unusable.
        RunBusyError: a worker has the run.
    """
    source = _opened(path, list(source_paths), options)
    with RunLock(path) as lock, Store.open(path, lock) as store:
        view_of = viewer(store.task())

        def views() -> Iterator[tuple[SourceEmail, View]]:
            for count, email in enumerate(source, 1):
                if progress is not None and count % _TOLD_EVERY == 0:
                    progress(count, source.expected())
                yield email, view_of(email.raw, email.read_as)

        found = store.add_later(
            views(),
            source.numbered,
            lambda: [(row.place, row.reason, row.detail) for row in source.skipped.drain()],
            source=source_paths[0].name,
            now=now,
        )
    return Added(
        found.taken,
        found.known,
        found.changed,
        tuple(found.changed_ids),
        dict(source.skipped.by_reason),
        tuple(f"{row.place}: {row.detail or row.reason}" for row in source.skipped.sample),
        source.describe(),
    )


def _opened(path: Path, source_paths: list[Path], options: SourceOptions) -> Source:
    """Open a source as the run's own was read, where it has columns."""
    with RunReader(path) as reader:
        as_before = options.with_columns_of(reader.reading())
    try:
        return open_source(source_paths, as_before)
    except ColumnsError as error:
        if as_before == options:
            raise
        raise ColumnsError(
            f"{error} The run was made so; name the columns of this source, if they differ.", error.names
        ) from None
    except SourceError:
        if as_before == options:
            raise
        return open_source(source_paths, options)  # it has no columns
