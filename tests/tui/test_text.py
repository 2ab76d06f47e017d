"""Numbers, ages, intervals, bars and graphs as text."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from core.model import EmailState, Forecast, PacePoint
from tests.tui.fakes import TASK, email
from tui.text import numbers as present
from tui.text import rates
from tui.text.plan import span
from tui.widgets.lists.emails import as_row

AT = 1_764_000_000.0  # Monday, 24 November 2025, 16:00:00 UTC


def point(at: float, labeled: int, waited_s: float = 0.0) -> PacePoint:
    return PacePoint(at, 5.0, labeled, 0, labeled, waited_s)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (950, "950"),
        (9_999, "9,999"),
        (9_999.5, "10.0k"),
        (12_345, "12.3k"),
        (99_949, "99.9k"),
        (99_950, "100k"),
        (367_000, "367k"),
        (999_499, "999k"),
        (999_500, "1.0M"),
        (4_120_000, "4.1M"),
        (999_500_000, "1.0G"),
        (2e9, "2.0G"),
    ],
)
def test_a_large_count_is_shortened(value: float, text: str) -> None:
    """A large count is shown with a unit, a small one as it is, in five cells at most."""
    assert present.compact(value) == text
    assert len(text) <= 5


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 0, "0 %"),
        (5, -1, "0 %"),
        (1, 1, "100 %"),
        (0, 10, "0 %"),
        (1, 5000, "<1 %"),
        (1, 100, "1 %"),
        (99.4, 100, "99 %"),
        (5030, 5031, "99 %"),
        (5031, 5031, "100 %"),
        (11, 10, "100 %"),
        (1, 2, "50 %"),
    ],
)
def test_percent_is_100_only_when_all_is_done(part: int, whole: int, text: str) -> None:
    """A share never rounds up to 100 percent nor down to none."""
    assert present.percent(part, whole) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "00:00"),
        (0.2, "00:01"),
        (41, "00:41"),
        (60, "01:00"),
        (3_599.5, "1:00:00"),
        (86_400, "1 d 00:00:00"),
        (90_061, "1 d 01:01:01"),
    ],
)
def test_a_countdown_never_shows_less_than_is_left(seconds: float, text: str) -> None:
    """What is left is rounded up, and grows hours and days where it has them."""
    assert present.countdown(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (0.2, "1 s"),
        (59.5, "60 s"),
        (60, "1 min"),
        (61, "2 min"),
        (3_540, "59 min"),
        (3_600, "1 h 00"),
        (23_328, "6 h 29"),
        (86_340, "23 h 59"),
        (86_400, "1 d 00"),
        (97_200, "1 d 03"),
    ],
)
def test_a_coarse_wait_fits_into_few_cells_and_is_rounded_up(seconds: float, text: str) -> None:
    """Where seconds have no room, what is left is shown in two units at most."""
    assert present.coarsely(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0.0 s"),
        (0.24, "0.2 s"),
        (10, "10 s"),
        (42, "42 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7_199, "120 min"),
        (7_200, "2 h"),
        (172_799, "48 h"),
        (172_800, "2 d"),
    ],
)
def test_ages_are_coarse(seconds: float, text: str) -> None:
    """An age has the precision that a person can use."""
    assert present.age(seconds) == text


def test_moments_name_their_day_where_it_is_another() -> None:
    """Today needs no day, less than six days their name, anything else its date."""
    days = {0: "16:00", 1: "Tue 16:00", -1: "Sun 16:00", 5: "Sat 16:00", 6: "30 Nov 16:00", -6: "18 Nov 16:00"}
    assert {n: present.moment(AT + n * 86_400, AT, UTC) for n in days} == days


def test_an_interval_of_one_moment_is_shown_once() -> None:
    """An interval whose ends read the same is one moment."""
    assert present.interval(AT + 60, AT + 65, AT, UTC) == "16:01"
    assert present.interval(AT + 60, AT + 600, AT, UTC) == "16:01 – 16:10"


@given(st.text(max_size=40), st.integers(min_value=0, max_value=30), st.booleans())
def test_fitted_foreign_text_has_exactly_its_width(text: str, width: int, right: bool) -> None:
    """Whatever comes from outside, it takes as many cells as it was given: columns never move."""
    assert cell_len(present.foreign(text, width)) == width
    assert cell_len(present.both_ends(text, width)) == width
    assert cell_len(present.fit(present.foreign(text, 80).strip(), width, right=right)) == width


def test_a_long_name_keeps_both_ends() -> None:
    """Names that begin alike can be distinguished after they were cut; in fewer than five cells the end is lost."""
    assert present.both_ends("org_01jabcdefgh7", 9) == "org_…fgh7"
    cut = {10: "abcdefghij", 9: "abcd…ghij", 8: "abcd…hij", 6: "abc…ij", 5: "ab…ij", 4: "abc…"}
    assert {width: present.both_ends("abcdefghij", width) for width in cut} == cut


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [("ab", -1, ""), ("ab", 0, ""), ("ab", 1, "a"), ("ab", 2, "ab"), ("abc", 2, "a…"), ("ab", 4, "ab  ")],
)
def test_text_that_does_not_fit_ends_in_an_ellipsis(text: str, width: int, shown: str) -> None:
    """In one cell there is no room for one; what fits is padded."""
    assert present.fit(text, width) == shown
    assert present.foreign(text, width) == shown


@given(st.floats(min_value=-1, max_value=2), st.integers(min_value=1, max_value=60))
def test_bars_have_their_width(share: float, width: int) -> None:
    """A bar, a rail and a meter are exactly as wide as asked, for any share."""
    assert cell_len(present.bar(share, width)) == width
    assert sum(map(cell_len, present.rail(share, width))) == width
    assert sum(map(cell_len, present.meter(share, width))) == width


def test_what_is_not_zero_can_be_seen() -> None:
    """The smallest share draws something, and none draws nothing."""
    assert present.bar(0.0001, 10).strip() == "▏"
    bars = {0: "   ", 0.001: "▏  ", 0.3: "▉  ", 0.5: "█▌ ", 1: "███", 2: "███", -1: "   "}
    assert {share: present.bar(share, 3) for share in bars} == bars
    assert present.meter(0.001, 8)[0] == "", "no cell for less than half of one"


def test_the_rail_is_full_only_when_all_is_done() -> None:
    """Nearly done is not drawn as done."""
    assert present.rail(0.9999, 20)[1] != "" or present.rail(0.9999, 20)[0].endswith("╸")
    rails = {0: ("", "───"), 0.16: ("", "───"), 0.17: ("╸", "──"), 0.5: ("━╸", "─"), 0.99: ("━━╸", ""), 1: ("━━━", "")}
    assert {share: present.rail(share, 3) for share in rails} == rails


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [(0, 0, 0.0, 1.0), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)],
)
def test_wilson_intervals_agree_with_published_values(part: int, whole: int, low: float, high: float) -> None:
    """The interval is Wilson's, also at the ends (R. G. Newcombe, 1998, has 81 of 263)."""
    assert present.wilson(part, whole) == pytest.approx((low, high), abs=5e-4)


@given(st.integers(min_value=1, max_value=5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_an_interval_holds_its_share(counts: tuple[int, int]) -> None:
    """The observed share lies in its own interval, and the interval in 0..1."""
    part, whole = counts
    low, high = present.wilson(part, whole)
    assert 0 <= low <= part / whole + 1e-12
    assert part / whole - 1e-12 <= high <= 1


def test_a_share_of_a_whole_run_is_exact() -> None:
    """The interval is of the emails that are not labeled yet: none left, none; few left, narrow; many, as a sample."""
    assert present.share(135, 197, 197) == "69 %"
    assert present.share(135, 197, 210) == "67–70 %"
    assert present.share(135, 197, 10_000_000) == present.share(135, 197) == "62–75 %"
    assert (present.share(1, 2, 2), present.share(1, 2, 3), present.share(1, 2, 1)) == ("50 %", "15–85 %", "50 %")
    assert present.share(500_000, 1_000_000) == "50 %"


def test_a_share_without_emails_is_a_dash() -> None:
    """Nothing counted says nothing."""
    assert present.share(0, 0) == "–"
    assert present.share(824, 1000) == "80–85 %"


@pytest.mark.parametrize(
    ("recent", "arrow"),
    [((206, 250), " "), ((240, 250), "▲"), ((150, 250), "▼"), ((0, 0), " ")],
)
def test_a_trend_is_shown_only_beyond_chance(recent: tuple[int, int], arrow: str) -> None:
    """The arrow appears where the late share leaves what chance would do."""
    assert present.trend(*recent, 4120, 5000) == arrow


def test_the_rate_counts_a_slice_as_far_as_it_got() -> None:
    """Labels of a slice that began a second ago are not spread over its whole length."""
    pace = (point(AT - 10, 5), point(AT - 5, 5), point(AT - 1, 1))
    rate = rates.rate(pace, AT)
    assert rate.now == pytest.approx(60 * 11 / 11)
    assert rate.peak == 60


def test_no_slice_no_rate() -> None:
    """Before anything happened every figure is zero."""
    assert rates.rate((), AT) == rates.Rate(0.0, 0.0, 0.0, 0.0)


def test_the_graph_is_padded_on_the_left_and_shows_gaps() -> None:
    """A short run stands at the right; time in which nothing was written is empty."""
    pace = (point(AT - 30, 5), point(AT - 5, 10))
    columns, span_s = rates.columns(pace, AT - 0.001, 10)
    assert span_s == 5
    assert [column.rate for column in columns] == pytest.approx([0, 0, 0, 0, 60, 0, 0, 0, 0, 120], rel=1e-3)
    assert rates.graph(columns, 1) == ["    ▄    █"]


def test_a_long_run_is_drawn_in_longer_columns() -> None:
    """An hour fits in twenty columns, and the mean height is kept."""
    pace = tuple(point(AT - 3600 + 5 * n, 5) for n in range(720))
    columns, span_s = rates.columns(pace, AT - 0.001, 30)
    assert span_s >= 120
    assert columns[-2].rate == pytest.approx(60)


def test_waiting_is_a_mark_on_the_floor() -> None:
    """Columns in which the worker waited differ from idle ones and from low ones."""
    pace = (point(AT - 15, 8), point(AT - 10, 0, waited_s=5.0), point(AT - 5, 8))
    columns, _ = rates.columns(pace, AT - 0.001, 4)
    assert rates.graph(columns, 2) == [" █ █", f" █{rates.WAITED}█"]


@given(st.lists(st.integers(min_value=0, max_value=10_000), min_size=1, max_size=40), st.integers(1, 9))
def test_the_graph_is_anchored_at_zero(values: list[int], height: int) -> None:
    """The highest column touches the top, nothing is drawn for nothing, and all rows are equally long."""
    columns = [rates.Column(float(value), waited=False) for value in values]
    rows = rates.graph(columns, height)
    assert {len(row) for row in rows} == {len(values)}
    if max(values):
        assert rows[0][values.index(max(values))] == "█"
    for place, value in enumerate(values):
        drawn = any(row[place] != " " for row in rows)
        assert drawn == (value > 0 and not math.isclose(value, 0))


def test_the_peak_is_never_below_what_goes_on_now() -> None:
    """A run that began within a slice has not filled it: its first slice says less than is true of it."""
    begun_late = PacePoint(at=0.0, span_s=5.0, labeled=10, failed=0, calls=10, waited_s=0.0)
    going_on = PacePoint(at=5.0, span_s=5.0, labeled=40, failed=0, calls=40, waited_s=0.0)
    found = rates.rate([begun_late, going_on], now=7.0)
    assert found.now > 60 * 10 / 5
    assert found.peak >= found.now


def test_an_email_about_which_no_call_was_made_counts_no_ask() -> None:
    """A copy that failed with the email it copies leaves the column empty; one that was asked in vain counts."""
    asked, copy = (email(1, EmailState.FAILED, asked=told) for told in (True, False))
    assert [as_row(each, None, marked=False, why=False).cells[3][0] for each in (asked, copy)] == ["1", ""]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.4, "0 s"), (119.0, "119 s"), (120.0, "2 min"), (7_199.0, "120 min"), (7_200.0, "2.0 h"),
        (72_000.0, "20 h"), (172_799.0, "48 h"), (172_800.0, "2.0 days"), (20 * 86_400.0, "20 days"),
    ],
)  # fmt: skip
def test_a_length_of_time_takes_its_unit_at_twice_its_size(seconds: float, shown: str) -> None:
    """Two minutes are no 120 seconds, and from twenty of a unit on there is no decimal."""
    assert span(seconds) == shown


@pytest.mark.parametrize(
    ("recent", "overall"), [((250, 250), (5000, 5000)), ((0, 0), (5, 10)), ((10, 10), (10, 10)), ((5, 10), (9, 10)), ((0, 9), (0, 90))]
)  # fmt: skip
def test_no_trend_is_shown_without_anything_to_compare(recent: tuple[int, int], overall: tuple[int, int]) -> None:
    """Equal shares, no newest labels, and a run of which the newest labels are all."""
    assert present.trend(*recent, *overall) == " "


@pytest.mark.parametrize(
    ("taken", "expected", "took_s", "said"),
    [
        (0, None, 0.0, "0 imported, 0 a second"),
        (5, None, 2.0, "5 imported, 2 a second"),
        (5, None, 0.5, "5 imported, 10 a second"),
        (0, 10, 5.0, "0 of about 10 imported, 0 a second"),
        (12_000, 40_000, 4.0, "12,000 of about 40,000 imported, 3,000 a second, 00:10 left"),
    ],
)
def test_an_import_says_how_far_it_is(taken: int, expected: int | None, took_s: float, said: str) -> None:
    """How long it takes yet is known where it has begun and its size is expected."""
    assert present.imported(taken, expected, took_s) == said


@pytest.mark.parametrize(
    ("sender", "name"),
    [("ana", "ana"), ("Ana <a@b.org>", "Ana"), ('"Ana B" <a@b.org>', "Ana B"), ("<a@b.org>", "<a@b.org>"), ("", "")],
)
def test_a_sender_is_named_without_the_address(sender: str, name: str) -> None:
    """The address stands where there is no name."""
    assert present.who(sender) == name


@pytest.mark.parametrize(
    ("forecast", "end"),
    [
        ((600.0, 300.0, 900.0), "16:05 – 16:15"),
        ((600.0, 300.0, None), "16:05 – 16:10"),
        ((600.0, None, None), "by 16:10"),
        ((None, 300.0, None), ""),
        ((None, None, 900.0), ""),
        ((None, None, None), ""),
    ],
)
@pytest.mark.usefixtures("utc")
def test_the_end_of_a_run_is_an_interval_where_both_ends_are_known(
    forecast: tuple[float | None, float | None, float | None], end: str
) -> None:
    """Counted from the moment of the forecast; where one end is not known, the likely one stands for it."""
    assert present.end_of(Forecast(*forecast, ""), AT, AT) == end


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, ("6,000 characters", "one email a call")),
        ({"truncate_tail": 1200}, ("6,000 characters, 1,200 of them from its end", "one email a call")),
        ({"quoted": "drop"}, ("6,000 characters; without quotes", "one email a call")),
        ({"quoted": "mark", "pack": 2}, ("6,000 characters; quotes marked", "up to 2 emails a call")),
        ({"pack": 0}, ("6,000 characters", "as many emails a call as the control sample allows (auto)")),
    ],
)
def test_a_task_says_what_of_a_text_it_sends_and_how_many_share_a_call(
    changes: dict[str, Any], told: tuple[str, str]
) -> None:
    """In words, as the pages of the task show it."""
    task = replace(TASK, **changes)
    assert (present.cut_words(task), present.pack_words(task)) == told


def test_sizes_of_packs_are_offered_with_their_meaning() -> None:
    """From one text a call to twenty, and as many as the sample allows."""
    assert [size for size, _ in present.pack_options("email")] == [1, 2, 5, 10, 20, 0]
    assert present.pack_options("query")[0][1] == "one query a call"
    assert present.pack_options("query")[4][1] == "up to 20 queries a call"


def test_further_settings_are_told_where_a_task_has_them() -> None:
    """A seed of 0 is one; nothing is told of what is not sent."""
    given: dict[str, Any] = {
        "seed": 0, "stop": ("é",), "schema": True, "logprobs": True, "extra_body": '{"a": 1}',
    }  # fmt: skip
    names = {"extra_body": "sent too"}
    for name, value in given.items():
        told = present.further_settings(replace(TASK, model=replace(TASK.model, **{name: value})))
        assert [each for each, _ in told] == [names.get(name, name)]
    assert present.further_settings(replace(TASK, model=replace(TASK.model, seed=0, stop=("é",)))) == [
        ("seed", "0"),
        ("stop", '["é"]'),
    ]
    assert present.further_settings(TASK) == []


@pytest.mark.parametrize(
    ("now", "figures"),
    [
        (0.0, (0.0, 0.0, 0.0, 0.0)),
        (0.2, (600.0, 600.0, 600.0, 0.0)),
        (5.0, (60.0, 60.0, 60.0, 0.0)),
        (6.0, (150.0, 150.0, 150.0, 1.0)),
        (10.0, (90.0, 90.0, 120.0, 3.0)),
        (64.9, (90.0, 90.0, 120.0, 3.0)),
        (65.0, (120.0, 90.0, 120.0, 3.0)),
        (70.0, (0.0, 90.0, 120.0, 3.0)),
    ],
)
def test_the_rate_is_that_of_the_last_minute(now: float, figures: tuple[float, ...]) -> None:
    """Labels a minute now, in the mean and at most, and the seconds waited; a slice counts as far as it is over."""
    assert rates.rate((point(0, 5), point(5, 10, 3.0)), now) == rates.Rate(*figures)


@pytest.mark.parametrize(
    ("now", "width", "told", "each_s"),
    [
        (5.0, 0, "", 0.0),
        (14.0, 2, "90 w", 10.0),
        (15.0, 3, "120 w 0", 5.0),
        (16.0, 3, "0 90 0", 10.0),
        (20.0, 4, "120 w 0 0", 5.0),
        (20.1, 4, "0 90 0 0", 10.0),
        (1_000.0, 2, "0 0", 120.0),
    ],
)
def test_columns_of_the_graph_stand_for_as_few_slices_as_fit(now: float, width: int, told: str, each_s: float) -> None:
    """A column in which nothing was labeled and half of it waited is marked."""
    pace = (point(0, 5), point(5, 10, 5.0), point(10, 0, 2.5))
    columns, span_s = rates.columns(pace, now, width)
    assert (" ".join("w" if each.waited else f"{each.rate:g}" for each in columns), span_s) == (told, each_s)


def test_a_column_of_the_graph_stands_for_so_many_slices() -> None:
    """For as few of these as fit, and for no more than two minutes: then the graph begins later than the run."""
    slices = (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 16, 17, 20, 21, 24, 25)
    spans = [rates.columns((point(0.0, 1),), 50.0 * each, 10)[1] / 5 for each in slices]
    assert spans == [1, 2, 3, 4, 6, 6, 8, 8, 12, 12, 16, 16, 20, 20, 24, 24, 24]


def test_without_any_pace_the_graph_is_empty() -> None:
    """So many columns, of no length, with nothing in them."""
    assert rates.columns((), 5.0, 3) == ((rates.Column(0.0, waited=False),) * 3, 0.0)
    assert rates.columns((), 5.0, -1) == ((), 0.0)
    assert rates.graph([rates.Column(0.0, waited=False)], 2) == [" ", " "]
    assert rates.graph([rates.Column(0.1, waited=False), rates.Column(100.0, waited=False)], 2) == [" █", "▁█"]
    drawn = rates.graph([rates.Column(each, waited=each == 50) for each in (50.0, 100.0, 25.0)], 2)
    assert drawn == [" █ ", f"{rates.WAITED}█▄"]
