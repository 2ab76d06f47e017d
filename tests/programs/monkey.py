"""Types at random for minutes over a live run: ``python -m tests.programs.monkey --minutes 5 --seed 1``.

The demo's real worker and simulator, the real console without a terminal, and a monkey at its keyboard. At the end the
console must have lived, the run file must be whole, and every label by a person and every key that went must be one
that was asked for on the screen. Exit code 1 shows that something broke, with the last keys pressed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from core.commands.catalog import Stop
from core.engine import Engine
from core.runs import demo
from core.runs import send as commands
from core.runs.send import await_answer
from core.settings import Settings, load_settings
from core.simulator.child import adopt
from core.storage.writing.check import check_run
from tests.tui.monkey import CHANGES, Monkey
from tui.app import LabeltuiApp

EMAILS = 400
HASTE = 0.15
"""Share of presses that are several keys in one breath."""
TOLD = 30
"""Presses that are told when something breaks."""


class Witness(Engine):
    """The real engine, with a note of everything that changes something."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._lock = threading.Lock()
        self._notes: list[tuple[str, tuple[object, ...]]] = []
        self.done: Counter[str] = Counter()

    def taken(self) -> list[tuple[str, tuple[object, ...]]]:
        """What was asked since the last look."""
        with self._lock:
            notes, self._notes = self._notes, []
        return notes


def _noted(name: str) -> Callable[..., Any]:
    def method(self: Witness, *given: Any, **named: Any) -> Any:
        with self._lock:
            self._notes.append((name, given))
        answer = getattr(super(Witness, self), name)(*given, **named)
        with self._lock:
            self.done[name] += 1
        return answer

    return method


for _name in CHANGES:
    setattr(Witness, _name, _noted(_name))


async def _session(witness: Witness, run: Path, rng: random.Random, until: float, pressed: list[str]) -> Monkey:
    app = LabeltuiApp(witness.settings, run=run, engine=witness)
    async with app.run_test(size=(120, 40), notifications=True, tooltips=True) as pilot:

        async def settle() -> None:
            await pilot.pause()
            for _ in range(100):  # until the background jobs are through, two seconds at most
                if app.jobs.idle:
                    break
                await asyncio.sleep(0.02)
            if rng.random() < 0.05:
                await asyncio.sleep(rng.random())

        monkey = Monkey(app, pilot, rng, settle, witness.taken, haste=HASTE)
        while time.monotonic() < until:
            press = await monkey.act()
            pressed.append(f"{press.what} on {press.scope}{f' in {press.window}' if press.window else ''}")
            del pressed[:-TOLD]
            worker = app.view_state.snapshot.worker if app.view_state.snapshot else None
            if worker is not None and not worker.alive and rng.random() < 0.02:
                await asyncio.to_thread(commands.start, run, witness.settings.for_run(run))
    return monkey


def _labels_by_people(run: Path) -> int:
    with closing(sqlite3.connect(f"file:{run}?mode=ro", uri=True)) as db:
        return int(db.execute("SELECT count(*) FROM label WHERE source = 'human'").fetchone()[0])


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    rng = random.Random(given.seed)
    with tempfile.TemporaryDirectory(prefix="labeltui-monkey-") as folder:
        os.environ["LABELTUI_HOME"] = folder
        settings = load_settings()
        run, _ = demo.prepare(settings, EMAILS, now=time.time())
        own = settings.for_run(run)
        witness = Witness(own)
        commands.start(run, own)
        until = time.monotonic() + given.minutes * 60
        pressed: list[str] = []
        try:
            monkey = asyncio.run(_session(witness, run, rng, until, pressed))
        except BaseException:
            print("the console broke; last presses:", *pressed, sep="\n  ")
            raise
        finally:
            await_answer(run, commands.send(run, Stop()), timeout_s=20)
            time.sleep(1.0)  # the worker closes its files before the folder goes
            if (simulator := adopt(settings.demo_dir / "simulator.json")) is not None:
                simulator.stop()
        broken = list(monkey.wrong())
        found = check_run(run)
        broken += [f"the run file: {finding}" for finding in found.findings]
        labels, asked = _labels_by_people(run), sum(change.name.startswith("label") for change in monkey.changes)
        if labels and not asked:
            broken.append(f"{labels} labels by people that nobody gave")
        print(f"changes asked for: {dict(Counter(change.name for change in monkey.changes))}")
        print(f"screens seen: {', '.join(sorted(monkey.seen))}; labels by people {labels}")
        for sentence in broken:
            print(f"BROKEN: {sentence}")
        if broken:
            print("last presses:", *pressed, sep="\n  ")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
