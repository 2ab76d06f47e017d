"""Let consoles in tests cost little: no clock, each style sheet parsed once, and nothing drawn that nobody looks at.

Textual's pilot sleeps 20 ms at a time, and more while other programs use the processor. Here the event loop itself is asked:
with nothing ready to run, and nothing on the screen left to draw, every message has arrived.

A console without a terminal draws each frame and throws it away, for a third of a test's time. Here a frame is laid out and
counts as drawn; who reads the screen or takes a picture has it drawn then.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import pytest
from textual import _wait, constants
from textual import app as textual_app
from textual import pilot as textual_pilot
from textual._compositor import Compositor
from textual._context import active_app, visible_screen_stack
from textual.app import App
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.screen import Screen

from tui.widgets.lists.rows import Rows

TURNS = 20_000
"""Turns of the event loop after which a console that never comes to rest is left as it is; a full screen takes about 100."""

PARSED: dict[Any, list[RuleSet]] = {}
"""Rules by the variables of a theme, the text and where it is from; a console changes none of them."""

parse_rules = Stylesheet._parse_rules
render_update = Compositor.render_update


async def wait_until_quiet(min_sleep: float = _wait.SLEEP_GRANULARITY, max_sleep: float = 1) -> None:
    """Return once no task is ready to run and the screen is drawn; stands in for Textual's ``wait_for_idle``.

    A console with threads is waited for as Textual does: what a thread does is not in the event loop.
    """
    app = active_app.get(None)
    if app is None or getattr(app, "threaded", False):
        await _wait.wait_for_idle(min_sleep, max_sleep)
        return
    ready: deque[Any] = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]
    for _ in range(TURNS):
        await asyncio.sleep(0)
        if ready:
            continue
        if app._running and app._resize_event is not None:
            app._check_resize()
        elif (screen := _undrawn(app)) is not None:
            screen._on_timer_update()
        else:
            return


def _undrawn(app: App[Any]) -> Screen[Any] | None:
    """The screen in front, if it waits for its next frame; it would be drawn within 1/60 s."""
    if app._exit or not app._running or not app.screen_stack or app._batch_count:
        return None
    screen = app.screen
    waits = (
        screen._layout_required
        or screen._scroll_required
        or screen._repaint_required
        or screen._recompose_required
        or screen._dirty_widgets
        or screen._callbacks
    )
    return screen if screen._running and screen.is_current and waits else None


def _parse_once(sheet: Stylesheet, css: str, *where: Any, **more: Any) -> list[RuleSet]:
    """Parse a part of a style sheet the first time that any console needs it."""
    key = (frozenset(sheet._variables.items()), css, where, tuple(more.items()))
    if key not in PARSED:
        PARSED[key] = parse_rules(sheet, css, *where, **more)
    return PARSED[key]


def _lay_out_only(
    compositor: Compositor, full: bool = False, screen_stack: list[Screen[Any]] | None = None, simplify: bool = False
) -> Any:
    """Draw nothing but what is asked for as a whole (a picture); stands in for ``Compositor.render_update``."""
    if full:
        return render_update(compositor, full, screen_stack, simplify)
    visible_screen_stack.set([] if screen_stack is None else screen_stack)
    compositor._dirty_regions.clear()
    for widget in compositor.visible_widgets:
        if isinstance(widget, Rows):  # it asks for the pages that its lines show
            for y in range(widget.size.height):
                widget.render_line(y)
    return None


def make_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pilots wait for the event loop rather than for time, and let nothing move that is to be seen at its end."""
    monkeypatch.setattr(textual_app, "wait_for_idle", wait_until_quiet)
    monkeypatch.setattr(textual_pilot, "wait_for_idle", wait_until_quiet)
    monkeypatch.setattr(constants, "TEXTUAL_ANIMATIONS", "none")
    monkeypatch.setattr(Stylesheet, "_parse_rules", _parse_once)
    monkeypatch.setattr(Compositor, "render_update", _lay_out_only)
