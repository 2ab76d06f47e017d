"""Tasks to choose from for a new run: the built-in one, task files found, those of other runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import LabeltuiError
from core.model import Task
from core.settings import Settings

MOST = 40
"""Files of one folder, and runs, whose tasks are looked at."""

_LOOKS_LIKE_A_TASK = re.compile(rb"^\s*(rubric\s*=|\[\[\s*labels\s*\]\])", re.MULTILINE)
_LOOKED_AT_BYTES = 100_000


@dataclass(frozen=True, slots=True)
class TaskChoice:
    """A task and where it is from: the built-in one has neither ``path`` nor ``run``. Without a task, ``trouble``."""

    name: str
    where: str
    path: str = ""
    run: str = ""
    task: Task | None = None
    trouble: str = ""


def task_choices(settings: Settings, source: str) -> tuple[TaskChoice, ...]:
    """The built-in task, files beside the source and in the folder of tasks, and the tasks of runs, each once."""
    from core.llm.task import builtin_task  # noqa: PLC0415 - for making runs only

    built_in = builtin_task()
    beside = Path(source).expanduser().parent
    found = [TaskChoice(built_in.name, "built in", task=built_in)]
    for folder in dict.fromkeys((beside, tasks_folder(settings))):
        found += [task_file(path) for path in _task_files(folder)]
    found += _of_runs(settings, {choice.task.version for choice in found if choice.task is not None})
    return tuple(found)


def tasks_folder(settings: Settings) -> Path:
    """Where task files of the operator lie."""
    return settings.config_path.parent / "tasks"


def task_file(path: Path) -> TaskChoice:
    """The task in one file, or why there is none."""
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
                is_meant = _LOOKS_LIKE_A_TASK.search(file.read(_LOOKED_AT_BYTES)) is not None
        except OSError:
            continue
        if is_meant:
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
