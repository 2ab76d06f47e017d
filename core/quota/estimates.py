"""How many tokens a call will take, learnt from what calls reported.

The prompt's size follows its length in characters: ``tokens = slope * characters + constant``, the constant being the
chat's overhead. Both are learnt by recursive least squares (weighted, with slow forgetting), with outliers pulled in
as Huber does. Completions and cached tokens are running means. All of it takes microseconds and fits a row.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

from core.model import Usage

_PRIOR_SLOPE = 250.0  # tokens for 1,000 characters
_PRIOR_SLOPE_SPREAD = 60.0
_PRIOR_CONSTANT = 20.0
_PRIOR_CONSTANT_SPREAD = 60.0
_PRIOR_ERROR = 0.10
_LEAST_ERROR = 0.01
_MOST_ERROR = 0.5
_FORGETTING = 0.998
_OUTLIER = 2.5
_RUNNING = 0.03
_SPREADS = 3.0
_SPREAD_OF_MEAN_DEVIATION = 1.2533


@dataclass(frozen=True, slots=True)
class Estimate:
    """Tokens that one call is expected to take.

    ``reserved`` is what the server sets aside: the prompt and all of ``max_completion_tokens``. It may turn out larger
    by ``margin``, and hardly smaller than ``least``. ``cost`` is what will count in the end.
    """

    prompt: float
    reserved: float
    margin: float
    least: float
    cost: float


class Estimator:
    """Learns one model's token counts for one task."""

    __slots__ = ("_cached", "_completion", "_constant", "_error", "_p", "_seen", "_slope", "max_completion_tokens")

    def __init__(self, max_completion_tokens: int) -> None:
        """Begin with a quarter of a token a character, and doubt."""
        self.max_completion_tokens = max_completion_tokens
        self._slope, self._constant = _PRIOR_SLOPE, _PRIOR_CONSTANT
        self._p = (_PRIOR_SLOPE_SPREAD**2, 0.0, _PRIOR_CONSTANT_SPREAD**2)
        self._error = _PRIOR_ERROR
        self._completion = 0.5 * max_completion_tokens
        self._cached = 0.0
        self._seen = 0

    @property
    def seen(self) -> int:
        """How many calls it has learnt from."""
        return self._seen

    @property
    def completion(self) -> float:
        """Tokens that a completion takes on average."""
        return self._completion

    def of(self, prompt_chars: int) -> Estimate:
        """What a call with so many characters in its messages is expected to take."""
        x = prompt_chars / 1000.0
        prompt = max(1.0, self._slope * x + self._constant)
        p_ss, p_sc, p_cc = self._p
        doubt = math.sqrt(max(0.0, p_ss * x * x + 2.0 * p_sc * x + p_cc)) if self._seen < 200 else 0.0
        spread = self._error * prompt + min(doubt, 0.2 * prompt)
        margin = _SPREADS * spread
        return Estimate(
            prompt=prompt,
            reserved=prompt + self.max_completion_tokens,
            margin=margin,
            least=max(1.0, prompt - margin) + self.max_completion_tokens,
            cost=prompt * (1.0 - self._cached) + self._completion,
        )

    def learn(self, prompt_chars: int, usage: Usage) -> None:
        """Take in what a call reported. A report of no prompt tokens says nothing and is left out."""
        if usage.prompt_tokens <= 0:
            return
        x = prompt_chars / 1000.0
        predicted = max(1.0, self._slope * x + self._constant)
        residual = usage.prompt_tokens - predicted
        spread = max(self._error * predicted * _SPREAD_OF_MEAN_DEVIATION, 1.0)
        weight = 1.0
        if self._seen >= 5 and abs(residual) > _OUTLIER * spread:
            weight = _OUTLIER * spread / abs(residual)
        self._update(x, residual, spread * spread / weight)
        gain = max(_RUNNING, 1.0 / (self._seen + 4.0))
        deviation = min(abs(residual) / predicted, 4.0 * self._error + 0.02)
        self._error += gain * (deviation - self._error)
        self._error = min(max(self._error, _LEAST_ERROR), _MOST_ERROR)
        self._completion += gain * (usage.completion_tokens - self._completion)
        share = min(1.0, max(0.0, usage.cached_tokens / usage.prompt_tokens))
        self._cached += gain * (share - self._cached)
        self._seen += 1

    def state(self, typical_chars: float | None = None) -> str:
        """What was learnt, as JSON, for ``quota.db``; with the reservation of a typical call, for display."""
        typical = self.of(round(typical_chars)).reserved if typical_chars else None
        return json.dumps(
            {
                "slope": self._slope,
                "constant": self._constant,
                "p": self._p,
                "error": self._error,
                "completion": self._completion,
                "cached": self._cached,
                "seen": self._seen,
                "typical": typical,
            }
        )

    def recall(self, state: str) -> bool:
        """Go on from what was learnt before. False, and no change, where the state is not usable."""
        try:
            kept = json.loads(state)
            numbers = [float(kept[each]) for each in ("slope", "constant", "error", "completion", "cached")]
            p = tuple(float(each) for each in kept["p"])
            seen = int(kept["seen"])
        except (ValueError, KeyError, TypeError):
            return False
        if not all(math.isfinite(each) for each in (*numbers, *p)) or len(p) != 3 or numbers[0] <= 0 or seen < 0:
            return False
        self._slope, self._constant, self._error, self._completion, self._cached = numbers
        self._error = min(max(self._error, _LEAST_ERROR), _MOST_ERROR)
        self._cached = min(max(self._cached, 0.0), 1.0)
        self._p = (p[0], p[1], p[2])
        self._seen = seen
        return True

    def _update(self, x: float, residual: float, noise: float) -> None:
        p_ss, p_sc, p_cc = self._p
        gain_s, gain_c = p_ss * x + p_sc, p_sc * x + p_cc
        innovation = gain_s * x + gain_c + noise
        k_s, k_c = gain_s / innovation, gain_c / innovation
        self._slope = max(1.0, self._slope + k_s * residual)
        self._constant += k_c * residual
        self._p = (
            min((p_ss - k_s * gain_s) / _FORGETTING, _PRIOR_SLOPE_SPREAD**2),
            (p_sc - k_s * gain_c) / _FORGETTING,
            min((p_cc - k_c * gain_c) / _FORGETTING, _PRIOR_CONSTANT_SPREAD**2),
        )
