"""How long each screen and window takes to open: ``python -m tests.programs.benchmarks.screens [--emails 5000]``.

Opens the real console without a terminal on a run of so many emails, and presses the key of each screen, of each window
and of the palette. A time runs from the key to the moment when the screen is drawn with all that it shows; its CPU is
that of the console's thread. The first opening imports what the screen needs; of the others the median of four counts.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from textual.command import CommandList, CommandPalette
from textual.screen import Screen

from core.settings import load_settings
from core.storage.file.lock import RunLock
from core.storage.writing.store import Store
from tests.programs.benchmarks import Row
from tests.programs.benchmarks.console_scale import Timed, build, whole
from tui.app import LabeltuiApp

MOST_MS = 100.0
OPENINGS = 5
AT_RUNS, AT_MONITOR = ("escape",), ()
EMAILS, KEYS, TASK, QUALITY = ("e",), ("a",), ("D",), ("Q",)

SCREENS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("emails", AT_MONITOR, "e"),
    ("record", EMAILS, "enter"),
    ("messages of an email", EMAILS, "Y"),
    ("causes of failure", EMAILS, "C"),
    ("choice of an order", EMAILS, "o"),
    ("label of an email", EMAILS, "l"),
    ("keys", AT_MONITOR, "a"),
    ("record of a key", KEYS, "enter"),
    ("adding a key", KEYS, "a"),
    ("task", AT_MONITOR, "D"),
    ("editing the task", TASK, "E"),
    ("batches and lanes", AT_MONITOR, "B"),
    ("choice of a lane", AT_MONITOR, "L"),
    ("calls at once", AT_MONITOR, "Z"),
    ("export", AT_MONITOR, "X"),
    ("review", AT_MONITOR, "r"),
    ("quality", AT_MONITOR, "Q"),
    ("help", AT_MONITOR, "question_mark"),
    ("guide", AT_MONITOR, "f2"),
    ("info", AT_MONITOR, "I"),
    ("themes", AT_MONITOR, "ctrl+y"),
    ("tour", AT_MONITOR, "f1"),
    ("palette", AT_MONITOR, "ctrl+p"),
    ("palette over the emails", EMAILS, "ctrl+p"),
    ("new run", AT_RUNS, "w"),
    ("copy of a run", AT_RUNS, "c"),
    ("deleting a run", AT_RUNS, "delete"),
    ("run", AT_RUNS, "enter"),
)
"""What opens, the keys that lead from the monitor to where that key works, and the key."""


class Opening(NamedTuple):
    """Hold the milliseconds by the clock and of CPU of a screen's first opening, and of the median later one."""

    name: str
    first: tuple[float, float]
    later: tuple[float, float]


def drawn(screen: Screen[Any], before: Screen[Any]) -> bool:
    """Whether another screen is in sight, with all that it shows."""
    if isinstance(screen, CommandPalette):
        return any(each.option_count for each in screen.query(CommandList))
    return screen is not before and whole(screen, Screen)


async def opened(at: Timed, key: str) -> tuple[float, float]:
    """Milliseconds by the clock and of CPU from a key until what it opens is drawn, less the CPU of looking for that."""
    before, used, looking = at.app.screen, time.thread_time(), 0.0

    def seen() -> bool:
        nonlocal looking
        began = time.thread_time()
        found = drawn(at.app.screen, before)
        looking += time.thread_time() - began
        return found

    taken = await at.press(key, seen)
    return taken, 1000 * (time.thread_time() - used - looking)


async def settled(at: Timed, seen: Callable[[], bool]) -> None:
    await at.until(seen)
    await asyncio.sleep(0.3)  # for what a screen reads once it is there


async def measure(home: Path, path: Path, only: Sequence[str] = ()) -> list[Opening]:
    """Open each screen, and return what its openings took."""
    keys = "gsk_bench_one_abcdefghijklmnop,gsk_bench_two_abcdefghijklmnop"
    os.environ.update(LABELTUI_HOME=str(home), GROQ_API_KEYS=keys)
    app = LabeltuiApp(load_settings(), run=path)
    found: list[Opening] = []
    async with app.run_test(size=(120, 40)) as pilot:
        at = Timed(app)
        await at.until(lambda: app.view_state.snapshot is not None)
        await pilot.pause(1.0)
        monitor = app.screen
        for name, way, key in [each for each in SCREENS if not only or each[0] in only]:
            for step in way:
                before = app.screen
                app.simulate_key(step)
                await settled(at, lambda before=before: drawn(app.screen, before))  # type: ignore[misc]
            from_here, taken = app.screen, []
            for _ in range(OPENINGS):
                taken.append(await opened(at, key))
                await asyncio.sleep(0.3)
                while app.screen is not from_here and name != "run":
                    await at.leave()
                if name == "run":
                    await at.leave()
                    from_here = app.screen
                await asyncio.sleep(0.2)
            later = [statistics.median(each) for each in zip(*taken[1:], strict=True)]
            found.append(Opening(name, taken[0], (later[0], later[1])))
            if way == AT_RUNS:
                app.simulate_key("enter")
                await settled(at, lambda here=from_here: drawn(app.screen, here))  # type: ignore[misc]
                monitor = app.screen
            while app.screen is not monitor:
                await at.leave()
    return found


def openings(emails: int, only: Sequence[str] = ()) -> list[Opening]:
    """Return what the openings of each screen take on a new run of so many emails."""
    with tempfile.TemporaryDirectory(prefix="labeltui-screens-") as folder:
        path = Path(folder) / "runs" / "large.db"
        path.parent.mkdir(parents=True)
        build(path, emails)
        with RunLock(path) as lock, Store.open(path, lock) as store:
            store.begin_sample(1, now=time.time())
        return asyncio.run(measure(Path(folder), path, only))


def rows(found: Sequence[Opening]) -> list[Row]:
    """Return the slowest screens of those, by the CPU of a first and of a later opening."""
    first = max(found, key=lambda each: each.first[1])
    later = max(found, key=lambda each: each.later[1])
    return [
        Row(f"slowest of {len(found)} screens, when first opened: {first.name}", _ms(first.first), reach="100 ms"),
        Row(f"slowest of {len(found)} screens, later: {later.name}", _ms(later.later), reach="100 ms"),
    ]


def _ms(taken: tuple[float, float]) -> str:
    return f"{taken[1]:.0f} ms of CPU, {taken[0]:.0f} ms by the clock"


def main() -> int:
    """The command: exit code 1 where a screen takes more CPU than it may."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--emails", type=int, default=5_000)
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="screens by their names in the table")
    given = parser.parse_args()
    found = openings(given.emails, given.only)
    print(f"| {'opens':<24} | first, ms (CPU) | later, ms (CPU) |\n| --- | --- | --- |")
    for name, first, later in found:
        print(f"| {name:<24} | {first[0]:.0f} ({first[1]:.0f}) | {later[0]:.0f} ({later[1]:.0f}) |")
    slow = [each.name for each in found if max(each.first[1], each.later[1]) > MOST_MS]
    print(f"\nbeyond {MOST_MS:.0f} ms of CPU: {', '.join(slow) or 'none'}")
    return int(bool(slow))


if __name__ == "__main__":
    sys.exit(main())
