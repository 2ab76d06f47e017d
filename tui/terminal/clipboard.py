"""Copy to the terminal's clipboard (OSC 52, which gives no confirmation) and to a file beside the run.

A browser reports when it does not copy, and may run on another machine: no file is written then. Copied text is inert,
because it may be pasted into a shell or shown in a terminal, and no spreadsheet runs a cell or a line of it; the run
file holds the text as it came.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import count
from pathlib import Path

from core.model import EmailRecord, EmailRow
from core.text import guarded, guarded_lines, one_line

MOST_COPIED = 74_000
"""Bytes that terminals accept from OSC 52 (xterm: 100,000 of base64); more is written to the file only."""


def rows_as_text(rows: Iterable[EmailRow]) -> str:
    """Return one line for each row, with tabs between the fields and no other control character in them."""
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
    return "".join("\t".join(guarded(one_line(cell)) for cell in each) + "\n" for each in lines)


def record_as_text(record: EmailRecord, *, raw: bool) -> str:
    """Return the message and every answer, a line that a spreadsheet would run as a formula behind an apostrophe."""
    parts = [record.raw if raw else record.text]
    parts += [
        f"-- attempt {attempt.n}, {attempt.key_alias}, {attempt.outcome.value}\n"
        + (attempt.raw_answer or attempt.error or "")
        for attempt in record.attempts
    ]
    return guarded_lines("\n\n".join(parts)) + "\n"


def free_name(run: Path, what: str = "emails") -> Path:
    """Return the path of a CSV file beside the run that does not exist yet."""
    for n in count(1):
        path = run.with_name(f"{run.stem}-{what}{'' if n == 1 else f'-{n}'}.csv")
        if not path.exists():
            return path
    raise AssertionError("unreachable: counting does not end")


def beside(run: Path) -> Path:
    """Return the path of the file for what was copied last."""
    return run.with_name(f"{run.stem}.copied.txt" if run.suffix == ".db" else f"{run.name}~copied.txt")


def write_beside(run: Path, text: str) -> Path:
    """Write a text to ``NAME.copied.txt``, readable by its owner only, and return the path. Raises OSError."""
    path = beside(run)
    flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC
    with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8", errors="replace") as file:
        file.write(text)
    return path
