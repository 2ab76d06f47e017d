"""Apply the operator's own keys, the ``[keys]`` table of the settings, to the list of actions. Pure.

What cannot be taken is reported in a sentence that names file, line and entry, and the default is used for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from textual.keys import Keys, _character_to_key

if TYPE_CHECKING:
    from tui.actions.action import Action

SHORT = {"escape": "esc", "delete": "del", "pageup": "pgup", "pagedown": "pgdn"}
"""How keys with long names are written on the screen; the settings take both."""

FIXED = {
    "ctrl+p": "it opens the palette",
    "ctrl+q": "it leaves at once",
    "ctrl+c": "it copies what is selected",
    "tab": "it moves the focus",
    "shift+tab": "it moves the focus",
    "ctrl+i": "terminals send it for tab",
    "ctrl+m": "terminals send it for enter",
    **dict.fromkeys(
        ("up", "down", "pageup", "pagedown", "home", "end", "j", "k", "g", "G"), "it moves in lists and texts"
    ),
}
"""Keys that cannot be given to an action, and why."""

_NAMED = {key.value for key in Keys if not key.value.startswith("<")}

_PANES_BEFORE = 8
"""Panes that had keys before places had one: settings with so many are still taken."""


def readable(key: str) -> str:
    """Return a key of Textual's as a person reads it: ``^t``, ``?``, ``esc``."""
    if key in SHORT:
        return SHORT[key]
    if key.startswith("ctrl+"):
        return "^" + readable(key.removeprefix("ctrl+"))
    if len(key) == 1 or key in _NAMED or key == "space":
        return key
    return next((char for char in map(chr, range(33, 127)) if _character_to_key(char) == key), key)


def parsed(text: str) -> str | None:
    """Return the key as Textual names it, from how a person writes it; None where it is none."""
    text = text.strip() if text != " " else "space"
    if len(text) == 1 and text.isprintable():
        return _character_to_key(text)
    name = text.lower()
    if len(name) == 2 and name[0] == "^":
        name = "ctrl+" + name[1]
    name = {short: full for full, short in SHORT.items()}.get(name, name)
    if name in _NAMED or name == "space":
        return name
    return name if any(_character_to_key(char) == name for char in map(chr, range(33, 127))) else None


def rekeyed(
    actions: Sequence[Action], table: Mapping[str, Any], where: Callable[[str], str]
) -> tuple[tuple[Action, ...], tuple[str, ...]]:
    """Return the actions with the keys that the table gives them, and a sentence on each entry that was not taken.

    ``where`` names the place of an entry. Of two entries that claim one key on one screen neither is taken.
    """
    known = {action.id: action for action in actions}
    troubles: list[str] = []
    given: dict[str, tuple[str, ...]] = {}
    for name, value in table.items():
        if name not in known:
            from difflib import get_close_matches  # noqa: PLC0415  (only for a slip)

            near = get_close_matches(name, known, 1)
            meant = f" Did you mean {near[0]}?" if near else f" Actions are {', '.join(known)}."
            troubles.append(f"{where(name)}: there is no such action.{meant}")
            continue
        if name == "pane" and isinstance(value, list) and len(value) == _PANES_BEFORE:
            value = [*value, known[name].keys[-1]]  # noqa: PLW2901 - as it was written before there were nine
        keys, trouble = _keys_of(value, len(known[name].keys) if name == "pane" else None)
        if trouble:
            troubles.append(f"{where(name)}: {trouble} {known[name].key} stays its key.")
        else:
            given[name] = keys
    while clash := _clash(actions, given):
        key, first, second = clash
        for name, other in ((first, second), (second, first)):
            if name in given:
                del given[name]
                troubles.append(
                    f"{where(name)}: {readable(key)} is the key of {other} on the same screen."
                    f" {known[name].key} stays the key of {name}."
                )
    return tuple(_with_keys(action, given.get(action.id)) for action in actions), tuple(troubles)


def _keys_of(value: Any, exactly: int | None) -> tuple[tuple[str, ...], str]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
        return (), 'a key is a text such as "P" or "ctrl+r", or a list of such texts.'
    keys: list[str] = []
    for text in texts:
        key = parsed(text)
        if key is None:
            return (), f'"{text}" is no key. Write a character, or a name such as f5, ctrl+r, space, delete.'
        if key in FIXED:
            return (), f"{text} cannot be given away: {FIXED[key]}."
        keys.append(key)
    if exactly is not None and len(keys) != exactly:
        return (), f"it takes a list of {exactly} keys, one for each."
    return tuple(dict.fromkeys(keys)), ""


def _clash(actions: Sequence[Action], given: Mapping[str, tuple[str, ...]]) -> tuple[str, str, str] | None:
    """Return the first key that two actions of one screen would share, and both, where the table assigned it."""
    for n, one in enumerate(actions):
        for other in actions[n + 1 :]:
            if one.scopes.isdisjoint(other.scopes) or not {one.id, other.id} & set(given):
                continue
            shared = set(given.get(one.id, one.keys)) & set(given.get(other.id, other.keys))
            if shared:
                return min(shared), one.id, other.id
    return None


def _with_keys(action: Action, keys: tuple[str, ...] | None) -> Action:
    if keys is None or keys == action.keys:
        return action
    name = " ".join(readable(key) for key in keys) if action.id == "pane" else readable(keys[0])
    return replace(action, keys=keys, key=name)
