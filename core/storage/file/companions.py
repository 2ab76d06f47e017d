"""Name every file that belongs to a run: its own, SQLite's, lock, control file, log, index, draft, older copies."""

from __future__ import annotations

import re
from pathlib import Path

_SQLITE = r"(-wal|-shm|-journal)?"


def belongings(run_path: Path) -> tuple[Path, ...]:
    """The files of that run which are there, by name."""
    stem, name = re.escape(run_path.stem), re.escape(run_path.name)
    belongs = re.compile(
        rf"{name}{_SQLITE}|{stem}(\.lock|\.log(\.\d+)?|\.copied\.txt|\.task-draft\.toml"
        rf"|\.(control|search|before-format-\d+(\.\d+)?)\.db{_SQLITE})"
    )
    return tuple(sorted(path for path in run_path.parent.iterdir() if belongs.fullmatch(path.name) and path.is_file()))


def logs_of(run_path: Path) -> tuple[Path, ...]:
    """What SQLite keeps beside the run file itself."""
    return tuple(run_path.with_name(run_path.name + ending) for ending in ("-wal", "-shm", "-journal"))
