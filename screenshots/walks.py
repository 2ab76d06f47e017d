# ruff: noqa: INP001 - a module of scripts, not a package
"""Walks through the console, each from a start of it, on which the pictures are taken.

Actions are performed by name, so that the walks do not depend on keys.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from camera import MIDDLE, Camera, act, press, settle, until
from stage import World
from textual.pilot import Pilot
from textual.widgets import TextArea

from core.model import RunState, Snapshot
from core.quality.sampling import BATCH
from core.settings import load_settings
from core.sources.demo_emails import labeled_demo_emails
from tui.app import LabeltuiApp
from tui.screens.quality.review import Phase, ReviewScreen

EMAILS = 1_500
"""Emails of the run that most pictures show."""

BATCHES = 5
"""Batches that are reviewed before the figures are shown."""

OLD_WORDS, NEW_WORDS = "colleagues write", "friends write"
NEW_RULE = "- Lost property and refunds to passengers are work, also when a friend writes about them.\n"


async def at_work(world: World, camera: Camera) -> None:
    """Walk through a working run; its worker is halted twice, to show a missing heartbeat and a requested command."""
    app = LabeltuiApp(world.settings, run=world.run, demo=True)
    async with app.run_test(size=MIDDLE) as pilot:
        await until(app, lambda now: now.settled > 450)
        await press(pilot)
        await camera.take(pilot, "monitor")
        await press(pilot, "3")
        await act(pilot, "zoom")
        await camera.take(pilot, "monitor-zoomed")
        await act(pilot, "zoom")
        await press(pilot, "1")
        with halted(app):
            await until(app, lambda now: now.state is RunState.STALE)
            await press(pilot)
            await camera.take(pilot, "monitor-stale")
        await until(app, lambda now: now.state is not RunState.STALE)
        await settle(pilot, 3)
        with halted(app):
            await act(pilot, "pause")
            await camera.take(pilot, "monitor-pause-requested")
        await until(app, _paused)
        await settle(pilot, 2)
        await camera.take(pilot, "monitor-paused")
        await emails(pilot, camera)
        await keys(pilot, camera)
        await quality(pilot, camera)
        await task(pilot, camera)
        await act(pilot, "stop")
        await until(app, lambda now: not now.worker.alive)
        await press(pilot)
        await camera.take(pilot, "monitor-stopped")


@contextmanager
def halted(app: LabeltuiApp) -> Iterator[None]:
    """Stop the worker's process for a while, as a machine out of memory does."""
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
    """Walk through the emails of a paused run; leave a manual label."""
    await act(pilot, "emails")
    await settle(pilot)
    await camera.take(pilot, "emails")
    await act(pilot, "filter")
    await camera.take(pilot, "emails-failed")
    await act(pilot, "causes")
    await camera.take(pilot, "causes")
    await press(pilot, "escape")
    await act(pilot, "filter_back", "find")
    await press(pilot, *"reasks:>0 label:1", "enter")
    await camera.take(pilot, "emails-found")
    await act(pilot, "mark", "mark", "mark")
    await camera.take(pilot, "emails-marked")
    await press(pilot, "escape", "escape")
    await act(pilot, "filter")
    await press(pilot, "down", "enter")
    await settle(pilot)
    await camera.take(pilot, "email")
    await act(pilot, "raw")
    await camera.take(pilot, "email-raw")
    await act(pilot, "raw", "label")
    await press(pilot, "1")
    await camera.take(pilot, "label")
    await press(pilot, "tab", *"the roster is work", "enter")
    await act(pilot, "messages")
    await camera.take(pilot, "messages")
    await act(pilot, "again_form")
    await camera.take(pilot, "messages-follow-up")
    await press(pilot, "escape", "escape")
    await act(pilot, "retry_all")
    await camera.take(pilot, "retry-all")
    await press(pilot, "escape", "escape")


async def keys(pilot: Pilot[None], camera: Camera) -> None:
    """Walk through the keys, one of them, and the windows."""
    await act(pilot, "keys")
    await settle(pilot)
    await camera.take(pilot, "keys")
    await press(pilot, "enter")
    await settle(pilot)
    await camera.take(pilot, "key")
    await press(pilot, "escape")
    await act(pilot, "add")
    await camera.take(pilot, "key-add")
    await press(pilot, "escape")
    await act(pilot, "regroup")
    await camera.take(pilot, "key-regroup")
    await press(pilot, "escape", "escape")


async def task(pilot: Pilot[None], camera: Camera) -> None:
    """Walk through the task: a draft, its differences, a dry run of it; then activate it."""
    await act(pilot, "task")
    await settle(pilot)
    await camera.take(pilot, "task")
    await act(pilot, "edit")
    area = pilot.app.screen.query_one(TextArea)
    at = next(n for n, line in enumerate(area.text.splitlines()) if line.startswith("- Spam counts"))
    area.move_cursor((at, 0))
    area.insert(NEW_RULE)
    changed = next(n for n, line in enumerate(area.text.splitlines()) if OLD_WORDS in line)
    column = area.text.splitlines()[changed].index(OLD_WORDS)
    area.replace(NEW_WORDS, (changed, column), (changed, column + len(OLD_WORDS)))
    await settle(pilot)
    await camera.take(pilot, "task-edit")
    await press(pilot, "ctrl+s")
    await settle(pilot)
    await act(pilot, "compare")
    await camera.take(pilot, "task-compare")
    await act(pilot, "dry_run")
    await settle(pilot)
    await camera.take(pilot, "dry-run-ask")
    await press(pilot, *["backspace"] * 2, *"24", "enter")
    await settle(pilot, 20)
    await camera.take(pilot, "dry-run")
    await press(pilot, "escape")
    await act(pilot, "enact")
    await camera.take(pilot, "task-activate")
    await press(pilot, "y")
    await settle(pilot, 2)
    await camera.take(pilot, "task-versions")
    await act(pilot, "ask_again")
    await camera.take(pilot, "task-relabel")
    await press(pilot, "escape", "escape")


async def quality(pilot: Pilot[None], camera: Camera) -> None:
    """Review some batches with the known labels, look at the figures, settle what differs."""
    known = {email.source_id: label for email, label in labeled_demo_emails(EMAILS)}
    await act(pilot, "review")
    await settle(pilot, 2)
    screen = pilot.app.screen
    assert isinstance(screen, ReviewScreen)
    await camera.take(pilot, "review")
    for _ in range(3 * BATCHES * BATCH):
        if screen.batch_number > BATCHES or screen.phase is Phase.DONE:
            break
        if screen.current is not None:
            await press(pilot, known[screen.current.source_id])
        await settle(pilot)
    await settle(pilot, 2)
    await camera.take(pilot, "review-revealed")
    await act(pilot, "quality")
    await settle(pilot, 8)
    await camera.take(pilot, "quality")
    await act(pilot, "settle")
    await settle(pilot)
    await camera.take(pilot, "settle")
    await press(pilot, "escape", "escape", "escape")


async def again(world: World, camera: Camera) -> None:
    """Walk through a resumed run, and what explains the console."""
    app = LabeltuiApp(world.settings, run=world.run, demo=True)
    async with app.run_test(size=MIDDLE) as pilot:
        await until(app, lambda now: now.worker.epoch > 1 and now.worker.in_flight > 0)
        await settle(pilot, 2)
        await camera.take(pilot, "monitor-resumed")
        await act(pilot, "help")
        await camera.take(pilot, "help")
        await press(pilot, "escape", "3")
        await act(pilot, "help")
        await camera.take(pilot, "help-of-a-pane")
        await press(pilot, "escape", "1")
        await act(pilot, "guide")
        await settle(pilot)
        await camera.take(pilot, "guide")
        await press(pilot, "escape")
        await act(pilot, "info")
        await settle(pilot)
        await camera.take(pilot, "info")
        await press(pilot, "escape")
        await act(pilot, "tour")
        await camera.take(pilot, "tour")
        await press(pilot, "escape", "ctrl+p")
        await camera.take(pilot, "palette")
        await press(pilot, "escape")
        await act(pilot, "themes")
        await camera.take(pilot, "themes")
        await press(pilot, "escape")


async def among_runs(world: World, camera: Camera) -> None:
    """Walk through the list of runs, and the steps to another run."""
    app = LabeltuiApp(world.settings)
    async with app.run_test(size=MIDDLE) as pilot:
        await settle(pilot, 1.5)
        await camera.take(pilot, "runs")
        await press(pilot, "down", "down")
        await act(pilot, "delete_run")
        await settle(pilot)
        await camera.take(pilot, "run-delete")
        await press(pilot, "escape")
        await act(pilot, "new_run")
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
    """Take the monitors of runs in other states."""
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
    """Take the console without runs and keys."""
    app = LabeltuiApp(load_settings({"LABELTUI_HOME": str(home)}))
    async with app.run_test(size=MIDDLE) as pilot:
        await settle(pilot, 1)
        await camera.take(pilot, "runs-empty")
        await act(pilot, "keys")
        await camera.take(pilot, "keys-empty")


def _paused(now: Snapshot) -> bool:
    return now.state is RunState.PAUSED and not now.worker.in_flight


def _waits(now: Snapshot) -> float:
    return (now.wait.until_at or 0.0) - time.time() if now.wait is not None else 0.0
