"""Completing a path while it is typed."""

from __future__ import annotations

from pathlib import Path

from textual.suggester import Suggester

LOOKED_AT = 500
"""Entries of a folder that completion looks at."""


class PathSuggester(Suggester):
    """Completes the path of a file or folder; the right arrow takes what is suggested."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        return complete_path(value)


def complete_path(typed: str) -> str | None:
    """The typed path with the name of the first entry that it begins, folders with a slash; None where none fits."""
    head, slash, begun = typed.rpartition("/")
    try:
        folder = Path(head + slash or ".").expanduser()
        names = sorted(name for _, name in zip(range(LOOKED_AT), (e.name for e in folder.iterdir()), strict=False))
        found = next((n for n in names if begun and n.startswith(begun) and n.isprintable()), None)
        if found is None:
            return None
        return head + slash + found + ("/" if (folder / found).is_dir() else "")
    except (OSError, ValueError, RuntimeError):
        return None
