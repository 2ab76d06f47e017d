"""Building a run file from emails, beside its place; it is moved there when it is whole.

An import that dies leaves no half run, and two that build the same name do not meet.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import RunFileError, UsageError
from core.files import put_in_place
from core.model import SourceEmail, Task, View
from core.settings import private_dir
from core.text import counted

if TYPE_CHECKING:
    from core.storage.writing.intake import NewRun
    from core.storage.writing.store import Store

UNPARSED = "could not be parsed whole: their text is kept as it came"
_BATCH = 500
_ABANDONED_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Built:
    """How many emails were taken, how many different texts they hold, and how many could not be parsed whole."""

    taken: int
    distinct: int
    unparsed: int = 0


def build(
    path: Path,
    new: NewRun,
    task: Task,
    emails: Iterable[SourceEmail],
    *,
    progress: Callable[[int], None] | None = None,
    tell: Callable[[Store, int], None],
    left_out: Callable[[], Iterable[tuple[str, str, str]]] = tuple,
) -> Built:
    """Write the run file at ``path``; ``progress`` hears how many emails were taken so far, ``tell`` notes events.

    ``left_out`` returns what of the source was not taken since it was last called: place, reason and detail of each.

    Whatever ``progress`` raises ends the building, and leaves nothing.

    Raises:
        UsageError: a run of that name was made meanwhile.
    """
    # Parsers, and sqlite-utils behind the store, take their time: nothing else needs them.
    from core.runs.views import viewer  # noqa: PLC0415
    from core.storage.writing.store import Store  # noqa: PLC0415

    private_dir(path.parent)
    _sweep(path.parent, new.created_at)
    part = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.part")
    try:
        with Store.create(part, new, task) as store:
            taken = 0
            view_of = viewer(task)
            unparsed = 0

            def views() -> Iterator[tuple[SourceEmail, View]]:
                nonlocal unparsed
                for email in emails:
                    view = view_of(email.raw)
                    unparsed += not view.parsed
                    yield email, view

            made = views()
            while count := store.add_emails(islice(made, _BATCH)):
                taken += count
                store.add_skipped(left_out())
                if progress is not None:
                    progress(taken)
            store.add_skipped(left_out())
            if unparsed:
                store.add_event("unparsed", f"{counted(unparsed, task.item)} {UNPARSED}", now=new.created_at)
            store.set_order(new.order, new.seed)
            tell(store, taken)
            distinct = store.distinct_texts()
        _check_closed(part)
        put_in_place(part, path, new=True)
    except FileExistsError:
        raise UsageError(
            f"A run named {path.stem} was made by another process just now. Nothing was changed."
        ) from None
    finally:
        for leftover in (part, part.with_name(part.name + "-wal"), part.with_name(part.name + "-shm")):
            leftover.unlink(missing_ok=True)
    return Built(taken, distinct, unparsed)


def _sweep(folder: Path, now: float) -> None:
    """Remove what imports left that were killed; an import that takes a day is none."""
    for left in folder.glob(".*.part*"):
        with contextlib.suppress(OSError):
            if now - left.stat().st_mtime > _ABANDONED_S:
                left.unlink()


def _check_closed(part: Path) -> None:
    """Raise RunFileError where closing could not fold the log into the file: what only the log holds would be lost."""
    log = part.with_name(part.name + "-wal")
    if log.exists() and log.stat().st_size:
        raise RunFileError(
            f"The run could not be written whole to {part.parent}: its disk is full or reports errors."
            " Free some space, then make the run again; nothing of it was kept."
        )
