"""Keep the draft of a run's task: a text that a person edits, in a file beside the run until it is activated.

The file outlives the console. It is kept as it was left, whether it is a valid task or not.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from core.errors import TaskError, UsageError
from core.files import write_whole
from core.model import Task
from core.storage.file.lock import companion
from core.text import inert


@dataclass(frozen=True, slots=True)
class Draft:
    """Hold a draft's text and the task that it says, or why it is none."""

    text: str
    task: Task | None = None
    error: str = ""


def draft_path(path: Path) -> Path:
    """Return where the draft of that run's task lies."""
    return companion(path, ".task-draft.toml")


def load_draft(path: Path) -> Draft | None:
    """Return the draft beside the run, or None."""
    source = draft_path(path)
    try:
        text = source.read_text("utf-8", "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"{source} cannot be read: {error.strerror}.") from error
    return read_draft(text)


def save_draft(path: Path, text: str) -> Draft:
    """Write the text as the run's draft, readable by its owner alone, and return what it says."""
    target = draft_path(path)
    try:
        write_whole(target, text)
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}. The draft was not saved.") from error
    return read_draft(text)


def discard_draft(path: Path) -> None:
    """Remove the draft, if there is one."""
    with suppress(FileNotFoundError):
        draft_path(path).unlink()


def read_draft(text: str) -> Draft:
    """Return what a text says as a task."""
    from core.llm.task import task_from_toml  # noqa: PLC0415 - not before there is a draft

    try:
        return Draft(text, task_from_toml(text, "the draft"))
    except TaskError as error:
        return Draft(text, error=str(error))


def text_of(task: Task) -> str:
    """Return the task as a text to edit."""
    from core.llm.task import task_to_toml  # noqa: PLC0415 - not before somebody edits

    return escaped(task_to_toml(task))


def escaped(text: str) -> str:
    """Return the same TOML with each character that a terminal could act on or hide written as its escape."""
    if text.isascii() and all(sign.isprintable() or sign in "\n\t" for sign in text):
        return text
    return "".join(sign if inert(sign) == sign else _escape(sign) for sign in text)


def _escape(sign: str) -> str:
    code = ord(sign)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def differences(before: Task, after: Task) -> tuple[str, ...]:
    """Return which parts of a task differ, in words, the most important first."""
    parts = (
        ("labels", before.labels != after.labels),
        ("rubric", before.rubric != after.rubric),
        ("item", before.item != after.item),
        ("model", before.model.model != after.model.model),
        ("what is sent", before.sends_otherwise(after)),
        ("packs", before.pack != after.pack),
        ("settings", _settings(before) != _settings(after)),
        ("name", before.name != after.name),
    )
    return tuple(name for name, other in parts if other)


def _settings(task: Task) -> tuple[object, ...]:
    return task.max_reasks, task.judge, task.canaries, replace(task.model, model="")
