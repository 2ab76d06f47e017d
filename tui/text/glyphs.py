"""The ASCII set: one table from glyphs to characters that every terminal has, at the one door where cells are drawn."""

from __future__ import annotations

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
    "→": ">", "←«‹": "<", "↑▲": "^", "↓▼": "v", "↵⏎": "<", "⌫": "<", "±≈": "~", "×": "x", "≥": ">", "≠": "!", "≤": "<",
    # text
    "·": ".", "…": "~", "–—−‐‑": "-", "“”„": '"', "‘’‚": "'", "\u00a0\u2009\u202f": " ", "⚠⚑": "!",
}  # fmt: skip

ASCII = {glyph: plain for glyphs, plain in _GROUPS.items() for glyph in glyphs} | {"🔎": "/ "}
"""What stands for a glyph, in as many cells. Whatever else is beyond ASCII becomes question marks, one a cell."""


def plain(text: str) -> str:
    """The text in ASCII, in exactly as many cells."""
    if text.isascii():
        return text
    return "".join(char if char.isascii() else _one(char) for char in text)


def _one(char: str) -> str:
    known = ASCII.get(char)
    return known if known is not None else "?" * get_character_cell_size(char)


class AsciiOnly(LineFilter):
    """Draws every cell in ASCII."""

    def apply(self, segments: Iterable[Segment], background: Color) -> list[Segment]:  # noqa: ARG002 - Textual's
        return [
            segment if segment.text.isascii() else Segment(plain(segment.text), segment.style, segment.control)
            for segment in segments
        ]
