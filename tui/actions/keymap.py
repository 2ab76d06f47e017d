"""Keep the active keys, for every sentence that names one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextvars import ContextVar

_PLACE = re.compile(r"\{(\w+)\}")

DEFAULTS: dict[str, str] = {}
"""The key of each action by its id, where nobody chose others; :mod:`tui.actions.active` fills it."""

_IN_FORCE: ContextVar[Mapping[str, str]] = ContextVar("active keys", default=DEFAULTS)


def use_names(names: Mapping[str, str]) -> None:
    """Let these keys, by the ids of their actions, be named in this console."""
    _IN_FORCE.set(names)


def key(action_id: str) -> str:
    """Return the active key of that action, as a person reads it."""
    return _IN_FORCE.get()[action_id]


def keyed(text: str) -> str:
    """Return the text with each ``{action}`` replaced by its active key; other braces stay."""
    if "{" not in text:
        return text
    names = _IN_FORCE.get()
    return _PLACE.sub(lambda place: names.get(place.group(1), place.group()), text)
