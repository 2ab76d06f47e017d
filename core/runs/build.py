"""Build a run file from emails, beside its place; it is moved there when it is whole.

An import that is killed leaves no half run, and the next one of the same source goes on where it was.
"""

from __future__ import annotations

import contextlib
import secrets
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from core.errors import RunFileError, UsageError
from core.files import put_in_place
from core.model import SourceEmail, Task
from core.settings import private_dir
from core.text import counted

if TYPE_CHECKING:
    from core.storage.writing.intake import NewRun
    from core.storage.writing.store import Store

UNPARSED = "could not be parsed whole: their text is kept as it came"
_BATCH = 1_000
_TOLD_EVERY = 500
_ABANDONED_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Built:
    """Hold how many emails were taken, how many different texts they hold, and how many could not be parsed whole."""

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
    plan: str = "",
) -> Built:
    """Write the run file at ``path``; ``progress`` gets the number of emails taken so far, ``tell`` notes events.

    ``left_out`` returns what of the source was not taken since it was last called: place, reason and detail of each.
    With a ``plan``, which stands for all that the run is made of, a building that is killed or interrupted goes on
    the next time where it was, if the plan is the same; ``emails`` must then be those of before.

    An error, also one that ``progress`` raises, ends the building and leaves nothing.

    Raises:
        UsageError: a run of that name was made meanwhile.
    """
    # Parsers, and sqlite-utils behind the store, take their time: nothing else needs them.
    from core.runs.views import viewer  # noqa: PLC0415
    from core.storage.writing.store import Store  # noqa: PLC0415

    private_dir(path.parent)
    _sweep(path.parent, new.created_at)
    with _unfinished(path, resumable=bool(plan)) as part:
        with Store.importing(part, new, task, plan) as store:
            taken, unparsed = store.imported()
            view_of = viewer(task)
            left = iter(emails)
            if taken:
                store.forget_skipped()
                deque(islice(left, taken), maxlen=0)  # in the file already; the source counts what it leaves out
            while batch := list(islice(left, _BATCH)):
                viewed = []
                for at, email in enumerate(batch, 1):
                    view = view_of(email.raw)
                    unparsed += not view.parsed
                    viewed.append((email, view))
                    if progress is not None and at % _TOLD_EVERY == 0:
                        progress(taken + at)
                store.add_batch(viewed, left_out(), plan=plan, unparsed=unparsed, now=new.created_at)
                taken += len(batch)
                if progress is not None:
                    progress(taken)
            store.add_skipped(left_out())
            if unparsed:
                store.add_event("unparsed", f"{counted(unparsed, task.item)} {UNPARSED}", now=new.created_at)
            store.finish_import(new.order, store.seed())
            tell(store, taken)
            distinct = store.distinct_texts()
        _check_closed(part)
        try:
            put_in_place(part, path, new=True)
        except FileExistsError:
            raise UsageError(
                f"A run named {path.stem} was made by another process just now. Nothing was changed."
            ) from None
    return Built(taken, distinct, unparsed)


@contextlib.contextmanager
def _unfinished(path: Path, *, resumable: bool) -> Iterator[Path]:
    """Yield the path of the file that is built; it is removed at the end, but for an interrupted resumable one.

    Two processes that build the same run do not meet: the second builds a file of its own.
    """
    lock = FileLock(path.with_name(f".{path.stem}.import.part.lock"), mode=0o600)
    part = path.with_name(f".{path.stem}.import.part")
    try:
        resumable = resumable and bool(lock.acquire(timeout=0))
    except (Timeout, OSError, NotImplementedError):
        resumable = False
    if not resumable:
        part = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.part")
    keep = False
    try:
        yield part
    except BaseException as error:
        keep = resumable and not isinstance(error, Exception)
        raise
    finally:
        if not keep:
            for end in ("", "-journal", "-wal", "-shm"):
                part.with_name(part.name + end).unlink(missing_ok=True)
        if resumable:
            with contextlib.suppress(OSError):
                Path(lock.lock_file).unlink(missing_ok=True)
            lock.release()


def _sweep(folder: Path, now: float) -> None:
    """Remove what imports left that were killed a day ago or more."""
    for left in folder.glob(".*.part*"):
        with contextlib.suppress(OSError):
            newest = max(one.stat().st_mtime for one in folder.glob(f"{left.name.partition('.part')[0]}.part*"))
            if now - newest > _ABANDONED_S:
                left.unlink()


def _check_closed(part: Path) -> None:
    """Raise RunFileError where closing could not fold the log into the file: what only the log holds would be lost."""
    log = part.with_name(part.name + "-wal")
    if log.exists() and log.stat().st_size:
        raise RunFileError(
            f"The run could not be written whole to {part.parent}: its disk is full or reports errors."
            " Free some space, then make the run again; nothing of it was kept."
        )
