"""Sentences that give way clause by clause: what is left at each width."""

from __future__ import annotations

import pytest

from tui.text.clauses import Clause, in_rows, indented, on_one_row, whole

SAID = (
    Clause("00:53 for RPM of org_b, until 16:00:53", ("00:53 for RPM of org_b",), rank=2),
    Clause(""),
    Clause("ends 16:35 – 16:45", ("",), rank=1),
    Clause("limited by RPM (3 organizations)", ("limited by RPM", ""), rank=3),
)


@pytest.mark.parametrize(
    ("width", "left"),
    [
        (120, "00:53 for RPM of org_b, until 16:00:53 · ends 16:35 – 16:45 · limited by RPM (3 organizations)"),
        (78, "00:53 for RPM of org_b, until 16:00:53 · ends 16:35 – 16:45 · limited by RPM"),
        (62, "00:53 for RPM of org_b, until 16:00:53 · ends 16:35 – 16:45"),
        (50, "00:53 for RPM of org_b · ends 16:35 – 16:45"),
        (30, "00:53 for RPM of org_b"),
        (5, "00:53 for RPM of org_b"),
    ],
)
def test_clauses_give_way_by_rank_and_no_word_is_cut(width: int, left: str) -> None:
    """The least telling clause goes first, then the next; what has no rank stays whatever the width."""
    assert on_one_row(SAID, width) == left


def test_rows_are_parted_between_clauses() -> None:
    """A sentence with room for more rows is shown whole, and a clause that fits on a row is not torn."""
    said = (Clause("394 labeled"), Clause("6 failed (e shows them)"), Clause("labeltui export demo labels.csv"))
    assert in_rows(said, 60, 3) == ["394 labeled · 6 failed (e shows them)", "labeltui export demo labels.csv"]
    assert in_rows(said, 100, 3) == [whole(said)]


def test_a_shorter_form_that_fits_saves_the_second_row() -> None:
    """Panes below do not move for a word that can be spared."""
    said = (Clause("s starts it again", ("s starts it",), rank=1), Clause("10 kept, 10 pending"))
    assert in_rows(said, 33, 3) == ["s starts it · 10 kept, 10 pending"]


def test_a_clause_longer_than_a_row_is_wrapped_and_one_without_end_is_cut() -> None:
    """However long a reason is, it takes no more rows than it may."""
    assert in_rows((Clause("one two three four"),), 9, 3) == ["one two", "three", "four"]
    cut = in_rows((Clause("word " * 40),), 20, 3)
    assert len(cut) == 3
    assert cut[-1].endswith("…")


def test_figures_go_on_below_their_figure() -> None:
    """What of a line of figures does not fit hangs below what is shown; another line hangs a little."""
    assert indented("  money     about one dollar a day", 24) == ["  money     about one", " " * 12 + "dollar a day"]
    assert indented("  with one more organization: 2 s", 26) == ["  with one more", "    organization: 2 s"]
