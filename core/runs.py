"""The runs on this machine: where their files lie, how one is found by name or path, how one is made from a source.

A run is built beside its place and moved there when it is whole, so that an import that dies leaves no half run.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

from core.errors import LabeltuiError, RunFileError, RunNotFoundError, UsageError
from core.model import RunState, RunSummary, SourceEmail, Task, View
from core.settings import Settings, private_dir
from core.storage.reader import RunReader

SUFFIX = ".db"

_BATCH = 500
_ABANDONED_S = 86_400.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_NO_RUN = re.compile(r"\.control$|\.search$|\.before-format-\d+(\.\d+)?$")
"""Ends of the stems of files that lie beside run files and are none: wishes, and copies from before a migration."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run is made: ``seed`` None draws one; ``order`` is shuffled or source."""

    name: str | None = None
    text_column: str | None = None
    id_column: str | None = None
    base_url: str | None = None
    order: str = "shuffled"
    seed: int | None = None
    dedupe: bool = True
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class Created:
    """What :func:`create_run` did. ``existed`` says that the run was there already and nothing was changed.

    ``skipped`` counts rows not taken by reason, ``skipped_places`` names some of them.
    """

    name: str
    path: Path
    taken: int
    distinct: int
    skipped: dict[str, int]
    skipped_places: tuple[str, ...]
    described: str
    existed: bool


def run_path(settings: Settings, name: str) -> Path:
    """Where the run of that name lies or would lie."""
    return settings.runs_dir / f"{name}{SUFFIX}"


def check_name(name: str) -> str:
    """The name itself.

    Raises:
        UsageError: it is not fit to be a file's name everywhere.
    """
    if not _NAME.fullmatch(name) or name.endswith(SUFFIX) or _NO_RUN.search(name):
        raise UsageError(
            f"{name!r} cannot be a run's name: use letters, digits, dot, dash and underscore, beginning with a letter"
            " or digit, at most 64 of them."
        )
    return name


def name_from_source(source: Path) -> str:
    """A run's name made from its source's."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", source.stem).strip("-._")[:64]
    return name or "run"


def find_run(settings: Settings, name_or_path: str) -> Path:
    """The run file that is meant: a run's name, or the path of its file.

    Raises:
        RunNotFoundError: there is none; says which names come near.
    """
    candidate = Path(name_or_path).expanduser()
    looks_like_path = candidate.suffix == SUFFIX or len(candidate.parts) > 1
    if looks_like_path and candidate.is_file():
        return candidate.resolve()
    files = run_files(settings)
    if not looks_like_path:
        for path in files:
            if path.stem == name_or_path:
                return path
        if candidate.is_file():
            return candidate.resolve()
    names = [path.stem for path in files]
    near = get_close_matches(name_or_path, names, n=1)
    advice = f" Did you mean {near[0]}?" if near else ""
    if not names:
        advice = " There are no runs yet: `labeltui new FILE` makes one."
    elif not near:
        advice = f" Runs here: {', '.join(names[:8])}{', …' if len(names) > 8 else ''}."
    raise RunNotFoundError(f"There is no run {name_or_path!r} in {settings.runs_dir}.{advice}")


def run_files(settings: Settings) -> list[Path]:
    """Every run file in its usual place, by name; the demo's, which lies apart, comes last."""
    found: list[Path] = []
    for folder in dict.fromkeys((settings.runs_dir, settings.demo_dir / "runs")):
        if folder.is_dir():
            found += sorted(path for path in folder.glob(f"*{SUFFIX}") if not _NO_RUN.search(path.stem))
    return found


def summarize(path: Path, now: float) -> RunSummary:
    """One line about a run; an unreadable file becomes a line that says so."""
    changed_at, size = 0.0, 0
    for part in (path, path.with_name(path.name + "-wal")):
        with contextlib.suppress(OSError):
            stat = part.stat()
            changed_at, size = max(changed_at, stat.st_mtime), size + stat.st_size
    try:
        with RunReader(path) as reader:
            snapshot = reader.snapshot(now)
    except (LabeltuiError, sqlite3.Error, ValueError) as error:
        return RunSummary(path.stem, str(path), RunState.STOPPED, 0, 0, 0, 0.0, changed_at, size, error=str(error))
    return RunSummary(
        name=path.stem,
        path=str(path),
        state=snapshot.state,
        total=snapshot.total,
        settled=snapshot.settled,
        failed=snapshot.failed,
        created_at=snapshot.run.created_at,
        changed_at=changed_at,
        size_bytes=size,
        simulated=snapshot.run.simulated,
    )


def list_runs(settings: Settings, now: float) -> list[RunSummary]:
    """Every run on this machine, the one last changed first."""
    summaries = [summarize(path, now) for path in run_files(settings)]
    return sorted(summaries, key=lambda summary: summary.changed_at, reverse=True)


def create_run(
    settings: Settings,
    source_path: Path,
    task: Task,
    options: RunOptions,
    *,
    now: float,
    progress: Callable[[int], None] | None = None,
) -> Created:
    """Make a run from a file or folder of emails; ``progress`` hears how many were taken so far.

    Asking again for the same source and name changes nothing.

    Raises:
        UsageError: the source, a column or the name is unusable, or the name belongs to a run of another source.
    """
    # Parsers, and sqlite-utils behind the store, take their time: nothing else in here needs them.
    from core.formats.message import view_of  # noqa: PLC0415
    from core.formats.sources import open_source  # noqa: PLC0415
    from core.quality.injection import orders_in  # noqa: PLC0415
    from core.storage.intake import NewRun  # noqa: PLC0415
    from core.storage.store import Store  # noqa: PLC0415

    if options.order not in ("shuffled", "source"):
        raise UsageError(f"--order is shuffled or source, not {options.order!r}.")
    name = check_name(options.name) if options.name else name_from_source(source_path)
    source = open_source(source_path, text_column=options.text_column, id_column=options.id_column)
    digest = digest_of(source_path)
    path = run_path(settings, name)
    if path.exists():
        return _existing(path, source_path, digest, now)
    private_dir(settings.runs_dir)
    _sweep(settings.runs_dir, now)
    part = path.with_name(f".{name}.{secrets.token_hex(4)}.part")
    seed = secrets.randbelow(2**31) if options.seed is None else options.seed
    try:
        new = NewRun(
            name=name,
            source=str(source_path.resolve()),
            source_digest=digest,
            created_at=now,
            order=options.order,
            seed=seed,
            dedupe=options.dedupe,
            base_url=options.base_url,
            simulated=options.simulated,
        )
        with Store.create(part, new, task) as store:
            taken = 0
            views = ((email, view_of(email.raw, fields=task.fields, truncate_at=task.truncate_at)) for email in source)
            emails: Iterator[tuple[SourceEmail, View]] = (
                (email, replace(view, flags=" ".join(orders_in(view.text)))) for email, view in views
            )
            while count := store.add_emails(islice(emails, _BATCH)):
                taken += count
                if progress is not None:
                    progress(taken)
            store.set_order(options.order, seed)
            skipped = dict(source.skipped.by_reason)
            places = tuple(f"{row.place}: {row.detail or row.reason}" for row in source.skipped.sample)
            text = f"{taken:,} emails taken from {source_path.name} ({source.describe()})"
            store.add_event("new", text, now=now)
            for reason, number in skipped.items():
                store.add_event("skipped", f"{number:,} rows not taken: {reason}", now=now)
            distinct = store.distinct_texts()
        _publish(part, path)
    finally:
        for leftover in (part, part.with_name(part.name + "-wal"), part.with_name(part.name + "-shm")):
            leftover.unlink(missing_ok=True)
    return Created(name, path, taken, distinct, skipped, places, source.describe(), existed=False)


def _sweep(folder: Path, now: float) -> None:
    """Remove what imports left that were killed; an import that takes a day is none."""
    for left in folder.glob(".*.part*"):
        with contextlib.suppress(OSError):
            if now - left.stat().st_mtime > _ABANDONED_S:
                left.unlink()


def _publish(part: Path, path: Path) -> None:
    """Move the finished file to its place, unless somebody made a run of that name meanwhile."""
    try:
        path.hardlink_to(part)
    except FileExistsError:
        raise UsageError(
            f"A run named {path.stem} was made by another process just now. Nothing was changed."
        ) from None
    except OSError:
        part.replace(path)  # a file system without hard links


def _existing(path: Path, source_path: Path, digest: str, now: float) -> Created:
    with RunReader(path) as reader:
        snapshot = reader.snapshot(now)
        same = reader.source_digest() == digest
        distinct = reader.distinct_texts()
    if not same:
        raise UsageError(
            f"The run {path.stem} exists and was made from other emails ({snapshot.run.source})."
            f" Choose another name with --name, or delete {path} if it is no longer wanted. Nothing was changed."
        )
    return Created(path.stem, path, snapshot.total, distinct, {}, (), str(source_path), existed=True)


def digest_of(source: Path) -> str:
    """SHA-256 over a file's content, or over the names, sizes and times of a folder's files."""
    digest = hashlib.sha256()
    try:
        if source.is_dir():
            for path in sorted(path for path in source.rglob("*") if path.is_file()):
                stat = path.stat()
                digest.update(
                    f"{path.relative_to(source)}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode("utf-8", "replace")
                )
        else:
            with source.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
    except OSError as error:
        raise RunFileError(f"{source} cannot be read ({error.strerror}).") from error
    return digest.hexdigest()


def export_run(path: Path, target: Path, *, raw: bool = False) -> int:
    """Write a run's labels to a file in the format of its suffix; returns the number of rows.

    Raises:
        ExportError: the format is unknown or the file cannot be written.
    """
    from core.formats.exports import export_rows  # noqa: PLC0415 - wanted by nobody else

    with RunReader(path) as reader:
        return export_rows(reader.export_rows(), target, raw=raw)
