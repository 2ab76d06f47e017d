"""What is copied: no spreadsheet runs a cell or a line of it."""

from __future__ import annotations

import re

import pytest

from core.model import EmailRow, EmailState
from core.text import guarded_lines
from tui.terminal.clipboard import rows_as_text


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\uff1d", "\u200b=", "\ufeff=", "\0="])
def test_no_cell_that_is_copied_from_a_list_begins_like_a_formula(sign: str) -> None:
    """Signs that nobody sees have a glyph in the copy, and then begin no formula; plain numbers stay."""
    row = EmailRow(
        1, 1, f"{sign}cmd|' /C calc'!A0", f"a;{sign}1+1", f"{sign}A1", "", EmailState.LABELED, "-1", "model", 0, None
    )
    cells = rows_as_text([row]).splitlines()[1].split("\t")
    assert cells[2] == "-1"
    starts = [part for cell in cells if cell != "-1" for part in cell.split(";") if part]
    assert not [part for part in starts if re.match(r"['\u200b\ufeff\0]*[=+\-@\uff1d]", part) and part[0] != "'"]
    assert len(starts) == 6


def test_no_line_that_is_copied_from_a_text_calls_a_function() -> None:
    """A line that begins like a formula with a call gets an apostrophe; rules of dashes and lists stay."""
    text = "-----Original Message-----\n- a list\n=HYPERLINK(\"x\")\n  @SUM(1)\n+cmd|' /C calc'!A0\n"
    assert guarded_lines(text) == (
        "-----Original Message-----\n- a list\n'=HYPERLINK(\"x\")\n  @SUM(1)\n'+cmd|' /C calc'!A0\n"
    )
