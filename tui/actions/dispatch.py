"""Dispatch a key, a clicked hint or a command of the palette to its action, or say why it is not possible now."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import ClassVar, Protocol

from textual.app import SystemCommand

from tui.actions import active as actions
from tui.actions.context import Context, Scope


class Front(Protocol):
    """Describe what is used of a screen: where its actions belong, what decides on them, its panes by their digits."""

    SCOPE: ClassVar[Scope]

    def context(self) -> Context: ...

    def panes(self) -> list[str]: ...


class Dispatch:
    """Act on the topmost screen of ours: its ``do_`` method of the action's name does it, or one of ``doers``."""

    def __init__(
        self,
        front: Callable[[], Front | None],
        shown: Callable[[], object],
        say: Callable[..., None],
        doers: Sequence[object],
    ) -> None:
        """Make it; ``front`` returns the topmost screen of ours, ``shown`` what lies over it or that screen itself."""
        self._front = front
        self._shown = shown
        self._say = say
        self._doers = doers

    def pressed(self, key: str) -> None:
        """Handle a key that some action uses. Over a small window only the shell is reachable."""
        front = self._front()
        if front is None:
            return
        action = actions.for_key(key, front.SCOPE)
        if action is not None and (front is self._shown() or action.id == "suspend"):
            self.perform(action.id, key)

    def perform(self, action_id: str, key: str = "") -> None:
        """Do what is meant, or say why it cannot be done now."""
        front = self._front()
        if front is None:
            return
        action = actions.by_id(action_id)
        reason = action.blocked(front.context())
        if reason is not None:
            self._say(reason, severity="warning")
            return
        doers = (front, *self._doers)
        method = next(method for doer in doers if (method := getattr(doer, f"do_{action_id}", None)) is not None)
        if action_id == "pane":
            method(str(action.keys.index(key) + 1))
        else:
            method()

    def commands(self) -> Iterator[SystemCommand]:
        """Yield what the palette offers: everything that is possible now."""
        front = self._front()
        if front is None:
            return
        context = front.context()
        for action in actions.possible(context):
            if action.id != "pane":
                word = action.label(context)
                yield SystemCommand(
                    word[:1].upper() + word[1:], f"{action.key} · {action.told}", partial(self.perform, action.id)
                )
                continue
            for key, name in zip(action.keys, front.panes(), strict=False):
                yield SystemCommand(f"Pane {name}", f"{key} · {action.told}", partial(self.perform, action.id, key))
