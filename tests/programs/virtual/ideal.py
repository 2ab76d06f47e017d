"""The most labels that quotas allow, and the least time that so many labels take: what efficiency is measured against.

Each limit is a bucket that begins full and refills continuously, so an organization gives at most
``min(RPM(1+U)/r, TPM(1+U)/c, RPD(1+H/1440)/r, TPD(1+H/1440)/c)`` labels in H minutes of which it was up for U, where a
label takes ``r`` calls and ``c`` tokens that count. A minute's bucket refills while the server is down as well, so an
outage adds up to one minute to U. Organizations add up; keys of one organization do not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from core.simulator.config import Limits


@dataclass(frozen=True, slots=True)
class Supply:
    """One organization's quota, and what kept it from being used.

    It answers until ``ends_s`` (its last key is revoked), is down from and to the seconds in ``down``, and loses
    ``taken_calls`` and ``taken_tokens`` to other programs within ``taken_over_s``.
    """

    limits: Limits
    ends_s: float = math.inf
    down: tuple[tuple[float, float], ...] = ()
    taken_calls: float = 0.0
    taken_tokens: float = 0.0
    taken_over_s: float = math.inf

    def labels(self, span_s: float, calls: float, tokens: float) -> float:
        """Labels at most within the first ``span_s`` seconds, at so many calls and counted tokens a label."""
        span_s = min(span_s, self.ends_s)
        downs_s = [max(0.0, min(end, span_s) - begin) for begin, end in self.down]
        lost_s = sum(down_s - min(60.0, down_s) for down_s in downs_s)
        minutes_up, days = (span_s - lost_s) / 60.0, span_s / 86_400.0
        share = min(1.0, span_s / self.taken_over_s)
        taken_calls, taken_tokens = self.taken_calls * share, self.taken_tokens * share
        limits = self.limits
        bounds = (
            (limits.rpm, minutes_up, calls, taken_calls),
            (limits.rpd, days, calls, taken_calls),
            (limits.tpm, minutes_up, tokens, taken_tokens),
            (limits.tpd, days, tokens, taken_tokens),
        )
        found = [(limit * (1.0 + periods) - taken) / each for limit, periods, each, taken in bounds if limit]
        return max(0.0, min(found, default=math.inf))


def most_labels(supplies: list[Supply], span_s: float, calls: float, tokens: float) -> float:
    """Labels that all organizations together allow in ``span_s`` seconds."""
    return sum(supply.labels(span_s, calls, tokens) for supply in supplies)


def least_time_s(supplies: list[Supply], labels: float, calls: float, tokens: float) -> float:
    """Seconds in which so many labels can be had at the earliest; infinity if never."""
    low, high = 0.0, 60.0
    while most_labels(supplies, high, calls, tokens) < labels:
        low, high = high, 2.0 * high
        if high > 1e9:
            return math.inf
    for _ in range(60):
        middle = (low + high) / 2.0
        if most_labels(supplies, middle, calls, tokens) < labels:
            low = middle
        else:
            high = middle
    return high
