# ruff: noqa: INP001 - a module of scripts, not a package
"""Takes a screen in every form that is shown: dark, light, in a small terminal and in a wide one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import drawing
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from core.model import Snapshot
from tui.app import LabeltuiApp
from tui.terminal.theme import DARK, LIGHT, PALETTES

MIDDLE = (100, 30)
PATIENCE_S = 180.0
_KEY_S = 0.25
_PICTURE_S = 0.25


@dataclass(frozen=True, slots=True)
class Form:
    """A folder of pictures: their theme and size."""

    folder: str
    theme: str
    size: tuple[int, int]


FORMS = (
    Form("dark", DARK, MIDDLE),
    Form("light", LIGHT, MIDDLE),
    Form("80x24", DARK, (80, 24)),
    Form("160x50", DARK, (160, 50)),
)


class Camera:
    """Writes pictures under a folder; with ``only`` no others than those of these names."""

    def __init__(self, folder: Path, only: Collection[str] = ()) -> None:
        self.folder = folder
        self._only = frozenset(only)
        self.taken: list[str] = []
        self.bytes = 0

    async def take(self, pilot: Pilot[None], name: str, *, forms: tuple[Form, ...] = FORMS) -> None:
        """The screen in sight, in every form; afterwards it is as it was."""
        if self._only and name not in self._only:
            return
        app = _console(pilot)
        for form in forms:
            app.theme = form.theme
            await pilot.resize_terminal(*form.size)
            await settle(pilot)
            self._write(app, form, name)
        self.taken.append(name)
        app.theme = DARK
        await pilot.resize_terminal(*MIDDLE)
        await settle(pilot)

    async def take_theme(self, pilot: Pilot[None], theme: str) -> None:
        """The screen in sight in another theme."""
        await self.take(pilot, theme.removeprefix("labeltui-"), forms=(Form("themes", theme, MIDDLE),))

    def _write(self, app: LabeltuiApp, form: Form, name: str) -> None:
        for kind in (Input, TextArea):
            for widget in app.screen.query(kind):
                widget.cursor_blink = False
        colors = PALETTES[form.theme]
        drawn = drawing.read(app.export_screenshot(simplify=True), form.size, colors.background)
        svg = drawing.picture(drawn, f"labeltui · {name}", colors.background, colors.quiet)
        path = self.folder / form.folder / f"{name}.svg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(svg, encoding="utf-8")
        self.bytes += len(svg.encode())


def _console(pilot: Pilot[None]) -> LabeltuiApp:
    assert isinstance(pilot.app, LabeltuiApp)
    return pilot.app


async def settle(pilot: Pilot[None], seconds: float = _PICTURE_S) -> None:
    """Let the poller answer and the screen be drawn."""
    await pilot.pause(seconds)
    await pilot.pause()


async def press(pilot: Pilot[None], *keys: str) -> None:
    """Press keys, and see what each has done."""
    for key in keys:
        await pilot.press(key)
        await settle(pilot, _KEY_S)
    await settle(pilot, 0.6)


async def until(app: LabeltuiApp, seen: Callable[[Snapshot], bool], patience_s: float = PATIENCE_S) -> None:
    """Wait for the console to show it."""
    deadline = time.monotonic() + patience_s
    while app.view_state.snapshot is None or not seen(app.view_state.snapshot):
        if time.monotonic() > deadline:
            raise TimeoutError("The run did not get there in time.")
        await asyncio.sleep(0.05)
