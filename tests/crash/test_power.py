"""A power loss keeps every acknowledged answer: replayed on what the process wrote, and on damaged logs."""

from __future__ import annotations

import platform
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from core.storage.file.lock import RunLock
from core.storage.writing.check import check_run
from core.storage.writing.store import Store
from tests.conftest import NOW, MakeRun
from tests.programs.crash.harness import scratch
from tests.programs.crash.writelog import images, traced
from tests.storage.test_store import kept_totals, labeled, recount

COUNT = 30


def prefix(path: Path) -> int:
    """How many answers a run file holds, which must be the first ones, whole; -1 where it is not a run any more."""
    found = check_run(path)
    assert found.findings == ()
    with closing(sqlite3.connect(path)) as db:
        asked = [row[0] for row in db.execute("SELECT email_id FROM attempt ORDER BY id").fetchall()]
        labels = [row[0] for row in db.execute("SELECT email_id FROM label ORDER BY id").fetchall()]
        cursor = db.execute("SELECT cursor FROM run").fetchone()[0]
    assert asked == labels == list(range(1, len(asked) + 1))
    assert cursor == len(asked)
    assert kept_totals(path) == recount(path)
    return len(asked)


def lay_out(folder: Path, files: dict[str, bytes]) -> Path:
    for old in folder.iterdir():
        old.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder / "small.db"


@pytest.mark.skipif(
    platform.system() != "Linux" or shutil.which("strace") is None, reason="strace is not here to record the writes"
)
def test_what_was_acknowledged_outlasts_a_power_loss_at_any_moment(make_run: MakeRun, tmp_path: Path) -> None:
    """After each write and each sync of a worker's life, whatever the disk may have kept of what was not synced."""
    path = make_run([str(n) for n in range(COUNT + 5)], dedupe=False)
    first = {path.name: path.read_bytes()}
    ops = traced(["-m", "tests.programs.crash.writer", str(path), str(COUNT)], tmp_path / "strace.log", tmp_path)
    marks = [index for index, op in enumerate(ops) if op.file == "small.acknowledged"]
    disk = [op for op in ops if op.file in ("small.db", "small.db-wal")]
    assert len(marks) == COUNT
    assert sum(op.what == "sync" and op.file == "small.db" for op in disk) >= 3, "no checkpoint was seen"
    acknowledged = [
        sum(mark <= index for mark in marks) for index, op in enumerate(ops) if op.file in ("small.db", "small.db-wal")
    ]
    looked_at = 0
    rng = random.Random(5)
    with scratch() as folder:
        for done, files in images(disk, first, rng):
            if done % 3:
                continue
            least = acknowledged[done] if done < len(disk) else COUNT
            kept = prefix(lay_out(Path(folder), files))
            assert least <= kept <= least + 1, f"{kept} of {least} after {done} operations"
            looked_at += 1
    assert looked_at > 300


def test_a_log_that_was_cut_anywhere_reopens_to_an_exact_prefix(make_run: MakeRun) -> None:
    """A write-ahead log that ends in the middle, or in garbage, costs what was not whole and nothing before it."""
    path = make_run([str(n) for n in range(20)], dedupe=False)
    log = path.with_name(path.name + "-wal")
    sizes = [0]
    with RunLock(path) as lock:
        store = Store.open(path, lock)
        store.begin_epoch(now=NOW, pid=1, host="h")
        for number in range(1, 13):
            store.commit([labeled(number)], now=NOW)
            sizes.append(log.stat().st_size)
        base, whole = path.read_bytes(), log.read_bytes()
        store.close()
    rng = random.Random(7)
    cuts = [*range(32, len(whole), 4120), *(rng.randrange(len(whole)) for _ in range(40))]
    with scratch() as folder:
        for cut in cuts:
            for tail in (b"", rng.randbytes(min(5000, len(whole) - cut))):
                kept = prefix(lay_out(Path(folder), {path.name: base, log.name: whole[:cut] + tail}))
                assert kept == sum(size <= cut for size in sizes[1:])
