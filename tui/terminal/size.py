"""The size of a terminal, also while it changes."""

from __future__ import annotations

import os
import shutil


def size_of(descriptor: int) -> tuple[int, int]:
    """Columns and rows of the terminal behind it; of what is no terminal, those that its surroundings tell.

    COLUMNS and LINES, where something exported them, come second: they stay as they were when the terminal changes.
    """
    try:
        columns, rows = os.get_terminal_size(descriptor)
    except OSError:
        columns = rows = 0
    return (columns, rows) if columns and rows else shutil.get_terminal_size()
