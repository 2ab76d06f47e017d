"""Somebody who types at random, seeded, and a witness who writes down what the engine was asked to change.

The console must not crash, whatever is pressed, clicked or resized, and nothing may change that nobody asked for: every
change follows from an action's key, from a click, or from a small window's own key, and what cannot be taken back or
concerns many only from a window that asked.
"""

from __future__ import annotations

import asyncio
import random
import string
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from textual.pilot import OutOfBounds, Pilot
from textual.widgets import Input, TextArea

from core.commands.command import Command
from core.engine import Engine
from tui.actions.active import all_keys, for_key
from tui.actions.context import Scope
from tui.app import LabeltuiApp
from tui.screens.base_screen import BaseScreen

CHANGES = frozenset(name for name, method in vars(Engine).items() if hasattr(method, "__wrapped__")) | set(
    Command.known
)
"""The methods of the engine that change something, which a read-only engine refuses, and every kind of command."""

ASKED_BEFORE = frozenset({"remove_key", "regroup_key", "clear_bench", "delete_run", "delete", "task", "dry_run"})
"""Changes that only a window which asked may send. Requeueing every failed email is one as well."""

MOVES = (
    "up", "down", "left", "right", "pageup", "pagedown", "home", "end", "tab", "shift+tab", "enter", "escape", "space",
    "backspace", "delete", "ctrl+p",
)  # fmt: skip
SIZES = ((80, 24), (120, 40), (160, 50), (60, 20), (100, 30), (40, 12))
LEAVING = frozenset({"ctrl+z", "ctrl+c", "ctrl+q", "q"})
"""Keys that end or suspend the console; what they do is tested elsewhere."""

BURST = 8
"""Keys in one breath, at most."""
BREATH_S = 0.03
"""Between two of them, at most: less than many an answer takes."""


@dataclass(frozen=True, slots=True)
class Press:
    """What was done last: a key or a click, on which screen, and whether a small window lay on top.

    Of several keys ``in_one_breath`` nobody can tell which of them led to what, nor where each arrived.
    """

    what: str
    scope: str
    window: str
    in_one_breath: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """A change that the engine was asked for, and the press that it followed."""

    name: str
    arguments: tuple[object, ...]
    press: Press


class Monkey:
    """Types into one console. ``calls`` gives what the engine was asked since the last look, changes only."""

    def __init__(
        self,
        app: LabeltuiApp,
        pilot: Pilot[None],
        rng: random.Random,
        settle: Callable[[], Awaitable[None]],
        calls: Callable[[], list[tuple[str, tuple[object, ...]]]],
        *,
        haste: float = 0.0,
    ) -> None:
        """``haste`` is the share of presses that are several keys at once: nothing is waited for between them."""
        self._haste = haste
        self._app = app
        self._pilot = pilot
        self._rng = rng
        self._settle = settle
        self._calls = calls
        self._keys = [key for key in all_keys() if key not in LEAVING]
        self.changes: list[Change] = []
        self.seen: set[str] = set()

    async def act(self) -> Press:
        """Do one thing at random, and write down what it led to."""
        kind = self._rng.random()
        press = self._here("")
        if kind < self._haste:
            keys = [self._key() for _ in range(self._rng.randint(2, BURST))]
            press = replace(self._here(" ".join(keys)), in_one_breath=True)
            for key in keys:
                self._app.simulate_key(key)
                await asyncio.sleep(self._rng.choice((0.0, self._rng.random() * BREATH_S)))
        elif (kind := self._rng.random()) < 0.02:
            size = self._rng.choice(SIZES)
            press = self._here(f"resize {size}")
            await self._pilot.resize_terminal(*size)
        elif kind < 0.10:
            spot = (self._rng.randrange(self._app.size.width), self._rng.randrange(self._app.size.height))
            press = self._here(f"click {spot}")
            with suppress(OutOfBounds):
                await self._pilot.click(offset=spot, times=self._rng.choice((1, 1, 2)))
        else:
            key = self._key()
            press = self._here(key)
            await self._pilot.press(key)
        await self._settle()
        self.changes += [Change(name, arguments, press) for name, arguments in self._calls()]
        self.seen.add(type(self._app.screen).__name__)
        return press

    def _key(self) -> str:
        if isinstance(self._app.focused, Input | TextArea) and self._rng.random() < 0.5:
            return self._rng.choice(string.ascii_letters + string.digits)
        roll = self._rng.random()
        if roll < 0.35:
            return self._rng.choice(MOVES)
        if roll < 0.45:
            return self._rng.choice("yn0123456789")
        return self._rng.choice(self._keys)

    def _here(self, what: str) -> Press:
        front, screen = self._app.front_screen(), self._app.screen
        window = "" if isinstance(screen, BaseScreen) else type(screen).__name__
        return Press(what, front.SCOPE.value if front else "", window)

    def wrong(self) -> Iterator[str]:
        """A sentence for each change that nobody asked for."""
        for change in self.changes:
            press = change.press
            if press.in_one_breath:
                continue
            asks = change.name in ASKED_BEFORE or (change.name == "retry" and change.arguments[-1] is None)
            if asks and not press.window:
                yield f"{change.name}{change.arguments} after {press} without a window that asked"
            elif change.name == "review" and press.scope == Scope.REVIEW.value:
                continue  # its labels are keys of their own
            elif not press.window and not press.what.startswith("click"):
                action = for_key(press.what, Scope(press.scope))
                if action is None or (not action.changes and action.id != "open"):
                    yield f"{change.name}{change.arguments} after {press}, which asks for nothing"
