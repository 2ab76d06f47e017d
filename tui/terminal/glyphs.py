"""Replace glyphs by characters that every terminal has (the ASCII set), where cells are drawn."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rich.cells import get_character_cell_size
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_GROUPS = {
    # frames and rules
    "─╌┄┈": "-", "━═╸╺╍": "=", "│┃║▏▎▍▊▉▕▐": "|", "╭╮╰╯┌┐└┘├┤┬┴┼╔╗╚╝┏┓┗┛": "+", "▔": "-",
    # bars, meters and graphs; an eighth of a bar is a frame's bar as well
    "█▇": "#", "▆▅▌▋▀": "=", "▄▃": "-", "▂▁": "_", "░▒▓": ":",
    # states
    "▶▸❯›»": ">", "●•▪": "*", "○◇": "o", "◌◔◑": "%", "◍": "0", "‖": "=", "■": "#", "✕✗✘": "x", "✓✔": "v", "◆": "@",
    "↻": "r", "≡": "=",
    # arrows and signs
    "→": ">", "←«‹": "<", "↑▲": "^", "↓▼": "v", "↵⏎": "<", "⌫": "<", "≈": "~", "×": "x", "≥": ">", "≠": "!", "≤": "<",
    "κ": "k", "α": "a",
    # text
    "·": ".", "–—−‐‑": "-", "“”„": '"', "‘’‚": "'", "\u00a0\u2009\u202f": " ", "⚠⚑": "!",
}  # fmt: skip

ASCII = {glyph: plain for glyphs, plain in _GROUPS.items() for glyph in glyphs} | {"🔎": "/ ", "…": ".", "±": "+"}
"""What replaces a glyph, in as many cells. Whatever else is not ASCII becomes question marks, one a cell."""

_WIDER = {"…": "..", "±": "+-"}
"""Glyphs of one cell whose replacement takes two: the second is a space beside it, else the character before it."""
_WIDER_PLACE = re.compile(r" ([…±])|([…±]) |([^\s…±])(…)")


def plain(text: str) -> str:
    """Return the text in ASCII, in exactly as many cells."""
    if text.isascii():
        return text
    if "…" in text or "±" in text:
        text = _WIDER_PLACE.sub(_two_cells, text)
    return "".join(char if char.isascii() else _one(char) for char in text)


def _two_cells(match: re.Match[str]) -> str:
    before, after, cut, _ = match.groups()
    if cut is not None and get_character_cell_size(cut) != 1:
        return cut + "."
    return _WIDER[before or after or "…"]


def _one(char: str) -> str:
    known = ASCII.get(char)
    return known if known is not None else "?" * get_character_cell_size(char)


class AsciiOnly(LineFilter):
    """Draw every cell in ASCII."""

    def apply(self, segments: Iterable[Segment], background: Color) -> list[Segment]:  # noqa: ARG002 - Textual's
        return [
            segment if segment.text.isascii() else Segment(plain(segment.text), segment.style, segment.control)
            for segment in segments
        ]
