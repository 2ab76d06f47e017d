"""Work around behavior of Textual 8 that the console cannot live with; each fix is one function or class."""

from __future__ import annotations

import gc
from collections import deque
from functools import lru_cache, partial
from typing import Any

from textual import events
from textual._styles_cache import StylesCache
from textual.app import App
from textual.command import CommandList, CommandPalette
from textual.driver import Driver
from textual.message_pump import MessagePump
from textual.timer import Timer
from textual.widget import Widget

from tui.terminal.terminal import size_of

YOUNG_OBJECTS = 5_000
"""New objects after which the youngest generation is collected; Python's default is 700."""


KEY_TIMEOUT_S = 0.5
"""Seconds after which the next key is delivered even if the one before was not reported as processed."""


def alive(widget: Widget) -> bool:
    """Return whether a widget can still be drawn on: mounted, and not being removed.

    Results of background jobs may arrive after the screen that asked for them was left: a screen loses its children
    before it is gone itself, and Textual reports it as mounted for ever.
    """
    leaving = not widget.display and widget.styles.display != "none"
    return widget.is_mounted and widget.is_attached and not leaving


class Palette(CommandPalette):
    """Ignore page keys in a list that has no lines yet, where Textual 8 raises an error."""

    def _action_command_list(self, action: str) -> None:
        if self.query_one(CommandList).virtual_size.height:
            super()._action_command_list(action)


def share_color_cache() -> None:
    """Replace a cached method of Textual 8 by one that is keyed by its two colors alone.

    The original caches per instance, so that its last thousand callers, the styles of widgets long closed, stay in
    memory: tens of megabytes after hours of use. Does nothing where Textual does not cache.
    """
    original = getattr(StylesCache.get_inner_outer, "__wrapped__", None)
    if original is None:
        return

    @lru_cache(1024)
    def of_colors(base: Any, background: Any) -> Any:
        return original(None, base, background)

    StylesCache.get_inner_outer = lambda _, base, background: of_colors(base, background)  # type: ignore[method-assign,assignment]


def tune_garbage_collection() -> None:
    """Freeze the objects that exist now and collect less often, so that a full collection delays no key.

    Objects of imports, themes and styles are three quarters of a console's and never become garbage. Call once a
    process, when everything is imported that most keys need.
    """
    if gc.get_freeze_count() == 0:
        gc.freeze()
        gc.set_threshold(YOUNG_OBJECTS, 20, 20)


def resuming_driver() -> type[Driver]:
    """Return a driver for Linux that restores the screen after every stop, also after a SIGSTOP.

    ctrl+z and SIGTSTP give the terminal back first. SIGSTOP cannot be caught, and the shell then sets terminal modes of
    its own: continuing without leaving application mode would read every key twice and restore the wrong modes at exit.
    """
    from textual.drivers.linux_driver import LinuxDriver  # noqa: PLC0415 - not on every system

    class ResumingDriver(LinuxDriver):
        """Leave application mode before entering it again, where the stop came without; use the size of that moment."""

        def _sigcont_application(self, *_: object) -> None:
            if self._auto_restart and not self._must_signal_resume and self._key_thread is not None:
                self.suspend_application_mode()
            super()._sigcont_application()

        def _get_terminal_size(self) -> tuple[int, int]:
            return size_of(self.fileno)

    return ResumingDriver


class OrderedKeysApp(App[None]):
    """Deliver keys and pasted text one at a time, each after the one before was processed everywhere.

    Textual forwards a key to the queue of the focused widget, but runs priority bindings at once, and a window that a
    key opens has no focus yet when the next key arrives. Keys that arrive in a burst (a slow connection, a paste, a
    script) would be reordered or lost. A toast disappears with the next key.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._waiting_keys: deque[events.Key | events.Paste] = deque()
        self._processing = 0
        self._key_timer: Timer | None = None

    async def on_event(self, event: events.Event) -> None:
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded:
            await super().on_event(event)
        elif self._key_timer is not None:
            self._waiting_keys.append(event)
        else:
            await self._deliver(event)

    async def _deliver(self, event: events.Key | events.Paste) -> None:
        if self._notifications:
            self.clear_notifications()
        screen = self.screen
        path: list[MessagePump] = [*(self.focused or screen).ancestors_with_self]
        self._processing += 1
        done = partial(self._processed, self._processing)
        self._key_timer = self.set_timer(KEY_TIMEOUT_S, done)
        await super().on_event(event)
        self._follow(path, screen, done)

    def _follow(self, path: list[MessagePump], screen: MessagePump, done: partial[Any]) -> None:
        """Send a callback through the queues that the key bubbles through, and through a screen that it opened."""
        while path:
            pump = path.pop(0)
            if pump.call_later(self._follow, path, screen, done):
                return
        if self.screen is not screen:
            self._follow([self.screen, self], self.screen, done)
        else:
            self.call_later(done)

    async def _processed(self, number: int) -> None:
        if number != self._processing or self._key_timer is None:
            return
        self._key_timer.stop()
        self._key_timer = None
        if self._waiting_keys:
            await self._deliver(self._waiting_keys.popleft())
