# ruff: noqa: INP001 - a script, not a package
"""Makes the pictures of the README: the real console, over the demo's real worker and simulator.

Run it from the project's root: ``python screenshots/make.py``. It takes about two minutes, writes SVG files beside
itself, and leaves nothing else behind: home, keys and quotas lie in a temporary folder. Seeds fix the emails, their
order and the answers; times and rates are those of the machine.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from textual.pilot import Pilot  # noqa: E402

from core import demo, wishes  # noqa: E402
from core.model import Snapshot  # noqa: E402
from core.settings import Settings, load_settings  # noqa: E402
from core.simulator.child import adopt  # noqa: E402
from tui.app import LabeltuiApp  # noqa: E402
from tui.theme import DARK, LIGHT  # noqa: E402

EMAILS = 400
PATIENCE_S = 180.0
FONTS = "'DejaVu Sans Mono', Menlo, Consolas, 'Liberation Mono', monospace"


def save(app: LabeltuiApp, name: str) -> None:
    """Write the screen as an SVG that needs no font from elsewhere."""
    svg = app.export_screenshot(title=f"labeltui · {name}", simplify=True)
    svg = re.sub(r"@font-face\s*\{.*?\}", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font-family:[^;]*;", f"font-family: {FONTS};", svg)
    svg = svg.replace("<svg ", '<svg xml:space="preserve" ', 1)
    path = Path(__file__).with_name(f"{name}.svg")
    path.write_text(svg, encoding="utf-8")
    print(f"{path.relative_to(ROOT)}  {path.stat().st_size:,} bytes")  # noqa: T201


async def until(app: LabeltuiApp, seen: Callable[[Snapshot], bool]) -> None:
    """Wait for the picture to show it."""
    deadline = time.monotonic() + PATIENCE_S
    while app.picture.snapshot is None or not seen(app.picture.snapshot):
        if time.monotonic() > deadline:
            raise TimeoutError("The run did not get there in time.")
        await asyncio.sleep(0.2)


async def press(pilot: Pilot[None], *keys: str) -> None:
    """Press keys and let the poller answer."""
    for key in keys:
        await pilot.press(key)
        await asyncio.sleep(0.4)
    await pilot.pause(0.6)


async def first_session(settings: Settings, run: Path) -> None:
    """The worker in full swing, paused and resumed, at two sizes and in both themes."""
    app = LabeltuiApp(settings, run=run, demo=True)
    async with app.run_test(size=(100, 30)) as pilot:
        await until(app, lambda snapshot: snapshot.settled > EMAILS // 4)
        await press(pilot, "p")
        await until(app, lambda snapshot: snapshot.state.value == "paused" and not snapshot.worker.in_flight)
        await press(pilot)
        save(app, "paused")
        await press(pilot, "p")
        await until(app, lambda snapshot: snapshot.settled > EMAILS // 2)
        await press(pilot)
        save(app, "monitor")
        app.theme = LIGHT
        await press(pilot)
        save(app, "monitor-light")
        app.theme = DARK
        await pilot.resize_terminal(80, 24)
        await press(pilot)
        save(app, "monitor-80x24")
        await pilot.resize_terminal(160, 50)
        await press(pilot)
        save(app, "monitor-160x50")
        await pilot.resize_terminal(110, 30)
        await press(pilot, "k")
        save(app, "keys")
        await press(pilot, "escape", "x")
        await until(app, lambda snapshot: not snapshot.worker.alive)


async def second_session(settings: Settings, run: Path) -> None:
    """Started again: the proof of resumption, then failed emails and one record."""
    app = LabeltuiApp(settings, run=run, demo=True)
    async with app.run_test(size=(110, 30)) as pilot:
        await until(app, lambda snapshot: snapshot.worker.epoch > 1 and snapshot.settled > EMAILS * 3 // 4)
        await press(pilot)
        save(app, "resumed")
        await until(app, lambda snapshot: snapshot.state.value == "done")
        await press(pilot)
        save(app, "done")
        await press(pilot, "e", "f")
        save(app, "failed")
        await press(pilot, "down", "enter")
        save(app, "record")
        await press(pilot, "escape", "l", "0")
        save(app, "label")
        await press(pilot, "escape", "question_mark")
        save(app, "help")


def main() -> None:
    """Make every picture."""
    with tempfile.TemporaryDirectory(prefix="labeltui-pictures-") as folder:
        os.environ["LABELTUI_HOME"] = folder  # the worker is a process of its own and finds it there
        settings = load_settings()
        run, _ = demo.prepare(settings, EMAILS, now=time.time())
        own = settings.for_run(run)
        try:
            asyncio.run(first_session(own, run))
            asyncio.run(second_session(own, run))
        finally:
            wishes.await_answer(run, wishes.stop(run), timeout_s=20)
            time.sleep(1.0)  # the worker closes its files before the folder goes
            simulator = adopt(settings.demo_dir / "simulator.json")
            if simulator is not None:
                simulator.stop()


if __name__ == "__main__":
    main()
