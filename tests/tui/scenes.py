"""Scenes of the console for snapshots: each a run in memory and the steps that lead there."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from core.model import RunState, Wait
from tests.tui.conftest import CAPABLE, HOPS
from tests.tui.fake_engine import FakeEngine
from tests.tui.fakes import NOW, FakeRun, running, settings_in
from tests.tui.test_task import with_versions
from tui.app import LabeltuiApp
from tui.terminal.theme import DARK, LIGHT

HOME = Path(f"/tmp/labeltui-scenes-{os.getpid():08d}")
"""Where the run of the scenes is. Each process has its own, so that tests can run side by side."""
SHOWN_HOME = "/tmp/labeltui-scenes-00000000"
"""What stands for it in pictures, in as many cells."""


def _waiting() -> FakeRun:
    run = running()
    run.state, run.in_flight, run.asking = RunState.WAITING, 0, {}
    run.wait = Wait(NOW + 41, "TPD", "org_b", "every organization waits")
    return run


def _done() -> FakeRun:
    run = running(400, 400)
    run.state, run.alive, run.in_flight, run.asking = RunState.DONE, False, 0, {}
    return run


@dataclass(frozen=True, slots=True)
class Scene:
    """A name, the run, and what leads to the moment: keys, and actions by name behind a colon.

    ``listed`` begins on the list of runs. ``forms`` are the sizes and themes in which it is compared.
    """

    name: str
    forms: tuple[tuple[int, int, str], ...]
    steps: tuple[str, ...] = ()
    run: Callable[[], FakeRun] = running
    listed: bool = False


SMALL, MIDDLE, LARGE = (80, 24, DARK), (120, 40, DARK), (160, 50, DARK)
LEAST, SMALL_LIGHT = (60, 20, DARK), (80, 24, LIGHT)

SCENES = (
    Scene("monitor", (LEAST, SMALL, SMALL_LIGHT, MIDDLE, LARGE)),
    Scene("monitor-waiting", (SMALL,), run=_waiting),
    Scene("monitor-done", (LARGE,), run=_done),
    Scene("emails", (SMALL, LARGE), (":emails",)),
    Scene("emails-failed", (SMALL,), (":emails", ":filter")),
    Scene("record", (LEAST, SMALL), (":emails", ":filter", "enter")),
    Scene("label", (SMALL,), (":emails", ":filter", ":label")),
    Scene("keys", (SMALL,), (":keys",)),
    Scene("task", (SMALL, MIDDLE), (":task",), run=with_versions),
    Scene("help", (SMALL,), (":help",)),
    Scene("runs", (SMALL,), listed=True),
    Scene("new-run", (SMALL,), (":new_run",), listed=True),
)
"""Screens whose layout no other test looks at as a whole."""


def furnish() -> None:
    """Put files where a new run looks for them first: some that can be read, one that cannot."""
    folder = HOME / "mail"
    folder.mkdir(parents=True, exist_ok=True)
    for name, lines in (("inbox.csv", 40), ("sent.jsonl", 12), ("archive.mbox", 900), ("notes.docx", 3)):
        path = folder / name
        path.write_text("x" * 79 * lines, encoding="utf-8")
        os.utime(path, (NOW - 7200, NOW - 7200))


async def settle(pilot: Pilot[None]) -> None:
    """Let messages that lead to messages arrive."""
    for _ in range(HOPS):
        await asyncio.sleep(0)
    await pilot.pause()


def stage(scene: Scene, theme: str) -> tuple[LabeltuiApp, Callable[[Pilot[None]], object]]:
    """The console of a scene in a theme, and what leads it to the moment."""
    settings = settings_in(HOME)
    run = scene.run()
    run.path = settings.runs_dir / f"{run.name}.db"
    engine = FakeEngine(settings, run)
    app = LabeltuiApp(
        settings,
        run=None if scene.listed else run.path,
        engine=engine,
        clock=lambda: engine.now,
        threaded=False,
        terminal=CAPABLE,
    )
    app.theme = theme
    _make_comparable(app)

    async def play(pilot: Pilot[None]) -> None:
        await settle(pilot)
        for step in scene.steps:
            if step.startswith(":"):
                app.perform(step[1:])
            else:
                await pilot.press(step)
            await settle(pilot)
        for kind in (Input, TextArea):
            for widget in app.screen.query(kind):
                widget.cursor_blink = False
        await settle(pilot)

    return app, play


def _make_comparable(app: LabeltuiApp) -> None:
    """Let pictures of this console show the same paths and class names in every process."""
    export = app.export_screenshot

    def exported(**options: Any) -> str:
        svg = export(**options)
        for own, shown in ((str(HOME), SHOWN_HOME), (HOME.name, SHOWN_HOME.rpartition("/")[2])):
            svg = svg.replace(own, shown)
        return re.sub(r"terminal-\d+", "terminal", svg)

    app.export_screenshot = exported  # type: ignore[method-assign]
