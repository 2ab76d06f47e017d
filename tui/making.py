"""Runs made from the console: what a source would give and take, looked at before anything is kept or sent."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from core.model import Task
from core.settings import Settings

SHOWN = 4
"""Emails of a source that are shown before a run is made of it."""


TRIED = 10
"""Emails on which a run is tried before it is let loose on all."""


@dataclass(frozen=True, slots=True)
class CopyWish:
    """A copy of the run at ``path``, as it was typed in: empty texts mean what the run has."""

    path: str
    name: str
    task: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class NewRunWish:
    """What was typed in. Empty texts mean the default; ``task`` is the path of a TOML file."""

    source: str
    name: str = ""
    task: str = ""
    model: str = ""
    order: str = "shuffled"


@dataclass(frozen=True, slots=True)
class Preview:
    """A source as labeltui reads it: its columns, its first emails as (id, sender, subject), and the forecast's lines.

    None of it is inert yet.
    """

    described: str
    rows: tuple[tuple[str, str, str], ...]
    forecast: tuple[str, ...]


def preview(settings: Settings, wish: NewRunWish) -> Preview:
    """Read the source once and say what it holds and what labeling it would take. Nothing is kept.

    Raises:
        UsageError: the source, the task file or the model's name is unusable.
    """
    from core import planning  # noqa: PLC0415 - for making runs only, like all below
    from core.formats.message import view_of  # noqa: PLC0415
    from core.formats.sources import open_source  # noqa: PLC0415
    from tui.plan_command import plan_lines  # noqa: PLC0415

    path = Path(wish.source).expanduser()
    task = _task(wish)
    source = open_source(path)
    rows = []
    for email in islice(source, SHOWN):
        view = view_of(email.raw, fields=task.fields, truncate_at=task.truncate_at)
        rows.append((email.source_id, view.sender, view.subject or view.text[:80]))
    texts = planning.texts_of_source(path, task, text_column=None, id_column=None, dedupe=True)
    planned = planning.plan_run(
        settings,
        task,
        texts,
        base_url=settings.base_url,
        plan_name=None,
        organizations=None,
        now=time.time(),
    )
    return Preview(source.describe(), tuple(rows), tuple(plan_lines(planned, task)))


def make(settings: Settings, wish: NewRunWish) -> Path:
    """Make the run, or find the one that was made of the same source under that name before.

    Raises:
        UsageError: as for ``labeltui new``.
    """
    from core import runs  # noqa: PLC0415

    options = runs.RunOptions(name=wish.name or None, order=wish.order)
    return runs.create_run(settings, Path(wish.source).expanduser(), _task(wish), options, now=time.time()).path


def check_copy(wish: CopyWish) -> None:
    """Refuse at once what :func:`copy_run` would refuse.

    Raises:
        UsageError: the name is unusable or taken.
        TaskError: the task file or the model's name is unusable.
    """
    from core.copies import place_for  # noqa: PLC0415

    place_for(Path(wish.path), wish.name)
    _task(NewRunWish("", task=wish.task, model=wish.model))


def copy_run(wish: CopyWish, progress: Callable[[int], None]) -> Path:
    """Make the copy; ``progress`` hears how many emails it has so far. Raises as :func:`check_copy` does."""
    from core.copies import copy_emails  # noqa: PLC0415

    task = _task(NewRunWish("", task=wish.task)) if wish.task else None
    return copy_emails(
        Path(wish.path), wish.name, task=task, model=wish.model or None, now=time.time(), progress=progress
    ).path


def make_demo(settings: Settings) -> Path:
    """The demo's run, made where it is missing, with its worker started."""
    from core import demo, wishes  # noqa: PLC0415

    path, _ = demo.prepare(settings, demo.DEFAULT_EMAILS, now=time.time())
    wishes.start(path, settings.for_run(path))
    return path


def _task(wish: NewRunWish) -> Task:
    from core.llm.task import chosen_task  # noqa: PLC0415

    return chosen_task(Path(wish.task).expanduser() if wish.task else None, wish.model)
