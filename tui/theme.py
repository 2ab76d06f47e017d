"""Two themes of our own, the meanings of colors in them, and the memory of which one was chosen."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

from textual.theme import Theme

DARK = "labeltui-dark"
LIGHT = "labeltui-light"

MEANINGS = {
    "running": "#7fd18b",
    "waiting": "#e6c06a",
    "cooling": "#6fb7d6",
    "failed": "#ef7f86",
    "graph": "#4b9a63",
    "share": "#4684b4",
    "person": "#c79bea",
    "quiet": "#8b95a3",
    "faint": "#4a5361",
    "bright": "#f2f5f8",
    "rule": "#3a424e",
}
"""Colors by meaning, in the dark theme; they also serve themes that know nothing of labeltui."""

_LIGHT_MEANINGS = {
    "running": "#1b7a3c",
    "waiting": "#8a5a00",
    "cooling": "#0b6387",
    "failed": "#b3202f",
    "graph": "#5fae79",
    "share": "#5b96c4",
    "person": "#7a3bb0",
    "quiet": "#5b6470",
    "faint": "#aab2bc",
    "bright": "#14181d",
    "rule": "#c3cad2",
}

THEMES = (
    Theme(
        name=DARK,
        primary="#5aa9e6",
        secondary="#8b95a3",
        accent="#5aa9e6",
        foreground="#d5dbe3",
        background="#12161c",
        surface="#1a2029",
        panel="#232b36",
        success="#7fd18b",
        warning="#e6c06a",
        error="#ef7f86",
        dark=True,
        variables={**MEANINGS, "block-cursor-text-style": "none"},
    ),
    Theme(
        name=LIGHT,
        primary="#0a63a8",
        secondary="#5b6470",
        accent="#0a63a8",
        foreground="#262c33",
        background="#fbfbf9",
        surface="#f0f1ef",
        panel="#e4e7ea",
        success="#1b7a3c",
        warning="#8a5a00",
        error="#b3202f",
        dark=False,
        variables={**_LIGHT_MEANINGS, "block-cursor-text-style": "none"},
    ),
)


def remembered_theme(config_path: Path) -> str:
    """The theme chosen last, or the dark one; an unreadable file is not worth an error."""
    try:
        chosen = tomllib.loads(config_path.read_text(encoding="utf-8")).get("theme", DARK)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return DARK
    return chosen if isinstance(chosen, str) else DARK


def remember_theme(config_path: Path, name: str) -> None:
    """Keep the choice for the next start, beside whatever else the file holds.

    Raises OSError where the file cannot be written.
    """
    import tomli_w  # noqa: PLC0415  (only a change of theme needs it)

    try:
        settings = tomllib.loads(config_path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        settings = {}
    if settings.get("theme") == name:
        return
    settings["theme"] = name
    config_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = config_path.with_suffix(".new")
    fresh.write_text(tomli_w.dumps(settings), encoding="utf-8")
    os.replace(fresh, config_path)  # noqa: PTH105  (atomic, and says so)
