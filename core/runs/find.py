"""Find runs on this machine by name or path, and make one from a source.

What the list says of each is the business of :mod:`core.runs.listing`, making the file that of :mod:`core.runs.build`.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from core.errors import RunFileError, RunNotFoundError, UsageError
from core.files import ObjectStore, ObjectStoreError, address_of
from core.model import SourceEmail, Task
from core.runs.build import Plan, build
from core.runs.series import MOST_PARTS, PART_TEXTS, its_turn
from core.server_address import normalize_base_url
from core.settings import Settings
from core.sources.source import Source, SourceOptions
from core.storage.file.parts import part_name, part_of, parts_in
from core.storage.reading.reader import RunReader
from core.text import counted

if TYPE_CHECKING:
    from core.storage.writing.store import Store

SUFFIX = ".db"

PARTS_AT_ONCE = 32
"""Parts of a series that are made in one pass: each has some files open, of which a process may have 256."""

ARCHIVE = "archive"
"""The folder of archived runs, in the folder of runs."""

_INNER_SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".tar", ".mbox", ".txt", ".parquet")
"""What may stand before the suffix of a packed file."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_NO_RUN = re.compile(r"[.~](control|search|before-format-\d+(\.\d+)?)$")
"""Ends of the stems of files that lie beside run files and are none: commands, and copies from before a migration."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Hold how a run is made: ``seed`` None draws one; ``order`` is shuffled or source; ``source`` says how to read."""

    name: str | None = None
    source: SourceOptions = field(default_factory=SourceOptions)
    base_url: str | None = None
    order: str = "shuffled"
    seed: int | None = None
    dedupe: bool = True
    simulated: bool = False


ImportProgress: TypeAlias = Callable[[int, int | None], None]
"""Called with how many texts were taken so far, and how many there seem to be, where that is known."""


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
    progress: ImportProgress | None = None,
) -> Created:
    """Make a run from files or folders of emails.

    ``progress`` gets how many were taken so far, and of how many it seems, or None.

    Asking again for the same source and name changes nothing.

    Raises:
        UsageError: the source, a column, the name or the base URL is unusable, or the name belongs to a run of another
            source.
    """
    return create_series(settings, source_path, task, options, now=now, part_texts=sys.maxsize, progress=progress)[0]


def run_name(source: Path, name: str | None) -> str:
    """Return the name that a run of this source gets: the chosen one, or one that follows from the source."""
    return check_name(name) if name else name_from_source(source)


def create_series(
    settings: Settings,
    source_path: Path | Sequence[Path],
    task: Task,
    options: RunOptions,
    *,
    now: float,
    part_texts: int | None = None,
    progress: ImportProgress | None = None,
) -> list[Created]:
    """Make a run, or a series of runs where the source holds more texts than a part should.

    A Parquet source says how many it holds; of others they are counted only where ``part_texts`` is given, which is
    5,000,000 otherwise. The parts are made in one pass over the source, or in one for each 32 of them; a part that is
    there already is left alone.

    Raises:
        UsageError: as :func:`create_run`, or there would be too many parts.
    """
    from core.sources.registry import open_source  # noqa: PLC0415 - parsers take their time

    if options.order not in ("shuffled", "source"):
        raise UsageError(f"--order is shuffled or source, not {options.order!r}.")
    normalize_base_url(options.base_url)  # refuses what no worker could ask, and a secret in it
    paths = [source_path] if isinstance(source_path, Path) else list(source_path)
    name = run_name(paths[0], options.name)
    source = open_source(paths, options.source)
    count = _parts_of(source, part_texts)
    digest = digest_of(*source.files)
    names, digests = [name], [digest]
    if count > 1:
        names = [check_name(part_name(name, number)) for number in range(1, count + 1)]
        digests = [f"{digest} {number}/{count}" for number in range(1, count + 1)]
    made: dict[int, Created] = {}
    missing: list[int] = []
    for at, (each, own) in enumerate(zip(names, digests, strict=True)):
        path = run_path(settings, each)
        if path.exists():
            made[at] = _existing(path, paths[0], own, now)
        else:
            missing.append(at)
    seed = secrets.randbelow(2**31) if options.seed is None else options.seed
    recipe = _Recipe(source, paths, task, options, now, seed)
    while missing:
        some, missing = missing[:PARTS_AT_ONCE], missing[PARTS_AT_ONCE:]
        before = sum(each.taken for each in made.values())
        told = None if progress is None else (lambda taken, before=before: progress(before + taken, source.expected()))
        plans = [recipe.plan(run_path(settings, names[at]), digests[at], tells=at == 0) for at in some]
        made.update(zip(some, recipe.make(plans, count, some, told), strict=True))
    return [made[at] for at in range(count)]


def _parts_of(source: Source, part_texts: int | None) -> int:
    """Return how many parts a source becomes."""
    texts, most = source.rows, part_texts or PART_TEXTS
    if texts is None and part_texts is not None and part_texts < sys.maxsize:
        texts = sum(1 for _ in source.records())
    count = max(1, -(-(texts or 0) // most))
    if count > MOST_PARTS:
        raise UsageError(
            f"{texts:,} texts in parts of {most:,} are {count:,} parts; {MOST_PARTS} at most. Give a larger --part."
        )
    return count


@dataclass(frozen=True, slots=True)
class _Recipe:
    """Hold what the runs of one source are made of; ``seed`` is the one that was given, or drawn."""

    source: Source
    paths: Sequence[Path]
    task: Task
    options: RunOptions
    now: float
    seed: int

    def plan(self, path: Path, digest: str, *, tells: bool) -> Plan:
        """Return the plan of a run file; the first one of a series ``tells`` what was left out."""
        from core.sources.registry import STANDARD_INPUT  # noqa: PLC0415 - parsers take their time
        from core.storage.file.schema_version import FORMAT_VERSION  # noqa: PLC0415
        from core.storage.writing.intake import NewRun  # noqa: PLC0415

        options = self.options
        new = NewRun(
            name=path.stem,
            source=", ".join(
                "-" if one == STANDARD_INPUT else address_of(one) or str(one.expanduser().resolve())
                for one in self.paths[:20]
            ),
            source_digest=digest,
            created_at=self.now,
            order=options.order,
            seed=self.seed,
            dedupe=options.dedupe,
            base_url=options.base_url,
            simulated=options.simulated,
            reading=options.source.columns_named(),
        )

        def tell(store: Store, taken: int) -> None:
            described = f"{self.paths[0].name} ({self.source.describe()})"
            store.add_event("new", f"{counted(taken, self.task.item)} taken from {described}", now=self.now)
            for reason, number in self.source.skipped.by_reason.items() if tells else ():
                store.add_event("skipped", f"{counted(number, 'row')} not taken: {reason}", now=self.now)

        # The options, not the seed: one that was drawn is another one the next time.
        made_of = (new.source, digest, options, self.task, FORMAT_VERSION, self.source.describe())
        return Plan(path, new, tell, hashlib.sha256(repr(made_of).encode("utf-8", "replace")).hexdigest())

    def make(
        self, plans: Sequence[Plan], parts: int, some: Sequence[int], progress: Callable[[int], None] | None
    ) -> list[Created]:
        """Build the runs of these parts, which are numbered from 0, in one pass over the source."""
        source, places = self.source, {part: at for at, part in enumerate(some)}

        def which(email: SourceEmail) -> int | None:
            return places.get(part_of(email.raw, parts) - 1) if parts > 1 else 0

        def left_out() -> list[tuple[str, str, str]]:
            return [(row.place, row.reason, row.detail) for row in source.skipped.drain()] if some[0] == 0 else []

        built = build(plans, self.task, source, which=which, progress=progress, left_out=left_out)
        skipped = dict(source.skipped.by_reason)
        samples = tuple(f"{row.place}: {row.detail or row.reason}" for row in source.skipped.sample)
        return [
            Created(
                plan.path.stem,
                plan.path,
                each.taken,
                each.distinct,
                skipped,
                samples,
                source.describe(),
                existed=False,
                unparsed=each.unparsed,
            )
            for plan, each in zip(plans, built, strict=True)
        ]


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
