"""Themes of our own, and the meanings of colors in them."""

from __future__ import annotations

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
