"""Quantiles, intervals and tails equal scipy and statsmodels; the estimator equals an independent one."""

from __future__ import annotations

import math
import random

import pytest

from core.quality.estimates import (
    Cell,
    Goal,
    Stratum,
    accuracy,
    difference,
    figures,
    goal_for,
    label_figures,
    least_for_recall,
    needed,
)
from core.quality.intervals import (
    beta_cdf,
    beta_quantile,
    binomial_two_sided_half,
    jeffreys,
    log_hypergeometric_tail,
    wilson,
)

SHAPES = [
    (0.5, 0.5),
    (0.5, 50.5),
    (1.5, 199.5),
    (12.5, 38.5),
    (187.5, 13.5),
    (0.5, 5000.5),
    (3.0, 1.0),
    (900.0, 4000.0),
]


@pytest.mark.parametrize(("a", "b"), SHAPES)
def test_beta_functions_equal_scipy(a: float, b: float) -> None:
    """The beta distribution function and its inverse agree with scipy over shapes that audits give."""
    beta = pytest.importorskip("scipy.stats").beta
    for q in (1e-6, 0.001, 0.025, 0.3, 0.5, 0.9, 0.975, 0.9999):
        x = beta_quantile(q, a, b)
        assert x == pytest.approx(float(beta.ppf(q, a, b)), rel=1e-9)
        assert beta_cdf(x, a, b) == pytest.approx(q, rel=1e-9)


@pytest.mark.parametrize("of", [1, 7, 50, 200, 5_000])
def test_binomial_intervals_equal_statsmodels(of: int) -> None:
    """Wilson and Jeffreys agree with statsmodels, but for the ends that are 0 and 1 by definition."""
    confint = pytest.importorskip("statsmodels.stats.proportion").proportion_confint
    for hits in {0, 1, of // 14, of // 2, of - 1, of}:
        for ours, method in ((wilson, "wilson"), (jeffreys, "jeffreys")):
            low, high = confint(hits, of, method=method)
            mine = ours(hits, of)
            assert mine[0] == (pytest.approx(float(low), rel=1e-9, abs=1e-12) if hits else 0.0)
            assert mine[1] == (pytest.approx(float(high), rel=1e-9, abs=1e-12) if hits < of else 1.0)


@pytest.mark.parametrize(
    ("hits", "of", "level", "score", "bayes"),
    [
        (1, 7, 0.95, (0.02567962434, 0.51312782927), (0.01587652421, 0.50079746162)),
        (3, 10, 0.95, (0.10779126741, 0.60322185254), (0.09269459394, 0.60581831815)),
        (3, 10, 0.80, (0.15379917808, 0.50262829476), (0.15059122588, 0.50178111810)),
        (49, 50, 0.95, (0.89504556410, 0.99646074073), (0.91031964894, 0.99783350582)),
    ],
)
def test_intervals_are_those_of_the_tables(
    hits: int, of: int, level: float, score: tuple[float, float], bayes: tuple[float, float]
) -> None:
    """Values that scipy and statsmodels gave, for machines without them."""
    assert wilson(hits, of, level) == pytest.approx(score, rel=1e-8)
    assert jeffreys(hits, of, level) == pytest.approx(bayes, rel=1e-8)


@pytest.mark.parametrize(
    ("a", "b", "quantiles", "below"),
    [
        (0.5, 0.5, (0.001541333133, 0.5, 0.998458666867), (0.063768560859, 1 / 3, 0.856433706871)),
        (0.5, 50.5, (9.7716633018e-06, 0.004516436154, 0.048758459444), (0.685115238549, 0.999999924408, 1.0)),
        (12.5, 38.5, (0.138413765467, 0.241745889398, 0.370693167590), (1.483839621e-14, 0.554120200821, 1.0)),
        (187.5, 13.5, (0.894468511186, 0.934269017519, 0.963078740641), (0.0, 8.5537052e-96, 0.836191359187)),
    ],
)
def test_beta_functions_are_those_of_the_tables(
    a: float, b: float, quantiles: tuple[float, ...], below: tuple[float, ...]
) -> None:
    """Values that scipy gave; nothing lies below 0 or above 1."""
    assert [beta_quantile(q, a, b) for q in (0.025, 0.5, 0.975)] == pytest.approx(quantiles, rel=1e-8)
    assert [beta_cdf(x, a, b) for x in (0.01, 0.25, 0.95)] == pytest.approx(below, rel=1e-7, abs=1e-120)
    assert [beta_cdf(x, a, b) for x in (-0.1, 0.0, 1.0, 1.1)] == [0.0, 0.0, 1.0, 1.0]
    assert [beta_quantile(q, a, b) for q in (-0.1, 0.0, 1.0, 1.1)] == [0.0, 0.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("x", "population", "hits", "drawn", "lower", "upper"),
    [
        (3, 20, 7, 12, -1.38320316855, -0.05352270724),
        (1, 50, 5, 10, -0.29854084378, -0.37187964029),
        (2, 1_000, 30, 200, -3.17138585805, -0.00977501942),
        (0, 12, 5, 4, -2.64920970108, 0.0),
        (4, 12, 5, 4, 0.0, -4.595119850),
        (0, 12, 9, 6, -math.inf, 0.0),
    ],
)
def test_hypergeometric_tails_are_those_of_the_tables(
    x: int, population: int, hits: int, drawn: int, lower: float, upper: float
) -> None:
    """Values that scipy gave, also at both ends and beyond them."""
    tails = [log_hypergeometric_tail(x, population, hits, drawn, upper=up) for up in (False, True)]
    assert tails == pytest.approx([lower, upper], rel=1e-8, abs=1e-12)


def test_cells_with_few_audited_emails_are_pooled() -> None:
    """Two small ones count as one; one of which nothing is known counts with the least audited of the others."""
    large = Stratum("a", 900, {"a": 81, "b": 9})
    two = accuracy([large, Stratum("b", 10, {"b": 1, "a": 1}), Stratum("c", 30, {"c": 3})])
    assert two is not None
    assert two.value == pytest.approx((900 * 0.9 + 40 * 0.8) / 940)
    assert (two.audited, two.low <= two.value <= two.high) == (95, True)
    unknown = accuracy([large, Stratum("b", 100, {"b": 30, "a": 10}), Stratum("c", 20, {}), Stratum("d", 0, {})])
    assert unknown is not None
    assert unknown.value == pytest.approx((900 * 0.9 + 120 * 0.75) / 1_020)
    edge = accuracy([Stratum("a", 400, {"a": 20}), Stratum("b", 100, {"b": 10, "a": 10}), Stratum("c", 60, {})])
    assert edge is not None
    assert edge.value == pytest.approx((400 + 60 + 100 * 0.5) / 560)  # 20 audited are enough to stand alone


def test_recall_is_the_share_of_what_was_found_among_all() -> None:
    """Found and missed are counted up to their strata's sizes; the interval holds the value; marks tell how sure it is."""
    strata = [Stratum("1", 900, {"1": 95, "0": 5}), Stratum("0", 100, {"0": 40, "1": 10})]
    recall = label_figures(strata, "0").recall
    assert recall is not None
    assert recall.value == pytest.approx(80 / (80 + 45))
    assert 0.4 < recall.low < recall.value < recall.high < 0.9
    assert (recall.few, recall.at_least) == (True, False)
    none_found = label_figures([Stratum("1", 900, {"1": 90, "0": 10}), Stratum("0", 100, {"1": 20})], "0").recall
    assert none_found is not None
    assert (none_found.value, none_found.low) == (0.0, 0.0)


def test_nothing_counted_says_nothing() -> None:
    """Intervals of no observation are the whole of [0, 1]."""
    assert wilson(0, 0) == jeffreys(0, 0) == (0.0, 1.0)


def test_hypergeometric_tails_equal_scipy() -> None:
    """Log tails agree with scipy in both directions, also far out."""
    hypergeom = pytest.importorskip("scipy.stats").hypergeom
    rng = random.Random(3)
    for _ in range(300):
        population = rng.randint(20, 5_000)
        hits, drawn = rng.randint(1, population - 1), rng.randint(1, min(population - 1, 1_500))
        least, most = max(0, drawn + hits - population), min(hits, drawn)
        x = rng.randint(least, most)
        lower = log_hypergeometric_tail(x, population, hits, drawn, upper=False)
        upper = log_hypergeometric_tail(x, population, hits, drawn, upper=True)
        if lower > -600:
            assert lower == pytest.approx(float(hypergeom.logcdf(x, population, hits, drawn)), rel=1e-6, abs=1e-8)
        if upper > -600:
            assert upper == pytest.approx(float(hypergeom.logsf(x - 1, population, hits, drawn)), rel=1e-6, abs=1e-8)


def test_mcnemar_equals_statsmodels() -> None:
    """The exact two-sided p of discordant pairs agrees with statsmodels."""
    mcnemar = pytest.importorskip("statsmodels.stats.contingency_tables").mcnemar
    for fewer, more in [(0, 0), (0, 5), (3, 9), (10, 10), (2, 40), (60, 90)]:
        theirs = 1.0 if fewer == more == 0 else float(mcnemar([[5, fewer], [more, 5]], exact=True).pvalue)
        assert binomial_two_sided_half(fewer, more) == pytest.approx(theirs, rel=1e-9)


STRATA = [
    Stratum("1", 4_650, {"1": 148, "0": 2}, 0.04),
    Stratum("0", 381, {"1": 12, "0": 38}, 0.13),
]


def test_cells_equal_numpy_draws() -> None:
    """Share, recall, precision and accuracy agree with 200,000 beta and binomial draws of numpy within 0.004."""
    numpy = pytest.importorskip("numpy")
    rng = numpy.random.default_rng(1)
    size = 200_000

    def counts(cell: Cell) -> object:
        p = rng.beta(cell.hits + 0.5, cell.audited - cell.hits + 0.5, size)
        return cell.hits + rng.binomial(cell.size - cell.audited, p)

    own, rest = counts(Cell(381, 50, 38)), counts(Cell(4_650, 150, 2))
    right = counts(Cell(4_650, 150, 148)) + counts(Cell(381, 50, 38))  # type: ignore[operator]
    mine = label_figures(STRATA, "0")
    assert mine.share is not None
    assert mine.recall is not None
    assert mine.precision is not None
    agree = accuracy(STRATA)
    assert agree is not None
    for estimate, theirs in (
        (mine.share, (own + rest) / 5_031),  # type: ignore[operator]
        (mine.recall, own / (own + rest)),  # type: ignore[operator]
        (mine.precision, own / 381),  # type: ignore[operator]
        (agree, right / 5_031),
    ):
        low, high = numpy.quantile(theirs, [0.025, 0.975])
        wide = 0.02 if estimate is mine.recall else 0.004
        assert estimate.low == pytest.approx(float(low), abs=wide)
        assert estimate.high == pytest.approx(float(high), abs=wide)


def test_share_is_prediction_powered() -> None:
    """The corrected share equals the prediction-powered point estimate with the post-stratifying lambda.

    Formula of ppi_py's ppi_mean_pointestimate: mean(Y) − lam (mean(f) − mean(fU)), lam = (p1 − p0)(N − n)/N, where fU
    are the emails that nobody labeled.
    """
    total, audited = 5_031, 200
    predicted, hits_own, own, hits_rest = 381, 12, 15, 2
    strata = [Stratum("1", total - predicted, {"1": audited - own - hits_rest, "0": hits_rest}), Stratum(
        "0", predicted, {"0": hits_own, "1": own - hits_own})]  # fmt: skip
    share = label_figures(strata, "0").share
    assert share is not None
    p1, p0 = hits_own / own, hits_rest / (audited - own)
    lam = (p1 - p0) * (total - audited) / total
    unlabeled = (predicted - own) / (total - audited)
    ppi = (hits_own + hits_rest) / audited - lam * (own / audited - unlabeled)
    assert share.value == pytest.approx(ppi, abs=1e-8)


def test_ends_that_nothing_contradicts() -> None:
    """Recall reaches 1 where no miss was found, precision 0 and 1 where all answers agree, a full census has no width."""
    none_missed = label_figures([Stratum("1", 900, {"1": 90}), Stratum("0", 100, {"0": 10})], "0")
    assert none_missed.recall is not None
    assert none_missed.precision is not None
    assert none_missed.recall.high == none_missed.precision.high == 1.0
    wrong = label_figures([Stratum("1", 900, {"1": 90}), Stratum("0", 100, {"1": 10})], "0")
    assert wrong.precision is not None
    assert wrong.precision.low == 0.0
    census = accuracy([Stratum("1", 90, {"1": 80, "0": 10}), Stratum("0", 30, {"0": 30})])
    assert census is not None
    assert census.low == census.high == pytest.approx(110 / 120)


def test_figures_that_cannot_be_given_are_none() -> None:
    """Nothing audited gives no figure, and a label without an audited email of its own no precision."""
    nothing = figures([Stratum("1", 90, {}), Stratum("0", 10, {})], ["1", "0"])
    assert nothing.accuracy is None
    assert [label.share for label in nothing.labels] == [None, None]
    assert [label.raw_share for label in nothing.labels] == [0.9, 0.1]
    some = label_figures([Stratum("1", 90, {"1": 40}), Stratum("0", 10, {})], "0")
    assert some.precision is None
    assert some.share is None


def test_same_counts_print_the_same_interval() -> None:
    """The seed is a hash of the counts: asking again, in another order of people's labels, changes no digit."""
    turned = [Stratum(s.label, s.size, dict(reversed(list(s.people.items()))), s.rate) for s in STRATA]
    assert figures(STRATA, ["1", "0"]) == figures(turned, ["1", "0"])


def test_few_emails_are_marked_with_how_many_more() -> None:
    """Below ten audited emails or with more than ±15 points a figure is marked, with the size that gives ±10."""
    few = label_figures([Stratum("1", 900, {"1": 45}), Stratum("0", 100, {"0": 4, "1": 1})], "0")
    assert few.precision is not None
    assert few.precision.few
    assert few.precision.more > 0
    assert few.recall is not None
    assert few.recall.at_least
    assert needed(50, 0.2) == 150
    assert needed(50, 0.1) == 0


def test_difference_needs_only_emails_that_differ() -> None:
    """The difference of two versions is D(2p − 1)/N, its interval straddles 0 only where McNemar's p is large."""
    better = difference(5_000, 200, 70, 20, 0)
    assert better.estimate is not None
    assert better.estimate.value == pytest.approx(200 * 50 / 90 / 5_000)
    assert better.estimate.low > 0
    assert better.p_value < 0.001
    even = difference(5_000, 200, 21, 19, 10)
    assert even.estimate is not None
    assert even.estimate.low < 0 < even.estimate.high
    assert difference(5_000, 200, 0, 0, 0).estimate is None


def test_goals_follow_the_table_of_the_design() -> None:
    """The size of a sample for a recall of ±10 points grows as the class gets rare, near the simulated sizes."""
    goals = {share: goal_for(5_000, share).recall for share in (0.02, 0.07, 0.2)}
    assert goals[0.02] == pytest.approx(1_070, rel=0.25)
    assert goals[0.07] == pytest.approx(352, rel=0.25)
    assert goals[0.2] == pytest.approx(129, rel=0.25)
    assert least_for_recall(0.07) == 143
    assert least_for_recall(0.0) is None
    assert goal_for(5_000, 0.07).precision == pytest.approx(632, rel=0.25)
    assert goal_for(300, 0.02).recall <= 300
    assert goal_for(0, 0.5) == Goal(0, 0, 0)


def test_one_or_two_positives_bound_a_recall_from_below_only() -> None:
    """Under three emails with the label the upper end is 1, also where one was missed; from three on it is drawn."""
    one, three = (
        label_figures([Stratum("1", 4_800, {"1": 40, "0": count}), Stratum("0", 200, {"1": 2})], "0").recall
        for count in (1, 3)
    )
    assert one is not None
    assert three is not None
    assert (one.high, one.at_least) == (1.0, True)
    assert three.high < 1.0


def test_people_who_never_gave_a_label_agree_with_none_of_it() -> None:
    """No text counts as one on which they agree."""
    none = accuracy([Stratum("a", 400, {"b": 40})])
    assert none is not None
    assert (none.value, none.low) == (0.0, 0.0)


@pytest.mark.parametrize(("audited", "few"), [(9, True), (10, False)])
def test_a_figure_of_ten_texts_is_not_marked_as_of_too_few(audited: int, few: bool) -> None:
    """Where its interval is narrow enough, as it is where all ten agree."""
    found = accuracy([Stratum("a", 12, {"a": audited})])
    assert found is not None
    assert found.few is few
