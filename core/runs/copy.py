"""Make a new run from the emails of another: the same messages in the same order, nothing labeled.

It is made from the run file alone. Where the source went, or changed, does not matter; a worker may go on meanwhile,
for nobody ever changes a run's emails.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import UsageError
from core.model import Task
from core.runs.build import Plan, build
from core.runs.find import Created, check_name, is_archived
from core.storage.reading.reader import RunReader
from core.text import counted

if TYPE_CHECKING:
    from core.storage.writing.store import Store


def copy_emails(
    path: Path,
    name: str,
    *,
    task: Task | None,
    model: str | None,
    now: float,
    progress: Callable[[int], None] | None = None,
    dry_run: bool = False,
) -> Created:
    """Make the run ``name`` from the emails of the run at ``path``, beside it; with its task where none is given.

    A dry run makes it in a folder that is removed again.

    Raises:
        UsageError: the name is unusable or taken.
        TaskError: the model's name is unusable.
        RunFileError: the run cannot be read.
    """
    from core.llm.task import versioned, with_model  # noqa: PLC0415 - for making runs only
    from core.storage.writing.intake import NewRun  # noqa: PLC0415

    target = place_for(path, name)
    with contextlib.ExitStack() as stack:
        reader = stack.enter_context(RunReader(path))
        made = target
        if dry_run:
            made = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="labeltui-dry-run-"))) / target.name
        run = reader.snapshot(now).run
        asked = versioned(task or run.task)
        if model:
            asked = with_model(asked, model)
        new = NewRun(
            name=name,
            source=run.source,
            source_digest=reader.source_digest(),
            created_at=now,
            order=run.order,
            seed=run.seed,
            dedupe=run.dedupe,
            base_url=run.base_url,
            simulated=run.simulated,
            reading=reader.reading(),
        )

        def tell(store: Store, taken: int) -> None:
            store.add_event("new", f"{counted(taken, asked.item)} taken from the run {path.stem}", now=now)

        (built,) = build([Plan(made, new, tell)], asked, reader.messages(), progress=progress)
    return Created(name, target, built.taken, built.distinct, {}, (), f"the run {path.stem}", existed=False)


def place_for(path: Path, name: str) -> Path:
    """Return where a copy of the run at ``path`` goes: beside it, never into the archive.

    Raises:
        UsageError: the name is unusable or taken.
    """
    folder = path.parent.parent if is_archived(path) else path.parent
    target = folder / f"{check_name(name)}{path.suffix}"
    if target.exists():
        raise UsageError(f"There is a run {name} already. Choose another name; nothing was copied.")
    return target
