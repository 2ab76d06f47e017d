"""What a run keeps of a message under its task: the text that is sent, and what a person should know of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from core.mail.injection import orders_in
from core.mail.message import view_of
from core.model import Task, View


def viewer(task: Task) -> Callable[[str], View]:
    """Makes the view that the task asks for out of a raw message, marked where it holds orders to a model."""

    def made(raw: str) -> View:
        view = view_of(raw, fields=task.fields, truncate_at=task.truncate_at)
        return replace(view, flags=" ".join(orders_in(view.text)))

    return made
