"""Estimate how many tokens a call will take, from what calls reported.

The prompt's size follows its length in characters: ``tokens = slope * characters + constant``, the constant being what
all calls have in common. Both come from a running weighted least-squares fit that starts from a prior (ridge), forgets
slowly, and pulls outliers in as Huber does. Completions (for each email of a pack) and cached tokens are running
means.
"""

from __future__ import annotations

import json
import math

from core.model import Usage
from core.model.value import value

_PRIOR_SLOPE = 250.0  # tokens for 1,000 characters
_PRIOR_SLOPE_SPREAD = 60.0
_PRIOR_CONSTANT = 150.0
_PRIOR_CONSTANT_SPREAD = 500.0
_PRIOR_ERROR = 0.10
_LEAST_SLOPE, _MOST_SLOPE = 1.0, 4_000.0
_LEAST_ERROR, _MOST_ERROR = 0.01, 0.5
_FORGETTING = 0.998
_OUTLIER = 2.5
_FIRST_CALLS = 5
_RUNNING = 0.03
_SPREADS = 3.0
_SPREAD_OF_MEAN_DEVIATION = 1.2533


@value(frozen=True, slots=True)
class Estimate:
    """Hold tokens that one call is expected to take.

    ``reserved`` is what the server sets aside: the prompt and all of ``max_completion_tokens``. It may turn out larger
    by ``margin``, and hardly smaller than ``least``. ``cost`` is what will count in the end, without what is cached;
    ``completion`` is the answer's part of it.
    """

    prompt: float
    reserved: float
    margin: float
    least: float
    cost: float
    completion: float


class Estimator:
    """Learn one model's token counts for one task."""

    __slots__ = (
        "_cached",
        "_completion",
        "_constant",
        "_error",
        "_seen",
        "_slope",
        "_w",
        "_wx",
        "_wxx",
        "_wxy",
        "_wy",
        "max_completion_tokens",
    )

    def __init__(self, max_completion_tokens: int) -> None:
        """Begin with a quarter of a token a character, and doubt."""
        self.max_completion_tokens = max_completion_tokens
        self._slope, self._constant = _PRIOR_SLOPE, _PRIOR_CONSTANT
        self._w = self._wx = self._wxx = self._wy = self._wxy = 0.0
        self._error = _PRIOR_ERROR
        self._completion = 0.5 * max_completion_tokens
        self._cached = 0.0
        self._seen = 0

    @property
    def seen(self) -> int:
        """Return how many calls were learned from."""
        return self._seen

    @property
    def completion(self) -> float:
        """Return tokens that the completion about one email takes on average."""
        return self._completion

    def of(self, prompt_chars: int, texts: int = 1, most_completion: int | None = None) -> Estimate:
        """Return what a call with so many characters in its messages is expected to take.

        ``texts`` emails share it, and ``most_completion`` is its own ``max_completion_tokens``, where it has one.
        """
        most = self.max_completion_tokens if most_completion is None else most_completion
        x = prompt_chars / 1000.0
        prompt = self._predicted(x)
        a, b, c = self._normal()
        doubt = math.sqrt(max(0.0, (c * x * x - 2.0 * b * x + a) / (a * c - b * b)))
        margin = _SPREADS * (self._error * prompt + min(doubt, 0.2 * prompt))
        fresh = max(0.0, prompt - self._cached)
        return Estimate(
            prompt=prompt,
            reserved=prompt + most,
            margin=margin,
            least=max(1.0, fresh - margin) + most,
            cost=fresh + texts * self._completion,
            completion=texts * self._completion,
        )

    def learn(self, prompt_chars: int, usage: Usage, texts: int = 1) -> None:
        """Take in what a call about so many emails reported. A report of no prompt tokens is left out."""
        if usage.prompt_tokens <= 0:
            return
        x = prompt_chars / 1000.0
        predicted = self._predicted(x)
        residual = abs(usage.prompt_tokens - predicted)
        spread = max(self._error * predicted * _SPREAD_OF_MEAN_DEVIATION, 1.0)
        trusted = 1.0
        if self._seen >= _FIRST_CALLS and residual > _OUTLIER * spread:
            trusted = _OUTLIER * spread / residual
        self._fit(x, usage.prompt_tokens, trusted / (spread * spread))
        gain = max(_RUNNING, 1.0 / (self._seen + 4.0))
        deviation = min(residual / predicted, 4.0 * self._error + 0.02)
        self._error += gain * (deviation - self._error)
        self._error = min(max(self._error, _LEAST_ERROR), _MOST_ERROR)
        self._completion += gain * (usage.completion_tokens / texts - self._completion)
        # A count, not a share of the prompt: what is cached is the rubric before the email, however long that is.
        self._cached += gain * (min(max(0, usage.cached_tokens), usage.prompt_tokens) - self._cached)
        self._seen += 1

    def state(self, typical_chars: float | None = None) -> str:
        """Return what was learned, as JSON, for ``quota.db``; with the reservation of a typical call, for display."""
        sums = [self._w, self._wx, self._wxx, self._wy, self._wxy]
        return json.dumps(
            {
                "sums": sums,
                "error": self._error,
                "completion": self._completion,
                "cached": self._cached,
                "seen": self._seen,
                "typical": self.of(round(typical_chars)).reserved if typical_chars else None,
            }
        )

    def recall(self, state: str) -> bool:
        """Go on from what was learned before. False, and no change, where the state is not usable."""
        try:
            kept = json.loads(state)
            sums = [float(each) for each in kept["sums"]]
            error, completion, cached = (float(kept[each]) for each in ("error", "completion", "cached"))
            seen = int(kept["seen"])
        except (ValueError, KeyError, TypeError):
            return False
        numbers = (*sums, error, completion, cached)
        if len(sums) != len(("w", "wx", "wxx", "wy", "wxy")) or seen < 0:
            return False
        if not all(math.isfinite(each) and each >= 0 for each in numbers):
            return False
        self._w, self._wx, self._wxx, self._wy, self._wxy = sums
        self._error = min(max(error, _LEAST_ERROR), _MOST_ERROR)
        self._completion, self._cached, self._seen = completion, cached, seen
        self._solve()
        return True

    def _predicted(self, x: float) -> float:
        return max(1.0, self._slope * x + self._constant)

    def _fit(self, x: float, tokens: float, weight: float) -> None:
        self._w = _FORGETTING * self._w + weight
        self._wx = _FORGETTING * self._wx + weight * x
        self._wxx = _FORGETTING * self._wxx + weight * x * x
        self._wy = _FORGETTING * self._wy + weight * tokens
        self._wxy = _FORGETTING * self._wxy + weight * x * tokens
        self._solve()

    def _normal(self) -> tuple[float, float, float]:
        """Return the matrix ((a, b), (b, c)) of the normal equations; the prior keeps it invertible."""
        return self._wxx + _PRIOR_SLOPE_SPREAD**-2, self._wx, self._w + _PRIOR_CONSTANT_SPREAD**-2

    def _solve(self) -> None:
        a, b, c = self._normal()
        right_s = self._wxy + _PRIOR_SLOPE * _PRIOR_SLOPE_SPREAD**-2
        right_c = self._wy + _PRIOR_CONSTANT * _PRIOR_CONSTANT_SPREAD**-2
        slope = (c * right_s - b * right_c) / (a * c - b * b)
        self._slope = min(max(slope, _LEAST_SLOPE), _MOST_SLOPE)
        self._constant = (right_c - b * self._slope) / c
