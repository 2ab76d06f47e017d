# ruff: noqa: INP001 - a module of scripts, not a package
"""The ways through the console, each from a start of it: keys are pressed, and pictures taken where it is worth it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from camera import MIDDLE, Camera, press, settle, until
from stage import World
from textual.pilot import Pilot
from textual.widgets import TextArea

from core.model import RunState, Snapshot
from core.settings import load_settings
from tui.app import LabeltuiApp
from tui.terminal.theme import ANSI, DARK, LIGHT, PALETTES

NEW_RULE = "- Lost property and refunds to passengers are work, also when a friend writes about them.\n"


async def at_work(world: World, camera: Camera) -> None:
    """The worker in full swing; twice it is halted, so that silence and a command before it is handled can be seen."""
    app = LabeltuiApp(world.settings, run=world.run, demo=True)
    async with app.run_test(size=MIDDLE) as pilot:
        await until(app, lambda now: now.settled > 450)
        await press(pilot)
        await camera.take(pilot, "monitor")
        for theme in PALETTES:
            if theme not in (DARK, LIGHT, ANSI):
                await camera.take_theme(pilot, theme)
        await press(pilot, "3", "z")
        await camera.take(pilot, "monitor-zoomed")
        await press(pilot, "z", "1", "h")
        await camera.take(pilot, "monitor-held")
        await press(pilot, "h")
        with halted(app):
            await until(app, lambda now: now.state is RunState.STALE)
            await press(pilot)
            await camera.take(pilot, "monitor-stale")
        await until(app, lambda now: now.state is not RunState.STALE)
        await settle(pilot, 3)
        with halted(app):
            await press(pilot, "p")
            await camera.take(pilot, "monitor-pause-requested")
        await until(app, _paused)
        await settle(pilot, 2)
        await camera.take(pilot, "monitor-paused")
        await emails(pilot, camera)
        await keys(pilot, camera)
        await task(pilot, camera)
        await press(pilot, "x")
        await until(app, lambda now: not now.worker.alive)
        await press(pilot)
        await camera.take(pilot, "monitor-stopped")


@contextmanager
def halted(app: LabeltuiApp) -> Iterator[None]:
    """The worker stands still for a while, as on a machine that is out of memory."""
    snapshot = app.view_state.snapshot
    assert snapshot is not None
    pid = snapshot.worker.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def emails(pilot: Pilot[None], camera: Camera) -> None:
    """The emails of a paused run, one of them, and what can be done to it. Leaves a label and a note of a person."""
    await press(pilot, "e")
    await settle(pilot)
    await camera.take(pilot, "emails")
    await press(pilot, "o")
    await camera.take(pilot, "emails-sort")
    await press(pilot, "escape", "f")
    await camera.take(pilot, "emails-failed")
    await press(pilot, "g")
    await camera.take(pilot, "causes")
    await press(pilot, "escape", "F", "slash", *"reasks:>0 label:1")
    await camera.take(pilot, "emails-find")
    await press(pilot, "enter")
    await camera.take(pilot, "emails-found")
    await press(pilot, "space", "space", "space")
    await camera.take(pilot, "emails-marked")
    await press(pilot, "escape", "S")
    await camera.take(pilot, "emails-save")
    await press(pilot, "escape", "escape", "f", "down", "enter")
    await settle(pilot)
    await camera.take(pilot, "email")
    await press(pilot, "v")
    await camera.take(pilot, "email-raw")
    await press(pilot, "v", "l", "1")
    await camera.take(pilot, "label")
    await press(pilot, "tab", *"the roster is work", "enter", "m", *"ask Mateo: which crew is the spare one?")
    await camera.take(pilot, "note")
    await press(pilot, "enter")
    await settle(pilot)
    await camera.take(pilot, "email-by-a-person")
    await press(pilot, "Y")
    await camera.take(pilot, "messages")
    await press(pilot, "Q")
    await camera.take(pilot, "messages-of-a-re-ask")
    await press(pilot, "escape", "escape", "T")
    await camera.take(pilot, "retry-all")
    await press(pilot, "escape", "escape")


async def keys(pilot: Pilot[None], camera: Camera) -> None:
    """The keys, one of them, and the window for another."""
    await press(pilot, "k")
    await settle(pilot)
    await camera.take(pilot, "keys")
    await press(pilot, "enter")
    await settle(pilot)
    await camera.take(pilot, "key")
    await press(pilot, "escape", "a")
    await camera.take(pilot, "key-add")
    await press(pilot, "escape", "G")
    await camera.take(pilot, "key-regroup")
    await press(pilot, "escape", "escape")


async def task(pilot: Pilot[None], camera: Camera) -> None:
    """The task, a draft of it, what the draft changes, a trial of it; then it is put in force."""
    await press(pilot, "j")
    await settle(pilot)
    await camera.take(pilot, "task")
    await press(pilot, "E")
    area = pilot.app.screen.query_one(TextArea)
    at = next(n for n, line in enumerate(area.text.splitlines()) if line.startswith("- Spam counts"))
    area.move_cursor((at, 0))
    area.insert(NEW_RULE)
    await settle(pilot)
    await camera.take(pilot, "task-edit")
    await press(pilot, "ctrl+s")
    await settle(pilot)
    await press(pilot, "C")
    await camera.take(pilot, "task-compare")
    await press(pilot, "W")
    await settle(pilot)
    await camera.take(pilot, "trial-ask")
    await press(pilot, *["backspace"] * 2, *"24", "enter")
    await settle(pilot, 20)
    await camera.take(pilot, "trial")
    await press(pilot, "escape", "L")
    await camera.take(pilot, "task-in-force")
    await press(pilot, "y")
    await settle(pilot, 2)
    await camera.take(pilot, "task-versions")
    await press(pilot, "R")
    await camera.take(pilot, "task-ask-again")
    await press(pilot, "escape", "escape")


async def again(world: World, camera: Camera) -> None:
    """Started again: the proof of resumption, and what explains the console."""
    app = LabeltuiApp(world.settings, run=world.run, demo=True)
    async with app.run_test(size=MIDDLE) as pilot:
        await until(app, lambda now: now.worker.epoch > 1 and now.worker.in_flight > 0)
        await settle(pilot, 2)
        await camera.take(pilot, "monitor-resumed")
        await press(pilot, "question_mark")
        await camera.take(pilot, "help")
        await press(pilot, "escape", "3", "question_mark")
        await camera.take(pilot, "help-of-a-pane")
        await press(pilot, "escape", "1", "I")
        await settle(pilot)
        await camera.take(pilot, "info")
        await press(pilot, "escape", "f1")
        await camera.take(pilot, "tour")
        await press(pilot, "escape", "ctrl+p")
        await camera.take(pilot, "palette")
        await press(pilot, *"ke")
        await camera.take(pilot, "palette-found")
        await press(pilot, "escape", "escape", "ctrl+y")
        await camera.take(pilot, "themes")
        await press(pilot, "escape")


async def among_runs(world: World, camera: Camera) -> None:
    """The list of runs, what can be done to one, and the steps to another."""
    app = LabeltuiApp(world.settings)
    async with app.run_test(size=MIDDLE) as pilot:
        await settle(pilot, 1.5)
        await camera.take(pilot, "runs")
        await press(pilot, "H")
        await camera.take(pilot, "runs-archived")
        await press(pilot, "escape", "down", "c")
        await camera.take(pilot, "run-copy")
        await press(pilot, "escape", "down", "delete")
        await settle(pilot)
        await camera.take(pilot, "run-delete")
        await press(pilot, "escape", "w")
        await settle(pilot)
        await camera.take(pilot, "new-run-1-source")
        await press(pilot, *"harbor.csv", "enter")
        await settle(pilot, 2)
        await camera.take(pilot, "new-run-2-columns")
        await press(pilot, "enter")
        await settle(pilot)
        await camera.take(pilot, "new-run-3-task")
        await press(pilot, "enter")
        await settle(pilot)
        await camera.take(pilot, "new-run-4-settings")
        await press(pilot, "enter")
        await settle(pilot, 2)
        await camera.take(pilot, "new-run-5-forecast")
        await press(pilot, *["escape"] * 5)


async def states(world: World, camera: Camera) -> None:
    """The monitors of runs that stand otherwise than the demo."""
    for name, run, read_only in (("new", "letters", False), ("done", "harbor", False), ("read-only", "harbor", True)):
        app = LabeltuiApp(world.settings, run=world.settings.runs_dir / f"{run}.db", read_only=read_only)
        async with app.run_test(size=MIDDLE) as pilot:
            await until(app, lambda now: now.total > 0)
            await settle(pilot, 1)
            await camera.take(pilot, f"monitor-{name}")
    app = LabeltuiApp(world.settings, run=world.settings.runs_dir / "night.db")
    async with app.run_test(size=MIDDLE) as pilot:
        await until(app, lambda now: _waits(now) > 8)
        await camera.take(pilot, "monitor-waiting")


async def before_anything(home: Path, camera: Camera) -> None:
    """What a console says where there is nothing yet."""
    app = LabeltuiApp(load_settings({"LABELTUI_HOME": str(home)}))
    async with app.run_test(size=MIDDLE) as pilot:
        await settle(pilot, 1)
        await camera.take(pilot, "runs-empty")
        await press(pilot, "k")
        await camera.take(pilot, "keys-empty")


def _paused(now: Snapshot) -> bool:
    return now.state is RunState.PAUSED and not now.worker.in_flight


def _waits(now: Snapshot) -> float:
    return (now.wait.until_at or 0.0) - time.time() if now.wait is not None else 0.0
