"""Gather a million result lines of batches, killed again and again, and print the speed, the memory and what was labeled.

``python -m tests.programs.gathering [LINES] [KILLS]`` (100,000 lines and 20 kills by default). A process of
its own gathers batches of 50,000 lines that lie downloaded beside the run file, with the product's validation, and is
killed (``SIGKILL``) at random moments; another goes on. The run file is written as always: each transaction is on the
disk before the next begins. At the end each text has one label and one attempt.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.llm.batches import BatchClient
from core.llm.task import builtin_task, versioned
from core.model import BatchLimits, LaneChoice, Parcel, SourceEmail, Task, View
from core.storage.file.lock import RunLock
from core.storage.writing.intake import NewRun
from core.storage.writing.store import Store
from core.worker.lanes.batch import BatchKey, BatchLane, Reports
from core.worker.process import build_guard
from core.worker.queue import Queue

LINES_OF_A_BATCH = 50_000
START_AT = 1_790_000_000.0
USUAL_SPEED = 5_000
"""Lines a second; half of them are gathered by the processes that are killed."""


def task() -> Task:
    """Return the built-in task without canaries."""
    return versioned(replace(builtin_task(), canaries=0))


class Server:
    """A server that has done everything: its results lie beside the run file already, and files are not deleted."""

    def usable_keys(self) -> list[BatchKey]:
        """Return one key."""
        return [BatchKey("one", "org_1")]

    def client(self, alias: str) -> BatchClient:
        """Return what stands for a client."""
        return Downloaded()  # type: ignore[return-value]

    def body(self, asked: Any) -> dict[str, Any]:
        """Return nothing to send."""
        return {}


class Downloaded:
    """Stands for a client: what is to be downloaded is there, and deleting succeeds."""

    async def delete(self, file_id: str) -> None:
        """Do nothing."""


def make(path: Path, lines: int) -> None:
    """Make a run with so many emails, all in batches that have ended, and the result files beside it."""
    rng = random.Random(1)
    with Store.create(path, NewRun("run", "test", "d", START_AT, order="source"), task()) as store:
        store._db.execute("PRAGMA synchronous = OFF")
        store.add_emails(_emails(lines))
        store.set_order("source", 0)
        store.choose_lane(LaneChoice("batch"), "batches", now=START_AT)
        first = 1
        while first <= lines:
            count = min(LINES_OF_A_BATCH, lines - first + 1)
            parcel = _parcel(f"nonce{first}", count, store.task_version)
            store.pack(parcel, range(first, first + count))
            _write_results(_results_of(path, parcel.nonce), parcel.nonce, list(range(first, first + count)), rng)
            first += count


def _emails(lines: int) -> Iterator[tuple[SourceEmail, View]]:
    for n in range(1, lines + 1):
        text = f"Subject: number {n}\n\nPlease look at contract {n} before the meeting, and call me about it. " * 4
        digest = hashlib.sha256(text.encode()).hexdigest()
        yield SourceEmail(f"m{n}", text, f"m{n}"), View(f"number {n}", "a@example.org", "", text, digest, False)


def _parcel(nonce: str, count: int, version: str) -> Parcel:
    return Parcel(
        id=0, nonce=nonce, state="gathering", key_alias="one", organization="org_1", model="openai/gpt-oss-20b",
        task_version=version, window="24h", packed_at=START_AT, tried_at=None, file_id="f", batch_id=nonce,
        status="completed", total=count, completed=count, failed=0, tokens=500.0 * count, sent_at=START_AT,
        expires_at=START_AT + 86_400, polled_at=START_AT, output_file_id="out", error_file_id=None, reason="",
    )  # fmt: skip


def _results_of(path: Path, nonce: str) -> Path:
    return path.with_suffix(f".{hashlib.sha256(nonce.encode()).hexdigest()[:12]}.output.part")


def _write_results(path: Path, nonce: str, numbers: list[int], rng: random.Random) -> None:
    rng.shuffle(numbers)
    with path.open("w") as file:
        for number in numbers:
            body = {
                "id": f"chatcmpl-{number}", "object": "chat.completion", "created": 1, "model": "openai/gpt-oss-20b",
                "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": str(number % 2)}}],
                "usage": {"prompt_tokens": 480, "completion_tokens": 31, "total_tokens": 511},
                "system_fingerprint": "fp_1",
            }  # fmt: skip
            response = {"status_code": 200, "request_id": f"req_{number}", "body": body}
            line = {"id": f"r{number}", "custom_id": f"labeltui/{nonce}/{number}", "response": response, "error": None}
            file.write(json.dumps(line) + "\n")


async def gather(path: Path) -> None:
    """Gather until no batch is open; print what was labeled, the seconds of CPU and wall time, and the peak of memory."""
    the_task = task()
    guard = build_guard(the_task)
    if hasattr(guard, "load"):
        await guard.load()
    with RunLock(path) as lock, Store.open(path, lock) as store:
        store.begin_epoch(now=START_AT, pid=os.getpid(), host="bench")
        committed = 0

        def count(answers: Any) -> None:
            nonlocal committed
            committed += len(answers)

        reports = Reports(
            noted=lambda _: None, committed=count, labeled=lambda: None, failed=lambda _: None,
            over_budget=lambda *_: "",
        )  # fmt: skip
        lane = BatchLane(
            task=the_task, store=store, queue=Queue(lambda after, limit: store.pending(after=after, limit=limit), dedupe=True),
            server=Server(), clock=lambda: START_AT, reports=reports, limits=BatchLimits(trial=0),
        )  # fmt: skip
        started, cpu = time.perf_counter(), time.process_time()
        early = 0
        print("ready", flush=True)
        while lane.open:
            await lane.step(guard, held=True)
            early = early or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(
            json.dumps(
                {
                    "lines": committed,
                    "wall_s": time.perf_counter() - started,
                    "cpu_s": time.process_time() - cpu,
                    "peak_mb_first_batch": early / 1024,
                    "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                }
            ),
            flush=True,
        )


def _settled(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return int(db.execute("SELECT count(*) FROM label").fetchone()[0])


def main() -> int:
    """Make the run, gather it with kills, then to its end for the speed, and check the labels."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lines", type=int, nargs="?", default=100_000, help="of results (default 100000)")
    parser.add_argument("kills", type=int, nargs="?", default=20, help="while they are gathered (default 20)")
    parser.add_argument("--gather", type=Path, help=argparse.SUPPRESS)  # the process that is killed
    given = parser.parse_args()
    if given.gather is not None:
        asyncio.run(gather(given.gather))
        return 0
    lines, kills = given.lines, given.kills
    rng = random.Random(7)
    with tempfile.TemporaryDirectory(prefix="gathering-") as folder:
        path = Path(folder) / "run.db"
        make(path, lines)
        command = [sys.executable, "-m", "tests.programs.gathering", "--gather", str(path)]
        for _ in range(kills):
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(rng.uniform(0.0, lines / USUAL_SPEED / kills))
            process.send_signal(signal.SIGKILL)
            process.wait()
            process.stdout.close()
        print(f"killed {kills} times, {_settled(path):,} labels by then", flush=True)
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        speed = json.loads(told.splitlines()[-1])
        print(
            f"the last one gathered {speed['lines']:,} lines in {speed['wall_s']:.1f} s ({speed['cpu_s']:.1f} s of CPU):"
            f" {speed['lines'] / speed['wall_s']:,.0f} a second, {speed['lines'] / speed['cpu_s']:,.0f} a second of CPU;"
            f" peak of memory {speed['peak_mb_first_batch']:.0f} MB after the first batch, {speed['peak_mb']:.0f} MB"
        )
        return check(path, lines)


def check(path: Path, lines: int) -> int:
    """Print whether each text has one label and one attempt, the right one; return the exit code."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        labels, texts = db.execute("SELECT count(*), count(DISTINCT email_id) FROM label").fetchone()
        attempts = db.execute("SELECT count(*) FROM attempt").fetchone()[0]
        wrong = db.execute("SELECT count(*) FROM label WHERE value <> CAST(email_id % 2 AS TEXT)").fetchone()[0]
        waiting = db.execute("SELECT count(*) FROM parcel_email WHERE done = 0").fetchone()[0]
    good = labels == texts == attempts == lines and not wrong and not waiting
    print(f"{labels:,} labels of {texts:,} texts, {attempts:,} attempts, {wrong} wrong, {waiting} still waiting: "
          + ("each once" if good else "WRONG"))  # fmt: skip
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
