"""Make runs from what a person typed in: check a name, choose a task, plan, create, copy.

Nothing here is imported before it is needed: a console that only looks at runs brings no parser.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import LabeltuiError, UsageError
from core.model import Task
from core.settings import Settings
from core.sources.source import SourceOptions

if TYPE_CHECKING:
    from core.runs.find import ImportProgress
    from core.runs.plan import Planned

MOST = 40
"""Files of one folder, and runs, whose tasks are offered."""

_LOOKS_LIKE_A_TASK = re.compile(rb"^\s*(rubric\s*=|\[\[\s*labels\s*\]\])", re.MULTILINE)
_BYTES_READ = 100_000
_LONGEST_STEM = 58
"""Characters of a name that leave room for ``-9999`` within the 64 that a name may have."""


@dataclass(frozen=True, slots=True)
class CopyRequest:
    """Hold a copy of the run at ``path``, as it was typed in: empty texts mean what the run has."""

    path: str
    name: str
    task: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class NewRunRequest:
    """Hold what was typed in. Empty texts mean the default.

    ``task`` is the path of a TOML file, ``task_of`` that of a run whose task is meant; ``pack`` is how many texts share
    a call, None for what the task says.
    """

    source: str
    name: str = ""
    task: str = ""
    model: str = ""
    order: str = "shuffled"
    text_column: str = ""
    id_column: str = ""
    base_url: str = ""
    dedupe: bool = True
    task_of: str = ""
    pack: int | None = None


TEMPLATE = "a template"
"""Where a task is from that a person is meant to write their own from."""


@dataclass(frozen=True, slots=True)
class TaskChoice:
    """Hold a task and its origin: the built-in one has neither ``path`` nor ``run``. Without a task, ``trouble``."""

    name: str
    where: str
    path: str = ""
    run: str = ""
    task: Task | None = None
    trouble: str = ""


def forecast(settings: Settings, request: NewRunRequest) -> tuple[Planned, Task]:
    """Read the source once and return what labeling it takes. Nothing is kept or sent.

    Raises:
        UsageError: the source, the task file or the model's name is unusable.
    """
    from core.runs import plan  # noqa: PLC0415

    task = _task(request)
    texts = plan.texts_of_source(
        Path(request.source).expanduser(),
        task,
        SourceOptions(request.text_column or None, request.id_column or None),
        dedupe=request.dedupe,
    )
    planned = plan.plan_run(
        settings,
        task,
        texts,
        base_url=request.base_url or settings.base_url,
        plan_name=None,
        organizations=None,
        now=time.time(),
    )
    return planned, task


def name_for(settings: Settings, source: str) -> str:
    """Return a name for a run of that source which no run has yet."""
    from core.runs import find  # noqa: PLC0415

    name = find.name_from_source(Path(source))
    names = (name if n == 1 else f"{name[:_LONGEST_STEM]}-{n}" for n in range(1, 10_000))
    return next((free for free in names if not find.run_path(settings, free).exists()), name)


def name_trouble(settings: Settings, name: str) -> str:
    """Return why no run can be made under that name, or an empty text."""
    from core.runs import find  # noqa: PLC0415

    try:
        path = find.run_path(settings, find.check_name(name))
    except UsageError as error:
        return str(error)
    return f"There is a run {name} already: choose another name." if path.exists() else ""


def make(settings: Settings, request: NewRunRequest, progress: ImportProgress | None = None) -> Path:
    """Make the run, or find the one that was made of the same source under that name before.

    ``progress`` is called with the number of items imported so far, and how many it seems there are.

    Raises:
        UsageError: as for ``labeltui new``.
    """
    from core.runs import find  # noqa: PLC0415

    options = find.RunOptions(
        name=request.name or None,
        source=SourceOptions(request.text_column or None, request.id_column or None),
        base_url=request.base_url or None,
        order=request.order,
        dedupe=request.dedupe,
    )
    source = Path(request.source).expanduser()
    return find.create_run(settings, source, _task(request), options, now=time.time(), progress=progress).path


def check_copy(request: CopyRequest) -> None:
    """Refuse at once what :func:`make_copy` would refuse.

    Raises:
        UsageError: the name is unusable or taken.
        TaskError: the task file or the model's name is unusable.
    """
    from core.runs.copy import place_for  # noqa: PLC0415

    place_for(Path(request.path), request.name)
    _task(NewRunRequest("", task=request.task, model=request.model))


def make_copy(request: CopyRequest, progress: Callable[[int], None]) -> Path:
    """Make the copy; ``progress`` is called with the number of items so far. Raises as :func:`check_copy` does."""
    from core.runs.copy import copy_emails  # noqa: PLC0415

    task = _task(NewRunRequest("", task=request.task)) if request.task else None
    return copy_emails(
        Path(request.path), request.name, task=task, model=request.model or None, now=time.time(), progress=progress
    ).path


def task_choices(settings: Settings, source: str) -> tuple[TaskChoice, ...]:
    """Return the built-in task, files beside the source and in the folder of tasks, tasks of runs, and templates.

    Each task comes once.
    """
    from core.llm.task import builtin_task, load_task  # noqa: PLC0415
    from core.llm.templates import template_names, template_path  # noqa: PLC0415

    built_in = builtin_task()
    beside = Path(source).expanduser().parent
    found = [TaskChoice(built_in.name, "built in", task=built_in)]
    for folder in dict.fromkeys((beside, tasks_folder(settings))):
        found += [task_file(path) for path in _task_files(folder)]
    found += _of_runs(settings, {choice.task.version for choice in found if choice.task is not None})
    for name in template_names():
        path = template_path(name)
        found.append(TaskChoice(name, TEMPLATE, path=str(path), task=load_task(path)))
    return tuple(found)


def tasks_folder(settings: Settings) -> Path:
    """Return the folder in which tasks that were written here lie."""
    return settings.config_path.parent / "tasks"


def task_file(path: Path) -> TaskChoice:
    """Return the task in one file, or why there is none."""
    from core.llm.task import load_task  # noqa: PLC0415

    try:
        task = load_task(path.expanduser())
    except LabeltuiError as error:
        return TaskChoice(path.name, str(path.parent), path=str(path), trouble=str(error))
    return TaskChoice(task.name, str(path), path=str(path), task=task)


def _task_files(folder: Path) -> Iterator[Path]:
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".toml")[:MOST]
    except OSError:
        return
    for path in paths:
        if path.name.startswith(".") or not path.name.isprintable():
            continue
        try:
            with path.open("rb") as file:
                is_task = _LOOKS_LIKE_A_TASK.search(file.read(_BYTES_READ)) is not None
        except OSError:
            continue
        if is_task:
            yield path


def _of_runs(settings: Settings, known: set[str]) -> Iterator[TaskChoice]:
    from core.llm.task import versioned  # noqa: PLC0415
    from core.runs.find import run_files  # noqa: PLC0415
    from core.storage.reading.reader import RunReader  # noqa: PLC0415

    for path in run_files(settings)[:MOST]:
        try:
            with RunReader(path) as reader:
                task = versioned(reader.task())
        except Exception:  # noqa: BLE001, S112 - a run that cannot be read offers no task; the list of runs says why
            continue
        if task.version not in known:
            known.add(task.version)
            yield TaskChoice(task.name, f"of the run {path.stem}", run=str(path), task=task)


def _task(request: NewRunRequest) -> Task:
    from core.llm.task import chosen_task, versioned, with_model  # noqa: PLC0415

    if request.task_of:
        from core.storage.reading.reader import RunReader  # noqa: PLC0415

        with RunReader(Path(request.task_of)) as reader:
            task = versioned(reader.task())
        task = with_model(task, request.model) if request.model else task
        return task if request.pack is None else versioned(replace(task, pack=request.pack))
    return chosen_task(Path(request.task).expanduser() if request.task else None, request.model, request.pack)
