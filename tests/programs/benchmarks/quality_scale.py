"""Review and figures over a large run: ``python -m tests.programs.benchmarks.quality_scale --emails 1000000``.

Builds a run file straight with SQL, with a sample of which 10,000 emails were reviewed, opens the real console with its
threads on the review, types answers, and prints each figure beside what it should reach. A key's time runs from the
press to the moment when the next email is drawn; the answer is kept meanwhile by another thread. Beside each time stands
the CPU that the thread took: what the time is where nothing else runs. The exit code goes by it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from core.engine import Engine
from core.quality.sampling import permanent_number
from core.settings import load_settings
from core.storage.reading.reviews import read_audit
from tests.programs.benchmarks.console_scale import Timed, build
from tui.app import LabeltuiApp
from tui.screens.quality.review import ReviewScreen

SEED = 77
KEY_MS, FIGURES_S = 30.0, 1.0
"""What a key, and figures after an answer, should take at most."""


def add_reviews(path: Path, emails: int, reviews: int) -> None:
    """Draw a sample for a tenth more than ``reviews`` emails, of which so many were answered; one in thirty differs."""
    rate = 1.1 * reviews / emails
    drawn = [number for number in range(1, emails + 1) if permanent_number(SEED, number) < rate]
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN")
        db.execute(
            "INSERT INTO sample(name, kind, seed, goal, rates, created_at) VALUES ('random', 'random', ?, ?, ?, 1.7e9)",
            (str(SEED), round(1.1 * reviews), json.dumps({"": rate})),
        )
        for place, number in enumerate(drawn[:reviews]):
            model = db.execute("SELECT label FROM email WHERE id = ?", (number,)).fetchone()[0]
            value = model if model is not None and place % 30 else "0"
            batch = place // 25 + 1
            db.execute(
                "INSERT INTO label(email_id, value, source, annotator, task_version, blind, note, at)"
                " SELECT ?, ?, 'human', 'ben', task_version, 1, '', 1.7e9 FROM run",
                (number, value),
            )
            db.execute(
                "INSERT INTO review(email_id, annotator, sample_id, kind, label_id, value, seconds, shown, batch, at)"
                " VALUES (?, 'ben', 1, 'first', last_insert_rowid(), ?, 9.0, 'text', ?, 1.7e9)",
                (number, value, batch),
            )
        db.execute("COMMIT")


Times = list[tuple[float, float]]


async def typed(path: Path, keys: int) -> tuple[float, Times, tuple[float, float]]:
    """Return seconds until the review shows an email; (time, CPU) in ms for each key, and in s for figures after."""
    settings = load_settings({"LABELTUI_HOME": os.environ["LABELTUI_HOME"]})
    app = LabeltuiApp(settings, run=path, review=("anna", keys + 5))
    at = Timed(app)
    times: Times = []
    async with app.run_test(size=(80, 24)):
        opened = await at.until(_shows_an_email(app), patience_s=120.0)
        await asyncio.sleep(2.0)
        for _ in range(keys):
            screen = app.screen
            assert isinstance(screen, ReviewScreen)
            left, drawn = screen.place_left, asyncio.Event()
            began, cpu = time.perf_counter(), time.thread_time()
            await at.press("1", lambda screen=screen, left=left: screen.place_left < left)  # type: ignore[misc]
            screen.call_after_refresh(drawn.set)
            await drawn.wait()
            times.append((1e3 * (time.perf_counter() - began), 1e3 * (time.thread_time() - cpu)))
            await asyncio.sleep(0.2)
        await at.until(lambda: app.jobs.idle, patience_s=120.0)
        figures = await asyncio.to_thread(_figures, Engine(settings), path)
    return opened / 1e3, times, figures


def _figures(engine: Engine, path: Path) -> tuple[float, float]:
    began, cpu = time.perf_counter(), time.thread_time()
    engine.quality(path)
    return time.perf_counter() - began, time.thread_time() - cpu


def _shows_an_email(app: LabeltuiApp) -> Callable[[], bool]:
    return lambda: isinstance(app.screen, ReviewScreen) and app.screen.current is not None


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--emails", type=int, default=1_000_000)
    parser.add_argument("--reviews", type=int, default=10_000)
    parser.add_argument("--keys", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        os.environ["LABELTUI_HOME"] = str(home)
        (home / "runs").mkdir()
        path = home / "runs" / "large.db"
        build(path, given.emails)
        add_reviews(path, given.emails, given.reviews)
        began = time.perf_counter()
        audit = read_audit(path)
        first = time.perf_counter() - began
        began = time.perf_counter()
        read_audit(path)
        again = time.perf_counter() - began
        print(f"{given.emails:,} emails, {len(audit.members):,} in the sample, {given.reviews:,} reviewed")
        print(f"the audit is read in {first:.2f} s the first time, {again:.2f} s from then on", flush=True)
        opened, times, figures = asyncio.run(typed(path, given.keys))
    wall, cpu = (sorted(each[at] for each in times)[len(times) // 2] for at in (0, 1))
    print(f"review opened in {opened:.2f} s; a key {wall:.0f} ms in the median, CPU {cpu:.0f} ms (≤ {KEY_MS:.0f})")
    print(f"figures {figures[0]:.2f} s after an answer, CPU {figures[1]:.2f} s (≤ {FIGURES_S:.0f})")
    return 0 if cpu <= KEY_MS and figures[1] <= FIGURES_S else 1


if __name__ == "__main__":
    sys.exit(main())
