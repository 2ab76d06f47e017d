"""List all actions with their active keys. Bindings, footer, palette, help and the guide's table come from it.

An action that is not possible now stays in sight, dimmed, and says why when its key is pressed: ``blocked`` gives the
reason, or None.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import replace

from core.engine import READ_ONLY
from tui.actions import keymap
from tui.actions.action import Action
from tui.actions.catalog import ALL
from tui.actions.context import Context, Scope


def _guarded(action: Action) -> Action:
    """Return the action, disabled in a read-only console."""
    return replace(action, blocked=lambda context: READ_ONLY if context.read_only else action.blocked(context))


ACTIONS = tuple(_guarded(action) if action.changes else action for action in ALL)
"""Every action, with the keys that it has where nobody chose others."""

keymap.DEFAULTS.update((action.id, action.key) for action in ACTIONS)

_ACTIVE: ContextVar[tuple[Action, ...]] = ContextVar("active actions", default=ACTIONS)


def use(actions: Sequence[Action]) -> None:
    """Use these actions, with their keys, in this console."""
    _ACTIVE.set(tuple(actions))
    keymap.use_names({action.id: action.key for action in actions})


def every_action() -> tuple[Action, ...]:
    """Return every action, with the keys of this console."""
    return _ACTIVE.get()


def by_id(action_id: str) -> Action:
    """Return the action of that name, with its active keys."""
    return next(action for action in every_action() if action.id == action_id)


def for_key(key: str, scope: Scope) -> Action | None:
    """Return the action of this key on this screen."""
    return next((action for action in every_action() if key in action.keys and scope in action.scopes), None)


def in_scope(scope: Scope) -> list[Action]:
    """Return the actions of one screen, in the order of the list."""
    return [action for action in every_action() if scope in action.scopes]


def possible(context: Context) -> list[Action]:
    """Return the actions that can be done now, for the palette."""
    return [action for action in in_scope(context.scope) if action.blocked(context) is None]


def all_keys() -> list[str]:
    """Return every key that some action uses, each once."""
    return sorted({key for action in every_action() for key in action.keys})
