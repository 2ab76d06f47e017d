"""When the run will end, as its worker sees it: what is left to ask, what a call takes, what the quotas let through."""

from __future__ import annotations

import math

from core.model import Forecast, Outcome
from core.quota.forecast.forecast import Load, capacities, forecast
from core.quota.pacing.broker import Broker
from core.storage.file.rows import BAD_ANSWERS
from core.storage.writing.store import Store

RECOUNT_EVERY = 200
"""Settled emails after which the texts that are left are counted anew; in between their share is taken to stay."""

_PRIOR_CALLS = 30.0
_PRIOR_FACTOR = 1.03
_SPREAD_OF_TEXTS = 0.8
_UNMODELED = 0.02
_EARLY_DOUBT = 0.15
_EARLY_CALLS = 60


class Eta:
    """Answers with a forecast whenever it is called. ``fixed_chars`` are the characters that every question shares."""

    def __init__(self, store: Store, broker: Broker, *, fixed_chars: int) -> None:
        self._store = store
        self._broker = broker
        self._fixed_chars = fixed_chars
        self._counted_at = -1
        self._share = 1.0
        self._mean_chars = 0.0

    def __call__(self) -> Forecast | None:
        """The forecast at this moment, or None where nothing is left."""
        pending = self._store.pending_count
        if pending == 0:
            return None
        if self._counted_at < 0 or self._counted_at - pending >= RECOUNT_EVERY or pending > self._counted_at:
            texts, self._mean_chars = self._store.pending_texts()
            self._share, self._counted_at = texts / pending, pending
        outcomes = self._store.outcomes()
        load = self._load(pending * self._share, outcomes)
        ways = capacities(self._broker.statuses(), self._broker.windows(), speeds=self._broker.speeds())
        return forecast(load, ways)

    def _load(self, texts: float, outcomes: dict[str, int]) -> Load:
        answered = outcomes.get(Outcome.ANSWERED.value, 0)
        unusable = sum(outcomes.get(name, 0) for name in BAD_ANSWERS)
        seen = answered + unusable
        factor = (seen + _PRIOR_CALLS * _PRIOR_FACTOR) / (answered + _PRIOR_CALLS)
        calls = texts * factor
        tokens = self._broker.estimator.of(round(self._fixed_chars + self._mean_chars)).cost
        chance = 1.96 * _SPREAD_OF_TEXTS / math.sqrt(max(calls, 1.0))
        again = 1.96 * math.sqrt(max(factor - 1.0, 0.01) / (seen + _PRIOR_CALLS))
        early = _EARLY_DOUBT if seen < _EARLY_CALLS else 0.0
        return Load(calls, tokens, min(0.5, chance + again + early + _UNMODELED))
