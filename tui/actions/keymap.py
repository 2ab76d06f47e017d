"""The keys in force, for every sentence that names one."""

from __future__ import annotations

import re

_PLACE = re.compile(r"\{(\w+)\}")


def key(action_id: str) -> str:
    """The key in force of that action, as a person reads it."""
    return _names()[action_id]


def keyed(text: str) -> str:
    """The text with each ``{action}`` replaced by its key in force; other braces stay."""
    if "{" not in text:
        return text
    names = _names()
    return _PLACE.sub(lambda place: names.get(place.group(1), place.group()), text)


def _names() -> dict[str, str]:
    from tui.actions.active import in_force  # noqa: PLC0415  (its own sentences come through here)

    return {action.id: action.key for action in in_force()}
