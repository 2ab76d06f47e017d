"""What the registry of sources knows of one format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.sources.reading import Source


@dataclass(frozen=True, slots=True)
class Format:
    """One format of emails.

    ``words`` describes it to people, with the suffixes that it goes by. ``claims(path, beginning)`` says whether a
    path is of this format; ``beginning`` are a file's first bytes, or None for a folder. ``open(path, text_column,
    id_column)`` returns its Source or raises SourceError.
    """

    words: str
    claims: Callable[[Path, bytes | None], bool]
    open: Callable[[Path, str | None, str | None], Source]
