"""Offer everything that console, command line, notebooks and tests ask for, behind one class.

:class:`Engine` only delegates. Rooms that take long to import are imported by the method that needs them, so that the
first paint and ``--help`` wait for none of them. Names that callers need beside it (filters, requests, types of what is
returned) can be imported from here as well: screens and commands import nothing deeper of ``core``.

A method that changes something carries :func:`changes`; on an engine made with ``read_only=True`` it raises.
"""

from __future__ import annotations

import functools
import importlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, Self, TypeVar

from core.errors import UsageError
from core.model import KeyHistory, KeyStatus, ModelSettings, RunSummary, Snapshot, Task, WindowStatus
from core.runs import draft, requests
from core.runs.draft import Draft, differences, escaped, read_draft
from core.runs.requests import TEMPLATE, CopyRequest, NewRunRequest, TaskChoice
from core.settings import Settings, operator
from core.sources.source import SourceOptions
from core.storage.reading.filters import Filter, Term, parse
from core.storage.reading.ordering import KEYS, WORK_ORDER, Order, first_of

if TYPE_CHECKING:
    from core.commands.command import Command
    from core.commands.review import Review
    from core.exports.columns import shares
    from core.exports.registry import known_suffixes
    from core.llm.key_check import FoundAddress, KeyCheck
    from core.llm.packs import pack_messages, request_fields
    from core.llm.task import (
        allowed_answers,
        chosen_task,
        fixed_chars,
        load_task,
        messages,
        reask_messages,
        task_to_json,
    )
    from core.llm.templates import commented, fits_lines, label_lines, task_written, template, template_names
    from core.mail.cutting import split_history
    from core.mail.message import view_by
    from core.model import CommandRecord, PlacesWanted
    from core.notify.occasions import NO_KEY, STOPPED_BY, Occasion, noticed
    from core.notify.services import Delivery
    from core.notify.setup import NotifySetup
    from core.quality.audit import Audit, Quality
    from core.quality.student import NextGeneration, Suspicion
    from core.quota.forecast.lanes import LaneForecast, Mix, choose_mix
    from core.quota.forecast.plans import OWN_PLAN, Price, plan
    from core.quota.keys.keyfile import checked_alias, checked_organization, plausible_secret
    from core.quota.keys.store import KeyStore
    from core.runs.archive import Going
    from core.runs.dry_run import DryRunCost, RunningDryRun
    from core.runs.find import Created, ImportProgress, RunOptions
    from core.runs.later import Added
    from core.runs.listing import RunList
    from core.runs.plan import Planned, SourcePreview
    from core.runs.quality import Comparison, EdgeCases, GoldFile, Rule
    from core.runs.save import ExportOptions
    from core.runs.send import SentCommand
    from core.server_address import GROQ_ROOT, address_of, host_of, is_exposed, server_of
    from core.sources.decoding import codec_of
    from core.sources.preview import Counted, Folder, Looked
    from core.sources.registry import known_formats
    from core.storage.file.connection import sqlite_version
    from core.storage.reading.reader import RunReader
    from core.storage.reading.reviews import ReviewEmail
    from core.storage.reading.search import Found, Search
    from core.storage.reading.versions import OlderTexts
    from core.storage.writing.check import Checked
    from core.worker.supervisor import WorkerAhead

__all__ = [
    "FIRST_N", "GROQ_ROOT", "KEYS", "MOST_SAMPLED", "NO_KEY", "OWN_PLAN", "READ_ONLY", "SAMPLED", "STOPPED_BY",
    "TEMPLATE", "WORK_ORDER", "Checked", "Comparison", "CopyRequest", "Counted", "Created", "Delivery", "Draft",
    "DryRunCost", "EdgeCases", "Engine", "ExportOptions", "Filter", "Folder", "Found", "FoundAddress", "Going",
    "KeyCheck", "KeyPast", "KeyStore", "KeyView", "LaneForecast", "Looked", "Mix", "NewRunRequest", "NotifySetup",
    "Occasion", "OlderTexts", "Order", "Planned", "Price", "ReviewEmail", "Rule", "RunOptions", "RunReader",
    "RunningDryRun", "Search", "SentCommand", "SourceOptions", "SourcePreview", "TaskChoice", "Term", "address_of",
    "allowed_answers", "changes", "checked_alias", "checked_organization", "choose_mix", "chosen_task", "codec_of",
    "commented", "differences", "escaped", "first_of", "fits_lines", "fixed_chars", "host_of", "is_exposed",
    "known_formats", "known_suffixes", "label_lines", "load_task", "messages", "noticed", "pack_messages", "parse",
    "plan", "plausible_secret", "read_draft", "reask_messages", "request_fields", "server_of", "shares",
    "split_history", "sqlite_version", "task_to_json", "task_written", "template", "template_names", "view_by",
]  # fmt: skip

_LATE = {
    "core.runs.send": ("SentCommand",),
    "core.exports.columns": ("shares",),
    "core.exports.registry": ("known_suffixes",),
    "core.sources.decoding": ("codec_of",),
    "core.sources.registry": ("known_formats",),
    "core.llm.packs": ("pack_messages", "request_fields"),
    "core.llm.task": (
        "allowed_answers",
        "chosen_task",
        "fixed_chars",
        "load_task",
        "messages",
        "reask_messages",
        "task_to_json",
    ),
    "core.llm.templates": ("commented", "fits_lines", "label_lines", "task_written", "template", "template_names"),
    "core.mail.cutting": ("split_history",),
    "core.mail.message": ("view_by",),
    "core.notify.occasions": ("NO_KEY", "STOPPED_BY", "Occasion", "noticed"),
    "core.notify.setup": ("NotifySetup",),
    "core.quota.forecast.lanes": ("choose_mix",),
    "core.quota.forecast.plans": ("OWN_PLAN", "plan"),
    "core.quota.keys.keyfile": ("checked_alias", "checked_organization", "plausible_secret"),
    "core.runs.find": ("RunOptions",),
    "core.runs.save": ("ExportOptions",),
    "core.server_address": ("GROQ_ROOT", "address_of", "host_of", "is_exposed", "server_of"),
    "core.storage.file.connection": ("sqlite_version",),
}
"""Modules whose names can be imported from here, and are imported when that happens."""

FIRST_N = 10
"""Items that a run is tried on before it is started on all."""
SAMPLED = 10
"""Items that a draft is tried on where nobody says how many."""
MOST_SAMPLED = 200
"""The most; more is what an active version is for."""

READ_ONLY = "This console is read-only (--read-only, or served without --writable): it changes nothing."

P = ParamSpec("P")
R = TypeVar("R")

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Import a name of :data:`_LATE` when it is first asked for."""
        for module, names in _LATE.items():
            if name in names:
                return getattr(importlib.import_module(module), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def changes(method: Callable[Concatenate[Engine, P], R]) -> Callable[Concatenate[Engine, P], R]:
    """Mark a method that changes something, or spends quota: a read-only engine raises UsageError instead."""

    @functools.wraps(method)
    def guarded(self: Engine, /, *args: P.args, **kwargs: P.kwargs) -> R:
        self.check_writable()
        return method(self, *args, **kwargs)

    return guarded


@dataclass(frozen=True, slots=True)
class KeyPast:
    """Hold a key's history, the day by its count (UTC), and today's spending in US dollars, where prices are known."""

    history: KeyHistory
    today: str
    dollars: float


class KeyView:
    """Show the operator's keys and quotas. Belongs to the thread that opened it.

    It notices keys that are added or removed elsewhere. With ``elsewhere`` keys name which servers beside the usual
    one refuse them.
    """

    def __init__(self, store: KeyStore, *, elsewhere: bool = False) -> None:
        self._store = store
        self._elsewhere = elsewhere

    def statuses(self, model: str, now: float) -> tuple[KeyStatus, ...]:
        """Return each key with its state and counts for that model."""
        if self._store.changed():
            self._store.reload()
        return self._store.statuses(model, now, elsewhere=self._elsewhere)

    def windows(self, model: str, now: float) -> tuple[WindowStatus, ...]:
        """Return the windows of each organization's quota for that model."""
        return self._store.windows(model, now)

    def models(self, now: float) -> tuple[str, ...]:
        """Return the models that the keys were used with."""
        return self._store.models(now)

    def close(self) -> None:
        """Close quota.db."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Engine:
    """Offer all over the files that ``settings`` name. Every method may raise LabeltuiError with a sentence to show.

    Where keys are meant, ``run`` is the run that is open or None: the demo has keys of its own. What changes a key
    takes effect in every worker of the machine within a second.
    """

    def __init__(self, settings: Settings, *, read_only: bool = False) -> None:
        self.settings = settings
        self.read_only = read_only
        self._runs: RunList | None = None

    def check_writable(self) -> None:
        """Raise UsageError on a read-only engine."""
        if self.read_only:
            raise UsageError(READ_ONLY)

    def operator(self) -> str:
        """Return the name of the person at the keyboard, for the record."""
        return operator()

    def _for(self, run: Path | None) -> Settings:
        return self.settings.for_run(run) if run is not None else self.settings

    # -- runs: list, read, search -------------------------------------------------------------------------------------

    def runs(self, now: float) -> Sequence[RunSummary]:
        """Return every run, archived ones too, read again where its file changed."""
        if self._runs is None:
            from core.runs.listing import RunList  # noqa: PLC0415 - like all imports below: when it is needed

            self._runs = RunList(self.settings)
        return self._runs.read(now)

    def find(self, name: str, *, archived: bool = False) -> Path:
        """Return the run file that is meant by a name or a path; with ``archived`` the archive is looked through too.

        Raises:
            RunNotFoundError: there is none; says which names come near.
        """
        from core.runs import find  # noqa: PLC0415

        if archived and not any(path.stem == name for path in find.run_files(self.settings)):
            away = next((path for path in find.archived_files(self.settings) if path.stem == name), None)
            if away is not None:
                return away
        return find.find_run(self.settings, name)

    def find_archived(self, name: str) -> Path:
        """Return the archived run of that name; one in the list only where none is archived."""
        from core.runs import find  # noqa: PLC0415

        away = next((path for path in find.archived_files(self.settings) if path.stem == name), None)
        return away if away is not None else find.find_run(self.settings, name)

    def snapshot(self, path: Path) -> Snapshot:
        """Return the run as it is now."""
        with self.view(path) as reader:
            return reader.snapshot(time.time())

    def view(self, path: Path) -> RunReader:
        """Open a run file for reading; the reader belongs to the thread that opened it."""
        from core.storage.reading.reader import RunReader  # noqa: PLC0415

        return RunReader(path)

    def search(self, path: Path, stale: Callable[[], bool]) -> Search:
        """Open a search for emails; ``stale`` says that its answer is no longer wanted."""
        from core.storage.reading.search import Search  # noqa: PLC0415

        return Search(path, stale)

    # -- runs: make, copy, archive, delete ----------------------------------------------------------------------------

    def look_into(self, folder: Path) -> Folder:
        """Return what a folder holds that could be a source."""
        from core.sources.preview import look_into  # noqa: PLC0415

        return look_into(folder)

    def look_at(self, source: str, text_column: str, id_column: str) -> Looked:
        """Return a source's columns and first rows."""
        from core.sources.preview import look_at  # noqa: PLC0415

        return look_at(Path(source).expanduser(), SourceOptions(text_column or None, id_column or None))

    def count(self, source: str, text_column: str, id_column: str, wanted: Callable[[], bool]) -> Counted:
        """Count a source's items, as long as that is ``wanted``."""
        from core.sources.preview import count  # noqa: PLC0415

        return count(Path(source).expanduser(), SourceOptions(text_column or None, id_column or None), wanted=wanted)

    def task_choices(self, source: str) -> tuple[TaskChoice, ...]:
        """Return the tasks to choose from for a run of that source."""
        return requests.task_choices(self.settings, source)

    def task_file(self, path: str) -> TaskChoice:
        """Return the task in one file, or why there is none."""
        return requests.task_file(Path(path))

    @changes
    def write_task(self, task: Task, path: Path | None = None, *, replace: bool = False) -> Path:
        """Write a task file, in the folder of tasks where no path is given; returns its path."""
        from core.llm.templates import commented, free_path, write_task  # noqa: PLC0415

        target = path or free_path(requests.tasks_folder(self.settings), task.name)
        write_task(target, commented(task), replace_it=replace)
        return target

    def name_for(self, source: str) -> str:
        """Return a free name for a run of that source."""
        return requests.name_for(self.settings, source)

    def name_trouble(self, name: str) -> str:
        """Return why no run can be made under that name, or an empty text."""
        return requests.name_trouble(self.settings, name)

    def forecast(self, request: NewRunRequest) -> tuple[Planned, Task]:
        """Return what labeling the source takes, and the task; nothing is kept or sent."""
        return requests.forecast(self.settings, request)

    def price_of(self, model: str) -> Price | None:
        """Return the price of a model by the operator's table or the built-in one; None where neither has it."""
        from core.quota.forecast.plans import price_of  # noqa: PLC0415

        return price_of(model, self.settings.prices_path)

    def names_run(self, text: str) -> bool:
        """Say whether a text that may be a run or a source means a run."""
        from core.runs import find  # noqa: PLC0415

        source = Path(text)
        return source.suffix == find.SUFFIX or not source.exists() or find.run_path(self.settings, text).is_file()

    def plan_run(self, path: Path, *, plan_name: str | None, organizations: int | None) -> tuple[Planned, Task]:
        """Return what labeling the pending rest of a run takes, and its task."""
        from core.runs import plan  # noqa: PLC0415

        settings = self._for(path)
        with self.view(path) as reader:
            task, base_url = reader.task(), reader.base_url() or settings.base_url
            took_s, lane = reader.batches_took_s(), reader.lane()
        texts = plan.texts_of_run(path)
        planned = plan.plan_run(
            settings,
            task,
            texts,
            base_url=base_url,
            plan_name=plan_name,
            organizations=organizations,
            now=time.time(),
            batches_took_s=took_s,
            lane=lane,
        )
        return planned, task

    def plan_source(
        self,
        source: Path,
        task: Task,
        reading: SourceOptions,
        *,
        dedupe: bool,
        base_url: str | None,
        plan_name: str | None,
        organizations: int | None,
    ) -> Planned:
        """Return what labeling a source with that task takes; nothing is kept or sent."""
        from core.runs import plan  # noqa: PLC0415

        return plan.plan_run(
            self.settings,
            task,
            plan.texts_of_source(source, task, reading, dedupe=dedupe),
            base_url=base_url or self.settings.base_url,
            plan_name=plan_name,
            organizations=organizations,
            now=time.time(),
        )

    def preview_source(
        self, source: Path | Sequence[Path], task: Task, reading: SourceOptions, *, show: int
    ) -> SourcePreview:
        """Return what a source would give a run, after reading it whole; nothing is kept or sent."""
        from core.runs import plan  # noqa: PLC0415

        return plan.preview_source(source, task, reading, show=show)

    @changes
    def make(self, request: NewRunRequest, progress: ImportProgress) -> Path:
        """Make the run; ``progress`` is called with the number so far, and of how many, or None."""
        return requests.make(self.settings, request, progress)

    @changes
    def create(
        self,
        source: Path | Sequence[Path],
        task: Task,
        options: RunOptions,
        progress: ImportProgress | None = None,
        part_texts: int | None = None,
    ) -> list[Created]:
        """Make a run from a source, or a series of them, and return what was made.

        ``progress`` gets the number of items so far, and of how many, or None; ``part_texts`` is how many texts a
        part of a series holds.
        """
        from core.runs.find import create_series  # noqa: PLC0415

        return create_series(
            self.settings, source, task, options, now=time.time(), part_texts=part_texts, progress=progress
        )

    def _is_made(self, source: Path, name: str | None) -> bool:
        """Return whether :meth:`create` would find a run, or a series of them, of that name."""
        from core.runs import find  # noqa: PLC0415
        from core.storage.file.parts import parts_in  # noqa: PLC0415

        wanted, files = find.run_name(source, name), find.run_files(self.settings)
        return any(path.stem == wanted for path in files) or bool(parts_in(files, wanted))

    def series(self, name: str) -> list[Path]:
        """Return the parts of the series of that name, or the one run file that is meant.

        Raises:
            RunNotFoundError: there is none.
        """
        from core.runs import find  # noqa: PLC0415
        from core.storage.file.parts import parts_in  # noqa: PLC0415

        files = find.run_files(self.settings)
        if any(path.stem == name for path in files):
            return [self.find(name)]
        return parts_in(files, name) or [self.find(name)]

    def snapshot_of_all(self, name: str, parts: Sequence[Path]) -> Snapshot:
        """Return the snapshot of a run, or of a series as one."""
        from core.runs.series import merged  # noqa: PLC0415

        snapshots = [self.snapshot(path) for path in parts]
        return merged(name, snapshots) if len(snapshots) > 1 else snapshots[0]

    @changes
    def add(
        self,
        path: Path,
        source: Sequence[Path],
        reading: SourceOptions,
        progress: ImportProgress | None = None,
    ) -> Added:
        """Add what is new of a source to a run; ``progress`` gets the records read so far, and of how many, or None."""
        from core.runs.later import add_texts  # noqa: PLC0415

        return add_texts(path, source, reading, now=time.time(), progress=progress)

    def dry_run_of_adding(self, path: Path, source: Sequence[Path], reading: SourceOptions) -> Added:
        """Return what :meth:`add` would do, tried on a copy of the run file that is thrown away."""
        from core.runs.later import add_texts  # noqa: PLC0415
        from core.runs.send import scratch_copy  # noqa: PLC0415

        with scratch_copy(path) as copy:
            return add_texts(copy, source, reading, now=time.time())

    @changes
    def make_demo(self) -> Path:
        """Make the demo's run where it is missing, start its worker and return the run file."""
        from core.runs import demo, send  # noqa: PLC0415

        path, _ = demo.prepare(self.settings, demo.DEFAULT_EMAILS, now=time.time())
        send.start(path, self._for(path))
        return path

    @changes
    def prepare_demo(self, emails: int | None, *, fresh: bool) -> tuple[Path, bool]:
        """Make the demo's run, or find the last one (True); ``emails`` None is the usual number."""
        from core.runs import demo  # noqa: PLC0415

        return demo.prepare(self.settings, emails or demo.DEFAULT_EMAILS, fresh=fresh, now=time.time())

    def check_copy(self, request: CopyRequest) -> None:
        """Refuse at once what :meth:`copy_run` would refuse."""
        requests.check_copy(request)

    @changes
    def copy_run(self, request: CopyRequest, progress: Callable[[int], None]) -> Path:
        """Make a run from the emails of another, with nothing labeled."""
        return requests.make_copy(request, progress)

    @changes
    def archive(self, path: Path, *, back: bool) -> Path:
        """Move a run into the archive, or ``back``; returns where its file lies then."""
        from core.runs import archive  # noqa: PLC0415

        return archive.bring_back(path) if back else archive.archive(path)

    def dry_run_of_archiving(self, path: Path, *, back: bool) -> Path:
        """Return where :meth:`archive` would move the run; raises as it would."""
        from core.runs import archive  # noqa: PLC0415

        return archive.bring_back(path, dry_run=True) if back else archive.archive(path, dry_run=True)

    def what_goes(self, path: Path) -> Going:
        """Return the files that deleting the run would remove."""
        from core.runs import archive  # noqa: PLC0415

        return archive.what_goes(path)

    @changes
    def delete_run(self, path: Path, typed: str) -> None:
        """Delete a run for good; ``typed`` must be its name."""
        from core.runs import archive  # noqa: PLC0415

        archive.delete(path, typed)

    @changes
    def copy_emails(
        self, path: Path, name: str, *, task: Task | None, model: str | None, progress: Callable[[int], None] | None
    ) -> Created:
        """Make a run from the emails of another and return what was made; ``progress`` gets the number so far."""
        from core.runs.copy import copy_emails  # noqa: PLC0415

        return copy_emails(path, name, task=task, model=model, now=time.time(), progress=progress)

    def dry_run_of_copying(self, path: Path, name: str, *, task: Task | None, model: str | None) -> Created:
        """Return what :meth:`copy_emails` would make, tried in a folder that is thrown away."""
        from core.runs.copy import copy_emails  # noqa: PLC0415

        return copy_emails(path, name, task=task, model=model, now=time.time(), dry_run=True)

    # -- commands to a run and its worker -----------------------------------------------------------------------------

    @changes
    def work(self, path: Path, watch: Callable[[], None], places: PlacesWanted | None = None) -> int:
        """Work on the run in this process until it ends; returns the exit code. ``watch`` is called twice a second.

        With ``places`` those make the calls.
        """
        from core.worker.process import work  # noqa: PLC0415

        settings = self._for(path)
        if places is not None:
            from core.worker.places.bridge import check_places  # noqa: PLC0415

            check_places(places)
        if self.snapshot(path).run.simulated:
            from core.runs.demo import ensure_simulator  # noqa: PLC0415

            ensure_simulator(path, settings)
        return work(path, settings, watch=watch, places=places)

    @changes
    def send(self, path: Path, command: Command) -> SentCommand:
        """Send a command to the run's worker, or apply it at once where the run has none."""
        from core.runs import send  # noqa: PLC0415

        return send.send(path, command, self._for(path))

    def dry_run_of(self, path: Path, commands: Sequence[Command]) -> list[str]:
        """Return what commands to a run would change, tried on a copy of its file that is thrown away."""
        from core.runs import send  # noqa: PLC0415

        return send.dry_run(path, commands, self._for(path))

    @changes
    def start(
        self,
        path: Path,
        only: int | None = None,
        places: PlacesWanted | None = None,
        ahead: WorkerAhead | None = None,
    ) -> SentCommand:
        """Start a worker; one that is paused goes on. With ``only`` it pauses after so many different texts.

        With ``places`` those make the calls of a new worker. It is the process that was started ``ahead``, if any.
        """
        from core.runs import send  # noqa: PLC0415

        return send.start(path, self._for(path), only=only, places=places, ahead=ahead)

    @changes
    def worker_ahead(self) -> WorkerAhead:
        """Start a worker's process while its run is still being made, for :meth:`start`."""
        from core.worker.supervisor import WorkerAhead  # noqa: PLC0415

        return WorkerAhead(self.settings)

    def await_answer(self, path: Path, sent: SentCommand, *, timeout_s: float) -> CommandRecord | None:
        """Wait until the worker has answered a command; None where nobody did in time."""
        from core.runs import send  # noqa: PLC0415

        return send.await_answer(path, sent, timeout_s=timeout_s)

    def has_worker(self, path: Path) -> bool:
        """Say whether a process holds the run's lock; True where that cannot be known."""
        from core.storage.file.lock import is_locked  # noqa: PLC0415

        return is_locked(path) is not False

    @changes
    def kill(self, path: Path) -> SentCommand:
        """Kill a worker that does not react any more."""
        from core.runs import send  # noqa: PLC0415

        return send.kill(path)

    # -- quality: labels against people -------------------------------------------------------------------------------

    def audit(self, path: Path) -> Audit:
        """Return all that a run file says of labels and people."""
        from core.storage.reading.reviews import read_audit  # noqa: PLC0415

        return read_audit(path)

    def quality(self, path: Path) -> Quality:
        """Return the figures of a run: takes a tenth of a second for each label where counts changed."""
        from core.runs import quality  # noqa: PLC0415

        return quality.quality_of(path)

    def emails_of_alarm(self, path: Path, watch: str) -> list[int]:
        """Return the emails behind the open alarm of a watch."""
        from core.storage.reading.reviews import emails_of_alarm  # noqa: PLC0415

        return emails_of_alarm(path, watch)

    def window_price(self, path: Path, watch: str) -> Planned:
        """Return what re-labeling the window of an open alarm takes; no email where none stands."""
        from core.storage.reading.reviews import read_window  # noqa: PLC0415

        return self._price(path, *read_window(path, watch))

    def older_prices(self, path: Path) -> dict[str, tuple[OlderTexts, Planned]]:
        """Return what re-labeling takes of what older versions labeled: by label, and under "" of all of it."""
        with self.view(path) as reader:
            older = reader.older_texts()
        return {
            label: (texts, self._price(path, texts.emails, texts.texts, texts.mean_chars))
            for label, texts in older.items()
        }

    def _price(self, path: Path, emails: int, distinct: int, mean_chars: float) -> Planned:
        from core.runs import plan  # noqa: PLC0415

        settings = self._for(path)
        with self.view(path) as reader:
            task, base_url = reader.task(), reader.base_url() or settings.base_url
        return plan.plan_run(
            settings, replace(task, canaries=0), plan.Texts(emails, distinct, mean_chars), base_url=base_url,
            plan_name=None, organizations=None, now=time.time(),
        )  # fmt: skip

    def review_emails(self, path: Path, email_ids: Sequence[int]) -> tuple[ReviewEmail, ...]:
        """Return items as a review shows them."""
        from core.storage.reading.reviews import review_emails  # noqa: PLC0415

        return review_emails(path, email_ids)

    def export_batch(self, path: Path, file: Path, *, annotator: str, size: int) -> int:
        """Write the next due items of an annotator to a CSV file; returns how many."""
        from core.runs import quality  # noqa: PLC0415

        return quality.export_batch(path, file, annotator=annotator, size=size)

    def read_batch(self, path: Path, file: Path, *, annotator: str) -> tuple[Review | None, int]:
        """Return the command that records a batch's answers, and how many rows have none."""
        from core.runs import quality  # noqa: PLC0415

        return quality.read_batch(path, file, annotator=annotator)

    def read_gold(self, path: Path, file: Path, column: str | None) -> GoldFile:
        """Return what a file of labels from elsewhere holds for a run."""
        from core.runs import quality  # noqa: PLC0415

        return quality.read_gold(path, file, column=column)

    def compare(self, path: Path, other: Path | None) -> Comparison:
        """Compare two runs, or without another one the two versions of the task that labeled last."""
        from core.runs import quality  # noqa: PLC0415

        return quality.compare_versions(path) if other is None else quality.compare_runs(path, other)

    def next_generation(self, path: Path, quality: Quality) -> tuple[NextGeneration, tuple[Suspicion, ...]] | None:
        """Return what a student of the labels would do, and the labels that surprise it; None where there are few."""
        from core.runs.quality import next_generation_of  # noqa: PLC0415

        return next_generation_of(quality, path)

    def edge_cases(
        self, path: Path, quality: Quality, suspicions: Sequence[Suspicion], other: Path | None = None
    ) -> EdgeCases:
        """Return the items that are worth a look, by what casts doubt on them; ``other`` is a run to compare with."""
        from core.runs.quality import edge_cases  # noqa: PLC0415

        return edge_cases(path, quality, suspicions, other)

    def rule_behind_mistakes(self, path: Path, quality: Quality) -> Rule | None:
        """Return what the most frequent mistake of the model has in common; None where nothing checked differs."""
        from core.runs.quality import rule_behind_mistakes  # noqa: PLC0415

        return rule_behind_mistakes(quality, path)

    def write_report(self, path: Path, file: Path, *, examples: bool) -> None:
        """Write the quality report as HTML or JSON."""
        from core.runs import quality  # noqa: PLC0415

        quality.write_report(path, file, examples=examples)

    # -- the task of a run --------------------------------------------------------------------------------------------

    def draft_path(self, path: Path) -> Path:
        """Return where the draft of the run's task lies."""
        return draft.draft_path(path)

    def draft(self, path: Path) -> Draft | None:
        """Return the draft beside the run, or None."""
        return draft.load_draft(path)

    @changes
    def save_draft(self, path: Path, text: str) -> Draft:
        """Write the draft and return what it says."""
        return draft.save_draft(path, text)

    @changes
    def discard_draft(self, path: Path) -> None:
        """Remove the draft."""
        draft.discard_draft(path)

    def text_of(self, task: Task) -> str:
        """Return the task as a text to edit."""
        return draft.text_of(task)

    def toml_of(self, task: Task) -> str:
        """Return the task as a task file."""
        from core.llm.task import task_to_toml  # noqa: PLC0415

        return task_to_toml(task)

    def dry_run_cost(self, path: Path, task: Task, count: int) -> DryRunCost:
        """Return what trying a task on so many emails takes."""
        from core.runs import dry_run  # noqa: PLC0415

        return dry_run.cost(path, self._for(path), task, count)

    @changes
    def dry_run(self, path: Path, task: Task, count: int) -> RunningDryRun:
        """Begin to try a task on so many emails; no label is given or changed, but calls are made."""
        from core.runs import dry_run  # noqa: PLC0415

        return dry_run.RunningDryRun(path, self._for(path), task, count)

    # -- keys ---------------------------------------------------------------------------------------------------------

    def keys(self, run: Path | None) -> KeyView:
        """Open the keys for reading: as the run meets them, or as they are at the usual server."""
        if run is None:
            return KeyView(self._store(None), elsewhere=True)
        return KeyView(self._store(run, self._model_and_server(run)[1]))

    def key_store(self, run: Path | None, base_url: str | None = None) -> KeyStore:
        """Open the keys for reading and changing: as the run meets them, or those of one server, or the usual one's."""
        return self._store(None, base_url) if run is None else self._store(run, self._model_and_server(run)[1])

    def tell_workers_of_keys(self) -> int:
        """Signal every worker to read the keys now; returns how many were signaled."""
        from core.commands.catalog import LookAtKeys  # noqa: PLC0415
        from core.runs.find import run_files  # noqa: PLC0415
        from core.storage.file.lock import is_locked  # noqa: PLC0415

        return sum(not self.send(path, LookAtKeys()).at_once for path in run_files(self.settings) if is_locked(path))

    def key_past(self, run: Path | None, alias: str) -> KeyPast:
        """Return a key's history with today's spending."""
        from core.quota.db.history import day_of  # noqa: PLC0415
        from core.quota.forecast.plans import price_of  # noqa: PLC0415

        with self._store(run) as store:
            history = store.history(alias)
        today, dollars = day_of(time.time()), 0.0
        for spent in history.spent:
            price = price_of(spent.model, self.settings.prices_path) if spent.day == today else None
            if price is not None:
                dollars += price.of(spent.prompt_tokens, 0, spent.completion_tokens)
        return KeyPast(history, today, dollars)

    @changes
    def add_key(
        self,
        run: Path | None,
        secret: str,
        alias: str | None,
        organization: str | None,
        *,
        keyring: bool = False,
        server: str = "",
    ) -> str:
        """Add a key of a server (by default the run's) and return its alias.

        With ``keyring`` its secret goes there, except the demo's.
        """
        settings, server = self._for(run), server or self._model_and_server(run)[1] or ""
        keyring = keyring and settings.use_environment_keys
        with self._store(run, server) as store:
            return store.add(secret, alias=alias, organization=organization, keyring=keyring, server=server)

    @changes
    def remove_key(self, run: Path | None, alias: str) -> None:
        """Forget a key."""
        with self._store(run) as store:
            store.remove(alias)

    @changes
    def set_enabled(self, run: Path | None, alias: str, *, enabled: bool) -> None:
        """Enable or disable a key."""
        with self._store(run) as store:
            store.set_enabled(alias, enabled=enabled)

    @changes
    def pin_key(self, run: Path | None, alias: str | None) -> None:
        """Ask with that key first; None for no key."""
        with self._store(run) as store:
            store.pin(alias)

    @changes
    def regroup_key(self, run: Path | None, alias: str, organization: str) -> None:
        """State which organization a key belongs to."""
        with self._store(run) as store:
            store.set_organization(alias, organization)

    @changes
    def clear_bench(self, run: Path | None, organization: str) -> tuple[str, ...]:
        """Let an organization that waits ask again at once; returns what was cleared."""
        model, base_url = self._model_and_server(run)
        with self._store(run, base_url) as store:
            return store.clear_bench(organization, model)

    @changes
    def try_secret(self, run: Path | None, secret: str, base_url: str = "", *, model: str | None = None) -> KeyCheck:
        """Ask one tiny question with a secret, of the run's model and server where no others are named."""
        from core.llm.key_check import check_key  # noqa: PLC0415

        usual_model, usual_server = self._model_and_server(run)
        return check_key(secret, model or usual_model, base_url or usual_server)

    def keys_of(self, base_url: str) -> tuple[KeyStatus, ...]:
        """Return the keys of the server at that address; a server of this machine has one that says it needs none."""
        with self._store(None, base_url) as store:
            return store.statuses(ModelSettings().model, time.time())

    @changes
    def find_address(self, base_url: str, model: str) -> FoundAddress | None:
        """Return where the server at that address answers, asked by one tiny question, with a key of it if any.

        None for a known server, whose address is not in doubt.
        """
        from core.llm.key_check import find_address  # noqa: PLC0415
        from core.quota.keys.store import NO_KEY as NEEDS_NONE  # noqa: PLC0415
        from core.server_address import preset_of  # noqa: PLC0415

        known = preset_of(base_url)
        if known is not None and known.base_url:
            return None
        with self._store(None, base_url) as store:
            secrets = [each.value for each in store.secrets() if each.value != NEEDS_NONE]
        return find_address(base_url, secrets[0] if secrets else "", model)

    def address_for_new(
        self, source: Path, name: str | None, base_url: str | None, model: str
    ) -> tuple[str | None, FoundAddress | None]:
        """Return as :meth:`address_for` does, but ask no server where :meth:`create` would find the run made."""
        return (base_url, None) if self._is_made(source, name) else self.address_for(base_url, model)

    def address_for(self, base_url: str | None, model: str) -> tuple[str | None, FoundAddress | None]:
        """Return the address that a new run keeps, and where the server answers, if that was looked for.

        The server is that of ``base_url``, else that of ``GROQ_BASE_URL``; a run keeps the latter only where another
        address of it is the one that answers.
        """
        asked = base_url or self.settings.base_url
        found = self.find_address(asked, model) if asked else None
        if found is None or (not base_url and found.base_url == asked):
            return base_url or None, found
        return found.base_url, found

    @changes
    def try_key(self, run: Path | None, alias: str) -> KeyCheck:
        """Ask one tiny question with a key."""
        server = self._model_and_server(run)[1]
        with self._store(run, server) as store:
            secret, here = store.secret(alias), store.server
        return self.try_secret(run, secret.value, (server or "") if secret.belongs_to(here) else secret.server)

    def _store(self, run: Path | None, base_url: str | None = None) -> KeyStore:
        """Open the key store; ``base_url`` matters where limits, benches or refused keys of one server are meant."""
        from core.quota.keys.store import KeyStore  # noqa: PLC0415

        return KeyStore.from_settings(self._for(run), base_url)

    def _model_and_server(self, run: Path | None) -> tuple[str, str | None]:
        """Return the model that is asked, and where: the run's, or what settings and defaults say."""
        settings = self._for(run)
        if run is None:
            return ModelSettings().model, settings.base_url
        with self.view(run) as reader:
            return reader.task().model.model, reader.base_url() or settings.base_url

    # -- files and notifications --------------------------------------------------------------------------------------

    def save(self, path: Path, email_ids: Sequence[int] | None, target: Path) -> int:
        """Write these emails, or all, to a new file; returns how many."""
        from core.runs.save import save_emails  # noqa: PLC0415

        return save_emails(path, email_ids, target)

    def export(
        self,
        path: Path | Sequence[Path],
        target: Path,
        options: ExportOptions | None = None,
        *,
        progress: Callable[[int, int], None] | None = None,
    ) -> int:
        """Write a run's labels in the layout that is named or that the file's suffix means; returns the rows.

        ``progress`` gets the rows read so far, and how many of them have a label.
        """
        from core.runs import save  # noqa: PLC0415

        return save.export_run(path, target, options or save.ExportOptions(), progress=progress)

    def dry_run_of_export(
        self, path: Path | Sequence[Path], target: Path, options: ExportOptions
    ) -> tuple[int, tuple[str, ...]]:
        """Return how many rows :meth:`export` would write, and their columns."""
        from core.runs import save  # noqa: PLC0415

        return save.dry_run(path, target, options)

    def damage(self, path: Path) -> str:
        """Return a sentence on damaged pages of a run file; "" where there are none, or the file is large."""
        from core.storage.file.shape import damage_of  # noqa: PLC0415

        return damage_of(path)

    def check(self, path: Path) -> Checked:
        """Recount a run file and look for damage."""
        from core.storage.writing.check import check_run  # noqa: PLC0415

        return check_run(path)

    @changes
    def repair(self, path: Path) -> int:
        """Write totals and cursor as the rows give them; returns how many numbers were wrong."""
        from core.storage.file.lock import RunLock  # noqa: PLC0415
        from core.storage.writing.store import Store  # noqa: PLC0415

        with RunLock(path) as lock, Store.open(path, lock) as store:
            return store.put_right(now=time.time())

    def backup(self, path: Path, target: Path) -> int:
        """Write a consistent copy of a run, also while its worker writes; returns its size in bytes."""
        from core.storage.file.backup import copy_run  # noqa: PLC0415

        return copy_run(path, target)

    def deliver(self, occasion: Occasion) -> Delivery:
        """Send a notification through every service that is set up."""
        from core.notify.services import deliver  # noqa: PLC0415

        return deliver(self.notify_setup().urls, occasion)

    def notify_setup(self) -> NotifySetup:
        """Return the operator's notification settings."""
        from core.notify.setup import read_setup  # noqa: PLC0415

        return read_setup(self.settings.notify_path)
