"""Offer templates of tasks, labels as lines of text, and task files with comments."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import tomli_w

from core.errors import TaskError
from core.files import write_whole
from core.llm.taskfile import load_task, task_from_toml, task_to_toml, versioned
from core.model import LabelMeaning, Task

_FOLDER = Path(__file__).with_name("templates")
_LABEL = re.compile(r"(?P<value>.+?)(?:\s+=\s+(?P<name>[^:]+?))?(?::(?:\s+(?P<meaning>.*))?)?")
_ABOUT = (
    (("name", "item"), "`item` is what one text is called, in the singular: prompt, screens and reports use it."),
    (("rubric",), "How a label is to be chosen: a paragraph a label, then what to do where the line is not plain."),
    (("labels",), "`value` is what the model answers, exactly; `name` and `meaning` explain it."),
    (
        (),
        "What is sent. `fields` are parts of an email; other texts are sent whole, up to `truncate_at` characters.",
    ),
    (("model",), 'How the model is asked. A setting whose value is "omit" is not sent to the server.'),
)
"""Groups of a task file's keys with the comment above them; the group without keys takes all that are in no other."""


def template_names() -> tuple[str, ...]:
    """Return the names of the templates, by the alphabet."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


def template_path(name: str) -> Path:
    """Return the file of a template. Raises TaskError for an unknown name."""
    if name not in template_names():
        raise TaskError(f"There is no template {name!r}. Choose from {', '.join(template_names())}.")
    return _FOLDER / f"{name}.toml"


def template(name: str, *, item: str = "", labels: Sequence[str] = ()) -> Task:
    """Return the task of a template, with another noun and other labels (lines as in :func:`labels_of`) where given.

    Raises:
        TaskError: there is no such template, or the noun or the labels are unusable.
    """
    task = load_task(template_path(name))
    task = replace(task, item=item or task.item, labels=labels_of("\n".join(labels)) if labels else task.labels)
    return task_from_toml(task_to_toml(task), "the task")


def label_lines(task: Task) -> str:
    """Return the labels as lines ``value = name: meaning``, with the parts that say something."""
    return "\n".join(
        label.value
        + (f" = {label.name}" if label.name != label.value else "")
        + (f": {' '.join(label.meaning.split())}" if label.meaning else "")
        for label in task.labels
    )


def labels_of(lines: str) -> tuple[LabelMeaning, ...]:
    """Return the labels in lines ``value``, ``value: meaning``, ``value = name`` or ``value = name: meaning``."""
    found = (_LABEL.fullmatch(line.strip()) for line in lines.splitlines() if line.strip())
    return tuple(
        LabelMeaning(
            label["value"].strip(), (label["name"] or label["value"]).strip(), (label["meaning"] or "").strip()
        )
        for label in found
        if label is not None
    )


def fits_lines(task: Task) -> bool:
    """Return whether the labels are the same after they were written as lines and read again."""
    return labels_of(label_lines(task)) == tuple(
        replace(label, meaning=" ".join(label.meaning.split())) for label in task.labels
    )


def task_written(before: Task, *, item: str, labels: str, rubric: str) -> Task:
    """Return a task with another noun, labels (as lines) and rubric. Raises TaskError, which says what is wrong."""
    task = replace(before, item=item.strip() or "text", labels=labels_of(labels), rubric=rubric)
    return task_from_toml(task_to_toml(versioned(task)), "the task")


def commented(task: Task) -> str:
    """Return the task as a TOML file with a comment above each group of keys; it reads back to an equal task."""
    table = tomllib.loads(task_to_toml(task))
    grouped = {key for keys, _ in _ABOUT for key in keys}
    parts = ["# A task of labeltui. `labeltui task check FILE` reads it, `labeltui new SOURCE --task FILE` uses it.\n"]
    last: list[str] = []
    for keys, about in _ABOUT:
        group = {key: value for key, value in table.items() if (key in keys if keys else key not in grouped)}
        text = f"# {about}\n{tomli_w.dumps(group, multiline_strings=True)}"
        # Tables come last: a key behind one would belong to it.
        (last if keys in (("labels",), ("model",)) else parts).append(text)
    return "\n".join([*parts, *last])


def write_task(path: Path, text: str, *, replace_it: bool = False) -> None:
    """Write a task file whole. Raises TaskError where one is there that is not to be replaced."""
    if path.exists() and not replace_it:
        raise TaskError(f"{path} exists. Choose another name, or delete the file if it is no longer wanted.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)
    except OSError as error:
        raise TaskError(f"{path} cannot be written: {error.strerror or error}. Choose another folder.") from None


def free_path(folder: Path, name: str) -> Path:
    """Return a path in a folder for a task of that name at which no file lies."""
    stem = "-".join(re.findall(r"\w+", name.lower()))[:60] or "task"
    names = (stem if n == 1 else f"{stem}-{n}" for n in range(1, 10_000))
    return next(path for each in names if not (path := folder / f"{each}.toml").exists())
