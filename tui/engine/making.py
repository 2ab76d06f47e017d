"""Runs made from the console: what a source would give and take, looked at before anything is kept or sent."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.errors import UsageError
from core.model import Task
from core.settings import Settings

TRIED = 10
"""Emails on which a run is tried before it is let loose on all."""


@dataclass(frozen=True, slots=True)
class CopyRequest:
    """A copy of the run at ``path``, as it was typed in: empty texts mean what the run has."""

    path: str
    name: str
    task: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class NewRunRequest:
    """What was typed in. Empty texts mean the default.

    ``task`` is the path of a TOML file, ``task_of`` that of a run whose task is meant.
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


def forecast(settings: Settings, command: NewRunRequest) -> tuple[str, ...]:
    """Read the source once and say, in lines, what labeling it would take. Nothing is kept or sent.

    Raises:
        UsageError: the source, the task file or the model's name is unusable.
    """
    from core.runs import plan as planning  # noqa: PLC0415 - for making runs only, like all below
    from tui.commands.plan import plan_lines  # noqa: PLC0415

    task = _task(command)
    texts = planning.texts_of_source(
        Path(command.source).expanduser(),
        task,
        text_column=command.text_column or None,
        id_column=command.id_column or None,
        dedupe=command.dedupe,
    )
    planned = planning.plan_run(
        settings,
        task,
        texts,
        base_url=command.base_url or settings.base_url,
        plan_name=None,
        organizations=None,
        now=time.time(),
    )
    return tuple(plan_lines(planned, task))


def name_for(settings: Settings, source: str) -> str:
    """A name for a run of that source which no run has yet."""
    from core.runs import find as runs  # noqa: PLC0415

    name = runs.name_from_source(Path(source))
    tried = (name if n == 1 else f"{name[:58]}-{n}" for n in range(1, 10_000))
    return next((free for free in tried if not runs.run_path(settings, free).exists()), name)


def name_trouble(settings: Settings, name: str) -> str:
    """Why no run can be made under that name, or an empty text."""
    from core.runs import find as runs  # noqa: PLC0415

    try:
        path = runs.run_path(settings, runs.check_name(name))
    except UsageError as error:
        return str(error)
    return f"There is a run {name} already: choose another name." if path.exists() else ""


def make(settings: Settings, command: NewRunRequest, progress: Callable[[int], None] | None = None) -> Path:
    """Make the run, or find the one that was made of the same source under that name before.

    ``progress`` hears how many emails were taken so far.

    Raises:
        UsageError: as for ``labeltui new``.
    """
    from core.runs import find as runs  # noqa: PLC0415

    options = runs.RunOptions(
        name=command.name or None,
        text_column=command.text_column or None,
        id_column=command.id_column or None,
        base_url=command.base_url or None,
        order=command.order,
        dedupe=command.dedupe,
    )
    source = Path(command.source).expanduser()
    return runs.create_run(settings, source, _task(command), options, now=time.time(), progress=progress).path


def check_copy(command: CopyRequest) -> None:
    """Refuse at once what :func:`copy_run` would refuse.

    Raises:
        UsageError: the name is unusable or taken.
        TaskError: the task file or the model's name is unusable.
    """
    from core.runs.copy import place_for  # noqa: PLC0415

    place_for(Path(command.path), command.name)
    _task(NewRunRequest("", task=command.task, model=command.model))


def copy_run(command: CopyRequest, progress: Callable[[int], None]) -> Path:
    """Make the copy; ``progress`` hears how many emails it has so far. Raises as :func:`check_copy` does."""
    from core.runs.copy import copy_emails  # noqa: PLC0415

    task = _task(NewRunRequest("", task=command.task)) if command.task else None
    return copy_emails(
        Path(command.path), command.name, task=task, model=command.model or None, now=time.time(), progress=progress
    ).path


def make_demo(settings: Settings) -> Path:
    """The demo's run, made where it is missing, with its worker started."""
    from core.commands import send as commands  # noqa: PLC0415
    from core.runs import demo  # noqa: PLC0415

    path, _ = demo.prepare(settings, demo.DEFAULT_EMAILS, now=time.time())
    commands.start(path, settings.for_run(path))
    return path


def _task(command: NewRunRequest) -> Task:
    from core.llm.task import chosen_task, versioned, with_model  # noqa: PLC0415

    if command.task_of:
        from core.storage.reading.reader import RunReader  # noqa: PLC0415

        with RunReader(Path(command.task_of)) as reader:
            task = versioned(reader.task())
        return with_model(task, command.model) if command.model else task
    return chosen_task(Path(command.task).expanduser() if command.task else None, command.model)
