"""What the console looks like at moments worth a picture: each a run in memory and the keys that lead there."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from core.model import RunState, Wait
from tests.tui.conftest import CAPABLE, HOPS
from tests.tui.fake_engine import FakeEngine
from tests.tui.fakes import NOW, FakeRun, email, running, settings_in, stopped
from tests.tui.test_task import with_versions
from tui.app import LabeltuiApp

HOME = Path("/tmp/labeltui-scenes")
"""Where the run of the scenes would lie: paths stand on some screens, so they must not differ."""


def _paused() -> FakeRun:
    run = running()
    run.state, run.in_flight, run.asking = RunState.PAUSED, 0, {}
    run.reason = "paused by a person"
    return run


def _waiting() -> FakeRun:
    run = running()
    run.state, run.in_flight, run.asking = RunState.WAITING, 0, {}
    run.wait = Wait(NOW + 41, "TPD", "org_b", "every organization waits")
    return run


def _done() -> FakeRun:
    run = running(400, 400)
    run.state, run.alive, run.in_flight, run.asking = RunState.DONE, False, 0, {}
    return run


def _stopped() -> FakeRun:
    return stopped(5031, 2871)


def _stale() -> FakeRun:
    run = running()
    run.state, run.beat_at = RunState.STALE, NOW - 47
    return run


def _new() -> FakeRun:
    return FakeRun(emails=[email(n) for n in range(5031)])


@dataclass(frozen=True, slots=True)
class Scene:
    """A name, the run, and the keys pressed one after the other; ``listed`` begins on the list of runs.

    A ``screen`` is worth a picture at every size and in both themes, a state of one only once.
    """

    name: str
    keys: tuple[str, ...] = ()
    run: Callable[[], FakeRun] = running
    listed: bool = False
    change: Callable[[FakeEngine], None] | None = None
    read_only: bool = False
    tour: bool = False
    screen: bool = False


def _no_runs(engine: FakeEngine) -> None:
    engine.all_runs = []


def _no_keys(engine: FakeEngine) -> None:
    engine.held, engine.quota = [], ()


SCENES = (
    Scene("runs", listed=True, screen=True),
    Scene("runs-empty", listed=True, change=_no_runs),
    Scene("monitor", screen=True),
    Scene("monitor-new", run=_new),
    Scene("monitor-paused", run=_paused),
    Scene("monitor-waiting", run=_waiting),
    Scene("monitor-stale", run=_stale),
    Scene("monitor-stopped", run=_stopped),
    Scene("monitor-done", run=_done),
    Scene("monitor-read-only", read_only=True),
    Scene("pause-requested", ("p",)),
    Scene("zoomed-keys", ("3", "z")),
    Scene("emails", ("e",), screen=True),
    Scene("emails-failed", ("e", "f")),
    Scene("emails-found", ("e", "slash", *"state:failed", "enter")),
    Scene("emails-nothing-found", ("e", "slash", *"unicorn", "enter")),
    Scene("causes", ("e", "g")),
    Scene("record", ("e", "f", "enter"), screen=True),
    Scene("label", ("e", "f", "l")),
    Scene("retry-all", ("T",)),
    Scene("keys", ("k",), screen=True),
    Scene("keys-empty", ("k",), change=_no_keys),
    Scene("add-key", ("k", "a")),
    Scene("help", ("question_mark",), screen=True),
    Scene("help-of-a-pane", ("3", "question_mark")),
    Scene("key-record", ("k", "enter"), screen=True),
    Scene("swap-requested", ("K",)),
    Scene("sort", ("e", "o")),
    Scene("save", ("e", "S")),
    Scene("note", ("e", "m")),
    Scene("task", ("j",), run=with_versions, screen=True),
    Scene("task-edit", ("j", "E"), run=with_versions),
    Scene("messages", ("e", "Y"), screen=True),
    Scene("themes", ("ctrl+y",)),
    Scene("new-run", ("w",), listed=True, screen=True),
    Scene("copy-run", ("c",), listed=True),
    Scene("delete-run", ("delete",), run=_stopped, listed=True),
    Scene("tour", tour=True),
    Scene("view-held", ("h",)),
)


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
    if scene.change is not None:
        scene.change(engine)
    app = LabeltuiApp(
        settings,
        run=None if scene.listed else run.path,
        read_only=scene.read_only,
        engine=engine,
        clock=lambda: engine.now,
        threaded=False,
        terminal=CAPABLE,
        tour=scene.tour,
    )
    app.theme = theme

    async def play(pilot: Pilot[None]) -> None:
        await settle(pilot)
        for key in scene.keys:
            await pilot.press(key)
            await settle(pilot)
        for kind in (Input, TextArea):
            for widget in app.screen.query(kind):
                widget.cursor_blink = False
        await settle(pilot)

    return app, play
