"""Build run files from emails, beside their places; each is moved there when it is whole.

An import that is killed leaves no half run, and the next one of the same source goes on where it was.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from filelock import FileLock, Timeout

from core.errors import RunFileError, UsageError
from core.files import put_in_place
from core.model import SourceEmail, Task, View
from core.settings import private_dir
from core.text import counted

if TYPE_CHECKING:
    from core.storage.writing.intake import NewRun
    from core.storage.writing.store import Store

UNPARSED = "could not be parsed whole: their text is kept as it came"
_BATCH, _BATCH_LEAST = 1_000, 100
"""Emails in a transaction, and in one of a series, of which many are built at once."""
_TOLD_EVERY = 500
_ABANDONED_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Hold what a run file is built of: its path and row, and ``tell``, which notes events when all emails are in it.

    ``digest`` stands for all that the run is made of: a building that is killed or interrupted goes on the next time
    where it was, if the digest is the same; the emails must then be those of before. Without one it begins anew.
    """

    path: Path
    new: NewRun
    tell: Callable[[Store, int], None]
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Built:
    """Hold how many emails were taken, how many different texts they hold, and how many could not be parsed whole."""

    taken: int
    distinct: int
    unparsed: int


def build(
    plans: Sequence[Plan],
    task: Task,
    emails: Iterable[SourceEmail],
    *,
    which: Callable[[SourceEmail], int | None] = lambda _: 0,
    progress: Callable[[int], None] | None = None,
    left_out: Callable[[], Iterable[tuple[str, str, str]]] = tuple,
) -> list[Built]:
    """Write run files in one pass over the emails; ``which`` says whose plan an email belongs to, None for nobody's.

    ``progress`` gets the number of emails taken so far. ``left_out`` returns what of the source was not taken since
    it was last called (place, reason and detail of each), which the first run keeps. An error, also one that
    ``progress`` raises, ends the building and leaves nothing.

    Raises:
        UsageError: a run of that name was made meanwhile.
    """
    for folder in {plan.path.parent for plan in plans}:
        private_dir(folder)
        _sweep(folder, plans[0].new.created_at)
    with contextlib.ExitStack() as stack:
        runs = [_Unfinished(plan, task, stack, share=len(plans)) for plan in plans]
        taken = sum(run.taken for run in runs)
        for email in emails:
            at = which(email)
            if at is None or not runs[at].takes(email):
                continue
            taken += 1
            full = runs[at].full
            if full:
                runs[at].write(left_out() if at == 0 else ())
            if progress is not None and (full or taken % _TOLD_EVERY == 0):
                progress(taken)
        if progress is not None:
            progress(taken)
        return [run.finish(left_out() if at == 0 else (), task) for at, run in enumerate(runs)]


class _Unfinished:
    """Write one run file beside its place."""

    def __init__(self, plan: Plan, task: Task, stack: contextlib.ExitStack, *, share: int) -> None:
        # Parsers, and sqlite-utils behind the store, take their time: nothing else needs them.
        from core.storage.writing.store import Store  # noqa: PLC0415

        self._plan = plan
        self._part = stack.enter_context(_unfinished(plan.path, resumable=bool(plan.digest)))
        self._opened = stack.enter_context(contextlib.ExitStack())
        self._store = self._opened.enter_context(Store.importing(self._part, plan.new, task, plan.digest, share=share))
        self.taken, self._unparsed = self._store.imported()
        self._known = self.taken
        self._view_of = viewer(task)
        self._most = _BATCH if share == 1 else max(_BATCH_LEAST, _BATCH // share)
        self._batch: list[tuple[SourceEmail, View]] = []
        if self.taken:
            self._store.forget_skipped()  # the source counts them again

    def takes(self, email: SourceEmail) -> bool:
        """Keep an email for the next batch; False where it is in the file already."""
        if self._known:
            self._known -= 1
            return False
        view = self._view_of(email.raw, email.read_as)
        self._unparsed += not view.parsed
        self._batch.append((email, view))
        return True

    @property
    def full(self) -> bool:
        """Return whether the batch is to be written."""
        return len(self._batch) >= self._most

    def write(self, left_out: Iterable[tuple[str, str, str]]) -> None:
        """Write the batch in one transaction."""
        self._store.add_batch(
            self._batch, left_out, plan=self._plan.digest, unparsed=self._unparsed, now=self._plan.new.created_at
        )
        self.taken += len(self._batch)
        self._batch = []

    def finish(self, left_out: Iterable[tuple[str, str, str]], task: Task) -> Built:
        """Make a run file of it, in its place."""
        new, store, path = self._plan.new, self._store, self._plan.path
        self.write(left_out)
        if self._unparsed:
            store.add_event("unparsed", f"{counted(self._unparsed, task.item)} {UNPARSED}", now=new.created_at)
        store.finish_import(new.order, store.seed())
        self._plan.tell(store, self.taken)
        distinct = store.distinct_texts()
        self._opened.close()
        _check_closed(self._part)
        try:
            put_in_place(self._part, path, new=True)
        except FileExistsError:
            raise UsageError(
                f"A run named {path.stem} was made by another process just now. Nothing was changed."
            ) from None
        return Built(self.taken, distinct, self._unparsed)


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


class Viewer(Protocol):
    """Make of a raw message what a run keeps of it; ``read_as`` is the codec of its bytes, where that is known."""

    def __call__(self, raw: str, read_as: str = "") -> View:
        """Return what is kept."""


def viewer(task: Task) -> Viewer:
    """Return a function that makes of a raw message what a run keeps of it under that task.

    That is the text that is sent, and flags for a person where it holds orders.
    """
    from core.llm.task import fences  # noqa: PLC0415 - these bring the parsers, for new texts only
    from core.mail.injection import orders_in  # noqa: PLC0415
    from core.mail.message import view_by  # noqa: PLC0415

    between = () if task.item == "email" else fences(task.item)  # those of emails are among the wordings

    def made(raw: str, read_as: str = "") -> View:
        view = view_by(task, raw, read_as)
        flags = orders_in(view.text, between)
        return replace(view, flags=" ".join((*flags, view.flags)).strip()) if flags else view

    return made
