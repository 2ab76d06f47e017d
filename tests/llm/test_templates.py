"""Templates of tasks, labels as lines, and task files with comments."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.errors import TaskError
from core.llm.task import builtin_task, task_from_toml
from core.llm.templates import commented, fits_lines, label_lines, labels_of, task_written, template, template_names
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
