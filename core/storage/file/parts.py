"""Name the run files of a series, ``name.001.db``, ``name.002.db`` …, and say to which of them a text belongs."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

_PART = re.compile(r"(.+)\.(\d{3})")


def part_name(name: str, number: int) -> str:
    """Return the name of a part; parts are numbered from 1."""
    return f"{name}.{number:03d}"


def part_of(raw: str, parts: int) -> int:
    """Return the number of the part that a text belongs to."""
    digest = hashlib.blake2b(raw.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % parts + 1


def parts_in(files: Sequence[Path], name: str) -> list[Path]:
    """Return the parts of the series of that name among run files, in their order; none where it is no series."""
    found = [(match, path) for path in files if (match := _PART.fullmatch(path.stem)) is not None and match[1] == name]
    return [path for _, path in sorted(found, key=lambda each: each[0][2])]


def later_parts(path: Path) -> list[Path]:
    """Return the parts of its series that come after a run file; none where it belongs to none."""
    match = _PART.fullmatch(path.stem)
    if match is None:
        return []
    parts = parts_in(sorted(path.parent.glob("*.db")), match[1])
    return parts[parts.index(path) + 1 :] if path in parts else []
