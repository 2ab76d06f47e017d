"""Templates of tasks, labels as lines, and task files with comments."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import TaskError
from core.llm.task import builtin_task, task_from_toml
from core.llm.templates import (
    commented,
    fits_lines,
    free_path,
    label_lines,
    labels_of,
    task_written,
    template,
    template_names,
    write_task,
)
from core.model import LabelMeaning, Task


@pytest.mark.parametrize("name", ["", *template_names()])
def test_a_task_survives_the_file_with_comments_and_the_lines_of_its_labels(name: str) -> None:
    """Each template, and the built-in task."""
    task = template(name) if name else builtin_task()
    assert task_from_toml(commented(task), "x") == task
    assert fits_lines(task)
    assert task_written(task, item=task.item, labels=label_lines(task), rubric=task.rubric) == task


@pytest.mark.parametrize(
    ("line", "label"),
    [
        ("spam", LabelMeaning("spam", "spam")),
        ("  1 = work: at the office: all of it ", LabelMeaning("1", "work", "at the office: all of it")),
        ("spam: unasked", LabelMeaning("spam", "spam", "unasked")),
        ("0 = not work", LabelMeaning("0", "not work")),
        ("a=b", LabelMeaning("a=b", "a=b")),
        ("ratio 1:2", LabelMeaning("ratio 1:2", "ratio 1:2")),
    ],
)
def test_a_line_says_value_name_and_meaning(line: str, label: LabelMeaning) -> None:
    """Name and meaning may be left out; signs within a word belong to it."""
    assert labels_of(f"{line}\n\n") == (label,)


def test_labels_that_no_line_can_say_are_known() -> None:
    """So that they are never read back as something else."""
    labels = (LabelMeaning("a: b", "a: b"), LabelMeaning("c", "c"))
    assert not fits_lines(Task("t", labels, "r"))
    assert not fits_lines(replace(builtin_task(), labels=(LabelMeaning("x", "y: z"), LabelMeaning("c", "c"))))


def test_an_unknown_template_is_refused_with_those_that_there_are() -> None:
    """By name."""
    with pytest.raises(TaskError, match="binary, intent, sentiment, spam, topics"):
        template("mood")


def test_a_task_is_written_where_no_file_lies(tmp_path: Path) -> None:
    """Under its name in words, with a number behind it from the second on; a file that is there is replaced only if asked."""
    assert [_written(tmp_path, "Is it urgent? (v2)") for _ in range(3)] == [
        "is-it-urgent-v2",
        "is-it-urgent-v2-2",
        "is-it-urgent-v2-3",
    ]
    assert _written(tmp_path, "?!") == "task"
    assert free_path(tmp_path, "x" * 70).stem == "x" * 60
    path = tmp_path / "task.toml"
    with pytest.raises(TaskError, match=r"exists\. Choose another name"):
        write_task(path, "b")
    write_task(path, "c", replace_it=True)
    assert path.read_text("utf-8") == "c"
    write_task(tmp_path / "new" / "folder" / "task.toml", "d")
    assert (tmp_path / "new" / "folder" / "task.toml").read_text("utf-8") == "d"
    (tmp_path / "file").write_text("")
    with pytest.raises(TaskError, match=r"task.toml cannot be written: .*[a-z]\. Choose another folder"):
        write_task(tmp_path / "file" / "task.toml", "d")


def _written(folder: Path, name: str) -> str:
    path = free_path(folder, name)
    write_task(path, "a")
    return path.stem
