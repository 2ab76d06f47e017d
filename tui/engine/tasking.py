"""What the console asks of the engine about the task: the draft beside the run, a new version, asking again.

A draft is a text that a person is working on. It lies beside the run, so that it outlives the console, and nothing of
it is in force before it is asked for. It is kept as it was left, whether it can be used or not.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Protocol

from core.errors import TaskError, UsageError
from core.model import DryRunResult, Task
from core.settings import Settings
from core.text import inert
from tui.actions.read_only import refuse

if TYPE_CHECKING:
    from core.commands.dry_run import DryRunCost
    from tui.engine.key_engine import CommandResult


TRIED = 10
"""Emails that a draft is tried on where nobody says how many."""
MOST_TRIED = 200
"""The most; more is what a version in force is for."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft's text and what it says: the task, or why it is none."""

    text: str
    task: Task | None = None
    error: str = ""


class Trial(Protocol):
    """A trial that goes on: its results as they come, and its end."""

    def results(self) -> Iterator[DryRunResult]: ...
    def cancel(self) -> None: ...


class TaskDesk(Protocol):
    """What can be done to a run's task. Every method may raise LabeltuiError with a sentence to show."""

    def draft(self, path: Path) -> Draft | None: ...
    def keep(self, path: Path, text: str) -> Draft: ...
    def discard(self, path: Path) -> None: ...
    def draft_path(self, path: Path) -> Path: ...
    def text_of(self, task: Task) -> str: ...
    def put_in_force(self, path: Path, task: Task) -> CommandResult: ...
    def ask_again(self, path: Path, label: str | None, email_ids: Sequence[int] | None) -> CommandResult: ...
    def price(self, path: Path, task: Task, count: int) -> DryRunCost: ...
    def dry_run(self, path: Path, task: Task, count: int) -> Trial: ...


class EngineDesk:
    """The real one."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def draft_path(self, path: Path) -> Path:
        """Where the draft of a run's task lies."""
        return path.with_name(path.stem + ".task-draft.toml")

    def draft(self, path: Path) -> Draft | None:
        """The draft beside the run, or None."""
        try:
            text = self.draft_path(path).read_text("utf-8", "replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UsageError(f"{self.draft_path(path)} cannot be read: {error.strerror}.") from error
        return read_draft(text)

    def keep(self, path: Path, text: str) -> Draft:
        """Keep the text as the draft, private to its owner, and say what it is."""
        target = self.draft_path(path)
        part = target.with_name(f".{target.name}.part")
        try:
            with os.fdopen(os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                file.write(text)
            part.replace(target)
        except OSError as error:
            raise UsageError(f"{target} cannot be written: {error.strerror}. The draft was not kept.") from error
        return read_draft(text)

    def discard(self, path: Path) -> None:
        """Forget the draft."""
        with suppress(FileNotFoundError):
            self.draft_path(path).unlink()

    def text_of(self, task: Task) -> str:
        """The task as a text to edit; what a terminal could handle or hide is written as an escape."""
        from core.llm.task import task_to_toml  # noqa: PLC0415 - not before somebody edits

        return escaped(task_to_toml(task))

    def put_in_force(self, path: Path, task: Task) -> CommandResult:
        """Let that version take effect."""
        from core.commands import send as commands  # noqa: PLC0415

        return commands.set_task(path, task)

    def ask_again(self, path: Path, label: str | None, email_ids: Sequence[int] | None) -> CommandResult:
        """Put emails back in line that an older version labeled."""
        from core.commands import send as commands  # noqa: PLC0415

        return commands.ask_again(path, label=label, email_ids=email_ids)

    def price(self, path: Path, task: Task, count: int) -> DryRunCost:
        """What trying a task on so many emails takes."""
        from core.commands import dry_run as dry_runs  # noqa: PLC0415

        return dry_runs.cost(path, self.settings.for_run(path), task, count)

    def dry_run(self, path: Path, task: Task, count: int) -> Trial:
        """Begin to try a task on so many emails."""
        from core.commands import dry_run as dry_runs  # noqa: PLC0415

        return dry_runs.RunningDryRun(path, self.settings.for_run(path), task, count)


class LookingDesk(EngineDesk):
    """The one of a read-only console: it reads, and refuses the rest."""

    def keep(self, path: Path, text: str) -> NoReturn:  # noqa: ARG002 - the arguments are those of what is refused
        refuse()

    def discard(self, path: Path) -> NoReturn:  # noqa: ARG002
        refuse()

    def put_in_force(self, path: Path, task: Task) -> NoReturn:  # noqa: ARG002
        refuse()

    def ask_again(self, path: Path, label: str | None, email_ids: Sequence[int] | None) -> NoReturn:  # noqa: ARG002
        refuse()

    def dry_run(self, path: Path, task: Task, count: int) -> NoReturn:  # noqa: ARG002
        refuse()


def read_draft(text: str) -> Draft:
    """What a text says as a task."""
    from core.llm.task import task_from_toml  # noqa: PLC0415 - not before there is a draft

    try:
        return Draft(text, task_from_toml(text, "the draft"))
    except TaskError as error:
        return Draft(text, error=str(error))


def escaped(text: str) -> str:
    """The same TOML with each character that a terminal could handle or hide written as its escape."""
    if text.isascii() and all(sign.isprintable() or sign in "\n\t" for sign in text):
        return text
    return "".join(sign if inert(sign) == sign else _escape(sign) for sign in text)


def _escape(sign: str) -> str:
    code = ord(sign)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def differences(before: Task, after: Task) -> tuple[str, ...]:
    """What of a task is another, in words, the weightiest first."""
    parts = (
        ("labels", before.labels != after.labels),
        ("rubric", before.rubric != after.rubric),
        ("model", before.model.model != after.model.model),
        ("what is sent", (before.fields, before.truncate_at) != (after.fields, after.truncate_at)),
        ("settings", _settings(before) != _settings(after)),
        ("name", (before.name, before.item) != (after.name, after.item)),
    )
    return tuple(name for name, other in parts if other)


def _settings(task: Task) -> tuple[object, ...]:
    model = task.model
    return (
        task.max_reasks,
        model.temperature,
        model.max_completion_tokens,
        model.reasoning_effort,
        model.include_reasoning,
        model.timeout_s,
    )
