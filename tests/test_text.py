"""Foreign text before a terminal sees it: one visible glyph for each character that acts or hides."""

from __future__ import annotations

import pytest

from core.text import counted, inert, one_line, plural_of, with_article, without_halves


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
