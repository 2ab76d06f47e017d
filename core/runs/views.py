"""Make what a run keeps of a message under its task: the text that is sent, and flags for a person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from core.llm.task import fences
from core.mail.injection import orders_in
from core.mail.message import view_by
from core.model import Task, View


def viewer(task: Task) -> Callable[[str], View]:
    """Return a function that makes the task's view of a raw message, marked where it holds orders."""
    between = () if task.item == "email" else fences(task.item)  # those of emails are among the wordings

    def made(raw: str) -> View:
        view = view_by(task, raw)
        flags = orders_in(view.text, between)
        return replace(view, flags=" ".join((*flags, view.flags)).strip()) if flags else view

    return made
