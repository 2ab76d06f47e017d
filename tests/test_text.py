"""Foreign text before a terminal sees it: one visible glyph for each character that acts or hides."""

from __future__ import annotations

import pytest

from core.text import inert


@pytest.mark.parametrize(
    ("character", "shown"),
    [
        ("\x00", "\u2400"), ("\x1b", "\u241b"), ("\x1f", "\u241f"), (" ", " "), ("\t", "\t"), ("\n", "\n"),
        ("\x7f", "\u2421"), ("\x9b", "\u00b7"), ("\u202e", "\u00b7"), ("\u200b", "\u00b7"), ("\u2028", "\u240a"),
        ("\u2029", "\u240a"), ("\ud83d", "\ufffd"), ("\ufe0f", ""), ("é", "é"),
    ],
    ids=lambda text: "-".join(f"{ord(each):04x}" for each in text) or "none",
)  # fmt: skip
def test_what_acts_or_hides_becomes_one_glyph(character: str, shown: str) -> None:
    """Control characters show their picture, line separators that of a line feed, invisible ones a dot."""
    assert inert(f"a{character}b") == f"a{shown}b"
