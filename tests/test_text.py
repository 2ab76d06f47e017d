"""Foreign text before a terminal sees it: one visible glyph for each character that acts or hides."""

from __future__ import annotations

import pytest

from core.text import counted, guarded, guarded_lines, inert, one_line, plural_of, with_article, without_halves


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


@pytest.mark.parametrize(  # ruff takes one half of a pair for another
    ("character", "shown"),
    [("\ud7ff", "\ud7ff"), ("\ud800", "\ufffd"), ("\udfff", "\ufffd"), ("\ue000", "\ue000")],  # noqa: PT014
    ids=ascii,
)
def test_only_half_surrogate_pairs_are_replaced(character: str, shown: str) -> None:
    """From the first to the last of them, on the screen and where a text is written as UTF-8."""
    assert inert(f"a{character}") == without_halves(f"a{character}") == f"a{shown}"


@pytest.mark.parametrize(
    ("noun", "many", "article"),
    [
        ("email", "emails", "an"), ("query", "queries", "a"), ("day", "days", "a"), ("y", "ies", "a"), ("address", "addresses", "an"),
        ("box", "boxes", "a"), ("quiz", "quizes", "a"), ("batch", "batches", "a"), ("wish", "wishes", "a"), ("item", "items", "an"),
        ("order", "orders", "an"), ("user story", "user stories", "a"), ("umbrella", "umbrellas", "an"), ("abstract", "abstracts", "an"),
        ("Entry", "Entries", "an"), ("review", "reviews", "a"), ("us", "uses", "a"), ("u", "us", "an"),
    ],
)  # fmt: skip
def test_nouns_follow_the_spelling_of_english(noun: str, many: str, article: str) -> None:
    """For whatever a task calls its items: plural, article, and a count that is 1 or not."""
    assert plural_of(noun) == many
    assert with_article(noun) == f"{article} {noun}"
    assert [counted(count, noun) for count in (0, 1, 2, 3_000)] == [
        f"0 {many}",
        f"1 {noun}",
        f"2 {many}",
        f"3,000 {many}",
    ]
    assert [counted(count, noun, "of them") for count in (1, 2)] == [f"1 {noun}", "2 of them"]


def test_a_long_text_on_one_line_is_cut_before_its_spaces_are_joined() -> None:
    """Four times the limit is looked at; the last character says that there was more."""
    assert one_line("a  b\n\tc") == "a b c"
    assert one_line(f"{' ' * 20}abcde", limit=5) == "" == one_line(f"{' ' * 20}abcde", limit=4)
    assert one_line(f"{' ' * 15}abcde", limit=5) == "abcde"
    assert one_line(f"{' ' * 19}abcde", limit=5) == "a"
    assert [one_line(text, limit=3) for text in ("abc", "abcd", "é b", "é bc")] == ["abc", "ab…", "é b", "é …"]


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("abc", 3, "abc"), ("abcd", 3, "ab…"), ("abc", 1, "…"), ("abc", 0, "…"), ("", 0, ""), ("a\r\nb\rc", None, "a\nb\u240dc"), ("\x07\x07", 1, "…"), ("a\r\nbc", 4, "a\nbc"),
        ("é", 1, "é"), ("\u061c\u200e\u202a\u2066\u2069\u00ad\ufeff\u2064", None, "·" * 8), ("\U000e0001\U000e0100", None, "·"), ("\x80\x9f\xa0", None, "··\xa0"),
    ],
)  # fmt: skip
def test_a_limit_counts_the_ellipsis(text: str, limit: int | None, shown: str) -> None:
    """A line break of Windows is one; what is cut is as harmless as what is not."""
    assert inert(text, limit=limit) == shown


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("", ""), ("a", "a"), ("=1+1", "'=1+1"), ("+a", "'+a"), ("-a", "'-a"), ("@a", "'@a"), ("\ta", "'\ta"), ("\ra", "'\ra"), ("\na", "'\na"), ("\uff1da", "'\uff1da"),
        ("-1", "-1"), ("+1.5", "+1.5"), ("-1.", "'-1."), ("-1a", "'-1a"), ("'=1", "''=1"), ("'a", "'a"), ("''", "''"), ("\u200b=1", "'\u200b=1"), ("\x00-a", "'\x00-a"),
        ("a;=1", "a;'=1"), ("a;b", "a;b"), ("=a;-b;@c", "'=a;'-b;'@c"), ("a;'=1", "a;''=1"), (" =1", " =1"), ("\u2060\u2064=1", "'\u2060\u2064=1"), ("\u200f+1", "'\u200f+1"),
        ("\u2010=1", "\u2010=1"), ("\u2065=1", "\u2065=1"), ("1;-1", "1;'-1"), ("\u00ad=1", "'\u00ad=1"),
    ],
    ids=ascii,
)  # fmt: skip
def test_a_cell_that_a_spreadsheet_would_run_gets_an_apostrophe(cell: str, written: str) -> None:
    """In front and behind a semicolon, also behind invisible characters; taking one away gives the value back."""
    assert guarded(cell) == written


def test_of_prose_the_lines_that_call_something_are_guarded() -> None:
    """Lists and rules of dashes stay as they are."""
    assert guarded_lines("- a\n---\n=f(x)\n+a|b\n-(c)\na =f(x)\n=1") == ("- a\n---\n'=f(x)\n'+a|b\n'-(c)\na =f(x)\n=1")
