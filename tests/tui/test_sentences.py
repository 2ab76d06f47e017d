"""What forecasts, sentences and the review say at the bounds of their counts and widths, and in which color."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from core.model import Forecast, LabelMeaning
from core.quality.session import Revealed
from core.quota.forecast.lanes import LaneForecast
from tests.tui.conftest import toned
from tests.tui.fakes import TASK
from tui.text import clauses, plan, review
from tui.text.clauses import Clause


def of_labels(*labels: tuple[str, str]) -> Any:
    """The task with these labels."""
    return replace(TASK, labels=tuple(LabelMeaning(*each) for each in labels))


SENTENCE = (
    Clause("first"), Clause("second long", ("second", "2"), rank=2), Clause("third long", ("third", ""), rank=3),
    Clause("fourth", ("",), rank=1),
)  # fmt: skip
TWELVE = of_labels(*((f"v{n}", f"v{n}") for n in range(12)))
LETTER = (
    "From: a@b.org\nTo: " + "c@d.org, " * 10 + "\n\nHello\nyou\n\n-----Original Message-----\nFrom: x\n\nold words here"
)
DIFFER = ((3, "1", "0"), (4, "0", "1"), (5, "1", "0"))


@pytest.mark.parametrize(
    ("forecast", "wanted"),
    [
        ((None, None, None, "no key"), "no key"),
        ((0.99, None, None, ""), "less than a second"),
        ((1.0, None, 1.0, ""), "1 s"),
        ((2.0, None, 1.01, ""), "2 s (0 s to 1 s)"),
        ((2.0, 1.0, 3.0, "x"), "2 s (1 s to 3 s), limited by x"),
    ],
    ids=count(),
)  # fmt: skip
def test_how_long_it_takes_is_told_with_what_is_known(forecast: Any, wanted: Any) -> None:
    """An interval only where its end is known and more than a second."""
    assert plan.when(Forecast(*forecast)) == wanted


@pytest.mark.parametrize(
    ("lane", "ends", "known", "wanted"),
    [
        ("batch", (5.0, None, 5.0), True, "at most 5 s, limited by a"),
        ("batch", (5.0, None, 6.0), True, "5 s (0 s to 6 s), limited by a"),
        ("batch", (5.0, None, None), False, "without limits 5 s, limited by a"),
        ("live", (5.0, None, 5.0), True, "5 s (0 s to 5 s), limited by a"),
    ],
    ids=count(),
)  # fmt: skip
def test_a_batch_takes_at_most_its_window(lane: Any, ends: Any, known: Any, wanted: Any) -> None:
    """Where nothing else is known of it; other lanes are told without limits until these are known."""
    assert plan.lane_time(LaneForecast(lane, Forecast(*ends, "a"), 1.0, ""), known=known) == wanted


@pytest.mark.parametrize(
    ("width", "wanted"),
    [
        (41, "first · second long · third long · fourth"),
        (40, "first · second long · third · fourth"),
        (35, "first · second long · fourth"),
        (34, "first · second long · fourth"),
        (28, "first · second long · fourth"),
        (27, "first · second · fourth"),
        (23, "first · second · fourth"),
        (22, "first · 2 · fourth"),
        (18, "first · 2 · fourth"),
        (17, "first · 2"),
        (1, "first · 2"),
    ],
    ids=count(),
)  # fmt: skip
def test_a_sentence_gives_up_its_clauses_by_their_rank(width: Any, wanted: Any) -> None:
    """Of the highest rank first, form by form, and never those of rank 0."""
    assert clauses.on_one_row(SENTENCE, width) == wanted


@pytest.mark.parametrize(
    ("said", "width", "most", "wanted"),
    [
        (SENTENCE, 10, 3, ["first · 2"]),
        (SENTENCE, 9, 3, ["first · 2"]),
        (SENTENCE, 9, 5, ["first · 2"]),
        (SENTENCE, 9, 1, ["first · 2"]),
        ((Clause(("a word " * 12).strip()), Clause(""), Clause("end")), 30, 3, [
            "a word a word a word a word a", "word a word a word a word a", "word a word a word a word · …",
        ]),
        ((Clause("a"), Clause("bb cc dd ee ff gg")), 12, 3, ["a", "bb cc dd ee", "ff gg"]),
        ((Clause("one"), Clause("two"), Clause("three")), 9, 3, ["one · two", "three"]),
        ((), 30, 3, [""]),
    ],
    ids=count(),
)  # fmt: skip
def test_a_sentence_takes_more_rows_where_no_short_form_fits(said: Any, width: Any, most: Any, wanted: Any) -> None:
    """Split at its clauses; what is more than three rows ends in an ellipsis."""
    assert clauses.in_rows(said, width, most) == wanted


@pytest.mark.parametrize(
    ("text", "width", "wanted"),
    [
        ("  money     about five dollars and more of it", 30, ["  money     about five dollars", "            and more of it"]),
        ("  * money about five dollars and more of it", 30, ["  * money about five dollars", "    and more of it"]),
        ("money     xx about five dollars and more of it", 24, [
            "money     xx about five", "    dollars and more of", "    it",
        ]),
        ("  moneyabout  five dollars and more of it", 23, ["  moneyabout  five", "    dollars and more of", "    it"]),
        ("  money     ", 24, ["  money"]),
        ("", 10, [""]),
    ],
    ids=count(),
)  # fmt: skip
def test_lines_below_a_figure_stand_below_its_value(text: Any, width: Any, wanted: Any) -> None:
    """A name takes twelve cells; other lines are indented by four."""
    assert clauses.indented(text, width) == wanted


@pytest.mark.parametrize(
    ("task", "wanted"),
    [
        (TASK, ({"1": "1", "0": "0"}, False)),
        (of_labels(("1", "x"), ("10", "y")), ({"1": "1", "2": "10"}, False)),
        (of_labels(("1", "x"), ("a", "y")), ({"1": "1", "2": "a"}, False)),
    ],
    ids=count(),
)  # fmt: skip
def test_keys_of_labels_are_their_digits_or_their_places(task: Any, wanted: Any) -> None:
    """Nine labels have a key; of more each can be found by its name."""
    assert (review.keys_of(task), review.finds(task)) == wanted


@pytest.mark.parametrize(
    ("labels", "wanted"),
    [
        (9, False),
        (10, True),
    ],
    ids=count(),
)  # fmt: skip
def test_a_label_without_a_key_can_be_found(labels: Any, wanted: Any) -> None:
    """From the tenth on."""
    assert review.finds(replace(TWELVE, labels=TWELVE.labels[:labels])) == wanted


@pytest.mark.parametrize(
    ("task", "wanted"),
    [
        (TASK, "<> <bold $accent>1 <$foreground>work   <bold $accent>0 <$foreground>personal   <bold $accent>? <$foreground>cannot tell   "),
        (of_labels(("a", "a"), ("b", "bee")), "<> <bold $accent>1 <$foreground>a   <bold $accent>2 <$foreground>b bee   <bold $accent>? <$foreground>cannot tell   "),
        (TWELVE, "<> <bold $accent>0 <$foreground>find one of 12 labels   <bold $accent>? <$foreground>cannot tell   <bold $accent>1 <$foreground>v0   <bold $accent>2 <$foreground>v1   <bold $accent>3 <$foreground>v2   <bold $accent>4 <$foreground>v3   <bold $accent>5 <$foreground>v4   <bold $accent>6 <$foreground>v5   <bold $accent>7 <$foreground>v6   <bold $accent>8 <$foreground>v7   <bold $accent>9 <$foreground>v8   "),
    ],
    ids=count(),
)  # fmt: skip
def test_keys_stand_before_their_labels(task: Any, wanted: Any) -> None:
    """Finding one comes first where there are more than nine."""
    assert toned(review.key_line(task, "?")) == wanted


@pytest.mark.parametrize(
    ("meaning", "wanted"),
    [
        ("the business", "<bold $bright>1 work<>\n<$foreground>the business<>\n<bold $bright>0<>\n\n<$quiet>Answer 1 or 0."),
        ("", "<bold $bright>1 work<>\n<bold $bright>0<>\n\n<$quiet>Answer 1 or 0."),
    ],
    ids=count(),
)  # fmt: skip
def test_the_rubric_stands_below_the_labels(meaning: Any, wanted: Any) -> None:
    """Each label with its meaning, where it has one."""
    assert toned(review.rubric(of_labels(("1", "work", meaning), ("0", "0")))) == wanted


@pytest.mark.parametrize(
    ("text", "unfolded", "wanted"),
    [
        (LETTER, False, "<$quiet>From: a@b.org<>\n<$quiet>To: c@d.org, c@d.org, c@d.org…<>\n\nHello\nyou\n<$waiting>\n▸ 7 quoted words · <bold $accent>u<$waiting> unfolds"),
        (LETTER, True, "<$quiet>From: a@b.org<>\n<$quiet>To: c@d.org, c@d.org, c@d.org, c@d.org, c@d.org, c@d.org, c@d.org, c@d.org, c@d.org, c@d.org,<>\n\nHello\nyou\n<$quiet>-----Original Message-----\nFrom: x\n\nold words here"),
        ("Hello\nFrom: nobody", False, "<>Hello\nFrom: nobody"),
    ],
    ids=count(),
)  # fmt: skip
def test_a_text_is_shown_with_its_history_folded(text: Any, unfolded: Any, wanted: Any) -> None:
    """Header lines are dimmed, and cut while it is folded; lines that look so within the text are not."""
    assert toned(review.text_shown(text, unfolded=unfolded, unfold="u", width=30)) == wanted


@pytest.mark.parametrize(
    ("text", "unfolded", "width", "wanted"),
    [
        ("Subject: " + "y" * 400, False, 10, 21),
        ("Subject: " + "y" * 400, False, 21, 22),
        ("Subject: " + "y" * 400, True, 10, 301),
        ("x" * 60_001, False, 10, 60000),
        ("word\n\n-----Original Message-----\n" + "x" * 60_100, True, 10, 60005),
    ],
    ids=count(),
)  # fmt: skip
def test_a_header_line_is_cut_to_the_width(text: Any, unfolded: Any, width: Any, wanted: Any) -> None:
    """To twenty cells at least, and to three hundred characters where all is unfolded; of a text 60,000 are shown."""
    assert len(review.text_shown(text, unfolded=unfolded, unfold="u", width=width).plain) == wanted


@pytest.mark.parametrize(
    ("found", "more", "width", "most", "wanted"),
    [
        ((3, 3, 0, 0, ()), 0, 60, 3, [
            "<bold $bright>Batch 2 is answered. <>You and the model agree on 3 of 3.",
            "<bold $accent>Q<> the figures  <$bright>Nothing more of the sample waits for you.",
        ]),
        ((0, 0, 2, 0, ()), 1, 60, 3, [
            "<bold $bright>Batch 2 is answered. <>The model has labeled none of it yet.",
            "<bold $accent>Q<> the figures  <bold $accent>c<> closes this, so does your next answer",
        ]),
        ((5, 2, 2, 1, DIFFER), 1, 40, 3, [
            "<bold $bright>Batch 2 is answered. <>You and the model agree on 2 of 5; 2 wait for it; you could not tell 1.",
            "<$waiting>Where you differ, also after the second look:<>",
            "<$foreground>you 1 work · model 0 personal  <$quiet>lunch on…<>",
            "<$foreground>you 0 personal · model 1 work  <$quiet>b<>",
            "<$foreground>you 1 work · model 0 personal  <$quiet>c<>",
            "<bold $accent>Q<> the figures  <bold $accent>c<> closes this, so does your next answer",
        ]),
        ((5, 2, 0, 0, DIFFER), 0, 30, 2, [
            "<bold $bright>Batch 2 is answered. <>You and the model agree on 2 of 5.",
            "<$waiting>Where you differ, also after the second look (and 1 more):<>",
            "<$foreground>you 1 work · model 0 personal  <$quiet>lunch o…<>",
            "<$foreground>you 0 personal · model 1 work  <$quiet>b<>",
            "<bold $accent>Q<> the figures  <$bright>Nothing more of the sample waits for you.",
        ]),
        ((0, 0, 0, 2, ()), 1, 30, 2, [
            "<bold $bright>Batch 2 is answered. <>You could not tell 2.",
            "<bold $accent>Q<> the figures  <bold $accent>c<> closes this, so does your next answer",
        ]),
        ((0, 0, 0, 0, ()), 0, 30, 2, [
            "<bold $bright>Batch 2 is answered. <>",
            "<bold $accent>Q<> the figures  <$bright>Nothing more of the sample waits for you.",
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_a_batch_that_is_answered_says_how_it_compares(
    found: Any, more: Any, width: Any, most: Any, wanted: Any
) -> None:
    """What differs is listed as far as there is room, each subject cut to the line."""
    assert (
        toned(
            review.revealed(
                Revealed(*found),
                2,
                ["lunch on friday, please answer soon", "b", "c"],
                TASK,
                more=more,
                close="c",
                shows="Q",
                width=width,
                most=most,
            )
        ).splitlines()
        == wanted
    )
