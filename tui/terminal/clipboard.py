"""Copying: the clipboard of the terminal (OSC 52, which may fail without a word), and a file that is always there.

A browser says when it does not copy, and may be at another machine than the run: there is no file then.

What is copied is inert like what is shown: it may be pasted into a shell, and the file may be shown in a terminal. The
text as it came is what an export and the run file hold.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from core.model import EmailRecord, EmailRow
from core.text import inert, one_line

if TYPE_CHECKING:
    from tui.screens.base_screen import BaseScreen

MOST_COPIED = 74_000
"""Bytes that terminals take from OSC 52 with certainty; more goes into the file alone."""


def copy(front: BaseScreen, what: str, text: str) -> None:
    """Copy it, write it beside the run, and say where it is."""
    app = front.console_app
    path = app.run_path
    if path is None:
        return
    text = inert(text)
    if app.page.there:
        app.copy_to_clipboard(text)
        app.say(f"{what}: handed to the browser to copy.")
        return
    small = len(text.encode("utf-8", "replace")) <= MOST_COPIED
    if small:
        app.copy_to_clipboard(text)
    how = "copied, if the terminal lets it, and" if small else "too long for a terminal's clipboard, but"
    app.job(lambda: write_beside(path, text), f"{what}: {how} written to {beside(path)}")


def rows_as_text(rows: Iterable[EmailRow]) -> str:
    """One line for each email, with tabs between the fields and no other control character left in them."""
    head = ("source_id", "state", "label", "by", "failure", "from", "subject")
    lines = [head] + [
        (
            row.source_id,
            row.state.value,
            row.label or "",
            row.label_source or "",
            row.failure or "",
            row.sender,
            row.subject,
        )
        for row in rows
    ]
    return "".join("\t".join(one_line(cell) for cell in each) + "\n" for each in lines)


def record_as_text(record: EmailRecord, *, raw: bool) -> str:
    """The email, and every answer as it came."""
    parts = [record.raw if raw else record.text]
    parts += [
        f"-- attempt {attempt.n}, {attempt.key_alias}, {attempt.outcome.value}\n"
        + (attempt.raw_answer or attempt.error or "")
        for attempt in record.attempts
    ]
    return "\n\n".join(parts) + "\n"


def free_name(run: Path) -> Path:
    """A name beside the run for emails that are saved, which no file has yet."""
    for n in count(1):
        path = run.with_name(f"{run.stem}-emails{'' if n == 1 else f'-{n}'}.csv")
        if not path.exists():
            return path
    raise AssertionError("unreachable: counting does not end")


def beside(run: Path) -> Path:
    """The file for what was copied last."""
    return run.with_name(run.stem + ".copied.txt")


def write_beside(run: Path, text: str) -> Path:
    """Write it to ``NAME.copied.txt``, private to its owner, and return the path. Raises OSError."""
    path = beside(run)
    flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC
    with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8", errors="replace") as file:
        file.write(text)
    return path
