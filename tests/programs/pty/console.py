"""The console as a process of its own, which tells after each key what stands on its screen.

``python -m tests.programs.pty.console RUNS_HOME RUN|- obliging|refusing REPORT_FD``. Reading is the real engine's; commands are
answered at once with hostile sentences, or refused with them, so that the run stays as it is.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual import events
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

import tui.app
from core.engine import Engine
from core.errors import LabeltuiError
from core.model import DryRunResult, SampledEmail
from core.settings import Settings, load_settings
from core.text import UNSAFE
from tests.programs.pty.hostile import NOW, Marks
from tui.actions import active as actions
from tui.app import LabeltuiApp
from tui.screens.base_screen import BaseScreen

READS = frozenset(
    {
        *("runs", "view", "search", "keys", "key_past", "count", "operator", "task_choices", "task_file", "what_goes"),
        *("preview", "look_at", "look_into", "check_copy", "forecast", "name_for", "name_trouble"),
        *("draft_path", "draft", "save_draft", "discard_draft", "text_of", "dry_run_cost", "notify_setup"),
        "check_writable",
    }
)
"""What reads only, and is done by the real engine. Whatever is not named here or below is refused."""

ANSWERED = frozenset(
    {"start", "pause", "resume", "stop", "retry", "retry_these", "skip", "label", "swap", "activate", "relabel"}
)
DONE = frozenset({"set_enabled", "remove_key", "pin_key", "regroup_key"})
HOPS = 60


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a command at once."""

    id: str | None
    sentence: str
    at_once: bool


def engine_of(settings: Settings, manner: str) -> Engine:
    """An engine that changes nothing, and answers in texts that cannot be trusted."""
    evil = Marks().evil("sentence")
    engine = Engine(settings)

    def refuse(*_: Any, **__: Any) -> Any:
        raise LabeltuiError(evil)

    def answer(*_: Any, **__: Any) -> Answer:
        return Answer(None, evil, at_once=True)

    def put(name: str, method: Callable[..., Any]) -> None:
        object.__setattr__(engine, name, method)

    asked = {name for kind in Engine.__mro__ for name in vars(kind) if not name.startswith("_")}
    for name in sorted(asked - READS):
        if not callable(getattr(Engine, name, None)):
            continue
        if manner == "refusing":
            put(name, refuse)
        elif name in ANSWERED:
            put(name, answer)
        elif name in DONE:
            put(name, lambda *_, **__: None)
        elif name == "add_key":
            put(name, lambda *_, **__: evil)
        else:
            put(name, refuse)
    put("dry_run", refuse if manner == "refusing" else lambda *_, **__: Trial(evil))
    return engine


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial of a draft whose every word is hostile."""

    evil: str

    def results(self) -> Iterator[DryRunResult]:
        """What came of two emails."""
        of = SampledEmail(1, self.evil, self.evil, self.evil, "model")
        yield DryRunResult(of, self.evil, self.evil, "", 1, 400)
        yield DryRunResult(of, None, self.evil, self.evil, 3, 900)

    def cancel(self) -> None:
        """There is nothing to end."""


class WatchedConsole(LabeltuiApp):
    """Reports on the file descriptor ``report`` when it stands, and when a key or a paste has had its effect."""

    CSS_PATH = Path(tui.app.__file__).with_name("labeltui.tcss")

    def __init__(self, settings: Settings, run: Path | None, manner: str, report: int) -> None:
        super().__init__(settings, run=run, engine=engine_of(settings, manner), clock=lambda: NOW, threaded=False)
        self._report = report
        self._done = 0
        self._pilot = Pilot(self)
        self._tasks: set[asyncio.Task[None]] = set()

    def on_ready(self) -> None:
        self._later()

    async def on_event(self, event: events.Event) -> None:
        pressed = isinstance(event, events.Key | events.Paste) and not event.is_forwarded
        await super().on_event(event)
        if pressed:
            self._done += 1
            self.poller.read()
            self._later()

    def _later(self) -> None:
        task = asyncio.create_task(self._tell())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self) -> None:
        done = self._done
        for _ in range(2):
            for _ in range(HOPS):
                await asyncio.sleep(0)
            await self._pilot._wait_for_screen()
        self.screen._on_timer_update()
        await asyncio.sleep(0)
        os.write(self._report, (json.dumps(self._seen(done)) + "\n").encode())

    def _typed(self) -> list[str]:
        """What stands in fields."""
        screens = self.screen_stack
        return [field.value for screen in screens for field in screen.query(Input)] + [
            field.text for screen in screens for field in screen.query(TextArea)
        ]

    def _seen(self, done: int) -> dict[str, Any]:
        screen = self.screen
        kinds = {
            f"{kind.__module__}.{kind.__qualname__}"
            for widget in (screen, *screen._compositor.visible_widgets)
            for kind in type(widget).__mro__
            if kind.__module__.startswith("tui.")
        }
        ours = [kind for kind in type(screen).__mro__ if kind.__module__.startswith("tui.")]
        declared = {
            key
            for kind in ours
            for binding in getattr(kind, "BINDINGS", ())
            for key in (binding.key if hasattr(binding, "key") else binding[0]).split(",")
        }
        on_sheet = isinstance(screen, BaseScreen)
        return {
            "done": done,
            "stack": [type(each).__name__ for each in self.screen_stack],
            "sheet": on_sheet,
            "keys": [key for action in actions.in_scope(screen.SCOPE) for key in action.keys] if on_sheet else [],
            "declared": sorted(declared),
            "inputs": len(screen.query(Input)) + len(screen.query(TextArea)) if not on_sheet else 0,
            "typing": isinstance(self.focused, Input | TextArea),
            "shown": sorted(kinds),
            "caught": self.inert_lines.caught,
            "soiled": any(UNSAFE.search(text) for text in self._typed()),
        }


def main() -> int:
    """Run the console until it is left."""
    home, run, manner, report = sys.argv[1:]
    settings = load_settings({"LABELTUI_HOME": home})
    app = WatchedConsole(settings, None if run == "-" else Path(run), manner, int(report))
    app.run()
    if app.leave_message:
        from tui.commands import say

        say(app.leave_message)
    return app.return_code or 0


if __name__ == "__main__":
    sys.exit(main())
