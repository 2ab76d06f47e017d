# ruff: noqa: INP001 - a module of scripts, not a package
"""Take a screen as an SVG: in the dark theme, and two screens in every size and theme."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import drawing
from catalog import IN_EVERY_FORM
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from core.model import Snapshot
from tui.app import LabeltuiApp
from tui.terminal.theme import ANSI, DARK, LIGHT, PALETTES, PREFIX

MIDDLE = (100, 30)
PATIENCE_S = 180.0
_KEY_S = 0.25
_PICTURE_S = 0.25


@dataclass(frozen=True, slots=True)
class Form:
    """Hold the theme and size of a folder of pictures."""

    folder: str
    theme: str
    size: tuple[int, int]


DARK_FORM = Form("dark", DARK, MIDDLE)
OTHER_FORMS = (
    Form("light", LIGHT, MIDDLE),
    Form("80x24", DARK, (80, 24)),
    Form("160x50", DARK, (160, 50)),
    *(Form("themes", theme, MIDDLE) for theme in PALETTES if theme not in (DARK, LIGHT, ANSI)),
)
"""The other forms of the screens that :data:`catalog.IN_EVERY_FORM` names."""


class Camera:
    """Write pictures under a folder; with ``only`` those of these names only."""

    def __init__(self, folder: Path, only: Collection[str] = ()) -> None:
        self.folder = folder
        self._only = frozenset(only)
        self.taken: list[str] = []
        self.bytes = 0

    async def take(self, pilot: Pilot[None], name: str) -> None:
        """Take the present screen in the dark theme, and in all forms where the catalog says so; then restore it."""
        if self._only and name not in self._only:
            return
        app = _console(pilot)
        for form in (DARK_FORM, *(OTHER_FORMS if name in IN_EVERY_FORM else ())):
            app.theme = form.theme
            await pilot.resize_terminal(*form.size)
            await settle(pilot)
            self._write(app, form, name)
        self.taken.append(name)
        app.theme = DARK
        await pilot.resize_terminal(*MIDDLE)
        await settle(pilot)

    def _write(self, app: LabeltuiApp, form: Form, name: str) -> None:
        for kind in (Input, TextArea):
            for widget in app.screen.query(kind):
                widget.cursor_blink = False
        colors = PALETTES[form.theme]
        drawn = drawing.read(app.export_screenshot(simplify=True), form.size, colors.background)
        svg = drawing.picture(drawn, f"labeltui · {name}", colors.background, colors.quiet)
        theme = f"-{form.theme.removeprefix(PREFIX)}" if form.folder == "themes" else ""
        path = self.folder / form.folder / f"{name}{theme}.svg"
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
    """Press keys, and let the screen settle after each."""
    for key in keys:
        await pilot.press(key)
        await settle(pilot, _KEY_S)
    await settle(pilot, 0.6)


async def act(pilot: Pilot[None], *actions: str) -> None:
    """Perform actions by name, whatever their keys are, and let the screen settle after each."""
    for action in actions:
        _console(pilot).perform(action)
        await settle(pilot, _KEY_S)
    await settle(pilot, 0.6)


async def until(app: LabeltuiApp, seen: Callable[[Snapshot], bool], patience_s: float = PATIENCE_S) -> None:
    """Wait for the console to show it."""
    deadline = time.monotonic() + patience_s
    while app.view_state.snapshot is None or not seen(app.view_state.snapshot):
        if time.monotonic() > deadline:
            raise TimeoutError("The run did not get there in time.")
        await asyncio.sleep(0.05)
