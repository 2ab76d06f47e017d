"""Compute beta quantiles, binomial intervals and hypergeometric tails in pure Python.

Only these few special functions are needed at run time; scipy would cost a second of start-up and 200 MB of disk for
them. Tests compare each function with scipy and statsmodels.
"""

from __future__ import annotations

import math
from statistics import NormalDist

LEVEL = 0.95
"""Coverage that every interval of this package aims at."""

_TINY = 1e-300
_EPSILON = 1e-16
_MOST_STEPS = 500


def beta_cdf(x: float, a: float, b: float) -> float:
    """Return P(X ≤ x) of a beta distribution, the regularized incomplete beta function.

    Lentz's evaluation of the continued fraction (Numerical Recipes, 3rd edition, 6.4), on the side where it converges.
    """
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    front = math.exp(_log_beta_power(x, a, b))
    if x < (a + 1.0) / (a + b + 2.0):
        return front * _beta_fraction(x, a, b) / a
    return 1.0 - front * _beta_fraction(1.0 - x, b, a) / b


def beta_quantile(q: float, a: float, b: float) -> float:
    """Return x with P(X ≤ x) = q of a beta distribution: Newton steps kept inside a shrinking bracket."""
    if q <= 0.0:
        return 0.0
    if q >= 1.0:
        return 1.0
    low, high = 0.0, 1.0
    x = a / (a + b)
    for _ in range(_MOST_STEPS):
        error = beta_cdf(x, a, b) - q
        if error == 0.0:
            return x
        low, high = (low, x) if error > 0.0 else (x, high)
        density = math.exp(_log_beta_power(x, a, b)) / (x * (1.0 - x)) if 0.0 < x < 1.0 else 0.0
        following = x - error / density if density > 0.0 else math.inf
        if not low < following < high:
            # Halve on the scale of logarithms near 0, where quantiles of Beta(1/2, n) lie.
            following = math.sqrt(low * high) if low > 0.0 and high < 0.1 else (low + high) / 2.0
        if abs(following - x) <= 4e-16 * x:
            return following
        x = following
    return x


def wilson(hits: int, of: int, level: float = LEVEL) -> tuple[float, float]:
    """Return Wilson's score interval of a proportion (Wilson 1927); (0, 1) where nothing was counted."""
    if of <= 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + level / 2.0)
    share = hits / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return (0.0 if hits == 0 else max(0.0, middle - half), 1.0 if hits == of else min(1.0, middle + half))


def jeffreys(hits: int, of: int, level: float = LEVEL) -> tuple[float, float]:
    """Return Jeffreys' interval: quantiles of Beta(hits + 1/2, misses + 1/2), with the ends 0 and 1 kept.

    Brown, Cai and DasGupta, "Interval Estimation for a Binomial Proportion", Statistical Science 2001.
    """
    if of <= 0:
        return 0.0, 1.0
    tail = (1.0 - level) / 2.0
    a, b = hits + 0.5, of - hits + 0.5
    return (
        0.0 if hits == 0 else beta_quantile(tail, a, b),
        1.0 if hits == of else beta_quantile(1.0 - tail, a, b),
    )


def log_hypergeometric_tail(x: int, population: int, hits: int, drawn: int, *, upper: bool) -> float:
    """Return ln P(X ≤ x), or ln P(X ≥ x) with ``upper``, of X hits among ``drawn`` out of ``population``.

    Terms are summed away from ``x`` by their ratio until they no longer count; −inf where the tail is impossible.
    """
    least, most = max(0, drawn - (population - hits)), min(drawn, hits)
    if upper:
        if x <= least:
            return 0.0
        # P(X ≥ x) of hits is P(Y ≤ drawn − x) of misses.
        return log_hypergeometric_tail(drawn - x, population, population - hits, drawn, upper=False)
    if x >= most:
        return 0.0
    if x < least:
        return -math.inf
    misses = population - hits
    term, total, k = 1.0, 1.0, x
    # P(k − 1) / P(k) = k (misses − drawn + k) / ((hits − k + 1) (drawn − k + 1)).
    while k > least:
        term *= k * (misses - drawn + k) / ((hits - k + 1) * (drawn - k + 1))
        total += term
        k -= 1
        if term < _EPSILON * total:
            break
    return min(0.0, _log_hypergeometric(x, population, hits, drawn) + math.log(total))


def binomial_two_sided_half(fewer: int, more: int) -> float:
    """Return the exact two-sided p of ``fewer`` against ``more`` under a fair coin: min(1, 2 P(X ≤ the smaller))."""
    of, least = fewer + more, min(fewer, more)
    if of == 0:
        return 1.0
    return min(1.0, 2.0 * sum(math.comb(of, k) for k in range(least + 1)) / (1 << of))


def _log_hypergeometric(x: int, population: int, hits: int, drawn: int) -> float:
    return _log_choose(hits, x) + _log_choose(population - hits, drawn - x) - _log_choose(population, drawn)


def _log_choose(of: int, k: int) -> float:
    return math.lgamma(of + 1) - math.lgamma(k + 1) - math.lgamma(of - k + 1)


def _log_beta_power(x: float, a: float, b: float) -> float:
    return math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)


def _beta_fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > _TINY else _TINY)
    value = d
    for m in range(1, _MOST_STEPS + 1):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 + numerator * d
            d = 1.0 / (d if abs(d) > _TINY else _TINY)
            c = 1.0 + numerator / c
            c = c if abs(c) > _TINY else _TINY
            value *= d * c
        if abs(d * c - 1.0) < _EPSILON * 4:
            break
    return value
