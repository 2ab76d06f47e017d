"""Find runs on this machine by name or path, and make one from a source.

What the list says of each is the business of :mod:`core.runs.listing`, making the file that of :mod:`core.runs.build`.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import RunFileError, RunNotFoundError, UsageError
from core.files import ObjectStore, ObjectStoreError, address_of
from core.model import Task
from core.runs.build import build
from core.runs.series import MOST_PARTS, PART_TEXTS, its_turn
from core.server_address import normalize_base_url
from core.settings import Settings
from core.sources.source import SourceOptions
from core.storage.file.parts import part_name, part_of, parts_in
from core.storage.reading.reader import RunReader
from core.text import counted

if TYPE_CHECKING:
    from core.storage.writing.store import Store

SUFFIX = ".db"

ARCHIVE = "archive"
"""The folder of archived runs, in the folder of runs."""

_INNER_SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".tar", ".mbox", ".txt", ".parquet")
"""What may stand before the suffix of a packed file."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_NO_RUN = re.compile(r"[.~](control|search|before-format-\d+(\.\d+)?)$")
"""Ends of the stems of files that lie beside run files and are none: commands, and copies from before a migration."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Hold how a run is made: ``seed`` None draws one; ``order`` is shuffled or source; ``source`` says how to read.

    ``part`` is the number of a part and how many there are: see :mod:`core.runs.series`.
    """

    name: str | None = None
    source: SourceOptions = field(default_factory=SourceOptions)
    base_url: str | None = None
    order: str = "shuffled"
    seed: int | None = None
    dedupe: bool = True
    simulated: bool = False
    part: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Created:
    """Hold what :func:`create_run` did. ``existed`` says that the run was there already and nothing was changed.

    ``skipped`` counts rows not taken by reason, ``skipped_places`` names some of them; ``unparsed`` emails could not be
    parsed whole.
    """

    name: str
    path: Path
    taken: int
    distinct: int
    skipped: dict[str, int]
    skipped_places: tuple[str, ...]
    described: str
    existed: bool
    unparsed: int = 0


def run_path(settings: Settings, name: str) -> Path:
    """Return where the run of that name lies or would lie."""
    return settings.runs_dir / f"{name}{SUFFIX}"


def check_name(name: str) -> str:
    """Return the name itself, checked.

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
    """Return a run's name made from its source's."""
    stem = source.stem
    while Path(stem).suffix.lower() in _INNER_SUFFIXES:
        stem = Path(stem).stem
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")[:64]
    return name or "run"


def find_run(settings: Settings, name_or_path: str) -> Path:
    """Return the run file that is meant: a run's name, or the path of its file.

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
            if path.stem == name_or_path and not path.exists():
                raise RunFileError(f"{path} is a link that leads nowhere. Delete it, or put its run back.")
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
    if not looks_like_path and (parts := parts_in(files, name_or_path)):
        return its_turn(parts, time.time())
    if not looks_like_path and any(path.stem == name_or_path for path in archived_files(settings)):
        advice = f" One of that name is archived: `labeltui archive {name_or_path} --back` brings it back."
    raise RunNotFoundError(f"There is no run {name_or_path!r} in {settings.runs_dir}.{advice}")


def run_files(settings: Settings) -> list[Path]:
    """Return every run file in its usual place, by name; the demo's, which lies apart, comes last."""
    found: list[Path] = []
    for folder in dict.fromkeys((settings.runs_dir, settings.demo_dir / "runs")):
        found += _run_files_in(folder)
    return found


def _run_files_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix == SUFFIX and not path.name.startswith(".") and not _NO_RUN.search(path.stem)
    )


def archived_files(settings: Settings) -> list[Path]:
    """Return every archived run file, by name."""
    found: list[Path] = []
    for folder in (settings.runs_dir / ARCHIVE, settings.demo_dir / "runs" / ARCHIVE):
        found += _run_files_in(folder)
    return found


def is_archived(path: Path) -> bool:
    """Return whether that run file lies in an archive."""
    return path.parent.name == ARCHIVE


def create_run(
    settings: Settings,
    source_path: Path | Sequence[Path],
    task: Task,
    options: RunOptions,
    *,
    now: float,
    progress: Callable[[int], None] | None = None,
) -> Created:
    """Make a run from files or folders of emails; ``progress`` is called with the number taken so far.

    Asking again for the same source and name changes nothing.

    Raises:
        UsageError: the source, a column, the name or the base URL is unusable, or the name belongs to a run of another
            source.
    """
    from core.sources.registry import STANDARD_INPUT, open_source  # noqa: PLC0415 - parsers take their time
    from core.storage.file.schema_version import FORMAT_VERSION  # noqa: PLC0415
    from core.storage.writing.intake import NewRun  # noqa: PLC0415

    if options.order not in ("shuffled", "source"):
        raise UsageError(f"--order is shuffled or source, not {options.order!r}.")
    normalize_base_url(options.base_url)  # refuses what no worker could ask, and a secret in it
    paths = [source_path] if isinstance(source_path, Path) else list(source_path)
    name = check_name(options.name) if options.name else name_from_source(paths[0])
    source = open_source(paths, options.source)
    digest, emails = digest_of(*source.files), iter(source)
    if options.part is not None:
        number, parts = options.part
        name, digest = check_name(part_name(name, number)), f"{digest} {number}/{parts}"
        emails = (email for email in emails if part_of(email.raw, parts) == number)
    path = run_path(settings, name)
    if path.exists():
        return _existing(path, paths[0], digest, now)
    seed = secrets.randbelow(2**31) if options.seed is None else options.seed
    new = NewRun(
        name=name,
        source=", ".join(
            "-" if one == STANDARD_INPUT else address_of(one) or str(one.expanduser().resolve()) for one in paths[:20]
        ),
        source_digest=digest,
        created_at=now,
        order=options.order,
        seed=seed,
        dedupe=options.dedupe,
        base_url=options.base_url,
        simulated=options.simulated,
    )

    def tell(store: Store, taken: int) -> None:
        store.add_event("new", f"{counted(taken, task.item)} taken from {paths[0].name} ({source.describe()})", now=now)
        for reason, number in source.skipped.by_reason.items():
            store.add_event("skipped", f"{number:,} rows not taken: {reason}", now=now)

    def left_out() -> list[tuple[str, str, str]]:
        if options.part is not None and options.part[0] > 1:
            return []  # the first part reports them
        return [(row.place, row.reason, row.detail) for row in source.skipped.drain()]

    made_of = (new.source, digest, options, task, FORMAT_VERSION, source.describe())
    plan = hashlib.sha256(repr(made_of).encode("utf-8", "replace")).hexdigest()
    built = build(path, new, task, emails, progress=progress, tell=tell, left_out=left_out, plan=plan)
    skipped = dict(source.skipped.by_reason)
    places = tuple(f"{row.place}: {row.detail or row.reason}" for row in source.skipped.sample)
    return Created(
        name,
        path,
        built.taken,
        built.distinct,
        skipped,
        places,
        source.describe(),
        existed=False,
        unparsed=built.unparsed,
    )


def create_series(
    settings: Settings,
    source_path: Path | Sequence[Path],
    task: Task,
    options: RunOptions,
    *,
    now: float,
    part_texts: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[Created]:
    """Make a run, or a series of runs where the source holds more texts than a part should.

    A Parquet source says how many it holds; of others they are counted only where ``part_texts`` is given, which is
    5,000,000 otherwise. The source is read once for each part, and each part is resumed or left alone as a run is.

    Raises:
        UsageError: as :func:`create_run`, or there would be too many parts.
    """
    from core.sources.registry import open_source  # noqa: PLC0415 - parsers take their time

    paths = [source_path] if isinstance(source_path, Path) else list(source_path)
    source = open_source(paths, options.source)
    texts = source.rows
    if texts is None and part_texts is not None:
        texts = sum(1 for _ in source.records())
    count = -(-(texts or 0) // (part_texts or PART_TEXTS))
    del source
    if count <= 1:
        return [create_run(settings, source_path, task, options, now=now, progress=progress)]
    if count > MOST_PARTS:
        raise UsageError(
            f"{texts:,} texts in parts of {part_texts or PART_TEXTS:,} are {count:,} parts; {MOST_PARTS} at most."
            " Give a larger --part."
        )
    made: list[Created] = []
    seed = secrets.randbelow(2**31) if options.seed is None else options.seed
    for number in range(1, count + 1):
        part = replace(options, part=(number, count), seed=seed)
        done = sum(each.taken for each in made)
        told = None if progress is None else (lambda taken, done=done: progress(done + taken))
        made.append(create_run(settings, source_path, task, part, now=now, progress=told))
    return made


def _existing(path: Path, source_path: Path, digest: str, now: float) -> Created:
    with RunReader(path) as reader:
        snapshot = reader.snapshot(now)
        same = reader.source_digest() == digest
        distinct = reader.distinct_texts()
    if not same:
        raise UsageError(
            f"The run {path.stem} exists and was made from other texts ({snapshot.run.source})."
            f" Choose another name with --name, or delete {path} if it is no longer wanted. Nothing was changed."
        )
    return Created(path.stem, path, snapshot.total, distinct, {}, (), str(source_path), existed=True)


def digest_of(*sources: Path) -> str:
    """Return SHA-256 over the content of files, and over names, sizes and times of the files of a folder or store."""
    digest = hashlib.sha256()
    for source in sources:
        if address := address_of(source):
            try:
                for remote in ObjectStore(address).files(".parquet"):
                    digest.update(f"{remote.path}\0{remote.size}\0{remote.changed}\n".encode("utf-8", "replace"))
            except ObjectStoreError as error:
                raise RunFileError(str(error)) from None
            continue
        try:
            if source.is_dir():
                for path in sorted(path for path in source.rglob("*") if not path.is_symlink() and path.is_file()):
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
