"""What a process wrote to its disk, in order, as strace recorded it; and what a power loss at any moment may have left of it.

What was written before a file's last sync is on the disk. Of what came later any part may be there: none, all, some
writes without those before them, a write torn between sectors.
"""

from __future__ import annotations

import random
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SECTOR = 512
_LINE = re.compile(
    r"^\d+ +(\w+)\((?:(\d+)<([^>]*)>)?(?:, )?(?:\"((?:\\x[0-9a-f]{2})*)\")?(?:, )?([\d, ]*)\) += (-?\d+)"
)


@dataclass(frozen=True, slots=True)
class Op:
    """One system call: ``write``, ``truncate`` (``at`` is the new size), ``unlink`` or ``sync``, on a file by its name."""

    what: str
    file: str
    at: int = 0
    data: bytes = b""


def traced(command: Sequence[str], log: Path, folder: Path) -> list[Op]:
    """Run a Python module under strace; what it did to files in ``folder``."""
    calls = "trace=pwrite64,write,fsync,fdatasync,ftruncate,unlink"
    subprocess.run(
        ["strace", "-f", "-y", "-xx", "-s", "70000", "-e", calls, "-o", str(log), sys.executable, *command], check=True
    )
    return [op for line in log.read_text().splitlines() if (op := _op(line, folder)) is not None]


def _op(line: str, folder: Path) -> Op | None:
    found = _LINE.match(line)
    if found is None or int(found[6]) < 0:
        return None
    call, path_of_descriptor, text, numbers = found[1], _bytes(found[3]), _bytes(found[4]), found[5]
    path = Path((text if call == "unlink" else path_of_descriptor).decode("utf-8", "replace"))
    if path.parent != folder or path.name.endswith("-shm"):
        return None
    values = [int(number) for number in numbers.split(",") if number.strip()]
    if call == "pwrite64":
        return Op("write", path.name, values[-1], text)
    if call == "write":
        return Op("write", path.name, -1, text)
    if call == "ftruncate":
        return Op("truncate", path.name, values[-1])
    return Op("unlink" if call == "unlink" else "sync", path.name)


def _bytes(escaped: str | None) -> bytes:
    return bytes.fromhex((escaped or "").replace("\\x", ""))


def images(ops: Sequence[Op], first: dict[str, bytes], rng: random.Random) -> Iterator[tuple[int, dict[str, bytes]]]:
    """For each moment, several states that a power loss may have left: (operations done, files by name)."""
    for done in range(len(ops) + 1):
        for keep in ("none", "all", "some", "torn"):
            yield done, _after(ops[:done], first, rng, keep)


def _after(ops: Sequence[Op], first: dict[str, bytes], rng: random.Random, keep: str) -> dict[str, bytes]:
    synced: dict[str, int] = {}
    for index, op in enumerate(ops):
        if op.what == "sync":
            synced[op.file] = index
    files = {name: bytearray(content) for name, content in first.items()}
    for index, op in enumerate(ops):
        lasting = index < synced.get(op.file, -1)
        if op.what == "sync" or not (lasting or keep == "all" or (keep != "none" and rng.random() < 0.5)):
            continue
        torn = keep == "torn" and not lasting and rng.random() < 0.5
        _apply(op, files, rng.randrange(0, len(op.data) + 1, SECTOR) if torn and op.data else len(op.data))
    return {name: bytes(content) for name, content in files.items()}


def _apply(op: Op, files: dict[str, bytearray], length: int) -> None:
    if op.what == "unlink":
        files.pop(op.file, None)
        return
    content = files.setdefault(op.file, bytearray())
    if op.what == "truncate":
        del content[op.at :]
        content.extend(bytes(op.at - len(content)))
        return
    at = len(content) if op.at < 0 else op.at
    content.extend(bytes(max(0, at - len(content))))
    content[at : at + length] = op.data[:length]
